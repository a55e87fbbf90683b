//! The team's own instance: the roster, what was served and what people have seen, in the planner's terms.
//!
//! The one door from the product to the planner. What people rely on stays where it can: the coming days, what they agreed among
//! themselves, and what the roster says.

use super::day::Day;
use super::facts::{Facts, TooLarge};
use super::instance::{Duty, Instance, Leave, LeaveKind, Person, Points, Published, Rules, Served};
use crate::ids::{DutyId, EngineerId};
use crate::roster::{self, Engineer, Gaps, Roster, Weekdays};
use crate::schedule::{self, Known, ShiftOrigin};
use jiff::civil::{Date, Time};
use std::collections::{BTreeMap, BTreeSet};

/// The coming days that no plan changes while whoever serves them can.
const FROZEN_DAYS: i32 = 7;
/// Days of the past over which load is evened out.
pub const MEMORY_DAYS: i32 = 182;
/// From so many own working days on, the days beside a leave are nobody's turn.
const LEAVE_GUARD: i64 = 3;
/// Own working days within which somebody new serves.
const JOINER_DEADLINE: i64 = 10;
/// From so many turns on somebody can be a buddy.
const EXPERIENCED_FROM: usize = 3;
const POINTS: Points = Points { normal: 4, friday: 6, weekend: 8, bridge: 8 };

/// Which days are planned, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// The day on which the plan is made.
    pub as_of: Date,
    /// The first day that is planned, after `as_of`.
    pub first: Date,
    /// The last one.
    pub last: Date,
}

/// What one engineer did for one duty over some days, and what their share would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Of which duty.
    pub duty: DutyId,
    /// Who.
    pub engineer: EngineerId,
    /// Turns.
    pub shifts: u32,
    /// What they weigh.
    pub points: i64,
    /// Thousandths of points: the share of everybody's work, by the days on which they were there.
    pub share_milli: i64,
}

/// Days, and who serves them.
pub type Turns = BTreeMap<DutyId, BTreeMap<Date, EngineerId>>;

/// The instance of all duties over `horizon`, in which only those of `planned` change.
///
/// # Errors
/// It is too large to be planned at once.
pub fn instance(
    roster: &Roster,
    known: &BTreeMap<DutyId, Known<'_>>,
    planned: &BTreeSet<DutyId>,
    horizon: &Horizon,
) -> Result<Instance, TooLarge> {
    let mut plan = empty(roster, horizon);
    let mut done = Turns::new();
    let mut kept = Vec::new();
    for (index, duty) in in_order(roster).into_iter().enumerate() {
        let known = known.get(&duty.id).copied().unwrap_or(Known::NOTHING);
        let before = schedule::plan(roster, duty, known, horizon.as_of, horizon.first.yesterday().unwrap_or(Date::MIN));
        let served = known.served.iter().map(|(day, engineer)| (*day, engineer.clone()));
        let served = served.filter(|(day, _)| *day < horizon.as_of);
        let before = before.into_iter().filter_map(|shift| Some((shift.day, shift.engineer?)));
        let served: BTreeMap<Date, EngineerId> = served.chain(before).collect();
        for (day, engineer) in &served {
            if let Some(person) = plan.people.iter_mut().find(|person| person.id == engineer.as_str()) {
                person.history.push(Served { day: Day::of(*day), duty: index });
            }
        }
        done.insert(duty.id.clone(), served);
        let is_frozen = |day: &Date| *day <= horizon.as_of.saturating_add(jiff::Span::new().days(FROZEN_DAYS));
        for (day, planned) in known.published.range(horizon.first..).take_while(|(day, _)| is_frozen(day)) {
            let is_buddy =
                |person: &&mut Person| planned.buddy.as_ref().is_some_and(|buddy| buddy.as_str() == person.id);
            if let Some(person) = plan.people.iter_mut().find(is_buddy) {
                let day = Day::of(*day);
                person.leave.push(Leave { from: day, to: day, kind: LeaveKind::Sick });
            }
        }
        let seen = seen(roster, duty, known, horizon, planned.contains(&duty.id));
        kept.extend(seen.into_iter().filter_map(|(day, engineer, hold)| {
            let person = plan.people.iter().position(|person| person.id == engineer.as_str())?;
            Some((Published { day: Day::of(day), duty: index, person, is_pinned: hold != Hold::Seen }, hold))
        }));
    }
    for person in &mut plan.people {
        person.history.sort_unstable();
    }
    let mut kept = on_one_duty(kept);
    kept.sort_by_key(|published| (published.day, published.duty));
    settle_what_clashes(&mut plan, &mut kept, &mut done);
    plan.published = kept;
    note_experience(&mut plan, roster);
    let from = horizon.as_of.saturating_sub(jiff::Span::new().days(MEMORY_DAYS));
    for account in accounts(roster, &done, from, horizon.last)? {
        let duty = plan.duties.iter().position(|duty| duty.id == account.duty.as_str());
        let person = plan.people.iter_mut().find(|person| person.id == account.engineer.as_str());
        if let (Some(duty), Some(person)) = (duty, person) {
            // Whole points: what is left of half of one evens out with the next plan.
            person.carry[duty] = (account.points * 1000 - account.share_milli + 500).div_euclid(1000);
        }
    }
    Ok(plan)
}

/// What everybody did of `turns` between two days, both included, against their share of it.
///
/// # Errors
/// There are too many people and days.
pub fn accounts(roster: &Roster, turns: &Turns, from: Date, to: Date) -> Result<Vec<Account>, TooLarge> {
    let mut past = empty(roster, &Horizon { as_of: to, first: from, last: to });
    let duties = in_order(roster);
    let days = (past.first.0..=past.last.0).map(Day);
    let nobodys = days.flat_map(|day| (0..duties.len()).map(move |duty| (day, duty)));
    past.settled = nobodys
        .filter(|(day, duty)| !turns.get(&duties[*duty].id).is_some_and(|of| of.contains_key(&day.date())))
        .collect();
    let facts = Facts::new(past)?;
    let mut accounts = Vec::new();
    for (index, duty) in duties.iter().enumerate() {
        for (person, who) in facts.instance.people.iter().enumerate() {
            if who.weights[index] == 0 {
                continue;
            }
            let mut account = Account {
                duty: duty.id.clone(),
                engineer: EngineerId::new(&*who.id),
                shifts: 0,
                points: 0,
                share_milli: facts.targets[person * facts.duties() + index],
            };
            for slot in facts.slots.iter().filter(|slot| slot.duty == index) {
                if turns[&duty.id].get(&slot.day.date()).is_some_and(|served| served.as_str() == who.id) {
                    account.shifts += 1;
                    account.points += slot.points;
                }
            }
            accounts.push(account);
        }
    }
    Ok(accounts)
}

/// What one engineer did and will do of one duty, against their share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Who.
    pub engineer: EngineerId,
    /// Turns that were served.
    pub done: u32,
    /// Turns to come.
    pub planned: u32,
    /// Thousandths of points above the share; negative below.
    pub over_milli: i64,
}

/// Everybody's part of `duty` between two days, both included: what was served, and from `today` on what is planned. Who does most comes first.
///
/// # Errors
/// There are too many people and days.
pub fn parts(
    roster: &Roster,
    duty: &roster::Duty,
    known: Known<'_>,
    (from, to): (Date, Date),
    today: Date,
) -> Result<Vec<Part>, TooLarge> {
    let mut turns: BTreeMap<Date, EngineerId> =
        known.served.range(from..=to).map(|(day, engineer)| (*day, engineer.clone())).collect();
    let done: BTreeSet<Date> = turns.keys().copied().collect();
    for shift in schedule::plan(roster, duty, known, today.max(from), to) {
        if let Some(engineer) = shift.engineer {
            turns.entry(shift.day).or_insert(engineer);
        }
    }
    let all = Turns::from([(duty.id.clone(), turns.clone())]);
    let accounts = accounts(roster, &all, from, to)?.into_iter().filter(|account| account.duty == duty.id);
    let part = |account: Account| {
        let theirs = turns.iter().filter(|(_, engineer)| **engineer == account.engineer);
        let done = theirs.filter(|(day, _)| done.contains(day)).count() as u32;
        Part {
            done,
            planned: account.shifts.saturating_sub(done),
            over_milli: account.points * 1000 - account.share_milli,
            engineer: account.engineer,
        }
    };
    let mut parts: Vec<Part> = accounts.map(part).collect();
    parts.sort_by(|a, b| b.over_milli.cmp(&a.over_milli).then_with(|| a.engineer.cmp(&b.engineer)));
    Ok(parts)
}

/// Duties in the order of their names, as an instance has them.
fn in_order(roster: &Roster) -> Vec<&roster::Duty> {
    let mut duties: Vec<&roster::Duty> = roster.duties.iter().collect();
    duties.sort_by(|a, b| a.id.cmp(&b.id));
    duties
}

/// People, duties and rules, and nothing that happened.
fn empty(roster: &Roster, horizon: &Horizon) -> Instance {
    let duties = in_order(roster);
    let mut calendars = BTreeMap::new();
    for duty in &duties {
        calendars.insert(closed(duty), duty.holidays.keys().map(|day| Day::of(*day)).collect());
    }
    let members: BTreeSet<&EngineerId> = duties.iter().flat_map(|duty| &duty.members).collect();
    let mut people = Vec::new();
    for engineer in members.into_iter().filter_map(|id| roster.engineers.get(id)) {
        let calendar = format!("of engineer {}", engineer.id);
        calendars.insert(calendar.clone(), engineer.holidays.keys().map(|day| Day::of(*day)).collect());
        people.push(person(engineer, calendar, &duties));
    }
    Instance {
        name: "team".to_owned(),
        as_of: Day::of(horizon.as_of),
        first: Day::of(horizon.first),
        last: Day::of(horizon.last),
        calendars,
        duties: duties.iter().map(|duty| planned_duty(duty, roster, horizon)).collect(),
        people,
        published: Vec::new(),
        settled: BTreeSet::new(),
        rules: Rules {
            points: POINTS,
            leave_guard_min_workdays: LEAVE_GUARD,
            joiner_deadline_workdays: JOINER_DEADLINE,
            fair_tolerance_milli: 1000 * POINTS.normal / 2,
            near_days: i64::from(schedule::NEAR_DAYS),
            change_cost_near: 3,
            change_cost_far: 1,
            freeze_until: None,
            require_instants: false,
            require_explanations: false,
        },
    }
}

fn closed(duty: &roster::Duty) -> String {
    format!("of duty {}", duty.id)
}

fn planned_duty(duty: &roster::Duty, roster: &Roster, horizon: &Horizon) -> Duty {
    let stays = |id: &&EngineerId| roster.engineers.get(*id).is_some_and(|who| !who.has_left(horizon.first));
    let members = i32::try_from(duty.members.iter().filter(stays).count()).unwrap_or(i32::MAX);
    let (min_gap, want_gap) = distances(members, duty.gaps);
    Duty {
        id: duty.id.to_string(),
        zone: duty.zone.clone(),
        from: duty.starts,
        to: if duty.ends == Time::MAX { Time::MIN } else { duty.ends },
        to_next_day: duty.ends == Time::MAX,
        weekdays: weekdays(duty.working_days),
        closed: Some(closed(duty)),
        // Whoever is a member has it; the roster is refused otherwise.
        requires: None,
        min_gap,
        want_gap,
    }
}

/// Least and wanted days between turns of one of so many members, where the roster does not say them.
pub(super) fn distances(members: i32, said: Gaps) -> (i32, i32) {
    // A quarter of a round and more than half of one, in calendar days of a week of five working days.
    let usual = members.saturating_mul(7) / 20;
    let least = said.least.map_or(usual.clamp(if members < 4 { 1 } else { 2 }, 60), i32::from);
    (least, said.wanted.map_or((members.saturating_mul(4) / 5).min(180), i32::from).max(least))
}

fn person(engineer: &Engineer, calendar: String, duties: &[&roster::Duty]) -> Person {
    let is_member = |duty: &&roster::Duty| duty.members.contains(&engineer.id);
    let own = duties.iter().filter(|duty| is_member(duty)).flat_map(|duty| duty.working_days.iter());
    Person {
        id: engineer.id.to_string(),
        calendar,
        employed: (engineer.joined.map_or(Day(0), Day::of), engineer.left.map(Day::of)),
        work_days: weekdays(engineer.working_days.unwrap_or_else(|| own.collect())),
        weights: duties.iter().map(|duty| if is_member(duty) { i64::from(engineer.share) * 10 } else { 0 }).collect(),
        skills: BTreeSet::new(),
        leave: engineer
            .leave
            .iter()
            .map(|leave| Leave { from: Day::of(leave.from), to: Day::of(leave.to), kind: planned_kind(leave.kind) })
            .collect(),
        avoid_dates: engineer.avoid.dates.iter().map(|day| Day::of(*day)).collect(),
        avoid_weekdays: weekdays(engineer.avoid.weekdays),
        history: Vec::new(),
        carry: vec![0; duties.len()],
        joiner: false,
        experienced: false,
    }
}

fn planned_kind(kind: roster::LeaveKind) -> LeaveKind {
    match kind {
        roster::LeaveKind::Planned => LeaveKind::Leave,
        roster::LeaveKind::Long => LeaveKind::Long,
        roster::LeaveKind::Sick => LeaveKind::Sick,
    }
}

fn weekdays(days: Weekdays) -> [bool; 8] {
    let mut all = [false; 8];
    for day in days.iter() {
        all[day.to_monday_one_offset() as usize] = true;
    }
    all
}

/// How fast a shift that people have seen is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// It moves where that is better.
    Seen,
    /// It is one of the coming days.
    Frozen,
    /// People or the roster said so, or its duty is not planned.
    Agreed,
}

/// The shifts of the horizon that people have seen, and whether they stay whatever is planned; those of a duty that is not planned all
/// do.
fn seen(
    roster: &Roster,
    duty: &roster::Duty,
    known: Known<'_>,
    horizon: &Horizon,
    is_planned: bool,
) -> Vec<(Date, EngineerId, Hold)> {
    let ahead = |days: i32| horizon.as_of.saturating_add(jiff::Span::new().days(days));
    let (frozen, near) = (ahead(FROZEN_DAYS), ahead(schedule::NEAR_DAYS));
    let shown = schedule::plan(roster, duty, known, horizon.first, horizon.last);
    let seen = shown.into_iter().filter_map(|shift| {
        let is_agreed = matches!(shift.origin, ShiftOrigin::Covered { .. } | ShiftOrigin::Override { .. });
        // Whoever was published and is away leaves a hole, not the one whom the rotation shows in it.
        let published = known.published.get(&shift.day).filter(|_| is_planned && !is_agreed);
        let is_hole = published.is_some_and(|published| Some(&published.engineer) != shift.engineer.as_ref());
        let counts = is_agreed || !is_planned || published.is_some() || shift.day <= near;
        let engineer = published.map(|published| published.engineer.clone()).or(shift.engineer)?;
        let hold = match shift.day <= frozen && !is_hole {
            _ if is_agreed || !is_planned => Hold::Agreed,
            true => Hold::Frozen,
            false => Hold::Seen,
        };
        counts.then_some((shift.day, engineer, hold))
    });
    seen.collect()
}

/// Rotations know nothing of each other: a near day on which both have the same person is planned anew.
fn on_one_duty(kept: Vec<(Published, Hold)>) -> Vec<Published> {
    let mut held: BTreeMap<(Day, usize), usize> = BTreeMap::new();
    for (turn, _) in kept.iter().filter(|(turn, _)| turn.is_pinned) {
        *held.entry((turn.day, turn.person)).or_default() += 1;
    }
    let is_twice = |turn: &Published| held.get(&(turn.day, turn.person)).is_some_and(|times| *times > 1);
    kept.into_iter()
        .map(|(turn, hold)| Published {
            is_pinned: turn.is_pinned && !(hold == Hold::Frozen && is_twice(&turn)),
            ..turn
        })
        .collect()
}

/// Takes what stays and is too near to another turn of the same person out of the plan: people agreed on it, and no plan could hold
/// the least distance there. Nothing else of theirs is planned beside it.
fn settle_what_clashes(plan: &mut Instance, kept: &mut Vec<Published>, done: &mut Turns) {
    let ids: Vec<DutyId> = plan.duties.iter().map(|duty| DutyId::new(&*duty.id)).collect();
    for (index, person) in plan.people.iter_mut().enumerate() {
        let gap = |duty: usize| plan.duties[duty].min_gap;
        let pinned = |published: &&Published| published.is_pinned && published.person == index;
        let turns: Vec<(Day, usize, bool)> = (person.history.iter().map(|past| (past.day, past.duty, false)))
            .chain(kept.iter().filter(pinned).map(|turn| (turn.day, turn.duty, true)))
            .collect();
        let clashes = |(day, duty, _): &(Day, usize, bool)| {
            let is_near = |other: &(Day, usize, bool)| {
                (other.0, other.1) != (*day, *duty) && (other.0.0 - day.0).abs() < gap(*duty).min(gap(other.1)).max(1)
            };
            turns.iter().any(is_near)
        };
        let settled: Vec<(Day, usize)> =
            turns.iter().filter(|turn| turn.2 && clashes(turn)).map(|(day, duty, _)| (*day, *duty)).collect();
        let beside = (0..plan.duties.len()).filter(|duty| person.weights[*duty] > 0).map(gap).min().unwrap_or(1) - 1;
        for (day, duty) in settled {
            person.leave.push(Leave { from: day.plus(-beside), to: day.plus(beside), kind: LeaveKind::Sick });
            plan.settled.insert((day, duty));
            done.entry(ids[duty].clone()).or_default().insert(day.date(), EngineerId::new(&*person.id));
        }
    }
    kept.retain(|turn| !plan.settled.contains(&(turn.day, turn.duty)));
}

/// Who is new, and who can be beside them.
fn note_experience(plan: &mut Instance, roster: &Roster) {
    let is_pinned = |person: usize| plan.published.iter().any(|turn| turn.is_pinned && turn.person == person);
    let decided: Vec<bool> = (0..plan.people.len()).map(is_pinned).collect();
    for (person, is_decided) in plan.people.iter_mut().zip(decided) {
        let engineer = roster.engineers.get(person.id.as_str());
        let began = roster.duties.iter().filter(|duty| duty.members.iter().any(|id| id.as_str() == person.id));
        let joined = engineer.and_then(|engineer| engineer.joined);
        let came_later =
            joined.is_some_and(|joined| began.map(|duty| duty.since).min().is_some_and(|since| joined > since));
        // Whoever has a first turn that stays needs no other first turn.
        person.joiner = came_later && person.history.is_empty() && !is_decided;
        person.experienced = !came_later || person.history.len() >= EXPERIENCED_FROM;
    }
}
