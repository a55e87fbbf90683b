//! On both databases: what is kept is counted once, joined, forgotten and read back.

use super::*;
use crate::store::Store;
use crate::store::tests::{Place, at, execute, on_both};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use onduty_core::perf::{
    AFTER, BEFORE, Batch, BatchLimits, Buckets, Grain, Histogram, Lengths, OTHER, Point, Rollout, SeriesPoint,
    StatusClass, Table, Windows,
};

on_both!(
    what_is_kept_is_counted_once,
    endpoints_beyond_the_limit_are_one,
    series_go_on_after_a_restart,
    a_damaged_message_does_not_stay_in_the_way,
    old_minutes_are_joined_and_forgotten,
    any_number_of_names_fits,
    what_is_hardly_known_is_marked,
);

const NOON: &str = "2026-03-02T12:00:00Z";
const ALL: Limits = Limits { endpoints: 1_000 };

fn minute(time: &str) -> i64 {
    at(time).as_second() / 60
}

fn batch(requests: &[(&str, StatusClass, &str, &[f64])]) -> Batch {
    let mut batch = Batch::new(BatchLimits { endpoints: 100_000, places: 100_000 });
    for (name, class, time, durations) in requests {
        let tally = batch.tally(name, *class, minute(time)).unwrap();
        durations.iter().for_each(|ms| tally.sketch.insert(*ms));
    }
    batch
}

async fn keep(store: &Store, batch: &Batch) {
    store.keep_batch(batch, at(NOON)).await.unwrap();
}

async fn fold_all(store: &Store, limits: Limits) -> Folded {
    let mut all = Folded::default();
    while has_work(&mut store.read().await.unwrap()).await.unwrap() {
        all.add(store.fold_batches(at(NOON), limits).await.unwrap());
    }
    all
}

/// Endpoint, requests answered well, refused and failed, in the window of an hour before `rollout`.
async fn before(store: &Store, rollout: &str) -> (Vec<(String, u64, u64, u64)>, Filled, u64) {
    let windows = windows(rollout);
    let mut table = Table::new(1_000);
    let filled = fill(&mut store.read().await.unwrap(), &windows, &mut table).await.unwrap();
    let (endpoints, other) = table.finish();
    let shown = endpoints.into_iter().map(|(name, endpoint)| {
        let cells: Vec<_> = endpoint.series.window(0).into_iter().flatten().collect();
        let sum = |of: fn(&onduty_core::perf::Cell) -> u64| cells.iter().map(|cell| of(cell)).sum();
        (name, sum(|cell| cell.sketch.n()), sum(|cell| cell.refused), sum(|cell| cell.failed))
    });
    (shown.collect(), filled, other.requests)
}

fn windows(rollout: &str) -> Windows {
    let at: Timestamp = at(rollout);
    Windows::around(Rollout { start: at, end: at }, Lengths::default(), &TimeZone::UTC).unwrap()
}

async fn count(store: &Store, table: &str) -> i64 {
    let sql = format!("select count(*) from {table}");
    let mut reader = store.read().await.unwrap();
    let (rows,): (i64,) = crate::store::db::on_db!(reader, connection => {
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await
    })
    .unwrap();
    rows
}

async fn what_is_kept_is_counted_once(place: &Place) {
    let store = place.store().await;
    let (ok, refused, failed) = (StatusClass::Ok, StatusClass::Refused, StatusClass::Failed);
    keep(
        &store,
        &batch(&[("a", ok, "2026-03-02T11:30:00Z", &[1.0, 2.0]), ("a", failed, "2026-03-02T11:31:00Z", &[9.0])]),
    )
    .await;
    keep(&store, &batch(&[("a", ok, "2026-03-02T11:30:00Z", &[3.0]), ("b", refused, "2026-03-02T11:30:00Z", &[4.0])]))
        .await;
    // What is acknowledged outlives the process.
    store.close().await;
    let store = place.store().await;
    let folded = fold_all(&store, ALL).await;
    assert_eq!((folded.messages, folded.requests, folded.left), (2, 5, 0));
    assert_eq!(fold_all(&store, ALL).await, Folded::default());
    keep(&store, &batch(&[("a", ok, "2026-03-02T11:30:00Z", &[3.0]), ("a", ok, "2026-03-02T10:00:00Z", &[1.0])])).await;
    fold_all(&store, ALL).await;
    let (shown, filled, _) = before(&store, NOON).await;
    assert_eq!(shown, [("a".to_owned(), 4, 0, 1), ("b".to_owned(), 0, 1, 0)]);
    assert_eq!((filled.requests, filled.endpoints), (6 + 1, 2), "10:00 is in an earlier window");
    assert!(!filled.known[AFTER].contains(&true) && filled.known[BEFORE].contains(&true), "{:?}", filled.known);
    // The minute in which the rollout begins is both before and after it.
    let (shown, ..) = before(&store, "2026-03-02T11:30:50Z").await;
    assert_eq!(shown, [("a".to_owned(), 0, 0, 0)], "what is left is earlier");
}

async fn endpoints_beyond_the_limit_are_one(place: &Place) {
    let store = place.store().await;
    let time = "2026-03-02T11:30:00Z";
    let limits = Limits { endpoints: 2 };
    for names in [["a", "b", "c"], ["c", "d", "a"]] {
        keep(&store, &batch(&names.map(|name| (name, StatusClass::Ok, time, &[1.0][..])))).await;
    }
    let folded = fold_all(&store, limits).await;
    assert_eq!((folded.requests, folded.put_together), (6, 3));
    let (shown, filled, other) = before(&store, NOON).await;
    assert_eq!(shown, [("a".to_owned(), 2, 0, 0), ("b".to_owned(), 1, 0, 0)]);
    assert_eq!((other, filled.requests), (3, 6));
}

fn point(series: &str, at_minute: u64, counts: &[u64]) -> SeriesPoint {
    let bounds_ms = vec![10.0, 20.0];
    let start_ns = u64::try_from(at("2026-03-02T11:00:00Z").as_nanosecond()).unwrap();
    let buckets = Buckets::Explicit { bounds_ms, counts: counts.to_vec() };
    SeriesPoint {
        series: series.to_owned(),
        stream: "stream".to_owned(),
        endpoint: "a".to_owned(),
        class: StatusClass::Ok,
        point: Point {
            start_ns,
            at_ns: start_ns + at_minute * 60_000_000_000,
            is_cumulative: true,
            histogram: Histogram::of(buckets, counts.iter().sum(), Some(1.5)).unwrap(),
        },
    }
}

async fn series_go_on_after_a_restart(place: &Place) {
    let mut store = place.store().await;
    let exports: [&[(&str, u64, &[u64])]; 6] = [
        &[("x", 30, &[100, 0, 0])],
        &[("x", 31, &[100, 2, 0])],
        // A status that was not there before counts from its sender's last message.
        &[("x", 32, &[101, 2, 0]), ("y", 32, &[3, 0, 0])],
        &[("x", 32, &[101, 2, 0]), ("y", 31, &[3, 0, 0])],
        &[("x", 33, &[101, 2, 0]), ("y", 33, &[4, 0, 0])],
        &[("x", 45, &[900, 2, 0]), ("y", 45, &[1, 0, 0])],
    ];
    let mut folded = Folded::default();
    for export in exports {
        let mut batch = Batch::new(BatchLimits { endpoints: 10, places: 10 });
        for (series, at_minute, counts) in export {
            assert!(batch.point(point(series, *at_minute, counts)));
        }
        keep(&store, &batch).await;
        folded.add(fold_all(&store, ALL).await);
        store.close().await;
        store = place.store().await;
    }
    let dropped: Vec<_> = folded.dropped.iter().map(|(word, number)| (*word, *number)).collect();
    assert_eq!(dropped, [("began", 1), ("gap", 1), ("late", 1), ("repeated", 1), ("restarted", 1)]);
    assert_eq!(folded.requests, 2 + 1 + 3 + 1);
    assert_eq!(before(&store, NOON).await.0, [("a".to_owned(), 7, 0, 0)]);
}

async fn a_damaged_message_does_not_stay_in_the_way(place: &Place) {
    let store = place.store().await;
    keep(&store, &batch(&[("a", StatusClass::Ok, "2026-03-02T11:30:00Z", &[1.0])])).await;
    let sql = crate::store::tests::dialect(
        &store,
        "update latency_log set body = x'63' where seq = 1",
        r"update latency_log set body = '\x63' where seq = 1",
    );
    execute(&store, sql).await.unwrap();
    keep(&store, &batch(&[("b", StatusClass::Ok, "2026-03-02T11:30:00Z", &[1.0])])).await;
    let folded = fold_all(&store, ALL).await;
    assert_eq!(folded.dropped.get("unreadable"), Some(&1));
    assert!(before(&store, NOON).await.0.iter().any(|(name, ..)| name == "b"));
}

async fn old_minutes_are_joined_and_forgotten(place: &Place) {
    let store = place.store().await;
    let time = |minute: u32| format!("2026-03-02T10:{minute:02}:00Z");
    for at_minute in 0..13 {
        for class in [StatusClass::Ok, StatusClass::Failed] {
            keep(&store, &batch(&[("a", class, &time(at_minute), &[f64::from(at_minute) + 1.0, 5.0])])).await;
        }
    }
    fold_all(&store, ALL).await;
    let seen = async || {
        let mut table = Table::new(10);
        let filled =
            fill(&mut store.read().await.unwrap(), &windows("2026-03-02T11:00:00Z"), &mut table).await.unwrap();
        let series = &table.finish().0[0].1.series;
        let blocks: Vec<_> = series.window(0).unwrap().iter().map(|cell| (cell.sketch.n(), cell.failed)).collect();
        (filled.requests, blocks)
    };
    let whole = seen().await;
    assert_eq!((whole.0, &whole.1[..4]), (52, &[(10, 10), (10, 10), (6, 6), (0, 0)][..]));
    assert_eq!(count(&store, "latency").await, 26);
    // Whole blocks alone, in small steps.
    let mut joined = 0;
    loop {
        let mut tx = store.begin().await.unwrap();
        let now = join(&mut tx, at("2026-03-02T10:12:30Z"), 3).await.unwrap();
        tx.commit().await.unwrap();
        joined += now;
        if now < 3 {
            break;
        }
    }
    assert_eq!((joined, count(&store, "latency").await), (20, 4 + 6));
    assert_eq!(seen().await, whole);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(prune(&mut tx, at(NOON), at("2026-03-02T10:05:00Z"), 10).await.unwrap(), 2);
    assert_eq!(prune(&mut tx, at(NOON), at("2026-03-02T10:05:00Z"), 10).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(seen().await.0, 32);
    assert_eq!(count(&store, "latency_endpoint").await, 1);
    let mut tx = store.begin().await.unwrap();
    prune(&mut tx, at("2026-03-04T12:00:00Z"), at("2026-03-03T12:00:00Z"), 100).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((count(&store, "latency").await, count(&store, "latency_endpoint").await), (0, 0));
}

/// Names that somebody makes up cost rows and memory up to the limit, and no more.
async fn any_number_of_names_fits(place: &Place) {
    let store = place.store().await;
    let limits = Limits { endpoints: 100 };
    let number = if std::env::var_os("ONDUTY_FULL").is_some() { 1_000_000 } else { 20_000 };
    for first in (0..number).step_by(5_000) {
        let mut batch = Batch::new(BatchLimits { endpoints: 100, places: 20_000 });
        for name in first..first + 5_000 {
            batch
                .tally(&format!("GET /{name}"), StatusClass::Ok, minute("2026-03-02T11:30:00Z"))
                .unwrap()
                .sketch
                .insert(1.0);
        }
        assert!(batch.tallies().len() <= 101);
        keep(&store, &batch).await;
    }
    let folded = fold_all(&store, limits).await;
    assert_eq!(folded.requests, number);
    assert!(count(&store, "latency_endpoint").await <= 101);
    let (shown, filled, other) = before(&store, NOON).await;
    assert!(shown.len() <= 100 && !shown.iter().any(|(name, ..)| name == OTHER));
    assert_eq!((filled.requests, other), (number, number - shown.len() as u64));
}

async fn what_is_hardly_known_is_marked(place: &Place) {
    let store = place.store().await;
    let time = "2026-03-02T11:30:00Z";
    let mut batch =
        batch(&[("fine", StatusClass::Ok, time, &[1.0; 40]), ("coarse", StatusClass::Ok, time, &[1.0; 40])]);
    batch.tally("coarse", StatusClass::Ok, minute(time)).unwrap().wide = 40;
    batch.tally("fine", StatusClass::Ok, minute(time)).unwrap().wide = 30;
    keep(&store, &batch).await;
    fold_all(&store, ALL).await;
    let mut table = Table::new(1_000);
    let filled = fill(&mut store.read().await.unwrap(), &windows(NOON), &mut table).await.unwrap();
    assert_eq!(filled.coarse.into_iter().collect::<Vec<_>>(), ["coarse"]);
    let marked = table.finish().0.into_iter().map(|(name, endpoint)| (name, endpoint.series.grain()));
    assert_eq!(marked.collect::<Vec<_>>(), [("coarse".to_owned(), Grain::Coarse), ("fine".to_owned(), Grain::Fine)]);
}
