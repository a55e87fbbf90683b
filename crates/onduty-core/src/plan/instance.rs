//! What a plan is made from, as `onduty-schedule-instance/1` describes it.

use super::day::Day;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// Duties, people and rules over a stretch of days. People and duties are named by their place in the lists.
#[derive(Debug, Clone)]
pub struct Instance {
    /// What it is called.
    pub name: String,
    /// The day on which the plan is made.
    pub as_of: Day,
    /// The first day that is planned.
    pub first: Day,
    /// The last day that is planned.
    pub last: Day,
    /// Public holidays by the name of their calendar.
    pub calendars: BTreeMap<String, BTreeSet<Day>>,
    /// Duties in the order of their names, because slots of one day stand in that order.
    pub duties: Vec<Duty>,
    /// People in the order of the file.
    pub people: Vec<Person>,
    /// The plan that people have already seen.
    pub published: Vec<Published>,
    /// Days of duties that are settled, whoever serves them: no slots.
    pub settled: BTreeSet<(Day, usize)>,
    /// How strictly, and what costs how much.
    pub rules: Rules,
}

/// A rotating role.
#[derive(Debug, Clone)]
pub struct Duty {
    /// Its name.
    pub id: String,
    /// Where its clock hangs.
    pub zone: TimeZone,
    /// When a shift begins, on that clock.
    pub from: Time,
    /// When it ends.
    pub to: Time,
    /// It ends on the next date.
    pub to_next_day: bool,
    /// Served on these days of the week; `weekdays[1]` is Monday.
    pub weekdays: [bool; 8],
    /// The calendar on whose dates it does not run.
    pub closed: Option<String>,
    /// The skill that it needs.
    pub requires: Option<String>,
    /// Two shifts of one person are at least so many days apart.
    pub min_gap: i32,
    /// They had better be so many days apart.
    pub want_gap: i32,
}

/// Somebody who can serve.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their name.
    pub id: String,
    /// The calendar of their own public holidays.
    pub calendar: String,
    /// First and last day of employment.
    pub employed: (Day, Option<Day>),
    /// Days of the week on which they work; `work_days[1]` is Monday.
    pub work_days: [bool; 8],
    /// Weight in permille by duty; 0 is no member.
    pub weights: Vec<i64>,
    /// What they can do.
    pub skills: BTreeSet<String>,
    /// When they are away.
    pub leave: Vec<Leave>,
    /// Dates on which they would rather not serve.
    pub avoid_dates: BTreeSet<Day>,
    /// Days of the week on which they would rather not serve.
    pub avoid_weekdays: [bool; 8],
    /// Shifts before this plan, in the order of their days.
    pub history: Vec<Served>,
    /// Points by duty that they did more than their share before.
    pub carry: Vec<i64>,
    /// Never on duty yet.
    pub joiner: bool,
    /// May be a buddy.
    pub experienced: bool,
}

impl Person {
    /// Whether their first shift needs a buddy.
    pub fn is_new(&self) -> bool {
        self.joiner && self.history.is_empty()
    }
}

/// A stretch of days on which somebody is away.
#[derive(Debug, Clone, Copy)]
pub struct Leave {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// Why; only planned leave has a guard around it.
    pub kind: LeaveKind,
}

/// Why somebody is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveKind {
    /// Planned.
    Leave,
    /// Planned, for weeks.
    Long,
    /// Ill.
    Sick,
}

/// A past shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// When.
    pub day: Day,
    /// Of which duty.
    pub duty: usize,
}

/// A shift that people have seen.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// When.
    pub day: Day,
    /// Of which duty.
    pub duty: usize,
    /// Whose.
    pub person: usize,
    /// It stays where its person is free, as on a frozen day.
    pub is_pinned: bool,
}

/// How strictly, and what costs how much.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How heavy days are.
    pub points: Points,
    /// From so many own working days on a leave has a guard.
    pub leave_guard_min_workdays: i64,
    /// A joiner serves within so many own working days.
    pub joiner_deadline_workdays: i64,
    /// Thousandths of a point by which a load may differ from its target for nothing.
    pub fair_tolerance_milli: i64,
    /// A change within so many days costs more.
    pub near_days: i64,
    /// … this much.
    pub change_cost_near: i64,
    /// What a later change costs.
    pub change_cost_far: i64,
    /// Published shifts up to this day stay.
    pub freeze_until: Option<Day>,
    /// Solutions must say when shifts begin and end.
    pub require_instants: bool,
    /// Solutions must say why a slot has nobody.
    pub require_explanations: bool,
}

/// How heavy days are.
#[derive(Debug, Clone, Copy)]
pub struct Points {
    /// Any other day.
    pub normal: i64,
    /// Fridays.
    pub friday: i64,
    /// Saturdays and Sundays.
    pub weekend: i64,
    /// Days beside a holiday.
    pub bridge: i64,
}
