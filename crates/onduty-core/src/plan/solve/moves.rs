//! Changes of a plan that keep every hard rule: somebody takes a slot, whoever that clashes with is moved, and so on.

use super::problem::{NONE, Problem, index};
use super::random::Random;
use super::state::{State, Sums};

/// Slots that one move may touch.
const LONGEST: usize = 6;
/// Candidates that are tried for a slot that lost its person.
const TRIES: usize = 5;
/// Buddies that are compared.
const BUDDIES: usize = 6;

/// What a move changed, so that it can be taken back.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Slot and who had it before.
    turns: Vec<(u32, u32)>,
    /// Slot and its buddy before.
    buddies: Vec<(u32, u32)>,
    /// Who is new, and the slot that had their buddy before.
    beside: Vec<(u32, u32)>,
    /// Who is new and gained or lost a slot.
    touched: Vec<u32>,
    pending: Vec<u32>,
    found: Vec<u32>,
}

/// A place in a journal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    turns: usize,
    buddies: usize,
    beside: usize,
}

impl Journal {
    pub(super) fn clear(&mut self) {
        self.turns.clear();
        self.buddies.clear();
        self.beside.clear();
        self.touched.clear();
        self.pending.clear();
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { turns: self.turns.len(), buddies: self.buddies.len(), beside: self.beside.len() }
    }

    fn is_moved(&self, slot: u32) -> bool {
        self.turns.iter().any(|(moved, _)| *moved == slot)
    }
}

impl State<'_> {
    /// Takes a slot away or gives it, and remembers.
    pub(super) fn put(&mut self, slot: usize, person: u32, journal: &mut Journal) {
        let before = self.who[slot];
        journal.turns.push((index(slot), before));
        for touched in [before, person] {
            if touched != NONE && self.problem.is_new[touched as usize] && !journal.touched.contains(&touched) {
                journal.touched.push(touched);
            }
        }
        // Whoever was beside is free for this day at once.
        if before != NONE && self.beside[before as usize] == index(slot) {
            self.put_buddy(index(slot), NONE, journal);
            self.put_beside(before, NONE, journal);
        }
        self.take(slot);
        if person != NONE {
            self.give(slot, person as usize);
        }
    }

    /// Takes back what a move did.
    pub(super) fn undo(&mut self, journal: &mut Journal) {
        self.undo_to(journal, Mark::default());
    }

    /// Takes back what was done since `mark`.
    pub(super) fn undo_to(&mut self, journal: &mut Journal, mark: Mark) {
        for (slot, buddy) in journal.buddies.drain(mark.buddies..).rev() {
            self.set_buddy(slot as usize, buddy);
        }
        for (person, slot) in journal.beside.drain(mark.beside..).rev() {
            self.beside[person as usize] = slot;
        }
        for (slot, person) in journal.turns.drain(mark.turns..).rev() {
            self.take(slot as usize);
            if person != NONE {
                self.give(slot as usize, person as usize);
            }
        }
    }

    /// Gives a free slot to somebody who has to give nothing away for it.
    pub(super) fn give_alone(&mut self, slot: usize, person: u32, random: &mut Random, journal: &mut Journal) -> bool {
        if !self.fits(person, slot, journal) {
            return false;
        }
        self.put(slot, person, journal);
        self.mend_buddies(random, journal)
    }

    /// Takes some slots from whoever has them and gives each to somebody; false where a hard rule forbids it.
    pub(super) fn reassign(&mut self, moved: &[(usize, u32)], random: &mut Random, journal: &mut Journal) -> bool {
        for (slot, _) in moved {
            self.put(*slot, NONE, journal);
        }
        for (slot, person) in moved {
            if !self.fits(*person, *slot, journal) {
                return false;
            }
            self.put(*slot, *person, journal);
        }
        self.mend_buddies(random, journal)
    }

    /// Gives `slot` to `person` and moves whoever that clashes with; with `swaps` another turn of theirs moves, too.
    /// What was done is in the journal even when it did not work out.
    pub(super) fn chain(
        &mut self,
        slot: usize,
        person: u32,
        swaps: bool,
        random: &mut Random,
        journal: &mut Journal,
    ) -> bool {
        let problem = self.problem;
        let from = self.who[slot];
        if person == from || problem.fixed[slot] {
            return false;
        }
        self.put(slot, NONE, journal);
        if !self.place(slot, person, journal) {
            return false;
        }
        if swaps && journal.pending.is_empty() && from != NONE {
            let turns = &self.turns[person as usize];
            if let Some(other) =
                random.one_of(turns).filter(|other| *other as usize != slot && !problem.fixed[*other as usize])
            {
                self.put(other as usize, NONE, journal);
                journal.pending.push(other);
            }
        }
        // Where nobody had the slot somebody else's may be left without anybody instead.
        let mut may_leave_one = from == NONE;
        while let Some(next) = journal.pending.pop() {
            if !self.place_displaced(next as usize, from, random, journal) {
                if !may_leave_one {
                    return false;
                }
                may_leave_one = false;
            }
        }
        self.mend_buddies(random, journal)
    }

    /// Takes some slots in a row from everybody and gives them anew, mostly to the same people: where turns stand close together no chain
    /// of single moves gets from one order to the next.
    pub(super) fn shuffle(&mut self, start: usize, number: usize, random: &mut Random, journal: &mut Journal) -> bool {
        let problem = self.problem;
        let row = (start..problem.slots()).take(number).filter(|slot| !problem.fixed[*slot]);
        let mut slots: Vec<usize> = row.collect();
        let people: Vec<u32> = slots.iter().map(|slot| self.who[*slot]).filter(|person| *person != NONE).collect();
        for slot in &slots {
            self.put(*slot, NONE, journal);
        }
        let mut may_stay_open = slots.len() - people.len();
        while !slots.is_empty() {
            let slot = slots.swap_remove(random.below(slots.len()));
            let mut is_filled = false;
            for _ in 0..TRIES {
                let all = if random.percent(85) { &people } else { &problem.candidates[slot] };
                let Some(person) = random.one_of(all) else { continue };
                if self.fits(person, slot, journal) {
                    self.put(slot, person, journal);
                    is_filled = true;
                    break;
                }
            }
            if !is_filled {
                let Some(left) = may_stay_open.checked_sub(1) else { return false };
                may_stay_open = left;
            }
        }
        self.mend_buddies(random, journal)
    }

    /// Gives a free slot to somebody; their clashing turns become pending.
    fn place(&mut self, slot: usize, person: u32, journal: &mut Journal) -> bool {
        let mut found = std::mem::take(&mut journal.found);
        let is_open = self.clashes(person as usize, slot, &mut found);
        let can = is_open
            && journal.turns.len() + found.len() <= LONGEST * 2
            && found.iter().all(|clash| !self.problem.fixed[*clash as usize] && !journal.is_moved(*clash));
        if can {
            for clash in &found {
                self.put(*clash as usize, NONE, journal);
                journal.pending.push(*clash);
            }
            self.put(slot, person, journal);
        }
        journal.found = found;
        can
    }

    /// Finds somebody for a slot that lost its person: who started it all, or a candidate, at last one who has to give something away.
    fn place_displaced(&mut self, slot: usize, from: u32, random: &mut Random, journal: &mut Journal) -> bool {
        if from != NONE && random.percent(75) && self.fits(from, slot, journal) {
            self.put(slot, from, journal);
            return true;
        }
        let problem = self.problem;
        let published = problem.published[slot];
        if published != NONE && random.percent(50) && self.fits(published, slot, journal) {
            self.put(slot, published, journal);
            return true;
        }
        for _ in 0..TRIES {
            let Some(person) = random.one_of(&problem.candidates[slot]) else { return false };
            if self.fits(person, slot, journal) {
                self.put(slot, person, journal);
                return true;
            }
        }
        if journal.turns.len() >= LONGEST {
            return false;
        }
        random.one_of(&problem.candidates[slot]).is_some_and(|person| self.place(slot, person, journal))
    }

    /// Whether somebody can take a free slot and nothing else has to move.
    pub(super) fn fits(&self, person: u32, slot: usize, journal: &mut Journal) -> bool {
        let mut found = std::mem::take(&mut journal.found);
        let fits = self.clashes(person as usize, slot, &mut found) && found.is_empty();
        journal.found = found;
        fits
    }

    /// First shifts of people who are new have a buddy, others have none; false where nobody can be one.
    pub(super) fn mend_buddies(&mut self, random: &mut Random, journal: &mut Journal) -> bool {
        let touched = std::mem::take(&mut journal.touched);
        let first = |state: &Self, person: u32| state.turns[person as usize].first().copied().unwrap_or(NONE);
        for person in &touched {
            let (had, needs) = (self.beside[*person as usize], first(self, *person));
            if had != NONE && had != needs {
                self.put_buddy(had, NONE, journal);
                self.put_beside(*person, NONE, journal);
            }
        }
        let mut is_mended = true;
        for person in &touched {
            let needs = first(self, *person);
            if needs == NONE || self.beside[*person as usize] == needs {
                continue;
            }
            let Some(buddy) = self.find_buddy(*person, needs as usize, random) else {
                is_mended = false;
                break;
            };
            self.put_buddy(needs, buddy, journal);
            self.put_beside(*person, needs, journal);
        }
        journal.touched = touched;
        is_mended
    }

    /// Another buddy for somebody who has one.
    pub(super) fn exchange_buddy(&mut self, person: u32, random: &mut Random, journal: &mut Journal) -> bool {
        let slot = self.beside[person as usize];
        if slot == NONE {
            return false;
        }
        self.put_buddy(slot, NONE, journal);
        let Some(buddy) = self.find_buddy(person, slot as usize, random) else { return false };
        self.put_buddy(slot, buddy, journal);
        true
    }

    fn put_buddy(&mut self, slot: u32, buddy: u32, journal: &mut Journal) {
        journal.buddies.push((slot, self.buddy[slot as usize]));
        self.set_buddy(slot as usize, buddy);
    }

    fn put_beside(&mut self, person: u32, slot: u32, journal: &mut Journal) {
        journal.beside.push((person, self.beside[person as usize]));
        self.beside[person as usize] = slot;
    }

    /// The one of some who are free whose load takes it best; looks at everybody before it gives up.
    fn find_buddy(&self, person: u32, slot: usize, random: &mut Random) -> Option<u32> {
        let problem: &Problem = self.problem;
        let all = &problem.experienced;
        let start = random.below(all.len());
        // Not always the best: another may be better once others have moved.
        let enough = if random.percent(30) { 1 } else { BUDDIES };
        let (mut best, mut seen) = (None, 0);
        for buddy in all[start..].iter().chain(&all[..start]) {
            let who = *buddy as usize;
            if *buddy == person
                || !problem.free.has(who, slot)
                || self.is_busy(who, slot)
                || problem.is_kept(*buddy, slot)
            {
                continue;
            }
            let pair = who * problem.duties + problem.duty[slot];
            let after = self.weight_of(self.excess_of(pair, self.loads[pair] + problem.points[slot] / 2));
            let is_promised = problem.is_promised(*buddy, slot);
            let price = (is_promised, after - self.weight_of(self.excess(pair)));
            if best.is_none_or(|(least, _)| price < least) {
                best = Some((price, *buddy));
            }
            seen += usize::from(!is_promised);
            if seen == enough {
                break;
            }
        }
        best.map(|(_, buddy)| buddy)
    }
}

/// Whether the first three levels got better or worse; `None` where they did not move.
pub(super) fn is_better_first(before: &Sums, after: &Sums) -> Option<bool> {
    let (one, other) = ((before.uncovered, before.late, before.change), (after.uncovered, after.late, after.change));
    (one != other).then_some(other < one)
}
