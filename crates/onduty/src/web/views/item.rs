//! One item with everything known of it: why, history, checklist, evidence, people, conclusion.

use super::items::{self, ItemView};
use super::parts;
use super::{Reader, StateView};
use crate::texts::{self, LogLine, count, human_number};
use maud::{Markup, html};
use onduty_core::ids::EngineerId;
use onduty_core::item::{ItemState, SeenValue, Why};
use onduty_core::owner::{self, WhyNot};
use onduty_core::process::OwnerMode;
use onduty_core::signal::{Build, ErrorGroup, Fact, Frame};

/// The page of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemPageView {
    /// The item.
    pub item: ItemView,
    /// Whether it holds the rollout while it is open.
    pub blocks: bool,
    /// Its entries of the log book, oldest first.
    pub history: Vec<LogLine>,
    /// Earlier items of the same subject under the same step, newest first.
    pub earlier: Vec<ItemView>,
    /// Somebody who asks why they are not proposed as owner.
    pub asked_about: Option<EngineerId>,
}

/// The whole page.
pub fn page(view: &ItemPageView, reader: &Reader<'_>) -> Markup {
    let (item, tell) = (&view.item.item, &reader.tell);
    let state = match &item.state {
        ItemState::Closed { .. } => "closed",
        ItemState::Snoozed { .. } => "snoozed",
        ItemState::Open if item.conclusion.is_some() => "investigated",
        ItemState::Open if item.handed_over.is_some() => "handed over",
        ItemState::Open => "needs somebody",
    };
    html! {
        article id={ "item-" (item.id) } class="item-page" data-nav tabindex="-1" {
            header id="item-head" class={ "summary " (view.item.state().class()) } data-part {
                p class="crumb" { a href=(parts::today_path(reader)) { "Today" } " › " a href={ (parts::today_path(reader)) "#step-" (item.step) } { bdi { (texts::visible(&view.item.goal)) } } }
                h1 dir="auto" { (super::icons::state(view.item.state())) (parts::clamped(&view.item.title())) }
                p class="dim" {
                    strong class={ "state " (view.item.state().class()) } { (state) }
                    " · opened " (parts::time(item.opened_at, tell)) ", " (parts::age(item.opened_at, tell)) " ago"
                    @if view.blocks && item.is_open() { " · holds the rollout" }
                    @if item.occurrence > 1 { " · the " (ordinal(item.occurrence)) " time" }
                }
                div class="item-acts" { (items::quick_actions(&view.item, reader)) }
            }
            div class="columns" {
                div class="main-column" {
                    div id="item-why" class="main-column" data-part { (why(&item.why, reader)) (evidence(&item.why, reader)) }
                    (items::checklist(&view.item, reader))
                    (outcome(view, reader))
                    (history(view, reader))
                }
                aside class="side-column" aria-label="Who and how" {
                    (standing(view, reader))
                    @if view.item.owner != OwnerMode::None { (items::people(&view.item, true, reader)) (why_not(view, reader)) }
                    div id="item-snooze" data-part { (items::snooze_form(&view.item, reader)) }
                }
            }
        }
    }
}

/// Not a live part: an answer stays until somebody asks again.
fn why_not(view: &ItemPageView, reader: &Reader<'_>) -> Markup {
    let (item, tell) = (&view.item.item, &reader.tell);
    let Some(suggestion) = item.suggestion.as_ref().filter(|suggestion| !suggestion.people.is_empty()) else {
        return html! {};
    };
    let about = view.asked_about.as_ref();
    let answer = about.and_then(|who| Some((who, owner::why_not(suggestion, who, tell.roster, tell.today())?)));
    let chosen = about.or(reader.me);
    html! {
        section id="why-not" class="why-not" aria-labelledby="why-not-title" {
            h3 id="why-not-title" { "Why not me?" }
            form class="inline" method="get" action={ (parts::item_path(&item.id)) "#why-not" } {
                label for="why-not-who" { "Who asks" }
                select id="why-not-who" name="why-not" required {
                    option value="" { "choose…" }
                    @for id in tell.roster.engineers.keys() {
                        option value=(id) selected[chosen == Some(id)] { (tell.name(id)) }
                    }
                }
                (parts::button("Ask", None, "small"))
            }
            @match (about, answer) {
                (_, Some((who, answer))) => {
                    p { bdi { (texts::why_not(who, &answer, tell)) } }
                    @if let WhyNot::Ranked { candidate, .. } = answer { (items::reasons(candidate, tell)) }
                }
                (Some(who), None) => p { (parts::text(who.as_str())) " is not on the roster." },
                (None, None) => {}
            }
        }
    }
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn why(why: &Why, reader: &Reader<'_>) -> Markup {
    let (expression, values) = match why {
        Why::Condition { expression, values, .. } | Why::Subject { expression, values, .. } => {
            (expression.as_str(), values.as_slice())
        }
        _ => ("", [].as_slice()),
    };
    html! {
        section {
            h2 { "Why this is here" }
            p dir="auto" { (parts::sentence(&texts::why(why, &reader.tell))) }
            @if let Why::HandedOver { item, .. } = why { p { a href=(parts::item_path(item)) { "The item there" } ": it is concluded when this one is, and holds the gate there until its cause is gone." } }
            @if let Why::Asked { text, .. } | Why::Paired { text, .. } = why { blockquote { (parts::lines(text)) } }
            @if !expression.is_empty() { pre class="cel" tabindex="0" { code { (texts::visible_lines(expression)) } } }
            @if !values.is_empty() { (seen(values)) }
        }
    }
}

fn seen(values: &[SeenValue]) -> Markup {
    html! {
        table class="values" {
            caption class="unseen" { "What the variables were" }
            thead { tr { th scope="col" { "Variable" } th scope="col" { "Was" } } }
            tbody { @for seen in values { tr { td { code { (texts::visible(&seen.name)) } } td { code { bdi { (texts::visible(&seen.value)) } } } } } }
        }
    }
}

fn evidence(why: &Why, reader: &Reader<'_>) -> Markup {
    let mut builds = Vec::new();
    if let Why::Condition { builds: facts, .. } = why {
        for fact in facts {
            if let Fact::Build(build) = fact {
                builds.push(build);
            }
        }
    }
    html! {
        @match why {
            Why::Subject { fact: Fact::Error(group), .. } => (error(group, reader)),
            Why::Subject { fact: Fact::Build(build), .. } => (build_table(&[build], reader)),
            Why::Subject { fact: Fact::Custom(signal), .. } => {
                @if let Some(url) = &signal.url { section { h2 { "Evidence" } p { (parts::outside_link(url, "Open at its source")) } } }
            }
            Why::Subject { fact: Fact::Endpoint(fact), .. } => (super::performance::link(fact, reader)),
            _ if !builds.is_empty() => (build_table(&builds, reader)),
            _ => {}
        }
    }
}

fn build_table(builds: &[&Build], reader: &Reader<'_>) -> Markup {
    html! {
        section {
            h2 { "Evidence" }
            table {
                thead { tr { th scope="col" { "Check" } th scope="col" { "Branch" } th scope="col" { "Commit" } th scope="col" { "When" } th scope="col" { "Look" } } }
                tbody {
                    @for build in builds {
                        tr {
                            td class="grow" {
                                (parts::text(&build.name))
                                @if build.attempt > 1 { span class="dim" { ", attempt " (build.attempt) } }
                                @if let Some(detail) = build.detail.as_ref().filter(|detail| **detail != build.name) { div class="dim" { (parts::clamped(detail)) } }
                            }
                            td { @if let Some(branch) = &build.branch { (parts::text(branch)) } @else { span class="dim" { "none" } } }
                            td { (parts::revision(&build.revision)) }
                            td { (parts::time(build.finished_at.unwrap_or(build.started_at), &reader.tell)) }
                            td { @if let Some(url) = &build.url { (parts::outside_link(url, "the run")) } }
                        }
                    }
                }
            }
        }
    }
}

fn error(group: &ErrorGroup, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        section {
            h2 { "Evidence" }
            dl class="facts-list" {
                div { dt { "Events" } dd { (human_number(group.count)) } }
                div { dt { "First seen" } dd { (parts::time(group.first_seen, tell)) } }
                div { dt { "Last seen" } dd { (parts::time(group.last_seen, tell)) } }
                @if let Some(at) = group.regressed_at { div { dt { "Came back" } dd { (parts::time(at, tell)) } } }
                div { dt { "Where" } dd { (parts::text(group.environment.as_str())) ", " (parts::text(&group.project)) } }
                @if let Some(release) = &group.release { div { dt { "First in" } dd { (parts::revision(release)) } } }
                div { dt { "Assigned to" } dd { @if let Some(assignee) = &group.assignee { (parts::text(assignee)) } @else { "nobody" } } }
            }
            @if let Some(url) = &group.url { p { (parts::outside_link(url, "Open in the tracker")) } }
            @if !group.frames.is_empty() { (frames(&group.frames)) }
        }
    }
}

/// Innermost first, as people read a stack; frames of others are quiet.
fn frames(frames: &[Frame]) -> Markup {
    html! {
        ol class="frames" aria-label="Stack, innermost first" {
            @for frame in frames.iter().rev().take(50) {
                li class=[(!frame.in_app).then_some("foreign")] {
                    code { bdi { (texts::visible(&frame.file)) } @if let Some(line) = frame.line { ":" (line) } }
                    @if let Some(function) = &frame.function { " " span class="dim" { (parts::text(function)) } }
                    @if !frame.in_app { span class="unseen" { " not the team's own code" } }
                }
            }
        }
        @if frames.len() > 50 { p class="dim" { "and " (count(frames.len() - 50, "outer frame")) } }
    }
}

fn standing(view: &ItemPageView, reader: &Reader<'_>) -> Markup {
    let (item, tell) = (&view.item.item, &reader.tell);
    html! {
        section id="item-who" class="who" data-part {
            h2 class="unseen" { "Who" }
            dl {
                div {
                    dt { "Drives it" }
                    dd { @if let Some(to) = &item.handed_over { (super::handshake::held_there(to, reader)) } @else if let Some(taken) = &item.taken { (parts::person(&taken.by, tell)) " " span class="dim" { "since " (parts::time(taken.at, tell)) } } @else { span class="dim" { "nobody yet" } } }
                }
                @if view.item.owner != OwnerMode::None {
                    div {
                        dt { "Owns the cause" }
                        dd {
                            @if let Some(owner) = &item.owner {
                                (parts::person(&owner.engineer, tell)) " "
                                span class="dim" { "says " (tell.first_name(&owner.decided_by)) @if let Some(said) = texts::write_back(owner.write_back) { "; " (said) } }
                            } @else { span class="dim" { "not decided" } }
                        }
                    }
                }
                @if let Some(mended) = &item.mended {
                    div {
                        dt { "Mended it" }
                        dd {
                            (parts::person(&mended.engineer, tell)) " "
                            span class="dim" {
                                @match &mended.revision {
                                    Some(revision) => { "with " (parts::revision(revision)) },
                                    None => { "says " (tell.first_name(&mended.said_by)) },
                                }
                            }
                        }
                    }
                }
                @if let ItemState::Snoozed { until, by, since } = &item.state {
                    div { dt { "Sleeps until" } dd { bdi { (texts::snooze(until, tell)) } " " span class="dim" { "says " (tell.first_name(by)) ", " (parts::time(*since, tell)) } } }
                }
            }
        }
    }
}

fn outcome(view: &ItemPageView, reader: &Reader<'_>) -> Markup {
    let (item, tell) = (&view.item.item, &reader.tell);
    html! {
        section id="item-outcome" class="outcome" data-part {
            h2 { "Conclusion" }
            @if let Some(conclusion) = &item.conclusion {
                blockquote { (parts::lines(&conclusion.text)) footer class="dim" { (reader.tell.name(&conclusion.by)) ", " (parts::time(conclusion.at, &reader.tell)) @if let Some(said) = texts::resolve(conclusion.resolve) { "; " (said) } } }
            }
            @if let ItemState::Closed { at, how } = &item.state {
                p { (parts::state(StateView::Fine)) " Closed " (parts::time(*at, &reader.tell)) ": " bdi { (texts::closing(how, tell)) } "." }
            }
            (items::conclude_form(&view.item, reader))
            @if view.item.owner != OwnerMode::None && reader.may_act && (!item.is_open() || item.conclusion.is_some()) {
                (mended_form(view, reader))
            }
        }
    }
}

/// Asked once the work is done: who mended it is what suggestions are judged by.
fn mended_form(view: &ItemPageView, reader: &Reader<'_>) -> Markup {
    let mended = view.item.item.mended.as_ref().map(|mended| &mended.engineer);
    parts::form(
        reader,
        &view.item.action("mended"),
        "inline",
        html! {
            label for="mended-by" { "Who mended it?" }
            select id="mended-by" name="engineer" required {
                option value="" { "choose…" }
                @for id in reader.tell.roster.engineers.keys() {
                    option value=(id) selected[mended == Some(id)] { (reader.tell.name(id)) }
                }
            }
            (parts::button("Say", None, "small"))
        a href={ "/suggestions?duty=" (reader.duty) } { "What for?" }
        },
    )
}

fn history(view: &ItemPageView, reader: &Reader<'_>) -> Markup {
    html! {
        section id="history" data-part {
            h2 { "History" }
            @if view.history.is_empty() { p class="dim" { "Nothing has happened with it yet." } }
            ol class="log-lines" { @for line in &view.history { (parts::log_line(line, false, &reader.tell)) } }
            @if !view.earlier.is_empty() {
                h3 { "The times before" }
                ul class="earlier log-lines" {
                    @for before in &view.earlier {
                        li {
                            (parts::time(before.item.opened_at, &reader.tell)) " "
                            a href=(parts::item_path(&before.item.id)) { (parts::text(&texts::shorten(&before.title(), 80))) }
                            span class="dim" { @if let Some(found) = &before.item.conclusion { ": " (parts::text(&found.text)) } @else { ", no conclusion" } }
                        }
                    }
                }
            }
        }
    }
}
