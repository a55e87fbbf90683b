//! What if: questions are read whole or refused, and answers agree with what can be known otherwise.

use super::team;
use super::what_if::{Answer, Days, Effort, Pace, Question, Sweep, Team, Unanswered, answer};
use crate::ids::{DutyId, EngineerId};
use crate::roster;
use crate::schedule::{Known, Planned};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A Sunday; the plan begins on Monday.
const AS_OF: Date = date(2026, 3, 1);
/// Little, for a build that is slow.
const EFFORT: Effort = Effort { moves: 20_000, of_point: 4_000 };

/// A team, by the lines of its engineers and more keys of its duty, that has seen `published`.
fn team(people: &str, duty: &str, weeks: i32, published: &BTreeMap<Date, Planned>) -> Team {
    let text = format!("engineers:\n{people}duties:\n  developers: {{members: all, zone: Europe/Berlin{duty}}}\n");
    let roster = roster::parse("roster.yml", &text).unwrap_or_else(|problems| panic!("{}", problems[0]));
    let known = Known { published, ..Known::NOTHING };
    let known = BTreeMap::from([(DutyId::from("developers"), known)]);
    let planned = BTreeSet::from([DutyId::from("developers")]);
    let first = AS_OF.tomorrow().unwrap();
    let horizon = team::Horizon { as_of: AS_OF, first, last: AS_OF + (7 * weeks).days() };
    let instance = team::instance(&roster, &known, &planned, &horizon).unwrap();
    Team { instance, duty: 0, gaps: roster.duties[0].gaps }
}

/// So many, without leave and with nothing published.
fn plain(number: usize, weeks: i32) -> Team {
    let people: String = (0..number).map(|n| format!("  p{n:03}: {{}}\n")).collect();
    team(&people, "", weeks, &BTreeMap::new())
}

fn asked(team: &Team, text: &str) -> Answer {
    let question = Question::parse(text).unwrap_or_else(|problems| panic!("{}", problems[0]));
    answer(team, &question, None, EFFORT).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn about(found: Option<f64>, expected: f64, tolerance: f64) {
    let days = found.unwrap_or_else(|| panic!("{expected} was not seen"));
    assert!((days - expected).abs() <= tolerance, "{days} is not {expected}");
}

#[test]
fn a_question_is_read_as_it_is_written() {
    let question =
        Question::parse(" engineers = 100;split=3; shadow=90m;;horizon=13w; cold=60d; without=omar, lena").unwrap();
    assert_eq!(question.to_string(), "engineers=100; without=lena,omar; split=3; shadow=90m; horizon=13w; cold=60");
    assert_eq!(Question::parse("").unwrap(), Question::default());
    assert_eq!(Question::parse("shadow=60m").unwrap().to_string(), "shadow=1h");
}

#[test]
fn what_cannot_be_read_is_named_with_what_there_is() {
    let refused =
        |text: &str| -> Vec<String> { Question::parse(text).unwrap_err().iter().map(ToString::to_string).collect() };
    assert_eq!(
        refused("splitt=3; engineers=0; engineers=5; shadow=1d; cold; x=1; horizon=60; without=; without=Lena Vogt"),
        [
            "`splitt=3`: there is no `splitt`; did you mean `split`? There are `engineers`, `without`, `split`, `shadow`, `horizon`, `cold`",
            "`engineers=0`: a number of engineers from 1 to 300 is expected",
            "`engineers=5`: `engineers` is said twice; say it once",
            "`shadow=1d`: a time such as `1h` or `30m` is expected, at most `4h`",
            "`cold`: a key and a value are expected, as in `engineers=30`; a semicolon stands between pairs",
            "`x=1`: there is no `x`; there are `engineers`, `without`, `split`, `shadow`, `horizon`, `cold`",
            "`horizon=60`: a number of weeks from 4 to 52 is expected",
            "`without=`: engineers are expected, as in `without=lena,omar`",
            "`without=Lena Vogt`: `without` is said twice; say it once",
        ]
    );
    for text in [
        "engineers=301",
        "engineers=+3",
        "engineers=1e2",
        "split=21",
        "shadow=5h",
        "shadow=0m",
        "cold=0",
        "without=a b",
    ] {
        assert_eq!(refused(text).len(), 1, "{text}");
    }
    for text in
        ["", "engineers", "split=1..3", "engineers=10", "engineers=60..10", "engineers=0..5", "engineers=1..999"]
    {
        assert!(Sweep::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_curve_has_both_ends_and_at_most_twelve_points() {
    assert_eq!(Sweep::parse("engineers = 10..60").unwrap().sizes(), [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60]);
    for (from, to) in [(1, 2), (1, 300), (10, 21), (10, 22), (299, 300), (7, 61)] {
        let sizes = Sweep { from, to }.sizes();
        assert!(sizes.len() <= 12 && sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
        assert_eq!((sizes.first(), sizes.last()), (Some(&from), Some(&to)));
    }
}

#[test]
fn ten_people_serve_every_fortnight() {
    let ten = asked(&plain(10, 26), "");
    about(ten.now.mean_days, 14.0, 0.7);
    assert_eq!((ten.now.pools, ten.now.turns.median, ten.now.slots), (vec![10], 13, 130));
    assert!(ten.now.turns.min >= 12 && ten.now.turns.max <= 14, "Fridays weigh more: {:?}", ten.now.turns);
    assert_eq!((ten.now.uncovered, ten.now.cold), (0, Some(0.0)));
    assert!((ten.now.cost.shifts - 260.7).abs() < 0.1 && (ten.now.cost.share - 0.1).abs() < 1e-9, "{:?}", ten.now.cost);
    assert!((ten.now.arithmetic_days - 14.0).abs() < 1e-9);
    assert_eq!(ten.after, None, "nothing would be different");
}

/// Mean days between turns as somebody else simulated them, and whether turns are cold; at fifty that depends on how even they are.
#[test]
fn figures_agree_with_a_simulation() {
    for (engineers, split, weeks, days, is_cold) in [
        (10, 1, 26, 14.0, Some(false)),
        (50, 1, 52, 70.0, None),
        (50, 3, 26, 23.0, Some(false)),
        (100, 1, 44, 140.0, Some(true)),
        (60, 3, 13, 28.0, Some(false)),
    ] {
        let asked = asked(&plain(10, weeks), &format!("engineers={engineers}; split={split}; horizon={weeks}"));
        let after = asked.after.unwrap_or(asked.now);
        about(after.mean_days, days, days / 10.0);
        let cold = after.cold.unwrap();
        let is_so = is_cold.is_none_or(|is_cold| if is_cold { cold > 0.75 } else { cold < 0.1 });
        assert!(is_so, "{engineers} / {split}: {cold}");
        assert_eq!(after.pools.iter().sum::<usize>(), engineers);
        assert!(after.pools.iter().all(|people| people.abs_diff(engineers / split) <= 1));
        let share = split as f64 / engineers as f64;
        assert!((after.cost.share - share).abs() < 1e-6, "{:?}", after.cost);
    }
    // Twice a week: so many changes has nobody seen after seventy days.
    assert_eq!(Pace { changes: 52, days: 182 }.unseen(70), Some(20.0));
    assert_eq!(Pace { changes: 3, days: 10 }.unseen(70), None, "too young to tell");
}

#[test]
fn what_the_horizon_does_not_show_is_not_made_up() {
    let after = asked(&plain(10, 13), "engineers=90; horizon=13").after.unwrap();
    assert!(matches!(after.median, Some(Days::MoreThan(days)) if days >= 80), "{:?}", after.median);
    assert_eq!(after.mean_days, None);
    let short = asked(&plain(10, 4), "engineers=100; horizon=4").after.unwrap();
    assert_eq!((short.median, short.cold), (Some(Days::MoreThan(27)), None), "four weeks do not tell of ninety days");
}

#[test]
fn a_shadow_has_seen_the_day_before() {
    let asked = asked(&plain(30, 26), "shadow=1h");
    let after = asked.after.unwrap();
    assert_eq!(after.median, asked.now.median, "the plan is the same");
    assert_eq!(after.exposure, Some(Days::Exactly(1)));
    assert_eq!(asked.now.exposure, asked.now.median);
    // Every turn but the first day's has one: an hour is an eighth of a day.
    assert!((after.cost.shadows - 129.0 / 8.0 * 365.0 / 182.0).abs() < 0.01, "{:?}", after.cost);
    assert_eq!(asked.now.cost.shadows, 0.0);
}

#[test]
fn engineers_go_by_name_and_by_fewest_turns() {
    let team = plain(6, 26);
    let gone = asked(&team, "without=p001; engineers=4").gone;
    assert_eq!(gone[0], "p001".into());
    assert_eq!(gone.len(), 2);
    let refused = |text: &str| {
        let question = Question::parse(text).unwrap();
        let refused = answer(&team, &question, None, EFFORT).unwrap_err();
        assert!(matches!(refused, Unanswered::Problem(_)));
        refused.to_string()
    };
    assert!(refused("without=zoe").starts_with("`without=zoe`: nobody of this name"));
    assert!(refused("without=p000,p001,p002,p003,p004,p005").contains("nobody who takes turns in this duty is left"));
    assert!(refused("split=7").starts_with("`split=7`: each of the duties needs somebody"));
    let said = answer(&plain(6, 52), &Question::parse("engineers=300; split=20").unwrap(), None, EFFORT).unwrap_err();
    assert!(said.to_string().starts_with("300 engineers, 20 duties and 364 days are more than"), "{said}");
    let sweep = Some(Sweep { from: 100, to: 300 });
    let said = answer(&plain(6, 52), &Question::parse("split=6").unwrap(), sweep, EFFORT).unwrap_err();
    assert!(said.to_string().starts_with("all points of the curve together are more than"), "{said}");
}

#[test]
fn added_engineers_are_away_as_the_team_is() {
    let people = "  a: {leave: 2026-04-06..2026-04-17}\n  b: {working_days: [monday, tuesday]}\n  c: {}\n  d: {}\n";
    let answer = asked(&team(people, "", 26, &BTreeMap::new()), "engineers=12");
    let after = answer.after.unwrap();
    assert_eq!((after.pools, after.uncovered), (vec![12], 0));
    // Three each of four members: three of twelve are away for two weeks, three work two days of five.
    let present = 12.0 * 130.0 - 3.0 * 10.0 - 3.0 * 78.0;
    assert!((after.cost.share - 130.0 / present).abs() < 0.002, "{} {}", after.cost.share, 130.0 / present);
    assert!(after.turns.min < after.turns.max, "whoever is there less serves less");
}

#[test]
fn a_day_that_nobody_can_serve_is_counted() {
    let away = "  a: {leave: 2026-04-06..2026-04-10}\n  b: {leave: 2026-04-06..2026-04-10}\n  c: {}\n";
    let answer = asked(&team(away, "", 13, &BTreeMap::new()), "without=c; horizon=13");
    // Five days of leave, and the working days beside them.
    assert_eq!((answer.now.uncovered, answer.after.unwrap().uncovered), (0, 7));
}

#[test]
fn seen_days_are_counted_where_people_stay() {
    let days = (0..26).map(|n| AS_OF.saturating_add((1 + n / 5 * 7 + n % 5).days()));
    let published: BTreeMap<Date, Planned> =
        days.enumerate().map(|(n, day)| (day, Planned::of(EngineerId::new(format!("p{:03}", n % 6))))).collect();
    let people: String = (0..6).map(|n| format!("  p{n:03}: {{}}\n")).collect();
    let team = team(&people, "", 13, &published);
    let answer = asked(&team, "without=p002; horizon=13");
    let after = answer.after.unwrap();
    assert_eq!((answer.now.seen, answer.now.moved), (26, 0));
    assert_eq!(after.seen, 26 - 4, "those of whoever goes are no change");
    assert!(after.moved <= 2, "{}", after.moved);
    let divided = asked(&team, "split=2; horizon=13").after.unwrap();
    assert_eq!(divided.seen, 26);
    assert!(divided.moved <= 2, "they stay in their part: {}", divided.moved);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn what_is_written_is_read_again(
        engineers in proptest::option::of(1..=300_usize), without in proptest::collection::btree_set("[a-z][a-z0-9_-]{0,8}", 0..4),
        split in 1..=20_usize, shadow_minutes in 0..=240_usize, horizon_weeks in 4..=52_usize, cold_days in 1..=365_usize,
    ) {
        let without = without.into_iter().map(EngineerId::new).collect();
        let question = Question { engineers, without, split, shadow_minutes, horizon_weeks, cold_days };
        prop_assert_eq!(Question::parse(&question.to_string()), Ok(question));
    }

    #[test]
    fn nothing_that_is_typed_breaks_the_reader(text in "\\PC{0,60}") {
        let _ = (Question::parse(&text), Sweep::parse(&text));
    }

    /// Whatever is asked: turns and open days are all days, people are as many as asked, and two runs agree.
    #[test]
    fn answers_add_up(people in 2..6_usize, engineers in 2..9_usize, split in 1..4_usize, away in 0..3_usize) {
        prop_assume!(split <= engineers);
        let lines: String = (0..people)
            .map(|n| if n < away { format!("  p{n}: {{leave: 2026-03-{:02}..2026-03-{:02}}}\n", 5 + n, 13 + n) } else { format!("  p{n}: {{}}\n") })
            .collect();
        let team = team(&lines, "", 6, &BTreeMap::new());
        let question = format!("engineers={engineers}; split={split}; horizon=6; shadow=30m");
        let effort = Effort { moves: 2_000, of_point: 1_000 };
        let question = Question::parse(&question).unwrap();
        let once = answer(&team, &question, None, effort).unwrap();
        let after = once.after.clone().unwrap();
        prop_assert_eq!(after.pools.iter().sum::<usize>(), engineers);
        prop_assert_eq!(after.pools.len(), split);
        prop_assert_eq!(after.slots, 30 * split);
        let worked = (after.slots - after.uncovered) as f64 * 365.0 / 42.0;
        prop_assert!((after.cost.shifts - worked).abs() < 1e-6);
        prop_assert!(after.turns.min <= after.turns.median && after.turns.median <= after.turns.max);
        prop_assert!(after.median.map(Days::least) <= after.p90.map(Days::least));
        prop_assert!(after.moved <= after.seen);
        prop_assert_eq!(answer(&team, &question, None, effort).unwrap(), once);
    }
}
