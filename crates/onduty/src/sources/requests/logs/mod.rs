//! Logs of web servers and applications: access logs, and JSON in each line.
//!
//! What a line means is found out from the first one that tells of a request. Paths become routes, so that ids do not make
//! an endpoint each.

mod access;
mod json;
mod routes;

use access::AccessLog;
use json::JsonLog;
use onduty_core::perf::{AFTER, LONGEST_LINE, Stretch, Table, Windows};
pub use routes::{Routes, Seen};
use std::collections::BTreeMap;

/// Lines that are looked at before a log is given up.
const LOOKED_AT: u64 = 1_000;

/// The unit of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// As nginx and Apache's `%T` have it.
    Seconds,
    /// Apache's `%{ms}T`.
    Millis,
    /// Apache's `%D`.
    Micros,
    /// Traefik's.
    Nanos,
}

impl Unit {
    /// Milliseconds of one.
    pub fn ms(self) -> f64 {
        match self {
            Unit::Seconds => 1e3,
            Unit::Millis => 1.0,
            Unit::Micros => 1e-3,
            Unit::Nanos => 1e-6,
        }
    }
}

/// The unit that a name ends with.
pub fn unit_by_name(name: &[u8]) -> Option<Unit> {
    let name = String::from_utf8_lossy(name);
    [
        ("_ms", Unit::Millis),
        ("Ms", Unit::Millis),
        ("_us", Unit::Micros),
        ("_ns", Unit::Nanos),
        ("_s", Unit::Seconds),
        ("_seconds", Unit::Seconds),
    ]
    .into_iter()
    .find_map(|(end, unit)| name.ends_with(end).then_some(unit))
}

/// Why the lines of a log tell nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A line that begins like JSON.
    #[error("this is no JSON object")]
    NotJson,
    /// Nothing that could be a time.
    #[error("there is no time; expected a field such as `timestamp`, `time` or `ts`")]
    NoTime,
    /// Nothing that could be a duration.
    #[error(
        "there is no time that the request took; add $request_time (nginx) or %D (Apache) to the log's format, or a field such as `duration_ms`"
    )]
    NoDuration,
    /// A duration whose unit nobody knows.
    #[error("nothing says the unit of `{0}`; give --duration-unit s, ms, us (Apache's %D) or ns")]
    NoUnit(String),
    /// Nothing that could be an endpoint.
    #[error("there is no endpoint; expected a field such as `route`, `path` or `uri`")]
    NoEndpoint,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// It is not as the others of an access log are.
    NotAccess,
    /// It is no JSON object.
    NotJson,
    /// It tells of something else: logs of applications have more than requests.
    NoRequest,
    /// Its request cannot be read.
    Request,
    /// It does not say how long the request took.
    Untimed,
    /// Its time cannot be read.
    Timestamp,
    /// Its duration is no number.
    Number,
    /// Its duration is NaN or infinite.
    NotFinite,
    /// Its duration is negative.
    Negative,
    /// It is too long.
    TooLong,
}

impl Wrong {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Wrong::NotAccess => "that are no lines of an access log",
            Wrong::NotJson => "that are no JSON object",
            Wrong::NoRequest => "that tell of no request",
            Wrong::Request => "with a request that cannot be read",
            Wrong::Untimed => "without the time that the request took",
            Wrong::Timestamp => "with a time that cannot be read",
            Wrong::Number => "with a duration that is no number",
            Wrong::NotFinite => "with a duration that is NaN or infinite",
            Wrong::Negative => "with a negative duration",
            Wrong::TooLong => "longer than 64 KB",
        }
    }
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Where.
    pub endpoint: String,
    /// How long it took.
    pub ms: f64,
    /// How it was answered.
    pub status: Option<u16>,
}

/// A number that is not negative.
fn duration(text: &[u8]) -> Result<f64, Wrong> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).ok_or(Wrong::Number)?;
    match number {
        number if !number.is_finite() => Err(Wrong::NotFinite),
        number if number < 0.0 => Err(Wrong::Negative),
        number => Ok(number),
    }
}

/// How to read the lines of a log.
#[derive(Debug, Clone, PartialEq)]
enum Format {
    Access(AccessLog),
    Json(JsonLog),
}

impl Format {
    fn of(line: &[u8], unit: Option<Unit>) -> Result<Format, Problem> {
        if is_json(line) {
            JsonLog::of(line, unit).map(Format::Json)
        } else {
            AccessLog::of(line, unit).map(Format::Access)
        }
    }
}

fn is_json(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}

/// Whether a file that begins with this line is a log.
pub fn is_log(first: &[u8]) -> bool {
    is_json(first) || AccessLog::is_like(first)
}

/// What the lines of a log say beside the requests that count.
#[derive(Debug, Default)]
pub struct Told {
    /// Requests.
    pub rows: u64,
    /// Those within a window.
    pub within: u64,
    /// Those in the window after the rollout.
    pub after: u64,
    /// The first and the last moment, in milliseconds since 1970.
    pub times_ms: Option<(i64, i64)>,
    /// Lines that were left out: how many of a kind, and the number of the first.
    pub left_out: BTreeMap<Wrong, (u64, u64)>,
}

/// The lines of one log.
pub struct Log<'a> {
    unit: Option<Unit>,
    format: Option<Format>,
    windows: &'a Windows,
    near: Stretch,
    line: u64,
    told: Told,
}

impl<'a> Log<'a> {
    /// None yet.
    pub fn new(unit: Option<Unit>, windows: &'a Windows) -> Log<'a> {
        Log { unit, format: None, windows, near: windows.stretch(0), line: 0, told: Told::default() }
    }

    /// Number of the last line.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A line, without its end.
    ///
    /// # Errors
    /// When so many lines tell of no request that there will be none, or a duration has no unit.
    pub fn take(&mut self, line: &[u8], routes: &Routes, table: &mut Table) -> Result<(), Problem> {
        self.line += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Ok(());
        }
        if line.len() > LONGEST_LINE {
            self.leave_out(Wrong::TooLong);
            return Ok(());
        }
        if self.format.is_none() {
            match Format::of(line, self.unit) {
                Ok(format) => self.format = Some(format),
                Err(problem) if matches!(problem, Problem::NoUnit(_)) || self.line >= LOOKED_AT => return Err(problem),
                Err(_) => {
                    self.leave_out(Wrong::NoRequest);
                    return Ok(());
                }
            }
        }
        let request = match &self.format {
            Some(Format::Access(log)) => log.request(line, routes),
            Some(Format::Json(log)) => log.request(line, routes),
            None => Err(Wrong::NoRequest),
        };
        match request {
            Ok(request) => self.count(&request, table),
            Err(wrong) => self.leave_out(wrong),
        }
        Ok(())
    }

    /// A line that nobody has kept, because it was too long.
    pub fn skip_too_long(&mut self) {
        self.line += 1;
        self.leave_out(Wrong::TooLong);
    }

    /// What was told; `first` is the first line, for what is missing in it when none told of a request.
    ///
    /// # Errors
    /// What is missing.
    pub fn finish(self, first: &[u8]) -> Result<Told, Problem> {
        match self.format {
            Some(_) => Ok(self.told),
            None => Format::of(first, self.unit).map(|_| self.told),
        }
    }

    fn leave_out(&mut self, wrong: Wrong) {
        self.told.left_out.entry(wrong).or_insert((0, self.line)).0 += 1;
    }

    fn count(&mut self, request: &Request, table: &mut Table) {
        let told = &mut self.told;
        told.rows += 1;
        let (first, last) = told.times_ms.unwrap_or((request.at_ms, request.at_ms));
        told.times_ms = Some((first.min(request.at_ms), last.max(request.at_ms)));
        if !self.near.has(request.at_ms) {
            self.near = self.windows.stretch(request.at_ms);
        }
        let Some(slot) = self.near.slot else { return };
        told.within += 1;
        told.after += u64::from(slot.window == AFTER);
        table.request(request.endpoint.as_bytes(), slot, request.ms, request.status);
    }
}

/// Learns from the first lines of a log which parts of paths are names of things.
pub struct Learner {
    format: Option<Format>,
    lines: u64,
}

impl Learner {
    /// Of a log whose first line comes next.
    pub fn new() -> Learner {
        Learner { format: None, lines: 0 }
    }

    /// Looks at a line.
    pub fn look(&mut self, line: &[u8], unit: Option<Unit>, routes: &Routes, seen: &mut Seen) {
        self.lines += 1;
        if self.format.is_none() && self.lines <= LOOKED_AT {
            // Whatever is missing is said when the log is read.
            self.format = Format::of(line, unit).ok();
        }
        match &self.format {
            Some(Format::Access(_)) => AccessLog::path(line).into_iter().for_each(|path| routes.look(path, seen)),
            Some(Format::Json(log)) => log.path(line).iter().for_each(|path| routes.look(path.as_bytes(), seen)),
            None => {}
        }
    }
}
