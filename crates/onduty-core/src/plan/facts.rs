//! What follows from an instance alone: slots, who is free on them, how heavy they are, everybody's target.

use super::day::Day;
use super::instance::{Instance, LeaveKind, Person, Published};
use crate::calendar::instant_in;
use jiff::Timestamp;

/// A hundred years and some.
const MOST_DAYS: i64 = 40_000;
const MOST_SLOTS: i64 = 400_000;
/// People times days or slots: one byte each.
const MOST_PAIRS: i64 = 50_000_000;
/// How far beside a leave its guard is looked for.
const GUARD_REACH: usize = 30;
/// How far into a leave working days are counted.
const LEAVE_REACH: usize = 50_000;
/// How far after arrival a deadline is looked for.
const DEADLINE_REACH: usize = 400;

/// One duty on one day, which somebody has to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When.
    pub day: Day,
    /// Of which duty.
    pub duty: usize,
    /// How heavy it is.
    pub points: i64,
}

/// Why somebody cannot serve a slot whatever else is planned; the first that applies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Static {
    /// No member of the duty.
    NotMember = 1,
    /// Without the skill that it needs.
    MissingSkill,
    /// Not there yet, or not any more.
    NotEmployed,
    /// Does not work on that day of the week.
    DayOff,
    /// On a holiday of their own calendar.
    PublicHoliday,
    /// Away.
    Leave,
    /// About to leave for a holiday, or just back.
    LeaveGuard,
}

impl Static {
    /// The code that files use.
    pub fn code(self) -> &'static str {
        match self {
            Static::NotMember => "not_member",
            Static::MissingSkill => "missing_skill",
            Static::NotEmployed => "not_employed",
            Static::DayOff => "day_off",
            Static::PublicHoliday => "public_holiday",
            Static::Leave => "leave",
            Static::LeaveGuard => "leave_guard",
        }
    }

    fn from_byte(byte: u8) -> Option<Static> {
        use Static::{DayOff, Leave, LeaveGuard, MissingSkill, NotEmployed, NotMember, PublicHoliday};
        [NotMember, MissingSkill, NotEmployed, DayOff, PublicHoliday, Leave, LeaveGuard]
            .into_iter()
            .find(|code| *code as u8 == byte)
    }
}

/// An instance that is too large to be planned at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is too large to be planned at once: {number} {what}, where at most {most} are taken; plan a shorter horizon or fewer people"
)]
pub struct TooLarge {
    what: &'static str,
    number: i64,
    most: i64,
}

/// An instance and what follows from it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What was read.
    pub instance: Instance,
    /// All slots, by day and then by the name of the duty.
    pub slots: Vec<Slot>,
    /// Thousandths of points that each person should serve of each duty; `person * duties + duty`.
    pub targets: Vec<i64>,
    /// Thousandths of shifts that would be each person's share of each duty's slots; `person * duties + duty`.
    pub shares: Vec<i64>,
    /// The last day for the first shift of those who are new; `None` where the horizon ends before.
    pub deadlines: Vec<Option<Day>>,
    /// `person * days + day`: why this person serves nothing that day, 0 for nothing.
    away: Vec<u8>,
    /// `person * duties + duty`: the same for this duty.
    barred: Vec<u8>,
    days: usize,
}

impl Facts {
    /// Derives the facts.
    ///
    /// # Errors
    /// More days, slots or people than fit.
    pub fn new(instance: Instance) -> Result<Facts, TooLarge> {
        let days = i64::from(instance.last.0) - i64::from(instance.first.0) + 1;
        at_most("days", days, MOST_DAYS)?;
        let people = i64::try_from(instance.people.len()).unwrap_or(i64::MAX);
        at_most("people times days", people.saturating_mul(days), MOST_PAIRS)?;
        let slots = slots(&instance)?;
        let number = i64::try_from(slots.len()).unwrap_or(i64::MAX);
        at_most("people times slots", people.saturating_mul(number), MOST_PAIRS)?;
        let duties = i64::try_from(instance.duties.len()).unwrap_or(i64::MAX);
        at_most("people times duties", people.saturating_mul(duties), MOST_PAIRS)?;
        let days = usize::try_from(days).unwrap_or_default();
        let mut away = vec![0; instance.people.len() * days];
        let mut barred = Vec::with_capacity(instance.people.len() * instance.duties.len());
        let mut deadlines = Vec::with_capacity(instance.people.len());
        for (n, person) in instance.people.iter().enumerate() {
            fill_away(&instance, person, &mut away[n * days..(n + 1) * days]);
            barred.extend(instance.duties.iter().enumerate().map(|(duty, of)| {
                let lacks = of.requires.as_ref().is_some_and(|skill| !person.skills.contains(skill));
                match person.weights[duty] {
                    0 => Static::NotMember as u8,
                    _ if lacks => Static::MissingSkill as u8,
                    _ => 0,
                }
            }));
            deadlines.push(deadline(&instance, person));
        }
        let mut facts =
            Facts { instance, slots, targets: Vec::new(), shares: Vec::new(), deadlines, away, barred, days };
        (facts.targets, facts.shares) = facts.all_targets();
        Ok(facts)
    }

    /// How many people there are.
    pub fn people(&self) -> usize {
        self.instance.people.len()
    }

    /// How many duties there are.
    pub fn duties(&self) -> usize {
        self.instance.duties.len()
    }

    /// The slot of a duty on a day.
    pub fn slot_at(&self, day: Day, duty: usize) -> Option<usize> {
        self.slots.binary_search_by_key(&(day, duty), |slot| (slot.day, slot.duty)).ok()
    }

    /// Why `person` cannot serve `slot`, whatever else they serve.
    pub fn blocked(&self, person: usize, slot: usize) -> Option<Static> {
        let Slot { day, duty, .. } = self.slots[slot];
        let day = usize::try_from(day.0 - self.instance.first.0).unwrap_or_default();
        match self.barred[person * self.duties() + duty] {
            0 => Static::from_byte(self.away[person * self.days + day]),
            barred => Static::from_byte(barred),
        }
    }

    /// Whether `person` works on the day of `slot` and nothing keeps them, whatever their duties and skills.
    pub fn is_there(&self, person: usize, slot: usize) -> bool {
        let day = usize::try_from(self.slots[slot].day.0 - self.instance.first.0).unwrap_or_default();
        self.away[person * self.days + day] == 0
    }

    /// Least and wanted days between shifts of two duties.
    pub fn gaps(&self, one: usize, other: usize) -> (i32, i32) {
        let (one, other) = (&self.instance.duties[one], &self.instance.duties[other]);
        (one.min_gap.min(other.min_gap), one.want_gap.min(other.want_gap))
    }

    /// When a slot starts and ends.
    pub fn instants(&self, slot: usize) -> (Timestamp, Timestamp) {
        let Slot { day, duty, .. } = self.slots[slot];
        let duty = &self.instance.duties[duty];
        let last = if duty.to_next_day { day.plus(1) } else { day };
        (instant_in(&duty.zone, day.date(), duty.from), instant_in(&duty.zone, last.date(), duty.to))
    }

    /// Whether a published shift must stay where its person is still free.
    pub fn is_frozen(&self, published: &Published) -> bool {
        published.is_pinned || self.instance.rules.freeze_until.is_some_and(|until| published.day <= until)
    }

    /// What it costs to change a published shift of `day`.
    pub fn change_cost(&self, day: Day) -> i64 {
        let rules = &self.instance.rules;
        let ahead = i64::from(day.0) - i64::from(self.instance.as_of.0);
        if ahead <= rules.near_days { rules.change_cost_near } else { rules.change_cost_far }
    }

    /// Whether `person` would rather not serve on `day`.
    pub fn avoids(&self, person: usize, day: Day) -> bool {
        let person = &self.instance.people[person];
        person.avoid_weekdays[usize::from(day.weekday())] || person.avoid_dates.contains(&day)
    }

    fn all_targets(&self) -> (Vec<i64>, Vec<i64>) {
        let (people, duties) = (self.people(), self.duties());
        let mut weights = vec![0_i128; people * duties];
        for (person, who) in self.instance.people.iter().enumerate() {
            for (slot, of) in self.slots.iter().enumerate() {
                if matches!(self.blocked(person, slot), None | Some(Static::LeaveGuard)) {
                    weights[person * duties + of.duty] += i128::from(who.weights[of.duty]);
                }
            }
        }
        let (mut targets, mut shares) = (vec![0; people * duties], vec![0; people * duties]);
        for duty in 0..duties {
            let present = (0..people).filter(|person| weights[person * duties + duty] > 0);
            let carried = |person: usize| i128::from(self.instance.people[person].carry[duty]);
            let points: i128 =
                self.slots.iter().filter(|slot| slot.duty == duty).map(|slot| i128::from(slot.points)).sum();
            let all = points + present.clone().map(carried).sum::<i128>();
            let sum: i128 = present.clone().map(|person| weights[person * duties + duty]).sum();
            let slots = self.slots.iter().filter(|slot| slot.duty == duty).count() as i128;
            for person in present {
                let weight = weights[person * duties + duty];
                shares[person * duties + duty] =
                    i64::try_from((1000 * weight * slots).div_euclid(sum)).unwrap_or(i64::MAX);
                let share = (1000 * weight * all).div_euclid(sum);
                targets[person * duties + duty] =
                    i64::try_from((share - 1000 * carried(person)).max(0)).unwrap_or(i64::MAX);
            }
        }
        (targets, shares)
    }
}

fn at_most(what: &'static str, number: i64, most: i64) -> Result<(), TooLarge> {
    if number > most { Err(TooLarge { what, number, most }) } else { Ok(()) }
}

fn slots(instance: &Instance) -> Result<Vec<Slot>, TooLarge> {
    let mut slots = Vec::new();
    for day in (instance.first.0..=instance.last.0).map(Day) {
        for (duty, of) in instance.duties.iter().enumerate() {
            let closed = of.closed.as_ref().and_then(|name| instance.calendars.get(name));
            let runs = of.weekdays[usize::from(day.weekday())] && closed.is_none_or(|dates| !dates.contains(&day));
            if runs && !instance.settled.contains(&(day, duty)) {
                slots.push(Slot { day, duty, points: points(instance, day, duty) });
            }
        }
        at_most("slots", i64::try_from(slots.len()).unwrap_or(i64::MAX), MOST_SLOTS)?;
    }
    Ok(slots)
}

fn points(instance: &Instance, day: Day, duty: usize) -> i64 {
    let points = &instance.rules.points;
    let mut heaviest = points.normal;
    match day.weekday() {
        5 => heaviest = heaviest.max(points.friday),
        6 | 7 => heaviest = heaviest.max(points.weekend),
        _ => {}
    }
    let closed = instance.duties[duty].closed.as_ref().and_then(|name| instance.calendars.get(name));
    let beside = |step: i32| {
        let mut next = day.plus(step);
        while next.weekday() >= 6 {
            next = next.plus(step);
        }
        closed.is_some_and(|dates| dates.contains(&next))
    };
    if beside(-1) || beside(1) { heaviest.max(points.bridge) } else { heaviest }
}

/// A day on which somebody works but for leave: day of the week and own holidays.
fn is_own_workday(instance: &Instance, person: &Person, day: Day) -> bool {
    let holidays = instance.calendars.get(&person.calendar);
    person.work_days[usize::from(day.weekday())] && holidays.is_none_or(|dates| !dates.contains(&day))
}

fn fill_away(instance: &Instance, person: &Person, away: &mut [u8]) {
    let holidays = instance.calendars.get(&person.calendar);
    for (day, code) in (instance.first.0..).map(Day).zip(&mut *away) {
        let (from, to) = person.employed;
        if day < from || to.is_some_and(|to| day > to) {
            *code = Static::NotEmployed as u8;
        } else if !person.work_days[usize::from(day.weekday())] {
            *code = Static::DayOff as u8;
        } else if holidays.is_some_and(|dates| dates.contains(&day)) {
            *code = Static::PublicHoliday as u8;
        }
    }
    let mut mark = |day: Day, reason: Static| {
        let place = usize::try_from(i64::from(day.0) - i64::from(instance.first.0)).ok();
        if let Some(code) =
            place.and_then(|place| away.get_mut(place)).filter(|code| **code == 0 || **code > reason as u8)
        {
            *code = reason as u8;
        }
    };
    for leave in &person.leave {
        for day in (leave.from.0.max(instance.first.0)..=leave.to.0.min(instance.last.0)).map(Day) {
            mark(day, Static::Leave);
        }
        if leave.kind == LeaveKind::Leave && is_guarded(instance, person, leave.from, leave.to) {
            for (start, step) in [(leave.from.plus(-1), -1), (leave.to.plus(1), 1)] {
                let beside = std::iter::successors(Some(start), |day| Some(day.plus(step))).take(GUARD_REACH);
                if let Some(day) = beside.into_iter().find(|day| is_own_workday(instance, person, *day)) {
                    mark(day, Static::LeaveGuard);
                }
            }
        }
    }
}

/// Whether a leave has so many own working days that the days beside it are guarded.
fn is_guarded(instance: &Instance, person: &Person, from: Day, to: Day) -> bool {
    let least = instance.rules.leave_guard_min_workdays;
    // Somebody without working days would be counted through to the end of time.
    let reach = if person.work_days.contains(&true) { LEAVE_REACH } else { 0 };
    let own = (from.0..=to.0).map(Day).take(reach).filter(|day| is_own_workday(instance, person, *day));
    let enough = usize::try_from(least).unwrap_or_default();
    own.take(enough).count() == enough
}

fn deadline(instance: &Instance, person: &Person) -> Option<Day> {
    if !person.is_new() {
        return None;
    }
    let nth = usize::try_from(instance.rules.joiner_deadline_workdays).ok().and_then(|n| n.checked_sub(1))?;
    let days = (0..DEADLINE_REACH).map(|n| person.employed.0.plus(i32::try_from(n).unwrap_or_default()));
    let nth = days.filter(|day| is_own_workday(instance, person, *day)).nth(nth);
    nth.filter(|day| *day <= instance.last)
}
