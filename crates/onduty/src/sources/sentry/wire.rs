//! Sentry's JSON, read tolerantly: numbers as texts, projects as objects or numbers, nulls where anything may be.

use super::super::tracker::{number, text, time};
use super::super::{one_line, web_address};
use jiff::Timestamp;
use onduty_core::ids::Environment;
use onduty_core::signal::{ErrorGroup, ErrorStatus, Frame};
use serde_json::Value;

/// Most frames of one stack.
const MAX_FRAMES: usize = 250;

/// The id of an issue.
pub fn id(issue: &Value) -> Option<String> {
    text(&issue["id"]).filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

/// An issue as a group, without frames. `None` names the field that is missing.
pub fn group(issue: &Value, environment: &str, now: Timestamp) -> Result<ErrorGroup, &'static str> {
    let last_seen = time(&issue["lastSeen"], now).ok_or("lastSeen")?;
    let title = text(&issue["title"]).or_else(|| text(&issue["metadata"]["title"])).ok_or("title")?;
    Ok(ErrorGroup {
        id: id(issue).ok_or("id")?,
        project: project(issue).ok_or("project")?,
        environment: Environment::new(environment),
        title,
        culprit: text(&issue["culprit"]),
        level: text(&issue["level"]),
        status: status(issue).ok_or("status")?,
        first_seen: time(&issue["firstSeen"], now).unwrap_or(last_seen).min(last_seen),
        last_seen,
        regressed_at: None,
        count: number(&issue["count"]).unwrap_or(1),
        assignee: assignee(&issue["assignedTo"]),
        release: text(&issue["firstRelease"]["version"]).or_else(|| text(&issue["firstRelease"])),
        frames: Vec::new(),
        url: issue["permalink"].as_str().and_then(web_address),
    })
}

/// `unresolved`, `resolved`, `ignored` and the words that other versions use for them.
pub fn status(issue: &Value) -> Option<ErrorStatus> {
    match issue["status"].as_str()? {
        "unresolved" | "reprocessing" => Some(ErrorStatus::Unresolved),
        "resolved" | "resolvedInNextRelease" => Some(ErrorStatus::Resolved),
        "ignored" | "archived" | "muted" => Some(ErrorStatus::Ignored),
        _ => None,
    }
}

/// Who has it: an e-mail, else a name; a team has a name only.
pub fn assignee(value: &Value) -> Option<String> {
    text(&value["email"]).or_else(|| text(&value["name"])).or_else(|| text(value))
}

fn project(issue: &Value) -> Option<String> {
    let project = &issue["project"];
    text(&project["slug"]).or_else(|| text(project)).filter(|name| !name.contains(char::is_whitespace))
}

/// The frames of an event, oldest first as Sentry sends them and onduty keeps them; the last exception is the one that
/// was raised last.
pub fn frames(event: &Value) -> Vec<Frame> {
    let entries = event["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let values = entries.iter().filter(|entry| entry["type"] == "exception").map(|entry| &entry["data"]["values"]);
    let values = values.chain([&event["exception"]["values"]]);
    let last = values.filter_map(Value::as_array).filter_map(|values| values.last()).next();
    let listed = last.and_then(|last| last["stacktrace"]["frames"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let skipped = listed.len().saturating_sub(MAX_FRAMES);
    listed[skipped..].iter().filter_map(frame).collect()
}

fn frame(frame: &Value) -> Option<Frame> {
    let file = text(&frame["filename"]).or_else(|| text(&frame["absPath"])).or_else(|| text(&frame["abs_path"]))?;
    let line = number(&frame["lineNo"]).or_else(|| number(&frame["lineno"]));
    Some(Frame {
        file,
        line: line.and_then(|line| u32::try_from(line).ok()).filter(|line| *line > 0),
        function: frame["function"].as_str().map(|name| one_line(name, 200)).filter(|name| !name.is_empty()),
        in_app: frame["inApp"].as_bool().or(frame["in_app"].as_bool()).unwrap_or(true),
    })
}

/// What a webhook is about, for people: `issue.assigned SHOP-1`.
pub fn about(resource: &str, body: &Value) -> String {
    let data = &body["data"];
    let issue = &data["issue"];
    let event = if data["event"].is_object() { &data["event"] } else { &data["error"] };
    let id = text(&issue["shortId"]).or_else(|| id(issue)).or_else(|| text(&event["issue_id"]));
    let action = text(&body["action"]).unwrap_or_default();
    one_line(&format!("{resource}.{action} {}", id.unwrap_or_default()), 100)
}
