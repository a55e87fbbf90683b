//! Response times that Datadog keeps: a distribution, asked by its API for queries of several products (version 2).
//!
//! `tasks::response_times` calls in here. The questions are in `query`, the JSON in `wire`.

mod query;
mod wire;

use super::response_times::{Failed, endpoint_name};
use super::summed::{Busiest, Summed, Summing};
use super::{SourceError, one_line};
use crate::egress::{Backoff, Egress, EgressError, HeaderName, Limits, Method, Request, Url, random};
use async_trait::async_trait;
use onduty_core::ids::SourceName;
use onduty_core::perf::{Summary, Traffic};
use query::{ANSWERED, FAILED, MEAN, PERCENTILES, REFUSED, Subject};
use secrecy::SecretString;
use std::collections::HashMap;
use std::time::Duration;

/// The source's name.
pub const NAME: &str = "datadog";
/// Endpoints that are asked for, at most.
const MOST_ENDPOINTS: usize = 10_000;
/// Endpoints that are named when the busiest are looked for: some ten megabytes.
const MOST_NAMED: usize = 100_000;
/// What one answer may cost.
const LIMITS: Limits = Limits { total: Duration::from_secs(60), body: 64 * 1024 * 1024 };
/// Lengths of pieces that are asked for, in milliseconds: what Datadog keeps, and no longer than that a window's edge
/// matters little.
const PIECES_MS: [i64; 4] = [60_000, 30_000, 20_000, 10_000];

/// The organisation that is asked, and what for.
#[derive(Debug)]
pub struct Datadog<'a> {
    /// The way out.
    pub egress: &'a Egress,
    /// Where its API begins: what comes before `/api`.
    pub base: Url,
    /// Which organisation asks.
    pub api_key: &'a SecretString,
    /// Who asks.
    pub application_key: &'a SecretString,
    /// How questions are tried again.
    pub backoff: Backoff,
    /// The distribution.
    pub metric: &'a str,
    /// Tags that make an endpoint, the service first.
    pub endpoint_tags: &'a [String],
    /// The tag with the status of the answer.
    pub status_tag: &'a str,
    /// Tags that have to have these values.
    pub filter: &'a [(String, String)],
}

#[async_trait]
impl Summing for Datadog<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn most(&self) -> usize {
        MOST_ENDPOINTS
    }

    fn named(&self) -> usize {
        MOST_NAMED
    }

    fn status(&self) -> &str {
        self.status_tag
    }

    fn subject(&self) -> String {
        format!("`{}` with these tags", self.metric)
    }

    async fn busiest(&self, from_ms: i64, to_ms: i64, most: usize) -> Result<Busiest, Failed> {
        let asked = self.asked();
        let of_each: wire::Scalar =
            self.ask("scalar", &wire::scalar(from_ms, to_ms, &[asked.requests()], Some(most))).await?;
        let wrong = || malformed("columns", "a column of numbers beside one for each tag");
        let endpoints = of_each.rows(self.endpoint_tags).ok_or_else(wrong)?;
        let endpoints: Vec<(String, u64)> =
            endpoints.into_iter().map(|(tags, number)| (self.endpoint(&tags), number.max(0.0) as u64)).collect();
        let all: wire::Scalar = self.ask("scalar", &wire::scalar(from_ms, to_ms, &asked.everything(), None)).await?;
        // Without the whole nobody knows how much was left out.
        let requests = if endpoints.is_empty() { Some(0.0) } else { all.count(0) };
        let requests = requests.ok_or_else(wrong)?.max(0.0) as u64;
        let with_status = all.count(2).unwrap_or(0.0).max(0.0) as u64;
        let all = Traffic { requests, time_ms: all.seconds(1).unwrap_or(0.0).max(0.0) * 1e3 };
        Ok(Busiest { endpoints, all, with_status })
    }

    async fn sums(&self, from_ms: i64, to_ms: i64, piece_ms: i64) -> Result<Vec<Summed>, Failed> {
        let piece_ms = PIECES_MS.into_iter().find(|piece| *piece <= piece_ms).unwrap_or(PIECES_MS[3]);
        // Pieces begin at whole multiples of their length.
        let from_ms = from_ms.div_euclid(piece_ms) * piece_ms;
        let question = wire::timeseries(from_ms, to_ms, piece_ms, &self.asked().sums());
        let answer: wire::Timeseries = self.ask("timeseries", &question).await?;
        let mut sums: HashMap<(Vec<String>, i64), Summed> = HashMap::new();
        let times = answer.times();
        for series in answer.series() {
            let wrong = || malformed("values", "a value or null for each time, for each series");
            let (query, unit_ms, values) = series.ok_or_else(wrong)?;
            if values.len() != times.len() {
                return Err(wrong());
            }
            let endpoint = self.endpoint(&query.tags);
            for (at_ms, value) in times.iter().zip(values) {
                let Some(value) = value.filter(|value| value.is_finite() && *value >= 0.0) else { continue };
                let (from_ms, to_ms) = (*at_ms, at_ms.saturating_add(piece_ms));
                let new = || {
                    let (answered, refused, failed) = (None, 0, 0);
                    Summed { endpoint: endpoint.clone(), from_ms, to_ms, answered, refused, failed }
                };
                let sum = sums.entry((self.values(&query.tags), *at_ms)).or_insert_with(new);
                let nothing = Summary { count: 0, percentiles_ms: [None; 4], mean_ms: None };
                match query.number {
                    REFUSED => sum.refused = value.round() as u64,
                    FAILED => sum.failed = value.round() as u64,
                    ANSWERED => sum.answered.get_or_insert(nothing).count = value.round() as u64,
                    MEAN => sum.answered.get_or_insert(nothing).mean_ms = Some(value * unit_ms),
                    percentile if (PERCENTILES..PERCENTILES + 4).contains(&percentile) => {
                        let of = &mut sum.answered.get_or_insert(nothing).percentiles_ms;
                        of[percentile - PERCENTILES] = Some(value * unit_ms);
                    }
                    _ => return Err(malformed("query_index", "the number of a query that was asked")),
                }
            }
        }
        let mut sums: Vec<Summed> = sums.into_values().collect();
        // The order decides who is dropped among equals.
        sums.sort_by(|left, right| (&left.endpoint, left.from_ms).cmp(&(&right.endpoint, right.from_ms)));
        Ok(sums)
    }
}

impl Datadog<'_> {
    fn asked(&self) -> Subject<'_> {
        let (metric, tags, status, filter) = (self.metric, self.endpoint_tags, self.status_tag, self.filter);
        Subject { metric, tags, status, filter }
    }

    /// `shop|get_/cart`
    fn endpoint(&self, tags: &HashMap<String, String>) -> String {
        let has_service = self.endpoint_tags.first().is_some_and(|tag| tag == "service");
        endpoint_name(has_service, self.values(tags).iter().map(String::as_str))
    }

    /// The values of the tags that make an endpoint, which may be longer than its name.
    fn values(&self, tags: &HashMap<String, String>) -> Vec<String> {
        let value = |tag: &String| tags.get(tag).map_or_else(|| "?".to_owned(), String::clone);
        self.endpoint_tags.iter().map(value).collect()
    }

    async fn ask<T: wire::Told>(&self, path: &str, question: &serde_json::Value) -> Result<T, Failed> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().extend(["api", "v2", "query", path]),
            Err(()) => return Err(malformed("url", "an address such as https://api.datadoghq.eu")),
        };
        let request = || {
            Request::new(Method::POST, url.clone())
                .secret_header(HeaderName::from_static("dd-api-key"), self.api_key)
                .secret_header(HeaderName::from_static("dd-application-key"), self.application_key)
                .json(question)
                .within(LIMITS)
        };
        let answer = self.egress.send_patiently(request, self.backoff, random).await;
        let answer = answer
            .map_err(|error| Failed::unreachable(NAME, error, |error| matches!(error, EgressError::TooLarge { .. })))?;
        let source_name = || SourceName::from(NAME);
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            let error = SourceError::Refused { source_name: source_name(), status, answer: answer.excerpt() };
            // What takes too long ends at the door.
            return Err(if matches!(status, 408 | 504) { Failed::TooMuch(error) } else { Failed::Other(error) });
        }
        let said: T = answer.json().map_err(|_| malformed("the answer", "JSON of Datadog's API"))?;
        match said.problem() {
            Some(problem) => {
                let answer = one_line(problem, 300);
                Err(Failed::Other(SourceError::Refused { source_name: source_name(), status, answer }))
            }
            None => Ok(said),
        }
    }
}

fn malformed(field: &str, expected: &'static str) -> Failed {
    Failed::malformed(NAME, field, expected)
}

#[cfg(test)]
mod tests;
