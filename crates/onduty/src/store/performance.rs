//! What rollouts did to response times: one report for each, and its endpoints.
//!
//! A pass writes them together with what it tells the journal; pages read them. What an endpoint was like is read here, what
//! is to be done about it in the signals.

use super::db::{from_json, micros, on_db, pieces, placeholders, text, to_json};
use super::{Reader, StoreError, Tx};
use jiff::Timestamp;
use onduty_core::ids::Environment;
use onduty_core::perf::{Judged, Other, Picture, SharedShift};
use onduty_core::performance::ComparedRollout;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;

/// A rollout that was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What is told of it.
    pub compared: ComparedRollout,
    /// Where the response times came from.
    pub source: String,
    /// When the rollout began.
    pub started_at: Timestamp,
    /// When the hours began that tell most.
    pub from: Timestamp,
    /// How many endpoints there were.
    pub endpoints: u64,
    /// Those beyond the cap, which nobody judged.
    pub other: Other,
    /// What happened to all, or to a whole group.
    pub shared: Vec<SharedShift>,
    /// What makes the answer weaker than it looks, a sentence each.
    pub doubts: Vec<String>,
    /// Each comparison, the first one first.
    pub runs: Vec<RunLine>,
}

/// One comparison of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    /// When the window after the rollout began.
    pub from: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// Endpoints that were judged.
    pub judged: u64,
    /// Endpoints that were seen to be slower or failing more often.
    pub worse: u64,
    /// Whether enough was judged.
    pub is_enough: bool,
}

/// One endpoint of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// What is said of it.
    pub judged: Judged,
    /// What a page draws.
    pub picture: Picture,
}

/// One endpoint after one rollout, in its history.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// The rollout.
    pub compared: ComparedRollout,
    /// The endpoint.
    pub endpoint: EndpointReport,
}

/// Names from outside are as long as they like; an index is not.
fn key(name: &str) -> String {
    Sha256::digest(name.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a report; with `endpoints`, the weightiest first, these replace what was there.
///
/// # Errors
/// When the store cannot be written.
pub async fn put(tx: &mut Tx, report: &Report, endpoints: Option<&[EndpointReport]>) -> Result<(), StoreError> {
    const REPORT: &str = "insert into performance (environment, rollout, rolled_out_at, body) values ($1, $2, $3, $4)
        on conflict (environment, rollout) do update set rolled_out_at = excluded.rolled_out_at, body = excluded.body";
    const OLD: &str = "delete from performance_endpoint where environment = $1 and rollout = $2";
    let compared = &report.compared;
    let (environment, rollout) = (compared.environment.as_str(), key(&compared.rollout));
    let (at, body) = (micros(compared.rolled_out_at), to_json(report));
    on_db!(tx, connection => {
        let query = sqlx::query(REPORT).bind(environment).bind(rollout.as_str()).bind(at).bind(body.as_str());
        query.execute(connection).await.map(drop)
    })?;
    let Some(endpoints) = endpoints else { return Ok(()) };
    on_db!(tx, connection => {
        sqlx::query(OLD).bind(environment).bind(rollout.as_str()).execute(connection).await.map(drop)
    })?;
    let rows: Vec<(i64, String, String)> = endpoints
        .iter()
        .enumerate()
        .map(|(position, endpoint)| (position as i64, key(&endpoint.judged.endpoint), to_json(endpoint)))
        .collect();
    for piece in pieces(&rows) {
        let values = placeholders(piece.len(), 6);
        let sql = format!(
            "insert into performance_endpoint (environment, rollout, position, rolled_out_at, name, body) values {values}"
        );
        on_db!(tx, connection => {
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (position, name, body) in piece {
                query = query.bind(environment).bind(rollout.as_str()).bind(*position).bind(at);
                query = query.bind(name.as_str()).bind(text(body));
            }
            query.execute(connection).await.map(drop)
        })?;
    }
    Ok(())
}

/// The report of a rollout.
///
/// # Errors
/// When the store cannot be read.
pub async fn report(db: &mut Reader, environment: &Environment, rollout: &str) -> Result<Option<Report>, StoreError> {
    const SQL: &str = "select body from performance where environment = $1 and rollout = $2";
    let row: Option<(String,)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(environment.as_str()).bind(key(rollout)).fetch_optional(connection).await
    })?;
    row.map(|(body,)| from_json("performance", &body)).transpose()
}

/// The newest reports of an environment, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn newest(db: &mut Reader, environment: &Environment, limit: u32) -> Result<Vec<Report>, StoreError> {
    const SQL: &str = "select body from performance where environment = $1 order by rolled_out_at desc limit $2";
    let rows: Vec<(String,)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(environment.as_str()).bind(i64::from(limit)).fetch_all(connection).await
    })?;
    rows.iter().map(|(body,)| from_json("performance", body)).collect()
}

/// The endpoints of a report, the weightiest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn endpoints(
    db: &mut Reader,
    environment: &Environment,
    rollout: &str,
) -> Result<Vec<EndpointReport>, StoreError> {
    const SQL: &str = "select body from performance_endpoint where environment = $1 and rollout = $2 order by position";
    let rows: Vec<(String,)> = on_db!(db, connection => {
        sqlx::query_as(SQL).bind(environment.as_str()).bind(key(rollout)).fetch_all(connection).await
    })?;
    rows.iter().map(|(body,)| from_json("performance_endpoint", body)).collect()
}

/// An endpoint after each of its last rollouts, newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn history(
    db: &mut Reader,
    environment: &Environment,
    endpoint: &str,
    limit: u32,
) -> Result<Vec<Moment>, StoreError> {
    const SQL: &str = "select performance.body, performance_endpoint.body from performance_endpoint
        join performance on performance.environment = performance_endpoint.environment
            and performance.rollout = performance_endpoint.rollout
        where performance_endpoint.environment = $1 and performance_endpoint.name = $2
        order by performance_endpoint.rolled_out_at desc limit $3";
    let rows: Vec<(String, String)> = on_db!(db, connection => {
        let query = sqlx::query_as(SQL).bind(environment.as_str()).bind(key(endpoint)).bind(i64::from(limit));
        query.fetch_all(connection).await
    })?;
    rows.iter()
        .map(|(report, endpoint)| {
            let report: Report = from_json("performance", report)?;
            Ok(Moment { compared: report.compared, endpoint: from_json("performance_endpoint", endpoint)? })
        })
        .collect()
}

/// Forgets rollouts from before `before`.
///
/// # Errors
/// When the store cannot be written.
pub async fn prune(tx: &mut Tx, before: Timestamp) -> Result<(), StoreError> {
    for sql in [
        "delete from performance_endpoint where rolled_out_at < $1",
        "delete from performance where rolled_out_at < $1",
    ] {
        on_db!(tx, connection => sqlx::query(sql).bind(micros(before)).execute(connection).await.map(drop))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Place, on_both};
    use onduty_core::perf::{Outcomes, Side, Verdict};

    on_both!(a_report_is_replaced_with_its_endpoints, an_endpoint_has_a_history, what_is_old_is_forgotten,);

    fn at(day: &str) -> Timestamp {
        format!("{day}T15:05:00Z").parse().unwrap()
    }

    fn report(rollout: &str, day: &str, judged: u64) -> Report {
        let compared = ComparedRollout {
            environment: "production".into(),
            rollout: rollout.into(),
            revision: "a1".into(),
            rolled_out_at: at(day),
            until: at(day),
            runs: 1,
            judged,
            quiet: 0,
            worse: 0,
            requests: 0.9,
            time: 0.8,
            is_enough: true,
            earlier_days: 10,
        };
        Report {
            compared,
            source: "otlp".into(),
            started_at: at(day),
            from: at(day),
            endpoints: 1,
            other: Other::default(),
            shared: Vec::new(),
            doubts: vec!["a doubt".into()],
            runs: Vec::new(),
        }
    }

    fn endpoint(name: &str) -> EndpointReport {
        let judged = Judged {
            endpoint: name.into(),
            verdict: Verdict::Unchanged,
            rank: None,
            effect: Some(0.1),
            interval: None,
            q_value: None,
            added_seconds_per_hour: None,
            failing: None,
            before: Side::default(),
            after: Side::default(),
            asked: Outcomes::default(),
            reasons: Vec::new(),
        };
        EndpointReport { judged, picture: Picture::default() }
    }

    async fn written(place: &Place, all: &[(Report, Vec<EndpointReport>)]) -> crate::store::Store {
        let store = place.store().await;
        let mut tx = store.begin().await.unwrap();
        for (report, endpoints) in all {
            put(&mut tx, report, Some(endpoints)).await.unwrap();
        }
        tx.commit().await.unwrap();
        store
    }

    async fn a_report_is_replaced_with_its_endpoints(place: &Place) {
        let production = Environment::from("production");
        let long = "é\0".repeat(10_000);
        let first = vec![endpoint("b"), endpoint(&long), endpoint("a")];
        let store = written(place, &[(report("r1", "2026-03-02", 3), first.clone())]).await;
        let mut db = store.read().await.unwrap();
        assert_eq!(super::report(&mut db, &production, "r1").await.unwrap(), Some(report("r1", "2026-03-02", 3)));
        assert_eq!(endpoints(&mut db, &production, "r1").await.unwrap(), first);
        assert_eq!(super::report(&mut db, &production, "r2").await.unwrap(), None);
        assert_eq!(super::report(&mut db, &Environment::from("staging"), "r1").await.unwrap(), None);
        drop(db);
        let mut tx = store.begin().await.unwrap();
        put(&mut tx, &report("r1", "2026-03-02", 4), None).await.unwrap();
        tx.commit().await.unwrap();
        let mut db = store.read().await.unwrap();
        assert_eq!(super::report(&mut db, &production, "r1").await.unwrap().unwrap().compared.judged, 4);
        assert_eq!(endpoints(&mut db, &production, "r1").await.unwrap().len(), 3);
        drop(db);
        let mut tx = store.begin().await.unwrap();
        put(&mut tx, &report("r1", "2026-03-02", 5), Some(&[endpoint("a")])).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(endpoints(&mut store.read().await.unwrap(), &production, "r1").await.unwrap(), [endpoint("a")]);
    }

    async fn an_endpoint_has_a_history(place: &Place) {
        let all = [
            (report("r1", "2026-03-02", 1), vec![endpoint("a"), endpoint("b")]),
            (report("r3", "2026-03-04", 3), vec![endpoint("a")]),
            (report("r2", "2026-03-03", 2), vec![endpoint("b")]),
        ];
        let store = written(place, &all).await;
        let mut db = store.read().await.unwrap();
        let production = Environment::from("production");
        let rollouts = |moments: &[Moment]| moments.iter().map(|m| m.compared.rollout.clone()).collect::<Vec<_>>();
        assert_eq!(rollouts(&history(&mut db, &production, "a", 10).await.unwrap()), ["r3", "r1"]);
        assert_eq!(rollouts(&history(&mut db, &production, "a", 1).await.unwrap()), ["r3"]);
        let reports = newest(&mut db, &production, 2).await.unwrap();
        assert_eq!(reports.iter().map(|report| report.compared.judged).collect::<Vec<_>>(), [3, 2]);
    }

    async fn what_is_old_is_forgotten(place: &Place) {
        let all = [
            (report("r1", "2026-03-02", 1), vec![endpoint("a")]),
            (report("r2", "2026-03-03", 2), vec![endpoint("a")]),
        ];
        let store = written(place, &all).await;
        let mut tx = store.begin().await.unwrap();
        prune(&mut tx, at("2026-03-03")).await.unwrap();
        tx.commit().await.unwrap();
        let mut db = store.read().await.unwrap();
        let production = Environment::from("production");
        assert_eq!(newest(&mut db, &production, 9).await.unwrap().len(), 1);
        assert_eq!(history(&mut db, &production, "a", 9).await.unwrap().len(), 1);
    }
}
