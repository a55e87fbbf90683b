//! Calendars of public holidays: named lists of days that duties and engineers point to.

use super::values;
use crate::files::{Fields, Place, Problems, Value, closest};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Longest span of days under one name.
const MAX_HOLIDAY_DAYS: i32 = 366;

/// The calendars of the roster, by name.
#[derive(Debug, Default)]
pub struct Calendars(BTreeMap<String, BTreeMap<Date, String>>);

/// Reads `calendars`.
pub fn read(fields: &mut Fields<'_>, problems: &mut Problems) -> Calendars {
    let mut calendars = Calendars::default();
    for (name, place, node) in fields.map("calendars", problems) {
        let Some(name) = values::line(name, *place, "the name of a calendar", problems) else { continue };
        let days = match &node.value {
            Value::Map(entries) => holidays(entries, problems),
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
        calendars.0.insert(name, days);
    }
    calendars
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
    pub fn under_key(&self, fields: &mut Fields<'_>, problems: &mut Problems) -> BTreeMap<Date, String> {
        let Some((name, place)) = fields.text("calendar", problems) else { return BTreeMap::new() };
        if let Some(days) = self.0.get(name.trim()) {
            return days.clone();
        }
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let mend = match closest(&name, &names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("list its days below `calendars:`, such as `{name}: {{2026-12-25: Christmas Day}}`"),
        };
        problems.add(place, format!("there is no calendar `{name}`"), mend);
        BTreeMap::new()
    }
}
