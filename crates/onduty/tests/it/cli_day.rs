//! The day by the command line alone: what it prints, what `--json` gives, and how it exits.

use crate::day::{DAY, Day, SIGNALS_SECRET, Setting};
use crate::seed_day::{counting_script, runs};
use crate::tools::{Said, eventually, onduty};
use serde_json::{Value, json};

/// Says so when a command did not end as documented.
#[track_caller]
fn ends(said: Said, code: i32) -> Said {
    assert_eq!(said.code, code, "{said:?}");
    if code != 0 {
        assert!(!said.err.trim().is_empty() || !said.out.trim().is_empty(), "whoever fails says why: {said:?}");
    }
    assert!(!said.err.contains("panicked"), "{said:?}");
    said
}

/// Runs a command, then again with `--json`; both have to end with 0. For commands that change nothing.
async fn both(day: &Day, arguments: &[&str]) -> (String, Value) {
    let text = ends(day.onduty(arguments).await, 0).out;
    let json = ends(day.onduty(&[arguments, &["--json"]].concat()).await, 0).json();
    (text, json)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_day() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("runs");
    let day = Day::set(Setting { script: Some(counting_script(&marker)), ..Setting::default() }).await;
    morning(&day).await;
    errors(&day).await;
    questions_and_notes(&day).await;
    signals(&day).await;
    button(&day, &marker).await;
    log_book(&day).await;
    day.end().await;
}

async fn morning(day: &Day) {
    let (text, json) = both(day, &["now"]).await;
    assert!(
        text.contains("Lena Vogt is on duty until 19:00") && text.contains("the gate to production is closed"),
        "{text}"
    );
    assert_eq!(json["on_duty"]["engineer"]["id"], "lena");
    day.at("10:00").await;
    assert!(day.seed.main_turns_red().await.unwrap().accepted());
    let id = day.item("main-green").await["id"].as_str().unwrap().to_owned();
    ends(day.onduty(&["now", "--check"]).await, 1);
    let (text, _) = both(day, &["now"]).await;
    assert!(text.contains(&id) && text.contains("! Keep main green"), "{text}");
    let (text, json) = both(day, &["item", "show", &id]).await;
    assert!(text.contains("[ ] 1 ") && json["checklist"].as_array().unwrap().len() == 5, "{text}");
    ends(day.onduty(&["item", "take", &id]).await, 0);
    ends(day.onduty(&["item", "tick", &id, "1"]).await, 0);
    ends(day.onduty(&["item", "tick", &id, "0"]).await, 2);
    ends(day.onduty(&["item", "tick", &id, "99"]).await, 1);
    let item = ends(day.onduty(&["item", "show", &id, "--json"]).await, 0).json();
    assert_eq!((&item["taken"]["by"], &item["checklist"][0]["ticked"]["by"]), (&json!("lena"), &json!("lena")));
    ends(day.onduty(&["item", "release", &id]).await, 0);
    day.at("10:30").await;
    assert!(day.seed.main_turns_green().await.unwrap().accepted());
    day.closed(&id).await;
    ends(day.onduty(&["item", "take", &id]).await, 1);
}

async fn errors(day: &Day) {
    day.at("11:00").await;
    assert!(day.seed.staging_error().await.accepted());
    let id = day.item("staging-errors").await["id"].as_str().unwrap().to_owned();
    ends(day.onduty(&["item", "snooze", &id, "1h"]).await, 0);
    ends(day.onduty(&["item", "snooze", &id, "sometime"]).await, 2);
    ends(day.onduty(&["item", "wake", &id]).await, 0);
    ends(day.onduty(&["item", "conclude", &id, " "]).await, 1);
    let said = ends(day.onduty(&["item", "conclude", &id, "a lock held too long", "--json"]).await, 0).json();
    assert_eq!(said["conclusion"]["text"], "a lock held too long");
    assert_eq!(said["state"]["state"], "closed");

    day.at("11:30").await;
    assert!(day.seed.production_error().await.accepted());
    let id = day.item("production-errors").await["id"].as_str().unwrap().to_owned();
    eventually("an owner is suggested", async || {
        day.item_called(&id).await["suggestion"]["people"][0]["engineer"].as_str().map(str::to_owned)
    })
    .await;
    let (text, _) = both(day, &["now"]).await;
    assert!(text.contains("suggested: "), "{text}");
    why_not_me(day, &id).await;
    ends(day.onduty(&["item", "owner", &id, "nosuch"]).await, 1);
    ends(day.onduty(&["item", "owner", &id]).await, 0);
    assert_eq!(day.closed(&id).await["state"]["how"]["how"], "assigned_at_source");
    assert_eq!(day.world.tracker().assignments().len(), 1);
    who_mended_it(day, &id).await;
    ends(day.onduty(&["item", "show", "developers.nosuch.0.1"]).await, 2);
}

/// What is said about a closed item is counted, by how it is known; nobody is named.
async fn who_mended_it(day: &Day, id: &str) {
    let counted = async |known: &str| -> Vec<Value> {
        let all = day.operator().read("/api/v1/duties/developers/suggestions").await;
        let steps = all["by_step"].as_array().unwrap().clone();
        steps.into_iter().filter(|row| row["step"] == "production-errors" && row["known_from"] == known).collect()
    };
    assert_eq!(counted("named").await[0]["counts"]["first"], 1);
    ends(day.onduty(&["item", "mended", id, "nosuch"]).await, 1);
    let said = ends(day.onduty(&["item", "mended", id, "lena", "--json"]).await, 0).json();
    assert_eq!((&said["mended"]["engineer"], &said["mended"]["said_by"]), (&json!("lena"), &json!("lena")));
    assert_eq!((counted("named").await.len(), &counted("mended").await[0]["counts"]["judged"]), (0, &json!(1)));
    let page = day.operator().get("/suggestions").await.expect(200).main().to_owned();
    assert!(page.contains("who mended it") && !page.contains("Lena"), "{page}");
}

/// Everybody of the roster gets an answer, in the words of the page, and it is the one about the suggestion.
async fn why_not_me(day: &Day, id: &str) {
    let item = day.item_called(id).await;
    let proposed = item["proposed"].as_str().unwrap();
    let (text, json) = both(day, &["item", "why-not", id, proposed]).await;
    assert!(json["answer"] == "proposed" && text.lines().next().unwrap().ends_with("is proposed."), "{text}{json}");
    assert!(!json["reasons"].as_array().unwrap().is_empty() && json["candidate"]["confidence"].is_number(), "{json}");
    let ranked: Vec<&str> = ["people", "others"]
        .iter()
        .flat_map(|part| item["suggestion"][*part].as_array().into_iter().flatten())
        .map(|person| person["engineer"].as_str().unwrap())
        .collect();
    assert!(ranked.len() > 5, "the sample has enough history for more than those who are named: {ranked:?}");
    for (place, engineer) in ranked.iter().enumerate().filter(|(_, engineer)| **engineer != proposed) {
        let (text, json) = both(day, &["item", "why-not", id, engineer]).await;
        assert_eq!(json["answer"], "ranked", "{json}");
        assert!(text.contains(&format!("is number {} of {}", place + 1, ranked.len())), "{text}");
    }
    // Who asks without a name asks for themselves: the one who is signed in.
    assert_eq!(both(day, &["item", "why-not", id]).await.1["engineer"], "lena");
    ends(day.onduty(&["item", "why-not", id, "nosuch"]).await, 2);
    let page = day.operator().get(&format!("/items/{id}?why-not={proposed}")).await.expect(200).main().to_owned();
    assert!(page.contains("is proposed.") && page.contains("% likely"), "{page}");
    let page = day.operator().get(&format!("/items/{id}?why-not=%3Cscript%3Ex")).await.expect(200).main().to_owned();
    assert!(page.contains("&lt;script&gt;x</bdi> is not on the roster.") && !page.contains("<script>x"), "{page}");
}

async fn questions_and_notes(day: &Day) {
    let asked = ends(day.onduty(&["ask", "May I restart search?", "--json"]).await, 0).json();
    let id = asked["id"].as_str().unwrap();
    assert!(both(day, &["now"]).await.0.contains("May I restart search?"));
    ends(day.onduty(&["item", "conclude", id, "Yes, after lunch"]).await, 0);
    ends(day.onduty(&["ask", ""]).await, 1);
    let said = ends(day.onduty(&["log", "--note", "Tried the new probe on web-3"]).await, 0);
    let number = said.out.trim().strip_prefix("noted as entry ").unwrap_or_else(|| panic!("{said:?}")).to_owned();
    let corrected = day.onduty(&["log", "--note", "It was web-4", "--corrects", &number, "--json"]).await;
    assert_eq!(ends(corrected, 0).json()["event"]["corrects"], json!(number.parse::<i64>().unwrap()));
    ends(day.onduty(&["log", "--corrects", "1"]).await, 2);
    ends(day.onduty(&["log", "--day", "2026-03-02", "--search", "x"]).await, 2);
}

async fn signals(day: &Day) {
    let environment = [("ONDUTY_URL", day.url.as_str()), ("ONDUTY_SIGNALS_SECRET", SIGNALS_SECRET)];
    let send =
        async |arguments: &[&str]| onduty(&day.files(), &environment, &[&["signal", "send"], arguments].concat()).await;
    let certificate =
        ["certificate", "shop.example", "--state", "failing", "--message", "expires in 3 days", "--max-age", "1d"];
    ends(send(&certificate).await, 0);
    let json = ends(send(&[&certificate[..], &["--json"]].concat()).await, 0).json();
    assert_eq!(json["observations"][0]["subject"], "shop.example");
    ends(send(&["certificate", "shop.example", "--state", "perhaps"]).await, 2);
    ends(send(&["Certificate!", "shop.example", "--state", "ok"]).await, 2);
    let wrong = [("ONDUTY_URL", day.url.as_str()), ("ONDUTY_SIGNALS_SECRET", "not the secret of signals")];
    ends(onduty(&day.files(), &wrong, &[&["signal", "send"], &certificate[..]].concat()).await, 2);
    let away = [("ONDUTY_URL", "http://127.0.0.1:9"), ("ONDUTY_SIGNALS_SECRET", SIGNALS_SECRET)];
    ends(onduty(&day.files(), &away, &[&["signal", "send"], &certificate[..]].concat()).await, 3);

    let body = day.path("build.json");
    std::fs::write(
        &body,
        json!({"type": "build", "repository": "acme/shop", "revision": "4f2a9c1", "name": "x", "state": "passed"})
            .to_string(),
    )
    .unwrap();
    let path = body.to_str().unwrap();
    let explained = ends(day.onduty(&["signal", "explain", "--source", "signals", path]).await, 0).json();
    assert_eq!(explained["observations"][0]["fact"]["state"], "passed", "{explained}");
    std::fs::write(&body, "{").unwrap();
    ends(day.onduty(&["signal", "explain", "--source", "signals", path]).await, 2);
    ends(day.onduty(&["signal", "explain", "--source", "github", path]).await, 2);
}

async fn button(day: &Day, marker: &std::path::Path) {
    day.at("15:59").await;
    let closed = ends(day.onduty(&["rollout", "status"]).await, 1);
    assert!(closed.out.contains("opens at 16:00"), "{closed:?}");
    assert_eq!(ends(day.onduty(&["rollout", "status", "--json"]).await, 1).json()["open"], false);
    let head = day.world.github().main().head();
    let refused = ends(day.onduty(&["rollout", "go", "--revision", &head]).await, 1);
    assert!(refused.err.contains("16:00"), "{refused:?}");
    ends(day.onduty(&["rollout", "watch"]).await, 1);
    ends(day.onduty(&["rollout", "status", "--environment", "moon"]).await, 2);

    day.at("16:00").await;
    assert!(ends(day.onduty(&["rollout", "status"]).await, 0).out.contains("is open"));
    ends(day.onduty(&["rollout", "go"]).await, 2);
    ends(day.onduty(&["rollout", "go", "--revision", "0000000"]).await, 2);
    ends(day.onduty(&["rollout", "go", "--revision", &head[..6]]).await, 2);
    assert_eq!(runs(marker), 0);
    let gone = ends(day.onduty(&["rollout", "go", "--revision", &head[..7], "--watch"]).await, 0);
    assert_eq!(gone.out, "one\ntwo\nsucceeded\n");
    ends(day.onduty(&["rollout", "go", "--revision", &head[..7]]).await, 1);
    assert_eq!(runs(marker), 1);
    let (text, json) = both(day, &["rollout", "history"]).await;
    assert!(text.contains("production") && text.contains("succeeded (pressed)"), "{text}");
    let id = json[0]["id"].as_str().unwrap();
    assert_eq!(ends(day.onduty(&["rollout", "watch", id]).await, 0).out, "one\ntwo\nsucceeded\n");
    ends(day.onduty(&["rollout", "watch", "nosuch"]).await, 2);
    ends(day.onduty(&["rollout", "resolve", id, "failed"]).await, 1);
    ends(day.onduty(&["rollout", "resolve", id, "perhaps"]).await, 2);
}

async fn log_book(day: &Day) {
    let (text, json) = both(day, &["log", "--day", &DAY.to_string()]).await;
    assert_eq!(text.lines().count(), json.as_array().unwrap().len());
    assert!(text.contains("Lena Vogt: "), "{text}");
    assert!(text.contains(": took this ("), "about which item: {text}");
    assert_eq!(both(day, &["log"]).await.1, json, "the current shift unless a day is given");
    let (text, json) = both(day, &["log", "--search", "probe web-3"]).await;
    assert!(text.contains("Tried the new probe on web-3") && json.as_array().unwrap().len() == 1, "{text}");
    assert!(both(day, &["log", "--search", "\"'*) OR 1=1"]).await.0.contains("nothing found"));
    assert!(both(day, &["log", "--day", "2026-02-27"]).await.0.contains("nothing found"));
    ends(day.onduty(&["log", "--day", "yesterday"]).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_end_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let run =
        async |environment: &[(&str, &str)], arguments: &[&str]| onduty(folder.path(), environment, arguments).await;
    let nobody = [("ONDUTY_URL", "http://127.0.0.1:9")];
    for arguments in [
        &["now"][..],
        &["ask", "hello"],
        &["log"],
        &["item", "show", "developers.x.0.1"],
        &["rollout", "status"],
        &["rollout", "go", "--revision", "0000000"],
    ] {
        let said = ends(run(&nobody, arguments).await, 3);
        assert!(said.err.contains("onduty serve") && said.out.is_empty(), "{said:?}");
    }
    for arguments in [&["nosuch"][..], &["item"], &["now", "--nosuch"], &["rollout", "go"], &["log", "--corrects", "x"]]
    {
        ends(run(&nobody, arguments).await, 2);
    }
    ends(run(&[], &["check"]).await, 2);
    ends(run(&[], &["serve"]).await, 2);
    ends(run(&[], &["init"]).await, 2);
    let help = ends(run(&[], &["--help"]).await, 0);
    for command in
        ["demo", "init", "check", "serve", "now", "ask", "log", "item", "signal", "rollout", "Exit codes: 0 ok"]
    {
        assert!(help.out.contains(command), "{command} is not in {}", help.out);
    }
    assert!(!help.out.contains("supervise"));

    // A server is there, but whoever asks has no token for it.
    let day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    for token in ["", "wrong"] {
        let said = ends(run(&[("ONDUTY_URL", &day.url), ("ONDUTY_TOKEN", token)], &["now"]).await, 2);
        assert!(said.err.contains("token"), "{said:?}");
    }
    ends(run(&[("ONDUTY_URL", &day.url), ("ONDUTY_DUTY", "nosuch")], &["now"]).await, 2);
    ends(day.onduty(&["now", "--duty", "nosuch"]).await, 2);
    // Elsewhere the token comes from the environment.
    let operator = std::fs::read_to_string(day.app.data.join("cli-token")).unwrap();
    let said =
        onduty(folder.path(), &[("ONDUTY_URL", &day.url), ("ONDUTY_TOKEN", operator.trim())], &["now", "--json"]).await;
    assert_eq!(ends(said, 0).json()["duty"], "developers");
    day.end().await;
}
