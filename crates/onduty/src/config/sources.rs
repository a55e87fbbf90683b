//! `sources:` who tells about the outside world, and what nobody watches.

use super::values::{duration, duration_of, has_credentials, line, path_text};
use super::{
    EgressRules, GitRepository, GitSource, GithubSource, OtlpSource, SignalsSource, Sources, prometheus, secrets,
    services, trackers,
};
use crate::egress::{Url, is_this_machine};
use onduty_core::files::{Fields, Node, Place, Problems, Value, closest};
use onduty_core::ids::is_plain_id;
use onduty_core::signal::Kind;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// How often a repository is looked at, unless said otherwise.
const GIT_EVERY: Duration = Duration::from_secs(30);
/// How long a repository's state stays known: longer than a few failed looks, shorter than a working day.
const GIT_MAX_AGE: Duration = HOUR;
/// How long a webhook may be silent.
const WEBHOOK_MAX_AGE: Duration = DAY;
/// Bounds of every `max_age`.
const MAX_AGES: (Duration, Duration) = (MINUTE, Duration::from_secs(90 * 86_400));

/// How long response times are remembered: two weeks for comparisons, and a day.
const OTLP_KEEP: Duration = Duration::from_secs(15 * 86_400);
/// Endpoints that are told apart unless said otherwise, and at most.
const OTLP_ENDPOINTS: usize = 10_000;
const MOST_OTLP_ENDPOINTS: i64 = 100_000;

const ADAPTERS: [&str; 9] =
    ["git", "github", "signals", "sentry", "bugsink", "otlp", "prometheus", "newrelic", "datadog"];

/// Reads the map under `sources`.
pub fn read(entries: &[(String, Place, Node)], base: &Path, rules: &EgressRules, problems: &mut Problems) -> Sources {
    let mut sources = Sources::default();
    let mut absent: Vec<(Kind, Place)> = Vec::new();
    for (key, place, node) in entries {
        match key.as_str() {
            "git" => sources.git = repositories(node, base, problems),
            "github" => sources.github = github(node, base, problems),
            "signals" => sources.signals = signals(node, base, problems),
            "sentry" => sources.sentry = trackers::sentry(node, base, rules, problems),
            "bugsink" => sources.bugsink = trackers::bugsink(node, base, rules, problems),
            "otlp" => sources.otlp = otlp(node, problems),
            "prometheus" => sources.prometheus = prometheus::read(node, base, rules, problems),
            "newrelic" => sources.newrelic = services::new_relic(node, base, rules, problems),
            "datadog" => sources.datadog = services::datadog(node, base, rules, problems),
            kind => {
                if is_absent(kind, *place, node, problems) {
                    absent.push((Kind::from_word(kind), *place));
                }
            }
        }
    }
    for (kind, place) in &absent {
        let source = match kind {
            Kind::Commits if !sources.git.is_empty() => "git",
            Kind::Builds if sources.github.is_some() => "github",
            Kind::Performance if sources.otlp.is_some() => "otlp",
            Kind::Performance if sources.prometheus.is_some() => "prometheus",
            Kind::Performance if sources.newrelic.is_some() => "newrelic",
            Kind::Performance if sources.datadog.is_some() => "datadog",
            Kind::Errors if sources.sentry.is_some() => "sentry",
            Kind::Errors if sources.bugsink.is_some() => "bugsink",
            kind if sources.signals.as_ref().is_some_and(|signals| signals.max_age.contains_key(kind)) => "signals",
            _ => continue,
        };
        problems.add(
            *place,
            format!("`{kind}` is none, but the source `{source}` tells about it"),
            format!("remove `{kind}: none`, or the source"),
        );
    }
    sources.absent = absent.into_iter().map(|(kind, _)| kind).collect();
    sources
}

/// Whether the entry says that nobody watches a kind, and on purpose.
fn is_absent(key: &str, place: Place, node: &Node, problems: &mut Problems) -> bool {
    let built_in = Kind::BUILT_IN.iter().any(|kind| kind.as_str() == key);
    if built_in || is_plain_id(key) && matches!(&node.value, Value::Text(text) if text == "none") {
        let none = matches!(&node.value, Value::Text(text) if text == "none");
        if !none {
            problems.add(
                node.place,
                format!("`{key}` is a kind of signal and may only be `none` here"),
                format!("write `{key}: none` when nobody watches it, or remove it; sources are `git`, `github`, `signals`, `sentry`, `bugsink`, `otlp`, `prometheus`, `newrelic` and `datadog`"),
            );
        }
        return none;
    }
    let words: Vec<&str> = ADAPTERS.into_iter().chain(Kind::BUILT_IN.iter().map(Kind::as_str)).collect();
    let mend = match closest(key, &words) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "use `git`, `github`, `signals`, `sentry`, `bugsink`, `otlp`, `prometheus`, `newrelic` or `datadog`, or `KIND: none` for a kind that nobody watches"
            .to_owned(),
    };
    problems.add(place, format!("there is no source `{key}`"), mend);
    false
}

fn repositories(node: &Node, base: &Path, problems: &mut Problems) -> Vec<GitSource> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut sources: Vec<GitSource> = Vec::new();
    for node in nodes {
        let Some(source) = git(node, base, problems) else { continue };
        if sources.iter().any(|other| other.name == source.name) {
            let mend = "give each repository a `name` of its own";
            problems.add(node.place, format!("two repositories are called `{}`", source.name), mend);
        }
        sources.push(source);
    }
    sources
}

fn git(node: &Node, base: &Path, problems: &mut Problems) -> Option<GitSource> {
    let mut fields = Fields::of(node, "the source `git`", problems)?;
    let mend = "write the path of a clone, or an address such as https://git.example/acme/shop.git";
    let text = fields.required_text("repository", mend, problems);
    let branch = fields.text("branch", problems);
    let name = fields.text("name", problems);
    let every = duration(&mut fields, "every", (SECOND, DAY), problems).unwrap_or(GIT_EVERY);
    let max_age = duration(&mut fields, "max_age", MAX_AGES, problems).unwrap_or(GIT_MAX_AGE);
    fields.finish(problems);

    let branch = branch.and_then(|(text, place)| branch_name(text, place, problems));
    let name = name.and_then(|(text, place)| line(&text, place, "a name such as `acme/shop`", problems));
    let (text, place) = text?;
    let repository = repository(&text, place, base, problems)?;
    let name = name.unwrap_or_else(|| name_of(&repository));
    Some(GitSource { repository, branch, name, every, max_age })
}

/// Only what git reads without starting another program: a folder, `file://` and `https://`, or `http://` on this machine.
fn repository(text: &str, place: Place, base: &Path, problems: &mut Problems) -> Option<GitRepository> {
    let mend = "use a path, a file:// or an https:// address";
    let mut refuse = |what: String, mend: &str| {
        problems.add(place, what, mend);
        None
    };
    if text.starts_with('-') {
        return refuse("a repository cannot start with `-`".to_owned(), "write `./` before it if it is a folder");
    }
    if text.contains("::") {
        return refuse("git would run a program for this repository".to_owned(), mend);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        let url = Url::parse(text);
        let here = scheme == "http" && url.as_ref().is_ok_and(is_this_machine);
        if !matches!(scheme, "https" | "file") && !here {
            return refuse(format!("`{scheme}://` is not read here"), mend);
        }
        return match url {
            Ok(url) if has_credentials(&url) => refuse(
                "the address holds a name or password".to_owned(),
                "take it out; of a private repository keep a clone on this machine, and write its path",
            ),
            Ok(_) => Some(GitRepository::Url(text.to_owned())),
            Err(error) => refuse(format!("`{text}` is not an address: {error}"), mend),
        };
    }
    // git reads `host:path` over SSH.
    if text.split('/').next().is_some_and(|first| first.contains(':')) {
        return refuse(format!("`{text}` would be read over SSH"), mend);
    }
    path_text(text, place, problems).map(|path| GitRepository::Folder(base.join(path)))
}

fn branch_name(text: String, place: Place, problems: &mut Problems) -> Option<String> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let bad = text.is_empty() || text.starts_with(['-', '/']) || text.contains("..") || text.contains(forbidden);
    if bad {
        problems.add(place, format!("`{text}` cannot be the name of a branch"), "write it as `git branch` shows it");
        return None;
    }
    Some(text)
}

/// `acme/shop` for an address; the folder's name for a folder.
fn name_of(repository: &GitRepository) -> String {
    let last = |path: &str, parts: usize| {
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        let parts: Vec<&str> = path.rsplit('/').filter(|part| !part.is_empty()).take(parts).collect();
        parts.into_iter().rev().collect::<Vec<_>>().join("/")
    };
    let name = match repository {
        GitRepository::Url(url) => last(Url::parse(url).map_or("", |_| url.as_str()), 2),
        GitRepository::Folder(path) => {
            // `.` is the folder of the file.
            let path: std::path::PathBuf = path.components().collect();
            let path = if path.file_name().is_some() { path } else { std::path::absolute(path).unwrap_or_default() };
            last(&path.to_string_lossy(), 1)
        }
    };
    // The name of a folder above is not known without looking.
    if matches!(name.as_str(), "" | "..") { "repository".to_owned() } else { name }
}

fn github(node: &Node, base: &Path, problems: &mut Problems) -> Option<GithubSource> {
    let mut fields = Fields::of(node, "the source `github`", problems)?;
    let secret = secrets::read(&mut fields, "the source `github`", base, problems);
    let max_age = duration(&mut fields, "max_age", MAX_AGES, problems).unwrap_or(WEBHOOK_MAX_AGE);
    fields.finish(problems);
    Some(GithubSource { secret: secret?, max_age })
}

fn signals(node: &Node, base: &Path, problems: &mut Problems) -> Option<SignalsSource> {
    let mut fields = Fields::of(node, "the source `signals`", problems)?;
    let secret = secrets::read(&mut fields, "the source `signals`", base, problems);
    let mut max_age = BTreeMap::new();
    for (key, place, node) in fields.map("max_age", problems) {
        if !is_plain_id(key) {
            let mend = "use a kind such as `errors` or `builds`, or a plain word of your own";
            problems.add(*place, format!("`{key}` cannot be a kind of signal"), mend);
        }
        let Value::Text(text) = &node.value else {
            let mend = "write a number and a unit, such as 30s, 5m, 24h or 7d";
            problems.add(node.place, format!("a duration should be a text, but is {}", node.value.kind()), mend);
            continue;
        };
        if let Some(duration) = duration_of(text, node.place, MAX_AGES, problems) {
            max_age.insert(Kind::from_word(key), duration);
        }
    }
    fields.finish(problems);
    Some(SignalsSource { secret: secret?, max_age })
}

fn otlp(node: &Node, problems: &mut Problems) -> Option<OtlpSource> {
    let mut fields = Fields::of(node, "the source `otlp`", problems)?;
    let endpoints = fields.number("endpoints", 1, MOST_OTLP_ENDPOINTS, problems);
    let keep = duration(&mut fields, "keep", (DAY, MAX_AGES.1), problems).unwrap_or(OTLP_KEEP);
    fields.finish(problems);
    let endpoints = endpoints.and_then(|number| usize::try_from(number).ok()).unwrap_or(OTLP_ENDPOINTS);
    Some(OtlpSource { endpoints, keep })
}
