//! `onduty serve` as a real process with its own files, in real time: for tests that kill it.

use crate::person::Person;
use crate::tools::{ONDUTY, eventually, git, write_private, write_script};
use jiff::Timestamp;
use onduty::clock::real_now;
use onduty_fakes::sign;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The secret of its signals.
pub const SECRET: &str = "the secret of signals";
/// The secret of its webhooks of GitHub, where it takes them.
pub const GITHUB_SECRET: &str = "the secret of webhooks";

/// Files of an instance, and its server while it runs.
pub struct Served {
    folder: tempfile::TempDir,
    /// Below the folder: the instance's files, its data, and the repository that it watches.
    places: [&'static str; 3],
    environment: Vec<(&'static str, String)>,
    log_format: &'static str,
    child: Option<Child>,
    /// Where it listens.
    pub url: String,
    /// What it printed until it listened.
    pub printed: Vec<String>,
}

const INSTANCE: &str = "\
name: Test
listen: 127.0.0.1:0
data: data
sources:
  git: {repository: ../shop, branch: main, name: acme/shop, every: 1s}
  signals: {secret_file: secrets/signals}
  performance: none
  traffic: none
rollouts:
  production: {command: [./rollout.sh]}
";

const PROCESS: &str = "\
process: developers
steps:
  - id: main-green
    goal: Keep main green
    while: ci.branch(\"main\") == \"failing\"
    blocks: [rollout]
  - id: staging-errors
    goal: No critical error is released
    each: error in errors
    where: error.environment == \"staging\"
    blocks: [rollout]
  - id: rollout
    goal: Give customers more happiness
    once: shift
    rollout: production
";

/// A zone in which it is about noon now: a test does not run across midnight.
pub fn zone_at_noon(now: Timestamp) -> String {
    let hour = now.as_second().rem_euclid(86_400) / 3_600;
    // The sign is turned round in these names.
    format!("Etc/GMT{:+}", hour - 12).replace("GMT+0", "GMT")
}

impl Served {
    /// An instance of one engineer whose button runs `script`.
    pub fn with_script(script: &str) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("shop");
        std::fs::create_dir_all(&repository).unwrap();
        git(&repository, &["init", "--quiet", "--initial-branch=main"]);
        git(&repository, &["commit", "--quiet", "--allow-empty", "--message", "Start the shop"]);
        let files = folder.path().join("onduty");
        std::fs::create_dir_all(files.join("secrets")).unwrap();
        std::fs::create_dir_all(files.join("processes")).unwrap();
        std::fs::write(files.join("onduty.yml"), INSTANCE).unwrap();
        std::fs::write(files.join("processes/developers.yml"), PROCESS).unwrap();
        write_private(&files.join("secrets/signals"), SECRET);
        write_script(&files.join("rollout.sh"), script);
        let roster = format!(
            "engineers:\n  lena: {{name: Lena Vogt, emails: [test@acme.example]}}\nduties:\n  developers:\n    \
             name: Developers\n    members: [lena]\n    zone: {}\n    hours: \"00:00-24:00\"\n    days: mon-sun\n    \
             watches: {{repositories: [acme/shop], branch: main}}\n",
            zone_at_noon(real_now())
        );
        std::fs::write(files.join("roster.yml"), roster).unwrap();
        Served::in_folder(folder, ["onduty", "onduty/data", "shop"], Vec::new())
    }

    /// Takes GitHub's webhooks as well.
    pub fn and_github(self) -> Served {
        write_private(&self.files().join("secrets/github"), GITHUB_SECRET);
        let github = "  github: {secret_file: secrets/github}\n  performance: none\n";
        let path = self.files().join("onduty.yml");
        let text = std::fs::read_to_string(&path).unwrap().replace("  performance: none\n", github);
        std::fs::write(path, text).unwrap();
        self
    }

    /// Logs what `filter` lets through.
    pub fn and_logs(mut self, filter: &str) -> Served {
        self.environment.push(("RUST_LOG", filter.to_owned()));
        self
    }

    /// Logs an object a line.
    pub fn and_json_logs(mut self, filter: &str) -> Served {
        self.log_format = "json";
        self.and_logs(filter)
    }

    /// The file that it logs into.
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// An instance whose files somebody else wrote.
    pub fn in_folder(
        folder: tempfile::TempDir,
        places: [&'static str; 3],
        environment: Vec<(&'static str, String)>,
    ) -> Served {
        crate::stores::choose(&folder.path().join(places[0]));
        Served { folder, places, environment, log_format: "text", child: None, url: String::new(), printed: Vec::new() }
    }

    /// Gives the server a variable of its environment.
    pub fn with(mut self, name: &'static str, value: String) -> Served {
        self.environment.push((name, value));
        self
    }

    /// Where its files are.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join(self.places[0])
    }

    /// Where its store is.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join(self.places[1])
    }

    /// The repository that it watches.
    pub fn repository(&self) -> PathBuf {
        self.folder.path().join(self.places[2])
    }

    /// Starts the server and waits until it listens.
    pub async fn start(&mut self) {
        let mut command = Command::new(ONDUTY);
        command
            .args(["serve", "--log", self.log_format])
            .current_dir(self.files())
            .kill_on_drop(true)
            .env("RUST_LOG", "off");
        command.envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        let log = std::fs::File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.printed.clear();
        while let Some(line) = lines.next_line().await.unwrap() {
            self.printed.push(line);
            let said = self.printed.last().unwrap();
            if let Some(url) = said.strip_prefix("onduty listens on ") {
                self.url = url.to_owned();
                break;
            }
        }
        assert!(!self.url.is_empty(), "it did not start: {:?}", self.printed);
        // The link of the first start, and whatever it may print later: nobody waits for a full pipe.
        let (sender, received) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let mut more = Vec::new();
            let mut sender = Some(sender);
            while let Ok(Some(line)) = lines.next_line().await {
                more.push(line);
                if more.len() == 2
                    && let Some(sender) = sender.take()
                {
                    let _ = sender.send(more.clone());
                }
            }
        });
        if self.data().join("cli-token").exists() {
            let wait = tokio::time::timeout(std::time::Duration::from_millis(500), received).await;
            self.printed.extend(wait.ok().and_then(Result::ok).unwrap_or_default());
        }
        self.child = Some(child);
    }

    /// Ends the server at once: no handler of its own runs.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("the server was running");
        }
    }

    /// Asks the server to stop; it has to, with exit code 0.
    pub async fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let pid = rustix::process::Pid::from_raw(child.id().expect("it runs").try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = tokio::time::timeout(std::time::Duration::from_secs(15), child.wait()).await;
        assert_eq!(ended.expect("it stops when it is told to").unwrap().code(), Some(0));
    }

    /// The operator, speaking for the one engineer.
    pub fn lena(&self) -> Person {
        let token = std::fs::read_to_string(self.data().join("cli-token")).expect("the server has started");
        Person::script(&self.url, token.trim()).with("onduty-as", "lena")
    }

    /// Sends a signed signal; the status of the answer, or nothing when there was none.
    pub async fn signal(&self, id: &str, body: &Value) -> Option<u16> {
        send_signal(&self.url, id, body).await
    }

    /// Says that the head of main is green and that there is no error, until the gate is open.
    pub async fn opens_the_gate(&self) {
        let revision = git(&self.repository(), &["rev-parse", "HEAD"]);
        let build = json!({"type": "build", "repository": "acme/shop", "branch": "main", "revision": revision,
            "name": "unit tests", "state": "passed"});
        let body = json!({"type": "batch", "items": [build, {"type": "contact", "kinds": ["errors"]}]});
        assert_eq!(self.signal("opens-the-gate", &body).await, Some(202));
        eventually("the gate opens", async || (self.gate().await["open"] == true).then_some(())).await;
    }

    /// The gate to production.
    pub async fn gate(&self) -> Value {
        self.lena().read("/api/v1/duties/developers/gate").await[0].clone()
    }

    /// Presses the button; the id of the attempt.
    pub async fn press(&self) -> String {
        let gate = self.gate().await;
        let body = json!({"environment": "production", "revision": gate["revision"], "diff_hash": gate["diff_hash"]});
        let pressed = self.lena().post(crate::day::ROLLOUTS, &body).await.expect(200).json();
        pressed["id"].as_str().expect("an id").to_owned()
    }

    /// A rollout with its output.
    pub async fn rollout(&self, id: &str) -> Value {
        self.lena().read(&format!("{}/{id}", crate::day::ROLLOUTS)).await
    }

    /// A rollout as soon as it has ended.
    pub async fn ended(&self, id: &str) -> Value {
        eventually(&format!("rollout {id} ends"), async || {
            let rollout = self.rollout(id).await;
            (!matches!(rollout["state"].as_str(), Some("requested" | "running"))).then_some(rollout)
        })
        .await
    }
}

/// Sends a signed signal; the status of the answer, or nothing when there was none.
pub async fn send_signal(url: &str, id: &str, body: &Value) -> Option<u16> {
    let body = body.to_string();
    let seconds = real_now().as_second();
    let request = Person::nobody(url).request(reqwest::Method::POST, "/hooks/signals");
    let request = request
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", sign::standard(SECRET, id, seconds, body.as_bytes()));
    request.body(body).send().await.ok().map(|answer| answer.status().as_u16())
}
