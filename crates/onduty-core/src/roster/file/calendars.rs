//! Calendars of public holidays: named lists of days that duties and engineers point to.

use super::values;
use crate::files::{Fields, Node, Place, Problems, Value, closest};
use crate::roster::holidays::{HolidayFiles, Holidays};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest span of days under one name.
const MAX_HOLIDAY_DAYS: i32 = 366;

/// The key of a calendar under which files are named; all others are days.
const FILE: &str = "file";
/// Files of all calendars.
const MAX_FILES: usize = 100;

/// The calendars of the roster, by name.
#[derive(Debug, Default)]
pub struct Calendars(BTreeMap<String, Arc<Holidays>>);

/// Reads `calendars`.
pub fn read(fields: &mut Fields<'_>, files: &HolidayFiles, problems: &mut Problems) -> Calendars {
    let mut calendars = Calendars::default();
    for (name, place, node) in fields.map("calendars", problems) {
        let Some(name) = values::line(name, *place, "the name of a calendar", problems) else { continue };
        let days = match &node.value {
            Value::Map(entries) => with_files(entries, files, problems),
            Value::Null => BTreeMap::new(),
            other => {
                problems.add(
                    node.place,
                    format!("a calendar should be a map of days, but is {}", other.kind()),
                    "write one `2026-12-25: Christmas Day` a line",
                );
                continue;
            }
        };
        calendars.0.insert(name, Arc::new(days));
    }
    calendars
}

/// The files that the calendars name, each with its place.
pub fn files(fields: &mut Fields<'_>, problems: &mut Problems) -> Vec<(String, Place)> {
    let mut files = Vec::new();
    for (_, _, node) in fields.map("calendars", problems) {
        let Value::Map(entries) = &node.value else { continue };
        files.extend(entries.iter().filter(|(key, ..)| key == FILE).flat_map(|(.., node)| named(node, problems)));
    }
    files
}

/// Days of files, and days that are written out, which count before them.
fn with_files(entries: &[(String, Place, Node)], files: &HolidayFiles, problems: &mut Problems) -> Holidays {
    let (named_files, written): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(|(key, ..)| key == FILE);
    let mut days = Holidays::new();
    for (.., node) in named_files {
        let named = named(&node, problems);
        if let Some((_, place)) = named.get(MAX_FILES) {
            problems.add(*place, format!("more than {MAX_FILES} files"), "put them together into one");
        }
        for (path, _) in named {
            for (day, name) in files.get(&path).into_iter().flatten() {
                days.entry(*day).or_insert_with(|| name.clone());
            }
        }
    }
    days.extend(holidays(&written, problems));
    days
}

/// The paths under `file`: one, or a list. Only below the roster's folder, so that a roster cannot be made to show other files.
fn named(node: &Node, problems: &mut Problems) -> Vec<(String, Place)> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut files = Vec::new();
    for node in nodes {
        match &node.value {
            Value::Text(path) if is_below(path) => files.push((path.clone(), node.place)),
            _ => problems.add(
                node.place,
                "this is not a calendar file beside the roster",
                "write a path below its folder, such as `file: holidays/fr.ics`",
            ),
        }
    }
    files
}

fn is_below(path: &str) -> bool {
    let mut parts = path.split(['/', '\\']);
    path.ends_with(".ics") && !path.contains([':', '\0']) && parts.all(|part| !part.is_empty() && part != "..")
}

/// Named days, each with its name: `2026-12-25: Christmas Day`.
pub fn holidays(entries: &[(String, Place, crate::files::Node)], problems: &mut Problems) -> BTreeMap<Date, String> {
    let mut holidays = BTreeMap::new();
    for (days, place, node) in entries {
        let name = match &node.value {
            Value::Null => Some("holiday".to_owned()),
            Value::Text(text) => values::line(text, node.place, "the name of a holiday", problems),
            other => {
                problems.add(
                    node.place,
                    format!("the name of a holiday should be a text, but is {}", other.kind()),
                    "write `2026-12-25: Christmas Day`",
                );
                None
            }
        };
        let (Some((from, to)), Some(name)) = (values::days(days, *place, problems), name) else { continue };
        if (to - from).get_days() >= MAX_HOLIDAY_DAYS {
            problems.add(
                *place,
                "a holiday of more than a year",
                "check the years; a duty that ended is removed instead",
            );
            continue;
        }
        for day in from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to) {
            holidays.insert(day, name.clone());
        }
    }
    holidays
}

impl Calendars {
    /// The days of the calendar that `calendar` names, nothing where the key is missing.
    pub fn under_key(&self, fields: &mut Fields<'_>, problems: &mut Problems) -> Arc<Holidays> {
        let Some((name, place)) = fields.text("calendar", problems) else { return Arc::default() };
        if let Some(days) = self.0.get(name.trim()) {
            return days.clone();
        }
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let mend = match closest(&name, &names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("list its days below `calendars:`, such as `{name}: {{2026-12-25: Christmas Day}}`"),
        };
        problems.add(place, format!("there is no calendar `{name}`"), mend);
        Arc::default()
    }
}
