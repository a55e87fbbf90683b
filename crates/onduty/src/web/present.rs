//! From one look at a day to what pages draw. Decides nothing: it picks, counts and orders.

use super::auth::Visit;
use super::policy::Wish;
use super::views::gate::{CandidateView, GatePhase, GateView, OutputView, UnresolvedView};
use super::views::handshake::WithView;
use super::views::items::ItemView;
use super::views::layout::{DemoBarView, Here, LayoutView, NextShift, OnDutyView};
use super::views::rollout::RolloutView;
use super::views::today::{StepBody, StepView, TodayView};
use super::views::wall::TileView;
use super::views::{Reader, StateView};
use crate::app::self_audit::Finding;
use crate::app::{App, Look};
use crate::store::rollouts::{Attempt, OutputLine};
use crate::store::{self, StoreError};
use crate::texts::{self, LogLine, Telling};
use onduty_core::calendar;
use onduty_core::compared::{self};
use onduty_core::engine::{ShiftMove, StepState, StepStatus};
use onduty_core::gate::{self, GateInputs};
use onduty_core::ids::{DutyId, EngineerId, StepId};
use onduty_core::item::{Closing, Item, ItemId, ItemState, Why};
use onduty_core::logbook::Entry;
use onduty_core::performance::ComparedRollout;
use onduty_core::process::{ASKED, Check, OwnerMode, Work};
use onduty_core::schedule::{self, Comeback};
use onduty_core::signal::Fact;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lines of a rollout's output that a page carries; the newest ones.
const OUTPUT_LINES: usize = 400;
/// Days in which the reader's next turn is looked for.
const TURNS_AHEAD: i32 = 200;

/// A look, with what the store knows of rollouts beside it.
pub struct Scene {
    /// The day.
    pub look: Look,
    /// The attempt that runs or that nobody knows the outcome of, by environment, with its output.
    pub attempts: BTreeMap<String, (Attempt, Vec<OutputLine>)>,
    /// The numbers of corrected entries and of those that correct them.
    pub corrections: BTreeMap<i64, i64>,
    /// What the self-audit knows to be wrong.
    pub findings: Arc<Vec<Finding>>,
}

impl Scene {
    /// Loads what pages about `look` need besides.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn load(app: &App, look: Look) -> Result<Scene, StoreError> {
        let mut reader = app.store.read().await?;
        let mut attempts = BTreeMap::new();
        for inputs in &look.board().gates {
            if let Some(attempt) = store::rollouts::active(&mut reader, &inputs.environment).await? {
                let lines = store::rollouts::output(&mut reader, &attempt.press.id, 0, u32::MAX).await?;
                let lines: Vec<OutputLine> = lines.into_iter().map(|(_, line)| line).collect();
                let from = lines.len().saturating_sub(OUTPUT_LINES);
                attempts.insert(inputs.environment.to_string(), (attempt, lines[from..].to_vec()));
            }
        }
        let mut scene = Scene { look, attempts, corrections: BTreeMap::new(), findings: app.liveness.findings() };
        let latest = scene.look.latest.clone();
        scene.with_items_of(&mut reader, &latest).await?;
        Ok(scene)
    }

    /// Loads the items that entries speak of, and which entries were corrected.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn with_items_of(&mut self, db: &mut store::Reader, entries: &[Entry]) -> Result<(), StoreError> {
        for id in entries.iter().filter_map(|entry| entry.item.as_ref()) {
            if !self.look.memory.items.contains_key(id)
                && let Some(item) = store::items::get(db, id).await?
            {
                self.look.memory.items.insert(id.clone(), item);
            }
        }
        self.corrections.extend(entries.iter().filter_map(|entry| Some((entry.corrects?, entry.seq))));
        Ok(())
    }

    /// Who served a day, as far as that is known.
    pub fn served(&self, day: jiff::civil::Date) -> Option<EngineerId> {
        self.look.board().served.get(&day).cloned()
    }

    /// The moved turns of `me` that they have not said to know of.
    pub fn moves(&self, me: Option<&EngineerId>) -> Vec<ShiftMove> {
        let mine = |moved: &&ShiftMove| me.is_some_and(|me| moved.unseen.contains(me));
        self.look.board().moves.iter().filter(mine).cloned().collect()
    }

    /// What is between this duty and `other`.
    pub fn with(&self, other: &DutyId) -> WithView {
        let board = self.look.board();
        let shift = calendar::shift_day_at(&self.look.duty, self.look.now);
        let handshake = board.handshakes.get(other).filter(|known| Some(known.day) == shift);
        let proposals = board.proposals.iter().filter(|(_, proposal)| proposal.other_than(&self.look.duty.id) == other);
        let mut proposals: Vec<_> = proposals.map(|(id, proposal)| (id.clone(), proposal.clone())).collect();
        proposals.sort_by_key(|(_, proposal)| proposal.at);
        WithView { duty: other.clone(), handshake: handshake.cloned(), proposals }
    }

    /// Whether `me` comes back after long, and has not read what changed.
    pub fn comeback(&self, me: Option<&EngineerId>) -> Option<Comeback> {
        let Look { instance, duty, now, .. } = &self.look;
        let (me, board) = (me?, self.look.board());
        let read = board.refreshed.get(me).map(|at| calendar::day_of(duty, *at));
        let days = (calendar::day_of(duty, *now), read);
        schedule::comeback(&instance.roster, duty, &board.served, &self.look.coming(14), me, days)
    }

    /// How things of this day are told.
    pub fn telling(&self) -> Telling<'_> {
        let Look { instance, duty, now, .. } = &self.look;
        let process = instance.process(&duty.id).map(|active| &active.process);
        Telling { now: *now, zone: &duty.zone, roster: &instance.roster, process }
    }

    /// The reader of a page: `me` is who acts, `back` where forms lead.
    pub fn reader<'a>(&'a self, visit: &'a Visit, me: Option<&'a EngineerId>, back: &'a str) -> Reader<'a> {
        Reader {
            tell: self.telling(),
            duty: &self.look.duty.id,
            me,
            csrf: &visit.csrf,
            back,
            may_act: visit.may(Wish::Work),
            administers: visit.may(Wish::SeePeople),
        }
    }

    /// *Today*.
    pub fn today(&self, visit: &Visit, me: Option<&EngineerId>) -> TodayView {
        let look = &self.look;
        TodayView {
            mine: me.is_some_and(|me| look.serves_now(me)),
            steps: look.board().steps.iter().map(|status| self.step(status, visit)).collect(),
            handshakes: look.duty.handshakes.iter().map(|other| self.with(other)).collect(),
            latest: self.lines(&look.latest),
            process_version: look.has_process.then_some(look.board().process_version),
            problems: look.instance.problems.clone(),
            observe_only: look.instance.declarations.observe_only,
            findings: if visit.may(Wish::ManagePeople) {
                self.findings.iter().map(|one| (one.what.clone(), one.todo.clone())).collect()
            } else {
                Vec::new()
            },
        }
    }

    /// The state of a step for people; of one that rolls out, what its gate says.
    pub fn state(&self, status: &StepStatus, visit: &Visit) -> StateView {
        self.gate_of(&status.step).map_or_else(|| state_of(status), |inputs| self.gate(inputs, visit).state())
    }

    fn step(&self, status: &StepStatus, visit: &Visit) -> StepView {
        let goal = self.goal(&status.step);
        let items: Vec<ItemView> = self.look.open_items(&status.step).into_iter().map(|item| self.item(item)).collect();
        let gate = self.gate_of(&status.step).map(|inputs| self.gate(inputs, visit));
        let state = match &gate {
            Some(gate) => gate.state(),
            None => state_of(status),
        };
        let body = match gate {
            Some(gate) => StepBody::Rollout(Box::new(gate)),
            None if status.step.as_str() == ASKED => StepBody::Ask,
            None => StepBody::Items,
        };
        StepView {
            id: status.step.clone(),
            goal,
            state,
            note: self.note(status),
            unknown: status.unknown.clone(),
            items,
            hidden: 0,
            body,
        }
    }

    /// A few words at the end of a step's line.
    fn note(&self, status: &StepStatus) -> Option<String> {
        match &status.state {
            StepState::Off { kind } => Some(format!("{} is declared absent", texts::feed_name(kind))),
            StepState::Fine | StepState::Open { .. } if self.compared(&status.step).is_some() => {
                self.compared(&status.step).map(|told| texts::compared::note(told, &self.telling()))
            }
            StepState::Waiting { opens: Some(opens), .. } if self.gate_of(&status.step).is_none() => {
                Some(format!("from {}", self.telling().time(*opens)))
            }
            _ => {
                let done = self.look.closed_today.iter().filter(|item| item.step == status.step && looked_at(item));
                match done.count() {
                    0 => None,
                    number => Some(format!("{number} looked at today")),
                }
            }
        }
    }

    /// What the newest comparison said, for the step that checks it.
    fn compared(&self, step: &StepId) -> Option<&ComparedRollout> {
        let process = &self.look.instance.process(&self.look.duty.id)?.process;
        let checks = process.step(step).is_some_and(|step| step.work == Work::Check(Check::Performance));
        let environment = process.compared_environment(&self.look.duty);
        compared::newest_compared(&self.look.snapshot, &environment).filter(|told| checks && told.runs > 0)
    }

    /// The goal of a step in the team's words.
    pub fn goal(&self, step: &StepId) -> String {
        self.telling().goal(step)
    }

    /// An item with what its step wants of it.
    pub fn item(&self, item: &Item) -> ItemView {
        let active = self.look.instance.process(&self.look.duty.id);
        let step = active.and_then(|active| active.process.step(&item.step));
        ItemView {
            item: self.look.with_live_fact(item),
            goal: self.goal(&item.step),
            owner: step.map_or(OwnerMode::None, |step| step.owner),
            resolves: self.resolves(item),
        }
    }

    /// Whether the tracker of an item's error, where it has one, is told when somebody resolves it.
    fn resolves(&self, item: &Item) -> bool {
        let sources = &self.look.instance.config.sources;
        let tracked = sources.sentry.is_some() || sources.bugsink.is_some();
        tracked && matches!(item.why, Why::Subject { fact: Fact::Error(_), .. })
    }

    fn gate_of(&self, step: &StepId) -> Option<&GateInputs> {
        let active = self.look.instance.process(&self.look.duty.id)?;
        let Work::Rollout(environment) = &active.process.step(step)?.work else { return None };
        self.look.board().gates.iter().find(|inputs| inputs.environment == *environment)
    }

    /// The gate of one environment.
    pub fn gate(&self, inputs: &GateInputs, visit: &Visit) -> GateView {
        let attempt = self.attempts.get(inputs.environment.as_str());
        let phase = match (gate::evaluate(inputs), attempt) {
            (_, Some((attempt, lines))) if attempt.state.is_active() => GatePhase::Running(self.output(attempt, lines)),
            (Ok(open), _) => GatePhase::Open { diff_hash: open.diff_hash().to_owned() },
            (Err(blockers), _) => GatePhase::Closed { blockers, unresolved: self.unresolved(inputs) },
        };
        let candidate = inputs.candidate.as_ref().ok().map(|candidate| CandidateView {
            revision: candidate.revision.clone(),
            deployed: candidate.deployed.clone(),
            commits: candidate
                .commits
                .as_ref()
                .and_then(|revisions| revisions.iter().map(|revision| self.look.commit(revision).cloned()).collect()),
        });
        GateView {
            environment: inputs.environment.clone(),
            phase,
            candidate,
            not_watched: self.not_watched(),
            warnings: self.warnings(),
            not_allowed: visit.why_not(Wish::RollOut),
        }
    }

    /// The rollout about which a person has to say how it ended.
    fn unresolved(&self, inputs: &GateInputs) -> Option<UnresolvedView> {
        let rollouts = self.look.snapshot.rollouts();
        let lost = rollouts
            .into_iter()
            .rfind(|rollout| rollout.environment == inputs.environment && rollout.wants_a_word(self.look.now))?;
        Some(UnresolvedView { id: lost.id.clone(), revision: lost.revision.clone() })
    }

    /// Kinds that steps of this process read and that are declared absent.
    fn not_watched(&self) -> Vec<onduty_core::signal::Kind> {
        let steps = &self.look.board().steps;
        let mut kinds: Vec<_> = steps
            .iter()
            .filter_map(|status| match &status.state {
                StepState::Off { kind } => Some(kind.clone()),
                _ => None,
            })
            .collect();
        kinds.dedup();
        kinds
    }

    fn warnings(&self) -> Vec<String> {
        let tell = self.telling();
        let loosened = self.look.board().loosened.iter().map(|loosened| {
            let by = loosened.by.as_ref().map_or("somebody who changed the file".to_owned(), |by| tell.name(by));
            format!(
                "Version {} of the process, by {by}, loosened what holds the gate since the last rollout: {}",
                loosened.version,
                loosened.what.join("; ")
            )
        });
        let baseline =
            self.look.memory.items.values().filter(|item| item.is_open()).filter_map(|item| match item.why {
                onduty_core::item::Why::Baseline { count } if self.blocks(&item.step) => {
                    Some(format!("{} that were there before onduty are not counted: {}", count, self.goal(&item.step)))
                }
                _ => None,
            });
        loosened.chain(baseline).collect()
    }

    /// Whether a step holds the gate.
    pub fn blocks(&self, step: &StepId) -> bool {
        let active = self.look.instance.process(&self.look.duty.id);
        active.and_then(|active| active.process.step(step)).is_some_and(|step| step.blocks_rollout)
    }

    /// What a rollout's target has said.
    pub fn output(&self, attempt: &Attempt, lines: &[OutputLine]) -> OutputView {
        let mut output: String = lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect();
        if let Some(reason) = &attempt.reason {
            output.push_str(reason);
            output.push('\n');
        }
        OutputView {
            id: attempt.press.id.clone(),
            revision: attempt.press.revision.clone(),
            since: attempt.press.pressed_at,
            by: self.telling().name(&attempt.press.pressed_by),
            output,
            live: attempt.state.is_active(),
        }
    }

    /// Entries ready to be told; redacted ones are left out.
    pub fn lines(&self, entries: &[Entry]) -> Vec<LogLine> {
        entries.iter().filter_map(|entry| self.line(entry)).collect()
    }

    /// The title of the item that an entry is about, where its sentence does not say it.
    pub fn title_about(&self, entry: &Entry) -> Option<String> {
        entry.event.as_ref().filter(|event| !texts::names_its_item(event))?;
        self.item_of(entry).map(|(_, title)| title)
    }

    fn item_of(&self, entry: &Entry) -> Option<(ItemId, String)> {
        let item = self.look.memory.items.get(entry.item.as_ref()?)?;
        Some((item.id.clone(), texts::item_title(item, &self.goal(&item.step))))
    }

    fn line(&self, entry: &Entry) -> Option<LogLine> {
        Some(LogLine {
            seq: entry.seq,
            at: entry.at,
            shift: entry.shift,
            author: entry.author.clone(),
            event: entry.event.clone()?,
            item: self.item_of(entry),
            corrected_by: self.corrections.get(&entry.seq).copied(),
        })
    }

    /// Rollouts that this duty watches, newest first.
    pub fn rollouts(&self) -> Vec<RolloutView> {
        let tell = self.telling();
        let watched = self.look.snapshot.rollouts().into_iter().rev();
        let watched = watched.filter(|rollout| self.look.duty.watches.environment(&rollout.environment));
        watched
            .map(|rollout| RolloutView {
                id: rollout.id.clone(),
                environment: rollout.environment.clone(),
                revision: rollout.revision.clone(),
                state: rollout.state,
                started_at: rollout.started_at,
                finished_at: rollout.finished_at,
                by: rollout.by.as_ref().map(|by| match self.look.instance.roster.find(by) {
                    Some(engineer) => tell.name(&engineer.id),
                    None => by.clone(),
                }),
                pressed: rollout.pressed,
                is_compared: compared::newest_compared(&self.look.snapshot, &rollout.environment)
                    .is_some_and(|newest| newest.rollout == rollout.id && newest.runs > 0),
                url: rollout.url.clone(),
            })
            .take(50)
            .collect()
    }

    /// Who is on duty and who is next, and when it is the turn of `me`.
    pub fn on_duty(&self, me: Option<&EngineerId>) -> OnDutyView {
        let look = &self.look;
        let coming = look.coming(if me.is_some() { TURNS_AHEAD } else { 14 });
        let running = look.is_within_shift();
        let current = look.current_shift();
        let now = current.as_ref().filter(|_| running).and_then(|shift| {
            let (_, ends) = calendar::working_hours(&look.duty, shift.day);
            Some((shift.engineer.clone()?, ends))
        });
        let next = coming.get(usize::from(running)).map(|shift| NextShift {
            engineer: shift.engineer.clone(),
            day: shift.day,
            starts: calendar::working_hours(&look.duty, shift.day).0,
        });
        let later = coming.get(usize::from(running) + 1..).unwrap_or_default();
        let mine = me.and_then(|me| later.iter().find(|shift| shift.engineer.as_ref() == Some(me)));
        OnDutyView { now, next, mine: mine.map(|shift| shift.day) }
    }

    /// What stands around a page.
    pub fn layout(&self, app: &App, title: &str, here: Here, me: Option<&EngineerId>) -> LayoutView {
        let duties = self.look.instance.roster.duties.iter().map(|duty| (duty.id.clone(), duty.name.clone())).collect();
        LayoutView {
            title: title.to_owned(),
            here,
            duties,
            on_duty: Some(self.on_duty(me)),
            process_version: self.look.instance.process(&self.look.duty.id).map(|active| active.version),
            demo: app.demo.as_ref().map(|_| self.demo_bar(app)),
        }
    }

    /// The demo's clock.
    pub fn demo_bar(&self, app: &App) -> DemoBarView {
        DemoBarView { at: self.look.now, rate: app.clock.rate() }
    }

    /// The steps as tiles of the wall screen.
    pub fn tiles(&self, visit: &Visit) -> Vec<TileView> {
        let tell = self.telling();
        self.look.board().steps.iter().map(|status| TileView::of(&self.step(status, visit), &tell)).collect()
    }
}

/// The state of a step for people.
fn state_of(status: &StepStatus) -> StateView {
    match &status.state {
        StepState::Fine => StateView::Fine,
        StepState::Open { .. } => StateView::NeedsYou,
        StepState::Waiting { .. } => StateView::Waiting,
        StepState::Unknown { .. } => StateView::Unknown,
        StepState::Off { .. } => StateView::Off,
    }
}

/// Whether somebody, or the source, dealt with it; what was withdrawn or ran out was not looked at.
fn looked_at(item: &Item) -> bool {
    match &item.state {
        ItemState::Closed { how, .. } => !matches!(
            how,
            Closing::Withdrawn { .. } | Closing::PeriodEnded | Closing::GoneAtSource | Closing::EndedWhereItCameFrom
        ),
        _ => false,
    }
}
