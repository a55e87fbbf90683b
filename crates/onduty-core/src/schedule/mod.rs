//! Who serves which day: what was published, and the rotation.
//!
//! Called by the pages, the command line and `engine`. A pure function of the roster, of what was served and of what was published: it plays
//! the rotation from `duty.since`, so that the same files and the same log book give the same plan on every machine.
//! Never decides what a working day is (`calendar`), never asks for the time. `docs/design/rotation.md` has the reasons
//! and the measured figures.

mod comeback;
mod price;
mod rotation;
mod week;

pub use comeback::{Absence, Comeback, absence, comeback, is_newcomer, last_turn};
pub use price::{Price, price};

use crate::calendar;
use crate::ids::EngineerId;
use crate::roster::{Duty, Roster};
use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};
use rotation::Rotation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The coming days that people count on, whether they were published or not.
pub const NEAR_DAYS: i32 = 14;
/// Turns nearer to each other than this are worth a word.
const NEAR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is known of single days, whosever turn they are.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Who really served, for days that are over or run.
    pub served: &'a BTreeMap<Date, EngineerId>,
    /// Who serves instead, as people agreed.
    pub covers: &'a BTreeMap<Date, Cover>,
    /// The plan that counts, where one was published.
    pub published: &'a BTreeMap<Date, Planned>,
}

impl Known<'static> {
    /// Nothing yet.
    pub const NOTHING: Known<'static> =
        Known { served: &BTreeMap::new(), covers: &BTreeMap::new(), published: &BTreeMap::new() };
}

/// Who serves a day of a published plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Who.
    pub engineer: EngineerId,
    /// Somebody who knows the duty and is beside them: the first time, or the first time after long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buddy: Option<EngineerId>,
    /// A newcomer who watches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<EngineerId>,
}

impl Planned {
    /// `engineer`, alone.
    pub fn of(engineer: EngineerId) -> Planned {
        Planned { engineer, buddy: None, shadow: None }
    }

    /// Whoever has to be there.
    pub fn everybody(&self) -> impl Iterator<Item = &EngineerId> {
        std::iter::once(&self.engineer).chain(&self.buddy).chain(&self.shadow)
    }
}

/// Somebody serves a day instead of whose turn it is, because people agreed so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// Who serves.
    pub engineer: EngineerId,
    /// Who said so.
    pub by: EngineerId,
    /// When.
    pub at: Timestamp,
}

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

impl Shift {
    /// Who is beside whoever serves it for the first time, or for the first time after long.
    pub fn buddy(&self) -> Option<&EngineerId> {
        match &self.origin {
            ShiftOrigin::Published { buddy, .. } => buddy.as_ref(),
            _ => None,
        }
    }

    /// The newcomer who watches.
    pub fn shadow(&self) -> Option<&EngineerId> {
        match &self.origin {
            ShiftOrigin::Published { shadow, .. } => shadow.as_ref(),
            _ => None,
        }
    }
}

/// Why this engineer has this shift; shown wherever the shift is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShiftOrigin {
    /// It is their turn in the rotation.
    Scheduled,
    /// The plan that was published says so.
    Published {
        /// Who is beside them.
        buddy: Option<EngineerId>,
        /// The newcomer who watches.
        shadow: Option<EngineerId>,
    },
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
    /// People agreed so, instead of whose turn it was.
    Covered {
        /// Whose turn it was; they keep their place in front of the queue, or take the day that the other gave up.
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
/// What is known beats the calculation, and the turns after it follow from it: who really served, then who covers, then
/// the roster's overrides, then the published plan; where that has nobody who is at work, the rotation does. Days before `duty.since` have a shift only where somebody served them. The cost grows with the weeks between
/// `duty.since` and `to`, so that callers bound `to`.
pub fn plan(roster: &Roster, duty: &Duty, known: Known<'_>, from: Date, to: Date) -> Vec<Shift> {
    if from > to {
        return Vec::new();
    }
    let before = known.served.range(from..=to).take_while(|(day, _)| **day < duty.since);
    let mut plan: Vec<Shift> = before
        .map(|(day, engineer)| Shift { day: *day, engineer: Some(engineer.clone()), origin: ShiftOrigin::Served })
        .collect();
    let mut rotation = Rotation::new(roster, duty, known);
    let mut monday = monday_of(duty.since);
    while let Some(first) = monday.filter(|first| *first <= to) {
        let shifts = rotation.week(first);
        plan.extend(shifts.into_iter().filter(|shift| (from..=to).contains(&shift.day)));
        monday = first.checked_add(jiff::Span::new().weeks(1)).ok();
    }
    plan
}

/// The published plan once `shifts` count from `from` to `until`. Days that people or the roster decided keep what the plan said before: it is
/// what they go back to.
pub fn replaced(
    duty: &Duty,
    known: Known<'_>,
    (from, until): (Date, Date),
    shifts: &BTreeMap<Date, Planned>,
) -> BTreeMap<Date, Planned> {
    let is_decided = |day: &Date| known.covers.contains_key(day) || duty.overrides.contains_key(day);
    let stays = |day: &Date| *day < from || *day > until || is_decided(day);
    let before = known.published.iter().filter(|(day, _)| stays(day));
    let new = shifts.iter().filter(|(day, _)| !is_decided(day));
    before.chain(new).map(|(day, planned)| (*day, planned.clone())).collect()
}

/// The last day that people count on: of the published plan, or of the near days.
pub fn relied_on_until(known: Known<'_>, today: Date) -> Date {
    let near = today.saturating_add(jiff::Span::new().days(NEAR_DAYS));
    known.published.last_key_value().map_or(near, |(day, _)| near.max(*day))
}

/// The shift of one day; `None` when nobody has to serve it.
pub fn shift_on(roster: &Roster, duty: &Duty, known: Known<'_>, day: Date) -> Option<Shift> {
    plan(roster, duty, known, day, day).pop()
}

/// The shift to which `at` belongs: today's until it ends, then the next.
pub fn on_duty_at(roster: &Roster, duty: &Duty, known: Known<'_>, at: Timestamp) -> Option<Shift> {
    shift_on(roster, duty, known, calendar::shift_day_at(duty, at)?)
}

/// The shift after the one of `day`.
pub fn shift_after(roster: &Roster, duty: &Duty, known: Known<'_>, day: Date) -> Option<Shift> {
    shift_on(roster, duty, known, calendar::next_working_day(duty, day)?)
}

/// The first shift of `engineer` in `plan` on `from` or later.
pub fn next_turn<'a>(plan: &'a [Shift], engineer: &EngineerId, from: Date) -> Option<&'a Shift> {
    plan.iter().find(|shift| shift.day >= from && shift.engineer.as_ref() == Some(engineer))
}

/// The shifts of `after` that somebody else serves than in `before`, both with the same days.
pub fn moved<'a>(before: &'a [Shift], after: &'a [Shift]) -> Vec<(&'a Shift, &'a Shift)> {
    before.iter().zip(after).filter(|(was, is)| was.engineer != is.engineer).collect()
}

/// The other turns of `engineer` in `plan` within a week of `day`.
pub fn turns_near(plan: &[Shift], engineer: &EngineerId, day: Date) -> Vec<Date> {
    let (from, to) = (day.saturating_sub(NEAR), day.saturating_add(NEAR));
    let is_theirs = |shift: &&Shift| shift.engineer.as_ref() == Some(engineer) && shift.day != day;
    plan.iter().filter(is_theirs).map(|shift| shift.day).filter(|day| (from..=to).contains(day)).collect()
}

/// The Monday of the week of `day`; `None` at the beginning of time.
fn monday_of(day: Date) -> Option<Date> {
    let days = Weekday::Monday.until(day.weekday());
    day.checked_sub(jiff::Span::new().days(days)).ok()
}

#[cfg(test)]
mod tests;
