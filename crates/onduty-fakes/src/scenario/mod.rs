//! What happens on a day in the sample team, as data, and who plays it.
//!
//! `onduty demo` plays [`Scenario::demo_day`] by its duty clock through a [`Player`]; tests call the acts of
//! [`seed_day()`] one by one. What people do inside onduty changes nothing here, except what they write back.

mod commits;
mod demo_day;
mod player;
mod seed_day;

pub use commits::{mend, three_changes};
pub use player::{Played, Player};
pub use seed_day::{SeedDay, seed_day};

use crate::github::{Conclusion, DeploymentState};
use crate::sample::NewCommit;
use crate::signals::CustomSignal;
use crate::tracker::ErrorGroup;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

/// The checks of every push to the sample repository.
pub const CHECKS: [&str; 4] = ["lint", "unit tests", "build image", "e2e"];

/// A day's events, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Which day.
    pub day: Date,
    /// What happens, oldest first.
    pub events: Vec<Event>,
    /// How often the tracker gives a sign of life, from its first listing on and without an end.
    pub heartbeat: SignedDuration,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// One line for people.
    pub title: String,
    /// What.
    pub act: Act,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// The tracker lists what it has for the first time: `old` as a baseline, `live` as it is.
    Connects {
        /// There long before.
        old: Vec<ErrorGroup>,
        /// Alive.
        live: Vec<ErrorGroup>,
    },
    /// The code host says hello.
    Pings,
    /// Somebody pushes to main.
    Pushes(Work),
    /// A check of a branch's newest commit starts.
    CheckStarts {
        /// Which branch.
        branch: String,
        /// Which check.
        check: String,
    },
    /// A check of a branch's newest commit ends.
    CheckEnds {
        /// Which branch.
        branch: String,
        /// Which check.
        check: String,
        /// How.
        how: Conclusion,
    },
    /// An error is seen for the first time; without a release it gets the newest commit of main.
    ErrorAppears(ErrorGroup),
    /// An error happens again.
    ErrorHappens {
        /// Of which project.
        project: String,
        /// Which.
        id: String,
        /// How often.
        times: u64,
    },
    /// Somebody mended an error.
    ErrorResolved {
        /// Of which project.
        project: String,
        /// Which.
        id: String,
    },
    /// The pipeline starts to roll main out.
    RolloutStarts {
        /// Where to.
        environment: String,
        /// Login of who started it.
        by: String,
    },
    /// That rollout ends.
    RolloutEnds {
        /// Where to.
        environment: String,
        /// How.
        state: DeploymentState,
    },
    /// A signal of the team's own.
    Signals(CustomSignal),
}

/// What is in a push.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// So many commits of ordinary work.
    Routine(usize),
    /// These.
    Written(Vec<NewCommit>),
}
