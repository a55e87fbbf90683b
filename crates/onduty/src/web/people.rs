//! Pages about accounts: one's own, everybody's, and the access log. For whoever looks after them, and for oneself.

use super::Web;
use super::auth::{self, Visit};
use super::calendar_feeds;
use super::deeds::{Wanted, deed};
use super::door::same_twice;
use super::error::HttpError;
use super::flash::Flash;
use super::form::{Posted, own_path};
use super::pages::{draw, me, scene};
use super::policy::{Role, Scope};
use super::views::Reader;
use super::views::access::{self as access_view, AccessLine, AccessLogView};
use super::views::account::{self as account_view, AccountView, KeysView, SessionView, TokenView};
use super::views::layout::Here;
use super::views::people::{self as people_view, DutyRights, PeopleView, PersonLine, PersonView};
use crate::app::access_log;
use crate::app::operator;
use crate::app::people::{By, NewToken};
use crate::clock::real_now;
use crate::store::access::{self, Account, AccountId, FeedOf};
use crate::store::{self, log_book};
use crate::texts::{self, Telling};
use axum::extract::{Extension, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use onduty_core::ids::EngineerId;
use onduty_core::logbook::Entry;
use onduty_core::roster::Roster;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Entries on a page of the access log.
const ENTRIES: u32 = 100;

/// Who changes something, for the app.
pub(super) fn by(visit: &Visit) -> Result<By, HttpError> {
    Ok(By { engineer: visit.person()?.acts_as(), session: visit.session.clone() })
}

/// Draws a page about real time in the frame of the visit's duty, whose time is duty time.
async fn framed(
    web: &Web,
    visit: &Visit,
    title: &str,
    back: &str,
    body: impl FnOnce(&Reader<'_>) -> Markup,
) -> Result<Markup, HttpError> {
    let scene = scene(web, visit).await?;
    let me = me(visit);
    let reader = scene.reader(visit, me.as_ref(), back);
    let tell = Telling { now: real_now(), ..reader.tell };
    let body = body(&Reader { tell, may_act: true, ..reader });
    Ok(draw(web, &scene, &reader, title, Here::Elsewhere, body))
}

/// What an account may do, in words.
fn rights(account: &Account, roster: &Roster) -> Vec<String> {
    if account.admin {
        return vec!["administrator: may do everything".to_owned()];
    }
    let mut rights: Vec<String> = Vec::new();
    for duty in &roster.duties {
        let member = account.engineer.as_ref().is_some_and(|engineer| duty.members.contains(engineer));
        let granted = account.roles.get(&duty.id).and_then(|role| Role::of(role));
        if let Some(role) = granted.max(member.then_some(Role::Engineer)) {
            rights.push(format!("{} of {}", texts::role_name(role.word()), duty.name));
        }
    }
    if rights.is_empty() {
        rights.push("looks, and asks".to_owned());
    }
    rights
}

/// What opens an account.
pub(super) async fn keys(
    reader: &mut store::Reader,
    account: &AccountId,
    this_one: Option<&str>,
) -> Result<KeysView, HttpError> {
    let login = access::login_of(reader, account).await?;
    let sessions = access::sessions_of(reader, account, real_now()).await?;
    let tokens = access::api_tokens_of(reader, account).await?;
    let identities = access::identities_of(reader, account).await?;
    Ok(KeysView {
        password_since: login.as_ref().and_then(|login| login.password_set_at),
        login: login.map(|login| login.name),
        identities: identities.into_iter().map(|known| (known.issuer, known.name, known.used_at)).collect(),
        sessions: sessions
            .into_iter()
            .map(|session| SessionView {
                this_one: this_one == Some(session.id.as_str()),
                browser: browser(session.began.agent.as_deref()),
                id: session.id,
                address: session.began.address,
                how: session.began.how,
                since: session.created_at,
                last_seen: session.last_seen_at,
            })
            .collect(),
        tokens: tokens
            .into_iter()
            .filter(|token| token.is_in_force(real_now()))
            .map(|token| TokenView {
                id: token.id,
                name: token.name,
                scopes: token.scopes,
                made: token.created_at,
                expires: token.expires_at,
                last_used: token.last_used_at,
            })
            .collect(),
        feeds: calendar_feeds::feeds(reader, &FeedOf::Account(account.clone())).await?,
    })
}

/// `Firefox on Linux`, as far as a browser says so.
fn browser(agent: Option<&str>) -> String {
    let Some(agent) = agent else { return "unknown".to_owned() };
    let find = |names: &[(&'static str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // The order matters: each says the name of those after it as well.
    let program = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("Windows", "Windows"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(program), None) => program.to_owned(),
        _ => agent.chars().take(60).collect(),
    }
}

/// `GET /account`
pub async fn account(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let mut reader = web.app.store.read().await?;
    let account = access::get(&mut reader, visit.account()?).await?.ok_or(HttpError::SignIn)?;
    let roster = &web.app.instance().roster;
    let (new_token, new_feed) = match web.flashes.take(&visit) {
        Some(Flash::Token(token)) => (Some(token), None),
        Some(Flash::CalendarFeed(address)) => (None, Some(address)),
        Some(Flash::Wall(_) | Flash::Link(..)) | None => (None, None),
    };
    let view = AccountView {
        rights: rights(&account, roster),
        has_turns: account.engineer.as_ref().is_some_and(|engineer| roster.engineers.contains_key(engineer)),
        keys: keys(&mut reader, &account.id, visit.session.as_deref()).await?,
        name: account.name,
        new_token,
        new_feed,
        scopes: Scope::ALL.map(|(scope, meaning)| (scope.word(), meaning)).to_vec(),
    };
    drop(reader);
    framed(&web, &visit, "Your account", "/account", |reader| account_view::page(&view, reader)).await
}

/// Another password.
#[derive(Deserialize)]
pub struct PasswordForm {
    old: SecretString,
    password: SecretString,
    again: SecretString,
}

/// `POST /account/password`
pub async fn change_password(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<PasswordForm>,
) -> Result<Response, HttpError> {
    same_twice(Some(form.password.clone()), Some(form.again))?;
    let passwords = (form.old, form.password);
    let secret = web.app.change_password(visit.account()?, visit.session()?, passwords, &visit.origin).await?;
    Ok(([(header::SET_COOKIE, auth::session_cookie(&secret))], Redirect::to("/account")).into_response())
}

/// `POST /account/sessions/{id}/end`
pub async fn end_own_session(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Posted(_): Posted<super::acts::NoFields>,
) -> Result<Redirect, HttpError> {
    web.app.end_session(&by(&visit)?, visit.account()?, &id).await?;
    Ok(Redirect::to("/account"))
}

/// A token to be made: a box for each scope.
#[derive(Debug, Deserialize)]
pub struct TokenForm {
    name: String,
    days: i64,
    #[serde(flatten)]
    boxes: BTreeMap<String, String>,
}

/// `POST /account/tokens`
pub async fn make_token(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<TokenForm>,
) -> Result<Redirect, HttpError> {
    let ticked = Scope::ALL.iter().map(|(scope, _)| scope.word()).filter(|word| form.boxes.contains_key(*word));
    let token = NewToken { name: form.name, scopes: ticked.map(str::to_owned).collect(), days: form.days };
    let (secret, _) = web.app.make_token(&by(&visit)?, visit.account()?, token, None).await?;
    web.flashes.put(&visit, Flash::Token(secret.expose().to_owned()));
    Ok(Redirect::to("/account"))
}

/// `POST /account/tokens/{id}/revoke`
pub async fn revoke_own_token(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Posted(_): Posted<super::acts::NoFields>,
) -> Result<Redirect, HttpError> {
    web.app.revoke_token(&by(&visit)?, visit.account()?, &id).await?;
    Ok(Redirect::to("/account"))
}

/// `GET /people`
pub async fn people(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let instance = web.app.instance();
    let mut reader = web.app.store.read().await?;
    let mut people = Vec::new();
    let mut accounts = access::all(&mut reader).await?;
    accounts.retain(|account| !operator::is_operator(account));
    for account in &accounts {
        let login = access::login_of(&mut reader, &account.id).await?;
        let linked = !access::identities_of(&mut reader, &account.id).await?.is_empty();
        let sessions = access::sessions_of(&mut reader, &account.id, real_now()).await?;
        people.push(PersonLine {
            id: account.id.as_str().to_owned(),
            name: account.name.clone(),
            rights: rights(account, &instance.roster),
            last_seen: sessions.iter().map(|session| session.last_seen_at).max(),
            closed: account.disabled_at.is_some(),
            can_sign_in: linked || login.is_some_and(|login| login.password.is_some()),
        });
    }
    drop(reader);
    let has_account = |engineer: &EngineerId| accounts.iter().any(|known| known.engineer.as_ref() == Some(engineer));
    let mut without: Vec<EngineerId> =
        instance.roster.engineers.keys().filter(|engineer| !has_account(engineer)).cloned().collect();
    without.sort_by_key(|id| instance.roster.name_of(id).to_lowercase());
    let roster_file = instance.config.roster.file_name().map(|name| name.to_string_lossy().into_owned());
    let new_link =
        new_link(&web, &visit).map(|(engineer, address)| (instance.roster.name_of(&engineer).to_owned(), address));
    let view = PeopleView { people, without, new_link, roster_file: roster_file.unwrap_or_default() };
    framed(&web, &visit, "People", "/people", |reader| people_view::list(&view, reader)).await
}

fn new_link(web: &Web, visit: &Visit) -> Option<(EngineerId, String)> {
    match web.flashes.take(visit) {
        Some(Flash::Link(engineer, address)) => Some((engineer, address)),
        _ => None,
    }
}

/// Somebody who is on no roster.
#[derive(Debug, Deserialize)]
pub struct NewPersonForm {
    name: String,
    login: String,
}

/// `POST /people`
pub async fn add_person(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<NewPersonForm>,
) -> Result<Redirect, HttpError> {
    let id = web.app.add_account(&by(&visit)?, &form.name, &form.login).await?;
    Ok(Redirect::to(&format!("/people/{}", id.as_str())))
}

/// `GET /people/{id}`
pub async fn person(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Result<Markup, HttpError> {
    let instance = web.app.instance();
    let mut reader = web.app.store.read().await?;
    let account = access::get(&mut reader, &AccountId::from_text(&id)).await?;
    let account = account.filter(|account| !operator::is_operator(account));
    let account = account.ok_or_else(|| HttpError::NotFound("there is no such account".to_owned()))?;
    let duties = instance.roster.duties.iter().map(|duty| DutyRights {
        duty: duty.id.clone(),
        name: duty.name.clone(),
        granted: account.roles.get(&duty.id).cloned(),
        member: account.engineer.as_ref().is_some_and(|engineer| duty.members.contains(engineer)),
    });
    let view = PersonView {
        duties: duties.collect(),
        keys: keys(&mut reader, &account.id, visit.session.as_deref()).await?,
        id,
        name: account.name,
        engineer: account.engineer,
        admin: account.admin,
        closed: account.disabled_at,
        new_link: new_link(&web, &visit).map(|(_, address)| address),
        roles: Role::ALL.map(|role| (role.word(), texts::role_name(role.word()))).to_vec(),
    };
    drop(reader);
    let back = format!("/people/{}", view.id);
    framed(&web, &visit, &view.name, &back, |reader| people_view::person(&view, reader)).await
}

/// Everything that the forms of a person's page carry.
#[derive(Debug, Default, Deserialize)]
pub struct PersonForm {
    back: Option<String>,
    duty: Option<String>,
    role: Option<String>,
    admin: Option<String>,
    session: Option<String>,
    token: Option<String>,
    feed: Option<String>,
}

/// `POST /people/{id}/{verb}`
pub async fn do_to(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((id, verb)): Path<(String, String)>,
    Posted(form): Posted<PersonForm>,
) -> Result<Redirect, HttpError> {
    let account = AccountId::from_text(&id);
    let back = own_path(form.back.as_deref().unwrap_or_default(), &format!("/people/{id}"));
    if verb == "link" {
        let secret = web.app.make_link(&by(&visit)?, &account).await?;
        let address = format!("{}/welcome/{}", web.own_address(), secret.expose());
        web.flashes.put(&visit, Flash::Link(EngineerId::new(id), address));
        return Ok(Redirect::to(&back));
    }
    let admin = form.admin.map(|word| word == "yes");
    let (session, token, feed) = (form.session, form.token, form.feed);
    let deed = deed(&verb, Wanted { duty: form.duty, role: form.role, admin, session, token, feed })?;
    web.app.do_to(&by(&visit)?, &account, deed).await?;
    Ok(Redirect::to(&back))
}

/// What to read of the access log.
#[derive(Debug, Deserialize)]
pub struct AccessQuery {
    q: Option<String>,
    before: Option<i64>,
}

/// `GET /access-log`
pub async fn access_log(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(query): Query<AccessQuery>,
) -> Result<Markup, HttpError> {
    let searched = query.q.as_deref().map(str::trim).unwrap_or_default().to_owned();
    let mut reader = web.app.store.read().await?;
    let entries = access_entries(&mut reader, &searched, query.before, ENTRIES).await?;
    drop(reader);
    let older = entries.last().map(|entry| entry.seq).filter(|seq| searched.is_empty() && *seq > 1);
    let scene = scene(&web, &visit).await?;
    let lines = entries.into_iter().map(|entry| AccessLine {
        seq: entry.seq,
        at: entry.at,
        said: entry.event.as_ref().map(|event| texts::event(event, &scene.telling())),
        author: entry.author,
    });
    let view = AccessLogView { query: searched, entries: lines.collect(), older };
    framed(&web, &visit, "Access log", "/access-log", |reader| access_view::page(&view, reader)).await
}

/// Entries of the access log, newest first: those found, or those before a number.
pub(super) async fn access_entries(
    reader: &mut store::Reader,
    searched: &str,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>, HttpError> {
    let book = access_log::book();
    if !searched.is_empty() {
        return Ok(log_book::search(reader, &book, searched, limit).await?);
    }
    let Some(before) = before.filter(|before| *before > 0) else {
        return Ok(log_book::newest(reader, &book, limit).await?);
    };
    // Numbers have no holes.
    let after = before.saturating_sub(1).saturating_sub(i64::from(limit)).max(0);
    let most = u32::try_from(before - 1 - after).unwrap_or(limit);
    let mut entries = log_book::entries_since(reader, &book, after, most).await?;
    entries.reverse();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_told_apart() {
        for (agent, expected) in [
            (None, "unknown"),
            (Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox on Linux"),
            (
                Some(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                ),
                "Edge on Windows",
            ),
            (
                Some("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604"),
                "Safari on iPhone",
            ),
            (Some("curl/8.5"), "curl/8.5"),
        ] {
            assert_eq!(browser(agent), expected);
        }
    }
}
