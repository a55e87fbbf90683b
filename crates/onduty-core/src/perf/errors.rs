//! Did an endpoint fail more often since the rollout? Its own question: an endpoint that fails quickly looks fast.

use super::numbers::{binomial_chance_from, false_discovery_rates, median};
use super::series::Series;
use super::windows::{AFTER, Role, Windows};
use serde::{Deserialize, Serialize};

/// Failures up to this many times as often as before are not worth a look.
const FLOOR: f64 = 1.25;
/// Failures that it takes: two in a quiet hour are an accident.
const FEWEST: u64 = 5;
/// The median of chi-squared with one degree of freedom.
const MEDIAN_OF_CHI_SQUARED: f64 = 0.4549;
/// Windows that the overdispersion is shrunk to one with.
const DISPERSION_PRIOR: f64 = 4.0;

/// Requests, and how many of them the server failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// All of them.
    pub requests: u64,
    /// Those with a status from 500 on.
    pub failed: u64,
}

impl Outcomes {
    /// Of one window; `None` where nobody asked.
    pub fn of(series: &Series, window: usize) -> Option<Outcomes> {
        let mut outcomes = Outcomes::default();
        for cell in series.window(window).into_iter().flatten() {
            outcomes.requests += cell.sketch.n() + cell.refused + cell.failed;
            outcomes.failed += cell.failed;
        }
        (outcomes.requests > 0).then_some(outcomes)
    }

    /// The failed share, from 0 to 1.
    pub fn share(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failed as f64 / self.requests as f64 }
    }

    fn add(&mut self, other: Outcomes) {
        self.requests += other.requests;
        self.failed += other.failed;
    }
}

/// How much more often an endpoint fails since the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Failing {
    /// All windows before the rollout, those of earlier days among them.
    pub before: Outcomes,
    /// The window after it.
    pub after: Outcomes,
    /// Share of false ones among all that are at least as clearly worse.
    pub q_value: f64,
}

impl Failing {
    /// Whether requests of a later hour show that it is over: so many that the failures would have come, and they did not.
    pub fn is_over(&self, later: Outcomes) -> bool {
        let would_show = self.after.share() * later.requests as f64 >= (2 * FEWEST) as f64;
        would_show && (later.failed < FEWEST || later.share() <= FLOOR * self.before.share())
    }
}

/// Which endpoints fail more often, in their order.
///
/// Given all failures of an endpoint, how many of them fall after the rollout is binomial; the test is exact for rare
/// failures (Przyborowski and Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika 31,
/// 1940). Failures come in bursts, so both counts are divided by how much the windows before differ more than chance.
pub(super) fn failing(
    all: impl Iterator<Item = Option<Failures>> + Clone,
    false_discovery_rate: f64,
) -> Vec<Option<Failing>> {
    let chances: Vec<f64> = all.clone().flatten().map(|failures| failures.chance).collect();
    let mut rates = false_discovery_rates(&chances).into_iter();
    let judged = |failures: Option<Failures>| {
        let Failures { before, after, .. } = failures?;
        let q_value = rates.next()?;
        (q_value <= false_discovery_rate).then_some(Failing { before, after, q_value })
    };
    all.map(judged).collect()
}

/// What one endpoint failed, and the chance of that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failures {
    before: Outcomes,
    after: Outcomes,
    chance: f64,
}

impl Failures {
    /// `None` where there is nothing to compare.
    pub fn of(series: &Series, windows: &Windows) -> Option<Failures> {
        let after = Outcomes::of(series, AFTER)?;
        let is_before = |at: &usize| windows.all()[*at].role != Role::After;
        let earlier: Vec<Outcomes> =
            (0..windows.all().len()).filter(is_before).filter_map(|at| Outcomes::of(series, at)).collect();
        let mut before = Outcomes::default();
        earlier.iter().for_each(|outcomes| before.add(*outcomes));
        if before.requests == 0 {
            return None;
        }
        let chance = if after.failed < FEWEST { 1.0 } else { chance(before, after, bursts(&earlier, before)) };
        Some(Failures { before, after, chance })
    }
}

/// The chance of at least so many failures after the rollout, if they became [`FLOOR`] times as frequent at most.
fn chance(before: Outcomes, after: Outcomes, bursts: f64) -> f64 {
    let expected = FLOOR * after.requests as f64;
    let share = expected / (expected + before.requests as f64);
    let (failed, all) = (after.failed as f64 / bursts, (after.failed + before.failed) as f64 / bursts);
    binomial_chance_from(failed, all, share)
}

/// How much more the windows before differ than chance would have it, at least 1.
fn bursts(windows: &[Outcomes], all: Outcomes) -> f64 {
    let share = (all.failed as f64 + 0.5) / (all.requests as f64 + 1.0);
    let excess = |outcomes: &Outcomes| {
        let expected = share * outcomes.requests as f64;
        (outcomes.failed as f64 - expected).powi(2) / (expected * (1.0 - share))
    };
    let mut ratios: Vec<f64> = windows.iter().map(excess).collect();
    // With failures so rare that most windows have none the median says nothing; the mean does.
    let n = ratios.len() as f64;
    let mean = ratios.iter().sum::<f64>() / n;
    let typical = median(&mut ratios).map_or(1.0, |median| median / MEDIAN_OF_CHI_SQUARED);
    ((typical.max(mean) * n + DISPERSION_PRIOR) / (n + DISPERSION_PRIOR)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::windows::{Lengths, Rollout, Slot};
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    fn windows() -> Windows {
        let at: Timestamp = "2026-03-04T16:00:00Z".parse().unwrap();
        Windows::around(Rollout { start: at, end: at }, Lengths::default(), &TimeZone::UTC).unwrap()
    }

    /// An endpoint with `requests` in each window, of which `failed` fail: before, after the rollout, and on five days.
    fn series(requests: u64, before: u64, after: u64, days: [u64; 5]) -> Series {
        let mut series = Series::default();
        for (window, at) in windows().all().iter().enumerate() {
            let failed = match at.role {
                Role::Before => before,
                Role::After => after,
                Role::BeforeOn(day) | Role::AfterOn(day) if day < 5 => days[day],
                _ => continue,
            };
            for request in 0..requests {
                let slot = Slot { window, block: (request * 12 / requests) as usize };
                series.request(slot, 10.0, Some(if request < failed { 500 } else { 200 }));
            }
        }
        series
    }

    /// The numbers of those that fail more often.
    fn found(all: &[Series]) -> Vec<usize> {
        let found = failing(all.iter().map(|series| Failures::of(series, &windows())), 0.1);
        found.iter().enumerate().filter_map(|(at, failing)| failing.map(|_| at)).collect()
    }

    #[test]
    fn what_fails_more_often_is_found() {
        let calm = || series(1000, 5, 6, [4, 5, 6, 5, 5]);
        assert_eq!(found(&[calm(), series(1000, 5, 40, [4, 5, 6, 5, 5]), calm()]), [1]);
        assert_eq!(found(&[calm(), calm()]), Vec::<usize>::new());
        assert_eq!(found(&[series(1000, 0, 12, [0; 5]), calm()]), [0], "never failed before");
    }

    #[test]
    fn a_few_failures_are_an_accident() {
        assert_eq!(found(&[series(1000, 0, 4, [0; 5])]), Vec::<usize>::new());
    }

    #[test]
    fn bursts_are_usual_where_they_were_seen() {
        assert_eq!(found(&[series(1000, 2, 60, [80, 0, 1, 75, 3])]), Vec::<usize>::new());
    }

    #[test]
    fn less_often_is_no_finding_and_new_ones_have_no_before() {
        assert_eq!(found(&[series(1000, 50, 5, [50; 5])]), Vec::<usize>::new());
        let mut new = Series::default();
        (0..50)
            .for_each(|at| new.request(Slot { window: AFTER, block: 0 }, 1.0, Some(if at < 40 { 500 } else { 200 })));
        assert_eq!(found(&[new]), Vec::<usize>::new());
    }
}
