//! Requests as lines of CSV: text in, requests in a [`Table`] out.
//!
//! Whoever reads files calls in here with what it has read. Opens nothing, holds no line back and builds nothing for a line
//! of the usual kind; a line that cannot be read is left out, counted and placed. A folder of core because it is the loop
//! that a comparison of files spends its time in, and core is compiled for speed.

mod columns;
mod quick;
mod row;

pub use columns::EXPECTED;
pub use row::Wrong;

use super::table::Table;
use super::windows::{AFTER, Slot, Stretch, Windows};
use columns::{Column, Columns};
use memchr::memchr;
use quick::Quick;
use row::Row;
use std::collections::BTreeMap;

/// Longer lines are no rows; a file without line ends must not fill the memory.
pub const LONGEST_LINE: usize = 64 * 1024;

/// What the lines of a file say beside the requests that count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows that could be read.
    pub rows: u64,
    /// Rows within a window.
    pub within: u64,
    /// Rows in the window after the rollout.
    pub after: u64,
    /// The first and the last moment of all rows, in milliseconds since 1970.
    pub times_ms: Option<(i64, i64)>,
    /// Lines that were left out: how many of a kind, and the number of the first.
    pub left_out: BTreeMap<Wrong, (u64, u64)>,
}

/// The lines of one file, behind its header.
#[derive(Debug)]
pub struct Rows<'a> {
    columns: Columns,
    windows: &'a Windows,
    /// Where the last row was: the next one mostly is there as well.
    near: Stretch,
    /// Number of the last line.
    line: u64,
    found: Found,
}

impl<'a> Rows<'a> {
    /// Those behind the line `header`.
    ///
    /// # Errors
    /// What is missing in the header, in words.
    pub fn of(header: &[u8], windows: &'a Windows) -> Result<Rows<'a>, String> {
        let near = windows.stretch(0);
        Ok(Rows { columns: Columns::of(header)?, windows, near, line: 1, found: Found::default() })
    }

    /// Whether they say how requests were answered.
    pub fn has_status(&self) -> bool {
        self.columns.all.contains(&Column::Status)
    }

    /// Number of the last line that was taken; the header is the first.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What was said.
    pub fn finish(self) -> Found {
        self.found
    }

    /// Takes the lines that `text` begins with and says how many bytes they are. The last one may have no end where
    /// `is_end` says that nothing follows.
    pub fn take(&mut self, text: &[u8], is_end: bool, table: &mut Table) -> usize {
        let mut at = 0;
        loop {
            let rest = &text[at..];
            if let Some((row, length)) = Quick::of(rest, &self.columns) {
                self.line += 1;
                at += length;
                if let Some(slot) = self.slot(row.at_ms) {
                    table.request(row.endpoint, slot, row.ms, row.status);
                }
                continue;
            }
            let length = match memchr(b'\n', rest) {
                Some(end) => end,
                None if is_end && !rest.is_empty() => rest.len(),
                None => return at,
            };
            at = text.len().min(at + length + 1);
            self.line += 1;
            self.line_of_any_kind(&rest[..length], table);
        }
    }

    /// A line that nobody has kept, because it was too long.
    pub fn skip_too_long(&mut self) {
        self.line += 1;
        self.leave_out(Wrong::TooLong);
    }

    fn line_of_any_kind(&mut self, line: &[u8], table: &mut Table) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        let row = if line.len() > LONGEST_LINE { Err(Wrong::TooLong) } else { Row::of(line, &self.columns) };
        match row {
            Ok(row) => {
                if let Some(slot) = self.slot(row.at_ms) {
                    row.count_in(table, slot);
                }
            }
            Err(wrong) => self.leave_out(wrong),
        }
    }

    fn leave_out(&mut self, wrong: Wrong) {
        self.found.left_out.entry(wrong).or_insert((0, self.line)).0 += 1;
    }

    /// Where a row of that moment counts.
    #[inline]
    fn slot(&mut self, at_ms: i64) -> Option<Slot> {
        let found = &mut self.found;
        found.rows += 1;
        let (first, last) = found.times_ms.unwrap_or((at_ms, at_ms));
        found.times_ms = Some((first.min(at_ms), last.max(at_ms)));
        if !self.near.has(at_ms) {
            self.near = self.windows.stretch(at_ms);
        }
        let slot = self.near.slot?;
        found.within += 1;
        found.after += u64::from(slot.window == AFTER);
        Some(slot)
    }
}

#[cfg(test)]
mod tests;
