//! Bugsink's poll against a server that answers as Bugsink does.

use super::*;
use crate::egress::{Backoff, Egress, Policy, Url};
use axum::Router;
use axum::extract::{Query, Request};
use onduty_core::signal::Fact;
use secrecy::SecretString;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

fn issue(id: u32, resolved: bool, last_seen: &str) -> Value {
    json!({
        "id": format!("958343b0-{id}"), "friendly_id": format!("SHOP-{id}"), "project": 2, "first_seen": "2026-03-01T09:00:00.25Z",
        "last_seen": last_seen, "digested_event_count": 2, "calculated_type": "IndexError",
        "calculated_value": "list index out of range", "transaction": "", "is_resolved": resolved, "is_muted": false,
    })
}

fn list(results: &[Value], next: Option<&str>) -> Value {
    json!({"next": next, "previous": null, "results": results})
}

#[derive(Clone)]
struct Fake {
    issues: Vec<Value>,
    environment: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn answer(&self, path: &str, query: &HashMap<String, String>) -> Value {
        self.asked.lock().unwrap().push(path.to_owned());
        match path {
            "/api/canonical/0/projects/" => list(&[json!({"id": 2, "slug": "shop", "name": "The shop"})], None),
            "/api/canonical/0/issues/" => {
                assert_eq!((query["project"].as_str(), query["sort"].as_str()), ("2", "digest_order"));
                let (first, rest) = self.issues.split_at(1);
                match query.get("cursor") {
                    None => list(first, Some("http://elsewhere.example/x?cursor=cD0x%3D&project=2")),
                    Some(cursor) => {
                        assert_eq!(cursor, "cD0x=");
                        list(rest, None)
                    }
                }
            }
            "/api/canonical/0/events/" => list(&[json!({"id": "4569b48d-1"})], None),
            "/api/canonical/0/events/4569b48d-1/" => json!({"id": "4569b48d-1", "data": {
                "environment": self.environment, "release": "shop@1.42.0", "level": "error",
                "exception": {"values": [{"stacktrace": {"frames": [
                    {"filename": "lib.py", "lineno": 3, "function": "f", "in_app": false},
                    {"filename": "cart.py", "lineno": 7, "function": "checkout", "in_app": true},
                ]}}]},
            }}),
            path => panic!("{path}"),
        }
    }
}

async fn poll(fake: &Fake, known: &[ErrorGroup], projects: &[&str]) -> Result<Vec<ErrorGroup>, String> {
    let served = fake.clone();
    let app = Router::new().fallback(move |Query(query): Query<HashMap<String, String>>, request: Request| {
        let answer = served.answer(request.uri().path(), &query);
        async move { axum::Json(answer) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let egress = Egress::new(Policy::default().naming(&base)).unwrap();
    let token = SecretString::from("a-secret-token");
    let api = Tracker { name: NAME, egress: &egress, base, token: &token, backoff: Backoff::NONE };
    let projects: Vec<String> = projects.iter().map(|name| (*name).to_owned()).collect();
    let bugsink = Bugsink { api, projects: &projects, environments: &[] };
    let seen = bugsink.poll(known, false, "2026-03-02T16:00:00Z".parse().unwrap()).await;
    let group = |seen: Observation| match seen.fact {
        Fact::Error(group) => group,
        fact => panic!("{fact:?}"),
    };
    seen.map(|seen| seen.into_iter().map(group).collect()).map_err(|error| error.to_string())
}

fn told(groups: &[ErrorGroup]) -> Vec<String> {
    groups.iter().map(|g| format!("{} {} {:?} {}", g.id, g.environment, g.status, g.frames.len())).collect()
}

#[tokio::test]
async fn environments_come_from_events_and_states_from_issues() {
    let (monday, later) = ("2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z");
    let mut fake = Fake {
        issues: vec![issue(1, false, monday), issue(2, true, monday)],
        environment: "staging",
        asked: Arc::default(),
    };
    let first = poll(&fake, &[], &["shop"]).await.unwrap();
    assert_eq!(told(&first), ["958343b0-1 staging Unresolved 2"], "what is resolved and was never known is no news");
    assert_eq!(first[0].title, "IndexError: list index out of range");
    assert_eq!((first[0].project.as_str(), first[0].release.as_deref()), ("shop", Some("shop@1.42.0")));
    assert_eq!((first[0].frames[0].in_app, first[0].frames[1].file.as_str()), (false, "cart.py"));

    fake.asked.lock().unwrap().clear();
    assert_eq!(poll(&fake, &first, &[]).await.unwrap(), []);
    assert!(!fake.asked.lock().unwrap().iter().any(|path| path.contains("events")), "nothing new, nothing to look at");

    // The same issue comes up in another environment.
    fake = Fake { issues: vec![issue(1, false, later), issue(2, true, monday)], environment: "production", ..fake };
    let second = poll(&fake, &first, &["The shop"]).await.unwrap();
    assert_eq!(told(&second), ["958343b0-1 production Unresolved 2"]);
    let known = [first, second].concat();
    fake.issues = vec![issue(1, true, later), issue(2, true, monday)];
    let resolved = ["958343b0-1 production Resolved 2", "958343b0-1 staging Resolved 2"];
    assert_eq!(told(&poll(&fake, &known, &[]).await.unwrap()), resolved);
}

#[tokio::test]
async fn a_short_list_is_an_error() {
    let two = vec![issue(1, false, "2026-03-02T10:00:00Z"), issue(2, false, "2026-03-02T10:00:00Z")];
    let fake = |issues| Fake { issues, environment: "staging", asked: Arc::default() };
    let missing = poll(&fake(two.clone()), &[], &["shop", "web"]).await.unwrap_err();
    assert_eq!(missing, "bugsink has no project for each of shop, web");
    let repeated = poll(&fake(vec![two[0].clone(), two[0].clone()]), &[], &[]).await.unwrap_err();
    assert_eq!(repeated, "bugsink could not be reached: page 2 repeats an earlier page");
    let mut wrong = two;
    wrong[1]["is_resolved"] = json!("no");
    let wrong = poll(&fake(wrong), &[], &[]).await.unwrap_err();
    assert_eq!(wrong, "bugsink cannot be read: is_resolved is missing or wrong; expected what Bugsink's API says");
}

/// Asks a server that answers everything like this.
async fn against(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let egress = Egress::new(Policy::default().naming(&base)).unwrap();
    let token = SecretString::from("a-secret-token");
    let api = Tracker { name: NAME, egress: &egress, base, token: &token, backoff: Backoff::NONE };
    let bugsink = Bugsink { api, projects: &[], environments: &[] };
    let polled = bugsink.poll(&[], false, "2026-03-02T16:00:00Z".parse().unwrap()).await;
    polled.expect_err("nothing good can come of it").to_string()
}

#[tokio::test]
async fn what_people_read_about_each_answer() {
    for (status, body, said) in [
        (
            401,
            "{\"detail\": \"no a-secret-token\"}",
            "bugsink refused with status 401: {\"detail\": \"no [redacted]\"}",
        ),
        (502, "<html>bad gateway</html>", "bugsink refused with status 502: a web page"),
        (302, "", "bugsink refused with status 302: "),
        (429, "", "bugsink could not be reached: 127.0.0.1 asks to wait 30 s"),
        (200, "{\"results\":", "bugsink cannot be read: the answer is missing or wrong; expected JSON"),
        (200, "{}", "bugsink cannot be read: results is missing or wrong; expected a list"),
        (200, "{\"results\": 7}", "bugsink cannot be read: results is missing or wrong; expected a list"),
        (
            200,
            "{\"results\": [{\"id\": \"../1\"}]}",
            "bugsink cannot be read: id is missing or wrong; expected what Bugsink's API says",
        ),
        (
            200,
            "{\"results\": [], \"next\": \"no address\"}",
            "bugsink cannot be read: next is missing or wrong; expected what Bugsink's API says",
        ),
    ] {
        let answer = move || async move { (axum::http::StatusCode::from_u16(status).unwrap(), body) };
        assert_eq!(against(Router::new().fallback(answer)).await, said, "{status} {body}");
    }
}

/// Time stands still but for who waits, so that this takes none.
#[tokio::test(start_paused = true)]
async fn a_bugsink_that_hangs_is_left_alone() {
    let hangs = Router::new().fallback(std::future::pending::<()>);
    assert_eq!(against(hangs).await, "bugsink could not be reached: no answer from 127.0.0.1");
}

#[tokio::test]
async fn a_clock_that_is_ahead_does_not_win_over_what_follows() {
    let fake = |last_seen| Fake {
        issues: vec![issue(1, false, last_seen), issue(2, true, last_seen)],
        environment: "staging",
        asked: Arc::default(),
    };
    let ahead = poll(&fake("2027-01-01T00:00:00Z"), &[], &[]).await.unwrap();
    assert_eq!(ahead[0].last_seen.to_string(), "2026-03-02T16:00:00Z", "it was seen now");
    for wrong in ["yesterday", "", "2026-13-01T00:00:00Z"] {
        let said = poll(&fake(wrong), &[], &[]).await.unwrap_err();
        assert_eq!(said, "bugsink cannot be read: last_seen is missing or wrong; expected what Bugsink's API says");
    }
}
