//! What the outside world tells onduty: one folder per provider, and what they share.
//!
//! The web intake, the tasks that poll, and `onduty signal` call in here. A source turns what it reads into
//! [`Observation`]s; it never decides what they mean for duty, never writes to the store, and never reads the clock.

pub mod bugsink;
pub mod datadog;
pub mod git;
pub mod github;
pub mod leave_calendar;
pub mod newrelic;
pub mod otlp;
pub mod prometheus;
pub mod requests;
pub mod response_times;
pub mod sentry;
pub mod signals;
mod signing;
pub mod summed;
pub mod tracker;

use onduty_core::ids::SourceName;
use onduty_core::signal::Observation;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The error of whatever lies below, for people.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not signed by anybody who knows the secret; the answer to the sender says no more than that.
    #[error("{source_name}: {why}")]
    Unsigned {
        /// The source.
        source_name: SourceName,
        /// For the operator's eyes.
        why: &'static str,
    },
    /// Sent by the right sender, but not readable.
    #[error("{source_name} cannot be read: {field} is missing or wrong; expected {expected}")]
    Malformed {
        /// The source.
        source_name: SourceName,
        /// Which field, as a path: `items[3].revision`.
        field: String,
        /// What it should have been, with an example.
        expected: Cow<'static, str>,
    },
    /// The source cannot be read now; the next pass tries again.
    #[error("{source_name} could not be reached: {cause}")]
    Unreachable {
        /// The source.
        source_name: SourceName,
        /// What went wrong.
        #[source]
        cause: BoxError,
    },
    /// It answers, and says no.
    #[error("{source_name} refused with status {status}: {answer}")]
    Refused {
        /// The source.
        source_name: SourceName,
        /// Its status.
        status: u16,
        /// The beginning of its answer.
        answer: String,
    },
    /// The source can be read, but what was asked for is not there.
    #[error("{source_name} has no {what}")]
    Missing {
        /// The source.
        source_name: SourceName,
        /// A branch, a revision, any commit at all.
        what: String,
    },
    /// onduty does not go there; the configuration has to change.
    #[error("{source_name} cannot be {location}: {mend}")]
    NotAllowed {
        /// The source.
        source_name: SourceName,
        /// What was configured, without its secrets.
        location: String,
        /// What to do.
        mend: &'static str,
    },
}

impl SourceError {
    /// Without the source's name: whoever shows it says whose trouble it is.
    pub fn without_name(&self) -> String {
        match self {
            SourceError::Unreachable { cause, .. } => cause.to_string(),
            SourceError::Refused { status, answer, .. } => format!("it refused with status {status}: {answer}"),
            error => error.to_string(),
        }
    }
}

/// What one delivery says.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What to write to the journal.
    pub observations: Vec<Observation>,
    /// Why there is nothing to write.
    pub ignored: Option<Ignored>,
}

impl Decoded {
    fn seen(observations: Vec<Observation>) -> Decoded {
        Decoded { observations, ignored: None }
    }

    fn ignored(why: Ignored) -> Decoded {
        Decoded { observations: Vec::new(), ignored: Some(why) }
    }
}

/// Why a delivery that is in order is not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// The sender asks whether anybody is there.
    #[error("a ping: the webhook works")]
    Ping,
    /// Says nothing that a rule could ask about.
    #[error("onduty does not use `{event}` events")]
    Event {
        /// The event.
        event: String,
    },
    /// Another event says the same, and better.
    #[error("`{event}` says what `{by}` says about the same thing")]
    SaidElsewhere {
        /// This event.
        event: &'static str,
        /// The one that is recorded.
        by: &'static str,
    },
    /// Cannot speak for any branch.
    #[error("it names no branch of this repository")]
    NoBranch,
    /// Speaks for somebody else's repository.
    #[error("it was built for the fork {fork}, not for this repository")]
    Fork {
        /// The other repository.
        fork: String,
    },
    /// A tag moved, no branch did.
    #[error("{reference} is not a branch")]
    NotABranch {
        /// The reference.
        reference: String,
    },
    /// There is no head any more.
    #[error("the branch {branch} was deleted")]
    DeletedBranch {
        /// The branch.
        branch: String,
    },
    /// A later rollout took its place, which says nothing about whether this one arrived.
    #[error("a later rollout took the place of this one")]
    Superseded,
    /// It says that something happened; what is so now is asked for.
    #[error("a hint about {about}: the source is asked for what is so now")]
    Hint {
        /// What it is about.
        about: String,
    },
    /// A list with nothing in it.
    #[error("the list is empty")]
    Empty,
}

/// The key by which a repeated delivery is known: hex SHA-256 over the parts, each with its length before it, so that
/// no two lists of parts give the same bytes.
pub fn dedup_key(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// One line of at most `max` characters without control characters: hostile text for lists and logs.
fn one_line(text: &str, max: usize) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max).collect::<String>().trim_end().to_owned()
}

/// `address` if a page may link to it.
fn web_address(address: &str) -> Option<String> {
    let address = address.trim();
    let web = address.starts_with("https://") || address.starts_with("http://");
    (web && address.len() <= 2000 && !address.chars().any(|c| c.is_control() || c.is_whitespace()))
        .then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dedup_keys_keep_parts_apart() {
        let key = dedup_key(&[b"github", b"push", b"{}"]);
        assert_eq!(key.len(), 64);
        assert_eq!(key, dedup_key(&[b"github", b"push", b"{}"]));
        assert_ne!(key, dedup_key(&[b"github", b"push{", b"}"]));
        assert_ne!(key, dedup_key(&[b"githubpush", b"{}"]));
    }

    #[test]
    fn text_from_outside_becomes_one_plain_line() {
        assert_eq!(one_line("  a\u{1b}[31m b\nsecond", 80), "a [31m b");
        assert_eq!(one_line("\0\0", 80), "");
        assert_eq!(one_line("ééééé", 3), "ééé");
        assert_eq!(web_address("https://ci.example/1"), Some("https://ci.example/1".to_owned()));
        for bad in ["javascript:alert(1)", "", "https://a b", "https://a\nb", "ftp://x"] {
            assert_eq!(web_address(bad), None, "{bad}");
        }
    }
}
