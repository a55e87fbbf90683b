//! There and back: the address that a browser is sent to, and the exchange of what it brings back for a token.

use super::{Begun, Client, Metadata, OidcError, Purpose, Way, unusable};
use crate::egress::{Method, Request, StatusCode, Url, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Where a browser is sent.
pub fn address(metadata: &Metadata, client: &Client, begun: &Begun) -> Url {
    let mut url = metadata.authorization.clone();
    let mut scopes = vec!["openid"];
    scopes.extend(client.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid"));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(begun.verifier.as_bytes()));
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", &begun.redirect_uri)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &begun.state)
            .append_pair("nonce", &begun.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if matches!(begun.purpose, Purpose::Prove { .. }) {
            // The answer has to say when (`auth_time`): asking alone proves nothing.
            query.append_pair("prompt", "login").append_pair("max_age", "0");
        }
    }
    url
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Exchanges a code for the token that says who somebody is. Other tokens are not kept.
///
/// # Errors
/// See [`OidcError`].
pub async fn token(
    way: Way<'_>,
    client: &Client,
    metadata: &Metadata,
    begun: &Begun,
    code: &str,
) -> Result<String, OidcError> {
    const ASKED: &str = "the code";
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &begun.redirect_uri),
        ("code_verifier", &begun.verifier),
    ];
    if metadata.secret_in_form {
        form.extend([("client_id", client.id.as_str()), ("client_secret", client.secret.expose_secret())]);
    }
    let body = serde_urlencoded::to_string(form).map_err(|_| unusable(ASKED, "it cannot be sent"))?;
    let mut request = Request::new(Method::POST, metadata.token.clone())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(body.into_bytes());
    if !metadata.secret_in_form {
        request = request.basic(&basic(client));
    }
    let answer = way.send(request).await?;
    if answer.status != StatusCode::OK {
        let why = answer.json::<Refusal>().ok().map(|refusal| named(&refusal.error));
        let status = answer.status.as_u16().to_string();
        return Err(OidcError::CodeRefused(why.map_or(status, str::to_owned)));
    }
    let tokens: Tokens = answer.json().map_err(|_| unusable(ASKED, "it is not JSON"))?;
    tokens.id_token.ok_or_else(|| unusable(ASKED, "there is no id_token in it"))
}

/// RFC 6749, section 2.3.1: both are encoded as in a form first.
fn basic(client: &Client) -> SecretString {
    let encoded = |text: &str| serde_urlencoded::to_string([("", text)]).unwrap_or_default()[1..].to_owned();
    let pair = format!("{}:{}", encoded(&client.id), encoded(client.secret.expose_secret()));
    SecretString::from(STANDARD.encode(pair))
}

/// The names of errors that there are (RFC 6749, OpenID Connect Core 1.0): nothing else that a provider, or whoever made
/// the address, writes is shown to anybody or kept.
pub fn named(error: &str) -> &'static str {
    const KNOWN: [&str; 18] = [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_request_object",
        "invalid_request_uri",
        "invalid_scope",
        "login_required",
        "request_not_supported",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unmet_authentication_requirements",
        "unsupported_grant_type",
        "unsupported_response_type",
    ];
    KNOWN.into_iter().find(|known| *known == error).unwrap_or("an error that has no name here")
}
