//! The engine: process, memory and the outside world in; changed items, log entries and effects out.
//!
//! Called by the server once for each relevant observation, action and full minute, within one transaction, and by
//! [`Replay`]. Never reads a clock, a file or the network, and never fails: a silent source is a state.

mod act;
mod action;
mod candidate;
mod handshake;
mod memory;
mod mended;
mod pass;
mod record;
mod replay;
mod rollout_step;
mod shifts;
mod snooze;
mod standing;
mod subjects;
mod tasks;
#[cfg(test)]
mod tests;

pub use crate::signal_feeds::Declarations;
pub use act::act;
pub use action::{Action, ActionRefused};
pub use candidate::candidate;
pub use handshake::{agreed_item, on_other_side, shared_with};
pub use memory::{Board, Loosened, Memory, RunningShift, ShiftMove, ShiftOffer, StepState, StepStatus};
pub use pass::reconcile;
pub use record::Record;
pub use replay::{Activation, Replay, ReplayError, activate};
pub use rollout_step::gate_inputs;

use crate::calendar;
use crate::ids::{DutyId, EngineerId, StepId, Subject};
use crate::item::{CheckLine, Item, ItemId, ItemState, Why};
use crate::logbook::{Author, Event, NewEntry};
use crate::process::Process;
use crate::roster::{Duty, Roster};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A condition that comes back within this time reopens its item instead of opening another.
pub const HOLD_DOWN: SignedDuration = SignedDuration::from_mins(10);
/// Items of a step that are opened one by one where the process sets no `limit`.
pub const DEFAULT_LIMIT: usize = 100;

/// Everything that decides and does not change from pass to pass.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The algorithm.
    pub process: &'a Process,
    /// Its number.
    pub version: u32,
    /// Whose day it is.
    pub duty: &'a Duty,
    /// Everybody.
    pub roster: &'a Roster,
    /// What the instance's file declares.
    pub declarations: &'a Declarations,
}

/// What has to be written, in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Items in their new state.
    pub items: Vec<Item>,
    /// Lines for the log book, in order.
    pub entries: Vec<NewEntry>,
    /// What has to leave, through the outbox.
    pub effects: Vec<Effect>,
    /// The board in its new state.
    pub board: Board,
    /// When the next pass is due even if nothing happens.
    pub next_wake: Timestamp,
}

impl Plan {
    /// Whether there is anything to write.
    pub fn changes(&self, memory: &Memory) -> bool {
        !self.items.is_empty() || !self.entries.is_empty() || !self.effects.is_empty() || self.board != memory.board
    }
}

/// Something that has to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Tell the source of an error who owns it.
    WriteBack {
        /// Which item; also the stable key.
        item: ItemId,
        /// The tracker's project.
        project: String,
        /// The tracker's id.
        error: String,
        /// Who.
        engineer: EngineerId,
        /// Who said so.
        decided_by: EngineerId,
    },
    /// Tell the source of an error that it is resolved.
    Resolve {
        /// Which item.
        item: ItemId,
        /// The tracker's project.
        project: String,
        /// The tracker's id.
        error: String,
        /// When a person said so: the item's next conclusion is another effect.
        at: Timestamp,
    },
}

/// Collects what a pass or an action changes; reads its own changes back.
pub(crate) struct Draft<'a> {
    pub rules: Rules<'a>,
    pub now: Timestamp,
    pub memory: Memory,
    pub plan: Plan,
}

impl<'a> Draft<'a> {
    pub fn new(rules: Rules<'a>, memory: &Memory, now: Timestamp) -> Draft<'a> {
        let plan = Plan {
            items: Vec::new(),
            entries: Vec::new(),
            effects: Vec::new(),
            board: memory.board.clone(),
            next_wake: next_minute(now),
        };
        Draft { rules, now, memory: memory.clone(), plan }
    }

    /// Writes an item in its new state, replacing what this draft wrote about it before.
    pub fn put(&mut self, item: Item) {
        self.memory.items.insert(item.id.clone(), item.clone());
        match self.plan.items.iter_mut().find(|known| known.id == item.id) {
            Some(known) => *known = item,
            None => self.plan.items.push(item),
        }
    }

    /// Writes a line of the machine.
    pub fn log(&mut self, item: Option<&Item>, event: Event) {
        self.log_as(Author::Machine, item, event);
    }

    /// Writes a line.
    pub fn log_as(&mut self, author: Author, item: Option<&Item>, event: Event) {
        let entry = entry(self.rules.duty, self.now, author, item.map(|item| item.id.clone()), event);
        self.plan.entries.push(entry);
    }

    /// Asks for a pass at `at`, if that is before the next full minute.
    pub fn wake_at(&mut self, at: Timestamp) {
        if at > self.now {
            self.plan.next_wake = self.plan.next_wake.min(at);
        }
    }

    pub fn finish(self) -> Plan {
        self.plan
    }
}

/// A line of the log book at `now`, in the shift to which that instant belongs.
pub(crate) fn entry(duty: &Duty, now: Timestamp, author: Author, item: Option<ItemId>, event: Event) -> NewEntry {
    NewEntry { duty: duty.id.clone(), at: now, shift: shift_of(duty, now), author, item, event }
}

/// The shift to which `now` belongs: the running one or the next; the day itself where no day is ever served.
pub(crate) fn shift_of(duty: &Duty, now: Timestamp) -> Date {
    calendar::shift_day_at(duty, now).unwrap_or_else(|| calendar::day_of(duty, now))
}

/// An item that opens now.
pub(crate) fn new_item(draft: &Draft<'_>, step: &StepId, subject: Subject, why: Why) -> Item {
    let duty: &DutyId = &draft.rules.duty.id;
    let occurrence = draft.memory.newest(step, &subject).map_or(1, |item| item.occurrence + 1);
    let checklist = match draft.rules.process.step(step) {
        Some(step) => draft.rules.process.checklist_of(step),
        None => &[],
    };
    Item {
        id: ItemId::derive(duty, step, &subject, occurrence),
        duty: duty.clone(),
        step: step.clone(),
        subject,
        occurrence,
        why,
        opened_at: draft.now,
        shift: shift_of(draft.rules.duty, draft.now),
        state: ItemState::Open,
        taken: None,
        suggestion: None,
        owner: None,
        checklist: checklist.iter().map(|text| CheckLine { text: text.clone(), ticked: None }).collect(),
        conclusion: None,
        mended: None,
        escalated: false,
        handed_over: None,
    }
}

/// The next full minute after `now`.
fn next_minute(now: Timestamp) -> Timestamp {
    let minute = 60 * 1_000_000;
    let micros = now.as_microsecond();
    Timestamp::from_microsecond(micros - micros.rem_euclid(minute) + minute).unwrap_or(now)
}
