//! What tests of the store share: a place for a store on each kind of database, and ways to look behind its back.

mod lost_commits;
mod steps;
mod twins;

use super::*;
use jiff::Timestamp;
use onduty_fakes::postgres::Database;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeMap;

/// Runs each of these functions as a test on a file of SQLite and as one on a database of PostgreSQL.
///
/// `on_both!(it_is_kept, it_is_found);` beside `async fn it_is_kept(place: &Place) { … }`. Where there is no PostgreSQL
/// the run says so, and fails if `ONDUTY_TEST_STORES` is `both`.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&$crate::store::tests::Place::sqlite()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(place) = $crate::store::tests::Place::postgres() {
                    super::$test(&place).await;
                }
            })+
        }
    };
}
pub(crate) use on_both;

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

/// A place for one test's store, gone after it.
pub(crate) struct Place {
    folder: Folder,
    database: Option<Database>,
}

impl Place {
    pub(crate) fn sqlite() -> Place {
        Place { folder: Folder::new(), database: None }
    }

    /// `None` where there is no PostgreSQL, which the run says.
    pub(crate) fn postgres() -> Option<Place> {
        Some(Place { folder: Folder::new(), database: Some(onduty_fakes::postgres::database()?) })
    }

    /// For files beside the store.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn location(&self) -> Location {
        match &self.database {
            None => Location::Sqlite(self.folder.file()),
            Some(database) => Location::Postgres(database.url().into()),
        }
    }

    /// Opens the place's store, the same each time.
    pub(crate) async fn store(&self) -> Store {
        Store::open_at(&self.location()).await.expect("a store")
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

/// Runs statements that no function of the store offers.
pub(crate) async fn execute(store: &Store, sql: &str) -> Result<(), sqlx::Error> {
    execute_on(&store.db, sql).await
}

/// The same where no store is opened yet.
async fn execute_on(db: &Db, sql: &str) -> Result<(), sqlx::Error> {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    match db {
        Db::Sqlite { writer, .. } => writer.execute(sql).await.map(drop),
        Db::Postgres(postgres) => postgres.writer().execute(sql).await.map(drop),
    }
}

/// Whichever of the two texts is for this store's database.
pub(crate) fn dialect<'a>(store: &Store, sqlite: &'a str, postgres: &'a str) -> &'a str {
    match &store.db {
        Db::Sqlite { .. } => sqlite,
        Db::Postgres(_) => postgres,
    }
}

/// Every table of ours with its columns and their types, in PostgreSQL's words.
pub(crate) async fn table_columns(store: &Store) -> BTreeMap<String, BTreeMap<String, String>> {
    const IN_SQLITE: &str = "select t.name, c.name, case c.type when 'INTEGER' then 'bigint' when 'TEXT' then 'text'
        when 'BLOB' then 'bytea' else c.type end from pragma_table_list t, pragma_table_info(t.name) c
        where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite_%' and t.name <> '_sqlx_migrations'";
    const IN_POSTGRES: &str = "select table_name::text, column_name::text, data_type::text
        from information_schema.columns where table_schema = current_schema() and table_name <> '_sqlx_migrations'";
    let rows: Vec<(String, String, String)> = match &store.db {
        Db::Sqlite { writer, .. } => sqlx::query_as(IN_SQLITE).fetch_all(writer).await.expect("tables"),
        Db::Postgres(postgres) => sqlx::query_as(IN_POSTGRES).fetch_all(postgres.writer()).await.expect("tables"),
    };
    let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (table, column, column_type) in rows {
        tables.entry(table).or_default().insert(column, column_type);
    }
    tables
}

/// The steps of a statement's plan that would read a whole table, on SQLite.
pub(crate) async fn scans_in(store: &Store, sql: &str) -> Vec<String> {
    let Db::Sqlite { writer, .. } = &store.db else { unreachable!("only SQLite plans without statistics") };
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
