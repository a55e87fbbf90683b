//! Runs one rollout command to its end, in a process of its own that outlives the server.
//!
//! Started by `actions::command` as a hidden command of the same binary. It claims the attempt by creating a file that
//! must not exist, so the same attempt never runs twice; writes the output to a file, and the outcome to another. After
//! a restart the server reads the same files. It never reads the store.

use crate::clock;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What to run; handed over on standard input, so that neither values nor paths show in the list of processes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// Program and arguments; never a shell line.
    pub command: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// After how many seconds it is ended.
    pub timeout_s: u64,
    /// The three files of the attempt.
    pub files: AttemptFiles,
}

/// Where an attempt leaves its traces.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttemptFiles {
    /// Claimed by the process that runs the command: [`Started`].
    pub started: PathBuf,
    /// What the command printed.
    pub output: PathBuf,
    /// How it ended: [`Ended`].
    pub ended: PathBuf,
}

impl AttemptFiles {
    /// The files of attempt `id` in `folder`.
    pub fn of(folder: &Path, id: &str) -> AttemptFiles {
        let file = |ending: &str| folder.join(format!("{id}.{ending}"));
        AttemptFiles { started: file("started.json"), output: file("output.log"), ended: file("ended.json") }
    }
}

/// Who runs the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Process id of the supervisor, leader of the group.
    pub pid: u32,
    /// Start time of that process in ticks since boot, so that another process with the same id is told apart.
    pub ticks: u64,
}

/// How the command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it or it could not be started.
    pub code: Option<i32>,
    /// What went wrong besides the code.
    pub trouble: Option<String>,
    /// Whether it was ended because it took too long: then nobody knows what it has done.
    pub timed_out: bool,
    /// When, in real time.
    pub at: jiff::Timestamp,
}

/// Reads an [`Order`] from standard input and carries it out.
///
/// # Errors
/// The attempt was claimed before, or its files cannot be written; then nothing runs.
pub fn run() -> io::Result<()> {
    let order: Order = serde_json::from_reader(io::stdin().lock())?;
    let pid = std::process::id();
    let started = Started { pid, ticks: ticks_of(pid).unwrap_or(0) };
    let mut claim = private().create_new(true).open(&order.files.started)?;
    claim.write_all(&serde_json::to_vec(&started)?)?;
    claim.sync_all()?;
    let ended = carry_out(&order);
    write_whole(&order.files.ended, &serde_json::to_vec(&ended)?)
}

fn carry_out(order: &Order) -> Ended {
    let failed =
        |trouble: String| Ended { code: None, trouble: Some(trouble), timed_out: false, at: clock::real_now() };
    let Some((program, arguments)) = order.command.split_first() else {
        return failed("the command is empty".to_owned());
    };
    let output = match private().append(true).create(true).open(&order.files.output) {
        Ok(file) => file,
        Err(error) => return failed(format!("the output file cannot be written: {error}")),
    };
    let mut child = match start(order, program, arguments, &output) {
        Ok(child) => child,
        Err(error) => return failed(format!("`{program}` cannot be started: {error}")),
    };
    let deadline = Instant::now() + Duration::from_secs(order.timeout_s);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let trouble = status.code().is_none().then(|| format!("ended by a signal ({status})"));
                return Ended { code: status.code(), trouble, timed_out: false, at: clock::real_now() };
            }
            Ok(None) if Instant::now() >= deadline => {
                end_group(child.id());
                let _ = child.wait();
                let trouble = Some(format!("ended after {} s, its time-out", order.timeout_s));
                return Ended { code: None, trouble, timed_out: true, at: clock::real_now() };
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => return failed(format!("the command cannot be waited for: {error}")),
        }
    }
}

fn start(order: &Order, program: &str, arguments: &[String], output: &File) -> io::Result<std::process::Child> {
    // A relative program is meant relative to its folder, not to wherever the server was started.
    let program = if program.contains('/') { order.directory.join(program) } else { PathBuf::from(program) };
    Command::new(program)
        .args(arguments)
        .current_dir(&order.directory)
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0)
        .spawn()
}

/// Asks the command's whole group to end, then ends it.
fn end_group(pid: u32) {
    let Some(group) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return };
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
    std::thread::sleep(Duration::from_secs(5));
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
}

/// Start time of a process in ticks since boot; `None` when there is no such process.
pub fn ticks_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces and parentheses; fields are counted from behind the last one.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    let ticks = fields.nth(18)?.parse().ok()?;
    (state != "Z").then_some(ticks)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Writes a file so that a reader sees all of it or nothing.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = private().create(true).truncate(true).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(folder: &Path, command: &[&str], timeout_s: u64) -> Order {
        Order {
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            directory: folder.to_owned(),
            environment: vec![("ONDUTY_REVISION".to_owned(), "8f3c2".to_owned())],
            timeout_s,
            files: AttemptFiles::of(folder, "a"),
        }
    }

    #[test]
    fn the_command_sees_only_its_own_environment_and_its_output_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let order = order(folder.path(), &["/bin/sh", "-c", "echo out; echo err >&2; /usr/bin/env; exit 3"], 10);
        let ended = carry_out(&order);
        assert_eq!((ended.code, ended.timed_out), (Some(3), false));
        let output = std::fs::read_to_string(&order.files.output).unwrap();
        assert!(output.starts_with("out\nerr\n"), "{output}");
        assert!(output.contains("ONDUTY_REVISION=8f3c2"));
        assert!(!output.contains("HOME="), "{output}");
    }

    #[test]
    fn what_takes_too_long_is_ended_with_its_children_and_nobody_knows_the_outcome() {
        let folder = tempfile::tempdir().unwrap();
        let ended = carry_out(&order(folder.path(), &["/bin/sh", "-c", "sleep 600 & sleep 600"], 0));
        assert!(ended.timed_out && ended.code.is_none());
    }

    #[test]
    fn a_command_that_is_not_there_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let ended = carry_out(&order(folder.path(), &["./missing.sh"], 1));
        assert!(ended.trouble.unwrap().contains("`./missing.sh` cannot be started"));
    }

    #[test]
    fn a_process_is_known_by_its_start() {
        assert!(ticks_of(std::process::id()).is_some_and(|ticks| ticks > 0));
        assert_eq!(ticks_of(u32::MAX - 1), None);
    }
}
