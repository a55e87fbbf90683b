//! *Access log*: who came in, and who changed what anybody may do.

use super::{Reader, parts};
use crate::texts;
use jiff::Timestamp;
use maud::{Markup, html};
use onduty_core::logbook::Author;

/// The page of the access log.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLogView {
    /// What was searched for.
    pub query: String,
    /// Newest first.
    pub entries: Vec<AccessLine>,
    /// The number after which older entries stand, where there are more.
    pub older: Option<i64>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLine {
    /// Its number.
    pub seq: i64,
    /// When, in real time.
    pub at: Timestamp,
    /// By whom.
    pub author: Author,
    /// What happened, without who; `None` after redaction.
    pub said: Option<String>,
}

/// The whole page.
pub fn page(view: &AccessLogView, reader: &Reader<'_>) -> Markup {
    html! {
        header class="summary" {
            h1 { "Access log" }
            p class="dim" { "Who came in, and who changed what anybody may do. Entries are chained like those of the log book: none can be changed or taken out unnoticed." }
        }
        form class="one-line" role="search" method="get" action="/access-log" data-live="access-entries" {
            label for="access-search" class="unseen" { "Search the access log" }
            input id="access-search" type="search" name="q" value=(view.query) maxlength="200" placeholder="A name, or what was done" autocomplete="off";
            button type="submit" class="button small" { "Search" }
        }
        div id="access-entries" {
            @if view.entries.is_empty() {
                p class="dim" { @if view.query.is_empty() { "Nothing yet." } @else { "Nothing found." } }
            } @else {
                table class="access-table" {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } } }
                    tbody {
                        @for entry in &view.entries {
                            tr {
                                td { (parts::time(entry.at, &reader.tell)) }
                                td { bdi { (texts::author(&entry.author, &reader.tell)) } }
                                td class="grow" { @match &entry.said { Some(said) => (parts::text(said)), None => span class="dim" { "redacted" } } }
                            }
                        }
                    }
                }
            }
            @if let Some(before) = view.older { p { a href={ "/access-log?before=" (before) } { "Older entries" } } }
        }
    }
}
