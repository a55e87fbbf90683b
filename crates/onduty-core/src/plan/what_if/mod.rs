//! What if the team were larger or smaller, its duty divided, or the next one there an hour before?
//!
//! Called by `app::what_if`. A question in one line changes the instance of the team (`change`), the planner plans it as it would plan the
//! team, and the plan is measured (`measure`). No answer comes from a formula; the one that is given beside it says so.
//! `docs/design/plan.md` has the reasons.

mod change;
mod measure;
mod question;

pub use question::{MOST_ENGINEERS, Question};

use super::day::Day;
use super::facts::{Facts, TooLarge};
use super::fields::Problem;
use super::instance::{Instance, Published};
use super::solution::Solution;
use super::solve::{Impossible, Settings, solve, usual_moves};
use crate::ids::EngineerId;
use crate::roster::Gaps;
use change::{Changed, change};

/// Days that a process must have been there before it is said how often it changes.
const YOUNGEST: usize = 14;
/// The same question about the same facts has the same answer.
const SEED: u64 = 0;
/// Minutes of a working day, when hours are told as days.
const WORKING_MINUTES: f64 = 480.0;
/// People times days times duties of an answer, and of all points of a curve: a second or two, and some seconds.
const MOST_WORK: usize = 1_200_000;
const MOST_WORK_OF_CURVE: usize = 3_600_000;
/// Points of a curve at most.
const POINTS: usize = 12;

/// What is asked about.
#[derive(Debug, Clone)]
pub struct Team {
    /// The team's instance, as `team::instance` makes it, as long as the question says.
    pub instance: Instance,
    /// Place of the duty in it.
    pub duty: usize,
    /// What the roster says of the distance between turns.
    pub gaps: Gaps,
}

/// How often the process changes, as its versions tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// Versions that changed something …
    pub changes: usize,
    /// … in so many days.
    pub days: usize,
}

impl Pace {
    /// Changes that somebody has not seen after `days`; `None` while the process is too young to tell.
    pub fn unseen(self, days: i32) -> Option<f64> {
        (self.days >= YOUNGEST).then(|| self.changes as f64 / self.days as f64 * f64::from(days))
    }
}

/// How long is searched for a plan, in moves: people wait for it.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// For the team as it is and as it would be, each.
    pub moves: u64,
    /// For each point of a curve.
    pub of_point: u64,
}

impl Default for Effort {
    fn default() -> Effort {
        Effort { moves: 300_000, of_point: 100_000 }
    }
}

/// Sizes of the team to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// The smallest.
    pub from: usize,
    /// The largest.
    pub to: usize,
}

impl Sweep {
    /// Both ends, and sizes between them as evenly as whole numbers are.
    pub fn sizes(self) -> Vec<usize> {
        let step = (self.to - self.from).div_ceil(POINTS - 1).max(1);
        let mut sizes: Vec<usize> = (self.from..self.to).step_by(step).collect();
        sizes.push(self.to);
        sizes
    }
}

/// An engineer, or somebody who would be like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Who, or whose working days they have.
    pub engineer: EngineerId,
    /// The how manieth of these; `None` for the engineer.
    pub copy: Option<u32>,
}

/// A number of days, as far as the horizon lets one see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// So many.
    Exactly(i32),
    /// It ends before that is seen.
    MoreThan(i32),
}

impl Days {
    /// The number, or what it exceeds.
    pub fn least(self) -> i32 {
        let (Days::Exactly(days) | Days::MoreThan(days)) = self;
        days
    }
}

/// The least, the middle and the greatest of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    /// The least.
    pub min: usize,
    /// Half of them are at most this.
    pub median: usize,
    /// The greatest.
    pub max: usize,
}

impl Spread {
    fn of(mut numbers: Vec<usize>) -> Spread {
        numbers.sort_unstable();
        let at = |place: usize| numbers.get(place).copied().unwrap_or_default();
        Spread { min: at(0), median: at(numbers.len().saturating_sub(1) / 2), max: at(numbers.len().saturating_sub(1)) }
    }
}

/// Days of people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// A year on duty.
    pub shifts: f64,
    /// A year beside whoever is.
    pub shadows: f64,
    /// Both, of all days on which they are at work and the duty runs.
    pub share: f64,
}

/// Who carries more than their share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heavy {
    /// Who.
    pub who: Who,
    /// Their turns within the horizon.
    pub turns: usize,
    /// What these weigh, and turns beside somebody new.
    pub points: i64,
    /// Thousandths of points above what would be theirs, by their presence and by what they did before.
    pub over_milli: i64,
}

/// What a plan means for the people in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Engineers of each duty.
    pub pools: Vec<usize>,
    /// Turns of each engineer within the horizon.
    pub turns: Spread,
    /// Days between two turns on average; `None` where the horizon shows too little.
    pub mean_days: Option<f64>,
    /// Days between two turns, in half of the cases at most; `None` where nobody serves twice.
    pub median: Option<Days>,
    /// In nine of ten.
    pub p90: Option<Days>,
    /// Share of turns after more days than the question calls cold; `None` where the horizon is too short to tell.
    pub cold: Option<f64>,
    /// Days at the beginning of a turn since its engineer last saw the duty, in half of the cases at most.
    pub exposure: Option<Days>,
    /// What it costs.
    pub cost: Cost,
    /// Days of the duty, or of all its parts.
    pub slots: usize,
    /// Those of them that nobody can serve.
    pub uncovered: usize,
    /// Days that people had seen as theirs and who still take turns …
    pub seen: usize,
    /// … of which they would not serve so many.
    pub moved: usize,
    /// Who carries most against their share.
    pub heaviest: Vec<Heavy>,
    /// Engineers times days, by slots: what days between turns are on average when nobody is ever away. Beside the answer, never instead.
    pub arithmetic_days: f64,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The team as it is.
    pub now: Figures,
    /// As it would be, where the question changes anything.
    pub after: Option<Figures>,
    /// Who would not take turns any more.
    pub gone: Vec<EngineerId>,
    /// The curve: engineers, and what their plan means.
    pub curve: Vec<(usize, Figures)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The question does not fit the team.
    #[error("{0}")]
    Problem(Problem),
    /// Nobody would wait so long.
    #[error("{what} are more than is planned while somebody waits; ask for fewer weeks, duties or engineers")]
    TooMuch {
        /// How much it is.
        what: String,
    },
    /// It cannot be planned at once.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// No plan can hold the rules.
    #[error(transparent)]
    Impossible(#[from] Impossible),
}

/// Plans the team as it is and as it would be, and its sizes along the curve.
///
/// # Errors
/// The question does not fit the team, or no plan can be made.
pub fn answer(team: &Team, question: &Question, sweep: Option<Sweep>, effort: Effort) -> Result<Answer, Unanswered> {
    let sizes = sweep.into_iter().flat_map(Sweep::sizes);
    let sizes: Vec<Question> = sizes.map(|size| Question { engineers: Some(size), ..question.clone() }).collect();
    let as_it_is =
        Question { horizon_weeks: question.horizon_weeks, cold_days: question.cold_days, ..Question::default() };
    // What does not fit is said before anything is planned.
    let after = changed(team, question)?;
    let points: Vec<Changed> = sizes.iter().map(|question| changed(team, question)).collect::<Result<_, _>>()?;
    if points.iter().map(Changed::work).sum::<usize>() > MOST_WORK_OF_CURVE {
        return Err(Unanswered::TooMuch { what: "all points of the curve together".to_owned() });
    }
    let gone = after.gone.clone();
    let now = Planned::of(changed(team, &as_it_is)?, effort.moves)?;
    let after = if question.changes_people() { Some(Planned::of(after, effort.moves)?) } else { None };
    let mut curve = Vec::with_capacity(sizes.len());
    for (question, changed) in sizes.iter().zip(points) {
        let size = changed.members.len();
        curve.push((size, Planned::of(changed, effort.of_point)?.figures(team, question)));
    }
    let is_asked = question.changes_people() || question.shadow_minutes > 0;
    let after = is_asked.then(|| after.as_ref().unwrap_or(&now).figures(team, question));
    Ok(Answer { now: now.figures(team, &as_it_is), after, gone, curve })
}

fn changed(team: &Team, question: &Question) -> Result<Changed, Unanswered> {
    let changed = change(&team.instance, team.duty, team.gaps, question).map_err(Unanswered::Problem)?;
    if changed.work() > MOST_WORK {
        let (people, duties) = (changed.instance.people.len(), changed.instance.duties.len());
        let what = format!("{people} engineers, {duties} duties and {} days", changed.days());
        return Err(Unanswered::TooMuch { what });
    }
    Ok(changed)
}

/// A changed team and its plan.
struct Planned {
    changed: Changed,
    facts: Facts,
    solution: Solution,
}

impl Planned {
    fn of(changed: Changed, most: u64) -> Result<Planned, Unanswered> {
        let facts = Facts::new(changed.instance.clone())?;
        let moves = usual_moves(facts.slots.len() as u64).min(most);
        let solution = solve(&facts, &Settings { seed: SEED, moves: Some(moves) })?.solution;
        Ok(Planned { changed, facts, solution })
    }

    fn figures(&self, team: &Team, question: &Question) -> Figures {
        let seen: Vec<Published> =
            team.instance.published.iter().filter(|published| published.duty == team.duty).copied().collect();
        measure::figures(&self.changed, &self.facts, &self.solution, question, &seen)
    }
}
