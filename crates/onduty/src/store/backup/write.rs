//! Writing a backup: one instant of the store, row by row, while others write.

use super::layout::{self, Column, Kind, Table};
use super::{EndLine, FORMAT, Header, Summary, TableLine};
use crate::store::db::on_db;
use crate::store::{Reader, Store, StoreError, hex, journal, schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, Row, Type};
use std::collections::BTreeMap;
use std::io::{self, Write};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How many bytes of lines are handed over at once.
const CHUNK: usize = 256 << 10;

/// Writes everything that `store` has at this instant to `out`, compressed. What is written meanwhile is not in it.
///
/// # Errors
/// [`StoreError::Stream`] when `out` cannot be written, and everything that reading can meet.
pub async fn write<W: Write + Send + 'static>(
    store: &Store,
    out: W,
    real_now: Timestamp,
) -> Result<(Summary, W), StoreError> {
    let mut db = store.read().await?;
    without_limits(&mut db).await?;
    let schema = schema::found(&mut db).await?;
    if schema < schema::KNOWS_BACKUPS {
        return Err(StoreError::OldSchema { found: schema });
    }
    let header = Header {
        onduty: "backup".to_owned(),
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        made_at: real_now,
        from: if db.is_postgres() { "postgres" } else { "sqlite" }.to_owned(),
        journal: journal::newest(&mut db).await?,
    };
    let mut lines = Lines::to(out);
    lines.add(&header).await?;
    let mut rows = BTreeMap::new();
    for table in layout::tables(&mut db).await? {
        let columns = table.names().into_iter().map(str::to_owned).collect();
        lines.add(&TableLine { table: table.name.clone(), columns }).await?;
        let count = write_rows(&mut db, &table, &mut lines).await?;
        rows.insert(table.name, count);
    }
    let out = lines.end(rows.clone()).await?;
    Ok((Summary { header, rows }, out))
}

/// A large table takes longer than a page may.
pub(super) async fn without_limits(db: &mut Reader) -> Result<(), StoreError> {
    if db.is_postgres() {
        for sql in ["set local statement_timeout = 0", "set local idle_in_transaction_session_timeout = 0"] {
            on_db!(db, connection => sqlx::query(sql).execute(connection).await.map(drop))?;
        }
    }
    Ok(())
}

async fn write_rows(db: &mut Reader, table: &Table, lines: &mut Lines<impl Write>) -> Result<u64, StoreError> {
    let mut count = 0;
    on_db!(db, connection => {
        let mut rows = sqlx::query(AssertSqlSafe(table.select())).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            add_row(&row, &table.columns, &mut lines.waiting)?;
            count += 1;
            if lines.waiting.len() >= CHUNK {
                lines.hand_over().await?;
            }
        }
    });
    Ok(count)
}

/// A row as an array of JSON.
fn add_row<'r, R: Row>(row: &'r R, columns: &[Column], line: &mut Vec<u8>) -> Result<(), StoreError>
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    for (index, column) in columns.iter().enumerate() {
        line.push(if index == 0 { b'[' } else { b',' });
        let written = match column.kind {
            Kind::Integer => serde_json::to_writer(&mut *line, &row.try_get::<Option<i64>, _>(index)?),
            Kind::Text => serde_json::to_writer(&mut *line, &row.try_get::<Option<&str>, _>(index)?),
            Kind::Bytes => {
                let bytes = row.try_get::<Option<&[u8]>, _>(index)?;
                serde_json::to_writer(&mut *line, &bytes.map(|bytes| STANDARD.encode(bytes)))
            }
        };
        written.expect("numbers and text are always JSON, and memory can be written");
    }
    line.extend(b"]\n");
    Ok(())
}

enum Work {
    Lines(Vec<u8>),
    End(BTreeMap<String, u64>),
}

/// Lines on their way to a thread that hashes, compresses and writes them.
struct Lines<W> {
    waiting: Vec<u8>,
    work: mpsc::Sender<Work>,
    written: JoinHandle<io::Result<W>>,
}

impl<W: Write> Lines<W> {
    fn to(out: W) -> Lines<W>
    where
        W: Send + 'static,
    {
        let (work, waiting) = mpsc::channel(4);
        Lines { waiting: Vec::new(), work, written: tokio::task::spawn_blocking(move || compress(out, waiting)) }
    }

    async fn add(&mut self, line: &impl serde::Serialize) -> Result<(), StoreError> {
        serde_json::to_writer(&mut self.waiting, line).expect("plain data is always JSON, and memory can be written");
        self.waiting.push(b'\n');
        if self.waiting.len() >= CHUNK { self.hand_over().await } else { Ok(()) }
    }

    async fn hand_over(&mut self) -> Result<(), StoreError> {
        let lines = std::mem::take(&mut self.waiting);
        match self.work.send(Work::Lines(lines)).await {
            Ok(()) => Ok(()),
            // The thread ended before its time: it knows why.
            Err(_) => Err(match (&mut self.written).await {
                Ok(Err(error)) => StoreError::Stream(error),
                _ => StoreError::Stream(io::ErrorKind::BrokenPipe.into()),
            }),
        }
    }

    async fn end(mut self, rows: BTreeMap<String, u64>) -> Result<W, StoreError> {
        self.hand_over().await?;
        // If the thread has ended, its own error says more than this one.
        let _ = self.work.send(Work::End(rows)).await;
        let written = self.written.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        written.map_err(StoreError::Stream)
    }
}

fn compress<W: Write>(out: W, mut waiting: mpsc::Receiver<Work>) -> io::Result<W> {
    // A third smaller than nothing would be worth little; the fastest level makes it a seventh.
    let mut gzip = GzEncoder::new(out, Compression::fast());
    let mut digest = Sha256::new();
    while let Some(work) = waiting.blocking_recv() {
        match work {
            Work::Lines(lines) => {
                digest.update(&lines);
                gzip.write_all(&lines)?;
            }
            Work::End(rows) => {
                let end = EndLine { end: true, rows, sha256: hex(&digest.finalize()) };
                serde_json::to_writer(&mut gzip, &end)?;
                gzip.write_all(b"\n")?;
                let mut out = gzip.finish()?;
                out.flush()?;
                return Ok(out);
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::Interrupted, "the backup was given up"))
}
