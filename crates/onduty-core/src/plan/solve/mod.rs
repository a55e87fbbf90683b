//! Making a plan: construct, repair, search. The same facts, seed and number of moves give the same plan on every machine.

mod anneal;
mod bounds;
mod construct;
mod exact;
mod explain;
mod moves;
mod polish;
mod problem;
mod random;
mod state;

pub use explain::{Reasons, RunnerUp, WayOut, Why, explain};

use super::check::{Verdict, Violation, check};
use super::day::Day;
use super::facts::Facts;
use super::score::Score;
use super::solution::{Assignment, Solution, Uncovered};
use anneal::{Best, Part, anneal};
use bounds::Bounds;
use construct::construct;
use problem::{NONE, Problem};
use random::Random;
use state::State;
use std::collections::BTreeMap;

/// People times slots of a plan that is made at once.
const MOST_PAIRS: usize = 25_000_000;

/// Parts of the search: share of the moves in percent, patience at beginning and end, whether the greatest unfairness is pressed down.
const PARTS: [(u64, f64, f64, bool); 4] =
    [(30, 3000.0, 12.0, true), (20, 1500.0, 10.0, true), (35, 2000.0, 10.0, false), (15, 100.0, 4.0, false)];

/// Moves that are tried unless more are asked for: some minutes.
const MOST_USUAL_MOVES: u64 = 100_000_000;

/// When nothing but evenness can get better it starts again from the best plan, as often as moves are left, each time with this part of them.
const EVENING: u64 = 40;
/// Where less than a shift is left to even out, nobody said how many moves to try, and these times as many may bring it.
const PATIENT: u64 = 4;
const A_SHIFT: i64 = 1_000;
/// Patience at its beginning, by turns: far and near.
const EVENING_HOT: [f64; 2] = [500.0, 1500.0];

/// How a plan is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Where the search goes first.
    pub seed: u64,
    /// How many moves it tries; `None` for as many as the size wants.
    pub moves: Option<u64>,
}

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// Two shifts that must stay are too near to each other.
    #[error(
        "{person} is published for {day} and must stay there, which is too near to their shift of {other}; end the freeze before one of them"
    )]
    Frozen {
        /// Whose.
        person: String,
        /// The other shift, published or served.
        other: Day,
        /// The frozen one.
        day: Day,
    },
    /// Somebody new is frozen on a first shift to which no buddy can come.
    #[error(
        "{person} is new, is published for {day} and must stay there, and nobody who is experienced is free that day"
    )]
    NoBuddy {
        /// Who.
        person: String,
        /// When.
        day: Day,
    },
    /// What was made breaks a hard rule: never shown to anybody as a plan.
    #[error("the plan that was made breaks {} on {}: this is a fault of onduty", .0.rule(), .0.day)]
    Broken(Box<Violation>),
    /// More than fits.
    #[error(
        "{pairs} combinations of people and slots are too many to plan at once, {MOST_PAIRS} are taken; plan a shorter horizon"
    )]
    TooLarge {
        /// People times slots.
        pairs: usize,
    },
}

/// A plan and how good it is.
#[derive(Debug, Clone)]
pub struct Solved {
    /// Who serves when.
    pub solution: Solution,
    /// What the checker says of it; without violations.
    pub verdict: Verdict,
    /// What no plan can be better than, level by level.
    pub bound: Score,
    /// Thousandths of shifts by which days of the week and numbers of shifts differ too much; beside the levels.
    pub uneven: i64,
    /// The seed.
    pub seed: u64,
    /// How many moves were tried.
    pub moves: u64,
}

impl Solved {
    /// Level by level whether no plan can be better.
    pub fn proven(&self) -> [bool; 7] {
        std::array::from_fn(|level| self.verdict.score.0[level] <= self.bound.0[level])
    }
}

/// Makes a plan.
///
/// # Errors
/// No plan can hold the hard rules, the one that was made does not, or the instance is too large.
pub fn solve(facts: &Facts, settings: &Settings) -> Result<Solved, Impossible> {
    let pairs = facts.people().saturating_mul(facts.slots.len());
    if pairs > MOST_PAIRS {
        return Err(Impossible::TooLarge { pairs });
    }
    let problem = Problem::new(facts);
    let name = |person: usize| facts.instance.people[person].id.clone();
    if let Some((other, day, person)) = problem.frozen_clash() {
        return Err(Impossible::Frozen { person: name(person), other, day });
    }
    let mut random = Random::new(settings.seed);
    let bounds = Bounds::of(&problem);
    let worst = bounds.where_uncovered(0)[3];
    let mut state = construct(&problem, worst, &mut random);
    if let Some(slot) = (0..problem.slots()).find(|slot| problem.fixed[*slot] && state.who[*slot] == NONE) {
        return Err(Impossible::NoBuddy { person: name(problem.published[slot] as usize), day: facts.slots[slot].day });
    }
    let budget = settings.moves.unwrap_or_else(|| usual_moves(problem.slots() as u64));
    let mut best = Best::of(&state);
    let patient = if settings.moves.is_none() { PATIENT * budget } else { budget };
    let made = search(&bounds, &mut state, &mut best, [budget, patient], &mut random);
    let mut bound = bounds.where_uncovered(best.key[0]);
    if best.key[..7] > bound[..7] && exact::improve(&problem, &mut best, &bound) {
        bound[..7].copy_from_slice(&best.key[..7]);
    }
    let mut state = restored(&problem, &best, worst);
    if best.key[0] > bound[0] {
        construct::repair(&mut state, &mut random);
    }
    polish::polish(&mut state, &mut random);
    // It may have freed somebody with its last change.
    construct::fill(&mut state, &mut random);
    if state.sums.uncovered < best.key[0] {
        bound = bounds.where_uncovered(state.sums.uncovered);
    }
    let solution = as_solution(&problem, &state);
    let verdict = judged(facts, &solution)?;
    let [levels @ .., _] = bound;
    Ok(Solved { solution, verdict, bound: Score(levels), uneven: state.sums.uneven, seed: settings.seed, moves: made })
}

/// What leaves here was judged, always.
fn judged(facts: &Facts, solution: &Solution) -> Result<Verdict, Impossible> {
    let verdict = check(facts, solution);
    match verdict.violations.first() {
        Some(violation) => Err(Impossible::Broken(Box::new(violation.clone()))),
        None => Ok(verdict),
    }
}

/// Moves of the search that so many slots want.
pub fn usual_moves(slots: u64) -> u64 {
    (200_000 + 6_000 * slots + 7 * slots * slots).min(MOST_USUAL_MOVES)
}

fn search<'a>(
    bounds: &Bounds,
    state: &mut State<'a>,
    best: &mut Best,
    [budget, patient]: [u64; 2],
    random: &mut Random,
) -> u64 {
    let mut made = 0;
    let is_done = |best: &Best| best.key[..7] <= bounds.where_uncovered(best.key[0])[..7];
    for (share, hot, cold, presses) in PARTS {
        if is_done(best) {
            break;
        }
        if made > 0 {
            *state = restored(state.problem, best, best.key[3]);
        }
        let part = Part { hot, cold, moves: budget * share / 100, presses };
        made += anneal(state, best, part, &bounds.where_uncovered(best.key[0]), random);
    }
    for hot in EVENING_HOT.into_iter().cycle() {
        if !is_done(best) || best.key[7] == 0 {
            break;
        }
        *state = restored(state.problem, best, best.key[3]);
        polish::even_out(state, random);
        *best = Best::of(state);
        if made >= if best.key[7] < A_SHIFT { patient } else { budget } {
            break;
        }
        let part = Part { hot, cold: 8.0, moves: (budget / EVENING).max(1), presses: false };
        made += anneal(state, best, part, &bounds.where_uncovered(best.key[0]), random);
    }
    made
}

/// The best plan as a state.
fn restored<'a>(problem: &'a Problem<'a>, best: &Best, worst: i64) -> State<'a> {
    let mut state = State::new(problem, worst);
    for (slot, person) in best.who.iter().enumerate().filter(|(_, person)| **person != NONE) {
        state.give(slot, *person as usize);
        if best.buddy[slot] != NONE {
            state.set_buddy(slot, best.buddy[slot]);
            state.beside[*person as usize] = problem::index(slot);
        }
    }
    state
}

fn as_solution(problem: &Problem, state: &State) -> Solution {
    let facts = problem.facts;
    let mut solution = Solution::default();
    let name = |person: u32| facts.instance.people[person as usize].id.clone();
    for (slot, here) in facts.slots.iter().enumerate() {
        let duty = facts.instance.duties[here.duty].id.clone();
        if state.who[slot] == NONE {
            solution.uncovered.push(Uncovered { day: here.day, duty, why: Some(why_nobody(problem, state, slot)) });
            continue;
        }
        let (start, end) = facts.instants(slot);
        solution.assignments.push(Assignment {
            day: here.day,
            duty,
            person: name(state.who[slot]),
            buddy: (state.buddy[slot] != NONE).then(|| name(state.buddy[slot])),
            start: Some(start.to_string()),
            end: Some(end.to_string()),
        });
    }
    solution
}

/// Why each member cannot serve a slot that nobody serves.
fn why_nobody(problem: &Problem, state: &State, slot: usize) -> BTreeMap<String, String> {
    let facts = problem.facts;
    let mut why = BTreeMap::new();
    let mut found = Vec::new();
    for (person, who) in facts.instance.people.iter().enumerate() {
        let code = match facts.blocked(person, slot) {
            Some(super::facts::Static::NotMember) => continue,
            Some(code) => code.code(),
            None if state.is_busy(person, slot) => "other_duty",
            None if !state.clashes(person, slot, &mut found) || !found.is_empty() => "min_gap",
            None => "needs_buddy",
        };
        why.insert(who.id.clone(), code.to_owned());
    }
    why
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::super::tests::tiny;
    use super::*;

    #[test]
    fn a_plan_that_breaks_a_rule_does_not_leave() {
        let facts = Facts::new(read(&tiny()).unwrap()).unwrap();
        let refused = judged(&facts, &Solution::default()).unwrap_err();
        let said = "the plan that was made breaks H1 on 2026-03-02: this is a fault of onduty";
        assert_eq!(refused.to_string(), said);
        let solved = solve(&facts, &Settings::default()).unwrap();
        assert_eq!(judged(&facts, &solved.solution), Ok(solved.verdict));
    }

    #[test]
    fn the_usual_moves_grow_with_the_slots_to_some_minutes() {
        for (slots, moves) in [(0, 200_000), (100, 870_000), (1_280, 19_348_800), (400_000, 100_000_000)] {
            assert_eq!(usual_moves(slots), moves, "{slots}");
        }
    }
}
