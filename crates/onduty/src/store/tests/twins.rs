//! Both databases have the same tables, and PostgreSQL is a server on which the promises hold.

use super::{Place, execute, table_columns};
use crate::store::{Db, Location, Store, StoreError};

#[tokio::test]
async fn both_twins_have_the_same_columns() {
    let mut sqlite = table_columns(&Place::sqlite().store().await).await;
    assert!(sqlite.len() >= 20, "too few tables were found: {sqlite:?}");
    let Some(place) = Place::postgres() else { return };
    let mut postgres = table_columns(&place.store().await).await;
    // Full text and what became of a commit are each database's own business.
    sqlite.remove("log_text");
    let words = postgres.get_mut("log_entry").and_then(|columns| columns.remove("words"));
    assert_eq!(words.as_deref(), Some("tsvector"));
    assert!(postgres.remove("last_commit").is_some());
    assert_eq!(sqlite, postgres);
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_both() {
    for place in [Some(Place::sqlite()), Place::postgres()].into_iter().flatten() {
        let store = place.store().await;
        let sql = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
            values (7000, 'later', true, '00', 0)";
        execute(&store, sql).await.unwrap();
        store.close().await;
        let error = Store::open_at(&place.location()).await.err().unwrap();
        assert!(matches!(error, StoreError::NewerSchema { found: 7000, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn addresses_that_lead_nowhere_say_so_without_the_password() {
    for (address, expected) in [
        (
            "postgres://onduty:hunter2@:x/",
            "this is not the address of a database; write postgres://user:password@host/database",
        ),
        ("hunter2", "this is not the address of a database; write postgres://user:password@host/database"),
        (
            "postgres://onduty:hunter2@127.0.0.1:1/onduty",
            "the database cannot be reached; check its address, its user and that it runs",
        ),
    ] {
        let error = Store::open_at(&Location::Postgres(address.into())).await.err().unwrap();
        assert_eq!(error.to_string(), expected, "{address}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_database_that_sorts_otherwise_is_refused() {
    let Some(server) = onduty_fakes::postgres::shared() else { return };
    let database = server.database_sorted_by("C.UTF-8");
    Store::open_at(&Location::Postgres(database.url().into())).await.unwrap().close().await;
    let database = server.database_encoded("SQL_ASCII");
    let error = Store::open_at(&Location::Postgres(database.url().into())).await.err().unwrap();
    assert!(matches!(&error, StoreError::WrongCollation { found, .. } if found == "SQL_ASCII, C"), "{error:?}");
}

#[tokio::test]
async fn what_was_answered_is_on_the_disk_whatever_the_server_is_used_to() {
    let Some(place) = Place::postgres() else { return };
    let store = place.store().await;
    let name =
        "do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$";
    execute(&store, name).await.unwrap();
    store.close().await;
    let Db::Postgres(postgres) = place.store().await.db else { unreachable!("a server") };
    let on: String = sqlx::query_scalar("show synchronous_commit").fetch_one(postgres.writer()).await.unwrap();
    assert_eq!(on, "on");
}
