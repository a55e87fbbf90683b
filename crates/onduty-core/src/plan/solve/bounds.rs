//! What no plan can be better than, so that a level that is as good is proven.

use super::problem::Problem;
use super::state::Key;
use std::cell::OnceCell;

/// Slots and candidates that the search for what must stay uncovered may look at.
const PATIENCE: usize = 30_000_000;

/// Lower bounds of one problem.
pub(super) struct Bounds<'a> {
    problem: &'a Problem<'a>,
    /// The dearest of them does not depend on the plan.
    uncovered: OnceCell<i64>,
}

impl<'a> Bounds<'a> {
    pub(super) fn of(problem: &'a Problem<'a>) -> Bounds<'a> {
        Bounds { problem, uncovered: OnceCell::new() }
    }

    /// A bound for each level, whatever the others are; where `uncovered` slots have nobody.
    pub(super) fn where_uncovered(&self, uncovered: i64) -> Key {
        let problem = self.problem;
        let least = || *self.uncovered.get_or_init(|| uncovered_at_least(problem, &mut { PATIENCE }));
        let (fair_max, fair_sum) = unfair_at_least(problem, uncovered);
        let unwanted = problem.candidates.iter().enumerate().filter(|(slot, all)| {
            !all.is_empty() && all.iter().all(|person| problem.avoid.has(*person as usize, *slot))
        });
        [
            if uncovered == 0 { 0 } else { least() },
            late_at_least(problem),
            change_at_least(problem),
            fair_max,
            fair_sum,
            0,
            (unwanted.count() as i64 - uncovered).max(0),
            0,
        ]
    }
}

/// Joiners who can serve nothing in time.
fn late_at_least(problem: &Problem) -> i64 {
    let is_hopeless = |person: &usize| {
        problem.deadline[*person].is_some_and(|deadline| {
            let mut in_time = (0..problem.slots()).take_while(|slot| problem.day[*slot] <= deadline);
            !in_time.any(|slot| problem.open.has(*person, slot))
        })
    };
    (0..problem.people).filter(is_hopeless).count() as i64
}

/// What is published and has become impossible.
fn change_at_least(problem: &Problem) -> i64 {
    let gone = (0..problem.slots()).filter(|slot| {
        let person = problem.published[*slot] as usize;
        person < problem.people && !problem.open.has(person, *slot)
    });
    gone.map(|slot| problem.change[slot]).sum()
}

/// Within as many days as the least distance everybody serves once at most: what cannot be matched then stays uncovered. The most over
/// stretches that do not overlap.
fn uncovered_at_least(problem: &Problem, patience: &mut usize) -> i64 {
    let (Some(first), Some(last)) = (problem.day.first(), problem.day.last()) else { return 0 };
    let mut lengths: Vec<i32> = problem.facts.instance.duties.iter().map(|duty| duty.min_gap.max(1)).collect();
    lengths.push(1);
    lengths.sort_unstable();
    lengths.dedup();
    let days = usize::try_from(last - first + 1).unwrap_or_default();
    // The most from the first day to the day before this one.
    let mut most = vec![0; days + 1];
    for day in 0..days {
        most[day + 1] = most[day + 1].max(most[day]);
        for length in &lengths {
            if *patience == 0 {
                break;
            }
            let end = day.saturating_add(usize::try_from(*length).unwrap_or(usize::MAX)).min(days);
            let from = first + i32::try_from(day).unwrap_or_default();
            let until = first + i32::try_from(end).unwrap_or_default();
            let start = problem.day.partition_point(|day| *day < from);
            let window = start..problem.day.partition_point(|day| *day < until);
            *patience = patience.saturating_sub(window.len());
            let is_bound = |slot: &usize| problem.facts.instance.duties[problem.duty[*slot]].min_gap.max(1) >= *length;
            let missing = unmatched(problem, &window.filter(is_bound).collect::<Vec<_>>(), patience);
            most[end] = most[end].max(most[day] + missing);
        }
    }
    most[days]
}

/// How many of these slots have nobody when everybody serves once at most.
fn unmatched(problem: &Problem, slots: &[usize], patience: &mut usize) -> i64 {
    let mut taken = std::collections::HashMap::new();
    let mut missing = 0;
    for (n, slot) in slots.iter().enumerate() {
        let mut seen = std::collections::HashSet::new();
        if *patience == 0 {
            break;
        }
        if !augment(problem, slots, n, *slot, &mut taken, &mut seen, patience) {
            // Given up in the middle proves nothing.
            missing += i64::from(*patience > 0);
        }
    }
    missing
}

fn augment(
    problem: &Problem,
    slots: &[usize],
    n: usize,
    slot: usize,
    taken: &mut std::collections::HashMap<u32, usize>,
    seen: &mut std::collections::HashSet<u32>,
    patience: &mut usize,
) -> bool {
    for person in &problem.candidates[slot] {
        *patience = patience.saturating_sub(1);
        if !taken.contains_key(person) {
            taken.insert(*person, n);
            return true;
        }
    }
    for person in &problem.candidates[slot] {
        if *patience == 0 || !seen.insert(*person) {
            continue;
        }
        let Some(other) = taken.get(person).copied() else { continue };
        if augment(problem, slots, other, slots[other], taken, seen, patience) {
            taken.insert(*person, n);
            return true;
        }
    }
    false
}

/// The greatest excess and the sum, from how much each person can serve at all and that somebody has to serve the rest.
fn unfair_at_least(problem: &Problem, uncovered: i64) -> (i64, i64) {
    let news = (0..problem.people).filter(|person| problem.is_new[*person]).count() as i64;
    // Somebody has to serve each slot, even the heaviest.
    let mut greatest = if uncovered == 0 { heaviest_alone(problem) } else { 0 };
    let mut sum = 0;
    for duty in 0..problem.duties {
        let slots = &problem.slots_of[duty];
        let points = || slots.iter().map(|slot| problem.points[*slot as usize]);
        let heaviest = points().max().unwrap_or_default();
        // Half points of buddies may be any whole number.
        let mut grain = points().fold(0, greatest_divisor);
        if news > 0 {
            grain = points().map(|points| points / 2).fold(grain, greatest_divisor);
        }
        let grain = grain.max(1);
        let mut most = Vec::with_capacity(problem.people);
        for person in 0..problem.people {
            let aids = if problem.facts.instance.people[person].experienced { news * (heaviest / 2) } else { 0 };
            let can = most_points(problem, person, duty) + aids;
            most.push(can);
            let alone = least_excess(problem, person * problem.duties + duty, can, grain);
            greatest = greatest.max(alone);
            sum += alone;
        }
        let all: i64 = points().sum::<i64>() - uncovered * heaviest;
        let fits = |excess: i64| {
            let caps = (0..problem.people).map(|person| {
                let target = problem.targets[person * problem.duties + duty];
                let above = ((target + problem.tolerance + excess) / 1000).div_euclid(grain) * grain;
                above.min(most[person]).max(0)
            });
            caps.sum::<i64>() >= all
        };
        if fits(greatest) || !fits(i64::MAX / 4) {
            continue;
        }
        let (mut low, mut high) = (greatest, 1_i64.max(greatest));
        while !fits(high) {
            high = high.saturating_mul(2);
        }
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if fits(middle) { high = middle } else { low = middle }
        }
        greatest = high;
    }
    (greatest, sum.max(greatest))
}

/// The excess of whoever can best bear the slot that is hardest to bear.
fn heaviest_alone(problem: &Problem) -> i64 {
    let alone = (0..problem.slots()).filter_map(|slot| {
        let excess = |person: &u32| {
            let target = problem.targets[*person as usize * problem.duties + problem.duty[slot]];
            1000 * problem.points[slot] - target - problem.tolerance
        };
        problem.candidates[slot].iter().map(excess).min()
    });
    alone.max().unwrap_or_default().max(0)
}

fn least_excess(problem: &Problem, pair: usize, can: i64, grain: i64) -> i64 {
    let target = problem.targets[pair];
    let below = (target / 1000).div_euclid(grain) * grain;
    let loads = [below.min(can), (below + grain).min(can)];
    let excess = |load: i64| ((1000 * load - target).abs() - problem.tolerance).max(0);
    loads.into_iter().map(excess).min().unwrap_or_default()
}

/// The heaviest slots of a duty that somebody can serve with the least distance between them.
fn most_points(problem: &Problem, person: usize, duty: usize) -> i64 {
    let gap = problem.least[duty * problem.duties + duty].max(1);
    let mine: Vec<usize> = problem.slots_of[duty]
        .iter()
        .map(|slot| *slot as usize)
        .filter(|slot| problem.open.has(person, *slot))
        .collect();
    let mut best = vec![0; mine.len() + 1];
    let mut before = 0;
    for (n, slot) in mine.iter().enumerate() {
        while problem.day[mine[before]] <= problem.day[*slot] - gap {
            before += 1;
        }
        best[n + 1] = best[n].max(best[before] + problem.points[*slot]);
    }
    best[mine.len()]
}

fn greatest_divisor(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { greatest_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::tiny;
    use super::super::super::{Facts, read};
    use super::*;
    use serde_json::json;

    #[test]
    fn what_must_stay_uncovered_is_looked_for_as_long_as_patience_lasts() {
        let mut json = tiny();
        json["horizon"]["last"] = json!("2026-06-07");
        let duty = json["duties"][0].clone();
        let duties = (1..=20).map(|gap| {
            let mut duty = duty.clone();
            (duty["id"], duty["min_gap_days"]) = (json!(format!("duty{gap}")), json!(gap));
            duty
        });
        json["duties"] = duties.collect();
        for person in json["people"].as_array_mut().unwrap() {
            person["members"] = json!({});
        }
        let facts = Facts::new(read(&json).unwrap()).unwrap();
        let problem = Problem::new(&facts);
        let mut patience = PATIENCE;
        assert_eq!(uncovered_at_least(&problem, &mut patience), 70 * 20, "nobody is a member of anything");
        assert!(patience < PATIENCE - 100_000, "looking through stretches costs nothing: {patience} are left");
        // Given up in the middle it is a bound all the same.
        let mut patience = 10_000;
        let least = uncovered_at_least(&problem, &mut patience);
        assert!(patience == 0 && (1..70 * 20).contains(&least), "{least}, {patience} are left");
    }
}
