//! What the error trackers share: asking one over `egress`, following its pages to the end, reading tolerant JSON.
//!
//! `sentry` and `bugsink` call in here. Knows no tracker's fields and no store; a list is whole or an error.

use super::{SourceError, one_line};
use crate::egress::{Answer, Backoff, Egress, Link, Method, Page, PageCap, Pages, Request, Url, random};
use async_trait::async_trait;
use jiff::Timestamp;
use onduty_core::ids::{SourceName, Subject};
use onduty_core::signal::{ErrorGroup, Fact, Observation};
use secrecy::SecretString;
use serde_json::Value;

/// What onduty wants of every error tracker.
#[async_trait]
pub trait ErrorTracker: Send + Sync {
    /// What changed since `known`, every page followed. `baseline` is whether this is the first look.
    ///
    /// # Errors
    /// Never partial: one failed page fails the call, because a short list would read as good news.
    async fn poll(&self, known: &[ErrorGroup], baseline: bool, now: Timestamp)
    -> Result<Vec<Observation>, SourceError>;

    /// Says that `assignee`, an e-mail or user name, has the issue, and reads back whether the tracker thinks so.
    ///
    /// # Errors
    /// It cannot be asked, refuses, knows no owners, or shows nobody afterwards.
    async fn assign(&self, id: &str, assignee: &str) -> Result<(), SourceError>;

    /// Resolves the issue, in all its environments, and reads back whether the tracker shows it so.
    ///
    /// # Errors
    /// It cannot be asked, refuses, or does not show it as resolved afterwards.
    async fn resolve(&self, id: &str) -> Result<(), SourceError>;
}

/// The way to a tracker that is asked.
#[derive(Debug)]
pub struct Tracker<'a> {
    /// The source's name.
    pub name: &'static str,
    /// The way out.
    pub egress: &'a Egress,
    /// Where its API begins.
    pub base: Url,
    /// Who asks.
    pub token: &'a SecretString,
    /// How reads are tried again.
    pub backoff: Backoff,
}

impl Tracker<'_> {
    /// The JSON at `path`, with these parameters, and the answer that carried it.
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<(Value, Answer), SourceError> {
        let url = self.url(path, query)?;
        let request = || Request::get(url.clone()).bearer(self.token);
        let answer = self.egress.send_patiently(request, self.backoff, random).await;
        self.value(answer.map_err(|error| self.unreachable(error))?)
    }

    /// Changes something once; what comes of a broken exchange is for the outbox to find out.
    pub async fn change(&self, method: Method, path: &[&str], body: &Value) -> Result<Value, SourceError> {
        let request = Request::new(method, self.url(path, &[])?).bearer(self.token).json(body);
        let answer = self.egress.send(request).await.map_err(|error| self.unreachable(error))?;
        Ok(self.value(answer)?.0)
    }

    /// Every thing of a list. `page` reads the things of one answer and what comes next.
    pub async fn list<T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        page: impl Fn(&Value, &Answer) -> Result<Page<T>, SourceError>,
    ) -> Result<Vec<T>, SourceError> {
        let mut pages = Pages::new(PageCap::DEFAULT);
        let mut cursor: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let (value, answer) = self.get(path, &query).await?;
            cursor = pages.take(page(&value, &answer)?).map_err(|error| self.unreachable(error))?;
            if cursor.is_none() {
                return Ok(pages.into_items());
            }
        }
    }

    /// That `field` cannot be read.
    pub fn malformed(&self, field: &str, expected: &'static str) -> SourceError {
        SourceError::Malformed { source_name: self.name.into(), field: field.to_owned(), expected: expected.into() }
    }

    fn unreachable(&self, cause: impl std::error::Error + Send + Sync + 'static) -> SourceError {
        SourceError::Unreachable { source_name: self.name.into(), cause: Box::new(cause) }
    }

    fn value(&self, answer: Answer) -> Result<(Value, Answer), SourceError> {
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            let (source_name, answer) = (SourceName::from(self.name), answer.excerpt());
            return Err(SourceError::Refused { source_name, status, answer });
        }
        let value = answer.json().map_err(|_| self.malformed("the answer", "JSON"))?;
        Ok((value, answer))
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, SourceError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| self.malformed("url", "an address such as https://tracker.example"))?
            .pop_if_empty()
            .extend(path)
            .push("");
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

/// The page of a `Link` header. A full page without any header may have more behind it, and is refused.
pub fn linked<T>(
    tracker: &Tracker<'_>,
    items: Vec<(String, T)>,
    link: Link,
    full: usize,
) -> Result<Page<T>, SourceError> {
    match link {
        Link::Next(cursor) => Ok(Page { items, next: Some(cursor) }),
        Link::Missing if items.len() >= full => {
            Err(tracker.malformed("Link", "a header that says whether there is more"))
        }
        Link::End | Link::Missing => Ok(Page { items, next: None }),
    }
}

/// What a poll saw of a group, under the subject that it has everywhere.
pub fn seen(source: &'static str, group: ErrorGroup, now: Timestamp, baseline: bool) -> Observation {
    let subject = Subject::new(format!("{} {} {}", group.project, group.environment, group.id));
    Observation { source: source.into(), subject, fact: Fact::Error(group), source_time: now, baseline }
}

/// Whether `seen` says nothing that `known` does not: frames and what is only filled in by one side do not count.
pub fn same(known: &ErrorGroup, seen: &ErrorGroup) -> bool {
    let plain = |group: &ErrorGroup| ErrorGroup {
        frames: Vec::new(),
        regressed_at: None,
        first_seen: seen.first_seen,
        ..group.clone()
    };
    plain(known) == plain(seen)
}

/// A text; numbers count as texts.
pub fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => one_line(text, 300),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A number, also where it is written as a text.
pub fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A time; one in the future would win over all that follows, and is now.
pub fn time(value: &Value, now: Timestamp) -> Option<Timestamp> {
    let time = match value {
        Value::String(text) => text.parse::<Timestamp>().ok()?,
        number => Timestamp::from_millisecond((number.as_f64()? * 1e3) as i64).ok()?,
    };
    Some(time.min(now))
}
