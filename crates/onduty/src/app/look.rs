//! One look at a day: everything that a page, an answer of the API or the command line shows, read at one instant.

use super::{App, Instance, day};
use crate::store::{self, StoreError};
use jiff::Timestamp;
use jiff::civil::Date;
use onduty_core::calendar;
use onduty_core::engine::{Board, Memory};
use onduty_core::ids::{DutyId, EngineerId, StepId, Subject};
use onduty_core::item::{Item, Why};
use onduty_core::logbook::Entry;
use onduty_core::roster::Duty;
use onduty_core::schedule::{self, Shift};
use onduty_core::signal::{Commit, SignalState, Snapshot};
use std::sync::Arc;

/// A day of one duty, at one instant.
#[derive(Debug, Clone)]
pub struct Look {
    /// Files as they are in force.
    pub instance: Arc<Instance>,
    /// Whose day.
    pub duty: Duty,
    /// Duty time.
    pub now: Timestamp,
    /// Board and items.
    pub memory: Memory,
    /// The outside world.
    pub snapshot: Snapshot,
    /// The newest entries of the log book, newest first.
    pub latest: Vec<Entry>,
    /// Items that closed in the shift of `now`.
    pub closed_today: Vec<Item>,
    /// Whether the files of this duty gave it a process.
    pub has_process: bool,
}

/// How many entries a look carries.
const LATEST: u32 = 6;

impl App {
    /// Looks at `duty` now; `None` where the roster has no such duty.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn look(&self, duty: &DutyId) -> Result<Option<Look>, StoreError> {
        let instance = self.instance();
        let Some(duty) = instance.roster.duty(duty).cloned() else { return Ok(None) };
        let now = self.clock.duty_now();
        let mut reader = self.store.read().await?;
        let memory = day::load_memory(&mut reader, &instance, &duty.id, now).await?;
        let snapshot = day::load_snapshot(&mut reader, &instance, now).await?;
        let latest = store::log_book::newest(&mut reader, &duty.id, LATEST).await?;
        let today = calendar::day_of(&duty, now);
        let midnight = calendar::instant_of(&duty, today, jiff::civil::Time::midnight());
        let closed_today = store::items::closed_between(&mut reader, &duty.id, midnight, Timestamp::MAX).await?;
        let has_process = instance.process(&duty.id).is_some();
        Ok(Some(Look { instance, duty, now, memory, snapshot, latest, closed_today, has_process }))
    }
}

impl Look {
    /// The board.
    pub fn board(&self) -> &Board {
        &self.memory.board
    }

    /// Open items of a step: what needs somebody first, then by age.
    pub fn open_items<'a>(&'a self, step: &'a StepId) -> Vec<&'a Item> {
        let mut items: Vec<&Item> = self.memory.open_of(step).collect();
        items.sort_by_key(|item| !item.needs_somebody());
        items
    }

    /// What is known of an item's subject now.
    pub fn signal(&self, subject: &Subject) -> Option<&SignalState> {
        self.snapshot.signals.values().find_map(|subjects| subjects.get(subject))
    }

    /// The item with its subject as it is now: an open item keeps the fact with which it opened.
    pub fn with_live_fact(&self, item: &Item) -> Item {
        let mut item = item.clone();
        if item.is_open()
            && let Some(live) = self.signal(&item.subject)
            && let Why::Subject { fact, .. } = &mut item.why
        {
            *fact = live.fact.clone();
        }
        item
    }

    /// Who is on duty now, or in the next shift.
    pub fn current_shift(&self) -> Option<Shift> {
        match &self.memory.board.shift {
            Some(running) if calendar::is_within_shift(&self.duty, self.now) == Some(running.day) => {
                schedule::shift_on(&self.instance.roster, &self.duty, self.board().known(), running.day)
            }
            _ => schedule::on_duty_at(&self.instance.roster, &self.duty, self.board().known(), self.now),
        }
    }

    /// Whether a shift runs now.
    pub fn is_within_shift(&self) -> bool {
        calendar::is_within_shift(&self.duty, self.now).is_some()
    }

    /// The coming shifts, from the current or next one on.
    pub fn coming(&self, days: i32) -> Vec<Shift> {
        let from =
            calendar::shift_day_at(&self.duty, self.now).unwrap_or_else(|| calendar::day_of(&self.duty, self.now));
        let to = from.checked_add(jiff::Span::new().days(days)).unwrap_or(Date::MAX);
        schedule::plan(&self.instance.roster, &self.duty, self.board().known(), from, to)
    }

    /// Whether `engineer` serves the shift that runs now.
    pub fn serves_now(&self, engineer: &EngineerId) -> bool {
        day::serves_now(&self.instance, self.board(), &self.duty.id, engineer, self.now)
    }

    /// A commit of the watched history.
    pub fn commit(&self, revision: &str) -> Option<&Commit> {
        self.snapshot.heads().flat_map(|head| &head.commits).find(|commit| commit.revision == revision)
    }
}
