//! The command line: one file per command.
//!
//! Commands that read or act ask a running server through its API; `serve` and `demo` are that server. Exit codes: 0
//! ok, 1 a finding or a closed gate, 2 usage or bad input, 3 an outside system (the server among them) is not available.

mod ask;
mod backup;
mod calendar;
pub mod check;
mod client;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod handshake;
mod heads;
pub mod init;
mod item;
mod log;
mod logs;
mod now;
mod owner;
mod people;
mod perf;
mod plan;
mod restore;
mod rollout;
pub mod serve;
pub mod signal;
mod stores;
mod verify;
mod way;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Nothing to complain about.
pub const OK: u8 = 0;
/// A finding, or the gate is closed.
pub const FINDING: u8 = 1;
/// Usage or bad input.
pub const BAD_INPUT: u8 = 2;
/// An outside system is not available.
pub const UNAVAILABLE: u8 = 3;

/// Whoever read the output has left, as shells say it of other programs. Not [`OK`]: what was not read may be a closed gate.
const NOT_READ: i32 = 141;

/// Tells the engineer on duty what to do now, why, who can help, and when it is safe to roll out.
#[derive(Debug, Parser)]
#[command(name = "onduty", version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 a finding or the gate is closed, 2 usage or bad input, 3 an outside system is not available.
Commands that ask a server find it by --server or ONDUTY_URL, else where ./onduty.yml says that it listens, and its token
by ONDUTY_TOKEN or in the data folder of ./onduty.yml.";

#[derive(Debug, Subcommand)]
enum Command {
    /// A living sample team in the browser: no account, no network
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Propose onduty.yml, roster.yml and processes/developers.yml from a git repository
    Init(init::InitArgs),
    /// Check all files; every problem with file, line, column and a mend
    Check(check::CheckArgs),
    /// Find and explain what is wrong with the instance and its machine
    Doctor(doctor::DoctorArgs),
    /// Run the server: pages, API, engine, sources
    Serve(serve::ServeArgs),
    /// The whole store as one file, while the server runs
    Backup(backup::BackupArgs),
    /// A store from a backup; it only observes until `--confirm`
    Restore(restore::RestoreArgs),
    /// Whether the log book is as it was written
    Verify(verify::VerifyArgs),
    /// Who is on duty, the open items, the gate with its blockers
    Now(now::NowArgs),
    /// Ask the one on duty
    Ask(ask::AskArgs),
    /// Read the log book, search it, or write a note
    Log(log::LogArgs),
    /// Show an item, or change it: take, conclude, snooze, decide its owner
    Item(item::ItemArgs),
    /// The morning handshake with another duty: both sides' items, pair tasks, handing over
    Handshake(handshake::HandshakeArgs),
    /// The most adequate person for a place in the code, with reasons
    Owner(owner::OwnerArgs),
    /// Response times around a rollout: which endpoints got slower
    Perf(perf::PerfArgs),
    /// Who serves when: show, cover; and a fair plan, from and to files: solve, check
    Plan(plan::PlanArgs),
    /// Send a signal, or explain what a payload means
    Signal(signal::SignalArgs),
    /// The button: status, go, watch, history
    Rollout(rollout::RolloutArgs),
    /// Who may sign in and do what: list, link, role, administrator, close
    People(people::PeopleArgs),
    /// Tokens for scripts: list, make, revoke
    Token(people::TokenArgs),
    /// Addresses from which calendars read turns: list, make, revoke
    Calendar(calendar::CalendarArgs),
    /// Who came in, and who changed what anybody may do
    AccessLog(people::AccessLogArgs),
    /// Carries out one rollout; started by the server
    #[command(name = "supervise-rollout", hide = true)]
    Supervise,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Supervise = cli.command {
        return match crate::actions::supervise::run() {
            Ok(()) => ExitCode::from(OK),
            Err(error) => {
                eprintln!("this rollout was not carried out: {error}");
                ExitCode::from(FINDING)
            }
        };
    }
    let serves = match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(_) => true,
        Command::Serve(_) => true,
        _ => false,
    };
    if !serves {
        end_with_the_reader();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("onduty cannot start: {error}");
            return ExitCode::from(UNAVAILABLE);
        }
    };
    runtime.block_on(async {
        match cli.command {
            #[cfg(feature = "demo")]
            Command::Demo(args) => demo::run(args).await,
            Command::Init(args) => init::run(args).await,
            Command::Check(args) => check::run(args).unwrap_or_else(|error| {
                eprintln!("{error:#}");
                ExitCode::from(BAD_INPUT)
            }),
            Command::Doctor(args) => doctor::run(args).await,
            Command::Serve(args) => serve::run(args).await,
            Command::Backup(args) => backup::run(args).await,
            Command::Restore(args) => restore::run(args).await,
            Command::Verify(args) => verify::run(args).await,
            Command::Now(args) => client::exit(now::run(args).await),
            Command::Ask(args) => client::exit(ask::run(args).await),
            Command::Handshake(args) => client::exit(handshake::run(args).await),
            Command::Log(args) => client::exit(log::run(args).await),
            Command::Item(args) => client::exit(item::run(args).await),
            Command::Owner(args) => owner::run(args).await,
            Command::Perf(args) => perf::run(&args).await,
            Command::Plan(args) => plan::run(args).await,
            Command::Signal(args) => signal::run(args).await,
            Command::Rollout(args) => client::exit(rollout::run(args).await),
            Command::People(args) => client::exit(people::run(args).await),
            Command::Token(args) => client::exit(people::token(args).await),
            Command::Calendar(args) => client::exit(calendar::run(args).await),
            Command::AccessLog(args) => client::exit(people::access_log(args).await),
            Command::Supervise => ExitCode::from(OK),
        }
    })
}

/// A command whose reader has read enough (`| head`) ends without a word; a server goes on.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(NOT_READ);
        }
        usual(panic);
    }));
}
