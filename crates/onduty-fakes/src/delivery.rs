//! What the fake world sends: signed webhooks, what became of them, and what can go wrong on the way.
//!
//! `github`, `tracker` and `signals` hand over bodies; `world` posts them. Nothing here knows what a body means.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Which of the receiver's doors a delivery goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// GitHub's webhooks.
    Github,
    /// The generic intake, signed by the Standard Webhooks scheme.
    Signals,
}

/// Where deliveries of one channel go.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    /// For example `http://127.0.0.1:8080/hooks/github`.
    pub url: String,
    /// What both sides know.
    pub secret: String,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What goes wrong with the next delivery of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Never sent.
    Drop,
    /// Sent twice with the same id, as after a lost answer.
    Repeat,
    /// Sent twice, the second time under a new id: only the body says that it is the same.
    Duplicate,
    /// Sent after the delivery that follows it.
    Reorder,
    /// Sent this much later on the world's clock, by [`World::deliver_due`](crate::World::deliver_due) or with the next
    /// delivery after that time.
    Delay(SignedDuration),
    /// Sent with the signature of another secret.
    WrongSignature,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered.
    Answered {
        /// HTTP status.
        status: u16,
        /// What it said, at most 2,000 characters.
        body: String,
    },
    /// No answer; there is no second try, because GitHub makes none either.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// Lost on purpose.
    Dropped,
    /// On its way, later.
    HeldBack,
    /// Nobody is connected to this channel.
    NotConnected,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Which door.
    pub channel: Channel,
    /// `X-GitHub-Delivery` or `webhook-id`.
    pub id: String,
    /// `X-GitHub-Event`, or the `type` of a generic body.
    pub event: String,
    /// When, on the world's clock.
    pub at: Timestamp,
    /// The headers besides `content-type`, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, exactly as sent.
    pub body: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl Delivery {
    /// The receiver's status, where it answered.
    pub fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered { status, .. } => Some(status),
            _ => None,
        }
    }

    /// The header called `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body read as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// The deliveries that one act caused, in the order in which they left.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "look at the answers, or say with `let _ =` that they do not matter"]
pub struct Sent(pub Vec<Delivery>);

impl Sent {
    /// The receiver's statuses, of those that were answered.
    pub fn statuses(&self) -> Vec<u16> {
        self.0.iter().filter_map(Delivery::status).collect()
    }

    /// Whether there was a delivery and each one was answered with success.
    pub fn accepted(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|one| one.status().is_some_and(|status| (200..300).contains(&status)))
    }

    /// The events, in order.
    pub fn events(&self) -> Vec<&str> {
        self.0.iter().map(|one| one.event.as_str()).collect()
    }

    /// The body of the first delivery of `event`, or null.
    pub fn body_of(&self, event: &str) -> Value {
        self.0.iter().find(|one| one.event == event).map_or(Value::Null, Delivery::json)
    }

    /// Adds what happened afterwards.
    pub fn then(&mut self, more: Sent) {
        self.0.extend(more.0);
    }
}

/// A body that is ready to leave.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub channel: Channel,
    pub event: String,
    pub body: Value,
}

/// A delivery that was held back.
#[derive(Debug)]
pub(crate) struct Held {
    pub outgoing: Outgoing,
    pub id: String,
    /// `None`: after the next delivery of the same channel.
    pub until: Option<Timestamp>,
}
