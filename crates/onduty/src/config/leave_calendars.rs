//! `leave_calendars:` calendars that tell who is away.

use super::secrets::{self, Keys};
use super::values::{duration, tracker_address};
use super::{EgressRules, LeaveCalendar};
use crate::egress::Url;
use onduty_core::files::{Fields, Node, Place, Problems, Value};
use onduty_core::ids::{EngineerId, is_plain_id};
use onduty_core::leave_calendar::Reading;
use onduty_core::roster::LeaveKind;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How often a calendar is read, unless said otherwise: most of them are written anew a few times a day.
const EVERY: Duration = Duration::from_secs(30 * 60);
/// Bounds of `every`.
const EVERIES: (Duration, Duration) = (Duration::from_secs(5 * 60), Duration::from_secs(86_400));
/// Calendars of one instance: one for everybody of a large team.
const MOST: usize = 500;
/// Words of a list, and letters of a word.
const WORDS: (usize, usize) = (50, 60);
/// What makes a leave other than planned where a calendar does not say it.
const KINDS: [(LeaveKind, &[&str]); 2] = [
    (LeaveKind::Sick, &["sick", "krank", "malad", "ziek", "enfermedad"]),
    (LeaveKind::Long, &["parental", "maternity", "paternity", "sabbatical", "elternzeit", "mutterschutz"]),
];

/// Reads the map under `leave_calendars`.
pub fn read(
    entries: &[(String, Place, Node)],
    base: &Path,
    problems: &mut Problems,
) -> BTreeMap<String, LeaveCalendar> {
    let mut calendars = BTreeMap::new();
    for (name, place, node) in entries {
        if !is_plain_id(name) {
            let mend = "use lower-case letters, digits, `-`, `_` and `.`, at most 64";
            problems.add(*place, format!("`{name}` cannot be the name of a calendar"), mend);
        }
        if let Some(calendar) = calendar(node, base, problems) {
            calendars.insert(name.clone(), calendar);
        }
    }
    if let Some((_, place, _)) = entries.get(MOST) {
        problems.add(*place, format!("more than {MOST} calendars"), "read one of the team in place of many");
    }
    calendars
}

fn calendar(node: &Node, base: &Path, problems: &mut Problems) -> Option<LeaveCalendar> {
    let mut fields = Fields::of(node, "a leave calendar", problems)?;
    let address = secrets::read_as(Keys::CALENDAR, &mut fields, "a leave calendar", base, problems);
    let every = duration(&mut fields, "every", EVERIES, problems).unwrap_or(EVERY);
    let engineer = fields.text("engineer", problems).map(|(name, _)| EngineerId::new(name));
    let mut kinds = Vec::new();
    let given = fields.map("kinds", problems);
    for (kind, place, node) in given {
        match LeaveKind::of(kind) {
            Some(kind) => kinds.push((kind, words(node, problems))),
            None => {
                problems.add(*place, format!("there is no kind of leave `{kind}`"), "use `planned`, `long` or `sick`")
            }
        }
    }
    if given.is_empty() {
        kinds = KINDS.map(|(kind, words)| (kind, words.iter().map(|word| (*word).to_owned()).collect())).to_vec();
    }
    let mut list = |key| fields.node(key).map(|node| words(node, problems)).unwrap_or_default();
    let (only, ignore) = (list("only"), list("ignore"));
    let strangers = fields.boolean("strangers", problems).unwrap_or(false);
    if strangers && engineer.is_some() {
        let place = fields.place_of("strangers");
        problems.add(place, "a calendar of one engineer has no strangers", "remove `strangers`, or `engineer`");
    }
    fields.finish(problems);
    Some(LeaveCalendar { address: address?, every, reading: Reading { engineer, kinds, only, ignore, strangers } })
}

/// Words, or one.
fn words(node: &Node, problems: &mut Problems) -> Vec<String> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut words = Vec::new();
    for node in nodes {
        match &node.value {
            Value::Text(word) if word.chars().any(char::is_alphanumeric) && word.chars().count() <= WORDS.1 => {
                words.push(word.clone());
            }
            _ => {
                let mend = format!("write a word of its title, or some, at most {} letters", WORDS.1);
                problems.add(node.place, "this says nothing about an event", mend);
            }
        }
    }
    if words.len() > WORDS.0 {
        problems.add(node.place, format!("more than {} words", WORDS.0), "write the beginnings of words");
    }
    words
}

/// The address that `secret` is. What is wrong with it does not repeat it.
pub fn address(secret: &SecretString, rules: &EgressRules) -> Result<Url, String> {
    let text = secret.expose_secret().trim();
    // What programs offer for subscribing is https under another name.
    let text = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("webcal") => format!("https://{rest}"),
        _ => text.to_owned(),
    };
    let mut problems = Problems::new("");
    let known = tracker_address(&text, Place { line: 1, column: 1 }, rules, &mut problems);
    let wrong = problems.into_sorted().into_iter().next();
    known.and_then(|text| Url::parse(&text).ok()).ok_or_else(|| {
        let (what, mend) = wrong.map_or_else(Default::default, |problem| (problem.what, problem.mend));
        format!("its address cannot be asked: {what}; {mend}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn problems(text: &str) -> Vec<String> {
        let found = Config::parse("onduty.yml", text, Path::new("")).err().unwrap_or_default();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_calendar_says_how_it_is_to_be_understood() {
        let text = "leave_calendars:\n  hr: {url_env: HR, every: 1h, kinds: {sick: krank}, only: [urlaub, krank], ignore: home office, strangers: true}\n  lena: {url_file: lena.txt, engineer: lena}\n";
        let config = Config::parse("onduty.yml", text, Path::new("/srv")).unwrap();
        let hr = &config.leave_calendars["hr"];
        assert_eq!((hr.every.as_secs(), hr.reading.strangers, hr.reading.engineer.is_none()), (3_600, true, true));
        assert_eq!(hr.reading.kinds, [(LeaveKind::Sick, vec!["krank".to_owned()])]);
        assert_eq!((hr.reading.only.len(), hr.reading.ignore.len()), (2, 1));
        let lena = &config.leave_calendars["lena"];
        assert_eq!((lena.every, lena.reading.engineer.as_ref().map(EngineerId::as_str)), (EVERY, Some("lena")));
        assert_eq!(lena.reading.kinds.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let text = "leave_calendars:\n  HR: {every: 1s, kinds: {moon: [x]}, only: ['-'], url: 'https://a.example/secret'}\n  lena: {url_env: A, engineer: lena, strangers: true}\n";
        assert_eq!(
            problems(text),
            [
                "onduty.yml:2:3: `HR` cannot be the name of a calendar; use lower-case letters, digits, `-`, `_` and `.`, at most 64",
                "onduty.yml:2:7: a leave calendar has no address; name a variable of the environment, such as `url_env: ONDUTY_HR_CALENDAR`, or a file with `url_file`",
                "onduty.yml:2:15: `1s` is too short; write a duration from 5m to 1d",
                "onduty.yml:2:27: there is no kind of leave `moon`; use `planned`, `long` or `sick`",
                "onduty.yml:2:47: this says nothing about an event; write a word of its title, or some, at most 60 letters",
                "onduty.yml:2:52: a leave calendar has no key `url`; use one of `url_env`, `url_file`, `every`, `engineer`, `kinds`, `only`, `ignore`, `strangers`",
                "onduty.yml:3:38: a calendar of one engineer has no strangers; remove `strangers`, or `engineer`",
            ]
        );
    }

    #[test]
    fn an_address_is_asked_safely_and_never_repeated() {
        let rules = EgressRules { networks: Vec::new(), hosts: vec!["hr.internal".to_owned()] };
        for (text, expected) in [
            ("https://hr.example/feed?secret=1", Ok("https://hr.example/feed?secret=1")),
            ("webcal://hr.example/secret", Ok("https://hr.example/secret")),
            (" http://127.0.0.1:9/secret\n", Ok("http://127.0.0.1:9/secret")),
            ("http://hr.internal/secret", Ok("http://hr.internal/secret")),
            (
                "http://hr.example/secret",
                Err(
                    "`http` to another machine can be read on the way; use https, or name it in `egress: {allow: …}` when it is inside",
                ),
            ),
            (
                "https://me:secret@hr.example/",
                Err("the address holds a name or password; take it out: addresses are shown and logged"),
            ),
            (
                "secret secret secret",
                Err("this is not a web address; write an address such as https://tracker.example/assignments"),
            ),
            (
                "file:///etc/secret",
                Err("`file` is not spoken here; write an address such as https://tracker.example/assignments"),
            ),
        ] {
            let found = address(&SecretString::from(text.to_owned()), &rules);
            let found = found
                .as_ref()
                .map(Url::as_str)
                .map_err(|why| why.strip_prefix("its address cannot be asked: ").unwrap());
            assert_eq!(found, expected, "{text}");
        }
    }
}
