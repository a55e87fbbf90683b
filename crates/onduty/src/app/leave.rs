//! Leave that people tell: it takes effect at once, in every duty that somebody serves, and whoever serves instead is told.

use super::day::{DayError, Loaded, load_board};
use super::{App, Change, Instance};
use crate::store::leave::Known;
use crate::store::{self, Tx};
use jiff::ToSpan;
use jiff::civil::Date;
use onduty_core::calendar;
use onduty_core::engine::{Action, Board, Record};
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::logbook::MovedShift;
use onduty_core::roster::{Duty, Roster, ToldLeave};
use onduty_core::schedule;
use std::sync::Arc;

/// Longest leave that is told at once, in days: more is a mistake in the year.
const LONGEST: i32 = 800;
/// Leave that is kept for one engineer at once.
pub(super) const MOST_EACH: usize = 400;

/// Why leave was not kept.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// Nobody by that name.
    #[error("{0} is not on the roster")]
    UnknownEngineer(EngineerId),
    /// It ends before it begins, or years later.
    #[error("a leave ends on its first day or at most {LONGEST} days later; {to} does not fit {from}")]
    BadDays {
        /// The first day.
        from: Date,
        /// The last.
        to: Date,
    },
    /// Too much of it.
    #[error("{0} has {MOST_EACH} leaves already; end some that are over")]
    TooMany(EngineerId),
    /// No such leave, or it was taken back.
    #[error("there is no leave {0}, or not any more")]
    NoSuchLeave(String),
    /// It cannot be written.
    #[error(transparent)]
    Day(#[from] DayError),
}

impl From<store::StoreError> for LeaveError {
    fn from(error: store::StoreError) -> LeaveError {
        LeaveError::Day(DayError::Store(error))
    }
}

impl App {
    /// Keeps leave, all of it or none; tells how many were new. What is known already changes nothing.
    ///
    /// # Errors
    /// The first that cannot be; nothing was changed.
    pub async fn tell_leave(&self, by: &EngineerId, leave: &[ToldLeave]) -> Result<usize, LeaveError> {
        let instance = self.instance();
        for told in leave {
            if !instance.roster.engineers.contains_key(&told.engineer) {
                return Err(LeaveError::UnknownEngineer(told.engineer.clone()));
            }
            let days = told.from.until(told.to).map(|span| span.get_days()).unwrap_or(i32::MIN);
            if !(0..=LONGEST).contains(&days) {
                return Err(LeaveError::BadDays { from: told.from, to: told.to });
            }
        }
        let now = self.clock.duty_now();
        let mut tx = self.store.begin().await?;
        let mut new = Vec::new();
        for told in leave {
            let id = store::new_id(crate::clock::real_now());
            let known = Known { id, leave: told.clone(), by: by.clone(), calendar: None };
            if store::leave::add(&mut tx, &known, now).await? {
                new.push((told.clone(), false));
            }
        }
        let all = store::leave::current(&mut tx).await?;
        for (told, _) in &new {
            let theirs = |known: &&Known| known.calendar.is_none() && known.leave.engineer == told.engineer;
            if all.iter().filter(theirs).count() > MOST_EACH {
                return Err(LeaveError::TooMany(told.engineer.clone()));
            }
        }
        self.put_leave_in_force(tx, Some(by), &new, &all).await?;
        Ok(new.len())
    }

    /// Takes leave back.
    ///
    /// # Errors
    /// [`LeaveError::NoSuchLeave`]; nothing was changed.
    pub async fn end_leave(&self, by: &EngineerId, id: &str) -> Result<(), LeaveError> {
        let mut tx = self.store.begin().await?;
        let ended = store::leave::end(&mut tx, id, Some(by), self.clock.duty_now()).await?;
        let ended = ended.ok_or_else(|| LeaveError::NoSuchLeave(id.to_owned()))?;
        let all = store::leave::current(&mut tx).await?;
        self.put_leave_in_force(tx, Some(by), &[(ended.leave, true)], &all).await
    }

    /// Has everybody go by `all`, of which `changes` are new, or ended; `by` is who said so, where it was a person.
    pub(super) async fn put_leave_in_force(
        &self,
        mut tx: Tx,
        by: Option<&EngineerId>,
        changes: &[(ToldLeave, bool)],
        all: &[Known],
    ) -> Result<(), LeaveError> {
        if changes.is_empty() {
            return Ok(());
        }
        let before = self.instance();
        let after = Arc::new(before.with_leave(all.iter().map(|known| &known.leave)));
        let leave = all.iter().map(|known| known.leave.clone()).collect();
        store::journal::append(&mut tx, &Record::Leave { leave }).await?;
        let mut changed = Vec::new();
        for duty in after.duties_with_a_process() {
            if self.tell_duty(&mut tx, (&before, &after), &duty, by, changes).await? {
                changed.push(duty);
            }
        }
        // Before the commit: whoever writes next already goes by it.
        self.set_instance(after);
        if let Err(error) = tx.commit().await {
            self.set_instance(before);
            return Err(error.into());
        }
        self.bus.tell(Change::Everything);
        Ok(())
    }

    /// Tells one duty of the leave of its members; false where none of it is theirs.
    async fn tell_duty(
        &self,
        tx: &mut Tx,
        (before, after): (&Instance, &Instance),
        id: &DutyId,
        by: Option<&EngineerId>,
        changes: &[(ToldLeave, bool)],
    ) -> Result<bool, LeaveError> {
        let Some(duty) = after.roster.duty(id) else { return Ok(false) };
        let theirs: Vec<&(ToldLeave, bool)> =
            changes.iter().filter(|(leave, _)| duty.members.contains(&leave.engineer)).collect();
        if theirs.is_empty() {
            return Ok(false);
        }
        let now = self.clock.duty_now();
        let board = load_board(tx, id).await?;
        let mut moved = moved(duty, &board, calendar::day_of(duty, now), (&before.roster, &after.roster));
        let mut day = Loaded::load(after, tx, id, now).await?;
        for (leave, ended) in theirs {
            // What moved is told with the first of them.
            let moved = std::mem::take(&mut moved);
            let action = Action::TellLeave { leave: leave.clone(), ended: *ended, moved };
            day.act(tx, by, action).await?;
        }
        day.pass(tx).await?;
        Ok(true)
    }
}

/// The shifts that people count on and that somebody else serves with the other roster.
fn moved(duty: &Duty, board: &Board, today: Date, (before, after): (&Roster, &Roster)) -> Vec<MovedShift> {
    let from = today.saturating_add(1.day());
    let until = schedule::relied_on_until(board.known(), today);
    let plan = |roster: &Roster| schedule::plan(roster, duty, board.known(), from, until);
    MovedShift::between(&plan(before), &plan(after))
}
