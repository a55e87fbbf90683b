//! The files in force: read again when they change; a broken one leaves the last good version.

use super::versions::{Cause, activate};
use super::{App, Change, settings};
use crate::actions::command::CommandTarget;
use crate::config::{Broken, Config, Files, LoadError, Sources};
use crate::sources::{bugsink, git, github, sentry, signals};
use crate::store::{self, StoreError, Tx};
use onduty_core::engine::{Action, Declarations, Record, Rules};
use onduty_core::files::Problem;
use onduty_core::ids::{DutyId, Environment, SourceName};
use onduty_core::logbook::AccessEvent;
use onduty_core::process::{self, Process};
use onduty_core::roster::{Roster, ToldLeave};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The files in force.
#[derive(Debug)]
pub struct Instance {
    /// `onduty.yml`
    pub config: Config,
    /// `roster.yml`, with leave that was told beside it.
    pub roster: Roster,
    /// `roster.yml` as it is.
    roster_file: Roster,
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
    /// Nothing in force yet but the server's own file.
    pub(super) fn empty(config: Config) -> Instance {
        Instance {
            config,
            roster: Roster::default(),
            roster_file: Roster::default(),
            declarations: Declarations::default(),
            problems: Vec::new(),
            processes: BTreeMap::new(),
        }
    }

    /// The same files with other leave beside the roster.
    pub(super) fn with_leave<'a>(&self, told: impl IntoIterator<Item = &'a ToldLeave>) -> Instance {
        Instance {
            config: self.config.clone(),
            roster: self.roster_file.clone().with_leave(told),
            roster_file: self.roster_file.clone(),
            declarations: self.declarations.clone(),
            problems: self.problems.clone(),
            processes: self.processes.clone(),
        }
    }

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

impl App {
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
            roster_file: current.roster_file.clone(),
            declarations: current.declarations.clone(),
            problems,
            processes: current.processes.clone(),
        }));
        Ok(())
    }

    /// Writes what is new into the journal, the log book and the access log, then lets everybody see it. `running` is what
    /// was in force until now, where a server runs.
    pub(super) async fn put_in_force(&self, files: Files, running: Option<Arc<Instance>>) -> Result<(), StoreError> {
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
        let roster_text = with_holidays(&files);
        if is_new(&mut tx, "roster", &roster_text).await? {
            let record = Record::Roster { text: files.roster_text.clone(), holidays: files.holidays.clone() };
            let seq = store::journal::append(&mut tx, &record).await?;
            if store::seen_files::hash_of(&mut tx, "roster").await?.is_some() {
                let changes = running.as_ref().map(|before| settings::of_roster(&before.roster_file, &files.roster));
                let (file, hash) = (settings::name_of_roster(&files), hash(&roster_text));
                changed.push(AccessEvent::SettingsChanged { file, hash, changes: changes.unwrap_or_default() });
            }
            store::seen_files::remember(&mut tx, "roster", &hash(&roster_text), seq).await?;
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
        let told = store::leave::current(&mut tx).await?;
        // Before the commit: whoever writes next already goes by the new files.
        let before = self.instance();
        self.set_instance(Arc::new(Instance {
            config: files.config,
            roster: files.roster.clone().with_leave(told.iter().map(|known| &known.leave)),
            roster_file: files.roster,
            declarations,
            problems: Vec::new(),
            processes,
        }));
        if let Err(error) = tx.commit().await {
            self.set_instance(before);
            return Err(error);
        }
        // Addresses that the new file does not name any more are not asked any more.
        if let Err(error) = self.egress.set_policy(self.instance().config.egress_policy_with(&self.secrets)) {
            tracing::error!(error = &error as &dyn std::error::Error, "the old rules of the way out stay in force");
        }
        Ok(())
    }
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

/// The roster's text, and what its calendar files say: either may change without the other.
fn with_holidays(files: &Files) -> String {
    match files.holidays.is_empty() {
        true => files.roster_text.clone(),
        false => format!(
            "{}\0{}",
            files.roster_text,
            serde_json::to_string(&files.holidays).expect("plain data is always JSON")
        ),
    }
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

/// The hash of a file's text.
pub(super) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
