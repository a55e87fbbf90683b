//! What a rollout did to response times, from what services send to what people see: the check compares it, opens an item
//! for what got slower with whoever changed its handler, takes it back, and never calls the unknown fine.

use crate::day::{DAY, Day, Setting, duty};
use crate::otlp::python;
use crate::person::Person;
use crate::prometheus::{ROLLOUT, Server, week};
use crate::tools::{eventually, git, has};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use onduty::tasks;
use onduty::tasks::performance::Asked;
use onduty_core::signal::{Fact, Observation, RolloutFact, RolloutState};
use onduty_fakes::sample;
use serde_json::{Value, json};

/// The first of the days of which something is told; the rollout is on the last of seven working days.
const DAYS: [i8; 7] = [2, 3, 4, 5, 6, 9, 10];
const PERFORMANCE: &str = "/api/v1/duties/developers/performance";

fn on(day: i8, time: &str) -> Timestamp {
    let date: Date = DAY.with().day(day).build().unwrap();
    let time: Time = time.parse().unwrap();
    date.to_datetime(time).to_zoned(TimeZone::get(sample::ZONE).unwrap()).unwrap().timestamp()
}

/// Endpoints with their milliseconds and requests in five minutes.
type Load<'a> = &'a [(&'a str, f64, usize)];

const USUAL: Load<'static> = &[
    ("/cart/{id}", 100.0, 24),
    ("/search", 60.0, 24),
    ("/orders", 150.0, 24),
    ("/prices", 30.0, 24),
    ("/about", 20.0, 1),
];

/// The requests of five minutes before `at`, a little faster and slower by turns; one in `failing` of them fails.
fn spans(at: Timestamp, load: Load<'_>, failing: Option<(&str, usize)>) -> Value {
    let mut spans = Vec::new();
    for (number_of_route, (route, ms, requests)) in load.iter().enumerate() {
        for number in 0..*requests {
            let end = at.as_nanosecond() - (number as i128 + 1) * 290_000_000_000 / *requests as i128;
            let seed = (number * 7 + number_of_route * 3 + (at.as_second() / 60) as usize * 5) % 11;
            let took = ms * (0.75 + 0.05 * seed as f64) * 1e6;
            let status = match failing {
                Some((failing, one_in)) if failing == *route && number % one_in == 0 => 500,
                _ => 200,
            };
            spans.push(json!({
                "name": format!("GET {route}"), "kind": 2, "startTimeUnixNano": (end - took as i128).to_string(),
                "endTimeUnixNano": end.to_string(), "attributes": [
                    {"key": "http.request.method", "value": {"stringValue": "GET"}},
                    {"key": "http.route", "value": {"stringValue": route}},
                    {"key": "http.response.status_code", "value": {"intValue": status.to_string()}},
                ],
            }));
        }
    }
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": spans}],
    }]})
}

/// A rollout that the pipeline told at the moment when it arrived.
async fn rolls_out(day: &Day, id: &str, revision: &str, at: Timestamp) {
    day.app.clock.jump_to(at);
    let rollout = RolloutFact {
        id: id.into(),
        environment: "production".into(),
        repository: Some("acme/shop".into()),
        revision: revision.into(),
        state: RolloutState::Succeeded,
        started_at: at,
        finished_at: Some(at),
        by: None,
        pressed: false,
        url: None,
    };
    let seen = Observation {
        source: "signals".into(),
        subject: format!("production/{id}").as_str().into(),
        fact: Fact::Rollout(rollout),
        source_time: at,
        baseline: false,
    };
    day.app.observed(vec![seen]).await.unwrap();
    day.pass().await;
}

/// A week of a shop, day by day on the clock of the test.
struct Week {
    day: Day,
    sender: Person,
    asked: Asked,
}

impl Week {
    async fn begin(setting: Setting) -> Week {
        let replaced = vec![("  performance: none\n".to_owned(), "  otlp: {endpoints: 100}\n".to_owned())];
        let day = Day::set(Setting { begins: "12:00", replaced, ..setting }).await;
        let account = day.account("gus", false, &[]).await;
        let sender = day.script_of(&account, &["telemetry"]).await;
        Week { day, sender, asked: Asked::default() }
    }

    /// Sends what happens from `from` to `to`, clock and all.
    async fn passes(&self, day: i8, from: &str, to: &str, load: Load<'_>, failing: Option<(&str, usize)>) {
        let (mut at, end) = (on(day, from), on(day, to));
        while at < end {
            at = at.checked_add(5.minutes()).unwrap();
            self.day.app.clock.jump_to(at);
            self.sender.post("/v1/traces", &spans(at, load, failing)).await.expect(200);
        }
        tasks::latency::pass(&self.day.app).await.unwrap();
    }

    /// Six working days as usual, and the hour before the rollout on the seventh.
    async fn usual(&self) {
        for day in DAYS.into_iter().take(6) {
            self.passes(day, "13:00", "14:00", USUAL, None).await;
            self.passes(day, "14:10", "15:10", USUAL, None).await;
        }
        self.passes(10, "13:00", "14:00", USUAL, None).await;
    }

    async fn rolls_out(&self, id: &str, revision: &str, at: &str) {
        rolls_out(&self.day, id, revision, on(10, at)).await;
    }

    /// What the background passes do at this moment of the seventh day.
    async fn looks(&mut self, at: &str) {
        self.day.app.clock.jump_to(on(10, at));
        tasks::performance::look(&self.day.app, &mut self.asked).await.unwrap();
        self.day.app.pass(&duty(), self.day.app.clock.duty_now()).await.unwrap();
    }

    async fn step(&self) -> Value {
        let now = self.day.now().await;
        now["steps"].as_array().unwrap().iter().find(|step| step["id"] == "performance").unwrap().clone()
    }

    async fn titles(&self) -> Vec<String> {
        let step = self.step().await;
        step["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_is_compared_and_what_got_slower_is_told_and_taken_back() {
    let mut week = Week::begin(Setting { tasks: false, ..Setting::default() }).await;
    week.usual().await;
    week.rolls_out("r1", "8f3c2ab", "14:00").await;
    week.looks("14:01").await;
    let step = week.step().await;
    assert_eq!(step["state"], "unknown", "{step}");
    assert_eq!(step["detail"], "8f3c2ab went out at 14:00; what it did is known after 15:12");
    let page = week.day.operator().get("/performance?duty=developers").await.expect(200).text;
    assert!(page.contains("8f3c2ab is compared from 15:12 on"), "{page}");

    // One is half as slow again, one fails, and the first one is just as it was.
    let slow: Vec<(&str, f64, usize)> =
        USUAL.iter().map(|(route, ms, n)| (*route, if *route == "/search" { ms * 1.5 } else { *ms }, *n)).collect();
    week.passes(10, "14:10", "15:10", &slow, Some(("/orders", 4))).await;
    week.looks("15:11").await;
    assert_eq!(week.titles().await, Vec::<String>::new(), "it is too early");
    week.looks("15:13").await;
    let titles = week.titles().await;
    assert_eq!(titles, ["shop|GET /search is 49 % slower", "shop|GET /orders fails more often"]);
    let report = week.day.operator().read(PERFORMANCE).await;
    assert_eq!(report["report"]["compared"]["worse"], 2, "{report}");
    assert_eq!(report["report"]["compared"]["earlier_days"], 6, "{report}");
    assert_eq!(report["endpoints"][0]["endpoint"], "shop|GET /search");
    let page = week.day.operator().get("/performance?duty=developers").await.expect(200).text;
    for said in ["2 slower or failing of", "shop|GET /search", "compared with the same hours of 6 earlier days", "<svg"]
    {
        assert!(page.to_lowercase().contains(&said.to_lowercase()), "{said} is not in {page}");
    }
    let path = "/performance/endpoint?duty=developers&name=shop%7CGET+%2Fsearch";
    let page = week.day.operator().get(path).await.expect(200).text;
    assert!(page.contains("Rollout by rollout") && page.contains("is 49 % slower"), "{page}");

    // Looked at again: nothing new is said of the same hour.
    week.looks("15:14").await;
    assert_eq!(week.titles().await.len(), 2);
    // The next hour has no earlier days: the search stays slow, the orders recovered.
    week.passes(10, "15:10", "16:10", &slow, None).await;
    week.looks("16:13").await;
    let report = week.day.operator().read(PERFORMANCE).await;
    let runs = report["report"]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{report}");
    assert_eq!(week.titles().await, ["shop|GET /search is 49 % slower"], "the orders are well again");

    // The next rollout mends it: the item closes by that alone.
    week.passes(10, "16:10", "17:00", &slow, None).await;
    week.rolls_out("r2", "77aa01c", "17:00").await;
    week.passes(10, "17:10", "18:10", USUAL, None).await;
    week.looks("18:13").await;
    let step = week.step().await;
    assert!(!week.titles().await.iter().any(|title| title.contains("/search")), "{step}");
    week.day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_that_did_nothing_is_fine_only_with_enough_traffic() {
    let mut week = Week::begin(Setting { tasks: false, ..Setting::default() }).await;
    week.usual().await;
    week.rolls_out("r1", "8f3c2ab", "14:00").await;
    // Half of the requests of this day are of endpoints that nobody knew before.
    let new: Vec<(&str, f64, usize)> =
        (0..4).map(|number| (["/new/a", "/new/b", "/new/c", "/new/d"][number], 100.0, 24)).collect();
    let both: Vec<(&str, f64, usize)> = USUAL.iter().copied().chain(new).collect();
    week.passes(10, "14:10", "15:10", &both, None).await;
    week.looks("15:13").await;
    let step = week.step().await;
    assert_eq!(step["state"], "unknown", "{step}");
    assert!(step["detail"].as_str().unwrap().starts_with("only 4"), "{step}");
    week.passes(10, "15:10", "16:10", USUAL, None).await;
    // The hour after that is all known endpoints, but of no earlier day.
    week.looks("16:13").await;
    let step = week.step().await;
    assert_eq!(step["state"], "fine", "{step}");
    let today = week.day.operator().get("/?duty=developers").await.expect(200).text;
    assert!(today.contains("compared until 16:10 · 0 slower or failing of 4 judged"), "{today}");
    week.day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_says_nothing_is_unknown() {
    let mut week = Week::begin(Setting { tasks: false, ..Setting::default() }).await;
    week.looks("12:30").await;
    assert_eq!(week.step().await["state"], "unknown");
    assert!(week.step().await.to_string().contains("nothing received about performance yet"), "{}", week.step().await);
    week.passes(10, "12:30", "12:40", USUAL, None).await;
    week.looks("12:41").await;
    let step = week.step().await;
    assert_eq!(step["state"], "fine", "nothing was rolled out: {step}");
    week.looks("13:50").await;
    assert!(week.step().await.to_string().contains("performance last heard of"), "{}", week.step().await);
    week.day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_changed_the_handler_in_this_rollout_is_asked_first() {
    let week = Week::begin(Setting::default()).await;
    let clone = tempfile::tempdir().unwrap();
    let shop = week.day.path("shop.git");
    git(clone.path(), &["clone", "--quiet", shop.to_str().unwrap(), "shop"]);
    let folder = clone.path().join("shop");
    let commit = |who: (&str, &str), file: &str, text: &str| {
        std::fs::create_dir_all(folder.join("web")).unwrap();
        std::fs::write(folder.join(file), text).unwrap();
        git(&folder, &["add", "--all"]);
        let (name, email) = (format!("user.name={}", who.0), format!("user.email={}", who.1));
        git(&folder, &["-c", &name, "-c", &email, "commit", "--quiet", "--message", &format!("Change {file}")]);
        git(&folder, &["push", "--quiet", "origin", "HEAD:main"]);
        git(&folder, &["rev-parse", "HEAD"])
    };
    let (lena, omar) = (("Lena", "lena@acme.example"), ("Omar", "omar@acme.example"));
    commit(lena, "web/search.rs", "fn routes() {\n    route(\"/search\", get(search))\n}\n");
    let first = commit(lena, "web/cart.rs", "fn routes() {\n    route(\"/cart/:id\", get(cart))\n}\n");
    let old = commit(omar, "web/search.rs", "fn routes() {\n    // more\n    route(\"/search\", get(search))\n}\n");
    let new = commit(lena, "web/cart.rs", "fn routes() {\n    // more\n    route(\"/cart/:id\", get(cart))\n}\n");
    rolls_out(&week.day, "first", &first, on(2, "12:30")).await;
    week.usual().await;
    // Two that followed each other closely are one: the commits of both may have done it.
    week.rolls_out("r0", &old, "13:58").await;
    week.rolls_out("r1", &new, "14:00").await;
    let slow: Vec<(&str, f64, usize)> =
        USUAL.iter().map(|(route, ms, n)| (*route, if *route == "/search" { ms * 2.0 } else { *ms }, *n)).collect();
    week.passes(10, "14:10", "15:10", &slow, None).await;
    week.day.app.clock.jump_to(on(10, "15:13"));
    week.day.pass().await;
    let found = eventually("a suggestion", async || {
        let step = week.step().await;
        let item = step["items"].as_array()?.first()?.clone();
        let item = week.day.item_called(item["id"].as_str()?).await;
        let item = item.get("item").unwrap_or(&item).clone();
        item.get("suggestion").filter(|suggestion| suggestion["people"][0].is_object()).cloned()
    })
    .await;
    let first = &found["people"][0];
    assert_eq!(first["engineer"], "omar", "{found}");
    assert_eq!(
        (&first["reasons"][0]["reason"], &first["reasons"][0]["file"]),
        (&json!("in_rollout"), &json!("web/search.rs"))
    );
    let page = week.day.operator().get("/performance?duty=developers").await.expect(200).text;
    assert!(page.contains("1 more rollout went out shortly before, and is compared together with this one"), "{page}");
    week.day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_what_a_real_prometheus_knows() {
    let not_checked = "that the page shows what a real Prometheus knows";
    if !has("prometheus", not_checked) || !has("promtool", not_checked) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::prometheus(folder.path(), &week()).await;
    let source = format!(
        "  prometheus: {{url: '{}', metric: h, endpoint_labels: [service, route], status_label: code}}\n",
        server.url
    );
    let replaced = vec![("  performance: none\n".to_owned(), source)];
    let day = Day::set(Setting { tasks: false, replaced, ..Setting::default() }).await;
    let at = Timestamp::from_second(ROLLOUT).unwrap();
    let mut asked = Asked::default();
    rolls_out(&day, "r1", "8f3c2ab", at).await;
    day.app.clock.jump_to(at.checked_add(73.minutes()).unwrap());
    tasks::performance::look(&day.app, &mut asked).await.unwrap();
    day.pass().await;
    let report = day.operator().read(PERFORMANCE).await;
    assert_eq!(report["report"]["source"], "prometheus", "{report}");
    assert_eq!(
        (&report["report"]["compared"]["worse"], &report["report"]["compared"]["judged"]),
        (&json!(1), &json!(8))
    );
    let page = day.operator().get("/performance?duty=developers").await.expect(200).text;
    for said in ["1 slower or failing of 8 judged", "shop|/slower", "counters began anew", "5 earlier days"] {
        assert!(page.to_lowercase().contains(said), "{said} is not in {page}");
    }
    let items = day.items("performance").await;
    assert_eq!(items.len(), 1, "{items:?}");
    assert!(items[0]["title"].as_str().unwrap().starts_with("shop|/slower is "), "{items:?}");

    // It goes away: its trouble is told, what is known stays, and nothing becomes fine.
    drop(server);
    day.app.clock.jump_to(at.checked_add(140.minutes()).unwrap());
    tasks::performance::look(&day.app, &mut asked).await.unwrap();
    day.pass().await;
    let now = day.now().await;
    let step = now["steps"].as_array().unwrap().iter().find(|step| step["id"] == "performance").unwrap();
    assert_eq!(step["items"].as_array().unwrap().len(), 1, "{step}");
    assert!(step["unknown"].as_str().is_some_and(|why| why.starts_with("prometheus cannot be read: ")), "{step}");
    day.end().await;
}

/// Requests at given times, by the real SDK: lines of route, start and end in nanoseconds.
const SENDS: &str = r#"
import sys
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=100_000))
tracer = provider.get_tracer("shop")
for line in sys.stdin:
    route, start, end = line.split()
    span = tracer.start_span("GET " + route, kind=trace.SpanKind.SERVER, start_time=int(start), attributes={
        "http.request.method": "GET", "http.route": route, "http.response.status_code": 200})
    span.end(end_time=int(end))
provider.shutdown()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_what_the_real_sdk_sent() {
    let Some(python) = python() else { return };
    let mut week = Week::begin(Setting { tasks: false, ..Setting::default() }).await;
    let account = week.day.account("ida", false, &[]).await;
    let token = week.day.token_of(&account, &["telemetry"]).await;
    let send = async |day: i8, from: &str, to: &str, load: Load<'_>| {
        let (mut at, end) = (on(day, from), on(day, to));
        let mut lines = String::new();
        while at < end {
            at = at.checked_add(5.minutes()).unwrap();
            for span in spans(at, load, None)["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap() {
                let (start, end) =
                    (span["startTimeUnixNano"].as_str().unwrap(), span["endTimeUnixNano"].as_str().unwrap());
                let route = span["attributes"][1]["value"]["stringValue"].as_str().unwrap();
                lines += &format!("{route} {start} {end}\n");
            }
        }
        week.day.app.clock.jump_to(at);
        let (python, url, token) = (python.clone(), week.day.url.clone(), token.clone());
        let said = tokio::task::spawn_blocking(move || {
            let mut child = std::process::Command::new(python)
                .args(["-c", SENDS])
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
                .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{token}"))
                .stdin(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("Python starts");
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        });
        let said = said.await.unwrap();
        assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
        tasks::latency::pass(&week.day.app).await.unwrap();
    };
    for day in DAYS.into_iter().skip(3).take(3) {
        send(day, "13:00", "14:00", USUAL).await;
        send(day, "14:10", "15:10", USUAL).await;
    }
    send(10, "13:00", "14:00", USUAL).await;
    week.rolls_out("r1", "8f3c2ab", "14:00").await;
    let slow: Vec<(&str, f64, usize)> =
        USUAL.iter().map(|(route, ms, n)| (*route, if *route == "/search" { ms * 1.5 } else { *ms }, *n)).collect();
    send(10, "14:10", "15:10", &slow).await;
    week.looks("15:13").await;
    let titles = week.titles().await;
    assert!(titles.len() == 1 && titles[0].starts_with("shop|GET /search is "), "{titles:?}");
    let page = week.day.operator().get("/performance?duty=developers").await.expect(200).text;
    assert!(page.contains("1 slower or failing of 4 judged") && page.contains("3 earlier days"), "{page}");
    week.day.end().await;
}
