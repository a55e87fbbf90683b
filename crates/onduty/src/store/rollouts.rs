//! Rollouts pressed through onduty, and what they said.
//!
//! That one press makes one rollout rests on two unique indexes, not on locks: one on the key of the press, one on the
//! environment while an attempt is active or nobody knows how it ended. A process is only started by whoever turned
//! the attempt from requested to running, so a crash in between leaves an attempt that a person has to look at, and
//! never a second process.

use super::db::{micros, on_db, pieces, placeholders, text, timestamp};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use onduty_core::ids::{DutyId, EngineerId, Environment};
use onduty_core::signal::RolloutState;
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, FromRow, Row, Type};

/// A press of the button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Made by the server.
    pub id: String,
    /// The same for every press on the same look, however often it is sent.
    pub key: String,
    /// Whose day.
    pub duty: DutyId,
    /// Where to.
    pub environment: Environment,
    /// What.
    pub revision: String,
    /// Hash over the commits that the presser has seen.
    pub diff_hash: String,
    /// Hash over everything that the gate looked at.
    pub inputs_hash: String,
    /// Who.
    pub pressed_by: EngineerId,
    /// When, in duty time.
    pub pressed_at: Timestamp,
}

/// A rollout pressed through onduty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// How it was pressed.
    pub press: Press,
    /// How far.
    pub state: RolloutState,
    /// The process, while there is one.
    pub process: Option<Process>,
    /// When it was started, in duty time.
    pub started_at: Option<Timestamp>,
    /// When it ended, in duty time.
    pub finished_at: Option<Timestamp>,
    /// How the process ended, where it did.
    pub exit_code: Option<i32>,
    /// Why it ended so, in the target's words.
    pub reason: Option<String>,
}

/// A process of the system, told apart from a later one with the same number by when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number, also of its group.
    pub pid: u32,
    /// When it started, in the system's words.
    pub started: String,
}

/// What became of a press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// It is the one.
    Recorded(Attempt),
    /// The same press was there before; this is what became of it.
    Again(Attempt),
    /// Another one is under way, or nobody knows how it ended.
    Occupied(Attempt),
}

/// Records a press, if it is the only one.
///
/// # Errors
/// When the store cannot be written.
pub async fn press(tx: &mut Tx, press: &Press) -> Result<Pressed, StoreError> {
    const SQL: &str = "insert into rollout_attempt
        (id, key, duty, environment, revision, diff_hash, inputs_hash, pressed_by, pressed_at, state)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'requested') on conflict do nothing";
    let done = on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(press.id.as_str())
            .bind(press.key.as_str())
            .bind(press.duty.as_str())
            .bind(press.environment.as_str())
            .bind(press.revision.as_str())
            .bind(press.diff_hash.as_str())
            .bind(press.inputs_hash.as_str())
            .bind(press.pressed_by.as_str())
            .bind(micros(press.pressed_at))
            .execute(connection)
            .await
            .map(|done| done.rows_affected())
    })?;
    if done == 1 {
        return Ok(Pressed::Recorded(Attempt {
            press: press.clone(),
            state: RolloutState::Requested,
            process: None,
            started_at: None,
            finished_at: None,
            exit_code: None,
            reason: None,
        }));
    }
    if let Some(same) = by_key(tx, &press.key).await? {
        return Ok(Pressed::Again(same));
    }
    match active(tx, &press.environment).await? {
        Some(other) => Ok(Pressed::Occupied(other)),
        None => Err(StoreError::unreadable("rollout_attempt")(format!("id {} is taken", press.id).into())),
    }
}

/// Takes the attempt on: true for exactly one caller, who then starts the process.
///
/// # Errors
/// When the store cannot be written.
pub async fn take_on(tx: &mut Tx, id: &str, at: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str =
        "update rollout_attempt set state = 'running', started_at = $2 where id = $1 and state = 'requested'";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(SQL).bind(id).bind(micros(at));
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// Remembers which process runs it, so that a restart finds it again.
///
/// # Errors
/// When the store cannot be written.
pub async fn set_process(tx: &mut Tx, id: &str, process: &Process) -> Result<bool, StoreError> {
    const SQL: &str = "update rollout_attempt set pid = $2, process_started = $3 where id = $1 and state = 'running'";
    let done = on_db!(tx, connection => {
        let query = sqlx::query(SQL).bind(id).bind(i64::from(process.pid)).bind(process.started.as_str());
        query.execute(connection).await.map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// It ended: succeeded, failed, or unknown; what was unknown may still become known. Returns whether that is news.
///
/// # Errors
/// When the store cannot be written.
pub async fn end(
    tx: &mut Tx,
    id: &str,
    state: RolloutState,
    at: Timestamp,
    exit_code: Option<i32>,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    const SQL: &str = "update rollout_attempt set state = $2, finished_at = $3, exit_code = $4, reason = $5
        where id = $1 and state in ('requested', 'running', 'unknown') and state <> $2";
    let done = on_db!(tx, connection => {
        sqlx::query(SQL)
            .bind(id)
            .bind(word(state))
            .bind(micros(at))
            .bind(exit_code.map(i64::from))
            .bind(reason.map(text))
            .execute(connection)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(done == 1)
}

/// The attempt called `id`.
///
/// # Errors
/// When the store cannot be read.
pub async fn get(db: &mut Reader, id: &str) -> Result<Option<Attempt>, StoreError> {
    let rows = select(db, "where id = $1", &[id], 1).await?;
    Ok(rows.into_iter().next())
}

/// The attempt that holds `environment`: requested, running or unknown.
///
/// # Errors
/// When the store cannot be read.
pub async fn active(db: &mut Reader, environment: &Environment) -> Result<Option<Attempt>, StoreError> {
    const WHERE: &str = "where environment = $1 and state in ('requested', 'running', 'unknown')";
    let rows = select(db, WHERE, &[environment.as_str()], 1).await?;
    Ok(rows.into_iter().next())
}

/// Every attempt that has not ended, oldest first: what a start has to look after.
///
/// # Errors
/// When the store cannot be read.
pub async fn all_active(db: &mut Reader) -> Result<Vec<Attempt>, StoreError> {
    select(db, "where state in ('requested', 'running', 'unknown') order by pressed_at, id", &[], 1_000).await
}

/// The newest attempts for `environment`, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn history(db: &mut Reader, environment: &Environment, limit: u32) -> Result<Vec<Attempt>, StoreError> {
    const WHERE: &str = "where environment = $1 order by pressed_at desc, id desc";
    select(db, WHERE, &[environment.as_str()], limit).await
}

/// What became of the press called `key`.
///
/// # Errors
/// When the store cannot be read.
pub async fn by_key(db: &mut Reader, key: &str) -> Result<Option<Attempt>, StoreError> {
    let rows = select(db, "where key = $1", &[key], 1).await?;
    Ok(rows.into_iter().next())
}

/// `which` is one of the constants above: values go into `values` only.
async fn select(db: &mut Reader, which: &'static str, values: &[&str], limit: u32) -> Result<Vec<Attempt>, StoreError> {
    let sql = format!(
        "select id, key, duty, environment, revision, diff_hash, inputs_hash, pressed_by, pressed_at, state, pid,
        process_started, started_at, finished_at, exit_code, reason from rollout_attempt {which} limit ${}",
        values.len() + 1
    );
    let rows: Vec<AttemptRow> = on_db!(db, connection => {
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for value in values {
            query = query.bind(*value);
        }
        query.bind(i64::from(limit)).fetch_all(connection).await
    })?;
    rows.into_iter().map(AttemptRow::attempt).collect()
}

struct AttemptRow {
    press: [String; 8],
    pressed_at: i64,
    state: String,
    pid: Option<i64>,
    process_started: Option<String>,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    exit_code: Option<i64>,
    reason: Option<String>,
}

impl<'r, R: Row> FromRow<'r, R> for AttemptRow
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<AttemptRow, sqlx::Error> {
        let mut press: [String; 8] = Default::default();
        for (index, value) in press.iter_mut().enumerate() {
            *value = row.try_get(index)?;
        }
        Ok(AttemptRow {
            press,
            pressed_at: row.try_get(8)?,
            state: row.try_get(9)?,
            pid: row.try_get(10)?,
            process_started: row.try_get(11)?,
            started_at: row.try_get(12)?,
            finished_at: row.try_get(13)?,
            exit_code: row.try_get(14)?,
            reason: row.try_get(15)?,
        })
    }
}

impl AttemptRow {
    fn attempt(self) -> Result<Attempt, StoreError> {
        const TABLE: &str = "rollout_attempt";
        let [id, key, duty, environment, revision, diff_hash, inputs_hash, pressed_by] = self.press;
        let time = |at: Option<i64>| at.map(|at| timestamp(TABLE, at)).transpose();
        let process = match (self.pid, self.process_started) {
            (Some(pid), Some(started)) => {
                let pid = u32::try_from(pid).map_err(|cause| StoreError::unreadable(TABLE)(cause.into()))?;
                Some(Process { pid, started })
            }
            _ => None,
        };
        let exit_code = self.exit_code.map(i32::try_from).transpose();
        Ok(Attempt {
            press: Press {
                id,
                key,
                duty: DutyId::new(duty),
                environment: Environment::new(environment),
                revision,
                diff_hash,
                inputs_hash,
                pressed_by: EngineerId::new(pressed_by),
                pressed_at: timestamp(TABLE, self.pressed_at)?,
            },
            state: from_word(&self.state)?,
            process,
            started_at: time(self.started_at)?,
            finished_at: time(self.finished_at)?,
            exit_code: exit_code.map_err(|cause| StoreError::unreadable(TABLE)(cause.into()))?,
            reason: self.reason,
        })
    }
}

fn word(state: RolloutState) -> &'static str {
    match state {
        RolloutState::Requested => "requested",
        RolloutState::Running => "running",
        RolloutState::Succeeded => "succeeded",
        RolloutState::Failed => "failed",
        RolloutState::Unknown => "unknown",
    }
}

fn from_word(text: &str) -> Result<RolloutState, StoreError> {
    use RolloutState::{Failed, Requested, Running, Succeeded, Unknown};
    [Requested, Running, Succeeded, Failed, Unknown]
        .into_iter()
        .find(|state| word(*state) == text)
        .ok_or_else(|| StoreError::unreadable("rollout_attempt")(format!("state {text}").into()))
}

/// A line that a rollout said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    /// When, in duty time.
    pub at: Timestamp,
    /// `stdout`, `stderr`, or onduty's own word.
    pub stream: String,
    /// The line.
    pub text: String,
}

/// Adds lines to what an attempt said; returns the number of the last one. Numbers start at 1.
///
/// # Errors
/// When the store cannot be written.
pub async fn append_output(tx: &mut Tx, attempt: &str, lines: &[OutputLine]) -> Result<i64, StoreError> {
    const LAST: &str = "select coalesce(max(n), 0) from rollout_output where attempt = $1";
    let (mut n,): (i64,) = on_db!(tx, connection => sqlx::query_as(LAST).bind(attempt).fetch_one(connection).await)?;
    for piece in pieces(lines) {
        let sql = format!(
            "insert into rollout_output (attempt, n, at, stream, text) values {}",
            placeholders(piece.len(), 5)
        );
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for line in piece {
                n += 1;
                query = query.bind(attempt).bind(n).bind(micros(line.at)).bind(line.stream.as_str());
                query = query.bind(text(&line.text));
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    Ok(n)
}

/// At most `limit` lines after number `after`, with their numbers.
///
/// # Errors
/// When the store cannot be read.
pub async fn output(
    db: &mut Reader,
    attempt: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, OutputLine)>, StoreError> {
    const SQL: &str =
        "select n, at, stream, text from rollout_output where attempt = $1 and n > $2 order by n limit $3";
    let rows: Vec<(i64, i64, String, String)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(attempt).bind(after).bind(i64::from(limit)).fetch_all(connection).await
    })?;
    let line = |(n, at, stream, text)| Ok((n, OutputLine { at: timestamp("rollout_output", at)?, stream, text }));
    rows.into_iter().map(line).collect()
}

#[cfg(test)]
#[path = "rollouts_tests.rs"]
mod tests;
