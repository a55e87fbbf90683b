//! *Process*: the algorithm set like a page of a book, its source beside it with line numbers, and its versions.

use super::parts;
use super::{Reader, StateView};
use crate::texts::{self, count};
use jiff::Timestamp;
use jiff::civil::Time;
use maud::{Markup, html};
use onduty_core::files::Problem;
use onduty_core::ids::{EngineerId, StepId};
use onduty_core::process::{Check, List, Occasion, OwnerMode, Period, Process, Step, StepKind, Times, Work};

/// The page of a duty's process.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessPageView {
    /// `processes/developers.yml`
    pub file: String,
    /// The version that runs and the file as it was; `None` before there is one.
    pub active: Option<ActiveProcess>,
    /// What is wrong with the file as it is now; the active version goes on.
    pub problems: Vec<Problem>,
    /// Every version, newest first.
    pub versions: Vec<VersionView>,
}

/// The version that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveProcess {
    /// Its number.
    pub version: u32,
    /// From top to bottom.
    pub steps: Vec<ProcessStepView>,
    /// Name and lines, in the order of the file or by name.
    pub checklists: Vec<(String, Vec<String>)>,
    /// The file as it was.
    pub source: String,
}

/// A step as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessStepView {
    /// Which.
    pub id: StepId,
    /// What it is for.
    pub goal: String,
    /// What opens an item.
    pub opens: OpensView,
    /// When in the day.
    pub times: Times,
    /// Who does the work.
    pub work: Work,
    /// What happens about the owner.
    pub owner: OwnerMode,
    /// Name of its checklist.
    pub checklist: Option<String>,
    /// Whether it holds the rollout.
    pub blocks: bool,
    /// How many minutes it should take.
    pub expects_minutes: Option<u32>,
    /// How many items are shown.
    pub limit: Option<usize>,
    /// Who is told when nobody takes an item in time: after how long, and who.
    pub escalates: Option<(jiff::SignedDuration, String)>,
    /// Where it starts in the source, from 1.
    pub line: u32,
    /// How it stands now.
    pub state: StateView,
    /// How many items it has open now.
    pub open: usize,
}

/// What opens an item, with its expression as written.
#[derive(Debug, Clone, PartialEq)]
pub enum OpensView {
    /// `while: …`
    While(String),
    /// `each: … in …` and `where: …`
    Each {
        /// The name of a subject.
        variable: String,
        /// Which list.
        list: List,
        /// The filter.
        filter: Option<String>,
    },
    /// `once: …`
    Once(Period),
    /// `every: …`
    Every(Occasion),
}

/// A version of the process.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionView {
    /// Its number.
    pub version: u32,
    /// When it took effect.
    pub at: Timestamp,
    /// Who changed it; `None` when the file was simply there.
    pub by: Option<EngineerId>,
    /// Why.
    pub reason: String,
    /// What changed.
    pub changes: Vec<String>,
}

impl ActiveProcess {
    /// `process` as a page; `standing` gives each step's state and number of open items now.
    pub fn of(
        process: &Process,
        version: u32,
        source: String,
        standing: impl Fn(&StepId) -> (StateView, usize),
    ) -> ActiveProcess {
        let steps = process.steps.iter().map(|step| ProcessStepView::of(step, standing(&step.id))).collect();
        let checklists = process.checklists.iter().map(|(name, lines)| (name.clone(), lines.clone())).collect();
        ActiveProcess { version, steps, checklists, source }
    }
}

impl ProcessStepView {
    /// `step` as it is read, and how it stands now.
    pub fn of(step: &Step, (state, open): (StateView, usize)) -> ProcessStepView {
        let opens = match &step.kind {
            StepKind::While(condition) => OpensView::While(condition.source().to_owned()),
            StepKind::Each { variable, list, filter } => OpensView::Each {
                variable: variable.clone(),
                list: list.clone(),
                filter: filter.as_ref().map(|filter| filter.source().to_owned()),
            },
            StepKind::Once(period) => OpensView::Once(*period),
            StepKind::Every(occasion) => OpensView::Every(*occasion),
        };
        ProcessStepView {
            id: step.id.clone(),
            goal: step.goal.clone(),
            opens,
            times: step.times.clone(),
            work: step.work.clone(),
            owner: step.owner,
            checklist: step.checklist.clone(),
            blocks: step.blocks_rollout,
            expects_minutes: step.expects_minutes,
            limit: step.limit,
            escalates: step.escalate.as_ref().map(|escalation| (escalation.after, escalation.to.clone())),
            line: step.place.line,
            state,
            open,
        }
    }
}

/// The whole page.
pub fn page(view: &ProcessPageView, reader: &Reader<'_>) -> Markup {
    html! {
        (problems(&view.problems, view.active.as_ref()))
        @match &view.active {
            None => {
                h1 { "Process" }
                (parts::empty(
                    "Here the algorithm of this duty will stand like a page of a book, with the state of each step and its source beside it.",
                    html! { p { "Write " code { (texts::visible(&view.file)) } " and save it; " code { "onduty check" } " says what it thinks of it." } },
                    Some("process: developers\nsteps:\n  - id: main-green\n    goal: Keep main green\n    while: ci.branch(\"main\") == \"failing\"\n    blocks: [rollout]"),
                ))
            }
            Some(active) => {
                div class="columns book-page" {
                    div class="main-column book" { (book(active, view, reader)) }
                    section class="side-column source-column" aria-labelledby="source-title" { (source(&active.source, &view.file)) }
                }
            }
        }
        (versions(view, reader))
    }
}

fn problems(problems: &[Problem], active: Option<&ActiveProcess>) -> Markup {
    html! {
        @if !problems.is_empty() {
            section class="notice warning" {
                p {
                    (super::icons::state(StateView::NeedsYou)) " The file on disk has " (count(problems.len(), "problem")) ". "
                    @if let Some(active) = active { "Version " (active.version) " goes on until they are mended." } @else { "Nothing runs until they are mended." }
                }
                ul { @for problem in problems { li { code { (parts::text(&problem.file)) ":" (problem.place.line) ":" (problem.place.column) } " " (parts::text(&problem.what)) "; " (parts::text(&problem.mend)) } } }
            }
        }
    }
}

fn book(active: &ActiveProcess, view: &ProcessPageView, reader: &Reader<'_>) -> Markup {
    let since = view.versions.iter().find(|version| version.version == active.version);
    html! {
        header class="book-head" {
            h1 { "The day of " (parts::text(reader.duty.as_str())) }
            p class="dim" {
                "Version " (active.version)
                @if let Some(since) = since { " · since " (parts::time(since.at, &reader.tell)) @if let Some(by) = &since.by { " · by " bdi { (reader.tell.name(by)) } } }
                " · " (count(active.steps.len(), "step"))
            }
        }
        @if active.steps.iter().any(|step| step.owner != OwnerMode::None) {
            p { a href={ "/suggestions?duty=" (reader.duty) } { "How often suggestions were right" } }
        }
        ol class="chapters" { @for step in &active.steps { (chapter(step, reader)) } }
        @if !active.checklists.is_empty() {
            h2 class="part" { "Checklists" }
            @for (name, lines) in &active.checklists {
                section class="checklist-page" id={ "checklist-" (name) } {
                    h3 { (parts::text(name)) }
                    ol { @for line in lines { li { (parts::text(line)) } } }
                }
            }
        }
    }
}

fn chapter(step: &ProcessStepView, reader: &Reader<'_>) -> Markup {
    html! {
        li id={ "chapter-" (step.id) } class={ "chapter " (step.state.class()) } data-part {
            div class="chapter-head" {
                h2 { bdi { (texts::visible(&step.goal)) } }
                a class="chapter-state" href={ (parts::today_path(reader)) "#step-" (step.id) } { (parts::state(step.state)) @if step.open > 0 { " " (step.open) } }
            }
            p { (opens_words(step)) (times_words(&step.times)) @if cel_of(&step.opens).is_some() { ":" } @else { "." } }
            @if let Some(cel) = cel_of(&step.opens) { pre class="cel" tabindex="0" { code { (texts::visible_lines(cel)) } } }
            ul class="terms" {
                @if let Some(name) = &step.checklist { li { "A person follows " a href={ "#checklist-" (name) } { (parts::text(name)) } "." } }
                @match &step.work {
                    Work::Person => {}
                    Work::Check(Check::Performance) => li { "The machine compares response times before and after, and ticks it or opens an item for each endpoint." },
                    Work::Rollout(environment) => li { "A person presses the button when the gate is open; the machine rolls out to " (parts::text(environment.as_str())) "." },
                }
                @match step.owner {
                    OwnerMode::None => {}
                    OwnerMode::Suggest => li { "onduty suggests who knows the cause best; a person decides." },
                    OwnerMode::Auto { percent } => li { "onduty names who knows the cause best as its owner, and tells the tracker, where it is at least " (percent) " % sure; elsewhere it suggests, and a person decides." },
                    OwnerMode::WriteBack => li { "onduty suggests who knows the cause best; once a person accepts, the tracker is told." },
                }
                @if step.blocks { li { strong { "Holds the rollout" } " while something is open, and while it cannot be judged." } }
                @if let Some((after, to)) = &step.escalates { li { "If nobody takes it within " (texts::duration(*after)) ", " (parts::text(to)) " is told." } }
                @if let Some(minutes) = step.expects_minutes { li { "Should take about " (minutes) " min." } }
                @if let Some(limit) = step.limit { li { "Shows " (limit) " at a time; the rest counts all the same." } }
            }
            p class="dim place" { code { (step.id) } " · " a href={ "#L" (step.line) } { "line " (step.line) } }
        }
    }
}

fn cel_of(opens: &OpensView) -> Option<&str> {
    match opens {
        OpensView::While(condition) => Some(condition),
        OpensView::Each { filter, .. } => filter.as_deref(),
        OpensView::Once(_) | OpensView::Every(_) => None,
    }
}

fn opens_words(step: &ProcessStepView) -> Markup {
    html! {
        @match &step.opens {
            OpensView::While(_) => "There is something to do while this holds",
            OpensView::Each { variable, list, filter } => {
                "For each " em { (texts::visible(variable)) } " among the " (list_words(list)) @if filter.is_some() { " for which this holds" }
            }
            OpensView::Once(Period::Shift) => "Once in each shift",
            OpensView::Once(Period::Day) => "Once on each day that is served",
            OpensView::Once(Period::Week) => "Once a week, on its first served day",
            OpensView::Every(Occasion::Rollout) => "After every rollout that arrived",
            OpensView::Every(Occasion::Duration(length)) => { "Every " (texts::duration(*length)) " within a shift" }
        }
    }
}

fn list_words(list: &List) -> String {
    match list {
        List::Errors => "errors".to_owned(),
        List::Builds => "builds".to_owned(),
        List::Rollouts => "rollouts".to_owned(),
        List::Endpoints => "endpoints".to_owned(),
        List::Commits => "commits that would go out".to_owned(),
        List::Custom(kind) => format!("signals called {}", texts::visible(kind)),
    }
}

fn times_words(times: &Times) -> String {
    let clock = |time: &Time| time.strftime("%H:%M").to_string();
    let at: Vec<String> = times.at.iter().map(clock).collect();
    let mut said = Vec::new();
    said.extend(times.after.as_ref().map(|time| format!("not before {}", clock(time))));
    said.extend(times.before.as_ref().map(|time| format!("not after {}", clock(time))));
    said.extend((!at.is_empty()).then(|| format!("at {}", texts::and(&at))));
    let said = texts::and(&said);
    if said.is_empty() { said } else { format!(", {said}") }
}

fn source(source: &str, file: &str) -> Markup {
    html! {
        h2 id="source-title" { code { (texts::visible(file)) } }
        ol class="source" tabindex="0" aria-label="Source" {
            @for (index, line) in source.lines().enumerate() {
                li id={ "L" (index + 1) } { (source_line(line)) }
            }
        }
    }
}

/// A line of YAML: what is quiet (comments) and what is loud (keys) at a glance; no more colour than that.
fn source_line(line: &str) -> Markup {
    let line = texts::visible(line);
    if line.trim_start().starts_with('#') {
        return html! { code class="comment" { (line) } };
    }
    let quoted = line.trim_start_matches([' ', '-']).starts_with(['"', '\'']);
    let key_end = line.find(": ").map(|at| at + 1).or(line.ends_with(':').then_some(line.len())).filter(|_| !quoted);
    match key_end {
        Some(end) => {
            let (key, rest) = line.split_at(end);
            html! { code { span class="key" { (key) } (rest) } }
        }
        None => html! { code { (line) @if line.is_empty() { " " } } },
    }
}

fn versions(view: &ProcessPageView, reader: &Reader<'_>) -> Markup {
    html! {
        @if !view.versions.is_empty() {
            section class="versions" {
                h2 class="part" { "Versions" }
                table {
                    thead { tr { th scope="col" { "Version" } th scope="col" { "Since" } th scope="col" { "By" } th scope="col" { "Why and what" } } }
                    tbody {
                        @for version in &view.versions {
                            tr {
                                td { strong { (version.version) } }
                                td { (parts::time(version.at, &reader.tell)) }
                                td { @if let Some(by) = &version.by { bdi { (reader.tell.name(by)) } } @else { span class="dim" { "the file" } } }
                                td class="grow" {
                                    (parts::clamped(&version.reason))
                                    @if !version.changes.is_empty() { ul class="changes" { @for change in &version.changes { li { (parts::text(change)) } } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
