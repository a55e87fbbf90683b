//! How the server is: the engine, the store, and what is known of the sources.

use super::{App, Engine};
use crate::clock::real_now;
use crate::store::{self, StoreError};
use jiff::Timestamp;
use onduty_core::signal::{Feed, Kind, UnknownReason};
use std::collections::BTreeMap;

/// How the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It can be read, and took the last commit that was tried.
    Answers,
    /// It can be read, and refused the last commit that the self-audit tried.
    Refuses,
    /// It cannot be read.
    Gone,
}

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The engine.
    pub engine: Engine,
    /// When it last ran well.
    pub last_pass: Option<Timestamp>,
    /// The store.
    pub store: Kept,
    /// What is known of each kind of signal that is configured.
    pub signals: BTreeMap<Kind, Heard>,
}

/// Whether a kind of signal is heard of. None of it is ill health of onduty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It is.
    Well(Timestamp),
    /// Nothing was heard for longer than allowed.
    Silent(Option<Timestamp>),
    /// Its source answers with trouble.
    Trouble,
    /// On purpose.
    Off,
}

impl Health {
    /// Whether somebody has to mend the server. A silent source is for the engineer on duty, not for the operator.
    pub fn is_well(&self) -> bool {
        self.engine == Engine::Running && self.store == Kept::Answers
    }
}

impl App {
    /// How the server is now.
    pub async fn health(&self) -> Health {
        let now = real_now();
        let signals = self.heard().await;
        let store = match &signals {
            Err(_) => Kept::Gone,
            Ok(_) if self.liveness.store_refuses() => Kept::Refuses,
            Ok(_) => Kept::Answers,
        };
        Health {
            engine: self.liveness.engine(now),
            last_pass: self.liveness.last_pass(),
            store,
            signals: signals.unwrap_or_default(),
        }
    }

    async fn heard(&self) -> Result<BTreeMap<Kind, Heard>, StoreError> {
        let instance = self.instance();
        let mut reader = self.store.read().await?;
        let contacts = store::signals::contacts(&mut reader).await?;
        let feeds = onduty_core::signal_feeds::feeds(&instance.declarations, &contacts, self.clock.duty_now());
        Ok(feeds.into_iter().filter_map(|(kind, feed)| Some((kind, heard(feed)?))).collect())
    }
}

fn heard(feed: Feed) -> Option<Heard> {
    Some(match feed {
        Feed::Off => Heard::Off,
        Feed::Known { last_contact } => Heard::Well(last_contact),
        Feed::Unknown { reason } => match reason {
            UnknownReason::Stale { last, .. } => Heard::Silent(Some(last)),
            UnknownReason::NeverSeen { .. } => Heard::Silent(None),
            UnknownReason::Trouble { .. }
            | UnknownReason::Missing { .. }
            | UnknownReason::NotCompared { .. }
            | UnknownReason::Uncovered { .. } => Heard::Trouble,
            // Nobody promised to tell.
            UnknownReason::Undeclared { .. } => return None,
        },
    })
}
