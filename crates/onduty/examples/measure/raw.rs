//! What this disk's group commit allows: the rows of deliveries, written with the store's settings and nothing else.
//!
//! Shared by `intake_bench` (the store alone) and `measure` (over HTTP).

use jiff::{SignedDuration, Timestamp};
use onduty::store::Intake;
use onduty_core::signal::{Build, BuildState, Contact, Fact, Kind, Observation};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::Path;
use std::time::{Duration, Instant};

/// Different subjects that deliveries are about.
const SUBJECTS: u64 = 200;

/// A sender's payload: about 7 KB of JSON, like GitHub's `check_run`.
pub fn body(n: u64) -> String {
    let link = |name: &str| format!("\"{name}_url\":\"https://api.example.org/repos/acme/shop/{name}{{/sha}}\",");
    let links: String = (0..90).map(|m| link(&format!("link_{m:02}"))).collect();
    format!(
        "{{\"action\":\"completed\",\"check_run\":{{\"id\":{n},\"head_sha\":\"{n:040x}\",{links}\"name\":\"unit tests\"}}}}"
    )
}

/// One delivery of a build.
pub fn delivery(n: u64) -> Intake {
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 20_000) + SignedDuration::from_millis(n as i64);
    let observation = |fact| Observation {
        source: "github".into(),
        subject: format!("acme/shop main check_run/unit tests {}", n % SUBJECTS).as_str().into(),
        fact,
        source_time: at,
        baseline: false,
    };
    let build = Build {
        repository: "acme/shop".into(),
        branch: Some("main".into()),
        revision: format!("{n:040x}"),
        name: format!("unit tests {}", n % SUBJECTS),
        state: if n.is_multiple_of(3) { BuildState::Failed } else { BuildState::Passed },
        attempt: 1,
        started_at: at,
        finished_at: Some(at),
        url: Some(format!("https://github.example.org/acme/shop/runs/{n}")),
        detail: Some("3 of 1204 tests failed".into()),
        frames: Vec::new(),
        unproven_branch: false,
    };
    let contact = Contact { kinds: vec![Kind::Builds], trouble: None };
    Intake {
        source: "github".into(),
        event: "check_run".into(),
        key: key(n),
        delivery: Some(format!("{n:032x}")),
        headers_json: r#"{"x-github-event":"check_run","content-type":"application/json"}"#.into(),
        body: body(n).into_bytes(),
        observations: vec![observation(Fact::Build(build)), observation(Fact::Contact(contact))],
        received_at: at,
        real_at: at,
    }
}

/// In no order, like hashes.
fn key(n: u64) -> String {
    let scrambled = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{scrambled:016x}{:048x}", n)
}

/// The least that has to be done for the same promise.
pub struct Raw {
    connection: SqliteConnection,
    next: u64,
}

impl Raw {
    pub async fn open(path: &Path) -> anyhow::Result<Raw> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", "4000")
            .pragma("cache_size", "-16000")
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        let schema = include_str!("../../migrations/sqlite/0001_first.sql");
        sqlx::raw_sql(schema).execute(&mut connection).await?;
        Ok(Raw { connection, next: 0 })
    }

    pub async fn run(&mut self, batch: usize, time: Duration) -> anyhow::Result<f64> {
        let statements = statements_for(batch);
        // Made before the clock starts: only the database is measured.
        let prepared: Vec<(Intake, String, String)> = (0..batch as u64)
            .map(|n| {
                let intake = delivery(n);
                let observations = serde_json::to_string(&intake.observations)?;
                let state = serde_json::to_string(&intake.observations[0])?;
                Ok((intake, observations, state))
            })
            .collect::<anyhow::Result<_>>()?;
        let (start, mut written) = (Instant::now(), 0);
        while start.elapsed() < time {
            let mut tx = self.connection.begin_with("begin immediate").await?;
            let first = self.next;
            let mut intakes = sqlx::query(AssertSqlSafe(statements[0].clone()));
            let mut journal = sqlx::query(AssertSqlSafe(statements[1].clone()));
            let mut signals = sqlx::query(AssertSqlSafe(statements[2].clone()));
            for (n, (intake, record, state)) in (first..).zip(&prepared) {
                intakes = intakes.bind(key(n)).bind("github").bind("check_run").bind(intake.delivery.as_deref());
                intakes = intakes.bind(intake.headers_json.as_str()).bind(intake.body.as_slice());
                intakes = intakes.bind(n as i64).bind(n as i64).bind(n as i64);
                journal = journal.bind(n as i64 + 1).bind(record.as_str());
                signals = signals.bind("builds").bind(format!("acme/shop main check_run/unit tests {}", n % SUBJECTS));
                signals = signals.bind("github").bind("main").bind(0_i64).bind(n as i64).bind(n as i64);
                signals = signals.bind(state.as_str());
            }
            intakes.execute(&mut *tx).await?;
            journal.execute(&mut *tx).await?;
            signals.execute(&mut *tx).await?;
            tx.commit().await?;
            self.next += batch as u64;
            written += batch;
        }
        Ok(written as f64 / start.elapsed().as_secs_f64())
    }
}

fn statements_for(batch: usize) -> [String; 3] {
    let values = |columns: usize| {
        let row = |row: usize| {
            let values: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
            format!("({})", values.join(","))
        };
        (0..batch).map(row).collect::<Vec<_>>().join(",")
    };
    [
        format!(
            "insert into intake (key, source, event, delivery, headers, body, received_at, real_at, journal_seq) values {}",
            values(9)
        ),
        format!("insert into journal (seq, record) values {}", values(2)),
        format!(
            "insert into signal (kind, subject, source, branch, lasting, source_time, received_at, state) values {}
                on conflict (kind, subject) do update set source_time = excluded.source_time,
                received_at = excluded.received_at, state = excluded.state",
            values(8)
        ),
    ]
}

/// The one in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// How busy the machine is with everything that runs on it.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("load {} on {cores} cores", load.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}
