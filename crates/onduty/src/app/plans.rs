//! The plan of the team: proposed from the roster and from what was served, and published.
//!
//! What a proposal would change is seen before it counts; what counts is exactly what was seen. Making one takes a second or more of a
//! processor, so that one is made at a time and the last is kept.

use super::day::{DayError, Loaded, load_board};
use super::{App, Change, Instance};
use crate::store::{self, Reader, StoreError};
use jiff::Timestamp;
use jiff::civil::Date;
use onduty_core::calendar;
use onduty_core::engine::{Action, Board};
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::logbook::MovedShift;
use onduty_core::plan::beside::{self, Around, Beside, Plans};
use onduty_core::plan::team::{self, Horizon};
use onduty_core::plan::{self, Facts, Impossible, Score, Settings, Solved, TooLarge, WayOut, Why};
use onduty_core::roster::{Duty, Roster};
use onduty_core::schedule::{self, Known, Planned};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Moves of the search at most: some seconds, so that people can wait for it.
const MOST_MOVES: u64 = 4_000_000;
/// The seed of every proposal: the same facts give the same plan to everybody who looks.
const SEED: u64 = 0;
/// Pairs of people and slots up to which every choice is explained while somebody waits.
const MOST_EXPLAINED: usize = 200_000;

/// The proposal that was made last, and the turn to make one.
#[derive(Debug, Default)]
pub struct Proposals(Mutex<Option<Arc<Proposal>>>);

/// A plan that would count if it were published.
#[derive(Debug)]
pub struct Proposal {
    /// Names what it was made from and what came out: what is published is what was seen.
    pub digest: String,
    /// The first and the last day.
    pub days: (Date, Date),
    /// The duties that change.
    pub duties: Vec<DutyProposal>,
    /// How good it is, and level by level whether no plan can be better.
    pub score: Score,
    /// The same, level by level.
    pub proven: [bool; 7],
}

/// What a proposal says of one duty.
#[derive(Debug)]
pub struct DutyProposal {
    /// Which.
    pub duty: DutyId,
    /// Who serves.
    pub shifts: BTreeMap<Date, Planned>,
    /// Who is beside whom, and why.
    pub beside: Vec<Beside>,
    /// Days that nobody serves.
    pub uncovered: Vec<UncoveredDay>,
    /// Days that people count on and that somebody else would serve.
    pub moved: Vec<MovedShift>,
    /// The last day that people count on until now.
    pub relied_on_until: Date,
    /// Why whom, by day; empty for a plan too large to explain while somebody waits.
    pub reasons: BTreeMap<Date, Why>,
}

/// A day that nobody would serve.
#[derive(Debug)]
pub struct UncoveredDay {
    /// When.
    pub day: Date,
    /// Everybody's reason, as a code of the plan's format.
    pub why: BTreeMap<EngineerId, String>,
    /// What would help, the cheapest first.
    pub ways_out: Vec<WayOut>,
}

/// Why no plan was made or published.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is nothing to plan.
    #[error("no duty of the roster has a process and people")]
    NothingToPlan,
    /// The horizon is empty or too long.
    #[error("a plan ends between {first} and {last}; {until} does not")]
    BadEnd {
        /// What was asked for.
        until: Date,
        /// The earliest end.
        first: Date,
        /// The latest.
        last: Date,
    },
    /// It cannot be planned at once.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// No plan can hold the rules.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// Something changed since it was looked at.
    #[error("the roster or who serves has changed since you looked; look at the new proposal, then publish that")]
    Moved,
    /// The planner ended without an answer.
    #[error("the plan could not be made; the log of the server says why")]
    Died,
    /// The engine says no, or the store cannot be written.
    #[error(transparent)]
    Day(#[from] DayError),
}

impl From<StoreError> for PlanError {
    fn from(error: StoreError) -> PlanError {
        PlanError::Day(DayError::Store(error))
    }
}

/// What a proposal is made from.
struct Asked {
    instance: plan::Instance,
    days: (Date, Date),
    planned: BTreeSet<DutyId>,
    digest: String,
}

impl App {
    /// A plan for `duties` until `until`, a quarter ahead unless given; the other duties stay as they are.
    ///
    /// # Errors
    /// No plan can be made, with the reason.
    pub async fn propose_plan(
        &self,
        duties: &BTreeSet<DutyId>,
        until: Option<Date>,
    ) -> Result<Arc<Proposal>, PlanError> {
        let instance = self.instance();
        let mut last = self.proposals.0.lock().await;
        let mut reader = self.store.read().await?;
        let boards = boards(&mut reader, &instance).await?;
        drop(reader);
        let now = self.clock.duty_now();
        let asked = ask(&instance, &boards, duties, until, now)?;
        if let Some(known) = last.as_ref().filter(|known| known.digest == asked.digest) {
            return Ok(known.clone());
        }
        let made = tokio::task::spawn_blocking(move || make(&instance, &boards, asked, now)).await;
        let made = Arc::new(made.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a plan could not be made");
            PlanError::Died
        })??);
        *last = Some(made.clone());
        Ok(made)
    }

    /// Lets the proposal that somebody saw count, for all its duties or for none.
    ///
    /// # Errors
    /// [`PlanError::Moved`] when it would not be made like that any more; nothing was changed.
    pub async fn publish_plan(
        &self,
        by: &EngineerId,
        duties: &BTreeSet<DutyId>,
        until: Option<Date>,
        digest: &str,
    ) -> Result<Arc<Proposal>, PlanError> {
        let proposal = self.propose_plan(duties, until).await?;
        if proposal.digest != digest {
            return Err(PlanError::Moved);
        }
        let now = self.clock.duty_now();
        let mut tx = self.store.begin().await?;
        let instance = self.instance();
        let boards = boards(&mut tx, &instance).await?;
        // Nobody writes from here on: what it was made from is still so, or it is made again.
        if ask(&instance, &boards, duties, until, now)?.digest != digest {
            return Err(PlanError::Moved);
        }
        let (from, until) = proposal.days;
        for of in &proposal.duties {
            let mut day = Loaded::load(&instance, &mut tx, &of.duty, now).await?;
            let action = Action::Publish { from, until, shifts: of.shifts.clone() };
            day.act(&mut tx, Some(by), action).await?;
            day.pass(&mut tx).await?;
            store::plans::publish(&mut tx, &of.duty, &published(of, proposal.days, by, now)).await?;
        }
        tx.commit().await?;
        for of in &proposal.duties {
            self.bus.tell(Change::Day(of.duty.clone()));
        }
        Ok(proposal)
    }
}

fn published(of: &DutyProposal, days: (Date, Date), by: &EngineerId, at: Timestamp) -> store::plans::NewVersion {
    store::plans::NewVersion {
        from: days.0,
        until: days.1,
        by: by.clone(),
        at,
        moved: of.moved.clone(),
        reasons: of.reasons.clone(),
    }
}

pub(super) async fn boards(db: &mut Reader, instance: &Instance) -> Result<BTreeMap<DutyId, Board>, StoreError> {
    let mut boards = BTreeMap::new();
    for duty in &instance.roster.duties {
        boards.insert(duty.id.clone(), load_board(db, &duty.id).await?);
    }
    Ok(boards)
}

fn ask(
    instance: &Instance,
    boards: &BTreeMap<DutyId, Board>,
    duties: &BTreeSet<DutyId>,
    until: Option<Date>,
    now: Timestamp,
) -> Result<Asked, PlanError> {
    let planned = instance.roster.duties.iter().filter(|duty| duties.contains(&duty.id));
    let planned: Vec<_> =
        planned.filter(|duty| instance.process(&duty.id).is_some() && !duty.members.is_empty()).collect();
    // Where the day is furthest ahead it may have begun.
    let as_of = planned.iter().map(|duty| calendar::day_of(duty, now)).max().ok_or(PlanError::NothingToPlan)?;
    let ahead = |span: jiff::Span| as_of.saturating_add(span);
    let (first, last) = (ahead(jiff::Span::new().days(1)), ahead(jiff::Span::new().days(360)));
    let until = until.unwrap_or_else(|| ahead(jiff::Span::new().weeks(13)));
    if !(first..=last).contains(&until) {
        return Err(PlanError::BadEnd { until, first, last });
    }
    let known: BTreeMap<DutyId, Known<'_>> = boards.iter().map(|(id, board)| (id.clone(), board.known())).collect();
    let planned: BTreeSet<DutyId> = planned.into_iter().map(|duty| duty.id.clone()).collect();
    let horizon = Horizon { as_of, first, last: until };
    let made_from = team::instance(&instance.roster, &known, &planned, &horizon)?;
    // What says who is beside whom is no part of the planner's instance.
    let beside: Vec<_> = instance.roster.duties.iter().map(|duty| (duty.cold_after, duty.shadow_shifts)).collect();
    let published: Vec<_> = known.values().map(|known| known.published).collect();
    let digest = Sha256::digest(format!("{made_from:?} {planned:?} {beside:?} {published:?}"));
    let digest = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(Asked { instance: made_from, days: (first, until), planned, digest })
}

fn make(
    instance: &Instance,
    boards: &BTreeMap<DutyId, Board>,
    asked: Asked,
    now: Timestamp,
) -> Result<Proposal, PlanError> {
    let Asked { instance: made_from, days, planned, digest } = asked;
    let facts = Facts::new(made_from)?;
    let slots = facts.slots.len() as u64;
    let moves = plan::usual_moves(slots).min(MOST_MOVES);
    let solved = plan::solve(&facts, &Settings { seed: SEED, moves: Some(moves) })?;
    let is_small = facts.people() * facts.slots.len() <= MOST_EXPLAINED;
    let reasons = is_small.then(|| plan::explain(&facts, &solved.solution, SEED));
    let known_of = |duty: &Duty| boards.get(&duty.id).map_or(Known::NOTHING, Board::known);
    let of_plan = |duty: &&Duty| planned.contains(&duty.id);
    let mut plans: Plans = instance
        .roster
        .duties
        .iter()
        .filter(of_plan)
        .map(|duty| (duty.id.clone(), shifts_of(&facts, &solved, duty, &instance.roster, known_of(duty))))
        .collect();
    let mut beside = complete(instance, boards, &mut plans, days);
    let duties = instance.roster.duties.iter().filter(of_plan).map(|duty| {
        let of = |said: &str| said == duty.id.as_str();
        let known = known_of(duty);
        let shifts = plans.remove(&duty.id).unwrap_or_default();
        let after = schedule::replaced(duty, known, days, &shifts);
        let relied_on_until = schedule::relied_on_until(known, calendar::day_of(duty, now)).min(days.1);
        let plan = |known: Known<'_>| schedule::plan(&instance.roster, duty, known, days.0, relied_on_until);
        let moved = MovedShift::between(&plan(known), &plan(Known { published: &after, ..known }));
        let ways_out = reasons.iter().flat_map(|reasons| reasons.uncovered.clone());
        let mut ways_out = ways_out.chain(std::iter::repeat(Vec::new()));
        let uncovered = solved.solution.uncovered.iter().map(|said| (said, ways_out.next().unwrap_or_default()));
        let uncovered = uncovered.filter(|(said, _)| of(&said.duty)).map(|(said, ways_out)| UncoveredDay {
            day: said.day.date(),
            why: said.why.iter().flatten().map(|(who, code)| (EngineerId::new(&**who), code.clone())).collect(),
            ways_out,
        });
        let served = reasons.iter().flat_map(|reasons| &reasons.served).filter(|why| of(&why.duty));
        DutyProposal {
            duty: duty.id.clone(),
            beside: beside.remove(&duty.id).unwrap_or_default(),
            moved,
            uncovered: uncovered.collect(),
            reasons: served.map(|why| (why.day.date(), why.clone())).collect(),
            relied_on_until,
            shifts,
        }
    });
    Ok(Proposal { digest, days, duties: duties.collect(), score: solved.verdict.score, proven: solved.proven() })
}

/// Adds who is beside whom, knowing who serves the duties that are not planned.
fn complete(
    instance: &Instance,
    boards: &BTreeMap<DutyId, Board>,
    plans: &mut Plans,
    days: (Date, Date),
) -> BTreeMap<DutyId, Vec<Beside>> {
    let mut taken = BTreeSet::new();
    for duty in instance.roster.duties.iter().filter(|duty| !plans.contains_key(&duty.id)) {
        let known = boards.get(&duty.id).map_or(Known::NOTHING, Board::known);
        let shifts = schedule::plan(&instance.roster, duty, known, days.0, days.1);
        taken.extend(shifts.into_iter().filter_map(|shift| Some((shift.day, shift.engineer?))));
    }
    let served = boards.iter().map(|(id, board)| (id.clone(), board.served.clone())).collect();
    beside::complete(plans, Around { roster: &instance.roster, served: &served, taken: &taken })
}

/// Who serves, with those who stay without being planned: their days were too near to each other.
fn shifts_of(
    facts: &Facts,
    solved: &Solved,
    duty: &Duty,
    roster: &Roster,
    known: Known<'_>,
) -> BTreeMap<Date, Planned> {
    let said = solved.solution.assignments.iter().filter(|said| said.duty == duty.id.as_str());
    let planned = said.map(|said| {
        let (day, engineer) = (said.day.date(), EngineerId::new(&*said.person));
        // A turn that stays keeps whoever is beside it.
        let before = known.published.get(&day).filter(|before| before.engineer == engineer);
        let mut planned = before.cloned().unwrap_or_else(|| Planned::of(engineer));
        planned.buddy = said.buddy.as_deref().map(EngineerId::new).or(planned.buddy);
        (day, planned)
    });
    let settled = facts.instance.settled.iter().filter(|(_, of)| facts.instance.duties[*of].id == duty.id.as_str());
    let settled = settled.filter_map(|(day, _)| {
        let shift = schedule::shift_on(roster, duty, known, day.date())?;
        let (buddy, shadow) = (shift.buddy().cloned(), shift.shadow().cloned());
        Some((shift.day, Planned { engineer: shift.engineer?, buddy, shadow }))
    });
    planned.chain(settled).collect()
}
