//! `sources: {prometheus: …}`: a server with response times that is asked as Prometheus is.

use super::secrets::{self, Keys};
use super::values::tracker_address;
use super::{EgressRules, PrometheusSource};
use onduty_core::files::{Fields, Node, Problems, Value};
use std::path::Path;

/// What OpenTelemetry's convention for HTTP servers is called in Prometheus.
const METRIC: &str = "http_server_request_duration_seconds";
/// Labels that an endpoint is made of, at most.
const MOST_LABELS: usize = 8;
/// Letters of a value that a label has to have, at most.
const LONGEST_VALUE: usize = 200;

/// Reads the node under `sources: {prometheus: …}`.
pub fn read(node: &Node, base: &Path, rules: &EgressRules, problems: &mut Problems) -> Option<PrometheusSource> {
    let what = "the source `prometheus`";
    let mut fields = Fields::of(node, what, problems)?;
    let mend = "write where it is, such as `url: https://prometheus.example`; what comes before `/api/v1`";
    let url = fields.required_text("url", mend, problems);
    let token = secrets::read_optional_as(Keys::TOKEN, &mut fields, what, base, problems);
    let metric = fields.text("metric", problems);
    let labels = fields.texts("endpoint_labels", problems);
    let status = fields.text("status_label", problems);
    let kind = fields.text("kind", problems);
    let mut selector = Vec::new();
    for (key, place, node) in fields.map("selector", problems) {
        if !is_label(key) {
            problems.add(*place, format!("`{key}` cannot be a label"), LABEL);
        }
        match &node.value {
            Value::Text(text) if text.chars().count() <= LONGEST_VALUE && !text.chars().any(char::is_control) => {
                selector.push((key.clone(), text.clone()));
            }
            _ => problems.add(
                node.place,
                format!("the value of `{key}` is not a short text"),
                format!("write what the label has to be, at most {LONGEST_VALUE} letters; quote numbers"),
            ),
        }
    }
    fields.finish(problems);

    if let Some((name, place)) = &metric
        && !is_metric(name)
    {
        let mend = "write its name without `_bucket`: letters, digits, `_` and `:`";
        problems.add(*place, format!("`{name}` cannot be a metric"), mend);
    }
    if let Some((name, place)) = metric.as_ref().filter(|(name, _)| name.ends_with("_bucket")) {
        problems.add(*place, format!("`{name}` is a part of a histogram"), "leave out `_bucket`");
    }
    if labels.is_empty() {
        let mend = "write the labels that make an endpoint, such as `endpoint_labels: [service, method, route]`";
        problems.add(node.place, format!("{what} has no `endpoint_labels`"), mend);
    }
    for (label, place) in labels.iter().chain(&status) {
        if !is_label(label) {
            problems.add(*place, format!("`{label}` cannot be a label"), LABEL);
        } else if label == "le" {
            problems.add(*place, "`le` is the bound of a bucket", "write the labels that tell endpoints apart");
        }
    }
    for (at, (label, place)) in labels.iter().enumerate() {
        if labels[..at].iter().any(|(other, _)| other == label) {
            problems.add(*place, format!("`{label}` is there twice"), "write each label once");
        } else if status.as_ref().is_some_and(|(status, _)| status == label) {
            let mend = "leave it out: requests that failed are told apart already";
            problems.add(*place, format!("`{label}` is the `status_label` as well"), mend);
        }
    }
    if let Some((_, place)) = labels.get(MOST_LABELS) {
        problems.add(*place, format!("more than {MOST_LABELS} labels"), "write those that tell endpoints apart");
    }
    let is_native = match &kind {
        None => false,
        Some((kind, _)) if kind == "classic" => false,
        Some((kind, _)) if kind == "native" => true,
        Some((kind, place)) => {
            let mend = "write `classic` (series with `_bucket`) or `native`";
            problems.add(*place, format!("`{kind}` is no kind of histogram"), mend);
            false
        }
    };
    let (url, place) = url?;
    let url = tracker_address(&url, place, rules, problems)?;
    Some(PrometheusSource {
        url,
        token,
        metric: metric.map_or_else(|| METRIC.to_owned(), |(name, _)| name),
        endpoint_labels: labels.into_iter().map(|(label, _)| label).collect(),
        status_label: status.map(|(label, _)| label),
        selector,
        is_native,
    })
}

const LABEL: &str = "write a label as it stands in queries: letters, digits and `_`, no digit first";

fn is_label(text: &str) -> bool {
    is_metric(text) && !text.contains(':')
}

fn is_metric(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
}
