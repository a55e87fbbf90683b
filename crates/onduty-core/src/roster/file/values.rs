//! Values that people write into `roster.yml`: days, times, days of the week.

use crate::files::{Fields, Node, Place, Problems, Value, closest};
use jiff::civil::{Date, Time, Weekday, date};

/// Earliest and latest day that the file may name: a replay of more than a few decades would take long.
const DAYS: (Date, Date) = (date(2000, 1, 1), date(2100, 12, 31));
/// Longest name, in characters.
const MAX_NAME: usize = 200;

const WEEK: [(&str, &str, Weekday); 7] = [
    ("mon", "monday", Weekday::Monday),
    ("tue", "tuesday", Weekday::Tuesday),
    ("wed", "wednesday", Weekday::Wednesday),
    ("thu", "thursday", Weekday::Thursday),
    ("fri", "friday", Weekday::Friday),
    ("sat", "saturday", Weekday::Saturday),
    ("sun", "sunday", Weekday::Sunday),
];

/// The day that `text` names.
pub fn day(text: &str, place: Place, problems: &mut Problems) -> Option<Date> {
    match text.parse::<Date>() {
        // jiff also reads `20260302` and dates with a time behind; one form is enough for people.
        Ok(day) if text.len() == 10 && (DAYS.0..=DAYS.1).contains(&day) => Some(day),
        Ok(day) if text.len() == 10 => {
            problems.add(place, format!("{day} is too far away"), format!("name a day from {} to {}", DAYS.0, DAYS.1));
            None
        }
        _ => {
            problems.add(place, format!("`{text}` is not a day"), "write year-month-day, such as 2026-03-02");
            None
        }
    }
}

/// The day under `key`.
pub fn day_under(fields: &mut Fields<'_>, key: &'static str, problems: &mut Problems) -> Option<Date> {
    let (text, place) = fields.text(key, problems)?;
    day(&text, place, problems)
}

/// `2026-03-02` or `2026-03-02..2026-03-06`; both ends count.
pub fn days(text: &str, place: Place, problems: &mut Problems) -> Option<(Date, Date)> {
    let Some((from, to)) = text.split_once("..") else {
        return day(text, place, problems).map(|day| (day, day));
    };
    let (from, to) = (day(from.trim(), place, problems), day(to.trim(), place, problems));
    in_order(from?, to?, place, problems)
}

/// A span of days: a text as in [`days`], or `{from: …, to: …}`.
pub fn span(node: &Node, what: &'static str, problems: &mut Problems) -> Option<(Date, Date)> {
    match &node.value {
        Value::Text(text) => days(text, node.place, problems),
        Value::Map(_) => {
            let mut fields = Fields::of(node, what, problems)?;
            let mend = "write `{from: 2026-03-02, to: 2026-03-06}`, or a single day";
            let from = fields.required_text("from", mend, problems);
            let to = fields.required_text("to", mend, problems);
            fields.finish(problems);
            let from = from.and_then(|(text, place)| day(&text, place, problems));
            let (to, place) = to.and_then(|(text, place)| day(&text, place, problems).map(|to| (to, place)))?;
            in_order(from?, to, place, problems)
        }
        other => {
            problems.add(
                node.place,
                format!("{what} should be days, but is {}", other.kind()),
                "write `2026-03-02`, `2026-03-02..2026-03-06` or `{from: 2026-03-02, to: 2026-03-06}`",
            );
            None
        }
    }
}

fn in_order(from: Date, to: Date, place: Place, problems: &mut Problems) -> Option<(Date, Date)> {
    if from > to {
        problems.add(place, format!("{to} is before {from}"), "write the first day first");
        return None;
    }
    Some((from, to))
}

/// `09:00-19:00`; `24:00` is the last instant of the day.
pub fn hours(text: &str, place: Place, problems: &mut Problems) -> Option<(Time, Time)> {
    let times = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
    match times {
        Some((from, to)) if from < to => Some((from, to)),
        Some(_) => {
            problems.add(
                place,
                format!("`{text}` ends before it starts"),
                "name hours of one day; a duty over midnight is two duties",
            );
            None
        }
        None => {
            problems.add(place, format!("`{text}` are not hours"), "write start and end, such as \"09:00-19:00\"");
            None
        }
    }
}

fn time(text: &str) -> Option<Time> {
    let text = text.trim();
    if text == "24:00" {
        return Some(Time::MAX);
    }
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Days of the week: `mon`, `monday` or `mon-fri`. Empty when none of the texts is one.
pub fn weekdays(texts: &[(String, Place)], problems: &mut Problems) -> Vec<Weekday> {
    texts.iter().flat_map(|(text, place)| weekdays_of(text, *place, problems)).collect()
}

fn weekdays_of(text: &str, place: Place, problems: &mut Problems) -> Vec<Weekday> {
    let index = |word: &str| {
        let word = word.trim().to_ascii_lowercase();
        WEEK.iter().position(|(short, long, _)| word == *short || word == *long)
    };
    let ends = match text.split_once('-') {
        Some((from, to)) => index(from).zip(index(to)),
        None => index(text).map(|day| (day, day)),
    };
    let Some((from, to)) = ends else {
        let names: Vec<&str> = WEEK.iter().flat_map(|(short, long, _)| [*short, *long]).collect();
        let mend = match closest(&text.to_ascii_lowercase(), &names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "write `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun` or a span such as `mon-fri`".to_owned(),
        };
        problems.add(place, format!("`{text}` is not a day of the week"), mend);
        return Vec::new();
    };
    let length = (to + 7 - from) % 7;
    (0..=length).map(|step| WEEK[(from + step) % 7].2).collect()
}

/// A text of one line that people can read: not empty, not long, nothing invisible in it.
pub fn line(text: &str, place: Place, what: &str, problems: &mut Problems) -> Option<String> {
    let text = text.trim();
    let mend = if text.is_empty() {
        format!("write {what}, or remove the key")
    } else if text.chars().count() > MAX_NAME {
        format!("keep it under {MAX_NAME} characters")
    } else if text.chars().any(char::is_control) {
        "write it on one line, without control characters".to_owned()
    } else {
        return Some(text.to_owned());
    };
    problems.add(place, format!("this is not {what}"), mend);
    None
}
