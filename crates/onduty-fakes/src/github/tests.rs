use super::*;
use crate::world::tests::{connected, options};
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn world() -> World {
    World::new(options())
}

fn later(world: &World, minutes: i64) {
    world.set_now(world.now() + SignedDuration::from_mins(minutes));
}

#[tokio::test]
async fn bodies_are_signed_over_the_bytes_that_arrive() {
    let (world, received) = connected().await;
    assert!(world.github().main().fails("unit tests").await.accepted());
    let all = received.lock().unwrap();
    assert_eq!(all.len(), 4);
    let deliveries: std::collections::BTreeSet<_> =
        all.iter().map(|(headers, _)| headers["x-github-delivery"].to_str().unwrap().to_owned()).collect();
    assert_eq!(deliveries.len(), 4);
    for (headers, body) in all.iter() {
        assert_eq!(headers["x-hub-signature-256"].to_str().unwrap(), crate::sign::github("shared secret", body));
        assert_eq!(headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn a_failing_check_is_created_and_completed_and_ends_its_suite() {
    let world = world();
    let main = world.github().main();
    assert_eq!(main.starts("unit tests").await.events(), ["check_run"]);
    assert_eq!(main.starts("e2e").await.events(), ["check_run"]);
    later(&world, 8);
    let failed = main.fails("unit tests").await;
    assert_eq!(failed.events(), ["check_run"], "e2e still runs");
    let run = &failed.body_of("check_run")["check_run"];
    assert_eq!(run["conclusion"], "failure");
    assert_eq!(run["started_at"], "2026-03-02T08:05:00Z");
    assert_eq!(run["completed_at"], "2026-03-02T08:13:00Z");
    assert_eq!(run["check_suite"]["head_branch"], "main");
    assert_eq!(run["head_sha"], json!(main.head()));

    let ended = main.passes("e2e").await;
    assert_eq!(ended.events(), ["check_run", "check_suite", "workflow_run"]);
    assert_eq!(ended.body_of("check_suite")["check_suite"]["conclusion"], "failure");
    assert_eq!(ended.body_of("workflow_run")["workflow_run"]["run_attempt"], 1);
}

#[tokio::test]
async fn a_rerun_is_another_check_run_and_another_attempt_of_the_same_workflow_run() {
    let world = world();
    let main = world.github().main();
    let first = main.fails("e2e").await;
    later(&world, 5);
    let second = main.all_pass().await;
    assert_eq!(second.events(), ["check_run", "check_run", "check_suite", "workflow_run"]);
    let run = |sent: &Sent| sent.body_of("workflow_run")["workflow_run"].clone();
    assert_eq!(run(&first)["id"], run(&second)["id"]);
    assert_eq!((&run(&second)["run_attempt"], &run(&second)["conclusion"]), (&json!(2), &json!("success")));
    let id = |sent: &Sent| sent.body_of("check_run")["check_run"]["id"].as_u64().unwrap();
    assert_ne!(id(&first), id(&second));
    let attempts = [&first, &second].map(|sent| world.github().check(id(sent)).unwrap().attempt);
    assert_eq!(attempts, [1, 2]);
    assert_eq!(main.all_pass().await, Sent::default(), "nothing is left to mend");
}

#[tokio::test]
async fn a_push_moves_the_head_and_its_checks_belong_to_it() {
    let world = world();
    let main = world.github().main();
    let old = main.head();
    let pushed = main.push_titled(&["Round prices", "Mend the spec"]).await.body_of("push");
    assert_eq!((&pushed["before"], &pushed["after"]), (&json!(old), &json!(main.head())));
    assert_eq!(pushed["commits"][1], pushed["head_commit"]);
    assert_eq!(pushed["commits"].as_array().unwrap().len(), 2);
    assert_ne!(main.head(), old);
    let late = main.at(&old).cancels("unit tests").await;
    assert_eq!(late.body_of("check_run")["check_run"]["head_sha"], json!(old));
    let other = world.github().repository("acme/shop").branch("feature/x").fails("unit tests").await;
    assert_eq!(other.body_of("check_run")["check_run"]["check_suite"]["head_branch"], "feature/x");
    assert_eq!(main.push(&[]).await, Sent::default());
}

#[tokio::test]
async fn without_a_workflow_check_runs_come_alone() {
    let world = World::new(crate::WorldOptions { workflow: None, ..options() });
    assert_eq!(world.github().main().passes("lint").await.events(), ["check_run", "check_run"]);
}

#[tokio::test]
async fn a_rollout_of_the_pipeline_is_a_deployment_with_statuses() {
    let world = world();
    let shop = world.github().repository("acme/shop");
    let (id, started) = shop.rollout_starts("staging", &"a".repeat(40), "lena-vogt").await;
    assert_eq!(started.events(), ["deployment", "deployment_status"]);
    assert_eq!(started.body_of("deployment_status")["deployment_status"]["state"], "in_progress");
    later(&world, 3);
    let ended = shop.rollout_becomes(id, DeploymentState::Success).await.body_of("deployment_status");
    assert_eq!(ended["deployment_status"]["state"], "success");
    assert_eq!(ended["deployment"]["id"], json!(id));
    assert_eq!(ended["deployment"]["created_at"], "2026-03-02T08:05:00Z");
    assert_eq!(ended["deployment_status"]["created_at"], "2026-03-02T08:08:00Z");
    assert_eq!(shop.rollout_becomes(1, DeploymentState::Failure).await, Sent::default());
}

/// Every path of keys in `value` with the kinds of value found there.
fn paths(value: &Value, path: &str, found: &mut BTreeMap<String, Vec<&'static str>>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    found.entry(path.to_owned()).or_default().push(kind);
    match value {
        Value::Object(keys) => keys.iter().for_each(|(key, below)| paths(below, &format!("{path}.{key}"), found)),
        // A list of plain words may happen to be empty in every example; what lists of things hold is compared.
        Value::Array(list) => {
            list.iter().filter(|below| below.is_object()).for_each(|below| paths(below, &format!("{path}[]"), found));
        }
        _ => {}
    }
}

fn examples(event: &str) -> Option<BTreeMap<String, Vec<&'static str>>> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("ONDUTY_SHARED").map_or_else(|| here.join("../shared"), PathBuf::from);
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(shared.join("contracts/github/webhooks")).ok()? {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_string_lossy().into_owned();
        if name.split('.').next() == Some(event) {
            let text = std::fs::read_to_string(&path).ok()?;
            paths(&serde_json::from_str(&text).ok()?, "", &mut found);
        }
    }
    Some(found)
}

/// Null for a repository without them, says GitHub's contract, though the examples of some events all have them.
const NULLABLE: [&str; 1] = [".repository.license"];

#[tokio::test]
async fn every_key_exists_in_a_real_example_of_the_same_event() {
    let world = world();
    let main = world.github().main();
    let mut sent = world.github().ping().await;
    let mut commit = PushedCommit::invented(&mut crate::random::Random::new(1), "Title", world.now());
    commit.author_login = Some("lena-vogt".to_owned());
    commit.added = vec!["a.rb".to_owned()];
    sent.then(main.push(&[commit]).await);
    sent.then(main.fails("unit tests").await);
    sent.then(main.all_pass().await);
    let (id, started) = world.github().repository("acme/shop").rollout_starts("staging", &main.head(), "sam").await;
    sent.then(started);
    sent.then(world.github().repository("acme/shop").rollout_becomes(id, DeploymentState::Success).await);

    let events = ["ping", "push", "check_run", "check_suite", "workflow_run", "deployment", "deployment_status"];
    for event in events {
        let Some(real) = examples(event).filter(|real| !real.is_empty()) else {
            eprintln!("NOT CHECKED: no examples of {event}; set ONDUTY_SHARED to the folder with `contracts`");
            continue;
        };
        let mut ours = BTreeMap::new();
        sent.0.iter().filter(|one| one.event == event).for_each(|one| paths(&one.json(), "", &mut ours));
        assert!(!ours.is_empty(), "{event} was not sent");
        for (path, kinds) in ours {
            let Some(known) = real.get(&path) else { panic!("{event}: {path} is in no real example") };
            for kind in kinds {
                // Null in the examples stands for what they happen not to have, such as an earlier attempt.
                let fits = known.contains(&kind) || known.contains(&"null") || NULLABLE.contains(&path.as_str());
                assert!(fits, "{event}: {path} is a {kind}, in real examples {known:?}");
            }
        }
    }
}
