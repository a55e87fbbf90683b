//! `once` and `every` steps: tasks that come with the shift, the week, a rollout or the clock.

use super::pass::{Judged, Pass};
use super::{new_item, shift_of};
use crate::calendar;
use crate::ids::Subject;
use crate::item::{Closing, Item, Why};
use crate::process::{Check, List, Occasion, Period, Step, Work};
use crate::signal::{Kind, RolloutState, UnknownReason};
use jiff::{SignedDuration, Timestamp};

impl Pass<'_> {
    /// A task once a period, at the times that the step names.
    pub(super) fn once(&mut self, step: &Step, period: Period) -> Judged {
        let duty = self.draft.rules.duty;
        let Some(day) = calendar::is_within_shift(duty, self.draft.now) else { return Judged::FINE };
        let key = self.period_key(period);
        let due: Vec<Subject> = if step.times.at.is_empty() {
            vec![Subject::new(key)]
        } else {
            let times = step.times.at.iter().filter(|time| self.draft.now >= calendar::instant_of(duty, day, **time));
            times.map(|time| Subject::new(format!("{key} {}", time.strftime("%H:%M")))).collect()
        };
        for subject in due {
            self.open_task(step, subject);
        }
        Judged::FINE
    }

    /// What is left of an earlier period ends with it, whether or not the next one has begun.
    pub(super) fn end_past_period(&mut self, step: &Step, period: Period) {
        let key = self.period_key(period);
        self.end_earlier(step, &key);
    }

    /// The period to which now belongs, as its tasks are called: a day, or `2026-W10`.
    fn period_key(&self, period: Period) -> String {
        let day = shift_of(self.draft.rules.duty, self.draft.now);
        match period {
            Period::Shift | Period::Day => day.to_string(),
            Period::Week => {
                let week = day.iso_week_date();
                format!("{}-W{:02}", week.year(), week.week())
            }
        }
    }

    /// A task on each occasion, and the automatic checks.
    pub(super) fn every(&mut self, step: &Step, occasion: Occasion) -> Judged {
        if let Work::Check(Check::Performance) = step.work {
            // Without its own kind of signal it is off or unknown, without the rollouts nobody knows what to compare.
            return match self.unreadable(&Kind::Performance).or_else(|| self.no_rollouts()) {
                Some(judged) => judged,
                None => self.subjects(step, &List::Endpoints, None),
            };
        }
        match occasion {
            Occasion::Rollout => {
                if let Some(judged) = self.unreadable(&Kind::Rollouts) {
                    return judged;
                }
                let since = self.draft.plan.board.first_pass.unwrap_or(self.draft.now);
                let newest = self
                    .snapshot
                    .rollouts()
                    .into_iter()
                    .filter(|rollout| rollout.state == RolloutState::Succeeded && rollout.finished_at >= Some(since))
                    .filter(|rollout| self.rolls_out_to(&rollout.environment))
                    .max_by_key(|rollout| rollout.finished_at)
                    .map(|rollout| rollout.id.clone());
                if let Some(id) = newest {
                    self.end_earlier(step, &id);
                    self.open_task(step, Subject::new(id));
                }
            }
            Occasion::Duration(length) => self.every_so_often(step, length),
        }
        Judged::FINE
    }

    /// Why rollouts are not known. Where they are pressed here, and none ever was, that is known.
    fn no_rollouts(&self) -> Option<Judged> {
        let environment = self.draft.rules.process.compared_environment(self.draft.rules.duty);
        let is_pressed_here = self.draft.rules.declarations.rollout_targets.contains(environment.as_str());
        self.unreadable(&Kind::Rollouts).filter(|judged| {
            let never = matches!(judged.unknown, Some(UnknownReason::Undeclared { .. }));
            !(never && is_pressed_here)
        })
    }

    fn every_so_often(&mut self, step: &Step, length: SignedDuration) {
        let duty = self.draft.rules.duty;
        let Some(day) = calendar::is_within_shift(duty, self.draft.now) else { return };
        // One open task is enough: a pile of missed ones helps nobody.
        if length < SignedDuration::from_secs(60) || self.draft.memory.open_of(&step.id).next().is_some() {
            return;
        }
        let (starts, _) = calendar::working_hours(duty, day);
        let passed = self.draft.now.duration_since(starts).as_secs() / length.as_secs();
        let occasion = SignedDuration::from_secs(passed * length.as_secs());
        let at: Timestamp = starts.checked_add(occasion).unwrap_or(starts);
        self.open_task(step, Subject::new(at.to_string()));
    }

    fn open_task(&mut self, step: &Step, subject: Subject) {
        if self.draft.memory.newest(&step.id, &subject).is_none() {
            let item = new_item(&self.draft, &step.id, subject, Why::Due);
            self.open(item);
        }
    }

    /// Ends tasks that belong to another period than `key`.
    fn end_earlier(&mut self, step: &Step, key: &str) {
        let earlier: Vec<Item> = self
            .draft
            .memory
            .open_of(&step.id)
            .filter(|item| matches!(item.why, Why::Due))
            .filter(|item| !item.subject.as_str().starts_with(key))
            .cloned()
            .collect();
        for item in earlier {
            self.close(item, Closing::PeriodEnded);
        }
    }
}
