//! Drawings of response times, as SVG that a screen reader can read and greyscale does not spoil.

use crate::texts::performance::milliseconds;
use crate::texts::visible;
use maud::{Markup, html};
use onduty_core::perf::Picture;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 150.0;
/// Room for labels.
const LEFT: f64 = 52.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;

/// The level of one day, or around one rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelPoint {
    /// Below it.
    pub label: String,
    /// Median before, in milliseconds.
    pub before_ms: Option<f64>,
    /// Median after.
    pub after_ms: Option<f64>,
    /// Whether it stands out.
    pub is_marked: bool,
}

/// Two decimals: a browser draws no finer.
fn at(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// How long requests took before and after the rollout: shares of requests in bars of duration.
pub fn distribution(picture: &Picture, endpoint: &str) -> Markup {
    let bars = picture.before.len().min(picture.after.len());
    let (before, after) = (picture.before.iter().sum::<u64>(), picture.after.iter().sum::<u64>());
    if bars == 0 || picture.edges_ms.len() <= bars || before + after == 0 {
        return html! { p class="dim" { "No request was answered well in these hours." } };
    }
    let share = |count: u64, all: u64| if all == 0 { 0.0 } else { count as f64 / all as f64 };
    let most = picture
        .before
        .iter()
        .map(|count| share(*count, before))
        .chain(picture.after.iter().map(|count| share(*count, after)))
        .fold(0.0, f64::max)
        .max(1e-9);
    let step = (WIDTH - LEFT) / bars as f64;
    let high = HEIGHT - TOP - BOTTOM;
    let tall = |share: f64| share / most * high;
    let rects = |counts: &[u64], all: u64, class: &'static str| {
        let counts = counts.to_vec();
        html! {
            @for (bar, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                @let tall = tall(share(*count, all));
                rect class=(class) x=(at(LEFT + bar as f64 * step + 1.0)) y=(at(HEIGHT - BOTTOM - tall)) width=(at(step - 2.0)) height=(at(tall)) {}
            }
        }
    };
    let ticks = [0, bars / 3, 2 * bars / 3, bars];
    let words = format!(
        "{}: how long requests took, the hours before the rollout in outline, those after it filled",
        visible(endpoint)
    );
    html! {
        figure class="chart" {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(words) {
                (rects(&picture.before, before, "bar-before"))
                (rects(&picture.after, after, "bar-after"))
                line class="axis" x1=(LEFT) y1=(HEIGHT - BOTTOM) x2=(WIDTH) y2=(HEIGHT - BOTTOM) {}
                text class="tick" x="0" y=(TOP + 10.0) { (format!("{:.0} %", most * 100.0)) }
                @for tick in ticks {
                    @let anchor = if tick == bars { "end" } else if tick == 0 { "start" } else { "middle" };
                    text class="tick" x=(at(LEFT + tick as f64 * step)) y=(HEIGHT - 6.0) text-anchor=(anchor) { (milliseconds(picture.edges_ms[tick])) }
                }
            }
            figcaption { span class="key-before" { "before" } " " span class="key-after" { "after" } " · share of requests by how long they took" }
        }
    }
}

/// Medians before and after, point by point from the oldest to the newest.
pub fn levels(points: &[LevelPoint], words: &str, caption: &str) -> Markup {
    let all = || points.iter().flat_map(|point| [point.before_ms, point.after_ms]).flatten().filter(|ms| *ms > 0.0);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    if !low.is_finite() {
        return html! { p class="dim" { "There is nothing to draw yet." } };
    }
    // A scale on which everything is the same would make noise look large.
    let (low, high) = (low / 1.1, (high * 1.1).max(low * 1.3));
    let y = |ms: f64| TOP + (high.ln() - ms.max(low).ln()) / (high.ln() - low.ln()) * (HEIGHT - TOP - BOTTOM);
    let step = (WIDTH - LEFT) / points.len().max(1) as f64;
    let x = |number: usize, after: bool| LEFT + (number as f64 + if after { 0.66 } else { 0.33 }) * step;
    let middle = (low * high).sqrt();
    let every = points.len().div_ceil(8);
    html! {
        figure class="chart" {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(words) {
                @for ms in [high / 1.05, middle, low * 1.05] {
                    line class="grid" x1=(LEFT) y1=(at(y(ms))) x2=(WIDTH) y2=(at(y(ms))) {}
                    text class="tick" x="0" y=(at(y(ms) + 4.0)) { (milliseconds(ms)) }
                }
                @for (number, point) in points.iter().enumerate() {
                    @let class = if point.is_marked { "level marked" } else { "level" };
                    g class=(class) {
                        @if let (Some(before), Some(after)) = (point.before_ms, point.after_ms) {
                            line class="change" x1=(at(x(number, false))) y1=(at(y(before))) x2=(at(x(number, true))) y2=(at(y(after))) {}
                        }
                        @if let Some(before) = point.before_ms { circle class="dot-before" cx=(at(x(number, false))) cy=(at(y(before))) r="3.5" {} }
                        @if let Some(after) = point.after_ms { circle class="dot-after" cx=(at(x(number, true))) cy=(at(y(after))) r="3.5" {} }
                    }
                    @if number % every == (points.len() - 1) % every {
                        // The last one would stand over the edge.
                        @let is_last = number + 1 == points.len() && number > 0;
                        @let (x, anchor) = if is_last { (WIDTH, "end") } else { (LEFT + (number as f64 + 0.5) * step, "middle") };
                        text class="tick" x=(at(x)) y=(HEIGHT - 6.0) text-anchor=(anchor) { (point.label) }
                    }
                }
            }
            figcaption { span class="key-before" { "before" } " " span class="key-after" { "after" } " · " (caption) }
        }
    }
}

/// A point of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Where along the bottom.
    pub at: f64,
    /// How high; `None` where it is not known.
    pub value: Option<f64>,
    /// It is more than that.
    pub is_open: bool,
}

/// How one number follows from another; a table with the same figures stands beside it.
pub fn curve(points: &[CurvePoint], unit: &str, words: &str, caption: &str) -> Markup {
    let known: Vec<(f64, f64, bool)> =
        points.iter().filter_map(|point| Some((point.at, point.value?, point.is_open))).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return html! {} };
    if known.is_empty() {
        return html! { figure class="chart" { figcaption { "Not known: " (caption) } } };
    }
    let most = round_up(known.iter().map(|point| point.1).fold(0.0, f64::max));
    let y = |value: f64| HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM);
    // Half a label's width on the right, so that the last one stands below its point.
    let right = WIDTH - 12.0;
    let x = |place: f64| LEFT + (place - first.at) / (last.at - first.at).max(1.0) * (right - LEFT);
    let line: Vec<String> =
        known.iter().map(|(place, value, _)| format!("{},{}", at(x(*place)), at(y(*value)))).collect();
    html! {
        figure class="chart" {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(words) {
                @for value in [0.0, most / 2.0, most] {
                    line class=(if value == 0.0 { "axis" } else { "grid" }) x1=(LEFT) y1=(at(y(value))) x2=(WIDTH) y2=(at(y(value))) {}
                    text class="tick" x="0" y=(at(y(value) + 4.0)) { (at(value)) (unit) }
                }
                polyline class="curve" points=(line.join(" ")) {}
                @for (place, value, is_open) in &known {
                    circle class=(if *is_open { "dot-before" } else { "dot-curve" }) cx=(at(x(*place))) cy=(at(y(*value))) r="3.5" {}
                }
                @for point in points { text class="tick" x=(at(x(point.at))) y=(HEIGHT - 6.0) text-anchor="middle" { (at(point.at)) } }
            }
            figcaption { (caption) }
        }
    }
}

/// One digit and noughts, even, so that the middle of the scale is a number that one reads.
fn round_up(number: f64) -> f64 {
    let power = 10_f64.powf(number.max(1.0).log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= number).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_say_what_they_show_and_trust_no_name() {
        let picture = Picture {
            edges_ms: vec![1.0, 10.0, 100.0, 1000.0],
            before: vec![1, 2, 0],
            after: vec![0, 0, 4],
            days: Vec::new(),
        };
        let drawn = distribution(&picture, "<GET \u{202e}>").into_string();
        assert!(drawn.contains("role=\"img\"") && !drawn.contains("<GET"), "{drawn}");
        assert_eq!(drawn.matches("<rect").count(), 3);
        assert!(!drawn.contains("style="));
        let empty = Picture { before: vec![0; 3], after: vec![0; 3], ..picture };
        assert!(distribution(&empty, "x").into_string().contains("No request"));
        assert!(distribution(&Picture::default(), "x").into_string().contains("No request"));
    }

    #[test]
    fn levels_without_numbers_are_said() {
        let point = |before_ms, after_ms| LevelPoint { label: "x".into(), before_ms, after_ms, is_marked: false };
        assert!(levels(&[], "w", "c").into_string().contains("nothing to draw"));
        assert!(levels(&[point(None, None)], "w", "c").into_string().contains("nothing to draw"));
        let drawn = levels(&[point(Some(5.0), None), point(None, Some(5.0))], "w", "c").into_string();
        assert_eq!((drawn.matches("<circle").count(), drawn.matches("class=\"change\"").count()), (2, 0));
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }

    #[test]
    fn a_curve_begins_at_nothing_and_shows_what_is_only_a_bound() {
        let point = |at, value, is_open| CurvePoint { at, value, is_open };
        let points = [point(10.0, Some(14.0), false), point(20.0, None, false), point(60.0, Some(182.0), true)];
        let drawn = curve(&points, " %", "w", "c").into_string();
        assert_eq!((drawn.matches("dot-curve").count(), drawn.matches("dot-before").count()), (1, 1), "{drawn}");
        assert!(drawn.contains(">200 %<") && drawn.contains(">100 %<") && drawn.contains(">0 %<"), "{drawn}");
        assert!(drawn.contains(r#"points="52,119.6 508,18.8""#), "{drawn}");
        assert!(!drawn.contains("NaN") && !drawn.contains("style="));
        assert!(curve(&[point(1.0, None, false)], "", "w", "c").into_string().contains("Not known"));
        assert_eq!(curve(&[], "", "w", "c").into_string(), "");
        for (number, rounded) in [(0.0, 1.0), (1.0, 1.0), (14.0, 20.0), (57.0, 60.0), (83.0, 100.0), (182.0, 200.0)] {
            assert_eq!(round_up(number), rounded);
        }
    }
}
