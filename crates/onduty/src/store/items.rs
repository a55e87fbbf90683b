//! Items. The body is the item as the engine made it; the columns beside it only find it.

use super::db::{from_json, micros, on_db, to_json};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use jiff::civil::Date;
use onduty_core::ids::DutyId;
use onduty_core::item::{Item, ItemId, ItemState};
use onduty_core::signal_feeds::ROLLOUTS_KEPT;
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;

/// Writes an item as it is now.
///
/// # Errors
/// When the store cannot be written.
pub async fn upsert(tx: &mut Tx, item: &Item) -> Result<(), StoreError> {
    const SQL: &str = "insert into item
        (id, duty, step, subject, occurrence, state, shift_day, opened_at, closed_at, body)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (id) do update set state = excluded.state, shift_day = excluded.shift_day,
        opened_at = excluded.opened_at, closed_at = excluded.closed_at, body = excluded.body";
    let (state, closed_at) = match &item.state {
        ItemState::Open => ("open", None),
        ItemState::Snoozed { .. } => ("snoozed", None),
        ItemState::Closed { at, .. } => ("closed", Some(micros(*at))),
    };
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(item.id.as_str())
            .bind(item.duty.as_str())
            .bind(item.step.as_str())
            .bind(item.subject.as_str())
            .bind(i64::from(item.occurrence))
            .bind(state)
            .bind(item.shift.to_string())
            .bind(micros(item.opened_at))
            .bind(closed_at)
            .bind(to_json(item))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// The item called `id`.
///
/// # Errors
/// When the store cannot be read.
pub async fn get(db: &mut Reader, id: &ItemId) -> Result<Option<Item>, StoreError> {
    const SQL: &str = "select body from item where id = $1";
    let row: Option<(String,)> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(id.as_str()).fetch_optional(connection).await)?;
    row.map(|(body,)| from_json("item", &body)).transpose()
}

/// How many items there are, of all duties, open or closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn count(db: &mut Reader) -> Result<u64, StoreError> {
    const SQL: &str = "select count(*) from item";
    let (count,): (i64,) = on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Every item that is not closed, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn open_items(db: &mut Reader, duty: &DutyId) -> Result<Vec<Item>, StoreError> {
    const SQL: &str = "select body from item where duty = $1 and state <> 'closed' order by opened_at, id";
    items(on_db!(db, connection => sqlx::query_as(SQL).bind(duty.as_str()).fetch_all(connection).await)?)
}

/// The newest item of each step and subject, as far as the engine can need it: for the next occurrence, for hold-down
/// and for conclusions in force.
///
/// That is: open, or closed after `since`, or of a subject that a snapshot with the same `since` and `branches` can
/// have, or the newest of its step (a standing condition that was quiet for months). Older ones are never asked for, so
/// a pass never reads years.
///
/// # Errors
/// When the store cannot be read.
pub async fn latest(
    db: &mut Reader,
    duty: &DutyId,
    branches: &BTreeSet<String>,
    since: Timestamp,
) -> Result<Vec<Item>, StoreError> {
    items(on_db!(db, connection => {
        let mut query = sqlx::query_as(AssertSqlSafe(latest_sql(branches.len()))).bind(duty.as_str()).bind(micros(since));
        for branch in branches {
            query = query.bind(branch.as_str());
        }
        query.fetch_all(connection).await
    })?)
}

/// Earlier items of the same step and subject, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn earlier(db: &mut Reader, item: &Item) -> Result<Vec<Item>, StoreError> {
    const SQL: &str = "select body from item where duty = $1 and step = $2 and subject = $3 and occurrence < $4
        order by occurrence desc limit 20";
    items(on_db!(db, connection => {
        sqlx::query_as(SQL)
            .bind(item.duty.as_str())
            .bind(item.step.as_str())
            .bind(item.subject.as_str())
            .bind(i64::from(item.occurrence))
            .fetch_all(connection)
            .await
    })?)
}

/// Written so that every arm is a search in an index even where the database has no statistics: as joins, the same
/// arms took minutes on a store of three years.
fn latest_sql(branches: usize) -> String {
    let places: Vec<String> = (3..branches + 3).map(|n| format!("${n}")).collect();
    let on_branches = match places.as_slice() {
        [] => String::new(),
        places => format!("union select subject from signal where branch in ({})", places.join(",")),
    };
    format!(
        "select i.body from item i where i.id in (
            select id from item where duty = $1 and state <> 'closed'
            union select id from item where duty = $1 and closed_at >= $2
            union select id from item where duty = $1 and subject in (
                select subject from signal where lasting = 1
                union select subject from signal where received_at >= $2 {on_branches}
                union select * from (select subject from signal where kind = 'rollouts'
                    order by source_time desc limit {ROLLOUTS_KEPT}) as newest_rollouts)
            union select id from item where duty = $1 and (step, opened_at) in (
                select step, max(opened_at) from item where duty = $1 group by step))
        and not exists (select 1 from item n where n.duty = i.duty and n.step = i.step and n.subject = i.subject
            and n.occurrence > i.occurrence)
        order by i.opened_at, i.id"
    )
}

/// Items that were closed from `from` until before `to`, in that order.
///
/// # Errors
/// When the store cannot be read.
pub async fn closed_between(
    db: &mut Reader,
    duty: &DutyId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Item>, StoreError> {
    const SQL: &str = "select body from item where duty = $1 and closed_at >= $2 and closed_at < $3
        order by closed_at, id";
    items(on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(micros(from)).bind(micros(to)).fetch_all(connection).await
    })?)
}

/// Items that belong to the shift of `day`, in the order in which they opened.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_shift(db: &mut Reader, duty: &DutyId, day: Date) -> Result<Vec<Item>, StoreError> {
    const SQL: &str = "select body from item where duty = $1 and shift_day = $2 order by opened_at, id";
    items(on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(day.to_string()).fetch_all(connection).await
    })?)
}

fn items(rows: Vec<(String,)>) -> Result<Vec<Item>, StoreError> {
    rows.into_iter().map(|(body,)| from_json("item", &body)).collect()
}

#[cfg(test)]
#[path = "items_tests.rs"]
mod tests;
