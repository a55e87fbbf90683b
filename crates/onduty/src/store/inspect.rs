//! A look at a store's file from outside, beside a server that may have it open: reads, mends and migrates nothing.

use super::db::timestamp;
use super::{StoreError, schema};
use jiff::Timestamp;
use onduty_core::ids::SourceName;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use std::path::Path;

/// What a file says of itself.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The newest schema in it.
    pub schema: i64,
    /// The newest that this program knows.
    pub known_schema: i64,
    /// Whether commits go to a write-ahead log, as they should.
    pub is_wal: bool,
    /// What SQLite finds wrong with its pages; nothing when all is well.
    pub damage: Vec<String>,
    /// When the newest delivery came, in real time.
    pub newest_delivery: Option<Timestamp>,
    /// Since when the oldest effect waits, and how many do.
    pub waiting: Option<(Timestamp, i64)>,
    /// What sources said last.
    pub contacts: Vec<Contact>,
}

/// The last sign of life of a source about one kind.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Which source.
    pub source: SourceName,
    /// About what.
    pub kind: String,
    /// When, in duty time.
    pub last_at: Option<Timestamp>,
    /// What it met last, where that was no answer.
    pub trouble: Option<String>,
}

/// Looks at the file at `path`.
///
/// # Errors
/// It is no database of onduty's, or cannot be read.
pub async fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true);
    let mut connection = options.disable_statement_logging().connect().await?;
    let found = look(&mut connection).await;
    sqlx::Connection::close(connection).await?;
    found
}

async fn look(connection: &mut SqliteConnection) -> Result<Inspection, StoreError> {
    const SCHEMA: &str = "select coalesce(max(version), 0) from _sqlx_migrations";
    const WAITING: &str = "select min(created_at), count(*) from outbox where state = 'pending'";
    let schema: i64 = sqlx::query_scalar(SCHEMA).fetch_one(&mut *connection).await?;
    let mode: String = sqlx::query_scalar("pragma journal_mode").fetch_one(&mut *connection).await?;
    let said: Vec<String> = sqlx::query_scalar("pragma quick_check(20)").fetch_all(&mut *connection).await?;
    let newest: Option<i64> = sqlx::query_scalar("select max(real_at) from intake").fetch_one(&mut *connection).await?;
    let (since, count): (Option<i64>, i64) = sqlx::query_as(WAITING).fetch_one(&mut *connection).await?;
    let rows: Vec<(String, String, Option<i64>, Option<String>)> =
        sqlx::query_as("select source, kind, last_at, trouble from contact order by source, kind")
            .fetch_all(&mut *connection)
            .await?;
    let contact = |(source, kind, last_at, trouble): (String, String, Option<i64>, Option<String>)| {
        let last_at = last_at.map(|at| timestamp("contact", at)).transpose()?;
        Ok(Contact { source: SourceName::new(source), kind, last_at, trouble })
    };
    Ok(Inspection {
        schema,
        known_schema: schema::newest(),
        is_wal: mode == "wal",
        damage: said.into_iter().filter(|line| line != "ok").collect(),
        newest_delivery: newest.map(|at| timestamp("intake", at)).transpose()?,
        waiting: since.map(|at| timestamp("outbox", at)).transpose()?.map(|since| (since, count)),
        contacts: rows.into_iter().map(contact).collect::<Result<_, StoreError>>()?,
    })
}
