//! Where response times come from that somebody else measured and keeps.
//!
//! `tasks::response_times` calls in here, with one provider behind the port. Knows no provider's fields.

use super::SourceError;
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
