//! A history while it is read: the commits and paths of the first pass, and what they lead to.

use super::events::{Change, Event, NONE, PathNumbers};
use super::read::{self, Raw};
use super::{CommitFacts, CommitNo, Inner, Signature, text};
use jiff::Timestamp;

/// Most commits that are numbered.
pub(super) const MAX_COMMITS: usize = 4_000_000;
/// Most co-authors of one commit.
const MAX_CO_AUTHORS: usize = 50;

/// A history that is being read.
pub(super) struct Reading {
    pub inner: Inner,
    /// Of each new event, the start of the id of what it replaced.
    pub old: Vec<u128>,
    /// The first event that is new.
    pub first_new: usize,
}

impl Reading {
    /// `start` with the commits of `input`, which are printed as [`read::FORMAT`] says.
    pub fn of(start: Inner, input: &mut impl std::io::BufRead) -> std::io::Result<Reading> {
        let first_new = start.events.all.len();
        let mut reading = Reading { inner: start, old: Vec::new(), first_new };
        let mut paths = PathNumbers::new(&reading.inner.events.paths);
        read::commits(input, |raw| reading.take_commit(raw, &mut paths))?;
        reading.inner.events.arrange(&reading.inner.commits);
        reading.settle_merges();
        Ok(reading)
    }

    fn take_commit(&mut self, raw: Raw, paths: &mut PathNumbers) {
        let (Ok(key), Ok(no)) = (read::key(&raw.id), u32::try_from(self.inner.commits.len())) else { return };
        if self.inner.by_id.contains_key(&key) || self.inner.commits.len() > MAX_COMMITS {
            return;
        }
        self.inner.by_id.insert(key, no);
        let facts = facts(&raw, |parent| self.inner.by_id.get(&read::key(parent).ok()?).map(|no| CommitNo(*no)));
        let is_merge = facts.is_merge();
        let has_lines = self.inner.has_lines();
        self.inner.commits.push(facts);
        for raw in raw.changes {
            let events = &mut self.inner.events;
            let path = paths.of(&raw.path, &mut events.paths);
            let from = match raw.status {
                // What had another type was another thing.
                b'A' | b'T' => NONE,
                _ => raw.from.as_ref().map_or(path, |from| paths.of(from, &mut events.paths)),
            };
            let change = match raw.status {
                b'D' => Change::Gone,
                _ if raw.is_link || !has_lines => Change::Opaque,
                // A rename and nothing else is not put together, even by a merge.
                _ if is_merge && raw.old != raw.new => Change::Merged { start: 0, len: 0 },
                _ => Change::Lines { start: 0, len: 0 },
            };
            events.all.push(Event { commit: no, path, from, blob: raw.new, change });
            self.old.push(if from == NONE { 0 } else { raw.old });
            if raw.status == b'R' {
                let gone = Event { commit: no, path: from, from, blob: 0, change: Change::Gone };
                events.all.push(gone);
                self.old.push(raw.old);
            }
        }
    }
}

/// The limits on what is counted so are far below that of the number.
pub(super) fn place(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn facts(raw: &Raw, parent: impl FnMut(&[u8]) -> Option<CommitNo>) -> CommitFacts {
    let seconds = String::from_utf8_lossy(&raw.time).parse().ok();
    let committed_at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    CommitFacts {
        id: text(&raw.id, 64),
        author: Signature { name: text(&raw.name, 200), email: text(&raw.email, 200) },
        co_authors: raw.co_authors.split(|byte| *byte == b'\n').filter_map(co_author).take(MAX_CO_AUTHORS).collect(),
        committed_at: committed_at.unwrap_or(Timestamp::UNIX_EPOCH),
        title: text(&raw.title, 200),
        parents: raw.parents.split(|byte| *byte == b' ').filter_map(parent).collect(),
    }
}

/// `Name <address>`
fn co_author(line: &[u8]) -> Option<Signature> {
    let line = text(line, 400);
    let (name, email) = line.rsplit_once('<')?;
    let email = email.split('>').next().unwrap_or_default().trim();
    Some(Signature { name: name.trim().to_owned(), email: email.to_owned() })
}
