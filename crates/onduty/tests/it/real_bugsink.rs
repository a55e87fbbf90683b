//! A real Bugsink with a project for each test, and errors that the real sentry-sdk sends from a process of its own.
//!
//! `tests/bugsink/with-bugsink` starts one and sets the variables; a full run that has none calls it by itself. Knows
//! nothing of what a test makes of the errors.

use crate::person::{self, Answer};
use crate::tools::{eventually, is_full, missing, write_private};
use onduty_fakes::tracker::ErrorGroup;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// What the shop's server does when something goes wrong: functions of these names in these files at these lines call
/// each other, the innermost raises, and the client library makes of the exception what it makes of any other.
const RAISE: &str = r#"
import json, sys, sentry_sdk
told = json.loads(sys.argv[1])
sentry_sdk.init(dsn=told["dsn"], environment=told["environment"], release=told["release"], traces_sample_rate=0)
def call():
    return type(told["kind"], (Exception,), {})(*told["says"])
for depth, (file, line, function) in enumerate(reversed(told["frames"])):
    place = {"call": call}
    does = "return" if depth else "raise"
    exec(compile("\n" * (line - 1) + f"def {function}(): {does} call()", file, "exec"), place)
    call = place[function]
try:
    call()
except Exception as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.flush(10)
"#;

/// A Bugsink that runs.
struct Running {
    url: String,
    token: String,
    /// A Python that has the sentry-sdk.
    python: String,
    /// Ends it when the pipe from here closes, however this process ends.
    _keeper: Option<Child>,
}

/// The one of this process, started if a full run has none. Blocks for as long as that takes.
fn running() -> Option<&'static Running> {
    static RUNNING: OnceLock<Option<Running>> = OnceLock::new();
    let found = || {
        let variable = |name: &str| std::env::var(format!("ONDUTY_BUGSINK_{name}")).ok();
        let (url, token, python) = (variable("URL")?, variable("TOKEN")?, variable("PYTHON")?);
        Some(Running { url, token, python, _keeper: None })
    };
    RUNNING.get_or_init(|| found().or_else(|| is_full().then(start))).as_ref()
}

fn start() -> Running {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bugsink/with-bugsink");
    let says = r#"printf '%s\n' "$ONDUTY_BUGSINK_URL" "$ONDUTY_BUGSINK_TOKEN" "$ONDUTY_BUGSINK_PYTHON"; exec cat"#;
    let mut command = Command::new(script);
    command.args(["sh", "-c", says]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut keeper = command.spawn().expect("tests/bugsink/with-bugsink can be called");
    let mut lines = BufReader::new(keeper.stdout.take().expect("it is piped")).lines();
    let mut line = || lines.next().and_then(Result::ok).expect("Bugsink starts; a full run needs Python 3 with venv");
    Running { url: line(), token: line(), python: line(), _keeper: Some(keeper) }
}

/// A project of its own in a real Bugsink.
#[expect(clippy::disallowed_types, reason = "who asks Bugsink beside onduty is not onduty")]
pub struct Project {
    running: &'static Running,
    http: reqwest::Client,
    slug: String,
    id: String,
    dsn: String,
    secrets: tempfile::TempDir,
}

impl Project {
    /// A new one; where there is no Bugsink that is said with what is `not_checked`, and a full run fails.
    pub async fn called(name: &str, not_checked: &str) -> Option<Project> {
        let Some(running) = tokio::task::spawn_blocking(running).await.expect("Bugsink starts") else {
            missing("a Bugsink (tests/bugsink/with-bugsink)", not_checked);
            return None;
        };
        let secrets = tempfile::tempdir().expect("a folder");
        write_private(&secrets.path().join("token"), &running.token);
        let http = person::client(Duration::from_secs(30));
        let mut project =
            Project { running, http, slug: String::new(), id: String::new(), dsn: String::new(), secrets };
        let team = project.ask(Method::POST, "teams/", Some(json!({"name": name}))).await;
        project.ask(Method::POST, "projects/", Some(json!({"team": team["id"], "name": name}))).await;
        let all = project.ask(Method::GET, "projects/", None).await;
        let made = all["results"].as_array().expect("a list").iter().find(|project| project["name"] == name);
        let made = made.expect("Bugsink lists the new project");
        project.id = made["id"].as_str().map_or_else(|| made["id"].to_string(), str::to_owned);
        project.slug = made["slug"].as_str().expect("a slug").to_owned();
        project.dsn = made["dsn"].as_str().expect("a DSN").to_owned();
        Some(project)
    }

    /// The text of `onduty.yml` below `sources:` that lets onduty poll it.
    pub fn source(&self) -> String {
        let (url, slug, token) = (&self.running.url, &self.slug, self.secrets.path().join("token"));
        format!(
            "  bugsink: {{url: '{url}', projects: [{slug}], environments: [staging, production], token_file: '{}', \
             every: 5s}}\n",
            token.display()
        )
    }

    /// The error happens once more in the shop: its title, place and release are those of `group`.
    pub async fn happens(&self, group: &ErrorGroup) {
        let (kind, says) = match group.title.split_once(": ") {
            Some((kind, says)) => (kind, vec![says]),
            None => (group.title.as_str(), Vec::new()),
        };
        let frames: Vec<Value> = frames_of(group).iter().map(|frame| json!(frame)).collect();
        let told = json!({"dsn": self.dsn, "environment": group.environment, "release": group.release, "kind": kind,
            "says": says, "frames": frames});
        let python = &self.running.python;
        let done = tokio::process::Command::new(python).args(["-c", RAISE, &told.to_string()]).status().await;
        assert!(done.expect("python runs").success());
    }

    /// Its issues, as Bugsink lists them.
    pub async fn issues(&self) -> Vec<Value> {
        let listed = self.ask(Method::GET, &format!("issues/?project={}", self.id), None).await;
        listed["results"].as_array().cloned().expect("a list")
    }

    /// Its issues as soon as there are so many: what the SDK sent is taken at once and looked into later.
    pub async fn digested(&self, count: usize) -> Vec<Value> {
        eventually(&format!("Bugsink has {count} issues"), async || {
            Some(self.issues().await).filter(|issues| issues.len() == count)
        })
        .await
    }

    /// Whether the issue with this in its title is resolved there.
    pub async fn is_resolved(&self, title: &str) -> bool {
        let issues = self.issues().await;
        issues.iter().any(|issue| issue.to_string().contains(title) && issue["is_resolved"] == true)
    }

    /// Somebody resolves there whatever is not resolved yet.
    pub async fn resolve_all(&self) {
        for issue in self.issues().await.into_iter().filter(|issue| issue["is_resolved"] == false) {
            let path = format!("issues/{}/resolve/", issue["id"].as_str().expect("an id"));
            self.ask(Method::POST, &path, None).await;
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let address = format!("{}/api/canonical/0/{path}", self.running.url);
        let mut request = self.http.request(method, &address).bearer_auth(&self.running.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = Answer::of(request.send().await.expect("Bugsink answers")).await;
        assert!(answer.status.is_success(), "{address}: {} {}", answer.status, answer.text);
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }
}

/// The frames of the shop's own code: file, line, function; the outermost first.
pub fn frames_of(group: &ErrorGroup) -> Vec<(&str, u32, &str)> {
    let own = group.frames.iter().filter(|frame| frame.in_app);
    own.map(|frame| (frame.file.as_str(), frame.line, frame.function.as_str())).collect()
}
