//! Sessions, and the links that start one.

use super::{Account, AccountId, Secret, get};
use crate::store::db::{micros, on_db, timestamp};
use crate::store::{Reader, StoreError, Tx, new_id};
use jiff::{SignedDuration, Timestamp};

/// A session that nobody used for this long is over.
pub const IDLE: SignedDuration = SignedDuration::from_hours(12);

/// A session is over after this long, used or not.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How often a used session is written down as used; not on every page, because writing waits for the disk.
pub const TOUCH_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names the session without opening it.
    pub id: String,
    /// Who.
    pub account: AccountId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last written down as used.
    pub last_seen_at: Timestamp,
    /// When it is over at the latest.
    pub expires_at: Timestamp,
    /// How and from where it began.
    pub began: Beginning,
    /// When its person last proved to be who they are.
    pub proved_at: Timestamp,
}

/// How and from where a session begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// `link`, `password` or `single_sign_on`.
    pub how: String,
    /// What the browser says that it is.
    pub agent: Option<String>,
    /// From where.
    pub address: Option<String>,
}

impl Beginning {
    /// By a link, from somewhere.
    pub fn link() -> Beginning {
        Beginning { how: "link".to_owned(), agent: None, address: None }
    }
}

impl Session {
    /// Whether it is time to write down that it is used.
    pub fn wants_touch(&self, real_now: Timestamp) -> bool {
        real_now.duration_since(self.last_seen_at) >= TOUCH_EVERY
    }
}

/// Signs an account in.
///
/// # Errors
/// When the store cannot be written.
pub async fn start(
    tx: &mut Tx,
    account: &AccountId,
    began: Beginning,
    real_now: Timestamp,
) -> Result<(Secret, Session), StoreError> {
    const SQL: &str = "insert into session
        (token_hash, id, account, created_at, last_seen_at, expires_at, how, agent, address, proved_at)
        values ($1, $2, $3, $4, $4, $5, $6, $7, $8, $4)";
    let secret = Secret::new()?;
    let session = Session {
        id: new_id(real_now),
        account: account.clone(),
        created_at: real_now,
        last_seen_at: real_now,
        expires_at: real_now + ABSOLUTE,
        began,
        proved_at: real_now,
    };
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(secret.hash())
            .bind(session.id.as_str())
            .bind(account.as_str())
            .bind(micros(real_now))
            .bind(micros(session.expires_at))
            .bind(session.began.how.as_str())
            .bind(session.began.agent.as_deref())
            .bind(session.began.address.as_deref())
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok((secret, session))
}

/// Writes down that the person of a session proved to be who they are, and gives the session another secret: whoever
/// had the old one is out.
///
/// # Errors
/// When the store cannot be written.
pub async fn prove(tx: &mut Tx, id: &str, real_now: Timestamp) -> Result<Secret, StoreError> {
    const SQL: &str = "update session set token_hash = $2, proved_at = $3, last_seen_at = $3 where id = $1";
    let secret = Secret::new()?;
    on_db!(tx, connection => {
        sqlx::query(SQL).bind(id).bind(secret.hash()).bind(micros(real_now)).execute(connection).await.map(drop)
    })?;
    Ok(secret)
}

/// Gives a session another secret, without any proof: whoever had the old one is out.
///
/// # Errors
/// When the store cannot be written.
pub async fn rotate(tx: &mut Tx, id: &str) -> Result<Secret, StoreError> {
    const SQL: &str = "update session set token_hash = $2 where id = $1";
    let secret = Secret::new()?;
    on_db!(tx, connection => sqlx::query(SQL).bind(id).bind(secret.hash()).execute(connection).await.map(drop))?;
    Ok(secret)
}

/// The session that `secret` opens, and whose it is; none when it is over or the account is closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn session_of(
    db: &mut Reader,
    secret: &Secret,
    real_now: Timestamp,
) -> Result<Option<(Session, Account)>, StoreError> {
    const SQL: &str =
        "select id, account, created_at, last_seen_at, expires_at, how, agent, address, proved_at from session
        where token_hash = $1 and expires_at > $2 and last_seen_at > $3";
    let row: Option<Row> = on_db!(db, connection => {
        sqlx::query_as(SQL)
            .bind(secret.hash())
            .bind(micros(real_now))
            .bind(micros(real_now - IDLE))
            .fetch_optional(connection)
            .await
    })?;
    let Some(session) = row.map(session).transpose()? else { return Ok(None) };
    let account = get(db, &session.account).await?.filter(|account| account.disabled_at.is_none());
    Ok(account.map(|account| (session, account)))
}

/// Writes down that a session is used.
///
/// # Errors
/// When the store cannot be written.
pub async fn touch(tx: &mut Tx, id: &str, real_now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update session set last_seen_at = $2 where id = $1 and last_seen_at < $2";
    on_db!(tx, connection => sqlx::query(SQL).bind(id).bind(micros(real_now)).execute(connection).await.map(drop))?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// When the store cannot be written.
pub async fn end(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    const SQL: &str = "delete from session where id = $1";
    on_db!(tx, connection => sqlx::query(SQL).bind(id).execute(connection).await.map(drop))?;
    Ok(())
}

/// Ends every session of an account but `spared`; returns how many there were.
///
/// # Errors
/// When the store cannot be written.
pub async fn end_all_of(tx: &mut Tx, account: &AccountId, spared: Option<&str>) -> Result<u64, StoreError> {
    const SQL: &str = "delete from session where account = $1 and id <> $2";
    Ok(on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(account.as_str())
            .bind(spared.unwrap_or_default())
            .execute(connection)
            .await
            .map(|done| done.rows_affected())
    })?)
}

/// The sessions of an account that are not over, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn sessions_of(
    db: &mut Reader,
    account: &AccountId,
    real_now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    const SQL: &str =
        "select id, account, created_at, last_seen_at, expires_at, how, agent, address, proved_at from session
        where account = $1 and expires_at > $2 and last_seen_at > $3 order by id desc";
    let rows: Vec<Row> = on_db!(db, connection => {
        sqlx::query_as(SQL)
            .bind(account.as_str())
            .bind(micros(real_now))
            .bind(micros(real_now - IDLE))
            .fetch_all(connection)
            .await
    })?;
    rows.into_iter().map(session).collect()
}

/// Forgets sessions and links that are over.
///
/// # Errors
/// When the store cannot be written.
pub async fn prune(tx: &mut Tx, real_now: Timestamp) -> Result<(), StoreError> {
    const SESSIONS: &str = "delete from session where expires_at <= $1 or last_seen_at <= $2";
    const LINKS: &str = "delete from sign_in_link where expires_at <= $1";
    let (now, idle) = (micros(real_now), micros(real_now - IDLE));
    on_db!(tx, connection => sqlx::query(SESSIONS).bind(now).bind(idle).execute(connection).await.map(drop))?;
    on_db!(tx, connection => sqlx::query(LINKS).bind(now).execute(connection).await.map(drop))?;
    Ok(())
}

type Row = (String, String, i64, i64, i64, String, Option<String>, Option<String>, i64);

fn session(row: Row) -> Result<Session, StoreError> {
    let (id, account, created_at, last_seen_at, expires_at, how, agent, address, proved_at) = row;
    Ok(Session {
        id,
        account: AccountId::from_text(&account),
        created_at: timestamp("session", created_at)?,
        last_seen_at: timestamp("session", last_seen_at)?,
        expires_at: timestamp("session", expires_at)?,
        began: Beginning { how, agent, address },
        proved_at: timestamp("session", proved_at)?,
    })
}

/// Makes a link's secret that signs `account` in once, until `expires_at`.
///
/// # Errors
/// When the store cannot be written.
pub async fn add_link(
    tx: &mut Tx,
    account: &AccountId,
    real_now: Timestamp,
    expires_at: Timestamp,
) -> Result<Secret, StoreError> {
    const SQL: &str = "insert into sign_in_link (token_hash, account, created_at, expires_at) values ($1, $2, $3, $4)";
    let secret = Secret::new()?;
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(secret.hash())
            .bind(account.as_str())
            .bind(micros(real_now))
            .bind(micros(expires_at))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok(secret)
}

/// Whom a link would sign in, without using it up.
///
/// # Errors
/// When the store cannot be read.
pub async fn peek_link(db: &mut Reader, secret: &Secret, real_now: Timestamp) -> Result<Option<Account>, StoreError> {
    const SQL: &str = "select account from sign_in_link where token_hash = $1 and used_at is null and expires_at > $2";
    let row: Option<(String,)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(secret.hash()).bind(micros(real_now)).fetch_optional(connection).await
    })?;
    let Some((account,)) = row else { return Ok(None) };
    Ok(get(db, &AccountId::from_text(&account)).await?.filter(|account| account.disabled_at.is_none()))
}

/// Uses a link up: whom it signs in, once.
///
/// # Errors
/// When the store cannot be written.
pub async fn use_link(tx: &mut Tx, secret: &Secret, real_now: Timestamp) -> Result<Option<Account>, StoreError> {
    const SQL: &str = "update sign_in_link set used_at = $2
        where token_hash = $1 and used_at is null and expires_at > $2 returning account";
    let row: Option<(String,)> = on_db!(tx, connection => {
        sqlx::query_as(SQL).bind(secret.hash()).bind(micros(real_now)).fetch_optional(connection).await
    })?;
    let Some((account,)) = row else { return Ok(None) };
    Ok(get(tx, &AccountId::from_text(&account)).await?.filter(|account| account.disabled_at.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::access::{NewAccount, add, disable};
    use crate::store::tests::{Place, at, on_both};

    on_both!(
        a_session_ends_idle_or_old,
        sessions_are_listed_and_ended,
        a_link_signs_in_once,
        a_proof_changes_the_secret_and_nothing_else
    );

    const START: &str = "2026-03-02T16:00:00Z";

    async fn lena(store: &Store) -> (Tx, AccountId) {
        let mut tx = store.begin().await.unwrap();
        let account = NewAccount { name: "Lena".into(), engineer: Some("lena".into()), admin: false };
        let id = add(&mut tx, &account, at(START)).await.unwrap();
        (tx, id)
    }

    async fn a_session_ends_idle_or_old(place: &Place) {
        let store = place.store().await;
        let (mut tx, lena) = lena(&store).await;
        let start_at = at(START);
        let (secret, session) = start(&mut tx, &lena, Beginning::link(), start_at).await.unwrap();
        let (found, account) = session_of(&mut tx, &secret, start_at).await.unwrap().unwrap();
        assert_eq!((&found, account.name.as_str()), (&session, "Lena"));
        assert!(session_of(&mut tx, &Secret::from_text("guess"), start_at).await.unwrap().is_none());
        // What is stored does not open anything.
        assert!(session_of(&mut tx, &Secret::from_text(&secret.hash()), start_at).await.unwrap().is_none());

        let nearly = start_at + IDLE - SignedDuration::from_secs(1);
        assert!(session_of(&mut tx, &secret, nearly).await.unwrap().is_some());
        assert!(session_of(&mut tx, &secret, start_at + IDLE).await.unwrap().is_none());
        assert!(!session.wants_touch(start_at + SignedDuration::from_mins(4)));
        assert!(session.wants_touch(nearly));

        let mut now = start_at;
        while now < start_at + ABSOLUTE {
            assert!(session_of(&mut tx, &secret, now).await.unwrap().is_some(), "{now}");
            touch(&mut tx, &session.id, now).await.unwrap();
            now += SignedDuration::from_hours(8);
        }
        assert!(session_of(&mut tx, &secret, start_at + ABSOLUTE).await.unwrap().is_none());
        // Time that goes back does not shorten it.
        touch(&mut tx, &session.id, start_at).await.unwrap();
        assert!(session_of(&mut tx, &secret, now - SignedDuration::from_hours(1)).await.unwrap().is_some());
    }

    async fn sessions_are_listed_and_ended(place: &Place) {
        let store = place.store().await;
        let (mut tx, lena) = lena(&store).await;
        let now = at(START);
        let (first, first_session) = start(&mut tx, &lena, Beginning::link(), now).await.unwrap();
        let (second, second_session) =
            start(&mut tx, &lena, Beginning::link(), now + SignedDuration::from_secs(1)).await.unwrap();
        let listed = sessions_of(&mut tx, &lena, now).await.unwrap();
        assert_eq!(listed, [second_session, first_session.clone()]);
        end(&mut tx, &first_session.id).await.unwrap();
        assert!(session_of(&mut tx, &first, now).await.unwrap().is_none());
        assert!(session_of(&mut tx, &second, now).await.unwrap().is_some());
        disable(&mut tx, &lena, now).await.unwrap();
        assert!(session_of(&mut tx, &second, now).await.unwrap().is_none());
        // Even one that is started afterwards by mistake.
        let (third, _) = start(&mut tx, &lena, Beginning::link(), now).await.unwrap();
        assert!(session_of(&mut tx, &third, now).await.unwrap().is_none());
        prune(&mut tx, now + IDLE).await.unwrap();
        assert_eq!(sessions_of(&mut tx, &lena, now).await.unwrap(), []);
    }

    async fn a_link_signs_in_once(place: &Place) {
        let store = place.store().await;
        let (mut tx, lena) = lena(&store).await;
        let (now, later) = (at(START), at(START) + SignedDuration::from_mins(10));
        let link = add_link(&mut tx, &lena, now, later).await.unwrap();
        let late = add_link(&mut tx, &lena, now, later).await.unwrap();
        let closed = add_link(&mut tx, &lena, now, later).await.unwrap();
        assert_eq!(use_link(&mut tx, &link, now).await.unwrap().map(|account| account.id), Some(lena.clone()));
        assert!(use_link(&mut tx, &link, now).await.unwrap().is_none());
        assert!(use_link(&mut tx, &late, later).await.unwrap().is_none());
        assert!(use_link(&mut tx, &Secret::from_text("guess"), now).await.unwrap().is_none());
        disable(&mut tx, &lena, now).await.unwrap();
        assert!(use_link(&mut tx, &closed, now).await.unwrap().is_none());
    }

    async fn a_proof_changes_the_secret_and_nothing_else(place: &Place) {
        let store = place.store().await;
        let (mut tx, lena) = lena(&store).await;
        let (now, later) = (at(START), at(START) + SignedDuration::from_mins(30));
        let began = Beginning { how: "password".into(), agent: Some("Firefox".into()), address: Some("::1".into()) };
        let (first, session) = start(&mut tx, &lena, began, now).await.unwrap();
        assert_eq!(session.proved_at, now);
        let second = prove(&mut tx, &session.id, later).await.unwrap();
        assert!(session_of(&mut tx, &first, later).await.unwrap().is_none(), "the old secret opens nothing");
        let (found, _) = session_of(&mut tx, &second, later).await.unwrap().unwrap();
        assert_eq!(found, Session { proved_at: later, last_seen_at: later, ..session.clone() });
        let third = rotate(&mut tx, &session.id).await.unwrap();
        assert!(session_of(&mut tx, &second, later).await.unwrap().is_none());
        assert_eq!(session_of(&mut tx, &third, later).await.unwrap().unwrap().0.proved_at, later);

        let (other, _) = start(&mut tx, &lena, Beginning::link(), later).await.unwrap();
        assert_eq!(end_all_of(&mut tx, &lena, Some(&session.id)).await.unwrap(), 1);
        assert!(session_of(&mut tx, &other, later).await.unwrap().is_none());
        assert!(session_of(&mut tx, &third, later).await.unwrap().is_some());
        assert_eq!(end_all_of(&mut tx, &lena, None).await.unwrap(), 1);
    }
}
