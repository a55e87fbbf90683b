//! What has to leave, written in the transaction of its cause and sent later by a background pass.
//!
//! An effect is sent at least once: [`claim`] hides it for a while instead of removing it, so that a crash between
//! sending and marking sends it again, with the same key.

use super::db::{from_json, micros, on_db, text, timestamp, to_json};
use super::{Reader, StoreError, Tx, new_id};
use jiff::Timestamp;
use onduty_core::ids::DutyId;
use serde_json::Value;

/// An effect before it is in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEffect {
    /// Whose day it belongs to.
    pub duty: DutyId,
    /// The sender's word for what to do with it: `chat`, `write-back`.
    pub kind: String,
    /// The same for the same effect of the same cause; the receiver can drop a second one by it.
    pub key: String,
    /// What to send.
    pub payload: Value,
}

/// How far an effect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectState {
    /// To be sent at `next_attempt_at`.
    Pending,
    /// The receiver has it.
    Sent,
    /// The receiver refused it, or was tried often enough.
    Failed,
    /// Nobody knows whether the receiver has it, and it must not be sent twice.
    Unknown,
}

impl EffectState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            EffectState::Pending => "pending",
            EffectState::Sent => "sent",
            EffectState::Failed => "failed",
            EffectState::Unknown => "unknown",
        }
    }

    fn from_word(word: &str) -> Result<EffectState, StoreError> {
        [EffectState::Pending, EffectState::Sent, EffectState::Failed, EffectState::Unknown]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| StoreError::unreadable("outbox")(format!("state {word}").into()))
    }
}

/// An effect in the outbox. All its times are real.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Its id.
    pub id: String,
    /// What it is.
    pub effect: NewEffect,
    /// How far.
    pub state: EffectState,
    /// How often it was claimed.
    pub attempts: u32,
    /// Not to be sent before.
    pub next_attempt_at: Timestamp,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was caused.
    pub created_at: Timestamp,
}

/// Puts an effect into the outbox; returns whether it is new. A second one with the same key changes nothing.
///
/// # Errors
/// When the store cannot be written.
pub async fn enqueue(tx: &mut Tx, effect: &NewEffect, real_now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "insert into outbox (id, duty, kind, key, payload, state, attempts, next_attempt_at, created_at)
        values ($1, $2, $3, $4, $5, 'pending', 0, $6, $6) on conflict (key) do nothing";
    let done = on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(new_id(real_now))
            .bind(effect.duty.as_str())
            .bind(effect.kind.as_str())
            .bind(effect.key.as_str())
            .bind(to_json(&effect.payload))
            .bind(micros(real_now))
            .execute(connection)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// Takes at most `limit` effects that are due, oldest first, and hides them until `hidden_until`: that is when they are
/// sent again if nobody marks them. Commit before sending.
///
/// # Errors
/// When the store cannot be written.
pub async fn claim(
    tx: &mut Tx,
    real_now: Timestamp,
    hidden_until: Timestamp,
    limit: u32,
) -> Result<Vec<Effect>, StoreError> {
    const SQL: &str = "update outbox set attempts = attempts + 1, next_attempt_at = $2
        where id in (select id from outbox where state = 'pending' and next_attempt_at <= $1
            order by next_attempt_at, id limit $3)
        returning id, duty, kind, key, payload, state, attempts, next_attempt_at, last_error, created_at";
    let rows: Vec<Row> = on_db!(tx, connection => {
        sqlx::query_as(SQL)
            .bind(micros(real_now))
            .bind(micros(hidden_until))
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await
    })?;
    let mut claimed: Vec<Effect> = rows.into_iter().map(effect).collect::<Result<_, _>>()?;
    claimed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(claimed)
}

/// The next attempt failed: try again at `next_attempt_at`.
///
/// # Errors
/// When the store cannot be written.
pub async fn retry(tx: &mut Tx, id: &str, error: &str, next_attempt_at: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "update outbox set last_error = $2, next_attempt_at = $3 where id = $1 and state = 'pending'";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(SQL).bind(id).bind(text(error)).bind(micros(next_attempt_at));
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// It ended: sent, failed or unknown. Returns whether it was pending until now.
///
/// # Errors
/// When the store cannot be written.
pub async fn mark(tx: &mut Tx, id: &str, state: EffectState, error: Option<&str>) -> Result<bool, StoreError> {
    const SQL: &str = "update outbox set state = $2, last_error = $3 where id = $1 and state = 'pending'";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(SQL).bind(id).bind(state.as_str()).bind(error.map(text));
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// When the next effect is due, in real time; `None` when nothing waits.
///
/// # Errors
/// When the store cannot be read.
pub async fn next_due(db: &mut Reader) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "select min(next_attempt_at) from outbox where state = 'pending'";
    let (at,): (Option<i64>,) = on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?;
    at.map(|at| timestamp("outbox", at)).transpose()
}

/// How many effects wait, and when the oldest of them came, in real time.
///
/// # Errors
/// When the store cannot be read.
pub async fn waiting(db: &mut Reader) -> Result<(u64, Option<Timestamp>), StoreError> {
    const SQL: &str = "select count(*), min(created_at) from outbox where state = 'pending'";
    let (count, oldest): (i64, Option<i64>) =
        on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?;
    Ok((count.unsigned_abs(), oldest.map(|at| timestamp("outbox", at)).transpose()?))
}

/// How many effects failed, and of how many nobody knows what became of them, ever since the store is there.
///
/// # Errors
/// When the store cannot be read.
pub async fn ended_badly(db: &mut Reader) -> Result<(u64, u64), StoreError> {
    const SQL: &str =
        "select count(case when state = 'failed' then 1 end), count(case when state = 'unknown' then 1 end)
        from outbox where state in ('failed', 'unknown')";
    let (failed, unknown): (i64, i64) = on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?;
    Ok((failed.unsigned_abs(), unknown.unsigned_abs()))
}

/// The effect with this key.
///
/// # Errors
/// When the store cannot be read.
pub async fn by_key(db: &mut Reader, key: &str) -> Result<Option<Effect>, StoreError> {
    const SQL: &str = "select id, duty, kind, key, payload, state, attempts, next_attempt_at, last_error, created_at
        from outbox where key = $1";
    let row: Option<Row> = on_db!(db, connection => sqlx::query_as(SQL).bind(key).fetch_optional(connection).await)?;
    row.map(effect).transpose()
}

type Row = (String, String, String, String, String, String, i64, i64, Option<String>, i64);

fn effect(row: Row) -> Result<Effect, StoreError> {
    let (id, duty, kind, key, payload, state, attempts, next_attempt_at, last_error, created_at) = row;
    Ok(Effect {
        id,
        effect: NewEffect { duty: DutyId::new(duty), kind, key, payload: from_json("outbox", &payload)? },
        state: EffectState::from_word(&state)?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        next_attempt_at: timestamp("outbox", next_attempt_at)?,
        last_error,
        created_at: timestamp("outbox", created_at)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, at, on_both};
    use serde_json::json;

    on_both!(an_effect_is_sent_again_until_it_is_marked, an_effect_without_its_cause_is_not_sent,);

    fn new_effect(key: &str) -> NewEffect {
        NewEffect { duty: "developers".into(), kind: "chat".into(), key: key.into(), payload: json!({"text": "red"}) }
    }

    fn keys(effects: &[Effect]) -> Vec<&str> {
        effects.iter().map(|effect| effect.effect.key.as_str()).collect()
    }

    async fn an_effect_is_sent_again_until_it_is_marked(place: &Place) {
        let store = place.store().await;
        let (start, minute) =
            (at("2026-03-02T16:00:00Z"), |n: i64| at("2026-03-02T16:00:00Z") + jiff::SignedDuration::from_mins(n));
        let mut tx = store.begin().await.unwrap();
        assert_eq!(next_due(&mut tx).await.unwrap(), None);
        assert!(enqueue(&mut tx, &new_effect("a"), start).await.unwrap());
        assert!(enqueue(&mut tx, &new_effect("b"), minute(1)).await.unwrap());
        assert!(!enqueue(&mut tx, &new_effect("a"), minute(1)).await.unwrap());
        assert_eq!(next_due(&mut tx).await.unwrap(), Some(start));

        let claimed = claim(&mut tx, start, minute(5), 10).await.unwrap();
        assert_eq!(keys(&claimed), ["a"]);
        assert_eq!((claimed[0].attempts, &claimed[0].effect), (1, &new_effect("a")));
        assert_eq!(keys(&claim(&mut tx, minute(4), minute(9), 10).await.unwrap()), ["b"]);
        // Nobody marked it: the process died.
        let claimed = claim(&mut tx, minute(5), minute(10), 10).await.unwrap();
        assert_eq!((keys(&claimed), claimed[0].attempts), (vec!["a"], 2));
        assert!(retry(&mut tx, &claimed[0].id, "503", minute(6)).await.unwrap());
        assert_eq!(by_key(&mut tx, "a").await.unwrap().unwrap().last_error.as_deref(), Some("503"));

        let claimed = claim(&mut tx, minute(9), minute(20), 1).await.unwrap();
        assert_eq!(keys(&claimed), ["a"]);
        assert!(mark(&mut tx, &claimed[0].id, EffectState::Sent, None).await.unwrap());
        assert!(!mark(&mut tx, &claimed[0].id, EffectState::Failed, Some("late")).await.unwrap());
        assert!(!retry(&mut tx, &claimed[0].id, "late", minute(9)).await.unwrap());
        let sent = by_key(&mut tx, "a").await.unwrap().unwrap();
        assert_eq!((sent.state, sent.last_error), (EffectState::Sent, None));
        assert_eq!(keys(&claim(&mut tx, minute(60), minute(61), 10).await.unwrap()), ["b"]);
        assert_eq!(ended_badly(&mut tx).await.unwrap(), (0, 0));
        assert!(enqueue(&mut tx, &new_effect("c"), minute(61)).await.unwrap());
        for (key, state) in [("b", EffectState::Failed), ("c", EffectState::Unknown)] {
            let id = by_key(&mut tx, key).await.unwrap().unwrap().id;
            assert!(mark(&mut tx, &id, state, None).await.unwrap());
        }
        assert_eq!(ended_badly(&mut tx).await.unwrap(), (1, 1));
        // A key that was sent stays taken.
        assert!(!enqueue(&mut tx, &new_effect("a"), minute(61)).await.unwrap());
    }

    async fn an_effect_without_its_cause_is_not_sent(place: &Place) {
        let store = place.store().await;
        let mut tx = store.begin().await.unwrap();
        enqueue(&mut tx, &new_effect("a"), at("2026-03-02T16:00:00Z")).await.unwrap();
        drop(tx);
        assert_eq!(by_key(&mut store.begin().await.unwrap(), "a").await.unwrap(), None);
    }

    #[test]
    fn states_have_their_own_words() {
        for state in [EffectState::Pending, EffectState::Sent, EffectState::Failed, EffectState::Unknown] {
            assert_eq!(EffectState::from_word(state.as_str()).unwrap(), state);
        }
        assert!(EffectState::from_word("sending").is_err());
    }
}
