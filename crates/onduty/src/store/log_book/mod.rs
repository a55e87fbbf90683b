//! The log book: numbered and chained entries that never change.
//!
//! The engine's pass appends, pages and the API read. Wording an entry is the caller's business: its text is stored as
//! it was, so that later versions of onduty cannot reword the past.

mod chain;
mod heads;
mod search;
mod words;

pub use chain::{BreakKind, ChainBreak, Head, Reached, Verified, Walk, verify};
pub use heads::{duties, heads, read_heads, write_heads};
pub use search::search;
pub(super) use words::indexed;

use super::db::{date, from_json, micros, on_db, timestamp, to_json};
use super::{Reader, StoreError, Tx};
use jiff::civil::Date;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::item::ItemId;
use onduty_core::logbook::{Author, Entry, Event, NewEntry};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use std::collections::BTreeMap;

/// Adds an entry and returns its number. `text` is the entry in words.
///
/// # Errors
/// When the store cannot be written.
pub async fn append(tx: &mut Tx, entry: &NewEntry, text: &str) -> Result<i64, StoreError> {
    // Numbering first: on databases with several writers this row is the lock that keeps the chain in one piece.
    const NEXT: &str = "insert into log_head (duty, seq, hash) values ($1, 1, $2)
        on conflict (duty) do update set seq = log_head.seq + 1 returning seq, hash";
    const INSERT: &str = "insert into log_entry
        (duty, seq, at, shift_day, author, item, corrects, event, text, salt, body_hash, hash)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    const INSERT_WITH_WORDS: &str = "insert into log_entry
        (duty, seq, at, shift_day, author, item, corrects, event, text, salt, body_hash, hash, words)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::tsvector)";
    let text = &*super::db::text(text);
    const HEAD: &str = "update log_head set hash = $1 where duty = $2";
    let duty = entry.duty.as_str();
    let (seq, previous): (i64, String) = on_db!(tx, connection => {
        sqlx::query_as(NEXT).bind(duty).bind(chain::START).fetch_one(connection).await
    })?;

    let (event, shift_day) = (to_json(&entry.event), entry.shift.to_string());
    let author = match &entry.author {
        Author::Machine => None,
        Author::Engineer { id } => Some(id.as_str()),
    };
    let corrects = match &entry.event {
        Event::Note { corrects, .. } => *corrects,
        _ => None,
    };
    let item = entry.item.as_ref().map(ItemId::as_str);
    let meta = chain::Meta { seq, duty, at: micros(entry.at), shift_day: &shift_day, author, item, corrects };
    let salt = super::hex(&super::random::<16>()?);
    let body_hash = chain::body_hash(&salt, &event, text);
    let hash = chain::entry_hash(&previous, &meta, &body_hash);

    // SQLite finds the words by itself.
    let words = tx.is_postgres().then(|| words::indexed(text));
    on_db!(tx, connection => {
        let query = sqlx::query(if words.is_some() { INSERT_WITH_WORDS } else { INSERT })
            .bind(duty)
            .bind(seq)
            .bind(meta.at)
            .bind(meta.shift_day)
            .bind(author)
            .bind(item)
            .bind(corrects)
            .bind(event)
            .bind(text)
            .bind(salt)
            .bind(body_hash)
            .bind(hash.as_str());
        let query = match words {
            Some(words) => query.bind(words),
            None => query,
        };
        query.execute(connection).await.map(drop)
    })?;
    on_db!(tx, connection => sqlx::query(HEAD).bind(hash).bind(duty).execute(connection).await.map(drop))?;
    Ok(seq)
}

/// Takes an entry's content away for good; its place in the chain stays. Returns whether there was any to take.
///
/// Write an entry about it in the same transaction.
///
/// # Errors
/// When the store cannot be written.
pub async fn redact(tx: &mut Tx, duty: &DutyId, seq: i64) -> Result<bool, StoreError> {
    const SQL: &str = "update log_entry set event = null, text = null, salt = null
        where duty = $1 and seq = $2 and text is not null";
    let done = on_db!(tx, connection => {
        sqlx::query(SQL).bind(duty.as_str()).bind(seq).execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// One entry.
///
/// # Errors
/// When the store cannot be read.
pub async fn get(db: &mut Reader, duty: &DutyId, seq: i64) -> Result<Option<Entry>, StoreError> {
    const SQL: &str = "select seq, at, shift_day, author, item, event, text, corrects, hash
        from log_entry where duty = $1 and seq = $2";
    let row: Option<LogRow> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(seq).fetch_optional(connection).await
    })?;
    row.map(|row| row.entry(duty)).transpose()
}

/// The entries of one shift, in order.
///
/// # Errors
/// When the store cannot be read.
pub async fn entries_of(db: &mut Reader, duty: &DutyId, day: Date) -> Result<Vec<Entry>, StoreError> {
    const SQL: &str = "select seq, at, shift_day, author, item, event, text, corrects, hash
        from log_entry where duty = $1 and shift_day = $2 order by seq";
    let rows: Vec<LogRow> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(day.to_string()).fetch_all(connection).await
    })?;
    rows.into_iter().map(|row| row.entry(duty)).collect()
}

/// The newest entries, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn newest(db: &mut Reader, duty: &DutyId, limit: u32) -> Result<Vec<Entry>, StoreError> {
    const SQL: &str = "select seq, at, shift_day, author, item, event, text, corrects, hash
        from log_entry where duty = $1 order by seq desc limit $2";
    let rows: Vec<LogRow> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(i64::from(limit)).fetch_all(connection).await
    })?;
    rows.into_iter().map(|row| row.entry(duty)).collect()
}

/// At most `limit` entries after number `after`, in order; 0 starts at the beginning.
///
/// # Errors
/// When the store cannot be read.
pub async fn entries_since(db: &mut Reader, duty: &DutyId, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
    const SQL: &str = "select seq, at, shift_day, author, item, event, text, corrects, hash
        from log_entry where duty = $1 and seq > $2 order by seq limit $3";
    let rows: Vec<LogRow> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(after).bind(i64::from(limit)).fetch_all(connection).await
    })?;
    rows.into_iter().map(|row| row.entry(duty)).collect()
}

/// The entries about one item, in order.
///
/// # Errors
/// When the store cannot be read.
pub async fn entries_of_item(db: &mut Reader, duty: &DutyId, item: &ItemId) -> Result<Vec<Entry>, StoreError> {
    const SQL: &str = "select seq, at, shift_day, author, item, event, text, corrects, hash
        from log_entry where item = $1 and duty = $2 order by seq";
    let rows: Vec<LogRow> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(item.as_str()).bind(duty.as_str()).fetch_all(connection).await
    })?;
    rows.into_iter().map(|row| row.entry(duty)).collect()
}

/// How many entries each day of `month` (any day of it) has; days without entries are not there.
///
/// # Errors
/// When the store cannot be read.
pub async fn days_of_month(db: &mut Reader, duty: &DutyId, month: Date) -> Result<BTreeMap<Date, u64>, StoreError> {
    const SQL: &str = "select shift_day, count(*) from log_entry
        where duty = $1 and shift_day >= $2 and shift_day <= $3 group by shift_day";
    let (first, last) = (month.first_of_month().to_string(), month.last_of_month().to_string());
    let rows: Vec<(String, i64)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(first).bind(last).fetch_all(connection).await
    })?;
    rows.into_iter().map(|(day, count)| Ok((date("log_entry", &day)?, u64::try_from(count).unwrap_or(0)))).collect()
}

/// The end of a duty's chain; `None` for an empty log book.
///
/// # Errors
/// When the store cannot be read.
pub async fn head_of(db: &mut Reader, duty: &DutyId) -> Result<Option<Head>, StoreError> {
    const SQL: &str = "select seq, hash from log_head where duty = $1";
    let row: Option<(i64, String)> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(duty.as_str()).fetch_optional(connection).await)?;
    Ok(row.map(|(seq, hash)| Head { duty: duty.clone(), seq, hash }))
}

/// An entry as it is stored; the statements above name its columns in this order.
struct LogRow {
    seq: i64,
    at: i64,
    shift_day: String,
    author: Option<String>,
    item: Option<String>,
    event: Option<String>,
    text: Option<String>,
    corrects: Option<i64>,
    hash: String,
}

impl<'r, R: Row> FromRow<'r, R> for LogRow
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<LogRow, sqlx::Error> {
        Ok(LogRow {
            seq: row.try_get(0)?,
            at: row.try_get(1)?,
            shift_day: row.try_get(2)?,
            author: row.try_get(3)?,
            item: row.try_get(4)?,
            event: row.try_get(5)?,
            text: row.try_get(6)?,
            corrects: row.try_get(7)?,
            hash: row.try_get(8)?,
        })
    }
}

impl LogRow {
    fn meta<'a>(&'a self, duty: &'a DutyId) -> chain::Meta<'a> {
        chain::Meta {
            seq: self.seq,
            duty: duty.as_str(),
            at: self.at,
            shift_day: &self.shift_day,
            author: self.author.as_deref(),
            item: self.item.as_deref(),
            corrects: self.corrects,
        }
    }

    fn entry(self, duty: &DutyId) -> Result<Entry, StoreError> {
        Ok(Entry {
            seq: self.seq,
            duty: duty.clone(),
            at: timestamp("log_entry", self.at)?,
            shift: date("log_entry", &self.shift_day)?,
            author: self.author.map_or(Author::Machine, |id| Author::Engineer { id: EngineerId::new(id) }),
            item: self.item.as_deref().map(ItemId::from_text),
            event: self.event.map(|event| from_json("log_entry", &event)).transpose()?,
            text: self.text,
            corrects: self.corrects,
            hash: self.hash,
        })
    }
}

#[cfg(test)]
mod tests;
