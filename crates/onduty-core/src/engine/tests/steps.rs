//! Steps, shifts, versions of the process, and what is not known.

use super::Day;
use super::day::time;
use crate::engine::Action;
use crate::process::STARTER;
use crate::signal::{BuildState, Kind, RolloutState};

const TASKS: &str = "
process: developers
steps:
  - id: morning
    goal: Say good morning
    once: shift
    checklist: hello
  - id: weekly
    goal: Look at the backups
    once: week
  - id: lunch
    goal: Look at the dashboards
    once: shift
    at: [\"11:00\", \"15:00\"]
  - id: after-rollout
    goal: Tell the customers
    every: rollout
  - id: hourly
    goal: Look at the queue
    every: 2h
checklists:
  hello:
    - Say hello
    - Read the log
";

#[test]
fn a_fine_day_is_quiet() {
    let day = Day::seed();
    assert_eq!(
        day.board(),
        "main-green: fine\nstaging-errors: fine\nproduction-errors: fine\nperformance: off: performance\nasked: fine\nrollout: waiting until 03-02 16:00\n"
    );
    assert_eq!(day.log(0), ["process_activated", "shift_started"]);
}

#[test]
fn nothing_connected_is_unknown_not_fine() {
    let mut day = Day::with(STARTER);
    day.tick();
    assert!(day.step("main-green").starts_with("unknown: nothing tells onduty about builds"), "{}", day.board());
    assert!(day.step("staging-errors").starts_with("unknown: nothing tells onduty about errors"));
    assert!(day.gate().starts_with("step_unknown main-green, step_unknown staging-errors"), "{}", day.gate());
}

#[test]
fn a_kind_that_is_declared_absent_turns_its_steps_off_and_does_not_block() {
    let mut day = Day::with(STARTER);
    day.declare(|declarations| declarations.absent.extend([Kind::Errors, Kind::Builds]));
    day.head(&["a1"]);
    day.at("16:01").tick();
    assert_eq!(day.step("staging-errors"), "off: errors");
    assert_eq!(day.step("main-green"), "off: builds");
    assert_eq!(day.gate(), "open a1");
}

#[test]
fn a_silent_source_becomes_unknown_and_is_told_once() {
    let mut day = Day::seed();
    let before = day.entries().len();
    day.at("2026-03-03 10:01").tick();
    day.at("2026-03-03 10:02").tick();
    assert!(day.step("staging-errors").starts_with("unknown: errors last heard of at"), "{}", day.board());
    let told = day.log(before).iter().filter(|word| *word == "step_unknown").count();
    assert_eq!(told, 3, "{:?}", day.log(before));
    day.hears(&["errors", "builds"]);
    let before = day.entries().len();
    day.tick();
    assert_eq!(day.log(before), ["step_known"; 3]);
}

#[test]
fn trouble_keeps_open_items_and_says_unknown_beside_them() {
    let mut day = Day::seed();
    day.error("e1", |_| {});
    day.tick();
    day.trouble("errors");
    day.tick();
    assert_eq!(day.step("staging-errors"), "open 1\n  shop/e1 #1 open");
    assert_eq!(day.gate(), "step_open staging-errors, step_unknown staging-errors, too_early");
}

#[test]
fn the_turn_goes_on_with_each_shift() {
    let mut day = Day::seed();
    day.at("19:00").tick();
    day.at("2026-03-03 08:59").tick();
    day.at("2026-03-03 09:00").tick();
    let text: Vec<String> = day
        .entries()
        .iter()
        .filter_map(|entry| match &entry.event {
            crate::logbook::Event::ShiftStarted { engineer } => Some(format!("{} starts {}", entry.shift, engineer)),
            crate::logbook::Event::ShiftEnded { engineer, open } => Some(format!("ends {engineer} {open}")),
            _ => None,
        })
        .collect();
    assert_eq!(text.len(), 3, "{text:?}");
    assert!(
        text[0].starts_with("2026-03-02 starts ")
            && text[1].starts_with("ends ")
            && text[2].starts_with("2026-03-03 starts ")
    );
    assert_ne!(text[0][text[0].len() - 4..], text[2][text[2].len() - 4..], "somebody else serves");
}

#[test]
fn new_items_outside_shifts_belong_to_the_next_one() {
    let mut day = Day::seed();
    for (at, shift) in [("18:59", "2026-03-02"), ("22:00", "2026-03-03"), ("2026-03-06 20:00", "2026-03-09")] {
        day.at(at).hears(&["errors", "builds"]);
        let id = format!("at-{}", day.now);
        day.error(&id, |_| {});
        day.tick();
        let items = day.items("staging-errors");
        let item = items.iter().find(|item| item.subject.as_str() == format!("shop/{id}")).unwrap();
        assert_eq!(item.shift.to_string(), shift, "opened at {at}");
    }
}

#[test]
fn tasks_come_with_their_period_and_end_with_it() {
    let mut day = Day::with(TASKS);
    day.hears(&["rollouts"]);
    day.at("09:00").tick();
    assert_eq!(day.step("morning"), "open 1\n  2026-03-02 #1 open");
    assert_eq!(day.step("weekly"), "open 1\n  2026-W10 #1 open");
    assert_eq!(day.step("lunch"), "waiting until 03-02 11:00");
    let item = day.item("morning");
    assert_eq!(item.checklist.len(), 2);
    day.act("lena", Action::Tick { item: item.id.clone(), line: 1, done: true });
    assert!(day.item("morning").checklist[1].ticked.is_some());
    day.act("lena", Action::Conclude { item: item.id, text: "said".to_owned(), resolve: false });
    assert_eq!(day.step("morning"), "fine\n  2026-03-02 #1 closed Done");

    day.at("15:00").tick();
    assert_eq!(day.step("lunch"), "open 2\n  2026-03-02 11:00 #1 open\n  2026-03-02 15:00 #1 open");
    day.at("19:00").tick();
    assert!(day.step("lunch").contains("11:00 #1 closed PeriodEnded"), "{}", day.step("lunch"));
    day.at("2026-03-03 09:00").tick();
    assert!(day.step("morning").ends_with("2026-03-03 #1 open"), "{}", day.step("morning"));
    assert_eq!(day.items("weekly").len(), 1, "once a week");
}

#[test]
fn every_follows_rollouts_and_hours() {
    let mut day = Day::with(TASKS);
    day.hears(&["rollouts"]);
    day.at("09:00").tick();
    assert_eq!(day.items("after-rollout").len(), 0);
    day.at("10:30").rollout("r1", RolloutState::Succeeded, "a1");
    day.tick();
    assert_eq!(day.step("after-rollout"), "open 1\n  r1 #1 open");
    assert_eq!(day.items("hourly").len(), 1, "one open task is enough");
    let item = day.item("hourly").id;
    day.act("lena", Action::Conclude { item, text: "empty".to_owned(), resolve: false });
    day.at("11:01").tick();
    assert_eq!(day.items("hourly").len(), 2);
}

#[test]
fn the_performance_check_without_a_source_is_off_or_unknown_never_fine() {
    let mut day = Day::seed();
    assert_eq!(day.step("performance"), "off: performance");
    day.declare(|declarations| {
        declarations.absent.remove(&Kind::Performance);
    });
    day.tick();
    assert!(day.step("performance").starts_with("unknown"), "{}", day.step("performance"));
}

#[test]
fn a_step_that_is_gone_withdraws_its_items_and_a_renamed_one_keeps_them() {
    let mut day = Day::seed();
    day.error("e1", |_| {});
    day.error("p1", |error| error.environment = "production".into());
    day.tick();
    let renamed = STARTER.replace("id: staging-errors", "id: new-errors\n    was: staging-errors");
    day.activate(2, &renamed);
    day.tick();
    assert_eq!(day.step("new-errors"), "open 1\n  shop/e1 #1 open");

    let start = renamed.find("  - id: production-errors").unwrap();
    let end = renamed.find("  - id: performance").unwrap();
    day.activate(3, &format!("{}{}", &renamed[..start], &renamed[end..]));
    day.tick();
    assert_eq!(day.step("production-errors"), "gone\n  shop/p1 #1 closed Withdrawn { version: 3 }");
}

#[test]
fn a_version_that_loosens_the_gate_is_named_until_the_next_rollout() {
    let mut day = Day::seed();
    let loose = STARTER.replacen("    blocks: [rollout]\n", "", 1);
    day.activate(2, &loose);
    day.tick();
    let loosened = |day: &Day| day.replay.memory(&day.duty).unwrap().board.loosened.clone();
    let named = loosened(&day);
    assert_eq!((named.len(), named[0].version, named[0].by.as_ref().map(|by| by.as_str())), (1, 2, Some("priya")));
    day.at("16:10").rollout("r1", RolloutState::Succeeded, "a1");
    day.tick();
    assert!(loosened(&day).is_empty());
}

#[test]
fn escalation_waits_for_working_hours() {
    let escalating = STARTER.replacen("owner: suggest", "owner: suggest\n    escalate: {after: 30m, to: omar}", 1);
    let mut day = Day::with(&escalating);
    day.hears(&["errors", "builds"]);
    day.at("20:00").builds("unit tests", BuildState::Failed, "a2");
    day.tick().at("2026-03-03 09:29").tick();
    assert!(!day.item("main-green").escalated);
    day.at("2026-03-03 09:30").tick();
    assert!(day.item("main-green").escalated);
    assert_eq!(day.log(0).iter().filter(|word| *word == "escalated").count(), 1);
}

#[test]
fn a_pass_repeated_changes_nothing() {
    let mut day = Day::seed();
    day.builds("unit tests", BuildState::Failed, "a2");
    day.error("e1", |_| {});
    day.tick();
    let (entries, items) = (day.entries().len(), day.replay.items().clone());
    day.tick();
    assert_eq!((day.entries().len(), day.replay.items()), (entries, &items));
    assert_eq!(day.now, time("10:00"));
}
