//! The connection breaks around a commit: what happened is found out by the key that the commit left, and the caller is
//! told the truth.

use super::Place;
use crate::store::intake::tests::one;
use crate::store::{IntakeOutcome, Location, Store, StoreError, journal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// What is promised to whoever asks.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

const PASS: u8 = 0;
/// The next commit never reaches the database.
const CUT_BEFORE: u8 = 1;
/// The database commits, and nobody hears of it.
const CUT_AFTER: u8 = 2;
/// Added to either: after that the database cannot be reached.
const AND_GO: u8 = 4;
/// It cannot be reached.
const AWAY: u8 = 8;

/// Stands between the store and its database and cuts a connection at a commit. What it cut off stays open towards the
/// database, as after a network has broken: the database does not know.
struct Cutter {
    mode: Arc<AtomicU8>,
    folder: tempfile::TempDir,
}

impl Cutter {
    fn before(socket: PathBuf) -> Cutter {
        let folder = tempfile::Builder::new().prefix("onduty-cut").tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let mode = Arc::new(AtomicU8::new(PASS));
        let cuts = Arc::clone(&mode);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if cuts.load(Ordering::SeqCst) == AWAY {
                    continue;
                }
                let server = UnixStream::connect(&socket).await.unwrap();
                tokio::spawn(pass_on(client, server, Arc::clone(&cuts)));
            }
        });
        Cutter { mode, folder }
    }

    /// The address of `database` by this way.
    fn address(&self, database: &str) -> Location {
        Location::Postgres(format!("postgres:///{database}?host={}&user=onduty", self.folder.path().display()).into())
    }
}

async fn pass_on(mut client: UnixStream, mut server: UnixStream, mode: Arc<AtomicU8>) {
    let (mut from_client, mut from_server) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                if mode.load(Ordering::SeqCst) == AWAY {
                    return;
                }
                let sent = &from_client[..length];
                // The driver's own word; statements about `last_commit` are ours and small.
                let is_commit = sent.windows(6).any(|word| word == b"COMMIT");
                let cut = if is_commit { mode.swap(PASS, Ordering::SeqCst) } else { PASS };
                let (cut, goes) = (cut & !AND_GO, cut & AND_GO != 0);
                if cut != CUT_BEFORE && server.write_all(sent).await.is_err() {
                    return;
                }
                if cut == CUT_AFTER {
                    assert!(server.read(&mut from_server).await.is_ok_and(|length| length > 0), "it answers");
                }
                if cut != PASS {
                    if goes {
                        mode.store(AWAY, Ordering::SeqCst);
                    }
                    drop(client);
                    // Until the database ends it.
                    while !matches!(server.read(&mut from_server).await, Ok(0) | Err(_)) {}
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The socket and the name of a database at this address.
fn parts_of(url: &str) -> (PathBuf, String) {
    let (name, rest) = url.strip_prefix("postgres:///").and_then(|rest| rest.split_once("?host=")).unwrap();
    let (folder, _) = rest.split_once('&').unwrap();
    (Path::new(folder).join(".s.PGSQL.5432"), name.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_resolved_by_its_key() {
    let Some(place) = Place::postgres() else { return };
    let (socket, name) = parts_of(place.database.as_ref().unwrap().url());
    let cutter = Cutter::before(socket);
    let store = Store::open_at(&cutter.address(&name)).await.unwrap();
    let rounds = if std::env::var_os("ONDUTY_FULL").is_some() { 200 } else { 10 };
    let mut seq = 0;
    for round in 0..rounds {
        let key = format!("after {round}");
        cutter.mode.store(CUT_AFTER, Ordering::SeqCst);
        seq += 1;
        let outcome = store.intake(one(&key)).await.unwrap();
        assert_eq!(outcome, IntakeOutcome::Recorded { journal_seq: seq }, "it was kept, and that is said");
        assert_eq!(cutter.mode.load(Ordering::SeqCst), PASS, "it was cut");

        let key = format!("before {round}");
        cutter.mode.store(CUT_BEFORE, Ordering::SeqCst);
        let lost = store.intake(one(&key)).await;
        assert!(matches!(lost, Err(StoreError::Unavailable { .. })), "it was not kept, and that is said: {lost:?}");
        seq += 1;
        let outcome = store.intake(one(&key)).await.unwrap();
        assert_eq!(outcome, IntakeOutcome::Recorded { journal_seq: seq }, "the sender comes again");
        assert_eq!(store.intake(one(&key)).await.unwrap(), IntakeOutcome::Duplicate);
    }
    let mut db = store.read().await.unwrap();
    assert_eq!(journal::newest(&mut db).await.unwrap(), 2 * rounds);
    assert_eq!(journal::read(&mut db, 0, u32::MAX).await.unwrap().len() as i64, 2 * rounds);
}

/// While the database stays away nobody waits for ever. The asking goes on: when the database is back, what the lost session
/// holds there is ended, so that the next one writes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_lost_commit_is_answered_in_time_and_the_asking_goes_on() {
    let Some(place) = Place::postgres() else { return };
    let (socket, name) = parts_of(place.database.as_ref().unwrap().url());
    let cutter = Cutter::before(socket);
    let store = Store::open_at(&cutter.address(&name)).await.unwrap();
    for (cut, key, is_kept) in [(CUT_BEFORE, "before", false), (CUT_AFTER, "after", true)] {
        cutter.mode.store(cut + AND_GO, Ordering::SeqCst);
        let asked = Instant::now();
        let unknown = store.intake(one(key)).await;
        assert!(matches!(unknown, Err(StoreError::OutcomeUnknown { .. })), "{key}: {unknown:?}");
        assert!(asked.elapsed() < ANSWERED_WITHIN, "{key}: {:?}", asked.elapsed());
        let asked = Instant::now();
        assert!(matches!(store.begin().await.err(), Some(StoreError::Unavailable { .. })), "{key}");
        assert!(asked.elapsed() < ANSWERED_WITHIN, "{key}: {:?}", asked.elapsed());
        let asked = Instant::now();
        assert!(matches!(store.read().await.err(), Some(StoreError::Unavailable { .. })), "{key}");
        assert!(asked.elapsed() < ANSWERED_WITHIN, "{key}: {:?}", asked.elapsed());
        cutter.mode.store(PASS, Ordering::SeqCst);
        let outcome = store.intake(one(key)).await.unwrap();
        assert_eq!(outcome == IntakeOutcome::Duplicate, is_kept, "{key}: {outcome:?}");
    }
}

/// A transaction in which a statement failed is not committed in silence, which is what PostgreSQL would do.
#[tokio::test]
async fn a_failed_transaction_is_never_said_to_be_kept() {
    let Some(place) = Place::postgres() else { return };
    let store = place.store().await;
    let mut tx = store.begin().await.unwrap();
    let line = crate::store::rollouts::OutputLine {
        at: super::at("2026-03-02T12:00:00Z"),
        stream: "output".into(),
        text: "whose?".into(),
    };
    crate::store::rollouts::append_output(&mut tx, "nobody's", &[line]).await.unwrap_err();
    tx.commit().await.unwrap_err();
    store.begin().await.unwrap().commit().await.unwrap();
}
