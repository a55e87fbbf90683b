//! Where response times come from that somebody else measured and keeps.
//!
//! `tasks::response_times` calls in here, with one provider behind the port. Knows no provider's fields.

use super::SourceError;
use crate::egress::EgressError;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use onduty_core::perf::{Doubt, Table, Windows};

/// A backend that keeps response times of endpoints.
#[async_trait]
pub trait ResponseTimes: Send + Sync {
    /// Fills `table` with the requests in all `windows` of which the backend has anything.
    ///
    /// Whoever asks waits a minute after the last window has ended: backends show what they were told a little later.
    ///
    /// # Errors
    /// Never partial: one failed query fails the call, because half an answer would read as an endpoint that is gone, or
    /// as one that became faster. What makes a whole answer weaker than it looks is a [`Doubt`].
    async fn fill(&self, windows: &Windows, table: &mut Table) -> Result<Vec<Doubt>, SourceError>;

    /// Whether it has anything of the quarter of an hour before `now`: a cheap question, asked every few minutes.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn is_alive(&self, now: Timestamp) -> Result<bool, SourceError>;
}

/// Something measured within this time is a sign of life.
pub const ALIVE: SignedDuration = SignedDuration::from_mins(15);

/// Why a question has no answer.
#[derive(Debug)]
pub enum Failed {
    /// A smaller one may have.
    TooMuch(SourceError),
    /// None will.
    Other(SourceError),
}

impl Failed {
    /// No answer of `source`; `is_too_much` says what a smaller question may mend.
    pub fn unreachable(source: &'static str, error: EgressError, is_too_much: fn(&EgressError) -> bool) -> Failed {
        let of = if is_too_much(&error) { Failed::TooMuch } else { Failed::Other };
        of(SourceError::Unreachable { source_name: source.into(), cause: Box::new(error) })
    }

    /// An answer of `source` with something wrong in it.
    pub fn malformed(source: &'static str, field: &str, expected: &'static str) -> Failed {
        let (source_name, field) = (source.into(), field.to_owned());
        Failed::Other(SourceError::Malformed { source_name, field, expected: expected.into() })
    }
}

impl From<Failed> for SourceError {
    fn from(failed: Failed) -> SourceError {
        match failed {
            Failed::TooMuch(error) | Failed::Other(error) => error,
        }
    }
}

/// Longer names are cut.
const LONGEST_NAME: usize = 300;

/// `GET /cart`, or `shop|GET /cart` where the first of several parts is the service.
pub fn endpoint_name<'a>(has_service: bool, parts: impl Iterator<Item = &'a str>) -> String {
    let parts: Vec<&str> = parts.collect();
    let mut name = match parts.as_slice() {
        [service, rest @ ..] if has_service && !rest.is_empty() => format!("{service}|{}", rest.join(" ")),
        parts => parts.join(" "),
    };
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_stands_before_the_endpoint() {
        for (has_service, parts, expected) in [
            (true, vec!["shop", "GET", "/cart"], "shop|GET /cart"),
            (false, vec!["GET", "/cart"], "GET /cart"),
            (true, vec!["shop"], "shop"),
            (true, vec![], ""),
        ] {
            assert_eq!(endpoint_name(has_service, parts.into_iter()), expected);
        }
        assert_eq!(endpoint_name(false, ["é".repeat(500).as_str()].into_iter()).len(), LONGEST_NAME);
    }
}
