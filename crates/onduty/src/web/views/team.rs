//! *Team*: whose day comes when, and why; how to change it; wall screens, calendar feeds and sign-in links for whoever looks after them.

use super::account::{self, FeedView};
use super::{Reader, parts};
use crate::texts;
use jiff::Timestamp;
use jiff::civil::Date;
use maud::{Markup, html};
use onduty_core::ids::EngineerId;
use onduty_core::roster::Leave;
use onduty_core::schedule::{Shift, ShiftOrigin};

/// The page of a duty's team.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamView {
    /// The duty, as people write it.
    pub duty_name: String,
    /// `09:00 to 19:00, Monday to Friday`
    pub hours: String,
    /// Where overrides and leave are written: `roster.yml`.
    pub roster_file: String,
    /// The coming working days, today first where it is served.
    pub shifts: Vec<Shift>,
    /// Days among those of `shifts` that nobody serves, with their names.
    pub holidays: Vec<(Date, String)>,
    /// Every member and their next turn, soonest first.
    pub members: Vec<MemberView>,
    /// When the reader serves again after today, where they serve today.
    pub again: Option<Date>,
    /// Wall screens, calendar feeds and sign-in links; `None` for readers who may not see them.
    pub admin: Option<TeamAdminView>,
}

/// A member of the duty.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberView {
    /// Who.
    pub engineer: EngineerId,
    /// Team or room.
    pub team: Option<String>,
    /// Their next day on duty, as far as the plan looks ahead.
    pub next: Option<Date>,
    /// Leave that runs or comes next.
    pub leave: Option<Leave>,
}

/// What only the administrator sees.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamAdminView {
    /// Living wall screens.
    pub walls: Vec<WallLinkView>,
    /// The address of a wall screen that was just made; it is shown once.
    pub new_wall: Option<String>,
    /// Calendar feeds with every shift of the duty.
    pub feeds: Vec<FeedView>,
    /// The address of one that was just made; it is shown once.
    pub new_feed: Option<String>,
    /// A sign-in link that was just made, for whom; it is shown once.
    pub new_link: Option<(EngineerId, String)>,
}

/// A wall screen's token, never the token itself.
#[derive(Debug, Clone, PartialEq)]
pub struct WallLinkView {
    /// Its id.
    pub id: String,
    /// Where it hangs.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last looked at.
    pub last_seen: Option<Timestamp>,
}

/// The whole page.
pub fn page(view: &TeamView, reader: &Reader<'_>) -> Markup {
    html! {
        header class="summary" {
            h1 { span { (next_turn(view, reader)) } }
            p class="dim" { (parts::text(&view.duty_name)) " · " (parts::text(&view.hours)) @if let Some(zone) = reader.tell.zone.iana_name() { " · " (zone) } }
        }
        @if view.members.is_empty() {
            (parts::empty(
                "Here stands whose day comes when, for the next three weeks.",
                html! { p { "Name the members of this duty in " code { (texts::visible(&view.roster_file)) } "." } },
                Some("duties:\n  - id: developers\n    members: [lena, omar, priya]\n    zone: Europe/Paris"),
            ))
        } @else {
            div class="columns even" {
                div class="main-column" { (coming(view, reader)) (how_to_change(view, reader)) (how_to_subscribe(view, reader)) }
                aside class="side-column" aria-labelledby="members-title" { (members(view, reader)) }
            }
        }
        @if let Some(admin) = &view.admin { (administration(admin, view, reader)) }
    }
}

fn next_turn(view: &TeamView, reader: &Reader<'_>) -> Markup {
    let mine = view.members.iter().find(|member| Some(&member.engineer) == reader.me);
    html! {
        @match mine.map(|member| member.next) {
            None => "Who is next",
            Some(Some(day)) if day == reader.tell.today() => {
                "You are on duty today"
                @if let Some(again) = view.again { span class="dim" { ", then again " time datetime=(again) { (reader.tell.day(again)) } } }
            }
            Some(Some(day)) => { "Your next turn is " time datetime=(day) { (reader.tell.day(day)) } @if let Some(words) = days_away(day, reader) { span class="dim" { ", " (words) } } }
            Some(None) => "Your next turn is further away than the plan looks",
        }
    }
}

fn days_away(day: Date, reader: &Reader<'_>) -> Option<String> {
    match reader.tell.today().until(day).ok()?.get_days() {
        2.. => Some(format!("in {} days", reader.tell.today().until(day).ok()?.get_days())),
        _ => None,
    }
}

fn coming(view: &TeamView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let mut previous: Option<Date> = None;
    html! {
        section {
            h2 { "The coming days" }
            table class="shifts" {
                thead { tr { th scope="col" { "Day" } th scope="col" { "On duty" } th scope="col" { "Why" } } }
                tbody {
                    @for shift in &view.shifts {
                        @let from = previous.replace(shift.day);
                        @for (day, name) in view.holidays.iter().filter(|(day, _)| *day < shift.day && from.is_none_or(|from| *day > from)) {
                            tr class="holiday" { td { (tell.day(*day)) } td colspan="2" { (parts::text(name)) ", nobody serves" } }
                        }
                        @let mine = shift.engineer.as_ref().is_some_and(|engineer| Some(engineer) == reader.me);
                        @let new_week = from.is_some_and(|from| shift.day.weekday().to_monday_zero_offset() <= from.weekday().to_monday_zero_offset());
                        tr class={ @if mine { "mine " } @if shift.day == tell.today() { "is-today " } @if new_week { "new-week" } } {
                            th scope="row" { time datetime=(shift.day) title=(tell.long_day(shift.day)) { (shift.day.strftime("%a %-d %b").to_string()) } @if shift.day == tell.today() { span class="dim" { " today" } } }
                            td { @if let Some(engineer) = &shift.engineer { (parts::person(engineer, tell)) @if mine { " " strong { "you" } } } @else { span class="state unknown" { (super::icons::state(super::StateView::Unknown)) "nobody" } } }
                            td class="dim" { (origin(shift, reader)) }
                        }
                    }
                }
            }
        }
    }
}

fn origin(shift: &Shift, reader: &Reader<'_>) -> Markup {
    html! {
        @match &shift.origin {
            ShiftOrigin::Scheduled => "their turn",
            ShiftOrigin::Published { buddy, shadow } => {
                "planned"
                @if let Some(buddy) = buddy { ", with " bdi { (reader.tell.first_name(buddy)) } " beside them" }
                @if let Some(shadow) = shadow { ", " bdi { (reader.tell.first_name(shadow)) } " watches" }
            }
            ShiftOrigin::Spread { in_order } => { "their turn this week; before " bdi { (reader.tell.first_name(in_order)) } " so that weekdays change" }
            ShiftOrigin::Exchanged { with } => { "exchanged this week with " bdi { (reader.tell.first_name(with)) } }
            ShiftOrigin::Override { instead_of: Some(id) } => { "instead of " bdi { (reader.tell.name(id)) } }
            ShiftOrigin::Override { instead_of: None } => "the roster says so",
            ShiftOrigin::Covered { instead_of } => {
                @match instead_of { Some(id) => { "agreed, instead of " bdi { (reader.tell.name(id)) } } None => "agreed" }
                @if shift.day > reader.tell.today() { " " (parts::press(reader, &shift_path(reader, shift.day, "end-cover"), "Take back", None, "small", &[])) }
            }
            ShiftOrigin::Served if shift.day == reader.tell.today() => "on duty",
            ShiftOrigin::Served => "served",
            ShiftOrigin::Nobody => "everybody is away: somebody has to step in",
        }
    }
}

fn members(view: &TeamView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        section {
            h2 id="members-title" { "Next turns" }
            table class="members" {
                thead { tr { th scope="col" { "Engineer" } th scope="col" { "Next turn" } } }
                tbody {
                    @for member in &view.members {
                        tr class=[(Some(&member.engineer) == reader.me).then_some("mine")] {
                            td class="grow" { (parts::person(&member.engineer, tell)) @if let Some(team) = &member.team { " " span class="dim team-name" { (parts::text(team)) } } }
                            td {
                                @if let Some(day) = member.next { time datetime=(day) { (tell.day(day)) } } @else { span class="dim" { "not planned" } }
                                @if let Some(leave) = &member.leave { div class="dim leave" { @if leave.from <= tell.today() { "away until " (tell.day(leave.to)) } @else { "away " (tell.day(leave.from)) @if leave.to != leave.from { " to " (tell.day(leave.to)) } } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn shift_path(reader: &Reader<'_>, day: Date, verb: &str) -> String {
    format!("/duty/{}/shifts/{day}/{verb}", reader.duty)
}

fn how_to_change(view: &TeamView, reader: &Reader<'_>) -> Markup {
    html! {
        section class="how" {
            h2 { "Somebody else serves a day" }
            p { "Agree with whoever takes it, then say so here: also for today, at once. The turn of whoever was skipped comes next." }
            @if reader.may_act {
                form class="one-line" method="get" action="/team/cover" {
                    input type="hidden" name="duty" value=(reader.duty);
                    label for="cover-day" class="unseen" { "Which day?" }
                    select id="cover-day" name="day" required {
                        @for shift in &view.shifts {
                            option value=(shift.day) { (reader.tell.day(shift.day)) @if let Some(engineer) = &shift.engineer { ", " (reader.tell.name(engineer)) } @else { ", nobody" } }
                        }
                    }
                    label for="cover-who" class="unseen" { "Who serves it?" }
                    select id="cover-who" name="engineer" required {
                        option value="" { "Who serves it?" }
                        @for member in &view.members {
                            option value=(member.engineer) { (reader.tell.name(&member.engineer)) @if Some(&member.engineer) == reader.me { " (you)" } }
                        }
                    }
                    (parts::button("See what it means", None, "small"))
                }
            }
            p class="dim" { "Days that are known long before may stand in " code { (texts::visible(&view.roster_file)) } " as " code { "overrides" } "." }
        }
    }
}

/// Somebody is to serve a day instead of whose turn it is.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverView {
    /// Which day.
    pub day: Date,
    /// Who is to serve it.
    pub engineer: EngineerId,
    /// Whose turn it is; nobody's when everybody is away.
    pub instead_of: Option<EngineerId>,
    /// Their other turns within a week, as it will be.
    pub near: Vec<Date>,
    /// Other days that move with it, who served them and who will.
    pub moved: Vec<(Date, Option<EngineerId>, Option<EngineerId>)>,
    /// Why it cannot be.
    pub refused: Option<String>,
}

/// Days that move with a cover and are named.
const MOVED_SHOWN: usize = 8;

fn somebody(engineer: Option<&EngineerId>, reader: &Reader<'_>) -> Markup {
    html! { @match engineer { Some(id) => bdi { (reader.tell.name(id)) }, None => "nobody" } }
}

/// What it means, before it is agreed.
pub fn cover(view: &CoverView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let who = tell.name(&view.engineer);
    let days: Vec<String> = view.near.iter().map(|day| tell.day(*day)).collect();
    html! {
        header class="summary" {
            h1 { span { bdi { (who) } " serves " time datetime=(view.day) { (tell.day(view.day)) } @if let Some(id) = &view.instead_of { " instead of " bdi { (tell.name(id)) } } } }
        }
        @if let Some(refused) = &view.refused {
            p { "That cannot be: " (parts::text(refused)) "." }
        } @else {
            ul class="means" {
                @if days.is_empty() { li { "It is their only turn within a week." } }
                @else { li { bdi { (tell.first_name(&view.engineer)) } " also serves " (texts::and(&days)) "." } }
                @for (day, was, is) in view.moved.iter().take(MOVED_SHOWN) {
                    li { time datetime=(day) { (tell.long_day(*day)) } " moves from " (somebody(was.as_ref(), reader)) " to " (somebody(is.as_ref(), reader)) "." }
                }
                @if view.moved.is_empty() { li { "No other day moves within a year." } }
                @if view.moved.len() > MOVED_SHOWN { li { "… and " (texts::count(view.moved.len() - MOVED_SHOWN, "more day")) " within a year." } }
                li { "The log book says who agreed it; it can be taken back until the shift begins." }
            }
            (parts::press(reader, &shift_path(reader, view.day, "cover"), "Agree", None, "go", &[("engineer", view.engineer.as_str())]))
        }
        p { a href={ "/team?duty=" (reader.duty) } { "Back to the team" } }
    }
}

fn how_to_subscribe(view: &TeamView, reader: &Reader<'_>) -> Markup {
    let has_turns = view.members.iter().any(|member| Some(&member.engineer) == reader.me);
    html! {
        @if has_turns {
            section class="how" {
                h2 { "In your calendar" }
                p { "Your calendar program can read your turns by itself: make a calendar feed on " a href="/account#feeds-title" { "your account" } "." }
            }
        }
    }
}

fn administration(admin: &TeamAdminView, view: &TeamView, reader: &Reader<'_>) -> Markup {
    html! {
        section class="admin" aria-labelledby="admin-title" {
            h2 class="part" id="admin-title" { "Screens, calendars and sign-in" }
            div class="columns even" {
                div class="main-column" { div { (walls(admin, reader)) } div { (feeds(admin, reader)) } }
                div { (links(admin, view, reader)) }
            }
        }
    }
}

fn walls(admin: &TeamAdminView, reader: &Reader<'_>) -> Markup {
    let base = format!("/duty/{}/walls", reader.duty);
    html! {
        h3 { "Wall screens" }
        @if let Some(address) = &admin.new_wall { (account::shown_once("Open this address on the screen. It is shown once.", address)) }
        @if admin.walls.is_empty() { p class="dim" { "None yet. A wall screen shows whose day it is and how the steps stand, and can do nothing." } } @else {
            table {
                thead { tr { th scope="col" { "Where" } th scope="col" { "Last looked at" } th scope="col" { "" span class="unseen" { "Revoke" } } } }
                tbody {
                    @for wall in &admin.walls {
                        tr {
                            td class="grow" { (parts::text(&wall.label)) div class="dim" { "made " (parts::time(wall.created_at, &reader.tell)) } }
                            td { @if let Some(at) = wall.last_seen { (parts::age(at, &reader.tell)) } @else { span class="dim" { "never" } } }
                            td { (parts::press(reader, &format!("{base}/{}/revoke", wall.id), "Revoke", None, "small", &[])) }
                        }
                    }
                }
            }
        }
        (parts::form(reader, &base, "one-line", html! {
            label for="wall-label" class="unseen" { "Where does it hang?" }
            input id="wall-label" name="label" maxlength="80" required autocomplete="off" placeholder="Where does it hang?";
            (parts::button("Add a screen", None, "small"))
        }))
    }
}

fn feeds(admin: &TeamAdminView, reader: &Reader<'_>) -> Markup {
    let base = format!("/duty/{}/calendar-feeds", reader.duty);
    html! {
        h3 { "Calendar feeds" }
        @if let Some(address) = &admin.new_feed { (account::new_feed(address)) }
        @if admin.feeds.is_empty() { p class="dim" { "None yet. A calendar program reads every shift of this duty at its address, from a month back to a year ahead. It stays when whoever made it leaves." } } @else {
            (account::feeds(&admin.feeds, reader, &|id| format!("{base}/{id}/revoke"), &[]))
        }
        (account::make_feed(reader, &base))
    }
}

fn links(admin: &TeamAdminView, view: &TeamView, reader: &Reader<'_>) -> Markup {
    html! {
        h3 { "Sign-in links" }
        @if let Some((engineer, address)) = &admin.new_link {
            (account::shown_once(&format!("Give this to {}. It works once and is shown once.", reader.tell.name(engineer)), address))
        } @else { p class="dim" { "A link signs one engineer in, once." } }
        (parts::form(reader, "/links", "one-line", html! {
            label for="link-for" class="unseen" { "For whom?" }
            select id="link-for" name="engineer" required {
                option value="" { "For whom?" }
                @for member in &view.members { option value=(member.engineer) { (reader.tell.name(&member.engineer)) } }
            }
            (parts::button("Make a link", None, "small"))
        }))
    }
}
