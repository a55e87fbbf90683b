//! Where response times come from that somebody else measured and keeps.
//!
//! `tasks::response_times` calls in here, with one provider behind the port. Knows no provider's fields.

use super::SourceError;
use async_trait::async_trait;
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
}
