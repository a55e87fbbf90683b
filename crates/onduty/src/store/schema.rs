//! The schema: numbered steps forward, the same numbers on each kind of database.

use super::db::on_db;
use super::{Reader, StoreError};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

/// A step on each kind of database.
struct Step {
    number: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! step {
    ($number:literal, $name:literal, $file:literal) => {
        Step {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../migrations/postgres/", $file)),
        }
    };
}

/// Every step, in order. Numbers are never used again, and a step that was released never changes.
const STEPS: &[Step] = &[
    step!(1, "first", "0001_first.sql"),
    step!(2, "people", "0002_people.sql"),
    step!(6, "restored", "0006_restored.sql"),
    step!(8, "latency", "0008_latency.sql"),
    step!(9, "performance", "0009_performance.sql"),
    step!(10, "calendar_feeds", "0010_calendar_feeds.sql"),
    step!(11, "plans", "0011_plans.sql"),
    step!(12, "leave", "0012_leave.sql"),
    step!(14, "leave_calendars", "0014_leave_calendars.sql"),
];

/// The first step that can remember that a store came from a backup: older stores are not backed up.
pub(super) const KNOWS_BACKUPS: i64 = 6;

/// The newest schema that this program knows.
pub(super) fn newest() -> i64 {
    STEPS.iter().map(|step| step.number).max().unwrap_or(0)
}

/// The tables that the steps make in a database of PostgreSQL.
pub(super) fn tables() -> Vec<String> {
    let lines = STEPS.iter().flat_map(|step| step.postgres.lines());
    let names = lines.filter_map(|line| line.strip_prefix("create table ")?.split([' ', '(']).next());
    names.map(str::to_owned).chain(["_sqlx_migrations".to_owned()]).collect()
}

/// The steps for SQLite.
pub(super) fn sqlite() -> Migrator {
    migrator(|step| step.sqlite)
}

/// The steps for PostgreSQL.
pub(super) fn postgres() -> Migrator {
    migrator(|step| step.postgres)
}

fn migrator(text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migration = |step: &Step| {
        Migration::new(step.number, step.name.into(), MigrationType::Simple, text(step).into_sql_str(), false)
    };
    Migrator::with_migrations(STEPS.iter().map(migration).collect())
}

/// Applies what is missing; refuses a database that knows more than this program.
/// Up to `target`, where there is one.
pub(super) async fn bring_up_to_date<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
    target: Option<i64>,
) -> Result<(), StoreError> {
    connection.ensure_migrations_table(&migrator.table_name).await.map_err(of_the_schema)?;
    let applied = connection.list_applied_migrations(&migrator.table_name).await.map_err(of_the_schema)?;
    let found = applied.iter().map(|migration| migration.version).max().unwrap_or(0);
    if found > newest() {
        return Err(StoreError::NewerSchema { found, known: newest() });
    }
    migrator.run_direct(target, connection, false).await.map_err(of_the_schema)
}

/// The newest step that the database has.
pub(super) async fn found(db: &mut Reader) -> Result<i64, StoreError> {
    const SQL: &str = "select max(version) from _sqlx_migrations";
    let newest: Result<(Option<i64>,), sqlx::Error> =
        on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await);
    match newest {
        Ok((Some(newest),)) => Ok(newest),
        Ok((None,)) => Err(StoreError::NoStore),
        // The table is not there.
        Err(sqlx::Error::Database(error)) if error.message().contains("_sqlx_migrations") => Err(StoreError::NoStore),
        Err(error) => Err(error.into()),
    }
}

fn of_the_schema(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        error => StoreError::Migration(error),
    }
}
