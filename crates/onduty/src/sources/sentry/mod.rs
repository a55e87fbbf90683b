//! Sentry, as a service or self-hosted: signed webhooks, and a poll over its REST API.
//!
//! A webhook is a hint: it names no environment for an issue and may be lost, doubled or late, so it is verified, kept,
//! acknowledged, and makes the poll run now. The poll tells what is so. `tasks::trackers` polls, `tasks::outbox` assigns,
//! `app::intake` verifies. Nothing here reads the clock or the store.

mod wire;

use super::tracker::{ErrorTracker, Tracker, linked, same, seen};
use super::{Decoded, Ignored, SourceError, dedup_key, signing};
use crate::egress::{Method, next_link};
use async_trait::async_trait;
use jiff::Timestamp;
use onduty_core::ids::SourceName;
use onduty_core::signal::{ErrorGroup, ErrorStatus, Observation};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The source's name in the journal, and in `/hooks/sentry`.
pub const NAME: &str = "sentry";
/// Hex HMAC-SHA256 of the raw body.
pub const SIGNATURE_HEADER: &str = "sentry-hook-signature";
/// `issue`, `event_alert`, `error` …
pub const RESOURCE_HEADER: &str = "sentry-hook-resource";
/// Issues of one page; Sentry gives no more.
const PAGE: usize = 100;
/// Stacks that one poll asks for; the next polls ask for the rest.
const STACKS_AT_ONCE: usize = 25;

/// Checks the signature over the raw body; any of `secrets` may have signed.
///
/// # Errors
/// [`SourceError::Unsigned`], and nothing else.
pub fn verify(secrets: &[SecretString], headers: &HeaderMap, body: &[u8]) -> Result<(), SourceError> {
    let unsigned = |why| SourceError::Unsigned { source_name: NAME.into(), why };
    let signature = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
    let tag = signature.and_then(unhex).ok_or_else(|| unsigned("no sentry-hook-signature in hex"))?;
    let keys: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.expose_secret().trim().as_bytes().to_vec()).collect();
    match signing::signed_by_any(&keys, &[body], &tag) {
        true => Ok(()),
        false => Err(unsigned("the signature does not fit; use the client secret of the integration")),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.trim().as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|p| p.len() == 2)?, 16).ok()).collect()
}

/// The key by which a repeated delivery is known. Nothing but the body is signed, so nothing else may make it new.
pub fn delivery_key(resource: &str, body: &[u8]) -> String {
    dedup_key(&[NAME.as_bytes(), resource.as_bytes(), body])
}

/// What a delivery is about.
///
/// # Errors
/// [`SourceError::Malformed`] when the body is no JSON object.
pub fn decode(resource: &str, body: &[u8]) -> Result<Decoded, SourceError> {
    let body: Value = serde_json::from_slice(body).ok().filter(Value::is_object).ok_or_else(|| {
        SourceError::Malformed { source_name: NAME.into(), field: "body".to_owned(), expected: "a JSON object".into() }
    })?;
    Ok(Decoded::ignored(match resource {
        "issue" | "event_alert" | "error" => Ignored::Hint { about: wire::about(resource, &body) },
        other => Ignored::Event { event: super::one_line(other, 60) },
    }))
}

/// Whose issues are asked for.
#[derive(Debug)]
pub struct Sentry<'a> {
    /// The way there; its base is the address of the server.
    pub api: Tracker<'a>,
    /// The organisation's slug.
    pub organisation: &'a str,
    /// Slugs of projects; none is all that the token may see.
    pub projects: &'a [String],
    /// Environments.
    pub environments: &'a [String],
}

#[async_trait]
impl ErrorTracker for Sentry<'_> {
    /// Every unresolved issue of every environment, and each known one that is not among them any more.
    async fn poll(
        &self,
        known: &[ErrorGroup],
        baseline: bool,
        now: Timestamp,
    ) -> Result<Vec<Observation>, SourceError> {
        let known: BTreeMap<(&str, &str), &ErrorGroup> =
            known.iter().map(|group| ((group.environment.as_str(), group.id.as_str()), group)).collect();
        let mut changed = Vec::new();
        let mut listed = BTreeSet::new();
        for environment in self.environments {
            for group in self.unresolved(environment, now).await? {
                listed.insert((environment.as_str(), group.id.clone()));
                let before = known.get(&(environment.as_str(), group.id.as_str()));
                let stackless = before.is_none_or(|before| before.frames.is_empty()) && !baseline;
                if stackless || before.is_none_or(|before| !same(before, &group)) {
                    changed.push((group, stackless));
                }
            }
        }
        let mut looked: BTreeMap<&str, Option<Value>> = BTreeMap::new();
        for ((environment, id), before) in &known {
            let here = self.environments.iter().any(|name| name == environment);
            if !here || before.status != ErrorStatus::Unresolved || listed.contains(&(*environment, (*id).to_owned())) {
                continue;
            }
            if !looked.contains_key(id) {
                looked.insert(*id, self.issue(id).await?);
            }
            let now_there = looked.get(id).and_then(Option::as_ref);
            let group = match now_there {
                Some(issue) => self.group(issue, environment, now)?,
                // Deleted or merged into another one.
                None => ErrorGroup { status: ErrorStatus::Resolved, ..(*before).clone() },
            };
            // Listed no more, although unresolved: its events are older than the list reaches. Nothing changed.
            if !same(before, &group) {
                changed.push((group, false));
            }
        }
        let mut stacks = 0;
        let mut told = Vec::new();
        for (mut group, stackless) in changed {
            let before = known.get(&(group.environment.as_str(), group.id.as_str()));
            if stackless && stacks < STACKS_AT_ONCE {
                stacks += 1;
                // An issue without its stack is still news; the next poll asks again.
                let event = self.api.get(&self.path(&["issues", &group.id, "events", "latest"]), &[]).await;
                group.frames = event.map(|(event, _)| wire::frames(&event)).unwrap_or_default();
            }
            if before.is_none_or(|before| !same(before, &group)) || !group.frames.is_empty() {
                told.push(seen(NAME, group, now, baseline));
            }
        }
        Ok(told)
    }

    async fn assign(&self, id: &str, assignee: &str) -> Result<(), SourceError> {
        let path = self.path(&["issues", id]);
        self.api.change(Method::PUT, &path, &json!({ "assignedTo": assignee })).await?;
        let issue = self.issue(id).await?.unwrap_or_default();
        match wire::assignee(&issue["assignedTo"]) {
            Some(_) => Ok(()),
            None => {
                Err(SourceError::Missing { source_name: NAME.into(), what: format!("owner {assignee} on issue {id}") })
            }
        }
    }

    async fn resolve(&self, id: &str) -> Result<(), SourceError> {
        self.api.change(Method::PUT, &self.path(&["issues", id]), &json!({ "status": "resolved" })).await?;
        match self.issue(id).await?.as_ref().and_then(wire::status) {
            Some(ErrorStatus::Resolved) => Ok(()),
            _ => Err(SourceError::Missing { source_name: NAME.into(), what: format!("resolution of issue {id}") }),
        }
    }
}

impl Sentry<'_> {
    async fn unresolved(&self, environment: &str, now: Timestamp) -> Result<Vec<ErrorGroup>, SourceError> {
        let mut query = "is:unresolved".to_owned();
        if !self.projects.is_empty() {
            query.push_str(&format!(" project:[{}]", self.projects.join(",")));
        }
        let parameters = [
            ("query", query.as_str()),
            ("environment", environment),
            ("limit", "100"),
            ("sort", "date"),
            ("statsPeriod", "90d"),
        ];
        let page = |value: &Value, answer: &crate::egress::Answer| {
            let issues = value.as_array().ok_or_else(|| self.api.malformed("the answer", "a list of issues"))?;
            let items: Vec<(String, ErrorGroup)> = issues
                .iter()
                .map(|issue| self.group(issue, environment, now).map(|group| (group.id.clone(), group)))
                .collect::<Result<_, _>>()?;
            linked(&self.api, items, next_link(&answer.headers), PAGE)
        };
        let groups = self.api.list(&self.path(&["issues"]), &parameters, page).await?;
        // Between two pages an issue may have been resolved.
        Ok(groups.into_iter().filter(|group| group.status == ErrorStatus::Unresolved).collect())
    }

    async fn issue(&self, id: &str) -> Result<Option<Value>, SourceError> {
        match self.api.get(&self.path(&["issues", id]), &[]).await {
            Ok((issue, _)) => Ok(Some(issue)),
            Err(SourceError::Refused { status: 404 | 410, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn group(&self, issue: &Value, environment: &str, now: Timestamp) -> Result<ErrorGroup, SourceError> {
        wire::group(issue, environment, now).map_err(|field| SourceError::Malformed {
            source_name: SourceName::from(NAME),
            field: format!("issue.{field}"),
            expected: "what Sentry's documentation says".into(),
        })
    }

    fn path<'b>(&'b self, rest: &[&'b str]) -> Vec<&'b str> {
        ["api", "0", "organizations", self.organisation].into_iter().chain(rest.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests;
