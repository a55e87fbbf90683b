//! How many deliveries a second onduty acknowledges after they are durable, against what this disk's group commit
//! allows for the same rows in the same run.
//!
//! `cargo run --release -p onduty --example intake_bench [-- SECONDS [FOLDER]]`
//!
//! Sixty-four senders wait for each answer before they send the next delivery of about 7 KB. The raw loop writes the
//! same rows (raw body, journal, signal) with the same settings in batches of the size that the senders filled on
//! average: no queue, no duplicates to look for, no folding, no JSON. Both take turns, because disks have moods.

#[path = "measure/raw.rs"]
mod raw;

use anyhow::Context;
use onduty::store::{IntakeOutcome, Store, journal};
use raw::{Raw, body, delivery, load, median};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SENDERS: u64 = 64;
const ROUNDS: usize = 3;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse()).context("SECONDS is not a number")?;
    let folder: PathBuf = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(folder.path(), Duration::from_secs(seconds)))
}

async fn run(folder: &Path, time: Duration) -> anyhow::Result<()> {
    println!("{}; {SENDERS} senders, {} bytes a body, {time:?} a turn", load(), body(0).len());
    let store = Store::open(&folder.join("onduty.db")).await?;
    let mut raw = Raw::open(&folder.join("raw.db")).await?;
    let next = Arc::new(AtomicU64::new(0));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let measured = senders(&store, &next, time).await?;
        let batch = measured.batch.round().max(1.0) as usize;
        let limit = raw.run(batch, time).await?;
        println!(
            "round {round}: onduty {:.0}/s, p50 {:.1} ms, p99 {:.1} ms, {:.1} a commit; raw {limit:.0}/s at {batch} a commit; ratio {:.2}",
            measured.per_second,
            measured.p50_ms,
            measured.p99_ms,
            measured.batch,
            measured.per_second / limit,
        );
        ours.push(measured.per_second);
        theirs.push(limit);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("median: onduty {ours:.0}/s, raw {theirs:.0}/s, ratio {:.2} (wanted: 0.50); {}", ours / theirs, load());
    let recorded = journal::newest(&mut store.read().await?).await?;
    anyhow::ensure!(recorded == next.load(Ordering::Relaxed) as i64, "an acknowledged delivery is not in the journal");
    Ok(())
}

struct Measured {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Deliveries a commit, on average.
    batch: f64,
}

async fn senders(store: &Store, next: &Arc<AtomicU64>, time: Duration) -> anyhow::Result<Measured> {
    let commits_before = store.intake_commits();
    let start = Instant::now();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (store, next) = (store.clone(), Arc::clone(next));
            tokio::spawn(async move {
                let mut waited = Vec::new();
                while start.elapsed() < time {
                    let intake = delivery(next.fetch_add(1, Ordering::Relaxed));
                    let sent = Instant::now();
                    let outcome = store.intake(intake).await?;
                    anyhow::ensure!(matches!(outcome, IntakeOutcome::Recorded { .. }), "taken for a duplicate");
                    waited.push(sent.elapsed().as_secs_f64() * 1e3);
                }
                Ok(waited)
            })
        })
        .collect();
    let mut waited: Vec<f64> = Vec::new();
    for sender in senders {
        waited.extend(sender.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    waited.sort_by(f64::total_cmp);
    let at = |share: f64| waited[((waited.len() - 1) as f64 * share) as usize];
    Ok(Measured {
        per_second: waited.len() as f64 / seconds,
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        batch: waited.len() as f64 / (store.intake_commits() - commits_before) as f64,
    })
}
