//! The wall screen: a page of its own under a revocable token.

use super::Web;
use super::auth::Visit;
use super::error::HttpError;
use super::pages::scene;
use super::present::Scene;
use super::views::wall::{self, WallView};
use crate::clock::real_now;
use crate::store::access::{self, Secret};
use axum::extract::{Extension, Path, State};
use jiff::Timestamp;
use maud::Markup;
use onduty_core::calendar;
use onduty_core::roster::Duty;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// When each wall screen was last looked at, in real time. Lost with a restart, and nobody needs more.
#[derive(Debug, Default)]
pub struct WallSightings(Mutex<BTreeMap<String, Timestamp>>);

impl WallSightings {
    fn seen(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), real_now());
    }

    /// When the screen was last looked at.
    pub fn last_seen(&self, id: &str) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// Forgets a screen.
    pub fn revoke(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// `GET /tv/{token}`
pub async fn page(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
) -> Result<Markup, HttpError> {
    let scene = scene(&web, &visit).await?;
    is_alive(&web, &token).await;
    let view = view(&scene, &visit, &token);
    let reader = scene.reader(&visit, None, "/");
    Ok(wall::page(&view, &reader))
}

/// Whether the token still opens anything; notes that its screen was seen.
pub(super) async fn is_alive(web: &Web, token: &str) -> bool {
    let Ok(mut reader) = web.app.store.read().await else { return true };
    match access::wall_token_of(&mut reader, &Secret::from_text(token)).await {
        Ok(Some(wall)) => {
            web.walls.seen(&wall.id);
            true
        }
        Ok(None) => false,
        // The store is busy: that says nothing about the token.
        Err(_) => true,
    }
}

pub(super) fn view(scene: &Scene, visit: &Visit, token: &str) -> WallView {
    let look = &scene.look;
    WallView {
        duty_name: look.duty.name.clone(),
        on_duty: scene.on_duty(None),
        tiles: scene.tiles(visit),
        last_rollout: scene.rollouts().into_iter().next(),
        latest: scene.lines(&look.latest),
        stream: format!("/tv/{token}/events"),
        night: is_night(&look.duty, look.now),
    }
}

/// Dark before the working day and after it.
pub(super) fn is_night(duty: &Duty, now: Timestamp) -> bool {
    let (starts, ends) = calendar::working_hours(duty, calendar::day_of(duty, now));
    let hour = jiff::SignedDuration::from_hours(1);
    now < starts - hour || now > ends + hour
}
