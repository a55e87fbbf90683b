//! Ranks people for a place in the code, each term with its reason.
//!
//! A conditional logit: the score of a person is a sum of a few terms, and the confidence is its softmax over everybody
//! who could be named. The weights were fitted by `benches/owner/fit` on bug fixes mined from public repositories, none of
//! them below zero, so that a reason speaks for its person; only who was silent for a year loses something.
//! `docs/design/owner.md` has the figures and what did not help.

use super::people::PersonNo;
use super::place::{Place, Touch, Touched};
use crate::item::OwnerReason;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Weight of having written the newest line of the frames within [`YEAR`]: this over one more than the rank.
const LINE: f64 = 1.37;
/// Weight of the share of the lines around the frames, by [`of_share`].
const AROUND: f64 = 0.19;
/// Weights of the last commit to a file of the frames: of its age, and of being the newest.
const FILE_AGE: f64 = 0.85;
const FILE_RANK: f64 = 0.48;
/// Weight of the age of the last commit to a folder of the frames.
const FOLDER: f64 = 1.4;
/// Days after which knowledge of a file or folder counts half.
const KNOWS_DAYS: f64 = 120.0;
/// Weight of the logarithm of how many commits to the repository there are, each worth half after [`BUSY_DAYS`].
const BUSY: f64 = 0.25;
const BUSY_DAYS: f64 = 60.0;
/// Weights of how long ago the last commit to the repository was: by age, halved after so many days …
const ACTIVE: [(f64, f64); 2] = [(1.8, 30.0), (1.97, 90.0)];
/// … and for being no older than so many days.
const ACTIVE_WITHIN: [(f64, f64); 2] = [(0.6, 90.0), (0.95, 180.0)];
/// What is taken off whoever has been silent for more than a year.
const SILENT: f64 = 1.19;
const YEAR: f64 = 365.0;
/// Days of which the number of commits is told.
const TOLD_DAYS: f64 = 90.0;

/// A person with everything that speaks for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Who.
    pub person: PersonNo,
    /// The sum of the terms; its unit is the logarithm of odds.
    pub score: f64,
    /// One per term, the weightiest first; never empty.
    pub reasons: Vec<OwnerReason>,
}

/// Everybody whom `may_be_named` lets through and who ever committed, the most adequate first, as of `at`.
pub fn rank(place: &Place, at: Timestamp, may_be_named: impl Fn(PersonNo) -> bool) -> Vec<Ranked> {
    let days_since = |then: Timestamp| (at.as_second().saturating_sub(then.as_second())).max(0) as f64 / 86_400.0;
    let sight = Sight { place, days_since: &days_since, may_be_named: &may_be_named };
    let mut people: BTreeMap<PersonNo, Vec<(f64, OwnerReason)>> = BTreeMap::new();
    let (lately, _) = sight.shares(&place.repository, BUSY_DAYS);
    let terms =
        [sight.lines(), sight.around(), sight.files(), sight.folders(), sight.busy(&lately), sight.active(&lately)];
    for (person, worth, reason) in terms.into_iter().flatten() {
        people.entry(person).or_default().push((worth, reason));
    }
    let mut ranked: Vec<Ranked> = people
        .into_iter()
        .map(|(person, mut terms)| {
            terms.sort_by(|(one, _), (other, _)| other.total_cmp(one));
            let score = terms.iter().map(|(worth, _)| worth).sum();
            Ranked { person, score, reasons: terms.into_iter().map(|(_, reason)| reason).collect() }
        })
        .collect();
    ranked.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.person.cmp(&other.person)));
    ranked
}

/// The confidence that goes with each of `scores`: their softmax. Adds up to one.
pub fn confidences(scores: &[f64]) -> Vec<f64> {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let odds: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
    let all: f64 = odds.iter().sum();
    odds.into_iter().map(|odds| odds / all).collect()
}

/// The place as it is seen at one moment, by one who may name some.
struct Sight<'a> {
    place: &'a Place,
    days_since: &'a dyn Fn(Timestamp) -> f64,
    may_be_named: &'a dyn Fn(PersonNo) -> bool,
}

/// What a term says: of whom, how much, why.
type Said = Vec<(PersonNo, f64, OwnerReason)>;

/// What one person did to something.
struct Share<'a> {
    newest: &'a Touch,
    commits: u32,
    worth: f64,
}

type Shares<'a> = BTreeMap<PersonNo, Share<'a>>;

impl Sight<'_> {
    fn lines(&self) -> Said {
        let mut newest: BTreeMap<PersonNo, usize> = BTreeMap::new();
        for (index, line) in self.place.lines.iter().enumerate() {
            let is_known = (self.may_be_named)(line.touch.person) && (self.days_since)(line.touch.at) < YEAR;
            let known = newest.get(&line.touch.person).map(|index| self.place.lines[*index].touch.at);
            if is_known && known.is_none_or(|known| known < line.touch.at) {
                newest.insert(line.touch.person, index);
            }
        }
        let mut order: Vec<(PersonNo, usize)> = newest.into_iter().collect();
        order.sort_by_key(|(_, index)| (std::cmp::Reverse(self.place.lines[*index].touch.at), *index));
        let say = |(rank, (person, index)): (usize, (PersonNo, usize))| {
            let line = &self.place.lines[index];
            let (file, revision) = (line.file.clone(), line.revision.clone());
            let reason = OwnerReason::WroteLine { file, line: line.line, revision, at: line.touch.at };
            (person, by_rank(LINE, rank), reason)
        };
        order.into_iter().enumerate().map(say).collect()
    }

    fn around(&self) -> Said {
        let of: u32 = self.place.around.iter().map(|(_, lines)| lines).sum();
        let known = self.place.around.iter().filter(|(person, _)| (self.may_be_named)(*person));
        let say = |(person, lines): &(PersonNo, u32)| {
            let reason = OwnerReason::WroteAround { lines: *lines, of };
            (*person, AROUND * of_share(f64::from(*lines) / f64::from(of)), reason)
        };
        known.map(say).collect()
    }

    fn files(&self) -> Said {
        let (shares, of) = self.shares(&self.place.files, KNOWS_DAYS);
        let mut order: Vec<(PersonNo, Share<'_>)> = shares.into_iter().collect();
        order.sort_by_key(|(person, share)| (std::cmp::Reverse((share.newest.at, share.newest.commit)), *person));
        let say = |(rank, (person, share)): (usize, (PersonNo, Share<'_>))| {
            let file = named(&self.place.files.names);
            let reason = OwnerReason::RecentCommits { file, theirs: share.commits, of, newest: share.newest.at };
            let age = FILE_AGE * by_age((self.days_since)(share.newest.at), KNOWS_DAYS);
            (person, age + by_rank(FILE_RANK, rank), reason)
        };
        order.into_iter().enumerate().map(say).collect()
    }

    fn folders(&self) -> Said {
        let (shares, of) = self.shares(&self.place.folders, KNOWS_DAYS);
        let say = |(person, share): (PersonNo, Share<'_>)| {
            let folder = named(&self.place.folders.names);
            let reason = OwnerReason::CommitsToFolder { folder, theirs: share.commits, of, newest: share.newest.at };
            (person, FOLDER * by_age((self.days_since)(share.newest.at), KNOWS_DAYS), reason)
        };
        shares.into_iter().map(say).collect()
    }

    fn busy(&self, shares: &Shares<'_>) -> Said {
        let mut counts: BTreeMap<PersonNo, u32> = BTreeMap::new();
        let recent = self.place.repository.touches.iter().filter(|touch| (self.days_since)(touch.at) <= TOLD_DAYS);
        recent.for_each(|touch| *counts.entry(touch.person).or_default() += 1);
        let say = |(person, share): (&PersonNo, &Share<'_>)| {
            let reason = OwnerReason::CommitsLately { commits: *counts.get(person)?, days: TOLD_DAYS as u32 };
            Some((*person, BUSY * share.worth.ln_1p(), reason))
        };
        shares.iter().filter_map(say).collect()
    }

    fn active(&self, shares: &Shares<'_>) -> Said {
        let say = |(person, share): (&PersonNo, &Share<'_>)| {
            let days = (self.days_since)(share.newest.at);
            let by_age: f64 = ACTIVE.iter().map(|(weight, half)| weight * by_age(days, *half)).sum();
            let within: f64 = ACTIVE_WITHIN.iter().filter(|(_, most)| days <= *most).map(|(weight, _)| weight).sum();
            let silent = if days > YEAR { SILENT } else { 0.0 };
            (*person, by_age + within - silent, OwnerReason::LastCommit { at: share.newest.at })
        };
        shares.iter().map(say).collect()
    }

    /// What each did to something, and how many commits there were.
    fn shares<'a>(&self, touched: &'a Touched, half_life_days: f64) -> (Shares<'a>, u32) {
        let mut shares = Shares::new();
        let mut commits = BTreeSet::new();
        for touch in &touched.touches {
            commits.insert(touch.commit);
            if !(self.may_be_named)(touch.person) {
                continue;
            }
            let share = shares.entry(touch.person).or_insert(Share { newest: touch, commits: 0, worth: 0.0 });
            share.commits += 1;
            share.worth += 0.5f64.powf((self.days_since)(touch.at) / half_life_days);
            if touch.at > share.newest.at {
                share.newest = touch;
            }
        }
        (shares, commits.len() as u32)
    }
}

/// 1 when it is fresh, half of it after `half` days, a third after twice that.
fn by_age(days: f64, half: f64) -> f64 {
    1.0 / (1.0 + days / half)
}

/// Half of `weight` for the first (rank 0), a third for the second, and so on.
fn by_rank(weight: f64, rank: usize) -> f64 {
    weight / (rank as f64 + 2.0)
}

/// A share between 0 and 1 on a scale on which a fiftieth already counts.
fn of_share(share: f64) -> f64 {
    (50.0 * share).ln_1p()
}

/// The first of the names, and how many more.
fn named(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
    }
}
