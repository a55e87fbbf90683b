//! The way out: the one place that builds HTTP clients.
//!
//! Called by whatever talks to other systems. A client never follows a redirect, never reads a proxy from the
//! environment, and never waits without end.

use reqwest::{Client, Response, redirect};
use std::sync::Once;
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// No answer, or it broke off.
    #[error("no answer from {host}: {cause}")]
    Unreachable {
        /// Whom was asked.
        host: String,
        /// What went wrong.
        #[source]
        cause: reqwest::Error,
    },
    /// The answer is larger than the caller wants to keep.
    #[error("the answer from {host} is larger than {limit} bytes")]
    TooLarge {
        /// Whom was asked.
        host: String,
        /// The limit.
        limit: usize,
    },
}

/// A client whose exchanges take at most `timeout` in all.
///
/// # Errors
/// When TLS cannot be set up on this machine.
pub fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder()
        .timeout(timeout)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("onduty/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The body of `response`, if it is at most `limit` bytes.
///
/// # Errors
/// [`EgressError::TooLarge`] as soon as the limit is passed, without reading the rest.
pub async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, EgressError> {
    let host = response.url().host_str().unwrap_or_default().to_owned();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(EgressError::TooLarge { host, limit }),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(cause) => return Err(EgressError::Unreachable { host, cause: cause.without_url() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, response::Redirect, routing::get};

    #[tokio::test]
    async fn answers_are_capped_and_redirects_are_not_followed() {
        let app = Router::new()
            .route("/big", get(|| async { "x".repeat(4096) }))
            .route("/away", get(|| async { Redirect::to("/big") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let client = client(Duration::from_secs(5)).unwrap();
        let get = |path: &str| client.get(format!("http://{address}{path}")).send();

        assert_eq!(body(get("/big").await.unwrap(), 4096).await.unwrap().len(), 4096);
        let refused = body(get("/big").await.unwrap(), 4095).await.unwrap_err();
        assert_eq!(refused.to_string(), "the answer from 127.0.0.1 is larger than 4095 bytes");
        assert_eq!(get("/away").await.unwrap().status(), 303);
    }
}
