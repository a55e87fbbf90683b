//! Plans that were published, numbered from 1 for each duty, with why whom. Which plan counts is on the duty's board; a version never
//! changes.

use super::db::{from_json, micros, on_db, timestamp, to_json};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use jiff::civil::Date;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::logbook::MovedShift;
use onduty_core::plan::Why;
use std::collections::BTreeMap;

/// A published plan before it has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVersion {
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub until: Date,
    /// Who published it.
    pub by: EngineerId,
    /// When, in duty time.
    pub at: Timestamp,
    /// Days that people counted on and that moved with it.
    pub moved: Vec<MovedShift>,
    /// Why whom, by day.
    pub reasons: BTreeMap<Date, Why>,
}

/// A published plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// From 1.
    pub number: u32,
    /// Everything else.
    pub version: NewVersion,
}

/// Keeps it and returns its number.
///
/// # Errors
/// When the store cannot be written.
pub async fn publish(tx: &mut Tx, duty: &DutyId, new: &NewVersion) -> Result<u32, StoreError> {
    const SQL: &str = "insert into plan_version
        (duty, number, first_day, last_day, published_at, published_by, moved, reasons)
        select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7 from plan_version where duty = $1
        returning number";
    let (number,): (i64,) = on_db!(tx, connection => {
        sqlx::query_as(SQL)
            .bind(duty.as_str())
            .bind(new.from.to_string())
            .bind(new.until.to_string())
            .bind(micros(new.at))
            .bind(new.by.as_str())
            .bind(to_json(&new.moved))
            .bind(to_json(&new.reasons))
            .fetch_one(connection)
            .await
    })?;
    number_of(number)
}

/// The newest versions, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn newest(db: &mut Reader, duty: &DutyId, most: u32) -> Result<Vec<Version>, StoreError> {
    const SQL: &str = "select number, first_day, last_day, published_at, published_by, moved, reasons
        from plan_version where duty = $1 order by number desc limit $2";
    let rows: Vec<Row> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(i64::from(most)).fetch_all(connection).await
    })?;
    rows.into_iter().map(version).collect()
}

type Row = (i64, String, String, i64, String, String, String);

fn version((number, from, until, at, by, moved, reasons): Row) -> Result<Version, StoreError> {
    let day = |text: String| text.parse::<Date>().map_err(|cause| StoreError::unreadable("plan_version")(cause.into()));
    let version = NewVersion {
        from: day(from)?,
        until: day(until)?,
        by: EngineerId::new(by),
        at: timestamp("plan_version", at)?,
        moved: from_json("plan_version", &moved)?,
        reasons: from_json("plan_version", &reasons)?,
    };
    Ok(Version { number: number_of(number)?, version })
}

fn number_of(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|cause| StoreError::unreadable("plan_version")(cause.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, at, on_both};
    use onduty_core::plan::{Day, RunnerUp};

    on_both!(versions_count_up_by_duty,);

    async fn versions_count_up_by_duty(place: &Place) {
        let store = place.store().await;
        let day = |text: &str| text.parse::<Date>().unwrap();
        let runner_up = RunnerUp {
            person: "omar".to_owned(),
            exchange: Some((Day::of(day("2026-03-12")), "developers".to_owned())),
            worse: Some(("spacing".to_owned(), 4)),
        };
        let reason = Why {
            day: Day::of(day("2026-03-03")),
            duty: "developers".to_owned(),
            person: "lena".to_owned(),
            others: 3,
            excluded: [("leave".to_owned(), 2)].into(),
            load: 8,
            target_milli: 8_400,
            days_since_last: Some(21),
            runner_up: Some(runner_up),
        };
        let first = NewVersion {
            from: day("2026-03-03"),
            until: day("2026-06-05"),
            by: "lena".into(),
            at: at("2026-03-02T09:00:00Z"),
            moved: vec![MovedShift { day: day("2026-03-05"), was: Some("omar".into()), is: None }],
            reasons: [(day("2026-03-03"), reason)].into(),
        };
        let second = NewVersion { moved: Vec::new(), reasons: BTreeMap::new(), ..first.clone() };
        let mut tx = store.begin().await.unwrap();
        for (duty, version, number) in [("developers", &first, 1), ("developers", &second, 2), ("devops", &first, 1)] {
            assert_eq!(publish(&mut tx, &duty.into(), version).await.unwrap(), number);
        }
        tx.commit().await.unwrap();
        let mut db = store.read().await.unwrap();
        let found = newest(&mut db, &"developers".into(), 5).await.unwrap();
        let expected = [Version { number: 2, version: second }, Version { number: 1, version: first }];
        assert_eq!(found, expected);
        assert_eq!(newest(&mut db, &"developers".into(), 1).await.unwrap().len(), 1);
    }
}
