//! Asks the error trackers what is so: every so often, and at once when one of their webhooks hints at news.

use crate::app::{App, Change, Instance};
use crate::config::TrackerSource;
use crate::egress::{Backoff, Url};
use crate::sources::SourceError;
use crate::sources::bugsink::{self, Bugsink};
use crate::sources::sentry::{self, Sentry};
use crate::sources::tracker::Tracker;
use onduty_core::ids::Subject;
use onduty_core::signal::{Contact, Fact, Kind, Observation};
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;

/// The shortest wait between two looks at the list of trackers.
const TICK: Duration = Duration::from_millis(500);
/// The shortest wait between two polls, however many webhooks hint at news.
const CALM: Duration = Duration::from_secs(1);

pub async fn run(app: App) {
    tokio::join!(follow(&app, sentry::NAME), follow(&app, bugsink::NAME));
}

/// One tracker that is slow must not make the other one wait.
async fn follow(app: &App, name: &'static str) {
    let mut changes = app.bus.listen();
    let mut asked: Option<Instant> = None;
    let mut hinted = false;
    loop {
        let instance = app.instance();
        let sources = &instance.config.sources;
        let source = if name == sentry::NAME { sources.sentry.as_ref() } else { sources.bugsink.as_ref() };
        let wait = source.map(|source| if hinted { CALM.min(source.every) } else { source.every });
        if let (Some(source), Some(wait)) = (source, wait)
            && asked.is_none_or(|asked| asked.elapsed() >= wait)
        {
            (asked, hinted) = (Some(Instant::now()), false);
            if let Err(error) = look(app, name, source).await {
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
        hinted |= heard.await.is_ok() && name == sentry::NAME;
    }
}

/// What changed, and a sign of life; or what went wrong, and nothing else.
async fn look(app: &App, name: &'static str, source: &TrackerSource) -> anyhow::Result<()> {
    let now = app.clock.duty_now();
    let contact = |trouble: Option<String>| Observation {
        source: name.into(),
        subject: Subject::new(name.to_owned()),
        fact: Fact::Contact(Contact { kinds: vec![Kind::Errors], trouble }),
        source_time: now,
        baseline: false,
    };
    let polled = poll(app, name, source, now).await?;
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
    name: &'static str,
    source: &TrackerSource,
    now: jiff::Timestamp,
) -> anyhow::Result<Result<Vec<Observation>, SourceError>> {
    let Some(api) = tracker(app, name, source) else {
        return Ok(Err(SourceError::Missing {
            source_name: name.into(),
            what: "token; restart after adding one".into(),
        }));
    };
    let known = app.known_errors(name).await?;
    let baseline = !app.was_heard(name).await?;
    Ok(if name == sentry::NAME {
        sentry_of(source, api).poll(&known, baseline, now).await
    } else {
        bugsink_of(source, api).poll(&known, baseline, now).await
    })
}

/// Tells Sentry who has an issue, and reads back whether it thinks so.
pub async fn assign(app: &App, issue: &str, assignee: &str) -> Result<(), SourceError> {
    let instance = app.instance();
    let (source, api) = reach(app, &instance, sentry::NAME)?;
    sentry_of(source, api).assign(issue, assignee).await
}

/// Tells the tracker called `name` that an issue is resolved, and reads back whether it shows it so.
pub async fn resolve(app: &App, name: &'static str, issue: &str) -> Result<(), SourceError> {
    let instance = app.instance();
    let (source, api) = reach(app, &instance, name)?;
    if name == sentry::NAME {
        sentry_of(source, api).resolve(issue).await
    } else {
        bugsink_of(source, api).resolve(issue).await
    }
}

fn sentry_of<'a>(source: &'a TrackerSource, api: Tracker<'a>) -> Sentry<'a> {
    let organisation = source.organisation.as_str();
    Sentry { api, organisation, projects: &source.projects, environments: &source.environments }
}

fn bugsink_of<'a>(source: &'a TrackerSource, api: Tracker<'a>) -> Bugsink<'a> {
    Bugsink { api, projects: &source.projects, environments: &source.environments }
}

/// The tracker called `name` as it is configured now, and the way there.
fn reach<'a>(
    app: &'a App,
    instance: &'a Instance,
    name: &'static str,
) -> Result<(&'a TrackerSource, Tracker<'a>), SourceError> {
    let sources = &instance.config.sources;
    let source = if name == sentry::NAME { sources.sentry.as_ref() } else { sources.bugsink.as_ref() };
    let none = || SourceError::Missing { source_name: name.into(), what: "configuration any more".into() };
    let source = source.ok_or_else(none)?;
    Ok((source, tracker(app, name, source).ok_or_else(none)?))
}

/// The way to a tracker, with the token for it.
fn tracker<'a>(app: &'a App, name: &'static str, source: &TrackerSource) -> Option<Tracker<'a>> {
    let tokens = if name == sentry::NAME { &app.secrets.sentry } else { &app.secrets.bugsink };
    let (base, token) = (Url::parse(&source.url).ok()?, tokens.first()?);
    Some(Tracker { name, egress: &app.egress, base, token, backoff: Backoff::POLL })
}
