//! `onduty demo`: a living sample team in a temporary folder, with the outside world played over real HTTP.
//!
//! The only room that knows `onduty-fakes`. Listens on loopback, reads no account and needs no network.

use super::logs::{self, LogFormat};
use super::serve::{listen, serve, settings};
use super::{OK, UNAVAILABLE};
use crate::app::{App, Change, Demo, Start};
use crate::clock::{Clock, real_now};
use crate::store;
use crate::store::access::{self, NewAccount};
use crate::tasks::{self, performance::Asked};
use anyhow::Context;
use clap::Args;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use onduty_core::calendar;
use onduty_core::schedule::Known;
use onduty_fakes::datadog::Datadog;
use onduty_fakes::scenario::{Player, Scenario};
use onduty_fakes::{Channel, Hook, Server, WorldOptions, sample};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};

/// How to play.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The port to listen on; a free one unless given
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many times as fast as real time the day runs; 0 stands still
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=3600))]
    rate: u32,
    /// When the day begins, in Berlin
    #[arg(long, default_value = "13:40", value_name = "TIME")]
    at: Time,
    /// Do not open a browser
    #[arg(long)]
    no_browser: bool,
    /// The day's own accidents
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// How many jumps may wait for the one that is under way: people press "next event" faster than the day is played.
const WAITING_JUMPS: usize = 8;
/// How far "next event" goes when nothing happens.
const LONGEST_JUMP: SignedDuration = SignedDuration::from_hours(24);
/// How often the player looks whether something is due, in real time.
const LOOK: Duration = Duration::from_millis(100);

/// Runs the demo until it is told to stop.
pub async fn run(args: DemoArgs) -> ExitCode {
    logs::to_standard_error(LogFormat::Text);
    match play(args).await {
        Ok(()) => ExitCode::from(OK),
        Err(error) => {
            eprintln!("the demo cannot run: {error:#}");
            ExitCode::from(UNAVAILABLE)
        }
    }
}

async fn play(args: DemoArgs) -> anyhow::Result<()> {
    // Gone with the demo: nothing of it outlives the process.
    let folder = tempfile::Builder::new().prefix("onduty-demo-").tempdir().context("a temporary folder")?;
    let (app, fakes, stage) = set_up(&args, folder.path()).await?;
    let (listener, address) = listen(([127, 0, 0, 1], args.port).into()).await.context("a port to listen on")?;
    app.let_operator_in().await?;
    let link = format!("http://{address}/welcome/{}", sign_in_today(&app).await?);
    stage.connect(address);
    let stage_task = tokio::spawn(stage.run(app.clone()));
    println!("onduty demo: a sample team of forty, a real repository, and the outside world played on this machine");
    println!("  open   {link}");
    println!("  files  {}", folder.path().display());
    println!("Ctrl-C ends it; nothing stays.");
    if !args.no_browser {
        open_browser(&link);
    }
    let settings = settings(&app)?;
    serve(app, listener, address, settings).await;
    stage_task.abort();
    fakes.stop().await;
    Ok(())
}

/// A Monday in the past: the same day every time, and no holiday anywhere near.
fn demo_day() -> Date {
    jiff::civil::date(2026, 3, 2)
}

async fn set_up(args: &DemoArgs, folder: &Path) -> anyhow::Result<(App, Server, Stage)> {
    let zone = TimeZone::get(sample::ZONE).context("the demo's time zone")?;
    let day = demo_day();
    let dawn = day.to_datetime(Time::constant(8, 55, 0, 0)).to_zoned(zone.clone())?.timestamp();
    let repository =
        sample::make_repository(&folder.join("shop.git"), args.seed, dawn).context("the sample repository")?;
    let release = repository.head().revision.clone();

    let mut options = WorldOptions::new(args.seed, dawn, Arc::new(real_now));
    let (github, signals, write_back) = (secret()?, secret()?, secret()?);
    options.write_back_secret = Some(write_back.clone());
    let fakes = Server::start(options).await.context("the fake outside world")?;
    let (api_key, application_key) = (secret()?, secret()?);
    let telemetry = telemetry(day, &zone, (&api_key, &application_key)).await.context("the fake telemetry")?;

    let files = folder.join("onduty");
    std::fs::create_dir_all(&files)?;
    let secrets = files.join("secrets");
    std::fs::create_dir_all(&secrets)?;
    for (name, value) in [
        ("github", &github),
        ("signals", &signals),
        ("write-back", &write_back),
        ("datadog-api", &api_key),
        ("datadog-application", &application_key),
    ] {
        write_private(&secrets.join(name), value)?;
    }
    sample::write_files(
        &files,
        &sample::SampleOptions {
            day,
            listen: "127.0.0.1:7007".to_owned(),
            data: "data".into(),
            repository: repository.path.clone(),
            repository_name: "acme/shop".to_owned(),
            github_secret_file: "secrets/github".to_owned(),
            signals_secret_file: "secrets/signals".to_owned(),
            response_times: Some(sample::ResponseTimes {
                url: telemetry.url(),
                api_key_file: "secrets/datadog-api".to_owned(),
                application_key_file: "secrets/datadog-application".to_owned(),
            }),
            write_back_url: format!("{}/assignments", fakes.url()),
            write_back_secret_file: "secrets/write-back".to_owned(),
            process: onduty_core::process::STARTER.to_owned(),
            has_second_duty: true,
            step_seconds: 1,
            rollouts_fail: false,
        },
    )?;

    let (jumps, asked) = mpsc::channel(WAITING_JUMPS);
    let start = Start {
        path: files,
        clock: Clock::starting_at(dawn, 0),
        observe_only: false,
        supervisor: std::env::current_exe().context("onduty's own program")?,
        demo: Some(Arc::new(Controls { jumps })),
    };
    let app = App::start(start).await?;
    let scenario = Scenario::demo_day(day, args.seed, &release)?;
    let player = Player::new(fakes.world.clone(), scenario).with_repository(repository);
    let opens = day.to_datetime(args.at).to_zoned(zone.clone())?.timestamp();
    let stage = Stage {
        player,
        asked,
        rate: args.rate,
        zone,
        opens,
        fakes: fakes.world.clone(),
        telemetry,
        github,
        signals,
        rolled_out: None,
    };
    Ok((app, fakes, stage))
}

/// Response times of the sample shop: one endpoint became slower when Friday's work arrived.
async fn telemetry(day: Date, zone: &TimeZone, keys: (&str, &str)) -> anyhow::Result<Datadog> {
    let friday = day.checked_sub(3.days())?.at(16, 12, 0, 0).to_zoned(zone.clone())?.timestamp();
    let telemetry = Datadog::start(keys.0, keys.1).await?;
    sample::endpoints().into_iter().for_each(|asked| telemetry.asks(asked));
    telemetry.only_slower(friday.as_millisecond(), sample::SLOWED_DOWN, 1.34);
    Ok(telemetry)
}

/// The world and its day, played along onduty's duty clock.
struct Stage {
    player: Player,
    asked: mpsc::Receiver<Jump>,
    rate: u32,
    zone: TimeZone,
    /// When the demo opens.
    opens: Timestamp,
    fakes: onduty_fakes::World,
    telemetry: Datadog,
    github: String,
    signals: String,
    /// The newest rollout to production that the world has heard of.
    rolled_out: Option<Timestamp>,
}

impl Stage {
    fn connect(&self, address: std::net::SocketAddr) {
        let hook = |source: &str, secret: &str| Hook {
            url: format!("http://{address}/hooks/{source}"),
            secret: secret.to_owned(),
        };
        self.fakes.connect(Channel::Github, hook("github", &self.github));
        self.fakes.connect(Channel::Signals, hook("signals", &self.signals));
    }

    /// Plays what is due, and jumps where somebody asks.
    async fn run(mut self, app: App) {
        // The morning has happened: play it before anybody looks.
        self.play_on(&app, self.opens).await;
        if let Err(error) = tasks::performance::look(&app, &mut Asked::default()).await {
            tracing::error!(error = format!("{error:#}"), "Friday's rollout could not be compared");
        }
        app.clock.set_rate(self.rate);
        app.bus.tell(Change::Everything);
        let mut changes = app.bus.listen();
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Ok(Change::Rollout { .. }) => self.tell_rollout(&app).await,
                    Err(RecvError::Closed) => return,
                    _ => {}
                },
                asked = self.asked.recv() => match asked {
                    Some(jump) => {
                        self.jump(&app, &jump.to).await;
                        // Whoever asked may have gone away meanwhile.
                        let _ = jump.arrived.send(());
                    }
                    None => return,
                },
                () = tokio::time::sleep(LOOK) => {
                    let now = app.clock.duty_now();
                    self.play_due(now).await;
                }
            }
        }
    }

    /// Plays what is due by now without touching the clock.
    async fn play_due(&mut self, now: Timestamp) {
        if let Err(error) = self.player.play_until(now).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the demo's world stumbled");
        }
    }

    async fn jump(&mut self, app: &App, jump: &str) {
        let rate = app.clock.rate();
        app.clock.set_rate(0);
        match self.time_of(app, jump) {
            Some(target) => self.play_on(app, target).await,
            None if jump == "next" => self.play_an_event(app).await,
            None => {}
        }
        app.clock.set_rate(rate);
        app.bus.tell(Change::Everything);
    }

    /// When it is `clock` next; a time that has passed is meant for the next working day.
    fn time_of(&self, app: &App, clock: &str) -> Option<Timestamp> {
        let (time, now) = (clock.parse::<Time>().ok()?, app.clock.duty_now());
        let today = now.to_zoned(self.zone.clone()).date();
        let at = |day: Date| day.to_datetime(time).to_zoned(self.zone.clone()).ok().map(|at| at.timestamp());
        at(today).filter(|at| *at > now).or_else(|| {
            let instance = app.instance();
            at(calendar::next_working_day(instance.roster.duties.first()?, today)?)
        })
    }

    /// Plays on until the log book has something to tell: signs of life, and branches of others, are no news.
    async fn play_an_event(&mut self, app: &App) {
        let (before, began) = (newest_entry(app).await, app.clock.duty_now());
        while newest_entry(app).await == before && app.clock.duty_now().duration_since(began) < LONGEST_JUMP {
            let now = app.clock.duty_now();
            let due = self.player.next_due().filter(|due| *due > now);
            self.play_on(app, due.unwrap_or(Timestamp::MAX).min(next_minute(now))).await;
        }
    }

    /// Moves duty time to `target` step by step: every event at its own time, every pass that is due on the way.
    async fn play_on(&mut self, app: &App, target: Timestamp) {
        loop {
            let now = app.clock.duty_now();
            let minute = next_minute(now);
            let due = self.player.next_due().filter(|due| *due > now).unwrap_or(target);
            let step = due.min(minute).min(target);
            app.clock.jump_to(step);
            self.play_due(step).await;
            for duty in app.instance().duties_with_a_process() {
                if let Err(error) = app.pass(&duty, step).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "a pass of the jump failed");
                }
            }
            if step >= target {
                return;
            }
        }
    }

    /// The world hears of a rollout that was pressed, and is happier after it.
    async fn tell_rollout(&mut self, app: &App) {
        let Some(duty) = app.instance().roster.duties.first().map(|duty| duty.id.clone()) else { return };
        let Ok(Some(look)) = app.look(&duty).await else { return };
        let newest = look.snapshot.rollouts().into_iter().rev().find_map(|rollout| {
            (rollout.pressed && rollout.environment.as_str() == "production").then_some(rollout.finished_at?)
        });
        if newest.is_some() && newest != self.rolled_out {
            self.rolled_out = newest;
            if let Some(at) = newest {
                self.player.rolled_out_to_production(at);
                self.telemetry.mended(at.as_millisecond());
            }
        }
    }
}

/// The number of the newest entry in the log book of the demo's duty.
async fn newest_entry(app: &App) -> Option<i64> {
    let duty = app.instance().roster.duties.first()?.id.clone();
    let mut reader = app.store.read().await.ok()?;
    store::log_book::newest(&mut reader, &duty, 1).await.ok()?.first().map(|entry| entry.seq)
}

fn next_minute(now: Timestamp) -> Timestamp {
    let minute = SignedDuration::from_secs(60 - now.as_second().rem_euclid(60));
    now.checked_add(minute).unwrap_or(now)
}

/// Somebody wants the day to be played on.
struct Jump {
    /// `next` or a time of the clock.
    to: String,
    arrived: oneshot::Sender<()>,
}

/// The pages' way to the stage.
struct Controls {
    jumps: mpsc::Sender<Jump>,
}

impl Demo for Controls {
    fn jump(&self, jump: &str) -> Result<oneshot::Receiver<()>, String> {
        let (arrived, arrives) = oneshot::channel();
        let jump = Jump { to: jump.to_owned(), arrived };
        self.jumps.try_send(jump).map_err(|_| "many jumps are under way; wait until they have arrived".to_owned())?;
        Ok(arrives)
    }
}

/// A link that signs in whoever is on duty today, who also administers the demo.
async fn sign_in_today(app: &App) -> anyhow::Result<String> {
    let instance = app.instance();
    let duty = instance.roster.duties.first().context("the sample roster has a duty")?;
    let shift = onduty_core::schedule::on_duty_at(&instance.roster, duty, Known::NOTHING, app.clock.duty_now());
    let engineer = shift.and_then(|shift| shift.engineer).context("somebody is on duty in the sample")?;
    let name = instance.roster.name_of(&engineer).to_owned();
    let mut tx = app.store.begin().await?;
    let account = access::add(&mut tx, &NewAccount { name, engineer: Some(engineer), admin: true }, real_now()).await?;
    let expires = real_now().checked_add(SignedDuration::from_hours(24))?;
    let secret = access::add_link(&mut tx, &account, real_now(), expires).await?;
    tx.commit().await?;
    Ok(secret.expose().to_owned())
}

fn secret() -> anyhow::Result<String> {
    Ok(access::Secret::new()?.expose().to_owned())
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(writeln!(file, "{text}")?)
}

/// Opens the link where there is a desktop to open it on.
fn open_browser(link: &str) {
    let desktop = std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some();
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if desktop || cfg!(target_os = "macos") {
        let quiet = std::process::Stdio::null;
        let _ = std::process::Command::new(program).arg(link).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    }
}
