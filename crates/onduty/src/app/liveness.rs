//! Whether the engine still runs and the store still keeps: what `/healthz` tells apart from a silent source.

use super::self_audit::Finding;
use jiff::Timestamp;
use onduty_core::ids::DutyId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// When the engine last ran for every duty, in real time, and what the self-audit last saw.
#[derive(Debug, Default)]
pub struct Liveness {
    last_pass: AtomicI64,
    passes: Mutex<BTreeMap<DutyId, Timestamp>>,
    refuses: AtomicBool,
    findings: RwLock<Arc<Vec<Finding>>>,
}

impl Liveness {
    /// The engine ran for every duty, and all went well.
    pub fn passed(&self, real_now: Timestamp) {
        self.last_pass.store(real_now.as_microsecond(), Ordering::Relaxed);
    }

    /// When it last did; `None` before the first time.
    pub fn last_pass(&self) -> Option<Timestamp> {
        match self.last_pass.load(Ordering::Relaxed) {
            0 => None,
            micros => Timestamp::from_microsecond(micros).ok(),
        }
    }

    /// The engine wanted to run for `duty`; `went_well` if it could. The first time counts as well either way, so that
    /// there is a time to wait from.
    pub fn passed_over(&self, duty: &DutyId, real_now: Timestamp, went_well: bool) {
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let last = passes.entry(duty.clone()).or_insert(real_now);
        if went_well {
            *last = real_now;
        }
    }

    /// When the engine last ran for `duty`, or first tried to.
    pub fn last_pass_of(&self, duty: &DutyId) -> Option<Timestamp> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner).get(duty).copied()
    }

    /// A commit was tried, which is the only way to know.
    pub fn tried_a_commit(&self, went_well: bool) {
        self.refuses.store(!went_well, Ordering::Relaxed);
    }

    /// Whether the store refused the last commit that was tried.
    pub fn store_refuses(&self) -> bool {
        self.refuses.load(Ordering::Relaxed)
    }

    /// What the self-audit knows to be wrong.
    pub fn findings(&self) -> Arc<Vec<Finding>> {
        self.findings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The self-audit looked.
    pub fn found(&self, findings: Vec<Finding>) {
        *self.findings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(findings);
    }
}
