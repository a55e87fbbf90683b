//! What two duties do with each other: each time one transaction over both.

use super::day::{DayError, Loaded, load_board};
use super::{App, Change, Instance};
use crate::store::{self, Tx};
use onduty_core::engine::{Action, ActionRefused};
use onduty_core::handshake::Proposed;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::item::{Item, Why};

impl App {
    /// `by` holds out the hand of `duty` to `other`.
    ///
    /// # Errors
    /// [`DayError::Refused`] with the reason; nothing was changed.
    pub async fn shake_hands(&self, duty: &DutyId, other: &DutyId, by: &EngineerId) -> Result<(), DayError> {
        let mut tx = self.store.begin().await?;
        let action = Action::ShakeHands { from: duty.clone(), to: other.clone() };
        self.on_both_sides(&mut tx, [duty, other], by, &action).await?;
        self.commit_both(tx, [duty, other]).await
    }

    /// `by` proposes something to `other` for `duty`; answers what names the proposal.
    ///
    /// # Errors
    /// [`DayError::Refused`] with the reason; nothing was changed.
    pub async fn propose(
        &self,
        duty: &DutyId,
        other: &DutyId,
        by: &EngineerId,
        what: Proposed,
    ) -> Result<String, DayError> {
        let mut tx = self.store.begin().await?;
        let id = store::new_id(crate::clock::real_now());
        let action = Action::Propose { id: id.clone(), from: duty.clone(), to: other.clone(), what };
        self.on_both_sides(&mut tx, [duty, other], by, &action).await?;
        self.commit_both(tx, [duty, other]).await?;
        Ok(id)
    }

    /// `by` answers a proposal for `duty`, or takes one of its own back.
    ///
    /// # Errors
    /// [`DayError::Refused`] with the reason; nothing was changed.
    pub async fn answer_proposal(
        &self,
        duty: &DutyId,
        by: &EngineerId,
        id: &str,
        agreed: bool,
    ) -> Result<(), DayError> {
        let mut tx = self.store.begin().await?;
        let board = load_board(&mut tx, duty).await?;
        let proposal = board.proposals.get(id).ok_or(ActionRefused::NoProposal)?;
        let other = proposal.other_than(duty).clone();
        let action = Action::AnswerProposal { id: id.to_owned(), side: duty.clone(), agreed };
        self.on_both_sides(&mut tx, [duty, &other], by, &action).await?;
        self.commit_both(tx, [duty, &other]).await
    }

    async fn on_both_sides(
        &self,
        tx: &mut Tx,
        duties: [&DutyId; 2],
        by: &EngineerId,
        action: &Action,
    ) -> Result<(), DayError> {
        let (instance, now) = (self.instance(), self.clock.duty_now());
        for duty in duties {
            let mut day = Loaded::load(&instance, tx, duty, now).await?;
            day.act(tx, Some(by), action.clone()).await?;
            day.pass(tx).await?;
        }
        Ok(())
    }

    async fn commit_both(&self, tx: Tx, duties: [&DutyId; 2]) -> Result<(), DayError> {
        tx.commit().await?;
        for duty in duties {
            self.bus.tell(Change::Day(duty.clone()));
        }
        Ok(())
    }

    /// Does to an item that two duties share in the other duty what was done here; tells that duty where it was done. One that is over there,
    /// or follows its condition, stays as it is.
    pub(super) async fn act_there(
        &self,
        tx: &mut Tx,
        instance: &Instance,
        duty: DutyId,
        by: Option<&EngineerId>,
        action: Action,
    ) -> Result<Option<DutyId>, DayError> {
        let mut day = match Loaded::load(instance, tx, &duty, self.clock.duty_now()).await {
            // Without a process nothing there needs anybody.
            Err(DayError::NoDuty(_)) => return Ok(None),
            loaded => loaded?,
        };
        match day.act(tx, by, action).await {
            Err(DayError::Refused(_)) => return Ok(None),
            done => done?,
        }
        day.pass(tx).await?;
        Ok(Some(duty))
    }
}

impl Loaded<'_> {
    /// Ends what another duty had handed over and has ended, or taken back, itself, and what was proposed about items that are over; tells
    /// whether there was any.
    pub(super) async fn end_what_ended_there(&mut self, tx: &mut Tx) -> Result<bool, DayError> {
        let mut over = Vec::new();
        for item in self.open_items() {
            let Why::HandedOver { item: original, .. } = &item.why else { continue };
            let original = store::items::get(tx, original).await?;
            let is_ours = |original: &Item| original.handed_over.as_ref().is_some_and(|to| to.item == item.id);
            if !original.is_some_and(|original| original.is_open() && is_ours(&original)) {
                over.push(item.id.clone());
            }
        }
        let mut stale = Vec::new();
        for (id, proposal) in &self.board().proposals {
            let Proposed::HandOver { item, .. } = &proposal.what else { continue };
            if !store::items::get(tx, item).await?.is_some_and(|item| item.is_open()) {
                stale.push(Action::AnswerProposal { id: id.clone(), side: proposal.from.clone(), agreed: false });
            }
        }
        let actions: Vec<Action> = over.into_iter().map(|item| Action::EndHandedOver { item }).chain(stale).collect();
        for action in &actions {
            self.act(tx, None, action.clone()).await?;
        }
        Ok(!actions.is_empty())
    }
}
