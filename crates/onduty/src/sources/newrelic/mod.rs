//! Response times that New Relic keeps, asked in NRQL by NerdGraph.
//!
//! `tasks::response_times` calls in here. The questions are in `query`, the JSON in `wire`. Each question is about events
//! (`Transaction`), so that numbers, means and percentiles are of the requests themselves.

mod query;
mod wire;

use super::response_times::{Failed, endpoint_name};
use super::summed::{Busiest, Summed, Summing};
use super::{SourceError, one_line};
use crate::egress::{Backoff, Egress, EgressError, HeaderName, Limits, Method, Request, Url, random};
use async_trait::async_trait;
use onduty_core::ids::SourceName;
use onduty_core::perf::{Summary, Traffic};
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
impl Summing for NewRelic<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn most(&self) -> usize {
        // A window may have others in front than the whole time has.
        MOST_FACETS / 2
    }

    fn named(&self) -> usize {
        MOST_FACETS
    }

    fn status(&self) -> &str {
        self.status
    }

    fn subject(&self) -> String {
        match self.applications {
            [] => "web transactions".to_owned(),
            some => format!("web transactions of {}", one_line(&some.join(", "), 200)),
        }
    }

    async fn busiest(&self, from_ms: i64, to_ms: i64, _most: usize) -> Result<Busiest, Failed> {
        let answer = self.ask(&self.asked().busiest(from_ms, to_ms)).await?;
        let endpoints = answer.results.iter().map(|row| Some((name(row), whole(row.count)?)));
        let endpoints: Option<Vec<(String, u64)>> = endpoints.collect();
        let endpoints = endpoints.ok_or_else(|| malformed("results", "a count in each row"))?;
        // Without the whole nobody knows how much was left out.
        let total = answer.total.as_ref();
        let total = total.and_then(|all| Some((whole(all.count)?, all.time.unwrap_or(0.0), whole(all.with_status)?)));
        let (requests, seconds, with_status) =
            total.ok_or_else(|| malformed("totalResult", "the counts of all rows"))?;
        let time_ms = if seconds.is_finite() { seconds.max(0.0) * 1e3 } else { 0.0 };
        Ok(Busiest { endpoints, all: Traffic { requests, time_ms }, with_status })
    }

    async fn sums(&self, from_ms: i64, to_ms: i64, piece_ms: i64) -> Result<Vec<Summed>, Failed> {
        let asked = self.asked();
        let mut sums = Sums::new();
        for row in self.ask(&asked.answered(from_ms, to_ms, piece_ms)).await?.results {
            let ms = |value: Option<f64>| value.filter(|value| value.is_finite() && *value >= 0.0).map(|s| s * 1e3);
            let summary = whole(row.count).map(|count| Summary {
                count,
                percentiles_ms: ["50", "90", "95", "99"].map(|at| ms(row.percentile(at))),
                mean_ms: ms(row.mean),
            });
            of_time(&mut sums, &row)?.answered =
                Some(summary.ok_or_else(|| malformed("results", "a count in each row"))?);
        }
        for row in self.ask(&asked.errors(from_ms, to_ms, piece_ms)).await?.results {
            let counts = whole(row.refused).zip(whole(row.failed));
            let (refused, failed) = counts.ok_or_else(|| malformed("results", "two counts in each row"))?;
            let sum = of_time(&mut sums, &row)?;
            (sum.refused, sum.failed) = (sum.refused + refused, sum.failed + failed);
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

/// A count; `None` where there is none.
fn whole(count: Option<f64>) -> Option<u64> {
    count.filter(|count| count.is_finite()).map(|count| count.max(0.0) as u64)
}

/// Sums by the facets of an endpoint, which may be longer than its name, and the millisecond when they begin.
type Sums = HashMap<(Vec<Option<String>>, i64), Summed>;

/// The sum of a row's endpoint in its time.
fn of_time<'a>(sums: &'a mut Sums, row: &wire::Row) -> Result<&'a mut Summed, Failed> {
    let ms = |seconds: Option<f64>| seconds.filter(|seconds| (0.0..1e11).contains(seconds)).map(|s| (s * 1e3) as i64);
    let times = ms(row.from).zip(ms(row.to));
    let (from_ms, to_ms) =
        times.ok_or_else(|| malformed("results", "beginTimeSeconds and endTimeSeconds in each row"))?;
    let new = || Summed { endpoint: name(row), from_ms, to_ms, answered: None, refused: 0, failed: 0 };
    Ok(sums.entry((row.facet.clone(), from_ms)).or_insert_with(new))
}

fn malformed(field: &str, expected: &'static str) -> Failed {
    Failed::malformed(NAME, field, expected)
}

impl NewRelic<'_> {
    fn asked(&self) -> Subject<'_> {
        Subject { applications: self.applications, status: self.status }
    }

    async fn ask(&self, nrql: &str) -> Result<wire::Nrql, Failed> {
        let request = || {
            Request::new(Method::POST, self.url.clone())
                .secret_header(HeaderName::from_static("api-key"), self.key)
                .json(&wire::Question::of(self.account, nrql))
                .within(LIMITS)
        };
        let answer = self.egress.send_patiently(request, self.backoff, random).await;
        let answer = answer
            .map_err(|error| Failed::unreachable(NAME, error, |error| matches!(error, EgressError::TooLarge { .. })))?;
        let source_name = || SourceName::from(NAME);
        if !answer.status.is_success() {
            let (status, answer) = (answer.status.as_u16(), answer.excerpt());
            return Err(Failed::Other(SourceError::Refused { source_name: source_name(), status, answer }));
        }
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
