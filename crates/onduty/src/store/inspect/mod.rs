//! A look at a store from outside, beside a server that may have it open: reads, mends and migrates nothing.

mod server;

pub use server::{Clocks, OLDEST_POSTGRES, Rights, ServerLook};

use super::db::{Connection, on_db, timestamp};
use super::{Location, Reader, StoreError, postgres, schema};
use jiff::Timestamp;
use onduty_core::ids::SourceName;
use sqlx::ConnectOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::path::Path;

/// What a store says of itself.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// Where it is kept.
    pub place: Place,
    /// What is in it; nothing where there is only an empty database.
    pub contents: Option<Contents>,
}

/// What keeps the store.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file of SQLite.
    File {
        /// Whether commits go to a write-ahead log, as they should.
        is_wal: bool,
        /// What SQLite finds wrong with its pages; nothing when all is well.
        damage: Vec<String>,
    },
    /// A database of PostgreSQL.
    Server(Box<ServerLook>),
}

/// What is in a store.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The newest schema in it.
    pub schema: i64,
    /// The newest that this program knows.
    pub known_schema: i64,
    /// When the newest delivery came, in real time.
    pub newest_delivery: Option<Timestamp>,
    /// Since when the oldest effect waits, and how many do.
    pub waiting: Option<(Timestamp, u64)>,
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

/// Looks at the store at `location`. `real_now` reads the machine's clock, to hold a database's against it.
///
/// # Errors
/// It is no database of onduty's, or cannot be read.
pub async fn inspect(location: &Location, real_now: fn() -> Timestamp) -> Result<Inspection, StoreError> {
    match location {
        Location::Sqlite(path) => of_file(path).await,
        Location::Postgres(url) => {
            let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(postgres::PATIENCE);
            let pool = pool.connect_with(postgres::options(url)?).await.map_err(postgres::cannot_connect)?;
            let look = server::look(&mut *pool.acquire().await?, real_now).await?;
            let contents = contents(&mut Reader::new(Connection::Postgres(pool.begin().await?))).await;
            pool.close().await;
            let contents = match contents {
                Err(StoreError::NoStore) => None,
                // It is no news that what may not be read cannot be read: the look says so.
                Err(_) if !look.rights.missing.is_empty() => None,
                contents => Some(contents?),
            };
            Ok(Inspection { place: Place::Server(Box::new(look)), contents })
        }
    }
}

async fn of_file(path: &Path) -> Result<Inspection, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options.disable_statement_logging()).await?;
    let found = async {
        let mode: String = sqlx::query_scalar("pragma journal_mode").fetch_one(&pool).await?;
        let said: Vec<String> = sqlx::query_scalar("pragma quick_check(20)").fetch_all(&pool).await?;
        let damage = said.into_iter().filter(|line| line != "ok").collect();
        let place = Place::File { is_wal: mode == "wal", damage };
        let contents = contents(&mut Reader::new(Connection::Sqlite(pool.begin().await?))).await?;
        Ok(Inspection { place, contents: Some(contents) })
    };
    let found = found.await;
    pool.close().await;
    found
}

async fn contents(db: &mut Reader) -> Result<Contents, StoreError> {
    const NEWEST: &str = "select max(real_at) from intake";
    const CONTACTS: &str = "select source, kind, last_at, trouble from contact order by source, kind";
    let schema = schema::found(db).await?;
    let (newest,): (Option<i64>,) = on_db!(db, connection => sqlx::query_as(NEWEST).fetch_one(connection).await)?;
    let (count, since) = super::outbox::waiting(db).await?;
    let rows: Vec<(String, String, Option<i64>, Option<String>)> =
        on_db!(db, connection => sqlx::query_as(CONTACTS).fetch_all(connection).await)?;
    let contact = |(source, kind, last_at, trouble): (String, String, Option<i64>, Option<String>)| {
        let last_at = last_at.map(|at| timestamp("contact", at)).transpose()?;
        Ok(Contact { source: SourceName::new(source), kind, last_at, trouble })
    };
    Ok(Contents {
        schema,
        known_schema: schema::newest(),
        newest_delivery: newest.map(|at| timestamp("intake", at)).transpose()?,
        waiting: since.map(|since| (since, count)),
        contacts: rows.into_iter().map(contact).collect::<Result<_, StoreError>>()?,
    })
}
