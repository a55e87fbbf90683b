//! Addresses from which calendars read turns, and what each of them was told last.

use super::{AccountId, Secret, tokens::USE_KEPT_EVERY};
use crate::store::db::{from_json, micros, on_db, text, timestamp, to_json};
use crate::store::{Reader, StoreError, Tx, new_id};
use jiff::Timestamp;
use onduty_core::ids::DutyId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a calendar feed has in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedOf {
    /// The turns of an account's engineer in every duty.
    Account(AccountId),
    /// Every shift of a duty.
    Duty(DutyId),
}

/// A calendar feed, never the secret in its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarFeed {
    /// Names it without opening anything.
    pub id: String,
    /// What it has in it.
    pub of: FeedOf,
    /// Which calendar reads it, as people say it.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was last read, to the minute.
    pub read_at: Option<Timestamp>,
}

impl CalendarFeed {
    /// Whether it is time to write down that it is read.
    pub fn wants_touch(&self, real_now: Timestamp) -> bool {
        self.read_at.is_none_or(|last| real_now.duration_since(last) >= USE_KEPT_EVERY)
    }
}

/// What readers of a feed were told last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// By the name of each event.
    pub events: BTreeMap<String, ToldEvent>,
    /// Since when all of it has been so.
    pub changed_at: Timestamp,
}

/// What was told of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldEvent {
    /// The hash of its text.
    pub hash: String,
    /// Since when it has been so.
    pub since: Timestamp,
}

/// Makes a calendar feed.
///
/// # Errors
/// When the store cannot be written.
pub async fn add_calendar_feed(
    tx: &mut Tx,
    of: &FeedOf,
    name: &str,
    real_now: Timestamp,
) -> Result<(Secret, String), StoreError> {
    const SQL: &str =
        "insert into calendar_feed (token_hash, id, account, duty, name, created_at) values ($1, $2, $3, $4, $5, $6)";
    let (secret, id) = (Secret::new()?, new_id(real_now));
    let (account, duty) = columns(of);
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(secret.hash())
            .bind(id.as_str())
            .bind(account)
            .bind(duty)
            .bind(text(name))
            .bind(micros(real_now))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok((secret, id))
}

/// The feed that `secret` opens; none when it was taken back, or its account is closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn calendar_feed_of(db: &mut Reader, secret: &Secret) -> Result<Option<CalendarFeed>, StoreError> {
    const SQL: &str = "select f.id, f.account, f.duty, f.name, f.created_at, f.revoked_at, f.read_at
        from calendar_feed f left join account a on a.id = f.account
        where f.token_hash = $1 and f.revoked_at is null and a.disabled_at is null";
    let row: Option<Row> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(secret.hash()).fetch_optional(connection).await)?;
    row.map(calendar_feed).transpose()
}

/// Every feed of an account or a duty that was not taken back, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn calendar_feeds(db: &mut Reader, of: &FeedOf) -> Result<Vec<CalendarFeed>, StoreError> {
    const SQL: &str = "select id, account, duty, name, created_at, revoked_at, read_at from calendar_feed
        where (account = $1 or duty = $2) and revoked_at is null order by id desc";
    let (account, duty) = columns(of);
    let rows: Vec<Row> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(account).bind(duty).fetch_all(connection).await)?;
    rows.into_iter().map(calendar_feed).collect()
}

/// Takes a feed back; returns whether it was in force.
///
/// # Errors
/// When the store cannot be written.
pub async fn revoke_calendar_feed(tx: &mut Tx, id: &str, real_now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "update calendar_feed set revoked_at = $2, told = null where id = $1 and revoked_at is null";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(SQL).bind(id).bind(micros(real_now));
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// What readers of a feed were told last; none before the first one.
///
/// # Errors
/// When the store cannot be read.
pub async fn told_by(db: &mut Reader, id: &str) -> Result<Option<Told>, StoreError> {
    const SQL: &str = "select told, changed_at from calendar_feed where id = $1";
    let row: Option<(Option<String>, Option<i64>)> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(id).fetch_optional(connection).await)?;
    let Some((Some(told), Some(changed_at))) = row else { return Ok(None) };
    let (events, changed_at) = (from_json("calendar_feed", &told)?, timestamp("calendar_feed", changed_at)?);
    Ok(Some(Told { events, changed_at }))
}

/// Writes down that a feed is read.
///
/// # Errors
/// When the store cannot be written.
pub async fn touch_calendar_feed(tx: &mut Tx, id: &str, real_now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "update calendar_feed set read_at = $2 where id = $1";
    on_db!(tx, connection => sqlx::query(SQL).bind(id).bind(micros(real_now)).execute(connection).await.map(drop))?;
    Ok(())
}

/// Writes down that a feed is read, and that its readers are told something else than before.
///
/// # Errors
/// When the store cannot be written.
pub async fn tell_calendar_feed(tx: &mut Tx, id: &str, told: &Told, real_now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str =
        "update calendar_feed set told = $2, changed_at = $3, read_at = $4 where id = $1 and revoked_at is null";
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(id)
            .bind(to_json(&told.events))
            .bind(micros(told.changed_at))
            .bind(micros(real_now))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok(())
}

fn columns(of: &FeedOf) -> (Option<&str>, Option<&str>) {
    match of {
        FeedOf::Account(account) => (Some(account.as_str()), None),
        FeedOf::Duty(duty) => (None, Some(duty.as_str())),
    }
}

type Row = (String, Option<String>, Option<String>, String, i64, Option<i64>, Option<i64>);

fn calendar_feed(row: Row) -> Result<CalendarFeed, StoreError> {
    let (id, account, duty, name, created_at, revoked_at, read_at) = row;
    // The table holds exactly one of them.
    let of = match account {
        Some(account) => FeedOf::Account(AccountId::from_text(&account)),
        None => FeedOf::Duty(DutyId::new(duty.unwrap_or_default())),
    };
    Ok(CalendarFeed {
        id,
        of,
        name,
        created_at: timestamp("calendar_feed", created_at)?,
        revoked_at: revoked_at.map(|at| timestamp("calendar_feed", at)).transpose()?,
        read_at: read_at.map(|at| timestamp("calendar_feed", at)).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::access::{NewAccount, add, disable, enable};
    use crate::store::tests::{Place, at, on_both};
    use jiff::SignedDuration;

    on_both!(a_feed_opens_until_it_is_taken_back_or_its_account_is_closed, what_was_told_is_kept,);

    async fn a_feed_opens_until_it_is_taken_back_or_its_account_is_closed(place: &Place) {
        let store = place.store().await;
        let now = at("2026-03-02T16:00:00Z");
        let mut tx = store.begin().await.unwrap();
        let lena = NewAccount { name: "Lena".into(), engineer: Some("lena".into()), admin: false };
        let account = add(&mut tx, &lena, now).await.unwrap();
        let (own, team) = (FeedOf::Account(account.clone()), FeedOf::Duty("developers".into()));
        let (mine, my_id) = add_calendar_feed(&mut tx, &own, "phone", now).await.unwrap();
        let later = now + SignedDuration::from_secs(1);
        let (ours, our_id) = add_calendar_feed(&mut tx, &team, "the team's calendar", later).await.unwrap();
        let (other, _) = add_calendar_feed(&mut tx, &FeedOf::Duty("devops".into()), "other", later).await.unwrap();

        let found = calendar_feed_of(&mut tx, &mine).await.unwrap().unwrap();
        assert_eq!((&found.id, &found.of, found.name.as_str(), found.read_at), (&my_id, &own, "phone", None));
        assert_eq!(calendar_feed_of(&mut tx, &ours).await.unwrap().unwrap().of, team);
        // Neither its id nor its hash opens it.
        for wrong in [my_id.clone(), mine.hash(), String::new()] {
            assert_eq!(calendar_feed_of(&mut tx, &Secret::from_text(&wrong)).await.unwrap(), None);
        }
        for (of, id) in [(&own, &my_id), (&team, &our_id)] {
            let listed = calendar_feeds(&mut tx, of).await.unwrap();
            assert_eq!(listed.iter().map(|feed| &feed.id).collect::<Vec<_>>(), [id]);
        }

        disable(&mut tx, &account, later).await.unwrap();
        assert_eq!(calendar_feed_of(&mut tx, &mine).await.unwrap(), None);
        assert!(calendar_feed_of(&mut tx, &ours).await.unwrap().is_some());
        enable(&mut tx, &account).await.unwrap();
        assert!(calendar_feed_of(&mut tx, &mine).await.unwrap().is_some());

        assert!(revoke_calendar_feed(&mut tx, &my_id, later).await.unwrap());
        assert!(!revoke_calendar_feed(&mut tx, &my_id, later).await.unwrap());
        assert_eq!(calendar_feed_of(&mut tx, &mine).await.unwrap(), None);
        assert_eq!(calendar_feeds(&mut tx, &own).await.unwrap(), []);
        assert!(calendar_feed_of(&mut tx, &other).await.unwrap().is_some());
    }

    async fn what_was_told_is_kept(place: &Place) {
        let store = place.store().await;
        let now = at("2026-03-02T16:00:00Z");
        let mut tx = store.begin().await.unwrap();
        let (secret, id) = add_calendar_feed(&mut tx, &FeedOf::Duty("developers".into()), "room", now).await.unwrap();
        assert_eq!(told_by(&mut tx, &id).await.unwrap(), None);
        let event = ToldEvent { hash: "5eed".into(), since: now };
        let told = Told { events: [("developers-2026-03-02".to_owned(), event)].into(), changed_at: now };
        let later = now + SignedDuration::from_secs(70);
        tell_calendar_feed(&mut tx, &id, &told, later).await.unwrap();
        assert_eq!(told_by(&mut tx, &id).await.unwrap(), Some(told));
        let feed = calendar_feed_of(&mut tx, &secret).await.unwrap().unwrap();
        assert!(feed.read_at == Some(later) && !feed.wants_touch(later + SignedDuration::from_secs(59)));
        assert!(feed.wants_touch(later + SignedDuration::from_secs(60)));
        touch_calendar_feed(&mut tx, &id, now).await.unwrap();
        assert_eq!(calendar_feed_of(&mut tx, &secret).await.unwrap().unwrap().read_at, Some(now));
        // Whose turn it was is nobody's business when nobody reads it any more.
        revoke_calendar_feed(&mut tx, &id, later).await.unwrap();
        assert_eq!(told_by(&mut tx, &id).await.unwrap(), None);
    }
}
