//! Coming in, and proving again who one is. Every way in ends here, starts a session and is written down.

use super::App;
use super::attempts::Listing;
use super::passwords::{self, PasswordError};
use crate::clock::real_now;
use crate::store::access::{self, Account, AccountId, Beginning, Login, NewAccount, Secret};
use crate::store::{StoreError, Tx};
use jiff::SignedDuration;
use onduty_core::ids::{EngineerId, is_plain_id};
use onduty_core::logbook::AccessEvent;
use secrecy::SecretString;

/// Where somebody comes from, for the list of their sessions.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// What the browser says that it is.
    pub agent: Option<String>,
    /// The address of the other end.
    pub address: Option<String>,
}

impl Origin {
    fn address(&self) -> &str {
        self.address.as_deref().unwrap_or("an unknown address")
    }

    fn began(&self, how: &str) -> Beginning {
        Beginning { how: how.to_owned(), agent: self.agent.clone(), address: self.address.clone() }
    }
}

/// Why somebody is not in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Whichever of the two is wrong: the answer says nothing about who has an account.
    #[error("this name and password do not belong together")]
    Wrong,
    /// Too many tries.
    #[error("too many tries; wait {} and try again", wait_words(*.0))]
    TooMany(SignedDuration),
    /// The link opens nothing.
    #[error("this link was used, has expired, or was never made; ask for a new one")]
    NoLink,
    /// There is nobody like that on the roster.
    #[error("choose who you are")]
    NoEngineer,
    /// A password is needed.
    #[error("choose a password: it signs you in from now on")]
    NoPassword,
    /// About the password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn wait_words(wait: SignedDuration) -> String {
    match wait.as_secs() {
        seconds @ ..=90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", (seconds + 59) / 60),
    }
}

/// The name under which an account acts in log books.
pub fn acts_as(account: &Account) -> EngineerId {
    account.engineer.clone().unwrap_or_else(|| EngineerId::new(account.name.clone()))
}

/// Why a link is asked for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordWish {
    /// There are none in a demo.
    None,
    /// There is another way in.
    Optional,
    /// It is how this person comes in from now on.
    Required,
}

impl App {
    /// Whether whoever comes in by a link chooses a password.
    pub fn password_wish(&self) -> PasswordWish {
        match (self.demo.is_some(), self.has_single_sign_on()) {
            (true, _) => PasswordWish::None,
            (false, true) => PasswordWish::Optional,
            (false, false) => PasswordWish::Required,
        }
    }

    /// Signs in by name and password.
    ///
    /// # Errors
    /// See [`SignInError`]; the same for a wrong password, a name that nobody has and an account that is closed.
    pub async fn sign_in(
        &self,
        typed: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<(Secret, Account), SignInError> {
        let name = typed.trim().to_lowercase();
        self.attempts.begin(&name, origin.address(), real_now()).map_err(SignInError::TooMany)?;
        let mut reader = self.store.read().await?;
        let found = self.login_typed(&mut reader, &name).await?;
        drop(reader);
        let known = found.as_ref().filter(|(_, account)| account.disabled_at.is_none());
        let stored = known.and_then(|(login, _)| login.password.as_deref());
        if !self.passwords.verify(password.clone(), stored).await? {
            let why = match (&found, stored) {
                (None, _) => "nobody has this name",
                (Some((_, account)), _) if account.disabled_at.is_some() => "the account is closed",
                (Some(_), None) => "the account has no password",
                (Some(_), Some(_)) => "wrong password",
            };
            self.write_failure(&name, why, origin).await?;
            return Err(SignInError::Wrong);
        }
        let Some((login, account)) = found else { return Err(SignInError::Wrong) };
        self.attempts.succeeded(&name, origin.address());
        // Hashes of an older onduty become as slow as today's while the password is at hand.
        let newer = match login.password.as_deref().is_some_and(passwords::is_outdated) {
            true => Some(self.passwords.hash(password).await?),
            false => None,
        };
        let mut tx = self.store.begin().await?;
        if let Some(hash) = newer {
            access::set_password(&mut tx, &account.id, &hash, real_now()).await?;
        }
        let secret = self.begin_session(&mut tx, &account, "password", origin).await?;
        tx.commit().await?;
        Ok((secret, account))
    }

    /// Starts a session and writes it down.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin_session(
        &self,
        tx: &mut Tx,
        account: &Account,
        how: &str,
        origin: &Origin,
    ) -> Result<Secret, StoreError> {
        let (secret, _) = access::start(tx, &account.id, origin.began(how), real_now()).await?;
        access::prune(tx, real_now()).await?;
        self.audit(tx, Some(&acts_as(account)), AccessEvent::SignedIn { how: how.to_owned() }).await?;
        Ok(secret)
    }

    /// Proves again who the person of a session is, by the account's password. The session has another secret then.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn prove_by_password(
        &self,
        account: &AccountId,
        session: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Secret, SignInError> {
        self.check_password(account, password, origin).await?;
        let mut tx = self.store.begin().await?;
        let secret = self.prove(&mut tx, account, session, "password").await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// Notes that the person of a session proved who they are.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn prove(
        &self,
        tx: &mut Tx,
        account: &AccountId,
        session: &str,
        how: &str,
    ) -> Result<Secret, StoreError> {
        let by = access::get(tx, account).await?.map(|account| acts_as(&account));
        let secret = access::prove(tx, session, real_now()).await?;
        self.audit(tx, by.as_ref(), AccessEvent::Proved { how: how.to_owned() }).await?;
        Ok(secret)
    }

    /// Changes the account's own password; every other session of it ends, and this one has another secret.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn change_password(
        &self,
        account: &AccountId,
        session: &str,
        (old, new): (SecretString, SecretString),
        origin: &Origin,
    ) -> Result<Secret, SignInError> {
        let login = self.check_password(account, old, origin).await?;
        passwords::check(&new, &login.name)?;
        let hash = self.passwords.hash(new).await?;
        let mut tx = self.store.begin().await?;
        let Some(account) = access::get(&mut tx, account).await? else { return Err(SignInError::Wrong) };
        access::set_password(&mut tx, &account.id, &hash, real_now()).await?;
        access::end_all_of(&mut tx, &account.id, Some(session)).await?;
        let secret = access::prove(&mut tx, session, real_now()).await?;
        let set = AccessEvent::PasswordSet { whom: account.name.clone() };
        self.audit(&mut tx, Some(&acts_as(&account)), set).await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// Whether `password` is the account's, counted as a try to sign in.
    async fn check_password(
        &self,
        account: &AccountId,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Login, SignInError> {
        let mut reader = self.store.read().await?;
        let login = access::login_of(&mut reader, account).await?;
        drop(reader);
        let name = login.as_ref().map(|login| login.name.clone()).unwrap_or_default();
        self.attempts.begin(&name, origin.address(), real_now()).map_err(SignInError::TooMany)?;
        let stored = login.as_ref().and_then(|login| login.password.as_deref());
        match login.as_ref() {
            Some(known) if self.passwords.verify(password, stored).await? => {
                self.attempts.succeeded(&name, origin.address());
                Ok(known.clone())
            }
            _ => {
                self.write_failure(&name, "wrong password", origin).await?;
                Err(SignInError::Wrong)
            }
        }
    }

    /// Comes in by the link that makes the administrator, or by one that an administrator made. Looking at a link, and
    /// a password that is not good enough, do not use it up.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn come_in(
        &self,
        token: &str,
        engineer: Option<&str>,
        password: Option<SecretString>,
        origin: &Origin,
    ) -> Result<Secret, SignInError> {
        let first_run = self.is_first_run(token);
        let (account, name) = if first_run {
            let engineer = EngineerId::new(engineer.unwrap_or_default());
            let instance = self.instance();
            let known = instance.roster.engineers.get(&engineer).ok_or(SignInError::NoEngineer)?;
            (None, (engineer.as_str().to_owned(), Some((engineer.clone(), known.name.clone()))))
        } else {
            let mut reader = self.store.read().await?;
            let account = access::peek_link(&mut reader, &Secret::from_text(token), real_now()).await?;
            let account = account.ok_or(SignInError::NoLink)?;
            let login = access::login_of(&mut reader, &account.id).await?.map(|login| login.name);
            let login = login.unwrap_or_else(|| acts_as(&account).to_string());
            (Some(account), (login, None))
        };
        let hash = self.wanted_hash(password, &name.0).await?;
        let mut tx = self.store.begin().await?;
        let account = match (account, name.1) {
            (None, Some((engineer, name))) => {
                if !self.use_first_run(token) {
                    return Err(SignInError::NoLink);
                }
                let account = self.account_of(&mut tx, &engineer, &name).await?;
                access::set_admin(&mut tx, &account.id, true).await?;
                let made = AccessEvent::AdministratorSet { whom: account.name.clone(), admin: true };
                self.audit(&mut tx, None, made).await?;
                account
            }
            _ => {
                let used = access::use_link(&mut tx, &Secret::from_text(token), real_now()).await?;
                used.ok_or(SignInError::NoLink)?
            }
        };
        self.give_login(&mut tx, &account).await?;
        if let Some(hash) = hash {
            access::set_password(&mut tx, &account.id, &hash, real_now()).await?;
            // Whoever knew the old one is out.
            access::end_all_of(&mut tx, &account.id, None).await?;
            let set = AccessEvent::PasswordSet { whom: account.name.clone() };
            self.audit(&mut tx, Some(&acts_as(&account)), set).await?;
        }
        let secret = self.begin_session(&mut tx, &account, "link", origin).await?;
        let committed = tx.commit().await;
        if committed.is_err() && first_run {
            // Nothing was kept: the link is as good as before.
            self.offer_first_run_again(token);
        }
        committed?;
        Ok(secret)
    }

    async fn wanted_hash(&self, password: Option<SecretString>, login: &str) -> Result<Option<String>, SignInError> {
        let given = password.filter(|password| !secrecy::ExposeSecret::expose_secret(password).is_empty());
        match (self.password_wish(), given) {
            (PasswordWish::Required, None) => Err(SignInError::NoPassword),
            (PasswordWish::None, _) | (PasswordWish::Optional, None) => Ok(None),
            (_, Some(password)) => {
                passwords::check(&password, login)?;
                Ok(Some(self.passwords.hash(password).await?))
            }
        }
    }

    /// The engineer's account, made where there is none.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn account_of(&self, tx: &mut Tx, engineer: &EngineerId, name: &str) -> Result<Account, StoreError> {
        if let Some(account) = access::by_engineer(tx, engineer).await? {
            return Ok(account);
        }
        let new = NewAccount { name: name.to_owned(), engineer: Some(engineer.clone()), admin: false };
        let id = access::add(tx, &new, real_now()).await?;
        let NewAccount { name, engineer, admin } = new;
        Ok(Account { id, name, engineer, admin, roles: Default::default(), created_at: real_now(), disabled_at: None })
    }

    /// Gives an account a name to sign in with, where it has none: the engineer's own, or one like it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn give_login(&self, tx: &mut Tx, account: &Account) -> Result<(), StoreError> {
        if access::login_of(tx, &account.id).await?.is_some() {
            return Ok(());
        }
        let wanted = account.engineer.as_ref().map_or("account", EngineerId::as_str).to_lowercase();
        let mut name = wanted.clone();
        for number in 2..1_000 {
            if access::login_called(tx, &name).await?.is_none() {
                break;
            }
            name = format!("{wanted}-{number}");
        }
        access::set_login(tx, &account.id, &name).await
    }

    /// The login that somebody means: its name, or an e-mail address of its engineer on the roster.
    async fn login_typed(
        &self,
        reader: &mut crate::store::Reader,
        name: &str,
    ) -> Result<Option<(Login, Account)>, StoreError> {
        if is_plain_id(name) {
            return access::login_called(reader, name).await;
        }
        let instance = self.instance();
        let mut engineers = instance.roster.engineers.values();
        let Some(engineer) = engineers.find(|known| known.emails.iter().any(|email| email.to_lowercase() == name))
        else {
            return Ok(None);
        };
        let Some(account) = access::by_engineer(reader, &engineer.id).await? else { return Ok(None) };
        Ok(access::login_of(reader, &account.id).await?.map(|login| (login, account)))
    }

    /// Writes down that somebody could not come in, up to a number an hour.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn write_failure(&self, login: &str, why: &str, origin: &Origin) -> Result<(), StoreError> {
        let event = match self.attempts.list_failure(real_now()) {
            Listing::Listed => AccessEvent::SignInFailed {
                login: login.chars().take(100).collect(),
                why: format!("{why}, from {}", origin.address()),
            },
            Listing::Last => AccessEvent::FailuresNotListed,
            Listing::Not => return Ok(()),
        };
        let mut tx = self.store.begin().await?;
        self.audit(&mut tx, None, event).await?;
        tx.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::wait_words;
    use jiff::SignedDuration;

    #[test]
    fn waits_are_said_so_that_people_can_wait() {
        for (seconds, words) in [(1, "1 seconds"), (60, "60 seconds"), (91, "2 minutes"), (3_600, "60 minutes")] {
            assert_eq!(wait_words(SignedDuration::from_secs(seconds)), words);
        }
    }
}
