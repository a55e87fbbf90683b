//! Requests of which only the number between bounds is known, as histograms tell.
//!
//! Between two bounds anything could be. What is taken is the distribution that is nearest to an even one on the scale of
//! logarithms (in relative entropy) among those with the sum that was told: every bin is tilted by the same exponential
//! (Jaynes, "Information theory and statistical mechanics", Physical Review 106, 1957). The bins with the longest reach give
//! way first, so that one time-out hardly moves the hundred requests that were fast, and requests that all lie between the
//! same two bounds still move with their mean. `benches/perf/buckets` measures it.

use super::sketch::{Sketch, bucket_of};

/// How many times shorter than its upper bound the shortest request of the first bin is, and how many times longer than
/// its lower bound the longest of the last one, unless the sum says otherwise.
const OPEN_SPAN: f64 = 8.0;
/// With a mean this many times below the first bound, the bounds are made for something else.
const FAR_BELOW: f64 = 10.0;
/// Natural logarithm between two points of a bin.
const STEP: f64 = 0.25;
/// Points of a bin, at most.
const MOST_POINTS: usize = 16;
/// The steepest tilt, in parts of the mean: everything at one end of its bin.
const STEEPEST: f64 = 64.0;
/// Steps in which the tilt is looked for.
const STEPS: usize = 20;
/// As near to the sum as it has to be, as a share.
const NEAR: f64 = 1e-3;
/// A bin whose upper bound is so many times the lower one, or less, is as good as the requests themselves.
const NARROW: f64 = 1.3;
/// What is in one bin, or in two, when everything is as good as there; as a share.
const MOST: f64 = 0.95;

/// Requests between bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// They took longer than this, in milliseconds.
    pub low_ms: f64,
    /// And no longer than this; infinite in the last one.
    pub high_ms: f64,
    /// How many; parts of requests where a server estimated.
    pub requests: f64,
}

impl Bin {
    fn is_narrow(&self) -> bool {
        self.high_ms <= self.low_ms * NARROW
    }
}

/// Requests of which only the number between bounds is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bins {
    /// By rising bounds.
    pub all: Vec<Bin>,
    /// What all of them took, in milliseconds.
    pub sum_ms: Option<f64>,
}

/// How much bounds tell about the requests between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// Enough.
    #[default]
    Fine,
    /// Nearly all requests are in one wide bin, or in two: their level is that of their mean.
    Coarse,
    /// Nothing: nearly all are beyond the last bound or far below the first, or in one wide bin without a sum.
    Blind,
}

/// Where the requests of a bin may be.
struct Points {
    requests: f64,
    ms: Vec<f64>,
}

impl Bins {
    /// Requests in all bins.
    pub fn requests(&self) -> f64 {
        self.all.iter().map(|bin| bin.requests).sum()
    }

    /// How long they took on average, where that is known.
    fn mean_ms(&self) -> Option<f64> {
        let (requests, sum) = (self.requests(), self.sum_ms?);
        (requests > 0.0 && sum.is_finite() && sum >= 0.0).then(|| sum / requests)
    }

    /// How much the bounds tell, of an endpoint whose requests these are.
    pub fn grain(&self) -> Grain {
        let (all, mean) = (self.requests(), self.mean_ms());
        let has_most = |requests: f64| requests > 0.0 && requests >= MOST * all;
        let beyond = self.all.iter().filter(|bin| bin.high_ms.is_infinite()).map(|bin| bin.requests).sum();
        if has_most(beyond) {
            return Grain::Blind;
        }
        let wide = |bin: &&Bin| !bin.is_narrow();
        if let Some(bin) = self.all.iter().filter(wide).find(|bin| has_most(bin.requests)) {
            let is_far_below = bin.low_ms <= 0.0 && mean.is_some_and(|mean| mean * FAR_BELOW < bin.high_ms);
            let is_blind = mean.is_none() || is_far_below;
            return if is_blind { Grain::Blind } else { Grain::Coarse };
        }
        let pair = |pair: &[Bin]| pair.iter().all(|bin| wide(&bin)) && has_most(pair[0].requests + pair[1].requests);
        if self.all.windows(2).any(pair) { Grain::Coarse } else { Grain::Fine }
    }

    /// Where the requests of each bin may be.
    fn points(&self) -> Vec<Points> {
        let mean = self.mean_ms();
        let points = |bin: &Bin| {
            let (low, high) = match (bin.low_ms, bin.high_ms) {
                (low, high) if high.is_infinite() => (low, (low * OPEN_SPAN).max(mean.unwrap_or(0.0) * OPEN_SPAN)),
                (low, high) if low <= 0.0 => {
                    let usual = high / OPEN_SPAN;
                    (mean.map_or(usual, |mean| usual.min(mean / 2.0)), high)
                }
                bounds => bounds,
            };
            // Nothing is faster or slower than a sketch can tell.
            let (low, high) = (low.clamp(1e-3, 1e12).ln(), high.clamp(1e-3, 1e12).ln());
            let number = (((high - low) / STEP).ceil() as usize).clamp(1, MOST_POINTS);
            let at = |point: usize| (low + (high - low) * (point as f64 + 0.5) / number as f64).exp();
            Points { requests: bin.requests, ms: (0..number).map(at).collect() }
        };
        self.all.iter().filter(|bin| bin.requests > 0.0).map(points).collect()
    }
}

impl Points {
    /// The weight of each point under `tilt`, and their sum.
    fn weigh(&self, tilt: f64, weights: &mut Vec<f64>) -> f64 {
        let longest = if tilt > 0.0 { self.ms[self.ms.len() - 1] } else { self.ms[0] };
        weights.clear();
        weights.extend(self.ms.iter().map(|ms| ((ms - longest) * tilt).exp()));
        weights.iter().sum()
    }

    /// What all of them take under `tilt`, and how fast that grows with the tilt.
    fn sum(&self, tilt: f64, weights: &mut Vec<f64>) -> (f64, f64) {
        let all = self.weigh(tilt, weights);
        let mean = weights.iter().zip(&self.ms).map(|(weight, ms)| weight * ms).sum::<f64>() / all;
        let squares = weights.iter().zip(&self.ms).map(|(weight, ms)| weight * (ms - mean).powi(2)).sum::<f64>() / all;
        (self.requests * mean, self.requests * squares)
    }
}

/// The tilt, per millisecond, with which all points have this sum, or nearly.
fn tilt(points: &[Points], sum_ms: f64, mean_ms: f64) -> f64 {
    let mut weights = Vec::new();
    let mut sum_at = |tilt: f64| {
        points
            .iter()
            .map(|points| points.sum(tilt, &mut weights))
            .fold((0.0, 0.0), |all, more| (all.0 + more.0, all.1 + more.1))
    };
    let (mut sum, mut growth) = sum_at(0.0);
    let end = if sum < sum_ms { STEEPEST / mean_ms } else { -STEEPEST / mean_ms };
    let (mut low, mut high) = (end.min(0.0), end.max(0.0));
    let mut tilt = 0.0;
    for _ in 0..STEPS {
        if (sum - sum_ms).abs() <= NEAR * sum_ms {
            break;
        }
        *(if sum < sum_ms { &mut low } else { &mut high }) = tilt;
        // Newton's step, and half of what is left where that leads out of it.
        let step = tilt + (sum_ms - sum) / growth;
        tilt = if step > low && step < high { step } else { (low + high) / 2.0 };
        (sum, growth) = sum_at(tilt);
    }
    tilt
}

impl Bins {
    /// Puts all requests into `sketch`, with their sum; their number.
    pub fn pour(&self, sketch: &mut Sketch) -> u64 {
        let points = self.points();
        let mean_ms = self.mean_ms().filter(|mean| *mean > 0.0);
        let tilt = mean_ms.map_or(0.0, |mean| tilt(&points, mean * self.requests(), mean));
        let (mut seen, mut counted, mut spread_ms) = (0.0_f64, 0_u64, 0.0);
        let mut weights = Vec::new();
        for points in &points {
            let sum = points.weigh(tilt, &mut weights);
            for (weight, ms) in weights.iter().zip(&points.ms) {
                // Rounded on the way up, so that the number of all is right, and a single request is in the middle.
                seen += points.requests * weight / sum;
                let here = (seen.round() as u64).saturating_sub(counted).min(u64::from(u32::MAX));
                if here > 0 {
                    sketch.insert_bucket(bucket_of(*ms), here as u32);
                    spread_ms += ms * here as f64;
                    counted += here;
                }
            }
        }
        sketch.add_sum_ms(self.sum_ms.filter(|sum| sum.is_finite() && *sum >= 0.0).unwrap_or(spread_ms));
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::sketch::middle_of;

    /// The default bounds of the Prometheus clients, in milliseconds.
    const BOUNDS: [f64; 11] = [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4];

    fn of(durations: &[f64], bounds: &[f64]) -> Bins {
        let ends = bounds.iter().copied().chain([f64::INFINITY]);
        let mut all: Vec<Bin> = Vec::new();
        for high_ms in ends {
            let low_ms = all.last().map_or(0.0, |bin| bin.high_ms);
            let requests = durations.iter().filter(|ms| **ms > low_ms && **ms <= high_ms).count() as f64;
            all.push(Bin { low_ms, high_ms, requests });
        }
        Bins { all, sum_ms: Some(durations.iter().sum()) }
    }

    fn sketch(bins: &Bins) -> Sketch {
        let mut sketch = Sketch::default();
        assert_eq!(bins.pour(&mut sketch), bins.requests().round() as u64);
        sketch
    }

    fn mean_ln(sketch: &Sketch) -> f64 {
        let mut sum = 0.0;
        sketch.each(|bucket, count| sum += f64::from(count) * middle_of(bucket).ln());
        sum / sketch.n() as f64
    }

    /// `n` durations with this median, log-normal with this spread, from the middles of equal shares.
    fn log_normal(n: usize, median_ms: f64, sigma: f64) -> Vec<f64> {
        // Box and Muller's transform over a grid of shares.
        let share = |at: usize| (at as f64 + 0.5) / n as f64;
        let golden = |at: usize| (at as f64 * 0.618_033_988_749_894_9).fract().max(1e-9);
        let normal = |at: usize| (-2.0 * golden(at).ln()).sqrt() * (std::f64::consts::TAU * share(at)).cos();
        (0..n).map(|at| median_ms * (sigma * normal(at)).exp()).collect()
    }

    #[test]
    fn number_and_sum_are_exact() {
        for (n, median, sigma) in
            [(1, 30.0, 0.0), (2, 30.0, 0.5), (7, 3.0, 1.0), (2_000, 80.0, 0.7), (500, 40_000.0, 0.3)]
        {
            let durations = log_normal(n, median, sigma);
            let (sum, sketch) = (durations.iter().sum::<f64>(), sketch(&of(&durations, &BOUNDS)));
            assert_eq!(sketch.n(), n as u64);
            assert!((sketch.sum_ms() / sum - 1.0).abs() < 1e-9, "{median}");
        }
    }

    #[test]
    fn a_change_is_seen_as_large_as_it_is() {
        // Median, spread, how far off the change of the mean logarithm may be.
        for (median, sigma, off) in [
            (60.0, 0.5, 0.03),
            (70.0, 0.3, 0.05),
            (15.0, 0.5, 0.03),
            (150.0, 0.1, 0.05),
            (400.0, 0.8, 0.03),
            (2.0, 0.3, 0.05),
        ] {
            for change in [1.0, 1.1, 1.25_f64] {
                let before = sketch(&of(&log_normal(4_000, median, sigma), &BOUNDS));
                let after = sketch(&of(&log_normal(4_000, median * change, sigma), &BOUNDS));
                let seen = mean_ln(&after) - mean_ln(&before);
                assert!((seen - change.ln()).abs() < off, "{median} ms, {sigma}: {seen} for {}", change.ln());
            }
        }
    }

    #[test]
    fn a_time_out_does_not_move_what_was_fast() {
        let mut durations = log_normal(1_000, 60.0, 0.4);
        let before = mean_ln(&sketch(&of(&durations, &BOUNDS)));
        durations[0] = 30_000.0;
        let after = mean_ln(&sketch(&of(&durations, &BOUNDS)));
        let of_mean = (durations.iter().sum::<f64>() / 65_000.0).ln();
        assert!((after - before).abs() < of_mean / 5.0, "{before} {after}, where the mean moves by {of_mean}");
    }

    #[test]
    fn narrow_bins_are_as_good_as_the_requests() {
        let durations = log_normal(3_000, 80.0, 0.6);
        let bounds: Vec<f64> = (0..200).map(|at| 1.09_f64.powi(at)).collect();
        let bins = of(&durations, &bounds);
        let truth = durations.iter().map(|ms| ms.ln()).sum::<f64>() / 3_000.0;
        assert!((mean_ln(&sketch(&bins)) - truth).abs() < 0.005);
        assert_eq!(bins.grain(), Grain::Fine);
    }

    #[test]
    fn parts_of_requests_are_rounded_together() {
        let bin = |low_ms: f64, requests| Bin { low_ms, high_ms: low_ms * 2.0, requests };
        let bins = Bins { all: vec![bin(10.0, 3.3), bin(20.0, 3.3), bin(40.0, 3.3)], sum_ms: Some(9.9 * 30.0) };
        assert_eq!(sketch(&bins).n(), 10);
    }

    #[test]
    fn nonsense_does_no_harm() {
        let bin = Bin { low_ms: 10.0, high_ms: 25.0, requests: 4.0 };
        for sum_ms in [None, Some(f64::NAN), Some(-1.0), Some(0.0), Some(1e300), Some(f64::INFINITY)] {
            let sketch = sketch(&Bins { all: vec![bin], sum_ms });
            let median = sketch.quantile(0.5).unwrap();
            assert!(sketch.n() == 4 && (10.0..=25.0).contains(&median), "{sum_ms:?}: {median}");
        }
        assert_eq!(sketch(&Bins::default()).n(), 0);
    }

    #[test]
    fn bounds_that_tell_little_are_known() {
        let seconds = [5e3, 10e3, 25e3, 50e3];
        for (durations, bounds, expected) in [
            (log_normal(500, 60.0, 0.6), BOUNDS.as_slice(), Grain::Fine),
            (log_normal(500, 2.0, 0.2), &BOUNDS, Grain::Coarse),
            (log_normal(500, 150.0, 0.15), &BOUNDS, Grain::Coarse),
            (log_normal(500, 50.0, 0.1), &BOUNDS, Grain::Coarse),
            // Bounds for milliseconds on a metric in seconds.
            (log_normal(500, 80.0, 0.6), &seconds, Grain::Blind),
            (log_normal(500, 40_000.0, 0.2), &BOUNDS, Grain::Blind),
        ] {
            assert_eq!(of(&durations, bounds).grain(), expected, "{} ms", durations[0]);
        }
        let mut unsummed = of(&log_normal(500, 2.0, 0.2), &BOUNDS);
        unsummed.sum_ms = None;
        assert_eq!(unsummed.grain(), Grain::Blind);
        assert_eq!(Bins::default().grain(), Grain::Fine);
    }
}
