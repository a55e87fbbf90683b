//! Accounts and their roles.

use crate::store::db::{micros, on_db, text, timestamp};
use crate::store::{Reader, StoreError, Tx, new_id};
use jiff::Timestamp;
use onduty_core::ids::{DutyId, EngineerId};
use std::collections::BTreeMap;

/// Names an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId(String);

impl AccountId {
    /// An id that came from outside or from the store.
    pub fn from_text(text: &str) -> AccountId {
        AccountId(text.to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An account before it has its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// As people write it.
    pub name: String,
    /// Which engineer of the roster it is, if any; at most one account for each.
    pub engineer: Option<EngineerId>,
    /// Whether it may administer the instance.
    pub admin: bool,
}

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// As people write it.
    pub name: String,
    /// Which engineer of the roster it is, if any.
    pub engineer: Option<EngineerId>,
    /// Whether it may administer the instance.
    pub admin: bool,
    /// What it may do, by duty, in the policy's words.
    pub roles: BTreeMap<DutyId, String>,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it is closed.
    pub disabled_at: Option<Timestamp>,
}

/// Adds an account.
///
/// # Errors
/// [`StoreError::Refused`] when the engineer has one already: look with [`by_engineer`] first.
pub async fn add(tx: &mut Tx, account: &NewAccount, real_now: Timestamp) -> Result<AccountId, StoreError> {
    const SQL: &str = "insert into account (id, name, engineer, admin, created_at) values ($1, $2, $3, $4, $5)";
    let id = new_id(real_now);
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(id.as_str())
            .bind(text(&account.name))
            .bind(account.engineer.as_ref().map(EngineerId::as_str))
            .bind(i64::from(account.admin))
            .bind(micros(real_now))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok(AccountId(id))
}

/// The account called `id`, open or closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn get(db: &mut Reader, id: &AccountId) -> Result<Option<Account>, StoreError> {
    const SQL: &str = "select id, name, engineer, admin, created_at, disabled_at from account where id = $1";
    let row: Option<Row> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(id.as_str()).fetch_optional(connection).await)?;
    with_roles(db, row.into_iter().collect()).await.map(|accounts| accounts.into_iter().next())
}

/// The account of an engineer, open or closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn by_engineer(db: &mut Reader, engineer: &EngineerId) -> Result<Option<Account>, StoreError> {
    const SQL: &str = "select id, name, engineer, admin, created_at, disabled_at from account where engineer = $1";
    let row: Option<Row> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(engineer.as_str()).fetch_optional(connection).await)?;
    with_roles(db, row.into_iter().collect()).await.map(|accounts| accounts.into_iter().next())
}

/// Every account by name, open or closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn all(db: &mut Reader) -> Result<Vec<Account>, StoreError> {
    const SQL: &str = "select id, name, engineer, admin, created_at, disabled_at from account order by name, id";
    let rows: Vec<Row> = on_db!(db, connection => sqlx::query_as(SQL).fetch_all(connection).await)?;
    with_roles(db, rows).await
}

/// Gives an account a role for a duty, or takes it away.
///
/// # Errors
/// When the store cannot be written.
pub async fn set_role(tx: &mut Tx, id: &AccountId, duty: &DutyId, role: Option<&str>) -> Result<(), StoreError> {
    const GIVE: &str = "insert into account_role (account, duty, role) values ($1, $2, $3)
        on conflict (account, duty) do update set role = excluded.role";
    const TAKE: &str = "delete from account_role where account = $1 and duty = $2";
    on_db!(tx, connection => {
        let query = sqlx::query(if role.is_some() { GIVE } else { TAKE }).bind(id.as_str()).bind(duty.as_str());
        let query = match role {
            Some(role) => query.bind(role),
            None => query,
        };
        query.execute(connection).await.map(drop)
    })?;
    Ok(())
}

/// Lets an account administer the instance, or no longer.
///
/// # Errors
/// When the store cannot be written.
pub async fn set_admin(tx: &mut Tx, id: &AccountId, admin: bool) -> Result<(), StoreError> {
    const SQL: &str = "update account set admin = $2 where id = $1";
    on_db!(tx, connection => {
        sqlx::query(SQL).bind(id.as_str()).bind(i64::from(admin)).execute(connection).await.map(drop)
    })?;
    Ok(())
}

/// Closes an account: its sessions, links, tokens and calendar feeds open nothing from now on, and its sessions are over
/// for good.
///
/// # Errors
/// When the store cannot be written.
pub async fn disable(tx: &mut Tx, id: &AccountId, real_now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update account set disabled_at = $2 where id = $1 and disabled_at is null";
    on_db!(tx, connection => {
        sqlx::query(SQL).bind(id.as_str()).bind(micros(real_now)).execute(connection).await.map(drop)
    })?;
    super::end_all_of(tx, id, None).await.map(drop)
}

/// Opens a closed account again. What was signed in before stays over.
///
/// # Errors
/// When the store cannot be written.
pub async fn enable(tx: &mut Tx, id: &AccountId) -> Result<(), StoreError> {
    const SQL: &str = "update account set disabled_at = null where id = $1";
    on_db!(tx, connection => sqlx::query(SQL).bind(id.as_str()).execute(connection).await.map(drop))?;
    Ok(())
}

type Row = (String, String, Option<String>, i64, i64, Option<i64>);

async fn with_roles(db: &mut Reader, rows: Vec<Row>) -> Result<Vec<Account>, StoreError> {
    const SQL: &str = "select duty, role from account_role where account = $1";
    let mut accounts = Vec::new();
    for (id, name, engineer, admin, created_at, disabled_at) in rows {
        let roles: Vec<(String, String)> =
            on_db!(db, connection => sqlx::query_as(SQL).bind(id.as_str()).fetch_all(connection).await)?;
        accounts.push(Account {
            id: AccountId(id),
            name,
            engineer: engineer.map(EngineerId::new),
            admin: admin == 1,
            roles: roles.into_iter().map(|(duty, role)| (DutyId::new(duty), role)).collect(),
            created_at: timestamp("account", created_at)?,
            disabled_at: disabled_at.map(|at| timestamp("account", at)).transpose()?,
        });
    }
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, at, on_both};

    on_both!(accounts_and_what_they_may_do, an_engineer_has_one_account,);

    async fn accounts_and_what_they_may_do(place: &Place) {
        let store = place.store().await;
        let now = at("2026-03-02T16:00:00Z");
        let mut tx = store.begin().await.unwrap();
        let admin = NewAccount { name: "Operator".into(), engineer: None, admin: true };
        let lena = NewAccount { name: "Lena Vogt".into(), engineer: Some("lena".into()), admin: false };
        let (admin, id) = (add(&mut tx, &admin, now).await.unwrap(), add(&mut tx, &lena, now).await.unwrap());
        set_role(&mut tx, &id, &"developers".into(), Some("owner")).await.unwrap();
        set_role(&mut tx, &id, &"developers".into(), Some("engineer")).await.unwrap();
        set_role(&mut tx, &id, &"devops".into(), Some("engineer")).await.unwrap();
        set_role(&mut tx, &id, &"devops".into(), None).await.unwrap();
        set_admin(&mut tx, &admin, false).await.unwrap();

        let lena = get(&mut tx, &id).await.unwrap().unwrap();
        assert_eq!(lena.roles, [("developers".into(), "engineer".to_owned())].into());
        assert_eq!(
            (lena.name.as_str(), lena.admin, lena.created_at, lena.disabled_at),
            ("Lena Vogt", false, now, None)
        );
        assert_eq!(by_engineer(&mut tx, &"lena".into()).await.unwrap().as_ref(), Some(&lena));
        assert_eq!(by_engineer(&mut tx, &"tom".into()).await.unwrap(), None);
        let all = all(&mut tx).await.unwrap();
        assert_eq!(
            all.iter().map(|one| (one.name.as_str(), one.admin)).collect::<Vec<_>>(),
            [("Lena Vogt", false), ("Operator", false)]
        );

        disable(&mut tx, &id, now).await.unwrap();
        assert_eq!(get(&mut tx, &id).await.unwrap().unwrap().disabled_at, Some(now));
        enable(&mut tx, &id).await.unwrap();
        assert_eq!(get(&mut tx, &id).await.unwrap().unwrap().disabled_at, None);
    }

    async fn an_engineer_has_one_account(place: &Place) {
        let store = place.store().await;
        let now = at("2026-03-02T16:00:00Z");
        let lena = NewAccount { name: "Lena".into(), engineer: Some("lena".into()), admin: false };
        let mut tx = store.begin().await.unwrap();
        add(&mut tx, &lena, now).await.unwrap();
        assert!(matches!(add(&mut tx, &lena, now).await, Err(StoreError::Refused(_))));
    }
}
