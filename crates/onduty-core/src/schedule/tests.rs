use super::*;
use crate::roster;
use proptest::prelude::*;

fn team(size: usize, more: &str) -> Roster {
    let people: String = (0..size).map(|n| format!("  p{n:02}: {{}}\n")).collect();
    parsed(&format!("engineers:\n{people}duties:\n  developers:\n    members: all\n    zone: Europe/Berlin\n{more}"))
}

fn parsed(text: &str) -> Roster {
    match roster::parse("roster.yml", text) {
        Ok(roster) => roster,
        Err(problems) => panic!("{}", problems.iter().map(|problem| format!("{problem}\n")).collect::<String>()),
    }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn plan_of(roster: &Roster, served: &BTreeMap<Date, EngineerId>, from: &str, to: &str) -> Vec<Shift> {
    plan(roster, &roster.duties[0], Known { served, ..Known::NOTHING }, day(from), day(to))
}

/// `Mon a, Tue b, …` with a sign for the origin: `*` spread, `^` published, `!` override, `+` covered, `~` exchanged, `=` served, `-` nobody.
fn shown(plan: &[Shift]) -> String {
    let words = plan.iter().map(|shift| {
        let sign = match shift.origin {
            ShiftOrigin::Scheduled => "",
            ShiftOrigin::Published { .. } => "^",
            ShiftOrigin::Spread { .. } => "*",
            ShiftOrigin::Override { .. } => "!",
            ShiftOrigin::Covered { .. } => "+",
            ShiftOrigin::Exchanged { .. } => "~",
            ShiftOrigin::Served => "=",
            ShiftOrigin::Nobody => "-",
        };
        format!("{}{sign}", shift.engineer.as_ref().map_or("", |id| id.as_str()))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn check(roster: &Roster, served: &[(&str, &str)], from: &str, to: &str, expected: &str) {
    let served = served.iter().map(|(at, who)| (day(at), EngineerId::from(*who))).collect();
    assert_eq!(shown(&plan_of(roster, &served, from, to)), expected);
}

#[test]
fn the_first_round_follows_the_file() {
    check(&team(8, ""), &[], "2026-01-05", "2026-01-14", "p00 p01 p02 p03 p04 p05 p06 p07");
}

#[test]
fn the_turn_advances_on_served_days_only() {
    let roster = team(8, "    holidays: {2026-01-06: Epiphany, 2026-01-08..2026-01-09: Closed}\n");
    check(&roster, &[], "2026-01-05", "2026-01-14", "p00 p01 p02 p03 p04");
}

#[test]
fn nobody_serves_while_away_and_keeps_the_place() {
    let roster = parsed(
        "engineers:
  a: {leave: [2026-01-05..2026-01-09]}
  b: {working_days: [wed, thu]}
  c: {left: 2026-01-06}
  d: {}
  e: {}
  f: {}
  g: {}
  h: {}
duties:
  developers: {members: all, zone: UTC}
",
    );
    // `b` is due in the first week and can only serve Wednesday or Thursday; `a` is first when back.
    check(&roster, &[], "2026-01-05", "2026-01-12", "c d b e f a");
}

#[test]
fn an_override_leaves_the_others_where_they_are() {
    let roster = team(10, "    overrides: {2026-01-07: p08}\n");
    check(&roster, &[], "2026-01-05", "2026-01-15", "p00 p01 p08! p03 p04 p02 p05 p06 p07");
    let wednesday = shift_on(&roster, &roster.duties[0], Known::NOTHING, day("2026-01-07")).unwrap();
    assert_eq!(wednesday.origin, ShiftOrigin::Override { instead_of: Some(EngineerId::from("p02")) });
}

#[test]
fn an_override_within_a_week_exchanges_the_days() {
    let roster = team(10, "    overrides: {2026-01-06: p04}\n");
    check(&roster, &[], "2026-01-05", "2026-01-12", "p00 p04! p02 p03 p01~ p05");
}

#[test]
fn an_override_to_somebody_away_is_void() {
    let mut roster = team(10, "    overrides: {2026-01-06: p04}\n");
    let leave = roster::Leave { from: day("2026-01-05"), to: day("2026-01-06"), kind: Default::default() };
    roster.engineers.get_mut("p04").unwrap().leave.push(leave);
    check(&roster, &[], "2026-01-05", "2026-01-06", "p00 p01");
}

#[test]
fn who_covers_serves_and_whoever_was_skipped_comes_next() {
    let roster = team(8, "    overrides: {2026-01-06: p05}\n");
    let cover = |who: &str| Cover { engineer: who.into(), by: "p00".into(), at: Timestamp::UNIX_EPOCH };
    let with = |days: &[(&str, &str)], from, to| {
        let covers = days.iter().map(|(at, who)| (day(at), cover(who))).collect();
        let known = Known { covers: &covers, ..Known::NOTHING };
        plan(&roster, &roster.duties[0], known, day(from), day(to))
    };
    assert_eq!(shown(&with(&[], "2026-01-05", "2026-01-09")), "p00 p05! p02 p03 p04");
    let covered = with(&[("2026-01-06", "p07"), ("2026-01-09", "p06")], "2026-01-05", "2026-01-12");
    assert_eq!(shown(&covered), "p00 p07+ p02 p03 p06+ p01");
    assert_eq!(covered[1].origin, ShiftOrigin::Covered { instead_of: Some("p01".into()) });
    // They give up their own day of that week, and the next turn comes soon.
    let plan = with(&[("2026-01-09", "p00")], "2026-01-05", "2026-01-30");
    assert_eq!(turns_near(&plan, &"p00".into(), day("2026-01-09")), [day("2026-01-16")]);
    let before = with(&[], "2026-01-05", "2026-01-09");
    let moved: Vec<Date> = moved(&before, &plan).iter().map(|(was, _)| was.day).collect();
    assert_eq!(moved, [day("2026-01-05"), day("2026-01-09")]);
}

#[test]
fn who_is_away_covers_nobody() {
    let text = "engineers:\n  a: {}\n  b: {leave: 2026-01-05}\nduties:\n  d: {members: [a, b], zone: UTC}\n";
    let roster = parsed(text);
    let covers = BTreeMap::from([(
        day("2026-01-05"),
        Cover { engineer: "b".into(), by: "a".into(), at: Timestamp::UNIX_EPOCH },
    )]);
    let known = Known { covers: &covers, ..Known::NOTHING };
    let shift = shift_on(&roster, &roster.duties[0], known, day("2026-01-05")).unwrap();
    assert_eq!(shift.engineer, Some("a".into()));
}

#[test]
fn what_was_served_beats_the_calculation() {
    let roster = team(10, "");
    check(&roster, &[("2026-01-06", "p09")], "2026-01-05", "2026-01-13", "p00 p09= p02 p03 p04 p01 p05");
    // Somebody who is gone from the roster did serve.
    check(&roster, &[("2026-01-06", "zoe")], "2026-01-05", "2026-01-12", "p00 zoe= p02 p03 p04 p01");
    // A day that became a holiday afterwards was served all the same.
    let closed = team(10, "    holidays: {2026-01-06: Closed}\n");
    check(&closed, &[("2026-01-06", "p04")], "2026-01-05", "2026-01-13", "p00 p01 p02 p03 p05 p06");
    // Before the rotation only the log book knows.
    check(&roster, &[("2025-12-30", "p07")], "2025-12-29", "2026-01-05", "p07= p00");
}

#[test]
fn nobody_is_told_as_such() {
    let roster = parsed(
        "engineers: {a: {leave: [2026-01-06..2026-01-07]}}
duties:
  developers: {members: all, zone: UTC}
",
    );
    check(&roster, &[], "2026-01-05", "2026-01-08", "a - - a");
    let all_closed = team(3, "    holidays: {2026-01-01..2026-12-31: Closed}\n");
    check(&all_closed, &[], "2026-01-01", "2026-12-31", "");
}

#[test]
fn a_joiner_watches_a_week_and_serves_in_the_second() {
    let people: String = (0..20).map(|n| format!("  p{n:02}: {{}}\n")).collect();
    let roster = parsed(&format!(
        "engineers:\n{people}  new: {{joined: 2026-06-03}}\nduties:\n  developers: {{members: all, zone: UTC}}\n"
    ));
    let plan = plan_of(&roster, &BTreeMap::new(), "2026-01-05", "2026-12-31");
    let turns: Vec<Date> = plan
        .iter()
        .filter(|shift| shift.engineer.as_ref().is_some_and(|id| id.as_str() == "new"))
        .map(|shift| shift.day)
        .collect();
    assert_eq!(turns[0], day("2026-06-08"));
    assert!(turns[1] > day("2026-06-30"), "one turn a round, not all that were missed: {turns:?}");
}

#[test]
fn a_small_team_goes_round_within_the_week() {
    check(&team(1, ""), &[], "2026-01-05", "2026-01-07", "p00 p00 p00");
    check(&team(2, ""), &[], "2026-01-05", "2026-01-13", "p00 p01 p00 p01 p00 p01 p00");
    check(&team(4, ""), &[], "2026-01-05", "2026-01-09", "p00 p01 p02 p03 p00");
}

#[test]
fn the_pages_find_who_is_on_duty_and_who_is_next() {
    let roster = team(8, "");
    let duty = &roster.duties[0];
    let at = |text: &str| on_duty_at(&roster, duty, Known::NOTHING, text.parse().unwrap()).unwrap();
    assert_eq!(at("2026-01-05T12:00:00Z").day, day("2026-01-05"));
    assert_eq!(at("2026-01-09T20:00:00Z").day, day("2026-01-12"));
    assert_eq!(shift_after(&roster, duty, Known::NOTHING, day("2026-01-09")).unwrap().day, day("2026-01-12"));
    let plan = plan_of(&roster, &BTreeMap::new(), "2026-01-05", "2026-02-05");
    let turn = next_turn(&plan, &EngineerId::from("p03"), day("2026-01-09")).unwrap();
    assert!(turn.day > day("2026-01-09") && turn.engineer == Some(EngineerId::from("p03")));
    assert_eq!(next_turn(&plan, &EngineerId::from("zoe"), day("2026-01-05")), None);
}

/// What a plan did to its people.
#[derive(Debug)]
struct Figures {
    served: (u32, u32),
    weekday_spread: u32,
    shortest_gap: usize,
}

fn figures(plan: &[Shift]) -> Figures {
    let mut by_weekday: BTreeMap<&EngineerId, [u32; 7]> = BTreeMap::new();
    let mut last: BTreeMap<&EngineerId, usize> = BTreeMap::new();
    let mut shortest_gap = usize::MAX;
    for (number, shift) in plan.iter().enumerate() {
        let engineer = shift.engineer.as_ref().unwrap();
        by_weekday.entry(engineer).or_default()[shift.day.weekday().to_monday_zero_offset() as usize] += 1;
        if let Some(before) = last.insert(engineer, number) {
            shortest_gap = shortest_gap.min(number - before);
        }
    }
    let weekdays = plan.iter().map(|shift| shift.day.weekday().to_monday_zero_offset() as usize).max().unwrap() + 1;
    let spread = |counts: &[u32; 7]| {
        let counts = &counts[..weekdays];
        counts.iter().max().unwrap() - counts.iter().min().unwrap()
    };
    let served: Vec<u32> = by_weekday.values().map(|counts| counts.iter().sum()).collect();
    Figures {
        served: (*served.iter().min().unwrap(), *served.iter().max().unwrap()),
        weekday_spread: by_weekday.values().map(spread).max().unwrap(),
        shortest_gap,
    }
}

const HOLIDAYS: &str = "    holidays: {2026-04-03: Good Friday, 2026-04-06: Easter Monday, 2026-05-01: May Day, \
    2026-05-14: Ascension, 2026-05-25: Whit Monday, 2026-12-24..2026-12-31: Company closed}\n";

/// `cargo test -p onduty-core --release --lib any_size -- --nocapture` prints the table of docs/design/rotation.md.
#[test]
fn a_year_is_fair_for_teams_of_any_size() {
    println!("size  served  weekday spread  shortest gap  (working days; 2026 from 5 January, with holidays)");
    for size in 4..=60 {
        let roster = team(size, HOLIDAYS);
        let start = std::time::Instant::now();
        let plan = plan_of(&roster, &BTreeMap::new(), "2026-01-05", "2026-12-31");
        let took = start.elapsed();
        let figures = figures(&plan);
        println!(
            "{size:4}  {:2}-{:2}  {:14}  {:12}  ({took:?})",
            figures.served.0, figures.served.1, figures.weekday_spread, figures.shortest_gap
        );
        assert!(figures.served.1 - figures.served.0 <= 1, "{size}: {figures:?}");
        assert!(figures.weekday_spread <= 2, "{size}: {figures:?}");
        assert!(figures.shortest_gap > size / 2, "{size}: {figures:?}");
    }
}

#[test]
fn a_year_without_holidays_pins_nobody_to_one_weekday() {
    for size in [5, 10, 15, 20, 25, 30, 35, 40, 45, 50] {
        let figures = figures(&plan_of(&team(size, ""), &BTreeMap::new(), "2026-01-05", "2027-01-01"));
        assert!(figures.served.1 - figures.served.0 <= 1, "{size}: {figures:?}");
        assert!(figures.weekday_spread <= 2, "{size}: {figures:?}");
    }
}

#[test]
fn every_day_of_the_week_is_spread_as_well() {
    let roster = team(9, "    days: mon-sun\n");
    let figures = figures(&plan_of(&roster, &BTreeMap::new(), "2026-01-05", "2026-12-31"));
    assert!(figures.served.1 - figures.served.0 <= 1 && figures.weekday_spread <= 2, "{figures:?}");
}

/// Prints the times of docs/design/rotation.md; the bound is for a debug build on a busy machine.
#[test]
fn three_years_of_forty_people_are_planned_in_no_time() {
    for (size, days) in [(40, "mon-fri"), (40, "mon-sun"), (7, "mon-sun")] {
        let roster = team(size, &format!("    days: {days}\n"));
        let start = std::time::Instant::now();
        let plan = plan_of(&roster, &BTreeMap::new(), "2026-01-05", "2029-01-05");
        let took = start.elapsed();
        println!("{size} people, {days}, {} shifts: {took:?}", plan.len());
        assert!(took.as_secs() < 5, "{size} {days}: {took:?}");
    }
}

fn rosters() -> impl Strategy<Value = Roster> {
    let absence = (0i64..330, 0i64..40, 0i64..400, 0i64..500, 1u8..128u8, any::<[bool; 4]>());
    let days = prop_oneof![Just("mon-fri"), Just("mon-sun"), Just("tue-thu")];
    (proptest::collection::vec(absence, 1..14), days, proptest::collection::vec(0i64..330, 0..12)).prop_map(
        |(people, days, holidays)| {
            let start = day("2026-01-05");
            let after = |days: i64| start.checked_add(jiff::Span::new().days(days)).unwrap();
            let mut roster = team(people.len(), &format!("    days: {days}\n"));
            for (engineer, (from, length, joined, stays, week, has)) in roster.engineers.values_mut().zip(people) {
                if has[0] {
                    engineer.leave.push(roster::Leave {
                        from: after(from),
                        to: after(from + length),
                        kind: Default::default(),
                    });
                }
                engineer.joined = has[1].then(|| after(joined));
                engineer.left = has[2].then(|| after(joined + stays));
                let works = (0..7).filter(|bit| week & (1 << bit) != 0);
                let works = works.filter_map(|bit| Weekday::from_monday_zero_offset(bit).ok()).collect();
                engineer.working_days = has[3].then_some(works);
            }
            roster.duties[0].holidays = holidays.into_iter().map(|day| (after(day), "closed".to_owned())).collect();
            roster
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_serves_is_at_work_and_no_day_is_left_open(roster in rosters()) {
        let plan = plan_of(&roster, &BTreeMap::new(), "2026-01-05", "2026-12-31");
        let days: Vec<Date> =
            calendar::working_days(&roster.duties[0], day("2026-01-05"), day("2026-12-31")).collect();
        prop_assert_eq!(plan.iter().map(|shift| shift.day).collect::<Vec<_>>(), days);
        for shift in &plan {
            match &shift.engineer {
                Some(id) => prop_assert!(roster.engineers[id].is_at_work(shift.day), "{:?}", shift),
                None => prop_assert!(!roster.engineers.values().any(|e| e.is_at_work(shift.day)), "{:?}", shift),
            }
        }
    }

    #[test]
    fn what_was_planned_and_then_served_changes_nothing(roster in rosters(), days in 0usize..260) {
        let planned = plan_of(&roster, &BTreeMap::new(), "2026-01-05", "2026-12-31");
        let served = planned.iter().take(days).filter_map(|shift| Some((shift.day, shift.engineer.clone()?))).collect();
        let again = plan_of(&roster, &served, "2026-01-05", "2026-12-31");
        for (before, after) in planned.iter().zip(&again) {
            prop_assert_eq!(&before.engineer, &after.engineer, "{}", before.day);
        }
    }

    #[test]
    fn a_part_of_the_plan_is_the_plan_of_the_part(roster in rosters(), from in 0i64..360, length in 0i64..30) {
        let from = day("2026-01-05").checked_add(jiff::Span::new().days(from)).unwrap();
        let to = from.checked_add(jiff::Span::new().days(length)).unwrap();
        let whole = plan_of(&roster, &BTreeMap::new(), "2026-01-05", "2027-03-31");
        let part = plan(&roster, &roster.duties[0], Known::NOTHING, from, to);
        let cut: Vec<Shift> = whole.into_iter().filter(|shift| (from..=to).contains(&shift.day)).collect();
        prop_assert_eq!(part, cut);
    }

    #[test]
    fn whatever_happened_the_days_to_come_are_served_by_people_at_work(
        roster in rosters(),
        facts in proptest::collection::vec((0i64..200, 0usize..16), 0..40),
        overrides in proptest::collection::vec((0i64..330, 0usize..14), 0..20),
    ) {
        let after = |days: i64| day("2026-01-05").checked_add(jiff::Span::new().days(days)).unwrap();
        let mut roster = roster;
        roster.duties[0].overrides =
            overrides.into_iter().map(|(d, who)| (after(d), EngineerId::new(format!("p{who:02}")))).collect();
        let served: BTreeMap<Date, EngineerId> =
            facts.into_iter().map(|(d, who)| (after(d), EngineerId::new(format!("p{who:02}")))).collect();
        let plan = plan_of(&roster, &served, "2026-01-05", "2026-12-31");
        for shift in &plan {
            if let Some(fact) = served.get(&shift.day) {
                prop_assert_eq!(shift.engineer.as_ref(), Some(fact));
                continue;
            }
            match &shift.engineer {
                Some(id) => prop_assert!(roster.engineers[id].is_at_work(shift.day), "{:?}", shift),
                None => prop_assert!(!roster.engineers.values().any(|e| e.is_at_work(shift.day)), "{:?}", shift),
            }
        }
    }
}

#[test]
fn what_was_published_counts_until_people_agree_otherwise() {
    let roster = team(8, "    overrides: {2026-01-08: p07}\n");
    let planned = |who: &str| Planned::of(who.into());
    let published: BTreeMap<Date, Planned> = ["05 p06", "06 p05", "07 p04", "08 p03"]
        .into_iter()
        .map(|line| (day(&format!("2026-01-{}", &line[..2])), planned(&line[3..])))
        .collect();
    let cover = Cover { engineer: "p02".into(), by: "p02".into(), at: jiff::Timestamp::UNIX_EPOCH };
    let covers: BTreeMap<Date, Cover> = [(day("2026-01-07"), cover)].into();
    let known = Known { published: &published, covers: &covers, ..Known::NOTHING };
    let plan = |roster: &Roster| plan(roster, &roster.duties[0], known, day("2026-01-05"), day("2026-01-09"));
    // What the plan does not name is the rotation's.
    assert_eq!(shown(&plan(&roster)), "p06^ p05^ p02+ p07! p04");
    let agreed = plan(&roster);
    assert_eq!(agreed[2].origin, ShiftOrigin::Covered { instead_of: Some("p04".into()) });
    assert_eq!(agreed[3].origin, ShiftOrigin::Override { instead_of: Some("p03".into()) });
    // Whoever is away, or no member any more, is not on duty, whatever was published.
    let mut roster = team(8, "");
    roster.engineers.get_mut("p06").unwrap().leave =
        vec![roster::Leave { from: day("2026-01-01"), to: day("2026-01-05"), kind: Default::default() }];
    roster.duties[0].members.retain(|id| id.as_str() != "p05");
    let shown = shown(&plan(&roster));
    assert!(!shown.contains("p05") && !shown.starts_with("p06"), "{shown}");
}
