//! The JSON of NerdGraph. Facets are texts, or lists of texts; with `AS` a percentile is a map under that name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const QUESTION: &str = "query($account: Int!, $nrql: Nrql!) { actor { account(id: $account) { \
    nrql(query: $nrql, timeout: 9) { results totalResult } } } }";

/// What is asked.
#[derive(Debug, Serialize)]
pub struct Question<'a> {
    query: &'static str,
    variables: Variables<'a>,
}

#[derive(Debug, Serialize)]
struct Variables<'a> {
    account: u64,
    nrql: &'a str,
}

impl Question<'_> {
    /// An NRQL query about an account.
    pub fn of(account: u64, nrql: &str) -> Question<'_> {
        Question { query: QUESTION, variables: Variables { account, nrql } }
    }
}

/// What is answered.
#[derive(Debug, Deserialize)]
pub struct Answer {
    data: Option<Data>,
    /// What went wrong, beside which there may be data.
    #[serde(default)]
    pub errors: Vec<Problem>,
}

/// What went wrong.
#[derive(Debug, Deserialize)]
pub struct Problem {
    /// In words.
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    extensions: BTreeMap<String, serde_json::Value>,
}

impl Problem {
    /// Whether the query took too long.
    pub fn is_time_out(&self) -> bool {
        self.extensions
            .get("errorClass")
            .and_then(serde_json::Value::as_str)
            .is_some_and(|class| class.contains("TIMEOUT"))
    }
}

#[derive(Debug, Deserialize)]
struct Data {
    actor: Option<Actor>,
}

#[derive(Debug, Deserialize)]
struct Actor {
    account: Option<Account>,
}

#[derive(Debug, Deserialize)]
struct Account {
    nrql: Option<Nrql>,
}

/// The results of a query.
#[derive(Debug, Deserialize)]
pub struct Nrql {
    /// A row for each facet, and each piece of time where that was asked for.
    pub results: Vec<Row>,
    /// The same of everything.
    #[serde(rename = "totalResult")]
    pub total: Option<Row>,
}

/// A row of results.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Row {
    /// What it is about.
    #[serde(deserialize_with = "one_or_many")]
    pub facet: Vec<Option<String>>,
    /// When it begins, in seconds since 1970.
    #[serde(rename = "beginTimeSeconds")]
    pub from: Option<f64>,
    /// When it ends.
    #[serde(rename = "endTimeSeconds")]
    pub to: Option<f64>,
    /// Requests.
    pub count: Option<f64>,
    /// How long they took together, in seconds.
    pub time: Option<f64>,
    /// Requests that have a status.
    #[serde(rename = "withStatus")]
    pub with_status: Option<f64>,
    /// On average.
    pub mean: Option<f64>,
    percentiles: BTreeMap<String, Option<f64>>,
    /// Requests that the client got wrong.
    pub refused: Option<f64>,
    /// Requests that the server failed.
    pub failed: Option<f64>,
}

impl Row {
    /// The percentile that is called `50` or `50.0`.
    pub fn percentile(&self, name: &str) -> Option<f64> {
        let with_point = || self.percentiles.get(&format!("{name}.0"));
        self.percentiles.get(name).or_else(with_point).copied().flatten()
    }
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Option<String>>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Array(all) => all.into_iter().map(shown).collect(),
        one => vec![shown(one)],
    })
}

fn shown(value: serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

impl Answer {
    /// The results, where there are any.
    pub fn into_nrql(self) -> Option<Nrql> {
        self.data?.actor?.account?.nrql
    }
}
