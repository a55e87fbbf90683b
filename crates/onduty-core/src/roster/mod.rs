//! Engineers, duties and who is away. Read from `roster.yml` and the store; used by `schedule`, `owner`, `engine`.

mod file;
pub mod holidays;

pub use file::{DEFAULT_SINCE, calendar_files, parse, parse_with};

use crate::ids::{DutyId, EngineerId, Environment};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A person who can be on duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engineer {
    /// Short name, unique: `lena`.
    pub id: EngineerId,
    /// As people write it: `Lena Vogt`.
    pub name: String,
    /// Every address this person commits with; the first is the one to write to.
    pub emails: Vec<String>,
    /// Logins at outside systems: GitHub, trackers.
    pub logins: Vec<String>,
    /// Team or room, where the roster says it.
    pub team: Option<String>,
    /// First day at work; nobody serves before.
    pub joined: Option<Date>,
    /// Last day at work.
    pub left: Option<Date>,
    /// Who takes over what this person knew best, once they have left.
    pub successor: Option<EngineerId>,
    /// Days this person works; all of the duty's working days unless said otherwise.
    pub working_days: Option<Weekdays>,
    /// Days away, from the roster file.
    pub leave: Vec<Leave>,
    /// Public holidays of this person's own calendar, with their names; one map for all who share it.
    pub holidays: Arc<BTreeMap<Date, String>>,
    /// What this person can do, for duties that require it.
    pub skills: BTreeSet<String>,
    /// Share of the duties' work in percent; 100 is a full one.
    pub share: u8,
    /// When this person would rather not serve.
    pub avoid: Avoid,
}

/// When somebody would rather not serve; a wish, not a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Avoid {
    /// Days of the week.
    pub weekdays: Weekdays,
    /// Single dates.
    pub dates: BTreeSet<Date>,
}

impl Avoid {
    /// Whether `day` is one of them.
    pub fn contains(&self, day: Date) -> bool {
        self.weekdays.contains(day.weekday()) || self.dates.contains(&day)
    }
}

/// Days of the week; jiff's have no order, so that a `BTreeSet` cannot hold them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Weekdays(u8);

impl Weekdays {
    /// Whether `day` is one of them.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & bit(day) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// From Monday to Sunday.
    pub fn iter(self) -> impl Iterator<Item = Weekday> {
        Weekday::Monday.cycle_forward().take(7).filter(move |day| self.contains(*day))
    }
}

impl FromIterator<Weekday> for Weekdays {
    fn from_iter<I: IntoIterator<Item = Weekday>>(days: I) -> Weekdays {
        Weekdays(days.into_iter().fold(0, |set, day| set | bit(day)))
    }
}

impl fmt::Debug for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

/// Why an engineer does not serve on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Joins later.
    NotJoined,
    /// Has left.
    Left,
    /// On leave.
    Leave {
        /// Last day away.
        until: Date,
    },
    /// A public holiday of their own calendar.
    Holiday,
    /// Does not work on this day of the week.
    DayOff,
}

impl Engineer {
    /// Why this person does not serve on `day`; `None` when they are at work.
    pub fn absence_on(&self, day: Date) -> Option<Absence> {
        if self.joined.is_some_and(|joined| day < joined) {
            return Some(Absence::NotJoined);
        }
        if self.has_left(day) {
            return Some(Absence::Left);
        }
        if let Some(leave) = self.leave.iter().find(|leave| leave.contains(day)) {
            return Some(Absence::Leave { until: leave.to });
        }
        if self.holidays.contains_key(&day) {
            return Some(Absence::Holiday);
        }
        let works = self.working_days.as_ref().is_none_or(|days| days.contains(day.weekday()));
        (!works).then_some(Absence::DayOff)
    }

    /// Whether this person is at work on `day`.
    pub fn is_at_work(&self, day: Date) -> bool {
        self.absence_on(day).is_none()
    }

    /// Whether the last day at work is over on `day`.
    pub fn has_left(&self, day: Date) -> bool {
        self.left.is_some_and(|left| left < day)
    }
}

impl Leave {
    /// Whether `day` is one of these days.
    pub fn contains(&self, day: Date) -> bool {
        (self.from..=self.to).contains(&day)
    }
}

/// Days somebody is away; both ends count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leave {
    /// First day away.
    pub from: Date,
    /// Last day away.
    pub to: Date,
    /// Why; a plan spares the days beside a planned leave.
    pub kind: LeaveKind,
}

/// Why somebody is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaveKind {
    /// Holidays and the like.
    #[default]
    Planned,
    /// Months: a sabbatical, a parent's leave.
    Long,
    /// Ill.
    Sick,
}

impl LeaveKind {
    /// Every kind.
    pub const ALL: [LeaveKind; 3] = [LeaveKind::Planned, LeaveKind::Long, LeaveKind::Sick];

    /// As files and requests write it.
    pub fn word(self) -> &'static str {
        match self {
            LeaveKind::Planned => "planned",
            LeaveKind::Long => "long",
            LeaveKind::Sick => "sick",
        }
    }

    /// The kind of a word.
    pub fn of(word: &str) -> Option<LeaveKind> {
        LeaveKind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Leave of an engineer that was told to onduty, beside what the roster file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldLeave {
    /// Who.
    pub engineer: EngineerId,
    /// First day away.
    pub from: Date,
    /// Last day away.
    pub to: Date,
    /// Why.
    pub kind: LeaveKind,
}

/// A rotating role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// `developers`.
    pub id: DutyId,
    /// As people write it.
    pub name: String,
    /// Who takes turns, in the order of the first round.
    pub members: Vec<EngineerId>,
    /// Where its day is.
    pub zone: TimeZone,
    /// Start of the working day.
    pub starts: Time,
    /// End of the working day; later than `starts`.
    pub ends: Time,
    /// Days of the week that are served.
    pub working_days: Weekdays,
    /// Days that nobody serves, with their names.
    pub holidays: BTreeMap<Date, String>,
    /// First day of the rotation; [`DEFAULT_SINCE`] unless said otherwise.
    pub since: Date,
    /// Who serves instead, by day, from the roster file.
    pub overrides: BTreeMap<Date, EngineerId>,
    /// The skill that every member has, where one is required.
    pub requires: Option<String>,
    /// Turns of one person are at least so many days apart in a plan, and had better be so many.
    pub gaps: Gaps,
    /// Whether somebody else has to agree before a swap counts.
    pub agrees_to_swaps: bool,
    /// After more days than these somebody comes back to a duty that has changed meanwhile: they have a buddy, and something to read.
    pub cold_after: i32,
    /// Shifts that a newcomer watches before their first turn, in a plan.
    pub shadow_shifts: u8,
    /// The duties with which this one shakes hands in the morning, by id; each of them has this one, too.
    pub handshakes: Vec<DutyId>,
    /// What this duty watches.
    pub watches: Watches,
}

/// Days between two turns of one person; what is not said follows from the number of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gaps {
    /// At least.
    pub least: Option<u16>,
    /// Wanted.
    pub wanted: Option<u16>,
}

impl Duty {
    /// Whether `day` is served: one of the duty's days of the week, and no holiday.
    pub fn serves(&self, day: Date) -> bool {
        self.working_days.contains(day.weekday()) && !self.holidays.contains_key(&day)
    }
}

/// What a duty watches; an empty list means everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watches {
    /// Repositories, `owner/name`. The first is the one that a rollout takes its revision from.
    pub repositories: Vec<String>,
    /// The branch that is rolled out: `main`.
    pub branch: Option<String>,
    /// Checks whose failure makes a branch red; all unless said otherwise.
    pub blocking_checks: Vec<String>,
    /// Checks that are only looked at.
    pub informing_checks: Vec<String>,
    /// Error projects.
    pub projects: Vec<String>,
    /// Environments.
    pub environments: Vec<Environment>,
}

impl Watches {
    /// The branch that is rolled out.
    pub fn rollout_branch(&self) -> &str {
        self.branch.as_deref().unwrap_or("main")
    }

    /// Whether a failing check of this name makes a branch red.
    pub fn counts(&self, check: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == check);
        (self.blocking_checks.is_empty() || named(&self.blocking_checks)) && !named(&self.informing_checks)
    }

    /// Whether `repository` is watched, whatever its case.
    pub fn repository(&self, repository: &str) -> bool {
        self.repositories.is_empty() || self.repositories.iter().any(|name| name.eq_ignore_ascii_case(repository))
    }

    /// Whether `environment` is watched.
    pub fn environment(&self, environment: &Environment) -> bool {
        self.environments.is_empty() || self.environments.contains(environment)
    }

    /// The environment that matters most: `production`, or the last one of a list without it.
    pub fn main_environment(&self) -> Environment {
        let production = Environment::from("production");
        match self.environments.last() {
            Some(last) if !self.environments.contains(&production) => last.clone(),
            _ => production,
        }
    }

    /// Whether `project` is watched.
    pub fn project(&self, project: &str) -> bool {
        self.projects.is_empty() || self.projects.iter().any(|name| name == project)
    }
}

/// Everybody and every duty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    /// By id.
    pub engineers: BTreeMap<EngineerId, Engineer>,
    /// In the order of the file; the first is the one that pages open with.
    pub duties: Vec<Duty>,
}

impl Roster {
    /// The roster with leave that was told beside the file. Of whoever is not on it nothing is known.
    pub fn with_leave<'a>(mut self, told: impl IntoIterator<Item = &'a ToldLeave>) -> Roster {
        for ToldLeave { engineer, from, to, kind } in told {
            if let Some(engineer) = self.engineers.get_mut(engineer) {
                engineer.leave.push(Leave { from: *from, to: *to, kind: *kind });
            }
        }
        self
    }

    /// The duty called `id`.
    pub fn duty(&self, id: &DutyId) -> Option<&Duty> {
        self.duties.iter().find(|duty| duty.id == *id)
    }

    /// Who answers on `day` for what `engineer` did: themselves, or whoever took over from who has left, in as many
    /// steps as that took.
    pub fn heir_of<'a>(&'a self, engineer: &'a Engineer, day: Date) -> Option<&'a Engineer> {
        let mut heir = engineer;
        // The file is refused when successors go round in a circle; who asks must not hang all the same.
        for _ in 0..=self.engineers.len() {
            if !heir.has_left(day) {
                return Some(heir);
            }
            heir = self.engineers.get(heir.successor.as_ref()?)?;
        }
        None
    }

    /// The engineer's name as people write it, or the id for somebody who left the roster.
    pub fn name_of<'a>(&'a self, id: &'a EngineerId) -> &'a str {
        self.engineers.get(id).map_or(id.as_str(), |engineer| &engineer.name)
    }

    /// Who commits or is known outside under `handle`: an e-mail, login, id or name, whatever its case.
    pub fn find(&self, handle: &str) -> Option<&Engineer> {
        let handle = handle.trim();
        self.engineers.values().find(|engineer| {
            let names = engineer.emails.iter().chain(&engineer.logins).map(String::as_str);
            names.chain([engineer.id.as_str(), engineer.name.as_str()]).any(|known| known.eq_ignore_ascii_case(handle))
        })
    }
}
