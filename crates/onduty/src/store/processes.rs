//! Accepted versions of processes, numbered from 1 for each duty. A version never changes.

use super::db::{from_json, micros, on_db, timestamp, to_json};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use onduty_core::ids::{DutyId, EngineerId};

/// A version before it has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// Whose process.
    pub duty: DutyId,
    /// The file as it is.
    pub text: String,
    /// A hash of it, to know it again.
    pub text_hash: String,
    /// When it takes effect, in duty time.
    pub activated_at: Timestamp,
    /// Who changed it; `None` when the file was simply there.
    pub activated_by: Option<EngineerId>,
    /// Why.
    pub reason: String,
    /// What changed, in words of the process.
    pub changes: Vec<String>,
}

/// A version that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub number: u32,
    /// Everything else.
    pub version: NewVersion,
}

/// Makes it the current version and returns its number.
///
/// # Errors
/// When the store cannot be written.
pub async fn activate(tx: &mut Tx, version: &NewVersion) -> Result<u32, StoreError> {
    const SQL: &str = "insert into process_version
        (duty, number, text, text_hash, activated_at, activated_by, reason, changes)
        select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7 from process_version where duty = $1
        returning number";
    let (number,): (i64,) = on_db!(tx, connection => {
        sqlx::query_as(SQL)
            .bind(version.duty.as_str())
            .bind(version.text.as_str())
            .bind(version.text_hash.as_str())
            .bind(micros(version.activated_at))
            .bind(version.activated_by.as_ref().map(EngineerId::as_str))
            .bind(version.reason.as_str())
            .bind(to_json(&version.changes))
            .fetch_one(connection)
            .await
    })?;
    number_of(number)
}

/// The version in force; `None` before the first.
///
/// # Errors
/// When the store cannot be read.
pub async fn current(db: &mut Reader, duty: &DutyId) -> Result<Option<Version>, StoreError> {
    const SQL: &str = "select number, text, text_hash, activated_at, activated_by, reason, changes
        from process_version where duty = $1 order by number desc limit 1";
    let row: Option<Row> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(duty.as_str()).fetch_optional(connection).await)?;
    row.map(|row| version(duty, row)).transpose()
}

/// Every version, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn list(db: &mut Reader, duty: &DutyId) -> Result<Vec<Version>, StoreError> {
    const SQL: &str = "select number, text, text_hash, activated_at, activated_by, reason, changes
        from process_version where duty = $1 order by number desc";
    let rows: Vec<Row> = on_db!(db, connection => sqlx::query_as(SQL).bind(duty.as_str()).fetch_all(connection).await)?;
    rows.into_iter().map(|row| version(duty, row)).collect()
}

type Row = (i64, String, String, i64, Option<String>, String, String);

fn version(duty: &DutyId, row: Row) -> Result<Version, StoreError> {
    let (number, text, text_hash, activated_at, activated_by, reason, changes) = row;
    let version = NewVersion {
        duty: duty.clone(),
        text,
        text_hash,
        activated_at: timestamp("process_version", activated_at)?,
        activated_by: activated_by.map(EngineerId::new),
        reason,
        changes: from_json("process_version", &changes)?,
    };
    Ok(Version { number: number_of(number)?, version })
}

fn number_of(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|cause| StoreError::unreadable("process_version")(cause.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, at, on_both};

    on_both!(versions_count_up_by_duty,);

    async fn versions_count_up_by_duty(place: &Place) {
        let store = place.store().await;
        let first = NewVersion {
            duty: "developers".into(),
            text: "process: developers\n".into(),
            text_hash: "ab".into(),
            activated_at: at("2026-03-02T09:00:00Z"),
            activated_by: None,
            reason: "found".into(),
            changes: Vec::new(),
        };
        let second = NewVersion {
            text_hash: "cd".into(),
            activated_by: Some("lena".into()),
            changes: vec!["step rollout: after 16:00 is 15:00 now".into()],
            ..first.clone()
        };
        let mut tx = store.begin().await.unwrap();
        assert_eq!(current(&mut tx, &first.duty).await.unwrap(), None);
        assert_eq!(activate(&mut tx, &first).await.unwrap(), 1);
        assert_eq!(activate(&mut tx, &second).await.unwrap(), 2);
        assert_eq!(activate(&mut tx, &NewVersion { duty: "devops".into(), ..first.clone() }).await.unwrap(), 1);
        let second = Version { number: 2, version: second };
        assert_eq!(current(&mut tx, &first.duty).await.unwrap().as_ref(), Some(&second));
        let duty = first.duty.clone();
        assert_eq!(list(&mut tx, &duty).await.unwrap(), [second, Version { number: 1, version: first }]);
    }
}
