//! A question in one line: `engineers=100; split=3; shadow=1h`.

use super::super::fields::{Problem, Problems};
use super::Sweep;
use crate::files::mend_for_unknown;
use crate::ids::{EngineerId, is_plain_id};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// People that are planned at most, so that an answer is there before anybody stops waiting.
pub const MOST_ENGINEERS: usize = 300;
const ENGINEERS: RangeInclusive<usize> = 1..=MOST_ENGINEERS;
const POOLS: RangeInclusive<usize> = 1..=20;
const WEEKS: RangeInclusive<usize> = 4..=52;
const COLD_DAYS: RangeInclusive<usize> = 1..=365;
const SHADOW_MINUTES: RangeInclusive<usize> = 1..=240;
/// Bytes of a question: a whole team may be named in it.
const LONGEST: usize = 10_000;
const KEYS: [&str; 6] = ["engineers", "without", "split", "shadow", "horizon", "cold"];

/// What would be different, and how far is looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// So many engineers take turns, instead of those that there are.
    pub engineers: Option<usize>,
    /// These do not.
    pub without: BTreeSet<EngineerId>,
    /// The duty is divided into so many, each with people of its own.
    pub split: usize,
    /// Whoever serves next is there for the last minutes of the day before; 0 for not at all.
    pub shadow_minutes: usize,
    /// Weeks that are planned.
    pub horizon_weeks: usize,
    /// A turn after more days than this is cold.
    pub cold_days: usize,
}

impl Default for Question {
    fn default() -> Question {
        Question {
            engineers: None,
            without: BTreeSet::new(),
            split: 1,
            shadow_minutes: 0,
            horizon_weeks: 26,
            cold_days: 90,
        }
    }
}

impl Question {
    /// Reads `key=value` pairs between semicolons; what is not said stays as it is.
    ///
    /// # Errors
    /// Everything that cannot be read, each with the pair in which it stands.
    pub fn parse(text: &str) -> Result<Question, Vec<Problem>> {
        let (mut question, mut problems) = (Question::default(), Problems::default());
        if text.len() > LONGEST {
            problems.add("", format!("a question has at most {LONGEST} bytes"));
            return problems.finish(question);
        }
        let mut said = BTreeSet::new();
        for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let place = format!("`{}`", shortened(pair));
            let Some((key, value)) = pair.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
                problems.add(
                    &place,
                    "a key and a value are expected, as in `engineers=30`; a semicolon stands between pairs",
                );
                continue;
            };
            if !KEYS.contains(&key) {
                let all = KEYS.map(|key| format!("`{key}`")).join(", ");
                let mend = mend_for_unknown(key, KEYS);
                let mend = if mend.starts_with("did") {
                    format!("{mend} There are {all}")
                } else {
                    format!("there are {all}")
                };
                problems.add(&place, format!("there is no `{}`; {mend}", shortened(key)));
            } else if !said.insert(key) {
                problems.add(&place, format!("`{key}` is said twice; say it once"));
            } else if let Err(what) = question.set(key, value) {
                problems.add(&place, what);
            }
        }
        problems.finish(question)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "engineers" => self.engineers = Some(number(value, "engineers", ENGINEERS)?),
            "without" => self.without = names(value)?,
            "split" => self.split = number(value, "duties", POOLS)?,
            "shadow" => self.shadow_minutes = minutes(value)?,
            "horizon" => self.horizon_weeks = number(value.strip_suffix('w').unwrap_or(value), "weeks", WEEKS)?,
            _ => self.cold_days = number(value.strip_suffix('d').unwrap_or(value), "days", COLD_DAYS)?,
        }
        Ok(())
    }

    /// Whether other people would serve, or otherwise divided.
    pub fn changes_people(&self) -> bool {
        self.engineers.is_some() || !self.without.is_empty() || self.split > 1
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Question::default();
        let mut said = Vec::new();
        said.extend(self.engineers.map(|number| format!("engineers={number}")));
        if !self.without.is_empty() {
            let names: Vec<&str> = self.without.iter().map(EngineerId::as_str).collect();
            said.push(format!("without={}", names.join(",")));
        }
        if self.split != usual.split {
            said.push(format!("split={}", self.split));
        }
        match (self.shadow_minutes / 60, self.shadow_minutes % 60) {
            (0, 0) => {}
            (hours, 0) => said.push(format!("shadow={hours}h")),
            _ => said.push(format!("shadow={}m", self.shadow_minutes)),
        }
        if self.horizon_weeks != usual.horizon_weeks {
            said.push(format!("horizon={}w", self.horizon_weeks));
        }
        if self.cold_days != usual.cold_days {
            said.push(format!("cold={}", self.cold_days));
        }
        f.write_str(&said.join("; "))
    }
}

impl Sweep {
    /// Reads `engineers=10..60`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Sweep, Problem> {
        let place = format!("`{}`", shortened(text.trim()));
        let wrong = |what: String| Problem { place: place.clone(), what };
        let expected = || wrong("a range of engineers is expected, as in `engineers=10..60`".to_owned());
        let (key, range) = text.split_once('=').ok_or_else(expected)?;
        if key.trim() != "engineers" {
            return Err(expected());
        }
        let (from, to) = range.split_once("..").ok_or_else(expected)?;
        let number = |text: &str| number(text.trim(), "engineers", ENGINEERS).map_err(wrong);
        let (from, to) = (number(from)?, number(to)?);
        if from >= to {
            return Err(wrong("a range begins with the smaller number, as in `engineers=10..60`".to_owned()));
        }
        Ok(Sweep { from, to })
    }
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "engineers={}..{}", self.from, self.to)
    }
}

fn number(text: &str, what: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && range.contains(number));
    number.ok_or_else(|| format!("a number of {what} from {} to {} is expected", range.start(), range.end()))
}

fn minutes(text: &str) -> Result<usize, String> {
    let (number, factor) = match (text.strip_suffix('h'), text.strip_suffix('m')) {
        (Some(hours), _) => (hours, 60),
        (_, Some(minutes)) => (minutes, 1),
        _ => ("", 1),
    };
    let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let minutes = number.parse().ok().filter(|_| is_plain).and_then(|number: usize| number.checked_mul(factor));
    minutes
        .filter(|minutes| SHADOW_MINUTES.contains(minutes))
        .ok_or_else(|| format!("a time such as `1h` or `30m` is expected, at most `{}h`", SHADOW_MINUTES.end() / 60))
}

fn names(text: &str) -> Result<BTreeSet<EngineerId>, String> {
    let names: BTreeSet<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    match names.iter().find(|name| !is_plain_id(name)) {
        Some(name) => {
            Err(format!("`{}` is no engineer of a roster; name them as in `without=lena,omar`", shortened(name)))
        }
        None if names.is_empty() => Err("engineers are expected, as in `without=lena,omar`".to_owned()),
        None => Ok(names.into_iter().map(EngineerId::from).collect()),
    }
}

/// As much of what was typed as finds it again.
fn shortened(text: &str) -> String {
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}
