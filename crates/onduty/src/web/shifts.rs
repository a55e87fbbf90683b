//! Who serves which day instead: pages and API.

use super::Web;
use super::api::{self, Body};
use super::auth::Visit;
use super::error::HttpError;
use super::form::{self, Posted, own_path};
use super::pages::{draw, me, scene};
use super::views::layout::Here;
use super::views::team::{self, CoverView};
use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::response::Redirect;
use maud::Markup;
use onduty_core::engine::Action;
use onduty_core::ids::EngineerId;
use onduty_core::schedule::{self, Cover, Known};
use serde::Deserialize;
use serde_json::Value;

/// Days ahead that are looked at: a year, as far as a day can be covered.
const LOOKED_AT: i32 = 366;

/// Who is to serve which day.
#[derive(Debug, Deserialize)]
pub struct Asked {
    day: String,
    engineer: String,
}

/// What comes with a change.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    /// Who serves; whoever asks unless given.
    engineer: Option<String>,
    /// To whom a shift is offered; to everybody unless given.
    to: Option<String>,
    /// The day that is wanted for it; nothing unless given.
    in_return: Option<String>,
    back: Option<String>,
}

/// A shift that is offered, by a form that asks for the day.
#[derive(Debug, Deserialize)]
pub struct Offered {
    day: String,
    #[serde(flatten)]
    wanted: Wanted,
}

fn action(visit: &Visit, day: &str, verb: &str, wanted: &Wanted) -> Result<Action, HttpError> {
    let day = form::day(day)?;
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let engineer =
        || given(&wanted.engineer).map_or_else(|| visit.person().map(|me| me.acts_as()), |id| Ok(EngineerId::new(id)));
    Ok(match verb {
        "cover" => Action::Cover { day, engineer: engineer()? },
        "end-cover" => Action::EndCover { day },
        "offer" => Action::OfferShift {
            day,
            to: given(&wanted.to).map(EngineerId::new),
            in_return: given(&wanted.in_return).map(|day| form::day(&day)).transpose()?,
        },
        "take" => Action::TakeShift { day, engineer: engineer()? },
        "agree" => Action::AgreeToSwap { day },
        "end-offer" => Action::EndOffer { day },
        _ => return Err(HttpError::NotFound(format!("a shift cannot be told to {verb}"))),
    })
}

/// `GET /team/cover`: nothing changes before somebody has seen what it means.
pub async fn cover(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(asked): Query<Asked>,
) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let look = &scene.look;
    let (day, engineer) = (form::day(&asked.day)?, EngineerId::new(asked.engineer));
    let me = me(&visit);
    let wanted = Action::Cover { day, engineer: engineer.clone() };
    let refused = match web.app.would_act(&look.duty.id, me.as_ref(), wanted).await {
        Ok(()) => None,
        Err(crate::app::DayError::Refused(refused)) => Some(refused.to_string()),
        Err(error) => return Err(error.into()),
    };
    let before = look.coming(LOOKED_AT);
    let mut covers = look.board().covers.clone();
    let by = me.clone().unwrap_or_else(|| engineer.clone());
    covers.insert(day, Cover { engineer: engineer.clone(), by, at: look.now });
    let known = Known { covers: &covers, ..look.board().known() };
    let range = before.first().zip(before.last()).map(|(first, last)| (first.day, last.day));
    let after =
        range.map_or_else(Vec::new, |(from, to)| schedule::plan(&look.instance.roster, &look.duty, known, from, to));
    let moved = schedule::moved(&before, &after).into_iter().filter(|(was, _)| was.day != day);
    let view = CoverView {
        instead_of: before.iter().find(|shift| shift.day == day).and_then(|shift| shift.engineer.clone()),
        near: schedule::turns_near(&after, &engineer, day),
        moved: moved.map(|(was, is)| (was.day, was.engineer.clone(), is.engineer.clone())).collect(),
        day,
        engineer,
        refused,
    };
    let back = format!("/team?duty={}", look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = team::cover(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Team", Here::Team, body))
}

/// `POST /duty/{duty}/shifts/{day}/{verb}`
pub async fn change(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, day, verb)): Path<(String, String, String)>,
    Posted(wanted): Posted<Wanted>,
) -> Result<Redirect, HttpError> {
    let action = action(&visit, &day, &verb, &wanted)?;
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), action).await?;
    Ok(Redirect::to(&own_path(wanted.back.as_deref().unwrap_or_default(), "/team")))
}

/// `POST /duty/{duty}/offers`: a shift is offered.
pub async fn offer(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(offered): Posted<Offered>,
) -> Result<Redirect, HttpError> {
    let action = action(&visit, &offered.day, "offer", &offered.wanted)?;
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), action).await?;
    Ok(Redirect::to(&own_path(offered.wanted.back.as_deref().unwrap_or_default(), "/plan")))
}

/// `POST /api/v1/duties/{duty}/shifts/{day}/{verb}`: answers the coming shifts.
pub async fn api(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, day, verb)): Path<(String, String, String)>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, HttpError> {
    let action = action(&visit, &day, &verb, &wanted)?;
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), action).await?;
    api::team(State(web), Extension(visit)).await
}
