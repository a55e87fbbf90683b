//! The generic signed webhook: whatever a team can send with `curl`.
//!
//! Signed as Standard Webhooks says (`webhook-id`, `webhook-timestamp`, `webhook-signature`), with a body of our own,
//! described in `docs/sources.md`. The web intake calls [`verify`] over the raw bytes and then [`decode`];
//! `onduty signal send` and outgoing webhooks call [`sign`]. Nothing here reads the clock or talks to anybody.

mod fields;
mod wire;

use crate::sources::{Decoded, Ignored, SourceError, dedup_key, signing};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

/// The source's name in the journal, and in `/hooks/signals`.
pub const NAME: &str = "signals";
/// The sender's id of a message, signed.
pub const ID_HEADER: &str = "webhook-id";
/// When it was sent, in seconds since 1970, signed.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// One or more signatures, with spaces between them.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far the sender's clock may be from ours.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Checks the signature over the raw body; any of `secrets` may have signed, so that they can be rotated. `now` is
/// real time.
///
/// # Errors
/// [`SourceError::Unsigned`], and nothing else.
pub fn verify(secrets: &[SecretString], headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), SourceError> {
    let unsigned = |why| SourceError::Unsigned { source_name: NAME.into(), why };
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let id = delivery_id(headers).ok_or_else(|| unsigned("no webhook-id header"))?;
    let sent = header(TIMESTAMP_HEADER).ok_or_else(|| unsigned("no webhook-timestamp header"))?;
    let signatures = header(SIGNATURE_HEADER).ok_or_else(|| unsigned("no webhook-signature header"))?;
    let seconds: i64 = sent.parse().map_err(|_| unsigned("webhook-timestamp is not in whole seconds since 1970"))?;
    let at = Timestamp::from_second(seconds).map_err(|_| unsigned("webhook-timestamp is out of range"))?;
    if now.duration_since(at).abs() > TOLERANCE {
        return Err(unsigned("webhook-timestamp is more than five minutes away; set the sender's clock"));
    }
    let keys: Vec<Vec<u8>> = secrets.iter().map(key).collect();
    let parts = [id.as_bytes(), b".", sent.as_bytes(), b".", body];
    let tags = signatures.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    // A sender signs once per secret it rotates; more than a few are an attack on our time.
    match tags.take(8).any(|tag| signing::signed_by_any(&keys, &parts, &tag)) {
        true => Ok(()),
        false => Err(unsigned("the signature does not fit; compare the secrets and sign id.timestamp.body")),
    }
}

/// The `webhook-signature` of `body`, sent at `timestamp` as message `id`.
pub fn sign(secret: &SecretString, id: &str, timestamp: Timestamp, body: &[u8]) -> String {
    let seconds = timestamp.as_second().to_string();
    let tag = signing::hmac_sha256(&key(secret), &[id.as_bytes(), b".", seconds.as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(tag))
}

/// The `webhook-id` of a delivery.
pub fn delivery_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(ID_HEADER).and_then(|value| value.to_str().ok()).filter(|id| (1..=256).contains(&id.len()))
}

/// The key by which a repeated delivery is known. The id is signed, so the same signal may be sent again on purpose
/// under another one.
pub fn delivery_key(id: &str, body: &[u8]) -> String {
    dedup_key(&[NAME.as_bytes(), id.as_bytes(), body])
}

/// What a body says; all of it or nothing. `received` stands in for every time that the sender leaves out.
///
/// # Errors
/// [`SourceError::Malformed`] naming the field and what it should be.
pub fn decode(body: &[u8], received: Timestamp) -> Result<Decoded, SourceError> {
    let value = serde_json::from_slice(body).map_err(|_| {
        fields::malformed("body", "one JSON object such as {\"type\": \"contact\", \"kinds\": [\"errors\"]}")
    })?;
    let observations = wire::read(&value, received)?;
    match observations.is_empty() {
        true => Ok(Decoded::ignored(Ignored::Empty)),
        false => Ok(Decoded::seen(observations)),
    }
}

/// The bytes of a secret: `whsec_` and base64, or plain text as it is.
fn key(secret: &SecretString) -> Vec<u8> {
    let text = secret.expose_secret().trim();
    let encoded = text.strip_prefix("whsec_").map(|encoded| encoded.trim_end_matches('='));
    encoded.and_then(|encoded| STANDARD_NO_PAD.decode(encoded).ok()).unwrap_or_else(|| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests;
