//! What whoever watches the server gets: health, metrics, log lines.

use crate::day::{Day, Setting};
use crate::person::Person;
use crate::served::{SECRET, Served};
use crate::tools::eventually;
use onduty_core::ids::DutyId;
use onduty_fakes::calendar::CalendarHost;
use onduty_fakes::trouble::Trouble;
use reqwest::Method;
use serde_json::json;

async fn health(day: &Day) -> (u16, serde_json::Value) {
    let answer = Person::nobody(&day.url).get("/healthz").await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_source_is_said_and_is_no_ill_health() {
    let day = Day::begin().await;
    let (_, well) =
        eventually("it is healthy", async || Some(health(&day).await).filter(|(status, _)| *status == 200)).await;
    assert_eq!(well["healthy"], true);
    assert_eq!((&well["engine"], &well["store"]), (&json!("running"), &json!("answering")));
    assert_eq!(well["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(well["signals"]["builds"]["state"], "well", "{well}");
    assert!(well["last_pass_age_s"].as_i64().is_some_and(|age| age < 60), "{well}");
    // Two days later nobody has said anything.
    day.app.clock.jump_to(day.app.clock.duty_now().checked_add(jiff::SignedDuration::from_hours(48)).unwrap());
    let (status, silent) = health(&day).await;
    assert_eq!((status, &silent["signals"]["builds"]["state"]), (200, &json!("silent")), "{silent}");
    // A store that is gone is for the operator.
    day.app.store.close().await;
    let (_, ill) =
        eventually("it is ill", async || Some(health(&day).await).filter(|(status, _)| *status == 503)).await;
    assert_eq!((&ill["healthy"], &ill["store"]), (&json!(false), &json!("not answering")), "{ill}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_does_not_run_is_ill_health() {
    let day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    let (status, ill) = health(&day).await;
    assert_eq!((status, &ill["engine"], &ill["store"]), (503, &json!("stalled"), &json!("answering")), "{ill}");
    day.end().await;
}

/// The value of a sample.
fn value(text: &str, sample: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_what_happens_and_tell_no_secret() {
    let day = Day::begin().await;
    let nobody = Person::nobody(&day.url);
    nobody.get("/metrics").await.expect(401);
    let wall = day.wall("developers").await;
    nobody.get(&format!("/tv/{wall}")).await.expect(200);
    nobody.get("/no/such/<script>/place").await.expect(404);
    nobody.request(Method::POST, "/hooks/signals").body("{}").send().await.unwrap();
    nobody.request(Method::POST, "/hooks/made-up-by-a-stranger").body("{}").send().await.unwrap();
    nobody.request("BREW".parse().unwrap(), "/healthz").send().await.unwrap();
    assert!(day.world.signals().contact(&["certificate"]).await.accepted());
    let stream = nobody.request(Method::GET, &format!("/tv/{wall}/events")).send().await.unwrap();
    day.app.pass(&DutyId::from("developers"), day.app.clock.duty_now()).await.unwrap();

    // Nobody knows what to do with it.
    let effect = onduty::store::outbox::NewEffect {
        duty: crate::day::duty(),
        kind: "made up".into(),
        key: "k".into(),
        payload: json!({}),
    };
    let mut tx = day.app.store.begin().await.unwrap();
    onduty::store::outbox::enqueue(&mut tx, &effect, onduty::clock::real_now()).await.unwrap();
    tx.commit().await.unwrap();

    let operator = day.operator();
    eventually("it failed", async || {
        let text = operator.get("/metrics").await.expect(200).text;
        (value(&text, "onduty_outbox_failed") == Some(1.0)).then_some(())
    })
    .await;
    let text = operator.get("/metrics").await.expect(200).text;
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (sample, number) = line.rsplit_once(' ').expect("a sample and a number");
        assert!(number.parse::<f64>().is_ok(), "{line}");
        let name = sample.split('{').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
        // Each has its type above it.
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(text.contains(&format!("# TYPE {name} ")) || text.contains(&format!("# TYPE {family} ")), "{line}");
    }
    for (sample, least) in [
        ("onduty_http_requests_total{route=\"/tv/{token}\",method=\"GET\",status=\"200\"}", 1.0),
        ("onduty_http_requests_total{route=\"none\",method=\"GET\",status=\"404\"}", 1.0),
        ("onduty_http_requests_total{route=\"/healthz\",method=\"other\",status=\"405\"}", 1.0),
        ("onduty_deliveries_total{source=\"signals\",result=\"unsigned\"}", 1.0),
        ("onduty_deliveries_total{source=\"unknown\",result=\"unknown\"}", 1.0),
        ("onduty_deliveries_total{source=\"signals\",result=\"recorded\"}", 1.0),
        ("onduty_delivery_seconds_count{result=\"accepted\"}", 1.0),
        ("onduty_intake_commits_total", 1.0),
        ("onduty_intake_waiting", 0.0),
        ("onduty_intake_waiting_bytes", 0.0),
        ("onduty_outbox_failed", 1.0),
        ("onduty_outbox_unknown", 0.0),
        ("onduty_store_bytes{part=\"database\"}", 4_096.0),
        ("onduty_log_entries", 1.0),
        ("onduty_engine_running", 1.0),
        ("onduty_pass_seconds_count{result=\"good\"}", 1.0),
        ("onduty_polls_total{source=\"git\",result=\"good\"}", 1.0),
        ("onduty_streams_total{kind=\"wall\"}", 1.0),
        ("onduty_stream_viewers", 1.0),
        ("onduty_connections", 1.0),
        ("process_resident_memory_bytes", 1e6),
        ("process_open_fds", 10.0),
    ] {
        assert!(value(&text, sample).is_some_and(|value| value >= least), "{sample} in\n{text}");
    }
    for secret in [wall.as_str(), crate::day::SIGNALS_SECRET, "<script", "made-up"] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    drop(stream);
    eventually("the viewer is gone", async || {
        let text = operator.get("/metrics").await.expect(200).text;
        (value(&text, "onduty_stream_viewers") == Some(0.0)).then_some(())
    })
    .await;
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_however_much_is() {
    let calendars = [CalendarHost::start().await.unwrap(), CalendarHost::start().await.unwrap()];
    calendars[0].misbehaves(Some(Trouble::Refuses));
    let mut served = Served::with_script("#!/bin/sh\n").and_logs("trace");
    for (calendar, name) in calendars.iter().zip(["ONE", "TWO"]) {
        served = served.with(name, calendar.url());
    }
    let file = served.files().join("onduty.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}leave_calendars: {{one: {{url_env: ONE}}, two: {{url_env: TWO}}}}\n"))
        .unwrap();
    served.start().await;
    for calendar in &calendars {
        eventually("the calendar is read", async || (!calendar.asked().is_empty()).then_some(())).await;
    }
    let link = served.printed.iter().find_map(|line| line.split("/welcome/").nth(1)).expect("a link").to_owned();
    let person = Person::by_link(&served.url, &format!("/welcome/{link}"), Some("lena")).await;
    person.form("/duty/developers/walls", &[("label", "Kitchen")]).await.expect(303);
    let team = person.get("/team?duty=developers").await.expect(200).text;
    let wall: String = team
        .split("/tv/")
        .nth(1)
        .expect("the address of the screen")
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    Person::nobody(&served.url).get(&format!("/tv/{wall}")).await.expect(200);
    let feed = person.form("/duty/developers/calendar-feeds", &[("name", "Room")]).await;
    let team = person.get(feed.expect(303).header("location")).await.expect(200).text;
    let (_, feed) = team.split_once("/calendar/").expect("the address of the calendar feed");
    let feed: String = feed.chars().take_while(char::is_ascii_alphanumeric).collect();
    Person::nobody(&served.url).get(&format!("/calendar/{feed}.ics")).await.expect(200);
    served.signal("logged", &json!({"type": "contact", "kinds": ["errors"]})).await;
    let token = std::fs::read_to_string(served.data().join("cli-token")).unwrap();
    served.lena().read("/api/v1/duties/developers").await;
    let session = person.cookie().split('=').nth(1).unwrap().to_owned();
    served.stop().await;
    let log = served.log();
    assert!(
        log.contains("stopping") && log.contains("/tv/{token}") && log.contains("/calendar/{token}"),
        "it did log: {}",
        log.len()
    );
    assert!(wall.len() > 16 && session.len() > 16 && feed.len() > 16, "{wall} {session} {feed}");
    for (what, secret) in [
        ("the link", link.as_str()),
        ("the session", &session),
        ("the token of its forms", person.csrf()),
        ("the wall screen's token", &wall),
        ("the calendar feed's secret", &feed),
        ("the operator's token", token.trim()),
        ("the secret of the signals", SECRET),
        ("the address of a leave calendar", calendars[0].secret()),
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{what} is in the log: {line:?}");
    }
}
