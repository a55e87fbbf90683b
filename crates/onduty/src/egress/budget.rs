//! How much one host is asked: at once, in a row, and not at all while it asked for a pause.

use super::EgressError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What one host is asked at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Exchanges at the same time.
    pub at_once: usize,
    /// Exchanges in a row without a pause.
    pub burst: f64,
    /// Exchanges a second after that.
    pub per_second: f64,
}

impl Allowance {
    /// Less than the limits of every tracker that onduty knows, more than a poll of a large team needs.
    pub const DEFAULT: Allowance = Allowance { at_once: 4, burst: 40.0, per_second: 20.0 };
}

/// The budget of one host.
#[derive(Debug)]
pub struct Budget {
    host: String,
    allowance: Allowance,
    slots: Arc<Semaphore>,
    pace: Mutex<Pace>,
}

impl Budget {
    pub fn new(host: String, allowance: Allowance, now: Instant) -> Budget {
        let pace = Pace { tokens: allowance.burst, filled: now, held_until: None };
        Budget { host, allowance, slots: Arc::new(Semaphore::new(allowance.at_once)), pace: Mutex::new(pace) }
    }

    /// Waits for a turn. It lasts until the permit is dropped.
    ///
    /// # Errors
    /// [`EgressError::Held`] while the host asked for a pause: whoever waits for it decides that.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, EgressError> {
        // The semaphore is never closed.
        let permit = self.slots.clone().acquire_owned().await.expect("an open semaphore");
        loop {
            let turn = self.lock().turn(&self.allowance, Instant::now());
            match turn {
                Turn::Go => return Ok(permit),
                Turn::Wait(time) => tokio::time::sleep(time).await,
                Turn::Held(wait) => return Err(EgressError::Held { host: self.host.clone(), wait }),
            }
        }
    }

    /// The host asked everybody to stay away for `wait`.
    pub fn hold(&self, wait: Duration) {
        self.lock().held_until = Some(Instant::now() + wait);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pace> {
        // Plain numbers: whoever panicked while holding them left them whole.
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bucket of tokens that fills with time.
#[derive(Debug)]
struct Pace {
    tokens: f64,
    filled: Instant,
    held_until: Option<Instant>,
}

#[derive(Debug, PartialEq)]
enum Turn {
    Go,
    Wait(Duration),
    Held(Duration),
}

impl Pace {
    fn turn(&mut self, allowance: &Allowance, now: Instant) -> Turn {
        if let Some(left) = self.held_until.and_then(|until| until.checked_duration_since(now)).filter(|t| !t.is_zero())
        {
            return Turn::Held(left);
        }
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * allowance.per_second).min(allowance.burst);
        self.filled = now;
        if self.tokens < 1.0 {
            return Turn::Wait(Duration::from_secs_f64((1.0 - self.tokens) / allowance.per_second));
        }
        self.tokens -= 1.0;
        Turn::Go
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_fills_and_is_held() {
        let allowance = Allowance { at_once: 1, burst: 2.0, per_second: 4.0 };
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace { tokens: 2.0, filled: start, held_until: None };
        assert_eq!(pace.turn(&allowance, start), Turn::Go);
        assert_eq!(pace.turn(&allowance, start), Turn::Go);
        assert_eq!(pace.turn(&allowance, start), Turn::Wait(Duration::from_millis(250)));
        assert_eq!(pace.turn(&allowance, after(250)), Turn::Go);
        // A long pause fills it once, not more.
        for _ in 0..2 {
            assert_eq!(pace.turn(&allowance, after(60_000)), Turn::Go);
        }
        assert_ne!(pace.turn(&allowance, after(60_000)), Turn::Go);
        pace.held_until = Some(after(70_000));
        assert_eq!(pace.turn(&allowance, after(61_000)), Turn::Held(Duration::from_secs(9)));
        assert_eq!(pace.turn(&allowance, after(70_000)), Turn::Go);
    }

    #[tokio::test]
    async fn no_more_than_allowed_at_once() {
        use futures_util::FutureExt;
        let allowance = Allowance { at_once: 2, burst: 100.0, per_second: 100.0 };
        let budget = Budget::new("a".into(), allowance, Instant::now());
        let (one, _two) = (budget.turn().await.unwrap(), budget.turn().await.unwrap());
        assert!(budget.turn().now_or_never().is_none(), "the third has to wait");
        drop(one);
        assert!(budget.turn().now_or_never().is_some());
    }
}
