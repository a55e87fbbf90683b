//! What two duties agree on. Each action comes to both of them, and each keeps its own side of it: see `docs/design/handshake.md`.

use super::act::{Actor, checked};
use super::{Action, ActionRefused, new_item, shift_of};
use crate::handshake::{Hand, Handshake, Proposal, Proposed};
use crate::ids::{DutyId, StepId, Subject};
use crate::item::{Closing, HandedOver, Item, ItemId, ItemState, Taken, Why};
use crate::logbook::Event;
use crate::process::ASKED;

/// Proposals that wait on one board.
const MOST_PROPOSALS: usize = 50;

impl Actor<'_> {
    pub(super) fn shake_hands(&mut self, from: &DutyId, to: &DutyId) -> Result<(), ActionRefused> {
        let with = self.other_side(from, to)?;
        let is_ours = *from == self.pass.draft.rules.duty.id;
        let day = shift_of(self.pass.draft.rules.duty, self.pass.draft.now);
        let hand = Hand { by: self.by.clone(), at: self.pass.draft.now };
        let handshakes = &mut self.pass.draft.plan.board.handshakes;
        handshakes.retain(|_, known| known.day == day);
        let handshake = handshakes.entry(with.clone()).or_insert_with(|| Handshake::of(day));
        let (side, other) = match is_ours {
            true => (&mut handshake.ours, &handshake.theirs),
            false => (&mut handshake.theirs, &handshake.ours),
        };
        if side.is_some() {
            return Ok(());
        }
        if other.as_ref().is_some_and(|other| other.by == hand.by) {
            return Err(ActionRefused::OwnHand);
        }
        *side = Some(hand);
        if let Some((ours, theirs)) = handshake.hands() {
            let (ours, theirs) = (ours.by.clone(), theirs.by.clone());
            self.log(None, Event::HandsShaken { with, ours, theirs });
        }
        Ok(())
    }

    pub(super) fn propose(
        &mut self,
        id: &str,
        from: &DutyId,
        to: &DutyId,
        what: &Proposed,
    ) -> Result<(), ActionRefused> {
        self.other_side(from, to)?;
        let waiting = &self.pass.draft.plan.board.proposals;
        if waiting.len() >= MOST_PROPOSALS {
            return Err(ActionRefused::TooManyProposals(MOST_PROPOSALS));
        }
        let is_ours = *from == self.pass.draft.rules.duty.id;
        let (what, about) = match what {
            Proposed::PairTask { text } => (Proposed::PairTask { text: checked(text)? }, None),
            Proposed::HandOver { item, .. } => {
                let is_same =
                    |known: &Proposal| matches!(&known.what, Proposed::HandOver { item: of, .. } if of == item);
                if waiting.values().any(is_same) {
                    return Err(ActionRefused::ProposedAlready);
                }
                (what.clone(), if is_ours { Some(self.can_hand_over(item)?) } else { None })
            }
        };
        self.log(about.as_ref(), Event::Proposed { from: from.clone(), to: to.clone(), what: what.clone() });
        let (by, at) = (self.by.clone(), self.pass.draft.now);
        let proposal = Proposal { from: from.clone(), to: to.clone(), what, by, at };
        self.pass.draft.plan.board.proposals.insert(id.to_owned(), proposal);
        Ok(())
    }

    pub(super) fn answer_proposal(&mut self, id: &str, side: &DutyId, agreed: bool) -> Result<(), ActionRefused> {
        let proposal = self.pass.draft.plan.board.proposals.remove(id).ok_or(ActionRefused::NoProposal)?;
        if agreed && *side != proposal.to {
            return Err(ActionRefused::OwnProposal);
        }
        let about = if agreed { Some(self.agree(id, &proposal)?) } else { None };
        let Proposal { from, to, what, by, .. } = proposal;
        self.log(about.as_ref(), Event::ProposalAnswered { from, by, to, side: side.clone(), what, agreed });
        Ok(())
    }

    /// The item that this side has of it.
    fn agree(&mut self, id: &str, proposal: &Proposal) -> Result<Item, ActionRefused> {
        let own = &self.pass.draft.rules.duty.id;
        let (by, at) = (proposal.by.clone(), self.pass.draft.now);
        let why = match &proposal.what {
            Proposed::PairTask { text } => {
                Why::Paired { with: proposal.other_than(own).clone(), by, text: text.clone() }
            }
            Proposed::HandOver { item, .. } if proposal.from == *own => {
                let mut item = self.can_hand_over(item)?;
                let (to, engineer) = (proposal.to.clone(), self.by.clone());
                item.taken = Some(Taken { by: engineer.clone(), at });
                item.handed_over = Some(HandedOver { item: agreed_item(&to, id), to, engineer, at });
                self.pass.draft.put(item.clone());
                return Ok(item);
            }
            Proposed::HandOver { item, title } => {
                Why::HandedOver { from: proposal.from.clone(), by, item: item.clone(), title: title.clone() }
            }
        };
        let is_given = matches!(why, Why::HandedOver { .. });
        let mut item = new_item(&self.pass.draft, &StepId::from(ASKED), Subject::from(id), why);
        item.taken = is_given.then(|| Taken { by: self.by.clone(), at });
        self.pass.draft.put(item.clone());
        Ok(item)
    }

    fn can_hand_over(&self, item: &ItemId) -> Result<Item, ActionRefused> {
        let item = self.find_open(item)?;
        if item.handed_over.is_some() {
            return Err(ActionRefused::HandedOverAlready);
        }
        match item.why {
            Why::More { .. } | Why::Baseline { .. } | Why::Paired { .. } | Why::HandedOver { .. } => {
                Err(ActionRefused::CannotHandOver)
            }
            Why::Condition { .. } | Why::Subject { .. } | Why::Due | Why::Asked { .. } => Ok(item),
        }
    }

    pub(super) fn end_handed_over(&mut self, item: &ItemId) -> Result<(), ActionRefused> {
        let mut item = self.find_open(item)?;
        let how = Closing::EndedWhereItCameFrom;
        item.state = ItemState::Closed { at: self.pass.draft.now, how: how.clone() };
        self.log(Some(&item), Event::ItemClosed { step: item.step.clone(), how });
        self.pass.draft.put(item);
        Ok(())
    }

    /// The other one of two duties of which this is one.
    fn other_side(&self, from: &DutyId, to: &DutyId) -> Result<DutyId, ActionRefused> {
        let duty = self.pass.draft.rules.duty;
        let other = if *to == duty.id { from } else { to };
        let is_ours = [from, to].contains(&&duty.id) && duty.handshakes.contains(other);
        if is_ours { Ok(other.clone()) } else { Err(ActionRefused::NoHandshake(other.clone())) }
    }
}

/// The item that opens in `duty` when the proposal called `id` is agreed to.
pub fn agreed_item(duty: &DutyId, id: &str) -> ItemId {
    ItemId::derive(duty, &StepId::from(ASKED), &Subject::from(id), 1)
}

/// What an action on an item that two duties share is in the other duty; `None` where it concerns this one alone.
pub fn on_other_side(action: &Action, item: &Item) -> Option<(DutyId, Action)> {
    let (duty, item) = shared_with(item)?;
    let action = match action {
        Action::Conclude { text, .. } => Action::Conclude { item, text: text.clone(), resolve: false },
        Action::Reopen { .. } => Action::Reopen { item },
        _ => return None,
    };
    Some((duty.clone(), action))
}

/// The item of the other duty with which `item` ends, where two duties share it.
pub fn shared_with(item: &Item) -> Option<(&DutyId, ItemId)> {
    match &item.why {
        Why::Paired { with, .. } => Some((with, agreed_item(with, item.subject.as_str()))),
        Why::HandedOver { from, item, .. } => Some((from, item.clone())),
        _ => None,
    }
}
