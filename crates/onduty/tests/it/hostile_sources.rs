//! Hostile text in every field that onduty reads of GitHub, Sentry and Bugsink: it goes through the decoder of each, and no
//! page carries it raw.

use crate::day::{Day, SIGNALS_SECRET, Setting};
use crate::hostile::{check, hostile, hostile_word, marks};
use crate::person::Person;
use crate::tools::eventually;
use crate::trackers::hurry;
use onduty_fakes::bugsink::Bugsink;
use onduty_fakes::sentry::Sentry;
use serde_json::{Value, json};

const LINK: &str = "https://evil.example/zq-url?\"><img/src=x/onerror=alert(1)>#'<script>alert(1)</script>";

/// Looks at every page that shows what sources told; each of `wanted` has to be on one of them.
async fn every_page_is_tame(day: &Day, lena: &Person, wanted: &[&str]) {
    let mut paths: Vec<String> = ["/", "/rollout", "/log", "/process", "/team"].map(str::to_owned).to_vec();
    paths.push(format!("/tv/{}", day.wall("developers").await));
    let look = day.app.look(&crate::day::duty()).await.unwrap().unwrap();
    paths.extend(look.memory.items.keys().map(|id| format!("/items/{id}")));
    let mut shown: Vec<String> = Vec::new();
    for path in &paths {
        let answer = lena.get(path).await.expect(200);
        check(&answer.text, path);
        shown.extend(marks(&answer.text).into_iter().map(str::to_owned));
    }
    shown.sort_unstable();
    shown.dedup();
    let missing: Vec<&&str> = wanted.iter().filter(|mark| !shown.iter().any(|known| known == *mark)).collect();
    assert!(missing.is_empty(), "{missing:?} are on no page, so nothing was proved: {shown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_trackers_say_is_tame() {
    let sentry = Sentry::start(SIGNALS_SECRET).await.expect("a port");
    let bugsink = Bugsink::start(SIGNALS_SECRET).await.expect("a port");
    bugsink.renames_its_project(&hostile_word("b-project"));
    let source = format!(
        "sources:\n  sentry: {{url: '{}', organisation: acme, environments: [staging, production], \
         token_file: secrets/signals, every: 5s}}\n  bugsink: {{url: '{}', token_file: secrets/signals, every: 5s}}\n",
        sentry.url(),
        bugsink.url()
    );
    let replaced = vec![("sources:\n".to_owned(), source)];
    let all = ("error.environment == \"staging\" && error.first_seen > workdays_ago(2)".to_owned(), "true".to_owned());
    let day = Day::set(Setting { replaced, process: vec![all], ..Setting::default() }).await;
    for name in ["sentry", "bugsink"] {
        eventually("the first poll is recorded", async || day.app.was_heard(name).await.unwrap().then_some(())).await;
    }

    let at = crate::day::instant("09:00").to_string();
    let frames = |mark: &str, line: &str| {
        let (file, function) = (hostile(&format!("{mark}-file")), hostile(&format!("{mark}-function")));
        json!([{"filename": file, line: 3, "function": function, "inApp": true, "in_app": true}])
    };
    let exception = json!({"values": [{"stacktrace": {"frames": frames("s", "lineNo")}}]});
    sentry.happens(1, "staging", "x", &at, "x");
    let issue = json!({"title": hostile("s-title"), "culprit": hostile("s-culprit"), "level": hostile("s-level"),
        "permalink": LINK, "firstRelease": {"version": hostile("s-release")}, "count": hostile("s-count"),
        "shortId": hostile("s-short"), "project": {"slug": hostile_word("s-project")},
        "assignedTo": {"type": "team", "name": hostile("s-assignee")}});
    sentry.says(1, issue, json!({"entries": [{"type": "exception", "data": exception}]}));
    sentry.happens(2, "production", "x", &at, "x");
    let untitled =
        json!({"title": null, "metadata": {"title": hostile("s-metadata")}, "permalink": "javascript:alert(1)"});
    sentry.says(2, untitled, json!({}));

    bugsink.happens(1, "production", "x", &at);
    let issue = json!({"calculated_type": hostile("b-type"), "calculated_value": hostile("b-value"),
        "transaction": hostile("b-transaction")});
    let data = json!({"environment": hostile_word("b-environment"), "release": hostile("b-release"), "level": hostile("b-level"),
        "exception": {"values": [{"stacktrace": {"frames": frames("b", "lineno")}}]}});
    bugsink.says(1, issue, json!({"data": data}));

    eventually("all are known", async || {
        hurry(&day);
        let look = day.app.look(&crate::day::duty()).await.unwrap().unwrap();
        let text = format!("{:?}", look.memory.items);
        ["s-title", "s-metadata", "b-type"].iter().all(|mark| text.contains(&format!("zq-{mark}"))).then_some(())
    })
    .await;
    let lena = day.administrator("lena").await;
    let wanted = ["b-environment", "b-file", "b-function", "b-project", "b-release", "b-transaction", "b-type"];
    let of_sentry =
        ["s-assignee", "s-culprit", "s-file", "s-function", "s-metadata", "s-project", "s-release", "s-title"];
    every_page_is_tame(&day, &lena, &[wanted.as_slice(), of_sentry.as_slice()].concat()).await;
    // A tracker that refuses is quoted; so is one whose answer cannot be read.
    sentry.says(2, json!({"lastSeen": hostile("s-time")}), json!({}));
    eventually("Today says that Sentry cannot be read", async || {
        hurry(&day);
        let page = lena.get("/").await.expect(200).text;
        check(&page, "/");
        page.contains("sentry cannot be read").then_some(())
    })
    .await;
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_github_says_is_tame() {
    // Every check counts, and passes run when the test says so: all builds are there when main turns red.
    let roster = vec![("      checks: {blocking: [lint, unit tests, build image, e2e]}\n".to_owned(), String::new())];
    let day = Day::set(Setting { tasks: false, roster, ..Setting::default() }).await;
    let (main, pushed) = ("cd".repeat(20), "ab".repeat(20));
    let repository = json!({"id": 1, "full_name": "acme/shop", "html_url": LINK, "pushed_at": 1_772_438_700});
    let at = crate::day::instant("09:04").to_string();
    let failed = |more: Value| -> Value {
        let mut all = json!({"status": "completed", "conclusion": "failure", "head_sha": main, "head_branch": "main",
            "created_at": at, "updated_at": at, "started_at": at, "completed_at": at, "html_url": LINK});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let output = json!({"title": hostile("g-output"), "summary": format!("{}.rs:3: boom", hostile("g-summary")),
        "text": format!("{}.rb:14: boom", hostile_word("g-place"))});
    let suite = |more: Value| json!({"check_suite": failed(more), "repository": repository});
    let base = json!({"id": main, "message": "x", "timestamp": at});
    let commit = json!({"id": pushed, "message": hostile("g-message"), "timestamp": at,
        "author": {"name": hostile("g-author"), "email": hostile("g-email")}, "added": [hostile("g-added")]});
    let deployment = |id: u64, environment: &str| {
        json!({"repository": repository,
            "deployment": {"id": id, "sha": main, "environment": environment, "created_at": at,
                "creator": {"login": hostile_word("g-login")}},
            "deployment_status": {"state": "success", "updated_at": at, "log_url": "javascript:alert(1)",
                "target_url": LINK}})
    };
    let run = failed(json!({"name": hostile("g-check"), "output": output, "check_suite": failed(json!({}))}));
    let workflow = failed(json!({"name": hostile("g-run"), "path": hostile("g-path"), "event": "push"}));
    for (event, body) in [
        ("check_run", json!({"check_run": run, "repository": repository})),
        ("check_suite", suite(json!({"app": {"name": hostile("g-app")}}))),
        ("check_suite", suite(json!({"app": {"name": "x"}, "head_branch": hostile_word("g-branch")}))),
        (
            "workflow_run",
            json!({"workflow_run": workflow, "workflow": {"name": hostile("g-workflow")},
            "repository": repository}),
        ),
        (
            "status",
            json!({"sha": main, "context": hostile("g-context"), "state": "failure",
            "description": hostile("g-description"), "target_url": LINK, "created_at": at, "updated_at": at,
            "branches": [{"name": "main"}], "repository": repository}),
        ),
        ("deployment_status", deployment(1, "production")),
        ("deployment_status", deployment(2, &hostile("g-environment"))),
        (
            "push",
            json!({"ref": "refs/heads/main", "after": pushed, "commits": [base, commit], "repository": repository}),
        ),
        (
            "push",
            json!({"ref": format!("refs/heads/{}", hostile_word("g-ref")), "after": pushed, "commits": [],
            "repository": repository}),
        ),
    ] {
        let sent = day.world.github().send_body(event, body.clone()).await;
        assert_eq!(sent.statuses(), [202], "{event}: {body}");
    }
    day.pass().await;
    // What was pushed would go out, and is listed.
    for name in ["lint", "unit tests", "build image", "e2e"] {
        let passed = json!({"type": "build", "repository": "acme/shop", "branch": "main", "state": "passed",
            "revision": pushed, "name": name, "started_at": crate::day::instant("09:05").to_string()});
        assert!(day.world.signals().send_body(passed).await.accepted());
    }
    day.pass().await;
    let lena = day.administrator("lena").await;
    let wanted = [
        "g-app",
        "g-author",
        "g-check",
        "g-context",
        "g-description",
        "g-environment",
        "g-login",
        "g-message",
        "g-output",
        "g-workflow",
    ];
    every_page_is_tame(&day, &lena, &wanted).await;
    day.end().await;
}
