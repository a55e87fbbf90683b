//! Who comes back to a duty after long, or serves it for the first time: they have something to read before.

use super::{Shift, next_turn};
use crate::ids::EngineerId;
use crate::roster::{Duty, Engineer, Roster};
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Days before a turn from which on it is said.
const SAID_BEFORE: i32 = 7;
/// How far back somebody reads who never served.
const AT_FIRST_DAYS: i32 = 90;

/// A turn after long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comeback {
    /// When.
    pub turn: Date,
    /// The turn before; none where it is the first.
    pub last: Option<Date>,
}

/// Whether `engineer`'s next turn in `coming`, from today on, is near and cold, and they have not read since when `read` what changed.
pub fn comeback(
    roster: &Roster,
    duty: &Duty,
    served: &BTreeMap<Date, EngineerId>,
    coming: &[Shift],
    engineer: &EngineerId,
    (today, read): (Date, Option<Date>),
) -> Option<Comeback> {
    let turn = next_turn(coming, engineer, today)?.day;
    let last = last_turn(served, engineer, today);
    let is_cold = match last {
        Some(last) => days_between(last, turn) > duty.cold_after,
        // Of whoever was there before onduty nothing is known.
        None => is_newcomer(roster, duty, engineer),
    };
    // Read before the last turn, or long before this one, is read no more.
    let is_read =
        read.is_some_and(|read| last.is_none_or(|last| read > last) && days_between(read, turn) <= duty.cold_after);
    let is_near = turn <= today.saturating_add(SAID_BEFORE.days());
    (is_near && is_cold && !is_read).then_some(Comeback { turn, last })
}

/// Since when somebody has been away from a duty, and who came and went meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Their last turn.
    pub last: Option<Date>,
    /// From when on things are news to them.
    pub from: Date,
    /// Members who came.
    pub came: Vec<EngineerId>,
    /// Members who left.
    pub went: Vec<EngineerId>,
}

/// How long `engineer` has been away on `today`.
pub fn absence(
    roster: &Roster,
    duty: &Duty,
    served: &BTreeMap<Date, EngineerId>,
    engineer: &EngineerId,
    today: Date,
) -> Absence {
    let last = last_turn(served, engineer, today);
    let from = last.unwrap_or_else(|| today.saturating_sub(AT_FIRST_DAYS.days()));
    let who = |day_of: fn(&Engineer) -> Option<Date>| -> Vec<EngineerId> {
        let members = duty.members.iter().filter_map(|id| roster.engineers.get(id));
        let meanwhile = members.filter(|who| day_of(who).is_some_and(|day| (from..=today).contains(&day)));
        meanwhile.map(|who| who.id.clone()).collect()
    };
    Absence { last, from, came: who(|who| who.joined), went: who(|who| who.left) }
}

/// The last day before `today` that `engineer` served.
pub fn last_turn(served: &BTreeMap<Date, EngineerId>, engineer: &EngineerId, today: Date) -> Option<Date> {
    served.range(..today).rev().find(|(_, served)| *served == engineer).map(|(day, _)| *day)
}

/// Whether `engineer` came after the duty began.
pub fn is_newcomer(roster: &Roster, duty: &Duty, engineer: &EngineerId) -> bool {
    let joined = roster.engineers.get(engineer).and_then(|engineer| engineer.joined);
    joined.is_some_and(|joined| joined > duty.since)
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::super::{Known, plan};
    use super::*;
    use crate::roster;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn found(engineer: &str, today: &str, served: &[(&str, &str)], read: Option<&str>) -> Option<(String, String)> {
        let file = "engineers: {lena: {}, omar: {}, new: {joined: 2026-06-01}}\n\
                    duties: {d: {members: all, zone: UTC, since: 2026-01-05, cold_after: 60}}\n";
        let roster = roster::parse("roster.yml", file).unwrap();
        let overrides = [("2026-06-10", "lena"), ("2026-06-11", "new")].map(|(on, who)| (day(on), who.into()));
        let (mut duty, engineer) = (roster.duties[0].clone(), EngineerId::from(engineer));
        duty.overrides = overrides.into();
        duty.members = vec!["omar".into()];
        let served = served.iter().map(|(on, who)| (day(on), EngineerId::from(*who))).collect();
        let coming = plan(&roster, &duty, Known::NOTHING, day(today), day("2026-06-30"));
        let found = comeback(&roster, &duty, &served, &coming, &engineer, (day(today), read.map(day)))?;
        Some((found.turn.to_string(), found.last.map_or("first".to_owned(), |last| last.to_string())))
    }

    #[test]
    fn who_was_away_hears_who_came_and_went() {
        let file = "engineers:\n  lena: {}\n  old: {left: 2026-04-30}\n  new: {joined: 2026-05-04}\n  before: {joined: 2026-03-01}\n  \
                    later: {joined: 2026-07-01}\nduties: {d: {members: all, zone: UTC, since: 2026-01-05}}\n";
        let roster = roster::parse("roster.yml", file).unwrap();
        let (lena, today) = (EngineerId::from("lena"), day("2026-06-01"));
        let served = [(day("2026-03-02"), lena.clone()), (day("2026-06-01"), lena.clone())].into();
        let absence = |served| absence(&roster, &roster.duties[0], served, &lena, today);
        let expected = Absence {
            last: Some(day("2026-03-02")),
            from: day("2026-03-02"),
            came: vec!["new".into()],
            went: vec!["old".into()],
        };
        assert_eq!(absence(&served), expected);
        let never = absence(&BTreeMap::new());
        assert_eq!((never.last, never.from, never.came), (None, day("2026-03-03"), vec!["new".into()]));
    }

    #[test]
    fn a_cold_turn_is_said_a_week_before_until_it_is_read() {
        let long_ago = [("2026-03-02", "lena"), ("2026-03-03", "omar")];
        let said = Some(("2026-06-10".to_owned(), "2026-03-02".to_owned()));
        assert_eq!(found("lena", "2026-06-03", &long_ago, None), said);
        assert_eq!(found("lena", "2026-06-10", &long_ago, None), said, "on the day, too");
        assert_eq!(found("lena", "2026-06-02", &long_ago, None), None, "more than a week before");
        assert_eq!(found("lena", "2026-06-03", &[("2026-05-04", "lena")], None), None, "not cold");
        assert_eq!(found("lena", "2026-06-03", &long_ago, Some("2026-06-02")), None, "read");
        assert_eq!(found("lena", "2026-06-03", &long_ago, Some("2026-03-01")), said, "read before the last turn");
        assert_eq!(found("lena", "2026-06-03", &long_ago, Some("2026-04-02")), said, "read long before");
        assert_eq!(found("lena", "2026-06-03", &[], None), None, "of whom nothing is known");
        assert_eq!(found("new", "2026-06-04", &[], None), Some(("2026-06-11".to_owned(), "first".to_owned())));
        assert_eq!(found("new", "2026-06-04", &[], Some("2026-06-04")), None);
    }
}
