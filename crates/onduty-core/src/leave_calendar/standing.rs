//! How a calendar that is read again and again is.

use super::{Told, Unclear};
use jiff::Timestamp;

/// Things that are not understood and kept to be shown, of each sort.
const SHOWN: usize = 20;

/// How a calendar is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What it said when it could be read last.
    pub read: Option<Read>,
    /// Why it cannot be read now; what it said stays.
    pub trouble: Option<String>,
}

/// What a calendar said, without the leave itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// When, in duty time.
    pub at: Timestamp,
    /// Leave that is not over.
    pub leave: usize,
    /// Leave of nobody in particular: the first of it, and how much.
    pub unclear: (Vec<Unclear>, usize),
    /// Events that cannot be understood, with their lines: the first of them, and how many.
    pub unreadable: (Vec<(u32, String)>, usize),
    /// Events with hours.
    pub with_hours: usize,
    /// Leave that is not in it any more, and is kept because of what is not understood.
    pub kept: usize,
}

impl Read {
    /// What is kept of `told`.
    pub fn of(told: &Told, kept: usize, at: Timestamp) -> Read {
        let Told { leave, unclear, unreadable, with_hours, .. } = told;
        Read {
            at,
            leave: leave.len(),
            unclear: (unclear.iter().take(SHOWN).cloned().collect(), unclear.len()),
            unreadable: (unreadable.iter().take(SHOWN).cloned().collect(), unreadable.len()),
            with_hours: *with_hours,
            kept,
        }
    }
}
