//! The command as a user types it, with a server that checks what it gets.

use super::*;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Router, http};
use clap::Parser;
use std::sync::{Arc, Mutex};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    signal: SignalArgs,
}

fn parse(line: &[&str]) -> Result<SignalCommand, clap::Error> {
    Command::try_parse_from(std::iter::once("signal").chain(line.iter().copied())).map(|parsed| parsed.signal.command)
}

fn explained(line: &[&str]) -> Result<Value, Failure> {
    match parse(&[&["explain"], line].concat()).unwrap() {
        SignalCommand::Explain(args) => explain(&args),
        other => panic!("{other:?}"),
    }
}

async fn sent(line: &[&str]) -> Result<String, Failure> {
    match parse(&[&["send"], line].concat()).unwrap() {
        SignalCommand::Send(args) => send(&args).await,
        other => panic!("{other:?}"),
    }
}

fn own(name: &str) -> String {
    format!("{}/tests/data/github/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn explains_what_it_would_record_or_why_nothing() {
    let value = explained(&["--source", "github", "--event", "check_run", &own("check_run.json")]).unwrap();
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["source", "event", "observations", "ignored", "signature"]);
    assert_eq!(value["observations"][0]["subject"], "acme/shop main check_run/unit tests");
    assert_eq!(value["observations"][0]["fact"]["state"], "failed");
    assert_eq!((&value["ignored"], &value["signature"]), (&json!(null), &json!("not checked: give --headers")));

    let value = explained(&["--source", "github", "--event", "ping", &own("push.json")]).unwrap();
    assert_eq!((&value["observations"], &value["ignored"]), (&json!([]), &json!("a ping: the webhook works")));
}

/// Whatever GitHub sent is explained as it is understood: the table that `sources::github` is held to says the same.
#[test]
fn explains_every_recorded_payload() {
    let shared = std::env::var_os("ONDUTY_SHARED").map(std::path::PathBuf::from);
    let shared = shared.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into());
    let folder = shared.join("contracts/github/webhooks");
    if !folder.is_dir() {
        eprintln!("NOT CHECKED: GitHub's recorded payloads are not here; set ONDUTY_SHARED to the shared folder");
        return;
    }
    let mut payloads: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for line in include_str!("../../../tests/data/github/expected.txt").lines() {
        let (file, means) = line.split_once(" -> ").unwrap();
        payloads.entry(file).or_default().push(means);
    }
    assert!(payloads.len() >= 50, "{} payloads", payloads.len());
    for (file, means) in payloads {
        let (event, path) = (file.split('.').next().unwrap(), folder.join(file));
        let value = explained(&["--source", "github", "--event", event, path.to_str().unwrap()]).unwrap();
        let seen = value["observations"].as_array().unwrap();
        if seen.is_empty() {
            assert!(means[0].ends_with(value["ignored"].as_str().unwrap()), "{file}: {value} is not {means:?}");
            continue;
        }
        assert_eq!(seen.len(), means.len(), "{file}: {value}");
        for (seen, means) in seen.iter().zip(means) {
            let fact = &seen["fact"];
            let revision: String = fact["revision"].as_str().unwrap().chars().take(7).collect();
            let words = [seen["subject"].as_str().unwrap(), fact["state"].as_str().unwrap_or(""), &revision];
            assert!(words.iter().all(|word| means.contains(word)), "{file}: {words:?} are not in {means}");
        }
    }
}

#[test]
fn explains_with_headers() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("headers"), "X-GitHub-Event: push\r\nX-Other: a:b\r\n\r\n").unwrap();
    let value = explained(&["--source", "github", "--headers", &path("headers"), &own("push.json")]).unwrap();
    assert_eq!(value["event"], "push");
    assert_eq!(value["observations"][0]["fact"]["fact"], "head");

    std::fs::write(path("bad"), "Fine: yes\nno colon\n").unwrap();
    std::fs::write(path("text"), "hello").unwrap();
    let cases = [
        (vec!["--source", "github", "nowhere.json"], "nowhere.json: No such file"),
        (vec!["--source", "github", "PUSH"], "which event is this?"),
        (vec!["--source", "github", "--headers", "BAD", "PUSH"], ":2: write headers as `Name: value`"),
        (
            vec!["--source", "github", "--event", "push", "TEXT"],
            "text: github cannot be read: body is missing or wrong",
        ),
        (vec!["--source", "signals", "PUSH"], "push.json: signals cannot be read: type is missing or wrong"),
    ];
    for (line, expected) in cases {
        let line: Vec<String> = line
            .into_iter()
            .map(|word| match word {
                "PUSH" => own("push.json"),
                "BAD" | "TEXT" => path(&word.to_lowercase()),
                other => other.to_owned(),
            })
            .collect();
        let failure = explained(&line.iter().map(String::as_str).collect::<Vec<_>>()).unwrap_err();
        assert!(failure.code == 2 && failure.message.contains(expected), "{line:?}: {failure:?}");
    }
}

#[test]
fn signatures_are_told_apart() {
    let mut headers = HeaderMap::new();
    headers.insert("x", "y".parse().unwrap());
    let none = |_: &str| None;
    let some = |_: &str| Some("secret".to_owned());
    let refused = |_, _: &HeaderMap| Err(SourceError::Unsigned { source_name: "github".into(), why: "no" });
    assert_eq!(signature(Some(&headers), "X", none, |_, _| Ok(())), "not checked: set X");
    assert_eq!(signature(Some(&headers), "X", some, |_, _| Ok(())), "valid");
    assert_eq!(signature(Some(&headers), "X", some, refused), "invalid: github: no");
}

type Seen = Arc<Mutex<Vec<(http::HeaderMap, Bytes)>>>;

/// A server that answers `status` and keeps what it gets.
async fn server(status: u16) -> (String, Seen) {
    let seen = Seen::default();
    let keep = move |State(seen): State<Seen>, headers: http::HeaderMap, body: Bytes| async move {
        seen.lock().unwrap().push((headers, body));
        (StatusCode::from_u16(status).unwrap(), "because\u{1b}")
    };
    let app = Router::new().route("/hooks/signals", post(keep)).with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

fn secret_file(folder: &tempfile::TempDir) -> String {
    let path = folder.path().join("secret");
    std::fs::write(&path, format!("{SECRET}\nold\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn sends_what_the_server_accepts() {
    let folder = tempfile::TempDir::new().unwrap();
    let secret = secret_file(&folder);
    let (address, seen) = server(202).await;
    let to = ["--server", &address, "--secret-file", &secret];
    let words = ["certificate", "shop.example", "--state", "failing", "--value", "-3", "--max-age", "1h"];
    assert_eq!(sent(&[words.as_slice(), &to].concat()).await.unwrap(), "sent: shop.example");

    let data = folder.path().join("build.json");
    let build = r#"{"repository":"acme/shop","branch":"main","revision":"4f","name":"unit","state":"failed"}"#;
    std::fs::write(&data, build).unwrap();
    let line = ["builds", "--json", "--data", data.to_str().unwrap()];
    let answer = sent(&[line.as_slice(), &to].concat()).await.unwrap();
    assert!(answer.contains(r#""status":202"#) && answer.contains("acme/shop main build/unit"), "{answer}");

    let seen = seen.lock().unwrap();
    for (headers, body) in seen.iter() {
        signals::verify(&[SecretString::from(SECRET)], headers, body, real_now()).unwrap();
    }
    let bodies: Vec<&str> = seen.iter().map(|(_, body)| std::str::from_utf8(body).unwrap()).collect();
    assert_eq!(
        bodies,
        [
            r#"{"type":"signal","kind":"certificate","subject":"shop.example","state":"failing","value":-3.0,"max_age":"1h"}"#,
            &build.replace("\"failed\"}", "\"failed\",\"type\":\"build\"}"),
        ]
    );
}

#[tokio::test]
async fn failures_say_what_to_do() {
    let folder = tempfile::TempDir::new().unwrap();
    let secret = secret_file(&folder);
    let ok = ["certificate", "shop.example", "--state", "ok"];
    for (status, code, expected) in [
        (401, 2, "compare the secret"),
        (404, 2, "compare the secret"),
        (422, 2, "refused it (422 Unprocessable Entity): because"),
        (503, 3, "send it again later"),
        (302, 2, "refused it (302 Found)"),
    ] {
        let (address, _) = server(status).await;
        let line = [ok.as_slice(), &["--server", &address, "--secret-file", &secret]].concat();
        let failure = sent(&line).await.unwrap_err();
        assert!(failure.code == code && failure.message.contains(expected), "{status}: {failure:?}");
    }
    let cases = [
        (vec!["--server", "http://127.0.0.1:1", "--secret-file", &secret], 3, "is `onduty serve` running there?"),
        (vec!["--server", "shop", "--secret-file", &secret], 2, "`shop` is no server"),
        (vec!["--secret-file", "/nowhere"], 2, "/nowhere: No such file"),
        (vec!["--max-age", "soon", "--secret-file", &secret], 2, "max_age is missing or wrong; expected a duration"),
    ];
    for (more, code, expected) in cases {
        let failure = sent(&[ok.as_slice(), &more].concat()).await.unwrap_err();
        assert!(failure.code == code && failure.message.contains(expected), "{more:?}: {failure:?}");
    }
    for incomplete in [vec!["send"], vec!["send", "certificate"], vec!["send", "certificate", "x", "--state", "red"]] {
        assert!(parse(&incomplete).is_err(), "{incomplete:?}");
    }
}
