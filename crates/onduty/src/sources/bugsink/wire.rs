//! Bugsink's JSON: issues without environment, events with everything that the SDK sent.

use super::super::one_line;
use super::super::tracker::{number, text, time};
use jiff::Timestamp;
use onduty_core::ids::Environment;
use onduty_core::signal::{ErrorGroup, ErrorStatus, Frame};
use serde_json::Value;

/// Most frames of one stack.
const MAX_FRAMES: usize = 250;

/// What only an event tells.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Where it happened; Sentry's SDKs say `production` when nobody says anything.
    pub environment: Option<String>,
    /// The version.
    pub release: Option<String>,
    /// How bad.
    pub level: Option<String>,
    /// The stack, innermost last.
    pub frames: Vec<Frame>,
}

/// What `event` tells.
pub fn event(event: &Value) -> Seen {
    let data = &event["data"];
    let last = data["exception"]["values"].as_array().or(data["exception"].as_array()).and_then(|values| values.last());
    let listed = last.and_then(|last| last["stacktrace"]["frames"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let skipped = listed.len().saturating_sub(MAX_FRAMES);
    let frame = |frame: &Value| {
        Some(Frame {
            file: text(&frame["filename"]).or_else(|| text(&frame["abs_path"]))?,
            line: number(&frame["lineno"]).and_then(|line| u32::try_from(line).ok()).filter(|line| *line > 0),
            function: frame["function"].as_str().map(|name| one_line(name, 200)).filter(|name| !name.is_empty()),
            in_app: frame["in_app"].as_bool().unwrap_or(true),
        })
    };
    Seen {
        environment: text(&data["environment"]).filter(|name| !name.contains(char::is_whitespace)),
        release: text(&data["release"]),
        level: text(&data["level"]),
        frames: listed[skipped..].iter().filter_map(frame).collect(),
    }
}

/// The id of a thing: a number or a text.
pub fn id(thing: &Value) -> Option<String> {
    text(&thing["id"]).filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

/// An issue as a group, with what its newest event told. The error names the field that is missing.
pub fn group(issue: &Value, project: &str, environment: &str, now: Timestamp) -> Result<ErrorGroup, &'static str> {
    let last_seen = time(&issue["last_seen"], now).ok_or("last_seen")?;
    let (kind, value) = (text(&issue["calculated_type"]), text(&issue["calculated_value"]));
    let title = [kind, value].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let resolved = issue["is_resolved"].as_bool().ok_or("is_resolved")?;
    let muted = issue["is_muted"].as_bool().unwrap_or(false);
    Ok(ErrorGroup {
        id: id(issue).ok_or("id")?,
        project: project.to_owned(),
        environment: Environment::new(environment),
        title: if title.is_empty() { "an error without a message".to_owned() } else { one_line(&title, 300) },
        culprit: text(&issue["transaction"]),
        level: None,
        status: match (resolved, muted) {
            (true, _) => ErrorStatus::Resolved,
            (false, true) => ErrorStatus::Ignored,
            (false, false) => ErrorStatus::Unresolved,
        },
        first_seen: time(&issue["first_seen"], now).unwrap_or(last_seen).min(last_seen),
        last_seen,
        regressed_at: None,
        count: number(&issue["digested_event_count"]).unwrap_or(1),
        assignee: None,
        release: None,
        frames: Vec::new(),
        url: None,
    })
}
