//! PostgreSQL goes away and comes back under load, again and again: requests fail cleanly, it goes on by itself, nothing
//! acknowledged is lost and nothing is doubled.

use crate::load::{Checker, Dice, Load, Times};
use crate::person::Person;
use crate::served::Served;
use crate::stores;
use crate::tools::{eventually, is_full};
use onduty_fakes::postgres::Server;
use reqwest::Method;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many send at the same time.
const SENDERS: usize = 16;
/// How long a sender rests after an answer.
const REST: Duration = Duration::from_millis(100);
/// How long after the database is back the first delivery may be taken.
const RESUMES_WITHIN: Duration = Duration::from_secs(10);
/// How long a request may wait for a database that is away, before it is told so.
const FAILS_WITHIN: Duration = Duration::from_secs(10);

/// While the database is away a page says so in time, and says when to come again.
async fn fails_cleanly(served: &Served) {
    let asked = Instant::now();
    let answer = served.lena().request(Method::GET, "/api/v1/duties/developers").send().await.expect("an answer");
    let waited = asked.elapsed();
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(waited < FAILS_WITHIN, "{waited:?}");
}

async fn is_alive(served: &Served) {
    let nobody = Person::nobody(&served.url);
    let answer = nobody.request(Method::GET, "/api/openapi.json").send().await.expect("it listens");
    assert!(answer.status().is_success(), "what needs no database is there without one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_database_is_restarted_under_load() {
    if onduty_fakes::postgres::shared().is_none() {
        return;
    }
    let rounds = if is_full() { 100 } else { 3 };
    let mut dice = Dice::for_test("restart the database");
    // Its own, because others use the shared one.
    let database = Arc::new(tokio::task::spawn_blocking(Server::start).await.unwrap().expect("the shared one started"));
    let mut served = Served::with_script("#!/bin/sh\n").and_github();
    stores::keep_in(&served.files(), database.database().url());
    served.start().await;
    let load = Load::start(&served.url, SENDERS, REST);
    let mut resumed = Times::default();
    for round in 0..rounds {
        let enough = load.count() + SENDERS;
        eventually("more is acknowledged", async || (load.count() >= enough).then_some(())).await;
        tokio::time::sleep(dice.milliseconds(1, 400)).await;
        let server = Arc::clone(&database);
        if round == 0 {
            // Away for long enough to be asked meanwhile.
            tokio::task::spawn_blocking(move || server.crash()).await.unwrap();
            fails_cleanly(&served).await;
            is_alive(&served).await;
            let server = Arc::clone(&database);
            tokio::task::spawn_blocking(move || server.crash_and_restart()).await.unwrap();
        } else {
            tokio::task::spawn_blocking(move || server.crash_and_restart()).await.unwrap();
        }
        let (back, before) = (Instant::now(), load.count());
        eventually("deliveries are taken again", async || (load.count() > before).then_some(())).await;
        assert!(back.elapsed() < RESUMES_WITHIN, "round {round}: {:?}", back.elapsed());
        resumed.add(back);
    }
    let acknowledged = load.stop().await;
    served.stop().await;
    let location = stores::location(&served.files());
    if let Err(broken) = Checker::new().check_at(&location, acknowledged.keys()).await {
        panic!("{broken}");
    }
    let (median, longest) = resumed.median_and_longest();
    eprintln!(
        "PostgreSQL restarted {rounds} times under load: {} deliveries acknowledged, none lost, none doubled; goes on after \
         {} ms (median), {} ms (longest)",
        acknowledged.len(),
        median.as_millis(),
        longest.as_millis()
    );
}
