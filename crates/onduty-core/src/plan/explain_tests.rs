//! Explanations, held against the checker.

use super::tests::{random_instance, tiny};
use super::*;
use serde_json::{Value, json};

/// The plan with one change, with new reasons for nothing.
fn changed(solution: &Solution, why: &Why, other: &RunnerUp) -> Solution {
    let mut changed = solution.clone();
    for row in &mut changed.assignments {
        if row.day == why.day && row.duty == why.duty {
            row.person.clone_from(&other.person);
        } else if other.exchange.as_ref().is_some_and(|(day, duty)| *day == row.day && *duty == row.duty) {
            row.person.clone_from(&why.person);
        }
    }
    changed
}

#[test]
fn the_runner_up_makes_worse_exactly_what_is_said() {
    let (mut compared, mut equal) = (0, 0);
    for seed in 3000..3060 {
        let mut json = random_instance(seed, 20, 1 + seed % 2, 6);
        for person in json["people"].as_array_mut().unwrap() {
            person["joiner"] = json!(false); // their buddies would change, too
        }
        let facts = Facts::new(read(&json).unwrap()).unwrap();
        let solved = solve(&facts, &Settings { seed, moves: Some(2_000) }).unwrap();
        let reasons = explain(&facts, &solved.solution, seed);
        assert_eq!(reasons.served.len(), solved.solution.assignments.len());
        for why in &reasons.served {
            let members = (0..facts.people()).filter(|person| {
                let duty = facts.instance.duties.iter().position(|duty| duty.id == why.duty).unwrap();
                facts.instance.people[*person].weights[duty] > 0
            });
            assert_eq!(1 + why.others + why.excluded.values().sum::<usize>(), members.count(), "seed {seed}: {why:?}");
            let Some(other) = &why.runner_up else { continue };
            let verdict = check(&facts, &changed(&solved.solution, why, other));
            let hard = verdict.violations.iter().find(|violation| violation.rule() != Rule::H9);
            assert_eq!(hard, None, "seed {seed}: {why:?}");
            let first = (0..7).find(|level| verdict.score.0[*level] != solved.verdict.score.0[*level]);
            let worse =
                first.map(|level| (LEVELS[level].to_owned(), verdict.score.0[level] - solved.verdict.score.0[level]));
            let said = other.worse.clone().filter(|(level, _)| level != "uneven");
            assert_eq!(said, worse, "seed {seed}: {why:?}");
            if said.is_none() {
                equal += 1;
            }
            assert!(verdict.score >= solved.verdict.score, "seed {seed}: {why:?} would be better");
            compared += 1;
        }
    }
    assert!(compared > 300 && equal > 0, "{compared} compared, {equal} as good");
}

#[test]
fn a_day_without_anybody_says_what_would_help_the_cheapest_first() {
    let mut json = tiny();
    json["people"][1]["leave"] = json!([{"from": "2026-03-04", "to": "2026-03-08", "kind": "leave"}]);
    let mut third = json["people"][0].clone();
    (third["id"], third["members"]) = (json!("lea"), json!({}));
    json["people"].as_array_mut().unwrap().push(third);
    json["people"][0]["avoid_dates"] = json!(["2026-03-03"]);
    let facts = Facts::new(read(&json).unwrap()).unwrap();
    let rows = [("2026-03-02", "zoe"), ("2026-03-04", "zoe"), ("2026-03-06", "zoe")];
    let rows = rows.map(|(date, person)| json!({"date": date, "duty": "eng", "person": person}));
    let solution = read_solution(&json!({"assignments": rows})).unwrap();
    let name = |name: &str| name.to_owned();
    assert_eq!(
        explain(&facts, &solution, 0).uncovered,
        [
            vec![
                WayOut::WaiveGuard { person: name("omar") },
                WayOut::ShortenGap { person: name("zoe"), days: 1 },
                WayOut::Borrow { person: name("lea") },
                WayOut::LeaveOpen,
            ],
            vec![
                WayOut::ShortenGap { person: name("zoe"), days: 1 },
                WayOut::Borrow { person: name("lea") },
                WayOut::LeaveOpen
            ],
        ]
    );
}

/// Monday alone, served by `person`.
fn monday(json: &mut Value, person: &str) -> Reasons {
    json["horizon"]["last"] = json!("2026-03-02");
    let facts = Facts::new(read(json).unwrap()).unwrap();
    let row = json!({"date": "2026-03-02", "duty": "eng", "person": person});
    explain(&facts, &read_solution(&json!({"assignments": [row]})).unwrap(), 0)
}

#[test]
fn a_runner_up_that_is_better_is_not_called_as_good() {
    let mut json = tiny();
    json["people"][0]["avoid_dates"] = json!(["2026-03-02"]);
    let runner_up = |reasons: Reasons| reasons.served[0].runner_up.clone().unwrap();
    let other = runner_up(monday(&mut json, "zoe"));
    assert_eq!((other.person.as_str(), other.worse), ("omar", Some(("preferences".to_owned(), -1))));
    let other = runner_up(monday(&mut json, "omar"));
    assert_eq!((other.person.as_str(), other.worse), ("zoe", Some(("preferences".to_owned(), 1))));
}

#[test]
fn who_is_new_and_has_nobody_beside_them_could_not_serve_instead() {
    let mut json = tiny();
    (json["people"][1]["joiner"], json["people"][0]["experienced"]) = (json!(true), json!(false));
    json["people"][1]["experienced"] = json!(false);
    let why = monday(&mut json, "zoe").served[0].clone();
    assert_eq!((why.others, why.excluded, why.runner_up), (0, [("needs_buddy".to_owned(), 1)].into(), None));
    // Whoever is relieved may be beside them.
    json["people"][0]["experienced"] = json!(true);
    let why = monday(&mut json, "zoe").served[0].clone();
    assert_eq!((why.others, why.excluded), (1, [].into()));
}

#[test]
fn shorter_distances_help_only_where_a_distance_is_in_the_way() {
    let mut json = tiny();
    let facts = Facts::new(read(&json).unwrap()).unwrap();
    let rows = json!([{"date": "2026-03-02", "duty": "eng", "person": "zoe"}]);
    let solution = read_solution(&json!({"assignments": rows})).unwrap();
    let ways = explain(&facts, &solution, 0).uncovered;
    let shortens = |ways: &[WayOut]| ways.iter().any(|way| matches!(way, WayOut::ShortenGap { .. }));
    assert!(shortens(&ways[0]) && !shortens(&ways[3]), "{ways:?}");
    // Of two shifts in the way the nearer one says how short.
    let mut other = json["duties"][0].clone();
    (other["id"], other["weekdays"], other["min_gap_days"]) = (json!("ops"), json!([1]), json!(6));
    json["duties"].as_array_mut().unwrap().push(other);
    json["duties"][0]["min_gap_days"] = json!(3);
    json["people"].as_array_mut().unwrap().truncate(1);
    json["people"][0]["members"] = json!({"eng": 1000, "ops": 1000});
    json["people"][0]["history"] =
        json!([{"date": "2026-02-27", "duty": "ops"}, {"date": "2026-02-28", "duty": "eng"}]);
    let facts = Facts::new(read(&json).unwrap()).unwrap();
    let ops = explain(&facts, &Solution::default(), 0).uncovered.remove(1);
    assert_eq!(ops, [WayOut::ShortenGap { person: "zoe".to_owned(), days: 2 }, WayOut::LeaveOpen]);
}
