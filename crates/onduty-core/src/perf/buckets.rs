//! Histograms of others, such as OpenTelemetry's, and what they tell about durations.
//!
//! A histogram knows how many requests fell between two bounds and not where; [`Bins`] say where they count. Number and sum
//! stay exact.

use super::bins::{Bin, Bins};
use super::sketch::Sketch;
use serde::{Deserialize, Serialize};

/// Wider buckets, as the ratio of their bounds, tell durations hardly apart.
const WIDE: f64 = 2.0;
/// With this share of requests in wide buckets, they say next to nothing.
const COARSE_SHARE: f64 = 0.9;
/// Fewer requests may be in one bucket by chance.
const COARSE_FROM: u64 = 20;

/// Whether so many requests of `all` in wide buckets leave nobody the wiser how long they took.
pub fn is_coarse(wide: u64, all: u64) -> bool {
    all >= COARSE_FROM && wide as f64 > COARSE_SHARE * all as f64
}

/// How many requests took how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    buckets: Buckets,
    count: u64,
    sum_ms: Option<f64>,
}

/// The buckets, with their counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Buckets {
    /// Between bounds that somebody chose.
    Explicit {
        /// Rising, in milliseconds; the first bucket is below the first, the last above the last.
        bounds_ms: Vec<f64>,
        /// One more than bounds.
        counts: Vec<u64>,
    },
    /// Between powers of `2^(2^-scale)`.
    Exponential {
        /// The finer the larger.
        scale: i32,
        /// Milliseconds in the unit that was measured in.
        unit_ms: f64,
        /// Requests that took no time that could be measured.
        zero: u64,
        /// The power at which the first bucket begins.
        offset: i32,
        /// Without a gap.
        counts: Vec<u64>,
    },
}

/// Why a histogram cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// A bound or the sum is NaN or infinite, or bounds do not rise.
    NotANumber,
    /// Durations below zero.
    Negative,
    /// No buckets, or buckets that do not add up.
    Inconsistent,
}

impl Histogram {
    /// A histogram that holds together.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn of(buckets: Buckets, count: u64, sum_ms: Option<f64>) -> Result<Histogram, Unusable> {
        if sum_ms.is_some_and(|sum| !sum.is_finite()) {
            return Err(Unusable::NotANumber);
        }
        if sum_ms.is_some_and(|sum| sum < 0.0) {
            return Err(Unusable::Negative);
        }
        let total = match &buckets {
            Buckets::Explicit { bounds_ms, counts } => {
                if bounds_ms.is_empty() || counts.len() != bounds_ms.len() + 1 {
                    return Err(Unusable::Inconsistent);
                }
                if bounds_ms.iter().any(|bound| !bound.is_finite())
                    || bounds_ms.windows(2).any(|pair| pair[0] >= pair[1])
                {
                    return Err(Unusable::NotANumber);
                }
                if bounds_ms.iter().zip(counts).any(|(bound, count)| *bound < 0.0 && *count > 0) {
                    return Err(Unusable::Negative);
                }
                total(counts)
            }
            Buckets::Exponential { zero, counts, unit_ms, .. } => {
                if !unit_ms.is_finite() || *unit_ms <= 0.0 {
                    return Err(Unusable::NotANumber);
                }
                total(counts).and_then(|total| total.checked_add(*zero))
            }
        };
        if total != Some(count) {
            return Err(Unusable::Inconsistent);
        }
        Ok(Histogram { buckets, count, sum_ms })
    }

    /// Number of requests.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Each bucket that holds something: its bounds, its count, and whether it is wide.
    fn each(&self, mut visit: impl FnMut(f64, f64, u64, bool)) {
        match &self.buckets {
            Buckets::Explicit { bounds_ms, counts } => {
                for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    let lower = at.checked_sub(1).map_or(0.0, |below| bounds_ms[below].max(0.0));
                    let upper = bounds_ms.get(at).map_or(f64::INFINITY, |upper| upper.max(0.0));
                    // Bounds of 5 and 10 are not wide, whatever their floats say.
                    visit(lower, upper, count, upper > lower * WIDE * 1.000_001);
                }
            }
            Buckets::Exponential { scale, unit_ms, zero, offset, counts } => {
                let step = f64::exp2(-f64::from(*scale));
                if *zero > 0 {
                    visit(0.0, 0.0, *zero, false);
                }
                for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    let bound = |at: f64| f64::exp2((f64::from(*offset) + at) * step) * unit_ms;
                    visit(bound(at as f64), bound(at as f64 + 1.0), count, step > WIDE.log2());
                }
            }
        }
    }

    /// What it tells, as a sketch, and how many of its requests are in wide buckets.
    pub fn sketch(&self) -> (Sketch, u64) {
        let (mut sketch, mut wide, mut all) = (Sketch::default(), 0_u64, Vec::new());
        self.each(|low_ms, high_ms, count, is_wide| {
            all.push(Bin { low_ms, high_ms, requests: count as f64 });
            wide += if is_wide { count } else { 0 };
        });
        Bins { all, sum_ms: self.sum_ms }.pour(&mut sketch);
        (sketch, wide)
    }

    /// Whether nearly all requests are in one bucket that is so wide that nobody can say how long they took.
    pub fn is_coarse(&self) -> bool {
        let mut widest = 0;
        self.each(|_, _, count, is_wide| widest = if is_wide { count.max(widest) } else { widest });
        is_coarse(widest, self.count)
    }

    /// What came after `earlier`, of which this is the continuation; `None` when it cannot be one.
    pub fn since(&self, earlier: &Histogram) -> Option<Histogram> {
        let buckets = match (&self.buckets, &earlier.buckets) {
            (
                Buckets::Explicit { bounds_ms, counts },
                Buckets::Explicit { bounds_ms: earlier_bounds, counts: earlier_counts },
            ) => {
                // Bounds that were written down and read again may differ in their last bit.
                let same = |(one, other): (&f64, &f64)| (one - other).abs() <= 1e-9 * one.abs();
                if bounds_ms.len() != earlier_bounds.len() || !bounds_ms.iter().zip(earlier_bounds).all(same) {
                    return None;
                }
                let counts = counts.iter().zip(earlier_counts).map(|(now, then)| now.checked_sub(*then));
                Buckets::Explicit { bounds_ms: bounds_ms.clone(), counts: counts.collect::<Option<_>>()? }
            }
            (
                Buckets::Exponential { scale, unit_ms, zero, offset, counts },
                Buckets::Exponential {
                    scale: earlier_scale,
                    zero: earlier_zero,
                    offset: earlier_offset,
                    counts: earlier_counts,
                    ..
                },
            ) => {
                let coarsest = *scale.min(earlier_scale);
                let (offset, mut counts) = at_scale(*offset, counts, *scale, coarsest);
                let (then_offset, then_counts) = at_scale(*earlier_offset, earlier_counts, *earlier_scale, coarsest);
                for (at, then) in then_counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    let index = i64::from(then_offset) + at as i64 - i64::from(offset);
                    let now = counts.get_mut(usize::try_from(index).ok()?)?;
                    *now = now.checked_sub(*then)?;
                }
                let zero = zero.checked_sub(*earlier_zero)?;
                Buckets::Exponential { scale: coarsest, unit_ms: *unit_ms, zero, offset, counts }
            }
            _ => return None,
        };
        let count = self.count.checked_sub(earlier.count)?;
        let sum_ms = match (self.sum_ms, earlier.sum_ms) {
            // A sum of floats may lose a little.
            (Some(now), Some(then)) if now >= then * (1.0 - 1e-9) => Some((now - then).max(0.0)),
            (Some(_), Some(_)) => return None,
            _ => None,
        };
        Some(Histogram { buckets, count, sum_ms })
    }
}

fn total(counts: &[u64]) -> Option<u64> {
    counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count))
}

/// The same buckets at a coarser scale: each step joins two.
fn at_scale(offset: i32, counts: &[u64], scale: i32, coarser: i32) -> (i32, Vec<u64>) {
    let by = scale.saturating_sub(coarser).clamp(0, 31);
    let first = offset >> by;
    let mut joined: Vec<u64> = Vec::new();
    for (at, count) in counts.iter().enumerate() {
        let index = ((i64::from(offset) + at as i64) >> by) - i64::from(first);
        let index = index as usize;
        if joined.len() <= index {
            joined.resize(index + 1, 0);
        }
        joined[index] += count;
    }
    (first, joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::middle_of;

    fn explicit(bounds_ms: &[f64], counts: &[u64]) -> Result<Histogram, Unusable> {
        let buckets = Buckets::Explicit { bounds_ms: bounds_ms.to_vec(), counts: counts.to_vec() };
        Histogram::of(buckets, counts.iter().sum(), Some(10.0))
    }

    fn exponential(scale: i32, offset: i32, counts: &[u64]) -> Histogram {
        let buckets = Buckets::Exponential { scale, unit_ms: 1000.0, zero: 0, offset, counts: counts.to_vec() };
        Histogram::of(buckets, counts.iter().sum(), None).unwrap()
    }

    fn middles(histogram: &Histogram) -> Vec<(f64, u32)> {
        let mut all = Vec::new();
        histogram.sketch().0.each(|bucket, count| all.push((middle_of(bucket), count)));
        all
    }

    #[test]
    fn what_does_not_hold_together_is_refused() {
        for (bounds, counts, why) in [
            (&[][..], &[5][..], Unusable::Inconsistent),
            (&[1.0, 2.0], &[1, 2], Unusable::Inconsistent),
            (&[2.0, 1.0], &[1, 2, 3], Unusable::NotANumber),
            (&[1.0, 1.0], &[1, 2, 3], Unusable::NotANumber),
            (&[1.0, f64::NAN], &[1, 2, 3], Unusable::NotANumber),
            (&[1.0, f64::INFINITY], &[1, 2, 3], Unusable::NotANumber),
            (&[-1.0, 2.0], &[1, 2, 3], Unusable::Negative),
        ] {
            assert_eq!(explicit(bounds, counts).unwrap_err(), why, "{bounds:?} {counts:?}");
        }
        assert!(explicit(&[-1.0, 2.0], &[0, 2, 3]).is_ok());
        let buckets = || Buckets::Explicit { bounds_ms: vec![1.0], counts: vec![u64::MAX, 1] };
        assert_eq!(Histogram::of(buckets(), 0, None).unwrap_err(), Unusable::Inconsistent);
        let buckets = || Buckets::Explicit { bounds_ms: vec![1.0], counts: vec![1, 1] };
        for (sum, why) in [(f64::NAN, Unusable::NotANumber), (-1.0, Unusable::Negative)] {
            assert_eq!(Histogram::of(buckets(), 2, Some(sum)).unwrap_err(), why);
        }
        assert_eq!(Histogram::of(buckets(), 3, None).unwrap_err(), Unusable::Inconsistent);
    }

    #[test]
    fn requests_count_between_their_bounds() {
        let buckets = Buckets::Explicit { bounds_ms: vec![0.0, 5.0, 20.0], counts: vec![1, 2, 3, 4] };
        let histogram = Histogram::of(buckets, 10, Some(176.0)).unwrap();
        let (sketch, wide) = histogram.sketch();
        assert_eq!((sketch.n(), sketch.sum_ms(), wide), (10, 176.0, 9));
        let between = |low: f64, high: f64| -> u32 {
            let here = |(middle, _): &(f64, u32)| (low..high).contains(middle);
            middles(&histogram).into_iter().filter(here).map(|(_, count)| count).sum()
        };
        assert_eq!([between(0.0, 0.01), between(0.01, 5.0), between(5.0, 20.0), between(20.0, 1e9)], [1, 2, 3, 4]);
        // From 1/4 s to 1/2 s, and from there to 1 s.
        let halves = exponential(0, -2, &[3, 5]);
        let shown = middles(&halves).into_iter().filter(|(middle, _)| *middle < 500.0);
        assert_eq!(shown.map(|(_, count)| count).sum::<u32>(), 3);
        assert!(middles(&halves).iter().all(|(middle, _)| (250.0..1000.0).contains(middle)));
    }

    #[test]
    fn bounds_beyond_all_floats_do_no_harm() {
        for (scale, offset) in [(-10, i32::MAX), (-10, i32::MIN), (20, i32::MAX), (20, i32::MIN)] {
            let (sketch, _) = exponential(scale, offset, &[3, 5]).sketch();
            assert!(sketch.n() == 8 && sketch.sum_ms().is_finite(), "{scale} {offset} {sketch:?}");
        }
    }

    #[test]
    fn one_wide_bucket_says_nothing() {
        for (bounds, counts, coarse) in [
            // Bounds for milliseconds, values in seconds.
            (&[0.0, 5000.0, 10000.0][..], &[0, 500, 0, 0][..], true),
            (&[5.0, 10.0, 25.0], &[0, 500, 0, 0], false),
            (&[5.0, 10.0, 25.0], &[0, 0, 500, 0], true),
            (&[5.0, 10.0, 25.0], &[0, 80, 420, 0], false),
            (&[5.0, 10.0, 25.0], &[0, 0, 19, 0], false),
            (&[5.0, 10.0, 25.0], &[0, 0, 0, 500], true),
        ] {
            assert_eq!(explicit(bounds, counts).unwrap().is_coarse(), coarse, "{bounds:?} {counts:?}");
        }
        assert!(!exponential(5, -120, &[100]).is_coarse());
        assert!(exponential(-2, -1, &[100]).is_coarse());
    }

    #[test]
    fn a_difference_joins_what_became_coarser() {
        let then = exponential(1, -4, &[1, 2, 3, 4]);
        let now = exponential(0, -2, &[5, 9]);
        assert_eq!(now.since(&then).unwrap(), exponential(0, -2, &[2, 2]));
        // The range may grow on both sides.
        assert_eq!(exponential(1, -6, &[1, 0, 1, 2, 3, 5, 9]).since(&then).unwrap().count(), 11);
        for cannot in [exponential(0, -2, &[2, 9]), exponential(0, -1, &[9]), explicit(&[1.0], &[100, 100]).unwrap()] {
            assert_eq!(cannot.since(&then), None, "{cannot:?}");
        }
        let bounds = [5.0, 10.0];
        let (then, now) = (explicit(&bounds, &[1, 2, 3]).unwrap(), explicit(&bounds, &[4, 2, 3]).unwrap());
        assert_eq!(middles(&now.since(&then).unwrap()).iter().map(|(_, count)| count).sum::<u32>(), 3);
        assert_eq!(then.since(&now), None);
        assert_eq!(explicit(&[5.0, 11.0], &[4, 2, 3]).unwrap().since(&then), None);
    }
}
