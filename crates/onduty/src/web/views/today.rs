//! *Today*: the team's algorithm in the team's order. A step that is fine is one quiet line; a step with items unfolds.

use super::gate::{self, GatePhase, GateView};
use super::handshake::{self, WithView};
use super::items::{self, ItemView};
use super::parts;
use super::{Reader, StateView, icons};
use crate::texts::{self, LogLine, count};
use maud::{Markup, html};
use onduty_core::files::Problem;
use onduty_core::ids::StepId;
use onduty_core::signal::UnknownReason;

/// The page that the one on duty looks at all day.
#[derive(Debug, Clone, PartialEq)]
pub struct TodayView {
    /// Whether the reader is on duty now.
    pub mine: bool,
    /// In the team's order, the built-in *asked* step among them.
    pub steps: Vec<StepView>,
    /// What is between this duty and those with which it shakes hands.
    pub handshakes: Vec<WithView>,
    /// The newest entries of the log book, newest first, about five.
    pub latest: Vec<LogLine>,
    /// The version of the process that runs; `None` before there is one.
    pub process_version: Option<u32>,
    /// What is wrong with files on disk; the last good version goes on.
    pub problems: Vec<Problem>,
    /// `serve --observe`.
    pub observe_only: bool,
    /// What the self-audit knows to be wrong, for administrators: what, and what to do.
    pub findings: Vec<(String, String)>,
}

/// A step and its items.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// Which.
    pub id: StepId,
    /// What it is for, in the team's words.
    pub goal: String,
    /// Fine, needs you, ...
    pub state: StateView,
    /// A few words at the end of its line: `2 looked at today`, `checked 11:20`.
    pub note: Option<String>,
    /// Why it cannot be judged, when its state is unknown.
    pub unknown: Option<UnknownReason>,
    /// Open items; what needs somebody first.
    pub items: Vec<ItemView>,
    /// Open items that are not among `items`.
    pub hidden: usize,
    /// What else stands under it.
    pub body: StepBody,
}

/// What stands under a step besides its items.
#[derive(Debug, Clone, PartialEq)]
pub enum StepBody {
    /// Nothing.
    Items,
    /// The box in which anybody asks the one on duty.
    Ask,
    /// The gate and its button.
    Rollout(Box<GateView>),
}

/// How many items stand open under one step; more are one unfold away.
const SHOWN: usize = 8;

/// The whole page.
pub fn page(view: &TodayView, reader: &Reader<'_>) -> Markup {
    html! {
        (summary(view, reader))
        (notices(view))
        (handshake::lines(&view.handshakes, reader))
        @if view.process_version.is_none() {
            (parts::empty(
                "Here the team's own algorithm will stand, step by step, with what needs you now.",
                html! { p { "Write " code { "processes/" (reader.duty) ".yml" } " beside onduty.yml. onduty reads it as soon as it is saved." } },
                Some(EXAMPLE),
            ))
        } @else {
            ol id="steps" class="steps" aria-label="The process of this duty" {
                @for one in &view.steps { (step(one, reader)) }
            }
        }
        (latest(&view.latest, reader))
    }
}

const EXAMPLE: &str = "\
process: developers
steps:
  - id: main-green
    goal: Keep main green
    while: ci.branch(\"main\") == \"failing\"
    owner: suggest
    blocks: [rollout]";

/// The day in one look; replaced by its id.
pub fn summary(view: &TodayView, reader: &Reader<'_>) -> Markup {
    let shown = view.steps.iter().flat_map(|step| &step.items).filter(|item| item.item.needs_somebody()).count();
    let needs = shown + view.steps.iter().map(|step| step.hidden).sum::<usize>();
    let unknown = view.steps.iter().filter(|step| step.state == StateView::Unknown).count();
    let gate = view.steps.iter().find_map(|step| match &step.body {
        StepBody::Rollout(gate) => Some((gate, &step.id)),
        _ => None,
    });
    let pressable = gate.filter(|(gate, _)| matches!(gate.phase, GatePhase::Open { .. }));
    let (state, said) = match (needs, unknown, pressable) {
        _ if view.process_version.is_none() => (StateView::Waiting, "Nothing to do yet".to_owned()),
        (1.., ..) if view.mine => (
            StateView::NeedsYou,
            format!("{} you", if needs == 1 { "1 thing needs".to_owned() } else { format!("{needs} things need") }),
        ),
        (1.., ..) => (StateView::NeedsYou, count(needs, "open item")),
        (0, 1.., _) => (StateView::Unknown, format!("{} cannot be judged", count(unknown, "step"))),
        (0, 0, Some(_)) => (StateView::Fine, "All is well: it can go out".to_owned()),
        (0, 0, None) if view.mine => (StateView::Fine, "Nothing needs you".to_owned()),
        (0, 0, None) if view.steps.iter().any(|step| !step.items.is_empty()) => {
            (StateView::Waiting, "Nothing needs anybody now".to_owned())
        }
        (0, 0, None) => (StateView::Fine, "Nothing is open".to_owned()),
    };
    html! {
        header id="summary" class={ "summary " (state.class()) } {
            h1 { (icons::state(state)) span { (said) } }
            p class="dim" {
                time datetime=(reader.tell.today()) { (reader.tell.long_day(reader.tell.today())) }
                @if needs > 0 && unknown > 0 { " · " a href="#steps" { (count(unknown, "step")) " cannot be judged" } }
                @if let Some((gate, id)) = gate { " · " a href={ "#step-" (id) } { (gate.headline(&reader.tell)) } }
                @if let Some(version) = view.process_version { " · " a href={ "/process?duty=" (reader.duty) } { "process version " (version) } }
            }
        }
    }
}

fn notices(view: &TodayView) -> Markup {
    html! {
        @if view.observe_only {
            p class="notice" { (icons::state(StateView::Waiting)) " Only observing: everything is computed, nothing leaves. Start without " code { "--observe" } " to act; a store that came from a backup has to be confirmed first: " code { "onduty restore --confirm" } "." }
        }
        @if !view.findings.is_empty() {
            div class="notice warning" {
                p { (icons::state(StateView::NeedsYou)) " onduty looked at itself and found " (count(view.findings.len(), "broken promise")) ". Administrators see this." }
                ul { @for (what, todo) in &view.findings { li { (parts::text(&parts::sentence(what))) " " (parts::text(todo)) } } }
            }
        }
        @if let Some(first) = view.problems.first() {
            div class="notice warning" {
                p { (icons::state(StateView::NeedsYou)) " " (parts::text(&first.file)) " has " (count(view.problems.len(), "problem")) ". The last good version goes on." }
                ul { @for problem in view.problems.iter().take(5) { li { code { (problem.place.line) ":" (problem.place.column) } " " (parts::text(&problem.what)) "; " (parts::text(&problem.mend)) } } }
            }
        }
    }
}

/// One step with all that stands under it; replaced by its id.
pub fn step(view: &StepView, reader: &Reader<'_>) -> Markup {
    let (shown, folded) = view.items.split_at(view.items.len().min(SHOWN));
    let total = view.items.len() + view.hidden;
    html! {
        li id={ "step-" (view.id) } class={ "step " (view.state.class()) } {
            div class="step-line" data-nav[view.items.is_empty()] tabindex=[view.items.is_empty().then_some("-1")] {
                (icons::state(view.state))
                h2 class="goal" { bdi { (texts::visible(&view.goal)) } }
                @if total > 0 { span class="total" title=(count(total, "open item")) { (total) span class="unseen" { " open" } } }
                span class="note" {
                    @if let Some(note) = &view.note { (parts::text(note)) }
                }
                span class="word" {
                    @match &view.body {
                        StepBody::Rollout(gate) => (gate.word(&reader.tell)),
                        StepBody::Items | StepBody::Ask => (view.state.word()),
                    }
                }
            }
            @if let Some(reason) = &view.unknown {
                p class="why-unknown hatched" { (parts::said(&parts::sentence(&texts::unknown(reason, &reader.tell)))) " This is not taken for fine." }
            }
            @if !shown.is_empty() { ul class="items" data-list { @for item in shown { (items::row(item, true, reader)) } } }
            @if !folded.is_empty() {
                details class="fold" id={ "fold-" (view.id) } {
                    summary { (count(folded.len(), "more item")) }
                    ul class="items" data-list { @for item in folded { (items::row(item, false, reader)) } }
                }
            }
            @if view.hidden > 0 { p class="hidden-count dim" { (count(view.hidden, "further item")) " not shown here: the process limits this step. They count all the same." } }
            @match &view.body {
                StepBody::Items => {},
                StepBody::Ask => (ask_form(reader)),
                StepBody::Rollout(gate) => (gate::panel(gate, reader)),
            }
        }
    }
}

fn ask_form(reader: &Reader<'_>) -> Markup {
    let action = format!("/duty/{}/ask", reader.duty);
    parts::form(
        reader,
        &action,
        "one-line ask",
        html! {
            label for="ask" class="unseen" { "Ask the one on duty" }
            input id="ask" name="text" maxlength="2000" required autocomplete="off" placeholder="Ask the one on duty…";
            (parts::button("Ask", None, "small"))
        },
    )
}

/// The newest entries and a box for a note; replaced by its id.
pub fn latest(entries: &[LogLine], reader: &Reader<'_>) -> Markup {
    html! {
        section id="latest" class="latest" aria-labelledby="latest-title" {
            h2 id="latest-title" { a href={ "/log?duty=" (reader.duty) } { "Log book" } }
            @if entries.is_empty() {
                p class="dim" { "Nothing has happened yet. What people and the machine do is written here by itself." }
            } @else {
                ol class="log-lines" { @for line in entries { (parts::log_line(line, true, &reader.tell)) } }
            }
            (note_form(reader, None))
        }
    }
}

/// The box for a line in the log book, or for a correction of entry `corrects`.
pub fn note_form(reader: &Reader<'_>, corrects: Option<i64>) -> Markup {
    let action = format!("/duty/{}/note", reader.duty);
    parts::form(
        reader,
        &action,
        "one-line note",
        html! {
            @if let Some(seq) = corrects { input type="hidden" name="corrects" value=(seq); }
            label for="note" class=[corrects.is_none().then_some("unseen")] {
                @if let Some(seq) = corrects { "Correct entry " (seq) "; it stays, and yours names it" } @else { "Write a note into the log book" }
            }
            input id="note" name="text" maxlength="4000" required autocomplete="off" placeholder="Write a note…" autofocus[corrects.is_some()];
            (parts::button("Write", None, "small"))
        },
    )
}
