//! *Rollout*: candidate, gate, button, live output and history on one page that is safe to leave open.

use super::gate::{self, GateView, OutputView};
use super::parts;
use super::{Reader, StateView};
use crate::texts;
use jiff::Timestamp;
use maud::{Markup, html};
use onduty_core::ids::Environment;
use onduty_core::signal::RolloutState;

/// The page of the button.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutPageView {
    /// One gate for each environment that the process rolls out to; none without a rollout step.
    pub gate: Option<GateView>,
    /// Newest first.
    pub history: Vec<RolloutView>,
    /// An older rollout whose output was asked for.
    pub output: Option<OutputView>,
}

/// A rollout that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutView {
    /// Its id.
    pub id: String,
    /// Where to.
    pub environment: Environment,
    /// What.
    pub revision: String,
    /// How far.
    pub state: RolloutState,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Who started it, as people write it.
    pub by: Option<String>,
    /// Pressed through onduty, or only seen.
    pub pressed: bool,
    /// Whether it is known what it did to response times.
    pub is_compared: bool,
    /// Where to look at it, outside.
    pub url: Option<String>,
}

impl RolloutView {
    /// Its state for people.
    pub fn shape(&self) -> StateView {
        match self.state {
            RolloutState::Requested | RolloutState::Running => StateView::Waiting,
            RolloutState::Succeeded => StateView::Fine,
            RolloutState::Failed => StateView::NeedsYou,
            RolloutState::Unknown => StateView::Unknown,
        }
    }

    /// Its state as one word.
    pub fn word(&self) -> &'static str {
        match self.state {
            RolloutState::Requested => "asked for",
            RolloutState::Running => "running",
            RolloutState::Succeeded => "arrived",
            RolloutState::Failed => "failed",
            RolloutState::Unknown => "unknown",
        }
    }
}

/// The whole page.
pub fn page(view: &RolloutPageView, reader: &Reader<'_>) -> Markup {
    html! {
        @match &view.gate {
            Some(gate) => {
                header id="rollout-head" class={ "summary " (gate.state().class()) } data-part {
                    h1 { (super::icons::state(gate.state())) span { bdi { (gate.headline(&reader.tell)) } } }
                }
                (gate::panel(gate, reader))
            }
            None => {
                h1 { "Rollout" }
                (parts::empty(
                    "Here the button will stand, with what would go out and every reason why not.",
                    html! { p { "Add a step with " code { "rollout: production" } " to the process, and a target to onduty.yml." } },
                    Some("  - id: rollout\n    goal: Give customers more happiness\n    once: shift\n    after: \"16:00\"\n    rollout: production"),
                ))
            }
        }
        @if let Some(output) = &view.output { section class="older-output" { h2 { "Output" } (gate::output(output, reader)) } }
        (history(&view.history, reader))
    }
}

/// What went out before; replaced by its id.
pub fn history(rollouts: &[RolloutView], reader: &Reader<'_>) -> Markup {
    html! {
        section id="rollouts" data-part {
            h2 class="part" { "History" }
            @if rollouts.is_empty() { p class="dim" { "Nothing has gone out yet that onduty knows of. Rollouts of your own pipeline appear here as well, once it tells." } } @else {
                table {
                    thead { tr { th scope="col" { "State" } th scope="col" { "Revision" } th scope="col" { "To" } th scope="col" { "Started" } th scope="col" { "Took" } th scope="col" { "By" } th scope="col" { "Look" } } }
                    tbody { @for rollout in rollouts { (row(rollout, reader)) } }
                }
            }
        }
    }
}

fn row(rollout: &RolloutView, reader: &Reader<'_>) -> Markup {
    html! {
        tr {
            td { span class={ "state " (rollout.shape().class()) } { (super::icons::state(rollout.shape())) span class="word" { (rollout.word()) } } }
            td { (parts::revision(&rollout.revision)) }
            td { (parts::text(rollout.environment.as_str())) }
            td { (parts::time(rollout.started_at, &reader.tell)) }
            td { @if let Some(end) = rollout.finished_at { (texts::duration(end.duration_since(rollout.started_at))) } @else { span class="dim" { "–" } } }
            td class="grow" {
                @if let Some(by) = &rollout.by { (parts::text(by)) } @else { span class="dim" { "not told" } }
                @if !rollout.pressed { span class="dim" { ", seen outside" } }
            }
            td {
                @if rollout.pressed { a href={ "/rollout?duty=" (reader.duty) "&output=" (rollout.id) } { "output" } }
                @if rollout.is_compared { " " a href=(super::performance::rollout_path(reader, &rollout.id)) { "performance" } }
                @if let Some(url) = &rollout.url { " " (parts::outside_link(url, "pipeline")) }
            }
        }
    }
}
