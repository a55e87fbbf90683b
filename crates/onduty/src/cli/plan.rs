//! `onduty plan`: `solve` and `check` have plans as files and need no server; `team` asks one who serves when.

use super::{BAD_INPUT, FINDING, OK, client};
use crate::texts::{self, count, human_number, visible};
use clap::{Args, Subcommand};
use onduty_core::plan::{self, Facts, LEVELS, Problem, Solution, Solved, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod leave;
mod publish;
mod swap;
mod team;
mod what_if;
mod wire;

/// Bytes of a file of a plan; ten thousand people have some twenty million.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// An hour or so of search.
const MOST_MOVES: u64 = 10_000_000_000;
/// Violations or uncovered slots that are printed; the others are counted.
const SHOWN: usize = 50;

/// Plans as files.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(subcommand)]
    command: PlanCommand,
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    /// Make a plan: nobody serves who cannot, shares are fair, turns far apart, what is published stays
    ///
    /// The plan (onduty-schedule-solution/1) is on standard output, how good it is on standard error. The same file, seed and number
    /// of moves give the same plan.
    ///
    /// Exits with 0 when there is a plan, even where it has to leave slots uncovered, 2 when none can be made.
    Solve(SolveArgs),
    /// Whether every hard rule holds in a plan, and how good it is
    ///
    /// Exits with 0 when every hard rule holds, 1 when one does not, 2 when a file cannot be read.
    Check(CheckArgs),
    /// Who serves the coming days, and why
    Show(team::ShowArgs),
    /// Serve a day instead of whose turn it is; today is taken over at once
    Cover(team::CoverArgs),
    /// Whose turn it was serves again
    EndCover(team::EndCoverArgs),
    /// What a new plan would change; let it count
    ///
    /// Without --digest or --yes nothing changes: the answer says which days would move, who would serve nobody's days, and how to publish
    /// exactly that.
    Publish(publish::PublishArgs),
    /// Offer a shift to the others, take one, agree to a swap
    Swap(swap::SwapArgs),
    /// Who is away: tell it, import it, take it back
    Leave(leave::LeaveArgs),
    /// What another team would mean: days between turns, cold turns, cost, days that nobody can serve
    ///
    /// The team that is described is planned as the team is, with its own leave and past turns: engineers=100 takes turns, without=lena,omar,
    /// split=3 duties with people of their own, shadow=1h of whoever is next on the day before, horizon=26w, cold=90 days.
    WhatIf(what_if::WhatIfArgs),
}

#[derive(Debug, Args)]
struct SolveArgs {
    /// People, duties and rules (onduty-schedule-instance/1)
    #[arg(value_name = "INSTANCE")]
    instance: PathBuf,
    /// Where the search goes first
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many moves the search tries; as many as the size wants unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST_MOVES))]
    moves: Option<u64>,
    /// One line of JSON, with the reasons of every slot: who could not and why, load, the runner-up; and what would help where nobody can
    #[arg(long)]
    json: bool,
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
    #[error("no plan can be made from {}", .0.display())]
    Impossible(PathBuf, #[source] plan::Impossible),
}

/// Does what the command says.
pub async fn run(args: PlanArgs) -> ExitCode {
    let done = match args.command {
        PlanCommand::Solve(args) => solved(&args),
        PlanCommand::Check(args) => checked(&args),
        PlanCommand::Show(args) => return client::exit(team::show(args).await),
        PlanCommand::Cover(args) => return client::exit(team::cover(args).await),
        PlanCommand::EndCover(args) => return client::exit(team::end_cover(args).await),
        PlanCommand::Publish(args) => return client::exit(publish::publish(args).await),
        PlanCommand::Leave(args) => return client::exit(leave::leave(args).await),
        PlanCommand::Swap(args) => return client::exit(swap::swap(args).await),
        PlanCommand::WhatIf(args) => return client::exit(what_if::what_if(args).await),
    };
    match done {
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

fn solved(args: &SolveArgs) -> Result<u8, Unreadable> {
    let facts = facts(&args.instance)?;
    let settings = plan::Settings { seed: args.seed, moves: args.moves };
    let solved =
        plan::solve(&facts, &settings).map_err(|error| Unreadable::Impossible(args.instance.clone(), error))?;
    eprint!("{}", summary(&solved));
    let reasons = args.json.then(|| plan::explain(&facts, &solved.solution, solved.seed));
    print!("{}", wire::solution(&facts.instance.name, &solved, reasons.as_ref()));
    Ok(OK)
}

fn summary(solved: &Solved) -> String {
    let mut out = String::new();
    for slot in solved.solution.uncovered.iter().take(SHOWN) {
        out += &(texts::plan::uncovered(slot) + "\n");
    }
    if solved.solution.uncovered.len() > SHOWN {
        out += &format!("… and {} more\n", count(solved.solution.uncovered.len() - SHOWN, "slot"));
    }
    let proven: Vec<&str> =
        solved.proven().into_iter().zip(LEVELS).filter_map(|(is, level)| is.then_some(level)).collect();
    out + &format!(
        "{}\nproven to be the least: {}\n",
        solved.verdict.score,
        if proven.is_empty() { "nothing".to_owned() } else { proven.join(", ") }
    )
}

fn checked(args: &CheckArgs) -> Result<u8, Unreadable> {
    let facts = facts(&args.instance)?;
    let solution = solution(&args.solution)?;
    let file = visible(&args.solution.to_string_lossy());
    for place in solution.unread.iter().take(SHOWN) {
        eprintln!("{file}: {} is not looked at", visible(place));
    }
    if solution.unread.len() > SHOWN {
        eprintln!("{file}: … and {} more", human_number((solution.unread.len() - SHOWN) as u64));
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

fn as_json(verdict: &Verdict) -> Value {
    let levels: serde_json::Map<String, Value> =
        LEVELS.iter().zip(verdict.score.0).map(|(level, value)| ((*level).to_owned(), value.into())).collect();
    let by_rule: BTreeMap<String, usize> =
        verdict.by_rule.iter().map(|(rule, times)| (rule.to_string(), *times)).collect();
    json!({
        "violations": verdict.violations.iter().map(texts::plan::violation).collect::<Vec<_>>(),
        "by_rule": by_rule,
        "score": verdict.score.0,
        "levels": levels,
    })
}

fn as_text(verdict: &Verdict) -> String {
    let mut out = String::new();
    for violation in verdict.violations.iter().take(SHOWN) {
        out += &(texts::plan::violation(violation) + "\n");
    }
    if verdict.violations.is_empty() {
        out += "valid\n";
    } else {
        let rules: Vec<String> = verdict.by_rule.iter().map(|(rule, times)| format!("{rule} {times}")).collect();
        out += &format!("{}: {}\n", count(verdict.by_rule.values().sum(), "violation"), rules.join(", "));
    }
    out + &verdict.score.to_string() + "\n"
}
