//! Response times that New Relic keeps, asked in NRQL by NerdGraph.
//!
//! `tasks::response_times` calls in here. The questions are in `query`, the JSON in `wire`. Each question is about events
//! (`Transaction`), so that numbers, means and percentiles are of the requests themselves.

mod query;
mod wire;

use super::response_times::{Failed, ResponseTimes, endpoint_name};
use super::summed::{self, Busiest, Summed, Summing};
use super::{SourceError, one_line};
use crate::egress::{Backoff, Egress, EgressError, HeaderName, Limits, Method, Request, Url, random};
use async_trait::async_trait;
use jiff::Timestamp;
use onduty_core::ids::SourceName;
use onduty_core::perf::{Doubt, Summary, Table, Traffic, Windows};
use query::Subject;
use secrecy::SecretString;
use std::collections::HashMap;
use std::time::Duration;

/// The source's name.
pub const NAME: &str = "newrelic";
/// Facets of an answer, at most, as New Relic has it.
const MOST_FACETS: usize = 5_000;
/// What one answer may cost.
const LIMITS: Limits = Limits { total: Duration::from_secs(60), body: 64 * 1024 * 1024 };

/// The account that is asked, and what for.
#[derive(Debug)]
pub struct NewRelic<'a> {
    /// The way out.
    pub egress: &'a Egress,
    /// The address of NerdGraph.
    pub url: Url,
    /// The user key.
    pub key: &'a SecretString,
    /// How questions are tried again.
    pub backoff: Backoff,
    /// The account's number.
    pub account: u64,
    /// Only these applications; all where there are none.
    pub applications: &'a [String],
    /// The attribute with the status of the answer.
    pub status: &'a str,
}

#[async_trait]
impl ResponseTimes for NewRelic<'_> {
    async fn fill(&self, windows: &Windows, table: &mut Table) -> Result<Vec<Doubt>, SourceError> {
        summed::fill(self, windows, table).await
    }

    async fn is_alive(&self, now: Timestamp) -> Result<bool, SourceError> {
        summed::is_alive(self, now).await
    }
}

#[async_trait]
impl Summing for NewRelic<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn most(&self) -> usize {
        // A window may have others in front than the whole time has.
        MOST_FACETS / 2
    }

    fn subject(&self) -> String {
        match self.applications {
            [] => "web transactions".to_owned(),
            some => format!("web transactions of {}", one_line(&some.join(", "), 200)),
        }
    }

    async fn busiest(&self, from_ms: i64, to_ms: i64, _most: usize) -> Result<Busiest, Failed> {
        let answer = self.ask(&self.asked().busiest(from_ms, to_ms)).await?;
        let endpoints = answer.results.iter().map(|row| (name(row), row.count.unwrap_or(0.0).max(0.0) as u64));
        let endpoints: Vec<(String, u64)> = endpoints.collect();
        let is_cut = endpoints.len() >= MOST_FACETS;
        let total = answer.total.unwrap_or_default();
        let named: u64 = endpoints.iter().map(|(_, requests)| requests).sum();
        let requests = total.count.map_or(named, |count| count.max(0.0) as u64);
        let time_ms = total.time.filter(|time| time.is_finite()).unwrap_or(0.0).max(0.0) * 1e3;
        Ok(Busiest { endpoints, all: Traffic { requests, time_ms }, is_cut })
    }

    async fn sums(&self, from_ms: i64, to_ms: i64, piece_ms: i64) -> Result<Vec<Summed>, Failed> {
        let asked = self.asked();
        let mut sums: HashMap<(String, i64), Summed> = HashMap::new();
        for row in self.ask(&asked.answered(from_ms, to_ms, piece_ms)).await?.results {
            let seconds = |value: Option<f64>| value.filter(|value| value.is_finite() && *value >= 0.0);
            let percentile = |row: &wire::Row, at: &str| seconds(row.percentile(at)).map(|seconds| seconds * 1e3);
            let summary = Summary {
                count: row.count.unwrap_or(0.0).max(0.0) as u64,
                percentiles_ms: ["50", "90", "95", "99"].map(|at| percentile(&row, at)),
                mean_ms: seconds(row.mean).map(|seconds| seconds * 1e3),
            };
            if let Some(sum) = at(&mut sums, &row) {
                sum.answered = Some(summary);
            }
        }
        for row in self.ask(&asked.errors(from_ms, to_ms, piece_ms)).await?.results {
            if let Some(sum) = at(&mut sums, &row) {
                sum.refused += row.refused.unwrap_or(0.0).max(0.0) as u64;
                sum.failed += row.failed.unwrap_or(0.0).max(0.0) as u64;
            }
        }
        let mut sums: Vec<Summed> = sums.into_values().collect();
        // The order decides who is dropped among equals.
        sums.sort_by(|left, right| (&left.endpoint, left.from_ms).cmp(&(&right.endpoint, right.from_ms)));
        Ok(sums)
    }
}

/// `shop|WebTransaction/Controller/cart`
fn name(row: &wire::Row) -> String {
    endpoint_name(true, row.facet.iter().map(|facet| facet.as_deref().unwrap_or("?")))
}

/// The sum of a row's endpoint in its time.
fn at<'a>(sums: &'a mut HashMap<(String, i64), Summed>, row: &wire::Row) -> Option<&'a mut Summed> {
    let ms = |seconds: Option<f64>| seconds.filter(|seconds| (0.0..1e11).contains(seconds)).map(|s| (s * 1e3) as i64);
    let (from_ms, to_ms, endpoint) = (ms(row.from)?, ms(row.to)?, name(row));
    let new = Summed { endpoint: endpoint.clone(), from_ms, to_ms, answered: None, refused: 0, failed: 0 };
    Some(sums.entry((endpoint, from_ms)).or_insert(new))
}

impl NewRelic<'_> {
    fn asked(&self) -> Subject<'_> {
        Subject { applications: self.applications, status: self.status }
    }

    async fn ask(&self, nrql: &str) -> Result<wire::Nrql, Failed> {
        let source_name = || SourceName::from(NAME);
        let request = || {
            Request::new(Method::POST, self.url.clone())
                .secret_header(HeaderName::from_static("api-key"), self.key)
                .json(&wire::Question::of(self.account, nrql))
                .within(LIMITS)
        };
        let answer = self.egress.send_patiently(request, self.backoff, random).await.map_err(|error| {
            let is_size = matches!(error, EgressError::TooLarge { .. });
            let error = SourceError::Unreachable { source_name: source_name(), cause: Box::new(error) };
            if is_size { Failed::TooMuch(error) } else { Failed::Other(error) }
        })?;
        if !answer.status.is_success() {
            let (status, answer) = (answer.status.as_u16(), answer.excerpt());
            return Err(Failed::Other(SourceError::Refused { source_name: source_name(), status, answer }));
        }
        let malformed = |field: &str, expected: &'static str| {
            let (source_name, field) = (source_name(), field.to_owned());
            Failed::Other(SourceError::Malformed { source_name, field, expected: expected.into() })
        };
        let said: wire::Answer = answer.json().map_err(|_| malformed("the answer", "JSON of NerdGraph"))?;
        // Errors come with status 200, and beside a part of the data.
        if let Some(error) = said.errors.first() {
            let said = one_line(&error.message, 300);
            return Err(if error.is_time_out() {
                Failed::TooMuch(SourceError::Unreachable { source_name: source_name(), cause: said.into() })
            } else {
                Failed::Other(SourceError::Refused { source_name: source_name(), status: 200, answer: said })
            });
        }
        said.into_nrql().ok_or_else(|| malformed("data.actor.account.nrql", "the results of a query"))
    }
}

#[cfg(test)]
mod tests;
