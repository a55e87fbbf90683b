//! How many look at live parts at this moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts viewers.
#[derive(Debug, Default)]
pub struct Viewers(Arc<AtomicUsize>);

/// One viewer, for as long as this value lives.
#[derive(Debug)]
pub struct Viewing(Arc<AtomicUsize>);

impl Viewers {
    /// One more.
    pub fn come(&self) -> Viewing {
        self.0.fetch_add(1, Ordering::Relaxed);
        Viewing(self.0.clone())
    }

    /// How many there are.
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Viewing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
