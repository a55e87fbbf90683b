//! A store from a backup: into an empty place, all of it or nothing.

use super::filling;
use super::layout::{self, Kind, Table};
use super::read::{self, Broken, Cell, Part};
use super::{Header, Summary, write};
use crate::store::db::{Db, micros, on_db, placeholders};
use crate::store::log_book::{self, ChainBreak};
use crate::store::{Location, StoreError, Tx, open, restored, schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use onduty_core::ids::DutyId;
use sqlx::AssertSqlSafe;
use std::io::Read;
use tokio::sync::mpsc;

/// Why there is no store from a backup. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is not whole.
    #[error("this backup cannot be used: {0}")]
    Broken(#[from] Broken),
    /// It was made by a later onduty.
    #[error("this backup has schema {found}, this onduty knows up to {known}; restore it with the newer onduty")]
    NewerSchema {
        /// Of the backup.
        found: i64,
        /// Of this program.
        known: i64,
    },
    /// Something is there.
    #[error("there is a store with content already; restore into an empty place, and move the old one away yourself")]
    NotEmpty,
    /// The empty store there is newer than the backup.
    #[error("the place has schema {found} already, the backup {wanted}; restore into a new file or database")]
    OtherSchema {
        /// Of the place.
        found: i64,
        /// Of the backup.
        wanted: i64,
    },
    /// A table or column that its schema does not have.
    #[error("this backup cannot be used: line {line} speaks of {what}, which its schema does not have")]
    Unknown {
        /// From 1.
        line: u64,
        /// Which.
        what: String,
    },
    /// A row that does not fit its table.
    #[error("this backup cannot be used: a row of {table} before line {line} does not fit its columns")]
    Row {
        /// Which table.
        table: String,
        /// The row is at most a batch before it.
        line: u64,
    },
    /// The log book in it was changed.
    #[error("the log book of {duty} in this backup is not whole: entry {} ({:?})", broken.seq, broken.what)]
    Chain {
        /// Whose.
        duty: DutyId,
        /// Where.
        broken: ChainBreak,
    },
    /// The store cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the store at `location` from the backup `input`. It only observes until somebody confirms it.
///
/// # Errors
/// See [`RestoreError`]. The place is as empty as before then, but may have a schema.
pub async fn restore(
    location: &Location,
    input: impl Read + Send + 'static,
    real_now: Timestamp,
) -> Result<Summary, RestoreError> {
    let (sender, mut parts) = mpsc::channel(8);
    let reading = tokio::task::spawn_blocking(move || read::parts(input, &sender));
    let header = match next(&mut parts).await? {
        Part::Header(header) => header,
        _ => return Err(Broken::NoBackup.into()),
    };
    if header.schema < schema::KNOWS_BACKUPS {
        return Err(StoreError::OldSchema { found: header.schema }.into());
    }
    if header.schema > schema::newest() {
        return Err(RestoreError::NewerSchema { found: header.schema, known: schema::newest() });
    }
    let db = open::open_for_restore(location, header.schema).await?;
    let found = schema::found(&mut db.read().await?).await?;
    if found != header.schema {
        return Err(RestoreError::OtherSchema { found, wanted: header.schema });
    }
    let filled = fill(&db, &header, &mut parts, real_now).await;
    // Its end is in the parts already; a panic of it is an end without a word.
    drop(parts);
    let _ = reading.await;
    if filled.is_ok() {
        open::bring_up_to_date(&db, None).await?;
        open::gather_statistics(&db).await?;
    }
    db.close().await;
    let rows = filled?;
    Ok(Summary { header, rows })
}

async fn next(parts: &mut mpsc::Receiver<Result<Part, Broken>>) -> Result<Part, RestoreError> {
    Ok(parts.recv().await.unwrap_or(Err(Broken::NoBackup))?)
}

async fn fill(
    db: &Db,
    header: &Header,
    parts: &mut mpsc::Receiver<Result<Part, Broken>>,
    real_now: Timestamp,
) -> Result<std::collections::BTreeMap<String, u64>, RestoreError> {
    let mut tx = db.begin().await?;
    write::without_limits(&mut tx).await?;
    let tables = layout::tables(&mut tx).await?;
    clear(&mut tx, &tables).await?;
    let aside = filling::begin(&mut tx).await?;
    let mut into: Option<Insert> = None;
    let rows = loop {
        match next(parts).await? {
            Part::Header(_) => return Err(Broken::NoBackup.into()),
            Part::Table { line, name, columns } => into = Some(Insert::into(&tables, line, &name, columns)?),
            Part::Rows { line, rows } => match &into {
                Some(insert) => insert.rows(&mut tx, line, rows).await?,
                None => return Err(Broken::NoBackup.into()),
            },
            Part::End(rows) => break rows,
        }
    };
    filling::end(&mut tx, aside).await?;
    for head in log_book::heads(&mut tx).await? {
        if let Err(broken) = log_book::verify(&mut tx, &head.duty, std::slice::from_ref(&head)).await? {
            return Err(RestoreError::Chain { duty: head.duty, broken });
        }
    }
    restored::remember(&mut tx, micros(header.made_at), real_now).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Makes sure that nobody ever used the store, and takes out what the schema put into it.
async fn clear(tx: &mut Tx, tables: &[Table]) -> Result<(), RestoreError> {
    for used in ["journal", "log_entry", "account"] {
        let sql = AssertSqlSafe(format!("select count(*) from {used}"));
        let (count,): (i64,) =
            on_db!(tx, connection => sqlx::query_as(sql).fetch_one(connection).await).map_err(StoreError::from)?;
        if count != 0 {
            return Err(RestoreError::NotEmpty);
        }
    }
    for table in tables.iter().rev() {
        let sql = AssertSqlSafe(format!("delete from {}", table.name));
        on_db!(tx, connection => sqlx::query(sql).execute(connection).await.map(drop)).map_err(StoreError::from)?;
    }
    Ok(())
}

/// Rows on their way into a table.
struct Insert {
    table: String,
    kinds: Vec<Kind>,
    columns: String,
    /// Which of the columns is the text of the log book, whose words PostgreSQL gets from us.
    words_of: Option<usize>,
}

impl Insert {
    /// Checks the names of a backup against those that the store has: only the store's own reach a statement.
    fn into(tables: &[Table], line: u64, name: &str, columns: Vec<String>) -> Result<Insert, RestoreError> {
        let unknown = |what: String| RestoreError::Unknown { line, what };
        let table = tables.iter().find(|table| table.name == name).ok_or_else(|| unknown(format!("table {name:?}")))?;
        let mut kinds = Vec::new();
        for column in &columns {
            let known = table.columns.iter().find(|known| known.name == *column);
            kinds.push(known.ok_or_else(|| unknown(format!("column {column:?} of {name}")))?.kind);
        }
        let words_of = (name == "log_entry").then(|| columns.iter().position(|column| column == "text")).flatten();
        Ok(Insert { table: name.to_owned(), kinds, columns: columns.join(", "), words_of })
    }

    async fn rows(&self, tx: &mut Tx, line: u64, rows: Vec<Vec<Cell>>) -> Result<(), RestoreError> {
        let misfit = || RestoreError::Row { table: self.table.clone(), line };
        if rows.iter().any(|row| row.len() != self.kinds.len() || !row.iter().zip(&self.kinds).all(fits)) {
            return Err(misfit());
        }
        let words_of = self.words_of.filter(|_| tx.is_postgres());
        let sql = self.sql(rows.len(), tx.is_postgres(), words_of.is_some());
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for row in rows {
                let words = words_of.map(|column| match &row[column] {
                    Cell::Text(text) => Some(log_book::indexed(text)),
                    _ => None,
                });
                for (cell, kind) in row.into_iter().zip(&self.kinds) {
                    query = match (cell, kind) {
                        (Cell::Integer(value), _) => query.bind(value),
                        (Cell::Text(value), Kind::Bytes) => query.bind(STANDARD.decode(value).map_err(|_| misfit())?),
                        (Cell::Text(value), _) => query.bind(value),
                        (Cell::Null, Kind::Integer) => query.bind(None::<i64>),
                        (Cell::Null, Kind::Text) => query.bind(None::<String>),
                        (Cell::Null, Kind::Bytes) => query.bind(None::<Vec<u8>>),
                    };
                }
                if let Some(words) = words {
                    query = query.bind(words);
                }
            }
            query.execute(connection).await.map(drop)
        })
        .map_err(StoreError::from)?;
        Ok(())
    }

    fn sql(&self, rows: usize, on_postgres: bool, with_words: bool) -> String {
        let (table, columns) = (&self.table, &self.columns);
        // Numbers that the database would give by itself are those of the backup.
        let overriding = if on_postgres { " overriding system value" } else { "" };
        if !with_words {
            let values = placeholders(rows, self.kinds.len());
            return format!("insert into {table} ({columns}){overriding} values {values}");
        }
        let width = self.kinds.len() + 1;
        let row = |row: usize| {
            let values: Vec<String> = (1..width).map(|column| format!("${}", row * width + column)).collect();
            format!("({},${}::text::tsvector)", values.join(","), row * width + width)
        };
        let values: Vec<String> = (0..rows).map(row).collect();
        format!("insert into {table} ({columns}, words){overriding} values {}", values.join(","))
    }
}

fn fits((cell, kind): (&Cell, &Kind)) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Integer(_) => *kind == Kind::Integer,
        Cell::Text(_) => *kind != Kind::Integer,
    }
}
