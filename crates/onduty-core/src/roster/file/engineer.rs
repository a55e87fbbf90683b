//! One engineer of `roster.yml`.

use super::calendars::Calendars;
use super::values;
use crate::files::{Fields, Node, Place, Problems, Value};
use crate::ids::{EngineerId, MACHINE, is_plain_id};
use crate::roster::{Avoid, Engineer, Leave, LeaveKind};
use std::collections::BTreeMap;

/// The share of whoever does not say one, in percent.
const FULL_SHARE: u8 = 100;
/// Longest stretch of days that somebody would rather not serve.
const MAX_AVOIDED: i32 = 366;

/// E-mails and logins seen so far, in lower case, with the engineer who has them: one address is one person.
#[derive(Debug, Default)]
pub struct Handles(BTreeMap<String, String>);

/// Who takes over from whom, with the place where it is said.
pub type Successors = Vec<(EngineerId, EngineerId, Place)>;

/// What the engineers before said that concerns those after.
#[derive(Debug, Default)]
pub struct Seen {
    handles: Handles,
    /// Who takes over from whom.
    pub successors: Successors,
}

/// Reads the engineer called `key`.
pub fn read(
    key: &str,
    place: Place,
    node: &Node,
    calendars: &Calendars,
    seen: &mut Seen,
    problems: &mut Problems,
) -> Option<Engineer> {
    let plain = is_plain_id(key) && key != "all" && key != MACHINE;
    if !plain {
        problems.add(
            place,
            format!("`{key}` cannot be the short name of an engineer"),
            "use lower-case letters, digits, `-`, `_` and `.`, at most 64, but not `all` or `onduty`",
        );
    }
    let nobody = Node { value: Value::Map(Vec::new()), place: node.place, block: false };
    // `lena:` with nothing behind it is a person of whom only the name is known.
    let node = if node.value == Value::Null { &nobody } else { node };
    let mut fields = Fields::of(node, "an engineer", problems)?;

    let name = fields.text("name", problems).and_then(|(text, place)| values::line(&text, place, "a name", problems));
    let emails = fields.texts("emails", problems);
    for (email, place) in &emails {
        let parts = email.split_once('@');
        if parts.is_none_or(|(user, host)| user.is_empty() || host.is_empty() || email.contains(char::is_whitespace)) {
            problems.add(*place, format!("`{email}` is not an e-mail address"), "write it like lena@acme.example");
        }
    }
    let logins = fields.texts("logins", problems);
    for (login, place) in &logins {
        if login.is_empty() || login.starts_with('@') || login.contains(char::is_whitespace) {
            problems.add(*place, format!("`{login}` is not a login"), "write it as the other system does, without `@`");
        }
    }
    for (handle, place) in emails.iter().chain(&logins) {
        seen.handles.add(handle, key, *place, problems);
    }
    let team = fields.text("team", problems).and_then(|(text, place)| values::line(&text, place, "a team", problems));
    let joined = values::day_under(&mut fields, "joined", problems);
    let left = values::day_under(&mut fields, "left", problems);
    if let (Some(joined), Some(left)) = (joined, left)
        && left < joined
    {
        problems.add(
            fields.place_of("left"),
            format!("`{key}` leaves on {left}, before joining on {joined}"),
            "correct one of the two days",
        );
    }
    let successor = fields.text("successor", problems);
    let has_days = fields.has("working_days");
    let texts = fields.texts("working_days", problems);
    let working_days = values::weekdays(&texts, problems);
    if has_days && texts.is_empty() {
        let place = fields.place_of("working_days");
        problems.add(place, format!("`{key}` works on no day"), "name days such as `[mon, tue]`, or remove the key");
    }
    let leave = fields
        .list("leave")
        .iter()
        .filter_map(|node| values::span(node, "leave", problems))
        .map(|(from, to)| Leave { from, to, kind: LeaveKind::Planned })
        .collect();
    let holidays = calendars.under_key(&mut fields, problems);
    let skills = fields.texts("skills", problems);
    let skills = skills.iter().filter_map(|(text, place)| values::line(text, *place, "a skill", problems)).collect();
    let share = fields.number("share", 1, 100, problems).and_then(|percent| u8::try_from(percent).ok());
    let avoid = avoid(&mut fields, problems);
    fields.finish(problems);
    let successor = successor.map(|(successor, place)| {
        seen.successors.push((EngineerId::new(key), EngineerId::from(&*successor), place));
        EngineerId::from(&*successor)
    });
    plain.then(|| Engineer {
        id: EngineerId::new(key),
        name: name.unwrap_or_else(|| key.to_owned()),
        emails: emails.into_iter().map(|(email, _)| email).collect(),
        logins: logins.into_iter().map(|(login, _)| login).collect(),
        team,
        joined,
        left,
        successor,
        working_days: has_days.then(|| working_days.into_iter().collect()),
        leave,
        holidays,
        skills,
        share: share.unwrap_or(FULL_SHARE),
        avoid,
    })
}

/// Days of the week and dates, in one list.
fn avoid(fields: &mut Fields<'_>, problems: &mut Problems) -> Avoid {
    let (mut avoid, mut weekdays) = (Avoid::default(), Vec::new());
    for (text, place) in fields.texts("avoid", problems) {
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            weekdays.push((text, place));
        } else if let Some((from, to)) = values::days(&text, place, problems) {
            if (to - from).get_days() > MAX_AVOIDED {
                let mend = "name at most a year; who is away has `leave`";
                problems.add(place, format!("{from} to {to} is too long"), mend);
                continue;
            }
            avoid.dates.extend(from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to));
        }
    }
    avoid.weekdays = values::weekdays(&weekdays, problems).into_iter().collect();
    avoid
}

/// Notes who takes over and is not on the roster, and where taking over goes round in a circle.
pub fn check_successors(successors: &Successors, engineers: &BTreeMap<EngineerId, Engineer>, problems: &mut Problems) {
    let after: BTreeMap<&EngineerId, &EngineerId> = successors.iter().map(|(from, to, _)| (from, to)).collect();
    for (from, to, place) in successors {
        if !engineers.contains_key(to) {
            problems.add(*place, format!("`{to}` is not on the roster"), "name the short name of an engineer");
            continue;
        }
        let mut next = Some(to);
        let mut steps = after.len();
        while let Some(engineer) = next
            && engineer != from
            && steps > 0
        {
            next = after.get(engineer).copied();
            steps -= 1;
        }
        if next == Some(from) {
            let what = format!("what `{from}` knew comes back to `{from}`");
            problems.add(*place, what, "name somebody who stays as the last successor");
        }
    }
}

impl Handles {
    fn add(&mut self, handle: &str, engineer: &str, place: Place, problems: &mut Problems) {
        let first = self.0.entry(handle.to_lowercase()).or_insert_with(|| engineer.to_owned());
        if first != engineer {
            problems.add(
                place,
                format!("`{handle}` belongs to `{first}` already"),
                "keep it with the one who uses it; what one person did must not count for another",
            );
        }
    }
}
