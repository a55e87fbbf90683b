//! Sends what has to leave: at least once, with a stable key in every message. What cannot be sent in time becomes a
//! line in the log book that a person sees.

use crate::actions::write_back::{self, Assignment, WriteBackError};
use crate::app::day::WRITE_BACK;
use crate::app::{App, DayError};
use crate::clock::real_now;
use crate::sources::{SourceError, bugsink, sentry};
use crate::store;
use crate::store::outbox::{Effect as Row, EffectState};
use jiff::SignedDuration;
use onduty_core::engine::{Action, Effect};
use onduty_core::ids::EngineerId;
use onduty_core::item::ItemId;
use std::time::Duration;

/// How often the outbox is looked at; an enqueued effect also wakes it through the bus.
const EVERY: Duration = Duration::from_millis(500);
/// How long a claimed row stays hidden from another look: longer than any send.
const HIDDEN: SignedDuration = SignedDuration::from_secs(60);
/// Waits before the next try; after the last one a person is told.
const WAITS_S: [i64; 6] = [2, 10, 60, 300, 900, 1_800];

pub async fn run(app: App) {
    loop {
        // With `--observe` nothing leaves; it stays in the outbox until somebody confirms.
        if !app.observe_only
            && let Err(error) = send_due(&app).await
        {
            tracing::error!(error = format!("{error:#}"), "the outbox could not be worked off");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn send_due(app: &App) -> anyhow::Result<()> {
    let now = real_now();
    let mut tx = app.store.begin().await?;
    let due = store::outbox::claim(&mut tx, now, now.checked_add(HIDDEN)?, 20).await?;
    if due.is_empty() {
        return Ok(());
    }
    tx.commit().await?;
    for row in due {
        send(app, &row).await?;
    }
    Ok(())
}

async fn send(app: &App, row: &Row) -> anyhow::Result<()> {
    let effect = (row.effect.kind == WRITE_BACK).then(|| serde_json::from_value(row.effect.payload.clone()));
    let Some(Ok(Effect::WriteBack { item, project, error, engineer, decided_by })) = effect else {
        return mark(app, row, EffectState::Failed, Some("written by a version that this one cannot read")).await;
    };
    let from = tracker_of(app, &project, &error).await?;
    let sent = match target(app) {
        _ if from.as_deref() == Some(sentry::NAME) => {
            super::trackers::assign(app, &error, &handle_of(app, &engineer)).await.map_err(trouble)
        }
        _ if from.as_deref() == Some(bugsink::NAME) => {
            let answer = "Bugsink knows no owners; onduty keeps this one".to_owned();
            Err(WriteBackError::Refused { status: 0, answer })
        }
        None => Err(WriteBackError::Refused { status: 0, answer: "no `write_back` is configured".to_owned() }),
        Some((url, secret)) => {
            let assignment = Assignment {
                kind: "error.assigned",
                project,
                id: error,
                assignee: handle_of(app, &engineer),
                decided_by: handle_of(app, &decided_by),
                key: row.effect.key.clone(),
            };
            write_back::send(&app.egress, &url, &secret, &assignment).await
        }
    };
    match sent {
        Ok(()) => {
            mark(app, row, EffectState::Sent, None).await?;
            tell(app, row, &item, None).await
        }
        Err(error @ WriteBackError::Unreachable(_)) if (row.attempts as usize) < WAITS_S.len() => {
            let wait = WAITS_S[(row.attempts as usize).saturating_sub(1).min(WAITS_S.len() - 1)];
            let next = real_now().checked_add(SignedDuration::from_secs(wait))?;
            tracing::warn!(key = row.effect.key, %error, "trying again in {wait} s");
            let mut tx = app.store.begin().await?;
            store::outbox::retry(&mut tx, &row.id, &error.to_string(), next).await?;
            Ok(tx.commit().await?)
        }
        Err(error) => {
            mark(app, row, EffectState::Failed, Some(&error.to_string())).await?;
            tell(app, row, &item, Some(error.to_string())).await
        }
    }
}

/// Which tracker told about an error.
async fn tracker_of(app: &App, project: &str, id: &str) -> Result<Option<String>, store::StoreError> {
    for name in [sentry::NAME, bugsink::NAME] {
        let known = app.known_errors(name).await?;
        if known.iter().any(|group| group.project == project && group.id == id) {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

/// Whether it may go better next time.
fn trouble(error: SourceError) -> WriteBackError {
    match error {
        SourceError::Refused { status, answer, .. } if status < 500 && status != 408 => {
            WriteBackError::Refused { status, answer }
        }
        SourceError::Missing { what, .. } => {
            WriteBackError::Refused { status: 200, answer: format!("it shows no {what} afterwards") }
        }
        error => WriteBackError::Unreachable(error.to_string()),
    }
}

fn target(app: &App) -> Option<(String, secrecy::SecretString)> {
    let url = app.instance().config.write_back_errors.as_ref()?.url.clone();
    Some((url, app.secrets.write_back_errors.first()?.clone()))
}

/// What the tracker may know an engineer by.
fn handle_of(app: &App, engineer: &EngineerId) -> String {
    let instance = app.instance();
    let known = instance.roster.engineers.get(engineer);
    let handle = known.and_then(|known| known.emails.first().or(known.logins.first()).cloned());
    handle.unwrap_or_else(|| engineer.to_string())
}

async fn mark(app: &App, row: &Row, state: EffectState, error: Option<&str>) -> anyhow::Result<()> {
    let mut tx = app.store.begin().await?;
    store::outbox::mark(&mut tx, &row.id, state, error).await?;
    Ok(tx.commit().await?)
}

/// Writes down how it went; an item that is gone needs no line.
async fn tell(app: &App, row: &Row, item: &ItemId, failure: Option<String>) -> anyhow::Result<()> {
    let action = Action::WriteBackEnded { item: item.clone(), failure };
    match app.act(&row.effect.duty, None, action).await {
        Ok(()) | Err(DayError::Refused(_) | DayError::NoDuty(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
