//! Requests from files: CSV with a header, plain or compressed with gzip.
//!
//! `onduty perf` calls in here. What the lines mean is read by [`onduty_core::perf::Rows`], here is only what has to do with
//! files. A line that cannot be read is left out, counted and said; memory is bounded by the number of endpoints that the
//! [`Table`] keeps and by the longest line.

use flate2::bufread::MultiGzDecoder;
use onduty_core::perf::{EXPECTED, Found, LONGEST_LINE, Rows, Table, Windows, Wrong};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Read at once.
const CHUNK: usize = 1 << 18;
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
    #[error("{file}, line 1: {why}; {}", EXPECTED)]
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

    fn add(&mut self, found: Found, file: &Path) {
        self.rows += found.rows;
        self.within += found.within;
        self.after += found.after;
        self.times_ms = match (self.times_ms, found.times_ms) {
            (Some(all), Some(more)) => Some((all.0.min(more.0), all.1.max(more.1))),
            (all, more) => all.or(more),
        };
        for (wrong, (lines, line)) in found.left_out {
            let first = || LeftOut { lines: 0, first: (file.to_owned(), line) };
            self.left_out.entry(words(wrong)).or_insert_with(first).lines += lines;
        }
    }
}

/// What is wrong with lines, for people.
fn words(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Fields => "with more or fewer fields than the header",
        Wrong::Timestamp => "with a time that is neither milliseconds since 1970 nor RFC 3339",
        Wrong::Number => "with a duration that is no number",
        Wrong::NotFinite => "with a duration that is NaN or infinite",
        Wrong::Negative => "with a negative duration",
        Wrong::Count => "with a count that is no whole number",
        Wrong::Empty => "that say nothing: no requests, neither a median nor a mean",
        Wrong::TooLong => "longer than 64 KB",
    }
}

/// Reads `file` into `table`.
///
/// # Errors
/// When it cannot be opened or read to its end, or has no header.
pub fn read(file: &Path, windows: &Windows, table: &mut Table, reading: &mut Reading) -> Result<(), RequestsError> {
    let unreadable = |cause| RequestsError::Unreadable { file: file.to_owned(), line: 0, cause };
    let mut plain = BufReader::with_capacity(CHUNK, File::open(file).map_err(unreadable)?);
    let found = if plain.fill_buf().map_err(unreadable)?.starts_with(&GZIP) {
        Lines::new(MultiGzDecoder::new(plain)).read(file, windows, table)?
    } else {
        Lines::new(plain).read(file, windows, table)?
    };
    reading.add(found, file);
    Ok(())
}

/// The lines of a file, of which as many are in memory as fit.
struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// The part of the buffer that is read but not looked at.
    from: usize,
    to: usize,
    is_end: bool,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Lines<R> {
        Lines { input, buffer: vec![0; CHUNK], from: 0, to: 0, is_end: false }
    }

    /// What is read but not looked at.
    fn text(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    /// Reads on, behind what is not looked at.
    fn more(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        loop {
            match self.input.read(&mut self.buffer[self.to..]) {
                Ok(read) => {
                    self.is_end = read == 0;
                    self.to += read;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where the line ends that is next, as far as that is known: reads on until it is, or until it is too long.
    fn end_of_line(&mut self) -> io::Result<Option<usize>> {
        loop {
            let end = memchr::memchr(b'\n', self.text());
            if end.is_some() || self.is_end || self.to - self.from > LONGEST_LINE {
                return Ok(end);
            }
            self.more()?;
        }
    }

    fn read(mut self, file: &Path, windows: &Windows, table: &mut Table) -> Result<Found, RequestsError> {
        let unreadable = |line: u64| move |cause| RequestsError::Unreadable { file: file.to_owned(), line, cause };
        let end = self.end_of_line().map_err(unreadable(0))?;
        let header = &self.text()[..end.unwrap_or(self.to - self.from)];
        let header = header.strip_suffix(b"\r").unwrap_or(header);
        let of_header = |why| RequestsError::Header { file: file.to_owned(), why };
        let mut rows = Rows::of(header, windows).map_err(of_header)?;
        self.from = end.map_or(self.to, |end| self.from + end + 1);
        loop {
            self.from += rows.take(&self.buffer[self.from..self.to], self.is_end, table);
            if self.is_end {
                return Ok(rows.finish());
            }
            if self.to - self.from > LONGEST_LINE {
                self.skip_line().map_err(unreadable(rows.line()))?;
                rows.skip_too_long();
            }
            self.more().map_err(unreadable(rows.line()))?;
        }
    }

    /// Leaves out the rest of a line, however long.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', self.text()) {
                self.from += end + 1;
                return Ok(());
            }
            self.from = self.to;
            if self.is_end {
                return Ok(());
            }
            self.more()?;
        }
    }
}

#[cfg(test)]
mod tests;
