//! One event: which whole days it covers.

use super::lines::Content;
use super::repeats::{Budget, Rule, TooMuch};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use std::collections::BTreeSet;

/// Days that an event may begin on. Birthdays are older than anything else in a calendar.
const YEARS: (Date, Date) = (date(1850, 1, 1), date(2200, 12, 31));

/// Something in a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The line on which it begins, from 1.
    pub line: u32,
    /// What people called it; may be empty.
    pub title: String,
    /// Addresses of those who take part, in lower case.
    pub emails: Vec<String>,
    /// When it is.
    pub when: When,
    /// Whether it was called off.
    pub is_cancelled: bool,
    /// Whether it is not decided yet.
    pub is_tentative: bool,
}

/// When an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Whole days, both ends count.
    Days {
        /// The first, of the first occurrence.
        first: Date,
        /// The last.
        last: Date,
        /// Which days it happens on besides.
        repeats: Repeats,
    },
    /// From an hour to an hour.
    Hours,
    /// Nobody knows, and why.
    Unreadable(String),
}

/// On which days an event begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repeats {
    rule: Option<Rule>,
    more: BTreeSet<Date>,
    except: BTreeSet<Date>,
}

impl Event {
    /// Every occurrence, first and last day, that has a day from `from` to `until`.
    ///
    /// # Errors
    /// Its rule costs more than is left of `budget`.
    pub fn days(&self, (from, until): (Date, Date), budget: &mut Budget) -> Result<Vec<(Date, Date)>, TooMuch> {
        let When::Days { first, last, repeats } = &self.when else { return Ok(Vec::new()) };
        let length = (*last - *first).get_days().days();
        let earliest = from.saturating_sub(length);
        let mut begins: BTreeSet<Date> = match &repeats.rule {
            Some(rule) => rule.days(*first, (earliest, until), budget)?,
            None => BTreeSet::from([*first]),
        };
        begins.extend(&repeats.more);
        let begins = begins.into_iter().filter(|day| !repeats.except.contains(day) && (earliest..=until).contains(day));
        Ok(begins.map(|day| (day, day.saturating_add(length))).collect())
    }

    /// Whether it happens more than once.
    pub fn is_repeated(&self) -> bool {
        matches!(&self.when, When::Days { repeats, .. } if repeats.rule.is_some() || !repeats.more.is_empty())
    }
}

/// An event while its lines are read.
pub struct Draft {
    line: u32,
    pub uid: String,
    title: String,
    emails: Vec<String>,
    status: String,
    starts: Option<Result<Moment, String>>,
    ends: Option<Result<Moment, String>>,
    duration: Option<String>,
    /// What Outlook writes beside two midnights.
    whole_days: bool,
    rule: Option<String>,
    more: BTreeSet<Date>,
    pub except: BTreeSet<Date>,
    /// The occurrence of a repeated event whose place it takes.
    pub replaces: Option<Date>,
    odd: Option<String>,
}

/// A day, or a time on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Moment {
    day: Date,
    /// `None` for a whole day; else hours, minutes and seconds, and where the clock is.
    time: Option<(String, String)>,
}

impl Draft {
    pub fn new(line: u32) -> Draft {
        Draft {
            line,
            uid: String::new(),
            title: String::new(),
            emails: Vec::new(),
            status: String::new(),
            starts: None,
            ends: None,
            duration: None,
            whole_days: false,
            rule: None,
            more: BTreeSet::new(),
            except: BTreeSet::new(),
            replaces: None,
            odd: None,
        }
    }

    /// Reads one line of it.
    pub fn take(&mut self, content: &Content<'_>) {
        match content.name.as_str() {
            "UID" => self.uid = content.value.to_owned(),
            "SUMMARY" => self.title = content.text(),
            "STATUS" => self.status = content.value.to_ascii_uppercase(),
            "DTSTART" => self.starts = Some(moment(content)),
            "DTEND" => self.ends = Some(moment(content)),
            "DURATION" => self.duration = Some(content.value.to_owned()),
            "ATTENDEE" => {
                let address = content.value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
                self.emails.extend(address.map(|_| content.value[7..].to_lowercase()));
            }
            "X-MICROSOFT-CDO-ALLDAYEVENT" => self.whole_days = content.value.eq_ignore_ascii_case("TRUE"),
            "RRULE" if self.rule.is_some() => self.odd = Some("it has two rules of repetition".to_owned()),
            "RRULE" => self.rule = Some(content.value.to_owned()),
            "EXRULE" => self.odd = Some("it has a rule of exceptions (EXRULE)".to_owned()),
            "RECURRENCE-ID" => self.replaces = moment(content).ok().map(|moment| moment.day),
            "RDATE" | "EXDATE" => self.dates(content),
            _ => {}
        }
    }

    fn dates(&mut self, content: &Content<'_>) {
        for value in content.value.split(',') {
            match moment_of(value, content) {
                Ok(moment) if content.name == "RDATE" => _ = self.more.insert(moment.day),
                Ok(moment) => _ = self.except.insert(moment.day),
                Err(why) => self.odd = Some(why),
            }
        }
    }

    /// The event that its lines describe.
    pub fn finish(self) -> Event {
        let when = self.when().unwrap_or_else(When::Unreadable);
        let Draft { line, title, emails, status, .. } = self;
        let (is_cancelled, is_tentative) = (status == "CANCELLED", status == "TENTATIVE");
        Event { line, title, emails, when, is_cancelled, is_tentative }
    }

    fn when(&self) -> Result<When, String> {
        let starts = self.starts.clone().ok_or("it has no day on which it begins (DTSTART)")??;
        let ends = self.ends.clone().transpose()?;
        // Exchange and others write whole days as two midnights on the same clock.
        let midnight = |moment: &Moment| moment.time.as_ref().is_some_and(|(time, _)| time == "000000");
        let zone = |moment: &Moment| moment.time.as_ref().map(|(_, zone)| zone.clone());
        let midnights = midnight(&starts)
            && ends.as_ref().is_some_and(|ends| midnight(ends) && ends.day > starts.day && zone(ends) == zone(&starts));
        if starts.time.is_some() && !(midnights && (self.whole_days || zone(&starts).as_deref() != Some("Z"))) {
            return Ok(When::Hours);
        }
        let first = starts.day;
        let last = match (ends, &self.duration) {
            // The end is the day after the last one (3.6.1); some write the last one itself.
            (Some(ends), _) if ends.day == first => first,
            (Some(ends), _) if ends.day < first => {
                return Err(format!("it ends on {}, before it begins on {first}", ends.day));
            }
            (Some(ends), _) => ends.day.saturating_sub(1.day()),
            (None, None) => first,
            (None, Some(duration)) => first.saturating_add((days_of(duration)? - 1).max(0).days()),
        };
        if let Some(odd) = &self.odd {
            return Err(odd.clone());
        }
        let rule = self.rule.as_deref().map(Rule::parse).transpose()?;
        Ok(When::Days { first, last, repeats: Repeats { rule, more: self.more.clone(), except: self.except.clone() } })
    }
}

/// `P5D`, `P2W`
fn days_of(duration: &str) -> Result<i32, String> {
    let odd = || format!("its duration `{}` is not in days", super::short(duration));
    let number = duration.trim_start_matches('+').strip_prefix('P').ok_or_else(odd)?;
    let (number, each) = match (number.strip_suffix('D'), number.strip_suffix('W')) {
        (Some(days), _) => (days, 1),
        (_, Some(weeks)) => (weeks, 7),
        _ => return Err(odd()),
    };
    number.parse::<u16>().map(|number| i32::from(number) * each).map_err(|_| odd())
}

fn moment(content: &Content<'_>) -> Result<Moment, String> {
    moment_of(content.value, content)
}

/// `20260302`, `20260302T090000`, `20260302T090000Z`
fn moment_of(text: &str, content: &Content<'_>) -> Result<Moment, String> {
    let (day, time) = match text.trim().split_once('T') {
        None => (text.trim(), None),
        Some((day, time)) => (day, Some(time)),
    };
    let odd = || format!("`{}` is not a day such as 20260302", super::short(text));
    let day = day_of(day).filter(|day| (YEARS.0..=YEARS.1).contains(day)).ok_or_else(odd)?;
    let time = time.map(|time| match time.strip_suffix('Z') {
        Some(time) => (time.to_owned(), "Z".to_owned()),
        None => (time.to_owned(), content.parameter("TZID").unwrap_or_default().to_owned()),
    });
    Ok(Moment { day, time })
}

/// A day as RFC 5545 writes it.
pub fn day_of(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text[range].parse::<i16>().ok();
    Date::new(part(0..4)?, i8::try_from(part(4..6)?).ok()?, i8::try_from(part(6..8)?).ok()?).ok()
}
