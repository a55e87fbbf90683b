//! JSON objects read field by field, so that every problem names its place.

use super::day::Day;
use crate::files::mend_for_unknown;
use serde_json::{Map, Value};
use std::fmt;

/// Problems beyond these are counted, not kept: a file of the wrong kind would have one for each of its lines.
const KEPT: usize = 50;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// As in `people[3] (zoe).leave[0].from`.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.place, self.what) }
    }
}

/// Collects problems.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(super) fn add(&mut self, place: &str, what: impl Into<String>) {
        if self.kept.len() < KEPT {
            self.kept.push(Problem { place: place.to_owned(), what: what.into() });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn finish<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        if self.kept.is_empty() {
            return Ok(value);
        }
        if self.more > 0 {
            self.kept
                .push(Problem { place: String::new(), what: format!("{} more problems are not listed", self.more) });
        }
        Err(self.kept)
    }
}

/// One JSON object and where it stands.
pub(super) struct Fields<'a> {
    map: Option<&'a Map<String, Value>>,
    pub(super) place: String,
}

impl<'a> Fields<'a> {
    /// An object that has no other fields than `known`.
    pub(super) fn new(value: &'a Value, place: String, known: &[&str], problems: &mut Problems) -> Fields<'a> {
        let map = value.as_object();
        match map {
            None => problems.add(&place, format!("an object is expected, not {}", short(value))),
            Some(map) => {
                for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
                    let mend = mend_for_unknown(key, known.iter().copied());
                    problems.add(&join(&place, key), format!("is not a field that is known here; {mend}"));
                }
            }
        }
        Fields { map, place }
    }

    /// Where a field stands.
    pub(super) fn at(&self, key: &str) -> String {
        join(&self.place, key)
    }

    /// A field that may be left out.
    pub(super) fn maybe(&self, key: &str) -> Option<&'a Value> {
        self.map.and_then(|map| map.get(key))
    }

    /// A field that must be there.
    pub(super) fn get(&self, key: &str, problems: &mut Problems) -> Option<&'a Value> {
        let found = self.maybe(key);
        if found.is_none() && self.map.is_some() {
            problems.add(&self.at(key), "is missing");
        }
        found
    }

    pub(super) fn text(&self, key: &str, problems: &mut Problems) -> String {
        let Some(value) = self.get(key, problems) else { return String::new() };
        text(value, &self.at(key), problems)
    }

    pub(super) fn maybe_text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let value = self.get(key, problems).filter(|value| !value.is_null())?;
        Some(text(value, &self.at(key), problems))
    }

    pub(super) fn day(&self, key: &str, problems: &mut Problems) -> Day {
        self.get(key, problems).map_or(Day(0), |value| day(value, &self.at(key), problems))
    }

    pub(super) fn flag(&self, key: &str, problems: &mut Problems) -> bool {
        let Some(value) = self.get(key, problems) else { return false };
        value.as_bool().unwrap_or_else(|| {
            problems.add(&self.at(key), format!("true or false is expected, not {}", short(value)));
            false
        })
    }

    /// A whole number from 0 to `most`.
    pub(super) fn number(&self, key: &str, most: i64, problems: &mut Problems) -> i64 {
        self.get(key, problems).map_or(0, |value| number(value, 0, most, &self.at(key), problems))
    }

    /// The elements of a list, with their places; a list that is too long has none.
    pub(super) fn list(&self, key: &str, most: usize, problems: &mut Problems) -> Vec<(String, &'a Value)> {
        self.get(key, problems).map_or_else(Vec::new, |value| list(value, &self.at(key), most, problems))
    }

    /// The members of an object, with their places.
    pub(super) fn object(&self, key: &str, problems: &mut Problems) -> Vec<(String, &'a String, &'a Value)> {
        let Some(value) = self.get(key, problems) else { return Vec::new() };
        let at = self.at(key);
        match value.as_object() {
            Some(map) => map.iter().map(|(name, value)| (join(&at, name), name, value)).collect(),
            None => {
                problems.add(&at, format!("an object is expected, not {}", short(value)));
                Vec::new()
            }
        }
    }

    /// Days of the week, 1 to 7; `[1]` is Monday.
    pub(super) fn weekdays(&self, key: &str, problems: &mut Problems) -> [bool; 8] {
        let mut days = [false; 8];
        for (at, value) in self.list(key, 64, problems) {
            match value.as_u64().and_then(|day| usize::try_from(day).ok()).filter(|day| (1..=7).contains(day)) {
                Some(day) => days[day] = true,
                None => problems
                    .add(&at, format!("a day of the week is a number from 1 (Monday) to 7, not {}", short(value))),
            }
        }
        days
    }
}

pub(super) fn list<'a>(value: &'a Value, at: &str, most: usize, problems: &mut Problems) -> Vec<(String, &'a Value)> {
    match value.as_array() {
        Some(all) if all.len() > most => {
            problems.add(at, format!("has {} entries, where at most {most} are read", all.len()));
            Vec::new()
        }
        Some(all) => all.iter().enumerate().map(|(n, value)| (format!("{at}[{n}]"), value)).collect(),
        None => {
            problems.add(at, format!("a list is expected, not {}", short(value)));
            Vec::new()
        }
    }
}

pub(super) fn text(value: &Value, at: &str, problems: &mut Problems) -> String {
    value.as_str().map_or_else(
        || {
            problems.add(at, format!("text is expected, not {}", short(value)));
            String::new()
        },
        str::to_owned,
    )
}

pub(super) fn day(value: &Value, at: &str, problems: &mut Problems) -> Day {
    value.as_str().and_then(Day::parse).unwrap_or_else(|| {
        problems.add(at, format!("a date such as 2026-03-02 is expected, not {}", short(value)));
        Day(0)
    })
}

pub(super) fn number(value: &Value, least: i64, most: i64, at: &str, problems: &mut Problems) -> i64 {
    value.as_i64().filter(|number| (least..=most).contains(number)).unwrap_or_else(|| {
        problems.add(at, format!("a whole number from {least} to {most} is expected, not {}", short(value)));
        0
    })
}

/// A value as it may stand in a sentence.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => {
            let text = other.to_string();
            let cut: String = text.chars().take(60).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { cut }
        }
    }
}

fn join(place: &str, key: &str) -> String {
    let key: String = key.chars().take(80).collect();
    if place.is_empty() { key } else { format!("{place}.{key}") }
}
