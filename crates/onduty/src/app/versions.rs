//! Versions of processes: a text that is new takes effect as the next version, with who wrote it and why.

use super::day;
use super::instance::{Active, hash};
use crate::sources::git;
use crate::store::processes::NewVersion;
use crate::store::{self, StoreError, Tx};
use crate::texts;
use onduty_core::engine::{self, Record};
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::owner;
use onduty_core::process::{self, Process};
use onduty_core::roster::Roster;
use std::path::Path;

/// Who changed a process, and why, as far as its repository tells.
#[derive(Debug, Default)]
pub struct Cause {
    by: Option<EngineerId>,
    reason: Option<String>,
}

impl Cause {
    /// The newest commit of the file at `path`; nothing where it is not committed as it is.
    pub async fn of(path: &Path, roster: &Roster) -> Cause {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return Cause::default();
        };
        match git::last_change(folder, name).await {
            Ok(Some(commit)) => Cause {
                by: owner::author_of(&commit, roster).map(|engineer| engineer.id.clone()),
                reason: Some(commit.title),
            },
            // No repository, or changed since: the file was simply there.
            Ok(None) | Err(_) => Cause::default(),
        }
    }
}

/// Puts a process in force, as a new version where its text is new.
pub async fn activate(
    tx: &mut Tx,
    roster: &Roster,
    duty_id: &DutyId,
    next: Process,
    text: String,
    cause: &Cause,
    now: jiff::Timestamp,
) -> Result<Active, StoreError> {
    let current = store::processes::current(tx, duty_id).await?;
    if let Some(version) = current.as_ref().filter(|version| version.version.text_hash == hash(&text)) {
        return Ok(Active { process: next, version: version.number, text });
    }
    let Some(duty) = roster.duty(duty_id) else {
        // Files are checked before: every process belongs to a duty of the roster.
        return Ok(Active { process: next, version: 0, text });
    };
    let number = current.as_ref().map_or(1, |version| version.number + 1);
    let before = current.as_ref().and_then(|version| process::parse("process.yml", &version.version.text).ok());
    let otherwise = if current.is_some() { "the file changed" } else { "the first version" };
    let reason = cause.reason.as_deref().unwrap_or(otherwise);
    let activation = engine::activate(duty, before.as_ref(), &next, number, cause.by.as_ref(), reason, now);
    let changes = before.as_ref().map(|before| process::diff(before, &next)).unwrap_or_default();
    let version = NewVersion {
        duty: duty_id.clone(),
        text: text.clone(),
        text_hash: hash(&text),
        activated_at: now,
        activated_by: cause.by.clone(),
        reason: reason.to_owned(),
        changes: changes.iter().map(ToString::to_string).collect(),
    };
    store::processes::activate(tx, &version).await?;
    let record = Record::Process {
        duty: duty_id.clone(),
        version: number,
        text: text.clone(),
        by: cause.by.clone(),
        reason: reason.to_owned(),
        at: now,
    };
    store::journal::append(tx, &record).await?;
    let tell = texts::Telling { now, zone: &duty.zone, roster, process: Some(&next) };
    store::log_book::append(tx, &activation.entry, &texts::event(&activation.entry.event, &tell)).await?;
    if let Some(loosened) = activation.loosened {
        let mut board = day::load_board(tx, duty_id).await?;
        board.loosened.push(loosened);
        day::keep_board(tx, duty_id, &board).await?;
    }
    tracing::info!(duty = %duty_id, version = number, "a process took effect");
    Ok(Active { process: next, version: number, text })
}
