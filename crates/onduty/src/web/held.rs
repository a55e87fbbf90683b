//! Forms that wait until their person has proved who they are: nobody loses what they saw and typed.

use super::auth::Visit;
use super::policy::Wish;
use crate::texts;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How many wait at most; whoever is pushed out goes back to the page and presses again.
const MOST: usize = 1_000;

/// What somebody sent and has to prove themselves for.
#[derive(Debug, Clone)]
pub struct HeldForm {
    /// Where it goes.
    pub path: String,
    /// What it carries, without the session's token.
    pub fields: Vec<(String, String)>,
    /// What it wants.
    pub wish: Wish,
    /// What the route is for.
    pub summary: &'static str,
}

impl HeldForm {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What it would do, for its button: `Roll out 8f3c2a4 to production`.
    pub fn label(&self) -> String {
        match (self.field("revision"), self.field("environment")) {
            (Some(revision), Some(environment)) if self.wish == Wish::RollOut => {
                format!("Roll out {} to {}", texts::short_revision(revision), texts::visible(environment))
            }
            _ => "Go on".to_owned(),
        }
    }

    /// Where its page is.
    pub fn back(&self) -> String {
        super::form::own_path(self.field("back").unwrap_or_default(), "/")
    }
}

/// What waits, by session.
#[derive(Debug, Default)]
pub struct Held(Mutex<BTreeMap<String, HeldForm>>);

impl Held {
    /// Keeps a form; one for each session, the last one.
    pub fn put(&self, visit: &Visit, form: HeldForm) {
        let Some(session) = &visit.session else { return };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Ids are in the order of time: the first one has waited longest.
        while held.len() >= MOST {
            held.pop_first();
        }
        held.insert(session.clone(), form);
    }

    /// What waits for this visitor.
    pub fn get(&self, visit: &Visit) -> Option<HeldForm> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(visit.session.as_ref()?).cloned()
    }

    /// Forgets it: it was sent again, or its person changed their mind.
    pub fn forget(&self, visit: &Visit) {
        if let Some(session) = &visit.session {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
        }
    }
}
