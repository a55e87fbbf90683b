//! Reading and judging, on instances small enough to be read.

use super::*;
use serde_json::{Value, json};

/// Two people, one duty, one week from Monday, 2 March 2026.
fn tiny() -> Value {
    let person = |id: &str| {
        json!({
            "id": id, "calendar": "FR", "employed": ["2020-01-01", null], "work_days": [1, 2, 3, 4, 5], "members": {"eng": 1000},
            "skills": [], "leave": [], "avoid_dates": [], "avoid_weekdays": [], "history": [], "carry": {}, "joiner": false,
            "experienced": true
        })
    };
    json!({
        "schema": "onduty-schedule-instance/1", "name": "tiny", "as_of": "2026-02-20",
        "horizon": {"first": "2026-03-02", "last": "2026-03-08"}, "calendars": {"FR": []},
        "duties": [{
            "id": "eng", "time_zone": "Europe/Paris", "from": "09:30", "to": "18:30", "to_next_day": false,
            "weekdays": [1, 2, 3, 4, 5], "closed": "FR", "requires": null, "min_gap_days": 2, "want_gap_days": 3
        }],
        "people": [person("zoe"), person("omar")], "published": [],
        "rules": {
            "points": {"normal": 4, "friday": 6, "weekend": 8, "bridge": 8}, "leave_guard_min_workdays": 3,
            "joiner_deadline_workdays": 10, "fair_tolerance_milli": 2000, "near_days": 14, "change_cost_near": 3,
            "change_cost_far": 1, "freeze_until": null, "require_instants": false, "require_explanations": false
        }
    })
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Value), expected: &[&str]) {
    let mut json = tiny();
    change(&mut json);
    let problems = read(&json).expect_err("it was read");
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected);
}

#[test]
fn every_problem_of_an_instance_names_its_place() {
    refused(
        |it| it["people"][0]["leave"] = json!([{"from": "2026-03-06", "to": "2026-03-04", "kind": "leave"}]),
        &["people[0] (zoe).leave[0]: this leave ends on 2026-03-04, before it begins on 2026-03-06"],
    );
    refused(
        |it| it["people"][1]["leave"] = json!([{"from": "2026-02-30", "to": null, "kind": "holiday"}]),
        &[
            "people[1] (omar).leave[0].from: a date such as 2026-03-02 is expected, not \"2026-02-30\"",
            "people[1] (omar).leave[0].to: a date such as 2026-03-02 is expected, not null",
            "people[1] (omar).leave[0].kind: \"holiday\" is neither leave, long nor sick",
        ],
    );
    refused(
        |it| it["published"] = json!([{"date": "2026-03-02", "duty": "eng", "person": "lea"}]),
        &[
            "published[0].person: there is no person \"lea\"; who left stays in the list and gets a last day of employment",
        ],
    );
    refused(
        |it| {
            it["published"] = json!([
                {"date": "2026-03-02", "duty": "eng", "person": "zoe"}, {"date": "2026-03-02", "duty": "eng", "person": "omar"}
            ]);
        },
        &["published[1]: 2026-03-02 of this duty is published a second time"],
    );
    refused(|it| it["people"][1]["id"] = json!("zoe"), &["people[1]: a person \"zoe\" stands here a second time"]);
    refused(
        |it| it["people"][1]["members"]["ops"] = json!(500),
        &["people[1] (omar).members.ops: there is no such duty"],
    );
    refused(
        |it| it["people"][1]["calendar"] = json!("XX"),
        &["people[1] (omar).calendar: there is no calendar \"XX\""],
    );
    refused(
        |it| it["people"][1]["employed"] = json!(["2026-03-01", "2025-03-01"]),
        &["people[1] (omar).employed: ends before it begins"],
    );
    refused(
        |it| it["horizon"]["last"] = json!("2026-03-01"),
        &["horizon: ends on 2026-03-01, before it begins on 2026-03-02"],
    );
    refused(
        |it| it["duties"][0]["time_zone"] = json!("Europe/Nowhere"),
        &["duties[0] (eng).time_zone: \"Europe/Nowhere\" is no time zone such as Europe/Paris"],
    );
    refused(
        |it| it["duties"][0]["to"] = json!("09:00"),
        &["duties[0] (eng).to: is not after \"from\"; a shift that ends on the next date says to_next_day"],
    );
    refused(
        |it| it["duties"][0]["weekdays"] = json!([0, 8, "Mon"]),
        &[
            "duties[0] (eng).weekdays[0]: a day of the week is a number from 1 (Monday) to 7, not 0",
            "duties[0] (eng).weekdays[1]: a day of the week is a number from 1 (Monday) to 7, not 8",
            "duties[0] (eng).weekdays[2]: a day of the week is a number from 1 (Monday) to 7, not \"Mon\"",
        ],
    );
    refused(
        |it| it["rules"]["near_days"] = json!(-1),
        &["rules.near_days: a whole number from 0 to 1000000 is expected, not -1"],
    );
    refused(
        |it| it["schema"] = json!("onduty-schedule-instance/2"),
        &["schema: \"onduty-schedule-instance/2\" is not known; onduty-schedule-instance/1 is"],
    );
    refused(|it| drop(it.as_object_mut().unwrap().remove("rules")), &["rules: is missing"]);
    refused(|it| *it = json!([]), &["an object is expected, not a list"]);
}

#[test]
fn a_field_that_nobody_knows_is_never_passed_over() {
    let mut json = tiny();
    json["people"][0]["levae"] = json!([]);
    json["rules"]["freeze"] = Value::Null;
    let said: Vec<String> = read(&json).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(
        said.iter().any(|line| line.starts_with("people[0].levae: is not a field that is known here; known are id,")),
        "{said:?}"
    );
    assert!(said.iter().any(|line| line.starts_with("rules.freeze: is not a field")), "{said:?}");
}

#[test]
fn ten_thousand_problems_are_counted_and_ten_thousand_dates_are_read() {
    let mut json = tiny();
    let dates: Vec<String> = (0..10_000).map(|n| Day(n).to_string()).collect();
    json["calendars"]["FR"] = json!(dates);
    let facts = Facts::new(read(&json).unwrap()).unwrap();
    assert_eq!(facts.slots.len(), 5, "these holidays end in 1997");
    json["calendars"]["FR"] = json!(vec!["soon"; 10_000]);
    let problems = read(&json).unwrap_err();
    assert_eq!(problems.len(), 51);
    assert_eq!(problems[50].to_string(), "9950 more problems are not listed");
    json["calendars"]["FR"] = json!(vec!["2026-01-01"; 40_001]);
    assert_eq!(
        read(&json).unwrap_err()[0].to_string(),
        "calendars.FR: has 40001 entries, where at most 40000 are read"
    );
}

#[test]
fn what_is_too_large_says_so_at_once() {
    let mut json = tiny();
    json["horizon"]["last"] = json!("9999-12-31");
    let refused = Facts::new(read(&json).unwrap()).unwrap_err();
    assert!(
        refused.to_string().starts_with("this is too large to be planned at once: 2912383 days, where at most 40000"),
        "{refused}"
    );
    // A hundred years are days enough for two people, and too many for ten thousand.
    json["horizon"]["last"] = json!("2126-03-01");
    let facts = Facts::new(read(&json).unwrap()).unwrap();
    assert_eq!(facts.slots.len(), 26_090);
    let one = json["people"][0].clone();
    json["people"] = (0..10_000)
        .map(|n| {
            let mut person = one.clone();
            person["id"] = json!(format!("p{n}"));
            person
        })
        .collect();
    let refused = Facts::new(read(&json).unwrap()).unwrap_err();
    assert!(refused.to_string().contains("people times days"), "{refused}");
    // Leave without end is leave until the end of the horizon, even for somebody who never works.
    let mut json = tiny();
    json["people"][0]["leave"] = json!([{"from": "0001-01-01", "to": "9999-12-31", "kind": "leave"}]);
    json["people"][0]["work_days"] = json!([]);
    let facts = Facts::new(read(&json).unwrap()).unwrap();
    assert_eq!((0..5).map(|slot| facts.blocked(0, slot)).collect::<Vec<_>>(), vec![Some(Static::DayOff); 5]);
}

#[test]
fn a_plan_is_judged() {
    let facts = Facts::new(read(&tiny()).unwrap()).unwrap();
    let rows = |who: [&str; 5]| {
        let rows = who
            .iter()
            .zip(2..)
            .map(|(who, day)| json!({"date": format!("2026-03-0{day}"), "duty": "eng", "person": who}));
        read_solution(&json!({"assignments": rows.collect::<Vec<_>>()})).unwrap()
    };
    let verdict = check(&facts, &rows(["zoe", "omar", "zoe", "omar", "zoe"]));
    assert_eq!((verdict.violations, verdict.score.0), (vec![], [0, 0, 0, 1000, 2000, 3, 0]));
    let verdict = check(&facts, &rows(["zoe", "zoe", "omar", "lea", "zoe"]));
    let said: Vec<String> = verdict.violations.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "H1: 2026-03-05 eng: unknown person lea",
            "H1: 2026-03-05 eng: neither assigned nor listed once as uncovered",
            "H5: zoe: 2026-03-02 and 2026-03-03 are 1 days apart, minimum 2",
        ]
    );
}

#[test]
fn what_cannot_be_a_solution_is_refused_and_what_means_nothing_is_named() {
    let said =
        |json: Value| -> Vec<String> { read_solution(&json).unwrap_err().iter().map(ToString::to_string).collect() };
    assert_eq!(said(json!(7)), ["a solution is an object, not 7"]);
    assert_eq!(said(json!({})), ["assignments: is missing"]);
    assert_eq!(
        said(json!({"assignments": [{"date": "soon", "duty": "eng"}]})),
        [
            "assignments[0].date: a date such as 2026-03-02 is expected, not \"soon\"",
            "assignments[0].person: is missing",
        ]
    );
    let read = read_solution(&json!({"assignments": [], "uncoverd": []})).unwrap();
    assert_eq!(read.unread, ["uncoverd"]);
}
