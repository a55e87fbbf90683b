//! An error tracker: groups of errors that come, grow, get an assignee and are resolved.
//!
//! Acts are called by tests and by `scenario`; each one changes the model and announces the group through the generic
//! intake. `receive` takes assignments back. Written from the contract of the generic intake, not from its code.

mod receive;

pub(crate) use receive::assign;

use crate::delivery::{Channel, Outgoing, Sent};
use crate::world::{Model, World};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many items one batch holds.
const BATCH_LENGTH: usize = 100;
/// How many lines of history a group keeps.
const HISTORY_LENGTH: usize = 50;

/// Status of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Happening.
    Unresolved,
    /// Mended.
    Resolved,
    /// Not to be looked at.
    Ignored,
}

impl Status {
    /// The word in bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Unresolved => "unresolved",
            Status::Resolved => "resolved",
            Status::Ignored => "ignored",
        }
    }
}

/// A line of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Path in the repository.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// Function or method.
    pub function: String,
    /// The team's own code.
    pub in_app: bool,
}

/// Many events, one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorGroup {
    /// The tracker's project.
    pub project: String,
    /// Unique in the project.
    pub id: String,
    /// `staging` or `production`.
    pub environment: String,
    /// The message.
    pub title: String,
    /// Where, in the tracker's words.
    pub culprit: String,
    /// `error`, `fatal`, `warning`
    pub level: String,
    /// What the tracker says about it.
    pub status: Status,
    /// First event.
    pub first_seen: Timestamp,
    /// Newest event.
    pub last_seen: Timestamp,
    /// Events so far.
    pub count: u64,
    /// E-mail of who has it.
    pub assignee: Option<String>,
    /// Revision or version of the first event.
    pub release: Option<String>,
    /// The stack of the newest event, innermost last.
    pub frames: Vec<Frame>,
}

impl ErrorGroup {
    /// A group that nobody saw before: one event, unresolved, nobody's, without a stack.
    pub fn new(project: &str, id: &str, environment: &str, title: &str, at: Timestamp) -> ErrorGroup {
        ErrorGroup {
            project: project.to_owned(),
            id: id.to_owned(),
            environment: environment.to_owned(),
            title: title.to_owned(),
            culprit: String::new(),
            level: "error".to_owned(),
            status: Status::Unresolved,
            first_seen: at,
            last_seen: at,
            count: 1,
            assignee: None,
            release: None,
            frames: Vec::new(),
        }
    }
}

/// What goes wrong with the next write-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteBackFault {
    /// Answered with this status, nothing done.
    Status(u16),
    /// Nothing done and no answer for this long, then 504.
    SilentBefore(Duration),
    /// Done, but no answer for this long.
    SilentAfter(Duration),
}

/// A write-back that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Project of the group.
    pub project: String,
    /// Id of the group.
    pub id: String,
    /// Who has it now.
    pub assignee: String,
    /// Who decided so.
    pub decided_by: Option<String>,
    /// The sender's own key.
    pub key: String,
    /// `webhook-id` of the request.
    pub webhook_id: String,
    /// When, on the world's clock.
    pub at: Timestamp,
}

#[derive(Debug)]
pub(crate) struct TrackerState {
    groups: BTreeMap<(String, String), Known>,
    secret: Option<String>,
    faults: VecDeque<WriteBackFault>,
    accepted: Vec<Assignment>,
    /// The key of each write-back that was signed and could be read, each time.
    received: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Known {
    pub group: ErrorGroup,
    pub history: Vec<(Timestamp, String)>,
}

impl TrackerState {
    pub fn new(secret: Option<String>) -> TrackerState {
        TrackerState {
            groups: BTreeMap::new(),
            secret,
            faults: VecDeque::new(),
            accepted: Vec::new(),
            received: Vec::new(),
        }
    }

    pub fn known(&self, project: &str, id: &str) -> Option<&Known> {
        self.groups.get(&(project.to_owned(), id.to_owned()))
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.groups.len()
    }

    /// Changes a group and notes what happened; `None` when there is no such group.
    fn change(
        &mut self,
        project: &str,
        id: &str,
        now: Timestamp,
        note: &str,
        how: impl FnOnce(&mut ErrorGroup),
    ) -> Option<ErrorGroup> {
        let known = self.groups.get_mut(&(project.to_owned(), id.to_owned()))?;
        how(&mut known.group);
        known.history.push((now, note.to_owned()));
        let old = known.history.len().saturating_sub(HISTORY_LENGTH);
        known.history.drain(..old);
        Some(known.group.clone())
    }
}

/// The error tracker.
#[derive(Debug, Clone)]
pub struct Tracker {
    world: World,
}

impl Tracker {
    pub(crate) fn new(world: World) -> Tracker {
        Tracker { world }
    }

    /// A new group appears, or a known one is replaced; it is announced.
    pub async fn raise(&self, group: ErrorGroup) -> Sent {
        self.knows(group.clone());
        self.announce(&group).await
    }

    /// The tracker has this group without telling anybody: it was there before.
    pub fn knows(&self, group: ErrorGroup) {
        let mut model = self.world.model();
        let key = (group.project.clone(), group.id.clone());
        let history = vec![(group.first_seen, "first seen".to_owned())];
        model.tracker.groups.insert(key, Known { group, history });
    }

    /// It happens again; a resolved group is unresolved again.
    pub async fn happens(&self, project: &str, id: &str, times: u64) -> Sent {
        self.act(project, id, &format!("{times} more events"), |group, now| {
            group.count += times;
            group.last_seen = now;
            if group.status == Status::Resolved {
                group.status = Status::Unresolved;
            }
        })
        .await
    }

    /// Somebody says that it is mended.
    pub async fn resolve(&self, project: &str, id: &str) -> Sent {
        self.act(project, id, "resolved", |group, _| group.status = Status::Resolved).await
    }

    /// Somebody says that nobody need look.
    pub async fn ignore(&self, project: &str, id: &str) -> Sent {
        self.act(project, id, "ignored", |group, _| group.status = Status::Ignored).await
    }

    /// Somebody is given it, or with `None` nobody has it any more.
    pub async fn assign(&self, project: &str, id: &str, assignee: Option<&str>) -> Sent {
        let note = assignee.map_or("unassigned".to_owned(), |who| format!("assigned to {who}"));
        self.act(project, id, &note, |group, _| group.assignee = assignee.map(str::to_owned)).await
    }

    /// Says the group as it is now once more; nothing for a group that does not exist.
    pub async fn announce_again(&self, project: &str, id: &str) -> Sent {
        match self.group(project, id) {
            Some(group) => self.announce(&group).await,
            None => Sent::default(),
        }
    }

    /// Lists every group, in batches, then gives a sign of life; `baseline` says that this is the first listing.
    pub async fn list_all(&self, baseline: bool) -> Sent {
        let groups: Vec<ErrorGroup> =
            self.world.model().tracker.groups.values().map(|known| known.group.clone()).collect();
        self.list(&groups, baseline).await
    }

    /// Lists these groups, in batches, then gives a sign of life.
    pub async fn list(&self, groups: &[ErrorGroup], baseline: bool) -> Sent {
        let bodies = {
            let model = self.world.model();
            let batches = groups.chunks(BATCH_LENGTH).map(|chunk| {
                let items: Vec<Value> = chunk.iter().map(|group| body(&model, group)).collect();
                outgoing(json!({"type": "batch", "baseline": baseline, "items": items}))
            });
            batches.collect()
        };
        let mut sent = self.world.deliver_all(bodies).await;
        sent.then(self.contact().await);
        sent
    }

    /// Gives a sign of life: everything there is to know about errors has been told.
    pub async fn contact(&self) -> Sent {
        self.world.signals().contact(&["errors"]).await
    }

    /// The group as it is now.
    pub fn group(&self, project: &str, id: &str) -> Option<ErrorGroup> {
        self.world.model().tracker.known(project, id).map(|known| known.group.clone())
    }

    /// Every group.
    pub fn groups(&self) -> Vec<ErrorGroup> {
        self.world.model().tracker.groups.values().map(|known| known.group.clone()).collect()
    }

    /// Lets the next write-back go wrong; several faults meet the next ones one by one.
    pub fn spoil_next_write_back(&self, fault: WriteBackFault) {
        self.world.model().tracker.faults.push_back(fault);
    }

    /// The write-backs that changed a group, oldest first; a repeated one is here once.
    pub fn assignments(&self) -> Vec<Assignment> {
        self.world.model().tracker.accepted.clone()
    }

    /// The keys of all write-backs that arrived here, oldest first; a repeated one is here as often as it came.
    pub fn keys_received(&self) -> Vec<String> {
        self.world.model().tracker.received.clone()
    }

    async fn act(&self, project: &str, id: &str, note: &str, how: impl FnOnce(&mut ErrorGroup, Timestamp)) -> Sent {
        let changed = {
            let mut model = self.world.model();
            let now = model.now;
            model.tracker.change(project, id, now, note, |group| how(group, now))
        };
        match changed {
            Some(group) => self.announce(&group).await,
            None => Sent::default(),
        }
    }

    async fn announce(&self, group: &ErrorGroup) -> Sent {
        let body = body(&self.world.model(), group);
        self.world.deliver(outgoing(body)).await
    }
}

fn outgoing(body: Value) -> Outgoing {
    let event = body.get("type").and_then(Value::as_str).unwrap_or("unnamed").to_owned();
    Outgoing { channel: Channel::Signals, event, body }
}

/// A group as the generic intake reads it.
fn body(model: &Model, group: &ErrorGroup) -> Value {
    let frames: Vec<Value> = group
        .frames
        .iter()
        .map(
            |frame| json!({"file": frame.file, "line": frame.line, "function": frame.function, "in_app": frame.in_app}),
        )
        .collect();
    json!({
        "type": "error",
        "project": group.project,
        "id": group.id,
        "environment": group.environment,
        "title": group.title,
        "culprit": group.culprit,
        "level": group.level,
        "status": group.status.as_str(),
        "first_seen": group.first_seen.to_string(),
        "last_seen": group.last_seen.to_string(),
        "count": group.count,
        "assignee": group.assignee,
        "release": group.release,
        "frames": frames,
        "url": format!("{}/errors/{}/{}", model.base, crate::pages::path_part(&group.project), crate::pages::path_part(&group.id)),
    })
}

#[cfg(test)]
mod tests;
