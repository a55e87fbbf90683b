//! What happens once, when a server starts: secrets are looked up, folders made, the store opened, the files put in force.

use super::viewers::Viewers;
use super::{App, Bus, Demo, Instance, Liveness, Shared, people};
use crate::clock::Clock;
use crate::config::{Config, Files, LoadError, MissingSecret, Secrets};
use crate::egress::{Egress, EgressError};
use crate::metrics::Metrics;
use crate::server::Stopping;
use crate::store::access::{self, Secret};
use crate::store::{self, Location, Store, StoreError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

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
        let egress = Egress::new(files.config.egress_policy_with(&secrets))?;
        let empty = Instance::empty(files.config.clone());
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
            proposals: Default::default(),
            answers: Default::default(),
            leave_calendars: Default::default(),
            attempts: Default::default(),
            telemetry: Default::default(),
            first_run: RwLock::new(None),
            demo: start.demo,
            instance: RwLock::new(Arc::new(empty)),
        }));
        app.put_in_force(files, None).await?;
        app.offer_first_run().await?;
        Ok(app)
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

fn make_private_folder(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| StartError::Folder { path: path.to_owned(), cause })
}
