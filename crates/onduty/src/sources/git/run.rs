//! Runs `git` as a child process that finds nothing of this machine's configuration, asks nobody, starts nothing else,
//! and ends in time. Called by the rest of this folder and by `onduty init`; never goes through a shell. It reads its own
//! folder alone, unless it is told what else; over the network it goes to addresses that `egress` judged.

use crate::egress::{Url, Way};
use crate::sources::one_line;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::BufReader;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Longest time for questions about what is on this disk.
pub const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes that one answer may have.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;
/// Bytes that are taken at once from an answer that is not kept.
const STREAM_BUFFER: usize = 256 * 1024;
/// What is kept of the error messages.
const KEPT_ERRORS: usize = 4096;
/// The first git that can be held to addresses, by `http.curloptResolve`.
pub const OLDEST_THAT_PINS: (u32, u32) = (2, 37);

/// Settings that the repository's own configuration cannot change.
const SETTINGS: [&str; 15] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.sshCommand=false",
    "core.alternateRefsCommand=true",
    "credential.helper=",
    "http.followRedirects=false",
    "http.proxy=",
    "fetch.recurseSubmodules=false",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "log.showSignature=false",
    "log.follow=false",
    "i18n.logOutputEncoding=UTF-8",
    "color.ui=never",
];

/// How much of a repository one long-running git holds in memory. More of each made reading no faster.
const STREAM_SETTINGS: [&str; 3] =
    ["core.packedGitLimit=48m", "core.packedGitWindowSize=2m", "core.deltaBaseCacheLimit=32m"];

/// Why `git` gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Not on this machine, or not to be started.
    #[error("git could not be started: {0}; install git and see that it is on the PATH")]
    NotStarted(#[source] std::io::Error),
    /// Took too long; it and all it started were ended.
    #[error("git {command} took longer than {limit:?}")]
    TimedOut {
        /// The subcommand.
        command: String,
        /// The limit.
        limit: Duration,
    },
    /// Said more than onduty keeps.
    #[error("git {command} answered with more than {MAX_OUTPUT} bytes")]
    TooMuch {
        /// The subcommand.
        command: String,
    },
    /// Said something that is not in the form that was asked for.
    #[error("git {command} gave an answer that onduty cannot read: {cause}")]
    Unreadable {
        /// The subcommand.
        command: String,
        /// What is wrong with it.
        #[source]
        cause: std::io::Error,
    },
    /// Ended with an error.
    #[error("git {command} failed: {message}")]
    Failed {
        /// The subcommand.
        command: String,
        /// Its exit code.
        code: Option<i32>,
        /// The last line of what it says about it.
        message: String,
    },
}

/// `git` for one repository.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    place: Vec<OsString>,
    folder: PathBuf,
    /// A second folder of objects.
    objects: Option<PathBuf>,
    /// The one protocol that it may speak to get at another repository; none where it is empty.
    protocol: &'static str,
    /// The setting that names the addresses of the one host that it may connect to.
    pin: Option<String>,
}

impl Git {
    /// For the working copy or bare repository that `folder` is in.
    pub fn inside(folder: &Path) -> Git {
        Git {
            program: "git".into(),
            place: Vec::new(),
            folder: folder.to_owned(),
            objects: None,
            protocol: "",
            pin: None,
        }
    }

    /// For the bare repository `folder`, and no other that may lie around it.
    pub fn bare(folder: &Path) -> Git {
        let mut place = OsString::from("--git-dir=");
        place.push(folder);
        Git { place: vec![place], ..Git::inside(folder) }
    }

    /// The same, which also finds the objects in `folder`, laid out as git lays out loose ones.
    pub(super) fn with_objects(&self, folder: &Path) -> Git {
        Git { objects: Some(folder.to_owned()), ..self.clone() }
    }

    /// The same, which may also read other repositories on this disk.
    pub(super) fn reading_disk(&self) -> Git {
        Git { protocol: "file", ..self.clone() }
    }

    /// The same, which may also ask the host of `url`, at the addresses of `way` whatever its name has become.
    pub(super) fn pinned(&self, url: &Url, way: &Way) -> Git {
        let protocol = if url.scheme() == "http" { "http" } else { "https" };
        // Nothing looks up a host that is an address.
        let named = way.host.parse::<IpAddr>().is_err();
        Git { protocol, pin: named.then(|| pin(way)), ..self.clone() }
    }

    /// The same, played by another program.
    #[cfg(test)]
    pub(super) fn played_by(&self, program: &Path) -> Git {
        Git { program: program.to_owned(), ..self.clone() }
    }

    /// Which git this is, where it says so.
    pub(super) async fn version(&self) -> Result<Option<(u32, u32)>, GitError> {
        let said = self.read(&["version"]).await?;
        Ok(version_of(&String::from_utf8_lossy(&said)))
    }

    /// What `git ARGS` prints, within [`READ_TIMEOUT`].
    ///
    /// # Errors
    /// [`GitError`]; nothing is left running.
    pub async fn read<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        self.run(args, READ_TIMEOUT).await
    }

    /// What `git ARGS` prints, within `limit`. The first of `args` that is not an option is the subcommand.
    ///
    /// # Errors
    /// [`GitError`]; nothing is left running.
    pub async fn run<S: AsRef<OsStr>>(&self, args: &[S], limit: Duration) -> Result<Vec<u8>, GitError> {
        let command = subcommand(args);
        let mut child = self.command(args, &[]).spawn().map_err(GitError::NotStarted)?;
        let mut group = child.id().map(Group);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let all = async {
            let (output, errors) = tokio::join!(capped(stdout), last_words(stderr));
            let output = output.map_err(GitError::NotStarted)?;
            let Some(output) = output else { return Err(GitError::TooMuch { command: command.clone() }) };
            let status = child.wait().await.map_err(GitError::NotStarted)?;
            Ok((status, output, errors))
        };
        let answer = tokio::time::timeout(limit, all).await;
        if matches!(answer, Ok(Ok(_)))
            && let Some(group) = group.take()
        {
            group.let_go(); // it ended by itself, and its number may be somebody else's by now
        }
        match answer {
            Err(_) => Err(GitError::TimedOut { command, limit }),
            Ok(Err(error)) => Err(error),
            Ok(Ok((status, output, _))) if status.success() => Ok(output),
            Ok(Ok((status, _, errors))) => Err(failed(command, status, &errors)),
        }
    }

    /// The content `object`, or `None` where it has more than `most` bytes: then git is not even asked for it.
    ///
    /// # Errors
    /// [`GitError`], also where `object` is not there or is no content of a file.
    pub async fn content(&self, object: &str, most: usize) -> Result<Option<Vec<u8>>, GitError> {
        let size = self.read(&["cat-file", "-s", object]).await?;
        let size = String::from_utf8_lossy(&size).trim().parse::<usize>();
        if size.is_ok_and(|size| size <= most) {
            return self.read(&["cat-file", "blob", object]).await.map(Some);
        }
        Ok(None)
    }

    /// What `read` makes of the output of `git ARGS`, which may be of any length: nothing of it is kept here. Git reads
    /// from `input`, where there is one.
    ///
    /// `read` runs on a thread of its own. It should read to the end; git is ended when it does not.
    ///
    /// # Errors
    /// [`GitError`]; nothing is left running.
    pub(super) async fn stream<S, T, R>(
        &self,
        args: &[S],
        input: Option<File>,
        limit: Duration,
        read: R,
    ) -> Result<T, GitError>
    where
        S: AsRef<OsStr>,
        T: Send + 'static,
        R: FnOnce(&mut BufReader<File>) -> std::io::Result<T> + Send + 'static,
    {
        let command = subcommand(args);
        let mut command_line = self.command(args, &STREAM_SETTINGS);
        if let Some(input) = input {
            command_line.stdin(input);
        }
        let mut child = command_line.spawn().map_err(GitError::NotStarted)?;
        let mut group = child.id().map(Group);
        let stderr = child.stderr.take();
        let stdout = child.stdout.take().ok_or_else(|| GitError::NotStarted(std::io::ErrorKind::BrokenPipe.into()))?;
        let stdout = stdout.into_owned_fd().map_err(GitError::NotStarted)?;
        let reader =
            tokio::task::spawn_blocking(move || read(&mut BufReader::with_capacity(STREAM_BUFFER, File::from(stdout))));
        let all = async {
            let (answer, errors) = tokio::join!(reader, last_words(stderr));
            let status = child.wait().await.map_err(GitError::NotStarted)?;
            Ok((status, answer, errors))
        };
        let answer = tokio::time::timeout(limit, all).await;
        if matches!(answer, Ok(Ok(_)))
            && let Some(group) = group.take()
        {
            group.let_go(); // as in `run`
        }
        let (status, answer, errors) = answer.map_err(|_| GitError::TimedOut { command: command.clone(), limit })??;
        let answer = answer.map_err(|panic| GitError::NotStarted(std::io::Error::other(panic)))?;
        match answer {
            _ if !status.success() && !errors.is_empty() => Err(failed(command, status, &errors)),
            Ok(answer) if status.success() => Ok(answer),
            Ok(_) => Err(failed(command, status, &errors)),
            Err(cause) => Err(GitError::Unreadable { command, cause }),
        }
    }

    fn command<S: AsRef<OsStr>>(&self, args: &[S], settings: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear();
        for kept in ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR"] {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        command
            .env("LC_ALL", "C")
            // Without one, the library that git connects with finds the user's own, and the passwords in its .netrc.
            .env("HOME", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            // Stands above every `protocol.*.allow`; without a word in it, none is allowed.
            .env("GIT_ALLOW_PROTOCOL", self.protocol)
            .env("GIT_LITERAL_PATHSPECS", "1")
            .arg("--no-pager")
            .envs(self.objects.as_ref().map(|folder| ("GIT_ALTERNATE_OBJECT_DIRECTORIES", folder)))
            .args(SETTINGS.iter().chain(settings).flat_map(|setting| ["-c", setting]))
            .args(self.pin.iter().flat_map(|setting| ["-c", setting]))
            .args(&self.place)
            .args(args)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// `http.curloptResolve=HOST:PORT:ADDRESS,ADDRESS`
fn pin(way: &Way) -> String {
    let shown = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let addresses: Vec<String> = way.addresses.iter().map(shown).collect();
    format!("http.curloptResolve={}:{}:{}", way.host, way.port, addresses.join(","))
}

/// The numbers in `git version 2.47.3`.
pub fn version_of(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.trim().strip_prefix("git version ")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// A process group that is ended when this is dropped: git starts helpers of its own.
struct Group(u32);

impl Group {
    fn let_go(self) {
        std::mem::forget(self);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The number comes from the kernel. There is no safe call for this in the standard library, and every system
        // with git has a shell whose own `kill` does it.
        let end = std::process::Command::new("/bin/sh")
            .args(["-c", "kill -s KILL -- \"-$0\""])
            .arg(self.0.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if let Err(error) = end {
            tracing::warn!(%error, group = self.0, "could not end the helpers of git");
        }
    }
}

/// Everything, or nothing if it is too much.
async fn capped(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Option<Vec<u8>>> {
    let mut output = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MAX_OUTPUT + 1).read_to_end(&mut output).await?;
    }
    Ok(Some(output).filter(|output| output.len() as u64 <= MAX_OUTPUT))
}

/// The end of what is said; all of it is read, so that nobody waits.
async fn last_words(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return kept };
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        kept.drain(..kept.len().saturating_sub(KEPT_ERRORS));
    }
    kept
}

fn failed(command: String, status: ExitStatus, errors: &[u8]) -> GitError {
    let errors = String::from_utf8_lossy(errors);
    let telling = |line: &&str| line.starts_with("fatal:") || line.starts_with("error:");
    let line = errors.lines().rfind(telling).or(errors.lines().last()).unwrap_or("no reason given");
    let message = one_line(line.trim_start_matches("fatal:").trim_start_matches("error:"), 300);
    GitError::Failed { command, code: status.code(), message }
}

fn subcommand<S: AsRef<OsStr>>(args: &[S]) -> String {
    let mut words = args.iter().map(|arg| arg.as_ref().to_string_lossy());
    while let Some(word) = words.next() {
        match word.as_ref() {
            "-c" => drop(words.next()),
            word if word.starts_with('-') => {}
            word => return word.to_owned(),
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_git() {
        for (said, version) in [
            ("git version 2.39.5", Some((2, 39))),
            ("git version 2.39.5 (Apple Git-154)", Some((2, 39))),
            ("git version 3.0", Some((3, 0))),
            ("git version", None),
            ("", None),
        ] {
            assert_eq!(version_of(said), version, "{said}");
        }
    }

    #[test]
    fn a_pin_names_host_port_and_addresses() {
        let addresses = ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"].map(|ip| ip.parse().unwrap()).to_vec();
        let way = Way { host: "git.example".to_owned(), port: 8443, addresses };
        let expected = "http.curloptResolve=git.example:8443:192.0.2.7,[2001:db8::7],[::ffff:192.0.2.7]";
        assert_eq!(pin(&way), expected);
    }
}
