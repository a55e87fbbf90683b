//! The smallest changes, all of them: somebody else serves a slot, alone or in exchange for one of their turns.
//!
//! The search ends where none of them is better, so that nobody is shown a better plan than the one they got; with very many people and slots
//! it ends before.

use super::moves::Journal;
use super::problem::NONE;
use super::random::Random;
use super::state::{Key, State};

/// Changes that are tried after the search.
const PATIENCE: usize = 6_000_000;
/// The same of three turns.
const EVEN_PATIENCE: usize = 300_000;

/// Makes one change; the caller takes it back. False where a hard rule forbids it.
pub(super) fn change(
    state: &mut State,
    slot: usize,
    other: u32,
    exchange: Option<u32>,
    random: &mut Random,
    journal: &mut Journal,
) -> bool {
    match (exchange, state.who[slot]) {
        (None, _) => state.reassign(&[(slot, other)], random, journal),
        (Some(_), NONE) => false,
        (Some(turn), person) => state.reassign(&[(slot, other), (turn as usize, person)], random, journal),
    }
}

/// What `other` could give for a slot: nothing, or one of their turns that may move.
pub(super) fn exchanges(state: &State, other: u32) -> Vec<Option<u32>> {
    let turns = state.turns[other as usize].iter().filter(|turn| !state.problem.fixed[**turn as usize]);
    std::iter::once(None).chain(turns.map(|turn| Some(*turn))).collect()
}

/// A walk from one plan to a better one.
struct Search<'a> {
    known: Key,
    /// Changes that it still tries.
    patience: usize,
    random: &'a mut Random,
    journal: Journal,
}

/// Makes changes as long as one is better and patience lasts.
pub(super) fn polish(state: &mut State, random: &mut Random) {
    walk(state, PATIENCE, random, |search, state, slot| search.improve(state, slot));
}

/// Makes changes of three turns where somebody has too many or too few: one goes to somebody else, and two others are exchanged, so that both
/// carry as much as before. A search by single turns would have to pass through a plan that is less fair.
pub(super) fn even_out(state: &mut State, random: &mut Random) {
    walk(state, EVEN_PATIENCE, random, |search, state, slot| {
        let candidates = &state.problem.candidates[slot];
        !state.lopsided.all.is_empty() && candidates.iter().any(|other| search.even_two(state, slot, *other))
    });
}

/// Tries every slot that may move, round and round, until none of them makes it better or patience ends.
fn walk(
    state: &mut State,
    patience: usize,
    random: &mut Random,
    mut makes_better: impl FnMut(&mut Search, &mut State, usize) -> bool,
) {
    let problem = state.problem;
    let mut search = Search { known: state.key(), patience, random, journal: Journal::default() };
    let (mut slot, mut unchanged) = (0, 0);
    while unchanged < problem.slots() && search.patience > 0 {
        if !problem.fixed[slot] && makes_better(&mut search, state, slot) {
            unchanged = 0;
        } else {
            unchanged += 1;
            slot = (slot + 1) % problem.slots();
        }
    }
}

/// Whether a plan is better than the one known so far, which it is from now on.
fn is_better(state: &State, known: &mut Key) -> bool {
    let sums = &state.sums;
    if [sums.uncovered, sums.late, sums.change][..] > known[..3] {
        return false;
    }
    let key = state.key();
    let is_better = key < *known;
    if is_better {
        *known = key;
    }
    is_better
}

impl Search<'_> {
    /// Somebody else serves a slot, alone or for one of their turns, where that makes it better.
    fn improve(&mut self, state: &mut State, slot: usize) -> bool {
        let problem = state.problem;
        for other in problem.candidates[slot].iter().copied() {
            if other == state.who[slot] {
                continue;
            }
            for exchange in exchanges(state, other) {
                let Some(left) = self.patience.checked_sub(1) else { return false };
                self.patience = left;
                self.journal.clear();
                if change(state, slot, other, exchange, self.random, &mut self.journal)
                    && is_better(state, &mut self.known)
                {
                    return true;
                }
                state.undo(&mut self.journal);
            }
        }
        false
    }

    /// `other` takes a slot and exchanges two turns with whoever had it, where their numbers of turns are uneven and that makes it better.
    fn even_two(&mut self, state: &mut State, slot: usize, other: u32) -> bool {
        let problem = state.problem;
        let (person, duty) = (state.who[slot], problem.duty[slot]);
        if person == NONE || person == other {
            return false;
        }
        let pairs = [person, other].map(|who| who as usize * problem.duties + duty);
        let [more, fewer] = pairs.map(|pair| state.beyond_share(pair));
        if more - fewer <= 1000 || pairs.iter().all(|pair| !state.lopsided.has(*pair)) {
            return false;
        }
        let own = |who: u32| -> Vec<u32> {
            let is_free = |turn: &u32| problem.duty[*turn as usize] == duty && !problem.fixed[*turn as usize];
            state.turns[who as usize].iter().copied().filter(|turn| is_free(turn) && *turn as usize != slot).collect()
        };
        let (given, taken) = (own(person), own(other));
        for give in given {
            // Who gave a turn away gets points back.
            for take in taken.iter().filter(|take| problem.points[**take as usize] > problem.points[give as usize]) {
                let Some(left) = self.patience.checked_sub(1) else { return false };
                self.patience = left;
                self.journal.clear();
                let moved = [(slot, other), (give as usize, other), (*take as usize, person)];
                if state.reassign(&moved, self.random, &mut self.journal) && is_better(state, &mut self.known) {
                    return true;
                }
                state.undo(&mut self.journal);
            }
        }
        false
    }
}
