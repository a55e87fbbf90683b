//! `onduty serve`: pages, API, engine and sources until it is told to stop.

use super::check;
use super::logs::{self, LogFormat};
use super::stores::with_causes;
use super::{BAD_INPUT, OK, UNAVAILABLE};
use crate::app::{App, Start, StartError};
use crate::clock::Clock;
use crate::config::{FILE_NAME, LoadError};
use crate::server::{Settings, Tls, TlsError};
use crate::{server, tasks, web};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// How to run.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The instance's file, or the folder that has it
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    config: PathBuf,
    /// Compute everything, send nothing
    #[arg(long)]
    observe: bool,
    /// How log lines look
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log: LogFormat,
}

/// Serves until the process is told to stop.
pub async fn run(args: ServeArgs) -> ExitCode {
    logs::to_standard_error(args.log);
    let supervisor = match std::env::current_exe() {
        Ok(path) => path,
        Err(error) => {
            eprintln!("onduty cannot find its own program: {error}");
            return ExitCode::from(UNAVAILABLE);
        }
    };
    let start = Start { path: args.config, clock: Clock::real(), observe_only: args.observe, supervisor, demo: None };
    let app = match App::start(start).await {
        Ok(app) => app,
        Err(error) => return refuse(&error),
    };
    let config = app.instance().config.clone();
    let settings = match settings(&app) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("onduty does not listen without its certificate: {error}");
            return ExitCode::from(BAD_INPUT);
        }
    };
    let wanted = config.listen;
    let (listener, address) = match listen(wanted).await {
        Ok(found) => found,
        Err(error) => {
            eprintln!(
                "onduty cannot listen on {wanted}: {error}; is another onduty running? `listen:` in onduty.yml names the port"
            );
            return ExitCode::from(UNAVAILABLE);
        }
    };
    if let Err(error) = app.let_operator_in().await {
        eprintln!("{error}");
        return ExitCode::from(UNAVAILABLE);
    }
    let scheme = if app.instance().config.server.tls.is_some() { "https" } else { "http" };
    println!("onduty listens on {scheme}://{address}");
    if let Some(link) = first_run_link(&app, address) {
        println!("The first one to open this link becomes the administrator; it works once:\n  {link}");
    }
    serve(app, listener, address, settings).await;
    ExitCode::from(OK)
}

/// A bound listener and the address that it got.
pub async fn listen(wanted: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(wanted).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// How `app` is served.
///
/// # Errors
/// Its certificate cannot be used.
pub fn settings(app: &App) -> Result<Settings, TlsError> {
    let rules = app.instance().config.server.clone();
    let tls = rules.tls.clone().map(Tls::load).transpose()?;
    let mut limits = rules.limits.clone();
    server::make_room(&mut limits);
    let counts = app.connections.clone();
    Ok(Settings { limits, tls, counts, standing: Box::new(move |address| rules.standing(address)) })
}

/// Serves `app` until SIGTERM or Ctrl-C, then lets what is under way end.
pub async fn serve(app: App, listener: TcpListener, address: SocketAddr, settings: Settings) {
    let mut background = tasks::start(&app);
    let router = web::router(app.clone(), address);
    let server = tokio::spawn(server::run(listener, router, settings, app.stopping.clone()));
    told_to_stop().await;
    tracing::info!("stopping");
    app.stopping.tell();
    // The loop bounds by itself how long this takes.
    let _ = server.await;
    background.shutdown().await;
    if let Err(error) = tasks::heads::ship(&app).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the heads of the log book were not written");
    }
    app.store.close().await;
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// The link that makes the administrator, while there is none.
fn first_run_link(app: &App, address: SocketAddr) -> Option<String> {
    app.first_run_token().map(|token| format!("{}/welcome/{token}", app.instance().config.own_address(address)))
}

fn refuse(error: &StartError) -> ExitCode {
    match error {
        StartError::Files(LoadError::Broken(broken)) => {
            check::print_problems(broken);
            ExitCode::from(BAD_INPUT)
        }
        StartError::Files(error) => {
            eprintln!("{error}; `onduty init` proposes one");
            ExitCode::from(BAD_INPUT)
        }
        StartError::Secrets(_) => {
            eprintln!("{error}");
            ExitCode::from(BAD_INPUT)
        }
        StartError::Folder { .. } | StartError::Egress(_) | StartError::Store(_) => {
            eprintln!("{}", with_causes(error));
            ExitCode::from(UNAVAILABLE)
        }
    }
}
