//! `onduty plan check`: plans as files. Needs no server.

use super::{BAD_INPUT, FINDING, OK};
use crate::texts::{count, visible};
use clap::{Args, Subcommand};
use onduty_core::plan::{self, Facts, LEVELS, Problem, Solution, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bytes of a file of a plan; ten thousand people have some twenty million.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// Violations that are printed; the others are counted.
const SHOWN: usize = 50;

/// Plans as files.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(subcommand)]
    command: PlanCommand,
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    /// Whether every hard rule holds in a plan, and how good it is
    ///
    /// Exits with 0 when every hard rule holds, 1 when one does not, 2 when a file cannot be read.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// People, duties and rules (onduty-schedule-instance/1)
    #[arg(value_name = "INSTANCE")]
    instance: PathBuf,
    /// Who serves when (onduty-schedule-solution/1)
    #[arg(value_name = "SOLUTION")]
    solution: PathBuf,
    /// Print violations and score as JSON
    #[arg(long)]
    json: bool,
}

/// What is wrong with the files that were given.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{} cannot be read", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    #[error("{} is larger than {} MB", .0.display(), MOST_BYTES / 1024 / 1024)]
    Large(PathBuf),
    #[error("{} is no JSON", .0.display())]
    Json(PathBuf, #[source] serde_json::Error),
    #[error("{} cannot be planned with", .0.display())]
    Problems(PathBuf, Vec<Problem>),
    #[error("{}", .0.display())]
    TooLarge(PathBuf, #[source] plan::TooLarge),
}

/// Does what the command says.
pub fn run(args: &PlanArgs) -> ExitCode {
    let PlanCommand::Check(args) = &args.command;
    match checked(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error);
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn complain(error: &Unreadable) {
    if let Unreadable::Problems(file, problems) = error {
        for problem in problems {
            eprintln!("{}: {}", visible(&file.to_string_lossy()), visible(&problem.to_string()));
        }
    } else {
        eprintln!("{}", visible(&super::stores::with_causes(error)));
    }
}

fn checked(args: &CheckArgs) -> Result<u8, Unreadable> {
    let facts = facts(&args.instance)?;
    let solution = solution(&args.solution)?;
    for place in solution.unread.iter().take(SHOWN) {
        eprintln!("{}: {} is not looked at", visible(&args.solution.to_string_lossy()), visible(place));
    }
    let verdict = plan::check(&facts, &solution);
    if args.json {
        println!("{:#}", as_json(&verdict))
    } else {
        print!("{}", as_text(&verdict))
    }
    Ok(if verdict.violations.is_empty() { OK } else { FINDING })
}

fn facts(file: &Path) -> Result<Facts, Unreadable> {
    let instance = plan::read(&json_of(file)?).map_err(|problems| Unreadable::Problems(file.to_owned(), problems))?;
    Facts::new(instance).map_err(|error| Unreadable::TooLarge(file.to_owned(), error))
}

fn solution(file: &Path) -> Result<Solution, Unreadable> {
    plan::read_solution(&json_of(file)?).map_err(|problems| Unreadable::Problems(file.to_owned(), problems))
}

fn json_of(file: &Path) -> Result<Value, Unreadable> {
    let opened = File::open(file).map_err(|error| Unreadable::File(file.to_owned(), error))?;
    let mut bytes = Vec::new();
    opened.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Unreadable::File(file.to_owned(), error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Unreadable::Large(file.to_owned()));
    }
    serde_json::from_slice(&bytes).map_err(|error| Unreadable::Json(file.to_owned(), error))
}

fn by_rule(verdict: &Verdict) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for violation in &verdict.violations {
        *all.entry(violation.rule.to_string()).or_default() += 1;
    }
    all
}

fn as_json(verdict: &Verdict) -> Value {
    let levels: serde_json::Map<String, Value> =
        LEVELS.iter().zip(verdict.score.0).map(|(level, value)| ((*level).to_owned(), value.into())).collect();
    json!({
        "violations": verdict.violations.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "by_rule": by_rule(verdict),
        "score": verdict.score.0,
        "levels": levels,
    })
}

fn as_text(verdict: &Verdict) -> String {
    let mut out = String::new();
    for violation in verdict.violations.iter().take(SHOWN) {
        out += &(visible(&violation.to_string()) + "\n");
    }
    if verdict.violations.is_empty() {
        out += "valid\n";
    } else {
        let rules: Vec<String> = by_rule(verdict).iter().map(|(rule, times)| format!("{rule} {times}")).collect();
        out += &format!("{}: {}\n", count(verdict.violations.len(), "violation"), rules.join(", "));
    }
    out + &verdict.score.to_string() + "\n"
}
