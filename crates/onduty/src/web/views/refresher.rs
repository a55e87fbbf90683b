//! *Since your last turn*: what whoever comes back after long, or serves for the first time, should know.

use super::items::ItemView;
use super::parts::{self, item_path};
use super::{Reader, StateView, icons};
use crate::texts::{self, count};
use jiff::Timestamp;
use jiff::civil::Date;
use maud::{Markup, html};
use onduty_core::ids::EngineerId;
use onduty_core::schedule::Comeback;

/// The page.
#[derive(Debug, Clone, PartialEq)]
pub struct RefresherView {
    /// The reader's last turn; none where there was none.
    pub last: Option<Date>,
    /// The day from which on changes are told.
    pub from: Date,
    /// Versions of the process since, newest first.
    pub changed: Vec<ChangeView>,
    /// Versions since that are not among them.
    pub hidden: usize,
    /// Items that people concluded since, newest first.
    pub cases: Vec<ItemView>,
    /// Members who came.
    pub came: Vec<EngineerId>,
    /// Members who went.
    pub went: Vec<EngineerId>,
    /// The reader's next turn.
    pub next: Option<Date>,
    /// Who is beside them then.
    pub buddy: Option<EngineerId>,
    /// When the reader said that they have read it.
    pub read_at: Option<Timestamp>,
}

/// A version of the process.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeView {
    /// Its number.
    pub number: u32,
    /// Since when it counts.
    pub at: Timestamp,
    /// Who changed it; nobody where the file was simply there.
    pub by: Option<EngineerId>,
    /// Why.
    pub reason: String,
    /// What, in words of the process.
    pub changes: Vec<String>,
}

/// The whole page.
pub fn page(view: &RefresherView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        header class="summary" {
            h1 { span { @match view.last { Some(_) => "Since your last turn", None => "Before your first turn" } } }
            p class="dim" {
                @match view.last {
                    Some(last) => { "You served last on " time datetime=(last) { (tell.day(last)) } }
                    None => { "Told from " time datetime=(view.from) { (tell.day(view.from)) } " on" }
                }
                @if let Some(next) = view.next {
                    " · your next turn is " time datetime=(next) { (tell.day(next)) }
                    @if let Some(buddy) = &view.buddy { ", with " bdi { (tell.name(buddy)) } " beside you" }
                }
            }
        }
        section class="refresher" aria-labelledby="changed-title" {
            h2 id="changed-title" { "What changed in the process" }
            @if view.changed.is_empty() { p class="toned fine" { (icons::state(StateView::Fine)) " Nothing: it is as it was" } }
            ol class="plan-versions" {
                @for version in &view.changed {
                    li {
                        p {
                            a href={ "/process?duty=" (reader.duty) } { "Version " (version.number) } ", " (parts::time(version.at, tell))
                            @if let Some(by) = &version.by { ", by " bdi { (tell.name(by)) } }
                            @if !version.reason.is_empty() { ": " (parts::text(&version.reason)) }
                        }
                        ul class="means" { @for change in &version.changes { li { (parts::text(change)) } } }
                    }
                }
            }
            @if view.hidden > 0 { p { "… and " (count(view.hidden, "earlier version")) ", on " a href={ "/process?duty=" (reader.duty) } { "Process" } "." } }
        }
        section class="refresher" aria-labelledby="cases-title" {
            h2 id="cases-title" { "How others dealt with it" }
            @if view.cases.is_empty() { p class="dim" { "Nobody concluded anything since then." } }
            @else { p class="dim" { "Read one whole: what happened, who helped, what it was." } }
            ul class="cases" {
                @for case in &view.cases {
                    li {
                        a href=(item_path(&case.item.id)) { bdi { (case.title()) } }
                        @if let Some(conclusion) = &case.item.conclusion { ": " (parts::text(&texts::shorten(&conclusion.text, 160))) span class="dim" { ", " bdi { (tell.first_name(&conclusion.by)) } " " (parts::time(conclusion.at, tell)) } }
                    }
                }
            }
        }
        @if !view.came.is_empty() || !view.went.is_empty() {
            section class="refresher" aria-labelledby="people-title" {
                h2 id="people-title" { "Who came, who went" }
                @if !view.came.is_empty() { p { "Came: " @for who in &view.came { (parts::person(who, tell)) " " } } }
                @if !view.went.is_empty() { p { "Went: " @for who in &view.went { (parts::person(who, tell)) " " } } }
            }
        }
        (parts::press(reader, &format!("/duty/{}/refresher/read", reader.duty), "I have read it", None, "go", &[]))
        @if let Some(at) = view.read_at { p class="dim" { "You said so " (parts::time(at, tell)) "." } }
    }
}

/// That the reader comes back after long.
pub fn notice(back: &Comeback, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let idle = back.last.and_then(|last| last.until(back.turn).ok()).map(|span| span.get_days() as usize);
    html! {
        section class="notice" aria-labelledby="back-title" {
            h2 id="back-title" {
                (icons::state(StateView::NeedsYou)) " "
                @match idle { Some(days) => { "Your turn " (tell.day(back.turn)) " is the first after " (count(days, "day")) } None => { "Your first turn is " (tell.day(back.turn)) } }
            }
            p { a href={ "/refresher?duty=" (reader.duty) } { "Read what changed, and how others dealt with it" } ": ten minutes." }
        }
    }
}
