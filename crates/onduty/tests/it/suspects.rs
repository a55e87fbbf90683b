//! Who may have brought it: a red build whose output names a file, a check that was flaky before, a slow endpoint after a
//! rollout. On a running server with a real repository.

use crate::served::Served;
use crate::tools::{eventually, git};
use jiff::{SignedDuration, Timestamp};
use onduty::clock::real_now;
use serde_json::{Value, json};
use std::path::Path;

fn commit(folder: &Path, who: &str, file: &str) -> String {
    std::fs::create_dir_all(folder.join("src")).unwrap();
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    std::fs::write(folder.join(file), text + "one more line\n").unwrap();
    git(folder, &["add", "--all"]);
    let (name, email) = (format!("user.name={who}"), format!("user.email={who}@acme.example"));
    git(folder, &["-c", &name, "-c", &email, "commit", "--quiet", "--message", &format!("Change {file}")]);
    git(folder, &["rev-parse", "HEAD"])
}

/// Two engineers, and a step for endpoints that are slow.
fn watched() -> Served {
    let served = Served::with_script("#!/bin/sh\nexit 0\n");
    let change = |name: &str, old: &str, new: &str| {
        let path = served.files().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old} is not in {text}");
        std::fs::write(path, text.replacen(old, new, 1)).unwrap();
    };
    let omar = "  omar: {name: Omar Haddad, emails: [omar@acme.example]}\nduties:\n";
    change("roster.yml", "duties:\n", omar);
    change("roster.yml", "emails: [test@acme.example]", "emails: [lena@acme.example]");
    change("processes/developers.yml", "    blocks: [rollout]\n", "    blocks: [rollout]\n    owner: suggest\n");
    let slow = "  - id: slow\n    goal: Nothing got slower\n    each: endpoint in signals.slowness\n    \
                where: endpoint.state == \"failing\"\n    owner: suggest\n  - id: rollout\n";
    change("processes/developers.yml", "  - id: rollout\n", slow);
    served
}

/// The suggestion of the newest open item of `step` about `what`.
async fn suggestion(served: &Served, step: &str, what: &str) -> Value {
    eventually(&format!("a suggestion for {what}"), async || {
        let duty = served.lena().read("/api/v1/duties/developers").await;
        let step = duty["steps"].as_array()?.iter().find(|known| known["id"] == step)?.clone();
        let item = step["items"].as_array()?.iter().find(|item| item.to_string().contains(what))?.clone();
        let item = served.lena().read(&format!("/api/v1/items/{}", item["id"].as_str()?)).await;
        let item = item.get("item").unwrap_or(&item);
        item.get("suggestion").filter(|suggestion| suggestion["people"][0].is_object()).cloned()
    })
    .await
}

fn at(minutes_ago: i64) -> Timestamp {
    real_now() - SignedDuration::from_mins(minutes_ago)
}

fn first(suggestion: &Value) -> (&str, &Value) {
    let first = &suggestion["people"][0];
    (first["engineer"].as_str().unwrap_or("nobody"), &first["reasons"][0])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changed_what_fails_or_is_slow_is_asked_first() {
    let mut served = watched();
    let repository = served.repository();
    std::fs::create_dir(repository.join(".github")).unwrap();
    std::fs::write(repository.join(".github/CODEOWNERS"), "src/old.rs lena@acme.example\n").unwrap();
    commit(&repository, "lena", "src/old.rs");
    let green = commit(&repository, "lena", "src/cart.rs");
    let culprit = commit(&repository, "omar", "src/price.rs");
    let red = commit(&repository, "lena", "src/cart.rs");
    served.start().await;

    let build = |revision: &str, state: &str, attempt: u32, started: i64| {
        json!({"type": "build", "repository": "acme/shop", "branch": "main", "revision": revision, "name": "unit tests",
            "state": state, "attempt": attempt, "started_at": at(started).to_string(),
            "output": "1 failed\n  rspec ./src/price.rs:1 # rounds\n"})
    };
    let send = async |id: &str, body: &Value| assert_eq!(served.signal(id, body).await, Some(202), "{body}");
    // In one delivery, so that it was never seen failing.
    let items = [build(&green, "failed", 1, 50), build(&green, "passed", 2, 50)];
    send("build-1", &json!({"type": "batch", "items": items})).await;
    // Builds may be told before git was read: nobody is known then, and that is looked at again.
    send("build-2", &build(&red, "failed", 1, 40)).await;
    let found = eventually("the commits since green are known", async || {
        let found = suggestion(&served, "main-green", &red).await;
        (first(&found).1["reason"] == "since_green").then_some(found)
    })
    .await;
    assert_eq!(found["flaky"], json!({"failed": 1, "passed": 1, "passed_here": false}), "{found}");
    let (who, reason) = first(&found);
    assert_eq!((who, &reason["changed"]), ("omar", &json!("src/price.rs")), "{found}");
    assert_eq!(reason["revision"], culprit.as_str(), "{found}");
    let page = served.lena().get("/").await.expect(200).text;
    assert!(page.contains("Could help: ") && !page.contains("Probably flaky"), "one flake is no proof");

    for (id, revision, ago) in [("r1", &green, 30), ("r2", &red, 20)] {
        let rollout = json!({"type": "rollout", "id": id, "environment": "production", "repository": "acme/shop",
            "revision": revision, "state": "succeeded", "started_at": at(ago).to_string(), "finished_at": at(ago - 1).to_string()});
        send(id, &rollout).await;
    }
    let slow = |name: &str, file: &str| {
        json!({"type": "signal", "kind": "slowness", "subject": name, "state": "failing",
            "frames": [{"file": file, "line": 1}]})
    };
    send("slow-1", &slow("GET /price", "src/price.rs")).await;
    let found = suggestion(&served, "slow", "GET /price").await;
    let (who, reason) = first(&found);
    assert_eq!(who, "omar", "{found}");
    assert_eq!((&reason["file"], &reason["environment"]), (&json!("src/price.rs"), &json!("production")), "{found}");
    send("slow-2", &slow("GET /old", "src/old.rs")).await;
    let found = suggestion(&served, "slow", "GET /old").await;
    assert_eq!(first(&found).0, "lena", "{found}");
    assert!(found["people"][0]["reasons"].to_string().contains("named_by_rule"), "{found}");
    assert_eq!(found["note"], "no commit of the last rollout changed these files", "{found}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_is_told_before_its_commit_still_finds_who() {
    let mut served = watched();
    let repository = served.repository();
    let green = commit(&repository, "lena", "src/cart.rs");
    git(&repository, &["checkout", "--quiet", "-b", "next"]);
    let red = commit(&repository, "omar", "src/price.rs");
    served.start().await;
    for (id, revision, state) in [("build-1", &green, "passed"), ("build-2", &red, "failed")] {
        let build = json!({"type": "build", "repository": "acme/shop", "branch": "main", "revision": revision,
            "name": "unit tests", "state": state, "started_at": real_now().to_string()});
        assert_eq!(served.signal(id, &build).await, Some(202));
    }
    let page = async || served.lena().get("/").await.expect(200).text;
    eventually("nobody is known yet", async || page().await.contains("Nobody is sure who could help").then_some(()))
        .await;
    git(&repository, &["branch", "--force", "main", "next"]);
    let found = suggestion(&served, "main-green", &red).await;
    assert_eq!(first(&found).0, "omar", "{found}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_green_commit_that_was_pushed_away_is_said_and_nobody_is_blamed() {
    let mut served = watched();
    let repository = served.repository();
    let start = commit(&repository, "lena", "src/cart.rs");
    let green = commit(&repository, "omar", "src/price.rs");
    served.start().await;
    let build = |revision: &str, state: &str| {
        json!({"type": "build", "repository": "acme/shop", "branch": "main", "revision": revision, "name": "unit tests",
            "state": state, "started_at": real_now().to_string()})
    };
    assert_eq!(served.signal("build-1", &build(&green, "passed")).await, Some(202));
    git(&repository, &["reset", "--quiet", "--hard", &start]);
    let red = commit(&repository, "omar", "src/tax.rs");
    git(&repository, &["reflog", "expire", "--expire=now", "--all"]);
    git(&repository, &["gc", "--quiet", "--prune=now"]);
    assert_eq!(served.signal("build-2", &build(&red, "failed")).await, Some(202));
    let said = format!("the last green commit {} is not among the commits", &green[..12]);
    let page = eventually("the page says that the green commit is gone", async || {
        Some(served.lena().get("/").await.expect(200).text).filter(|page| page.contains(&said))
    })
    .await;
    assert!(!page.contains("Could help: "), "nobody is blamed for commits that nobody knows");
    served.stop().await;
}
