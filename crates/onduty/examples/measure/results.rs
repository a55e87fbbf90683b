//! Figures, and how they stand to what is wanted.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// The machine is shared with other work: a time, or a ratio of times, fails a run only when it misses its target by this
/// factor. A size is the same on a busy machine, so that it has no margin.
pub const WIDE_MARGIN: f64 = 3.0;
/// Units of what a busy machine does not change.
const SIZES: [&str; 2] = ["MB", "kB"];

/// Where the figures go.
pub struct Results(File);

impl Results {
    pub fn open(path: &Path) -> anyhow::Result<Results> {
        Ok(Results(OpenOptions::new().append(true).create(true).open(path)?))
    }

    /// A figure that should not be above `limit`.
    pub fn at_most(&mut self, what: &str, figure: f64, limit: f64, unit: &str) -> anyhow::Result<()> {
        let verdict = verdict(figure / limit, unit);
        self.line(what, &shown(figure, unit), &format!("at most {}", shown(limit, unit)), verdict)
    }

    /// A figure that should not be below `limit`.
    pub fn at_least(&mut self, what: &str, figure: f64, limit: f64, unit: &str) -> anyhow::Result<()> {
        let verdict = verdict(limit / figure.max(f64::MIN_POSITIVE), unit);
        self.line(what, &shown(figure, unit), &format!("at least {}", shown(limit, unit)), verdict)
    }

    /// A figure without a target.
    pub fn noted(&mut self, what: &str, figure: f64, unit: &str) -> anyhow::Result<()> {
        self.line(what, &shown(figure, unit), "-", "noted")
    }

    fn line(&mut self, what: &str, figure: &str, wanted: &str, verdict: &str) -> anyhow::Result<()> {
        println!("{what}: {figure} ({wanted}; {verdict})");
        Ok(writeln!(self.0, "{what}\t{figure}\t{wanted}\t{verdict}")?)
    }
}

fn verdict(share_of_the_limit: f64, unit: &str) -> &'static str {
    let margin = if SIZES.contains(&unit) { 1.0 } else { WIDE_MARGIN };
    match share_of_the_limit {
        share if share <= 1.0 => "met",
        share if share <= margin => "missed",
        _ => "far off",
    }
}

fn shown(figure: f64, unit: &str) -> String {
    let number = match figure {
        large if large >= 100.0 => format!("{large:.0}"),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    };
    format!("{number} {unit}").trim_end().to_owned()
}

/// Times of the same thing, in milliseconds.
pub struct Times(Vec<f64>);

impl Times {
    pub fn of(mut times: Vec<f64>) -> Times {
        times.sort_by(f64::total_cmp);
        Times(times)
    }

    /// The time that `share` of all do not exceed.
    pub fn at(&self, share: f64) -> f64 {
        let place = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    pub fn summary(&self) -> String {
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| self.at(share));
        format!("n {}, p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, max {max:.1} ms", self.0.len())
    }
}
