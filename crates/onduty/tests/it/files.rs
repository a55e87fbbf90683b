//! Files that change under a running server: a good one takes effect, a broken one changes nothing and is talked about.

use crate::day::{Day, Setting, duty};
use crate::served::Served;
use crate::tools::{eventually, onduty};
use onduty::store;
use serde_json::{Value, json};

fn write(day: &Day, name: &str, text: &str) {
    std::fs::write(day.files().join(name), text).unwrap();
}

fn read(day: &Day, name: &str) -> String {
    std::fs::read_to_string(day.files().join(name)).unwrap()
}

/// The versions of the process, oldest first.
async fn versions(day: &Day) -> Vec<Value> {
    let process = day.operator().read("/api/v1/duties/developers/process").await;
    let mut versions = process["versions"].as_array().cloned().unwrap_or_default();
    versions.sort_by_key(|version| version["version"].as_i64());
    versions
}

async fn problems(day: &Day) -> Vec<String> {
    let now = day.now().await;
    now["problems"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_changes_nothing_and_is_talked_about() {
    let day = Day::begin().await;
    let lena = day.administrator("lena").await;
    for (name, broken, says) in [
        ("processes/developers.yml", "process: developers\nsteps:\n  - id: x\n    gaol: oops\n", "gaol"),
        ("processes/developers.yml", "\u{1}", "developers.yml"),
        ("roster.yml", "engineers: {lena: {nmae: x}}\nduties: {}\n", "nmae"),
        ("onduty.yml", "name: [\n", "onduty.yml"),
    ] {
        let good = read(&day, name);
        let before = versions(&day).await.len();
        write(&day, name, broken);
        let found = eventually(&format!("{name} is refused"), async || {
            Some(problems(&day).await).filter(|all| all.iter().any(|problem| problem.contains(says)))
        })
        .await;
        assert!(found[0].contains(':'), "file, line and column: {found:?}");
        let page = lena.get("/process").await.expect(200).text;
        assert!(page.contains(says), "{name}: the page says so");
        let now = day.now().await;
        assert_eq!(
            (&now["steps"][0]["id"], &now["process_version"]),
            (&json!("main-green"), &json!(1)),
            "the last good one goes on"
        );
        assert_eq!(versions(&day).await.len(), before);
        write(&day, name, &good);
        eventually(&format!("{name} is good again"), async || problems(&day).await.is_empty().then_some(())).await;
    }
    let refused = day.log().await;
    let refused: Vec<&String> = refused.iter().filter(|text| text.contains("goes on")).collect();
    assert!(refused.len() >= 4, "each is in the log book once: {refused:?} of {:#?}", day.log().await);
    assert_eq!(versions(&day).await.len(), 1, "a good file that came back is no new version");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_gone_is_a_broken_one() {
    let day = Day::begin().await;
    let good = read(&day, "roster.yml");
    std::fs::remove_file(day.files().join("roster.yml")).unwrap();
    eventually("it is missed", async || (!problems(&day).await.is_empty()).then_some(())).await;
    assert_eq!(day.now().await["on_duty"]["engineer"]["id"], "lena");
    write(&day, "roster.yml", &good);
    eventually("it is back", async || problems(&day).await.is_empty().then_some(())).await;
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_file_is_a_new_version() {
    let mut day = Day::begin().await;
    day.at("10:00").await;
    assert!(day.seed.main_turns_red().await.unwrap().accepted());
    let item = day.item("main-green").await["id"].as_str().unwrap().to_owned();
    let old = read(&day, "processes/developers.yml");
    let first_step = old.find("  - id: main-green").unwrap()..old.find("  - id: staging-errors").unwrap();
    let new =
        old.replace(&old[first_step], "").replace("goal: Give customers more happiness", "goal: Give customers joy");
    write(&day, "processes/developers.yml", &new);
    let all = eventually("version 2", async || Some(versions(&day).await).filter(|all| all.len() == 2)).await;
    let changes = all[1]["changes"].as_array().unwrap();
    let has = |word: &str| changes.iter().any(|change| change.as_str().unwrap().contains(word));
    assert!(has("main-green") && has("joy"), "{changes:?}");
    let closed = day.closed(&item).await;
    assert_eq!(closed["state"]["how"], json!({"how": "withdrawn", "version": 2}), "never called done");
    assert!(
        day.log().await.iter().any(|text| text.contains("2") && text.contains("main-green")),
        "{:#?}",
        day.log().await
    );

    // A restart reads the same files and makes nothing new of them.
    day.stop().await;
    let store = store::Store::open_at(&crate::stores::location(&day.files())).await.unwrap();
    let before = store::journal::newest(&mut store.read().await.unwrap()).await.unwrap();
    store.close().await;
    let start = onduty::app::Start {
        path: day.files(),
        clock: onduty::clock::Clock::starting_at(crate::day::instant("10:05"), 0),
        observe_only: false,
        supervisor: crate::tools::ONDUTY.into(),
        demo: None,
    };
    let again = onduty::app::App::start(start).await.unwrap();
    assert_eq!(again.instance().process(&duty()).unwrap().version, 2);
    let mut reader = again.store.read().await.unwrap();
    assert_eq!(store::processes::list(&mut reader, &duty()).await.unwrap().len(), 2);
    assert_eq!(store::journal::newest(&mut reader).await.unwrap(), before);
    drop(reader);
    again.store.close().await;
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_this_machine_is_listened_to() {
    let served = Served::with_script("#!/bin/sh\n");
    let path = served.files().join("onduty.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    for address in ["0.0.0.0:7007", "[::]:7007", "192.168.1.2:7007", "example.org:7007", "7007"] {
        std::fs::write(&path, text.replace("listen: 127.0.0.1:0", &format!("listen: \"{address}\""))).unwrap();
        // A problem in a file is a finding for `check`, and bad input for `serve`.
        for (command, code) in [("check", 1), ("serve", 2)] {
            let said = onduty(&served.files(), &[], &[command]).await;
            assert_eq!(said.code, code, "{command} {address}: {said:?}");
            assert!(format!("{}{}", said.out, said.err).contains("onduty.yml:2:"), "{command} {address}: {said:?}");
        }
    }
    assert!(!served.data().exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_observe_nothing_leaves() {
    let day = Day::set(Setting { observe_only: true, ..Setting::default() }).await;
    let lena = day.administrator("lena").await;
    day.at("12:00").await;
    assert!(day.seed.production_error().await.accepted());
    let id = day.item("production-errors").await["id"].as_str().unwrap().to_owned();
    lena.form(&format!("/items/{id}/owner"), &[("engineer", "layla")]).await.expect(303);
    assert_eq!(day.item_called(&id).await["owner"]["write_back"], "pending");
    day.at("16:05").await;
    let gate = day.gate().await;
    assert_eq!(gate["blockers"][0]["blocker"], "observe_only", "{gate}");
    assert_eq!(day.now().await["observe_only"], true);
    // The sender looks twice a second; it has looked by now, and will not send later either.
    let looked = std::time::Instant::now();
    eventually("it was looked at", async || (looked.elapsed().as_millis() > 1_200).then_some(())).await;
    assert!(day.world.tracker().assignments().is_empty());
    let mut reader = day.app.store.read().await.unwrap();
    let key = format!("write-back {id} layla");
    let waiting = store::outbox::by_key(&mut reader, &key).await.unwrap().expect("it waits in the outbox");
    assert_eq!((waiting.state, waiting.attempts), (store::outbox::EffectState::Pending, 0));
    drop(reader);
    day.end().await;
}

/// The lines of the access log about files, newest first.
async fn settings_changed(day: &Day) -> Vec<String> {
    let entries = day.operator().read("/api/v1/access-log?limit=1000").await;
    let text = |entry: &Value| entry["text"].as_str().expect("a text").to_owned();
    let all = entries.as_array().unwrap().iter().map(text);
    all.filter(|text| text.contains("is in force as it is now")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_access_log_says_which_settings_changed_and_no_value() {
    let day = Day::begin().await;
    assert_eq!(settings_changed(&day).await, [""; 0], "the first files are no change");
    // A secret that slipped into an address, and one that does not belong into a name.
    let hush = "https://git.acme.example/hush-hush-1234";
    let sources = format!(
        "sources:\n  sentry: {{url: '{hush}', organisation: acme, projects: [shop], environments: [production], token_file: secrets/signals}}\n"
    );
    for (name, from, to, says) in [
        ("onduty.yml", "sources:\n", sources.as_str(), "sources changed"),
        ("roster.yml", "Lena Vogt", "Lena Voigt", "engineer lena changed"),
        ("processes/developers.yml", "Give customers more happiness", "Give customers joy", "joy"),
    ] {
        let old = read(&day, name);
        assert!(old.contains(from), "{name}: {old}");
        write(&day, name, &old.replacen(from, to, 1));
        let line = eventually(&format!("{name} is in the access log"), async || {
            settings_changed(&day).await.into_iter().find(|line| line.contains(name))
        })
        .await;
        assert!(line.contains(says) && !line.contains("hush"), "{line}");
        assert!(line.contains(" ("), "with the hash of the file: {line}");
    }
    // Written again as it is, and a comment: the same, and a change that no part knows.
    let comment = format!("{}# a remark\n", read(&day, "roster.yml"));
    write(&day, "roster.yml", &comment);
    eventually("a remark is a change of the file", async || (settings_changed(&day).await.len() == 4).then_some(()))
        .await;
    let log = settings_changed(&day).await;
    assert!(log[0].contains("roster.yml") && log[0].contains("nothing that counts"), "{log:?}");
    day.end().await;
}
