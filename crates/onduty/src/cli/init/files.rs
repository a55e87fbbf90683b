//! The wording of the proposed files. Everything found is quoted; nothing found reaches a comment unquoted.

use super::find::{Found, RECENT};
use super::people::Person;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write;
use std::path::Path;

/// Most people that are put on the roster.
const MAX_PEOPLE: usize = 100;

/// `onduty.yml`, to be kept in `out`.
pub fn instance(found: &Found, out: &Path) -> String {
    let here = std::path::absolute(out).is_ok_and(|out| {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        real(&out) == real(&found.top)
    });
    let repository = if here { ".".to_owned() } else { found.top.display().to_string() };
    let (name, branch) = (quote(&found.repository), quote(&found.branch));
    let title = quote(found.repository.rsplit('/').next().unwrap_or(&found.repository));
    let mut ci = String::new();
    if !found.workflows.is_empty() {
        let _ = writeln!(ci, "  # GitHub's workflows here: {}.", list(&found.workflows));
    }
    for (file, system) in &found.other_ci {
        let _ = writeln!(ci, "  # {file} is here: let {system} send its builds to /hooks/signals (docs/sources.md).");
    }
    let github = found.remote.as_ref().is_none_or(|remote| remote.host == "github.com");
    if github {
        ci.push_str(concat!(
            "  # Builds from GitHub: add a webhook to ADDRESS/hooks/github with content type application/json, a secret, and\n",
            "  # the events check runs, workflow runs, statuses, pushes, deployments and deployment statuses; then take the\n",
            "  # two lines below in.\n",
            "  # github:\n",
            "  #   secret_env: ONDUTY_GITHUB_SECRET\n",
        ));
    }
    format!(
        r#"# The instance: where it listens and what it watches. Written by `onduty init`; change what does not fit, then run
# `onduty check`. Keep the data folder out of the repository: echo onduty-data/ >> .gitignore
name: {title}
listen: 127.0.0.1:7007
data: onduty-data
roster: roster.yml
processes: processes
sources:
  git:
    repository: {repository}
    branch: {branch}  # {branch_from}
    name: {name}
    every: 30s
{ci}  # Whatever you can send with curl or `onduty signal send`, signed with this secret.
  signals:
    secret_env: ONDUTY_SIGNALS_SECRET
  # Nobody watches these yet; the steps that need them are off, and the pages say so. Remove a line once something
  # tells onduty about it.
  performance: none
  traffic: none
# What the button runs. It gets the revision in ONDUTY_REVISION and nothing else of this machine's environment.
# rollouts:
#   production:
#     command: [./scripts/rollout.sh]
"#,
        repository = quote(&repository),
        branch_from = found.branch_from,
    )
}

/// `roster.yml`; the rotation starts on the day that `now` is in the team's zone.
pub fn roster(found: &Found, now: Timestamp) -> String {
    let today = TimeZone::get(&found.zone.name).unwrap_or(TimeZone::UTC).to_datetime(now).date();
    let mut text = format!("# Who takes turns. Proposed by `onduty init`: {}, most active first.\n", found.people_from);
    if found.people.len() > MAX_PEOPLE {
        let _ = writeln!(text, "# {} people with fewer commits are left out.", found.people.len() - MAX_PEOPLE);
    }
    if !found.other_owners.is_empty() {
        let _ = writeln!(text, "# CODEOWNERS also names {}; add logins where they belong.", list(&found.other_owners));
    }
    text.push_str("engineers:\n");
    let people: Vec<&Person> = found.people.iter().take(MAX_PEOPLE).collect();
    for person in &people {
        let _ = write!(text, "  {}: {{name: {}", quote(&person.id), quote(&person.name));
        for (key, values) in [("emails", &person.emails), ("logins", &person.logins)] {
            if !values.is_empty() {
                let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
                let _ = write!(text, ", {key}: [{}]", values.join(", "));
            }
        }
        text.push_str("}\n");
    }
    let members: Vec<String> = people.iter().map(|person| quote(&person.id)).collect();
    let _ = write!(
        text,
        r#"duties:
  developers:
    name: Developers
    members: [{}]
    zone: {}  # {}
    hours: "09:00-18:00"
    since: {today}
    # holidays: {{2026-12-25: Christmas Day}}
    watches:
      repositories: [{}]
      branch: {}
"#,
        members.join(", "),
        quote(&found.zone.name),
        found.zone.reason,
        quote(&found.repository),
        quote(&found.branch),
    );
    text
}

/// The starter process, with the team's own branch in place of `main`.
pub fn process(starter: &str, branch: &str) -> String {
    starter.replace("\"main\"", &quote(branch))
}

/// What to tell the user.
pub fn summary(found: &Found) -> String {
    let days = RECENT.as_hours() / 24;
    let mut text = format!("Found in {}:\n", found.top.display());
    let from = found.remote.as_ref().map_or("the folder's name; no remote".to_owned(), |remote| remote.host.clone());
    let names: Vec<&str> = found.people.iter().take(5).map(|person| person.name.as_str()).collect();
    let more = found.people.len().saturating_sub(names.len());
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let _ = writeln!(text, "  repository  {} ({from})", found.repository);
    let _ = writeln!(text, "  branch      {} ({})", super::people::one_line(&found.branch), found.branch_from);
    let _ = writeln!(text, "  people      {}{and_more} ({})", names.join(", "), found.people_from);
    if found.bots > 0 {
        let _ = writeln!(text, "              {} bots left out", found.bots);
    }
    if !found.other_owners.is_empty() {
        let count = found.other_owners.len();
        let _ =
            writeln!(text, "  CODEOWNERS  {count} more owners, who did not commit in {days} days under these names");
    }
    let _ = writeln!(text, "  time zone   {} ({})", found.zone.name, found.zone.reason);
    let workflows = (!found.workflows.is_empty()).then(|| format!("GitHub Actions: {}", found.workflows.join(", ")));
    let systems = workflows.into_iter().chain(found.other_ci.iter().map(|(_, system)| system.to_string()));
    let systems: Vec<String> = systems.collect();
    let systems = if systems.is_empty() { "nothing known; see docs/sources.md".to_owned() } else { systems.join("; ") };
    let _ = writeln!(text, "  CI          {systems}");
    text
}

fn list(texts: &[String]) -> String {
    texts.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", ")
}

/// `text` as YAML in double quotes, whatever is in it.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // YAML does not allow some of these as they are, and people would not see the others.
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
