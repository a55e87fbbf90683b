//! The file that keeps a history: a version, a checksum, then numbers of variable length. Everything is checked when it
//! is read, and whatever is wrong means "no file".

use super::events::{Change, Event, Events, NONE, Side};
use super::lines::Hunk;
use super::{CommitFacts, CommitNo, Inner, Signature, read};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::io::{Result, Write};
use std::path::Path;

/// Changes with the form of the file.
const VERSION: &[u8; 16] = b"onduty history 3";
const SUM: usize = 32;

/// The history in `file`; `None` when there is none, or none that this version reads.
pub(super) fn load(file: &Path) -> Option<Inner> {
    let bytes = std::fs::read(file).ok()?;
    let inner = bytes.strip_prefix(VERSION).and_then(|rest| rest.split_at_checked(SUM)).and_then(|(sum, body)| {
        let is_whole = Sha256::digest(body)[..] == *sum;
        is_whole.then_some(body).and_then(decode)
    });
    if inner.is_none() {
        tracing::warn!(file = %file.display(), "the index of a history is damaged or of another version: made anew");
    }
    inner
}

/// Puts `inner` into `file` as a whole or not at all.
pub(super) fn save(file: &Path, inner: &Inner) -> Result<()> {
    let body = encode(inner);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(VERSION)?;
    new.write_all(&Sha256::digest(&body))?;
    new.write_all(&body)?;
    new.persist(file)?;
    Ok(())
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        let mut left = number;
        while left > 0x7f {
            self.0.push(left as u8 | 0x80); // the low seven bits; more follow
            left >>= 7;
        }
        self.0.push(left as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn key(&mut self, key: u128) {
        self.0.extend_from_slice(&key.to_le_bytes());
    }

    fn list<T>(&mut self, list: &[T], mut each: impl FnMut(&mut Writer, &T)) {
        self.number(list.len() as u64);
        list.iter().for_each(|item| each(self, item));
    }

    fn person(&mut self, person: &Signature) {
        self.bytes(person.name.as_bytes());
        self.bytes(person.email.as_bytes());
    }

    /// How much `to` is above `from`, also below.
    fn step(&mut self, from: u32, to: u32) {
        let step = i64::from(to) - i64::from(from);
        self.number(((step << 1) ^ (step >> 63)).cast_unsigned());
    }
}

fn encode(inner: &Inner) -> Vec<u8> {
    let mut writer = Writer::default();
    let text = |writer: &mut Writer, text: &String| writer.bytes(text.as_bytes());
    writer.list(&inner.tips, text);
    writer.list(&inner.edge, text);
    writer.list(&inner.holes, text);
    writer.list(&inner.commits, |writer, commit| {
        text(writer, &commit.id);
        writer.person(&commit.author);
        writer.list(&commit.co_authors, Writer::person);
        writer.number(commit.committed_at.as_second().cast_unsigned());
        text(writer, &commit.title);
        writer.list(&commit.parents, |writer, parent| writer.number(parent.0.into()));
    });
    let ignored: Vec<_> = inner.ignored.iter().collect();
    writer.list(&ignored, |writer, (blob, listed)| {
        writer.key(**blob);
        writer.list(listed, |writer, id| writer.key(*id));
    });
    let events = &inner.events;
    writer.list(&events.paths, |writer, path| writer.bytes(path));
    let mut last = 0;
    writer.list(&events.hunks, |writer, hunk| {
        writer.step(last, hunk.old_start);
        writer.step(hunk.old_start, hunk.new_start);
        writer.number(hunk.old_len.into());
        writer.number(hunk.new_len.into());
        last = hunk.old_start;
    });
    writer.list(&events.sides, |writer, side| {
        [side.parent, side.path, side.start, side.len].into_iter().for_each(|number| writer.number(number.into()));
    });
    let mut last = 0;
    writer.list(&events.all, |writer, event| {
        writer.step(last, event.commit);
        last = event.commit;
        writer.number(event.path.into());
        writer.number(if event.from == NONE { 0 } else { u64::from(event.from) + 1 });
        writer.key(event.blob);
        let (kind, a, b) = match event.change {
            Change::Gone => (0, 0, 0),
            Change::Opaque => (1, 0, 0),
            Change::Lines { start, len } => (2, start, len),
            Change::Parent(parent) => (3, parent, 0),
            Change::Merged { start, len } => (4, start, len),
        };
        [kind, a, b].into_iter().for_each(|number| writer.number(number.into()));
    });
    writer.0
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?.try_into().ok()?;
        self.take(len)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn key(&mut self) -> Option<u128> {
        self.take(16)?.try_into().ok().map(u128::from_le_bytes)
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Reader<'a>) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.number()?).ok().filter(|count| *count <= self.0.len())?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(each(self)?);
        }
        Some(list)
    }

    fn person(&mut self) -> Option<Signature> {
        Some(Signature { name: self.text()?, email: self.text()? })
    }

    fn step(&mut self, from: u32) -> Option<u32> {
        let coded = self.number()?;
        let step = (coded >> 1).cast_signed() ^ -(coded & 1).cast_signed();
        u32::try_from(i64::from(from).checked_add(step)?).ok()
    }
}

fn decode(body: &[u8]) -> Option<Inner> {
    let mut reader = Reader(body);
    let tips = reader.list(Reader::text)?;
    let edge = reader.list(Reader::text)?;
    let holes = reader.list(Reader::text)?;
    let mut count = 0;
    let commits = reader.list(|reader| {
        let commit = commit(reader, count);
        count += 1;
        commit
    })?;
    let ignored = reader.list(|reader| Some((reader.key()?, reader.list(Reader::key)?)))?;
    let mut by_id = std::collections::HashMap::with_capacity(commits.len());
    for (no, commit) in (0..).zip(&commits) {
        by_id.insert(read::key(commit.id.as_bytes()).ok()?, no);
    }
    let events = events(&mut reader, &commits)?;
    let inner =
        Inner { commits, by_id, events, ignored: ignored.into_iter().collect(), tips, edge, holes, ..Inner::default() };
    reader.0.is_empty().then_some(inner)
}

fn commit(reader: &mut Reader, no: u32) -> Option<CommitFacts> {
    Some(CommitFacts {
        id: reader.text()?,
        author: reader.person()?,
        co_authors: reader.list(Reader::person)?,
        committed_at: Timestamp::from_second(reader.number()?.cast_signed()).ok()?,
        title: reader.text()?,
        parents: reader.list(|reader| reader.small().filter(|parent| *parent < no).map(CommitNo))?,
    })
}

fn events(reader: &mut Reader, commits: &[CommitFacts]) -> Option<Events> {
    let paths = reader.list(|reader| reader.bytes().map(Box::from))?;
    let mut last = 0;
    let hunks = reader.list(|reader| {
        let old_start = reader.step(last)?;
        last = old_start;
        let new_start = reader.step(old_start)?;
        Some(Hunk { old_start, new_start, old_len: reader.small()?, new_len: reader.small()? })
    })?;
    let inside = |start: u32, len: u32, all: usize| (u64::from(start) + u64::from(len) <= all as u64).then_some(());
    let sides = reader.list(|reader| {
        let parent = reader.small()?;
        let path = reader.small().filter(|path| (*path as usize) < paths.len())?;
        let side = Side { parent, path, start: reader.small()?, len: reader.small()? };
        inside(side.start, side.len, hunks.len()).map(|()| side)
    })?;
    let mut last = 0;
    let all = reader.list(|reader| {
        let commit = reader.step(last).filter(|no| *no >= last && (*no as usize) < commits.len())?;
        last = commit;
        let path = reader.small().filter(|path| (*path as usize) < paths.len())?;
        let from = reader.small().filter(|from| *from as usize <= paths.len())?.checked_sub(1).unwrap_or(NONE);
        let blob = reader.key()?;
        let (kind, a, b) = (reader.small()?, reader.small()?, reader.small()?);
        let change = match kind {
            0 => Change::Gone,
            1 => Change::Opaque,
            2 => inside(a, b, hunks.len()).map(|()| Change::Lines { start: a, len: b })?,
            3 => Change::Parent(a),
            4 => inside(a, b, sides.len()).map(|()| Change::Merged { start: a, len: b })?,
            _ => return None,
        };
        Some(Event { commit, path, from, blob, change })
    })?;
    let mut events = Events::default();
    (events.paths, events.all, events.hunks, events.sides) = (paths, all, hunks, sides);
    events.arrange(commits);
    Some(events)
}
