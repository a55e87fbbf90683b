//! What would go out.

use crate::gate::{self, Candidate};
use crate::ids::Environment;
use crate::roster::Duty;
use crate::signal::{
    BranchHead, Build, BuildState, Fact, Feed, Kind, RolloutState, SignalState, Snapshot, UnknownReason,
};

/// The newest revision of the watched branch on which no blocking check is still running or failed; the head of the
/// branch where builds are declared absent.
///
/// # Errors
/// Why it cannot be said: no builds and no commits known, or nothing green.
pub fn candidate(duty: &Duty, environment: &Environment, snapshot: &Snapshot) -> Result<Candidate, UnknownReason> {
    let head = head_of(duty, snapshot);
    let revision = match snapshot.feed(&Kind::Builds) {
        Feed::Off => head.map(|head| head.revision.clone()).ok_or_else(|| missing_commits(snapshot)),
        Feed::Known { .. } => green_revision(duty, snapshot, head),
        Feed::Unknown { reason } => Err(reason),
    }?;
    let mut rollouts = snapshot.rollouts();
    rollouts.retain(|rollout| rollout.environment == *environment);
    let deployed = rollouts.iter().rfind(|rollout| rollout.state == RolloutState::Succeeded);
    let deployed = deployed.map(|rollout| rollout.revision.clone());
    let attempts: Vec<&str> = rollouts.iter().map(|rollout| rollout.id.as_str()).collect();
    Ok(Candidate {
        commits: commits_between(head, deployed.as_deref(), &revision),
        revision,
        deployed,
        attempts: gate::hash_of(&attempts),
    })
}

fn head_of<'a>(duty: &Duty, snapshot: &'a Snapshot) -> Option<&'a BranchHead> {
    let watches = &duty.watches;
    let mut heads = snapshot.heads().filter(|head| head.branch == watches.rollout_branch());
    match watches.repositories.first() {
        Some(repository) => heads.find(|head| head.repository.eq_ignore_ascii_case(repository)),
        None => heads.next(),
    }
}

fn missing_commits(snapshot: &Snapshot) -> UnknownReason {
    match snapshot.feed(&Kind::Commits) {
        Feed::Unknown { reason } => reason,
        _ => UnknownReason::Missing { what: "no commit of the branch that is rolled out is known".to_owned() },
    }
}

fn green_revision(duty: &Duty, snapshot: &Snapshot, head: Option<&BranchHead>) -> Result<String, UnknownReason> {
    let watches = &duty.watches;
    let tracks: Vec<&SignalState> = snapshot
        .of_kind(&Kind::Builds)
        .map(|(_, state)| state)
        .filter(|state| match &state.fact {
            Fact::Build(build) => {
                build.branch.as_deref() == Some(watches.rollout_branch())
                    && watches.repositories.first().is_none_or(|name| build.repository.eq_ignore_ascii_case(name))
                    && watches.counts(&build.name)
            }
            _ => false,
        })
        .collect();
    // A revision that a check passed, unless another check's newest word on the same revision is something else.
    let passed = tracks.iter().filter_map(|state| state.last_passed.as_ref());
    let mut passed: Vec<&Build> = passed.filter(|build| !head.is_some_and(|head| head.is_foreign(build))).collect();
    passed.sort_by_key(|build| (order_in(head, &build.revision), std::cmp::Reverse(build.started_at)));
    let green = passed.into_iter().find(|build| {
        tracks.iter().all(|state| match &state.fact {
            Fact::Build(newest) => {
                newest.revision != build.revision || matches!(newest.state, BuildState::Passed | BuildState::Skipped)
            }
            _ => true,
        })
    });
    green.map(|build| build.revision.clone()).ok_or_else(|| UnknownReason::Missing {
        what: format!("no revision of {} has passed all its checks yet", watches.rollout_branch()),
    })
}

/// Position in the history, newest first; revisions outside it come last, by the time of their build.
fn order_in(head: Option<&BranchHead>, revision: &str) -> usize {
    head.and_then(|head| head.commits.iter().position(|commit| commit.revision == revision)).unwrap_or(usize::MAX)
}

fn commits_between(head: Option<&BranchHead>, deployed: Option<&str>, revision: &str) -> Option<Vec<String>> {
    let commits = &head?.commits;
    let from = commits.iter().position(|commit| commit.revision == revision)?;
    let to = commits.iter().position(|commit| Some(commit.revision.as_str()) == deployed)?;
    (from <= to).then(|| commits[from..to].iter().map(|commit| commit.revision.clone()).collect())
}
