//! The generic webhook: what its bodies say, what their refusals say, and who may send them.

use super::*;
use onduty_core::signal::{Fact, Observation};

const RECEIVED: &str = "2026-03-02T12:00:00Z";

fn received() -> Timestamp {
    RECEIVED.parse().unwrap()
}

fn read(body: &str) -> Vec<Observation> {
    let decoded = decode(body.as_bytes(), received()).unwrap_or_else(|refused| panic!("{body}: {refused}"));
    assert_eq!(decoded.ignored.is_some(), decoded.observations.is_empty());
    decoded.observations
}

fn check(body: &str, subject: &str, fact: &str) {
    let seen = read(body);
    assert_eq!(seen.len(), 1, "{body}");
    assert_eq!(seen[0].subject.as_str(), subject);
    assert_eq!(serde_json::to_string(&seen[0].fact).unwrap(), fact);
}

#[test]
fn one_line_of_curl_is_enough() {
    check(
        r#"{"type":"build","repository":"acme/shop","branch":"main","revision":"4f2a","name":"unit tests","state":"failed"}"#,
        "acme/shop main build/unit tests",
        r#"{"fact":"build","repository":"acme/shop","branch":"main","revision":"4f2a","name":"unit tests","state":"failed","attempt":1,"started_at":"2026-03-02T12:00:00Z","finished_at":"2026-03-02T12:00:00Z","url":null,"detail":null}"#,
    );
    check(
        r#"{"type":"error","project":"shop","id":4711,"environment":"production","title":"NullPointer\nat x","frames":[{"file":"src/cart.rs","line":3}]}"#,
        "shop production 4711",
        r#"{"fact":"error","id":"4711","project":"shop","environment":"production","title":"NullPointer","culprit":null,"level":null,"status":"unresolved","first_seen":"2026-03-02T12:00:00Z","last_seen":"2026-03-02T12:00:00Z","regressed_at":null,"count":1,"assignee":null,"release":null,"frames":[{"file":"src/cart.rs","line":3,"function":null,"in_app":true}],"url":null}"#,
    );
    check(
        r#"{"type":"rollout","id":"p7","environment":"production","revision":"v1.2.0","state":"running","started_at":"2026-03-02T12:30:00+01:00","by":"lena"}"#,
        "- production p7",
        r#"{"fact":"rollout","id":"p7","environment":"production","repository":null,"revision":"v1.2.0","state":"running","started_at":"2026-03-02T11:30:00Z","finished_at":null,"by":"lena","pressed":false,"url":null}"#,
    );
    check(
        r#"{"type":"commits","repository":"acme/shop","branch":"main","commits":[{"revision":"b","files":["x"]},{"revision":"a","title":"Old","committed_at":1772409600}]}"#,
        "acme/shop main",
        r#"{"fact":"head","repository":"acme/shop","branch":"main","revision":"b","commits":[{"revision":"b","author_name":"","author_email":"","title":"","committed_at":"2026-03-02T12:00:00Z","files":["x"]},{"revision":"a","author_name":"","author_email":"","title":"Old","committed_at":"2026-03-02T00:00:00Z","files":[]}],"complete":false}"#,
    );
    check(
        r#"{"type":"signal","kind":"certificate","subject":"shop.example","state":"failing","value":3,"max_age":"1d","extra":[1]}"#,
        "shop.example",
        r#"{"fact":"custom","kind":"certificate","name":"shop.example","state":"failing","message":null,"value":3.0,"max_age":"PT24H","since":"2026-03-02T12:00:00Z","url":null}"#,
    );
    check(
        r#"{"type":"contact","kinds":["errors"]}"#,
        "contact",
        r#"{"fact":"contact","kinds":["errors"],"trouble":null}"#,
    );
}

#[test]
fn a_build_tells_where_it_failed_by_its_output_or_in_frames() {
    let build = r#""type":"build","repository":"acme/shop","revision":"4f","name":"unit","state":"failed""#;
    let places = |body: &str| {
        let seen = read(body);
        let Fact::Build(build) = &seen[0].fact else { panic!("a build") };
        build.frames.iter().map(|frame| (frame.file.clone(), frame.line)).collect::<Vec<_>>()
    };
    let output = r#""output":"Failures:\n  rspec ./spec/cart_spec.rb:14 # total\n""#;
    assert_eq!(places(&format!("{{{build},{output}}}")), [("spec/cart_spec.rb".to_owned(), Some(14))]);
    let frames = r#""frames":[{"file":"src/cart.rs","line":3}]"#;
    assert_eq!(
        places(&format!("{{{build},{frames},{output}}}")),
        [("src/cart.rs".to_owned(), Some(3)), ("spec/cart_spec.rb".to_owned(), Some(14))]
    );
    let refused = decode(format!("{{{build},\"output\":[]}}").as_bytes(), received()).unwrap_err().to_string();
    assert!(refused.ends_with(": output is missing or wrong; expected a text"), "{refused}");
}

#[test]
fn a_signal_names_the_code_that_answers_for_it() {
    let slow = r#"{"type":"signal","kind":"slow-endpoint","subject":"GET /cart","state":"failing","frames":[{"file":"src/cart.rs"}]}"#;
    let Fact::Custom(signal) = &read(slow)[0].fact else { panic!("a signal") };
    assert_eq!((signal.frames.len(), signal.frames[0].file.as_str()), (1, "src/cart.rs"));
}

#[test]
fn a_batch_is_a_listing_all_or_nothing() {
    let error = r#"{"type":"error","project":"shop","id":"1","environment":"staging","title":"old"}"#;
    let contact = r#"{"type":"contact","kinds":["errors"]}"#;
    let seen = read(&format!(r#"{{"type":"batch","baseline":true,"items":[{error},{contact}]}}"#));
    assert_eq!(seen.iter().map(|one| one.baseline).collect::<Vec<_>>(), [true, true]);
    assert!(matches!(seen[1].fact, Fact::Contact(_)));
    assert!(read(r#"{"type":"batch","items":[]}"#).is_empty());
}

#[test]
fn refusals_name_the_field_and_an_example() {
    let build = r#""type":"build","repository":"acme/shop","revision":"4f","name":"unit""#;
    let cases = [
        ("[]", ": body is missing or wrong; expected a JSON object"),
        ("{", ": body is missing or wrong; expected one JSON object such as"),
        ("{}", ": type is missing or wrong; expected one of build, error, rollout"),
        (r#"{"type":"builds"}"#, ": type is missing or wrong"),
        (r#"{"type":"build"}"#, ": repository is missing or wrong; expected a name such as acme/shop"),
        (
            r#"{"type":"build","repository":"a b"}"#,
            ": repository is missing or wrong; expected a name such as acme/shop, without spaces",
        ),
        (r#"{"type":"build","repository":["a"]}"#, ": repository is missing or wrong; expected a text"),
        (&format!("{{{build}}}"), ": state is missing or wrong; expected one of queued, running, passed"),
        (&format!(r#"{{{build},"state":"green"}}"#), ": state is missing or wrong"),
        (
            &format!(r#"{{{build},"state":"passed","attempt":0}}"#),
            ": attempt is missing or wrong; expected a whole number from 1",
        ),
        (
            &format!(r#"{{{build},"state":"passed","started_at":"yesterday"}}"#),
            ": started_at is missing or wrong; expected a time such as",
        ),
        (&format!(r#"{{{build},"state":"passed","started_at":"2099-01-01T00:00:00Z"}}"#), "not in the future"),
        (
            &format!(r#"{{{build},"state":"passed","started_at":9,"finished_at":8}}"#),
            ": finished_at is missing or wrong; expected a time after",
        ),
        (
            &format!(r#"{{{build},"state":"passed","url":"javascript:1"}}"#),
            ": url is missing or wrong; expected an address that starts with https://",
        ),
        (
            r#"{"type":"build","repository":"a/b","name":"n","state":"passed","revision":"--exec=x"}"#,
            ": revision is missing or wrong",
        ),
        (
            r#"{"type":"signal","kind":"errors","subject":"x","state":"ok"}"#,
            ": kind is missing or wrong; expected a kind of your own; builds",
        ),
        (r#"{"type":"signal","kind":"My Kind","subject":"x","state":"ok"}"#, ": kind is missing or wrong"),
        (
            r#"{"type":"signal","kind":"cert","subject":"x","state":"ok","max_age":"soon"}"#,
            ": max_age is missing or wrong; expected a duration",
        ),
        (r#"{"type":"contact","kinds":[]}"#, ": kinds is missing or wrong"),
        (r#"{"type":"batch"}"#, ": items is missing or wrong"),
        (
            r#"{"type":"batch","items":[{"type":"contact","kinds":["errors"]},{"type":"batch"}]}"#,
            ": items[1].type is missing or wrong",
        ),
        (r#"{"type":"batch","items":[7]}"#, ": items[0] is missing or wrong; expected a JSON object"),
        (
            r#"{"type":"error","project":"p","id":"1","environment":"e","title":"t","frames":[{"file":"f"},{"line":1}]}"#,
            ": frames[1].file is missing or wrong",
        ),
        (
            r#"{"type":"error","project":"p","id":"1","environment":"e","title":"t","frames":[{"file":"f","line":0}]}"#,
            ": frames[0].line is missing or wrong",
        ),
        (
            r#"{"type":"error","project":"p","id":"1","environment":"e","title":"\u0000"}"#,
            ": title is missing or wrong; expected the error's message",
        ),
    ];
    for (body, expected) in cases {
        let refused = decode(body.as_bytes(), received()).expect_err(body).to_string();
        assert!(refused.contains(expected), "{body}: {refused}");
    }
    let deep = format!("{{\"type\":{}", "[".repeat(100_000));
    assert!(decode(deep.as_bytes(), received()).is_err());
    assert!(decode(b"{\"type\":\"\xff\"}", received()).is_err());
}

#[test]
fn durations() {
    let read = |text| wire::duration(text).map(|duration| duration.as_secs());
    assert_eq!(
        ["90s", "30m", "1h", "2d", "1h30m", "1h 30m"].map(read),
        [90, 1800, 3600, 172_800, 5400, 5400].map(Some)
    );
    for bad in ["", "h", "1", "0s", "1y", "-1h", "1.5h", "9999999999d", "1h30", "é"] {
        assert_eq!(read(bad), None, "{bad}");
    }
}

/// The example of the Standard Webhooks specification.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SENT: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn seconds(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn signs_like_the_specification() {
    assert_eq!(sign(&SecretString::from(SECRET), ID, seconds(SENT), BODY), SIGNATURE);
}

#[test]
fn only_fresh_and_signed_messages_pass() {
    let check = |secrets: &[&str], id: &str, sent: &str, signature: &str, body: &[u8], now: i64| {
        let mut headers = HeaderMap::new();
        for (name, value) in [(ID_HEADER, id), (TIMESTAMP_HEADER, sent), (SIGNATURE_HEADER, signature)] {
            if !value.is_empty() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        verify(&secrets, &headers, body, seconds(now)).is_ok()
    };
    let sent = &SENT.to_string();
    assert!(check(&[SECRET], ID, sent, SIGNATURE, BODY, SENT));
    assert!(check(&["old", SECRET], ID, sent, SIGNATURE, BODY, SENT + 300));
    assert!(check(&[SECRET], ID, sent, SIGNATURE, BODY, SENT - 300));
    assert!(check(&[SECRET], ID, sent, &format!("v1,AAAA v2,xx {SIGNATURE}"), BODY, SENT));
    let plain = sign(&SecretString::from("plain secret\n"), ID, seconds(SENT), BODY);
    assert!(check(&["plain secret"], ID, sent, &plain, BODY, SENT));

    assert!(!check(&[SECRET], ID, sent, SIGNATURE, BODY, SENT + 301));
    assert!(!check(&[SECRET], ID, sent, SIGNATURE, BODY, SENT - 301));
    assert!(!check(&[SECRET], "other", sent, SIGNATURE, BODY, SENT));
    assert!(!check(&[SECRET], ID, &(SENT + 1).to_string(), SIGNATURE, BODY, SENT));
    assert!(!check(&[SECRET], ID, sent, SIGNATURE, b"{}", SENT));
    assert!(!check(&["other"], ID, sent, SIGNATURE, BODY, SENT));
    assert!(!check(&[], ID, sent, SIGNATURE, BODY, SENT));
    assert!(!check(&[SECRET], ID, sent, &SIGNATURE.replace("v1,", "v1a,"), BODY, SENT));
    for (id, sent, signature) in
        [("", sent.as_str(), SIGNATURE), (ID, "", SIGNATURE), (ID, sent, ""), (ID, "soon", SIGNATURE)]
    {
        assert!(!check(&[SECRET], id, sent, signature, BODY, SENT));
    }
    assert_ne!(delivery_key("1", BODY), delivery_key("2", BODY));
}

const DOCUMENT: &str = include_str!("../../../../../docs/sources.md");

/// The blocks of the document in `language`.
fn blocks(language: &str) -> Vec<&'static str> {
    let blocks = DOCUMENT.split("\n```").filter_map(|part| part.strip_prefix(language)?.strip_prefix('\n'));
    blocks.collect()
}

#[test]
fn every_documented_body_is_read() {
    let bodies = blocks("json");
    assert_eq!(bodies.len(), 7);
    for body in bodies {
        // The examples are of one afternoon.
        let read = decode(body.as_bytes(), "2026-03-02T16:00:00Z".parse().unwrap());
        assert!(!read.unwrap_or_else(|refused| panic!("{body}: {refused}")).observations.is_empty());
    }
}

#[tokio::test]
async fn the_documented_shell_lines_sign_as_we_do() {
    use axum::{Router, body::Bytes, routing::post};
    let works = |program: &str| std::process::Command::new(program).arg("--version").output().is_ok();
    if !(works("openssl") && works("curl")) {
        eprintln!("NOT CHECKED: the shell lines of docs/sources.md, because openssl or curl is not installed");
        return;
    }
    let (sender, mut seen) = tokio::sync::mpsc::channel(1);
    let app = Router::new().route(
        "/hooks/signals",
        post(move |headers: HeaderMap, body: Bytes| async move { sender.send((headers, body)).await.unwrap() }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let [lines] = blocks("sh")[..] else { panic!("one block of shell") };
    let secret = "correct horse battery staple";
    let run = tokio::process::Command::new("sh")
        .args(["-euc", &lines.replace("127.0.0.1:7007", &address)])
        .env("ONDUTY_SIGNALS_SECRET", secret)
        .output();
    let output = run.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (headers, body) = seen.recv().await.unwrap();
    verify(&[SecretString::from(secret)], &headers, &body, crate::clock::real_now()).unwrap();
    assert_eq!(decode(&body, received()).unwrap().observations[0].subject.as_str(), "shop.example");
}
