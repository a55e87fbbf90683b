//! Signing in by OpenID Connect: the authorization code flow with PKCE, as a client that has a secret.
//!
//! `app` calls it: [`Provider::begin`] gives the address to send a browser to, [`Provider::end`] turns what the browser
//! brings back into a [`Subject`] that has been checked. It knows nothing of accounts, sessions or pages, keeps nothing in
//! the store, and goes out by `egress` alone. `docs/design/oidc.md` says why it is as it is.

mod begun;
mod discovery;
mod exchange;
#[cfg(test)]
mod fixtures;
mod signatures;
mod token;

pub use begun::{Begun, LIFE, Purpose};
pub use discovery::Metadata;
pub use token::{Doubt, Subject};

use crate::egress::{Answer, Egress, EgressError, Limits, Request, Url};
use begun::Waiting;
use discovery::Known;
use jiff::Timestamp;
use secrecy::SecretString;
use std::time::Duration;
use token::Expected;

/// Documents of a provider are small, and somebody waits for them.
const LIMITS: Limits = Limits { total: Duration::from_secs(10), body: 256 * 1024 };

/// What onduty is at the provider.
#[derive(Debug, Clone)]
pub struct Client {
    /// The provider, exactly as it calls itself.
    pub issuer: String,
    /// What the provider calls onduty.
    pub id: String,
    /// What onduty shows it.
    pub secret: SecretString,
    /// What is asked for, besides `openid`.
    pub scopes: Vec<String>,
}

/// What a browser brings back from the provider.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Which sign-in it belongs to.
    pub state: Option<String>,
    /// What can be exchanged for a token.
    pub code: Option<String>,
    /// Who says so, where the provider tells (RFC 9207).
    pub iss: Option<String>,
    /// What went wrong there.
    pub error: Option<String>,
}

/// Why somebody was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// No answer, or not from where onduty may go.
    #[error("{0}")]
    Unreachable(#[from] EgressError),
    /// It answers, and not with what it should.
    #[error("the answer of the provider to {asked} cannot be used: {why}")]
    Unusable {
        /// What was asked for.
        asked: &'static str,
        /// What is wrong with it; never a text of the provider.
        why: String,
    },
    /// It did not answer well a moment ago, and is not asked again at once.
    #[error("{0}")]
    JustFailed(String),
    /// This browser has begun no such sign-in, or long ago, or has ended it.
    #[error("this sign-in was not begun in this browser, took longer than ten minutes, or was used before")]
    NotBegun,
    /// Another provider than the one that was asked.
    #[error("the answer comes from another provider than the one that was asked")]
    MixedUp,
    /// The provider, or the person there, said no.
    #[error("the provider did not sign you in: {0}")]
    Denied(String),
    /// The provider does not take the code.
    #[error("the provider refused the code ({0})")]
    CodeRefused(String),
    /// The token is not to be believed.
    #[error("the token of the provider is not to be believed: {0}")]
    Doubtful(#[from] Doubt),
}

/// The provider, as far as it is known, and who is on the way there.
#[derive(Debug)]
pub struct Provider {
    limits: Limits,
    known: Known,
    waiting: Waiting,
}

impl Default for Provider {
    fn default() -> Provider {
        Provider { limits: LIMITS, known: Known::default(), waiting: Waiting::default() }
    }
}

/// The way to the provider: short and narrow.
#[derive(Debug, Clone, Copy)]
struct Way<'a> {
    egress: &'a Egress,
    limits: Limits,
}

impl Way<'_> {
    async fn send(self, request: Request) -> Result<Answer, EgressError> {
        self.egress.send(request.within(self.limits)).await
    }
}

impl Provider {
    fn way<'a>(&self, egress: &'a Egress) -> Way<'a> {
        Way { egress, limits: self.limits }
    }

    /// Where to send a browser that wants to sign in or to prove itself again, and what to remember it by.
    ///
    /// # Errors
    /// See [`OidcError`].
    pub async fn begin(
        &self,
        egress: &Egress,
        client: &Client,
        (purpose, redirect_uri, from): (Purpose, String, String),
        now: Timestamp,
    ) -> Result<(Url, String), OidcError> {
        let metadata = self.known.metadata(self.way(egress), &client.issuer, now).await?;
        let begun = Begun::new(purpose, client.issuer.clone(), redirect_uri, now);
        let address = exchange::address(&metadata, client, &begun);
        let browser = begun.browser.clone();
        self.waiting.put(begun, &from, now);
        Ok((address, browser))
    }

    /// The sign-in that `brought` belongs to, if `browser` has begun it. It is used up by this, whatever comes of it.
    ///
    /// # Errors
    /// [`OidcError::NotBegun`]
    pub fn take(&self, brought: &Brought, browser: Option<&str>, now: Timestamp) -> Result<Begun, OidcError> {
        let state = brought.state.as_deref().unwrap_or_default();
        self.waiting.take(state, browser.unwrap_or_default(), now).ok_or(OidcError::NotBegun)
    }

    /// Who the provider says that somebody is.
    ///
    /// # Errors
    /// See [`OidcError`].
    pub async fn end(
        &self,
        egress: &Egress,
        client: &Client,
        (begun, brought): (&Begun, &Brought),
        now: Timestamp,
    ) -> Result<Subject, OidcError> {
        // The file may name another provider meanwhile.
        if begun.issuer != client.issuer {
            return Err(OidcError::MixedUp);
        }
        let metadata = self.known.metadata(self.way(egress), &client.issuer, now).await?;
        match &brought.iss {
            Some(iss) if *iss != client.issuer => return Err(OidcError::MixedUp),
            None if metadata.says_who_it_is => return Err(OidcError::MixedUp),
            _ => {}
        }
        if let Some(error) = &brought.error {
            return Err(OidcError::Denied(exchange::named(error).to_owned()));
        }
        let code = brought.code.as_deref().filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| unusable("the sign-in", "it has no code"))?;
        let token = exchange::token(self.way(egress), client, &metadata, begun, code).await?;
        let since = matches!(begun.purpose, Purpose::Prove { .. }).then_some(begun.at);
        let (issuer, client_id) = (client.issuer.as_str(), client.id.as_str());
        let expected = Expected { issuer, client_id, nonce: &begun.nonce, now, authenticated_since: since };
        let keys = self.known.keys(self.way(egress), &metadata, now).await?;
        match token::check(&token, &keys, &expected) {
            Err(Doubt::UnknownKey) => {
                // Providers change their keys; a new one is asked for at most once a minute.
                let keys = self.known.newer_keys(self.way(egress), &metadata, now).await?;
                Ok(token::check(&token, &keys, &expected)?)
            }
            checked => Ok(checked?),
        }
    }
}

/// Whether `issuer` can be found, for `onduty doctor`.
///
/// # Errors
/// See [`OidcError`].
pub async fn look_at(egress: &Egress, issuer: &str, now: Timestamp) -> Result<usize, OidcError> {
    let (known, way) = (Known::default(), Way { egress, limits: LIMITS });
    let metadata = known.metadata(way, issuer, now).await?;
    Ok(known.keys(way, &metadata, now).await?.keys.len())
}

fn unusable(asked: &'static str, why: impl Into<String>) -> OidcError {
    OidcError::Unusable { asked, why: why.into() }
}

/// 256 random bits as text.
fn random_text() -> String {
    use base64::Engine;
    let mut bytes = [0; 32];
    // A machine without randomness cannot sign anybody in.
    getrandom::fill(&mut bytes).expect("the machine has randomness");
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests;
