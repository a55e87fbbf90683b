//! `POST /hooks/{source}`: deliveries of other systems. The signature is the proof; a session is no help here.

use super::Web;
use super::error::HttpError;
use crate::app::Accepted;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// Answers only after the delivery is durable. What is ignored is answered well: a sender that hears a refusal gives up.
pub async fn deliver(
    State(web): State<Web>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), HttpError> {
    let accepted = web.app.deliver(&source, &headers, &body).await?;
    Ok(match accepted {
        Accepted::Recorded { observations } => {
            (StatusCode::ACCEPTED, Json(json!({"result": "recorded", "observations": observations})))
        }
        Accepted::Duplicate => (StatusCode::OK, Json(json!({"result": "duplicate"}))),
        Accepted::Ignored(why) => (StatusCode::OK, Json(json!({"result": "ignored", "why": why}))),
    })
}
