//! What the engine must remember between passes.

use super::Action;
use crate::gate::GateInputs;
use crate::handshake::{Handshake, Proposal};
use crate::ids::{DutyId, EngineerId, StepId, Subject};
use crate::item::{Item, ItemId};
use crate::roster::{Duty, Roster};
use crate::schedule::{self, Cover, Known, Planned, Price};
use crate::signal::{Kind, RolloutState, UnknownReason};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Items and the board of one duty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Memory {
    /// Every open item, and the newest closed one of each step and subject (for hold-down, conclusions in force and
    /// the count of occurrences).
    pub items: BTreeMap<ItemId, Item>,
    /// Everything else.
    pub board: Board,
}

impl Memory {
    /// The open items of a step, oldest first.
    pub fn open_of<'a>(&'a self, step: &'a StepId) -> impl Iterator<Item = &'a Item> {
        let mut items: Vec<&Item> = self.items.values().filter(|item| item.step == *step && item.is_open()).collect();
        items.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        items.into_iter()
    }

    /// The newest item of a subject under a step, open or closed.
    pub fn newest(&self, step: &StepId, subject: &Subject) -> Option<&Item> {
        self.items
            .values()
            .filter(|item| item.step == *step && item.subject == *subject)
            .max_by_key(|item| item.occurrence)
    }

    /// Takes over what a pass or an action changed.
    pub fn apply(&mut self, plan: &super::Plan) {
        for item in &plan.items {
            self.items.insert(item.id.clone(), item.clone());
        }
        self.board = plan.board.clone();
    }
}

/// The state of the day: small, stored as one row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Board {
    /// The steps in the order of the process, the built-in one last but for the rollout.
    pub steps: Vec<StepStatus>,
    /// The shift that runs, and who serves it.
    pub shift: Option<RunningShift>,
    /// Who served which day, newest 400.
    pub served: BTreeMap<Date, EngineerId>,
    /// Who serves instead of whose turn it is, newest 400.
    #[serde(default)]
    pub covers: BTreeMap<Date, Cover>,
    /// The plan that counts: the coming days that were published, and those of the past until they are dropped.
    #[serde(default)]
    pub published: BTreeMap<Date, Planned>,
    /// Shifts that moved, oldest first, until everybody whom it concerns knows or the day is over.
    #[serde(default)]
    pub moves: Vec<ShiftMove>,
    /// When people last read what had changed since their last turn.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refreshed: BTreeMap<EngineerId, Timestamp>,
    /// Shifts that are offered, by day.
    #[serde(default)]
    pub offers: BTreeMap<Date, ShiftOffer>,
    /// The handshakes of this shift, by the other duty.
    #[serde(default)]
    pub handshakes: BTreeMap<DutyId, Handshake>,
    /// What waits for an answer between this duty and others.
    #[serde(default)]
    pub proposals: BTreeMap<String, Proposal>,
    /// The gate as the last pass saw it, one per environment.
    pub gates: Vec<GateInputs>,
    /// Rollouts and the state in which the log book has them, newest 100.
    pub rollouts: BTreeMap<String, (Timestamp, RolloutState)>,
    /// Versions since the last rollout that loosened what holds the gate.
    pub loosened: Vec<Loosened>,
    /// The version of the process that the last pass ran.
    pub process_version: u32,
    /// When the engine first ran for this duty; older rollouts open no tasks.
    pub first_pass: Option<Timestamp>,
}

impl Board {
    /// Who serves which days once `action` is done, where it gives days to people.
    pub fn served_by(&self, action: &Action) -> Vec<(Date, EngineerId)> {
        let swapped = |day: &Date, engineer: Option<&EngineerId>| {
            let Some(offer) = self.offers.get(day) else { return Vec::new() };
            let taken = engineer.or(offer.taken_by.as_ref()).map(|engineer| (*day, engineer.clone()));
            taken.into_iter().chain(offer.in_return.map(|other| (other, offer.engineer.clone()))).collect()
        };
        match action {
            Action::Cover { day, engineer } => vec![(*day, engineer.clone())],
            Action::TakeShift { day, engineer } => swapped(day, Some(engineer)),
            Action::AgreeToSwap { day } => swapped(day, None),
            _ => Vec::new(),
        }
    }

    /// The offer of a day, while the shift is still whose it was.
    pub fn offer(&self, roster: &Roster, duty: &Duty, day: Date) -> Option<&ShiftOffer> {
        let offer = self.offers.get(&day)?;
        let shift = schedule::shift_on(roster, duty, self.known(), day)?;
        (shift.engineer.as_ref() == Some(&offer.engineer)).then_some(offer)
    }

    /// What it would cost both sides that `taker` takes the offer of `day`.
    pub fn price_of_swap(&self, roster: &Roster, duty: &Duty, day: Date, taker: &EngineerId) -> Vec<Price> {
        let Some(offer) = self.offer(roster, duty, day) else { return Vec::new() };
        let back = offer.in_return.map(|other| (other, offer.engineer.clone()));
        let given: Vec<_> = std::iter::once((day, taker.clone())).chain(back).collect();
        schedule::price(roster, duty, self.known(), &given)
    }

    /// What is known of single days.
    pub fn known(&self) -> Known<'_> {
        Known { served: &self.served, covers: &self.covers, published: &self.published }
    }
}

/// A shift that somebody else serves than people had seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftMove {
    /// Which day.
    pub day: Date,
    /// Who served it.
    pub was: Option<EngineerId>,
    /// Who serves it.
    pub is: Option<EngineerId>,
    /// Who moved it.
    pub by: EngineerId,
    /// When.
    pub at: Timestamp,
    /// Those of the two who do not know yet.
    pub unseen: BTreeSet<EngineerId>,
}

/// A shift that its engineer would rather not serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftOffer {
    /// Whose shift it is; the offer is over when it is not any more.
    pub engineer: EngineerId,
    /// To whom; to everybody unless given.
    pub to: Option<EngineerId>,
    /// The day of the other that is given for it.
    pub in_return: Option<Date>,
    /// Who offered it: the engineer, or somebody for them.
    pub by: EngineerId,
    /// When.
    pub at: Timestamp,
    /// Who took it and waits until somebody agrees.
    pub taken_by: Option<EngineerId>,
}

/// A shift that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningShift {
    /// Its day.
    pub day: Date,
    /// Who is on duty; nobody when everybody is away.
    pub engineer: Option<EngineerId>,
}

/// A version that loosened what holds the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loosened {
    /// Its number.
    pub version: u32,
    /// Who changed it, where known.
    pub by: Option<EngineerId>,
    /// What it loosened, in words of the process.
    pub what: Vec<String>,
}

/// A step as the last pass saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStatus {
    /// Which.
    pub step: StepId,
    /// Its state.
    pub state: StepState,
    /// Why (part of) it cannot be judged, even while it has open items.
    pub unknown: Option<UnknownReason>,
}

/// The state of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// Nothing to do.
    Fine,
    /// Items need somebody.
    Open {
        /// How many.
        items: u32,
    },
    /// Nothing to do now: items are snoozed or investigated, or its time has not come.
    Waiting {
        /// Items that wait, 0 when it is the step itself.
        items: u32,
        /// When its time comes.
        opens: Option<Timestamp>,
    },
    /// It cannot be judged.
    Unknown {
        /// Why.
        reason: UnknownReason,
    },
    /// What it reads is declared absent.
    Off {
        /// What.
        kind: Kind,
    },
}
