//! Live parts of pages by server-sent events: what changed is drawn anew and sent with the id that it replaces.

use super::Web;
use super::auth::Visit;
use super::error::HttpError;
use super::pages::{me, scene};
use super::policy::Subject;
use super::present::Scene;
use super::views::wall::WallView;
use super::views::{Reader, gate, layout, today, wall};
use crate::app::Change;
use axum::extract::{Extension, Path, State};
use axum::response::sse::{Event, Sse};
use futures_util::{Stream, stream};
use maud::Markup;
use onduty_core::ids::DutyId;
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// How often a stream says that it lives.
const BEAT: Duration = Duration::from_secs(3);
/// Changes that come within this time are drawn once.
const TOGETHER: Duration = Duration::from_millis(40);
/// When a browser comes back whose stream ended: spread, so that a restart is not met by everybody at once.
const COME_BACK: RangeInclusive<u64> = 1_000..=4_000;

/// `GET /events?duty=…`
pub async fn events(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, HttpError> {
    let duty = visit.duty()?.clone();
    Ok(sse(Watch::new(web, visit, duty, None)))
}

/// `GET /tv/{token}/events`
pub async fn wall_events(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, HttpError> {
    let duty = visit.duty()?.clone();
    Ok(sse(Watch::new(web, visit, duty, Some(token))))
}

fn sse(watch: Watch) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(watch, async |mut watch| {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    }))
}

/// One open stream: what it has sent, and what it still has to.
struct Watch {
    web: Web,
    visit: Visit,
    duty: DutyId,
    /// The token of a wall screen, looked at again with every beat.
    wall: Option<String>,
    changes: Receiver<Change>,
    /// The newest drawing of each part that was sent.
    sent: BTreeMap<String, String>,
    queue: Vec<Event>,
    beats: tokio::time::Interval,
    /// Counts what was sent; a browser that comes back gets every part that it may have missed, so no part is lost.
    number: u64,
    first: bool,
}

impl Watch {
    fn new(web: Web, visit: Visit, duty: DutyId, wall: Option<String>) -> Watch {
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let changes = web.app.bus.listen();
        Watch {
            web,
            visit,
            duty,
            wall,
            changes,
            sent: BTreeMap::new(),
            queue: Vec::new(),
            beats,
            number: 0,
            first: true,
        }
    }

    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.queue.pop() {
                return Some(event);
            }
            if std::mem::take(&mut self.first) {
                self.draw().await;
                // Taken from the end: this is what the stream begins with.
                self.queue.push(Event::default().retry(come_back()));
                continue;
            }
            tokio::select! {
                () = self.web.app.stopping.told() => return None,
                _ = self.beats.tick() => return self.beat().await,
                change = self.changes.recv() => match change {
                    Ok(change) if !self.concerns(&change) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        tokio::time::sleep(TOGETHER).await;
                        // What came meanwhile is in the same drawing.
                        while self.changes.try_recv().is_ok() {}
                        self.draw().await;
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn concerns(&self, change: &Change) -> bool {
        match change {
            Change::Day(duty) | Change::Rollout { duty } => *duty == self.duty,
            Change::Everything => true,
            Change::Pushed | Change::Hinted => false,
        }
    }

    /// A sign of life with duty time; a revoked wall screen ends here.
    async fn beat(&mut self) -> Option<Event> {
        if let (Some(token), Subject::Wall { .. }) = (&self.wall, &self.visit.subject)
            && !super::walls::is_alive(&self.web, token).await
        {
            return None;
        }
        let app = &self.web.app;
        let instance = app.instance();
        let duty = instance.roster.duty(&self.duty)?;
        let now = app.clock.duty_now();
        let night = super::walls::is_night(duty, now);
        // Another version may have other steps: a page that was drawn from an older one loads itself again.
        let version = instance.process(&self.duty).map(|active| active.version);
        let data = json!({"at": now, "rate": app.clock.rate(), "night": night, "version": version});
        Event::default().event("beat").json_data(data).ok()
    }

    async fn draw(&mut self) {
        let parts = match self.parts().await {
            Ok(parts) => parts,
            // The page says by itself that it is stale; the next change tries again.
            Err(error) => return tracing::warn!(?error, "live parts could not be drawn"),
        };
        let mut events = Vec::new();
        for (id, html) in parts {
            let html = html.into_string();
            if self.sent.get(&id) == Some(&html) {
                continue;
            }
            self.number += 1;
            let data = json!({"id": id, "html": html});
            if let Ok(event) = Event::default().event("fragment").id(self.number.to_string()).json_data(data) {
                events.push(event);
            }
            self.sent.insert(id, html);
        }
        events.reverse();
        self.queue = events;
    }

    async fn parts(&self) -> Result<Vec<(String, Markup)>, HttpError> {
        let scene = scene(&self.web, &self.visit).await?;
        if let Some(token) = &self.wall {
            let view = super::walls::view(&scene, &self.visit, token);
            return Ok(wall_parts(&view, &scene, &self.visit));
        }
        let me = me(&self.visit);
        let back = format!("/?duty={}", self.duty);
        let reader = scene.reader(&self.visit, me.as_ref(), &back);
        Ok(page_parts(&self.web, &scene, &self.visit, &reader))
    }
}

/// How long this browser waits before it opens its stream again.
fn come_back() -> Duration {
    let (low, high) = (*COME_BACK.start(), *COME_BACK.end());
    // Without randomness everybody comes at once, which the limits of the server survive.
    let random = getrandom::u32().unwrap_or_default();
    Duration::from_millis(low + u64::from(random) % (high - low))
}

fn page_parts(web: &Web, scene: &Scene, visit: &Visit, reader: &Reader<'_>) -> Vec<(String, Markup)> {
    let view = scene.today(visit, reader.me);
    let mut parts = vec![
        ("on-duty".to_owned(), layout::on_duty_line(&scene.on_duty(), reader)),
        ("summary".to_owned(), today::summary(&view, reader)),
        ("latest".to_owned(), today::latest(&view.latest, reader)),
    ];
    parts.extend(view.steps.iter().map(|step| (format!("step-{}", step.id), today::step(step, reader))));
    // The rollout page has the panel without its step.
    if let Some(inputs) = scene.look.board().gates.first() {
        parts.push(("gate".to_owned(), gate::panel(&scene.gate(inputs, visit), reader)));
    }
    if web.app.demo.is_some() {
        parts.push(("demo".to_owned(), layout::demo_bar(&scene.demo_bar(&web.app), reader)));
    }
    parts
}

fn wall_parts(view: &WallView, scene: &Scene, visit: &Visit) -> Vec<(String, Markup)> {
    let reader = scene.reader(visit, None, "/");
    vec![
        ("wall-now".to_owned(), wall::now(view, &reader)),
        ("wall-tiles".to_owned(), wall::tiles(view)),
        ("wall-foot".to_owned(), wall::foot(view, &reader)),
    ]
}
