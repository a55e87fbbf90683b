//! `onduty doctor`: what it finds on an instance that is well, and on one where something is wrong.

use crate::day::{Day, Setting};
use crate::tools::{Said, onduty};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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
