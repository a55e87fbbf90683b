//! Reads what `git log` prints, NUL by NUL. Bytes that are not UTF-8, control characters and odd times are harmless.

use crate::sources::one_line;
use jiff::Timestamp;
use onduty_core::signal::Commit;
use std::collections::HashMap;

/// Five fields per commit, each ended by NUL under `-z`.
pub(super) const FORMAT: &str = "--format=%H%x00%aN%x00%aE%x00%ct%x00%s";
/// With `-z --name-only`: NUL, the commit, NUL, then a line feed and its files, each ended by NUL.
pub(super) const FILES_FORMAT: &str = "--format=%x00%H";
/// Most changed files that are kept of one commit.
const MAX_FILES: usize = 100;

/// The commits of an answer in [`FORMAT`].
pub(super) fn commits(output: &[u8]) -> Vec<Commit> {
    let fields: Vec<&[u8]> = output.split(|byte| *byte == 0).collect();
    fields
        .as_chunks::<5>()
        .0
        .iter()
        .map(|fields| {
            let [revision, name, email, time, title] = fields.map(String::from_utf8_lossy);
            let seconds = time.parse().unwrap_or_default(); // a commit without a time that makes sense is very old
            Commit {
                revision: revision.into_owned(),
                author_name: one_line(&name, 200),
                author_email: one_line(&email, 200),
                title: one_line(&title, 200),
                committed_at: Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH),
                files: Vec::new(),
            }
        })
        .collect()
}

/// The changed files per commit of an answer in [`FILES_FORMAT`]. No name is empty, so an empty field can only stand
/// before a commit.
pub(super) fn files(output: &[u8]) -> HashMap<String, Vec<String>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    let mut fields = output.split(|byte| *byte == 0);
    let mut current = None;
    let mut first = false;
    while let Some(field) = fields.next() {
        if field.is_empty() {
            current = fields.next().map(|revision| String::from_utf8_lossy(revision).into_owned());
            first = true;
            continue;
        }
        let name = if first { field.strip_prefix(b"\n").unwrap_or(field) } else { field };
        first = false;
        if let Some(revision) = &current {
            let files = found.entry(revision.clone()).or_default();
            if files.len() < MAX_FILES {
                files.push(visible(name));
            }
        }
    }
    found
}

/// The name as text; a name keeps its spaces, but not what moves a cursor.
fn visible(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(500).collect()
}
