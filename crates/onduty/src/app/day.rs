//! The day of one duty: passes, actions and the button, each in one transaction.
//!
//! Loads from the store, decides in the core, writes what comes out. Never talks to the network. The files in force are
//! looked up inside the transaction: they change inside one, so that a replay sees the same order.

use super::{App, Change, Instance};
use crate::store::outbox::NewEffect;
use crate::store::rollouts::Attempt;
use crate::store::{self, StoreError, Tx};
use crate::texts;
use jiff::Timestamp;
use onduty_core::calendar;
use onduty_core::engine::{self, Action, ActionRefused, Board, Effect, Memory, Plan, Record, Rules};
use onduty_core::gate::{self, Blocker};
use onduty_core::ids::{DutyId, EngineerId, Environment, SourceName, Subject};
use onduty_core::item::{Item, ItemId};
use onduty_core::roster::Duty;
use onduty_core::schedule;
use onduty_core::signal::{Fact, Kind, Observation, RolloutFact, RolloutState, Snapshot};
use onduty_core::signal_feeds::KEPT_AFTER_NEWS;

/// The source of what onduty itself does to the world.
pub const OWN_SOURCE: &str = "onduty";

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// No such duty, or it has no process yet.
    #[error("there is no duty {0} with a process")]
    NoDuty(DutyId),
    /// The engine says no.
    #[error(transparent)]
    Refused(#[from] ActionRefused),
    /// The gate is closed.
    #[error("the gate is closed")]
    GateClosed(Vec<Blocker>),
    /// What the person saw is not what would go out now.
    #[error("what would go out has changed since you looked; look again, then press again")]
    Moved,
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// One pass of the engine for `duty` at duty time `now`; tells whether anything changed and when the next is due.
    ///
    /// # Errors
    /// The store cannot be read or written; nothing was changed.
    pub async fn pass(&self, duty: &DutyId, now: Timestamp) -> Result<PassReport, DayError> {
        let mut tx = self.store.begin().await?;
        let instance = self.instance();
        let mut day = Loaded::load(&instance, &mut tx, duty, now).await?;
        let ended = day.end_what_ended_there(&mut tx).await?;
        let (changed, next_wake) = day.pass(&mut tx).await?;
        let changed = changed || ended;
        if changed {
            tx.commit().await?;
            self.bus.tell(Change::Day(duty.clone()));
        }
        Ok(PassReport { changed, next_wake })
    }

    /// Does what `by` (nobody is the machine) wants, then runs a pass, in one transaction.
    ///
    /// # Errors
    /// [`DayError::Refused`] with the reason; nothing was changed.
    pub async fn act(&self, duty: &DutyId, by: Option<&EngineerId>, action: Action) -> Result<(), DayError> {
        let mut tx = self.store.begin().await?;
        let instance = self.instance();
        let mut day = Loaded::load(&instance, &mut tx, duty, self.clock.duty_now()).await?;
        let settled = match &action {
            Action::ResolveRollout { id, state } => Some((id.clone(), *state)),
            _ => None,
        };
        let shared = match &action {
            Action::Conclude { item, .. } | Action::Reopen { item } => day.memory.items.get(item).cloned(),
            _ => None,
        };
        let on_both_sides = shared.and_then(|item| engine::on_other_side(&action, &item));
        let held_by = match &action {
            Action::Take { item } | Action::Conclude { item, .. } => {
                day.memory.items.get(item).and_then(|item| item.handed_over.as_ref()).map(|to| to.to.clone())
            }
            _ => None,
        };
        day.check_other_duties(&mut tx, &action).await?;
        day.act(&mut tx, by, action).await?;
        if let Some((id, state)) = settled {
            day.settle_rollout(&mut tx, &id, state).await?;
        }
        day.pass(&mut tx).await?;
        let there = match on_both_sides {
            Some((other, action)) => self.act_there(&mut tx, &instance, other, by, action).await?,
            None => None,
        };
        tx.commit().await?;
        for duty in std::iter::once(duty).chain(&there) {
            self.bus.tell(Change::Day(duty.clone()));
        }
        if let Some(other) = held_by {
            // Its own item ends now, not with the next full minute.
            self.pass(&other, self.clock.duty_now()).await?;
        }
        Ok(())
    }

    /// Whether [`App::act`] would do it; nothing changes.
    ///
    /// # Errors
    /// As [`App::act`].
    pub async fn would_act(&self, duty: &DutyId, by: Option<&EngineerId>, action: Action) -> Result<(), DayError> {
        let mut tx = self.store.begin().await?;
        let instance = self.instance();
        let mut day = Loaded::load(&instance, &mut tx, duty, self.clock.duty_now()).await?;
        day.check_other_duties(&mut tx, &action).await?;
        day.act(&mut tx, by, action).await
    }

    /// Presses the button: the gate is judged again in the transaction that records the press, and only what the
    /// person saw goes out. One look at the gate is good for one attempt: whoever presses on it again, soon or late,
    /// gets that one.
    ///
    /// # Errors
    /// [`DayError::GateClosed`] with every reason, [`DayError::Moved`] when what would go out has changed.
    pub async fn press(&self, press: &Press) -> Result<Pressed, DayError> {
        let mut tx = self.store.begin().await?;
        let instance = self.instance();
        let mut day = Loaded::load(&instance, &mut tx, &press.duty, self.clock.duty_now()).await?;
        if let Some(before) = store::rollouts::by_key(&mut tx, &press.key()).await? {
            return Ok(Pressed::Before(before.press.id));
        }
        day.pass(&mut tx).await?;
        let inputs = engine::gate_inputs(&day.memory.board, &press.environment)
            .ok_or_else(|| DayError::GateClosed(vec![Blocker::NoRolloutStep]))?;
        let open = gate::evaluate(&inputs).map_err(DayError::GateClosed)?;
        if open.revision() != press.revision || open.diff_hash() != press.diff_hash {
            return Err(DayError::Moved);
        }
        let id = store::new_id(crate::clock::real_now());
        let new = store::rollouts::Press {
            key: press.key(),
            id: id.clone(),
            duty: press.duty.clone(),
            environment: open.environment().clone(),
            revision: open.revision().to_owned(),
            diff_hash: open.diff_hash().to_owned(),
            inputs_hash: open.inputs_hash().to_owned(),
            pressed_by: press.by.clone(),
            pressed_at: day.now,
        };
        // The unique indexes are the last word: isolation levels are not.
        let attempt = match store::rollouts::press(&mut tx, &new).await? {
            store::rollouts::Pressed::Recorded(attempt) => attempt,
            store::rollouts::Pressed::Again(attempt) => return Ok(Pressed::Before(attempt.press.id)),
            store::rollouts::Pressed::Occupied(other) => {
                let (revision, since) = (other.press.revision, other.press.pressed_at);
                return Err(DayError::GateClosed(vec![Blocker::InProgress { revision, since }]));
            }
        };
        let (environment, revision) = (press.environment.clone(), press.revision.clone());
        day.act(&mut tx, Some(&press.by), Action::PressRollout { id: id.clone(), environment, revision }).await?;
        day.observe(&mut tx, rollout_fact(&attempt, RolloutState::Requested, None)).await?;
        day.pass(&mut tx).await?;
        tx.commit().await?;
        self.bus.tell(Change::Day(press.duty.clone()));
        Ok(Pressed::Now(id))
    }

    /// Takes a requested attempt on: true for exactly one caller, who then starts its script.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn take_on_rollout(&self, attempt: &Attempt) -> Result<bool, DayError> {
        let mut tx = self.store.begin().await?;
        let instance = self.instance();
        let mut day = Loaded::load(&instance, &mut tx, &attempt.press.duty, self.clock.duty_now()).await?;
        if !store::rollouts::take_on(&mut tx, &attempt.press.id, day.now).await? {
            return Ok(false);
        }
        day.observe(&mut tx, rollout_fact(attempt, RolloutState::Running, None)).await?;
        day.pass(&mut tx).await?;
        tx.commit().await?;
        self.bus.tell(Change::Day(attempt.press.duty.clone()));
        Ok(true)
    }

    /// Records how an attempt ended.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn end_rollout(&self, attempt: &Attempt, outcome: &Outcome) -> Result<(), DayError> {
        let mut tx = self.store.begin().await?;
        let instance = self.instance();
        let duty = &attempt.press.duty;
        let mut day = Loaded::load(&instance, &mut tx, duty, self.clock.duty_now()).await?;
        day.end_attempt(&mut tx, &attempt.press.id, outcome).await?;
        day.pass(&mut tx).await?;
        tx.commit().await?;
        self.bus.tell(Change::Day(duty.clone()));
        self.bus.tell(Change::Rollout { duty: duty.clone() });
        Ok(())
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Succeeded, failed or unknown.
    pub state: RolloutState,
    /// What the script answered.
    pub exit_code: Option<i32>,
    /// What went wrong, for people.
    pub reason: Option<String>,
}

/// What a pass did.
#[derive(Debug, Clone, Copy)]
pub struct PassReport {
    /// Whether it wrote anything.
    pub changed: bool,
    /// When the next one is due, in duty time.
    pub next_wake: Timestamp,
}

/// Somebody presses the button.
#[derive(Debug, Clone)]
pub struct Press {
    /// Whose day.
    pub duty: DutyId,
    /// Who.
    pub by: EngineerId,
    /// Where to.
    pub environment: Environment,
    /// What, as the person saw it.
    pub revision: String,
    /// Hash over everything that goes out and every rollout before, as the person saw it.
    pub diff_hash: String,
}

impl Press {
    /// The same for every press on the same look at the gate, whoever presses and however often.
    fn key(&self) -> String {
        format!("{} {} {} {}", self.duty, self.environment, self.revision, self.diff_hash)
    }
}

/// What came of a press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// This press made the attempt.
    Now(String),
    /// A press on the same look made it before.
    Before(String),
}

/// A day as it stands in one transaction.
pub(super) struct Loaded<'a> {
    instance: &'a Instance,
    rules: Rules<'a>,
    memory: Memory,
    snapshot: Snapshot,
    now: Timestamp,
}

impl<'a> Loaded<'a> {
    pub(super) async fn load(
        instance: &'a Instance,
        tx: &mut Tx,
        duty: &DutyId,
        now: Timestamp,
    ) -> Result<Loaded<'a>, DayError> {
        let rules = instance.rules(duty).ok_or_else(|| DayError::NoDuty(duty.clone()))?;
        let memory = load_memory(tx, instance, duty, now).await?;
        let snapshot = load_snapshot(tx, instance, now).await?;
        Ok(Loaded { instance, rules, memory, snapshot, now })
    }

    pub(super) async fn pass(&mut self, tx: &mut Tx) -> Result<(bool, Timestamp), DayError> {
        let plan = engine::reconcile(self.rules, &self.memory, &self.snapshot, self.now);
        let changed = plan.changes(&self.memory);
        if changed {
            let record = Record::Passed { duty: self.rules.duty.id.clone(), at: self.now };
            store::journal::append(tx, &record).await?;
            self.apply(tx, &plan).await?;
        }
        Ok((changed, plan.next_wake))
    }

    pub(super) async fn act(&mut self, tx: &mut Tx, by: Option<&EngineerId>, action: Action) -> Result<(), DayError> {
        let plan = engine::act(self.rules, &self.memory, &self.snapshot, self.now, by, &action)?;
        let duty = self.rules.duty.id.clone();
        store::journal::append(tx, &Record::Acted { duty, at: self.now, by: by.cloned(), action }).await?;
        self.apply(tx, &plan).await
    }

    /// That nobody is to serve two duties on one day.
    async fn check_other_duties(&self, tx: &mut Tx, action: &Action) -> Result<(), DayError> {
        let others: Vec<&Duty> =
            self.instance.roster.duties.iter().filter(|other| other.id != self.rules.duty.id).collect();
        for (day, engineer) in self.memory.board.served_by(action) {
            for other in others.iter().filter(|other| other.members.contains(&engineer)) {
                let board = load_board(tx, &other.id).await?;
                let shift = schedule::shift_on(&self.instance.roster, other, board.known(), day);
                if shift.and_then(|shift| shift.engineer).as_ref() == Some(&engineer) {
                    let duty = other.name.clone();
                    return Err(ActionRefused::ServesElsewhere { engineer, duty, day }.into());
                }
            }
        }
        Ok(())
    }

    pub(super) fn board(&self) -> &Board {
        &self.memory.board
    }

    pub(super) fn open_items(&self) -> impl Iterator<Item = &Item> {
        self.memory.items.values().filter(|item| item.is_open())
    }

    /// Records what onduty itself did to the world.
    async fn observe(&mut self, tx: &mut Tx, observation: Observation) -> Result<(), DayError> {
        record_observations(tx, self.now, vec![observation]).await?;
        self.snapshot = load_snapshot(tx, self.instance, self.now).await?;
        Ok(())
    }

    /// Records a person's word about a rollout whose end nobody saw: one of our own, or one that a pipeline began.
    async fn settle_rollout(&mut self, tx: &mut Tx, id: &str, state: RolloutState) -> Result<(), DayError> {
        if store::rollouts::get(tx, id).await?.is_some() {
            return self.end_attempt(tx, id, &Outcome { state, exit_code: None, reason: None }).await;
        }
        let observed = self.snapshot.of_kind(&Kind::Rollouts).find_map(|(subject, known)| match &known.fact {
            Fact::Rollout(rollout) if rollout.id == id => Some((subject.clone(), rollout.clone())),
            _ => None,
        });
        let Some((subject, rollout)) = observed else { return Ok(()) };
        let fact = Fact::Rollout(RolloutFact { state, finished_at: Some(self.now), ..rollout });
        let source = SourceName::from(OWN_SOURCE);
        self.observe(tx, Observation { source, subject, fact, source_time: self.now, baseline: false }).await
    }

    async fn end_attempt(&mut self, tx: &mut Tx, id: &str, outcome: &Outcome) -> Result<(), DayError> {
        let Outcome { state, exit_code, reason } = outcome;
        if !store::rollouts::end(tx, id, *state, self.now, *exit_code, reason.as_deref()).await? {
            return Ok(());
        }
        match store::rollouts::get(tx, id).await? {
            Some(attempt) => self.observe(tx, rollout_fact(&attempt, *state, Some(self.now))).await,
            None => Ok(()),
        }
    }

    async fn apply(&mut self, tx: &mut Tx, plan: &Plan) -> Result<(), DayError> {
        for item in &plan.items {
            store::items::upsert(tx, item).await?;
        }
        let Rules { duty, roster, process, .. } = self.rules;
        let tell = texts::Telling { now: self.now, zone: &duty.zone, roster, process: Some(process) };
        for entry in &plan.entries {
            store::log_book::append(tx, entry, &texts::event(&entry.event, &tell)).await?;
        }
        for effect in &plan.effects {
            store::outbox::enqueue(tx, &outgoing(&self.rules.duty.id, effect), crate::clock::real_now()).await?;
        }
        if plan.board != self.memory.board {
            keep_board(tx, &self.rules.duty.id, &plan.board).await?;
        }
        self.memory.apply(plan);
        Ok(())
    }
}

/// The kind of the outbox rows that tell a tracker about an owner.
pub const WRITE_BACK: &str = "write-back";

/// The kind of the outbox rows that tell a tracker that an error is resolved.
pub const RESOLVE: &str = "resolve";

fn outgoing(duty: &DutyId, effect: &Effect) -> NewEffect {
    let payload = serde_json::to_value(effect).expect("effects are plain data");
    match effect {
        // The same for the same decision: what a receiver drops duplicates by.
        Effect::WriteBack { item, engineer, .. } => NewEffect {
            duty: duty.clone(),
            kind: WRITE_BACK.to_owned(),
            key: format!("{WRITE_BACK} {item} {engineer}"),
            payload,
        },
        Effect::Resolve { item, at, .. } => {
            NewEffect { duty: duty.clone(), kind: RESOLVE.to_owned(), key: format!("{RESOLVE} {item} {at}"), payload }
        }
    }
}

/// Appends observations to the journal and folds them into the signals.
pub(super) async fn record_observations(
    tx: &mut Tx,
    now: Timestamp,
    observations: Vec<Observation>,
) -> Result<(), StoreError> {
    let seen: Vec<(&Observation, Timestamp)> = observations.iter().map(|seen| (seen, now)).collect();
    store::signals::record(tx, &seen).await?;
    store::journal::append(tx, &Record::Observed { received_at: now, observations }).await?;
    Ok(())
}

/// What the engine remembers of a duty at `now`.
pub(super) async fn load_memory(
    db: &mut store::Reader,
    instance: &Instance,
    duty: &DutyId,
    now: Timestamp,
) -> Result<Memory, StoreError> {
    let since = now.checked_sub(KEPT_AFTER_NEWS).unwrap_or(Timestamp::MIN);
    let items = store::items::latest(db, duty, &instance.branches(), since).await?;
    let items = items.into_iter().map(|item| (item.id.clone(), item)).collect();
    Ok(Memory { items, board: load_board(db, duty).await? })
}

/// The state of the day as the last pass wrote it.
///
/// # Errors
/// The store cannot be read.
pub async fn load_board(db: &mut store::Reader, duty: &DutyId) -> Result<Board, StoreError> {
    match store::board::get(db, duty).await? {
        Some(board) => serde_json::from_value(board).map_err(|error| StoreError::unreadable("board")(error.into())),
        None => Ok(Board::default()),
    }
}

/// The outside world as the store knows it.
pub(super) async fn load_snapshot(
    db: &mut store::Reader,
    instance: &Instance,
    now: Timestamp,
) -> Result<Snapshot, StoreError> {
    store::signals::snapshot(db, &instance.declarations, &instance.branches(), now).await
}

/// Keeps the board.
pub(super) async fn keep_board(tx: &mut Tx, duty: &DutyId, board: &Board) -> Result<(), StoreError> {
    let board = serde_json::to_value(board).expect("a board is plain data");
    store::board::put(tx, duty, &board).await
}

fn rollout_fact(attempt: &Attempt, state: RolloutState, finished_at: Option<Timestamp>) -> Observation {
    let press = &attempt.press;
    let started_at = attempt.started_at.unwrap_or(press.pressed_at);
    let fact = RolloutFact {
        id: press.id.clone(),
        environment: press.environment.clone(),
        repository: None,
        revision: press.revision.clone(),
        state,
        started_at,
        finished_at,
        by: Some(press.pressed_by.to_string()),
        pressed: true,
        url: None,
    };
    Observation {
        source: SourceName::from(OWN_SOURCE),
        subject: Subject::new(format!("{}/{}", press.environment, press.id)),
        source_time: finished_at.unwrap_or(started_at),
        fact: Fact::Rollout(fact),
        baseline: false,
    }
}

/// The item that an address names, and whose it is.
pub fn duty_of(item: &ItemId, instance: &Instance) -> Option<DutyId> {
    let (duty, _) = item.as_str().split_once('.')?;
    instance.roster.duties.iter().map(|known| &known.id).find(|id| id.as_str() == duty).cloned()
}

/// Whether `engineer` serves the shift that runs now.
pub fn serves_now(instance: &Instance, board: &Board, duty: &DutyId, engineer: &EngineerId, now: Timestamp) -> bool {
    let running = instance.roster.duty(duty).and_then(|duty| calendar::is_within_shift(duty, now));
    running.is_some()
        && board
            .shift
            .as_ref()
            .is_some_and(|shift| Some(shift.day) == running && shift.engineer.as_ref() == Some(engineer))
}
