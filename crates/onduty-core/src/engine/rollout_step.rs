//! The step with the button: its gate, and whether it is done for now.

use super::pass::Pass;
use super::{Board, Rules, StepState, StepStatus, candidate, shift_of};
use crate::calendar;
use crate::gate::{self, Blocker, GateInputs};
use crate::ids::Environment;
use crate::item::{Item, Why};
use crate::logbook::Event;
use crate::process::{Period, Step, StepKind, Work};
use crate::roster::Duty;
use crate::signal::{RolloutFact, RolloutState, Snapshot};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

impl Pass<'_> {
    /// Judges every rollout step, after all others: what they say (`judged`) holds the gate.
    pub(super) fn judge_rollouts(&mut self, judged: &[StepStatus]) -> Vec<StepStatus> {
        let mut statuses = Vec::new();
        let mut gates = Vec::new();
        for step in &self.draft.rules.process.steps {
            let Work::Rollout(environment) = &step.work else { continue };
            let window = Window::at(&self.draft.rules, step, self.draft.now);
            let inputs = self.inputs_for(judged, &window, environment);
            let state = if done_in(&window, self.snapshot, environment).is_some() {
                StepState::Fine
            } else if gate::evaluate(&inputs).is_ok() {
                StepState::Open { items: 1 }
            } else {
                StepState::Waiting { items: 0, opens: window.opens.filter(|opens| *opens > self.draft.now) }
            };
            statuses.push(StepStatus { step: step.id.clone(), state, unknown: None });
            self.tell_gate(&inputs);
            gates.push(inputs);
        }
        self.draft.plan.board.gates = gates;
        statuses
    }

    fn inputs_for(&self, judged: &[StepStatus], window: &Window, environment: &Environment) -> GateInputs {
        let Rules { process, version, duty, declarations, .. } = self.draft.rules;
        let now = self.draft.now;
        let mut blockers = Vec::new();
        for blocking in process.steps.iter().filter(|step| step.blocks_rollout) {
            // A baseline is set aside and named beside the button; it would close the gate of every first day.
            let open = self.draft.memory.open_of(&blocking.id);
            let items = open.filter(|item| !matches!(item.why, Why::Baseline { .. })).map(counted).sum();
            let (step, goal) = (blocking.id.clone(), blocking.goal.clone());
            if items > 0 {
                blockers.push(Blocker::StepOpen { step: step.clone(), goal: goal.clone(), items });
            }
            let status = judged.iter().find(|status| status.step == blocking.id);
            if let Some(reason) = status.and_then(|status| status.unknown.clone()) {
                blockers.push(Blocker::StepUnknown { step, goal, reason });
            }
        }
        if let Some(active) = newest_of(self.snapshot, environment, |state| state.is_active()) {
            blockers.push(Blocker::InProgress { revision: active.revision.clone(), since: active.started_at });
        }
        if let Some(lost) = newest_of(self.snapshot, environment, |state| state == RolloutState::Unknown) {
            blockers.push(Blocker::OutcomeUnknown { revision: lost.revision.clone(), since: lost.started_at });
        }
        if calendar::is_within_shift(duty, now).is_none() {
            blockers.push(Blocker::OutsideShift { opens: window.next_shift });
        } else if let Some(done) = done_in(window, self.snapshot, environment) {
            let at = done.finished_at.unwrap_or(done.started_at);
            blockers.push(Blocker::AlreadyRolledOut { at, revision: done.revision.clone(), opens: window.next });
        } else if let Some(opens) = window.opens.filter(|opens| *opens > now) {
            blockers.push(Blocker::TooEarly { opens });
        } else if let Some(closed) = window.closes.filter(|closes| *closes <= now) {
            blockers.push(Blocker::TooLate { closed, opens: window.next });
        }
        if !declarations.rollout_targets.contains(environment.as_str()) {
            blockers.push(Blocker::NoTarget { environment: environment.clone() });
        }
        if declarations.observe_only {
            blockers.push(Blocker::ObserveOnly);
        }
        GateInputs {
            environment: environment.clone(),
            process_version: version,
            candidate: candidate(duty, environment, self.snapshot),
            blockers,
        }
    }

    /// One line when the gate opens, one when it closes; not one for each reason that comes or goes.
    fn tell_gate(&mut self, inputs: &GateInputs) {
        let before = self.draft.memory.board.gates.iter().find(|known| known.environment == inputs.environment);
        let was_open = before.is_some_and(|known| gate::evaluate(known).is_ok());
        match gate::evaluate(inputs) {
            Ok(_) if !was_open => self.draft.log(None, Event::GateOpened),
            Err(blockers) if was_open => self.draft.log(None, Event::GateClosed { blockers }),
            _ => {}
        }
    }

    /// Whether the process has a rollout step for `environment`; any will do where it has none at all.
    pub(super) fn rolls_out_to(&self, environment: &Environment) -> bool {
        let mut targets = self.draft.rules.process.steps.iter().filter_map(|step| match &step.work {
            Work::Rollout(environment) => Some(environment),
            _ => None,
        });
        match targets.next() {
            None => true,
            Some(first) => first == environment || targets.any(|target| target == environment),
        }
    }
}

/// What the gate to `environment` reads at `now`, from what the store knows: for the button, in its transaction.
///
/// `board` is the one that the newest pass wrote; a press runs a pass first.
pub fn gate_inputs(board: &Board, environment: &Environment) -> Option<GateInputs> {
    board.gates.iter().find(|gate| gate.environment == *environment).cloned()
}

/// How many items one item stands for.
fn counted(item: &Item) -> u32 {
    match item.why {
        Why::More { count } => count as u32,
        _ => 1,
    }
}

fn newest_of<'s>(
    snapshot: &'s Snapshot,
    environment: &Environment,
    wanted: fn(RolloutState) -> bool,
) -> Option<&'s RolloutFact> {
    snapshot.rollouts().into_iter().rfind(|rollout| rollout.environment == *environment && wanted(rollout.state))
}

/// The stretch of the day in which the button may be pressed once.
struct Window {
    /// Its start; `None` when it is the start of the shift.
    opens: Option<Timestamp>,
    /// From when a rollout counts for it.
    counts_from: Timestamp,
    /// Its end, where the process sets one.
    closes: Option<Timestamp>,
    /// When the next one opens.
    next: Option<Timestamp>,
    /// When the next shift starts.
    next_shift: Option<Timestamp>,
}

impl Window {
    fn at(rules: &Rules<'_>, step: &Step, now: Timestamp) -> Window {
        let duty = rules.duty;
        let day = shift_of(duty, now);
        let weekly = step.kind == StepKind::Once(Period::Week);
        // A weekly rollout may go out on any day of the week and counts from its first served day.
        let first_day = if weekly { first_day_of_week(duty, day) } else { day };
        let next_first_day = if weekly {
            day.checked_add(7.days()).ok().map(|day| first_day_of_week(duty, day))
        } else {
            calendar::next_working_day(duty, day)
        };
        let opening_on = |day| match step.times.after.or(step.times.at.first().copied()) {
            Some(time) => calendar::instant_of(duty, day, time),
            None => calendar::working_hours(duty, day).0,
        };
        let starts = calendar::working_hours(duty, day).0;
        let next_shift = if now < starts {
            Some(starts)
        } else {
            calendar::next_working_day(duty, day).map(|day| calendar::working_hours(duty, day).0)
        };
        let next = next_first_day.map(opening_on);
        let times: Vec<Timestamp> = step.times.at.iter().map(|time| calendar::instant_of(duty, day, *time)).collect();
        if let Some(current) = times.iter().rposition(|time| *time <= now) {
            let next = times.get(current + 1).copied().or(next);
            return Window { opens: Some(times[current]), counts_from: times[current], closes: None, next, next_shift };
        }
        let timed = step.times.after.is_some() || !times.is_empty();
        Window {
            opens: timed.then(|| opening_on(day)),
            counts_from: opening_on(first_day),
            closes: step.times.before.map(|time| calendar::instant_of(duty, day, time)),
            next,
            next_shift,
        }
    }
}

/// The first day of `day`'s week that is served, or `day` itself.
fn first_day_of_week(duty: &Duty, day: Date) -> Date {
    let monday = day.iso_week_date().first_of_week().map(Date::from).unwrap_or(day);
    if calendar::is_working_day(duty, monday) {
        monday
    } else {
        calendar::next_working_day(duty, monday).unwrap_or(day)
    }
}

/// The rollout that satisfies the step in this window, pressed or observed.
fn done_in<'s>(window: &Window, snapshot: &'s Snapshot, environment: &Environment) -> Option<&'s RolloutFact> {
    snapshot.rollouts().into_iter().rfind(|rollout| {
        rollout.environment == *environment
            && rollout.state == RolloutState::Succeeded
            && rollout.started_at >= window.counts_from
    })
}
