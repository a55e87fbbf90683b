//! How long to wait: between tries, and because a server asked for it. Pure; randomness and headers are arguments.

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// The longest wait that a server can talk onduty into: longer, and a poll would rather say "unknown" than be silent.
pub const LONGEST_HOLD: Duration = Duration::from_secs(3_600);
/// The wait where a server says "too many" and not how long.
const UNSAID_HOLD: Duration = Duration::from_secs(30);

/// When to try again, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// How often at most, the first time included.
    pub tries: u32,
    /// Wait after the first failure; doubles from there.
    pub first: Duration,
    /// Longest wait.
    pub most: Duration,
}

impl Backoff {
    /// For reads that a poll does every minute or so.
    pub const POLL: Backoff = Backoff { tries: 3, first: Duration::from_millis(250), most: Duration::from_secs(5) };
    /// One try.
    pub const NONE: Backoff = Backoff { tries: 1, first: Duration::ZERO, most: Duration::ZERO };

    /// The wait after `failures` failures; `None` when it was tried often enough. `random` is from 0 to 1 and spreads
    /// the wait over its upper half, so that many who failed together do not come back together.
    pub fn wait(&self, failures: u32, random: f64) -> Option<Duration> {
        if failures >= self.tries {
            return None;
        }
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
        let whole = self.first.saturating_mul(doubled).min(self.most);
        Some(whole.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0))
    }
}

/// How long the server asks everybody to stay away, capped: `Retry-After` in seconds or as a date, or a rate limit
/// that is used up (`x-ratelimit-…` and Sentry's `x-sentry-rate-limit-…`). Dates are compared with the server's own
/// `Date`, so that a clock that is wrong on either side does no harm.
pub fn hold(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let refused = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let asked = refused.then(|| retry_after(headers)).flatten();
    let used_up = || {
        ["x-sentry-rate-limit", "x-ratelimit"].into_iter().find_map(|prefix| {
            let remaining = text(headers, &format!("{prefix}-remaining"))?;
            let reset: f64 = text(headers, &format!("{prefix}-reset"))?.parse().ok()?;
            (remaining.parse::<f64>().ok()? < 1.0).then(|| until(headers, reset)).flatten()
        })
    };
    let unsaid = || (status == StatusCode::TOO_MANY_REQUESTS).then_some(UNSAID_HOLD);
    asked.or_else(used_up).or_else(unsaid).map(|wait| wait.min(LONGEST_HOLD))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // Some send parts of seconds, which the standard does not know.
    if let Ok(seconds) = value.parse::<f64>() {
        return capped(seconds);
    }
    until(headers, date(value)?.as_second() as f64)
}

/// Nothing that is no wait at all: negative, endless.
fn capped(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(1e9)).ok().filter(|_| seconds.is_finite())
}

/// From the answer's `Date` to `second` since 1970. Small numbers are seconds from now, as some servers mean them.
fn until(headers: &HeaderMap, second: f64) -> Option<Duration> {
    const YEAR_2001: f64 = 1e9;
    if second < YEAR_2001 {
        return capped(second);
    }
    let now = date(text(headers, DATE.as_str())?)?.as_second() as f64;
    Some(Duration::try_from_secs_f64(second - now).unwrap_or(Duration::ZERO))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderName;

    #[test]
    fn waits_double_are_spread_and_end() {
        let backoff = Backoff { tries: 5, first: Duration::from_secs(1), most: Duration::from_secs(5) };
        for (failures, random, expected) in [
            (1, 0.0, Some(500)),
            (1, 1.0, Some(1_000)),
            (2, 1.0, Some(2_000)),
            (3, 0.5, Some(3_000)),
            (4, 1.0, Some(5_000)),
            (4, 7.0, Some(5_000)),
            (5, 1.0, None),
            (u32::MAX, 1.0, None),
        ] {
            assert_eq!(backoff.wait(failures, random), expected.map(Duration::from_millis), "{failures} {random}");
        }
        assert_eq!(Backoff::NONE.wait(1, 0.5), None);
        let forever = Backoff { tries: u32::MAX, ..backoff };
        assert_eq!(forever.wait(u32::MAX - 1, 1.0), Some(backoff.most));
    }

    #[track_caller]
    fn check(status: u16, headers: &[(&'static str, &str)], expected: Option<u64>) {
        let map = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect::<HeaderMap>();
        let expected = expected.map(Duration::from_secs);
        assert_eq!(hold(StatusCode::from_u16(status).unwrap(), &map), expected, "{status} {headers:?}");
    }

    #[test]
    fn a_server_that_asks_for_a_pause_gets_one_within_reason() {
        let now = ("date", "Mon, 02 Mar 2026 09:00:00 GMT");
        check(200, &[], None);
        check(200, &[("retry-after", "5")], None);
        check(500, &[("retry-after", "5")], None);
        check(429, &[("retry-after", "5")], Some(5));
        check(429, &[("retry-after", " 5 ")], Some(5));
        check(429, &[], Some(30));
        check(429, &[("retry-after", "soon")], Some(30));
        check(429, &[("retry-after", "-1")], Some(30));
        check(429, &[("retry-after", "inf")], Some(30));
        check(429, &[("retry-after", "99999999999999999999")], Some(3_600));
        check(429, &[("retry-after", "1e9")], Some(3_600));
        check(503, &[("retry-after", "120")], Some(120));
        check(503, &[], None);
        check(429, &[now, ("retry-after", "Mon, 02 Mar 2026 09:01:30 GMT")], Some(90));
        check(429, &[now, ("retry-after", "Mon, 02 Mar 2026 08:00:00 GMT")], Some(0));
        check(429, &[now, ("retry-after", "Tue, 03 Mar 2026 09:00:00 GMT")], Some(3_600));
        check(429, &[("retry-after", "Mon, 02 Mar 2026 09:01:30 GMT")], Some(30));
        let reset = ("x-sentry-rate-limit-reset", "1772442060");
        check(200, &[now, ("x-sentry-rate-limit-remaining", "0"), reset], Some(60));
        check(200, &[now, ("x-sentry-rate-limit-remaining", "1"), reset], None);
        check(429, &[now, ("x-sentry-rate-limit-remaining", "0"), reset], Some(60));
        check(200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "17")], Some(17));
        check(200, &[("x-ratelimit-remaining", "0")], None);
    }
}
