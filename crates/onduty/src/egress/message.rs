//! What is asked and what is answered. Answers are whole and within their limit before anybody sees them.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long and how large an exchange may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From asking for a turn to the last byte.
    pub total: Duration,
    /// The body, in bytes, after decompression.
    pub body: usize,
}

impl Limits {
    /// For JSON of trackers.
    pub const DEFAULT: Limits = Limits { total: Duration::from_secs(20), body: 8 * 1024 * 1024 };
}

/// What to ask.
#[derive(Debug)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) limits: Limits,
    /// What may not be repeated in any error or log.
    pub(super) secrets: Vec<SecretString>,
}

impl Request {
    /// Asks `url`.
    pub fn new(method: Method, url: Url) -> Request {
        let (headers, body, secrets) = (HeaderMap::new(), Vec::new(), Vec::new());
        Request { method, url, headers, body, limits: Limits::DEFAULT, secrets }
    }

    /// `GET url`
    pub fn get(url: Url) -> Request {
        Request::new(Method::GET, url)
    }

    /// With other limits.
    #[must_use]
    pub fn within(self, limits: Limits) -> Request {
        Request { limits, ..self }
    }

    /// With one more header. A value that cannot stand in a header is left out: the answer then says what is missing.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Request {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With a secret in a header of its own, which nobody repeats.
    #[must_use]
    pub fn secret_header(mut self, name: HeaderName, secret: &SecretString) -> Request {
        if let Ok(mut value) = HeaderValue::from_str(secret.expose_secret()) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self.secrets.push(secret.clone());
        self
    }

    /// With `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(mut self, token: &SecretString) -> Request {
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
        self.secrets.push(token.clone());
        self
    }

    /// With `Authorization: Basic`; `pair` is the name and password, encoded as they stand there.
    #[must_use]
    pub fn basic(mut self, pair: &SecretString) -> Request {
        if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {}", pair.expose_secret())) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
        self.secrets.push(pair.clone());
        self
    }

    /// With these bytes.
    #[must_use]
    pub fn body(self, body: Vec<u8>) -> Request {
        Request { body, ..self }
    }

    /// With this as JSON.
    #[must_use]
    pub fn json(self, body: &impl Serialize) -> Request {
        // Only types that serialize themselves in an odd way can fail; then the receiver says what it misses.
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        self.header(CONTENT_TYPE, "application/json").body(bytes)
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status; redirects are answers like any other.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, decompressed.
    pub body: Vec<u8>,
    pub(super) secrets: Vec<SecretString>,
}

impl Answer {
    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// Where it is not; the error repeats nothing of the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The beginning of the body as one line for people, without what was sent as a secret and without markup: pages of
    /// proxies say nothing that helps.
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(4096)]);
        if text.trim_start().starts_with('<') {
            return "a web page".to_owned();
        }
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        redact(&line, &self.secrets).chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

/// `text` without any of `secrets`.
pub fn redact(text: &str, secrets: &[SecretString]) -> String {
    let known = secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| secret.len() >= 4);
    known.fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_repeated() {
        let token = SecretString::from("sntrys_abc123");
        let request = Request::get(Url::parse("https://sentry.io/x").unwrap()).bearer(&token);
        assert!(!format!("{request:?}").contains("abc123"), "{request:?}");
        let answer = |body: &str| Answer {
            status: StatusCode::FORBIDDEN,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
            secrets: vec![token.clone()],
        };
        assert_eq!(
            answer("{\"detail\":\n \"no such token sntrys_abc123\u{1b}[1m\"}").excerpt(),
            "{\"detail\": \"no such token [redacted][1m\"}"
        );
        assert_eq!(answer("  <html>502</html>").excerpt(), "a web page");
        assert_eq!(answer(&"é ".repeat(9_000)).excerpt().chars().count(), 200);
    }

    #[test]
    fn a_name_and_password_are_secret_as_well() {
        let pair = SecretString::from("b25kdXR5OnNlY3JldA==");
        let request = Request::new(Method::POST, Url::parse("https://id.example/token").unwrap()).basic(&pair);
        assert_eq!(request.headers[AUTHORIZATION], "Basic b25kdXR5OnNlY3JldA==");
        assert!(!format!("{request:?}").contains("b25kdXR5"), "{request:?}");
    }
}
