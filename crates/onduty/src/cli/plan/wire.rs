//! `onduty-schedule-solution/1` as text: one line for each slot, so that two plans can be compared.

use onduty_core::plan::{Assignment, LEVELS, Reasons, Solved, Uncovered, WayOut, Why};
use serde_json::{Map, Value, json};

/// A plan as JSON; one line with its reasons, where they are given.
pub(super) fn solution(instance: &str, solved: &Solved, reasons: Option<&Reasons>) -> String {
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
    let mut uncovered: Vec<Value> = solved.solution.uncovered.iter().map(uncovered).collect();
    if let Some(reasons) = reasons {
        for (row, ways) in uncovered.iter_mut().zip(&reasons.uncovered) {
            row["ways_out"] = ways.iter().map(way_out).collect();
        }
        whole["reasons"] = reasons.served.iter().map(why).collect();
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

fn why(why: &Why) -> Value {
    let runner_up = why.runner_up.as_ref().map(|other| {
        json!({
            "person": other.person,
            "exchange": other.exchange.as_ref().map(|(day, duty)| json!({"date": day.to_string(), "duty": duty})),
            "worse": other.worse.as_ref().map(|(level, by)| json!({"level": level, "by": by})),
        })
    });
    json!({
        "date": why.day.to_string(), "duty": why.duty, "person": why.person, "others": why.others, "excluded": why.excluded,
        "load": why.load, "target_milli": why.target_milli, "days_since_last": why.days_since_last, "runner_up": runner_up,
    })
}

fn way_out(way: &WayOut) -> Value {
    match way {
        WayOut::WaiveGuard { person } => json!({"way": "waive_guard", "person": person}),
        WayOut::ShortenGap { person, days } => json!({"way": "shorten_gap", "person": person, "days": days}),
        WayOut::Borrow { person } => json!({"way": "borrow", "person": person}),
        WayOut::LeaveOpen => json!({"way": "leave_open"}),
    }
}
