//! *Plan*: page, proposal and publishing, for people and for scripts.

use super::Web;
use super::api::Body;
use super::auth::Visit;
use super::error::HttpError;
use super::form::{self, Posted, own_path};
use super::pages::{draw, me, scene};
use super::policy::{self, Decision, Wish};
use super::present::Scene;
use super::views::fairness::FairnessView;
use super::views::layout::Here;
use super::views::plan::{self, LeaveView, OfferView, PlanView, VersionView, WhyView};
use super::views::proposal::{self, DutyProposalView, ProposalView};
use crate::app::plans::{PlanError, Proposal};
use crate::store::{self, plans::Version};
use crate::texts;
use axum::Json;
use axum::extract::{Extension, Query, State};
use axum::response::Redirect;
use jiff::ToSpan;
use jiff::civil::Date;
use maud::Markup;
use onduty_core::calendar;
use onduty_core::engine::Action;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::plan::team::{self, MEMORY_DAYS};
use onduty_core::schedule::{self, Shift};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Months that are drawn unless more are asked for, and at most.
const MONTHS: (u32, u32) = (3, 12);
/// Published plans that are listed.
const VERSIONS: u32 = 6;
/// The reader's turns that are listed.
const MINE: usize = 12;

/// The query of the page.
#[derive(Debug, Deserialize)]
pub struct PlanQuery {
    months: Option<u32>,
    day: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// What is to be planned or published.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    until: Option<String>,
    digest: Option<String>,
    back: Option<String>,
}

/// Until when moves are known.
#[derive(Debug, Deserialize)]
pub struct Seen {
    until: jiff::Timestamp,
    back: Option<String>,
}

impl From<PlanError> for HttpError {
    fn from(error: PlanError) -> HttpError {
        match error {
            PlanError::Day(error) => error.into(),
            PlanError::BadEnd { .. } | PlanError::NothingToPlan | PlanError::TooLarge(_) => {
                HttpError::BadInput(error.to_string())
            }
            PlanError::Impossible(_) | PlanError::Moved => HttpError::Conflict(error.to_string()),
            PlanError::Died => HttpError::Internal,
        }
    }
}

/// The duties whose plan the visitor may publish: all of them change together.
fn publishable(web: &Web, visit: &Visit) -> BTreeSet<DutyId> {
    let instance = web.app.instance();
    let duties = instance.roster.duties.iter().map(|duty| duty.id.clone());
    let may = |duty: &DutyId| {
        matches!(policy::decide(&visit.subject, Wish::PublishPlan, Some(duty)), Decision::Allowed | Decision::Prove)
    };
    duties.filter(may).collect()
}

/// `GET /plan`
pub async fn page(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(query): Query<PlanQuery>,
) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let me = me(&visit);
    let mut reader = web.app.store.read().await?;
    let versions = store::plans::newest(&mut reader, &scene.look.duty.id, VERSIONS).await?;
    let told = told_leave(&scene, &store::leave::current(&mut reader).await?);
    drop(reader);
    let mut view = view(&scene, me.as_ref(), visit.may(Wish::PublishPlan), &versions, &query)?;
    view.leave = told;
    view.calendars = super::leave::calendars(&web, &scene.telling());
    let back = format!("/plan?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = plan::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "Plan", Here::Plan, body))
}

fn view(
    scene: &Scene,
    me: Option<&EngineerId>,
    may_publish: bool,
    versions: &[Version],
    query: &PlanQuery,
) -> Result<PlanView, HttpError> {
    let look = &scene.look;
    let (roster, duty, board) = (&look.instance.roster, &look.duty, look.board());
    let today = calendar::day_of(duty, look.now);
    let months = query.months.unwrap_or(MONTHS.0).clamp(1, MONTHS.1);
    let first = today.first_of_month();
    let months: Vec<Date> = (0..i64::from(months)).map(|month| first.saturating_add(month.months())).collect();
    let last = months.last().map_or(today, |month| month.last_of_month());
    let shifts = schedule::plan(roster, duty, board.known(), first, last);
    let mine =
        shifts.iter().filter(|shift| shift.day >= today && shift.engineer.is_some() && shift.engineer.as_ref() == me);
    let mine = mine.map(|shift| shift.day).take(MINE).collect();
    let beside = shifts.iter().filter(|shift| shift.day >= today && me.is_some());
    let beside = beside.filter(|shift| shift.buddy() == me || shift.shadow() == me);
    let beside = beside.filter_map(|shift| Some((shift.day, shift.engineer.clone()?))).take(MINE).collect();
    let shifts: BTreeMap<Date, Shift> = shifts.into_iter().map(|shift| (shift.day, shift)).collect();
    let own = me.and_then(|me| roster.engineers.get(me));
    let days = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take_while(|day| *day <= last);
    let why = form::optional_day(query.day.as_deref())?.map(|day| why(scene, day, shifts.get(&day), versions));
    let offers = board.offers.keys().filter(|day| **day >= today);
    let offers = offers.filter_map(|day| {
        let offer = board.offer(roster, duty, *day)?.clone();
        let taker = offer.taken_by.as_ref().or(offer.to.as_ref()).or(me).filter(|taker| **taker != offer.engineer);
        let price = taker.map(|taker| board.price_of_swap(roster, duty, *day, taker)).unwrap_or_default();
        Some(OfferView { day: *day, offer, price })
    });
    Ok(PlanView {
        duty_name: duty.name.clone(),
        published_until: published_until(scene),
        holidays: duty.holidays.range(first..=last).map(|(day, name)| (*day, name.clone())).collect(),
        away: days.filter(|day| own.is_some_and(|own| own.leave.iter().any(|leave| leave.contains(*day)))).collect(),
        months,
        shifts,
        mine,
        beside,
        moves: scene.moves(me),
        offers: offers.collect(),
        agrees_to_swaps: duty.agrees_to_swaps,
        holes: holes(scene),
        leave: Vec::new(),
        calendars: Vec::new(),
        fairness: fairness(
            scene,
            form::optional_day(query.from.as_deref())?,
            form::optional_day(query.to.as_deref())?,
        )?,
        why,
        versions: versions
            .iter()
            .map(|of| VersionView {
                number: of.number,
                by: of.version.by.clone(),
                at: of.version.at,
                until: of.version.until,
                moved: of.version.moved.len(),
            })
            .collect(),
        may_publish,
        members: duty.members.clone(),
    })
}

/// Days of the published plan, from tomorrow on, that the rotation fills in: whoever was planned is away or no member any more, and nobody
/// agreed to step in.
fn holes(scene: &Scene) -> Vec<Date> {
    let (look, board) = (&scene.look, scene.look.board());
    let tomorrow = calendar::day_of(&look.duty, look.now).saturating_add(1.day());
    let Some(until) = published_until(scene) else { return Vec::new() };
    let coming = schedule::plan(&look.instance.roster, &look.duty, board.known(), tomorrow, until);
    let is_filled_in = |shift: &Shift| {
        use onduty_core::schedule::ShiftOrigin::{Exchanged, Nobody, Scheduled, Spread};
        matches!(shift.origin, Scheduled | Spread { .. } | Exchanged { .. } | Nobody)
    };
    let planned = coming.iter().filter(|shift| board.published.contains_key(&shift.day));
    planned.filter(|shift| is_filled_in(shift)).map(|shift| shift.day).collect()
}

/// Leave of the duty's members that is not over, soonest first.
fn told_leave(scene: &Scene, all: &[store::leave::Known]) -> Vec<LeaveView> {
    let today = calendar::day_of(&scene.look.duty, scene.look.now);
    let theirs = all.iter().filter(|known| scene.look.duty.members.contains(&known.leave.engineer));
    let mut leave: Vec<LeaveView> = theirs
        .filter(|known| known.leave.to >= today)
        .map(|known| LeaveView {
            id: known.id.clone(),
            engineer: known.leave.engineer.clone(),
            from: known.leave.from,
            to: known.leave.to,
            calendar: known.calendar.clone(),
        })
        .collect();
    leave.sort_by(|a, b| (a.from, &a.engineer).cmp(&(b.from, &b.engineer)));
    leave
}

/// The last day of the published plan that is not over.
fn published_until(scene: &Scene) -> Option<Date> {
    let today = calendar::day_of(&scene.look.duty, scene.look.now);
    let last = scene.look.board().published.last_key_value().map(|(day, _)| *day);
    last.filter(|day| *day >= today)
}

/// Everybody's part: the last half year and everything that is published, unless a period is asked for.
fn fairness(scene: &Scene, from: Option<Date>, to: Option<Date>) -> Result<FairnessView, HttpError> {
    let look = &scene.look;
    let (roster, duty, board) = (&look.instance.roster, &look.duty, look.board());
    let today = calendar::day_of(duty, look.now);
    let from = from.unwrap_or_else(|| today.saturating_sub(MEMORY_DAYS.days()));
    let to = to.or_else(|| published_until(scene)).unwrap_or(today);
    let longest = from.saturating_add(3.years());
    if to < from || to > longest {
        return Err(HttpError::BadInput(format!("a period ends between its first day and {longest}; {to} does not")));
    }
    let rows = team::parts(roster, duty, board.known(), (from, to), today);
    let rows = rows.map_err(|error| HttpError::BadInput(error.to_string()))?;
    Ok(FairnessView { from: Some(from), to: Some(to), rows })
}

/// Why somebody serves `day`: the planner's own reasons where it chose them.
fn why(scene: &Scene, day: Date, shift: Option<&Shift>, versions: &[Version]) -> WhyView {
    let engineer = shift.and_then(|shift| shift.engineer.clone());
    let tell = scene.telling();
    let planned = versions.iter().find(|of| (of.version.from..=of.version.until).contains(&day));
    let reason = planned.and_then(|of| of.version.reasons.get(&day));
    let reason = reason.filter(|reason| Some(reason.person.as_str()) == engineer.as_ref().map(EngineerId::as_str));
    let because = match (shift, reason) {
        (None, _) => vec![texts::plan::NO_SHIFT.to_owned()],
        (Some(_), Some(reason)) => texts::plan::reason(reason, &tell),
        (Some(shift), None) => vec![texts::plan::origin(shift, &tell)],
    };
    WhyView { day, engineer, because }
}

/// `GET /plan/proposal`: what a new plan would change.
pub async fn proposal(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    let until = form::optional_day(wanted.until.as_deref())?;
    let made = web.app.propose_plan(&publishable(&web, &visit), until).await;
    let view = match made {
        Ok(made) => proposal_view(&scene, &made),
        Err(PlanError::Day(error)) => return Err(error.into()),
        Err(refused) => {
            let today = calendar::day_of(&scene.look.duty, scene.look.now);
            ProposalView {
                days: (today, until.unwrap_or(today)),
                digest: String::new(),
                duties: Vec::new(),
                quality: Vec::new(),
                refused: Some(refused.to_string()),
            }
        }
    };
    let me = me(&visit);
    let back = format!("/plan?duty={}", scene.look.duty.id);
    let reader = scene.reader(&visit, me.as_ref(), &back);
    let body = proposal::page(&view, &reader);
    Ok(draw(&web, &scene, &reader, "A new plan", Here::Plan, body))
}

fn proposal_view(scene: &Scene, made: &Proposal) -> ProposalView {
    let tell = scene.telling();
    let duties = made.duties.iter().map(|of| {
        let name =
            scene.look.instance.roster.duty(&of.duty).map_or_else(|| of.duty.to_string(), |duty| duty.name.clone());
        let moved = of.moved.iter().map(|moved| (moved.day, moved.was.clone(), moved.is.clone()));
        let uncovered = of.uncovered.iter().map(|day| (day.day, texts::plan::nobody(&day.why, &day.ways_out, &tell)));
        DutyProposalView {
            name,
            shifts: of.shifts.len(),
            moved: moved.collect(),
            relied_on_until: of.relied_on_until,
            uncovered: uncovered.collect(),
            beside: of.beside.iter().map(|beside| texts::plan::beside(beside, &tell)).collect(),
        }
    });
    ProposalView {
        days: made.days,
        digest: made.digest.clone(),
        duties: duties.collect(),
        quality: texts::plan::quality(made.score, made.proven),
        refused: None,
    }
}

async fn publish(web: &Web, visit: &Visit, wanted: &Wanted) -> Result<std::sync::Arc<Proposal>, HttpError> {
    let by = visit.person()?.acts_as();
    let digest = wanted.digest.as_deref().unwrap_or_default();
    let until = form::optional_day(wanted.until.as_deref())?;
    Ok(web.app.publish_plan(&by, &publishable(web, visit), until, digest).await?)
}

/// `POST /duty/{duty}/plan/publish`: exactly what was seen.
pub async fn publish_form(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(wanted): Posted<Wanted>,
) -> Result<Redirect, HttpError> {
    publish(&web, &visit, &wanted).await?;
    Ok(Redirect::to(&own_path(wanted.back.as_deref().unwrap_or_default(), "/plan")))
}

/// `POST /duty/{duty}/moves/seen`: one knows of one's turns that moved.
pub async fn seen(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(seen): Posted<Seen>,
) -> Result<Redirect, HttpError> {
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), Action::SeeMoves { until: seen.until }).await?;
    Ok(Redirect::to(&own_path(seen.back.as_deref().unwrap_or_default(), "/plan")))
}

/// `GET /api/v1/duties/{duty}/plan`: until when it is published, offers, one's own moves, and everybody's part.
pub async fn api(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(query): Query<PlanQuery>,
) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let me = me(&visit);
    let mut reader = web.app.store.read().await?;
    let versions = store::plans::newest(&mut reader, &scene.look.duty.id, VERSIONS).await?;
    drop(reader);
    let view = view(&scene, me.as_ref(), false, &versions, &query)?;
    let tell = scene.telling();
    let offers = view.offers.iter().map(|OfferView { day, offer, price }| {
        let price: Vec<String> = price.iter().map(|price| texts::plan::price(price, &tell)).collect();
        json!({"day": day, "engineer": offer.engineer, "to": offer.to, "in_return": offer.in_return, "by": offer.by,
            "at": offer.at, "taken_by": offer.taken_by, "price": price})
    });
    let rows = view.fairness.rows.iter().map(
        |row| json!({"engineer": row.engineer, "done": row.done, "planned": row.planned, "over_milli": row.over_milli}),
    );
    let moves = view
        .moves
        .iter()
        .map(|moved| json!({"day": moved.day, "was": moved.was, "is": moved.is, "by": moved.by, "at": moved.at}));
    let versions = versions.iter().map(|of| {
        json!({"number": of.number, "by": of.version.by, "at": of.version.at, "from": of.version.from,
            "until": of.version.until, "moved": of.version.moved.len()})
    });
    Ok(Json(json!({
        "published_until": view.published_until,
        "holes": view.holes,
        "moves": moves.collect::<Vec<_>>(),
        "offers": offers.collect::<Vec<_>>(),
        "fairness": {"from": view.fairness.from, "to": view.fairness.to, "engineers": rows.collect::<Vec<_>>()},
        "versions": versions.collect::<Vec<_>>(),
    })))
}

/// `GET /api/v1/duties/{duty}/plan/proposal`: what a new plan would change.
pub async fn api_proposal(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, HttpError> {
    let until = form::optional_day(wanted.until.as_deref())?;
    let made = web.app.propose_plan(&publishable(&web, &visit), until).await?;
    Ok(Json(as_json(&web, &made)))
}

/// `POST /api/v1/duties/{duty}/plan/publish`: exactly what was seen.
pub async fn api_publish(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, HttpError> {
    let made = publish(&web, &visit, &wanted).await?;
    Ok(Json(as_json(&web, &made)))
}

/// `POST /api/v1/duties/{duty}/moves/seen`
pub async fn api_seen(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(seen): Body<Seen>,
) -> Result<Json<Value>, HttpError> {
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), Action::SeeMoves { until: seen.until }).await?;
    Ok(Json(json!({})))
}

fn as_json(web: &Web, made: &Proposal) -> Value {
    let instance = web.app.instance();
    let person = |id: Option<&EngineerId>| id.map(|id| json!({"id": id, "name": instance.roster.name_of(id)}));
    let duties = made.duties.iter().map(|of| {
        let moved = of
            .moved
            .iter()
            .map(|moved| json!({"day": moved.day, "was": person(moved.was.as_ref()), "is": person(moved.is.as_ref())}));
        let uncovered = of.uncovered.iter().map(|day| json!({"day": day.day, "why": day.why}));
        let shifts = of.shifts.iter().map(|(day, planned)| {
            json!({
                "day": day,
                "engineer": person(Some(&planned.engineer)),
                "buddy": person(planned.buddy.as_ref()),
                "shadow": person(planned.shadow.as_ref()),
            })
        });
        json!({
            "duty": of.duty,
            "relied_on_until": of.relied_on_until,
            "moved": moved.collect::<Vec<_>>(),
            "uncovered": uncovered.collect::<Vec<_>>(),
            "shifts": shifts.collect::<Vec<_>>(),
        })
    });
    let levels: serde_json::Map<String, Value> = onduty_core::plan::LEVELS
        .iter()
        .zip(made.score.0.into_iter().zip(made.proven))
        .map(|(level, (value, proven))| ((*level).to_owned(), json!({"value": value, "proven": proven})))
        .collect();
    json!({
        "digest": made.digest,
        "from": made.days.0,
        "until": made.days.1,
        "levels": levels,
        "quality": texts::plan::quality(made.score, made.proven),
        "duties": duties.collect::<Vec<_>>(),
    })
}
