//! The same messages as JSON, whose fields are spelled here alone: names in camel case, 64-bit numbers as text,
//! enumerations as numbers.
//!
//! Lists are taken apart piece by piece, each a slice of the body, because their parts come in any order (`resource` may
//! stand behind its spans) and must not all be built at once.

use super::attributes::{Attributes, Scalar};
use super::metrics::{Metric, RawBuckets, RawPoint, Sender, identity_of};
use super::traces::Span;
use super::{Malformed, Message};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;

/// A whole number, which may be written as text; names of enumerations as well.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Whole(i128);

impl Whole {
    fn unsigned(self) -> u64 {
        u64::try_from(self.0).unwrap_or(if self.0 < 0 { 0 } else { u64::MAX })
    }

    fn signed(self) -> i64 {
        self.0.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    fn small(self) -> i32 {
        self.0.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Whole;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a whole number")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number.into()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number.into()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Whole, E> {
                let is_whole = number.fract() == 0.0 && number.abs() < 1e20;
                if is_whole {
                    Ok(Whole(number as i128))
                } else {
                    Err(E::invalid_type(de::Unexpected::Float(number), &self))
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Whole, E> {
                match text {
                    "SPAN_KIND_SERVER" | "STATUS_CODE_ERROR" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => Ok(Whole(2)),
                    "SPAN_KIND_CONSUMER" => Ok(Whole(5)),
                    "AGGREGATION_TEMPORALITY_DELTA" => Ok(Whole(1)),
                    _ if text.starts_with("SPAN_KIND_") || text.starts_with("STATUS_CODE_") => Ok(Whole(0)),
                    _ => text.parse().map(Whole).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A number that may be text: `"NaN"`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Real(f64);

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Real, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Real;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Real, E> {
                Ok(Real(number as f64))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Real, E> {
                Ok(Real(number as f64))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Real, E> {
                Ok(Real(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Real, E> {
                text.parse().map(Real).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A list of which nobody has read the parts yet.
type Pieces<'a> = Option<Vec<&'a RawValue>>;

/// `{"key": …, "value": {…}}`
#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyValue {
    string_value: Option<String>,
    bool_value: Option<bool>,
    int_value: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    resource_spans: Pieces<'a>,
    #[serde(borrow)]
    resource_metrics: Pieces<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfResource<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    scope_spans: Pieces<'a>,
    #[serde(borrow)]
    scope_metrics: Pieces<'a>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow)]
    attributes: Pieces<'a>,
}

#[derive(Deserialize)]
struct OfScope<'a> {
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow)]
    spans: Pieces<'a>,
    #[serde(borrow)]
    metrics: Pieces<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonSpan<'a> {
    name: Option<String>,
    kind: Option<Whole>,
    start_time_unix_nano: Option<Whole>,
    end_time_unix_nano: Option<Whole>,
    #[serde(borrow)]
    attributes: Pieces<'a>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    code: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonMetric<'a> {
    name: Option<String>,
    unit: Option<String>,
    #[serde(borrow)]
    histogram: Option<JsonHistogram<'a>>,
    #[serde(borrow)]
    exponential_histogram: Option<JsonHistogram<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonHistogram<'a> {
    #[serde(borrow)]
    data_points: Pieces<'a>,
    aggregation_temporality: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonPoint<'a> {
    #[serde(borrow)]
    attributes: Pieces<'a>,
    start_time_unix_nano: Option<Whole>,
    time_unix_nano: Option<Whole>,
    count: Option<Whole>,
    sum: Option<Real>,
    bucket_counts: Option<Vec<Whole>>,
    explicit_bounds: Option<Vec<Real>>,
    flags: Option<Whole>,
    scale: Option<Whole>,
    zero_count: Option<Whole>,
    positive: Option<Range>,
    negative: Option<Range>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Range {
    offset: Option<Whole>,
    bucket_counts: Option<Vec<Whole>>,
}

fn of_text<'a, T: Deserialize<'a>>(text: &'a RawValue) -> Result<T, Malformed> {
    serde_json::from_str(text.get()).map_err(malformed)
}

fn malformed(error: serde_json::Error) -> Malformed {
    Malformed::new(error.to_string())
}

fn attributes<'a>(pairs: Pieces<'a>) -> Result<Attributes<'a>, Malformed> {
    let mut attributes = Attributes::default();
    for pair in pairs.into_iter().flatten() {
        let pair: Pair = of_text(pair)?;
        let key = pair.key.unwrap_or_default();
        let Some(place) = attributes.place_of(key.as_bytes()) else { continue };
        let Some(value) = pair.value else { continue };
        let value: AnyValue = of_text(value)?;
        let text = value.string_value.map(|text| Scalar::Text(Cow::Owned(text)));
        let whole = || value.int_value.map(|number| Scalar::Whole(number.signed()));
        let scalar = text.or_else(whole).or_else(|| value.bool_value.map(Scalar::Truth));
        *place = scalar.or(place.take());
    }
    Ok(attributes)
}

fn service_of<'a>(resource: Option<&'a RawValue>) -> Result<Attributes<'a>, Malformed> {
    match resource {
        Some(resource) => attributes(of_text::<Resource>(resource)?.attributes),
        None => Ok(Attributes::default()),
    }
}

/// Reads an `ExportTraceServiceRequest`.
pub fn read_traces(body: &[u8], message: &mut Message) -> Result<(), Malformed> {
    let mut name = String::new();
    let request: Request = serde_json::from_slice(body).map_err(malformed)?;
    for spans in request.resource_spans.into_iter().flatten() {
        let spans: OfResource = of_text(spans)?;
        let service = service_of(spans.resource)?;
        for scope in spans.scope_spans.into_iter().flatten() {
            for span in of_text::<OfScope>(scope)?.spans.into_iter().flatten() {
                let span: JsonSpan = of_text(span)?;
                let whole = |number: Option<Whole>| number.unwrap_or_default().unsigned();
                let span = Span {
                    name: Cow::Owned(span.name.unwrap_or_default()),
                    kind: whole(span.kind),
                    start_ns: whole(span.start_time_unix_nano),
                    end_ns: whole(span.end_time_unix_nano),
                    is_error: span.status.and_then(|status| status.code) == Some(Whole(2)),
                    attributes: attributes(span.attributes)?,
                };
                span.count(&service, &mut name, message);
            }
        }
    }
    Ok(())
}

/// Reads an `ExportMetricsServiceRequest`.
pub fn read_metrics(body: &[u8], message: &mut Message) -> Result<(), Malformed> {
    let request: Request = serde_json::from_slice(body).map_err(malformed)?;
    let identity = |text: Option<&RawValue>| identity_of(text.map(RawValue::get).unwrap_or_default().as_bytes());
    for metrics in request.resource_metrics.into_iter().flatten() {
        let metrics: OfResource = of_text(metrics)?;
        let service = service_of(metrics.resource)?;
        for scope in metrics.scope_metrics.into_iter().flatten() {
            let scope: OfScope = of_text(scope)?;
            let sender = Sender {
                service: service.clone(),
                identity: Sha256::new().chain_update(identity(metrics.resource)).chain_update(identity(scope.scope)),
            };
            for metric in scope.metrics.into_iter().flatten() {
                read_metric(of_text(metric)?, &sender, message)?;
            }
        }
    }
    Ok(())
}

fn read_metric(metric: JsonMetric<'_>, sender: &Sender<'_>, message: &mut Message) -> Result<(), Malformed> {
    let named = Metric::of(&metric.name.unwrap_or_default(), &metric.unit.unwrap_or_default());
    let Some(mut named) = named else { return Ok(()) };
    let kinds = [(metric.histogram, false), (metric.exponential_histogram, true)];
    for (histogram, is_exponential) in kinds.into_iter().filter_map(|(one, kind)| Some((one?, kind))) {
        named.temporality = histogram.aggregation_temporality.unwrap_or_default().unsigned();
        for point in histogram.data_points.into_iter().flatten() {
            raw_point(of_text(point)?, is_exponential)?.count(named, sender, message);
        }
    }
    Ok(())
}

fn raw_point<'a>(point: JsonPoint<'a>, is_exponential: bool) -> Result<RawPoint<'a>, Malformed> {
    let whole = |number: Option<Whole>| number.unwrap_or_default().unsigned();
    let counts = |all: Option<Vec<Whole>>| all.unwrap_or_default().into_iter().map(Whole::unsigned).collect();
    let buckets = if is_exponential {
        let positive = point.positive.unwrap_or_default();
        let negative: Vec<u64> = counts(point.negative.unwrap_or_default().bucket_counts);
        RawBuckets::Exponential {
            scale: point.scale.unwrap_or_default().small(),
            zero: whole(point.zero_count),
            offset: positive.offset.unwrap_or_default().small(),
            counts: counts(positive.bucket_counts),
            negative: negative.into_iter().fold(0, u64::saturating_add),
        }
    } else {
        let bounds = point.explicit_bounds.unwrap_or_default().into_iter().map(|bound| bound.0).collect();
        RawBuckets::Explicit { bounds, counts: counts(point.bucket_counts) }
    };
    let identity = point.attributes.iter().flatten().map(|pair| identity_of(pair.get().as_bytes())).collect();
    Ok(RawPoint {
        attributes: attributes(point.attributes)?,
        identity,
        start_ns: whole(point.start_time_unix_nano),
        at_ns: whole(point.time_unix_nano),
        count: whole(point.count),
        sum: point.sum.map(|sum| sum.0),
        flags: whole(point.flags),
        buckets,
    })
}
