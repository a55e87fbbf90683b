//! Keeps the heads of the log chains outside the store, in a file beside it and in the server's log, so that a cut-off
//! end is noticed; forgets deliveries that are too old to come again.

use crate::app::App;
use crate::clock::real_now;
use crate::store;
use jiff::SignedDuration;
use std::time::Duration;

/// How often the heads are written.
const EVERY: Duration = Duration::from_secs(300);
/// How long a delivery is remembered.
const DELIVERIES_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Ships the heads every five minutes, for as long as the server runs.
pub async fn run(app: App) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = tidy(&app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the heads of the log book were not written");
        }
    }
}

/// Writes the heads to their file and to the log; a graceful stop does it as well, through `cli::serve`.
///
/// # Errors
/// The store cannot be read, or the file not written. The log has the heads all the same where they could be read.
pub async fn ship(app: &App) -> Result<(), store::StoreError> {
    let mut reader = app.store.read().await?;
    for head in store::log_book::heads(&mut reader).await? {
        // Wherever the log goes, the head goes: whoever shortens the log book would have to shorten that as well.
        tracing::info!(target: "onduty::log_head", duty = %head.duty, seq = head.seq, hash = head.hash, "head of the log book");
    }
    store::log_book::write_heads(&mut reader, &app.heads_file()).await?;
    Ok(())
}

async fn tidy(app: &App) -> Result<(), store::StoreError> {
    ship(app).await?;
    let mut tx = app.store.begin().await?;
    let before = real_now().checked_sub(DELIVERIES_KEPT).unwrap_or(jiff::Timestamp::MIN);
    store::intake::prune(&mut tx, before, 10_000).await?;
    tx.commit().await
}
