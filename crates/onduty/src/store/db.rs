//! The database behind the store: connections, transactions, and how one statement text runs on each kind of database.
//!
//! SQLite's pools are opened by `open`, PostgreSQL's by `postgres`. Used by every file beside this one; knows no table.

use super::StoreError;
use super::postgres::{Postgres, Turn};
use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

/// Runs a query on whatever database a [`Reader`] or [`Tx`] is connected to.
///
/// `on_db!(tx, connection => sqlx::query(SQL).bind(1_i64).execute(connection).await)`
///
/// The text is compiled once for each kind of database, so that it has to mean the same on both. What `execute` answers
/// differs: take the number of rows with `.map(|done| done.rows_affected())` inside.
macro_rules! on_db {
    ($db:expr, $connection:ident => $query:expr) => {
        match $db.connection() {
            $crate::store::db::Connection::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $query
            }
            $crate::store::db::Connection::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $query
            }
        }
    };
}
pub(super) use on_db;

/// The pools of one kind of database.
#[derive(Debug, Clone)]
pub(super) enum Db {
    /// SQLite has one writer, so that writers queue here and never meet "database is locked".
    Sqlite {
        /// One connection.
        writer: SqlitePool,
        /// A few connections that cannot write.
        readers: SqlitePool,
    },
    /// PostgreSQL has one writer at a time as well: whoever holds the row of `journal_head`.
    Postgres(Postgres),
}

impl Db {
    /// One instant of the database to read from.
    pub(super) async fn read(&self) -> Result<Reader, StoreError> {
        match self {
            Db::Sqlite { readers, .. } => Ok(Reader(Connection::Sqlite(readers.begin().await?))),
            Db::Postgres(postgres) => Ok(Reader(Connection::Postgres(postgres.read().await?))),
        }
    }

    /// The right to write; waits for whoever has it.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        match self {
            Db::Sqlite { writer, .. } => {
                let transaction = writer.begin_with("begin immediate").await?;
                Ok(Tx { reader: Reader(Connection::Sqlite(transaction)), turn: None })
            }
            Db::Postgres(postgres) => {
                let (transaction, turn) = postgres.begin().await?;
                Ok(Tx { reader: Reader(Connection::Postgres(transaction)), turn: Some(turn) })
            }
        }
    }

    /// Waits for open transactions and lets go of the database.
    pub(super) async fn close(&self) {
        match self {
            Db::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// A transaction on one kind of database.
pub(super) enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, sqlx::Postgres>),
}

/// The store at one instant: everything read through one reader belongs together, whatever is written meanwhile.
///
/// Keep it for a page or a pass, not longer: the database cannot tidy up behind an old reader. A [`Tx`] reads as well.
pub struct Reader(Connection);

impl Reader {
    pub(super) fn new(connection: Connection) -> Reader {
        Reader(connection)
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.0
    }

    /// For the few places in which the databases do not share a statement.
    pub(super) fn is_postgres(&self) -> bool {
        matches!(self.0, Connection::Postgres(_))
    }
}

/// The exclusive right to write, until [`Tx::commit`]; dropped without it, nothing happened.
///
/// Functions that take `&mut Tx` happen together with everything else that is written through it.
pub struct Tx {
    reader: Reader,
    /// The right to write among the tasks of this process, where the database does not keep it.
    turn: Option<Turn>,
}

impl Tx {
    /// Makes everything durable and visible at once.
    ///
    /// # Errors
    /// When it is not durable; nothing of it is kept then. [`StoreError::OutcomeUnknown`] when the database went away in
    /// between and did not come back in time to say.
    pub async fn commit(self) -> Result<(), StoreError> {
        match (self.reader.0, self.turn) {
            (Connection::Sqlite(transaction), _) => Ok(transaction.commit().await?),
            (Connection::Postgres(transaction), Some(turn)) => turn.commit(transaction).await,
            (Connection::Postgres(_), None) => unreachable!("a writer of PostgreSQL has its turn"),
        }
    }
}

impl Deref for Tx {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

/// Text from outside as both databases can keep it: PostgreSQL has no NUL in text.
///
/// Names (`onduty_core::ids`) have none anyway, and JSON writes it as `\u0000`.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}
/// `($1,$2),($3,$4)`: placeholders for `rows` rows of `columns` values, counted from `$1`.
pub(super) fn placeholders(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let values: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", values.join(","))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

/// The most rows that one statement carries.
const MAX_ROWS: usize = 64;

/// Cuts `rows` into pieces whose lengths are powers of two, the longest first.
///
/// A statement costs more than a row, so rows travel together; and only seven texts per table exist, so that they stay
/// prepared.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = MAX_ROWS.min(1 << rows.len().checked_ilog2()?);
        let (piece, rest) = rows.split_at(length);
        rows = rest;
        Some(piece)
    })
}

/// A time as the database keeps it.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A time from the database.
pub(super) fn timestamp(table: &'static str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|cause| StoreError::unreadable(table)(cause.into()))
}

/// A day from the database.
pub(super) fn date(table: &'static str, text: &str) -> Result<Date, StoreError> {
    text.parse().map_err(|cause: jiff::Error| StoreError::unreadable(table)(cause.into()))
}

/// A value from JSON in the database.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(table: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|cause| StoreError::unreadable(table)(cause.into()))
}

/// A value as JSON for the database.
pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data with text keys is always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_travel_in_few_lengths() {
        let lengths = |rows: usize| pieces(&vec![0; rows]).map(<[i32]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(0), [0; 0]);
        assert_eq!(lengths(1), [1]);
        assert_eq!(lengths(7), [4, 2, 1]);
        assert_eq!(lengths(200), [64, 64, 64, 8]);
        assert_eq!(placeholders(2, 3), "($1,$2,$3),($4,$5,$6)");
    }
}
