//! The team's algorithm: steps, checklists, and what each of them means.
//!
//! Written by people in `processes/<duty>.yml`, read by [`parse()`], compared by [`diff`], run by `engine`. Never
//! evaluates anything itself.

mod changes;
mod keys;
mod parse;
mod schema;
mod step;
mod values;

#[cfg(test)]
mod bad_files;
#[cfg(test)]
mod tests;

pub use changes::{Change, diff};
pub use parse::parse;
pub use schema::{json_schema, keys_markdown};

use crate::expr::Expression;
use crate::files::Place;
use crate::ids::{DutyId, Environment, StepId};
use crate::roster::Duty;
use crate::signal::Kind;
use jiff::SignedDuration;
use jiff::civil::Time;
use std::collections::BTreeMap;

/// The id of the built-in step that holds what people ask the one on duty.
pub const ASKED: &str = "asked";

/// Most steps in a process.
pub const MAX_STEPS: usize = 500;

/// The file that a new team starts with: the seed algorithm, on one screen.
pub const STARTER: &str = include_str!("starter.yml");

/// The algorithm of one duty.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Whose algorithm.
    pub duty: DutyId,
    /// From top to bottom; never one called [`ASKED`], which every process has besides.
    pub steps: Vec<Step>,
    /// What a person does, by name.
    pub checklists: BTreeMap<String, Vec<String>>,
}

impl Process {
    /// The step called `id`.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// Where the rollouts of `duty`, whose algorithm this is, are compared with before: where it rolls out to in the end, or
    /// the environment that it watches most.
    pub fn compared_environment(&self, duty: &Duty) -> Environment {
        let last = self.steps.iter().rev().find_map(|step| match &step.work {
            Work::Rollout(environment) => Some(environment.clone()),
            _ => None,
        });
        last.unwrap_or_else(|| duty.watches.main_environment())
    }

    /// The lines of the checklist that `step` follows.
    pub fn checklist_of(&self, step: &Step) -> &[String] {
        step.checklist.as_ref().and_then(|name| self.checklists.get(name)).map_or(&[], Vec::as_slice)
    }
}

/// One step of the algorithm.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Unique in the process.
    pub id: StepId,
    /// What it is for, in the team's words.
    pub goal: String,
    /// What opens an item.
    pub kind: StepKind,
    /// Who does the work.
    pub work: Work,
    /// What happens about the owner of an item.
    pub owner: OwnerMode,
    /// Name of the checklist that a person follows.
    pub checklist: Option<String>,
    /// Whether an open item, or not knowing, holds the rollout.
    pub blocks_rollout: bool,
    /// When in the day, in the duty's zone.
    pub times: Times,
    /// Who is told when nobody took an item in time.
    pub escalate: Option<Escalation>,
    /// How many minutes the work should take.
    pub expects_minutes: Option<u32>,
    /// How many items are shown; the rest is one counted item that still blocks.
    pub limit: Option<usize>,
    /// Who reviews changes of this step.
    pub reviewers: Vec<String>,
    /// The id that this step had before it was renamed; it keeps those items.
    pub was: Option<StepId>,
    /// Where the step starts in the file.
    pub place: Place,
}

/// What opens an item.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// `while: CONDITION`: one item while it holds.
    While(Expression),
    /// `each: NAME in LIST` and `where: FILTER`: one item per subject that the filter lets in.
    Each {
        /// The name that the filter uses for a subject.
        variable: String,
        /// Which subjects.
        list: List,
        /// What opens an item; all subjects without one.
        filter: Option<Expression>,
    },
    /// `once: shift`: a task, once a period.
    Once(Period),
    /// `every: rollout` or `every: 2h`: a task, on each occasion.
    Every(Occasion),
}

/// The lists that `each` can go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// `errors`
    Errors,
    /// `builds`: the last state of each check on each branch.
    Builds,
    /// `rollouts`
    Rollouts,
    /// `endpoints`: the judged endpoints of the last rollout.
    Endpoints,
    /// `commits`: those that would go out.
    Commits,
    /// `signals.KIND`
    Custom(String),
}

impl List {
    /// The kind of signal that the list shows.
    pub fn kind(&self) -> Kind {
        match self {
            List::Errors => Kind::Errors,
            List::Builds => Kind::Builds,
            List::Rollouts => Kind::Rollouts,
            List::Endpoints => Kind::Performance,
            List::Commits => Kind::Commits,
            List::Custom(kind) => Kind::Custom(kind.clone()),
        }
    }
}

/// How often a `once` task comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Once in each shift.
    Shift,
    /// Once in each calendar day that is served.
    Day,
    /// Once in each week, on its first served day.
    Week,
}

/// What an `every` task follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Each rollout that arrived.
    Rollout,
    /// Each passing of this time within a shift.
    Duration(SignedDuration),
}

/// Who does the work of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A person, with or without a checklist.
    Person,
    /// The machine: `check: performance`.
    Check(Check),
    /// The machine, after a person pressed the button: `rollout: production`.
    Rollout(Environment),
}

/// The automatic checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Did the last rollout slow anything down?
    Performance,
}

/// What happens about the owner of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnerMode {
    /// Nothing.
    #[default]
    None,
    /// `suggest`: name the most adequate people.
    Suggest,
    /// `write-back`: once a person accepts the suggestion, tell the tracker.
    WriteBack,
    /// `auto`: where onduty is at least so sure, it names the owner by itself, and tells the tracker.
    Auto {
        /// At least this confidence, in percent.
        percent: u8,
    },
}

impl OwnerMode {
    /// Whether a tracker is told who owns the cause.
    pub fn tells_tracker(self) -> bool {
        matches!(self, OwnerMode::WriteBack | OwnerMode::Auto { .. })
    }
}

/// When in the day a step is due, in the duty's zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times {
    /// Not before.
    pub after: Option<Time>,
    /// Not later.
    pub before: Option<Time>,
    /// At each of these times, in order.
    pub at: Vec<Time>,
}

/// `escalate: {after: 30m, to: lead}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// How long an item may wait for somebody to take it.
    pub after: SignedDuration,
    /// Who is told: an engineer or a team.
    pub to: String,
}
