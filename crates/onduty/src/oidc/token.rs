//! The token that says who somebody is: believed only after every check of OpenID Connect Core 1.0, section 3.1.3.7.

use super::signatures;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// How far the provider's clock and ours may be apart.
pub const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// A token is used at once: one that was made longer ago was kept by somebody.
const MOST_AGE: SignedDuration = SignedDuration::from_mins(10);
/// Longest token, in bytes.
const MAX_BYTES: usize = 32 * 1024;
/// Longest name of a person at the provider, in bytes; OpenID Connect allows no longer one.
const MAX_SUBJECT_BYTES: usize = 255;

/// What a token has to say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// For whom it was made.
    pub client_id: &'a str,
    /// The number that was sent along.
    pub nonce: &'a str,
    /// Real time.
    pub now: Timestamp,
    /// The person has to have proved who they are since then.
    pub authenticated_since: Option<Timestamp>,
}

/// Who somebody is, as the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The provider.
    pub issuer: String,
    /// Its own name for the person, which it never gives to anybody else.
    pub subject: String,
    /// What people call them; the subject where it does not say.
    pub name: String,
    /// Their address, if the provider has made sure that it is theirs.
    pub verified_email: Option<String>,
}

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It is no token at all.
    #[error("it is not a signed token")]
    NotAToken,
    /// Signed in a way that proves nothing, or that nobody here can check.
    #[error("it is not signed by an algorithm that onduty takes")]
    Algorithm,
    /// The provider publishes no such key: perhaps a new one.
    #[error("it is signed with a key that the provider does not publish")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("its signature is wrong")]
    Signature,
    /// It lacks something, or has it in another shape.
    #[error("it cannot be read: a claim is missing or has the wrong shape")]
    Claims,
    /// Somebody else made it.
    #[error("it was made by another issuer")]
    Issuer,
    /// It was made for somebody else.
    #[error("it was made for another application")]
    Audience,
    /// Too late.
    #[error("it has expired")]
    Expired,
    /// Too early.
    #[error("it is not valid yet")]
    NotYet,
    /// Made too long ago, or in the future.
    #[error("it was not made just now")]
    NotFresh,
    /// It belongs to another sign-in.
    #[error("it belongs to another sign-in")]
    Nonce,
    /// It does not say that the person proved themselves just now.
    #[error("it does not say that the person has just proved who they are (`auth_time`)")]
    NotProved,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    auth_time: Option<f64>,
    name: Option<String>,
    preferred_username: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: Verified,
}

/// One or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Some providers write the word instead of the value; whatever else stands there is no yes.
#[derive(Default)]
struct Verified(bool);

impl<'de> Deserialize<'de> for Verified {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Verified, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Verified(value == serde_json::Value::Bool(true) || value == "true"))
    }
}

/// Who `token` says that somebody is, if it is all that it has to be.
///
/// # Errors
/// See [`Doubt`].
pub fn check(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<Subject, Doubt> {
    signatures::install();
    if token.len() > MAX_BYTES {
        return Err(Doubt::NotAToken);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
        // `none`, and names that nobody knows.
        jsonwebtoken::errors::ErrorKind::Json(_) => Doubt::Algorithm,
        _ => Doubt::NotAToken,
    })?;
    // Extensions that have to be understood are not.
    if header.crit.is_some() {
        return Err(Doubt::NotAToken);
    }
    if !signatures::ALGORITHMS.contains(&header.alg) {
        return Err(Doubt::Algorithm);
    }
    let key = key_for(keys, header.alg, header.kid.as_deref())?;
    let mut validation = Validation::new(header.alg);
    // The signature is checked there, every claim below: by our own clock, and as strictly as its type says.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let claims = jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation);
    let claims = claims.map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::Json(_) | jsonwebtoken::errors::ErrorKind::Utf8(_) => Doubt::Claims,
        _ => Doubt::Signature,
    })?;
    let claims: Claims = serde_json::from_value(claims.claims).map_err(|_| Doubt::Claims)?;
    check_claims(&claims, expected)?;
    Ok(subject(claims))
}

/// The key that signed: the one with this name, or the only one of its kind where the token names none.
fn key_for(keys: &JwkSet, algorithm: Algorithm, kid: Option<&str>) -> Result<DecodingKey, Doubt> {
    let signs = |key: &&Jwk| {
        key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
            && key.common.key_algorithm.is_none_or(|known| known == KeyAlgorithm::from(algorithm))
    };
    let family = signatures::family(algorithm);
    let named = keys.keys.iter().filter(|key| kid.is_none() || key.common.key_id.as_deref() == kid).filter(signs);
    let mut fitting = named.filter_map(|key| DecodingKey::from_jwk(key).ok()).filter(|key| key.family() == family);
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Ok(key),
        // Two keys of one name: which of them is meant is not ours to guess.
        _ => Err(Doubt::UnknownKey),
    }
}

fn check_claims(claims: &Claims, expected: &Expected<'_>) -> Result<(), Doubt> {
    if claims.iss != expected.issuer {
        return Err(Doubt::Issuer);
    }
    let (is_for_us, is_for_others) = match &claims.aud {
        Audience::One(one) => (one == expected.client_id, false),
        Audience::Several(all) => {
            let is_us = |one: &String| one == expected.client_id;
            (all.iter().any(is_us), !all.iter().all(is_us))
        }
    };
    // A token for several says for whom of them it was made.
    let party = claims.azp.as_deref();
    if !is_for_us || party.is_some_and(|party| party != expected.client_id) || (is_for_others && party.is_none()) {
        return Err(Doubt::Audience);
    }
    let (now, skew) = (expected.now.as_second() as f64, SKEW.as_secs() as f64);
    if claims.exp + skew <= now {
        return Err(Doubt::Expired);
    }
    if claims.nbf.is_some_and(|start| start > now + skew) {
        return Err(Doubt::NotYet);
    }
    if claims.iat > now + skew || claims.iat + MOST_AGE.as_secs() as f64 + skew < now {
        return Err(Doubt::NotFresh);
    }
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    if expected.nonce.is_empty() || !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(Doubt::Nonce);
    }
    if let Some(since) = expected.authenticated_since {
        let proved = claims.auth_time.is_some_and(|at| at + skew >= since.as_second() as f64 && at <= now + skew);
        if !proved {
            return Err(Doubt::NotProved);
        }
    }
    let subject = claims.sub.len();
    if subject == 0 || subject > MAX_SUBJECT_BYTES || claims.sub.chars().any(char::is_control) {
        return Err(Doubt::Claims);
    }
    Ok(())
}

fn subject(claims: Claims) -> Subject {
    let called = [claims.name, claims.preferred_username, claims.email.clone()];
    let called = called.into_iter().flatten().map(|name| line(&name)).find(|name| !name.is_empty());
    Subject {
        issuer: claims.iss,
        name: called.unwrap_or_else(|| line(&claims.sub)),
        verified_email: claims.email.filter(|email| claims.email_verified.0 && email.contains('@')),
        subject: claims.sub,
    }
}

fn line(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests;
