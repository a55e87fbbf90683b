//! PostgreSQL: connections, who may write, and what became of a commit whose answer was lost.
//!
//! One writer at a time, over all replicas: a [`super::Tx`] begins by locking the row of `journal_head`. Within this
//! process writers queue in front of it, so that one connection is enough.

use super::{StoreError, hex, random};
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection, PgPool, Transaction};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Pages of a duty are few and short.
const READERS: u32 = 4;

/// All connections of a process.
pub(super) const CONNECTIONS: i64 = READERS as i64 + 1;

/// How long a request waits for one thing of the store (its turn to write, an instant to read from, the outcome of its
/// commit) before it is told that the store is not there. Five seconds are promised, the rest of a request included.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// How long a lost commit is asked after. A restart of the database takes seconds. Whoever waits is answered earlier.
const OUTCOME_PATIENCE: Duration = Duration::from_secs(15);

/// The oldest version that its makers still mend, as `server_version_num` counts.
pub(super) const OLDEST: i32 = 140_000;

/// Collations that sort by bytes, as SQLite does. Others sort by the rules of the system's C library, and an index is
/// wrong as soon as a newer library has newer rules.
const BY_BYTES: [&str; 5] = ["C", "POSIX", "C.UTF-8", "C.UTF8", "ucs_basic"];

/// The pools of a PostgreSQL database.
#[derive(Debug, Clone)]
pub(super) struct Postgres {
    writer: PgPool,
    readers: PgPool,
    turn: Arc<Semaphore>,
    /// Names this process in `last_commit` and as the application of its sessions.
    process: Arc<str>,
}

impl Postgres {
    /// Connects to `url`. The schema is not looked at.
    pub(super) async fn connect(url: &SecretString) -> Result<Postgres, StoreError> {
        Postgres::connect_with(options(url)?).await
    }

    /// The same for whoever only reads: the server refuses everything else.
    pub(super) async fn connect_to_read(url: &SecretString) -> Result<Postgres, StoreError> {
        Postgres::connect_with(options(url)?.options([("default_transaction_read_only", "on")])).await
    }

    async fn connect_with(options: PgConnectOptions) -> Result<Postgres, StoreError> {
        let process: Arc<str> = hex(&random::<8>()?).into();
        let named = |role: &str| options.clone().application_name(&format!("onduty {role} {process}"));
        let pool = || PgPoolOptions::new().acquire_timeout(PATIENCE).max_lifetime(None);
        let writer =
            pool().max_connections(1).after_connect(|connection, _| Box::pin(keep_what_is_committed(connection)));
        let writer = writer.connect_with(named("writer")).await.map_err(cannot_connect)?;
        check_server(&mut *writer.acquire().await?).await?;
        let readers = pool().max_connections(READERS).connect_lazy_with(named("reader"));
        Ok(Postgres { writer, readers, turn: Arc::new(Semaphore::new(1)), process })
    }

    /// One instant to read from.
    pub(super) async fn read(&self) -> Result<Transaction<'static, sqlx::Postgres>, StoreError> {
        in_time(async { Ok(self.readers.begin_with("begin isolation level repeatable read read only").await?) }).await
    }

    /// The right to write. What others committed before is seen, because the lock comes before every other statement.
    pub(super) async fn begin(&self) -> Result<(Transaction<'static, sqlx::Postgres>, Turn), StoreError> {
        in_time(async {
            let permit = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let mut transaction = self.writer.begin().await?;
            sqlx::query("select seq from journal_head where id = 1 for update").fetch_one(&mut *transaction).await?;
            Ok((transaction, Turn { postgres: self.clone(), _permit: permit }))
        })
        .await
    }

    /// Waits for open transactions and lets go of the database.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        // The last one turns the light off; a process that was killed leaves its row, which hurts nobody.
        if !self.writer.is_closed()
            && let Ok(mut connection) = self.writer.acquire().await
        {
            let forget = sqlx::query("delete from last_commit where process = $1").bind(&*self.process);
            let _ = forget.execute(&mut *connection).await;
        }
        self.writer.close().await;
    }

    /// A connection of the writer, for the schema.
    pub(super) fn writer(&self) -> &PgPool {
        &self.writer
    }
}

/// What `begins`, unless that takes too long.
async fn in_time<T>(begins: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, begins).await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
}

/// The right to write among the tasks of this process. It is held until it is known what became of a commit.
pub(super) struct Turn {
    postgres: Postgres,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Commits, and finds out what happened where the answer is lost.
    pub(super) async fn commit(self, mut transaction: Transaction<'static, sqlx::Postgres>) -> Result<(), StoreError> {
        const KEY: &str = "insert into last_commit (process, key) values ($1, $2)
            on conflict (process) do update set key = excluded.key";
        let key = hex(&random::<16>()?);
        // It also fails where an earlier statement did: PostgreSQL would answer a commit of that with a silent roll-back.
        sqlx::query(KEY).bind(&*self.postgres.process).bind(&key).execute(&mut *transaction).await?;
        match transaction.commit().await {
            Ok(()) => Ok(()),
            Err(error) => self.resolve(key, Arc::new(error)).await,
        }
    }

    /// What became of the commit that left `key`, as far as that is known in time. The asking goes on and keeps the turn:
    /// what the lost session may still hold has to be ended before others can write.
    async fn resolve(self, key: String, error: Arc<sqlx::Error>) -> Result<(), StoreError> {
        let cause = Arc::clone(&error);
        let asked = tokio::spawn(async move { self.outcome(&key, error).await });
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(StoreError::OutcomeUnknown { cause }),
        }
    }

    /// What became of the commit that left `key`, asked over other connections.
    async fn outcome(&self, key: &str, error: Arc<sqlx::Error>) -> Result<(), StoreError> {
        let ask = async {
            loop {
                match self.kept(key).await {
                    Ok(kept) => return kept,
                    Err(error) => tracing::debug!(%error, "the database cannot say yet what it committed"),
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        match tokio::time::timeout(OUTCOME_PATIENCE, ask).await {
            Ok(true) => {
                tracing::warn!(%error, "the answer to a commit was lost; the database has it");
                Ok(())
            }
            Ok(false) => Err(StoreError::Unavailable { cause: error }),
            Err(_) => Err(StoreError::OutcomeUnknown { cause: error }),
        }
    }

    async fn kept(&self, key: &str) -> Result<bool, sqlx::Error> {
        // A session of ours that the network cut off would hold its locks until the database misses it. It is ours
        // alone: nobody of this process writes while we have the turn.
        const END: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1";
        // Waits for the transaction if it is still about to commit.
        const KEPT: &str = "select key from last_commit where process = $1 for share";
        let mut connection = self.postgres.readers.acquire().await?;
        let ended = format!("onduty writer {}", self.postgres.process);
        sqlx::query(END).bind(ended).execute(&mut *connection).await?;
        let kept: Option<(String,)> =
            sqlx::query_as(KEPT).bind(&*self.postgres.process).fetch_optional(&mut *connection).await?;
        Ok(kept.is_some_and(|(kept,)| kept == key))
    }
}

pub(super) fn options(url: &SecretString) -> Result<PgConnectOptions, StoreError> {
    // The address has a password in it: its text is never part of the error.
    let options = PgConnectOptions::from_str(url.expose_secret()).map_err(|_| StoreError::BadDatabaseAddress)?;
    let limits = [
        // Whoever waits longer for another replica tries again later.
        ("lock_timeout", "3s"),
        // A process that was stopped in the middle of a transaction must not hold the others up.
        ("idle_in_transaction_session_timeout", "15s"),
        ("statement_timeout", "60s"),
    ];
    Ok(options.options(limits).statement_cache_capacity(200).disable_statement_logging())
}

pub(super) fn cannot_connect(error: sqlx::Error) -> StoreError {
    StoreError::CannotConnect { cause: Arc::new(error) }
}

/// Refuses a server on which a promise would not hold.
async fn check_server(connection: &mut PgConnection) -> Result<(), StoreError> {
    const SQL: &str = "select current_setting('server_version_num')::int, current_setting('server_version'),
        current_setting('fsync'), pg_encoding_to_char(encoding),
        datcollate::text, datname::text from pg_database where datname = current_database()";
    let (number, version, fsync, encoding, collation, name): (i32, String, String, String, String, String) =
        sqlx::query_as(SQL).fetch_one(connection).await?;
    if number < OLDEST {
        return Err(StoreError::OldPostgres { found: version });
    }
    if !sorts_by_bytes(&encoding, &collation) {
        return Err(StoreError::WrongCollation { name, found: format!("{encoding}, {collation}") });
    }
    if fsync == "off" {
        tracing::warn!("the database has fsync off: it may lose in a power cut what it committed");
    }
    Ok(())
}

/// Whether text is kept and sorted as SQLite does it.
pub(super) fn sorts_by_bytes(encoding: &str, collation: &str) -> bool {
    encoding == "UTF8" && BY_BYTES.contains(&collation)
}

/// What was answered has to survive a power cut, whatever the server's own habit is.
pub(super) async fn keep_what_is_committed(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    const SQL: &str = "select set_config('synchronous_commit', 'on', false)
        where current_setting('synchronous_commit') = 'off'";
    sqlx::query(SQL).execute(connection).await.map(drop)
}
