//! The JSON API of accounts, their keys, wall screens and the access log.

use super::Web;
use super::api::Body;
use super::auth::Visit;
use super::calendar_feeds::feeds_json;
use super::deeds::{Wanted, deed};
use super::error::HttpError;
use super::people::{access_entries, by, keys};
use super::policy::Scope;
use super::views::account::KeysView;
use crate::app::operator;
use crate::app::people::NewToken;
use crate::clock::real_now;
use crate::store::access::{self, Account, AccountId};
use crate::store::{self};
use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use onduty_core::ids::EngineerId;
use serde::Deserialize;
use serde_json::{Value, json};

/// `GET /api/v1/people`
pub async fn people(State(web): State<Web>) -> Result<Json<Value>, HttpError> {
    let mut reader = web.app.store.read().await?;
    let mut people = Vec::new();
    for account in access::all(&mut reader).await?.iter().filter(|account| !operator::is_operator(account)) {
        people.push(person_json(&mut reader, account).await?);
    }
    Ok(Json(people.into()))
}

async fn person_json(reader: &mut store::Reader, account: &Account) -> Result<Value, HttpError> {
    let mut value = keys_json(&keys(reader, &account.id, None).await?);
    value["id"] = json!(account.id.as_str());
    value["name"] = json!(account.name);
    value["engineer"] = json!(account.engineer);
    value["admin"] = json!(account.admin);
    value["roles"] = json!(account.roles);
    value["closed_at"] = json!(account.disabled_at);
    Ok(value)
}

fn keys_json(keys: &KeysView) -> Value {
    let sessions = keys.sessions.iter().map(|session| {
        json!({"id": session.id, "browser": session.browser, "address": session.address, "how": session.how,
               "since": session.since, "last_seen": session.last_seen, "this_one": session.this_one})
    });
    let tokens = keys.tokens.iter().map(|token| {
        json!({"id": token.id, "name": token.name, "scopes": token.scopes, "made": token.made,
               "expires": token.expires, "last_used": token.last_used})
    });
    let identities =
        keys.identities.iter().map(|(issuer, name, used)| json!({"issuer": issuer, "name": name, "last_used": used}));
    json!({
        "login": keys.login,
        "password_since": keys.password_since,
        "sessions": sessions.collect::<Vec<_>>(),
        "tokens": tokens.collect::<Vec<_>>(),
        "calendar_feeds": feeds_json(&keys.feeds),
        "identities": identities.collect::<Vec<_>>(),
    })
}

/// Somebody who is on no roster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPersonBody {
    name: String,
    login: String,
}

/// `POST /api/v1/people`
pub async fn add_person(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(body): Body<NewPersonBody>,
) -> Result<Json<Value>, HttpError> {
    let id = web.app.add_account(&by(&visit)?, &body.name, &body.login).await?;
    Ok(Json(json!({"id": id.as_str()})))
}

/// `POST /api/v1/people/{id}/{verb}`; `{id}` is an account's id, or an engineer of the roster.
pub async fn do_to(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((id, verb)): Path<(String, String)>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, HttpError> {
    let by = by(&visit)?;
    let engineer = EngineerId::new(id.clone());
    let mut reader = web.app.store.read().await?;
    let known = access::by_engineer(&mut reader, &engineer).await?;
    drop(reader);
    let account = known.map_or_else(|| AccountId::from_text(&id), |account| account.id);
    if verb == "link" {
        let secret = match web.app.instance().roster.engineers.contains_key(&engineer) {
            true => web.app.make_link_for(&by, &engineer).await?,
            false => web.app.make_link(&by, &account).await?,
        };
        return Ok(Json(json!({"link": format!("{}/welcome/{}", web.own_address(), secret.expose())})));
    }
    web.app.do_to(&by, &account, deed(&verb, wanted)?).await?;
    let mut reader = web.app.store.read().await?;
    let account = access::get(&mut reader, &account).await?;
    let account = account.ok_or_else(|| HttpError::NotFound("there is no such account".to_owned()))?;
    Ok(Json(person_json(&mut reader, &account).await?))
}

/// What to read of the access log.
#[derive(Debug, Deserialize)]
pub struct AccessQuery {
    q: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

/// `GET /api/v1/access-log`: newest first.
pub async fn access_log(State(web): State<Web>, Query(query): Query<AccessQuery>) -> Result<Json<Value>, HttpError> {
    let mut reader = web.app.store.read().await?;
    let searched = query.q.unwrap_or_default();
    let limit = query.limit.unwrap_or(200).clamp(1, 1_000);
    let entries = access_entries(&mut reader, searched.trim(), query.before, limit).await?;
    Ok(Json(entries.iter().map(|entry| json!(entry)).collect()))
}

/// `GET /api/v1/account`: who asks, their sessions and tokens.
pub async fn account(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let mut reader = web.app.store.read().await?;
    let account = access::get(&mut reader, visit.account()?).await?.ok_or(HttpError::SignIn)?;
    let mut value = keys_json(&keys(&mut reader, &account.id, visit.session.as_deref()).await?);
    value["name"] = json!(account.name);
    value["acts_as"] = json!(visit.person()?.acts_as());
    Ok(Json(value))
}

/// `POST /api/v1/account/sessions/{id}/end`
pub async fn end_session(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Result<Json<Value>, HttpError> {
    web.app.end_session(&by(&visit)?, visit.account()?, &id).await?;
    Ok(Json(json!({"ended": id})))
}

/// A token to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    name: String,
    scopes: Vec<String>,
    days: Option<i64>,
}

/// `POST /api/v1/account/tokens`: the token is in the answer, and nowhere else ever again.
pub async fn make_token(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(body): Body<TokenBody>,
) -> Result<Json<Value>, HttpError> {
    if let Some(unknown) = body.scopes.iter().find(|word| Scope::of(word).is_none()) {
        let known = Scope::ALL.map(|(scope, _)| scope.word()).join(", ");
        return Err(HttpError::BadInput(format!("there is no scope {unknown}; use some of {known}")));
    }
    // A token hands on no more than it has itself.
    let within = visit.person()?.scopes.as_ref();
    let within: Option<Vec<&str>> = within.map(|scopes| scopes.iter().map(|scope| scope.word()).collect());
    let token = NewToken { name: body.name, scopes: body.scopes, days: body.days.unwrap_or(90) };
    let (secret, id) = web.app.make_token(&by(&visit)?, visit.account()?, token, within.as_deref()).await?;
    Ok(Json(json!({"id": id, "token": secret.expose()})))
}

/// `POST /api/v1/account/tokens/{id}/revoke`
pub async fn revoke_token(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Result<Json<Value>, HttpError> {
    web.app.revoke_token(&by(&visit)?, visit.account()?, &id).await?;
    Ok(Json(json!({"revoked": id})))
}

/// `GET /api/v1/duties/{duty}/walls`
pub async fn walls(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let duty = visit.duty()?;
    let mut reader = web.app.store.read().await?;
    let walls = access::wall_tokens(&mut reader).await?;
    let mine = walls.iter().filter(|wall| wall.duty == *duty && wall.revoked_at.is_none());
    Ok(Json(
        mine.map(|wall| {
            json!({"id": wall.id, "name": wall.name, "made": wall.created_at, "last_seen": web.walls.last_seen(&wall.id)})
        })
        .collect(),
    ))
}

/// A wall screen to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WallBody {
    name: String,
}

/// `POST /api/v1/duties/{duty}/walls`: its address is in the answer, and nowhere else ever again.
pub async fn make_wall(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(body): Body<WallBody>,
) -> Result<Json<Value>, HttpError> {
    let (secret, id) = web.app.make_wall(&by(&visit)?, visit.duty()?, &body.name).await?;
    Ok(Json(json!({"id": id, "address": format!("{}/tv/{}", web.own_address(), secret.expose())})))
}

/// `POST /api/v1/duties/{duty}/walls/{id}/revoke`
pub async fn revoke_wall(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Value>, HttpError> {
    web.app.revoke_wall(&by(&visit)?, visit.duty()?, &id).await?;
    web.walls.revoke(&id);
    Ok(Json(json!({"revoked": id, "at": real_now()})))
}
