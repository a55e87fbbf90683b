//! Filling an empty store quickly: indexes that cost most are made at the end, in one go.

use crate::store::db::on_db;
use crate::store::{StoreError, Tx};
use sqlx::AssertSqlSafe;

/// What was taken away before filling and is put back after it.
pub(super) struct Aside {
    put_back: Vec<String>,
}

/// Takes away what looks at each new row of the log book to index its words.
pub(super) async fn begin(tx: &mut Tx) -> Result<Aside, StoreError> {
    const IN_SQLITE: &str = "select sql, 'drop trigger ' || name from sqlite_master
        where type = 'trigger' and name = 'log_text_added'";
    const IN_POSTGRES: &str = "select indexdef::text, 'drop index ' || indexname from pg_indexes
        where schemaname = current_schema() and indexname = 'log_entry_words'";
    let sql = if tx.is_postgres() { IN_POSTGRES } else { IN_SQLITE };
    let found: Vec<(String, String)> = on_db!(tx, connection => sqlx::query_as(sql).fetch_all(connection).await)?;
    let mut put_back = Vec::new();
    for (make, take_away) in found {
        execute(tx, take_away).await?;
        put_back.push(make);
    }
    Ok(Aside { put_back })
}

/// Indexes what was filled in and puts everything back; numbers go on after those that came.
pub(super) async fn end(tx: &mut Tx, aside: Aside) -> Result<(), StoreError> {
    if tx.is_postgres() {
        continue_numbers(tx).await?;
    } else {
        execute(tx, "insert into log_text (log_text) values ('rebuild')".to_owned()).await?;
    }
    for make in aside.put_back {
        execute(tx, make).await?;
    }
    Ok(())
}

async fn continue_numbers(tx: &mut Tx) -> Result<(), StoreError> {
    const NUMBERED: &str = "select table_name::text, column_name::text from information_schema.columns
        where table_schema = current_schema() and is_identity = 'YES'";
    let numbered: Vec<(String, String)> =
        on_db!(tx, connection => sqlx::query_as(NUMBERED).fetch_all(connection).await)?;
    for (table, column) in numbered {
        let next = format!(
            "select setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max({column}), 0) + 1, false) from {table}"
        );
        execute(tx, next).await?;
    }
    Ok(())
}

async fn execute(tx: &mut Tx, sql: String) -> Result<(), StoreError> {
    Ok(on_db!(tx, connection => sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(drop))?)
}
