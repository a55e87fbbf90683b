//! Bugsink: a poll over its REST API. It has no assignee, no environment of an issue, and webhooks without signature.
//!
//! The environment comes from the newest event; owners are kept in onduty. `tasks::trackers` polls. Nothing here reads
//! the clock or the store.

mod wire;

use super::SourceError;
use super::tracker::{ErrorTracker, Tracker, same, seen};
use crate::egress::{Answer, Method, Page, cursor_of};
use async_trait::async_trait;
use jiff::Timestamp;
use onduty_core::signal::{ErrorGroup, ErrorStatus, Observation};
use serde_json::Value;
use std::collections::BTreeMap;

/// The source's name in the journal.
pub const NAME: &str = "bugsink";
/// Where an event happened that says nothing about it, as Sentry's SDKs have it.
const UNSAID: &str = "production";

/// Whose issues are asked for.
#[derive(Debug)]
pub struct Bugsink<'a> {
    /// The way there; its base is the address of the server.
    pub api: Tracker<'a>,
    /// Slugs or names of projects; none is all.
    pub projects: &'a [String],
    /// Environments that are told about; none is all.
    pub environments: &'a [String],
}

#[async_trait]
impl ErrorTracker for Bugsink<'_> {
    async fn poll(
        &self,
        known: &[ErrorGroup],
        baseline: bool,
        now: Timestamp,
    ) -> Result<Vec<Observation>, SourceError> {
        let mut by_id: BTreeMap<&str, Vec<&ErrorGroup>> = BTreeMap::new();
        known.iter().for_each(|group| by_id.entry(&group.id).or_default().push(group));
        let mut told = Vec::new();
        for (project_id, project) in self.projects().await? {
            // By the order of arrival: a list by `last_seen` moves while it is read.
            let query = [("project", project_id.as_str()), ("sort", "digest_order"), ("order", "asc")];
            for issue in self.list(&["issues"], &query).await? {
                let id = self.need(wire::id(&issue), "issue.id")?;
                let before = by_id.get(id.as_str()).map(Vec::as_slice).unwrap_or_default();
                self.issue(&issue, &project, before, (baseline, now), &mut told).await?;
            }
        }
        Ok(told)
    }

    async fn assign(&self, _: &str, _: &str) -> Result<(), SourceError> {
        // It was not asked, so that there is no status.
        let answer = "Bugsink knows no owners; onduty keeps this one".into();
        Err(SourceError::Refused { source_name: NAME.into(), status: 0, answer })
    }

    async fn resolve(&self, id: &str) -> Result<(), SourceError> {
        let issue = ["api", "canonical", "0", "issues", id];
        let path: Vec<&str> = issue.into_iter().chain(["resolve"]).collect();
        match self.api.change(Method::POST, &path, &Value::Null).await {
            // What is resolved already, or gone, is refused; what it is then tells.
            Ok(_) | Err(SourceError::Refused { status: 400 | 404, .. }) => {}
            Err(error) => return Err(error),
        }
        let (issue, _) = self.api.get(&issue, &[]).await?;
        match issue["is_resolved"].as_bool() {
            Some(true) => Ok(()),
            _ => Err(SourceError::Missing { source_name: NAME.into(), what: format!("resolution of issue {id}") }),
        }
    }
}

impl Bugsink<'_> {
    async fn issue(
        &self,
        issue: &Value,
        project: &str,
        before: &[&ErrorGroup],
        (baseline, now): (bool, Timestamp),
        told: &mut Vec<Observation>,
    ) -> Result<(), SourceError> {
        let malformed = |field: &'static str| self.api.malformed(field, "what Bugsink's API says");
        let plain = wire::group(issue, project, UNSAID, now).map_err(malformed)?;
        if before.is_empty() && plain.status != ErrorStatus::Unresolved {
            return Ok(());
        }
        let newest = before.iter().map(|group| group.last_seen).max();
        let mut fresh = None;
        if newest != Some(plain.last_seen) && plain.status == ErrorStatus::Unresolved {
            let seen = self.newest_event(&plain.id).await?;
            let environment = seen.environment.clone().unwrap_or_else(|| UNSAID.to_owned());
            fresh = Some((environment, seen));
        }
        let mut groups: BTreeMap<String, ErrorGroup> = BTreeMap::new();
        for known in before {
            // One issue may happen in several environments; what its newest event does not speak of keeps its time.
            let here = fresh.as_ref().is_none_or(|(environment, _)| environment == known.environment.as_str());
            let last_seen = if here { plain.last_seen } else { known.last_seen };
            let count = if here { plain.count } else { known.count };
            let known = (*known).clone();
            let group = ErrorGroup { status: plain.status, last_seen, count, title: plain.title.clone(), ..known };
            groups.insert(group.environment.as_str().to_owned(), group);
        }
        if let Some((environment, seen)) = fresh {
            let group = groups.entry(environment.clone()).or_insert_with(|| {
                let first_seen = if before.is_empty() { plain.first_seen } else { plain.last_seen };
                ErrorGroup { environment: environment.as_str().into(), first_seen, ..plain.clone() }
            });
            group.release = group.release.take().or(seen.release);
            group.level = seen.level;
            group.frames = seen.frames;
        }
        for group in groups.into_values() {
            let watched =
                self.environments.is_empty() || self.environments.iter().any(|e| e == group.environment.as_str());
            let known = before.iter().find(|known| known.environment == group.environment);
            if watched && known.is_none_or(|known| !same(known, &group)) {
                told.push(seen(NAME, group, now, baseline));
            }
        }
        Ok(())
    }

    /// Id and slug of each project that is wanted.
    async fn projects(&self) -> Result<Vec<(String, String)>, SourceError> {
        let mut wanted = Vec::new();
        for project in self.list(&["projects"], &[]).await? {
            let id = self.need(wire::id(&project), "project.id")?;
            let slug = self.need(super::tracker::text(&project["slug"]), "project.slug")?;
            let name = super::tracker::text(&project["name"]).unwrap_or_default();
            if self.projects.is_empty() || self.projects.contains(&slug) || self.projects.contains(&name) {
                wanted.push((id, slug));
            }
        }
        let missing = self.projects.len() > wanted.len();
        if missing {
            // Fewer projects would be a short list of errors.
            let what = format!("project for each of {}", self.projects.join(", "));
            return Err(SourceError::Missing { source_name: NAME.into(), what });
        }
        Ok(wanted)
    }

    async fn newest_event(&self, issue: &str) -> Result<wire::Seen, SourceError> {
        let path = ["api", "canonical", "0", "events"];
        let (events, _) = self.api.get(&path, &[("issue", issue), ("order", "desc")]).await?;
        let Some(id) = events["results"].get(0).and_then(wire::id) else { return Ok(wire::Seen::default()) };
        let (event, _) = self.api.get(&["api", "canonical", "0", "events", &id], &[]).await?;
        Ok(wire::event(&event))
    }

    async fn list(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Value>, SourceError> {
        let path: Vec<&str> = ["api", "canonical", "0"].into_iter().chain(path.iter().copied()).collect();
        let page = |value: &Value, _: &Answer| {
            let results = value["results"].as_array().ok_or_else(|| self.api.malformed("results", "a list"))?;
            let keyed = results.iter().map(|item| Ok((self.need(wire::id(item), "id")?, item.clone())));
            let items = keyed.collect::<Result<Vec<_>, SourceError>>()?;
            let next = match &value["next"] {
                Value::Null => None,
                next => Some(self.need(next.as_str().and_then(cursor_of), "next")?),
            };
            Ok(Page { items, next })
        };
        self.api.list(&path, query, page).await
    }

    fn need(&self, value: Option<String>, field: &str) -> Result<String, SourceError> {
        value.ok_or_else(|| self.api.malformed(field, "what Bugsink's API says"))
    }
}

#[cfg(test)]
mod tests;
