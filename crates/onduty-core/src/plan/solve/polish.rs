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

/// Makes one change; the caller takes it back. False where a hard rule forbids it.
pub(super) fn change(
    state: &mut State,
    slot: usize,
    other: u32,
    exchange: Option<u32>,
    random: &mut Random,
    journal: &mut Journal,
) -> bool {
    let person = state.who[slot];
    state.put(slot, NONE, journal);
    if let Some(turn) = exchange {
        state.put(turn as usize, NONE, journal);
    }
    if !state.fits(other, slot, journal) {
        return false;
    }
    state.put(slot, other, journal);
    if let Some(turn) = exchange {
        if person == NONE || !state.fits(person, turn as usize, journal) {
            return false;
        }
        state.put(turn as usize, person, journal);
    }
    state.mend_buddies(random, journal)
}

/// What `other` could give for a slot: nothing, or one of their turns that may move.
pub(super) fn exchanges(state: &State, other: u32) -> Vec<Option<u32>> {
    let turns = state.turns[other as usize].iter().filter(|turn| !state.problem.fixed[**turn as usize]);
    std::iter::once(None).chain(turns.map(|turn| Some(*turn))).collect()
}

/// Makes changes as long as one is better and patience lasts.
pub(super) fn polish(state: &mut State, random: &mut Random) {
    let problem = state.problem;
    let mut journal = Journal::default();
    let (mut known, mut patience) = (state.key(), PATIENCE);
    let (mut slot, mut unchanged) = (0, 0);
    while unchanged < problem.slots() {
        if patience == 0 {
            return;
        }
        if !problem.fixed[slot] && improve(state, slot, &mut known, &mut patience, random, &mut journal) {
            unchanged = 0;
        } else {
            unchanged += 1;
            slot = (slot + 1) % problem.slots();
        }
    }
}

fn improve(
    state: &mut State,
    slot: usize,
    known: &mut Key,
    patience: &mut usize,
    random: &mut Random,
    journal: &mut Journal,
) -> bool {
    let problem = state.problem;
    for other in
        problem.candidates[slot].iter().filter(|other| **other != state.who[slot]).copied().collect::<Vec<u32>>()
    {
        for exchange in exchanges(state, other) {
            *patience = patience.saturating_sub(1);
            if *patience == 0 {
                return false;
            }
            journal.clear();
            if change(state, slot, other, exchange, random, journal) {
                let sums = &state.sums;
                if [sums.uncovered, sums.late, sums.change][..] <= known[..3] {
                    let key = state.key();
                    if key < *known {
                        *known = key;
                        return true;
                    }
                }
            }
            state.undo(journal);
        }
    }
    false
}
