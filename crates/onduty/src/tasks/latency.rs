//! Counts what services told of themselves, joins what is older than a day, forgets what is older than it may be.

use crate::app::App;
use crate::store::StoreError;
use crate::store::latency::{self, Folded, Limits};
use jiff::SignedDuration;
use std::time::{Duration, Instant};

/// How often it is looked whether there is something to count.
const EVERY: Duration = Duration::from_secs(2);
/// How often old rows are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// Old rows that one transaction takes: others wait for it.
const ROWS: u32 = 2_000;
/// Transactions of one tidying, so that counting is not held up; the next goes on.
const TURNS: usize = 50;

/// Runs for as long as the server does.
pub async fn run(app: App) {
    let mut tidied: Option<Instant> = None;
    loop {
        if let Err(error) = pass(&app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "telemetry could not be counted");
        }
        if app.instance().config.sources.otlp.is_some() && tidied.is_none_or(|tidied| tidied.elapsed() >= TIDY_EVERY) {
            tidied = Some(Instant::now());
            if let Err(error) = tidy(&app).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "old telemetry could not be joined or forgotten"
                );
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Counts everything that is kept and not yet counted.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn pass(app: &App) -> Result<Folded, StoreError> {
    let mut all = Folded::default();
    let Some(source) = app.instance().config.sources.otlp.clone() else { return Ok(all) };
    while latency::has_work(&mut app.store.read().await?).await? {
        let limits = Limits { endpoints: source.endpoints };
        let folded = app.store.fold_batches(app.clock.duty_now(), limits).await?;
        for (word, number) in &folded.dropped {
            app.metrics.telemetry.add(["points", *word], *number);
        }
        if folded.put_together > 0 && all.put_together == 0 {
            tracing::warn!(
                endpoints = source.endpoints,
                requests = folded.put_together,
                "there are more endpoints than are told apart; the requests of the others count as one"
            );
        }
        app.metrics.telemetry.add(["requests", "counted"], folded.requests);
        app.metrics.telemetry.add(["requests", "put together"], folded.put_together);
        all.add(folded);
        tokio::task::yield_now().await;
    }
    Ok(all)
}

/// Joins and forgets what is old.
///
/// # Errors
/// When the store cannot be written.
pub async fn tidy(app: &App) -> Result<(), StoreError> {
    let Some(source) = app.instance().config.sources.otlp.clone() else { return Ok(()) };
    let now = app.clock.duty_now();
    let ago = |by: SignedDuration| now.checked_sub(by).unwrap_or(now);
    let kept = ago(SignedDuration::try_from(source.keep).unwrap_or(SignedDuration::MAX));
    for _ in 0..TURNS {
        let mut tx = app.store.begin().await?;
        let joined = latency::join(&mut tx, ago(latency::MINUTES_KEPT), ROWS).await?;
        tx.commit().await?;
        let mut tx = app.store.begin().await?;
        let forgotten = latency::prune(&mut tx, now, kept, ROWS).await?;
        tx.commit().await?;
        if joined.max(forgotten) < u64::from(ROWS) {
            break;
        }
    }
    Ok(())
}
