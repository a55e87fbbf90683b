//! `POST /hooks/{source}`: deliveries of other systems. The signature is the proof; a session is no help here.

use super::Web;
use super::error::HttpError;
use crate::app::{Accepted, IntakeError};
use crate::sources::{SourceError, github, sentry, signals};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Answers only after the delivery is durable. What is ignored is answered well: a sender that hears a refusal gives up.
pub async fn deliver(
    State(web): State<Web>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), HttpError> {
    let started = Instant::now();
    let delivered = web.app.deliver(&source, &headers, &body).await;
    count(&web, &source, &delivered, started.elapsed());
    Ok(match delivered? {
        Accepted::Recorded { observations } => {
            (StatusCode::ACCEPTED, Json(json!({"result": "recorded", "observations": observations})))
        }
        Accepted::Duplicate => (StatusCode::OK, Json(json!({"result": "duplicate"}))),
        Accepted::Ignored(why) => (StatusCode::OK, Json(json!({"result": "ignored", "why": why}))),
    })
}

/// Strangers may name any source: only ours are told apart.
fn count(web: &Web, source: &str, delivered: &Result<Accepted, IntakeError>, took: Duration) {
    let known = [github::NAME, signals::NAME, sentry::NAME].into_iter().find(|name| *name == source);
    let result = match delivered {
        Ok(Accepted::Recorded { .. }) => "recorded",
        Ok(Accepted::Duplicate) => "duplicate",
        Ok(Accepted::Ignored(_)) => "ignored",
        Err(IntakeError::NoSource) => "unknown",
        Err(IntakeError::Source(SourceError::Unsigned { .. })) => "unsigned",
        Err(IntakeError::Source(_)) => "unreadable",
        Err(IntakeError::Store(_)) => "not kept",
    };
    let metrics = &web.app.metrics;
    metrics.deliveries.count([known.unwrap_or("unknown"), result]);
    metrics.intake.took(if delivered.is_ok() { "accepted" } else { "refused" }, took);
}
