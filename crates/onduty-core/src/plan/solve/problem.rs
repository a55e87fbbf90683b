//! The facts once more, laid out for a search that asks millions of times.

use super::super::day::Day;
use super::super::facts::Facts;

/// Nobody, or no slot.
pub(super) const NONE: u32 = u32::MAX;

/// Which of two kinds of things go together, one bit for each pair.
#[derive(Debug, Clone)]
pub(super) struct Pairs {
    bits: Vec<u64>,
    words: usize,
}

impl Pairs {
    fn new(rows: usize, columns: usize) -> Pairs {
        let words = columns.div_ceil(64);
        Pairs { bits: vec![0; rows * words], words }
    }

    fn set(&mut self, row: usize, column: usize) {
        self.bits[row * self.words + column / 64] |= 1 << (column % 64);
    }

    pub(super) fn has(&self, row: usize, column: usize) -> bool {
        self.bits[row * self.words + column / 64] >> (column % 64) & 1 == 1
    }
}

/// What the search reads and never changes.
#[derive(Debug)]
pub(super) struct Problem<'a> {
    pub(super) facts: &'a Facts,
    pub(super) people: usize,
    pub(super) duties: usize,
    /// Slot → day, duty, points.
    pub(super) day: Vec<i32>,
    pub(super) duty: Vec<usize>,
    pub(super) points: Vec<i64>,
    /// Person, slot: free by the static rules.
    pub(super) free: Pairs,
    /// The same, and far enough from past shifts.
    pub(super) open: Pairs,
    /// Person, slot: would rather not.
    pub(super) avoid: Pairs,
    /// Slot → who may serve it.
    pub(super) candidates: Vec<Vec<u32>>,
    /// Duty → its slots.
    pub(super) slots_of: Vec<Vec<u32>>,
    /// Who may be a buddy.
    pub(super) experienced: Vec<u32>,
    /// `duty * duties + duty` → least and wanted days apart; the greatest of both.
    pub(super) least: Vec<i32>,
    pub(super) wanted: Vec<i32>,
    pub(super) least_reach: i32,
    pub(super) wanted_reach: i32,
    /// Person → past shifts that are near enough to matter.
    pub(super) recent: Vec<Vec<(i32, usize)>>,
    /// `person * duties + duty` → milli-points.
    pub(super) targets: &'a [i64],
    pub(super) tolerance: i64,
    /// `person * duties + duty` → thousandths of shifts that would be the share.
    pub(super) shares: Vec<i64>,
    /// Slot → who was published, and what a change costs.
    pub(super) published: Vec<u32>,
    pub(super) change: Vec<i64>,
    /// Slot: stays with whom it was published.
    pub(super) fixed: Vec<bool>,
    /// Slots that may change for nothing.
    pub(super) loose: Vec<u32>,
    /// Person: needs a buddy on the first shift.
    pub(super) is_new: Vec<bool>,
    pub(super) new_people: Vec<u32>,
    pub(super) deadline: Vec<Option<i32>>,
    /// Person, day of the week from 0: works, and the duty runs; `person * duties + duty` → bits.
    pub(super) workdays: Vec<u8>,
    /// Bits by which milli-points are shifted, so that heavy points do not drown distances.
    pub(super) shift: u32,
}

impl<'a> Problem<'a> {
    pub(super) fn new(facts: &'a Facts) -> Problem<'a> {
        let (people, duties, slots) = (facts.people(), facts.duties(), facts.slots.len());
        let instance = &facts.instance;
        let gaps = |pick: fn((i32, i32)) -> i32| -> Vec<i32> {
            (0..duties * duties).map(|pair| pick(facts.gaps(pair / duties, pair % duties))).collect()
        };
        let (least, wanted) = (gaps(|gaps| gaps.0), gaps(|gaps| gaps.1));
        let least_reach = least.iter().copied().max().unwrap_or_default();
        let wanted_reach = wanted.iter().copied().max().unwrap_or_default();
        let reach = least_reach.max(wanted_reach);
        let (mut free, mut open, mut avoid) =
            (Pairs::new(people, slots), Pairs::new(people, slots), Pairs::new(people, slots));
        let mut candidates = vec![Vec::new(); slots];
        let mut recent = Vec::with_capacity(people);
        for (person, who) in instance.people.iter().enumerate() {
            let history = who.history.iter().map(|served| (served.day.0, served.duty));
            let near: Vec<_> = history.filter(|(day, _)| instance.first.0.saturating_sub(*day) < reach).collect();
            for (slot, here) in facts.slots.iter().enumerate() {
                if facts.avoids(person, here.day) {
                    avoid.set(person, slot);
                }
                if facts.blocked(person, slot).is_some() {
                    continue;
                }
                free.set(person, slot);
                let is_near = |(day, duty): &(i32, usize)| {
                    let gap = here.day.0 - day;
                    gap != 0 && gap < least[here.duty * duties + duty]
                };
                if !near.iter().any(is_near) {
                    open.set(person, slot);
                    candidates[slot].push(index(person));
                }
            }
            recent.push(near);
        }
        let mut problem = Problem {
            facts,
            people,
            duties,
            day: facts.slots.iter().map(|slot| slot.day.0).collect(),
            duty: facts.slots.iter().map(|slot| slot.duty).collect(),
            points: facts.slots.iter().map(|slot| slot.points).collect(),
            free,
            open,
            avoid,
            candidates,
            slots_of: (0..duties)
                .map(|duty| (0..slots).filter(|slot| facts.slots[*slot].duty == duty).map(index).collect())
                .collect(),
            experienced: (0..people).filter(|person| instance.people[*person].experienced).map(index).collect(),
            least_reach,
            wanted_reach,
            least,
            wanted,
            recent,
            targets: &facts.targets,
            tolerance: instance.rules.fair_tolerance_milli,
            shares: facts.shares.clone(),
            published: vec![NONE; slots],
            change: vec![0; slots],
            fixed: vec![false; slots],
            loose: Vec::new(),
            is_new: instance.people.iter().map(super::super::instance::Person::is_new).collect(),
            new_people: (0..people).filter(|person| instance.people[*person].is_new()).map(index).collect(),
            deadline: facts.deadlines.iter().map(|deadline| deadline.map(|day| day.0)).collect(),
            workdays: workdays(facts),
            shift: shift(facts),
        };
        for published in &instance.published {
            let Some(slot) = facts.slot_at(published.day, published.duty) else { continue };
            problem.published[slot] = index(published.person);
            problem.change[slot] = facts.change_cost(published.day);
            problem.fixed[slot] = facts.is_frozen(published) && problem.free.has(published.person, slot);
        }
        let is_loose = |slot: &usize| {
            let published = problem.published[*slot];
            !problem.fixed[*slot] && (published == NONE || !problem.open.has(published as usize, *slot))
        };
        problem.loose = (0..slots).filter(is_loose).map(index).collect();
        problem
    }

    pub(super) fn slots(&self) -> usize {
        self.day.len()
    }

    /// The slots of the same day, `slot` among them.
    fn on_day_of(&self, slot: usize) -> impl Iterator<Item = usize> {
        let is_same = move |other: &usize| self.day[*other] == self.day[slot];
        (0..slot).rev().take_while(is_same).chain((slot..self.slots()).take_while(is_same))
    }

    /// Whether `person` was published for any slot on the day of `slot`.
    pub(super) fn is_promised(&self, person: u32, slot: usize) -> bool {
        self.on_day_of(slot).any(|other| self.published[other] == person)
    }

    /// Whether `person` stays in another slot of the day of `slot`, whatever else is planned.
    pub(super) fn is_kept(&self, person: u32, slot: usize) -> bool {
        self.on_day_of(slot).any(|other| other != slot && self.fixed[other] && self.published[other] == person)
    }

    /// Why frozen shifts cannot all stay: two of them, or one and a past shift, too near to each other.
    pub(super) fn frozen_clash(&self) -> Option<(Day, Day, usize)> {
        let mut kept: Vec<Vec<usize>> = vec![Vec::new(); self.people];
        let reach = self.least_reach.max(1);
        for slot in (0..self.slots()).filter(|slot| self.fixed[*slot]) {
            let person = self.published[slot] as usize;
            let least = |duty: usize| self.least[self.duty[slot] * self.duties + duty];
            let gap = |day: i32| self.day[slot] - day;
            // The last of them need not be the one in the way: of two duties the smaller distance counts.
            let near = kept[person].iter().rev().map(|other| (self.day[*other], self.duty[*other]));
            let near =
                near.take_while(|(day, _)| gap(*day) < reach).find(|(day, duty)| gap(*day) < least(*duty).max(1));
            let past =
                || self.recent[person].iter().copied().find(|(day, duty)| gap(*day) != 0 && gap(*day) < least(*duty));
            if let Some((other, _)) = near.or_else(past) {
                return Some((Day(other), Day(self.day[slot]), person));
            }
            kept[person].push(slot);
        }
        None
    }
}

/// People and slots are bounded far below what fits.
pub(super) fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NONE)
}

fn workdays(facts: &Facts) -> Vec<u8> {
    let mut all = Vec::with_capacity(facts.people() * facts.duties());
    for person in &facts.instance.people {
        for duty in &facts.instance.duties {
            let both = (1..8).filter(|day| person.work_days[*day] && duty.weekdays[*day]);
            all.push(both.map(|day| 1 << (day - 1)).sum());
        }
    }
    all
}

fn shift(facts: &Facts) -> u32 {
    let heaviest = facts.slots.iter().map(|slot| slot.points).max().unwrap_or_default();
    (0..40).find(|shift| heaviest >> shift <= 64).unwrap_or_default()
}
