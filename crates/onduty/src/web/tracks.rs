//! Follows each request through the server: a number for the log, a line about the answer, counters.
//!
//! Addresses are logged as patterns of routes, never as they were asked: a token may stand in them.

use super::Web;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Follows one request.
pub async fn follow(State(web): State<Web>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", |path| known(path.as_str()));
    let method = known_method(request.method());
    let id = format!("{:08x}", getrandom::u32().unwrap_or_default());
    let span = tracing::info_span!("request", id, method, route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let took = started.elapsed();
    span.in_scope(|| {
        let (status, duration_ms) = (status.as_u16(), took.as_millis() as u64);
        match status {
            500.. => tracing::warn!(status, duration_ms, "answered that something is wrong here"),
            _ => tracing::debug!(status, duration_ms, "answered"),
        }
    });
    web.app.metrics.requests.count([route, method, status.as_str()]);
    let is_stream = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    if !is_stream {
        web.app.metrics.answers.took(kind_of(route), took);
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The pattern as the table of routes has it, which outlives the request.
fn known(path: &str) -> &'static str {
    super::routes::patterns().iter().find(|pattern| **pattern == path).copied().unwrap_or("none")
}

/// Methods are whatever a client writes.
fn known_method(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        _ => "other",
    }
}

fn kind_of(route: &str) -> &'static str {
    match route.split('/').nth(1).unwrap_or_default() {
        "api" => "api",
        "hooks" => "delivery",
        "assets" => "asset",
        "healthz" | "metrics" => "watch",
        _ => "page",
    }
}
