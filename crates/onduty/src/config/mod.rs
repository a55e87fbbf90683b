//! The server's file `onduty.yml`, and all files of a team together.
//!
//! Called once at start, by `onduty check`, and whenever a file changes. Reads files, never writes one; looks secrets
//! up only when [`Config::secrets`] is asked, so that files can be checked on a machine without them. Every key is
//! described in `onduty.default.yml` beside this file.

mod access;
mod egress;
mod files;
mod leave_calendars;
mod load;
mod performance;
mod prometheus;
mod read;
mod rollouts;
mod secrets;
mod server;
mod services;
mod sources;
mod trackers;
mod values;

pub use files::{Files, ProcessFile, holiday_files};
pub use load::{Broken, LoadError, read_text};
pub use secrets::{MissingSecret, SecretSource, Secrets};

use crate::egress::{Network, Policy, Url};
use crate::server::{Limits, TlsFiles};
use onduty_core::engine::Declarations;
use onduty_core::files::Problem;
use onduty_core::ids::Environment;
use onduty_core::leave_calendar::Reading;
use onduty_core::signal::Kind;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the instance's file in a team's folder.
pub const FILE_NAME: &str = "onduty.yml";
/// An instance's file with every key and a sentence about each.
pub const DEFAULT_FILE: &str = include_str!("onduty.default.yml");

/// How long response times stay known when nobody tells any.
const RESPONSE_TIMES_MAX_AGE: Duration = Duration::from_secs(3_600);

/// What `onduty.yml` says. Paths are joined to the folder of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Shown on every page: the company or team.
    pub name: String,
    /// Where the server listens; beyond loopback only with TLS or behind a proxy.
    pub listen: SocketAddr,
    /// Folder of the store and of rollouts' output.
    pub data: PathBuf,
    /// Where the address of a PostgreSQL database is; otherwise the store is a file in `data`.
    pub database: Option<SecretSource>,
    /// `roster.yml`
    pub roster: PathBuf,
    /// Folder with one process file a duty.
    pub processes: PathBuf,
    /// Who tells about the outside world.
    pub sources: Sources,
    /// Where decisions about owners of errors are told.
    pub write_back_errors: Option<WriteBackTarget>,
    /// How to roll out, by environment.
    pub rollouts: BTreeMap<Environment, RolloutTarget>,
    /// Calendars that tell who is away, by name.
    pub leave_calendars: BTreeMap<String, LeaveCalendar>,
    /// Where onduty may go besides the public addresses that are named elsewhere in the file.
    pub egress: EgressRules,
    /// How it serves.
    pub server: ServerRules,
    /// How people prove who they are.
    pub access: AccessRules,
    /// How it is judged what a rollout did to response times.
    pub performance: PerformanceRules,
}

/// `leave_calendars: {hr: {url_env: ONDUTY_HR_CALENDAR}}`
#[derive(Debug, Clone, PartialEq)]
pub struct LeaveCalendar {
    /// Where it is; whoever knows the address reads it.
    pub address: SecretSource,
    /// How often it is read.
    pub every: Duration,
    /// How it is to be understood.
    pub reading: Reading,
}

/// `performance: {warm_up: 10m, window: 1h, covered: 80}`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerformanceRules {
    /// After a rollout, while caches fill; nothing there counts.
    pub warm_up: Duration,
    /// The hours before a rollout, and those after the warm-up.
    pub window: Duration,
    /// Share of requests, and of their time, that has to be judged before a rollout is called fine; above 0, at most 1.
    pub covered: f64,
}

/// `server: {…}`
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerRules {
    /// The address that people type; loopback names work besides.
    pub public_url: Option<PublicUrl>,
    /// The certificate, where onduty itself speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Proxies that say who asks.
    pub proxies: Vec<Network>,
    /// What a client may cost.
    pub limits: Limits,
}

/// The address that people type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// Its host alone.
    pub host: String,
    /// Whether it is `https`.
    pub https: bool,
    /// All of it, without a slash at its end.
    pub text: String,
}

/// `access: {prove_again: 10m}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRules {
    /// After this long a session has to prove again who its person is, before what cannot be undone.
    pub prove_again: Duration,
    /// The other system that signs people in.
    pub oidc: Option<OidcRules>,
}

/// `access: {oidc: {issuer: https://id.acme.example, client_id: onduty, secret_env: ONDUTY_OIDC_SECRET}}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcRules {
    /// The provider, exactly as it calls itself.
    pub issuer: String,
    /// What the provider calls onduty.
    pub client_id: String,
    /// What onduty shows the provider.
    pub secret: SecretSource,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// What people call the provider.
    pub label: String,
    /// Addresses of these domains alone may be linked; none is all.
    pub domains: Vec<String>,
}

impl Default for AccessRules {
    fn default() -> AccessRules {
        AccessRules { prove_again: Duration::from_secs(600), oidc: None }
    }
}

/// `egress: {allow: [10.0.0.0/8, sentry.internal]}`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressRules {
    /// Ranges of addresses inside that may be connected to.
    pub networks: Vec<Network>,
    /// Hosts that may be asked, wherever they are.
    pub hosts: Vec<String>,
}

/// Who tells about the outside world.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// Repositories that are read.
    pub git: Vec<GitSource>,
    /// Webhooks of GitHub.
    pub github: Option<GithubSource>,
    /// Signed signals that anybody can send.
    pub signals: Option<SignalsSource>,
    /// Errors of Sentry.
    pub sentry: Option<TrackerSource>,
    /// Errors of Bugsink.
    pub bugsink: Option<TrackerSource>,
    /// What services tell of themselves by OpenTelemetry.
    pub otlp: Option<OtlpSource>,
    /// Response times of a server that speaks like Prometheus.
    pub prometheus: Option<PrometheusSource>,
    /// Response times of New Relic.
    pub newrelic: Option<NewRelicSource>,
    /// Response times of Datadog.
    pub datadog: Option<DatadogSource>,
    /// Kinds that nobody watches, and that is on purpose: `performance: none`.
    pub absent: BTreeSet<Kind>,
}

/// A repository that is read.
#[derive(Debug, Clone, PartialEq)]
pub struct GitSource {
    /// Where it is.
    pub repository: GitRepository,
    /// The branch that is watched; the repository's own default unless said otherwise.
    pub branch: Option<String>,
    /// What signals and the roster call it: `acme/shop`.
    pub name: String,
    /// How often it is looked at.
    pub every: Duration,
    /// How long what it said stays known.
    pub max_age: Duration,
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitRepository {
    /// A folder on this machine, read where it is.
    Folder(PathBuf),
    /// A `file://` or `https://` address, of which a copy is kept.
    Url(String),
}

impl GitRepository {
    /// The address that git asks over the network.
    pub fn web_address(&self) -> Option<&str> {
        match self {
            GitRepository::Url(url) if !url.starts_with("file:") => Some(url),
            GitRepository::Url(_) | GitRepository::Folder(_) => None,
        }
    }
}

/// Webhooks of GitHub.
#[derive(Debug, Clone, PartialEq)]
pub struct GithubSource {
    /// What they are signed with.
    pub secret: SecretSource,
    /// How long what it said stays known without a sign of life.
    pub max_age: Duration,
}

/// Signed signals that anybody can send.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalsSource {
    /// What they are signed with.
    pub secret: SecretSource,
    /// How long a kind stays known without a sign of life; these kinds are expected.
    pub max_age: BTreeMap<Kind, Duration>,
}

/// What services tell of themselves by OpenTelemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpSource {
    /// Endpoints that are told apart; the others are one.
    pub endpoints: usize,
    /// How long their requests are remembered.
    pub keep: Duration,
}

/// An error tracker that is asked over its API.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerSource {
    /// Where it is.
    pub url: String,
    /// Sentry's organisation.
    pub organisation: String,
    /// Projects; none is all that the token may see.
    pub projects: Vec<String>,
    /// Environments; none is all, where the tracker can tell.
    pub environments: Vec<String>,
    /// Who asks.
    pub token: SecretSource,
    /// What its webhooks are signed with.
    pub hook: Option<SecretSource>,
    /// How often it is asked.
    pub every: Duration,
    /// How long what it said stays known.
    pub max_age: Duration,
}

/// A server that keeps response times and speaks like Prometheus.
#[derive(Debug, Clone, PartialEq)]
pub struct PrometheusSource {
    /// Where it is.
    pub url: String,
    /// Who asks, where it wants to know.
    pub token: Option<SecretSource>,
    /// The histogram with the durations.
    pub metric: String,
    /// Labels that make an endpoint.
    pub endpoint_labels: Vec<String>,
    /// The label with the status of the answer.
    pub status_label: Option<String>,
    /// Labels that have to have these values.
    pub selector: Vec<(String, String)>,
    /// Whether it is a native histogram.
    pub is_native: bool,
}

/// An account of New Relic.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRelicSource {
    /// Where its API is.
    pub url: String,
    /// Who asks.
    pub key: SecretSource,
    /// The account's number.
    pub account: u64,
    /// Only these applications; all where there are none.
    pub applications: Vec<String>,
    /// The attribute with the status of the answer.
    pub status: String,
}

/// An organisation of Datadog.
#[derive(Debug, Clone, PartialEq)]
pub struct DatadogSource {
    /// Where its API begins.
    pub url: String,
    /// Which organisation asks.
    pub api_key: SecretSource,
    /// Who asks.
    pub application_key: SecretSource,
    /// The distribution with the durations.
    pub metric: String,
    /// Tags that make an endpoint.
    pub endpoint_tags: Vec<String>,
    /// The tag with the status of the answer.
    pub status_tag: String,
    /// Tags that have to have these values.
    pub filter: Vec<(String, String)>,
}

/// A backend that keeps response times, and is asked for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A server that speaks like Prometheus.
    Prometheus,
    /// New Relic.
    NewRelic,
    /// Datadog.
    Datadog,
}

/// Where something is told.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteBackTarget {
    /// An `https` address, or `http` on this machine.
    pub url: String,
    /// What the message is signed with.
    pub secret: SecretSource,
}

/// How to roll out to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutTarget {
    /// Program and arguments; never a shell line.
    pub command: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Its variables besides those that onduty sets.
    pub environment: BTreeMap<String, String>,
    /// How long it may run.
    pub timeout: Duration,
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`LoadError::Unreadable`] when there is no such file, [`LoadError::Broken`] with every problem in it.
    pub fn load(path: &Path) -> Result<Config, LoadError> {
        let file = path.display().to_string();
        let text = read_text(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        Config::parse(&file, &text, base).map_err(|problems| LoadError::Broken(Broken::of(file, text, problems)))
    }

    /// Reads the text of an instance's file called `file`; paths in it start from `base`.
    ///
    /// # Errors
    /// Every problem, in the order of their places.
    pub fn parse(file: &str, text: &str, base: &Path) -> Result<Config, Vec<Problem>> {
        let (config, problems) = read::config(file, text, base);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The part that rules read.
    pub fn declarations(&self) -> Declarations {
        let mut declarations = Declarations {
            absent: self.sources.absent.clone(),
            rollout_targets: self.rollouts.keys().map(|name| name.as_str().to_owned()).collect(),
            ..Declarations::default()
        };
        let mut expect = |kind: Kind, max_age: Duration| {
            // Where two sources tell about one kind, the one that promises more decides: a wrong green is worse than
            // an early unknown.
            let max_age = jiff::SignedDuration::try_from(max_age).unwrap_or(Declarations::DEFAULT_MAX_AGE);
            let known = declarations.max_age.entry(kind.clone()).or_insert(max_age);
            *known = max_age.min(*known);
            declarations.expected.insert(kind);
        };
        for git in &self.sources.git {
            expect(Kind::Commits, git.max_age);
        }
        if let Some(github) = &self.sources.github {
            expect(Kind::Builds, github.max_age);
        }
        for tracker in self.sources.sentry.iter().chain(&self.sources.bugsink) {
            expect(Kind::Errors, tracker.max_age);
        }
        if self.sources.otlp.is_some() || self.backend().is_some() {
            expect(Kind::Performance, RESPONSE_TIMES_MAX_AGE);
        }
        for (kind, max_age) in self.sources.signals.iter().flat_map(|signals| &signals.max_age) {
            expect(kind.clone(), *max_age);
        }
        declarations
    }

    /// The address under which people reach a server that listens at `address`.
    pub fn own_address(&self, address: SocketAddr) -> String {
        match &self.server.public_url {
            Some(public) => public.text.clone(),
            None => format!("{}://{address}", if self.server.tls.is_some() { "https" } else { "http" }),
        }
    }

    /// Where onduty may go: to what the file names, and what it allows.
    pub fn egress_policy(&self) -> Policy {
        let policy = self.egress.networks.iter().fold(Policy::default(), |policy, network| policy.within(*network));
        let policy = self.egress.hosts.iter().fold(policy, |policy, host| policy.trusting(host));
        let trackers = self.sources.sentry.iter().chain(&self.sources.bugsink).map(|tracker| tracker.url.as_str());
        let sources = &self.sources;
        let metrics = sources.prometheus.iter().map(|server| server.url.as_str());
        let metrics = metrics.chain(sources.newrelic.iter().map(|account| account.url.as_str()));
        let metrics = metrics.chain(sources.datadog.iter().map(|organisation| organisation.url.as_str()));
        let named = self.write_back_errors.iter().map(|target| target.url.as_str()).chain(trackers).chain(metrics);
        let named = named.chain(self.access.oidc.iter().map(|oidc| oidc.issuer.as_str()));
        let named = named.chain(self.sources.git.iter().filter_map(|git| git.repository.web_address()));
        named.filter_map(|address| Url::parse(address).ok()).fold(policy, |policy, url| policy.naming(&url))
    }

    /// The same, and to the leave calendars whose addresses are `secrets`.
    pub fn egress_policy_with(&self, secrets: &Secrets) -> Policy {
        let addresses = self.leave_calendars.keys().filter_map(|name| secrets.leave_calendars.get(name));
        let addresses = addresses.filter_map(|address| self.calendar_address(address).ok());
        addresses.fold(self.egress_policy(), |policy, url| policy.naming(&url))
    }

    /// The address of a leave calendar, where it is one that onduty may ask.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn calendar_address(&self, secret: &SecretString) -> Result<Url, String> {
        leave_calendars::address(secret, &self.egress)
    }

    /// Looks up the address of one leave calendar.
    ///
    /// # Errors
    /// When it is not where the file says, or is none; it is not repeated.
    pub fn look_up_calendar(&self, calendar: &LeaveCalendar) -> Result<Url, String> {
        let found = secrets::calendar_address(&calendar.address, &|name| std::env::var_os(name));
        self.calendar_address(&found.map_err(|missing| missing.to_string())?)
    }

    /// Looks up the address of the store's database; `None` where the store is a file in `data`.
    ///
    /// # Errors
    /// When it is not where the file says.
    pub fn database_address(&self) -> Result<Option<SecretString>, MissingSecret> {
        secrets::address(self, &|name| std::env::var_os(name))
    }

    /// The backend that is asked for response times, where the file names one; the first where it names several.
    pub fn backend(&self) -> Option<Backend> {
        let Sources { prometheus, newrelic, datadog, .. } = &self.sources;
        let named = [
            (Backend::Prometheus, prometheus.is_some()),
            (Backend::NewRelic, newrelic.is_some()),
            (Backend::Datadog, datadog.is_some()),
        ];
        named.into_iter().find_map(|(backend, is_named)| is_named.then_some(backend))
    }

    /// Looks up what a backend of response times is shown, in the order in which `tasks::response_times` wants it; nothing
    /// where it asks for nothing.
    ///
    /// # Errors
    /// When something is not where the file says.
    pub fn backend_keys(&self, backend: Backend) -> Result<Vec<SecretString>, MissingSecret> {
        secrets::backend_keys(self, backend, &|name| std::env::var_os(name))
    }

    /// Looks up every secret that the file names.
    ///
    /// # Errors
    /// Everyone that is missing, too short or readable by others; never with a value.
    pub fn secrets(&self) -> Result<Secrets, Vec<MissingSecret>> {
        secrets::look_up(self, &|name| std::env::var_os(name))
    }
}

#[cfg(test)]
mod tests;
