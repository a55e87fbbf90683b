//! What rollouts did to response times: the pages and the API.

use super::Web;
use super::auth::Visit;
use super::error::HttpError;
use super::pages::{draw, me, scene};
use super::present::Scene;
use super::views::layout::Here;
use super::views::performance::{self, EndpointPageView, PerformancePageView};
use crate::store::performance as reports;
use axum::Json;
use axum::extract::{Extension, Query, State};
use maud::Markup;
use onduty_core::compared::{self};
use onduty_core::ids::Environment;
use onduty_core::item::ItemId;
use onduty_core::performance::EndpointFact;
use onduty_core::signal::{Fact, Feed, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

/// Rollouts that are listed.
const ROLLOUTS: u32 = 30;
/// Rollouts of an endpoint's history.
const HISTORY: u32 = 60;

/// What is asked for.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// Which rollout; the newest that was compared unless given.
    rollout: Option<String>,
    /// Whether all rows are wanted.
    all: Option<String>,
}

/// Which endpoint.
#[derive(Debug, Deserialize)]
pub struct AskedEndpoint {
    name: String,
}

fn environment(scene: &Scene) -> Environment {
    let active = scene.look.instance.process(&scene.look.duty.id);
    let duty = &scene.look.duty;
    active.map_or_else(|| duty.watches.main_environment(), |active| active.process.compared_environment(duty))
}

/// Endpoints that were told, with their open items.
fn told(scene: &Scene, environment: &Environment) -> Vec<(EndpointFact, Option<ItemId>)> {
    let told = scene.look.snapshot.of_kind(&Kind::Performance).filter_map(|(subject, state)| match &state.fact {
        Fact::Endpoint(fact) if fact.environment == *environment => Some((subject, fact)),
        _ => None,
    });
    told.map(|(subject, fact)| {
        let open = scene.look.memory.items.values().find(|item| item.is_open() && item.subject == *subject);
        (fact.clone(), open.map(|item| item.id.clone()))
    })
    .collect()
}

async fn view(web: &Web, scene: &Scene, asked: &Asked) -> Result<PerformancePageView, HttpError> {
    let environment = environment(scene);
    let mut reader = web.app.store.read().await?;
    let rollouts = reports::newest(&mut reader, &environment, ROLLOUTS).await?;
    let report = match &asked.rollout {
        Some(rollout) => {
            let known = reports::report(&mut reader, &environment, rollout).await?;
            Some(known.ok_or_else(|| HttpError::NotFound("nothing is kept about that rollout".to_owned()))?)
        }
        None => rollouts.first().cloned(),
    };
    let endpoints = match &report {
        Some(report) => reports::endpoints(&mut reader, &environment, &report.compared.rollout).await?,
        None => Vec::new(),
    };
    Ok(PerformancePageView {
        told: told(scene, &environment),
        newest: compared::newest_compared(&scene.look.snapshot, &environment).cloned(),
        is_watched: matches!(scene.look.snapshot.feed(&Kind::Performance), Feed::Known { .. }),
        all: asked.all.is_some(),
        environment,
        report,
        endpoints,
        rollouts,
    })
}

/// `GET /performance`
pub async fn page(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(asked): Query<Asked>,
) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let view = view(&web, &scene, &asked).await?;
    let me = me(&visit);
    let back = format!("/performance?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = performance::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Performance", Here::Performance, body))
}

/// `GET /performance/endpoint`
pub async fn endpoint(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(asked): Query<AskedEndpoint>,
) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let environment = environment(&scene);
    let mut store = web.app.store.read().await?;
    let history = reports::history(&mut store, &environment, &asked.name, HISTORY).await?;
    drop(store);
    let told = told(&scene, &environment).into_iter().find(|(fact, _)| fact.name == asked.name);
    let view = EndpointPageView { environment, name: asked.name, history, told };
    let me = me(&visit);
    let back = format!("/performance?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = performance::endpoint_page(&view, &reader);
    Ok(draw(&web, &scene, &reader, &view.name, Here::Performance, body))
}

/// `GET /api/v1/duties/{duty}/performance`
pub async fn api(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let view = view(&web, &scene, &asked).await?;
    let told = view.told.iter().map(|(fact, item)| json!({"endpoint": fact, "item": item}));
    Ok(Json(json!({
        "environment": view.environment,
        "newest": view.newest,
        "report": view.report,
        "endpoints": view.endpoints.iter().map(|endpoint| &endpoint.judged).collect::<Vec<_>>(),
        "told": told.collect::<Vec<_>>(),
        "rollouts": view.rollouts.iter().map(|report| &report.compared).collect::<Vec<_>>(),
    })))
}
