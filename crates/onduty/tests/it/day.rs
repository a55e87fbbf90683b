//! One day of the sample team: onduty with its own folder and server, the fake world connected to it, and duty time
//! that only moves when a test says so.

use crate::person::Person;
use crate::tools::{ONDUTY, Said, eventually, onduty, write_private, write_script};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use onduty::app::{App, Change, Start};
use onduty::cli::serve::settings;
use onduty::clock::{Clock, real_now};
use onduty::{server, tasks, web};
use onduty_core::ids::DutyId;
use onduty_fakes::scenario::{SeedDay, seed_day};
use onduty_fakes::{Channel, Hook, Server, World, WorldOptions, sample};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::{JoinHandle, JoinSet};

/// A Monday without holidays near it.
pub const DAY: Date = jiff::civil::date(2026, 3, 2);
/// Secrets of the day's sources.
pub const GITHUB_SECRET: &str = "the secret of webhooks";
pub const SIGNALS_SECRET: &str = "the secret of signals";
const WRITE_BACK_SECRET: &str = "the secret of write-backs";

/// Where rollouts are pressed and listed.
pub const ROLLOUTS: &str = "/api/v1/duties/developers/rollouts";

/// The duty of the sample team.
pub fn duty() -> DutyId {
    DutyId::from("developers")
}

/// An instant of the day, in the team's zone.
pub fn instant(time: &str) -> Timestamp {
    let time: Time = time.parse().expect("a time of the day");
    let zone = TimeZone::get(sample::ZONE).expect("the team's zone");
    DAY.to_datetime(time).to_zoned(zone).expect("a time that exists").timestamp()
}

/// How a day is set up.
#[derive(Clone)]
pub struct Setting {
    /// When it begins.
    pub begins: &'static str,
    /// Whether the background passes run.
    pub tasks: bool,
    /// Whether nothing may leave.
    pub observe_only: bool,
    /// The script that rolls out; the sample's own otherwise.
    pub script: Option<String>,
    /// The PostgreSQL database that keeps it, whatever the run has chosen.
    pub database: Option<String>,
    /// Whether others than the fake world say which errors there are.
    pub errors_elsewhere: bool,
    /// Texts of `onduty.yml` that are replaced.
    pub replaced: Vec<(String, String)>,
    /// Texts of the process that are replaced.
    pub process: Vec<(String, String)>,
    /// Texts of the roster that are replaced.
    pub roster: Vec<(String, String)>,
    /// More files, by their path below the folder of the instance.
    pub files: Vec<(String, String)>,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting {
            begins: "09:05",
            tasks: true,
            observe_only: false,
            script: None,
            database: None,
            errors_elsewhere: false,
            replaced: Vec::new(),
            process: Vec::new(),
            roster: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// The day.
pub struct Day {
    pub app: App,
    pub world: World,
    pub seed: SeedDay,
    /// Of onduty's server.
    pub url: String,
    fakes: Server,
    server: JoinHandle<()>,
    tasks: JoinSet<()>,
    folder: tempfile::TempDir,
}

impl Day {
    /// A working day that has just begun: main is green, nothing is open.
    pub async fn begin() -> Day {
        Day::set(Setting::default()).await
    }

    /// A day as it is wanted.
    pub async fn set(setting: Setting) -> Day {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let begins = instant(setting.begins);
        let repository = sample::make_repository(&folder.path().join("shop.git"), 7, begins).expect("a repository");
        let mut options = WorldOptions::new(7, begins, Arc::new(real_now));
        options.write_back_secret = Some(WRITE_BACK_SECRET.to_owned());
        let fakes = Server::start(options).await.expect("a fake world");
        let world = fakes.world.clone();
        write_files(folder.path(), &setting, &repository.path, &fakes.url());
        let seed = seed_day(&world).with_repository(repository);
        let app = start_app(folder.path(), &setting, begins).await;
        app.let_operator_in().await.expect("a token for the command line");
        let (server, address) = start_server(&app).await;
        let url = format!("http://{address}");
        for (channel, source, secret) in
            [(Channel::Github, "github", GITHUB_SECRET), (Channel::Signals, "signals", SIGNALS_SECRET)]
        {
            world.connect(channel, Hook { url: format!("{url}/hooks/{source}"), secret: secret.to_owned() });
        }
        let tasks = if setting.tasks { tasks::start(&app) } else { JoinSet::new() };
        let day = Day { app, world, seed, url, fakes, server, tasks, folder };
        let begins = if setting.errors_elsewhere { day.seed.main_is_green().await } else { day.seed.begins().await };
        assert!(begins.accepted(), "the world is connected");
        day.pass().await;
        day
    }

    /// Moves duty time, and the world's time, to `time`, then runs the pass that is due.
    pub async fn at(&self, time: &str) {
        self.app.clock.jump_to(instant(time));
        self.world.set_now(self.app.clock.duty_now());
        self.pass().await;
    }

    /// One pass at this moment.
    pub async fn pass(&self) {
        self.app.pass(&duty(), self.app.clock.duty_now()).await.expect("the store can be written");
        self.app.bus.tell(Change::Everything);
    }

    /// The folder with the files of the instance.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("onduty")
    }

    /// What the test's scripts write into.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A script with the operator's token, speaking for nobody in particular.
    pub fn operator(&self) -> Person {
        let token = std::fs::read_to_string(self.app.data.join("cli-token")).expect("the operator was let in");
        Person::script(&self.url, token.trim())
    }

    /// Runs the command line against this server, as `lena`.
    pub async fn onduty(&self, arguments: &[&str]) -> Said {
        onduty(&self.files(), &[("ONDUTY_URL", &self.url), ("ONDUTY_AS", "lena")], arguments).await
    }

    /// The administrator, by the link that is printed at the first start.
    pub async fn administrator(&self, engineer: &str) -> Person {
        let token = self.app.first_run_token().expect("nobody administers this instance yet");
        let path = format!("/welcome/{token}");
        Person::by_link(&self.url, &path, Some(engineer)).await
    }

    /// What `onduty now` shows.
    pub async fn now(&self) -> Value {
        self.operator().read("/api/v1/duties/developers").await
    }

    /// The gate to production.
    pub async fn gate(&self) -> Value {
        self.operator().read("/api/v1/duties/developers/gate").await[0].clone()
    }

    /// The open items of a step.
    pub async fn items(&self, step: &str) -> Vec<Value> {
        let now = self.now().await;
        let steps = now["steps"].as_array().cloned().unwrap_or_default();
        let step = steps.into_iter().find(|known| known["id"] == step);
        step.and_then(|step| step["items"].as_array().cloned()).unwrap_or_default()
    }

    /// The one open item of a step, as soon as there is one.
    pub async fn item(&self, step: &str) -> Value {
        eventually(&format!("an open item of {step}"), async || self.items(step).await.into_iter().next()).await
    }

    /// An item, open or closed.
    pub async fn item_called(&self, id: &str) -> Value {
        self.operator().read(&format!("/api/v1/items/{id}")).await
    }

    /// An item as soon as it is closed.
    pub async fn closed(&self, id: &str) -> Value {
        eventually(&format!("{id} closes"), async || {
            Some(self.item_called(id).await).filter(|item| item["state"]["state"] == "closed")
        })
        .await
    }

    /// The texts of the log book of the day, oldest first.
    pub async fn log(&self) -> Vec<String> {
        let entries = self.operator().read(&format!("/api/v1/duties/developers/log?day={DAY}")).await;
        let texts = entries
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["text"].as_str().unwrap_or_default().to_owned());
        texts.collect()
    }

    /// What a press of the button has to carry for what would go out now.
    pub async fn press_body(&self) -> Value {
        let gate = self.gate().await;
        json!({"environment": "production", "revision": gate["revision"], "diff_hash": gate["diff_hash"]})
    }

    /// A rollout as soon as it has ended.
    pub async fn ended(&self, id: &str) -> Value {
        eventually(&format!("rollout {id} ends"), async || {
            let rollout = self.operator().read(&format!("/api/v1/duties/developers/rollouts/{id}")).await;
            let ended = !matches!(rollout["state"].as_str(), Some("requested" | "running"));
            ended.then_some(rollout)
        })
        .await
    }

    /// Stops the background passes, the server and the world; the folder stays until the value is dropped.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
        self.server.abort();
        self.app.store.close().await;
    }

    /// Starts the background passes, as after a restart.
    pub fn start_tasks(&mut self) {
        self.tasks = tasks::start(&self.app);
    }

    /// Stops the background passes, as a stop of the server does.
    pub async fn stop_tasks(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Presses the button for what would go out now; the id of the attempt.
    pub async fn press(&self) -> String {
        let body = self.press_body().await;
        let pressed = self.operator().with("onduty-as", "lena").post(ROLLOUTS, &body).await.expect(200).json();
        assert_eq!(pressed["first"], true);
        pressed["id"].as_str().expect("an id").to_owned()
    }

    /// Ends the day.
    pub async fn end(mut self) {
        self.stop().await;
        self.fakes.stop().await;
    }
}

async fn start_app(folder: &Path, setting: &Setting, begins: Timestamp) -> App {
    let start = Start {
        path: folder.join("onduty"),
        clock: Clock::starting_at(begins, 0),
        observe_only: setting.observe_only,
        supervisor: ONDUTY.into(),
        demo: None,
    };
    App::start(start).await.expect("the sample's files are good")
}

/// Serves `app` on a free port.
pub async fn start_server(app: &App) -> (JoinHandle<()>, SocketAddr) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let router = web::router(app.clone(), address);
    let settings = settings(app).expect("its certificate is good");
    let server = tokio::spawn(server::run(listener, router, settings, app.stopping.clone()));
    (server, address)
}

/// The sample team's files, with the day's own script and replacements.
fn write_files(folder: &Path, setting: &Setting, repository: &Path, world: &str) {
    let files = folder.join("onduty");
    let secrets = files.join("secrets");
    std::fs::create_dir_all(&secrets).expect("a folder");
    for (name, secret) in [("github", GITHUB_SECRET), ("signals", SIGNALS_SECRET), ("write-back", WRITE_BACK_SECRET)] {
        write_private(&secrets.join(name), secret);
    }
    let options = sample::SampleOptions {
        day: DAY,
        listen: "127.0.0.1:7007".to_owned(),
        data: "data".into(),
        repository: repository.to_owned(),
        repository_name: "acme/shop".to_owned(),
        github_secret_file: "secrets/github".to_owned(),
        signals_secret_file: "secrets/signals".to_owned(),
        response_times: None,
        write_back_url: format!("{world}/assignments"),
        write_back_secret_file: "secrets/write-back".to_owned(),
        process: replaced(onduty_core::process::STARTER.to_owned(), &setting.process),
        has_second_duty: false,
        step_seconds: 0,
        rollouts_fail: false,
    };
    sample::write_files(&files, &options).expect("files");
    if let Some(script) = &setting.script {
        write_script(&files.join("rollout.sh"), script);
    }
    for (name, replacements) in [("onduty.yml", &setting.replaced), ("roster.yml", &setting.roster)] {
        let path = files.join(name);
        let text = replaced(std::fs::read_to_string(&path).expect("it was written"), replacements);
        std::fs::write(&path, text).expect("files");
    }
    for (name, text) in &setting.files {
        match name.starts_with("secrets/") {
            true => write_private(&files.join(name), text),
            false => {
                std::fs::create_dir_all(files.join(name).parent().expect("a folder")).expect("a folder");
                std::fs::write(files.join(name), text).expect("files");
            }
        }
    }
    match &setting.database {
        Some(url) => crate::stores::keep_in(&files, url),
        None => crate::stores::choose(&files),
    }
}

fn replaced(mut text: String, replacements: &[(String, String)]) -> String {
    for (old, new) in replacements {
        assert!(text.contains(old.as_str()), "{old} is not in {text}");
        text = text.replace(old.as_str(), new);
    }
    text
}
