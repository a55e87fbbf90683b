//! `onduty doctor`: what it finds on an instance that is well, and on one where something is wrong.

use crate::day::{Day, Setting};
use crate::served::Served;
use crate::stores;
use crate::tls::instance_over_tls;
use crate::tools::{Said, eventually, has, onduty};
use onduty::server::{Objection, TlsFiles, objection};
use onduty_fakes::postgres::{Database, Server};
use rustls::pki_types::UnixTime;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// The checks called `name`, as verdicts with what was found.
fn checks(said: &Said, name: &str) -> Vec<(String, String)> {
    let all = said.json();
    let of_name = all.as_array().expect("a list").iter().filter(|check| check["name"] == name);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    of_name.map(|check| (text(&check["verdict"]), text(&check["what"]))).collect()
}

async fn doctor(folder: &Path) -> Said {
    onduty(folder, &[], &["doctor", "--json"]).await
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_thing_that_is_wrong_is_found_and_explained() {
    let day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    let files = day.files();
    let well = doctor(&files).await;
    for name in ["secrets", "rights", "disk", "git", "schema", "pages", "time zones"] {
        assert_eq!(checks(&well, name)[0].0, "well", "{name}: {well:?}");
    }
    // The day's server listens elsewhere, and time stands still: it is not what this file speaks of.
    assert_eq!(checks(&well, "server")[0].0, "not_checked", "{well:?}");
    assert_eq!(well.code, 0, "{well:?}");

    mode(&day.app.data.join("cli-token"), 0o644);
    mode(&day.app.data, 0o755);
    let open = doctor(&files).await;
    assert_eq!((open.code, checks(&open, "rights").len()), (1, 2), "{open:?}");
    mode(&day.app.data.join("cli-token"), 0o600);
    mode(&day.app.data, 0o700);

    let secret = files.join("secrets/signals");
    let value = std::fs::read_to_string(&secret).expect("a secret");
    std::fs::write(&secret, "short-but-secret").expect("it can be written");
    mode(&secret, 0o644);
    let public = onduty(&files, &[], &["doctor"]).await;
    assert!(public.code == 1 && public.out.contains("WRONG: secrets"), "{public:?}");
    assert!(!public.out.contains("short-but-secret") && !public.err.contains("short-but-secret"), "{public:?}");
    std::fs::write(&secret, value).expect("it can be written");
    mode(&secret, 0o600);

    let mut tx = day.app.store.begin().await.expect("the store can be written");
    let effect = onduty::store::outbox::NewEffect {
        duty: crate::day::duty(),
        kind: "chat".into(),
        key: "k".into(),
        payload: serde_json::json!({}),
    };
    onduty::store::outbox::enqueue(&mut tx, &effect, "2026-01-01T00:00:00Z".parse().unwrap()).await.expect("an effect");
    tx.commit().await.expect("a commit");
    let stuck = doctor(&files).await;
    assert_eq!((stuck.code, checks(&stuck, "outbox")[0].0.as_str()), (1, "wrong"), "{stuck:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_damaged_or_of_a_later_version_is_found() {
    let day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    let (files, store) = (day.files(), day.app.data.join("onduty.db"));
    day.app.store.close().await;
    let mut bytes = std::fs::read(&store).expect("the store");
    let whole = bytes.clone();
    // The middle of every page but the first few is gone.
    for page in bytes.chunks_mut(4096).skip(8) {
        page[100..3000].fill(0xff);
    }
    std::fs::write(&store, bytes).expect("it can be written");
    let damaged = doctor(&files).await;
    assert_eq!(damaged.code, 1, "{damaged:?}");
    let found: Vec<_> = ["pages", "store"].iter().flat_map(|name| checks(&damaged, name)).collect();
    assert!(found.iter().any(|(verdict, _)| verdict == "wrong"), "{damaged:?}");

    std::fs::write(&store, "this is no database at all, and never was one").expect("it can be written");
    assert_eq!(checks(&doctor(&files).await, "store")[0].0, "wrong");
    std::fs::write(&store, whole).expect("it can be written");
    assert_eq!(checks(&doctor(&files).await, "pages")[0].0, "well");

    assert_eq!(onduty(&files, &[], &["doctor", "nowhere"]).await.code, 2);
    day.end().await;
}

/// The verdict of the check called `name`, with what it found.
#[track_caller]
fn the(said: &Said, name: &str) -> (String, String) {
    let mut found = checks(said, name);
    assert!(!found.is_empty(), "no {name} in {said:?}");
    found.remove(0)
}

#[track_caller]
fn is(said: &Said, name: &str, verdict: &str, what: &str) {
    let found = the(said, name);
    assert!(found.0 == verdict && found.1.contains(what), "{name} should be {verdict} ({what}): {found:?} of {said:?}");
}

/// The instance's file now names the address at which its server listens.
pub fn listen_where_it_does(served: &Served) {
    let path = served.files().join("onduty.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    let address = served.url.split_once("://").unwrap().1;
    std::fs::write(path, text.replace("listen: 127.0.0.1:0", &format!("listen: {address}"))).unwrap();
}

/// A certificate of a month for the key that is there, by an authority of its own.
const ISSUED: &str = "\
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 60 -subj '/CN=An authority' \
        -keyout authority.key -out authority.pem
    openssl req -new -key key.pem -subj '/CN=onduty' -out request
    printf 'subjectAltName=DNS:onduty.acme.example\nbasicConstraints=CA:FALSE\n' > extensions
    openssl x509 -req -in request -days 30 -CA authority.pem -CAkey authority.key -CAcreateserial \
        -extfile extensions -out cert.pem";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_is_asked_as_it_speaks() {
    if !has("openssl", "what the doctor says of TLS") {
        return;
    }
    // In the clear first.
    let mut served = Served::with_script("#!/bin/sh\n");
    served.start().await;
    listen_where_it_does(&served);
    eventually("it is healthy", async || (the(&doctor(&served.files()).await, "server").0 == "well").then_some(()))
        .await;
    served.stop().await;
    is(&doctor(&served.files()).await, "server", "not_checked", "no onduty answers");

    let mut served = instance_over_tls();
    served.start().await;
    listen_where_it_does(&served);
    let (files, tls) = (served.files(), served.files().join("tls"));
    let well =
        eventually("it is healthy", async || Some(doctor(&files).await).filter(|said| the(said, "server").0 == "well"))
            .await;
    is(&well, "server", "well", "over TLS and is healthy");
    is(&well, "certificate", "advice", "expires within two weeks");
    // A name that the certificate does not have, and a key that everybody can read.
    let path = files.join("onduty.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("https://onduty.acme.example", "https://other.acme.example")).unwrap();
    let other = doctor(&files).await;
    is(&other, "certificate", "wrong", "it is not for the name other.acme.example");
    is(&other, "server", "well", "over TLS");
    std::fs::write(&path, &text).unwrap();
    mode(&tls.join("key.pem"), 0o644);
    let open = doctor(&files).await;
    is(&open, "certificate", "wrong", "can be read by everybody");
    is(&open, "server", "not_checked", "");
    mode(&tls.join("key.pem"), 0o600);

    // Somebody else's server where ours should be: its certificate is not that of the file.
    let elsewhere = instance_over_tls();
    let port = served.url.rsplit(':').next().unwrap();
    let text = std::fs::read_to_string(elsewhere.files().join("onduty.yml")).unwrap();
    let text = text.replace("listen: 127.0.0.1:0", &format!("listen: 127.0.0.1:{port}"));
    std::fs::write(elsewhere.files().join("onduty.yml"), text).unwrap();
    is(&doctor(&elsewhere.files()).await, "server", "wrong", "another certificate than the file has");
    served.stop().await;

    // What time does to a certificate.
    let files = TlsFiles { certificate: tls.join("cert.pem"), key: tls.join("key.pem") };
    let at = |days: i64| {
        let now = onduty::clock::real_now().as_second() + days * 86_400;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
        objection(&files, Some("onduty.acme.example"), at).unwrap()
    };
    for (days, expected) in [(0, None), (3, Some(Objection::Expired)), (-1, Some(Objection::NotYet))] {
        assert_eq!(at(days), expected, "in {days} days");
    }
    // One that somebody vouches for who is not in the file, and the same with them in it.
    let made = std::process::Command::new("sh").arg("-ec").arg(ISSUED).current_dir(&tls).output().unwrap();
    assert!(made.status.success(), "{:?}", Said::of(&made));
    assert_eq!(at(0), Some(Objection::NobodyVouches));
    is(&doctor(&served.files()).await, "certificate", "advice", "nothing in its file vouches for it");
    let chain = ["cert.pem", "authority.pem"].map(|name| std::fs::read_to_string(tls.join(name)).unwrap()).concat();
    std::fs::write(tls.join("cert.pem"), chain).unwrap();
    assert_eq!((at(0), at(20), at(31)), (None, None, Some(Objection::Expired)));
    is(&doctor(&served.files()).await, "certificate", "well", "two weeks and more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_looked_at_by_its_own_words() {
    let Some(server) = onduty_fakes::postgres::shared() else { return };
    let served = Served::with_script("#!/bin/sh\n");
    let files = served.files();
    let ask = async |database: &Database| {
        stores::keep_in(&files, database.url());
        doctor(&files).await
    };
    let database = server.database();
    let empty = ask(&database).await;
    is(&empty, "store", "not_checked", "is empty");
    is(&empty, "privileges", "well", "every table");
    onduty::store::Store::open_at(&stores::location(&files)).await.unwrap().close().await;
    let said = ask(&database).await;
    for (name, what) in [
        ("schema", "the newest"),
        ("database", "on PostgreSQL"),
        ("encoding", "UTF8, sorted by bytes"),
        ("database clock", "goes with this machine's"),
        ("connections", "of which a server has 5"),
        ("privileges", "may read, write and change every table"),
    ] {
        is(&said, name, "well", what);
    }
    // The server of the tests does not wait for the disk.
    is(&said, "durability", "wrong", "fsync off");
    assert_eq!(said.code, 1, "{said:?}");

    // Each of these is asked of the database itself; what stands in the way is taken away again.
    for (sql, back, name, what) in [
        (
            "do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$",
            "begin read write; do $$ begin execute format('alter database %I reset default_transaction_read_only', current_database()); end $$; commit",
            "database",
            "transactions in onduty_",
        ),
        (
            "do $$ begin execute format('alter database %I connection limit 5', current_database()); end $$",
            "do $$ begin execute format('alter database %I connection limit -1', current_database()); end $$",
            "connections",
            "at most 5 connections",
        ),
        (
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (7000, 'later', true, 'x', 0)",
            "delete from _sqlx_migrations where version = 7000",
            "schema",
            "schema 7000",
        ),
        (
            "insert into outbox (id, duty, kind, key, payload, state, attempts, next_attempt_at, created_at) values ('x', 'developers', 'chat', 'x', '{}', 'pending', 0, 0, 0)",
            "delete from outbox",
            "outbox",
            "1 messages wait",
        ),
        // Found before PostgreSQL's own: a server whose clock is wrong, and one that follows another.
        (
            "create function public.clock_timestamp() returns timestamptz language sql as $$ select pg_catalog.clock_timestamp() - interval '1 hour' $$;
             do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); end $$",
            "drop function public.clock_timestamp(); do $$ begin execute format('alter database %I reset search_path', current_database()); end $$",
            "database clock",
            "seconds behind this machine's",
        ),
        (
            "create function public.pg_is_in_recovery() returns bool language sql as 'select true';
             do $$ begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); end $$",
            "drop function public.pg_is_in_recovery(); do $$ begin execute format('alter database %I reset search_path', current_database()); end $$",
            "database",
            "follows another one",
        ),
        (
            "do $$ begin execute format('alter database %I set search_path = nowhere', current_database()); end $$",
            "do $$ begin execute format('alter database %I reset search_path', current_database()); end $$",
            "privileges",
            "may not make tables in any schema",
        ),
    ] {
        stores::execute(&files, sql).await;
        is(&doctor(&files).await, name, "wrong", what);
        stores::execute(&files, back).await;
    }
    let again = ask(&database).await;
    let wrong = again.json().as_array().unwrap().iter().filter(|check| check["verdict"] == "wrong").count();
    assert_eq!(wrong, 1, "durability alone, as at first: {again:?}");

    for (database, what) in
        [(server.database_encoded("LATIN1"), "LATIN1"), (server.database_encoded("SQL_ASCII"), "SQL_ASCII")]
    {
        is(&ask(&database).await, "encoding", "wrong", what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_of_a_database_may_not_do_is_named() {
    let Some(server) = onduty_fakes::postgres::shared() else { return };
    let served = Served::with_script("#!/bin/sh\n");
    let files = served.files();
    let database = server.database();
    stores::keep_in(&files, database.url());
    onduty::store::Store::open_at(&stores::location(&files)).await.unwrap().close().await;
    stores::execute(
        &files,
        "create role clerk login; revoke all on schema public from public; grant usage on schema public to clerk;
        grant select on all tables in schema public to clerk",
    )
    .await;
    let clerk = database.url().replace("user=onduty", "user=clerk");
    let said = async || {
        stores::keep_in(&files, &clerk);
        let said = doctor(&files).await;
        stores::keep_in(&files, database.url());
        said
    };
    let reads = said().await;
    let found: Vec<String> =
        checks(&reads, "privileges").into_iter().map(|(verdict, what)| format!("{verdict} {what}")).collect();
    let begins =
        ["wrong clerk may not read and write", "wrong clerk may not make tables in the schema public", "wrong "];
    assert!(found.len() == 3 && found.iter().zip(begins).all(|(found, begin)| found.starts_with(begin)), "{found:?}");
    assert!(found[2].contains("belong to somebody else than clerk"), "{found:?}");
    is(&reads, "schema", "well", "the newest");

    stores::execute(
        &files,
        "grant insert, update, delete on all tables in schema public to clerk; grant create on schema public to clerk",
    )
    .await;
    let writes = said().await;
    assert_eq!(checks(&writes, "privileges").len(), 1, "{writes:?}");
    stores::execute(&files, "reassign owned by clerk to onduty; drop owned by clerk; drop role clerk").await;

    // Nobody there, and an address whose password is not repeated.
    for url in ["postgres:///x?host=/tmp/nobody-is-here", "postgres://onduty:hunter2-is-secret@127.0.0.1:1/x"] {
        stores::keep_in(&files, url);
        let gone = doctor(&files).await;
        is(&gone, "database", "wrong", "cannot be reached");
        assert!(gone.code == 1 && !format!("{gone:?}").contains("hunter2"), "{gone:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_answers_before_the_disk_does_is_said() {
    if onduty_fakes::postgres::shared().is_none() {
        return;
    }
    let server = Server::start_with("-c fsync=on -c full_page_writes=on -c synchronous_commit=off").expect("a server");
    let served = Served::with_script("#!/bin/sh\n");
    let database = server.database();
    stores::keep_in(&served.files(), database.url());
    // onduty's own commits wait whatever the server's habit is.
    is(&doctor(&served.files()).await, "durability", "well", "onduty's own do");
    stores::execute(&served.files(), "alter role onduty set synchronous_commit = local").await;
    is(&doctor(&served.files()).await, "durability", "well", "synchronous_commit is local");
}
