//! The day's errors in a real Bugsink, fed by the real sentry-sdk. `tests/bugsink/with-bugsink` starts one and sets the
//! variables; without them nothing is checked, and that is said.

use crate::day::{Day, Setting};
use crate::person;
use crate::tools::{eventually, not_there, write_private};
use serde_json::Value;
use std::time::Duration;

/// What the shop's server does when something goes wrong: the real client library, in a process of its own.
const RAISE: &str = r#"
import os, sys, sentry_sdk
environment, message = sys.argv[1:]
sentry_sdk.init(dsn=os.environ["ONDUTY_BUGSINK_DSN"], environment=environment, release="shop@1.42.0", traces_sample_rate=0)
def checkout(message):
    raise ValueError(message)
try:
    checkout(message)
except Exception as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.flush(10)
"#;

async fn raise(environment: &str, message: &str) {
    let python = std::env::var("ONDUTY_BUGSINK_PYTHON").expect("with-bugsink sets it");
    let done = tokio::process::Command::new(python).args(["-c", RAISE, environment, message]).status().await;
    assert!(done.expect("python runs").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_a_real_bugsink_are_worked_off() {
    let (Ok(url), Ok(token)) = (std::env::var("ONDUTY_BUGSINK_URL"), std::env::var("ONDUTY_BUGSINK_TOKEN")) else {
        return not_there("a Bugsink (tests/bugsink/with-bugsink)", "the day on a real Bugsink");
    };
    raise("production", "known for years").await;
    let http = person::client(Duration::from_secs(30));
    let issues = async || -> Vec<Value> {
        let address = format!("{url}/api/canonical/0/issues/?project=1");
        let answer = http.get(address).bearer_auth(&token).send().await.expect("Bugsink answers");
        let body: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        body["results"].as_array().cloned().unwrap_or_default()
    };
    eventually("Bugsink digested the first error", async || (issues().await.len() == 1).then_some(())).await;

    let secrets = tempfile::tempdir().expect("a folder");
    let token_file = secrets.path().join("token");
    write_private(&token_file, &token);
    let source = format!(
        "sources:\n  bugsink: {{url: '{url}', projects: [shop], environments: [staging, production], token_file: '{}', every: 5s}}\n",
        token_file.display()
    );
    let day = Day::set(Setting { replaced: vec![("sources:\n".to_owned(), source)], ..Setting::default() }).await;
    eventually("the first poll is recorded", async || day.app.was_heard("bugsink").await.unwrap().then_some(())).await;

    raise("staging", "on staging").await;
    raise("production", "in production").await;
    let item = async |step: &str, title: &str| {
        eventually(&format!("{title} in {step}"), async || {
            day.items(step).await.into_iter().find(|item| item["title"] == title)
        })
        .await
    };
    let staging = item("staging-errors", "ValueError: on staging").await;
    let production = item("production-errors", "ValueError: in production").await;
    let known = day.app.known_errors("bugsink").await.expect("the store can be read");
    assert_eq!(known.len(), 3, "{known:?}");
    let frames = &known.iter().find(|group| group.title.ends_with("in production")).expect("it is known").frames;
    assert_eq!(frames.last().and_then(|frame| frame.function.as_deref()), Some("checkout"), "{frames:?}");
    let others = day.items("production-errors").await;
    assert!(
        !others.iter().any(|item| item["title"].as_str().unwrap_or_default().contains("known for years")),
        "{others:?}"
    );

    // Bugsink knows no owners: onduty keeps them, and says so.
    let lena = day.administrator("lena").await;
    let id = production["id"].as_str().expect("an id");
    lena.form(&format!("/items/{id}/owner"), &[("engineer", "lena")]).await.expect(303);
    eventually("the log says that Bugsink knows no owners", async || {
        day.log().await.into_iter().find(|line| line.contains("Bugsink knows no owners"))
    })
    .await;
    assert_eq!(day.item_called(id).await["owner"]["engineer"], "lena");

    // Somebody concludes one and resolves it there with it.
    let id = staging["id"].as_str().expect("an id");
    lena.form(&format!("/items/{id}/conclude"), &[("text", "mended"), ("resolve", "true")]).await.expect(303);
    eventually("the tracker shows it as resolved", async || {
        let shown = issues().await;
        let issue = shown.iter().find(|issue| issue.to_string().contains("on staging"))?;
        (issue["is_resolved"] == true && day.item_called(id).await["conclusion"]["resolve"] == "done").then_some(())
    })
    .await;

    // Somebody resolves the others there.
    for issue in issues().await.into_iter().filter(|issue| issue["is_resolved"] == false) {
        let address = format!("{url}/api/canonical/0/issues/{}/resolve/", issue["id"].as_str().expect("an id"));
        let answer = http.post(address).bearer_auth(&token).send().await.expect("Bugsink answers");
        assert!(answer.status().is_success(), "{}", answer.status());
    }
    let closed = day.closed(production["id"].as_str().expect("an id")).await;
    assert_eq!(closed["state"]["how"]["how"], "resolved_at_source", "{closed}");
    day.end().await;
}
