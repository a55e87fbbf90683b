//! What the server loop counts.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Connections, and why some of them ended.
#[derive(Debug, Default)]
pub struct Counts {
    open: AtomicUsize,
    refused: AtomicU64,
    slow: AtomicU64,
    stalled: AtomicU64,
}

impl Counts {
    /// Open at this moment.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// For which there was no place.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whose headers, or next request, did not come in time.
    pub fn slow(&self) -> u64 {
        self.slow.load(Ordering::Relaxed)
    }

    /// That did not take their answer.
    pub fn stalled(&self) -> u64 {
        self.stalled.load(Ordering::Relaxed)
    }

    pub(super) fn came(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn went(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes why a connection ended.
    pub(super) fn ended(&self, error: &hyper::Error) {
        let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
        if cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::TimedOut) {
            self.stalled.fetch_add(1, Ordering::Relaxed);
        } else if error.is_timeout() {
            self.slow.fetch_add(1, Ordering::Relaxed);
        }
    }
}
