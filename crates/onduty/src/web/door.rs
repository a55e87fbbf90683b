//! The door: links that sign in once, and the first one that makes the administrator.

use super::Web;
use super::acts::account_of;
use super::auth;
use super::error::HttpError;
use super::form::Plain;
use super::pages::bare;
use super::views::door::{self, WelcomeView};
use crate::clock::real_now;
use crate::store::access::{self, Secret};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use onduty_core::ids::EngineerId;
use serde::Deserialize;

/// `GET /welcome/{token}`: looking at a link does not use it up.
pub async fn welcome(State(web): State<Web>, Path(token): Path<String>) -> Result<Markup, HttpError> {
    let instance = web.app.instance();
    let makes_admin = web.app.is_first_run(&token);
    let engineers = if makes_admin {
        let mut all: Vec<EngineerId> = instance.roster.engineers.keys().cloned().collect();
        all.sort_by_key(|id| instance.roster.name_of(id).to_lowercase());
        all
    } else {
        let mut reader = web.app.store.read().await?;
        let account = access::peek_link(&mut reader, &Secret::from_text(&token), real_now()).await?;
        let account = account.ok_or_else(used_up)?;
        account.engineer.into_iter().collect()
    };
    let roster = instance.config.roster.file_name().map(|name| name.to_string_lossy().into_owned());
    let view = WelcomeView {
        action: format!("/welcome/{token}"),
        makes_admin,
        engineers,
        roster_file: roster.unwrap_or_default(),
    };
    Ok(bare(&web, "Welcome", |reader| door::welcome(&view, reader)))
}

fn used_up() -> HttpError {
    HttpError::NotFound("this link was used, has expired, or was never made; ask for a new one".to_owned())
}

/// Who comes in.
#[derive(Debug, Deserialize)]
pub struct WelcomeForm {
    engineer: Option<String>,
}

/// `POST /welcome/{token}`
pub async fn come_in(
    State(web): State<Web>,
    Path(token): Path<String>,
    Plain(form): Plain<WelcomeForm>,
) -> Result<Response, HttpError> {
    let instance = web.app.instance();
    let account = if web.app.is_first_run(&token) {
        let engineer = EngineerId::new(form.engineer.unwrap_or_default());
        let known = instance.roster.engineers.get(&engineer);
        let known = known.ok_or_else(|| HttpError::BadInput("choose who you are".to_owned()))?;
        let mut tx = web.app.store.begin().await?;
        if !web.app.use_first_run(&token) {
            return Err(used_up());
        }
        let account = account_of(&mut tx, &engineer, &known.name, true).await?;
        tx.commit().await?;
        account
    } else {
        let mut tx = web.app.store.begin().await?;
        let used = access::use_link(&mut tx, &Secret::from_text(&token), real_now()).await?;
        tx.commit().await?;
        used.ok_or_else(used_up)?.id
    };
    let mut tx = web.app.store.begin().await?;
    let (secret, _) = access::start(&mut tx, &account, real_now()).await?;
    tx.commit().await?;
    Ok(([(header::SET_COOKIE, auth::session_cookie(&secret))], Redirect::to("/")).into_response())
}
