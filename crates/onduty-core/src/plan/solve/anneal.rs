//! The search: random and guilty places, chains of moves, patience that wears off; the best by the true order of levels is kept.

use super::moves::{Journal, is_better_first};
use super::problem::{NONE, index};
use super::random::Random;
use super::state::{Key, State};

/// Patience falls by this factor from one stretch to the next.
const COOLING: f64 = 0.97;
/// Slots in a row that are given anew at once.
const LONGEST_ROW: usize = 6;
/// Places that are tried for a slot of one duty.
const TRIES: usize = 8;

/// The best plan so far.
#[derive(Debug, Clone)]
pub(super) struct Best {
    pub(super) key: Key,
    pub(super) who: Vec<u32>,
    pub(super) buddy: Vec<u32>,
}

impl Best {
    pub(super) fn of(state: &State) -> Best {
        Best { key: state.key(), who: state.who.clone(), buddy: state.buddy.clone() }
    }

    /// Keeps `state` if it is better; the caller marks it with the new greatest excess then.
    fn take(&mut self, state: &mut State) {
        let sums = &state.sums;
        let first = [sums.uncovered, sums.late, sums.change];
        let known = &self.key[..3];
        if first[..] > *known {
            return;
        }
        if first[..] == *known {
            let (_, more, as_much) = state.marks;
            if more > 0 {
                return;
            }
            let rest = [sums.unfair, sums.spacing, sums.unwanted, sums.uneven];
            if (self.key[3] == 0 || as_much > 0) && rest[..] >= self.key[4..] {
                return;
            }
        }
        let key = state.key();
        if key < self.key {
            self.key = key;
            self.who.clone_from(&state.who);
            self.buddy.clone_from(&state.buddy);
            state.mark(key[3]);
        }
    }
}

/// How one part of the search goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Patience at its beginning and end.
    pub(super) hot: f64,
    pub(super) cold: f64,
    pub(super) moves: u64,
    /// Brings the greatest excess down, before all others.
    pub(super) presses: bool,
}

/// From hot to cold in so many moves; ends early when `goal` is reached. Returns how many moves were made.
pub(super) fn anneal(state: &mut State, best: &mut Best, part: Part, goal: &Key, random: &mut Random) -> u64 {
    let Part { hot, cold, moves, presses } = part;
    let stretches =
        std::iter::successors(Some(hot), |heat| Some(heat * COOLING)).take_while(|heat| *heat > cold).count().max(1);
    let length = (moves / stretches as u64).max(1);
    let mut journal = Journal::default();
    let mut made = 0;
    let mut heat = hot;
    state.mark(best.key[3]);
    while made < moves {
        let worst = if presses { (best.key[3] - 1).max(goal[3]) } else { best.key[3] };
        state.weigh(worst, presses);
        if !presses && best.key[..7] <= goal[..7] {
            state.weigh_only_uneven();
        }
        for _ in 0..length.min(moves - made) {
            made += 1;
            journal.clear();
            let before = state.sums;
            if !propose(state, random, &mut journal) {
                state.undo(&mut journal);
                continue;
            }
            let is_taken = is_better_first(&before, &state.sums).unwrap_or_else(|| {
                let worse = state.sums.slope - before.slope;
                worse <= 0 || (worse as f64) < heat * random.patience()
            });
            if !is_taken {
                state.undo(&mut journal);
            } else if before != state.sums {
                best.take(state);
            }
        }
        if best.key <= *goal {
            break;
        }
        heat = (heat * COOLING).max(cold);
    }
    made
}

/// Tries one move; what it changed is in the journal.
fn propose(state: &mut State, random: &mut Random, journal: &mut Journal) -> bool {
    let problem = state.problem;
    let dice = random.below(100);
    if dice < 25
        && let Some(slot) = random.one_of(&state.open.all)
    {
        let Some(person) = random.one_of(&problem.candidates[slot as usize]) else { return false };
        return state.chain(slot as usize, person, false, random, journal);
    }
    if dice < 45 && !state.unfair.all.is_empty() {
        let pair = random.one_of(&state.unfair.all).unwrap_or_default() as usize;
        return even_out(state, pair, random, journal);
    }
    if dice < 58
        && let Some(person) = random.one_of(&state.tight.all)
    {
        let Some(slot) = random.one_of(&state.turns[person as usize]) else { return false };
        return reassign(state, slot as usize, true, random, journal);
    }
    if dice < 63
        && let Some(slot) = random.one_of(&state.unwanted.all)
    {
        return reassign(state, slot as usize, true, random, journal);
    }
    if dice < 68
        && let Some(slot) = random.one_of(&state.changed.all)
    {
        let published = problem.published[slot as usize];
        return state.chain(slot as usize, published, false, random, journal);
    }
    if dice < 72
        && let Some(pair) = random.one_of(&state.lopsided.all)
    {
        let Some(slot) = random.one_of(&state.turns[pair as usize / problem.duties]) else { return false };
        return reassign(state, slot as usize, true, random, journal);
    }
    if dice < 75 && state.sums.late > 0 {
        return hurry(state, random, journal);
    }
    if dice < 78
        && let Some(person) = random.one_of(&problem.new_people)
    {
        return state.beside[person as usize] != NONE && state.exchange_buddy(person, random, journal);
    }
    if dice < 83 {
        let (start, number) = (random.below(problem.slots()), 2 + random.below(LONGEST_ROW - 1));
        return state.shuffle(start, number, random, journal);
    }
    // What is published moves only where that costs nothing more; most of it would be refused.
    let slot = match random.one_of(&problem.loose) {
        Some(slot) if random.percent(85) => slot as usize,
        _ => random.below(problem.slots()),
    };
    let swaps = random.percent(65);
    reassign(state, slot, swaps, random, journal)
}

fn reassign(state: &mut State, slot: usize, swaps: bool, random: &mut Random, journal: &mut Journal) -> bool {
    let Some(person) = random.one_of(&state.problem.candidates[slot]) else { return false };
    state.chain(slot, person, swaps, random, journal)
}

/// Somebody with too little takes a slot, or somebody with too much gives one away.
fn even_out(state: &mut State, pair: usize, random: &mut Random, journal: &mut Journal) -> bool {
    let problem = state.problem;
    let (person, duty) = (pair / problem.duties, pair % problem.duties);
    if 1000 * state.loads[pair] < problem.targets[pair] {
        for _ in 0..TRIES {
            let Some(slot) = random.one_of(&problem.slots_of[duty]) else { return false };
            if problem.open.has(person, slot as usize) && state.who[slot as usize] != index(person) {
                let swaps = random.percent(25);
                return state.chain(slot as usize, index(person), swaps, random, journal);
            }
        }
        return false;
    }
    for _ in 0..TRIES {
        let Some(slot) = random.one_of(&state.turns[person]) else { return false };
        if problem.duty[slot as usize] == duty {
            return give_away(state, slot as usize, random, journal);
        }
    }
    false
}

/// To the one of some candidates who is furthest below the target.
fn give_away(state: &mut State, slot: usize, random: &mut Random, journal: &mut Journal) -> bool {
    let problem = state.problem;
    let mut best: Option<(i64, u32)> = None;
    for _ in 0..4 {
        let Some(person) = random.one_of(&problem.candidates[slot]) else { return false };
        let pair = person as usize * problem.duties + problem.duty[slot];
        let above = 1000 * state.loads[pair] - problem.targets[pair];
        if best.is_none_or(|(least, _)| above < least) {
            best = Some((above, person));
        }
    }
    let swaps = random.percent(25);
    best.is_some_and(|(_, person)| state.chain(slot, person, swaps, random, journal))
}

/// Somebody who would serve too late for the first time takes a slot in time.
fn hurry(state: &mut State, random: &mut Random, journal: &mut Journal) -> bool {
    let problem = state.problem;
    let start = random.below(problem.people);
    let is_late = |person: &usize| {
        let first = state.turns[*person].first().map(|slot| problem.day[*slot as usize]);
        problem.deadline[*person].is_some_and(|deadline| first.is_none_or(|first| first > deadline))
    };
    let Some(person) = (start..problem.people).chain(0..start).find(is_late) else { return false };
    for _ in 0..TRIES * 4 {
        let slot = random.below(problem.slots());
        let in_time = problem.deadline[person].is_some_and(|deadline| problem.day[slot] <= deadline);
        if in_time && problem.open.has(person, slot) {
            return state.chain(slot, index(person), false, random, journal);
        }
    }
    false
}
