//! Working days of a duty, and the instants at which its days start and end.
//!
//! Called by `schedule`, `expr`, `engine` and the pages. Knows dates and the duty's zone; who serves is `schedule`'s.
//! Every search is bounded: a duty whose every day is a holiday has no next working day.

use crate::roster::Duty;
use jiff::Timestamp;
use jiff::civil::{Date, Time};

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
    // Fails only within a day of the ends of time, which no roster reaches.
    day.to_datetime(time).to_zoned(duty.zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// The day that it is at `at` where the duty is.
pub fn day_of(duty: &Duty, at: Timestamp) -> Date {
    at.to_zoned(duty.zone.clone()).date()
}

/// When the duty's working hours start and end on `day`, whether it is a working day or not.
pub fn working_hours(duty: &Duty, day: Date) -> (Timestamp, Timestamp) {
    (instant_of(duty, day, duty.starts), instant_of(duty, day, duty.ends))
}

/// The shift under way at `at`; its end does not belong to it.
pub fn is_within_shift(duty: &Duty, at: Timestamp) -> Option<Date> {
    let day = day_of(duty, at);
    let (starts, ends) = working_hours(duty, day);
    (is_working_day(duty, day) && starts <= at && at < ends).then_some(day)
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
    use jiff::civil::date;

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
        assert_eq!(to.duration_since(from).as_hours(), 22);
    }
}
