//! Everything onduty keeps: one file per aggregate, all SQL of the program.
//!
//! `app` opens a [`Store`] once; `tasks` and `web` read through a [`Reader`] (one instant of the store) and write
//! through a [`Tx`] (all or nothing). Functions save facts and return core types; no rule, no wording, no clock here.
//! `docs/design/store.md` says why it is built this way.

pub mod access;
pub mod backup;
pub mod board;
mod db;
mod error;
pub mod inspect;
pub mod intake;
pub mod items;
pub mod journal;
pub mod latency;
pub mod leave;
pub mod log_book;
mod open;
pub mod outbox;
pub mod performance;
pub mod plans;
mod postgres;
pub mod processes;
pub mod restored;
pub mod rollouts;
mod schema;
pub mod seen_files;
pub mod self_audit;
pub mod signals;
pub mod size;
mod sqlite;

pub use db::{Reader, Tx};
pub use error::{BoxError, StoreError};
pub use intake::{Depth, Intake, IntakeOutcome};

use db::Db;
use latency::Folded;
use onduty_core::perf::Batch;
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// Where a database is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// An address of PostgreSQL, with its password.
    Postgres(SecretString),
}

/// The database and the queue in front of its writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    queue: intake::Queue,
    batches: latency::Queue,
}

impl Store {
    /// Opens or makes the SQLite database at `path`.
    ///
    /// # Errors
    /// See [`Store::open_at`].
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        Store::open_at(&Location::Sqlite(path.to_owned())).await
    }

    /// Opens a database, brings its schema up to date and starts the writer of the intake on the current tokio runtime.
    /// A file is made where there is none; a database of PostgreSQL has to be there.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`] or [`StoreError::CannotConnect`], a database that is too old or sorts otherwise, or
    /// [`StoreError::NewerSchema`] or [`StoreError::Migration`].
    pub async fn open_at(location: &Location) -> Result<Store, StoreError> {
        let db = match location {
            Location::Sqlite(path) => open::open_sqlite(path).await?,
            Location::Postgres(url) => open::open_postgres(url).await?,
        };
        let queue = intake::Queue::start(db.clone());
        let batches = latency::Queue::start(db.clone());
        Ok(Store { db, queue, batches })
    }

    /// Opens a database as it is, to read from: nothing is made and nothing brought up to date, and nothing can be
    /// written. A server may be running on it.
    ///
    /// # Errors
    /// See [`Store::open_at`].
    pub async fn open_to_read(location: &Location) -> Result<Store, StoreError> {
        let db = match location {
            Location::Sqlite(path) => sqlite::open_to_read(path).await?,
            Location::Postgres(url) => Db::Postgres(postgres::Postgres::connect_to_read(url).await?),
        };
        let found = schema::found(&mut db.read().await?).await?;
        if found > schema::newest() {
            return Err(StoreError::NewerSchema { found, known: schema::newest() });
        }
        let queue = intake::Queue::start(db.clone());
        let batches = latency::Queue::start(db.clone());
        Ok(Store { db, queue, batches })
    }

    /// One instant of the store to read from.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when every reader is busy for long (four seconds on PostgreSQL, ten on SQLite), or the
    /// database is gone.
    pub async fn read(&self) -> Result<Reader, StoreError> {
        self.db.read().await
    }

    /// The exclusive right to write. Whoever reads in order to write reads through it as well.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when others write for long (four seconds on PostgreSQL, ten on SQLite), or the database
    /// is gone.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.db.begin().await
    }

    /// Keeps what a sender sent; durable once this returns. Many callers at once share a commit.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too much is waiting; then and on every other error nothing of it was kept, but for
    /// [`StoreError::OutcomeUnknown`]: whoever sends it again is known by its key.
    pub async fn intake(&self, intake: Intake) -> Result<IntakeOutcome, StoreError> {
        self.queue.push(intake).await
    }

    /// Keeps how long requests took; durable once this returns. Many callers at once share a commit.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too much is waiting, or is kept and not yet counted; then and on every other error
    /// nothing of it was kept.
    pub async fn keep_batch(&self, batch: &Batch, received_at: jiff::Timestamp) -> Result<(), StoreError> {
        self.batches.push(batch, received_at).await
    }

    /// Counts what was kept, as much as one transaction takes; see [`latency::fold`].
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn fold_batches(&self, now: jiff::Timestamp, limits: latency::Limits) -> Result<Folded, StoreError> {
        let mut tx = self.begin().await?;
        let folded = latency::fold(&mut tx, now, limits).await?;
        tx.commit().await?;
        self.batches.set_backlog(folded.left);
        Ok(folded)
    }

    /// How many commits the intake needed since the store was opened: deliveries per commit say how busy it is.
    pub fn intake_commits(&self) -> u64 {
        self.queue.commits()
    }

    /// How much of what senders sent waits to be written.
    pub fn intake_depth(&self) -> Depth {
        self.queue.depth()
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
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::NoRandomness)?;
    Ok(bytes)
}

/// As lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
        text
    })
}

#[cfg(test)]
pub(crate) mod tests;
