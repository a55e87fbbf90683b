//! Sentry's poll against a server that answers pages, faults and single issues.

use super::*;
use crate::egress::{Backoff, Egress, Policy, Url};
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::Response;
use onduty_core::signal::Fact;
use std::collections::HashMap;
use std::time::Duration;

const NOW: &str = "2026-03-02T16:00:00Z";

fn issue(id: u32, status: &str, more: Value) -> Value {
    let mut issue = json!({
        "id": id.to_string(), "shortId": format!("SHOP-{id}"), "title": format!("Error {id}"), "culprit": null,
        "level": "error", "status": status, "count": "3", "project": {"id": "2", "slug": "shop"},
        "firstSeen": "2026-03-01T10:00:00Z", "lastSeen": "2026-03-02T10:00:00.5Z", "assignedTo": null,
        "permalink": format!("https://sentry.example/issues/{id}/"),
    });
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        issue[key.as_str()] = value;
    }
    issue
}

fn json_answer(value: &Value, link: &str) -> Response<Body> {
    let answer = Response::builder().header("content-type", "application/json");
    let answer = if link.is_empty() { answer } else { answer.header("link", link) };
    answer.body(Body::from(value.to_string())).unwrap()
}

fn next(cursor: &str, more: bool) -> String {
    format!("<https://elsewhere.example/x?cursor={cursor}>; rel=\"next\"; results=\"{more}\"; cursor=\"{cursor}\"")
}

async fn poll(
    server: impl Fn(&str, &HashMap<String, String>) -> Response<Body> + Clone + Send + Sync + 'static,
    known: &[ErrorGroup],
    baseline: bool,
) -> Result<Vec<Observation>, String> {
    ask(server, async |sentry| sentry.poll(known, baseline, NOW.parse().unwrap()).await).await
}

/// Asks a Sentry that takes every change and answers every other question by `server`.
async fn ask<T>(
    server: impl Fn(&str, &HashMap<String, String>) -> Response<Body> + Clone + Send + Sync + 'static,
    question: impl AsyncFnOnce(Sentry<'_>) -> Result<T, SourceError>,
) -> Result<T, String> {
    let app = Router::new().fallback(move |Query(query): Query<HashMap<String, String>>, request: Request| {
        let answer = match request.headers().get("authorization").map(|value| value == "Bearer a-secret-token") {
            Some(true) if request.method() == Method::PUT => json_answer(&json!({}), ""),
            Some(true) => server(request.uri().path(), &query),
            _ => Response::builder().status(401).body(Body::empty()).unwrap(),
        };
        async move { answer }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}/sentry", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let egress = Egress::new(Policy::default().naming(&base)).unwrap();
    let backoff = Backoff { tries: 2, first: Duration::from_millis(1), most: Duration::from_millis(1) };
    let token = SecretString::from("a-secret-token");
    let sentry = Sentry {
        api: Tracker { name: NAME, egress: &egress, base, token: &token, backoff },
        organisation: "acme",
        projects: &["shop".to_owned()],
        environments: &["production".to_owned()],
    };
    question(sentry).await.map_err(|error| error.to_string())
}

fn groups(seen: &[Observation]) -> Vec<ErrorGroup> {
    seen.iter()
        .filter_map(|seen| match &seen.fact {
            Fact::Error(group) => Some(group.clone()),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn every_page_is_read_and_what_is_gone_is_looked_up() {
    let frames = json!([
        {"filename": "lib/a.py", "lineNo": 1, "function": "outer", "inApp": false},
        {"filename": "app/b.py", "lineNo": "7", "function": null, "inApp": true},
    ]);
    let server = move |path: &str, query: &HashMap<String, String>| match path {
        "/sentry/api/0/organizations/acme/issues/" => {
            assert_eq!(query["query"], "is:unresolved project:[shop]");
            assert_eq!((query["environment"].as_str(), query["limit"].as_str()), ("production", "100"));
            match query.get("cursor").map(String::as_str) {
                None => json_answer(&json!([issue(1, "unresolved", json!({}))]), &next("0:100:0", true)),
                Some("0:100:0") => {
                    let more =
                        json!({"project": {"slug": "shop"}, "count": 9, "assignedTo": {"type": "team", "name": "web"}});
                    json_answer(&json!([issue(2, "unresolved", more)]), &next("0:200:0", false))
                }
                Some(other) => panic!("{other}"),
            }
        }
        "/sentry/api/0/organizations/acme/issues/3/" => json_answer(&issue(3, "resolved", json!({})), ""),
        "/sentry/api/0/organizations/acme/issues/4/" => Response::builder().status(404).body(Body::empty()).unwrap(),
        path if path.ends_with("/events/latest/") => {
            let entry = json!({"type": "exception", "data": {"values": [{"stacktrace": {"frames": frames}}]}});
            json_answer(&json!({"entries": [entry]}), "")
        }
        path => panic!("{path}"),
    };
    let now: Timestamp = NOW.parse().unwrap();
    let known = |id| wire::group(&issue(id, "unresolved", json!({})), "production", now).unwrap();
    let seen = poll(server.clone(), &[known(3), known(4)], false).await.unwrap();
    let told: Vec<String> = groups(&seen)
        .iter()
        .map(|g| format!("{} {:?} {} {:?} {}", g.id, g.status, g.count, g.assignee, g.frames.len()))
        .collect();
    assert_eq!(
        told,
        ["1 Unresolved 3 None 2", "2 Unresolved 9 Some(\"web\") 2", "3 Resolved 3 None 0", "4 Resolved 3 None 0"]
    );
    let first = &groups(&seen)[0];
    assert_eq!(seen[0].subject.as_str(), "shop production 1");
    assert_eq!(
        (first.frames[1].line, first.frames[1].function.as_deref(), first.frames[0].in_app),
        (Some(7), None, false)
    );
    // Nothing is told twice.
    let again = poll(server.clone(), &groups(&seen), false).await.unwrap();
    assert_eq!(again, []);
    // What is there at the first look was there before, and its stacks are not asked for.
    let first = poll(server, &[], true).await.unwrap();
    assert!(first.len() == 2 && first.iter().all(|seen| seen.baseline));
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_an_error() {
    let list = |link: String| {
        move |_: &str, _: &HashMap<String, String>| json_answer(&json!([issue(1, "unresolved", json!({}))]), &link)
    };
    let status = |code: u16, body: &'static str| {
        move |_: &str, _: &HashMap<String, String>| Response::builder().status(code).body(Body::from(body)).unwrap()
    };
    #[track_caller]
    fn check(found: Result<Vec<Observation>, String>, expected: &str) {
        assert_eq!(found.unwrap_err(), expected);
    }
    check(
        poll(status(401, "{\"detail\": \"no a-secret-token\"}"), &[], false).await,
        "sentry refused with status 401: {\"detail\": \"no [redacted]\"}",
    );
    check(poll(status(500, ""), &[], false).await, "sentry refused with status 500: ");
    check(
        poll(status(502, "<html>bad gateway</html>"), &[], false).await,
        "sentry refused with status 502: a web page",
    );
    check(poll(status(302, ""), &[], false).await, "sentry refused with status 302: ");
    check(poll(status(429, ""), &[], false).await, "sentry could not be reached: 127.0.0.1 asks to wait 30 s");
    check(
        poll(status(200, "{}"), &[], false).await,
        "sentry cannot be read: the answer is missing or wrong; expected a list of issues",
    );
    check(
        poll(status(200, "[{\"id\": {}}]"), &[], false).await,
        "sentry cannot be read: issue.lastSeen is missing or wrong; expected what Sentry's documentation says",
    );
    check(
        poll(status(200, "[{\"id\":"), &[], false).await,
        "sentry cannot be read: the answer is missing or wrong; expected JSON",
    );
    check(
        poll(list(next("0:100:0", true)), &[], false).await,
        "sentry could not be reached: page 2 repeats an earlier page",
    );
    // A page that fails after a good one takes all with it.
    let second = |_: &str, query: &HashMap<String, String>| match query.get("cursor") {
        None => json_answer(&json!([issue(1, "unresolved", json!({}))]), &next("1", true)),
        Some(_) => Response::builder().status(500).body(Body::empty()).unwrap(),
    };
    check(poll(second, &[], false).await, "sentry refused with status 500: ");
    let full: Vec<Value> = (0..100).map(|id| issue(id, "unresolved", json!({}))).collect();
    let full = move |_: &str, _: &HashMap<String, String>| json_answer(&json!(full), "");
    check(
        poll(full, &[], false).await,
        "sentry cannot be read: Link is missing or wrong; expected a header that says whether there is more",
    );
}

#[tokio::test]
async fn only_what_sentry_shows_as_resolved_is_called_so() {
    let shown = |status: &'static str| {
        move |_: &str, _: &HashMap<String, String>| json_answer(&issue(7, status, json!({})), "")
    };
    let gone = |_: &str, _: &HashMap<String, String>| Response::builder().status(404).body(Body::empty()).unwrap();
    let resolve = async |sentry: Sentry<'_>| sentry.resolve("7").await;
    assert_eq!(ask(shown("resolved"), resolve).await, Ok(()));
    let not = Err("sentry has no resolution of issue 7".to_owned());
    for status in ["unresolved", "ignored", "a word of tomorrow"] {
        assert_eq!(ask(shown(status), resolve).await, not, "{status}");
    }
    assert_eq!(ask(gone, resolve).await, not);
}

#[test]
fn webhooks_are_signed_over_their_bytes_and_are_hints() {
    let body = br#"{"action": "assigned", "data": {"issue": {"id": "117", "shortId": "SHOP-1", "project": 2}}}"#;
    let secrets = ["old secret of the team", "new secret of the team"].map(SecretString::from);
    let tag = super::super::hex(&signing::hmac_sha256(b"new secret of the team", &[body]));
    let headers = |tag: &str| HeaderMap::from_iter([(SIGNATURE_HEADER.parse().unwrap(), tag.parse().unwrap())]);
    verify(&secrets, &headers(&tag), body).unwrap();
    verify(&secrets, &headers(&tag.to_uppercase()), body).unwrap();
    for (headers, body) in [
        (HeaderMap::new(), body.as_slice()),
        (headers(&tag), b"{}"),
        (headers(&tag[1..]), body),
        (headers("zz"), body),
        (headers(""), body),
    ] {
        assert!(matches!(verify(&secrets, &headers, body), Err(SourceError::Unsigned { .. })), "{headers:?}");
    }
    let about = |resource: &str, body: &[u8]| decode(resource, body).unwrap().ignored.unwrap().to_string();
    let asked = "the source is asked for what is so now";
    assert_eq!(about("issue", body), format!("a hint about issue.assigned SHOP-1: {asked}"));
    let event = br#"{"action": "triggered", "data": {"event": {"issue_id": 117, "project": 2, "tags": [["environment", "production"]]}}}"#;
    assert_eq!(about("event_alert", event), format!("a hint about event_alert.triggered 117: {asked}"));
    let event = br#"{"action": "created", "data": {"error": {"issue_id": "117", "release": null}}}"#;
    assert_eq!(about("error", event), format!("a hint about error.created 117: {asked}"));
    assert_eq!(about("metric_alert", b"{}"), "onduty does not use `metric_alert` events");
    assert!(decode("issue", b"[]").is_err() && decode("issue", b"").is_err());
    assert_ne!(delivery_key("issue", body), delivery_key("error", body));
}
