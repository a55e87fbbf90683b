//! Words for people: what pages, the command line, messages and the log's full-text index all say the same way.
//!
//! Called by `web/views`, `cli`, `notify` and the store's search text. Pure: a thing and a [`Telling`] in, a sentence
//! out. Everything that came from outside goes through [`visible`] here; escaping for HTML or Markdown is the caller's.

mod access;
pub mod compared;
mod events;
pub mod handshake;
pub mod icalendar;
pub mod leave_calendars;
mod markdown;
mod owners;
pub mod performance;
pub mod plan;
mod reasons;
mod shifts;
pub mod what_if;
mod words;

pub use access::role_name;
pub use events::{LogLine, author, event, line, names_its_item};
pub use markdown::{LogDay, markdown_log};
pub use owners::{candidate, flaky, likely, owner_reason, presence, unsure, why_not};
pub use reasons::{
    BlockerText, because, blocker, blocker_parts, closing, facts, feed_name, item_title, resolve, rollout_state,
    snooze, unknown, unknown_briefly, why, write_back,
};
pub use words::{
    and, count, duration, human_number, initials, is_web_link, percent, short_revision, shorten, visible, visible_lines,
};

use crate::texts::words::{age_words, in_words};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use onduty_core::ids::{DutyId, EngineerId, StepId};
use onduty_core::process::{ASKED, Process};
use onduty_core::roster::Roster;

/// What every sentence needs besides the thing it is about.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// Duty time.
    pub now: Timestamp,
    /// The duty's zone.
    pub zone: &'a TimeZone,
    /// Who is called what.
    pub roster: &'a Roster,
    /// What steps are for; `None` before a duty has a process.
    pub process: Option<&'a Process>,
}

impl Telling<'_> {
    /// What a step is for, in the team's words; its id where the process no longer has it.
    pub fn goal(&self, step: &StepId) -> String {
        if step.as_str() == ASKED {
            return "Asked by the team".to_owned();
        }
        let known = self.process.and_then(|process| process.step(step));
        visible(known.map_or(step.as_str(), |step| &step.goal))
    }

    /// The engineer as people write them, safe to print.
    pub fn name(&self, id: &EngineerId) -> String {
        visible(self.roster.name_of(id))
    }

    /// The duty as people write it, safe to print.
    pub fn duty_name(&self, id: &DutyId) -> String {
        visible(self.roster.duty(id).map_or(id.as_str(), |duty| &duty.name))
    }

    /// The first word of the name: `Lena`. Enough where a face or a list stands beside it.
    pub fn first_name(&self, id: &EngineerId) -> String {
        let name = self.name(id);
        name.split_whitespace().next().unwrap_or(&name).to_owned()
    }

    /// `at` in the duty's zone.
    pub fn zoned(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// Today, in the duty's zone.
    pub fn today(&self) -> Date {
        self.zoned(self.now).date()
    }

    /// `14:05`, whatever the day.
    pub fn clock(&self, at: Timestamp) -> String {
        self.zoned(at).strftime("%H:%M").to_string()
    }

    /// `14:05` today, `Fri 27 Feb 14:05` on another day, with the year when it is another one.
    pub fn time(&self, at: Timestamp) -> String {
        let there = self.zoned(at);
        let format = match there.date() {
            day if day == self.today() => "%H:%M",
            day if day.year() == self.today().year() => "%a %-d %b %H:%M",
            _ => "%a %-d %b %Y %H:%M",
        };
        there.strftime(format).to_string()
    }

    /// The whole truth about an instant: `Mon 2 Mar 2026 14:05:09 CET (Europe/Paris)`.
    pub fn full_time(&self, at: Timestamp) -> String {
        let there = self.zoned(at);
        let zone = there.time_zone().iana_name().map(|name| format!(" ({name})")).unwrap_or_default();
        format!("{}{zone}", there.strftime("%a %-d %b %Y %H:%M:%S %Z"))
    }

    /// How long ago: `less than 1 min`, `12 min`, `1 h 56 min`, `3 days`.
    pub fn age(&self, since: Timestamp) -> String {
        age_words(self.now.duration_since(since))
    }

    /// `12 min ago`, `just now`.
    pub fn ago(&self, since: Timestamp) -> String {
        if self.now.duration_since(since).as_mins() < 1 {
            "just now".to_owned()
        } else {
            format!("{} ago", self.age(since))
        }
    }

    /// How long still: `in 1 h 56 min`, `now`.
    pub fn until(&self, at: Timestamp) -> String {
        in_words(at.duration_since(self.now))
    }

    /// `Monday 2 March 2026`.
    pub fn long_day(&self, day: Date) -> String {
        day.strftime("%A %-d %B %Y").to_string()
    }

    /// `today`, `tomorrow`, `yesterday` or `Mon 2 Mar`.
    pub fn day(&self, day: Date) -> String {
        match self.today().until(day).map(|span| span.get_days()) {
            Ok(0) => "today".to_owned(),
            Ok(1) => "tomorrow".to_owned(),
            Ok(-1) => "yesterday".to_owned(),
            _ if day.year() == self.today().year() => day.strftime("%a %-d %b").to_string(),
            _ => day.strftime("%a %-d %b %Y").to_string(),
        }
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! A Monday in Paris for the tests of texts and views.

    use super::*;
    use onduty_core::roster::Engineer;

    pub(crate) fn at(text: &str) -> Timestamp {
        format!("{text}+01:00").parse().expect("tests write instants of a winter day in Paris")
    }

    pub(crate) fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").expect("the zone is bundled")
    }

    pub(crate) fn roster() -> Roster {
        let people = [("lena", "Lena Vogt"), ("omar", "Omar Haddad"), ("priya", "Priya Nair")];
        let engineer = |(id, name): (&str, &str)| {
            let id = EngineerId::from(id);
            let engineer = Engineer {
                id: id.clone(),
                name: name.to_owned(),
                emails: vec![],
                logins: vec![],
                team: None,
                joined: None,
                left: None,
                successor: None,
                working_days: None,
                leave: vec![],
                holidays: Default::default(),
                skills: Default::default(),
                share: 100,
                avoid: Default::default(),
            };
            (id, engineer)
        };
        Roster { engineers: people.into_iter().map(engineer).collect(), duties: vec![] }
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{at, paris, roster};
    use super::*;

    #[test]
    fn times_say_as_little_as_is_clear() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:30"), zone: &zone, roster: &roster, process: None };
        assert_eq!(tell.time(at("2026-03-02T13:52:00")), "13:52");
        assert_eq!(tell.time(at("2026-02-27T09:00:00")), "Fri 27 Feb 09:00");
        assert_eq!(tell.time(at("2025-12-31T09:00:00")), "Wed 31 Dec 2025 09:00");
        assert_eq!(tell.full_time(at("2026-03-02T13:52:09")), "Mon 2 Mar 2026 13:52:09 CET (Europe/Paris)");
        assert_eq!(tell.ago(at("2026-03-02T13:52:00")), "12 min ago");
        assert_eq!(tell.ago(at("2026-03-02T14:04:00")), "just now");
        assert_eq!(tell.until(at("2026-03-02T16:00:00")), "in 1 h 56 min");
        let days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-04-02", "2027-03-02"];
        let said: Vec<String> = days.iter().map(|day| tell.day(day.parse().unwrap())).collect();
        assert_eq!(said, ["yesterday", "today", "tomorrow", "Thu 2 Apr", "Tue 2 Mar 2027"]);
    }
}
