//! The real server is killed and stopped at random moments: nothing acknowledged is lost, nothing is doubled, nothing is
//! rolled out twice, and it is back at once.

use crate::load::{Checker, Dice, Load, Times};
use crate::person::Person;
use crate::seed_day::{counting_script, runs};
use crate::served::Served;
use crate::stores::{self, Kind, on_both};
use crate::tools::{eventually, is_full};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How many send at the same time.
const SENDERS: usize = 16;
/// How long a sender rests after an answer: enough load to be in the middle of something at any moment.
const REST: Duration = Duration::from_millis(20);
/// How long a server may take to stop when it is asked to.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq)]
enum End {
    Killed,
    Asked,
}

/// Healthy again: half of the times within a second, never more than five. A debug build on a machine that builds other
/// things meanwhile gets more; what is promised is asked of full runs.
fn back_soon(times: &mut Times, what: &str) {
    let (median, longest) = times.median_and_longest();
    eprintln!("{what}: healthy again after {} ms (median), {} ms (longest)", median.as_millis(), longest.as_millis());
    let patience = if is_full() { 1 } else { 4 };
    assert!(median < Duration::from_secs(1) * patience, "{median:?}");
    assert!(longest < Duration::from_secs(5) * patience, "{longest:?}");
}

async fn is_healthy(served: &Served) {
    let nobody = Person::nobody(&served.url);
    eventually("it is healthy", async || {
        let answer = nobody.request(Method::GET, "/healthz").send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
}

async fn ends_again_and_again(end: End, kind: Kind, rounds: usize) {
    let what = if end == End::Killed { "kill -9" } else { "SIGTERM" };
    let what = format!("{what}, {kind:?}");
    let mut dice = Dice::for_test(&what);
    let mut served = Served::with_script("#!/bin/sh\n").and_github();
    stores::keep_in_new(&served.files(), kind);
    served.start().await;
    let load = Load::start(&served.url, SENDERS, REST);
    let mut checker = Checker::new();
    let (mut back, mut stopped) = (Times::default(), Times::default());
    for round in 0..rounds {
        let enough = load.count() + SENDERS;
        eventually("more is acknowledged", async || (load.count() >= enough).then_some(())).await;
        tokio::time::sleep(dice.milliseconds(1, 400)).await;
        if end == End::Killed {
            served.kill().await;
        } else {
            let asked = Instant::now();
            served.stop().await;
            assert!(asked.elapsed() < STOPS_WITHIN, "round {round}: {:?}", asked.elapsed());
            stopped.add(asked);
        }
        checker.check(&served, &load.acknowledged()).await;
        let started = Instant::now();
        served.start().await;
        load.goes_to(&served.url);
        is_healthy(&served).await;
        back.add(started);
    }
    let acknowledged = load.stop().await;
    served.stop().await;
    checker.check(&served, &acknowledged).await;
    assert!(acknowledged.len() > rounds * SENDERS);
    assert!(acknowledged.keys().any(|name| name.starts_with("load-3-")), "those of GitHub came through");
    eprintln!("{what}: {rounds} times, {} deliveries acknowledged, none lost, none doubled", acknowledged.len());
    if end == End::Asked {
        let (median, longest) = stopped.median_and_longest();
        eprintln!("{what}: stopped after {} ms (median), {} ms (longest)", median.as_millis(), longest.as_millis());
        let heads = std::fs::read_to_string(served.data().join("log-heads.jsonl")).expect("a stop writes the heads");
        assert!(heads.contains("developers"), "{heads}");
    }
    back_soon(&mut back, &what);
}

on_both!(
    nothing_acknowledged_is_lost_when_the_server_is_killed,
    nothing_acknowledged_is_lost_when_the_server_is_asked_to_stop,
    a_server_that_is_killed_around_a_press_never_rolls_out_twice,
);

async fn nothing_acknowledged_is_lost_when_the_server_is_killed(kind: Kind) {
    ends_again_and_again(End::Killed, kind, if is_full() { 200 } else { 8 }).await;
}

async fn nothing_acknowledged_is_lost_when_the_server_is_asked_to_stop(kind: Kind) {
    ends_again_and_again(End::Asked, kind, if is_full() { 200 } else { 8 }).await;
}

/// The attempts that the server knows, by id.
async fn attempts(served: &Served) -> Vec<Value> {
    served.lena().read(crate::day::ROLLOUTS).await.as_array().cloned().expect("a list")
}

async fn a_server_that_is_killed_around_a_press_never_rolls_out_twice(kind: Kind) {
    let rounds = if is_full() { 200 } else { 8 };
    let what = format!("kill around a press, {kind:?}");
    let mut dice = Dice::for_test(&what);
    let marker = tempfile::tempdir().unwrap();
    let marker = marker.path().join("runs");
    // It fails, so that the gate is open again for the next round.
    let mut served = Served::with_script(&format!("{}exit 1\n", counting_script(&marker)));
    stores::keep_in_new(&served.files(), kind);
    served.start().await;
    served.opens_the_gate().await;
    let mut known: BTreeSet<String> = BTreeSet::new();
    let (mut ran, mut unknown, mut unrecorded) = (0, 0, 0);
    for round in 0..rounds {
        let gate = served.gate().await;
        assert_eq!(gate["open"], true, "round {round}: {gate}");
        let body = json!({"environment": "production", "revision": gate["revision"], "diff_hash": gate["diff_hash"]});
        let press = served.lena().request(Method::POST, crate::day::ROLLOUTS).json(&body);
        let pressed = tokio::spawn(async move { press.send().await.ok().map(|answer| answer.status().as_u16()) });
        if round == 0 {
            // However busy the machine is: one of them got as far as the script.
            eventually("the script runs", async || (runs(&marker) > 0).then_some(())).await;
        } else {
            // The press takes a few milliseconds, the start of the script a few more.
            tokio::time::sleep(dice.milliseconds(0, 60)).await;
        }
        served.kill().await;
        let answered = pressed.await.unwrap();
        served.start().await;
        // Somebody who was not answered presses again: the same look is the same press.
        let again = served.lena().post(crate::day::ROLLOUTS, &body).await;
        assert!(matches!(again.status.as_u16(), 200 | 409), "round {round}: {} {}", again.status, again.text);
        let new: Vec<Value> =
            attempts(&served).await.into_iter().filter(|one| !known.contains(one["id"].as_str().unwrap())).collect();
        assert!(new.len() <= 1, "round {round}: one press made {new:?}");
        assert!(answered != Some(200) || new.len() == 1, "round {round}: an acknowledged press is gone");
        let Some(id) = new.first().and_then(|one| one["id"].as_str()).map(str::to_owned) else {
            unrecorded += 1;
            continue;
        };
        known.insert(id.clone());
        let ended = served.ended(&id).await;
        let times = runs(&marker);
        assert!(times <= ran + 1, "round {round}: the script ran {} times", times - ran);
        match ended["state"].as_str() {
            Some("failed") => assert_eq!(times, ran + 1, "round {round}: it says it ran: {ended}"),
            Some("unknown") => {
                unknown += 1;
                let body = json!({"state": "failed"});
                served.lena().post(&format!("{}/{id}/resolve", crate::day::ROLLOUTS), &body).await.expect(200);
            }
            _ => panic!("round {round}: {ended}"),
        }
        ran = times;
        let closed = served.gate().await;
        assert_eq!(closed["open"], true, "round {round}: {closed}");
    }
    served.stop().await;
    assert_eq!(runs(&marker), ran, "nothing starts later");
    assert!(ran > 0, "some of them got as far as the script");
    eprintln!("{what}: {rounds} times, {ran} scripts ran once, {unknown} unknown, {unrecorded} not recorded");
}
