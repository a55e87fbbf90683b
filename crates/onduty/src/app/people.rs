//! Who may do what: accounts, roles, links, sessions, tokens. Each change is one transaction with its entry in the log
//! book of the instance.

use super::sign_in::acts_as;
use super::{App, calendar_feeds, operator};
use crate::clock::real_now;
use crate::store::access::{self, Account, AccountId, FeedOf, NewAccount, Secret};
use crate::store::{Reader, StoreError, Tx};
use jiff::SignedDuration;
use onduty_core::ids::{DutyId, EngineerId, is_plain_id};
use onduty_core::logbook::AccessEvent;

/// How long a sign-in link works.
const LINK_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a token may work, in days.
pub const TOKEN_DAYS: std::ops::RangeInclusive<i64> = 1..=366;
/// How many tokens in force an account may have.
const MOST_TOKENS: usize = 50;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// There is no such account, session or token, or not of this account.
    #[error("there is no such {0}")]
    Nothing(&'static str),
    /// Nobody would be left who could undo it.
    #[error("this is the last administrator; make somebody else one first")]
    LastAdministrator,
    /// Not as things stand.
    #[error("{0}")]
    Refused(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    BadInput(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who changes something.
#[derive(Debug, Clone)]
pub struct By {
    /// The name in the log book.
    pub engineer: EngineerId,
    /// The session, which is not ended by what it changes.
    pub session: Option<String>,
}

/// What an administrator does to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Grants a role for a duty, or takes it away.
    SetRole {
        /// For which duty.
        duty: DutyId,
        /// In the policy's words.
        role: Option<String>,
    },
    /// Makes an administrator, or takes that away.
    SetAdministrator(bool),
    /// Ends every session.
    EndSessions,
    /// Ends one session.
    EndSession(String),
    /// Takes a token back.
    RevokeToken(String),
    /// Takes a calendar feed back.
    RevokeCalendarFeed(String),
    /// Forgets whom other systems know the account as.
    Unlink,
    /// Closes the account.
    Close,
    /// Opens it again.
    Open,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What its owner calls it.
    pub name: String,
    /// In the policy's words.
    pub scopes: Vec<String>,
    /// How long it works.
    pub days: i64,
}

impl App {
    /// Adds an account for somebody who is not on the roster.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn add_account(&self, by: &By, name: &str, login: &str) -> Result<AccountId, PeopleError> {
        let (name, login) = (one_line(name, 80), login.trim().to_lowercase());
        if name.is_empty() || name.eq_ignore_ascii_case(operator::OPERATOR) {
            return Err(PeopleError::BadInput("write the name of the person".to_owned()));
        }
        if !is_plain_id(&login) {
            return Err(PeopleError::BadInput(
                "a name to sign in with is made of lower-case letters, digits, `-`, `_` and `.`".to_owned(),
            ));
        }
        // Names stand in log books: nobody may look like an engineer who they are not.
        let instance = self.instance();
        let taken = instance.roster.engineers.values().any(|known| known.name == name || known.id.as_str() == login);
        let id_taken = instance.roster.engineers.contains_key(&EngineerId::new(name.clone()));
        let mut tx = self.store.begin().await?;
        let known = access::all(&mut tx).await?;
        if taken || id_taken || known.iter().any(|account| account.name == name) {
            return Err(PeopleError::Refused(format!("somebody else is called {name} or signs in as {login}")));
        }
        if access::login_called(&mut tx, &login).await?.is_some() {
            return Err(PeopleError::Refused(format!("somebody else signs in as {login}")));
        }
        let new = NewAccount { name: name.clone(), engineer: None, admin: false };
        let id = access::add(&mut tx, &new, real_now()).await?;
        access::set_login(&mut tx, &id, &login).await?;
        self.audit(&mut tx, Some(&by.engineer), AccessEvent::AccountAdded { whom: name }).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Makes a link that signs an account in once, and lets its person choose a password.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn make_link(&self, by: &By, account: &AccountId) -> Result<Secret, PeopleError> {
        let mut tx = self.store.begin().await?;
        let account = person_called(&mut tx, account).await?;
        let secret = self.add_link(&mut tx, by, &account).await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// The same for an engineer of the roster, whose account is made where there is none.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn make_link_for(&self, by: &By, engineer: &EngineerId) -> Result<Secret, PeopleError> {
        let instance = self.instance();
        let known = instance.roster.engineers.get(engineer);
        let known = known.ok_or_else(|| PeopleError::BadInput(format!("{engineer} is not on the roster")))?;
        let mut tx = self.store.begin().await?;
        let account = self.account_of(&mut tx, engineer, &known.name).await?;
        let secret = self.add_link(&mut tx, by, &account).await?;
        tx.commit().await?;
        Ok(secret)
    }

    async fn add_link(&self, tx: &mut Tx, by: &By, account: &Account) -> Result<Secret, PeopleError> {
        if account.disabled_at.is_some() {
            return Err(PeopleError::Refused("this account is closed; open it again first".to_owned()));
        }
        let expires = real_now().checked_add(LINK_LIFE).unwrap_or(jiff::Timestamp::MAX);
        let secret = access::add_link(tx, &account.id, real_now(), expires).await?;
        self.audit(tx, Some(&by.engineer), AccessEvent::LinkMade { whom: account.name.clone() }).await?;
        Ok(secret)
    }

    /// Does `deed` to an account. Whoever's rights change signs in again; whoever changes their own keeps their session.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn do_to(&self, by: &By, account: &AccountId, deed: Deed) -> Result<(), PeopleError> {
        let mut reader = self.store.read().await?;
        person_called(&mut reader, account).await?;
        drop(reader);
        self.do_to_any(by, account, deed).await
    }

    async fn do_to_any(&self, by: &By, account: &AccountId, deed: Deed) -> Result<(), PeopleError> {
        let mut tx = self.store.begin().await?;
        let account = access::get(&mut tx, account).await?.ok_or(PeopleError::Nothing("account"))?;
        let events = self.deed(&mut tx, by, &account, deed).await?;
        for event in events {
            self.audit(&mut tx, Some(&by.engineer), event).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn deed(&self, tx: &mut Tx, by: &By, account: &Account, deed: Deed) -> Result<Vec<AccessEvent>, PeopleError> {
        let (id, whom) = (&account.id, account.name.clone());
        let spared = by.session.as_deref();
        let mut events = Vec::new();
        let mut rights_change = false;
        match deed {
            Deed::SetRole { duty, role } => {
                if role.is_some() && self.instance().roster.duty(&duty).is_none() {
                    return Err(PeopleError::Nothing("duty"));
                }
                if account.roles.get(&duty) == role.as_ref() {
                    return Ok(events);
                }
                access::set_role(tx, id, &duty, role.as_deref()).await?;
                events.push(AccessEvent::RoleSet { whom: whom.clone(), duty, role });
                rights_change = true;
            }
            Deed::SetAdministrator(admin) if admin != account.admin => {
                access::set_admin(tx, id, admin).await?;
                events.push(AccessEvent::AdministratorSet { whom: whom.clone(), admin });
                rights_change = true;
            }
            Deed::SetAdministrator(_) => {}
            Deed::EndSessions => {
                let sessions = access::end_all_of(tx, id, spared).await?;
                events.push(AccessEvent::SessionsEnded { whom: whom.clone(), sessions });
            }
            Deed::EndSession(session) => {
                let known = access::sessions_of(tx, id, real_now()).await?;
                if !known.iter().any(|known| known.id == session) {
                    return Err(PeopleError::Nothing("session"));
                }
                access::end(tx, &session).await?;
                events.push(AccessEvent::SessionsEnded { whom: whom.clone(), sessions: 1 });
            }
            Deed::RevokeToken(token) => {
                let known = access::api_tokens_of(tx, id).await?;
                let known = known.into_iter().find(|known| known.id == token).ok_or(PeopleError::Nothing("token"))?;
                if access::revoke_api_token(tx, &token, real_now()).await? {
                    events.push(AccessEvent::TokenRevoked { whom: whom.clone(), name: known.name });
                }
            }
            Deed::RevokeCalendarFeed(feed) => {
                if let Some(name) = calendar_feeds::revoke(tx, &FeedOf::Account(id.clone()), &feed).await? {
                    events.push(AccessEvent::CalendarFeedRevoked { whom: whom.clone(), name });
                }
            }
            Deed::Unlink => {
                if access::unlink_identities(tx, id).await? > 0 {
                    events.push(AccessEvent::IdentitiesUnlinked { whom: whom.clone() });
                    // Whoever came in by it is out.
                    rights_change = true;
                }
            }
            Deed::Close if account.disabled_at.is_none() => {
                access::disable(tx, id, real_now()).await?;
                events.push(AccessEvent::AccountClosed { whom: whom.clone() });
            }
            Deed::Open if account.disabled_at.is_some() => {
                access::enable(tx, id).await?;
                events.push(AccessEvent::AccountOpened { whom: whom.clone() });
            }
            Deed::Close | Deed::Open => {}
        }
        if rights_change {
            let sessions = access::end_all_of(tx, id, spared).await?;
            if sessions > 0 {
                events.push(AccessEvent::SessionsEnded { whom, sessions });
            }
        }
        let administrators = access::all(tx).await?;
        if !administrators.iter().any(is_administrator) && is_administrator(account) {
            return Err(PeopleError::LastAdministrator);
        }
        Ok(events)
    }

    /// Ends one of an account's own sessions.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn end_session(&self, by: &By, account: &AccountId, session: &str) -> Result<(), PeopleError> {
        self.do_to_any(by, account, Deed::EndSession(session.to_owned())).await
    }

    /// Takes one of an account's own tokens back.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn revoke_token(&self, by: &By, account: &AccountId, token: &str) -> Result<(), PeopleError> {
        self.do_to_any(by, account, Deed::RevokeToken(token.to_owned())).await
    }

    /// Takes one of an account's own calendar feeds back.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn revoke_own_feed(&self, by: &By, account: &AccountId, feed: &str) -> Result<(), PeopleError> {
        self.do_to_any(by, account, Deed::RevokeCalendarFeed(feed.to_owned())).await
    }

    /// Makes a token of an account; `within` is what it may do at most.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn make_token(
        &self,
        by: &By,
        account: &AccountId,
        token: NewToken,
        within: Option<&[&str]>,
    ) -> Result<(Secret, String), PeopleError> {
        let name = one_line(&token.name, 80);
        let bad = |what: &str| Err(PeopleError::BadInput(what.to_owned()));
        if name.is_empty() {
            return bad("say what the token is for, so that it can be revoked later");
        }
        if token.scopes.is_empty() {
            return bad("say what the token may do: at least one scope");
        }
        if !TOKEN_DAYS.contains(&token.days) {
            return bad("a token works for 1 to 366 days");
        }
        if let Some(scope) = token.scopes.iter().find(|scope| within.is_some_and(|w| !w.contains(&scope.as_str()))) {
            return Err(PeopleError::Refused(format!("this token may not {scope} itself, and cannot hand that on")));
        }
        let mut tx = self.store.begin().await?;
        let account = access::get(&mut tx, account).await?.ok_or(PeopleError::Nothing("account"))?;
        let known = access::api_tokens_of(&mut tx, &account.id).await?;
        if known.iter().filter(|token| token.is_in_force(real_now())).count() >= MOST_TOKENS {
            return Err(PeopleError::Refused(format!("an account has at most {MOST_TOKENS} tokens; revoke some")));
        }
        let expires = real_now().checked_add(SignedDuration::from_hours(24 * token.days));
        let expires = expires.unwrap_or(jiff::Timestamp::MAX);
        let made = access::add_api_token(&mut tx, &account.id, &name, &token.scopes, real_now(), expires).await?;
        let event = AccessEvent::TokenMade { whom: account.name, name, scopes: token.scopes };
        self.audit(&mut tx, Some(&by.engineer), event).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Ends the session that somebody signs out of.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn sign_out(&self, account: &AccountId, session: &str) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        access::end(&mut tx, session).await?;
        if let Some(account) = access::get(&mut tx, account).await? {
            self.audit(&mut tx, Some(&acts_as(&account)), AccessEvent::SignedOut).await?;
        }
        tx.commit().await
    }

    /// Makes a wall screen of a duty.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn make_wall(&self, by: &By, duty: &DutyId, name: &str) -> Result<(Secret, String), PeopleError> {
        let name = one_line(name, 80);
        if name.is_empty() {
            let what = "say where the screen hangs, so that it can be revoked later";
            return Err(PeopleError::BadInput(what.to_owned()));
        }
        let mut tx = self.store.begin().await?;
        let made = access::add_wall_token(&mut tx, duty, &name, real_now()).await?;
        self.audit(&mut tx, Some(&by.engineer), AccessEvent::WallMade { duty: duty.clone(), name }).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Takes a wall screen of a duty back.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn revoke_wall(&self, by: &By, duty: &DutyId, id: &str) -> Result<(), PeopleError> {
        let mut tx = self.store.begin().await?;
        let walls = access::wall_tokens(&mut tx).await?;
        let wall = walls.into_iter().find(|wall| wall.id == id && wall.duty == *duty);
        let wall = wall.ok_or(PeopleError::Nothing("wall screen"))?;
        if access::revoke_wall_token(&mut tx, id, real_now()).await? {
            let event = AccessEvent::WallRevoked { duty: wall.duty, name: wall.name };
            self.audit(&mut tx, Some(&by.engineer), event).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The account of a person; the operator's is nobody's to change.
async fn person_called(db: &mut Reader, id: &AccountId) -> Result<Account, PeopleError> {
    let account = access::get(db, id).await?.filter(|account| !operator::is_operator(account));
    account.ok_or(PeopleError::Nothing("account"))
}

/// Whether this person can administer the instance from a browser.
pub fn is_administrator(account: &Account) -> bool {
    account.admin && account.disabled_at.is_none() && !operator::is_operator(account)
}

pub(super) fn one_line(text: &str, most: usize) -> String {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(most).collect();
    text.trim().to_owned()
}
