//! Datadog's queries of several products (version 2), as far as onduty asks them, and every way in which they misbehave.
//!
//! Written from the API's documentation and its recorded answers. It understands the parts of a query, not the language.

use crate::served::{Served, Shared};
pub use crate::sums::Asked;
use crate::sums::{Sums, Traffic};
use crate::trouble::{Misbehaved, Trouble, misbehave, said};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};

/// What is odd about its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// A query for more time than this, in milliseconds, ends at the gateway: 504.
    TooSlow(i64),
    /// 200 with `errors`.
    ErrorInside,
    /// Fewer values than times.
    ShortValues,
    /// A series that nobody asked for.
    OtherQuery,
    /// A whole without a number.
    NoTotal,
    /// Durations are milliseconds, and said to be.
    Milliseconds,
    /// No request says how it was answered.
    NoStatus,
}

#[derive(Debug, Default)]
struct Model {
    application_key: String,
    traffic: Traffic,
    trouble: Option<Trouble>,
    oddity: Option<Oddity>,
    asked: Vec<String>,
}

/// The API on a free loopback port.
#[derive(Debug)]
pub struct Datadog(Served<Model>);

impl Datadog {
    /// Starts one that lets these keys in.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(api_key: &str, application_key: &str) -> std::io::Result<Datadog> {
        let served = Served::start(api_key, answer).await?;
        served.shared.model().application_key = application_key.to_owned();
        Ok(Datadog(served))
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// An endpoint that somebody asks.
    pub fn asks(&self, asked: Asked) {
        self.0.shared.model().traffic.endpoints.push(asked);
    }

    /// From `at_ms` on the endpoint of this number takes `by` times as long, and half of what the next one is asked fails.
    pub fn slower(&self, at_ms: i64, number: usize, by: f64) {
        let mut model = self.0.shared.model();
        model.traffic.slower = Some((at_ms, number, by));
        model.traffic.failing = Some((at_ms, number + 1));
    }

    /// Nothing is known from `at_ms` on.
    pub fn until(&self, at_ms: i64) {
        self.0.shared.model().traffic.until_ms = Some(at_ms);
    }

    /// From `at_ms` on the endpoint of this number takes `by` times as long.
    pub fn only_slower(&self, at_ms: i64, number: usize, by: f64) {
        self.0.shared.model().traffic.slower = Some((at_ms, number, by));
    }

    /// What was slower is as it was before, from `at_ms` on.
    pub fn mended(&self, at_ms: i64) {
        self.0.shared.model().traffic.mended_ms = Some(at_ms);
    }

    /// Misbehaves as any server may, or not any more.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.0.shared.model().trouble = trouble;
    }

    /// Is odd as this one may be, or not any more.
    pub fn oddity(&self, oddity: Option<Oddity>) {
        self.0.shared.model().oddity = oddity;
    }

    /// The queries that were asked since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.shared.model().asked)
    }
}

async fn answer(State(shared): State<Shared<Model>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut model = shared.model();
    let header = |name: &str| parts.headers.get(name).map(|value| value.as_bytes());
    if header("dd-api-key") != Some(shared.token.as_bytes())
        || header("dd-application-key") != Some(model.application_key.as_bytes())
    {
        return said(403, &json!({"errors": ["Forbidden"]}), HeaderMap::new());
    }
    if let Some(trouble) = model.trouble
        && let Misbehaved::Says(response) = misbehave(trouble, 0)
    {
        return response;
    }
    let question: Value = serde_json::from_slice(&body).unwrap_or_default();
    let attributes = &question["data"]["attributes"];
    let wrong = || said(400, &json!({"errors": ["Error parsing query"]}), HeaderMap::new());
    let (Some(from), Some(to)) = (attributes["from"].as_i64(), attributes["to"].as_i64()) else { return wrong() };
    let queries: Option<Vec<Query>> = attributes["queries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|query| Query::of(query["query"].as_str()?))
        .collect();
    let Some(queries) = queries.filter(|queries| !queries.is_empty()) else { return wrong() };
    model.asked.extend(attributes["queries"].as_array().into_iter().flatten().map(|query| query["query"].to_string()));
    match model.oddity {
        Some(Oddity::TooSlow(most)) if to - from > most && question["data"]["type"] == "timeseries_request" => {
            return said(504, &json!({"errors": ["Gateway Timeout"]}), HeaderMap::new());
        }
        Some(Oddity::ErrorInside) => {
            return said(200, &json!({"data": null, "errors": "the query \u{1b}[31mfailed"}), HeaderMap::new());
        }
        _ => {}
    }
    let attributes = match (parts.uri.path(), question["data"]["type"].as_str(), attributes["interval"].as_i64()) {
        ("/api/v2/query/scalar", Some("scalar_request"), None) => {
            let limit = attributes["formulas"][0]["limit"]["count"].as_u64();
            scalar(&model, &queries, from, to, limit)
        }
        ("/api/v2/query/timeseries", Some("timeseries_request"), Some(interval)) if interval > 0 => {
            timeseries(&model, &queries, from, to, interval)
        }
        _ => return wrong(),
    };
    said(200, &json!({"data": {"id": "0", "type": "response", "attributes": attributes}}), HeaderMap::new())
}

/// One query: `p95:trace.http.request{env:production AND NOT http.status_code:4*} by {service,resource_name}`.
struct Query {
    what: String,
    class: Option<char>,
    /// Only what has a status.
    has_status: bool,
    tags: Vec<String>,
}

impl Query {
    fn of(text: &str) -> Option<Query> {
        let (what, rest) = text.split_once(":trace.http.request{")?;
        let (scope, rest) = rest.split_once('}')?;
        let conditions: Vec<&str> = scope.split(" AND ").collect();
        let is_there = |condition: &str| conditions.contains(&condition);
        let is_well = is_there("NOT http.status_code:4*") && is_there("NOT http.status_code:5*");
        let class = ['4', '5'].into_iter().find(|class| is_there(&format!("http.status_code:{class}*")));
        if !is_there("env:production") || is_well == class.is_some() {
            return None;
        }
        let tags = rest.strip_prefix(" by {").and_then(|rest| rest.split_once('}')).map(|(tags, _)| tags);
        let is_count = rest.ends_with(".as_count()");
        if is_count != matches!(what, "count" | "sum") {
            return None;
        }
        let tags = tags.into_iter().flat_map(|tags| tags.split(',')).map(str::to_owned).collect();
        Some(Query { what: what.to_owned(), class, has_status: is_there("http.status_code:*"), tags })
    }

    fn value(&self, sums: &Sums, unit: f64) -> Option<f64> {
        let known = |value: f64| (sums.count > 0).then_some(value * unit);
        match (self.what.as_str(), self.class) {
            ("count", Some('4')) => Some(sums.refused as f64),
            ("count", Some(_)) => Some(sums.failed as f64),
            ("count", None) => Some(sums.count as f64),
            ("sum", _) => known(sums.mean_s * sums.count as f64),
            ("avg", _) => known(sums.mean_s),
            (percentile, _) => {
                let at = ["p50", "p90", "p95", "p99"].iter().position(|known| *known == percentile)?;
                known(sums.percentiles_s[at])
            }
        }
    }

    fn unit(&self, is_ms: bool) -> Value {
        let (name, factor) = if is_ms { ("millisecond", 0.001) } else { ("second", 1.0) };
        match self.what.as_str() {
            "count" => Value::Null,
            _ => json!([{"family": "time", "name": name, "scale_factor": factor}, null]),
        }
    }
}

fn tag(asked: &Asked, name: &str) -> String {
    if name == "service" { asked.service.clone() } else { asked.name.clone() }
}

fn scalar(model: &Model, queries: &[Query], from: i64, to: i64, limit: Option<u64>) -> Value {
    let traffic = &model.traffic;
    let all: Vec<Sums> = (0..traffic.endpoints.len()).map(|number| traffic.sums(number, from, to)).collect();
    if queries[0].tags.is_empty() {
        let column = |query: &Query| {
            let sum: f64 = all.iter().filter_map(|sums| query.value(sums, 1.0)).sum();
            let is_known = match model.oddity {
                Some(Oddity::NoTotal) => false,
                Some(Oddity::NoStatus) => !query.has_status,
                _ => true,
            };
            let sum = is_known.then_some(sum);
            json!({"name": "a", "type": "number", "values": [sum], "meta": {"unit": query.unit(false)}})
        };
        return json!({"columns": queries.iter().map(column).collect::<Vec<_>>()});
    }
    let mut rows: Vec<usize> = (0..all.len()).filter(|number| all[*number].count > 0).collect();
    rows.sort_by_key(|number| std::cmp::Reverse(all[*number].count));
    rows.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    if rows.is_empty() {
        return json!({"columns": []});
    }
    let mut columns: Vec<Value> = queries[0]
        .tags
        .iter()
        .map(|name| {
            let values: Vec<Value> =
                rows.iter().map(|number| json!([tag(&traffic.endpoints[*number], name)])).collect();
            json!({"name": name, "type": "group", "values": values})
        })
        .collect();
    let numbers: Vec<Option<f64>> = rows.iter().map(|number| queries[0].value(&all[*number], 1.0)).collect();
    columns.push(json!({"name": "q0", "type": "number", "values": numbers, "meta": {"unit": null}}));
    json!({"columns": columns})
}

fn timeseries(model: &Model, queries: &[Query], from: i64, to: i64, interval: i64) -> Value {
    let first = (from + interval - 1).div_euclid(interval) * interval;
    let times: Vec<i64> = (0..).map(|at| first + at * interval).take_while(|at| *at < to).collect();
    let is_ms = model.oddity == Some(Oddity::Milliseconds);
    let (mut series, mut values) = (Vec::new(), Vec::new());
    for (index, query) in queries.iter().enumerate() {
        for (number, asked) in model.traffic.endpoints.iter().enumerate() {
            let tags: Vec<String> = query.tags.iter().map(|name| format!("{name}:{}", tag(asked, name))).collect();
            let unit = if is_ms && query.what != "count" { 1e3 } else { 1.0 };
            let of = |at: &i64| query.value(&model.traffic.sums(number, *at, at + interval), unit);
            let mut all: Vec<Option<f64>> = times.iter().map(of).collect();
            if model.oddity == Some(Oddity::ShortValues) {
                all.pop();
            }
            let index = if model.oddity == Some(Oddity::OtherQuery) { index + 90 } else { index };
            series.push(json!({"group_tags": tags, "query_index": index, "unit": query.unit(is_ms)}));
            values.push(all);
        }
    }
    json!({"series": series, "times": times, "values": values})
}
