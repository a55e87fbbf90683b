//! OpenTelemetry over HTTP: who may send, what is answered, and that what was answered is counted, by hand-made messages
//! and by the real SDK.

use crate::day::{Day, Setting};
use crate::person::{Answer, Person};
use flate2::{Compression, write::GzEncoder};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use onduty::store::latency;
use onduty::tasks;
use onduty_core::perf::{Lengths, Rollout, Table, Windows};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

async fn day(begins: &'static str) -> Day {
    let replaced = vec![("  performance: none\n".to_owned(), "  otlp: {endpoints: 100}\n".to_owned())];
    Day::set(Setting { begins, tasks: false, replaced, ..Setting::default() }).await
}

async fn sender(day: &Day) -> Person {
    let account = day.account("gus", false, &[]).await;
    day.script_of(&account, &["telemetry"]).await
}

fn spans(at: Timestamp, number: usize, status: i64) -> Value {
    let end = at.as_nanosecond();
    let span = json!({
        "name": "GET /cart/{id}", "kind": 2, "startTimeUnixNano": (end - 20_000_000).to_string(),
        "endTimeUnixNano": end.to_string(), "attributes": [
            {"key": "http.request.method", "value": {"stringValue": "GET"}},
            {"key": "http.route", "value": {"stringValue": "/cart/{id}"}},
            {"key": "http.response.status_code", "value": {"intValue": status.to_string()}},
        ],
    });
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [{"spans": vec![span; number]}],
    }]})
}

async fn send(person: &Person, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = person.request(Method::POST, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.body(body.to_vec()).send().await.expect("the server answers")).await
}

const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(plain).unwrap();
    packed.finish().unwrap()
}

/// Endpoint to requests answered well, refused, failed, in the hour before `now`.
async fn counted(day: &Day, now: Timestamp) -> BTreeMap<String, (u64, u64, u64)> {
    tasks::latency::pass(&day.app).await.unwrap();
    let now = now.checked_add(SignedDuration::from_mins(2)).unwrap();
    let windows = Windows::around(Rollout { start: now, end: now }, Lengths::default(), &TimeZone::UTC).unwrap();
    let mut table = Table::new(100);
    latency::fill(&mut day.app.store.read().await.unwrap(), &windows, &mut table).await.unwrap();
    let all = table.finish().0.into_iter().map(|(name, endpoint)| {
        let cells: Vec<_> = endpoint.series.window(0).into_iter().flatten().collect();
        let sum = |of: fn(&onduty_core::perf::Cell) -> u64| cells.iter().map(|cell| of(cell)).sum();
        (name, (sum(|cell| cell.sketch.n()), sum(|cell| cell.refused), sum(|cell| cell.failed)))
    });
    all.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_well_is_counted() {
    let day = day("09:00").await;
    let sender = sender(&day).await;
    let now = day.app.clock.duty_now();
    let body = spans(now, 3, 200).to_string().into_bytes();
    let answer = send(&sender, "/v1/traces", &[JSON], &body).await.expect(200);
    assert_eq!((answer.text.as_str(), answer.header("content-type")), ("{}", "application/json"));
    send(&sender, "/v1/traces", &[JSON, GZIP], &gzip(&body)).await.expect(200);
    send(&sender, "/v1/traces", &[JSON], spans(now, 2, 404).to_string().as_bytes()).await.expect(200);
    send(&sender, "/v1/traces", &[JSON], spans(now, 1, 500).to_string().as_bytes()).await.expect(200);
    send(&sender, "/v1/metrics", &[PROTOBUF], b"").await.expect(200);
    let late = spans(now.checked_sub(SignedDuration::from_hours(9)).unwrap(), 4, 200);
    let answer = send(&sender, "/v1/traces", &[JSON], late.to_string().as_bytes()).await.expect(200);
    assert_eq!(answer.json()["partialSuccess"]["rejectedSpans"], "4");
    assert_eq!(answer.json()["partialSuccess"]["errorMessage"], "4 spans more than 6 hours old");
    assert_eq!(counted(&day, now).await, BTreeMap::from([("shop|GET /cart/{id}".to_owned(), (6, 2, 1))]));
    let metrics = day.operator().get("/metrics").await.expect(200).text;
    for line in [
        r#"onduty_telemetry_total{signal="spans",result="counted"} 9"#,
        r#"onduty_telemetry_total{signal="spans",result="past"} 4"#,
        r#"onduty_telemetry_total{signal="requests",result="counted"} 9"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_refused_as_senders_understand_it() {
    let day = day("09:00").await;
    let sender = sender(&day).await;
    let body = spans(day.app.clock.duty_now(), 1, 200).to_string().into_bytes();
    let bomb = gzip(&vec![b' '; 32 << 20]);
    let large = vec![b' '; 6 << 20];
    let deep = "[".repeat(100);
    let cases: [(&str, &[(&str, &str)], &[u8], u16); 9] = [
        ("no kind", &[], &body, 415),
        ("another kind", &[("content-type", "text/plain")], &body, 415),
        ("another encoding", &[JSON, ("content-encoding", "zstd")], &body, 415),
        ("no gzip", &[JSON, GZIP], &body, 400),
        ("no JSON", &[JSON], b"{", 400),
        ("JSON as protobuf", &[PROTOBUF], &body, 400),
        ("a bomb", &[JSON, GZIP], &bomb, 413),
        ("too large", &[JSON], &large, 413),
        ("too deep", &[JSON], deep.as_bytes(), 400),
    ];
    for (what, headers, body, status) in cases {
        let answer = send(&sender, "/v1/traces", headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
    }
    let answer = send(&sender, "/v1/traces", &[PROTOBUF], b"\x0a\x7f").await.expect(400);
    assert_eq!(answer.header("content-type"), "application/x-protobuf");
    assert!(answer.text.contains("this is no OTLP message"), "{}", answer.text);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_token_for_it_may_send() {
    let day = day("09:00").await;
    let account = day.account("gus", false, &[]).await;
    let now = day.app.clock.duty_now();
    let body = spans(now, 1, 200).to_string().into_bytes();
    let cases = [
        (Person::nobody(&day.url), 401),
        (Person::script(&day.url, "nosuch"), 401),
        (day.script_of(&account, &["read", "write", "rollout", "people"]).await, 403),
        (day.session_of(&account).await, 403),
    ];
    for (person, status) in cases {
        assert_eq!(send(&person, "/v1/traces", &[JSON], &body).await.status.as_u16(), status);
        // Nobody unpacks what a stranger sent.
        assert_eq!(send(&person, "/v1/metrics", &[JSON, GZIP], b"x").await.status.as_u16(), status);
    }
    // And it opens nothing else.
    let sender = day.script_of(&account, &["telemetry"]).await;
    for path in ["/", "/metrics", "/api/v1/duties", "/account"] {
        assert_eq!(sender.get(path).await.status.as_u16(), 403, "{path}");
    }
    assert_eq!(counted(&day, now).await, BTreeMap::new());
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_source_nobody_listens() {
    let day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    let sender = sender(&day).await;
    let answer = send(&sender, "/v1/traces", &[JSON], b"{}").await.expect(404);
    assert!(answer.text.contains("sources: {otlp: …}"), "{}", answer.text);
    day.end().await;
}

/// Ten requests to one endpoint, one of which fails, told by spans and by a histogram of either temporality.
const SENDS: &str = r#"
import os, sys, time
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.metrics import MeterProvider, Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, ExplicitBucketHistogramAggregation, View
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

# What is read from the three variables is what the documentation says.
provider = TracerProvider(resource=Resource.create({"service.name": "spans"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(compression=Compression.Gzip)))
tracer = provider.get_tracer("shop")
for at in range(10):
    with tracer.start_as_current_span("GET /cart/{id}", kind=trace.SpanKind.SERVER, attributes={
        "http.request.method": "GET", "http.route": "/cart/{id}",
        "http.response.status_code": 500 if at == 9 else 200}):
        with tracer.start_as_current_span("query", kind=trace.SpanKind.CLIENT):
            time.sleep(0.001)
provider.shutdown()

def measure(service, temporality, aggregation):
    exporter = OTLPMetricExporter(preferred_temporality={Histogram: temporality})
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    meters = MeterProvider(resource=Resource.create({"service.name": service}), metric_readers=[reader],
                           views=[View(instrument_name="*", aggregation=aggregation)])
    histogram = meters.get_meter("shop").create_histogram("http.server.request.duration", unit="s")
    told = {"http.request.method": "GET", "http.route": "/cart/{id}"}
    for at in range(10):
        # The status that fails comes in the second message for the first time.
        histogram.record(0.020 + at * 0.001, {**told, "http.response.status_code": 500 if at == 9 else 200})
        if at == 4:
            meters.force_flush()
    meters.shutdown()

bounds = ExplicitBucketHistogramAggregation(boundaries=[0.005, 0.01, 0.02, 0.025, 0.03, 0.05, 0.1, 1])
measure("explicit-cumulative", AggregationTemporality.CUMULATIVE, bounds)
measure("exponential-cumulative", AggregationTemporality.CUMULATIVE, ExponentialBucketHistogramAggregation())
measure("explicit-delta", AggregationTemporality.DELTA, bounds)
measure("exponential-delta", AggregationTemporality.DELTA, ExponentialBucketHistogramAggregation())
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_sdk_sends_what_is_counted() {
    let Some(python) = python() else { return };
    // The SDK's clock is the real one.
    let day = day("09:00").await;
    let real = onduty::clock::real_now();
    day.app.clock.jump_to(real);
    let account = day.account("gus", false, &[]).await;
    let token = day.token_of(&account, &["telemetry"]).await;
    let url = day.url.clone();
    let said = tokio::task::spawn_blocking(move || {
        Command::new(python)
            .args(["-c", SENDS])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
            .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{token}"))
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .output()
            .expect("Python starts")
    })
    .await
    .unwrap();
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && errors.is_empty(), "{errors}");
    let expected = ["spans", "explicit-cumulative", "exponential-cumulative", "explicit-delta", "exponential-delta"]
        .map(|service| (format!("{service}|GET /cart/{{id}}"), (9, 0, 1)));
    assert_eq!(counted(&day, onduty::clock::real_now()).await, BTreeMap::from(expected));
    day.end().await;
}

/// A Python that has the SDK; `tests/otlp/with-sdk` sets the variable.
pub fn python() -> Option<String> {
    if let Ok(python) = std::env::var("ONDUTY_OTEL_PYTHON") {
        return Some(python);
    }
    if crate::tools::is_full() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/otlp/with-sdk");
        let output = Command::new(script).args(["printenv", "ONDUTY_OTEL_PYTHON"]).output().expect("bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return Some(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    crate::tools::missing("the OpenTelemetry SDK", "what a real SDK sends; run it by tests/otlp/with-sdk");
    None
}
