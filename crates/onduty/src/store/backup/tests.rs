use super::*;
use crate::store::intake::Intake;
use crate::store::log_book::{self, Head};
use crate::store::outbox::{self, EffectState, NewEffect};
use crate::store::restored::{self, Waiting};
use crate::store::rollouts::{self, OutputLine, Press};
use crate::store::tests::{Place, at, execute, table_columns};
use crate::store::{Location, Store, StoreError, access, board, items, journal, processes, seen_files};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use onduty_core::ids::DutyId;
use onduty_core::item::{Item, ItemId, ItemState, Why};
use onduty_core::logbook::{Author, Event, NewEntry};
use onduty_core::signal::{CustomSignal, CustomState, Fact, Observation};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const NOON: &str = "2026-03-02T12:00:00Z";
const LATER: &str = "2026-03-02T18:00:00Z";
/// Everything that text can be, but for NUL.
const HOSTILE: &str = "[\"quoted\"] \\ 'x'); drop table item; --\r\n\t\u{1}\u{7f}\u{202e} Käse 部署 \u{1f600}";

fn duty() -> DutyId {
    DutyId::new("developers")
}

fn note(text: &str) -> NewEntry {
    NewEntry {
        duty: duty(),
        at: at(NOON),
        shift: jiff::civil::date(2026, 3, 2),
        author: Author::Engineer { id: "lena".into() },
        item: None,
        event: Event::Note { text: text.to_owned(), corrects: None },
    }
}

fn delivery(key: &str) -> Intake {
    let fact = Fact::Custom(CustomSignal {
        kind: "tide".into(),
        name: key.into(),
        state: CustomState::Failing,
        message: Some(HOSTILE.into()),
        value: Some(0.1),
        max_age: None,
        since: at(NOON),
        frames: Vec::new(),
        url: None,
    });
    let observation =
        Observation { source: "signals".into(), subject: key.into(), fact, source_time: at(NOON), baseline: false };
    Intake {
        source: "signals".into(),
        event: "signal".into(),
        key: key.to_owned(),
        delivery: None,
        headers_json: "{}".into(),
        body: (0..=255).collect(),
        observations: vec![observation],
        received_at: at(NOON),
        real_at: at(NOON),
    }
}

fn effect(key: &str) -> NewEffect {
    NewEffect { duty: duty(), kind: "chat".into(), key: key.into(), payload: serde_json::json!({"text": HOSTILE}) }
}

/// A store with something in every table of the first schema, as the store itself writes it.
async fn filled(place: &Place) -> Store {
    let store = place.store().await;
    for n in 0..150 {
        store.intake(delivery(&format!("{n} {HOSTILE}"))).await.unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    let item = Item {
        id: ItemId::derive(&duty(), &"errors".into(), &HOSTILE.into(), 1),
        duty: duty(),
        step: "errors".into(),
        subject: HOSTILE.into(),
        occurrence: 1,
        why: Why::Due,
        opened_at: at(NOON),
        shift: jiff::civil::date(2026, 3, 2),
        state: ItemState::Open,
        taken: None,
        suggestion: None,
        owner: None,
        checklist: Vec::new(),
        conclusion: None,
        mended: None,
        escalated: false,
        handed_over: None,
    };
    items::upsert(&mut tx, &item).await.unwrap();
    board::put(&mut tx, &duty(), &serde_json::json!({"a": [1, null, HOSTILE]})).await.unwrap();
    let with_nul = format!("{HOSTILE}\0");
    for text in ["main is red", "the password is hunter2", &with_nul, "café geöffnet"] {
        log_book::append(&mut tx, &note(text), text).await.unwrap();
    }
    assert!(log_book::redact(&mut tx, &duty(), 2).await.unwrap());
    let version = processes::NewVersion {
        duty: duty(),
        text: HOSTILE.into(),
        text_hash: "h".into(),
        activated_at: at(NOON),
        activated_by: None,
        reason: "the first version".into(),
        changes: vec!["a".into()],
    };
    processes::activate(&mut tx, &version).await.unwrap();
    seen_files::remember(&mut tx, "roster", "h", 1).await.unwrap();
    outbox::enqueue(&mut tx, &effect("waits"), at(NOON)).await.unwrap();
    let press = Press {
        id: "1".into(),
        key: "k".into(),
        duty: duty(),
        environment: "production".into(),
        revision: "c0ffee".into(),
        diff_hash: "d1ff".into(),
        inputs_hash: "1e57".into(),
        pressed_by: "lena".into(),
        pressed_at: at(NOON),
    };
    rollouts::press(&mut tx, &press).await.unwrap();
    let line = OutputLine { at: at(NOON), stream: "output".into(), text: HOSTILE.into() };
    rollouts::append_output(&mut tx, "1", &vec![line; 70]).await.unwrap();
    let lena = access::NewAccount { name: "Lena".into(), engineer: Some("lena".into()), admin: true };
    let lena = access::add(&mut tx, &lena, at(NOON)).await.unwrap();
    access::set_role(&mut tx, &lena, &duty(), Some("engineer")).await.unwrap();
    access::start(&mut tx, &lena, access::Beginning::link(), at(NOON)).await.unwrap();
    access::add_link(&mut tx, &lena, at(NOON), at(LATER)).await.unwrap();
    access::add_api_token(&mut tx, &lena, "ci", &["gate:read".into()], at(NOON), at(LATER)).await.unwrap();
    access::add_wall_token(&mut tx, &duty(), "kitchen", at(NOON)).await.unwrap();
    let (_, feed) =
        access::add_calendar_feed(&mut tx, &access::FeedOf::Account(lena), "phone", at(NOON)).await.unwrap();
    let event = access::ToldEvent { hash: HOSTILE.into(), since: at(NOON) };
    let told = access::Told { events: [("developers-2026-03-02".to_owned(), event)].into(), changed_at: at(NOON) };
    access::tell_calendar_feed(&mut tx, &feed, &told, at(NOON)).await.unwrap();
    tx.commit().await.unwrap();
    store
}

async fn backup_of(store: &Store) -> (Summary, Vec<u8>) {
    write(store, Vec::new(), at(LATER)).await.unwrap()
}

async fn restore_into(place: &Place, backup: Vec<u8>) -> Result<Summary, RestoreError> {
    restore(&place.location(), std::io::Cursor::new(backup), at(LATER)).await
}

fn lines_of(backup: &[u8]) -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(backup).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A backup of these lines, with the hash that they have.
fn backup_from(mut lines: Vec<String>) -> Vec<u8> {
    let last = lines.pop().unwrap();
    let mut text = lines.join("\n") + "\n";
    let mut end: EndLine = serde_json::from_str(&last).unwrap();
    end.sha256 = crate::store::hex(&Sha256::digest(text.as_bytes()));
    text += &(serde_json::to_string(&end).unwrap() + "\n");
    packed(text.as_bytes())
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

/// From every database to every database nothing is lost, nothing is added, and the chain holds.
#[tokio::test]
async fn a_store_moves_without_losing_anything() {
    for (from, to) in [(false, false), (false, true), (true, false), (true, true)] {
        let place = |on_postgres: bool| if on_postgres { Place::postgres() } else { Some(Place::sqlite()) };
        let (Some(old), Some(new)) = (place(from), place(to)) else { return };
        let store = filled(&old).await;
        let (summary, backup) = backup_of(&store).await;
        every_column_is_in(&store, &backup).await;
        let restored = restore_into(&new, backup.clone()).await.unwrap();
        assert_eq!(restored, summary);
        let moved = new.store().await;
        let (again, back) = backup_of(&moved).await;
        assert_eq!(again.rows, summary.rows);
        // The first line says where from, and the last one has the hash over it.
        let (there, here) = (lines_of(&backup), lines_of(&back));
        assert_eq!(there[1..there.len() - 1], here[1..here.len() - 1], "{from} {to}");
        it_goes_on(&moved).await;
    }
}

async fn every_column_is_in(store: &Store, backup: &[u8]) {
    let mut columns = table_columns(store).await;
    for own in layout::ITS_OWN.iter().chain(&["log_text"]) {
        columns.remove(*own);
    }
    columns.get_mut("log_entry").unwrap().remove("words");
    let lines = lines_of(backup);
    let tables = lines.iter().filter_map(|line| serde_json::from_str::<TableLine>(line).ok());
    let found: BTreeMap<String, Vec<String>> = tables.map(|line| (line.table, line.columns)).collect();
    let expected: BTreeMap<String, usize> =
        columns.iter().map(|(name, columns)| (name.clone(), columns.len())).collect();
    assert_eq!(found.iter().map(|(name, columns)| (name.clone(), columns.len())).collect::<BTreeMap<_, _>>(), expected);
    for (table, names) in &found {
        assert!(names.iter().all(|name| columns[table].contains_key(name)), "{table}: {names:?}");
    }
    let end: EndLine = serde_json::from_str(lines.last().unwrap()).unwrap();
    let filled = end.rows.values().filter(|rows| **rows > 0).count();
    assert!(filled >= 20, "the test fills too few tables: {:?}", end.rows);
}

/// What was restored is a store like any other.
async fn it_goes_on(store: &Store) {
    let mut tx = store.begin().await.unwrap();
    assert_eq!(log_book::append(&mut tx, &note("goes on"), "goes on").await.unwrap(), 5);
    tx.commit().await.unwrap();
    store.intake(delivery("new")).await.unwrap();
    let known = store.intake(delivery(&format!("3 {HOSTILE}"))).await.unwrap();
    assert_eq!(known, crate::store::IntakeOutcome::Duplicate);
    let mut db = store.read().await.unwrap();
    for (words, expected) in [("red", vec![1]), ("cafe geo", vec![4]), ("hunter2", vec![]), ("goes", vec![5])] {
        let found = log_book::search(&mut db, &duty(), words, 10).await.unwrap();
        assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), expected, "{words}");
    }
    let verified = log_book::verify(&mut db, &duty(), &[]).await.unwrap().unwrap();
    assert_eq!((verified.entries, verified.redacted), (5, 1));
    drop(db);
    let error = execute(store, "delete from log_entry").await.unwrap_err().to_string();
    assert!(error.contains("entries of the log book are never deleted"), "{error}");
}

/// A backup that is taken while others write is one instant: a prefix of the journal and of the log book.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_is_a_prefix() {
    for place in [Some(Place::sqlite()), Place::postgres()].into_iter().flatten() {
        let store = filled(&place).await;
        let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
        let writes = async {
            while !stop.load(Ordering::Relaxed) {
                let n = written.fetch_add(1, Ordering::Relaxed);
                let text = format!("while it is backed up {n}");
                let (entry, delivery) = (note(&text), delivery(&text));
                let mut tx = store.begin().await.unwrap();
                log_book::append(&mut tx, &entry, &text).await.unwrap();
                tx.commit().await.unwrap();
                store.intake(delivery).await.unwrap();
            }
        };
        let backups = async {
            let mut made = Vec::new();
            for number in 1..=3 {
                made.push(backup_of(&store).await);
                // Each has more behind it than the one before, on however slow a machine.
                while written.load(Ordering::Relaxed) < 3 * number {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            stop.store(true, Ordering::Relaxed);
            made
        };
        let ((), made) = tokio::join!(writes, backups);
        let mut db = store.read().await.unwrap();
        let everything = log_book::entries_since(&mut db, &duty(), 0, u32::MAX).await.unwrap();
        let records = journal::read(&mut db, 0, u32::MAX).await.unwrap();
        for (summary, backup) in made {
            let elsewhere = Place::sqlite();
            restore_into(&elsewhere, backup).await.unwrap();
            let restored = elsewhere.store().await;
            let mut db = restored.read().await.unwrap();
            let prefix = log_book::entries_since(&mut db, &duty(), 0, u32::MAX).await.unwrap();
            assert_eq!(prefix[..], everything[..prefix.len()]);
            let prefix = journal::read(&mut db, 0, u32::MAX).await.unwrap();
            assert_eq!(prefix[..], records[..prefix.len()]);
            assert_eq!(prefix.len() as i64, summary.header.journal);
            assert_eq!(summary.rows["intake"], summary.rows["journal"], "a delivery and its record belong together");
        }
    }
}

/// Every way in which a file is not a whole backup; nothing of it is kept, and the place can still be used.
#[tokio::test]
async fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let old = Place::sqlite();
    let store = filled(&old).await;
    let (_, good) = backup_of(&store).await;
    let lines = lines_of(&good);
    let text = lines.join("\n") + "\n";
    let at_table =
        |name: &str| lines.iter().position(|line| line.contains(&format!("{{\"table\":\"{name}\""))).unwrap();
    let with = |index: usize, line: &str| {
        let mut changed = lines.clone();
        changed[index] = line.to_owned();
        backup_from(changed)
    };
    let with_header = |old: &str, new: &str| with(0, &lines[0].replace(old, new));
    let (board, entries) = (at_table("board"), at_table("log_entry"));
    let schema = format!("\"schema\":{}", crate::store::schema::newest());
    let without = |index: usize| {
        let mut changed = lines.clone();
        changed.remove(index);
        backup_from(changed)
    };
    let forged = lines[entries + 1].replace("main is red", "main is green");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "it is not a backup"),
        ("not gzip", text.as_bytes().to_vec(), "it is not a backup"),
        ("other lines", packed(b"hello\n"), "it is not a backup"),
        ("cut off", good[..good.len() - 20].to_vec(), "the copy is not complete"),
        ("cut in half", good[..good.len() / 2].to_vec(), "the copy is not complete"),
        ("no end", packed((lines[..lines.len() - 1].join("\n") + "\n").as_bytes()), "the copy is not complete"),
        ("more after its end", packed(format!("{text}[1]\n").as_bytes()), "something comes after the end"),
        ("a changed row", packed(text.replacen("kitchen", "chicken", 1).as_bytes()), "the hash at its end is another"),
        ("a row less", without(board + 1), "table board has 0 rows, its end says 1"),
        ("a later format", with_header("\"format\":1", "\"format\":2"), "it has format 2"),
        ("a later schema", with_header(&schema, "\"schema\":9999"), "this onduty knows up to"),
        ("a schema without backups", with_header(&schema, "\"schema\":1"), "which no backup can have"),
        ("another program's", with_header("\"backup\"", "\"cake\""), "it is not a backup"),
        ("a strange table", with(board, r#"{"table":"board; drop table item","columns":["duty"]}"#), "speaks of table"),
        ("a strange column", with(board, r#"{"table":"board","columns":["duty","1) --"]}"#), "speaks of column"),
        ("a row too wide", with(board + 1, r#"["developers","{}",1]"#), "does not fit its columns"),
        ("a number for text", with(board + 1, r#"["developers",1]"#), "does not fit its columns"),
        ("not a row", with(board + 1, r#"["developers",{}]"#), "cannot be understood"),
        ("a fraction", with(board + 1, r#"["developers",1.5]"#), "cannot be understood"),
        ("a forged log book", with(entries + 1, &forged), "the log book of developers in this backup is not whole"),
        (
            "no base64",
            with(at_table("intake") + 1, &lines[at_table("intake") + 1].replace("AAEC", "*")),
            "does not fit",
        ),
    ];
    for place in [Some(Place::sqlite()), Place::postgres()].into_iter().flatten() {
        for (what, backup, expected) in &cases {
            let error = restore_into(&place, backup.clone()).await.expect_err(what);
            assert!(error.to_string().contains(expected), "{what}: {error}");
        }
        restore_into(&place, good.clone()).await.expect("the place is as empty as before");
        let again = restore_into(&place, good.clone()).await.unwrap_err();
        assert!(matches!(again, RestoreError::NotEmpty), "{again:?}");
    }
}

/// A flipped bit anywhere is noticed, by gzip or by the hash.
#[tokio::test]
async fn no_flipped_bit_goes_unnoticed() {
    let (_, good) = backup_of(&filled(&Place::sqlite()).await).await;
    let place = Place::sqlite();
    let (mut whole, mut noticed) = (Vec::new(), 0);
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&good[..]), &mut whole).unwrap();
    // Some bytes of gzip's own head mean nothing: the time, the system.
    for position in (10..good.len()).step_by(good.len() / 60) {
        let mut flipped = good.clone();
        flipped[position] ^= 0x10;
        // The bits that fill up the last byte of a compressed block mean nothing either.
        let mut text = Vec::new();
        if std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&flipped[..]), &mut text).is_ok()
            && text == whole
        {
            continue;
        }
        noticed += 1;
        restore_into(&place, flipped).await.expect_err("a flipped bit");
    }
    assert!(noticed > 50, "{noticed} flipped bits mattered");
    restore_into(&place, good).await.unwrap();
}

#[tokio::test]
async fn a_used_store_is_never_overwritten() {
    let (_, backup) = backup_of(&filled(&Place::sqlite()).await).await;
    for place in [Some(Place::sqlite()), Place::postgres()].into_iter().flatten() {
        let store = place.store().await;
        let mut tx = store.begin().await.unwrap();
        log_book::append(&mut tx, &note("mine"), "mine").await.unwrap();
        tx.commit().await.unwrap();
        let error = restore_into(&place, backup.clone()).await.unwrap_err();
        assert!(matches!(error, RestoreError::NotEmpty), "{error:?}");
        let mine = log_book::newest(&mut store.read().await.unwrap(), &duty(), 1).await.unwrap();
        assert_eq!(mine[0].text.as_deref(), Some("mine"));
    }
}

#[tokio::test]
async fn a_restored_store_observes_until_it_is_confirmed() {
    let (_, backup) = backup_of(&filled(&Place::sqlite()).await).await;
    for waiting in [Waiting::Send, Waiting::Drop] {
        for place in [Some(Place::sqlite()), Place::postgres()].into_iter().flatten() {
            assert_eq!(restored::get(&mut place.store().await.read().await.unwrap()).await.unwrap(), None);
            // An empty store of a server that was never used is empty.
            restore_into(&place, backup.clone()).await.unwrap();
            let store = place.store().await;
            let mut tx = store.begin().await.unwrap();
            let known = restored::get(&mut tx).await.unwrap().unwrap();
            assert_eq!((known.made_at, known.only_observes()), (at(LATER), true));
            assert_eq!(restored::waiting(&mut tx, &known).await.unwrap(), 1);
            let after = at(LATER) + jiff::SignedDuration::from_secs(1);
            outbox::enqueue(&mut tx, &effect("after the restore"), after).await.unwrap();
            restored::confirm(&mut tx, &known, waiting, after).await.unwrap();
            tx.commit().await.unwrap();
            let mut db = store.read().await.unwrap();
            assert!(!restored::get(&mut db).await.unwrap().unwrap().only_observes());
            let expected = if waiting == Waiting::Send { EffectState::Pending } else { EffectState::Unknown };
            assert_eq!(outbox::by_key(&mut db, "waits").await.unwrap().unwrap().state, expected);
            let new = outbox::by_key(&mut db, "after the restore").await.unwrap().unwrap();
            assert_eq!(new.state, EffectState::Pending, "what this store caused itself leaves");
        }
    }
}

#[tokio::test]
async fn what_is_not_a_store_is_not_backed_up() {
    let folder = crate::store::tests::Folder::new();
    let error = Store::open_to_read(&Location::Sqlite(folder.file())).await.err().unwrap();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error:?}");
    assert!(!folder.file().exists(), "nothing is made");
    let Some(server) = onduty_fakes::postgres::shared() else { return };
    let empty = Location::Postgres(server.database().url().into());
    let error = Store::open_to_read(&empty).await.err().unwrap();
    assert!(matches!(error, StoreError::NoStore), "{error:?}");
}

#[tokio::test]
async fn a_store_that_is_only_read_cannot_be_written() {
    for place in [Some(Place::sqlite()), Place::postgres()].into_iter().flatten() {
        let store = filled(&place).await;
        let reader = Store::open_to_read(&place.location()).await.unwrap();
        let heads: Vec<Head> = log_book::heads(&mut reader.read().await.unwrap()).await.unwrap();
        assert_eq!(heads.len(), 1);
        let written = match reader.begin().await {
            Ok(mut tx) => board::put(&mut tx, &duty(), &serde_json::json!(1)).await,
            Err(error) => Err(error),
        };
        assert!(matches!(written, Err(StoreError::Unavailable { .. })), "{written:?}");
        reader.close().await;
        store.intake(delivery("goes on")).await.unwrap();
    }
}

/// Where the backup goes has no more room.
#[tokio::test]
async fn a_full_disk_is_said() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let old = Place::sqlite();
    let store = filled(&old).await;
    for room in [0, 1_000] {
        let error = write(&store, Full(room), at(LATER)).await.map(|(summary, _)| summary).unwrap_err();
        assert!(
            matches!(&error, StoreError::Stream(error) if error.kind() == std::io::ErrorKind::StorageFull),
            "{room}: {error:?}"
        );
    }
}
