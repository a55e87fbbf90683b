//! What if the team were another one: planned as the team is, one question at a time.
//!
//! Looking must not be a way to exhaust the server: whoever may look may ask, and an answer takes seconds of a processor. So one is made at a
//! time, few may wait, and the last is kept.

use super::App;
use super::plans::boards;
use crate::store::{self, StoreError};
use jiff::ToSpan;
use jiff::civil::Date;
use onduty_core::calendar;
use onduty_core::engine::Board;
use onduty_core::ids::DutyId;
use onduty_core::plan::TooLarge;
use onduty_core::plan::team::{self, Horizon};
use onduty_core::plan::what_if::{self, Answer, Effort, Pace, Question, Sweep, Team, Unanswered};
use onduty_core::schedule::Known;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Questions that may wait while one is answered.
const WAITING: usize = 3;
/// Days back over which it is counted how often the process changed.
const PACE_DAYS: i64 = 365;

/// The turn to answer, and the last answer with what names its question.
#[derive(Debug)]
pub struct Answers {
    turn: Arc<Semaphore>,
    places: Arc<Semaphore>,
    last: Arc<Mutex<Option<Named>>>,
}

/// An answer with what names its question.
type Named = (String, Arc<Answer>);

impl Default for Answers {
    fn default() -> Answers {
        Answers {
            turn: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(1 + WAITING)),
            last: Arc::default(),
        }
    }
}

/// An answer, and what it is about.
#[derive(Debug)]
pub struct Answered {
    /// The first and the last day that were planned.
    pub days: (Date, Date),
    /// How often the process changes.
    pub pace: Pace,
    /// What was found.
    pub answer: Arc<Answer>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// Nobody takes turns.
    #[error("no engineer takes turns in this duty; name members in roster.yml")]
    NoMembers,
    /// The question does not fit the team, or no plan can be made.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// Others asked before.
    #[error("{WAITING} questions wait for their answers already; ask again in a few seconds")]
    Busy,
    /// The planner ended without an answer.
    #[error("the question could not be answered; the log of the server says why")]
    Died,
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TooLarge> for WhatIfError {
    fn from(error: TooLarge) -> WhatIfError {
        WhatIfError::Unanswered(error.into())
    }
}

impl App {
    /// Plans `duty` as it is and as `question` wants it, and teams of the sizes of `sweep`.
    ///
    /// # Errors
    /// There is no answer, with the reason.
    pub async fn what_if(
        &self,
        duty: &DutyId,
        question: &Question,
        sweep: Option<Sweep>,
    ) -> Result<Answered, WhatIfError> {
        let instance = self.instance();
        let of = instance.roster.duty(duty).filter(|of| !of.members.is_empty()).ok_or(WhatIfError::NoMembers)?;
        let now = self.clock.duty_now();
        let as_of = calendar::day_of(of, now);
        let mut reader = self.store.read().await?;
        let boards = boards(&mut reader, &instance).await?;
        let versions = store::processes::list(&mut reader, duty).await?;
        drop(reader);
        let first = as_of.saturating_add(1.days());
        let weeks = i64::try_from(question.horizon_weeks).unwrap_or_default();
        let days = (first, as_of.saturating_add((7 * weeks).days()));
        let known: BTreeMap<DutyId, Known<'_>> =
            boards.iter().map(|(id, board): (_, &Board)| (id.clone(), board.known())).collect();
        let planned = BTreeSet::from([duty.clone()]);
        let team = team::instance(&instance.roster, &known, &planned, &Horizon { as_of, first, last: days.1 })?;
        let place = team.duties.iter().position(|other| other.id == duty.as_str()).ok_or(WhatIfError::NoMembers)?;
        let team = Team { instance: team, duty: place, gaps: of.gaps };
        let answer = self.answer(team, question.clone(), sweep).await?;
        Ok(Answered { days, pace: pace(&versions, calendar::day_of(of, now), |at| calendar::day_of(of, at)), answer })
    }

    async fn answer(&self, team: Team, question: Question, sweep: Option<Sweep>) -> Result<Arc<Answer>, WhatIfError> {
        let answers = &self.answers;
        let digest = Sha256::digest(format!("{team:?} {question:?} {sweep:?}"));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let known = || {
            let last = answers.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.as_ref().filter(|(of, _)| *of == digest).map(|(_, answer)| answer.clone())
        };
        if let Some(answer) = known() {
            return Ok(answer);
        }
        let place = answers.places.clone().try_acquire_owned().map_err(|_| WhatIfError::Busy)?;
        let turn = answers.turn.clone().acquire_owned().await.map_err(|_| WhatIfError::Busy)?;
        if let Some(answer) = known() {
            return Ok(answer);
        }
        let last = answers.last.clone();
        // The turn goes along: whoever hangs up does not let the next question begin beside this one.
        let made = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            let answer = Arc::new(what_if::answer(&team, &question, sweep, Effort::default())?);
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((digest, answer.clone()));
            Ok(answer)
        });
        made.await.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a question about the team could not be answered"
            );
            WhatIfError::Died
        })?
    }
}

/// How often the process changed in the last year, or since it is there; its first version changed nothing.
fn pace(versions: &[store::processes::Version], today: Date, day_of: impl Fn(jiff::Timestamp) -> Date) -> Pace {
    let Some(first) = versions.iter().map(|of| of.version.activated_at).min() else { return Pace::default() };
    let from = day_of(first).max(today.saturating_sub(PACE_DAYS.days()));
    let is_change = |of: &&store::processes::Version| of.number > 1 && !of.version.changes.is_empty();
    let recent = versions.iter().filter(is_change).filter(|of| day_of(of.version.activated_at) >= from);
    let days = from.until(today).map(|span| span.get_days()).unwrap_or_default();
    Pace { changes: recent.count(), days: usize::try_from(days).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::processes::{NewVersion, Version};

    #[test]
    fn changes_are_counted_over_a_year_at_most() {
        let version = |number: u32, at: &str, changes: &[&str]| Version {
            number,
            version: NewVersion {
                duty: "developers".into(),
                text: String::new(),
                text_hash: String::new(),
                activated_at: at.parse().unwrap(),
                activated_by: None,
                reason: String::new(),
                changes: changes.iter().map(|change| (*change).to_owned()).collect(),
            },
        };
        let day_of = |at: jiff::Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let today = jiff::civil::date(2026, 3, 2);
        let young = [version(1, "2026-02-20T09:00:00Z", &["all"]), version(2, "2026-02-20T10:00:00Z", &["a step"])];
        assert_eq!(pace(&young, today, day_of), Pace { changes: 1, days: 10 });
        let old = [
            version(1, "2023-02-20T09:00:00Z", &[]),
            version(2, "2024-02-20T09:00:00Z", &["long ago"]),
            version(3, "2026-01-20T09:00:00Z", &[]),
            version(4, "2026-01-21T09:00:00Z", &["a step"]),
        ];
        assert_eq!(pace(&old, today, day_of), Pace { changes: 1, days: 365 });
        assert_eq!(pace(&[], today, day_of), Pace::default());
    }
}
