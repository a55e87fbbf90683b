//! Asks whether a commit still works, and lets the auditor look; what it finds goes to the log, to *Today* of
//! administrators and, once, into the log book.

use crate::app::self_audit::{Auditor, Finding};
use crate::app::{App, Change, DayError};
use crate::clock::real_now;
use crate::store::{self, StoreError};
use onduty_core::engine::Action;
use onduty_core::logbook::Event;
use std::time::{Duration, Instant};

/// How often a commit is tried: a disk that refuses is known before somebody needs it.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// The same while it refuses, so that the end of it is known at once.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// How often the auditor looks.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How far back the log book is read for what was told already.
const TOLD: u32 = 200;

/// Runs for as long as the server does.
pub async fn run(app: App) {
    let mut auditor = Auditor::default();
    let mut looked: Option<Instant> = None;
    loop {
        let can_write = try_a_commit(&app).await;
        if can_write && looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            looked = Some(Instant::now());
            if let Err(error) = look(&app, &mut auditor).await {
                tracing::error!(error = &error as &dyn std::error::Error, "the self-audit could not look");
            }
        }
        tokio::time::sleep(if can_write { TRY_EVERY } else { TRY_AGAIN }).await;
    }
}

async fn try_a_commit(app: &App) -> bool {
    let tried: Result<(), StoreError> = async {
        let mut tx = app.store.begin().await?;
        store::self_audit::touch(&mut tx).await?;
        tx.commit().await
    }
    .await;
    match &tried {
        Err(error) if !app.liveness.store_refuses() => {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the store cannot be written; deliveries are refused"
            );
        }
        Ok(()) if app.liveness.store_refuses() => tracing::info!("the store can be written again"),
        _ => {}
    }
    app.liveness.tried_a_commit(tried.is_ok());
    tried.is_ok()
}

/// Lets the auditor look once, and tells what is new.
///
/// # Errors
/// The store cannot be read, or a finding not written into the log book.
pub async fn look(app: &App, auditor: &mut Auditor) -> Result<(), StoreError> {
    let findings = auditor.look(app, real_now()).await?;
    let before = app.liveness.findings();
    if *before == findings {
        return Ok(());
    }
    let is_new = |finding: &&Finding| !before.iter().any(|old| old.is_same_trouble(finding));
    for finding in findings.iter().filter(is_new) {
        tracing::error!(
            about = finding.about,
            duty = finding.duty.as_ref().map(ToString::to_string),
            "{}",
            finding.what
        );
        tell(app, finding).await?;
    }
    app.liveness.found(findings);
    app.bus.tell(Change::Everything);
    Ok(())
}

/// Writes a finding into the log book of its duty, unless it stands there since before a restart.
async fn tell(app: &App, finding: &Finding) -> Result<(), StoreError> {
    let Some(duty) = &finding.duty else { return Ok(()) };
    let text = format!("self-audit: {}. {}", finding.what, finding.todo);
    let newest = store::log_book::newest(&mut app.store.read().await?, duty, TOLD).await?;
    let is_told =
        newest.iter().any(|entry| matches!(&entry.event, Some(Event::Note { text: told, .. }) if *told == text));
    if is_told {
        return Ok(());
    }
    match app.act(duty, None, Action::Note { text, item: None, corrects: None }).await {
        Err(DayError::Store(error)) => Err(error),
        // A duty without rules has no log book that could be written; the log and the page have it.
        _ => Ok(()),
    }
}
