//! Files as they were when they last took effect, so that a start knows which of them changed meanwhile. Their texts
//! are in the journal.

use super::db::on_db;
use super::{Reader, StoreError, Tx};

/// The hash of the file called `name` when it last took effect.
///
/// # Errors
/// When the store cannot be read.
pub async fn hash_of(db: &mut Reader, name: &str) -> Result<Option<String>, StoreError> {
    const SQL: &str = "select text_hash from seen_file where name = $1";
    let row: Option<(String,)> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(name).fetch_optional(connection).await)?;
    Ok(row.map(|(hash,)| hash))
}

/// Remembers that the file with this hash took effect with record `journal_seq`.
///
/// # Errors
/// When the store cannot be written.
pub async fn remember(tx: &mut Tx, name: &str, hash: &str, journal_seq: i64) -> Result<(), StoreError> {
    const SQL: &str = "insert into seen_file (name, text_hash, journal_seq) values ($1, $2, $3)
        on conflict (name) do update set text_hash = excluded.text_hash, journal_seq = excluded.journal_seq";
    on_db!(tx, connection => {
        sqlx::query(SQL).bind(name).bind(hash).bind(journal_seq).execute(connection).await.map(drop)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, on_both};

    on_both!(the_last_hash_counts,);

    async fn the_last_hash_counts(place: &Place) {
        let store = place.store().await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(hash_of(&mut tx, "roster.yml").await.unwrap(), None);
        remember(&mut tx, "roster.yml", "ab", 1).await.unwrap();
        remember(&mut tx, "roster.yml", "cd", 7).await.unwrap();
        assert_eq!(hash_of(&mut tx, "roster.yml").await.unwrap().as_deref(), Some("cd"));
        assert_eq!(hash_of(&mut tx, "onduty.yml").await.unwrap(), None);
    }
}
