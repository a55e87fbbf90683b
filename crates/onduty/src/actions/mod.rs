//! Writing outside: rolling out, telling trackers.
//!
//! Called by `tasks` with facts from the store. Never decides whether something may leave, and never waits for a person.

pub mod command;
pub mod supervise;
pub mod write_back;
