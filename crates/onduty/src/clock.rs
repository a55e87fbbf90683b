//! The only reader of the machine's time.
//!
//! Rules, ages and due times use duty time, which a demo may run faster or jump forward; security, network and
//! liveness use real time.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The machine's time: for security, network and liveness.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn real_now() -> Timestamp {
    micros(Timestamp::now())
}

/// Duty time and real time.
#[derive(Debug)]
pub struct Clock {
    pace: Mutex<Pace>,
}

/// Duty time ran at `rate` since `anchor`, when it was `duty`.
#[derive(Debug, Clone, Copy)]
struct Pace {
    anchor: Instant,
    duty: Timestamp,
    rate: u32,
}

impl Clock {
    /// Duty time is real time.
    pub fn real() -> Clock {
        Clock::starting_at(real_now(), 1)
    }

    /// Duty time starts at `duty` and runs `rate` times as fast as real time; 0 stands still.
    pub fn starting_at(duty: Timestamp, rate: u32) -> Clock {
        Clock { pace: Mutex::new(Pace { anchor: Instant::now(), duty: micros(duty), rate }) }
    }

    /// The time that rules go by.
    pub fn duty_now(&self) -> Timestamp {
        now_of(&self.lock())
    }

    /// How fast duty time runs.
    pub fn rate(&self) -> u32 {
        self.lock().rate
    }

    /// Runs duty time `rate` times as fast as real time from now on; 0 stops it.
    pub fn set_rate(&self, rate: u32) {
        let mut pace = self.lock();
        *pace = Pace { anchor: Instant::now(), duty: now_of(&pace), rate };
    }

    /// Jumps forward to `duty`; never back, because what happened stays in order.
    pub fn jump_to(&self, duty: Timestamp) {
        let mut pace = self.lock();
        *pace = Pace { anchor: Instant::now(), duty: now_of(&pace).max(micros(duty)), rate: pace.rate };
    }

    /// How long to wait in real time until duty time is `duty`; `None` while it stands still.
    pub fn wait_until(&self, duty: Timestamp) -> Option<std::time::Duration> {
        let pace = self.lock();
        let left = duty.duration_since(now_of(&pace)).max(SignedDuration::ZERO);
        (pace.rate > 0).then(|| left.unsigned_abs() / pace.rate)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pace> {
        // A pace is plain data: whoever panicked while holding it left it whole.
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_of(pace: &Pace) -> Timestamp {
    let passed = pace.anchor.elapsed() * pace.rate;
    let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::ZERO);
    micros(pace.duty.checked_add(passed).unwrap_or(Timestamp::MAX))
}

/// What the store keeps: microseconds. Rules see the same instant before and after a restart.
fn micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duty_time_stands_jumps_forward_and_never_back() {
        let start: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let clock = Clock::starting_at(start, 0);
        assert_eq!(clock.duty_now(), start);
        assert_eq!(clock.wait_until(start), None);
        let later: Timestamp = "2026-03-02T16:00:00Z".parse().unwrap();
        clock.jump_to(later);
        assert_eq!(clock.duty_now(), later);
        clock.jump_to(start);
        assert_eq!(clock.duty_now(), later);
        clock.set_rate(60);
        let wait = clock.wait_until("2026-03-02T16:01:00Z".parse().unwrap()).unwrap();
        assert!(wait <= std::time::Duration::from_secs(1), "{wait:?}");
    }
}
