//! The chain that proves that no entry was changed, taken out or put elsewhere.
//!
//! Layout, so that anybody can check it with another program. `field(bytes)` is the length as 8 bytes, big-endian, and
//! then the bytes; an absent value is 8 bytes of 0xff and nothing else. Numbers are written in decimal, times as
//! microseconds since 1970, all text is UTF-8, a hash is 64 lower-case hexadecimal digits of SHA-256.
//!
//! - `body_hash` = SHA-256 of field(`onduty.body.1`) field(salt) field(event as stored) field(text)
//! - `hash` = SHA-256 of field(`onduty.entry.1`) field(hash of the entry before, or 64 zeros) field(seq) field(duty)
//!   field(at) field(shift_day) field(author or absent) field(item or absent) field(corrects or absent)
//!   field(body_hash)
//!
//! Redaction drops salt, event and text. What they were cannot be guessed from `body_hash` without the salt, and the
//! chain still closes over it.

use super::{LogRow, head_of};
use crate::store::db::on_db;
use crate::store::{Reader, StoreError};
use onduty_core::ids::DutyId;
use sha2::{Digest, Sha256};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

/// Stands before the first entry.
pub(super) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How many entries are in memory at a time while the chain is checked.
const PAGE: i64 = 5_000;

/// What the hash of an entry covers besides its body.
pub(super) struct Meta<'a> {
    pub(super) seq: i64,
    pub(super) duty: &'a str,
    pub(super) at: i64,
    pub(super) shift_day: &'a str,
    pub(super) author: Option<&'a str>,
    pub(super) item: Option<&'a str>,
    pub(super) corrects: Option<i64>,
}

struct Fields(Sha256);

impl Fields {
    fn new(domain: &str) -> Fields {
        Fields(Sha256::new()).field(domain)
    }

    fn field(mut self, value: &str) -> Fields {
        self.0.update((value.len() as u64).to_be_bytes());
        self.0.update(value.as_bytes());
        self
    }

    fn optional(mut self, value: Option<&str>) -> Fields {
        match value {
            Some(value) => self.field(value),
            None => {
                self.0.update(u64::MAX.to_be_bytes());
                self
            }
        }
    }

    fn hex(self) -> String {
        crate::store::hex(&self.0.finalize())
    }
}

pub(super) fn body_hash(salt: &str, event: &str, text: &str) -> String {
    Fields::new("onduty.body.1").field(salt).field(event).field(text).hex()
}

pub(super) fn entry_hash(previous: &str, meta: &Meta, body_hash: &str) -> String {
    Fields::new("onduty.entry.1")
        .field(previous)
        .field(&meta.seq.to_string())
        .field(meta.duty)
        .field(&meta.at.to_string())
        .field(meta.shift_day)
        .optional(meta.author)
        .optional(meta.item)
        .optional(meta.corrects.map(|seq| seq.to_string()).as_deref())
        .field(body_hash)
        .hex()
}

/// The end of a duty's chain at some time, kept outside the database.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Whose log book.
    pub duty: DutyId,
    /// Number of its newest entry.
    pub seq: i64,
    /// That entry's hash.
    pub hash: String,
}

/// A chain without a break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries there are.
    pub entries: u64,
    /// How many of them are redacted.
    pub redacted: u64,
    /// The newest entry; `None` for an empty log book.
    pub head: Option<Head>,
    /// Whether a head from outside was compared. Without one a shorter chain looks like a whole one.
    pub truncation_checked: bool,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainBreak {
    /// The first entry that is not as it was written.
    pub seq: i64,
    /// In what way.
    pub what: BreakKind,
}

/// In what way a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakKind {
    /// There is another entry, or none, where this one should be.
    Missing,
    /// Its content is not what its hash was made of.
    BodyChanged,
    /// Its place, author, time or another mark was changed, or the entry before it was exchanged.
    EntryChanged,
    /// A part of its content is gone; redaction takes all of it.
    HalfRedacted,
    /// The chain ends elsewhere than its head says.
    WrongHead,
    /// A head that was kept outside names another entry.
    NotTheKnownHead,
}

/// Checks every entry of a duty's log book, and that `known` heads from outside are entries of it.
///
/// # Errors
/// When the store cannot be read. A broken chain is an answer, not an error.
pub async fn verify(
    db: &mut Reader,
    duty: &DutyId,
    known: &[Head],
) -> Result<Result<Verified, ChainBreak>, StoreError> {
    let mut walk = Walk::default();
    let verified = loop {
        match walk.on(db, duty, known, PAGE).await? {
            Ok(Reached::Entry) => {}
            Ok(Reached::End(verified)) => break Ok(verified),
            Err(broken) => break Err(broken),
        }
    };
    Ok(verified)
}

/// A check of one duty's chain that may rest between two pieces; starts at the first entry.
#[derive(Debug, Clone)]
pub struct Walk {
    seq: i64,
    previous: String,
    redacted: u64,
}

impl Default for Walk {
    fn default() -> Walk {
        Walk { seq: 0, previous: START.to_owned(), redacted: 0 }
    }
}

/// How far a walk came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// There may be more.
    Entry,
    /// All of the chain is whole.
    End(Verified),
}

impl Walk {
    /// Checks at most `limit` entries more; at the end of the chain also where it ends, as the store and the `known`
    /// heads have it.
    ///
    /// # Errors
    /// When the store cannot be read. A broken chain is an answer, not an error.
    pub async fn on(
        &mut self,
        db: &mut Reader,
        duty: &DutyId,
        known: &[Head],
        limit: i64,
    ) -> Result<Result<Reached, ChainBreak>, StoreError> {
        const SQL: &str = "select seq, at, shift_day, author, item, event, text, corrects, hash, salt, body_hash
            from log_entry where duty = $1 and seq > $2 order by seq limit $3";
        let rows: Vec<ChainRow> = on_db!(db, connection => {
            sqlx::query_as(SQL).bind(duty.as_str()).bind(self.seq).bind(limit).fetch_all(connection).await
        })?;
        let more = i64::try_from(rows.len()).is_ok_and(|found| found == limit);
        let mut known: Vec<&Head> = known.iter().filter(|head| head.duty == *duty).collect();
        known.sort_unstable_by_key(|head| head.seq);
        for row in rows {
            self.seq += 1;
            if let Err(what) = self.entry(duty, &known, row) {
                return Ok(Err(ChainBreak { seq: self.seq, what }));
            }
        }
        if more { Ok(Ok(Reached::Entry)) } else { self.end(db, duty, &known).await }
    }

    /// Checks the entry that comes next; `known` is in order.
    fn entry(&mut self, duty: &DutyId, known: &[&Head], entry: ChainRow) -> Result<(), BreakKind> {
        let ChainRow { row, salt, body_hash: stored_body_hash } = entry;
        if row.seq != self.seq {
            return Err(BreakKind::Missing);
        }
        match (&salt, &row.event, &row.text) {
            (Some(salt), Some(event), Some(text)) => {
                if body_hash(salt, event, text) != stored_body_hash {
                    return Err(BreakKind::BodyChanged);
                }
            }
            (None, None, None) => self.redacted += 1,
            _ => return Err(BreakKind::HalfRedacted),
        }
        self.previous = entry_hash(&self.previous, &row.meta(duty), &stored_body_hash);
        if self.previous != row.hash {
            return Err(BreakKind::EntryChanged);
        }
        // A year of shipped heads is many: none is looked at twice.
        let of_entry = &known[known.partition_point(|head| head.seq < self.seq)..];
        if of_entry.iter().take_while(|head| head.seq == self.seq).any(|head| head.hash != self.previous) {
            return Err(BreakKind::NotTheKnownHead);
        }
        Ok(())
    }

    async fn end(
        &self,
        db: &mut Reader,
        duty: &DutyId,
        known: &[&Head],
    ) -> Result<Result<Reached, ChainBreak>, StoreError> {
        let head = head_of(db, duty).await?;
        if head.as_ref().map_or((0, START), |head| (head.seq, head.hash.as_str())) != (self.seq, self.previous.as_str())
        {
            let what = BreakKind::WrongHead;
            return Ok(Err(ChainBreak { seq: head.map_or(self.seq, |head| head.seq), what }));
        }
        if let Some(beyond) = known.iter().find(|head| head.seq > self.seq) {
            return Ok(Err(ChainBreak { seq: beyond.seq, what: BreakKind::Missing }));
        }
        let entries = u64::try_from(self.seq).unwrap_or(0);
        let truncation_checked = !known.is_empty();
        Ok(Ok(Reached::End(Verified { entries, redacted: self.redacted, head, truncation_checked })))
    }
}

/// An entry with what only the chain reads.
struct ChainRow {
    row: LogRow,
    salt: Option<String>,
    body_hash: String,
}

impl<'r, R: Row> FromRow<'r, R> for ChainRow
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<ChainRow, sqlx::Error> {
        Ok(ChainRow { row: LogRow::from_row(row)?, salt: row.try_get(9)?, body_hash: row.try_get(10)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta<'static> {
        Meta {
            seq: 1,
            duty: "developers",
            at: 1_772_467_200_000_000,
            shift_day: "2026-03-02",
            author: Some("lena"),
            item: None,
            corrects: None,
        }
    }

    /// Against `sha256sum` over bytes laid out by hand as the module says.
    #[test]
    fn the_layout_is_as_documented() {
        use std::io::Write;
        let field = |bytes: &mut Vec<u8>, text: &str| {
            bytes.write_all(&(text.len() as u64).to_be_bytes()).unwrap();
            bytes.write_all(text.as_bytes()).unwrap();
        };
        let mut body = Vec::new();
        for text in ["onduty.body.1", "5a17", r#"{"event":"woke"}"#, "Woke"] {
            field(&mut body, text);
        }
        let expected = crate::store::hex(&Sha256::digest(&body));
        assert_eq!(body_hash("5a17", r#"{"event":"woke"}"#, "Woke"), expected);

        let mut entry = Vec::new();
        for text in ["onduty.entry.1", START, "1", "developers", "1772467200000000", "2026-03-02", "lena"] {
            field(&mut entry, text);
        }
        entry.extend([0xff; 16]);
        field(&mut entry, &expected);
        assert_eq!(entry_hash(START, &meta(), &expected), crate::store::hex(&Sha256::digest(&entry)));
    }

    #[test]
    fn every_mark_counts() {
        let body = body_hash("a", "b", "c");
        let hash = |meta: Meta| entry_hash(START, &meta, &body);
        let all = [
            hash(meta()),
            hash(Meta { seq: 2, ..meta() }),
            hash(Meta { duty: "devops", ..meta() }),
            hash(Meta { at: 0, ..meta() }),
            hash(Meta { shift_day: "2026-03-03", ..meta() }),
            hash(Meta { author: None, ..meta() }),
            hash(Meta { author: Some(""), ..meta() }),
            hash(Meta { item: Some(""), ..meta() }),
            hash(Meta { corrects: Some(1), ..meta() }),
            entry_hash(&body, &meta(), &body),
            entry_hash(START, &meta(), &body_hash("ab", "", "c")),
            entry_hash(START, &meta(), &body_hash("a", "bc", "")),
        ];
        let different: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
