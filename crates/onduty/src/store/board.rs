//! The engine's small memory: one JSON value a duty, whose meaning is the engine's alone.

use super::db::{from_json, on_db, to_json};
use super::{Reader, StoreError, Tx};
use onduty_core::ids::DutyId;
use serde_json::Value;

/// What the engine put there last.
///
/// # Errors
/// When the store cannot be read.
pub async fn get(db: &mut Reader, duty: &DutyId) -> Result<Option<Value>, StoreError> {
    const SQL: &str = "select memory from board where duty = $1";
    let row: Option<(String,)> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(duty.as_str()).fetch_optional(connection).await)?;
    row.map(|(memory,)| from_json("board", &memory)).transpose()
}

/// Replaces it.
///
/// # Errors
/// When the store cannot be written.
pub async fn put(tx: &mut Tx, duty: &DutyId, memory: &Value) -> Result<(), StoreError> {
    const SQL: &str =
        "insert into board (duty, memory) values ($1, $2) on conflict (duty) do update set memory = excluded.memory";
    on_db!(tx, connection => {
        sqlx::query(SQL).bind(duty.as_str()).bind(to_json(memory)).execute(connection).await.map(drop)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, on_both};
    use serde_json::json;

    on_both!(one_value_a_duty, without_commit_nothing_happened,);

    async fn one_value_a_duty(place: &Place) {
        let store = place.store().await;
        let (developers, devops) = (DutyId::new("developers"), DutyId::new("devops"));
        let mut tx = store.begin().await.unwrap();
        put(&mut tx, &developers, &json!({"b": 1, "a": 2})).await.unwrap();
        put(&mut tx, &developers, &json!({"b": 3, "a": 2})).await.unwrap();
        // The writer sees its own work, others do not yet.
        assert_eq!(get(&mut tx, &developers).await.unwrap(), Some(json!({"b": 3, "a": 2})));
        assert_eq!(get(&mut store.read().await.unwrap(), &developers).await.unwrap(), None);
        tx.commit().await.unwrap();
        let mut db = store.read().await.unwrap();
        assert_eq!(get(&mut db, &developers).await.unwrap().unwrap().to_string(), r#"{"b":3,"a":2}"#);
        assert_eq!(get(&mut db, &devops).await.unwrap(), None);
    }

    async fn without_commit_nothing_happened(place: &Place) {
        let store = place.store().await;
        let duty = DutyId::new("developers");
        let mut tx = store.begin().await.unwrap();
        put(&mut tx, &duty, &json!(1)).await.unwrap();
        drop(tx);
        assert_eq!(get(&mut store.begin().await.unwrap(), &duty).await.unwrap(), None);
    }
}
