//! One pass: shift, process version, every step, gate, in this order.

use super::{Board, Draft, Memory, Plan, Rules, StepState, StepStatus, shift_of};
use crate::calendar;
use crate::expr::World;
use crate::ids::StepId;
use crate::item::{Closing, Item, ItemState};
use crate::logbook::Event;
use crate::process::{ASKED, Process, Step, StepKind, Work};
use crate::schedule;
use crate::signal::{Feed, Kind, RolloutState, Snapshot, UnknownReason};
use jiff::Timestamp;

/// What has to change so that items, log book and board say what the world says.
///
/// Pure, and idempotent: applied to its own result with the same world and instant it changes nothing.
pub fn reconcile(rules: Rules<'_>, memory: &Memory, snapshot: &Snapshot, now: Timestamp) -> Plan {
    crate::expr::with_stack(|| {
        let target = rules.process.compared_environment(rules.duty);
        let world = World::new(snapshot, rules.duty, now).rolling_out_to(target);
        let mut pass = Pass { draft: Draft::new(rules, memory, now), snapshot, world };
        pass.run();
        pass.draft.finish()
    })
}

pub(super) struct Pass<'a> {
    pub draft: Draft<'a>,
    pub snapshot: &'a Snapshot,
    pub world: World<'a>,
}

/// What a step's own file says about it after this pass.
pub(super) struct Judged {
    pub unknown: Option<UnknownReason>,
    pub off: Option<Kind>,
    /// When its time comes, where it has not come yet.
    pub opens: Option<Timestamp>,
}

impl Judged {
    pub const FINE: Judged = Judged { unknown: None, off: None, opens: None };

    pub fn unknown(reason: UnknownReason) -> Judged {
        Judged { unknown: Some(reason), ..Judged::FINE }
    }
}

impl<'a> Pass<'a> {
    fn run(&mut self) {
        let process: &'a Process = self.draft.rules.process;
        self.draft.plan.board.first_pass.get_or_insert(self.draft.now);
        self.shift();
        self.rollouts();
        self.withdraw_and_rename(process);
        self.wake_snoozed();
        let mut steps = Vec::with_capacity(process.steps.len() + 1);
        for step in process.steps.iter().filter(|step| !is_rollout(step)) {
            let judged = self.judge(step);
            self.escalate(step);
            steps.push(self.status(&step.id, judged));
        }
        steps.push(self.status(&StepId::from(ASKED), Judged::FINE));
        self.tell_unknown(&steps);
        let rollouts = self.judge_rollouts(&steps);
        steps.extend(rollouts);
        steps.sort_by_key(|status| order(process, &status.step));
        self.draft.plan.board.steps = steps;
        self.draft.plan.board.process_version = self.draft.rules.version;
    }

    /// Starts and ends shifts.
    fn shift(&mut self) {
        let duty = self.draft.rules.duty;
        let today = calendar::is_within_shift(duty, self.draft.now);
        let running = self.draft.plan.board.shift.clone();
        if running.as_ref().map(|shift| shift.day) == today {
            return;
        }
        if let Some(engineer) = running.and_then(|shift| shift.engineer) {
            let open = self.draft.memory.items.values().filter(|item| item.needs_somebody()).count();
            self.draft.log(None, Event::ShiftEnded { engineer, open: open as u32 });
        }
        let board: &mut Board = &mut self.draft.plan.board;
        board.shift = None;
        let Some(day) = today else { return };
        let planned = schedule::plan(self.draft.rules.roster, duty, board.known(), day, day);
        let engineer = planned.into_iter().next().and_then(|shift| shift.engineer);
        board.shift = Some(super::RunningShift { day, engineer: engineer.clone() });
        if let Some(engineer) = engineer {
            board.served.insert(day, engineer.clone());
            while board.served.len() > 400 {
                board.served.pop_first();
            }
            self.draft.log(None, Event::ShiftStarted { engineer });
        }
    }

    /// Writes down what became of each rollout that this duty watches.
    fn rollouts(&mut self) {
        let since = self.draft.plan.board.first_pass.unwrap_or(self.draft.now);
        for rollout in self.snapshot.rollouts() {
            if !self.draft.rules.duty.watches.environment(&rollout.environment) {
                continue;
            }
            let known = self.draft.plan.board.rollouts.get(&rollout.id).map(|(_, state)| *state);
            if known == Some(rollout.state) || (known.is_none() && rollout.started_at < since) {
                continue;
            }
            self.draft.plan.board.rollouts.insert(rollout.id.clone(), (rollout.started_at, rollout.state));
            if rollout.state == RolloutState::Succeeded
                && rollout_environments(self.draft.rules.process).any(|e| *e == rollout.environment)
            {
                self.draft.plan.board.loosened.clear();
            }
            // A press has its own line, and what a pipeline only asked for starts or fails within minutes.
            if rollout.state != RolloutState::Requested {
                let event = Event::RolloutSeen {
                    environment: rollout.environment.clone(),
                    revision: rollout.revision.clone(),
                    state: rollout.state,
                    pressed: rollout.pressed,
                };
                self.draft.log(None, event);
            }
        }
        let seen = &mut self.draft.plan.board.rollouts;
        while seen.len() > 100 {
            let Some(oldest) = seen.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| id.clone()) else { break };
            seen.remove(&oldest);
        }
    }

    /// Items of steps that were renamed follow them; items of steps that are gone are withdrawn, never "done".
    fn withdraw_and_rename(&mut self, process: &Process) {
        let orphans: Vec<Item> = self
            .draft
            .memory
            .items
            .values()
            .filter(|item| item.is_open() && item.step.as_str() != ASKED && process.step(&item.step).is_none())
            .cloned()
            .collect();
        for mut item in orphans {
            if let Some(step) = process.steps.iter().find(|step| step.was.as_ref() == Some(&item.step)) {
                item.step = step.id.clone();
                self.draft.put(item);
            } else {
                let version = self.draft.rules.version;
                self.close(item, Closing::Withdrawn { version });
            }
        }
    }

    fn judge(&mut self, step: &Step) -> Judged {
        if let StepKind::Once(period) = step.kind {
            self.end_past_period(step, period);
        }
        if let Some(opens) = self.not_yet(step) {
            return Judged { opens: Some(opens), ..Judged::FINE };
        }
        match &step.kind {
            StepKind::While(condition) => self.standing(step, condition),
            StepKind::Each { list, filter, .. } => self.subjects(step, list, filter.as_ref()),
            StepKind::Once(period) => self.once(step, *period),
            StepKind::Every(occasion) => self.every(step, *occasion),
        }
    }

    /// When the step's time of day comes, if it is not now. What is open stays open.
    fn not_yet(&self, step: &Step) -> Option<Timestamp> {
        let duty = self.draft.rules.duty;
        let day = shift_of(duty, self.draft.now);
        let at = |time| calendar::instant_of(duty, day, time);
        if let Some(after) = step.times.after.or(step.times.at.first().copied())
            && self.draft.now < at(after)
        {
            return Some(at(after));
        }
        if let Some(before) = step.times.before
            && self.draft.now >= at(before)
        {
            let next = calendar::next_working_day(duty, day)?;
            let again = step.times.after.unwrap_or(duty.starts);
            return Some(calendar::instant_of(duty, next, again));
        }
        None
    }

    pub fn status(&self, step: &StepId, judged: Judged) -> StepStatus {
        let open: Vec<&Item> = self.draft.memory.open_of(step).collect();
        let needing = open.iter().filter(|item| item.needs_somebody()).count() as u32;
        let state = if needing > 0 {
            StepState::Open { items: needing }
        } else if let Some(kind) = judged.off {
            StepState::Off { kind }
        } else if let Some(reason) = &judged.unknown {
            StepState::Unknown { reason: reason.clone() }
        } else if !open.is_empty() || judged.opens.is_some() {
            StepState::Waiting { items: open.len() as u32, opens: judged.opens }
        } else {
            StepState::Fine
        };
        StepStatus { step: step.clone(), state, unknown: judged.unknown }
    }

    /// One line when a step cannot be judged any more, one when it can again.
    fn tell_unknown(&mut self, steps: &[StepStatus]) {
        for status in steps {
            let before = self.draft.memory.board.steps.iter().find(|known| known.step == status.step);
            let was_unknown = before.is_some_and(|known| known.unknown.is_some());
            match &status.unknown {
                Some(reason) if !was_unknown => {
                    let event = Event::StepUnknown { step: status.step.clone(), reason: reason.clone() };
                    self.draft.log(None, event);
                }
                None if was_unknown => self.draft.log(None, Event::StepKnown { step: status.step.clone() }),
                _ => {}
            }
        }
    }

    fn escalate(&mut self, step: &Step) {
        let Some(escalation) = &step.escalate else { return };
        let duty = self.draft.rules.duty;
        let Some(today) = calendar::is_within_shift(duty, self.draft.now) else { return };
        let (starts, _) = calendar::working_hours(duty, today);
        let waiting: Vec<Item> =
            self.draft.memory.open_of(&step.id).filter(|i| i.needs_somebody() && i.taken.is_none()).cloned().collect();
        for mut item in waiting.into_iter().filter(|item| !item.escalated) {
            // Nights and weekends do not count: nobody was asked to look.
            let since = item.opened_at.max(starts);
            let due = since.checked_add(escalation.after).unwrap_or(Timestamp::MAX);
            if self.draft.now < due {
                self.draft.wake_at(due);
                continue;
            }
            item.escalated = true;
            self.draft.log(Some(&item), Event::Escalated { to: escalation.to.clone() });
            self.draft.put(item);
        }
    }

    pub fn open(&mut self, item: Item) {
        self.draft.log(Some(&item), Event::ItemOpened { step: item.step.clone(), why: item.why.clone() });
        self.draft.put(item);
    }

    pub fn reopen(&mut self, mut item: Item) {
        item.state = ItemState::Open;
        item.conclusion = None;
        item.mended = None;
        item.escalated = false;
        item.handed_over = None;
        self.draft.log(Some(&item), Event::ItemReopened { step: item.step.clone() });
        self.draft.put(item);
    }

    pub fn close(&mut self, mut item: Item, how: Closing) {
        self.draft.log(Some(&item), Event::ItemClosed { step: item.step.clone(), how: how.clone() });
        item.state = ItemState::Closed { at: self.draft.now, how };
        self.draft.put(item);
    }

    /// The reason when `kind` cannot be read, or that it is declared absent.
    pub fn unreadable(&self, kind: &Kind) -> Option<Judged> {
        match self.snapshot.feed(kind) {
            Feed::Known { .. } => None,
            Feed::Off => Some(Judged { off: Some(kind.clone()), ..Judged::FINE }),
            Feed::Unknown { reason } => Some(Judged::unknown(reason)),
        }
    }
}

/// The order of the process; what people ask stands before the first rollout.
fn order(process: &Process, step: &StepId) -> (usize, bool) {
    let position =
        |wanted: &dyn Fn(&Step) -> bool| process.steps.iter().position(wanted).unwrap_or(process.steps.len());
    if step.as_str() == ASKED { (position(&is_rollout), false) } else { (position(&|known| known.id == *step), true) }
}

pub(super) fn is_rollout(step: &Step) -> bool {
    matches!(step.work, Work::Rollout(_))
}

fn rollout_environments(process: &Process) -> impl Iterator<Item = &crate::ids::Environment> {
    process.steps.iter().filter_map(|step| match &step.work {
        Work::Rollout(environment) => Some(environment),
        _ => None,
    })
}
