//! What holds the gate, and what opens it.

use super::Day;
use super::day;
use crate::engine::Action;
use crate::gate::{self, Blocker, Candidate, GateInputs};
use crate::process::STARTER;
use crate::signal::{Build, BuildState, ErrorStatus, Fact, Kind, RolloutState, UnknownReason};

#[test]
fn closed_with_reasons_until_all_is_well_and_its_time_has_come() {
    let mut day = Day::seed();
    day.builds("unit tests", BuildState::Failed, "a2");
    day.error("e1", |_| {});
    day.at("15:59").tick();
    assert_eq!(
        day.gate(),
        "step_open main-green, step_open staging-errors, too_early, no_candidate".replace(", no_candidate", "")
    );
    day.builds("unit tests", BuildState::Passed, "a3");
    day.tick();
    assert_eq!(day.gate(), "step_open staging-errors, too_early");
    day.error("e1", |error| error.status = ErrorStatus::Resolved);
    day.tick();
    assert_eq!(day.gate(), "too_early");
    let before = day.entries().len();
    day.at("16:00").tick();
    assert_eq!(day.gate(), "open a3");
    assert_eq!(day.log(before), ["gate_opened"]);
}

#[test]
fn pressed_or_observed_a_rollout_satisfies_the_step_until_the_next_shift() {
    let mut day = Day::seed();
    day.at("16:05").rollout("r1", RolloutState::Running, "a1");
    day.tick();
    assert_eq!(day.gate(), "in_progress");
    day.at("16:09").rollout("r1", RolloutState::Succeeded, "a1");
    day.tick();
    // It started before the window's opening counts, so this one does.
    assert_eq!(day.gate(), "already_rolled_out");
    assert_eq!(day.step("rollout"), "fine");
    day.at("2026-03-03 09:30").hears(&["builds", "errors"]);
    day.tick();
    assert_eq!(day.gate(), "too_early");
    assert_eq!(day.step("rollout"), "waiting until 03-03 16:00");
}

#[test]
fn an_earlier_rollout_of_the_day_is_not_todays() {
    let mut day = Day::seed();
    day.at("11:00").rollout("hotfix", RolloutState::Succeeded, "a1");
    day.at("16:00").tick();
    assert_eq!(day.gate(), "open a1");
}

#[test]
fn what_nobody_knows_keeps_it_closed() {
    let mut day = Day::seed();
    day.at("16:05").rollout("r1", RolloutState::Unknown, "a1");
    day.tick();
    assert_eq!(day.gate(), "outcome_unknown");
    day.declare(|declarations| declarations.observe_only = true);
    day.tick();
    assert_eq!(day.gate(), "outcome_unknown, observe_only");
    day.declare(|declarations| declarations.rollout_targets.clear());
    day.tick();
    assert_eq!(day.gate(), "outcome_unknown, no_target, observe_only");
}

#[test]
fn a_pipeline_that_fell_silent_can_be_settled_by_a_person() {
    let mut day = Day::seed();
    day.at("10:00").rollout("r1", RolloutState::Running, "a1");
    day.tick();
    let settle = Action::ResolveRollout { id: "r1".to_owned(), state: RolloutState::Failed };
    assert!(day.refused("lena", settle.clone()).contains("there is no rollout r1"), "it may still be under way");
    day.at("16:00").tick();
    assert_eq!(day.gate(), "in_progress");
    day.act("lena", settle);
    day.rollout("r1", RolloutState::Failed, "a1");
    day.tick();
    assert_eq!(day.gate(), "open a1");
}

#[test]
fn outside_shifts_it_is_closed() {
    let mut day = Day::seed();
    day.at("19:00").tick();
    assert_eq!(day.gate(), "outside_shift");
}

#[test]
fn several_times_a_day_open_several_windows() {
    let twice = STARTER.replace("after: \"16:00\"", "at: [\"11:00\", \"15:00\"]");
    let mut day = Day::with(&twice);
    day.hears(&["errors", "builds", "rollouts"]);
    day.builds("unit tests", BuildState::Passed, "a1");
    for (at, expected) in [("10:59", "too_early"), ("11:00", "open a1")] {
        day.at(at).tick();
        assert_eq!(day.gate(), expected, "{at}");
    }
    day.at("11:05").rollout("r1", RolloutState::Succeeded, "a1");
    day.tick();
    assert_eq!(day.gate(), "already_rolled_out");
    day.at("15:00").tick();
    assert_eq!(day.gate(), "open a1");
}

#[test]
fn before_closes_the_window() {
    let mut day = Day::with(&STARTER.replace("after: \"16:00\"", "after: \"16:00\"\n    before: \"18:00\""));
    day.hears(&["errors", "builds", "rollouts"]);
    day.builds("unit tests", BuildState::Passed, "a1");
    day.at("18:00").tick();
    assert_eq!(day.gate(), "too_late");
}

#[test]
fn the_candidate_is_the_newest_revision_that_passed_everything() {
    let mut day = Day::seed();
    day.head(&["a3", "a2", "a1", "a0"]);
    day.rollout("r0", RolloutState::Succeeded, "a0");
    day.at("10:10").builds("unit tests", BuildState::Passed, "a2");
    day.at("10:11").builds("e2e", BuildState::Passed, "a1");
    day.at("10:12").builds("e2e", BuildState::Running, "a2");
    day.at("16:00").tick();
    assert_eq!(day.gate(), "open a1", "e2e still runs on a2");
    day.at("16:01").builds("e2e", BuildState::Passed, "a2");
    day.tick();
    assert_eq!(day.gate(), "open a2", "a3 has no builds yet");
    let inputs = day.replay.memory(&day.duty).unwrap().board.gates[0].clone();
    let candidate = inputs.candidate.unwrap();
    assert_eq!(candidate.commits, Some(vec!["a2".to_owned(), "a1".to_owned()]));
    assert_eq!(candidate.deployed.as_deref(), Some("a0"));
}

#[test]
fn an_attempt_uses_up_the_looks_from_before_it_however_it_ends() {
    let mut day = Day::seed();
    day.head(&["a1", "a0"]);
    day.builds("unit tests", BuildState::Passed, "a1");
    let look = |day: &mut Day| {
        day.tick();
        let inputs = day.replay.memory(&day.duty).unwrap().board.gates[0].clone();
        gate::evaluate(&inputs).unwrap().diff_hash().to_owned()
    };
    day.at("16:00");
    let first = look(&mut day);
    day.at("16:01").builds("e2e", BuildState::Passed, "a1");
    assert_eq!(look(&mut day), first, "nothing that the gate reads has changed");
    day.at("16:02").rollout("r1", RolloutState::Failed, "a1");
    let second = look(&mut day);
    assert_ne!(second, first);
    day.at("16:03").rollout("r2", RolloutState::Failed, "a1");
    assert!(![first, second].contains(&look(&mut day)));
}

#[test]
fn a_fork_that_calls_its_branch_main_makes_nothing_green() {
    let mut day = Day::seed();
    day.builds("unit tests", BuildState::Failed, "a1");
    day.at("16:00");
    if let Fact::Build(build) = day::build("unit tests", BuildState::Passed, "evil", day.now) {
        day.observe("acme/shop main unit tests", Fact::Build(Build { unproven_branch: true, ..build }));
    }
    day.tick();
    assert!(day.step("main-green").contains("not in the history of main"), "{}", day.step("main-green"));
    assert_eq!(day.gate(), "step_unknown main-green, no_candidate");
    // Unless git was only behind.
    day.at("16:01").head(&["evil", "a1", "a0"]);
    day.tick();
    assert_eq!(day.gate(), "open evil");
}

#[test]
fn no_green_revision_is_no_candidate() {
    let mut day = Day::with(
        "process: developers\nsteps:\n  - id: rollout\n    goal: Roll out\n    once: shift\n    rollout: production\n",
    );
    day.hears(&["builds"]);
    day.builds("unit tests", BuildState::Failed, "a1");
    day.at("16:00").tick();
    assert_eq!(day.gate(), "no_candidate");
    day.declare(|declarations| {
        declarations.absent.insert(Kind::Builds);
    });
    day.tick();
    assert_eq!(day.gate(), "no_candidate", "no commits are known either");
    day.head(&["b1"]);
    day.tick();
    assert_eq!(day.gate(), "open b1");
}

#[test]
fn a_proof_is_made_only_of_what_the_gate_reads() {
    let candidate = |revision: &str| Candidate {
        revision: revision.to_owned(),
        deployed: None,
        commits: None,
        attempts: String::new(),
    };
    let inputs = |revision: &str| GateInputs {
        environment: "production".into(),
        process_version: 1,
        candidate: Ok(candidate(revision)),
        blockers: Vec::new(),
    };
    let open = gate::evaluate(&inputs("a1")).unwrap();
    assert_eq!(open, gate::evaluate(&inputs("a1")).unwrap());
    assert_ne!(open.inputs_hash(), gate::evaluate(&inputs("a2")).unwrap().inputs_hash());
    assert_eq!(open.diff_hash(), gate::diff_hash(&candidate("a1")));
    let mut unknown = inputs("a1");
    unknown.candidate = Err(UnknownReason::Missing { what: "nobody knows".to_owned() });
    assert!(matches!(gate::evaluate(&unknown).unwrap_err()[..], [Blocker::NoCandidate { .. }]));
}
