//! `server:` what a client may cost.

use super::ServerRules;
use super::values::duration;
use crate::server::Limits;
use onduty_core::files::{Fields, Node, Problems};
use std::time::Duration;

const fn seconds(low: u64, high: u64) -> (Duration, Duration) {
    (Duration::from_secs(low), Duration::from_secs(high))
}

/// Reads the node under `server`.
pub fn read(node: &Node, problems: &mut Problems) -> ServerRules {
    let mut rules = ServerRules::default();
    let Some(mut fields) = Fields::of(node, "`server`", problems) else { return rules };
    read_limits(&mut fields, &mut rules.limits, problems);
    fields.finish(problems);
    rules
}

fn read_limits(fields: &mut Fields<'_>, limits: &mut Limits, problems: &mut Problems) {
    let mut number = |key, (low, high): (i64, i64), problems: &mut Problems| {
        fields.number(key, low, high, problems).and_then(|number| usize::try_from(number).ok())
    };
    const MEGABYTES: (i64, i64) = (1_024, 64 * 1_024 * 1_024);
    for (key, range, place) in [
        ("connections", (16, 1_000_000), &mut limits.connections),
        ("connections_per_address", (1, 1_000_000), &mut limits.connections_per_address),
        ("header_bytes", (1_024, 65_536), &mut limits.header_bytes),
        ("body_bytes", MEGABYTES, &mut limits.body_bytes),
        ("delivery_bytes", MEGABYTES, &mut limits.delivery_bytes),
    ] {
        if let Some(value) = number(key, range, problems) {
            *place = value;
        }
    }
    for (key, range, place) in [
        ("requests_per_connection", (1, 1_000_000), &mut limits.requests_per_connection),
        // Above the parser's own limit of 128 this key would promise what does not hold.
        ("json_depth", (8, 120), &mut limits.json_depth),
    ] {
        if let Some(value) = number(key, range, problems).and_then(|value| u32::try_from(value).ok()) {
            *place = value;
        }
    }
    for (key, range, place) in [
        ("header_timeout", seconds(1, 300), &mut limits.header_timeout),
        ("body_timeout", seconds(1, 3_600), &mut limits.body_timeout),
        ("write_timeout", seconds(1, 3_600), &mut limits.write_timeout),
        ("stop_within", seconds(1, 300), &mut limits.stop_within),
    ] {
        if let Some(value) = duration(fields, key, range, problems) {
            *place = value;
        }
    }
}
