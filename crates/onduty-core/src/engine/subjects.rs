//! `each` steps: one item per subject that the filter lets in.
//!
//! The filter decides only what opens an item. An item closes because of its source or a person, never because time
//! passed.

use super::pass::{Judged, Pass};
use super::{DEFAULT_LIMIT, HOLD_DOWN, new_item};
use crate::compared;
use crate::expr::{Expression, Verdict};
use crate::ids::{StepId, Subject};
use crate::item::{Closing, Item, ItemState, Why};
use crate::process::{List, Step};
use crate::signal::{BuildState, CustomState, ErrorStatus, Fact, RolloutState, SignalState, UnknownReason};
use jiff::Timestamp;
use std::cmp::Reverse;

/// The subject of the one item for what was there before onduty was connected.
const BASELINE: &str = "baseline";
/// The subject of the one item for what is beyond the step's limit.
const MORE: &str = "more";

impl Pass<'_> {
    pub(super) fn subjects(&mut self, step: &Step, list: &List, filter: Option<&Expression>) -> Judged {
        if let Some(judged) = self.unreadable(&list.kind()) {
            return judged;
        }
        let mut unknown: Option<UnknownReason> = None;
        let mut wanted: Vec<(Subject, SignalState)> = Vec::new();
        let mut baseline = 0;
        let subjects: Vec<(Subject, SignalState)> = self
            .snapshot
            .of_kind(&list.kind())
            .filter(|(_, state)| self.watched(&state.fact))
            .map(|(subject, state)| (subject.clone(), state.clone()))
            .collect();
        for (subject, state) in subjects {
            // Not renewed in time: neither fine nor failing, and whatever is open stays open.
            if let Some(reason) = self.too_old(&state) {
                unknown = unknown.or(Some(reason));
                continue;
            }
            let newest = self.draft.memory.newest(&step.id, &subject).cloned();
            if let Some(item) = newest.as_ref().filter(|item| item.is_open()) {
                if let Some(how) = closed_by_source(item, &state) {
                    self.close(with_fact(item.clone(), &state), how);
                } else if is_of_another_rollout(item, &state.fact) {
                    self.draft.put(with_fact(item.clone(), &state));
                }
                continue;
            }
            let verdict = match filter {
                Some(_) if over(&state.fact) => Verdict::No,
                Some(filter) => filter.holds(&self.world, Some((&subject, &state))),
                None if over(&state.fact) => Verdict::No,
                None => Verdict::Yes,
            };
            match verdict {
                Verdict::No => {}
                Verdict::Unknown(reason) => unknown = unknown.or(Some(reason)),
                Verdict::Yes if newest.as_ref().is_some_and(|item| self.covered(item, &state)) => {}
                Verdict::Yes if newest.is_none() && state.baseline && !regressed(&state) => baseline += 1,
                Verdict::Yes => wanted.push((subject, state)),
            }
        }
        // The one line for what was there before onduty was connected.
        self.count(step, BASELINE, baseline, |count| Why::Baseline { count });
        self.open_wanted(step, filter, wanted);
        if *list == List::Endpoints {
            unknown = unknown.or(self.not_compared());
        }
        Judged { unknown, ..Judged::FINE }
    }

    /// Opens items oldest first, of those that began together the costliest first, up to the step's limit; the rest is one counted item that still blocks.
    fn open_wanted(&mut self, step: &Step, filter: Option<&Expression>, mut wanted: Vec<(Subject, SignalState)>) {
        wanted.sort_by_key(|(subject, state)| (began(state), Reverse(cost(state)), subject.clone()));
        let limit = step.limit.unwrap_or(DEFAULT_LIMIT);
        let shown = self.draft.memory.open_of(&step.id).filter(|item| !is_counted(item)).count();
        let room = limit.saturating_sub(shown);
        let beyond = wanted.len().saturating_sub(room);
        for (subject, state) in wanted.into_iter().take(room) {
            let flapped = self.draft.memory.newest(&step.id, &subject).filter(|item| match &item.state {
                ItemState::Closed { at, how: Closing::FineAtSource | Closing::ResolvedAtSource } => {
                    self.draft.now.duration_since(*at) < HOLD_DOWN
                }
                _ => false,
            });
            if let Some(item) = flapped.cloned() {
                self.reopen(with_fact(item, &state));
                continue;
            }
            let why = Why::Subject {
                expression: filter.map(|filter| filter.source().to_owned()).unwrap_or_default(),
                values: filter.map(|f| f.values(&self.world, Some((&subject, &state)))).unwrap_or_default(),
                fact: state.fact.clone(),
            };
            let item = new_item(&self.draft, &step.id, subject, why);
            self.open(item);
        }
        self.count(step, MORE, beyond, |count| Why::More { count });
    }

    /// Opens, updates or closes an item that only counts.
    fn count(&mut self, step: &Step, subject: &str, count: usize, why: fn(usize) -> Why) {
        let subject = Subject::from(subject);
        let newest = self.draft.memory.newest(&step.id, &subject).cloned();
        match newest.filter(Item::is_open) {
            Some(item) if count == 0 => self.close(item, Closing::GoneAtSource),
            Some(item) if item.why == why(count) => {}
            Some(item) => self.draft.put(Item { why: why(count), ..item }),
            None if count > 0 => {
                let item = new_item(&self.draft, &step.id, subject, why(count));
                self.open(item);
            }
            None => {}
        }
    }

    /// Why the endpoints that are told may not be all that the last rollout made worse.
    fn not_compared(&self) -> Option<UnknownReason> {
        let since = self.draft.plan.board.first_pass.unwrap_or(self.draft.now);
        let environment = self.draft.rules.process.compared_environment(self.draft.rules.duty);
        compared::standing(self.snapshot, &environment, since).err()
    }

    /// Whether what a person (or the source) said about the subject's last item still holds.
    fn covered(&self, item: &Item, state: &SignalState) -> bool {
        let ItemState::Closed { at, how } = &item.state else { return true };
        if *how != Closing::Concluded {
            return false;
        }
        if let Fact::Error(error) = &state.fact {
            let came_back = error.regressed_at.is_some_and(|regressed| regressed > *at);
            let after_rollout = self.snapshot.rollouts().into_iter().any(|rollout| {
                rollout.environment == error.environment
                    && rollout.state == RolloutState::Succeeded
                    && rollout.finished_at.is_some_and(|finished| finished > *at && error.last_seen > finished)
            });
            return !came_back && !after_rollout;
        }
        // Everything else came back when it was fine in between.
        let fine_since = match &state.fact {
            Fact::Custom(signal) => Some(signal.since),
            // What a person said of one rollout says nothing about the next.
            Fact::Endpoint(_) if is_of_another_rollout(item, &state.fact) => return false,
            Fact::Build(_) => state.last_passed.as_ref().map(|build| build.started_at),
            _ => None,
        };
        fine_since.is_none_or(|since| since <= *at)
    }

    fn watched(&self, fact: &Fact) -> bool {
        let watches = &self.draft.rules.duty.watches;
        match fact {
            Fact::Error(error) => watches.project(&error.project) && watches.environment(&error.environment),
            Fact::Build(build) => watches.repository(&build.repository),
            Fact::Head(head) => watches.repository(&head.repository),
            Fact::Rollout(rollout) => watches.environment(&rollout.environment),
            Fact::Endpoint(endpoint) => watches.environment(&endpoint.environment),
            Fact::Compared(compared) => watches.environment(&compared.environment),
            Fact::Custom(_) | Fact::Contact(_) => true,
        }
    }

    /// A signal of the team's own that was not renewed in time.
    fn too_old(&self, state: &SignalState) -> Option<UnknownReason> {
        let Fact::Custom(signal) = &state.fact else { return None };
        let until = state.received_at.checked_add(signal.max_age?).ok()?;
        (self.draft.now > until).then(|| UnknownReason::Stale {
            kind: crate::signal::Kind::Custom(signal.kind.clone()),
            last: state.received_at,
        })
    }
}

/// Whether the item only counts subjects.
pub(super) fn is_counted(item: &Item) -> bool {
    matches!(item.why, Why::More { .. } | Why::Baseline { .. })
}

/// How the source ended an open item, if it did.
fn closed_by_source(item: &Item, state: &SignalState) -> Option<Closing> {
    match &state.fact {
        Fact::Error(error) => match error.status {
            ErrorStatus::Resolved => Some(Closing::ResolvedAtSource),
            ErrorStatus::Ignored => Some(Closing::IgnoredAtSource),
            // Assigned since the item opened: somebody has it now. Who had it before says nothing new.
            ErrorStatus::Unresolved => match (&error.assignee, assignee_when_opened(item)) {
                (Some(to), None) => Some(Closing::AssignedAtSource { to: to.clone() }),
                _ => None,
            },
        },
        fact if over(fact) => Some(Closing::FineAtSource),
        Fact::Build(_) => {
            let passed = state.concluded.as_ref().is_some_and(|build| build.state == BuildState::Passed);
            passed.then_some(Closing::FineAtSource)
        }
        _ => None,
    }
}

fn assignee_when_opened(item: &Item) -> Option<&str> {
    match &item.why {
        Why::Subject { fact: Fact::Error(error), .. } => error.assignee.as_deref(),
        _ => None,
    }
}

/// Whether another rollout than the one that the item tells of made its endpoint worse.
fn is_of_another_rollout(item: &Item, fact: &Fact) -> bool {
    match (&item.why, fact) {
        (Why::Subject { fact: Fact::Endpoint(known), .. }, Fact::Endpoint(new)) => {
            !known.is_of((&new.rollout, &new.revision))
        }
        _ => false,
    }
}

/// Whether there is nothing left to do about the subject, whatever a filter says.
fn over(fact: &Fact) -> bool {
    match fact {
        Fact::Error(error) => error.status != ErrorStatus::Unresolved,
        Fact::Build(build) => build.state == BuildState::Passed,
        Fact::Rollout(rollout) => rollout.state == RolloutState::Succeeded,
        Fact::Custom(signal) => signal.state == CustomState::Ok,
        Fact::Endpoint(endpoint) => !endpoint.is_degraded(),
        // It is about all of them: the step judges it.
        Fact::Compared(_) => true,
        Fact::Head(_) | Fact::Contact(_) => false,
    }
}

fn regressed(state: &SignalState) -> bool {
    matches!(&state.fact, Fact::Error(error) if error.regressed_at.is_some())
}

fn began(state: &SignalState) -> Timestamp {
    match &state.fact {
        Fact::Error(error) => error.first_seen,
        Fact::Build(build) => build.started_at,
        Fact::Rollout(rollout) => rollout.started_at,
        Fact::Custom(signal) => signal.since,
        Fact::Endpoint(endpoint) => endpoint.rolled_out_at,
        Fact::Compared(compared) => compared.rolled_out_at,
        Fact::Head(_) | Fact::Contact(_) => state.source_time,
    }
}

/// What tells the weightier of two that began together.
fn cost(state: &SignalState) -> u64 {
    match &state.fact {
        Fact::Endpoint(endpoint) => endpoint.cost(),
        _ => 0,
    }
}

fn with_fact(mut item: Item, state: &SignalState) -> Item {
    if let Why::Subject { fact, .. } = &mut item.why {
        *fact = state.fact.clone();
    }
    item
}

/// Opens up to `count` subjects of a step's baseline as ordinary items, oldest first.
pub(super) fn open_baseline(pass: &mut Pass<'_>, step: &StepId, count: usize) {
    let Some(step) = pass.draft.rules.process.step(step) else { return };
    let crate::process::StepKind::Each { list, filter, .. } = &step.kind else { return };
    let mut old: Vec<(Subject, SignalState)> = pass
        .snapshot
        .of_kind(&list.kind())
        .filter(|(subject, state)| {
            state.baseline && !over(&state.fact) && pass.draft.memory.newest(&step.id, subject).is_none()
        })
        .filter(|(_, state)| pass.watched(&state.fact))
        .filter(|(subject, state)| {
            filter.as_ref().is_none_or(|filter| filter.holds(&pass.world, Some((subject, state))) == Verdict::Yes)
        })
        .map(|(subject, state)| (subject.clone(), state.clone()))
        .collect();
    old.sort_by_key(|(subject, state)| (began(state), subject.clone()));
    for (subject, state) in old.into_iter().take(count) {
        let why = Why::Subject {
            expression: filter.as_ref().map(|filter| filter.source().to_owned()).unwrap_or_default(),
            values: filter.as_ref().map(|f| f.values(&pass.world, Some((&subject, &state)))).unwrap_or_default(),
            fact: state.fact,
        };
        let item = new_item(&pass.draft, &step.id, subject, why);
        pass.open(item);
    }
}
