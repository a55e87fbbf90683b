//! What the code host remembers.
//!
//! Changed by the acts in `github`, read by `wire` and by the pages. Never delivers anything.

use super::things::{CheckView, Conclusion, DeploymentState, PushedCommit};
use crate::random::Random;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// How many finished suites a branch keeps; a demo may run for days.
const SUITES_KEPT: usize = 200;
/// How many commits a branch keeps.
const COMMITS_KEPT: usize = 200;

#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub id: u64,
    pub name: String,
    pub attempt: u32,
    pub started_at: Timestamp,
    pub ended: Option<(Timestamp, Conclusion)>,
}

/// The checks of one push: one suite, one workflow run.
#[derive(Debug, Clone)]
pub(crate) struct Suite {
    pub id: u64,
    pub run: u64,
    pub run_number: u64,
    pub attempt: u32,
    pub branch: String,
    pub before: String,
    pub revision: String,
    pub created_at: Timestamp,
    pub attempt_started_at: Timestamp,
    pub updated_at: Timestamp,
    pub conclusion: Option<Conclusion>,
    pub checks: Vec<Check>,
}

impl Suite {
    /// The newest run of each check.
    fn newest(&self) -> BTreeMap<&str, &Check> {
        self.checks.iter().map(|check| (check.name.as_str(), check)).collect()
    }

    fn judge(&self) -> Option<Conclusion> {
        let newest = self.newest();
        let ends: Option<Vec<Conclusion>> = newest.values().map(|check| check.ended.map(|(_, how)| how)).collect();
        let ends = ends?;
        let worst = [Conclusion::Failure, Conclusion::TimedOut, Conclusion::ActionRequired, Conclusion::Cancelled];
        Some(worst.into_iter().find(|bad| ends.contains(bad)).unwrap_or(Conclusion::Success))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub id: u64,
    pub environment: String,
    pub revision: String,
    pub by: String,
    pub state: DeploymentState,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct BranchState {
    pub commits: Vec<PushedCommit>,
    pub before: String,
}

#[derive(Debug, Clone)]
pub(crate) struct RepositoryState {
    pub id: u64,
    pub full_name: String,
    pub branches: BTreeMap<String, BranchState>,
    pub suites: Vec<Suite>,
    pub deployments: Vec<Deployment>,
}

impl RepositoryState {
    pub(crate) fn commit(&self, revision: &str) -> Option<&PushedCommit> {
        self.branches.values().flat_map(|branch| &branch.commits).find(|commit| commit.revision == revision)
    }

    pub(crate) fn check(&self, id: u64) -> Option<(&Suite, &Check)> {
        let all = self.suites.iter().flat_map(|suite| suite.checks.iter().map(move |check| (suite, check)));
        all.into_iter().find(|(_, check)| check.id == id)
    }
}

/// The number of the account called `login`; it follows from the name.
pub(crate) fn account_number(login: &str) -> u64 {
    number_of(login) % 90_000_000 + 1_000_000
}

/// What changed when a check ended.
pub(crate) struct Ended {
    pub check: u64,
    pub suite: u64,
    pub suite_ended: bool,
}

#[derive(Debug)]
pub(crate) struct GithubState {
    pub home: String,
    pub workflow: Option<String>,
    seed: u64,
    last_id: u64,
    runs: u64,
    repositories: BTreeMap<String, RepositoryState>,
}

impl GithubState {
    pub fn new(seed: u64, home: String, workflow: Option<String>) -> GithubState {
        GithubState { home, workflow, seed, last_id: 24_150_000, runs: 4_200, repositories: BTreeMap::new() }
    }

    pub fn next_id(&mut self) -> u64 {
        self.last_id += 7;
        self.last_id
    }

    pub fn ensure_repository(&mut self, full_name: &str) {
        self.repositories.entry(full_name.to_owned()).or_insert_with(|| RepositoryState {
            id: number_of(full_name) % 900_000_000,
            full_name: full_name.to_owned(),
            branches: BTreeMap::new(),
            suites: Vec::new(),
            deployments: Vec::new(),
        });
    }

    pub fn repository(&self, full_name: &str) -> Option<&RepositoryState> {
        self.repositories.get(full_name)
    }

    pub fn ensure_branch(&mut self, repository: &str, branch: &str) {
        self.ensure_repository(repository);
        let seed = self.seed ^ number_of(&format!("{repository} {branch}"));
        if let Some(known) = self.repositories.get_mut(repository) {
            known.branches.entry(branch.to_owned()).or_insert_with(|| {
                let first = PushedCommit::invented(&mut Random::new(seed), "Initial commit", Timestamp::UNIX_EPOCH);
                BranchState { commits: vec![first], before: "0".repeat(40) }
            });
        }
    }

    /// The newest commit of a branch.
    pub fn head(&self, repository: &str, branch: &str) -> String {
        let known = self.repositories.get(repository).and_then(|known| known.branches.get(branch));
        known.and_then(|branch| branch.commits.last()).map(|commit| commit.revision.clone()).unwrap_or_default()
    }

    pub fn push(&mut self, repository: &str, branch: &str, commits: Vec<PushedCommit>) {
        self.ensure_branch(repository, branch);
        let before = self.head(repository, branch);
        if let Some(known) = self.repositories.get_mut(repository).and_then(|known| known.branches.get_mut(branch)) {
            known.before = before;
            known.commits.extend(commits);
            let old = known.commits.len().saturating_sub(COMMITS_KEPT);
            known.commits.drain(..old);
        }
    }

    pub fn is_running(&self, repository: &str, branch: &str, revision: &str, check: &str) -> bool {
        self.suite(repository, branch, revision)
            .and_then(|suite| suite.newest().get(check).map(|check| check.ended.is_none()))
            .unwrap_or(false)
    }

    /// Names of the checks whose newest run did not pass.
    pub fn not_passed(&self, repository: &str, branch: &str, revision: &str) -> Vec<String> {
        let Some(suite) = self.suite(repository, branch, revision) else { return Vec::new() };
        let newest = suite.newest().into_values();
        let red = newest.filter(|check| !matches!(check.ended, Some((_, Conclusion::Success))));
        red.map(|check| check.name.clone()).collect()
    }

    /// Starts a new run of a check and gives its id.
    pub fn start_check(&mut self, repository: &str, branch: &str, revision: &str, check: &str, now: Timestamp) -> u64 {
        self.ensure_branch(repository, branch);
        if self.suite(repository, branch, revision).is_none() {
            self.add_suite(repository, branch, revision, now);
        }
        let id = self.next_id();
        if let Some(suite) = self.suite_mut(repository, branch, revision) {
            if suite.conclusion.take().is_some() {
                suite.attempt += 1;
                suite.attempt_started_at = now;
            }
            suite.updated_at = now;
            let attempt = suite.newest().get(check).map_or(1, |old| old.attempt + 1);
            suite.checks.push(Check { id, name: check.to_owned(), attempt, started_at: now, ended: None });
        }
        id
    }

    /// Ends the newest run of a check; `None` when there is none.
    pub fn end_check(
        &mut self,
        repository: &str,
        branch: &str,
        revision: &str,
        check: &str,
        how: Conclusion,
        now: Timestamp,
    ) -> Option<Ended> {
        let suite = self.suite_mut(repository, branch, revision)?;
        let run = suite.checks.iter_mut().rev().find(|run| run.name == check)?;
        run.ended = Some((now, how));
        let id = run.id;
        suite.updated_at = now;
        suite.conclusion = suite.judge();
        Some(Ended { check: id, suite: suite.id, suite_ended: suite.conclusion.is_some() })
    }

    pub fn add_deployment(
        &mut self,
        repository: &str,
        environment: &str,
        revision: &str,
        by: &str,
        now: Timestamp,
    ) -> u64 {
        self.ensure_repository(repository);
        let id = self.next_id();
        if let Some(known) = self.repositories.get_mut(repository) {
            known.deployments.push(Deployment {
                id,
                environment: environment.to_owned(),
                revision: revision.to_owned(),
                by: by.to_owned(),
                state: DeploymentState::InProgress,
                created_at: now,
                updated_at: now,
            });
        }
        id
    }

    /// Whether there is such a deployment.
    pub fn set_deployment(&mut self, repository: &str, id: u64, state: DeploymentState, now: Timestamp) -> bool {
        let deployments = self.repositories.get_mut(repository).map(|known| &mut known.deployments);
        let found = deployments.and_then(|all| all.iter_mut().find(|deployment| deployment.id == id));
        found.map(|deployment| (deployment.state, deployment.updated_at) = (state, now)).is_some()
    }

    pub fn check_view(&self, id: u64) -> Option<CheckView> {
        self.repositories.values().find_map(|repository| {
            let (suite, check) = repository.check(id)?;
            Some(CheckView {
                repository: repository.full_name.clone(),
                branch: suite.branch.clone(),
                revision: suite.revision.clone(),
                name: check.name.clone(),
                attempt: check.attempt,
                started_at: check.started_at,
                ended: check.ended,
            })
        })
    }

    /// A commit and its repository, by revision.
    pub fn commit(&self, revision: &str) -> Option<(&str, &PushedCommit)> {
        let mut all = self.repositories.values();
        all.find_map(|known| known.commit(revision).map(|commit| (known.full_name.as_str(), commit)))
    }

    /// A deployment and its repository, by id.
    pub fn deployment(&self, id: u64) -> Option<(&str, &Deployment)> {
        let mut all = self
            .repositories
            .values()
            .flat_map(|known| known.deployments.iter().map(move |deployment| (known.full_name.as_str(), deployment)));
        all.find(|(_, deployment)| deployment.id == id)
    }

    fn suite(&self, repository: &str, branch: &str, revision: &str) -> Option<&Suite> {
        let suites = &self.repositories.get(repository)?.suites;
        suites.iter().rev().find(|suite| suite.branch == branch && suite.revision == revision)
    }

    fn suite_mut(&mut self, repository: &str, branch: &str, revision: &str) -> Option<&mut Suite> {
        let suites = &mut self.repositories.get_mut(repository)?.suites;
        suites.iter_mut().rev().find(|suite| suite.branch == branch && suite.revision == revision)
    }

    fn add_suite(&mut self, repository: &str, branch: &str, revision: &str, now: Timestamp) {
        let (id, run) = (self.next_id(), self.next_id());
        self.runs += 1;
        let run_number = self.runs;
        let Some(known) = self.repositories.get_mut(repository) else { return };
        let before = known.branches.get(branch).map(|branch| branch.before.clone()).unwrap_or_default();
        known.suites.push(Suite {
            id,
            run,
            run_number,
            attempt: 1,
            branch: branch.to_owned(),
            before,
            revision: revision.to_owned(),
            created_at: now,
            attempt_started_at: now,
            updated_at: now,
            conclusion: None,
            checks: Vec::new(),
        });
        let old = known.suites.len().saturating_sub(SUITES_KEPT);
        known.suites.drain(..old);
    }
}

/// A number that follows from a name.
fn number_of(name: &str) -> u64 {
    Sha256::digest(name).iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
