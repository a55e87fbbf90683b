//! `onduty-schedule-solution/1` from JSON.
//!
//! Read leniently: a person who does not exist or an instant that cannot be read is a violation, which `check` names, and not a file
//! that cannot be read.

use super::day::Day;
use super::fields::{Problem, Problems, short};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Who serves, and which slots have nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Solution {
    /// Slots with a person.
    pub assignments: Vec<Assignment>,
    /// Slots without.
    pub uncovered: Vec<Uncovered>,
    /// Fields that mean nothing here, with their places.
    pub unread: Vec<String>,
}

/// One slot and who serves it, as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// When.
    pub day: Day,
    /// Of which duty.
    pub duty: String,
    /// Whose.
    pub person: String,
    /// Who is beside a joiner.
    pub buddy: Option<String>,
    /// When it starts; `None` where the field is missing.
    pub start: Option<String>,
    /// When it ends.
    pub end: Option<String>,
}

/// One slot that nobody serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// When.
    pub day: Day,
    /// Of which duty.
    pub duty: String,
    /// Why none of the members can.
    pub why: Option<BTreeMap<String, String>>,
}

impl Uncovered {
    /// Whether nobody could serve it whatever else were planned, as far as `why` tells.
    pub fn is_hopeless(&self) -> bool {
        let depends = |code: &String| ["min_gap", "other_duty", "needs_buddy"].contains(&code.as_str());
        self.why.as_ref().is_some_and(|why| !why.values().any(depends))
    }
}

/// A solution, or why it cannot be read.
///
/// # Errors
/// All problems, each with the place where it stands.
pub fn read_solution(json: &Value) -> Result<Solution, Vec<Problem>> {
    let mut problems = Problems::default();
    let mut solution = Solution::default();
    let Some(top) = json.as_object() else {
        problems.add("", format!("a solution is an object, not {}", short(json)));
        return problems.finish(solution);
    };
    if let Some(schema) = top.get("schema").filter(|schema| schema.as_str() != Some("onduty-schedule-solution/1")) {
        problems.add("schema", format!("{} is not known; onduty-schedule-solution/1 is", short(schema)));
    }
    note(
        top,
        "",
        &["schema", "instance", "assignments", "uncovered", "seed", "moves", "score", "levels", "reasons"],
        &mut solution,
    );
    for (at, map) in entries(top, "assignments", true, &mut problems) {
        note(map, &at, &["date", "duty", "person", "buddy", "start", "end"], &mut solution);
        let assignment = Assignment {
            day: day(map, &at, &mut problems),
            duty: name(map, "duty", &at, &mut problems),
            person: name(map, "person", &at, &mut problems),
            buddy: map.get("buddy").filter(|buddy| !is_nothing(buddy)).map(|_| name(map, "buddy", &at, &mut problems)),
            start: map.get("start").map(said),
            end: map.get("end").map(said),
        };
        solution.assignments.push(assignment);
    }
    for (at, map) in entries(top, "uncovered", false, &mut problems) {
        note(map, &at, &["date", "duty", "why", "ways_out"], &mut solution);
        let why = map.get("why").map(|why| {
            let codes = why.as_object().into_iter().flatten();
            codes.filter(|(_, code)| !code.is_null()).map(|(person, code)| (person.clone(), said(code))).collect()
        });
        let (day, duty) = (day(map, &at, &mut problems), name(map, "duty", &at, &mut problems));
        solution.uncovered.push(Uncovered { day, duty, why });
    }
    problems.finish(solution)
}

fn note(map: &Map<String, Value>, at: &str, known: &[&str], solution: &mut Solution) {
    let unknown = map.keys().filter(|key| !known.contains(&key.as_str()));
    solution.unread.extend(unknown.map(|key| if at.is_empty() { key.clone() } else { format!("{at}.{key}") }));
}

fn entries<'a>(
    top: &'a Map<String, Value>,
    key: &str,
    must: bool,
    problems: &mut Problems,
) -> Vec<(String, &'a Map<String, Value>)> {
    let Some(value) = top.get(key) else {
        if must {
            problems.add(key, "is missing");
        }
        return Vec::new();
    };
    let Some(all) = value.as_array() else {
        problems.add(key, format!("a list is expected, not {}", short(value)));
        return Vec::new();
    };
    let mut found = Vec::new();
    for (n, value) in all.iter().enumerate() {
        let at = format!("{key}[{n}]");
        match value.as_object() {
            Some(map) => found.push((at, map)),
            None => problems.add(&at, format!("an object is expected, not {}", short(value))),
        }
    }
    found
}

fn day(map: &Map<String, Value>, at: &str, problems: &mut Problems) -> Day {
    let value = map.get("date").unwrap_or(&Value::Null);
    value.as_str().and_then(Day::parse).unwrap_or_else(|| {
        problems.add(&format!("{at}.date"), format!("a date such as 2026-03-02 is expected, not {}", short(value)));
        Day(0)
    })
}

/// A name; what is no text names nobody.
fn name(map: &Map<String, Value>, key: &str, at: &str, problems: &mut Problems) -> String {
    match map.get(key) {
        None => problems.add(&format!("{at}.{key}"), "is missing"),
        Some(value @ (Value::Array(_) | Value::Object(_))) => {
            problems.add(&format!("{at}.{key}"), format!("a name is expected, not {}", short(value)));
        }
        Some(value) => return said(value),
    }
    String::new()
}

fn said(value: &Value) -> String {
    // A number or null must never be taken for somebody of that name.
    value.as_str().map_or_else(|| format!("\u{0}{value}"), str::to_owned)
}

/// What counts as no buddy.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(all) => all.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) => false,
    }
}
