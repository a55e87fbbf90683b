//! Counters for `GET /metrics`, in the text format of Prometheus.
//!
//! Counted where things happen, read by `web::health`. Labels have few values, none of which a stranger chooses. Nothing
//! here decides or forgets: everything starts at zero with the process.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Values of a counter's labels, in the order of their names.
type Values<const N: usize> = [String; N];

/// A count for each combination of `N` labels.
#[derive(Debug)]
pub struct Counter<const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    counts: Mutex<BTreeMap<Values<N>, u64>>,
}

/// More combinations than any label of ours can have; what comes after them is not told apart.
const MOST_COMBINATIONS: usize = 1_000;

impl<const N: usize> Counter<N> {
    /// A counter that has counted nothing.
    pub const fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Counter<N> {
        Counter { name, help, labels, counts: Mutex::new(BTreeMap::new()) }
    }

    /// One more.
    pub fn count(&self, values: [&str; N]) {
        self.add(values, 1);
    }

    /// So many more; nothing is not counted.
    pub fn add(&self, values: [&str; N], number: u64) {
        if number == 0 {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut values = values.map(str::to_owned);
        if counts.len() >= MOST_COMBINATIONS && !counts.contains_key(&values) {
            values = std::array::from_fn(|_| "other".to_owned());
        }
        *counts.entry(values).or_default() += number;
    }

    /// Writes its samples.
    pub fn write(&self, text: &mut String) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        head(text, self.name, self.help, "counter");
        for (values, count) in counts.iter() {
            let labels: Vec<(&str, &str)> =
                self.labels.iter().copied().zip(values.iter().map(String::as_str)).collect();
            sample(text, self.name, &labels, count);
        }
    }
}

/// Upper bounds of a histogram's buckets, in seconds.
const BOUNDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// How long something took, for each value of one label.
#[derive(Debug)]
pub struct Histogram {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    series: Mutex<BTreeMap<&'static str, Series>>,
}

#[derive(Debug, Default)]
struct Series {
    /// One for each bound, each counted in its own bucket only.
    buckets: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

impl Histogram {
    /// A histogram that has seen nothing.
    pub const fn new(name: &'static str, help: &'static str, label: &'static str) -> Histogram {
        Histogram { name, help, label, series: Mutex::new(BTreeMap::new()) }
    }

    /// It took this long.
    pub fn took(&self, value: &'static str, time: Duration) {
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let series = all.entry(value).or_default();
        let seconds = time.as_secs_f64();
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            series.buckets[bucket] += 1;
        }
        series.count += 1;
        series.seconds += seconds;
    }

    fn write(&self, text: &mut String) {
        let all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        head(text, self.name, self.help, "histogram");
        for (value, series) in all.iter() {
            let mut so_far = 0;
            for (bound, count) in BOUNDS.iter().zip(series.buckets) {
                so_far += count;
                let labels = [(self.label, *value), ("le", &bound.to_string())];
                sample(text, &format!("{}_bucket", self.name), &labels, so_far);
            }
            sample(text, &format!("{}_bucket", self.name), &[(self.label, value), ("le", "+Inf")], series.count);
            sample(text, &format!("{}_sum", self.name), &[(self.label, value)], series.seconds);
            sample(text, &format!("{}_count", self.name), &[(self.label, value)], series.count);
        }
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    /// Requests, by the pattern of their route.
    pub requests: Counter<3>,
    /// How long answers took; streams are not among them.
    pub answers: Histogram,
    /// Deliveries, by their source and what became of them.
    pub deliveries: Counter<2>,
    /// Spans, points and requests of OpenTelemetry, by what became of them.
    pub telemetry: Counter<2>,
    /// How long deliveries took until they were durable.
    pub intake: Histogram,
    /// Passes of the engine.
    pub passes: Histogram,
    /// Polls of what is read from outside.
    pub polls: Counter<2>,
    /// Streams of live parts that were opened.
    pub streams: Counter<1>,
    /// Drawings of live parts: one for each change and distinct view, however many look.
    pub drawings: Counter<1>,
}

impl Metrics {
    /// Nothing counted yet.
    pub const fn new() -> Metrics {
        Metrics {
            requests: Counter::new("onduty_http_requests_total", "Requests answered.", ["route", "method", "status"]),
            answers: Histogram::new("onduty_http_answer_seconds", "Time to an answer.", "kind"),
            deliveries: Counter::new("onduty_deliveries_total", "Deliveries to /hooks/.", ["source", "result"]),
            telemetry: Counter::new(
                "onduty_telemetry_total",
                "Spans and points that came by OpenTelemetry, and the requests that they count.",
                ["signal", "result"],
            ),
            intake: Histogram::new(
                "onduty_delivery_seconds",
                "Time until a delivery was durable or refused.",
                "result",
            ),
            passes: Histogram::new("onduty_pass_seconds", "Time of a pass of the engine over all duties.", "result"),
            polls: Counter::new("onduty_polls_total", "Looks at repositories and trackers.", ["source", "result"]),
            streams: Counter::new("onduty_streams_total", "Streams of live parts that were opened.", ["kind"]),
            drawings: Counter::new("onduty_drawings_total", "Drawings of live parts.", ["kind"]),
        }
    }

    /// All of it as text.
    pub fn write(&self, text: &mut String) {
        self.requests.write(text);
        self.answers.write(text);
        self.deliveries.write(text);
        self.telemetry.write(text);
        self.intake.write(text);
        self.passes.write(text);
        self.polls.write(text);
        self.streams.write(text);
        self.drawings.write(text);
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

/// Writes a value that is read at this moment.
pub fn gauge(text: &mut String, name: &str, help: &str, value: impl Display) {
    head(text, name, help, "gauge");
    sample(text, name, &[], value);
}

/// Writes a value that only grows and is counted elsewhere.
pub fn counter(text: &mut String, name: &str, help: &str, value: impl Display) {
    head(text, name, help, "counter");
    sample(text, name, &[], value);
}

/// Writes the two lines that stand above the samples of a metric.
pub fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    // Writing into a text does not fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Writes one sample.
pub fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: impl Display) {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(text, "{name}{labels} {value}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_counts_each_combination() {
        let counter = Counter::new("things_total", "Things.", ["kind", "result"]);
        counter.count(["a", "good"]);
        counter.count(["a", "good"]);
        counter.count(["quo\"te\\\n", "bad"]);
        let mut text = String::new();
        counter.write(&mut text);
        assert_eq!(
            text,
            "# HELP things_total Things.\n# TYPE things_total counter\nthings_total{kind=\"a\",result=\"good\"} 2\n\
             things_total{kind=\"quo\\\"te\\\\\\n\",result=\"bad\"} 1\n"
        );
    }

    #[test]
    fn a_counter_has_an_end() {
        let counter = Counter::new("things_total", "Things.", ["kind"]);
        for number in 0..2 * MOST_COMBINATIONS {
            counter.count([&number.to_string()]);
        }
        let counts = counter.counts.lock().unwrap();
        assert_eq!((counts.len(), counts[&["other".to_owned()]]), (MOST_COMBINATIONS + 1, MOST_COMBINATIONS as u64));
    }

    #[test]
    fn buckets_are_cumulative_and_the_last_one_has_all() {
        let times = Histogram::new("time_seconds", "Time.", "kind");
        for millis in [1, 250, 500, 7_000] {
            times.took(if millis == 1 { "b" } else { "a" }, Duration::from_millis(millis));
        }
        let mut text = String::new();
        times.write(&mut text);
        for (bound, count) in [("0.1", 0), ("0.25", 1), ("0.5", 2), ("5", 2), ("+Inf", 3)] {
            let line = format!("time_seconds_bucket{{kind=\"a\",le=\"{bound}\"}} {count}\n");
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(text.contains("time_seconds_sum{kind=\"a\"} 7.75\n"), "{text}");
        assert!(text.contains("time_seconds_count{kind=\"a\"} 3\n"), "{text}");
    }
}
