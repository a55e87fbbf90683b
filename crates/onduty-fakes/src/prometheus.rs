//! A metrics server with the query API of Prometheus, and every way in which one misbehaves.
//!
//! Written from the API's documentation and from recorded answers of Prometheus and VictoriaMetrics. It does not know PromQL: it
//! tells by its words what a question is about, and answers from a few endpoints that are as busy in each block as in any
//! other. What the dialects mean is tested with the real servers.

use crate::served::{Served, Shared};
use crate::trouble::{Misbehaved, Trouble, misbehave, said};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};

/// What is odd about its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// A part of it did not answer, as VictoriaMetrics says it.
    Partial,
    /// The same, as Thanos and Prometheus say it.
    Warnings,
    /// A question for more moments than this would take too many samples: 422.
    TooManySamples(u64),
    /// A question for more moments than this takes too long: 503.
    TooSlow(u64),
    /// A question for more moments than this breaks off.
    BreaksOff(u64),
    /// 400: it does not understand the question.
    BadData,
    /// Sums are NaN, and one bucket is infinite.
    NotANumber,
    /// What is asked for is a summary, without bounds.
    Summary,
    /// 200, and `status` says that it is an error.
    ErrorInside,
    /// Nothing at all is known.
    Nothing,
    /// No series says how requests were answered.
    NoStatus,
    /// Of most blocks of each window nothing is known.
    Gaps,
    /// Nothing is known from 16:10 on 4 March 2026 on.
    NotYet,
}

#[derive(Debug)]
struct Model {
    endpoints: u64,
    trouble: Option<Trouble>,
    oddity: Option<Oddity>,
    asked: Vec<String>,
}

impl Default for Model {
    fn default() -> Model {
        Model { endpoints: 3, trouble: None, oddity: None, asked: Vec::new() }
    }
}

/// The server on a free loopback port.
#[derive(Debug)]
pub struct Prometheus(Served<Model>);

impl Prometheus {
    /// Starts one with three endpoints that lets `token` in.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(token: &str) -> std::io::Result<Prometheus> {
        Served::start(token, answer).await.map(Prometheus)
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// How many endpoints it has.
    pub fn endpoints(&self, number: u64) {
        self.0.shared.model().endpoints = number;
    }

    /// Misbehaves as any server may, or not any more.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.0.shared.model().trouble = trouble;
    }

    /// Is odd as such a server may be, or not any more.
    pub fn oddity(&self, oddity: Option<Oddity>) {
        self.0.shared.model().oddity = oddity;
    }

    /// What was asked since the last time: path and number of moments.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.shared.model().asked)
    }
}

/// A question, as its form has it.
struct Question {
    query: String,
    moments: Vec<f64>,
    is_range: bool,
}

impl Question {
    fn of(path: &str, form: &[u8]) -> Option<Question> {
        let address = format!("http://form/?{}", String::from_utf8_lossy(form));
        let fields: Vec<(String, String)> =
            reqwest::Url::parse(&address).ok()?.query_pairs().map(|(key, value)| (key.into(), value.into())).collect();
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let number = |name: &str| field(name)?.parse::<f64>().ok();
        let is_range = path.ends_with("/query_range");
        let moments = if is_range {
            let (start, end, step) = (number("start")?, number("end")?, number("step")?);
            (0..).map(|at| start + f64::from(at) * step).take_while(|at| *at <= end + 1e-6).collect()
        } else {
            vec![number("time")?]
        };
        Some(Question { query: field("query")?.to_owned(), moments, is_range })
    }

    /// One series of the answer.
    fn series(&self, metric: Value, value: &str) -> Value {
        let samples: Vec<Value> = self.moments.iter().map(|at| json!([at, value])).collect();
        match (self.is_range, samples.as_slice()) {
            (false, [sample, ..]) => json!({"metric": metric, "value": sample}),
            _ => json!({"metric": metric, "values": samples}),
        }
    }
}

async fn answer(State(shared): State<Shared<Model>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let mut model = shared.model();
    let refused = |status: u16, kind: &str, why: &str| {
        said(status, &json!({"status": "error", "errorType": kind, "error": why}), HeaderMap::new())
    };
    if !shared.admits(&parts.headers) {
        return said(401, &json!({"message": "Unauthorized"}), HeaderMap::new());
    }
    let Some(question) = Question::of(parts.uri.path(), &body) else {
        return refused(400, "bad_data", "invalid parameter");
    };
    let moments = question.moments.len() as u64;
    model.asked.push(format!("{} {moments}", parts.uri.path()));
    if let Some(trouble) = model.trouble
        && let Misbehaved::Says(response) = misbehave(trouble, 0)
    {
        return response;
    }
    let is_of_blocks = question.query.contains("_bucket");
    match model.oddity {
        Some(Oddity::BadData) => return refused(400, "bad_data", "invalid parameter \"query\": \u{1b}[31mparse error"),
        Some(Oddity::ErrorInside) => return refused(200, "internal", "no"),
        Some(Oddity::TooManySamples(most)) if is_of_blocks && moments > most => {
            return refused(422, "execution", "query processing would load too many samples into memory");
        }
        Some(Oddity::TooSlow(most)) if is_of_blocks && moments > most => {
            return refused(503, "timeout", "query timed out in expression evaluation");
        }
        Some(Oddity::BreaksOff(most)) if is_of_blocks && moments > most => {
            if let Misbehaved::Says(response) = misbehave(Trouble::Cut, 0) {
                return response;
            }
        }
        _ => {}
    }
    let result = match model.oddity {
        Some(Oddity::Nothing) => Vec::new(),
        Some(Oddity::NoStatus) if question.query.contains("code!=\"\"") => Vec::new(),
        Some(Oddity::Gaps) if question.query.contains(" offset ") => {
            let moments = question.moments.iter().copied().take(5).collect();
            result(&model, &Question { query: question.query.clone(), moments, is_range: question.is_range })
        }
        Some(Oddity::NotYet) if question.query.contains(" offset ") => {
            let moments = question.moments.iter().copied().filter(|at| *at <= 1_772_640_600.0).collect();
            result(&model, &Question { query: question.query.clone(), moments, is_range: question.is_range })
        }
        _ => result(&model, &question),
    };
    let kind = if question.is_range { "matrix" } else { "vector" };
    let mut whole = json!({"status": "success", "data": {"resultType": kind, "result": result}});
    match model.oddity {
        Some(Oddity::Partial) if is_of_blocks => whole["isPartial"] = json!(true),
        Some(Oddity::Warnings) if is_of_blocks => whole["warnings"] = json!(["store b\u{1b}[31m is down"]),
        _ => {}
    }
    said(200, &whole, HeaderMap::new())
}

/// Requests of an endpoint in a block that took up to 50, 100, 250 ms, and all.
const UP_TO: [(&str, u64); 4] = [("0.05", 40), ("0.1", 90), ("0.25", 110), ("+Inf", 110)];
/// What they took together, in seconds.
const SUM: f64 = 7.5;

fn result(model: &Model, question: &Question) -> Vec<Value> {
    let query = question.query.as_str();
    let all = |number: u64| vec![question.series(json!({}), &number.to_string())];
    let each = |more: &dyn Fn(&str) -> Vec<Value>| -> Vec<Value> {
        (0..model.endpoints).flat_map(|number| more(&format!("/{number}"))).collect()
    };
    let is_odd = model.oddity == Some(Oddity::NotANumber);
    match query {
        _ if query.starts_with("count(sum by") => all(model.endpoints),
        _ if query.starts_with("count(") => all(model.endpoints * 4),
        _ if query.starts_with("topk(") => each(&|route| vec![question.series(json!({"route": route}), "1000")]),
        _ if query.starts_with("sum(resets(") => Vec::new(),
        _ if query.starts_with("sum(sum by") => all(model.endpoints * 1000),
        _ if query.starts_with("sum(increase(") && query.contains(" / ") => all(1),
        _ if query.starts_with("sum(increase(") => all(70),
        _ if query.contains("_bucket") && model.oddity == Some(Oddity::Summary) => {
            each(&|route| vec![question.series(json!({"route": route, "quantile": "0.5"}), "7")])
        }
        _ if query.contains("_bucket") => each(&|route| {
            let bucket = |(le, count): &(&str, u64)| {
                let count = if is_odd && *le == "0.1" { "+Inf".to_owned() } else { count.to_string() };
                question.series(json!({"route": route, "le": le}), &count)
            };
            UP_TO.iter().map(bucket).collect()
        }),
        _ if query.contains("_sum") => each(&|route| {
            let sum = if is_odd { "NaN".to_owned() } else { SUM.to_string() };
            vec![question.series(json!({"route": route}), &sum)]
        }),
        _ => each(&|route| vec![question.series(json!({"route": route, "code": "500"}), "1")]),
    }
}
