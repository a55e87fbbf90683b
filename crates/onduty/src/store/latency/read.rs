//! What a comparison reads.

use super::MINUTE;
use super::encoding::class_of;
use super::fold::tally_of;
use crate::store::db::{on_db, timestamp};
use crate::store::{Reader, StoreError};
use jiff::Timestamp;
use onduty_core::perf::{BEFORE, BLOCKS, Grain, OTHER, Role, Table, Windows, is_coarse};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Time that is read at once, so that no more rows are in memory.
const STEP: i64 = 5 * MINUTE;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// Requests within the windows.
    pub requests: u64,
    /// The blocks of each window, in the order of [`Windows::all`], of which there is anything.
    pub known: Vec<[bool; BLOCKS]>,
    /// Endpoints whose durations are hardly known, because the histograms of their sender are too coarse.
    pub coarse: BTreeSet<String>,
    /// Endpoints that are told apart.
    pub endpoints: u64,
}

/// Puts everything that is in `windows` into `table`.
///
/// A row counts where its middle is. The minute in which the rollout began counts nowhere: it is before and after.
///
/// # Errors
/// When the store cannot be read.
pub async fn fill(db: &mut Reader, windows: &Windows, table: &mut Table) -> Result<Filled, StoreError> {
    const NAMES: &str = "select id, name from latency_endpoint";
    const ROWS: &str = "select starts_at, endpoint, class, wide, sketch from latency
        where minutes = $1 and starts_at >= $2 and starts_at < $3";
    const FIRST: &str = "select min(starts_at) from latency where minutes in (1, 5)";
    let names: Vec<(i64, String)> = on_db!(db, connection => sqlx::query_as(NAMES).fetch_all(connection).await)?;
    let names: HashMap<i64, String> = names.into_iter().collect();
    let (first,): (Option<i64>,) = on_db!(db, connection => sqlx::query_as(FIRST).fetch_one(connection).await)?;
    let known = vec![[false; BLOCKS]; windows.all().len()];
    let mut filled = Filled { endpoints: names.len() as u64, known, ..Filled::default() };
    let Some(first) = first else { return Ok(filled) };
    let mut wide_and_all: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    let rollout = (windows.all()[BEFORE].start_ms + windows.length_ms()) * 1000;
    for (number, window) in windows.all().iter().enumerate() {
        let (from, to) = (window.start_ms * 1000 - STEP, (window.start_ms + windows.length_ms()) * 1000);
        for (minutes, at) in
            [1, 5].into_iter().flat_map(|minutes| steps(from.max(first), to).map(move |at| (minutes, at)))
        {
            let rows: Vec<(i64, i64, i64, i64, Vec<u8>)> = on_db!(db, connection => {
                let query = sqlx::query_as(ROWS).bind(minutes).bind(at).bind(to.min(at + STEP));
                query.fetch_all(connection).await
            })?;
            for (starts_at, endpoint, class, wide, sketch) in rows {
                let length = minutes * MINUTE;
                let is_both = minutes == 1 && window.role == Role::Before && starts_at + length > rollout;
                let slot = windows.place((starts_at + length / 2).div_euclid(1000));
                // Windows touch, and rows reach over their edge: each counts once.
                let Some(slot) = slot.filter(|slot| slot.window == number && !is_both) else { continue };
                let (Some(name), Some(class)) = (names.get(&endpoint), class_of(class)) else { continue };
                let tally = tally_of(wide, &sketch)?;
                let n = tally.sketch.n();
                filled.requests += n;
                filled.known[number][slot.block] = true;
                let known = wide_and_all.entry(endpoint).or_default();
                *known = (known.0 + tally.wide, known.1 + n);
                if name == OTHER {
                    table.put_together(slot, n, tally.sketch.sum_ms());
                } else if let Some(series) = table.endpoint(name.as_bytes(), slot, n, tally.sketch.sum_ms()) {
                    series.merge(slot, class, &tally.sketch);
                }
            }
        }
    }
    let coarse = wide_and_all.iter().filter(|(_, (wide, all))| is_coarse(*wide, *all));
    filled.coarse = coarse.filter_map(|(endpoint, _)| names.get(endpoint).cloned()).collect();
    filled.coarse.iter().for_each(|name| table.mark(name.as_bytes(), Grain::Coarse));
    Ok(filled)
}

/// The newest minute of which there is anything.
///
/// # Errors
/// When the store cannot be read.
pub async fn newest(db: &mut Reader) -> Result<Option<Timestamp>, StoreError> {
    const SQL: &str = "select max(starts_at) from latency where minutes = 1";
    let (newest,): (Option<i64>,) = on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?;
    newest.map(|micros| timestamp("latency", micros)).transpose()
}

fn steps(from: i64, to: i64) -> impl Iterator<Item = i64> + Clone {
    (0..).map(move |step| from + step * STEP).take_while(move |at| *at < to)
}
