//! How often suggestions were right: the page and the API.

use super::Web;
use super::auth::Visit;
use super::error::HttpError;
use super::pages::{draw, me, scene};
use super::present::Scene;
use super::views::layout::Here;
use super::views::suggestions::{self, SuggestionsView};
use crate::store;
use axum::Json;
use axum::extract::{Extension, State};
use jiff::ToSpan;
use maud::Markup;
use onduty_core::owner::accuracy::{Accuracy, accuracy};
use serde_json::{Value, json};

/// How far back it is looked.
const DAYS: i64 = 90;

async fn known(web: &Web, scene: &Scene) -> Result<Accuracy, HttpError> {
    let look = &scene.look;
    let from = look.now.checked_sub((DAYS * 24).hours()).unwrap_or(look.now);
    // What closed in this very moment counts too.
    let to = look.now.checked_add(1.second()).unwrap_or(look.now);
    let mut reader = web.app.store.read().await?;
    let closed = store::items::closed_between(&mut reader, &look.duty.id, from, to).await?;
    Ok(accuracy(closed.iter(), &look.instance.roster))
}

/// `GET /suggestions`
pub async fn page(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let accuracy = known(&web, &scene).await?;
    let steps = accuracy.by_step.keys().map(|(step, _)| (step.to_string(), scene.goal(step)));
    let view = SuggestionsView { goals: steps.collect(), accuracy, days: DAYS };
    let me = me(&visit);
    let back = format!("/suggestions?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = suggestions::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "How often suggestions were right", Here::Elsewhere, body))
}

/// `GET /api/v1/duties/{duty}/suggestions`
pub async fn api(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let all = known(&web, &scene).await?;
    let step = |((step, known), counts): (&(_, _), &_)| json!({"step": step, "known_from": known, "counts": counts});
    let voice =
        |((voice, known), counts): (&(_, _), &_)| json!({"evidence": voice, "known_from": known, "counts": counts});
    Ok(Json(json!({
        "days": DAYS,
        "items": all.items,
        "unknown": all.unknown,
        "by_step": all.by_step.iter().map(step).collect::<Vec<_>>(),
        "by_evidence": all.by_voice.iter().map(voice).collect::<Vec<_>>(),
    })))
}
