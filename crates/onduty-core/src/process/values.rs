//! The small values of a process file: words, times, lengths of time, `NAME in LIST`.
//!
//! Called by `step` and `parse`. Each takes a text with its place and gives the value, or adds a problem.

use super::List;
use super::keys::LISTS;
use crate::expr::VARIABLES;
use crate::files::{Node, Place, Problems, Value, mend_for_unknown};
use crate::ids::is_plain_id;
use jiff::SignedDuration;
use jiff::civil::Time;
use std::fmt::Write;

/// Longest line of text, in characters.
const MAX_LINE: usize = 500;
/// Longest length of time: a week, in minutes.
const MAX_MINUTES: i64 = 7 * 24 * 60;

/// A text as it may be shown in a problem: short, without signs that could disturb the line.
pub(super) fn told(text: &str) -> String {
    let mut told: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        told.push('…');
    }
    told
}

/// An id.
pub(super) fn id(what: &str, text: &str, place: Place, problems: &mut Problems) -> bool {
    if is_plain_id(text) {
        return true;
    }
    let suggested: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(64)
        .collect();
    let suggested = suggested.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let mend = match is_plain_id(suggested) {
        true => format!("write for example `{suggested}`"),
        false => "use lower-case letters, digits and `-`".to_owned(),
    };
    problems.add(place, format!("`{}` cannot be {what}", told(text)), mend);
    false
}

/// A line of text for people: not empty, not endless.
pub(super) fn line(what: &str, text: &str, place: Place, problems: &mut Problems) -> Option<String> {
    let text = text.trim();
    let length = text.chars().count();
    if text.is_empty() {
        problems.add(place, format!("{what} is empty"), "write a few words, or remove it");
        return None;
    }
    if length > MAX_LINE {
        problems.add(place, format!("{what} has {length} characters, more than {MAX_LINE}"), "shorten it");
        return None;
    }
    Some(text.to_owned())
}

/// One of a few words.
pub(super) fn word<T: Copy>(
    key: &str,
    text: &str,
    place: Place,
    known: &[(&'static str, T)],
    problems: &mut Problems,
) -> Option<T> {
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let mend = mend_for_unknown(text, known.iter().map(|(word, _)| *word));
    problems.add(place, format!("`{key}: {}` is not known", told(text)), mend);
    None
}

/// `16:00`, plain or in quotes.
pub(super) fn time(key: &str, node: &Node, problems: &mut Problems) -> Option<Time> {
    let (told, mend) = match &node.value {
        Value::Text(text) => {
            if let Some(time) = hour_and_minute(text) {
                return Some(time);
            }
            (told(text), padded(text))
        }
        Value::Int(hour @ 0..=23) => (hour.to_string(), Some(format!("{hour:02}:00"))),
        other => (other.kind().to_owned(), None),
    };
    let mend = format!("write hours and minutes, for example \"{}\"", mend.as_deref().unwrap_or("16:00"));
    problems.add(node.place, format!("`{key}: {told}` is not a time of day"), mend);
    None
}

fn hour_and_minute(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    (two_digits(hour) && two_digits(minute)).then_some(())?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// The time that somebody meant who wrote `9:00`, `16:00:00` or `4 pm`.
fn padded(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let afternoon = lower.ends_with("pm");
    let digits = lower.trim_end_matches("am").trim_end_matches("pm").trim().replace('.', ":");
    let mut parts = digits.split(':');
    let hour: i8 = parts.next()?.trim().parse().ok()?;
    let minute: i8 = parts.next().map_or(Some(0), |part| part.trim().parse().ok())?;
    let hour = if afternoon && hour < 12 { hour + 12 } else { hour };
    Time::new(hour, minute, 0, 0).ok().map(|_| format!("{hour:02}:{minute:02}"))
}

/// `30m`, `2h`, `1h30m`, `1d`: at least a minute, at most a week.
pub(super) fn length(key: &str, text: &str, place: Place, problems: &mut Problems) -> Option<SignedDuration> {
    match minutes(text) {
        Some(minutes @ 1..=MAX_MINUTES) => Some(SignedDuration::from_mins(minutes)),
        Some(_) => {
            let what = format!("`{key}: {}` is out of range", told(text));
            problems.add(place, what, "write from `1m` to `7d`");
            None
        }
        None => {
            let what = format!("`{key}: {}` is not a length of time", told(text));
            problems.add(place, what, "write for example `30m`, `2h` or `1h30m`");
            None
        }
    }
}

fn minutes(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut number = String::new();
    for sign in text.trim().chars() {
        let unit = match sign {
            '0'..='9' if number.len() < 6 => {
                number.push(sign);
                continue;
            }
            ' ' if number.is_empty() => continue,
            'm' => 1,
            'h' => 60,
            'd' => 24 * 60,
            _ => return None,
        };
        total += number.parse::<i64>().ok()? * unit;
        number.clear();
    }
    (number.is_empty() && !text.trim().is_empty()).then_some(total)
}

/// A length of time as it is written in the file: `1h30m`.
pub(super) fn written(length: SignedDuration) -> String {
    let minutes = length.as_mins();
    let mut text = String::new();
    for (size, unit) in [(24 * 60, 'd'), (60, 'h'), (1, 'm')] {
        let count = match unit {
            'd' => minutes / size,
            'h' => minutes % (24 * 60) / size,
            _ => minutes % 60,
        };
        if count > 0 {
            // Writing into a text cannot fail.
            let _ = write!(text, "{count}{unit}");
        }
    }
    text
}

/// `error in errors`.
pub(super) fn each(text: &str, place: Place, problems: &mut Problems) -> Option<(String, List)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, "in", list] = words.as_slice() else {
        let known = words.iter().find_map(|word| LISTS.iter().find(|(name, _)| name == word));
        let list = known.map_or("errors", |(name, _)| name);
        let member = list.trim_end_matches('s');
        let what = format!("`each: {}` does not name a list", told(text));
        problems.add(place, what, format!("write `each: {member} in {list}`"));
        return None;
    };
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.len() <= 64
        && !matches!(*name, "true" | "false" | "null" | "in" | "and" | "or" | "not" | "is" | "eq" | "r" | "b");
    let taken = VARIABLES.iter().any(|variable| variable.name == *name) || *name == "ci";
    if taken || !is_name {
        let why = if taken { "already means something else" } else { "cannot be a name in a condition" };
        let mend = "choose a word of lower-case letters, for example `error` or `item`";
        problems.add(place, format!("`{}` {why}", told(name)), mend);
        return None;
    }
    let found = match signal_kind(list) {
        Some(kind) => Some(List::Custom(kind)),
        None => LISTS.iter().find(|(known, _)| known == list).map(|(_, found)| found.clone()),
    };
    if found.is_none() {
        let mend = match *list {
            "signals" => "name the kind, for example `signals.certificate`".to_owned(),
            list if LISTS.iter().any(|(known, _)| list.strip_prefix("signals.") == Some(known)) => {
                format!("write `each: {name} in {}`", list.trim_start_matches("signals."))
            }
            list => mend_for_unknown(list, LISTS.iter().map(|(name, _)| *name).chain(["signals.KIND"])),
        };
        problems.add(place, format!("`each` cannot go through `{}`", told(list)), mend);
    }
    found.map(|list| ((*name).to_owned(), list))
}

/// The kind of `signals.certificate` or `signals["disk-space"]`.
fn signal_kind(list: &str) -> Option<String> {
    let rest = list.strip_prefix("signals")?;
    let kind = match rest.strip_prefix('.') {
        Some(kind) => kind,
        None => rest.strip_prefix('[')?.strip_suffix(']')?.trim_matches(['"', '\'']),
    };
    let built_in = LISTS.iter().any(|(name, _)| *name == kind) || matches!(kind, "performance" | "traffic");
    (is_plain_id(kind) && !built_in).then(|| kind.to_owned())
}
