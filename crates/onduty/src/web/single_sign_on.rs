//! To the provider and back: both are addresses that a browser follows, and no page of their own.

use super::Web;
use super::auth::{self, Visit};
use super::error::HttpError;
use super::form::own_path;
use crate::app::single_sign_on::CameIn;
use crate::oidc::{Brought, Purpose};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

/// Where providers send browsers back to.
const CALLBACK: &str = "/sign-in/callback";
/// What a browser shows to be the one that began.
const COOKIE: &str = "onduty_sign_in";
const FORGET: &str = "onduty_sign_in=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
/// As long as a sign-in may take, in seconds.
const SECONDS: i64 = crate::oidc::LIFE.as_secs();

/// What for, and where to go then.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    back: Option<String>,
    prove: Option<String>,
}

/// `GET /sign-in/single`
pub async fn begin(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, HttpError> {
    let purpose = match wanted.prove {
        // Whoever has no session has nothing to prove.
        Some(_) => Purpose::Prove { session: visit.session.clone().ok_or(HttpError::SignIn)? },
        None => Purpose::SignIn { back: own_path(wanted.back.as_deref().unwrap_or_default(), "/") },
    };
    let redirect_uri = format!("{}{CALLBACK}", web.own_address());
    let (address, browser) = web.app.begin_single_sign_on(purpose, redirect_uri, &visit.origin).await?;
    let cookie = format!("{COOKIE}={browser}; Path=/; HttpOnly; SameSite=Lax; Max-Age={SECONDS}");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(address.as_str())).into_response())
}

/// What the provider sends along.
#[derive(Debug, Deserialize)]
pub struct Answered {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// `GET /sign-in/callback`
pub async fn end(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(answered): Query<Answered>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let Answered { state, code, iss, error } = answered;
    let own = visit.account.as_ref().zip(visit.session.as_deref());
    let browser = auth::cookie_called(&headers, COOKIE);
    let brought = Brought { state, code, iss, error };
    let CameIn { secret, back, is_new } = web.app.end_single_sign_on(brought, browser, own, &visit.origin).await?;
    if is_new {
        super::door::end_old_session(&web, &visit).await?;
    }
    let cookies = [auth::session_cookie(&secret), FORGET.to_owned()].map(|cookie| (header::SET_COOKIE, cookie));
    Ok((AppendHeaders(cookies), Redirect::to(&back)).into_response())
}
