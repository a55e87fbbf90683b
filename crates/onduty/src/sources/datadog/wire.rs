//! The JSON of Datadog's questions and answers: tables, and series whose times and values stand apart.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The question for a table: what each of `queries` adds up to between two moments; of the first only the `most` largest
/// rows.
pub fn scalar(from_ms: i64, to_ms: i64, queries: &[String], most: Option<usize>) -> Value {
    let mut formulas = formulas(queries);
    if let (Some(most), Some(first)) = (most, formulas.first_mut()) {
        first["limit"] = json!({"count": most, "order": "desc"});
    }
    let named = named(queries).map(|mut query| {
        query["aggregator"] = json!("sum");
        query
    });
    json!({"data": {"type": "scalar_request", "attributes": {
        "from": from_ms, "to": to_ms, "queries": named.collect::<Vec<_>>(), "formulas": formulas,
    }}})
}

/// The question for series: what each of `queries` says of each piece of that length.
pub fn timeseries(from_ms: i64, to_ms: i64, piece_ms: i64, queries: &[String]) -> Value {
    json!({"data": {"type": "timeseries_request", "attributes": {
        "from": from_ms, "to": to_ms, "interval": piece_ms,
        "queries": named(queries).collect::<Vec<_>>(), "formulas": formulas(queries),
    }}})
}

fn named(queries: &[String]) -> impl Iterator<Item = Value> {
    let named = queries.iter().enumerate();
    named.map(|(at, query)| json!({"data_source": "metrics", "name": format!("q{at}"), "query": query}))
}

fn formulas(queries: &[String]) -> Vec<Value> {
    (0..queries.len()).map(|at| json!({"formula": format!("q{at}")})).collect()
}

/// Something that may say what went wrong.
pub trait Told: DeserializeOwned {
    /// What went wrong, though the status is a good one.
    fn problem(&self) -> Option<&str>;
}

/// A table.
#[derive(Debug, Deserialize)]
pub struct Scalar {
    data: Option<Data<Table>>,
    errors: Option<String>,
}

/// Series.
#[derive(Debug, Deserialize)]
pub struct Timeseries {
    data: Option<Data<AllSeries>>,
    errors: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Data<T> {
    attributes: T,
}

#[derive(Debug, Deserialize)]
struct Table {
    columns: Vec<Column>,
}

#[derive(Debug, Deserialize)]
struct Column {
    #[serde(default)]
    name: String,
    #[serde(rename = "type")]
    kind: String,
    values: Vec<Value>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Debug, Deserialize)]
struct Meta {
    #[serde(default)]
    unit: Option<Vec<Option<Unit>>>,
}

#[derive(Debug, Deserialize)]
struct AllSeries {
    series: Vec<Series>,
    times: Vec<i64>,
    values: Vec<Vec<Option<f64>>>,
}

#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    group_tags: Vec<String>,
    query_index: usize,
    #[serde(default)]
    unit: Option<Vec<Option<Unit>>>,
}

/// What a value is measured in.
#[derive(Debug, Deserialize)]
struct Unit {
    #[serde(default)]
    family: String,
    #[serde(default)]
    scale_factor: Option<f64>,
}

/// Seconds of a value of that unit; seconds unless it says otherwise.
fn seconds_of(unit: Option<&Vec<Option<Unit>>>) -> f64 {
    let unit = unit.and_then(|units| units.first()?.as_ref()).filter(|unit| unit.family == "time");
    unit.and_then(|unit| unit.scale_factor).filter(|factor| *factor > 0.0).unwrap_or(1.0)
}

/// Which series it is.
#[derive(Debug)]
pub struct Query {
    /// The number of the query.
    pub number: usize,
    /// Its tags.
    pub tags: HashMap<String, String>,
}

impl Told for Scalar {
    fn problem(&self) -> Option<&str> {
        self.errors.as_deref().filter(|errors| !errors.is_empty())
    }
}

impl Told for Timeseries {
    fn problem(&self) -> Option<&str> {
        self.errors.as_deref().filter(|errors| !errors.is_empty())
    }
}

impl Scalar {
    fn numbers(&self) -> impl Iterator<Item = &Column> {
        self.data.iter().flat_map(|data| &data.attributes.columns).filter(|column| column.kind == "number")
    }

    /// The first value of the column of numbers with this number.
    pub fn count(&self, at: usize) -> Option<f64> {
        self.numbers().nth(at)?.values.first()?.as_f64()
    }

    /// The same in seconds.
    pub fn seconds(&self, at: usize) -> Option<f64> {
        let unit = self.numbers().nth(at)?.meta.as_ref().and_then(|meta| meta.unit.as_ref());
        Some(self.count(at)? * seconds_of(unit))
    }

    /// The tags of each row and its number; `None` where it has no such columns. A table of nothing has none at all.
    pub fn rows(&self, tags: &[String]) -> Option<Vec<(HashMap<String, String>, f64)>> {
        let columns = &self.data.as_ref()?.attributes.columns;
        let Some(numbers) = self.numbers().next() else { return columns.is_empty().then(Vec::new) };
        let of_tag = |tag: &String| columns.iter().find(|column| column.kind == "group" && column.name == *tag);
        let groups: Vec<(&String, &Column)> = tags.iter().filter_map(|tag| Some((tag, of_tag(tag)?))).collect();
        if groups.len() != tags.len() && !numbers.values.is_empty() {
            return None;
        }
        let row = |(at, number): (usize, &Value)| {
            let tags = groups.iter().filter_map(|(tag, column)| {
                let value = column.values.get(at)?;
                // A list of the values of the tag.
                let value = value.as_array().and_then(|all| all.first()).unwrap_or(value);
                Some(((*tag).clone(), value.as_str()?.to_owned()))
            });
            (tags.collect(), number.as_f64().unwrap_or(0.0))
        };
        Some(numbers.values.iter().enumerate().map(row).collect())
    }
}

impl Timeseries {
    /// When pieces begin, in milliseconds since 1970.
    pub fn times(&self) -> Vec<i64> {
        self.data.as_ref().map(|data| data.attributes.times.clone()).unwrap_or_default()
    }

    /// Each series, the milliseconds of its unit and its values; `None` for one without values.
    pub fn series(&self) -> impl Iterator<Item = Option<(Query, f64, &Vec<Option<f64>>)>> {
        let all =
            self.data.iter().flat_map(|data| data.attributes.series.iter().enumerate().map(move |one| (data, one)));
        all.map(|(data, (at, series))| {
            let tags = series.group_tags.iter().filter_map(|tag| tag.split_once(':'));
            let tags = tags.map(|(tag, value)| (tag.to_owned(), value.to_owned())).collect();
            let unit_ms = seconds_of(series.unit.as_ref()) * 1e3;
            Some((Query { number: series.query_index, tags }, unit_ms, data.attributes.values.get(at)?))
        })
    }
}
