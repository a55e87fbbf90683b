//! Commits that may have brought a cause, and what ran where it showed, read off what the sources told.

use crate::app::Look;
use jiff::Timestamp;
use onduty_core::flaky::Flaky;
use onduty_core::ids::Environment;
use onduty_core::process::Work;
use onduty_core::signal::{Build, Commit, ErrorGroup, Kind, RolloutFact, RolloutState, SignalState};

/// The revisions that may have run where `error` happened, the likeliest first.
pub(super) fn ran(look: &Look, error: &ErrorGroup) -> Vec<String> {
    let arrived = arrived(look, &error.environment).pop().map(|rollout| rollout.revision);
    arrived.into_iter().chain(error.release.clone()).collect()
}

/// The newest rollout that arrived where this duty rolls out to.
pub(super) fn last_rollout(look: &Look) -> Option<RolloutFact> {
    let process = &look.instance.process(&look.duty.id)?.process;
    let environment = process.steps.iter().rev().find_map(|step| match &step.work {
        Work::Rollout(environment) => Some(environment),
        _ => None,
    });
    arrived(look, environment?).pop()
}

/// The rollout of that id.
pub(super) fn rollout(look: &Look, id: &str) -> Option<RolloutFact> {
    look.snapshot.rollouts().into_iter().find(|rollout| rollout.id == id).cloned()
}

/// Where `rollout` went, and the commits after the one that had arrived there before `since`, newest first; `None` where they
/// are not known.
pub(super) fn brought(look: &Look, rollout: RolloutFact, since: Timestamp) -> Option<(Environment, Vec<Commit>)> {
    let earlier = arrived(look, &rollout.environment);
    let is_earlier = |other: &&RolloutFact| other.started_at < since && other.revision != rollout.revision;
    let before = earlier.iter().rfind(is_earlier)?;
    let mut heads = look.snapshot.heads().filter(|head| head.branch == look.duty.watches.rollout_branch());
    let commits = heads.find_map(|head| between(&head.commits, &before.revision, &rollout.revision))?;
    Some((rollout.environment, commits))
}

/// The rollouts that arrived in `environment`, oldest first.
fn arrived(look: &Look, environment: &Environment) -> Vec<RolloutFact> {
    let rollouts = look.snapshot.rollouts().into_iter();
    let arrived =
        |rollout: &&RolloutFact| rollout.environment == *environment && rollout.state == RolloutState::Succeeded;
    rollouts.filter(arrived).cloned().collect()
}

/// What the past of the check of `failing` says.
pub(super) fn flaky(look: &Look, failing: &Build) -> Option<Flaky> {
    let state = look.snapshot.of_kind(&Kind::Builds).find(|(_, state)| is_of_check(state, failing));
    state.and_then(|(_, state)| Flaky::of(&state.reds, &failing.revision))
}

/// The commits after the last green build of the same check, up to the one that failed; none before both are known.
///
/// # Errors
/// The green revision, where the commits that led to the red one are known and it is not among them.
pub(super) fn since_green(look: &Look, failing: &Build) -> Result<Vec<Commit>, String> {
    let mut states = look.snapshot.of_kind(&Kind::Builds).filter(|(_, state)| is_of_check(state, failing));
    let Some(green) = states.find_map(|(_, state)| state.last_passed.as_ref()) else { return Ok(Vec::new()) };
    let head = look.snapshot.heads().find(|head| {
        Some(head.branch.as_str()) == failing.branch.as_deref()
            && head.repository.eq_ignore_ascii_case(&failing.repository)
    });
    let Some(head) = head else { return Ok(Vec::new()) };
    match between(&head.commits, &green.revision, &failing.revision) {
        Some(commits) => Ok(commits),
        None if head.commits.iter().any(|commit| commit.revision == failing.revision) => Err(green.revision.clone()),
        None => Ok(Vec::new()),
    }
}

fn is_of_check(state: &SignalState, failing: &Build) -> bool {
    state.concluded.as_ref().is_some_and(|build| {
        build.name == failing.name && build.branch == failing.branch && build.repository == failing.repository
    })
}

/// Those of `commits`, newest first, that came after the revision `before` up to the revision `last`.
fn between(commits: &[Commit], before: &str, last: &str) -> Option<Vec<Commit>> {
    let place = |revision: &str| commits.iter().position(|commit| commit.revision == revision);
    commits.get(place(last)?..place(before)?).map(<[Commit]>::to_vec)
}
