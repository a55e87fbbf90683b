//! Everything onduty keeps: one file per aggregate, all SQL of the program.
//!
//! `app` opens a [`Store`] once; `tasks` and `web` read through a [`Reader`] (one instant of the store) and write
//! through a [`Tx`] (all or nothing). Functions save facts and return core types; no rule, no wording, no clock here.
//! `docs/design/store.md` says why it is built this way.

pub mod access;
pub mod board;
mod db;
mod error;
pub mod intake;
pub mod items;
pub mod journal;
pub mod log_book;
mod open;
pub mod outbox;
pub mod processes;
pub mod rollouts;
pub mod seen_files;
pub mod signals;

pub use db::{Reader, Tx};
pub use error::{BoxError, StoreError};
pub use intake::{Intake, IntakeOutcome};

use db::Db;
use std::path::Path;

/// The database and the queue in front of its writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    queue: intake::Queue,
}

impl Store {
    /// Opens or makes the SQLite database at `path`, brings its schema up to date and starts the writer of the intake
    /// on the current tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`], [`StoreError::OldSqlite`], [`StoreError::NewerSchema`] or [`StoreError::Migration`].
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let db = open::open_sqlite(path).await?;
        let queue = intake::Queue::start(db.clone());
        Ok(Store { db, queue })
    }

    /// One instant of the store to read from.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when every reader is busy for ten seconds, or the database is gone.
    pub async fn read(&self) -> Result<Reader, StoreError> {
        self.db.read().await
    }

    /// The exclusive right to write. Whoever reads in order to write reads through it as well.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when others write for ten seconds, or the database is gone.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.db.begin().await
    }

    /// Keeps what a sender sent; durable once this returns. Many callers at once share a commit.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too much is waiting; then and on every other error nothing of it was kept.
    pub async fn intake(&self, intake: Intake) -> Result<IntakeOutcome, StoreError> {
        self.queue.push(intake).await
    }

    /// How many commits the intake needed since the store was opened: deliveries per commit say how busy it is.
    pub fn intake_commits(&self) -> u64 {
        self.queue.commits()
    }

    /// Lets go of the database after everything that was begun has ended.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// A new id for something that people make, in the order of time.
pub fn new_id(real_now: jiff::Timestamp) -> String {
    let seconds = u64::try_from(real_now.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(real_now.subsec_nanosecond()).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds);
    uuid::Uuid::new_v7(time).to_string()
}

/// `N` bytes that nobody can guess.
fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::NoRandomness)?;
    Ok(bytes)
}

/// As lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
        text
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use jiff::Timestamp;
    use sqlx::AssertSqlSafe;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    /// A folder for one test, gone after it.
    pub(crate) struct Folder(tempfile::TempDir);

    impl Folder {
        pub(crate) fn new() -> Folder {
            Folder(tempfile::tempdir().expect("a temporary folder"))
        }
        pub(crate) fn path(&self) -> &Path {
            self.0.path()
        }
        pub(crate) fn file(&self) -> PathBuf {
            self.path().join("onduty.db")
        }
        /// Opens the folder's store, the same each time.
        pub(crate) async fn store(&self) -> Store {
            Store::open(&self.file()).await.expect("a store")
        }
    }

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    /// Runs statements that no function of the store offers.
    pub(crate) async fn execute(store: &Store, sql: &str) -> Result<(), sqlx::Error> {
        let Db::Sqlite { writer, .. } = &store.db;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(writer).await.map(|_| ())
    }

    /// Every table of ours with its columns and their types.
    pub(crate) async fn table_columns(store: &Store) -> BTreeMap<String, BTreeMap<String, String>> {
        let Db::Sqlite { writer, .. } = &store.db;
        const SQL: &str = "select t.name, c.name, c.type from pragma_table_list t, pragma_table_info(t.name) c
            where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite_%' and t.name <> '_sqlx_migrations'";
        let rows: Vec<(String, String, String)> = sqlx::query_as(SQL).fetch_all(writer).await.expect("tables");
        let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (table, column, column_type) in rows {
            tables.entry(table).or_default().insert(column, column_type);
        }
        tables
    }

    /// The steps of a statement's plan that would read a whole table.
    pub(crate) async fn scans_in(store: &Store, sql: &str) -> Vec<String> {
        let Db::Sqlite { writer, .. } = &store.db;
        let explain = AssertSqlSafe(format!("explain query plan {sql}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(writer).await.expect("a plan");
        assert!(!plan.is_empty());
        let tables = table_columns(store).await;
        let is_scan = |step: &String| {
            let scanned = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            let is_table = scanned.is_some_and(|name| name.len() == 1 || tables.contains_key(name));
            is_table && !step.contains("USING")
        };
        plan.into_iter().map(|(_, _, _, step)| step).filter(is_scan).collect()
    }

    #[test]
    fn ids_follow_time() {
        let (early, late) = (new_id(at("2026-03-02T16:00:00Z")), new_id(at("2026-03-02T16:00:00.001Z")));
        assert!(early < late);
        assert_ne!(new_id(at("2026-03-02T16:00:00Z")), new_id(at("2026-03-02T16:00:00Z")));
    }
}
