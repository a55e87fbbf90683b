//! What people do to items, and what outside systems answered.

use super::pass::Pass;
use super::{Action, ActionRefused, Draft, Effect, Memory, Plan, Rules, new_item, snooze, subjects};
use crate::expr::World;
use crate::ids::{EngineerId, MACHINE, StepId, Subject};
use crate::item::{
    Closing, Conclusion, Item, ItemId, ItemState, Mended, Owner, SnoozeUntil, Suggestion, Taken, Why, WriteBack,
};
use crate::logbook::{Author, Event};
use crate::process::{ASKED, OwnerMode, StepKind};
use crate::signal::{Fact, RolloutFact, RolloutState, Snapshot};
use jiff::Timestamp;

/// Longest text that a person may write into the log book, in characters.
pub const MAX_TEXT: usize = 4_000;

/// What has to change because `by` (nobody is the machine) did `action`. A pass follows in the same transaction.
///
/// # Errors
/// Why it was not done; then nothing changes.
pub fn act(
    rules: Rules<'_>,
    memory: &Memory,
    snapshot: &Snapshot,
    now: Timestamp,
    by: Option<&EngineerId>,
    action: &Action,
) -> Result<Plan, ActionRefused> {
    crate::expr::with_stack(|| {
        let target = rules.process.compared_environment(rules.duty);
        let world = World::new(snapshot, rules.duty, now).rolling_out_to(target);
        let pass = Pass { draft: Draft::new(rules, memory, now), snapshot, world };
        let author = by.map_or(Author::Machine, |id| Author::Engineer { id: id.clone() });
        let by = by.cloned().unwrap_or_else(|| EngineerId::from(MACHINE));
        let mut actor = Actor { pass, by, author };
        actor.act(action)?;
        Ok(actor.pass.draft.finish())
    })
}

/// Somebody who does something, and what comes of it so far.
pub(super) struct Actor<'a> {
    pub(super) pass: Pass<'a>,
    pub(super) by: EngineerId,
    author: Author,
}

impl Actor<'_> {
    fn act(&mut self, action: &Action) -> Result<(), ActionRefused> {
        match action {
            Action::Take { item } => self.take(item),
            Action::Release { item } => self.release(item),
            Action::Tick { item, line, done } => self.tick(item, *line, *done),
            Action::Snooze { item, until } => self.snooze(item, until),
            Action::Wake { item } => self.wake(item),
            Action::Conclude { item, text, resolve } => self.conclude(item, text, *resolve),
            Action::Reopen { item } => self.reopen(item),
            Action::DecideOwner { item, engineer } => self.decide_owner(item, engineer),
            Action::Mended { item, engineer } => self.mended(item, engineer),
            Action::OpenBaseline { item, count } => self.open_baseline(item, *count),
            Action::Ask { id, text } => self.ask(id, text),
            Action::Note { text, item, corrects } => self.note(text, item.as_ref(), *corrects),
            Action::Cover { day, engineer } => self.cover(*day, engineer),
            Action::EndCover { day } => self.end_cover(*day),
            Action::Publish { from, until, shifts } => self.publish(*from, *until, shifts),
            Action::TellLeave { leave, ended, moved } => self.tell_leave(leave, *ended, moved),
            Action::SeeMoves { until } => self.see_moves(*until),
            Action::ReadRefresher => self.read_refresher(),
            Action::OfferShift { day, to, in_return } => self.offer_shift(*day, to.as_ref(), *in_return),
            Action::TakeShift { day, engineer } => self.take_shift(*day, engineer),
            Action::AgreeToSwap { day } => self.agree_to_swap(*day),
            Action::EndOffer { day } => self.end_offer(*day),
            Action::ShakeHands { from, to } => self.shake_hands(from, to),
            Action::Propose { id, from, to, what } => self.propose(id, from, to, what),
            Action::AnswerProposal { id, side, agreed } => self.answer_proposal(id, side, *agreed),
            Action::EndHandedOver { item } => self.end_handed_over(item),
            Action::PressRollout { environment, revision, .. } => {
                let event = Event::RolloutPressed { environment: environment.clone(), revision: revision.clone() };
                self.log(None, event);
                Ok(())
            }
            Action::ResolveRollout { id, state } => self.resolve_rollout(id, *state),
            Action::Suggest { item, suggestion } => self.suggest(item, suggestion.clone()),
            Action::WriteBackEnded { item, failure } => self.write_back_ended(item, failure.as_deref()),
            Action::ResolveEnded { item, failure } => self.resolve_ended(item, failure.as_deref()),
            Action::RefuseFile { file, problems, first } => {
                let event = Event::FileRefused { file: file.clone(), problems: *problems, first: first.clone() };
                self.log(None, event);
                Ok(())
            }
        }
    }

    pub(super) fn log(&mut self, item: Option<&Item>, event: Event) {
        self.pass.draft.log_as(self.author.clone(), item, event);
    }

    pub(super) fn find(&self, id: &ItemId) -> Result<Item, ActionRefused> {
        self.pass.draft.memory.items.get(id).cloned().ok_or_else(|| ActionRefused::NoSuchItem(id.clone()))
    }

    pub(super) fn find_open(&self, id: &ItemId) -> Result<Item, ActionRefused> {
        self.find(id).and_then(|item| if item.is_open() { Ok(item) } else { Err(ActionRefused::Closed) })
    }

    fn take(&mut self, id: &ItemId) -> Result<(), ActionRefused> {
        let mut item = self.find_open(id)?;
        let from = item.taken.as_ref().map(|taken| taken.by.clone());
        if from.as_ref() == Some(&self.by) && item.handed_over.is_none() {
            return Ok(());
        }
        item.taken = Some(Taken { by: self.by.clone(), at: self.pass.draft.now });
        // Whoever takes it here has it back; the other duty's item ends with that.
        item.handed_over = None;
        self.log(Some(&item), Event::Taken { from });
        self.pass.draft.put(item);
        Ok(())
    }

    fn release(&mut self, id: &ItemId) -> Result<(), ActionRefused> {
        let mut item = self.find_open(id)?;
        if item.taken.as_ref().is_none_or(|taken| taken.by != self.by) {
            return Err(ActionRefused::NotYours);
        }
        item.taken = None;
        self.log(Some(&item), Event::Released);
        self.pass.draft.put(item);
        Ok(())
    }

    fn tick(&mut self, id: &ItemId, line: usize, done: bool) -> Result<(), ActionRefused> {
        let mut item = self.find_open(id)?;
        let mark = Taken { by: self.by.clone(), at: self.pass.draft.now };
        let check = item.checklist.get_mut(line).ok_or(ActionRefused::NoSuchLine(line))?;
        if check.ticked.is_some() == done {
            return Ok(());
        }
        check.ticked = done.then_some(mark);
        let event = Event::Ticked { line: check.text.clone(), done };
        self.log(Some(&item), event);
        self.pass.draft.put(item);
        Ok(())
    }

    fn snooze(&mut self, id: &ItemId, until: &SnoozeUntil) -> Result<(), ActionRefused> {
        let mut item = self.find_open(id)?;
        let now = self.pass.draft.now;
        let until = match until {
            SnoozeUntil::Time { at } if *at <= now => {
                return Err(ActionRefused::BadSnooze("that time has passed; choose a later one".to_owned()));
            }
            SnoozeUntil::Time { at } if at.duration_since(now).as_hours() > 24 * 31 => {
                return Err(ActionRefused::BadSnooze(
                    "a snooze ends within 31 days; choose an earlier time".to_owned(),
                ));
            }
            SnoozeUntil::Condition { expression } => {
                snooze::compile(expression).map_err(ActionRefused::BadSnooze)?;
                until.clone()
            }
            SnoozeUntil::HappensAgain { .. } => {
                SnoozeUntil::HappensAgain { mark: snooze::mark_of(self.pass.snapshot, &item.subject) }
            }
            other => other.clone(),
        };
        item.state = ItemState::Snoozed { until: until.clone(), by: self.by.clone(), since: now };
        self.log(Some(&item), Event::Snoozed { until });
        self.pass.draft.put(item);
        Ok(())
    }

    fn wake(&mut self, id: &ItemId) -> Result<(), ActionRefused> {
        let mut item = self.find_open(id)?;
        if !matches!(item.state, ItemState::Snoozed { .. }) {
            return Err(ActionRefused::NotSnoozed);
        }
        item.state = ItemState::Open;
        self.log(Some(&item), Event::Woke);
        self.pass.draft.put(item);
        Ok(())
    }

    /// A `while` item stays open: people conclude the investigation, the gate follows the condition.
    fn conclude(&mut self, id: &ItemId, text: &str, resolve: bool) -> Result<(), ActionRefused> {
        let text = checked(text)?;
        let mut item = self.find_open(id)?;
        if matches!(item.why, Why::More { .. }) {
            return Err(ActionRefused::ConditionHolds);
        }
        let told = match (resolve, error_of(&item)) {
            (false, _) => WriteBack::NotAsked,
            (true, None) => return Err(ActionRefused::NothingToResolve),
            (true, Some((project, error))) => {
                let (item, at) = (item.id.clone(), self.pass.draft.now);
                self.pass.draft.plan.effects.push(Effect::Resolve { item, project, error, at });
                WriteBack::Pending
            }
        };
        let (by, at) = (self.by.clone(), self.pass.draft.now);
        item.conclusion = Some(Conclusion { by, at, text: text.clone(), resolve: told });
        item.state = ItemState::Open;
        let event = Event::Concluded { text };
        let step = self.pass.draft.rules.process.step(&item.step);
        let how = match step.map(|step| &step.kind) {
            Some(StepKind::While(_)) => None,
            Some(StepKind::Once(_) | StepKind::Every(_)) if matches!(item.why, Why::Due) => Some(Closing::Done),
            // A check opens items about what it found.
            Some(StepKind::Once(_) | StepKind::Every(_) | StepKind::Each { .. }) | None => Some(Closing::Concluded),
        };
        self.log(Some(&item), event);
        if let Some(how) = how {
            item.state = ItemState::Closed { at: self.pass.draft.now, how };
        }
        self.pass.draft.put(item);
        Ok(())
    }

    /// Only what a person ended; what its source ended follows its source.
    fn reopen(&mut self, id: &ItemId) -> Result<(), ActionRefused> {
        let mut item = self.find(id)?;
        if !item.is_open() && matches!(item.why, Why::HandedOver { .. }) {
            return Err(ActionRefused::OverWhereItCameFrom);
        }
        match &item.state {
            ItemState::Closed { how: Closing::Concluded | Closing::Done, .. } => {}
            ItemState::Closed { .. } => return Err(ActionRefused::FollowsSource),
            _ if item.conclusion.is_some() => {}
            _ => return Err(ActionRefused::NotClosed),
        }
        let newest = self.pass.draft.memory.newest(&item.step, &item.subject);
        if newest.is_some_and(|newest| newest.id != item.id) {
            return Err(ActionRefused::NewerItem);
        }
        item.state = ItemState::Open;
        item.conclusion = None;
        item.handed_over = None;
        self.log(Some(&item), Event::ItemReopened { step: item.step.clone() });
        self.pass.draft.put(item);
        Ok(())
    }

    fn decide_owner(&mut self, id: &ItemId, engineer: &EngineerId) -> Result<(), ActionRefused> {
        let mut item = self.find_open(id)?;
        self.is_engineer(engineer)?;
        let mode = self.mode_of(&item);
        if mode == OwnerMode::None {
            return Err(ActionRefused::NoOwnerWanted);
        }
        self.assign(&mut item, engineer, mode);
        self.pass.draft.put(item);
        Ok(())
    }

    fn mended(&mut self, id: &ItemId, engineer: &EngineerId) -> Result<(), ActionRefused> {
        let mut item = self.find(id)?;
        self.is_engineer(engineer)?;
        if self.mode_of(&item) == OwnerMode::None {
            return Err(ActionRefused::NoOwnerWanted);
        }
        let (said_by, at) = (self.by.clone(), self.pass.draft.now);
        item.mended = Some(Mended { engineer: engineer.clone(), revision: None, said_by, at });
        self.log(Some(&item), Event::Mended { engineer: engineer.clone(), revision: None });
        self.pass.draft.put(item);
        Ok(())
    }

    fn is_engineer(&self, engineer: &EngineerId) -> Result<(), ActionRefused> {
        let known = self.pass.draft.rules.roster.engineers.contains_key(engineer);
        if known { Ok(()) } else { Err(ActionRefused::UnknownEngineer(engineer.clone())) }
    }

    fn mode_of(&self, item: &Item) -> OwnerMode {
        self.pass.draft.rules.process.step(&item.step).map_or(OwnerMode::None, |step| step.owner)
    }

    /// Makes `engineer` the owner, and lets the tracker know where the step says so.
    fn assign(&mut self, item: &mut Item, engineer: &EngineerId, mode: OwnerMode) {
        let told = match error_of(item) {
            Some((project, error)) if mode.tells_tracker() => {
                self.pass.draft.plan.effects.push(Effect::WriteBack {
                    item: item.id.clone(),
                    project,
                    error,
                    engineer: engineer.clone(),
                    decided_by: self.by.clone(),
                });
                WriteBack::Pending
            }
            _ => WriteBack::NotAsked,
        };
        let people = item.suggestion.as_ref().map_or(&[][..], |suggestion| &suggestion.people);
        let suggested = people.iter().any(|person| person.engineer == *engineer);
        let (engineer, decided_by, at) = (engineer.clone(), self.by.clone(), self.pass.draft.now);
        item.owner = Some(Owner { engineer: engineer.clone(), decided_by, at, write_back: told });
        self.log(Some(item), Event::OwnerDecided { engineer, suggested });
    }

    fn open_baseline(&mut self, id: &ItemId, count: usize) -> Result<(), ActionRefused> {
        let item = self.find_open(id)?;
        if !matches!(item.why, Why::Baseline { .. }) {
            return Err(ActionRefused::NotABaseline);
        }
        subjects::open_baseline(&mut self.pass, &item.step, count.clamp(1, 50));
        Ok(())
    }

    fn ask(&mut self, id: &str, text: &str) -> Result<(), ActionRefused> {
        let text = checked(text)?;
        let why = Why::Asked { by: self.by.clone(), text: text.clone() };
        let item = new_item(&self.pass.draft, &StepId::from(ASKED), Subject::from(id), why);
        self.log(Some(&item), Event::Asked { text });
        self.pass.draft.put(item);
        Ok(())
    }

    fn note(&mut self, text: &str, item: Option<&ItemId>, corrects: Option<i64>) -> Result<(), ActionRefused> {
        let text = checked(text)?;
        let item = item.map(|id| self.find(id)).transpose()?;
        self.log(item.as_ref(), Event::Note { text, corrects });
        Ok(())
    }

    /// The server records the observation that goes with it; this writes the line, with the person's name.
    fn resolve_rollout(&mut self, id: &str, state: RolloutState) -> Result<(), ActionRefused> {
        let refused = || ActionRefused::NoSuchRollout(id.to_owned());
        let rollouts = self.pass.snapshot.rollouts();
        let lost = rollouts.into_iter().find(|rollout| rollout.id == id && rollout.wants_a_word(self.pass.draft.now));
        let lost = lost.filter(|_| state.is_ended()).ok_or_else(refused)?.clone();
        let board = &mut self.pass.draft.plan.board;
        board.rollouts.insert(lost.id.clone(), (lost.started_at, state));
        let RolloutFact { environment, revision, pressed, .. } = lost;
        self.log(None, Event::RolloutSeen { environment, revision, state, pressed });
        Ok(())
    }

    /// Assigns nobody, unless the step is `owner: auto`, it is sure enough, and no person said anything yet.
    fn suggest(&mut self, id: &ItemId, suggestion: Suggestion) -> Result<(), ActionRefused> {
        let mut item = self.find_open(id)?;
        let people: Vec<EngineerId> = suggestion.people.iter().map(|person| person.engineer.clone()).collect();
        let mode = self.mode_of(&item);
        let sure = match (mode, &item.owner) {
            (OwnerMode::Auto { percent }, None) => suggestion.proposed_with(f64::from(percent) / 100.0).cloned(),
            _ => None,
        };
        item.suggestion = Some(suggestion);
        self.log(Some(&item), Event::Suggested { people });
        if let Some(candidate) = sure {
            self.assign(&mut item, &candidate.engineer, mode);
        }
        self.pass.draft.put(item);
        Ok(())
    }

    fn write_back_ended(&mut self, id: &ItemId, failure: Option<&str>) -> Result<(), ActionRefused> {
        let mut item = self.find(id)?;
        let Some(owner) = &mut item.owner else { return Err(ActionRefused::NoOwnerWanted) };
        let engineer = owner.engineer.clone();
        owner.write_back = if failure.is_some() { WriteBack::Failed } else { WriteBack::Done };
        let event = match failure {
            Some(reason) => Event::WriteBackFailed { engineer, reason: reason.to_owned() },
            None => Event::WrittenBack { engineer },
        };
        self.log(Some(&item), event);
        self.pass.draft.put(item);
        Ok(())
    }

    /// A conclusion that was taken back meanwhile has nothing to note; the line says what the source was told.
    fn resolve_ended(&mut self, id: &ItemId, failure: Option<&str>) -> Result<(), ActionRefused> {
        let mut item = self.find(id)?;
        if let Some(conclusion) = &mut item.conclusion {
            conclusion.resolve = if failure.is_some() { WriteBack::Failed } else { WriteBack::Done };
        }
        let event = match failure {
            Some(reason) => Event::ResolveFailed { reason: reason.to_owned() },
            None => Event::ResolvedAtSource,
        };
        self.log(Some(&item), event);
        self.pass.draft.put(item);
        Ok(())
    }
}

/// Project and id of the error that an item is about, in its tracker's words.
fn error_of(item: &Item) -> Option<(String, String)> {
    match &item.why {
        Why::Subject { fact: Fact::Error(error), .. } => Some((error.project.clone(), error.id.clone())),
        _ => None,
    }
}

pub(super) fn checked(text: &str) -> Result<String, ActionRefused> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ActionRefused::EmptyText);
    }
    if text.chars().count() > MAX_TEXT {
        return Err(ActionRefused::TextTooLong(MAX_TEXT));
    }
    Ok(text.to_owned())
}
