//! Checks what is kept against what it was made of: the log book's chain, heads that were kept elsewhere, and the journal
//! run again. Reads one instant of the store, writes nothing; a server may be running.

use super::access_log;
use crate::store::log_book::{self, BreakKind, ChainBreak, Head, Verified};
use crate::store::{Reader, Store, StoreError, items, journal};
use onduty_core::engine::Replay;
use onduty_core::ids::DutyId;
use onduty_core::logbook::{Entry, NewEntry};

/// How many records or entries are in memory at a time.
const PAGE: u32 = 2_000;

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// The log book of each duty.
    pub chains: Vec<(DutyId, Result<Verified, ChainBreak>)>,
    /// The journal run again, where it was asked for.
    pub replay: Option<Replayed>,
}

/// What the journal says when it is run again.
#[derive(Debug, PartialEq, Eq)]
pub enum Replayed {
    /// The same items and entries.
    Same {
        /// How many records there are.
        records: u64,
    },
    /// Something else.
    Differs(String),
    /// This version cannot run it: a record of an older one.
    Cannot(String),
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.chains.iter().all(|(_, chain)| chain.is_ok()) && !matches!(self.replay, Some(Replayed::Differs(_)))
    }

    /// Where the chain of a duty breaks.
    pub fn breaks(&self) -> impl Iterator<Item = (&DutyId, i64)> {
        self.chains.iter().filter_map(|(duty, chain)| Some((duty, chain.as_ref().err()?.seq)))
    }

    /// What to tell people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.chains.iter().map(|(duty, chain)| chain_line(duty, chain)).collect();
        if lines.is_empty() {
            lines.push("the log book is empty".to_owned());
        }
        lines.extend(self.replay.as_ref().map(|replay| match replay {
            Replayed::Same { records } => format!("the journal: {records} records give the same items and entries"),
            Replayed::Differs(what) => format!("the journal gives something else: {what}"),
            Replayed::Cannot(why) => format!("the journal cannot be run by this version: {why}"),
        }));
        lines
    }
}

fn chain_line(duty: &DutyId, chain: &Result<Verified, ChainBreak>) -> String {
    match chain {
        Ok(Verified { entries, redacted, truncation_checked, .. }) => {
            let redacted = if *redacted == 0 { String::new() } else { format!(", {redacted} of them redacted") };
            let end = if *truncation_checked {
                "and it ends where or after it was seen to end"
            } else {
                "whether its end was cut off is not checked: no head was kept elsewhere"
            };
            format!("{duty}: {entries} entries are whole{redacted}; {end}")
        }
        Err(ChainBreak { seq, what }) => {
            let what = match what {
                BreakKind::Missing => "is missing",
                BreakKind::BodyChanged => "does not say what it said",
                BreakKind::EntryChanged => "has another place, author, time or mark than it had",
                BreakKind::HalfRedacted => "has lost a part of its content",
                BreakKind::WrongHead => "is not where the log book ends",
                BreakKind::NotTheKnownHead => "is another than the one that was seen there",
            };
            format!("{duty}: entry {seq} {what}")
        }
    }
}

/// Checks the log book of every duty against itself and `known`, and with `replay` everything against the journal.
///
/// # Errors
/// When the store cannot be read. What is wrong with it is an answer, not an error.
pub async fn verify(store: &Store, known: &[Head], replay: bool) -> Result<Report, StoreError> {
    let mut db = store.read().await?;
    let mut duties = log_book::duties(&mut db).await?;
    // A duty whose whole log book is gone is known by its head alone.
    duties.extend(known.iter().map(|head| head.duty.clone()));
    let mut chains = Vec::new();
    for duty in duties {
        let chain = log_book::verify(&mut db, &duty, known).await?;
        chains.push((duty, chain));
    }
    let replay = if replay { Some(run_again(&mut db).await?) } else { None };
    Ok(Report { chains, replay })
}

async fn run_again(db: &mut Reader) -> Result<Replayed, StoreError> {
    let (mut replay, mut seq, mut records) = (Replay::default(), 0, 0);
    loop {
        let page = journal::read(db, seq, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        seq = *last;
        for (number, record) in &page {
            records += 1;
            if *number != records {
                return Ok(Replayed::Differs(format!("record {records} is missing")));
            }
            if let Err(error) = replay.step(record) {
                return Ok(Replayed::Cannot(format!("record {number}: {error}")));
            }
        }
    }
    let differs = match compare_items(db, &replay).await? {
        None => compare_entries(db, &replay).await?,
        found => found,
    };
    Ok(differs.map_or(Replayed::Same { records: records.unsigned_abs() }, Replayed::Differs))
}

async fn compare_items(db: &mut Reader, replay: &Replay) -> Result<Option<String>, StoreError> {
    for (id, again) in replay.items() {
        match items::get(db, id).await? {
            None => return Ok(Some(format!("item {id} is not kept"))),
            Some(kept) if kept != *again => return Ok(Some(format!("item {id} is kept otherwise"))),
            Some(_) => {}
        }
    }
    let kept = items::count(db).await?;
    let made = replay.items().len() as u64;
    Ok((kept != made).then(|| format!("{kept} items are kept, {made} are in the journal")))
}

async fn compare_entries(db: &mut Reader, replay: &Replay) -> Result<Option<String>, StoreError> {
    // What happens to people is no duty's: the journal knows nothing of it.
    let duties = log_book::duties(db).await?;
    for duty in duties.into_iter().filter(|duty| *duty != access_log::book()) {
        let mut again = replay.entries().iter().filter(|entry| entry.duty == duty);
        let mut seq = 0;
        loop {
            let page = log_book::entries_since(db, &duty, seq, PAGE).await?;
            let Some(last) = page.last() else { break };
            seq = last.seq;
            for entry in &page {
                if !again.next().is_some_and(|again| is_same(entry, again)) {
                    return Ok(Some(format!("entry {} of {duty} is another", entry.seq)));
                }
            }
        }
        if again.next().is_some() {
            return Ok(Some(format!("the log book of {duty} ends too early, after {seq}")));
        }
    }
    Ok(None)
}

/// What is redacted cannot be compared any more, only its place.
fn is_same(kept: &Entry, again: &NewEntry) -> bool {
    kept.at == again.at
        && kept.shift == again.shift
        && kept.author == again.author
        && kept.item == again.item
        && kept.event.as_ref().is_none_or(|event| *event == again.event)
}
