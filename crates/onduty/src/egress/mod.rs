//! The way out: the one place that opens connections.
//!
//! Called by whatever talks to other systems, with a [`Request`], for an [`Answer`] that is whole and within its limits.
//! Goes only where the [`Policy`] allows, judged on the address that is connected to; never follows a redirect, never
//! reads a proxy from the environment, never waits without end, never repeats a secret, and never tells whether a port
//! was open. `docs/design/egress.md` says why.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is the one place that connects")]

mod address;
mod backoff;
mod budget;
mod message;
mod own;
mod paging;
mod policy;
mod way;

pub use address::{Network, NetworkError};
pub use backoff::{Backoff, LONGEST_HOLD};
pub use budget::Allowance;
pub use message::{Answer, Limits, Request, redact};
pub use own::OwnServer;
pub use paging::{Link, Page, PageCap, Pages, PagingError, cursor_of, next_link};
pub use policy::{Policy, Refusal, host_of, is_this_machine};
pub use reqwest::header::HeaderName;
pub use reqwest::{Method, StatusCode, Url, header};
pub use way::Way;

use crate::metrics::Counter;
use budget::Budget;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Response, redirect};
use rustls::ClientConfig;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest silence in the middle of an answer.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// onduty does not go there.
    #[error("onduty does not go to {host}: {why}")]
    NotAllowed {
        /// Where to.
        host: String,
        /// Which rule says so.
        why: Refusal,
    },
    /// Only `http` and `https` are spoken, and no address holds a password.
    #[error("this is not a web address without a password in it")]
    NotAnAddress,
    /// No answer. Whether nobody listens, or somebody else than expected, is for the operator's log only.
    #[error("no answer from {host}")]
    NoAnswer {
        /// Whom was asked.
        host: String,
    },
    /// The answer broke off, or stood still in the middle.
    #[error("the answer from {host} broke off")]
    BrokeOff {
        /// Whom was asked.
        host: String,
    },
    /// The answer is larger than the caller wants to keep.
    #[error("the answer from {host} is larger than {limit} bytes")]
    TooLarge {
        /// Whom was asked.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// The host asked for a pause.
    #[error("{host} asks to wait {} s", wait.as_secs().max(1))]
    Held {
        /// Whom was asked.
        host: String,
        /// How long from now.
        wait: Duration,
    },
    /// No client on this machine.
    #[error("TLS cannot be set up on this machine")]
    Tls(#[source] reqwest::Error),
}

/// Finds the addresses of a host, anew for each connection.
pub trait Lookup: Send + Sync + 'static {
    /// Every address of `host`.
    fn addresses(&self, host: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;
}

/// The machine's own resolver.
#[derive(Debug)]
struct System;

impl Lookup for System {
    fn addresses(&self, host: &str) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// The one way out. Cheap to clone; clones share budgets and connections.
#[derive(Clone)]
pub struct Egress(Arc<Shared>);

struct Shared {
    client: RwLock<(Arc<Policy>, reqwest::Client)>,
    lookup: Arc<dyn Lookup>,
    /// Whom to believe over TLS; those that the system believes unless said otherwise.
    tls: Option<ClientConfig>,
    allowance: Allowance,
    budgets: Mutex<BTreeMap<(String, u16), Arc<Budget>>>,
    /// By host, of which the policy has few, and what came of it.
    asked: Counter<2>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("policy", &self.policy().0).finish_non_exhaustive()
    }
}

impl Egress {
    /// A way out to where `policy` allows.
    ///
    /// # Errors
    /// [`EgressError::Tls`]
    pub fn new(policy: Policy) -> Result<Egress, EgressError> {
        Egress::with(policy, Allowance::DEFAULT, Arc::new(System))
    }

    /// The same with another budget a host and another resolver.
    ///
    /// # Errors
    /// [`EgressError::Tls`]
    pub fn with(policy: Policy, allowance: Allowance, lookup: Arc<dyn Lookup>) -> Result<Egress, EgressError> {
        Egress::build(policy, allowance, lookup, None)
    }

    fn build(
        policy: Policy,
        allowance: Allowance,
        lookup: Arc<dyn Lookup>,
        tls: Option<ClientConfig>,
    ) -> Result<Egress, EgressError> {
        let policy = Arc::new(policy);
        let client = RwLock::new((policy.clone(), client(policy, lookup.clone(), tls.clone())?));
        let budgets = Mutex::default();
        let asked = Counter::new("onduty_egress_requests_total", "Requests to others.", ["host", "result"]);
        Ok(Egress(Arc::new(Shared { client, lookup, tls, allowance, budgets, asked })))
    }

    /// Goes by `policy` from now on. Connections that were made under the old one are not used again.
    ///
    /// # Errors
    /// [`EgressError::Tls`]; the old policy stays in force.
    pub fn set_policy(&self, policy: Policy) -> Result<(), EgressError> {
        if *self.policy().0 == policy {
            return Ok(());
        }
        let policy = Arc::new(policy);
        let client = client(policy.clone(), self.0.lookup.clone(), self.0.tls.clone())?;
        *self.0.client.write().unwrap_or_else(PoisonError::into_inner) = (policy, client);
        Ok(())
    }

    /// Asks once.
    ///
    /// # Errors
    /// See [`EgressError`]. A status that is no success is an answer, except where the host asks for a pause.
    pub async fn send(&self, request: Request) -> Result<Answer, EgressError> {
        let (policy, client) = self.policy();
        let (host, port) = allowed_host(&policy, &request.url)?;
        let budget = self.budget(&host, port);
        let (limits, started) = (request.limits, Instant::now());
        let exchange = async {
            let _turn = budget.turn().await?;
            exchange(&client, &host, &budget, request).await
        };
        let done = tokio::time::timeout(limits.total, exchange).await;
        let done = done.unwrap_or_else(|_| Err(EgressError::NoAnswer { host: host.clone() }));
        let duration_ms = started.elapsed().as_millis() as u64;
        let result = match &done {
            Ok(answer) if answer.status.is_success() => "success",
            Ok(answer) if answer.status.is_server_error() => "server error",
            Ok(_) => "refused",
            Err(EgressError::Held { .. }) => "held",
            Err(EgressError::NoAnswer { .. }) => "no answer",
            Err(_) => "broken",
        };
        self.0.asked.count([&host, result]);
        match &done {
            Ok(answer) => tracing::debug!(host, status = answer.status.as_u16(), duration_ms, "asked"),
            Err(error) => tracing::debug!(host, %error, duration_ms, "asked in vain"),
        }
        done
    }

    /// Asks again, after growing waits, where that may help: no answer, a broken answer, a server's error, a short pause
    /// that the host asks for. For requests that change nothing. `random` gives numbers from 0 to 1.
    ///
    /// # Errors
    /// The last [`EgressError`].
    pub async fn send_patiently(
        &self,
        request: impl Fn() -> Request,
        backoff: Backoff,
        random: impl Fn() -> f64,
    ) -> Result<Answer, EgressError> {
        let mut failures = 0;
        loop {
            let done = self.send(request()).await;
            let again = match &done {
                Ok(answer) => answer.status.is_server_error(),
                Err(EgressError::NoAnswer { .. } | EgressError::BrokeOff { .. }) => true,
                Err(EgressError::Held { wait, .. }) => *wait <= backoff.most,
                Err(_) => false,
            };
            failures += 1;
            let Some(wait) = again.then(|| backoff.wait(failures, random())).flatten() else { return done };
            let asked = if let Err(EgressError::Held { wait, .. }) = &done { *wait } else { Duration::ZERO };
            tokio::time::sleep(wait.max(asked)).await;
        }
    }

    /// Writes how often each host was asked.
    pub fn write_counts(&self, text: &mut String) {
        self.0.asked.write(text);
    }

    fn policy(&self) -> (Arc<Policy>, reqwest::Client) {
        self.0.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn budget(&self, host: &str, port: u16) -> Arc<Budget> {
        // As many as the policy has hosts.
        let mut budgets = self.0.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry((host.to_owned(), port));
        budget.or_insert_with(|| Arc::new(Budget::new(host.to_owned(), self.0.allowance, Instant::now()))).clone()
    }
}

/// Host and port of `url`, if onduty may ask them; a literal address is judged here, because nothing resolves it later.
fn allowed_host(policy: &Policy, url: &Url) -> Result<(String, u16), EgressError> {
    let clean = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    let host = host_of(url).filter(|host| clean && !host.is_empty()).ok_or(EgressError::NotAnAddress)?;
    let port = url.port_or_known_default().ok_or(EgressError::NotAnAddress)?;
    match policy.host(&host, port) {
        Ok(()) => Ok((host, port)),
        Err(why) => Err(EgressError::NotAllowed { host, why }),
    }
}

async fn exchange(
    client: &reqwest::Client,
    host: &str,
    budget: &Budget,
    request: Request,
) -> Result<Answer, EgressError> {
    let Request { method, url, headers, body, limits, secrets } = request;
    let sent = client.request(method, url).headers(headers).body(body).send().await;
    let response = sent.map_err(|error| no_answer(host, error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    if let Some(wait) = backoff::hold(status, &headers) {
        budget.hold(wait);
        let refused = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if refused {
            return Err(EgressError::Held { host: host.to_owned(), wait });
        }
    }
    let body = body_within(host, response, limits.body).await?;
    Ok(Answer { status, headers, body, secrets })
}

/// The body, if it is at most `limit` bytes; as soon as it is more, the rest is not read.
async fn body_within(host: &str, mut response: Response, limit: usize) -> Result<Vec<u8>, EgressError> {
    let too_large = || EgressError::TooLarge { host: host.to_owned(), limit };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(too_large()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                log_cause(host, &error.without_url());
                return Err(EgressError::BrokeOff { host: host.to_owned() });
            }
        }
    }
}

fn no_answer(host: &str, error: reqwest::Error) -> EgressError {
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(Forbidden(why)) = error.downcast_ref() {
            return EgressError::NotAllowed { host: host.to_owned(), why: *why };
        }
        cause = error.source();
    }
    log_cause(host, &error);
    EgressError::NoAnswer { host: host.to_owned() }
}

/// The operator sees what people do not: refused, timed out, a certificate that expired.
fn log_cause(host: &str, error: &(dyn std::error::Error + 'static)) {
    tracing::info!(host, error, "an exchange failed");
}

/// Handed through the connector, so that the caller hears which rule refused.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Forbidden(Refusal);

/// Resolves for one connection and lets only allowed addresses through: between the look-up and the connection there is
/// no second look-up that could answer otherwise.
struct Guard {
    policy: Arc<Policy>,
    lookup: Arc<dyn Lookup>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, host) = (self.policy.clone(), name.as_str().to_owned());
        let found = self.lookup.addresses(&host);
        Box::pin(async move {
            let allowed = policy.let_through(&host, found.await?).map_err(Forbidden)?;
            // The connector puts in the port of the address that was asked for.
            Ok(Box::new(allowed.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

fn client(
    policy: Arc<Policy>,
    lookup: Arc<dyn Lookup>,
    tls: Option<ClientConfig>,
) -> Result<reqwest::Client, EgressError> {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let builder = match tls {
        Some(tls) => reqwest::Client::builder().tls_backend_preconfigured(tls),
        None => reqwest::Client::builder(),
    };
    builder
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(STALL_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(Arc::new(Guard { policy, lookup }))
        .user_agent(concat!("onduty/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(EgressError::Tls)
}

/// Numbers from 0 to 1 from the machine's own randomness, for [`Egress::send_patiently`].
pub fn random() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
