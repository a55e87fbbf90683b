//! Why this person on this day, why not another, and what would help where nobody can: data, which others word.

use super::super::day::Day;
use super::super::facts::{Facts, Static};
use super::super::score::LEVELS;
use super::super::solution::Solution;
use super::moves::Journal;
use super::polish::{change, exchanges};
use super::problem::{NONE, Problem, index};
use super::random::Random;
use super::state::{Key, State};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Other plans that are compared, over all slots.
const MOST_COMPARED: usize = 4_000_000;
/// … and for one slot at least.
const LEAST_COMPARED: usize = 20;
/// People that one way out names.
const NAMED: usize = 3;

/// Everything that a plan can say for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasons {
    /// One for each slot that somebody serves, in order.
    pub served: Vec<Why>,
    /// For each slot that nobody serves, what would help, the cheapest first.
    pub uncovered: Vec<Vec<WayOut>>,
}

/// Why this person on this day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// When.
    pub day: Day,
    /// Of which duty.
    pub duty: String,
    /// Who.
    pub person: String,
    /// How many others could serve it and nothing else would have to move.
    pub others: usize,
    /// How many could not, by code; people of other duties are not counted.
    pub excluded: BTreeMap<String, usize>,
    /// Points that the person serves of this duty.
    pub load: i64,
    /// Thousandths of points that would be their share.
    pub target_milli: i64,
    /// Days since the turn before, of any duty.
    pub days_since_last: Option<i32>,
    /// The next best plan with somebody else here.
    pub runner_up: Option<RunnerUp>,
}

/// Who else, and what that would make worse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerUp {
    /// Who.
    pub person: String,
    /// The turn that the two would exchange; `None` where nothing else moves.
    pub exchange: Option<(Day, String)>,
    /// The first level that differs, and by how much it gets worse: less than 0 where the search left something better; `None` where it would
    /// be as good.
    pub worse: Option<(String, i64)>,
}

/// What would give somebody to a slot that nobody can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayOut {
    /// Somebody about to leave, or just back, volunteers.
    WaiveGuard {
        /// Who.
        person: String,
    },
    /// Somebody serves again sooner than the least distance.
    ShortenGap {
        /// Who.
        person: String,
        /// To so many days.
        days: i32,
    },
    /// Somebody of another duty, or without the skill.
    Borrow {
        /// Who.
        person: String,
    },
    /// The day stays without anybody.
    LeaveOpen,
}

/// Explains a valid plan; the seed draws who would be beside somebody new.
pub fn explain(facts: &Facts, solution: &Solution, seed: u64) -> Reasons {
    let problem = Problem::new(facts);
    let mut state = state_of(&problem, solution);
    let slots = problem.slots().max(1);
    let most = (MOST_COMPARED / slots).max(LEAST_COMPARED);
    let known = state.key();
    let mut random = Random::new(seed);
    let mut reasons = Reasons { served: Vec::new(), uncovered: Vec::new() };
    for slot in 0..problem.slots() {
        if state.who[slot] == NONE {
            reasons.uncovered.push(ways_out(&state, slot));
        } else {
            reasons.served.push(why(&mut state, slot, &known, most, &mut random));
        }
    }
    reasons
}

fn state_of<'a>(problem: &'a Problem<'a>, solution: &Solution) -> State<'a> {
    let facts = problem.facts;
    let people: HashMap<&str, usize> =
        facts.instance.people.iter().enumerate().map(|(n, who)| (who.id.as_str(), n)).collect();
    let duties: HashMap<&str, usize> =
        facts.instance.duties.iter().enumerate().map(|(n, duty)| (duty.id.as_str(), n)).collect();
    let mut state = State::new(problem, 0);
    for said in &solution.assignments {
        let slot = duties.get(said.duty.as_str()).and_then(|duty| facts.slot_at(said.day, *duty));
        let (Some(slot), Some(person)) = (slot, people.get(said.person.as_str())) else { continue };
        state.give(slot, *person);
        if let Some(buddy) = said.buddy.as_ref().and_then(|buddy| people.get(buddy.as_str())) {
            state.set_buddy(slot, index(*buddy));
            state.beside[*person] = index(slot);
        }
    }
    state
}

fn name(problem: &Problem, person: usize) -> String {
    problem.facts.instance.people[person].id.clone()
}

fn why(state: &mut State, slot: usize, known: &Key, most: usize, random: &mut Random) -> Why {
    let problem = state.problem;
    let facts = problem.facts;
    let person = state.who[slot] as usize;
    let pair = person * problem.duties + problem.duty[slot];
    let turns = &state.turns[person];
    let at = turns.partition_point(|turn| (*turn as usize) < slot);
    let before = at.checked_sub(1).map(|at| problem.day[turns[at] as usize]);
    let past =
        facts.instance.people[person].history.iter().map(|served| served.day.0).filter(|day| *day < problem.day[slot]);
    let before = before.into_iter().chain(past).max();
    let (mut excluded, mut others) = (BTreeMap::new(), 0);
    let (mut found, mut journal) = (Vec::new(), Journal::default());
    for other in (0..problem.people).filter(|other| *other != person) {
        let code = match facts.blocked(other, slot) {
            Some(Static::NotMember) => continue,
            Some(code) => code.code(),
            None if state.is_busy(other, slot) => "other_duty",
            None if !state.clashes(other, slot, &mut found) || !found.is_empty() => "min_gap",
            None if is_without_buddy(state, slot, index(other), random, &mut journal) => "needs_buddy",
            None => {
                others += 1;
                continue;
            }
        };
        *excluded.entry(code.to_owned()).or_default() += 1;
    }
    let (load, target_milli) = (state.loads[pair], problem.targets[pair]);
    let runner_up = runner_up(state, slot, known, most, random);
    Why {
        day: facts.slots[slot].day,
        duty: facts.instance.duties[problem.duty[slot]].id.clone(),
        person: name(problem, person),
        others,
        excluded,
        load,
        target_milli,
        days_since_last: before.map(|day| problem.day[slot] - day),
        runner_up,
    }
}

/// Whether somebody who fits cannot serve instead, because they or who serves now would be without a buddy on a first shift.
fn is_without_buddy(state: &mut State, slot: usize, other: u32, random: &mut Random, journal: &mut Journal) -> bool {
    let is_new = |person: u32| state.problem.is_new[person as usize];
    if !is_new(other) && !is_new(state.who[slot]) {
        return false;
    }
    journal.clear();
    let works = change(state, slot, other, None, random, journal);
    state.undo(journal);
    !works
}

/// The best plan in which somebody else serves the slot, alone or in exchange for one of their turns.
fn runner_up(state: &mut State, slot: usize, known: &Key, most: usize, random: &mut Random) -> Option<RunnerUp> {
    let problem = state.problem;
    if problem.fixed[slot] {
        return None;
    }
    let person = state.who[slot];
    let duty = problem.duty[slot];
    let mut others: Vec<u32> = problem.candidates[slot].iter().copied().filter(|other| *other != person).collect();
    // Where not all can be compared, those with the most to catch up.
    others.sort_by_key(|other| {
        let pair = *other as usize * problem.duties + duty;
        (1000 * state.loads[pair] - problem.targets[pair], *other)
    });
    let mut journal = Journal::default();
    let mut best: Option<(Key, u32, Option<u32>)> = None;
    let mut compared = 0;
    'all: for other in others {
        for exchange in exchanges(state, other) {
            if compared == most {
                break 'all;
            }
            compared += 1;
            journal.clear();
            if change(state, slot, other, exchange, random, &mut journal) {
                let key = state.key();
                if best.as_ref().is_none_or(|(least, _, _)| key < *least) {
                    best = Some((key, other, exchange));
                }
            }
            state.undo(&mut journal);
        }
    }
    let (key, other, exchange) = best?;
    let worse = known.iter().zip(key).enumerate().find(|(_, (before, after))| *before != after);
    Some(RunnerUp {
        person: name(problem, other as usize),
        exchange: exchange.map(|turn| {
            let turn = &problem.facts.slots[turn as usize];
            (turn.day, problem.facts.instance.duties[turn.duty].id.clone())
        }),
        worse: worse.map(|(level, (before, after))| {
            (LEVELS.get(level).copied().unwrap_or("uneven").to_owned(), after - before)
        }),
    })
}

fn ways_out(state: &State, slot: usize) -> Vec<WayOut> {
    let problem = state.problem;
    let facts = problem.facts;
    let (mut guarded, mut near, mut strangers) = (Vec::new(), Vec::new(), Vec::new());
    for person in 0..problem.people {
        if state.is_busy(person, slot) || problem.is_new[person] {
            continue;
        }
        let clash = state.nearest_clash(person, slot);
        let pair = person * problem.duties + problem.duty[slot];
        let above = 1000 * state.loads[pair] - problem.targets[pair];
        match facts.blocked(person, slot) {
            Some(Static::LeaveGuard) if clash.is_none() => guarded.push((above, person)),
            None => near.extend(clash.map(|days| (-days, above, person))),
            Some(Static::NotMember | Static::MissingSkill) if clash.is_none() && facts.is_there(person, slot) => {
                let all: i64 = (0..problem.duties).map(|duty| state.loads[person * problem.duties + duty]).sum();
                strangers.push((all, person));
            }
            _ => {}
        }
    }
    guarded.sort_unstable();
    near.sort_unstable();
    strangers.sort_unstable();
    let guarded =
        guarded.into_iter().take(NAMED).map(|(_, person)| WayOut::WaiveGuard { person: name(problem, person) });
    let near = near
        .into_iter()
        .take(NAMED)
        .map(|(days, _, person)| WayOut::ShortenGap { person: name(problem, person), days: -days });
    let strangers =
        strangers.into_iter().take(NAMED).map(|(_, person)| WayOut::Borrow { person: name(problem, person) });
    guarded.chain(near).chain(strangers).chain([WayOut::LeaveOpen]).collect()
}
