//! `onduty serve`: pages, API, engine and sources until it is told to stop.

use super::check;
use super::stores::with_causes;
use super::{BAD_INPUT, OK, UNAVAILABLE};
use crate::app::{App, Start, StartError};
use crate::clock::Clock;
use crate::config::{FILE_NAME, LoadError};
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
    /// Logs as JSON lines
    #[arg(long)]
    log_json: bool,
}

/// Serves until the process is told to stop.
pub async fn run(args: ServeArgs) -> ExitCode {
    log_to_standard_error(args.log_json);
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
    let wanted = app.instance().config.listen;
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
    println!("onduty listens on http://{address}");
    if let Some(link) = first_run_link(&app, address) {
        println!("The first one to open this link becomes the administrator; it works once:\n  {link}");
    }
    serve(app, listener, address).await;
    ExitCode::from(OK)
}

/// A bound listener and the address that it got.
pub async fn listen(wanted: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(wanted).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves `app` until SIGTERM or Ctrl-C, then lets what is under way end.
pub async fn serve(app: App, listener: TcpListener, address: SocketAddr) {
    let mut background = tasks::start(&app);
    let limits = app.instance().config.server.limits.clone();
    let router = web::router(app.clone(), address);
    let server = tokio::spawn(server::run(listener, router, limits, app.stopping.clone()));
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
    app.first_run_token().map(|token| format!("http://{address}/welcome/{token}"))
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

/// Log lines go to standard error; `RUST_LOG` chooses which.
pub fn log_to_standard_error(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("onduty=info,warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in one process is refused; the first one goes on.
    let _ = if json { log.json().try_init() } else { log.with_target(false).try_init() };
}
