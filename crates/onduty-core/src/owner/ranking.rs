//! What the team knows on top of what a repository knows: who is there, who took over from whom, what was decided before,
//! and what came after the last green build.

use super::people::PersonNo;
use super::{Evidence, MAX_OTHERS, MAX_PEOPLE, OwnerRule, SURE_OF_TEAM, author_of, rank};
use crate::ids::EngineerId;
use crate::item::{Candidate, LikelyTeam, OwnerReason};
use crate::roster::{Engineer, Roster};
use crate::signal::Commit;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// Most commits after green that are given as reasons to one person.
const MAX_COMMITS_TOLD: usize = 3;
/// Score for having written a commit after green at all: one of them broke it, unless the check is flaky.
const SUSPECT: f64 = 5.0;
/// Score for having written the newest commit after green; the one before gets half of it, and so on.
const SINCE_GREEN: f64 = 3.0;
/// Factor for a commit since green that touches a file of the failing stack.
const TOUCHES_EVIDENCE: f64 = 3.0;
/// Score for having written the newest commit of the last rollout that changed a file of the cause; the one before gets
/// half of it, and so on.
const IN_ROLLOUT: f64 = 5.0;
/// Score for being the only one whom CODEOWNERS names for the most telling file; several share it.
const NAMED_BY_RULE: f64 = 1.5;
/// Score of the person whom people named last for the same subject: beats whatever can be computed.
const DECIDED: f64 = 100.0;

/// Whom what speaks for an engineer is counted for: themselves, whoever took over from them, or nobody.
type Heir<'a> = dyn Fn(&'a Engineer) -> Option<&'a Engineer> + 'a;

/// Everybody for whom something speaks.
pub(super) struct Ranking<'a> {
    roster: &'a Roster,
    heir: &'a Heir<'a>,
    people: BTreeMap<&'a EngineerId, Person<'a>>,
    /// How likely it is anybody at all.
    somebody: f64,
}

struct Person<'a> {
    engineer: &'a Engineer,
    score: f64,
    reasons: Vec<OwnerReason>,
}

impl<'a> Ranking<'a> {
    pub fn of(evidence: &Evidence, roster: &'a Roster, at: Timestamp, heir: &'a Heir<'a>) -> Ranking<'a> {
        let mut ranking = Ranking { roster, heir, people: BTreeMap::new(), somebody: 1.0 };
        ranking.somebody -= evidence.flaky.map_or(0.0, |flaky| flaky.chance());
        ranking.decided(evidence);
        ranking.since_green(evidence);
        ranking.in_rollout(evidence);
        ranking.rules(evidence);
        ranking.place(evidence, at);
        ranking
    }

    /// Counts for the heir of `from`, if there is one.
    fn add(&mut self, from: &'a Engineer, score: f64, reasons: impl IntoIterator<Item = OwnerReason>) {
        let Some(engineer) = (self.heir)(from) else { return };
        let took_over = |reason| match engineer.id == from.id {
            true => reason,
            false => OwnerReason::TookOver { from: from.id.clone(), because: Box::new(reason) },
        };
        let nobody = Person { engineer, score: 0.0, reasons: Vec::new() };
        let person = self.people.entry(&engineer.id).or_insert(nobody);
        person.score += score;
        person.reasons.extend(reasons.into_iter().map(took_over));
    }

    fn decided(&mut self, evidence: &Evidence) {
        for (index, (engineer, at)) in evidence.decided.iter().enumerate() {
            if let Some(engineer) = self.roster.engineers.get(engineer) {
                self.add(engineer, DECIDED / (index + 1) as f64, [OwnerReason::DecidedBefore { at: *at }]);
            }
        }
    }

    fn since_green(&mut self, evidence: &Evidence) {
        let files = files_of(evidence);
        let suspects: Vec<&Commit> = evidence.since_green.iter().filter(|commit| !is_merge(commit)).collect();
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, commit) in suspects.iter().enumerate() {
            let Some(engineer) = author_of(commit, self.roster) else { continue };
            let told = told.entry(engineer.id.as_str()).or_default();
            *told += 1;
            if *told > MAX_COMMITS_TOLD {
                continue;
            }
            let changed = commit.files.iter().find(|file| files.contains(file.as_str()));
            let factor = if changed.is_some() { TOUCHES_EVIDENCE } else { 1.0 };
            let reason = OwnerReason::SinceGreen {
                revision: commit.revision.clone(),
                title: commit.title.clone(),
                of: suspects.len() as u32,
                changed: changed.cloned(),
            };
            // A further commit of the same person adds less: many small commits are not many suspects.
            let once = if *told == 1 { SUSPECT } else { 0.0 };
            self.add(engineer, once + factor * SINCE_GREEN / ((index + 1) * *told) as f64, [reason]);
        }
    }

    fn in_rollout(&mut self, evidence: &Evidence) {
        let Some((environment, commits)) = &evidence.in_rollout else { return };
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, (commit, file)) in touching(commits, &files_of(evidence)).enumerate() {
            let Some(engineer) = author_of(commit, self.roster) else { continue };
            let told = told.entry(engineer.id.as_str()).or_default();
            *told += 1;
            if *told > MAX_COMMITS_TOLD {
                continue;
            }
            let reason = OwnerReason::InRollout {
                revision: commit.revision.clone(),
                title: commit.title.clone(),
                environment: environment.clone(),
                file: file.to_owned(),
            };
            self.add(engineer, IN_ROLLOUT / ((index + 1) * *told) as f64, [reason]);
        }
    }

    /// The first file for which somebody on the roster is named is the one that counts, as at error trackers.
    fn rules(&mut self, evidence: &Evidence) {
        let roster = self.roster;
        let named = evidence.rules.iter().map(|rule| rule.engineers(roster)).find(|named| !named.is_empty());
        let named = named.unwrap_or_default();
        let each = NAMED_BY_RULE / named.len().max(1) as f64;
        named.into_iter().for_each(|(engineer, reason)| self.add(engineer, each, [reason]));
    }

    fn place(&mut self, evidence: &Evidence, at: Timestamp) {
        let (roster, heir) = (self.roster, self.heir);
        let engineer = |person: PersonNo| roster.engineers.get(evidence.engineers.get(&person)?);
        let may_be_named = |person| engineer(person).and_then(heir).is_some();
        let ranked = rank::rank(&evidence.place, at, rank::Among::Roster, may_be_named);
        // Two people's knowledge is not twice the knowledge: the one who took over counts as the better of both.
        let mut best: BTreeMap<&EngineerId, f64> = BTreeMap::new();
        for ranked in ranked {
            let Some((from, heir)) = engineer(ranked.person).and_then(|from| Some((from, heir(from)?))) else {
                continue;
            };
            let counted = best.entry(&heir.id).or_insert(f64::NEG_INFINITY);
            let before = if counted.is_finite() { *counted } else { 0.0 };
            *counted = counted.max(ranked.score);
            let more = *counted - before;
            self.add(from, more, ranked.reasons);
        }
    }

    /// Best first, with the confidence of each among everybody who could be named.
    pub fn candidates(self, evidence: &Evidence, today: Date) -> Vec<Candidate> {
        let candidate = |(person, confidence): (Person<'_>, f64)| Candidate {
            engineer: person.engineer.id.clone(),
            available: person.engineer.is_at_work(today),
            confidence: Some(confidence),
            owned: evidence.owned.get(&person.engineer.id).copied().unwrap_or(0),
            reasons: person.reasons,
        };
        self.in_order().into_iter().take(MAX_PEOPLE + MAX_OTHERS).map(candidate).collect()
    }

    /// The team that is likely enough by everybody in it, or else the first one that `rules` name.
    pub fn team(self, rules: &[OwnerRule]) -> Option<LikelyTeam> {
        let roster = self.roster;
        let mut teams: BTreeMap<String, f64> = BTreeMap::new();
        for (person, confidence) in self.in_order() {
            if let Some(team) = &person.engineer.team {
                *teams.entry(team.clone()).or_default() += confidence;
            }
        }
        let likeliest = teams.iter().max_by(|(_, one), (_, other)| one.total_cmp(other));
        if let Some((name, confidence)) = likeliest.filter(|(_, confidence)| **confidence >= SURE_OF_TEAM) {
            return Some(LikelyTeam { name: name.clone(), confidence: *confidence, rule: None });
        }
        rules.iter().find_map(|rule| {
            let name = rule.team(roster)?.to_owned();
            let confidence = teams.get(&name).copied().unwrap_or(0.0);
            Some(LikelyTeam { name, confidence, rule: Some((rule.written_in.clone(), rule.line)) })
        })
    }

    fn in_order(self) -> Vec<(Person<'a>, f64)> {
        let mut people: Vec<Person<'a>> = self.people.into_values().collect();
        people.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.engineer.id.cmp(&b.engineer.id)));
        let mut scores: Vec<f64> = people.iter().map(|person| person.score).collect();
        // It may as well be somebody for whom nothing speaks.
        let could_be = self.roster.engineers.values().filter(|engineer| (self.heir)(engineer).is_some()).count();
        scores.resize(scores.len().max(could_be), 0.0);
        let somebody = self.somebody;
        let confidences = rank::confidences(&scores).into_iter().map(|confidence| confidence * somebody);
        people.into_iter().zip(confidences).collect()
    }
}

/// The files of the cause, as they were told and as the repository has them.
fn files_of(evidence: &Evidence) -> BTreeSet<&str> {
    evidence.files.iter().chain(&evidence.place.files.names).map(String::as_str).collect()
}

/// Those of `commits` that changed one of `files`, with the first such file.
fn touching<'a>(commits: &'a [Commit], files: &BTreeSet<&str>) -> impl Iterator<Item = (&'a Commit, &'a str)> {
    let changed = |commit: &'a Commit| commit.files.iter().find(|file| files.contains(file.as_str()));
    commits
        .iter()
        .filter(|commit| !is_merge(commit))
        .filter_map(move |commit| Some((commit, changed(commit)?.as_str())))
}

/// Whether it is known what came with the last rollout, and nothing of it changed a file of the cause.
pub(super) fn is_unchanged_by_rollout(evidence: &Evidence) -> bool {
    let Some((_, commits)) = &evidence.in_rollout else { return false };
    touching(commits, &files_of(evidence)).next().is_none()
}

/// Whether the commit only joins branches; its author need not have written anything.
pub(crate) fn is_merge(commit: &Commit) -> bool {
    ["Merge branch ", "Merge pull request ", "Merge remote-tracking branch ", "Merge tag "]
        .iter()
        .any(|start| commit.title.starts_with(start))
}
