//! Whether the engine still runs: what `/healthz` tells apart from a silent source.

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

/// When the engine last ran for every duty, in real time.
#[derive(Debug, Default)]
pub struct Liveness {
    last_pass: AtomicI64,
}

impl Liveness {
    /// The engine ran.
    pub fn passed(&self, real_now: Timestamp) {
        self.last_pass.store(real_now.as_microsecond(), Ordering::Relaxed);
    }

    /// When it last ran; `None` before the first time.
    pub fn last_pass(&self) -> Option<Timestamp> {
        match self.last_pass.load(Ordering::Relaxed) {
            0 => None,
            micros => Timestamp::from_microsecond(micros).ok(),
        }
    }
}
