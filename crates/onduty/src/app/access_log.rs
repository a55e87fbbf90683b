//! The log book of the instance: who came in, and who changed what anybody may do. Chained, verified and searched like
//! the log book of a duty, because it is one; no duty can have its name.

use super::App;
use crate::clock::real_now;
use crate::store::{StoreError, Tx, log_book};
use crate::texts::{self, Telling};
use jiff::tz::TimeZone;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::logbook::{AccessEvent, Author, Event, NewEntry};

/// The name of the instance's log book; `@` cannot stand in the name of a duty.
pub const BOOK: &str = "@access";

/// The instance's log book.
pub fn book() -> DutyId {
    DutyId::from(BOOK)
}

impl App {
    /// Writes down what `by` did, in real time, in the transaction of what was done; nobody is the machine.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn audit(&self, tx: &mut Tx, by: Option<&EngineerId>, access: AccessEvent) -> Result<(), StoreError> {
        let (now, instance) = (real_now(), self.instance());
        let entry = NewEntry {
            duty: book(),
            at: now,
            shift: TimeZone::UTC.to_datetime(now).date(),
            author: by.map_or(Author::Machine, |id| Author::Engineer { id: id.clone() }),
            item: None,
            event: Event::Access { access },
        };
        let tell = Telling { now, zone: &TimeZone::UTC, roster: &instance.roster, process: None };
        // With the names in it, so that a search finds people and not only what was done.
        let text = format!("{}: {}", texts::author(&entry.author, &tell), texts::event(&entry.event, &tell));
        log_book::append(tx, &entry, &text).await.map(drop)
    }
}
