//! Who serves which day, as people say it: covers, plans that count, and swaps.
//!
//! All of it is on the board, so that a replay has it; `schedule` says what follows from it. That nobody serves two duties at once is
//! the server's to check: a board knows one duty.

use super::act::Actor;
use super::{ActionRefused, Board, Rules, ShiftMove, ShiftOffer};
use crate::calendar;
use crate::ids::EngineerId;
use crate::logbook::{Event, MovedShift};
use crate::roster::ToldLeave;
use crate::schedule::{self, Cover, Planned, Shift};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use std::collections::{BTreeMap, BTreeSet};

/// Days of covers and plans that are kept: more than a year behind and a year ahead, so that none of a coming day is lost.
const KEPT_DAYS: usize = 800;
/// Moves that wait for people to see them.
const KEPT_MOVES: usize = 1_000;

impl Actor<'_> {
    pub(super) fn cover(&mut self, day: Date, engineer: &EngineerId) -> Result<(), ActionRefused> {
        self.may_change(day)?;
        self.can_serve(day, engineer)?;
        if self.serves(day).as_ref() == Some(engineer) {
            return Err(ActionRefused::ServesAlready { engineer: engineer.clone(), day });
        }
        let instead_of = self.give(day, engineer)?;
        self.log(None, Event::Covered { day, engineer: engineer.clone(), instead_of });
        Ok(())
    }

    /// Lets `engineer` serve `day`, and tells whose turn it was.
    fn give(&mut self, day: Date, engineer: &EngineerId) -> Result<Option<EngineerId>, ActionRefused> {
        self.may_change(day)?;
        self.can_serve(day, engineer)?;
        let instead_of = self.serves(day);
        let cover = Cover { engineer: engineer.clone(), by: self.by.clone(), at: self.pass.draft.now };
        self.moving_around(day, |board| {
            board.covers.insert(day, cover);
            keep_newest(&mut board.covers);
            if let Some(running) = board.shift.as_mut().filter(|running| running.day == day) {
                running.engineer = Some(engineer.clone());
                board.served.insert(day, engineer.clone());
            }
        });
        Ok(instead_of)
    }

    pub(super) fn end_cover(&mut self, day: Date) -> Result<(), ActionRefused> {
        self.may_change(day)?;
        let board = &self.pass.draft.plan.board;
        if board.shift.as_ref().is_some_and(|running| running.day == day) {
            return Err(ActionRefused::ShiftBegan(day));
        }
        let Cover { engineer, .. } = board.covers.get(&day).cloned().ok_or(ActionRefused::NoCover(day))?;
        self.moving_around(day, |board| {
            board.covers.remove(&day);
        });
        let serves = self.serves(day);
        self.log(None, Event::CoverEnded { day, engineer, serves });
        Ok(())
    }

    pub(super) fn publish(
        &mut self,
        from: Date,
        until: Date,
        shifts: &BTreeMap<Date, Planned>,
    ) -> Result<(), ActionRefused> {
        let Rules { duty, .. } = self.pass.draft.rules;
        if from <= self.today() {
            return Err(ActionRefused::PlanTooEarly(from));
        }
        if until < from {
            return Err(ActionRefused::PlanBackwards { from, until });
        }
        self.is_within_a_year(until)?;
        for (day, planned) in shifts {
            if !duty.serves(*day) || !(from..=until).contains(day) {
                return Err(ActionRefused::NoShift(*day));
            }
            for engineer in planned.everybody() {
                self.can_serve(*day, engineer)?;
            }
        }
        let seen = schedule::relied_on_until(self.pass.draft.plan.board.known(), self.today()).min(until);
        let moved = self.moving(from, until, seen, |board| {
            board.published = schedule::replaced(duty, board.known(), (from, until), shifts);
            keep_newest(&mut board.published);
        });
        self.log(None, Event::PlanPublished { from, until, shifts: shifts.len() as u32, moved });
        Ok(())
    }

    /// The shifts of whoever is away are somebody else's by now; what a plan makes of it is seen before it counts.
    pub(super) fn tell_leave(
        &mut self,
        leave: &ToldLeave,
        ended: bool,
        moved: &[MovedShift],
    ) -> Result<(), ActionRefused> {
        self.note_moves(moved);
        let ToldLeave { engineer, from, to, .. } = leave.clone();
        // That somebody is ill is nobody's business in a book that many read.
        self.log(None, Event::LeaveTold { engineer, from, to, ended, moved: moved.to_vec() });
        Ok(())
    }

    pub(super) fn see_moves(&mut self, until: Timestamp) -> Result<(), ActionRefused> {
        let by = self.by.clone();
        let board = &mut self.pass.draft.plan.board;
        for moved in board.moves.iter_mut().filter(|moved| moved.at <= until) {
            moved.unseen.remove(&by);
        }
        board.moves.retain(|moved| !moved.unseen.is_empty());
        Ok(())
    }

    pub(super) fn offer_shift(
        &mut self,
        day: Date,
        to: Option<&EngineerId>,
        in_return: Option<Date>,
    ) -> Result<(), ActionRefused> {
        self.may_change(day)?;
        let engineer = self.serves(day).ok_or(ActionRefused::NothingToOffer(day))?;
        if let Some(to) = to {
            if *to == engineer {
                return Err(ActionRefused::OfferedToOneself(day));
            }
            self.can_serve(day, to)?;
        }
        if let Some(other) = in_return {
            self.may_change(other)?;
            self.can_serve(other, &engineer)?;
            let serves = self.serves(other);
            if serves.is_none()
                || serves.as_ref() == Some(&engineer)
                || to.is_some_and(|to| serves.as_ref() != Some(to))
            {
                let engineer = to.cloned().or(serves).unwrap_or(engineer);
                return Err(ActionRefused::NotTheirs { engineer, day: other });
            }
        }
        let offer = ShiftOffer {
            engineer: engineer.clone(),
            to: to.cloned(),
            in_return,
            by: self.by.clone(),
            at: self.pass.draft.now,
            taken_by: None,
        };
        let today = self.today();
        let board = &mut self.pass.draft.plan.board;
        board.offers.retain(|day, _| *day >= today);
        board.offers.insert(day, offer);
        self.log(None, Event::ShiftOffered { day, engineer, to: to.cloned(), in_return });
        Ok(())
    }

    pub(super) fn take_shift(&mut self, day: Date, engineer: &EngineerId) -> Result<(), ActionRefused> {
        let offer = self.offer(day)?;
        if offer.engineer == *engineer {
            return Err(ActionRefused::ServesAlready { engineer: engineer.clone(), day });
        }
        if let Some(engineer) = offer.taken_by {
            return Err(ActionRefused::TakenAlready { day, engineer });
        }
        if let Some(to) = offer.to.filter(|to| to != engineer) {
            return Err(ActionRefused::OfferedToAnother { day, to });
        }
        if let Some(day) = offer.in_return
            && self.serves(day).as_ref() != Some(engineer)
        {
            return Err(ActionRefused::NotTheirs { engineer: engineer.clone(), day });
        }
        if !self.pass.draft.rules.duty.agrees_to_swaps {
            return self.swap(day, engineer);
        }
        self.may_change(day)?;
        self.can_serve(day, engineer)?;
        if let Some(offer) = self.pass.draft.plan.board.offers.get_mut(&day) {
            offer.taken_by = Some(engineer.clone());
        }
        self.log(None, Event::ShiftTaken { day, engineer: engineer.clone() });
        Ok(())
    }

    pub(super) fn agree_to_swap(&mut self, day: Date) -> Result<(), ActionRefused> {
        let offer = self.offer(day)?;
        let engineer = offer.taken_by.ok_or(ActionRefused::NotTakenYet(day))?;
        if [&offer.engineer, &engineer].contains(&&self.by) {
            return Err(ActionRefused::OwnSwap);
        }
        self.swap(day, &engineer)
    }

    pub(super) fn end_offer(&mut self, day: Date) -> Result<(), ActionRefused> {
        let offer = self.pass.draft.plan.board.offers.remove(&day).ok_or(ActionRefused::NoOffer(day))?;
        self.log(None, Event::OfferEnded { day, engineer: offer.engineer });
        Ok(())
    }

    /// Both days change hands, or neither does.
    fn swap(&mut self, day: Date, engineer: &EngineerId) -> Result<(), ActionRefused> {
        let offer = self.offer(day)?;
        if let Some(other) = offer.in_return
            && self.serves(other).as_ref() != Some(engineer)
        {
            return Err(ActionRefused::NotTheirs { engineer: engineer.clone(), day: other });
        }
        self.give(day, engineer)?;
        // In the rotation the day that is given in return may have changed hands with the first; it is agreed all the same.
        if let Some(other) = offer.in_return {
            self.give(other, &offer.engineer)?;
        }
        self.pass.draft.plan.board.offers.remove(&day);
        let with = offer.engineer;
        self.log(None, Event::ShiftsSwapped { day, engineer: engineer.clone(), with, in_return: offer.in_return });
        Ok(())
    }

    /// The offer of a day, while the shift is still whose it was.
    fn offer(&self, day: Date) -> Result<ShiftOffer, ActionRefused> {
        let Rules { duty, roster, .. } = self.pass.draft.rules;
        self.pass.draft.plan.board.offer(roster, duty, day).cloned().ok_or(ActionRefused::NoOffer(day))
    }

    /// Changes who serves a day; other days of its week can move with it.
    fn moving_around(&mut self, day: Date, change: impl FnOnce(&mut Board)) {
        let (from, until) = (day.saturating_sub(6.days()).max(self.today()), day.saturating_add(6.days()));
        self.moving(from, until, until, change);
    }

    /// Changes the board. What moved by it from `from` to `seen` is told, and who has to know of it is noted: a later day was only a
    /// forecast, and nobody's yet.
    fn moving(&mut self, from: Date, until: Date, seen: Date, change: impl FnOnce(&mut Board)) -> Vec<MovedShift> {
        let before = self.shifts(from, until);
        change(&mut self.pass.draft.plan.board);
        let after = self.shifts(from, until);
        let mut moved = MovedShift::between(&before, &after);
        moved.retain(|moved| moved.day <= seen);
        self.note_moves(&moved);
        moved
    }

    /// Of people who are no members any more nothing is kept.
    pub(super) fn read_refresher(&mut self) -> Result<(), ActionRefused> {
        let Rules { duty, .. } = self.pass.draft.rules;
        if !duty.members.contains(&self.by) {
            return Err(ActionRefused::NotAMember(self.by.clone()));
        }
        let since = schedule::last_turn(&self.pass.draft.plan.board.served, &self.by, self.today());
        let (by, at) = (self.by.clone(), self.pass.draft.now);
        let refreshed = &mut self.pass.draft.plan.board.refreshed;
        refreshed.retain(|engineer, _| duty.members.contains(engineer));
        refreshed.insert(by, at);
        self.log(None, Event::RefresherRead { since });
        Ok(())
    }

    /// Whoever does not know yet of what moved is to be told.
    fn note_moves(&mut self, moved: &[MovedShift]) {
        let (today, by, at) = (self.today(), self.by.clone(), self.pass.draft.now);
        let board = &mut self.pass.draft.plan.board;
        board.moves.retain(|moved| moved.day >= today);
        for MovedShift { day, was, is } in moved {
            // Whoever does not know yet of an earlier move of the day is told how it is now, not how it was in between.
            let earlier = board.moves.iter().filter(|known| known.day == *day).flat_map(|known| &known.unseen);
            let concerned = was.iter().chain(is).chain(earlier).filter(|id| **id != by).cloned();
            let unseen: BTreeSet<EngineerId> = concerned.collect();
            board.moves.retain(|known| known.day != *day);
            if !unseen.is_empty() {
                let (was, is, by) = (was.clone(), is.clone(), by.clone());
                board.moves.push(ShiftMove { day: *day, was, is, by, at, unseen });
            }
        }
        let over = board.moves.len().saturating_sub(KEPT_MOVES);
        board.moves.drain(..over);
    }

    fn shifts(&self, from: Date, until: Date) -> Vec<Shift> {
        let Rules { duty, roster, .. } = self.pass.draft.rules;
        schedule::plan(roster, duty, self.pass.draft.plan.board.known(), from, until)
    }

    fn serves(&self, day: Date) -> Option<EngineerId> {
        self.shifts(day, day).pop().and_then(|shift| shift.engineer)
    }

    fn today(&self) -> Date {
        calendar::day_of(self.pass.draft.rules.duty, self.pass.draft.now)
    }

    /// Whether who serves `day` is still open.
    fn may_change(&self, day: Date) -> Result<(), ActionRefused> {
        let duty = self.pass.draft.rules.duty;
        if !duty.serves(day) {
            return Err(ActionRefused::NoShift(day));
        }
        if calendar::working_hours(duty, day).1 <= self.pass.draft.now {
            return Err(ActionRefused::ShiftOver(day));
        }
        self.is_within_a_year(day)
    }

    fn is_within_a_year(&self, day: Date) -> Result<(), ActionRefused> {
        if day > self.today().saturating_add(1.year()) { Err(ActionRefused::TooFarAway(day)) } else { Ok(()) }
    }

    /// Whether `engineer` takes turns and is at work on `day`.
    fn can_serve(&self, day: Date, engineer: &EngineerId) -> Result<(), ActionRefused> {
        let Rules { duty, roster, .. } = self.pass.draft.rules;
        let person = roster.engineers.get(engineer).ok_or_else(|| ActionRefused::UnknownEngineer(engineer.clone()))?;
        if !duty.members.contains(engineer) {
            return Err(ActionRefused::NotAMember(engineer.clone()));
        }
        if !person.is_at_work(day) {
            return Err(ActionRefused::Away { engineer: engineer.clone(), day });
        }
        Ok(())
    }
}

fn keep_newest<T>(days: &mut BTreeMap<Date, T>) {
    while days.len() > KEPT_DAYS {
        days.pop_first();
    }
}
