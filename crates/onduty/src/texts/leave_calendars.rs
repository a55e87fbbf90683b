//! How a calendar that tells of leave is, for pages, the command line and scripts.

use super::{Telling, and, count, visible};
use jiff::Timestamp;
use onduty_core::leave_calendar::{Read, Standing, Unclear};

/// Events that are named one by one.
const NAMED: usize = 5;

/// How a calendar is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarText {
    /// What the instance's file calls it.
    pub name: String,
    /// `well`, `trouble` or `not read`.
    pub state: &'static str,
    /// How it is: goes on after its name.
    pub says: String,
    /// What somebody should look at, a sentence each.
    pub notes: Vec<String>,
    /// When it was read last.
    pub read_at: Option<Timestamp>,
}

/// How the calendar `name` is.
pub fn calendar(name: &str, standing: &Standing, tell: &Telling<'_>) -> CalendarText {
    let read = standing.read.as_ref();
    let (state, says) = match (&standing.trouble, read) {
        (Some(trouble), read) => {
            let when = read.map_or_else(|| "before the server started".to_owned(), |read| tell.ago(read.at));
            ("trouble", format!("cannot be read: {}. What it said {when} still counts.", visible(trouble)))
        }
        (None, Some(read)) => ("well", format!("was read {}: {}.", tell.ago(read.at), count(read.leave, "leave"))),
        (None, None) => ("not read", "has not been read since the server started.".to_owned()),
    };
    let notes = read.map(|read| notes(read, tell)).unwrap_or_default();
    CalendarText { name: visible(name), state, says, notes, read_at: read.map(|read| read.at) }
}

fn notes(read: &Read, tell: &Telling<'_>) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let (unclear, number) = &read.unclear;
    notes.extend(unclear.iter().take(NAMED).map(|unclear| of_nobody(unclear, tell)));
    if *number > NAMED {
        notes.push(format!("{} more are of nobody on the roster, or of several.", number - NAMED));
    }
    let (unreadable, number) = &read.unreadable;
    notes.extend(
        unreadable.iter().take(NAMED).map(|(line, why)| {
            format!("The event in line {line} of the calendar is not understood: {}.", visible(why))
        }),
    );
    if *number > NAMED {
        notes.push(format!("{} more are not understood.", number - NAMED));
    }
    if read.kept > 0 {
        notes.push(format!(
            "{} not in it any more and kept, because of what is not understood on those days.",
            if read.kept == 1 { "1 leave is".to_owned() } else { format!("{} leaves are", read.kept) }
        ));
    }
    if read.with_hours > 0 {
        notes.push(format!("{} with hours left out: leave is whole days.", count(read.with_hours, "event")));
    }
    notes
}

fn of_nobody(Unclear { name, people, from, to, .. }: &Unclear, tell: &Telling<'_>) -> String {
    let who = if name.is_empty() { "An event without a name".to_owned() } else { format!("“{}”", visible(name)) };
    let days = if from == to { tell.day(*from) } else { format!("{} to {}", tell.day(*from), tell.day(*to)) };
    match people.as_slice() {
        [] => format!("{who} ({days}) is nobody on the roster."),
        [one] => format!("{who} ({days}) may be of {} and says nobody's name.", tell.name(one)),
        several => {
            let names: Vec<String> = several.iter().map(|id| tell.name(id)).collect();
            format!("{who} ({days}) may be of {}; nobody is guessed.", and(&names))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, paris, roster};
    use super::*;

    #[test]
    fn a_calendar_says_how_it_is() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:30"), zone: &zone, roster: &roster, process: None };
        let unclear = |name: &str, people: &[&str]| Unclear {
            line: 3,
            name: name.to_owned(),
            people: people.iter().map(|id| (*id).into()).collect(),
            from: "2026-03-09".parse().unwrap(),
            to: "2026-03-10".parse().unwrap(),
        };
        let shown = |standing: &Standing| {
            let text = calendar("hr", standing, &tell);
            format!("{}: {} {}\n{}", text.state, text.name, text.says, text.notes.join("\n"))
        };
        assert_eq!(shown(&Standing::default()), "not read: hr has not been read since the server started.\n");
        let many = vec![
            unclear("Maria\u{202e} <Keller>", &[]),
            unclear("", &[]),
            unclear("Sam", &["lena", "omar"]),
            unclear("", &["priya"]),
        ];
        let read = Read {
            at: at("2026-03-02T13:52:00"),
            leave: 3,
            unclear: (many, 4),
            unreadable: (vec![(7, "odd\u{1b}".to_owned()); 6], 9),
            with_hours: 2,
            kept: 1,
        };
        insta::assert_snapshot!(shown(&Standing { read: Some(read.clone()), trouble: None }), @r"
        well: hr was read 12 min ago: 3 leaves.
        “Maria<U+202E> <Keller>” (Mon 9 Mar to Tue 10 Mar) is nobody on the roster.
        An event without a name (Mon 9 Mar to Tue 10 Mar) is nobody on the roster.
        “Sam” (Mon 9 Mar to Tue 10 Mar) may be of Lena Vogt and Omar Haddad; nobody is guessed.
        An event without a name (Mon 9 Mar to Tue 10 Mar) may be of Priya Nair and says nobody's name.
        The event in line 7 of the calendar is not understood: odd␛.
        The event in line 7 of the calendar is not understood: odd␛.
        The event in line 7 of the calendar is not understood: odd␛.
        The event in line 7 of the calendar is not understood: odd␛.
        The event in line 7 of the calendar is not understood: odd␛.
        4 more are not understood.
        1 leave is not in it any more and kept, because of what is not understood on those days.
        2 events with hours left out: leave is whole days.
        ");
        let trouble = Some("it answers 404".to_owned());
        let said = shown(&Standing {
            read: Some(Read {
                unclear: Default::default(),
                unreadable: Default::default(),
                kept: 0,
                with_hours: 0,
                ..read
            }),
            trouble,
        });
        assert_eq!(said, "trouble: hr cannot be read: it answers 404. What it said 12 min ago still counts.\n");
    }
}
