//! Sends what has to leave: at least once, with a stable key in every message. What cannot be sent in time becomes a
//! line in the log book that a person sees.

use super::trackers::{self, Provider};
use crate::actions::write_back::{self, Assignment, WriteBackError};
use crate::app::day::{RESOLVE, WRITE_BACK};
use crate::app::{App, DayError};
use crate::clock::real_now;
use crate::sources::SourceError;
use crate::store;
use crate::store::outbox::{Effect as Row, EffectState};
use jiff::SignedDuration;
use onduty_core::engine::{Action, Effect};
use onduty_core::ids::EngineerId;
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
    let known = [WRITE_BACK, RESOLVE].contains(&row.effect.kind.as_str());
    let effect: Option<Effect> = known.then(|| serde_json::from_value(row.effect.payload.clone()).ok()).flatten();
    let Some(effect) = effect else {
        return mark(app, row, EffectState::Failed, Some("written by a version that this one cannot read")).await;
    };
    match told(app, &row.effect.key, &effect).await? {
        Ok(()) => {
            mark(app, row, EffectState::Sent, None).await?;
            tell(app, row, effect, None).await
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
            tell(app, row, effect, Some(error.to_string())).await
        }
    }
}

/// Tells the tracker; what came of it.
async fn told(app: &App, key: &str, effect: &Effect) -> anyhow::Result<Result<(), WriteBackError>> {
    let (Effect::WriteBack { project, error, .. } | Effect::Resolve { project, error, .. }) = effect;
    let from = tracker_of(app, project, error).await?;
    let refused = |answer: &str| Err(WriteBackError::Refused { status: 0, answer: answer.to_owned() });
    Ok(match (effect, from) {
        (Effect::Resolve { .. }, Some(from)) => trackers::resolve(app, from, error).await.map_err(trouble),
        (Effect::Resolve { .. }, None) => refused("it is not known any more, or its tracker is told about owners only"),
        (Effect::WriteBack { engineer, .. }, Some(from)) => {
            trackers::assign(app, from, error, &handle_of(app, engineer)).await.map_err(trouble)
        }
        (Effect::WriteBack { engineer, decided_by, .. }, None) => match target(app) {
            None => refused("no `write_back` is configured"),
            Some((url, secret)) => {
                let assignment = Assignment {
                    kind: "error.assigned",
                    project: project.clone(),
                    id: error.clone(),
                    assignee: handle_of(app, engineer),
                    decided_by: handle_of(app, decided_by),
                    key: key.to_owned(),
                };
                write_back::send(&app.egress, &url, &secret, &assignment).await
            }
        },
    })
}

/// Which tracker told about an error.
async fn tracker_of(app: &App, project: &str, id: &str) -> Result<Option<Provider>, store::StoreError> {
    for provider in Provider::ALL {
        let known = app.known_errors(provider.name()).await?;
        if known.iter().any(|group| group.project == project && group.id == id) {
            return Ok(Some(provider));
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
async fn tell(app: &App, row: &Row, effect: Effect, failure: Option<String>) -> anyhow::Result<()> {
    let action = match effect {
        Effect::WriteBack { item, .. } => Action::WriteBackEnded { item, failure },
        Effect::Resolve { item, .. } => Action::ResolveEnded { item, failure },
    };
    match app.act(&row.effect.duty, None, action).await {
        Ok(()) | Err(DayError::Refused(_) | DayError::NoDuty(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
