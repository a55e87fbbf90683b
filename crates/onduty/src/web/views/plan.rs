//! *Plan*: the months ahead, whose share is how large, shifts that change hands; and what a new plan would change.

use super::fairness::{self, FairnessView};
use super::{Reader, StateView, icons, leave_calendars, parts, refresher};
use crate::texts::{self, leave_calendars::CalendarText};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use maud::{Markup, html};
use onduty_core::engine::{ShiftMove, ShiftOffer};
use onduty_core::ids::EngineerId;
use onduty_core::schedule::{Comeback, Price, Shift};
use std::collections::BTreeMap;

/// The page.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanView {
    /// The duty, as people write it.
    pub duty_name: String,
    /// The last day of the published plan.
    pub published_until: Option<Date>,
    /// The months that are drawn, each by its first day.
    pub months: Vec<Date>,
    /// Shifts of those months, by day.
    pub shifts: BTreeMap<Date, Shift>,
    /// Days of those months that nobody serves because of a holiday, with their names.
    pub holidays: BTreeMap<Date, String>,
    /// Days of those months on which the reader is away.
    pub away: Vec<Date>,
    /// The reader's coming turns.
    pub mine: Vec<Date>,
    /// Days on which the reader is beside somebody, and whom.
    pub beside: Vec<(Date, EngineerId)>,
    /// The reader's turns that moved and that they have not said to know of.
    pub moves: Vec<ShiftMove>,
    /// Shifts that are offered, by day.
    pub offers: Vec<OfferView>,
    /// Whether somebody else has to agree to a swap.
    pub agrees_to_swaps: bool,
    /// Days of the published plan whose engineer is away.
    pub holes: Vec<Date>,
    /// Leave that was told and is not over, soonest first.
    pub leave: Vec<LeaveView>,
    /// The calendars that tell of leave.
    pub calendars: Vec<CalendarText>,
    /// Everybody's part.
    pub fairness: FairnessView,
    /// Why somebody serves the day that was asked about.
    pub why: Option<WhyView>,
    /// Plans that were published, newest first.
    pub versions: Vec<VersionView>,
    /// The reader may publish a plan.
    pub may_publish: bool,
    /// Who can take shifts.
    pub members: Vec<EngineerId>,
}

/// Somebody is away.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaveView {
    /// Names it.
    pub id: String,
    /// Who.
    pub engineer: EngineerId,
    /// First day away.
    pub from: Date,
    /// Last day away.
    pub to: Date,
    /// The calendar that told it; a person otherwise.
    pub calendar: Option<String>,
}

/// An offered shift.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferView {
    /// Which day.
    pub day: Date,
    /// The offer.
    pub offer: ShiftOffer,
    /// What it costs both sides when it is taken: by whom it was, by whom it is offered to, or by the reader.
    pub price: Vec<Price>,
}

/// Why somebody serves a day.
#[derive(Debug, Clone, PartialEq)]
pub struct WhyView {
    /// Which day.
    pub day: Date,
    /// Who; nobody where nobody can.
    pub engineer: Option<EngineerId>,
    /// Sentences.
    pub because: Vec<String>,
}

/// A plan that was published.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionView {
    /// Its number.
    pub number: u32,
    /// Who published it.
    pub by: EngineerId,
    /// When.
    pub at: Timestamp,
    /// Its last day.
    pub until: Date,
    /// How many days moved.
    pub moved: usize,
}

/// The whole page.
pub fn page(view: &PlanView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        header class="summary" {
            h1 { span {
                @match view.published_until {
                    Some(day) => { "Planned until " time datetime=(day) { (tell.long_day(day)) } }
                    None => "No plan is published yet",
                }
            } }
            p class="dim" {
                (parts::text(&view.duty_name)) " · "
                @if view.published_until.is_some() { "later days are what the rotation would give" }
                @else { "the rotation shows whose turn it would be; a plan looks at leave, load and distance together" }
                " · " a href={ "/refresher?duty=" (reader.duty) } { "Since your last turn" }
                " · " a href={ "/plan/what-if?duty=" (reader.duty) } { "What if the team were another one?" }
            }
        }
        (moves(&view.moves, reader))
        @if !view.holes.is_empty() { (holes(view, reader)) }
        @if view.may_publish { (make(reader)) }
        (calendar(view, reader))
        @if let Some(why) = &view.why { (because(why, reader)) }
        div class="columns even" {
            div class="main-column" { (my_turns(view, reader)) (offers(view, reader)) (leave(view, reader)) }
            div class="main-column" { (fairness::section(&view.fairness, reader)) (versions(view, reader)) }
        }
    }
}

/// A page below what the reader has to know of their turns.
pub fn below_moves(moved: &[ShiftMove], back: Option<Comeback>, reader: &Reader<'_>, body: Markup) -> Markup {
    html! { (moves(moved, reader)) @if let Some(back) = back { (refresher::notice(&back, reader)) } (body) }
}

/// The reader's turns that moved, until they say that they know.
fn moves(moves: &[ShiftMove], reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let Some(newest) = moves.iter().map(|moved| moved.at).max() else { return html! {} };
    html! {
        section class="moved notice" aria-labelledby="moved-title" {
            h2 id="moved-title" { (icons::state(StateView::NeedsYou)) " Your turns have changed" }
            ul {
                @for moved in moves {
                    li {
                        time datetime=(moved.day) { (tell.day(moved.day)) } ": "
                        @if moved.is.as_ref() == reader.me { "you serve, instead of " (parts::somebody(moved.was.as_ref(), reader)) }
                        @else { (parts::somebody(moved.is.as_ref(), reader)) " serves instead of you" }
                        span class="dim" { ", " bdi { (tell.name(&moved.by)) } " changed it " (parts::time(moved.at, tell)) }
                    }
                }
            }
            (parts::press(reader, &format!("/duty/{}/moves/seen", reader.duty), "I know", None, "small", &[("until", &newest.to_string())]))
        }
    }
}

/// Days of a published plan that are named.
const HOLES_SHOWN: usize = 6;

fn holes(view: &PlanView, reader: &Reader<'_>) -> Markup {
    let mut days: Vec<String> = view.holes.iter().take(HOLES_SHOWN).map(|day| reader.tell.day(*day)).collect();
    if view.holes.len() > HOLES_SHOWN {
        days.push(texts::count(view.holes.len() - HOLES_SHOWN, "more day"));
    }
    html! {
        section class="notice" aria-labelledby="holes-title" {
            h2 id="holes-title" { (icons::state(StateView::NeedsYou)) " " (texts::count(view.holes.len(), "planned day")) " of somebody who is away" }
            p { (texts::and(&days)) ": the rotation fills in until the plan is made anew." @if !view.may_publish { " Ask whoever looks after the duty." } }
        }
    }
}

fn leave(view: &PlanView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        section aria-labelledby="leave-title" {
            h2 id="leave-title" { "Who is away" }
            @if view.leave.is_empty() { p class="dim" { "Nobody has told of leave here. Leave in the roster file counts as well." } }
            ul class="my-turns" {
                @for leave in &view.leave {
                    li {
                        bdi { (tell.name(&leave.engineer)) } ", " time datetime=(leave.from) { (tell.day(leave.from)) }
                        @if leave.to != leave.from { " to " time datetime=(leave.to) { (tell.day(leave.to)) } }
                        @if let Some(calendar) = &leave.calendar { span class="dim" { " by the calendar " (texts::visible(calendar)) } }
                        " " (parts::press(reader, &format!("/duty/{}/leave/{}/end", reader.duty, leave.id), "There after all", None, "small quiet", &[]))
                    }
                }
            }
            (parts::form(reader, &format!("/duty/{}/leave", reader.duty), "offer-form", html! {
                label for="leave-who" { "Who" }
                select id="leave-who" name="engineer" {
                    @for member in &view.members { option value=(member) selected[Some(member) == reader.me] { (tell.name(member)) } }
                }
                label for="leave-from" { "from" }
                input type="date" id="leave-from" name="from" required;
                label for="leave-to" { "to" }
                input type="date" id="leave-to" name="to";
                label for="leave-kind" { "because" }
                select id="leave-kind" name="kind" {
                    option value="planned" { "planned" }
                    option value="long" { "for months" }
                    option value="sick" { "ill" }
                }
                (parts::button("Say so", None, "small"))
            }))
            p class="dim" { "It counts at once. Whoever serves instead is told; nobody is told why." }
            (leave_calendars::list(&view.calendars))
        }
    }
}

fn make(reader: &Reader<'_>) -> Markup {
    html! {
        form class="one-line make-plan" method="get" action="/plan/proposal" {
            input type="hidden" name="duty" value=(reader.duty);
            label for="plan-until" { "Plan until" }
            input type="date" id="plan-until" name="until" value=(reader.tell.today().saturating_add(13.weeks())) min=(reader.tell.today().saturating_add(1.days())) max=(reader.tell.today().saturating_add(360.days()));
            (parts::button("See what would change", None, ""))
        }
    }
}

fn calendar(view: &PlanView, reader: &Reader<'_>) -> Markup {
    let is_year = view.months.len() > 3;
    html! {
        section aria-labelledby="calendar-title" {
            div class="head-line" {
                h2 id="calendar-title" { "Who serves when" }
                @if is_year { a href={ "/plan?duty=" (reader.duty) } { "Three months" } }
                @else { a href={ "/plan?duty=" (reader.duty) "&months=12" } { "The whole year" } }
            }
            div class={ "plan-months" @if is_year { " year" } } { @for month in &view.months { (self::month(*month, view, reader)) } }
            p class="dim key" {
                span class="plan-key mine" {} " you " span class="plan-key away" {} " you are away "
                span class="plan-key forecast" {} " not published: what the rotation would give"
            }
        }
    }
}

fn month(first: Date, view: &PlanView, reader: &Reader<'_>) -> Markup {
    let last = first.last_of_month();
    let monday = first.saturating_sub(i32::from(first.weekday().to_monday_zero_offset()).days());
    let weeks = (0..6).map(|week| monday.saturating_add((week * 7).days())).take_while(|monday| *monday <= last);
    html! {
        table class="plan-month" {
            caption { (first.strftime("%B %Y").to_string()) }
            thead { tr { @for day in ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] { th scope="col" { (day) } } } }
            tbody {
                @for monday in weeks {
                    tr {
                        @for offset in 0..7 {
                            @let day = monday.saturating_add(offset.days());
                            @if day.month() == first.month() { (cell(day, view, reader)) } @else { td class="out" {} }
                        }
                    }
                }
            }
        }
    }
}

fn cell(day: Date, view: &PlanView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    let shift = view.shifts.get(&day);
    let engineer = shift.and_then(|shift| shift.engineer.as_ref());
    let is_mine = engineer.is_some() && engineer == reader.me;
    let is_forecast = view.published_until.is_none_or(|until| day > until);
    let mut class = String::new();
    for (is, name) in [
        (is_mine, "mine "),
        (day == tell.today(), "is-today "),
        (view.away.contains(&day), "away "),
        (day < tell.today(), "past "),
        (is_forecast, "forecast"),
    ] {
        class.push_str(if is { name } else { "" });
    }
    html! {
        td class=[Some(class.trim_end()).filter(|class| !class.is_empty())] {
            span class="number" { (day.day()) }
            @match (shift, engineer, view.holidays.get(&day)) {
                (Some(_), Some(engineer), _) => a href={ "/plan?duty=" (reader.duty) "&day=" (day) "#why" } title={ (tell.name(engineer)) ", " (tell.long_day(day)) } { bdi { (tell.first_name(engineer)) } },
                (Some(_), None, _) => a class="nobody" href={ "/plan?duty=" (reader.duty) "&day=" (day) "#why" } { "nobody" },
                (None, _, Some(name)) => span class="dim" title=(texts::visible(name)) { (parts::text(name)) },
                _ => {},
            }
        }
    }
}

fn because(why: &WhyView, reader: &Reader<'_>) -> Markup {
    html! {
        section class="why-day" id="why" aria-labelledby="why-title" {
            h2 id="why-title" { "Why " (parts::somebody(why.engineer.as_ref(), reader)) " on " time datetime=(why.day) { (reader.tell.day(why.day)) } }
            ul { @for sentence in &why.because { li { (parts::said(sentence)) } } }
        }
    }
}

fn my_turns(view: &PlanView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        section aria-labelledby="mine-title" {
            h2 id="mine-title" { "Your turns" }
            @if view.mine.is_empty() { p class="dim" { "You have none in the time that is shown." } }
            ul class="my-turns" { @for day in &view.mine { li { time datetime=(day) { (tell.long_day(*day)) } } } }
            @if !view.beside.is_empty() {
                p { "You are beside somebody:" }
                ul class="my-turns" { @for (day, engineer) in &view.beside { li { time datetime=(day) { (tell.long_day(*day)) } ", " bdi { (tell.name(engineer)) } } } }
            }
            @if reader.may_act && !view.mine.is_empty() {
                h3 { "Cannot serve one of them?" }
                p { "Offer it: to everybody, or to one engineer; for nothing, or for one of their days. It stays yours until somebody takes it"
                    @if view.agrees_to_swaps { " and somebody else agrees" } "." }
                (parts::form(reader, &format!("/duty/{}/offers", reader.duty), "offer-form", html! {
                    label for="offer-day" { "Your day" }
                    select id="offer-day" name="day" required { @for day in &view.mine { option value=(day) { (tell.day(*day)) } } }
                    label for="offer-to" { "To" }
                    select id="offer-to" name="to" {
                        option value="" { "everybody" }
                        @for member in view.members.iter().filter(|member| Some(*member) != reader.me) { option value=(member) { (tell.name(member)) } }
                    }
                    label for="offer-return" { "For" }
                    select id="offer-return" name="in_return" {
                        option value="" { "nothing" }
                        @for shift in view.shifts.values().filter(|shift| shift.day >= tell.today() && shift.engineer.is_some() && shift.engineer.as_ref() != reader.me) {
                            option value=(shift.day) { (tell.day(shift.day)) @if let Some(engineer) = &shift.engineer { ", " (tell.name(engineer)) } }
                        }
                    }
                    (parts::button("Offer it", None, "small"))
                }))
            }
        }
    }
}

fn offers(view: &PlanView, reader: &Reader<'_>) -> Markup {
    html! {
        section aria-labelledby="offers-title" {
            h2 id="offers-title" { "Offered shifts" }
            @if view.offers.is_empty() { p class="dim" { "Nobody offers a shift. An engineer who cannot serve offers the day here, and whoever can takes it." } }
            ul class="offers" { @for offer in &view.offers { li { (self::offer(offer, reader)) } } }
        }
    }
}

fn offer(view: &OfferView, reader: &Reader<'_>) -> Markup {
    let OfferView { day, offer, price } = view;
    let tell = &reader.tell;
    let path = |verb: &str| format!("/duty/{}/shifts/{day}/{verb}", reader.duty);
    let may_take = offer.to.as_ref().is_none_or(|to| Some(to) == reader.me) && Some(&offer.engineer) != reader.me;
    let is_part = [Some(&offer.engineer), offer.taken_by.as_ref()].contains(&reader.me);
    html! {
        p {
            time datetime=(day) { strong { (tell.day(*day)) } } " of " bdi { (tell.name(&offer.engineer)) }
            @if offer.by != offer.engineer { span class="dim" { " (offered by " bdi { (tell.name(&offer.by)) } ")" } }
            ", to " @match &offer.to { Some(to) => bdi { (tell.name(to)) }, None => "everybody" }
            @if let Some(other) = offer.in_return { ", for " time datetime=(other) { (tell.day(other)) } }
            @if let Some(taker) = &offer.taken_by { ". " bdi { (tell.name(taker)) } " takes it; somebody else has to agree" }
        }
        @for price in price { p class="dim" { "Its price: " (parts::said(&texts::plan::price(price, tell))) "." } }
        div class="acts" {
            @if offer.taken_by.is_some() && !is_part { (parts::press(reader, &path("agree"), "Agree", None, "small", &[])) }
            @if offer.taken_by.is_none() && may_take { (parts::press(reader, &path("take"), "Take it", None, "small", &[])) }
            @if Some(&offer.engineer) == reader.me { (parts::press(reader, &path("end-offer"), "Take it back", None, "small quiet", &[])) }
            @else if offer.to.is_some() && may_take || offer.taken_by.is_some() { (parts::press(reader, &path("end-offer"), "Decline", None, "small quiet", &[])) }
        }
    }
}

fn versions(view: &PlanView, reader: &Reader<'_>) -> Markup {
    let tell = &reader.tell;
    html! {
        @if !view.versions.is_empty() {
            section aria-labelledby="versions-title" {
                h2 id="versions-title" { "Published plans" }
                ul class="plan-versions" {
                    @for version in &view.versions {
                        li {
                            "Plan " (version.number) ", until " time datetime=(version.until) { (tell.day(version.until)) }
                            span class="dim" { ", by " bdi { (tell.name(&version.by)) } " " (parts::time(version.at, tell)) ", " @if version.moved == 0 { "nothing moved" } @else { (texts::count(version.moved, "day")) " moved" } }
                        }
                    }
                }
            }
        }
    }
}
