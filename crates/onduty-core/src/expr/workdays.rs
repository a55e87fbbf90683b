//! `workdays_ago(n)`: where the last working days of a duty began.

use super::calls::MAX_WORKDAYS;
use crate::calendar;
use crate::roster::Duty;
use jiff::Timestamp;
use jiff::civil::Time;

/// The starts of today and of the working days before it, newest first.
#[derive(Debug)]
pub(super) struct Workdays {
    starts: Vec<Timestamp>,
}

impl Workdays {
    /// The working days of `duty` before `now`. A day begins at midnight in the duty's zone, so that what happened
    /// in the small hours belongs to the day whose engineer found it.
    pub(super) fn of(duty: &Duty, now: Timestamp) -> Workdays {
        let today = calendar::day_of(duty, now);
        let days = std::iter::successors(Some(today), |day| calendar::previous_working_day(duty, *day));
        let starts = days.take(MAX_WORKDAYS as usize + 1).map(|day| calendar::instant_of(duty, day, Time::midnight()));
        Workdays { starts: starts.collect() }
    }

    /// The start of the working day `count` working days before today; 0 is today, working day or not.
    pub(super) fn ago(&self, count: i64) -> Option<Timestamp> {
        usize::try_from(count).ok().and_then(|count| self.starts.get(count)).copied()
    }
}
