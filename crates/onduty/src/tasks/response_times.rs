//! The configured backend of response times, as whoever compares needs it: the command line, and a pass over rollouts.

use crate::app::App;
use crate::config::{Backend, Config};
use crate::egress::{Backoff, Egress, Url};
use crate::sources::datadog::{self, Datadog};
use crate::sources::newrelic::{self, NewRelic};
use crate::sources::prometheus::{self, Prometheus};
use crate::sources::response_times::{ALIVE, ResponseTimes};
use crate::sources::{SourceError, otlp};
use crate::store::{Store, StoreError, latency};
use async_trait::async_trait;
use jiff::Timestamp;
use onduty_core::perf::{AFTER, Doubt, Named, Table, Windows};
use secrecy::SecretString;

/// What was sent by OpenTelemetry and is kept in the store, as a backend.
struct Kept<'a>(&'a Store);

#[async_trait]
impl ResponseTimes for Kept<'_> {
    async fn fill(&self, windows: &Windows, table: &mut Table) -> Result<Vec<Doubt>, SourceError> {
        let filled = async { latency::fill(&mut self.0.read().await?, windows, table).await };
        let filled = filled.await.map_err(unreadable)?;
        if !filled.known[AFTER].contains(&true) {
            // Not that all of them are gone: nobody sent anything.
            let what = "requests in the window after the rollout".to_owned();
            return Err(SourceError::Missing { source_name: otlp::NAME.into(), what });
        }
        let coarse = Named::of(filled.coarse.iter().map(String::as_str)).map(Doubt::CoarseBounds);
        Ok(coarse.into_iter().chain(Doubt::gaps(&filled.known)).collect())
    }

    async fn is_alive(&self, now: Timestamp) -> Result<bool, SourceError> {
        let newest = async { latency::newest(&mut self.0.read().await?).await };
        let newest = newest.await.map_err(unreadable)?;
        Ok(newest.is_some_and(|newest| now.duration_since(newest) <= ALIVE))
    }
}

fn unreadable(error: StoreError) -> SourceError {
    SourceError::Unreachable { source_name: otlp::NAME.into(), cause: error.into() }
}

/// What tells `app` about response times, and how many endpoints it tells apart; `None` where nothing is configured.
pub fn configured<'a>(app: &'a App, config: &'a Config) -> Option<Configured<'a>> {
    if let Some(which) = config.backend() {
        let (name, keys) = match which {
            Backend::Prometheus => (prometheus::NAME, &app.secrets.prometheus),
            Backend::NewRelic => (newrelic::NAME, &app.secrets.newrelic),
            Backend::Datadog => (datadog::NAME, &app.secrets.datadog),
        };
        let backend = backend(config, which, &app.egress, keys)?;
        return Some(Configured { name, backend, endpoints: MOST_ENDPOINTS });
    }
    let otlp = config.sources.otlp.as_ref()?;
    Some(Configured { name: otlp::NAME, backend: Box::new(Kept(&app.store)), endpoints: otlp.endpoints })
}

/// What tells about response times.
pub struct Configured<'a> {
    /// The source's name in the journal.
    pub name: &'static str,
    /// How it is asked.
    pub backend: Box<dyn ResponseTimes + 'a>,
    /// Endpoints that are told apart.
    pub endpoints: usize,
}

/// Endpoints that are told apart where the source has no limit of its own.
const MOST_ENDPOINTS: usize = 10_000;

/// The backend that `config` names like this, asked over `egress` with what [`Config::backend_keys`] found; `None` where
/// `config` does not name it.
pub fn backend<'a>(
    config: &'a Config,
    which: Backend,
    egress: &'a Egress,
    keys: &'a [SecretString],
) -> Option<Box<dyn ResponseTimes + 'a>> {
    match which {
        Backend::Prometheus => {
            let source = config.sources.prometheus.as_ref()?;
            Some(Box::new(Prometheus {
                egress,
                base: Url::parse(&source.url).ok()?,
                token: keys.first(),
                backoff: Backoff::POLL,
                metric: &source.metric,
                endpoint_labels: &source.endpoint_labels,
                status_label: source.status_label.as_deref(),
                selector: &source.selector,
                is_native: source.is_native,
            }))
        }
        Backend::NewRelic => {
            let source = config.sources.newrelic.as_ref()?;
            Some(Box::new(NewRelic {
                egress,
                url: Url::parse(&source.url).ok()?,
                key: keys.first()?,
                backoff: Backoff::POLL,
                account: source.account,
                applications: &source.applications,
                status: &source.status,
            }))
        }
        Backend::Datadog => {
            let source = config.sources.datadog.as_ref()?;
            let [api_key, application_key] = keys else { return None };
            Some(Box::new(Datadog {
                egress,
                base: Url::parse(&source.url).ok()?,
                api_key,
                application_key,
                backoff: Backoff::POLL,
                metric: &source.metric,
                endpoint_tags: &source.endpoint_tags,
                status_tag: &source.status_tag,
                filter: &source.filter,
            }))
        }
    }
}
