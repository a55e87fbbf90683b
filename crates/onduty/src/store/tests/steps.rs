//! A store of an earlier version is brought up to date with nothing lost, and is then as a new one is.

use super::{Place, execute_on, table_columns};
use crate::store::{Db, Store, StoreError, log_book, open, schema};

/// One row in each table that outlives versions, as the first version wrote it.
const FILLED: [&str; 8] = [
    "insert into journal (seq, record) values (1, '{}')",
    "insert into board (duty, memory) values ('developers', '{}')",
    "insert into item values ('i1', 'developers', 'look', 'x', 1, 'open', '2026-03-02', 1, null, '{}')",
    "insert into account values ('a1', 'Lena Vogt', 'lena', 1, 1, null)",
    "insert into session (token_hash, id, account, created_at, last_seen_at, expires_at) values ('h1', 's1', 'a1', 1, 2, 3)",
    "insert into api_token (token_hash, id, account, name, scopes, created_at, expires_at)
        values ('h2', 't1', 'a1', 'ci', 'read', 1, 2)",
    "insert into outbox values ('o1', 'developers', 'chat', 'k', '{}', 'pending', 0, 0, null, 0)",
    "insert into process_version values ('developers', 1, 'process: developers', 'h', 1, null, 'found', '[]')",
];

/// An entry of the log book as well, which PostgreSQL finds by words that are written with it.
const LOGGED: &str = "insert into log_entry (duty, seq, at, shift_day, event, text, salt, body_hash, hash)
    values ('developers', 1, 1, '2026-03-02', '{\"event\":\"note\",\"text\":\"before the upgrade\"}',
    'before the upgrade', 's', 'b', 'h')";
const LOGGED_IN_POSTGRES: &str =
    "insert into log_entry (duty, seq, at, shift_day, event, text, salt, body_hash, hash, words)
    values ('developers', 1, 1, '2026-03-02', '{\"event\":\"note\",\"text\":\"before the upgrade\"}',
    'before the upgrade', 's', 'b', 'h', '''before'':1 ''the'':2 ''upgrade'':3'::tsvector)";

async fn number(store: &Store, sql: &'static str) -> i64 {
    match &store.db {
        Db::Sqlite { writer, .. } => sqlx::query_scalar(sql).fetch_one(writer).await.expect(sql),
        Db::Postgres(postgres) => sqlx::query_scalar(sql).fetch_one(postgres.writer()).await.expect(sql),
    }
}

/// A filled store of step `step` at `place`, opened by this version.
async fn brought_up(place: &Place, step: i64) -> Result<Store, StoreError> {
    let db = open::open_for_restore(&place.location(), step).await?;
    assert_eq!(schema::found(&mut db.read().await?).await?, step);
    let logged = if matches!(db, Db::Sqlite { .. }) { LOGGED } else { LOGGED_IN_POSTGRES };
    for sql in FILLED.into_iter().chain([logged]) {
        execute_on(&db, sql).await.expect(sql);
    }
    db.close().await;
    Store::open_at(&place.location()).await
}

#[tokio::test]
async fn a_store_of_each_earlier_step_comes_up_to_date_with_nothing_lost() {
    let earlier: Vec<i64> =
        schema::sqlite().iter().map(|step| step.version).filter(|step| *step < schema::newest()).collect();
    assert!(earlier.contains(&1) && earlier.len() >= 2, "{earlier:?}");
    for make in [|| Some(Place::sqlite()), Place::postgres] {
        for step in &earlier {
            let (Some(place), Some(fresh)) = (make(), make()) else { continue };
            let store = brought_up(&place, *step).await.expect("it comes up to date");
            assert_eq!(schema::found(&mut store.read().await.unwrap()).await.unwrap(), schema::newest());
            assert_eq!(table_columns(&store).await, table_columns(&fresh.store().await).await, "from step {step}");
            for sql in [
                "select count(*) from journal",
                "select count(*) from board",
                "select count(*) from item where body = '{}'",
                "select count(*) from log_entry where text = 'before the upgrade'",
                "select count(*) from account where engineer = 'lena'",
                "select count(*) from session where id = 's1' and how = 'link' and proved_at = 0 and agent is null",
                "select count(*) from api_token where id = 't1' and last_used_at is null",
                "select count(*) from outbox where state = 'pending'",
                "select count(*) from process_version",
            ] {
                assert_eq!(number(&store, sql).await, 1, "from step {step}: {sql}");
            }
            let mut reader = store.read().await.unwrap();
            let found = log_book::search(&mut reader, &"developers".into(), "upgrade", 10).await;
            assert_eq!(found.expect("it can still be read").len(), 1, "it is still found by its words");
            drop(reader);
            store.close().await;
        }
    }
}
