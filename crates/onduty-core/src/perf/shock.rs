//! What a whole group of endpoints went through together: a slow database, a busy machine, a full network.

use super::level::Level;
use super::numbers::{median, quantile};
use std::collections::HashMap;

/// Sampling variance up to which a level is well enough known to speak for its group.
const WELL_KNOWN: f64 = 0.02;
/// Endpoints with a well-known change that it takes to tell a shock from a change of one of them.
const FEWEST: usize = 10;
/// Endpoints of a group that weigh as much as all others together.
const GROUP_PRIOR: f64 = 10.0;

/// Standard deviations of a normal distribution in its median absolute deviation.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// Standard errors that make a shift of all, or of a group, more than chance.
const CLEAR: f64 = 3.0;

/// The group of an endpoint, by its name: the service before a `|`, else the first folder of its path, else what stands
/// before the last `/`; empty when the name says nothing.
///
/// ```
/// # use onduty_core::perf::group_of;
/// assert_eq!(group_of("cart|POST /cart/lines"), "cart");
/// assert_eq!(group_of("POST /cart/lines"), "/cart");
/// assert_eq!(group_of("shop.Cart/Add"), "shop.Cart");
/// assert_eq!(group_of("home"), "");
/// ```
pub fn group_of(endpoint: &str) -> &str {
    if let Some((service, _)) = endpoint.split_once('|') {
        return service;
    }
    let path = endpoint.rsplit(' ').next().unwrap_or(endpoint);
    if let Some(rest) = path.strip_prefix('/') {
        let end = rest.find(['/', '?']).map_or(path.len(), |end| end + 1);
        return &path[..end];
    }
    path.rsplit_once('/').map_or("", |(before, _)| before)
}

/// The groups of endpoints, numbered.
#[derive(Debug)]
pub struct Groups {
    of: Vec<usize>,
    names: Vec<String>,
}

impl Groups {
    /// The groups with these names, one for each endpoint.
    pub fn of<'a>(of_endpoints: impl Iterator<Item = &'a str>) -> Groups {
        let (mut names, mut known) = (Vec::new(), HashMap::new());
        let of = of_endpoints.map(|name| {
            *known.entry(name).or_insert_with(|| {
                names.push(name.to_owned());
                names.len() - 1
            })
        });
        Groups { of: of.collect(), names }
    }

    /// The group of an endpoint, by its number.
    pub fn group(&self, endpoint: usize) -> usize {
        self.of[endpoint]
    }

    /// The name of a group.
    pub fn name(&self, group: usize) -> &str {
        &self.names[group]
    }
}

/// A change that all share, and how each group differs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shock {
    /// Median of all endpoints; logarithmic, 0.1 is 10.5 % slower.
    pub of_all: f64,
    /// What each group went through, `of_all` where too little is known of it.
    pub of_groups: Vec<f64>,
    /// Standard error of `of_all`.
    error_of_all: f64,
    /// Of each group's own median; infinite where there is none.
    errors_of_groups: Vec<f64>,
}

impl Shock {
    /// The shock in the `changes` of endpoints: number, logarithmic change.
    pub fn of(changes: &[(usize, f64)], groups: &Groups) -> Shock {
        if changes.len() < FEWEST {
            let n = groups.names.len();
            let nothing = (vec![0.0; n], vec![f64::INFINITY; n]);
            return Shock {
                of_groups: nothing.0,
                errors_of_groups: nothing.1,
                error_of_all: f64::INFINITY,
                of_all: 0.0,
            };
        }
        let mut all: Vec<f64> = changes.iter().map(|(_, change)| *change).collect();
        let (of_all, error_of_all) = (median(&mut all).unwrap_or_default(), error_of_median(&mut all));
        let mut of_each: Vec<Vec<f64>> = vec![Vec::new(); groups.names.len()];
        for &(endpoint, change) in changes {
            of_each[groups.group(endpoint)].push(change);
        }
        let of_group = |changes: &mut Vec<f64>| {
            let n = changes.len() as f64;
            let weight = n / (n + GROUP_PRIOR);
            weight * median(changes).unwrap_or_default() + (1.0 - weight) * of_all
        };
        let errors_of_groups = of_each.iter_mut().map(|changes| error_of_median(changes)).collect();
        Shock { of_all, of_groups: of_each.iter_mut().map(of_group).collect(), error_of_all, errors_of_groups }
    }

    /// What it has beyond what the `usual` ones brought, the same hours of earlier days; as unsure as these differ.
    pub fn against(&self, usual: &[&Shock]) -> Shock {
        let beyond = |own: f64, error: f64, of: &dyn Fn(&Shock) -> f64| {
            let mut all: Vec<f64> = usual.iter().map(|shock| of(shock)).collect();
            let Some(middle) = median(&mut all) else { return (own, error) };
            let mut distances: Vec<f64> = all.iter().map(|change| (change - middle).abs()).collect();
            let spread = MAD_TO_DEVIATION * median(&mut distances).unwrap_or_default();
            (own - middle, error.hypot(spread * (1.0 + 1.0 / all.len() as f64).sqrt()))
        };
        let (of_all, error_of_all) = beyond(self.of_all, self.error_of_all, &|shock| shock.of_all);
        let groups = self.of_groups.iter().zip(&self.errors_of_groups).enumerate();
        let (of_groups, errors_of_groups) =
            groups.map(|(group, (own, error))| beyond(*own, *error, &|shock| shock.of_groups[group])).unzip();
        Shock { of_all, of_groups, error_of_all, errors_of_groups }
    }

    /// Whether all moved by more than `least`, and that is no chance.
    pub fn is_of_all(&self, least: f64) -> bool {
        is_clear(self.of_all, self.error_of_all, least)
    }

    /// Whether `group` moved by more than `least`, by itself or with all, and that is no chance.
    pub fn is_of_group(&self, group: usize, least: f64) -> bool {
        let error = self.errors_of_groups[group].min(self.error_of_all);
        is_clear(self.of_groups[group], error, least)
    }

    /// What an endpoint of `group` went through.
    pub fn of_group(&self, group: usize) -> f64 {
        self.of_groups[group]
    }
}

fn is_clear(change: f64, error: f64, least: f64) -> bool {
    change.exp_m1().abs() > least && change.abs() > CLEAR * error
}

/// The standard error of the median of `changes`, from their middle half; they end up in another order.
fn error_of_median(changes: &mut [f64]) -> f64 {
    let n = changes.len() as f64;
    match (quantile(changes, 0.25), quantile(changes, 0.75)) {
        (Some(low), Some(high)) if n > 1.0 => 1.2533 * (high - low) / 1.349 / n.sqrt(),
        _ => f64::INFINITY,
    }
}

/// The change between two levels, when both are well known.
pub fn well_known_change(before: Option<Level>, after: Option<Level>) -> Option<f64> {
    let (before, after) = (before?, after?);
    (before.variance < WELL_KNOWN && after.variance < WELL_KNOWN).then_some(after.ln_ms - before.ln_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Groups {
        Groups::of(names.iter().map(|name| group_of(name)))
    }

    #[test]
    fn groups_by_name() {
        for (endpoint, group) in [
            ("cart|POST /cart", "cart"),
            ("GET /orders/{id}/lines", "/orders"),
            ("/orders", "/orders"),
            ("/", "/"),
            ("/search?q", "/search"),
            ("hipstershop.Cart/Get", "hipstershop.Cart"),
            ("job", ""),
            ("", ""),
        ] {
            assert_eq!(group_of(endpoint), group, "{endpoint}");
        }
    }

    #[test]
    fn one_change_among_many_is_no_shock() {
        let groups = groups(&["a|1"; 20]);
        let mut changes: Vec<(usize, f64)> = (0..20).map(|endpoint| (endpoint, 0.0)).collect();
        changes[3].1 = 1.0;
        assert_eq!(Shock::of(&changes, &groups).of_group(0), 0.0);
    }

    #[test]
    fn a_group_of_its_own_mood() {
        let names: Vec<&str> = (0..60).map(|at| if at < 30 { "a|x" } else { "b|x" }).collect();
        let groups = groups(&names);
        let changes: Vec<(usize, f64)> = (0..60).map(|at| (at, if at < 30 { 0.2 } else { 0.0 })).collect();
        let shock = Shock::of(&changes, &groups);
        assert!((shock.of_all - 0.1).abs() < 1e-9);
        assert!((shock.of_group(0) - 0.175).abs() < 1e-9);
        assert!((shock.of_group(1) - 0.025).abs() < 1e-9);
    }

    #[test]
    fn a_shift_that_may_be_chance_is_not_said() {
        let groups = groups(&["a|1"; 20]);
        let changes = |spread: f64| -> Vec<(usize, f64)> {
            (0..20).map(|at| (at, 0.1 + spread * (at as f64 - 9.5) / 9.5)).collect()
        };
        for (spread, is_said) in [(0.05, true), (0.5, false)] {
            let shock = Shock::of(&changes(spread), &groups);
            assert_eq!((shock.is_of_all(0.05), shock.is_of_group(0, 0.05)), (is_said, is_said), "{shock:?}");
        }
        assert!(!Shock::of(&changes(0.0), &groups).is_of_all(0.2));
    }

    #[test]
    fn what_every_day_brings_is_not_unusual() {
        let groups = groups(&["a|1"; 20]);
        let shock = |change: f64| {
            let spread = |at: usize| change + 0.02 * (at as f64 - 9.5) / 9.5;
            Shock::of(&(0..20).map(|at| (at, spread(at))).collect::<Vec<_>>(), &groups)
        };
        let days = [0.19, 0.2, 0.2, 0.21].map(shock);
        let days: Vec<&Shock> = days.iter().collect();
        assert!(!shock(0.2).against(&days).is_of_all(0.05));
        let unusual = shock(0.4).against(&days);
        assert!(unusual.is_of_all(0.05) && unusual.is_of_group(0, 0.05), "{unusual:?}");
        assert!((unusual.of_all - 0.2).abs() < 0.01);
        let moody = [-0.2, 0.0, 0.2, 0.4].map(shock);
        assert!(!shock(0.4).against(&moody.iter().collect::<Vec<_>>()).is_of_all(0.05), "such days come");
        assert_eq!(shock(0.4).against(&[]), shock(0.4));
    }

    #[test]
    fn few_endpoints_have_no_shock_but_their_own_change() {
        let groups = groups(&["a|1", "a|2"]);
        assert_eq!(Shock::of(&[(0, 0.5), (1, 0.5)], &groups).of_group(0), 0.0);
    }
}
