//! Requests from files: CSV with a header, access logs and logs in JSON, plain or compressed with gzip.
//!
//! `onduty perf` calls in here. What the lines mean is read by [`onduty_core::perf::Rows`], here is only what has to do with
//! files. A line that cannot be read is left out, counted and said; memory is bounded by the number of endpoints that the
//! [`Table`] keeps and by the longest line.

mod logs;

pub use logs::Unit;

use flate2::bufread::MultiGzDecoder;
use logs::{Learner, Log, Problem, Routes, Seen, Told, is_log};
use onduty_core::perf::{EXPECTED, Found, LONGEST_LINE, Rows, Table, Windows, Wrong};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Read at once.
const CHUNK: usize = 1 << 18;
/// How a file compressed with gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What is looked at of each log before it is read.
const SAMPLE: u64 = 4 * 1024 * 1024;
/// Names of things below each other in a path that are told from routes.
const LEVELS: usize = 3;

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
    #[error("{file}, line 1: {why}; {}, an access log, or JSON in each line", EXPECTED)]
    Header {
        /// The file.
        file: PathBuf,
        /// What is missing.
        why: String,
    },
    /// It is a log that does not tell enough.
    #[error("{file}, line {line}: {problem}")]
    Log {
        /// The file.
        file: PathBuf,
        /// The line that tells too little.
        line: u64,
        /// What is missing.
        problem: Problem,
    },
}

/// What has to be known to read logs.
#[derive(Debug, Default)]
pub struct Logs {
    unit: Option<Unit>,
    routes: Routes,
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
    /// The first file that does not say how requests were answered.
    pub without_status: Option<PathBuf>,
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
        // Logs of applications tell of more than requests, and that is in order.
        let is_wrong = |(words, _): &(&&'static str, &LeftOut)| **words != logs::Wrong::NoRequest.words();
        let left_out: u64 = self.left_out.iter().filter(is_wrong).map(|(_, left)| left.lines).sum();
        left_out * 20 > self.rows + left_out
    }

    fn add_log(&mut self, told: Told, file: &Path) {
        let found = Found { rows: told.rows, within: told.within, after: told.after, ..Found::default() };
        self.add(Found { times_ms: told.times_ms, ..found }, file);
        for (wrong, (lines, line)) in told.left_out {
            self.leave_out(wrong.words(), lines, line, file);
        }
    }

    fn leave_out(&mut self, words: &'static str, lines: u64, line: u64, file: &Path) {
        let first = || LeftOut { lines: 0, first: (file.to_owned(), line) };
        self.left_out.entry(words).or_insert_with(first).lines += lines;
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
            self.leave_out(words(wrong), lines, line, file);
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
pub fn read(
    file: &Path,
    logs: &Logs,
    windows: &Windows,
    table: &mut Table,
    reading: &mut Reading,
) -> Result<(), RequestsError> {
    let unreadable = |cause| RequestsError::Unreadable { file: file.to_owned(), line: 0, cause };
    Lines::new(open(file).map_err(unreadable)?).read(file, logs, windows, table, reading)
}

/// What is in a file, compressed or not.
fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    let mut plain = BufReader::with_capacity(CHUNK, File::open(file)?);
    let is_compressed = plain.fill_buf()?.starts_with(&GZIP);
    Ok(if is_compressed { Box::new(MultiGzDecoder::new(plain)) } else { Box::new(plain) })
}

impl Logs {
    /// Learns from the beginnings of all `files` that are logs which parts of their paths are names of things; `unit` is
    /// what the caller says of their durations.
    pub fn of(files: &[PathBuf], unit: Option<Unit>) -> Logs {
        let mut logs = Logs { unit, routes: Routes::default() };
        // Below a name of a thing there may be others.
        for _ in 0..LEVELS {
            let mut seen = Seen::default();
            for file in files {
                // What is wrong with a file is said when it is read; a pipe is read only once.
                let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
                if let Some(input) = is_file.then(|| open(file).ok()).flatten() {
                    let _ = Lines::new(input.take(SAMPLE)).learn(&logs, &mut seen);
                }
            }
            if !logs.routes.learn(seen) {
                break;
            }
        }
        logs
    }
}

/// Why a log is not read.
enum NoLog {
    Unreadable(u64, io::Error),
    Problem(u64, Problem),
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

    /// Lets the routes of logs be learned; says nothing of other files.
    fn learn(mut self, logs: &Logs, seen: &mut Seen) -> io::Result<()> {
        let mut learner = Learner::new();
        let mut is_first = true;
        loop {
            let Some(end) = self.end_of_line()? else { return Ok(()) };
            let line = &self.text()[..end];
            if std::mem::take(&mut is_first) && !is_log(line) {
                return Ok(());
            }
            learner.look(line, logs.unit, &logs.routes, seen);
            self.from += end + 1;
        }
    }

    /// Reads a log whose first line is `first`.
    fn read_log(mut self, first: &[u8], logs: &Logs, mut log: Log<'_>, table: &mut Table) -> Result<Told, NoLog> {
        loop {
            let unreadable = |line: u64| move |cause| NoLog::Unreadable(line, cause);
            let end = self.end_of_line().map_err(unreadable(log.line()))?;
            let line = &self.text()[..end.unwrap_or(self.to - self.from)];
            if end.is_none() && line.len() > LONGEST_LINE {
                self.skip_line().map_err(unreadable(log.line()))?;
                log.skip_too_long();
                continue;
            }
            if end.is_some() || !line.is_empty() {
                log.take(line, &logs.routes, table).map_err(|problem| NoLog::Problem(log.line(), problem))?;
            }
            match end {
                Some(end) => self.from += end + 1,
                None => return log.finish(first).map_err(|problem| NoLog::Problem(1, problem)),
            }
        }
    }

    fn read(
        mut self,
        file: &Path,
        logs: &Logs,
        windows: &Windows,
        table: &mut Table,
        reading: &mut Reading,
    ) -> Result<(), RequestsError> {
        let unreadable = |line: u64| move |cause| RequestsError::Unreadable { file: file.to_owned(), line, cause };
        let end = self.end_of_line().map_err(unreadable(0))?;
        let header = &self.text()[..end.unwrap_or(self.to - self.from)];
        let header = header.strip_suffix(b"\r").unwrap_or(header);
        if is_log(header) {
            let (first, log) = (header.to_owned(), Log::new(logs.unit, windows));
            let told = self.read_log(&first, logs, log, table).map_err(|why| match why {
                NoLog::Unreadable(line, cause) => unreadable(line)(cause),
                NoLog::Problem(line, problem) => RequestsError::Log { file: file.to_owned(), line, problem },
            })?;
            reading.add_log(told, file);
            return Ok(());
        }
        let of_header = |why| RequestsError::Header { file: file.to_owned(), why };
        let mut rows = Rows::of(header, windows).map_err(of_header)?;
        if !rows.has_status() {
            reading.without_status.get_or_insert_with(|| file.to_owned());
        }
        self.from = end.map_or(self.to, |end| self.from + end + 1);
        loop {
            self.from += rows.take(&self.buffer[self.from..self.to], self.is_end, table);
            if self.is_end {
                reading.add(rows.finish(), file);
                return Ok(());
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
