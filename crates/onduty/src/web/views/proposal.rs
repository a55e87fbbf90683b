//! *Plan*, before it counts: what a new one would change, and how good it is.

use super::{Reader, StateView, icons, parts};
use crate::texts;
use jiff::civil::Date;
use maud::{Markup, html};
use onduty_core::ids::EngineerId;

/// Moved days of a proposal that are named.
const MOVED_SHOWN: usize = 40;

/// What a new plan would change.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalView {
    /// Its first and last day.
    pub days: (Date, Date),
    /// What names it.
    pub digest: String,
    /// One for each duty that changes.
    pub duties: Vec<DutyProposalView>,
    /// What it is like, as sentences.
    pub quality: Vec<String>,
    /// Why there is none.
    pub refused: Option<String>,
}

/// What a new plan would change for one duty.
#[derive(Debug, Clone, PartialEq)]
pub struct DutyProposalView {
    /// As people write it.
    pub name: String,
    /// Days with somebody.
    pub shifts: usize,
    /// Days that people count on and that move: day, who serves, who would.
    pub moved: Vec<(Date, Option<EngineerId>, Option<EngineerId>)>,
    /// The last day that people count on.
    pub relied_on_until: Date,
    /// Days that nobody would serve, with the reasons and what would help.
    pub uncovered: Vec<(Date, Vec<String>)>,
    /// Who would be beside whom, as sentences.
    pub beside: Vec<String>,
}

/// The page of a proposal.
pub fn page(view: &ProposalView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let back = format!("/plan?duty={}", reader.duty);
    html! {
        div class="proposal" {
            header class="summary" {
                h1 { span { "A plan until " time datetime=(view.days.1) { (tell.long_day(view.days.1)) } } }
                p class="dim" { "Nothing has changed yet. It counts, and everybody whose day moves is told, once it is published." }
            }
            @if let Some(refused) = &view.refused { p { (parts::said(&parts::sentence(refused))) } }
            @for duty in &view.duties { (duty_proposal(duty, view, reader)) }
            @if view.refused.is_none() {
                section aria-labelledby="quality-title" {
                    h2 id="quality-title" { "How good it is" }
                    ul class="means" { @for sentence in &view.quality { li { (parts::said(sentence)) } } }
                }
                (parts::press(reader, &format!("/duty/{}/plan/publish", reader.duty), "Publish it", None, "go", &[("until", &view.days.1.to_string()), ("digest", &view.digest)]))
            }
            p { a href=(back) { "Back to the plan" } }
        }
    }
}

fn duty_proposal(duty: &DutyProposalView, view: &ProposalView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        section {
            h2 { (parts::text(&duty.name)) }
            p {
                (texts::count(duty.shifts, "day")) " from " time datetime=(view.days.0) { (tell.day(view.days.0)) } ". "
                @if duty.moved.is_empty() { "Nothing moves that people count on until " } @else { (texts::count(duty.moved.len(), "day")) " would move of those that people count on until " }
                time datetime=(duty.relied_on_until) { (tell.day(duty.relied_on_until)) } "."
            }
            @if !duty.uncovered.is_empty() {
                h3 { (icons::state(StateView::NeedsYou)) " " (texts::count(duty.uncovered.len(), "day")) " without anybody" }
                ul class="uncovered" { @for (day, why) in &duty.uncovered { li { strong { (tell.day(*day)) } ul { @for sentence in why { li { (parts::said(sentence)) } } } } } }
            }
            @if !duty.moved.is_empty() {
                table class="moved-days" {
                    thead { tr { th scope="col" { "Day" } th scope="col" { "Until now" } th scope="col" { "Then" } } }
                    tbody {
                        @for (day, was, is) in duty.moved.iter().take(MOVED_SHOWN) {
                            tr { th scope="row" { time datetime=(day) { (tell.day(*day)) } } td { (parts::somebody(was.as_ref(), reader)) } td { (parts::somebody(is.as_ref(), reader)) } }
                        }
                    }
                }
                @if duty.moved.len() > MOVED_SHOWN { p class="dim" { "… and " (texts::count(duty.moved.len() - MOVED_SHOWN, "more day")) "." } }
            }
            @if !duty.beside.is_empty() {
                h3 { "Beside each other" }
                ul class="means" { @for sentence in duty.beside.iter().take(MOVED_SHOWN) { li { (parts::said(sentence)) } } }
                @if duty.beside.len() > MOVED_SHOWN { p class="dim" { "… and " (texts::count(duty.beside.len() - MOVED_SHOWN, "more day")) "." } }
            }
        }
    }
}
