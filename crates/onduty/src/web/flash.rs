//! What is shown once on the next page of a session: addresses that hold a secret, which must not stand in a link.

use super::auth::Visit;
use onduty_core::ids::EngineerId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Shown once.
#[derive(Debug, Clone)]
pub enum Flash {
    /// The address of a new wall screen.
    Wall(String),
    /// The address of a new calendar feed.
    CalendarFeed(String),
    /// A new sign-in link, and for whom.
    Link(EngineerId, String),
    /// A new token for scripts.
    Token(String),
}

/// What waits, by session.
#[derive(Debug, Default)]
pub struct Flashes(Mutex<BTreeMap<String, Flash>>);

impl Flashes {
    /// Keeps something for the visitor's next page.
    pub fn put(&self, visit: &Visit, flash: Flash) {
        if let Some(session) = &visit.session {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(session.clone(), flash);
        }
    }

    /// Takes what was kept.
    pub fn take(&self, visit: &Visit) -> Option<Flash> {
        let session = visit.session.as_ref()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(session)
    }
}
