//! *What if*: the team as it is and as it would be, side by side, and how turns thin out as a team grows.

use super::charts::{self, CurvePoint};
use super::{Reader, StateView, icons, parts};
use crate::texts::what_if::{Row, cold, days};
use jiff::civil::Date;
use maud::{Markup, html};
use onduty_core::plan::what_if::{Days, Figures, MOST_ENGINEERS, Question, Sweep};
use onduty_core::roster::Duty;

/// The page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WhatIfView {
    /// The duty, as people write it.
    pub duty_name: String,
    /// The question as it was typed.
    pub text: String,
    /// What the form says.
    pub form: FormView,
    /// Why there is no answer.
    pub problems: Vec<String>,
    /// The answer.
    pub answer: Option<AnswerView>,
}

/// What stands in the fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormView {
    engineers: Option<usize>,
    without: String,
    split: usize,
    shadow_minutes: usize,
    horizon_weeks: usize,
    cold_days: usize,
    sweep: Option<(usize, usize)>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerView {
    /// The days that were planned.
    pub days: (Date, Date),
    /// In one sentence.
    pub headline: String,
    /// In one line, as the command line takes it.
    pub question: String,
    /// Figure by figure.
    pub rows: Vec<Row>,
    /// The team as it is.
    pub now: ColumnView,
    /// As it would be.
    pub after: Option<ColumnView>,
    /// How it was found.
    pub notes: Vec<String>,
    /// After so many days a turn is cold.
    pub cold_days: usize,
    /// Sizes of the team and what they mean.
    pub curve: Vec<(usize, Figures)>,
}

/// What is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnView {
    /// Who carries most against their share, and how much.
    pub heaviest: Vec<(String, String)>,
}

impl WhatIfView {
    /// Before anything was found.
    pub fn new(duty: &Duty, question: &Question, sweep: Option<Sweep>) -> WhatIfView {
        let without: Vec<&str> = question.without.iter().map(|id| id.as_str()).collect();
        WhatIfView {
            duty_name: duty.name.clone(),
            form: FormView {
                engineers: question.engineers,
                without: without.join(", "),
                split: question.split,
                shadow_minutes: question.shadow_minutes,
                horizon_weeks: question.horizon_weeks,
                cold_days: question.cold_days,
                sweep: sweep.map(|sweep| (sweep.from, sweep.to)),
            },
            ..WhatIfView::default()
        }
    }
}

/// The whole page.
pub fn page(view: &WhatIfView, reader: &Reader<'_>) -> Markup {
    html! {
        header class="summary" {
            h1 { span { @match &view.answer { Some(answer) => { (answer.headline) } None => "What if the team were another one?" } } }
            p class="dim" {
                (parts::text(&view.duty_name)) " · "
                @match &view.answer {
                    Some(answer) => { "planned from " time datetime=(answer.days.0) { (reader.tell.day(answer.days.0)) } " until " time datetime=(answer.days.1) { (reader.tell.day(answer.days.1)) } "; nothing is published" }
                    None => "the planner plans the team that you describe, with the leave and the past turns of yours; nothing is published"
                }
            }
        }
        @if !view.problems.is_empty() {
            section class="notice warning" role="alert" {
                h2 { (icons::state(StateView::NeedsYou)) " That cannot be answered" }
                ul class="means" { @for problem in &view.problems { li { (parts::said(problem)) } } }
                @if !view.text.is_empty() { p class="dim" { "You asked: " code { (crate::texts::visible(&view.text)) } } }
            }
        }
        (form(view, reader))
        @if let Some(answer) = &view.answer { (self::answer(answer, reader)) }
        p { a href={ "/plan?duty=" (reader.duty) } { "Back to the plan" } }
    }
}

fn form(view: &WhatIfView, reader: &Reader<'_>) -> Markup {
    let form = &view.form;
    let number = |id: &str, label: &str, value: Option<usize>, (least, most): (usize, usize), hint: &str| {
        html! {
            div class="field" {
                label for=(id) { (label) }
                input type="number" id=(id) name=(id) value=[value] min=(least) max=(most) placeholder=[Some(hint).filter(|hint| !hint.is_empty())];
            }
        }
    };
    html! {
        form class="what-if" method="get" action="/plan/what-if" aria-label="What would be different" {
            input type="hidden" name="duty" value=(reader.duty);
            (number("engineers", "Engineers", form.engineers, (1, MOST_ENGINEERS), "as now"))
            div class="field" {
                label for="without" { "Without" }
                input type="text" id="without" name="without" value=(form.without) placeholder="lena, omar" autocomplete="off";
            }
            (number("split", "Duties, each with people of its own", Some(form.split), (1, 20), ""))
            div class="field" {
                label for="shadow" { "The next one joins the last" }
                select id="shadow" name="shadow" {
                    @let usual = [0, 30, 60, 120];
                    @for minutes in usual.into_iter().chain(Some(form.shadow_minutes).filter(|minutes| !usual.contains(minutes))) {
                        option value=(if minutes == 0 { String::new() } else { format!("{minutes}m") }) selected[minutes == form.shadow_minutes] {
                            @if minutes == 0 { "not at all" } @else { (crate::texts::duration(jiff::SignedDuration::from_mins(minutes as i64))) }
                        }
                    }
                }
            }
            (number("horizon", "Weeks ahead", Some(form.horizon_weeks), (4, 52), ""))
            (number("cold", "Cold after days", Some(form.cold_days), (1, 365), ""))
            fieldset class="field" {
                legend { "Draw team sizes" }
                div class="one-line" {
                    label for="from" class="unseen" { "Draw from so many engineers" }
                    input type="number" id="from" name="from" value=[form.sweep.map(|(from, _)| from)] min="1" max=(MOST_ENGINEERS) placeholder="10";
                    span aria-hidden="true" { "to" }
                    label for="to" class="unseen" { "to so many" }
                    input type="number" id="to" name="to" value=[form.sweep.map(|(_, to)| to)] min="1" max=(MOST_ENGINEERS) placeholder="60";
                }
            }
            div class="field press-line" {
                (parts::button("Plan it", None, "go"))
                p class="dim" { "Takes a second or two, a drawing up to ten." }
            }
        }
    }
}

fn answer(answer: &AnswerView, reader: &Reader<'_>) -> Markup {
    html! {
        div class="columns even" {
            section class="main-column" aria-labelledby="compare-title" {
                h2 id="compare-title" { "Now and then" }
                table class="compare" {
                    thead { tr { th scope="col" { span class="unseen" { "Figure" } } th scope="col" { "Now" } @if answer.after.is_some() { th scope="col" { "Then" } } } }
                    tbody {
                        @for row in &answer.rows {
                            tr {
                                th scope="row" { (row.label) }
                                td { (row.now) }
                                @if let Some(after) = &row.after { td class=[(*after != row.now).then_some("differs")] { (after) } }
                            }
                        }
                    }
                }
            }
            div {
                (heaviest("heavy-now", "Who carries most now", &answer.now))
                @if let Some(after) = &answer.after { (heaviest("heavy-then", "Who would carry most", after)) }
            }
        }
        @if !answer.curve.is_empty() { (curve(answer)) }
        section aria-labelledby="how-title" {
            h2 id="how-title" { "How this was found" }
            ul class="means" { @for note in &answer.notes { li { (parts::said(note)) } } }
            p class="dim" { "The same in a terminal: " code { "onduty plan what-if '" (answer.question) "' --duty " (reader.duty) } }
        }
    }
}

fn heaviest(id: &str, title: &str, of: &ColumnView) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            ul class="means" { @for (who, words) in &of.heaviest { li { bdi { (who) } ": " (words) } } }
        }
    }
}

fn curve(answer: &AnswerView) -> Markup {
    let points = |value: fn(&Figures) -> Option<f64>, is_open: fn(&Figures) -> bool| -> Vec<CurvePoint> {
        let point =
            |(size, of): &(usize, Figures)| CurvePoint { at: *size as f64, value: value(of), is_open: is_open(of) };
        answer.curve.iter().map(point).collect()
    };
    let apart =
        points(|of| of.median.map(|days| f64::from(days.least())), |of| matches!(of.median, Some(Days::MoreThan(_))));
    let share = points(|of| of.cold.map(|share| share * 100.0), |_| false);
    let is_open = apart.iter().any(|point| point.is_open);
    let title = format!("Cold turns, after more than {} days, in percent", answer.cold_days);
    html! {
        section aria-labelledby="curve-title" {
            h2 id="curve-title" { "As the team grows" }
            div class="curves" {
                (charts::curve(&apart, "", "Days between turns by the number of engineers", &format!("days between turns, median, by engineers{}", if is_open { "; an open dot: more than that" } else { "" })))
                (charts::curve(&share, " %", "Share of cold turns by the number of engineers", &format!("turns after more than {} days, by engineers", answer.cold_days)))
                table class="compare" {
                    caption class="unseen" { "The same figures: days between turns, and " (title) }
                    thead { tr { th scope="col" { "Engineers" } th scope="col" { "Days apart" } th scope="col" { "Nine of ten" } th scope="col" { "Cold" } th scope="col" { "Open days" } } }
                    tbody {
                        @for (size, of) in &answer.curve {
                            tr { th scope="row" { (size) } td { (days(of.median)) } td { (days(of.p90)) } td { (cold(of.cold)) } td { (of.uncovered) } }
                        }
                    }
                }
            }
        }
    }
}
