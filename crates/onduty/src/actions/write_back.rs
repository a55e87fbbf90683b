//! Telling a tracker who owns an error: one signed message, with a key by which the tracker drops a second one.

use crate::clock::real_now;
use crate::egress::{Egress, EgressError, Limits, Method, Request, Url, header};
use crate::sources::signals;
use secrecy::SecretString;
use serde::Serialize;
use std::time::Duration;

/// How long a tracker may take to answer, and how much of it is read.
const LIMITS: Limits = Limits { total: Duration::from_secs(10), body: 64 * 1024 };

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
    /// onduty does not go there; trying again would not help.
    #[error(transparent)]
    NotAllowed(EgressError),
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
pub async fn send(
    egress: &Egress,
    url: &str,
    secret: &SecretString,
    assignment: &Assignment,
) -> Result<(), WriteBackError> {
    let address = Url::parse(url).map_err(|_| WriteBackError::NotAllowed(EgressError::NotAnAddress))?;
    let body = serde_json::to_vec(assignment).expect("texts are always JSON");
    let now = real_now();
    let request = Request::new(Method::POST, address)
        .within(LIMITS)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::HeaderName::from_static(signals::ID_HEADER), &assignment.key)
        .header(header::HeaderName::from_static(signals::TIMESTAMP_HEADER), &now.as_second().to_string())
        .header(
            header::HeaderName::from_static(signals::SIGNATURE_HEADER),
            &signals::sign(secret, &assignment.key, now, &body),
        )
        .body(body);
    let answer = egress.send(request).await.map_err(|error| match error {
        EgressError::NotAllowed { .. } => WriteBackError::NotAllowed(error),
        error => WriteBackError::Unreachable(error.to_string()),
    })?;
    let status = answer.status;
    match status.as_u16() {
        _ if status.is_success() => Ok(()),
        408 | 425 | 500.. => Err(WriteBackError::Unreachable(format!("status {status}: {}", answer.excerpt()))),
        status => Err(WriteBackError::Refused { status, answer: answer.excerpt() }),
    }
}
