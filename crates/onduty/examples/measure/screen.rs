//! From the moment in which a sender begins to send until the part of the page that shows it has arrived in open tabs.

use super::results::{Results, Times};
use super::rig::{Server, Tab, Team, error};
use std::collections::BTreeSet;
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
    for tab in 0..TABS {
        let stream = Tab::open(&server, &session).await?;
        tokio::spawn(look(tab, stream, Arc::clone(&server), session.clone(), seen.clone()));
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

/// The step of the errors as a tab shows it from now on.
struct Arrival {
    tab: usize,
    at: Instant,
    html: String,
}

/// Looks at one tab until nobody wants to know any more. Streams end after ten minutes and more, and a browser comes back.
async fn look(
    tab: usize,
    mut stream: Tab,
    server: Arc<Server>,
    session: String,
    seen: mpsc::UnboundedSender<Arrival>,
) -> anyhow::Result<()> {
    loop {
        match stream.fragment().await {
            Ok((id, html)) if id == "step-production-errors" => {
                seen.send(Arrival { tab, at: Instant::now(), html })?;
            }
            Ok(_) => {}
            Err(error) => {
                println!("tab {tab} comes back: {error:#}");
                stream = Tab::open(&server, &session).await?;
            }
        }
    }
}

/// Opens and resolves errors one after the other; how long each took to arrive in every tab, in milliseconds.
async fn follow(
    server: &Server,
    arrivals: &mut mpsc::UnboundedReceiver<Arrival>,
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
            let mut waiting: BTreeSet<usize> = (0..TABS).collect();
            while !waiting.is_empty() {
                let arrival = tokio::time::timeout(Duration::from_secs(20), arrivals.recv()).await;
                let Ok(Some(Arrival { tab, at, html })) = arrival else {
                    anyhow::bail!("`{title}` ({status}) never arrived in the tabs {waiting:?}")
                };
                // A tab may draw the step for another reason first.
                if html.contains(&title) == there && waiting.remove(&tab) {
                    taken.push(at.duration_since(sent).as_secs_f64() * 1e3);
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
