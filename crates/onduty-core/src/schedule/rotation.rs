//! The queue, week by week: who is due, and what overrides and the log book change about it.

use super::week::{self, Turn};
use super::{Known, Planned, Shift, ShiftOrigin};
use crate::calendar;
use crate::ids::EngineerId;
use crate::roster::{Duty, Engineer, Roster};
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// The rotation of one duty as it stands at the start of a week.
pub struct Rotation<'a> {
    roster: &'a Roster,
    duty: &'a Duty,
    known: Known<'a>,
    members: Vec<&'a Engineer>,
    state: State,
}

/// What the past left behind. Members are known by their index here.
#[derive(Default)]
pub struct State {
    /// Whose turn is next, first.
    pub queue: Vec<usize>,
    /// What each member served so far.
    pub records: Vec<ServiceRecord>,
    /// Working days so far.
    pub days: u32,
}

/// What one member served so far.
#[derive(Clone, Copy, Default)]
pub struct ServiceRecord {
    /// How often, by day of the week from Monday.
    pub by_weekday: [u32; 7],
    /// The last time, counted in working days of the duty.
    pub last: Option<u32>,
}

impl State {
    /// `member` serves a day of this kind, `number` working days after the start.
    fn note(&mut self, member: usize, weekday: Weekday, number: u32) {
        let record = &mut self.records[member];
        record.by_weekday[weekday.to_monday_zero_offset() as usize] += 1;
        record.last = Some(number);
    }

    /// Who served in a week goes to the end of the queue, in the order of the queue; who served twice goes there twice.
    ///
    /// Not in the order of the days: those are exchanged to spread the days of the week, and somebody who had one
    /// turn more than others could come to stand in front of them.
    pub fn requeue(&mut self, mut served: Vec<usize>) {
        while !served.is_empty() {
            let (back, front): (Vec<usize>, Vec<usize>) = self.queue.iter().partition(|m| served.contains(m));
            for member in &back {
                if let Some(place) = served.iter().position(|served| served == member) {
                    served.swap_remove(place);
                }
            }
            // Members who have not joined yet are not in the queue, whatever the log book says about them.
            if back.is_empty() {
                return;
            }
            self.queue = front;
            self.queue.extend(back);
        }
    }
}

/// Somebody whom the calculation does not choose: from an override or the log book.
struct Pin<'a> {
    engineer: &'a EngineerId,
    from: PinnedBy<'a>,
}

/// Who says so.
#[derive(Clone, Copy)]
enum PinnedBy<'a> {
    LogBook,
    Cover,
    Roster,
    Plan(&'a Planned),
}

/// A working day of the week while it is planned.
struct Draft<'a> {
    turn: Turn,
    pin: Option<Pin<'a>>,
    /// Who serves in the end, when it is neither the turn nor the pin, and whose turn it was.
    exchanged: Option<(usize, usize)>,
}

impl<'a> Rotation<'a> {
    /// The rotation before its first week.
    pub fn new(roster: &'a Roster, duty: &'a Duty, known: Known<'a>) -> Rotation<'a> {
        let members: Vec<&Engineer> = duty.members.iter().filter_map(|id| roster.engineers.get(id)).collect();
        // Whoever joins later enters when they join.
        let queue = (0..members.len()).filter(|member| !joins_after(members[*member], duty.since)).collect();
        let records = vec![ServiceRecord::default(); members.len()];
        Rotation { roster, duty, known, members, state: State { queue, records, days: 0 } }
    }

    /// Plays the week that starts on `monday` and tells who serves it.
    pub fn week(&mut self, monday: Date) -> Vec<Shift> {
        let sunday = monday.saturating_add(6.days());
        self.let_joiners_in(monday, sunday);
        let days: Vec<Date> = calendar::working_days(self.duty, monday.max(self.duty.since), sunday).collect();
        let turns = week::turns(&self.state, &self.members, &days);
        let mut drafts: Vec<Draft<'a>> =
            turns.into_iter().map(|turn| Draft { pin: self.pin(turn.day), turn, exchanged: None }).collect();
        self.exchange(&mut drafts);

        let shifts = drafts.iter().map(|draft| self.shift(draft)).collect();
        self.remember(monday, sunday, &drafts);
        shifts
    }

    /// A joiner is last in the queue in the first week and first in it from the second, until the first turn: so that
    /// they watch others before they serve, and serve within two weeks, once.
    fn let_joiners_in(&mut self, monday: Date, sunday: Date) {
        let mut first = Vec::new();
        for (member, engineer) in self.members.iter().enumerate() {
            if !joins_after(engineer, self.duty.since) {
                continue;
            }
            let joined = engineer.joined.unwrap_or(self.duty.since);
            let queued = self.state.queue.contains(&member);
            if joined <= sunday && !queued {
                self.state.queue.push(member);
            }
            let second_week = joined < monday && joined >= monday.saturating_sub(7.days());
            if second_week && self.state.records[member].last.is_none() {
                first.push(member);
            }
        }
        if !first.is_empty() {
            self.state.queue.retain(|member| !first.contains(member));
            self.state.queue.splice(0..0, first);
        }
    }

    /// Who serves `day` whatever the calculation says: the log book first, then who covers, then the roster's override, then the
    /// published plan. Whoever is away is not on duty, whatever was agreed before.
    fn pin(&self, day: Date) -> Option<Pin<'a>> {
        if let Some(engineer) = self.known.served.get(&day) {
            return Some(Pin { engineer, from: PinnedBy::LogBook });
        }
        let pin = |id: &EngineerId, from: PinnedBy<'a>| {
            let engineer = self.roster.engineers.get(id).filter(|engineer| engineer.is_at_work(day))?;
            Some(Pin { engineer: &engineer.id, from })
        };
        let cover = self.known.covers.get(&day).and_then(|cover| pin(&cover.engineer, PinnedBy::Cover));
        let or_override = cover.or_else(|| pin(self.duty.overrides.get(&day)?, PinnedBy::Roster));
        or_override.or_else(|| {
            let planned = self.planned(day)?;
            pin(&planned.engineer, PinnedBy::Plan(planned))
        })
    }

    /// The published plan of `day`; whoever is no member any more is not planned.
    fn planned(&self, day: Date) -> Option<&'a Planned> {
        self.known.published.get(&day).filter(|planned| self.member(&planned.engineer).is_some())
    }

    /// Whose day it was before people or the roster said otherwise: of the plan, or in the rotation.
    fn turn_of(&self, draft: &Draft<'_>) -> Option<EngineerId> {
        let planned = self.planned(draft.turn.day).map(|planned| planned.engineer.clone());
        planned.or_else(|| draft.turn.member.map(|member| self.members[member].id.clone()))
    }

    /// Somebody who serves a day that was not theirs gives up their own day of the same week: the one they replaced
    /// takes it, or else the next in the queue.
    fn exchange(&self, drafts: &mut [Draft<'a>]) {
        for pinned in 0..drafts.len() {
            let Some(pin) = &drafts[pinned].pin else { continue };
            let Some(member) = self.member(pin.engineer) else { continue };
            let replaced = drafts[pinned].turn.member;
            if replaced == Some(member) {
                continue;
            }
            let own =
                drafts.iter().position(|d| d.pin.is_none() && d.exchanged.is_none() && d.turn.member == Some(member));
            let Some(own) = own else { continue };
            let day = drafts[own].turn.day;
            let is_free = |member: usize| {
                self.members[member].is_at_work(day) && !drafts.iter().any(|draft| self.serves(draft, member))
            };
            let next = replaced.into_iter().chain(self.state.queue.iter().copied()).find(|member| is_free(*member));
            if let Some(next) = next {
                drafts[own].exchanged = Some((next, member));
            }
        }
    }

    fn serves(&self, draft: &Draft<'_>, member: usize) -> bool {
        match (&draft.pin, draft.exchanged) {
            (Some(pin), _) => self.members[member].id == *pin.engineer,
            (None, Some((instead, _))) => instead == member,
            (None, None) => draft.turn.member == Some(member),
        }
    }

    fn shift(&self, draft: &Draft<'_>) -> Shift {
        let id = |member: usize| self.members[member].id.clone();
        let turn = &draft.turn;
        let (engineer, origin) = match (&draft.pin, draft.exchanged, turn.member) {
            (Some(pin), ..) => {
                let instead_of = self.turn_of(draft).filter(|turn| turn != pin.engineer);
                let origin = match pin.from {
                    PinnedBy::LogBook => ShiftOrigin::Served,
                    PinnedBy::Cover => ShiftOrigin::Covered { instead_of },
                    PinnedBy::Roster => ShiftOrigin::Override { instead_of },
                    PinnedBy::Plan(planned) => {
                        ShiftOrigin::Published { buddy: planned.buddy.clone(), shadow: planned.shadow.clone() }
                    }
                };
                (Some(pin.engineer.clone()), origin)
            }
            (None, Some((member, with)), _) => (Some(id(member)), ShiftOrigin::Exchanged { with: id(with) }),
            (None, None, None) => (None, ShiftOrigin::Nobody),
            (None, None, Some(member)) => {
                let other = turn.in_order.filter(|in_order| *in_order != member);
                let origin = other.map_or(ShiftOrigin::Scheduled, |other| ShiftOrigin::Spread { in_order: id(other) });
                (Some(id(member)), origin)
            }
        };
        Shift { day: turn.day, engineer, origin }
    }

    /// Counts what was served in this week; also by those who served a day that has become a holiday since.
    fn remember(&mut self, monday: Date, sunday: Date, drafts: &[Draft<'a>]) {
        let start = self.state.days;
        let mut served: Vec<(Date, u32, usize)> = Vec::new();
        for (number, draft) in (start..).zip(drafts) {
            let member = match (&draft.pin, draft.exchanged) {
                (Some(pin), _) => self.member(pin.engineer),
                (None, Some((member, _))) => Some(member),
                (None, None) => draft.turn.member,
            };
            served.extend(member.map(|member| (draft.turn.day, number, member)));
        }
        for (day, engineer) in self.known.served.range(monday.max(self.duty.since)..=sunday) {
            if !drafts.iter().any(|draft| draft.turn.day == *day) {
                let number = start + drafts.iter().filter(|draft| draft.turn.day < *day).count() as u32;
                served.extend(self.member(engineer).map(|member| (*day, number, member)));
            }
        }
        served.sort_unstable();
        for (day, number, member) in &served {
            self.state.note(*member, day.weekday(), *number);
        }
        self.state.requeue(served.into_iter().map(|(.., member)| member).collect());
        self.state.days += drafts.len() as u32;
    }

    fn member(&self, id: &EngineerId) -> Option<usize> {
        self.members.iter().position(|member| member.id == *id)
    }
}

fn joins_after(engineer: &Engineer, since: Date) -> bool {
    engineer.joined.is_some_and(|joined| joined > since)
}
