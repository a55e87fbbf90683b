//! Tells whoever listens that something changed; what it is now, they read from the store.

use onduty_core::ids::DutyId;
use std::sync::Arc;
use tokio::sync::{Notify, broadcast};

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The board, items or log book of a duty.
    Day(DutyId),
    /// A rollout printed something or changed its state.
    Rollout {
        /// Whose.
        duty: DutyId,
    },
    /// A push was heard of: the copy of the repository is behind.
    Pushed,
    /// A tracker hinted at news: it should be asked.
    Hinted,
    /// Files or the pace of duty time: everything may look different.
    Everything,
}

/// The one channel that changes go through. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    sender: broadcast::Sender<Change>,
    observed: Arc<Notify>,
}

impl Bus {
    /// A bus without listeners.
    pub fn new() -> Bus {
        Bus { sender: broadcast::channel(1_024).0, observed: Arc::default() }
    }

    /// Tells all listeners; nobody has to listen.
    pub fn tell(&self, change: Change) {
        let _ = self.sender.send(change);
    }

    /// Observations arrived: a pass is due. Only the engine is woken, and once for however many there were: in a storm
    /// of deliveries nobody else has anything to do.
    pub fn tell_observed(&self) {
        self.observed.notify_one();
    }

    /// Waits until observations have arrived since the last time.
    pub async fn observed(&self) {
        self.observed.notified().await;
    }

    /// Listens from now on. A listener that falls behind is told so and reads everything again.
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.sender.subscribe()
    }
}

impl Default for Bus {
    fn default() -> Bus {
        Bus::new()
    }
}
