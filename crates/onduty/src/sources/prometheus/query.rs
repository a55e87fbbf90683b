//! The questions, in the part of PromQL that Prometheus and its kin understand alike.
//!
//! `increase()` is not used for classic histograms: Prometheus extrapolates from the samples inside of a range, VictoriaMetrics
//! takes the one before it as well, and after a gap puts all that was counted meanwhile into one block. Samples at both
//! ends of a block are the same everywhere.

use std::fmt::Write as _;

/// The shortest look back for the last sample before the end of a block, in milliseconds: what Prometheus has by default.
/// Longer than the pauses between scrapes.
const LOOK_BACK_MS: i64 = 300_000;
/// A counter that was not there for so long is a new one, in milliseconds; one that was is back after a gap, and what it
/// counted in the gap belongs to no block.
const FORGOTTEN_MS: i64 = 3_600_000;

/// What a status of requests that were answered well matches.
const WELL: &str = "!~\"[45].*\"";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The histogram's name, without `_bucket`.
    pub metric: &'a str,
    /// Labels that make an endpoint.
    pub labels: &'a [String],
    /// The label with the status of the answer.
    pub status: Option<&'a str>,
    /// Labels that have to have these values.
    pub selector: &'a [(String, String)],
    /// Whether it is a native histogram.
    pub is_native: bool,
}

/// Only endpoints with more requests than this from the window before to the window after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Busier {
    /// Requests.
    pub than: f64,
    /// The end of the window after, in milliseconds since 1970.
    pub until_ms: i64,
    /// From the beginning of the window before until then, in milliseconds.
    pub span_ms: i64,
}

impl Subject<'_> {
    fn matchers(&self, status: &str) -> String {
        let mut text = String::new();
        for (label, value) in self.selector {
            let _ = write!(text, "{label}=\"{}\",", quoted(value)); // writing to a String cannot fail
        }
        if let Some(label) = self.status {
            let _ = write!(text, "{label}{status}");
        }
        text
    }

    /// A series of requests that were answered well.
    fn series(&self, suffix: &str) -> String {
        format!("{}{suffix}{{{}}}", self.metric, self.matchers(WELL))
    }

    fn failed_series(&self) -> String {
        let suffix = if self.is_native { "" } else { "_count" };
        format!("{}{suffix}{{{}}}", self.metric, self.matchers("=~\"[45].*\""))
    }

    /// The series that counts requests.
    fn counter(&self) -> String {
        self.series(if self.is_native { "" } else { "_count" })
    }

    fn by(&self, more: Option<&str>) -> String {
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).chain(more).collect();
        labels.join(", ")
    }

    /// How many series have anything in the `range_ms` before a moment.
    pub fn presence(&self, range_ms: i64) -> String {
        format!("count(present_over_time({}[{range_ms}ms]))", self.counter())
    }

    /// How many endpoints have anything in the `range_ms` before a moment.
    pub fn endpoints(&self, range_ms: i64) -> String {
        format!("count(sum by ({}) (present_over_time({}[{range_ms}ms])))", self.by(None), self.counter())
    }

    /// How often counters began anew in the `range_ms` before a moment.
    pub fn resets(&self, range_ms: i64) -> String {
        format!("sum(resets({}[{range_ms}ms]))", self.counter())
    }

    /// About how many requests each endpoint had in the `range_ms` before a moment; `at` pins it to another one.
    fn requests(&self, range_ms: i64, at: &str) -> String {
        let increase = format!("increase({}[{range_ms}ms]{at})", self.counter());
        let counted = if self.is_native { format!("histogram_count({increase})") } else { increase };
        format!("sum by ({}) ({counted})", self.by(None))
    }

    /// The requests of the busiest `most` endpoints in the `range_ms` before a moment.
    pub fn busiest(&self, most: usize, range_ms: i64) -> String {
        format!("topk({most}, {})", self.requests(range_ms, ""))
    }

    /// About how many requests there were in the `range_ms` before a moment, of all endpoints.
    pub fn all_requests(&self, range_ms: i64) -> String {
        format!("sum({})", self.requests(range_ms, ""))
    }

    /// About how long they took in all, in the metric's unit.
    pub fn all_time(&self, range_ms: i64) -> String {
        if self.is_native {
            return format!("sum(histogram_sum(increase({}[{range_ms}ms])))", self.counter());
        }
        format!("sum(increase({}[{range_ms}ms]))", self.series("_sum"))
    }

    /// The share of the requests in the `range_ms` before a moment, without those that failed, that say how they were
    /// answered; `None` where nothing is asked for that says it.
    pub fn with_status(&self, range_ms: i64) -> Option<String> {
        let label = self.status?;
        let suffix = if self.is_native { "" } else { "_count" };
        let sum = |status: &str| {
            let increase = format!("increase({}{suffix}{{{}}}[{range_ms}ms])", self.metric, self.matchers(status));
            if self.is_native { format!("sum(histogram_count({increase}))") } else { format!("sum({increase})") }
        };
        Some(format!("{} / {}", sum(&format!("{WELL},{label}!=\"\"")), sum(WELL)))
    }

    /// For each block: the requests of each endpoint in each bucket, or in a native histogram.
    pub fn buckets(&self, block_ms: i64, busier: Option<Busier>) -> String {
        if self.is_native {
            return self
                .only(format!("sum by ({}) (increase({}[{block_ms}ms]))", self.by(None), self.counter()), busier);
        }
        let grown = grown(&self.series("_bucket"), &self.counter(), block_ms);
        self.only(format!("sum by ({}) ({grown})", self.by(Some("le"))), busier)
    }

    /// For each block: how long the requests of each endpoint took in all.
    pub fn sums(&self, block_ms: i64, busier: Option<Busier>) -> String {
        let grown = grown(&self.series("_sum"), &self.counter(), block_ms);
        self.only(format!("sum by ({}) ({grown})", self.by(None)), busier)
    }

    /// For each block: the requests of each endpoint that were not answered well, by status; `None` where nothing tells.
    pub fn errors(&self, block_ms: i64, busier: Option<Busier>) -> Option<String> {
        let (status, series) = (self.status?, self.failed_series());
        let grown = match self.is_native {
            true => format!("histogram_count(increase({series}[{block_ms}ms]))"),
            false => grown(&series, &series, block_ms),
        };
        Some(self.only(format!("sum by ({}) ({grown})", self.by(Some(status))), busier))
    }

    fn only(&self, query: String, busier: Option<Busier>) -> String {
        let Some(Busier { than, until_ms, span_ms }) = busier else { return query };
        let seconds = until_ms as f64 / 1000.0;
        format!("{query} and on ({}) ({} > {than})", self.by(None), self.requests(span_ms, &format!(" @ {seconds:.3}")))
    }
}

/// What each series of `metric` grew by in a block; `counter` counts its requests and tells what became of the series.
///
/// It grew; or its process began anew, where both what it had reached and what it has since then count; or it is a new one,
/// which began at nothing unless its first sample is so large that it must have counted for long; or it was away for a
/// while, and nothing is known of this block.
fn grown(metric: &str, counter: &str, block_ms: i64) -> String {
    let back = block_ms.max(LOOK_BACK_MS);
    let end = |series: &str| format!("last_over_time({series}[{back}ms])");
    let start = |series: &str| format!("last_over_time({series}[{back}ms] offset {block_ms}ms)");
    let first = |series: &str| format!("min_over_time({series}[{back}ms])");
    let most = |series: &str| format!("max_over_time({series}[{block_ms}ms])");
    let (m, c) = (metric, counter);
    let on = "ignoring (le)";
    let fell = format!("({} < {})", end(c), start(c));
    let anew = format!("({fell} or resets({c}[{block_ms}ms]) > 0)");
    let known = format!("last_over_time({c}[{}ms] offset {block_ms}ms)", FORGOTTEN_MS.max(2 * back));
    let young = format!("({} <= 10 * ({} - {} + 1))", first(c), end(c), first(c));
    [
        format!("(({} - {}) unless {on} {anew})", end(m), start(m)),
        format!("(({} + clamp_min({} - {}, 0)) and {on} {fell})", end(m), most(m), start(m)),
        format!("({} and {on} ({} and {anew}))", end(m), start(c)),
        format!("(({} unless {on} {known}) and {on} {young})", end(m)),
        format!("(({} - {}) unless {on} {known})", end(m), first(m)),
    ]
    .join(" or ")
}

/// `value` as it stands between quotes.
fn quoted(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        match c {
            '\\' | '"' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_between_their_quotes() {
        for (value, expected) in [
            ("production", "production"),
            ("a\"} or vector(1) or x{a=\"", "a\\\"} or vector(1) or x{a=\\\""),
            ("back\\slash", "back\\\\slash"),
            ("two\nlines", "two\\nlines"),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }

    #[test]
    fn a_question_names_labels_status_and_selector() {
        let labels = ["service".to_owned(), "route".to_owned()];
        let selector = [("environment".to_owned(), "pro\"d".to_owned())];
        let mut subject =
            Subject { metric: "h", labels: &labels, status: Some("code"), selector: &selector, is_native: false };
        assert_eq!(
            subject.endpoints(60_000),
            r#"count(sum by (service, route) (present_over_time(h_count{environment="pro\"d",code!~"[45].*"}[60000ms])))"#
        );
        assert_eq!(
            subject.with_status(60_000).unwrap(),
            r#"sum(increase(h_count{environment="pro\"d",code!~"[45].*",code!=""}[60000ms])) / sum(increase(h_count{environment="pro\"d",code!~"[45].*"}[60000ms]))"#
        );
        subject.is_native = true;
        let busier = Busier { than: 2.5, until_ms: 1_500, span_ms: 7_000 };
        assert_eq!(
            subject.buckets(300_000, Some(busier)),
            r#"sum by (service, route) (increase(h{environment="pro\"d",code!~"[45].*"}[300000ms])) and on (service, route) (sum by (service, route) (histogram_count(increase(h{environment="pro\"d",code!~"[45].*"}[7000ms] @ 1.500))) > 2.5)"#
        );
        subject.status = None;
        assert_eq!(subject.errors(1, None), None);
    }
}
