//! Who serves which day: the rotation.
//!
//! Called by the pages, the command line and `engine`. A pure function of the roster and of what was served: it plays
//! the rotation from `duty.since`, so that the same files and the same log book give the same plan on every machine.
//! Never decides what a working day is (`calendar`), never asks for the time. `docs/design/rotation.md` has the reasons
//! and the measured figures.

mod rotation;
mod week;

use crate::calendar;
use crate::ids::EngineerId;
use crate::roster::{Duty, Roster};
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use rotation::Rotation;
use std::collections::BTreeMap;

/// One working day of one duty, and who serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Day in the duty's time zone.
    pub day: Date,
    /// Who; `None` when everybody is away.
    pub engineer: Option<EngineerId>,
    /// Why this engineer.
    pub origin: ShiftOrigin,
}

/// Why this engineer has this shift; shown wherever the shift is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShiftOrigin {
    /// It is their turn.
    Scheduled,
    /// It is their turn in this week; the day was chosen so that nobody always has the same day of the week.
    Spread {
        /// Who would serve this day in the plain order of the queue.
        in_order: EngineerId,
    },
    /// The roster says so, instead of whose turn it was.
    Override {
        /// Whose turn it was; they keep their place in front of the queue.
        instead_of: Option<EngineerId>,
    },
    /// The one whose turn it was serves another day of this week instead.
    Exchanged {
        /// Whose turn it was.
        with: EngineerId,
    },
    /// It happened: the log book has it.
    Served,
    /// Everybody is away.
    Nobody,
}

/// The shifts of the working days from `from` to `to`, both included.
///
/// `served` says who really served, for days that are over; it beats the calculation, and the turns after it follow
/// from it. Days before `duty.since` have a shift only where `served` says so. The cost grows with the weeks between
/// `duty.since` and `to`, so that callers bound `to`.
pub fn plan(roster: &Roster, duty: &Duty, served: &BTreeMap<Date, EngineerId>, from: Date, to: Date) -> Vec<Shift> {
    if from > to {
        return Vec::new();
    }
    let before = served.range(from..=to).take_while(|(day, _)| **day < duty.since);
    let mut plan: Vec<Shift> = before
        .map(|(day, engineer)| Shift { day: *day, engineer: Some(engineer.clone()), origin: ShiftOrigin::Served })
        .collect();
    let mut rotation = Rotation::new(roster, duty, served);
    let mut monday = monday_of(duty.since);
    while let Some(first) = monday.filter(|first| *first <= to) {
        let shifts = rotation.week(first);
        plan.extend(shifts.into_iter().filter(|shift| (from..=to).contains(&shift.day)));
        monday = first.checked_add(jiff::Span::new().weeks(1)).ok();
    }
    plan
}

/// The shift of one day; `None` when nobody has to serve it.
pub fn shift_on(roster: &Roster, duty: &Duty, served: &BTreeMap<Date, EngineerId>, day: Date) -> Option<Shift> {
    plan(roster, duty, served, day, day).pop()
}

/// The shift to which `at` belongs: today's until it ends, then the next.
pub fn on_duty_at(roster: &Roster, duty: &Duty, served: &BTreeMap<Date, EngineerId>, at: Timestamp) -> Option<Shift> {
    shift_on(roster, duty, served, calendar::shift_day_at(duty, at)?)
}

/// The shift after the one of `day`.
pub fn shift_after(roster: &Roster, duty: &Duty, served: &BTreeMap<Date, EngineerId>, day: Date) -> Option<Shift> {
    shift_on(roster, duty, served, calendar::next_working_day(duty, day)?)
}

/// The first shift of `engineer` in `plan` on `from` or later.
pub fn next_turn<'a>(plan: &'a [Shift], engineer: &EngineerId, from: Date) -> Option<&'a Shift> {
    plan.iter().find(|shift| shift.day >= from && shift.engineer.as_ref() == Some(engineer))
}

/// The Monday of the week of `day`; `None` at the beginning of time.
fn monday_of(day: Date) -> Option<Date> {
    let days = Weekday::Monday.until(day.weekday());
    day.checked_sub(jiff::Span::new().days(days)).ok()
}

#[cfg(test)]
mod tests;
