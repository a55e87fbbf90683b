//! Forms: each says what a person wants, the app does it, and the browser goes back to its page.

use super::Web;
use super::auth::Visit;
use super::error::HttpError;
use super::flash::Flash;
use super::form::{Posted, own_path};
use super::people::by;
use crate::app::Press;
use crate::clock::real_now;
use crate::store;
use axum::extract::{Extension, Path, State};
use axum::response::Redirect;
use jiff::SignedDuration;
use onduty_core::calendar;
use onduty_core::engine::Action;
use onduty_core::ids::{EngineerId, Environment};
use onduty_core::item::{ItemId, SnoozeUntil};
use onduty_core::signal::RolloutState;
use serde::Deserialize;
use std::time::Duration;

/// How long an answer waits for a jump of the demo to arrive.
const JUMP_SHOWN: Duration = Duration::from_secs(8);

/// Everything that the forms of an item carry.
#[derive(Debug, Default, Deserialize)]
pub struct ItemForm {
    back: Option<String>,
    text: Option<String>,
    resolve: Option<bool>,
    line: Option<usize>,
    done: Option<bool>,
    until: Option<String>,
    expression: Option<String>,
    engineer: Option<String>,
    count: Option<usize>,
}

/// `POST /items/{id}/{verb}`
pub async fn item(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((id, verb)): Path<(String, String)>,
    Posted(form): Posted<ItemForm>,
) -> Result<Redirect, HttpError> {
    let id = ItemId::from_text(&id);
    let back = own_path(form.back.as_deref().unwrap_or_default(), &format!("/items/{id}"));
    let action = item_action(&web, &visit, &id, &verb, form)?;
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), action).await?;
    Ok(Redirect::to(&back))
}

fn item_action(web: &Web, visit: &Visit, id: &ItemId, verb: &str, form: ItemForm) -> Result<Action, HttpError> {
    let item = id.clone();
    Ok(match verb {
        "take" => Action::Take { item },
        "release" => Action::Release { item },
        "tick" => {
            let line = form.line.ok_or_else(|| HttpError::BadInput("which line of the checklist?".to_owned()))?;
            Action::Tick { item, line, done: form.done.unwrap_or(true) }
        }
        "snooze" => {
            let until = form.until.unwrap_or_default();
            Action::Snooze { item, until: snooze_until(web, visit, &until, form.expression.as_deref())? }
        }
        "wake" => Action::Wake { item },
        "conclude" => {
            let (text, resolve) = (form.text.unwrap_or_default(), form.resolve.unwrap_or_default());
            Action::Conclude { item, text, resolve }
        }
        "reopen" => Action::Reopen { item },
        "owner" => Action::DecideOwner { item, engineer: EngineerId::new(chosen(form.engineer)?) },
        "mended" => Action::Mended { item, engineer: EngineerId::new(chosen(form.engineer)?) },
        "baseline" => Action::OpenBaseline { item, count: form.count.unwrap_or(5) },
        _ => return Err(HttpError::NotFound(format!("an item cannot be told to {verb}"))),
    })
}

fn chosen(engineer: Option<String>) -> Result<String, HttpError> {
    let engineer = engineer.filter(|name| !name.is_empty());
    engineer.ok_or_else(|| HttpError::BadInput("choose an engineer".to_owned()))
}

/// What people choose when they snooze: `1h`, `next-shift`, `next-rollout`, `happens-again`, `condition`, or an instant.
pub(super) fn snooze_until(
    web: &Web,
    visit: &Visit,
    until: &str,
    expression: Option<&str>,
) -> Result<SnoozeUntil, HttpError> {
    let now = web.app.clock.duty_now();
    let expression = expression.map(str::trim).filter(|text| !text.is_empty());
    Ok(match until {
        "next-rollout" => SnoozeUntil::NextRollout,
        "happens-again" => SnoozeUntil::HappensAgain { mark: String::new() },
        "condition" => SnoozeUntil::Condition { expression: expression.unwrap_or_default().to_owned() },
        "next-shift" => {
            let instance = web.app.instance();
            let duty = instance.roster.duty(visit.duty()?);
            let next = duty.and_then(|duty| {
                let day = calendar::next_working_day(duty, calendar::day_of(duty, now))?;
                Some(calendar::working_hours(duty, day).0)
            });
            let at = next.ok_or_else(|| HttpError::Conflict("there is no next shift".to_owned()))?;
            SnoozeUntil::Time { at }
        }
        text => {
            let length: Result<SignedDuration, _> = text.parse();
            let at = match (length, text.parse::<jiff::Timestamp>()) {
                (Ok(length), _) => now.checked_add(length).ok(),
                (_, Ok(at)) => Some(at),
                _ => None,
            };
            let at = at.ok_or_else(|| {
                HttpError::BadInput(
                    "snooze until what? for example 1h, next-shift, next-rollout, happens-again or condition"
                        .to_owned(),
                )
            })?;
            SnoozeUntil::Time { at }
        }
    })
}

/// A line that a person wrote.
#[derive(Debug, Deserialize)]
pub struct TextForm {
    back: Option<String>,
    text: Option<String>,
    corrects: Option<i64>,
    item: Option<String>,
}

/// `POST /duty/{duty}/ask`
pub async fn ask(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<TextForm>,
) -> Result<Redirect, HttpError> {
    let action = Action::Ask { id: store::new_id(real_now()), text: form.text.unwrap_or_default() };
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), action).await?;
    Ok(Redirect::to(&own_path(form.back.as_deref().unwrap_or_default(), "/")))
}

/// `POST /duty/{duty}/note`
pub async fn note(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<TextForm>,
) -> Result<Redirect, HttpError> {
    let item = form.item.filter(|id| !id.is_empty()).map(|id| ItemId::from_text(&id));
    let action = Action::Note { text: form.text.unwrap_or_default(), item, corrects: form.corrects };
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), action).await?;
    Ok(Redirect::to(&own_path(form.back.as_deref().unwrap_or_default(), "/log")))
}

/// The button.
#[derive(Debug, Deserialize)]
pub struct RolloutForm {
    back: Option<String>,
    environment: String,
    revision: String,
    diff_hash: String,
    confirm: Option<String>,
}

/// `POST /duty/{duty}/rollout`
pub async fn roll_out(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<RolloutForm>,
) -> Result<Redirect, HttpError> {
    let short = crate::texts::short_revision(&form.revision);
    let typed = form.confirm.as_deref().unwrap_or_default().trim();
    if typed != short && typed != form.revision {
        return Err(HttpError::BadInput(format!("type {short} to roll out")));
    }
    let press = Press {
        duty: visit.duty()?.clone(),
        by: visit.person()?.acts_as(),
        environment: Environment::new(form.environment),
        revision: form.revision,
        diff_hash: form.diff_hash,
    };
    web.app.press(&press).await?;
    Ok(Redirect::to(&own_path(form.back.as_deref().unwrap_or_default(), "/rollout")))
}

/// How a lost rollout ended.
#[derive(Debug, Deserialize)]
pub struct ResolveForm {
    back: Option<String>,
    state: String,
}

/// `POST /duty/{duty}/rollouts/{id}/resolve`
pub async fn resolve(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id)): Path<(String, String)>,
    Posted(form): Posted<ResolveForm>,
) -> Result<Redirect, HttpError> {
    let state = ended_state(&form.state)?;
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), Action::ResolveRollout { id, state }).await?;
    Ok(Redirect::to(&own_path(form.back.as_deref().unwrap_or_default(), "/rollout")))
}

pub(super) fn ended_state(word: &str) -> Result<RolloutState, HttpError> {
    match word {
        "succeeded" => Ok(RolloutState::Succeeded),
        "failed" => Ok(RolloutState::Failed),
        _ => Err(HttpError::BadInput("a rollout succeeded or failed; say which".to_owned())),
    }
}

/// A new wall screen.
#[derive(Debug, Deserialize)]
pub struct WallForm {
    label: Option<String>,
}

/// `POST /duty/{duty}/walls`
pub async fn make_wall(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<WallForm>,
) -> Result<Redirect, HttpError> {
    let duty = visit.duty()?.clone();
    let (secret, _) = web.app.make_wall(&by(&visit)?, &duty, form.label.as_deref().unwrap_or_default()).await?;
    web.flashes.put(&visit, Flash::Wall(format!("{}/tv/{}", web.own_address(), secret.expose())));
    Ok(Redirect::to(&format!("/team?duty={duty}")))
}

/// `POST /duty/{duty}/walls/{id}/revoke`
pub async fn revoke_wall(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id)): Path<(String, String)>,
    Posted(_): Posted<WallForm>,
) -> Result<Redirect, HttpError> {
    let duty = visit.duty()?.clone();
    web.app.revoke_wall(&by(&visit)?, &duty, &id).await?;
    // Open streams of this screen end at their next beat.
    web.walls.revoke(&id);
    Ok(Redirect::to(&format!("/team?duty={duty}")))
}

/// A sign-in link for somebody.
#[derive(Debug, Deserialize)]
pub struct LinkForm {
    back: Option<String>,
    engineer: String,
}

/// `POST /links`
pub async fn make_link(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<LinkForm>,
) -> Result<Redirect, HttpError> {
    let engineer = EngineerId::new(form.engineer);
    let secret = web.app.make_link_for(&by(&visit)?, &engineer).await?;
    let address = format!("{}/welcome/{}", web.own_address(), secret.expose());
    web.flashes.put(&visit, Flash::Link(engineer, address));
    Ok(Redirect::to(&own_path(form.back.as_deref().unwrap_or_default(), "/team")))
}

/// A form with nothing to say.
#[derive(Debug, Deserialize)]
pub struct NoFields {}

/// The demo's clock.
#[derive(Debug, Deserialize)]
pub struct ClockForm {
    back: Option<String>,
    rate: Option<u32>,
    jump: Option<String>,
}

/// `POST /demo/clock`
pub async fn demo_clock(State(web): State<Web>, Posted(form): Posted<ClockForm>) -> Result<Redirect, HttpError> {
    let demo = web.app.demo.clone().ok_or_else(|| HttpError::NotFound("this is not a demo".to_owned()))?;
    if let Some(rate) = form.rate {
        web.app.clock.set_rate(rate.min(3_600));
    }
    if let Some(jump) = form.jump {
        let arrives = demo.jump(&jump).map_err(HttpError::Conflict)?;
        // The page that comes back shows where the jump arrived; one that takes long goes on by itself.
        let _ = tokio::time::timeout(JUMP_SHOWN, arrives).await;
    }
    web.app.bus.tell(crate::app::Change::Everything);
    Ok(Redirect::to(&own_path(form.back.as_deref().unwrap_or_default(), "/")))
}
