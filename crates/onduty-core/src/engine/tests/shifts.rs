//! Plans that count and shifts that change hands.

use super::day::{Day, ROSTER};
use crate::engine::{Action, Board};
use crate::logbook::{Event, MovedShift};
use crate::roster;
use crate::schedule::{self, Planned};
use jiff::civil::Date;
use std::collections::BTreeMap;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn board(of: &Day) -> Board {
    of.replay.memory(&of.duty).unwrap().board.clone()
}

/// Who serves the five days from Monday on.
fn week(of: &Day, monday: &str) -> String {
    let roster = roster::parse("roster.yml", ROSTER).unwrap();
    let friday = day(monday).saturating_add(jiff::Span::new().days(4));
    let plan = schedule::plan(&roster, &roster.duties[0], board(of).known(), day(monday), friday);
    let names = plan.iter().map(|shift| shift.engineer.as_ref().map_or("-".to_owned(), ToString::to_string));
    names.collect::<Vec<_>>().join(" ")
}

fn publish(from: &str, until: &str, shifts: &[(&str, &str)]) -> Action {
    let planned = |who: &str| Planned::of(who.into());
    let shifts = shifts.iter().map(|(on, who)| (day(on), planned(who))).collect();
    Action::Publish { from: day(from), until: day(until), shifts }
}

fn offer(on: &str, to: Option<&str>, in_return: Option<&str>) -> Action {
    Action::OfferShift { day: day(on), to: to.map(Into::into), in_return: in_return.map(day) }
}

fn take(on: &str, who: &str) -> Action {
    Action::TakeShift { day: day(on), engineer: who.into() }
}

/// Who does not know yet of which move.
fn unseen(of: &Day) -> Vec<String> {
    let told = |id: &crate::ids::EngineerId| id.to_string();
    let moves = board(of).moves;
    moves
        .iter()
        .map(|moved| format!("{} {}", moved.day, moved.unseen.iter().map(told).collect::<Vec<_>>().join(",")))
        .collect()
}

#[test]
fn a_published_plan_counts_and_whoever_it_moves_is_told() {
    let mut of = Day::seed();
    assert_eq!(week(&of, "2026-03-02"), "lena omar priya lena omar");
    of.act(
        "priya",
        publish("2026-03-03", "2026-03-06", &[("2026-03-03", "lena"), ("2026-03-04", "omar"), ("2026-03-06", "priya")]),
    );
    // Thursday is nobody's in the plan: the rotation shows who would serve it.
    assert_eq!(week(&of, "2026-03-02"), "lena lena omar lena priya");
    let moved = |on: &str, was: &str, is: &str| MovedShift { day: day(on), was: Some(was.into()), is: Some(is.into()) };
    let expected = Event::PlanPublished {
        from: day("2026-03-03"),
        until: day("2026-03-06"),
        shifts: 3,
        moved: vec![
            moved("2026-03-03", "omar", "lena"),
            moved("2026-03-04", "priya", "omar"),
            moved("2026-03-06", "omar", "priya"),
        ],
    };
    assert_eq!(of.entries().last().unwrap().event, expected);
    // Whoever published it knows already.
    assert_eq!(unseen(&of), ["2026-03-03 lena,omar", "2026-03-04 omar", "2026-03-06 omar"]);
    of.act("omar", Action::SeeMoves { until: of.now });
    assert_eq!(unseen(&of), ["2026-03-03 lena"]);
    of.act("lena", Action::SeeMoves { until: of.now });
    assert!(board(&of).moves.is_empty());
}

#[test]
fn a_later_plan_takes_the_place_of_the_one_before() {
    let mut of = Day::seed();
    of.act("priya", publish("2026-03-03", "2026-03-06", &[("2026-03-03", "lena"), ("2026-03-05", "priya")]));
    of.act("lena", Action::Cover { day: day("2026-03-05"), engineer: "omar".into() });
    of.act(
        "priya",
        publish("2026-03-04", "2026-03-10", &[("2026-03-04", "omar"), ("2026-03-05", "omar"), ("2026-03-10", "lena")]),
    );
    assert_eq!(week(&of, "2026-03-02"), "lena lena omar omar priya");
    // What people agreed on is still taken back to what the plan said when they did.
    of.act("lena", Action::EndCover { day: day("2026-03-05") });
    assert_eq!(week(&of, "2026-03-02"), "lena lena omar priya omar");
}

#[test]
fn what_cannot_count_is_refused_with_its_reason() {
    let mut of = Day::seed();
    for (action, says) in [
        (publish("2026-03-02", "2026-03-06", &[]), "a plan begins after today; 2026-03-02 does not"),
        (publish("2026-03-06", "2026-03-03", &[]), "a plan ends after it begins; 2026-03-03 is before 2026-03-06"),
        (publish("2026-03-03", "2027-06-01", &[]), "2027-06-01 is more than a year away; nobody can rely on that"),
        (
            publish("2026-03-03", "2026-03-06", &[("2026-03-07", "lena")]),
            "2026-03-07 is no day on which anybody serves",
        ),
        (
            publish("2026-03-03", "2026-03-06", &[("2026-03-09", "lena")]),
            "2026-03-09 is no day on which anybody serves",
        ),
        (publish("2026-03-03", "2026-03-06", &[("2026-03-03", "zoe")]), "zoe is not on the roster"),
        (
            offer("2026-03-03", Some("omar"), None),
            "the shift of 2026-03-03 is offered by the one whom it is offered to",
        ),
        (
            offer("2026-03-03", Some("lena"), Some("2026-03-04")),
            "lena does not serve 2026-03-04, so that it cannot be given in return",
        ),
        (offer("2026-03-07", None, None), "2026-03-07 is no day on which anybody serves"),
        (take("2026-03-03", "lena"), "the shift of 2026-03-03 is not offered, or not any more"),
        (Action::EndOffer { day: day("2026-03-03") }, "the shift of 2026-03-03 is not offered, or not any more"),
    ] {
        let said = of.refused("omar", action);
        assert!(said.ends_with(&format!(": {says}")), "{said}");
    }
    assert_eq!(board(&of).published, BTreeMap::new());
}

#[test]
fn an_offer_to_everybody_is_taken_once() {
    let mut of = Day::seed();
    of.act("omar", offer("2026-03-03", None, None));
    of.act("priya", take("2026-03-03", "priya"));
    assert_eq!(week(&of, "2026-03-02"), "lena priya priya lena omar");
    let expected =
        Event::ShiftsSwapped { day: day("2026-03-03"), engineer: "priya".into(), with: "omar".into(), in_return: None };
    assert_eq!(of.entries().last().unwrap().event, expected);
    assert_eq!(unseen(&of), ["2026-03-03 omar"]);
    assert!(of.refused("lena", take("2026-03-03", "lena")).ends_with("is not offered, or not any more"));
}

#[test]
fn two_days_change_hands_together_or_not_at_all() {
    let mut of = Day::seed();
    // Lena offers for Omar, who is ill: somebody may speak for another.
    of.act("lena", offer("2026-03-03", Some("priya"), Some("2026-03-04")));
    let says = of.refused("lena", take("2026-03-03", "lena"));
    assert!(says.ends_with("the shift of 2026-03-03 is offered to priya"), "{says}");
    of.act("priya", take("2026-03-03", "priya"));
    assert_eq!(week(&of, "2026-03-02"), "lena priya omar lena omar");
    // Taken back as two covers.
    of.act("priya", Action::EndCover { day: day("2026-03-03") });
    of.act("priya", Action::EndCover { day: day("2026-03-04") });
    assert_eq!(week(&of, "2026-03-02"), "lena omar priya lena omar");

    of.act("omar", offer("2026-03-03", Some("priya"), Some("2026-03-04")));
    of.act("lena", Action::Cover { day: day("2026-03-04"), engineer: "lena".into() });
    let says = of.refused("priya", take("2026-03-03", "priya"));
    assert!(says.ends_with("priya does not serve 2026-03-04, so that it cannot be given in return"), "{says}");
    of.act("omar", Action::EndOffer { day: day("2026-03-03") });
    assert!(board(&of).offers.is_empty());
}

#[test]
fn an_offer_is_over_when_the_shift_is_somebody_elses() {
    let mut of = Day::seed();
    of.act("omar", offer("2026-03-03", None, None));
    of.act("omar", Action::Cover { day: day("2026-03-03"), engineer: "lena".into() });
    assert!(of.refused("priya", take("2026-03-03", "priya")).ends_with("is not offered, or not any more"));
}

#[test]
fn where_the_duty_wants_it_somebody_else_agrees() {
    let mut of = Day::seed();
    let text = ROSTER.replace("    since:", "    agree_to_swaps: true\n    since:");
    of.record(crate::engine::Record::Roster { text, holidays: Default::default() });
    of.act("omar", offer("2026-03-03", None, None));
    let says = of.refused("lena", Action::AgreeToSwap { day: day("2026-03-03") });
    assert!(says.ends_with("nobody has taken the shift of 2026-03-03 yet"), "{says}");
    of.act("priya", take("2026-03-03", "priya"));
    assert_eq!(week(&of, "2026-03-02"), "lena omar priya lena omar");
    for by in ["omar", "priya"] {
        let says = of.refused(by, Action::AgreeToSwap { day: day("2026-03-03") });
        assert!(says.ends_with("somebody who is not part of this swap has to agree to it"), "{says}");
    }
    assert!(of.refused("lena", take("2026-03-03", "lena")).ends_with("is taken by priya; somebody has to agree to it"));
    of.act("lena", Action::AgreeToSwap { day: day("2026-03-03") });
    assert_eq!(week(&of, "2026-03-02"), "lena priya priya lena omar");
}

#[test]
fn whoever_read_what_changed_is_known() {
    let mut of = Day::seed();
    of.act("omar", Action::ReadRefresher);
    assert_eq!(board(&of).refreshed.keys().map(|id| id.as_str()).collect::<Vec<_>>(), ["omar"]);
    assert_eq!(of.entries().last().unwrap().event, Event::RefresherRead { since: None });
    of.at("2026-03-03 10:00").tick();
    of.at("2026-03-04 10:00").tick();
    of.act("omar", Action::ReadRefresher);
    assert_eq!(of.entries().last().unwrap().event, Event::RefresherRead { since: Some(day("2026-03-03")) });
    assert!(of.refused("somebody", Action::ReadRefresher).contains("is no member of this duty"));
}
