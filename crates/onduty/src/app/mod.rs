//! What a running server shares, built in one function: clock, store, files in force, bus.
//!
//! `web` and `tasks` call it; it loads from the store, decides in the core, and writes in one transaction. It never
//! answers HTTP and never waits for the network.

pub mod access_log;
pub mod attempts;
pub mod audit;
mod bus;
mod calendar_feeds;
mod comparisons;
pub mod day;
mod handshake;
mod health;
mod instance;
mod intake;
pub mod leave;
pub mod leave_calendars;
mod liveness;
mod look;
pub mod operator;
pub mod passwords;
pub mod people;
pub mod plans;
pub mod self_audit;
mod settings;
pub mod sign_in;
pub mod single_sign_on;
mod start;
pub mod telemetry;
mod versions;
mod viewers;
pub mod what_if;

pub use bus::{Bus, Change};
pub use day::{DayError, Press, Pressed};
pub use health::{Health, Heard, Kept};
pub use instance::Instance;
pub use intake::{Accepted, IntakeError};
pub use liveness::{Engine, Liveness};
pub use look::Look;
pub use sign_in::{Origin, SignInError, acts_as};
pub use start::{Start, StartError, location};
pub use viewers::{Viewers, Viewing};

use crate::clock::Clock;
use crate::config::{GitRepository, GitSource, Secrets};
use crate::egress::Egress;
use crate::metrics::Metrics;
use crate::oidc::Provider;
use crate::server::{Counts, Stopping};
use crate::sources::SourceError;
use crate::sources::git::Mirror;
use crate::store::Store;
use crate::store::access::Secret;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::oneshot;

/// Everything that a running server shares. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// The parts of an [`App`].
pub struct Shared {
    /// Duty time and real time.
    pub clock: Clock,
    /// What is kept.
    pub store: Store,
    /// Who hears of changes.
    pub bus: Bus,
    /// Secrets of sources and targets.
    pub secrets: Secrets,
    /// The way out, to where the file in force allows.
    pub egress: Egress,
    /// Folder of the store, of rollouts and of copies of repositories.
    pub data: PathBuf,
    /// The `onduty.yml` that the server was started with.
    pub config_path: PathBuf,
    /// The binary that supervises rollouts: this one, but for tests.
    pub supervisor: PathBuf,
    /// When the engine last ran, and what the self-audit sees.
    pub liveness: Liveness,
    /// What is counted.
    pub metrics: Metrics,
    /// Connections, counted by the server loop.
    pub connections: Arc<Counts>,
    /// Who looks at live parts.
    pub viewers: Viewers,
    /// Whether the server was told to stop.
    pub stopping: Stopping,
    /// Whether nothing may leave.
    pub observe_only: bool,
    /// The provider that signs people in, as far as it is known.
    pub oidc: Provider,
    /// The turns in which passwords are hashed.
    pub passwords: passwords::Passwords,
    /// The turns in which telemetry is read.
    pub telemetry: telemetry::Turns,
    /// The plan that was proposed last.
    pub proposals: plans::Proposals,
    /// The turn in which questions about the team are answered.
    pub answers: what_if::Answers,
    /// How the calendars are that tell who is away.
    pub leave_calendars: leave_calendars::Standings,
    /// Who tried to sign in how often.
    pub attempts: attempts::Attempts,
    first_run: RwLock<Option<Secret>>,
    /// The demo's controls, where this is a demo.
    pub demo: Option<Arc<dyn Demo>>,
    instance: RwLock<Arc<Instance>>,
}

/// What a demo can be asked to do. Implemented by `cli::demo` alone.
pub trait Demo: Send + Sync {
    /// Plays on until `jump` (`next`, `15:59`, `16:00`), running every pass that is due on the way; tells when it has
    /// arrived.
    ///
    /// # Errors
    /// Why there is nothing to jump to, for people.
    fn jump(&self, jump: &str) -> Result<oneshot::Receiver<()>, String>;
}

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("data", &self.data).finish_non_exhaustive()
    }
}

impl App {
    /// The files in force.
    pub fn instance(&self) -> Arc<Instance> {
        self.instance.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_instance(&self, instance: Arc<Instance>) {
        *self.instance.write().unwrap_or_else(PoisonError::into_inner) = instance;
    }

    /// Whether `token` is that of the first-run link.
    pub fn is_first_run(&self, token: &str) -> bool {
        let secret = self.first_run.read().unwrap_or_else(PoisonError::into_inner);
        secret.as_ref().is_some_and(|secret| secret.is(token))
    }

    /// Uses the first-run link up: true for exactly one caller who has its token.
    pub fn use_first_run(&self, token: &str) -> bool {
        let mut secret = self.first_run.write().unwrap_or_else(PoisonError::into_inner);
        secret.take_if(|secret| secret.is(token)).is_some()
    }

    /// Takes back that the first-run link was used: what it was used for was not kept.
    pub fn offer_first_run_again(&self, token: &str) {
        *self.first_run.write().unwrap_or_else(PoisonError::into_inner) = Some(Secret::from_text(token));
    }

    /// Whether a proof of who somebody is still counts. A demo asks nobody: its team does not exist.
    pub fn is_recent(&self, proved_at: Timestamp, real_now: Timestamp) -> bool {
        let age = real_now.duration_since(proved_at);
        let limit = self.instance().config.access.prove_again;
        self.demo.is_some() || SignedDuration::try_from(limit).is_ok_and(|limit| age < limit)
    }

    /// Whether another system signs people in.
    pub fn has_single_sign_on(&self) -> bool {
        self.single_sign_on_name().is_some()
    }

    /// The token of the first-run link, while nobody has used it.
    pub fn first_run_token(&self) -> Option<String> {
        let secret = self.first_run.read().unwrap_or_else(PoisonError::into_inner);
        secret.as_ref().map(|secret| secret.expose().to_owned())
    }

    /// The copy of a configured repository.
    ///
    /// # Errors
    /// See [`Mirror::open`].
    pub async fn mirror(&self, source: &GitSource) -> Result<Mirror, SourceError> {
        let location = match &source.repository {
            GitRepository::Folder(path) => path.display().to_string(),
            GitRepository::Url(url) => url.clone(),
        };
        Mirror::open(&source.name, &location, &self.data.join("repositories"), &self.egress).await
    }

    /// Where the ends of the log books' chains are kept, outside the database.
    pub fn heads_file(&self) -> PathBuf {
        self.data.join("log-heads.jsonl")
    }

    /// Where attempts of rollouts leave their traces.
    pub fn rollout_folder(&self) -> PathBuf {
        self.data.join("rollouts")
    }
}
