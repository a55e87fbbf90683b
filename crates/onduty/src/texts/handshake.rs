//! What two duties agree on, in words.

use super::{Telling, visible};
use onduty_core::handshake::Proposed;
use onduty_core::ids::{DutyId, EngineerId};

/// Both hands.
pub fn shaken(with: &DutyId, ours: &EngineerId, theirs: &EngineerId, tell: &Telling<'_>) -> String {
    format!("{} and {} of {} shook hands", tell.name(ours), tell.name(theirs), tell.duty_name(with))
}

/// Fits after "developers proposed to devops ".
pub fn proposed(what: &Proposed) -> String {
    match what {
        Proposed::PairTask { text } => format!("to do together: {}", visible(text)),
        Proposed::HandOver { title, .. } => format!("to hand over: {}", visible(title)),
    }
}

/// A proposal that waits for an answer.
pub fn waiting(from: &DutyId, to: &DutyId, what: &Proposed, tell: &Telling<'_>) -> String {
    format!("{} proposed to {} {}", tell.duty_name(from), tell.duty_name(to), proposed(what))
}

/// A proposal that was answered: both sides and who of them proposed it; the author of the line answered.
pub fn answered(
    (from, by): (&DutyId, &EngineerId),
    (to, side): (&DutyId, &DutyId),
    what: &Proposed,
    agreed: bool,
    tell: &Telling<'_>,
) -> String {
    let (proposer, other) = (format!("{} of {}", tell.name(by), tell.duty_name(from)), tell.duty_name(to));
    match (what, agreed) {
        (Proposed::PairTask { text }, true) => {
            format!("agreed for {other} with {proposer} to do together: {}", visible(text))
        }
        (Proposed::HandOver { title, .. }, true) => {
            format!("took over for {other} from {proposer}: {}", visible(title))
        }
        (what, false) if side == from => {
            format!("took back what {proposer} had proposed to {other} {}", proposed(what))
        }
        (what, false) => format!("declined for {other} what {proposer} had proposed {}", proposed(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, paris, roster};
    use super::*;

    #[test]
    fn both_names_are_in_every_line() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:00"), zone: &zone, roster: &roster, process: None };
        let (ours, theirs, who) = (DutyId::from("developers"), DutyId::from("devops"), EngineerId::from("lena"));
        let pair = Proposed::PairTask { text: "rotate\nkeys".to_owned() };
        let over = Proposed::HandOver {
            item: onduty_core::item::ItemId::from_text("developers.x.1"),
            title: "red \u{202e}main".to_owned(),
        };
        assert_eq!(shaken(&theirs, &who, &"omar".into(), &tell), "Lena Vogt and Omar Haddad of devops shook hands");
        let said = |what: &Proposed, side: &DutyId, agreed: bool| {
            answered((&ours, &who), (&theirs, side), what, agreed, &tell)
        };
        assert_eq!(
            said(&pair, &theirs, true),
            "agreed for devops with Lena Vogt of developers to do together: rotate␊keys"
        );
        assert_eq!(said(&over, &theirs, true), "took over for devops from Lena Vogt of developers: red <U+202E>main");
        assert_eq!(
            said(&pair, &ours, false),
            "took back what Lena Vogt of developers had proposed to devops to do together: rotate␊keys"
        );
        assert_eq!(
            said(&over, &theirs, false),
            "declined for devops what Lena Vogt of developers had proposed to hand over: red <U+202E>main"
        );
    }
}
