use super::*;
use crate::ids::Subject;
use crate::perf::{Coverage, Outcomes};

fn at(text: &str) -> Timestamp {
    format!("2026-03-02T{text}:00Z").parse().unwrap()
}

fn rollout(id: &str) -> RolloutFact {
    RolloutFact {
        id: id.into(),
        environment: "production".into(),
        repository: None,
        revision: "a1".into(),
        state: RolloutState::Succeeded,
        started_at: at("15:00"),
        finished_at: Some(at("15:05")),
        by: None,
        pressed: false,
        url: None,
    }
}

fn judged(name: &str, verdict: Verdict, added: f64) -> Judged {
    let is_slower = verdict == Verdict::Regressed;
    Judged {
        endpoint: name.into(),
        verdict,
        rank: None,
        effect: Some(if is_slower { 0.251_234_567 } else { 0.0 }),
        interval: Some([0.1, 0.4]),
        q_value: Some(0.01),
        added_seconds_per_hour: Some(added),
        failing: None,
        before: Side { n: 100, p50_ms: Some(100.123_456), p95_ms: None },
        after: Side { n: 90, p50_ms: Some(125.0), p95_ms: None },
        asked: Outcomes { requests: 90, failed: 0 },
        reasons: Vec::new(),
    }
}

/// With another median after the rollout.
fn after(p50_ms: f64, of: Judged) -> Judged {
    Judged { after: Side { p50_ms: Some(p50_ms), ..of.after }, ..of }
}

/// With another number of requests after it, none of which failed.
fn asked(requests: u64, of: Judged) -> Judged {
    Judged { asked: Outcomes { requests, failed: 0 }, ..of }
}

fn fails(name: &str, verdict: Verdict) -> Judged {
    let failing = Failing {
        before: Outcomes { requests: 1_000, failed: 0 },
        after: Outcomes { requests: 100, failed: 40 },
        q_value: 1e-9,
    };
    Judged { failing: Some(failing), ..judged(name, verdict, 0.0) }
}

/// What runs one after another leave behind.
#[derive(Default)]
struct Told {
    known: BTreeMap<Subject, EndpointFact>,
    compared: Option<ComparedRollout>,
}

impl Told {
    fn run(
        &mut self,
        id: &str,
        coverage: (usize, bool),
        endpoints: Vec<Judged>,
        shared: &[(&str, f64)],
    ) -> Vec<String> {
        let shared =
            shared.iter().map(|(group, change)| SharedShift { group: (*group).into(), change: *change, endpoints: 5 });
        let coverage_of = |(judged, _)| Coverage { judged, requests: 0.9, time: 0.8 };
        let comparison = Comparison {
            endpoints,
            coverage: coverage_of(coverage),
            shared: shared.collect(),
            ..Comparison::default()
        };
        let known: Vec<EndpointFact> = self.known.values().cloned().collect();
        let run = Run {
            rollout: &rollout(id),
            rolled_out_at: at("15:05"),
            until: at("16:15"),
            comparison: &comparison,
            is_enough: coverage.1,
            known: &known,
            compared: self.compared.as_ref(),
        };
        let (told, compared) = after_run(&run);
        self.compared = Some(compared);
        let line =
            |fact: &EndpointFact| format!("{}: {:?} {}x by {}", fact.subject(), fact.standing, fact.seen, fact.rollout);
        let lines = told.iter().map(line).collect();
        self.known.extend(told.into_iter().map(|fact| (fact.subject(), fact)));
        lines
    }

    fn worse(&self) -> u64 {
        self.compared.as_ref().unwrap().worse
    }
}

const ENOUGH: (usize, bool) = (10, true);

#[test]
fn the_first_comparison_is_believed_and_a_later_one_only_twice() {
    use Verdict::{Inconclusive, Regressed, Unchanged};
    let mut told = Told::default();
    let first = told.run("r1", ENOUGH, vec![judged("a", Regressed, 9.0), judged("b", Unchanged, 0.0)], &[]);
    assert_eq!(first, ["production endpoint a: Degraded 1x by r1"]);
    let fact = &told.known[&Subject::from("production endpoint a")];
    assert_eq!(fact.slower.unwrap().effect, 0.2512);
    assert_eq!((fact.before.p50_ms, fact.cost()), (Some(100.1), 9_000));

    let second = told.run("r1", ENOUGH, vec![judged("a", Regressed, 9.0), judged("b", Regressed, 3.0)], &[]);
    assert_eq!(second, ["production endpoint a: Degraded 2x by r1", "production endpoint b: Suspected 1x by r1"]);
    assert_eq!(told.worse(), 1);
    let third = told.run("r1", ENOUGH, vec![judged("a", Inconclusive, 0.0), judged("b", Regressed, 3.0)], &[]);
    assert_eq!(third, ["production endpoint b: Degraded 2x by r1"], "quiet is no reason to take anything back");
    assert_eq!(told.worse(), 2);
    let fourth = told.run("r1", ENOUGH, vec![judged("a", Unchanged, 0.0), judged("b", Inconclusive, 3.0)], &[]);
    assert_eq!(fourth, ["production endpoint a: Good 1x by r1"]);
    assert_eq!((told.worse(), told.compared.as_ref().unwrap().runs), (1, 4));
    // It takes two again.
    let fifth = told.run("r1", ENOUGH, vec![judged("a", Regressed, 1.0)], &[]);
    assert_eq!(fifth, ["production endpoint a: Suspected 1x by r1"]);
    let sixth = told.run("r1", ENOUGH, vec![judged("a", Inconclusive, 0.0)], &[]);
    assert_eq!(sixth, ["production endpoint a: Good 1x by r1"]);
}

#[test]
fn a_later_rollout_takes_back_only_what_it_made_faster() {
    use Verdict::{Improved, Regressed, Unchanged};
    let mut told = Told::default();
    let slow = ["a", "b", "c"].map(|name| judged(name, Regressed, 1.0));
    told.run("r1", ENOUGH, slow.to_vec(), &[]);
    let next =
        vec![judged("a", Unchanged, 0.0), after(104.0, judged("b", Improved, -1.0)), judged("c", Regressed, 1.0)];
    let lines = told.run("r2", ENOUGH, next, &[]);
    assert_eq!(lines, ["production endpoint c: Degraded 1x by r2", "production endpoint b: Good 1x by r1"]);
    assert_eq!(told.worse(), 1, "only what this rollout did");
    // A little faster than slow is not as fast as it was.
    assert!(told.run("r3", ENOUGH, vec![after(115.0, judged("a", Improved, -1.0))], &[]).is_empty());
}

#[test]
fn what_two_rollouts_made_slower_has_to_be_as_fast_as_before_both() {
    use Verdict::{Improved, Regressed, Unchanged};
    let mut told = Told::default();
    told.run("r1", ENOUGH, vec![judged("a", Regressed, 1.0)], &[]);
    told.run("r2", ENOUGH, vec![judged("b", Unchanged, 0.0)], &[]);
    // A later hour of the second one: it was worse already, and does not become a suspicion.
    let lines = told.run("r2", ENOUGH, vec![after(200.0, judged("a", Regressed, 1.0))], &[]);
    assert_eq!(lines, ["production endpoint a: Degraded 1x by r2"]);
    assert_eq!(told.known[&Subject::from("production endpoint a")].usual_p50_ms, Some(100.1));
    // As it was before the second one only.
    assert!(told.run("r2", ENOUGH, vec![after(125.0, judged("a", Unchanged, 0.0))], &[]).is_empty());
    let lines = told.run("r2", ENOUGH, vec![after(101.0, judged("a", Improved, 0.0))], &[]);
    assert_eq!(lines, ["production endpoint a: Good 1x by r2"]);
}

#[test]
fn failures_are_over_when_so_many_requests_would_have_shown_them() {
    use Verdict::Unchanged;
    let mut told = Told::default();
    told.run("r1", ENOUGH, vec![fails("a", Unchanged)], &[]);
    // Two in five failed: of twenty requests eight would have.
    assert!(told.run("r1", ENOUGH, vec![asked(20, judged("a", Unchanged, 0.0))], &[]).is_empty());
    let lines = told.run("r1", ENOUGH, vec![asked(30, judged("a", Unchanged, 0.0))], &[]);
    assert_eq!(lines, ["production endpoint a: Good 1x by r1"]);
    // Failing stays said where only the slowness is new.
    told.run("r2", ENOUGH, vec![fails("b", Unchanged)], &[]);
    told.run("r3", ENOUGH, vec![asked(5, judged("b", Verdict::Regressed, 1.0))], &[]);
    let fact = &told.known[&Subject::from("production endpoint b")];
    assert!(fact.rollout == "r3" && fact.slower.is_some() && fact.failing.is_some(), "{fact:?}");
}

#[test]
fn an_hour_without_requests_is_no_first_comparison() {
    let mut told = Told::default();
    told.run("r1", (0, false), Vec::new(), &[]);
    let lines = told.run("r1", ENOUGH, vec![judged("a", Verdict::Regressed, 1.0)], &[]);
    assert_eq!(lines, ["production endpoint a: Degraded 1x by r1"]);
    assert_eq!(told.compared.as_ref().unwrap().runs, 2);
}

#[test]
fn what_fails_more_often_is_worse_however_fast() {
    use Verdict::{Improved, Inconclusive};
    let mut told = Told::default();
    let lines = told.run("r1", ENOUGH, vec![fails("a", Improved)], &[]);
    assert_eq!(lines, ["production endpoint a: Degraded 1x by r1"]);
    let fact = &told.known[&Subject::from("production endpoint a")];
    assert!(fact.slower.is_none() && fact.failing.is_some());
    // All requests fail now: nothing to compare, and nothing is taken back.
    let all_fail = Judged { asked: Outcomes { requests: 90, failed: 90 }, ..judged("a", Inconclusive, 0.0) };
    assert!(told.run("r1", ENOUGH, vec![all_fail], &[]).is_empty());
    assert_eq!(told.worse(), 1);
}

#[test]
fn what_all_went_through_is_told_and_taken_back_only_by_a_busy_hour() {
    let mut told = Told::default();
    let lines = told.run("r1", ENOUGH, Vec::new(), &[("", 0.3), ("cart", -0.2), ("sms", 0.2)]);
    assert_eq!(lines, ["production all: Degraded 1x by r1", "production group sms: Degraded 1x by r1"]);
    assert_eq!(told.worse(), 2);
    assert!(told.run("r1", (50, false), Vec::new(), &[]).is_empty());
    assert!(told.run("r1", (9, true), Vec::new(), &[]).is_empty(), "nine are not all of them");
    let lines = told.run("r1", ENOUGH, Vec::new(), &[]);
    assert_eq!(lines, ["production group sms: Good 1x by r1", "production all: Good 1x by r1"]);
}

#[test]
fn the_run_that_judged_most_speaks_for_the_rollout() {
    let mut told = Told::default();
    told.run("r1", (5, false), Vec::new(), &[]);
    told.run("r1", (50, true), Vec::new(), &[]);
    told.run("r1", (60, false), vec![judged("a", Verdict::Regressed, 1.0)], &[]);
    let compared = told.compared.as_ref().unwrap();
    assert_eq!((compared.judged, compared.is_enough, compared.runs), (50, true, 3));
    told.run("r2", (1, false), Vec::new(), &[]);
    let compared = told.compared.as_ref().unwrap();
    assert_eq!((compared.rollout.as_str(), compared.judged, compared.runs), ("r2", 1, 1));
}

#[test]
fn not_more_are_told_than_people_can_read_and_all_are_counted() {
    let mut told = Told::default();
    let many = (0..MOST_TOLD + 7).map(|number| judged(&format!("e{number}"), Verdict::Regressed, number as f64));
    let lines = told.run("r1", ENOUGH, many.collect(), &[]);
    assert_eq!((lines.len(), told.worse()), (MOST_TOLD, MOST_TOLD as u64 + 7));
    assert!(lines[0].starts_with("production endpoint e506"), "{}", lines[0]);
}

#[test]
fn names_as_long_as_a_page_stay_apart() {
    let long = |end: &str| EndpointFact { name: "é".repeat(5_000) + end, ..Told::one("x") };
    let (one, other) = (long("1").subject(), long("2").subject());
    assert_ne!(one, other);
    assert!(one.as_str().chars().count() < 250);
}

impl Told {
    fn one(name: &str) -> EndpointFact {
        let mut told = Told::default();
        told.run("r1", ENOUGH, vec![judged(name, Verdict::Regressed, 1.0)], &[]);
        told.known.into_values().next().unwrap()
    }
}

#[test]
fn facts_read_back_are_the_same() {
    let fact = Fact::Endpoint(Told::one("GET /a"));
    let text = serde_json::to_string(&fact).unwrap();
    assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact);
}

/// What is known of rollouts to production.
fn snapshot(rollouts: &[(&str, RolloutState, &str)], compared: Option<ComparedRollout>) -> Snapshot {
    let mut signals: BTreeMap<Kind, BTreeMap<Subject, crate::signal::SignalState>> = BTreeMap::new();
    let rollouts = rollouts.iter().map(|(id, state, started)| {
        let finished_at = (*state == RolloutState::Succeeded).then_some(at(started));
        Fact::Rollout(RolloutFact { state: *state, started_at: at(started), finished_at, ..rollout(id) })
    });
    for (number, fact) in rollouts.chain(compared.map(Fact::Compared)).enumerate() {
        let seen = crate::signal::Observation {
            source: "test".into(),
            subject: Subject::new(number.to_string()),
            fact,
            source_time: at("15:00"),
            baseline: false,
        };
        let kind = seen.fact.kind().unwrap();
        let state = crate::signal::fold(None, &seen, at("15:00")).unwrap();
        signals.entry(kind).or_default().insert(seen.subject.clone(), state);
    }
    Snapshot { feeds: BTreeMap::new(), signals }
}

#[test]
fn a_rollout_that_the_snapshot_has_no_room_for_is_not_forgotten() {
    let told =
        |runs, is_enough| ComparedRollout { runs, is_enough, ..awaited(&rollout("r1"), at("15:05"), at("16:15")) };
    let says = |rollouts: &[(&str, RolloutState, &str)], compared| match standing(
        &snapshot(rollouts, compared),
        &Environment::from("production"),
        at("10:00"),
    ) {
        Ok(()) => "fine".to_owned(),
        Err(reason) => reason.to_string(),
    };
    use RolloutState::{Succeeded, Unknown};
    assert_eq!(says(&[], None), "fine");
    assert_eq!(says(&[("r0", Succeeded, "09:00")], None), "fine", "nobody watched then");
    assert!(says(&[("r0", Succeeded, "11:00")], None).contains("not compared yet"));
    assert_eq!(says(&[], Some(told(1, true))), "fine");
    assert!(says(&[], Some(told(0, false))).contains("not compared yet"));
    assert!(says(&[("r0", Succeeded, "11:00")], Some(told(1, false))).contains("0 endpoints judged"));
    assert!(says(&[("r2", Succeeded, "15:30")], Some(told(1, true))).contains("not compared yet"));
    assert_eq!(says(&[("r0", Unknown, "12:00")], Some(told(1, true))), "fine", "what came after it was compared");
    assert!(says(&[("r2", Unknown, "15:30")], Some(told(1, true))).contains("not compared yet"));
}

#[test]
fn what_came_out_is_no_sign_of_life_and_what_is_worse_lasts() {
    use crate::signal_feeds::{is_lasting, kinds_of};
    let fact = Told::one("a");
    let seen = |fact| crate::signal::Observation {
        source: "otlp".into(),
        subject: "x".into(),
        fact,
        source_time: at("15:00"),
        baseline: false,
    };
    assert_eq!(kinds_of(&seen(Fact::Endpoint(fact.clone()))), []);
    assert_eq!(kinds_of(&seen(Fact::Compared(awaited(&rollout("r1"), at("15:05"), at("16:15"))))), []);
    assert!(is_lasting(&Fact::Endpoint(fact.clone())));
    assert!(!is_lasting(&Fact::Endpoint(good(&fact))));
}
