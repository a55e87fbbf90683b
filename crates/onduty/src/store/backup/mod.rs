//! The whole store as one stream, and a store from such a stream, on whichever databases.
//!
//! A backup is gzip over lines of JSON, so that it can be read without onduty:
//!
//! 1. `{"onduty":"backup","format":1,"version":…,"schema":…,"made_at":…,"from":"sqlite","journal":…}`
//! 2. for each table `{"table":"journal","columns":["seq","record"]}`, and after it one array for each row: numbers,
//!    text, null; bytes as base64
//! 3. `{"end":true,"rows":{"journal":1234,…},"sha256":…}`: how many rows each table has, and the hash over every byte of
//!    the lines before
//!
//! Tables that others refer to come first. What a database makes by itself is left out: search indexes, and what it
//! remembers of its own commits. `cli/backup.rs` and `cli/restore.rs` call it.

mod filling;
mod layout;
mod read;
mod restore;
mod write;

pub use read::Broken;
pub use restore::{RestoreError, restore};
pub use write::write;

use jiff::Timestamp;
use std::collections::BTreeMap;

/// The format of the lines. It changes only where an older onduty would misread them.
const FORMAT: u32 = 1;

/// The longest line that is read, in bytes: a delivery has 5 MB at most.
const MAX_LINE: u64 = 64 << 20;

/// The first line of a backup.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Header {
    onduty: String,
    format: u32,
    /// The onduty that made it.
    pub version: String,
    /// The schema of the store.
    pub schema: i64,
    /// When, in real time.
    pub made_at: Timestamp,
    /// `sqlite` or `postgres`.
    pub from: String,
    /// The number of the newest record of the journal.
    pub journal: i64,
}

/// What a backup has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its first line.
    pub header: Header,
    /// How many rows, by table.
    pub rows: BTreeMap<String, u64>,
}

impl Summary {
    /// How many rows it has altogether.
    pub fn total(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// The line before the rows of a table.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TableLine {
    table: String,
    columns: Vec<String>,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    end: bool,
    rows: BTreeMap<String, u64>,
    sha256: String,
}

#[cfg(test)]
mod tests;
