//! A Sentry: issues with their state and owner, lists in pages, events, signed webhooks, and every way to misbehave.
//!
//! Written from Sentry's own API description and webhook pages. Used by the integration tests; its own server, because
//! its addresses are not those of the other fakes.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// How it misbehaves, from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429 with `Retry-After`.
    TooMany,
    /// 500.
    Broken,
    /// 502 with a page of a proxy.
    BadGateway,
    /// Promises more than it sends, and hangs up.
    Cut,
    /// 200 with `{}`.
    Empty,
    /// 200 with a list of things of the wrong types.
    WrongTypes,
    /// A list that never ends.
    Endless,
    /// 302 to another host.
    Redirect,
    /// The second page names itself as the next one.
    Loop,
    /// The second page is the first one again.
    SamePage,
    /// 403: the token lost its rights.
    Refuses,
    /// 401: nobody knows the token.
    Unauthorized,
    /// 200 with JSON that ends in the middle.
    HalfJson,
    /// 200 with the page of a proxy that wants a sign-in.
    WebPage,
    /// A good first page, and 500 for the second.
    LaterPage,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Trouble; 15] = [
        Trouble::TooMany,
        Trouble::Broken,
        Trouble::BadGateway,
        Trouble::Cut,
        Trouble::Empty,
        Trouble::WrongTypes,
        Trouble::Endless,
        Trouble::Redirect,
        Trouble::Loop,
        Trouble::SamePage,
        Trouble::Refuses,
        Trouble::Unauthorized,
        Trouble::HalfJson,
        Trouble::WebPage,
        Trouble::LaterPage,
    ];
}

/// One issue.
#[derive(Debug, Clone)]
struct Issue {
    title: String,
    environment: String,
    status: &'static str,
    assignee: Option<String>,
    at: String,
    file: String,
}

#[derive(Debug, Default)]
struct Model {
    issues: BTreeMap<u64, Issue>,
    trouble: Option<Trouble>,
    refuse_owners: bool,
    forget_owners: bool,
    forget_resolutions: bool,
    asked: Vec<String>,
}

/// The tracker behind HTTP on a free loopback port.
#[derive(Debug)]
pub struct Sentry {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Shared,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Shared {
    token: String,
    model: Arc<Mutex<Model>>,
}

impl Shared {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sentry {
    /// Starts one without issues that lets `token` in.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(token: &str) -> std::io::Result<Sentry> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Shared { token: token.to_owned(), model: Arc::default() };
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move {
            if let Err(failure) = axum::serve(listener, router).await {
                tracing::warn!(%failure, "the fake Sentry stopped serving");
            }
        });
        Ok(Sentry { address, shared, task })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An unresolved issue, first and last seen `at`, raised in `file`.
    pub fn happens(&self, id: u64, environment: &str, title: &str, at: &str, file: &str) {
        let issue = Issue {
            title: title.to_owned(),
            environment: environment.to_owned(),
            status: "unresolved",
            assignee: None,
            at: at.to_owned(),
            file: file.to_owned(),
        };
        self.shared.model().issues.insert(id, issue);
    }

    /// Somebody resolves an issue there.
    pub fn resolve(&self, id: u64) {
        self.shared.model().issues.entry(id).and_modify(|issue| issue.status = "resolved");
    }

    /// Misbehaves, or not any more.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.shared.model().trouble = trouble;
    }

    /// Whether it refuses to assign.
    pub fn refuse_owners(&self, refuse: bool) {
        self.shared.model().refuse_owners = refuse;
    }

    /// Whether it says yes to an owner and forgets them.
    pub fn forget_owners(&self, forget: bool) {
        self.shared.model().forget_owners = forget;
    }

    /// Whether it says yes to a resolution and forgets it.
    pub fn forget_resolutions(&self, forget: bool) {
        self.shared.model().forget_resolutions = forget;
    }

    /// `unresolved` or `resolved`.
    pub fn status(&self, id: u64) -> Option<&'static str> {
        self.shared.model().issues.get(&id).map(|issue| issue.status)
    }

    /// Who has an issue.
    pub fn owner(&self, id: u64) -> Option<String> {
        self.shared.model().issues.get(&id).and_then(|issue| issue.assignee.clone())
    }

    /// What was asked since the last time: method and path.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.model().asked)
    }

    /// Body and headers of a webhook about an issue.
    pub fn webhook(
        &self,
        id: u64,
        action: &str,
        secret: &str,
        request_id: &str,
    ) -> (Vec<u8>, [(&'static str, String); 3]) {
        let issue = self.shared.model().issues.get(&id).map(|issue| shown(id, issue)).unwrap_or_default();
        let body = json!({
            "action": action, "installation": {"uuid": "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"}, "data": {"issue": issue},
            "actor": {"type": "application", "id": "sentry", "name": "Sentry"},
        });
        let body = body.to_string().into_bytes();
        let signature = crate::sign::github(secret, &body);
        let signature = signature.trim_start_matches("sha256=").to_owned();
        let headers = [
            ("sentry-hook-resource", "issue".to_owned()),
            ("request-id", request_id.to_owned()),
            ("sentry-hook-signature", signature),
        ];
        (body, headers)
    }
}

impl Drop for Sentry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut model = shared.model();
    model.asked.push(format!("{} {}", parts.method, parts.uri.path()));
    if parts
        .headers
        .get("authorization")
        .is_none_or(|value| value.as_bytes() != format!("Bearer {}", shared.token).as_bytes())
    {
        return said(401, &json!({"detail": "Invalid token"}), HeaderMap::new());
    }
    let query: BTreeMap<String, String> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("%3A", ":").replace('+', " ")))
        .collect();
    let path: Vec<&str> = parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let ["api", "0", "organizations", _, "issues", rest @ ..] = path.as_slice() else {
        return said(404, &json!({"detail": "The requested resource does not exist"}), HeaderMap::new());
    };
    match (rest, &parts.method) {
        ([], _) => list(&model, &query),
        ([id], &Method::PUT) => change(&mut model, id.parse().unwrap_or_default(), &body),
        ([id], _) => match model.issues.get_key_value(&id.parse().unwrap_or_default()) {
            Some((id, issue)) => said(200, &detailed(*id, issue), HeaderMap::new()),
            None => said(404, &json!({"detail": "The requested resource does not exist"}), HeaderMap::new()),
        },
        ([id, "events", "latest"], _) => match model.issues.get_key_value(&id.parse().unwrap_or_default()) {
            Some((id, issue)) => said(200, &event(*id, issue), HeaderMap::new()),
            None => said(404, &json!({"detail": "Event not found"}), HeaderMap::new()),
        },
        _ => said(404, &json!({"detail": "The requested resource does not exist"}), HeaderMap::new()),
    }
}

/// Two issues a page, so that few issues have pages.
const PAGE: usize = 2;

fn list(model: &Model, query: &BTreeMap<String, String>) -> Response<Body> {
    let environment = query.get("environment").map(String::as_str).unwrap_or_default();
    let open: Vec<Value> = model
        .issues
        .iter()
        .filter(|(_, issue)| issue.status == "unresolved" && issue.environment == environment)
        .map(|(id, issue)| listed(*id, issue))
        .collect();
    let offset: usize = query.get("cursor").and_then(|cursor| cursor.split(':').nth(1)?.parse().ok()).unwrap_or(0);
    let page = |offset: usize| open.iter().skip(offset).take(PAGE).cloned().collect::<Value>();
    let link = |offset: usize, more: bool| {
        let link = format!(
            "<http://127.0.0.1:1/?cursor=0:{offset}:0>; rel=\"next\"; results=\"{more}\"; cursor=\"0:{offset}:0\""
        );
        HeaderMap::from_iter(link.parse().ok().map(|link| (axum::http::header::LINK, link)))
    };
    match model.trouble.map(|trouble| misbehave(trouble, offset)) {
        None => said(200, &page(offset), link(offset + PAGE, offset + PAGE < open.len())),
        Some(Misbehaved::Says(response)) => response,
        Some(Misbehaved::Lists { ids, next }) => {
            let issues: Vec<Value> = ids.iter().map(|id| listed(*id, &somebody())).collect();
            said(200, &json!(issues), link(next.unwrap_or_default(), next.is_some()))
        }
    }
}

/// What a tracker does instead of answering.
pub(crate) enum Misbehaved {
    /// It says this.
    Says(Response<Body>),
    /// It lists these issues, and names where the next page begins.
    Lists { ids: &'static [u64], next: Option<usize> },
}

/// What a tracker in `trouble` does when it is asked for the page that begins at `offset`.
pub(crate) fn misbehave(trouble: Trouble, offset: usize) -> Misbehaved {
    let header = |name: &'static str, value: &'static str| {
        HeaderMap::from_iter([(axum::http::HeaderName::from_static(name), axum::http::HeaderValue::from_static(value))])
    };
    let none = HeaderMap::new;
    Misbehaved::Says(match trouble {
        Trouble::Loop if offset == 0 => return Misbehaved::Lists { ids: &[900], next: Some(2) },
        Trouble::Loop => return Misbehaved::Lists { ids: &[901], next: Some(2) },
        Trouble::SamePage => return Misbehaved::Lists { ids: &[900], next: (offset < 2).then_some(offset + 2) },
        Trouble::LaterPage if offset == 0 => return Misbehaved::Lists { ids: &[900], next: Some(2) },
        Trouble::TooMany => said(429, &json!({"detail": "You are attempting too often"}), header("retry-after", "1")),
        Trouble::Broken | Trouble::LaterPage => said(500, &json!({"detail": "Internal Error"}), none()),
        Trouble::Refuses => said(403, &json!({"detail": "You do not have permission"}), none()),
        Trouble::Unauthorized => said(401, &json!({"detail": "Invalid token"}), none()),
        Trouble::Redirect => said(302, &Value::Null, header("location", "http://127.0.0.1:1/elsewhere")),
        Trouble::Empty => said(200, &json!({}), none()),
        Trouble::WrongTypes => {
            let issue = json!({"id": [], "title": 7, "status": false, "project": "x", "lastSeen": {}});
            said(200, &json!([issue]), none())
        }
        Trouble::BadGateway => plain(502, Body::from("<html><h1>502 Bad Gateway</h1></html>"), None),
        Trouble::WebPage => plain(200, Body::from("<!doctype html><title>Sign in</title>"), None),
        Trouble::HalfJson => plain(200, Body::from("[{\"id\": \"7\", \"title\": \"x"), None),
        Trouble::Cut => plain(200, Body::from_stream(Parts { left: 1 }), Some("100000")),
        Trouble::Endless => plain(200, Body::from_stream(Parts { left: usize::MAX }), None),
    })
}

/// A body in parts that breaks off when none are left.
struct Parts {
    left: usize,
}

impl futures_util::Stream for Parts {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let part = match self.left {
            0 => Err(std::io::Error::other("cut off")),
            _ => Ok(Bytes::from_static(&[b' '; 16 * 1024])),
        };
        self.left = self.left.saturating_sub(1);
        std::task::Poll::Ready(Some(part))
    }
}

fn somebody() -> Issue {
    let (title, environment) = ("Somebody".to_owned(), "production".to_owned());
    Issue {
        title,
        environment,
        status: "unresolved",
        assignee: None,
        at: "2026-03-01T09:00:00Z".into(),
        file: "a".into(),
    }
}

fn change(model: &mut Model, id: u64, body: &[u8]) -> Response<Body> {
    let (refuse, forget, keeps) = (model.refuse_owners, model.forget_owners, model.forget_resolutions);
    let Some(issue) = model.issues.get_mut(&id) else {
        return said(404, &json!({"detail": "The requested resource does not exist"}), HeaderMap::new());
    };
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(owner) = asked["assignedTo"].as_str() {
        if refuse {
            return said(400, &json!({"assignedTo": ["Unknown actor input"]}), HeaderMap::new());
        }
        issue.assignee = (!forget && !owner.is_empty()).then(|| owner.to_owned());
    }
    if asked["status"] == "resolved" && !keeps {
        issue.status = "resolved";
    }
    said(200, &shown(id, issue), HeaderMap::new())
}

/// An issue as Sentry shows it, with everything that its description requires of one: numbers as texts.
fn shown(id: u64, issue: &Issue) -> Value {
    let owner = issue.assignee.as_ref();
    json!({
        "id": id.to_string(), "shortId": format!("SHOP-{id}"), "title": issue.title, "culprit": issue.file, "level": "error",
        "status": issue.status, "substatus": null, "isUnhandled": true, "type": "error", "issueType": "error",
        "issueCategory": "error", "priority": "high", "priorityLockedAt": null, "platform": "ruby", "logger": null,
        "project": {"id": "2", "name": "shop", "slug": "shop", "platform": "ruby"}, "metadata": {"title": issue.title},
        "assignedTo": owner.map(|email| json!({"type": "user", "id": "1", "name": email, "email": email})),
        "permalink": format!("https://sentry.example/organizations/acme/issues/{id}/"), "shareId": null,
        "count": "3", "userCount": 1, "firstSeen": issue.at, "lastSeen": issue.at, "annotations": [], "numComments": 0,
        "hasSeen": false, "isBookmarked": false, "isPublic": false, "isSubscribed": false, "statusDetails": {},
        "subscriptionDetails": null, "seerFixabilityScore": null, "seerAutofixLastTriggered": null,
        "seerExplorerAutofixLastTriggered": null,
    })
}

/// What a list has of an issue besides.
fn listed(id: u64, issue: &Issue) -> Value {
    let more = json!({
        "stats": {}, "lifetime": {}, "filtered": null, "sessionCount": 0, "latestEventHasAttachments": false,
        "matchingEventId": null, "matchingEventEnvironment": null, "integrationIssues": [], "sentryAppIssues": [],
        "inbox": {"reason": 0, "reason_details": null, "date_added": issue.at},
        "owners": {"type": "codeowners", "owner": "team:1", "date_added": issue.at},
        "derivedData": {
            "blocker": "none", "hasOpenFixPr": false, "hasRootCause": false, "isAssigned": issue.assignee.is_some(),
            "lastCompletedAutofixStep": "none", "lastProgressedAt": null, "progress": "none", "status": "none", "viewCount": 0,
        },
    });
    with(shown(id, issue), more)
}

/// What the page of one issue has besides.
fn detailed(id: u64, issue: &Issue) -> Value {
    with(shown(id, issue), json!({"activity": [], "participants": [], "seenBy": [], "userReportCount": 0}))
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    value
}

/// The newest event of an issue, frames oldest first, as Sentry has them.
fn event(id: u64, issue: &Issue) -> Value {
    const EVENT: &str = "9fac2ceed9344f2bbfdd1fdacb0ed9b1";
    let frame = |file: &str, function: Value, in_app: bool| json!({"filename": file, "absPath": file, "lineNo": 12, "function": function, "inApp": in_app});
    let frames = json!([frame("gems/rack.rb", json!("call"), false), frame(&issue.file, Value::Null, true)]);
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    json!({
        "id": EVENT, "eventID": EVENT, "groupID": id.to_string(), "projectID": "2", "type": "error", "title": issue.title,
        "message": issue.title, "platform": "ruby", "location": issue.file, "dateReceived": issue.at, "dist": null,
        "tags": [tag("environment", &issue.environment), tag("level", "error")], "release": null, "size": 1024, "user": null,
        "entries": [{"type": "exception", "data": {"values": [{"type": "E", "stacktrace": {"frames": frames}}]}}],
        "metadata": {}, "_meta": {}, "context": {}, "contexts": {}, "errors": [], "packages": {}, "sdk": null,
        "sdkUpdates": [], "occurrence": null, "resolvedWith": [], "userReport": null, "nextEventID": null,
        "previousEventID": null,
    })
}

pub(crate) fn said(status: u16, body: &Value, headers: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    *response.headers_mut() = headers;
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    response
}

fn plain(status: u16, body: Body, length: Option<&'static str>) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    if let Some(length) = length {
        response.headers_mut().insert("content-length", axum::http::HeaderValue::from_static(length));
    }
    response
}
