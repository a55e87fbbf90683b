//! Is a branch passing? The last concluded state of the checks that count, by repository and branch.
//!
//! Made by `world` when an expression first asks. Running, cancelled and skipped builds never reach it.

use super::world::World;
use crate::signal::{BuildState, Fact, Kind, UnknownReason};
use std::collections::{BTreeMap, BTreeSet};

/// What every watched branch says.
#[derive(Debug)]
pub(super) struct Ci {
    feed: Result<(), UnknownReason>,
    /// By lower-case repository and branch.
    branches: BTreeMap<(String, String), Branch>,
    /// Watched repositories, as the roster writes them.
    watched: Vec<String>,
    /// The checks that count; all that were seen when empty.
    blocking: Vec<String>,
}

#[derive(Debug, Default)]
struct Branch {
    repository: String,
    failed: BTreeSet<String>,
    passed: BTreeSet<String>,
    /// Passed on a commit that the branch has never had.
    foreign: BTreeSet<String>,
}

impl Ci {
    pub(super) fn of(world: &World<'_>) -> Ci {
        let watches = &world.duty.watches;
        let mut branches: BTreeMap<(String, String), Branch> = BTreeMap::new();
        for (_, state) in world.snapshot.of_kind(&Kind::Builds) {
            let Fact::Build(newest) = &state.fact else { continue };
            let build = state.concluded.as_ref().unwrap_or(newest);
            let (Some(name), true) = (&build.branch, watches.counts(&build.name)) else { continue };
            let entry = branches.entry((build.repository.to_lowercase(), name.clone())).or_default();
            entry.repository.clone_from(&build.repository);
            match state.concluded.as_ref().map(|build| build.state) {
                Some(BuildState::Failed) => drop(entry.failed.insert(build.name.clone())),
                // A failure may be anybody's, but only a commit of this branch can make it green.
                Some(BuildState::Passed) if world.snapshot.heads().any(|head| head.is_foreign(build)) => {
                    entry.foreign.insert(build.name.clone());
                }
                Some(BuildState::Passed) => drop(entry.passed.insert(build.name.clone())),
                _ => {}
            }
        }
        Ci {
            feed: world.readable(&Kind::Builds),
            branches,
            watched: watches.repositories.clone(),
            blocking: watches.blocking_checks.iter().filter(|name| watches.counts(name)).cloned().collect(),
        }
    }

    /// `passing` or `failing`, or why nobody can say.
    pub(super) fn branch(&self, branch: &str, repository: Option<&str>) -> Result<&'static str, UnknownReason> {
        self.feed.clone()?;
        let missing = |what: String| Err(UnknownReason::Missing { what });
        let repository = match repository {
            Some(repository) => repository.to_lowercase(),
            None => match self.only_repository(branch) {
                Ok(repository) => repository,
                Err(several) => {
                    let example = several.first().map_or("owner/name", String::as_str);
                    return missing(format!(
                        "several repositories have {branch} ({}): name one, for example \
                         ci.branch(\"{branch}\", \"{example}\")",
                        several.join(", ")
                    ));
                }
            },
        };
        let nothing = || missing(format!("nothing concluded on {branch} yet"));
        let Some(found) = self.branches.get(&(repository, branch.to_owned())) else { return nothing() };
        if !found.failed.is_empty() {
            return Ok("failing");
        }
        if let Some(check) = found.foreign.first() {
            return missing(format!("{check} last passed on a commit that is not in the history of {branch}"));
        }
        if let Some(silent) = self.blocking.iter().find(|name| !found.passed.contains(*name)) {
            return missing(format!("{silent} has not concluded on {branch} yet"));
        }
        if found.passed.is_empty() { nothing() } else { Ok("passing") }
    }

    /// The lower-case name of the one repository that can be meant, or all that could be.
    fn only_repository(&self, branch: &str) -> Result<String, Vec<String>> {
        let candidates: Vec<String> = if self.watched.is_empty() {
            let of_branch = self.branches.iter().filter(|((_, name), _)| name == branch);
            of_branch.map(|(_, found)| found.repository.clone()).collect()
        } else {
            self.watched.clone()
        };
        match candidates.as_slice() {
            [] => Ok(String::new()),
            [only] => Ok(only.to_lowercase()),
            _ => Err(candidates),
        }
    }
}
