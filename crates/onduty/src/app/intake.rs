//! What arrives at a hook: verified over its raw bytes, read, made durable, and only then acknowledged.

use super::{App, Change};
use crate::clock::real_now;
use crate::sources::{Decoded, Ignored, SourceError, github, sentry, signals};
use crate::store::{Intake, IntakeOutcome, StoreError};
use axum::http::HeaderMap;
use onduty_core::ids::SourceName;
use onduty_core::signal::{ErrorGroup, Fact, Kind, Observation};
use std::time::Duration;

/// How long a sender waits before it is asked to come again: five seconds are promised. A little longer than a store that
/// is away needs to say so; it is for what waits behind others that wait for it.
const ANSWERED_WITHIN: Duration = Duration::from_millis(4_300);

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is durable and says something.
    Recorded {
        /// How many observations.
        observations: usize,
    },
    /// The same delivery was there before.
    Duplicate,
    /// It says nothing that a rule could ask about.
    Ignored(String),
}

/// Why a delivery was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No such source is configured. Looks the same as a wrong signature.
    #[error("unknown source")]
    NoSource,
    /// Unsigned, or not readable.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It could not be made durable; the sender tries again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A delivery that was read.
struct Read {
    event: String,
    key: String,
    delivery: Option<String>,
    decoded: Decoded,
}

impl App {
    /// Takes one delivery for `source`.
    ///
    /// # Errors
    /// See [`IntakeError`]; nothing was kept, unless the store could not say so in time.
    pub async fn deliver(&self, source: &str, headers: &HeaderMap, body: &[u8]) -> Result<Accepted, IntakeError> {
        let read = self.read_delivery(source, headers, body)?;
        let count = read.decoded.observations.len();
        let why = read.decoded.ignored.as_ref().filter(|_| count == 0).map(ToString::to_string);
        // A task of its own: a sender that hangs up, or is asked to come again, leaves a delivery that is kept all the
        // same. Whoever waits for it has to hear of it, because the sender's next try is only a duplicate.
        let app = self.clone();
        let (source, headers_json, body) = (SourceName::from(source), kept_headers(headers), body.to_vec());
        let keeping = tokio::spawn(async move { app.keep(source, headers_json, body, read).await });
        let outcome = match tokio::time::timeout(ANSWERED_WITHIN, keeping).await {
            Ok(kept) => kept.unwrap_or(Err(StoreError::Busy))?,
            Err(_) => return Err(StoreError::in_vain().into()),
        };
        Ok(match (outcome, why) {
            (IntakeOutcome::Duplicate, _) => Accepted::Duplicate,
            (_, Some(why)) => Accepted::Ignored(why),
            _ => Accepted::Recorded { observations: count },
        })
    }

    /// Makes a delivery durable and tells whoever waits for what it says.
    async fn keep(
        &self,
        source: SourceName,
        headers_json: String,
        body: Vec<u8>,
        read: Read,
    ) -> Result<IntakeOutcome, StoreError> {
        let is_said = !read.decoded.observations.is_empty();
        let pushed = read.decoded.observations.iter().any(|seen| matches!(seen.fact, Fact::Head(_)));
        let hinted = matches!(read.decoded.ignored, Some(Ignored::Hint { .. }));
        let intake = Intake {
            source,
            event: read.event,
            key: read.key,
            delivery: read.delivery,
            headers_json,
            body,
            observations: read.decoded.observations,
            received_at: self.clock.duty_now(),
            real_at: real_now(),
        };
        let outcome = self.store.intake(intake).await?;
        if outcome != IntakeOutcome::Duplicate {
            if is_said {
                self.bus.tell_observed();
            }
            if pushed {
                self.bus.tell(Change::Pushed);
            }
            if hinted {
                self.bus.tell(Change::Hinted);
            }
        }
        Ok(outcome)
    }

    fn read_delivery(&self, source: &str, headers: &HeaderMap, body: &[u8]) -> Result<Read, IntakeError> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let received = self.clock.duty_now();
        match source {
            github::NAME if !self.secrets.github.is_empty() => {
                github::verify(&self.secrets.github, headers, body)?;
                let event = header("x-github-event").unwrap_or_default();
                let decoded = github::decode(&event, body, received)?;
                let key = github::delivery_key(&event, body);
                Ok(Read { key, event, delivery: header("x-github-delivery"), decoded })
            }
            signals::NAME if !self.secrets.signals.is_empty() => {
                signals::verify(&self.secrets.signals, headers, body, real_now())?;
                let delivery = signals::delivery_id(headers).map(str::to_owned);
                let decoded = signals::decode(body, received)?;
                let key = signals::delivery_key(delivery.as_deref().unwrap_or_default(), body);
                Ok(Read { key, event: "signal".to_owned(), delivery, decoded })
            }
            sentry::NAME if !self.secrets.sentry_hook.is_empty() => {
                sentry::verify(&self.secrets.sentry_hook, headers, body)?;
                let event = header(sentry::RESOURCE_HEADER).unwrap_or_default();
                let decoded = sentry::decode(&event, body)?;
                let key = sentry::delivery_key(&event, body);
                Ok(Read { key, event, delivery: header("request-id"), decoded })
            }
            _ => Err(IntakeError::NoSource),
        }
    }

    /// The errors that `source` told last, as they are known.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn known_errors(&self, source: &str) -> Result<Vec<ErrorGroup>, StoreError> {
        let mut reader = self.store.read().await?;
        let snapshot = super::day::load_snapshot(&mut reader, &self.instance(), self.clock.duty_now()).await?;
        let told = snapshot.of_kind(&Kind::Errors).filter(|(_, state)| state.source.as_str() == source);
        Ok(told
            .filter_map(|(_, state)| match &state.fact {
                Fact::Error(group) => Some(group.clone()),
                _ => None,
            })
            .collect())
    }

    /// Whether `source` was ever read whole: what it tells the first time was there before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn was_heard(&self, source: &str) -> Result<bool, StoreError> {
        let mut reader = self.store.read().await?;
        let contacts = crate::store::signals::contacts(&mut reader).await?;
        Ok(contacts.iter().any(|contact| contact.source.as_str() == source && contact.last.is_some()))
    }

    /// Records what an adapter of onduty's own saw: git, which has no sender.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn observed(&self, observations: Vec<Observation>) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        super::day::record_observations(&mut tx, self.clock.duty_now(), observations).await?;
        tx.commit().await?;
        self.bus.tell_observed();
        Ok(())
    }
}

/// Headers worth keeping for a person who looks at a delivery later; never a signature or a secret.
fn kept_headers(headers: &HeaderMap) -> String {
    const KEPT: [&str; 8] = [
        "sentry-hook-resource",
        "request-id",
        "content-type",
        "user-agent",
        "x-github-event",
        "x-github-delivery",
        "webhook-id",
        "webhook-timestamp",
    ];
    let kept = KEPT.iter().filter_map(|name| Some((*name, headers.get(*name)?.to_str().ok()?)));
    let kept: std::collections::BTreeMap<&str, &str> = kept.collect();
    serde_json::to_string(&kept).expect("texts are always JSON")
}
