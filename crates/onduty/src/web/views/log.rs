//! *Log book*: a day is a page like a ship's log. Months at the side, search as you type, a link for each entry.

use super::Reader;
use super::parts;
use super::today;
use crate::texts::{self, LogLine, count};
use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};
use onduty_core::ids::EngineerId;
use onduty_core::logbook::{Author, Event};
use std::collections::BTreeMap;

/// A page of the log book.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPageView {
    /// The duty, as people write it.
    pub duty_name: String,
    /// A day, or what a search found.
    pub shown: LogShown,
    /// How many entries each day has, for the months at the side; days without one are not in it.
    pub days: BTreeMap<Date, u32>,
    /// The entry that the note box corrects, from `?correct=`.
    pub correcting: Option<i64>,
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
pub enum LogShown {
    /// One day.
    Day {
        /// Which.
        day: Date,
        /// Who was on duty.
        engineer: Option<EngineerId>,
        /// Oldest first.
        lines: Vec<LogLine>,
    },
    /// What a search found.
    Found {
        /// As typed.
        query: String,
        /// Newest first.
        lines: Vec<LogLine>,
        /// Whether there is more than `lines`.
        more: bool,
    },
}

/// The whole page.
pub fn page(view: &LogPageView, reader: &Reader<'_>) -> Markup {
    let shown_day = match &view.shown {
        LogShown::Day { day, .. } => *day,
        LogShown::Found { .. } => reader.tell.today(),
    };
    html! {
        div class="columns log-page" {
            div class="main-column" {
                (search_form(view, reader))
                (entries(view, reader))
            }
            aside class="side-column months" aria-label="Days" { (months(view, shown_day, reader)) }
        }
    }
}

fn search_form(view: &LogPageView, reader: &Reader<'_>) -> Markup {
    let query = match &view.shown {
        LogShown::Found { query, .. } => query.as_str(),
        LogShown::Day { .. } => "",
    };
    html! {
        form class="one-line log-search" role="search" aria-label="All days" method="get" action="/log" data-live="log-entries" {
            input type="hidden" name="duty" value=(reader.duty);
            label for="log-search" class="unseen" { "Search the log book" }
            input id="log-search" type="search" name="q" value=(query) maxlength="200" autocomplete="off" placeholder="Search all days…";
            button type="submit" class="button small" { "Search" }
        }
    }
}

/// The day or the findings; replaced by its id while somebody types.
pub fn entries(view: &LogPageView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        section id="log-entries" class="logbook" data-part {
            @match &view.shown {
                LogShown::Day { day, engineer, lines } => {
                    header class="log-head" {
                        h1 { (tell.long_day(*day)) }
                        p class="dim" {
                            "Log book of " (parts::text(&view.duty_name)) " · "
                            @if let Some(engineer) = engineer { bdi { (tell.name(engineer)) } " on duty" } @else { "nobody on duty" }
                            @if let Some(zone) = tell.zone.iana_name() { " · times in " (zone) }
                        }
                        (day_links(*day, reader))
                    }
                    @if lines.is_empty() { (nothing(*day, reader)) } @else { (table(lines, false, reader)) }
                    @if *day == tell.today() || view.correcting.is_some() {
                        div class="log-note" { (today::note_form(reader, view.correcting)) }
                    }
                }
                LogShown::Found { query, lines, more } => {
                    header class="log-head" {
                        h1 { @if lines.is_empty() { "Nothing found" } @else { (count(lines.len(), "entry").replace("entrys", "entries")) @if *more { ", and more" } } }
                        p class="dim" { "for “" (parts::text(query)) "” in the log book of " (parts::text(&view.duty_name)) @if lines.is_empty() { ". Every word has to occur; try fewer." } }
                        p class="day-links" { a href={ "/log?duty=" (reader.duty) } { "Back to today" } }
                    }
                    @if !lines.is_empty() { (table(lines, true, reader)) }
                }
            }
        }
    }
}

fn nothing(day: Date, reader: &Reader<'_>) -> Markup {
    if day == reader.tell.today() {
        parts::empty(
            "Here stands what happened on this day: what the machine saw and did, and what people wrote, in order.",
            html! { p { "Nothing to do: it writes itself. Write a note below when something is worth remembering." } },
            Some(
                "09:00  onduty  Lena Vogt is on duty\n13:52  onduty  main-green: unit tests failed on main (8f3c2ab)\n14:10  Lena    concluded: a flake, reran it",
            ),
        )
    } else {
        html! { p class="empty-what" { "Nothing was written on this day." } }
    }
}

fn day_links(day: Date, reader: &Reader<'_>) -> Markup {
    let link = |day: Date| format!("/log?duty={}&day={day}", reader.duty);
    html! {
        p class="day-links" {
            @if let Ok(before) = day.yesterday() { a href=(link(before)) rel="prev" { "‹ " (reader.tell.day(before)) } }
            @if day < reader.tell.today() && let Ok(after) = day.tomorrow() { a href=(link(after)) rel="next" { (reader.tell.day(after)) " ›" } }
            a href={ "/log/" (reader.duty) "/" (day) ".md" } download { "Markdown" }
        }
    }
}

fn table(lines: &[LogLine], with_day: bool, reader: &Reader<'_>) -> Markup {
    html! {
        table class="log-table" {
            caption class="unseen" { "Entries" }
            thead { tr { th scope="col" { "Time" } th scope="col" { "Who" } th scope="col" { "What" } } }
            tbody { @for line in lines { (row(line, with_day, reader)) } }
        }
    }
}

fn row(line: &LogLine, with_day: bool, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let machine = line.author == Author::Machine;
    let day_path = format!("/log?duty={}&day={}", reader.duty, line.shift);
    let milestone =
        matches!(line.event, Event::ShiftStarted { .. } | Event::ShiftEnded { .. } | Event::RolloutPressed { .. });
    html! {
        tr id={ "e" (line.seq) } class={ @if machine { "machine " } @if milestone { "milestone " } @if line.corrected_by.is_some() { "corrected" } } {
            td class="when" {
                a href={ (day_path) "#e" (line.seq) } title={ "entry " (line.seq) } {
                    @if with_day { (parts::time(line.at, tell)) } @else { (parts::clock(line.at, tell)) }
                }
            }
            td class="who" { bdi { (texts::author(&line.author, tell)) } }
            td class="what" {
                (parts::clamped(&texts::event(&line.event, tell)))
                @if let Some((id, title)) = &line.item {
                    " " a class="about" href=(parts::item_path(id)) {
                        @if texts::names_its_item(&line.event) { "open" span class="unseen" { " the item" } } @else { (parts::text(&texts::shorten(title, 60))) }
                    }
                }
                @if let Some(seq) = line.corrected_by { " " a class="dim" href={ "#e" (seq) } { "corrected by entry " (seq) } }
                @if reader.may_act && !machine { " " a class="correct" href={ (day_path) "&correct=" (line.seq) "#note" } { "correct" span class="unseen" { " entry " (line.seq) } } }
            }
        }
    }
}

/// Three months: the one of `shown` and two before, newest first.
fn months(view: &LogPageView, shown: Date, reader: &Reader<'_>) -> Markup {
    let firsts = (0..3i64).filter_map(|back| shown.first_of_month().checked_sub(back.months()).ok());
    let older = shown.first_of_month().checked_sub(3.months()).ok().map(|first| first.last_of_month());
    html! {
        @for first in firsts { (month(view, first, shown, reader)) }
        @if let Some(day) = older { p { a href={ "/log?duty=" (reader.duty) "&day=" (day) } { "‹ " (day.strftime("%B %Y").to_string()) } } }
    }
}

fn month(view: &LogPageView, first: Date, shown: Date, reader: &Reader<'_>) -> Markup {
    let lead = first.weekday().to_monday_zero_offset();
    let days: Vec<Option<Date>> = (0..lead)
        .map(|_| None)
        .chain(first.series(1.day()).take_while(|day| day.month() == first.month()).map(Some))
        .collect();
    html! {
        table class="month" {
            caption { (first.strftime("%B %Y").to_string()) }
            thead { tr { @for (short, long) in WEEKDAYS { th scope="col" abbr=(long) { (short) } } } }
            tbody {
                @for week in days.chunks(7) {
                    tr { @for day in week { td { @if let Some(day) = day { (day_cell(view, *day, shown, reader)) } } } }
                }
            }
        }
    }
}

const WEEKDAYS: [(&str, &str); 7] = [
    ("M", "Monday"),
    ("T", "Tuesday"),
    ("W", "Wednesday"),
    ("T", "Thursday"),
    ("F", "Friday"),
    ("S", "Saturday"),
    ("S", "Sunday"),
];

fn day_cell(view: &LogPageView, day: Date, shown: Date, reader: &Reader<'_>) -> Markup {
    let entries = view.days.get(&day).copied().unwrap_or(0);
    let is_today = day == reader.tell.today();
    if entries == 0 && day != shown && !is_today {
        return html! { span class="dim" { (day.day()) } };
    }
    let label = format!("{}, {} entries", reader.tell.long_day(day), entries);
    html! {
        a href={ "/log?duty=" (reader.duty) "&day=" (day) } aria-label=(label) aria-current=[(day == shown).then_some("date")] class=[is_today.then_some("is-today")] { (day.day()) }
    }
}
