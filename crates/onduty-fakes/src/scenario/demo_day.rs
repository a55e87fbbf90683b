//! The sample day: a working day on which something of everything happens, and nothing of it after 16:00.
//!
//! Times of ordinary work come from the seed; what the day is about happens at fixed times.

use super::commits::{mend, three_changes};
use super::{Act, CHECKS, Event, Scenario, Work};
use crate::github::{Conclusion, DeploymentState};
use crate::random::Random;
use crate::sample::{ID_BASKET, ID_BOOKING, ID_SMS, PROJECT, ZONE, live_errors, named_error, old_errors};
use crate::signals::CustomSignal;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// How often the tracker gives a sign of life.
const HEARTBEAT: SignedDuration = SignedDuration::from_mins(4);
/// Branches that people work on; their checks say nothing about main.
const BRANCHES: [&str; 6] =
    ["seat-zoom", "voucher-left", "wallet-offline", "search-synonyms", "digest-mail", "refund-window"];

impl Scenario {
    /// The sample day on `day`, in the sample team's time zone. `release` is the revision that runs everywhere in the
    /// morning.
    ///
    /// # Errors
    /// When the machine does not know the team's time zone, or the day is outside of it.
    pub fn demo_day(day: Date, seed: u64, release: &str) -> Result<Scenario, jiff::Error> {
        let mut builder = Builder::new(day, seed)?;
        builder.last_rollout(day)?;
        builder.morning(release);
        builder.ordinary_work((9, 24), (10, 42));
        builder.errors();
        builder.flake();
        builder.ordinary_work((11, 44), (13, 12));
        builder.red_and_green();
        builder.ordinary_work((14, 46), (15, 36));
        builder.rollout_to_staging();
        builder.other_branches();
        Ok(builder.finish(day))
    }

    /// A day on which people only work: what follows the sample day when the demo is left running. Needs no listing,
    /// because the tracker is connected already.
    ///
    /// # Errors
    /// When the machine does not know the team's time zone, or the day is outside of it.
    pub fn ordinary_day(day: Date, seed: u64) -> Result<Scenario, jiff::Error> {
        let mut builder = Builder::new(day, seed)?;
        if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            builder.ordinary_work((9, 10), (15, 36));
        }
        builder.certificate(builder.at(9, 10));
        builder.other_branches();
        Ok(builder.finish(day))
    }
}

struct Builder {
    nine: Timestamp,
    random: Random,
    events: Vec<Event>,
}

impl Builder {
    fn new(day: Date, seed: u64) -> Result<Builder, jiff::Error> {
        let nine = day.at(9, 0, 0, 0).to_zoned(TimeZone::get(ZONE)?)?.timestamp();
        Ok(Builder { nine, random: Random::new(seed), events: Vec::new() })
    }

    fn finish(mut self, day: Date) -> Scenario {
        // Stable: what was added first happens first within a minute.
        self.events.sort_by_key(|event| event.at);
        Scenario { day, events: self.events, heartbeat: HEARTBEAT }
    }

    /// The instant of a time on the clock: hours of a working day are counted from nine, because clocks are never
    /// changed in between.
    fn at(&self, hour: i64, minute: i64) -> Timestamp {
        self.nine + SignedDuration::from_mins((hour - 9) * 60 + minute)
    }

    fn add(&mut self, at: Timestamp, title: impl Into<String>, act: Act) {
        self.events.push(Event { at, title: title.into(), act });
    }

    /// What customers have had since the last working day: the release that the morning begins with.
    fn last_rollout(&mut self, day: Date) -> Result<(), jiff::Error> {
        let friday = day.checked_sub(3.days())?;
        let at = friday.at(16, 12, 0, 0).to_zoned(TimeZone::get(ZONE)?)?.timestamp();
        let environment = "production".to_owned();
        let act = Act::RolloutStarts { environment: environment.clone(), by: "ines-acme".to_owned() };
        self.add(at, "Friday's work is rolled out to production", act);
        let act = Act::RolloutEnds { environment, state: DeploymentState::Success };
        self.add(at + SignedDuration::from_mins(6), "Friday's work has arrived", act);
        Ok(())
    }

    fn morning(&mut self, release: &str) {
        let listing = self.at(9, 5);
        self.add(self.at(9, 2), "the code host is connected", Act::Pings);
        let act = Act::Connects { old: old_errors(listing), live: live_errors(listing, release) };
        self.add(listing, "the error tracker lists what it has", act);
        self.checks(self.at(9, 4), &CHECKS);
        self.certificate(self.at(9, 10));
    }

    /// All checks start a little after `push` and pass, the slow ones last; gives the time of the last.
    fn checks(&mut self, push: Timestamp, passing: &[&str]) -> Timestamp {
        let mut last = push;
        for (check, minutes) in CHECKS.iter().zip([(1, 2), (5, 7), (6, 8), (10, 12)]) {
            self.check_starts("main", check, push + SignedDuration::from_secs(50));
            if passing.contains(check) {
                let seconds = self.random.between(minutes.0 * 60, minutes.1 * 60);
                let at = push + SignedDuration::from_secs(60 + seconds);
                self.check_ends("main", check, at, Conclusion::Success);
                last = last.max(at);
            }
        }
        last
    }

    fn check_starts(&mut self, branch: &str, check: &str, at: Timestamp) {
        let act = Act::CheckStarts { branch: branch.to_owned(), check: check.to_owned() };
        self.add(at, format!("{check} starts on {branch}"), act);
    }

    fn check_ends(&mut self, branch: &str, check: &str, at: Timestamp, how: Conclusion) {
        let act = Act::CheckEnds { branch: branch.to_owned(), check: check.to_owned(), how };
        let word = match how {
            Conclusion::Success => "passes",
            Conclusion::Failure => "fails",
            _ => "ends",
        };
        self.add(at, format!("{check} {word} on {branch}"), act);
    }

    fn push(&mut self, at: Timestamp, title: &str, work: Work) {
        self.add(at, title, Act::Pushes(work));
    }

    /// A push every 20 to 40 minutes between two times of the clock, all green.
    fn ordinary_work(&mut self, from: (i64, i64), to: (i64, i64)) {
        let (mut at, end) = (self.at(from.0, from.1), self.at(to.0, to.1));
        while at <= end {
            let count = 1 + self.random.below(2);
            self.push(at, "ordinary work is pushed", Work::Routine(count));
            self.checks(at, &CHECKS);
            at += SignedDuration::from_secs(self.random.between(20 * 60, 40 * 60));
        }
    }

    fn errors(&mut self) {
        self.appears(ID_BOOKING, 10, 12, "a new error on staging");
        self.happens(ID_BOOKING, 10, 31, 8);
        self.happens(ID_BOOKING, 11, 2, 13);
        self.happens(ID_BOOKING, 13, 20, 19);
        self.appears(ID_SMS, 10, 40, "an error in production that nobody has");
        self.happens(ID_SMS, 11, 36, 1);
        self.happens(ID_SMS, 13, 4, 1);
        self.happens("SHOP-4102", 12, 15, 9);
        self.appears(ID_BASKET, 14, 40, "another error in production");
        self.happens(ID_BASKET, 15, 10, 220);
        let act = Act::ErrorResolved { project: PROJECT.to_owned(), id: "SHOP-4071".to_owned() };
        self.add(self.at(15, 12), "Noor resolves an old error on staging", act);
    }

    fn appears(&mut self, id: &str, hour: i64, minute: i64, title: &str) {
        let at = self.at(hour, minute);
        if let Some(group) = named_error(id, at, None) {
            self.add(at, title, Act::ErrorAppears(group));
        }
    }

    fn happens(&mut self, id: &str, hour: i64, minute: i64, times: u64) {
        let act = Act::ErrorHappens { project: PROJECT.to_owned(), id: id.to_owned(), times };
        self.add(self.at(hour, minute), format!("{id} happens again"), act);
    }

    fn flake(&mut self) {
        let push = self.at(11, 8);
        self.push(push, "ordinary work is pushed", Work::Routine(1));
        self.checks(push, &["lint", "unit tests", "build image"]);
        self.check_ends("main", "e2e", self.at(11, 20), Conclusion::Failure);
        self.check_starts("main", "e2e", self.at(11, 24));
        self.check_ends("main", "e2e", self.at(11, 33), Conclusion::Success);
    }

    fn red_and_green(&mut self) {
        let push = self.at(13, 44);
        self.push(push, "three changes are pushed together", Work::Written(three_changes()));
        self.checks(push, &["lint", "build image", "e2e"]);
        self.check_ends("main", "unit tests", self.at(13, 52), Conclusion::Failure);

        let push = self.at(14, 16);
        self.push(push, "Priya pushes a mend", Work::Written(mend()));
        self.checks(push, &CHECKS);
    }

    fn rollout_to_staging(&mut self) {
        let environment = "staging".to_owned();
        let act = Act::RolloutStarts { environment: environment.clone(), by: "ines-acme".to_owned() };
        self.add(self.at(15, 51), "the pipeline rolls out to staging", act);
        let act = Act::RolloutEnds { environment, state: DeploymentState::Success };
        self.add(self.at(15, 55), "staging has arrived", act);
    }

    /// Others work on branches all day, also after 16:00: signs of life that change nothing on main.
    fn other_branches(&mut self) {
        let end = self.at(18, 45);
        let mut at = self.at(9, 31);
        for branch in BRANCHES.into_iter().cycle() {
            if at > end {
                break;
            }
            let how = if self.random.chance(25) { Conclusion::Failure } else { Conclusion::Success };
            self.check_starts(branch, "unit tests", at);
            self.check_ends(branch, "unit tests", at + SignedDuration::from_mins(7), how);
            at += SignedDuration::from_mins(self.random.between(13, 27));
        }
    }

    fn certificate(&mut self, at: Timestamp) {
        let signal = CustomSignal {
            kind: "certificate".to_owned(),
            subject: "shop.example".to_owned(),
            failing: false,
            message: "valid for 61 more days".to_owned(),
            max_age: "26h".to_owned(),
        };
        self.add(at, "the certificate of shop.example is fine", Act::Signals(signal));
    }
}
