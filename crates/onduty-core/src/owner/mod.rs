//! Evidence in, ranked people with their confidence and their reasons out.
//!
//! Called by the server once a source has gathered the evidence. Never looks at a repository itself, never names
//! somebody who is not on the roster, never gives a name without a reason. [`rank`](mod@rank) weighs what a repository
//! knows; here comes what the team knows: who is there, what was decided before, what came after the last green build.

pub mod accuracy;
pub mod codeowners;
pub mod handler;
pub mod mailmap;
pub mod output;
pub mod people;
pub mod place;
pub mod rank;
mod ranking;
mod rules;
mod why_not;

pub(crate) use ranking::is_merge;
pub use rules::{OwnerRule, rules_for};
pub use why_not::{WhyNot, why_not};

use crate::flaky::Flaky;
use crate::ids::{EngineerId, Environment};
use crate::item::Suggestion;
use crate::roster::{Engineer, Roster};
use crate::signal::{Commit, Frame};
use jiff::Timestamp;
use jiff::civil::Date;
use people::PersonNo;
use place::Place;
use ranking::Ranking;
use std::collections::{BTreeMap, HashMap};

/// Most people that are named.
pub const MAX_PEOPLE: usize = 5;
/// Most people after those who are kept, for whoever asks why they are not named.
const MAX_OTHERS: usize = 15;
/// Below this nobody is sure, and the team is named where it is likely enough.
const UNSURE: f64 = 0.25;
/// How likely a team has to be.
const SURE_OF_TEAM: f64 = 0.5;

/// What was found out about a cause.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The files of the stack, the most telling first.
    pub files: Vec<String>,
    /// What the repository knows about the stack.
    pub place: Place,
    /// Who the people of `place` are on the roster.
    pub engineers: HashMap<PersonNo, EngineerId>,
    /// The commits after the last green build up to the first red one, newest first; empty when there is none of
    /// either.
    pub since_green: Vec<Commit>,
    /// The last green revision, where it is not among the commits that led to the red one.
    pub green_is_gone: Option<String>,
    /// What the past of the failing check says, where it was flaky before.
    pub flaky: Option<Flaky>,
    /// Where the last rollout went and what was new in it, newest first; for causes that a rollout may have brought.
    pub in_rollout: Option<(Environment, Vec<Commit>)>,
    /// The rules of CODEOWNERS for these files, in their order.
    pub rules: Vec<OwnerRule>,
    /// Whom people named as owner of the same subject before, newest first.
    pub decided: Vec<(EngineerId, Timestamp)>,
    /// How many open items each engineer owns; who is not here owns none.
    pub owned: BTreeMap<EngineerId, u32>,
    /// What could not be looked at, in words for people.
    pub trouble: Option<String>,
}

/// The frames of a stack that are worth looking at, the most telling first: the innermost line of the team's own code,
/// and outwards from there. Without a line of their own it is the innermost of all.
pub fn telling(frames: &[Frame]) -> Vec<&Frame> {
    let has_own = frames.iter().any(|frame| frame.in_app);
    let mut telling: Vec<&Frame> = Vec::new();
    for frame in frames.iter().rev().filter(|frame| (frame.in_app || !has_own) && !frame.file.is_empty()) {
        if !telling.iter().any(|known| known.file == frame.file && known.line == frame.line) {
            telling.push(frame);
        }
    }
    telling
}

/// Who might own the cause, best first, and how sure that is.
///
/// Somebody who is away on `today` keeps the rank and is marked, and so is who owns much already. Who has left is not
/// named: what speaks for them speaks for their successor, and without one for their team. `at` is when the evidence was
/// looked at.
pub fn suggest(evidence: &Evidence, roster: &Roster, today: Date, at: Timestamp) -> Suggestion {
    let heir = |engineer| roster.heir_of(engineer, today);
    let mut people = Ranking::of(evidence, roster, at, &heir).candidates(evidence, today);
    let others = people.split_off(people.len().min(MAX_PEOPLE));
    let best = people.first().and_then(|person| person.confidence).unwrap_or(0.0);
    let team = if best < UNSURE { Ranking::of(evidence, roster, at, &Some).team(&evidence.rules) } else { None };
    let note = note(evidence, people.is_empty());
    let green_is_gone = evidence.green_is_gone.is_some();
    Suggestion { people, others, team, flaky: evidence.flaky, green_is_gone, at, note }
}

/// Why there is nobody, or what is to be known about those who are named.
fn note(evidence: &Evidence, is_nobody: bool) -> Option<String> {
    let gone = evidence.green_is_gone.as_deref().map(green_is_gone);
    if let Some(trouble) = &evidence.trouble {
        return Some([Some(trouble.clone()), gone].into_iter().flatten().collect::<Vec<_>>().join("; "));
    }
    let why = is_nobody.then(|| why_nobody(evidence).to_owned());
    let unchanged = ranking::is_unchanged_by_rollout(evidence)
        .then(|| "no commit of the last rollout changed these files".to_owned());
    let said: Vec<String> = [why, gone, unchanged, evidence.place.doubt()].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

fn green_is_gone(revision: &str) -> String {
    let start: String = revision.chars().take(12).collect();
    format!(
        "the last green commit {start} is not among the commits that are known to lead to the red one: the branch was \
         rewritten, or the green one is too long ago"
    )
}

fn why_nobody(evidence: &Evidence) -> &'static str {
    match (evidence.files.is_empty(), evidence.since_green.is_empty()) {
        (_, false) => "nobody on the roster wrote the commits since green",
        (true, true) => "neither a file of the team's code nor a commit since green is known for this",
        (false, true) if evidence.place.is_unknown() => "the files of this stack have no history in the repository",
        (false, true) => "nobody on the roster committed to this repository",
    }
}

/// The engineer who wrote `commit`: by e-mail, by the login in GitHub's private address, by name.
pub fn author_of<'a>(commit: &Commit, roster: &'a Roster) -> Option<&'a Engineer> {
    let (name, email) = (&commit.author_name, &commit.author_email);
    if people::is_bot(name, email) { None } else { people::engineer_of(name, email, roster) }
}

#[cfg(test)]
mod tests;
