//! Public holidays from a calendar file (`.ics`) that lies beside `roster.yml`: those of a country or region, as somebody publishes them.
//!
//! Called by `config`, which reads the file. What comes out goes into the journal, so that a replay needs neither the file nor
//! the rules of repetition.

use crate::files::{Place, Problem, Problems};
use crate::icalendar::{self, Budget, When};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use std::collections::BTreeMap;

/// Days and their names.
pub type Holidays = BTreeMap<Date, String>;
/// What the calendar files of a roster say, by the path that the roster writes.
pub type HolidayFiles = BTreeMap<String, Holidays>;

/// Largest calendar file, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Days that are looked at: those that a roster may name.
const DAYS: (Date, Date) = (date(2000, 1, 1), date(2100, 12, 31));
/// What rules of repetition may cost: a century of some hundred holidays that come every year.
const BUDGET: u32 = 20_000_000;
/// Longest holiday, in days, and its name, in letters.
const LONGEST: (i32, usize) = (366, 200);
/// Notes and problems of one file.
const MOST_SAID: usize = 10;

/// The holidays of `text`, the file `file`; notes of what is allowed and may not be meant, and problems.
pub fn read(file: &str, text: &str) -> (Holidays, Vec<Problem>, Vec<Problem>) {
    let (mut notes, mut problems) = (Problems::new(file), Problems::new(file));
    let at = |line: u32| Place { line, column: 1 };
    let mut days: BTreeMap<Date, (String, u32)> = BTreeMap::new();
    let events = match icalendar::read(text) {
        Ok(events) => events,
        Err((line, why)) => {
            problems.add(at(line), why.to_string(), "save the calendar (.ics) of a country or region here");
            return (Holidays::new(), Vec::new(), problems.into_sorted());
        }
    };
    let mut budget = Budget::of(BUDGET);
    for event in events.iter().filter(|event| !event.is_cancelled) {
        let name = name_of(&event.title);
        match &event.when {
            When::Hours => notes.add(
                at(event.line),
                format!("`{name}` has hours and is no holiday"),
                "remove it, or write its day in the roster",
            ),
            When::Unreadable(why) => {
                problems.add(at(event.line), format!("`{name}` cannot be read: {why}"), "write its days one by one");
            }
            When::Days { first, last, .. } if (*last - *first).get_days() >= LONGEST.0 => {
                problems.add(at(event.line), format!("`{name}` is longer than a year"), "check its years");
            }
            When::Days { .. } => match event.days(DAYS, &mut budget) {
                Err(error) => problems.add(at(event.line), error.to_string(), "write the days one by one"),
                Ok(found) => {
                    for day in
                        found.into_iter().flat_map(|(from, to)| from.series(1.day()).take_while(move |day| *day <= to))
                    {
                        add(&mut days, day, &name, event.line, &mut notes);
                    }
                }
            },
        }
    }
    if days.is_empty() && problems.is_empty() {
        notes.add(at(1), "there is no holiday in it", "save the calendar of a country or region here");
    }
    let days = days.into_iter().map(|(day, (name, _))| (day, name)).collect();
    (days, few(notes), few(problems))
}

/// One day may have two names: Ascension Day falls on the first of May, or the file was put together from two.
fn add(days: &mut BTreeMap<Date, (String, u32)>, day: Date, name: &str, line: u32, notes: &mut Problems) {
    let Some((known, first)) = days.get_mut(&day) else {
        days.insert(day, (name.to_owned(), line));
        return;
    };
    if known.split(" / ").any(|known| known == name) || known.chars().count() + name.chars().count() > LONGEST.1 {
        return;
    }
    notes.add(
        Place { line, column: 1 },
        format!("{day} is `{known}` (line {first}) and `{name}`; both names are kept"),
        "remove one of the two, unless both are meant",
    );
    known.push_str(" / ");
    known.push_str(name);
}

fn name_of(title: &str) -> String {
    let plain: String = title.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let name: String = plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST.1).collect();
    if name.is_empty() { "holiday".to_owned() } else { name }
}

/// The first of them, and how many more.
fn few(all: Problems) -> Vec<Problem> {
    let mut all = all.into_sorted();
    let more = all.len().saturating_sub(MOST_SAID);
    all.truncate(MOST_SAID);
    if more > 0
        && let Some(last) = all.last_mut()
    {
        last.what.push_str(&format!(" ({more} more in this file)"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(events: &[(&str, &str)]) -> String {
        let event = |(title, lines): &(&str, &str)| {
            format!("BEGIN:VEVENT\nSUMMARY:{title}\nDTSTART;VALUE=DATE:{lines}\nEND:VEVENT\n")
        };
        format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", events.iter().map(event).collect::<String>())
    }

    fn said(problems: &[Problem]) -> Vec<String> {
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn days_of_a_country() {
        let text = calendar(&[
            ("New Year's Day", "19700101\nRRULE:FREQ=YEARLY"),
            ("Spring bank holiday", "20200525\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;UNTIL=20301231"),
            ("Labour\tDay\\nand more", "20260501"),
            ("Christmas", "20261225\nDTEND;VALUE=DATE:20261227"),
            ("Labour Day and more", "20260501"),
            ("Ascension", "20260501"),
            ("", "20260602"),
            ("Long ago", "19950101"),
            ("Called off", "20260707\nSTATUS:CANCELLED"),
        ]);
        let (days, notes, problems) = read("fr.ics", &text);
        assert_eq!(said(&problems), Vec::<String>::new());
        assert_eq!(days.len(), 101 + 11 + 1 + 2 + 1);
        let name = |day: &str| days[&day.parse::<Date>().unwrap()].as_str();
        assert_eq!(name("2100-01-01"), "New Year's Day");
        assert_eq!(name("2026-05-25"), "Spring bank holiday");
        assert_eq!(name("2026-05-01"), "Labour Day and more / Ascension");
        assert_eq!((name("2026-12-25"), name("2026-12-26"), name("2026-06-02")), ("Christmas", "Christmas", "holiday"));
        assert_eq!(
            said(&notes),
            [
                "fr.ics:25:1: 2026-05-01 is `Labour Day and more` (line 12) and `Ascension`; both names are kept; remove one of the two, unless both are meant"
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let text = calendar(&[
            ("Lunar", "20260101\nRRULE:FREQ=YEARLY;BYWEEKNO=7"),
            ("For ever", "20260101\nDTEND:20280101"),
            ("Noon", "20260101T120000"),
            ("\u{202e}odd", "20260230"),
        ]);
        let (days, notes, problems) = read("h/x.ics", &text);
        assert!(days.is_empty());
        assert_eq!(
            said(&problems),
            [
                "h/x.ics:2:1: `Lunar` cannot be read: its rule of repetition has `BYWEEKNO=7`, which is not read; write its days one by one",
                "h/x.ics:7:1: `For ever` is longer than a year; check its years",
                "h/x.ics:16:1: `\\u{202e}odd` cannot be read: `20260230` is not a day such as 20260302; write its days one by one",
            ]
        );
        assert_eq!(
            said(&notes),
            ["h/x.ics:12:1: `Noon` has hours and is no holiday; remove it, or write its day in the roster"]
        );
        let (_, _, problems) = read("x.ics", "<html>");
        assert_eq!(
            said(&problems),
            [
                "x.ics:1:1: this is not a calendar: it does not begin with BEGIN:VCALENDAR; save the calendar (.ics) of a country or region here"
            ]
        );
    }

    #[test]
    fn ten_thousand_dates_are_read() {
        let dates: Vec<String> =
            DAYS.0.series(3.days()).take(10_000).map(|day| day.strftime("%Y%m%d").to_string()).collect();
        let events: Vec<(&str, &str)> = dates.iter().map(|day| ("A day", day.as_str())).collect();
        assert_eq!(read("x.ics", &calendar(&events)).0.len(), 10_000);
        // Each with two names: said, and not ten thousand times.
        let doubled: Vec<(&str, &str)> = dates.iter().map(|day| ("Another", day.as_str())).chain(events).collect();
        let (days, notes, _) = read("x.ics", &calendar(&doubled));
        assert_eq!((days.len(), notes.len()), (10_000, MOST_SAID));
        assert!(notes[9].what.ends_with("(9990 more in this file)"), "{}", notes[9]);
    }
}
