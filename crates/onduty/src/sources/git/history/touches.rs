//! Who changed a file or anything in a folder.

use super::events::{Change, NONE};
use super::{At, CommitNo};
use jiff::Timestamp;
use std::collections::HashMap;

/// Most former names of one file that are followed.
const MAX_NAMES: usize = 1_000;

impl At<'_> {
    /// The commits that changed `path`, newest first, also under its former names; merges are left out.
    pub fn touches_of(&self, path: &str) -> Vec<CommitNo> {
        let Some(path) = self.inner.events.path_no(path.as_bytes()) else { return Vec::new() };
        // Up to which commit each name counts: a former one only until it was given up.
        let mut until = HashMap::from([(path, self.no + 1)]);
        let mut names = vec![path];
        let mut found = Vec::new();
        while let Some(name) = names.pop() {
            let before = until[&name];
            for event in self.inner.events.of_path(name).filter(|event| event.commit < before) {
                if self.ancestors.get(event.commit as usize) != Some(&true) {
                    continue;
                }
                found.push(event.commit);
                let is_renamed = event.from != NONE && event.from != name;
                if is_renamed && until.len() < MAX_NAMES && until.get(&event.from).is_none_or(|no| *no < event.commit) {
                    until.insert(event.from, event.commit);
                    names.push(event.from);
                }
            }
        }
        found.retain(|no| self.counts(*no)); // only now: a rename by a merge or after the time leads to old names too
        self.newest_first(found)
    }

    /// The commits that changed anything in `folder`, newest first and each once; merges are left out. The empty
    /// folder is the whole repository.
    pub fn touches_under(&self, folder: &str) -> Vec<CommitNo> {
        let folder = folder.trim_end_matches('/');
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut touched = vec![prefix.is_empty(); self.ancestors.len()];
        if !prefix.is_empty() {
            for path in self.inner.events.under(prefix.as_bytes()) {
                for event in self.inner.events.of_path(*path) {
                    if let Some(touched) = touched.get_mut(event.commit as usize) {
                        *touched = true;
                    }
                }
            }
        }
        let found = (0..).zip(touched).filter(|(no, touched)| *touched && self.counts(*no)).map(|(no, _)| no);
        self.newest_first(found.collect())
    }

    /// When the newest commit that led here was committed.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        let led = self.inner.commits.iter().zip(&self.ancestors).filter(|(_, is_ancestor)| **is_ancestor);
        led.map(|(commit, _)| commit.committed_at).max()
    }

    /// The paths that commit `no` changed or took away; of a merge those that differ from its first parent. Bytes that
    /// are no text, and control characters, are shown as `\u{fffd}`.
    pub fn files_of(&self, no: CommitNo) -> Vec<String> {
        let events = self.inner.events.of_commit(no.0);
        let shown = |path: &[u8]| String::from_utf8_lossy(path).replace(char::is_control, "\u{fffd}");
        events.iter().map(|event| shown(&self.inner.events.paths[event.path as usize])).collect()
    }

    /// Whether `path` is a file at this revision.
    pub fn has_file(&self, path: &str) -> bool {
        let events = &self.inner.events;
        let event = events.path_no(path.as_bytes()).and_then(|path| events.nearest(self.no, path));
        event.is_some_and(|event| event.change != Change::Gone)
    }

    fn counts(&self, no: u32) -> bool {
        let commit = &self.inner.commits[no as usize];
        self.ancestors.get(no as usize) == Some(&true)
            && !commit.is_merge()
            && self.latest.is_none_or(|latest| commit.committed_at <= latest)
    }

    fn newest_first(&self, mut found: Vec<u32>) -> Vec<CommitNo> {
        found.sort_unstable_by_key(|no| std::cmp::Reverse((self.inner.commits[*no as usize].committed_at, *no)));
        found.dedup();
        found.into_iter().map(CommitNo).collect()
    }
}
