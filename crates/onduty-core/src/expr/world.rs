//! What expressions read: one duty's view of a snapshot at one instant.
//!
//! Made once a pass; turns signals into values when an expression first asks for them. Never decides anything: what
//! cannot be known is a reason here, never a default.

use super::ci::Ci;
use super::rows;
use super::workdays::Workdays;
use crate::compared;
use crate::ids::{Environment, Subject};
use crate::roster::Duty;
use crate::signal::{Commit, Fact, Feed, Kind, RolloutState, SignalState, Snapshot, UnknownReason};
use cel::common::types::{CelList, CelMap};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Longest list that an expression goes through. A longer one is unknown to it, because a cut one would lie.
pub const MAX_MEMBERS: usize = 2_000;
/// Work that one expression may be in one pass, in visits of nodes; about a second without optimisation.
const MAX_WORK_OF_ONE: u64 = 5_000_000;
/// Work that all expressions together may be in one pass.
const MAX_WORK_OF_ALL: u64 = 20_000_000;

type Listed = Result<CelList<'static>, UnknownReason>;

/// What expressions read.
#[derive(Debug)]
pub struct World<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) duty: &'a Duty,
    pub(super) now: Timestamp,
    target: Option<Environment>,
    clock: CelMap<'static>,
    ci: OnceLock<Arc<Ci>>,
    workdays: OnceLock<Arc<Workdays>>,
    lists: BTreeMap<Kind, OnceLock<Listed>>,
    spent: Mutex<BTreeMap<String, u64>>,
}

impl<'a> World<'a> {
    /// The world of one duty at one instant.
    pub fn new(snapshot: &'a Snapshot, duty: &'a Duty, now: Timestamp) -> World<'a> {
        let kinds =
            Kind::BUILT_IN.into_iter().chain(snapshot.feeds.keys().cloned()).chain(snapshot.signals.keys().cloned());
        World {
            snapshot,
            duty,
            now,
            target: None,
            clock: rows::clock(&now.to_zoned(duty.zone.clone())),
            ci: OnceLock::new(),
            workdays: OnceLock::new(),
            lists: kinds.map(|kind| (kind, OnceLock::new())).collect(),
            spent: Mutex::new(BTreeMap::new()),
        }
    }

    /// Where `commits` would go out to. Unless said, it is `production`, or the last watched environment of a duty
    /// that does not watch one of that name.
    #[must_use]
    pub fn rolling_out_to(mut self, environment: Environment) -> World<'a> {
        self.target = Some(environment);
        self
    }

    /// Whether `kind` can be read, and if not, why.
    pub fn readable(&self, kind: &Kind) -> Result<(), UnknownReason> {
        match self.snapshot.feed(kind) {
            Feed::Known { .. } => Ok(()),
            Feed::Unknown { reason } => Err(reason),
            Feed::Off => Err(UnknownReason::Missing { what: format!("onduty does not watch {kind} here") }),
        }
    }

    /// The subjects of one kind that the duty watches, errors of every status among them. Says nothing about
    /// whether the kind can be read.
    pub fn watched(&self, kind: &Kind) -> Vec<(&'a Subject, &'a SignalState)> {
        let mut subjects: Vec<_> =
            self.snapshot.of_kind(kind).filter(|(_, state)| self.is_watched(&state.fact)).collect();
        if *kind == Kind::Rollouts {
            subjects.sort_by_key(|(_, state)| match &state.fact {
                Fact::Rollout(rollout) => Some((rollout.started_at, rollout.id.clone())),
                _ => None,
            });
        }
        subjects
    }

    fn is_watched(&self, fact: &Fact) -> bool {
        let watches = &self.duty.watches;
        let repository = |name: &str| {
            watches.repositories.is_empty() || watches.repositories.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let environment = |name: &Environment| watches.environments.is_empty() || watches.environments.contains(name);
        match fact {
            Fact::Build(build) => repository(&build.repository),
            Fact::Head(head) => repository(&head.repository),
            Fact::Error(group) => {
                environment(&group.environment)
                    && (watches.projects.is_empty() || watches.projects.contains(&group.project))
            }
            Fact::Rollout(rollout) => {
                environment(&rollout.environment) && rollout.repository.as_deref().is_none_or(repository)
            }
            Fact::Endpoint(endpoint) => environment(&endpoint.environment),
            Fact::Compared(compared) => environment(&compared.environment),
            Fact::Custom(_) | Fact::Contact(_) => true,
        }
    }

    /// The commits on the watched branch that would go out, newest first.
    ///
    /// # Errors
    /// With the reason when that is not known: a feed is silent, nothing was ever rolled out, or what was rolled out
    /// last is not in the known history.
    pub fn commits(&self) -> Result<Vec<&'a Commit>, UnknownReason> {
        self.readable(&Kind::Commits)?;
        self.readable(&Kind::Rollouts)?;
        let missing = |what: String| UnknownReason::Missing { what };
        let watches = &self.duty.watches;
        let branch = watches.branch.as_deref().unwrap_or("main");
        let first = watches.repositories.first();
        let mut heads = self.snapshot.heads().filter(|head| {
            head.branch == branch && first.is_none_or(|name| name.eq_ignore_ascii_case(&head.repository))
        });
        let head = match (heads.next(), heads.next()) {
            (Some(head), None) => head,
            (None, _) => return Err(missing(format!("the head of {branch} is not known yet"))),
            (Some(_), Some(_)) => {
                return Err(missing(format!("several repositories have {branch}, and the roster names none")));
            }
        };
        let target = self.target();
        let last = self.snapshot.rollouts().into_iter().rfind(|rollout| {
            let same = rollout.repository.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&head.repository));
            rollout.state == RolloutState::Succeeded && rollout.environment == target && same
        });
        let Some(last) = last else {
            return Err(missing(format!("no rollout to {target} is known yet")));
        };
        let is_last = |commit: &Commit| {
            commit.revision == last.revision
                || (last.revision.len() >= 7 && commit.revision.starts_with(&last.revision))
        };
        match head.commits.iter().position(is_last) {
            Some(index) => Ok(head.commits[..index].iter().collect()),
            None => Err(missing(format!("the revision that {target} runs is not in the known history of {branch}"))),
        }
    }

    fn target(&self) -> Environment {
        self.target.clone().unwrap_or_else(|| self.duty.watches.main_environment())
    }

    pub(super) fn clock(&self) -> &CelMap<'static> {
        &self.clock
    }

    pub(super) fn ci(&self) -> Arc<Ci> {
        Arc::clone(self.ci.get_or_init(|| Arc::new(Ci::of(self))))
    }

    pub(super) fn workdays(&self) -> Arc<Workdays> {
        Arc::clone(self.workdays.get_or_init(|| Arc::new(Workdays::of(self.duty, self.now))))
    }

    /// The list that a variable shows.
    pub(super) fn list(&self, kind: &Kind) -> Result<&CelList<'static>, UnknownReason> {
        match self.lists.get(kind) {
            Some(listed) => listed.get_or_init(|| self.build(kind)).as_ref().map_err(UnknownReason::clone),
            None => Err(UnknownReason::Undeclared { kind: kind.clone() }),
        }
    }

    fn build(&self, kind: &Kind) -> Listed {
        self.readable(kind)?;
        if *kind == Kind::Performance {
            compared::standing(self.snapshot, &self.target(), Timestamp::MIN)?;
        }
        let rows = match kind {
            Kind::Commits => {
                let commits = self.commits()?;
                self.bounded(kind, commits.len())?;
                commits.into_iter().map(rows::commit).collect()
            }
            _ => {
                let mut subjects = self.watched(kind);
                subjects.retain(|(_, state)| rows::is_listed(&state.fact));
                self.bounded(kind, subjects.len())?;
                subjects.into_iter().filter_map(|(subject, state)| rows::subject(subject, state, self.now)).collect()
            }
        };
        Ok(rows::list(rows))
    }

    fn bounded(&self, kind: &Kind, members: usize) -> Result<(), UnknownReason> {
        if members <= MAX_MEMBERS {
            return Ok(());
        }
        let what = format!("{members} {kind} are more than the {MAX_MEMBERS} that an expression goes through");
        Err(UnknownReason::Missing { what })
    }

    /// Counts `work` of one expression in this pass.
    ///
    /// # Errors
    /// When it, or all together, want more than a pass may take: an evaluation cannot be stopped, so it is not begun.
    pub(super) fn charge(&self, source: &str, work: u64) -> Result<(), UnknownReason> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u64 = spent.values().sum::<u64>() + work;
        let one = spent.get(source).copied().unwrap_or(0) + work;
        if one > MAX_WORK_OF_ONE || all > MAX_WORK_OF_ALL {
            let what = "this condition is too much work for so many signals: simplify it".to_owned();
            return Err(UnknownReason::Missing { what });
        }
        match spent.get_mut(source) {
            Some(known) => *known = one,
            None => drop(spent.insert(source.to_owned(), one)),
        }
        Ok(())
    }
}
