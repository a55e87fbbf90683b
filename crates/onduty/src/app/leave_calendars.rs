//! Leave that calendars tell: put in force as people's is, taken back by the calendar that told it; and how each calendar is.
//!
//! `tasks::leave` reads them; pages, API and health ask how they are. That is not kept: after a start nothing is known until a
//! calendar was read.

use super::App;
use super::leave::{LeaveError, MOST_EACH};
use crate::store::leave::Known;
use crate::store::{self, StoreError};
use jiff::civil::Date;
use onduty_core::calendar;
use onduty_core::ids::{EngineerId, MACHINE};
use onduty_core::leave_calendar::{Standing, Told, changes, told_of};
use onduty_core::roster::ToldLeave;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// How every calendar is, by name.
#[derive(Debug, Default)]
pub struct Standings(RwLock<BTreeMap<String, Standing>>);

impl Standings {
    /// How a calendar is; not read yet where nothing is known.
    pub fn of(&self, name: &str) -> Standing {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
    }

    /// How many of `names` are well, are in trouble, and were not read yet.
    pub fn count<'a>(&self, names: impl Iterator<Item = &'a String>) -> [usize; 3] {
        names.map(|name| self.of(name)).fold([0; 3], |mut counts, standing| {
            counts[if standing.trouble.is_some() { 1 } else { 2 * usize::from(standing.read.is_none()) }] += 1;
            counts
        })
    }

    /// Notes how a calendar is, and tells whether that is news.
    pub fn note(&self, name: &str, standing: Standing) -> bool {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = all.insert(name.to_owned(), standing.clone());
        before
            .is_none_or(|before| before.trouble != standing.trouble || before.read.is_none() != standing.read.is_none())
    }
}

/// What came of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// Leave that was new.
    pub new: usize,
    /// Leave that was taken back.
    pub ended: usize,
    /// Leave that was not taken back, because of what is not understood.
    pub kept: usize,
}

impl App {
    /// The day from which on leave still matters: the earliest today of all duties.
    pub fn leave_day(&self) -> Date {
        let now = self.clock.duty_now();
        let days = self.instance().roster.duties.iter().map(|duty| calendar::day_of(duty, now)).min();
        days.unwrap_or_else(|| now.to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// Leave that `calendar` told and that is not over on `today`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn leave_of_calendar(&self, calendar: &str, today: Date) -> Result<Vec<ToldLeave>, StoreError> {
        let all = store::leave::current(&mut self.store.read().await?).await?;
        let theirs = all.into_iter().filter(|known| known.calendar.as_deref() == Some(calendar));
        Ok(theirs.map(|known| known.leave).filter(|leave| leave.to >= today).collect())
    }

    /// Has onduty know what `calendar` says, from `today` on: all of it or nothing.
    ///
    /// # Errors
    /// Somebody would have too much of it, or the store cannot be written.
    pub async fn follow_leave(&self, calendar: &str, told: &Told, today: Date) -> Result<Followed, LeaveError> {
        let now = self.clock.duty_now();
        let mut tx = self.store.begin().await?;
        let current = store::leave::current(&mut tx).await?;
        let refused = store::leave::refused(&mut tx, calendar, today).await?;
        let (own, others): (Vec<Known>, Vec<Known>) =
            current.into_iter().partition(|known| known.calendar.as_deref() == Some(calendar));
        let own: Vec<(String, ToldLeave)> = own.into_iter().map(|known| (known.id, known.leave)).collect();
        let mut others: Vec<ToldLeave> = others.into_iter().map(|known| known.leave).collect();
        let changes = changes(told, &own, &refused, &others, today);
        let (mut ended, mut new) = (Vec::new(), Vec::new());
        for id in &changes.end {
            ended.extend(store::leave::end(&mut tx, id, None, now).await?.map(|ended| ended.leave));
        }
        let by = EngineerId::new(MACHINE);
        for leave in &changes.add {
            let id = store::new_id(crate::clock::real_now());
            let known = Known { id, leave: leave.clone(), by: by.clone(), calendar: Some(calendar.to_owned()) };
            if store::leave::add(&mut tx, &known, now).await? {
                new.push(leave.clone());
            }
        }
        let all = store::leave::current(&mut tx).await?;
        let mut each: BTreeMap<&EngineerId, usize> = BTreeMap::new();
        for known in all.iter().filter(|known| known.calendar.is_some() && known.leave.to >= today) {
            *each.entry(&known.leave.engineer).or_default() += 1;
        }
        if let Some((engineer, _)) = each.into_iter().find(|(_, number)| *number > MOST_EACH) {
            return Err(LeaveError::TooMany(engineer.clone()));
        }
        let followed = Followed { new: new.len(), ended: ended.len(), kept: changes.kept };
        let stays = own.into_iter().filter(|(id, _)| !changes.end.contains(id));
        others.extend(stays.map(|(_, leave)| leave));
        self.put_leave_in_force(tx, None, &told_of(&ended, &new, &others), &all).await?;
        Ok(followed)
    }
}
