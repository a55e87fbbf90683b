//! What browsers, scripts and other systems get: pages, live parts, the JSON API and the hooks.
//!
//! Handlers are thin: who asks, load, let the app or the core decide, answer. No rule, no SQL and no clock here.

mod acts;
mod api;
mod arrival;
pub mod assets;
pub mod auth;
mod calendar_feeds;
mod deeds;
mod door;
mod error;
mod flash;
mod form;
mod handshake;
mod health;
mod held;
mod hooks;
mod leave;
mod limits;
mod live;
mod openapi;
mod pages;
mod people;
mod people_api;
mod performance;
mod plan;
pub mod policy;
mod present;
mod refresher;
pub mod routes;
mod shifts;
mod single_sign_on;
mod suggestions;
mod telemetry;
mod tracks;
pub mod views;
mod walls;
mod what_if;
mod why_not;

use crate::app::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use error::Shown;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

/// What handlers share.
#[derive(Clone)]
pub struct Web {
    /// The server.
    pub app: App,
    address: SocketAddr,
    flashes: Arc<flash::Flashes>,
    held: Arc<held::Held>,
    walls: Arc<walls::WallSightings>,
    views: Arc<live::Views>,
}

impl Web {
    /// The server's own address, for links that people copy.
    fn own_address(&self) -> String {
        self.app.instance().config.own_address(self.address)
    }
}

/// The router of a server that listens at `address`.
pub fn router(app: App, address: SocketAddr) -> Router {
    let web = Web {
        app,
        address,
        flashes: Arc::default(),
        held: Arc::default(),
        walls: Arc::default(),
        views: Arc::default(),
    };
    let mut router = Router::new();
    let rules = web.app.instance().config.server.clone();
    let limits = rules.limits.clone();
    for route in routes::all() {
        router = route.mount(router, &web, &limits);
    }
    // Streams are not compressed: each event has to leave at once.
    let compressed = DefaultPredicate::new().and(NotForContentType::new("text/event-stream"));
    router
        .fallback(async || error::HttpError::NotFound("nothing stands at this address".to_owned()))
        .layer(middleware::from_fn_with_state(Arc::new(limits), limits::hold))
        .layer(CompressionLayer::new().gzip(true).compress_when(compressed))
        .layer(middleware::from_fn_with_state(web.clone(), show_errors))
        .layer(middleware::from_fn_with_state(Arc::new(rules), arrival::receive))
        .layer(middleware::from_fn(secure))
        .layer(middleware::from_fn_with_state(web.clone(), tracks::follow))
        .with_state(web)
}

/// Draws errors: as a page for people, as JSON for scripts.
async fn show_errors(State(web): State<Web>, request: Request, next: Next) -> Response {
    let wants_json = wants_json(request.uri().path(), request.headers());
    let asked = request.uri().path_and_query().filter(|_| request.method() == Method::GET).map(ToString::to_string);
    let asked = form::own_path(asked.as_deref().unwrap_or_default(), "/");
    let mut response = next.run(request).await;
    let shown = response.extensions_mut().remove::<Shown>().or_else(|| error::of_framework(&response));
    let Some(shown) = shown else { return response };
    let (status, headers) = (response.status(), response.headers().clone());
    let instance = web.app.instance();
    let utc = jiff::tz::TimeZone::UTC;
    let zone = instance.roster.duties.first().map_or(&utc, |duty| &duty.zone);
    let tell = crate::texts::Telling { now: web.app.clock.duty_now(), zone, roster: &instance.roster, process: None };
    let mut drawn = if wants_json {
        let Shown { view, blockers } = shown;
        let mut body = json!({"status": view.status, "error": view.what, "means": view.means, "todo": view.todo});
        if !blockers.is_empty() {
            body["blockers"] = blockers.iter().map(|blocker| api::blocker_json(blocker, &tell)).collect();
        }
        (status, axum::Json(body)).into_response()
    } else {
        let mut view = shown.view;
        view.details.extend(shown.blockers.iter().map(|blocker| crate::texts::blocker(blocker, &tell)));
        (status, pages::error_page(&web, &view, &asked)).into_response()
    };
    for name in [header::RETRY_AFTER, header::ALLOW, header::ACCEPT_ENCODING, header::CONNECTION] {
        if let Some(value) = headers.get(&name) {
            drawn.headers_mut().insert(name, value.clone());
        }
    }
    drawn
}

fn wants_json(path: &str, headers: &HeaderMap) -> bool {
    path.starts_with("/api/")
        || path.starts_with("/hooks/")
        || path.starts_with("/v1/")
        || headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"))
}

/// Headers of every answer.
async fn secure(request: Request, next: Next) -> Response {
    let is_asset = request.uri().path().starts_with("/assets/");
    let is_calendar = request.uri().path().starts_with("/calendar/");
    let mut response = next.run(request).await;
    let is_found = response.status().is_success();
    let is_read = is_calendar && (is_found || response.status() == StatusCode::NOT_MODIFIED);
    let headers = response.headers_mut();
    for (name, value) in crate::server::OF_EVERY_ANSWER {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_read {
        // Whoever subscribes keeps it, and asks with each reading whether it is still so.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    } else if !(is_asset && is_found) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
