//! `roster.yml`: text in, a roster or every problem out.
//!
//! Called by the server when the file changes and by replay. Never touches the disk and never asks for the time: what the calendar files
//! that it names say is handed in.

mod calendars;
mod duty;
mod engineer;
mod values;

use super::Roster;
use super::holidays::HolidayFiles;
use crate::files::{self, Fields, Place, Problem, Problems};
use jiff::civil::{Date, date};
use std::collections::BTreeMap;

/// First day of a rotation whose duty does not say `since`: a Monday, and the same for everybody, because the plan
/// must not depend on the day on which the file is read.
pub const DEFAULT_SINCE: Date = date(2026, 1, 5);

/// Reads `roster.yml`, without the calendar files that it names.
///
/// # Errors
/// Every problem of the file, in the order of their places.
pub fn parse(file_name: &str, text: &str) -> Result<Roster, Vec<Problem>> {
    parse_with(file_name, text, &HolidayFiles::new())
}

/// Reads `roster.yml` with what the calendar files say that it names.
///
/// # Errors
/// Every problem of the file, in the order of their places.
pub fn parse_with(file_name: &str, text: &str, files: &HolidayFiles) -> Result<Roster, Vec<Problem>> {
    let mut problems = Problems::new(file_name);
    let roster = read(text, files, &mut problems);
    match roster {
        Some(roster) if problems.is_empty() => Ok(roster),
        _ => Err(problems.into_sorted()),
    }
}

/// The calendar files that a roster names, each with its place; what is wrong with the roster is for [`parse_with`] to say.
pub fn calendar_files(text: &str) -> Vec<(String, Place)> {
    let mut ignored = Problems::new("");
    let Some(root) = files::parse(text, &mut ignored) else { return Vec::new() };
    let fields = Fields::of(&root, "the roster", &mut ignored);
    fields.map(|mut fields| calendars::files(&mut fields, &mut ignored)).unwrap_or_default()
}

fn read(text: &str, files: &HolidayFiles, problems: &mut Problems) -> Option<Roster> {
    let root = files::parse(text, problems)?;
    let mut fields = Fields::of(&root, "the roster", problems)?;
    let calendars = calendars::read(&mut fields, files, problems);
    let people = fields.map("engineers", problems);
    let duties = fields.map("duties", problems);
    if people.is_empty() {
        let place = fields.place_of("engineers");
        problems.add(
            place,
            "nobody is on the roster",
            "list people below `engineers:`, such as `lena: {name: Lena Vogt}`",
        );
    }
    if duties.is_empty() {
        let place = fields.place_of("duties");
        problems.add(
            place,
            "there is no duty",
            "describe one below `duties:`, such as `developers:` with its `members`",
        );
    }
    fields.finish(problems);

    let mut engineers = BTreeMap::new();
    let mut in_file_order = Vec::new();
    let mut seen = engineer::Seen::default();
    for (key, place, node) in people {
        if let Some(engineer) = engineer::read(key, *place, node, &calendars, &mut seen, problems) {
            in_file_order.push(engineer.id.clone());
            engineers.insert(engineer.id.clone(), engineer);
        }
    }
    engineer::check_successors(&seen.successors, &engineers, problems);
    let known = duty::Known { engineers: &engineers, in_file_order: &in_file_order, calendars: &calendars };
    let read = duties.iter().filter_map(|(key, place, node)| duty::read(key, *place, node, &known, problems));
    let mut duties: Vec<_> = read.collect();
    duty::shake_hands(&mut duties, problems);
    let duties = duties.into_iter().map(|(duty, _)| duty).collect();
    Some(Roster { engineers, duties })
}

#[cfg(test)]
mod tests;
