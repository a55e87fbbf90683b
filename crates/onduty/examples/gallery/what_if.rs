//! Another team, on each kind of day: nothing asked, a question, a curve, a question that cannot be answered.

use super::{Day, HOSTILE};
use jiff::civil::date;
use onduty::texts::visible;
use onduty::texts::what_if::Row;
use onduty::web::views::what_if::{AnswerView, ColumnView, WhatIfView};
use onduty_core::plan::what_if::{Cost, Days, Figures, Question, Spread, Sweep};
use onduty_core::roster;

fn figures(engineers: usize) -> Figures {
    let days = (engineers * 7 / 5) as i32;
    Figures {
        pools: vec![engineers],
        turns: Spread { min: 1, median: 2, max: 3 },
        mean_days: Some(f64::from(days)),
        median: Some(Days::Exactly(days)),
        p90: Some(if engineers > 40 { Days::MoreThan(days + 9) } else { Days::Exactly(days + 4) }),
        cold: (engineers < 90).then(|| f64::from(days).min(90.0) / 90.0),
        exposure: Some(Days::Exactly(days)),
        cost: Cost { shifts: 250.0, shadows: 0.0, share: 1.0 / engineers as f64 },
        slots: 130,
        uncovered: 0,
        seen: 10,
        moved: 2,
        heaviest: Vec::new(),
        arithmetic_days: f64::from(days),
    }
}

/// The page.
pub fn what_if_page(day: Day) -> WhatIfView {
    let file = "engineers: {lena: {}}\nduties: {developers: {name: Developers, members: all, zone: UTC}}\n";
    let duties = roster::parse("roster.yml", file).expect("it is a roster").duties;
    let question = Question { split: 3, engineers: Some(100), ..Question::default() };
    let sweep = (day == Day::Terrible).then_some(Sweep { from: 10, to: 120 });
    let mut view = WhatIfView::new(&duties[0], &question, sweep);
    let row = |label: &str, now: &str, after: &str| Row {
        label: label.to_owned(),
        now: now.to_owned(),
        after: Some(after.to_owned()),
    };
    let column = |name: &str| ColumnView { heaviest: vec![(name.to_owned(), "1.2 days more".to_owned())] };
    match day {
        Day::Empty => {}
        Day::Calm => {
            view.text = format!("engineers={HOSTILE}");
            view.problems = vec!["`engineers` should be a whole number from 1 to 300".to_owned()];
        }
        Day::Normal | Day::Terrible => {
            view.answer = Some(AnswerView {
                days: (date(2026, 3, 3), date(2026, 8, 31)),
                headline: "Turns come every 47 days instead of every 14".to_owned(),
                question: "engineers=100; split=3".to_owned(),
                rows: vec![
                    row("Engineers", "10", "33 + 33 + 34"),
                    row("Days between turns, half of them at most", "14", "47"),
                    row("Cold turns (more than 90 days)", "0 %", "4 %"),
                ],
                now: column("Lena Vogt"),
                after: Some(column(&if day == Day::Terrible { visible(HOSTILE) } else { "Omar Haddad".to_owned() })),
                notes: vec!["Each who is added works the days of one member.".to_owned()],
                cold_days: 90,
                curve: sweep
                    .map(|sweep| sweep.sizes())
                    .unwrap_or_default()
                    .into_iter()
                    .map(|size| (size, figures(size)))
                    .collect(),
            });
        }
    }
    view
}
