//! The power fails: at thousands of moments, with whatever a disk may then hold, every acknowledged delivery is there
//! and the log book's chain is whole. The same store without its syncs loses some, which shows that the test can see it.

use crate::faults::{DATABASE, Disk, Fault, Record, WAL, What};
use crate::load::{Checker, Dice, Load, beside};
use crate::platter::{Arrived, Platter};
use crate::served::Served;
use crate::tools::{eventually, is_full};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SENDERS: usize = 16;
const REST: Duration = Duration::from_millis(10);

/// What a server did to its disk, and which deliveries it acknowledged when.
struct Recording {
    records: Vec<Record>,
    acknowledged: Vec<(u64, String)>,
}

/// Records a server under load: it is killed once, the disk refuses to sync for a while, and it is asked to stop.
async fn record(environment: &[(&'static str, &str)], enough: usize) -> Recording {
    let mut served = Served::with_script("#!/bin/sh\n").and_github();
    for (name, value) in environment {
        served = served.with(name, (*value).to_owned());
    }
    let (mut served, disk) = Disk::under(served, true);
    served.start().await;
    let load = Load::start(&served.url, SENDERS, REST);
    let reach = async |count: usize| {
        eventually("enough is acknowledged", async || (load.count() >= count).then_some(())).await;
    };
    reach(enough / 3).await;
    served.kill().await;
    served.start().await;
    load.goes_to(&served.url);
    reach(enough / 2).await;
    disk.does(Fault::SyncsFail);
    // A store that does not sync does not notice.
    if environment.is_empty() {
        eventually("senders are refused", async || (load.refused() > SENDERS).then_some(())).await;
    }
    disk.does(Fault::Fine);
    reach(enough).await;
    let acknowledged = load.stop().await;
    served.stop().await;
    let records = disk.records();
    is_faithful(&records, &served);
    let mut acknowledged: Vec<(u64, String)> = acknowledged.into_iter().map(|(name, at)| (at, name)).collect();
    acknowledged.sort();
    Recording { records, acknowledged }
}

/// Everything recorded makes the file that is there: nothing was overlooked.
fn is_faithful(records: &[Record], served: &Served) {
    let mut dice = Dice::for_test("is faithful");
    let mut platter = Platter::before(records);
    // What a failed sync forgot on this disk was not forgotten on the real one.
    let mut whole: Vec<u8> = Vec::new();
    for record in records {
        platter.step(&mut dice);
        if record.file == DATABASE && record.what == What::Write {
            whole.resize(whole.len().max(record.offset + record.length), 0);
            whole[record.offset..record.offset + record.length].copy_from_slice(&record.bytes);
        } else if record.file == DATABASE && record.what == What::Truncate {
            whole.resize(record.length, 0);
        }
    }
    let real = std::fs::read(served.data().join("onduty.db")).expect("the store");
    assert!(whole == real, "the recording has {} bytes, the file {}", whole.len(), real.len());
}

/// Where to cut: half of them anywhere, half of them next to a sync or in a checkpoint, where it matters most.
fn cut_points(records: &[Record], count: usize, dice: &mut Dice) -> BTreeSet<usize> {
    let near = |at: &usize| {
        let around = &records[at.saturating_sub(1)..(at + 1).min(records.len())];
        around.iter().any(|record| record.what != What::Write || record.file != WAL)
    };
    let delicate: Vec<usize> = (1..=records.len()).filter(near).collect();
    let mut cuts = BTreeSet::from([records.len()]);
    while cuts.len() < count.min(records.len()) {
        let below = |dice: &mut Dice, bound: usize| usize::try_from(dice.below(bound as u64)).unwrap();
        cuts.insert(below(dice, records.len()) + 1);
        if !delicate.is_empty() && cuts.len() < count {
            cuts.insert(delicate[below(dice, delicate.len())]);
        }
    }
    cuts
}

/// What is wrong with the stores of disks whose power failed at `count` moments, by moment.
async fn losses(recording: &Recording, count: usize, dice: &mut Dice) -> BTreeMap<usize, String> {
    let Recording { records, acknowledged } = recording;
    let folder = Some(std::path::Path::new("/dev/shm")).filter(|memory| memory.is_dir());
    let folder = folder.map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("a folder");
    let mut platter = Platter::before(records);
    let mut losses = BTreeMap::new();
    for (number, cut) in cut_points(records, count, dice).into_iter().enumerate() {
        while platter.at < cut {
            platter.step(dice);
        }
        let arrived = Arrived::turn(number);
        // Each disk in a folder of its own: nothing that is still open can reach the next one.
        let disk = folder.path().join(cut.to_string());
        std::fs::create_dir(&disk).expect("a folder");
        let path = disk.join("onduty.db");
        platter.write(&path, arrived, dice);
        // Opening the store changes them.
        let sizes =
            ["", "-wal", "-journal"].map(|ending| std::fs::metadata(beside(&path, ending)).map(|file| file.len()).ok());
        // Whoever was answered before the next thing happened to the disk was answered for what is on it now.
        let now = records.get(cut).map_or(u64::MAX, |next| next.begun);
        let answered = &acknowledged[..acknowledged.partition_point(|(at, _)| *at < now)];
        let checked = Checker::new().check_file(&path, answered.iter().map(|(_, name)| name)).await;
        if let Err(wrong) = checked {
            let wrong: String = wrong.chars().take(300).collect();
            let last = records[cut.saturating_sub(3)..cut].iter().map(|last| (last.what, last.file, last.failed));
            let last: Vec<_> = last.collect();
            losses.insert(cut, format!("{arrived:?} arrived; sizes {sizes:?}, after {last:?}: {wrong}"));
        }
        std::fs::remove_dir_all(&disk).expect("the folder of the test");
    }
    losses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_fails() {
    let mut dice = Dice::for_test("power loss");
    let (cuts, enough) = if is_full() { (2_000, 3_000) } else { (60, 1_800) };
    let recording = record(&[], enough).await;
    let is_checkpoint = |record: &&Record| record.file == DATABASE && record.what == What::Sync;
    let until = recording.acknowledged.last().expect("some were acknowledged").0;
    let checkpoints = recording.records.iter().filter(|record| record.begun < until).filter(is_checkpoint).count();
    assert!(checkpoints > 1, "the log was never carried over into the database under load: {checkpoints}");
    let losses = losses(&recording, cuts, &mut dice).await;
    assert!(losses.is_empty(), "{losses:#?}");
    let (records, acknowledged) = (recording.records.len(), recording.acknowledged.len());
    eprintln!("power loss: {cuts} moments among {records} writes and syncs, {acknowledged} acknowledged, none lost");
    eprintln!("power loss: {checkpoints} times the database was synced under load");
}

/// Only a debug build can be told to be careless.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_sync_each_commit_is_found_out() {
    let mut dice = Dice::for_test("power loss of a careless store");
    let recording = record(&[("ONDUTY_TEST_SYNCHRONOUS_NORMAL", "1")], 300).await;
    let losses = losses(&recording, 60, &mut dice).await;
    let lost = losses.values().filter(|wrong| wrong.contains("acknowledged and lost")).count();
    assert!(lost >= 10, "{losses:#?}");
    eprintln!("power loss of a careless store: acknowledged deliveries are lost at {lost} of 60 moments");
}
