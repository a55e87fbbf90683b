//! The configured backend of response times, as whoever compares needs it: the command line, and a pass over rollouts.

use crate::config::Config;
use crate::egress::{Backoff, Egress, Url};
use crate::sources::prometheus::Prometheus;
use crate::sources::response_times::ResponseTimes;
use crate::store::{Store, StoreError, latency};
use onduty_core::perf::{Doubt, Named, Table, Windows};
use secrecy::SecretString;

/// What is kept of OpenTelemetry's data, into `table`; says what makes it weaker than it looks.
///
/// # Errors
/// When the store cannot be read.
pub async fn fill_kept(store: &Store, windows: &Windows, table: &mut Table) -> Result<Vec<Doubt>, StoreError> {
    let filled = latency::fill(&mut store.read().await?, windows, table).await?;
    let coarse = Named::of(filled.coarse.iter().map(String::as_str));
    Ok(coarse.map(Doubt::CoarseBounds).into_iter().collect())
}

/// The backend that `config` names, asked over `egress` with `token` where it wants one; `None` where it names none.
pub fn backend<'a>(
    config: &'a Config,
    egress: &'a Egress,
    token: Option<&'a SecretString>,
) -> Option<Box<dyn ResponseTimes + 'a>> {
    let source = config.sources.prometheus.as_ref()?;
    let base = Url::parse(&source.url).ok()?;
    Some(Box::new(Prometheus {
        egress,
        base,
        token,
        backoff: Backoff::POLL,
        metric: &source.metric,
        endpoint_labels: &source.endpoint_labels,
        status_label: source.status_label.as_deref(),
        selector: &source.selector,
        is_native: source.is_native,
    }))
}
