//! "Why not me?": why somebody is not the one who is proposed as owner of an item.

use super::Web;
use super::auth::Visit;
use super::error::HttpError;
use super::pages::{me, scene};
use super::present::Scene;
use crate::store;
use crate::texts;
use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use onduty_core::calendar;
use onduty_core::ids::EngineerId;
use onduty_core::item::{Item, ItemId};
use onduty_core::owner::{self, WhyNot};
use serde::Deserialize;
use serde_json::{Value, json};

/// Who is asked about; whoever asks unless said.
#[derive(Debug, Default, Deserialize)]
pub struct WhyNotQuery {
    engineer: Option<String>,
}

/// What keeps `engineer` from being proposed for `item`.
///
/// # Errors
/// Nobody was looked for yet, or `engineer` is not on the roster.
pub fn answer<'a>(item: &'a Item, engineer: &EngineerId, scene: &'a Scene) -> Result<WhyNot<'a>, HttpError> {
    let suggestion = item.suggestion.as_ref().ok_or_else(|| {
        HttpError::NotFound("nobody has been looked for as owner of this item; ask again once somebody is".to_owned())
    })?;
    let look = &scene.look;
    let today = calendar::day_of(&look.duty, look.now);
    owner::why_not(suggestion, engineer, &look.instance.roster, today)
        .ok_or_else(|| HttpError::NotFound(format!("{} is not on the roster", texts::visible(engineer.as_str()))))
}

/// `GET /api/v1/items/{id}/why-not`
pub async fn why_not(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    Query(query): Query<WhyNotQuery>,
) -> Result<Json<Value>, HttpError> {
    let id = ItemId::from_text(&id);
    let scene = scene(&web, &visit).await?;
    let mut reader = web.app.store.read().await?;
    let item = store::items::get(&mut reader, &id).await?.ok_or_else(|| HttpError::no_item(&id))?;
    drop(reader);
    let missing = || HttpError::BadInput("name an engineer: `?engineer=lena`".to_owned());
    let engineer = query.engineer.map(EngineerId::new).or_else(|| me(&visit)).ok_or_else(missing)?;
    let answer = answer(&item, &engineer, &scene)?;
    let tell = scene.telling();
    let (word, candidate) = match answer {
        WhyNot::Proposed { candidate } => ("proposed", Some(candidate)),
        WhyNot::Ranked { candidate, .. } => ("ranked", Some(candidate)),
        WhyNot::NothingSpeaks => ("nothing_speaks", None),
        WhyNot::After { .. } => ("after", None),
        WhyNot::Left { .. } => ("left", None),
    };
    let reasons = candidate.iter().flat_map(|candidate| &candidate.reasons);
    Ok(Json(json!({
        "engineer": engineer,
        "answer": word,
        "text": texts::why_not(&engineer, &answer, &tell),
        "candidate": candidate,
        "reasons": reasons.map(|reason| texts::owner_reason(reason, &tell)).collect::<Vec<_>>(),
        "proposed": item.suggestion.as_ref().and_then(|suggestion| suggestion.proposed()),
    })))
}
