//! What onduty says to Sentry and what the fake Sentry answers keep to Sentry's own API description: every request and
//! answer goes through a validating proxy (Prism), which answers with an error where one does not.

use crate::day::SIGNALS_SECRET;
use crate::tools::{eventually, not_there, shared};
use crate::trackers::{a_day_with, hurry, item_of};
use onduty_fakes::sentry::Sentry;
use onduty_fakes::trouble::Trouble;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The description in a form that the proxy can check: it skips, without a word, every body whose schema it cannot
/// compile, and it reads `nullable` as one more `null` among values that already have one. A change of an issue names
/// every key as required, although Sentry's own pages change one at a time.
fn checkable(mut contract: Value) -> Value {
    fn without_doubled_nulls(value: &mut Value) {
        if value["nullable"] == true
            && let Some(values) = value.get_mut("enum").and_then(Value::as_array_mut)
        {
            values.retain(|value| !value.is_null());
        }
        match value {
            Value::Object(fields) => fields.values_mut().for_each(without_doubled_nulls),
            Value::Array(values) => values.iter_mut().for_each(without_doubled_nulls),
            _ => {}
        }
    }
    without_doubled_nulls(&mut contract);
    let change = "/paths/~1api~10~1organizations~1{organization_id_or_slug}~1issues~1{issue_id}~1/put/requestBody/content/application~1json/schema";
    let change = contract.pointer_mut(change).and_then(Value::as_object_mut).expect("the description of a change");
    change.remove("required").expect("it has what this mends");
    contract
}

/// The proxy in front of a Sentry; ended with the test.
struct Prism {
    url: String,
    said: Arc<Mutex<Vec<String>>>,
    _child: Child,
}

impl Prism {
    async fn start(program: &str, contract: &Path, upstream: &str) -> Prism {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut child = Command::new(program)
            .args(["proxy", "--errors", "--host", "127.0.0.1", "--port", &port.to_string()])
            .arg(contract)
            .arg(upstream)
            .env("SCARF_ANALYTICS", "false")
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program that ONDUTY_PRISM names can be started");
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let heard = Arc::clone(&said);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                heard.lock().unwrap().push(line);
            }
        });
        let prism = Prism { url: format!("http://127.0.0.1:{port}"), said, _child: child };
        eventually("the proxy listens", async || prism.lines("is listening on").first().map(|_| ())).await;
        prism
    }

    /// What it said that has `text` in it.
    fn lines(&self, text: &str) -> Vec<String> {
        self.said.lock().unwrap().iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// What it found wrong.
    fn violations(&self) -> Vec<String> {
        [self.lines("terminated with error"), self.lines("iolation")].concat()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_and_write_backs_keep_to_sentrys_description() {
    let Ok(program) = std::env::var("ONDUTY_PRISM") else {
        return not_there(
            "ONDUTY_PRISM names no Prism (npm ci in tests/sentry)",
            "requests against Sentry's description",
        );
    };
    let Some(contract) = shared("contracts/sentry/openapi.json") else {
        return not_there("Sentry's API description", "requests against Sentry's description");
    };
    let sentry = Sentry::start(SIGNALS_SECRET).await.expect("a port");
    for id in 1..=5 {
        sentry.happens(id, "production", "Known for years", "2026-03-01T09:00:00Z", "app/models/booking.rb");
    }
    let folder = tempfile::tempdir().unwrap();
    let contract: Value = serde_json::from_slice(&std::fs::read(contract).unwrap()).unwrap();
    let contract_file = folder.path().join("sentry.json");
    std::fs::write(&contract_file, checkable(contract).to_string()).unwrap();
    let prism = Prism::start(&program, &contract_file, &sentry.url()).await;
    let http = crate::person::client(std::time::Duration::from_secs(10));
    let issues = format!("{}/api/0/organizations/acme/issues/", prism.url);
    for path in ["?environment=production", "1/", "1/events/latest/"] {
        let answer = http.get(format!("{issues}{path}")).bearer_auth(SIGNALS_SECRET).send().await.unwrap();
        let status = answer.status().as_u16();
        let body = String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned();
        assert_eq!(status, 200, "what the fake answers to {path}: {body}");
    }
    let day = a_day_with(&prism.url).await;
    assert_eq!(prism.violations(), [""; 0], "the first poll, in pages");
    sentry.happens(7, "production", "Takes an owner", "2026-03-02T08:00:00Z", "app/models/booking.rb");
    sentry.happens(8, "production", "Is mended", "2026-03-02T08:00:00Z", "app/models/booking.rb");
    let (owned, mended) = (item_of(&day, "Takes an owner").await, item_of(&day, "Is mended").await);
    let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
    let lena = day.administrator("lena").await;
    sentry.asked();
    lena.form(&format!("/items/{}/owner", id(&owned)), &[("engineer", "lena")]).await.expect(303);
    eventually("Sentry knows the owner", async || sentry.owner(7).filter(|owner| owner == "lena@acme.example")).await;
    let fields = [("text", "mended in 41c09d2"), ("resolve", "true")];
    lena.form(&format!("/items/{}/conclude", id(&mended)), &fields).await.expect(303);
    eventually("Sentry has it resolved", async || sentry.status(8).filter(|status| *status == "resolved")).await;
    hurry(&day);
    assert_eq!(day.closed(&id(&owned)).await["state"]["how"]["how"], "assigned_at_source");
    eventually("and is known to have", async || {
        (day.item_called(&id(&mended)).await["conclusion"]["resolve"] == "done").then_some(())
    })
    .await;
    let asked = sentry.asked();
    for way in ["GET", "PUT"] {
        assert!(asked.contains(&format!("{way} /api/0/organizations/acme/issues/7/")), "{way}: {asked:?}");
    }
    assert_eq!(prism.violations(), [""; 0]);
    day.end().await;

    // The proxy would have said so: no such status, and an answer that is not a list of issues.
    let wrong =
        http.put(format!("{issues}7/")).bearer_auth(SIGNALS_SECRET).body(json!({"status": "mended"}).to_string());
    let answer = wrong.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 422, "a wrong request passed");
    sentry.trouble(Some(Trouble::WrongTypes));
    let answer = http.get(&issues).bearer_auth(SIGNALS_SECRET).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 500, "a wrong answer passed");
}
