//! Whether the engine still runs and the store still keeps: what `/healthz` tells apart from a silent source.

use super::self_audit::Finding;
use jiff::{SignedDuration, Timestamp};
use onduty_core::ids::DutyId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The engine looks every second whether something is due; after this long without a look it hangs.
const STALLED_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// Passes that failed for this long do not mend themselves.
const FAILING_AFTER: SignedDuration = SignedDuration::from_secs(90);

/// When the engine last looked, and when it last ran for every duty, in real time; and what the self-audit last saw.
#[derive(Debug, Default)]
pub struct Liveness {
    looked: AtomicI64,
    last_pass: AtomicI64,
    /// Since when no pass succeeds; zero while they do.
    failing_since: AtomicI64,
    passes: Mutex<BTreeMap<DutyId, Timestamp>>,
    refuses: AtomicBool,
    findings: RwLock<Arc<Vec<Finding>>>,
}

/// How the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// It looks, and its passes succeed.
    Running,
    /// It looks, and no pass has succeeded for a while.
    Failing,
    /// It does not look any more, or never did.
    Stalled,
}

impl Engine {
    /// A word for `/healthz`.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Running => "running",
            Engine::Failing => "failing",
            Engine::Stalled => "stalled",
        }
    }
}

impl Liveness {
    /// The engine looked whether something is due.
    pub fn looked(&self, real_now: Timestamp) {
        self.looked.store(real_now.as_microsecond(), Ordering::Relaxed);
    }

    /// The engine ran; whether for every duty without a failure.
    pub fn passed(&self, real_now: Timestamp, is_well: bool) {
        let now = real_now.as_microsecond();
        if is_well {
            self.last_pass.store(now, Ordering::Relaxed);
            self.failing_since.store(0, Ordering::Relaxed);
        } else {
            // The first failure counts.
            let _ = self.failing_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// When it last ran well; `None` before the first time.
    pub fn last_pass(&self) -> Option<Timestamp> {
        instant(&self.last_pass)
    }

    /// How it is.
    pub fn engine(&self, real_now: Timestamp) -> Engine {
        let longer_than = |since: Timestamp, limit| real_now.duration_since(since) > limit;
        if instant(&self.looked).is_none_or(|looked| longer_than(looked, STALLED_AFTER)) {
            Engine::Stalled
        } else if instant(&self.failing_since).is_some_and(|since| longer_than(since, FAILING_AFTER)) {
            Engine::Failing
        } else {
            Engine::Running
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

fn instant(micros: &AtomicI64) -> Option<Timestamp> {
    match micros.load(Ordering::Relaxed) {
        0 => None,
        micros => Timestamp::from_microsecond(micros).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000 + second).unwrap()
    }

    #[test]
    fn an_engine_that_hangs_is_told_from_one_that_fails_and_from_one_that_waits() {
        let liveness = Liveness::default();
        assert_eq!(liveness.engine(at(0)), Engine::Stalled, "it never looked");
        liveness.passed(at(0), true);
        for second in 0..1_000 {
            liveness.looked(at(second));
        }
        assert_eq!(liveness.engine(at(1_000)), Engine::Running, "nothing was due for long");
        for second in 1_000..1_090 {
            liveness.looked(at(second));
            liveness.passed(at(second), false);
        }
        assert_eq!(liveness.engine(at(1_090)), Engine::Running, "it may mend itself");
        assert_eq!(liveness.engine(at(1_091)), Engine::Failing);
        liveness.passed(at(1_091), true);
        assert_eq!(liveness.engine(at(1_092)), Engine::Running);
        assert_eq!(liveness.last_pass(), Some(at(1_091)));
        assert_eq!(liveness.engine(at(1_119)), Engine::Running);
        assert_eq!(liveness.engine(at(1_120)), Engine::Stalled, "it looked 31 s ago");
    }
}
