//! The attributes that say which endpoint a request was for and how it was answered; all others are skipped.
//!
//! Names are those of the semantic conventions of OpenTelemetry, the stable ones and those of before.

use super::Malformed;
use super::protobuf::{Fields, Value};
use std::borrow::Cow;

/// A value that is no list and no map.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    Text(Cow<'a, str>),
    Whole(i64),
    Truth(bool),
}

impl Scalar<'_> {
    /// As a number; instrumentations write a status as a text as well.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Scalar::Whole(number) => Some(*number),
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Truth(_) => None,
        }
    }

    /// As a text that says something.
    pub fn text(&self) -> Option<&str> {
        match self {
            Scalar::Text(text) => Some(text.as_ref()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }
}

/// What of one resource, span or point matters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes<'a> {
    pub service: Option<Scalar<'a>>,
    pub method: Option<Scalar<'a>>,
    pub route: Option<Scalar<'a>>,
    pub status: Option<Scalar<'a>>,
    /// The address that was asked for: only to be recognised in names.
    pub path: Option<Scalar<'a>>,
    pub rpc_service: Option<Scalar<'a>>,
    pub rpc_method: Option<Scalar<'a>>,
    pub rpc_status: Option<Scalar<'a>>,
    pub operation: Option<Scalar<'a>>,
    pub destination: Option<Scalar<'a>>,
    pub destination_template: Option<Scalar<'a>>,
    pub is_temporary: Option<Scalar<'a>>,
    pub error: Option<Scalar<'a>>,
}

impl<'a> Attributes<'a> {
    /// Where the value of `key` goes; `None` when it does not matter. What is stable wins over what was before.
    #[inline]
    pub fn place_of(&mut self, key: &[u8]) -> Option<&mut Option<Scalar<'a>>> {
        let (place, is_old) = match key {
            b"service.name" => (&mut self.service, false),
            b"http.request.method" => (&mut self.method, false),
            b"http.method" => (&mut self.method, true),
            b"http.route" => (&mut self.route, false),
            b"http.response.status_code" => (&mut self.status, false),
            b"http.status_code" => (&mut self.status, true),
            b"url.path" => (&mut self.path, false),
            b"http.target" => (&mut self.path, true),
            b"rpc.service" => (&mut self.rpc_service, false),
            b"rpc.method" => (&mut self.rpc_method, false),
            b"rpc.response.status_code" => (&mut self.rpc_status, false),
            b"rpc.grpc.status_code" => (&mut self.rpc_status, true),
            b"messaging.operation.type" => (&mut self.operation, false),
            b"messaging.operation" => (&mut self.operation, true),
            b"messaging.destination.name" => (&mut self.destination, false),
            b"messaging.destination.template" => (&mut self.destination_template, false),
            b"messaging.destination.temporary" | b"messaging.destination.anonymous" => (&mut self.is_temporary, false),
            b"error.type" => (&mut self.error, false),
            _ => return None,
        };
        (!is_old || place.is_none()).then_some(place)
    }

    /// Reads one attribute from protobuf.
    #[inline]
    pub fn read(&mut self, mut pair: Fields<'a>) -> Result<(), Malformed> {
        let (mut key, mut value) = (&b""[..], None);
        while let Some((number, field)) = pair.next()? {
            match number {
                1 => key = field.bytes()?,
                2 => value = Some(field.message()?),
                _ => {}
            }
        }
        let (Some(place), Some(mut value)) = (self.place_of(key), value) else { return Ok(()) };
        while let Some((number, field)) = value.next()? {
            match (number, field) {
                (1, Value::Bytes(text)) => *place = Some(Scalar::Text(String::from_utf8_lossy(text))),
                (2, Value::Varint(truth)) => *place = Some(Scalar::Truth(truth != 0)),
                (3, Value::Varint(number)) => *place = Some(Scalar::Whole(number as i64)),
                _ => {}
            }
        }
        Ok(())
    }
}
