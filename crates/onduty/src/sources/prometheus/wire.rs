//! The JSON of the query API. Numbers are texts, `NaN` and `+Inf` among them; histograms stand beside the values.

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// An answer to a query.
#[derive(Debug, serde::Deserialize)]
pub struct Answer {
    /// `success`, or it comes with another status.
    pub status: String,
    /// What was found.
    pub data: Option<Data>,
    /// What the server says about an answer that is not whole.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// VictoriaMetrics says it like this.
    #[serde(default, rename = "isPartial")]
    pub is_partial: bool,
}

/// What was found.
#[derive(Debug, serde::Deserialize)]
pub struct Data {
    /// One for each set of labels.
    pub result: Vec<Series>,
}

/// What was found for one set of labels.
#[derive(Debug, serde::Deserialize)]
pub struct Series {
    /// The labels.
    #[serde(default)]
    pub metric: BTreeMap<String, String>,
    /// The one sample of an instant query.
    pub value: Option<(f64, Number)>,
    /// Seconds since 1970, and the value then.
    #[serde(default)]
    pub values: Vec<(f64, Number)>,
    /// The same with histograms.
    #[serde(default)]
    pub histograms: Vec<(f64, Native)>,
}

/// A native histogram.
#[derive(Debug, serde::Deserialize)]
pub struct Native {
    /// What all durations add up to, in the metric's unit.
    pub sum: Number,
    /// Which bounds belong to it, lower bound, upper bound, how many.
    #[serde(default)]
    pub buckets: Vec<(i64, Number, Number, Number)>,
}

/// A number, written as a text or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

impl Number {
    /// What can be counted or added. A server may say NaN or infinity, which is not known, and less than nothing where
    /// samples contradict each other.
    pub fn known(self) -> Option<f64> {
        self.0.is_finite().then(|| self.0.clamp(0.0, 1e15))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number as a text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(|_| E::custom("not a number"))
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
        }
        deserializer.deserialize_any(Text).map_err(D::Error::custom)
    }
}
