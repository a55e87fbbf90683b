//! What an endpoint's level should have been after the rollout, had the rollout changed nothing.
//!
//! Generalised least squares over all windows that are known, as in kriging with an unknown mean: windows of one day
//! share a day's level, windows after the time of the rollout share what that hour is like. Difference in differences
//! is the special case of endless traffic; an endpoint with little of it gets the level of earlier days for free.

use super::numbers::{Cholesky, Numbers, dot};
use smallvec::SmallVec;

/// Variance of a level of which nothing is known: the logarithm of a duration may be anywhere.
const UNKNOWN_LEVEL: f64 = 25.0;
/// Standardised residual from which an earlier window counts less.
const SURPRISING: f64 = 2.0;

/// Standard errors between two parts of the past that make them two eras: with twenty windows one in a hundred endpoints
/// has that much by chance.
const CLEAR: f64 = 3.5;

/// A window that is known.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Level, with what all share taken away.
    pub ln_ms: f64,
    /// Variance of its own: sampling and wander.
    pub variance: f64,
    /// 0 is the day of the rollout.
    pub day: usize,
    /// Whether it is in the hours after the rollout.
    pub is_after: bool,
    /// 0 is the level that the rollout met; windows from before the endpoint once became slower or faster have another.
    pub era: usize,
}

/// How levels move together.
#[derive(Debug, Clone, Copy)]
pub struct Moves {
    /// Variance that the windows of one day share.
    pub of_days: f64,
    /// Variance that the windows after the time of the rollout share.
    pub of_hours: f64,
}

/// What is expected of a window that comes after the rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Its level.
    pub ln_ms: f64,
    /// Variance of that, without the window's own.
    pub variance: f64,
    /// Earlier windows that were so surprising that they count less.
    pub shifted: usize,
}

/// Tells the eras of `known`, which are in the order of time, the newest first: where the level before and after a
/// moment differ so much that chance is no explanation, what is older is of another era.
///
/// Binary segmentation (Scott and Knott, "A cluster analysis method for grouping means", Biometrics 30, 1974) on the part
/// that the rollout met: the best cut is taken until none is clear.
pub fn tell_eras(known: &mut [Known], moves: Moves, habit: f64) -> usize {
    let mut length = known.len();
    let mut eras = 0;
    while let Some(cut) = best_cut(&known[..length], moves, habit) {
        eras += 1;
        known[cut..].iter_mut().for_each(|window| window.era += 1);
        length = cut;
    }
    eras
}

/// The first window of the older part.
fn best_cut(known: &[Known], moves: Moves, habit: f64) -> Option<usize> {
    let weight = |window: &Known| 1.0 / (window.variance + moves.of_days);
    let level = |window: &Known| window.ln_ms - if window.is_after { habit } else { 0.0 };
    let total =
        known.iter().fold((0.0, 0.0), |sum, window| (sum.0 + weight(window), sum.1 + weight(window) * level(window)));
    let (mut newer, mut best) = ((0.0, 0.0), (CLEAR, None));
    for (at, window) in known.iter().enumerate().take(known.len().saturating_sub(1)) {
        newer = (newer.0 + weight(window), newer.1 + weight(window) * level(window));
        let older = (total.0 - newer.0, total.1 - newer.1);
        let difference = (newer.1 / newer.0 - older.1 / older.0).abs();
        let surprise = difference / (1.0 / newer.0 + 1.0 / older.0).sqrt();
        if surprise > best.0 {
            best = (surprise, Some(at + 1));
        }
    }
    best.1
}

/// What the window after the rollout should be; `None` when nothing is known.
pub fn expected(known: &[Known], moves: Moves) -> Option<Expected> {
    if known.is_empty() {
        return None;
    }
    let centre = known.iter().map(|window| window.ln_ms / window.variance).sum::<f64>()
        / known.iter().map(|window| 1.0 / window.variance).sum::<f64>();
    let levels: Numbers = known.iter().map(|window| window.ln_ms - centre).collect();
    let shared = |left: &Known, right: &Known| {
        let when = |is_so: bool, variance: f64| if is_so { variance } else { 0.0 };
        when(left.era == right.era, UNKNOWN_LEVEL)
            + when(left.day == right.day, moves.of_days)
            + when(left.is_after && right.is_after, moves.of_hours)
    };
    let covariance = |row: usize, column: usize| {
        shared(&known[row], &known[column]) + if row == column { known[row].variance } else { 0.0 }
    };
    let asked = Known { ln_ms: 0.0, variance: 0.0, day: 0, is_after: true, era: 0 };
    let with_asked: Numbers = known.iter().map(|window| shared(window, &asked)).collect();

    let mut parts = Cholesky::of(known.len(), covariance)?;
    let weighted = parts.solve(&levels);
    let diagonal = parts.diagonal_of_inverse();
    let mut shifted = 0;
    let mut doubts: Numbers = SmallVec::from_elem(0.0, known.len());
    for (at, window) in known.iter().enumerate() {
        // The residual of a window from what all others say of it, in its own standard deviations.
        let surprise = (weighted[at] / diagonal[at].sqrt()).abs() / SURPRISING;
        if window.day != 0 && surprise > 1.0 {
            doubts[at] = (window.variance + moves.of_days) * (surprise * surprise - 1.0);
            shifted += 1;
        }
    }
    if shifted > 0 {
        let doubted = |row, column| covariance(row, column) + if row == column { doubts[row] } else { 0.0 };
        parts = Cholesky::of(known.len(), doubted)?;
    }
    let weights = parts.solve(&with_asked);
    let variance = shared(&asked, &asked) - dot(&weights, &with_asked);
    Some(Expected { ln_ms: centre + dot(&weights, &levels), variance: variance.max(0.0), shifted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(day: usize, is_after: bool, ln_ms: f64, variance: f64) -> Known {
        Known { ln_ms, variance, day, is_after, era: 0 }
    }

    const STEADY: Moves = Moves { of_days: 1.0, of_hours: 1e-6 };

    #[test]
    fn with_endless_traffic_it_is_the_difference_of_differences() {
        let hours = Moves { of_days: 1.0, of_hours: 1.0 };
        let windows = [known(0, false, 5.3, 1e-6), known(1, false, 5.0, 1e-6), known(1, true, 5.1, 1e-6)];
        let found = expected(&windows, hours).unwrap();
        assert!((found.ln_ms - 5.4).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn little_traffic_before_is_helped_by_earlier_days() {
        let days = Moves { of_days: 1e-4, of_hours: 1e-6 };
        let mut windows = vec![known(0, false, 6.0, 0.5)];
        windows.extend((1..6).flat_map(|day| [known(day, false, 5.0, 0.01), known(day, true, 5.0, 0.01)]));
        let found = expected(&windows, days).unwrap();
        assert!((found.ln_ms - 5.0).abs() < 0.02 && found.variance < 0.002, "{found:?}");
    }

    #[test]
    fn a_day_that_was_different_counts_less() {
        let mut windows = vec![known(0, false, 5.0, 0.001)];
        windows.extend((1..6).flat_map(|day| {
            let level = if day == 3 { 7.0 } else { 5.0 };
            [known(day, false, level, 0.001), known(day, true, level, 0.001)]
        }));
        let found = expected(&windows, Moves { of_days: 0.001, of_hours: 1e-6 }).unwrap();
        assert!(found.shifted > 0 && (found.ln_ms - 5.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn nothing_known_is_nothing_expected() {
        assert_eq!(expected(&[], STEADY), None);
    }
}
