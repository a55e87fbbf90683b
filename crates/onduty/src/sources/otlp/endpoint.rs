//! From attributes to the endpoint of a request and how it was answered.
//!
//! An endpoint is `service|GET /cart/{id}`, `service|shop.Cart/Add` or `service|process orders`. What stands in an
//! address (an id, a token) never becomes a name: without a route it is the span's name, and if that is made of the
//! address, the method alone.

use super::attributes::{Attributes, Scalar};
use onduty_core::perf::StatusClass;
use std::fmt::Write as _;

/// Longer names are cut.
const LONGEST_NAME: usize = 300;
/// Methods that are told apart; others are one, as the conventions want it.
const METHODS: [&str; 10] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY"];
const OTHER_METHOD: &str = "_OTHER";
/// What OpenTelemetry calls a service without a name.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// The endpoint of a request, written into `name`.
///
/// `span_name` is empty for a histogram.
pub fn write_name(name: &mut String, service: &Attributes<'_>, of: &Attributes<'_>, span_name: &str) {
    name.clear();
    push(name, text(&service.service).unwrap_or(UNKNOWN_SERVICE));
    name.push('|');
    let start = name.len();
    if let Some(method) = text(&of.method) {
        let method = METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(method)).unwrap_or(OTHER_METHOD);
        match text(&of.route) {
            Some(route) => {
                push(name, method);
                name.push(' ');
                push(name, route);
            }
            None if is_made_of_address(span_name, of) => push(name, method),
            None => push(name, span_name),
        }
    } else if let Some(rpc_method) = text(&of.rpc_method) {
        if let Some(rpc_service) = text(&of.rpc_service) {
            push(name, rpc_service);
            name.push('/');
        }
        push(name, rpc_method);
    } else if let Some(operation) = text(&of.operation) {
        push(name, operation);
        let named = text(&of.destination_template).or_else(|| {
            let is_temporary = of.is_temporary == Some(Scalar::Truth(true));
            text(&of.destination).filter(|_| !is_temporary)
        });
        if let Some(destination) = named {
            name.push(' ');
            push(name, destination);
        }
    } else if let Some(route) = text(&of.route) {
        push(name, route);
    } else {
        push(name, span_name);
    }
    if name.len() == start {
        name.push('-');
    }
    if name.len() > LONGEST_NAME {
        let end = name.floor_char_boundary(LONGEST_NAME);
        name.truncate(end);
    }
}

fn text<'a>(value: &'a Option<Scalar<'_>>) -> Option<&'a str> {
    value.as_ref()?.text()
}

/// Adds `text`, of which what cannot be shown becomes a mark.
fn push(name: &mut String, text: &str) {
    // As much as could be kept: a text of megabytes is not looked at.
    let text = &text[..text.floor_char_boundary(LONGEST_NAME)];
    if text.chars().any(char::is_control) {
        let _ = write!(name, "{}", text.replace(char::is_control, "\u{fffd}"));
    } else {
        name.push_str(text);
    }
}

/// Whether a name says no more than the method, or holds the path that was asked for.
fn is_made_of_address(span_name: &str, of: &Attributes<'_>) -> bool {
    let path = text(&of.path).map(|path| path.split(['?', '#']).next().unwrap_or(path));
    span_name.is_empty() || span_name.contains("://") || path.is_some_and(|path| span_name.contains(path))
}

/// How a request was answered; `is_error` is what its span says.
pub fn class_of(of: &Attributes<'_>, is_error: bool) -> StatusClass {
    if let Some(status) = of.status.as_ref().and_then(Scalar::whole) {
        return StatusClass::of_http(status);
    }
    if let Some(class) = of.rpc_status.as_ref().and_then(class_of_rpc) {
        return class;
    }
    if is_error || text(&of.error).is_some() { StatusClass::Failed } else { StatusClass::Ok }
}

/// The codes of gRPC that are the server's fault, as the conventions say: unknown, deadline exceeded, unimplemented,
/// internal, unavailable, data loss.
fn class_of_rpc(status: &Scalar<'_>) -> Option<StatusClass> {
    let code = status.whole().or_else(|| {
        let words = ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"];
        let more = ["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED"];
        let last = ["OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"];
        let mut all = words.into_iter().chain(more).chain(last);
        let word = status.text()?;
        all.position(|known| known == word).map(|code| code as i64)
    })?;
    Some(match code {
        0 => StatusClass::Ok,
        2 | 4 | 12 | 13 | 14 | 15 => StatusClass::Failed,
        _ => StatusClass::Refused,
    })
}
