//! The disk is full, read-only or broken for a while: senders are asked to come again, nothing acknowledged is lost,
//! nothing is doubled, and the same process goes on when the disk does.

use crate::faults::{Disk, Fault};
use crate::load::{Checker, Dice, Load};
use crate::person::Person;
use crate::served::Served;
use crate::tools::{eventually, is_full};
use reqwest::Method;
use std::time::Duration;

const SENDERS: usize = 8;
const REST: Duration = Duration::from_millis(20);
const FAULTS: [Fault; 5] = [Fault::DiskFull, Fault::WritesFail, Fault::SyncsFail, Fault::ReadOnly, Fault::HalfWrites];

/// Whether `/healthz` answers so.
async fn says(served: &Served, status: u16, store: &str) -> Option<()> {
    let answer = Person::nobody(&served.url).request(Method::GET, "/healthz").send().await.ok()?;
    (answer.status() == status).then_some(())?;
    let health: serde_json::Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
    (health["store"] == store).then_some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_refuses_for_a_while_loses_and_doubles_nothing() {
    let rounds = if is_full() { 50 } else { 5 };
    let mut dice = Dice::for_test("disk faults");
    let (mut served, disk) = Disk::under(Served::with_script("#!/bin/sh\n").and_github(), false);
    served.start().await;
    let load = Load::start(&served.url, SENDERS, REST);
    for round in 0..rounds {
        let fault = FAULTS[round % FAULTS.len()];
        let enough = load.count() + 4 * SENDERS;
        eventually("more is acknowledged", async || (load.count() >= enough).then_some(())).await;
        disk.does(fault);
        let refused = load.refused() + SENDERS;
        eventually(&format!("{fault:?}: senders are asked to come again"), async || {
            (load.refused() > refused).then_some(())
        })
        .await;
        // Whoever was under way before the fault has been answered by now.
        let acknowledged = load.count();
        tokio::time::sleep(dice.milliseconds(1, 300)).await;
        assert_eq!(load.count(), acknowledged, "{fault:?}: nothing is acknowledged that cannot be kept");
        let refusing = format!("{fault:?}: /healthz says so");
        eventually(&refusing, async || says(&served, 503, "refusing to write").await).await;
        // What was there can still be read.
        served.lena().read("/api/v1/duties/developers").await;
        disk.does(Fault::Fine);
        eventually(&format!("{fault:?}: it goes on by itself"), async || {
            (load.count() > acknowledged + 2 * SENDERS).then_some(())
        })
        .await;
        eventually("/healthz says that it is over", async || says(&served, 200, "answering").await).await;
    }
    let refused = load.refused();
    let acknowledged = load.stop().await;
    let mut checker = Checker::new();
    served.kill().await;
    checker.check(&served, &acknowledged).await;
    let count = acknowledged.len();
    eprintln!("disk faults: {rounds} faults, {refused} refused, {count} acknowledged, none lost, none doubled");
}
