//! What two duties agree on: the handshake of a day, and what one proposes to the other. Made and changed by `engine` alone.

use crate::ids::{DutyId, EngineerId};
use crate::item::ItemId;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The handshake with another duty, as one of the two sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// The shift it belongs to.
    pub day: Date,
    /// This duty's hand.
    pub ours: Option<Hand>,
    /// The other's.
    pub theirs: Option<Hand>,
}

impl Handshake {
    /// Nobody has held out a hand yet.
    pub fn of(day: Date) -> Handshake {
        Handshake { day, ours: None, theirs: None }
    }

    /// Whose hands were shaken, this duty's first, once both are there.
    pub fn hands(&self) -> Option<(&Hand, &Hand)> {
        self.ours.as_ref().zip(self.theirs.as_ref())
    }
}

/// A hand that is held out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hand {
    /// Whose.
    pub by: EngineerId,
    /// Since when.
    pub at: Timestamp,
}

/// What one duty proposes to another; it stands on the boards of both until somebody answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Who proposes.
    pub from: DutyId,
    /// Who answers.
    pub to: DutyId,
    /// What.
    pub what: Proposed,
    /// Who of them said so.
    pub by: EngineerId,
    /// When.
    pub at: Timestamp,
}

impl Proposal {
    /// The other duty, as `duty` sees it.
    pub fn other_than(&self, duty: &DutyId) -> &DutyId {
        if self.from == *duty { &self.to } else { &self.from }
    }
}

/// What is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "proposed", rename_all = "snake_case")]
pub enum Proposed {
    /// To do something together.
    PairTask {
        /// In the person's words; not empty.
        text: String,
    },
    /// To hand an item over.
    HandOver {
        /// Which, of the proposing duty.
        item: ItemId,
        /// What it is about, as people read it there.
        title: String,
    },
}
