//! Hand-offs where clocks jump: every zone, every change of its clocks from 2000 to 2040, at every instant exactly one holder.

use super::tests::tiny;
use super::{Day, Facts, read};
use jiff::civil::Time;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;

/// One change of a zone's clocks.
struct Jump {
    at: Timestamp,
    before: Offset,
    after: Offset,
}

fn jumps(zone: &TimeZone) -> Vec<Jump> {
    let until: Timestamp = "2040-01-01T00:00:00Z".parse().unwrap();
    let changes = zone.following("2000-01-01T00:00:00Z".parse().unwrap());
    let all = changes.map(|change| change.timestamp()).take_while(|at| *at < until).map(|at| Jump {
        at,
        before: zone.to_offset(at - SignedDuration::from_secs(1)),
        after: zone.to_offset(at),
    });
    all.filter(|jump| jump.before != jump.after).collect()
}

/// When it is so late where clocks jump, worked out from the two offsets alone: in a gap as much later as the clocks were moved, of two
/// the first.
fn instant_beside(jump: &Jump, day: Day, time: Time) -> Timestamp {
    let local = day.date().to_datetime(time);
    let (early, late) = (jump.before.to_timestamp(local).unwrap(), jump.after.to_timestamp(local).unwrap());
    let is_before = early < jump.at;
    let is_after = late >= jump.at;
    if !is_before && is_after { late } else { early }
}

#[test]
fn at_every_instant_a_duty_around_the_clock_has_one_holder() {
    let mut json = tiny();
    json["duties"] = ["day", "night"]
        .iter()
        .map(|id| {
            let mut duty = json["duties"][0].clone();
            duty["id"] = json!(id);
            duty["weekdays"] = json!([1, 2, 3, 4, 5, 6, 7]);
            duty["to_next_day"] = json!(true);
            duty
        })
        .collect();
    for person in json["people"].as_array_mut().unwrap() {
        person["members"] = json!({"day": 1000, "night": 1000});
    }
    let mut instance = read(&json).unwrap();
    let mut skipped = Vec::new();
    let (mut seen, mut handed_over, mut gaps, mut folds) = (BTreeSet::new(), 0, 0, 0);
    for name in jiff::tz::db().available() {
        let zone = TimeZone::get(name.as_str()).unwrap();
        let jumps = jumps(&zone);
        // Most names are others of zones that were seen.
        if !seen.insert(jumps.iter().map(|jump| (jump.at, jump.after.seconds())).collect::<Vec<_>>()) {
            continue;
        }
        for (n, jump) in jumps.iter().enumerate() {
            // Two changes within days of each other would need three offsets.
            let is_near = |other: Option<&Jump>| {
                other.is_some_and(|other| (other.at - jump.at).total(jiff::Unit::Hour).unwrap().abs() < 120.0)
            };
            if is_near(n.checked_sub(1).map(|n| &jumps[n])) || is_near(jumps.get(n + 1)) {
                continue;
            }
            // Samoa and Tokelau went without 30 December 2011. Whoever plans a shift for a day that there is not has it together with the
            // next day's; the data set's rule says so.
            if (jump.after.seconds() - jump.before.seconds()).abs() >= 86_400 {
                skipped.push(name.as_str().to_owned());
                continue;
            }
            let (old, new) = (jump.before.to_datetime(jump.at), jump.after.to_datetime(jump.at));
            let middle = old.min(new) + (old.max(new).duration_since(old.min(new))) / 2;
            if new > old {
                gaps += 1
            } else {
                folds += 1
            }
            for hand_off in [old, new, middle] {
                // In the first minutes of a day both ends of the night would be one time.
                let (from, other) = (
                    Time::new(hand_off.hour(), hand_off.minute(), 0, 0).unwrap(),
                    Time::new((hand_off.hour() + 12) % 24, 17, 0, 0).unwrap(),
                );
                let day = Day::of(hand_off.date());
                (instance.first, instance.last) = (day.plus(-2), day.plus(2));
                for duty in &mut instance.duties {
                    duty.zone = zone.clone();
                    (duty.from, duty.to) = if duty.id == "day" { (from, other) } else { (other, from) };
                    duty.to_next_day = duty.to <= duty.from;
                }
                let facts = Facts::new(instance.clone()).unwrap();
                handed_over += hand_overs(&facts, jump, name.as_str());
            }
        }
    }
    assert!(
        gaps > 3_000 && folds > 3_000 && handed_over > 30_000,
        "{gaps} gaps, {folds} folds, {handed_over} hand-offs"
    );
}

/// Checks all hand-offs of some days; how many there were.
fn hand_overs(facts: &Facts, jump: &Jump, zone: &str) -> usize {
    let mut shifts: Vec<(Timestamp, Timestamp, Day)> = (0..facts.slots.len())
        .map(|slot| {
            let (starts, ends) = facts.instants(slot);
            let here = &facts.slots[slot];
            let duty = &facts.instance.duties[here.duty];
            assert_eq!(starts, instant_beside(jump, here.day, duty.from), "{zone}: {} {}", here.day, duty.from);
            (starts, ends, here.day)
        })
        .collect();
    // Of two that start at one instant one has no length: its day was skipped.
    shifts.sort();
    for pair in shifts.windows(2) {
        let [(starts, ends, day), (next, _, _)] = pair else { unreachable!("windows of two") };
        assert!(starts <= ends, "{zone}: {day} ends at {ends}, before it starts at {starts}");
        assert_eq!(ends, next, "{zone}: {day} ends at {ends}, the next starts at {next}");
    }
    shifts.len() - 1
}
