//! How large a store is.

use super::db::on_db;
use super::{Reader, StoreError};

/// Bytes and rows of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the database: its file, or what PostgreSQL has on its disk.
    pub database: u64,
    /// Bytes of the write-ahead log beside the file. PostgreSQL's belongs to all databases of its server and is not asked.
    pub write_ahead_log: Option<u64>,
    /// Entries of all log books.
    pub log_entries: u64,
}

/// How large the store is now.
///
/// # Errors
/// When the store cannot be read.
pub async fn size(db: &mut Reader) -> Result<Size, StoreError> {
    const IN_POSTGRES: &str = "select pg_database_size(current_database())";
    const IN_SQLITE: &str = "select file from pragma_database_list where name = 'main'";
    // Every entry has its number, and no entry is ever taken out: counting them would read them all.
    const ENTRIES: &str = "select cast(coalesce(sum(seq), 0) as bigint) from log_head";
    let (entries,): (i64,) = on_db!(db, connection => sqlx::query_as(ENTRIES).fetch_one(connection).await)?;
    let log_entries = entries.unsigned_abs();
    if db.is_postgres() {
        let (bytes,): (i64,) = on_db!(db, connection => sqlx::query_as(IN_POSTGRES).fetch_one(connection).await)?;
        return Ok(Size { database: bytes.unsigned_abs(), write_ahead_log: None, log_entries });
    }
    let (file,): (String,) = on_db!(db, connection => sqlx::query_as(IN_SQLITE).fetch_one(connection).await)?;
    // Where nothing was written since the last start there is no log.
    let bytes = |path: &str| std::fs::metadata(path).map_or(0, |file| file.len());
    Ok(Size { database: bytes(&file), write_ahead_log: Some(bytes(&format!("{file}-wal"))), log_entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, at, on_both};
    use crate::store::{Intake, board};
    use serde_json::json;

    on_both!(a_store_grows, what_waits_is_counted,);

    async fn a_store_grows(place: &Place) {
        let store = place.store().await;
        let before = size(&mut store.read().await.unwrap()).await.unwrap();
        assert!(before.database + before.write_ahead_log.unwrap_or(0) > 10_000, "{before:?}");
        assert_eq!(before.log_entries, 0);
        let mut tx = store.begin().await.unwrap();
        // PostgreSQL makes it smaller, but not small.
        let text: String =
            (0..400_000_u32).map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26)).collect();
        board::put(&mut tx, &"developers".into(), &json!({ "text": text })).await.unwrap();
        tx.commit().await.unwrap();
        let after = size(&mut store.read().await.unwrap()).await.unwrap();
        match (before.write_ahead_log, after.write_ahead_log) {
            (Some(before), Some(after)) => assert!(after >= before + 400_000, "{before} {after}"),
            (None, None) => assert!(after.database >= before.database + 50_000, "{before:?} {after:?}"),
            odd => panic!("{odd:?}"),
        }
    }

    async fn what_waits_is_counted(place: &Place) {
        let store = place.store().await;
        assert_eq!((store.intake_depth().deliveries, store.intake_depth().bytes), (0, 0));
        // Nobody can be written for while somebody else writes.
        let tx = store.begin().await.unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|n| {
                let (store, real_at) = (store.clone(), at("2026-03-02T16:00:00Z"));
                let intake = Intake {
                    source: "signals".into(),
                    event: "contact".into(),
                    key: format!("key {n}"),
                    delivery: None,
                    headers_json: "{}".into(),
                    body: vec![b'x'; 1_000],
                    observations: Vec::new(),
                    received_at: real_at,
                    real_at,
                };
                tokio::spawn(async move { store.intake(intake).await })
            })
            .collect();
        // One is in the writer's hands, the others wait behind it.
        while store.intake_depth().bytes < 3_000 || store.intake_depth().deliveries > 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.intake_depth().deliveries, 2);
        drop(tx);
        for one in waiting {
            one.await.unwrap().unwrap();
        }
        while store.intake_depth().bytes > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.intake_depth().deliveries, 0);
    }
}
