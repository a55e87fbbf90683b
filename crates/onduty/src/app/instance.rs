//! The files in force: read at start and again when they change; a broken one leaves the last good version.

use super::viewers::Viewers;
use super::{App, Bus, Change, Demo, Liveness, Shared, day, people, settings};
use crate::actions::command::CommandTarget;
use crate::clock::Clock;
use crate::config::{Broken, Config, Files, LoadError, MissingSecret, Secrets, Sources};
use crate::egress::{Egress, EgressError};
use crate::metrics::Metrics;
use crate::server::Stopping;
use crate::sources::{bugsink, git, github, sentry, signals};
use crate::store::access::{self, Secret};
use crate::store::processes::NewVersion;
use crate::store::{self, Location, Store, StoreError, Tx};
use crate::texts;
use onduty_core::engine::{self, Action, Declarations, Record, Rules};
use onduty_core::files::Problem;
use onduty_core::ids::{DutyId, EngineerId, Environment, SourceName};
use onduty_core::logbook::AccessEvent;
use onduty_core::owner;
use onduty_core::process::{self, Process};
use onduty_core::roster::Roster;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

/// The files in force.
#[derive(Debug)]
pub struct Instance {
    /// `onduty.yml`
    pub config: Config,
    /// `roster.yml`
    pub roster: Roster,
    /// The part of `onduty.yml` that rules read.
    pub declarations: Declarations,
    /// What is wrong with the files on disk, while these here go on.
    pub problems: Vec<Problem>,
    processes: BTreeMap<DutyId, Active>,
}

/// The version of a process that is in force.
#[derive(Debug, Clone)]
pub struct Active {
    /// What it says.
    pub process: Process,
    /// Its number.
    pub version: u32,
    /// As it was written.
    pub text: String,
}

impl Instance {
    /// The process of a duty, where it has one.
    pub fn process(&self, duty: &DutyId) -> Option<&Active> {
        self.processes.get(duty)
    }

    /// Every duty that the engine runs.
    pub fn duties_with_a_process(&self) -> Vec<DutyId> {
        self.processes.keys().filter(|id| self.roster.duty(id).is_some()).cloned().collect()
    }

    /// What decides about a duty.
    pub fn rules(&self, duty: &DutyId) -> Option<Rules<'_>> {
        let active = self.processes.get(duty)?;
        Some(Rules {
            process: &active.process,
            version: active.version,
            duty: self.roster.duty(duty)?,
            roster: &self.roster,
            declarations: &self.declarations,
        })
    }

    /// Every branch that some duty rolls out: their heads are always loaded.
    pub fn branches(&self) -> BTreeSet<String> {
        self.roster.duties.iter().map(|duty| duty.watches.rollout_branch().to_owned()).collect()
    }

    /// The script that rolls out to `environment`.
    pub fn rollout_target(&self, environment: &Environment) -> Option<CommandTarget> {
        let target = self.config.rollouts.get(environment)?;
        Some(CommandTarget {
            command: target.command.clone(),
            directory: target.directory.clone(),
            environment: target.environment.clone(),
            timeout: target.timeout,
        })
    }
}

/// How a server is started.
pub struct Start {
    /// The `onduty.yml`, or the folder that has one.
    pub path: PathBuf,
    /// Duty time and real time.
    pub clock: Clock,
    /// Whether nothing may leave.
    pub observe_only: bool,
    /// The binary that supervises rollouts.
    pub supervisor: PathBuf,
    /// The demo's controls.
    pub demo: Option<Arc<dyn Demo>>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Files are missing or broken.
    #[error("{0}")]
    Files(LoadError),
    /// Secrets are missing.
    #[error("{}", .0.join("\n"))]
    Secrets(Vec<String>),
    /// A folder cannot be made.
    #[error("the folder {} cannot be made: {cause}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Nothing could leave.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The store cannot be opened or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Reads the files, opens the store and puts in force what is new.
    ///
    /// # Errors
    /// See [`StartError`]; each says what to do.
    pub async fn start(start: Start) -> Result<App, StartError> {
        let files = Files::load(&start.path).map_err(StartError::Files)?;
        let secrets: Secrets = files
            .config
            .secrets()
            .map_err(|missing| StartError::Secrets(missing.iter().map(ToString::to_string).collect()))?;
        let data = files.config.data.clone();
        make_private_folder(&data)?;
        make_private_folder(&data.join("rollouts"))?;
        let location = location(&files.config).map_err(|missing| StartError::Secrets(vec![missing.to_string()]))?;
        let store = Store::open_at(&location).await?;
        let restored = store::restored::get(&mut store.read().await?).await?;
        let unconfirmed = restored.as_ref().filter(|restored| restored.only_observes());
        if let Some(restored) = unconfirmed {
            tracing::warn!(made_at = %restored.made_at, "this store came from a backup: nothing leaves until `onduty restore --confirm`");
        }
        let config_path = files.path.clone();
        let egress = Egress::new(files.config.egress_policy())?;
        let empty = Instance {
            config: files.config.clone(),
            roster: Roster::default(),
            declarations: Declarations::default(),
            problems: Vec::new(),
            processes: BTreeMap::new(),
        };
        let app = App(Arc::new(Shared {
            clock: start.clock,
            store,
            bus: Bus::new(),
            secrets,
            egress,
            data,
            config_path,
            supervisor: start.supervisor,
            liveness: Liveness::default(),
            observe_only: start.observe_only || unconfirmed.is_some(),
            metrics: Metrics::new(),
            connections: Arc::default(),
            viewers: Viewers::default(),
            stopping: Stopping::new(),
            oidc: Default::default(),
            passwords: Default::default(),
            attempts: Default::default(),
            first_run: RwLock::new(None),
            demo: start.demo,
            instance: RwLock::new(Arc::new(empty)),
        }));
        app.put_in_force(files, None).await?;
        app.offer_first_run().await?;
        Ok(app)
    }

    /// Reads the files again and puts in force what changed. Broken files change nothing; the problems are kept for
    /// the pages and, the first time, written into the log book.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn reload(&self) -> Result<(), StoreError> {
        match Files::load(&self.config_path) {
            Ok(files) => self.put_in_force(files, Some(self.instance())).await?,
            Err(LoadError::Broken(Broken { problems, .. })) => self.refuse(problems).await?,
            Err(LoadError::Unreadable { path, error }) => {
                let place = onduty_core::files::Place { line: 1, column: 1 };
                let what = format!("the file cannot be read: {error}");
                let mend = "put it back; the last good version goes on".to_owned();
                self.refuse(vec![Problem { file: path.display().to_string(), place, what, mend }]).await?;
            }
        }
        self.bus.tell(Change::Everything);
        Ok(())
    }

    async fn refuse(&self, problems: Vec<Problem>) -> Result<(), StoreError> {
        let current = self.instance();
        if current.problems == problems {
            return Ok(());
        }
        if let Some(first) = problems.first() {
            let action = Action::RefuseFile {
                file: first.file.clone(),
                problems: problems.len() as u32,
                first: format!("{}:{}: {}; {}", first.place.line, first.place.column, first.what, first.mend),
            };
            for duty in current.duties_with_a_process() {
                if let Err(error) = self.act(&duty, None, action.clone()).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "a refused file was not written down");
                }
            }
        }
        self.set_instance(Arc::new(Instance {
            config: current.config.clone(),
            roster: current.roster.clone(),
            declarations: current.declarations.clone(),
            problems,
            processes: current.processes.clone(),
        }));
        Ok(())
    }

    /// Writes what is new into the journal, the log book and the access log, then lets everybody see it. `running` is what
    /// was in force until now, where a server runs.
    async fn put_in_force(&self, files: Files, running: Option<Arc<Instance>>) -> Result<(), StoreError> {
        let now = self.clock.duty_now();
        let mut declarations = files.config.declarations();
        declarations.observe_only = self.observe_only;
        declarations.sources = source_names(&files.config.sources);
        // Asked before the transaction: git is slow, and nobody writes meanwhile who would mind.
        let mut causes = BTreeMap::new();
        for (duty, file) in &files.processes {
            causes.insert(duty.clone(), Cause::of(&file.path, &files.roster).await);
        }
        let mut tx = self.store.begin().await?;
        let mut changed = Vec::new();
        if let Some(hash) = changed_settings(&mut tx, &files.config_text).await? {
            let changes = running.as_ref().map(|before| settings::of_config(&before.config, &files.config));
            let file = settings::name_of(&files.path, &files.path);
            changed.push(AccessEvent::SettingsChanged { file, hash, changes: changes.unwrap_or_default() });
        }
        let text = serde_json::to_string(&declarations).expect("declarations are plain data");
        if is_new(&mut tx, "declarations", &text).await? {
            let seq = store::journal::append(&mut tx, &Record::Instance { declarations: declarations.clone() }).await?;
            store::seen_files::remember(&mut tx, "declarations", &hash(&text), seq).await?;
            // What is not configured any more must not stay in trouble for ever.
            store::signals::keep_contacts_of(&mut tx, &declarations.sources).await?;
        }
        if is_new(&mut tx, "roster", &files.roster_text).await? {
            let record = Record::Roster { text: files.roster_text.clone() };
            let seq = store::journal::append(&mut tx, &record).await?;
            if store::seen_files::hash_of(&mut tx, "roster").await?.is_some() {
                let changes = running.as_ref().map(|before| settings::of_roster(&before.roster, &files.roster));
                let (file, hash) = (settings::name_of_roster(&files), hash(&files.roster_text));
                changed.push(AccessEvent::SettingsChanged { file, hash, changes: changes.unwrap_or_default() });
            }
            store::seen_files::remember(&mut tx, "roster", &hash(&files.roster_text), seq).await?;
        }
        let mut processes = BTreeMap::new();
        for (duty, file) in files.processes {
            let cause = causes.remove(&duty).unwrap_or_default();
            let known = store::processes::current(&mut tx, &duty).await?;
            if let Some(known) = known.filter(|known| known.version.text_hash != hash(&file.text)) {
                let before = process::parse("process.yml", &known.version.text).ok();
                let changes = before.iter().flat_map(|before| process::diff(before, &file.process));
                let changes = settings::changed(changes.map(|change| change.to_string()));
                let name = settings::name_of(&files.path, &file.path);
                changed.push(AccessEvent::SettingsChanged { file: name, hash: hash(&file.text), changes });
            }
            let active = activate(&mut tx, &files.roster, &duty, file.process, file.text, &cause, now).await?;
            processes.insert(duty, active);
        }
        for event in changed {
            // Whoever can write these files did it; nobody signed in for that.
            self.audit(&mut tx, None, event).await?;
        }
        // Before the commit: whoever writes next already goes by the new files.
        let before = self.instance();
        self.set_instance(Arc::new(Instance {
            config: files.config,
            roster: files.roster,
            declarations,
            problems: Vec::new(),
            processes,
        }));
        if let Err(error) = tx.commit().await {
            self.set_instance(before);
            return Err(error);
        }
        // Addresses that the new file does not name any more are not asked any more.
        if let Err(error) = self.egress.set_policy(self.instance().config.egress_policy()) {
            tracing::error!(error = &error as &dyn std::error::Error, "the old rules of the way out stay in force");
        }
        Ok(())
    }

    /// While nobody administers this instance, a link that works once makes the administrator.
    async fn offer_first_run(&self) -> Result<(), StoreError> {
        let mut reader = self.store.read().await?;
        let accounts = access::all(&mut reader).await?;
        if !accounts.iter().any(people::is_administrator) {
            let secret = Secret::new()?;
            *self.first_run.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(secret);
        }
        Ok(())
    }
}

/// Where the store of an instance is. Looks the address of a database up, which is a secret.
///
/// # Errors
/// When it is not where the file says.
pub fn location(config: &Config) -> Result<Location, MissingSecret> {
    let address = config.database_address()?;
    Ok(address.map_or_else(|| Location::Sqlite(config.data.join("onduty.db")), Location::Postgres))
}

/// The names under which the configured sources speak in the journal.
fn source_names(sources: &Sources) -> BTreeSet<SourceName> {
    let git = sources.git.iter().map(|source| git::source_name(&source.name));
    let github = sources.github.iter().map(|_| SourceName::from(github::NAME));
    let signals = sources.signals.iter().map(|_| SourceName::from(signals::NAME));
    let sentry = sources.sentry.iter().map(|_| SourceName::from(sentry::NAME));
    let bugsink = sources.bugsink.iter().map(|_| SourceName::from(bugsink::NAME));
    git.chain(github).chain(signals).chain(sentry).chain(bugsink).collect()
}

/// Who changed a process, and why, as far as its repository tells.
#[derive(Debug, Default)]
struct Cause {
    by: Option<EngineerId>,
    reason: Option<String>,
}

impl Cause {
    /// The newest commit of the file at `path`; nothing where it is not committed as it is.
    async fn of(path: &Path, roster: &Roster) -> Cause {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return Cause::default();
        };
        match git::last_change(folder, name).await {
            Ok(Some(commit)) => Cause {
                by: owner::author_of(&commit, roster).map(|engineer| engineer.id.clone()),
                reason: Some(commit.title),
            },
            // No repository, or changed since: the file was simply there.
            Ok(None) | Err(_) => Cause::default(),
        }
    }
}

/// Puts a process in force, as a new version where its text is new.
async fn activate(
    tx: &mut Tx,
    roster: &Roster,
    duty_id: &DutyId,
    next: Process,
    text: String,
    cause: &Cause,
    now: jiff::Timestamp,
) -> Result<Active, StoreError> {
    let current = store::processes::current(tx, duty_id).await?;
    if let Some(version) = current.as_ref().filter(|version| version.version.text_hash == hash(&text)) {
        return Ok(Active { process: next, version: version.number, text });
    }
    let Some(duty) = roster.duty(duty_id) else {
        // Files are checked before: every process belongs to a duty of the roster.
        return Ok(Active { process: next, version: 0, text });
    };
    let number = current.as_ref().map_or(1, |version| version.number + 1);
    let before = current.as_ref().and_then(|version| process::parse("process.yml", &version.version.text).ok());
    let otherwise = if current.is_some() { "the file changed" } else { "the first version" };
    let reason = cause.reason.as_deref().unwrap_or(otherwise);
    let activation = engine::activate(duty, before.as_ref(), &next, number, cause.by.as_ref(), reason, now);
    let changes = before.as_ref().map(|before| process::diff(before, &next)).unwrap_or_default();
    let version = NewVersion {
        duty: duty_id.clone(),
        text: text.clone(),
        text_hash: hash(&text),
        activated_at: now,
        activated_by: cause.by.clone(),
        reason: reason.to_owned(),
        changes: changes.iter().map(ToString::to_string).collect(),
    };
    store::processes::activate(tx, &version).await?;
    let record = Record::Process {
        duty: duty_id.clone(),
        version: number,
        text: text.clone(),
        by: cause.by.clone(),
        reason: reason.to_owned(),
        at: now,
    };
    store::journal::append(tx, &record).await?;
    let tell = texts::Telling { now, zone: &duty.zone, roster, process: Some(&next) };
    store::log_book::append(tx, &activation.entry, &texts::event(&activation.entry.event, &tell)).await?;
    if let Some(loosened) = activation.loosened {
        let mut board = day::load_board(tx, duty_id).await?;
        board.loosened.push(loosened);
        day::keep_board(tx, duty_id, &board).await?;
    }
    tracing::info!(duty = %duty_id, version = number, "a process took effect");
    Ok(Active { process: next, version: number, text })
}

/// The hash of `onduty.yml` where it is another one than at the last time; the first one ever is no change.
async fn changed_settings(tx: &mut Tx, text: &str) -> Result<Option<String>, StoreError> {
    const NAME: &str = "onduty.yml";
    let (known, now) = (store::seen_files::hash_of(tx, NAME).await?, hash(text));
    if known.as_ref() == Some(&now) {
        return Ok(None);
    }
    let seq = store::journal::newest(tx).await?;
    store::seen_files::remember(tx, NAME, &now, seq).await?;
    Ok(known.map(|_| now))
}

async fn is_new(tx: &mut Tx, name: &str, text: &str) -> Result<bool, StoreError> {
    Ok(store::seen_files::hash_of(tx, name).await?.as_deref() != Some(hash(text).as_str()))
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn make_private_folder(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| StartError::Folder { path: path.to_owned(), cause })
}
