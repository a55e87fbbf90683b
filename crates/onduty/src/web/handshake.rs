//! The morning handshake between duties: page, forms and API.

use super::Web;
use super::api::{self, Body};
use super::auth::Visit;
use super::error::HttpError;
use super::form::{Back, Posted, own_path};
use super::pages::{draw, me, scene};
use super::present::Scene;
use super::views::handshake::{self, HandshakeView, OtherView, SideView};
use super::views::layout::Here;
use crate::texts;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::Redirect;
use maud::Markup;
use onduty_core::handshake::Proposed;
use onduty_core::ids::DutyId;
use onduty_core::item::ItemId;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is proposed: an item, or a few words.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    to: String,
    #[serde(default)]
    item: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    back: Option<String>,
}

/// The scenes of the duties with which this one shakes hands.
async fn others(web: &Web, scene: &Scene) -> Result<Vec<Scene>, HttpError> {
    let mut others = Vec::new();
    for duty in &scene.look.duty.handshakes {
        if let Some(look) = web.app.look(duty).await? {
            others.push(Scene::load(&web.app, look).await?);
        }
    }
    Ok(others)
}

/// `GET /handshake`: what is open on both sides.
pub async fn page(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let me = me(&visit);
    let others = others(&web, &scene).await?;
    let view = HandshakeView {
        ours: side(&scene, &visit),
        others: others
            .iter()
            .map(|other| OtherView { side: side(other, &visit), with: scene.with(&other.look.duty.id) })
            .collect(),
    };
    let back = format!("/handshake?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = handshake::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Handshake", Here::Elsewhere, body))
}

/// One duty as the other sees it.
fn side(scene: &Scene, visit: &Visit) -> SideView {
    let look = &scene.look;
    let mut items: Vec<_> = look.memory.items.values().filter(|item| item.is_open()).collect();
    items.sort_by_key(|item| (!item.needs_somebody(), item.opened_at));
    SideView {
        duty: look.duty.id.clone(),
        on_duty: scene.on_duty(None).now,
        items: items.into_iter().map(|item| scene.item(item)).collect(),
        gate: look.board().gates.first().map(|inputs| scene.gate(inputs, visit)),
        unknown: unknown(scene),
        has_process: look.has_process,
    }
}

/// Steps of a duty that cannot be judged: what is open there is then not all that may be wrong.
fn unknown(scene: &Scene) -> usize {
    scene.look.board().steps.iter().filter(|status| status.unknown.is_some()).count()
}

async fn propose_it(web: &Web, visit: &Visit, wanted: &Wanted) -> Result<String, HttpError> {
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let what = match (given(&wanted.item), given(&wanted.text)) {
        (Some(item), None) => {
            let scene = scene(web, visit).await?;
            let id = ItemId::from_text(&item);
            let item = scene.look.memory.items.get(&id).ok_or_else(|| HttpError::no_item(&id))?;
            Proposed::HandOver { title: texts::item_title(item, &scene.goal(&item.step)), item: id }
        }
        (None, Some(text)) => Proposed::PairTask { text },
        _ => {
            return Err(HttpError::BadInput(
                "propose either an `item` or, in a few words, what to do together".to_owned(),
            ));
        }
    };
    let (duty, other) = (visit.duty()?, DutyId::new(wanted.to.clone()));
    Ok(web.app.propose(duty, &other, &visit.person()?.acts_as(), what).await?)
}

fn agreed(answer: &str) -> Result<bool, HttpError> {
    match answer {
        "agree" => Ok(true),
        "decline" => Ok(false),
        _ => Err(HttpError::NotFound(format!("a proposal cannot be told to {}", texts::visible(answer)))),
    }
}

/// `POST /duty/{duty}/handshake/{with}`
pub async fn shake(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((duty, with)): Path<(String, String)>,
    Posted(back): Posted<Back>,
) -> Result<Redirect, HttpError> {
    web.app.shake_hands(visit.duty()?, &DutyId::new(with), &visit.person()?.acts_as()).await?;
    Ok(back_to(back.back.as_deref(), &duty))
}

/// `POST /duty/{duty}/proposals`
pub async fn propose(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(duty): Path<String>,
    Posted(wanted): Posted<Wanted>,
) -> Result<Redirect, HttpError> {
    propose_it(&web, &visit, &wanted).await?;
    Ok(back_to(wanted.back.as_deref(), &duty))
}

/// `POST /duty/{duty}/proposals/{id}/{answer}`
pub async fn answer(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((duty, id, answer)): Path<(String, String, String)>,
    Posted(back): Posted<Back>,
) -> Result<Redirect, HttpError> {
    web.app.answer_proposal(visit.duty()?, &visit.person()?.acts_as(), &id, agreed(&answer)?).await?;
    Ok(back_to(back.back.as_deref(), &duty))
}

fn back_to(back: Option<&str>, duty: &str) -> Redirect {
    Redirect::to(&own_path(back.unwrap_or_default(), &format!("/handshake?duty={duty}")))
}

/// `GET /api/v1/duties/{duty}/handshake`
pub async fn api(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let others = others(&web, &scene).await?;
    let tell = scene.telling();
    let rows = others.iter().map(|other| {
        let duty = &other.look.duty.id;
        let with = scene.with(duty);
        let proposals = with.proposals.iter().map(|(id, proposal)| {
            let mut value = serde_json::to_value(proposal).expect("proposals are plain data");
            value["id"] = json!(id);
            value["text"] = json!(texts::handshake::waiting(&proposal.from, &proposal.to, &proposal.what, &tell));
            value
        });
        let on_duty = other.on_duty(None).now;
        let open = other.look.memory.items.values().filter(|item| item.is_open());
        json!({
            "duty": duty,
            "name": other.look.duty.name,
            "on_duty": on_duty.map(|(engineer, _)| engineer),
            "gates": other.look.board().gates.iter().map(|inputs| api::gate_json(inputs, other)).collect::<Vec<_>>(),
            "unknown_steps": unknown(other),
            "ours": with.handshake.as_ref().and_then(|known| known.ours.as_ref()),
            "theirs": with.handshake.as_ref().and_then(|known| known.theirs.as_ref()),
            "items": open.map(|item| api::item_json(item, other)).collect::<Vec<_>>(),
            "proposals": proposals.collect::<Vec<_>>(),
        })
    });
    Ok(Json(rows.collect()))
}

/// `POST /api/v1/duties/{duty}/handshake/{with}`: answers what is known of all handshakes.
pub async fn api_shake(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, with)): Path<(String, String)>,
    Body(_): Body<Value>,
) -> Result<Json<Value>, HttpError> {
    web.app.shake_hands(visit.duty()?, &DutyId::new(with), &visit.person()?.acts_as()).await?;
    api(State(web), Extension(visit)).await
}

/// `POST /api/v1/duties/{duty}/proposals`: answers what names the proposal.
pub async fn api_propose(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, HttpError> {
    let id = propose_it(&web, &visit, &wanted).await?;
    Ok(Json(json!({"id": id})))
}

/// `POST /api/v1/duties/{duty}/proposals/{id}/{answer}`: answers what still waits.
pub async fn api_answer(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id, answer)): Path<(String, String, String)>,
    Body(_): Body<Value>,
) -> Result<Json<Value>, HttpError> {
    web.app.answer_proposal(visit.duty()?, &visit.person()?.acts_as(), &id, agreed(&answer)?).await?;
    api(State(web), Extension(visit)).await
}
