//! What the outside world was last seen doing: observations, how they fold into the state of one subject, and the
//! snapshot that rules read.
//!
//! Sources make [`Observation`]s, the store keeps them in the journal and folds them with [`fold`]; `expr`, `engine`
//! and `gate` read [`Snapshot`]. Nothing here knows a provider's JSON, the database or the clock.

use crate::flaky::{self, Red};
use crate::ids::{Environment, SourceName, Subject};
use crate::performance::{ComparedRollout, EndpointFact};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A kind of signal. What teams invent themselves is [`Kind::Custom`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Builds and checks of revisions.
    Builds,
    /// Error groups of a tracker.
    Errors,
    /// Rollouts to environments.
    Rollouts,
    /// Heads of branches and their recent commits.
    Commits,
    /// Response times per endpoint after a rollout.
    Performance,
    /// Request counts.
    Traffic,
    /// A kind of the team's own, sent by `onduty signal send` or the generic webhook.
    Custom(String),
}

impl Kind {
    /// The kinds that onduty knows by itself.
    pub const BUILT_IN: [Kind; 6] =
        [Kind::Builds, Kind::Errors, Kind::Rollouts, Kind::Commits, Kind::Performance, Kind::Traffic];

    /// The word used in files, in the store and in the API.
    pub fn as_str(&self) -> &str {
        match self {
            Kind::Builds => "builds",
            Kind::Errors => "errors",
            Kind::Rollouts => "rollouts",
            Kind::Commits => "commits",
            Kind::Performance => "performance",
            Kind::Traffic => "traffic",
            Kind::Custom(name) => name,
        }
    }

    /// The kind that `word` names.
    pub fn from_word(word: &str) -> Kind {
        Kind::BUILT_IN.into_iter().find(|kind| kind.as_str() == word).unwrap_or_else(|| Kind::Custom(word.to_owned()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        String::deserialize(deserializer).map(|word| Kind::from_word(&word))
    }
}

/// One sighting of one subject by one source. The journal keeps it as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Who saw it.
    pub source: SourceName,
    /// What it is about, unique within the kind of `fact`.
    pub subject: Subject,
    /// What was seen.
    pub fact: Fact,
    /// When it was so, by the source's own clock.
    pub source_time: Timestamp,
    /// Whether it was there before onduty was connected: part of a source's first complete listing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub baseline: bool,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A build or check of a revision.
    Build(Build),
    /// An error group.
    Error(ErrorGroup),
    /// A rollout, pressed or observed.
    Rollout(RolloutFact),
    /// The head of a branch.
    Head(BranchHead),
    /// An endpoint that a rollout made slower, or that recovered.
    Endpoint(EndpointFact),
    /// A rollout that was compared with before.
    Compared(ComparedRollout),
    /// A signal of the team's own.
    Custom(CustomSignal),
    /// The source is alive and has told everything it knows about these kinds.
    Contact(Contact),
}

impl Fact {
    /// The kind of signal that this fact belongs to; a contact belongs to none.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Fact::Build(_) => Some(Kind::Builds),
            Fact::Error(_) => Some(Kind::Errors),
            Fact::Rollout(_) => Some(Kind::Rollouts),
            Fact::Head(_) => Some(Kind::Commits),
            Fact::Endpoint(_) | Fact::Compared(_) => Some(Kind::Performance),
            Fact::Custom(signal) => Some(Kind::Custom(signal.kind.clone())),
            Fact::Contact(_) => None,
        }
    }
}

/// State of a build or check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildState {
    /// Asked for, not started.
    Queued,
    /// Running, or waiting for a person in the middle of it.
    Running,
    /// Ended without saying anything about the code: neutral, skipped, stale.
    Skipped,
    /// Stopped before it ended.
    Cancelled,
    /// Ended well.
    Passed,
    /// Ended badly: failure, time-out, error.
    Failed,
}

impl BuildState {
    /// Whether it says something about the code: passed or failed. Running, cancelled or skipped does not.
    pub fn is_concluded(self) -> bool {
        matches!(self, BuildState::Passed | BuildState::Failed)
    }
}

/// A build or check of a revision, on a branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// `owner/name`, or what the sender calls the repository.
    pub repository: String,
    /// The branch, where the source says it; builds without one never speak for `main`.
    pub branch: Option<String>,
    /// The commit, in full.
    pub revision: String,
    /// The check as people know it: `unit tests`.
    pub name: String,
    /// Its state.
    pub state: BuildState,
    /// From 1; a re-run of the same build counts up.
    pub attempt: u32,
    /// When it was first asked for (or started), by the source's clock. It orders builds of different revisions, so a
    /// re-run of an old revision keeps the time of its first run where the source tells it.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Where to look at it.
    pub url: Option<String>,
    /// What failed, in the source's words.
    pub detail: Option<String>,
    /// Places in the code that its output names, as far as the source tells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// Whether `branch` is only a name that the source repeats: a fork may call its branch `main` as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unproven_branch: bool,
}

/// Status of an error group at its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorStatus {
    /// Happening, nobody said it is mended.
    Unresolved,
    /// Mended, says the tracker.
    Resolved,
    /// Not to be looked at, says the tracker.
    Ignored,
}

/// A line of a stack, innermost last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Path within the repository, as far as the source knows.
    pub file: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Function or method.
    pub function: Option<String>,
    /// Whether it is the team's own code.
    #[serde(default = "yes")]
    pub in_app: bool,
}

fn yes() -> bool {
    true
}

/// An error group of a tracker: many events, one cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorGroup {
    /// The tracker's id, unique within the project.
    pub id: String,
    /// The tracker's project.
    pub project: String,
    /// Where it happens.
    pub environment: Environment,
    /// The message, hostile like everything from outside.
    pub title: String,
    /// Where in the code, in the tracker's words.
    pub culprit: Option<String>,
    /// Severity in the tracker's words: `error`, `fatal`.
    pub level: Option<String>,
    /// Status at the source.
    pub status: ErrorStatus,
    /// First event.
    pub first_seen: Timestamp,
    /// Newest event.
    pub last_seen: Timestamp,
    /// When the source last saw it come back after it was resolved.
    pub regressed_at: Option<Timestamp>,
    /// Events so far.
    pub count: u64,
    /// Who has it at the source: an e-mail, login or name; `None` is nobody.
    pub assignee: Option<String>,
    /// Revision or version it was first seen in.
    pub release: Option<String>,
    /// The stack of the newest event, innermost frame last.
    #[serde(default)]
    pub frames: Vec<Frame>,
    /// Where to look at it.
    pub url: Option<String>,
}

/// State of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Asked for; nothing runs yet.
    Requested,
    /// Under way.
    Running,
    /// Arrived.
    Succeeded,
    /// Did not arrive.
    Failed,
    /// Nobody knows; a person has to look.
    Unknown,
}

impl RolloutState {
    /// Whether it is under way.
    pub fn is_active(self) -> bool {
        matches!(self, RolloutState::Requested | RolloutState::Running)
    }

    /// Whether it is known how it ended.
    pub fn is_ended(self) -> bool {
        matches!(self, RolloutState::Succeeded | RolloutState::Failed)
    }
}

/// A push of a revision to an environment, as its source tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutFact {
    /// Unique within the source.
    pub id: String,
    /// Where to.
    pub environment: Environment,
    /// Which repository, where the source says it.
    pub repository: Option<String>,
    /// Which commit.
    pub revision: String,
    /// How far.
    pub state: RolloutState,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Who started it, in the source's words.
    pub by: Option<String>,
    /// Whether it was pressed through onduty; else it was observed.
    #[serde(default)]
    pub pressed: bool,
    /// Where to look at it.
    pub url: Option<String>,
}

/// How long an observed rollout may be under way before a person may say how it ended.
pub const SILENT_ROLLOUT: SignedDuration = SignedDuration::from_hours(1);

impl RolloutFact {
    /// Whether a person may say how it ended: nobody knows, or a pipeline began it and fell silent. What onduty itself
    /// runs is followed to its end.
    pub fn wants_a_word(&self, now: Timestamp) -> bool {
        let silent = now.duration_since(self.started_at) > SILENT_ROLLOUT;
        self.state == RolloutState::Unknown || (self.state.is_active() && !self.pressed && silent)
    }
}

/// A commit in the history of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// In full.
    pub revision: String,
    /// Name, after `.mailmap`.
    pub author_name: String,
    /// E-mail, after `.mailmap`.
    pub author_email: String,
    /// First line of the message.
    pub title: String,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// Paths that it changed, where known; at most 100.
    #[serde(default)]
    pub files: Vec<String>,
}

/// The head of a branch and the newest commits that led to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BranchHead {
    /// `owner/name`, or what the instance calls the repository.
    pub repository: String,
    /// The branch.
    pub branch: String,
    /// Its newest commit.
    pub revision: String,
    /// Newest first, the head among them; as many as the source keeps.
    pub commits: Vec<Commit>,
    /// Whether `commits` lists the history without holes (git does, a push event does not).
    pub complete: bool,
}

/// Is it fine or not, by the sender's own judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomState {
    /// Needs somebody.
    Failing,
    /// Fine.
    Ok,
}

impl BranchHead {
    /// Whether `build`, whose branch is unproven, is of a commit that this branch has never had. Only a history without
    /// holes can tell, and not about what is older than the commits that are kept.
    pub fn is_foreign(&self, build: &Build) -> bool {
        let oldest = self.commits.last().map(|commit| commit.committed_at);
        build.unproven_branch
            && self.complete
            && self.repository.eq_ignore_ascii_case(&build.repository)
            && Some(self.branch.as_str()) == build.branch.as_deref()
            && oldest.is_some_and(|oldest| build.started_at > oldest)
            && !self.commits.iter().any(|commit| commit.revision == build.revision)
    }
}

/// A signal of the team's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomSignal {
    /// The team's word for the kind: `certificate`.
    pub kind: String,
    /// What it is about, in the sender's words: `shop.example`.
    pub name: String,
    /// Fine or not.
    pub state: CustomState,
    /// One line for people.
    pub message: Option<String>,
    /// A number, where there is one to compare.
    pub value: Option<f64>,
    /// How long this stays true without news.
    pub max_age: Option<SignedDuration>,
    /// Since when it is in this state; kept while the state stays the same.
    pub since: Timestamp,
    /// Places in the code that answer for it, such as the handler of a slow endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// Where to look at it.
    pub url: Option<String>,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The kinds that the source has told everything about.
    pub kinds: Vec<Kind>,
    /// Why the source could not be read this time; `None` when all is well.
    pub trouble: Option<String>,
}

/// What is remembered of one subject: the winner of all its observations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalState {
    /// Who saw it last.
    pub source: SourceName,
    /// The newest fact.
    pub fact: Fact,
    /// For builds: the newest one that passed or failed. A later running, cancelled or skipped one does not change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded: Option<Build>,
    /// For builds: the newest one that passed, kept while later ones fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_passed: Option<Build>,
    /// For builds: where it failed lately, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reds: Vec<Red>,
    /// When the newest fact was so, by the source's clock.
    pub source_time: Timestamp,
    /// When onduty received it (duty time).
    pub received_at: Timestamp,
    /// Whether it was there before onduty was connected.
    #[serde(default)]
    pub baseline: bool,
}

/// Folds an observation into what was known of its subject; `None` when it is older than that and changes nothing.
///
/// Builds are ordered by start, attempt, source time and rank of state, so that a late answer about an older commit
/// never overrides a newer one, and a re-run that mends a build counts although it keeps its start. Conclusions are
/// ordered by start, attempt and end. Everything else is ordered by source time, rollouts also by rank of state within one
/// rollout. What arrives last wins a tie.
pub fn fold(known: Option<&SignalState>, seen: &Observation, received_at: Timestamp) -> Option<SignalState> {
    let Some(known) = known else {
        return Some(first(seen, received_at));
    };
    let mut next = SignalState { baseline: known.baseline && seen.baseline, ..first(seen, received_at) };
    match (&known.fact, &seen.fact) {
        (Fact::Build(old), Fact::Build(new)) => {
            let newer = (new.started_at, new.attempt, seen.source_time, new.state)
                >= (old.started_at, old.attempt, known.source_time, old.state);
            next.concluded = later(known.concluded.clone(), next.concluded);
            next.last_passed = later(known.last_passed.clone(), next.last_passed);
            next.reds = reds(known.reds.clone(), known.last_passed.as_ref(), new);
            if !newer {
                let unchanged = next.concluded == known.concluded
                    && next.last_passed == known.last_passed
                    && next.reds == known.reds;
                next.fact = known.fact.clone();
                next.source_time = known.source_time;
                return (!unchanged).then_some(next);
            }
        }
        (Fact::Rollout(old), Fact::Rollout(new)) if old.id == new.id => {
            // A rollout that ended does not run again under the same id, whatever arrives late; only "unknown" may
            // still become known.
            let ended = !old.state.is_active() && old.state != RolloutState::Unknown;
            if ended && new.state.is_active() || (new.state < old.state && new.state.is_active()) {
                return None;
            }
            if ended && seen.source_time < known.source_time {
                return None;
            }
        }
        (Fact::Custom(old), Fact::Custom(new)) => {
            if seen.source_time < known.source_time {
                return None;
            }
            if old.state == new.state
                && let Fact::Custom(signal) = &mut next.fact
            {
                signal.since = old.since.min(new.since);
            }
        }
        (Fact::Error(old), Fact::Error(_)) => {
            if seen.source_time < known.source_time {
                return None;
            }
            if let Fact::Error(new) = &mut next.fact {
                new.first_seen = new.first_seen.min(old.first_seen);
                if new.frames.is_empty() {
                    new.frames.clone_from(&old.frames);
                }
                if old.status == ErrorStatus::Resolved && new.status == ErrorStatus::Unresolved {
                    new.regressed_at = new.regressed_at.or(Some(seen.source_time));
                } else {
                    new.regressed_at = new.regressed_at.or(old.regressed_at);
                }
            }
            next.baseline = known.baseline;
        }
        (Fact::Head(old), Fact::Head(new)) => {
            if seen.source_time < known.source_time {
                return None;
            }
            // A push event lists a few commits, git the whole history: keep what is longer where it ends the same.
            if !new.complete
                && let Fact::Head(head) = &mut next.fact
            {
                let tail =
                    old.commits.iter().filter(|commit| !new.commits.iter().any(|c| c.revision == commit.revision));
                head.commits.extend(tail.take(500).cloned());
            }
        }
        _ => {
            if seen.source_time < known.source_time {
                return None;
            }
        }
    }
    Some(next)
}

fn first(seen: &Observation, received_at: Timestamp) -> SignalState {
    let build = match &seen.fact {
        Fact::Build(build) => Some(build),
        _ => None,
    };
    SignalState {
        source: seen.source.clone(),
        fact: seen.fact.clone(),
        concluded: build.filter(|build| build.state.is_concluded()).cloned(),
        last_passed: build.filter(|build| build.state == BuildState::Passed).cloned(),
        reds: build.map(|build| reds(Vec::new(), None, build)).unwrap_or_default(),
        source_time: seen.source_time,
        received_at,
        baseline: seen.baseline,
    }
}

/// What is remembered of failures after `build`, where `passed` is the newest one that passed before.
fn reds(known: Vec<Red>, passed: Option<&Build>, build: &Build) -> Vec<Red> {
    if !build.state.is_concluded() {
        return known;
    }
    let passed = passed.map(|passed| passed.revision.as_str());
    flaky::noted(known, passed, &build.revision, build.state == BuildState::Passed)
}

fn conclusion_order(build: &Build) -> (Timestamp, u32, Timestamp, BuildState) {
    (build.started_at, build.attempt, build.finished_at.unwrap_or(build.started_at), build.state)
}

fn later(old: Option<Build>, new: Option<Build>) -> Option<Build> {
    match (old, new) {
        (Some(old), Some(new)) if conclusion_order(&new) < conclusion_order(&old) => Some(old),
        (old, new) => new.or(old),
    }
}

/// Why a kind of signal, or one subject, cannot be known at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum UnknownReason {
    /// No source is configured for it and it is not declared absent.
    #[error("nothing tells onduty about {kind}")]
    Undeclared {
        /// The kind of signal.
        kind: Kind,
    },
    /// Configured, but never heard of.
    #[error("nothing received about {kind} yet")]
    NeverSeen {
        /// The kind of signal.
        kind: Kind,
    },
    /// Heard of too long ago.
    #[error("{kind} last heard of at {last}")]
    Stale {
        /// The kind of signal.
        kind: Kind,
        /// When, in duty time.
        last: Timestamp,
    },
    /// The source answers with trouble.
    #[error("{source_name} cannot be read: {trouble}")]
    Trouble {
        /// The source.
        source_name: SourceName,
        /// In its adapter's words.
        trouble: String,
    },
    /// What the last rollout did is not known yet.
    #[error("the rollout of {revision} at {at} is not compared yet")]
    NotCompared {
        /// What went out.
        revision: String,
        /// When it had arrived.
        at: Timestamp,
        /// When it will be known.
        from: Option<Timestamp>,
    },
    /// Nothing got worse, and too little was judged to call that fine.
    #[error("{judged} endpoints judged, {requests} % of requests and {time} % of their time, {quiet} too quiet to say")]
    Uncovered {
        /// Endpoints that were judged.
        judged: u64,
        /// Endpoints that were not.
        quiet: u64,
        /// Share of requests of the judged ones, in hundredths.
        requests: u8,
        /// Share of their time, in hundredths.
        time: u8,
    },
    /// The kind is known, this part of it is not.
    #[error("{what}")]
    Missing {
        /// What exactly.
        what: String,
    },
}

/// Whether a kind of signal can be read at all, from the instance's file and the signs of life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "feed", rename_all = "snake_case")]
pub enum Feed {
    /// Declared absent: `performance: none`.
    Off,
    /// Alive.
    Known {
        /// Last sign of life.
        last_contact: Timestamp,
    },
    /// Not known.
    Unknown {
        /// Why.
        reason: UnknownReason,
    },
}

/// The outside world at one instant, as far as onduty knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Every kind that is configured, declared or was ever heard of; a kind that is not here is undeclared.
    pub feeds: BTreeMap<Kind, Feed>,
    /// By kind and subject.
    pub signals: BTreeMap<Kind, BTreeMap<Subject, SignalState>>,
}

impl Snapshot {
    /// Nothing known at all.
    pub fn empty() -> Snapshot {
        Snapshot { feeds: BTreeMap::new(), signals: BTreeMap::new() }
    }

    /// Whether `kind` can be read, and if not, why.
    pub fn feed(&self, kind: &Kind) -> Feed {
        self.feeds
            .get(kind)
            .cloned()
            .unwrap_or_else(|| Feed::Unknown { reason: UnknownReason::Undeclared { kind: kind.clone() } })
    }

    /// The subjects of one kind.
    pub fn of_kind(&self, kind: &Kind) -> impl Iterator<Item = (&Subject, &SignalState)> {
        self.signals.get(kind).into_iter().flatten()
    }

    /// The error groups.
    pub fn errors(&self) -> impl Iterator<Item = (&Subject, &ErrorGroup, &SignalState)> {
        self.of_kind(&Kind::Errors).filter_map(|(subject, state)| match &state.fact {
            Fact::Error(group) => Some((subject, group, state)),
            _ => None,
        })
    }

    /// The rollouts, oldest first.
    pub fn rollouts(&self) -> Vec<&RolloutFact> {
        let mut rollouts: Vec<&RolloutFact> = self
            .of_kind(&Kind::Rollouts)
            .filter_map(|(_, state)| match &state.fact {
                Fact::Rollout(rollout) => Some(rollout),
                _ => None,
            })
            .collect();
        rollouts.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        rollouts
    }

    /// The heads of branches.
    pub fn heads(&self) -> impl Iterator<Item = &BranchHead> {
        self.of_kind(&Kind::Commits).filter_map(|(_, state)| match &state.fact {
            Fact::Head(head) => Some(head),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A build asked for at `started`, in `state` at `time`.
    fn build(revision: &str, started: i64, attempt: u32, state: BuildState, time: i64) -> Observation {
        Observation {
            source: "github".into(),
            subject: "acme/shop main check_run/unit tests".into(),
            source_time: at(time),
            baseline: false,
            fact: Fact::Build(Build {
                repository: "acme/shop".into(),
                branch: Some("main".into()),
                revision: revision.into(),
                name: "unit tests".into(),
                state,
                attempt,
                started_at: at(started),
                finished_at: (state >= BuildState::Skipped).then(|| at(time)),
                url: None,
                detail: None,
                frames: Vec::new(),
                unproven_branch: false,
            }),
        }
    }

    fn check(seen: &[Observation], newest: (&str, BuildState), concluded: Option<(&str, BuildState)>) {
        let mut known = None;
        for (index, observation) in seen.iter().enumerate() {
            known = fold(known.as_ref(), observation, at(1000 + index as i64)).or(known);
        }
        let known = known.unwrap();
        let Fact::Build(fact) = &known.fact else { panic!("a build stays a build") };
        assert_eq!((fact.revision.as_str(), fact.state), newest);
        assert_eq!(known.concluded.as_ref().map(|build| (build.revision.as_str(), build.state)), concluded);
    }

    #[test]
    fn builds_fold_by_commit_then_by_time() {
        use BuildState::{Failed, Passed, Queued, Running};
        // A re-run of the same attempt number mends it, and while it runs the old conclusion stays.
        check(&[build("a", 10, 1, Failed, 20), build("a", 10, 1, Running, 30)], ("a", Running), Some(("a", Failed)));
        check(&[build("a", 10, 1, Failed, 20), build("a", 10, 1, Passed, 40)], ("a", Passed), Some(("a", Passed)));
        check(&[build("a", 10, 1, Failed, 20), build("a", 10, 2, Passed, 40)], ("a", Passed), Some(("a", Passed)));
        // Late news about an older commit, even a re-run of it, never overrides a newer commit.
        check(&[build("b", 50, 1, Failed, 60), build("a", 10, 2, Passed, 90)], ("b", Failed), Some(("b", Failed)));
        check(&[build("b", 50, 1, Running, 51), build("a", 10, 1, Failed, 90)], ("b", Running), Some(("a", Failed)));
        // Deliveries in the wrong order.
        check(&[build("a", 10, 1, Passed, 20), build("a", 10, 1, Queued, 10)], ("a", Passed), Some(("a", Passed)));
        check(&[build("a", 10, 1, Failed, 20), build("a", 10, 1, Running, 20)], ("a", Failed), Some(("a", Failed)));
    }
}
