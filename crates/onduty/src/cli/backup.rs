//! `onduty backup`: the whole store as one file, while the server runs or not.

use super::stores::{located, with_causes};
use super::{BAD_INPUT, OK, UNAVAILABLE};
use crate::clock::real_now;
use crate::config::FILE_NAME;
use crate::store::Store;
use crate::store::backup::{self, Summary};
use anyhow::Context as _;
use clap::Args;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to back up, and where to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The new file; `-` writes to standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The instance's file, or the folder that has it
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    config: PathBuf,
}

/// Backs up and says what is in it.
pub async fn run(args: BackupArgs) -> ExitCode {
    let to_output = args.file == Path::new("-");
    if !to_output && args.file.exists() {
        eprintln!("{} is there already; no backup is overwritten: choose another name", args.file.display());
        return ExitCode::from(BAD_INPUT);
    }
    let location = match located(&args.config) {
        Ok(location) => location,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(BAD_INPUT);
        }
    };
    let backed_up = async {
        let store = Store::open_to_read(&location).await?;
        let made = if to_output { to_standard_output(&store).await } else { to_file(&store, &args.file).await };
        store.close().await;
        made
    };
    match backed_up.await {
        Ok(summary) => {
            let what = format!(
                "{} rows of {} tables, the journal up to {}",
                summary.total(),
                summary.rows.len(),
                summary.header.journal
            );
            // Standard output may be the backup itself.
            if to_output {
                eprintln!("{what}")
            } else {
                println!("{}: {what}", args.file.display())
            }
            ExitCode::from(OK)
        }
        Err(error) => {
            eprintln!("no backup was made: {}", with_causes(error.as_ref()));
            ExitCode::from(UNAVAILABLE)
        }
    }
}

async fn to_standard_output(store: &Store) -> anyhow::Result<Summary> {
    Ok(backup::write(store, std::io::stdout(), real_now()).await?.0)
}

/// Beside first, so that a file under its name is a whole backup. It has the log book and hashes of secrets: for its
/// owner alone.
async fn to_file(store: &Store, path: &Path) -> anyhow::Result<Summary> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let out = File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside);
    let out = out.with_context(|| format!("{} cannot be made", beside.display()))?;
    let written = match backup::write(store, std::io::BufWriter::new(out), real_now()).await {
        Ok((summary, out)) => finish(out, &beside, path).map(|()| summary),
        Err(error) => Err(error.into()),
    };
    if written.is_err() {
        // What is left of it would only be taken for more than it is.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn finish(mut out: std::io::BufWriter<File>, beside: &Path, path: &Path) -> anyhow::Result<()> {
    out.flush()?;
    out.get_ref().sync_all()?;
    // Not a rename: it would take the place of a file that somebody else made meanwhile.
    std::fs::hard_link(beside, path).with_context(|| format!("{} cannot be made", path.display()))?;
    std::fs::remove_file(beside)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}
