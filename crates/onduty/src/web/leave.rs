//! Leave that people tell, for themselves and for others: form and API.

use super::Web;
use super::api::Body;
use super::auth::Visit;
use super::error::HttpError;
use super::form::{self, Back, Posted, own_path};
use super::pages::{me, scene};
use crate::app::leave::LeaveError;
use crate::store;
use crate::texts::Telling;
use crate::texts::leave_calendars::{self, CalendarText};
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::Redirect;
use onduty_core::ids::EngineerId;
use onduty_core::roster::{LeaveKind, ToldLeave};
use serde::Deserialize;
use serde_json::{Value, json};

/// Leave that is told at once.
const MOST: usize = 2_000;

/// One leave.
#[derive(Debug, Deserialize)]
pub struct Told {
    /// Whose; of whoever asks unless given.
    #[serde(default)]
    engineer: Option<String>,
    from: String,
    /// The last day; the first one unless given.
    #[serde(default)]
    to: Option<String>,
    /// `planned`, `long` or `sick`.
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    back: Option<String>,
}

/// Several.
#[derive(Debug, Deserialize)]
pub struct All {
    leave: Vec<Told>,
}

impl From<LeaveError> for HttpError {
    fn from(error: LeaveError) -> HttpError {
        match error {
            LeaveError::Day(error) => error.into(),
            LeaveError::NoSuchLeave(_) => HttpError::NotFound(error.to_string()),
            LeaveError::UnknownEngineer(_) | LeaveError::BadDays { .. } => HttpError::BadInput(error.to_string()),
            LeaveError::TooMany(_) => HttpError::Conflict(error.to_string()),
        }
    }
}

fn read(web: &Web, visit: &Visit, told: &Told, place: &str) -> Result<ToldLeave, HttpError> {
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let day = |text: &str, key: &str| match form::day(text) {
        Err(HttpError::BadInput(said)) => Err(HttpError::BadInput(format!("{place}{key}: {said}"))),
        day => day,
    };
    let from = day(&told.from, "from")?;
    let to = given(&told.to).map_or(Ok(from), |to| day(&to, "to"))?;
    let kind = given(&told.kind).unwrap_or_else(|| LeaveKind::Planned.word().to_owned());
    let kind = LeaveKind::of(&kind)
        .ok_or_else(|| HttpError::BadInput(format!("{place}kind: leave is planned, long or sick")))?;
    let engineer =
        given(&told.engineer).map_or_else(|| visit.person().map(|me| me.acts_as()), |id| Ok(EngineerId::new(id)))?;
    is_member(web, visit, &engineer, place)?;
    Ok(ToldLeave { engineer, from, to, kind })
}

/// What somebody may do in a duty they may do for its members.
fn is_member(web: &Web, visit: &Visit, engineer: &EngineerId, place: &str) -> Result<(), HttpError> {
    let instance = web.app.instance();
    let duty = instance.roster.duty(visit.duty()?);
    if duty.is_some_and(|duty| duty.members.contains(engineer)) {
        return Ok(());
    }
    Err(HttpError::BadInput(format!(
        "{place}{engineer} is no member of this duty; its `members` in the roster say who is"
    )))
}

async fn end_it(web: &Web, visit: &Visit, id: &str) -> Result<(), HttpError> {
    let mut reader = web.app.store.read().await?;
    let all = store::leave::current(&mut reader).await?;
    drop(reader);
    let known = all.into_iter().find(|known| known.id == id);
    let known = known.ok_or_else(|| LeaveError::NoSuchLeave(id.to_owned()))?;
    is_member(web, visit, &known.leave.engineer, "")?;
    Ok(web.app.end_leave(&visit.person()?.acts_as(), id).await?)
}

/// `POST /duty/{duty}/leave`
pub async fn tell(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(told): Posted<Told>,
) -> Result<Redirect, HttpError> {
    let leave = read(&web, &visit, &told, "")?;
    web.app.tell_leave(&visit.person()?.acts_as(), &[leave]).await?;
    Ok(Redirect::to(&own_path(told.back.as_deref().unwrap_or_default(), "/plan")))
}

/// `POST /duty/{duty}/leave/{id}/end`
pub async fn end(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id)): Path<(String, String)>,
    Posted(back): Posted<Back>,
) -> Result<Redirect, HttpError> {
    end_it(&web, &visit, &id).await?;
    Ok(Redirect::to(&own_path(back.back.as_deref().unwrap_or_default(), "/plan")))
}

/// `GET /api/v1/duties/{duty}/leave`: leave of the duty's members that was told; why, only of whoever asks.
pub async fn api(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let instance = web.app.instance();
    let duty = instance.roster.duty(visit.duty()?);
    let mut reader = web.app.store.read().await?;
    let all = store::leave::current(&mut reader).await?;
    drop(reader);
    let me = me(&visit);
    let members = all.iter().filter(|known| duty.is_some_and(|duty| duty.members.contains(&known.leave.engineer)));
    let rows = members.map(|known| {
        let leave = &known.leave;
        let kind = (Some(&leave.engineer) == me.as_ref()).then(|| leave.kind.word());
        json!({"id": known.id, "engineer": leave.engineer, "from": leave.from, "to": leave.to, "kind": kind,
            "by": known.by, "calendar": known.calendar})
    });
    Ok(Json(rows.collect()))
}

/// How the calendars are that tell of leave.
pub fn calendars(web: &Web, tell: &Telling<'_>) -> Vec<CalendarText> {
    let instance = web.app.instance();
    let names = instance.config.leave_calendars.keys();
    names.map(|name| leave_calendars::calendar(name, &web.app.leave_calendars.of(name), tell)).collect()
}

/// `GET /api/v1/duties/{duty}/leave/calendars`
pub async fn api_calendars(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let rows = calendars(&web, &scene.telling()).into_iter().map(|text| {
        json!({"name": text.name, "state": text.state, "says": text.says, "notes": text.notes, "read_at": text.read_at})
    });
    Ok(Json(rows.collect()))
}

/// `POST /api/v1/duties/{duty}/leave`: all of it or none.
pub async fn api_tell(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(all): Body<All>,
) -> Result<Json<Value>, HttpError> {
    if all.leave.len() > MOST {
        return Err(HttpError::BadInput(format!(
            "at most {MOST} leaves are told at once, these are {}",
            all.leave.len()
        )));
    }
    let told = all.leave.iter().enumerate().map(|(n, told)| read(&web, &visit, told, &format!("leave[{n}].")));
    let told: Vec<ToldLeave> = told.collect::<Result<_, _>>()?;
    let new = web.app.tell_leave(&visit.person()?.acts_as(), &told).await?;
    Ok(Json(json!({"new": new, "known": told.len() - new})))
}

/// `POST /api/v1/duties/{duty}/leave/{id}/end`
pub async fn api_end(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Value>, HttpError> {
    end_it(&web, &visit, &id).await?;
    Ok(Json(json!({})))
}
