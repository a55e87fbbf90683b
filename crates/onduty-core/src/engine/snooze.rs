//! Items that are out of sight until something happens.

use super::pass::Pass;
use crate::expr::{Expression, Scope, Verdict};
use crate::files::{Place, Problems};
use crate::ids::Subject;
use crate::item::{Item, ItemState, SnoozeUntil};
use crate::logbook::Event;
use crate::signal::{Fact, RolloutState, Snapshot};

impl Pass<'_> {
    pub(super) fn wake_snoozed(&mut self) {
        let snoozed: Vec<Item> = self.draft.memory.items.values().filter(|item| item.is_open()).cloned().collect();
        for mut item in snoozed {
            let ItemState::Snoozed { until, since, .. } = &item.state else { continue };
            let over = match until {
                SnoozeUntil::Time { at } => {
                    self.draft.wake_at(*at);
                    self.draft.now >= *at
                }
                SnoozeUntil::NextRollout => self.snapshot.rollouts().into_iter().any(|rollout| {
                    rollout.state == RolloutState::Succeeded
                        && rollout.finished_at.is_some_and(|finished| finished > *since)
                        && self.rolls_out_to(&rollout.environment)
                }),
                SnoozeUntil::HappensAgain { mark } => mark_of(self.snapshot, &item.subject) != *mark,
                // Unknown wakes nobody; known to be true does.
                SnoozeUntil::Condition { expression } => {
                    compile(expression).is_ok_and(|condition| condition.holds(&self.world, None) == Verdict::Yes)
                }
            };
            if over {
                item.state = ItemState::Open;
                self.draft.log(Some(&item), Event::Woke);
                self.draft.put(item);
            }
        }
    }
}

/// Compiles the condition of a snooze.
///
/// # Errors
/// What is wrong with it, in one sentence with a mend.
pub(super) fn compile(expression: &str) -> Result<Expression, String> {
    let mut problems = Problems::new("condition");
    let place = Place { line: 1, column: 1 };
    match Expression::compile(expression, place, false, &Scope::Condition, &mut problems) {
        Some(compiled) => Ok(compiled),
        None => Err(problems.into_sorted().first().map_or_else(
            || "this condition cannot be read".to_owned(),
            |problem| format!("{}; {}", problem.what, problem.mend),
        )),
    }
}

/// What changes when a subject happens again: events of an error, the newest build or state of anything else.
pub(super) fn mark_of(snapshot: &Snapshot, subject: &Subject) -> String {
    let state = snapshot.signals.values().find_map(|subjects| subjects.get(subject));
    match state.map(|state| (&state.fact, state.source_time)) {
        Some((Fact::Error(error), _)) => format!("{} {}", error.count, error.last_seen),
        Some((Fact::Build(build), _)) => format!("{} {}", build.revision, build.attempt),
        Some((_, time)) => time.to_string(),
        None => String::new(),
    }
}
