//! The first plan: what was published, then people who are new, then slots that few can serve, then by day.

use super::moves::Journal;
use super::problem::{NONE, Problem, index};
use super::random::Random;
use super::state::State;

/// Slots with at most so many candidates are filled early.
const FEW: usize = 6;
/// Turns that a repair may move, one after the other.
const DEEPEST: usize = 5;
/// Candidates that all repairs together may look at.
const PATIENCE: usize = 20_000_000;
/// … and one of them.
const PATIENCE_EACH: usize = 400_000;

/// A plan that keeps every hard rule.
pub(super) fn construct<'a>(problem: &'a Problem<'a>, worst: i64, random: &mut Random) -> State<'a> {
    let mut state = State::new(problem, worst);
    let mut journal = Journal::default();
    let frozen = (0..problem.slots()).filter(|slot| problem.fixed[*slot]);
    let seen = (0..problem.slots()).filter(|slot| !problem.fixed[*slot]);
    for slot in frozen.chain(seen) {
        let person = problem.published[slot];
        if person != NONE {
            try_give(&mut state, slot, person, random, &mut journal);
        }
    }
    let mut new: Vec<usize> = (0..problem.people).filter(|person| problem.deadline[*person].is_some()).collect();
    new.sort_by_key(|person| problem.deadline[*person]);
    for person in new.into_iter() {
        introduce(&mut state, person, random, &mut journal);
    }
    fill(&mut state, random);
    repair(&mut state, random);
    state
}

/// Gives what nobody has to whoever can take it and nothing else has to move: afterwards there is a reason why nobody serves what is left.
pub(super) fn fill(state: &mut State, random: &mut Random) {
    let problem = state.problem;
    let mut journal = Journal::default();
    let mut rest: Vec<usize> = (0..problem.slots()).filter(|slot| state.who[*slot] == NONE).collect();
    rest.sort_by_key(|slot| (problem.candidates[*slot].len().min(FEW + 1), problem.day[*slot], *slot));
    for slot in rest {
        let mut ranked = ranked(state, slot);
        ranked.sort_unstable();
        for (_, person) in ranked {
            if try_give(state, slot, person, random, &mut journal) {
                break;
            }
        }
    }
}

/// Gives a slot that nobody has, with the buddies that follow from it; changes nothing where that does not work.
fn try_give(state: &mut State, slot: usize, person: u32, random: &mut Random, journal: &mut Journal) -> bool {
    if state.who[slot] != NONE {
        return false;
    }
    journal.clear();
    let worked = state.give_alone(slot, person, random, journal);
    if !worked {
        state.undo(journal);
    }
    worked
}

/// The earliest slot in time for somebody who is new.
fn introduce(state: &mut State, person: usize, random: &mut Random, journal: &mut Journal) {
    let problem = state.problem;
    if !state.turns[person].is_empty() {
        return;
    }
    let last = problem.deadline[person].unwrap_or(i32::MIN);
    for slot in (0..problem.slots()).take_while(|slot| problem.day[*slot] <= last) {
        if problem.open.has(person, slot) && try_give(state, slot, index(person), random, journal) {
            return;
        }
    }
}

/// Who fits, best first: far from other turns, far below the target, long idle.
fn ranked(state: &State, slot: usize) -> Vec<((i64, i64, i32), u32)> {
    let problem = state.problem;
    let mut found = Vec::new();
    let mut all = Vec::new();
    for person in &problem.candidates[slot] {
        let who = *person as usize;
        if !state.clashes(who, slot, &mut found) || !found.is_empty() {
            continue;
        }
        let pair = who * problem.duties + problem.duty[slot];
        let filled = (1000 * state.loads[pair] + 500 * problem.points[slot]) * 1000 / problem.targets[pair].max(1);
        let near = state.nearness(who, slot) * 60 + if problem.avoid.has(who, slot) { 60 } else { 0 };
        let turns = &state.turns[who];
        let at = turns.partition_point(|turn| (*turn as usize) < slot);
        let last = at.checked_sub(1).map(|at| problem.day[turns[at] as usize]);
        let last = last.or_else(|| problem.recent[who].last().map(|(day, _)| *day)).unwrap_or(i32::MIN);
        all.push(((near + filled.min(1_000_000) * 3, filled, last), *person));
    }
    all
}

/// Fills what is uncovered by moving others, the shortest chains first.
pub(super) fn repair(state: &mut State, random: &mut Random) {
    let mut patience = PATIENCE;
    loop {
        let uncovered = state.open.all.clone();
        let mut got = false;
        for depth in 0..=DEEPEST {
            for slot in &uncovered {
                if state.who[*slot as usize] != NONE || patience == 0 {
                    continue;
                }
                let mut repair = Repair {
                    random,
                    journal: Journal::default(),
                    moved: Vec::new(),
                    patience: PATIENCE_EACH.min(patience),
                };
                let start = repair.patience;
                let worked = repair.fill(state, *slot as usize, depth) && repair.settle(state);
                patience -= start - repair.patience;
                if worked {
                    got = true;
                } else {
                    state.undo(&mut repair.journal);
                }
            }
        }
        if !got || state.open.all.is_empty() || patience == 0 {
            return;
        }
    }
}

struct Repair<'a> {
    random: &'a mut Random,
    journal: Journal,
    moved: Vec<u32>,
    patience: usize,
}

impl Repair<'_> {
    fn settle(&mut self, state: &mut State) -> bool {
        state.mend_buddies(self.random, &mut self.journal)
    }

    /// Gives `slot` to somebody, moving up to `depth` turns.
    fn fill(&mut self, state: &mut State, slot: usize, depth: usize) -> bool {
        let problem = state.problem;
        let all = &problem.candidates[slot];
        let start = self.random.below(all.len());
        let mut found = Vec::new();
        let mut second = Vec::new();
        for person in all[start..].iter().chain(&all[..start]) {
            if self.patience == 0 {
                return false;
            }
            self.patience -= 1;
            if !state.clashes(*person as usize, slot, &mut found) {
                continue;
            }
            if found.is_empty() {
                let mark = self.journal.mark();
                state.put(slot, *person, &mut self.journal);
                if self.settle(state) {
                    return true;
                }
                state.undo_to(&mut self.journal, mark);
            } else if found.len() <= 2
                && depth >= found.len()
                && !found.iter().any(|clash| self.is_bound(problem, *clash))
            {
                second.push((found.len(), *person));
            }
        }
        second.sort_by_key(|(clashes, _)| *clashes);
        for (_, person) in second {
            state.clashes(person as usize, slot, &mut found);
            let clashes = found.clone();
            let (mark, moved) = (self.journal.mark(), self.moved.len());
            for clash in &clashes {
                state.put(*clash as usize, NONE, &mut self.journal);
                self.moved.push(*clash);
            }
            state.put(slot, person, &mut self.journal);
            let worked = self.settle(state)
                && clashes.iter().all(|clash| self.fill(state, *clash as usize, depth - clashes.len()));
            if worked {
                return true;
            }
            // Also what was moved on behalf of the first of them before the second had nowhere to go.
            self.moved.truncate(moved);
            state.undo_to(&mut self.journal, mark);
            if self.patience == 0 {
                return false;
            }
        }
        false
    }

    fn is_bound(&self, problem: &Problem, slot: u32) -> bool {
        problem.fixed[slot as usize] || self.moved.contains(&slot)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::tiny;
    use super::super::super::{Facts, read};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_repair_that_failed_forgets_what_it_moved() {
        let mut json = tiny();
        json["horizon"]["last"] = json!("2026-03-04");
        let mut ops = json["duties"][0].clone();
        (ops["id"], ops["weekdays"]) = (json!("ops"), json!([1]));
        json["duties"].as_array_mut().unwrap().push(ops);
        let mut lea = json["people"][1].clone();
        (lea["id"], lea["members"]) = (json!("lea"), json!({"ops": 1000}));
        json["people"].as_array_mut().unwrap().push(lea);
        json["people"][1]["members"] = json!({"eng": 1000, "ops": 1000});
        json["people"][1]["work_days"] = json!([1]);
        let facts = Facts::new(read(&json).unwrap()).unwrap();
        let problem = Problem::new(&facts);
        let mut state = State::new(&problem, 0);
        // Zoe would give Monday and Wednesday away for Tuesday: Monday to omar, whose other duty lea takes over; Wednesday to nobody.
        for (slot, person) in [(0, 0), (1, 1), (3, 0)] {
            state.give(slot, person);
        }
        let before = state.who.clone();
        let random = &mut Random::new(0);
        let mut repair = Repair { random, journal: Journal::default(), moved: Vec::new(), patience: PATIENCE_EACH };
        assert!(!repair.fill(&mut state, 2, DEEPEST), "nobody but zoe can serve on Wednesday");
        assert_eq!((repair.moved, state.who), (vec![], before));
    }

    #[test]
    fn nothing_that_somebody_could_take_is_left() {
        let facts = Facts::new(read(&tiny()).unwrap()).unwrap();
        let problem = Problem::new(&facts);
        let mut state = State::new(&problem, 0);
        fill(&mut state, &mut Random::new(0));
        assert_eq!(state.sums.uncovered, 0);
    }
}
