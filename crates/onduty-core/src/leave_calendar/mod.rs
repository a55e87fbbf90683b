//! Leave that a calendar tells: a person's own one, or one of an HR system in which each event names somebody.
//!
//! Called by the pass that reads calendars and by the doctor. Nobody is guessed: an event counts for an engineer when it names exactly that
//! one, and what is not understood is said, and takes nothing back. What the reason of a leave may be is in titles, so
//! that no title leaves here; of an event that names nobody only what may be a name.

mod changes;
mod people;
mod standing;

pub use changes::{Changes, changes, told_of};
pub use standing::{Read, Standing};

use crate::icalendar::{Budget, Event, When};
use crate::ids::EngineerId;
use crate::roster::{LeaveKind, Roster, ToldLeave};
use jiff::ToSpan;
use jiff::civil::Date;
use people::{Named, People, words};

/// How far ahead leave is read, in days. What is later is read when it is nearer.
pub const AHEAD: i64 = 731;
/// Longest leave, in days: more is a mistake in the year.
const LONGEST: i32 = 800;
/// Days of leave that one calendar tells, as occurrences.
const MOST: usize = 20_000;

/// How a calendar is to be understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Whose calendar it is; otherwise each event names somebody.
    pub engineer: Option<EngineerId>,
    /// What makes a leave other than planned: words that a word of the title begins with.
    pub kinds: Vec<(LeaveKind, Vec<String>)>,
    /// Only events with one of these words; all where there are none.
    pub only: Vec<String>,
    /// No event with one of these.
    pub ignore: Vec<String>,
    /// People who are on no roster are expected: they are not told about.
    pub strangers: bool,
}

/// What a calendar says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Leave that is not over, of each engineer and kind in whole stretches, by engineer and day.
    pub leave: Vec<ToldLeave>,
    /// Leave of nobody in particular.
    pub unclear: Vec<Unclear>,
    /// Events that cannot be understood: their lines, and why.
    pub unreadable: Vec<(u32, String)>,
    /// Events, of whatever kind.
    pub events: usize,
    /// Events from an hour to an hour.
    pub with_hours: usize,
    /// Events that are not leave by `only` and `ignore`, called off, or not decided yet.
    pub left_out: usize,
}

/// Leave of which it is not clear whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// Where it stands in the calendar.
    pub line: u32,
    /// What may be a name, as it is written; empty where there is none.
    pub name: String,
    /// Whom it may mean; empty for nobody on the roster.
    pub people: Vec<EngineerId>,
    /// The first day.
    pub from: Date,
    /// The last.
    pub to: Date,
}

/// Reads what `events` say about leave from `today` on.
pub fn read(events: &[Event], reading: &Reading, roster: &Roster, today: Date) -> Told {
    let people = People::of(roster);
    let until = today.saturating_add(AHEAD.days());
    let mut told = Told { events: events.len(), ..Told::default() };
    let mut budget = Budget::default();
    let mut all: Vec<ToldLeave> = Vec::new();
    for event in events {
        let title = words(&event.title);
        let is_wanted =
            (reading.only.is_empty() || has_one(&title, &reading.only)) && !has_one(&title, &reading.ignore);
        if event.is_cancelled || event.is_tentative || !is_wanted {
            told.left_out += 1;
            continue;
        }
        let days = match &event.when {
            When::Hours => {
                told.with_hours += 1;
                continue;
            }
            When::Unreadable(why) => Err(why.clone()),
            When::Days { .. } if all.len() > MOST => Err(format!("more than {MOST} leaves")),
            When::Days { first, last, .. } if (*last - *first).get_days() >= LONGEST => {
                Err(format!("it is longer than {LONGEST} days"))
            }
            When::Days { .. } => event.days((today, until), &mut budget).map_err(|error| error.to_string()),
        };
        let days = match days {
            Ok(days) => days,
            Err(why) => {
                told.unreadable.push((event.line, why));
                continue;
            }
        };
        if days.is_empty() {
            continue;
        }
        let named = match &reading.engineer {
            Some(engineer) => Named::One(engineer.clone()),
            None => people.of_event(event, &reading.words()),
        };
        match named {
            Named::One(engineer) => {
                let kind = reading.kind(&title);
                all.extend(days.into_iter().map(|(from, to)| ToldLeave { engineer: engineer.clone(), from, to, kind }));
            }
            Named::Nobody(_) if reading.strangers => told.left_out += 1,
            Named::Nobody(name) => told.unclear.push(unclear(event, name, Vec::new(), days[0])),
            Named::Several(people, name) => told.unclear.push(unclear(event, name, people, days[0])),
        }
    }
    told.leave = in_stretches(all);
    told
}

fn unclear(event: &Event, name: String, people: Vec<EngineerId>, (from, to): (Date, Date)) -> Unclear {
    Unclear { line: event.line, name, people, from, to }
}

impl Reading {
    fn kind(&self, title: &[String]) -> LeaveKind {
        let found = self.kinds.iter().find(|(_, words)| has_one(title, words));
        found.map_or(LeaveKind::Planned, |(kind, _)| *kind)
    }

    /// Every word that may stand beside a name.
    fn words(&self) -> Vec<&str> {
        let kinds = self.kinds.iter().flat_map(|(_, words)| words);
        kinds.chain(&self.only).map(String::as_str).collect()
    }
}

/// Whether one of `wanted` stands in a title: `sick` in *Sick leave*, `home office` in *Home office (Berlin)*.
fn has_one(title: &[String], wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| {
        let wanted = words(wanted);
        let Some((last, first)) = wanted.split_last() else { return false };
        title
            .windows(wanted.len())
            .any(|here| here[..first.len()] == *first && here[first.len()].starts_with(last.as_str()))
    })
}

/// One leave for days that follow each other: some systems write an event for each.
fn in_stretches(mut all: Vec<ToldLeave>) -> Vec<ToldLeave> {
    let key = |leave: &ToldLeave| (leave.engineer.clone(), leave.kind.word(), leave.from, leave.to);
    all.sort_by_cached_key(key);
    let mut stretches: Vec<ToldLeave> = Vec::new();
    for leave in all {
        if let Some(last) = stretches.last_mut()
            && (&last.engineer, last.kind) == (&leave.engineer, leave.kind)
            && leave.from <= last.to.saturating_add(1.day())
            && (leave.to.max(last.to) - last.from).get_days() < LONGEST
        {
            last.to = last.to.max(leave.to);
        } else {
            stretches.push(leave);
        }
    }
    stretches.sort_by_cached_key(|leave| (leave.engineer.clone(), leave.from, leave.to, leave.kind.word()));
    stretches
}

#[cfg(test)]
mod tests;
