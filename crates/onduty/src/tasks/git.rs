//! Keeps the copies of repositories fresh and tells what their branches look like. Runs at once when a push is heard of.

use crate::app::{App, Change};
use crate::config::GitSource;
use crate::sources::SourceError;
use crate::sources::git::source_name;
use onduty_core::ids::Subject;
use onduty_core::signal::{Contact, Fact, Kind, Observation};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// The shortest wait between two looks at the list of repositories.
const TICK: Duration = Duration::from_millis(500);

pub async fn run(app: App) {
    let mut watched: BTreeMap<String, Watched> = BTreeMap::new();
    let mut changes = app.bus.listen();
    loop {
        let instance = app.instance();
        for source in &instance.config.sources.git {
            let known = watched.entry(source.name.clone()).or_default();
            if known.looked.is_some_and(|looked| looked.elapsed() < source.every) {
                continue;
            }
            known.looked = Some(Instant::now());
            let seen = look(&app, source, known).await;
            if let Err(error) = app.observed(seen).await {
                tracing::error!(error = &error as &dyn std::error::Error, "what git says was not recorded");
            }
        }
        if pushed_within(&mut changes, TICK).await {
            watched.values_mut().for_each(|known| known.looked = None);
        }
    }
}

/// Waits for `time`, or shorter when a push is heard of.
async fn pushed_within(changes: &mut Receiver<Change>, time: Duration) -> bool {
    let pushed = async {
        loop {
            match changes.recv().await {
                Ok(Change::Pushed) | Err(RecvError::Lagged(_)) => return true,
                Ok(_) => {}
                // The app is going: nothing to hurry for.
                Err(RecvError::Closed) => std::future::pending::<()>().await,
            }
        }
    };
    tokio::time::timeout(time, pushed).await.unwrap_or(false)
}

#[derive(Debug, Default)]
struct Watched {
    looked: Option<Instant>,
    /// What was told last; a head that stays the same is not told again.
    head: Option<String>,
}

/// The head, where it is new, and a sign of life, or what went wrong.
async fn look(app: &App, source: &GitSource, known: &mut Watched) -> Vec<Observation> {
    let now = app.clock.duty_now();
    let name = source_name(&source.name);
    let contact = |trouble: Option<String>| Observation {
        source: name.clone(),
        subject: Subject::new(source.name.clone()),
        fact: Fact::Contact(Contact { kinds: vec![Kind::Commits], trouble }),
        source_time: now,
        baseline: false,
    };
    let head = head(app, source, now).await;
    app.metrics.polls.count(["git", if head.is_ok() { "good" } else { "failed" }]);
    match head {
        Ok(head) => {
            let revision = match &head.fact {
                Fact::Head(head) => Some(head.revision.clone()),
                _ => None,
            };
            let mut seen = vec![contact(None)];
            if known.head != revision {
                known.head = revision;
                seen.push(Observation { source: name.clone(), ..head });
            }
            seen
        }
        Err(error) => {
            tracing::warn!(repository = source.name, error = &error as &dyn std::error::Error, "git cannot be read");
            vec![contact(Some(error.to_string()))]
        }
    }
}

async fn head(app: &App, source: &GitSource, now: jiff::Timestamp) -> Result<Observation, SourceError> {
    let mirror = app.mirror(source).await?;
    mirror.refresh().await?;
    let branch = match &source.branch {
        Some(branch) => branch.clone(),
        None => mirror.default_branch().await?,
    };
    mirror.head(&branch, now).await
}
