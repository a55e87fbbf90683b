//! What repositories know about the places in the code that causes name.

use crate::app::{App, Instance, Look};
use crate::config::GitSource;
use crate::sources::SourceError;
use crate::sources::git::Mirror;
use crate::sources::git::history::{History, Scene, Spot};
use onduty_core::owner::place::Place;
use onduty_core::owner::{self, Evidence, OwnerRule, handler};
use onduty_core::signal::Frame;
use std::collections::HashMap;
use std::sync::Arc;

/// The repositories that were looked at, by name.
#[derive(Default)]
pub(super) struct Places(HashMap<String, Known>);

struct Known {
    history: History,
    /// What was asked about last: what follows a rollout is mostly about one revision.
    scene: Option<Seen>,
}

/// A scene whose people are those of this instance's roster.
#[derive(Clone)]
struct Seen {
    scene: Arc<Scene>,
    instance: Arc<Instance>,
}

impl Places {
    /// Puts into `evidence` what the repository knows about `frames`, at the first of the revisions `ran` that it has.
    pub async fn look_around(
        &mut self,
        app: &App,
        look: &Look,
        frames: &[Frame],
        ran: Vec<String>,
        evidence: &mut Evidence,
    ) {
        if let Err(error) = self.read(app, look, frames, ran, evidence).await {
            evidence.trouble = Some(error.to_string());
        }
    }

    async fn read(
        &mut self,
        app: &App,
        look: &Look,
        frames: &[Frame],
        ran: Vec<String>,
        evidence: &mut Evidence,
    ) -> Result<(), SourceError> {
        let telling = owner::telling(frames);
        if telling.is_empty() {
            return Ok(());
        }
        let spots: Vec<Spot> =
            telling.iter().map(|frame| Spot { file: frame.file.clone(), line: frame.line }).collect();
        evidence.files = spots.iter().map(|spot| spot.file.clone()).collect();
        let Some(source) = source(look) else {
            evidence.trouble =
                Some("no git repository is configured, so nobody knows who changed these files".to_owned());
            return Ok(());
        };
        let mirror = app.mirror(source).await?;
        let head = mirror.resolve(look.duty.watches.rollout_branch()).await?;
        let known = self.known(&mirror, &source.name, &head).await?;
        let ran = ran.into_iter().find(|revision| known.history.at(revision).is_some()).unwrap_or(head);
        let Some((scene, place, rules)) = known.place(&mirror, look, ran, spots).await else {
            evidence.trouble =
                Some("the history of these files could not be read; the server's log says more".to_owned());
            return Ok(());
        };
        evidence.engineers = scene.people().engineers().collect();
        evidence.place = place;
        match rules {
            Ok(rules) => evidence.rules = rules,
            Err(trouble) => evidence.trouble = Some(trouble),
        }
        Ok(())
    }

    /// Places in the code that may handle `endpoint`, at the first of the revisions `ran` that the repository has.
    pub async fn handlers(&self, app: &App, look: &Look, endpoint: &str, ran: &[String]) -> Vec<Frame> {
        match handlers(app, look, endpoint, ran).await {
            Ok(frames) => frames,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the code of an endpoint was not looked for");
                Vec::new()
            }
        }
    }

    /// The repository `name` with everything that leads to `head`.
    async fn known(&mut self, mirror: &Mirror, name: &str, head: &str) -> Result<&mut Known, SourceError> {
        let history = match self.0.get(name) {
            Some(known) => mirror.history_after(&known.history, head).await?,
            None => mirror.history(head).await?,
        };
        let scene = self.0.remove(name).and_then(|known| known.scene);
        let known = Known { history, scene };
        Ok(self.0.entry(name.to_owned()).insert_entry(known).into_mut())
    }
}

/// The repository that the duty watches.
fn source(look: &Look) -> Option<&GitSource> {
    let sources = &look.instance.config.sources.git;
    let wanted = look.duty.watches.repositories.first();
    let source = sources.iter().find(|source| wanted.is_none_or(|name| source.name.eq_ignore_ascii_case(name)));
    source.or(sources.first())
}

async fn handlers(app: &App, look: &Look, endpoint: &str, ran: &[String]) -> Result<Vec<Frame>, SourceError> {
    let patterns = handler::patterns(endpoint);
    let Some(source) = source(look).filter(|_| !patterns.is_empty()) else { return Ok(Vec::new()) };
    let mirror = app.mirror(source).await?;
    let mut revision = None;
    for known in ran {
        revision = revision.or(mirror.resolve(known).await.ok());
    }
    let revision = match revision {
        Some(revision) => revision,
        None => mirror.resolve(look.duty.watches.rollout_branch()).await?,
    };
    for pattern in patterns {
        let found = mirror.places_of(&revision, &pattern).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

type Rules = Result<Vec<OwnerRule>, String>;

impl Known {
    /// What is around `spots` at revision `ran`, and which rules are for them; `None` when that failed.
    async fn place(
        &mut self,
        mirror: &Mirror,
        look: &Look,
        ran: String,
        spots: Vec<Spot>,
    ) -> Option<(Arc<Scene>, Place, Rules)> {
        let (history, instance, now) = (self.history.clone(), look.instance.clone(), look.now);
        let is_it = |seen: &Seen| Arc::ptr_eq(&seen.instance, &instance) && seen.scene.is_of(&history, &ran, now);
        let seen = self.scene.take().filter(is_it);
        let mailmap = if seen.is_none() { Some(mirror.mailmap(&ran).await) } else { None };
        let codeowners = mirror.codeowners(&ran).await;
        let looked = tokio::task::spawn_blocking(move || {
            let seen = match mailmap {
                Some(mailmap) => {
                    let scene = Scene::of(&history, &ran, now, &mailmap, Some(&instance.roster))?;
                    Seen { scene: Arc::new(scene), instance }
                }
                None => seen?,
            };
            let place = seen.scene.place(&spots);
            let rules = codeowners.and_then(|found| match found {
                Some((path, codeowners)) => owner::rules_for(&codeowners, &path, &place.files.names),
                None => Ok(Vec::new()),
            });
            Some((seen, place, rules))
        });
        match looked.await {
            Ok(Some((seen, place, rules))) => {
                self.scene = Some(seen.clone());
                Some((seen.scene, place, rules))
            }
            looked => {
                tracing::error!(is_known = looked.is_ok(), "a place in the code could not be looked at");
                None
            }
        }
    }
}
