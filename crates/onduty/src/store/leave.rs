//! Leave that people and calendars told to onduty, beside what the roster file says.

use super::db::{micros, on_db};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use jiff::civil::Date;
use onduty_core::ids::EngineerId;
use onduty_core::roster::{LeaveKind, ToldLeave};

/// A leave that was told, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Names it.
    pub id: String,
    /// Whose, and when.
    pub leave: ToldLeave,
    /// Who said so; the machine where a calendar did.
    pub by: EngineerId,
    /// The calendar that said so.
    pub calendar: Option<String>,
}

/// Keeps a leave; false where exactly that is known already.
///
/// # Errors
/// When the store cannot be written.
pub async fn add(tx: &mut Tx, known: &Known, at: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "insert into told_leave (id, engineer, first_day, last_day, kind, told_by, told_at, calendar)
        select $1, $2, $3, $4, $5, $6, $7, $8 where not exists (select 1 from told_leave
            where engineer = $2 and first_day = $3 and last_day = $4 and kind = $5 and ended_at is null)";
    let ToldLeave { engineer, from, to, kind } = &known.leave;
    let done = on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(known.id.as_str())
            .bind(engineer.as_str())
            .bind(from.to_string())
            .bind(to.to_string())
            .bind(kind.word())
            .bind(known.by.as_str())
            .bind(micros(at))
            .bind(known.calendar.as_deref())
            .execute(connection)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// Ends a leave and returns it; `None` where there is none of that name. `by` is the person who did, where it was one.
///
/// # Errors
/// When the store cannot be written.
pub async fn end(tx: &mut Tx, id: &str, by: Option<&EngineerId>, at: Timestamp) -> Result<Option<Known>, StoreError> {
    const SQL: &str = "update told_leave set ended_at = $2, ended_by = $3 where id = $1 and ended_at is null
        returning id, engineer, first_day, last_day, kind, told_by, calendar";
    let by = by.map(EngineerId::as_str);
    let row: Option<Row> = on_db!(tx, connection => {
        sqlx::query_as(SQL).bind(id).bind(micros(at)).bind(by).fetch_optional(connection).await
    })?;
    row.map(known).transpose()
}

/// Everything that is known and not taken back, in the order in which it was told.
///
/// # Errors
/// When the store cannot be read.
pub async fn current(db: &mut Reader) -> Result<Vec<Known>, StoreError> {
    const SQL: &str = "select id, engineer, first_day, last_day, kind, told_by, calendar from told_leave
        where ended_at is null order by told_at, id";
    let rows: Vec<Row> = on_db!(db, connection => sqlx::query_as(SQL).fetch_all(connection).await)?;
    rows.into_iter().map(known).collect()
}

/// What `calendar` told and a person took back, from `day` on.
///
/// # Errors
/// When the store cannot be read.
pub async fn refused(db: &mut Reader, calendar: &str, day: Date) -> Result<Vec<ToldLeave>, StoreError> {
    const SQL: &str = "select id, engineer, first_day, last_day, kind, told_by, calendar from told_leave
        where calendar = $1 and ended_by is not null and last_day >= $2";
    let day = day.to_string();
    let rows: Vec<Row> =
        on_db!(db, connection => sqlx::query_as(SQL).bind(calendar).bind(&day).fetch_all(connection).await)?;
    rows.into_iter().map(|row| known(row).map(|known| known.leave)).collect()
}

type Row = (String, String, String, String, String, String, Option<String>);

fn known((id, engineer, from, to, kind, by, calendar): Row) -> Result<Known, StoreError> {
    let day = |text: &str| text.parse::<Date>().map_err(|cause| StoreError::unreadable("told_leave")(cause.into()));
    let kind = LeaveKind::of(&kind).ok_or_else(|| StoreError::unreadable("told_leave")("an unknown kind".into()))?;
    let leave = ToldLeave { engineer: EngineerId::new(engineer), from: day(&from)?, to: day(&to)?, kind };
    Ok(Known { id, leave, by: EngineerId::new(by), calendar })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, at, on_both};

    on_both!(leave_is_told_once_and_ended_once, a_calendar_knows_what_people_took_back,);

    async fn leave_is_told_once_and_ended_once(place: &Place) {
        let store = place.store().await;
        let known = |id: &str, from: &str, kind: LeaveKind| Known {
            id: id.to_owned(),
            leave: ToldLeave {
                engineer: "lena".into(),
                from: from.parse().unwrap(),
                to: "2026-03-06".parse().unwrap(),
                kind,
            },
            by: "omar".into(),
            calendar: None,
        };
        let noon = at("2026-03-02T12:00:00Z");
        let (first, second) = (known("a", "2026-03-04", LeaveKind::Sick), known("b", "2026-03-05", LeaveKind::Planned));
        let mut tx = store.begin().await.unwrap();
        assert!(add(&mut tx, &first, noon).await.unwrap());
        assert!(!add(&mut tx, &known("c", "2026-03-04", LeaveKind::Sick), noon).await.unwrap(), "told already");
        assert!(add(&mut tx, &second, noon).await.unwrap());
        assert_eq!(end(&mut tx, "a", None, noon).await.unwrap(), Some(first.clone()));
        assert_eq!(end(&mut tx, "a", None, noon).await.unwrap(), None);
        assert!(add(&mut tx, &known("d", "2026-03-04", LeaveKind::Sick), noon).await.unwrap(), "and again");
        tx.commit().await.unwrap();
        let found = current(&mut store.read().await.unwrap()).await.unwrap();
        assert_eq!(found.iter().map(|known| known.id.as_str()).collect::<Vec<_>>(), ["b", "d"]);
        assert_eq!(found[0], second);
    }

    async fn a_calendar_knows_what_people_took_back(place: &Place) {
        let store = place.store().await;
        let day = |text: &str| text.parse::<Date>().unwrap();
        let known = |id: &str, calendar: &str, last: &str| Known {
            id: id.to_owned(),
            leave: ToldLeave {
                engineer: "lena".into(),
                from: day("2026-03-01"),
                to: day(last),
                kind: LeaveKind::Planned,
            },
            by: "onduty".into(),
            calendar: Some(calendar.to_owned()),
        };
        let noon = at("2026-03-02T12:00:00Z");
        let mut tx = store.begin().await.unwrap();
        for (id, calendar, last) in
            [("a", "hr", "04"), ("b", "hr", "05"), ("c", "hr", "06"), ("d", "it", "07"), ("e", "hr", "01")]
        {
            assert!(add(&mut tx, &known(id, calendar, &format!("2026-03-{last}")), noon).await.unwrap());
        }
        let omar = EngineerId::from("omar");
        for (id, by) in [("a", Some(&omar)), ("b", None), ("d", Some(&omar)), ("e", Some(&omar))] {
            end(&mut tx, id, by, noon).await.unwrap().unwrap();
        }
        let found = refused(&mut tx, "hr", day("2026-03-02")).await.unwrap();
        assert_eq!(found, [known("a", "hr", "2026-03-04").leave]);
        tx.commit().await.unwrap();
        let left = current(&mut store.read().await.unwrap()).await.unwrap();
        assert_eq!(left, [known("c", "hr", "2026-03-06")]);
    }
}
