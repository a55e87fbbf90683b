//! What is wrong with a plan, and what nobody serves, as sentences.

use super::{Telling, and, count, visible};
use onduty_core::ids::EngineerId;
use onduty_core::plan::beside::{Beside, BesideWhy};
use onduty_core::plan::{Fault, RunnerUp, Score, Uncovered, Violation, WayOut, Why};
use onduty_core::schedule::{Price, Shift, ShiftOrigin};
use std::collections::BTreeMap;

/// A day without a shift.
pub const NO_SHIFT: &str = "Nobody serves on this day.";

/// Why somebody serves a day of which the planner has no reasons.
pub fn origin(shift: &Shift, tell: &Telling<'_>) -> String {
    let instead =
        |id: &Option<EngineerId>| id.as_ref().map_or_else(String::new, |id| format!(", instead of {}", tell.name(id)));
    match &shift.origin {
        ShiftOrigin::Scheduled | ShiftOrigin::Spread { .. } => {
            "It is their turn in the rotation; no plan is published for this day.".to_owned()
        }
        ShiftOrigin::Published { .. } => {
            "The published plan says so; it stayed from a plan before, or was settled when this one was made."
                .to_owned()
        }
        ShiftOrigin::Exchanged { with } => format!("Exchanged this week with {}.", tell.name(with)),
        ShiftOrigin::Override { instead_of } => format!("The roster says so{}.", instead(instead_of)),
        ShiftOrigin::Covered { instead_of } => format!("People agreed so{}.", instead(instead_of)),
        ShiftOrigin::Served => "It was served.".to_owned(),
        ShiftOrigin::Nobody => "Everybody is away: somebody has to step in.".to_owned(),
    }
}

/// What a day that changes hands costs whoever serves it then.
pub fn price(price: &Price, tell: &Telling<'_>) -> String {
    let (who, day) = (tell.name(&price.engineer), tell.day(price.day));
    let near: Vec<String> = price.near.iter().map(|near| tell.day(*near)).collect();
    match (near.is_empty(), price.is_unwanted) {
        (true, _) => format!("{who} would rather not serve {day}"),
        (false, false) => format!("{who} serves {day} and, near to it, {}", and(&near)),
        (false, true) => format!("{who} would rather not serve {day}, and serves, near to it, {}", and(&near)),
    }
}

/// Who is beside whom on a day.
pub fn beside(beside: &Beside, tell: &Telling<'_>) -> String {
    let (day, engineer, who) = (tell.day(beside.day), tell.name(&beside.engineer), tell.name(&beside.who));
    match beside.why {
        BesideWhy::First => format!("{day}: the first turn of {engineer}, with {who} beside them."),
        BesideWhy::Cold { days } => {
            format!(
                "{day}: the first turn of {engineer} after {}, with {who} beside them.",
                count(days as usize, "day")
            )
        }
        BesideWhy::Shadow => format!("{day}: {who} watches {engineer}."),
    }
}

/// Points of an ordinary day.
const ORDINARY_DAY: f64 = 4.0;

/// A violation: the rule, where, and what is wrong there.
pub fn violation(violation: &Violation) -> String {
    let day = violation.day;
    let place = match &violation.duty {
        Some(duty) => format!("{day} {}", visible(duty)),
        None => day.to_string(),
    };
    format!("{}: {place}: {}", violation.rule(), fault(violation))
}

fn fault(violation: &Violation) -> String {
    match &violation.fault {
        Fault::NoSuchSlot => "no such slot".to_owned(),
        Fault::NothingToCover => "uncovered, but no such slot".to_owned(),
        Fault::Twice => "assigned twice".to_owned(),
        Fault::UnknownPerson(person) => format!("unknown person {}", visible(person)),
        Fault::Unlisted => "neither assigned nor listed once as uncovered".to_owned(),
        Fault::ServedAndUncovered => "both assigned and uncovered".to_owned(),
        Fault::Blocked { person, why } => format!("{} blocked by {}", visible(person), why.code()),
        Fault::Roles { person, roles } => format!("{} has {roles} roles", visible(person)),
        Fault::TooNear { person, other, least } => {
            let apart = count(violation.day.0.abs_diff(other.0) as usize, "day");
            format!("{} serves on {other}, too: {apart} apart, minimum {least}", visible(person))
        }
        Fault::NoBuddy { person } => format!("first duty of joiner {} without a buddy", visible(person)),
        Fault::NeedlessBuddy(buddy) => format!("buddy {} not called for", visible(buddy)),
        Fault::UnfitBuddy(buddy) => format!("buddy {} is not an experienced other person", visible(buddy)),
        Fault::BlockedBuddy { buddy, why } => format!("buddy {} blocked by {}", visible(buddy), why.code()),
        Fault::Instants { said: Some((start, end)), expected } => {
            format!("instants {start}..{end}, expected {}..{}", expected.0, expected.1)
        }
        Fault::Instants { said: None, expected } => {
            format!("start or end missing or unreadable, expected {}..{}", expected.0, expected.1)
        }
        Fault::Frozen { person } => format!("frozen for {}, who is still available", visible(person)),
        Fault::Unexplained => "uncovered without explanation".to_owned(),
        Fault::WrongReason { person, said, found } => {
            let said = said.as_deref().map_or_else(|| "nothing".to_owned(), visible);
            let found = if found.is_empty() { "that nothing keeps them".to_owned() } else { found.join(" or ") };
            format!("{} given as {said}, found {found}", visible(person))
        }
    }
}

/// A slot without anybody: whether somebody could serve it in another plan is not claimed.
pub fn uncovered(slot: &Uncovered) -> String {
    let serves = if slot.is_hopeless() { "can serve" } else { "serves" };
    format!("nobody {serves} {} on {}", visible(&slot.duty), slot.day)
}

/// A code of the plan's format, as what is said of several people: `2 on leave`.
fn keeps(code: &str) -> &str {
    match code {
        "not_member" => "of other duties",
        "missing_skill" => "without the skill",
        "not_employed" => "not with the team then",
        "day_off" => "not working that day of the week",
        "public_holiday" => "on a public holiday",
        "leave" => "away",
        "leave_guard" => "about to go on leave or just back",
        "min_gap" => "too near to another turn",
        "other_duty" => "serving another duty",
        "needs_buddy" => "new, and nobody free to be beside them",
        other => other,
    }
}

/// A level of the score, as what gets worse.
fn level(name: &str) -> &str {
    match name {
        "uncovered" => "days without anybody",
        "late_joiners" => "newcomers who wait too long",
        "change_cost" => "changes of what people had seen",
        "fair_max" => "the load of whoever carries most",
        "fair_sum" => "the sum of unfairness",
        "spacing" => "the distance between turns",
        "preferences" => "days that people would rather not serve",
        _ => "the evenness of weekdays",
    }
}

/// Why the planner chose somebody, as sentences.
pub fn reason(reason: &Why, tell: &Telling<'_>) -> Vec<String> {
    let days = |milli: i64| format!("{:.1}", milli as f64 / (1000.0 * ORDINARY_DAY));
    let mut said = vec![match reason.others {
        0 => "Nobody else could serve this day with everything else as it is.".to_owned(),
        others => format!("{} could have served as well.", count(others, "other")),
    }];
    let excluded: Vec<String> =
        reason.excluded.iter().map(|(code, people)| format!("{people} {}", keeps(code))).collect();
    if !excluded.is_empty() {
        said.push(format!("Not possible: {}.", and(&excluded)));
    }
    said.push(format!(
        "In this plan they carry {} ordinary days; their share would be {}.",
        days(reason.load * 1000),
        days(reason.target_milli)
    ));
    if let Some(since) = reason.days_since_last {
        said.push(format!("It is {} since their turn before.", count(since.unsigned_abs() as usize, "day")));
    }
    said.extend(reason.runner_up.as_ref().map(|other| runner_up(other, tell)));
    said
}

fn runner_up(other: &RunnerUp, tell: &Telling<'_>) -> String {
    let exchange = other.exchange.as_ref().map(|(day, _)| format!(", in exchange for {}", tell.day(day.date())));
    let (how, name) = (exchange.unwrap_or_default(), tell.name(&EngineerId::new(&*other.person)));
    match &other.worse {
        Some((worse, by)) if *by > 0 => format!("{name} would have been next{how}: worse for {}.", level(worse)),
        Some((better, _)) => {
            format!("{name} would have been next{how}: the search left that, though better for {}.", level(better))
        }
        None => format!("{name} would have been as good{how}."),
    }
}

/// Why nobody can serve a day, and what would help, the cheapest first.
pub fn nobody(why: &BTreeMap<EngineerId, String>, ways_out: &[WayOut], tell: &Telling<'_>) -> Vec<String> {
    let mut by_code: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (engineer, code) in why {
        by_code.entry(keeps(code)).or_default().push(tell.name(engineer));
    }
    let mut said: Vec<String> = by_code.into_iter().map(|(code, names)| format!("{} {code}", and(&names))).collect();
    said.extend(ways_out.iter().map(|way| way_out(way, tell)));
    said
}

fn way_out(way: &WayOut, tell: &Telling<'_>) -> String {
    let name = |person: &String| tell.name(&EngineerId::new(person.as_str()));
    match way {
        WayOut::WaiveGuard { person } => format!("{} could volunteer, beside a leave", name(person)),
        WayOut::ShortenGap { person, days } => {
            format!("{} could serve again after {}", name(person), count(days.unsigned_abs() as usize, "day"))
        }
        WayOut::Borrow { person } => format!("{} of another duty could help out", name(person)),
        WayOut::LeaveOpen => "the day can stay without anybody".to_owned(),
    }
}

/// How good a plan is, as sentences, the most important first; with each whether no plan can be better.
pub fn quality(score: Score, proven: [bool; 7]) -> Vec<String> {
    let best = |level: usize| if proven[level] { ", and no plan can have less" } else { "" };
    let [uncovered, late, changes, most, _, near, unwanted] = score.0;
    let days = |milli: i64| format!("{:.1}", milli as f64 / (1000.0 * ORDINARY_DAY));
    let counted = |number: i64, what: &str| count(number.unsigned_abs() as usize, what);
    let mut said = vec![match uncovered {
        0 => "Every day has somebody.".to_owned(),
        days => format!("{} without anybody{}.", counted(days, "day"), best(0)),
    }];
    if late > 0 {
        said.push(format!("{} served later than two weeks after arrival{}.", counted(late, "first turn"), best(1)));
    }
    said.push(match changes {
        0 => "Nothing changes that people had seen.".to_owned(),
        points => format!(
            "Changes of what people had seen weigh {points}: three for a day within two weeks, one for a later one{}.",
            best(2)
        ),
    });
    said.push(match most {
        0 => "Nobody carries more than half a day more or less than their share.".to_owned(),
        milli => format!(
            "Whoever is furthest from their share is {} ordinary days beyond the half day that is allowed{}.",
            days(milli),
            best(3)
        ),
    });
    said.push(match near {
        0 => "All turns are as far apart as wanted.".to_owned(),
        days => {
            format!("Turns are {} nearer to each other than wanted, all together{}.", counted(days, "day"), best(5))
        }
    });
    if unwanted > 0 {
        said.push(format!("{} on days that people would rather not serve{}.", counted(unwanted, "turn"), best(6)));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use onduty_core::plan::{Day, Static};

    #[test]
    fn violations_say_the_rule_where_and_what() {
        let day = Day::parse("2026-03-03").unwrap();
        let name = || "zo\u{1b}e".to_owned();
        let check = |duty: Option<&str>, fault: Fault, expected: &str| {
            assert_eq!(violation(&Violation { day, duty: duty.map(str::to_owned), fault }), expected);
        };
        let eng = Some("eng");
        check(eng, Fault::UnknownPerson(name()), "H1: 2026-03-03 eng: unknown person zo␛e");
        let (person, why) = (name(), Static::LeaveGuard);
        check(eng, Fault::Blocked { person, why }, "H3: 2026-03-03 eng: zo␛e blocked by leave_guard");
        check(None, Fault::Roles { person: name(), roles: 2 }, "H4: 2026-03-03: zo␛e has 2 roles");
        let (person, other, least) = (name(), day.plus(-1), 2);
        check(
            eng,
            Fault::TooNear { person, other, least },
            "H5: 2026-03-03 eng: zo␛e serves on 2026-03-02, too: 1 day apart, minimum 2",
        );
        let (person, said, found) = (name(), None, vec!["min_gap", "other_duty"]);
        check(
            eng,
            Fault::WrongReason { person, said, found },
            "H9: 2026-03-03 eng: zo␛e given as nothing, found min_gap or other_duty",
        );
    }
}
