//! A terrible day: two thousand errors without an owner. How long a pass takes, and the page that shows them.

use super::results::{Results, Times};
use super::rig::{Server, Team, error};
use onduty::app::App;
use onduty::sources::signals;
use onduty_core::ids::DutyId;
use std::path::Path;
use std::time::Instant;

/// Errors that are open at the same time.
const ERRORS: usize = 2_000;

pub async fn measure(onduty: &Path, full: bool, results: &mut Results) -> anyhow::Result<()> {
    let (team, duty) = (Team::new()?, DutyId::from("developers"));
    let app = team.app(onduty).await?;
    let now = || app.clock.duty_now();
    let all: Vec<String> = (0..ERRORS).map(|n| one(n, "unresolved")).collect();
    let body = format!(r#"{{"type": "batch", "items": [{}]}}"#, all.join(","));
    app.observed(signals::decode(body.as_bytes(), now())?.observations).await?;
    let start = Instant::now();
    app.pass(&duty, now()).await?;
    println!("the pass that opens {ERRORS} items: {:?}", start.elapsed());

    let (mut idle, mut busy) = (Vec::new(), Vec::new());
    for n in 0..if full { 50 } else { 15 } {
        idle.push(timed(&app, &duty).await?);
        let more = one(ERRORS + n, "unresolved");
        app.observed(signals::decode(more.as_bytes(), now())?.observations).await?;
        busy.push(timed(&app, &duty).await?);
    }
    let (idle, busy) = (Times::of(idle), Times::of(busy));
    println!("a pass that changes nothing: {}\na pass that opens one more: {}", idle.summary(), busy.summary());
    results.at_most("a pass with 2,000 open errors that changes nothing, p50", idle.at(0.5), 250.0, "ms")?;
    results.at_most("a pass with 2,000 open errors that opens one more, p50", busy.at(0.5), 250.0, "ms")?;
    app.store.close().await;
    drop(app);

    let server = Server::serve(onduty, &team).await?;
    let session = server.come_in().await?;
    let mut taken = Vec::new();
    for _ in 0..if full { 50 } else { 15 } {
        let asked = Instant::now();
        server.page("/", &session).await?;
        taken.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    let taken = Times::of(taken);
    println!("Today: {}, {} bytes", taken.summary(), server.page("/", &session).await?.len());
    results.noted("Today with 2,000 open errors, whole page, p50", taken.at(0.5), "ms")
}

fn one(n: usize, status: &str) -> String {
    error(&format!("SHOP-{n}"), &format!("connection to the payment provider was lost, case {n}"), status)
}

async fn timed(app: &App, duty: &DutyId) -> anyhow::Result<f64> {
    let start = Instant::now();
    app.pass(duty, app.clock.duty_now()).await?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
