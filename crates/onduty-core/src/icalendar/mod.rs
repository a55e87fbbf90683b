//! Whole days of a calendar file (iCalendar, RFC 5545): leave that people export, public holidays of a country.
//!
//! Called by `config` for holidays, by `leave_calendar`, and by the command line. Text in, events out, with the line of each. The text
//! is hostile: nothing here recurses, nothing is unfolded twice, and what a rule of repetition may cost is bounded. Hours
//! are not read, only noticed: leave and holidays are days.

mod event;
mod lines;
mod repeats;

pub use event::{Event, When};
pub use repeats::{Budget, TooMuch};

use event::Draft;
use std::collections::BTreeMap;

/// Events of one file. A country's holidays of a century are some thousands.
pub const MOST_EVENTS: usize = 100_000;
/// How deep components may stand in each other: a calendar, an event, its alarm, and some more.
const MOST_DEPTH: usize = 8;

/// Why a text is no calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotACalendar {
    /// Something else: a web page, JSON.
    #[error("this is not a calendar: it does not begin with BEGIN:VCALENDAR")]
    SomethingElse,
    /// It ends in the middle, so that nobody knows what is missing.
    #[error("the calendar is cut off: END:{0} is missing")]
    CutOff(String),
    /// An end without its beginning.
    #[error("END:{found} stands where END:{expected} should")]
    Crossed {
        /// What ends.
        found: String,
        /// What should.
        expected: String,
    },
    /// No calendar of people is so.
    #[error("components stand more than {MOST_DEPTH} deep in each other")]
    TooDeep,
    /// More than anybody's.
    #[error("more than {MOST_EVENTS} events")]
    TooMany,
}

/// Reads the events of a calendar, in the order of the file.
///
/// # Errors
/// The line, and why it is none. Never partial: a calendar that is cut off would read as leave that was taken back.
pub fn read(text: &str) -> Result<Vec<Event>, (u32, NotACalendar)> {
    let mut open: Vec<&str> = Vec::new();
    let mut draft: Option<Draft> = None;
    let mut drafts: Vec<Draft> = Vec::new();
    let (mut began, mut last) = (false, 1);
    let lines: Vec<lines::Line<'_>> = lines::of(text).collect();
    for line in &lines {
        last = line.number;
        let fail = |why: NotACalendar| Err((line.number, why));
        let Some(content) = line.content() else {
            // Half a sentence of a description that somebody broke in the wrong place.
            if open.is_empty() {
                return fail(NotACalendar::SomethingElse);
            }
            continue;
        };
        match content.name.as_str() {
            "BEGIN" => {
                if open.is_empty() && !content.value.eq_ignore_ascii_case("VCALENDAR") {
                    return fail(NotACalendar::SomethingElse);
                }
                if open.len() == MOST_DEPTH {
                    return fail(NotACalendar::TooDeep);
                }
                began = true;
                open.push(content.value);
                if open.len() == 2 && content.value.eq_ignore_ascii_case("VEVENT") {
                    if drafts.len() == MOST_EVENTS {
                        return fail(NotACalendar::TooMany);
                    }
                    draft = Some(Draft::new(line.number));
                }
            }
            "END" => match open.pop() {
                None => return fail(NotACalendar::SomethingElse),
                Some(expected) if !expected.eq_ignore_ascii_case(content.value) => {
                    let (found, expected) = (short(content.value), short(expected));
                    return fail(NotACalendar::Crossed { found, expected });
                }
                Some(_) if open.len() == 1 => drafts.extend(draft.take()),
                Some(_) => {}
            },
            _ if open.is_empty() => return fail(NotACalendar::SomethingElse),
            // Not of an alarm inside it.
            _ if open.len() == 2 => {
                if let Some(draft) = &mut draft {
                    draft.take(&content);
                }
            }
            _ => {}
        }
    }
    if let Some(open) = open.pop() {
        return Err((last, NotACalendar::CutOff(short(open))));
    }
    if !began {
        return Err((last, NotACalendar::SomethingElse));
    }
    Ok(finished(drafts))
}

/// What one occurrence of a repeated event became stands beside it, as an event of the same name: it takes that occurrence's place.
fn finished(mut drafts: Vec<Draft>) -> Vec<Event> {
    let mut replaced: BTreeMap<String, Vec<jiff::civil::Date>> = BTreeMap::new();
    for draft in &drafts {
        if let Some(day) = draft.replaces.filter(|_| !draft.uid.is_empty()) {
            replaced.entry(draft.uid.clone()).or_default().push(day);
        }
    }
    // Each name once: a file in which all events have one name would cost its square.
    for draft in drafts.iter_mut().filter(|draft| draft.replaces.is_none()) {
        draft.except.extend(replaced.remove(&draft.uid).into_iter().flatten());
    }
    drafts.into_iter().map(Draft::finish).collect()
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
