//! *Performance*: what a rollout did to response times, ranked, with why; and the history of one endpoint.

use super::charts::{self, LevelPoint};
use super::{Reader, StateView, parts};
use crate::egress::Url;
use crate::store::performance::{EndpointReport, Moment, Report, RunLine};
use crate::texts::performance as words;
use crate::texts::{self, compared, count, human_number};
use maud::{Markup, html};
use onduty_core::ids::Environment;
use onduty_core::item::ItemId;
use onduty_core::perf::{Judged, Picture, Verdict};
use onduty_core::performance::{ComparedRollout, EndpointFact, Scope, Standing};

/// Endpoints that are shown with their drawings; of the others there is a page each.
const DRAWN: usize = 12;
/// Rows of the table before "all of them" is asked for.
const ROWS: usize = 60;

/// The page of one rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformancePageView {
    /// Where.
    pub environment: Environment,
    /// The rollout that is shown; `None` where none was compared yet.
    pub report: Option<Report>,
    /// What was last told of the newest rollout.
    pub newest: Option<ComparedRollout>,
    /// Its endpoints, the weightiest first.
    pub endpoints: Vec<EndpointReport>,
    /// How endpoints stand that were told, with their open item.
    pub told: Vec<(EndpointFact, Option<ItemId>)>,
    /// The last rollouts, newest first.
    pub rollouts: Vec<Report>,
    /// Whether all rows are shown.
    pub all: bool,
    /// Whether anything tells about response times.
    pub is_watched: bool,
}

/// The history of one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointPageView {
    /// Where.
    pub environment: Environment,
    /// Its name.
    pub name: String,
    /// After each rollout, newest first.
    pub history: Vec<Moment>,
    /// How it stands, with its open item.
    pub told: Option<(EndpointFact, Option<ItemId>)>,
}

/// The state of a compared rollout.
pub fn state(compared: &ComparedRollout) -> StateView {
    match compared {
        ComparedRollout { runs: 0, .. } => StateView::Waiting,
        ComparedRollout { worse: 1.., .. } => StateView::NeedsYou,
        ComparedRollout { is_enough: true, .. } => StateView::Fine,
        ComparedRollout { .. } => StateView::Unknown,
    }
}

/// The page of a rollout.
pub fn rollout_path(reader: &Reader<'_>, rollout: &str) -> String {
    path("/performance", &[("duty", reader.duty.as_str()), ("rollout", rollout)])
}

/// The page of an endpoint.
pub fn endpoint_path(reader: &Reader<'_>, name: &str) -> String {
    path("/performance/endpoint", &[("duty", reader.duty.as_str()), ("name", name)])
}

/// Names from outside have anything in them.
fn path(page: &str, query: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://onduty/").expect("an address");
    url.query_pairs_mut().extend_pairs(query);
    format!("{page}?{}", url.query().unwrap_or_default())
}

/// From an item to what is known about its endpoint.
pub fn link(fact: &EndpointFact, reader: &Reader<'_>) -> Markup {
    html! {
        section {
            h2 { "Evidence" }
            p {
                a href=(rollout_path(reader, &fact.rollout)) { "What the rollout did" }
                @if fact.scope == Scope::Endpoint { ", " a href=(endpoint_path(reader, &fact.name)) { "the history of this endpoint" } }
            }
        }
    }
}

/// The whole page.
pub fn page(view: &PerformancePageView, reader: &Reader<'_>) -> Markup {
    let Some(report) = &view.report else { return nothing_yet(view, reader) };
    html! {
        (head(report, view, reader))
        (warnings(report, reader))
        (table(view, report, reader))
        (rollouts(view, report, reader))
    }
}

fn nothing_yet(view: &PerformancePageView, reader: &Reader<'_>) -> Markup {
    html! {
        h1 { "Performance" }
        (parts::empty(
            "Here you see which endpoints the last rollout made slower, how sure that is, and what it costs users.",
            html! {
                @match &view.newest {
                    Some(newest) => p { (parts::sentence(&compared::note(newest, &reader.tell))) },
                    None if view.is_watched => p { "Nothing was rolled out yet that could be compared." },
                    None => p { "Let your services send OpenTelemetry, or name a server that keeps their response times, under " code { "sources" } " in onduty.yml." },
                }
            },
            (!view.is_watched).then_some("sources:\n  otlp: {}"),
        ))
    }
}

fn head(report: &Report, view: &PerformancePageView, reader: &Reader<'_>) -> Markup {
    let (told, tell) = (&report.compared, &reader.tell);
    let state = state(told);
    html! {
        header class={ "summary " (state.class()) } {
            h1 { (super::icons::state(state)) span { bdi { (parts::sentence(&compared::result(told))) } } }
            p class="dim" {
                (parts::revision(&told.revision)) " went out to " (parts::text(view.environment.as_str())) " at " (parts::time(told.rolled_out_at, tell))
                ". Compared: " (parts::time(report.from, tell)) " to " (parts::time(told.until, tell))
                " with the hours before, "
                @if told.earlier_days == 0 { "and no earlier day" } @else { "and the same hours of " (count(told.earlier_days as usize, "earlier day")) }
                "."
            }
            @if let Some(newest) = view.newest.as_ref().filter(|newest| newest.rollout != told.rollout) {
                p class="notice" { "This is not the newest rollout: " (compared::note(newest, tell)) ". " @if newest.runs > 0 { a href=(rollout_path(reader, &newest.rollout)) { "Show it" } } }
            }
        }
    }
}

fn warnings(report: &Report, reader: &Reader<'_>) -> Markup {
    let shared: Vec<String> = report.shared.iter().map(words::shared_shift).collect();
    html! {
        @if !shared.is_empty() || !report.doubts.is_empty() || report.other.endpoints > 0 {
            div class="notice warning" {
                ul {
                    @for what in shared.iter().chain(&report.doubts) { li { (parts::sentence(&texts::visible(what))) } }
                    @if report.other.endpoints > 0 {
                        li { (count(report.other.endpoints as usize, "endpoint")) " beyond the cap with " (human_number(report.other.requests)) " requests are not judged; they count as one that nobody knows." }
                    }
                }
            }
        }
        @if report.runs.len() > 1 { (runs(&report.runs, reader)) }
    }
}

fn runs(runs: &[RunLine], reader: &Reader<'_>) -> Markup {
    html! {
        details class="fold-runs" {
            summary { "Compared " (count(runs.len(), "time")) ", hour by hour" }
            table {
                thead { tr { th scope="col" { "Hours after" } th scope="col" { "Judged" } th scope="col" { "Seen slower or failing" } th scope="col" { "Enough to call it fine" } } }
                tbody {
                    @for run in runs {
                        tr {
                            th scope="row" { (parts::time(run.from, &reader.tell)) " to " (parts::time(run.until, &reader.tell)) }
                            td { (human_number(run.judged)) }
                            td { (human_number(run.worse)) }
                            td class="grow" { @if run.is_enough { "yes" } @else { "no" } }
                        }
                    }
                }
            }
            p class="dim" { "The first comparison is believed at once; what only a later one sees has to be seen twice in a row. What was told is taken back only when the endpoint is judged again and found well." }
        }
    }
}

fn table(view: &PerformancePageView, report: &Report, reader: &Reader<'_>) -> Markup {
    let shown = if view.all { view.endpoints.len() } else { ROWS };
    let drawn = view.endpoints.iter().filter(|endpoint| endpoint.judged.is_worse()).count().min(DRAWN);
    html! {
        h2 class="part" { "Endpoints" }
        table class="performance" {
            thead { tr {
                th scope="col" { "Endpoint" } th scope="col" { "Verdict" } th scope="col" { "Effect" } th scope="col" { "Users wait" }
                th scope="col" { "p50" } th scope="col" { "p95" } th scope="col" { "Requests" }
            } }
            tbody {
                @for (number, endpoint) in view.endpoints.iter().take(shown).enumerate() { (row(endpoint, number < drawn, view, reader)) }
            }
        }
        @if view.endpoints.len() > shown {
            p { a href={ (rollout_path(reader, &report.compared.rollout)) "&all=yes" } { "All " (human_number(view.endpoints.len() as u64)) " that are kept" } }
        }
        @if report.endpoints > view.endpoints.len() as u64 {
            p class="dim" { "There were " (human_number(report.endpoints)) " endpoints; those about which there is something to say, and the busiest, are kept." }
        }
    }
}

fn row(endpoint: &EndpointReport, is_drawn: bool, view: &PerformancePageView, reader: &Reader<'_>) -> Markup {
    let judged = &endpoint.judged;
    let told = view.told.iter().find(|(fact, _)| fact.name == judged.endpoint);
    let change = |before: Option<f64>, after: Option<f64>| match (before, after) {
        (None, None) => "–".to_owned(),
        (before, after) => {
            let side = |ms: Option<f64>| ms.map_or_else(|| "?".to_owned(), words::milliseconds);
            format!("{} → {}", side(before), side(after))
        }
    };
    html! {
        tr class=[judged.is_worse().then_some("needs")] {
            td class="grow" {
                @if is_drawn {
                    details {
                        summary { (parts::text(&judged.endpoint)) }
                        (evidence(endpoint, told, reader))
                        p { a href=(endpoint_path(reader, &judged.endpoint)) { "Its history" } }
                    }
                } @else { a href=(endpoint_path(reader, &judged.endpoint)) { (parts::text(&judged.endpoint)) } }
            }
            td { (verdict(judged, told.map(|(fact, _)| fact))) }
            td { @if let Some(effect) = judged.effect { (words::change(effect)) @if let Some(range) = judged.interval { div class="dim" { (words::interval(range)) } } } @else { span class="dim" { "–" } } }
            td { @if let Some(seconds) = judged.added_seconds_per_hour.filter(|_| judged.verdict.is_judgement()) { (waits(seconds)) } @else { span class="dim" { "–" } } }
            td data-label="p50" { (change(judged.before.p50_ms, judged.after.p50_ms)) }
            td data-label="p95" { (change(judged.before.p95_ms, judged.after.p95_ms)) }
            td data-label="requests" { (human_number(judged.before.n)) " → " (human_number(judged.after.n)) }
        }
    }
}

/// `+412 s an hour`.
fn waits(seconds: f64) -> String {
    let amount = seconds.abs();
    // Nobody waits a tenth less than nothing.
    if amount < 0.05 {
        return "0 s an hour".to_owned();
    }
    let shown = if amount < 10.0 { format!("{amount:.1}") } else { human_number(amount.round() as u64) };
    format!("{}{shown} s an hour", if seconds < 0.0 { "−" } else { "+" })
}

fn verdict(judged: &Judged, told: Option<&EndpointFact>) -> Markup {
    let state = match (judged.is_worse(), judged.verdict) {
        (true, _) => StateView::NeedsYou,
        (_, Verdict::SharedShift) => StateView::NeedsYou,
        (_, Verdict::Unchanged | Verdict::Improved) => StateView::Fine,
        (_, Verdict::Inconclusive) => StateView::Unknown,
        (_, Verdict::New | Verdict::Gone | Verdict::Regressed) => StateView::Off,
    };
    let word = match (judged.verdict, judged.failing.is_some()) {
        (Verdict::Regressed, true) => "slower, fails more".to_owned(),
        (_, true) => "fails more".to_owned(),
        (verdict, false) => words::verdict(verdict).to_owned(),
    };
    html! {
        span class={ "state " (state.class()) } { (super::icons::state(state)) span class="word" { (word) } }
        @if let Some(told) = told { div class="dim" { (standing(told)) } }
    }
}

fn standing(told: &EndpointFact) -> String {
    match told.standing {
        Standing::Degraded if told.seen > 1 => format!("confirmed, seen {}", count(told.seen as usize, "time")),
        Standing::Degraded => "told".to_owned(),
        Standing::Suspected => "suspected: not told until it is seen again".to_owned(),
        Standing::Good => "taken back".to_owned(),
    }
}

/// Why this verdict, in words and drawn.
fn evidence(endpoint: &EndpointReport, told: Option<&(EndpointFact, Option<ItemId>)>, reader: &Reader<'_>) -> Markup {
    let judged = &endpoint.judged;
    html! {
        div class="evidence" {
            @if let Some((_, Some(item))) = told { p { a href=(parts::item_path(item)) { "Its item" } } }
            ul class="why" {
                @if let Some(failing) = &judged.failing { li { (parts::sentence(&words::failing(&judged.endpoint, failing))) } }
                @for reason in words::why(judged) { li { (parts::sentence(&reason)) } }
                @if let Some(q) = judged.q_value.filter(|_| judged.verdict == Verdict::Regressed) {
                    li { "Of all that are at least as clearly slower, " @if q < 0.01 { "less than 1 %" } @else { (texts::percent(q)) } " are expected to be chance." }
                }
            }
            (charts::distribution(&endpoint.picture, &judged.endpoint))
            (days(&endpoint.picture, &judged.endpoint, reader))
        }
    }
}

/// The hours against the same hours of earlier days.
fn days(picture: &Picture, endpoint: &str, reader: &Reader<'_>) -> Markup {
    let points: Vec<LevelPoint> = picture
        .days
        .iter()
        .enumerate()
        .rev()
        .map(|(number, day)| LevelPoint {
            label: jiff::Timestamp::from_millisecond(day.start_ms)
                .map_or_else(|_| String::new(), |at| reader.tell.zoned(at).strftime("%a %d").to_string()),
            before_ms: day.before_ms,
            after_ms: day.after_ms,
            is_marked: number == 0,
        })
        .collect();
    let words = format!("{}: medians before and after the hour of the rollout, day by day", texts::visible(endpoint));
    html! {
        (charts::levels(&points, &words, "medians of the same hours, day by day; the day of the rollout stands out"))
        details { summary { "As numbers" } (level_table("Day", &points)) }
    }
}

fn level_table(what: &str, points: &[LevelPoint]) -> Markup {
    let side = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), words::milliseconds);
    html! {
        table {
            thead { tr { th scope="col" { (what) } th scope="col" { "Median before" } th scope="col" { "Median after" } } }
            tbody { @for point in points { tr { th scope="row" { (point.label) } td { (side(point.before_ms)) } td class="grow" { (side(point.after_ms)) } } } }
        }
    }
}

fn rollouts(view: &PerformancePageView, report: &Report, reader: &Reader<'_>) -> Markup {
    html! {
        h2 class="part" { "Rollouts" }
        table {
            thead { tr { th scope="col" { "State" } th scope="col" { "Revision" } th scope="col" { "Went out" } th scope="col" { "What it did" } } }
            tbody {
                @for other in &view.rollouts {
                    @let told = &other.compared;
                    tr class=[(told.rollout == report.compared.rollout).then_some("mine")] {
                        td { (parts::state(state(told))) }
                        td { (parts::revision(&told.revision)) }
                        td { (parts::time(told.rolled_out_at, &reader.tell)) }
                        td class="grow" { a href=(rollout_path(reader, &told.rollout)) { (compared::result(told)) } }
                    }
                }
            }
        }
    }
}

/// The page of one endpoint.
pub fn endpoint_page(view: &EndpointPageView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let points: Vec<LevelPoint> = view
        .history
        .iter()
        .rev()
        .map(|moment| LevelPoint {
            label: tell.zoned(moment.compared.rolled_out_at).strftime("%d %b").to_string(),
            before_ms: moment.endpoint.judged.before.p50_ms,
            after_ms: moment.endpoint.judged.after.p50_ms,
            is_marked: moment.endpoint.judged.is_worse(),
        })
        .collect();
    let words_of_chart = format!("{}: medians before and after each rollout", texts::visible(&view.name));
    html! {
        p class="crumb" { a href={ "/performance?duty=" (reader.duty) } { "Performance" } }
        header class="summary" {
            h1 { (parts::text(&view.name)) }
            p class="dim" { "What rollouts to " (parts::text(view.environment.as_str())) " did to it." }
            @if let Some((fact, item)) = &view.told {
                p { (compared::headline(fact)) ". " span class="dim" { (parts::sentence(&compared::sentence(fact, tell))) } @if let Some(item) = item { " " a class="dim" href=(parts::item_path(item)) { "Its item" } } }
            }
        }
        @match view.history.first() {
            None => (parts::empty(
                "Here you see how long this endpoint took before and after each rollout.",
                html! { p { "No comparison of the last 90 days has kept anything of an endpoint of this name." } },
                None,
            )),
            Some(newest) => {
                h2 class="part" { "Rollout by rollout" }
                (charts::levels(&points, &words_of_chart, "medians around each rollout; those that made it slower or failing stand out"))
                table {
                    thead { tr { th scope="col" { "Rollout" } th scope="col" { "Went out" } th scope="col" { "Verdict" } th scope="col" { "Effect" } th scope="col" { "p50, p95 and requests" } } }
                    tbody {
                        @for moment in &view.history {
                            @let judged = &moment.endpoint.judged;
                            tr class=[judged.is_worse().then_some("needs")] {
                                td { a href=(rollout_path(reader, &moment.compared.rollout)) { (parts::revision(&moment.compared.revision)) } }
                                td { (parts::time(moment.compared.rolled_out_at, tell)) }
                                td { (verdict(judged, None)) }
                                td { @if let Some(effect) = judged.effect { (words::change(effect)) } @else { span class="dim" { "–" } } }
                                td class="grow" { (words::sides(&judged.before, &judged.after)) }
                            }
                        }
                    }
                }
                h2 class="part" { "The newest of them" }
                (evidence(&newest.endpoint, None, reader))
            }
        }
    }
}
