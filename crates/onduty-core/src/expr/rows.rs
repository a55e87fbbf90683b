//! Signals as values of `cel`: one row of fields for each thing, exactly those that `variables` lists.
//!
//! Called by `world` alone. A field that a source did not say is left out, so that reading it is an error, and never
//! an empty text.

use crate::ids::Subject;
use crate::performance::{EndpointFact, Standing};
use crate::signal::{
    Build, BuildState, Commit, CustomSignal, CustomState, ErrorGroup, ErrorStatus, Fact, RolloutFact, RolloutState,
    SignalState,
};
use cel::common::types::{
    CelBool, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp,
};
use cel::common::value::Val;
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::collections::HashMap;

/// Texts are read to this many characters: nobody means more, and a pattern goes through all of them.
const MAX_TEXT: usize = 1_000;

/// The fields of one thing.
#[derive(Default)]
struct Row(HashMap<CelMapKey<'static>, Box<dyn Val>>);

impl Row {
    fn put(&mut self, name: &'static str, value: impl Val + 'static) {
        self.0.insert(CelMapKey::from(name), Box::new(value));
    }

    fn text(&mut self, name: &'static str, text: &str) {
        let end = text.char_indices().nth(MAX_TEXT).map_or(text.len(), |(index, _)| index);
        self.put(name, CelString::from(text[..end].to_owned()));
    }

    fn said(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn bool(&mut self, name: &'static str, value: bool) {
        self.put(name, CelBool::from(value));
    }

    fn whole(&mut self, name: &'static str, number: i64) {
        self.put(name, CelInt::from(number));
    }

    fn instant(&mut self, name: &'static str, instant: Timestamp) {
        if let Some(instant) = timestamp(instant) {
            self.put(name, instant);
        }
    }

    /// When it ended: null while it runs, left out when it ended and nobody said when.
    fn end(&mut self, name: &'static str, runs: bool, end: Option<Timestamp>) {
        match end {
            _ if runs => self.put(name, CelNull),
            Some(end) => self.instant(name, end),
            None => {}
        }
    }

    fn done(self) -> CelMap<'static> {
        CelMap::from(self.0)
    }
}

/// The instant as `cel` has it.
pub(super) fn timestamp(instant: Timestamp) -> Option<CelTimestamp> {
    let nanosecond = u32::try_from(instant.subsec_nanosecond()).ok()?;
    chrono::DateTime::from_timestamp(instant.as_second(), nanosecond).map(|found| found.fixed_offset().into())
}

/// Rows as a list.
pub(super) fn list(rows: Vec<CelMap<'static>>) -> CelList<'static> {
    let boxed: Vec<Box<dyn Val>> = rows.into_iter().map(|row| Box::new(row) as Box<dyn Val>).collect();
    CelList::from(boxed)
}

/// Whether the lists show it: of the errors, only those that are unresolved.
pub(super) fn is_listed(fact: &Fact) -> bool {
    match fact {
        Fact::Error(group) => group.status == ErrorStatus::Unresolved,
        Fact::Endpoint(endpoint) => endpoint.standing != Standing::Suspected,
        Fact::Contact(_) | Fact::Head(_) | Fact::Compared(_) => false,
        Fact::Build(_) | Fact::Rollout(_) | Fact::Custom(_) => true,
    }
}

/// The row of a subject; of a head it is the commit that the subject names. `None` for what has no row.
pub(super) fn subject(subject: &Subject, state: &SignalState, now: Timestamp) -> Option<CelMap<'static>> {
    match &state.fact {
        Fact::Build(newest) => Some(build(newest, state.concluded.as_ref())),
        Fact::Error(group) => Some(error(group)),
        Fact::Rollout(fact) => Some(rollout(fact)),
        Fact::Custom(sent) => Some(signal(subject, sent, state, now)),
        Fact::Head(head) => head.commits.iter().find(|known| known.revision == subject.as_str()).map(commit),
        Fact::Endpoint(judged) => Some(endpoint(judged)),
        Fact::Contact(_) | Fact::Compared(_) => None,
    }
}

fn build(newest: &Build, concluded: Option<&Build>) -> CelMap<'static> {
    let word = |state: BuildState| match state {
        BuildState::Queued => "queued",
        BuildState::Running => "running",
        BuildState::Skipped => "skipped",
        BuildState::Cancelled => "cancelled",
        BuildState::Passed => "passed",
        BuildState::Failed => "failed",
    };
    let mut row = Row::default();
    row.text("repository", &newest.repository);
    row.said("branch", newest.branch.as_deref());
    row.text("revision", &newest.revision);
    row.text("name", &newest.name);
    row.text("state", word(newest.state));
    match concluded {
        Some(build) => row.text("concluded", word(build.state)),
        None => row.put("concluded", CelNull),
    }
    row.said("url", newest.url.as_deref());
    row.instant("started_at", newest.started_at);
    let runs = matches!(newest.state, BuildState::Queued | BuildState::Running);
    row.end("finished_at", runs, newest.finished_at);
    row.done()
}

fn error(group: &ErrorGroup) -> CelMap<'static> {
    let mut row = Row::default();
    row.text("id", &group.id);
    row.text("project", &group.project);
    row.text("environment", group.environment.as_str());
    row.text("title", &group.title);
    row.said("culprit", group.culprit.as_deref());
    row.said("level", group.level.as_deref());
    let status = match group.status {
        ErrorStatus::Unresolved => "unresolved",
        ErrorStatus::Resolved => "resolved",
        ErrorStatus::Ignored => "ignored",
    };
    row.text("status", status);
    row.instant("first_seen", group.first_seen);
    row.instant("last_seen", group.last_seen);
    row.whole("count", i64::try_from(group.count).unwrap_or(i64::MAX));
    row.bool("assigned", group.assignee.is_some());
    match &group.assignee {
        Some(assignee) => row.text("assignee", assignee),
        None => row.put("assignee", CelNull),
    }
    row.said("release", group.release.as_deref());
    row.bool("regressed", group.regressed_at.is_some());
    row.done()
}

fn rollout(fact: &RolloutFact) -> CelMap<'static> {
    let mut row = Row::default();
    row.text("id", &fact.id);
    row.text("environment", fact.environment.as_str());
    row.text("revision", &fact.revision);
    let state = match fact.state {
        RolloutState::Requested => "requested",
        RolloutState::Running => "running",
        RolloutState::Succeeded => "succeeded",
        RolloutState::Failed => "failed",
        RolloutState::Unknown => "unknown",
    };
    row.text("state", state);
    row.instant("started_at", fact.started_at);
    row.end("finished_at", fact.state.is_active(), fact.finished_at);
    row.said("by", fact.by.as_deref());
    row.bool("pressed", fact.pressed);
    row.done()
}

fn endpoint(judged: &EndpointFact) -> CelMap<'static> {
    let mut row = Row::default();
    row.text("name", &judged.name);
    row.text("environment", judged.environment.as_str());
    row.text("revision", &judged.revision);
    row.text("verdict", if judged.is_degraded() { "degraded" } else { "good" });
    row.bool("failing", judged.is_degraded() && judged.failing.is_some());
    let slower = judged.slower.filter(|_| judged.is_degraded());
    row.put("slower_by", CelDouble::from(slower.map_or(0.0, |slower| slower.effect)));
    row.put("added_seconds_per_hour", CelDouble::from(judged.cost() as f64 / 1_000.0));
    row.done()
}

/// The row of a commit.
pub(super) fn commit(commit: &Commit) -> CelMap<'static> {
    let mut row = Row::default();
    row.text("revision", &commit.revision);
    row.text("author", &commit.author_name);
    row.text("title", &commit.title);
    row.instant("committed_at", commit.committed_at);
    row.done()
}

fn signal(subject: &Subject, sent: &CustomSignal, state: &SignalState, now: Timestamp) -> CelMap<'static> {
    let age = age(state, now);
    let mut row = Row::default();
    row.text("subject", subject.as_str());
    row.put("age", span(age));
    if is_stale(sent, age) {
        return row.done();
    }
    let word = match sent.state {
        CustomState::Failing => "failing",
        CustomState::Ok => "ok",
    };
    row.text("state", word);
    row.said("message", sent.message.as_deref());
    if let Some(value) = sent.value.filter(|value| value.is_finite()) {
        row.put("value", CelDouble::from(value));
    }
    row.instant("since", sent.since);
    row.done()
}

/// When it was last sent: by the sender's clock or by ours, whichever is earlier, so that a wrong clock makes a
/// signal old and never young.
pub(super) fn sent_at(state: &SignalState) -> Timestamp {
    state.source_time.min(state.received_at)
}

fn age(state: &SignalState, now: Timestamp) -> SignedDuration {
    now.duration_since(sent_at(state)).max(SignedDuration::ZERO)
}

/// Whether a signal is older than it said it would stay true.
pub(super) fn is_over(sent: &CustomSignal, state: &SignalState, now: Timestamp) -> bool {
    is_stale(sent, age(state, now))
}

fn is_stale(sent: &CustomSignal, age: SignedDuration) -> bool {
    sent.max_age.is_some_and(|max_age| age > max_age)
}

fn span(length: SignedDuration) -> CelDuration {
    CelDuration::from(chrono::Duration::milliseconds(i64::try_from(length.as_millis()).unwrap_or(0)))
}

/// The row of the clock.
pub(super) fn clock(now: &Zoned) -> CelMap<'static> {
    let weekday = match now.weekday() {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    };
    let mut row = Row::default();
    row.whole("hour", now.hour().into());
    row.whole("minute", now.minute().into());
    row.text("weekday", weekday);
    row.text("date", &now.date().to_string());
    row.text("time", &format!("{:02}:{:02}", now.hour(), now.minute()));
    row.done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::variables::{Absent, CLOCK, COMMIT, ERROR, Record};
    use cel::common::types::CelMapKey;

    fn check(record: &Record, row: &CelMap<'static>) {
        for field in record.fields.iter().filter(|field| !matches!(field.absent, Absent::Unknown(_))) {
            assert!(row.inner().contains_key(&CelMapKey::from(field.name)), "{} {}", record.one, field.name);
        }
        assert!(row.inner().len() <= record.fields.len(), "{}", record.one);
    }

    #[test]
    fn rows_have_the_fields_of_the_table() {
        let at: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        check(&CLOCK, &clock(&at.to_zoned(jiff::tz::TimeZone::UTC)));
        let known = Commit {
            revision: "abc".into(),
            author_name: "Lena".into(),
            author_email: "l@example.org".into(),
            title: "x".repeat(2_000),
            committed_at: at,
            files: Vec::new(),
        };
        check(&COMMIT, &commit(&known));
        let group = ErrorGroup {
            id: "1".into(),
            project: "shop".into(),
            environment: "staging".into(),
            title: "ä".repeat(2_000),
            culprit: None,
            level: None,
            status: ErrorStatus::Unresolved,
            first_seen: at,
            last_seen: at,
            regressed_at: None,
            count: u64::MAX,
            assignee: None,
            release: None,
            frames: Vec::new(),
            url: None,
        };
        let row = error(&group);
        check(&ERROR, &row);
        assert!(!row.inner().contains_key(&CelMapKey::from("level")));
    }
}
