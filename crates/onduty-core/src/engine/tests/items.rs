//! What opens, changes and closes items.

use super::Day;
use super::day::time;
use crate::engine::Action;
use crate::ids::EngineerId;
use crate::item::{Candidate, Closing, ItemId, ItemState, MANY_ITEMS, OwnerReason, SnoozeUntil, Suggestion, WriteBack};
use crate::signal::{BuildState, CustomState, ErrorStatus, RolloutState};

fn conclude(day: &mut Day, step: &str) {
    let item = day.item(step).id;
    day.act("lena", Action::Conclude { item, text: "a flake".to_owned(), resolve: false });
}

#[test]
fn an_id_is_derived_and_occurrences_count() {
    let mut day = Day::seed();
    day.builds("unit tests", BuildState::Failed, "a2");
    day.tick();
    let first = day.item("main-green").id;
    assert!(first.as_str().starts_with("developers.main-green.") && first.as_str().ends_with(".1"), "{first}");
    day.at("10:20").builds("unit tests", BuildState::Passed, "a3");
    day.tick().at("11:00").builds("unit tests", BuildState::Failed, "a4");
    day.tick();
    assert!(day.item("main-green").id.as_str().ends_with(".2"));
}

#[test]
fn where_decides_only_what_opens() {
    let mut day = Day::seed();
    day.error("e1", |_| {});
    day.tick();
    assert_eq!(day.step("staging-errors"), "open 1\n  shop/e1 #1 open");
    // Three working days later the filter would not let it in; the item stays.
    day.at("2026-03-06 10:00").hears(&["errors", "builds"]);
    day.tick();
    assert_eq!(day.step("staging-errors"), "open 1\n  shop/e1 #1 open");
}

#[test]
fn an_each_item_closes_at_its_source_or_by_a_person() {
    type Change = fn(&mut crate::signal::ErrorGroup);
    let table: [(Change, &str); 3] = [
        (|error| error.status = ErrorStatus::Resolved, "closed ResolvedAtSource"),
        (|error| error.status = ErrorStatus::Ignored, "closed IgnoredAtSource"),
        (|error| error.assignee = Some("sam".to_owned()), "closed AssignedAtSource { to: \"sam\" }"),
    ];
    for (change, expected) in table {
        let mut day = Day::seed();
        day.error("e1", |_| {});
        day.tick().at("10:05").error("e1", change);
        day.tick();
        assert_eq!(day.step("staging-errors"), format!("fine\n  shop/e1 #1 {expected}"));
    }
    let mut day = Day::seed();
    day.error("e1", |_| {});
    day.tick();
    conclude(&mut day, "staging-errors");
    assert_eq!(day.step("staging-errors"), "fine\n  shop/e1 #1 closed Concluded");
}

#[test]
fn who_had_an_error_before_does_not_close_it() {
    let mut day = Day::seed();
    day.error("e1", |error| error.assignee = Some("sam".to_owned()));
    day.tick().tick();
    assert_eq!(day.step("staging-errors"), "open 1\n  shop/e1 #1 open");
}

#[test]
fn a_conclusion_covers_until_it_regresses_or_recurs_after_a_later_rollout() {
    let mut day = Day::seed();
    day.error("e1", |_| {});
    day.tick();
    conclude(&mut day, "staging-errors");
    day.at("10:30").error("e1", |error| error.count = 50);
    day.tick();
    assert_eq!(day.step("staging-errors"), "fine\n  shop/e1 #1 closed Concluded", "more events are covered");

    day.at("11:00").error("e1", |error| error.regressed_at = Some(time("11:00")));
    day.tick();
    assert_eq!(day.step("staging-errors"), "open 1\n  shop/e1 #1 closed Concluded\n  shop/e1 #2 open");

    let mut day = Day::seed();
    day.error("e1", |error| error.environment = "production".into());
    day.tick();
    conclude(&mut day, "production-errors");
    day.at("11:00").rollout("r1", RolloutState::Succeeded, "a1");
    day.at("11:30").error("e1", |error| error.environment = "production".into());
    day.tick();
    assert_eq!(day.step("production-errors"), "open 1\n  shop/e1 #1 closed Concluded\n  shop/e1 #2 open");
}

#[test]
fn a_while_item_closes_only_when_its_condition_is_known_to_be_false() {
    let mut day = Day::seed();
    day.builds("unit tests", BuildState::Failed, "a2");
    day.tick();
    conclude(&mut day, "main-green");
    assert_eq!(day.step("main-green"), "waiting 1\n  condition #1 investigated");
    assert!(
        day.gate().contains("step_open main-green"),
        "people conclude the investigation, the gate follows: {}",
        day.gate()
    );

    day.at("10:10").trouble("builds");
    day.tick();
    assert!(day.step("main-green").ends_with("condition #1 investigated"), "unknown closes nothing");

    day.at("10:20").hears(&["builds"]);
    day.builds("unit tests", BuildState::Running, "a3");
    day.tick();
    assert!(day.step("main-green").ends_with("investigated"), "running does not change it");
    day.at("10:30").builds("unit tests", BuildState::Passed, "a3");
    day.tick();
    assert_eq!(day.step("main-green"), "fine\n  condition #1 closed ConditionCleared");
}

#[test]
fn flapping_is_held_down() {
    let mut day = Day::seed();
    for (at, state) in [("10:01", BuildState::Failed), ("10:04", BuildState::Passed), ("10:08", BuildState::Failed)] {
        day.at(at).builds("unit tests", state, at);
        day.tick();
    }
    assert_eq!(day.step("main-green"), "open 1\n  condition #1 open");
    assert_eq!(day.entries().last().map(|entry| format!("{:?}", entry.event).contains("ItemReopened")), Some(true));
}

#[test]
fn a_snooze_ends_with_its_condition_and_keeps_the_gate_closed() {
    let in_an_hour = SnoozeUntil::Time { at: time("11:00") };
    let happens = SnoozeUntil::HappensAgain { mark: String::new() };
    let green = SnoozeUntil::Condition { expression: "ci.branch(\"main\") == \"failing\"".to_owned() };
    type Wake = fn(&mut Day);
    let table: [(SnoozeUntil, Wake); 4] = [
        (in_an_hour, |_| {}),
        (SnoozeUntil::NextRollout, |day| day.rollout("r1", RolloutState::Succeeded, "a1")),
        (happens, |day| day.error("e1", |error| error.count = 2)),
        (green, |day| day.builds("unit tests", BuildState::Failed, "a2")),
    ];
    for (until, wake) in table {
        let mut day = Day::seed();
        day.error("e1", |_| {});
        day.tick();
        let item = day.item("staging-errors").id;
        day.act("lena", Action::Snooze { item, until: until.clone() });
        day.at("10:59").tick();
        assert_eq!(day.step("staging-errors"), "waiting 1\n  shop/e1 #1 snoozed", "{until:?}");
        assert!(day.gate().contains("step_open staging-errors"));
        day.at("11:00");
        wake(&mut day);
        day.tick();
        assert_eq!(day.step("staging-errors"), "open 1\n  shop/e1 #1 open", "{until:?}");
    }
}

#[test]
fn what_was_there_before_is_one_line_opened_deliberately() {
    let mut day = Day::seed();
    let old: Vec<_> = (0..30)
        .map(|n| {
            let mut error = super::day::error(&format!("old{n:02}"), time("09:00"));
            error.environment = "production".into();
            let subject = format!("shop/{}", error.id);
            crate::signal::Observation { baseline: true, ..day.seen(&subject, crate::signal::Fact::Error(error)) }
        })
        .collect();
    day.observe_all(old);
    day.tick();
    assert_eq!(day.step("production-errors"), "waiting 1\n  baseline #1 (30) open");
    let item = day.item("production-errors").id;
    day.act("lena", Action::OpenBaseline { item, count: 2 });
    assert_eq!(
        day.step("production-errors"),
        "open 2\n  baseline #1 (28) open\n  shop/old00 #1 open\n  shop/old01 #1 open"
    );
    // Burned down at the source, and one comes back: that one is an ordinary item.
    day.at("11:00").error("old05", |error| {
        error.environment = "production".into();
        error.regressed_at = Some(time("11:00"));
    });
    day.tick();
    assert!(
        day.step("production-errors").starts_with("open 3\n  baseline #1 (27) open"),
        "{}",
        day.step("production-errors")
    );
}

#[test]
fn a_baseline_does_not_hold_the_gate() {
    let mut day = Day::seed();
    let fact = crate::signal::Fact::Error(super::day::error("old", time("09:00")));
    day.observe_all(vec![crate::signal::Observation { baseline: true, ..day.seen("shop/old", fact) }]);
    day.at("16:00").tick();
    assert_eq!(day.step("staging-errors"), "waiting 1\n  baseline #1 (1) open");
    assert_eq!(day.gate(), "open a1");
}

#[test]
fn beyond_the_limit_is_one_counted_item_that_still_blocks() {
    let limited =
        crate::process::STARTER.replacen("where: error.environment", "limit: 2\n    where: error.environment", 1);
    let mut day = Day::with(&limited);
    day.hears(&["errors", "builds"]);
    for id in ["e1", "e2", "e3", "e4", "e5"] {
        day.error(id, |_| {});
    }
    day.tick();
    assert_eq!(day.step("staging-errors"), "open 3\n  more #1 (3) open\n  shop/e1 #1 open\n  shop/e2 #1 open");
    for id in ["e1", "e2"] {
        day.at("10:10").error(id, |error| error.status = ErrorStatus::Resolved);
    }
    day.tick();
    assert!(day.step("staging-errors").starts_with("open 3\n  more #1 (1) open"), "{}", day.step("staging-errors"));
}

/// A day whose step about production errors is `owner: auto`, with an open item of it.
fn day_that_assigns(confidence: &str) -> (Day, ItemId) {
    let text = crate::process::STARTER.replace("owner: write-back", &format!("owner: auto{confidence}"));
    let mut day = Day::calm(&text);
    day.error("e1", |error| error.environment = "production".into());
    day.tick();
    let item = day.item("production-errors").id;
    (day, item)
}

fn candidate(engineer: &str, available: bool, confidence: f64) -> Candidate {
    Candidate {
        engineer: EngineerId::from(engineer),
        available,
        confidence: Some(confidence),
        owned: 0,
        reasons: vec![OwnerReason::DecidedBefore { at: time("09:00") }],
    }
}

fn suggestion(people: Vec<Candidate>) -> Suggestion {
    Suggestion {
        people,
        others: Vec::new(),
        team: None,
        flaky: None,
        green_is_gone: false,
        at: time("09:00"),
        note: None,
    }
}

#[test]
fn auto_names_the_owner_only_where_it_is_sure() {
    for (confidence, people, expected) in [
        ("", vec![candidate("omar", true, 0.75)], Some("omar")),
        ("", vec![candidate("omar", true, 0.74)], None),
        ("\n    confidence: 90", vec![candidate("omar", true, 0.89)], None),
        ("\n    confidence: 50", vec![candidate("omar", true, 0.5)], Some("omar")),
        // Sure of somebody who is away is not sure of whoever is next.
        ("", vec![candidate("omar", false, 0.8), candidate("lena", true, 0.2)], None),
        ("", vec![candidate("omar", false, 1.0)], None),
        ("", vec![Candidate { owned: MANY_ITEMS, ..candidate("omar", true, 0.9) }], None),
        ("", vec![Candidate { confidence: None, ..candidate("omar", true, 0.9) }], None),
        ("", vec![], None),
    ] {
        let (mut day, item) = day_that_assigns(confidence);
        let told = format!("{confidence} {people:?}");
        day.machine_acts(Action::Suggest { item, suggestion: suggestion(people) });
        let item = day.item("production-errors");
        let owner = item.owner.as_ref();
        assert_eq!(owner.map(|owner| owner.engineer.as_str()), expected, "{told}");
        assert!(owner.is_none_or(|owner| owner.write_back == WriteBack::Pending && !owner.is_decided_by_person()));
        assert!(item.taken.is_none(), "the owner is not made the driver");
    }
}

#[test]
fn auto_never_overrides_a_person() {
    let (mut day, item) = day_that_assigns("");
    day.act("lena", Action::DecideOwner { item: item.clone(), engineer: EngineerId::from("lena") });
    day.machine_acts(Action::Suggest {
        item: item.clone(),
        suggestion: suggestion(vec![candidate("omar", true, 0.99)]),
    });
    let owner = day.item("production-errors").owner.unwrap();
    assert!(owner.engineer.as_str() == "lena" && owner.is_decided_by_person(), "{owner:?}");
    // A person overrides it at any time.
    let (mut day, item) = day_that_assigns("");
    day.machine_acts(Action::Suggest {
        item: item.clone(),
        suggestion: suggestion(vec![candidate("omar", true, 0.99)]),
    });
    day.act("lena", Action::DecideOwner { item, engineer: EngineerId::from("lena") });
    assert_eq!(day.item("production-errors").owner.unwrap().engineer.as_str(), "lena");
}

#[test]
fn an_owner_is_decided_by_a_person_and_told_to_the_tracker() {
    let mut day = Day::seed();
    day.error("e1", |error| error.environment = "production".into());
    day.tick();
    let item = day.item("production-errors").id;
    let suggestion = suggestion(vec![Candidate { confidence: None, ..candidate("omar", true, 0.0) }]);
    day.act("lena", Action::Suggest { item: item.clone(), suggestion });
    assert!(day.item("production-errors").owner.is_none(), "suggesting never assigns");
    day.act("lena", Action::DecideOwner { item: item.clone(), engineer: EngineerId::from("omar") });
    let owner = day.item("production-errors").owner.unwrap();
    assert_eq!((owner.engineer.as_str(), owner.write_back), ("omar", WriteBack::Pending));
    assert!(day.item("production-errors").taken.is_none(), "the owner is not made the driver");
    day.act("lena", Action::WriteBackEnded { item, failure: None });
    day.at("10:06").error("e1", |error| {
        error.environment = "production".into();
        error.assignee = Some("omar".to_owned());
    });
    day.tick();
    let closed = &day.items("production-errors")[0];
    assert!(matches!(&closed.state, ItemState::Closed { how: Closing::AssignedAtSource { .. }, .. }));
    assert_eq!(closed.owner.as_ref().map(|owner| owner.write_back), Some(WriteBack::Done));
}

#[test]
fn an_error_is_resolved_at_its_tracker_when_a_person_says_so() {
    let mut day = Day::seed();
    day.error("e1", |_| {});
    day.builds("unit tests", BuildState::Failed, "a2");
    day.tick();
    let (error, build) = (day.item("staging-errors").id, day.item("main-green").id);
    let conclude = |item: &ItemId, resolve| Action::Conclude { item: item.clone(), text: "mended".to_owned(), resolve };
    assert!(day.refused("lena", conclude(&build, true)).ends_with("only an error can be resolved at its tracker"));
    let told = |day: &Day| day.items("staging-errors")[0].conclusion.as_ref().map(|conclusion| conclusion.resolve);
    day.act("lena", conclude(&error, false));
    assert_eq!(told(&day), Some(WriteBack::NotAsked), "nobody is told unasked");
    day.act("lena", Action::Reopen { item: error.clone() });
    day.act("lena", conclude(&error, true));
    assert_eq!(told(&day), Some(WriteBack::Pending));
    day.act("lena", Action::ResolveEnded { item: error.clone(), failure: Some("no".to_owned()) });
    assert_eq!(told(&day), Some(WriteBack::Failed));
    day.act("lena", Action::ResolveEnded { item: error, failure: None });
    assert_eq!(told(&day), Some(WriteBack::Done));
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason() {
    let mut day = Day::seed();
    day.error("e1", |_| {});
    day.tick();
    let item = day.item("staging-errors").id;
    let none = crate::item::ItemId::from_text("developers.x.y.1");
    let past = SnoozeUntil::Time { at: time("09:00") };
    let broken = SnoozeUntil::Condition { expression: "ci.".to_owned() };
    let table = [
        (Action::Take { item: none }, "there is no item developers.x.y.1"),
        (Action::Release { item: item.clone() }, "you do not drive this item"),
        (Action::Tick { item: item.clone(), line: 99, done: true }, "its checklist has no line 99"),
        (Action::Conclude { item: item.clone(), text: " ".to_owned(), resolve: false }, "write a few words first"),
        (
            Action::Conclude { item: item.clone(), text: "x".repeat(5_000), resolve: false },
            "keep it under 4000 characters",
        ),
        (Action::Snooze { item: item.clone(), until: past }, "that time has passed; choose a later one"),
        (Action::Snooze { item: item.clone(), until: broken }, ""),
        (Action::Wake { item: item.clone() }, "this item is not snoozed"),
        (Action::Reopen { item: item.clone() }, "this item is open already"),
        (Action::OpenBaseline { item: item.clone(), count: 1 }, "this item is not a baseline"),
        (Action::DecideOwner { item, engineer: "nobody".into() }, "nobody is not on the roster"),
        (Action::Ask { id: "q1".to_owned(), text: String::new() }, "write a few words first"),
    ];
    for (action, expected) in table {
        let message = day.refused("lena", action.clone());
        assert!(message.ends_with(expected), "{action:?}: {message}");
    }
}

#[test]
fn what_people_ask_is_an_item_like_any_other() {
    let mut day = Day::seed();
    day.act("omar", Action::Ask { id: "q1".to_owned(), text: "Can you look at the log rotation?".to_owned() });
    assert_eq!(day.step("asked"), "open 1\n  q1 #1 open");
    let item = day.item("asked").id;
    day.act("lena", Action::Take { item: item.clone() });
    day.act("lena", Action::Conclude { item: item.clone(), text: "done together".to_owned(), resolve: false });
    assert_eq!(day.step("asked"), "fine\n  q1 #1 closed Concluded");
    day.act("lena", Action::Reopen { item });
    assert_eq!(day.step("asked"), "open 1\n  q1 #1 open");
}

#[test]
fn a_signal_of_the_teams_own_opens_and_closes() {
    let process = "process: developers\nsteps:\n  - id: certificates\n    goal: No certificate runs out\n    each: certificate in signals.certificate\n    where: certificate.state == \"failing\"\n    blocks: [rollout]\n  - id: rollout\n    goal: Roll out\n    once: shift\n    rollout: production\n";
    let mut day = Day::with(process);
    day.tick();
    assert!(day.step("certificates").starts_with("unknown"), "{}", day.step("certificates"));
    day.custom("certificate", "shop.example", CustomState::Failing, None);
    day.tick();
    assert_eq!(day.step("certificates"), "open 1\n  shop.example #1 open");
    day.at("11:00").custom("certificate", "shop.example", CustomState::Ok, None);
    day.tick();
    assert_eq!(day.step("certificates"), "fine\n  shop.example #1 closed FineAtSource");
    // Its own max age is over: neither fine nor failing.
    day.at("11:10").custom("certificate", "shop.example", CustomState::Ok, Some(jiff::SignedDuration::from_mins(30)));
    day.tick().at("11:50").tick();
    assert!(day.step("certificates").starts_with("unknown"), "{}", day.step("certificates"));
}

/// `a1` was green, `a2` red; then come `commits` (`revision author`), newest first, and the check passes at the newest.
fn mended_by(commits: &[&str]) -> Option<String> {
    let mut day = Day::seed();
    day.builds("unit tests", BuildState::Failed, "a2");
    day.tick();
    let id = day.item("main-green").id;
    let mut heads: Vec<(&str, &str)> = commits.iter().map(|text| text.split_once(' ').unwrap()).collect();
    heads.extend([("a2", "omar"), ("a1", "lena")]);
    day.head_by(&heads);
    day.at("11:00").builds("unit tests", BuildState::Passed, heads[0].0);
    day.tick();
    let item = day.items("main-green").into_iter().find(|item| item.id == id).unwrap();
    assert!(!item.is_open(), "{item:?}");
    item.mended.map(|mended| format!("{} {}", mended.engineer, mended.revision.unwrap_or_default()))
}

#[test]
fn who_made_the_check_green_again_is_read_off_the_commits() {
    assert_eq!(mended_by(&["a3 lena"]).as_deref(), Some("lena a3"));
    assert_eq!(mended_by(&["a4 lena", "a3 lena"]).as_deref(), Some("lena a4"));
    // Two people, somebody of no roster, or a run that was only repeated: nobody knows.
    assert_eq!(mended_by(&["a4 lena", "a3 omar"]), None);
    assert_eq!(mended_by(&["a4 lena", "a3 stranger"]), None);
    assert_eq!(mended_by(&[]), None);
}

#[test]
fn a_person_says_who_mended_it_and_that_stays() {
    let mut day = Day::seed();
    day.builds("unit tests", BuildState::Failed, "a2");
    day.tick();
    let id = day.item("main-green").id;
    let say = |engineer: &str| Action::Mended { item: id.clone(), engineer: EngineerId::from(engineer) };
    assert!(day.refused("lena", say("nobody")).contains("nobody"));
    day.act("lena", say("omar"));
    day.head_by(&[("a3", "lena"), ("a2", "omar"), ("a1", "lena")]);
    day.at("11:00").builds("unit tests", BuildState::Passed, "a3");
    day.tick();
    let mended = |day: &Day| day.items("main-green").into_iter().find(|item| item.id == id).unwrap().mended.unwrap();
    assert_eq!((mended(&day).engineer.as_str(), mended(&day).said_by.as_str()), ("omar", "lena"));
    // Also afterwards.
    day.act("omar", say("lena"));
    assert_eq!(mended(&day).engineer.as_str(), "lena");
    // It opens again: whoever mended it did not.
    day.at("11:01").builds("unit tests", BuildState::Failed, "a3");
    day.tick();
    assert_eq!(day.item("main-green").mended, None);
}
