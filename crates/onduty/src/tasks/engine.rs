//! Runs the engine: after every observation, and when the next pass is due by duty time.

use crate::app::{App, Change};
use jiff::Timestamp;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;

/// A pass keeps the store to itself, so the next one waits this many times as long as the last one took: under a
/// storm of deliveries most of the time is left for taking them in.
const REST: u32 = 2;
/// Longest rest, so that a slow pass does not make the screen late.
const LONGEST_REST: Duration = Duration::from_millis(200);
/// The longest real time between two looks, so that a clock whose pace changes is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

pub async fn run(app: App) {
    let mut changes = app.bus.listen();
    let mut due = app.clock.duty_now();
    loop {
        app.liveness.looked(crate::clock::real_now());
        let now = app.clock.duty_now();
        if now >= due {
            let started = Instant::now();
            due = pass_all(&app, now).await;
            tokio::time::sleep((started.elapsed() * REST).min(LONGEST_REST)).await;
        }
        let wait = app.clock.wait_until(due).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.bus.observed() => due = Timestamp::MIN,
            change = changes.recv() => match change {
                // Whoever falls behind runs a pass: it reads everything anew.
                Ok(Change::Everything) | Err(RecvError::Lagged(_)) => due = Timestamp::MIN,
                Ok(Change::Day(_) | Change::Rollout { .. } | Change::Pushed | Change::Hinted) => {}
                Err(RecvError::Closed) => return,
            },
        }
    }
}

/// One pass for every duty; when the next is due.
async fn pass_all(app: &App, now: Timestamp) -> Timestamp {
    let (mut due, mut is_well) = (Timestamp::MAX, true);
    let started = Instant::now();
    for duty in app.instance().duties_with_a_process() {
        let passed = app.pass(&duty, now).await;
        app.liveness.passed_over(&duty, crate::clock::real_now(), passed.is_ok());
        match passed {
            Ok(report) => due = due.min(report.next_wake),
            Err(error) => {
                tracing::error!(duty = %duty, error = &error as &dyn std::error::Error, "a pass failed; trying again");
                (due, is_well) = (now, false);
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
    // An engine whose passes fail does not run, however often it tries.
    app.metrics.passes.took(if is_well { "good" } else { "failed" }, started.elapsed());
    app.liveness.passed(crate::clock::real_now(), is_well);
    due
}
