//! The log book: what happened, by machine and by people, never changed.
//!
//! `engine` writes [`NewEntry`]s, the store numbers and chains them, views and texts word them.

mod access;

pub use access::AccessEvent;

use crate::gate::Blocker;
use crate::handshake::Proposed;
use crate::ids::{DutyId, EngineerId, Environment, StepId};
use crate::item::{Closing, ItemId, SnoozeUntil, Why};
use crate::schedule::{self, Shift};
use crate::signal::{RolloutState, UnknownReason};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Who wrote an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "author", rename_all = "snake_case")]
pub enum Author {
    /// onduty itself.
    Machine,
    /// A person.
    Engineer {
        /// Who.
        id: EngineerId,
    },
}

/// An entry before it has its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEntry {
    /// Whose log book.
    pub duty: DutyId,
    /// When, in duty time.
    pub at: Timestamp,
    /// The shift it belongs to.
    pub shift: Date,
    /// By whom.
    pub author: Author,
    /// About which item.
    pub item: Option<ItemId>,
    /// What happened.
    pub event: Event,
}

/// A shift that somebody else serves than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedShift {
    /// Which day.
    pub day: Date,
    /// Who served it; nobody where nobody could.
    pub was: Option<EngineerId>,
    /// Who serves it.
    pub is: Option<EngineerId>,
}

impl MovedShift {
    /// The shifts that somebody else serves in `after` than in `before`, both with the same days.
    pub fn between(before: &[Shift], after: &[Shift]) -> Vec<MovedShift> {
        let moved = schedule::moved(before, after).into_iter();
        moved.map(|(was, is)| MovedShift { day: was.day, was: was.engineer.clone(), is: is.engineer.clone() }).collect()
    }
}

/// What happened.
#[expect(clippy::large_enum_variant, reason = "entries are written one by one; a box would only be in the way")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A shift began.
    ShiftStarted {
        /// Who is on duty.
        engineer: EngineerId,
    },
    /// A shift ended.
    ShiftEnded {
        /// Who was on duty.
        engineer: EngineerId,
        /// Items left open.
        open: u32,
    },
    /// Somebody serves a day instead of whose turn it was.
    Covered {
        /// Which day.
        day: Date,
        /// Who serves it.
        engineer: EngineerId,
        /// Whose turn it was; nobody's when everybody was away.
        instead_of: Option<EngineerId>,
    },
    /// That is taken back.
    CoverEnded {
        /// Which day.
        day: Date,
        /// Who would have served it.
        engineer: EngineerId,
        /// Who serves it now.
        serves: Option<EngineerId>,
    },
    /// A plan counts from now on.
    PlanPublished {
        /// Its first day.
        from: Date,
        /// Its last day.
        until: Date,
        /// Days that somebody serves in it.
        shifts: u32,
        /// Those that people had seen otherwise.
        moved: Vec<MovedShift>,
    },
    /// Somebody is away, or not any more.
    LeaveTold {
        /// Who.
        engineer: EngineerId,
        /// First day away.
        from: Date,
        /// Last day away.
        to: Date,
        /// Whether it was taken back.
        ended: bool,
        /// Shifts that moved by it.
        moved: Vec<MovedShift>,
    },
    /// Somebody read what had changed since their last turn.
    RefresherRead {
        /// That turn; none before the first.
        since: Option<Date>,
    },
    /// A shift was offered.
    ShiftOffered {
        /// Which day.
        day: Date,
        /// Whose.
        engineer: EngineerId,
        /// To whom; to everybody unless given.
        to: Option<EngineerId>,
        /// The day that is given for it.
        in_return: Option<Date>,
    },
    /// Somebody took an offered shift; somebody else has to agree.
    ShiftTaken {
        /// Which day.
        day: Date,
        /// Who.
        engineer: EngineerId,
    },
    /// Shifts changed hands.
    ShiftsSwapped {
        /// The day that was offered.
        day: Date,
        /// Who serves it.
        engineer: EngineerId,
        /// Who offered it.
        with: EngineerId,
        /// The day that they serve for it.
        in_return: Option<Date>,
    },
    /// An offer was taken back, declined or not agreed to.
    OfferEnded {
        /// The day that was offered.
        day: Date,
        /// Whose shift it stays.
        engineer: EngineerId,
    },
    /// The people on duty of two duties shook hands.
    HandsShaken {
        /// The other duty.
        with: DutyId,
        /// Whose hand it was here.
        ours: EngineerId,
        /// Whose it was there.
        theirs: EngineerId,
    },
    /// One duty proposed something to another.
    Proposed {
        /// Who proposes.
        from: DutyId,
        /// Who answers.
        to: DutyId,
        /// What.
        what: Proposed,
    },
    /// A proposal was answered or taken back.
    ProposalAnswered {
        /// Who proposed.
        from: DutyId,
        /// Who of them.
        by: EngineerId,
        /// Who answers.
        to: DutyId,
        /// The duty that speaks.
        side: DutyId,
        /// What.
        what: Proposed,
        /// Whether it is done so.
        agreed: bool,
    },
    /// An item opened.
    ItemOpened {
        /// Its step.
        step: StepId,
        /// Why it is here.
        why: Why,
    },
    /// A closed item came back within the hold-down, or a concluded one was opened again by a person.
    ItemReopened {
        /// Its step.
        step: StepId,
    },
    /// An item ended.
    ItemClosed {
        /// Its step.
        step: StepId,
        /// How.
        how: Closing,
    },
    /// Somebody drives the item.
    Taken {
        /// From whom, when somebody else drove it or it came from an earlier shift.
        from: Option<EngineerId>,
    },
    /// Nobody drives the item any more.
    Released,
    /// A line of the checklist was ticked or cleared.
    Ticked {
        /// The line.
        line: String,
        /// Ticked, or cleared again.
        done: bool,
    },
    /// The item is out of sight.
    Snoozed {
        /// Until what.
        until: SnoozeUntil,
    },
    /// It came back.
    Woke,
    /// A person concluded an item, or its investigation.
    Concluded {
        /// In their words.
        text: String,
    },
    /// People who might own the cause.
    Suggested {
        /// Best first.
        people: Vec<EngineerId>,
    },
    /// A person said who owns the cause.
    OwnerDecided {
        /// Who.
        engineer: EngineerId,
        /// Whether onduty had suggested them.
        suggested: bool,
    },
    /// Who mended what an item is about.
    Mended {
        /// Who.
        engineer: EngineerId,
        /// Their newest commit that did it; none where a person said so.
        revision: Option<String>,
    },
    /// The source was told about the owner.
    WrittenBack {
        /// Who.
        engineer: EngineerId,
    },
    /// The source could not be told.
    WriteBackFailed {
        /// Who.
        engineer: EngineerId,
        /// Why, in the adapter's words.
        reason: String,
    },
    /// The source was told that an error is resolved, and shows it so.
    ResolvedAtSource,
    /// The source could not be told, or does not show it.
    ResolveFailed {
        /// Why, in the adapter's words.
        reason: String,
    },
    /// Nobody took an item in time.
    Escalated {
        /// Who is told.
        to: String,
    },
    /// A step cannot be judged.
    StepUnknown {
        /// Which.
        step: StepId,
        /// Why.
        reason: UnknownReason,
    },
    /// A step can be judged again.
    StepKnown {
        /// Which.
        step: StepId,
    },
    /// The gate opened.
    GateOpened,
    /// The gate closed.
    GateClosed {
        /// Why.
        blockers: Vec<Blocker>,
    },
    /// Somebody pressed the button.
    RolloutPressed {
        /// Where to.
        environment: Environment,
        /// What.
        revision: String,
    },
    /// A rollout was seen in a state, pressed or observed.
    RolloutSeen {
        /// Where to.
        environment: Environment,
        /// What.
        revision: String,
        /// How far.
        state: RolloutState,
        /// Pressed through onduty.
        pressed: bool,
    },
    /// A process took effect.
    ProcessActivated {
        /// Its number.
        version: u32,
        /// Why it was changed.
        reason: String,
        /// What changed, in words of the process.
        changes: Vec<String>,
    },
    /// A file on disk is broken; the last good version goes on.
    FileRefused {
        /// Which file.
        file: String,
        /// How many problems.
        problems: u32,
        /// The first one.
        first: String,
    },
    /// Somebody asked the one on duty.
    Asked {
        /// In their words.
        text: String,
    },
    /// Something about people and what they may do; stands in the log book of the instance, never in a duty's.
    Access {
        /// What.
        access: AccessEvent,
    },
    /// A note.
    Note {
        /// In the author's words.
        text: String,
        /// The entry that it corrects.
        corrects: Option<i64>,
    },
}

/// An entry of the log book as it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number in its duty's log book, from 1 without holes.
    pub seq: i64,
    /// Whose log book.
    pub duty: DutyId,
    /// When, in duty time.
    pub at: Timestamp,
    /// The shift it belongs to.
    pub shift: Date,
    /// By whom.
    pub author: Author,
    /// About which item.
    pub item: Option<ItemId>,
    /// What happened; `None` after redaction.
    pub event: Option<Event>,
    /// In words, as they were when it was written; `None` after redaction.
    pub text: Option<String>,
    /// The entry that it corrects.
    pub corrects: Option<i64>,
    /// Proves its place and its content.
    pub hash: String,
}
