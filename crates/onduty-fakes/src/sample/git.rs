//! Running git on the sample repository: a fixed environment, no configuration of this machine.
//!
//! Called by `repository` alone.

use super::repository::RepositoryError;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs git and gives what it prints; `input` goes to its standard input.
pub(super) fn run(dir: &Path, arguments: &[&str], input: &[u8]) -> Result<String, RepositoryError> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(dir).env_clear();
    for name in ["PATH", "SystemRoot", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(RepositoryError::NoGit)?;
    let stdin = child.stdin.take();
    let owned = input.to_vec();
    // Written beside, because git may answer before it has read everything. A git that gives up early says why itself.
    let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&owned)));
    let output = child.wait_with_output().map_err(RepositoryError::NoGit)?;
    let _ = writer.join();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(RepositoryError::Git { what: arguments.join(" "), said });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
