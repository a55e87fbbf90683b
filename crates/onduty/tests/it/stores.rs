//! Which database the tests of this run use: a file, or PostgreSQL where `ONDUTY_TEST_STORE=postgres`.

use crate::tools::write_private;
use onduty::config::{Config, FILE_NAME};
use onduty::store::Location;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};
use std::path::Path;

/// Whether this run is about PostgreSQL.
pub fn on_postgres() -> bool {
    std::env::var("ONDUTY_TEST_STORE").is_ok_and(|store| store == "postgres")
}

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// SQLite.
    File,
    Postgres,
}

/// Runs each of these functions as a test on a file of SQLite and as one on a database of PostgreSQL, whatever the rest of
/// the run is about.
///
/// `on_both!(it_is_kept);` beside `async fn it_is_kept(kind: Kind) { … }`. Where there is no PostgreSQL the run says so, and
/// fails if `ONDUTY_TEST_STORES` is `both`.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::stores::Kind::File).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if onduty_fakes::postgres::shared().is_some() {
                    super::$test($crate::stores::Kind::Postgres).await;
                }
            })+
        }
    };
}
pub(crate) use on_both;

/// Lets the instance in the folder `files` keep its store in a new database of this kind.
pub fn keep_in_new(files: &Path, kind: Kind) {
    match kind {
        Kind::File => keep_in_a_file(files),
        Kind::Postgres => {
            let server = onduty_fakes::postgres::shared().expect("asked before");
            keep_in(files, server.database().url());
        }
    }
}

/// Gives the instance in the folder `files` a database where this run wants one. Its `onduty.yml` is there already.
pub fn choose(files: &Path) {
    if on_postgres() {
        let server = onduty_fakes::postgres::shared().expect("ONDUTY_TEST_STORE=postgres needs PostgreSQL");
        keep_in(files, server.database().url());
    }
}

/// The line of an instance's file that names a database.
const DATABASE: &str = "\ndatabase: {url_file: secrets/database}\n";

/// Lets the instance in the folder `files` keep its store in a file.
pub fn keep_in_a_file(files: &Path) {
    let path = files.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).expect("the instance has its file");
    std::fs::write(&path, text.replace(DATABASE, "")).expect("a file");
}

/// Lets the instance in the folder `files` keep its store at `url`.
pub fn keep_in(files: &Path, url: &str) {
    keep_in_a_file(files);
    let path = files.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).expect("the instance has its file");
    std::fs::write(&path, format!("{text}{DATABASE}")).expect("a file");
    std::fs::create_dir_all(files.join("secrets")).expect("a folder");
    write_private(&files.join("secrets/database"), url);
}

/// Where the instance in the folder `files` has its store.
pub fn location(files: &Path) -> Location {
    let config = Config::load(&files.join(FILE_NAME)).expect("a good file");
    onduty::app::location(&config).expect("its address is there")
}

/// Does `sql` behind the back of the instance in the folder `files`.
pub async fn execute(files: &Path, sql: &'static str) {
    let done = match location(files) {
        Location::Sqlite(path) => {
            let mut connection = sqlite(&path).await.expect("a file");
            let done = connection.execute(sql).await.map(drop);
            connection.close().await.and(done)
        }
        Location::Postgres(url) => postgres(&url).await.expect("a server").execute(sql).await.map(drop),
    };
    done.expect("SQL");
}

/// The one number that `sql` gives.
///
/// A connection to a file that is only dropped is closed some time later, and then takes away the write-ahead log that is
/// beside the file by that time, even if another store was put there.
pub async fn count(location: &Location, sql: &'static str) -> Result<i64, sqlx::Error> {
    match location {
        Location::Sqlite(path) => {
            let mut connection = sqlite(path).await?;
            let found = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
            connection.close().await?;
            found
        }
        Location::Postgres(url) => sqlx::query_scalar(sql).fetch_one(&mut postgres(url).await?).await,
    }
}

async fn sqlite(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new().filename(path).disable_statement_logging().connect().await
}

async fn postgres(url: &SecretString) -> Result<PgConnection, sqlx::Error> {
    let options: PgConnectOptions = url.expose_secret().parse()?;
    options.disable_statement_logging().connect().await
}
