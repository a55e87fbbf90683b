//! One endpoint's levels, and how far the one after the rollout is from what the others let expect.

use super::compare::Days;
use super::level::Level;
use super::numbers::median;
use super::predict::{Known, Moves, expected, tell_eras};
use super::variance::{PRIOR_FREEDOM, Residual, common_variance, own_variance};
use super::windows::{AFTER, BEFORE};

/// Requests that it takes after the rollout ...
pub const FEWEST_AFTER: f64 = 20.0;
/// ... and in all windows before it.
pub const FEWEST_BEFORE: f64 = 10.0;
/// Least variance from window to window: a level that is steadier than 0.5 % has been seen too seldom.
const LEAST_WANDER: f64 = 2.5e-5;
/// Variance from window to window where nothing tells: 3 %.
const USUAL_WANDER: f64 = 9e-4;
/// An endpoint's own change at this hour, in standard deviations, that is believed to come each day.
const OWN_HABIT: f64 = 2.5;
/// What the median of a sample varies more than its mean.
const MEDIAN_VARIANCE: f64 = 1.57;

/// One endpoint, with what all share taken away.
pub struct Subject {
    /// Right before the rollout.
    pub before: Option<Level>,
    /// After it.
    pub after: Option<Level>,
    /// Window before and after, for each earlier day.
    pub days: Vec<[Option<Level>; 2]>,
    /// Windows before the one before.
    pub earlier: Vec<Level>,
}

impl Subject {
    /// The levels of an endpoint without the `share` of each window.
    pub fn of(levels: &[Option<Level>], days: &Days, share: impl Fn(usize) -> f64) -> Subject {
        let level = |window: usize| levels[window].map(|level| Level { ln_ms: level.ln_ms - share(window), ..level });
        Subject {
            before: level(BEFORE),
            after: level(AFTER),
            days: days.of_earlier.iter().map(|windows| windows.map(level)).collect(),
            earlier: days.before.iter().filter_map(|window| level(*window)).collect(),
        }
    }

    /// Changes within the earlier days.
    fn changes(&self) -> Vec<Measured> {
        let change = |[before, after]: &[Option<Level>; 2]| {
            let (before, after) = ((*before)?, (*after)?);
            Some(Measured { value: after.ln_ms - before.ln_ms, sampling: before.variance + after.variance })
        };
        self.days.iter().filter_map(change).collect()
    }

    /// What the hours after the rollout are like each day: the change, its variance.
    fn habit(&self, wander: f64) -> Option<(f64, f64)> {
        let changes = self.changes();
        let n = changes.len() as f64;
        let sampling = changes.iter().map(|change| change.sampling).sum::<f64>() / n;
        Some((middle(&changes)?, MEDIAN_VARIANCE * (wander + sampling) / n))
    }

    fn wander_residuals(&self) -> Vec<Residual> {
        let changes = self.changes();
        if changes.len() >= 2 {
            return around_the_middle(&changes);
        }
        let row: Vec<Level> = self.before.into_iter().chain(self.earlier.iter().copied()).collect();
        row.windows(2)
            .map(|pair| Residual {
                squared: (pair[0].ln_ms - pair[1].ln_ms).powi(2),
                sampling: pair[0].variance + pair[1].variance,
            })
            .collect()
    }

    /// Levels of days against their median.
    fn day_residuals(&self, wander: f64) -> Vec<Residual> {
        let mut days: Vec<Measured> = Vec::new();
        days.extend(self.before.map(|level| Measured { value: level.ln_ms, sampling: wander / 2.0 + level.variance }));
        for pair in &self.days {
            let [Some(before), Some(after)] = pair else { continue };
            let sampling = (wander + before.variance + after.variance) / 4.0;
            days.push(Measured { value: (before.ln_ms + after.ln_ms) / 2.0, sampling });
        }
        if days.len() >= 3 { around_the_middle(&days) } else { Vec::new() }
    }

    /// Requests in all windows before the rollout that count.
    pub fn requests_before(&self) -> f64 {
        let all = self.before.iter().chain(self.days.iter().flatten().flatten()).chain(&self.earlier);
        all.map(|level| level.n).sum()
    }

    /// How far it is from what was expected; `None` where nothing was expected, or nothing came.
    pub fn test(&self, common: &Common, floor: f64) -> Option<Tested> {
        let after = self.after?;
        let residuals = self.wander_residuals();
        let wander = own_variance(&residuals, common.wander);
        let of_days = own_variance(&self.day_residuals(wander), common.of_days);
        let habit = self.habit(wander);
        let of_hours = match habit {
            Some((habit, variance)) if habit.powi(2) > OWN_HABIT.powi(2) * (variance + common.of_hours) => {
                (habit.powi(2) - variance).max(common.of_hours)
            }
            Some(_) | None => common.of_hours,
        };
        let window = |level: &Level, day, is_after| Known {
            ln_ms: level.ln_ms,
            variance: level.variance + wander / 2.0,
            day,
            is_after,
            era: 0,
        };
        let mut known: Vec<Known> = Vec::with_capacity(2 * self.days.len() + 1);
        known.extend(self.before.iter().chain(&self.earlier).map(|level| window(level, 0, false)));
        for (day, [before, after]) in self.days.iter().enumerate() {
            // The newest first: the hours after come before the hours before.
            known.extend(after.iter().map(|level| window(level, day + 1, true)));
            known.extend(before.iter().map(|level| window(level, day + 1, false)));
        }
        let moves = Moves { of_days, of_hours };
        let usual = habit.map_or(0.0, |(habit, variance)| habit * of_hours / (of_hours + variance));
        let eras = tell_eras(&mut known, Moves { of_days: common.of_days, of_hours }, usual);
        let expected = expected(&known, moves)?;
        let variance = expected.variance + after.variance + wander / 2.0;
        let own = after.variance;
        let freedom = variance.powi(2)
            / ((variance - own).powi(2) / (PRIOR_FREEDOM + residuals.len() as f64)
                + own.powi(2) / (after.n - 1.0).max(1.0));
        Some(Tested {
            effect: after.ln_ms - expected.ln_ms,
            expected: expected.ln_ms,
            se: variance.sqrt(),
            freedom: freedom.clamp(3.0, 1e4),
            floor,
            is_eligible: after.n >= FEWEST_AFTER && self.requests_before() >= FEWEST_BEFORE,
            shifted: expected.shifted,
            eras,
            habit: (of_hours > common.of_hours).then(|| habit.unwrap_or_default().0),
        })
    }
}

/// A number that was measured, and its sampling variance.
#[derive(Debug, Clone, Copy)]
struct Measured {
    value: f64,
    sampling: f64,
}

fn middle(all: &[Measured]) -> Option<f64> {
    median(&mut all.iter().map(|measured| measured.value).collect::<Vec<_>>())
}

/// How far each is from the median of all.
fn around_the_middle(all: &[Measured]) -> Vec<Residual> {
    let Some(middle) = middle(all) else { return Vec::new() };
    let freedom = all.len() as f64 / (all.len() as f64 - 1.0);
    let residual = |measured: &Measured| Residual {
        squared: (measured.value - middle).powi(2) * freedom,
        sampling: measured.sampling,
    };
    all.iter().map(residual).collect()
}

/// What all endpoints have in common.
pub struct Common {
    wander: f64,
    of_days: f64,
    of_hours: f64,
}

impl Common {
    /// As far as these tell.
    pub fn of(subjects: &[Subject]) -> Common {
        let wander: Vec<Residual> = subjects.iter().flat_map(Subject::wander_residuals).collect();
        let wander = if wander.is_empty() { USUAL_WANDER } else { common_variance(&wander, LEAST_WANDER) };
        let of_days: Vec<Residual> = subjects.iter().flat_map(|subject| subject.day_residuals(wander)).collect();
        let habits: Vec<Residual> = subjects
            .iter()
            .filter_map(|subject| subject.habit(wander))
            .map(|(habit, variance)| Residual { squared: habit.powi(2), sampling: variance })
            .collect();
        Common {
            wander,
            of_days: common_variance(&of_days, LEAST_WANDER),
            of_hours: common_variance(&habits, LEAST_WANDER),
        }
    }
}

/// How far an endpoint is from what was expected.
#[derive(Debug, Clone)]
pub struct Tested {
    /// Logarithmic.
    pub effect: f64,
    /// Expected level, with what all share taken away.
    pub expected: f64,
    /// Standard error of the effect.
    pub se: f64,
    /// Degrees of freedom of the standard error.
    pub freedom: f64,
    /// The effect that is not worth a look; logarithmic.
    pub floor: f64,
    /// Whether there were requests enough.
    pub is_eligible: bool,
    /// Windows of earlier days that count less.
    pub shifted: usize,
    /// How often its level moved for good on earlier days.
    pub eras: usize,
    /// Its own change at this hour each day; logarithmic.
    pub habit: Option<f64>,
}
