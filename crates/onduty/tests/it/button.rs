//! The button: however many press, however onduty dies, a script runs once or a person is asked.

use crate::day::{Day, ROLLOUTS, Setting};
use crate::person::Person;
use crate::seed_day::{counting_script, runs};
use crate::served::Served;
use crate::tools::{eventually, is_full};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many press at the same time.
const PRESSERS: usize = 50;

/// A script that counts itself, says a line, waits for a file, says more, and ends as another file says.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new() -> Script {
        Script { folder: tempfile::tempdir().unwrap() }
    }

    fn marker(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    /// Gives up after a while, so that a test that fails leaves nothing behind.
    fn text(&self) -> String {
        let folder = self.folder.path().display();
        format!(
            "{}tries=0\nwhile [ ! -e '{folder}/go' ] && [ $tries -lt 1500 ]; do sleep 0.02; tries=$((tries+1)); done\n\
             echo three\nexit $(cat '{folder}/code')\n",
            counting_script(&self.marker())
        )
    }

    fn waits(&self) {
        let _ = std::fs::remove_file(self.folder.path().join("go"));
    }

    fn goes_on(&self, code: i32) {
        std::fs::write(self.folder.path().join("code"), code.to_string()).unwrap();
        std::fs::write(self.folder.path().join("go"), "").unwrap();
    }

    async fn has_run(&self, times: usize) {
        eventually("the script runs", async || (runs(&self.marker()) >= times).then_some(())).await;
        assert_eq!(runs(&self.marker()), times);
    }

    /// A day at which the gate is open and this script is what the button runs.
    async fn day(&self, tasks: bool) -> Day {
        self.day_with(tasks, Vec::new()).await
    }

    async fn day_with(&self, tasks: bool, replaced: Vec<(String, String)>) -> Day {
        let script = Some(self.text());
        Day::set(Setting { begins: "16:05", tasks, script, replaced, ..Setting::default() }).await
    }
}

fn texts(rollout: &Value) -> Vec<String> {
    let lines = rollout["output"].as_array().cloned().unwrap_or_default();
    lines.iter().map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Presses by the page or by a script.
async fn press_in_some_way(number: usize, page: &Person, script: &Person, body: &Value) -> (u16, Option<String>) {
    if number.is_multiple_of(5) {
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        let (revision, diff_hash) = (text("revision"), text("diff_hash"));
        let fields = [
            ("environment", "production"),
            ("revision", revision.as_str()),
            ("diff_hash", diff_hash.as_str()),
            ("confirm", revision.as_str()),
        ];
        return (page.form("/duty/developers/rollout", &fields).await.status.as_u16(), None);
    }
    let answer = script.post(ROLLOUTS, body).await;
    let id = (answer.status.as_u16() == 200).then(|| answer.json()["id"].as_str().unwrap().to_owned());
    (answer.status.as_u16(), id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_press_one_script_runs() {
    let rounds = if is_full() { 1_000 } else { 20 };
    let script = Script::new();
    // A window a minute, so that there is a new one after each rollout that arrived.
    let minutes: Vec<String> =
        (10..19).flat_map(|hour| (0..60).map(move |minute| format!("\"{hour}:{minute:02}\""))).collect();
    let process = vec![("after: \"16:00\"".to_owned(), format!("at: [{}]", minutes.join(", ")))];
    let day = Day::set(Setting { begins: "09:30", script: Some(script.text()), process, ..Setting::default() }).await;
    let page = day.administrator("lena").await;
    let script_of_omar = day.operator().with("onduty-as", "omar");
    let mut attempts = 0;
    for round in 0..rounds {
        // Each window fails once, then succeeds, which closes it.
        let code = if round % 2 == 0 { 1 } else { 0 };
        if code == 1 {
            let minute = round / 2;
            day.at(&format!("{}:{:02}", 10 + minute / 60, minute % 60)).await;
        }
        script.waits();
        let body = day.press_body().await;
        let presses = (0..PRESSERS).map(|number| press_in_some_way(number, &page, &script_of_omar, &body));
        let answers = futures_util::future::join_all(presses).await;
        let ids: std::collections::BTreeSet<&String> = answers.iter().filter_map(|(_, id)| id.as_ref()).collect();
        assert_eq!(ids.len(), 1, "round {round}: {answers:?}");
        for (status, id) in &answers {
            assert!(matches!((status, id), (200, Some(_)) | (303, None)), "round {round}: {answers:?}");
        }
        let id = ids.into_iter().next().unwrap();
        script.goes_on(code);
        let ended = day.ended(id).await;
        assert_eq!(ended["exit_code"], json!(code), "round {round}: {ended}");
        attempts += 1;
        // A press on the way since then comes late: the look is used up, also where the attempt failed.
        let late = script_of_omar.post(ROLLOUTS, &body).await.expect(200).json();
        assert_eq!((&late["id"], &late["first"]), (&json!(id), &json!(false)), "round {round}");
        assert_eq!(runs(&script.marker()), attempts, "round {round}");
    }
    let log = day.operator().read("/api/v1/duties/developers/log?after=0&limit=1000").await;
    let pressed = log.as_array().unwrap().iter().filter(|entry| entry["event"]["event"] == "rollout_pressed").count();
    assert!(pressed == attempts || attempts > 100, "{pressed} presses in the log book, {attempts} attempts");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_rolls_out_on_an_old_look() {
    let script = Script::new();
    let day = script.day(true).await;
    let old = day.press_body().await;
    assert!(day.seed.main_turns_green().await.unwrap().accepted());
    let new = eventually("the new commit would go out", async || {
        Some(day.press_body().await).filter(|new| new["revision"] != old["revision"])
    })
    .await;
    let operator = day.operator().with("onduty-as", "lena");
    let refused = operator.post(ROLLOUTS, &old).await.expect(409).json();
    assert!(refused["error"].as_str().unwrap().contains("changed since you looked"), "{refused}");
    // The revision alone is not the look: something else may have been rolled out meanwhile.
    let mixed = json!({"environment": "production", "revision": new["revision"], "diff_hash": old["diff_hash"]});
    operator.post(ROLLOUTS, &mixed).await.expect(409);
    assert_eq!(runs(&script.marker()), 0);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_fails_is_not_run_again() {
    let script = Script::new();
    let mut day = script.day(true).await;
    script.goes_on(3);
    let ended = day.ended(&day.press().await).await;
    assert_eq!((&ended["state"], &ended["exit_code"]), (&json!("failed"), &json!(3)));
    day.stop_tasks().await;
    day.start_tasks();
    day.at("17:00").await;
    day.onduty(&["now"]).await;
    assert_eq!(runs(&script.marker()), 1, "a person presses again, never onduty");
    assert_eq!(day.gate().await["open"], true, "and may do so");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_takes_too_long_leaves_a_question() {
    let script = Script::new();
    let day = script.day_with(true, vec![("timeout: 10m".to_owned(), "timeout: 1s".to_owned())]).await;
    let ended = day.ended(&day.press().await).await;
    assert_eq!(ended["state"], "unknown", "{ended}");
    assert!(ended["reason"].as_str().unwrap().contains("time-out"), "{ended}");
    asks_a_human(&day).await;
    assert_eq!(runs(&script.marker()), 1);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_that_is_killed_leaves_a_question() {
    let script = Script::new();
    let day = script.day(true).await;
    let id = day.press().await;
    script.has_run(1).await;
    let started = std::fs::read(day.app.rollout_folder().join(format!("{id}.started.json"))).unwrap();
    let started: Value = serde_json::from_slice(&started).unwrap();
    kill(started["pid"].as_i64().unwrap());
    let ended = day.ended(&id).await;
    assert_eq!(ended["state"], "unknown", "{ended}");
    asks_a_human(&day).await;
    // By the form of the page: it arrived after all.
    let lena = day.administrator("lena").await;
    assert!(lena.get("/rollout").await.expect(200).text.contains("It arrived"));
    let path = format!("/duty/developers/rollouts/{id}/resolve");
    lena.form(&path, &[("state", "perhaps")]).await.expect(400);
    lena.form(&path, &[("state", "succeeded")]).await.expect(303);
    let gate = day.gate().await;
    assert_eq!(gate["blockers"][0]["blocker"], "already_rolled_out", "{gate}");
    lena.form(&path, &[("state", "failed")]).await.expect(409);
    script.goes_on(0);
    assert_eq!(runs(&script.marker()), 1);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_press_that_nobody_started_leaves_a_question() {
    let script = Script::new();
    // Nothing starts it: as if the server had died right after it wrote down the press.
    let mut day = script.day(false).await;
    let id = day.press().await;
    assert_eq!(day.gate().await["blockers"][0]["blocker"], "in_progress");
    day.start_tasks();
    let ended = day.ended(&id).await;
    assert_eq!(ended["state"], "unknown", "{ended}");
    assert!(ended["reason"].as_str().unwrap().contains("say how it ended"), "{ended}");
    asks_a_human(&day).await;
    assert_eq!(runs(&script.marker()), 0);

    let resolved = day.onduty(&["rollout", "resolve", &id, "failed"]).await;
    assert_eq!(resolved.code, 0, "{resolved:?}");
    assert_eq!(day.gate().await["open"], true, "it did not arrive: it can be pressed again");
    script.goes_on(0);
    let again = day.press().await;
    assert_ne!(again, id);
    assert_eq!(day.ended(&again).await["state"], "succeeded");
    assert_eq!(runs(&script.marker()), 1);
    day.end().await;
}

/// The gate is closed until somebody says how it ended, and says so everywhere.
async fn asks_a_human(day: &Day) {
    let gate = day.gate().await;
    assert_eq!((&gate["open"], &gate["blockers"][0]["blocker"]), (&json!(false), &json!("outcome_unknown")), "{gate}");
    let body = json!({"environment": "production", "revision": gate["revision"], "diff_hash": "0000000000000000"});
    day.operator().post(ROLLOUTS, &body).await.expect(409);
    let status = day.onduty(&["rollout", "status"]).await;
    assert_eq!(status.code, 1, "{status:?}");
}

fn kill(pid: i64) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours and alive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_finds_its_script_again() {
    for ends_meanwhile in [false, true] {
        let script = Script::new();
        let mut served = Served::with_script(&script.text());
        served.start().await;
        served.opens_the_gate().await;
        let id = served.press().await;
        script.has_run(1).await;
        eventually("the first lines are kept", async || (texts(&served.rollout(&id).await).len() == 2).then_some(()))
            .await;
        served.kill().await;
        if ends_meanwhile {
            script.goes_on(0);
            let ended = served.data().join("rollouts").join(format!("{id}.ended.json"));
            wait_for(&ended).await;
        }
        served.start().await;
        if !ends_meanwhile {
            let running = served.rollout(&id).await;
            assert_eq!(running["state"], "running", "{running}");
            script.goes_on(0);
        }
        let ended = served.ended(&id).await;
        assert_eq!((&ended["state"], &ended["exit_code"]), (&json!("succeeded"), &json!(0)), "{ended}");
        assert_eq!(texts(&ended), ["one", "two", "three"], "every line once");
        assert_eq!(runs(&script.marker()), 1);
        served.kill().await;
        served.start().await;
        assert_eq!(served.gate().await["blockers"][0]["blocker"], "already_rolled_out");
        assert_eq!(runs(&script.marker()), 1);
        served.stop().await;
    }
}

async fn wait_for(path: &Path) {
    eventually(&format!("{} is there", path.display()), async || path.exists().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_is_being_written_is_waited_for() {
    let script = Script::new();
    let mut day = script.day(false).await;
    let id = day.press().await;
    let mut reader = day.app.store.read().await.unwrap();
    let attempt = onduty::store::rollouts::get(&mut reader, &id).await.unwrap().unwrap();
    drop(reader);
    assert!(day.app.take_on_rollout(&attempt).await.unwrap());
    assert!(!day.app.take_on_rollout(&attempt).await.unwrap(), "only one takes it on");
    // The supervisor of an earlier server has made its file, and has not written yet who it is.
    let file = |ending: &str| day.app.rollout_folder().join(format!("{id}.{ending}"));
    let (started, ended) = (file("started.json"), file("ended.json"));
    std::fs::write(&started, "").unwrap();
    std::fs::write(file("output.log"), "one\ntw").unwrap();
    day.start_tasks();
    let seen = Instant::now();
    eventually("it was looked at a few times", async || (seen.elapsed() > Duration::from_millis(700)).then_some(()))
        .await;
    assert_eq!(day.operator().read(&format!("{ROLLOUTS}/{id}")).await["state"], "running");
    let pid = std::process::id();
    let me = json!({"pid": pid, "ticks": onduty::actions::supervise::ticks_of(pid).unwrap()});
    std::fs::write(&started, me.to_string()).unwrap();
    eventually("its output is kept", async || {
        let rollout = day.operator().read(&format!("{ROLLOUTS}/{id}")).await;
        (texts(&rollout) == ["one"]).then_some(())
    })
    .await;
    std::fs::write(
        &ended,
        json!({"code": 0, "trouble": null, "timed_out": false, "at": "2026-03-02T16:06:00Z"}).to_string(),
    )
    .unwrap();
    let ended = day.ended(&id).await;
    assert_eq!((&ended["state"], texts(&ended)), (&json!("succeeded"), vec!["one".to_owned(), "tw".to_owned()]));
    assert_eq!(runs(&script.marker()), 0, "nobody ran it here");
    day.end().await;
}
