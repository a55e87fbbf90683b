//! Check runs, check suites, workflow runs and commit statuses. Called by [`super::decode`].
//!
//! Order between commits comes from GitHub's own clock: when the check suite or workflow run was created, which a
//! re-run keeps. A commit's own date is its author's word and never decides alone.

use super::{commit_id, line, malformed, need, observation, repository, wire, word};
use crate::sources::{Decoded, Ignored, SourceError, web_address};
use jiff::Timestamp;
use onduty_core::owner::output::places_in;
use onduty_core::signal::{Build, BuildState, Fact, Frame, Observation};
use wire::Maybe;

/// Longest name of a check that is kept, in characters.
const MAX_NAME: usize = 200;
/// Longest explanation that is kept, in characters.
const MAX_DETAIL: usize = 300;

pub(super) fn check_run(event: &wire::Event, received: Timestamp) -> Result<Decoded, SourceError> {
    let (owner, repository) = repository(event)?;
    let run = need(&event.check_run, "check_run", "an object")?;
    let no_suite = wire::CheckSuite::default();
    let suite = run.check_suite.as_ref().unwrap_or(&no_suite);
    let pulls = [pulls(&run.pull_requests), pulls(&suite.pull_requests)].concat();
    if let Some(fork) = fork(owner, &suite.head_repository, &pulls) {
        return Ok(Decoded::ignored(Ignored::Fork { fork }));
    }
    let Some(branch) = word(&suite.head_branch) else {
        return Ok(Decoded::ignored(Ignored::NoBranch));
    };
    let state = state(&run.status, &run.conclusion);
    let started = time(&run.started_at);
    let source_time = match run.status.as_deref() {
        Some("completed") => time(&run.completed_at).or(started),
        _ => started,
    };
    let source_time = source_time.or(time(&suite.updated_at)).unwrap_or(received);
    let revision = commit_id(&run.head_sha, "check_run.head_sha")?;
    let output = run.output.as_ref();
    Ok(Decoded::seen(vec![seen(
        "check_run",
        Build {
            branch: Some(branch),
            name: line(&run.name, MAX_NAME).ok_or_else(|| malformed("check_run.name", "the check's name"))?,
            state,
            attempt: 1,
            started_at: time(&suite.created_at).or(started).unwrap_or(source_time),
            finished_at: ended(state).then_some(source_time),
            url: link(&run.html_url).or_else(|| link(&run.details_url)).or_else(|| page_of(owner, &revision)),
            detail: output.and_then(|output| line(&output.title, MAX_DETAIL).or(line(&output.summary, MAX_DETAIL))),
            frames: output.map(failed_at).unwrap_or_default(),
            repository,
            revision,
            unproven_branch: true,
        },
        source_time,
    )]))
}

pub(super) fn check_suite(event: &wire::Event, received: Timestamp) -> Result<Decoded, SourceError> {
    let (owner, repository) = repository(event)?;
    let suite = need(&event.check_suite, "check_suite", "an object")?;
    if let Some(fork) = fork(owner, &suite.head_repository, &pulls(&suite.pull_requests)) {
        return Ok(Decoded::ignored(Ignored::Fork { fork }));
    }
    let Some(branch) = word(&suite.head_branch) else {
        return Ok(Decoded::ignored(Ignored::NoBranch));
    };
    let state = state(&suite.status, &suite.conclusion);
    let source_time = time(&suite.updated_at).or(time(&suite.created_at)).unwrap_or(received);
    let revision = commit_id(&suite.head_sha, "check_suite.head_sha")?;
    let app = suite.app.as_ref().and_then(|app| line(&app.name, MAX_NAME));
    Ok(Decoded::seen(vec![seen(
        "check_suite",
        Build {
            branch: Some(branch),
            name: app.unwrap_or_else(|| "check suite".to_owned()),
            state,
            attempt: 1,
            started_at: time(&suite.created_at).unwrap_or(source_time),
            finished_at: ended(state).then_some(source_time),
            url: page_of(owner, &revision),
            detail: None,
            frames: Vec::new(),
            repository,
            revision,
            unproven_branch: true,
        },
        source_time,
    )]))
}

pub(super) fn workflow_run(event: &wire::Event, received: Timestamp) -> Result<Decoded, SourceError> {
    let (owner, repository) = repository(event)?;
    let run = need(&event.workflow_run, "workflow_run", "an object")?;
    if let Some(fork) = fork(owner, &run.head_repository, &[]) {
        return Ok(Decoded::ignored(Ignored::Fork { fork }));
    }
    // The run of a pull request whose fork is gone names a branch, but nobody can say of which repository.
    let for_pull_request = run.event.as_deref().is_some_and(|event| event.starts_with("pull_request"));
    let Some(branch) = word(&run.head_branch).filter(|_| !for_pull_request || run.head_repository.is_some()) else {
        return Ok(Decoded::ignored(Ignored::NoBranch));
    };
    let state = state(&run.status, &run.conclusion);
    let source_time = time(&run.updated_at).or(time(&run.created_at)).unwrap_or(received);
    let revision = commit_id(&run.head_sha, "workflow_run.head_sha")?;
    let workflow = event.workflow.as_ref().and_then(|workflow| line(&workflow.name, MAX_NAME));
    let name = workflow.or_else(|| line(&run.name, MAX_NAME)).or_else(|| line(&run.path, MAX_NAME));
    Ok(Decoded::seen(vec![seen(
        "workflow_run",
        Build {
            branch: Some(branch),
            name: name.ok_or_else(|| malformed("workflow.name", "the workflow's name"))?,
            state,
            attempt: run.run_attempt.unwrap_or(1).max(1),
            started_at: time(&run.created_at).unwrap_or(source_time),
            finished_at: ended(state).then_some(source_time),
            url: link(&run.html_url).or_else(|| page_of(owner, &revision)),
            detail: None,
            frames: Vec::new(),
            repository,
            revision,
            unproven_branch: false,
        },
        source_time,
    )]))
}

pub(super) fn status(event: &wire::Event, received: Timestamp) -> Result<Decoded, SourceError> {
    let (owner, repository) = repository(event)?;
    let revision = commit_id(&event.sha, "sha")?;
    let name = line(&event.context, MAX_NAME).ok_or_else(|| malformed("context", "the status's name"))?;
    let state = match event.state.as_deref() {
        Some("success") => BuildState::Passed,
        Some("failure" | "error") => BuildState::Failed,
        _ => BuildState::Running,
    };
    let created = time(&event.created_at);
    let source_time = time(&event.updated_at).or(created).unwrap_or(received);
    let committer = event.commit.as_ref().and_then(|commit| commit.commit.as_ref()?.committer.as_ref());
    let committed = committer.and_then(|committer| time(&committer.date));
    let posted = created.unwrap_or(source_time);

    let branches = event.branches.iter().flatten().filter_map(|branch| branch.as_ref());
    let observations: Vec<Observation> = branches
        .filter_map(|branch| Some((word(&branch.name)?, branch.commit.as_ref().and_then(|head| word(&head.sha)))))
        .map(|(branch, head)| {
            // A status has no time that its re-runs share. What is said about the head counts from when it is said;
            // what is said about an older commit counts from that commit, at the latest from now, so that a slow
            // answer does not override the answer about the head.
            let about_head = head.is_none_or(|head| head.eq_ignore_ascii_case(&revision));
            let started_at = if about_head { posted } else { committed.map_or(posted, |at| at.min(posted)) };
            let build = Build {
                repository: repository.clone(),
                branch: Some(branch),
                revision: revision.clone(),
                name: name.clone(),
                state,
                attempt: 1,
                started_at,
                finished_at: ended(state).then_some(source_time),
                url: link(&event.target_url).or_else(|| page_of(owner, &revision)),
                detail: line(&event.description, MAX_DETAIL),
                frames: Vec::new(),
                unproven_branch: false,
            };
            seen("status", build, source_time)
        })
        .collect();
    match observations.is_empty() {
        true => Ok(Decoded::ignored(Ignored::NoBranch)),
        false => Ok(Decoded::seen(observations)),
    }
}

/// Places that the output of a check names.
fn failed_at(output: &wire::Output) -> Vec<Frame> {
    [&output.summary, &output.text].into_iter().filter_map(|text| text.as_deref()).flat_map(places_in).collect()
}

/// State of anything with a status and a conclusion. What GitHub may invent later has not concluded.
fn state(status: &Maybe<String>, conclusion: &Maybe<String>) -> BuildState {
    match (status.as_deref(), conclusion.as_deref()) {
        (Some("queued" | "requested" | "waiting" | "pending"), _) => BuildState::Queued,
        (Some("completed"), Some("success")) => BuildState::Passed,
        (Some("completed"), Some("failure" | "timed_out" | "startup_failure")) => BuildState::Failed,
        (Some("completed"), Some("cancelled")) => BuildState::Cancelled,
        (Some("completed"), Some("neutral" | "skipped" | "stale")) => BuildState::Skipped,
        // `action_required` waits for a person; a completed one without conclusion is seen in real bodies.
        _ => BuildState::Running,
    }
}

fn ended(state: BuildState) -> bool {
    !matches!(state, BuildState::Queued | BuildState::Running)
}

fn time(moment: &Maybe<wire::Moment>) -> Option<Timestamp> {
    moment.map(|moment| moment.0)
}

fn link(address: &Maybe<String>) -> Option<String> {
    address.as_deref().and_then(web_address)
}

/// Where GitHub lists the checks of a commit.
fn page_of(repository: &wire::Repository, revision: &str) -> Option<String> {
    link(&repository.html_url).map(|page| format!("{page}/commit/{revision}/checks"))
}

fn pulls(pulls: &Maybe<Vec<Maybe<wire::PullRequest>>>) -> Vec<&wire::Repository> {
    let pulls = pulls.iter().flatten().filter_map(|pull| pull.as_ref());
    pulls.filter_map(|pull| pull.head.as_ref()?.repo.as_ref()).collect()
}

/// The other repository that this was built for. Its branch may well be called `main`, and it never speaks for ours.
fn fork(owner: &wire::Repository, head: &Maybe<wire::Repository>, pulls: &[&wire::Repository]) -> Option<String> {
    let is_foreign = |other: &wire::Repository| match (*owner.id, *other.id) {
        (Some(own), Some(other)) => own != other,
        _ => other.full_name.is_some() && other.full_name.as_deref() != owner.full_name.as_deref(),
    };
    let head = head.as_ref().filter(|head| is_foreign(head));
    // The same commit may be in pull requests from both sides; then it is ours as well.
    let pull = pulls.first().filter(|_| pulls.iter().all(|pull| is_foreign(pull)));
    let foreign = head.or(pull.copied())?;
    Some(word(&foreign.full_name).unwrap_or_else(|| foreign.id.map_or("?".to_owned(), |id| format!("number {id}"))))
}

/// Subjects differ by event, so that a suite never overwrites a run of the same name.
fn seen(event: &str, build: Build, source_time: Timestamp) -> Observation {
    let branch = build.branch.as_deref().unwrap_or("-");
    let subject = format!("{} {branch} {event}/{}", build.repository, build.name);
    observation(subject, Fact::Build(build), source_time)
}
