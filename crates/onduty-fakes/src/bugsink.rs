//! A Bugsink: projects, issues in pages, events, resolutions, and ways to misbehave.
//!
//! Written from Bugsink's own API description. Its own server, because its addresses are not those of the other fakes.

use crate::served::{Served, Shared, merged};
use crate::trouble::{Misbehaved, Trouble, misbehave, said};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Two issues a page, so that few issues have pages.
const PAGE: usize = 2;

/// Where it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Asked for its projects.
    Projects,
    /// Asked for the issues of a project.
    Issues,
    /// Asked for an event.
    Events,
}

/// One issue.
#[derive(Debug, Clone)]
struct Issue {
    title: String,
    environment: String,
    resolved: bool,
    at: String,
}

#[derive(Debug, Default)]
struct Model {
    issues: BTreeMap<u64, Issue>,
    trouble: Option<(Place, Trouble)>,
    asked: Vec<String>,
    slug: Option<String>,
    /// What issues and their events say instead.
    instead: BTreeMap<u64, (Value, Value)>,
}

/// The tracker behind HTTP on a free loopback port.
#[derive(Debug)]
pub struct Bugsink(Served<Model>);

impl Bugsink {
    /// Starts one without issues, with the project `shop`, that lets `token` in.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(token: &str) -> std::io::Result<Bugsink> {
        Served::start(token, answer).await.map(Bugsink)
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// An unresolved issue, first and last seen `at`.
    pub fn happens(&self, id: u64, environment: &str, title: &str, at: &str) {
        let (title, environment, at) = (title.to_owned(), environment.to_owned(), at.to_owned());
        self.0.shared.model().issues.insert(id, Issue { title, environment, resolved: false, at });
    }

    /// What an issue and its event say instead: a merge patch (RFC 7396) for each.
    pub fn says(&self, id: u64, issue: Value, event: Value) {
        self.0.shared.model().instead.insert(id, (issue, event));
    }

    /// The one project has another slug.
    pub fn renames_its_project(&self, slug: &str) {
        self.0.shared.model().slug = Some(slug.to_owned());
    }

    /// Misbehaves at one place, or not any more.
    pub fn trouble(&self, trouble: Option<(Place, Trouble)>) {
        self.0.shared.model().trouble = trouble;
    }

    /// What was asked since the last time: method and path.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.shared.model().asked)
    }
}

async fn answer(State(shared): State<Shared<Model>>, request: Request) -> Response<Body> {
    let mut model = shared.model();
    let (method, uri) = (request.method(), request.uri());
    model.asked.push(format!("{method} {}", uri.path()));
    if !shared.admits(request.headers()) {
        return said(401, &json!({"detail": "Invalid token"}), HeaderMap::new());
    }
    let query = uri.query().unwrap_or_default();
    let offset = query.split('&').find_map(|pair| pair.strip_prefix("cursor=")).and_then(|cursor| cursor.parse().ok());
    let offset: usize = offset.unwrap_or(0);
    let path: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let ["api", "canonical", "0", rest @ ..] = path.as_slice() else {
        return said(404, &json!({"detail": "Not found."}), HeaderMap::new());
    };
    let place = match rest {
        ["projects"] => Place::Projects,
        ["issues"] => Place::Issues,
        ["events", ..] => Place::Events,
        _ => return about_one(&mut model, method, rest),
    };
    let issue = query.split('&').find_map(|pair| pair.strip_prefix("issue=")).map(str::to_owned);
    if let Some((at, trouble)) = model.trouble
        && at == place
    {
        match misbehave(trouble, offset) {
            Misbehaved::Says(response) => return response,
            Misbehaved::Lists { ids, next } => {
                let listed: Vec<Value> = ids.iter().map(|id| shown(*id, &somebody())).collect();
                return said(200, &list(listed, next), HeaderMap::new());
            }
        }
    }
    let body = match rest {
        ["projects"] => {
            let slug = model.slug.as_deref().unwrap_or("shop");
            list(vec![json!({"id": 2, "slug": slug, "name": "The shop"})], None)
        }
        ["issues"] => {
            let instead = |id: &u64, issue: Value| match model.instead.get(id) {
                Some((instead, _)) => merged(issue, instead),
                None => issue,
            };
            let all = model.issues.iter().map(|(id, issue)| instead(id, shown(*id, issue)));
            let more = offset + PAGE < model.issues.len();
            list(all.skip(offset).take(PAGE).collect(), more.then_some(offset + PAGE))
        }
        ["events"] => list(vec![json!({ "id": issue })], None),
        ["events", id] => {
            let no: Option<u64> = id.parse().ok();
            let issue = no.and_then(|no| model.issues.get(&no)).cloned().unwrap_or_else(somebody);
            let frames = json!([{"filename": "cart.py", "lineno": 7, "function": "checkout", "in_app": true}]);
            let event = json!({"id": id, "data": {"environment": issue.environment, "level": "error",
                "exception": {"values": [{"stacktrace": {"frames": frames}}]}}});
            match no.and_then(|no| model.instead.get(&no)) {
                Some((_, instead)) => merged(event, instead),
                None => event,
            }
        }
        _ => return said(404, &json!({"detail": "Not found."}), HeaderMap::new()),
    };
    said(200, &body, HeaderMap::new())
}

fn about_one(model: &mut Model, method: &Method, rest: &[&str]) -> Response<Body> {
    let gone = || said(404, &json!({"detail": "Not found."}), HeaderMap::new());
    let ["issues", id, verb @ ..] = rest else { return gone() };
    let Some((id, issue)) = id.parse().ok().and_then(|id: u64| Some((id, model.issues.get_mut(&id)?))) else {
        return gone();
    };
    if verb == ["resolve"] && method == Method::POST {
        issue.resolved = true;
    }
    said(200, &shown(id, issue), HeaderMap::new())
}

fn list(results: Vec<Value>, next: Option<usize>) -> Value {
    json!({"next": next.map(|at| format!("http://127.0.0.1:1/?cursor={at}")), "previous": null, "results": results})
}

fn somebody() -> Issue {
    let (title, environment) = ("Somebody".to_owned(), "production".to_owned());
    Issue { title, environment, resolved: false, at: "2026-03-01T09:00:00Z".to_owned() }
}

fn shown(id: u64, issue: &Issue) -> Value {
    json!({"id": id.to_string(), "friendly_id": format!("SHOP-{id}"), "project": 2, "first_seen": issue.at,
        "last_seen": issue.at, "digested_event_count": 1, "calculated_type": "", "calculated_value": issue.title,
        "transaction": "", "is_resolved": issue.resolved, "is_muted": false})
}
