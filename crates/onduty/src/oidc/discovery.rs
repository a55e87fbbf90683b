//! What a provider says about itself (OpenID Connect Discovery 1.0), and its keys. Both are kept for a while; a provider
//! that does not answer is asked again after a short pause, however many want to sign in.

use super::{OidcError, Way, unusable};
use crate::egress::{self, Request, StatusCode, Url, header};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Mutex;

/// How long what was read counts.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// How long nobody is asked again who did not answer well.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// How often keys are asked for again because a token names one that is not known.
const KEYS_PAUSE: SignedDuration = SignedDuration::from_secs(60);
/// Keys that are read; providers have two or three.
const MOST_KEYS: usize = 64;

/// What a provider says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Where browsers are sent.
    pub authorization: Url,
    /// Where codes are exchanged.
    pub token: Url,
    /// Where its keys are.
    pub keys: Url,
    /// Whether the secret is sent in the form instead of a header.
    pub secret_in_form: bool,
    /// Whether every answer says whose it is (RFC 9207).
    pub says_who_it_is: bool,
}

#[derive(Deserialize)]
struct Wire {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    response_types_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is known of the provider. One asks at a time, the others wait for the answer.
#[derive(Debug, Default)]
pub struct Known(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    issuer: String,
    metadata: Result<Arc<Metadata>, String>,
    read_at: Timestamp,
    keys: Option<(Arc<JwkSet>, Timestamp)>,
}

impl Kept {
    fn is_fresh(&self, issuer: &str, now: Timestamp) -> bool {
        let limit = if self.metadata.is_ok() { FRESH } else { PAUSE };
        self.issuer == issuer && is_within(self.read_at, now, limit)
    }
}

fn is_within(at: Timestamp, now: Timestamp, limit: SignedDuration) -> bool {
    (SignedDuration::ZERO..limit).contains(&now.duration_since(at))
}

impl Known {
    /// What the provider called `issuer` says about itself.
    ///
    /// # Errors
    /// See [`OidcError`].
    pub async fn metadata(&self, way: Way<'_>, issuer: &str, now: Timestamp) -> Result<Arc<Metadata>, OidcError> {
        let mut kept = self.0.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh(issuer, now)) {
            return kept.metadata.clone().map_err(OidcError::JustFailed);
        }
        let read = read(way, issuer).await.map(Arc::new);
        let metadata = read.as_ref().map(Arc::clone).map_err(ToString::to_string);
        // Keys go with what named them.
        *kept = Some(Kept { issuer: issuer.to_owned(), metadata, read_at: now, keys: None });
        read
    }

    /// The provider's keys.
    ///
    /// # Errors
    /// See [`OidcError`].
    pub async fn keys(&self, way: Way<'_>, metadata: &Metadata, now: Timestamp) -> Result<Arc<JwkSet>, OidcError> {
        self.keys_within(FRESH, way, metadata, now).await
    }

    /// The same, asked for again unless that was done a moment ago.
    ///
    /// # Errors
    /// See [`OidcError`].
    pub async fn newer_keys(
        &self,
        way: Way<'_>,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Arc<JwkSet>, OidcError> {
        self.keys_within(KEYS_PAUSE, way, metadata, now).await
    }

    async fn keys_within(
        &self,
        limit: SignedDuration,
        way: Way<'_>,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Arc<JwkSet>, OidcError> {
        let mut kept = self.0.lock().await;
        if let Some((keys, at)) = kept.as_ref().and_then(|kept| kept.keys.as_ref())
            && is_within(*at, now, limit)
        {
            return Ok(keys.clone());
        }
        let keys = Arc::new(read_keys(way, &metadata.keys).await?);
        if let Some(kept) = kept.as_mut() {
            kept.keys = Some((keys.clone(), now));
        }
        Ok(keys)
    }
}

async fn read(way: Way<'_>, issuer: &str) -> Result<Metadata, OidcError> {
    const ASKED: &str = "the question who it is";
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let address = Url::parse(&address).map_err(|_| unusable(ASKED, "its issuer is no web address"))?;
    let wire: Wire = serde_json::from_value(document(way, address, ASKED).await?)
        .map_err(|_| unusable(ASKED, "a field is missing or has another shape"))?;
    // Otherwise one provider could speak in the name of another.
    if wire.issuer != issuer {
        return Err(unusable(ASKED, "it calls itself otherwise than `issuer:` in onduty.yml, letter by letter"));
    }
    let lacks = |list: &Option<Vec<String>>, word: &str| {
        list.as_ref().is_some_and(|list| !list.iter().any(|known| known == word))
    };
    if lacks(&wire.response_types_supported, "code") || lacks(&wire.code_challenge_methods_supported, "S256") {
        return Err(unusable(ASKED, "it does not take the authorization code flow with PKCE (S256)"));
    }
    let methods = &wire.token_endpoint_auth_methods_supported;
    let secret_in_form = lacks(methods, "client_secret_basic");
    if secret_in_form && lacks(methods, "client_secret_post") {
        return Err(unusable(ASKED, "it takes no client secret (client_secret_basic or client_secret_post)"));
    }
    let endpoint = |text: &str| endpoint(text).ok_or_else(|| unusable(ASKED, "an address in it is not https"));
    Ok(Metadata {
        authorization: endpoint(&wire.authorization_endpoint)?,
        token: endpoint(&wire.token_endpoint)?,
        keys: endpoint(&wire.jwks_uri)?,
        secret_in_form,
        says_who_it_is: wire.authorization_response_iss_parameter_supported,
    })
}

/// An address that a provider may name: nobody reads along on the way there.
fn endpoint(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_clean = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_clean && (url.scheme() == "https" || (url.scheme() == "http" && egress::is_this_machine(&url)))).then_some(url)
}

async fn read_keys(way: Way<'_>, address: &Url) -> Result<JwkSet, OidcError> {
    const ASKED: &str = "the question for its keys";
    let document = document(way, address.clone(), ASKED).await?;
    let keys = document.get("keys").and_then(Value::as_array).ok_or_else(|| unusable(ASKED, "it has no keys"))?;
    if keys.len() > MOST_KEYS {
        return Err(unusable(ASKED, format!("it has more than {MOST_KEYS} keys")));
    }
    // One that cannot be read is as good as none: others may be there.
    let keys = keys.iter().filter_map(|key| Jwk::deserialize(key).ok()).collect();
    Ok(JwkSet { keys })
}

async fn document(way: Way<'_>, address: Url, asked: &'static str) -> Result<Value, OidcError> {
    let request = Request::get(address).header(header::ACCEPT, "application/json");
    let answer = way.send(request).await?;
    if answer.status != StatusCode::OK {
        return Err(unusable(asked, format!("its status is {}", answer.status.as_u16())));
    }
    answer.json().map_err(|_| unusable(asked, "it is not JSON"))
}
