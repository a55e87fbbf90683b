//! Who asks, and whether they may: every route goes through [`guard`].

use super::arrival::Arrival;
use super::calendar_feeds;
use super::error::HttpError;
use super::form;
use super::held::{Held, HeldForm};
use super::policy::{self, Decision, Person, Role, Scope, Subject, Wish};
use crate::app::{App, Origin, day, operator};
use crate::clock::real_now;
use crate::store::access::{self, Account, AccountId, Secret};
use crate::store::{self, StoreError};
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::item::ItemId;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The name of the session cookie.
pub const COOKIE: &str = "onduty_session";
/// With this header the operator's own token speaks for an engineer: `onduty --as lena`.
pub const SPEAKS_FOR: &str = "onduty-as";

/// Where a route says which duty it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// None.
    Instance,
    /// `{duty}` in its path.
    Path,
    /// `?duty=`, else the first of the roster.
    Query,
    /// The duty of the item `{id}`.
    Item,
    /// The duty of the wall screen `{token}`.
    Wall,
    /// None; the calendar feed `{token}` asks.
    CalendarFeed,
}

/// What the guard of one route knows.
#[derive(Clone)]
pub struct Guard {
    /// The server.
    pub app: App,
    /// What the route does.
    pub wish: Wish,
    /// Which duty it is about.
    pub about: About,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// Forms that wait until somebody proved who they are.
    pub(super) held: Arc<Held>,
}

/// Who asks and about what, for handlers.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Who.
    pub subject: Subject,
    /// Which duty the route is about, where it is about one and there is one.
    pub duty: Option<DutyId>,
    /// What forms of this session carry; empty without a session.
    pub csrf: String,
    /// The session, where there is one.
    pub session: Option<String>,
    /// The account that asks, or for which the operator speaks.
    pub account: Option<AccountId>,
    /// Where from.
    pub origin: Origin,
}

impl Visit {
    /// Who is signed in. Routes that need somebody are guarded; this says so again.
    ///
    /// # Errors
    /// [`HttpError::SignIn`]
    pub fn person(&self) -> Result<&Person, HttpError> {
        match &self.subject {
            Subject::Person(person) => Ok(person),
            _ => Err(HttpError::SignIn),
        }
    }

    /// The duty that the route is about.
    ///
    /// # Errors
    /// [`HttpError::NotFound`]
    pub fn duty(&self) -> Result<&DutyId, HttpError> {
        self.duty.as_ref().ok_or_else(|| HttpError::NotFound("there is no such duty on the roster".to_owned()))
    }

    /// The account that asks.
    ///
    /// # Errors
    /// [`HttpError::SignIn`], and where the operator speaks for somebody who has no account.
    pub fn account(&self) -> Result<&AccountId, HttpError> {
        self.person()?;
        self.account.as_ref().ok_or_else(|| {
            HttpError::Conflict("this engineer has no account yet; make a sign-in link first".to_owned())
        })
    }

    /// The session that asks.
    ///
    /// # Errors
    /// [`HttpError::Refused`] for scripts, which have none.
    pub fn session(&self) -> Result<&str, HttpError> {
        self.session.as_deref().ok_or_else(|| HttpError::Refused("this is for people in a browser".to_owned()))
    }

    /// Whether the policy lets this visitor do `wish` about the duty, if need be after a proof.
    pub fn may(&self, wish: Wish) -> bool {
        matches!(policy::decide(&self.subject, wish, self.duty.as_ref()), Decision::Allowed | Decision::Prove)
    }

    /// Why not, for people.
    pub fn why_not(&self, wish: Wish) -> Option<String> {
        match policy::decide(&self.subject, wish, self.duty.as_ref()) {
            Decision::Refused(why) => Some(why.to_owned()),
            Decision::SignIn => Some("sign in first".to_owned()),
            Decision::NotThere => Some("there is no such thing".to_owned()),
            Decision::Allowed | Decision::Prove => None,
        }
    }
}

/// Asks the policy before a handler runs; the handler finds the [`Visit`] in the request.
pub async fn guard(
    State(guard): State<Guard>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, HttpError> {
    let path = |name: &str| params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
    let mut visit = identify(&guard.app, request.headers(), path("token").as_deref(), guard.about).await?;
    visit.origin = origin(&request);
    visit.duty = about(&guard, &request, &path, &visit);
    // Without a session as well: no other site signs somebody in as whom it likes. Senders of signals sign instead.
    if request.method() != Method::GET && guard.wish != Wish::Deliver {
        refuse_other_sites(request.headers())?;
    }
    match policy::decide(&visit.subject, guard.wish, visit.duty.as_ref()) {
        // Whatever waited is here now, or somebody does something else instead.
        Decision::Allowed if request.method() != Method::GET && policy::cannot_be_undone(guard.wish) => {
            guard.held.forget(&visit);
        }
        Decision::Allowed => {}
        Decision::SignIn => return Err(HttpError::SignIn),
        Decision::NotThere => return Err(HttpError::NotFound(calendar_feeds::NOTHING.to_owned())),
        Decision::Prove if request.uri().path().starts_with("/api/") => return Err(HttpError::Prove),
        Decision::Prove => return hold(&guard, &visit, request).await,
        Decision::Refused(why) => return Err(HttpError::Refused(why.to_owned())),
    }
    request.extensions_mut().insert(visit);
    Ok(next.run(request).await.into_response())
}

/// Keeps a form until its person has proved who they are, and sends them to do so.
async fn hold(guard: &Guard, visit: &Visit, request: Request) -> Result<Response, HttpError> {
    let path = request.uri().path().to_owned();
    let mut fields = form::pairs(request).await?;
    form::check_csrf(visit, &fields)?;
    fields.retain(|(name, _)| name != "csrf");
    guard.held.put(visit, HeldForm { path, fields, wish: guard.wish, summary: guard.summary });
    Ok(Redirect::to("/prove").into_response())
}

/// Where a request comes from.
fn origin(request: &Request) -> Origin {
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let arrival = request.extensions().get::<Arrival>();
    Origin {
        agent: agent.map(|agent| agent.chars().take(300).collect()),
        address: arrival.map(|arrival| arrival.client.to_string()),
    }
}

fn about(guard: &Guard, request: &Request, path: &dyn Fn(&str) -> Option<String>, visit: &Visit) -> Option<DutyId> {
    let instance = guard.app.instance();
    let known = |name: &str| instance.roster.duties.iter().map(|duty| &duty.id).find(|id| id.as_str() == name).cloned();
    match guard.about {
        About::Instance | About::CalendarFeed => None,
        About::Path => known(&path("duty")?),
        About::Item => day::duty_of(&ItemId::from_text(&path("id")?), &instance),
        About::Wall => match &visit.subject {
            Subject::Wall { duty } => known(duty.as_str()),
            _ => None,
        },
        About::Query => {
            let query = request.uri().query().unwrap_or_default();
            let named = query.split('&').find_map(|pair| pair.strip_prefix("duty="));
            match named.filter(|name| !name.is_empty()) {
                Some(name) => known(name),
                None => instance.roster.duties.first().map(|duty| duty.id.clone()),
            }
        }
    }
}

/// Who asks: a wall screen or a calendar by its address, a script by its token, a person by their session.
async fn identify(app: &App, headers: &HeaderMap, token: Option<&str>, about: About) -> Result<Visit, StoreError> {
    let mut visit = Visit {
        subject: Subject::Nobody,
        duty: None,
        csrf: String::new(),
        session: None,
        account: None,
        origin: Origin::default(),
    };
    let (bearer, cookie) = (bearer(headers), cookie(headers));
    // Webhooks, assets and strangers have nothing to look up: they do not queue for the store.
    let is_by_address = matches!(about, About::Wall | About::CalendarFeed);
    if !is_by_address && bearer.is_none() && cookie.is_none() {
        return Ok(visit);
    }
    let mut reader = app.store.read().await?;
    if about == About::Wall {
        let secret = Secret::from_text(token.unwrap_or_default());
        if let Some(wall) = access::wall_token_of(&mut reader, &secret).await? {
            visit.subject = Subject::Wall { duty: wall.duty };
        }
        return Ok(visit);
    }
    if about == About::CalendarFeed {
        if let Some(secret) = calendar_feeds::secret_in(token.unwrap_or_default())
            && access::calendar_feed_of(&mut reader, &secret).await?.is_some()
        {
            visit.subject = Subject::CalendarFeed;
        }
        return Ok(visit);
    }
    if let Some(secret) = bearer {
        if let Some((token, account)) = access::api_token_of(&mut reader, &secret, real_now()).await? {
            let scopes: BTreeSet<Scope> = token.scopes.iter().filter_map(|scope| Scope::of(scope)).collect();
            let mut account = account;
            visit.account = Some(account.id.clone());
            // Only the operator's token, which belongs to no engineer, may speak for one.
            let speaks_for = headers.get(SPEAKS_FOR).and_then(|name| name.to_str().ok()).map(EngineerId::from);
            if let Some(engineer) = speaks_for.filter(|_| operator::is_operator(&account)) {
                visit.account = access::by_engineer(&mut reader, &engineer).await?.map(|account| account.id);
                account.engineer = Some(engineer);
            }
            visit.subject = Subject::Person(person(app, &mut reader, account, Some(scopes)).await?);
            drop(reader);
            if token.wants_touch(real_now()) {
                note_use(write_token_use(app, &token.id).await);
            }
        }
        return Ok(visit);
    }
    let Some(secret) = cookie else { return Ok(visit) };
    let Some((session, account)) = access::session_of(&mut reader, &secret, real_now()).await? else {
        return Ok(visit);
    };
    visit.csrf = csrf_of(&secret);
    visit.account = Some(account.id.clone());
    let mut person = person(app, &mut reader, account, None).await?;
    person.proved = app.is_recent(session.proved_at, real_now());
    visit.subject = Subject::Person(person);
    visit.session = Some(session.id.clone());
    drop(reader);
    if session.wants_touch(real_now()) {
        note_use(write_session_use(app, &session.id).await);
    }
    Ok(visit)
}

async fn write_token_use(app: &App, id: &str) -> Result<(), StoreError> {
    let mut tx = app.store.begin().await?;
    access::touch_api_token(&mut tx, id, real_now()).await?;
    tx.commit().await
}

async fn write_session_use(app: &App, id: &str) -> Result<(), StoreError> {
    let mut tx = app.store.begin().await?;
    access::touch(&mut tx, id, real_now()).await?;
    tx.commit().await
}

/// A store that cannot be written still answers whoever looks: that something was used is not worth a refusal.
fn note_use(written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::warn!(error = &error as &dyn std::error::Error, "the use of a session or token was not written down");
    }
}

/// The account as the policy sees it: its grants, the roster's members, and whose shift runs now.
async fn person(
    app: &App,
    reader: &mut store::Reader,
    account: Account,
    scopes: Option<BTreeSet<Scope>>,
) -> Result<Person, StoreError> {
    let instance = app.instance();
    let now = app.clock.duty_now();
    let engineer = account.engineer.filter(|engineer| instance.roster.engineers.contains_key(engineer));
    let mut person = Person {
        account: account.name,
        engineer: engineer.clone(),
        admin: account.admin,
        roles: Default::default(),
        serving: BTreeSet::new(),
        scopes,
        proved: true,
    };
    for duty in &instance.roster.duties {
        let member = engineer.as_ref().is_some_and(|engineer| duty.members.contains(engineer));
        let granted = account.roles.get(&duty.id).and_then(|role| Role::of(role));
        if let Some(role) = granted.max(member.then_some(Role::Engineer)) {
            person.roles.insert(duty.id.clone(), role);
        }
        if let Some(engineer) = &engineer {
            let memory = day::load_board(reader, &duty.id).await?;
            if day::serves_now(&instance, &memory, &duty.id, engineer, now) {
                person.serving.insert(duty.id.clone());
            }
        }
    }
    Ok(person)
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::from_text(token.trim()))
}

fn cookie(headers: &HeaderMap) -> Option<Secret> {
    cookie_called(headers, COOKIE).map(Secret::from_text)
}

/// The first cookie called `name`.
pub(super) fn cookie_called<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The token of a session's forms: whoever can read a page of the session has it, nobody else.
pub fn csrf_of(session: &Secret) -> String {
    let digest = Sha256::new().chain_update("onduty form ").chain_update(session.expose()).finalize();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a form carries its session's token.
pub fn same_csrf(expected: &str, given: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

/// Browsers say where a request comes from; one from another site is refused whatever cookie it carries.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), HttpError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let from_elsewhere = text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let other_origin = match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, rest)| rest != host),
        _ => false,
    };
    if from_elsewhere || other_origin {
        return Err(HttpError::Refused("this request came from another site".to_owned()));
    }
    Ok(())
}

/// The session cookie's header. On loopback without TLS it cannot be `Secure`.
pub fn session_cookie(secret: &Secret) -> String {
    let seconds = access::ABSOLUTE.as_secs();
    format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}", secret.expose())
}

/// The header that forgets the session.
pub const FORGET_COOKIE: &str = "onduty_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
