//! A piece of work that a step opened, with everything that happened to it.
//!
//! Made and changed by `engine` alone; stored and shown by the server.

use crate::flaky::Flaky;
use crate::ids::{DutyId, EngineerId, Environment, MACHINE, StepId, Subject};
use crate::signal::Fact;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Derived from `(duty, step, subject, occurrence)`, never random: `developers.main-green.6f2a90c1b3d4.1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(String);

impl ItemId {
    /// The id of the `occurrence`th item (from 1) of `subject` under `step`.
    pub fn derive(duty: &DutyId, step: &StepId, subject: &Subject, occurrence: u32) -> ItemId {
        let digest = Sha256::digest(subject.as_str().as_bytes());
        let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        ItemId(format!("{duty}.{step}.{short}.{occurrence}"))
    }

    /// An id that came from outside; whether such an item exists is for the store to say.
    pub fn from_text(text: &str) -> ItemId {
        ItemId(text.to_owned())
    }

    /// As text, safe in an address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Derived from the four fields below.
    pub id: ItemId,
    /// Whose.
    pub duty: DutyId,
    /// Which step opened it.
    pub step: StepId,
    /// What it is about.
    pub subject: Subject,
    /// The how manieth item of this subject under this step, from 1.
    pub occurrence: u32,
    /// Why it is here.
    pub why: Why,
    /// When it opened.
    pub opened_at: Timestamp,
    /// The shift to which it belongs: the one in which it opened, or the next.
    pub shift: Date,
    /// Open, snoozed or closed.
    pub state: ItemState,
    /// Who drives it.
    pub taken: Option<Taken>,
    /// Who might own the cause, best first; `None` until evidence was looked at.
    pub suggestion: Option<Suggestion>,
    /// Who owns the cause, once a person said so, or the process lets the machine say so.
    pub owner: Option<Owner>,
    /// The checklist as it was when the item opened.
    pub checklist: Vec<CheckLine>,
    /// What a person found out; a `while` item stays open after it until its condition is false.
    pub conclusion: Option<Conclusion>,
    /// Who mended what it is about, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<Mended>,
    /// Whether the escalation of its step was told.
    #[serde(default)]
    pub escalated: bool,
    /// The other duty that has it in hand; it holds the gate here all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_over: Option<HandedOver>,
}

impl Item {
    /// Whether it still needs somebody: open or snoozed.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, ItemState::Closed { .. })
    }

    /// Whether it should be shown as needing somebody now: open, not snoozed, not yet investigated, in nobody else's hands.
    pub fn needs_somebody(&self) -> bool {
        let set_aside = matches!(self.why, Why::Baseline { .. });
        matches!(self.state, ItemState::Open) && self.conclusion.is_none() && self.handed_over.is_none() && !set_aside
    }
}

/// Why an item is here: data, worded by the views.
#[expect(
    clippy::large_enum_variant,
    reason = "items are few and mostly about subjects; a box would only be in the way"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// A standing condition holds.
    Condition {
        /// As written in the process.
        expression: String,
        /// What its variables were.
        values: Vec<SeenValue>,
        /// The failing builds behind it, where there are any.
        builds: Vec<Fact>,
    },
    /// A subject that the filter let in.
    Subject {
        /// As written in the process; empty where there is none.
        expression: String,
        /// What its variables were.
        values: Vec<SeenValue>,
        /// The subject when the item opened; refreshed when it closes.
        fact: Fact,
    },
    /// A task is due.
    Due,
    /// Somebody asked.
    Asked {
        /// Who.
        by: EngineerId,
        /// What, in their words.
        text: String,
    },
    /// Two duties agreed to do something together; each has an item.
    Paired {
        /// The other duty.
        with: DutyId,
        /// Who proposed it.
        by: EngineerId,
        /// What, in their words.
        text: String,
    },
    /// Another duty handed it over.
    HandedOver {
        /// Which.
        from: DutyId,
        /// Who of them.
        by: EngineerId,
        /// Their item, which stays open there.
        item: ItemId,
        /// What it is about, as people read it there.
        title: String,
    },
    /// More subjects than the step's limit.
    More {
        /// How many are not shown one by one.
        count: usize,
    },
    /// Subjects that were there before onduty was connected.
    Baseline {
        /// How many are left.
        count: usize,
    },
}

/// A variable of an expression and what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenValue {
    /// `ci.branch("main")`
    pub name: String,
    /// `"failing"`
    pub value: String,
}

/// Open, snoozed or closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ItemState {
    /// Needs somebody.
    Open,
    /// Out of sight until something happens; still holds the gate.
    Snoozed {
        /// Until what.
        until: SnoozeUntil,
        /// Who said so.
        by: EngineerId,
        /// Since when.
        since: Timestamp,
    },
    /// Over.
    Closed {
        /// When.
        at: Timestamp,
        /// How.
        how: Closing,
    },
}

/// Until what an item is snoozed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "until", rename_all = "snake_case")]
pub enum SnoozeUntil {
    /// An instant.
    Time {
        /// Which.
        at: Timestamp,
    },
    /// The next rollout that arrives.
    NextRollout,
    /// The subject happens again: a newer event of the error, a newer build.
    HappensAgain {
        /// How it was when the item was snoozed.
        mark: String,
    },
    /// An expression becomes true.
    Condition {
        /// In CEL.
        expression: String,
    },
}

/// How an item ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Closing {
    /// The condition is known to be false.
    ConditionCleared,
    /// Resolved at the source.
    ResolvedAtSource,
    /// Ignored at the source.
    IgnoredAtSource,
    /// Assigned at the source, where the step waits for that.
    AssignedAtSource {
        /// To whom, in the source's words.
        to: String,
    },
    /// The signal is fine again.
    FineAtSource,
    /// The subject is gone from its source.
    GoneAtSource,
    /// A person concluded it.
    Concluded,
    /// The task was done.
    Done,
    /// Its shift or period ended before it was done.
    PeriodEnded,
    /// The duty that had handed it over ended it, or took it back.
    EndedWhereItCameFrom,
    /// Its step is gone from the process.
    Withdrawn {
        /// The version of the process without it.
        version: u32,
    },
}

/// That another duty has an item in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// Which.
    pub to: DutyId,
    /// Who of them took it.
    pub engineer: EngineerId,
    /// Their item.
    pub item: ItemId,
    /// When.
    pub at: Timestamp,
}

/// Who drives an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Who.
    pub by: EngineerId,
    /// Since when.
    pub at: Timestamp,
}

/// Who might own the cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Best first, at most five; empty means that nobody is known.
    pub people: Vec<Candidate>,
    /// Those who come after them, best first, at most fifteen: kept for whoever asks why they are not named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Candidate>,
    /// The team to ask, where no person is likely enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<LikelyTeam>,
    /// What the past of the check says, where it was flaky before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaky: Option<Flaky>,
    /// Whether the last green commit is not among those that led to the red one, so that nobody is suspected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub green_is_gone: bool,
    /// When the evidence was looked at.
    pub at: Timestamp,
    /// Why there is nobody, or what could not be looked at.
    pub note: Option<String>,
}

/// Open items of their own after which somebody is not proposed as long as there is somebody else.
pub const MANY_ITEMS: u32 = 5;
/// Candidates whose confidence is this close to the best one's take the item in the order of what they own already.
const AS_GOOD: f64 = 0.1;

impl Suggestion {
    /// Whom to ask first: the best candidate who is here and does not own much already. Among those who are as good,
    /// whoever owns least. Where everybody is away or owns much, the best who is here, or the best of all.
    pub fn proposed(&self) -> Option<&Candidate> {
        let mut able = self.people.iter().filter(|person| person.can_take());
        let Some(first) = able.next() else {
            return self.people.iter().find(|person| person.available).or(self.people.first());
        };
        let least = first.confidence.unwrap_or(0.0) - AS_GOOD;
        let as_good = able.filter(|person| first.confidence.is_some() && person.confidence.is_some_and(|p| p >= least));
        std::iter::once(first).chain(as_good).min_by_key(|person| person.owned)
    }

    /// Whom to ask first, when they can take it and their confidence is at least `confidence`.
    pub fn proposed_with(&self, confidence: f64) -> Option<&Candidate> {
        self.proposed().filter(|person| person.can_take() && person.confidence.is_some_and(|known| known >= confidence))
    }

    /// Everybody who was ranked, best first.
    pub fn ranked(&self) -> impl Iterator<Item = &Candidate> {
        self.people.iter().chain(&self.others)
    }
}

/// A team and how likely it is that the right person is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LikelyTeam {
    /// As the roster names it.
    pub name: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Where it is named, the file and its line, when it is not the evidence that speaks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<(String, u32)>,
}

/// A person and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub engineer: EngineerId,
    /// Whether this person is at work today.
    pub available: bool,
    /// How likely it is this person, from 0 to 1; none in suggestions of before this was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// How many open items of the duty they owned when the evidence was looked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub owned: u32,
    /// One for each thing that speaks for them, the weightiest first; never empty.
    pub reasons: Vec<OwnerReason>,
}

impl Candidate {
    /// Whether this person is here and does not own much already.
    pub fn can_take(&self) -> bool {
        self.available && self.owned < MANY_ITEMS
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One reason to think of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum OwnerReason {
    /// Wrote a line of the stack.
    WroteLine {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u32,
        /// The commit.
        revision: String,
        /// When.
        at: Timestamp,
    },
    /// Wrote some of the lines around those of the stack.
    WroteAround {
        /// How many of …
        lines: u32,
        /// … this many.
        of: u32,
    },
    /// Wrote some of the commits to a folder of the stack.
    CommitsToFolder {
        /// The folder.
        folder: String,
        /// How many of its …
        theirs: u32,
        /// … this many.
        of: u32,
        /// Their newest one.
        newest: Timestamp,
    },
    /// Worked near the stack with their last commits.
    WorksNear {
        /// The file or folder that the nearest of them has in common with the stack.
        place: String,
        /// How many of their …
        commits: u32,
        /// … last ones came that near.
        of: u32,
        /// The newest of these.
        newest: Timestamp,
    },
    /// Works on this repository.
    CommitsLately {
        /// Their commits of …
        commits: u32,
        /// … the last days.
        days: u32,
    },
    /// Works on this repository, or did.
    LastCommit {
        /// When they last committed anything.
        at: Timestamp,
    },
    /// Wrote some of the commits to a file.
    RecentCommits {
        /// The file.
        file: String,
        /// How many of its …
        theirs: u32,
        /// … this many.
        of: u32,
        /// Their newest one.
        newest: Timestamp,
    },
    /// Wrote a commit that came after the last green build.
    SinceGreen {
        /// The commit.
        revision: String,
        /// Its title.
        title: String,
        /// How many commits came since green.
        of: u32,
        /// A file that it changed and that the failing build names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changed: Option<String>,
    },
    /// Wrote a commit of the last rollout that changed a file of the cause.
    InRollout {
        /// The commit.
        revision: String,
        /// Its title.
        title: String,
        /// Where it went.
        environment: Environment,
        /// The file.
        file: String,
    },
    /// A rule of CODEOWNERS names them or their team for a file of the cause.
    NamedByRule {
        /// As it is written: `@lena`, `@acme/checkout`.
        owner: String,
        /// The file of the cause.
        file: String,
        /// Where the rule stands.
        written_in: String,
        /// The line of the rule, from 1.
        line: u32,
    },
    /// A human decided so for the same subject before.
    DecidedBefore {
        /// When.
        at: Timestamp,
    },
    /// Took over from somebody who has left.
    TookOver {
        /// From whom.
        from: EngineerId,
        /// What spoke for them.
        because: Box<OwnerReason>,
    },
}

impl Owner {
    /// Whether a person said so.
    pub fn is_decided_by_person(&self) -> bool {
        self.decided_by.as_str() != MACHINE
    }
}

/// Who owns the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Who.
    pub engineer: EngineerId,
    /// Who said so.
    pub decided_by: EngineerId,
    /// When.
    pub at: Timestamp,
    /// How far the source was told.
    pub write_back: WriteBack,
}

/// Who mended what an item is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mended {
    /// Who.
    pub engineer: EngineerId,
    /// Their newest commit that did it, where that is how it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Who said so; the machine where it was read off the commits.
    pub said_by: EngineerId,
    /// When.
    pub at: Timestamp,
}

/// How far the source was told what a person decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteBack {
    /// Nobody asks for it.
    #[default]
    NotAsked,
    /// On its way.
    Pending,
    /// The source has it.
    Done,
    /// The source refused or cannot be reached; a person has to tell it.
    Failed,
}

/// A line of a checklist and who ticked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    /// As written in the process.
    pub text: String,
    /// Who ticked it and when.
    pub ticked: Option<Taken>,
}

/// What a person found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// Who.
    pub by: EngineerId,
    /// When.
    pub at: Timestamp,
    /// In their words.
    pub text: String,
    /// How far the source was told that the error is resolved.
    #[serde(default)]
    pub resolve: WriteBack,
}
