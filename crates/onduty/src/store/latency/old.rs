//! What is older than a day is joined, what is older than it may be is forgotten.

use super::MINUTE;
use super::fold::{Key, add, tally_of};
use crate::store::db::{micros, on_db, pieces, placeholders};
use crate::store::{StoreError, Tx};
use jiff::{SignedDuration, Timestamp};
use onduty_core::perf::Tally;
use sqlx::AssertSqlSafe;
use std::collections::BTreeMap;

/// Minutes of a joined row.
const JOINED: i64 = 5;
/// A series that nobody sent for so long is forgotten, if its sender is silent as well.
const SERIES_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Joins at most `limit` rows of single minutes before `before` into rows of five, and returns how many. Call it until it
/// returns less than `limit`.
///
/// # Errors
/// When the store cannot be written.
pub async fn join(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "select starts_at, endpoint, class, wide, sketch from latency
        where minutes = 1 and starts_at < $1 order by starts_at, endpoint, class limit $2";
    let block = JOINED * MINUTE;
    let before = micros(before).div_euclid(block) * block;
    let rows: Vec<(i64, i64, i64, i64, Vec<u8>)> = on_db!(tx, connection => {
        sqlx::query_as(SQL).bind(before).bind(i64::from(limit)).fetch_all(connection).await
    })?;
    let mut joined: BTreeMap<Key, Tally> = BTreeMap::new();
    for (starts_at, endpoint, class, wide, sketch) in &rows {
        let starts_at = starts_at.div_euclid(block) * block;
        let key = Key { minutes: JOINED, starts_at, endpoint: *endpoint, class: *class };
        joined.entry(key).or_default().merge(&tally_of(*wide, sketch)?);
    }
    add(tx, joined).await?;
    for piece in pieces(&rows) {
        let values = placeholders(piece.len(), 3);
        let sql =
            format!("delete from latency where minutes = 1 and (starts_at, endpoint, class) in (values {values})");
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (starts_at, endpoint, class, _, _) in piece {
                query = query.bind(*starts_at).bind(*endpoint).bind(*class);
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    Ok(rows.len() as u64)
}

/// Forgets at most `limit` rows from before `before`, and returns how many; call it until it returns less than `limit`.
/// Endpoints and series that were not heard of go along.
///
/// # Errors
/// When the store cannot be written.
pub async fn prune(tx: &mut Tx, now: Timestamp, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const ROWS: &str = "delete from latency where (minutes, starts_at, endpoint, class) in
        (select minutes, starts_at, endpoint, class from latency where minutes in (1, 5) and starts_at < $1 limit $2)";
    const ENDPOINTS: &str = "delete from latency_endpoint where seen_at < $1
        and not exists (select 1 from latency where latency.endpoint = latency_endpoint.id)";
    const SERIES: &str = "delete from latency_series where updated_at < $1 and not exists
        (select 1 from latency_series other where other.stream = latency_series.stream and other.updated_at >= $1)";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(ROWS).bind(micros(before)).bind(i64::from(limit));
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    on_db!(tx, connection => sqlx::query(ENDPOINTS).bind(micros(before)).execute(connection).await.map(drop))?;
    let silent = micros(now.checked_sub(SERIES_KEPT).unwrap_or(now));
    on_db!(tx, connection => sqlx::query(SERIES).bind(silent).execute(connection).await.map(drop))?;
    Ok(done)
}
