//! A Sentry: issues with their state and owner, lists in pages, events, signed webhooks, and every way to misbehave.
//!
//! Written from Sentry's own API description and webhook pages. Used by the integration tests; its own server, because
//! its addresses are not those of the other fakes.

use crate::served::{Served, Shared, merged};
use crate::trouble::{Misbehaved, Trouble, misbehave, said};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
    /// What issues and their events say instead.
    instead: BTreeMap<u64, (Value, Value)>,
}

impl Model {
    fn instead_of(&self, id: u64, issue: Value) -> Value {
        self.instead.get(&id).map_or(issue.clone(), |(instead, _)| merged(issue, instead))
    }
}

/// The tracker behind HTTP on a free loopback port.
#[derive(Debug)]
pub struct Sentry(Served<Model>);

impl Sentry {
    /// Starts one without issues that lets `token` in.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(token: &str) -> std::io::Result<Sentry> {
        Served::start(token, answer).await.map(Sentry)
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
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
        self.0.shared.model().issues.insert(id, issue);
    }

    /// What an issue and its event say instead: a merge patch (RFC 7396) for each.
    pub fn says(&self, id: u64, issue: Value, event: Value) {
        self.0.shared.model().instead.insert(id, (issue, event));
    }

    /// Somebody resolves an issue there.
    pub fn resolve(&self, id: u64) {
        self.0.shared.model().issues.entry(id).and_modify(|issue| issue.status = "resolved");
    }

    /// Misbehaves, or not any more.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.0.shared.model().trouble = trouble;
    }

    /// Whether it refuses to assign.
    pub fn refuse_owners(&self, refuse: bool) {
        self.0.shared.model().refuse_owners = refuse;
    }

    /// Whether it says yes to an owner and forgets them.
    pub fn forget_owners(&self, forget: bool) {
        self.0.shared.model().forget_owners = forget;
    }

    /// Whether it says yes to a resolution and forgets it.
    pub fn forget_resolutions(&self, forget: bool) {
        self.0.shared.model().forget_resolutions = forget;
    }

    /// `unresolved` or `resolved`.
    pub fn status(&self, id: u64) -> Option<&'static str> {
        self.0.shared.model().issues.get(&id).map(|issue| issue.status)
    }

    /// Who has an issue.
    pub fn owner(&self, id: u64) -> Option<String> {
        self.0.shared.model().issues.get(&id).and_then(|issue| issue.assignee.clone())
    }

    /// What was asked since the last time: method and path.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.shared.model().asked)
    }

    /// Body and headers of a webhook about an issue.
    pub fn webhook(
        &self,
        id: u64,
        action: &str,
        secret: &str,
        request_id: &str,
    ) -> (Vec<u8>, [(&'static str, String); 3]) {
        let issue = self.0.shared.model().issues.get(&id).map(|issue| shown(id, issue)).unwrap_or_default();
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

async fn answer(State(shared): State<Shared<Model>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut model = shared.model();
    model.asked.push(format!("{} {}", parts.method, parts.uri.path()));
    if !shared.admits(&parts.headers) {
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
            Some((id, issue)) => said(200, &model.instead_of(*id, detailed(*id, issue)), HeaderMap::new()),
            None => said(404, &json!({"detail": "The requested resource does not exist"}), HeaderMap::new()),
        },
        ([id, "events", "latest"], _) => match model.issues.get_key_value(&id.parse().unwrap_or_default()) {
            Some((id, issue)) => {
                let shown = event(*id, issue);
                let shown = model.instead.get(id).map_or(shown.clone(), |(_, instead)| merged(shown, instead));
                said(200, &shown, HeaderMap::new())
            }
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
        .map(|(id, issue)| model.instead_of(*id, listed(*id, issue)))
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
