//! Reading a backup: every line is checked before anything is made of it.

use super::{EndLine, FORMAT, Header, MAX_LINE, TableLine};
use crate::store::hex;
use flate2::read::GzDecoder;
use serde::de::{Deserialize, Deserializer, Visitor};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use tokio::sync::mpsc;

/// How many rows are handed over at once: as many as a statement carries.
const BATCH: usize = 64;

/// Why a file is not a backup that can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It cannot be read, or is not gzip.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Something else.
    #[error("it is not a backup of onduty")]
    NoBackup,
    /// Made by a later onduty.
    #[error(
        "it has format {0}, which this onduty does not know; restore it with the onduty that made it, or a newer one"
    )]
    Format(u32),
    /// A line that no onduty wrote.
    #[error("line {line} cannot be understood: {what}")]
    Line {
        /// From 1.
        line: u64,
        /// In what way.
        what: String,
    },
    /// It ends too early.
    #[error("it ends after line {0}, before its end: the copy is not complete")]
    Truncated(u64),
    /// Its content is not what was written.
    #[error("its content is not what was written: the hash at its end is another")]
    Changed,
    /// The counts do not fit.
    #[error("table {table} has {found} rows, its end says {expected}")]
    Count {
        /// The table.
        table: String,
        /// As it was written.
        expected: u64,
        /// As it is.
        found: u64,
    },
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cell, D::Error> {
        struct Cells;
        impl Visitor<'_> for Cells {
            type Value = Cell;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, text or null")
            }
            fn visit_unit<E>(self) -> Result<Cell, E> {
                Ok(Cell::Null)
            }
            fn visit_i64<E>(self, value: i64) -> Result<Cell, E> {
                Ok(Cell::Integer(value))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Cell, E> {
                i64::try_from(value).map(Cell::Integer).map_err(E::custom)
            }
            fn visit_str<E>(self, value: &str) -> Result<Cell, E> {
                Ok(Cell::Text(value.to_owned()))
            }
            fn visit_string<E>(self, value: String) -> Result<Cell, E> {
                Ok(Cell::Text(value))
            }
        }
        deserializer.deserialize_any(Cells)
    }
}

/// What comes out of a backup, in its order.
#[derive(Debug)]
pub(super) enum Part {
    Header(Header),
    Table {
        line: u64,
        name: String,
        columns: Vec<String>,
    },
    Rows {
        line: u64,
        rows: Vec<Vec<Cell>>,
    },
    /// The whole of it is as it was written.
    End(BTreeMap<String, u64>),
}

/// Reads all of `input` and sends its parts, in a thread of its own. The last one is an end or an error.
pub(super) fn parts(input: impl Read, to: &mpsc::Sender<Result<Part, Broken>>) {
    if let Err(broken) = read(input, to) {
        let _ = to.blocking_send(Err(broken));
    }
}

/// Whoever reads the parts has given up; nobody is told.
const NOBODY_LISTENS: Result<(), Broken> = Ok(());

fn read(input: impl Read, to: &mpsc::Sender<Result<Part, Broken>>) -> Result<(), Broken> {
    let mut input = BufReader::with_capacity(1 << 20, GzDecoder::new(BufReader::new(input)));
    let (mut digest, mut line, mut number) = (Sha256::new(), Vec::new(), 0_u64);
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut table: Option<String> = None;
    let mut rows: Vec<Vec<Cell>> = Vec::with_capacity(BATCH);
    loop {
        line.clear();
        let length = (&mut input).take(MAX_LINE).read_until(b'\n', &mut line).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput if number == 0 => Broken::NoBackup,
            io::ErrorKind::UnexpectedEof => Broken::Truncated(number),
            _ => Broken::Unreadable(error),
        })?;
        if length == 0 || line.last() != Some(&b'\n') {
            return Err(if number == 0 { Broken::NoBackup } else { Broken::Truncated(number) });
        }
        number += 1;
        let bad = |what: &dyn fmt::Display| Broken::Line { line: number, what: what.to_string() };
        if number == 1 {
            let header = header(&line)?;
            digest.update(&line);
            if to.blocking_send(Ok(Part::Header(header))).is_err() {
                return NOBODY_LISTENS;
            }
            continue;
        }
        if line[0] == b'[' {
            let row: Vec<Cell> = serde_json::from_slice(&line).map_err(|error| bad(&error))?;
            let Some(table) = &table else { return Err(bad(&"a row before the first table")) };
            *found.get_mut(table).expect("its line was read") += 1;
            rows.push(row);
        }
        let is_over = line[0] != b'[';
        if !rows.is_empty() && (is_over || rows.len() == BATCH) {
            let rows = std::mem::replace(&mut rows, Vec::with_capacity(BATCH));
            if to.blocking_send(Ok(Part::Rows { line: number, rows })).is_err() {
                return NOBODY_LISTENS;
            }
        }
        if is_over {
            if let Ok(end) = serde_json::from_slice::<EndLine>(&line) {
                let end = check_end(end, &hex(&digest.finalize()), &found)?;
                if input.read(&mut [0])? != 0 {
                    return Err(bad(&"something comes after the end"));
                }
                let _ = to.blocking_send(Ok(Part::End(end)));
                return Ok(());
            }
            let TableLine { table: name, columns } = serde_json::from_slice(&line).map_err(|error| bad(&error))?;
            if found.insert(name.clone(), 0).is_some() {
                return Err(bad(&format!("table {name} comes a second time")));
            }
            table = Some(name.clone());
            if to.blocking_send(Ok(Part::Table { line: number, name, columns })).is_err() {
                return NOBODY_LISTENS;
            }
        }
        digest.update(&line);
    }
}

fn header(line: &[u8]) -> Result<Header, Broken> {
    // The format first: another one may have another header.
    #[derive(serde::Deserialize)]
    struct Format {
        onduty: String,
        format: u32,
    }
    let format: Format = serde_json::from_slice(line).map_err(|_| Broken::NoBackup)?;
    match format {
        Format { onduty, .. } if onduty != "backup" => Err(Broken::NoBackup),
        Format { format, .. } if format != FORMAT => Err(Broken::Format(format)),
        _ => serde_json::from_slice(line).map_err(|error| Broken::Line { line: 1, what: error.to_string() }),
    }
}

fn check_end(end: EndLine, sha256: &str, found: &BTreeMap<String, u64>) -> Result<BTreeMap<String, u64>, Broken> {
    for (table, count) in found {
        let expected = end.rows.get(table).copied().unwrap_or(0);
        if *count != expected {
            return Err(Broken::Count { table: table.clone(), expected, found: *count });
        }
    }
    if let Some((table, expected)) = end.rows.iter().find(|(table, _)| !found.contains_key(*table)) {
        return Err(Broken::Count { table: table.clone(), expected: *expected, found: 0 });
    }
    if !end.end || end.sha256 != sha256 {
        return Err(Broken::Changed);
    }
    Ok(end.rows)
}
