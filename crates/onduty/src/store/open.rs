//! Opening a database of either kind, and what its schema misses.

use super::db::Db;
use super::postgres::Postgres;
use super::{Location, StoreError, schema, sqlite};
use secrecy::SecretString;
use std::path::Path;

/// Opens or makes the database at `path`, readable by its owner alone, with the newest schema.
pub(super) async fn open_sqlite(path: &Path) -> Result<Db, StoreError> {
    let db = sqlite::open_to_write(path).await?;
    bring_up_to_date(&db, None).await?;
    Ok(db)
}

/// Opens the database at `url`, with the newest schema.
pub(super) async fn open_postgres(url: &SecretString) -> Result<Db, StoreError> {
    let db = Db::Postgres(Postgres::connect(url).await?);
    bring_up_to_date(&db, None).await?;
    Ok(db)
}

/// Opens or makes a database for a backup with the schema `schema`. One that has a schema already keeps it.
pub(super) async fn open_for_restore(location: &Location, schema: i64) -> Result<Db, StoreError> {
    let db = match location {
        Location::Sqlite(path) => sqlite::open_to_write(path).await?,
        Location::Postgres(url) => Db::Postgres(Postgres::connect(url).await?),
    };
    let found = schema::found(&mut db.read().await?).await;
    if matches!(found, Err(StoreError::NoStore)) {
        bring_up_to_date(&db, Some(schema)).await?;
    }
    Ok(db)
}

/// Applies what the schema misses, up to `target` where there is one.
pub(super) async fn bring_up_to_date(db: &Db, target: Option<i64>) -> Result<(), StoreError> {
    match db {
        Db::Sqlite { writer, .. } => {
            schema::bring_up_to_date(&mut *writer.acquire().await?, &schema::sqlite(), target).await
        }
        Db::Postgres(postgres) => {
            schema::bring_up_to_date(&mut *postgres.writer().acquire().await?, &schema::postgres(), target).await
        }
    }
}

/// Lets the database count what it has, so that it plans well from the start.
pub(super) async fn gather_statistics(db: &Db) -> Result<(), StoreError> {
    match db {
        Db::Sqlite { writer, .. } => sqlx::query("pragma optimize = 0x10002").execute(writer).await.map(drop)?,
        Db::Postgres(postgres) => sqlx::query("analyze").execute(postgres.writer()).await.map(drop)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::tests::Folder;

    #[tokio::test]
    async fn a_filled_database_is_opened_again() {
        let folder = Folder::new();
        let store = folder.store().await;
        let mut tx = store.begin().await.unwrap();
        crate::store::board::put(&mut tx, &"developers".into(), &serde_json::json!({"a": 1})).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;

        let store = folder.store().await;
        let board = crate::store::board::get(&mut store.read().await.unwrap(), &"developers".into()).await.unwrap();
        assert_eq!(board, Some(serde_json::json!({"a": 1})));
        let Db::Sqlite { writer, .. } = &store.db else { unreachable!("a file") };
        let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations").fetch_one(writer).await.unwrap();
        assert_eq!(applied, schema::sqlite().iter().count() as i64);
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused() {
        let folder = Folder::new();
        let store = folder.store().await;
        let Db::Sqlite { writer, .. } = &store.db else { unreachable!("a file") };
        sqlx::query("insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (7000, 'later', true, x'00', 0)")
            .execute(writer)
            .await
            .unwrap();
        store.close().await;
        let error = Store::open(&folder.file()).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "the store has schema 7000, this onduty knows up to {}; start the newer onduty, or restore a backup from before",
                schema::newest()
            )
        );
    }
}
