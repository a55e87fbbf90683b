//! What is wrong with a plan, and what nobody serves, as sentences.

use super::{count, visible};
use onduty_core::plan::{Fault, Uncovered, Violation};

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
