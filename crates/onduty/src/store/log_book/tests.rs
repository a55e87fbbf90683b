use super::*;
use crate::store::Store;
use crate::store::tests::{Place, at, dialect, execute, on_both};

on_both!(
    redaction_takes_the_content_and_keeps_the_chain,
    entries_come_back_as_they_were_written,
    entries_cannot_be_changed_or_deleted,
    a_broken_heads_file_is_not_taken_for_none,
    an_empty_log_book_is_whole,
    words_are_found_newest_first,
);

fn duty() -> DutyId {
    DutyId::new("developers")
}

fn note(text: &str, day: i8) -> NewEntry {
    NewEntry {
        duty: duty(),
        at: at(&format!("2026-03-{day:02}T10:00:00.123456Z")),
        shift: jiff::civil::date(2026, 3, day),
        author: Author::Engineer { id: "lena".into() },
        item: None,
        event: Event::Note { text: text.to_owned(), corrects: None },
    }
}

async fn filled(place: &Place, texts: &[&str]) -> Store {
    let store = place.store().await;
    let mut tx = store.begin().await.unwrap();
    for text in texts {
        append(&mut tx, &note(text, 2), text).await.unwrap();
    }
    tx.commit().await.unwrap();
    store
}

async fn entries_come_back_as_they_were_written(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.unwrap();
    let item = ItemId::from_text("developers.main-green.0.1");
    let first = NewEntry { author: Author::Machine, item: Some(item.clone()), event: Event::Woke, ..note("", 2) };
    assert_eq!(append(&mut tx, &first, "Woke up").await.unwrap(), 1);
    assert_eq!(append(&mut tx, &note("fine", 3), "fine").await.unwrap(), 2);
    let correction =
        NewEntry { event: Event::Note { text: "not fine".into(), corrects: Some(2) }, ..note("not fine", 3) };
    assert_eq!(append(&mut tx, &correction, "not fine").await.unwrap(), 3);
    let other = NewEntry { duty: "devops".into(), ..note("elsewhere", 3) };
    assert_eq!(append(&mut tx, &other, "elsewhere").await.unwrap(), 1);
    tx.commit().await.unwrap();

    let mut db = store.read().await.unwrap();
    let all = entries_since(&mut db, &duty(), 0, 10).await.unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(
        (all[0].seq, all[0].at, all[0].shift, &all[0].author, &all[0].item, &all[0].event, all[0].text.as_deref()),
        (1, first.at, first.shift, &Author::Machine, &Some(item.clone()), &Some(Event::Woke), Some("Woke up"))
    );
    assert_eq!((all[2].corrects, &all[2].author), (Some(2), &correction.author));
    let day = jiff::civil::date(2026, 3, 3);
    assert_eq!(entries_of(&mut db, &duty(), day).await.unwrap(), all[1..]);
    assert_eq!(entries_since(&mut db, &duty(), 1, 1).await.unwrap(), all[1..2]);
    assert_eq!(entries_of_item(&mut db, &duty(), &item).await.unwrap(), all[..1]);
    assert_eq!(get(&mut db, &duty(), 2).await.unwrap().as_ref(), Some(&all[1]));
    assert_eq!(get(&mut db, &duty(), 4).await.unwrap(), None);
    let month = days_of_month(&mut db, &duty(), jiff::civil::date(2026, 3, 31)).await.unwrap();
    assert_eq!(month, [(jiff::civil::date(2026, 3, 2), 1), (day, 2)].into());
    assert_eq!(days_of_month(&mut db, &duty(), jiff::civil::date(2026, 2, 1)).await.unwrap(), [].into());
}

async fn entries_cannot_be_changed_or_deleted(place: &Place) {
    let store = filled(place, &["one", "two"]).await;
    for sql in [
        "delete from log_entry where seq = 2",
        "update log_entry set text = 'three' where seq = 2",
        "update log_entry set text = 'three', event = null, salt = null where seq = 2",
        "update log_entry set event = null, text = null, salt = null, at = 0 where seq = 2",
        "update log_entry set event = null, text = null, salt = null, author = null where seq = 2",
        "update log_entry set event = null, text = null, salt = null, corrects = 1 where seq = 2",
    ] {
        let error = execute(&store, sql).await.expect_err(sql).to_string();
        assert!(error.contains("entries of the log book are never"), "{sql}: {error}");
    }
}

#[track_caller]
fn says(verified: Result<Verified, ChainBreak>) -> String {
    match verified {
        Ok(Verified { entries, redacted, truncation_checked, .. }) => {
            format!("{entries} entries, {redacted} redacted, truncation checked: {truncation_checked}")
        }
        Err(ChainBreak { seq, what }) => format!("{what:?} at {seq}"),
    }
}

/// What `verify` says after somebody with all rights did `sql` behind onduty's back.
async fn check_tampering(place: &Place, sql: &str, with_heads: bool, expected: &str) {
    let store = filled(place, &["one", "two", "three", "four"]).await;
    let heads = write_heads(&mut store.read().await.unwrap(), &place.path().join("heads.json")).await.unwrap();
    let triggers = dialect(
        &store,
        "drop trigger log_entry_stays; drop trigger log_entry_unchanged;",
        "drop trigger log_entry_stays on log_entry; drop trigger log_entry_unchanged on log_entry;",
    );
    execute(&store, &format!("{triggers} {sql}")).await.unwrap();
    let known = if with_heads { heads } else { Vec::new() };
    let verified = verify(&mut store.read().await.unwrap(), &duty(), &known).await.unwrap();
    assert_eq!(says(verified), expected, "{sql}");
}

#[tokio::test]
async fn tampering_is_found_on_sqlite() {
    for (sql, with_heads, expected) in TAMPERING {
        check_tampering(&Place::sqlite(), sql, with_heads, expected).await;
    }
}

#[tokio::test]
async fn tampering_is_found_on_postgres() {
    for (sql, with_heads, expected) in TAMPERING {
        let Some(place) = Place::postgres() else { return };
        check_tampering(&place, sql, with_heads, expected).await;
    }
}

const SWAP: &str = "update log_entry set seq = 99 where seq = 2; update log_entry set seq = 2 where seq = 3;
        update log_entry set seq = 3 where seq = 99;";
const SWAP_HASHES_AS_WELL: &str = "update log_entry set (seq, hash) = (99, hash) where seq = 2;
        update log_entry set seq = 2, hash = (select hash from log_entry where seq = 99) where seq = 3;
        update log_entry set seq = 3, hash = (select hash from log_entry where seq = 2) where seq = 99;";
const CUT: &str = "delete from log_entry where seq = 4;";
const CUT_WELL: &str = "delete from log_entry where seq = 4;
        update log_head set seq = 3, hash = (select hash from log_entry where seq = 3);";

/// What somebody does, whether a head was kept elsewhere, and what is said of it.
const TAMPERING: [(&str, bool, &str); 19] = [
    ("", false, "4 entries, 0 redacted, truncation checked: false"),
    ("", true, "4 entries, 0 redacted, truncation checked: true"),
    ("update log_entry set text = 'fine' where seq = 2", false, "BodyChanged at 2"),
    ("update log_entry set event = '{\"event\":\"woke\"}' where seq = 3", false, "BodyChanged at 3"),
    ("update log_entry set salt = 'aa' where seq = 1", false, "BodyChanged at 1"),
    ("update log_entry set text = null where seq = 1", false, "HalfRedacted at 1"),
    ("update log_entry set author = 'tom' where seq = 2", false, "EntryChanged at 2"),
    ("update log_entry set author = null where seq = 2", false, "EntryChanged at 2"),
    ("update log_entry set at = at + 1 where seq = 2", false, "EntryChanged at 2"),
    ("update log_entry set shift_day = '2026-03-03' where seq = 4", false, "EntryChanged at 4"),
    ("update log_entry set item = 'x' where seq = 4", false, "EntryChanged at 4"),
    ("delete from log_entry where seq = 2", false, "Missing at 2"),
    ("delete from log_entry where seq = 1", false, "Missing at 1"),
    (SWAP, false, "EntryChanged at 2"),
    (SWAP_HASHES_AS_WELL, false, "EntryChanged at 2"),
    (CUT, false, "WrongHead at 4"),
    (CUT_WELL, false, "3 entries, 0 redacted, truncation checked: false"),
    (CUT_WELL, true, "Missing at 4"),
    ("delete from log_entry; delete from log_head", true, "Missing at 4"),
];

#[tokio::test]
async fn a_forged_chain_does_not_match_the_known_head() {
    let (place, forged) = (Place::sqlite(), Place::sqlite());
    let store = filled(&place, &["one", "two"]).await;
    let path = place.path().join("heads.json");
    assert_eq!(read_heads(&path).await.unwrap(), None);
    write_heads(&mut store.read().await.unwrap(), &path).await.unwrap();
    let known = read_heads(&path).await.unwrap().unwrap();
    assert_eq!(known, [head_of(&mut store.read().await.unwrap(), &duty()).await.unwrap().unwrap()]);

    let store = filled(&forged, &["one", "2", "three"]).await;
    let verified = verify(&mut store.read().await.unwrap(), &duty(), &known).await.unwrap();
    assert_eq!(says(verified), "NotTheKnownHead at 2");
}

async fn a_broken_heads_file_is_not_taken_for_none(place: &Place) {
    let path = place.path().join("heads.json");
    std::fs::write(&path, "[{").unwrap();
    assert!(matches!(read_heads(&path).await, Err(StoreError::File { .. })));
}

async fn an_empty_log_book_is_whole(place: &Place) {
    let store = place.store().await;
    let verified = verify(&mut store.read().await.unwrap(), &duty(), &[]).await.unwrap();
    assert_eq!(says(verified), "0 entries, 0 redacted, truncation checked: false");
}

async fn redaction_takes_the_content_and_keeps_the_chain(place: &Place) {
    let store = filled(place, &["one", "the password is hunter2", "three"]).await;
    let mut tx = store.begin().await.unwrap();
    assert!(redact(&mut tx, &duty(), 2).await.unwrap());
    assert!(!redact(&mut tx, &duty(), 2).await.unwrap());
    assert!(!redact(&mut tx, &duty(), 9).await.unwrap());
    tx.commit().await.unwrap();

    let mut db = store.read().await.unwrap();
    let entry = get(&mut db, &duty(), 2).await.unwrap().unwrap();
    assert_eq!((entry.event, entry.text), (None, None));
    assert_eq!(search(&mut db, &duty(), "password", 10).await.unwrap(), []);
    assert_eq!(search(&mut db, &duty(), "three", 10).await.unwrap().len(), 1);
    let verified = verify(&mut db, &duty(), &[]).await.unwrap();
    assert_eq!(says(verified), "3 entries, 1 redacted, truncation checked: false");
    drop(db);
}

#[tokio::test]
async fn redacted_words_are_not_in_the_file() {
    let place = Place::sqlite();
    let store = filled(&place, &["one", "the password is hunter2", "three"]).await;
    let mut tx = store.begin().await.unwrap();
    assert!(redact(&mut tx, &duty(), 2).await.unwrap());
    tx.commit().await.unwrap();
    execute(&store, "insert into log_text (log_text) values ('integrity-check')").await.unwrap();
    execute(&store, "pragma wal_checkpoint(truncate)").await.unwrap();
    let bytes = std::fs::read(place.path().join("onduty.db")).unwrap();
    assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "the redacted text is still in the file");
}

async fn words_are_found_newest_first(place: &Place) {
    let texts = [
        "Main is red: unit tests fail",
        "Café könnte später öffnen",
        "main is green again",
        "rollout of c0ffee42 to production",
        "NEAR(main red) OR \"quoted\" -minus foo-bar",
        "部署 完成",
    ];
    let store = filled(place, &texts).await;
    let mut tx = store.begin().await.unwrap();
    append(&mut tx, &NewEntry { duty: "devops".into(), ..note("main", 2) }, "main").await.unwrap();
    tx.commit().await.unwrap();

    let mut db = store.read().await.unwrap();
    let long = "x".repeat(300);
    let many = "main ".repeat(60);
    for (query, expected) in [
        ("main", vec![5, 3, 1]),
        ("MAIN gre", vec![3]),
        ("m", vec![5, 3, 1]),
        ("unit tests fai", vec![1]),
        ("cafe", vec![2]),
        ("Cafe\u{301}", vec![2]),
        ("kon", vec![2]),
        ("c0ffee", vec![4]),
        ("ffee", vec![]),
        ("\"", vec![]),
        ("*", vec![]),
        ("main*", vec![5, 3, 1]),
        ("NEAR(", vec![5]),
        ("NEAR(main red)", vec![5]),
        ("-minus", vec![5]),
        ("-main", vec![5, 3, 1]),
        ("main OR green", vec![]),
        ("text:main", vec![]),
        ("{main}", vec![5, 3, 1]),
        ("^main", vec![5, 3, 1]),
        ("foo-bar", vec![5]),
        ("bar-foo", vec![]),
        ("\"quoted", vec![5]),
        ("'; drop table log_entry; --", vec![]),
        ("部署", vec![6]),
        ("😀", vec![]),
        ("\0", vec![]),
        ("ma\0in", vec![5, 3, 1]),
        (&long, vec![]),
        (&many, vec![5, 3, 1]),
    ] {
        let found = search(&mut db, &duty(), query, 50).await.unwrap();
        assert_eq!(found.iter().map(|entry| entry.seq).collect::<Vec<_>>(), expected, "{query:?}");
    }
    assert_eq!(search(&mut db, &duty(), "main", 2).await.unwrap().len(), 2);
}
