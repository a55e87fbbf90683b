//! Forms of our own pages: read, with the session's token checked before anything in them is believed.

use super::auth::{self, Visit};
use super::error::HttpError;
use crate::texts::visible;
use axum::extract::{FromRequest, Request};
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A form that carries its session's token.
pub struct Posted<T>(pub T);

/// Largest form, in bytes.
const MAX_BYTES: usize = 64 * 1024;

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Posted<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, _: &S) -> Result<Posted<T>, HttpError> {
        let visit = request.extensions().get::<Visit>().cloned().ok_or(HttpError::SignIn)?;
        let pairs = pairs(request).await?;
        check_csrf(&visit, &pairs)?;
        read(&pairs).map(Posted)
    }
}

/// Refuses a form that does not carry its session's token.
pub(super) fn check_csrf(visit: &Visit, pairs: &[(String, String)]) -> Result<(), HttpError> {
    let token = pairs.iter().find(|(name, _)| name == "csrf").map(|(_, value)| value.as_str());
    if auth::same_csrf(&visit.csrf, token.unwrap_or_default()) {
        return Ok(());
    }
    Err(HttpError::Refused("this form is not from a page of yours; load the page again".to_owned()))
}

/// A form without a session: the door.
pub struct Plain<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Plain<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, _: &S) -> Result<Plain<T>, HttpError> {
        let pairs = pairs(request).await?;
        read(&pairs).map(Plain)
    }
}

pub(super) async fn pairs(request: Request) -> Result<Vec<(String, String)>, HttpError> {
    let bytes = axum::body::to_bytes(request.into_body(), MAX_BYTES)
        .await
        .map_err(|_| HttpError::BadInput(format!("the form is larger than {MAX_BYTES} bytes or broke off")))?;
    serde_urlencoded::from_bytes(&bytes)
        .map_err(|error| HttpError::BadInput(format!("the form cannot be read: {error}")))
}

fn read<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, HttpError> {
    // Through text once more: serde_urlencoded reads structs from pairs of a body only.
    let text = serde_urlencoded::to_string(pairs).map_err(|error| HttpError::BadInput(error.to_string()))?;
    serde_urlencoded::from_str(&text).map_err(|error| HttpError::BadInput(format!("the form cannot be read: {error}")))
}

/// A form that says nothing but where to go after it.
#[derive(Debug, Default, Deserialize)]
pub struct Back {
    pub(super) back: Option<String>,
}

/// A day that somebody wrote.
pub(super) fn day(text: &str) -> Result<Date, HttpError> {
    let bad = || HttpError::BadInput(format!("{} is not a day; write it as 2026-03-02", visible(text)));
    text.trim().parse().map_err(|_| bad())
}

/// The same where nothing may have been written.
pub(super) fn optional_day(text: Option<&str>) -> Result<Option<Date>, HttpError> {
    text.filter(|text| !text.trim().is_empty()).map(day).transpose()
}

/// A path on this server, for going back after a form; anything else becomes `otherwise`. Browsers leave tabs and line
/// ends out of addresses and read `\` as `/`: `/\t/elsewhere` would be another site.
pub fn own_path(back: &str, otherwise: &str) -> String {
    let own = back.starts_with('/') && !back.starts_with("//") && !back.contains(|c: char| c == '\\' || c.is_control());
    if own { back.to_owned() } else { otherwise.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn forms_lead_back_to_this_server_only() {
        for (back, expected) in [
            ("/log?day=2026-03-02", "/log?day=2026-03-02"),
            ("//elsewhere.example", "/"),
            ("https://elsewhere.example", "/"),
            ("/\\elsewhere", "/"),
            ("", "/"),
            ("/a\r\nset-cookie: x", "/"),
            ("/\t/elsewhere.example", "/"),
            ("/\0/elsewhere.example", "/"),
        ] {
            assert_eq!(own_path(back, "/"), expected);
        }
    }
}
