//! Reads the patches that git prints, piece by piece and bounded: how lines moved, without their text.

use super::lines::Hunk;
use super::read::{key, malformed, take};
use std::io::{BufRead, Result};

/// The hunks of one changed file: one list for each parent that git compared it with.
#[derive(Debug, Default)]
pub(super) struct Patch {
    pub commit: u128,
    pub old: u128,
    pub new: u128,
    pub parents: Vec<Vec<Hunk>>,
    pub is_binary: bool,
}

/// Under which names the parents of a merge have one of its files.
#[derive(Debug)]
pub(super) struct Sources {
    pub commit: u128,
    pub path: Vec<u8>,
    pub parents: Vec<Source>,
}

/// A file in one parent of a merge.
#[derive(Debug)]
pub(super) struct Source {
    /// `A` where the parent does not have it, `R` where it has another name.
    pub status: u8,
    pub blob: u128,
    pub path: Vec<u8>,
}

/// What stands in the patches of a history.
pub(super) enum Piece<'a> {
    /// Comes before the patch of the file, and only when a parent has another name for it.
    Sources(Sources),
    Patch(&'a Patch),
}

/// What stands before the patches of a commit.
pub(super) const FORMAT: &str = "--format=%x00%H";

/// Calls `each` for every piece and says how many commits there were. No text of a file is kept, nor taken for anything
/// else: its lines are counted.
pub(super) fn read(input: &mut impl BufRead, mut each: impl FnMut(Piece)) -> Result<usize> {
    let mut line = Vec::new();
    let mut patch = Patch::default();
    let mut is_open = false;
    let mut commits = 0;
    while take(input, b'\n', &mut line)? {
        let starts_file = line.starts_with(b"diff --");
        if is_open && (starts_file || line.first() == Some(&0)) {
            each(Piece::Patch(&patch));
            is_open = false;
        }
        if let Some(id) = line.strip_prefix(b"\0") {
            patch = Patch { commit: key(id)?, ..Patch::default() };
            commits += 1;
        } else if starts_file {
            patch = Patch { commit: patch.commit, ..Patch::default() };
        } else if let Some(ids) = line.strip_prefix(b"index ") {
            (patch.old, patch.new) = ids_of(ids)?;
            is_open = true;
        } else if line.starts_with(b"Binary files ") {
            patch.is_binary = true;
        } else if line.starts_with(b"::") {
            // One that is too long to be read is as good as none: names that stayed are known without it.
            if let Some(sources) = sources(patch.commit, &line) {
                each(Piece::Sources(sources));
            }
        } else if line.starts_with(b"@@") {
            hunk(input, &line, &mut patch.parents)?;
        }
    }
    if is_open {
        each(Piece::Patch(&patch));
    }
    Ok(commits)
}

/// `::MODE MODE MODE OLD OLD NEW MR`, then after tabs the path in each parent and in the merge; `None` when no parent
/// has another path.
fn sources(commit: u128, line: &[u8]) -> Option<Sources> {
    let count = line.iter().take_while(|byte| **byte == b':').count();
    let mut fields = line[count..].split(|byte| *byte == b'\t');
    let words: Vec<&[u8]> = fields.next()?.split(|byte| *byte == b' ').collect();
    let statuses = words.get(2 * (count + 1)).filter(|statuses| statuses.contains(&b'R'))?;
    let mut paths = fields.map(unquoted).collect::<Option<Vec<_>>>()?;
    let path = paths.pop()?;
    if statuses.len() != count || paths.len() != count {
        return None;
    }
    let parts = statuses.iter().zip(&words[count + 1..]).zip(paths);
    let parents = parts.map(|((status, id), path)| Some(Source { status: *status, blob: key(id).ok()?, path }));
    Some(Sources { commit, path, parents: parents.collect::<Option<_>>()? })
}

/// A path as git prints it in a line: odd bytes in quotes as `\t` or `\303`.
fn unquoted(path: &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = path.strip_prefix(b"\"") else { return Some(path.to_vec()) };
    let mut bytes = quoted.strip_suffix(b"\"")?.iter().copied();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        plain.push(match bytes.next()? {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            high @ b'0'..=b'3' => {
                let mut digit = || bytes.next().filter(|byte| (b'0'..=b'7').contains(byte)).map(|byte| byte - b'0');
                (high - b'0') * 64 + digit()? * 8 + digit()?
            }
            same => same, // `"` and `\`
        });
    }
    Some(plain)
}

/// `OLD..NEW MODE`, and `OLD,OLD..NEW` for a merge.
fn ids_of(text: &[u8]) -> Result<(u128, u128)> {
    let dots = text.windows(2).position(|two| two == b"..").ok_or_else(|| malformed("an index line without ids"))?;
    Ok((key(text)?, key(&text[dots + 2..])?))
}

/// Reads a hunk; `header` has one `@` more than there are parents.
fn hunk(input: &mut impl BufRead, header: &[u8], parents: &mut Vec<Vec<Hunk>>) -> Result<()> {
    let count = header.iter().take_while(|byte| **byte == b'@').count() - 1;
    let mut words = header.split(|byte| *byte == b' ').skip(1);
    let mut side = |sign: u8| {
        let word = words.next().and_then(|word| word.strip_prefix(&[sign]));
        word.and_then(range).ok_or_else(|| malformed("a hunk without lines"))
    };
    let old = (0..count).map(|_| side(b'-')).collect::<Result<Vec<_>>>()?;
    let new = side(b'+')?;
    parents.resize_with(count.max(parents.len()), Vec::new);
    match old.as_slice() {
        [old] => {
            // An empty side names the line before; otherwise lines count from 1.
            let from = |(start, len): (u32, u32)| if len == 0 { start } else { start.saturating_sub(1) };
            let hunk = Hunk { old_start: from(*old), old_len: old.1, new_start: from(new), new_len: new.1 };
            parents[0].push(hunk);
            for _ in 0..u64::from(old.1) + u64::from(new.1) {
                input.skip_until(b'\n')?;
            }
            Ok(())
        }
        old => combined(input, old, new, parents),
    }
}

/// The body of a hunk against several parents: each line begins with one sign per parent.
fn combined(input: &mut impl BufRead, old: &[(u32, u32)], new: (u32, u32), parents: &mut [Vec<Hunk>]) -> Result<()> {
    // Unlike in a plain hunk, an empty side names the line after.
    let mut old_at: Vec<u32> = old.iter().map(|(start, _)| start.saturating_sub(1)).collect();
    let mut new_at = new.0.saturating_sub(1);
    let mut line = Vec::new();
    // Under -w the lengths of the header may be wrong, so the signs tell what belongs to the hunk.
    while matches!(input.fill_buf()?.first(), Some(b' ' | b'+' | b'-' | b'\\')) {
        take(input, b'\n', &mut line)?;
        if line.first() == Some(&b'\\') {
            continue;
        }
        let signs = line.get(..old.len()).ok_or_else(|| malformed("a line without signs"))?;
        let is_lost = signs.contains(&b'-');
        for (parent, sign) in signs.iter().enumerate() {
            let at = old_at[parent];
            match (is_lost, sign) {
                (true, b'-') => {
                    grow(&mut parents[parent], Hunk { old_start: at, old_len: 1, new_start: new_at, new_len: 0 })
                }
                (false, b'+') => {
                    grow(&mut parents[parent], Hunk { old_start: at, old_len: 0, new_start: new_at, new_len: 1 })
                }
                (true, _) => continue,
                (false, _) => {}
            }
            if is_lost || *sign != b'+' {
                old_at[parent] += 1;
            }
        }
        if !is_lost {
            new_at += 1;
        }
    }
    Ok(())
}

/// Appends `more`, to the last hunk where it follows at once.
fn grow(hunks: &mut Vec<Hunk>, more: Hunk) {
    if let Some(last) = hunks.last_mut()
        && last.old_start + last.old_len == more.old_start
        && last.new_start + last.new_len == more.new_start
    {
        last.old_len += more.old_len;
        last.new_len += more.new_len;
    } else {
        hunks.push(more);
    }
}

/// `START,LEN` or `START`. git writes one less than nothing as 18446744073709551615 where a merge lost the last line.
fn range(word: &[u8]) -> Option<(u32, u32)> {
    let word = std::str::from_utf8(word).ok()?;
    let (start, len) = word.split_once(',').unwrap_or((word, "1"));
    let len = len.parse::<u64>().ok()?;
    Some((start.parse().ok()?, if len == u64::MAX { 0 } else { u32::try_from(len).ok()? }))
}
