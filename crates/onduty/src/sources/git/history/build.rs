//! Reads a history out of git: first which commit changed which paths, then how lines moved.

use super::events::{Change, Event, NONE, PathNumbers};
use super::read::{self, FORMAT, PATCH_FORMAT, Patch, Piece, Raw};
use super::{CommitFacts, CommitNo, History, HistoryError, IGNORE_FILE, Inner, Signature, disk, text};
use crate::sources::git::{Git, GitError};
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// Longest time for all commits with their paths.
const NAMES_TIMEOUT: Duration = Duration::from_secs(1_200);
/// Longest time for the lines of all commits.
const LINES_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Most tips of one history; they have to fit on a command line.
const MAX_TIPS: usize = 10_000;
/// Most commits that are numbered.
const MAX_COMMITS: usize = 4_000_000;
/// Most hunks of one file in one commit; more is no change that people made.
const MAX_FILE_HUNKS: usize = 200_000;
/// Most hunks altogether, of 16 bytes each.
const MAX_HUNKS: usize = 10_000_000;
/// Most co-authors of one commit.
const MAX_CO_AUTHORS: usize = 50;
/// Most versions of `.git-blame-ignore-revs`, the newest ones, and most commits that one version lists.
const MAX_IGNORE_FILES: usize = 64;
const MAX_IGNORED: usize = 100_000;

/// What both passes of `git log` have in common. A parent stands before its children; each merge is compared with its
/// first parent, or in the last pass with all.
const LOG: [&str; 7] =
    ["log", "--topo-order", "--reverse", "--no-abbrev", "--no-textconv", "--no-ext-diff", "--full-index"];
/// As `git blame -w` compares.
const LIKE_BLAME: [&str; 4] = ["-p", "-U0", "-w", "--diff-algorithm=myers"];
/// As `git blame` finds renames.
const RENAMES: [&str; 2] = ["-M", "-l1000"];

impl History {
    /// The history that leads to `tips` (full ids): read from `file` as far as it is there and whole, the rest from
    /// git. `file` may be deleted at any time.
    ///
    /// # Errors
    /// [`HistoryError`]; a `file` that is damaged or cannot be written is none.
    pub async fn open(git: &Git, file: &Path, tips: &[String]) -> Result<History, HistoryError> {
        let kept = file.to_owned();
        let kept = spawn_blocking(move || disk::load(&kept)).await?;
        History(Arc::new(kept.unwrap_or_default())).update(git, file, tips).await
    }

    /// This history and what leads to `tips` besides. Commits that no tip leads to any more stay until git has thrown
    /// them away.
    ///
    /// # Errors
    /// [`HistoryError`]; this history stays as it is.
    pub async fn update(&self, git: &Git, file: &Path, tips: &[String]) -> Result<History, HistoryError> {
        let is_hex = |tip: &&String| matches!(tip.len(), 40 | 64) && tip.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(bad) = tips.iter().find(|tip| !is_hex(tip)) {
            return Err(HistoryError::NotACommit(bad.chars().take(100).collect()));
        }
        if tips.len() > MAX_TIPS {
            return Err(HistoryError::TooLarge("tips"));
        }
        let edge = edge(git).await?;
        let is_known = edge == self.0.edge && tips.iter().all(|tip| self.0.find(tip).is_some());
        if is_known {
            return Ok(self.clone());
        }
        let mut start = Inner { edge: edge.clone(), ..Inner::default() };
        if edge == self.0.edge && !self.is_empty() && still_there(git, &self.0.tips).await? {
            start = Inner::clone(&self.0);
        }
        let inner = read_all(git, start, tips).await?;
        let file = file.to_owned();
        let (inner, kept) = spawn_blocking(move || {
            let kept = disk::save(&file, &inner);
            (inner, kept)
        })
        .await?;
        if let Err(error) = kept {
            // What was read is good all the same; only the next start has to read it again.
            tracing::warn!(%error, "the index of a history could not be kept");
        }
        Ok(History(Arc::new(inner)))
    }
}

/// The commits at which a shallow clone ends.
async fn edge(git: &Git) -> Result<Vec<String>, HistoryError> {
    let file = git.read(&["rev-parse", "--path-format=absolute", "--git-path", "shallow"]).await?;
    let file = String::from_utf8_lossy(&file).trim_end_matches('\n').to_owned();
    let listed = tokio::fs::read_to_string(file).await.unwrap_or_default(); // a whole clone has no such file
    let mut edge: Vec<String> = listed.lines().map(str::to_owned).collect();
    edge.sort_unstable();
    Ok(edge)
}

/// Whether git still has all of `tips`: after a rewritten branch it may have thrown the old one away.
async fn still_there(git: &Git, tips: &[String]) -> Result<bool, HistoryError> {
    let options = ["rev-list", "--no-walk", "--ignore-missing", "--count"];
    let asked: Vec<&str> = options.into_iter().chain(tips.iter().map(String::as_str)).collect();
    match git.read(&asked).await {
        Ok(count) => Ok(String::from_utf8_lossy(&count).trim() == tips.len().to_string()),
        Err(GitError::Failed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A history that is being read; `old` has the start of the id of what each event replaced.
pub(super) struct Reading {
    pub inner: Inner,
    old: Vec<u128>,
    pub first_new: usize,
}

async fn read_all(git: &Git, start: Inner, tips: &[String]) -> Result<Inner, HistoryError> {
    if tips.is_empty() {
        return Ok(start);
    }
    let excluded = start.tips.clone();
    let mut range: Vec<&str> = tips.iter().map(String::as_str).collect();
    range.push("--not");
    range.extend(excluded.iter().map(String::as_str));
    range.push("--");
    let options = [LOG.as_slice(), &RENAMES, &["-z", "--raw", "--diff-merges=first-parent", FORMAT], &range].concat();
    let first_new = start.events.all.len();
    let reading = Reading { inner: start, old: Vec::new(), first_new };
    let names = move |input: &mut _| {
        let mut reading = reading;
        let mut paths = PathNumbers::new(&reading.inner.events.paths);
        read::commits(input, |raw| reading.take_commit(raw, &mut paths))?;
        reading.inner.events.arrange(&reading.inner.commits);
        let is_merged = reading.settle_merges();
        Ok((reading, is_merged))
    };
    let (mut reading, is_merged) = git.stream(&options, NAMES_TIMEOUT, names).await?;
    if reading.inner.commits.len() > MAX_COMMITS {
        return Err(HistoryError::TooLarge("commits"));
    }
    let plain = [LOG.as_slice(), &RENAMES, &LIKE_BLAME, &["--no-merges", PATCH_FORMAT], &range].concat();
    let merges = [
        LOG.as_slice(),
        &RENAMES,
        &LIKE_BLAME,
        &["-U1", "--merges", "-c", "--raw", "--combined-all-paths", PATCH_FORMAT],
        &range,
    ]
    .concat();
    reading = git.stream(&plain, LINES_TIMEOUT, move |input| reading.take_lines(input)).await?;
    if is_merged {
        reading = git.stream(&merges, LINES_TIMEOUT, move |input| reading.take_lines(input)).await?;
    }
    let mut inner = reading.inner;
    read_ignored(git, &mut inner).await?;
    inner.tips = tips.to_vec();
    inner.tips.extend(excluded.into_iter().filter(|tip| !tips.contains(tip)));
    inner.tips = newest_only(&inner);
    Ok(inner)
}

/// The tips that no other tip leads to.
fn newest_only(inner: &Inner) -> Vec<String> {
    let mut has_child = vec![false; inner.commits.len()];
    inner.commits.iter().flat_map(|commit| &commit.parents).for_each(|parent| has_child[parent.0 as usize] = true);
    let ends = inner.commits.iter().zip(has_child).filter(|(_, has_child)| !has_child);
    ends.map(|(commit, _)| commit.id.clone()).collect()
}

impl Reading {
    fn take_commit(&mut self, raw: Raw, paths: &mut PathNumbers) {
        let (Ok(key), Ok(no)) = (read::key(&raw.id), u32::try_from(self.inner.commits.len())) else { return };
        if self.inner.by_id.contains_key(&key) || self.inner.commits.len() > MAX_COMMITS {
            return;
        }
        self.inner.by_id.insert(key, no);
        let facts = facts(&raw, |parent| self.inner.by_id.get(&read::key(parent).ok()?).map(|no| CommitNo(*no)));
        let is_merge = facts.is_merge();
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
                _ if raw.is_link => Change::Opaque,
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

    fn take_lines(mut self, input: &mut impl std::io::BufRead) -> std::io::Result<Reading> {
        let mut next = 0;
        read::patches(input, |piece| match piece {
            Piece::Sources(sources) => self.take_sources(sources),
            Piece::Patch(patch) => {
                if let Some(no) = self.event_of(patch, next) {
                    next = no + 1;
                    self.keep_lines(no, patch);
                }
            }
        })?;
        Ok(self)
    }

    /// The event that `patch` belongs to. Patches come in the order of events, so it is looked for from `next` on. Two
    /// files with the same contents before and after have the same patch.
    fn event_of(&self, patch: &Patch, next: usize) -> Option<usize> {
        let commit = *self.inner.by_id.get(&patch.commit)?;
        let numbers = self.inner.events.numbers_of(commit);
        let next = next.clamp(numbers.start, numbers.end);
        let fits = |no: &usize| {
            let event = &self.inner.events.all[*no];
            event.blob == patch.new
                && no.checked_sub(self.first_new).is_some_and(|new| self.old[new] == patch.old)
                && event.change != Change::Gone
        };
        (next..numbers.end).chain(numbers.start..next).find(fits)
    }

    fn keep_lines(&mut self, no: usize, patch: &Patch) {
        let events = &mut self.inner.events;
        let count: usize = patch.parents.iter().map(Vec::len).sum();
        let too_many = count > MAX_FILE_HUNKS || events.hunks.len() + count > MAX_HUNKS;
        let change = events.all[no].change;
        if patch.is_binary || too_many {
            events.all[no].change = Change::Opaque;
            return;
        }
        let mut append = |hunks: &[_]| {
            let start = place(events.hunks.len());
            events.hunks.extend_from_slice(hunks);
            (start, place(hunks.len()))
        };
        match change {
            Change::Lines { .. } => {
                let (start, len) = append(patch.parents.first().map_or(&[], Vec::as_slice));
                events.all[no].change = Change::Lines { start, len };
            }
            Change::Merged { start, len } => {
                for side in start..start + len {
                    let side = &mut events.sides[side as usize];
                    let hunks = patch.parents.get(side.parent as usize).map_or(&[][..], Vec::as_slice);
                    (side.start, side.len) = append(hunks);
                }
            }
            Change::Gone | Change::Opaque | Change::Parent(_) => {}
        }
    }
}

/// The limits above are far below this one.
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

async fn read_ignored(git: &Git, inner: &mut Inner) -> Result<(), HistoryError> {
    let Some(path) = inner.events.path_no(IGNORE_FILE) else { return Ok(()) };
    let mut versions: Vec<_> = inner.events.of_path(path).filter(|event| event.change != Change::Gone).collect();
    versions.sort_unstable_by_key(|event| std::cmp::Reverse(event.commit));
    let mut blobs: Vec<u128> = versions.into_iter().map(|event| event.blob).take(MAX_IGNORE_FILES).collect();
    blobs.retain(|blob| !inner.ignored.contains_key(blob));
    for blob in blobs {
        match git.read(&["cat-file", "blob", &format!("{blob:032x}")]).await {
            Ok(content) => drop(inner.ignored.insert(blob, listed(&content))),
            Err(GitError::Failed { message, .. }) => tracing::warn!(%message, "left out a list of ignored commits"),
            Err(GitError::TooMuch { .. }) => tracing::warn!("left out a list of ignored commits that is too long"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The commits in a `.git-blame-ignore-revs`: full ids, one a line, `#` for comments; anything else is left out.
fn listed(content: &[u8]) -> Vec<u128> {
    let id = |line: &[u8]| {
        let id = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        read::key(id).ok().filter(|_| matches!(id.len(), 40 | 64))
    };
    content.split(|byte| *byte == b'\n').filter_map(id).take(MAX_IGNORED).collect()
}
