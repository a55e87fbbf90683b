//! The JSON API under `/api/v1/`: everything that the pages do. The command line uses it.

use super::Web;
use super::acts::{ended_state, snooze_until};
use super::auth::Visit;
use super::error::HttpError;
use super::pages::scene;
use super::present::Scene;
use crate::app::{Press, Pressed};
use crate::clock::real_now;
use crate::store;
use crate::texts;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, FromRequest, Path, Query, Request, State};
use axum::http::StatusCode;
use onduty_core::engine::{Action, StepState};
use onduty_core::gate::{self, Blocker, GateInputs};
use onduty_core::ids::{EngineerId, Environment};
use onduty_core::item::{Item, ItemId};
use onduty_core::logbook::Entry;
use onduty_core::schedule::{Shift, ShiftOrigin};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A JSON body, refused in words that say what is wrong.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, HttpError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Body(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(HttpError::BadInput("send JSON, with the header content-type: application/json".to_owned()))
            }
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(HttpError::TooLarge),
            Err(error) => Err(HttpError::BadInput(error.body_text())),
        }
    }
}

/// `GET /api/v1/duties`
pub async fn duties(State(web): State<Web>) -> Json<Value> {
    let instance = web.app.instance();
    let duties =
        instance.roster.duties.iter().map(
            |duty| json!({"id": duty.id, "name": duty.name, "zone": duty.zone.iana_name(), "members": duty.members}),
        );
    Json(duties.collect())
}

/// `GET /api/v1/duties/{duty}`: what `onduty now` shows.
pub async fn now(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let look = &scene.look;
    let on_duty = scene.on_duty(None);
    let person = |id: &EngineerId| json!({"id": id, "name": look.instance.roster.name_of(id)});
    let steps = look.board().steps.iter().map(|status| {
        let (state, more) = state_json(&status.state, &scene);
        json!({
            "id": status.step,
            "goal": scene.goal(&status.step),
            "state": state,
            "detail": more,
            "unknown": status.unknown.as_ref().map(|reason| texts::unknown(reason, &scene.telling())),
            "blocks": scene.blocks(&status.step),
            "items": look.open_items(&status.step).into_iter().map(|item| item_json(item, &scene)).collect::<Vec<_>>(),
        })
    });
    Ok(Json(json!({
        "duty": look.duty.id,
        "name": look.duty.name,
        "now": look.now,
        "on_duty": on_duty.now.as_ref().map(|(id, until)| json!({"engineer": person(id), "until": until})),
        "next": on_duty.next.as_ref().map(|next| json!({
            "engineer": next.engineer.as_ref().map(person), "day": next.day, "starts": next.starts,
        })),
        "process_version": look.has_process.then_some(look.board().process_version),
        "steps": steps.collect::<Vec<_>>(),
        "gates": look.board().gates.iter().map(|inputs| gate_json(inputs, &scene)).collect::<Vec<_>>(),
        "problems": look.instance.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "observe_only": look.instance.declarations.observe_only,
    })))
}

fn state_json(state: &StepState, scene: &Scene) -> (&'static str, Option<String>) {
    match state {
        StepState::Fine => ("fine", None),
        StepState::Open { items } => ("open", Some(texts::count(*items as usize, "item"))),
        StepState::Waiting { opens: Some(opens), .. } => {
            ("waiting", Some(format!("opens {}", scene.telling().time(*opens))))
        }
        StepState::Waiting { .. } => ("waiting", None),
        StepState::Unknown { reason } => ("unknown", Some(texts::unknown(reason, &scene.telling()))),
        StepState::Off { kind } => ("off", Some(format!("{kind} is declared absent"))),
    }
}

pub(super) fn item_json(item: &Item, scene: &Scene) -> Value {
    let tell = scene.telling();
    let mut value = serde_json::to_value(item).expect("items are plain data");
    value["title"] = json!(texts::item_title(item, &scene.goal(&item.step)));
    value["why_text"] = json!(texts::why(&item.why, &tell));
    value["needs_somebody"] = json!(item.needs_somebody());
    if let Some(suggestion) = &item.suggestion {
        value["proposed"] = json!(suggestion.proposed().map(|person| &person.engineer));
        value["suggestion_text"] = suggestion.people.iter().map(|person| texts::candidate(person, &tell)).collect();
    }
    value
}

/// A gate as pipelines read it.
pub(super) fn gate_json(inputs: &GateInputs, scene: &Scene) -> Value {
    let tell = scene.telling();
    let (open, diff_hash, blockers): (bool, Option<String>, Vec<Blocker>) = match gate::evaluate(inputs) {
        Ok(open) => (true, Some(open.diff_hash().to_owned()), Vec::new()),
        Err(blockers) => (false, None, blockers),
    };
    let candidate = inputs.candidate.as_ref().ok();
    let attempt = scene.attempts.get(inputs.environment.as_str()).map(
        |(attempt, _)| json!({"id": attempt.press.id, "revision": attempt.press.revision, "state": attempt.state}),
    );
    json!({
        "environment": inputs.environment,
        "open": open,
        "revision": candidate.map(|candidate| &candidate.revision),
        "deployed": candidate.and_then(|candidate| candidate.deployed.as_ref()),
        "commits": candidate.and_then(|candidate| candidate.commits.as_ref()),
        "diff_hash": diff_hash,
        "blockers": blockers.iter().map(|blocker| blocker_json(blocker, &tell)).collect::<Vec<_>>(),
        "rollout": attempt,
    })
}

/// A reason as data, with its sentence.
pub(super) fn blocker_json(blocker: &Blocker, tell: &texts::Telling<'_>) -> Value {
    let mut value = serde_json::to_value(blocker).expect("blockers are plain data");
    value["text"] = json!(texts::blocker(blocker, tell));
    value
}

/// `GET /api/v1/duties/{duty}/gate`
pub async fn gates(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    Ok(Json(scene.look.board().gates.iter().map(|inputs| gate_json(inputs, &scene)).collect()))
}

/// `GET /api/v1/items/{id}`
pub async fn item(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Result<Json<Value>, HttpError> {
    let id = ItemId::from_text(&id);
    let scene = scene(&web, &visit).await?;
    let mut reader = web.app.store.read().await?;
    let item = store::items::get(&mut reader, &id).await?.ok_or_else(|| HttpError::no_item(&id))?;
    let history = store::log_book::entries_of_item(&mut reader, &item.duty, &id).await?;
    let mut value = item_json(&item, &scene);
    value["history"] = history.iter().map(|entry| entry_json(entry, &scene)).collect();
    Ok(Json(value))
}

fn entry_json(entry: &Entry, scene: &Scene) -> Value {
    let tell = scene.telling();
    let mut value = serde_json::to_value(entry).expect("entries are plain data");
    value["author_text"] = json!(texts::author(&entry.author, &tell));
    value["about"] = json!(scene.title_about(entry));
    value
}

/// Everything that can be said about an item.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemBody {
    text: Option<String>,
    resolve: Option<bool>,
    line: Option<usize>,
    done: Option<bool>,
    until: Option<String>,
    expression: Option<String>,
    engineer: Option<String>,
    count: Option<usize>,
}

/// `POST /api/v1/items/{id}/{verb}`
pub async fn act(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((id, verb)): Path<(String, String)>,
    Body(body): Body<ItemBody>,
) -> Result<Json<Value>, HttpError> {
    let need = |what: &str| HttpError::BadInput(format!("`{what}` is missing"));
    let item = ItemId::from_text(&id);
    let action = match verb.as_str() {
        "take" => Action::Take { item },
        "release" => Action::Release { item },
        "tick" => Action::Tick { item, line: body.line.ok_or_else(|| need("line"))?, done: body.done.unwrap_or(true) },
        "snooze" => {
            let until = body.until.ok_or_else(|| need("until"))?;
            Action::Snooze { item, until: snooze_until(&web, &visit, &until, body.expression.as_deref())? }
        }
        "wake" => Action::Wake { item },
        "conclude" => {
            let (text, resolve) = (body.text.ok_or_else(|| need("text"))?, body.resolve.unwrap_or_default());
            Action::Conclude { item, text, resolve }
        }
        "reopen" => Action::Reopen { item },
        "owner" => {
            Action::DecideOwner { item, engineer: EngineerId::new(body.engineer.ok_or_else(|| need("engineer"))?) }
        }
        "mended" => Action::Mended { item, engineer: EngineerId::new(body.engineer.ok_or_else(|| need("engineer"))?) },
        "baseline" => Action::OpenBaseline { item, count: body.count.unwrap_or(5) },
        _ => return Err(HttpError::NotFound(format!("an item cannot be told to {verb}"))),
    };
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), action).await?;
    self::item(State(web), Extension(visit), Path(id)).await
}

/// A line that a person writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextBody {
    text: String,
    item: Option<String>,
    corrects: Option<i64>,
}

/// `POST /api/v1/duties/{duty}/questions`
pub async fn ask(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(body): Body<TextBody>,
) -> Result<Json<Value>, HttpError> {
    let id = store::new_id(real_now());
    let duty = visit.duty()?.clone();
    let action = Action::Ask { id: id.clone(), text: body.text };
    web.app.act(&duty, Some(&visit.person()?.acts_as()), action).await?;
    let step = onduty_core::ids::StepId::from(onduty_core::process::ASKED);
    let item = ItemId::derive(&duty, &step, &onduty_core::ids::Subject::new(id), 1);
    self::item(State(web), Extension(visit), Path(item.to_string())).await
}

/// `POST /api/v1/duties/{duty}/notes`
pub async fn note(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(body): Body<TextBody>,
) -> Result<Json<Value>, HttpError> {
    let duty = visit.duty()?.clone();
    let item = body.item.map(|id| ItemId::from_text(&id));
    let action = Action::Note { text: body.text, item, corrects: body.corrects };
    web.app.act(&duty, Some(&visit.person()?.acts_as()), action).await?;
    let scene = scene(&web, &visit).await?;
    Ok(Json(scene.look.latest.first().map_or(Value::Null, |entry| entry_json(entry, &scene))))
}

/// What to read of the log book.
#[derive(Debug, Deserialize)]
pub struct LogQuery {
    day: Option<jiff::civil::Date>,
    q: Option<String>,
    after: Option<i64>,
    limit: Option<u32>,
}

/// `GET /api/v1/duties/{duty}/log`: a day, a search, or everything after a number.
pub async fn log(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Query(query): Query<LogQuery>,
) -> Result<Json<Value>, HttpError> {
    let mut scene = scene(&web, &visit).await?;
    let duty = scene.look.duty.clone();
    let limit = query.limit.unwrap_or(200).clamp(1, 1_000);
    let mut reader = web.app.store.read().await?;
    let entries = match (&query.q, query.after) {
        (Some(words), _) => store::log_book::search(&mut reader, &duty.id, words, limit).await?,
        (None, Some(after)) => store::log_book::entries_since(&mut reader, &duty.id, after, limit).await?,
        (None, None) => {
            let today = onduty_core::calendar::shift_day_at(&duty, scene.look.now);
            let day = query.day.or(today).unwrap_or_else(|| onduty_core::calendar::day_of(&duty, scene.look.now));
            store::log_book::entries_of(&mut reader, &duty.id, day).await?
        }
    };
    scene.with_items_of(&mut reader, &entries).await?;
    Ok(Json(entries.iter().map(|entry| entry_json(entry, &scene)).collect()))
}

/// The button.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutBody {
    environment: String,
    revision: String,
    diff_hash: String,
}

/// `POST /api/v1/duties/{duty}/rollouts`: 200 with the attempt, the same one for every press on the same look.
pub async fn roll_out(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Body(body): Body<RolloutBody>,
) -> Result<Json<Value>, HttpError> {
    let press = Press {
        duty: visit.duty()?.clone(),
        by: visit.person()?.acts_as(),
        environment: Environment::new(body.environment),
        revision: body.revision,
        diff_hash: body.diff_hash,
    };
    let (id, first) = match web.app.press(&press).await? {
        Pressed::Now(id) => (id, true),
        Pressed::Before(id) => (id, false),
    };
    Ok(Json(json!({"id": id, "first": first})))
}

/// `GET /api/v1/duties/{duty}/rollouts`
pub async fn rollouts(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let rollouts = scene.look.snapshot.rollouts().into_iter().rev();
    Ok(Json(
        rollouts
            .filter(|rollout| scene.look.duty.watches.environment(&rollout.environment))
            .map(|r| json!(r))
            .collect(),
    ))
}

/// Where to go on in the output.
#[derive(Debug, Deserialize)]
pub struct OutputQuery {
    after: Option<i64>,
}

/// `GET /api/v1/duties/{duty}/rollouts/{id}`
pub async fn rollout(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((_, id)): Path<(String, String)>,
    Query(query): Query<OutputQuery>,
) -> Result<Json<Value>, HttpError> {
    let mut reader = web.app.store.read().await?;
    let attempt = store::rollouts::get(&mut reader, &id)
        .await?
        .filter(|attempt| Some(&attempt.press.duty) == visit.duty.as_ref());
    let attempt = attempt.ok_or_else(|| HttpError::NotFound(format!("there is no rollout {id}")))?;
    let lines = store::rollouts::output(&mut reader, &id, query.after.unwrap_or(0), 1_000).await?;
    Ok(Json(json!({
        "id": id,
        "environment": attempt.press.environment,
        "revision": attempt.press.revision,
        "state": attempt.state,
        "pressed_by": attempt.press.pressed_by,
        "pressed_at": attempt.press.pressed_at,
        "finished_at": attempt.finished_at,
        "exit_code": attempt.exit_code,
        "reason": attempt.reason,
        "output": lines.into_iter().map(|(n, line)| json!({"n": n, "at": line.at, "text": line.text})).collect::<Vec<_>>(),
    })))
}

/// How a lost rollout ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveBody {
    state: String,
}

/// `POST /api/v1/duties/{duty}/rollouts/{id}/resolve`
pub async fn resolve(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path((duty, id)): Path<(String, String)>,
    Body(body): Body<ResolveBody>,
) -> Result<Json<Value>, HttpError> {
    let state = ended_state(&body.state)?;
    let action = Action::ResolveRollout { id: id.clone(), state };
    web.app.act(visit.duty()?, Some(&visit.person()?.acts_as()), action).await?;
    rollout(State(web), Extension(visit), Path((duty, id)), Query(OutputQuery { after: None })).await
}

/// `GET /api/v1/duties/{duty}/process`
pub async fn process(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let duty = visit.duty()?;
    let instance = web.app.instance();
    let mut reader = web.app.store.read().await?;
    let versions = store::processes::list(&mut reader, duty).await?;
    let versions = versions.into_iter().map(|version| {
        json!({
            "version": version.number,
            "at": version.version.activated_at,
            "by": version.version.activated_by,
            "reason": version.version.reason,
            "changes": version.version.changes,
        })
    });
    let active = instance.process(duty);
    Ok(Json(json!({
        "version": active.map(|active| active.version),
        "text": active.map(|active| &active.text),
        "versions": versions.collect::<Vec<_>>(),
    })))
}

/// Why somebody has a shift, in a word, and whose turn it was.
fn origin(origin: &ShiftOrigin) -> (&'static str, Option<&EngineerId>) {
    match origin {
        ShiftOrigin::Scheduled => ("scheduled", None),
        ShiftOrigin::Published { .. } => ("published", None),
        ShiftOrigin::Spread { in_order } => ("spread", Some(in_order)),
        ShiftOrigin::Override { instead_of } => ("override", instead_of.as_ref()),
        ShiftOrigin::Covered { instead_of } => ("covered", instead_of.as_ref()),
        ShiftOrigin::Exchanged { with } => ("exchanged", Some(with)),
        ShiftOrigin::Served => ("served", None),
        ShiftOrigin::Nobody => ("nobody", None),
    }
}

/// `GET /api/v1/duties/{duty}/team`: the coming shifts.
pub async fn team(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Json<Value>, HttpError> {
    let scene = scene(&web, &visit).await?;
    let look = &scene.look;
    let person = |id: &EngineerId| json!({"id": id, "name": look.instance.roster.name_of(id)});
    let shift = |shift: Shift| {
        let (origin, instead_of) = origin(&shift.origin);
        json!({
            "day": shift.day,
            "engineer": shift.engineer.as_ref().map(person),
            "origin": origin,
            "instead_of": instead_of.map(person),
            "buddy": shift.buddy().map(person),
            "shadow": shift.shadow().map(person),
        })
    };
    Ok(Json(look.coming(60).into_iter().map(shift).collect()))
}
