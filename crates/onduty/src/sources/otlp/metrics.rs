//! Histograms of how long servers took.

use super::attributes::Attributes;
use super::protobuf::Fields;
use super::{Malformed, Message, Why, endpoint, traces};
use onduty_core::perf::{Buckets, Histogram, Point, SeriesPoint, Unusable};
use sha2::{Digest, Sha256};

/// Metrics that are read, and the milliseconds of their unit where they name none.
const METRICS: [(&str, f64); 4] = [
    ("http.server.request.duration", 1000.0),
    ("http.server.duration", 1.0),
    ("rpc.server.call.duration", 1000.0),
    ("rpc.server.duration", 1.0),
];
const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;
const NOTHING_RECORDED: u64 = 1;
/// More buckets than any SDK makes; each point that waits for its turn keeps its own.
const MOST_BUCKETS: usize = 1024;

/// A metric that is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    /// Milliseconds in its unit; `None` for what is no time.
    pub unit_ms: Option<f64>,
    pub temporality: u64,
}

impl Metric {
    /// The metric of this name and unit; `None` for one that is not read.
    pub fn of(name: &str, unit: &str) -> Option<Metric> {
        let (name, usual) = METRICS.into_iter().find(|(known, _)| *known == name)?;
        let unit_ms = match unit {
            "" => Some(usual),
            "s" => Some(1000.0),
            "ms" => Some(1.0),
            "us" => Some(1e-3),
            "ns" => Some(1e-6),
            _ => None,
        };
        Some(Metric { name, unit_ms, temporality: 0 })
    }
}

/// A point of a histogram of either kind, as it was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawPoint<'a> {
    pub attributes: Attributes<'a>,
    /// Hashes of all attributes, in any order.
    pub identity: Vec<[u8; 16]>,
    pub start_ns: u64,
    pub at_ns: u64,
    pub count: u64,
    pub sum: Option<f64>,
    pub flags: u64,
    pub buckets: RawBuckets,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RawBuckets {
    Explicit { bounds: Vec<f64>, counts: Vec<u64> },
    Exponential { scale: i32, zero: u64, offset: i32, counts: Vec<u64>, negative: u64 },
}

impl Default for RawBuckets {
    fn default() -> Self {
        RawBuckets::Explicit { bounds: Vec::new(), counts: Vec::new() }
    }
}

/// Whose points they are.
pub struct Sender<'a> {
    pub service: Attributes<'a>,
    /// Tells its resource and scope from others.
    pub identity: Sha256,
}

impl RawPoint<'_> {
    /// Counts the point.
    pub fn count(self, metric: Metric, sender: &Sender<'_>, message: &mut Message) {
        if self.flags & NOTHING_RECORDED != 0 {
            return;
        }
        match self.series_point(metric, sender, message) {
            Err(why) => message.leave_out(why),
            Ok(point) => {
                let histogram = &point.point.histogram;
                if histogram.is_coarse() {
                    *message.coarse.entry(metric.name.to_owned()).or_default() += histogram.count();
                }
                if message.batch.point(point) {
                    message.counted += 1;
                } else {
                    message.leave_out(Why::TooMany);
                }
            }
        }
    }

    fn series_point(mut self, metric: Metric, sender: &Sender<'_>, message: &Message) -> Result<SeriesPoint, Why> {
        message.in_time(self.at_ns)?;
        let unit_ms = metric.unit_ms.ok_or(Why::Unit)?;
        let is_cumulative = match metric.temporality {
            DELTA => false,
            CUMULATIVE => true,
            _ => return Err(Why::NoTemporality),
        };
        if self.start_ns > self.at_ns {
            return Err(Why::Negative);
        }
        let buckets = match self.buckets {
            RawBuckets::Explicit { ref counts, .. } | RawBuckets::Exponential { ref counts, .. }
                if counts.len() > MOST_BUCKETS =>
            {
                return Err(Why::TooMany);
            }
            RawBuckets::Explicit { bounds, counts } => {
                Buckets::Explicit { bounds_ms: bounds.iter().map(|bound| bound * unit_ms).collect(), counts }
            }
            RawBuckets::Exponential { negative: 1.., .. } => return Err(Why::Negative),
            RawBuckets::Exponential { scale, zero, offset, counts, .. } => {
                Buckets::Exponential { scale, unit_ms, zero, offset, counts }
            }
        };
        let histogram = Histogram::of(buckets, self.count, self.sum.map(|sum| sum * unit_ms));
        let histogram = histogram.map_err(|unusable| match unusable {
            Unusable::NotANumber => Why::NotANumber,
            Unusable::Negative => Why::Negative,
            Unusable::Inconsistent => Why::Inconsistent,
        })?;
        // A process that starts anew counts anew, also where nothing else tells it from the one before.
        let mut stream = sender.identity.clone();
        stream.update(metric.name);
        stream.update([0, u8::from(is_cumulative)]);
        if is_cumulative {
            stream.update(self.start_ns.to_le_bytes());
        }
        self.identity.sort_unstable();
        let mut series = stream.clone().chain_update(b"series");
        self.identity.iter().for_each(|hash| series.update(hash));
        let mut name = String::new();
        endpoint::write_name(&mut name, &sender.service, &self.attributes, "");
        Ok(SeriesPoint {
            series: hex(series),
            stream: hex(stream),
            endpoint: name,
            class: endpoint::class_of(&self.attributes, false),
            point: Point { start_ns: self.start_ns, at_ns: self.at_ns, is_cumulative, histogram },
        })
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A hash of an attribute as it was written.
pub fn identity_of(attribute: &[u8]) -> [u8; 16] {
    let hash = Sha256::digest(attribute);
    std::array::from_fn(|at| hash[at])
}

/// Reads an `ExportMetricsServiceRequest`.
pub fn read(body: &[u8], message: &mut Message) -> Result<(), Malformed> {
    let mut request = Fields(body);
    while let Some((number, field)) = request.next()? {
        if number == 1 {
            resource(field.message()?, message)?;
        }
    }
    Ok(())
}

fn resource(metrics: Fields<'_>, message: &mut Message) -> Result<(), Malformed> {
    let service = traces::service_of(metrics)?;
    let mut identity = Sha256::new();
    let mut fields = metrics;
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            identity.update(identity_of(field.bytes()?));
        }
    }
    let mut scopes = metrics;
    while let Some((number, field)) = scopes.next()? {
        if number == 2 {
            scope(field.message()?, &service, &identity, message)?;
        }
    }
    Ok(())
}

fn scope(
    fields: Fields<'_>,
    service: &Attributes<'_>,
    identity: &Sha256,
    message: &mut Message,
) -> Result<(), Malformed> {
    let mut sender = Sender { service: service.clone(), identity: identity.clone() };
    let mut before = fields;
    while let Some((number, field)) = before.next()? {
        if number == 1 {
            sender.identity.update(identity_of(field.bytes()?));
        }
    }
    let mut metrics = fields;
    while let Some((number, field)) = metrics.next()? {
        if number == 2 {
            metric(field.message()?, &sender, message)?;
        }
    }
    Ok(())
}

fn metric(fields: Fields<'_>, sender: &Sender<'_>, message: &mut Message) -> Result<(), Malformed> {
    let (mut name, mut unit) = (&b""[..], &b""[..]);
    let mut texts = fields;
    while let Some((number, field)) = texts.next()? {
        match number {
            1 => name = field.bytes()?,
            3 => unit = field.bytes()?,
            _ => {}
        }
    }
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or("?");
    let Some(metric) = Metric::of(text(name), text(unit)) else { return Ok(()) };
    let mut data = fields;
    while let Some((number, field)) = data.next()? {
        if matches!(number, 9 | 10) {
            histogram(field.message()?, number == 10, metric, sender, message)?;
        }
    }
    Ok(())
}

fn histogram(
    fields: Fields<'_>,
    is_exponential: bool,
    mut metric: Metric,
    sender: &Sender<'_>,
    message: &mut Message,
) -> Result<(), Malformed> {
    let mut before = fields;
    while let Some((number, field)) = before.next()? {
        if number == 2 {
            metric.temporality = field.varint()?;
        }
    }
    let mut points = fields;
    while let Some((number, field)) = points.next()? {
        if number == 1 {
            let point = if is_exponential { exponential(field.message()?)? } else { explicit(field.message()?)? };
            point.count(metric, sender, message);
        }
    }
    Ok(())
}

fn attribute<'a>(point: &mut RawPoint<'a>, bytes: &'a [u8]) -> Result<(), Malformed> {
    point.identity.push(identity_of(bytes));
    point.attributes.read(Fields(bytes))
}

fn explicit(mut fields: Fields<'_>) -> Result<RawPoint<'_>, Malformed> {
    let mut point = RawPoint::default();
    let (mut bounds, mut counts) = (Vec::new(), Vec::new());
    while let Some((number, field)) = fields.next()? {
        match number {
            2 => point.start_ns = field.fixed64()?,
            3 => point.at_ns = field.fixed64()?,
            4 => point.count = field.fixed64()?,
            5 => point.sum = Some(field.double()?),
            6 => field.append_fixed64(&mut counts)?,
            7 => field.append_fixed64(&mut bounds)?,
            9 => attribute(&mut point, field.bytes()?)?,
            10 => point.flags = field.varint()?,
            _ => {}
        }
    }
    let bounds = bounds.into_iter().map(f64::from_bits).collect();
    point.buckets = RawBuckets::Explicit { bounds, counts };
    Ok(point)
}

fn exponential(mut fields: Fields<'_>) -> Result<RawPoint<'_>, Malformed> {
    let mut point = RawPoint::default();
    let (mut scale, mut zero, mut offset, mut counts, mut negative) = (0, 0, 0, Vec::new(), 0_u64);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => attribute(&mut point, field.bytes()?)?,
            2 => point.start_ns = field.fixed64()?,
            3 => point.at_ns = field.fixed64()?,
            4 => point.count = field.fixed64()?,
            5 => point.sum = Some(field.double()?),
            6 => scale = field.zigzag()?,
            7 => zero = field.fixed64()?,
            8 => (offset, counts) = range(field.message()?)?,
            9 => negative = range(field.message()?)?.1.into_iter().fold(0, u64::saturating_add),
            10 => point.flags = field.varint()?,
            _ => {}
        }
    }
    point.buckets = RawBuckets::Exponential { scale, zero, offset, counts, negative };
    Ok(point)
}

fn range(mut fields: Fields<'_>) -> Result<(i32, Vec<u64>), Malformed> {
    let (mut offset, mut counts) = (0, Vec::new());
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => offset = field.zigzag()?,
            2 => field.append_varints(&mut counts)?,
            _ => {}
        }
    }
    Ok((offset, counts))
}
