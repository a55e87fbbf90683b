//! The door: signing in, links that sign in once, and proving again who one is.

use super::Web;
use super::auth::{self, Visit};
use super::error::HttpError;
use super::form::{Plain, Posted, own_path};
use super::pages::bare;
use super::views::door::{self, PasswordField, ProveView, SignInView, WaitingView, WelcomeView};
use crate::app::sign_in::PasswordWish;
use crate::clock::real_now;
use crate::store::access::{self, Secret};
use crate::texts;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use onduty_core::ids::EngineerId;
use secrecy::SecretString;
use serde::Deserialize;

/// `GET /welcome/{token}`: looking at a link does not use it up.
pub async fn welcome(State(web): State<Web>, Path(token): Path<String>) -> Result<Markup, HttpError> {
    let instance = web.app.instance();
    let makes_admin = web.app.is_first_run(&token);
    let (engineers, name) = if makes_admin {
        let mut all: Vec<EngineerId> = instance.roster.engineers.keys().cloned().collect();
        all.sort_by_key(|id| instance.roster.name_of(id).to_lowercase());
        (all, None)
    } else {
        let mut reader = web.app.store.read().await?;
        let account = access::peek_link(&mut reader, &Secret::from_text(&token), real_now()).await?;
        let account = account.ok_or(crate::app::SignInError::NoLink)?;
        let name = account.engineer.is_none().then_some(account.name);
        (account.engineer.into_iter().collect(), name)
    };
    let roster = instance.config.roster.file_name().map(|name| name.to_string_lossy().into_owned());
    let view = WelcomeView {
        action: format!("/welcome/{token}"),
        makes_admin,
        engineers,
        roster_file: roster.unwrap_or_default(),
        name,
        password: match web.app.password_wish() {
            PasswordWish::None => PasswordField::None,
            PasswordWish::Optional => PasswordField::Optional,
            PasswordWish::Required => PasswordField::Required,
        },
    };
    Ok(bare(&web, "Welcome", |reader| door::welcome(&view, reader)))
}

/// Who comes in.
#[derive(Deserialize)]
pub struct WelcomeForm {
    engineer: Option<String>,
    password: Option<SecretString>,
    again: Option<SecretString>,
}

/// `POST /welcome/{token}`
pub async fn come_in(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    Plain(form): Plain<WelcomeForm>,
) -> Result<Response, HttpError> {
    let password = same_twice(form.password, form.again)?;
    let secret = web.app.come_in(&token, form.engineer.as_deref(), password, &visit.origin).await?;
    Ok(signed_in(&secret, "/"))
}

/// A new password, if it was typed the same way twice.
pub(super) fn same_twice(
    password: Option<SecretString>,
    again: Option<SecretString>,
) -> Result<Option<SecretString>, HttpError> {
    use secrecy::ExposeSecret;
    let text =
        |secret: &Option<SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned()).unwrap_or_default();
    if text(&password) != text(&again) {
        return Err(HttpError::BadInput("the two passwords are not the same; type the new one twice".to_owned()));
    }
    Ok(password)
}

fn signed_in(secret: &Secret, back: &str) -> Response {
    ([(header::SET_COOKIE, auth::session_cookie(secret))], Redirect::to(back)).into_response()
}

/// Where to go after signing in.
#[derive(Debug, Deserialize)]
pub struct Back {
    back: Option<String>,
}

/// `GET /sign-in`
pub async fn sign_in_page(State(web): State<Web>, Query(query): Query<Back>) -> Markup {
    let back = own_path(query.back.as_deref().unwrap_or_default(), "/");
    draw_sign_in(&web, back, false)
}

/// The page of signing in; `asked` says that it stands in place of another page.
pub(super) fn draw_sign_in(web: &Web, back: String, asked: bool) -> Markup {
    let view = SignInView { back, single_sign_on: web.app.single_sign_on_name(), asked };
    bare(web, "Sign in", |_| door::sign_in(&view))
}

/// A name and a password.
#[derive(Deserialize)]
pub struct SignInForm {
    login: String,
    password: SecretString,
    back: Option<String>,
}

/// `POST /sign-in`
pub async fn sign_in(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Plain(form): Plain<SignInForm>,
) -> Result<Response, HttpError> {
    let (secret, _) = web.app.sign_in(&form.login, form.password, &visit.origin).await?;
    end_old_session(&web, &visit).await?;
    Ok(signed_in(&secret, &own_path(form.back.as_deref().unwrap_or_default(), "/")))
}

/// A browser has one session: whoever signs in in the place of another is alone there.
pub(super) async fn end_old_session(web: &Web, visit: &Visit) -> Result<(), HttpError> {
    if let (Some(account), Some(session)) = (&visit.account, &visit.session) {
        web.app.sign_out(account, session).await?;
    }
    Ok(())
}

/// `POST /sign-out`
pub async fn sign_out(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(super::acts::NoFields {}): Posted<super::acts::NoFields>,
) -> Result<Response, HttpError> {
    end_old_session(&web, &visit).await?;
    Ok(([(header::SET_COOKIE, auth::FORGET_COOKIE)], Redirect::to("/sign-in")).into_response())
}

/// `GET /prove`
pub async fn prove_page(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let account = visit.account()?;
    let proved = visit.person()?.proved;
    let mut reader = web.app.store.read().await?;
    let login = access::login_of(&mut reader, account).await?.filter(|login| login.password.is_some());
    let linked = !access::identities_of(&mut reader, account).await?.is_empty();
    drop(reader);
    let waiting = web.held.get(&visit).map(|held| WaitingView {
        label: held.label(),
        summary: held.summary.to_owned(),
        back: held.back(),
        action: held.path,
        fields: held.fields,
    });
    let minutes = web.app.instance().config.access.prove_again.as_secs() / 60;
    let view = ProveView {
        login: login.map(|login| login.name),
        single_sign_on: web.app.single_sign_on_name().filter(|_| linked),
        counts_for: texts::count(usize::try_from(minutes).unwrap_or(usize::MAX), "minute"),
        waiting,
        proved,
    };
    Ok(bare(&web, "Is it still you?", |reader| {
        door::prove(&view, &super::views::Reader { csrf: &visit.csrf, ..*reader })
    }))
}

/// A password alone.
#[derive(Deserialize)]
pub struct ProveForm {
    password: SecretString,
}

/// `POST /prove`
pub async fn prove(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<ProveForm>,
) -> Result<Response, HttpError> {
    let session = visit.session()?;
    let secret = web.app.prove_by_password(visit.account()?, session, form.password, &visit.origin).await?;
    Ok(signed_in(&secret, "/prove"))
}
