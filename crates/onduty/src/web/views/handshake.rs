//! *Handshake*: what is open on both sides of a morning, what is agreed, and what waits for an answer.

use super::gate::GateView;
use super::items::ItemView;
use super::parts::{self, item_path};
use super::{Reader, StateView, icons};
use crate::texts::{self, count};
use jiff::Timestamp;
use maud::{Markup, html};
use onduty_core::handshake::{Handshake, Proposal, Proposed};
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::item::{HandedOver, Why};

/// Items of one side that are listed.
const SHOWN: usize = 20;

/// The page.
#[derive(Debug, Clone, PartialEq)]
pub struct HandshakeView {
    /// The reader's duty.
    pub ours: SideView,
    /// Those with which it shakes hands, in the order of the roster.
    pub others: Vec<OtherView>,
}

/// One duty as the other sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SideView {
    /// Which.
    pub duty: DutyId,
    /// Who is on duty, and until when.
    pub on_duty: Option<(EngineerId, Timestamp)>,
    /// Open items; what needs somebody first.
    pub items: Vec<ItemView>,
    /// Its first gate.
    pub gate: Option<GateView>,
    /// Steps that cannot be judged.
    pub unknown: usize,
    /// Whether it has a process.
    pub has_process: bool,
}

/// Another duty.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherView {
    /// What is open there.
    pub side: SideView,
    /// What is between the two.
    pub with: WithView,
}

/// What is between this duty and another one.
#[derive(Debug, Clone, PartialEq)]
pub struct WithView {
    /// The other.
    pub duty: DutyId,
    /// The handshake of this shift.
    pub handshake: Option<Handshake>,
    /// What waits for an answer, oldest first.
    pub proposals: Vec<(String, Proposal)>,
}

impl WithView {
    /// What waits for this side.
    fn to_answer(&self, own: &DutyId) -> usize {
        self.proposals.iter().filter(|(_, proposal)| proposal.to == *own).count()
    }
}

/// The lines on *Today*, one for each other duty; replaced by its id.
pub fn lines(all: &[WithView], reader: &Reader<'_>) -> Markup {
    html! {
        @if !all.is_empty() {
            section id="handshake" class="handshake" aria-label="Handshake with other duties" {
                @for with in all { div class="handshake-line" { (hands(with, reader)) p { a href={ "/handshake?duty=" (reader.duty) "#with-" (with.duty) } { "See both sides" } } } }
            }
        }
    }
}

/// How far the handshake is, and the button.
fn hands(with: &WithView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let other = tell.duty_name(&with.duty);
    let (ours, theirs) =
        with.handshake.as_ref().map_or((None, None), |known| (known.ours.as_ref(), known.theirs.as_ref()));
    let waiting = with.to_answer(reader.duty);
    let state = match (ours, theirs) {
        _ if waiting > 0 => StateView::NeedsYou,
        (Some(_), Some(_)) => StateView::Fine,
        (None, Some(_)) => StateView::NeedsYou,
        _ => StateView::Waiting,
    };
    html! {
        p class={ "toned " (state.class()) } {
            (icons::state(state)) " "
            @match (ours, theirs) {
                (Some(ours), Some(theirs)) => { bdi { (tell.first_name(&ours.by)) } " and " bdi { (tell.first_name(&theirs.by)) } " of " bdi { (other) } " shook hands at " (parts::clock(ours.at.max(theirs.at), tell)) }
                (Some(ours), None) => { bdi { (tell.first_name(&ours.by)) } " holds out a hand to " bdi { (other) } " since " (parts::clock(ours.at, tell)) }
                (None, Some(theirs)) => { bdi { (tell.name(&theirs.by)) } " of " bdi { (other) } " holds out a hand since " (parts::clock(theirs.at, tell)) }
                (None, None) => { "No handshake with " bdi { (other) } " yet today" }
            }
            @if waiting > 0 { " · " (count(waiting, "proposal")) " for you to answer" }
        }
        @if ours.is_none() {
            (parts::press(reader, &format!("/duty/{}/handshake/{}", reader.duty, with.duty), "Shake hands", None, "small", &[]))
        }
    }
}

/// The page.
pub fn page(view: &HandshakeView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        header class="summary" {
            h1 { span { "Handshake" } }
            p class="dim" { time datetime=(tell.today()) { (tell.long_day(tell.today())) } " · what is open on both sides, what you do together, and who has what" }
        }
        @if view.others.is_empty() {
            (parts::empty(
                "Here both duties of a morning will see each other's open items, agree on what they do together, and hand items over.",
                html! { p { "Say in roster.yml with which other duty this one shakes hands." } },
                Some("duties:\n  developers:\n    handshake: devops"),
            ))
        }
        @for other in &view.others {
            section id={ "with-" (other.side.duty) } class="with" aria-labelledby={ "title-" (other.side.duty) } {
                h2 id={ "title-" (other.side.duty) } { "With " bdi { (tell.duty_name(&other.side.duty)) } }
                div class="handshake-line" { (hands(&other.with, reader)) }
                (proposals(&other.with, reader))
                (parts::form(reader, &format!("/duty/{}/proposals", reader.duty), "one-line", html! {
                    input type="hidden" name="to" value=(other.side.duty);
                    label for={ "pair-" (other.side.duty) } { "Do together" }
                    input id={ "pair-" (other.side.duty) } name="text" maxlength="2000" required autocomplete="off" placeholder="What the two of you will do today…";
                    (parts::button("Propose", None, "small"))
                }))
                div class="two-sides" {
                    (side(&view.ours, Some(&other.with), reader))
                    (side(&other.side, None, reader))
                }
            }
        }
    }
}

fn proposals(with: &WithView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let path = |id: &str, answer: &str| format!("/duty/{}/proposals/{id}/{answer}", reader.duty);
    html! {
        @if !with.proposals.is_empty() {
            ul class="proposals" {
                @for (id, proposal) in &with.proposals {
                    @let to_us = proposal.to == *reader.duty;
                    @let state = if to_us { StateView::NeedsYou } else { StateView::Waiting };
                    li {
                        p class={ "toned " (state.class()) } {
                            (icons::state(state)) " "
                            bdi { (tell.name(&proposal.by)) } " of " bdi { (tell.duty_name(&proposal.from)) } " proposes "
                            @match &proposal.what {
                                Proposed::PairTask { .. } => bdi { (texts::handshake::proposed(&proposal.what)) },
                                Proposed::HandOver { item, .. } => a href=(item_path(item)) { bdi { (texts::handshake::proposed(&proposal.what)) } },
                            }
                            span class="dim" { ", " (parts::time(proposal.at, tell)) }
                        }
                        div class="acts" {
                            @if to_us {
                                (parts::press(reader, &path(id, "agree"), match proposal.what { Proposed::PairTask { .. } => "Agree", Proposed::HandOver { .. } => "Take it over" }, None, "small", &[]))
                                (parts::press(reader, &path(id, "decline"), "Decline", None, "small quiet", &[]))
                            } @else {
                                (parts::press(reader, &path(id, "decline"), "Take it back", None, "small quiet", &[]))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is open on one side; with the other, one's own items can be handed over.
fn side(view: &SideView, to: Option<&WithView>, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        div class="side" {
            h3 { bdi { (tell.duty_name(&view.duty)) } }
            p class="dim" {
                @match &view.on_duty {
                    Some((engineer, until)) => { (parts::person(engineer, tell)) " is on duty until " (parts::time(*until, tell)) }
                    None => { "Nobody is on duty" }
                }
                @if let Some(gate) = &view.gate { " · " (gate.headline(tell)) }
            }
            @if !view.has_process { p class="dim" { "There is no process for this duty yet, so that nothing is known of it." } }
            @else if view.unknown > 0 { p class="toned unknown" { (icons::state(StateView::Unknown)) " " (count(view.unknown, "step")) " cannot be judged" } }
            @else if view.items.is_empty() { p class="toned fine" { (icons::state(StateView::Fine)) " Nothing is open" } }
            ul class="side-items" { @for item in view.items.iter().take(SHOWN) { li { (line(item, to, reader)) } } }
            @if view.items.len() > SHOWN { p class="dim" { "… and " (count(view.items.len() - SHOWN, "more item")) "." } }
        }
    }
}

fn line(view: &ItemView, to: Option<&WithView>, reader: &Reader<'_>) -> Markup {
    let (item, tell) = (&view.item, &reader.tell);
    let is_own =
        !matches!(item.why, Why::More { .. } | Why::Baseline { .. } | Why::Paired { .. } | Why::HandedOver { .. });
    let is_proposed = |with: &WithView| {
        with.proposals
            .iter()
            .any(|(_, known)| matches!(&known.what, Proposed::HandOver { item: of, .. } if *of == item.id))
    };
    html! {
        p class={ "toned " (view.state().class()) } {
            (icons::state(view.state())) " "
            a href=(item_path(&item.id)) { bdi { (view.title()) } }
            " " span class="since" { "open for " (parts::age(item.opened_at, tell)) }
            @if let Some(to) = &item.handed_over { " · " (held_there(to, reader)) }
            @else if let Some(taken) = &item.taken { " · " bdi { (tell.first_name(&taken.by)) } " drives it" }
        }
        @if let Some(with) = to.filter(|with| is_own && item.handed_over.is_none() && !is_proposed(with)) {
            (parts::press(reader, &format!("/duty/{}/proposals", reader.duty), "Hand over", None, "small quiet", &[("to", with.duty.as_str()), ("item", item.id.as_str())]))
        }
    }
}

/// Which other duty has an item in hand.
pub fn held_there(to: &HandedOver, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! { a href=(item_path(&to.item)) { bdi { (tell.duty_name(&to.to)) } } " has it; " bdi { (tell.first_name(&to.engineer)) } " took it over " (parts::time(to.at, tell)) }
}
