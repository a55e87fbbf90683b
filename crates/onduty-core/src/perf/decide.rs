//! Which effects are no chance, among thousands of endpoints.

use super::numbers::{chance_above, false_discovery_rates, quantile};
use super::subject::Tested;

/// From the middle of a normal distribution to its quarter, in standard deviations.
const QUARTER: f64 = 0.6745;
/// A regression that is worth finding, as a share.
const USUAL_REGRESSION: f64 = 0.35;
/// Standard errors beyond the floor that a discovery among some thousand endpoints takes.
const USUAL_LEVEL: f64 = 3.1;
/// The weight of an endpoint where nothing would be seen; what is clear enough is found there as well.
const LEAST_POWER: f64 = 0.01;

/// How much wider the middle of all standardised effects is than theory says: what the model does not know of.
///
/// The narrower side of the middle half, because a rollout that made a third of all endpoints slower widens the other.
pub fn null_scale(tested: &[Option<Tested>]) -> f64 {
    let standardised = |tested: &Tested| tested.is_eligible.then(|| tested.effect / tested.se);
    let mut all: Vec<f64> = tested.iter().flatten().filter_map(standardised).collect();
    if all.len() < 20 {
        return 1.0;
    }
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut all, share).unwrap_or_default());
    ((middle - low).min(high - middle) / QUARTER).max(1.0)
}

/// q-values of being slower by more than the floor, and of being faster; `None` where nothing can be said.
///
/// Chances are weighted (Genovese, Roeder and Wasserman, "False discovery control with p-value weighting", Biometrika 93,
/// 2006) by the power to see a usual regression: most endpoints are so quiet that nothing could be seen there, and they
/// would take the power from the others. The weights know the standard errors only, so the share of false discoveries
/// stays what it is.
pub fn rates(tested: &[Option<Tested>]) -> [Vec<Option<f64>>; 2] {
    let eligible = || tested.iter().flatten().filter(|tested| tested.is_eligible);
    let powers: Vec<f64> = eligible().map(power).collect();
    let mean = powers.iter().sum::<f64>() / powers.len() as f64;
    [1.0, -1.0].map(|sign| {
        let chance = |tested: &Tested| chance_above((sign * tested.effect - tested.floor) / tested.se, tested.freedom);
        let chances: Vec<f64> =
            eligible().zip(&powers).map(|(tested, power)| (chance(tested) * mean / power).min(1.0)).collect();
        let mut rates = false_discovery_rates(&chances).into_iter();
        let is_eligible = |tested: &Option<Tested>| tested.as_ref().is_some_and(|tested| tested.is_eligible);
        tested.iter().map(|tested| if is_eligible(tested) { rates.next() } else { None }).collect()
    })
}

/// The chance that a regression of [`USUAL_REGRESSION`] is seen at [`USUAL_LEVEL`].
fn power(tested: &Tested) -> f64 {
    let beyond = (USUAL_REGRESSION.ln_1p() - tested.floor).max(0.0) / tested.se;
    chance_above(USUAL_LEVEL - beyond, 1e4).max(LEAST_POWER)
}
