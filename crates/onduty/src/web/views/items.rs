//! An item wherever it appears: its line under a step, and the forms that change it.

use super::handshake;
use super::parts::{self, item_path};
use super::{Reader, StateView, icons};
use crate::texts::{self, Telling};
use maud::{Markup, html};
use onduty_core::item::{Candidate, Item, ItemState, Suggestion, Why};
use onduty_core::process::OwnerMode;

/// An item and what its step wants of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemView {
    /// All that is known of it.
    pub item: Item,
    /// Its step's goal.
    pub goal: String,
    /// What its step does about owners.
    pub owner: OwnerMode,
    /// Whether its tracker can be told that it is resolved.
    pub resolves: bool,
}

impl ItemView {
    /// What it is called.
    pub fn title(&self) -> String {
        texts::item_title(&self.item, &self.goal)
    }

    /// Its state for people.
    pub fn state(&self) -> StateView {
        match &self.item.state {
            ItemState::Open if self.item.needs_somebody() => StateView::NeedsYou,
            ItemState::Open | ItemState::Snoozed { .. } => StateView::Waiting,
            ItemState::Closed { .. } => StateView::Fine,
        }
    }

    pub(super) fn action(&self, verb: &str) -> String {
        format!("{}/{verb}", item_path(&self.item.id))
    }

    fn is_baseline(&self) -> bool {
        matches!(self.item.why, Why::Baseline { .. })
    }

    /// Whether people conclude it; the rest of a list and a baseline are opened, not concluded.
    fn is_work(&self) -> bool {
        !matches!(self.item.why, Why::Baseline { .. } | Why::More { .. })
    }
}

/// An item's line under its step: why, since when and who could help, before any button. `full` unfolds it where it
/// stands; in long lists its own page does that.
pub fn row(view: &ItemView, full: bool, reader: &Reader<'_>) -> Markup {
    let (item, tell) = (&view.item, &reader.tell);
    let facts = texts::facts(&item.why, tell);
    html! {
        li id={ "item-" (item.id) } class={ "item " (view.state().class()) } data-nav tabindex="-1" {
            div class="item-text" {
                p class="item-title" {
                    a href=(item_path(&item.id)) data-open { bdi { (view.title()) } }
                    @if !facts.is_empty() { " " span class="facts" { bdi { (facts.join(" · ")) } } }
                }
                p class="item-why" {
                    bdi { (parts::sentence(&texts::because(&item.why, tell))) }
                    " " span class="since" { "Open for " (parts::age(item.opened_at, tell)) }
                    @if item.shift < tell.today() { " · since the shift of " (tell.day(item.shift)) }
                }
                (standing(view, reader))
            }
            div class="item-acts" { (quick_actions(view, reader)) }
            @if full && reader.may_act && view.is_work() {
                details class="item-more" id={ "more-" (item.id) } {
                    summary { "More" span class="unseen" { ": reasons, conclude, snooze" } }
                    div class="item-more-in" {
                        @if view.owner != OwnerMode::None { (people(view, false, reader)) }
                        (checklist(view, reader))
                        (conclude_form(view, reader))
                        (snooze_form(view, reader))
                    }
                }
            }
        }
    }
}

/// Who drives it, who owns its cause or could help, whether it sleeps or is investigated already.
fn standing(view: &ItemView, reader: &Reader<'_>) -> Markup {
    let (item, tell) = (&view.item, &reader.tell);
    let done = item.checklist.iter().filter(|line| line.ticked.is_some()).count();
    html! {
        ul class="standing" {
            @if let ItemState::Snoozed { until, by, .. } = &item.state {
                li { (parts::state(StateView::Waiting)) " " (tell.first_name(by)) " snoozed it until " bdi { (texts::snooze(until, tell)) } }
            }
            @if let Some(conclusion) = &item.conclusion {
                li class="found" { (tell.first_name(&conclusion.by)) " found: " bdi { (texts::visible(&conclusion.text)) } }
            }
            @if let Some(to) = &item.handed_over {
                li { (handshake::held_there(to, reader)) }
            } @else if let Some(taken) = &item.taken {
                li { (parts::face(&tell.name(&taken.by))) " " bdi { (tell.name(&taken.by)) } " drives it since " (parts::time(taken.at, tell)) }
            }
            @if let Some(owner) = &item.owner {
                li {
                    bdi { (tell.name(&owner.engineer)) } " owns the cause"
                    @if let Some(said) = texts::write_back(owner.write_back) { "; " (said) }
                }
            } @else if view.owner != OwnerMode::None && view.is_work() {
                li class="help" { (helper(item.suggestion.as_ref(), reader)) }
            }
            @if view.is_work() && !item.checklist.is_empty() { li { "Checklist " (done) " of " (item.checklist.len()) } }
        }
    }
}

/// Who to ask first, with the best reason.
fn helper(suggestion: Option<&Suggestion>, reader: &Reader<'_>) -> Markup {
    html! {
        @match suggestion {
            None => "Looking for who could help…",
            Some(suggestion @ Suggestion { people, note, .. }) => {
                @if suggestion.flaky.is_some_and(|flaky| flaky.is_probable()) { "Probably flaky: run it again. " }
                @if let Some(team) = texts::unsure(suggestion) {
                    bdi { (team) }
                } @else if let Some(first) = suggestion.proposed() {
                    "Could help: " bdi { (texts::candidate(first, &reader.tell)) }
                    @if people.len() > 1 { " and " (people.len() - 1) " more" }
                } @else {
                    "Nobody is sure who could help"
                    @if let Some(note) = note { ": " (parts::text(note)) }
                }
            }
        }
    }
}

/// The buttons that need no further words.
pub fn quick_actions(view: &ItemView, reader: &Reader<'_>) -> Markup {
    let item = &view.item;
    let mine = item.taken.as_ref().is_some_and(|taken| Some(&taken.by) == reader.me);
    let first = item.suggestion.as_ref().and_then(Suggestion::proposed);
    html! {
        @match &item.state {
            ItemState::Closed { .. } => (parts::press(reader, &view.action("reopen"), "Reopen", None, "", &[])),
            ItemState::Snoozed { .. } => (parts::press(reader, &view.action("wake"), "Wake", None, "", &[])),
            ItemState::Open if view.is_baseline() => {
                (parts::press(reader, &view.action("baseline"), "Open 5 of them", None, "", &[("count", "5")]))
            }
            ItemState::Open if view.is_work() => {
                @if item.handed_over.is_some() {
                    (parts::press(reader, &view.action("take"), "Take it back", Some('t'), "", &[]))
                } @else if mine {
                    (parts::press(reader, &view.action("release"), "Release", Some('t'), "", &[]))
                } @else if item.taken.is_some() {
                    (parts::press(reader, &view.action("take"), "Take over", Some('t'), "", &[]))
                } @else {
                    (parts::press(reader, &view.action("take"), "Take", Some('t'), "", &[]))
                }
                @if let (OwnerMode::Suggest | OwnerMode::WriteBack | OwnerMode::Auto { .. }, None, Some(first)) = (view.owner, &item.owner, first) {
                    @let name = reader.tell.first_name(&first.engineer);
                    (parts::press(
                        reader, &view.action("owner"), &format!("Accept {name}"), Some('o'), "",
                        &[("engineer", first.engineer.as_str())],
                    ))
                }
            }
            ItemState::Open => {}
        }
    }
}

/// Who could own the cause, each with every reason; with `anybody`, a way to name anybody else.
pub fn people(view: &ItemView, anybody: bool, reader: &Reader<'_>) -> Markup {
    let (item, tell) = (&view.item, &reader.tell);
    let candidates = item.suggestion.as_ref().map_or(&[][..], |suggestion| &suggestion.people);
    let note = item.suggestion.as_ref().and_then(|suggestion| suggestion.note.as_ref());
    let select = format!("owner-of-{}", item.id);
    html! {
        section id={ "people-" (item.id) } class="people" data-part {
            h3 { "Who knows this best" }
            @if let Some(flaky) = item.suggestion.as_ref().and_then(texts::flaky) { p { (flaky) } }
            @if candidates.is_empty() { p class="dim" { (helper(item.suggestion.as_ref(), reader)) } }
            @else if let Some(team) = item.suggestion.as_ref().and_then(texts::unsure) { p { bdi { (team) } "." } }
            @if let (Some(note), false) = (note, candidates.is_empty()) {
                p class="dim" { bdi { (parts::sentence(&texts::visible(note))) } }
            }
            ol {
                @for candidate in candidates {
                    @let owns = item.owner.as_ref().is_some_and(|owner| owner.engineer == candidate.engineer);
                    li {
                        div class="candidate" {
                            (parts::person(&candidate.engineer, tell))
                            span class={ "presence" @if !candidate.available { " away" } } {
                                @if let Some(likely) = texts::likely(candidate.confidence) { (likely) " · " }
                                (texts::presence(candidate))
                            }
                            @if owns {
                                span class="state fine" { (icons::state(StateView::Fine)) "owns the cause" }
                            } @else if item.is_open() {
                                (parts::press(reader, &view.action("owner"), "Name as owner", None, "small", &[("engineer", candidate.engineer.as_str())]))
                            }
                        }
                        (reasons(candidate, tell))
                    }
                }
            }
            @if anybody && item.is_open() {
                (parts::form(reader, &view.action("owner"), "inline", html! {
                    label for=(select) { "Somebody else" }
                    select id=(select) name="engineer" required {
                        option value="" { "choose…" }
                        @for id in tell.roster.engineers.keys() { option value=(id) { (tell.name(id)) } }
                    }
                    (parts::button("Name", None, "small"))
                }))
            }
        }
    }
}

/// Everything that speaks for somebody.
pub fn reasons(candidate: &Candidate, tell: &Telling<'_>) -> Markup {
    html! {
        ul class="reasons" {
            @for reason in &candidate.reasons { li { bdi { (parts::sentence(&texts::owner_reason(reason, tell))) } } }
        }
    }
}

/// The checklist: each line is its own form.
pub fn checklist(view: &ItemView, reader: &Reader<'_>) -> Markup {
    let item = &view.item;
    html! {
        @if !item.checklist.is_empty() {
            section id={ "checklist-" (item.id) } class="checklist" data-part {
                h3 { "Checklist" }
                ol {
                    @for (index, line) in item.checklist.iter().enumerate() {
                        li class=[line.ticked.as_ref().map(|_| "ticked")] { (check_line(view, index, line, reader)) }
                    }
                }
            }
        }
    }
}

fn check_line(view: &ItemView, index: usize, line: &onduty_core::item::CheckLine, reader: &Reader<'_>) -> Markup {
    let ticked = line.ticked.is_some();
    let label = html! {
        (icons::tick_box(ticked))
        bdi { (texts::visible(&line.text)) }
    };
    let by = html! {
        @if let Some(by) = &line.ticked {
            span class="dim by" { (reader.tell.first_name(&by.by)) ", " (parts::time(by.at, &reader.tell)) }
        }
    };
    if !reader.may_act || !view.item.is_open() {
        let said = if ticked { "done: " } else { "not done: " };
        return html! { span class="tick" { span class="unseen" { (said) } (label) } (by) };
    }
    parts::form(
        reader,
        &view.action("tick"),
        "",
        html! {
            input type="hidden" name="line" value=(index);
            input type="hidden" name="done" value=(!ticked);
            button type="submit" class="tick" role="checkbox" aria-checked=(ticked) { (label) }
            (by)
        },
    )
}

/// The box for what was found out.
pub fn conclude_form(view: &ItemView, reader: &Reader<'_>) -> Markup {
    let id = format!("conclude-{}", view.item.id);
    let follows = matches!(view.item.why, Why::Condition { .. });
    html! {
        @if view.item.is_open() {
            (parts::form(reader, &view.action("conclude"), "conclude", html! {
                label for=(id) { "What did you find out?" }
                textarea id=(id) name="text" rows="2" maxlength="4000" required data-key="c"
                    placeholder="A flake; reran it. / Fixed in 41c09d2. / Not ours: the provider was down." {}
                @if view.resolves {
                    label class="choice" { input type="checkbox" name="resolve" value="true"; " Resolve it at the tracker too" }
                }
                p class="form-foot" {
                    (parts::button("Conclude", None, "small"))
                    @if follows { span class="dim" { "This ends the investigation. The item stays until its condition is false." } }
                }
            }))
        }
    }
}

/// Out of sight until something happens. Field `until`: `1h`, `next-shift`, `next-rollout`, `happens-again` or
/// `condition` with `expression`.
pub fn snooze_form(view: &ItemView, reader: &Reader<'_>) -> Markup {
    let id = format!("snooze-{}", view.item.id);
    let condition = format!("snooze-expression-{}", view.item.id);
    html! {
        @if view.item.state == ItemState::Open {
            (parts::form(reader, &view.action("snooze"), "snooze", html! {
                label for=(id) { "Snooze until" }
                select id=(id) name="until" data-key="s" {
                    option value="1h" { "in one hour" }
                    option value="next-shift" { "tomorrow's shift" }
                    option value="next-rollout" { "the next rollout has arrived" }
                    option value="happens-again" { "it happens again" }
                    option value="condition" { "a condition holds" }
                }
                label for=(condition) class="unseen" { "Condition in CEL, only for “a condition holds”" }
                input id=(condition) class="cel" name="expression" maxlength="2048" autocomplete="off" spellcheck="false"
                    placeholder="ci.branch(\"main\") == \"passing\"";
                (parts::button("Snooze", None, "small"))
                p class="dim form-note" { "It still holds the gate while it sleeps." }
            }))
        }
    }
}
