//! What arrives at the hooks: only what is signed, each thing once, nothing lost that was acknowledged.

use crate::day::{Day, GITHUB_SECRET, SIGNALS_SECRET, Setting};
use crate::person::{Answer, Person};
use crate::served::Served;
use onduty::clock::real_now;
use onduty::store;
use onduty_fakes::{Channel, Fault, sign};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

async fn quiet_day() -> Day {
    Day::set(Setting { tasks: false, ..Setting::default() }).await
}

/// A raw request to a hook.
async fn send(day: &Day, source: &str, headers: &[(&str, String)], body: &[u8]) -> Answer {
    let mut request = Person::nobody(&day.url).request(Method::POST, &format!("/hooks/{source}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    Answer::of(request.body(body.to_vec()).send().await.expect("the server answers")).await
}

fn signed(secret: &str, id: &str, at: i64, body: &[u8]) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", sign::standard(secret, id, at, body)),
    ]
}

fn by_github(secret: &str, event: &str, delivery: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/json".to_owned()),
        ("x-github-event", event.to_owned()),
        ("x-github-delivery", delivery.to_owned()),
        ("x-hub-signature-256", sign::github(secret, body)),
    ]
}

fn without(mut headers: Vec<(&'static str, String)>, name: &str) -> Vec<(&'static str, String)> {
    headers.retain(|(known, _)| *known != name);
    headers
}

fn with(headers: Vec<(&'static str, String)>, name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    let mut headers = without(headers, name);
    headers.push((name, value.to_owned()));
    headers
}

/// How many records the journal has.
async fn recorded(day: &Day) -> i64 {
    store::journal::newest(&mut day.app.store.read().await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_signed_changes_nothing_and_learns_nothing() {
    let day = quiet_day().await;
    let before = recorded(&day).await;
    let body = json!({"type": "signal", "kind": "certificate", "subject": "x", "state": "ok"}).to_string();
    let (body, now) = (body.as_bytes(), real_now().as_second());
    let good = || signed(SIGNALS_SECRET, "msg_1", now, body);
    let github = || by_github(GITHUB_SECRET, "ping", "1", body);
    let old = now - 301;
    let refused: Vec<(&str, &str, Vec<(&'static str, String)>)> = vec![
        ("nothing at all", "signals", vec![]),
        ("no signature", "signals", without(good(), "webhook-signature")),
        ("no id", "signals", without(good(), "webhook-id")),
        ("no time", "signals", without(good(), "webhook-timestamp")),
        ("another secret", "signals", signed("another secret of signals", "msg_1", now, body)),
        ("another id", "signals", with(good(), "webhook-id", "msg_2")),
        ("another time", "signals", with(good(), "webhook-timestamp", &(now - 1).to_string())),
        ("another body", "signals", signed(SIGNALS_SECRET, "msg_1", now, b"{}")),
        ("signed long ago", "signals", signed(SIGNALS_SECRET, "msg_1", old, body)),
        ("signed in the future", "signals", signed(SIGNALS_SECRET, "msg_1", now + 400, body)),
        ("a time that is none", "signals", with(good(), "webhook-timestamp", "soon")),
        ("an empty signature", "signals", with(good(), "webhook-signature", "v1,")),
        ("another version", "signals", with(good(), "webhook-signature", "v9,AAAA")),
        ("no signature of GitHub", "github", without(github(), "x-hub-signature-256")),
        ("another secret of GitHub", "github", by_github("another secret", "ping", "1", body)),
        ("the old way to sign", "github", with(github(), "x-hub-signature-256", "sha1=00")),
        ("signals signed like GitHub", "signals", by_github(SIGNALS_SECRET, "ping", "1", body)),
        ("GitHub signed like signals", "github", signed(GITHUB_SECRET, "msg_1", now, body)),
        ("an unknown source", "nosuch", good()),
    ];
    let mut answers = BTreeSet::new();
    for (what, source, headers) in refused {
        let answer = send(&day, source, &headers, body).await;
        assert_eq!(answer.status.as_u16(), 404, "{what}: {}", answer.text);
        answers.insert(answer.text);
    }
    assert_eq!(answers.len(), 1, "an unknown source and a wrong signature look the same: {answers:?}");
    assert_eq!(recorded(&day).await, before);
    send(&day, "signals", &good(), body).await.expect(202);
    assert_eq!(recorded(&day).await, before + 1);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_thing_counts_once() {
    let day = quiet_day().await;
    let now = real_now().as_second();
    let body = json!({"type": "signal", "kind": "certificate", "subject": "x", "state": "ok"}).to_string();
    let body = body.as_bytes();
    let first = send(&day, "signals", &signed(SIGNALS_SECRET, "msg_1", now, body), body).await.expect(202).json();
    assert_eq!(first, json!({"result": "recorded", "observations": 1}));
    let before = recorded(&day).await;
    for at in [now, now - 10] {
        let again = send(&day, "signals", &signed(SIGNALS_SECRET, "msg_1", at, body), body).await.expect(200);
        assert_eq!(again.json(), json!({"result": "duplicate"}));
    }
    assert_eq!(recorded(&day).await, before);
    // A sender that says the same once more, under its own new id, says that it is still so.
    send(&day, "signals", &signed(SIGNALS_SECRET, "msg_2", now, body), body).await.expect(202);

    // GitHub's ids are not signed: the body itself says that it is the same.
    day.world.spoil_next(Channel::Github, Fault::Duplicate);
    let sent = day.world.github().main().fails("lint").await;
    let statuses = sent.statuses();
    assert_eq!(statuses[..2], [202, 200], "{sent:?}");
    assert!(statuses[2..].iter().all(|status| *status == 202), "the end of the check is news: {statuses:?}");
    day.end().await;
}

/// However long the store is busy with something else, a sender hears within five seconds that it has to come again. What a
/// sender sent that hung up is kept all the same. The engine hears of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_is_answered_in_time_and_what_it_left_is_acted_on() {
    let day = quiet_day().await;
    let now = real_now().as_second();
    for (number, patience) in [Duration::from_millis(300), Duration::from_secs(30)].into_iter().enumerate() {
        while tokio::time::timeout(Duration::from_millis(200), day.app.bus.observed()).await.is_ok() {}
        let before = recorded(&day).await;
        let body =
            json!({"type": "signal", "kind": "certificate", "subject": number.to_string(), "state": "ok"}).to_string();
        let headers = signed(SIGNALS_SECRET, "msg_1", now, body.as_bytes());
        let busy = day.app.store.begin().await.unwrap();
        let mut request = crate::person::client(patience).post(format!("{}/hooks/signals", day.url));
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let asked = Instant::now();
        let answer = request.body(body.clone()).send().await;
        drop(busy);
        let heard = || tokio::time::timeout(Duration::from_secs(20), day.app.bus.observed());
        if number == 0 {
            assert!(answer.is_err_and(|gone| gone.is_timeout()), "it hung up");
            heard().await.expect("the engine hears of it");
            let again = send(&day, "signals", &headers, body.as_bytes()).await.expect(200);
            assert_eq!(again.json(), json!({"result": "duplicate"}));
        } else {
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
            let answer = Answer::of(answer.expect("an answer")).await.expect(503);
            assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
            // Whether it was kept meanwhile or is only now: once.
            let again = send(&day, "signals", &headers, body.as_bytes()).await;
            assert!(again.status.is_success(), "{again:?}");
            heard().await.expect("the engine hears of it");
        }
        assert_eq!(recorded(&day).await, before + 1);
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_arrival_does_not_matter() {
    let day = quiet_day().await;
    day.at("10:00").await;
    // It starts, fails, is run again and passes; the failure arrives last.
    let main = day.world.github().main();
    day.world.spoil_next(Channel::Github, Fault::Reorder);
    let _ = main.fails("lint").await;
    day.at("10:01").await;
    let _ = main.passes("lint").await;
    day.pass().await;
    let state = day.now().await;
    let step = state["steps"].as_array().unwrap().iter().find(|step| step["id"] == "main-green").unwrap().clone();
    assert_eq!(step["state"], "fine", "{step}");
    // The same the other way round: red stays red though an older green arrives after it.
    let revision = main.head();
    let build = |attempt: u32, state: &str| {
        json!({"type": "build", "repository": "acme/shop", "branch": "main", "revision": revision, "name": "e2e",
            "state": state, "attempt": attempt, "started_at": "2026-03-02T09:30:00Z"})
    };
    day.at("10:02").await;
    for (attempt, state) in [(9, "failed"), (8, "passed"), (9, "running")] {
        assert!(day.world.signals().send_body(build(attempt, state)).await.accepted());
    }
    day.pass().await;
    assert_eq!(day.items("main-green").await.len(), 1);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_says_nothing_is_still_answered_well() {
    let day = quiet_day().await;
    for (event, body) in [
        ("ping", json!({"zen": "Keep it logically awesome.", "hook_id": 1})),
        ("star", json!({"action": "created"})),
        ("something-of-next-year", json!({"action": "created"})),
        ("workflow_job", json!({"action": "queued"})),
    ] {
        let body = body.to_string();
        let headers = by_github(GITHUB_SECRET, event, event, body.as_bytes());
        let answer = send(&day, "github", &headers, body.as_bytes()).await;
        assert!(answer.status.is_success(), "{event}: {}", answer.text);
        let json = answer.json();
        assert_eq!(json["result"], "ignored", "{event}: {json}");
        assert!(json["why"].as_str().is_some_and(|why| !why.is_empty()), "{json}");
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_bodies_are_refused_kindly() {
    let day = quiet_day().await;
    let before = recorded(&day).await;
    let now = real_now().as_second();
    let deep =
        |depth: usize| format!("{{\"type\":\"signal\",\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", b"".to_vec()),
        ("not JSON", b"{".to_vec()),
        ("not text", b"{\"type\":\"signal\",\"kind\":\"\xff\xfe\"}".to_vec()),
        ("half a pair", br#"{"type":"signal","kind":"a","subject":"\ud800","state":"ok"}"#.to_vec()),
        ("deep", deep(100_000)),
        ("another type", br#"{"type":"nosuch"}"#.to_vec()),
        ("a list", b"[]".to_vec()),
        ("a field is missing", br#"{"type":"signal","kind":"certificate","state":"ok"}"#.to_vec()),
        (
            "a time of another planet",
            br#"{"type":"signal","kind":"a","subject":"b","state":"ok","at":"tomorrow"}"#.to_vec(),
        ),
    ];
    for (what, body) in &bodies {
        let answer = send(&day, "signals", &signed(SIGNALS_SECRET, what, now, body), body).await;
        assert_eq!(answer.status.as_u16(), 400, "{what}: {}", answer.text);
        assert!(answer.json()["error"].as_str().unwrap().contains("cannot be read"), "{what}: {}", answer.text);
        let answer = send(&day, "github", &by_github(GITHUB_SECRET, "check_run", what, body), body).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{what} from GitHub: {} {}", answer.status, answer.text);
    }
    // One byte more than what is taken; the last that is taken is read and refused for what it says.
    let limit = 5 * 1024 * 1024;
    for (size, status) in [(limit + 1, 413), (limit, 400)] {
        let body = vec![b' '; size];
        let answer = send(&day, "signals", &signed(SIGNALS_SECRET, "large", now, &body), &body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        let json = answer.json();
        assert!(json["error"].as_str().is_some_and(|text| text.len() > 10) && json["todo"].is_string(), "{json}");
    }
    assert_eq!(recorded(&day).await, before);
    day.world.signals().contact(&["certificate"]).await.accepted().then_some(()).expect("it goes on");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_replaced_without_a_gap() {
    let script = "#!/bin/sh\n";
    let mut served = Served::with_script(script);
    let new = "the new secret of signals";
    std::fs::write(served.files().join("secrets/signals"), format!("{new}\n{}\n", crate::served::SECRET)).unwrap();
    served.start().await;
    let body = json!({"type": "signal", "kind": "certificate", "subject": "x", "state": "ok"});
    assert_eq!(served.signal("by-the-old-one", &body).await, Some(202));
    let text = body.to_string();
    let mut request = Person::nobody(&served.url).request(Method::POST, "/hooks/signals");
    for (name, value) in signed(new, "by-the-new-one", real_now().as_second(), text.as_bytes()) {
        request = request.header(name, value);
    }
    assert_eq!(request.body(text).send().await.unwrap().status().as_u16(), 202);
    std::fs::write(served.files().join("secrets/signals"), format!("{new}\n")).unwrap();
    served.kill().await;
    served.start().await;
    assert_eq!(served.signal("by-the-old-one-again", &body).await, Some(404), "it was taken back");
    served.stop().await;
}
