//! SQLite: the file and its rights, the settings of each connection, and which connection may be used again.
//!
//! One writer, so that writers queue in front of it; a few readers that cannot write. `open` decides about the schema.

use super::StoreError;
use super::db::Db;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// Pages of a duty are few and short; more readers than this would only wait for the two cores.
const READERS: u32 = 4;

/// How long a writer or reader waits for its turn before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first SQLite without the bug that lost pages when a log file was reset under several connections.
const SAFE_SQLITE: [u32; 3] = [3, 51, 3];

/// Opens or makes the database at `path`, readable by its owner alone, with whatever schema it has.
pub(super) async fn open_to_write(path: &Path) -> Result<Db, StoreError> {
    prepare_file(path).map_err(|cause| StoreError::CannotOpen { path: path.to_owned(), cause: cause.into() })?;
    let options = sqlite_options(path);
    let cannot_open = |cause: sqlx::Error| StoreError::CannotOpen { path: path.to_owned(), cause: cause.into() };
    let writer = sqlite_pool()
        .max_connections(1)
        .after_release(|connection, _| Box::pin(is_usable_writer(connection)))
        .connect_with(options.clone().optimize_on_close(true, None))
        .await
        .map_err(cannot_open)?;
    check_sqlite(&writer).await?;
    let readers = options.pragma("query_only", "on");
    let readers = sqlite_pool().max_connections(READERS).connect_with(readers).await.map_err(cannot_open)?;
    Ok(Db::Sqlite { writer, readers })
}

/// The file as it is, for whoever only reads.
pub(super) async fn open_to_read(path: &Path) -> Result<Db, StoreError> {
    let cannot_open = |cause: sqlx::Error| StoreError::CannotOpen { path: path.to_owned(), cause: cause.into() };
    let options = sqlite_options(path).pragma("query_only", "on");
    let readers = sqlite_pool().max_connections(READERS).connect_with(options.clone()).await.map_err(cannot_open)?;
    check_sqlite(&readers).await?;
    Ok(Db::Sqlite { writer: sqlite_pool().max_connections(1).connect_lazy_with(options), readers })
}

async fn check_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(pool).await?;
    if is_safe(&version) { Ok(()) } else { Err(StoreError::OldSqlite { found: version }) }
}

fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous())
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        // What is redacted is overwritten where that costs no further reads.
        .pragma("secure_delete", "fast")
        // In pages of 4 KB: bodies are 7 KB, and a checkpoint every few batches would halve the intake.
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", "-16000")
        .statement_cache_capacity(200)
        .disable_statement_logging()
}

fn sqlite_pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .acquire_timeout(PATIENCE)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_usable(connection)))
}

/// An answered webhook must survive a power cut: every commit waits for the disk. `NORMAL` would not keep it; the test
/// of power cuts runs a debug build with it, to show that it would notice.
fn synchronous() -> SqliteSynchronous {
    if cfg!(debug_assertions) && std::env::var_os("ONDUTY_TEST_SYNCHRONOUS_NORMAL").is_some() {
        return SqliteSynchronous::Normal;
    }
    SqliteSynchronous::Full
}

/// Whether a connection that comes back may be used again; another one is opened instead of one that may not.
///
/// After a commit or a statement that the disk refused, SQLite has ended the transaction by itself, the roll-back has
/// nothing to end, and the driver goes on counting a transaction that is not there: such a connection would refuse every
/// next one, for ever. Nor is a page cache trusted that has seen a failed write or a failed sync.
async fn is_usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // Waits until the roll-back of a dropped transaction, which was queued, is through.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// The same of a connection that writes.
///
/// SQLite opens a file read-only without a word while the disk takes no writes, and the connection would stay so when the
/// disk is well again. The statement changes nothing and writes nothing, but needs the right to.
async fn is_usable_writer(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if !is_usable(connection).await? {
        return Ok(false);
    }
    let tried = sqlx::query("delete from board where false").execute(connection).await;
    Ok(!matches!(tried, Err(sqlx::Error::Database(error)) if is_read_only(error.code().as_deref())))
}

/// Whether a code of SQLite's, extended or not, says so.
fn is_read_only(code: Option<&str>) -> bool {
    const READ_ONLY: u32 = 8;
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == READ_ONLY)
}

/// Makes the folder and the file, and takes the file's rights away from everybody else. SQLite gives the files beside
/// it the same rights.
fn prepare_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = fs::OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn is_safe(version: &str) -> bool {
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.is_some_and(|parts| parts.as_slice() >= SAFE_SQLITE.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::tests::Folder;
    use sqlx::AssertSqlSafe;

    #[test]
    fn versions_of_sqlite() {
        for (version, safe) in [
            ("3.51.3", true),
            ("3.51.2", false),
            ("3.46.0", false),
            ("3.52.0", true),
            ("4.0.0", true),
            ("3.54", true),
            ("3", false),
            ("", false),
            ("3.x", false),
        ] {
            assert_eq!(is_safe(version), safe, "{version}");
        }
    }

    #[tokio::test]
    async fn the_file_belongs_to_its_owner_alone() {
        let folder = Folder::new();
        let path = folder.path().join("deep/er/onduty.db");
        Store::open(&path).await.unwrap().close().await;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let store = Store::open(&path).await.unwrap();
        assert_eq!(mode(&path), 0o600);
        store.begin().await.unwrap().commit().await.unwrap();
        for beside in ["onduty.db-wal", "onduty.db-shm"] {
            assert_eq!(mode(&path.with_file_name(beside)), 0o600, "{beside}");
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let folder = Folder::new();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = Store::open(&folder.path().join("file/onduty.db")).await.err().unwrap();
        assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn settings_hold_on_every_connection() {
        let folder = Folder::new();
        let Db::Sqlite { writer, readers } = folder.store().await.db else { unreachable!("a file") };
        for (pragma, on_writer, on_readers) in [
            ("journal_mode", "wal", "wal"),
            ("synchronous", "2", "2"),
            ("foreign_keys", "1", "1"),
            ("query_only", "0", "1"),
            ("busy_timeout", "5000", "5000"),
        ] {
            for (pool, expected) in [(&writer, on_writer), (&readers, on_readers)] {
                let sql = AssertSqlSafe(format!("select cast({pragma} as text) from pragma_{pragma}"));
                let sql = if pragma == "busy_timeout" {
                    AssertSqlSafe("select cast(timeout as text) from pragma_busy_timeout".to_owned())
                } else {
                    sql
                };
                let found: String = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
                assert_eq!(found, expected, "{pragma}");
            }
        }
    }

    #[tokio::test]
    async fn a_connection_whose_transaction_the_disk_ended_is_not_used_again() {
        let folder = Folder::new();
        let store = folder.store().await;
        let mut tx = store.begin().await.unwrap();
        // What SQLite does by itself when a write or a sync fails.
        crate::store::db::on_db!(tx, connection => sqlx::query("rollback").execute(connection).await.map(drop))
            .unwrap();
        assert!(tx.commit().await.is_err());
        let mut tx = store.begin().await.unwrap();
        crate::store::board::put(&mut tx, &"developers".into(), &serde_json::json!({})).await.unwrap();
        tx.commit().await.unwrap();
    }
}
