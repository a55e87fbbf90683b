//! `onduty init`: proposes a team's files from a clone of its repository.
//!
//! [`find`] looks, [`files`] words; both can be read alone. Nothing is overwritten unless asked, nothing is sent
//! anywhere, and nothing that the repository's authors wrote can become more than a quoted text.

mod files;
mod find;
mod people;
mod zone;

use crate::clock::real_now;
use clap::Args;
use find::Found;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Propose onduty.yml, roster.yml and processes/developers.yml from a repository
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The clone to look at
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// Where to write the files; the clone's top folder otherwise
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite files that are there
    #[arg(long)]
    force: bool,
}

/// Why nothing was proposed.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Not a repository, or one without history.
    #[error("{}: {why}", .folder.display())]
    NoRepository {
        /// What was looked at.
        folder: PathBuf,
        /// Why it will not do.
        why: String,
    },
    /// The team has such files already.
    #[error("{} is there already; nothing was written. Move it away, or overwrite it with --force", .0.display())]
    Exists(PathBuf),
    /// The disk says no.
    #[error("{}: {cause}", .file.display())]
    NotWritten {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
}

/// A proposal: files by their path below the folder, and what to tell the user.
#[derive(Debug, PartialEq, Eq)]
pub struct Proposal {
    /// In the order of writing.
    pub files: Vec<(&'static str, String)>,
    /// What was found, line by line.
    pub summary: String,
}

/// Runs the command: exit code 0, 1 when a file is in the way, 2 when there is no usable repository.
pub async fn run(args: InitArgs) -> ExitCode {
    match init(&args, real_now(), &TimeZone::system()).await {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("onduty init: {error}");
            ExitCode::from(if matches!(error, InitError::Exists(_)) { 1 } else { 2 })
        }
    }
}

/// Looks, words and writes. `now` and `machine` are the machine's time and zone.
async fn init(args: &InitArgs, now: Timestamp, machine: &TimeZone) -> Result<String, InitError> {
    let found = find::look(&args.repo, now, machine).await?;
    let out = args.out.clone().unwrap_or_else(|| found.top.clone());
    let proposal = propose(&found, &out, now);
    write(&proposal, &out, args.force)?;
    let names: Vec<&str> = proposal.files.iter().map(|(name, _)| *name).collect();
    let shown = out.display();
    Ok(format!(
        "{}\nWrote {} to {shown}.\n\nRead them, then:\n  onduty check {}\n  ONDUTY_SIGNALS_SECRET=\"$(openssl rand -hex 32)\" onduty serve --config {}\n",
        proposal.summary,
        names.join(", "),
        shell_word(&out),
        shell_word(&out.join("onduty.yml")),
    ))
}

/// The pure part: the files for what was found, to be kept in `out`.
fn propose(found: &Found, out: &Path, now: Timestamp) -> Proposal {
    Proposal {
        files: vec![
            ("onduty.yml", files::instance(found, out)),
            ("roster.yml", files::roster(found, now)),
            ("processes/developers.yml", files::process(onduty_core::process::STARTER, &found.branch)),
        ],
        summary: files::summary(found),
    }
}

/// Writes all files or none: every one that is in the way is looked for first.
fn write(proposal: &Proposal, out: &Path, force: bool) -> Result<(), InitError> {
    let paths: Vec<PathBuf> = proposal.files.iter().map(|(name, _)| out.join(name)).collect();
    if let Some(there) = paths.iter().find(|path| path.symlink_metadata().is_ok()).filter(|_| !force) {
        return Err(InitError::Exists(there.clone()));
    }
    for (path, (_, text)) in paths.iter().zip(&proposal.files) {
        let not_written = |cause| InitError::NotWritten { file: path.clone(), cause };
        std::fs::create_dir_all(path.parent().unwrap_or(out)).map_err(not_written)?;
        let mut options = std::fs::OpenOptions::new();
        // Without --force a file that appeared since is not touched either.
        if force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        let mut file = options.write(true).open(path).map_err(not_written)?;
        file.write_all(text.as_bytes()).map_err(not_written)?;
    }
    Ok(())
}

/// A path as it can be pasted into a shell.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests;
