//! The way in: batches become durable before their senders are answered, many to a commit.

use super::encoding::pack_batch;
use crate::store::db::{Db, micros, on_db, pieces, placeholders};
use crate::store::{StoreError, Tx};
use jiff::Timestamp;
use onduty_core::perf::Batch;
use sqlx::AssertSqlSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Batches that share a commit at most, and their bytes.
const TOGETHER: usize = 64;
const TOGETHER_BYTES: usize = 4 << 20;
/// Batches that wait at most, and their bytes.
const WAITING: usize = 512;
const WAITING_BYTES: usize = 16 << 20;
/// What may be acknowledged and not yet counted.
const BACKLOG_BYTES: u64 = 64 << 20;

struct Waiting {
    body: Vec<u8>,
    received_at: Timestamp,
    answer: oneshot::Sender<Result<(), StoreError>>,
    _bytes: OwnedSemaphorePermit,
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub(in crate::store) struct Queue {
    waiting: mpsc::Sender<Waiting>,
    bytes: Arc<Semaphore>,
    /// Bytes in the log, as far as this process knows.
    backlog: Arc<AtomicU64>,
}

impl Queue {
    /// Starts the writer; it ends with the last clone of the queue.
    pub(in crate::store) fn start(db: Db) -> Queue {
        let (waiting, queue) = mpsc::channel(WAITING);
        let backlog = Arc::new(AtomicU64::new(0));
        tokio::spawn(write_what_waits(db, queue, Arc::clone(&backlog)));
        Queue { waiting, bytes: Arc::new(Semaphore::new(WAITING_BYTES)), backlog }
    }

    pub(in crate::store) async fn push(&self, batch: &Batch, received_at: Timestamp) -> Result<(), StoreError> {
        if self.backlog.load(Ordering::Relaxed) > BACKLOG_BYTES {
            return Err(StoreError::Busy);
        }
        let body = pack_batch(batch);
        let bytes = u32::try_from(body.len()).map_err(|_| StoreError::Busy)?;
        let _bytes = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).map_err(|_| StoreError::Busy)?;
        let (answer, answered) = oneshot::channel();
        self.waiting.try_send(Waiting { body, received_at, answer, _bytes }).map_err(|_| StoreError::Busy)?;
        answered.await.unwrap_or(Err(StoreError::Busy))
    }

    /// What is in the log, after somebody has looked.
    pub(in crate::store) fn set_backlog(&self, bytes: u64) {
        self.backlog.store(bytes, Ordering::Relaxed);
    }
}

async fn write_what_waits(db: Db, mut queue: mpsc::Receiver<Waiting>, backlog: Arc<AtomicU64>) {
    while let Some(first) = queue.recv().await {
        // The right to write comes first, so that whatever arrives while we wait for it comes along.
        let tx = db.begin().await;
        let mut bytes = first.body.len();
        let mut batch = vec![first];
        while batch.len() < TOGETHER
            && bytes < TOGETHER_BYTES
            && let Ok(next) = queue.try_recv()
        {
            bytes += next.body.len();
            batch.push(next);
        }
        let written = write(tx, &batch).await;
        if written.is_ok() {
            backlog.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        for waiting in batch {
            // All of them failed for the same reason: there is nothing in a body that a database could refuse.
            let outcome = match &written {
                Ok(()) => Ok(()),
                Err(error) => Err(error.of_everybody().unwrap_or(StoreError::Busy)),
            };
            // A sender that hung up is told nothing; its batch is kept all the same.
            let _ = waiting.answer.send(outcome);
        }
    }
}

async fn write(tx: Result<Tx, StoreError>, batch: &[Waiting]) -> Result<(), StoreError> {
    const NEXT: &str = "select coalesce(max(seq), 0) from latency_log";
    let mut tx = tx?;
    let (mut last,): (i64,) = on_db!(tx, connection => sqlx::query_as(NEXT).fetch_one(connection).await)?;
    for piece in pieces(batch) {
        let values = placeholders(piece.len(), 3);
        let sql = format!("insert into latency_log (seq, received_at, body) values {values}");
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for waiting in piece {
                last += 1;
                query = query.bind(last).bind(micros(waiting.received_at)).bind(waiting.body.as_slice());
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    tx.commit().await
}
