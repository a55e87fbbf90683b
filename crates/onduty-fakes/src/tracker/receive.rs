//! `POST /assignments`: somebody outside decided who has an error.
//!
//! Checks the signature over the raw bytes before reading them, and takes each `webhook-id` and each `key` once.

use super::{Assignment, Status, WriteBackFault, body};
use crate::sign::{self, Refusal};
use crate::world::World;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(crate) async fn assign(State(world): State<World>, headers: HeaderMap, raw: Bytes) -> Response {
    let fault = world.model().tracker.faults.pop_front();
    match fault {
        Some(WriteBackFault::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refuse(status, "the tracker has a bad day")
        }
        Some(WriteBackFault::SilentBefore(time)) => {
            tokio::time::sleep(time).await;
            refuse(StatusCode::GATEWAY_TIMEOUT, "the tracker did not get to it")
        }
        Some(WriteBackFault::SilentAfter(time)) => {
            let answer = take(&world, &headers, &raw);
            tokio::time::sleep(time).await;
            answer
        }
        None => take(&world, &headers, &raw),
    }
}

fn take(world: &World, headers: &HeaderMap, raw: &[u8]) -> Response {
    let webhook_id = match verify(world, headers, raw) {
        Ok(id) => id,
        Err(refusal) => return refuse(StatusCode::UNAUTHORIZED, &refusal.to_string()),
    };
    let Some(wanted) = read(raw) else {
        let what = "send type error.assigned with project, id, assignee and key";
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, what);
    };
    let mut model = world.model();
    let now = model.now;
    model.tracker.received.push(wanted.key.clone());
    let Some(known) = model.tracker.known(&wanted.project, &wanted.id) else {
        return refuse(StatusCode::NOT_FOUND, "there is no such error");
    };
    let group = known.group.clone();
    if model.tracker.accepted.iter().any(|old| old.webhook_id == webhook_id || old.key == wanted.key) {
        return (StatusCode::OK, axum::Json(body(&model, &group))).into_response();
    }
    let note =
        format!("assigned to {}, as {} decided", wanted.assignee, wanted.decided_by.as_deref().unwrap_or("somebody"));
    let assignee = wanted.assignee.clone();
    let changed =
        model.tracker.change(&wanted.project, &wanted.id, now, &note, |group| group.assignee = Some(assignee));
    let answer = body(&model, &changed.unwrap_or(group));
    let (project, id) = (wanted.project.clone(), wanted.id.clone());
    model.tracker.accepted.push(Assignment { webhook_id, at: now, ..wanted });
    drop(model);
    let announcing = world.clone();
    world.spawn(async move {
        let sent = announcing.tracker().announce_again(&project, &id).await;
        tracing::debug!(project, id, statuses = ?sent.statuses(), "announced an assignment");
    });
    (StatusCode::OK, axum::Json(answer)).into_response()
}

fn verify(world: &World, headers: &HeaderMap, raw: &[u8]) -> Result<String, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Refusal::Headers);
    let secret = world.model().tracker.secret.clone().ok_or(Refusal::Signature)?;
    let id = text("webhook-id")?;
    sign::verify_standard(&secret, id, text("webhook-timestamp")?, text("webhook-signature")?, raw, world.real_now())?;
    Ok(id.to_owned())
}

fn read(raw: &[u8]) -> Option<Assignment> {
    let value: Value = serde_json::from_slice(raw).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    (text("type")? == "error.assigned").then_some(())?;
    Some(Assignment {
        project: text("project")?,
        id: text("id")?,
        assignee: text("assignee")?,
        decided_by: text("decided_by"),
        key: text("key")?,
        webhook_id: String::new(),
        at: jiff::Timestamp::UNIX_EPOCH,
    })
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, axum::Json(json!({"error": why}))).into_response()
}

impl Status {
    /// How people say it.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Status::Unresolved => "happening",
            Status::Resolved => "resolved",
            Status::Ignored => "ignored",
        }
    }
}
