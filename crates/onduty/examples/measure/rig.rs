//! A team with a server, for measuring: files in a temporary folder, the process, a signed sender, and open tabs.

use anyhow::Context;
use onduty::app::{App, Start};
use onduty::clock::Clock;
use onduty::sources::signals;
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, SET_COOKIE};
use secrecy::SecretString;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SECRET: &str = "measured-with-a-secret-of-enough-bytes";
/// Nothing that is measured takes longer unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A team's files in a temporary folder.
pub struct Team(tempfile::TempDir);

impl Team {
    /// Twenty engineers on duty around the clock, the process that a new team starts with, and nothing that happened.
    pub fn new() -> anyhow::Result<Team> {
        let folder = tempfile::tempdir()?;
        let engineers: String = (1..=20).map(|n| format!("  e{n:02}: {{name: Engineer {n}}}\n")).collect();
        let roster = format!(
            "engineers:\n{engineers}duties:\n  developers:\n    members: all\n    zone: Etc/UTC\n    hours: \"00:00-24:00\"\n    days: mon-sun\n"
        );
        let instance = "listen: 127.0.0.1:0\nsources:\n  signals: {secret_file: secret, max_age: {builds: 24h, errors: 24h, rollouts: 24h}}\n  performance: none\n  traffic: none\n";
        let path = folder.path();
        std::fs::write(path.join("onduty.yml"), instance)?;
        std::fs::write(path.join("roster.yml"), roster)?;
        std::fs::create_dir(path.join("processes"))?;
        std::fs::write(path.join("processes/developers.yml"), onduty_core::process::STARTER)?;
        write_private(&path.join("secret"), SECRET)?;
        Ok(Team(folder))
    }

    /// onduty in this process, with `onduty` to carry out rollouts.
    pub async fn app(&self, onduty: &Path) -> anyhow::Result<App> {
        let supervisor = onduty.to_owned();
        let start = Start { path: self.config(), clock: Clock::real(), observe_only: false, supervisor, demo: None };
        Ok(App::start(start).await?)
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn config(&self) -> PathBuf {
        self.folder().join("onduty.yml")
    }

    pub fn store(&self) -> PathBuf {
        self.folder().join("onduty-data/onduty.db")
    }
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(writeln!(file, "{text}")?)
}

/// A running onduty. Ends with this value.
pub struct Server {
    child: Child,
    pub address: String,
    /// The link that signs somebody in.
    pub link: String,
    pub started: Instant,
    pub http: reqwest::Client,
    sent: AtomicU64,
}

impl Server {
    /// Starts `onduty serve` for `team` and waits until it is healthy.
    pub async fn serve(onduty: &Path, team: &Team) -> anyhow::Result<Server> {
        let config = team.config();
        let server = Server::spawn(onduty, &["serve", "--config", &config.display().to_string()])?;
        server.until_ok("/healthz").await?;
        Ok(server)
    }

    /// Starts `onduty` and reads the address and the link that it prints.
    pub fn spawn(onduty: &Path, arguments: &[&str]) -> anyhow::Result<Server> {
        let started = Instant::now();
        let mut command = Command::new(onduty);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("onduty cannot be started")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let link = lines
            .find_map(|line| line.ok()?.split_whitespace().find(|word| word.contains("/welcome/")).map(str::to_owned));
        // Somebody goes on reading: a process whose output nobody takes comes to harm.
        std::thread::spawn(move || lines.count());
        let link = link.context("onduty ended without a link; start it by hand to see why")?;
        let address = link.split("/welcome/").next().unwrap_or_default().to_owned();
        let http = client(PATIENCE)?;
        Ok(Server { child, address, link, started, http, sent: AtomicU64::new(0) })
    }

    /// Asks for `path` again and again until the answer is 200; returns how long after the start that was.
    pub async fn until_ok(&self, path: &str) -> anyhow::Result<Duration> {
        while self.started.elapsed() < PATIENCE {
            if let Ok(answer) = self.http.get(format!("{}{path}", self.address)).send().await
                && answer.status() == 200
            {
                answer.bytes().await?;
                return Ok(self.started.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        anyhow::bail!("{path} was not there after {PATIENCE:?}")
    }

    /// Comes in by the link; what is returned opens pages.
    pub async fn come_in(&self) -> anyhow::Result<String> {
        let door = self.http.get(&self.link).send().await?.text().await?;
        let engineer = between(&door, "name=\"engineer\" value=\"", "\"").context("nobody to choose at the door")?;
        let form = self.http.post(&self.link).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let word = "long+enough+and+thrown+away";
        let answer = form.body(format!("engineer={engineer}&password={word}&again={word}")).send().await?;
        let cookie = answer.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok()?.split(';').next());
        let cookie = cookie.map(str::to_owned);
        let (status, page) = (answer.status(), answer.text().await?);
        cookie.with_context(|| format!("the door stays closed: {status} {page}"))
    }

    /// A page, as a browser asks for it.
    pub async fn page(&self, path: &str, session: &str) -> anyhow::Result<String> {
        let answer = self.http.get(format!("{}{path}", self.address)).header(COOKIE, session).send().await?;
        anyhow::ensure!(answer.status() == 200, "{path} answered {}", answer.status());
        Ok(answer.text().await?)
    }

    /// An answer of the API.
    pub async fn api(&self, path: &str, session: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.address)).header(COOKIE, session);
        Ok(request.header(ACCEPT, "application/json").send().await?.json().await?)
    }

    /// Sends a signed signal; an answer means that it is durable.
    pub async fn send(&self, body: &str) -> anyhow::Result<()> {
        let id = format!("msg_{}", self.sent.fetch_add(1, Ordering::Relaxed));
        let (seconds, signature) = sign(&id, body);
        let request = self
            .http
            .post(format!("{}/hooks/signals", self.address))
            .header("content-type", "application/json")
            .header(signals::ID_HEADER, id)
            .header(signals::TIMESTAMP_HEADER, seconds.to_string())
            .header(signals::SIGNATURE_HEADER, signature)
            .body(body.to_owned());
        let status = request.send().await?.status();
        anyhow::ensure!(status.is_success(), "a signal was answered {status}");
        Ok(())
    }

    /// Resident memory now and at its most, in MB.
    pub fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| -> Option<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
        };
        Ok((field("VmRSS:").context("no VmRSS")?, field("VmHWM:").context("no VmHWM")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The seconds and the signature of `body`, as Standard Webhooks says.
pub fn sign(id: &str, body: &str) -> (i64, String) {
    let now = onduty::clock::real_now();
    (now.as_second(), signals::sign(&SecretString::from(SECRET), id, now, body.as_bytes()))
}

/// An error in production that nobody has.
pub fn error(id: &str, title: &str, status: &str) -> String {
    format!(
        r#"{{"type": "error", "project": "shop", "id": "{id}", "environment": "production", "title": "{title}",
            "culprit": "cart::total", "level": "error", "status": "{status}", "count": 12, "release": "v1.4.0",
            "frames": [{{"file": "src/http.rs", "line": 210, "function": "call"}},
                {{"file": "src/cart.rs", "line": 41, "function": "total"}},
                {{"file": "src/price.rs", "line": 17, "function": "round"}}],
            "url": "https://errors.example/{id}"}}"#
    )
}

/// A tab that is open on *Today*, and listens.
pub struct Tab {
    answer: reqwest::Response,
    read: String,
}

impl Tab {
    pub async fn open(server: &Server, session: &str) -> anyhow::Result<Tab> {
        // A stream has no end: its time-out is longer than any measurement.
        let http = client(Duration::from_secs(3_600))?;
        let answer = http.get(format!("{}/events", server.address)).header(COOKIE, session).send().await?;
        anyhow::ensure!(answer.status() == 200, "the stream answered {}", answer.status());
        Ok(Tab { answer, read: String::new() })
    }

    /// The next part that is drawn anew: its id and markup.
    pub async fn fragment(&mut self) -> anyhow::Result<(String, String)> {
        loop {
            while let Some((event, rest)) = self.read.split_once("\n\n") {
                let part = event
                    .contains("event: fragment")
                    .then(|| event.lines().find_map(|line| line.strip_prefix("data: ")))
                    .flatten()
                    .map(serde_json::from_str::<Value>)
                    .transpose()?;
                self.read = rest.to_owned();
                if let Some(part) = part {
                    let text = |key: &str| part[key].as_str().unwrap_or_default().to_owned();
                    return Ok((text("id"), text("html")));
                }
            }
            let chunk = self.answer.chunk().await?.context("the stream ended")?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap_or_default());
        }
    }
}

/// A browser's client: no rule says where it may go.
fn client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    // An error means that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder()
        .no_gzip()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?)
}

/// What stands between two texts.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}
