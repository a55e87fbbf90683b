//! One duty of `roster.yml`.

use super::calendars::{Calendars, holidays};
use super::{DEFAULT_SINCE, values};
use crate::files::{Fields, Node, Place, Problems, Value, closest};
use crate::ids::{DutyId, EngineerId, Environment, is_plain_id};
use crate::roster::{Absence, Duty, Engineer, Gaps, Watches, Weekdays};
use jiff::civil::{Date, Time, Weekday, time};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// The working day of a duty that does not say `hours`.
const DEFAULT_HOURS: (Time, Time) = (time(9, 0, 0, 0), time(18, 0, 0, 0));
/// Longest distance of turns that may be asked for, in days.
const MAX_GAP: i64 = 366;

/// Days after which a turn is cold where the roster does not say so.
const DEFAULT_COLD_AFTER: i32 = 90;

/// Who the duties may speak of.
pub struct Known<'a> {
    /// By id.
    pub engineers: &'a BTreeMap<EngineerId, Engineer>,
    /// In the order of the file.
    pub in_file_order: &'a [EngineerId],
    /// By name.
    pub calendars: &'a Calendars,
}

/// Reads the duty called `key`, and the places at which it names others for a handshake.
pub fn read(
    key: &str,
    place: Place,
    node: &Node,
    known: &Known<'_>,
    problems: &mut Problems,
) -> Option<(Duty, Vec<Named>)> {
    let plain = is_plain_id(key);
    if !plain {
        problems.add(
            place,
            format!("`{key}` cannot be the short name of a duty"),
            "use lower-case letters, digits, `-`, `_` and `.`, at most 64",
        );
    }
    let mut fields = Fields::of(node, "a duty", problems)?;
    let name = fields.text("name", problems).and_then(|(text, place)| values::line(&text, place, "a name", problems));
    let requires =
        fields.text("requires", problems).and_then(|(text, place)| values::line(&text, place, "a skill", problems));
    let members = members(&mut fields, key, requires.as_deref(), known, problems);
    let zone = zone(&mut fields, problems);
    let hours = fields.text("hours", problems).and_then(|(text, place)| values::hours(&text, place, problems));
    let (starts, ends) = hours.unwrap_or(DEFAULT_HOURS);
    let working_days = working_days(&mut fields, key, problems);
    let mut closed = (*known.calendars.under_key(&mut fields, problems)).clone();
    closed.extend(holidays(fields.map("holidays", problems), problems));
    let gaps = gaps(&mut fields, problems);
    let agrees_to_swaps = fields.boolean("agree_to_swaps", problems).unwrap_or(false);
    let since = values::day_under(&mut fields, "since", problems).unwrap_or(DEFAULT_SINCE);
    let overrides = fields.map("overrides", problems);
    let cold_after = fields.number("cold_after", 1, MAX_GAP * 2, problems).and_then(|days| i32::try_from(days).ok());
    let shadow_shifts = fields.number("shadow_shifts", 0, 10, problems).and_then(|shifts| u8::try_from(shifts).ok());
    let handshake = fields.texts("handshake", problems);
    let watches = fields.node("watches").and_then(|node| watches(node, problems)).unwrap_or_default();
    fields.finish(problems);

    let mut duty = Duty {
        id: DutyId::new(key),
        name: name.unwrap_or_else(|| key.to_owned()),
        members,
        zone: zone.unwrap_or(TimeZone::UTC),
        starts,
        ends,
        working_days,
        holidays: closed,
        since,
        overrides: BTreeMap::new(),
        requires,
        gaps,
        agrees_to_swaps,
        cold_after: cold_after.unwrap_or(DEFAULT_COLD_AFTER),
        shadow_shifts: shadow_shifts.unwrap_or(1),
        handshakes: Vec::new(),
        watches,
    };
    for (day, place, node) in overrides {
        if let Some((day, engineer)) = read_override(&duty, day, *place, node, known, problems) {
            duty.overrides.insert(day, engineer);
        }
    }
    plain.then_some((duty, handshake))
}

/// A duty that another one names, and where.
pub type Named = (String, Place);

/// Lets the duties that are named shake hands, each with the other.
pub fn shake_hands(duties: &mut [(Duty, Vec<Named>)], problems: &mut Problems) {
    let ids: Vec<DutyId> = duties.iter().map(|(duty, _)| duty.id.clone()).collect();
    let names: Vec<&str> = ids.iter().map(DutyId::as_str).collect();
    let mut pairs = Vec::new();
    for ((_, named), one) in duties.iter().zip(&ids) {
        for (name, place) in named {
            match ids.iter().find(|id| id.as_str() == name) {
                Some(other) if other == one => {
                    problems.add(*place, format!("`{one}` shakes hands with itself"), "name the other duty");
                }
                Some(other) => pairs.push((one.clone(), other.clone())),
                None => {
                    let mend = match closest(name, &names) {
                        Some(known) => format!("did you mean `{known}`?"),
                        None => "name a duty of this roster".to_owned(),
                    };
                    problems.add(*place, format!("there is no duty `{name}`"), mend);
                }
            }
        }
    }
    for (duty, _) in duties {
        let others = pairs.iter().filter_map(|(one, other)| match &duty.id {
            id if id == one => Some(other),
            id if id == other => Some(one),
            _ => None,
        });
        let others: BTreeSet<&DutyId> = others.collect();
        duty.handshakes = ids.iter().filter(|id| others.contains(id)).cloned().collect();
    }
}

fn gaps(fields: &mut Fields<'_>, problems: &mut Problems) -> Gaps {
    let mut days = |key| fields.number(key, 1, MAX_GAP, problems).and_then(|days| u16::try_from(days).ok());
    let gaps = Gaps { least: days("gap"), wanted: days("wanted_gap") };
    if let (Some(least), Some(wanted)) = (gaps.least, gaps.wanted)
        && wanted < least
    {
        let place = fields.place_of("wanted_gap");
        problems.add(
            place,
            format!("turns had better be {wanted} days apart and must be {least}"),
            "`wanted_gap` is at least `gap`",
        );
    }
    gaps
}

/// Who takes turns; with a skill that is required, `all` is everybody who has it.
fn members(
    fields: &mut Fields<'_>,
    duty: &str,
    requires: Option<&str>,
    known: &Known<'_>,
    problems: &mut Problems,
) -> Vec<EngineerId> {
    let is_able = |id: &EngineerId| {
        requires.is_none_or(|skill| known.engineers.get(id).is_some_and(|engineer| engineer.skills.contains(skill)))
    };
    let nodes = fields.list("members");
    if let [Node { value: Value::Text(text), .. }] = nodes
        && text == "all"
    {
        let able: Vec<EngineerId> = known.in_file_order.iter().filter(|id| is_able(id)).cloned().collect();
        if let (true, Some(skill)) = (able.is_empty() && !known.engineers.is_empty(), requires) {
            let place = fields.place_of("requires");
            let what = format!("nobody has the skill `{skill}` that `{duty}` requires");
            problems.add(place, what, "write it below `skills` of those who have it");
        }
        return able;
    }
    if nodes.is_empty() {
        let place = fields.place_of("members");
        problems.add(
            place,
            format!("nobody takes turns in `{duty}`"),
            "write `members: all`, or list their short names",
        );
    }
    let mut members: Vec<EngineerId> = Vec::new();
    for node in nodes {
        match known.engineer(node, problems) {
            Some(engineer) if members.contains(&engineer.id) => problems.add(
                node.place,
                format!("`{}` is listed twice", engineer.id),
                "keep one; the place in the list is the first turn",
            ),
            Some(engineer) if !is_able(&engineer.id) => problems.add(
                node.place,
                format!("`{}` does not have the skill `{}`", engineer.id, requires.unwrap_or_default()),
                format!("write it below `skills` of `{}`, or leave them out", engineer.id),
            ),
            Some(engineer) => members.push(engineer.id.clone()),
            None => {}
        }
    }
    members
}

impl Known<'_> {
    fn engineer(&self, node: &Node, problems: &mut Problems) -> Option<&Engineer> {
        let Value::Text(id) = &node.value else {
            let what = format!("an engineer should be named here, but this is {}", node.value.kind());
            problems.add(node.place, what, "write a short name of the roster");
            return None;
        };
        let found = self.engineers.get(id.as_str());
        if found.is_none() {
            let ids: Vec<&str> = self.in_file_order.iter().map(EngineerId::as_str).collect();
            let mend = match closest(id, &ids) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("add `{id}` below `engineers:`"),
            };
            problems.add(node.place, format!("`{id}` is not on the roster"), mend);
        }
        found
    }
}

fn zone(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<TimeZone> {
    let mend = "say where its day is, such as `zone: Europe/Berlin`";
    let (text, place) = fields.required_text("zone", mend, problems)?;
    let zone = TimeZone::get(&text).ok();
    if zone.is_none() {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mend = match closest(&text, &names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "use a name of the time zone database, such as `Europe/Berlin` or `UTC`".to_owned(),
        };
        problems.add(place, format!("there is no time zone `{text}`"), mend);
    }
    zone
}

fn working_days(fields: &mut Fields<'_>, duty: &str, problems: &mut Problems) -> Weekdays {
    let week = Weekday::Monday.cycle_forward();
    if !fields.has("days") {
        fields.node("days");
        return week.take(5).collect();
    }
    let texts = fields.texts("days", problems);
    if texts.is_empty() {
        let place = fields.place_of("days");
        problems.add(place, format!("`{duty}` serves on no day"), "write for example `days: mon-fri`");
    }
    let days: Weekdays = values::weekdays(&texts, problems).into_iter().collect();
    // After a mistake here nothing else is wrong because of it.
    if days.is_empty() { week.take(7).collect() } else { days }
}

fn read_override(
    duty: &Duty,
    day: &str,
    place: Place,
    node: &Node,
    known: &Known<'_>,
    problems: &mut Problems,
) -> Option<(Date, EngineerId)> {
    let day = values::day(day, place, problems);
    let engineer = known.engineer(node, problems)?;
    let day = day?;
    if !duty.serves(day) {
        let why = match duty.holidays.get(&day) {
            Some(name) => format!("it is {name}"),
            None => format!("it is a {:?}", day.weekday()),
        };
        problems.add(place, format!("nobody serves `{}` on {day}: {why}", duty.id), "remove the override, or move it");
    }
    if let Some(absence) = engineer.absence_on(day) {
        let id = &engineer.id;
        let why = match absence {
            Absence::NotJoined => "has not joined".to_owned(),
            Absence::Left => "has left".to_owned(),
            Absence::Leave { until } => format!("is on leave until {until}"),
            Absence::Holiday => "has a public holiday".to_owned(),
            Absence::DayOff => format!("does not work on {:?}s", day.weekday()),
        };
        problems.add(node.place, format!("`{id}` cannot serve on {day}: {id} {why}"), "name somebody else");
    }
    Some((day, engineer.id.clone()))
}

fn watches(node: &Node, problems: &mut Problems) -> Option<Watches> {
    let mut fields = Fields::of(node, "what a duty watches", problems)?;
    let repositories = lines(&mut fields, "repositories", "a repository", problems);
    let branch =
        fields.text("branch", problems).and_then(|(text, place)| values::line(&text, place, "a branch", problems));
    let projects = lines(&mut fields, "projects", "a project", problems);
    let environments = lines(&mut fields, "environments", "an environment", problems);
    let (blocking_checks, informing_checks) =
        fields.node("checks").and_then(|node| checks(node, problems)).unwrap_or_default();
    fields.finish(problems);
    let environments = environments.into_iter().map(Environment::new).collect();
    Some(Watches { repositories, branch, blocking_checks, informing_checks, projects, environments })
}

fn checks(node: &Node, problems: &mut Problems) -> Option<(Vec<String>, Vec<String>)> {
    let mut fields = Fields::of(node, "`checks`", problems)?;
    let blocking = lines(&mut fields, "blocking", "a check", problems);
    let place = fields.place_of("informing");
    let informing = lines(&mut fields, "informing", "a check", problems);
    fields.finish(problems);
    for check in informing.iter().filter(|check| blocking.contains(check)) {
        problems.add(place, format!("`{check}` both blocks and informs"), "keep it in one of the two lists");
    }
    Some((blocking, informing))
}

fn lines(fields: &mut Fields<'_>, key: &'static str, what: &str, problems: &mut Problems) -> Vec<String> {
    let texts = fields.texts(key, problems);
    texts.into_iter().filter_map(|(text, place)| values::line(&text, place, what, problems)).collect()
}
