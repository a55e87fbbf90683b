//! What services tell of themselves by OpenTelemetry: unpacked, read, made durable, and only then acknowledged.
//!
//! Reading takes milliseconds of a core. It runs beside the async threads, few at a time; who comes when too many wait is
//! told to come again, so that no number of senders fills the memory.

use super::App;
use crate::sources::otlp::{self, Answer, Encoding, Malformed, PackedError, Signal};
use crate::store::StoreError;
use axum::body::Bytes;
use onduty_core::perf::{Batch, BatchLimits};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many messages are read at once.
const AT_ONCE: usize = 2;
/// How many may be under way, their bodies included.
const UNDER_WAY: usize = 64;
/// What a message may become when it is unpacked.
const UNPACKED_BYTES: usize = 8 << 20;
/// Endpoints and minutes, or points, that one message may tell apart.
const PLACES: usize = 20_000;

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// No such source is configured.
    #[error("nobody listens here: onduty.yml has no `sources: {{otlp: …}}`")]
    NotSetUp,
    /// It cannot be unpacked.
    #[error(transparent)]
    Packed(#[from] PackedError),
    /// It is no message.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It could not be made durable; the sender tries again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The few turns in which messages are read.
#[derive(Debug)]
pub struct Turns {
    at_once: Arc<Semaphore>,
    under_way: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns { at_once: Arc::new(Semaphore::new(AT_ONCE)), under_way: Arc::new(Semaphore::new(UNDER_WAY)) }
    }
}

impl Turns {
    /// A place among those that are under way, to be taken before a body is read; `None` when there is none.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.under_way).try_acquire_owned().ok()
    }
}

impl App {
    /// Takes a message, compressed as `packed` says.
    ///
    /// # Errors
    /// See [`TelemetryError`]; nothing was kept.
    pub async fn take_telemetry(
        &self,
        signal: Signal,
        encoding: Encoding,
        packed: &str,
        body: Bytes,
    ) -> Result<Answer, TelemetryError> {
        let Some(source) = self.instance().config.sources.otlp.clone() else { return Err(TelemetryError::NotSetUp) };
        let limits = BatchLimits { endpoints: source.endpoints, places: PLACES };
        let (now, packed) = (self.clock.duty_now(), packed.to_owned());
        let turn = Arc::clone(&self.telemetry.at_once).acquire_owned().await.map_err(|_| StoreError::Busy)?;
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let plain = otlp::unpack(&body, &packed, UNPACKED_BYTES)?;
            Ok::<_, TelemetryError>(otlp::read(signal, encoding, &plain, now, Batch::new(limits))?)
        });
        // It is never aborted; a panic in it is ours.
        let message = read.await.map_err(|_| StoreError::Busy)??;
        if !message.batch.is_empty() {
            self.store.keep_batch(&message.batch, now).await?;
        }
        let name = match signal {
            Signal::Traces => "spans",
            Signal::Metrics => "points",
        };
        self.metrics.telemetry.add([name, "counted"], message.counted);
        for (why, number) in &message.left_out {
            self.metrics.telemetry.add([name, why.word()], *number);
        }
        for requests in message.coarse.values() {
            self.metrics.telemetry.add(["requests", "coarse"], *requests);
        }
        Ok(Answer::to(&message, signal))
    }
}
