//! The journal, run again: the same records give the same items and entries.

use super::{Action, ActionRefused, Declarations, Loosened, Memory, Plan, Record, Rules, act, reconcile};
use crate::files::Problem;
use crate::ids::{DutyId, EngineerId, Subject};
use crate::item::{Item, ItemId};
use crate::logbook::{Author, Event, NewEntry};
use crate::process::{self, Process};
use crate::roster::{self, Duty, Roster, ToldLeave};
use crate::signal::{Kind, Observation, SignalState, Snapshot, fold};
use crate::signal_feeds::{ContactState, feeds, fold_contact, kinds_of};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Why a journal cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file in it cannot be read by this version.
    #[error("a {what} in the journal cannot be read: {first}")]
    File {
        /// `roster` or `process`.
        what: &'static str,
        /// Its first problem.
        first: String,
    },
    /// A record of a duty that the roster does not have, or that has no process yet.
    #[error("the journal speaks of the duty {0} before it has a roster and a process")]
    NoDuty(DutyId),
    /// An action that was done then is refused now.
    #[error("an action in the journal is refused: {0}")]
    Refused(#[from] ActionRefused),
}

/// A journal being replayed, and what came out so far.
#[derive(Debug, Default)]
pub struct Replay {
    declarations: Declarations,
    roster_file: Roster,
    leave: Vec<ToldLeave>,
    roster: Roster,
    signals: BTreeMap<Kind, BTreeMap<Subject, SignalState>>,
    contacts: BTreeMap<(String, Kind), ContactState>,
    days: BTreeMap<DutyId, Day>,
    items: BTreeMap<ItemId, Item>,
    entries: Vec<NewEntry>,
}

#[derive(Debug)]
struct Day {
    process: Process,
    version: u32,
    memory: Memory,
}

impl Replay {
    /// Every item, open or closed.
    pub fn items(&self) -> &BTreeMap<ItemId, Item> {
        &self.items
    }

    /// Every entry, in order.
    pub fn entries(&self) -> &[NewEntry] {
        &self.entries
    }

    /// What the engine of `duty` remembers now.
    pub fn memory(&self, duty: &DutyId) -> Option<&Memory> {
        self.days.get(duty).map(|day| &day.memory)
    }

    /// Runs one record.
    ///
    /// # Errors
    /// The journal is not one that a server wrote: see [`ReplayError`].
    pub fn step(&mut self, record: &Record) -> Result<(), ReplayError> {
        match record {
            Record::Instance { declarations } => {
                self.contacts.retain(|_, contact| declarations.sources.contains(&contact.source));
                self.declarations = declarations.clone();
            }
            Record::Roster { text, holidays } => {
                self.roster_file =
                    roster::parse_with("roster.yml", text, holidays).map_err(|found| unreadable("roster", &found))?;
                self.roster = self.roster_file.clone().with_leave(&self.leave);
            }
            Record::Leave { leave } => {
                self.leave.clone_from(leave);
                self.roster = self.roster_file.clone().with_leave(&self.leave);
            }
            Record::Process { duty, version, text, by, reason, at } => {
                self.activate(duty, *version, text, by.as_ref(), reason, *at)?;
            }
            Record::Observed { received_at, observations } => {
                for seen in observations {
                    self.observe(seen, *received_at);
                }
            }
            Record::Acted { duty, at, by, action } => self.acted(duty, *at, by.as_ref(), action)?,
            Record::Passed { duty, at } => {
                let snapshot = self.snapshot(*at);
                let (rules, memory) = self.rules(duty)?;
                let plan = reconcile(rules, memory, &snapshot, *at);
                self.apply(duty, &plan);
            }
        }
        Ok(())
    }

    fn observe(&mut self, seen: &Observation, received_at: Timestamp) {
        for kind in kinds_of(seen) {
            let key = (seen.source.to_string(), kind.clone());
            let next = fold_contact(self.contacts.get(&key), seen, &kind, received_at);
            self.contacts.insert(key, next);
        }
        let Some(kind) = seen.fact.kind() else { return };
        let subjects = self.signals.entry(kind).or_default();
        if let Some(next) = fold(subjects.get(&seen.subject), seen, received_at) {
            subjects.insert(seen.subject.clone(), next);
        }
    }

    fn snapshot(&self, now: Timestamp) -> Snapshot {
        let contacts: Vec<ContactState> = self.contacts.values().cloned().collect();
        Snapshot { feeds: feeds(&self.declarations, &contacts, now), signals: self.signals.clone() }
    }

    fn rules(&self, duty: &DutyId) -> Result<(Rules<'_>, &Memory), ReplayError> {
        let missing = || ReplayError::NoDuty(duty.clone());
        let day = self.days.get(duty).ok_or_else(missing)?;
        let rules = Rules {
            process: &day.process,
            version: day.version,
            duty: self.roster.duty(duty).ok_or_else(missing)?,
            roster: &self.roster,
            declarations: &self.declarations,
        };
        Ok((rules, &day.memory))
    }

    fn acted(
        &mut self,
        duty: &DutyId,
        at: Timestamp,
        by: Option<&EngineerId>,
        action: &Action,
    ) -> Result<(), ReplayError> {
        let snapshot = self.snapshot(at);
        let (rules, memory) = self.rules(duty)?;
        let plan = act(rules, memory, &snapshot, at, by, action)?;
        self.apply(duty, &plan);
        Ok(())
    }

    fn activate(
        &mut self,
        id: &DutyId,
        version: u32,
        text: &str,
        by: Option<&EngineerId>,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), ReplayError> {
        let process =
            process::parse("process.yml", text).map_err(|found: Vec<Problem>| unreadable("process", &found))?;
        let duty: Duty = self.roster.duty(id).cloned().ok_or_else(|| ReplayError::NoDuty(id.clone()))?;
        let before = self.days.remove(id);
        let activation = activate(&duty, before.as_ref().map(|day| &day.process), &process, version, by, reason, at);
        let mut memory = before.map(|day| day.memory).unwrap_or_default();
        memory.board.loosened.extend(activation.loosened);
        self.entries.push(activation.entry);
        self.days.insert(id.clone(), Day { process, version, memory });
        Ok(())
    }

    fn apply(&mut self, duty: &DutyId, plan: &Plan) {
        self.entries.extend(plan.entries.iter().cloned());
        self.items.extend(plan.items.iter().map(|item| (item.id.clone(), item.clone())));
        if let Some(day) = self.days.get_mut(duty) {
            day.memory.apply(plan);
        }
    }
}

fn unreadable(what: &'static str, problems: &[Problem]) -> ReplayError {
    ReplayError::File { what, first: problems.first().map(ToString::to_string).unwrap_or_default() }
}

/// What a new version of a process changes at the moment it takes effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// The line for the log book.
    pub entry: NewEntry,
    /// What it loosens, for the gate to say until the next rollout.
    pub loosened: Option<Loosened>,
}

/// The activation of `next` after `before`.
pub fn activate(
    duty: &Duty,
    before: Option<&Process>,
    next: &Process,
    version: u32,
    by: Option<&EngineerId>,
    reason: &str,
    at: Timestamp,
) -> Activation {
    let changes = before.map(|before| process::diff(before, next)).unwrap_or_default();
    let what: Vec<String> = changes.iter().filter(|change| change.loosens_gate()).map(ToString::to_string).collect();
    let author = by.map_or(Author::Machine, |id| Author::Engineer { id: id.clone() });
    let event = Event::ProcessActivated {
        version,
        reason: reason.to_owned(),
        changes: changes.iter().map(ToString::to_string).collect(),
    };
    Activation {
        entry: super::entry(duty, at, author, None, event),
        loosened: (!what.is_empty()).then(|| Loosened { version, by: by.cloned(), what }),
    }
}
