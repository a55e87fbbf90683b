//! Telling a tracker who owns an error: one signed message, with a key by which the tracker drops a second one.

use crate::clock::real_now;
use crate::egress;
use crate::sources::signals;
use secrecy::SecretString;
use serde::Serialize;
use std::time::Duration;

/// How long a tracker may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What the tracker is told.
#[derive(Debug, Clone, Serialize)]
pub struct Assignment {
    /// `error.assigned`
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The tracker's project.
    pub project: String,
    /// The tracker's id of the error.
    pub id: String,
    /// The owner, as the tracker may know them: an e-mail, else a login, else the name.
    pub assignee: String,
    /// Who decided so.
    pub decided_by: String,
    /// The same for the same decision, however often it is sent.
    pub key: String,
}

/// Why a tracker was not told.
#[derive(Debug, thiserror::Error)]
pub enum WriteBackError {
    /// Worth another try.
    #[error("the tracker cannot be reached: {0}")]
    Unreachable(String),
    /// Trying again would not help.
    #[error("the tracker refused it with status {status}: {answer}")]
    Refused {
        /// Its status.
        status: u16,
        /// The beginning of its answer.
        answer: String,
    },
}

/// Sends `assignment` to `url`.
///
/// # Errors
/// [`WriteBackError::Unreachable`] for anything that may go better next time, else [`WriteBackError::Refused`].
pub async fn send(url: &str, secret: &SecretString, assignment: &Assignment) -> Result<(), WriteBackError> {
    let unreachable = |error: reqwest::Error| WriteBackError::Unreachable(error.without_url().to_string());
    let client = egress::client(TIMEOUT).map_err(unreachable)?;
    let body = serde_json::to_vec(assignment).expect("texts are always JSON");
    let now = real_now();
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &assignment.key)
        .header("webhook-timestamp", now.as_second().to_string())
        .header("webhook-signature", signals::sign(secret, &assignment.key, now, &body))
        .body(body);
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let answer = egress::body(response, MAX_ANSWER).await.unwrap_or_default();
    let answer: String = String::from_utf8_lossy(&answer).chars().take(200).collect();
    if status.is_server_error() || status.as_u16() == 429 || status.as_u16() == 408 {
        return Err(WriteBackError::Unreachable(format!("status {status}: {answer}")));
    }
    Err(WriteBackError::Refused { status: status.as_u16(), answer })
}
