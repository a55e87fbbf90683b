//! One line for each thing that can happen.

use super::handshake;
use super::reasons::headline;
use super::{
    Telling, and, blocker_parts, closing, count, facts, rollout_state, shifts, short_revision, snooze, unknown_briefly,
    visible, why,
};
use jiff::Timestamp;
use jiff::civil::Date;
use onduty_core::item::{ItemId, Why};
use onduty_core::logbook::{Author, Event};

/// An entry of the log book, ready to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Its number in the log book of its duty.
    pub seq: i64,
    /// When, in duty time.
    pub at: Timestamp,
    /// The shift it belongs to.
    pub shift: Date,
    /// By whom.
    pub author: Author,
    /// What happened.
    pub event: Event,
    /// The item it is about, and what that is called.
    pub item: Option<(ItemId, String)>,
    /// The entry that corrects this one.
    pub corrected_by: Option<i64>,
}

/// `Lena Vogt`, or `onduty` for the machine.
pub fn author(author: &Author, tell: &Telling<'_>) -> String {
    match author {
        Author::Machine => "onduty".to_owned(),
        Author::Engineer { id } => tell.name(id),
    }
}

/// The whole line: `13:20 Lena Vogt: concluded: a flake (unit tests failed on main)`.
pub fn line(line: &LogLine, tell: &Telling<'_>) -> String {
    let about = line.item.as_ref().filter(|_| !names_its_item(&line.event));
    let about = about.map(|(_, title)| format!(" ({})", visible(title))).unwrap_or_default();
    format!("{} {}: {}{about}", tell.clock(line.at), author(&line.author, tell), event(&line.event, tell))
}

/// Whether the sentence of an event already says what its item is.
pub fn names_its_item(event: &Event) -> bool {
    matches!(
        event,
        Event::ItemOpened { .. } | Event::Asked { .. } | Event::Proposed { .. } | Event::ProposalAnswered { .. }
    )
}

/// What happened, without who: fits after "Lena: ". Also the text that the log book is searched by.
pub fn event(event: &Event, tell: &Telling<'_>) -> String {
    match event {
        Event::ShiftStarted { engineer } => format!("{} is on duty", tell.name(engineer)),
        Event::ShiftEnded { engineer, open: 0 } => {
            format!("the shift of {} ended, nothing left open", tell.name(engineer))
        }
        Event::ShiftEnded { engineer, open } => {
            format!("the shift of {} ended with {}", tell.name(engineer), count(*open as usize, "open item"))
        }
        Event::Covered { day, engineer, instead_of } => {
            let instead = instead_of
                .as_ref()
                .map_or_else(|| "where nobody could".to_owned(), |id| format!("instead of {}", tell.name(id)));
            format!("{} serves {} {instead}", tell.name(engineer), tell.day(*day))
        }
        Event::CoverEnded { day, engineer, serves } => {
            let serves = serves.as_ref().map_or_else(|| "nobody".to_owned(), |id| tell.name(id));
            format!("{} does not cover {} any more; {serves} serves it", tell.name(engineer), tell.day(*day))
        }
        Event::PlanPublished { until, shifts, moved, .. } => shifts::published(*until, *shifts, moved, tell),
        Event::LeaveTold { engineer, from, to, ended, moved } => {
            shifts::leave(engineer, (*from, *to), *ended, moved, tell)
        }
        Event::RefresherRead { since: Some(day) } => format!("read what changed since {}", tell.day(*day)),
        Event::RefresherRead { since: None } => "read what to know before the first turn".to_owned(),
        Event::ShiftOffered { day, engineer, to, in_return } => {
            shifts::offered(*day, engineer, to.as_ref(), *in_return, tell)
        }
        Event::ShiftTaken { day, engineer } => {
            format!("{} takes {}; somebody else has to agree", tell.name(engineer), tell.day(*day))
        }
        Event::ShiftsSwapped { day, engineer, with, in_return } => {
            let (engineer, with, day) = (tell.name(engineer), tell.name(with), tell.day(*day));
            match in_return {
                Some(other) => {
                    format!("{engineer} and {with} swapped: {engineer} serves {day}, {with} {}", tell.day(*other))
                }
                None => format!("{engineer} takes {day} from {with}"),
            }
        }
        Event::OfferEnded { day, engineer } => {
            format!("{} of {} is not offered any more", tell.day(*day), tell.name(engineer))
        }
        Event::HandsShaken { with, ours, theirs } => handshake::shaken(with, ours, theirs, tell),
        Event::Proposed { from, to, what } => handshake::waiting(from, to, what, tell),
        Event::ProposalAnswered { from, by, to, side, what, agreed } => {
            handshake::answered((from, by), (to, side), what, *agreed, tell)
        }
        Event::ItemOpened { step, why: reason } => format!("{}: {}", tell.goal(step), opened(reason, tell)),
        Event::ItemReopened { step } => format!("{}: opened again", tell.goal(step)),
        Event::ItemClosed { step, how } => format!("{}: closed, {}", tell.goal(step), closing(how, tell)),
        Event::Taken { from: Some(from) } => format!("took over from {}", tell.name(from)),
        Event::Taken { from: None } => "took this".to_owned(),
        Event::Released => "gave this back".to_owned(),
        Event::Ticked { line, done: true } => format!("did: {}", visible(line)),
        Event::Ticked { line, done: false } => format!("cleared: {}", visible(line)),
        Event::Snoozed { until } => format!("snoozed this until {}", snooze(until, tell)),
        Event::Woke => "awake again".to_owned(),
        Event::Concluded { text } => format!("concluded: {}", visible(text)),
        Event::Suggested { people } if people.is_empty() => "found nobody who knows this well".to_owned(),
        Event::Suggested { people } => {
            let names: Vec<String> = people.iter().map(|id| tell.name(id)).collect();
            match names.split_first() {
                Some((first, rest)) if !rest.is_empty() => format!("knows this best: {first}, then {}", and(rest)),
                _ => format!("knows this best: {}", and(&names)),
            }
        }
        Event::OwnerDecided { engineer, suggested: true } => {
            format!("{} owns the cause, as suggested", tell.name(engineer))
        }
        Event::OwnerDecided { engineer, suggested: false } => format!("{} owns the cause", tell.name(engineer)),
        Event::Mended { engineer, revision: Some(revision) } => {
            format!("{} mended it with {}", tell.name(engineer), short_revision(revision))
        }
        Event::Mended { engineer, revision: None } => format!("{} mended it", tell.name(engineer)),
        Event::WrittenBack { engineer } => format!("the tracker knows that {} owns this", tell.name(engineer)),
        Event::WriteBackFailed { engineer, reason } => {
            format!("the tracker could not be told about {}: {}", tell.name(engineer), visible(reason))
        }
        Event::ResolvedAtSource => "the tracker shows it as resolved".to_owned(),
        Event::ResolveFailed { reason } => {
            format!("the tracker could not be told that this is resolved: {}", visible(reason))
        }
        Event::Escalated { to } => format!("nobody took this in time; {} is told", visible(to)),
        Event::StepUnknown { step, reason } => {
            format!("“{}” cannot be judged: {}", tell.goal(step), unknown_briefly(reason, tell))
        }
        Event::StepKnown { step } => format!("“{}” can be judged now", tell.goal(step)),
        Event::GateOpened => "the gate opened".to_owned(),
        Event::GateClosed { blockers } => {
            let reasons: Vec<String> = blockers.iter().map(|reason| blocker_parts(reason, tell).what).collect();
            format!("the gate closed: {}", and(&reasons))
        }
        Event::RolloutPressed { environment, revision } => {
            format!("pressed the button: {} to {}", short_revision(revision), visible(environment.as_str()))
        }
        Event::RolloutSeen { environment, revision, state, pressed } => {
            let outside = if *pressed { "" } else { ", not pressed here" };
            let to = visible(environment.as_str());
            format!("the rollout of {} to {to} {}{outside}", short_revision(revision), rollout_state(*state))
        }
        Event::ProcessActivated { version, reason, changes } => {
            let mut said = format!("version {version} of the process took effect");
            if !reason.is_empty() {
                said.push_str(&format!(": {}", visible(reason)));
            }
            if !changes.is_empty() {
                let changes: Vec<String> = changes.iter().map(|change| visible(change)).collect();
                said.push_str(&format!(" ({})", changes.join("; ")));
            }
            said
        }
        Event::FileRefused { file, problems, first } => format!(
            "{} has {}, its last good version goes on; first: {}",
            visible(file),
            count(*problems as usize, "problem"),
            visible(first)
        ),
        Event::Access { access } => super::access::access(access),
        Event::Asked { text } => format!("asked: {}", visible(text)),
        Event::Note { text, corrects: Some(seq) } => format!("correction of entry {seq}: {}", visible(text)),
        Event::Note { text, corrects: None } => visible(text),
    }
}

fn opened(reason: &Why, tell: &Telling<'_>) -> String {
    match reason {
        Why::Asked { text, .. } => format!("{}: {}", why(reason, tell), visible(text)),
        Why::Due => why(reason, tell),
        Why::Condition { .. } => {
            let facts = facts(reason, tell).into_iter().map(|fact| format!(" ({fact})"));
            facts.fold(headline(reason), |said, fact| said + &fact)
        }
        Why::Baseline { .. } => format!("{} are set aside", headline(reason)),
        Why::Subject { .. } | Why::More { .. } | Why::Paired { .. } | Why::HandedOver { .. } => headline(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, paris, roster};
    use super::*;
    use onduty_core::item::{Closing, SnoozeUntil};
    use onduty_core::signal::RolloutState;

    #[test]
    fn every_event_is_one_harmless_line() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:00"), zone: &zone, roster: &roster, process: None };
        let revision = || "8f3c2ab91d".to_owned();
        for (happened, expected) in [
            (Event::ShiftStarted { engineer: "lena".into() }, "Lena Vogt is on duty"),
            (Event::ShiftEnded { engineer: "lena".into(), open: 2 }, "the shift of Lena Vogt ended with 2 open items"),
            (
                Event::ItemClosed { step: "main-green".into(), how: Closing::ConditionCleared },
                "main-green: closed, its condition no longer holds",
            ),
            (
                Event::Covered {
                    day: "2026-03-03".parse().unwrap(),
                    engineer: "omar".into(),
                    instead_of: Some("lena".into()),
                },
                "Omar Haddad serves tomorrow instead of Lena Vogt",
            ),
            (
                Event::CoverEnded { day: "2026-03-09".parse().unwrap(), engineer: "omar".into(), serves: None },
                "Omar Haddad does not cover Mon 9 Mar any more; nobody serves it",
            ),
            (Event::Taken { from: Some("omar".into()) }, "took over from Omar Haddad"),
            (Event::Snoozed { until: SnoozeUntil::NextRollout }, "snoozed this until the next rollout has arrived"),
            (
                Event::Suggested { people: vec!["priya".into(), "omar".into()] },
                "knows this best: Priya Nair, then Omar Haddad",
            ),
            (
                Event::OwnerDecided { engineer: "priya".into(), suggested: true },
                "Priya Nair owns the cause, as suggested",
            ),
            (
                Event::RolloutPressed { environment: "production".into(), revision: revision() },
                "pressed the button: 8f3c2ab to production",
            ),
            (
                Event::RolloutSeen {
                    environment: "production".into(),
                    revision: revision(),
                    state: RolloutState::Succeeded,
                    pressed: false,
                },
                "the rollout of 8f3c2ab to production arrived, not pressed here",
            ),
            (
                Event::ProcessActivated {
                    version: 7,
                    reason: "flaky".into(),
                    changes: vec!["main-green added".into()],
                },
                "version 7 of the process took effect: flaky (main-green added)",
            ),
            (Event::Note { text: "a\u{202e}b\nc".into(), corrects: Some(12) }, "correction of entry 12: a<U+202E>b␊c"),
        ] {
            assert_eq!(event(&happened, &tell), expected);
        }
    }

    #[test]
    fn a_line_says_when_who_what_and_about_which_item() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:00"), zone: &zone, roster: &roster, process: None };
        let entry = LogLine {
            seq: 4,
            at: at("2026-03-02T13:20:00"),
            shift: "2026-03-02".parse().unwrap(),
            author: Author::Engineer { id: "lena".into() },
            event: Event::Concluded { text: "a flake".into() },
            item: Some((ItemId::from_text("x"), "e2e failed on main".into())),
            corrected_by: None,
        };
        assert_eq!(line(&entry, &tell), "13:20 Lena Vogt: concluded: a flake (e2e failed on main)");
    }
}
