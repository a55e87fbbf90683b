//! `onduty-schedule-solution/1` as text: one line for each slot, so that two plans can be compared.

use onduty_core::plan::{Assignment, LEVELS, Solved, Uncovered};
use serde_json::{Map, Value, json};

/// A plan as JSON; `compact` is one line.
pub(super) fn solution(instance: &str, solved: &Solved, compact: bool) -> String {
    let levels: Map<String, Value> = LEVELS
        .iter()
        .zip(solved.verdict.score.0.into_iter().zip(solved.bound.0).zip(solved.proven()))
        .map(|(level, ((value, bound), proven))| {
            ((*level).to_owned(), json!({"value": value, "at_least": bound, "proven": proven}))
        })
        .collect();
    let mut whole = json!({
        "schema": "onduty-schedule-solution/1", "instance": instance, "seed": solved.seed, "moves": solved.moves,
        "score": solved.verdict.score.0, "levels": levels,
    });
    let assignments: Vec<Value> = solved.solution.assignments.iter().map(assignment).collect();
    let uncovered: Vec<Value> = solved.solution.uncovered.iter().map(uncovered).collect();
    if compact {
        whole["assignments"] = assignments.into();
        whole["uncovered"] = uncovered.into();
        return format!("{whole}\n");
    }
    let lines = |rows: &[Value]| rows.iter().map(|row| format!("\n  {row}")).collect::<Vec<_>>().join(",");
    let mut head = whole.to_string();
    head.pop();
    format!(
        "{head},\n \"assignments\": [{}\n ],\n \"uncovered\": [{}\n ]\n}}\n",
        lines(&assignments),
        lines(&uncovered)
    )
}

fn assignment(said: &Assignment) -> Value {
    let mut row = json!({"date": said.day.to_string(), "duty": said.duty, "person": said.person});
    for (key, value) in [("buddy", &said.buddy), ("start", &said.start), ("end", &said.end)] {
        if let Some(value) = value {
            row[key] = value.as_str().into();
        }
    }
    row
}

fn uncovered(said: &Uncovered) -> Value {
    json!({"date": said.day.to_string(), "duty": said.duty, "why": said.why})
}
