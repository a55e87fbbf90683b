//! What a page draws of an endpoint: how long requests took before and after the rollout, and on earlier days.

use super::series::Series;
use super::sketch::{Sketch, middle_of};
use super::windows::{AFTER, BEFORE, Role, Windows};
use serde::{Deserialize, Serialize};

/// Bars of a distribution.
const BARS: usize = 24;
/// Share of requests that is left out at each end, so that one request of a minute does not press all others together.
const ENDS: f64 = 0.005;

/// How long the requests of one endpoint took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Where the bars begin and end, in milliseconds, shorter first; one more than there are bars. What is beyond the ends
    /// counts in the first and the last bar.
    pub edges_ms: Vec<f64>,
    /// Requests in each bar before the rollout.
    pub before: Vec<u64>,
    /// Requests in each bar after it.
    pub after: Vec<u64>,
    /// The same hours of each day, that of the rollout first.
    pub days: Vec<DayLevel>,
}

/// The hours of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct DayLevel {
    /// When the hours before began, in milliseconds since 1970.
    pub start_ms: i64,
    /// Median of the hours before, in milliseconds.
    pub before_ms: Option<f64>,
    /// Median of the hours after.
    pub after_ms: Option<f64>,
}

/// The picture of an endpoint.
pub fn picture(series: &Series, windows: &Windows) -> Picture {
    let (before, after) = (whole(series, BEFORE), whole(series, AFTER));
    let edges_ms = edges(&before, &after);
    let mut days = vec![DayLevel::default(); windows.days() + 1];
    for (number, window) in windows.all().iter().enumerate() {
        let (day, is_after) = match window.role {
            Role::Before => (0, false),
            Role::After => (0, true),
            Role::BeforeOn(day) => (day + 1, false),
            Role::AfterOn(day) => (day + 1, true),
            Role::Earlier => continue,
        };
        let level = whole(series, number).quantile(0.5).map(rounded);
        if is_after {
            days[day].after_ms = level;
        } else {
            (days[day].before_ms, days[day].start_ms) = (level, window.start_ms);
        }
    }
    days.retain(|day| day.before_ms.is_some() || day.after_ms.is_some());
    Picture { before: bars(&before, &edges_ms), after: bars(&after, &edges_ms), edges_ms, days }
}

/// What was answered well in a window.
fn whole(series: &Series, window: usize) -> Sketch {
    let mut all = Sketch::default();
    series.window(window).into_iter().flatten().for_each(|cell| all.merge(&cell.sketch));
    all
}

/// Evenly apart on the scale of logarithms.
fn edges(before: &Sketch, after: &Sketch) -> Vec<f64> {
    let at = |q: f64| [before, after].into_iter().filter_map(move |sketch| sketch.quantile(q));
    let (low, high) = (at(ENDS).fold(f64::INFINITY, f64::min), at(1.0 - ENDS).fold(0.0, f64::max));
    if !low.is_finite() {
        return Vec::new();
    }
    // Where all took the same time there is still something to see.
    let (low, high) = (low / 1.05, (high * 1.05).max(low * 1.5));
    (0..=BARS).map(|bar| rounded(low * (high / low).powf(bar as f64 / BARS as f64))).collect()
}

fn bars(sketch: &Sketch, edges_ms: &[f64]) -> Vec<u64> {
    let mut bars = vec![0; edges_ms.len().saturating_sub(1)];
    let Some(last) = bars.len().checked_sub(1) else { return bars };
    sketch.each(|bucket, count| {
        let ms = middle_of(bucket);
        let bar = edges_ms.partition_point(|edge| *edge <= ms).saturating_sub(1);
        bars[bar.min(last)] += u64::from(count);
    });
    bars
}

/// Three digits: nobody sees more.
fn rounded(ms: f64) -> f64 {
    format!("{ms:.2e}").parse().unwrap_or(ms)
}

#[cfg(test)]
mod tests {
    use super::super::windows::{Lengths, Rollout, Slot};
    use super::*;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    fn windows() -> Windows {
        let at: Timestamp = "2026-03-30T14:00:00Z".parse().unwrap();
        Windows::around(Rollout { start: at, end: at }, Lengths::default(), &TimeZone::UTC).unwrap()
    }

    #[test]
    fn every_request_is_in_a_bar() {
        let mut series = Series::default();
        for number in 0..1_000 {
            let ms = 10.0 + f64::from(number % 100);
            series.request(Slot { window: BEFORE, block: number as usize % 12 }, ms, None);
            series.request(Slot { window: AFTER, block: 0 }, ms * 2.0, Some(200));
        }
        // Beyond the end, and nothing that was answered well.
        series.request(Slot { window: AFTER, block: 0 }, 1e6, None);
        series.request(Slot { window: AFTER, block: 0 }, 1.0, Some(500));
        series.request(Slot { window: 3, block: 0 }, 50.0, None);
        let picture = picture(&series, &windows());
        assert_eq!(picture.edges_ms.len(), BARS + 1);
        assert!(picture.edges_ms.is_sorted(), "{:?}", picture.edges_ms);
        assert_eq!((picture.before.iter().sum::<u64>(), picture.after.iter().sum::<u64>()), (1_000, 1_001));
        assert_eq!(picture.days.len(), 2, "days without requests are not drawn");
        assert_eq!(picture.days[1].before_ms, None);
        assert!(picture.days[1].after_ms.is_some_and(|ms| (ms - 50.0).abs() < 1.0));
        assert!(picture.days[0].after_ms > picture.days[0].before_ms);
    }

    #[test]
    fn nothing_and_always_the_same_can_be_drawn() {
        assert_eq!(picture(&Series::default(), &windows()), Picture::default());
        let mut series = Series::default();
        series.request(Slot { window: BEFORE, block: 0 }, 5.0, None);
        let picture = picture(&series, &windows());
        assert_eq!(picture.before.iter().sum::<u64>(), 1);
        assert!(picture.edges_ms[0] < 5.0 && picture.edges_ms[BARS] > 5.0, "{:?}", picture.edges_ms);
    }
}
