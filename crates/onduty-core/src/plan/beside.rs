//! Who is beside whom in the team's plan: somebody who served lately beside whoever comes back after long, and newcomers who watch before
//! their first turn.
//!
//! Found after a plan is made, day by day: it moves nobody's turn. That whoever serves for the first time has a buddy is the planner's own
//! rule (`solve`); a first
//! turn that stays where it was has one from here.

use crate::ids::{DutyId, EngineerId};
use crate::roster::{Duty, Roster};
use crate::schedule::{Planned, is_newcomer};
use jiff::civil::Date;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The planned shifts of duties.
pub type Plans = BTreeMap<DutyId, BTreeMap<Date, Planned>>;

/// Somebody is beside somebody else on a day of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// The day.
    pub day: Date,
    /// Who serves it.
    pub engineer: EngineerId,
    /// Who is beside them.
    pub who: EngineerId,
    /// Why.
    pub why: BesideWhy,
}

/// Why somebody is beside somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum BesideWhy {
    /// It is the first turn: an experienced engineer helps.
    First,
    /// It is the first turn after so many days: somebody who served lately helps.
    Cold {
        /// Days since the turn before.
        days: i32,
    },
    /// A newcomer watches.
    Shadow,
}

/// What is known beside the plans.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Everybody.
    pub roster: &'a Roster,
    /// Who served which days.
    pub served: &'a BTreeMap<DutyId, BTreeMap<Date, EngineerId>>,
    /// Who has something to do for duties that are not planned here.
    pub taken: &'a BTreeSet<(Date, EngineerId)>,
}

/// Adds buddies and shadows to `plans`, and tells of all of them, those that were there before included, in the order of days.
pub fn complete(plans: &mut Plans, around: Around<'_>) -> BTreeMap<DutyId, Vec<Beside>> {
    let mut busy = around.taken.clone();
    for (day, planned) in plans.values().flatten() {
        busy.extend(planned.everybody().map(|engineer| (*day, engineer.clone())));
    }
    let mut told = BTreeMap::new();
    for (id, shifts) in plans {
        let Some(duty) = around.roster.duty(id) else { continue };
        let nothing = BTreeMap::new();
        let served = around.served.get(id).unwrap_or(&nothing);
        let mut pool = Pool { duty, roster: around.roster, served, busy: &mut busy };
        pool.let_go_of_the_absent(shifts);
        pool.buddies(shifts);
        pool.shadows(shifts);
        told.insert(id.clone(), pool.tell(shifts));
    }
    told
}

/// The members of one duty and what they did.
struct Pool<'a> {
    duty: &'a Duty,
    roster: &'a Roster,
    served: &'a BTreeMap<Date, EngineerId>,
    busy: &'a mut BTreeSet<(Date, EngineerId)>,
}

impl Pool<'_> {
    /// Whoever was to be beside somebody and cannot is not any more.
    fn let_go_of_the_absent(&self, shifts: &mut BTreeMap<Date, Planned>) {
        for (day, planned) in shifts {
            let stays = |who: &EngineerId| self.duty.members.contains(who) && self.is_there(*day, who);
            planned.buddy = planned.buddy.take().filter(stays);
            planned.shadow = planned.shadow.take().filter(stays);
        }
    }

    /// Whoever comes back after long has somebody beside them who served since then; whoever is new, somebody who is not.
    fn buddies(&mut self, shifts: &mut BTreeMap<Date, Planned>) {
        let cold_after = self.duty.cold_after;
        let mut last = self.last_turns();
        let mut helped: BTreeMap<EngineerId, u32> = BTreeMap::new();
        for (day, planned) in shifts.iter_mut() {
            match days_since(&last, &planned.engineer, *day) {
                Some(idle) if idle <= cold_after => planned.buddy = None,
                _ if planned.buddy.is_some() => {}
                Some(_) => {
                    let served_lately = |idle: Option<i32>, _: &EngineerId| idle.is_some_and(|idle| idle <= cold_after);
                    planned.buddy = self.buddy(*day, &last, &helped, served_lately);
                }
                // The planner's rule is about turns that it chooses; one that stays is a first turn all the same.
                None if self.is_new(&planned.engineer) => {
                    planned.buddy = self.buddy(*day, &last, &helped, |_, member| !self.is_new(member));
                }
                None => {}
            }
            if let Some(buddy) = &planned.buddy {
                *helped.entry(buddy.clone()).or_default() += 1;
                self.busy.insert((*day, buddy.clone()));
            }
            last.insert(planned.engineer.clone(), *day);
        }
    }

    /// Of those who can, by their idle days, who helped least, then who served last.
    fn buddy(
        &self,
        day: Date,
        last: &BTreeMap<EngineerId, Date>,
        helped: &BTreeMap<EngineerId, u32>,
        can: impl Fn(Option<i32>, &EngineerId) -> bool,
    ) -> Option<EngineerId> {
        let able = self.duty.members.iter().filter_map(|member| {
            let idle = days_since(last, member, day);
            let can = can(idle, member) && self.is_free(day, member);
            can.then_some((helped.get(member).copied().unwrap_or(0), idle.unwrap_or(i32::MAX), member))
        });
        able.min().map(|(.., member)| member.clone())
    }

    /// Newcomers watch so many shifts before their first turn, those of engineers who are not new themselves, the latest first.
    fn shadows(&mut self, shifts: &mut BTreeMap<Date, Planned>) {
        let newcomers: Vec<&EngineerId> = self.duty.members.iter().filter(|member| self.is_new(member)).collect();
        for newcomer in &newcomers {
            let first = shifts.iter().find(|(_, planned)| planned.engineer == **newcomer).map(|(day, _)| *day);
            let Some(first) = first else { continue };
            let watched = |planned: &Planned| planned.shadow.as_ref() == Some(*newcomer);
            let has = shifts.range(..first).filter(|(_, planned)| watched(planned)).count();
            let wanted = usize::from(self.duty.shadow_shifts).saturating_sub(has);
            let is_good = |(day, planned): &(&Date, &mut Planned)| {
                planned.shadow.is_none() && !newcomers.contains(&&planned.engineer) && self.is_free(**day, newcomer)
            };
            let free: Vec<Date> =
                shifts.range_mut(..first).rev().filter(is_good).map(|(day, _)| *day).take(wanted).collect();
            for day in free {
                if let Some(planned) = shifts.get_mut(&day) {
                    planned.shadow = Some((*newcomer).clone());
                    self.busy.insert((day, (*newcomer).clone()));
                }
            }
        }
    }

    fn tell(&self, shifts: &BTreeMap<Date, Planned>) -> Vec<Beside> {
        let mut last = self.last_turns();
        let mut told = Vec::new();
        for (day, planned) in shifts {
            let idle = days_since(&last, &planned.engineer, *day);
            let why = idle.map_or(BesideWhy::First, |days| BesideWhy::Cold { days });
            let buddy = planned.buddy.iter().map(|buddy| (buddy, why));
            for (who, why) in buddy.chain(planned.shadow.iter().map(|shadow| (shadow, BesideWhy::Shadow))) {
                told.push(Beside { day: *day, engineer: planned.engineer.clone(), who: who.clone(), why });
            }
            last.insert(planned.engineer.clone(), *day);
        }
        told
    }

    fn last_turns(&self) -> BTreeMap<EngineerId, Date> {
        self.served.iter().map(|(day, engineer)| (engineer.clone(), *day)).collect()
    }

    /// Came after the duty began, and never served it.
    fn is_new(&self, engineer: &EngineerId) -> bool {
        is_newcomer(self.roster, self.duty, engineer) && !self.served.values().any(|served| served == engineer)
    }

    fn is_free(&self, day: Date, engineer: &EngineerId) -> bool {
        self.is_there(day, engineer) && !self.busy.contains(&(day, engineer.clone()))
    }

    fn is_there(&self, day: Date, engineer: &EngineerId) -> bool {
        self.roster.engineers.get(engineer).is_some_and(|engineer| engineer.is_at_work(day))
    }
}

/// Of whom no turn is known nothing is said: they may have served long before onduty was there.
fn days_since(last: &BTreeMap<EngineerId, Date>, engineer: &EngineerId, day: Date) -> Option<i32> {
    let span = last.get(engineer)?.until(day).ok()?;
    Some(span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn plans(shifts: &[(&str, &str)]) -> Plans {
        let shifts = shifts.iter().map(|(on, who)| (day(on), Planned::of(EngineerId::from(*who))));
        Plans::from([(DutyId::from("d"), shifts.collect())])
    }

    fn told(file: &str, plans: &mut Plans, served: &[(&str, &str)], taken: &[(&str, &str)]) -> Vec<String> {
        let roster = roster::parse("roster.yml", file).unwrap();
        let served = served.iter().map(|(on, who)| (day(on), EngineerId::from(*who))).collect();
        let served = BTreeMap::from([(DutyId::from("d"), served)]);
        let taken = taken.iter().map(|(on, who)| (day(on), EngineerId::from(*who))).collect();
        let told = complete(plans, Around { roster: &roster, served: &served, taken: &taken });
        let line = |beside: &Beside| format!("{} {} with {} {:?}", beside.day, beside.engineer, beside.who, beside.why);
        told[&DutyId::from("d")].iter().map(line).collect()
    }

    const TEAM: &str = "engineers: {a: {}, b: {}, c: {leave: 2026-06-03}, e: {}}\n\
                        duties: {d: {members: all, zone: UTC, since: 2026-01-05, cold_after: 60}}\n";

    #[test]
    fn whoever_comes_back_after_long_has_somebody_beside_them_who_served_lately() {
        let served = [("2026-03-02", "a"), ("2026-05-20", "b"), ("2026-05-29", "c"), ("2026-05-30", "b")];
        let mut of = plans(&[("2026-06-02", "a"), ("2026-06-03", "b"), ("2026-06-05", "e")]);
        // Of `e` no turn is known: nothing is said.
        assert_eq!(told(TEAM, &mut of, &served, &[]), ["2026-06-02 a with b Cold { days: 92 }"]);
        // Somebody who is taken, away or cold as well is nobody's buddy.
        let mut of = plans(&[("2026-06-02", "a")]);
        assert_eq!(told(TEAM, &mut of, &served, &[("2026-06-02", "b")]), ["2026-06-02 a with c Cold { days: 92 }"]);
        let mut of = plans(&[("2026-06-03", "a")]);
        assert_eq!(told(TEAM, &mut of, &served, &[("2026-06-03", "b")]), [""; 0]);
        let mut of = plans(&[("2026-09-03", "a")]);
        assert_eq!(told(TEAM, &mut of, &served, &[]), [""; 0]);
        let off = TEAM.replace("cold_after: 60", "cold_after: 92");
        let mut of = plans(&[("2026-06-02", "a")]);
        assert_eq!(told(&off, &mut of, &served, &[]), [""; 0]);
    }

    #[test]
    fn help_is_shared_and_what_was_said_before_stays() {
        let served = [("2026-01-12", "a"), ("2026-01-13", "c"), ("2026-05-29", "b"), ("2026-05-28", "e")];
        let mut of = plans(&[("2026-06-02", "a"), ("2026-06-09", "c")]);
        assert_eq!(
            told(TEAM, &mut of, &served, &[]),
            ["2026-06-02 a with b Cold { days: 141 }", "2026-06-09 c with a Cold { days: 147 }"]
        );
        let mut of = plans(&[("2026-06-02", "a")]);
        of.values_mut().next().unwrap().get_mut(&day("2026-06-02")).unwrap().buddy = Some("e".into());
        assert_eq!(told(TEAM, &mut of, &served, &[]), ["2026-06-02 a with e Cold { days: 141 }"]);
    }

    #[test]
    fn newcomers_watch_before_their_first_turn() {
        let file = "engineers: {a: {}, b: {}, new: {joined: 2026-06-01, leave: 2026-06-04}, newer: {joined: 2026-06-02}}\n\
                    duties: {d: {members: all, zone: UTC, since: 2026-01-05, shadow_shifts: 2}}\n";
        let served = [("2026-05-28", "a"), ("2026-05-29", "b")];
        let shifts = [
            ("2026-06-01", "a"),
            ("2026-06-02", "b"),
            ("2026-06-03", "newer"),
            ("2026-06-04", "a"),
            ("2026-06-05", "new"),
        ];
        let mut of = plans(&shifts);
        // Not on leave, not beside somebody new, not twice on one shift; and on their first turn somebody is beside them.
        let firsts = ["2026-06-03 newer with b First", "2026-06-05 new with a First"];
        let expected = ["2026-06-01 a with new Shadow", "2026-06-02 b with new Shadow", firsts[0], firsts[1]];
        assert_eq!(told(file, &mut of, &served, &[]), expected);
        let none = file.replace("shadow_shifts: 2", "shadow_shifts: 0");
        assert_eq!(told(&none, &mut plans(&shifts), &served, &[]), firsts);
        // Whoever is away by then is let go of; planned once more, the rest stays as it was.
        of.values_mut().next().unwrap().get_mut(&day("2026-06-01")).unwrap().buddy = Some("newer".into());
        assert_eq!(told(file, &mut of, &served, &[]), expected);
    }
}
