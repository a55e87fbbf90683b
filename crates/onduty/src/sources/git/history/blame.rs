//! Which commit wrote a line: the walk of `git blame -w`, over hunks instead of texts.

use super::events::{Change, Event, NONE};
use super::lines::{Hunk, Span, passed_through, split};
use super::{At, CommitNo};
use std::collections::BTreeMap;
use std::ops::Range;

/// Why nobody can be named for a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlameError {
    /// No such file at that revision.
    #[error("there is no such file at that revision")]
    NoSuchFile,
    /// A picture, a submodule, a change beyond all measure, or a content that the clone leaves out.
    #[error("it is not a text, or a change of it is too large or not in this clone")]
    NotReadable,
    /// A clone without contents (`git clone --filter=blob:none`).
    #[error("this clone leaves out what files contained; copy the whole repository")]
    LeftOut,
}

/// No line of a file that git compares is further down; leaves room for moving lines about.
const MAX_LINE: u32 = 1 << 30;

/// What is still to be found: by commit (the last one first) and path, the lines as they stand there.
type Open = BTreeMap<(u32, u32), Vec<Span>>;

impl At<'_> {
    /// For each of `lines` of `path`, counted from 1, the commit that wrote it. Changes of white space alone count
    /// for nothing, renames are followed, and the commits that `.git-blame-ignore-revs` lists at this revision are
    /// passed through. Lines that the file does not have are left out.
    ///
    /// # Errors
    /// [`BlameError`]
    pub fn blame(&self, path: &str, lines: Range<u32>) -> Result<Vec<(u32, CommitNo)>, BlameError> {
        let path = self.inner.events.path_no(path.as_bytes()).ok_or(BlameError::NoSuchFile)?;
        self.inner.events.content(self.no, path).ok_or(BlameError::NoSuchFile)?;
        let (asked, end) = (lines.start.max(1), lines.end.min(MAX_LINE));
        let mut found = Vec::new();
        let mut open = Open::new();
        add(&mut open, self.no, path, vec![Span { at: asked - 1, len: end.saturating_sub(asked), asked }]);
        while let Some(((commit, path), spans)) = open.pop_last() {
            if let Some(event) = self.inner.events.nearest(commit, path) {
                self.step(event, &spans, &mut open, &mut found)?;
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Goes through one change.
    fn step(
        &self,
        event: &Event,
        spans: &[Span],
        open: &mut Open,
        found: &mut Vec<(u32, CommitNo)>,
    ) -> Result<(), BlameError> {
        let events = &self.inner.events;
        let parents = &self.inner.commits[event.commit as usize].parents;
        let is_ignored = self.ignored.binary_search(&event.commit).is_ok();
        // Of the lines that are new, those that an ignored commit only rewrote go on.
        let own = |new: Vec<Span>, from: Option<(u32, u32, &[Hunk])>, open: &mut Open| match from.filter(|_| is_ignored)
        {
            Some((parent, path, hunks)) => {
                let passed = passed_through(&new, hunks);
                add(open, parent, path, passed.kept);
                passed.new
            }
            None => new,
        };
        let written = match event.change {
            Change::Gone => return Ok(()),
            Change::Opaque if !self.inner.has_lines() => return Err(BlameError::LeftOut),
            Change::Opaque => return Err(BlameError::NotReadable),
            Change::Parent(parent) => {
                if let Some(parent) = parents.get(parent as usize) {
                    add(open, parent.0, event.path, spans.to_vec());
                }
                return Ok(());
            }
            Change::Lines { start, len } => {
                let hunks = events.hunks(start, len);
                let split = split(spans, hunks);
                let before = parents.first().filter(|_| event.from != NONE).map(|parent| (parent.0, event.from, hunks));
                if let Some((parent, path, _)) = before {
                    add(open, parent, path, split.kept);
                }
                own(split.new, before, open)
            }
            Change::Merged { start, len } => {
                let mut left = spans.to_vec();
                let mut first = None;
                for side in &events.sides[start as usize..(start + len) as usize] {
                    let Some(parent) = parents.get(side.parent as usize) else { continue };
                    let hunks = events.hunks(side.start, side.len);
                    let split = split(&left, hunks);
                    add(open, parent.0, side.path, split.kept);
                    left = split.new;
                    first = first.or(Some((parent.0, side.path, hunks)));
                }
                own(left, first, open)
            }
        };
        found.extend(written.iter().flat_map(Span::asked).map(|line| (line, CommitNo(event.commit))));
        Ok(())
    }
}

fn add(open: &mut Open, commit: u32, path: u32, spans: Vec<Span>) {
    let spans = spans.into_iter().filter(|span| span.len > 0);
    let mut spans = spans.peekable();
    if spans.peek().is_some() {
        open.entry((commit, path)).or_default().extend(spans);
    }
}
