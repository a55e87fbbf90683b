//! Dates as numbers of days, because a planner compares them millions of times.

use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A civil date: days since 1 January 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Date", into = "Date")]
pub struct Day(pub i32);

impl From<Date> for Day {
    fn from(date: Date) -> Day {
        Day::of(date)
    }
}

impl From<Day> for Date {
    fn from(day: Day) -> Date {
        day.date()
    }
}

impl Day {
    /// The day of a date.
    pub fn of(date: Date) -> Day {
        let hours = date.duration_since(date_zero()).as_hours();
        Day(i32::try_from(hours / 24).unwrap_or_default())
    }

    /// From `2026-03-02`, or `20260302` as ISO 8601 allows too; a year has four digits.
    pub fn parse(text: &str) -> Option<Day> {
        let is_digits = |range: std::ops::Range<usize>| {
            text.get(range).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()))
        };
        let is_plain = match text.len() {
            10 => is_digits(0..4) && is_digits(5..7) && is_digits(8..10),
            8 => is_digits(0..8),
            _ => false,
        };
        let date: Date = text.parse().ok().filter(|_| is_plain)?;
        (date.year() > 0).then(|| Day::of(date))
    }

    /// The date.
    pub fn date(self) -> Date {
        let span = jiff::Span::new().try_days(self.0).unwrap_or_default();
        date_zero().checked_add(span).unwrap_or(if self.0 < 0 { Date::MIN } else { Date::MAX })
    }

    /// 1 is Monday, 7 is Sunday.
    pub fn weekday(self) -> u8 {
        // 1 January 1970 was a Thursday.
        u8::try_from((self.0 + 3).rem_euclid(7) + 1).unwrap_or(1)
    }

    /// So many days later, earlier if negative.
    pub fn plus(self, days: i32) -> Day {
        Day(self.0.saturating_add(days))
    }
}

fn date_zero() -> Date {
    date(1970, 1, 1)
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date_and_back() {
        for (text, weekday) in
            [("1970-01-01", 4), ("2026-03-02", 1), ("2000-02-29", 2), ("1969-12-28", 7), ("9999-12-31", 5)]
        {
            let day = Day::parse(text).unwrap();
            assert_eq!((day.to_string().as_str(), day.weekday()), (text, weekday));
        }
        assert_eq!(Day::parse("20260302"), Day::parse("2026-03-02"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2026-02-29",
            "2026-3-2",
            "26-03-02",
            "2026-03-02T00:00",
            "2026-W10-1",
            "0000-01-01",
            "-2026-1-1",
            "2026-03-0é",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }
}
