//! The self-audit: a healthy day has no finding, and whatever is not as promised is found, told and shown.

use crate::day::{Day, Setting, duty, instant};
use jiff::{SignedDuration, Timestamp};
use onduty::app::self_audit::{Auditor, Finding};
use onduty::clock::real_now;
use onduty::tasks::self_audit::look;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};

/// What two looks find: the second one confirms the first.
async fn found(day: &Day, real_now: Timestamp) -> Vec<Finding> {
    let mut auditor = Auditor::default();
    auditor.look(&day.app, real_now).await.expect("the store can be read");
    auditor.look(&day.app, real_now).await.expect("the store can be read")
}

/// Does to the store what onduty never does.
async fn spoil(day: &Day, sql: &str) {
    let options = SqliteConnectOptions::new().filename(day.app.data.join("onduty.db")).disable_statement_logging();
    let mut connection = options.connect().await.expect("the file of the store");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect(sql);
    sqlx::Connection::close(connection).await.expect("it closes");
}

async fn day() -> Day {
    let day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    day.operator()
        .post("/api/v1/duties/developers/questions", &serde_json::json!({"text": "Is it down?"}))
        .await
        .expect(200);
    // The last entry is about no item, so that its loss is one trouble and not two.
    let note = serde_json::json!({"text": "a quiet day"});
    day.operator().post("/api/v1/duties/developers/notes", &note).await.expect(200);
    day.pass().await;
    day
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_not_as_promised_is_found() {
    const UNGUARDED: &str = "drop trigger log_entry_unchanged; drop trigger log_entry_stays;";
    for (about, sql) in [
        ("chain", format!("{UNGUARDED} update log_entry set text = 'all was well' where seq = 2")),
        ("chain", format!("{UNGUARDED} update log_entry set at = at + 1 where seq = 2")),
        ("chain", format!("{UNGUARDED} delete from log_entry where seq = 2")),
        ("chain", format!("{UNGUARDED} delete from log_entry where seq = (select max(seq) from log_entry)")),
        (
            "effect lost",
            "insert into outbox values ('1', 'developers', 'write_back', 'lost', '{}', 'pending', 3, 0, 'no route', 0)".to_owned(),
        ),
        (
            "rollout lost",
            "insert into rollout_attempt (id, key, duty, environment, revision, diff_hash, inputs_hash, pressed_by, pressed_at, state)
             values ('lost', 'k', 'developers', 'production', 'r', 'd', 'i', 'lena', 0, 'running')".to_owned(),
        ),
        ("item ", "update item set state = 'closed', closed_at = 0 where step = 'asked'".to_owned()),
        ("item ", "update item set body = json_set(body, '$.state.state', 'nonsense') where step = 'asked'".to_owned()),
        ("item ", "update item set step = 'gone', body = json_set(body, '$.step', 'gone') where step = 'asked'".to_owned()),
        ("item ", "update item set duty = 'gone', body = json_set(body, '$.duty', 'gone') where step = 'asked'".to_owned()),
        (
            "item untold",
            "insert into item select 'untold', duty, step, 'else', occurrence, state, shift_day, opened_at, closed_at,
             json_set(body, '$.id', 'untold', '$.subject', 'else') from item where step = 'asked'".to_owned(),
        ),
        ("journal", "delete from journal where seq = (select max(seq) from journal)".to_owned()),
    ] {
        let day = day().await;
        assert_eq!(found(&day, real_now()).await, [], "a healthy day");
        spoil(&day, &sql).await;
        let findings = found(&day, real_now()).await;
        assert!(findings.iter().any(|finding| finding.about.starts_with(about)), "{sql}: {findings:#?}");
        assert_eq!(findings.len(), 1, "one trouble is told once: {findings:#?}");
        day.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_book_that_was_cut_off_with_its_head_is_found_by_the_head_outside() {
    let day = day().await;
    onduty::tasks::heads::ship(&day.app).await.expect("heads are written");
    spoil(
        &day,
        "drop trigger log_entry_stays; delete from log_entry where seq = (select max(seq) from log_entry);
         update log_head set seq = seq - 1, hash = (select hash from log_entry where seq = log_head.seq - 1)",
    )
    .await;
    let findings = found(&day, real_now()).await;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].what.contains("is missing"), "{findings:#?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duty_that_no_pass_looks_at_is_found() {
    let day = day().await;
    day.app.clock.set_rate(1);
    let now = real_now();
    day.app.liveness.passed_over(&duty(), now, true);
    day.app.liveness.passed_over(&duty(), now + SignedDuration::from_secs(100), false);
    assert_eq!(found(&day, now + SignedDuration::from_secs(80)).await, []);
    let findings = found(&day, now + SignedDuration::from_secs(100)).await;
    assert_eq!(findings.iter().map(|finding| finding.about.as_str()).collect::<Vec<_>>(), ["passes"]);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finding_is_told_once_and_shown_to_administrators_until_it_is_gone() {
    let day = day().await;
    let mut auditor = Auditor::default();
    spoil(&day, "insert into outbox values ('1', 'developers', 'write_back', 'lost', '{}', 'pending', 3, 0, null, 0)")
        .await;
    for _ in 0..4 {
        look(&day.app, &mut auditor).await.expect("it looks");
    }
    // A restart forgets what was found, and the log book does not.
    let mut restarted = Auditor::default();
    day.app.liveness.found(Vec::new());
    for _ in 0..3 {
        look(&day.app, &mut restarted).await.expect("it looks");
    }
    let told = day.log().await.into_iter().filter(|line| line.contains("self-audit: the message lost waits")).count();
    assert_eq!(told, 1, "{:?}", day.log().await);
    let administrator = day.administrator("lena").await;
    assert!(administrator.get("/").await.text.contains("1 broken promise"));
    day.app.liveness.looked(real_now());
    day.app.liveness.passed(real_now(), true);
    let health: serde_json::Value = day.operator().read("/healthz").await;
    assert_eq!((&health["findings"], &health["store"]), (&1.into(), &"answering".into()), "{health}");

    spoil(&day, "update outbox set state = 'sent'").await;
    look(&day.app, &mut restarted).await.expect("it looks");
    assert_eq!(day.operator().read("/healthz").await["findings"], 0);
    assert!(!administrator.get("/").await.text.contains("broken promise"));
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_sleeps_too_long_is_found() {
    let day = day().await;
    let until = instant("12:00");
    let item = day.item("asked").await["id"].as_str().expect("an id").to_owned();
    let body = serde_json::json!({"until": until});
    day.operator().with("onduty-as", "lena").post(&format!("/api/v1/items/{item}/snooze"), &body).await.expect(200);
    day.app.clock.jump_to(instant("12:04"));
    assert_eq!(found(&day, real_now()).await, []);
    // Nobody runs a pass.
    day.app.clock.jump_to(instant("12:06"));
    let findings = found(&day, real_now()).await;
    assert!(findings.len() == 1 && findings[0].what.contains("no pass woke it"), "{findings:#?}");
    day.end().await;
}
