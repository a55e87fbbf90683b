//! What changed in a duty since somebody served it last: page, form and API.

use super::Web;
use super::api::Body;
use super::auth::Visit;
use super::error::HttpError;
use super::form::{Back, Posted, own_path};
use super::pages::{draw, me, scene};
use super::present::Scene;
use super::views::layout::Here;
use super::views::refresher::{self, ChangeView, RefresherView};
use crate::store;
use axum::Json;
use axum::extract::{Extension, State};
use axum::response::Redirect;
use jiff::Timestamp;
use jiff::civil::Time;
use maud::Markup;
use onduty_core::calendar;
use onduty_core::engine::Action;
use onduty_core::ids::EngineerId;
use onduty_core::schedule::{absence, next_turn};
use serde_json::{Value, json};

/// Versions of the process and cases that are shown.
const SHOWN: usize = 12;

async fn view(web: &Web, scene: &Scene, me: &EngineerId) -> Result<RefresherView, HttpError> {
    let look = &scene.look;
    let duty = &look.duty;
    let today = calendar::day_of(duty, look.now);
    let absence = absence(&look.instance.roster, duty, &look.board().served, me, today);
    let since: Timestamp = calendar::instant_of(duty, absence.from, Time::midnight());
    let mut reader = web.app.store.read().await?;
    let versions = store::processes::list(&mut reader, &duty.id).await?;
    let closed = store::items::closed_between(&mut reader, &duty.id, since, Timestamp::MAX).await?;
    drop(reader);
    let changed = versions.into_iter().filter(|of| of.version.activated_at >= since && !of.version.changes.is_empty());
    let changed = changed.map(|of| ChangeView {
        number: of.number,
        at: of.version.activated_at,
        by: of.version.activated_by,
        reason: of.version.reason,
        changes: of.version.changes,
    });
    let changed: Vec<ChangeView> = changed.collect();
    let next = next_turn(&look.coming(200), me, today).cloned();
    Ok(RefresherView {
        last: absence.last,
        from: absence.from,
        hidden: changed.len().saturating_sub(SHOWN),
        changed: changed.into_iter().take(SHOWN).collect(),
        cases: closed
            .iter()
            .rev()
            .filter(|item| item.conclusion.is_some())
            .take(SHOWN)
            .map(|item| scene.item(item))
            .collect(),
        came: absence.came,
        went: absence.went,
        buddy: next.as_ref().and_then(|shift| shift.buddy().cloned()),
        next: next.map(|shift| shift.day),
        read_at: look.board().refreshed.get(me).copied(),
    })
}

/// `GET /refresher`
pub async fn page(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let me = visit.person()?.acts_as();
    let view = view(&web, &scene, &me).await?;
    let back = format!("/?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, Some(&me), &back);
    let body = refresher::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Since your last turn", Here::Plan, body))
}

/// `POST /duty/{duty}/refresher/read`
pub async fn read(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(back): Posted<Back>,
) -> Result<Redirect, HttpError> {
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), Action::ReadRefresher).await?;
    Ok(Redirect::to(&own_path(back.back.as_deref().unwrap_or_default(), "/")))
}

/// `GET /api/v1/duties/{duty}/refresher`
pub async fn api(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let me = me(&visit).ok_or(HttpError::SignIn)?;
    let view = view(&web, &scene, &me).await?;
    let changed = view.changed.iter().map(|change| {
        json!({"version": change.number, "at": change.at, "by": change.by, "reason": change.reason, "changes": change.changes})
    });
    let cases = view.cases.iter().map(|case| {
        let text = case.item.conclusion.as_ref().map(|conclusion| &conclusion.text);
        json!({"id": case.item.id, "title": case.title(), "conclusion": text})
    });
    Ok(Json(json!({
        "last_turn": view.last,
        "next_turn": view.next,
        "buddy": view.buddy,
        "since": view.from,
        "further_changes": view.hidden,
        "process_changes": changed.collect::<Vec<_>>(),
        "cases": cases.collect::<Vec<_>>(),
        "came": view.came,
        "went": view.went,
        "read_at": view.read_at,
    })))
}

/// `POST /api/v1/duties/{duty}/refresher/read`
pub async fn api_read(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(_): Body<Value>,
) -> Result<Json<Value>, HttpError> {
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), Action::ReadRefresher).await?;
    api(State(web), Extension(visit)).await
}
