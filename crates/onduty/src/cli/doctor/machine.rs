//! What the machine gives: files and their rights, disk, git, scripts, time zones, descriptors.

use super::Check;
use crate::app::operator::TOKEN_FILE;
use crate::config::{Config, GitRepository};
use crate::sources::git::{OLDEST_THAT_PINS, version_of};
use onduty_core::roster::Roster;
use rustix::process::Resource;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Less free space than this is not enough for a backup and a busy day.
const FREE_BYTES: u64 = 1 << 30;
/// Descriptors: one for each open page and wall screen, and about a hundred for the rest.
const DESCRIPTORS: u64 = 1_024;
/// The first git with everything that is asked of it, where it does not go out.
const OLDEST_GIT: (u32, u32) = (2, 30);

/// Each secret that is missing, too short or open to others.
pub fn secrets(config: &Config) -> Vec<Check> {
    let mut missing = config.secrets().err().unwrap_or_default();
    missing.extend(config.database_address().err());
    if missing.is_empty() {
        return vec![Check::well("secrets", "every secret that onduty.yml names is there")];
    }
    let wrong = |missing: crate::config::MissingSecret| {
        Check::wrong(
            "secrets",
            missing.to_string(),
            "The server does not start without it.",
            "If it is a variable, look from the server's own environment: `systemctl show onduty -p Environment,EnvironmentFiles`.",
        )
    };
    missing.into_iter().map(wrong).collect()
}

/// Files with secrets that others on this machine can read.
pub fn rights(config: &Config) -> Vec<Check> {
    let store = config.data.join("onduty.db");
    let wal = config.data.join("onduty.db-wal");
    let paths = [(config.data.clone(), 0o700), (config.data.join(TOKEN_FILE), 0o600), (store, 0o600), (wal, 0o600)];
    let mut wrong: Vec<Check> = paths.into_iter().filter_map(|(path, wanted)| open_to_others(&path, wanted)).collect();
    if wrong.is_empty() {
        wrong.push(Check::well("rights", "what is in the data folder belongs to its owner alone"));
    }
    wrong
}

fn open_to_others(path: &Path, wanted: u32) -> Option<Check> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & !wanted != 0).then(|| {
        Check::wrong(
            "rights",
            format!("{} has the mode {mode:03o}", path.display()),
            "Whoever reads it can sign in, or read the log book.",
            format!("chmod {wanted:o} {}", path.display()),
        )
    })
}

/// Space and names that are left where the store is.
pub fn disk(config: &Config) -> Check {
    let Some(folder) = config.data.ancestors().find(|folder| folder.exists()) else {
        return Check::not_checked("disk", "there is no folder to look at", "Name one with `data:`.");
    };
    let found = match rustix::fs::statvfs(folder) {
        Ok(found) => found,
        Err(error) => {
            let what = format!("the disk of {} does not answer: {error}", folder.display());
            return Check::wrong("disk", what, "Nothing can be kept.", "Look at the disk and at the system's log.");
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let what = format!("{} MB are free for {}", free >> 20, config.data.display());
    let todo = "Free some, or move `data:` to a larger disk while the server is stopped.";
    if found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        let what = format!("the disk of {} is mounted read-only", config.data.display());
        return Check::wrong(
            "disk",
            what,
            "Nothing can be kept; deliveries are refused.",
            "Find out why, and mount it read-write.",
        );
    }
    if free < FREE_BYTES || (found.f_files > 0 && found.f_favail == 0) {
        return Check::wrong("disk", what, "A full disk refuses every delivery until there is space.", todo);
    }
    Check::well("disk", what)
}

/// Whether git works and is new enough.
pub fn git(config: &Config) -> Check {
    let why = "Commits, what would go out and who knows a file all come from git.";
    let from_web = config.sources.git.iter().any(|git| git.repository.web_address().is_some());
    let oldest = if from_web { OLDEST_THAT_PINS } else { OLDEST_GIT };
    let todo = format!("Install git {}.{} or newer where the server's PATH finds it.", oldest.0, oldest.1);
    let Ok(output) = Command::new("git").arg("--version").output() else {
        return Check::wrong("git", "git cannot be called", why, todo);
    };
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match version_of(&said) {
        Some(version) if version >= oldest => Check::well("git", said),
        _ => Check::wrong("git", format!("git says {said:?}"), why, todo),
    }
}

/// Whether each repository that is read where it is can be read.
pub fn repositories(config: &Config) -> Vec<Check> {
    let folders = config.sources.git.iter().filter_map(|git| match &git.repository {
        GitRepository::Folder(folder) => Some((git, folder)),
        GitRepository::Url(_) => None,
    });
    let look = |(git, folder): (&crate::config::GitSource, &PathBuf)| {
        let output = Command::new("git").arg("-C").arg(folder).args(["rev-parse", "--git-dir"]).output();
        let name = &git.name;
        if output.is_ok_and(|output| output.status.success()) {
            return Check::well("repository", format!("{name} can be read"));
        }
        Check::wrong(
            "repository",
            format!("{name} at {} is no repository that this user can read", folder.display()),
            "Its commits are unknown, which keeps the gate closed.",
            "Name another with `repository:`, or give onduty's user the right to read it (git also wants `safe.directory`).",
        )
    };
    folders.map(look).collect()
}

/// Whether each rollout's script is there and may run.
pub fn scripts(config: &Config) -> Vec<Check> {
    let look = |(environment, target): (&onduty_core::ids::Environment, &crate::config::RolloutTarget)| {
        let program = target.command.first()?;
        // A bare name is looked up when it runs.
        let path = program.contains('/').then(|| target.directory.join(program))?;
        let runs = std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
        Some(if runs {
            Check::well("rollout", format!("the script of {environment} may run"))
        } else {
            Check::wrong(
                "rollout",
                format!("{} is not there, or may not run", path.display()),
                "Whoever presses the button finds out.",
                format!("Put it there, and `chmod +x {}`.", path.display()),
            )
        })
    };
    config.rollouts.iter().filter_map(look).collect()
}

/// Whether the time zones of the duties are known.
pub fn zones(roster: &Roster) -> Check {
    let unknown = roster
        .duties
        .iter()
        .find(|duty| duty.zone.iana_name().is_none_or(|name| jiff::tz::TimeZone::get(name).is_err()));
    match unknown {
        None => Check::well("time zones", "the zones of all duties are known"),
        Some(duty) => Check::wrong(
            "time zones",
            format!("the zone of the duty {} is not known", duty.id),
            "Shifts would begin at the wrong hour.",
            "Install the system's time zone data (the package is called tzdata).",
        ),
    }
}

/// How many files and connections the server may have open, as far as this shell shows it.
pub fn descriptors() -> Check {
    let limit = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let what = format!("{limit} descriptors may be open in this shell");
    if limit < DESCRIPTORS {
        return Check::advice(
            "descriptors",
            what,
            "Each page and wall screen keeps a connection open.",
            "Raise it for the service: LimitNOFILE= in its unit; this shell's own limit says nothing about the service.",
        );
    }
    Check::well("descriptors", what)
}
