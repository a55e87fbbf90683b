//! Which hours are compared with which: before and after the rollout, and the same hours of earlier days.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

/// Blocks of a window. With five-minute blocks a spike of a quarter of an hour is three of twelve, which the
/// inter-quartile mean leaves out.
pub const BLOCKS: usize = 12;
/// Number of the window before the rollout.
pub const BEFORE: usize = 0;
/// Number of the window after it.
pub const AFTER: usize = 1;
/// Earlier days that are looked at; ten of them are working days.
const MAX_DAYS: i64 = 14;
/// Windows before the window before, back to back, which stand in for earlier days where there are none.
const MAX_EARLIER: i32 = 96;
/// Longer windows have no "same hours" of another day.
const LONGEST_WITH_DAYS: SignedDuration = SignedDuration::from_hours(12);

/// How long is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// After the rollout, while caches fill and old processes end; nothing there counts.
    pub warm_up: SignedDuration,
    /// The window before the rollout, and the one after the warm-up.
    pub window: SignedDuration,
}

impl Default for Lengths {
    fn default() -> Self {
        Lengths { warm_up: SignedDuration::from_mins(10), window: SignedDuration::from_hours(1) }
    }
}

/// A rollout, from its first to its last moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// When the first process got the new revision.
    pub start: Timestamp,
    /// When the last one had it; the same as `start` for a moment.
    pub end: Timestamp,
}

/// What a window is to the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Right before the rollout.
    Before,
    /// After it.
    After,
    /// The hours of [`Role::Before`] on an earlier day, the nearest of which is 0.
    BeforeOn(usize),
    /// The hours of [`Role::After`] on an earlier day.
    AfterOn(usize),
    /// Before [`Role::Before`], on the same day.
    Earlier,
}

/// One stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning, in milliseconds since 1970.
    pub start_ms: i64,
    /// What it is.
    pub role: Role,
}

/// A place in the windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Which window of [`Windows::all`].
    pub window: usize,
    /// From 0 to [`BLOCKS`] − 1.
    pub block: usize,
}

/// The windows of a comparison: all of the same length, none over another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// First before, then after, then two for each earlier day, then the earlier ones.
    all: Vec<Window>,
    /// Beginning and number of each, in the order of time.
    in_order: Vec<(i64, usize)>,
    length_ms: i64,
    days: usize,
}

impl Windows {
    /// The windows around `rollout`; earlier days have the same times of the clock in `zone`. A rollout between Monday
    /// and Friday is compared with such days, another one with Saturdays and Sundays.
    ///
    /// # Errors
    /// When the calendar ends before the windows do.
    pub fn around(rollout: Rollout, lengths: Lengths, zone: &TimeZone) -> Result<Windows, jiff::Error> {
        Windows::later(rollout, lengths, rollout.end.checked_add(lengths.warm_up)?, zone)
    }

    /// The same with the window after the rollout beginning only at `after`: hours later, or on the next working day. Then
    /// earlier days have the hours before, and those on the working day that followed.
    ///
    /// # Errors
    /// As [`Windows::around`].
    pub fn later(
        rollout: Rollout,
        lengths: Lengths,
        after: Timestamp,
        zone: &TimeZone,
    ) -> Result<Windows, jiff::Error> {
        let length_ms = (lengths.window.as_millis() as i64).max(1);
        let before = rollout.start.checked_sub(lengths.window)?;
        let window = |at: Timestamp, role| Window { start_ms: at.as_millisecond(), role };
        let mut all = vec![window(before, Role::Before), window(after, Role::After)];
        let is_free = |all: &[Window], at: Timestamp| {
            all.iter().all(|other| (other.start_ms - at.as_millisecond()).abs() >= length_ms)
        };
        let whole = after.checked_add(lengths.window)?.duration_since(before);
        let local = |at: Timestamp| at.to_zoned(zone.clone());
        let is_weekend = |day: Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        let at_time_of = |time: Timestamp, day: Date| {
            day.to_zoned(zone.clone()).and_then(|day| day.with().time(local(time).time()).build())
        };
        let (first, last) = (local(rollout.start).date(), local(after).date());
        // Hours later it is the same day, though it may be past midnight.
        let is_near = whole <= LONGEST_WITH_DAYS;
        let mut days = 0;
        if is_near || lengths.window * 2 <= LONGEST_WITH_DAYS {
            for back in 1..=MAX_DAYS {
                let day = first.checked_sub(Span::new().days(back))?;
                if is_weekend(day) != is_weekend(first) {
                    continue;
                }
                let days_before = local(before).date().until(first)?.get_days();
                let starts = at_time_of(before, day.checked_sub(Span::new().days(days_before))?)?.timestamp();
                let mut next =
                    if is_near || last <= first { day.checked_add(first.until(last)?)? } else { day.tomorrow()? };
                while !is_near && is_weekend(next) != is_weekend(last) {
                    next = next.tomorrow()?;
                }
                let follows = at_time_of(after, next)?.timestamp();
                // What came after the rollout is no control, and no hour is in two windows.
                let is_earlier = follows.checked_add(lengths.window)? <= before;
                if is_earlier && is_free(&all, starts) && is_free(&all, follows) {
                    all.push(window(starts, Role::BeforeOn(days)));
                    all.push(window(follows, Role::AfterOn(days)));
                    days += 1;
                }
            }
        }
        for back in 1..=MAX_EARLIER {
            let start = before.checked_sub(lengths.window.checked_mul(back).unwrap_or(SignedDuration::MAX));
            match start {
                Ok(start) if lengths.window < LONGEST_WITH_DAYS => {
                    // Yesterday's hours are those of an earlier day.
                    if before.duration_since(start) + whole <= SignedDuration::from_hours(24) && is_free(&all, start) {
                        all.push(window(start, Role::Earlier));
                    }
                }
                Ok(start) => all.push(window(start, Role::Earlier)),
                // So long ago that nobody has data of it.
                Err(_) => break,
            }
        }
        let mut in_order: Vec<(i64, usize)> =
            all.iter().enumerate().map(|(at, window)| (window.start_ms, at)).collect();
        in_order.sort_unstable();
        Ok(Windows { all, in_order, length_ms, days })
    }

    /// All of them: number 0 is before the rollout, 1 after it.
    pub fn all(&self) -> &[Window] {
        &self.all
    }

    /// Earlier days that have windows.
    pub fn days(&self) -> usize {
        self.days
    }

    /// Length of a window, in milliseconds.
    pub fn length_ms(&self) -> i64 {
        self.length_ms
    }

    /// Length of a window, in hours.
    pub fn hours(&self) -> f64 {
        self.length_ms as f64 / 3.6e6
    }

    /// Where the moment `at_ms` (since 1970) belongs; `None` between the windows and elsewhere.
    pub fn place(&self, at_ms: i64) -> Option<Slot> {
        self.stretch(at_ms).slot
    }

    /// The longest stretch of time around `at_ms` that belongs to the same place: whoever reads rows in the order of time
    /// asks once for many.
    pub fn stretch(&self, at_ms: i64) -> Stretch {
        let next = self.in_order.partition_point(|&(start, _)| start <= at_ms);
        let until = self.in_order.get(next).map_or(i64::MAX, |(start, _)| *start);
        let Some(&(start, window)) = next.checked_sub(1).and_then(|last| self.in_order.get(last)) else {
            return Stretch { from_ms: i64::MIN, to_ms: until, slot: None };
        };
        if at_ms - start >= self.length_ms {
            return Stretch { from_ms: start + self.length_ms, to_ms: until, slot: None };
        }
        let blocks = BLOCKS as i64;
        let block = (at_ms - start) * blocks / self.length_ms;
        // The first millisecond of a block.
        let begins = |block: i64| start + (block * self.length_ms + blocks - 1) / blocks;
        let slot = Slot { window, block: block as usize };
        Stretch { from_ms: begins(block), to_ms: begins(block + 1), slot: Some(slot) }
    }
}

/// A stretch of time that belongs to one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its first millisecond since 1970.
    pub from_ms: i64,
    /// The first one after it.
    pub to_ms: i64,
    /// The place; `None` outside of all windows.
    pub slot: Option<Slot>,
}

impl Stretch {
    /// Whether a moment is in it.
    #[inline]
    pub fn has(&self, at_ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(rollout: &str, lengths: Lengths, zone: &str) -> Windows {
        let at: Timestamp = rollout.parse().unwrap();
        Windows::around(Rollout { start: at, end: at }, lengths, &TimeZone::get(zone).unwrap()).unwrap()
    }

    fn shown(windows: &Windows) -> Vec<String> {
        let line =
            |window: &Window| format!("{:?} {}", window.role, Timestamp::from_millisecond(window.start_ms).unwrap());
        windows.all().iter().filter(|window| window.role != Role::Earlier).take(6).map(line).collect()
    }

    #[test]
    fn earlier_days_have_the_same_times_of_the_clock() {
        // A Monday; the clocks of Paris went forward the day before.
        let windows = windows("2026-03-30T14:00:00Z", Lengths::default(), "Europe/Paris");
        insta::assert_snapshot!(shown(&windows).join("\n"), @r"
        Before 2026-03-30T13:00:00Z
        After 2026-03-30T14:10:00Z
        BeforeOn(0) 2026-03-27T14:00:00Z
        AfterOn(0) 2026-03-27T15:10:00Z
        BeforeOn(1) 2026-03-26T14:00:00Z
        AfterOn(1) 2026-03-26T15:10:00Z
        ");
        assert_eq!(windows.days(), 10);
    }

    #[test]
    fn the_next_working_day_is_compared_with_days_that_followed_one() {
        // A Friday afternoon, and Monday's morning.
        let at: Timestamp = "2026-03-27T15:00:00Z".parse().unwrap();
        let after = "2026-03-30T07:00:00Z".parse().unwrap();
        let rollout = Rollout { start: at, end: at };
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let windows = Windows::later(rollout, Lengths::default(), after, &zone).unwrap();
        insta::assert_snapshot!(shown(&windows).join("\n"), @r"
        Before 2026-03-27T14:00:00Z
        After 2026-03-30T07:00:00Z
        BeforeOn(0) 2026-03-26T14:00:00Z
        AfterOn(0) 2026-03-27T08:00:00Z
        BeforeOn(1) 2026-03-25T14:00:00Z
        AfterOn(1) 2026-03-26T08:00:00Z
        ");
        assert_eq!(windows.days(), 10);
        for pair in windows.in_order.windows(2) {
            assert!(pair[0].0 + windows.length_ms <= pair[1].0, "{pair:?}");
        }
        // The same hours as before the rollout would be in two windows: there is nothing to compare with.
        let same = Windows::later(rollout, Lengths::default(), "2026-03-30T13:00:00Z".parse().unwrap(), &zone).unwrap();
        assert_eq!(same.days(), 5);
    }

    #[test]
    fn a_sunday_is_compared_with_weekends() {
        let windows = windows("2026-03-29T14:00:00Z", Lengths::default(), "UTC");
        assert_eq!(windows.days(), 4);
        assert_eq!(shown(&windows)[2], "BeforeOn(0) 2026-03-28T13:00:00Z");
    }

    #[test]
    fn each_moment_is_in_one_window_at_most() {
        let windows = windows("2026-03-30T14:00:00Z", Lengths::default(), "UTC");
        let place = |at: &str| windows.place(at.parse::<Timestamp>().unwrap().as_millisecond());
        let slot = |window, block| Some(Slot { window, block });
        for (at, expected) in [
            ("2026-03-30T13:00:00Z", slot(0, 0)),
            ("2026-03-30T13:59:59.999Z", slot(0, 11)),
            ("2026-03-30T14:00:00Z", None),
            ("2026-03-30T14:09:59Z", None),
            ("2026-03-30T14:10:00Z", slot(1, 0)),
            ("2026-03-30T15:09:59Z", slot(1, 11)),
            ("2026-03-30T15:10:00Z", None),
            ("2026-03-27T14:15:00Z", slot(3, 1)),
            ("2026-03-28T14:15:00Z", None),
            ("1970-01-01T00:00:00Z", None),
        ] {
            assert_eq!(place(at), expected, "{at}");
        }
        for pair in windows.in_order.windows(2) {
            assert!(pair[0].0 + windows.length_ms <= pair[1].0, "{pair:?}");
        }
    }

    #[test]
    fn a_stretch_has_one_place() {
        // Blocks of 250 / 3 ms do not begin at whole milliseconds.
        let lengths = Lengths { window: SignedDuration::from_millis(1000), warm_up: SignedDuration::ZERO };
        let windows = windows("2026-03-30T14:00:00Z", lengths, "UTC");
        let start = windows.all()[0].start_ms;
        for at in start - 1500..start + 2500 {
            let stretch = windows.stretch(at);
            assert!(stretch.has(at), "{at}: {stretch:?}");
            for end in [stretch.from_ms, stretch.to_ms - 1] {
                assert_eq!(windows.stretch(end), stretch, "{end} in the stretch of {at}");
            }
            let is_last = stretch.to_ms == i64::MAX;
            assert!(is_last || windows.place(stretch.to_ms) != stretch.slot, "{at}: {stretch:?}");
        }
    }

    #[test]
    fn windows_of_weeks_have_no_earlier_days() {
        let lengths = Lengths { window: SignedDuration::from_hours(24 * 14), ..Lengths::default() };
        let windows = windows("2026-03-30T14:00:00Z", lengths, "UTC");
        assert_eq!(windows.days(), 0);
        assert!(windows.all().iter().any(|window| window.role == Role::Earlier));
    }
}
