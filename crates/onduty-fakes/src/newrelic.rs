//! New Relic's NerdGraph, as far as questions in NRQL go that onduty asks, and every way in which it misbehaves.
//!
//! Written from the documentation of NerdGraph and NRQL: errors come with status 200, facets are cut at 5,000, a query that
//! takes too long has the error class `TIMEOUT`. It understands the clauses of the questions, not the language.

use crate::served::{Served, Shared};
pub use crate::sums::Asked;
use crate::sums::Traffic;
use crate::trouble::{Misbehaved, Trouble, misbehave, said};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};

/// What is odd about its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// A query for more pieces of time than this takes too long.
    TooSlow(usize),
    /// An error beside data.
    ErrorInside,
    /// No data and no error.
    NoData,
    /// Rows without the whole beside them.
    NoTotal,
    /// Pieces of time that do not say when they begin.
    NoTimes,
    /// Two requests in three do not say how they were answered.
    LittleStatus,
}

/// Facets of an answer, at most.
const MOST_FACETS: usize = 5_000;

#[derive(Debug, Default)]
struct Model {
    account: u64,
    traffic: Traffic,
    trouble: Option<Trouble>,
    oddity: Option<Oddity>,
    asked: Vec<String>,
}

/// NerdGraph on a free loopback port.
#[derive(Debug)]
pub struct NewRelic(Served<Model>);

impl NewRelic {
    /// Starts one with an account that lets `key` in.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(key: &str, account: u64) -> std::io::Result<NewRelic> {
        let served = Served::start(key, answer).await?;
        served.shared.model().account = account;
        Ok(NewRelic(served))
    }

    /// `http://127.0.0.1:PORT/graphql`
    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.0.address)
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

    /// Nothing is known from before `at_ms`.
    pub fn since(&self, at_ms: i64) {
        self.0.shared.model().traffic.since_ms = at_ms;
    }

    /// Nothing is known from `at_ms` on.
    pub fn until(&self, at_ms: i64) {
        self.0.shared.model().traffic.until_ms = Some(at_ms);
    }

    /// Misbehaves as any server may, or not any more.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.0.shared.model().trouble = trouble;
    }

    /// Is odd as NerdGraph may be, or not any more.
    pub fn oddity(&self, oddity: Option<Oddity>) {
        self.0.shared.model().oddity = oddity;
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.shared.model().asked)
    }
}

async fn answer(State(shared): State<Shared<Model>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut model = shared.model();
    let key = parts.headers.get("api-key").map(|key| key.as_bytes());
    if key != Some(shared.token.as_bytes()) {
        return said(401, &json!({"errors": [{"message": "The API key provided is invalid"}]}), HeaderMap::new());
    }
    if let Some(trouble) = model.trouble
        && let Misbehaved::Says(response) = misbehave(trouble, 0)
    {
        return response;
    }
    let question: Value = serde_json::from_slice(&body).unwrap_or_default();
    let nrql = question["variables"]["nrql"].as_str().unwrap_or_default().to_owned();
    let is_asked = |part: &str| question["query"].as_str().is_some_and(|query| query.contains(part));
    let errors = |message: &str, class: &str| {
        let error =
            json!({"message": message, "extensions": {"errorClass": class}, "path": ["actor", "account", "nrql"]});
        said(200, &json!({"data": {"actor": {"account": {"nrql": null}}}, "errors": [error]}), HeaderMap::new())
    };
    if parts.uri.path() != "/graphql" || !is_asked("nrql(query: $nrql") || !is_asked("account(id: $account)") {
        return errors("Syntax error in the GraphQL document", "BAD_REQUEST");
    }
    if question["variables"]["account"] != model.account {
        return errors("You don't have access to this account", "UNAUTHORIZED");
    }
    model.asked.push(nrql.clone());
    let Some(query) = Query::of(&nrql) else { return errors("NRQL Syntax Error: Error at line 1", "BAD_REQUEST") };
    match model.oddity {
        Some(Oddity::TooSlow(most)) if query.pieces().len() > most => {
            return errors("Your query timed out", "TIMEOUT");
        }
        Some(Oddity::ErrorInside) => return errors("NRDB: \u{1b}[31mshards are away", "SERVER_ERROR"),
        Some(Oddity::NoData) => {
            return said(200, &json!({"data": {"actor": {"account": null}}}), HeaderMap::new());
        }
        _ => {}
    }
    let (mut results, mut total) = (query.results(&model.traffic), query.total(&model.traffic));
    match model.oddity {
        Some(Oddity::NoTotal) => total = Value::Null,
        Some(Oddity::LittleStatus) => total["withStatus"] = json!(total["count"].as_u64().unwrap_or(0) / 3),
        Some(Oddity::NoTimes) => results.iter_mut().for_each(|row| row["beginTimeSeconds"] = Value::Null),
        _ => {}
    }
    let nrql = json!({"results": results, "totalResult": total});
    said(200, &json!({"data": {"actor": {"account": {"nrql": nrql}}}}), HeaderMap::new())
}

/// The clauses of a query.
struct Query {
    kind: Kind,
    from_ms: i64,
    to_ms: i64,
    piece_ms: Option<i64>,
    applications: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Busiest,
    Answered,
    Errors,
}

impl Query {
    fn of(nrql: &str) -> Option<Query> {
        let after = |clause: &str| nrql.split_once(clause).map(|(_, rest)| rest);
        let number = |clause: &str| after(clause)?.split(' ').next()?.parse::<i64>().ok();
        let kind = if nrql.starts_with(
            "SELECT count(*) AS 'count', sum(duration) AS 'time', filter(count(*), WHERE `httpResponseCode` IS NOT NULL) AS 'withStatus' FROM",
        ) {
            Kind::Busiest
        } else if nrql.starts_with(
            "SELECT count(*) AS 'count', average(duration) AS 'mean', percentile(duration, 50, 90, 95, 99) AS 'percentiles' FROM",
        ) {
            Kind::Answered
        } else if nrql.starts_with("SELECT filter(count(*), WHERE string(`httpResponseCode`) LIKE '4%') AS 'refused', ") {
            Kind::Errors
        } else {
            return None;
        };
        if !nrql.contains(" FROM Transaction WHERE transactionType = 'Web'")
            || !nrql.contains(" FACET appName, name LIMIT MAX ")
        {
            return None;
        }
        let piece_ms = number(" TIMESERIES ").map(|seconds| seconds * 1000);
        let applications =
            after(" AND appName IN (").and_then(|rest| rest.split_once(')')).map(|(some, _)| some.to_owned());
        (piece_ms.is_some() == (kind != Kind::Busiest)).then_some(())?;
        Some(Query { kind, from_ms: number(" SINCE ")?, to_ms: number(" UNTIL ")?, piece_ms, applications })
    }

    fn pieces(&self) -> Vec<(i64, i64)> {
        let Some(piece) = self.piece_ms else { return vec![(self.from_ms, self.to_ms)] };
        let begins = (0..).map(|at| self.from_ms + at * piece).take_while(|from| *from < self.to_ms);
        begins.map(|from| (from, (from + piece).min(self.to_ms))).collect()
    }

    fn is_wanted(&self, asked: &Asked) -> bool {
        self.applications.as_ref().is_none_or(|some| some.contains(&format!("'{}'", asked.service)))
    }

    fn results(&self, traffic: &Traffic) -> Vec<Value> {
        let mut rows = Vec::new();
        let wanted = traffic.endpoints.iter().enumerate().filter(|(_, asked)| self.is_wanted(asked));
        for (number, asked) in wanted.take(MOST_FACETS) {
            // With no data there is no row, but for the other pieces of a facet that has some.
            if traffic.sums(number, self.from_ms, self.to_ms).count == 0 {
                continue;
            }
            for (from, to) in self.pieces() {
                let sums = traffic.sums(number, from, to);
                let mut row =
                    json!({"facet": [asked.service, asked.name], "appName": asked.service, "name": asked.name});
                if self.piece_ms.is_some() {
                    row["beginTimeSeconds"] = json!(from as f64 / 1e3);
                    row["endTimeSeconds"] = json!(to as f64 / 1e3);
                }
                match self.kind {
                    Kind::Busiest => {
                        row["count"] = json!(sums.count);
                        row["time"] = json!(sums.mean_s * sums.count as f64);
                    }
                    Kind::Answered if sums.count == 0 => {
                        row["count"] = json!(0);
                        row["mean"] = Value::Null;
                        row["percentiles"] = json!({"50": null, "90": null, "95": null, "99": null});
                    }
                    Kind::Answered => {
                        let [p50, p90, p95, p99] = sums.percentiles_s;
                        row["count"] = json!(sums.count);
                        row["mean"] = json!(sums.mean_s);
                        row["percentiles"] = json!({"50": p50, "90": p90, "95": p95, "99": p99});
                    }
                    Kind::Errors => {
                        row["refused"] = json!(sums.refused);
                        row["failed"] = json!(sums.failed);
                    }
                }
                rows.push(row);
            }
        }
        rows
    }

    fn total(&self, traffic: &Traffic) -> Value {
        let wanted = traffic.endpoints.iter().enumerate().filter(|(_, asked)| self.is_wanted(asked));
        let all = wanted.map(|(number, _)| traffic.sums(number, self.from_ms, self.to_ms));
        let (count, time) =
            all.fold((0, 0.0), |(count, time), sums| (count + sums.count, time + sums.mean_s * sums.count as f64));
        json!({"count": count, "time": time, "withStatus": count})
    }
}
