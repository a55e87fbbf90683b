//! The sample team's own files: `onduty.yml`, `roster.yml`, the process and the script that rolls out.
//!
//! Written once into the demo's folder. Texts are quoted as JSON, which YAML reads as well, so that no name can mean
//! anything.

use super::team::{Person, ZONE, team};
use crate::scenario::CHECKS;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::json;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// Prints a dozen lines in about twelve seconds and ends well. `STEP_SECONDS` makes it slower or quicker.
pub const ROLLOUT_SCRIPT: &str = include_str!("../../shop/rollout.sh");
/// The same, but the second half of the servers does not become healthy: ends with status 1.
pub const ROLLOUT_FAILING: &str = include_str!("../../shop/rollout-failing.sh");

/// Who serves the second duty, where there is one.
const SECOND: [&str; 4] = ["bjorn", "oleksandr", "fatima", "dmitri"];
/// What they do.
const DEVOPS: &str = "\
process: devops
steps:
  - id: backups
    goal: Last night's backups can be restored
    once: shift
  - id: room
    goal: Nothing runs out of room within a week
    once: shift
";

/// Where response times are asked for.
#[derive(Debug, Clone)]
pub struct ResponseTimes {
    /// Where Datadog's API begins.
    pub url: String,
    /// The file with the key of the organisation.
    pub api_key_file: String,
    /// The file with the key of whoever asks.
    pub application_key_file: String,
}

/// What the files say besides the team.
#[derive(Debug, Clone)]
pub struct SampleOptions {
    /// The sample day: the rotation starts with it, so that the first of the team is on duty.
    pub day: Date,
    /// Where onduty listens.
    pub listen: String,
    /// Folder for onduty's data.
    pub data: PathBuf,
    /// The sample repository.
    pub repository: PathBuf,
    /// `acme/shop`
    pub repository_name: String,
    /// The file with the secret of GitHub's webhooks.
    pub github_secret_file: String,
    /// The file with the secret of the generic intake.
    pub signals_secret_file: String,
    /// Where response times are asked for; nobody watches them without.
    pub response_times: Option<ResponseTimes>,
    /// Where write-backs go: the world's address and `/assignments`.
    pub write_back_url: String,
    /// The file with the secret of write-backs.
    pub write_back_secret_file: String,
    /// The text of `processes/developers.yml`.
    pub process: String,
    /// Whether some of the team serve a second duty, which shakes hands with the first.
    pub has_second_duty: bool,
    /// Seconds between two lines of the rollout script.
    pub step_seconds: u32,
    /// Whether rollouts fail.
    pub rollouts_fail: bool,
}

/// Writes `onduty.yml`, `roster.yml`, `processes/developers.yml` and `rollout.sh` into `dir`.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_files(dir: &Path, options: &SampleOptions) -> io::Result<()> {
    std::fs::create_dir_all(dir.join("processes"))?;
    std::fs::write(dir.join("onduty.yml"), instance(dir, options))?;
    std::fs::write(dir.join("roster.yml"), roster(options))?;
    std::fs::write(dir.join("processes/developers.yml"), &options.process)?;
    if options.has_second_duty {
        std::fs::write(dir.join("processes/devops.yml"), DEVOPS)?;
    }
    let script = dir.join("rollout.sh");
    std::fs::write(&script, if options.rollouts_fail { ROLLOUT_FAILING } else { ROLLOUT_SCRIPT })?;
    make_executable(&script)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn instance(dir: &Path, options: &SampleOptions) -> String {
    let SampleOptions { listen, repository_name, github_secret_file, signals_secret_file, .. } = options;
    let quoted = |text: &str| json!(text).to_string();
    let path = |path: &Path| json!(path.to_string_lossy()).to_string();
    let (data, repository, here) = (path(&options.data), path(&options.repository), path(dir));
    let (listen, name) = (quoted(listen), quoted(repository_name));
    let (github, signals) = (quoted(github_secret_file), quoted(signals_secret_file));
    let (url, write_back) = (quoted(&options.write_back_url), quoted(&options.write_back_secret_file));
    let step = quoted(&options.step_seconds.to_string());
    let performance = options.response_times.as_ref().map_or_else(
        || "performance: none".to_owned(),
        |from| {
            let [url, api, application] = [&from.url, &from.api_key_file, &from.application_key_file].map(|it| quoted(it));
            format!(
                "datadog: {{url: {url}, api_key_file: {api}, application_key_file: {application}, metric: trace.http.request, filter: {{env: production}}}}"
            )
        },
    );
    format!(
        "\
name: Acme
listen: {listen}
data: {data}
roster: roster.yml
processes: processes
sources:
  git: {{repository: {repository}, branch: main, name: {name}, every: 5s}}
  github: {{secret_file: {github}}}
  signals: {{secret_file: {signals}}}
  {performance}
  traffic: none
write_back:
  errors: {{url: {url}, secret_file: {write_back}}}
rollouts:
  production:
    command: [./rollout.sh]
    directory: {here}
    environment: {{TARGET: production, STEP_SECONDS: {step}}}
    timeout: 10m
"
    )
}

fn roster(options: &SampleOptions) -> String {
    let mut text =
        "# The sample team of `onduty demo`. Change it: a running server reads it again.\nengineers:\n".to_owned();
    for one in team() {
        let _ = writeln!(text, "  {}: {}", one.id, engineer(one, options.day));
    }
    let is_there = |id: &&str| !options.has_second_duty || !SECOND.contains(id);
    let members: Vec<&str> = team().iter().map(|one| one.id).filter(is_there).collect();
    let name = json!(options.repository_name);
    let _ = write!(
        text,
        "\
duties:
  developers:
    name: Developers
    members: [{}]
    zone: {ZONE}
    hours: \"09:00-19:00\"
    since: {}
    holidays:
{}    watches:
      repositories: [{name}]
      branch: main
      checks: {{blocking: [{}]}}
",
        members.join(", "),
        options.day,
        holidays(options.day),
        // The workflow as a whole says the same again, later.
        CHECKS.join(", "),
    );
    if options.has_second_duty {
        let _ = write!(
            text,
            "  devops:
    name: DevOps
    members: [{}]
    zone: {ZONE}
    hours: \"09:00-19:00\"
    since: {}
    handshake: developers
    holidays:
{}",
            SECOND.join(", "),
            options.day,
            holidays(options.day),
        );
    }
    text
}

fn engineer(one: &Person, day: Date) -> String {
    let emails: Vec<String> = std::iter::once(one.email()).chain(one.other_email()).collect();
    let leave = one.away.map_or_else(String::new, |(from, to)| {
        let on = |days: i8| day.checked_add(i64::from(days).days()).unwrap_or(day);
        format!(", leave: [{}..{}]", on(from), on(to))
    });
    let (name, emails, logins) = (json!(one.name), json!(emails), json!([one.login()]));
    format!("{{name: {name}, emails: {emails}, logins: {logins}, team: {}{leave}}}", one.team)
}

/// Days of this year and the next that fall on the same date every year.
fn holidays(day: Date) -> String {
    let days = [(1, 1, "New Year"), (5, 1, "Labour Day"), (12, 25, "Christmas Day"), (12, 26, "Boxing Day")];
    let years = [day.year(), day.year() + 1];
    let all =
        years.into_iter().flat_map(|year| days.into_iter().map(move |(month, date, name)| (year, month, date, name)));
    // The sample day itself is always served.
    all.filter_map(|(year, month, date, name)| Some((Date::new(year, month, date).ok()?, name)))
        .filter(|(holiday, _)| *holiday != day)
        .fold(String::new(), |mut out, (holiday, name)| {
            let _ = writeln!(out, "      {holiday}: {name}");
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use std::process::Command;

    fn options(rollouts_fail: bool) -> SampleOptions {
        SampleOptions {
            day: "2026-03-02".parse().unwrap(),
            listen: "127.0.0.1:0".into(),
            data: "/tmp/demo \"x\"/data".into(),
            repository: "/tmp/demo/shop.git".into(),
            repository_name: "acme/shop".into(),
            github_secret_file: "secrets/github".into(),
            signals_secret_file: "secrets/signals".into(),
            response_times: None,
            write_back_url: "http://127.0.0.1:9/assignments".into(),
            write_back_secret_file: "secrets/write-back".into(),
            process: "process: developers\n".into(),
            has_second_duty: false,
            step_seconds: 0,
            rollouts_fail,
        }
    }

    #[test]
    fn the_files_say_what_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        write_files(dir.path(), &options(false)).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        let instance = read("onduty.yml");
        assert!(instance.contains("data: \"/tmp/demo \\\"x\\\"/data\""), "{instance}");
        assert!(instance.contains("  performance: none\n"), "{instance}");
        assert!(instance.contains("  github: {secret_file: \"secrets/github\"}\n"), "{instance}");
        let roster = read("roster.yml");
        assert!(roster.contains(
            "  lena: {name: \"Lena Vogt\", emails: [\"lena@acme.example\"], logins: [\"lena-acme\"], team: checkout}\n"
        ));
        assert!(roster.contains("team: messaging, leave: [2026-02-27..2026-03-11]}"), "{roster}");
        assert!(roster.contains("    since: 2026-03-02\n    holidays:\n      2026-01-01: New Year\n"), "{roster}");
        assert!(roster.ends_with("      checks: {blocking: [lint, unit tests, build image, e2e]}\n"), "{roster}");
        assert_eq!(read("processes/developers.yml"), "process: developers\n");
    }

    #[test]
    fn a_second_duty_has_people_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        write_files(dir.path(), &SampleOptions { has_second_duty: true, ..options(false) }).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        let roster = read("roster.yml");
        assert!(roster.contains("\n  devops:\n    name: DevOps\n"), "{roster}");
        assert!(roster.contains("    members: [bjorn, oleksandr, fatima, dmitri]\n"), "{roster}");
        assert_eq!(roster.matches("bjorn").count(), 4, "his line has three, and one duty: {roster}");
        assert_eq!(read("processes/devops.yml"), DEVOPS);
    }

    #[test]
    fn the_sample_day_is_served_even_when_it_is_a_holiday() {
        assert!(!holidays("2026-05-01".parse().unwrap()).contains("2026-05-01"));
        assert!(holidays("2026-03-02".parse().unwrap()).contains("2026-05-01"));
    }

    #[cfg(unix)]
    #[test]
    fn the_scripts_run_in_a_clean_environment() {
        for (fails, status) in [(false, 0), (true, 1)] {
            let dir = tempfile::tempdir().unwrap();
            write_files(dir.path(), &options(fails)).unwrap();
            let script = dir.path().join("rollout.sh");
            let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&script).unwrap().permissions());
            assert_eq!(mode & 0o111, 0o111, "executable");
            // Through the shell: a script that was written a moment ago may be "busy" while other tests fork.
            let mut command = Command::new("/bin/sh");
            command.arg(&script).env_clear().envs([
                ("ONDUTY_REVISION", "0123456789abcdef"),
                ("TARGET", "production"),
                ("STEP_SECONDS", "0"),
            ]);
            let output = command.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(status), "{text}");
            assert!((11..=16).contains(&text.lines().count()), "{text}");
            assert!(text.contains("0123456789ab") && text.contains("production"), "{text}");
            let unset = Command::new("/bin/sh").arg(&script).env_clear().output().unwrap();
            assert_eq!(unset.status.code(), Some(2), "no revision, nothing to roll out");
        }
    }
}
