//! The pages: each loads one look, turns it into a view, and draws it.

use super::auth::Visit;
use super::calendar_feeds;
use super::error::HttpError;
use super::flash::Flash;
use super::form;
use super::policy::Wish;
use super::present::Scene;
use super::views::item::ItemPageView;
use super::views::layout::{self, Here, LayoutView};
use super::views::log::{LogPageView, LogShown};
use super::views::process::{ActiveProcess, ProcessPageView, VersionView};
use super::views::rollout::RolloutPageView;
use super::views::team::{MemberView, TeamAdminView, TeamView, WallLinkView};
use super::views::{self, Reader, StateView};
use super::{Web, views::door};
use crate::store::access::FeedOf;
use crate::store::{self, access};
use crate::texts;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::ToSpan;
use jiff::civil::Date;
use maud::Markup;
use onduty_core::ids::{DutyId, EngineerId, StepId};
use onduty_core::item::ItemId;
use onduty_core::schedule;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Loads the scene of the visit's duty.
pub(super) async fn scene(web: &Web, visit: &Visit) -> Result<Scene, HttpError> {
    let duty = visit.duty()?;
    let look = web.app.look(duty).await?.ok_or_else(|| HttpError::NotFound(format!("there is no duty {duty}")))?;
    Ok(Scene::load(&web.app, look).await?)
}

/// Who the visitor acts as.
pub(super) fn me(visit: &Visit) -> Option<EngineerId> {
    visit.person().ok().map(super::policy::Person::acts_as)
}

/// Draws `body` in the layout.
pub(super) fn draw(web: &Web, scene: &Scene, reader: &Reader<'_>, title: &str, here: Here, body: Markup) -> Markup {
    layout::page(&scene.layout(&web.app, title, here, reader.me), reader, body)
}

/// `GET /`
pub async fn today(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let me = me(&visit);
    let back = format!("/?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = views::today::page(&scene.today(&visit, me.as_ref()), &reader);
    let body = views::plan::below_moves(&scene.moves(me.as_ref()), scene.comeback(me.as_ref()), &reader, body);
    Ok(draw(&web, &scene, &reader, "Today", Here::Today, body))
}

/// The query of an item's page.
#[derive(Debug, Deserialize)]
pub struct ItemQuery {
    /// Who asks why they are not proposed as owner.
    #[serde(rename = "why-not")]
    why_not: Option<String>,
}

/// `GET /items/{id}`
pub async fn item(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Query(query): Query<ItemQuery>,
) -> Result<Markup, HttpError> {
    let id = ItemId::from_text(&id);
    let scene = scene(&web, &visit).await?;
    let mut reader = web.app.store.read().await?;
    let item = store::items::get(&mut reader, &id).await?.ok_or_else(|| HttpError::no_item(&id))?;
    let history = store::log_book::entries_of_item(&mut reader, &item.duty, &id).await?;
    let earlier = store::items::earlier(&mut reader, &item).await?;
    drop(reader);
    let view = ItemPageView {
        blocks: scene.blocks(&item.step),
        history: scene.lines(&history),
        earlier: earlier.iter().map(|other| scene.item(other)).collect(),
        item: scene.item(&item),
        asked_about: query.why_not.map(EngineerId::new),
    };
    let me = me(&visit);
    let back = format!("/items/{id}");
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = views::item::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, &view.item.title(), Here::Elsewhere, body))
}

/// The query of the log book's page.
#[derive(Debug, Deserialize)]
pub struct LogQuery {
    day: Option<String>,
    q: Option<String>,
    correct: Option<i64>,
}

/// Entries that a search shows.
const FOUND: u32 = 100;

/// `GET /log`
pub async fn log(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(query): Query<LogQuery>,
) -> Result<Markup, HttpError> {
    let mut scene = scene(&web, &visit).await?;
    let duty = scene.look.duty.id.clone();
    let mut reader = web.app.store.read().await?;
    let day = day_of(query.day.as_deref(), &scene)?;
    let searched = query.q.as_deref().map(str::trim).filter(|words| !words.is_empty());
    let shown = match searched {
        Some(words) => {
            let mut found = store::log_book::search(&mut reader, &duty, words, FOUND + 1).await?;
            let more = found.len() > FOUND as usize;
            found.truncate(FOUND as usize);
            scene.with_items_of(&mut reader, &found).await?;
            LogShown::Found { query: words.to_owned(), lines: scene.lines(&found), more }
        }
        None => {
            let entries = store::log_book::entries_of(&mut reader, &duty, day).await?;
            scene.with_items_of(&mut reader, &entries).await?;
            LogShown::Day { day, engineer: scene.served(day), lines: scene.lines(&entries) }
        }
    };
    let mut days = BTreeMap::new();
    for back in 0..3 {
        let month = day.first_of_month().checked_sub(back.months()).unwrap_or(day);
        let counts = store::log_book::days_of_month(&mut reader, &duty, month).await?;
        days.extend(counts.into_iter().map(|(day, count)| (day, count as u32)));
    }
    drop(reader);
    let view = LogPageView { duty_name: scene.look.duty.name.clone(), shown, days, correcting: query.correct };
    let me = me(&visit);
    let back = format!("/log?duty={duty}&day={day}");
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = views::log::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Log book", Here::Log, body))
}

fn day_of(text: Option<&str>, scene: &Scene) -> Result<Date, HttpError> {
    let current = || {
        onduty_core::calendar::shift_day_at(&scene.look.duty, scene.look.now)
            .unwrap_or_else(|| onduty_core::calendar::day_of(&scene.look.duty, scene.look.now))
    };
    Ok(form::optional_day(text)?.unwrap_or_else(current))
}

/// `GET /log/{duty}/{file}`: `2026-03-02.md`
pub async fn log_markdown(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((duty, file)): Path<(String, String)>,
) -> Result<Response, HttpError> {
    let mut scene = scene(&web, &visit).await?;
    let name = file.strip_suffix(".md").ok_or_else(|| HttpError::NotFound(format!("there is no {file}")))?;
    let day = day_of(Some(name), &scene)?;
    let duty = DutyId::new(duty);
    let mut reader = web.app.store.read().await?;
    let entries = store::log_book::entries_of(&mut reader, &duty, day).await?;
    scene.with_items_of(&mut reader, &entries).await?;
    let engineer = scene.served(day);
    let lines = scene.lines(&entries);
    let day = texts::LogDay { duty: &scene.look.duty.name, day, engineer: engineer.as_ref(), lines: &lines };
    let text = texts::markdown_log(&day, &scene.telling());
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// `GET /process`
pub async fn process(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let look = &scene.look;
    let mut reader = web.app.store.read().await?;
    let versions = store::processes::list(&mut reader, &look.duty.id).await?;
    drop(reader);
    let standing = |step: &StepId| {
        let status = look.board().steps.iter().find(|status| status.step == *step);
        (status.map_or(StateView::Unknown, |status| scene.state(status, &visit)), look.memory.open_of(step).count())
    };
    let active = look
        .instance
        .process(&look.duty.id)
        .map(|active| ActiveProcess::of(&active.process, active.version, active.text.clone(), standing));
    let view = ProcessPageView {
        file: format!("{}/{}.yml", file_name(&look.instance.config.processes), look.duty.id),
        active,
        problems: look.instance.problems.clone(),
        versions: versions.into_iter().map(version).collect(),
    };
    let me = me(&visit);
    let back = format!("/process?duty={}", look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = views::process::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Process", Here::Process, body))
}

fn version(version: store::processes::Version) -> VersionView {
    let what = version.version;
    VersionView {
        version: version.number,
        at: what.activated_at,
        by: what.activated_by,
        reason: what.reason,
        changes: what.changes,
    }
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// `GET /team`
pub async fn team(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let look = &scene.look;
    let flash = web.flashes.take(&visit);
    let me = me(&visit);
    let today = onduty_core::calendar::day_of(&look.duty, look.now);
    let plan = look.coming(200);
    let mut members: Vec<MemberView> = look
        .duty
        .members
        .iter()
        .filter_map(|id| look.instance.roster.engineers.get(id))
        .map(|engineer| MemberView {
            engineer: engineer.id.clone(),
            team: engineer.team.clone(),
            next: schedule::next_turn(&plan, &engineer.id, today).map(|shift| shift.day),
            leave: engineer.leave.iter().filter(|leave| leave.to >= today).min_by_key(|leave| leave.from).cloned(),
        })
        .collect();
    members.sort_by_key(|member| (member.next.is_none(), member.next, member.engineer.clone()));
    let again =
        me.as_ref().and_then(|me| schedule::next_turn(&plan, me, today.tomorrow().ok()?)).map(|shift| shift.day);
    let admin = if visit.may(Wish::ManageWalls) { Some(admin_view(&web, &scene, flash).await?) } else { None };
    let view = TeamView {
        duty_name: look.duty.name.clone(),
        hours: format!("{}–{}", look.duty.starts.strftime("%H:%M"), look.duty.ends.strftime("%H:%M")),
        roster_file: file_name(&look.instance.config.roster),
        shifts: plan.iter().take(15).cloned().collect(),
        holidays: look.duty.holidays.range(today..).take(10).map(|(day, name)| (*day, name.clone())).collect(),
        members,
        again,
        admin,
    };
    let back = format!("/team?duty={}", look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = views::team::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Team", Here::Team, body))
}

async fn admin_view(web: &Web, scene: &Scene, flash: Option<Flash>) -> Result<TeamAdminView, HttpError> {
    let mut reader = web.app.store.read().await?;
    let walls = access::wall_tokens(&mut reader).await?;
    let mine = walls.into_iter().filter(|wall| wall.revoked_at.is_none() && wall.duty == scene.look.duty.id);
    let walls = mine.map(|wall| WallLinkView {
        last_seen: web.walls.last_seen(&wall.id),
        id: wall.id,
        label: wall.name,
        created_at: wall.created_at,
    });
    let walls = walls.collect();
    let feeds = calendar_feeds::feeds(&mut reader, &FeedOf::Duty(scene.look.duty.id.clone())).await?;
    let mut view = TeamAdminView { walls, new_wall: None, feeds, new_feed: None, new_link: None };
    match flash {
        Some(Flash::Wall(address)) => view.new_wall = Some(address),
        Some(Flash::CalendarFeed(address)) => view.new_feed = Some(address),
        Some(Flash::Link(engineer, address)) => view.new_link = Some((engineer, address)),
        Some(Flash::Token(_)) | None => {}
    }
    Ok(view)
}

/// The query of the rollout's page.
#[derive(Debug, Deserialize)]
pub struct RolloutQuery {
    output: Option<String>,
}

/// `GET /rollout`
pub async fn rollout(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(query): Query<RolloutQuery>,
) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let mut reader = web.app.store.read().await?;
    let asked = match &query.output {
        Some(id) => store::rollouts::get(&mut reader, id).await?,
        None => None,
    };
    let output = match asked {
        Some(attempt) if attempt.press.duty == scene.look.duty.id => {
            let lines = store::rollouts::output(&mut reader, &attempt.press.id, 0, u32::MAX).await?;
            let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
            Some(scene.output(&attempt, &lines))
        }
        _ => None,
    };
    drop(reader);
    let view = RolloutPageView {
        gate: scene.look.board().gates.first().map(|inputs| scene.gate(inputs, &visit)),
        history: scene.rollouts(),
        output,
    };
    let me = me(&visit);
    let back = format!("/rollout?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = views::rollout::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Rollout", Here::Rollout, body))
}

/// A page around something that needs no duty: doors and errors.
pub(super) fn bare(web: &Web, title: &str, body: impl FnOnce(&Reader<'_>) -> Markup) -> Markup {
    let instance = web.app.instance();
    let nobody = DutyId::from("");
    let utc = jiff::tz::TimeZone::UTC;
    let first = instance.roster.duties.first();
    let reader = Reader {
        tell: texts::Telling {
            now: web.app.clock.duty_now(),
            zone: first.map_or(&utc, |duty| &duty.zone),
            roster: &instance.roster,
            process: None,
        },
        duty: first.map_or(&nobody, |duty| &duty.id),
        me: None,
        csrf: "",
        back: "/",
        may_act: false,
        administers: false,
    };
    let view = LayoutView {
        title: title.to_owned(),
        here: Here::Door,
        duties: Vec::new(),
        on_duty: None,
        process_version: None,
        demo: None,
    };
    layout::page(&view, &reader, body(&reader))
}

/// The page of an error; `asked` is the page that somebody wanted to see.
pub(super) fn error_page(web: &Web, view: &door::ErrorView, asked: &str) -> Markup {
    if view.status == 401 {
        return super::door::draw_sign_in(web, asked.to_owned(), true);
    }
    bare(web, "Not possible", |_| door::error(view))
}
