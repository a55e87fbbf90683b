//! Signatures of webhooks: GitHub's header and the Standard Webhooks scheme, written from their specifications.
//!
//! Called by `delivery` to sign what leaves and by `tracker` to check what arrives. Never sees JSON: bytes only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// Largest distance between a signed time and now, in seconds.
const TOLERANCE_SECONDS: i64 = 300;

/// Why a signed request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One of the three headers is missing or not readable.
    #[error("send the headers webhook-id, webhook-timestamp and webhook-signature")]
    Headers,
    /// Signed too long ago, or in the future.
    #[error("sign with the present time: more than five minutes off")]
    Time,
    /// None of the signatures fits.
    #[error("the signature does not fit the body")]
    Signature,
}

/// The value of `X-Hub-Signature-256`.
pub fn github(secret: &str, body: &[u8]) -> String {
    let hex: String =
        mac(secret.as_bytes(), &[body]).finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256={hex}")
}

/// The value of `webhook-signature`: `v1,` and the base64 of the HMAC of `id.timestamp.body`.
///
/// The secret is plain text, or `whsec_` and base64.
pub fn standard(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let tag = standard_mac(secret, id, &timestamp.to_string(), body).finalize().into_bytes();
    format!("v1,{}", STANDARD.encode(tag))
}

/// Checks a request signed by the Standard Webhooks scheme; `signatures` may hold several, parted by spaces.
///
/// # Errors
/// What is wrong, without saying how near it was.
pub fn verify_standard(
    secret: &str,
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let seconds: i64 = timestamp.parse().map_err(|_| Refusal::Headers)?;
    if id.is_empty() {
        return Err(Refusal::Headers);
    }
    if seconds.abs_diff(now.as_second()) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Refusal::Time);
    }
    let fits = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")).any(|encoded| {
        STANDARD.decode(encoded).is_ok_and(|tag| standard_mac(secret, id, timestamp, body).verify_slice(&tag).is_ok())
    });
    if fits { Ok(()) } else { Err(Refusal::Signature) }
}

fn standard_mac(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let decoded = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = decoded.unwrap_or_else(|| secret.as_bytes().to_vec());
    mac(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest;

    /// HMAC by its definition (RFC 2104), with nothing but the hash: independent of the crate used above.
    fn hmac_by_definition(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut block = [0u8; 64];
        if key.len() > 64 {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let inner = Sha256::digest([&block.map(|b| b ^ 0x36)[..], message].concat());
        Sha256::digest([&block.map(|b| b ^ 0x5c)[..], &inner[..]].concat()).to_vec()
    }

    #[test]
    fn github_signature_is_the_documented_one() {
        // The worked example in GitHub's documentation of webhooks.
        assert_eq!(
            github("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[test]
    fn standard_signature_follows_the_definition_for_both_forms_of_secret() {
        for (secret, key) in [("plain words", b"plain words".to_vec()), ("whsec_AAECAw==", vec![0, 1, 2, 3])] {
            let expected = STANDARD.encode(hmac_by_definition(&key, b"msg_1.1700000000.{}"));
            assert_eq!(standard(secret, "msg_1", 1_700_000_000, b"{}"), format!("v1,{expected}"));
        }
    }

    #[test]
    fn verification_accepts_one_fitting_signature_in_time_only() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let good = standard("s", "msg_1", 1_700_000_000, b"{}");
        let check = |id: &str, timestamp: &str, signatures: &str, body: &[u8], expected: Result<(), Refusal>| {
            assert_eq!(
                verify_standard("s", id, timestamp, signatures, body, now),
                expected,
                "{id} {timestamp} {signatures}"
            );
        };
        check("msg_1", "1700000000", &good, b"{}", Ok(()));
        check("msg_1", "1700000000", &format!("v1,AAAA {good}"), b"{}", Ok(()));
        check("msg_1", "1700000000", &good, b"{} ", Err(Refusal::Signature));
        check("msg_2", "1700000000", &good, b"{}", Err(Refusal::Signature));
        check("msg_1", "1700000000", &good.replace("v1,", "v2,"), b"{}", Err(Refusal::Signature));
        check("msg_1", "1700000000", "", b"{}", Err(Refusal::Signature));
        check("msg_1", "1699999699", &good, b"{}", Err(Refusal::Time));
        check("msg_1", "-9223372036854775808", &good, b"{}", Err(Refusal::Time));
        check("msg_1", "soon", &good, b"{}", Err(Refusal::Headers));
        check("", "1700000000", &good, b"{}", Err(Refusal::Headers));
    }
}
