//! Tokens for scripts and for wall screens.

use super::{Account, AccountId, Secret, get};
use crate::store::db::{from_json, micros, on_db, text, timestamp, to_json};
use crate::store::{Reader, StoreError, Tx, new_id};
use jiff::{SignedDuration, Timestamp};
use onduty_core::ids::DutyId;

/// A token for scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Names the token without opening anything.
    pub id: String,
    /// On whose behalf.
    pub account: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// What it may do at most, in the policy's words.
    pub scopes: Vec<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Since when it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was last shown, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiToken {
    /// Whether it is time to write down that it is used.
    pub fn wants_touch(&self, real_now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| real_now.duration_since(last) >= USE_KEPT_EVERY)
    }

    /// Whether it opens something.
    pub fn is_in_force(&self, real_now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at > real_now
    }
}

/// How often a used token is written down as used.
pub(super) const USE_KEPT_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Writes down that a token is used.
///
/// # Errors
/// When the store cannot be written.
pub async fn touch_api_token(tx: &mut Tx, id: &str, real_now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update api_token set last_used_at = $2 where id = $1";
    on_db!(tx, connection => sqlx::query(SQL).bind(id).bind(micros(real_now)).execute(connection).await.map(drop))?;
    Ok(())
}

/// Makes a token for scripts.
///
/// # Errors
/// When the store cannot be written.
pub async fn add_api_token(
    tx: &mut Tx,
    account: &AccountId,
    name: &str,
    scopes: &[String],
    real_now: Timestamp,
    expires_at: Timestamp,
) -> Result<(Secret, String), StoreError> {
    const SQL: &str = "insert into api_token (token_hash, id, account, name, scopes, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    let (secret, id) = (Secret::new()?, new_id(real_now));
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(secret.hash())
            .bind(id.as_str())
            .bind(account.as_str())
            .bind(text(name))
            .bind(to_json(&scopes))
            .bind(micros(real_now))
            .bind(micros(expires_at))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok((secret, id))
}

/// The token that `secret` is, and on whose behalf; none when it is over, taken back, or the account is closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn api_token_of(
    db: &mut Reader,
    secret: &Secret,
    real_now: Timestamp,
) -> Result<Option<(ApiToken, Account)>, StoreError> {
    const SQL: &str =
        "select id, account, name, scopes, created_at, expires_at, revoked_at, last_used_at from api_token
        where token_hash = $1 and expires_at > $2 and revoked_at is null";
    let row: Option<ApiRow> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(secret.hash()).bind(micros(real_now)).fetch_optional(connection).await
    })?;
    let Some(token) = row.map(api_token).transpose()? else { return Ok(None) };
    let account = get(db, &token.account).await?.filter(|account| account.disabled_at.is_none());
    Ok(account.map(|account| (token, account)))
}

/// Every token of an account, newest first, over or not.
///
/// # Errors
/// When the store cannot be read.
pub async fn api_tokens_of(db: &mut Reader, account: &AccountId) -> Result<Vec<ApiToken>, StoreError> {
    const SQL: &str =
        "select id, account, name, scopes, created_at, expires_at, revoked_at, last_used_at from api_token
        where account = $1 order by id desc";
    let rows: Vec<ApiRow> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(account.as_str()).fetch_all(connection).await)?;
    rows.into_iter().map(api_token).collect()
}

/// Takes a token back; returns whether it was in force.
///
/// # Errors
/// When the store cannot be written.
pub async fn revoke_api_token(tx: &mut Tx, id: &str, real_now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "update api_token set revoked_at = $2 where id = $1 and revoked_at is null";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(SQL).bind(id).bind(micros(real_now));
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

type ApiRow = (String, String, String, String, i64, i64, Option<i64>, Option<i64>);

fn api_token(row: ApiRow) -> Result<ApiToken, StoreError> {
    let (id, account, name, scopes, created_at, expires_at, revoked_at, last_used_at) = row;
    Ok(ApiToken {
        id,
        account: AccountId::from_text(&account),
        name,
        scopes: from_json("api_token", &scopes)?,
        created_at: timestamp("api_token", created_at)?,
        expires_at: timestamp("api_token", expires_at)?,
        revoked_at: revoked_at.map(|at| timestamp("api_token", at)).transpose()?,
        last_used_at: last_used_at.map(|at| timestamp("api_token", at)).transpose()?,
    })
}

/// A token for a wall screen: shows one duty, does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WallToken {
    /// Names the token without opening anything.
    pub id: String,
    /// What it shows.
    pub duty: DutyId,
    /// Where it hangs.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// Makes a token for a wall screen.
///
/// # Errors
/// When the store cannot be written.
pub async fn add_wall_token(
    tx: &mut Tx,
    duty: &DutyId,
    name: &str,
    real_now: Timestamp,
) -> Result<(Secret, String), StoreError> {
    const SQL: &str = "insert into wall_token (token_hash, id, duty, name, created_at) values ($1, $2, $3, $4, $5)";
    let (secret, id) = (Secret::new()?, new_id(real_now));
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(secret.hash())
            .bind(id.as_str())
            .bind(duty.as_str())
            .bind(text(name))
            .bind(micros(real_now))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok((secret, id))
}

/// The wall screen that `secret` opens; none when it was taken back.
///
/// # Errors
/// When the store cannot be read.
pub async fn wall_token_of(db: &mut Reader, secret: &Secret) -> Result<Option<WallToken>, StoreError> {
    const SQL: &str = "select id, duty, name, created_at, revoked_at from wall_token
        where token_hash = $1 and revoked_at is null";
    let row: Option<WallRow> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(secret.hash()).fetch_optional(connection).await)?;
    row.map(wall_token).transpose()
}

/// Every wall screen, newest first, taken back or not.
///
/// # Errors
/// When the store cannot be read.
pub async fn wall_tokens(db: &mut Reader) -> Result<Vec<WallToken>, StoreError> {
    const SQL: &str = "select id, duty, name, created_at, revoked_at from wall_token order by id desc";
    let rows: Vec<WallRow> = on_db!(db, connection => sqlx::query_as(SQL).fetch_all(connection).await)?;
    rows.into_iter().map(wall_token).collect()
}

/// Takes a wall screen's token back; returns whether it was in force.
///
/// # Errors
/// When the store cannot be written.
pub async fn revoke_wall_token(tx: &mut Tx, id: &str, real_now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "update wall_token set revoked_at = $2 where id = $1 and revoked_at is null";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(SQL).bind(id).bind(micros(real_now));
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

type WallRow = (String, String, String, i64, Option<i64>);

fn wall_token((id, duty, name, created_at, revoked_at): WallRow) -> Result<WallToken, StoreError> {
    Ok(WallToken {
        id,
        duty: DutyId::new(duty),
        name,
        created_at: timestamp("wall_token", created_at)?,
        revoked_at: revoked_at.map(|at| timestamp("wall_token", at)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::access::{NewAccount, add, disable};
    use crate::store::tests::{Place, at, on_both};

    on_both!(a_script_may_until_its_token_is_over, a_wall_screen_shows_until_its_token_is_taken_back,);

    async fn a_script_may_until_its_token_is_over(place: &Place) {
        let store = place.store().await;
        let (now, later) = (at("2026-03-02T16:00:00Z"), at("2026-06-02T16:00:00Z"));
        let mut tx = store.begin().await.unwrap();
        let lena = NewAccount { name: "Lena".into(), engineer: None, admin: false };
        let lena = add(&mut tx, &lena, now).await.unwrap();
        let scopes = vec!["gate:read".to_owned()];
        let (first, first_id) = add_api_token(&mut tx, &lena, "ci", &scopes, now, later).await.unwrap();
        let (second, _) =
            add_api_token(&mut tx, &lena, "cd", &[], now + SignedDuration::from_secs(1), later).await.unwrap();

        let (token, account) = api_token_of(&mut tx, &first, now).await.unwrap().unwrap();
        assert_eq!((token.id.as_str(), &token.scopes, account.name.as_str()), (first_id.as_str(), &scopes, "Lena"));
        assert!(token.wants_touch(now) && token.is_in_force(now) && !token.is_in_force(later));
        touch_api_token(&mut tx, &first_id, now).await.unwrap();
        let (token, _) = api_token_of(&mut tx, &first, now).await.unwrap().unwrap();
        assert!(token.last_used_at == Some(now) && !token.wants_touch(now + SignedDuration::from_secs(59)));
        assert!(token.wants_touch(now + SignedDuration::from_secs(60)));
        assert!(api_token_of(&mut tx, &first, later).await.unwrap().is_none());
        assert!(revoke_api_token(&mut tx, &first_id, now).await.unwrap());
        assert!(!revoke_api_token(&mut tx, &first_id, later).await.unwrap());
        assert!(api_token_of(&mut tx, &first, now).await.unwrap().is_none());
        let listed = api_tokens_of(&mut tx, &lena).await.unwrap();
        assert_eq!(
            listed.iter().map(|token| (token.name.as_str(), token.revoked_at)).collect::<Vec<_>>(),
            [("cd", None), ("ci", Some(now))]
        );
        assert!(api_token_of(&mut tx, &second, now).await.unwrap().is_some());
        disable(&mut tx, &lena, now).await.unwrap();
        assert!(api_token_of(&mut tx, &second, now).await.unwrap().is_none());
    }

    async fn a_wall_screen_shows_until_its_token_is_taken_back(place: &Place) {
        let store = place.store().await;
        let now = at("2026-03-02T16:00:00Z");
        let mut tx = store.begin().await.unwrap();
        let (secret, id) = add_wall_token(&mut tx, &"developers".into(), "kitchen", now).await.unwrap();
        let token = wall_token_of(&mut tx, &secret).await.unwrap().unwrap();
        assert_eq!((token.duty.as_str(), token.name.as_str()), ("developers", "kitchen"));
        assert!(wall_token_of(&mut tx, &Secret::from_text(&id)).await.unwrap().is_none());
        assert!(revoke_wall_token(&mut tx, &id, now).await.unwrap());
        assert!(!revoke_wall_token(&mut tx, &id, now).await.unwrap());
        assert!(wall_token_of(&mut tx, &secret).await.unwrap().is_none());
        assert_eq!(wall_tokens(&mut tx).await.unwrap()[0].revoked_at, Some(now));
    }
}
