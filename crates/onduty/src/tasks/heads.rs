//! Keeps the heads of the log chains in a file beside the store, so that a cut-off end is noticed; forgets deliveries
//! that are too old to come again.

use crate::app::App;
use crate::clock::real_now;
use crate::store;
use jiff::SignedDuration;
use std::time::Duration;

/// How often the heads are written.
const EVERY: Duration = Duration::from_secs(300);
/// How long a delivery is remembered.
const DELIVERIES_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

pub async fn run(app: App) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = tidy(&app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the heads of the log book were not written");
        }
    }
}

async fn tidy(app: &App) -> Result<(), store::StoreError> {
    let mut reader = app.store.read().await?;
    store::log_book::write_heads(&mut reader, &app.data.join("log-heads.jsonl")).await?;
    drop(reader);
    let mut tx = app.store.begin().await?;
    let before = real_now().checked_sub(DELIVERIES_KEPT).unwrap_or(jiff::Timestamp::MIN);
    store::intake::prune(&mut tx, before, 10_000).await?;
    tx.commit().await
}
