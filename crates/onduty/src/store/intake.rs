//! The intake: what senders send becomes durable before they are answered, many senders to a commit.
//!
//! Callers queue an [`Intake`]; one task takes everything that waits, writes it in one transaction (raw body, journal,
//! signals, signs of life), commits, and only then answers. A member that cannot be written fails alone.

use super::db::{Db, micros, on_db, pieces, placeholders, to_json};
use super::{StoreError, Tx, journal, signals};
use jiff::Timestamp;
use onduty_core::engine::Record;
use onduty_core::ids::SourceName;
use onduty_core::signal::Observation;
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// How many deliveries share a commit at most; more would only make the first of them wait.
const BATCH: usize = 256;

/// How many bytes share a commit at most, so that a few large bodies do not hold everybody up.
const BATCH_BYTES: usize = 8 << 20;

/// How many deliveries wait at most.
const WAITING: usize = 2_048;

/// How many bytes wait at most.
const WAITING_BYTES: usize = 64 << 20;

/// One delivery of a sender, read and understood.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The adapter that read it.
    pub source: SourceName,
    /// The sender's word for what it is: `check_run`.
    pub event: String,
    /// The same for the same delivery: a hash over source, event and body, or what the sender promises to be unique.
    pub key: String,
    /// The sender's own id of the delivery, where it has one; unsigned, so never trusted to tell deliveries apart.
    pub delivery: Option<String>,
    /// The headers worth keeping, as JSON; never a secret.
    pub headers_json: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// What it means, in order.
    pub observations: Vec<Observation>,
    /// When, in duty time.
    pub received_at: Timestamp,
    /// When, in real time.
    pub real_at: Timestamp,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntakeOutcome {
    /// It is durable.
    Recorded {
        /// Its number in the journal.
        journal_seq: i64,
    },
    /// It was there before; nothing changed.
    Duplicate,
}

/// A delivery on its way, with its record of the journal, made by the caller because the writer has enough to do.
struct Delivery {
    intake: Intake,
    record: String,
}

impl Delivery {
    fn new(mut intake: Intake) -> Delivery {
        let observations = std::mem::take(&mut intake.observations);
        let record = Record::Observed { received_at: intake.received_at, observations };
        let json = to_json(&record);
        if let Record::Observed { observations, .. } = record {
            intake.observations = observations;
        }
        Delivery { intake, record: json }
    }

    fn bytes(&self) -> usize {
        self.intake.body.len() + self.record.len() + self.intake.headers_json.len()
    }
}

struct Waiting {
    delivery: Delivery,
    answer: oneshot::Sender<Result<IntakeOutcome, StoreError>>,
    /// Its share of [`WAITING_BYTES`], given back when it is answered.
    _bytes: OwnedSemaphorePermit,
}

/// How much waits in front of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Deliveries that wait for their turn; more than 2,048 are refused.
    pub deliveries: usize,
    /// What they need in memory, and those that are just being written; more than 64 MiB are refused.
    pub bytes: usize,
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    waiting: mpsc::Sender<Waiting>,
    bytes: Arc<Semaphore>,
    commits: Arc<AtomicU64>,
}

impl Queue {
    /// Starts the writer; it ends with the last clone of the queue.
    pub(super) fn start(db: Db) -> Queue {
        let (waiting, queue) = mpsc::channel(WAITING);
        let commits = Arc::new(AtomicU64::new(0));
        tokio::spawn(write_what_waits(db, queue, Arc::clone(&commits)));
        Queue { waiting, bytes: Arc::new(Semaphore::new(WAITING_BYTES)), commits }
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// How many wait for their turn, and how many bytes wait or are just being written.
    pub(super) fn depth(&self) -> Depth {
        Depth {
            deliveries: self.waiting.max_capacity() - self.waiting.capacity(),
            bytes: WAITING_BYTES - self.bytes.available_permits(),
        }
    }

    pub(super) async fn push(&self, intake: Intake) -> Result<IntakeOutcome, StoreError> {
        let delivery = Delivery::new(intake);
        let bytes = u32::try_from(delivery.bytes()).map_err(|_| StoreError::Busy)?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).map_err(|_| StoreError::Busy)?;
        let (answer, answered) = oneshot::channel();
        self.waiting.try_send(Waiting { delivery, answer, _bytes: bytes }).map_err(|_| StoreError::Busy)?;
        answered.await.unwrap_or(Err(StoreError::Busy))
    }
}

async fn write_what_waits(db: Db, mut queue: mpsc::Receiver<Waiting>, commits: Arc<AtomicU64>) {
    while let Some(first) = queue.recv().await {
        // The right to write comes first, so that whatever arrives while we wait for it comes along.
        let tx = db.begin().await;
        let mut bytes = first.delivery.bytes();
        let mut batch = vec![first];
        while batch.len() < BATCH
            && bytes < BATCH_BYTES
            && let Ok(next) = queue.try_recv()
        {
            bytes += next.delivery.bytes();
            batch.push(next);
        }
        let (deliveries, answers): (Vec<Delivery>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.delivery, (waiting.answer, waiting._bytes))).unzip();
        let outcomes = write(&db, tx, &deliveries).await;
        commits.fetch_add(1, Ordering::Relaxed);
        for ((answer, _), outcome) in answers.into_iter().zip(outcomes) {
            // A sender that hung up is told nothing; its delivery is kept all the same.
            let _ = answer.send(outcome);
        }
    }
}

/// Writes all of them, one outcome for each.
async fn write(db: &Db, tx: Result<Tx, StoreError>, batch: &[Delivery]) -> Vec<Result<IntakeOutcome, StoreError>> {
    match write_together(tx, batch).await {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) if batch.len() == 1 => vec![Err(error)],
        Err(error) => {
            // Senders that hear of it send again, and are known by their keys if it was kept after all.
            if let Some(all) = batch.iter().map(|_| error.of_everybody().map(Err)).collect() {
                return all;
            }
            tracing::warn!(deliveries = batch.len(), %error, "a delivery cannot be written; trying each by itself");
            let mut outcomes = Vec::new();
            for one in batch {
                let outcome = write_together(db.begin().await, std::slice::from_ref(one)).await;
                outcomes.push(outcome.map(|outcomes| outcomes[0]));
            }
            outcomes
        }
    }
}

async fn write_together(tx: Result<Tx, StoreError>, batch: &[Delivery]) -> Result<Vec<IntakeOutcome>, StoreError> {
    let mut tx = tx?;
    let outcomes = insert(&mut tx, batch).await?;
    tx.commit().await?;
    Ok(outcomes)
}

async fn insert(tx: &mut Tx, batch: &[Delivery]) -> Result<Vec<IntakeOutcome>, StoreError> {
    let mut seen = known_keys(tx, batch).await?;
    // The first of two equal deliveries in one batch counts.
    let is_new: Vec<bool> = batch.iter().map(|delivery| seen.insert(delivery.intake.key.clone())).collect();
    let fresh: Vec<&Delivery> =
        batch.iter().zip(&is_new).filter(|(_, is_new)| **is_new).map(|(delivery, _)| delivery).collect();
    if fresh.is_empty() {
        return Ok(vec![IntakeOutcome::Duplicate; batch.len()]);
    }
    let records: Vec<&str> = fresh.iter().map(|delivery| delivery.record.as_str()).collect();
    let first = journal::append_json(tx, &records).await?;
    let numbered: Vec<(i64, &Intake)> = (first..).zip(fresh.iter().map(|delivery| &delivery.intake)).collect();
    insert_raw(tx, &numbered).await?;
    let observations: Vec<(&Observation, Timestamp)> = numbered
        .iter()
        .flat_map(|(_, intake)| intake.observations.iter().map(|one| (one, intake.received_at)))
        .collect();
    signals::record(tx, &observations).await?;

    let mut numbers = numbered.iter().map(|(seq, _)| *seq);
    let outcome = |is_new: bool| match is_new.then(|| numbers.next()).flatten() {
        Some(journal_seq) => IntakeOutcome::Recorded { journal_seq },
        None => IntakeOutcome::Duplicate,
    };
    Ok(is_new.into_iter().map(outcome).collect())
}

async fn known_keys(tx: &mut Tx, batch: &[Delivery]) -> Result<BTreeSet<String>, StoreError> {
    let mut known = BTreeSet::new();
    for piece in pieces(batch) {
        let sql = format!("select key from intake where key in (values {})", placeholders(piece.len(), 1));
        let rows: Vec<(String,)> = on_db!(tx, connection => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for delivery in piece {
                query = query.bind(delivery.intake.key.as_str());
            }
            query.fetch_all(connection).await
        })?;
        known.extend(rows.into_iter().map(|(key,)| key));
    }
    Ok(known)
}

async fn insert_raw(tx: &mut Tx, numbered: &[(i64, &Intake)]) -> Result<(), StoreError> {
    for piece in pieces(numbered) {
        let sql = format!(
            "insert into intake (key, source, event, delivery, headers, body, received_at, real_at, journal_seq) values {}",
            placeholders(piece.len(), 9)
        );
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (seq, intake) in piece {
                query = query
                    .bind(intake.key.as_str())
                    .bind(intake.source.as_str())
                    .bind(intake.event.as_str())
                    .bind(intake.delivery.as_deref())
                    .bind(intake.headers_json.as_str())
                    .bind(intake.body.as_slice())
                    .bind(micros(intake.received_at))
                    .bind(micros(intake.real_at))
                    .bind(*seq);
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    Ok(())
}

/// Forgets the bodies and keys of at most `limit` deliveries that came before `before` (real time), and returns how
/// many. Their records stay in the journal. Call it with [`KEPT`] ago until it returns less than `limit`.
///
/// # Errors
/// When the store cannot be written.
pub async fn prune(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "delete from intake where key in
        (select key from intake where real_at < $1 order by real_at limit $2)";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(SQL).bind(micros(before)).bind(i64::from(limit));
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done)
}

/// How long a delivery is remembered: a sender, or a thief, that sends the same again within it changes nothing.
pub const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

#[cfg(test)]
#[path = "intake_tests.rs"]
pub(super) mod tests;
