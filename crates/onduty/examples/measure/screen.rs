//! From the moment in which a sender begins to send until the part of the page that shows it has arrived in open tabs.

use super::results::{Results, Times};
use super::rig::{Server, Tab, Team, error};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Tabs that are open at the same time.
const TABS: usize = 8;
/// Deliveries a second of others while it is measured a second time.
const BUSY: u64 = 50;

pub async fn measure(onduty: &Path, full: bool, results: &mut Results) -> anyhow::Result<()> {
    let signals = if full { 2_000 } else { 200 };
    let team = Team::new()?;
    let server = Arc::new(Server::serve(onduty, &team).await?);
    let session = server.come_in().await?;
    // A day on which something happened: twenty errors stay open.
    for n in 0..20 {
        server.send(&error(&format!("OLD-{n}"), &format!("an older error {n}"), "unresolved")).await?;
    }
    let (seen, mut arrivals) = mpsc::unbounded_channel();
    for _ in 0..TABS {
        let mut tab = Tab::open(&server, &session).await?;
        let seen = seen.clone();
        tokio::spawn(async move {
            while let Ok((id, html)) = tab.fragment().await {
                if id == "step-production-errors" && seen.send((Instant::now(), html)).is_err() {
                    return;
                }
            }
        });
    }
    let quiet = Times::of(follow(&server, &mut arrivals, signals, "quiet").await?);
    println!("{TABS} tabs: {}", quiet.summary());
    results.at_most(
        &format!("signal to screen, p99 of {signals} signals in {TABS} tabs"),
        quiet.at(0.99),
        1_000.0,
        "ms",
    )?;

    let busy = Arc::new(AtomicBool::new(true));
    let others = tokio::spawn(others(Arc::clone(&server), Arc::clone(&busy)));
    let loaded = Times::of(follow(&server, &mut arrivals, signals / 2, "busy").await?);
    busy.store(false, Ordering::Relaxed);
    others.await??;
    println!("{TABS} tabs, {BUSY} other deliveries a second: {}", loaded.summary());
    results.at_most(&format!("the same while {BUSY} builds a second arrive, p99"), loaded.at(0.99), 1_000.0, "ms")
}

/// Opens and resolves errors one after the other; how long each took to arrive in every tab, in milliseconds.
async fn follow(
    server: &Server,
    arrivals: &mut mpsc::UnboundedReceiver<(Instant, String)>,
    signals: usize,
    name: &str,
) -> anyhow::Result<Vec<f64>> {
    let mut taken = Vec::new();
    for n in 0..signals / 2 {
        let title = format!("{name} error number {n} of this run");
        for (status, there) in [("unresolved", true), ("resolved", false)] {
            while arrivals.try_recv().is_ok() {}
            let sent = Instant::now();
            server.send(&error(&format!("{name}-{n}"), &title, status)).await?;
            for _ in 0..TABS {
                loop {
                    let arrival = tokio::time::timeout(Duration::from_secs(20), arrivals.recv()).await;
                    let Ok(Some((at, html))) = arrival else { anyhow::bail!("`{title}` ({status}) never arrived") };
                    // A tab may draw the step for another reason first.
                    if html.contains(&title) == there {
                        taken.push(at.duration_since(sent).as_secs_f64() * 1e3);
                        break;
                    }
                }
            }
            // Not in step with anything that the server does regularly.
            tokio::time::sleep(Duration::from_millis(20 + (n as u64 * 37) % 60)).await;
        }
    }
    Ok(taken)
}

/// Builds of other branches, as a busy repository sends them.
async fn others(server: Arc<Server>, busy: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / BUSY));
    let mut n: u64 = 0;
    while busy.load(Ordering::Relaxed) {
        ticks.tick().await;
        n += 1;
        let (branch, state) = (n % 40, if n.is_multiple_of(7) { "failed" } else { "passed" });
        let build = format!(
            r#"{{"type": "build", "repository": "acme/shop", "branch": "feature-{branch}", "revision": "{n:040x}",
                "name": "unit tests", "state": "{state}"}}"#
        );
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.send(&build).await });
    }
    Ok(())
}
