//! The same messages in both encodings, by hand, and what real SDKs sent.

use super::*;
use jiff::Timestamp;
use onduty_core::perf::{BatchLimits, Progress, advance};
use serde_json::{Value as Json, json};
use std::path::PathBuf;

const NOON: &str = "2026-03-02T12:00:00Z";
const NOON_NS: u64 = 1_772_452_800_000_000_000;
const MS: u64 = 1_000_000;

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

fn read_at(signal: Signal, encoding: Encoding, body: &[u8], now: Timestamp) -> Result<Message, Malformed> {
    read(signal, encoding, body, now, Batch::new(BatchLimits { endpoints: 100, places: 1000 }))
}

/// A message as JSON, and the same as protobuf.
fn both(signal: Signal, message: &Json) -> [Message; 2] {
    let json = read_at(signal, Encoding::Json, message.to_string().as_bytes(), noon()).unwrap();
    let bytes = write::message(signal, message);
    [json, read_at(signal, Encoding::Protobuf, &bytes, noon()).unwrap()]
}

/// What a message says, one line for each place or point.
fn shown(message: &Message) -> Vec<String> {
    let batch = &message.batch;
    let mut lines: Vec<String> = batch
        .tallies()
        .map(|(place, tally)| {
            let name = &batch.names()[place.endpoint as usize];
            let minute = place.minute - (NOON_NS / 1_000_000_000 / 60) as i64;
            format!("{name} {:?} {minute} n={} sum={}", place.class, tally.sketch.n(), tally.sketch.sum_ms())
        })
        .collect();
    lines.extend(batch.points().iter().map(|point| {
        let (sketch, _) = point.point.histogram.sketch();
        let kind = if point.point.is_cumulative { "cumulative" } else { "delta" };
        format!("{} {:?} {kind} n={} sum={}", point.endpoint, point.class, sketch.n(), sketch.sum_ms())
    }));
    lines.extend(message.left_out.iter().map(|(why, number)| format!("left out: {number} {}", why.words())));
    lines.sort();
    lines
}

fn check(signal: Signal, message: &Json, expected: &[&str]) {
    for (encoding, message) in ["JSON", "protobuf"].into_iter().zip(both(signal, message)) {
        assert_eq!(shown(&message), expected, "{encoding}");
    }
}

fn text(key: &str, value: &str) -> Json {
    json!({"key": key, "value": {"stringValue": value}})
}

fn whole(key: &str, value: i64) -> Json {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

fn span(name: &str, kind: u64, took_ms: u64, attributes: &[Json]) -> Json {
    json!({
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": name, "kind": kind,
        "startTimeUnixNano": (NOON_NS - took_ms * MS).to_string(), "endTimeUnixNano": NOON_NS.to_string(),
        "attributes": attributes,
    })
}

fn traces(spans: &[Json]) -> Json {
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "shop"), text("host.name", "a")]},
        "scopeSpans": [{"scope": {"name": "lib"}, "spans": spans}],
    }]})
}

fn check_span(name: &str, attributes: &[Json], expected: &str) {
    check(Signal::Traces, &traces(&[span(name, 2, 250, attributes)]), &[&format!("shop|{expected} 0 n=1 sum=250")]);
}

#[test]
fn a_span_names_its_endpoint() {
    let get = text("http.request.method", "GET");
    let route = text("http.route", "/cart/{id}");
    for (name, attributes, expected) in [
        (
            "GET /cart/{id}",
            &[get.clone(), route.clone(), whole("http.response.status_code", 200)][..],
            "GET /cart/{id} Ok",
        ),
        ("x", &[text("http.method", "post"), route.clone(), whole("http.status_code", 404)], "POST /cart/{id} Refused"),
        ("x", &[get.clone(), route.clone(), text("http.response.status_code", "503")], "GET /cart/{id} Failed"),
        ("x", &[text("http.method", "PUT"), get.clone(), route.clone()], "GET /cart/{id} Ok"),
        ("x", &[get.clone(), text("http.method", "PUT"), route.clone()], "GET /cart/{id} Ok"),
        ("x", &[text("http.request.method", "BREW"), route.clone()], "_OTHER /cart/{id} Ok"),
        ("Cart#show", std::slice::from_ref(&get), "Cart#show Ok"),
        ("GET /cart/41", &[get.clone(), text("url.path", "/cart/41")], "GET Ok"),
        ("/cart/41", &[get.clone(), text("http.target", "/cart/41?token=1")], "GET Ok"),
        ("GET https://a.example/x", std::slice::from_ref(&get), "GET Ok"),
        ("", std::slice::from_ref(&get), "GET Ok"),
        ("x", &[text("rpc.service", "shop.Cart"), text("rpc.method", "Add")], "shop.Cart/Add Ok"),
        ("x", &[text("rpc.method", "shop.Cart/Add"), whole("rpc.grpc.status_code", 5)], "shop.Cart/Add Refused"),
        ("x", &[text("rpc.method", "Add"), text("rpc.response.status_code", "UNAVAILABLE")], "Add Failed"),
        ("job", &[text("error.type", "timeout")], "job Failed"),
        ("job", &[], "job Ok"),
        ("", &[], "- Ok"),
        ("a\u{0}b\nc", &[], "a\u{fffd}b\u{fffd}c Ok"),
    ] {
        check_span(name, attributes, expected);
    }
    let long = "é".repeat(400_000);
    let [message, _] = both(Signal::Traces, &traces(&[span(&long, 2, 1, &[])]));
    assert!(message.batch.names()[0].len() <= 300, "{}", message.batch.names()[0].len());
}

#[test]
fn only_answers_count() {
    let process = [text("messaging.operation.type", "process"), text("messaging.destination.name", "orders")];
    let temporary = [
        text("messaging.operation", "process"),
        text("messaging.destination.name", "reply-8271"),
        json!({"key": "messaging.destination.temporary", "value": {"boolValue": true}}),
    ];
    let receive = [text("messaging.operation.type", "receive")];
    let mut failed = span("failed", 2, 5, &[]);
    failed["status"] = json!({"code": 2, "message": "no"});
    let spans = [
        span("internal", 1, 1, &[]),
        span("client", 3, 1, &[]),
        span("producer", 4, 1, &[]),
        span("?", 0, 1, &[]),
        span("x", 5, 2, &process),
        span("x", 5, 3, &temporary),
        span("x", 5, 4, &receive),
        failed,
    ];
    check(
        Signal::Traces,
        &traces(&spans),
        &["shop|failed Failed 0 n=1 sum=5", "shop|process Ok 0 n=1 sum=3", "shop|process orders Ok 0 n=1 sum=2"],
    );
}

#[test]
fn spans_without_a_credible_time_are_left_out() {
    let at = |start: u64, end: u64| {
        let mut span = span("x", 2, 0, &[]);
        span["startTimeUnixNano"] = json!(start.to_string());
        span["endTimeUnixNano"] = json!(end.to_string());
        span
    };
    let (minute, hour) = (60_000 * MS, 3_600_000 * MS);
    let spans = [
        at(NOON_NS, NOON_NS - 1),
        at(NOON_NS, 0),
        at(0, NOON_NS),
        at(0, 0),
        at(NOON_NS, NOON_NS + 4 * minute),
        at(NOON_NS, NOON_NS + 6 * minute),
        at(NOON_NS, u64::MAX),
        at(NOON_NS - 6 * hour, NOON_NS - 5 * hour),
        at(NOON_NS - 8 * hour, NOON_NS - 7 * hour),
    ];
    check(
        Signal::Traces,
        &traces(&spans),
        &[
            "left out: 1 more than 6 hours old",
            "left out: 1 with a negative duration",
            "left out: 2 more than 5 minutes in the future; look at the clock of the sender",
            "left out: 3 without a time",
            "shop|x Ok -300 n=1 sum=3600000",
            "shop|x Ok 4 n=1 sum=240000",
        ],
    );
}

fn metric(name: &str, unit: &str, kind: &str, temporality: u64, points: &[Json]) -> Json {
    json!({"resourceMetrics": [{
        "resource": {"attributes": [text("service.name", "shop")]},
        "scopeMetrics": [{"scope": {"name": "lib"}, "metrics": [
            {"name": "process.cpu.time", "sum": {"dataPoints": [{"asInt": "1"}]}},
            {"name": name, "unit": unit, kind: {"aggregationTemporality": temporality, "dataPoints": points}},
        ]}],
    }]})
}

fn explicit(bounds: &[f64], counts: &[u64], sum: f64) -> Json {
    let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
    json!({
        "attributes": [text("http.request.method", "GET"), text("http.route", "/"), whole("http.response.status_code", 200)],
        "startTimeUnixNano": (NOON_NS - 60_000 * MS).to_string(), "timeUnixNano": NOON_NS.to_string(),
        "count": counts.iter().map(|count| count.parse::<u64>().unwrap()).fold(0, u64::wrapping_add).to_string(),
        "sum": sum, "bucketCounts": counts, "explicitBounds": bounds,
    })
}

fn exponential(scale: i64, zero: u64, offset: i64, counts: &[u64], negative: &[u64]) -> Json {
    let text = |counts: &[u64]| counts.iter().map(u64::to_string).collect::<Vec<_>>();
    json!({
        "attributes": [text_attribute()], "startTimeUnixNano": (NOON_NS - 60_000 * MS).to_string(),
        "timeUnixNano": NOON_NS.to_string(), "count": (zero + counts.iter().sum::<u64>()).to_string(), "sum": 1.5,
        "scale": scale, "zeroCount": zero.to_string(), "positive": {"offset": offset, "bucketCounts": text(counts)},
        "negative": {"offset": 0, "bucketCounts": text(negative)},
    })
}

fn text_attribute() -> Json {
    text("rpc.method", "shop.Cart/Add")
}

#[test]
fn histograms_of_servers_are_read() {
    let seconds = explicit(&[0.005, 0.01], &[1, 2, 3], 0.25);
    let millis = explicit(&[5.0, 10.0], &[1, 2, 3], 250.0);
    for (name, unit, point) in [
        ("http.server.request.duration", "s", &seconds),
        ("http.server.request.duration", "", &seconds),
        ("http.server.duration", "ms", &millis),
        ("http.server.duration", "", &millis),
    ] {
        for (temporality, kind) in [(1, "delta"), (2, "cumulative")] {
            let expected = format!("shop|GET / Ok {kind} n=6 sum=250");
            check(
                Signal::Metrics,
                &metric(name, unit, "histogram", temporality, std::slice::from_ref(point)),
                &[&expected],
            );
        }
    }
    let point = exponential(3, 1, -10, &[4, 0, 5], &[]);
    check(
        Signal::Metrics,
        &metric("rpc.server.call.duration", "s", "exponentialHistogram", 1, &[point]),
        &["shop|shop.Cart/Add Ok delta n=10 sum=1500"],
    );
    check(Signal::Metrics, &metric("http.client.request.duration", "s", "histogram", 1, &[seconds]), &[]);
}

#[test]
fn points_that_cannot_be_used_are_left_out() {
    let good = explicit(&[5.0], &[1, 2], 3.0);
    let with = |key: &str, value: Json| {
        let mut point = good.clone();
        point[key] = value;
        point
    };
    let points = [
        good.clone(),
        with("sum", json!("NaN")),
        with("sum", json!(-1)),
        with("count", json!("4")),
        with("bucketCounts", json!(["1"])),
        with("explicitBounds", json!(["Infinity"])),
        with("timeUnixNano", json!("0")),
        with("timeUnixNano", json!((NOON_NS + 600_000 * MS).to_string())),
        with("startTimeUnixNano", json!((NOON_NS + MS).to_string())),
        // Nothing was recorded, and that is no mistake.
        with("flags", json!(1)),
        explicit(&[5.0], &[u64::MAX, 2], 3.0),
        explicit(&(0..1024).map(f64::from).collect::<Vec<_>>(), &[1; 1025], 3.0),
    ];
    check(
        Signal::Metrics,
        &metric("http.server.duration", "ms", "histogram", 2, &points),
        &[
            "left out: 1 more than 5 minutes in the future; look at the clock of the sender",
            "left out: 1 that are too many for one request; let the sender's batches be smaller",
            "left out: 1 without a time",
            "left out: 2 with a negative duration",
            "left out: 2 with a number that is NaN or infinite, or bounds that do not rise",
            "left out: 3 without buckets, or whose buckets do not add up",
            "shop|GET / Ok cumulative n=3 sum=3",
        ],
    );
    for (unit, temporality, words) in [
        ("By", 1, "left out: 1 in a unit that is neither s, ms, us nor ns"),
        ("ms", 0, "left out: 1 that are neither delta nor cumulative"),
    ] {
        let points = std::slice::from_ref(&good);
        check(Signal::Metrics, &metric("http.server.duration", unit, "histogram", temporality, points), &[words]);
    }
    check(
        Signal::Metrics,
        &metric("http.server.duration", "ms", "exponentialHistogram", 1, &[exponential(3, 1, -10, &[4], &[1])]),
        &["left out: 1 with a negative duration"],
    );
}

#[test]
fn bounds_that_say_nothing_are_said() {
    // Bounds for milliseconds on a metric in seconds, as an SDK has them without a view.
    let point = explicit(&[0.0, 5.0, 10.0, 25.0], &[0, 500, 0, 0, 0], 40.0);
    for message in both(Signal::Metrics, &metric("http.server.request.duration", "s", "histogram", 1, &[point])) {
        assert_eq!((message.counted, message.coarse["http.server.request.duration"]), (1, 500));
        let answer = Answer::to(&message, Signal::Metrics);
        assert_eq!(answer.rejected, 0);
        assert!(
            answer.words.starts_with("the bounds of http.server.request.duration are so far apart"),
            "{}",
            answer.words
        );
    }
}

#[test]
fn a_series_is_the_same_in_the_next_message() {
    let keys = |message: &Json| both(Signal::Metrics, message).map(|message| message.batch.points()[0].clone());
    let first = metric("http.server.duration", "ms", "histogram", 2, &[explicit(&[5.0], &[1, 2], 3.0)]);
    let mut later = explicit(&[5.0], &[2, 4], 6.0);
    later["timeUnixNano"] = json!((NOON_NS + 60_000 * MS).to_string());
    let mut turned = later.clone();
    turned["attributes"].as_array_mut().unwrap().reverse();
    for second in [later.clone(), turned] {
        for (first, second) in
            keys(&first).into_iter().zip(keys(&metric("http.server.duration", "ms", "histogram", 2, &[second])))
        {
            assert_eq!((&first.series, &first.stream), (&second.series, &second.stream));
            let last = advance(None, None, first.point).1;
            assert!(
                matches!(advance(last.as_ref(), None, second.point).0, Progress::Counted { histogram, .. } if histogram.count() == 3)
            );
        }
    }
    let mut restarted = later.clone();
    restarted["startTimeUnixNano"] = json!(NOON_NS.to_string());
    let mut other = later;
    other["attributes"].as_array_mut().unwrap().pop();
    for (point, same_stream) in [(restarted, false), (other, true)] {
        for (first, second) in
            keys(&first).into_iter().zip(keys(&metric("http.server.duration", "ms", "histogram", 2, &[point])))
        {
            assert_ne!(first.series, second.series);
            assert_eq!(first.stream == second.stream, same_stream);
        }
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for (encoding, bodies) in [
        (Encoding::Json, &[&b""[..], b"[]", b"{", b"{\"resourceSpans\": 3}", b"{\"resourceSpans\": [3]}", b"\xff"][..]),
        (Encoding::Protobuf, &[b"{}", b"\x0a\x7f", b"\x0b", b"\x08\x01\x0a", b"\x0d\x00\x00\x00\x00\x0a\x02\x0a\x05"]),
    ] {
        for body in bodies {
            assert!(read_at(Signal::Traces, encoding, body, noon()).is_err(), "{encoding:?} {body:?}");
        }
    }
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let empty: &[u8] = if encoding == Encoding::Json { b"{}" } else { b"" };
        assert!(read_at(Signal::Metrics, encoding, empty, noon()).unwrap().batch.is_empty());
    }
}

/// Every prefix of a message, and every message with one byte changed, is read or refused.
#[test]
fn damaged_messages_do_no_harm() {
    let one = traces(&[span("x", 2, 5, &[text("http.request.method", "GET"), whole("http.status_code", 200)])]);
    let two = metric("http.server.duration", "ms", "histogram", 2, &[explicit(&[5.0], &[1, 2], 3.0)]);
    let three = metric("http.server.duration", "ms", "exponentialHistogram", 2, &[exponential(3, 1, -10, &[4], &[])]);
    for (signal, message) in [(Signal::Traces, one), (Signal::Metrics, two), (Signal::Metrics, three)] {
        for (encoding, body) in
            [(Encoding::Json, message.to_string().into_bytes()), (Encoding::Protobuf, write::message(signal, &message))]
        {
            for at in 0..body.len() {
                let _ = read_at(signal, encoding, &body[..at], noon());
                let mut damaged = body.clone();
                for byte in [0x00, 0x0a, 0x12, 0x7f, 0xff] {
                    damaged[at] = byte;
                    let _ = read_at(signal, encoding, &damaged, noon());
                }
            }
        }
    }
}

#[test]
fn depth_costs_nothing() {
    let deep = format!(r#"{{"resourceSpans": [{{"x": {}{}}}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_at(Signal::Traces, Encoding::Json, deep.as_bytes(), noon()).is_ok());
    let mut nested = Vec::new();
    for _ in 0..2_000 {
        // An attribute whose value is a list with a value that is a list …
        let mut list = vec![0x0a];
        write::length(&mut list, nested.len() as u64);
        list.extend_from_slice(&nested);
        let mut outer = vec![0x2a];
        write::length(&mut outer, list.len() as u64);
        outer.extend_from_slice(&list);
        nested = outer;
    }
    let mut pair = vec![0x0a, 0x0a];
    pair.extend_from_slice(b"http.route");
    pair.push(0x12);
    write::length(&mut pair, nested.len() as u64);
    pair.extend_from_slice(&nested);
    attributes::Attributes::default().read(protobuf::Fields(&pair)).unwrap();
}

#[test]
fn a_message_fills_no_more_than_a_batch() {
    let spans: Vec<Json> = (0..50).map(|number| span(&format!("name {number}"), 2, 1, &[])).collect();
    let body = write::message(Signal::Traces, &traces(&spans));
    let batch = Batch::new(BatchLimits { endpoints: 10, places: 5 });
    let message = read(Signal::Traces, Encoding::Protobuf, &body, noon(), batch).unwrap();
    assert_eq!((message.counted, message.left_out[&Why::TooMany], message.batch.tallies().len()), (5, 45, 5));
    let batch = Batch::new(BatchLimits { endpoints: 10, places: 50 });
    let message = read(Signal::Traces, Encoding::Protobuf, &body, noon(), batch).unwrap();
    assert_eq!((message.counted, message.batch.names().len()), (50, 11));
}

#[test]
fn bombs_are_not_unpacked() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    let pack = |plain: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(plain).unwrap();
        gzip.finish().unwrap()
    };
    let bomb = pack(&vec![0; 20 << 20]);
    assert!(bomb.len() < 50_000);
    assert_eq!(unpack(&bomb, "gzip", 1 << 20), Err(PackedError::TooLarge { most: 1 << 20 }));
    let two = [pack(b"a"), pack(b"b")].concat();
    for (body, encoding, most, expected) in [
        (&pack(b"hello")[..], "gzip", 5, Ok(&b"hello"[..])),
        (&pack(b"hello")[..], "GZIP", 4, Err(PackedError::TooLarge { most: 4 })),
        (&two[..], "gzip", 2, Ok(&b"ab"[..])),
        (&two[..], "gzip", 1, Err(PackedError::TooLarge { most: 1 })),
        (&b"hello"[..], "", 5, Ok(&b"hello"[..])),
        (&b"hello"[..], "identity", 4, Err(PackedError::TooLarge { most: 4 })),
        (&b"hello"[..], "gzip", 5, Err(PackedError::NotGzip)),
        (&pack(b"hello")[..12], "gzip", 5, Err(PackedError::NotGzip)),
        (&b"hello"[..], "zstd", 5, Err(PackedError::Unknown)),
    ] {
        assert_eq!(unpack(body, encoding, most).as_deref(), expected.as_deref(), "{encoding} {most}");
    }
}

#[test]
fn the_answer_says_what_does_not_count() {
    let spans = [span("x", 2, 1, &[]), {
        let mut late = span("x", 2, 1, &[]);
        late["endTimeUnixNano"] = json!("1");
        late
    }];
    let [_, message] = both(Signal::Traces, &traces(&spans));
    let answer = Answer::to(&message, Signal::Traces);
    assert_eq!(answer, Answer { rejected: 1, words: "1 spans more than 6 hours old".to_owned() });
    let json = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"1 spans more than 6 hours old"}}"#;
    assert_eq!(answer.body(Signal::Traces, Encoding::Json), json.as_bytes());
    let protobuf = answer.body(Signal::Traces, Encoding::Protobuf);
    let mut fields = protobuf::Fields(&protobuf).next().unwrap().unwrap().1.message().unwrap();
    assert_eq!(fields.next().unwrap(), Some((1, protobuf::Value::Varint(1))));
    assert_eq!(fields.next().unwrap(), Some((2, protobuf::Value::Bytes(b"1 spans more than 6 hours old"))));
    assert_eq!(Answer::default().body(Signal::Metrics, Encoding::Protobuf), b"");
    assert_eq!(Answer::default().body(Signal::Metrics, Encoding::Json), b"{}");
    assert_eq!(refusal(3, "no", Encoding::Protobuf), b"\x08\x03\x12\x02no");
}

/// What the Python SDK sent once.
#[test]
fn recorded_messages_are_read() {
    let folder = std::env::var_os("ONDUTY_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = folder.join("contracts/otlp/recorded");
    let Ok(traces) = std::fs::read(folder.join("traces.bin")) else {
        eprintln!("recorded OTLP messages are not at {}: this test did not run", folder.display());
        return;
    };
    let file = |name: &str| std::fs::read(folder.join(name)).unwrap();
    // When they were recorded.
    let at = |body: &[u8], signal| {
        read_at(signal, Encoding::Protobuf, body, Timestamp::from_second(1_795_383_520).unwrap()).unwrap()
    };
    // These spans are `internal`, which is no answer to anybody.
    let message = at(&traces, Signal::Traces);
    assert!(message.left_out.is_empty() && message.batch.is_empty(), "{message:?}");
    for (name, encoding, is_cumulative) in
        [("metrics_explicit_cumulative_1.bin", "", true), ("metrics_exponential_delta_gzip_1.bin", "gzip", false)]
    {
        let packed = file(name);
        let body = unpack(&packed, encoding, 1 << 20).unwrap();
        let message = at(&body, Signal::Metrics);
        assert!(message.left_out.is_empty() && message.counted > 0, "{name} {message:?}");
        assert!(message.batch.points().iter().all(|point| point.point.is_cumulative == is_cumulative), "{name}");
        // Its default bounds are for milliseconds, its values were in seconds.
        assert_eq!(message.coarse.is_empty(), !is_cumulative, "{name}");
    }
}

/// Writes what the JSON says as protobuf: the numbers of the fields are those of opentelemetry-proto 1.
mod write {
    use super::{Json, Signal};

    pub fn length(out: &mut Vec<u8>, mut number: u64) {
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    fn key(out: &mut Vec<u8>, field: u64, kind: u64) {
        length(out, field << 3 | kind);
    }

    fn bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
        key(out, field, 2);
        length(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }

    fn fixed(out: &mut Vec<u8>, field: u64, number: u64) {
        key(out, field, 1);
        out.extend_from_slice(&number.to_le_bytes());
    }

    fn varint(out: &mut Vec<u8>, field: u64, number: u64) {
        key(out, field, 0);
        length(out, number);
    }

    fn u64_of(json: &Json) -> u64 {
        json.as_u64().or_else(|| json.as_str()?.parse().ok()).unwrap_or_default()
    }

    fn f64_of(json: &Json) -> f64 {
        json.as_f64().or_else(|| json.as_str()?.parse().ok()).unwrap_or_default()
    }

    fn zigzag(json: &Json) -> u64 {
        let number = json.as_i64().unwrap_or_default();
        ((number << 1) ^ (number >> 63)) as u64
    }

    fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
        json[key].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn attribute(pair: &Json) -> Vec<u8> {
        let mut value = Vec::new();
        let given = &pair["value"];
        if let Some(text) = given["stringValue"].as_str() {
            bytes(&mut value, 1, text.as_bytes());
        } else if let Some(truth) = given["boolValue"].as_bool() {
            varint(&mut value, 2, truth.into());
        } else {
            varint(&mut value, 3, u64_of(&given["intValue"]));
        }
        let mut out = Vec::new();
        bytes(&mut out, 1, pair["key"].as_str().unwrap().as_bytes());
        bytes(&mut out, 2, &value);
        out
    }

    fn attributes(out: &mut Vec<u8>, field: u64, of: &Json) {
        list(of, "attributes").iter().for_each(|pair| bytes(out, field, &attribute(pair)));
    }

    pub fn message(signal: Signal, json: &Json) -> Vec<u8> {
        let (resources, scopes) = match signal {
            Signal::Traces => ("resourceSpans", "scopeSpans"),
            Signal::Metrics => ("resourceMetrics", "scopeMetrics"),
        };
        let mut out = Vec::new();
        for of_resource in list(json, resources) {
            let (mut body, mut resource) = (Vec::new(), Vec::new());
            attributes(&mut resource, 1, &of_resource["resource"]);
            for scope in list(of_resource, scopes) {
                let (mut body_of_scope, mut named) = (Vec::new(), Vec::new());
                bytes(&mut named, 1, scope["scope"]["name"].as_str().unwrap().as_bytes());
                bytes(&mut body_of_scope, 1, &named);
                list(scope, "spans").iter().for_each(|one| bytes(&mut body_of_scope, 2, &span(one)));
                list(scope, "metrics").iter().for_each(|one| bytes(&mut body_of_scope, 2, &metric(one)));
                bytes(&mut body, 2, &body_of_scope);
            }
            // Behind what it is about: the order of fields means nothing.
            bytes(&mut body, 1, &resource);
            bytes(&mut out, 1, &body);
        }
        out
    }

    fn span(json: &Json) -> Vec<u8> {
        let mut out = Vec::new();
        bytes(&mut out, 1, &[7; 16]);
        bytes(&mut out, 2, &[8; 8]);
        bytes(&mut out, 5, json["name"].as_str().unwrap().as_bytes());
        varint(&mut out, 6, u64_of(&json["kind"]));
        fixed(&mut out, 7, u64_of(&json["startTimeUnixNano"]));
        fixed(&mut out, 8, u64_of(&json["endTimeUnixNano"]));
        attributes(&mut out, 9, json);
        if !json["status"].is_null() {
            let mut status = Vec::new();
            bytes(&mut status, 2, b"no");
            varint(&mut status, 3, u64_of(&json["status"]["code"]));
            bytes(&mut out, 15, &status);
        }
        out
    }

    fn metric(json: &Json) -> Vec<u8> {
        let mut out = Vec::new();
        bytes(&mut out, 1, json["name"].as_str().unwrap().as_bytes());
        bytes(&mut out, 3, json["unit"].as_str().unwrap_or_default().as_bytes());
        for (kind, field) in [("histogram", 9), ("exponentialHistogram", 10)] {
            if json[kind].is_null() {
                continue;
            }
            let mut data = Vec::new();
            for one in list(&json[kind], "dataPoints") {
                bytes(&mut data, 1, &if field == 9 { explicit(one) } else { exponential(one) });
            }
            varint(&mut data, 2, u64_of(&json[kind]["aggregationTemporality"]));
            bytes(&mut out, field, &data);
        }
        out
    }

    fn common(out: &mut Vec<u8>, json: &Json) {
        fixed(out, 2, u64_of(&json["startTimeUnixNano"]));
        fixed(out, 3, u64_of(&json["timeUnixNano"]));
        fixed(out, 4, u64_of(&json["count"]));
        fixed(out, 5, f64_of(&json["sum"]).to_bits());
        varint(out, 10, u64_of(&json["flags"]));
    }

    fn explicit(json: &Json) -> Vec<u8> {
        let mut out = Vec::new();
        common(&mut out, json);
        let counts: Vec<u8> = list(json, "bucketCounts").iter().flat_map(|one| u64_of(one).to_le_bytes()).collect();
        bytes(&mut out, 6, &counts);
        // One by one, which is allowed as well.
        list(json, "explicitBounds").iter().for_each(|one| fixed(&mut out, 7, f64_of(one).to_bits()));
        attributes(&mut out, 9, json);
        out
    }

    fn exponential(json: &Json) -> Vec<u8> {
        let mut out = Vec::new();
        common(&mut out, json);
        attributes(&mut out, 1, json);
        varint(&mut out, 6, zigzag(&json["scale"]));
        fixed(&mut out, 7, u64_of(&json["zeroCount"]));
        for (field, range) in [(8, &json["positive"]), (9, &json["negative"])] {
            let mut body = Vec::new();
            varint(&mut body, 1, zigzag(&range["offset"]));
            let mut packed = Vec::new();
            list(range, "bucketCounts").iter().for_each(|one| length(&mut packed, u64_of(one)));
            bytes(&mut body, 2, &packed);
            bytes(&mut out, field, &body);
        }
        out
    }
}
