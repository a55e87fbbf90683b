//! OpenTelemetry over HTTP: server spans and duration histograms, as protobuf or JSON, to requests per endpoint and minute.
//!
//! The web intake calls in here with a body that it has unpacked. Reads few fields and skips the rest; builds nothing for
//! what it skips, so that a body costs no more memory than itself and the [`Batch`]. Knows no clock and keeps nothing: a
//! series' progress is for `onduty_core::perf` to say and for the store to remember.

mod answer;
mod attributes;
mod endpoint;
mod metrics;
mod protobuf;
mod traces;
mod unpack;
mod wire;

pub use answer::{Answer, refusal};
pub use unpack::{PackedError, unpack};

use jiff::{SignedDuration, Timestamp};
use onduty_core::perf::Batch;
use std::collections::BTreeMap;

/// The name of the source.
pub const NAME: &str = "otlp";
/// How far a sender's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// How late something may come: a collector that was cut off for some hours sends what it kept.
const BEHIND: SignedDuration = SignedDuration::from_hours(6);

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Histograms.
    Metrics,
}

/// Why a message cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no OTLP message: {what}")]
pub struct Malformed {
    /// What is wrong.
    pub what: String,
}

impl Malformed {
    fn new(what: impl Into<String>) -> Malformed {
        Malformed { what: what.into() }
    }
}

/// Why a span or point does not count although its sender means it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It ends before it begins, or counts durations below zero.
    Negative,
    /// A bound or sum is NaN or infinite, or bounds do not rise.
    NotANumber,
    /// No buckets, or buckets that do not add up.
    Inconsistent,
    /// It says not when.
    NoTime,
    /// More than five minutes from now.
    Future,
    /// More than six hours ago.
    Past,
    /// Neither delta nor cumulative.
    NoTemporality,
    /// In a unit that is no time.
    Unit,
    /// More than one message may bring.
    TooMany,
}

impl Why {
    /// For people: "3 spans …".
    pub fn words(self) -> &'static str {
        match self {
            Why::Negative => "with a negative duration",
            Why::NotANumber => "with a number that is NaN or infinite, or bounds that do not rise",
            Why::Inconsistent => "without buckets, or whose buckets do not add up",
            Why::NoTime => "without a time",
            Why::Future => "more than 5 minutes in the future; look at the clock of the sender",
            Why::Past => "more than 6 hours old",
            Why::NoTemporality => "that are neither delta nor cumulative",
            Why::Unit => "in a unit that is neither s, ms, us nor ns",
            Why::TooMany => "that are too many for one request; let the sender's batches be smaller",
        }
    }

    /// For counters.
    pub fn word(self) -> &'static str {
        match self {
            Why::Negative => "negative",
            Why::NotANumber => "not a number",
            Why::Inconsistent => "inconsistent",
            Why::NoTime => "no time",
            Why::Future => "future",
            Why::Past => "past",
            Why::NoTemporality => "no temporality",
            Why::Unit => "unit",
            Why::TooMany => "too many",
        }
    }
}

/// What a message says.
#[derive(Debug, Clone)]
pub struct Message {
    /// What counts.
    pub batch: Batch,
    /// Spans or points that count.
    pub counted: u64,
    /// Spans or points that do not, although they are of a kind that does.
    pub left_out: BTreeMap<Why, u64>,
    /// Metrics whose bounds are so coarse that nobody can say how long a request took, with the requests that they count.
    pub coarse: BTreeMap<String, u64>,
    now: Now,
}

impl Message {
    /// A message that says nothing yet, for the moment `now`.
    fn empty(batch: Batch, now: Timestamp) -> Message {
        let ns = |at: Timestamp| u64::try_from(at.as_nanosecond()).unwrap_or(0);
        let bound = |by: Result<Timestamp, jiff::Error>| ns(by.unwrap_or(now));
        let now = Now { earliest_ns: bound(now.checked_sub(BEHIND)), latest_ns: bound(now.checked_add(AHEAD)) };
        Message { batch, counted: 0, left_out: BTreeMap::new(), coarse: BTreeMap::new(), now }
    }

    fn leave_out(&mut self, why: Why) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// Whether something may have ended at `at_ns`.
    fn in_time(&self, at_ns: u64) -> Result<(), Why> {
        match at_ns {
            0 => Err(Why::NoTime),
            _ if at_ns > self.now.latest_ns => Err(Why::Future),
            _ if at_ns < self.now.earliest_ns => Err(Why::Past),
            _ => Ok(()),
        }
    }
}

/// What is neither too old nor too new.
#[derive(Debug, Clone, Copy)]
struct Now {
    earliest_ns: u64,
    latest_ns: u64,
}

/// Reads a message that arrived at `now` into `batch`.
///
/// # Errors
/// [`Malformed`] when the body is not such a message; nothing of it counts then.
pub fn read(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
    now: Timestamp,
    batch: Batch,
) -> Result<Message, Malformed> {
    let mut message = Message::empty(batch, now);
    match (signal, encoding) {
        (Signal::Traces, Encoding::Protobuf) => traces::read(body, &mut message)?,
        (Signal::Metrics, Encoding::Protobuf) => metrics::read(body, &mut message)?,
        (Signal::Traces, Encoding::Json) => wire::read_traces(body, &mut message)?,
        (Signal::Metrics, Encoding::Json) => wire::read_metrics(body, &mut message)?,
    }
    Ok(message)
}

#[cfg(test)]
mod tests;
