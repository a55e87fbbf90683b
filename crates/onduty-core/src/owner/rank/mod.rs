//! Ranks people for a place in the code, each reason with what it is worth.
//!
//! A conditional logit: the score of a person is a sum of a few terms, and the confidence is its softmax over everybody
//! who could be named. The [weights] were fitted by `benches/owner/fit` on bug fixes mined from public
//! repositories, none of them below zero, so that a reason speaks for its person. `docs/design/owner.md` has the figures and
//! what did not help.

mod sight;
mod terms;
#[cfg(test)]
mod tests;
mod weights;

pub use sight::spoken;
pub use terms::{Among, Spoken, Term};

use super::people::PersonNo;
use super::place::Place;
use crate::item::OwnerReason;
use jiff::Timestamp;
use weights::weight;

/// A person with everything that speaks for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Who.
    pub person: PersonNo,
    /// The sum of the terms; its unit is the logarithm of odds.
    pub score: f64,
    /// The weightiest first; never empty.
    pub reasons: Vec<OwnerReason>,
}

/// Everybody whom `may_be_named` lets through and who ever committed, the most adequate first, as of `at`.
pub fn rank(place: &Place, at: Timestamp, among: Among, may_be_named: impl Fn(PersonNo) -> bool) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = spoken(place, at, among, may_be_named)
        .into_iter()
        .map(|(person, spoken)| {
            let mut reasons: Vec<(f64, OwnerReason)> =
                spoken.into_iter().map(|spoken| (worth(&spoken), spoken.reason)).collect();
            reasons.sort_by(|(one, _), (other, _)| other.total_cmp(one));
            let score = reasons.iter().map(|(worth, _)| worth).sum();
            Ranked { person, score, reasons: reasons.into_iter().map(|(_, reason)| reason).collect() }
        })
        .collect();
    ranked.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.person.cmp(&other.person)));
    ranked
}

fn worth(spoken: &Spoken) -> f64 {
    spoken.terms.iter().map(|(term, value)| weight(*term) * value).sum()
}

/// The confidence that goes with each of `scores`: their softmax. Adds up to one.
pub fn confidences(scores: &[f64]) -> Vec<f64> {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let odds: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
    let all: f64 = odds.iter().sum();
    odds.into_iter().map(|odds| odds / all).collect()
}
