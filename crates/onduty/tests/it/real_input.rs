//! The day on real input: a repository made with git, files proposed by `onduty init`, `onduty serve` as a process,
//! payloads that GitHub really sent, signals sent by `curl` as docs/sources.md shows, a script that really rolls out.
//!
//! The server runs in real time. So the gate is not opened by waiting for 16:00 but by a new version of the process, as
//! a team would do it; the recorded payloads get this repository's revisions, its branch and today's times.

use crate::seed_day::replay_gives_the_same;
use crate::served::{Served, send_signal, zone_at_noon};
use crate::tools::{Said, eventually, git, has, not_there, onduty, shared, write_script};
use jiff::{SignedDuration, Timestamp};
use onduty::clock::real_now;
use onduty_fakes::sign;
use serde_json::{Value, json};
use std::path::Path;

const GITHUB_SECRET: &str = "the secret of webhooks";
/// The repository of GitHub's recorded payloads.
const REPOSITORY: &str = "Codertocat/Hello-World";

/// Puts the archive of a revision where customers get it.
const ROLLOUT: &str = "#!/bin/sh
set -eu
here=$(pwd)
echo \"taking $ONDUTY_REVISION to $ONDUTY_ENVIRONMENT\"
rm -rf \"$here/../live\" && mkdir \"$here/../live\"
git archive \"$ONDUTY_REVISION\" | tar -x -C \"$here/../live\"
echo \"$ONDUTY_REVISION\" >>\"$here/../live.revisions\"
echo \"it is live\"
";

fn commit(folder: &Path, who: &str, file: &str, text: &str, title: &str) -> String {
    std::fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
    std::fs::write(folder.join(file), text).unwrap();
    git(folder, &["add", "--all"]);
    let (name, email) = who.split_once(' ').unwrap();
    let name = format!("user.name={name}");
    let email = format!("user.email={email}");
    git(folder, &["-c", &name, "-c", &email, "commit", "--quiet", "--message", title]);
    git(folder, &["rev-parse", "HEAD"])
}

const LENA: &str = "Lena lena@acme.example";
const OMAR: &str = "Omar omar@acme.example";

/// A clone as a team has it; its last commit is the one that breaks the build.
fn make_clone(folder: &Path) -> [String; 3] {
    std::fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "--quiet", "--initial-branch=main"]);
    git(folder, &["remote", "add", "origin", &format!("https://github.com/{REPOSITORY}.git")]);
    [
        commit(folder, LENA, "src/cart.rs", "fn total() {}\n", "Start the shop"),
        commit(folder, OMAR, "src/price.rs", "fn price() {}\n", "Round prices"),
        commit(folder, OMAR, "src/price.rs", "fn price() { todo }\n", "Round prices once more"),
    ]
}

/// What a person changes in the proposed files: what onduty cannot know.
fn fill_in(folder: &Path) {
    let change = |name: &str, replacements: &[(&str, &str)]| {
        let path = folder.join(name);
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (old, new) in replacements {
            assert!(text.contains(old), "{old} is not in {text}");
            text = text.replacen(old, new, 1);
        }
        std::fs::write(&path, text).unwrap();
    };
    change(
        "onduty.yml",
        &[
            ("listen: 127.0.0.1:7007", "listen: 127.0.0.1:0"),
            ("every: 30s", "every: 1s"),
            ("  # github:\n  #   secret_env", "  github:\n    secret_env"),
            ("# rollouts:\n#   production:\n#     command", "rollouts:\n  production:\n    command"),
        ],
    );
    let roster = std::fs::read_to_string(folder.join("roster.yml")).unwrap();
    let line = |key: &str| roster.lines().find(|line| line.trim_start().starts_with(key)).unwrap().to_owned();
    let zone = format!("    zone: {}\n    days: mon-sun", zone_at_noon(real_now()));
    change(
        "roster.yml",
        &[
            (&line("zone:"), &zone),
            (&line("hours:"), "    hours: \"00:00-24:00\""),
            (&line("since:"), "    since: 2026-01-05"),
        ],
    );
}

/// A payload that GitHub sent, with this repository's revision, branch and times; our own where there is no recording.
fn payload(file: &str, ours: Value, adapt: impl Fn(&mut Value)) -> Value {
    let recorded = shared("contracts/github/webhooks").map(|folder| folder.join(file)).filter(|path| path.exists());
    let mut body = match recorded {
        Some(path) => serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(),
        None => {
            not_there("there are no recorded payloads", &format!("what {file} means"));
            ours
        }
    };
    adapt(&mut body);
    body
}

fn check_run(file: &str, conclusion: &str, revision: &str, at: Timestamp) -> Value {
    let repository = json!({"full_name": REPOSITORY, "name": "Hello-World", "fork": false});
    let ours = json!({"action": "completed", "repository": repository, "check_run": {"id": 1, "name": "Octocoders-linter",
        "head_sha": "", "status": "completed", "conclusion": conclusion, "html_url": "https://github.com/x", "started_at": "",
        "completed_at": "", "check_suite": {"id": 1, "head_branch": ""}, "pull_requests": []}});
    payload(file, ours, |body| {
        let run = &mut body["check_run"];
        assert_eq!(run["conclusion"], conclusion);
        run["head_sha"] = json!(revision);
        run["started_at"] = json!(at.to_string());
        run["completed_at"] = json!(at.to_string());
        run["check_suite"]["head_branch"] = json!("main");
        run["check_suite"]["head_sha"] = json!(revision);
    })
}

async fn github(served: &Served, event: &str, body: &Value) -> Value {
    let body = body.to_string();
    let request = crate::person::Person::nobody(&served.url).request(reqwest::Method::POST, "/hooks/github");
    let request = request
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", format!("{event}-{}", real_now()))
        .header("x-hub-signature-256", sign::github(GITHUB_SECRET, body.as_bytes()));
    let answer = crate::person::Answer::of(request.body(body).send().await.unwrap()).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.json()
}

/// Sends a body exactly as docs/sources.md says; by our own means where a program of it is missing.
async fn by_curl(served: &Served, body: &Value) {
    let wanted = "the lines for curl in docs/sources.md";
    if !has("curl", wanted) || !has("openssl", wanted) {
        let id = format!("msg_{}", real_now().as_microsecond());
        assert_eq!(send_signal(&served.url, &id, body).await, Some(202));
        return;
    }
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sources.md")).unwrap();
    let (_, block) = docs.split_once("```sh\nBODY=").expect("the page shows how");
    let (_, lines) = block.split_once('\n').unwrap();
    let (lines, _) = lines.split_once("```").unwrap();
    assert!(lines.contains("http://127.0.0.1:7007/hooks/signals"), "{lines}");
    let lines = lines.replace("http://127.0.0.1:7007", &served.url);
    let mut command = tokio::process::Command::new("sh");
    command
        .args(["-eu", "-c", &lines])
        .env("BODY", body.to_string())
        .env("ONDUTY_SIGNALS_SECRET", crate::served::SECRET);
    let said = Said::of(&command.output().await.unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("recorded"), "{said:?}");
}

async fn cli(served: &Served, arguments: &[&str]) -> Said {
    onduty(&served.files(), &[("ONDUTY_URL", &served.url), ("ONDUTY_AS", "lena")], arguments).await
}

async fn now(served: &Served) -> Value {
    let said = cli(served, &["now", "--json"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    said.json()
}

async fn item(served: &Served, step: &str) -> Value {
    eventually(&format!("an open item of {step}"), async || {
        let now = now(served).await;
        now["steps"].as_array().unwrap().iter().find(|known| known["id"] == step)?["items"].get(0).cloned()
    })
    .await
}

async fn closed(served: &Served, id: &str) -> Value {
    eventually(&format!("{id} closes"), async || {
        let item = cli(served, &["item", "show", id, "--json"]).await.json();
        (item["state"]["state"] == "closed").then(|| item["state"]["how"]["how"].clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_day_on_real_input() {
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("shop");
    let [first, green, red] = make_clone(&clone);
    let proposed = onduty(&clone, &[], &["init"]).await;
    assert_eq!(proposed.code, 0, "{proposed:?}");
    assert!(proposed.out.contains(REPOSITORY) && proposed.out.contains("Lena"), "{proposed:?}");
    assert_eq!(onduty(&clone, &[], &["check"]).await.code, 0, "what init proposes is well");
    fill_in(&clone);
    std::fs::create_dir_all(clone.join("scripts")).unwrap();
    write_script(&clone.join("scripts/rollout.sh"), ROLLOUT);
    let checked = onduty(&clone, &[], &["check"]).await;
    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(onduty(&clone, &[], &["init"]).await.code, 1, "nothing is overwritten");

    let secrets = [("ONDUTY_SIGNALS_SECRET", crate::served::SECRET), ("ONDUTY_GITHUB_SECRET", GITHUB_SECRET)];
    let secrets = secrets.map(|(name, secret)| (name, secret.to_owned())).to_vec();
    let mut served = Served::in_folder(folder, ["shop", "shop/onduty-data", "shop"], secrets);
    served.start().await;
    let mended = main_turns_red_and_green(&served, &first, &green, &red).await;
    errors_come_by_curl(&served).await;
    the_button_takes_it_out(&served, &mended).await;

    let log = cli(&served, &["log", "--json"]).await.json();
    let shift = log[0]["shift"].as_str().unwrap().parse().unwrap();
    let written = cli(&served, &["log"]).await.out;
    for expected in ["Octocoders-linter", "price is null", "Timeout in checkout", "production"] {
        assert!(written.contains(expected), "{expected} is not in {written}");
    }
    served.stop().await;
    replay_gives_the_same(&served.files(), shift).await;
}

async fn main_turns_red_and_green(served: &Served, first: &str, green: &str, red: &str) -> String {
    let at = |minutes: i64| real_now() - SignedDuration::from_mins(minutes);
    let ping = payload("ping.f20dc7.plain.json", json!({"zen": "Speak like a human.", "hook_id": 1}), |_| {});
    assert_eq!(github(served, "ping", &ping).await["result"], "ignored");
    let deployed = json!({"action": "created", "deployment": {"id": 1, "sha": "", "environment": "production", "created_at": "",
        "creator": {"login": "Codertocat"}}, "deployment_status": {"id": 1, "state": "success", "created_at": "",
        "updated_at": "", "environment": "production"}, "repository": {"full_name": REPOSITORY}});
    let yesterday = real_now() - SignedDuration::from_hours(30);
    let deployed = payload("deployment_status.e3c1c7.created.success.json", deployed, |body| {
        body["deployment"]["sha"] = json!(first);
        for (what, when) in
            [("deployment", "created_at"), ("deployment_status", "created_at"), ("deployment_status", "updated_at")]
        {
            body[what][when] = json!(yesterday.to_string());
        }
    });
    assert_eq!(github(served, "deployment_status", &deployed).await["result"], "recorded");

    let success = "check_run.dfea1f.completed.success.json";
    github(served, "check_run", &check_run(success, "success", green, at(9))).await;
    github(served, "check_run", &check_run("check_run.bd032e.completed.failure.json", "failure", red, at(6))).await;
    let red_item = item(served, "main-green").await;
    let id = red_item["id"].as_str().unwrap();
    assert_eq!(red_item["why"]["builds"][0]["name"], "Octocoders-linter", "{red_item}");
    eventually("the author since green is suggested", async || {
        let item = cli(served, &["item", "show", id, "--json"]).await.json();
        (item["suggestion"]["people"][0]["engineer"] == "omar").then_some(())
    })
    .await;
    let mended = commit(&served.repository(), OMAR, "src/price.rs", "fn price() {}\n", "Round prices, without a hole");
    let ours = json!({"ref": "", "before": "", "after": "", "deleted": false, "commits": [], "head_commit": null,
        "repository": {"full_name": REPOSITORY}});
    let push = payload("push.f4ca1a.plain.json", ours, |body| {
        body["repository"]["full_name"] = json!(REPOSITORY);
        body["ref"] = json!("refs/heads/main");
        body["before"] = json!(red);
        body["after"] = json!(mended);
        body["commits"] = json!([]);
        body["head_commit"] = Value::Null;
    });
    github(served, "push", &push).await;
    github(served, "check_run", &check_run(success, "success", &mended, at(1))).await;
    assert_eq!(closed(served, id).await, "condition_cleared");
    mended
}

async fn errors_come_by_curl(served: &Served) {
    by_curl(served, &json!({"type": "contact", "kinds": ["errors"]})).await;
    by_curl(
        served,
        &json!({"type": "error", "project": "shop", "id": "SHOP-8", "environment": "staging",
        "title": "Timeout in checkout", "status": "unresolved"}),
    )
    .await;
    let id = item(served, "staging-errors").await["id"].as_str().unwrap().to_owned();
    assert_eq!(cli(served, &["item", "take", &id]).await.code, 0);
    assert_eq!(cli(served, &["item", "conclude", &id, "the database was being moved"]).await.code, 0);
    assert_eq!(closed(served, &id).await, "concluded");

    let frames = json!([{"file": "src/cart.rs", "line": 1, "function": "total", "in_app": true}]);
    let error = |assignee: Value| {
        json!({"type": "error", "project": "shop", "id": "SHOP-7", "environment": "production", "title": "price is null",
            "status": "unresolved", "count": 12, "assignee": assignee, "frames": frames})
    };
    by_curl(served, &error(Value::Null)).await;
    let id = item(served, "production-errors").await["id"].as_str().unwrap().to_owned();
    eventually("who wrote the file is suggested", async || {
        let item = cli(served, &["item", "show", &id, "--json"]).await.json();
        (item["suggestion"]["people"][0]["engineer"] == "lena").then_some(())
    })
    .await;
    assert_eq!(cli(served, &["item", "owner", &id]).await.code, 0);
    by_curl(served, &error(json!("lena@acme.example"))).await;
    assert_eq!(closed(served, &id).await, "assigned_at_source");
}

async fn the_button_takes_it_out(served: &Served, mended: &str) {
    let closed = cli(served, &["rollout", "status"]).await;
    assert_eq!(closed.code, 1, "{closed:?}");
    assert!(closed.out.contains("16:00"), "{closed:?}");
    assert_eq!(cli(served, &["rollout", "go", "--revision", mended]).await.code, 1);
    let path = served.files().join("processes/developers.yml");
    let process = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, process.replacen("after: \"16:00\"", "after: \"00:01\"", 1)).unwrap();
    eventually("the new version opens the gate", async || {
        (cli(served, &["rollout", "status"]).await.code == 0).then_some(())
    })
    .await;
    // git may still be about to read the history behind the push.
    eventually("the gate lists what would go out", async || {
        let gate = cli(served, &["rollout", "status", "--json"]).await.json();
        let listed = gate["commits"].as_array().map(Vec::len);
        ((gate["revision"].as_str(), listed) == (Some(mended), Some(3))).then_some(())
    })
    .await;
    let gone = cli(served, &["rollout", "go", "--revision", &mended[..7], "--watch"]).await;
    assert_eq!(gone.code, 0, "{gone:?}");
    assert_eq!(gone.out, format!("taking {mended} to production\nit is live\nsucceeded\n"));
    let above = served.repository().join("..");
    assert_eq!(std::fs::read_to_string(above.join("live/src/price.rs")).unwrap(), "fn price() {}\n");
    assert_eq!(cli(served, &["rollout", "go", "--revision", mended]).await.code, 1);
    assert_eq!(std::fs::read_to_string(above.join("live.revisions")).unwrap(), format!("{mended}\n"), "once");
}
