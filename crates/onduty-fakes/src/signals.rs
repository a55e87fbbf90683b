//! Signals of the team's own, and anything else that goes through the generic intake.
//!
//! Driven by tests and by `scenario`. Never remembers anything: what is sent is all there is.

use crate::delivery::{Channel, Outgoing, Sent};
use crate::world::World;
use serde_json::{Value, json};

/// A signal of the team's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomSignal {
    /// The team's word for the kind: `certificate`.
    pub kind: String,
    /// What it is about: `shop.example`.
    pub subject: String,
    /// Whether somebody is needed.
    pub failing: bool,
    /// One line for people.
    pub message: String,
    /// How long this stays true without news: `1h`.
    pub max_age: String,
}

/// Sends through the generic intake.
#[derive(Debug, Clone)]
pub struct Signals {
    world: World,
}

impl Signals {
    pub(crate) fn new(world: World) -> Signals {
        Signals { world }
    }

    /// Sends one signal of the team's own.
    pub async fn send(&self, signal: &CustomSignal) -> Sent {
        let state = if signal.failing { "failing" } else { "ok" };
        self.send_body(json!({
            "type": "signal",
            "kind": signal.kind,
            "subject": signal.subject,
            "state": state,
            "message": signal.message,
            "max_age": signal.max_age,
        }))
        .await
    }

    /// Sends a sign of life for these kinds: everything there is to know about them has been told.
    pub async fn contact(&self, kinds: &[&str]) -> Sent {
        self.send_body(json!({"type": "contact", "kinds": kinds})).await
    }

    /// Sends any body, well signed.
    pub async fn send_body(&self, body: Value) -> Sent {
        let event = body.get("type").and_then(Value::as_str).unwrap_or("unnamed").to_owned();
        self.world.deliver(Outgoing { channel: Channel::Signals, event, body }).await
    }
}
