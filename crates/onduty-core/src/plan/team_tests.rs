//! The team's own plan: what people rely on stays, and nobody serves who cannot.

use super::team::{Horizon, Turns, accounts, instance};
use super::*;
use crate::ids::{DutyId, EngineerId};
use crate::roster::{self, Roster};
use crate::schedule::{Cover, Known, Planned};
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn parsed(text: &str) -> Roster {
    roster::parse("roster.yml", text).unwrap_or_else(|problems| panic!("{}", problems[0]))
}

/// Twelve people; `more` are further lines of engineers.
fn team(more: &str) -> Roster {
    let people: String = (0..12).map(|n| format!("  p{n:02}: {{}}\n")).collect();
    parsed(&format!("engineers:\n{people}{more}duties:\n  developers: {{members: all, zone: Europe/Berlin}}\n"))
}

/// A Friday; the plan begins on Saturday.
fn quarter() -> Horizon {
    Horizon { as_of: day("2026-03-06"), first: day("2026-03-07"), last: day("2026-06-05") }
}

#[derive(Default)]
struct Seen {
    served: BTreeMap<Date, EngineerId>,
    covers: BTreeMap<Date, Cover>,
    published: BTreeMap<Date, Planned>,
}

impl Seen {
    fn known(&self) -> Known<'_> {
        Known { served: &self.served, covers: &self.covers, published: &self.published }
    }

    fn cover(&mut self, on: &str, who: &str) {
        let cover = Cover { engineer: who.into(), by: who.into(), at: jiff::Timestamp::UNIX_EPOCH };
        self.covers.insert(day(on), cover);
    }

    /// A plan that holds every hard rule, and who serves when in it.
    fn plan(&self, roster: &Roster, horizon: &Horizon) -> (Facts, BTreeMap<Date, Planned>) {
        let known = BTreeMap::from([(DutyId::from("developers"), self.known())]);
        let planned = BTreeSet::from([DutyId::from("developers")]);
        let facts = Facts::new(instance(roster, &known, &planned, horizon).unwrap()).unwrap();
        let solved = solve(&facts, &Settings { seed: 1, moves: Some(4_000) }).unwrap();
        assert_eq!(check(&facts, &solved.solution).violations, []);
        let shifts = solved.solution.assignments.into_iter().map(|said| {
            let buddy = said.buddy.map(EngineerId::new);
            (said.day.date(), Planned { buddy, ..Planned::of(EngineerId::new(said.person)) })
        });
        (facts, shifts.collect())
    }
}

#[test]
fn a_first_plan_keeps_the_days_that_people_count_on() {
    let roster = team("");
    let seen = Seen::default();
    let (facts, plan) = seen.plan(&roster, &quarter());
    assert_eq!(plan.len(), 65);
    // A quarter of a round at least, more than half of one wanted.
    assert_eq!((facts.instance.duties[0].min_gap, facts.instance.duties[0].want_gap), (4, 9));
    let rotation =
        crate::schedule::plan(&roster, &roster.duties[0], Known::NOTHING, day("2026-03-09"), day("2026-03-13"));
    for shift in rotation {
        assert_eq!(Some(&plan[&shift.day].engineer), shift.engineer.as_ref(), "{}", shift.day);
    }
}

#[test]
fn what_people_agreed_stays_even_where_it_is_too_near() {
    let roster = team("");
    let mut seen = Seen::default();
    for on in ["2026-03-10", "2026-03-11", "2026-05-04"] {
        seen.cover(on, "p05");
    }
    let (facts, plan) = seen.plan(&roster, &quarter());
    assert_eq!(plan[&day("2026-05-04")].engineer, "p05".into());
    // The two days in a row are settled, and nothing else of theirs is near them.
    assert_eq!(facts.slots.len(), 63);
    let theirs = plan.iter().filter(|(_, planned)| planned.engineer == "p05".into());
    assert!(theirs.map(|(day, _)| *day).all(|on| on > day("2026-03-14")), "{plan:?}");
    // What they did more than others counts for them later.
    let carry = |who: &str| facts.instance.people.iter().find(|person| person.id == who).unwrap().carry[0];
    assert!(carry("p05") > carry("p04"), "{} {}", carry("p05"), carry("p04"));
}

#[test]
fn a_sick_call_moves_the_days_of_the_sick() {
    let roster = team("");
    let mut seen = Seen::default();
    seen.published = seen.plan(&roster, &quarter()).1;
    let (first, planned) = seen.published.first_key_value().map(|(day, planned)| (*day, planned.clone())).unwrap();
    let ill = planned.engineer;
    let away = format!("{first}..{}", first.saturating_add(jiff::Span::new().days(9)));
    let rest: String = (0..12)
        .map(|n| format!("p{n:02}"))
        .filter(|id| *id != ill.to_string())
        .map(|id| format!("  {id}: {{}}\n"))
        .collect();
    let roster = parsed(&format!(
        "engineers:\n  {ill}: {{leave: [{away}]}}\n{rest}duties:\n  developers: {{members: all, zone: Europe/Berlin}}\n"
    ));
    let (_, after) = seen.plan(&roster, &quarter());
    let moved: Vec<Date> =
        after.iter().filter(|(day, planned)| seen.published[*day] != **planned).map(|(day, _)| *day).collect();
    assert!(moved.contains(&first) && moved.len() <= 3, "{moved:?}");
    assert_eq!(after.len(), seen.published.len());
}

#[test]
fn a_joiner_serves_soon_beside_somebody_experienced() {
    let roster = team("  new: {joined: 2026-03-16}\n");
    let (_, plan) = Seen::default().plan(&roster, &quarter());
    let (first, planned) = plan.iter().find(|(_, planned)| planned.engineer == "new".into()).unwrap();
    assert!(*first <= day("2026-03-27"), "{first}");
    assert!(planned.buddy.is_some());
    assert_eq!(plan.values().filter(|planned| planned.buddy.is_some()).count(), 1);
}

#[test]
fn a_duty_that_is_not_planned_stays_and_takes_its_people_with_it() {
    let roster = parsed(
        "engineers: {a: {}, b: {}, c: {}, d: {}, e: {}}\nduties:\n  one: {members: [a, b, c], zone: UTC}\n  two: {members: [c, d, e], zone: UTC}\n",
    );
    let planned = BTreeSet::from([DutyId::from("one")]);
    let horizon = Horizon { last: day("2026-04-03"), ..quarter() };
    let facts = Facts::new(instance(&roster, &BTreeMap::new(), &planned, &horizon).unwrap()).unwrap();
    let solved = solve(&facts, &Settings { seed: 0, moves: Some(4_000) }).unwrap();
    let of = |duty: &str| -> BTreeMap<Date, String> {
        let said = solved.solution.assignments.iter().filter(|said| said.duty == duty);
        said.map(|said| (said.day.date(), said.person.clone())).collect()
    };
    let shown = crate::schedule::plan(&roster, &roster.duties[1], Known::NOTHING, horizon.first, horizon.last);
    let (one, two) = (of("one"), of("two"));
    for shift in shown {
        // Where it is no slot it is settled, as people saw it.
        let stays =
            two.get(&shift.day).is_none_or(|who| Some(who.as_str()) == shift.engineer.as_ref().map(EngineerId::as_str));
        assert!(stays, "{}", shift.day);
        assert_ne!(
            one.get(&shift.day).map(String::as_str),
            shift.engineer.as_ref().map(EngineerId::as_str),
            "{}",
            shift.day
        );
    }
}

#[test]
fn nobody_stays_on_two_duties_because_rotations_said_so() {
    let roster = parsed(
        "engineers: {a: {}, b: {}, c: {}}\nduties:\n  one: {members: [a, b, c], zone: UTC}\n  two: {members: [a, b, c], zone: UTC}\n",
    );
    let planned = BTreeSet::from([DutyId::from("one"), DutyId::from("two")]);
    let horizon = Horizon { last: day("2026-04-03"), ..quarter() };
    let facts = Facts::new(instance(&roster, &BTreeMap::new(), &planned, &horizon).unwrap()).unwrap();
    let solved = solve(&facts, &Settings { seed: 0, moves: Some(4_000) }).unwrap();
    assert_eq!(check(&facts, &solved.solution).violations, []);
    assert_eq!((facts.slots.len(), solved.solution.uncovered.len()), (40, 0));
}

#[test]
fn accounts_share_the_work_by_who_was_there() {
    let roster = parsed(
        "engineers:\n  a: {}\n  b: {share: 50}\n  c: {leave: 2026-03-02..2026-03-06}\nduties:\n  developers: {members: all, zone: UTC}\n",
    );
    let served = [("2026-03-02", "a"), ("2026-03-03", "a"), ("2026-03-04", "b"), ("2026-03-09", "c")];
    let served = served.into_iter().map(|(on, who)| (day(on), EngineerId::from(who))).collect();
    let turns = Turns::from([(DutyId::from("developers"), served)]);
    let all = accounts(&roster, &turns, day("2026-03-02"), day("2026-03-13")).unwrap();
    let figures: Vec<(u32, i64, i64)> = all.iter().map(|of| (of.shifts, of.points, of.share_milli)).collect();
    // 16 points over 4 and 2 presences of whole people and one half: 1000 * 4, 500 * 4, 1000 * 1 of 7000.
    assert_eq!(figures, [(2, 8, 9142), (1, 4, 4571), (1, 4, 2285)]);
}
