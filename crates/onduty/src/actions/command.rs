//! The `command` target: a script of the team's, run under a supervisor of its own that outlives the server.
//!
//! At most once: the supervisor claims the attempt by its file, see [`super::supervise`]. What happened to an attempt
//! is read from its files alone, so a restarted server looks at it the same way as the one that started it.

use super::supervise::{AttemptFiles, Ended, Order, Started, ticks_of};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The hidden command of the binary that carries out one [`Order`].
pub const SUPERVISE: &str = "supervise-rollout";

/// Most output that is kept of one attempt, in bytes; the command may go on printing.
pub const MAX_OUTPUT: u64 = 4 * 1024 * 1024;

/// A configured script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTarget {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Variables besides those of onduty's own, whose names begin with `ONDUTY_`.
    pub environment: BTreeMap<String, String>,
    /// After how long it is ended.
    pub timeout: Duration,
}

/// What a script is told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Where to.
    pub environment: &'a str,
    /// What goes out.
    pub revision: &'a str,
    /// The id of the attempt, the same whoever asks: what it deploys to can tell a repetition by it.
    pub rollout: &'a str,
}

/// Starts an attempt in the background; returns the supervisor's process id.
///
/// # Errors
/// The supervisor cannot be started: then nothing ran.
pub fn start(supervisor: &Path, target: &CommandTarget, files: &AttemptFiles, told: Told<'_>) -> io::Result<u32> {
    let fixed = [
        ("ONDUTY_REVISION", told.revision),
        ("ONDUTY_ENVIRONMENT", told.environment),
        ("ONDUTY_ROLLOUT", told.rollout),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ];
    let fixed = fixed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let configured = target.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    let order = Order {
        command: target.command.clone(),
        directory: target.directory.clone(),
        // The last one of a name wins, but nobody may change which revision goes out.
        environment: configured.filter(|(name, _)| !name.starts_with("ONDUTY_")).fold(
            fixed.collect(),
            |mut all: Vec<(String, String)>, (name, value)| {
                all.retain(|(known, _)| *known != name);
                all.push((name, value));
                all
            },
        ),
        timeout_s: target.timeout.as_secs(),
        files: files.clone(),
    };
    use std::os::unix::process::CommandExt;
    let mut child = Command::new(supervisor)
        .arg(SUPERVISE)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let pid = child.id();
    let mut order_pipe = child.stdin.take().ok_or_else(|| io::Error::other("the supervisor has no input"))?;
    order_pipe.write_all(&serde_json::to_vec(&order)?)?;
    drop(order_pipe);
    // Reaps the supervisor when it ends, so that it does not stay as a zombie that looks alive.
    std::thread::spawn(move || child.wait());
    Ok(pid)
}

/// What the files of an attempt say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Traces {
    /// No supervisor claimed it.
    Nothing,
    /// Its supervisor lives.
    Running(Started),
    /// It ended, and how is known.
    Ended(Option<Started>, Ended),
    /// Its supervisor is gone and left no word: nobody knows. `None` when it has not even said who it is; one that
    /// claimed the attempt a moment ago still may.
    Lost(Option<Started>),
}

/// Reads the traces of an attempt.
pub fn traces(files: &AttemptFiles) -> Traces {
    // Read once: a claim that is made meanwhile must not look like one that is broken.
    let claim = std::fs::read(&files.started).ok();
    let started: Option<Started> = claim.as_deref().and_then(|claim| serde_json::from_slice(claim).ok());
    // The outcome is looked for last, so that one that is written meanwhile is not taken for lost.
    let alive = started.as_ref().is_some_and(|started| ticks_of(started.pid) == Some(started.ticks));
    match (read_json::<Ended>(&files.ended), started) {
        (Some(ended), started) => Traces::Ended(started, ended),
        (None, Some(started)) if alive => Traces::Running(started),
        (None, None) if claim.is_none() => Traces::Nothing,
        (None, started) => Traces::Lost(started),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Reads whole lines of the output from `offset` on; returns them and where to go on. A last line without an end
/// counts only when `ended`.
pub fn output_from(files: &AttemptFiles, offset: u64, ended: bool) -> (Vec<String>, u64) {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(&files.output).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        file.take(MAX_OUTPUT.saturating_sub(offset).min(256 * 1024)).read_to_end(&mut bytes)
    });
    if read.is_err() {
        return (Vec::new(), offset);
    }
    let end = match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(last) if !ended => last + 1,
        None if !ended => 0,
        _ => bytes.len(),
    };
    let text = String::from_utf8_lossy(&bytes[..end]);
    let lines = text.lines().map(|line| line.chars().take(2_000).collect()).collect();
    (lines, offset + end as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_tell_what_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let files = AttemptFiles::of(folder.path(), "a");
        assert_eq!(traces(&files), Traces::Nothing);
        let pid = std::process::id();
        let me = Started { pid, ticks: ticks_of(pid).unwrap() };
        std::fs::write(&files.started, serde_json::to_vec(&me).unwrap()).unwrap();
        assert_eq!(traces(&files), Traces::Running(me.clone()));
        let other = Started { ticks: me.ticks + 1, ..me };
        std::fs::write(&files.started, serde_json::to_vec(&other).unwrap()).unwrap();
        assert_eq!(traces(&files), Traces::Lost(Some(other)), "the same id belongs to another process now");
        std::fs::write(&files.started, "{").unwrap();
        assert_eq!(traces(&files), Traces::Lost(None), "claimed, but by whom is lost");
    }

    #[test]
    fn output_is_read_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let files = AttemptFiles::of(folder.path(), "a");
        assert_eq!(output_from(&files, 0, false), (vec![], 0));
        std::fs::write(&files.output, b"one\ntw\xff\nthr").unwrap();
        let (lines, offset) = output_from(&files, 0, false);
        assert_eq!((lines, offset), (vec!["one".to_owned(), "tw\u{fffd}".to_owned()], 8));
        assert_eq!(output_from(&files, offset, true), (vec!["thr".to_owned()], 11));
    }
}
