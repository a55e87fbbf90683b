//! Lets git compare what files contained and keeps how lines moved. Several gits share the work, each a part of it.

use super::events::Change;
use super::lines::Hunk;
use super::patches::{self, Patch, Piece, Sources};
use super::read::malformed;
use super::reading::{Reading, place};
use super::{HistoryError, NO_MODULES};
use crate::sources::git::Git;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Longest time for the lines of all commits.
const TIMEOUT: Duration = Duration::from_secs(3_600);
/// Gits at once. More would be faster where there are more processors, but each of them takes its share of memory.
const AT_ONCE: usize = 2;
/// Parts that the work is cut into, so that nobody waits for the slower half.
const PARTS: usize = 8;
/// Fewer changes are no part of their own: starting git costs more.
const LEAST_PART: usize = 1_000;
/// Most hunks of one file in one commit; more is no change that people made.
const MAX_FILE_HUNKS: usize = 200_000;
/// Most hunks altogether, of 16 bytes each.
const MAX_HUNKS: usize = 10_000_000;

/// Commits come by standard input, and each is named in the answer, so that none is left out unseen. The rest is as
/// `git blame -w` compares; of a file that is gone nothing is asked.
const COMPARE: [&str; 17] = [
    "diff-tree",
    "--stdin",
    "--always",
    "--root",
    "-r",
    "--no-abbrev",
    "--full-index",
    "--no-textconv",
    "--no-ext-diff",
    NO_MODULES,
    "-M",
    "-l1000",
    "-p",
    "-w",
    "--diff-algorithm=myers",
    "--irreversible-delete",
    patches::FORMAT,
];
/// With one parent.
const PLAIN: [&str; 1] = ["-U0"];
/// What merges put together, against all their parents, and under which names those have it.
const MERGES: [&str; 4] = ["-U1", "-c", "--raw", "--combined-all-paths"];

/// Commits that are compared by one git.
struct Part {
    commits: Vec<u32>,
    options: &'static [&'static str],
}

/// What one git found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pieces: Vec<Kept>,
    hunks: Vec<Hunk>,
}

#[derive(Debug)]
enum Kept {
    Sources(Sources),
    /// How many of the next hunks are against each parent; `None` when it is not to be read.
    Patch {
        commit: u128,
        old: u128,
        new: u128,
        lens: Option<Vec<u32>>,
    },
}

/// Adds how lines moved to a history that knows its commits and paths.
pub(super) async fn lines(git: &Git, mut reading: Reading) -> Result<Reading, HistoryError> {
    let deadline = Instant::now() + TIMEOUT;
    let gits = Arc::new(Semaphore::new(AT_ONCE));
    let mut jobs = JoinSet::new(); // dropped with an error, it ends the others
    for (index, part) in parts(&reading).into_iter().enumerate() {
        let (git, gits, ids) = (git.clone(), gits.clone(), ids(&reading, &part)?);
        jobs.spawn(async move {
            let _turn = gits.acquire_owned().await;
            let options = [COMPARE.as_slice(), part.options].concat();
            let count = part.commits.len();
            let left = deadline.saturating_duration_since(Instant::now());
            let found = git.stream(&options, Some(ids), left, move |output| Found::read(output, count)).await;
            found.map(|found| (index, found))
        });
    }
    let mut done = BTreeMap::new();
    while let Some(found) = jobs.join_next().await {
        let (index, found) = found??;
        done.insert(index, found);
    }
    done.into_values().for_each(|found| reading.keep(found));
    Ok(reading)
}

fn parts(reading: &Reading) -> Vec<Part> {
    let events = &reading.inner.events.all[reading.first_new..];
    let commits_with = |is_meant: fn(&Change) -> bool| {
        let mut commits: Vec<(u32, usize)> = Vec::new();
        for event in events.iter().filter(|event| is_meant(&event.change)) {
            match commits.last_mut() {
                Some((commit, count)) if *commit == event.commit => *count += 1,
                _ => commits.push((event.commit, 1)),
            }
        }
        commits
    };
    let plain = commits_with(|change| matches!(change, Change::Lines { .. }));
    let merges = commits_with(|change| matches!(change, Change::Merged { .. }));
    let plain = plain.into_iter().filter(|(commit, _)| !reading.inner.commits[*commit as usize].is_merge());
    let mut parts = Vec::new();
    cut(plain.collect(), &PLAIN, &mut parts);
    cut(merges, &MERGES, &mut parts);
    parts
}

/// Cuts `commits`, each with its number of changes, into parts with about as many changes.
fn cut(commits: Vec<(u32, usize)>, options: &'static [&'static str], parts: &mut Vec<Part>) {
    let all: usize = commits.iter().map(|(_, count)| count).sum();
    let most = (all / PARTS).max(LEAST_PART);
    let mut open = 0;
    for (commit, count) in commits {
        if open == 0 {
            parts.push(Part { commits: Vec::new(), options });
        }
        open += count;
        if let Some(part) = parts.last_mut() {
            part.commits.push(commit);
        }
        if open >= most {
            open = 0;
        }
    }
}

/// The ids of the commits of `part`, one a line.
fn ids(reading: &Reading, part: &Part) -> std::io::Result<File> {
    let mut file = std::io::BufWriter::new(tempfile::tempfile()?);
    for commit in &part.commits {
        writeln!(file, "{}", reading.inner.commits[*commit as usize].id)?;
    }
    let mut file = file.into_inner()?;
    file.rewind()?;
    Ok(file)
}

impl Found {
    fn read(output: &mut impl std::io::BufRead, expected: usize) -> std::io::Result<Found> {
        let mut found = Found::default();
        let count = patches::read(output, |piece| match piece {
            Piece::Sources(sources) => found.pieces.push(Kept::Sources(sources)),
            Piece::Patch(patch) => found.take(patch),
        })?;
        if count == expected { Ok(found) } else { Err(malformed("fewer commits than were asked for")) }
    }

    fn take(&mut self, patch: &Patch) {
        let count: usize = patch.parents.iter().map(Vec::len).sum();
        let is_too_much = count > MAX_FILE_HUNKS || self.hunks.len() + count > MAX_HUNKS;
        let lens = (!patch.is_binary && !is_too_much).then(|| {
            patch.parents.iter().for_each(|hunks| self.hunks.extend_from_slice(hunks));
            patch.parents.iter().map(|hunks| place(hunks.len())).collect()
        });
        self.pieces.push(Kept::Patch { commit: patch.commit, old: patch.old, new: patch.new, lens });
    }
}

impl Reading {
    fn keep(&mut self, found: Found) {
        let mut next = 0;
        let mut hunks = found.hunks.as_slice();
        for piece in found.pieces {
            match piece {
                Kept::Sources(sources) => self.take_sources(&sources),
                Kept::Patch { commit, old, new, lens } => {
                    let count = lens.iter().flatten().map(|len| *len as usize).sum();
                    let own = hunks.split_off(..count).unwrap_or_default();
                    if let Some(no) = self.event_of(commit, old, new, next) {
                        next = no + 1;
                        self.keep_lines(no, own, lens.as_deref());
                    }
                }
            }
        }
    }

    /// The event that a patch belongs to. Patches come in the order of events, so it is looked for from `next` on. Two
    /// files with the same contents before and after have the same patch.
    fn event_of(&self, commit: u128, old: u128, new: u128, next: usize) -> Option<usize> {
        let commit = *self.inner.by_id.get(&commit)?;
        let numbers = self.inner.events.numbers_of(commit);
        let next = next.clamp(numbers.start, numbers.end);
        let fits = |no: &usize| {
            let event = &self.inner.events.all[*no];
            event.blob == new
                && no.checked_sub(self.first_new).is_some_and(|new| self.old[new] == old)
                && event.change != Change::Gone
        };
        (next..numbers.end).chain(numbers.start..next).find(fits)
    }

    /// Gives event `no` its hunks, `lens` of them against each parent.
    fn keep_lines(&mut self, no: usize, hunks: &[Hunk], lens: Option<&[u32]>) {
        let events = &mut self.inner.events;
        let Some(lens) = lens.filter(|_| events.hunks.len() + hunks.len() <= MAX_HUNKS) else {
            events.all[no].change = Change::Opaque;
            return;
        };
        let start = place(events.hunks.len());
        events.hunks.extend_from_slice(hunks);
        let of_parent = |parent: usize| {
            let before: u32 = lens.iter().take(parent).sum();
            (start + before, lens.get(parent).copied().unwrap_or_default())
        };
        match events.all[no].change {
            Change::Lines { .. } => {
                let (start, len) = of_parent(0);
                events.all[no].change = Change::Lines { start, len };
            }
            Change::Merged { start, len } => {
                for side in &mut events.sides[start as usize..(start + len) as usize] {
                    (side.start, side.len) = of_parent(side.parent as usize);
                }
            }
            Change::Gone | Change::Opaque | Change::Parent(_) => {}
        }
    }
}
