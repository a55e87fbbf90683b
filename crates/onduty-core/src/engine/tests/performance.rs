//! The check of response times: what rollouts did to them.

use super::day::Day;
use crate::engine::{Action, DEFAULT_LIMIT};
use crate::perf::Side;
use crate::performance::{ComparedRollout, EndpointFact, Scope, Slowdown, Standing};
use crate::process::STARTER;
use crate::signal::{Fact, Kind, RolloutState};

/// A day on which something tells about response times, and r1 arrived at 11:00.
fn rolled_out() -> Day {
    let mut day = Day::seed();
    day.declare(|declarations| {
        declarations.absent.remove(&Kind::Performance);
    });
    day.hears(&["performance"]);
    day.tick();
    assert_eq!(day.step("performance"), "fine", "nothing was rolled out");
    day.at("11:00").rollout("r1", RolloutState::Succeeded, "a1");
    day.at("11:01").tick();
    day
}

fn endpoint(day: &Day, rollout: &str, name: &str, standing: Standing) -> EndpointFact {
    EndpointFact {
        environment: "production".into(),
        rollout: rollout.into(),
        revision: rollout.replace('r', "a"),
        rolled_out_at: day.now,
        scope: Scope::Endpoint,
        name: name.into(),
        standing,
        seen: 1,
        slower: Some(Slowdown { effect: 0.3, interval: Some([0.2, 0.4]), added_seconds_per_hour: Some(60.0) }),
        failing: None,
        usual_p50_ms: None,
        before: Side::default(),
        after: Side::default(),
    }
}

fn tell(day: &mut Day, fact: EndpointFact) {
    let subject = fact.subject();
    day.observe(subject.as_str(), Fact::Endpoint(fact));
}

fn compared(day: &mut Day, rollout: &str, is_enough: bool, worse: u64) {
    let fact = ComparedRollout {
        environment: "production".into(),
        rollout: rollout.into(),
        revision: rollout.replace('r', "a"),
        rolled_out_at: day.now,
        until: day.now,
        runs: 1,
        judged: 310,
        quiet: 894,
        worse,
        requests: 0.94,
        time: 0.7999,
        is_enough,
        earlier_days: 10,
    };
    day.observe("production rollout", Fact::Compared(fact));
}

#[test]
fn a_rollout_that_nobody_compared_yet_is_unknown() {
    let mut day = rolled_out();
    assert!(day.step("performance").starts_with("unknown: the rollout of a1 at "), "{}", day.step("performance"));
    compared(&mut day, "r1", true, 0);
    day.tick();
    assert_eq!(day.step("performance"), "fine");
    // The next one is another question.
    day.at("12:00").rollout("r2", RolloutState::Succeeded, "a2");
    day.tick();
    assert!(day.step("performance").starts_with("unknown: the rollout of a2 at "), "{}", day.step("performance"));
    // One that did not arrive changes nothing.
    compared(&mut day, "r2", true, 0);
    day.at("13:00").rollout("r3", RolloutState::Failed, "a3");
    day.tick();
    assert_eq!(day.step("performance"), "fine");
}

#[test]
fn what_arrived_before_anybody_watched_is_not_waited_for() {
    let mut day = Day::with(STARTER);
    day.declare(|declarations| {
        declarations.absent.remove(&Kind::Performance);
    });
    day.at("09:30").rollout("r0", RolloutState::Succeeded, "a0");
    day.at("10:00").hears(&["errors", "builds", "rollouts", "commits", "performance"]);
    day.tick();
    assert_eq!(day.step("performance"), "fine");
}

#[test]
fn without_rollouts_there_is_nothing_to_compare_only_where_they_are_pressed_here() {
    let mut day = Day::with(STARTER);
    day.declare(|declarations| {
        declarations.absent.remove(&Kind::Performance);
    });
    day.hears(&["performance"]);
    day.tick();
    assert_eq!(day.step("performance"), "fine");
    day.declare(|declarations| declarations.rollout_targets.clear());
    day.tick();
    assert_eq!(day.step("performance"), "unknown: nothing tells onduty about rollouts");
}

#[test]
fn too_little_is_unknown_and_nothing_is_lost_of_what_is_known() {
    let mut day = rolled_out();
    let slow = endpoint(&day, "r1", "GET /cart", Standing::Degraded);
    tell(&mut day, slow.clone());
    compared(&mut day, "r1", false, 1);
    day.tick();
    assert_eq!(day.step("performance"), "open 1\n  production endpoint GET /cart #1 open");
    tell(&mut day, EndpointFact { standing: Standing::Good, ..slow });
    day.tick();
    assert_eq!(
        day.step("performance"),
        "unknown: 310 endpoints judged, 94 % of requests and 79 % of their time, 894 too quiet to say\n  \
         production endpoint GET /cart #1 closed FineAtSource"
    );
}

#[test]
fn an_unknown_check_holds_the_gate_where_it_blocks() {
    let blocking = STARTER.replacen("check: performance", "check: performance\n    blocks: [rollout]", 1);
    let mut day = rolled_out();
    day.activate(2, &blocking);
    day.at("16:01").tick();
    assert!(day.gate().contains("step_unknown performance"), "{}", day.gate());
    compared(&mut day, "r1", true, 0);
    day.tick();
    assert!(!day.gate().contains("performance"), "{}", day.gate());
}

#[test]
fn a_suspicion_is_no_work_yet() {
    let mut day = rolled_out();
    let fact = endpoint(&day, "r1", "GET /cart", Standing::Suspected);
    tell(&mut day, fact);
    compared(&mut day, "r1", true, 0);
    day.tick();
    assert_eq!(day.step("performance"), "fine");
}

#[test]
fn a_conclusion_covers_an_endpoint_until_a_later_rollout_makes_it_slower() {
    let mut day = rolled_out();
    let fact = endpoint(&day, "r1", "GET /cart", Standing::Degraded);
    tell(&mut day, fact.clone());
    compared(&mut day, "r1", true, 1);
    day.at("11:30").tick();
    let item = day.item("performance").id;
    day.act("lena", Action::Conclude { item, text: "the new feature costs that".into(), resolve: false });
    assert_eq!(day.step("performance"), "fine\n  production endpoint GET /cart #1 closed Concluded");
    // Seen again for the same rollout.
    day.at("12:30");
    tell(&mut day, EndpointFact { seen: 2, ..fact });
    day.tick();
    assert!(day.step("performance").starts_with("fine"), "{}", day.step("performance"));
    day.at("14:00").rollout("r2", RolloutState::Succeeded, "a2");
    let again = endpoint(&day, "r2", "GET /cart", Standing::Degraded);
    tell(&mut day, again);
    compared(&mut day, "r2", true, 1);
    day.tick();
    assert!(day.step("performance").ends_with("GET /cart #2 open"), "{}", day.step("performance"));
}

#[test]
fn a_conclusion_about_one_rollout_says_nothing_about_the_next() {
    let mut day = rolled_out();
    let fact = endpoint(&day, "r1", "GET /cart", Standing::Degraded);
    tell(&mut day, fact.clone());
    compared(&mut day, "r1", true, 1);
    day.at("11:30").tick();
    // The next one has arrived already, and nobody knows yet what it did.
    day.at("11:40").rollout("r2", RolloutState::Succeeded, "a2");
    let next = endpoint(&day, "r2", "GET /cart", Standing::Degraded);
    day.at("11:45").tick();
    let item = day.item("performance").id;
    day.act("lena", Action::Conclude { item, text: "the new feature costs that".into(), resolve: false });
    day.at("12:50");
    tell(&mut day, next.clone());
    compared(&mut day, "r2", true, 1);
    day.tick();
    assert!(day.step("performance").ends_with("GET /cart #2 open"), "{}", day.step("performance"));

    // What is open tells of the last one that made it worse, and a conclusion is about that.
    day.at("14:00").rollout("r3", RolloutState::Succeeded, "a3");
    let third = endpoint(&day, "r3", "GET /cart", Standing::Degraded);
    tell(&mut day, third);
    compared(&mut day, "r3", true, 1);
    day.tick();
    let item = day.item("performance").id;
    day.act("lena", Action::Conclude { item, text: "known".into(), resolve: false });
    day.tick();
    assert!(day.step("performance").starts_with("fine"), "{}", day.step("performance"));
}

#[test]
fn a_rollout_that_was_lost_may_have_arrived() {
    let mut day = rolled_out();
    compared(&mut day, "r1", true, 0);
    day.tick();
    assert_eq!(day.step("performance"), "fine");
    day.at("12:00").rollout("r2", RolloutState::Unknown, "a2");
    day.tick();
    assert!(day.step("performance").starts_with("unknown: the rollout of a2 at "), "{}", day.step("performance"));
}

#[test]
fn the_costliest_come_first_and_the_others_are_counted() {
    let mut day = rolled_out();
    for number in 0..DEFAULT_LIMIT + 2 {
        let slower = Slowdown { effect: 0.3, interval: None, added_seconds_per_hour: Some(number as f64) };
        let name = format!("e{number}");
        let fact = EndpointFact { slower: Some(slower), ..endpoint(&day, "r1", &name, Standing::Degraded) };
        tell(&mut day, fact);
    }
    compared(&mut day, "r1", true, DEFAULT_LIMIT as u64 + 2);
    day.tick();
    let step = day.step("performance");
    assert!(step.starts_with("open 101\n  more #1 (2) open\n"), "{step}");
    assert!(step.contains(" e2 #1") && !step.contains(" e0 #1") && !step.contains(" e1 #1"), "{step}");
}

#[test]
fn a_silent_source_is_unknown_and_what_is_open_stays() {
    let mut day = rolled_out();
    let fact = endpoint(&day, "r1", "GET /cart", Standing::Degraded);
    tell(&mut day, fact);
    compared(&mut day, "r1", true, 1);
    day.tick();
    day.trouble("performance");
    day.tick();
    assert!(day.step("performance").ends_with("GET /cart #1 open"), "{}", day.step("performance"));
    let board = &day.replay.memory(&day.duty).unwrap().board;
    let status = board.steps.iter().find(|status| status.step.as_str() == "performance").unwrap();
    assert!(status.unknown.is_some());
}

#[test]
fn a_step_of_the_teams_own_reads_endpoints() {
    let own = STARTER.replacen(
        "every: rollout\n    check: performance",
        "each: endpoint in endpoints\n    where: endpoint.verdict == \"degraded\" && endpoint.slower_by > 0.25",
        1,
    );
    let mut day = rolled_out();
    day.activate(2, &own);
    let slower = |effect| Some(Slowdown { effect, interval: None, added_seconds_per_hour: None });
    let little = EndpointFact { slower: slower(0.1), ..endpoint(&day, "r1", "little", Standing::Degraded) };
    let much = EndpointFact { slower: slower(0.6), ..endpoint(&day, "r1", "much", Standing::Degraded) };
    tell(&mut day, little);
    tell(&mut day, much);
    compared(&mut day, "r1", true, 2);
    day.tick();
    assert_eq!(day.step("performance"), "open 1\n  production endpoint much #1 open");
}
