//! One plan under change: who serves what, and its score, kept up to date with every single change.

use super::problem::{NONE, Problem, index};

/// How much what is unfair weighs beside what is merely unpleasant; the true order of levels decides what is kept.
const UNFAIR_AT_ALL: i64 = 3_000;
const BEYOND_WORST: i64 = 8;
/// Milli-points of excess whose square weighs as much as itself, where the greatest is to be brought down.
const BEND: u32 = 12;
/// The most that the square weighs, so that the sum over all people and duties fits.
const MOST_BENT: i64 = 1 << 36;
const A_DAY_TOO_NEAR: i64 = 60;
const UNWANTED: i64 = 60;
/// For an uneven shift, while other levels can get better.
const UNEVEN: i64 = 25;
/// The same when nothing else can, and for whoever has any at all: a hundredth of a shift too much is as hard to mend as a whole one.
const ONLY_UNEVEN: i64 = 1_000;
const UNEVEN_AT_ALL: i64 = 1_000;
/// A day of the week may be served so many times more than another.
const SPREAD: i64 = 2;
/// Thousandths of shifts by which their number may differ from the share.
const COUNT_BAND: i64 = 1000;

/// Some of the numbers below a bound, with one of them drawn at once.
#[derive(Debug, Clone)]
pub(super) struct Bag {
    pub(super) all: Vec<u32>,
    place: Vec<u32>,
}

impl Bag {
    fn new(bound: usize) -> Bag {
        Bag { all: Vec::new(), place: vec![NONE; bound] }
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.place[number] != NONE
    }

    fn set(&mut self, number: usize, is_in: bool) {
        let place = self.place[number];
        if is_in && place == NONE {
            self.place[number] = index(self.all.len());
            self.all.push(index(number));
        } else if !is_in && place != NONE {
            self.all.swap_remove(place as usize);
            if let Some(moved) = self.all.get(place as usize) {
                self.place[*moved as usize] = place;
            }
            self.place[number] = NONE;
        }
    }
}

/// What levels need; the greatest unfairness is looked up when it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) uncovered: i64,
    pub(super) late: i64,
    pub(super) change: i64,
    pub(super) unfair: i64,
    pub(super) spacing: i64,
    pub(super) unwanted: i64,
    /// Thousandths: days of the week and numbers of shifts that differ too much.
    pub(super) uneven: i64,
    /// What the search descends beside the first three.
    pub(super) slope: i64,
}

/// All levels and, last, how uneven it is.
pub(super) type Key = [i64; 8];

#[derive(Debug, Clone)]
pub(super) struct State<'a> {
    pub(super) problem: &'a Problem<'a>,
    /// Slot → person.
    pub(super) who: Vec<u32>,
    /// Slot → buddy.
    pub(super) buddy: Vec<u32>,
    /// Person → slots in order.
    pub(super) turns: Vec<Vec<u32>>,
    /// Person → slots as a buddy.
    pub(super) aids: Vec<Vec<u32>>,
    /// Person who is new → the slot that has their buddy.
    pub(super) beside: Vec<u32>,
    /// `person * duties + duty` → points.
    pub(super) loads: Vec<i64>,
    /// `person * duties + duty` → shifts by day of the week.
    weekly: Vec<[i32; 7]>,
    uneven: Vec<i64>,
    near: Vec<i64>,
    pub(super) sums: Sums,
    /// Excess up to here weighs little, because somebody has it anyway.
    pub(super) worst: i64,
    /// Great excess weighs more than in proportion.
    pub(super) is_bent: bool,
    /// Nothing but evenness can get better.
    is_only_uneven: bool,
    /// How many have more than the best plan's greatest excess, and as much or more.
    pub(super) marks: (i64, i64, i64),
    pub(super) open: Bag,
    pub(super) unfair: Bag,
    pub(super) tight: Bag,
    pub(super) unwanted: Bag,
    pub(super) changed: Bag,
    pub(super) lopsided: Bag,
}

impl<'a> State<'a> {
    /// Nobody serves anything.
    pub(super) fn new(problem: &'a Problem<'a>, worst: i64) -> State<'a> {
        let (people, slots, pairs) = (problem.people, problem.slots(), problem.people * problem.duties);
        let mut state = State {
            problem,
            who: vec![NONE; slots],
            buddy: vec![NONE; slots],
            turns: vec![Vec::new(); people],
            aids: vec![Vec::new(); people],
            beside: vec![NONE; people],
            loads: vec![0; pairs],
            weekly: vec![[0; 7]; pairs],
            uneven: vec![0; pairs],
            near: vec![0; people],
            sums: Sums::default(),
            worst,
            is_bent: true,
            is_only_uneven: false,
            marks: (i64::MAX, 0, 0),
            open: Bag::new(slots),
            unfair: Bag::new(pairs),
            tight: Bag::new(people),
            unwanted: Bag::new(slots),
            changed: Bag::new(slots),
            lopsided: Bag::new(pairs),
        };
        for slot in 0..slots {
            state.open.set(slot, true);
            state.sums.change += if problem.published[slot] == NONE { 0 } else { problem.change[slot] };
            state.changed.set(slot, problem.published[slot] != NONE);
        }
        state.sums.uncovered = i64::try_from(slots).unwrap_or(i64::MAX);
        state.sums.late = (0..people).filter(|person| state.is_late(*person)).count() as i64;
        for pair in 0..pairs {
            let excess = state.excess(pair);
            state.sums.unfair += excess;
            state.sums.slope += state.weight_of(excess);
            state.unfair.set(pair, excess > 0);
            state.count_uneven(pair);
        }
        state
    }

    pub(super) fn excess_of(&self, pair: usize, load: i64) -> i64 {
        ((1000 * load - self.problem.targets[pair]).abs() - self.problem.tolerance).max(0)
    }

    pub(super) fn excess(&self, pair: usize) -> i64 {
        self.excess_of(pair, self.loads[pair])
    }

    pub(super) fn weight_of(&self, excess: i64) -> i64 {
        if excess == 0 {
            return 0;
        }
        let beyond = (excess - self.worst).max(0);
        let excess = excess >> self.problem.shift;
        let bent = if self.is_bent { (excess.saturating_mul(excess) >> BEND).min(MOST_BENT) } else { 0 };
        UNFAIR_AT_ALL + excess + bent + BEYOND_WORST * (beyond >> self.problem.shift)
    }

    /// The greatest excess.
    pub(super) fn fair_max(&self) -> i64 {
        self.unfair.all.iter().map(|pair| self.excess(*pair as usize)).max().unwrap_or_default()
    }

    pub(super) fn key(&self) -> Key {
        let sums = &self.sums;
        [sums.uncovered, sums.late, sums.change, self.fair_max(), sums.unfair, sums.spacing, sums.unwanted, sums.uneven]
    }

    /// Counts from now on who has more excess than `most`.
    pub(super) fn mark(&mut self, most: i64) {
        let excesses = self.unfair.all.iter().map(|pair| self.excess(*pair as usize));
        let (mut more, mut as_much) = (0, 0);
        for excess in excesses {
            more += i64::from(excess > most);
            as_much += i64::from(excess >= most);
        }
        self.marks = (most, more, as_much);
    }

    /// Changes how excess is weighed.
    pub(super) fn weigh(&mut self, worst: i64, is_bent: bool) {
        let all = |state: &State| -> i64 {
            state.unfair.all.iter().map(|pair| state.weight_of(state.excess(*pair as usize))).sum()
        };
        let before = all(self);
        (self.worst, self.is_bent) = (worst, is_bent);
        self.sums.slope += all(self) - before;
    }

    /// From now on nothing but evenness can get better.
    pub(super) fn weigh_only_uneven(&mut self) {
        let all = |state: &State| -> i64 {
            state.lopsided.all.iter().map(|pair| state.weight_of_uneven(state.uneven[*pair as usize])).sum()
        };
        let before = all(self);
        self.is_only_uneven = true;
        self.sums.slope += all(self) - before;
    }

    fn weight_of_uneven(&self, uneven: i64) -> i64 {
        match (self.is_only_uneven, uneven) {
            (_, 0) => 0,
            (true, _) => UNEVEN_AT_ALL + uneven * ONLY_UNEVEN / 1000,
            (false, _) => uneven * UNEVEN / 1000,
        }
    }

    fn change_load(&mut self, pair: usize, points: i64) {
        let before = self.excess(pair);
        self.loads[pair] += points;
        let after = self.excess(pair);
        self.sums.unfair += after - before;
        self.sums.slope += self.weight_of(after) - self.weight_of(before);
        self.unfair.set(pair, after > 0);
        let (most, more, as_much) = &mut self.marks;
        *more += i64::from(after > *most) - i64::from(before > *most);
        *as_much += i64::from(after >= *most) - i64::from(before >= *most);
    }

    fn count_uneven(&mut self, pair: usize) {
        let (days, runs) = (&self.weekly[pair], self.problem.workdays[pair]);
        let (mut most, mut fewest) = (0, i32::MAX);
        for (day, times) in days.iter().enumerate() {
            if runs >> day & 1 == 1 {
                most = most.max(*times);
                fewest = fewest.min(*times);
            }
        }
        let spread = if fewest == i32::MAX { 0 } else { (i64::from(most - fewest) - SPREAD).max(0) };
        let off = (self.beyond_share(pair).abs() - COUNT_BAND).max(0);
        let uneven = 1000 * spread + off;
        self.sums.uneven += uneven - self.uneven[pair];
        self.sums.slope += self.weight_of_uneven(uneven) - self.weight_of_uneven(self.uneven[pair]);
        self.uneven[pair] = uneven;
        self.lopsided.set(pair, uneven > 0);
    }

    /// Thousandths of shifts of somebody beyond their share.
    pub(super) fn beyond_share(&self, pair: usize) -> i64 {
        1000 * i64::from(self.weekly[pair].iter().sum::<i32>()) - self.problem.shares[pair]
    }

    fn is_late(&self, person: usize) -> bool {
        let problem = self.problem;
        let first = self.turns[person].first().map(|slot| problem.day[*slot as usize]);
        problem.deadline[person].is_some_and(|deadline| first.is_none_or(|first| first > deadline))
    }

    /// Days missing to the wanted distance between `slot` and all other turns of `person`.
    pub(super) fn nearness(&self, person: usize, slot: usize) -> i64 {
        let problem = self.problem;
        let (day, duty) = (problem.day[slot], problem.duty[slot]);
        let row = &problem.wanted[duty * problem.duties..(duty + 1) * problem.duties];
        let mut missing = 0;
        for (past, of) in &problem.recent[person] {
            let gap = day - past;
            if gap != 0 {
                missing += (row[*of] - gap).max(0);
            }
        }
        let turns = &self.turns[person];
        let at = turns.partition_point(|turn| (*turn as usize) < slot);
        for turn in turns[..at].iter().rev() {
            let gap = day - problem.day[*turn as usize];
            if gap >= problem.wanted_reach {
                break;
            }
            missing += (row[problem.duty[*turn as usize]] - gap).max(0);
        }
        for turn in &turns[at..] {
            let gap = problem.day[*turn as usize] - day;
            if gap >= problem.wanted_reach {
                break;
            }
            if *turn as usize != slot {
                missing += (row[problem.duty[*turn as usize]] - gap).max(0);
            }
        }
        i64::from(missing)
    }

    /// Gives a slot that nobody has to somebody who fits.
    pub(super) fn give(&mut self, slot: usize, person: usize) {
        self.turn(slot, person, true);
    }

    /// Takes a slot from who has it.
    pub(super) fn take(&mut self, slot: usize) {
        let person = self.who[slot];
        if person != NONE {
            self.turn(slot, person as usize, false);
        }
    }

    fn turn(&mut self, slot: usize, person: usize, gives: bool) {
        let problem = self.problem;
        let sign = if gives { 1 } else { -1 };
        let was_late = problem.is_new[person] && self.is_late(person);
        let near = sign * self.nearness(person, slot);
        let turns = &mut self.turns[person];
        let at = turns.partition_point(|turn| (*turn as usize) < slot);
        if gives {
            turns.insert(at, index(slot));
            self.who[slot] = index(person);
        } else {
            turns.remove(at);
            self.who[slot] = NONE;
        }
        self.sums.uncovered -= sign;
        self.open.set(slot, !gives);
        self.sums.spacing += near;
        self.near[person] += near;
        self.tight.set(person, self.near[person] > 0);
        self.sums.slope += near * A_DAY_TOO_NEAR;
        let pair = person * problem.duties + problem.duty[slot];
        self.change_load(pair, sign * problem.points[slot]);
        self.weekly[pair][(problem.day[slot] + 3).rem_euclid(7) as usize] += sign as i32;
        self.count_uneven(pair);
        if problem.avoid.has(person, slot) {
            self.sums.unwanted += sign;
            self.sums.slope += sign * UNWANTED;
            self.unwanted.set(slot, gives);
        }
        if problem.published[slot] == index(person) {
            self.sums.change -= sign * problem.change[slot];
            self.changed.set(slot, !gives);
        }
        if problem.is_new[person] {
            self.sums.late += i64::from(self.is_late(person)) - i64::from(was_late);
        }
    }

    /// Puts somebody beside who has this slot, or nobody.
    pub(super) fn set_buddy(&mut self, slot: usize, buddy: u32) {
        let problem = self.problem;
        let half = problem.points[slot] / 2;
        let before = self.buddy[slot];
        if before != NONE {
            self.aids[before as usize].retain(|aid| *aid as usize != slot);
            self.change_load(before as usize * problem.duties + problem.duty[slot], -half);
        }
        self.buddy[slot] = buddy;
        if buddy != NONE {
            self.aids[buddy as usize].push(index(slot));
            self.change_load(buddy as usize * problem.duties + problem.duty[slot], half);
        }
    }

    /// Whether `person` has any role on the day of `slot`, other than in `slot` itself.
    pub(super) fn is_busy(&self, person: usize, slot: usize) -> bool {
        let day = self.problem.day[slot];
        let on_day = |other: &u32| self.problem.day[*other as usize] == day && *other as usize != slot;
        let turns = &self.turns[person];
        let at = turns.partition_point(|turn| self.problem.day[*turn as usize] < day);
        self.aids[person].iter().any(on_day) || turns[at..].iter().take(2).any(on_day)
    }

    /// How many days the nearest shift of `person` that is too near to `slot` is away.
    pub(super) fn nearest_clash(&self, person: usize, slot: usize) -> Option<i32> {
        let problem = self.problem;
        let (day, duty) = (problem.day[slot], problem.duty[slot]);
        let turns = self.turns[person].iter().map(|turn| (problem.day[*turn as usize], problem.duty[*turn as usize]));
        let all = turns.chain(problem.recent[person].iter().copied());
        let pairs = all.map(|(other, of)| ((day - other).abs(), problem.least[duty * problem.duties + of]));
        pairs.filter(|(days, least)| days < least).map(|(days, _)| days).min()
    }

    /// The turns of `person` that are too near to `slot`; `None` where they cannot serve it at all.
    pub(super) fn clashes(&self, person: usize, slot: usize, found: &mut Vec<u32>) -> bool {
        found.clear();
        let problem = self.problem;
        if !problem.open.has(person, slot) {
            return false;
        }
        let day = problem.day[slot];
        if self.aids[person].iter().any(|aid| problem.day[*aid as usize] == day) {
            return false;
        }
        let duty = problem.duty[slot];
        let row = &problem.least[duty * problem.duties..(duty + 1) * problem.duties];
        let reach = problem.least_reach.max(1);
        let turns = &self.turns[person];
        let at = turns.partition_point(|turn| (*turn as usize) < slot);
        for turn in turns[..at].iter().rev() {
            let gap = day - problem.day[*turn as usize];
            if gap >= reach {
                break;
            }
            if gap == 0 || gap < row[problem.duty[*turn as usize]] {
                found.push(*turn);
            }
        }
        for turn in &turns[at..] {
            let gap = problem.day[*turn as usize] - day;
            if gap >= reach {
                break;
            }
            if (gap == 0 && *turn as usize != slot) || (gap > 0 && gap < row[problem.duty[*turn as usize]]) {
                found.push(*turn);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::tiny;
    use super::super::super::{Facts, read};
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_greatest_carries_of_many_people_and_duties_add_up() {
        let mut json = tiny();
        let (duty, one) = (json["duties"][0].clone(), json["people"][0].clone());
        let names: Vec<String> = (0..100).map(|n| format!("duty{n}")).collect();
        let of_all = |number: i64| Value::Object(names.iter().map(|name| (name.clone(), json!(number))).collect());
        let duties = names.iter().map(|name| {
            let mut duty = duty.clone();
            (duty["id"], duty["weekdays"]) = (json!(name), json!([1]));
            duty
        });
        json["duties"] = duties.collect();
        let people = (0..800).map(|n| {
            let mut person = one.clone();
            (person["id"], person["members"]) = (json!(format!("p{n}")), of_all(1000));
            person["carry"] = of_all(if n % 3 == 0 { -1_000_000 } else { 1_000_000 });
            person
        });
        json["people"] = people.collect();
        let facts = Facts::new(read(&json).unwrap()).unwrap();
        let problem = Problem::new(&facts);
        let mut state = State::new(&problem, 0);
        let bent = state.sums.slope;
        state.weigh(0, false);
        assert!(bent > state.sums.slope && state.sums.slope > 0, "{bent} and {}", state.sums.slope);
    }
}
