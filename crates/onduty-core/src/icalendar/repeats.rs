//! Rules of repetition of whole days (RFC 5545, 3.3.10), day by day: a rule is a filter over the days of its periods.
//!
//! Not the crate `rrule`: it thinks in instants of a zone, looks a hundred thousand times for an occurrence that no year has, for each of as
//! many rules as somebody writes, and what is mended of it is mended in forks. It is the peer of the tests.

use super::event::day_of;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use std::collections::BTreeSet;

/// Days that may be looked at for all rules of one calendar: two years of five thousand rules.
const BUDGET: u32 = 4_000_000;

/// How many days may still be looked at.
#[derive(Debug)]
pub struct Budget(u32);

impl Budget {
    /// So many days.
    pub fn of(days: u32) -> Budget {
        Budget(days)
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget(BUDGET)
    }
}

/// The rules of a calendar cost too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rules of repetition of this calendar are too many")]
pub struct TooMuch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Every {
    Day,
    Week,
    Month,
    Year,
}

/// When something happens again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    every: Every,
    interval: i32,
    count: Option<u32>,
    until: Option<Date>,
    /// Days of the week; with a number the how manieth of the month or year, from the end where it is negative.
    weekdays: Vec<(Option<i8>, Weekday)>,
    month_days: Vec<i8>,
    months: Vec<i8>,
    /// Which of a period's days.
    positions: Vec<i16>,
    week_starts: Weekday,
}

impl Rule {
    /// Reads `FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO`.
    pub fn parse(text: &str) -> Result<Rule, String> {
        let odd = |part: &str| format!("its rule of repetition has `{}`, which is not read", super::short(part));
        let mut every = None;
        let mut rule = Rule {
            every: Every::Day,
            interval: 1,
            count: None,
            until: None,
            weekdays: Vec::new(),
            month_days: Vec::new(),
            months: Vec::new(),
            positions: Vec::new(),
            week_starts: Weekday::Monday,
        };
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let bad = || odd(part);
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            match name.to_ascii_uppercase().as_str() {
                "FREQ" => {
                    every = Some(match value.to_ascii_uppercase().as_str() {
                        "DAILY" => Every::Day,
                        "WEEKLY" => Every::Week,
                        "MONTHLY" => Every::Month,
                        "YEARLY" => Every::Year,
                        _ => return Err(bad()),
                    });
                }
                "INTERVAL" => {
                    rule.interval = value.parse::<u16>().ok().filter(|n| *n > 0).map(i32::from).ok_or_else(bad)?;
                }
                "COUNT" => rule.count = Some(value.parse().map_err(|_| bad())?),
                // A time of that day counts as all of it: what repeats are days.
                "UNTIL" => rule.until = Some(value.get(..8).and_then(day_of).ok_or_else(bad)?),
                "BYDAY" => rule.weekdays = list(value, weekday).ok_or_else(bad)?,
                "BYMONTHDAY" => rule.month_days = list(value, |day| number(day, 31)).ok_or_else(bad)?,
                "BYMONTH" => {
                    let months = list(value, |month| number(month, 12)).ok_or_else(bad)?;
                    rule.months = months
                        .into_iter()
                        .map(|month| (month > 0).then_some(month))
                        .collect::<Option<_>>()
                        .ok_or_else(bad)?;
                }
                "BYSETPOS" => {
                    rule.positions = list(value, |at| at.parse().ok().filter(|at: &i16| *at != 0 && at.abs() <= 366))
                        .ok_or_else(bad)?;
                }
                "WKST" => rule.week_starts = weekday(value).filter(|(nth, _)| nth.is_none()).ok_or_else(bad)?.1,
                _ => return Err(bad()),
            }
        }
        rule.every = every.ok_or_else(|| "its rule of repetition does not say how often (FREQ)".to_owned())?;
        let numbered = rule.weekdays.iter().any(|(nth, _)| nth.is_some());
        if numbered && matches!(rule.every, Every::Day | Every::Week)
            || rule.every == Every::Week && !rule.month_days.is_empty()
        {
            return Err(odd(text));
        }
        Ok(rule)
    }

    /// The days from `from` to `until` on which something begins that began on `first`.
    pub fn days(
        &self,
        first: Date,
        (from, until): (Date, Date),
        budget: &mut Budget,
    ) -> Result<BTreeSet<Date>, TooMuch> {
        let until = self.until.map_or(until, |last| last.min(until));
        let mut left = self.count.unwrap_or(u32::MAX);
        // Where occurrences are counted, all of them have to be seen.
        let begin = if self.count.is_some() { first } else { first.max(from) };
        let mut day = self.period(begin).0;
        let mut found = BTreeSet::new();
        while day <= until && left > 0 {
            let (start, end) = self.period(day);
            let cost = u32::try_from((end - start).get_days()).unwrap_or(0) + 1;
            if !self.is_due(first, start) {
                // A jump over a year costs one look.
                budget.0 = budget.0.checked_sub(1).ok_or(TooMuch)?;
            } else {
                budget.0 = budget.0.checked_sub(cost).ok_or(TooMuch)?;
                let days: Vec<Date> = start
                    .series(1.day())
                    .take_while(|day| *day <= end)
                    .filter(|day| self.is_one(first, *day))
                    .collect();
                for day in self.chosen(days).into_iter().filter(|day| (first..=until).contains(day)) {
                    if left == 0 {
                        break;
                    }
                    left -= 1;
                    if day >= from {
                        found.insert(day);
                    }
                }
            }
            match end.tomorrow() {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        Ok(found)
    }

    /// First and last day of the period that `day` is in.
    fn period(&self, day: Date) -> (Date, Date) {
        match self.every {
            Every::Day => (day, day),
            Every::Week => {
                let start = day.saturating_sub(i64::from(day.weekday().since(self.week_starts)).days());
                (start, start.saturating_add(6.days()))
            }
            Every::Month => (day.first_of_month(), day.last_of_month()),
            Every::Year => (day.first_of_year(), day.last_of_year()),
        }
    }

    /// Whether the period that begins on `start` is one of those that count.
    fn is_due(&self, first: Date, start: Date) -> bool {
        let origin = self.period(first).0;
        let apart = match self.every {
            Every::Day => (start - origin).get_days(),
            Every::Week => (start - origin).get_days() / 7,
            Every::Month => {
                (i32::from(start.year()) - i32::from(origin.year())) * 12 + i32::from(start.month())
                    - i32::from(origin.month())
            }
            Every::Year => i32::from(start.year()) - i32::from(origin.year()),
        };
        apart % self.interval == 0
    }

    fn is_one(&self, first: Date, day: Date) -> bool {
        if !self.months.is_empty() && !self.months.contains(&day.month()) {
            return false;
        }
        let from_end = day.day() - day.days_in_month() - 1;
        if !self.month_days.is_empty() && !self.month_days.iter().any(|at| *at == day.day() || *at == from_end) {
            return false;
        }
        if !self.weekdays.is_empty() {
            return self.weekdays.iter().any(|(nth, weekday)| day.weekday() == *weekday && self.is_nth(*nth, day));
        }
        if !self.month_days.is_empty() {
            return true;
        }
        // What the rule does not say is as it was the first time.
        match self.every {
            Every::Day => true,
            Every::Week => day.weekday() == first.weekday(),
            Every::Month => day.day() == first.day(),
            Every::Year => day.day() == first.day() && (!self.months.is_empty() || day.month() == first.month()),
        }
    }

    fn is_nth(&self, nth: Option<i8>, day: Date) -> bool {
        let Some(nth) = nth else { return true };
        let of_year = self.every == Every::Year && self.months.is_empty();
        let (at, length) = match of_year {
            true => (day.day_of_year(), day.days_in_year()),
            false => (i16::from(day.day()), i16::from(day.days_in_month())),
        };
        let (forward, backward) = ((at - 1) / 7 + 1, -((length - at) / 7 + 1));
        i16::from(nth) == forward || i16::from(nth) == backward
    }

    fn chosen(&self, days: Vec<Date>) -> Vec<Date> {
        if self.positions.is_empty() {
            return days;
        }
        let length = days.len() as i16;
        let is_chosen = |at: i16| self.positions.iter().any(|wanted| *wanted == at + 1 || *wanted == at - length);
        days.into_iter().zip(0..).filter(|(_, at)| is_chosen(*at)).map(|(day, _)| day).collect()
    }
}

/// Longest list in a rule: every day of a month, from both ends.
const MOST_LISTED: usize = 62;

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let all: Vec<T> = text.split(',').take(MOST_LISTED + 1).map(|item| read(item.trim())).collect::<Option<_>>()?;
    (all.len() <= MOST_LISTED).then_some(all)
}

/// From -`most` to `most`, without 0.
fn number(text: &str, most: i8) -> Option<i8> {
    text.parse().ok().filter(|number: &i8| *number != 0 && (-most..=most).contains(number))
}

/// `MO`, `1MO`, `-1FR`
fn weekday(text: &str) -> Option<(Option<i8>, Weekday)> {
    let at = text.len().checked_sub(2)?;
    let (nth, name) = (text.get(..at)?, text.get(at..)?);
    let weekday = match name.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    if nth.is_empty() { Some((None, weekday)) } else { Some((Some(number(nth, 53)?), weekday)) }
}
