//! Items. The body is the item as the engine made it; the columns beside it only find it.

use super::db::{from_json, micros, on_db, to_json};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use jiff::civil::Date;
use onduty_core::ids::DutyId;
use onduty_core::item::{Item, ItemId, ItemState};
use onduty_core::signal_feeds::ROLLOUTS_KEPT;
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;

/// Writes an item as it is now.
///
/// # Errors
/// When the store cannot be written.
pub async fn upsert(tx: &mut Tx, item: &Item) -> Result<(), StoreError> {
    const SQL: &str = "insert into item
        (id, duty, step, subject, occurrence, state, shift_day, opened_at, closed_at, body)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (id) do update set state = excluded.state, shift_day = excluded.shift_day,
        opened_at = excluded.opened_at, closed_at = excluded.closed_at, body = excluded.body";
    let (state, closed_at) = match &item.state {
        ItemState::Open => ("open", None),
        ItemState::Snoozed { .. } => ("snoozed", None),
        ItemState::Closed { at, .. } => ("closed", Some(micros(*at))),
    };
    on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(item.id.as_str())
            .bind(item.duty.as_str())
            .bind(item.step.as_str())
            .bind(item.subject.as_str())
            .bind(i64::from(item.occurrence))
            .bind(state)
            .bind(item.shift.to_string())
            .bind(micros(item.opened_at))
            .bind(closed_at)
            .bind(to_json(item))
            .execute(connection)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// The item called `id`.
///
/// # Errors
/// When the store cannot be read.
pub async fn get(db: &mut Reader, id: &ItemId) -> Result<Option<Item>, StoreError> {
    const SQL: &str = "select body from item where id = $1";
    let row: Option<(String,)> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(id.as_str()).fetch_optional(connection).await)?;
    row.map(|(body,)| from_json("item", &body)).transpose()
}

/// How many items there are, of all duties, open or closed.
///
/// # Errors
/// When the store cannot be read.
pub async fn count(db: &mut Reader) -> Result<u64, StoreError> {
    const SQL: &str = "select count(*) from item";
    let (count,): (i64,) = on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Every item that is not closed, oldest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn open_items(db: &mut Reader, duty: &DutyId) -> Result<Vec<Item>, StoreError> {
    const SQL: &str = "select body from item where duty = $1 and state <> 'closed' order by opened_at, id";
    items(on_db!(db, connection => sqlx::query_as(SQL).bind(duty.as_str()).fetch_all(connection).await)?)
}

/// The newest item of each step and subject, as far as the engine can need it: for the next occurrence, for hold-down
/// and for conclusions in force.
///
/// That is: open, or closed after `since`, or of a subject that a snapshot with the same `since` and `branches` can
/// have, or the newest of its step (a standing condition that was quiet for months). Older ones are never asked for, so
/// a pass never reads years.
///
/// # Errors
/// When the store cannot be read.
pub async fn latest(
    db: &mut Reader,
    duty: &DutyId,
    branches: &BTreeSet<String>,
    since: Timestamp,
) -> Result<Vec<Item>, StoreError> {
    items(on_db!(db, connection => {
        let mut query = sqlx::query_as(AssertSqlSafe(latest_sql(branches.len()))).bind(duty.as_str()).bind(micros(since));
        for branch in branches {
            query = query.bind(branch.as_str());
        }
        query.fetch_all(connection).await
    })?)
}

/// Earlier items of the same step and subject, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn earlier(db: &mut Reader, item: &Item) -> Result<Vec<Item>, StoreError> {
    const SQL: &str = "select body from item where duty = $1 and step = $2 and subject = $3 and occurrence < $4
        order by occurrence desc limit 20";
    items(on_db!(db, connection => {
        sqlx::query_as(SQL)
            .bind(item.duty.as_str())
            .bind(item.step.as_str())
            .bind(item.subject.as_str())
            .bind(i64::from(item.occurrence))
            .fetch_all(connection)
            .await
    })?)
}

/// Written so that every arm is a search in an index even where the database has no statistics: as joins, the same
/// arms took minutes on a store of three years.
fn latest_sql(branches: usize) -> String {
    let places: Vec<String> = (3..branches + 3).map(|n| format!("${n}")).collect();
    let on_branches = match places.as_slice() {
        [] => String::new(),
        places => format!("union select subject from signal where branch in ({})", places.join(",")),
    };
    format!(
        "select i.body from item i where i.id in (
            select id from item where duty = $1 and state <> 'closed'
            union select id from item where duty = $1 and closed_at >= $2
            union select id from item where duty = $1 and subject in (
                select subject from signal where lasting = 1
                union select subject from signal where received_at >= $2 {on_branches}
                union select * from (select subject from signal where kind = 'rollouts'
                    order by source_time desc limit {ROLLOUTS_KEPT}) as newest_rollouts)
            union select id from item where duty = $1 and (step, opened_at) in (
                select step, max(opened_at) from item where duty = $1 group by step))
        and not exists (select 1 from item n where n.duty = i.duty and n.step = i.step and n.subject = i.subject
            and n.occurrence > i.occurrence)
        order by i.opened_at, i.id"
    )
}

/// Items that were closed from `from` until before `to`, in that order.
///
/// # Errors
/// When the store cannot be read.
pub async fn closed_between(
    db: &mut Reader,
    duty: &DutyId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Item>, StoreError> {
    const SQL: &str = "select body from item where duty = $1 and closed_at >= $2 and closed_at < $3
        order by closed_at, id";
    items(on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(micros(from)).bind(micros(to)).fetch_all(connection).await
    })?)
}

/// Items that belong to the shift of `day`, in the order in which they opened.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_shift(db: &mut Reader, duty: &DutyId, day: Date) -> Result<Vec<Item>, StoreError> {
    const SQL: &str = "select body from item where duty = $1 and shift_day = $2 order by opened_at, id";
    items(on_db!(db, connection => {
        sqlx::query_as(SQL).bind(duty.as_str()).bind(day.to_string()).fetch_all(connection).await
    })?)
}

fn items(rows: Vec<(String,)>) -> Result<Vec<Item>, StoreError> {
    rows.into_iter().map(|(body,)| from_json("item", &body)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::signals;
    use crate::store::tests::{Folder, Place, at, on_both};
    use onduty_core::item::{Closing, SnoozeUntil, Why};
    use onduty_core::signal::{Build, BuildState, Fact, Observation, RolloutFact, RolloutState};

    on_both!(an_item_through_its_states, what_the_engine_can_need_is_there_and_no_more,);

    fn item(step: &str, subject: &str, occurrence: u32, opened: &str, closed: Option<&str>) -> Item {
        let duty = DutyId::new("developers");
        Item {
            id: ItemId::derive(&duty, &step.into(), &subject.into(), occurrence),
            duty,
            step: step.into(),
            subject: subject.into(),
            occurrence,
            why: Why::Due,
            opened_at: at(opened),
            shift: at(opened).to_zoned(jiff::tz::TimeZone::UTC).date(),
            state: closed.map_or(ItemState::Open, |at_| ItemState::Closed { at: at(at_), how: Closing::Done }),
            taken: None,
            suggestion: None,
            owner: None,
            checklist: Vec::new(),
            conclusion: None,
            escalated: false,
        }
    }

    #[tokio::test]
    async fn the_engine_never_waits_for_a_scan() {
        let folder = Folder::new();
        let store = folder.store().await;
        for branches in [0, 2] {
            let scans = crate::store::tests::scans_in(&store, &latest_sql(branches)).await;
            assert_eq!(scans, [""; 0], "{branches} branches");
        }
    }

    fn names(items: &[Item]) -> Vec<String> {
        items.iter().map(|item| format!("{} {} {}", item.step, item.subject, item.occurrence)).collect()
    }

    async fn an_item_through_its_states(place: &Place) {
        let store = place.store().await;
        let duty = DutyId::new("developers");
        let mut tx = store.begin().await.unwrap();
        let mut one = item("main-green", "", 1, "2026-03-02T09:00:00Z", None);
        upsert(&mut tx, &one).await.unwrap();
        let other = Item { duty: "devops".into(), id: ItemId::from_text("other"), ..one.clone() };
        upsert(&mut tx, &other).await.unwrap();
        assert_eq!(get(&mut tx, &one.id).await.unwrap(), Some(one.clone()));
        assert_eq!(get(&mut tx, &ItemId::from_text("nothing")).await.unwrap(), None);

        one.state = ItemState::Snoozed {
            until: SnoozeUntil::NextRollout,
            by: "lena".into(),
            since: at("2026-03-02T09:30:00Z"),
        };
        upsert(&mut tx, &one).await.unwrap();
        assert_eq!(open_items(&mut tx, &duty).await.unwrap(), [one.clone()]);

        let closed_at = at("2026-03-02T10:00:00Z");
        one.state = ItemState::Closed { at: closed_at, how: Closing::ConditionCleared };
        upsert(&mut tx, &one).await.unwrap();
        assert_eq!(open_items(&mut tx, &duty).await.unwrap(), []);
        let later = at("2026-03-02T10:00:01Z");
        assert_eq!(closed_between(&mut tx, &duty, closed_at, later).await.unwrap(), [one.clone()]);
        assert_eq!(closed_between(&mut tx, &duty, at("2026-03-02T08:00:00Z"), closed_at).await.unwrap(), []);
        assert_eq!(of_shift(&mut tx, &duty, "2026-03-02".parse().unwrap()).await.unwrap(), [one.clone()]);
        assert_eq!(of_shift(&mut tx, &duty, "2026-03-03".parse().unwrap()).await.unwrap(), []);

        one.state = ItemState::Open;
        upsert(&mut tx, &one).await.unwrap();
        assert_eq!(closed_between(&mut tx, &duty, closed_at, later).await.unwrap(), []);
    }

    async fn what_the_engine_can_need_is_there_and_no_more(place: &Place) {
        let store = place.store().await;
        let mut tx = store.begin().await.unwrap();
        let old = "2026-01-05T09:00:00Z";
        for one in [
            item("main-green", "", 1, old, Some(old)),
            item("main-green", "", 2, "2026-01-06T09:00:00Z", Some("2026-01-06T09:00:00Z")),
            item("errors", "forgotten", 1, old, Some(old)),
            item("errors", "still there", 1, old, Some(old)),
            item("performance", "last rollout", 1, "2026-01-03T09:00:00Z", Some("2026-01-03T10:00:00Z")),
            item("performance", "", 1, "2026-01-03T11:00:00Z", Some("2026-01-03T12:00:00Z")),
            item("errors", "never ended", 1, "2026-01-04T09:00:00Z", None),
            item("errors", "reopened", 1, old, Some(old)),
            item("errors", "reopened", 2, "2026-03-02T09:00:00Z", Some("2026-03-02T10:00:00Z")),
        ] {
            upsert(&mut tx, &one).await.unwrap();
        }
        let build = Build {
            repository: "acme/shop".into(),
            branch: Some("main".into()),
            revision: "c0ffee".into(),
            name: "unit".into(),
            state: BuildState::Failed,
            attempt: 1,
            started_at: at(old),
            finished_at: None,
            url: None,
            detail: None,
            unproven_branch: false,
        };
        let seen = Observation {
            source: "github".into(),
            subject: "still there".into(),
            fact: Fact::Build(build),
            source_time: at(old),
            baseline: false,
        };
        signals::record(&mut tx, &[(&seen, at(old))]).await.unwrap();

        let rollout = RolloutFact {
            id: "1".into(),
            environment: "production".into(),
            repository: None,
            revision: "c0ffee".into(),
            state: RolloutState::Succeeded,
            started_at: at(old),
            finished_at: None,
            by: None,
            pressed: true,
            url: None,
        };
        let seen = Observation { subject: "last rollout".into(), fact: Fact::Rollout(rollout), ..seen };
        signals::record(&mut tx, &[(&seen, at(old))]).await.unwrap();

        let latest =
            latest(&mut tx, &"developers".into(), &["main".into()].into(), at("2026-02-16T09:00:00Z")).await.unwrap();
        assert_eq!(
            names(&latest),
            [
                "performance last rollout 1",
                "performance  1",
                "errors never ended 1",
                "errors still there 1",
                "main-green  2",
                "errors reopened 2"
            ]
        );
    }
}
