//! The gate and its button. Closed: every reason with what opens it. Open: what exactly goes out. Then the live output.

use super::parts::{self, sentence};
use super::{Reader, StateView, icons};
use crate::texts::{self, BlockerText, Telling, count, short_revision, visible};
use jiff::Timestamp;
use maud::{Markup, html};
use onduty_core::gate::Blocker;
use onduty_core::ids::Environment;
use onduty_core::signal::{Commit, Kind};
use std::collections::BTreeMap;

/// The gate of one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct GateView {
    /// Where to.
    pub environment: Environment,
    /// Closed, open, or a rollout under way.
    pub phase: GatePhase,
    /// What would go out, where known.
    pub candidate: Option<CandidateView>,
    /// Kinds of signals that are declared absent: named beside the button, not blocking.
    pub not_watched: Vec<Kind>,
    /// What a presser should know besides: "version 7 loosened main-green, approved by Omar".
    pub warnings: Vec<String>,
    /// Why this reader may not press, where that is so.
    pub not_allowed: Option<String>,
}

/// May we roll out?
#[derive(Debug, Clone, PartialEq)]
pub enum GatePhase {
    /// Every reason why not.
    Closed {
        /// In the order of the process; never empty.
        blockers: Vec<Blocker>,
        /// The rollout whose outcome a person has to tell, where there is one.
        unresolved: Option<UnresolvedView>,
    },
    /// The button can be pressed.
    Open {
        /// Hash over exactly what goes out; the press carries it.
        diff_hash: String,
    },
    /// Something goes out right now.
    Running(OutputView),
}

/// What would go out.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateView {
    /// In full.
    pub revision: String,
    /// What is out there now, where known.
    pub deployed: Option<String>,
    /// Newest first; `None` where the history is not known.
    pub commits: Option<Vec<Commit>>,
}

/// A rollout whose outcome nobody knows.
#[derive(Debug, Clone, PartialEq)]
pub struct UnresolvedView {
    /// The rollout's id.
    pub id: String,
    /// What.
    pub revision: String,
}

/// A rollout and what its target has said so far.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputView {
    /// The rollout's id.
    pub id: String,
    /// What.
    pub revision: String,
    /// When it was pressed.
    pub since: Timestamp,
    /// Who pressed it, as people write it.
    pub by: String,
    /// Standard output and errors, as they came.
    pub output: String,
    /// Whether more may come.
    pub live: bool,
}

impl GateView {
    /// The state of the step that holds the gate.
    pub fn state(&self) -> StateView {
        match &self.phase {
            GatePhase::Closed { unresolved: Some(_), .. } => StateView::NeedsYou,
            GatePhase::Closed { blockers, .. } => {
                let done = blockers.iter().any(|blocker| matches!(blocker, Blocker::AlreadyRolledOut { .. }));
                match (done, only_time(blockers)) {
                    (true, _) => StateView::Fine,
                    (false, true) => StateView::Waiting,
                    (false, false) => StateView::Blocked,
                }
            }
            GatePhase::Open { .. } => StateView::Fine,
            GatePhase::Running(_) => StateView::Waiting,
        }
    }

    /// The gate in a sentence: `The gate to production is closed, 3 reasons`.
    pub fn headline(&self, tell: &Telling<'_>) -> String {
        let environment = visible(self.environment.as_str());
        match &self.phase {
            GatePhase::Running(run) => format!("{} is going out to {environment}", short_revision(&run.revision)),
            _ => format!("The gate to {environment} is {}", self.word(tell)),
        }
    }

    /// The gate in a few words: `closed, 3 reasons`.
    pub fn word(&self, tell: &Telling<'_>) -> String {
        match &self.phase {
            GatePhase::Closed { blockers, .. } if only_time(blockers) => match blockers.first() {
                Some(Blocker::TooEarly { opens } | Blocker::OutsideShift { opens: Some(opens) }) => {
                    format!("closed until {}", tell.time(*opens))
                }
                _ => "closed for now".to_owned(),
            },
            GatePhase::Closed { blockers, .. } if self.state() == StateView::Fine && blockers.len() == 1 => {
                "went out".to_owned()
            }
            GatePhase::Closed { blockers, .. } => format!("closed, {}", count(blockers.len(), "reason")),
            GatePhase::Open { .. } => "open".to_owned(),
            GatePhase::Running(_) => "going out".to_owned(),
        }
    }
}

/// Whether nothing but the time of day holds the gate: no alarm, just not yet.
fn only_time(blockers: &[Blocker]) -> bool {
    let of_time = |blocker: &Blocker| {
        matches!(blocker, Blocker::TooEarly { .. } | Blocker::TooLate { .. } | Blocker::OutsideShift { .. })
    };
    blockers.iter().all(of_time)
}

/// The whole panel; replaced by its id.
pub fn panel(gate: &GateView, reader: &Reader<'_>) -> Markup {
    html! {
        div id="gate" class="gate" {
            @match &gate.phase {
                GatePhase::Closed { blockers, unresolved } => {
                    (closed(blockers, reader))
                    @if let Some(unresolved) = unresolved { (resolve_form(unresolved, reader)) }
                    @if let Some(candidate) = &gate.candidate { (candidate_summary("Would go out", candidate, reader)) }
                }
                GatePhase::Open { diff_hash } => (open(gate, diff_hash, reader)),
                GatePhase::Running(run) => (output(run, reader)),
            }
            @if !gate.not_watched.is_empty() {
                p class="gate-note" {
                    (parts::state(StateView::Off)) ": "
                    bdi { (texts::and(&gate.not_watched.iter().map(texts::feed_name).collect::<Vec<_>>())) }
                    ". Declared absent in onduty.yml; it does not hold the gate."
                }
            }
            @for warning in &gate.warnings { p class="gate-note warning" { (icons::state(StateView::NeedsYou)) " " (parts::text(warning)) } }
        }
    }
}

fn closed(blockers: &[Blocker], reader: &Reader<'_>) -> Markup {
    html! {
        ul class="blockers" aria-label="Why the gate is closed" {
            @for blocker in blockers {
                @let BlockerText { what, opens } = texts::blocker_parts(blocker, &reader.tell);
                li {
                    (icons::state(StateView::Blocked))
                    span class="blocker-what" {
                        @if let Some(step) = step_of(blocker) {
                            a href={ (parts::today_path(reader)) "#step-" (step) } { (parts::said(&sentence(&what))) }
                        } @else { (parts::said(&sentence(&what))) }
                    }
                    " " span class="blocker-opens" { "Opens " (parts::said(&opens)) "." }
                }
            }
        }
    }
}

fn step_of(blocker: &Blocker) -> Option<&onduty_core::ids::StepId> {
    match blocker {
        Blocker::StepOpen { step, .. } | Blocker::StepUnknown { step, .. } => Some(step),
        _ => None,
    }
}

fn open(gate: &GateView, diff_hash: &str, reader: &Reader<'_>) -> Markup {
    let Some(candidate) = &gate.candidate else {
        return html! { p { "The gate is open, but what would go out is not known." } };
    };
    let short = short_revision(&candidate.revision);
    let environment = visible(gate.environment.as_str());
    html! {
        (candidate_summary("Goes out", candidate, reader))
        @if let Some(reason) = &gate.not_allowed {
            p class="gate-note" { "You cannot press the button: " (parts::text(reason)) }
        } @else {
            (parts::form(reader, &format!("/duty/{}/rollout", reader.duty), "roll-out", html! {
                input type="hidden" name="environment" value=(gate.environment);
                input type="hidden" name="revision" value=(candidate.revision);
                input type="hidden" name="diff_hash" value=(diff_hash);
                label for="confirm" { "Type " code { (short) } " to be sure" }
                input id="confirm" name="confirm" required autocomplete="off" autocapitalize="none" spellcheck="false"
                    size="12" pattern=(short) title={ "the revision that goes out: " (short) };
                button type="submit" class="button go" data-hold=(short) {
                    span class="go-label" { "Roll out " (short) " to " bdi { (environment) } }
                }
                span class="dim hold-hint" hidden { "or hold the button" }
            }))
        }
    }
}

/// Revision, number of commits and people; the list on demand.
fn candidate_summary(verb: &str, candidate: &CandidateView, reader: &Reader<'_>) -> Markup {
    let people = candidate.commits.as_deref().map(authors).unwrap_or_default();
    html! {
        div class="candidate-out" {
            p {
                span class="label" { (verb) } " " (parts::revision(&candidate.revision))
                @match (&candidate.commits, &candidate.deployed) {
                    (Some(commits), deployed) => {
                        ": " strong { (count(commits.len(), "commit")) } " by " strong { (people_words(people.len())) }
                        @if let Some(deployed) = deployed { span class="dim" { " since " (parts::revision(deployed)) ", which is out there now" } }
                    }
                    (None, Some(deployed)) => {
                        span class="dim" { ". The way there from " (parts::revision(deployed)) ", which is out there now, is not in the history that onduty knows" }
                    }
                    (None, None) => {
                        span class="dim" { ". onduty knows of no rollout before this one, so it cannot tell which commits are new" }
                    }
                }
            }
            @if let Some(commits) = candidate.commits.as_deref().filter(|commits| !commits.is_empty()) {
                details id="what-goes-out" {
                    summary { "Show what goes out" }
                    p class="faces" {
                        @for (name, number) in people.iter().take(30) { span class="person" title=(count(*number, "commit")) { (parts::face(name)) bdi { (name) } } }
                        @if people.len() > 30 { span class="dim" { "and " (people.len() - 30) " more" } }
                    }
                    div class="scroll" tabindex="0" role="region" aria-label="Commits that go out" {
                        table class="commits" {
                            thead { tr { th scope="col" { "Commit" } th scope="col" { "What" } th scope="col" { "Who" } th scope="col" { "When" } } }
                            tbody {
                                @for commit in commits.iter().take(200) {
                                    tr {
                                        td { (parts::revision(&commit.revision)) }
                                        td class="grow" { (parts::text(&commit.title)) }
                                        td { (parts::text(&commit.author_name)) }
                                        td { (parts::time(commit.committed_at, &reader.tell)) }
                                    }
                                }
                            }
                        }
                    }
                    @if commits.len() > 200 { p class="dim" { "and " (count(commits.len() - 200, "older commit")) } }
                }
            }
        }
    }
}

fn people_words(number: usize) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{} people", texts::human_number(number as u64)) }
}

/// Names and their numbers of commits, by name: nobody is ranked here.
fn authors(commits: &[Commit]) -> Vec<(String, usize)> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for commit in commits {
        *names.entry(visible(&commit.author_name)).or_default() += 1;
    }
    names.into_iter().collect()
}

/// A rollout and its output; the `pre` has an id of its own, to which the live stream appends.
pub fn output(run: &OutputView, reader: &Reader<'_>) -> Markup {
    html! {
        div class="run" {
            p {
                @if run.live { (icons::state(StateView::Waiting)) " " }
                (parts::revision(&run.revision))
                @if run.live { " is going out for " (parts::age(run.since, &reader.tell)) } @else { " went out at " (parts::time(run.since, &reader.tell)) }
                ", pressed by " (parts::text(&run.by)) "."
                @if run.live { span class="dim" { " You can leave this page; it goes on." } }
            }
            pre id={ "output-" (run.id) } class="output" tabindex="0" role="log" aria-label="Output of the rollout" { (texts::visible_lines(&run.output)) }
        }
    }
}

fn resolve_form(unresolved: &UnresolvedView, reader: &Reader<'_>) -> Markup {
    let action = format!("/duty/{}/rollouts/{}/resolve", reader.duty, unresolved.id);
    html! {
        div class="resolve" {
            p { "Look at the environment: did " (parts::revision(&unresolved.revision)) " arrive? onduty never runs it again by itself." }
            (parts::press(reader, &action, "It arrived", None, "", &[("state", "succeeded")]))
            (parts::press(reader, &action, "It did not", None, "", &[("state", "failed")]))
        }
    }
}
