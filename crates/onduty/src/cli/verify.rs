//! `onduty verify`: whether the log book is as it was written, and the items are what the journal makes of them.

use super::stores::{configured, with_causes};
use super::{BAD_INPUT, FINDING, OK, UNAVAILABLE, heads};
use crate::app;
use crate::app::audit::{self, Report};
use crate::config::FILE_NAME;
use crate::store::log_book::{Head, read_heads};
use crate::store::{Store, StoreError};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to check, and against what.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The instance's file, or the folder that has it
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    config: PathBuf,
    /// Heads of the log book that were kept elsewhere, besides those in the data folder: a copy of log-heads.jsonl, or
    /// shipped lines of the JSON log; may be repeated
    #[arg(long, value_name = "FILE")]
    heads: Vec<PathBuf>,
    /// Run the whole journal again, and compare every item and entry with what is kept
    #[arg(long)]
    replay: bool,
}

/// Checks and says what was found, good or bad.
pub async fn run(args: VerifyArgs) -> ExitCode {
    let found = configured(&args.config).and_then(|config| {
        let location = app::location(&config).map_err(|missing| missing.to_string())?;
        Ok((config.data.join("log-heads.jsonl"), location))
    });
    let (own_heads, location) = match found {
        Ok(found) => found,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(BAD_INPUT);
        }
    };
    let mut known: Vec<(&PathBuf, Head)> = Vec::new();
    match read_heads(&own_heads).await {
        // It may be missing: it was not written yet.
        Ok(heads) => known.extend(heads.unwrap_or_default().into_iter().map(|head| (&own_heads, head))),
        Err(error) => {
            eprintln!("{}", with_causes(&error));
            return ExitCode::from(BAD_INPUT);
        }
    }
    for path in &args.heads {
        match heads::read(path) {
            Ok(heads) => known.extend(heads.into_iter().map(|head| (path, head))),
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return ExitCode::from(BAD_INPUT);
            }
        }
    }
    let heads: Vec<Head> = known.iter().map(|(_, head)| head.clone()).collect();
    let checked = async {
        let store = Store::open_to_read(&location).await?;
        let report = audit::verify(&store, &heads, args.replay).await?;
        store.close().await;
        Ok::<Report, StoreError>(report)
    };
    match checked.await {
        Ok(report) => {
            println!("{}", report.lines().join("\n"));
            for (duty, seq) in report.breaks() {
                for (path, _) in known.iter().filter(|(_, head)| head.duty == *duty && head.seq == seq) {
                    println!("{duty}: the head of entry {seq} is from {}", path.display());
                }
            }
            ExitCode::from(if report.is_well() { OK } else { FINDING })
        }
        Err(error) => {
            eprintln!("it could not be checked: {}", with_causes(&error));
            ExitCode::from(UNAVAILABLE)
        }
    }
}
