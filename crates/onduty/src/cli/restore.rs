//! `onduty restore`: a store from a backup, which only observes until somebody confirms that it is the one that counts.

use super::stores::{located, shown, with_causes};
use super::{BAD_INPUT, FINDING, OK, UNAVAILABLE};
use crate::clock::real_now;
use crate::config::FILE_NAME;
use crate::store::backup::{self, RestoreError};
use crate::store::restored::{self, Waiting};
use crate::store::{Location, Store, StoreError};
use clap::{Args, ValueEnum};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to restore, and where to.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A backup; `-` reads standard input
    #[arg(value_name = "FILE", required_unless_present = "confirm", conflicts_with = "confirm")]
    file: Option<PathBuf>,
    /// The instance's file, or the folder that has it: its store is where the backup goes
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    config: PathBuf,
    /// Elsewhere instead, to try it out: a new file of SQLite, or `env:NAME` for a variable with the address of an empty
    /// PostgreSQL database
    #[arg(long, value_name = "PLACE", conflicts_with = "confirm")]
    to: Option<String>,
    /// The restored store is the one that counts: from the next start on it acts
    #[arg(long)]
    confirm: bool,
    /// What happens to messages that waited when the backup was made
    #[arg(long, value_name = "WHAT", requires = "confirm")]
    waiting: Option<WaitingArg>,
}

/// What happens to messages that waited when the backup was made.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum WaitingArg {
    /// They are sent: nobody else did, because the instance was stopped before the backup
    Send,
    /// They are not: the instance went on after the backup
    Drop,
}

/// Restores, or confirms.
pub async fn run(args: RestoreArgs) -> ExitCode {
    let location = match &args.to {
        Some(place) => place_of(place),
        None => located(&args.config),
    };
    let location = match location {
        Ok(location) => location,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(BAD_INPUT);
        }
    };
    match args.file {
        Some(file) => restore(&file, &location).await,
        None => confirm(&location, args.waiting).await,
    }
}

fn place_of(place: &str) -> Result<Location, String> {
    let Some(name) = place.strip_prefix("env:") else { return Ok(Location::Sqlite(place.into())) };
    let address = std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?;
    Ok(Location::Postgres(address.into()))
}

async fn restore(file: &Path, location: &Location) -> ExitCode {
    let input: Box<dyn Read + Send> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        match std::fs::File::open(file) {
            Ok(file) => Box::new(file),
            Err(error) => {
                eprintln!("{} cannot be read: {error}", file.display());
                return ExitCode::from(BAD_INPUT);
            }
        }
    };
    match backup::restore(location, input, real_now()).await {
        Ok(summary) => {
            println!(
                "{}: {} rows of {} tables, as of {}; the log book is whole\nIt only observes: `onduty serve` computes \
                 everything and sends nothing until you say `onduty restore --confirm`.",
                shown(location),
                summary.total(),
                summary.rows.len(),
                summary.header.made_at
            );
            ExitCode::from(OK)
        }
        Err(error) => {
            eprintln!("nothing was restored: {}", with_causes(&error));
            ExitCode::from(match error {
                RestoreError::Store(StoreError::Unavailable { .. } | StoreError::CannotConnect { .. }) => UNAVAILABLE,
                _ => BAD_INPUT,
            })
        }
    }
}

async fn confirm(location: &Location, waiting: Option<WaitingArg>) -> ExitCode {
    match try_confirm(location, waiting).await {
        Ok((said, code)) => {
            if code == OK {
                println!("{said}")
            } else {
                eprintln!("{said}")
            }
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("nothing was confirmed: {}", with_causes(&error));
            ExitCode::from(UNAVAILABLE)
        }
    }
}

async fn try_confirm(location: &Location, waiting: Option<WaitingArg>) -> Result<(String, u8), StoreError> {
    let store = Store::open_at(location).await?;
    let mut tx = store.begin().await?;
    let answer = match restored::get(&mut tx).await? {
        None => ("this store did not come from a backup; there is nothing to confirm".to_owned(), FINDING),
        Some(known) if !known.only_observes() => ("it is confirmed already".to_owned(), OK),
        Some(known) => {
            let count = restored::waiting(&mut tx, &known).await?;
            match (count, waiting) {
                (1.., None) => (
                    format!(
                        "{count} {} waited when the backup was made; say `--waiting send` if nobody can have sent \
                         them since (the instance was stopped before the backup), else `--waiting drop`",
                        if count == 1 { "message" } else { "messages" }
                    ),
                    BAD_INPUT,
                ),
                (_, chosen) => {
                    let chosen = match chosen {
                        Some(WaitingArg::Send) => Waiting::Send,
                        Some(WaitingArg::Drop) | None => Waiting::Drop,
                    };
                    restored::confirm(&mut tx, &known, chosen, real_now()).await?;
                    tx.commit().await?;
                    store.close().await;
                    return Ok(("confirmed; start the server (again), and it acts".to_owned(), OK));
                }
            }
        }
    };
    drop(tx);
    store.close().await;
    Ok(answer)
}
