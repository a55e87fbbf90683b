//! Working days of a duty, and the instants at which its days start and end.
//!
//! Called by `schedule`, `plan`, `expr`, `engine` and the pages. Knows dates and the duty's zone; who serves is `schedule`'s.
//! Every search is bounded: a duty whose every day is a holiday has no next working day.

use crate::roster::Duty;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// How many days in a row may be off before a search gives up: two years and a bit.
const MAX_DAYS_OFF: usize = 800;

/// Whether `day` is served: one of the duty's days of the week, and no holiday.
pub fn is_working_day(duty: &Duty, day: Date) -> bool {
    duty.serves(day)
}

/// The first working day after `day`.
pub fn next_working_day(duty: &Duty, day: Date) -> Option<Date> {
    search(duty, day, |day| day.tomorrow().ok())
}

/// The last working day before `day`.
pub fn previous_working_day(duty: &Duty, day: Date) -> Option<Date> {
    search(duty, day, |day| day.yesterday().ok())
}

fn search(duty: &Duty, day: Date, step: impl Fn(Date) -> Option<Date>) -> Option<Date> {
    let days = std::iter::successors(step(day), |day| step(*day));
    days.take(MAX_DAYS_OFF).find(|day| is_working_day(duty, *day))
}

/// The `n`th working day before `day`; `day` itself for 0, whether it is a working day or not.
pub fn workdays_before(duty: &Duty, day: Date, n: u16) -> Option<Date> {
    (0..n).try_fold(day, |day, _| previous_working_day(duty, day))
}

/// The working days from `from` to `to`, both included.
pub fn working_days(duty: &Duty, from: Date, to: Date) -> impl Iterator<Item = Date> {
    let days = std::iter::successors(Some(from), |day| day.tomorrow().ok());
    days.take_while(move |day| *day <= to).filter(|day| is_working_day(duty, *day))
}

/// When it is `time` on `day` where the duty is.
///
/// A time that a change of the clocks skips is as much later as the clocks were moved; of a time that comes twice,
/// it is the first.
pub fn instant_of(duty: &Duty, day: Date, time: Time) -> Timestamp {
    instant_in(&duty.zone, day, time)
}

/// The same for any zone.
pub fn instant_in(zone: &TimeZone, day: Date, time: Time) -> Timestamp {
    // Fails only within a day of the ends of time, which no roster reaches.
    day.to_datetime(time).to_zoned(zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The day that it is at `at` where the duty is.
pub fn day_of(duty: &Duty, at: Timestamp) -> Date {
    at.to_zoned(duty.zone.clone()).date()
}

/// When the duty's working hours start and end on `day`, whether it is a working day or not.
///
/// Hours until 24:00 end where the next day starts: where clocks go back at midnight the last hour comes twice.
pub fn working_hours(duty: &Duty, day: Date) -> (Timestamp, Timestamp) {
    let ends = match day.tomorrow() {
        Ok(next) if duty.ends == Time::MAX => instant_of(duty, next, Time::MIN),
        _ => instant_of(duty, day, duty.ends),
    };
    (instant_of(duty, day, duty.starts), ends)
}

/// The shift under way at `at`; its end does not belong to it.
pub fn is_within_shift(duty: &Duty, at: Timestamp) -> Option<Date> {
    let day = day_of(duty, at);
    // Clocks may go back to the day before when the next one has begun (St. John's did, a minute past midnight): the
    // shift that has begun goes on.
    [Ok(day), day.tomorrow()].into_iter().flatten().find(|day| {
        let (starts, ends) = working_hours(duty, *day);
        is_working_day(duty, *day) && starts <= at && at < ends
    })
}

/// The shift to which something belongs that opens at `at`: today's until it ends, then the next.
pub fn shift_day_at(duty: &Duty, at: Timestamp) -> Option<Date> {
    let day = day_of(duty, at);
    if is_working_day(duty, day) && at < working_hours(duty, day).1 {
        return Some(day);
    }
    next_working_day(duty, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster;
    use jiff::SignedDuration;
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use std::collections::BTreeSet;

    fn duty(more: &str) -> Duty {
        let text = format!(
            "engineers: {{lena: {{}}}}\nduties:\n  developers:\n    members: all\n    zone: Europe/Berlin\n    hours: 09:00-19:00\n{more}"
        );
        roster::parse("roster.yml", &text).unwrap().duties.remove(0)
    }

    #[test]
    fn a_working_day_is_a_day_of_the_week_without_a_holiday() {
        let duty = duty("    holidays: {2026-04-03: Good Friday, 2026-04-06: Easter Monday}\n");
        for (day, expected) in [
            (date(2026, 4, 2), true),
            (date(2026, 4, 3), false),
            (date(2026, 4, 4), false),
            (date(2026, 4, 6), false),
            (date(2026, 4, 7), true),
        ] {
            assert_eq!(is_working_day(&duty, day), expected, "{day}");
        }
        assert_eq!(next_working_day(&duty, date(2026, 4, 2)), Some(date(2026, 4, 7)));
        assert_eq!(previous_working_day(&duty, date(2026, 4, 7)), Some(date(2026, 4, 2)));
        assert_eq!(workdays_before(&duty, date(2026, 4, 7), 2), Some(date(2026, 4, 1)));
        assert_eq!(workdays_before(&duty, date(2026, 4, 5), 0), Some(date(2026, 4, 5)));
        assert_eq!(workdays_before(&duty, date(2026, 4, 5), 1), Some(date(2026, 4, 2)));
        assert_eq!(working_days(&duty, date(2026, 4, 1), date(2026, 4, 8)).count(), 4);
    }

    #[test]
    fn every_search_ends_when_there_is_no_working_day() {
        let mut closed = duty("");
        closed.working_days = Default::default();
        let noon = "2026-03-02T12:00:00Z".parse().unwrap();
        assert_eq!(next_working_day(&closed, date(2026, 3, 2)), None);
        assert_eq!(previous_working_day(&closed, date(2026, 3, 2)), None);
        assert_eq!(workdays_before(&closed, date(2026, 3, 2), u16::MAX), None);
        assert_eq!(shift_day_at(&closed, noon), None);
        assert_eq!(is_within_shift(&closed, noon), None);
        assert_eq!(next_working_day(&duty(""), Date::MAX), None);
        assert_eq!(previous_working_day(&duty(""), Date::MIN), None);
        assert_eq!(instant_of(&duty(""), Date::MAX, Time::MAX), Timestamp::MAX);
    }

    #[test]
    fn an_instant_belongs_to_todays_shift_until_it_ends() {
        let duty = duty("    holidays: {2026-03-03: Closed}\n");
        for (at, within, shift) in [
            ("2026-03-02T07:59:59Z", None, date(2026, 3, 2)), // Monday, before nine
            ("2026-03-02T08:00:00Z", Some(date(2026, 3, 2)), date(2026, 3, 2)),
            ("2026-03-02T17:59:59.999Z", Some(date(2026, 3, 2)), date(2026, 3, 2)),
            ("2026-03-02T18:00:00Z", None, date(2026, 3, 4)), // over, and Tuesday is closed
            ("2026-03-03T10:00:00Z", None, date(2026, 3, 4)),
            ("2026-03-06T23:30:00Z", None, date(2026, 3, 9)), // Saturday already in Berlin
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(is_within_shift(&duty, at), within, "{at}");
            assert_eq!(shift_day_at(&duty, at), Some(shift), "{at}");
        }
    }

    #[test]
    fn working_hours_follow_the_clocks_of_the_zone() {
        let mut duty = duty("");
        let text = |day: Date| {
            let (from, to) = working_hours(&duty, day);
            format!("{from} {to}")
        };
        assert_eq!(text(date(2026, 3, 27)), "2026-03-27T08:00:00Z 2026-03-27T18:00:00Z");
        assert_eq!(text(date(2026, 3, 30)), "2026-03-30T07:00:00Z 2026-03-30T17:00:00Z");
        assert_eq!(text(date(2026, 10, 23)), "2026-10-23T07:00:00Z 2026-10-23T17:00:00Z");
        assert_eq!(text(date(2026, 10, 26)), "2026-10-26T08:00:00Z 2026-10-26T18:00:00Z");
        // 02:30 is skipped on the last Sunday in March and comes twice on the last one in October.
        let half_past_two = jiff::civil::time(2, 30, 0, 0);
        assert_eq!(instant_of(&duty, date(2026, 3, 29), half_past_two).to_string(), "2026-03-29T01:30:00Z");
        assert_eq!(instant_of(&duty, date(2026, 10, 25), half_past_two).to_string(), "2026-10-25T00:30:00Z");
        // A whole day has 23 hours in March.
        (duty.starts, duty.ends) = (Time::MIN, Time::MAX);
        let (from, to) = working_hours(&duty, date(2026, 3, 29));
        assert_eq!(to.duration_since(from), SignedDuration::from_hours(23));
    }

    /// The changes of clocks between 2000 and 2040 that are not alike: each way in which some zone of the world moves them.
    fn changes_of_clocks() -> Vec<(TimeZone, Timestamp)> {
        let (from, to) = ("2000-01-01T00:00:00Z".parse().unwrap(), "2040-01-01T00:00:00Z".parse().unwrap());
        let mut seen = BTreeSet::new();
        let mut changes = Vec::new();
        for name in jiff::tz::db().available() {
            let zone = TimeZone::get(name.as_str()).unwrap();
            for change in zone.following(from).take_while(|change| change.timestamp() < to) {
                let at = change.timestamp();
                let before = zone.to_offset(at - SignedDuration::from_nanos(1));
                let moved = change.offset().seconds() - before.seconds();
                if moved != 0 && seen.insert((moved, before.to_datetime(at).time())) {
                    changes.push((zone.clone(), at));
                }
            }
        }
        changes
    }

    #[test]
    fn at_every_instant_one_shift_or_none_however_clocks_move() {
        let changes = changes_of_clocks();
        // Half an hour and a whole day among them, forwards and back, and at midnight.
        assert!(changes.len() > 40, "{}", changes.len());
        let hours =
            [("00:00", "24:00"), ("02:00", "03:00"), ("00:00", "01:00"), ("22:00", "24:00"), ("09:00", "19:00")];
        for (zone, change) in &changes {
            for (starts, ends) in hours {
                let mut duty = duty("    days: mon-sun\n");
                let time = |text: &str| if text == "24:00" { Time::MAX } else { text.parse().unwrap() };
                (duty.zone, duty.starts, duty.ends) = (zone.clone(), time(starts), time(ends));
                let whole_day = (starts, ends) == ("00:00", "24:00");
                let mut before: Option<(Date, Timestamp)> = None;
                for minutes in (-48 * 60..48 * 60).step_by(10) {
                    let at = *change + SignedDuration::from_mins(minutes) - SignedDuration::from_nanos(1);
                    let shift = is_within_shift(&duty, at);
                    let place = format!("{at} in {zone:?}, {starts}-{ends}");
                    assert!(shift.is_some() || !whole_day, "nobody is on duty: {place}");
                    let Some(day) = shift else { continue };
                    let (from, to) = working_hours(&duty, day);
                    assert!(from <= at && at < to, "{place}");
                    // Never back to a shift that was over, and the one before ends before this one starts.
                    if let Some((earlier, until)) = before.filter(|(earlier, _)| *earlier != day) {
                        assert!(earlier < day && until <= from, "two shifts at once: {place}");
                    }
                    before = Some((day, to));
                }
            }
        }
    }
}
