//! Small tools: waiting for what has to happen, finding programs, calling the real binary.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

/// The binary under test.
pub const ONDUTY: &str = env!("CARGO_BIN_EXE_onduty");
/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something; tests never wait for a fixed time.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain: {what}", PATIENCE.as_secs());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the large counts are wanted.
pub fn is_full() -> bool {
    std::env::var_os("ONDUTY_FULL").is_some()
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Output of a process that was not ended by a signal.
    pub fn of(output: &Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the real binary, with no environment but what is given.
pub async fn onduty(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = tokio::process::Command::new(ONDUTY);
    command.args(arguments).current_dir(folder).env_clear().kill_on_drop(true);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(environment.iter().copied()).stdin(std::process::Stdio::null());
    Said::of(&command.output().await.expect("the binary under test can be started"))
}

/// Runs git, which has to work.
#[track_caller]
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@acme.example", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is installed");
    let said = Said::of(&output);
    assert_eq!(said.code, 0, "git {arguments:?}: {said:?}");
    said.out.trim().to_owned()
}

/// Writes a file that only its owner can read.
pub fn write_private(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Writes a script that can be run.
pub fn write_script(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // Written under another name and moved: a script that is open for writing while another test forks is "busy".
    let draft = path.with_extension("draft");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&draft).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    drop(file);
    std::fs::rename(&draft, path).unwrap();
}

/// Whether a program can be called; says so aloud when it cannot, with what was not checked.
pub fn has(program: &str, not_checked: &str) -> bool {
    let found = std::process::Command::new(program).arg("--version").output();
    // `openssl` wants `version`; it is there when it can be started at all.
    if found.is_err() {
        not_there(&format!("{program} is not installed"), not_checked);
    }
    found.is_ok()
}

/// Says aloud what was not checked and why; goes past the capture of the test runner.
pub fn not_there(what: &str, not_checked: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "\nNOT CHECKED: {not_checked}: {what}");
}

/// The same of what a full run must not do without: there it fails.
#[track_caller]
pub fn missing(what: &str, not_checked: &str) {
    assert!(!is_full(), "a full run needs {what}; not checked: {not_checked}");
    not_there(what, not_checked);
}

/// Recorded payloads of other systems, where the checkout has them.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ONDUTY_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    Some(root.join(path)).filter(|path| path.exists())
}
