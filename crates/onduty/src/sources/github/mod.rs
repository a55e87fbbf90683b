//! GitHub's webhooks: who signed them, and what they say about builds, branches and rollouts.
//!
//! The web intake and `onduty signal explain` call [`verify`] over the raw bytes and then [`decode`]. Nothing here
//! asks GitHub anything. Which event means what, and why, is written in `docs/design/sources.md`.

mod builds;
mod push;
mod rollouts;
#[cfg(test)]
mod tests;
mod wire;

use crate::sources::{Decoded, Ignored, SourceError, dedup_key, one_line, signing};
use jiff::Timestamp;
use onduty_core::ids::SourceName;
use onduty_core::signal::{Fact, Observation};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use wire::Maybe;

/// The source's name in the journal, and in `/hooks/github`.
pub const NAME: &str = "github";
/// The header that names the event.
pub const EVENT_HEADER: &str = "x-github-event";

/// Checks `X-Hub-Signature-256` over the raw body; any of `secrets` may have signed, so that they can be rotated.
///
/// # Errors
/// [`SourceError::Unsigned`], and nothing else.
pub fn verify(secrets: &[SecretString], headers: &HeaderMap, body: &[u8]) -> Result<(), SourceError> {
    let unsigned = |why| SourceError::Unsigned { source_name: NAME.into(), why };
    let header = headers
        .get("x-hub-signature-256")
        .ok_or_else(|| unsigned("no X-Hub-Signature-256 header; set a secret in the webhook's settings"))?;
    let tag = header
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("sha256="))
        .and_then(from_hex)
        .ok_or_else(|| unsigned("the X-Hub-Signature-256 header is not sha256= and 64 hex digits"))?;
    let keys: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.expose_secret().as_bytes().to_vec()).collect();
    match signing::signed_by_any(&keys, &[body], &tag) {
        true => Ok(()),
        false => Err(unsigned("the signature does not fit; compare the secret with the webhook's settings")),
    }
}

/// The key by which a repeated delivery is known. GitHub does not sign its delivery id, so it is not part of it.
pub fn delivery_key(event: &str, body: &[u8]) -> String {
    dedup_key(&[NAME.as_bytes(), event.as_bytes(), body])
}

/// What a delivery of `event` says. `received` stands in where the body has no time of its own.
///
/// # Errors
/// [`SourceError::Malformed`] when it is not JSON or lacks what its event cannot do without.
pub fn decode(event: &str, body: &[u8], received: Timestamp) -> Result<Decoded, SourceError> {
    let read = match event {
        "check_run" => builds::check_run,
        "check_suite" => builds::check_suite,
        "workflow_run" => builds::workflow_run,
        "status" => builds::status,
        "push" => push::push,
        "deployment" => rollouts::deployment,
        "deployment_status" => rollouts::deployment_status,
        "ping" => return Ok(Decoded::ignored(Ignored::Ping)),
        "workflow_job" => {
            return Ok(Decoded::ignored(Ignored::SaidElsewhere { event: "workflow_job", by: "check_run" }));
        }
        other => return Ok(Decoded::ignored(Ignored::Event { event: one_line(other, 60) })),
    };
    let body: wire::Event = serde_json::from_slice(body).map_err(|_| {
        malformed("body", "JSON; choose application/json as the content type in the webhook's settings")
    })?;
    read(&body, received)
}

fn malformed(field: &str, expected: &'static str) -> SourceError {
    SourceError::Malformed { source_name: NAME.into(), field: field.to_owned(), expected: expected.into() }
}

/// The value of a field that its event cannot do without.
fn need<'a, T>(value: &'a Maybe<T>, field: &str, expected: &'static str) -> Result<&'a T, SourceError> {
    value.as_ref().ok_or_else(|| malformed(field, expected))
}

/// A commit id that can go anywhere a commit id goes.
fn commit_id(value: &Maybe<String>, field: &str) -> Result<String, SourceError> {
    let expected = "a commit id of 40 or 64 hex digits";
    let id = need(value, field, expected)?;
    let plain = matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| id.to_ascii_lowercase()).ok_or_else(|| malformed(field, expected))
}

/// The repository that the webhook belongs to, as `owner/name`.
fn repository(event: &wire::Event) -> Result<(&wire::Repository, String), SourceError> {
    let expected = "owner/name";
    let repository = need(&event.repository, "repository", expected)?;
    let name = word(&repository.full_name).ok_or_else(|| malformed("repository.full_name", expected))?;
    Ok((repository, name))
}

/// A name without spaces: subjects are made of these, with spaces between them.
fn word(value: &Maybe<String>) -> Option<String> {
    let value = value.as_deref()?;
    let plain = (1..=300).contains(&value.len()) && !value.chars().any(|c| c.is_whitespace() || c.is_control());
    plain.then(|| value.to_owned())
}

/// One line of text for people, if there is any.
fn line(value: &Maybe<String>, max: usize) -> Option<String> {
    value.as_deref().map(|text| one_line(text, max)).filter(|line| !line.is_empty())
}

fn observation(subject: String, fact: Fact, source_time: Timestamp) -> Observation {
    Observation { source: SourceName::from(NAME), subject: subject.as_str().into(), fact, source_time, baseline: false }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    digits
        .filter(|digits| digits.len() == 64)
        .map(|digits| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
