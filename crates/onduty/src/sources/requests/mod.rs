//! Requests from files: CSV with a header, plain or compressed with gzip.
//!
//! `onduty perf` calls in here. A line that cannot be read is left out, counted and said; memory is bounded by the number
//! of endpoints that the [`Table`] keeps and by the longest line.

mod columns;
mod row;

pub use columns::Columns;

use flate2::bufread::MultiGzDecoder;
use onduty_core::perf::{AFTER, Table, Windows};
use row::{Row, Wrong};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Read at once.
const CHUNK: usize = 1 << 18;
/// Longer lines are no rows; a file without line ends must not fill the memory.
const LONGEST_LINE: usize = 64 * 1024;
/// How a file compressed with gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a file is not read at all.
#[derive(Debug, thiserror::Error)]
pub enum RequestsError {
    /// It cannot be opened or read.
    #[error("{file}, after line {line}: cannot be read")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The last line that was read.
        line: u64,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Its first line names no columns that mean something.
    #[error("{file}, line 1: {why}; {}", columns::EXPECTED)]
    Header {
        /// The file.
        file: PathBuf,
        /// What is missing.
        why: String,
    },
}

/// What was in the files beside the requests that count.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Rows that could be read.
    pub rows: u64,
    /// Rows within a window.
    pub within: u64,
    /// Rows in the window after the rollout.
    pub after: u64,
    /// The first and the last moment of all rows, in milliseconds since 1970.
    pub times_ms: Option<(i64, i64)>,
    /// Lines that were left out: how many of a kind, and the first place.
    pub left_out: BTreeMap<&'static str, LeftOut>,
}

/// Lines of a kind that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub lines: u64,
    /// The first of them.
    pub first: (PathBuf, u64),
}

impl Reading {
    /// Whether so many lines were left out that what is left may be another picture: more than one in twenty.
    pub fn is_patchy(&self) -> bool {
        let left_out: u64 = self.left_out.values().map(|left| left.lines).sum();
        left_out * 20 > self.rows + left_out
    }

    fn leave_out(&mut self, wrong: Wrong, file: &Path, line: u64) {
        let first = || LeftOut { lines: 0, first: (file.to_owned(), line) };
        self.left_out.entry(wrong.words()).or_insert_with(first).lines += 1;
    }
}

/// Reads `file` into `table`.
///
/// # Errors
/// When it cannot be opened or read to its end, or has no header.
pub fn read(file: &Path, windows: &Windows, table: &mut Table, reading: &mut Reading) -> Result<(), RequestsError> {
    let unreadable = |line: u64| move |cause| RequestsError::Unreadable { file: file.to_owned(), line, cause };
    let mut plain = BufReader::with_capacity(CHUNK, File::open(file).map_err(unreadable(0))?);
    if plain.fill_buf().map_err(unreadable(0))?.starts_with(&GZIP) {
        return Lines::new(MultiGzDecoder::new(plain)).read(file, windows, table, reading);
    }
    Lines::new(plain).read(file, windows, table, reading)
}

/// The lines of a file, of which as many are in memory as fit.
struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// The part of the buffer that is read but not looked at.
    from: usize,
    to: usize,
    /// Number of the last line.
    line: u64,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Lines<R> {
        Lines { input, buffer: vec![0; CHUNK], from: 0, to: 0, line: 0 }
    }

    /// The next line, without its end; `None` after the last. A line that is too long comes as an empty one with `true`.
    fn next(&mut self) -> io::Result<Option<(&[u8], bool)>> {
        let mut is_too_long = false;
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.buffer[self.from..self.to]) {
                let start = self.from;
                self.from += length + 1;
                self.line += 1;
                let line = &self.buffer[start..start + length];
                return Ok(Some(if is_too_long {
                    (&[], true)
                } else {
                    (line.strip_suffix(b"\r").unwrap_or(line), false)
                }));
            }
            if self.to - self.from > LONGEST_LINE {
                is_too_long = true;
                self.from = self.to;
            }
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            match self.input.read(&mut self.buffer[self.to..]) {
                Ok(0) if self.from == self.to && !is_too_long => return Ok(None),
                Ok(0) => {
                    let length = self.to;
                    self.from = self.to;
                    self.line += 1;
                    return Ok(Some((&self.buffer[..length], is_too_long)));
                }
                Ok(more) => self.to += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn read(
        mut self,
        file: &Path,
        windows: &Windows,
        table: &mut Table,
        reading: &mut Reading,
    ) -> Result<(), RequestsError> {
        let unreadable = |line: u64| move |cause| RequestsError::Unreadable { file: file.to_owned(), line, cause };
        let header = |why| RequestsError::Header { file: file.to_owned(), why };
        let first = self.next().map_err(unreadable(0))?.map(|(line, _)| line.to_owned()).unwrap_or_default();
        let columns = Columns::of(&first).map_err(header)?;
        let mut near = windows.stretch(0);
        let (mut earliest, mut latest) = reading.times_ms.unwrap_or((i64::MAX, i64::MIN));
        loop {
            let line = self.line;
            let (text, is_too_long) = match self.next() {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(cause) => return Err(unreadable(line)(cause)),
            };
            if text.is_empty() && !is_too_long {
                continue;
            }
            let row = if is_too_long { Err(Wrong::TooLong) } else { Row::of(text, &columns) };
            let row = match row {
                Ok(row) => row,
                Err(wrong) => {
                    reading.leave_out(wrong, file, line + 1);
                    continue;
                }
            };
            reading.rows += 1;
            (earliest, latest) = (earliest.min(row.at_ms), latest.max(row.at_ms));
            reading.times_ms = Some((earliest, latest));
            if !near.has(row.at_ms) {
                near = windows.stretch(row.at_ms);
            }
            let Some(slot) = near.slot else { continue };
            reading.within += 1;
            reading.after += u64::from(slot.window == AFTER);
            row.count_in(table, slot);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
