//! Calendar feeds: what calendars read, and making and revoking their addresses, by forms and by the JSON API.

use super::Web;
use super::acts::NoFields;
use super::api::Body;
use super::auth::Visit;
use super::error::HttpError;
use super::flash::Flash;
use super::form::Posted;
use super::people::by;
use super::views::account::FeedView;
use crate::store::access::{self, CalendarFeed, FeedOf, Secret};
use crate::store::{Reader, hex};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The ending of an address, by which some programs know what it is. Axum's patterns have no room for it.
const ENDING: &str = ".ics";

/// The secret in `{token}` of an address.
pub(super) fn secret_in(token: &str) -> Option<Secret> {
    token.strip_suffix(ENDING).map(Secret::from_text)
}

/// `GET /calendar/{token}`
pub async fn calendar(
    State(web): State<Web>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let calendar = match secret_in(&token) {
        Some(secret) => web.app.calendar(&secret).await?,
        None => None,
    };
    let calendar = calendar.ok_or_else(|| HttpError::NotFound(NOTHING.to_owned()))?;
    // Weak: it is sent packed or not.
    let tag = format!("W/\"{}\"", hex(&Sha256::digest(calendar.text.as_bytes())[..16]));
    let since = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&calendar.changed_at).unwrap_or_default();
    let validators = [(header::ETAG, tag.clone()), (header::LAST_MODIFIED, since)];
    if is_known(&headers, &tag, calendar.changed_at) {
        return Ok((StatusCode::NOT_MODIFIED, validators).into_response());
    }
    let kind = [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")];
    Ok((validators, kind, calendar.text).into_response())
}

/// What is said where no feed is, whether there ever was one or not.
pub(super) const NOTHING: &str = "nothing stands at this address";

/// Whether whoever asks has this already (RFC 9110, 13.2.2): a tag counts more than a time, which has only seconds.
fn is_known(headers: &HeaderMap, tag: &str, changed_at: Timestamp) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if headers.contains_key(header::IF_NONE_MATCH) {
        let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut given = given.flat_map(|value| value.split(','));
        return given.any(|given| given.trim() == "*" || opaque(given) == opaque(tag));
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|text| rfc2822::parse(text).ok());
    since.is_some_and(|since| changed_at.as_second() <= since.timestamp().as_second())
}

/// The feeds of an account or a duty, for pages.
pub(super) async fn feeds(reader: &mut Reader, of: &FeedOf) -> Result<Vec<FeedView>, HttpError> {
    let feeds = access::calendar_feeds(reader, of).await?;
    Ok(feeds.into_iter().map(view).collect())
}

fn view(feed: CalendarFeed) -> FeedView {
    FeedView { id: feed.id, name: feed.name, made: feed.created_at, last_read: feed.read_at }
}

/// The same for the API.
pub(super) fn feeds_json(feeds: &[FeedView]) -> Value {
    let feeds = feeds.iter();
    feeds
        .map(|feed| json!({"id": feed.id, "name": feed.name, "made": feed.made, "last_read": feed.last_read}))
        .collect()
}

fn address(web: &Web, secret: &Secret) -> String {
    format!("{}/calendar/{}{ENDING}", web.own_address(), secret.expose())
}

fn own(visit: &Visit) -> Result<FeedOf, HttpError> {
    Ok(FeedOf::Account(visit.account()?.clone()))
}

fn of_duty(visit: &Visit) -> Result<FeedOf, HttpError> {
    Ok(FeedOf::Duty(visit.duty()?.clone()))
}

/// A feed to be made: which calendar reads it.
#[derive(Debug, Deserialize)]
pub struct FeedForm {
    name: String,
}

/// `POST /account/calendar-feeds`
pub async fn make_own(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<FeedForm>,
) -> Result<Redirect, HttpError> {
    let (secret, _) = web.app.make_calendar_feed(&by(&visit)?, &own(&visit)?, &form.name).await?;
    web.flashes.put(&visit, Flash::CalendarFeed(address(&web, &secret)));
    Ok(Redirect::to("/account"))
}

/// `POST /account/calendar-feeds/{id}/revoke`
pub async fn revoke_own(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Posted(_): Posted<NoFields>,
) -> Result<Redirect, HttpError> {
    web.app.revoke_own_feed(&by(&visit)?, visit.account()?, &id).await?;
    Ok(Redirect::to("/account"))
}

/// `POST /duty/{duty}/calendar-feeds`
pub async fn make_of_duty(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<FeedForm>,
) -> Result<Redirect, HttpError> {
    let (secret, _) = web.app.make_calendar_feed(&by(&visit)?, &of_duty(&visit)?, &form.name).await?;
    web.flashes.put(&visit, Flash::CalendarFeed(address(&web, &secret)));
    Ok(Redirect::to(&format!("/team?duty={}", visit.duty()?)))
}

/// `POST /duty/{duty}/calendar-feeds/{id}/revoke`
pub async fn revoke_of_duty(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id)): Path<(String, String)>,
    Posted(_): Posted<NoFields>,
) -> Result<Redirect, HttpError> {
    web.app.revoke_duty_feed(&by(&visit)?, visit.duty()?, &id).await?;
    Ok(Redirect::to(&format!("/team?duty={}", visit.duty()?)))
}

/// A feed to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedBody {
    name: String,
}

/// `POST /api/v1/account/calendar-feeds`: its address is in the answer, and nowhere else ever again.
pub async fn api_make_own(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(body): Body<FeedBody>,
) -> Result<Json<Value>, HttpError> {
    let (secret, id) = web.app.make_calendar_feed(&by(&visit)?, &own(&visit)?, &body.name).await?;
    Ok(Json(json!({"id": id, "address": address(&web, &secret)})))
}

/// `POST /api/v1/account/calendar-feeds/{id}/revoke`
pub async fn api_revoke_own(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Result<Json<Value>, HttpError> {
    web.app.revoke_own_feed(&by(&visit)?, visit.account()?, &id).await?;
    Ok(Json(json!({"revoked": id})))
}

/// `GET /api/v1/duties/{duty}/calendar-feeds`
pub async fn api_of_duty(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let mut reader = web.app.store.read().await?;
    Ok(Json(feeds_json(&feeds(&mut reader, &of_duty(&visit)?).await?)))
}

/// `POST /api/v1/duties/{duty}/calendar-feeds`
pub async fn api_make_of_duty(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(body): Body<FeedBody>,
) -> Result<Json<Value>, HttpError> {
    let (secret, id) = web.app.make_calendar_feed(&by(&visit)?, &of_duty(&visit)?, &body.name).await?;
    Ok(Json(json!({"id": id, "address": address(&web, &secret)})))
}

/// `POST /api/v1/duties/{duty}/calendar-feeds/{id}/revoke`
pub async fn api_revoke_of_duty(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Value>, HttpError> {
    web.app.revoke_duty_feed(&by(&visit)?, visit.duty()?, &id).await?;
    Ok(Json(json!({"revoked": id})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn whoever_has_it_already_is_not_sent_it_again() {
        let (tag, changed_at) = ("W/\"abc\"", "2026-03-02T10:11:12.9Z".parse().unwrap());
        for (given, expected) in [
            (&[][..], false),
            (&[("if-none-match", "W/\"abc\"")], true),
            (&[("if-none-match", "\"abc\"")], true),
            (&[("if-none-match", "\"x\", W/\"abc\"")], true),
            (&[("if-none-match", "\"x\""), ("if-none-match", "\"abc\"")], true),
            (&[("if-none-match", "*")], true),
            (&[("if-none-match", "\"x\"")], false),
            (&[("if-modified-since", "Mon, 02 Mar 2026 10:11:12 GMT")], true),
            (&[("if-modified-since", "Mon, 02 Mar 2026 10:11:11 GMT")], false),
            (&[("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT")], false),
            (&[("if-modified-since", "not a date")], false),
            // A tag that is another one counts more than a time that fits.
            (&[("if-none-match", "\"x\""), ("if-modified-since", "Mon, 02 Mar 2026 10:11:12 GMT")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(is_known(&headers, tag, changed_at), expected, "{given:?}");
        }
    }
}
