//! What people type to sign in, and whom other systems know them as.

use super::{Account, AccountId, get};
use crate::store::db::{micros, on_db, timestamp};
use crate::store::{Reader, StoreError, Tx};
use jiff::Timestamp;

/// What an account is signed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// What is typed, in lower case.
    pub name: String,
    /// Whose it is.
    pub account: AccountId,
    /// The slow hash of the password, if there is one.
    pub password: Option<String>,
    /// Since when it has this password.
    pub password_set_at: Option<Timestamp>,
}

/// Gives an account the name that it signs in with, or another one.
///
/// # Errors
/// [`StoreError::Refused`] when somebody else has it: look with [`login_called`] first.
pub async fn set_login(tx: &mut Tx, account: &AccountId, name: &str) -> Result<(), StoreError> {
    const SQL: &str = "insert into login (name, account) values ($1, $2)
        on conflict (account) do update set name = excluded.name";
    on_db!(tx, connection => sqlx::query(SQL).bind(name).bind(account.as_str()).execute(connection).await.map(drop))?;
    Ok(())
}

/// Sets an account's password hash. The account has to have a login.
///
/// # Errors
/// When the store cannot be written.
pub async fn set_password(tx: &mut Tx, account: &AccountId, hash: &str, real_now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update login set password = $2, password_set_at = $3 where account = $1";
    on_db!(tx, connection => {
        sqlx::query(SQL).bind(account.as_str()).bind(hash).bind(micros(real_now)).execute(connection).await.map(drop)
    })?;
    Ok(())
}

/// The login called `name`, and its account, open or closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn login_called(db: &mut Reader, name: &str) -> Result<Option<(Login, Account)>, StoreError> {
    const SQL: &str = "select name, account, password, password_set_at from login where name = $1";
    let row: Option<Row> = on_db!(db, connection => sqlx::query_as(SQL).bind(name).fetch_optional(connection).await)?;
    let Some(login) = row.map(login).transpose()? else { return Ok(None) };
    let account = get(db, &login.account).await?;
    Ok(account.map(|account| (login, account)))
}

/// What an account is signed in with; `None` for one that never came in.
///
/// # Errors
/// When the store cannot be read.
pub async fn login_of(db: &mut Reader, account: &AccountId) -> Result<Option<Login>, StoreError> {
    const SQL: &str = "select name, account, password, password_set_at from login where account = $1";
    let row: Option<Row> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(account.as_str()).fetch_optional(connection).await)?;
    row.map(login).transpose()
}

type Row = (String, String, Option<String>, Option<i64>);

fn login((name, account, password, set_at): Row) -> Result<Login, StoreError> {
    Ok(Login {
        name,
        account: AccountId::from_text(&account),
        password,
        password_set_at: set_at.map(|at| timestamp("login", at)).transpose()?,
    })
}

/// Whom another system knows an account as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The system.
    pub issuer: String,
    /// Its own name for the person, which it never gives to anybody else.
    pub subject: String,
    /// Whose it is here.
    pub account: AccountId,
    /// What the other system calls them, for people.
    pub name: String,
    /// Since when.
    pub linked_at: Timestamp,
    /// When it last signed in.
    pub used_at: Timestamp,
}

/// Links an account to a subject of another system; the subject has to be new here.
///
/// # Errors
/// [`StoreError::Refused`] when the subject is linked already: look with [`identity_of`] first.
pub async fn link_identity(
    tx: &mut Tx,
    account: &AccountId,
    (issuer, subject): (&str, &str),
    name: &str,
    real_now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "insert into identity (issuer, subject, account, name, linked_at, used_at)
        values ($1, $2, $3, $4, $5, $5)";
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(issuer)
            .bind(subject)
            .bind(account.as_str())
            .bind(name)
            .bind(micros(real_now))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// Writes down that a subject signed in.
///
/// # Errors
/// When the store cannot be written.
pub async fn use_identity(tx: &mut Tx, (issuer, subject): (&str, &str), real_now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update identity set used_at = $3 where issuer = $1 and subject = $2";
    on_db!(tx, connection => {
        sqlx::query(SQL).bind(issuer).bind(subject).bind(micros(real_now)).execute(connection).await.map(drop)
    })?;
    Ok(())
}

/// Forgets whom other systems know an account as; returns how many there were.
///
/// # Errors
/// When the store cannot be written.
pub async fn unlink_identities(tx: &mut Tx, account: &AccountId) -> Result<u64, StoreError> {
    const SQL: &str = "delete from identity where account = $1";
    Ok(on_db!(tx, connection => {
        sqlx::query(SQL).bind(account.as_str()).execute(connection).await.map(|done| done.rows_affected())
    })?)
}

/// The account of a subject of another system, open or closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn identity_of(
    db: &mut Reader,
    (issuer, subject): (&str, &str),
) -> Result<Option<(Identity, Account)>, StoreError> {
    const SQL: &str = "select issuer, subject, account, name, linked_at, used_at from identity
        where issuer = $1 and subject = $2";
    let row: Option<IdentityRow> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(issuer).bind(subject).fetch_optional(connection).await)?;
    let Some(identity) = row.map(identity).transpose()? else { return Ok(None) };
    let account = get(db, &identity.account).await?;
    Ok(account.map(|account| (identity, account)))
}

/// Whom other systems know an account as.
///
/// # Errors
/// When the store cannot be read.
pub async fn identities_of(db: &mut Reader, account: &AccountId) -> Result<Vec<Identity>, StoreError> {
    const SQL: &str = "select issuer, subject, account, name, linked_at, used_at from identity
        where account = $1 order by issuer, subject";
    let rows: Vec<IdentityRow> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(account.as_str()).fetch_all(connection).await)?;
    rows.into_iter().map(identity).collect()
}

type IdentityRow = (String, String, String, String, i64, i64);

fn identity((issuer, subject, account, name, linked_at, used_at): IdentityRow) -> Result<Identity, StoreError> {
    Ok(Identity {
        issuer,
        subject,
        account: AccountId::from_text(&account),
        name,
        linked_at: timestamp("identity", linked_at)?,
        used_at: timestamp("identity", used_at)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::access::{NewAccount, add};
    use crate::store::tests::{Place, at, on_both};

    on_both!(a_login_belongs_to_one_account, a_subject_belongs_to_one_account);

    async fn a_login_belongs_to_one_account(place: &Place) {
        let store = place.store().await;
        let (now, later) = (at("2026-03-02T16:00:00Z"), at("2026-03-02T17:00:00Z"));
        let mut tx = store.begin().await.unwrap();
        let new = |name: &str| NewAccount { name: name.to_owned(), engineer: None, admin: false };
        let (lena, omar) =
            (add(&mut tx, &new("Lena"), now).await.unwrap(), add(&mut tx, &new("Omar"), now).await.unwrap());
        assert_eq!(login_of(&mut tx, &lena).await.unwrap(), None);
        set_login(&mut tx, &lena, "lena").await.unwrap();
        set_password(&mut tx, &lena, "hash one", now).await.unwrap();
        // Another name keeps the password.
        set_login(&mut tx, &lena, "lena.vogt").await.unwrap();
        assert!(login_called(&mut tx, "lena").await.unwrap().is_none());
        let (login, account) = login_called(&mut tx, "lena.vogt").await.unwrap().unwrap();
        assert_eq!(
            (account.id, login.password.as_deref(), login.password_set_at),
            (lena.clone(), Some("hash one"), Some(now))
        );
        set_password(&mut tx, &lena, "hash two", later).await.unwrap();
        let login = login_of(&mut tx, &lena).await.unwrap().unwrap();
        assert_eq!((login.password.as_deref(), login.password_set_at), (Some("hash two"), Some(later)));
        assert_eq!(login_of(&mut tx, &omar).await.unwrap(), None);
        assert!(matches!(set_login(&mut tx, &omar, "lena.vogt").await, Err(StoreError::Refused(_))));
    }

    async fn a_subject_belongs_to_one_account(place: &Place) {
        let store = place.store().await;
        let (now, later) = (at("2026-03-02T16:00:00Z"), at("2026-03-02T17:00:00Z"));
        let mut tx = store.begin().await.unwrap();
        let new = NewAccount { name: "Lena".to_owned(), engineer: None, admin: false };
        let lena = add(&mut tx, &new, now).await.unwrap();
        let there = ("https://id.example", "248289761001");
        link_identity(&mut tx, &lena, there, "Lena V.", now).await.unwrap();
        use_identity(&mut tx, there, later).await.unwrap();
        let (identity, account) = identity_of(&mut tx, there).await.unwrap().unwrap();
        assert_eq!((account.id, identity.linked_at, identity.used_at), (lena.clone(), now, later));
        // The same subject of another issuer is somebody else.
        assert!(identity_of(&mut tx, ("https://other.example", there.1)).await.unwrap().is_none());
        assert!(identity_of(&mut tx, ("https://id.example/", there.1)).await.unwrap().is_none());
        assert_eq!(identities_of(&mut tx, &lena).await.unwrap(), [identity]);
        assert_eq!(unlink_identities(&mut tx, &lena).await.unwrap(), 1);
        assert!(identity_of(&mut tx, there).await.unwrap().is_none());
        link_identity(&mut tx, &lena, there, "Lena V.", now).await.unwrap();
        assert!(matches!(link_identity(&mut tx, &lena, there, "x", now).await, Err(StoreError::Refused(_))));
    }
}
