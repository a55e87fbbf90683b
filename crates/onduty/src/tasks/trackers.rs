//! Asks the error trackers what is so: every so often, and at once when one of their webhooks hints at news.

use crate::app::{App, Change, Instance};
use crate::config::TrackerSource;
use crate::egress::{Backoff, Url};
use crate::sources::SourceError;
use crate::sources::bugsink::{self, Bugsink};
use crate::sources::sentry::{self, Sentry};
use crate::sources::tracker::{ErrorTracker, Tracker};
use jiff::Timestamp;
use onduty_core::ids::Subject;
use onduty_core::signal::{Contact, Fact, Kind, Observation};
use secrecy::SecretString;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;

/// The shortest wait between two looks at the list of trackers.
const TICK: Duration = Duration::from_millis(500);
/// The shortest wait between two polls, however many webhooks hint at news.
const CALM: Duration = Duration::from_secs(1);

pub async fn run(app: App) {
    tokio::join!(follow(&app, Provider::Sentry), follow(&app, Provider::Bugsink));
}

/// Who may track errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Sentry.
    Sentry,
    /// Bugsink.
    Bugsink,
}

impl Provider {
    /// All of them.
    pub const ALL: [Provider; 2] = [Provider::Sentry, Provider::Bugsink];

    /// The source's name in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Provider::Sentry => sentry::NAME,
            Provider::Bugsink => bugsink::NAME,
        }
    }

    /// The one that `instance` configures; `None` where it configures none.
    fn pick<'a>(self, app: &'a App, instance: &'a Instance) -> Option<Picked<'a>> {
        let (name, sources) = (self.name(), &instance.config.sources);
        let api = |source: &TrackerSource, tokens: &'a [SecretString]| {
            let (base, token) = (Url::parse(&source.url).ok()?, tokens.first()?);
            Some(Tracker { name, egress: &app.egress, base, token, backoff: Backoff::POLL })
        };
        let (source, tracker): (_, Option<Box<dyn ErrorTracker + 'a>>) = match self {
            Provider::Sentry => {
                let source = sources.sentry.as_ref()?;
                let TrackerSource { organisation, projects, environments, .. } = source;
                let api = api(source, &app.secrets.sentry);
                (source, api.map(|api| Box::new(Sentry { api, organisation, projects, environments }) as _))
            }
            Provider::Bugsink => {
                let source = sources.bugsink.as_ref()?;
                let TrackerSource { projects, environments, .. } = source;
                let api = api(source, &app.secrets.bugsink);
                (source, api.map(|api| Box::new(Bugsink { api, projects, environments }) as _))
            }
        };
        Some(Picked { name, every: source.every, tracker })
    }
}

/// A tracker as it is configured now.
struct Picked<'a> {
    name: &'static str,
    every: Duration,
    /// `None` without a token.
    tracker: Option<Box<dyn ErrorTracker + 'a>>,
}

/// One tracker that is slow must not make the other one wait.
async fn follow(app: &App, provider: Provider) {
    let mut changes = app.bus.listen();
    let mut asked: Option<Instant> = None;
    let mut hinted = false;
    loop {
        let instance = app.instance();
        let picked = provider.pick(app, &instance);
        let is_due = |picked: &Picked<'_>| {
            let wait = if hinted { CALM.min(picked.every) } else { picked.every };
            asked.is_none_or(|asked| asked.elapsed() >= wait)
        };
        if let Some(picked) = picked.filter(is_due) {
            (asked, hinted) = (Some(Instant::now()), false);
            if let Err(error) = look(app, &picked).await {
                let error = format!("{error:#}");
                tracing::error!(error, source = picked.name, "what the tracker says was not recorded");
            }
        }
        let heard = tokio::time::timeout(TICK, async {
            loop {
                match changes.recv().await {
                    Ok(Change::Hinted) | Err(RecvError::Lagged(_)) => return,
                    Ok(_) => {}
                    // The app is going: nothing to hurry for.
                    Err(RecvError::Closed) => std::future::pending::<()>().await,
                }
            }
        });
        // Only Sentry's webhooks are signed; where both are configured a hint costs the other one look.
        hinted |= heard.await.is_ok();
    }
}

/// What changed, and a sign of life; or what went wrong, and nothing else.
async fn look(app: &App, picked: &Picked<'_>) -> anyhow::Result<()> {
    let name = picked.name;
    let now = app.clock.duty_now();
    let contact = |trouble: Option<String>| Observation {
        source: name.into(),
        subject: Subject::new(name.to_owned()),
        fact: Fact::Contact(Contact { kinds: vec![Kind::Errors], trouble }),
        source_time: now,
        baseline: false,
    };
    let polled = poll(app, picked, now).await?;
    app.metrics.polls.count([name, if polled.is_ok() { "good" } else { "failed" }]);
    let mut seen = match polled {
        Ok(seen) => seen,
        Err(error) => {
            tracing::warn!(source = name, error = &error as &dyn std::error::Error, "the tracker cannot be read");
            app.observed(vec![contact(Some(error.without_name()))]).await?;
            return Ok(());
        }
    };
    seen.push(contact(None));
    Ok(app.observed(seen).await?)
}

async fn poll(app: &App, picked: &Picked<'_>, now: Timestamp) -> anyhow::Result<Result<Vec<Observation>, SourceError>> {
    let Some(tracker) = &picked.tracker else {
        let what = "token; restart after adding one".into();
        return Ok(Err(SourceError::Missing { source_name: picked.name.into(), what }));
    };
    let known = app.known_errors(picked.name).await?;
    let baseline = !app.was_heard(picked.name).await?;
    Ok(tracker.poll(&known, baseline, now).await)
}

/// Tells the tracker who has an issue, and reads back whether it thinks so.
pub async fn assign(app: &App, provider: Provider, issue: &str, assignee: &str) -> Result<(), SourceError> {
    configured(app, &app.instance(), provider)?.assign(issue, assignee).await
}

/// Tells the tracker that an issue is resolved, and reads back whether it shows it so.
pub async fn resolve(app: &App, provider: Provider, issue: &str) -> Result<(), SourceError> {
    configured(app, &app.instance(), provider)?.resolve(issue).await
}

/// The tracker as it is configured now, to be told something.
fn configured<'a>(
    app: &'a App,
    instance: &'a Instance,
    provider: Provider,
) -> Result<Box<dyn ErrorTracker + 'a>, SourceError> {
    let tracker = provider.pick(app, instance).and_then(|picked| picked.tracker);
    tracker.ok_or(SourceError::Missing { source_name: provider.name().into(), what: "configuration any more".into() })
}
