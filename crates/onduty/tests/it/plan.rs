//! `onduty plan` on files: held against the independent checker of the data set, and given files that are wrong.

use crate::tools::{Said, is_full, not_there, onduty, shared};
use serde_json::{Value, json};
use std::path::Path;

const RULES: [&str; 9] = ["H1", "H2", "H3", "H4", "H5", "H6", "H7", "H8", "H9"];

/// Random instances, valid plans and broken ones: both checkers always say the same, and every rule was seen broken.
#[test]
fn the_checker_says_what_the_independent_checker_says() {
    let Some(data) = shared("data/schedule/check.py").and_then(|file| Some(file.parent()?.to_owned())) else {
        return not_there("no data/schedule at ONDUTY_SHARED", "plans against the independent checker");
    };
    let work = tempfile::tempdir().unwrap();
    let cases = if is_full() { "2000" } else { "60" };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/plan.py");
    let run = std::process::Command::new("python3")
        .args([script.as_os_str(), data.as_os_str(), env!("CARGO_BIN_EXE_onduty").as_ref(), work.path().as_os_str()])
        .args([cases, "20260302"])
        .output();
    let Ok(output) = run else { return not_there("python3 is not installed", "plans against the independent checker") };
    let said = Said::of(&output);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    let seen: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    for what in RULES.iter().chain(&["valid", "unreadable"]) {
        assert!(seen[what].as_u64().is_some_and(|times| times > 0), "{what} was never seen: {seen}");
    }
}

/// As `| head` does.
#[test]
fn whoever_stops_reading_hears_no_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("week.json");
    std::fs::write(&file, week().to_string()).unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_onduty"))
        .args(["plan".as_ref(), "solve".as_ref(), file.as_os_str()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let said = Said::of(&child.wait_with_output().unwrap());
    assert_eq!(said.code, 141, "not 0, which says that all is well: {said:?}");
    assert!(!said.err.contains("panicked"), "{said:?}");
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named_and_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("half.json", "{\"schema\": ");
    write("hostile.json", &json!({"schema": "\u{1b}[2J<b>", "people\u{202e}": []}).to_string());
    write("deep.json", &"[".repeat(100_000));
    for (file, expected) in [
        ("none.json", "none.json cannot be read: No such file"),
        ("half.json", "half.json is no JSON: EOF while parsing a value at line 1 column 11"),
        ("deep.json", "deep.json is no JSON: recursion limit exceeded"),
        ("hostile.json", "hostile.json: schema: \"\\u{1b}[2J<b>\" is not known; onduty-schedule-instance/1 is"),
    ] {
        let said = onduty(folder.path(), &[], &["plan", "check", file, file]).await;
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        assert!(said.err.contains(expected), "{file}: {}", said.err);
        assert!(!said.err.contains('\u{1b}') && !said.err.contains('\u{202e}'), "{}", said.err);
    }
}

/// Two people for a week of March, of whom one is away from Wednesday on.
fn week() -> Value {
    let person = |id: &str, leave: Value| {
        json!({
            "id": id, "calendar": "none", "employed": ["2020-01-01", null], "work_days": [1, 2, 3, 4, 5],
            "members": {"eng": 1000}, "skills": [], "leave": leave, "avoid_dates": [], "avoid_weekdays": [], "history": [],
            "carry": {}, "joiner": false, "experienced": true
        })
    };
    json!({
        "schema": "onduty-schedule-instance/1", "name": "week", "as_of": "2026-02-20",
        "horizon": {"first": "2026-03-02", "last": "2026-03-08"}, "calendars": {"none": []},
        "duties": [{
            "id": "eng", "time_zone": "Europe/Paris", "from": "09:30", "to": "18:30", "to_next_day": false,
            "weekdays": [1, 2, 3, 4, 5], "closed": null, "requires": null, "min_gap_days": 2, "want_gap_days": 2
        }],
        "people": [
            person("zoe\u{1b}[31m", json!([])),
            person("omar", json!([{"from": "2026-03-04", "to": "2026-03-08", "kind": "leave"}]))
        ],
        "rules": {
            "points": {"normal": 4, "friday": 6, "weekend": 8, "bridge": 8}, "leave_guard_min_workdays": 3,
            "joiner_deadline_workdays": 10, "fair_tolerance_milli": 2000, "near_days": 14, "change_cost_near": 3,
            "change_cost_far": 1, "freeze_until": null, "require_instants": true, "require_explanations": true
        }
    })
}

#[tokio::test]
async fn a_week_that_cannot_be_covered_is_planned_as_far_as_it_goes_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("week.json"), week().to_string()).unwrap();
    let said = onduty(folder.path(), &[], &["plan", "solve", "week.json", "--json"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let plan: Value = serde_json::from_str(&said.out).unwrap();
    let days = |key: &str| -> Vec<String> {
        plan[key].as_array().unwrap().iter().map(|row| row["date"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(days("assignments"), ["2026-03-02", "2026-03-03", "2026-03-06"]);
    assert_eq!(days("uncovered"), ["2026-03-04", "2026-03-05"]);
    assert_eq!(plan["assignments"][0]["start"], "2026-03-02T08:30:00Z");
    assert_eq!(plan["uncovered"][0]["why"], json!({"zoe\u{1b}[31m": "min_gap", "omar": "leave"}));
    assert_eq!(plan["uncovered"][1]["why"], json!({"zoe\u{1b}[31m": "min_gap", "omar": "leave"}));
    assert_eq!(plan["levels"]["uncovered"], json!({"value": 2, "at_least": 2, "proven": true}));
    assert!(said.err.starts_with("nobody serves eng on 2026-03-04\nnobody serves eng on 2026-03-05\n"), "{}", said.err);
    // As lines it is the same plan, and the checker has nothing against either.
    let lines = onduty(folder.path(), &[], &["plan", "solve", "week.json"]).await;
    let mut without = plan.clone();
    assert_eq!(without.as_object_mut().unwrap().remove("reasons").unwrap().as_array().unwrap().len(), 3);
    for row in without["uncovered"].as_array_mut().unwrap() {
        assert_eq!(
            row["ways_out"],
            json!([
                {"way": "shorten_gap", "person": "zoe\u{1b}[31m", "days": 1}, {"way": "leave_open"}
            ])
        );
        row.as_object_mut().unwrap().remove("ways_out");
    }
    assert_eq!(serde_json::from_str::<Value>(&lines.out).unwrap(), without);
    let why = &plan["reasons"][1];
    assert_eq!((&why["person"], &why["excluded"]), (&json!("zoe\u{1b}[31m"), &json!({"leave_guard": 1})), "{why}");
    assert_eq!(lines.out.lines().count(), 11, "{}", lines.out);
    for text in [said.out, lines.out] {
        std::fs::write(folder.path().join("plan.json"), text).unwrap();
        let said = onduty(folder.path(), &[], &["plan", "check", "week.json", "plan.json"]).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        assert!(said.out.starts_with("valid\nuncovered=2 "), "{}", said.out);
    }
}

/// With few moves: the independent checker has nothing against the plans, the first levels are the best that are known, and the same
/// seed gives the same bytes. `benches/plan/run` has the rest.
#[tokio::test]
async fn the_known_instances_are_planned_as_well_as_is_known() {
    let Some(data) = shared("data/schedule/reference.json").and_then(|file| Some(file.parent()?.to_owned())) else {
        return not_there("no data/schedule at ONDUTY_SHARED", "plans of the known instances");
    };
    let known: Value = serde_json::from_slice(&std::fs::read(data.join("reference.json")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, reference) in known.as_object().unwrap() {
        let file = data.join(format!("{name}.json"));
        let solve = ["plan", "solve", file.to_str().unwrap(), "--moves", "60000", "--seed", "7"];
        let said = onduty(folder.path(), &[], &solve).await;
        assert_eq!(said.code, 0, "{name}: {said:?}");
        assert!(onduty(folder.path(), &[], &solve).await.out == said.out, "{name}: not the same again");
        std::fs::write(folder.path().join("plan.json"), &said.out).unwrap();
        let judged = std::process::Command::new("python3")
            .args([data.join("check.py").as_os_str(), file.as_os_str(), folder.path().join("plan.json").as_os_str()])
            .arg("--json")
            .output();
        let Ok(judged) = judged else { return not_there("python3 is not installed", "plans of the known instances") };
        let judged = Said::of(&judged);
        assert_eq!(judged.code, 0, "{name}: {}", judged.out);
        let judged: Value = serde_json::from_str(&judged.out).unwrap();
        let level = |score: &Value, level: usize| score[level].as_i64().unwrap();
        for first in 0..3 {
            assert_eq!(level(&judged["score"], first), level(&reference["best"], first), "{name}: {judged}");
        }
        assert!(level(&judged["score"], 3) <= level(&reference["best"], 3) + 500, "{name}: {judged}");
        assert_eq!(judged["score"], serde_json::from_str::<Value>(&said.out).unwrap()["score"], "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_planned_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let mut frozen = week();
    frozen["published"] = json!([
        {"date": "2026-03-02", "duty": "eng", "person": "omar"}, {"date": "2026-03-03", "duty": "eng", "person": "zoe\u{1b}[31m"},
        {"date": "2026-03-04", "duty": "eng", "person": "zoe\u{1b}[31m"}
    ]);
    frozen["rules"]["freeze_until"] = json!("2026-03-04");
    std::fs::write(folder.path().join("frozen.json"), frozen.to_string()).unwrap();
    let said = onduty(folder.path(), &[], &["plan", "solve", "frozen.json"]).await;
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.starts_with("no plan can be made from frozen.json: zoe"), "{}", said.err);
    assert!(said.err.contains("must stay there, which is too near to their shift of 2026-03-03"), "{}", said.err);
    assert!(!said.err.contains('\u{1b}'), "{}", said.err);
}

#[tokio::test]
async fn a_plan_that_breaks_a_rule_a_hundred_times_shows_the_first_and_counts_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut near = week();
    near["horizon"]["last"] = json!("2026-03-20");
    near["duties"][0]["min_gap_days"] = json!(30);
    let dates = (2..=6).chain(9..=13).chain(16..=20).map(|day| format!("2026-03-{day:02}"));
    let rows = dates.map(|date| json!({"date": date, "duty": "eng", "person": "zoe\u{1b}[31m"}));
    near["rules"]["require_instants"] = json!(false);
    std::fs::write(folder.path().join("near.json"), near.to_string()).unwrap();
    let plan = json!({"assignments": rows.collect::<Vec<_>>()});
    std::fs::write(folder.path().join("plan.json"), plan.to_string()).unwrap();
    let said = onduty(folder.path(), &[], &["plan", "check", "near.json", "plan.json"]).await;
    assert_eq!((said.code, said.out.lines().count()), (1, 52), "{said:?}");
    assert!(said.out.contains("\n105 violations: H5 105\n"), "{}", said.out);
}

#[tokio::test]
async fn a_day_on_which_everybody_is_away_has_nobody_who_can_serve() {
    let folder = tempfile::tempdir().unwrap();
    let mut away = week();
    away["people"].as_array_mut().unwrap().remove(0);
    away["duties"][0]["min_gap_days"] = json!(1);
    std::fs::write(folder.path().join("away.json"), away.to_string()).unwrap();
    let said = onduty(folder.path(), &[], &["plan", "solve", "away.json"]).await;
    let on = |day: u8| format!("nobody can serve eng on 2026-03-0{day}\n");
    // The guard before the leave is no choice of the plan's either.
    assert!(said.err.starts_with(&[on(3), on(4), on(5), on(6)].concat()), "{said:?}");
}

#[tokio::test]
async fn fields_that_are_not_looked_at_are_named_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("week.json"), week().to_string()).unwrap();
    let mut plan = json!({"assignments": []});
    for n in 0..60 {
        plan[format!("field{n}")] = json!(n);
    }
    std::fs::write(folder.path().join("plan.json"), plan.to_string()).unwrap();
    let said = onduty(folder.path(), &[], &["plan", "check", "week.json", "plan.json"]).await;
    let lines: Vec<&str> = said.err.lines().collect();
    assert_eq!(
        (lines.len(), lines[49], lines[50]),
        (51, "plan.json: field49 is not looked at", "plan.json: … and 10 more")
    );
}
