//! The journal: everything that replay needs, in order.

use super::Action;
use crate::ids::{DutyId, EngineerId};
use crate::roster::ToldLeave;
use crate::roster::holidays::HolidayFiles;
use crate::signal::Observation;
use crate::signal_feeds::Declarations;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The instance's file took effect.
    Instance {
        /// Its part that rules read.
        declarations: Declarations,
    },
    /// The roster took effect.
    Roster {
        /// `roster.yml` as it was.
        text: String,
        /// What the calendar files said that it names: a replay needs neither them nor how they are read.
        #[serde(default, skip_serializing_if = "HolidayFiles::is_empty")]
        holidays: HolidayFiles,
    },
    /// What is known of leave beside the roster, all of it.
    Leave {
        /// In the order in which it was told.
        leave: Vec<ToldLeave>,
    },
    /// A version of a process took effect.
    Process {
        /// Whose.
        duty: DutyId,
        /// Counts from 1.
        version: u32,
        /// The file as it was.
        text: String,
        /// Who changed it; `None` when the file was simply there.
        by: Option<EngineerId>,
        /// Why.
        reason: String,
        /// When, in duty time.
        at: Timestamp,
    },
    /// Observations were received together.
    Observed {
        /// When, in duty time.
        received_at: Timestamp,
        /// In order.
        observations: Vec<Observation>,
    },
    /// Somebody did something.
    Acted {
        /// Whose day.
        duty: DutyId,
        /// When, in duty time.
        at: Timestamp,
        /// Who; `None` is the machine.
        by: Option<EngineerId>,
        /// What.
        action: Action,
    },
    /// A pass of the engine that changed something.
    Passed {
        /// Whose day.
        duty: DutyId,
        /// When, in duty time.
        at: Timestamp,
    },
}
