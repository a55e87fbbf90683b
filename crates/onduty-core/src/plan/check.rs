//! The hard rules H1 to H9 and the score of a solution, whoever made it.

use super::day::Day;
use super::facts::{Facts, Static};
use super::score::Score;
use super::solution::{Assignment, Solution};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// Violations beyond these are counted, not kept: two thousand shifts of one person can be two million pairs that are too near.
const KEPT: usize = 10_000;

/// A hard rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Every slot exists and is covered or listed, once.
    H1,
    /// Whoever serves can.
    H2,
    /// Nobody serves beside a longer leave.
    H3,
    /// Nobody has two roles on one day.
    H4,
    /// Shifts of one person are far enough apart.
    H5,
    /// The first shift of a joiner has a buddy, no other has.
    H6,
    /// Starts and ends are right.
    H7,
    /// Frozen days stay.
    H8,
    /// Explanations are there where wanted, and true.
    H9,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A hard rule that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub day: Day,
    /// Of which duty; `None` where all duties of somebody are meant.
    pub duty: Option<String>,
    /// What is wrong there.
    pub fault: Fault,
}

/// What breaks a hard rule. Names are those of the solution, whoever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no such slot.
    NoSuchSlot,
    /// No slot that could be uncovered.
    NothingToCover,
    /// Somebody serves it twice.
    Twice,
    /// Served by somebody who does not exist.
    UnknownPerson(String),
    /// Nobody serves it, and it is not listed once as uncovered.
    Unlisted,
    /// Somebody serves it, and it is listed as uncovered.
    ServedAndUncovered,
    /// Whoever serves cannot.
    Blocked {
        /// Who.
        person: String,
        /// Why they cannot.
        why: Static,
    },
    /// More than one role on one day.
    Roles {
        /// Whose.
        person: String,
        /// How many.
        roles: usize,
    },
    /// Too soon after another shift.
    TooNear {
        /// Whose.
        person: String,
        /// The other shift.
        other: Day,
        /// Days that there must be between the two.
        least: i32,
    },
    /// Somebody new without a buddy.
    NoBuddy {
        /// Who.
        person: String,
    },
    /// A buddy beside somebody who needs none.
    NeedlessBuddy(String),
    /// A buddy who is not experienced, does not exist, or is who serves.
    UnfitBuddy(String),
    /// A buddy who cannot serve that day.
    BlockedBuddy {
        /// Who.
        buddy: String,
        /// Why they cannot.
        why: Static,
    },
    /// Starts or ends at another time, or says nothing that can be read.
    Instants {
        /// As it was said.
        said: Option<(Timestamp, Timestamp)>,
        /// As it must be.
        expected: (Timestamp, Timestamp),
    },
    /// Somebody frozen and still free does not serve.
    Frozen {
        /// Who.
        person: String,
    },
    /// Uncovered, and nobody's reason is given.
    Unexplained,
    /// Uncovered, and somebody's reason is not true.
    WrongReason {
        /// Whose.
        person: String,
        /// The code that is given, if any.
        said: Option<String>,
        /// The codes of which one would be true.
        found: Vec<&'static str>,
    },
}

impl Violation {
    /// Which rule.
    pub fn rule(&self) -> Rule {
        self.fault.rule()
    }
}

impl Fault {
    fn rule(&self) -> Rule {
        match self {
            Fault::NoSuchSlot
            | Fault::NothingToCover
            | Fault::Twice
            | Fault::UnknownPerson(_)
            | Fault::Unlisted
            | Fault::ServedAndUncovered => Rule::H1,
            Fault::Blocked { why: Static::LeaveGuard, .. } => Rule::H3,
            Fault::Blocked { .. } => Rule::H2,
            Fault::Roles { .. } => Rule::H4,
            Fault::TooNear { .. } => Rule::H5,
            Fault::NoBuddy { .. } | Fault::NeedlessBuddy(_) | Fault::UnfitBuddy(_) | Fault::BlockedBuddy { .. } => {
                Rule::H6
            }
            Fault::Instants { .. } => Rule::H7,
            Fault::Frozen { .. } => Rule::H8,
            Fault::Unexplained | Fault::WrongReason { .. } => Rule::H9,
        }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Where hard rules do not hold, once for each place; the first of them.
    pub violations: Vec<Violation>,
    /// How many there are.
    pub by_rule: BTreeMap<Rule, usize>,
    /// How good the solution is, if it were valid.
    pub score: Score,
}

/// Judges a solution.
pub fn check(facts: &Facts, solution: &Solution) -> Verdict {
    let mut judge = Judge::new(facts);
    judge.take_slots(solution);
    judge.look_at_people();
    judge.look_at_buddies();
    judge.look_at_roles();
    let spacing = judge.look_at_gaps();
    let change = judge.look_at_changes();
    for uncovered in &solution.uncovered {
        let Some(slot) = judge.slot(uncovered.day, &uncovered.duty) else { continue };
        match &uncovered.why {
            Some(why) => judge.look_at_reasons(slot, why),
            None if facts.instance.rules.require_explanations => {
                judge.bad(slot, Fault::Unexplained);
            }
            None => {}
        }
    }
    let (most, sum) = judge.unfairness();
    let uncovered = facts.slots.len() - judge.served.len();
    let score = [count(uncovered), judge.late(), change, most, sum, spacing, judge.unwanted()];
    Verdict { violations: judge.violations, by_rule: judge.by_rule, score: Score(score) }
}

struct Judge<'a> {
    facts: &'a Facts,
    person_of: HashMap<&'a str, usize>,
    duty_of: HashMap<&'a str, usize>,
    violations: Vec<Violation>,
    by_rule: BTreeMap<Rule, usize>,
    /// Slot → person.
    served: BTreeMap<usize, usize>,
    /// Slot → buddy, as it was said.
    buddies: BTreeMap<usize, String>,
    /// Person → slots, in order.
    turns: BTreeMap<usize, Vec<usize>>,
    /// (person, day) → how many roles.
    roles: BTreeMap<(usize, Day), usize>,
}

impl<'a> Judge<'a> {
    fn new(facts: &'a Facts) -> Judge<'a> {
        let instance = &facts.instance;
        Judge {
            facts,
            person_of: instance.people.iter().enumerate().map(|(n, person)| (person.id.as_str(), n)).collect(),
            duty_of: instance.duties.iter().enumerate().map(|(n, duty)| (duty.id.as_str(), n)).collect(),
            violations: Vec::new(),
            by_rule: BTreeMap::new(),
            served: BTreeMap::new(),
            buddies: BTreeMap::new(),
            turns: BTreeMap::new(),
            roles: BTreeMap::new(),
        }
    }

    fn slot(&self, day: Day, duty: &str) -> Option<usize> {
        self.facts.slot_at(day, *self.duty_of.get(duty)?)
    }

    fn name(&self, person: usize) -> String {
        self.facts.instance.people[person].id.clone()
    }

    fn duty_name(&self, slot: usize) -> &'a str {
        &self.facts.instance.duties[self.facts.slots[slot].duty].id
    }

    fn bad(&mut self, slot: usize, fault: Fault) {
        self.add(self.facts.slots[slot].day, Some(self.duty_name(slot)), fault);
    }

    fn add(&mut self, day: Day, duty: Option<&str>, fault: Fault) {
        *self.by_rule.entry(fault.rule()).or_default() += 1;
        if self.violations.len() < KEPT {
            self.violations.push(Violation { day, duty: duty.map(str::to_owned), fault });
        }
    }

    /// H1 and H7.
    fn take_slots(&mut self, solution: &Solution) {
        for said in &solution.assignments {
            let Some(slot) = self.slot(said.day, &said.duty) else {
                self.add(said.day, Some(&said.duty), Fault::NoSuchSlot);
                continue;
            };
            if self.served.contains_key(&slot) {
                self.bad(slot, Fault::Twice);
                continue;
            }
            let Some(person) = self.person_of.get(said.person.as_str()).copied() else {
                self.bad(slot, Fault::UnknownPerson(as_said(&said.person)));
                continue;
            };
            self.served.insert(slot, person);
            if let Some(buddy) = &said.buddy {
                self.buddies.insert(slot, buddy.clone());
            }
            self.look_at_instants(slot, said);
        }
        let mut listed: BTreeMap<usize, usize> = BTreeMap::new();
        let mut strange = BTreeSet::new();
        for said in &solution.uncovered {
            match self.slot(said.day, &said.duty) {
                Some(slot) => *listed.entry(slot).or_default() += 1,
                None => drop(strange.insert((said.day, said.duty.clone()))),
            }
        }
        for slot in 0..self.facts.slots.len() {
            let times = listed.get(&slot).copied().unwrap_or_default();
            match self.served.contains_key(&slot) {
                false if times != 1 => self.bad(slot, Fault::Unlisted),
                true if times > 0 => self.bad(slot, Fault::ServedAndUncovered),
                _ => {}
            }
        }
        for (day, duty) in strange {
            self.add(day, Some(&duty), Fault::NothingToCover);
        }
    }

    fn look_at_instants(&mut self, slot: usize, said: &Assignment) {
        if !self.facts.instance.rules.require_instants && said.start.is_none() {
            return;
        }
        let read = |said: &Option<String>| said.as_deref().and_then(instant);
        let expected = self.facts.instants(slot);
        let said = read(&said.start).zip(read(&said.end));
        if said != Some(expected) {
            self.bad(slot, Fault::Instants { said, expected });
        }
    }

    /// H2 and H3.
    fn look_at_people(&mut self) {
        for (slot, person) in self.served.clone() {
            if let Some(why) = self.facts.blocked(person, slot) {
                self.bad(slot, Fault::Blocked { person: self.name(person), why });
            }
            *self.roles.entry((person, self.facts.slots[slot].day)).or_default() += 1;
            self.turns.entry(person).or_default().push(slot);
        }
    }

    fn first_day(&self, person: usize) -> Option<Day> {
        self.turns.get(&person).map(|turns| self.facts.slots[turns[0]].day)
    }

    /// H6.
    fn look_at_buddies(&mut self) {
        for (slot, person) in self.served.clone() {
            let day = self.facts.slots[slot].day;
            let needed = self.facts.instance.people[person].is_new() && self.first_day(person) == Some(day);
            let said = self.buddies.get(&slot).cloned();
            let Some(name) = said else {
                if needed {
                    self.bad(slot, Fault::NoBuddy { person: self.name(person) });
                }
                continue;
            };
            let known = self.person_of.get(name.as_str()).copied();
            let fit = known.filter(|buddy| self.facts.instance.people[*buddy].experienced && *buddy != person);
            match fit.map(|buddy| (buddy, self.facts.blocked(buddy, slot))) {
                _ if !needed => self.bad(slot, Fault::NeedlessBuddy(as_said(&name))),
                None => self.bad(slot, Fault::UnfitBuddy(as_said(&name))),
                Some((_, Some(why))) => self.bad(slot, Fault::BlockedBuddy { buddy: name, why }),
                Some((buddy, None)) => *self.roles.entry((buddy, day)).or_default() += 1,
            }
        }
    }

    /// H4.
    fn look_at_roles(&mut self) {
        let many: Vec<_> =
            self.roles.iter().filter(|(_, roles)| **roles > 1).map(|(at, roles)| (*at, *roles)).collect();
        for ((person, day), roles) in many {
            self.add(day, None, Fault::Roles { person: self.name(person), roles });
        }
    }

    /// H5, and how many days are missing to the wanted gaps.
    fn look_at_gaps(&mut self) -> i64 {
        let facts = self.facts;
        // Of two duties the smaller gap counts.
        let gaps = (0..facts.duties()).map(|duty| facts.gaps(duty, duty));
        let reach = gaps.map(|(least, wanted)| least.max(wanted)).max().unwrap_or_default();
        let mut spacing = 0;
        for (person, turns) in std::mem::take(&mut self.turns) {
            let history = &facts.instance.people[person].history;
            for (n, slot) in turns.iter().enumerate() {
                let here = facts.slots[*slot];
                let is_far = |day: Day| here.day.0 - day.0 >= reach;
                let past = history[history.partition_point(|served| is_far(served.day))..].iter();
                let before = turns[turns[..n].partition_point(|turn| is_far(facts.slots[*turn].day))..n].iter();
                let before = before.map(|turn| (facts.slots[*turn].day, facts.slots[*turn].duty));
                for (day, duty) in past.map(|served| (served.day, served.duty)).chain(before) {
                    let gap = here.day.0 - day.0;
                    let (least, wanted) = facts.gaps(here.duty, duty);
                    // Two on one day are H4 already.
                    if gap == 0 {
                        continue;
                    }
                    if gap < least {
                        let fault = Fault::TooNear { person: self.name(person), other: day, least };
                        self.bad(*slot, fault);
                    }
                    spacing += i64::from((wanted - gap).max(0));
                }
            }
            self.turns.insert(person, turns);
        }
        spacing
    }

    /// H8, and what changes cost.
    fn look_at_changes(&mut self) -> i64 {
        let mut cost = 0;
        for published in &self.facts.instance.published {
            let Some(slot) = self.facts.slot_at(published.day, published.duty) else { continue };
            if self.served.get(&slot) == Some(&published.person) {
                continue;
            }
            cost += self.facts.change_cost(published.day);
            if self.facts.is_frozen(published) && self.facts.blocked(published.person, slot).is_none() {
                self.bad(slot, Fault::Frozen { person: self.name(published.person) });
            }
        }
        cost
    }

    /// H9.
    fn look_at_reasons(&mut self, slot: usize, why: &BTreeMap<String, String>) {
        for (person, who) in self.facts.instance.people.iter().enumerate() {
            let said = why.get(&who.id).map(String::as_str);
            let found: Vec<&str> = match self.facts.blocked(person, slot) {
                Some(why) => vec![why.code()],
                None => self.dynamic_reasons(person, slot),
            };
            let silent = said.is_none() && found == [Static::NotMember.code()];
            if !silent && !said.is_some_and(|said| found.contains(&said)) {
                let (person, said) = (who.id.clone(), said.map(as_said));
                self.bad(slot, Fault::WrongReason { person, said, found });
            }
        }
    }

    /// Why somebody who is free cannot serve beside what else is planned.
    fn dynamic_reasons(&self, person: usize, slot: usize) -> Vec<&'static str> {
        let (facts, here) = (self.facts, self.facts.slots[slot]);
        let who = &facts.instance.people[person];
        let mut reasons = Vec::new();
        if self.roles.contains_key(&(person, here.day)) {
            reasons.push("other_duty");
        }
        let history = who.history.iter().map(|served| (served.day, served.duty));
        let turns = self.turns.get(&person).into_iter().flatten();
        let mut others = history.chain(turns.map(|slot| (facts.slots[*slot].day, facts.slots[*slot].duty)));
        let is_near = |(day, duty): (Day, usize)| {
            let gap = (here.day.0 - day.0).abs();
            gap > 0 && gap < facts.gaps(here.duty, duty).0
        };
        if others.any(is_near) {
            reasons.push("min_gap");
        }
        if who.is_new() && self.first_day(person).is_none_or(|first| first >= here.day) {
            let can_help = |buddy: usize| {
                buddy != person
                    && facts.instance.people[buddy].experienced
                    && facts.blocked(buddy, slot).is_none()
                    && !self.roles.contains_key(&(buddy, here.day))
            };
            if !(0..facts.people()).any(can_help) {
                reasons.push("needs_buddy");
            }
        }
        reasons
    }

    /// Joiners whose first shift is after their deadline.
    fn late(&self) -> i64 {
        let late = self.facts.deadlines.iter().enumerate().filter(|(person, deadline)| {
            deadline.is_some_and(|deadline| self.first_day(*person).is_none_or(|first| first > deadline))
        });
        count(late.count())
    }

    /// The greatest excess and the sum of all, in thousandths of points.
    fn unfairness(&self) -> (i64, i64) {
        let duties = self.facts.duties();
        let mut loads = vec![0; self.facts.targets.len()];
        // Whoever was named as a buddy and does not exist has a load, too, so that naming them is never an advantage.
        let mut strangers: BTreeMap<(&str, usize), i64> = BTreeMap::new();
        for (slot, person) in &self.served {
            let here = self.facts.slots[*slot];
            loads[person * duties + here.duty] += here.points;
            let Some(name) = self.buddies.get(slot) else { continue };
            match self.person_of.get(name.as_str()) {
                Some(buddy) => loads[buddy * duties + here.duty] += here.points / 2,
                None => *strangers.entry((name, here.duty)).or_default() += here.points / 2,
            }
        }
        let differences = loads.iter().zip(&self.facts.targets).map(|(load, target)| (1000 * load - target).abs());
        let all = differences.chain(strangers.values().map(|load| 1000 * load));
        let tolerance = self.facts.instance.rules.fair_tolerance_milli;
        all.map(|difference| (difference - tolerance).max(0))
            .fold((0, 0), |(most, sum), one| (most.max(one), sum + one))
    }

    /// Shifts on days that people would rather not serve.
    fn unwanted(&self) -> i64 {
        count(
            self.served
                .iter()
                .filter(|(slot, person)| self.facts.avoids(**person, self.facts.slots[**slot].day))
                .count(),
        )
    }
}

/// A name or code without the mark of what was no text.
fn as_said(text: &str) -> String {
    text.trim_start_matches('\0').to_owned()
}

/// An instant of RFC 3339. Its parser knows more: zones in brackets, signs before years, a small z; others who read the plan do not.
fn instant(said: &str) -> Option<Timestamp> {
    let is_plain = said.starts_with(|first: char| first.is_ascii_digit()) && !said.contains(['[', 'z']);
    said.parse().ok().filter(|_| is_plain)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
