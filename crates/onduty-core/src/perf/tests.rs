//! Whole comparisons: what happened to an endpoint, and what is said of it.

use super::*;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use statrs::distribution::{ContinuousCDF, Normal};

/// An endpoint and what happens to it, with a hundred quiet ones around it.
#[derive(Clone)]
struct Story {
    /// Requests in a window.
    n: usize,
    /// Factor of all durations, by window: today's before and after, then those of earlier days.
    factor: fn(Role) -> f64,
    /// The same for everything around it.
    around: fn(Role) -> f64,
    /// Earlier days with requests.
    days: usize,
    /// Status of each fourth request after the rollout.
    fourth: u16,
}

const CALM: Story = Story { n: 600, factor: |_| 1.0, around: |_| 1.0, days: 5, fourth: 200 };

fn windows() -> Windows {
    let at: Timestamp = "2026-03-04T16:00:00Z".parse().unwrap();
    Windows::around(Rollout { start: at, end: at }, Lengths::default(), &TimeZone::UTC).unwrap()
}

/// Log-normal durations around 100 ms; the same numbers in another order each time.
fn requests(series: &mut Series, window: usize, n: usize, factor: f64, seed: usize, fourth: u16) {
    let normal = Normal::new(0.0, 0.5).unwrap();
    for at in 0..n {
        // A low-discrepancy walk through the quantiles, moved a little for each window.
        let share = ((at as f64 + 1.0) * 0.618_033_988_7 + seed as f64 * 0.377).fract().clamp(1e-4, 1.0 - 1e-4);
        let slot = Slot { window, block: at * BLOCKS / n };
        let status = if at % 4 == 3 { fourth } else { 200 };
        series.request(slot, 100.0 * factor * normal.inverse_cdf(share).exp(), Some(status));
    }
}

fn series(story: &Story, factor: fn(Role) -> f64, seed: usize) -> Series {
    let mut series = Series::default();
    for (at, window) in windows().all().iter().enumerate() {
        let (is_there, fourth) = match window.role {
            Role::Before => (true, 200),
            Role::After => (true, story.fourth),
            Role::BeforeOn(day) | Role::AfterOn(day) => (day < story.days, 200),
            Role::Earlier => (false, 200),
        };
        let factor = factor(window.role);
        if is_there && factor > 0.0 {
            // No level is the same twice.
            let mood = 1.0 + 0.02 * ((at * 7 + seed * 13) % 11) as f64 / 10.0;
            requests(&mut series, at, story.n, factor * mood, at + seed, fourth);
        }
    }
    series
}

fn played(story: &Story) -> (Judged, Comparison) {
    let mut all = vec![("shop|POST /orders".to_owned(), series(story, story.factor, 0))];
    all.extend((1..100).map(|at| {
        let calm = Story { fourth: 200, ..story.clone() };
        (format!("other{}|GET /{at}", at % 4), series(&calm, story.around, at))
    }));
    let named: Vec<(&str, &Series)> = all.iter().map(|(name, series)| (name.as_str(), series)).collect();
    let compared = compare(&named, Other::default(), &windows(), &Settings::default());
    let judged = compared.endpoints.iter().find(|judged| judged.endpoint == "shop|POST /orders").unwrap().clone();
    (judged, compared)
}

/// Says `verdict` of it, and finds nothing slower around it.
fn check(story: &Story, verdict: Verdict) -> (Judged, Comparison) {
    let (judged, compared) = played(story);
    assert_eq!(judged.verdict, verdict, "{judged:?}");
    let slower: Vec<&Judged> =
        compared.endpoints.iter().filter(|other| other.verdict == Verdict::Regressed && **other != judged).collect();
    assert!(slower.is_empty(), "{slower:?}");
    (judged, compared)
}

fn is_after(role: Role) -> bool {
    matches!(role, Role::After | Role::AfterOn(_))
}

#[test]
fn nothing_happened() {
    let (_, compared) = check(&CALM, Verdict::Unchanged);
    assert_eq!((compared.earlier_days, compared.coverage.judged, compared.shared.len()), (5, 100, 0));
    assert_eq!((compared.coverage.requests, compared.coverage.time), (1.0, 1.0));
}

#[test]
fn slower_after_the_rollout() {
    let story = Story { factor: |role| if role == Role::After { 1.3 } else { 1.0 }, ..CALM };
    let (judged, _) = check(&story, Verdict::Regressed);
    let (effect, [low, high]) = (judged.effect.unwrap(), judged.interval.unwrap());
    assert!((effect - 0.3).abs() < 0.05 && low < 0.3 && high > 0.3, "{judged:?}");
    assert_eq!(judged.rank, Some(1));
    // 600 requests an hour, each 100 ms · e^(0.5²/2) · 0.3 longer.
    let added = judged.added_seconds_per_hour.unwrap();
    assert!((added / (600.0 * 0.1133 * 0.3) - 1.0).abs() < 0.2, "{added}");
}

#[test]
fn faster_after_the_rollout() {
    let story = Story { factor: |role| if role == Role::After { 0.7 } else { 1.0 }, ..CALM };
    let (judged, _) = check(&story, Verdict::Improved);
    assert_eq!(judged.rank, None);
    assert!(judged.added_seconds_per_hour.unwrap() < 0.0);
}

#[test]
fn a_little_slower_is_not_worth_a_look() {
    check(&Story { factor: |role| if role == Role::After { 1.03 } else { 1.0 }, ..CALM }, Verdict::Unchanged);
}

#[test]
fn a_job_that_runs_at_this_hour_each_day_is_no_regression() {
    let story = Story { factor: |role| if is_after(role) { 1.4 } else { 1.0 }, ..CALM };
    let (judged, _) = check(&story, Verdict::Unchanged);
    let usual = judged.reasons.iter().any(|reason| matches!(reason, Reason::AtThisHour { change } if *change > 0.3));
    assert!(usual, "{judged:?}");
}

#[test]
fn a_slow_day_is_no_regression() {
    let slow: fn(Role) -> f64 = |role| if matches!(role, Role::Before | Role::After) { 1.3 } else { 1.0 };
    check(&Story { factor: slow, around: slow, ..CALM }, Verdict::Unchanged);
}

#[test]
fn what_hits_all_is_said_once_and_blamed_on_nobody() {
    let slow: fn(Role) -> f64 = |role| if role == Role::After { 1.3 } else { 1.0 };
    let (judged, compared) = check(&Story { factor: slow, around: slow, ..CALM }, Verdict::SharedShift);
    assert!(judged.effect.unwrap().abs() < 0.05, "{judged:?}");
    let [shared] = compared.shared.as_slice() else { panic!("{:?}", compared.shared) };
    assert!(shared.group.is_empty() && (shared.change - 0.3).abs() < 0.05 && shared.endpoints == 100, "{shared:?}");
}

#[test]
fn an_earlier_rollout_made_it_slower_not_this_one() {
    let since_yesterday: fn(Role) -> f64 = |role| match role {
        Role::Before | Role::After | Role::AfterOn(0) => 1.5,
        _ => 1.0,
    };
    let (judged, _) = check(&Story { factor: since_yesterday, ..CALM }, Verdict::Unchanged);
    assert!(judged.reasons.contains(&Reason::LevelMoved { times: 1 }), "{judged:?}");
}

#[test]
fn too_quiet_is_never_fine() {
    let (judged, _) = check(&Story { n: 12, ..CALM }, Verdict::Inconclusive);
    assert!(matches!(judged.reasons[0], Reason::FewRequests { after: 12, .. }), "{judged:?}");
    let (judged, compared) = check(&Story { n: 24, ..CALM }, Verdict::Inconclusive);
    let seen = judged.reasons.iter().find_map(|reason| match reason {
        Reason::WouldHaveSeen { change } => Some(*change),
        _ => None,
    });
    assert!(seen.unwrap() > 0.2, "{judged:?}");
    assert_eq!(compared.coverage.judged, 0);
}

#[test]
fn new_and_gone() {
    let (judged, _) = check(&Story { factor: |role| f64::from(u8::from(role == Role::After)), ..CALM }, Verdict::New);
    assert_eq!((judged.before.n, judged.after.n, judged.effect), (0, 600, None));
    let (judged, _) = check(&Story { factor: |role| f64::from(u8::from(role != Role::After)), ..CALM }, Verdict::Gone);
    assert_eq!((judged.before.n, judged.after.n), (600, 0));
}

#[test]
fn errors_are_another_check() {
    let (judged, _) = check(&Story { fourth: 503, ..CALM }, Verdict::Unchanged);
    assert_eq!((judged.before.n, judged.after.n), (600, 450));
}

#[test]
fn of_what_is_hardly_known_more_is_asked_for() {
    let story = Story { n: 6_000, factor: |role| if role == Role::After { 1.12 } else { 1.0 }, ..CALM };
    let asked = |is_coarse: bool| {
        let mut all = vec![("slower".to_owned(), series(&story, story.factor, 0))];
        all.extend((1..100).map(|at| (format!("GET /{at}"), series(&CALM, story.around, at))));
        if is_coarse {
            all[0].1.mark(Grain::Coarse);
        }
        let named: Vec<(&str, &Series)> = all.iter().map(|(name, series)| (name.as_str(), series)).collect();
        let compared = compare(&named, Other::default(), &windows(), &Settings::default());
        compared.endpoints.into_iter().find(|judged| judged.endpoint == "slower").unwrap()
    };
    assert_eq!(asked(false).verdict, Verdict::Regressed);
    let coarse = asked(true);
    assert_eq!(coarse.verdict, Verdict::Inconclusive, "{coarse:?}");
    assert!(coarse.reasons.ends_with(&[Reason::CoarseBounds, Reason::Floor { change: 0.10 }]), "{coarse:?}");
}

#[test]
fn without_earlier_days_more_is_asked_for_and_it_is_said() {
    let (judged, compared) = check(&Story { days: 0, ..CALM }, Verdict::Inconclusive);
    assert_eq!(compared.earlier_days, 0);
    assert_eq!(judged.reasons[0], Reason::NoEarlierDays { earlier_windows: 0 });
    assert!(judged.reasons.contains(&Reason::Floor { change: 0.10 }), "{judged:?}");
    let slower: fn(Role) -> f64 = |role| if role == Role::After { 1.5 } else { 1.0 };
    check(&Story { factor: slower, days: 0, ..CALM }, Verdict::Regressed);
}

/// The outcome, with 80 % to be judged.
fn outcome(compared: &Comparison) -> Outcome {
    compared.outcome(Settings::default().covered)
}

#[test]
fn fine_is_only_what_is_known_to_be() {
    let after: fn(Role) -> f64 = |role| if role == Role::After { 1.3 } else { 1.0 };
    let faster: fn(Role) -> f64 = |role| if role == Role::After { 0.7 } else { 1.0 };
    for (story, expected) in [
        (CALM, Outcome::Fine),
        (Story { factor: after, ..CALM }, Outcome::Worse),
        (Story { factor: after, around: after, ..CALM }, Outcome::Worse),
        (Story { factor: faster, around: faster, ..CALM }, Outcome::Fine),
        (Story { fourth: 503, ..CALM }, Outcome::Worse),
        (Story { n: 24, ..CALM }, Outcome::Unknown),
    ] {
        let (judged, compared) = played(&story);
        assert_eq!(outcome(&compared), expected, "{judged:?} {:?} {:?}", compared.shared, compared.coverage);
    }
    assert_eq!(outcome(&compare(&[], Other::default(), &windows(), &Settings::default())), Outcome::Unknown);
}

#[test]
fn what_only_fails_is_neither_gone_nor_new() {
    let normal = series(&CALM, |_| 1.0, 0);
    let failing = |is_after: bool| {
        let mut series = series(
            &CALM,
            if is_after {
                |role| f64::from(u8::from(role != Role::After))
            } else {
                |role| f64::from(u8::from(role == Role::After))
            },
            0,
        );
        let window = if is_after { AFTER } else { BEFORE };
        (0..100).for_each(|_| series.request(Slot { window, block: 0 }, 1.0, Some(503)));
        series
    };
    let (since, until) = (failing(true), failing(false));
    let all = [("normal", &normal), ("since", &since), ("until", &until)];
    let compared = compare(&all, Other::default(), &windows(), &Settings::default());
    let of = |name: &str| compared.endpoints.iter().find(|judged| judged.endpoint == name).unwrap();
    assert_eq!((of("since").verdict, of("since").failing.is_some()), (Verdict::Inconclusive, true));
    assert_eq!(of("until").verdict, Verdict::Inconclusive);
}

#[test]
fn a_rush_of_a_quarter_of_an_hour_is_no_regression() {
    let (before, mut story) = (windows(), series(&CALM, |_| 1.0, 0));
    for block in 5..8 {
        for at in 0..100 {
            // Three times the requests, and they queue.
            story.request(Slot { window: AFTER, block }, 180.0 + f64::from(at), Some(200));
        }
    }
    let others: Vec<Series> = (1..100).map(|seed| series(&CALM, |_| 1.0, seed)).collect();
    let mut named: Vec<(&str, &Series)> = others.iter().map(|series| ("other", series)).collect();
    named.push(("rush", &story));
    let compared = compare(&named, Other::default(), &before, &Settings::default());
    let judged = compared.endpoints.iter().find(|judged| judged.endpoint == "rush").unwrap();
    assert_eq!((judged.verdict, judged.after.n), (Verdict::Unchanged, 900), "{judged:?}");
}

#[test]
fn endpoints_that_nobody_could_tell_apart_count_against_the_coverage() {
    let one = series(&CALM, |_| 1.0, 0);
    let others: Vec<Series> = (1..100).map(|seed| series(&CALM, |_| 1.0, seed)).collect();
    let mut named: Vec<(&str, &Series)> = others.iter().map(|series| ("other", series)).collect();
    named.push(("one", &one));
    let other = Other { endpoints: 7, requests: 90_000, after: Traffic { requests: 60_000, time_ms: 1e6 } };
    let compared = compare(&named, other, &windows(), &Settings::default());
    assert!((compared.coverage.requests - 0.5).abs() < 1e-9, "{:?}", compared.coverage);
}

#[test]
fn nothing_at_all() {
    let compared = compare(&[], Other::default(), &windows(), &Settings::default());
    assert_eq!((compared.endpoints.len(), compared.coverage.judged, compared.coverage.requests), (0, 0, 0.0));
    let empty = Series::default();
    let compared = compare(&[("a", &empty)], Other::default(), &windows(), &Settings::default());
    assert_eq!(compared.endpoints[0].verdict, Verdict::Inconclusive);
}
