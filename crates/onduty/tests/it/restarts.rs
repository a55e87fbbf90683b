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
/// How long after the database is back the first delivery may be taken and the first page be there.
const RESUMES_WITHIN: Duration = Duration::from_secs(10);
/// How long anybody may wait for an answer, whatever it is.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

async fn asks(served: &Served) -> reqwest::Response {
    served.lena().request(Method::GET, "/api/v1/duties/developers").send().await.expect("an answer")
}

/// While the database is away a page says so in time, and says when to come again.
async fn fails_cleanly(served: &Served) -> Duration {
    let asked = Instant::now();
    let answer = asks(served).await;
    let waited = asked.elapsed();
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(waited < ANSWERS_WITHIN, "{waited:?}");
    waited
}

async fn is_alive(served: &Served) {
    let nobody = Person::nobody(&served.url);
    let answer = nobody.request(Method::GET, "/api/openapi.json").send().await.expect("it listens");
    assert!(answer.status().is_success(), "what needs no database is there without one");
}

/// In every single round senders and people are answered in time that the store is away, and are served again soon after
/// it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_database_is_restarted_under_load() {
    if onduty_fakes::postgres::shared().is_none() {
        return;
    }
    let rounds = if is_full() { 100 } else { 4 };
    let mut dice = Dice::for_test("restart the database");
    // Its own, because others use the shared one.
    let database = Arc::new(tokio::task::spawn_blocking(Server::start).await.unwrap().expect("the shared one started"));
    let mut served = Served::with_script("#!/bin/sh\n").and_github();
    stores::keep_in(&served.files(), database.database().url());
    served.start().await;
    let load = Load::start(&served.url, SENDERS, REST);
    let (mut failed, mut waited, mut resumed) = (Times::default(), Times::default(), Times::default());
    for round in 0..rounds {
        let enough = load.count() + SENDERS;
        eventually("more is acknowledged", async || (load.count() >= enough).then_some(())).await;
        tokio::time::sleep(dice.milliseconds(1, 400)).await;
        let refused = load.refused();
        load.longest_wait();
        let server = Arc::clone(&database);
        // A database that cannot be found is known at once, one that refuses may be just starting and is waited for.
        let goes = if round % 2 == 0 { Server::crash } else { Server::crash_and_refuse };
        tokio::task::spawn_blocking(move || goes(&server)).await.unwrap();
        failed.add_time(fails_cleanly(&served).await);
        is_alive(&served).await;
        eventually("senders are asked to come again", async || (load.refused() >= refused + SENDERS).then_some(()))
            .await;
        let server = Arc::clone(&database);
        tokio::task::spawn_blocking(move || server.start_again()).await.unwrap();
        let (back, before) = (Instant::now(), load.count());
        eventually("deliveries are taken again", async || (load.count() > before).then_some(())).await;
        eventually("pages are there again", async || asks(&served).await.status().is_success().then_some(())).await;
        assert!(back.elapsed() < RESUMES_WITHIN, "round {round}: {:?}", back.elapsed());
        resumed.add(back);
        let longest = load.longest_wait();
        assert!(longest < ANSWERS_WITHIN, "round {round}: a sender waited {longest:?}");
        waited.add_time(longest);
        assert_eq!(load.broken(), 0, "round {round}: everybody is answered");
    }
    let refused = load.refused();
    let acknowledged = load.stop().await;
    served.stop().await;
    let location = stores::location(&served.files());
    if let Err(broken) = Checker::new().check_at(&location, acknowledged.keys()).await {
        panic!("{broken}");
    }
    eprintln!(
        "PostgreSQL restarted {rounds} times under load: {} deliveries acknowledged, none lost, none doubled; {refused} asked \
         to come again",
        acknowledged.len()
    );
    for (what, mut times) in [
        ("a page says that the store is away", failed),
        ("the longest that a sender waited in a round", waited),
        ("deliveries and pages are there again", resumed),
    ] {
        let (median, longest) = times.median_and_longest();
        eprintln!("{what}: {} ms (median), {} ms (longest)", median.as_millis(), longest.as_millis());
    }
}
