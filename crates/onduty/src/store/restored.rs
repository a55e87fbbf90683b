//! Whether this store came from a backup and nobody has confirmed it yet: until then nothing leaves.

use super::db::{micros, on_db, timestamp};
use super::outbox::EffectState;
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;

/// A store that came from a backup. Times are real.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// When it was restored.
    pub at: Timestamp,
    /// When its backup was made.
    pub made_at: Timestamp,
    /// When somebody said that it is the one that counts.
    pub confirmed_at: Option<Timestamp>,
}

impl Restored {
    /// Whether nothing may leave yet.
    pub fn only_observes(&self) -> bool {
        self.confirmed_at.is_none()
    }
}

/// What happens to effects that the backup has and that were not sent when it was made: since then, whoever made the
/// backup may have sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// They are sent, for an instance that was stopped before it moved.
    Send,
    /// They are not: nobody knows whether they were.
    Drop,
}

/// Remembers in `tx` that everything in this store is from a backup.
pub(super) async fn remember(tx: &mut Tx, made_at: i64, real_now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "insert into restored (id, at, made_at) values (1, $1, $2)
        on conflict (id) do update set at = excluded.at, made_at = excluded.made_at, confirmed_at = null";
    on_db!(tx, connection => {
        sqlx::query(SQL).bind(micros(real_now)).bind(made_at).execute(connection).await.map(drop)
    })?;
    Ok(())
}

/// Where this store came from; `None` for one that grew here.
///
/// # Errors
/// When the store cannot be read.
pub async fn get(db: &mut Reader) -> Result<Option<Restored>, StoreError> {
    const SQL: &str = "select at, made_at, confirmed_at from restored where id = 1";
    let row: Option<(i64, i64, Option<i64>)> =
        on_db!(db, connection => sqlx::query_as(SQL).fetch_optional(connection).await)?;
    let Some((at, made_at, confirmed_at)) = row else { return Ok(None) };
    Ok(Some(Restored {
        at: timestamp("restored", at)?,
        made_at: timestamp("restored", made_at)?,
        confirmed_at: confirmed_at.map(|at| timestamp("restored", at)).transpose()?,
    }))
}

/// How many effects of before the restore are still to be sent.
///
/// # Errors
/// When the store cannot be read.
pub async fn waiting(db: &mut Reader, restored: &Restored) -> Result<u64, StoreError> {
    const SQL: &str = "select count(*) from outbox where state = 'pending' and created_at <= $1";
    let at = micros(restored.at);
    let (count,): (i64,) = on_db!(db, connection => sqlx::query_as(SQL).bind(at).fetch_one(connection).await)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// From the next start on this store is the one that counts, and what has to leave leaves.
///
/// # Errors
/// When the store cannot be written.
pub async fn confirm(
    tx: &mut Tx,
    restored: &Restored,
    waiting: Waiting,
    real_now: Timestamp,
) -> Result<(), StoreError> {
    const CONFIRM: &str = "update restored set confirmed_at = $1 where id = 1";
    const DROP: &str = "update outbox set state = $1, last_error = $2 where state = 'pending' and created_at <= $3";
    const WHY: &str = "it was waiting when the backup was made, and may have been sent since";
    on_db!(tx, connection => sqlx::query(CONFIRM).bind(micros(real_now)).execute(connection).await.map(drop))?;
    if waiting == Waiting::Drop {
        let unknown = EffectState::Unknown.as_str();
        on_db!(tx, connection => {
            sqlx::query(DROP).bind(unknown).bind(WHY).bind(micros(restored.at)).execute(connection).await.map(drop)
        })?;
    }
    Ok(())
}
