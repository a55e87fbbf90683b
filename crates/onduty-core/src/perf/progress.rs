//! From histograms that arrive one after the other to what happened in between.
//!
//! A *delta* point tells what happened since the point before; a *cumulative* one everything since its process started,
//! so that only the difference of two says when. What cannot be placed in time is not counted, and the answer says why.

use super::buckets::Histogram;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A point that covers more time is left out: nobody knows on which side of a rollout its requests were. As long as a
/// block of the shortest usual window.
pub const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// The last point of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// Its end, in nanoseconds since 1970.
    pub at_ns: u64,
    /// What it had counted; `None` for a series that starts from zero with each point.
    pub counted: Option<Histogram>,
}

/// A point of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where it begins, in nanoseconds since 1970; 0 when nobody said.
    pub start_ns: u64,
    /// Where it ends.
    pub at_ns: u64,
    /// Whether it counts everything since its process started.
    pub is_cumulative: bool,
    /// What it counts.
    pub histogram: Histogram,
}

/// What a point adds.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// These requests, around this moment.
    Counted {
        /// The middle of the time that they took place in, in milliseconds since 1970.
        middle_ms: i64,
        /// They.
        histogram: Histogram,
    },
    /// Nothing yet: the next point will be compared with this one.
    Began,
    /// Nothing: its moment is known already.
    Repeated,
    /// Nothing: a later one came before it.
    Late,
    /// Nothing: it covers too long a time.
    Gap,
    /// Nothing, and the next point will be compared with this one: it has counted less than the one before.
    Restarted,
}

/// What `point` adds to a series whose last point was `last`, and the last point from now on.
///
/// `known_since_ns` is a moment at which the series would have been seen if it had existed: its sender was heard then,
/// without it. A status that occurs for the first time is counted from there.
pub fn advance(last: Option<&Last>, known_since_ns: Option<u64>, point: Point) -> (Progress, Option<Last>) {
    let Point { start_ns, at_ns, is_cumulative, histogram } = point;
    if let Some(last) = last {
        if at_ns == last.at_ns {
            return (Progress::Repeated, None);
        }
        // One that begins before the last one's end counts some requests a second time.
        if at_ns < last.at_ns || (!is_cumulative && start_ns != 0 && start_ns < last.at_ns) {
            return (Progress::Late, None);
        }
    }
    let counted = is_cumulative.then(|| histogram.clone());
    let now = Some(Last { at_ns, counted });
    let (from_ns, histogram) = match (last, is_cumulative) {
        (_, false) => (if start_ns == 0 { at_ns } else { start_ns }, histogram),
        (Some(Last { at_ns: from_ns, counted: Some(then) }), true) => match histogram.since(then) {
            Some(since) => (*from_ns, since),
            None => return (Progress::Restarted, now),
        },
        (_, true) => match known_since_ns.unwrap_or(start_ns).max(start_ns) {
            0 => return (Progress::Began, now),
            from_ns if from_ns > at_ns => return (Progress::Began, now),
            from_ns if covers_too_much(from_ns, at_ns) => return (Progress::Began, now),
            from_ns => (from_ns, histogram),
        },
    };
    if covers_too_much(from_ns, at_ns) || histogram.count() > u64::from(u32::MAX) {
        return (Progress::Gap, now);
    }
    let middle_ns = from_ns.min(at_ns) / 2 + at_ns / 2;
    (Progress::Counted { middle_ms: (middle_ns / 1_000_000) as i64, histogram }, now)
}

fn covers_too_much(from_ns: u64, at_ns: u64) -> bool {
    u128::from(at_ns.saturating_sub(from_ns)) > LONGEST.as_nanos() as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::buckets::Buckets;
    use crate::perf::{Sketch, bucket_of};
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;
    const NOON: u64 = 1_772_450_000 * SECOND;

    fn explicit(counts: &[u64]) -> Histogram {
        let bounds_ms = (1..counts.len()).map(|at| 10.0 * at as f64).collect();
        Histogram::of(Buckets::Explicit { bounds_ms, counts: counts.to_vec() }, counts.iter().sum(), None).unwrap()
    }

    /// Plays points (start, end, counts) in seconds after noon; what each adds.
    fn play(is_cumulative: bool, points: &[(u64, u64, &[u64])]) -> Vec<String> {
        let mut last = None;
        let mut said = Vec::new();
        for (start, at, counts) in points {
            let point = Point {
                start_ns: NOON + start * SECOND,
                at_ns: NOON + at * SECOND,
                is_cumulative,
                histogram: explicit(counts),
            };
            let (progress, next) = advance(last.as_ref(), None, point);
            last = next.or(last);
            said.push(match progress {
                Progress::Counted { middle_ms, histogram } => {
                    format!("{} at {}", histogram.count(), middle_ms - (NOON / 1_000_000) as i64)
                }
                other => format!("{other:?}"),
            });
        }
        said
    }

    #[test]
    fn cumulative_points_are_differences() {
        assert_eq!(
            play(
                true,
                &[
                    (0, 60, &[1, 2]),
                    (0, 120, &[2, 4]),
                    (0, 120, &[2, 4]),
                    (0, 90, &[2, 3]),
                    (0, 180, &[2, 4]),
                    (0, 190, &[1, 1]),
                    (0, 200, &[2, 1]),
                    // Ten minutes of silence.
                    (0, 800, &[50, 1]),
                    (0, 830, &[51, 1]),
                    // Other bounds.
                    (0, 860, &[51, 1, 9]),
                ]
            ),
            [
                "3 at 30000",
                "3 at 90000",
                "Repeated",
                "Late",
                "0 at 150000",
                "Restarted",
                "1 at 195000",
                "Gap",
                "1 at 815000",
                "Restarted"
            ]
        );
    }

    #[test]
    fn who_was_running_long_before_only_begins() {
        assert_eq!(play(true, &[(0, 3600, &[900, 2]), (0, 3660, &[901, 2])]), ["Began", "1 at 3630000"]);
    }

    #[test]
    fn a_new_member_of_a_known_sender_counts_from_there() {
        let point = |at: u64| Point { start_ns: NOON, at_ns: at, is_cumulative: true, histogram: explicit(&[3, 1]) };
        let at = NOON + 3600 * SECOND;
        let counted = advance(None, Some(at - 60 * SECOND), point(at)).0;
        assert!(matches!(counted, Progress::Counted { ref histogram, .. } if histogram.count() == 4), "{counted:?}");
        assert_eq!(advance(None, Some(at - 600 * SECOND), point(at)).0, Progress::Began);
        assert_eq!(advance(None, Some(at + SECOND), point(at)).0, Progress::Began);
    }

    #[test]
    fn delta_points_do_not_overlap() {
        assert_eq!(
            play(
                false,
                &[(0, 60, &[1, 2]), (60, 120, &[2, 4]), (60, 120, &[2, 4]), (110, 170, &[9, 9]), (120, 720, &[1, 0])]
            ),
            ["3 at 30000", "6 at 90000", "Repeated", "Late", "Gap"]
        );
    }

    #[test]
    fn hostile_times_do_no_harm() {
        for (start_ns, at_ns) in [(u64::MAX, 1), (0, 0), (0, u64::MAX), (u64::MAX, u64::MAX), (1, u64::MAX)] {
            for is_cumulative in [true, false] {
                for last in [None, Some(Last { at_ns: 5, counted: Some(explicit(&[1, 1])) })] {
                    let point = Point { start_ns, at_ns, is_cumulative, histogram: explicit(&[1, 1]) };
                    advance(last.as_ref(), None, point);
                }
            }
        }
    }

    /// What a histogram of exponential buckets at `scale` counts.
    fn exponential(durations_ms: &[f64], scale: i32) -> Histogram {
        let index = |ms: f64| ((ms.log2() * f64::exp2(f64::from(scale))).ceil() as i32) - 1;
        let indices: Vec<i32> = durations_ms.iter().map(|ms| index(*ms)).collect();
        let offset = indices.iter().copied().min().unwrap_or(0);
        let mut counts = vec![0; indices.iter().map(|at| at - offset + 1).max().unwrap_or(0) as usize];
        indices.iter().for_each(|at| counts[(at - offset) as usize] += 1);
        let buckets = Buckets::Exponential { scale, unit_ms: 1.0, zero: 0, offset, counts };
        Histogram::of(buckets, durations_ms.len() as u64, Some(durations_ms.iter().sum())).unwrap()
    }

    fn with_bounds(durations_ms: &[f64]) -> Histogram {
        let bounds_ms = vec![5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
        let mut counts = vec![0; bounds_ms.len() + 1];
        durations_ms.iter().for_each(|ms| counts[bounds_ms.partition_point(|bound| bound < ms)] += 1);
        let buckets = Buckets::Explicit { bounds_ms, counts };
        Histogram::of(buckets, durations_ms.len() as u64, Some(durations_ms.iter().sum())).unwrap()
    }

    fn add_up(points: Vec<Point>) -> Sketch {
        let (mut last, mut sketch) = (None, Sketch::default());
        for point in points {
            let (progress, next) = advance(last.as_ref(), None, point);
            last = next.or(last);
            let Progress::Counted { histogram, .. } = progress else { panic!("{progress:?}") };
            sketch.merge(&histogram.sketch().0);
        }
        sketch
    }

    proptest! {
        #[test]
        fn delta_and_cumulative_tell_the_same(
            exports in proptest::collection::vec(proptest::collection::vec(0.1_f64..5000.0, 0..40), 1..12),
            is_exponential: bool,
        ) {
            let histogram = |durations: &[f64]| {
                if is_exponential { exponential(durations, 5) } else { with_bounds(durations) }
            };
            let (mut delta, mut cumulative, mut all) = (Vec::new(), Vec::new(), Vec::new());
            for (number, export) in exports.iter().enumerate() {
                let (from_ns, at_ns) = (NOON + number as u64 * 60 * SECOND, NOON + (number as u64 + 1) * 60 * SECOND);
                all.extend_from_slice(export);
                let point = |start_ns, is_cumulative, histogram| Point { start_ns, at_ns, is_cumulative, histogram };
                delta.push(point(from_ns, false, histogram(export)));
                cumulative.push(point(NOON, true, histogram(&all)));
            }
            let (delta, cumulative) = (add_up(delta), add_up(cumulative));
            let counts = |sketch: &Sketch| {
                let mut counts = std::collections::BTreeMap::new();
                sketch.each(|bucket, count| *counts.entry(bucket).or_insert(0) += count);
                counts.retain(|_, count| *count > 0);
                counts
            };
            prop_assert_eq!(counts(&delta), counts(&cumulative));
            prop_assert_eq!(delta.n(), all.len() as u64);
            prop_assert_eq!(delta.n(), cumulative.n());
            prop_assert!((delta.sum_ms() - cumulative.sum_ms()).abs() <= 1e-6 * (1.0 + delta.sum_ms()));
            if is_exponential {
                // A bucket of scale 5 is 2.2 % wide: its middle is in the bucket of each value or beside it.
                for ms in &all {
                    prop_assert!((-1..=1).any(|by| counts(&delta).contains_key(&bucket_of(*ms).saturating_add_signed(by))));
                }
            }
        }
    }
}
