//! How much levels move without any cause: from window to window, from day to day, and by the hour of the day.

use super::numbers::median;

/// Degrees of freedom that what all endpoints have in common counts for, beside an endpoint's own days.
pub const PRIOR_FREEDOM: f64 = 8.0;
/// Squared residuals count up to this many times of what is expected: a day with a rollout of its own is no measure.
const WINSORISED_AT: f64 = 9.0;
/// The median of chi-squared with one degree of freedom.
const MEDIAN_OF_CHI_SQUARED: f64 = 0.4549;
/// Sampling variance up to which a residual tells something of the rest: 10 %.
const WELL_KNOWN: f64 = 0.01;
/// Such residuals that it takes; with fewer of them the others speak as well.
const FEWEST: usize = 50;
/// Pairs that are enough for what all have in common.
const ENOUGH: usize = 4000;

/// A squared residual and the variance that sampling alone gives it.
#[derive(Debug, Clone, Copy)]
pub struct Residual {
    /// The residual, squared.
    pub squared: f64,
    /// Variance of the residual if nothing but sampling moved it.
    pub sampling: f64,
}

/// The variance beside sampling that makes the median residual what chi-squared says; never below `least`.
pub fn common_variance(residuals: &[Residual], least: f64) -> f64 {
    let mut some: Vec<Residual> =
        residuals.iter().copied().filter(|residual| residual.sampling < WELL_KNOWN).take(ENOUGH).collect();
    if some.len() < FEWEST {
        some = residuals.iter().copied().take(ENOUGH).collect();
    }
    let mut ratios = Vec::with_capacity(some.len());
    let mut is_too_small = |variance: f64| {
        let ratio = |residual: &Residual| residual.squared / (variance + residual.sampling);
        let above = some.iter().filter(|residual| ratio(residual) > MEDIAN_OF_CHI_SQUARED).count();
        // Counting is quicker than putting in order, and says the same unless the two in the middle are on either side.
        if 2 * above != some.len() {
            return 2 * above > some.len();
        }
        ratios.clear();
        ratios.extend(some.iter().map(ratio));
        median(&mut ratios).is_some_and(|median| median > MEDIAN_OF_CHI_SQUARED)
    };
    let (mut low, mut high) = (least, 4.0);
    if !is_too_small(low) {
        return least;
    }
    for _ in 0..30 {
        let middle = (low * high).sqrt();
        if is_too_small(middle) { low = middle } else { high = middle }
    }
    (low * high).sqrt()
}

/// An endpoint's own variance beside sampling, shrunk to the common one.
pub fn own_variance(residuals: &[Residual], common: f64) -> f64 {
    let beyond = |residual: &Residual| {
        let expected = common + residual.sampling;
        (residual.squared.min(WINSORISED_AT * expected) - residual.sampling).max(0.0)
    };
    let own: f64 = residuals.iter().map(beyond).sum();
    (PRIOR_FREEDOM * common + own) / (PRIOR_FREEDOM + residuals.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Residuals of a normal distribution, at its quantiles.
    fn residuals(variance: f64, sampling: f64) -> Vec<Residual> {
        use statrs::distribution::{ContinuousCDF, Normal};
        let normal = Normal::new(0.0, (variance + sampling).sqrt()).unwrap();
        (0..999)
            .map(|at| Residual { squared: normal.inverse_cdf((f64::from(at) + 0.5) / 999.0).powi(2), sampling })
            .collect()
    }

    #[test]
    fn the_common_variance_is_what_sampling_leaves() {
        let found = common_variance(&residuals(0.01, 0.003), 1e-6);
        assert!((found / 0.01 - 1.0).abs() < 0.02, "{found}");
        assert_eq!(common_variance(&residuals(0.0, 0.003), 1e-4), 1e-4);
        assert_eq!(common_variance(&[], 1e-4), 1e-4);
    }

    #[test]
    fn an_endpoint_of_its_own_is_half_believed() {
        let steady = own_variance(&[Residual { squared: 0.0, sampling: 0.001 }; 8], 0.01);
        assert!((steady - 0.005).abs() < 1e-12);
        let wild = own_variance(&[Residual { squared: 9.0, sampling: 0.0 }; 8], 0.01);
        assert!((wild - 0.05).abs() < 1e-12, "one residual counts at most nine times: {wild}");
    }
}
