//! Live parts of pages by server-sent events: what changed is drawn anew and sent with the id that it replaces.
//!
//! Each distinct view is drawn once, by a task of its own, however many look at it ([`View`]); its viewers share the
//! bytes. A viewer has no queue: it knows the number of the newest frame that it sent, and sends what is newer. One that
//! reads slowly skips what was overtaken meanwhile; one that reads nothing holds no memory and is dropped by the server
//! loop.

use super::Web;
use super::auth::Visit;
use super::error::HttpError;
use super::pages::{me, scene};
use super::policy::Subject;
use super::present::Scene;
use super::views::wall::WallView;
use super::views::{Reader, gate, handshake, layout, today, wall};
use crate::app::Change;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use maud::Markup;
use onduty_core::ids::DutyId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, Sleep};

/// How often a stream says that it lives.
const BEAT: Duration = Duration::from_secs(3);
/// Changes that come within this time are drawn once.
const TOGETHER: Duration = Duration::from_millis(40);
/// When a browser comes back whose stream ended: spread, so that a restart is not met by everybody at once.
const COME_BACK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));
/// How long a stream lasts. Then the browser comes back and is asked again who it is: whoever was signed out meanwhile
/// sees nothing new for longer than this.
const LIFE: (Duration, Duration) = (Duration::from_secs(10 * 60), Duration::from_secs(15 * 60));

/// `GET /events?duty=…`
pub async fn events(State(web): State<Web>, Extension(visit): Extension<Visit>) -> Result<Response, HttpError> {
    let duty = visit.duty()?.clone();
    Ok(stream_of(Watch { web, visit, duty, wall: None }))
}

/// `GET /tv/{token}/events`
pub async fn wall_events(
    State(web): State<Web>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
) -> Result<Response, HttpError> {
    let duty = visit.duty()?.clone();
    Ok(stream_of(Watch { web, visit, duty, wall: Some(token) }))
}

fn stream_of(watch: Watch) -> Response {
    watch.web.app.metrics.streams.count([watch.kind()]);
    let viewing = watch.web.app.viewers.come();
    let views = watch.web.views.clone();
    let view = views.view(watch);
    let hello = Bytes::from(format!("retry: {}\n\n", between(COME_BACK).as_millis()));
    let life = Box::pin(tokio::time::sleep(between(LIFE)));
    let frames = view.frames.clone();
    let viewer = Viewer { frames, _view: view, _viewing: viewing, life, sent: 0, next: VecDeque::from([hello]) };
    let body = Body::from_stream(stream::unfold(viewer, async |mut viewer| {
        let frame = viewer.next().await?;
        Some((Ok::<_, Infallible>(frame), viewer))
    }));
    // Some proxies keep answers until they are whole, unless they are told not to.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    ([(header::CONTENT_TYPE, "text/event-stream"), unbuffered], body).into_response()
}

/// A time of its own for each, between two.
fn between((low, high): (Duration, Duration)) -> Duration {
    // Without randomness everybody comes at once, which the limits of the server survive.
    low + (high - low).mul_f64(crate::egress::random())
}

/// One open stream.
struct Viewer {
    frames: watch::Receiver<Arc<Frames>>,
    /// Keeps it drawn.
    _view: Arc<View>,
    /// Counts this viewer for as long as it looks.
    _viewing: crate::app::Viewing,
    life: Pin<Box<Sleep>>,
    /// Everything up to this number has left.
    sent: u64,
    next: VecDeque<Bytes>,
}

impl Viewer {
    /// The next frame; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.next.pop_front() {
                return Some(frame);
            }
            let newest = self.frames.borrow_and_update().clone();
            if newest.number > self.sent {
                self.next.extend(newest.after(self.sent));
                self.sent = newest.number;
                continue;
            }
            tokio::select! {
                // The view ended: its wall screen was revoked, or the server stops.
                changed = self.frames.changed() => changed.ok()?,
                () = &mut self.life => return None,
            }
        }
    }
}

/// What a view looks like now: the newest frame of each part, and the newest sign of life.
#[derive(Debug, Default)]
struct Frames {
    /// Of the newest frame in it.
    number: u64,
    parts: BTreeMap<String, Frame>,
    beat: Option<Frame>,
}

#[derive(Debug, Clone)]
struct Frame {
    number: u64,
    bytes: Bytes,
}

impl Frames {
    /// Everything newer than `sent`, oldest first; the sign of life comes last.
    fn after(&self, sent: u64) -> Vec<Bytes> {
        let mut parts: Vec<&Frame> = self.parts.values().filter(|frame| frame.number > sent).collect();
        parts.sort_by_key(|frame| frame.number);
        let beat = self.beat.iter().filter(|frame| frame.number > sent);
        parts.into_iter().chain(beat).map(|frame| frame.bytes.clone()).collect()
    }
}

/// The views that somebody looks at.
#[derive(Default)]
pub struct Views(Mutex<HashMap<Key, Weak<View>>>);

/// Whoever has the same key sees the same, byte for byte: forms carry the token of their session, and what a person may
/// do is part of what they see.
type Key = (DutyId, Option<String>, Option<String>, String);

impl Views {
    fn view(&self, watch: Watch) -> Arc<View> {
        let subject = format!("{:?}", watch.visit.subject);
        let key = (watch.duty.clone(), watch.wall.clone(), watch.visit.session.clone(), subject);
        let mut views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get(&key).and_then(Weak::upgrade)
            && !view.drawing.is_finished()
        {
            return view;
        }
        views.retain(|_, view| view.strong_count() > 0);
        let (sender, frames) = watch::channel(Arc::default());
        let view = Arc::new(View { frames, drawing: tokio::spawn(watch.draw_on(sender)).abort_handle() });
        views.insert(key, Arc::downgrade(&view));
        view
    }
}

/// One distinct view; drawn for as long as somebody looks at it.
struct View {
    frames: watch::Receiver<Arc<Frames>>,
    drawing: AbortHandle,
}

impl Drop for View {
    fn drop(&mut self) {
        self.drawing.abort();
    }
}

/// Draws one view whenever something changes.
struct Watch {
    web: Web,
    visit: Visit,
    duty: DutyId,
    /// The token of a wall screen, looked at again with every beat.
    wall: Option<String>,
}

impl Watch {
    /// Goes on until the wall screen is revoked or the server stops; then every viewer's stream ends.
    async fn draw_on(self, frames: watch::Sender<Arc<Frames>>) {
        let mut changes = self.web.app.bus.listen();
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut drawn = Drawn::default();
        drawn.draw(&self).await;
        loop {
            tokio::select! {
                () = self.web.app.stopping.told() => return,
                _ = beats.tick() => match self.beat().await {
                    Some(beat) => drawn.beat(&beat),
                    None => return,
                },
                change = changes.recv() => match change {
                    Ok(change) if !self.concerns(&change) => continue,
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        tokio::time::sleep(TOGETHER).await;
                        // What came meanwhile is in the same drawing.
                        while changes.try_recv().is_ok() {}
                        drawn.draw(&self).await;
                    }
                    Err(RecvError::Closed) => return,
                },
            }
            frames.send_replace(drawn.frames());
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
    async fn beat(&self) -> Option<Value> {
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
        Some(json!({"at": now, "rate": app.clock.rate(), "night": night, "version": version}))
    }

    fn kind(&self) -> &'static str {
        if self.wall.is_some() { "wall" } else { "page" }
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

/// What was drawn so far.
#[derive(Default)]
struct Drawn {
    number: u64,
    html: BTreeMap<String, String>,
    parts: BTreeMap<String, Frame>,
    beat: Option<Frame>,
}

impl Drawn {
    async fn draw(&mut self, watch: &Watch) {
        watch.web.app.metrics.drawings.count([watch.kind()]);
        let parts = match watch.parts().await {
            Ok(parts) => parts,
            // The page says by itself that it is stale; the next change tries again.
            Err(error) => return tracing::warn!(?error, "live parts could not be drawn"),
        };
        for (id, html) in parts {
            self.part(id, html.into_string());
        }
    }

    /// A part in its newest drawing; the same as before is no news.
    fn part(&mut self, id: String, html: String) {
        if self.html.get(&id) == Some(&html) {
            return;
        }
        let frame = self.frame("fragment", &json!({"id": id, "html": html}));
        self.html.insert(id.clone(), html);
        self.parts.insert(id, frame);
    }

    fn beat(&mut self, beat: &Value) {
        self.beat = Some(self.frame("beat", beat));
    }

    fn frame(&mut self, event: &str, data: &Value) -> Frame {
        self.number += 1;
        // JSON has no line breaks of its own.
        let text = format!("event: {event}\nid: {}\ndata: {data}\n\n", self.number);
        Frame { number: self.number, bytes: text.into() }
    }

    fn frames(&self) -> Arc<Frames> {
        Arc::new(Frames { number: self.number, parts: self.parts.clone(), beat: self.beat.clone() })
    }
}

fn page_parts(web: &Web, scene: &Scene, visit: &Visit, reader: &Reader<'_>) -> Vec<(String, Markup)> {
    let view = scene.today(visit, reader.me);
    let mut parts = vec![
        ("on-duty".to_owned(), layout::on_duty_line(&scene.on_duty(reader.me), reader)),
        ("summary".to_owned(), today::summary(&view, reader)),
        ("latest".to_owned(), today::latest(&view.latest, reader)),
    ];
    if !view.handshakes.is_empty() {
        parts.push(("handshake".to_owned(), handshake::lines(&view.handshakes, reader)));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(frames: &[Bytes]) -> Vec<String> {
        frames.iter().map(|frame| String::from_utf8(frame.to_vec()).unwrap()).collect()
    }

    #[test]
    fn whoever_comes_back_gets_what_is_newer_and_nothing_twice() {
        let mut drawn = Drawn::default();
        drawn.part("a".to_owned(), "1".to_owned());
        drawn.part("b".to_owned(), "1".to_owned());
        drawn.beat(&json!({}));
        let first = drawn.frames();
        assert_eq!(texts(&first.after(0)).len(), 3);
        assert!(first.after(first.number).is_empty());
        drawn.part("a".to_owned(), "1".to_owned());
        assert_eq!(drawn.frames().number, first.number, "the same drawing is no news");

        // A viewer that read nothing meanwhile skips what was overtaken.
        for text in ["2", "3", "4\n5"] {
            drawn.part("a".to_owned(), text.to_owned());
            drawn.beat(&json!({}));
        }
        let missed = texts(&drawn.frames().after(first.number));
        assert_eq!(
            missed,
            ["event: fragment\nid: 8\ndata: {\"id\":\"a\",\"html\":\"4\\n5\"}\n\n", "event: beat\nid: 9\ndata: {}\n\n"]
        );
    }

    #[test]
    fn viewers_share_the_bytes() {
        let mut drawn = Drawn::default();
        drawn.part("a".to_owned(), "1".to_owned());
        let (one, other) = (drawn.frames().after(0), drawn.frames().after(0));
        assert_eq!(one[0].as_ptr(), other[0].as_ptr());
    }
}
