//! Small or tight cases to the end: every plan that could be better, slot by slot, so that the best one is proven.
//!
//! Two beginnings of a plan with the same last days and the same loads can be continued alike; only the cheaper one is kept.

use super::anneal::Best;
use super::problem::{NONE, Problem, index};
use super::state::Key;
use std::collections::HashMap;

/// Larger cases are not tried.
const MOST_PAIRS: usize = 2_000;
/// Beginnings that are looked at before it is given up.
const PATIENCE: usize = 400_000;
/// Nobody, in the last days.
const NOBODY: u8 = u8::MAX;

/// Uncovered, changed, too near, unwanted: what adds up from slot to slot.
type Cost = [i64; 4];

/// Looks for a plan better than `best`; whether it looked at all that there are.
pub(super) fn improve(problem: &Problem, best: &mut Best, bound: &Key) -> bool {
    let is_small = problem.people * problem.slots() <= MOST_PAIRS && problem.people < usize::from(NOBODY);
    if !is_small || problem.is_new.contains(&true) {
        return false;
    }
    let mut exact = Exact::new(problem, best, bound);
    exact.look_ahead();
    let Some((key, who)) = exact.run() else { return false };
    if key[..7] < best.key[..7] {
        best.key = key;
        best.buddy.fill(NONE);
        best.who = who;
    }
    true
}

struct Exact<'a> {
    problem: &'a Problem<'a>,
    best: Cost,
    /// Greatest and sum of excess of the best plan so far, then what it costs otherwise; all in the order of levels.
    key: [i64; 7],
    /// Fairness cannot get better, so that a beginning that is dearer in any way is not looked at.
    is_fair: bool,
    /// Slot → what all later slots cost at least.
    rest: Vec<Cost>,
    /// Slot → the last days before it → the same, more exactly.
    ahead: Vec<HashMap<Vec<u8>, Cost>>,
    reach: i32,
    patience: usize,
}

struct Beginning {
    days: Vec<u8>,
    loads: Vec<i64>,
    cost: Cost,
    parent: u32,
    who: u8,
}

impl<'a> Exact<'a> {
    fn new(problem: &'a Problem<'a>, best: &Best, bound: &Key) -> Exact<'a> {
        let mut rest = vec![[0; 4]; problem.slots() + 1];
        for slot in (0..problem.slots()).rev() {
            let all = &problem.candidates[slot];
            let is_gone = problem.published[slot] != NONE && !all.contains(&problem.published[slot]);
            let here = [i64::from(all.is_empty()), if is_gone { problem.change[slot] } else { 0 }, 0, 0];
            rest[slot] = add(rest[slot + 1], here);
        }
        let key = best.key;
        Exact {
            problem,
            best: [key[0], key[2], key[5], key[6]],
            key: [key[0], key[1], key[2], key[3], key[4], key[5], key[6]],
            is_fair: key[3] <= bound[3] && key[4] <= bound[4],
            rest,
            ahead: Vec::new(),
            reach: problem.wanted_reach.max(problem.least_reach).max(1),
            patience: PATIENCE,
        }
    }

    /// Slots before `slot` that are near enough to matter.
    fn days(&self, slot: usize) -> usize {
        let until = self.problem.day.get(slot).map_or(i32::MAX, |day| *day);
        let start = self.problem.day.partition_point(|day| i64::from(*day) <= i64::from(until) - i64::from(self.reach));
        slot - start.min(slot)
    }

    /// Whether a beginning that costs so much, whatever follows, may lead to something better.
    fn may_be_better(&self, cost: Cost) -> bool {
        if self.is_fair { cost < self.best } else { cost[..2] <= self.best[..2] }
    }

    /// What it costs that `person` serves `slot` after the last days; `None` where they cannot.
    fn step(&self, slot: usize, days: &[u8], person: u32) -> Option<Cost> {
        let problem = self.problem;
        let changes = |who: u32| {
            if problem.published[slot] == NONE || problem.published[slot] == who { 0 } else { problem.change[slot] }
        };
        if person == NONE {
            return Some([1, changes(NONE), 0, 0]);
        }
        let who = person as usize;
        let (day, duty) = (problem.day[slot], problem.duty[slot]);
        let mut near = 0;
        for (past, of) in &problem.recent[who] {
            let gap = day - past;
            if gap != 0 {
                near += (problem.wanted[duty * problem.duties + of] - gap).max(0);
            }
        }
        for (back, other) in days.iter().rev().enumerate() {
            if u32::from(*other) != person {
                continue;
            }
            let turn = slot - 1 - back;
            let pair = duty * problem.duties + problem.duty[turn];
            let gap = day - problem.day[turn];
            if gap == 0 || gap < problem.least[pair] {
                return None;
            }
            near += (problem.wanted[pair] - gap).max(0);
        }
        Some([0, changes(person), i64::from(near), i64::from(problem.avoid.has(who, slot))])
    }

    fn choices(&self, slot: usize) -> Vec<u32> {
        if self.problem.fixed[slot] {
            return vec![self.problem.published[slot]];
        }
        let mut all = self.problem.candidates[slot].clone();
        all.push(NONE);
        all
    }

    /// The last days as the next slot sees them.
    fn shifted(&self, slot: usize, days: &[u8], who: u8) -> Vec<u8> {
        let mut next = days.to_vec();
        next.push(who);
        let keep = self.days(slot + 1);
        next.drain(..next.len().saturating_sub(keep));
        next
    }

    /// What the rest costs at least after each end of a beginning, loads left aside.
    fn look_ahead(&mut self) {
        let slots = self.problem.slots();
        let mut layers: Vec<HashMap<Vec<u8>, Cost>> = vec![HashMap::from([(Vec::new(), [0; 4])])];
        let mut looked = 0;
        for slot in 0..slots {
            let mut next = HashMap::new();
            for (days, cost) in &layers[slot] {
                for person in self.choices(slot) {
                    let Some(step) = self.step(slot, days, person) else { continue };
                    let cost = add(*cost, step);
                    looked += 1;
                    if !self.may_be_better(add(cost, self.rest[slot + 1])) {
                        continue;
                    }
                    let least = next.entry(self.shifted(slot, days, byte(person))).or_insert(cost);
                    *least = cost.min(*least);
                }
                if looked > PATIENCE / 3 {
                    return;
                }
            }
            layers.push(next);
        }
        let mut ahead = vec![HashMap::new(); slots + 1];
        ahead[slots] = layers[slots].keys().map(|days| (days.clone(), [0; 4])).collect();
        for slot in (0..slots).rev() {
            let mut here = HashMap::new();
            for days in layers[slot].keys() {
                let costs = self.choices(slot).into_iter().filter_map(|person| {
                    let step = self.step(slot, days, person)?;
                    Some(add(step, *ahead[slot + 1].get(&self.shifted(slot, days, byte(person)))?))
                });
                if let Some(least) = costs.min() {
                    here.insert(days.clone(), least);
                }
            }
            ahead[slot] = here;
        }
        self.ahead = ahead;
    }

    /// All beginnings, slot by slot; the best plan, or the one that was known. `None` where it was given up.
    fn run(&mut self) -> Option<(Key, Vec<u32>)> {
        let problem = self.problem;
        let pairs = problem.people * problem.duties;
        let start = Beginning { days: Vec::new(), loads: vec![0; pairs], cost: [0; 4], parent: 0, who: NOBODY };
        let mut layers: Vec<Vec<Beginning>> = vec![vec![start]];
        for slot in 0..problem.slots() {
            let mut next: Vec<Beginning> = Vec::new();
            let mut known: HashMap<(Vec<u8>, Vec<i64>), usize> = HashMap::new();
            for (n, beginning) in layers[slot].iter().enumerate() {
                for person in self.choices(slot) {
                    self.patience = self.patience.checked_sub(1)?;
                    let Some(longer) = self.longer(slot, n, beginning, person) else { continue };
                    match known.entry((longer.days.clone(), longer.loads.clone())) {
                        std::collections::hash_map::Entry::Vacant(entry) => {
                            entry.insert(next.len());
                            next.push(longer);
                        }
                        std::collections::hash_map::Entry::Occupied(entry) => {
                            if longer.cost < next[*entry.get()].cost {
                                next[*entry.get()] = longer;
                            }
                        }
                    }
                }
            }
            layers.push(next);
        }
        let last = layers.len() - 1;
        let scored = layers[last].iter().enumerate().map(|(n, beginning)| (self.whole(beginning), n));
        let Some((key, mut at)) = scored.min().filter(|(key, _)| *key < self.key) else {
            return Some((self.as_key(self.key), Vec::new()));
        };
        let mut who = vec![NONE; problem.slots()];
        for layer in (1..=last).rev() {
            let beginning = &layers[layer][at];
            who[layer - 1] = if beginning.who == NOBODY { NONE } else { u32::from(beginning.who) };
            at = beginning.parent as usize;
        }
        Some((self.as_key(key), who))
    }

    fn longer(&self, slot: usize, n: usize, beginning: &Beginning, person: u32) -> Option<Beginning> {
        let problem = self.problem;
        let cost = add(beginning.cost, self.step(slot, &beginning.days, person)?);
        let days = self.shifted(slot, &beginning.days, byte(person));
        let rest = match self.ahead.get(slot + 1) {
            Some(ahead) => *ahead.get(&days)?,
            None => self.rest[slot + 1],
        };
        if !self.may_be_better(add(cost, rest)) {
            return None;
        }
        let mut loads = beginning.loads.clone();
        if person != NONE {
            let pair = person as usize * problem.duties + problem.duty[slot];
            loads[pair] += problem.points[slot];
            // Whoever has too much by now will not have less.
            if 1000 * loads[pair] - problem.targets[pair] - problem.tolerance > self.key[3]
                && cost[..2] == self.best[..2]
            {
                return None;
            }
        }
        Some(Beginning { days, loads, cost, parent: index(n), who: byte(person) })
    }

    fn whole(&self, beginning: &Beginning) -> [i64; 7] {
        let excess = beginning
            .loads
            .iter()
            .zip(self.problem.targets)
            .map(|(load, target)| ((1000 * load - target).abs() - self.problem.tolerance).max(0));
        let (most, sum) = excess.fold((0, 0), |(most, sum), one| (one.max(most), sum + one));
        let [uncovered, changed, near, unwanted] = beginning.cost;
        [uncovered, 0, changed, most, sum, near, unwanted]
    }

    fn as_key(&self, levels: [i64; 7]) -> Key {
        let mut key = [i64::MAX; 8];
        key[..7].copy_from_slice(&levels);
        key
    }
}

fn add(one: Cost, other: Cost) -> Cost {
    std::array::from_fn(|level| one[level] + other[level])
}

fn byte(person: u32) -> u8 {
    u8::try_from(person).unwrap_or(NOBODY)
}
