//! The frame around every page: who is on duty, where to go, help, theme, and the demo's clock.

use super::parts::{self, text};
use super::{Reader, icons};
use crate::texts::Telling;
use crate::web::assets;
use jiff::Timestamp;
use jiff::civil::Date;
use maud::{DOCTYPE, Markup, html};
use onduty_core::ids::{DutyId, EngineerId};

/// What the frame shows.
#[derive(Debug, Clone, PartialEq)]
pub struct LayoutView {
    /// For the browser's tab, without the name of the product.
    pub title: String,
    /// Which page this is.
    pub here: Here,
    /// Every duty: id and name.
    pub duties: Vec<(DutyId, String)>,
    /// Who serves now; `None` on pages that stand before a duty (welcome, errors).
    pub on_duty: Option<OnDutyView>,
    /// The version of the process that the page was drawn from.
    pub process_version: Option<u32>,
    /// The demo's clock, in the demo.
    pub demo: Option<DemoBarView>,
}

/// A page of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// The steps.
    Today,
    /// The log book.
    Log,
    /// The algorithm.
    Process,
    /// Who serves when.
    Plan,
    /// Who is next.
    Team,
    /// The button.
    Rollout,
    /// What rollouts did to response times.
    Performance,
    /// Not in the navigation: an item.
    Elsewhere,
    /// Before anybody is signed in: no navigation at all.
    Door,
}

/// Who serves now and next.
#[derive(Debug, Clone, PartialEq)]
pub struct OnDutyView {
    /// Who and until when; `None` outside shifts, or when everybody is away.
    pub now: Option<(EngineerId, Timestamp)>,
    /// Who serves next, on which day, from when.
    pub next: Option<NextShift>,
    /// The reader's next turn, when it comes after these.
    pub mine: Option<Date>,
}

/// A shift to come.
#[derive(Debug, Clone, PartialEq)]
pub struct NextShift {
    /// Who; `None` when everybody is away.
    pub engineer: Option<EngineerId>,
    /// On which day.
    pub day: Date,
    /// From when.
    pub starts: Timestamp,
}

/// The demo's clock and how fast it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoBarView {
    /// Duty time.
    pub at: Timestamp,
    /// How many times faster than real time; 0 is paused.
    pub rate: u32,
}

/// The whole document around `body`.
pub fn page(view: &LayoutView, reader: &Reader<'_>, body: Markup) -> Markup {
    let signed_in = reader.me.is_some() && view.here != Here::Door;
    let stream = signed_in.then(|| format!("/events?duty={}", reader.duty));
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&view.title))
            body data-stream=[stream] data-zone=[reader.tell.zone.iana_name()] data-now=(reader.tell.now) data-version=[view.process_version] {
                a class="skip" href="#main" { "Skip to the page" }
                @if let Some(demo) = &view.demo { (demo_bar(demo, reader)) }
                (top(view, reader, signed_in))
                p id="stale" class="stale-banner" role="status" aria-live="polite" hidden {}
                main id="main" tabindex="-1" { (body) }
                div id="announce" class="unseen" aria-live="polite" {}
                (help())
                dialog id="message" aria-labelledby="message-title" {
                    form method="dialog" { h2 id="message-title" { "That did not work" } div id="message-text" {} button class="button" { "Close" } }
                }
            }
        }
    }
}

/// The head of every document. The script renders first, so that a chosen theme does not flash.
pub(super) fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="same-origin";
            title { (crate::texts::visible(title)) " · onduty" }
            link rel="icon" type="image/svg+xml" href=(assets::url("favicon.svg"));
            link rel="stylesheet" href=(assets::url("app.css"));
            script type="module" src=(assets::url("app.js")) blocking="render" {}
        }
    }
}

fn top(view: &LayoutView, reader: &Reader<'_>, signed_in: bool) -> Markup {
    html! {
        header class="top" {
            a class="brand" href="/" aria-label="onduty, today" { (icons::lamp()) "onduty" }
            @if signed_in {
                (duty_switch(view, reader))
                (navigation(view, reader))
                @if let Some(on_duty) = &view.on_duty { (on_duty_line(on_duty, reader)) }
                form class="search" role="search" aria-label="Log" method="get" action="/log" {
                    input type="hidden" name="duty" value=(reader.duty);
                    label for="search" class="unseen" { "Search the log book" }
                    (icons::search())
                    input id="search" type="search" name="q" maxlength="200" placeholder="Search the log" autocomplete="off";
                }
            }
            div class="signs" {
                button type="button" class="sign-button" popovertarget="help" title="Help and keys (?)" { span aria-hidden="true" { "?" } span class="unseen" { "Help and keys" } }
                button type="button" class="sign-button" data-act="theme" title="Light or dark" hidden { (icons::theme()) span class="unseen" { "Change between light and dark" } }
                @if let Some(me) = reader.me.filter(|_| signed_in) { (account(me, reader)) }
            }
        }
    }
}

fn duty_switch(view: &LayoutView, reader: &Reader<'_>) -> Markup {
    let name = view.duties.iter().find(|(id, _)| id == reader.duty).map_or(reader.duty.as_str(), |(_, name)| name);
    html! {
        @if view.duties.len() > 1 {
            details class="menu duty" id="duty-menu" {
                summary { span class="unseen" { "Duty: " } (text(name)) }
                ul {
                    @for (id, name) in &view.duties {
                        li { a href={ "/?duty=" (id) } aria-current=[(id == reader.duty).then_some("true")] { (text(name)) } }
                    }
                }
            }
        } @else { span class="duty" { (text(name)) } }
    }
}

fn navigation(view: &LayoutView, reader: &Reader<'_>) -> Markup {
    let pages = [
        (Here::Today, "Today", "/", 't'),
        (Here::Log, "Log", "/log", 'l'),
        (Here::Process, "Process", "/process", 'p'),
        (Here::Plan, "Plan", "/plan", 'n'),
        (Here::Team, "Team", "/team", 'm'),
        (Here::Rollout, "Rollout", "/rollout", 'r'),
        (Here::Performance, "Performance", "/performance", 'f'),
    ];
    html! {
        nav class="pages" aria-label="Pages" {
            ul {
                @for (here, name, path, key) in pages {
                    li { a href={ (path) "?duty=" (reader.duty) } aria-current=[(here == view.here).then_some("page")] data-go=(key) title={ "g " (key) } { (name) } }
                }
            }
        }
    }
}

fn account(me: &EngineerId, reader: &Reader<'_>) -> Markup {
    let name = reader.tell.name(me);
    html! {
        details class="menu account" id="account-menu" {
            summary { (parts::face(&name)) span class="unseen" { "You are " (name) } }
            div {
                p { "You are " strong { bdi { (name) } } }
                ul {
                    li { a href="/account" { "Your account" } }
                    @if reader.administers {
                        li { a href="/people" { "People" } }
                        li { a href="/access-log" { "Access log" } }
                    }
                }
                form method="post" action="/sign-out" {
                    input type="hidden" name="csrf" value=(reader.csrf);
                    button type="submit" class="button small" { "Sign out" }
                }
            }
        }
    }
}

/// Who is on duty, until when, and who is next; replaced by its id.
pub fn on_duty_line(view: &OnDutyView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        p id="on-duty" class={ "on-duty" @if view.now.is_none() { " nobody" } } {
            span {
                @match &view.now {
                    Some((engineer, until)) => {
                        (parts::face(&tell.name(engineer)))
                        span { @if reader.me == Some(engineer) { strong { "You" } " are on duty" } @else { strong { bdi { (tell.first_name(engineer)) } } " is on duty" } }
                        span class="dim" { " · until " (parts::time(*until, tell)) }
                    }
                    None => span { "Nobody is on duty" },
                }
            }
            @if view.next.is_some() || view.mine.is_some() {
                span class="dim later" {
                    @if let Some(next) = &view.next { "next " (next_words(next, view.now.is_none(), tell)) }
                    @if view.next.is_some() && view.mine.is_some() { " · " }
                    @if let Some(day) = view.mine { a href={ "/plan?duty=" (reader.duty) } title="Your next turn" { "yours " time datetime=(day) { (tell.day(day)) } } }
                }
            }
        }
    }
}

/// `Omar`, or `Omar tomorrow 09:00` where the day matters.
pub(super) fn next_words(next: &NextShift, with_day: bool, tell: &Telling<'_>) -> Markup {
    html! {
        bdi { @if let Some(engineer) = &next.engineer { (tell.first_name(engineer)) } @else { "nobody (all away)" } }
        @if with_day { " " time datetime=(next.starts) title=(tell.full_time(next.starts)) { (tell.day(next.day)) " " (tell.clock(next.starts)) } }
    }
}

/// The demo's clock; replaced by its id.
pub fn demo_bar(demo: &DemoBarView, reader: &Reader<'_>) -> Markup {
    let rates = [(0, "paused"), (1, "1×"), (10, "10×"), (60, "60×")];
    let jumps = [("next", "next event"), ("15:59", "15:59"), ("16:00", "16:00")];
    html! {
        aside id="demo" class="demo" aria-label="Demo" {
            p { strong { "Demo" } " · it is " time datetime=(demo.at) title=(reader.tell.full_time(demo.at)) data-clock { (reader.tell.clock(demo.at)) } " in a team that does not exist" }
            form method="post" action="/demo/clock" {
                input type="hidden" name="csrf" value=(reader.csrf);
                input type="hidden" name="back" value=(reader.back);
                fieldset {
                    legend { "Speed" }
                    @for (rate, label) in rates { button type="submit" name="rate" value=(rate) aria-pressed=(if rate == demo.rate { "true" } else { "false" }) { (label) } }
                }
                fieldset {
                    legend { "Jump to" }
                    @for (jump, label) in jumps { button type="submit" name="jump" value=(jump) { (label) } }
                }
            }
        }
    }
}

/// Every key, and where to read more. A popover, so that it opens without script too.
fn help() -> Markup {
    let keys: [(&[&str], &str); 12] = [
        (&["j", "k"], "next, previous item"),
        (&["Enter"], "open it"),
        (&["t"], "take it, or release it"),
        (&["o"], "accept the suggested owner"),
        (&["c"], "conclude"),
        (&["s"], "snooze"),
        (&["n"], "write a note"),
        (&["/"], "search the log book"),
        (&["g t", "g l", "g p"], "go to Today, Log, Process"),
        (&["g n", "g m", "g r", "g f"], "go to Plan, Team, Rollout, Performance"),
        (&["?"], "this help"),
        (&["Esc"], "close what is open"),
    ];
    html! {
        dialog id="help" popover="auto" aria-labelledby="help-title" {
            h2 id="help-title" { "Keys" }
            table {
                thead class="unseen" { tr { th scope="col" { "Key" } th scope="col" { "What it does" } } }
                tbody { @for (names, what) in keys { tr { td { @for name in names { kbd { (name) } " " } } td { (what) } } } }
            }
            h2 { "States" }
            ul class="legend" {
                @for (state, meaning) in [
                    (super::StateView::Fine, "looked at, all is well"),
                    (super::StateView::NeedsYou, "somebody has to do something"),
                    (super::StateView::Waiting, "for a time, an event or somebody else"),
                    (super::StateView::Unknown, "cannot be judged; never taken for fine"),
                    (super::StateView::Blocked, "the gate is closed; its reasons stand there"),
                    (super::StateView::Off, "declared absent; nobody looks at it"),
                ] { li { (parts::state(state)) " " span class="dim" { (meaning) } } }
            }
            button type="button" class="button" popovertarget="help" popovertargetaction="hide" { "Close" }
        }
    }
}
