//! Reads what `git log` prints, piece by piece and bounded: commits with the paths that they changed.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// Most bytes of one name, line or field that are looked at.
const MAX_PIECE: u64 = 64 * 1024;

/// One commit as it is printed by [`FORMAT`].
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub id: Vec<u8>,
    pub parents: Vec<u8>,
    pub name: Vec<u8>,
    pub email: Vec<u8>,
    pub time: Vec<u8>,
    pub title: Vec<u8>,
    pub co_authors: Vec<u8>,
    pub changes: Vec<RawChange>,
}

/// One changed path.
#[derive(Debug)]
pub(super) struct RawChange {
    pub old: u128,
    pub new: u128,
    pub status: u8,
    /// A submodule: its "content" is a commit of another repository.
    pub is_link: bool,
    pub from: Option<Vec<u8>>,
    pub path: Vec<u8>,
}

/// For `git log -z --raw`: an empty field, then seven fields.
pub(super) const FORMAT: &str =
    "--format=%x00%H%x00%P%x00%an%x00%ae%x00%ct%x00%s%x00%(trailers:key=Co-authored-by,valueonly,separator=%x0a)";

/// Calls `each` for every commit.
pub(super) fn commits(input: &mut impl BufRead, mut each: impl FnMut(Raw)) -> Result<()> {
    let mut piece = Vec::new();
    let mut current: Option<Raw> = None;
    while take(input, 0, &mut piece)? {
        let entry = piece.strip_prefix(b"\n").unwrap_or(&piece);
        if let Some(entry) = entry.strip_prefix(b":") {
            let mut change = change(entry)?;
            let mut path = Vec::new();
            take(input, 0, &mut path)?;
            if matches!(change.status, b'R' | b'C') {
                change.from = Some(std::mem::take(&mut path));
                take(input, 0, &mut path)?;
            }
            change.path = path;
            current.as_mut().ok_or_else(|| malformed("a path without a commit"))?.changes.push(change);
        } else if entry.is_empty() {
            if let Some(done) = current.take() {
                each(done);
            }
            let mut raw = Raw::default();
            for field in [
                &mut raw.id,
                &mut raw.parents,
                &mut raw.name,
                &mut raw.email,
                &mut raw.time,
                &mut raw.title,
                &mut raw.co_authors,
            ] {
                take(input, 0, field)?;
            }
            current = Some(raw);
        } else {
            return Err(malformed("an entry that is neither commit nor path"));
        }
    }
    if let Some(done) = current {
        each(done);
    }
    Ok(())
}

/// `100644 100644 OLD NEW M`
fn change(entry: &[u8]) -> Result<RawChange> {
    let mut words = entry.split(|byte| *byte == b' ');
    let mut word = || words.next().ok_or_else(|| malformed("a short entry"));
    let (old_mode, new_mode) = (word()?, word()?);
    let is_link = old_mode == b"160000" || new_mode == b"160000";
    let (old, new) = (key(word()?)?, key(word()?)?);
    let status = *word()?.first().ok_or_else(|| malformed("an entry without a status"))?;
    Ok(RawChange { old, new, status, is_link, from: None, path: Vec::new() })
}

/// The first 128 bits of an object's id: enough to tell objects apart, and git finds them by it.
pub(super) fn key(hex: &[u8]) -> Result<u128> {
    let hex = hex.get(..32).and_then(|hex| std::str::from_utf8(hex).ok());
    hex.and_then(|hex| u128::from_str_radix(hex, 16).ok()).ok_or_else(|| malformed("an id that is none"))
}

/// The next piece, without its end, cut at [`MAX_PIECE`]; false at the end.
pub(super) fn take(input: &mut impl BufRead, end: u8, piece: &mut Vec<u8>) -> Result<bool> {
    piece.clear();
    input.by_ref().take(MAX_PIECE).read_until(end, piece)?;
    if piece.last() == Some(&end) {
        piece.pop();
        return Ok(true);
    }
    if piece.len() as u64 == MAX_PIECE {
        input.skip_until(end)?;
    }
    Ok(!piece.is_empty())
}

pub(super) fn malformed(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
