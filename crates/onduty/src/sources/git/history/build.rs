//! Reads a history out of git: first which commit changed which paths, then how lines moved.

use super::events::Change;
use super::reading::{MAX_COMMITS, Reading};
use super::{History, HistoryError, IGNORE_FILE, Inner, NO_MODULES, compare, disk, holes, read};
use crate::sources::git::{Git, GitError};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// Longest time for all commits with their paths.
const NAMES_TIMEOUT: Duration = Duration::from_secs(1_200);
/// Most tips of one history; they have to fit on a command line.
const MAX_TIPS: usize = 10_000;
/// Most versions of `.git-blame-ignore-revs`, the newest ones, and most commits that one version lists.
const MAX_IGNORE_FILES: usize = 64;
const MAX_IGNORED: usize = 100_000;
/// Largest version that is read: that many ids, with room for comments.
const MAX_IGNORE_BYTES: usize = 16 * 1024 * 1024;

/// A parent stands before its children; each merge is compared with its first parent.
const LOG: [&str; 12] = [
    "log",
    "--topo-order",
    "--reverse",
    "--no-abbrev",
    "--no-textconv",
    "--no-ext-diff",
    NO_MODULES,
    "-z",
    "--raw",
    "--diff-merges=first-parent",
    "-l1000",
    read::FORMAT,
];
/// As `git blame` finds renames.
const RENAMES: &str = "-M";
/// Those alone that are seen without the contents.
const SAME_CONTENT: &str = "-M100%";

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
        let is_usable = edge == self.0.edge && !self.is_empty() && still_there(git, &self.0).await?;
        let empty = Inner { edge, ..Inner::default() };
        let inner = read_new(git, if is_usable { &self.0 } else { &empty }, tips).await?;
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

/// Whether git still has all that `known` has, and not more of it. After a rewritten branch it may have thrown the old
/// one away, and what a clone left out may have come later.
async fn still_there(git: &Git, known: &Inner) -> Result<bool, HistoryError> {
    let options = ["rev-list", "--no-walk", "--ignore-missing", "--count"];
    let asked: Vec<&str> = options.into_iter().chain(known.tips.iter().map(String::as_str)).collect();
    let has_tips = match git.read(&asked).await {
        Ok(count) => String::from_utf8_lossy(&count).trim() == known.tips.len().to_string(),
        Err(GitError::Failed { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let is_filled = match known.holes.first() {
        Some(hole) => holes::is_filled(git, hole).await?,
        None => false,
    };
    Ok(has_tips && !is_filled)
}

/// `start` with what leads to `tips`. What the clone leaves out is looked for where that is likely, or when git failed.
async fn read_new(git: &Git, start: &Inner, tips: &[String]) -> Result<Inner, HistoryError> {
    if tips.is_empty() {
        return Ok(start.clone());
    }
    let mut known = start.holes.clone();
    if start.commits.is_empty() && holes::are_likely(git).await? {
        known = holes::find(git, tips).await?;
    }
    let error = match read_all(git, start, &known, tips).await {
        Err(error @ HistoryError::Git(GitError::Failed { .. })) => error,
        read => return read,
    };
    match holes::find(git, tips).await {
        Ok(found) if found != known && !tips.iter().any(|tip| found.contains(tip)) => {
            read_all(git, start, &found, tips).await
        }
        _ => Err(error),
    }
}

async fn read_all(git: &Git, start: &Inner, holes: &[String], tips: &[String]) -> Result<Inner, HistoryError> {
    let start = Inner { holes: holes.to_vec(), signers: OnceLock::new(), ..start.clone() };
    let stand_ins = if start.has_lines() { holes::stand_ins(holes)? } else { None };
    let git = &stand_ins.as_ref().map_or_else(|| git.clone(), |folder| git.with_objects(folder.path()));
    let excluded = start.tips.clone();
    let range = tips.iter().map(String::as_str).chain(["--not"]).chain(excluded.iter().map(String::as_str));
    let renames = if start.has_lines() { RENAMES } else { SAME_CONTENT };
    let options: Vec<&str> = LOG.into_iter().chain([renames]).chain(range).chain(["--"]).collect();
    let (began, first_new) = (Instant::now(), start.commits.len());
    let mut reading = git.stream(&options, None, NAMES_TIMEOUT, |input| Reading::of(start, input)).await?;
    if reading.inner.commits.len() > MAX_COMMITS {
        return Err(HistoryError::TooLarge("commits"));
    }
    if let Some(other) = tips.iter().find(|tip| reading.inner.find(tip).is_none()) {
        return Err(HistoryError::NotACommit(other.clone()));
    }
    let named = Instant::now();
    reading = compare::lines(git, reading).await?;
    let mut inner = reading.inner;
    let (names_ms, lines_ms) = ((named - began).as_millis(), named.elapsed().as_millis());
    tracing::info!(commits = inner.commits.len() - first_new, names_ms, lines_ms, "read commits of a history");
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

async fn read_ignored(git: &Git, inner: &mut Inner) -> Result<(), HistoryError> {
    let Some(path) = inner.events.path_no(IGNORE_FILE) else { return Ok(()) };
    let mut versions: Vec<_> = inner.events.of_path(path).filter(|event| event.change != Change::Gone).collect();
    versions.sort_unstable_by_key(|event| std::cmp::Reverse(event.commit));
    let mut blobs: Vec<u128> = versions.into_iter().map(|event| event.blob).take(MAX_IGNORE_FILES).collect();
    blobs.retain(|blob| !inner.ignored.contains_key(blob));
    for blob in blobs {
        match git.content(&format!("{blob:032x}"), MAX_IGNORE_BYTES).await {
            Ok(Some(content)) => drop(inner.ignored.insert(blob, listed(&content))),
            Ok(None) => tracing::warn!("left out a list of ignored commits that is too long"),
            Err(GitError::Failed { message, .. }) => tracing::warn!(%message, "left out a list of ignored commits"),
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
