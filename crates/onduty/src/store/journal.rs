//! The journal: everything that replay needs, in one order. Records are only ever added.

use super::db::{from_json, on_db, pieces, placeholders, to_json};
use super::{Reader, StoreError, Tx};
use onduty_core::engine::Record;
use sqlx::AssertSqlSafe;

/// Adds a record and returns its number.
///
/// # Errors
/// When the store cannot be written.
pub async fn append(tx: &mut Tx, record: &Record) -> Result<i64, StoreError> {
    append_json(tx, &[&to_json(record)]).await
}

/// Adds records that are JSON already, and returns the number of the first; the others follow without holes.
pub(super) async fn append_json(tx: &mut Tx, records: &[&str]) -> Result<i64, StoreError> {
    const HEAD: &str = "update journal_head set seq = seq + $1 where id = 1 returning seq";
    let (head,): (i64,) =
        on_db!(tx, connection => sqlx::query_as(HEAD).bind(records.len() as i64).fetch_one(connection).await)?;
    let first = head - records.len() as i64 + 1;
    let mut seq = first;
    for piece in pieces(records) {
        let sql = format!("insert into journal (seq, record) values {}", placeholders(piece.len(), 2));
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for record in piece {
                query = query.bind(seq).bind(*record);
                seq += 1;
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    Ok(first)
}

/// At most `limit` records after number `after`, in order; 0 starts at the beginning.
///
/// # Errors
/// When the store cannot be read.
pub async fn read(db: &mut Reader, after: i64, limit: u32) -> Result<Vec<(i64, Record)>, StoreError> {
    const SQL: &str = "select seq, record from journal where seq > $1 order by seq limit $2";
    let rows: Vec<(i64, String)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(after).bind(i64::from(limit)).fetch_all(connection).await
    })?;
    rows.into_iter().map(|(seq, record)| Ok((seq, from_json("journal", &record)?))).collect()
}

/// The number of the newest record; 0 where there is none.
///
/// # Errors
/// When the store cannot be read.
pub async fn newest(db: &mut Reader) -> Result<i64, StoreError> {
    const SQL: &str = "select seq from journal_head where id = 1";
    let (seq,): (i64,) = on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?;
    Ok(seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, at, on_both};

    on_both!(records_keep_their_order, many_records_at_once_have_no_holes, a_broken_record_is_not_skipped,);

    fn passed(minute: i8) -> Record {
        Record::Passed { duty: "developers".into(), at: at(&format!("2026-03-02T16:{minute:02}:00Z")) }
    }

    async fn records_keep_their_order(place: &Place) {
        let store = place.store().await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(newest(&mut tx).await.unwrap(), 0);
        for minute in 0..5 {
            assert_eq!(append(&mut tx, &passed(minute)).await.unwrap(), i64::from(minute) + 1);
        }
        tx.commit().await.unwrap();

        let mut db = store.read().await.unwrap();
        assert_eq!(newest(&mut db).await.unwrap(), 5);
        let all = read(&mut db, 0, 100).await.unwrap();
        assert_eq!(all.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(read(&mut db, 2, 2).await.unwrap(), [(3, passed(2)), (4, passed(3))]);
        assert_eq!(read(&mut db, 5, 2).await.unwrap(), []);
    }

    async fn many_records_at_once_have_no_holes(place: &Place) {
        let store = place.store().await;
        let mut tx = store.begin().await.unwrap();
        append(&mut tx, &passed(0)).await.unwrap();
        let json = to_json(&passed(1));
        assert_eq!(append_json(&mut tx, &vec![json.as_str(); 201]).await.unwrap(), 2);
        let all = read(&mut tx, 0, 1000).await.unwrap();
        assert!(all.iter().map(|(seq, _)| *seq).eq(1..=202));
    }

    async fn a_broken_record_is_not_skipped(place: &Place) {
        let store = place.store().await;
        let mut tx = store.begin().await.unwrap();
        append_json(&mut tx, &["{\"record\":\"of another age\"}"]).await.unwrap();
        let error = read(&mut tx, 0, 10).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreadable { table: "journal", .. }), "{error:?}");
    }
}
