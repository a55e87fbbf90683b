//! Who serves a day instead of whose turn it is.

use super::day::{Day, ROSTER};
use crate::engine::Action;
use crate::logbook::Event;
use crate::roster;
use crate::schedule::{self, Shift};
use jiff::civil::Date;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn cover(at: &str, engineer: &str) -> Action {
    Action::Cover { day: day(at), engineer: engineer.into() }
}

/// Who serves the week.
fn week(of: &Day) -> String {
    let board = of.replay.memory(&of.duty).unwrap().board.clone();
    let roster = roster::parse("roster.yml", ROSTER).unwrap();
    let plan = schedule::plan(&roster, &roster.duties[0], board.known(), day("2026-03-02"), day("2026-03-06"));
    let name = |shift: &Shift| shift.engineer.as_ref().map_or("-".to_owned(), |id| id.to_string());
    plan.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_coming_day_is_covered_and_taken_back() {
    let mut of = Day::seed();
    assert_eq!(week(&of), "lena omar priya lena omar");
    of.act("omar", cover("2026-03-03", "priya"));
    assert_eq!(week(&of), "lena priya priya lena omar");
    let last = of.entries().last().unwrap().event.clone();
    let expected = Event::Covered { day: day("2026-03-03"), engineer: "priya".into(), instead_of: Some("omar".into()) };
    assert_eq!(last, expected);
    of.act("lena", Action::EndCover { day: day("2026-03-03") });
    assert_eq!(week(&of), "lena omar priya lena omar");
    assert_eq!(
        of.entries().last().unwrap().event,
        Event::CoverEnded { day: day("2026-03-03"), engineer: "priya".into(), serves: Some("omar".into()) }
    );
    let board = of.replay.memory(&of.duty).unwrap().board.clone();
    assert!(board.covers.is_empty());
}

#[test]
fn the_day_that_runs_is_taken_over_at_once() {
    let mut of = Day::seed();
    of.at("14:00").act("omar", cover("2026-03-02", "omar"));
    let board = of.replay.memory(&of.duty).unwrap().board.clone();
    assert_eq!(board.shift.unwrap().engineer, Some("omar".into()));
    assert_eq!(board.served[&day("2026-03-02")], "omar".into());
    assert!(of.refused("lena", Action::EndCover { day: day("2026-03-02") }).contains("has begun"));
    // And is over with the shift.
    of.at("19:30").tick();
    let says = of.refused("lena", cover("2026-03-02", "lena"));
    assert!(says.ends_with("the shift of 2026-03-02 is over"), "{says}");
    let ended = of
        .entries()
        .iter()
        .any(|entry| matches!(&entry.event, Event::ShiftEnded { engineer, .. } if *engineer == "omar".into()));
    assert!(ended);
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_reason() {
    let mut of = Day::seed();
    for (action, says) in [
        (cover("2026-03-07", "omar"), "2026-03-07 is no day on which anybody serves"),
        (cover("2026-02-27", "omar"), "the shift of 2026-02-27 is over"),
        (cover("2027-03-03", "omar"), "2027-03-03 is more than a year away; nobody can rely on that"),
        (cover("2026-03-03", "omar"), "omar serves 2026-03-03 already"),
        (cover("2026-03-03", "zoe"), "zoe is not on the roster"),
        (Action::EndCover { day: day("2026-03-03") }, "nobody covers 2026-03-03"),
    ] {
        let said = of.refused("lena", action);
        assert!(said.ends_with(&format!(": {says}")), "{said}");
    }
}
