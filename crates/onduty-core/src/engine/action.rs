//! What people (and the answers of outside systems) do to items.

use crate::handshake::Proposed;
use crate::ids::{DutyId, EngineerId, Environment};
use crate::item::{ItemId, SnoozeUntil, Suggestion};
use crate::logbook::MovedShift;
use crate::roster::ToldLeave;
use crate::schedule::Planned;
use crate::signal::RolloutState;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something done to an item or to the day. The journal keeps it as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Drive the item.
    Take {
        /// Which.
        item: ItemId,
    },
    /// Stop driving it.
    Release {
        /// Which.
        item: ItemId,
    },
    /// Tick or clear a line of its checklist.
    Tick {
        /// Which.
        item: ItemId,
        /// Line, from 0.
        line: usize,
        /// Tick or clear.
        done: bool,
    },
    /// Put it out of sight.
    Snooze {
        /// Which.
        item: ItemId,
        /// Until what.
        until: SnoozeUntil,
    },
    /// Bring it back before its time.
    Wake {
        /// Which.
        item: ItemId,
    },
    /// Say what was found out; ends the item unless its step waits for a condition.
    Conclude {
        /// Which.
        item: ItemId,
        /// In the person's words; not empty.
        text: String,
        /// Whether the error's tracker is told that it is resolved.
        #[serde(default)]
        resolve: bool,
    },
    /// Open a closed item again.
    Reopen {
        /// Which.
        item: ItemId,
    },
    /// Say who owns the cause.
    DecideOwner {
        /// Which.
        item: ItemId,
        /// Who.
        engineer: EngineerId,
    },
    /// Say who mended what an item is about, open or closed.
    Mended {
        /// Which.
        item: ItemId,
        /// Who.
        engineer: EngineerId,
    },
    /// Look at a subject of the baseline as an ordinary item.
    OpenBaseline {
        /// The step's baseline item.
        item: ItemId,
        /// How many of the oldest subjects to open.
        count: usize,
    },
    /// Ask the one on duty.
    Ask {
        /// Unique for this question, made by the server.
        id: String,
        /// In the person's words; not empty.
        text: String,
    },
    /// Write a line into the log book.
    Note {
        /// In the person's words; not empty.
        text: String,
        /// About which item.
        item: Option<ItemId>,
        /// The entry that it corrects.
        corrects: Option<i64>,
    },
    /// Serve a day instead of whose turn it is; the day that runs is taken over at once.
    Cover {
        /// Which day.
        day: Date,
        /// Who serves it.
        engineer: EngineerId,
    },
    /// Whose turn it was serves again.
    EndCover {
        /// Which day.
        day: Date,
    },
    /// Let a plan count, instead of what was published for these days before. The server has made and checked it.
    Publish {
        /// The first day.
        from: Date,
        /// The last day.
        until: Date,
        /// Who serves; a day that is missing has nobody in the plan.
        shifts: BTreeMap<Date, Planned>,
    },
    /// Tell of leave that somebody has, or has not any more. The server has changed the roster in the same transaction, and says what moved
    /// by it.
    TellLeave {
        /// Whose, and when.
        leave: ToldLeave,
        /// Whether it is taken back.
        ended: bool,
        /// Shifts that somebody else serves because of it, of those that people count on.
        moved: Vec<MovedShift>,
    },
    /// Know of one's turns that moved.
    SeeMoves {
        /// Those that moved until then.
        until: Timestamp,
    },
    /// Know what changed since one's last turn.
    ReadRefresher,
    /// Offer a shift to the others, or to one of them, for nothing or for one of theirs.
    OfferShift {
        /// Which day.
        day: Date,
        /// To whom; to everybody unless given.
        to: Option<EngineerId>,
        /// The day for which it is given; for nothing unless given.
        in_return: Option<Date>,
    },
    /// Take a shift that is offered.
    TakeShift {
        /// Which day.
        day: Date,
        /// Who serves it from now on.
        engineer: EngineerId,
    },
    /// Agree to a swap, where the duty wants that somebody does.
    AgreeToSwap {
        /// The day that was offered.
        day: Date,
    },
    /// Take an offer back, decline it, or disagree with a swap.
    EndOffer {
        /// The day that was offered.
        day: Date,
    },
    /// Hold out a hand to another duty, or see its hand held out.
    ShakeHands {
        /// Whose hand.
        from: DutyId,
        /// To whom.
        to: DutyId,
    },
    /// Propose something to another duty, or have it proposed.
    Propose {
        /// Unique for this proposal, made by the server.
        id: String,
        /// Who proposes.
        from: DutyId,
        /// Who answers.
        to: DutyId,
        /// What.
        what: Proposed,
    },
    /// Answer a proposal, or take it back.
    AnswerProposal {
        /// Which.
        id: String,
        /// The duty that speaks.
        side: DutyId,
        /// Whether it is done so.
        agreed: bool,
    },
    /// The duty that had handed an item over ended it, or took it back. Done by the machine.
    EndHandedOver {
        /// The item that was opened for it here.
        item: ItemId,
    },
    /// Press the button. The server has checked the gate in the same transaction.
    PressRollout {
        /// The rollout's id, made by the server.
        id: String,
        /// Where to.
        environment: Environment,
        /// What.
        revision: String,
    },
    /// Say how a rollout ended whose outcome nobody knew.
    ResolveRollout {
        /// The rollout's id.
        id: String,
        /// Succeeded or failed.
        state: RolloutState,
    },
    /// The evidence about an item's owner was looked at. Done by the machine.
    Suggest {
        /// Which.
        item: ItemId,
        /// Who.
        suggestion: Suggestion,
    },
    /// The source answered about the owner. Done by the machine.
    WriteBackEnded {
        /// Which.
        item: ItemId,
        /// Why it failed; `None` when the source has it.
        failure: Option<String>,
    },
    /// The source answered about an error that was to be resolved. Done by the machine.
    ResolveEnded {
        /// Which.
        item: ItemId,
        /// Why it failed; `None` when the source shows it as resolved.
        failure: Option<String>,
    },
    /// A file on disk is broken. Done by the machine.
    RefuseFile {
        /// Which.
        file: String,
        /// How many problems.
        problems: u32,
        /// The first one.
        first: String,
    },
}

/// Why an action was not done; shown to the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionRefused {
    /// No such item.
    #[error("there is no item {0}")]
    NoSuchItem(ItemId),
    /// It is over.
    #[error("this item is closed; reopen it first")]
    Closed,
    /// It is not over.
    #[error("this item is open already")]
    NotClosed,
    /// It is not snoozed.
    #[error("this item is not snoozed")]
    NotSnoozed,
    /// What its source ended follows its source.
    #[error("its source ended this item; it opens again when the source says so")]
    FollowsSource,
    /// What another duty handed over ends there.
    #[error("it is over in the duty that handed it over; reopen it there, and hand it over once more")]
    OverWhereItCameFrom,
    /// The same subject has a newer item.
    #[error("there is a newer item about the same; use that one")]
    NewerItem,
    /// Nobody, or somebody else, drives it.
    #[error("you do not drive this item")]
    NotYours,
    /// No such line.
    #[error("its checklist has no line {0}")]
    NoSuchLine(usize),
    /// A text was wanted.
    #[error("write a few words first")]
    EmptyText,
    /// A text is too long.
    #[error("keep it under {0} characters")]
    TextTooLong(usize),
    /// Nobody by that name.
    #[error("{0} is not on the roster")]
    UnknownEngineer(EngineerId),
    /// A snooze that would never end, or has ended.
    #[error("{0}")]
    BadSnooze(String),
    /// Only a baseline can be opened.
    #[error("this item is not a baseline")]
    NotABaseline,
    /// No such rollout, or its outcome is known.
    #[error("there is no rollout {0} whose outcome is unknown")]
    NoSuchRollout(String),
    /// Nobody serves on that day.
    #[error("{0} is no day on which anybody serves")]
    NoShift(Date),
    /// It is over.
    #[error("the shift of {0} is over")]
    ShiftOver(Date),
    /// It is too far away.
    #[error("{0} is more than a year away; nobody can rely on that")]
    TooFarAway(Date),
    /// Somebody who takes no turns.
    #[error("{0} is no member of this duty; its `members` in the roster say who is")]
    NotAMember(EngineerId),
    /// Somebody who is not at work then.
    #[error("{engineer} is away on {day}")]
    Away {
        /// Who.
        engineer: EngineerId,
        /// When.
        day: Date,
    },
    /// It is theirs already.
    #[error("{engineer} serves {day} already")]
    ServesAlready {
        /// Who.
        engineer: EngineerId,
        /// When.
        day: Date,
    },
    /// Nobody serves two duties on one day.
    #[error("{engineer} serves {duty} on {day}")]
    ServesElsewhere {
        /// Who.
        engineer: EngineerId,
        /// The other duty, as people write it.
        duty: String,
        /// When.
        day: Date,
    },
    /// A plan for days that have begun.
    #[error("a plan begins after today; {0} does not")]
    PlanTooEarly(Date),
    /// A plan that says nothing.
    #[error("a plan ends after it begins; {until} is before {from}")]
    PlanBackwards {
        /// Its first day.
        from: Date,
        /// Its last day.
        until: Date,
    },
    /// Nobody serves that day, so that nobody can give it away.
    #[error("nobody serves {0}; take it without an offer")]
    NothingToOffer(Date),
    /// Somebody else's shift in return.
    #[error("{engineer} does not serve {day}, so that it cannot be given in return")]
    NotTheirs {
        /// Who.
        engineer: EngineerId,
        /// When.
        day: Date,
    },
    /// An offer of a shift to whoever has it.
    #[error("the shift of {0} is offered by the one whom it is offered to")]
    OfferedToOneself(Date),
    /// Nobody offers that day.
    #[error("the shift of {0} is not offered, or not any more")]
    NoOffer(Date),
    /// An offer to somebody else.
    #[error("the shift of {day} is offered to {to}")]
    OfferedToAnother {
        /// When.
        day: Date,
        /// To whom.
        to: EngineerId,
    },
    /// It is taken, and waits for somebody to agree.
    #[error("the shift of {day} is taken by {engineer}; somebody has to agree to it")]
    TakenAlready {
        /// When.
        day: Date,
        /// By whom.
        engineer: EngineerId,
    },
    /// Nobody took it yet.
    #[error("nobody has taken the shift of {0} yet")]
    NotTakenYet(Date),
    /// Only who is not part of a swap can agree to it.
    #[error("somebody who is not part of this swap has to agree to it")]
    OwnSwap,
    /// Nobody covers that day.
    #[error("nobody covers {0}")]
    NoCover(Date),
    /// What has begun is not taken back.
    #[error("the shift of {0} has begun; somebody else may take it over")]
    ShiftBegan(Date),
    /// A duty with which there is no handshake.
    #[error("{0} does not shake hands with this duty; `handshake` in the roster says who does")]
    NoHandshake(DutyId),
    /// Nobody shakes hands with themselves.
    #[error("you hold out the other hand already; somebody else of the other duty takes it")]
    OwnHand,
    /// No such proposal.
    #[error("there is no such proposal, or it was answered")]
    NoProposal,
    /// Only the other side agrees.
    #[error("the other duty has to agree to this; you can take it back")]
    OwnProposal,
    /// It is proposed already.
    #[error("this item is proposed to another duty already")]
    ProposedAlready,
    /// It is in another duty's hands.
    #[error("another duty has this item in hand; take it back first")]
    HandedOverAlready,
    /// What cannot be given to another duty.
    #[error("only single items of this duty's own can be handed over")]
    CannotHandOver,
    /// Too much at once.
    #[error("{0} proposals wait for an answer already; answer some first")]
    TooManyProposals(usize),
    /// The step does not deal with owners.
    #[error("this item has no owner to decide about")]
    NoOwnerWanted,
    /// There is no error to resolve.
    #[error("only an error can be resolved at its tracker")]
    NothingToResolve,
    /// The condition of its step holds; it follows the condition.
    #[error("its condition holds; it stays open until that changes")]
    ConditionHolds,
}
