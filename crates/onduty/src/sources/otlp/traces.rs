//! Spans of servers: one request each.

use super::attributes::{Attributes, Scalar};
use super::protobuf::Fields;
use super::{Malformed, Message, Why, endpoint};
use std::borrow::Cow;

const SERVER: u64 = 2;
const CONSUMER: u64 = 5;
const ERROR: u64 = 2;
const MINUTE_NS: u64 = 60_000_000_000;

/// What of a span matters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Span<'a> {
    pub name: Cow<'a, str>,
    pub kind: u64,
    pub start_ns: u64,
    pub end_ns: u64,
    pub is_error: bool,
    pub attributes: Attributes<'a>,
}

impl Span<'_> {
    /// Counts the span, where it is the answer to a request: those of servers, and of consumers that process a message.
    /// Waiting for a message (`receive`) is no work.
    pub fn count(&self, service: &Attributes<'_>, name: &mut String, message: &mut Message) {
        let operation = self.attributes.operation.as_ref().and_then(Scalar::text);
        let is_request = match self.kind {
            SERVER => true,
            CONSUMER => matches!(operation, Some("process" | "deliver")),
            _ => false,
        };
        if !is_request {
            return;
        }
        match self.duration(message) {
            Err(why) => message.leave_out(why),
            Ok(ms) => {
                endpoint::write_name(name, service, &self.attributes, &self.name);
                let class = endpoint::class_of(&self.attributes, self.is_error);
                match message.batch.tally(name, class, (self.end_ns / MINUTE_NS) as i64) {
                    Some(tally) => {
                        tally.sketch.insert(ms);
                        message.counted += 1;
                    }
                    None => message.leave_out(Why::TooMany),
                }
            }
        }
    }

    /// In milliseconds.
    fn duration(&self, message: &Message) -> Result<f64, Why> {
        message.in_time(self.end_ns)?;
        if self.start_ns == 0 {
            return Err(Why::NoTime);
        }
        let ns = self.end_ns.checked_sub(self.start_ns).ok_or(Why::Negative)?;
        Ok(ns as f64 / 1e6)
    }
}

/// Reads an `ExportTraceServiceRequest`.
pub fn read(body: &[u8], message: &mut Message) -> Result<(), Malformed> {
    let mut name = String::new();
    let mut request = Fields(body);
    while let Some((number, field)) = request.next()? {
        if number == 1 {
            resource(field.message()?, &mut name, message)?;
        }
    }
    Ok(())
}

/// The attributes of a `Resource` below field 1, wherever it stands.
pub fn service_of(resource: Fields<'_>) -> Result<Attributes<'_>, Malformed> {
    let mut attributes = Attributes::default();
    let mut fields = resource;
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            let mut resource = field.message()?;
            while let Some((number, field)) = resource.next()? {
                if number == 1 {
                    attributes.read(field.message()?)?;
                }
            }
        }
    }
    Ok(attributes)
}

fn resource(spans: Fields<'_>, name: &mut String, message: &mut Message) -> Result<(), Malformed> {
    let service = service_of(spans)?;
    let mut scopes = spans;
    while let Some((number, field)) = scopes.next()? {
        if number != 2 {
            continue;
        }
        let mut scope = field.message()?;
        while let Some((number, field)) = scope.next()? {
            if number == 2 {
                span(field.message()?)?.count(&service, name, message);
            }
        }
    }
    Ok(())
}

fn span(mut fields: Fields<'_>) -> Result<Span<'_>, Malformed> {
    let mut span = Span::default();
    while let Some((number, field)) = fields.next()? {
        match number {
            5 => span.name = String::from_utf8_lossy(field.bytes()?),
            6 => span.kind = field.varint()?,
            7 => span.start_ns = field.fixed64()?,
            8 => span.end_ns = field.fixed64()?,
            9 => span.attributes.read(field.message()?)?,
            15 => {
                let mut status = field.message()?;
                while let Some((number, field)) = status.next()? {
                    if number == 3 {
                        span.is_error = field.varint()? == ERROR;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(span)
}
