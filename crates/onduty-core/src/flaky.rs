//! How often a check that failed passed on the very same commit: the chance that a red build is nobody's doing.

use serde::{Deserialize, Serialize};

/// Failed revisions of a check that are remembered.
const MAX_REDS: usize = 20;
/// Failures with a cause in the code that are taken for granted before any is known, so that one flake in one failure
/// does not make the next one a flake as well.
const TAKEN_FOR_REAL: f64 = 2.0;
/// The least chance for a check that failed where it had passed: no commit came between, only a service, a clock or the
/// machine may have changed.
const PASSED_HERE: f64 = 0.9;
/// From this chance on it is probable.
const PROBABLE: f64 = 0.5;

/// A revision at which a check failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Red {
    /// The commit.
    pub revision: String,
    /// Whether the check passed there as well, before or afterwards.
    pub passed: bool,
}

/// What a check's past says about its newest failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flaky {
    /// Earlier revisions at which it failed.
    pub failed: u32,
    /// Those of them at which it passed as well.
    pub passed: u32,
    /// Whether it passed at the revision that is failing now.
    pub passed_here: bool,
}

impl Flaky {
    /// What the failures `reds` say of the one at `revision`; `None` when none of them was ever a flake.
    pub fn of(reds: &[Red], revision: &str) -> Option<Flaky> {
        let (here, earlier): (Vec<&Red>, Vec<&Red>) = reds.iter().partition(|red| red.revision == revision);
        let flaky = Flaky {
            failed: earlier.len() as u32,
            passed: earlier.iter().filter(|red| red.passed).count() as u32,
            passed_here: here.iter().any(|red| red.passed),
        };
        (flaky.passed > 0 || flaky.passed_here).then_some(flaky)
    }

    /// The chance, from 0 to 1, that no commit is the cause.
    pub fn chance(&self) -> f64 {
        let past = f64::from(self.passed) / (f64::from(self.failed) + TAKEN_FOR_REAL);
        if self.passed_here { past.max(PASSED_HERE) } else { past }
    }

    /// Whether it is rather that than a commit.
    pub fn is_probable(&self) -> bool {
        self.chance() >= PROBABLE
    }
}

/// `reds` after the check ended at `revision`, well where `is_passed`; `last_passed` is where it passed last before. The
/// newest failures are kept.
pub(crate) fn noted(mut reds: Vec<Red>, last_passed: Option<&str>, revision: &str, is_passed: bool) -> Vec<Red> {
    match reds.iter_mut().find(|red| red.revision == revision) {
        Some(red) => red.passed |= is_passed,
        None if is_passed => {}
        None => {
            reds.push(Red { revision: revision.to_owned(), passed: last_passed == Some(revision) });
            let too_many = reds.len().saturating_sub(MAX_REDS);
            reds.drain(..too_many);
        }
    }
    reds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SourceName, Subject};
    use crate::signal::{Build, BuildState, Fact, Observation, SignalState, fold};
    use jiff::Timestamp;

    /// What is remembered after the builds `told`, in minutes: `4 abc failed`.
    fn after(told: &[&str]) -> SignalState {
        let mut known: Option<SignalState> = None;
        for (attempt, told) in (1..).zip(told) {
            let mut words = told.split(' ');
            let minute: i64 = words.next().unwrap().parse().unwrap();
            let at = Timestamp::from_second(minute * 60).unwrap();
            let build = Build {
                repository: "acme/shop".into(),
                branch: Some("main".into()),
                revision: words.next().unwrap().into(),
                name: "unit tests".into(),
                state: if words.next() == Some("failed") { BuildState::Failed } else { BuildState::Passed },
                attempt,
                started_at: at,
                finished_at: Some(at),
                url: None,
                detail: None,
                frames: Vec::new(),
                unproven_branch: true,
            };
            let (source, subject) = (SourceName::from("ci"), Subject::from("acme/shop main unit tests"));
            let seen = Observation { source, subject, fact: Fact::Build(build), source_time: at, baseline: false };
            known = fold(known.as_ref(), &seen, at).or(known);
        }
        known.unwrap()
    }

    fn check(told: &[&str], revision: &str, expected: Option<(u32, u32, bool)>) {
        let reds = after(told).reds;
        let found = Flaky::of(&reds, revision).map(|flaky| (flaky.passed, flaky.failed, flaky.passed_here));
        assert_eq!(found, expected, "{told:?}: {reds:?}");
    }

    #[test]
    fn a_flake_is_a_check_that_failed_and_passed_on_one_commit() {
        check(&["1 aa passed"], "aa", None);
        check(&["1 aa failed"], "aa", None);
        // Mended by a commit: that was real.
        check(&["1 aa failed", "2 bb passed", "3 cc failed"], "cc", None);
        check(&["1 aa failed", "1 aa passed", "3 cc failed"], "cc", Some((1, 1, false)));
        check(&["1 aa failed", "1 aa passed", "2 bb failed", "3 cc failed"], "cc", Some((1, 2, false)));
        check(&["1 aa passed", "1 aa failed"], "aa", Some((0, 0, true)));
        check(&["1 aa failed", "1 aa failed", "1 aa passed", "2 bb failed"], "bb", Some((1, 1, false)));
        // An old commit that is run again counts as well, although nothing else of it does.
        check(&["1 aa failed", "2 bb failed", "1 aa passed"], "bb", Some((1, 1, false)));
    }

    #[test]
    fn the_oldest_failures_are_forgotten() {
        let told: Vec<String> = (0..30).map(|minute| format!("{minute} r{minute} failed")).collect();
        let reds = after(&told.iter().map(String::as_str).collect::<Vec<_>>()).reds;
        assert_eq!((reds.len(), reds[0].revision.as_str()), (MAX_REDS, "r10"));
    }

    #[test]
    fn one_flake_does_not_make_the_next_failure_one() {
        for (passed, failed, passed_here, expected) in
            [(1, 1, false, 0.33), (1, 5, false, 0.14), (2, 2, false, 0.5), (8, 10, false, 0.67), (0, 0, true, 0.9)]
        {
            let flaky = Flaky { failed, passed, passed_here };
            assert!((flaky.chance() - expected).abs() < 0.01, "{flaky:?}: {}", flaky.chance());
            assert_eq!(flaky.is_probable(), expected >= 0.5);
        }
    }
}
