//! The world itself: one model behind a lock, its clock and its deliveries.
//!
//! Made by tests and by `onduty demo`, which set its time and act through [`World::github`], [`World::tracker`] and
//! [`World::signals`]. Holds the lock only between awaits.

use crate::delivery::{Channel, Delivery, Fault, Held, Hook, Outcome, Outgoing, Sent};
use crate::github::{Github, GithubState};
use crate::random::Random;
use crate::sign;
use crate::signals::Signals;
use crate::tracker::{Tracker, TrackerState};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How many deliveries the log keeps; a demo may run for days.
const LOG_LENGTH: usize = 2_000;
/// How long a receiver may take; GitHub gives up after ten seconds too.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How much of an answer the log keeps, in characters.
const ANSWER_LENGTH: usize = 2_000;

/// Reads the real time; it is signed into generic webhooks and checked on what arrives.
pub type RealClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a world starts with.
#[derive(Clone)]
pub struct WorldOptions {
    /// Everything accidental comes from here.
    pub seed: u64,
    /// The world's time at the start.
    pub now: Timestamp,
    /// The machine's time.
    pub real_now: RealClock,
    /// The repository behind [`Github::main`].
    pub repository: String,
    /// The name of the workflow that runs all checks of a push; without one, check runs come alone.
    pub workflow: Option<String>,
    /// What the tracker checks write-backs with; it refuses all of them without one.
    pub write_back_secret: Option<String>,
}

impl WorldOptions {
    /// A world at `now` whose repository is `acme/shop`, with a workflow `CI` and no secret for write-backs.
    pub fn new(seed: u64, now: Timestamp, real_now: RealClock) -> WorldOptions {
        WorldOptions {
            seed,
            now,
            real_now,
            repository: "acme/shop".to_owned(),
            workflow: Some("CI".to_owned()),
            write_back_secret: None,
        }
    }
}

/// Everything that is remembered.
pub(crate) struct Model {
    pub now: Timestamp,
    pub random: Random,
    pub base: String,
    pub github: GithubState,
    pub tracker: TrackerState,
    hooks: BTreeMap<Channel, Hook>,
    faults: BTreeMap<Channel, VecDeque<Fault>>,
    held: Vec<Held>,
    log: VecDeque<Delivery>,
    busy: usize,
}

struct Inner {
    model: Mutex<Model>,
    client: reqwest::Client,
    real_now: RealClock,
    idle: Notify,
}

/// A handle on the world; clones share it.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl World {
    /// A world without a server: its links lead nowhere and nobody can write to it, but it acts and delivers.
    pub fn new(options: WorldOptions) -> World {
        let model = Model {
            now: options.now,
            random: Random::new(options.seed),
            base: "http://world.invalid".to_owned(),
            github: GithubState::new(options.seed, options.repository, options.workflow),
            tracker: TrackerState::new(options.write_back_secret),
            hooks: BTreeMap::new(),
            faults: BTreeMap::new(),
            held: Vec::new(),
            log: VecDeque::new(),
            busy: 0,
        };
        let inner =
            Inner { model: Mutex::new(model), client: client(), real_now: options.real_now, idle: Notify::new() };
        World { inner: Arc::new(inner) }
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.model().now
    }

    /// Moves the world's time; nothing happens by that alone.
    pub fn set_now(&self, now: Timestamp) {
        self.model().now = now;
    }

    /// Where the world's own pages and its write-back intake are: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.model().base.clone()
    }

    /// Connects a channel to its receiver, or to a new one.
    pub fn connect(&self, channel: Channel, hook: Hook) {
        self.model().hooks.insert(channel, hook);
    }

    /// Disconnects a channel: the world goes on, nobody hears of it.
    pub fn disconnect(&self, channel: Channel) {
        self.model().hooks.remove(&channel);
    }

    /// Lets the next delivery of `channel` go wrong; several faults meet the next deliveries one by one.
    pub fn spoil_next(&self, channel: Channel, fault: Fault) {
        self.model().faults.entry(channel).or_default().push_back(fault);
    }

    /// The code host.
    pub fn github(&self) -> Github {
        Github::new(self.clone())
    }

    /// The error tracker.
    pub fn tracker(&self) -> Tracker {
        Tracker::new(self.clone())
    }

    /// The generic intake.
    pub fn signals(&self) -> Signals {
        Signals::new(self.clone())
    }

    /// The newest deliveries, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.model().log.iter().cloned().collect()
    }

    /// Forgets the log of deliveries.
    pub fn clear_deliveries(&self) {
        self.model().log.clear();
    }

    /// Sends what was delayed and is due by now.
    pub async fn deliver_due(&self) -> Sent {
        let due = self.take_held(|held, now| held.until.is_some_and(|until| until <= now));
        self.post_held(due).await
    }

    /// Waits until everything that the world does on its own (announcing an assignment) is done.
    pub async fn settle(&self) {
        loop {
            let idle = self.inner.idle.notified();
            if self.model().busy == 0 {
                return;
            }
            idle.await;
        }
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        // No code panics half-way through a change, so a poisoned model is still whole.
        self.inner.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn real_now(&self) -> Timestamp {
        (self.inner.real_now)()
    }

    /// Does something of the world's own accord; [`World::settle`] waits for it.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.model().busy += 1;
        let world = self.clone();
        tokio::spawn(async move {
            work.await;
            world.model().busy -= 1;
            world.inner.idle.notify_waiters();
        });
    }

    /// Sends all of `bodies`, one after another.
    pub(crate) async fn deliver_all(&self, bodies: Vec<Outgoing>) -> Sent {
        let mut sent = Sent::default();
        for body in bodies {
            sent.then(self.deliver(body).await);
        }
        sent
    }

    /// Sends one body, or does to it what the next fault says.
    pub(crate) async fn deliver(&self, outgoing: Outgoing) -> Sent {
        let mut sent = self.deliver_due().await;
        let channel = outgoing.channel;
        let (id, fault) = {
            let mut model = self.model();
            (new_id(channel, &mut model.random), model.faults.get_mut(&channel).and_then(VecDeque::pop_front))
        };
        match fault {
            None => sent.0.push(self.post(&outgoing, &id, true).await),
            Some(Fault::WrongSignature) => sent.0.push(self.post(&outgoing, &id, false).await),
            Some(Fault::Repeat) => {
                sent.0.push(self.post(&outgoing, &id, true).await);
                sent.0.push(self.post(&outgoing, &id, true).await);
            }
            Some(Fault::Duplicate) => {
                sent.0.push(self.post(&outgoing, &id, true).await);
                let again = new_id(channel, &mut self.model().random);
                sent.0.push(self.post(&outgoing, &again, true).await);
            }
            Some(Fault::Drop) => sent.0.push(self.not_sent(&outgoing, &id, Outcome::Dropped)),
            Some(Fault::Reorder) => {
                sent.0.push(self.not_sent(&outgoing, &id, Outcome::HeldBack));
                self.model().held.push(Held { outgoing, id, until: None });
                return sent;
            }
            Some(Fault::Delay(by)) => {
                sent.0.push(self.not_sent(&outgoing, &id, Outcome::HeldBack));
                let mut model = self.model();
                let until = model.now.checked_add(by).unwrap_or(model.now);
                model.held.push(Held { outgoing, id, until: Some(until) });
                return sent;
            }
        }
        let overtaken = self.take_held(|held, _| held.until.is_none() && held.outgoing.channel == channel);
        sent.then(self.post_held(overtaken).await);
        sent
    }

    fn take_held(&self, is_due: impl Fn(&Held, Timestamp) -> bool) -> Vec<Held> {
        let mut model = self.model();
        let now = model.now;
        let (due, rest) = std::mem::take(&mut model.held).into_iter().partition(|held| is_due(held, now));
        model.held = rest;
        due
    }

    async fn post_held(&self, held: Vec<Held>) -> Sent {
        let mut sent = Sent::default();
        for one in held {
            sent.0.push(self.post(&one.outgoing, &one.id, true).await);
        }
        sent
    }

    async fn post(&self, outgoing: &Outgoing, id: &str, well_signed: bool) -> Delivery {
        let Some(hook) = self.model().hooks.get(&outgoing.channel).cloned() else {
            return self.not_sent(outgoing, id, Outcome::NotConnected);
        };
        let body = outgoing.body.to_string();
        let secret = if well_signed { hook.secret } else { format!("not {}", hook.secret) };
        let headers = self.headers(outgoing, id, &secret, body.as_bytes());
        let mut request =
            self.inner.client.post(&hook.url).header("content-type", "application/json").body(body.clone());
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let outcome = match request.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let text = answer.text().await.unwrap_or_default();
                Outcome::Answered { status, body: text.chars().take(ANSWER_LENGTH).collect() }
            }
            Err(failure) => Outcome::Unreachable { reason: failure.without_url().to_string() },
        };
        self.logged(outgoing, id, headers, body, outcome)
    }

    fn not_sent(&self, outgoing: &Outgoing, id: &str, outcome: Outcome) -> Delivery {
        self.logged(outgoing, id, Vec::new(), outgoing.body.to_string(), outcome)
    }

    fn logged(
        &self,
        outgoing: &Outgoing,
        id: &str,
        headers: Vec<(String, String)>,
        body: String,
        outcome: Outcome,
    ) -> Delivery {
        let mut model = self.model();
        let delivery = Delivery {
            channel: outgoing.channel,
            id: id.to_owned(),
            event: outgoing.event.clone(),
            at: model.now,
            headers,
            body,
            outcome,
        };
        if model.log.len() >= LOG_LENGTH {
            model.log.pop_front();
        }
        model.log.push_back(delivery.clone());
        delivery
    }

    fn headers(&self, outgoing: &Outgoing, id: &str, secret: &str, body: &[u8]) -> Vec<(String, String)> {
        let pairs = match outgoing.channel {
            Channel::Github => vec![
                ("user-agent", "GitHub-Hookshot/fake".to_owned()),
                ("x-github-event", outgoing.event.clone()),
                ("x-github-delivery", id.to_owned()),
                ("x-hub-signature-256", sign::github(secret, body)),
            ],
            Channel::Signals => {
                let seconds = self.real_now().as_second();
                vec![
                    ("webhook-id", id.to_owned()),
                    ("webhook-timestamp", seconds.to_string()),
                    ("webhook-signature", sign::standard(secret, id, seconds, body)),
                ]
            }
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn new_id(channel: Channel, random: &mut Random) -> String {
    match channel {
        Channel::Github => random.uuid(),
        Channel::Signals => format!("msg_{}", random.hex(24)),
    }
}

/// A client for the loopback interface: no proxy, no redirects, and no certificate that it would ever trust.
#[expect(clippy::disallowed_methods, reason = "the outside world has its own ways")]
fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers the default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER_WITHIN)
        .build()
        .expect("nothing in this configuration can fail")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use jiff::SignedDuration;

    /// What a receiver got: headers and raw body.
    pub(crate) type Received = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

    pub(crate) fn options() -> WorldOptions {
        let now: Timestamp = "2026-03-02T08:05:00Z".parse().unwrap();
        let real: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        WorldOptions {
            write_back_secret: Some("write-back secret".to_owned()),
            ..WorldOptions::new(7, now, Arc::new(move || real))
        }
    }

    /// A receiver that remembers everything and says 202.
    pub(crate) async fn receiver() -> (String, Received) {
        let received = Received::default();
        async fn remember(State(all): State<Received>, headers: HeaderMap, body: axum::body::Bytes) -> StatusCode {
            all.lock().unwrap().push((headers, body.to_vec()));
            StatusCode::ACCEPTED
        }
        let router = Router::new().fallback(remember).with_state(received.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, received)
    }

    pub(crate) fn test_client() -> reqwest::Client {
        client()
    }

    pub(crate) async fn connected() -> (World, Received) {
        let world = World::new(options());
        let (url, received) = receiver().await;
        for (channel, path) in [(Channel::Github, "/hooks/github"), (Channel::Signals, "/hooks/signals")] {
            world.connect(channel, Hook { url: format!("{url}{path}"), secret: "shared secret".to_owned() });
        }
        (world, received)
    }

    async fn send(world: &World, number: u32) -> Sent {
        world.signals().send_body(serde_json::json!({"type": "signal", "n": number})).await
    }

    fn numbers(received: &Received) -> Vec<u64> {
        let all = received.lock().unwrap();
        all.iter()
            .map(|(_, body)| serde_json::from_slice::<serde_json::Value>(body).unwrap()["n"].as_u64().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn deliveries_are_signed_answered_and_logged() {
        let (world, received) = connected().await;
        let sent = send(&world, 1).await;
        assert_eq!(sent.statuses(), [202]);
        assert!(sent.accepted());
        let all = received.lock().unwrap();
        let (headers, body) = &all[0];
        let text = |name: &str| headers[name].to_str().unwrap();
        assert_eq!(text("webhook-timestamp"), "1893456000", "the machine's time, not the world's");
        let real = Timestamp::from_second(1_893_456_000).unwrap();
        let checked = sign::verify_standard(
            "shared secret",
            text("webhook-id"),
            text("webhook-timestamp"),
            text("webhook-signature"),
            body,
            real,
        );
        assert_eq!(checked, Ok(()));
        assert_eq!(world.deliveries(), sent.0);
    }

    #[tokio::test]
    async fn faults_meet_the_next_deliveries_one_by_one() {
        let (world, received) = connected().await;
        let fault = |fault| world.spoil_next(Channel::Signals, fault);
        fault(Fault::Drop);
        assert_eq!(send(&world, 1).await.0[0].outcome, Outcome::Dropped);
        fault(Fault::Reorder);
        assert_eq!(send(&world, 2).await.0[0].outcome, Outcome::HeldBack);
        assert_eq!(send(&world, 3).await.statuses(), [202, 202]);
        assert_eq!(numbers(&received), [3, 2]);

        fault(Fault::Duplicate);
        let twice = send(&world, 4).await;
        assert_ne!(twice.0[0].id, twice.0[1].id);
        assert_eq!(twice.0[0].body, twice.0[1].body);
        fault(Fault::Repeat);
        let again = send(&world, 5).await;
        assert_eq!(again.0[0].id, again.0[1].id);

        fault(Fault::WrongSignature);
        let wrong = send(&world, 6).await;
        let header = |name| wrong.0[0].header(name).unwrap();
        let real = Timestamp::from_second(1_893_456_000).unwrap();
        let checked = sign::verify_standard(
            "shared secret",
            &wrong.0[0].id,
            header("webhook-timestamp"),
            header("webhook-signature"),
            wrong.0[0].body.as_bytes(),
            real,
        );
        assert_eq!(checked, Err(sign::Refusal::Signature));
        assert_eq!(numbers(&received), [3, 2, 4, 4, 5, 5, 6]);
    }

    #[tokio::test]
    async fn a_delayed_delivery_comes_when_its_time_has_come() {
        let (world, received) = connected().await;
        world.spoil_next(Channel::Signals, Fault::Delay(SignedDuration::from_mins(10)));
        let _ = send(&world, 1).await;
        world.set_now(world.now() + SignedDuration::from_mins(9));
        assert_eq!(world.deliver_due().await, Sent::default());
        let _ = send(&world, 2).await;
        world.set_now(world.now() + SignedDuration::from_mins(1));
        assert_eq!(send(&world, 3).await.statuses(), [202, 202]);
        assert_eq!(numbers(&received), [2, 1, 3]);
    }

    #[tokio::test]
    async fn nobody_there_is_an_outcome() {
        let world = World::new(options());
        assert_eq!(send(&world, 1).await.0[0].outcome, Outcome::NotConnected);
        // A port that was free a moment ago.
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        world.connect(Channel::Signals, Hook { url, secret: "s".to_owned() });
        let sent = send(&world, 2).await;
        assert!(matches!(sent.0[0].outcome, Outcome::Unreachable { .. }), "{sent:?}");
        assert!(!sent.accepted());
    }
}
