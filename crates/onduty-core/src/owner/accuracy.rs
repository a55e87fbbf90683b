//! How often suggestions were right, by what is known afterwards.
//!
//! Counts suggestions, never people: nothing here says who was named how often.

use crate::ids::{EngineerId, StepId};
use crate::item::{Closing, Item, ItemState, OwnerReason, Suggestion, Why};
use crate::roster::Roster;
use crate::signal::Fact;
use serde::Serialize;
use std::collections::BTreeMap;

/// How it is known who it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// Who mended it: read off the commits, or said by a person.
    Mended,
    /// Whom a person named as owner, here or at the source. Somebody who accepts a suggestion agrees with it, so this
    /// flatters.
    Named,
}

/// What spoke first for the first one of a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// People decided so before.
    Decision,
    /// Commits since the last green build.
    SinceGreen,
    /// Commits of the last rollout.
    InRollout,
    /// A rule of CODEOWNERS.
    CodeOwners,
    /// Who wrote the lines of the stack, or those around them.
    Lines,
    /// Who changed these files.
    Files,
    /// Who changed files beside them.
    Folders,
    /// Who works on the repository at all.
    Activity,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Items of which it is known who it was.
    pub judged: u32,
    /// … where that was the first one suggested.
    pub first: u32,
    /// … where that was among the first three.
    pub first_three: u32,
    /// … where that was in the team of the first one, or was the first one.
    pub same_team: u32,
}

/// How often suggestions were right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accuracy {
    /// By the step that wanted an owner.
    pub by_step: BTreeMap<(StepId, Known), Counts>,
    /// By what spoke first; suggestions of nobody are not in it.
    pub by_voice: BTreeMap<(Voice, Known), Counts>,
    /// Items for which somebody was looked for.
    pub items: u32,
    /// Items of which nobody knows who it was.
    pub unknown: u32,
}

/// What is known about the suggestions of `items`.
pub fn accuracy<'a>(items: impl Iterator<Item = &'a Item>, roster: &Roster) -> Accuracy {
    let mut all = Accuracy::default();
    for (item, suggestion) in items.filter_map(|item| Some((item, item.suggestion.as_ref()?))) {
        all.items += 1;
        let Some((who, known)) = truth(item, roster) else {
            all.unknown += 1;
            continue;
        };
        let counts = judged(suggestion, &who, roster);
        all.by_step.entry((item.step.clone(), known)).or_default().add(counts);
        if let Some(reason) = suggestion.people.first().and_then(|first| first.reasons.first()) {
            all.by_voice.entry((voice(reason), known)).or_default().add(counts);
        }
    }
    all
}

/// Who it was, and how that is known. What the machine decided proves nothing about the machine, also where the source
/// repeats it.
fn truth(item: &Item, roster: &Roster) -> Option<(EngineerId, Known)> {
    if let Some(mended) = &item.mended {
        return Some((mended.engineer.clone(), Known::Mended));
    }
    let (named, machine) = match &item.owner {
        Some(owner) if owner.is_decided_by_person() => (Some(owner.engineer.clone()), None),
        owner => (None, owner.as_ref().map(|owner| &owner.engineer)),
    };
    let at_source = || {
        let handle = match (&item.state, &item.why) {
            (ItemState::Closed { how: Closing::AssignedAtSource { to }, .. }, _) => Some(to),
            (ItemState::Closed { .. }, Why::Subject { fact: Fact::Error(error), .. }) => error.assignee.as_ref(),
            _ => None,
        };
        let found = roster.find(handle?)?;
        (Some(&found.id) != machine).then(|| found.id.clone())
    };
    named.or_else(at_source).map(|who| (who, Known::Named))
}

fn judged(suggestion: &Suggestion, who: &EngineerId, roster: &Roster) -> Counts {
    let team = |id: &EngineerId| roster.engineers.get(id).and_then(|engineer| engineer.team.as_ref());
    let place = suggestion.people.iter().position(|person| person.engineer == *who);
    let first = suggestion.people.first().map(|person| &person.engineer);
    let in_team = first.and_then(team).is_some_and(|named| team(who) == Some(named));
    Counts {
        judged: 1,
        first: u32::from(place == Some(0)),
        first_three: u32::from(place.is_some_and(|place| place < 3)),
        same_team: u32::from(place == Some(0) || in_team),
    }
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.judged += other.judged;
        self.first += other.first;
        self.first_three += other.first_three;
        self.same_team += other.same_team;
    }
}

fn voice(reason: &OwnerReason) -> Voice {
    match reason {
        OwnerReason::DecidedBefore { .. } => Voice::Decision,
        OwnerReason::SinceGreen { .. } => Voice::SinceGreen,
        OwnerReason::InRollout { .. } => Voice::InRollout,
        OwnerReason::NamedByRule { .. } => Voice::CodeOwners,
        OwnerReason::WroteLine { .. } | OwnerReason::WroteAround { .. } => Voice::Lines,
        OwnerReason::RecentCommits { .. } => Voice::Files,
        OwnerReason::CommitsToFolder { .. } | OwnerReason::WorksNear { .. } => Voice::Folders,
        OwnerReason::CommitsLately { .. } | OwnerReason::LastCommit { .. } => Voice::Activity,
        OwnerReason::TookOver { because, .. } => voice(because),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DutyId, MACHINE, Subject};
    use crate::item::{Candidate, ItemId, Mended, Owner, WriteBack};
    use crate::roster;
    use jiff::Timestamp;

    const AT: &str = "2026-03-02T12:00:00Z";

    fn team() -> Roster {
        let text = "
engineers:
  lena: {emails: [lena@acme.example], team: shop}
  omar: {team: shop}
  eva: {team: search}
duties:
  developers: {members: all, zone: UTC}
";
        roster::parse("roster.yml", text).unwrap()
    }

    fn at() -> Timestamp {
        AT.parse().unwrap()
    }

    fn item(suggested: &[&str]) -> Item {
        let (duty, step, subject) = (DutyId::from("developers"), StepId::from("errors"), Subject::from("e1"));
        let reasons = vec![OwnerReason::LastCommit { at: at() }];
        let candidate = |id: &&str| Candidate {
            engineer: EngineerId::from(*id),
            available: true,
            confidence: None,
            owned: 0,
            reasons: reasons.clone(),
        };
        let people = suggested.iter().map(candidate).collect();
        Item {
            id: ItemId::derive(&duty, &step, &subject, 1),
            duty,
            step,
            subject,
            occurrence: 1,
            why: Why::Due,
            opened_at: at(),
            shift: "2026-03-02".parse().unwrap(),
            state: ItemState::Closed { at: at(), how: Closing::Concluded },
            taken: None,
            suggestion: Some(Suggestion {
                people,
                others: Vec::new(),
                team: None,
                flaky: None,
                green_is_gone: false,
                at: at(),
                note: None,
            }),
            owner: None,
            checklist: Vec::new(),
            conclusion: None,
            mended: None,
            escalated: false,
            handed_over: None,
        }
    }

    fn owned(item: Item, engineer: &str, by: &str) -> Item {
        let (engineer, decided_by) = (EngineerId::from(engineer), EngineerId::from(by));
        Item { owner: Some(Owner { engineer, decided_by, at: at(), write_back: WriteBack::Done }), ..item }
    }

    fn mended(item: Item, engineer: &str) -> Item {
        let said_by = EngineerId::from("lena");
        Item {
            mended: Some(Mended { engineer: EngineerId::from(engineer), revision: None, said_by, at: at() }),
            ..item
        }
    }

    fn assigned(item: Item, to: &str) -> Item {
        let how = Closing::AssignedAtSource { to: to.to_owned() };
        Item { state: ItemState::Closed { at: at(), how }, ..item }
    }

    /// `known: first/three/team of judged`, or `unknown`.
    fn check(item: &Item, expected: &str) {
        let found = accuracy(std::iter::once(item), &team());
        let said: Vec<String> = found
            .by_step
            .iter()
            .map(|((_, known), counts)| {
                format!("{known:?}: {}/{}/{} of {}", counts.first, counts.first_three, counts.same_team, counts.judged)
            })
            .collect();
        let said = if found.unknown == 1 { "unknown".to_owned() } else { said.join(", ") };
        assert_eq!(said, expected, "{item:?}");
    }

    #[test]
    fn what_is_known_afterwards_judges() {
        let three = || item(&["lena", "omar", "eva"]);
        check(&three(), "unknown");
        check(&mended(three(), "lena"), "Mended: 1/1/1 of 1");
        check(&mended(three(), "omar"), "Mended: 0/1/1 of 1");
        check(&mended(three(), "eva"), "Mended: 0/1/0 of 1");
        check(&mended(item(&["eva"]), "lena"), "Mended: 0/0/0 of 1");
        check(&mended(item(&[]), "lena"), "Mended: 0/0/0 of 1");
        check(&owned(three(), "omar", "eva"), "Named: 0/1/1 of 1");
        check(&assigned(three(), "LENA@acme.example"), "Named: 1/1/1 of 1");
        check(&assigned(three(), "somebody@else.example"), "unknown");
        // Who mended it is better known than who was named.
        check(&mended(owned(three(), "lena", "lena"), "eva"), "Mended: 0/1/0 of 1");
    }

    #[test]
    fn the_machine_proves_nothing_about_itself() {
        let three = || item(&["lena", "omar", "eva"]);
        check(&owned(three(), "lena", MACHINE), "unknown");
        check(&assigned(owned(three(), "lena", MACHINE), "lena@acme.example"), "unknown");
        // Somebody gave it to somebody else there.
        check(&assigned(owned(three(), "lena", MACHINE), "omar"), "Named: 0/1/1 of 1");
    }

    #[test]
    fn items_without_a_suggestion_do_not_count() {
        let all = [Item { suggestion: None, ..item(&[]) }, mended(item(&["lena"]), "lena"), item(&["lena"])];
        let found = accuracy(all.iter(), &team());
        assert_eq!((found.items, found.unknown), (2, 1));
        assert_eq!(found.by_voice.keys().collect::<Vec<_>>(), [&(Voice::Activity, Known::Mended)]);
    }
}
