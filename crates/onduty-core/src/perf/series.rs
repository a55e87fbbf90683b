//! What was measured of one endpoint, in the windows of a comparison.

use super::batch::StatusClass;
use super::bins::{Bins, Grain};
use super::sketch::{Counter, Sketch, bucket_of};
use super::windows::{BLOCKS, Slot};
use serde::{Deserialize, Serialize};

/// Steps in which a summary of requests becomes a sketch.
const STEPS: u64 = 100;

/// The requests of one endpoint.
#[derive(Debug, Clone, Default)]
pub struct Series {
    windows: Vec<Option<Box<[Cell; BLOCKS]>>>,
    grain: Grain,
}

/// The requests of one block.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Those that were answered well: their status is below 400 or not known.
    pub sketch: Sketch,
    /// Those that the client got wrong: 400 to 499.
    pub refused: u64,
    /// Those that the server failed: from 500 on.
    pub failed: u64,
}

/// Several requests, of which only this is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Percentiles 50, 90, 95 and 99 of their durations, in milliseconds.
    pub percentiles_ms: [Option<f64>; 4],
    /// The mean of their durations, in milliseconds.
    pub mean_ms: Option<f64>,
}

/// Requests and how long they took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// How many.
    pub requests: u64,
    /// In all, in milliseconds.
    pub time_ms: f64,
}

impl Traffic {
    /// More of them.
    pub fn add(&mut self, requests: u64, time_ms: f64) {
        self.requests += requests;
        self.time_ms += time_ms;
    }
}

impl Series {
    fn cell(&mut self, slot: Slot) -> &mut Cell {
        if self.windows.len() <= slot.window {
            self.windows.resize_with(slot.window + 1, || None);
        }
        &mut self.windows[slot.window].get_or_insert_default()[slot.block]
    }

    /// Requests of which only the number between bounds is known, and which were answered well; their number.
    pub fn bins(&mut self, slot: Slot, bins: &Bins) -> u64 {
        bins.pour(&mut self.cell(slot).sketch)
    }

    /// Requests of a block that were not answered well.
    pub fn errors(&mut self, slot: Slot, refused: u64, failed: u64) {
        let cell = self.cell(slot);
        cell.refused += refused;
        cell.failed += failed;
    }

    /// How long its requests took is known no better than this: of [`Grain::Coarse`] only large changes count, of
    /// [`Grain::Blind`] only the number of requests and failures.
    pub fn mark(&mut self, grain: Grain) {
        self.grain = self.grain.max(grain);
    }

    /// How well it is known how long its requests took.
    pub fn grain(&self) -> Grain {
        self.grain
    }

    /// One request of `ms` milliseconds.
    #[inline]
    pub fn request(&mut self, slot: Slot, ms: f64, status: Option<u16>) {
        let cell = self.cell(slot);
        match status {
            Some(500..) => cell.failed += 1,
            Some(400..) => cell.refused += 1,
            _ => cell.sketch.insert(ms),
        }
    }

    /// Requests that were answered well and took `sum_ms` in all, by the buckets of their durations.
    pub fn requests(&mut self, slot: Slot, buckets: &[u16], sum_ms: f64, counter: &mut Counter) {
        let sketch = &mut self.cell(slot).sketch;
        sketch.insert_all(buckets, counter);
        sketch.add_sum_ms(sum_ms);
    }

    /// Requests of which there is only a summary; `false` when it says nothing.
    ///
    /// They are spread along the percentiles, evenly on the scale of logarithms; what is faster than the median mirrors
    /// what is slower. With a mean alone all of them took that long.
    pub fn summary(&mut self, slot: Slot, summary: &Summary) -> bool {
        let Some(curve) = Curve::of(summary) else { return false };
        let cell = self.cell(slot);
        let (count, steps) = (summary.count, summary.count.min(STEPS));
        let mut spread_ms = 0.0;
        for step in 0..steps {
            let here = count / steps + u64::from(step < count % steps);
            let ms = curve.at((step as f64 + 0.5) / steps as f64);
            spread_ms += ms * here as f64;
            cell.sketch.insert_bucket(bucket_of(ms), here.min(u64::from(u32::MAX)) as u32);
        }
        let sum_ms = summary.mean_ms.map_or(spread_ms, |mean| mean * count as f64);
        cell.sketch.add_sum_ms(sum_ms);
        true
    }

    /// Requests that were counted elsewhere, by how they were answered.
    pub fn merge(&mut self, slot: Slot, class: StatusClass, sketch: &Sketch) {
        let cell = self.cell(slot);
        match class {
            StatusClass::Ok => cell.sketch.merge(sketch),
            StatusClass::Refused => cell.refused += sketch.n(),
            StatusClass::Failed => cell.failed += sketch.n(),
        }
    }

    /// What was answered well in a window.
    pub fn traffic(&self, window: usize) -> Traffic {
        let mut traffic = Traffic::default();
        for cell in self.window(window).into_iter().flatten() {
            traffic.add(cell.sketch.n(), cell.sketch.sum_ms());
        }
        traffic
    }

    /// The blocks of a window; `None` where nothing was measured.
    pub fn window(&self, window: usize) -> Option<&[Cell; BLOCKS]> {
        self.windows.get(window)?.as_deref()
    }
}

/// Durations by their share of requests, from a summary.
struct Curve {
    /// Share and logarithm of the duration, rising.
    points: Vec<(f64, f64)>,
}

impl Curve {
    fn of(summary: &Summary) -> Option<Curve> {
        let known = |ms: &f64| ms.is_finite() && *ms >= 0.0;
        let ln = |ms: f64| ms.max(1e-3).ln();
        if summary.count == 0 {
            return None;
        }
        let [median, above @ ..] = summary.percentiles_ms.map(|ms| ms.filter(known));
        let Some(median) = median.map(ln) else {
            let mean = ln(summary.mean_ms.filter(known)?);
            return Some(Curve { points: vec![(0.5, mean)] });
        };
        let mut upper = Vec::new();
        let mut highest = median;
        for (share, ms) in [0.9, 0.95, 0.99].into_iter().zip(above) {
            if let Some(ms) = ms {
                highest = highest.max(ln(ms));
                upper.push((share, highest));
            }
        }
        let mut points: Vec<(f64, f64)> =
            upper.iter().rev().map(|(share, ln)| (1.0 - share, 2.0 * median - ln)).collect();
        points.push((0.5, median));
        points.extend(upper);
        Some(Curve { points })
    }

    /// The duration, in milliseconds, that the share `q` does not exceed.
    fn at(&self, q: f64) -> f64 {
        let next = self.points.partition_point(|(share, _)| *share < q);
        let ln = match (next.checked_sub(1).and_then(|last| self.points.get(last)), self.points.get(next)) {
            (Some((low, from)), Some((high, to))) => from + (to - from) * (q - low) / (high - low),
            (Some((_, end)), None) | (None, Some((_, end))) => *end,
            (None, None) => f64::NEG_INFINITY,
        };
        ln.exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Slot = Slot { window: 1, block: 3 };

    fn summary(count: u64, percentiles_ms: [Option<f64>; 4], mean_ms: Option<f64>) -> Option<Cell> {
        let mut series = Series::default();
        let says = series.summary(HERE, &Summary { count, percentiles_ms, mean_ms });
        says.then(|| series.window(1).unwrap()[3].clone())
    }

    #[test]
    fn a_summary_is_spread_along_its_percentiles() {
        let cell = summary(1000, [Some(100.0), Some(200.0), Some(250.0), Some(400.0)], Some(130.0)).unwrap();
        assert_eq!(cell.sketch.n(), 1000);
        assert!((cell.sketch.sum_ms() - 130_000.0).abs() < 1e-6);
        for (q, ms) in [(0.5, 100.0), (0.9, 200.0), (0.95, 250.0), (0.1, 50.0)] {
            let estimate = cell.sketch.quantile(q).unwrap();
            assert!((estimate / ms - 1.0).abs() < 0.05, "{q}: {estimate} instead of {ms}");
        }
    }

    #[test]
    fn a_mean_alone_is_how_long_all_took() {
        let cell = summary(7, [None; 4], Some(20.0)).unwrap();
        assert_eq!(
            (cell.sketch.n(), cell.sketch.quantile(0.0), cell.sketch.quantile(1.0)),
            (7, cell.sketch.quantile(0.5), cell.sketch.quantile(0.5))
        );
        assert!((cell.sketch.sum_ms() - 140.0).abs() < 1e-9);
    }

    #[test]
    fn what_says_nothing_is_not_taken() {
        assert!(summary(0, [Some(1.0); 4], None).is_none());
        assert!(summary(5, [None, Some(2.0), None, None], None).is_none());
        assert!(summary(5, [Some(f64::NAN), None, None, None], Some(-1.0)).is_none());
    }

    #[test]
    fn percentiles_that_fall_do_no_harm() {
        let cell = summary(10, [Some(100.0), Some(50.0), None, Some(20.0)], None).unwrap();
        assert!((cell.sketch.quantile(0.99).unwrap() / 100.0 - 1.0).abs() < 0.02);
    }

    #[test]
    fn what_was_counted_elsewhere_counts_by_its_class() {
        let mut series = Series::default();
        let mut sketch = Sketch::default();
        sketch.insert(10.0);
        sketch.insert(20.0);
        StatusClass::ALL.into_iter().for_each(|class| series.merge(HERE, class, &sketch));
        let cell = &series.window(1).unwrap()[3];
        assert_eq!((&cell.sketch, cell.refused, cell.failed), (&sketch, 2, 2));
    }

    #[test]
    fn errors_do_not_count_as_durations() {
        let mut series = Series::default();
        for (ms, status) in [(10.0, None), (11.0, Some(200)), (1.0, Some(404)), (1.0, Some(503)), (30_000.0, Some(504))]
        {
            series.request(HERE, ms, status);
        }
        let cell = &series.window(1).unwrap()[3];
        assert_eq!((cell.sketch.n(), cell.refused, cell.failed), (2, 1, 2));
    }
}
