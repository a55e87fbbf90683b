//! New Relic and Datadog, asked by `onduty perf compare --source`: played by fakes that are held to what is documented.

use crate::tools::{Said, onduty, write_private};
use onduty_fakes::datadog::{self, Datadog};
use onduty_fakes::newrelic::{self, NewRelic};
use onduty_fakes::trouble::Trouble;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// Wednesday, 4 March 2026, 16:00 UTC.
const ROLLOUT_MS: i64 = 1_772_640_000_000;
const KEY: &str = "NRAK-0123456789abcdef";
const OTHER_KEY: &str = "dd-application-0123456789";
const ACCOUNT: u64 = 1_234_567;
const NAMES: [&str; 6] = ["GET /slower", "GET /failing", "GET /a", "POST /b\"} or 1=1", "GET /c", "<b>\u{1b}[31m"];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_private(&folder.path().join("key"), KEY);
    write_private(&folder.path().join("other"), OTHER_KEY);
    folder
}

async fn new_relic() -> NewRelic {
    let fake = NewRelic::start(KEY, ACCOUNT).await.unwrap();
    for (at, name) in NAMES.into_iter().enumerate() {
        let (per_minute, median_ms) = (40 + at as u64, 20.0 * (at as f64 + 1.0));
        fake.asks(newrelic::Asked { service: "shop".to_owned(), name: name.to_owned(), per_minute, median_ms });
    }
    fake.asks(newrelic::Asked { service: "other".to_owned(), name: "/x".to_owned(), per_minute: 9, median_ms: 9.0 });
    fake
}

async fn datadog() -> Datadog {
    let fake = Datadog::start(KEY, OTHER_KEY).await.unwrap();
    for (at, name) in NAMES.into_iter().enumerate() {
        let (per_minute, median_ms) = (40 + at as u64, 20.0 * (at as f64 + 1.0));
        fake.asks(datadog::Asked { service: "shop".to_owned(), name: name.to_owned(), per_minute, median_ms });
    }
    fake
}

fn write_config(folder: &Path, source: &str, config: &str) {
    std::fs::write(folder.join("onduty.yml"), format!("sources: {{{source}: {{{config}}}}}\n")).unwrap();
}

async fn compare(folder: &Path, source: &str, more: &[&str]) -> Said {
    let has_rollout = more.contains(&"--rollout");
    let rollout = if has_rollout { &[][..] } else { &["--rollout", "2026-03-04T16:00:00Z"] };
    onduty(folder, &[], &[&["perf", "compare", "--source", source], rollout, more].concat()).await
}

fn new_relic_config(fake: &NewRelic) -> String {
    format!("url: '{}', account: {ACCOUNT}, token_file: key, applications: [shop, \"o'neill\"]", fake.url())
}

async fn ask_new_relic(fake: &NewRelic, folder: &Path, more: &[&str]) -> Said {
    write_config(folder, "newrelic", &new_relic_config(fake));
    compare(folder, "newrelic", more).await
}

async fn ask_datadog(fake: &Datadog, folder: &Path, more: &[&str]) -> Said {
    let config = format!(
        "url: '{}', api_key_file: key, application_key_file: other, metric: trace.http.request, filter: {{env: production}}",
        fake.url()
    );
    write_config(folder, "datadog", &config);
    compare(folder, "datadog", more).await
}

/// The slower one is named, with what it costs, beside the one that fails.
fn check(said: &Said) {
    assert_eq!(said.code, 1, "{said:?}");
    let rows = said.json();
    let rows = rows.as_array().unwrap();
    let named = |verdict: &str| -> Vec<&str> {
        let found = rows.iter().filter(|row| row["verdict"] == verdict);
        found.map(|row| row["endpoint"].as_str().unwrap()).collect()
    };
    assert_eq!(named("regressed"), ["shop|GET /slower"], "{said:?}");
    assert_eq!(named("unchanged").len(), NAMES.len() - 1, "{said:?}");
    let slower = &rows[0];
    let effect = slower["effect"].as_f64().unwrap();
    assert!((effect - 0.4).abs() < 0.04, "{slower}");
    assert_eq!(slower["reasons"][0]["reason"], "earlier_days");
    // 40 a minute, and a median of 20 ms.
    assert_eq!((&slower["before"]["n"], &slower["after"]["n"]), (&2400.into(), &2400.into()), "{slower}");
    let median = slower["before"]["p50_ms"].as_f64().unwrap();
    assert!((median / 20.0 - 1.0).abs() < 0.05, "{slower}");
    let failing = |row: &&Value| !row["failing"].is_null();
    let failing: Vec<&Value> = rows.iter().filter(failing).map(|row| &row["endpoint"]).collect();
    assert_eq!(failing, ["shop|GET /failing"], "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_relic_tells_which_transaction_got_slower() {
    let (folder, fake) = (folder(), new_relic().await);
    fake.slower(ROLLOUT_MS, 0, 1.4);
    let whole = ask_new_relic(&fake, folder.path(), &["--json"]).await;
    check(&whole);
    assert_eq!(whole.err, "");
    let asked = fake.asked();
    assert!(asked.iter().all(|nrql| nrql.contains("AND appName IN ('shop', 'o\\'neill')")), "{asked:?}");
    // What takes too long is asked in parts, and says the same.
    fake.oddity(Some(newrelic::Oddity::TooSlow(6)));
    let parts = ask_new_relic(&fake, folder.path(), &["--json"]).await;
    assert_eq!((parts.code, &parts.out), (1, &whole.out), "{parts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn datadog_tells_which_resource_got_slower() {
    let (folder, fake) = (folder(), datadog().await);
    fake.slower(ROLLOUT_MS, 0, 1.4);
    let whole = ask_datadog(&fake, folder.path(), &["--json"]).await;
    check(&whole);
    assert_eq!(whole.err, "");
    let hour = 3_600_000;
    for oddity in [datadog::Oddity::TooSlow(hour / 2), datadog::Oddity::Milliseconds] {
        fake.oddity(Some(oddity));
        let again = ask_datadog(&fake, folder.path(), &["--json"]).await;
        assert_eq!((again.code, &again.out), (1, &whole.out), "{oddity:?} {again:?}");
    }
    // The minute of the rollout is before and after it, and counts nowhere.
    let at_half = ask_datadog(&fake, folder.path(), &["--json", "--rollout", "2026-03-04T16:00:30Z"]).await.json();
    assert_eq!(at_half[0]["before"]["n"], 59 * 40, "{at_half}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_of_either_is_no_answer() {
    let (folder, new_relic, datadog) = (folder(), new_relic().await, datadog().await);
    let mut told = String::new();
    for trouble in Trouble::ALL {
        // The APIs have no pages.
        if !matches!(trouble, Trouble::Loop | Trouble::SamePage | Trouble::LaterPage) {
            new_relic.trouble(Some(trouble));
            datadog.trouble(Some(trouble));
            for said in
                [ask_new_relic(&new_relic, folder.path(), &[]).await, ask_datadog(&datadog, folder.path(), &[]).await]
            {
                assert_eq!(said.out, "", "{trouble:?} {said:?}");
                writeln!(told, "{trouble:?} {} {}", said.code, said.err.trim()).unwrap();
            }
        }
    }
    new_relic.trouble(None);
    datadog.trouble(None);
    use datadog::Oddity as Of;
    use newrelic::Oddity;
    for oddity in [Oddity::TooSlow(0), Oddity::ErrorInside, Oddity::NoData, Oddity::NoTotal, Oddity::NoTimes] {
        new_relic.oddity(Some(oddity));
        let said = ask_new_relic(&new_relic, folder.path(), &[]).await;
        assert_eq!(said.out, "", "{oddity:?} {said:?}");
        writeln!(told, "newrelic {oddity:?} {} {}", said.code, said.err.trim()).unwrap();
    }
    for oddity in [Of::TooSlow(0), Of::ErrorInside, Of::ShortValues, Of::OtherQuery, Of::NoTotal] {
        datadog.oddity(Some(oddity));
        let said = ask_datadog(&datadog, folder.path(), &[]).await;
        assert_eq!(said.out, "", "{oddity:?} {said:?}");
        writeln!(told, "datadog {oddity:?} {} {}", said.code, said.err.trim()).unwrap();
    }
    new_relic.oddity(None);
    datadog.oddity(None);
    // The hours before are there, and each part of the hour after says zero.
    new_relic.until(ROLLOUT_MS + 300_000);
    datadog.until(ROLLOUT_MS + 300_000);
    for said in [ask_new_relic(&new_relic, folder.path(), &[]).await, ask_datadog(&datadog, folder.path(), &[]).await] {
        writeln!(told, "not yet {} {}", said.code, said.err.trim()).unwrap();
    }
    new_relic.since(ROLLOUT_MS + 24 * 3_600_000);
    let said = ask_new_relic(&new_relic, folder.path(), &[]).await;
    writeln!(told, "nothing {} {}", said.code, said.err.trim()).unwrap();
    write_private(&folder.path().join("key"), "another-key-than-that");
    for said in [ask_new_relic(&new_relic, folder.path(), &[]).await, ask_datadog(&datadog, folder.path(), &[]).await] {
        writeln!(told, "key {} {}", said.code, said.err.trim()).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    TooMany 3 newrelic could not be reached: 127.0.0.1 asks to wait 1 s
    TooMany 3 datadog could not be reached: 127.0.0.1 asks to wait 1 s
    Broken 3 newrelic refused with status 500: {"detail":"Internal Error"}
    Broken 3 datadog refused with status 500: {"detail":"Internal Error"}
    BadGateway 3 newrelic refused with status 502: a web page
    BadGateway 3 datadog refused with status 502: a web page
    Cut 3 newrelic could not be reached: no answer from 127.0.0.1
    Cut 3 datadog could not be reached: no answer from 127.0.0.1
    Empty 2 newrelic cannot be read: data.actor.account.nrql is missing or wrong; expected the results of a query
    Empty 2 datadog cannot be read: columns is missing or wrong; expected a column of numbers beside one for each tag
    WrongTypes 2 newrelic cannot be read: data.actor.account.nrql is missing or wrong; expected the results of a query
    WrongTypes 2 datadog cannot be read: the answer is missing or wrong; expected JSON of Datadog's API
    Endless 3 newrelic could not be reached: the answer from 127.0.0.1 is larger than 67108864 bytes
    Endless 3 datadog could not be reached: the answer from 127.0.0.1 is larger than 67108864 bytes
    Redirect 2 newrelic refused with status 302: null
    Redirect 2 datadog refused with status 302: null
    Refuses 2 newrelic refused with status 403: {"detail":"You do not have permission"}
    Refuses 2 datadog refused with status 403: {"detail":"You do not have permission"}
    Unauthorized 2 newrelic refused with status 401: {"detail":"Invalid token"}
    Unauthorized 2 datadog refused with status 401: {"detail":"Invalid token"}
    HalfJson 2 newrelic cannot be read: the answer is missing or wrong; expected JSON of NerdGraph
    HalfJson 2 datadog cannot be read: the answer is missing or wrong; expected JSON of Datadog's API
    WebPage 2 newrelic cannot be read: the answer is missing or wrong; expected JSON of NerdGraph
    WebPage 2 datadog cannot be read: the answer is missing or wrong; expected JSON of Datadog's API
    newrelic TooSlow(0) 3 newrelic could not be reached: Your query timed out
    newrelic ErrorInside 2 newrelic refused with status 200: NRDB:  [31mshards are away
    newrelic NoData 2 newrelic cannot be read: data.actor.account.nrql is missing or wrong; expected the results of a query
    newrelic NoTotal 2 newrelic cannot be read: totalResult is missing or wrong; expected the counts of all rows
    newrelic NoTimes 2 newrelic cannot be read: results is missing or wrong; expected beginTimeSeconds and endTimeSeconds in each row
    datadog TooSlow(0) 3 datadog refused with status 504: {"errors":["Gateway Timeout"]}
    datadog ErrorInside 2 datadog refused with status 200: the query  [31mfailed
    datadog ShortValues 2 datadog cannot be read: values is missing or wrong; expected a value or null for each time, for each series
    datadog OtherQuery 2 datadog cannot be read: query_index is missing or wrong; expected the number of a query that was asked
    datadog NoTotal 2 datadog cannot be read: columns is missing or wrong; expected a column of numbers beside one for each tag
    not yet 2 newrelic has no web transactions of shop, o'neill in the window after the rollout
    not yet 2 datadog has no `trace.http.request` with these tags in the window after the rollout
    nothing 2 newrelic has no web transactions of shop, o'neill around the rollout
    key 2 newrelic refused with status 401: {"errors":[{"message":"The API key provided is invalid"}]}
    key 2 datadog refused with status 403: {"errors":["Forbidden"]}
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_do_not_say_how_they_were_answered_are_said_and_never_fine() {
    let (folder, new_relic, datadog) = (folder(), new_relic().await, datadog().await);
    assert_eq!(ask_new_relic(&new_relic, folder.path(), &[]).await.code, 0);
    assert_eq!(ask_datadog(&datadog, folder.path(), &[]).await.code, 0);
    new_relic.oddity(Some(newrelic::Oddity::LittleStatus));
    datadog.oddity(Some(datadog::Oddity::NoStatus));
    let (new_relic, datadog) =
        (ask_new_relic(&new_relic, folder.path(), &[]).await, ask_datadog(&datadog, folder.path(), &[]).await);
    assert_eq!((new_relic.code, datadog.code), (1, 1), "{new_relic:?} {datadog:?}");
    insta::assert_snapshot!(new_relic.err + &datadog.err, @r"
    no status: 67 % of requests have no `httpResponseCode`, which says how they were answered, so that nobody knows whether more of them fail; name what they have instead in onduty.yml
    no status: 100 % of requests have no `http.status_code`, which says how they were answered, so that nobody knows whether more of them fail; name what they have instead in onduty.yml
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_endpoints_than_are_asked_for_are_said() {
    let (folder, new_relic, datadog) = (folder(), new_relic().await, datadog().await);
    for said in [
        ask_new_relic(&new_relic, folder.path(), &["--endpoints", "3", "--json"]).await,
        ask_datadog(&datadog, folder.path(), &["--endpoints", "3", "--json"]).await,
    ] {
        let rows = said.json();
        let names: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["endpoint"].as_str().unwrap()).collect();
        assert_eq!(names, ["shop|<b>\u{1b}[31m", "shop|GET /c", "shop|POST /b\"} or 1=1"], "{said:?}");
        assert!(said.err.starts_with("too many endpoints: 3 quiet ones with "), "{said:?}");
        // What nobody looked at is not fine.
        assert_eq!(said.code, 1, "{said:?}");
    }
    // Unless the instance's file says that half of it is enough.
    let config = new_relic_config(&new_relic);
    let text = format!("sources: {{newrelic: {{{config}}}}}\nperformance: {{covered: 50}}\n");
    std::fs::write(folder.path().join("onduty.yml"), text).unwrap();
    let said = compare(folder.path(), "newrelic", &["--endpoints", "3", "--json"]).await;
    assert_eq!(said.code, 0, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cut_list_may_not_have_is_not_asked_about() {
    let (folder, fake) = (folder(), NewRelic::start(KEY, ACCOUNT).await.unwrap());
    // New Relic names 5,000 endpoints; half of them are safe.
    for at in 0..2_600 {
        let (service, name) = ("shop".to_owned(), format!("/{at}"));
        fake.asks(newrelic::Asked { service, name, per_minute: if at < 2_500 { 5 } else { 4 }, median_ms: 20.0 });
    }
    fake.since(ROLLOUT_MS - 3_600_000);
    let said = ask_new_relic(&fake, folder.path(), &["--json"]).await;
    assert_eq!(said.json().as_array().unwrap().len(), 2_500, "{}", said.err);
    let told = "too many endpoints: 100 quiet ones with ";
    assert!(said.err.starts_with(told), "{}", said.err);
}
