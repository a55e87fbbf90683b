//! Asks the error trackers what is so: every so often, and at once when one of their webhooks hints at news.

use crate::app::{App, Change, Instance};
use crate::config::{Sources, TrackerSource};
use crate::egress::{Backoff, Url};
use crate::sources::SourceError;
use crate::sources::bugsink::{self, Bugsink};
use crate::sources::sentry::{self, Sentry};
use crate::sources::tracker::Tracker;
use jiff::Timestamp;
use onduty_core::ids::Subject;
use onduty_core::signal::{Contact, ErrorGroup, Fact, Kind, Observation};
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

    fn source(self, sources: &Sources) -> Option<&TrackerSource> {
        match self {
            Provider::Sentry => sources.sentry.as_ref(),
            Provider::Bugsink => sources.bugsink.as_ref(),
        }
    }

    fn tokens(self, app: &App) -> &[SecretString] {
        match self {
            Provider::Sentry => &app.secrets.sentry,
            Provider::Bugsink => &app.secrets.bugsink,
        }
    }

    /// The one of `source`, and the way there; `None` without a token.
    fn reach<'a>(self, app: &'a App, source: &'a TrackerSource) -> Option<Reached<'a>> {
        let (base, token) = (Url::parse(&source.url).ok()?, self.tokens(app).first()?);
        let api = Tracker { name: self.name(), egress: &app.egress, base, token, backoff: Backoff::POLL };
        let TrackerSource { organisation, projects, environments, .. } = source;
        Some(match self {
            Provider::Sentry => Reached::Sentry(Sentry { api, organisation, projects, environments }),
            Provider::Bugsink => Reached::Bugsink(Bugsink { api, projects, environments }),
        })
    }
}

/// A tracker that can be asked.
enum Reached<'a> {
    Sentry(Sentry<'a>),
    Bugsink(Bugsink<'a>),
}

impl Reached<'_> {
    async fn poll(
        &self,
        known: &[ErrorGroup],
        baseline: bool,
        now: Timestamp,
    ) -> Result<Vec<Observation>, SourceError> {
        match self {
            Reached::Sentry(sentry) => sentry.poll(known, baseline, now).await,
            Reached::Bugsink(bugsink) => bugsink.poll(known, baseline, now).await,
        }
    }
}

/// One tracker that is slow must not make the other one wait.
async fn follow(app: &App, provider: Provider) {
    let name = provider.name();
    let mut changes = app.bus.listen();
    let mut asked: Option<Instant> = None;
    let mut hinted = false;
    loop {
        let instance = app.instance();
        let source = provider.source(&instance.config.sources);
        let wait = source.map(|source| if hinted { CALM.min(source.every) } else { source.every });
        if let (Some(source), Some(wait)) = (source, wait)
            && asked.is_none_or(|asked| asked.elapsed() >= wait)
        {
            (asked, hinted) = (Some(Instant::now()), false);
            if let Err(error) = look(app, provider, source).await {
                tracing::error!(error = format!("{error:#}"), source = name, "what the tracker says was not recorded");
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
async fn look(app: &App, provider: Provider, source: &TrackerSource) -> anyhow::Result<()> {
    let name = provider.name();
    let now = app.clock.duty_now();
    let contact = |trouble: Option<String>| Observation {
        source: name.into(),
        subject: Subject::new(name.to_owned()),
        fact: Fact::Contact(Contact { kinds: vec![Kind::Errors], trouble }),
        source_time: now,
        baseline: false,
    };
    let polled = poll(app, provider, source, now).await?;
    app.metrics.polls.count([name, if polled.is_ok() { "good" } else { "failed" }]);
    let mut seen = match polled {
        Ok(seen) => seen,
        Err(error) => {
            tracing::warn!(source = name, error = &error as &dyn std::error::Error, "the tracker cannot be read");
            app.observed(vec![contact(Some(why(&error)))]).await?;
            return Ok(());
        }
    };
    seen.push(contact(None));
    Ok(app.observed(seen).await?)
}

/// Without the source's name: whoever shows it says whose trouble it is.
fn why(error: &SourceError) -> String {
    match error {
        SourceError::Unreachable { cause, .. } => cause.to_string(),
        SourceError::Refused { status, answer, .. } => format!("it refused with status {status}: {answer}"),
        error => error.to_string(),
    }
}

async fn poll(
    app: &App,
    provider: Provider,
    source: &TrackerSource,
    now: Timestamp,
) -> anyhow::Result<Result<Vec<Observation>, SourceError>> {
    let name = provider.name();
    let Some(reached) = provider.reach(app, source) else {
        return Ok(Err(SourceError::Missing {
            source_name: name.into(),
            what: "token; restart after adding one".into(),
        }));
    };
    let known = app.known_errors(name).await?;
    let baseline = !app.was_heard(name).await?;
    Ok(reached.poll(&known, baseline, now).await)
}

/// Tells the tracker who has an issue, and reads back whether it thinks so. Bugsink knows no owners.
pub async fn assign(app: &App, provider: Provider, issue: &str, assignee: &str) -> Result<(), SourceError> {
    match configured(app, &app.instance(), provider)? {
        Reached::Sentry(sentry) => sentry.assign(issue, assignee).await,
        // It was not asked, so that there is no status.
        Reached::Bugsink(_) => Err(SourceError::Refused {
            source_name: provider.name().into(),
            status: 0,
            answer: "Bugsink knows no owners; onduty keeps this one".into(),
        }),
    }
}

/// Tells the tracker that an issue is resolved, and reads back whether it shows it so.
pub async fn resolve(app: &App, provider: Provider, issue: &str) -> Result<(), SourceError> {
    match configured(app, &app.instance(), provider)? {
        Reached::Sentry(sentry) => sentry.resolve(issue).await,
        Reached::Bugsink(bugsink) => bugsink.resolve(issue).await,
    }
}

/// The tracker as it is configured now.
fn configured<'a>(app: &'a App, instance: &'a Instance, provider: Provider) -> Result<Reached<'a>, SourceError> {
    let source = provider.source(&instance.config.sources);
    let reached = source.and_then(|source| provider.reach(app, source));
    reached.ok_or(SourceError::Missing { source_name: provider.name().into(), what: "configuration any more".into() })
}
