//! `onduty doctor`: what is wrong with an instance and its machine, why that matters, and what to do.
//!
//! Changes nothing, prints no secret, and goes out to other systems only with `--online`.

mod machine;
mod outside;
mod postgres;
mod server;
mod store;

use super::check;
use super::{BAD_INPUT, FINDING, OK};
use crate::config::{Files, LoadError};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Finds and explains what is wrong with an instance and its machine.
///
/// Exits with 0 when nothing is wrong (there may be advice), 1 when something is, 2 when there is no instance.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Folder with an onduty.yml, or such a file
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Ask the trackers, the leave calendars, and the provider that signs people in, as well; nothing but this leaves the machine
    #[arg(long)]
    online: bool,
    /// Print all checks as JSON
    #[arg(long)]
    json: bool,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All is well.
    Well,
    /// It works, and could be better.
    Advice,
    /// It does not work, or will not for long.
    Wrong,
    /// It could not be looked at, which is not the same as well.
    NotChecked,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, the same in every version.
    pub name: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was found.
    pub what: String,
    /// Why it matters; empty when all is well.
    pub why: &'static str,
    /// What to do; empty when all is well.
    pub todo: String,
}

impl Check {
    fn well(name: &'static str, what: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Well, what: what.into(), why: "", todo: String::new() }
    }

    fn wrong(name: &'static str, what: impl Into<String>, why: &'static str, todo: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Wrong, what: what.into(), why, todo: todo.into() }
    }

    fn advice(name: &'static str, what: impl Into<String>, why: &'static str, todo: impl Into<String>) -> Check {
        Check { verdict: Verdict::Advice, ..Check::wrong(name, what, why, todo) }
    }

    fn not_checked(name: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::NotChecked, what: what.into(), why: "", todo: todo.into() }
    }
}

/// Runs the command.
pub async fn run(args: DoctorArgs) -> ExitCode {
    let files = match Files::load(&args.dir) {
        Ok(files) => files,
        Err(LoadError::Broken(broken)) => {
            check::print_problems(&broken);
            eprintln!("The rest is looked at when the files are well.");
            return ExitCode::from(FINDING);
        }
        Err(error) => {
            eprintln!("{}", check::printable(&error.to_string()));
            return ExitCode::from(BAD_INPUT);
        }
    };
    let checks = all(&files, args.online).await;
    if args.json {
        let json = serde_json::to_string_pretty(&checks).expect("plain data is always JSON");
        println!("{json}");
    } else {
        print!("{}", in_words(&checks));
    }
    let is_wrong = checks.iter().any(|check| check.verdict == Verdict::Wrong);
    ExitCode::from(if is_wrong { FINDING } else { OK })
}

async fn all(files: &Files, online: bool) -> Vec<Check> {
    let mut checks = vec![of_files(files)];
    checks.extend(machine::secrets(&files.config));
    checks.extend(machine::rights(&files.config));
    checks.push(machine::disk(&files.config));
    checks.push(machine::git(&files.config));
    checks.extend(machine::repositories(&files.config));
    checks.extend(machine::scripts(&files.config));
    checks.push(machine::zones(&files.roster));
    checks.push(machine::descriptors());
    let server = server::checks(&files.config).await;
    let is_running = server.last().is_some_and(|check| check.verdict != Verdict::NotChecked);
    checks.extend(server);
    checks.extend(store::checks(files, is_running).await);
    if online {
        checks.extend(outside::trackers(&files.config).await);
        checks.extend(outside::calendars(files).await);
        checks.extend(outside::provider(&files.config).await);
    }
    checks
}

fn of_files(files: &Files) -> Check {
    match files.notes.first() {
        None => Check::well("files", "all files are well"),
        Some(first) => Check::advice(
            "files",
            check::printable(&first.to_string()),
            "It is allowed, and may not be meant.",
            "`onduty check` shows all notes.",
        ),
    }
}

/// What is wrong first, then advice, then the rest in one line each.
fn in_words(checks: &[Check]) -> String {
    let mut text = String::new();
    for (verdict, word) in [
        (Verdict::Wrong, "WRONG"),
        (Verdict::Advice, "advice"),
        (Verdict::NotChecked, "not checked"),
        (Verdict::Well, "well"),
    ] {
        for check in checks.iter().filter(|check| check.verdict == verdict) {
            text.push_str(&format!("{word}: {}: {}\n", check.name, check::printable(&check.what)));
            for more in [check.why, check.todo.as_str()].into_iter().filter(|more| !more.is_empty()) {
                text.push_str(&format!("    {}\n", check::printable(more)));
            }
        }
    }
    text
}
