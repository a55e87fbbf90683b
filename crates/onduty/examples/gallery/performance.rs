//! What rollouts did to response times, on each kind of day.

use super::{Day, HOSTILE, days_ago};
use jiff::{SignedDuration, Timestamp};
use onduty::store::performance::{EndpointReport, Moment, Report, RunLine};
use onduty::web::views::performance::{EndpointPageView, PerformancePageView};
use onduty_core::perf::{DayLevel, Failing, Judged, Other, Outcomes, Picture, Reason, SharedShift, Side, Verdict};
use onduty_core::performance::{ComparedRollout, EndpointFact, Scope, Slowdown, Standing};

fn compared(id: &str, at: Timestamp, worse: u64) -> ComparedRollout {
    ComparedRollout {
        environment: "production".into(),
        rollout: id.into(),
        revision: "8f3c2ab1d0e9".into(),
        rolled_out_at: at,
        until: at + SignedDuration::from_mins(70),
        runs: 2,
        judged: 310,
        quiet: 894,
        worse,
        requests: 0.944,
        time: 0.971,
        is_enough: worse < 20,
        earlier_days: 10,
    }
}

fn report(day: Day, id: &str, at: Timestamp) -> Report {
    let is_terrible = day == Day::Terrible;
    let compared = compared(id, at, if is_terrible { 41 } else { u64::from(day == Day::Normal) * 2 });
    let run = |from: i64, judged| RunLine {
        from: at + SignedDuration::from_mins(from),
        until: at + SignedDuration::from_mins(from + 60),
        judged,
        worse: compared.worse,
        is_enough: !is_terrible,
    };
    Report {
        source: "otlp".into(),
        started_at: at,
        from: at + SignedDuration::from_mins(10),
        endpoints: 1_204,
        other: Other { endpoints: if is_terrible { 12_000 } else { 0 }, requests: 90_000, ..Other::default() },
        shared: if is_terrible {
            vec![SharedShift { group: HOSTILE.to_owned(), change: 0.21, endpoints: 30 }]
        } else {
            Vec::new()
        },
        doubts: if is_terrible { vec![HOSTILE.to_owned()] } else { Vec::new() },
        runs: vec![run(10, 310), run(70, 280)],
        compared,
    }
}

fn picture(at: Timestamp, slower: f64) -> Picture {
    let bar = |middle: f64| move |bar: usize| (1_000.0 * (-(bar as f64 - middle).powi(2) / 18.0).exp()) as u64;
    let day = |number: i64| DayLevel {
        start_ms: (at - SignedDuration::from_hours(24 * number)).as_millisecond(),
        before_ms: Some(120.0 + 3.0 * (number % 3) as f64),
        after_ms: Some(if number == 0 { 120.0 * slower } else { 122.0 - 2.0 * (number % 4) as f64 }),
    };
    Picture {
        edges_ms: (0..=24).map(|edge| 20.0 * 1.18_f64.powi(edge)).collect(),
        before: (0..24).map(bar(9.0)).collect(),
        after: (0..24).map(bar(9.0 + 6.0 * (slower - 1.0))).collect(),
        days: (0..8).map(day).collect(),
    }
}

fn endpoint(name: &str, verdict: Verdict, at: Timestamp) -> EndpointReport {
    let slower = if verdict == Verdict::Regressed { 1.38 } else { 1.01 };
    let side = |factor: f64| Side { n: 5_204, p50_ms: Some(120.4 * factor), p95_ms: Some(302.0 * factor) };
    let is_known = !matches!(verdict, Verdict::New | Verdict::Gone);
    let judged = Judged {
        endpoint: name.into(),
        verdict,
        rank: None,
        effect: is_known.then_some(slower - 1.0),
        interval: is_known.then_some([slower - 1.12, slower - 0.85]),
        q_value: Some(0.004),
        added_seconds_per_hour: is_known.then_some((slower - 1.0) * 600.0),
        failing: None,
        before: if verdict == Verdict::New { Side::default() } else { side(1.0) },
        after: side(slower),
        asked: Outcomes { requests: 5_204, failed: 0 },
        reasons: vec![
            Reason::EarlierDays { days: 10, shifted_windows: 1 },
            Reason::AtThisHour { change: 0.06 },
            Reason::Floor { change: 0.05 },
        ],
    };
    EndpointReport { judged, picture: picture(at, slower) }
}

fn endpoints(day: Day, at: Timestamp) -> Vec<EndpointReport> {
    let mut all = Vec::new();
    if day == Day::Normal {
        all.push(endpoint("shop|POST /cart/{id}/lines", Verdict::Regressed, at));
        let mut fails = endpoint("shop|GET /orders/{id}", Verdict::Unchanged, at);
        let outcomes = |requests, failed| Outcomes { requests, failed };
        fails.judged.failing =
            Some(Failing { before: outcomes(52_040, 31), after: outcomes(5_204, 160), q_value: 1e-6 });
        all.push(fails);
    }
    if day == Day::Terrible {
        all.push(endpoint(HOSTILE, Verdict::Regressed, at));
        all.extend((0..40).map(|number| endpoint(&format!("shop|GET /reports/{number}"), Verdict::Regressed, at)));
    }
    all.push(endpoint("shop|GET /search", Verdict::Improved, at));
    all.push(endpoint("shop|GET /wishlist", Verdict::New, at));
    for number in 0..30 {
        let verdict = if number < 12 { Verdict::Unchanged } else { Verdict::Inconclusive };
        all.push(endpoint(&format!("catalogue|GET /products/{number}"), verdict, at));
    }
    all
}

fn told(endpoint: &EndpointReport, at: Timestamp) -> (EndpointFact, Option<onduty_core::item::ItemId>) {
    let judged = &endpoint.judged;
    let slower = Slowdown {
        effect: judged.effect.unwrap_or_default(),
        interval: judged.interval,
        added_seconds_per_hour: judged.added_seconds_per_hour,
    };
    let fact = EndpointFact {
        environment: "production".into(),
        rollout: "r9".into(),
        revision: "8f3c2ab1d0e9".into(),
        rolled_out_at: at,
        scope: Scope::Endpoint,
        name: judged.endpoint.clone(),
        standing: Standing::Degraded,
        seen: 2,
        slower: (judged.verdict == Verdict::Regressed).then_some(slower),
        failing: judged.failing,
        usual_p50_ms: None,
        before: judged.before,
        after: judged.after,
    };
    (fact, Some(onduty_core::item::ItemId::from_text("developers.performance.6f2a90c1b3d4.1")))
}

/// The page of a rollout.
pub fn performance_page(day: Day) -> PerformancePageView {
    let at = days_ago(0);
    let endpoints = if day == Day::Empty { Vec::new() } else { endpoints(day, at) };
    PerformancePageView {
        environment: "production".into(),
        report: (day != Day::Empty).then(|| report(day, "r9", at)),
        newest: (day != Day::Empty).then(|| compared("r9", at, 0)),
        told: endpoints.iter().filter(|endpoint| endpoint.judged.is_worse()).map(|it| told(it, at)).collect(),
        endpoints,
        rollouts: (0..4).map(|number| report(Day::Calm, &format!("r{}", 9 - number), days_ago(number))).collect(),
        all: false,
        is_watched: day != Day::Empty,
    }
}

/// The page of an endpoint.
pub fn endpoint_page(day: Day) -> EndpointPageView {
    let name = if day == Day::Terrible { HOSTILE } else { "shop|POST /cart/{id}/lines" };
    let moment = |number: i64| {
        let at = days_ago(number);
        let verdict = if number == 0 { Verdict::Regressed } else { Verdict::Unchanged };
        Moment { compared: compared(&format!("r{number}"), at, 1), endpoint: endpoint(name, verdict, at) }
    };
    let history: Vec<Moment> = if day == Day::Empty { Vec::new() } else { (0..14).map(moment).collect() };
    EndpointPageView {
        environment: "production".into(),
        name: name.to_owned(),
        told: history.first().map(|newest| told(&newest.endpoint, newest.compared.rolled_out_at)),
        history,
    }
}
