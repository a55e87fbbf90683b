//! From the log to sketches: what the pass does, one transaction at a time.

use super::encoding::{number_of, pack_sketch, unpack_batch, unpack_sketch};
use super::{MINUTE, to_json};
use crate::store::db::{from_json, micros, on_db, pieces, placeholders, text};
use crate::store::{Reader, StoreError, Tx};
use foldhash::fast::RandomState;
use jiff::{SignedDuration, Timestamp};
use onduty_core::perf::{Last, OTHER, Progress, SeriesPoint, StatusClass, Tally, advance};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Bytes of the log that one transaction takes.
const BYTES: i64 = 4 << 20;
/// Messages that one transaction takes.
const MESSAGES: i64 = 1_024;
/// Rows that one transaction touches, apart from those of its last message: others wait for it.
const ROWS: usize = 10_000;
/// Series of one endpoint that are remembered, on average.
const SERIES_PER_ENDPOINT: usize = 8;
/// How long ago an endpoint was seen is known to the hour.
const SEEN_STEP: SignedDuration = SignedDuration::from_hours(1);

/// How much is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Endpoints; the others are one.
    pub endpoints: usize,
}

/// What a fold did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// Messages that were taken from the log.
    pub messages: u64,
    /// Requests that count now.
    pub requests: u64,
    /// Those of them that count with the others, because there are too many endpoints.
    pub put_together: u64,
    /// Points that add nothing, by the reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Bytes that are still in the log.
    pub left: u64,
}

/// What is remembered of a series or a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Memory {
    Series(Last),
    /// The last message of a sender; `false` once a series of it was not remembered, so that a series that seems to be
    /// new may be an old one.
    Stream {
        at_ns: u64,
        is_whole: bool,
    },
}

impl Folded {
    /// What another fold did, as well; what is left is left after that one.
    pub fn add(&mut self, later: Folded) {
        self.messages += later.messages;
        self.requests += later.requests;
        self.put_together += later.put_together;
        self.left = later.left;
        for (word, number) in later.dropped {
            *self.dropped.entry(word).or_default() += number;
        }
    }
}

/// Whether anything is kept and not yet counted.
///
/// # Errors
/// When the store cannot be read.
pub async fn has_work(db: &mut Reader) -> Result<bool, StoreError> {
    const SQL: &str = "select count(*) from (select seq from latency_log limit 1) one";
    let (some,): (i64,) = on_db!(db, connection => sqlx::query_as(SQL).fetch_one(connection).await)?;
    Ok(some > 0)
}

/// What some messages have counted, under the number of each endpoint's name. Names come from outside; the hasher is quick
/// and has a seed of its own, as that of std.
#[derive(Debug, Default)]
struct Tallies {
    names: HashMap<String, u32, RandomState>,
    counted: HashMap<(u32, StatusClass, i64), Tally, RandomState>,
}

impl Tallies {
    fn number(&mut self, name: String) -> u32 {
        let next = self.names.len() as u32;
        *self.names.entry(name).or_insert(next)
    }

    fn merge(&mut self, name: u32, class: StatusClass, minute: i64, tally: Tally) {
        match self.counted.entry((name, class, minute)) {
            Entry::Occupied(mut known) => known.get_mut().merge(&tally),
            Entry::Vacant(place) => drop(place.insert(tally)),
        }
    }

    fn requests(&self) -> u64 {
        self.counted.values().map(|tally| tally.sketch.n()).sum()
    }
}

/// Takes the oldest messages from the log into the sketches.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn fold(tx: &mut Tx, now: Timestamp, limits: Limits) -> Result<Folded, StoreError> {
    let mut folded = Folded::default();
    let (mut last, mut tallies, mut points) = (0, Tallies::default(), Vec::new());
    for (seq, body) in take(tx).await? {
        if tallies.counted.len() + points.len() >= ROWS {
            break;
        }
        last = seq;
        folded.messages += 1;
        // A message that nobody can read must not stand in the way of the next ones for ever.
        let Some(message) = unpack_batch(&body) else {
            *folded.dropped.entry("unreadable").or_default() += 1;
            continue;
        };
        let names: Vec<u32> = message.names.into_iter().map(|name| tallies.number(name)).collect();
        for (name, class, minute, tally) in message.tallies {
            tallies.merge(names[name], class, minute, tally);
        }
        points.extend(message.points.into_iter().map(|point| (seq, point)));
    }
    let mut series = Series::load(tx, &points, limits).await?;
    let mut points = points.into_iter().peekable();
    while let Some((message, _)) = points.peek() {
        let message = *message;
        let of_message: Vec<SeriesPoint> =
            std::iter::from_fn(|| Some(points.next_if(|(seq, _)| *seq == message)?.1)).collect();
        series.count(of_message, &mut tallies, &mut folded);
    }
    folded.requests = tallies.requests();
    save(tx, tallies, now, limits, &mut folded).await?;
    series.save(tx, now).await?;
    const DONE: &str = "delete from latency_log where seq <= $1";
    on_db!(tx, connection => sqlx::query(DONE).bind(last).execute(connection).await.map(drop))?;
    const LEFT: &str = "select cast(coalesce(sum(length(body)), 0) as bigint) from latency_log";
    let (left,): (i64,) = on_db!(tx, connection => sqlx::query_as(LEFT).fetch_one(connection).await)?;
    folded.left = u64::try_from(left).unwrap_or(0);
    Ok(folded)
}

/// The oldest messages with their numbers, as many as may be in memory.
async fn take(tx: &mut Tx) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    const LENGTHS: &str = "select seq, cast(length(body) as bigint) from latency_log order by seq limit $1";
    const BODIES: &str = "select seq, body from latency_log where seq <= $1 order by seq";
    let lengths: Vec<(i64, i64)> =
        on_db!(tx, connection => sqlx::query_as(LENGTHS).bind(MESSAGES).fetch_all(connection).await)?;
    let (mut last, mut bytes) = (0, 0);
    for (seq, length) in lengths {
        bytes += length;
        if last != 0 && bytes > BYTES {
            break;
        }
        last = seq;
    }
    Ok(on_db!(tx, connection => sqlx::query_as(BODIES).bind(last).fetch_all(connection).await)?)
}

/// The series that some messages are about.
struct Series {
    known: BTreeMap<String, (String, Memory)>,
    changed: BTreeSet<String>,
    /// How many more can be remembered.
    room: usize,
}

impl Series {
    async fn load(db: &mut Reader, points: &[(i64, SeriesPoint)], limits: Limits) -> Result<Series, StoreError> {
        let keys: BTreeSet<&str> =
            points.iter().flat_map(|(_, point)| [point.series.as_str(), point.stream.as_str()]).collect();
        let mut known = BTreeMap::new();
        for piece in pieces(&keys.into_iter().collect::<Vec<_>>()) {
            let values = placeholders(piece.len(), 1);
            let sql = format!("select key, stream, last from latency_series where key in (values {values})");
            let rows: Vec<(String, String, String)> = on_db!(db, connection => {
                let mut query = sqlx::query_as(AssertSqlSafe(sql));
                for key in piece {
                    query = query.bind(*key);
                }
                query.fetch_all(connection).await
            })?;
            for (key, stream, last) in rows {
                known.insert(key, (stream, from_json("latency_series", &last)?));
            }
        }
        const COUNT: &str = "select count(*) from latency_series";
        let (count,): (i64,) = on_db!(db, connection => sqlx::query_as(COUNT).fetch_one(connection).await)?;
        let room = (limits.endpoints * SERIES_PER_ENDPOINT).saturating_sub(usize::try_from(count).unwrap_or(0));
        Ok(Series { known, changed: BTreeSet::new(), room })
    }

    /// Counts what the points of one message add.
    fn count(&mut self, points: Vec<SeriesPoint>, tallies: &mut Tallies, folded: &mut Folded) {
        let mut streams: BTreeMap<String, (u64, bool)> = BTreeMap::new();
        for SeriesPoint { series, stream, endpoint, class, point } in points {
            let at_ns = point.at_ns;
            let before = match self.known.get(&stream) {
                Some((_, Memory::Stream { at_ns, is_whole })) => Some((*at_ns, *is_whole)),
                _ => None,
            };
            let last = match self.known.get(&series) {
                Some((_, Memory::Series(last))) => Some(last),
                _ => None,
            };
            let is_new = last.is_none();
            let now = streams.entry(stream.clone()).or_insert(before.unwrap_or((0, true)));
            now.0 = now.0.max(at_ns);
            if is_new && self.room == 0 {
                now.1 = false;
                *folded.dropped.entry("too many series").or_default() += 1;
                continue;
            }
            let known_since = before.filter(|(_, is_whole)| *is_whole).map(|(at_ns, _)| at_ns);
            let (progress, next) = advance(last, known_since, point);
            if let Some(next) = next {
                self.room -= usize::from(is_new);
                self.known.insert(series.clone(), (stream, Memory::Series(next)));
                self.changed.insert(series);
            }
            match progress {
                Progress::Counted { middle_ms, histogram } => {
                    let (sketch, wide) = histogram.sketch();
                    if sketch.n() > 0 {
                        let name = tallies.number(endpoint);
                        tallies.merge(name, class, middle_ms.div_euclid(60_000), Tally { sketch, wide });
                    }
                }
                other => *folded.dropped.entry(word(&other)).or_default() += 1,
            }
        }
        // Only now: points of one message do not tell about each other.
        for (stream, (at_ns, is_whole)) in streams {
            self.known.insert(stream.clone(), (stream.clone(), Memory::Stream { at_ns, is_whole }));
            self.changed.insert(stream);
        }
    }

    async fn save(self, tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
        let changed: Vec<_> = self.known.iter().filter(|(key, _)| self.changed.contains(*key)).collect();
        for piece in pieces(&changed) {
            let sql = format!(
                "insert into latency_series (key, stream, updated_at, last) values {} on conflict (key) do update
                set updated_at = excluded.updated_at, last = excluded.last",
                placeholders(piece.len(), 4)
            );
            on_db!(tx, connection => {
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for (key, (stream, last)) in piece {
                    query = query.bind(key.as_str()).bind(stream.as_str()).bind(micros(now)).bind(to_json(last));
                }
                query.execute(connection).await.map(drop)
            })?;
        }
        Ok(())
    }
}

/// For counters.
fn word(progress: &Progress) -> &'static str {
    match progress {
        Progress::Counted { .. } => "counted",
        Progress::Began => "began",
        Progress::Repeated => "repeated",
        Progress::Late => "late",
        Progress::Gap => "gap",
        Progress::Restarted => "restarted",
    }
}

/// Adds tallies to what is kept.
async fn save(
    tx: &mut Tx,
    tallies: Tallies,
    now: Timestamp,
    limits: Limits,
    folded: &mut Folded,
) -> Result<(), StoreError> {
    let mut names: Vec<(u32, &str)> = tallies.names.iter().map(|(name, number)| (*number, name.as_str())).collect();
    // Who comes first decides who is told apart.
    names.sort_unstable();
    let endpoints = numbers(tx, &names.iter().map(|(_, name)| *name).collect::<Vec<_>>(), now, limits).await?;
    let mut rows: BTreeMap<Key, Tally> = BTreeMap::new();
    for ((name, class, minute), tally) in tallies.counted {
        let name = names.get(name as usize).and_then(|(_, name)| endpoints.get(*name));
        let Some(&(endpoint, is_other)) = name else { continue };
        folded.put_together += if is_other { tally.sketch.n() } else { 0 };
        let starts_at = minute.saturating_mul(MINUTE);
        let key = Key { minutes: 1, starts_at, endpoint, class: number_of(class) };
        rows.entry(key).or_default().merge(&tally);
    }
    add(tx, rows).await
}

/// What tells a row of `latency` from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub minutes: i64,
    pub starts_at: i64,
    pub endpoint: i64,
    pub class: i64,
}

/// Adds tallies to the rows that are there.
pub(super) async fn add(tx: &mut Tx, mut rows: BTreeMap<Key, Tally>) -> Result<(), StoreError> {
    let keys: Vec<Key> = rows.keys().copied().collect();
    for piece in pieces(&keys) {
        let sql = format!(
            "select minutes, starts_at, endpoint, class, wide, sketch from latency
            where (minutes, starts_at, endpoint, class) in (values {})",
            placeholders(piece.len(), 4)
        );
        let known: Vec<(i64, i64, i64, i64, i64, Vec<u8>)> = on_db!(tx, connection => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for key in piece {
                query = query.bind(key.minutes).bind(key.starts_at).bind(key.endpoint).bind(key.class);
            }
            query.fetch_all(connection).await
        })?;
        for (minutes, starts_at, endpoint, class, wide, sketch) in known {
            let tally = tally_of(wide, &sketch)?;
            rows.entry(Key { minutes, starts_at, endpoint, class }).or_default().merge(&tally);
        }
        let sql = format!(
            "insert into latency (minutes, starts_at, endpoint, class, wide, sketch) values {}
            on conflict (minutes, starts_at, endpoint, class) do update
            set wide = excluded.wide, sketch = excluded.sketch",
            placeholders(piece.len(), 6)
        );
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for key in piece {
                let tally = &rows[key];
                let mut sketch = Vec::new();
                pack_sketch(&mut sketch, &tally.sketch);
                query = query.bind(key.minutes).bind(key.starts_at).bind(key.endpoint).bind(key.class);
                query = query.bind(i64::try_from(tally.wide).unwrap_or(i64::MAX)).bind(sketch);
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    Ok(())
}

/// A row's tally.
pub(super) fn tally_of(wide: i64, sketch: &[u8]) -> Result<Tally, StoreError> {
    let mut bytes = sketch;
    let sketch = unpack_sketch(&mut bytes).filter(|_| bytes.is_empty());
    let sketch = sketch.ok_or_else(|| StoreError::unreadable("latency")("a sketch is damaged".into()))?;
    Ok(Tally { sketch, wide: u64::try_from(wide).unwrap_or(0) })
}

/// The number of each endpoint, and whether it is that of all others.
async fn numbers(
    tx: &mut Tx,
    names: &[&str],
    now: Timestamp,
    limits: Limits,
) -> Result<BTreeMap<String, (i64, bool)>, StoreError> {
    let mut numbers = known(tx, names, now).await?;
    const STATE: &str = "select coalesce(max(id), 0), count(*) from latency_endpoint";
    let mut unknown: Vec<&str> = names.iter().copied().filter(|name| !numbers.contains_key(*name)).collect();
    if !unknown.is_empty() {
        let (last, count): (i64, i64) = on_db!(tx, connection => sqlx::query_as(STATE).fetch_one(connection).await)?;
        let room = limits.endpoints.saturating_sub(usize::try_from(count).unwrap_or(0));
        let beyond = unknown.split_off(room.min(unknown.len()));
        if !beyond.is_empty() && !numbers.contains_key(OTHER) && !unknown.contains(&OTHER) {
            let other = known(tx, &[OTHER], now).await?;
            if other.is_empty() {
                unknown.push(OTHER);
            }
            numbers.extend(other);
        }
        let new: Vec<(i64, &str)> = (last + 1..).zip(unknown).collect();
        for piece in pieces(&new) {
            let values = placeholders(piece.len(), 3);
            let sql = format!("insert into latency_endpoint (id, name, seen_at) values {values}");
            on_db!(tx, connection => {
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for (id, name) in piece {
                    query = query.bind(*id).bind(text(name)).bind(micros(now));
                }
                query.execute(connection).await.map(drop)
            })?;
        }
        numbers.extend(new.into_iter().map(|(id, name)| (name.to_owned(), (id, name == OTHER))));
        if let Some(&(other, _)) = numbers.get(OTHER) {
            numbers.extend(beyond.into_iter().map(|name| (name.to_owned(), (other, true))));
        }
    }
    Ok(numbers)
}

/// The numbers of those that are known, which are seen now.
async fn known(tx: &mut Tx, names: &[&str], now: Timestamp) -> Result<BTreeMap<String, (i64, bool)>, StoreError> {
    let mut numbers = BTreeMap::new();
    let mut stale = Vec::new();
    for piece in pieces(names) {
        let values = placeholders(piece.len(), 1);
        let sql = format!("select id, name, seen_at from latency_endpoint where name in (values {values})");
        let rows: Vec<(i64, String, i64)> = on_db!(tx, connection => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for name in piece {
                query = query.bind(text(name));
            }
            query.fetch_all(connection).await
        })?;
        for (id, name, seen_at) in rows {
            if i128::from(micros(now) - seen_at) > SEEN_STEP.as_micros() {
                stale.push(id);
            }
            numbers.insert(name.clone(), (id, name == OTHER));
        }
    }
    for piece in pieces(&stale) {
        let values = placeholders(piece.len(), 1);
        // The time comes last, behind the numbers.
        let sql = format!("update latency_endpoint set seen_at = ${} where id in (values {values})", piece.len() + 1);
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for id in piece {
                query = query.bind(*id);
            }
            query.bind(micros(now)).execute(connection).await.map(drop)
        })?;
    }
    Ok(numbers)
}
