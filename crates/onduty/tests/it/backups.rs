//! Backup, restore and verify by the command line, on the real server: under load, from one database to the other, and
//! what a restored instance does until it is confirmed.

use crate::day::{DAY, Day, Setting, duty};
use crate::load::Load;
use crate::seed_day::{chain_holds, replay_gives_the_same};
use crate::served::Served;
use crate::stores;
use crate::tools::{Said, eventually, is_full, onduty};
use onduty::store::{Location, Store, journal, log_book, outbox};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

#[track_caller]
fn ends(said: Said, code: i32) -> Said {
    assert_eq!(said.code, code, "{said:?}");
    said
}

/// The rows of a backup by table, and its first line.
fn content_of(backup: &Path) -> (Value, BTreeMap<String, Vec<String>>) {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(backup).expect("a backup");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut header, mut table) = (Value::Null, String::new());
    for line in text.lines() {
        if line.starts_with('[') {
            tables.get_mut(&table).expect("a table first").push(line.to_owned());
            continue;
        }
        let line: Value = serde_json::from_str(line).expect("JSON");
        if line["onduty"] == "backup" {
            header = line;
        } else if let Some(name) = line["table"].as_str() {
            name.clone_into(&mut table);
            tables.insert(table.clone(), Vec::new());
        }
    }
    (header, tables)
}

/// Moves the instance in `files` to the other kind of database: back up, restore, confirm.
async fn moves(files: &Path, backup: &Path) {
    let backup_name = backup.to_str().expect("plain");
    ends(onduty(files, &[], &["backup", backup_name]).await, 0);
    if let Location::Sqlite(path) = stores::location(files) {
        let server = onduty_fakes::postgres::shared().expect("asked before");
        stores::keep_in(files, server.database().url());
        std::fs::rename(&path, path.with_extension("old")).expect("the old file");
    } else {
        stores::keep_in_a_file(files);
    }
    ends(onduty(files, &[], &["restore", backup_name]).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_moves_to_the_other_database_and_back() {
    if onduty_fakes::postgres::shared().is_none() {
        return;
    }
    let mut day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    day.at("10:00").await;
    assert!(day.seed.main_turns_red().await.unwrap().accepted());
    day.pass().await;
    let lena = day.administrator("lena").await;
    lena.form("/duty/developers/note", &[("text", "before the move")]).await.expect(303);
    day.stop().await;
    let folder = tempfile::tempdir().unwrap();
    let files = day.files();
    let (there, back, again) =
        (folder.path().join("there"), folder.path().join("back"), folder.path().join("once-more"));
    moves(&files, &there).await;
    replay_gives_the_same(&files, DAY).await;
    moves(&files, &back).await;
    replay_gives_the_same(&files, DAY).await;
    ends(onduty(&files, &[], &["backup", again.to_str().unwrap()]).await, 0);
    let (_, first) = content_of(&there);
    for other in [&back, &again] {
        let (_, content) = content_of(other);
        for (table, rows) in &first {
            assert_eq!(rows, &content[table], "{table}");
        }
        assert_eq!(first.len(), content.len());
    }
    assert!(first["journal"].len() > 5 && first["log_entry"].len() > 2 && !first["account"].is_empty());
    let verified = ends(onduty(&files, &[], &["verify", "--replay"]).await, 0).out;
    assert!(verified.contains("developers: ") && verified.contains("give the same items and entries"), "{verified}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_instance_only_observes_until_it_is_confirmed() {
    let mut served = Served::with_script("#!/bin/sh\n");
    served.start().await;
    served.opens_the_gate().await;
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    let name = backup.to_str().unwrap();
    let files = served.files();
    let said = ends(onduty(&files, &[], &["backup", name]).await, 0).out;
    assert!(said.contains("the journal up to"), "{said}");
    let again = ends(onduty(&files, &[], &["backup", name]).await, 2).err;
    assert!(again.contains("no backup is overwritten"), "{again}");
    assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let used = ends(onduty(&files, &[], &["restore", name]).await, 2).err;
    assert!(used.contains("there is a store with content already"), "{used}");
    let nothing = ends(onduty(&files, &[], &["restore", "--confirm"]).await, 1).err;
    assert!(nothing.contains("did not come from a backup"), "{nothing}");
    served.stop().await;

    stores::keep_in_a_file(&files);
    let store = files.join("data/onduty.db");
    if store.exists() {
        std::fs::rename(&store, files.join("data/old.db")).unwrap();
    }
    let said = ends(onduty(&files, &[], &["restore", name]).await, 0).out;
    assert!(said.contains("It only observes"), "{said}");
    // A message that waited when the backup was made.
    let kept = Store::open_at(&stores::location(&files)).await.unwrap();
    let mut tx = kept.begin().await.unwrap();
    let effect = outbox::NewEffect { duty: duty(), kind: "chat".into(), key: "k".into(), payload: json!({}) };
    outbox::enqueue(&mut tx, &effect, "2026-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    kept.close().await;

    served.start().await;
    let gate = served.gate().await;
    assert_eq!(gate["open"], false, "{gate}");
    assert!(gate["blockers"].to_string().contains("observe"), "{gate}");
    served.stop().await;
    let chosen = ends(onduty(&files, &[], &["restore", "--confirm"]).await, 2).err;
    assert!(chosen.contains("1 message waited") && chosen.contains("--waiting drop"), "{chosen}");
    ends(onduty(&files, &[], &["restore", "--confirm", "--waiting", "drop"]).await, 0);
    served.start().await;
    eventually("the gate opens again", async || (served.gate().await["open"] == true).then_some(())).await;
    served.stop().await;
}

/// Backups of the running server under `500 writes/s`: each restores to a prefix of what is there at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_restores_to_a_prefix() {
    // Reduced, eight senders that rest for 40 ms bring 200/s at most; what is asked of them holds on a machine that others use.
    let (senders, rest, backups, least) = if is_full() { (64, 40, 10, 500.0) } else { (8, 40, 2, 20.0) };
    let mut served = Served::with_script("#!/bin/sh\n").and_github();
    served.start().await;
    let load = Load::start(&served.url, senders, Duration::from_millis(rest));
    let folder = tempfile::tempdir().unwrap();
    let files = served.files();
    let mut restored = Vec::new();
    let begun = (std::time::Instant::now(), load.count());
    for number in 0..backups {
        let enough = load.count() + if is_full() { 1_000 } else { 100 };
        eventually("more is acknowledged", async || (load.count() >= enough).then_some(())).await;
        let backup = folder.path().join(format!("{number}"));
        ends(onduty(&files, &[], &["backup", backup.to_str().unwrap()]).await, 0);
        let to = folder.path().join(format!("{number}.db"));
        ends(onduty(&files, &[], &["restore", backup.to_str().unwrap(), "--to", to.to_str().unwrap()]).await, 0);
        restored.push((content_of(&backup).0["journal"].as_i64().unwrap(), to));
    }
    let rate = (load.count() - begun.1) as f64 / begun.0.elapsed().as_secs_f64();
    eprintln!("backup under load: {rate:.0} deliveries/s, {backups} backups restored");
    load.stop().await;
    served.stop().await;

    let store = Store::open_at(&stores::location(&files)).await.unwrap();
    let mut reader = store.read().await.unwrap();
    let records = journal::read(&mut reader, 0, u32::MAX).await.unwrap();
    let entries = log_book::entries_since(&mut reader, &duty(), 0, u32::MAX).await.unwrap();
    for (newest, path) in restored {
        let copy = Store::open(&path).await.unwrap();
        let mut reader = copy.read().await.unwrap();
        let prefix = journal::read(&mut reader, 0, u32::MAX).await.unwrap();
        assert_eq!(prefix.len() as i64, newest);
        assert!(prefix[..] == records[..prefix.len()], "the journal of a backup is not a prefix");
        let prefix = log_book::entries_since(&mut reader, &duty(), 0, u32::MAX).await.unwrap();
        assert!(prefix[..] == entries[..prefix.len()], "the log book of a backup is not a prefix");
        chain_holds(&mut reader, &duty()).await;
        drop(reader);
        copy.close().await;
    }
    drop(reader);
    store.close().await;
    // Last: a machine that is too busy for it says nothing about the backups.
    assert!(rate >= least, "{rate:.0} deliveries/s were acknowledged while backups ran; at least {least} are promised");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_names_what_is_wrong() {
    let mut day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    let lena = day.administrator("lena").await;
    for text in ["one", "two", "three"] {
        lena.form("/duty/developers/note", &[("text", text)]).await.expect(303);
    }
    let files = day.files();
    let well = ends(onduty(&files, &[], &["verify", "--replay"]).await, 0).out;
    assert!(well.contains("is not checked: no head was kept elsewhere"), "{well}");
    let heads = files.join("heads");
    let mut reader = day.app.store.read().await.unwrap();
    log_book::write_heads(&mut reader, &heads).await.unwrap();
    drop(reader);
    let with_heads = ["verify", "--heads", "heads"];
    let well = ends(onduty(&files, &[], &with_heads).await, 0).out;
    assert!(well.contains("it ends where or after it was seen to end"), "{well}");
    day.stop().await;

    let known = std::fs::read_to_string(&heads).unwrap();
    let other = known.replacen("\"hash\": \"", "\"hash\": \"0", 1);
    std::fs::write(&heads, other).unwrap();
    let found = ends(onduty(&files, &[], &with_heads).await, 1).out;
    assert!(found.contains("is another than the one that was seen there"), "{found}");
    let mut further: Value = serde_json::from_str(&known).unwrap();
    further[0]["seq"] = json!(99);
    std::fs::write(&heads, further.to_string()).unwrap();
    let found = ends(onduty(&files, &[], &with_heads).await, 1).out;
    assert!(found.contains("entry 99 is missing"), "{found}");
    // Heads that were kept elsewhere, some of them of another place: the good one does not hide the others.
    std::fs::write(&heads, &known).unwrap();
    let two: Value = serde_json::from_str(&known).unwrap();
    let (duty, seq) = (two[0]["duty"].as_str().unwrap(), two[0]["seq"].as_i64().unwrap());
    for (of_duty, of_seq, says) in [
        (duty, seq, "is another than the one that was seen there"),
        (duty, 1, "is another than the one that was seen there"),
        ("devops-elsewhere", 4, "entry 4 is missing"),
    ] {
        let head = json!([{"duty": of_duty, "seq": of_seq, "hash": "ab".repeat(32)}]);
        std::fs::write(files.join("shipped"), head.to_string()).unwrap();
        let found = ends(onduty(&files, &[], &["verify", "--heads", "heads", "--heads", "shipped"]).await, 1).out;
        assert!(found.contains(says), "{of_duty} {of_seq}: {found}");
        assert!(found.contains(&format!("{of_duty}: the head of entry {of_seq} is from shipped")), "{found}");
        assert!(!found.contains("is from heads") || of_seq == seq && of_duty == duty, "{found}");
    }
    // The same by a log that was shipped: lines of the server, among others.
    let line = |hash: &str| {
        let fields = json!({"message": "head of the log book", "duty": duty, "seq": seq, "hash": hash});
        json!({"level": "INFO", "fields": fields, "target": "onduty::log_head"}).to_string()
    };
    let log = |hash: &str| format!("{{\"level\":\"INFO\",\"target\":\"onduty\"}}\n{}\n", line(hash));
    std::fs::write(files.join("shipped"), log(two[0]["hash"].as_str().unwrap())).unwrap();
    let with_log = ["verify", "--heads", "shipped"];
    ends(onduty(&files, &[], &with_log).await, 0);
    std::fs::write(files.join("shipped"), log(&"ab".repeat(32))).unwrap();
    let found = ends(onduty(&files, &[], &with_log).await, 1).out;
    assert!(found.contains(&format!("{duty}: the head of entry {seq} is from shipped")), "{found}");
    std::fs::write(files.join("shipped"), "nothing of the kind\n").unwrap();
    let said = ends(onduty(&files, &[], &with_log).await, 2);
    assert!(said.err.contains("shipped: no head is in it"), "{said:?}");
    std::fs::write(&heads, "[").unwrap();
    ends(onduty(&files, &[], &with_heads).await, 2);
    ends(onduty(&files, &[], &["verify", "--heads", "nowhere"]).await, 2);

    // Somebody with all rights changes an item behind onduty's back.
    stores::execute(&files, "update item set body = replace(body, '\"open\"', '\"open\" ') where 1 = 1").await;
    stores::execute(&files, "update journal set record = replace(record, 'two', 'owt')").await;
    let found = ends(onduty(&files, &[], &["verify", "--replay"]).await, 1).out;
    assert!(found.contains("the journal gives something else: entry"), "{found}");
    ends(onduty(Path::new("/"), &[], &["verify"]).await, 2);
    day.end().await;
}

/// What the server shipped with its log shows that the log book was shortened, its head and the file beside it as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shortened_log_book_is_found_by_the_log_of_the_server() {
    let mut served = Served::with_script("#!/bin/sh\n").and_json_logs("info");
    served.start().await;
    served.opens_the_gate().await;
    // A stop ships the heads.
    served.stop().await;
    let (files, log) = (served.files(), served.log_file());
    let log = log.to_str().unwrap();
    ends(onduty(&files, &[], &["verify", "--heads", log]).await, 0);
    let unguarded = if stores::on_postgres() {
        "drop trigger log_entry_stays on log_entry"
    } else {
        "drop trigger log_entry_stays"
    };
    for sql in [
        unguarded,
        "delete from log_entry where duty = 'developers' and seq = (select max(seq) from log_entry where duty = 'developers')",
        "update log_head set seq = seq - 1, hash = (select hash from log_entry where duty = log_head.duty and seq = log_head.seq - 1) where duty = 'developers'",
    ] {
        stores::execute(&files, sql).await;
    }
    std::fs::remove_file(served.data().join("log-heads.jsonl")).unwrap();
    ends(onduty(&files, &[], &["verify"]).await, 0);
    let found = ends(onduty(&files, &[], &["verify", "--heads", log]).await, 1).out;
    assert!(found.contains("is missing") && found.contains("developers: the head of entry"), "{found}");
}
