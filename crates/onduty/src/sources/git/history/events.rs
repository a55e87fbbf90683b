//! Which commit changed which path, and how to find the change that made a path what it is at some commit.
//!
//! Commits form chains of first parents. A path has the content that the nearest change below on the chain gave it;
//! where the chain has none, the search goes on where the chain branched off.

use super::CommitFacts;
use super::lines::Hunk;
use std::collections::HashMap;
use std::ops::Range;

/// No path, no commit.
pub(super) const NONE: u32 = u32::MAX;

/// One path that differs between a commit and its first parent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub commit: u32,
    pub path: u32,
    /// Its path before; [`NONE`] where it is new.
    pub from: u32,
    /// Start of the content's id.
    pub blob: u128,
    pub change: Change,
}

/// What happened to the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The file is gone.
    Gone,
    /// Not a text, or too large.
    Opaque,
    /// Hunks of [`Events::hunks`].
    Lines { start: u32, len: u32 },
    /// A merge took it from this parent as it was there.
    Parent(u32),
    /// A merge put it together: parts of [`Events::sides`].
    Merged { start: u32, len: u32 },
}

/// How a merge differs from one of its parents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub parent: u32,
    /// The file's path in that parent.
    pub path: u32,
    pub start: u32,
    pub len: u32,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    pub paths: Vec<Box<[u8]>>,
    /// In the order of commits.
    pub all: Vec<Event>,
    pub hunks: Vec<Hunk>,
    pub sides: Vec<Side>,
    /// Of each commit, its chain and its place on it.
    chains: Vec<(u32, u32)>,
    /// Of each chain, the commit that it branched off from.
    bases: Vec<u32>,
    /// Of each commit, its first event; one more at the end.
    of_commit: Vec<u32>,
    /// Of each path, its first place in `by_path`; one more at the end.
    of_path: Vec<u32>,
    /// Events by path, then chain, then place on it.
    by_path: Vec<u32>,
    /// Paths in the order of their names.
    pub sorted: Vec<u32>,
    /// Of each path, its place in `sorted`.
    places: Vec<u32>,
}

impl Events {
    /// Makes everything that is derived from `paths` and `all`.
    pub fn arrange(&mut self, commits: &[CommitFacts]) {
        self.lay_chains(commits);
        self.of_commit = starts(commits.len(), self.all.iter().map(|event| event.commit));
        self.of_path = starts(self.paths.len(), self.all.iter().map(|event| event.path));
        let mut next = self.of_path.clone();
        self.by_path = vec![0; self.all.len()];
        for (no, event) in (0..).zip(&self.all) {
            let place = &mut next[event.path as usize];
            self.by_path[*place as usize] = no;
            *place += 1;
        }
        for path in 0..self.paths.len() {
            let (from, to) = (self.of_path[path] as usize, self.of_path[path + 1] as usize);
            self.by_path[from..to].sort_unstable_by_key(|no| self.chains[self.all[*no as usize].commit as usize]);
        }
        self.sorted = (0..).take(self.paths.len()).collect();
        self.sorted.sort_unstable_by(|a, b| self.paths[*a as usize].cmp(&self.paths[*b as usize]));
        self.places = vec![0; self.sorted.len()];
        for (place, path) in (0..).zip(&self.sorted) {
            self.places[*path as usize] = place;
        }
    }

    /// The newest commits first, so that the main line is one chain.
    fn lay_chains(&mut self, commits: &[CommitFacts]) {
        self.chains = vec![(NONE, 0); commits.len()];
        self.bases.clear();
        let mut chain = Vec::new();
        for tip in (0..).take(commits.len()).collect::<Vec<u32>>().into_iter().rev() {
            let mut next = Some(tip);
            while let Some(no) = next.filter(|no| self.chains[*no as usize].0 == NONE) {
                chain.push(no);
                next = commits[no as usize].parents.first().map(|parent| parent.0);
            }
            if chain.is_empty() {
                continue;
            }
            let number = u32::try_from(self.bases.len()).unwrap_or(NONE);
            self.bases.push(next.unwrap_or(NONE));
            for (place, no) in (0..).zip(chain.drain(..).rev()) {
                self.chains[no as usize] = (number, place);
            }
        }
    }

    pub fn path_no(&self, path: &[u8]) -> Option<u32> {
        let place = self.sorted.binary_search_by(|no| (*self.paths[*no as usize]).cmp(path)).ok()?;
        Some(self.sorted[place])
    }

    /// The paths in `folder`, which ends with a slash or is empty.
    pub fn under(&self, folder: &[u8]) -> &[u32] {
        let places = self.places_under(folder);
        &self.sorted[places.start as usize..places.end as usize]
    }

    /// The places in `sorted` of the paths in `folder`, which ends with a slash or is empty.
    pub fn places_under(&self, folder: &[u8]) -> Range<u32> {
        let start = self.sorted.partition_point(|no| *self.paths[*no as usize] < *folder);
        let len = self.sorted[start..].partition_point(|no| self.paths[*no as usize].starts_with(folder));
        start as u32..(start + len) as u32
    }

    /// The places in `sorted` of the paths that `commit` changed.
    pub fn places_of(&self, commit: u32) -> impl Iterator<Item = u32> {
        self.of_commit(commit).iter().map(|event| self.places[event.path as usize])
    }

    pub fn of_commit(&self, commit: u32) -> &[Event] {
        &self.all[self.numbers_of(commit)]
    }

    pub fn numbers_of(&self, commit: u32) -> Range<usize> {
        self.of_commit[commit as usize] as usize..self.of_commit[commit as usize + 1] as usize
    }

    pub fn of_path(&self, path: u32) -> impl Iterator<Item = &Event> {
        let (from, to) = (self.of_path[path as usize] as usize, self.of_path[path as usize + 1] as usize);
        self.by_path[from..to].iter().map(|no| &self.all[*no as usize])
    }

    /// The change that made `path` what it is at `commit`.
    pub fn nearest(&self, commit: u32, path: u32) -> Option<&Event> {
        let (from, to) = (self.of_path[path as usize] as usize, self.of_path[path as usize + 1] as usize);
        let events = &self.by_path[from..to];
        let place = |no: &u32| self.chains[self.all[*no as usize].commit as usize];
        let mut commit = commit;
        while commit != NONE {
            let here = self.chains[commit as usize];
            let after = events.partition_point(|no| place(no) <= here);
            if let Some(no) = after.checked_sub(1).map(|last| &events[last])
                && place(no).0 == here.0
            {
                return Some(&self.all[*no as usize]);
            }
            commit = self.bases[here.0 as usize];
        }
        None
    }

    /// Start of the id of what `path` contains at `commit`; `None` when there is no such file.
    pub fn content(&self, commit: u32, path: u32) -> Option<u128> {
        self.nearest(commit, path).filter(|event| event.change != Change::Gone).map(|event| event.blob)
    }

    pub fn hunks(&self, start: u32, len: u32) -> &[Hunk] {
        &self.hunks[start as usize..(start + len) as usize]
    }
}

/// Where each group starts, by the group of each member.
fn starts(groups: usize, members: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0; groups + 1];
    members.for_each(|group| starts[group as usize + 1] += 1);
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    starts
}

/// Gives paths their numbers while a history is read.
#[derive(Debug, Default)]
pub(super) struct PathNumbers(HashMap<Box<[u8]>, u32>);

impl PathNumbers {
    pub fn new(paths: &[Box<[u8]>]) -> PathNumbers {
        PathNumbers(paths.iter().cloned().zip(0..).collect())
    }

    pub fn of(&mut self, path: &[u8], paths: &mut Vec<Box<[u8]>>) -> u32 {
        if let Some(no) = self.0.get(path) {
            return *no;
        }
        let no = u32::try_from(paths.len()).unwrap_or(NONE);
        paths.push(path.into());
        self.0.insert(path.into(), no);
        no
    }
}
