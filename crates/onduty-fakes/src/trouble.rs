//! How a tracker misbehaves, whichever it is.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use std::pin::Pin;
use std::task::{Context, Poll};

/// How it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429 with `Retry-After`.
    TooMany,
    /// 500.
    Broken,
    /// 502 with a page of a proxy.
    BadGateway,
    /// Promises more than it sends, and hangs up.
    Cut,
    /// 200 with `{}`.
    Empty,
    /// 200 with a list of things of the wrong types.
    WrongTypes,
    /// A list that never ends.
    Endless,
    /// 302 to another host.
    Redirect,
    /// The second page names itself as the next one.
    Loop,
    /// The second page is the first one again.
    SamePage,
    /// 403: the token lost its rights.
    Refuses,
    /// 401: nobody knows the token.
    Unauthorized,
    /// 200 with JSON that ends in the middle.
    HalfJson,
    /// 200 with the page of a proxy that wants a sign-in.
    WebPage,
    /// A good first page, and 500 for the second.
    LaterPage,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Trouble; 15] = [
        Trouble::TooMany,
        Trouble::Broken,
        Trouble::BadGateway,
        Trouble::Cut,
        Trouble::Empty,
        Trouble::WrongTypes,
        Trouble::Endless,
        Trouble::Redirect,
        Trouble::Loop,
        Trouble::SamePage,
        Trouble::Refuses,
        Trouble::Unauthorized,
        Trouble::HalfJson,
        Trouble::WebPage,
        Trouble::LaterPage,
    ];
}

/// What a tracker does instead of answering.
pub(crate) enum Misbehaved {
    /// It says this.
    Says(Response<Body>),
    /// It lists these issues, and names where the next page begins.
    Lists { ids: &'static [u64], next: Option<usize> },
}

/// What a tracker in `trouble` does when it is asked for the page that begins at `offset`.
pub(crate) fn misbehave(trouble: Trouble, offset: usize) -> Misbehaved {
    let header = |name: &'static str, value: &'static str| {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    };
    let none = HeaderMap::new;
    Misbehaved::Says(match trouble {
        Trouble::Loop if offset == 0 => return Misbehaved::Lists { ids: &[900], next: Some(2) },
        Trouble::Loop => return Misbehaved::Lists { ids: &[901], next: Some(2) },
        Trouble::SamePage => return Misbehaved::Lists { ids: &[900], next: (offset < 2).then_some(offset + 2) },
        Trouble::LaterPage if offset == 0 => return Misbehaved::Lists { ids: &[900], next: Some(2) },
        Trouble::TooMany => said(429, &json!({"detail": "You are attempting too often"}), header("retry-after", "1")),
        Trouble::Broken | Trouble::LaterPage => said(500, &json!({"detail": "Internal Error"}), none()),
        Trouble::Refuses => said(403, &json!({"detail": "You do not have permission"}), none()),
        Trouble::Unauthorized => said(401, &json!({"detail": "Invalid token"}), none()),
        Trouble::Redirect => said(302, &Value::Null, header("location", "http://127.0.0.1:1/elsewhere")),
        Trouble::Empty => said(200, &json!({}), none()),
        Trouble::WrongTypes => {
            let issue = json!({"id": [], "title": 7, "status": false, "project": "x", "lastSeen": {}});
            said(200, &json!([issue]), none())
        }
        Trouble::BadGateway => plain(502, Body::from("<html><h1>502 Bad Gateway</h1></html>"), None),
        Trouble::WebPage => plain(200, Body::from("<!doctype html><title>Sign in</title>"), None),
        Trouble::HalfJson => plain(200, Body::from("[{\"id\": \"7\", \"title\": \"x"), None),
        Trouble::Cut => plain(200, Body::from_stream(Parts { left: 1 }), Some("100000")),
        Trouble::Endless => plain(200, Body::from_stream(Parts { left: usize::MAX }), None),
    })
}

/// A body in parts that breaks off when none are left.
struct Parts {
    left: usize,
}

impl futures_util::Stream for Parts {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = match self.left {
            0 => Err(std::io::Error::other("cut off")),
            _ => Ok(Bytes::from_static(&[b' '; 16 * 1024])),
        };
        self.left = self.left.saturating_sub(1);
        Poll::Ready(Some(part))
    }
}

/// An answer in JSON.
pub(crate) fn said(status: u16, body: &Value, headers: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    *response.headers_mut() = headers;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

fn plain(status: u16, body: Body, length: Option<&'static str>) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    if let Some(length) = length {
        response.headers_mut().insert("content-length", HeaderValue::from_static(length));
    }
    response
}
