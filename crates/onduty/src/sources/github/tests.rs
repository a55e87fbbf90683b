//! What every recorded payload means, what derived ones mean, and that nothing sent breaks the reader.

use super::*;
use onduty_core::signal::{BuildState, SignalState, fold};
use serde_json::{Value, json};
use std::path::PathBuf;

const RECEIVED: &str = "2026-03-02T12:00:00Z";

/// One line per observation, or the reason why there is none.
fn render(decoded: Result<Decoded, SourceError>) -> Vec<String> {
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(refused) => return vec![format!("refused: {refused}")],
    };
    let seen = decoded.observations.iter().map(|observation| {
        let (subject, time) = (&observation.subject, observation.source_time);
        match &observation.fact {
            Fact::Build(build) => {
                let state = format!("{:?}", build.state).to_lowercase();
                let (revision, attempt, asked) = (&build.revision[..7], build.attempt, build.started_at);
                format!("build {subject}: {state}, {revision} attempt {attempt} of {asked}, at {time}")
            }
            Fact::Head(head) => {
                let commits: Vec<&str> = head.commits.iter().map(|commit| &commit.revision[..7]).collect();
                format!("head {subject}: {} [{}] at {time}", &head.revision[..7], commits.join(" "))
            }
            Fact::Rollout(rollout) => {
                let state = format!("{:?}", rollout.state).to_lowercase();
                let (revision, by) = (&rollout.revision[..7], rollout.by.as_deref().unwrap_or("?"));
                format!("rollout {subject}: {state}, {revision} by {by} of {}, at {time}", rollout.started_at)
            }
            other => panic!("GitHub says nothing like {other:?}"),
        }
    });
    seen.chain(decoded.ignored.iter().map(|why| format!("ignored: {why}"))).collect()
}

fn read(event: &str, body: &Value) -> Vec<String> {
    render(decode(event, body.to_string().as_bytes(), RECEIVED.parse().unwrap()))
}

fn payloads() -> Option<PathBuf> {
    let root = std::env::var_os("ONDUTY_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let folder = root.join("contracts/github/webhooks");
    let found = folder.is_dir().then_some(folder);
    if found.is_none() {
        eprintln!("NOT CHECKED: GitHub's recorded payloads are not here; set ONDUTY_SHARED to the shared folder");
    }
    found
}

fn payload(name: &str) -> Option<Value> {
    let text = std::fs::read(payloads()?.join(name)).expect("the payload is in the shared folder");
    Some(serde_json::from_slice(&text).expect("the payload is JSON"))
}

/// A body of our own with everything that `event` reads, so that the essentials are checked without the shared folder.
fn own(event: &str) -> Value {
    let text = match event {
        "check_run" => include_str!("../../../tests/data/github/check_run.json"),
        "workflow_run" => include_str!("../../../tests/data/github/workflow_run.json"),
        "push" => include_str!("../../../tests/data/github/push.json"),
        "status" => include_str!("../../../tests/data/github/status.json"),
        other => panic!("no body of our own for {other}"),
    };
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_recorded_payload() {
    let Some(folder) = payloads() else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let event = name.split('.').next().unwrap();
        let body = std::fs::read(&file).unwrap();
        for line in render(decode(event, &body, RECEIVED.parse().unwrap())) {
            lines.push(format!("{name} -> {line}"));
        }
    }
    let expected: Vec<&str> = include_str!("../../../tests/data/github/expected.txt").lines().collect();
    for (line, expected) in lines.iter().zip(&expected) {
        assert_eq!(line, expected);
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

/// The body with one field of it replaced; `pointer` leads to the field.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap_or_else(|| panic!("the body has no {pointer}")) = value;
    body
}

#[test]
fn derived_from_real_bodies_by_editing_one_field() {
    let cases = [
        ("workflow_run.f85b6a.completed.success.json", "/workflow_run/conclusion", json!("failure"), "test: failed"),
        (
            "workflow_run.f85b6a.completed.success.json",
            "/workflow_run/conclusion",
            json!("startup_failure"),
            ": failed",
        ),
        ("workflow_run.f85b6a.completed.success.json", "/workflow_run/conclusion", json!("timed_out"), "test: failed"),
        ("workflow_run.f85b6a.completed.success.json", "/workflow_run/conclusion", json!(null), "test: running"),
        ("workflow_run.f85b6a.completed.success.json", "/workflow_run/conclusion", json!("new word"), "test: running"),
        ("workflow_run.f85b6a.completed.success.json", "/workflow_run/run_attempt", json!(2), "attempt 2 of 2020"),
        (
            "workflow_run.f85b6a.completed.success.json",
            "/workflow_run/head_repository/id",
            json!(7),
            "for the fork octo-org",
        ),
        ("workflow_run.f85b6a.completed.success.json", "/workflow_run/head_branch", json!(null), "names no branch"),
        ("status.86be1d.success.json", "/state", json!("failure"), "status/default: failed, 6113728"),
        ("status.86be1d.success.json", "/state", json!("error"), "status/default: failed, 6113728"),
        ("status.86be1d.success.json", "/state", json!("pending"), "status/default: running, 6113728"),
        ("status.86be1d.success.json", "/branches", json!([]), "names no branch"),
        ("deployment_status.e3c1c7.created.success.json", "/deployment_status/state", json!("failure"), ": failed"),
        ("deployment_status.e3c1c7.created.success.json", "/deployment_status/state", json!("error"), ": failed"),
        ("deployment_status.e3c1c7.created.success.json", "/deployment_status/state", json!("queued"), ": requested"),
        (
            "deployment_status.e3c1c7.created.success.json",
            "/deployment_status/state",
            json!("in_progress"),
            ": running",
        ),
        (
            "deployment_status.e3c1c7.created.success.json",
            "/deployment_status/state",
            json!("inactive"),
            "took the place",
        ),
        ("push.4af777.plain.json", "/forced", json!(true), "master: 6113728 [6113728]"),
        ("push.4af777.plain.json", "/commits", json!([]), "master: 6113728 [6113728]"),
        ("push.4af777.plain.json", "/deleted", json!(true), "ignored: the branch master was deleted"),
        ("check_run.bd032e.completed.failure.json", "/check_run/conclusion", json!("cancelled"), ": cancelled"),
        ("check_run.bd032e.completed.failure.json", "/check_run/conclusion", json!("skipped"), ": skipped"),
        ("check_run.bd032e.completed.failure.json", "/check_run/conclusion", json!("stale"), ": skipped"),
        ("check_run.bd032e.completed.failure.json", "/check_run/conclusion", json!("action_required"), ": running"),
        ("check_run.bd032e.completed.failure.json", "/check_run/status", json!("waiting"), ": queued"),
        ("check_run.bd032e.completed.failure.json", "/check_run/check_suite/head_branch", json!(null), "no branch"),
        (
            "check_run.bd032e.completed.failure.json",
            "/check_run/head_sha",
            json!("--help"),
            "check_run.head_sha is missing or wrong",
        ),
    ];
    for (file, pointer, value, expected) in cases {
        let Some(body) = payload(file) else { return };
        let lines = read(file.split('.').next().unwrap(), &with(body, pointer, value.clone()));
        assert!(lines.len() == 1 && lines[0].contains(expected), "{file} with {pointer} = {value}: {lines:?}");
    }
}

#[test]
fn a_fork_never_speaks_for_our_branch() {
    let fork = json!({ "id": 2, "full_name": "mallory/shop" });
    let ignored = ["ignored: it was built for the fork mallory/shop, not for this repository"];
    assert_eq!(
        read("workflow_run", &with(own("workflow_run"), "/workflow_run/head_repository", fork.clone())),
        ignored
    );
    let pulls = json!([{ "head": { "ref": "main", "repo": fork } }]);
    assert_eq!(read("check_run", &with(own("check_run"), "/check_run/pull_requests", pulls.clone())), ignored);
    let suite = json!({ "head_branch": "main", "pull_requests": pulls });
    assert_eq!(read("check_run", &with(own("check_run"), "/check_run/check_suite", suite)), ignored);

    let mut of_deleted_fork = with(own("workflow_run"), "/workflow_run/head_repository", json!(null));
    of_deleted_fork["workflow_run"]["event"] = json!("pull_request");
    assert_eq!(read("workflow_run", &of_deleted_fork), ["ignored: it names no branch of this repository"]);

    let both = json!([{ "head": { "repo": fork } }, { "head": { "repo": { "id": 1 } } }]);
    assert_eq!(read("check_run", &with(own("check_run"), "/check_run/pull_requests", both)).len(), 1);
}

/// What is known after the deliveries, in this order: the newest state and the last conclusion of the one subject.
fn after(event: &str, bodies: &[Value]) -> (BuildState, Option<BuildState>) {
    let mut known: Option<SignalState> = None;
    for body in bodies {
        let decoded = decode(event, body.to_string().as_bytes(), RECEIVED.parse().unwrap()).unwrap();
        let [observation] = decoded.observations.as_slice() else { panic!("one observation per body") };
        known = fold(known.as_ref(), observation, RECEIVED.parse().unwrap()).or(known);
    }
    let known = known.unwrap();
    let Fact::Build(build) = known.fact else { panic!("a build") };
    (build.state, known.concluded.map(|build| build.state))
}

#[test]
fn a_rerun_that_mends_a_build_turns_it_green_and_an_old_commit_does_not() {
    let failed = own("check_run");
    let mut running = with(failed.clone(), "/check_run/status", json!("in_progress"));
    running["check_run"]["conclusion"] = json!(null);
    running["check_run"]["started_at"] = json!("2026-03-02T09:10:00Z");
    let mut passed = with(running.clone(), "/check_run/status", json!("completed"));
    passed["check_run"]["conclusion"] = json!("success");
    passed["check_run"]["completed_at"] = json!("2026-03-02T09:15:00Z");
    assert_eq!(after("check_run", &[failed.clone(), running.clone()]), (BuildState::Running, Some(BuildState::Failed)));
    assert_eq!(after("check_run", &[failed.clone(), running.clone(), passed.clone()]).1, Some(BuildState::Passed));
    assert_eq!(after("check_run", &[passed.clone(), running, failed.clone()]).1, Some(BuildState::Passed), "reordered");

    let older = with(passed, "/check_run/check_suite/created_at", json!("2026-03-02T08:00:00Z"));
    assert_eq!(after("check_run", &[failed, older]).1, Some(BuildState::Failed), "a re-run of the commit before");

    let failed = own("workflow_run");
    let mut passed = with(failed.clone(), "/workflow_run/run_attempt", json!(2));
    passed["workflow_run"]["conclusion"] = json!("success");
    passed["workflow_run"]["updated_at"] = json!("2026-03-02T09:30:00Z");
    assert_eq!(after("workflow_run", &[failed.clone(), passed.clone()]).1, Some(BuildState::Passed));
    let older = with(passed, "/workflow_run/created_at", json!("2026-03-02T08:00:00Z"));
    assert_eq!(after("workflow_run", &[failed, older]).1, Some(BuildState::Failed));

    let failed = own("status");
    let mut passed = with(failed.clone(), "/state", json!("success"));
    passed["created_at"] = json!("2026-03-02T09:30:00Z");
    passed["updated_at"] = json!("2026-03-02T09:30:00Z");
    assert_eq!(after("status", &[failed.clone(), passed.clone()]).1, Some(BuildState::Passed));
    let older = with(passed, "/sha", json!("00000000000000000000000000000000000000a0"));
    assert_eq!(after("status", &[failed, older]).1, Some(BuildState::Failed), "a slow answer about the commit before");
}

#[test]
fn a_push_of_several_commits_lists_the_newest_first() {
    let decoded = decode("push", own("push").to_string().as_bytes(), RECEIVED.parse().unwrap()).unwrap();
    let Fact::Head(head) = &decoded.observations[0].fact else { panic!("a head") };
    let commits: Vec<_> =
        head.commits.iter().map(|c| (c.title.as_str(), c.author_name.as_str(), c.files.len())).collect();
    assert_eq!(commits, [("Second", "Omar Haddad", 2), ("First", "Lena Vogt", 1)]);
    assert!(!head.complete);
    assert_eq!(head.commits[0].committed_at, "2026-03-02T07:55:00Z".parse().unwrap());
    assert_eq!(decoded.observations[0].source_time, "2026-03-02T09:00:00Z".parse().unwrap());
}

#[test]
fn links_and_texts_from_outside_are_harmless() {
    let body = with(own("check_run"), "/check_run/html_url", json!("javascript:alert(1)"));
    let body = with(body, "/check_run/output/title", json!("<!channel> \u{1b}[2J\u{0}approved\nnext"));
    let decoded = decode("check_run", body.to_string().as_bytes(), RECEIVED.parse().unwrap()).unwrap();
    let Fact::Build(build) = &decoded.observations[0].fact else { panic!("a build") };
    assert_eq!(
        build.url.as_deref(),
        Some("https://github.com/acme/shop/commit/00000000000000000000000000000000000000aa/checks")
    );
    assert_eq!(build.detail.as_deref(), Some("<!channel>  [2J approved"));
}

#[test]
fn a_check_that_writes_what_failed_tells_where() {
    let output = json!({"title": "1 failed", "summary": "`spec/cart_spec.rb:14`", "text": "src/cart.rs:3: undefined"});
    let body = with(own("check_run"), "/check_run/output", output);
    let decoded = decode("check_run", body.to_string().as_bytes(), RECEIVED.parse().unwrap()).unwrap();
    let Fact::Build(build) = &decoded.observations[0].fact else { panic!("a build") };
    let places: Vec<_> = build.frames.iter().map(|frame| (frame.file.as_str(), frame.line)).collect();
    assert_eq!(places, [("spec/cart_spec.rb", Some(14)), ("src/cart.rs", Some(3))]);
}

#[test]
fn hostile_bodies_are_refused_or_ignored() {
    let events = ["check_run", "check_suite", "workflow_run", "status", "push", "deployment", "deployment_status"];
    let deep = format!("{{\"check_run\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let large = format!("{{\"repository\": {{\"full_name\": \"{}\"}}}}", "x".repeat(5 * 1024 * 1024));
    let mut bodies: Vec<Vec<u8>> = ["", "{", "null", "[]", "7", "\"text\"", "{}", "payload=%7B%7D", &deep, &large]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect();
    bodies.push(b"{\"ref\": \"\xff\xfe\"}".to_vec());
    bodies.push(br#"{"repository": {"full_name": "a b"}, "repository": 1}"#.to_vec());
    for event in events {
        for body in &bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let answer = decode(event, body, RECEIVED.parse().unwrap());
            assert!(answer.is_err(), "{event} {shown}: {answer:?}");
        }
    }
    // Every single field replaced by something of another type.
    for event in ["check_run", "workflow_run", "status", "push"] {
        let body = own(event);
        for pointer in pointers(&body, String::new()) {
            for value in [json!(null), json!(-1), json!("x"), json!([1, {}]), json!({ "a": [] }), json!(1e300)] {
                let lines = read(event, &with(body.clone(), &pointer, value));
                assert!(!lines.is_empty());
            }
        }
    }
}

fn pointers(value: &Value, at: String) -> Vec<String> {
    let below: Vec<String> = match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(key, value)| pointers(value, format!("{at}/{key}"))).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, value)| pointers(value, format!("{at}/{index}"))).collect()
        }
        _ => Vec::new(),
    };
    below.into_iter().chain((!at.is_empty()).then_some(at)).collect()
}

#[test]
fn signatures() {
    // The example of GitHub's documentation.
    let body = b"Hello, World!";
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let check = |secrets: &[&str], header: Option<&str>, body: &[u8]| {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        let mut headers = HeaderMap::new();
        header.map(|value| headers.insert("x-hub-signature-256", value.parse().unwrap()));
        verify(&secrets, &headers, body).map_err(|refused| refused.to_string())
    };
    assert_eq!(check(&["It's a Secret to Everybody"], Some(good), body), Ok(()));
    assert_eq!(check(&["new one", "It's a Secret to Everybody"], Some(good), body), Ok(()));
    for (secrets, header, body) in [
        (vec!["It's a Secret to Everybody"], Some(good), b"Hello, World?".as_slice()),
        (vec!["other"], Some(good), body),
        (vec![], Some(good), body),
        (vec!["It's a Secret to Everybody"], None, body),
        (vec!["It's a Secret to Everybody"], Some("sha1=757107ea"), body),
        (vec!["It's a Secret to Everybody"], Some("sha256=zz"), body),
        (vec!["It's a Secret to Everybody"], Some(&good[..70]), body),
        (vec![""], Some(good), body),
    ] {
        assert!(check(&secrets, header, body).is_err(), "{secrets:?} {header:?}");
    }
    assert_ne!(delivery_key("push", b"{}"), delivery_key("status", b"{}"));
}
