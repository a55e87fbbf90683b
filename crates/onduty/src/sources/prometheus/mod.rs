//! Response times that a Prometheus-compatible server keeps: classic histograms of any of them, native ones of Prometheus.
//!
//! `tasks::response_times` calls in here. What is asked is in `query`, its JSON in `wire`, and what the answers say about a
//! window in `collect`. Nothing here reads the clock or the store. `docs/design/prometheus.md` says why it is so.

mod collect;
mod query;
mod wire;

use super::response_times::{ALIVE, Failed, ResponseTimes};
use super::{SourceError, one_line};
use crate::egress::{Backoff, Egress, EgressError, Limits, Method, Request, Url, header, random};
use async_trait::async_trait;
use collect::{Endpoints, Grains};
use jiff::Timestamp;
use onduty_core::ids::SourceName;
use onduty_core::perf::{AFTER, BEFORE, BLOCKS, Doubt, Named, Role, Table, Traffic, Window, Windows};
use query::{Busier, Subject};
use secrecy::SecretString;
use std::time::Duration;
use wire::Series;

/// The source's name.
pub const NAME: &str = "prometheus";
/// Endpoints that are asked for, at most; the quietest beyond that are left out by the server.
const MOST_ENDPOINTS: usize = 10_000;
/// How long the server may think, as it is told: less than the silence after which the answer counts as broken off.
const THINK: &str = "9s";
/// What one answer may cost.
const LIMITS: Limits = Limits { total: Duration::from_secs(60), body: 64 * 1024 * 1024 };
/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// An hour, in milliseconds: what clocks are moved by.
const HOUR_MS: i64 = 3_600_000;
/// Earlier days that are looked for.
const DAYS: i64 = 14;

/// The server that is asked, and what for.
#[derive(Debug)]
pub struct Prometheus<'a> {
    /// The way out.
    pub egress: &'a Egress,
    /// Where its API begins: what comes before `/api/v1`.
    pub base: Url,
    /// Who asks, where it wants to know.
    pub token: Option<&'a SecretString>,
    /// How questions are tried again.
    pub backoff: Backoff,
    /// The histogram, without `_bucket`.
    pub metric: &'a str,
    /// Labels that make an endpoint, the service first.
    pub endpoint_labels: &'a [String],
    /// The label with the status of the answer.
    pub status_label: Option<&'a str>,
    /// Labels that have to have these values.
    pub selector: &'a [(String, String)],
    /// Whether it is a native histogram.
    pub is_native: bool,
}

#[async_trait]
impl ResponseTimes for Prometheus<'_> {
    async fn fill(&self, windows: &Windows, table: &mut Table) -> Result<Vec<Doubt>, SourceError> {
        let mut reading = Reading::of(self, windows);
        let with_data = reading.windows_with_data().await?;
        let mut doubts = Vec::new();
        doubts.extend(reading.without_status().await?);
        reading.keep_busiest(table, &mut doubts).await?;

        // Today first: it tells which endpoints have bounds that say nothing.
        let mut today = Vec::new();
        for window in [BEFORE, AFTER] {
            today.push(reading.window(window).await?);
        }
        if !today[AFTER].known().contains(&true) {
            // Not that all of them are gone: nothing is known yet, or not any more.
            let what = format!("`{}` with these labels in the window after the rollout", self.metric);
            return Err(SourceError::Missing { source_name: NAME.into(), what });
        }
        let grains = Grains::of(&today[BEFORE], &today[AFTER]);
        let mut known = vec![[false; BLOCKS]; windows.all().len()];
        for (window, endpoints) in today.iter().enumerate() {
            known[window] = endpoints.known();
            endpoints.fill(window, &grains, table);
        }
        for window in with_data {
            let endpoints = reading.window(window).await?;
            known[window] = endpoints.known();
            endpoints.fill(window, &grains, table);
        }
        doubts.extend(grains.doubts());
        let times = reading.resets().await?;
        if times > 0 {
            doubts.push(Doubt::CountersBeganAnew { times });
        }
        doubts.extend(Doubt::gaps(&known));
        Ok(doubts)
    }

    async fn is_alive(&self, now: Timestamp) -> Result<bool, SourceError> {
        let question = subject(self).presence(ALIVE.as_millis() as i64);
        let at = seconds(now.as_millisecond());
        let answer = self.ask("query", &[("query", &question), ("time", &at)], self.backoff).await?;
        Ok(answer.iter().any(|series| series.value.is_some_and(|(_, number)| number.0 > 0.0)))
    }
}

fn subject<'a>(server: &Prometheus<'a>) -> Subject<'a> {
    Subject {
        metric: server.metric,
        labels: server.endpoint_labels,
        status: server.status_label,
        selector: server.selector,
        is_native: server.is_native,
    }
}

/// One look at all windows.
struct Reading<'a> {
    server: &'a Prometheus<'a>,
    subject: Subject<'a>,
    windows: &'a Windows,
    block_ms: i64,
    busier: Option<Busier>,
    /// Blocks that are asked for at once; fewer when the server found it too much.
    at_once: usize,
}

impl<'a> Reading<'a> {
    fn of(server: &'a Prometheus<'a>, windows: &'a Windows) -> Reading<'a> {
        let block_ms = (windows.length_ms() / BLOCKS as i64).max(1);
        Reading { server, subject: subject(server), windows, block_ms, busier: None, at_once: BLOCKS }
    }

    fn at(&self, window: usize) -> Window {
        self.windows.all()[window]
    }

    fn end_ms(&self, window: usize) -> i64 {
        self.at(window).start_ms + self.windows.length_ms()
    }

    /// From the beginning of the window before to the end of the one after.
    fn span_ms(&self) -> i64 {
        self.end_ms(AFTER) - self.at(BEFORE).start_ms
    }

    /// The windows besides those of today that the server has something of. Two questions at most.
    async fn windows_with_data(&self) -> Result<Vec<usize>, SourceError> {
        let (now, end) = (self.at(BEFORE).start_ms, self.end_ms(AFTER));
        // An hour more, because the clock may have been moved since.
        let days = self.subject.presence(self.span_ms() + HOUR_MS);
        let present = self.moments(&days, end - DAYS * DAY_MS, end, DAY_MS).await?;
        let is_present = |at_ms: i64, step_ms: i64| {
            // The nearest moment that was asked about.
            present.iter().any(|moment| (moment - at_ms).abs() * 2 <= step_ms)
        };
        if !is_present(end, DAY_MS) {
            let what = format!("`{}` with these labels around the rollout", self.server.metric);
            return Err(SourceError::Missing { source_name: NAME.into(), what });
        }
        let is_day = |role: Role| matches!(role, Role::BeforeOn(_) | Role::AfterOn(_));
        let numbered = || self.windows.all().iter().enumerate();
        // The end of its day's span, as it would be without moved clocks.
        let day_end = |window: &Window| match window.role {
            Role::BeforeOn(_) => window.start_ms + (end - now),
            _ => window.start_ms + self.windows.length_ms(),
        };
        let of_days = numbered().filter(|(_, window)| is_day(window.role) && is_present(day_end(window), DAY_MS));
        let of_days: Vec<usize> = of_days.map(|(at, _)| at).collect();
        if !of_days.is_empty() {
            return Ok(of_days);
        }
        let earlier = || numbered().filter(|(_, window)| window.role == Role::Earlier);
        let Some(first) = earlier().map(|(_, window)| window.start_ms).min() else { return Ok(Vec::new()) };
        let length = self.windows.length_ms();
        let hours = self.moments(&self.subject.presence(length), first + length, now, length).await?;
        let has_hour = |window: &Window| hours.iter().any(|hour| (hour - length - window.start_ms).abs() * 2 < length);
        Ok(earlier().filter(|(_, window)| has_hour(window)).map(|(at, _)| at).collect())
    }

    /// What is not known because requests do not say how they were answered.
    async fn without_status(&self) -> Result<Option<Doubt>, SourceError> {
        let question = self.server.status_label.zip(self.subject.with_status(self.span_ms()));
        let Some((label, question)) = question else {
            return Ok(Some(Doubt::NoStatus { attribute: None, share: 1.0 }));
        };
        // Where no series has the label there is no answer; where nobody asked anything it is no number.
        let answer = self.instant(&question, self.end_ms(AFTER)).await?;
        let share = answer.first().and_then(|series| series.value).map_or(0.0, |(_, share)| share.0);
        Ok(Doubt::no_status(label, share, 1.0))
    }

    /// Leaves the quietest endpoints to the server where there are too many.
    async fn keep_busiest(&mut self, table: &mut Table, doubts: &mut Vec<Doubt>) -> Result<(), SourceError> {
        let (end, span, most) = (self.end_ms(AFTER), self.span_ms(), table.most().min(MOST_ENDPOINTS));
        let all = self.number(&self.subject.endpoints(span), end).await? as u64;
        if all <= most as u64 {
            return Ok(());
        }
        let busiest = self.instant(&self.subject.busiest(most + 1, span), end).await?;
        // The busiest of those that are too many, and whoever is as quiet, are not asked for.
        let counts = || busiest.iter().filter_map(|series| Some(series.value?.1.0));
        let than = counts().fold(f64::INFINITY, f64::min);
        let kept: Vec<f64> = counts().filter(|count| *count > than).collect();
        if kept.is_empty() {
            let (field, metric) = ("the number of endpoints".to_owned(), self.server.metric);
            let expected = format!(
                "at most {most}; {all} endpoints of `{metric}` are equally busy: their labels may hold ids; give other `endpoint_labels`, or a `selector`"
            );
            return Err(SourceError::Malformed { source_name: NAME.into(), field, expected: expected.into() });
        }
        let busier = Busier { than, until_ms: end, span_ms: span };
        let requests = (self.number(&self.subject.all_requests(span), end).await? - kept.iter().sum::<f64>()).max(0.0);
        // What they took after the rollout is estimated by their share of the requests.
        let length = self.windows.length_ms();
        let after = self.number(&self.subject.all_requests(length), end).await?;
        let time = self.number(&self.subject.all_time(length), end).await? * self.unit_ms();
        let share = requests / (requests + kept.iter().sum::<f64>()).max(1.0);
        let left_out = Traffic { requests: (after * share) as u64, time_ms: time * share };
        let endpoints = all - (kept.len() as u64).min(all);
        table.leave_out(endpoints, requests as u64, left_out);
        doubts.push(Doubt::TooMany { endpoints, or_more: false, requests: requests as u64 });
        self.busier = Some(busier);
        Ok(())
    }

    /// Everything about one window.
    async fn window(&mut self, window: usize) -> Result<Endpoints<'a>, SourceError> {
        let mut endpoints = Endpoints::new(self.server.endpoint_labels, self.unit_ms());
        let malformed = |field: &'static str| SourceError::Malformed {
            source_name: NAME.into(),
            field: field.to_owned(),
            expected: match field {
                "histograms" => "native histograms; `kind: classic` reads series with `_bucket`".into(),
                _ => "classic histograms with `le` and counts; `kind: native` reads the other ones".into(),
            },
        };
        for (blocks, series) in self.blocks(window, &self.subject.buckets(self.block_ms, self.busier)).await? {
            let taken = if self.server.is_native {
                endpoints.take_native(&blocks, series)
            } else {
                endpoints.take_buckets(&blocks, series)
            };
            taken.map_err(malformed)?;
        }
        if !self.server.is_native {
            for (blocks, series) in self.blocks(window, &self.subject.sums(self.block_ms, self.busier)).await? {
                endpoints.take_sums(&blocks, series);
            }
        }
        if let (Some(status), Some(query)) = (self.server.status_label, self.subject.errors(self.block_ms, self.busier))
        {
            for (blocks, series) in self.blocks(window, &query).await? {
                endpoints.take_errors(&blocks, series, status);
            }
        }
        Ok(endpoints)
    }

    /// What a query says at the end of each block of a window: in as few questions as the server answers.
    async fn blocks(&mut self, window: usize, query: &str) -> Result<Vec<(Blocks, Vec<Series>)>, SourceError> {
        let mut answers = Vec::new();
        let mut next = 0;
        while next < BLOCKS {
            let here = self.at_once.min(BLOCKS - next);
            let first = self.end_ms(window) - self.block_ms * (BLOCKS - 1 - next) as i64;
            let last = first + self.block_ms * (here as i64 - 1);
            // What is too much once is too much again: only the smallest question is repeated.
            let backoff = if here > 1 { Backoff::NONE } else { self.server.backoff };
            match self.range(query, first, last, self.block_ms, backoff).await {
                Ok(series) => {
                    answers.push((Blocks { first_ms: first, block_ms: self.block_ms, next, here }, series));
                    next += here;
                }
                Err(Failed::TooMuch(_)) if here > 1 => self.at_once = here / 2,
                Err(Failed::TooMuch(error) | Failed::Other(error)) => return Err(error),
            }
        }
        Ok(answers)
    }

    /// How often counters began anew in the windows before and after.
    async fn resets(&self) -> Result<u64, SourceError> {
        let query = self.subject.resets(self.windows.length_ms());
        let mut times = 0.0;
        for window in [BEFORE, AFTER] {
            times += self.number(&query, self.end_ms(window)).await?;
        }
        Ok(times as u64)
    }

    /// Milliseconds of the metric's unit, which Prometheus has stand in its name.
    fn unit_ms(&self) -> f64 {
        if ["_milliseconds", "_ms", "_millis"].iter().any(|unit| self.server.metric.ends_with(unit)) {
            1.0
        } else {
            1e3
        }
    }

    /// The moments, of those from `first` to `last`, at which a query has any answer; in milliseconds.
    async fn moments(&self, query: &str, first: i64, last: i64, step: i64) -> Result<Vec<i64>, SourceError> {
        let series = self.range(query, first, last, step, self.server.backoff).await?;
        let times = series.iter().flat_map(|series| series.values.iter().filter(|(_, number)| number.0 > 0.0));
        Ok(times.map(|(seconds, _)| (seconds * 1e3).round() as i64).collect())
    }

    /// The one number of an answer, 0 where there is none.
    async fn number(&self, query: &str, at_ms: i64) -> Result<f64, SourceError> {
        let series = self.instant(query, at_ms).await?;
        let number = series.first().and_then(|series| series.value).map_or(0.0, |(_, number)| number.0);
        Ok(if number.is_finite() { number.max(0.0) } else { 0.0 })
    }

    async fn instant(&self, query: &str, at_ms: i64) -> Result<Vec<Series>, SourceError> {
        Ok(self.server.ask("query", &[("query", query), ("time", &seconds(at_ms))], self.server.backoff).await?)
    }

    async fn range(
        &self,
        query: &str,
        first: i64,
        last: i64,
        step: i64,
        backoff: Backoff,
    ) -> Result<Vec<Series>, Failed> {
        let (start, end, step) = (seconds(first), seconds(last), seconds(step));
        let fields = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        self.server.ask("query_range", &fields, backoff).await
    }
}

/// Which blocks of a window were asked for.
struct Blocks {
    first_ms: i64,
    block_ms: i64,
    next: usize,
    here: usize,
}

impl Blocks {
    /// The number of the block that ends at this moment, in seconds since 1970.
    fn number(&self, seconds: f64) -> Option<usize> {
        let at = (seconds * 1e3 - self.first_ms as f64) / self.block_ms as f64;
        let at = at.round();
        (at >= 0.0 && at < self.here as f64).then(|| self.next + at as usize)
    }
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

impl Prometheus<'_> {
    async fn ask(&self, path: &str, fields: &[(&str, &str)], backoff: Backoff) -> Result<Vec<Series>, Failed> {
        let source_name = || SourceName::from(NAME);
        let malformed = |field: &str, expected: String| {
            let field = field.to_owned();
            Failed::Other(SourceError::Malformed { source_name: source_name(), field, expected: expected.into() })
        };
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().extend(["api", "v1", path]),
            Err(()) => return Err(malformed("url", "an address such as https://prometheus.example".to_owned())),
        };
        // Whole answers only (Thanos, VictoriaMetrics in a cluster), at these very moments (VictoriaMetrics).
        let whole =
            [("timeout", THINK), ("partial_response", "false"), ("deny_partial_response", "1"), ("nocache", "1")];
        let form: Vec<&(&str, &str)> = fields.iter().chain(&whole).collect();
        let form = serde_urlencoded::to_string(form).unwrap_or_default(); // pairs of texts can always be written
        let request = || {
            let request = Request::new(Method::POST, url.clone())
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.clone().into_bytes())
                .within(LIMITS);
            match self.token {
                Some(token) => request.bearer(token),
                None => request,
            }
        };
        let is_too_much = |error: &EgressError| {
            matches!(error, EgressError::TooLarge { .. } | EgressError::NoAnswer { .. } | EgressError::BrokeOff { .. })
        };
        let answer = self.egress.send_patiently(request, backoff, random).await;
        let answer = answer.map_err(|error| Failed::unreachable(NAME, error, is_too_much))?;
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            let error = SourceError::Refused { source_name: source_name(), status, answer: answer.excerpt() };
            // Both say so to what would take too many samples, or too long.
            return Err(if matches!(status, 422 | 503) { Failed::TooMuch(error) } else { Failed::Other(error) });
        }
        let said: wire::Answer =
            answer.json().map_err(|_| malformed("the answer", "JSON of Prometheus' API".to_owned()))?;
        if said.status != "success" {
            return Err(malformed("status", "`success`".to_owned()));
        }
        if said.is_partial || !said.warnings.is_empty() {
            let why = said.warnings.first().map(|warning| format!(": {}", one_line(warning, 200))).unwrap_or_default();
            return Err(malformed("a part of the answer", format!("all of it, which the server says it is not{why}")));
        }
        let data = said.data.ok_or_else(|| malformed("data", "the result of a query".to_owned()))?;
        Ok(data.result)
    }
}

#[cfg(test)]
mod tests;
