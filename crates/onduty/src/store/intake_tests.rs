use super::*;
use crate::store::tests::{Folder, Place, at, dialect, execute, on_both};
use crate::store::{Store, journal};
use jiff::SignedDuration;
use onduty_core::engine::Declarations;
use onduty_core::signal::{CustomSignal, CustomState, Fact, Kind};

on_both!(
    what_is_answered_is_there_for_others,
    the_same_delivery_acts_once,
    a_batch_keeps_the_order_of_its_deliveries,
    one_that_cannot_be_written_fails_alone,
    too_much_is_refused_and_not_kept,
    a_store_that_was_closed_answers_so,
    keys_are_forgotten_after_their_time,
);

const NOW: &str = "2026-03-02T16:00:00Z";

fn observed(subject: &str, state: CustomState, source_time: Timestamp) -> Observation {
    let fact = Fact::Custom(CustomSignal {
        kind: "tide".into(),
        name: subject.into(),
        state,
        message: None,
        value: None,
        max_age: None,
        since: source_time,
        frames: Vec::new(),
        url: None,
    });
    Observation { source: "signals".into(), subject: subject.into(), fact, source_time, baseline: false }
}

fn intake(key: &str, observations: Vec<Observation>) -> Intake {
    Intake {
        source: "signals".into(),
        event: "signal".into(),
        key: key.into(),
        delivery: None,
        headers_json: "{}".into(),
        body: b"{\"hello\":1}\xff\0".to_vec(),
        observations,
        received_at: at(NOW),
        real_at: at(NOW),
    }
}

pub(in crate::store) fn one(key: &str) -> Intake {
    intake(key, vec![observed(key, CustomState::Failing, at(NOW))])
}

async fn subjects(store: &Store) -> Vec<String> {
    let mut db = store.read().await.unwrap();
    let snapshot = signals::snapshot(&mut db, &Declarations::default(), &BTreeSet::new(), at(NOW)).await.unwrap();
    snapshot.of_kind(&Kind::Custom("tide".into())).map(|(subject, _)| subject.to_string()).collect()
}

async fn what_is_answered_is_there_for_others(place: &Place) {
    let store = place.store().await;
    let other = place.store().await;
    for n in 1..=3_i64 {
        let intake = one(&format!("{n}"));
        let outcome = store.intake(intake.clone()).await.unwrap();
        assert_eq!(outcome, IntakeOutcome::Recorded { journal_seq: n });
        let mut db = other.read().await.unwrap();
        let record = Record::Observed { received_at: at(NOW), observations: intake.observations };
        assert_eq!(journal::read(&mut db, n - 1, 10).await.unwrap(), [(n, record)]);
        drop(db);
        assert_eq!(subjects(&other).await.len() as i64, n);
    }
    const BODY: &str = "select body from intake where key = '2' and journal_seq = 2";
    let mut db = other.read().await.unwrap();
    let (body,): (Vec<u8>,) = on_db!(db, connection => sqlx::query_as(BODY).fetch_one(connection).await).unwrap();
    assert_eq!(body, b"{\"hello\":1}\xff\0");
}

async fn the_same_delivery_acts_once(place: &Place) {
    let store = place.store().await;
    assert_eq!(store.intake(one("a")).await.unwrap(), IntakeOutcome::Recorded { journal_seq: 1 });
    // A captured request comes again under a fresh delivery id.
    let again = Intake { delivery: Some("fresh".into()), observations: Vec::new(), ..one("a") };
    assert_eq!(store.intake(again).await.unwrap(), IntakeOutcome::Duplicate);
    // Many at once, in one batch or several.
    let senders: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.intake(one(["b", "c"][n % 2])).await.unwrap() })
        })
        .collect();
    let mut recorded = Vec::new();
    for sender in senders {
        if let IntakeOutcome::Recorded { journal_seq } = sender.await.unwrap() {
            recorded.push(journal_seq);
        }
    }
    recorded.sort_unstable();
    assert_eq!(recorded, [2, 3]);
    assert_eq!(journal::newest(&mut store.read().await.unwrap()).await.unwrap(), 3);
    assert_eq!(subjects(&store).await, ["a", "b", "c"]);
}

async fn a_batch_keeps_the_order_of_its_deliveries(place: &Place) {
    let store = place.store().await;
    // Held back until all of them wait, so that they share a commit.
    let held = store.begin().await.unwrap();
    let senders: Vec<_> = (0..200_i64)
        .map(|n| {
            let state = if n % 2 == 0 { CustomState::Failing } else { CustomState::Ok };
            let seen = observed("one", state, at(NOW) + SignedDuration::from_millis(n));
            let store = store.clone();
            Box::pin(async move { store.intake(intake(&format!("{n}"), vec![seen])).await.unwrap() })
        })
        .collect();
    let all = tokio::spawn(futures_util::future::join_all(senders));
    while store.queue.waiting.capacity() > WAITING - 199 {
        tokio::task::yield_now().await;
    }
    drop(held);
    let outcomes = all.await.unwrap();
    let expected: Vec<_> = (1..=200).map(|journal_seq| IntakeOutcome::Recorded { journal_seq }).collect();
    assert_eq!(outcomes, expected);
    let mut db = store.read().await.unwrap();
    let state = signals::get(&mut db, &Kind::Custom("tide".into()), &"one".into()).await.unwrap().unwrap();
    assert_eq!(state.fact, observed("one", CustomState::Ok, at(NOW) + SignedDuration::from_millis(199)).fact);
}

async fn one_that_cannot_be_written_fails_alone(place: &Place) {
    let store = place.store().await;
    let poison = dialect(
        &store,
        "create trigger poison before insert on intake when new.event = 'poison' begin select raise(abort, 'no'); end",
        "alter table intake add constraint poison check (event <> 'poison')",
    );
    execute(&store, poison).await.unwrap();
    let held = store.begin().await.unwrap();
    let senders = (0..20).map(|n| {
        let event = if n == 7 { "poison" } else { "signal" };
        let (store, intake) = (store.clone(), Intake { event: event.into(), ..one(&format!("{n}")) });
        Box::pin(async move { store.intake(intake).await })
    });
    let all = tokio::spawn(futures_util::future::join_all(senders.collect::<Vec<_>>()));
    while store.queue.waiting.capacity() > WAITING - 19 {
        tokio::task::yield_now().await;
    }
    drop(held);
    let outcomes = all.await.unwrap();
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_err(), n == 7, "{n}: {outcome:?}");
    }
    assert_eq!(subjects(&store).await.len(), 19);
    assert_eq!(journal::newest(&mut store.read().await.unwrap()).await.unwrap(), 19);
    // It may come again once it can be written.
    let well = dialect(&store, "drop trigger poison", "alter table intake drop constraint poison");
    execute(&store, well).await.unwrap();
    assert_eq!(store.intake(one("7")).await.unwrap(), IntakeOutcome::Recorded { journal_seq: 20 });
}

async fn too_much_is_refused_and_not_kept(place: &Place) {
    let store = place.store().await;
    let held = store.begin().await.unwrap();
    let large = |key: &str| Intake { body: vec![b'x'; 15 << 20], ..one(key) };
    let senders: Vec<_> = (0..5)
        .map(|n| {
            let (store, intake) = (store.clone(), large(&format!("{n}")));
            Box::pin(async move { store.intake(intake).await })
        })
        .collect();
    let all = tokio::spawn(futures_util::future::join_all(senders));
    while store.queue.bytes.available_permits() > (5 << 20) {
        tokio::task::yield_now().await;
    }
    drop(held);
    let outcomes = all.await.unwrap();
    assert!(matches!(outcomes[4], Err(StoreError::Busy)), "{:?}", outcomes[4]);
    assert!(outcomes[..4].iter().all(Result::is_ok));
    // There is room again once they are answered.
    assert!(store.intake(large("4")).await.is_ok());
    assert_eq!(subjects(&store).await.len(), 5);
}

async fn a_store_that_was_closed_answers_so(place: &Place) {
    let store = place.store().await;
    store.close().await;
    assert!(matches!(store.intake(one("a")).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.read().await.err(), Some(StoreError::Unavailable { .. })));
    let store = place.store().await;
    assert_eq!(store.intake(one("a")).await.unwrap(), IntakeOutcome::Recorded { journal_seq: 1 });
}

async fn keys_are_forgotten_after_their_time(place: &Place) {
    let store = place.store().await;
    for n in 0..5 {
        let real_at = at(NOW) + SignedDuration::from_hours(n);
        store.intake(Intake { real_at, ..one(&format!("{n}")) }).await.unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    let before = at(NOW) + SignedDuration::from_hours(3);
    assert_eq!(prune(&mut tx, before, 2).await.unwrap(), 2);
    assert_eq!(prune(&mut tx, before, 2).await.unwrap(), 1);
    assert_eq!(prune(&mut tx, before, 2).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert!(matches!(store.intake(one("2")).await.unwrap(), IntakeOutcome::Recorded { .. }));
    assert_eq!(store.intake(one("3")).await.unwrap(), IntakeOutcome::Duplicate);
}

#[tokio::test]
async fn a_full_disk_is_told_to_everybody_and_passes() {
    let folder = Folder::new();
    let store = folder.store().await;
    let Db::Sqlite { writer, .. } = &store.db else { unreachable!("a file") };
    let (pages,): (i64,) = sqlx::query_as("select page_count from pragma_page_count").fetch_one(writer).await.unwrap();
    execute(&store, &format!("pragma max_page_count = {pages}")).await.unwrap();
    let large = |key: &str| Intake { body: vec![b'x'; 1 << 20], ..one(key) };
    let senders = (0..10).map(|n| {
        let (store, intake) = (store.clone(), large(&format!("{n}")));
        Box::pin(async move { store.intake(intake).await })
    });
    for outcome in futures_util::future::join_all(senders.collect::<Vec<_>>()).await {
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    }
    execute(&store, "pragma max_page_count = 1073741823").await.unwrap();
    assert_eq!(store.intake(large("0")).await.unwrap(), IntakeOutcome::Recorded { journal_seq: 1 });
}

/// Runs this very test a second time as a process of its own, kills it in the middle of its work, and looks at what it
/// left behind.
#[test]
fn a_killed_process_has_kept_what_it_acknowledged() {
    use std::io::BufRead;
    const CHILD: &str = "ONDUTY_TEST_KILLED_IN";
    const NAME: &str = "store::intake::tests::a_killed_process_has_kept_what_it_acknowledged";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(file) = std::env::var_os(CHILD) {
        let store = runtime.block_on(Store::open(file.as_ref())).unwrap();
        let senders = (0..16_u64).map(|sender| {
            let store = store.clone();
            runtime.spawn(async move {
                for n in 0.. {
                    let key = format!("{sender}-{n}");
                    store.intake(one(&key)).await.unwrap();
                    println!("\nkept {key}");
                }
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            runtime.block_on(sender).unwrap();
        }
        return;
    }
    for kill_after in [1, 50, 400] {
        let folder = Folder::new();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, folder.file())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let mut kept = Vec::new();
        for line in lines {
            kept.extend(line.unwrap().strip_prefix("kept ").map(str::to_owned));
            if kept.len() == kill_after {
                child.kill().unwrap(); // SIGKILL; what is still in the pipe was acknowledged as well
            }
        }
        assert!(!child.wait().unwrap().success());
        assert!(kept.len() >= kill_after, "the child ended by itself after {}", kept.len());
        runtime.block_on(async {
            let store = folder.store().await;
            let there: BTreeSet<String> = subjects(&store).await.into_iter().collect();
            for key in &kept {
                assert!(there.contains(key), "{key} was acknowledged and is lost");
            }
            let journal = journal::newest(&mut store.read().await.unwrap()).await.unwrap();
            assert_eq!(journal, there.len() as i64, "a delivery is in one place and not in the other");
            let Db::Sqlite { writer, .. } = &store.db else { unreachable!("a file") };
            let (sound,): (String,) = sqlx::query_as("pragma integrity_check").fetch_one(writer).await.unwrap();
            assert_eq!(sound, "ok");
        });
    }
}
