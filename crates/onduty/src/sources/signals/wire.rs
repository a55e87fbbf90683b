//! The bodies of the generic webhook. What is unknown is left alone; what is missing or wrong is refused by name.

use super::fields::Fields;
use crate::sources::SourceError;
use jiff::{SignedDuration, Timestamp};
use onduty_core::ids::{Environment, SourceName, is_plain_id};
use onduty_core::owner::output::places_in;
use onduty_core::signal::{
    BranchHead, Build, BuildState, Commit, Contact, CustomSignal, CustomState, ErrorGroup, ErrorStatus, Fact, Frame,
    Kind, Observation, RolloutFact, RolloutState,
};
use serde_json::Value;

/// Most items of one batch.
const MAX_ITEMS: usize = 10_000;
/// Most frames of one stack.
const MAX_FRAMES: usize = 250;
/// Most commits of one list.
const MAX_COMMITS: usize = 1_000;
/// Most changed files of one commit.
const MAX_FILES: usize = 10_000;
/// Changed files that are kept of one commit.
const KEPT_FILES: usize = 100;

const TYPES: &str = "one of build, error, rollout, commits, signal, contact, batch";
const BUILD_STATES: [(&str, BuildState); 6] = [
    ("queued", BuildState::Queued),
    ("running", BuildState::Running),
    ("passed", BuildState::Passed),
    ("failed", BuildState::Failed),
    ("cancelled", BuildState::Cancelled),
    ("skipped", BuildState::Skipped),
];
const ROLLOUT_STATES: [(&str, RolloutState); 5] = [
    ("requested", RolloutState::Requested),
    ("running", RolloutState::Running),
    ("succeeded", RolloutState::Succeeded),
    ("failed", RolloutState::Failed),
    ("unknown", RolloutState::Unknown),
];
const ERROR_STATES: [(&str, ErrorStatus); 3] =
    [("unresolved", ErrorStatus::Unresolved), ("resolved", ErrorStatus::Resolved), ("ignored", ErrorStatus::Ignored)];
const SIGNAL_STATES: [(&str, CustomState); 2] = [("failing", CustomState::Failing), ("ok", CustomState::Ok)];

/// Every observation of a body.
pub fn read(body: &Value, received: Timestamp) -> Result<Vec<Observation>, SourceError> {
    let fields = Fields::of(body, "", received)?;
    if fields.line("type", 60)?.as_deref() != Some("batch") {
        return Ok(vec![item(&fields)?]);
    }
    let baseline = fields.flag("baseline")?.unwrap_or(false);
    if fields.value("items").is_none() {
        return Err(fields.bad("items", "a list of objects, each with a type"));
    }
    let items = fields.list("items", MAX_ITEMS)?.iter().enumerate();
    let seen = items.map(|(index, value)| item(&Fields::of(value, &format!("items[{index}]"), received)?));
    seen.map(|seen| seen.map(|observation| Observation { baseline, ..observation })).collect()
}

fn item(fields: &Fields<'_>) -> Result<Observation, SourceError> {
    match fields.need_line("type", 60, TYPES)?.as_str() {
        "build" => build(fields),
        "error" => error(fields),
        "rollout" => rollout(fields),
        "commits" => commits(fields),
        "signal" => signal(fields),
        "contact" => contact(fields),
        _ => Err(fields.bad("type", TYPES)),
    }
}

fn build(fields: &Fields<'_>) -> Result<Observation, SourceError> {
    let repository = fields.need_word("repository", "a name such as acme/shop")?;
    let branch = fields.word("branch", "a name such as main")?;
    let name = fields.need_line("name", 200, "the check's name, such as unit tests")?;
    let state = fields.need_choice("state", &BUILD_STATES)?;
    let ended = !matches!(state, BuildState::Queued | BuildState::Running);
    let (source_time, started_at, finished_at) = times(fields, ended)?;
    let subject = format!("{repository} {} build/{name}", branch.as_deref().unwrap_or("-"));
    let build = Build {
        revision: revision(fields)?,
        attempt: fields.count("attempt", 1)?.map_or(1, |attempt| u32::try_from(attempt).unwrap_or(u32::MAX)),
        url: fields.url("url")?,
        detail: fields.line("detail", 300)?,
        frames: failed_at(fields)?,
        repository,
        branch,
        name,
        state,
        started_at,
        finished_at,
        unproven_branch: false,
    };
    Ok(seen(&subject, Fact::Build(build), source_time))
}

fn rollout(fields: &Fields<'_>) -> Result<Observation, SourceError> {
    let id = fields.need_word("id", "an id of this one rollout, such as the pipeline's number")?;
    let environment = environment(fields)?;
    let repository = fields.word("repository", "a name such as acme/shop")?;
    let state = fields.need_choice("state", &ROLLOUT_STATES)?;
    let ended = matches!(state, RolloutState::Succeeded | RolloutState::Failed);
    let (source_time, started_at, finished_at) = times(fields, ended)?;
    let subject = format!("{} {environment} {id}", repository.as_deref().unwrap_or("-"));
    let rollout = RolloutFact {
        revision: revision(fields)?,
        by: fields.line("by", 200)?,
        pressed: false,
        url: fields.url("url")?,
        id,
        environment,
        repository,
        state,
        started_at,
        finished_at,
    };
    Ok(seen(&subject, Fact::Rollout(rollout), source_time))
}

/// When it was so, when it started, and when it ended if it `ended`. What the sender leaves out is now.
fn times(fields: &Fields<'_>, ended: bool) -> Result<(Timestamp, Timestamp, Option<Timestamp>), SourceError> {
    let (started, finished) = (fields.time("started_at")?, fields.time("finished_at")?);
    if started.zip(finished).is_some_and(|(started, finished)| finished < started) {
        return Err(fields.bad("finished_at", "a time after started_at"));
    }
    let told = if ended { finished } else { started };
    let source_time = fields.time("at")?.or(told).unwrap_or(fields.received());
    let started_at = started.unwrap_or(source_time);
    Ok((source_time, started_at, ended.then(|| finished.unwrap_or(source_time.max(started_at)))))
}

fn error(fields: &Fields<'_>) -> Result<Observation, SourceError> {
    let project = fields.need_word("project", "the tracker's project, such as shop")?;
    let id = fields.need_word("id", "the tracker's id of the group, such as SHOP-1")?;
    let environment = environment(fields)?;
    let last_seen = fields.time("last_seen")?;
    let first_seen = fields.time("first_seen")?.or(last_seen).unwrap_or(fields.received());
    let last_seen = last_seen.unwrap_or(fields.received());
    if last_seen < first_seen {
        return Err(fields.bad("last_seen", "a time after first_seen"));
    }
    let subject = format!("{project} {environment} {id}");
    let group = ErrorGroup {
        title: fields.need_line("title", 300, "the error's message")?,
        culprit: fields.line("culprit", 300)?,
        level: fields.line("level", 60)?,
        status: fields.choice("status", &ERROR_STATES)?.unwrap_or(ErrorStatus::Unresolved),
        regressed_at: fields.time("regressed_at")?,
        count: fields.count("count", 0)?.unwrap_or(1),
        assignee: fields.line("assignee", 200)?,
        release: fields.line("release", 200)?,
        frames: frames(fields)?,
        url: fields.url("url")?,
        id,
        project,
        environment,
        first_seen,
        last_seen,
    };
    // Not `last_seen`: assigning or resolving a group is news that no new event comes with.
    let source_time = fields.time("at")?.unwrap_or(fields.received());
    Ok(seen(&subject, Fact::Error(group), source_time))
}

/// Where a build failed: the frames that were told, and the places that its output names.
fn failed_at(fields: &Fields<'_>) -> Result<Vec<Frame>, SourceError> {
    let mut told = frames(fields)?;
    if let Some(output) = fields.text("output")? {
        told.extend(places_in(output));
        told.truncate(MAX_FRAMES);
    }
    Ok(told)
}

fn frames(fields: &Fields<'_>) -> Result<Vec<Frame>, SourceError> {
    let frames = fields.list("frames", MAX_FRAMES)?.iter().enumerate();
    let read = frames.map(|(index, value)| {
        let frame = Fields::of(value, &fields.path(&format!("frames[{index}]")), fields.received())?;
        let line = frame.count("line", 1)?.map(|line| u32::try_from(line).unwrap_or(u32::MAX));
        Ok(Frame {
            file: frame.need_line("file", 500, "a path within the repository, such as src/cart.rs")?,
            line,
            function: frame.line("function", 200)?,
            in_app: frame.flag("in_app")?.unwrap_or(true),
        })
    });
    read.collect()
}

fn commits(fields: &Fields<'_>) -> Result<Observation, SourceError> {
    let repository = fields.need_word("repository", "a name such as acme/shop")?;
    let branch = fields.need_word("branch", "a name such as main")?;
    let listed = fields.list("commits", MAX_COMMITS)?.iter().enumerate();
    let listed = listed.map(|(index, value)| {
        let commit = Fields::of(value, &fields.path(&format!("commits[{index}]")), fields.received())?;
        Ok(Commit {
            revision: revision(&commit)?,
            author_name: commit.line("author_name", 200)?.unwrap_or_default(),
            author_email: commit.line("author_email", 200)?.unwrap_or_default(),
            title: commit.line("title", 200)?.unwrap_or_default(),
            committed_at: commit.time("committed_at")?.unwrap_or(fields.received()),
            files: commit.lines("files", MAX_FILES)?.into_iter().take(KEPT_FILES).collect(),
        })
    });
    let commits: Vec<Commit> = listed.collect::<Result<_, SourceError>>()?;
    let head = match fields.value("revision") {
        Some(_) => revision(fields)?,
        None => commits.first().map(|newest| newest.revision.clone()).ok_or_else(|| {
            fields.bad("commits", "the newest commits, newest first, or a revision: the head of the branch")
        })?,
    };
    let source_time = fields.time("at")?.unwrap_or(fields.received());
    let subject = format!("{repository} {branch}");
    let complete = fields.flag("complete")?.unwrap_or(false);
    let head = BranchHead { repository, branch, revision: head, commits, complete };
    Ok(seen(&subject, Fact::Head(head), source_time))
}

fn signal(fields: &Fields<'_>) -> Result<Observation, SourceError> {
    let example = "a kind of your own, such as certificate: lower-case letters, digits, - and _";
    let kind = fields.need_line("kind", 65, example)?;
    if Kind::BUILT_IN.iter().any(|known| known.as_str() == kind) {
        return Err(fields.bad("kind", "a kind of your own; builds, errors, rollouts and commits have a type each"));
    }
    if !is_plain_id(&kind) {
        return Err(fields.bad("kind", example));
    }
    let subject = fields.need_line("subject", 200, "what it is about, such as shop.example")?;
    let source_time = fields.time("at")?.unwrap_or(fields.received());
    let signal = CustomSignal {
        kind,
        name: subject.clone(),
        state: fields.need_choice("state", &SIGNAL_STATES)?,
        message: fields.line("message", 300)?,
        value: fields.number("value")?,
        max_age: match fields.line("max_age", 60)? {
            None => None,
            Some(text) => {
                Some(duration(&text).ok_or_else(|| fields.bad("max_age", "a duration such as 90s, 30m, 1h or 2d"))?)
            }
        },
        since: fields.time("since")?.unwrap_or(source_time),
        frames: frames(fields)?,
        url: fields.url("url")?,
    };
    Ok(seen(&subject, Fact::Custom(signal), source_time))
}

fn contact(fields: &Fields<'_>) -> Result<Observation, SourceError> {
    let kinds: Vec<Kind> = fields.lines("kinds", 100)?.iter().map(|word| Kind::from_word(word)).collect();
    if kinds.is_empty() || kinds.iter().any(|kind| !is_plain_id(kind.as_str())) {
        return Err(fields.bad("kinds", "a list of kinds such as [\"errors\", \"builds\"]"));
    }
    let contact = Contact { kinds, trouble: fields.line("trouble", 300)? };
    Ok(seen("contact", Fact::Contact(contact), fields.time("at")?.unwrap_or(fields.received())))
}

/// A commit or version: it ends up in commands, so it is made of harmless characters only.
fn revision(fields: &Fields<'_>) -> Result<String, SourceError> {
    let example = "a commit or version: at most 100 letters, digits and . _ - + /";
    let text = fields.need_line("revision", 101, example)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '/');
    match text.len() <= 100 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain) {
        true => Ok(text),
        false => Err(fields.bad("revision", example)),
    }
}

fn environment(fields: &Fields<'_>) -> Result<Environment, SourceError> {
    fields.need_word("environment", "a name such as production").map(Environment::new)
}

/// `90s`, `30m`, `1h`, `2d`, or several of these: `1h30m`. More than a year is a mistake.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let mut seconds: i64 = 0;
    for part in text.split_inclusive(|c: char| c.is_ascii_alphabetic()) {
        let (number, unit) = part.trim().split_at_checked(part.trim().len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let number: u32 = number.trim().parse().ok()?;
        seconds = seconds.checked_add(i64::from(number).checked_mul(unit)?)?;
    }
    (1..=366 * 86_400).contains(&seconds).then(|| SignedDuration::from_secs(seconds))
}

fn seen(subject: &str, fact: Fact, source_time: Timestamp) -> Observation {
    Observation { source: SourceName::from(super::NAME), subject: subject.into(), fact, source_time, baseline: false }
}
