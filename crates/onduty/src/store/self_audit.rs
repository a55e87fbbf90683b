//! Questions that only the self-audit asks: rows that should not be, and whether a commit still works.
//!
//! Each answers a bounded piece, so that a large store is looked at over time and never at once.

use super::db::{from_json, micros, on_db, timestamp};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use onduty_core::ids::{DutyId, StepId};
use onduty_core::item::{Item, ItemId, ItemState};

/// Writes what is there already: whether a commit works is known only from one.
///
/// # Errors
/// When the store cannot be written.
pub async fn touch(tx: &mut Tx) -> Result<(), StoreError> {
    // There and back: SQLite does not write a row that stays as it is.
    const SQL: &str = "update journal_head set seq = -seq - 1 where id = 1";
    for _ in 0..2 {
        on_db!(tx, connection => sqlx::query(SQL).execute(connection).await.map(drop))?;
    }
    Ok(())
}

/// An effect that should have ended by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateEffect {
    /// Whose.
    pub duty: DutyId,
    /// Its stable key.
    pub key: String,
    /// Since when it waits, in real time.
    pub since: Timestamp,
    /// What the last attempt met.
    pub last_error: Option<String>,
}

/// Effects that wait since before `before` (real time), the oldest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn late_effects(db: &mut Reader, before: Timestamp, limit: i64) -> Result<Vec<LateEffect>, StoreError> {
    const SQL: &str = "select duty, key, created_at, last_error from outbox
        where state = 'pending' and created_at < $1 order by created_at, id limit $2";
    let rows: Vec<(String, String, i64, Option<String>)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(micros(before)).bind(limit).fetch_all(connection).await
    })?;
    let effect = |(duty, key, since, last_error)| {
        Ok(LateEffect { duty: DutyId::new(duty), key, since: timestamp("outbox", since)?, last_error })
    };
    rows.into_iter().map(effect).collect()
}

/// The number that the journal should end with, and the one it ends with.
///
/// # Errors
/// When the store cannot be read.
pub async fn journal_ends(db: &mut Reader) -> Result<(i64, i64), StoreError> {
    const SQL: &str = "select (select seq from journal_head where id = 1), coalesce((select max(seq) from journal), 0)";
    Ok(on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?)
}

/// An item as its row finds it, beside what it says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRow {
    /// Its key.
    pub id: ItemId,
    /// Whose, by the row.
    pub duty: DutyId,
    /// Under which step, by the row.
    pub step: StepId,
    /// Whether it needs somebody, by the row.
    pub is_open: bool,
    /// The item, if it can be read and says what the row says.
    pub item: Option<Item>,
    /// Whether the log book knows of it.
    pub is_told: bool,
}

/// The next items in the order of their keys, after the one called `after`.
///
/// # Errors
/// When the store cannot be read.
pub async fn items_after(db: &mut Reader, after: &str, limit: i64) -> Result<Vec<ItemRow>, StoreError> {
    const SQL: &str = "select id, duty, step, state, body,
        case when exists (select 1 from log_entry where item = i.id) then 1 else 0 end
        from item i where id > $1 order by id limit $2";
    let rows: Vec<(String, String, String, String, String, i32)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(after).bind(limit).fetch_all(connection).await
    })?;
    let row = |(id, duty, step, state, body, told): (String, String, String, String, String, i32)| {
        let says = |item: &Item| match &item.state {
            ItemState::Open => "open",
            ItemState::Snoozed { .. } => "snoozed",
            ItemState::Closed { .. } => "closed",
        };
        let agrees = |item: &Item| {
            let names = [item.id.as_str(), item.duty.as_str(), item.step.as_str(), says(item)];
            names == [id.as_str(), duty.as_str(), step.as_str(), state.as_str()]
        };
        // One that cannot be read is a finding, not an error: the others have to be looked at as well.
        let item = from_json("item", &body).ok().filter(agrees);
        let is_open = state != "closed";
        ItemRow {
            id: ItemId::from_text(&id),
            duty: DutyId::new(duty),
            step: StepId::new(step),
            is_open,
            item,
            is_told: told == 1,
        }
    };
    Ok(rows.into_iter().map(row).collect())
}
