//! What a disk may hold when the power fails: everything that it was asked to keep, and of the rest whatever it likes.

use crate::faults::{FOLDER, Record, What};
use crate::load::{Dice, beside};
use std::path::Path;

/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// The files of a store on a disk, by the places that the recording gives them.
const ENDINGS: [&str; FOLDER] = ["", "-wal", "-journal"];

/// How much of what was not synced arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    Nothing,
    Everything,
    /// The first so many writes, and a part of the next.
    InOrder,
    /// Each write, or not.
    AnyWrites,
    /// Each sector, or not: writes are torn.
    AnySectors,
}

impl Arrived {
    /// Each of them, in turn.
    pub fn turn(number: usize) -> Arrived {
        const ALL: [Arrived; 5] =
            [Arrived::Nothing, Arrived::AnySectors, Arrived::InOrder, Arrived::AnyWrites, Arrived::Everything];
        ALL[number % ALL.len()]
    }
}

/// The content of one file: that of one name changes when the file is removed and another one made.
#[derive(Default)]
struct Content {
    synced: Vec<u8>,
    /// Writes and cuts since then, as places in the recording.
    since: Vec<usize>,
}

/// One name in the folder.
#[derive(Default)]
struct Name {
    contents: Vec<Content>,
    /// What the folder on the disk has under this name.
    synced: Option<usize>,
    /// What the folder had since then.
    since: Vec<Option<usize>>,
}

impl Name {
    /// What the server finds under this name.
    fn current(&mut self) -> &mut Content {
        let newest = self.since.last().copied().unwrap_or(self.synced);
        let newest = newest.expect("only a file that there is can be changed");
        &mut self.contents[newest]
    }
}

/// A disk as the recording left it up to some record.
pub struct Platter<'a> {
    records: &'a [Record],
    /// How many records have happened.
    pub at: usize,
    names: [Name; ENDINGS.len()],
}

impl<'a> Platter<'a> {
    /// An empty disk, before the first record.
    pub fn before(records: &'a [Record]) -> Platter<'a> {
        Platter { records, at: 0, names: Default::default() }
    }

    /// Lets the next record happen.
    pub fn step(&mut self, dice: &mut Dice) {
        let (at, record) = (self.at, &self.records[self.at]);
        self.at += 1;
        if record.file == FOLDER {
            if !record.failed {
                for name in &mut self.names {
                    name.synced = name.since.last().copied().unwrap_or(name.synced);
                    name.since.clear();
                }
            }
            return;
        }
        let name = &mut self.names[record.file];
        match record.what {
            What::Create => {
                name.contents.push(Content::default());
                name.since.push(Some(name.contents.len() - 1));
            }
            What::Remove => name.since.push(None),
            What::Write | What::Truncate => name.current().since.push(at),
            What::Sync => {
                // After a sync that failed the system forgets what it could not write: a later sync does not bring it.
                let arrived = if record.failed { Arrived::AnySectors } else { Arrived::Everything };
                let content = name.current();
                let since = std::mem::take(&mut content.since);
                apply(&mut content.synced, since.iter().map(|at| &self.records[*at]), arrived, dice);
            }
        }
    }

    /// Writes what the disk may hold now as the store at `path`, in a folder with nothing in it.
    pub fn write(&self, path: &Path, arrived: Arrived, dice: &mut Dice) {
        for (name, ending) in self.names.iter().zip(ENDINGS) {
            let file = beside(path, ending);
            let possible = 1 + dice.below(name.since.len() as u64 + 1);
            let newest = match arrived {
                Arrived::Nothing => name.synced,
                Arrived::Everything => name.since.last().copied().unwrap_or(name.synced),
                _ => {
                    name.since.iter().rev().nth(usize::try_from(possible).unwrap() - 1).copied().unwrap_or(name.synced)
                }
            };
            if let Some(content) = newest.map(|newest| &name.contents[newest]) {
                let mut bytes = content.synced.clone();
                apply(&mut bytes, content.since.iter().map(|at| &self.records[*at]), arrived, dice);
                std::fs::write(&file, bytes).expect("the image can be written");
            }
        }
    }
}

/// Lets as much of `changes` as `arrived` says happen to `bytes`.
fn apply<'a>(bytes: &mut Vec<u8>, changes: impl Iterator<Item = &'a Record>, arrived: Arrived, dice: &mut Dice) {
    let changes: Vec<&Record> = changes.collect();
    let in_order = usize::try_from(dice.below(changes.len() as u64 + 1)).unwrap();
    for (number, change) in changes.into_iter().enumerate() {
        let arrived = match arrived {
            Arrived::InOrder if number < in_order => Arrived::Everything,
            Arrived::InOrder if number == in_order => Arrived::AnySectors,
            Arrived::InOrder => Arrived::Nothing,
            Arrived::AnyWrites if dice.below(2) == 0 => Arrived::Nothing,
            Arrived::AnyWrites => Arrived::Everything,
            other => other,
        };
        if arrived == Arrived::Nothing
            || (change.what == What::Truncate && arrived == Arrived::AnySectors && dice.below(2) == 0)
        {
            continue;
        }
        if change.what == What::Truncate {
            bytes.resize(change.length, 0);
            continue;
        }
        let mut from = 0;
        while from < change.length {
            let to = change.length.min((change.offset + from) / SECTOR * SECTOR + SECTOR - change.offset);
            if arrived == Arrived::Everything || dice.below(2) == 0 {
                let end = change.offset + to;
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[change.offset + from..end].copy_from_slice(&change.bytes[from..to]);
            }
            from = to;
        }
    }
}
