//! `sources: {sentry: …, bugsink: …}`: error trackers that are asked over their API.

use super::secrets::{self, Keys};
use super::values::{duration, tracker_address};
use super::{EgressRules, TrackerSource};
use onduty_core::files::{Fields, Node, Problems};
use std::path::Path;
use std::time::Duration;

/// How often a tracker is asked, unless said otherwise.
const EVERY: Duration = Duration::from_secs(60);
/// Bounds of `every`.
const EVERIES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3_600));
/// How long errors stay known when the tracker cannot be asked: a few polls.
const MAX_AGE: Duration = Duration::from_secs(15 * 60);
/// Bounds of `max_age`.
const MAX_AGES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(90 * 86_400));

/// Reads the node under `sources: {sentry: …}`.
pub fn sentry(node: &Node, base: &Path, rules: &EgressRules, problems: &mut Problems) -> Option<TrackerSource> {
    read(node, "the source `sentry`", true, base, rules, problems)
}

/// Reads the node under `sources: {bugsink: …}`.
pub fn bugsink(node: &Node, base: &Path, rules: &EgressRules, problems: &mut Problems) -> Option<TrackerSource> {
    read(node, "the source `bugsink`", false, base, rules, problems)
}

fn read(
    node: &Node,
    what: &'static str,
    sentry: bool,
    base: &Path,
    rules: &EgressRules,
    problems: &mut Problems,
) -> Option<TrackerSource> {
    let mut fields = Fields::of(node, what, problems)?;
    let url = fields.required_text("url", "write where it is, such as `url: https://tracker.example`", problems);
    let token = secrets::read_as(Keys::TOKEN, &mut fields, what, base, problems);
    let organisation = match sentry {
        true => fields.required_text("organisation", "write its slug, as in the address of its pages", problems),
        false => None,
    };
    // Optional: without webhooks the poll alone tells.
    let hook = match sentry {
        true => secrets::read_optional(&mut fields, what, base, problems),
        false => None,
    };
    let mut words = |key: &'static str| {
        let texts = fields.texts(key, problems);
        for (word, place) in &texts {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if word.is_empty() || word.len() > 64 || !word.chars().all(plain) {
                let mend = "write its slug: letters, digits, `-`, `_` and `.`";
                problems.add(*place, format!("`{word}` cannot be one of the {key}"), mend);
            }
        }
        texts.into_iter().map(|(word, _)| word).collect::<Vec<String>>()
    };
    let projects = words("projects");
    let environments = words("environments");
    if sentry && environments.is_empty() {
        let mend = "write the environments that duties watch, such as `environments: [staging, production]`";
        problems.add(fields.place, format!("{what} has no `environments`"), mend);
    }
    let every = duration(&mut fields, "every", EVERIES, problems).unwrap_or(EVERY);
    let max_age = duration(&mut fields, "max_age", MAX_AGES, problems).unwrap_or(MAX_AGE);
    fields.finish(problems);
    let (url, place) = url?;
    let url = tracker_address(&url, place, rules, problems)?;
    let organisation = organisation.map(|(slug, _)| slug).unwrap_or_default();
    Some(TrackerSource { url, organisation, projects, environments, token: token?, hook, every, max_age })
}
