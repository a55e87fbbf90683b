//! What there is to tell once a rollout was compared, and whether what was told is the whole answer.
//!
//! A pass outside compares windows ([`crate::perf`]) and asks [`after_run`] which facts of [`crate::performance`] come of it;
//! `engine` and `expr` ask [`standing`]. Nothing here compares anything.

use crate::ids::Environment;
use crate::perf::{Comparison, Failing, Judged, SharedShift, Side, Verdict};
use crate::performance::{ComparedRollout, EndpointFact, Scope, Slowdown, Standing};
use crate::signal::{Fact, Kind, RolloutFact, RolloutState, Snapshot, UnknownReason};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Endpoints of one rollout that are told one by one, those that cost most; the others are counted.
const MOST_TOLD: usize = 500;

/// Whether two facts are about the same.
type Key = (bool, bool, String);

fn key(fact: &EndpointFact) -> Key {
    (fact.scope == Scope::All, fact.scope == Scope::Group, fact.name.clone())
}

/// One comparison of a rollout.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The rollout.
    pub rollout: &'a RolloutFact,
    /// When it had arrived.
    pub rolled_out_at: Timestamp,
    /// End of the window after it.
    pub until: Timestamp,
    /// What came out.
    pub comparison: &'a Comparison,
    /// Whether what was judged is enough to call nothing worse fine.
    pub is_enough: bool,
    /// What was told of its environment before: of this rollout and of those before it.
    pub known: &'a [EndpointFact],
    /// What was told of this rollout before.
    pub compared: Option<&'a ComparedRollout>,
}

/// What there is to tell after a comparison: first the endpoints of which something new is known, then the rollout.
///
/// The first comparison is believed at once. What only a later one sees has to be seen twice in a row, because a dozen of
/// them would find a dozen times as many accidents. What was told is taken back only where an endpoint is judged again and
/// found well, never because it became quiet; what an earlier rollout made slower, only where this one made it faster.
pub fn after_run(run: &Run<'_>) -> (Vec<EndpointFact>, ComparedRollout) {
    let mut known: BTreeMap<Key, &EndpointFact> = BTreeMap::new();
    for fact in run.known.iter().filter(|fact| fact.environment == run.rollout.environment) {
        known.insert(key(fact), fact);
    }
    let mut told = Vec::new();
    let mut standing: BTreeMap<Key, Standing> = known
        .iter()
        .filter(|(_, fact)| fact.rollout == run.rollout.id)
        .map(|(key, fact)| (key.clone(), fact.standing))
        .collect();
    let mut beyond = 0;
    let key_of = |judged: &Judged| (judged.is_worse(), judged.cost());
    let mut judged: Vec<&Judged> = run.comparison.endpoints.iter().collect();
    judged.sort_by(|left, right| key_of(right).cmp(&key_of(left)).then_with(|| left.endpoint.cmp(&right.endpoint)));
    for judged in judged {
        let blank = run.blank(Scope::Endpoint, &judged.endpoint);
        let before = known.get(&key(&blank)).copied();
        let next = if judged.is_worse() {
            let slower = (judged.verdict == Verdict::Regressed).then(|| Slowdown {
                effect: rounded(judged.effect.unwrap_or_default()),
                interval: judged.interval.map(|interval| interval.map(rounded)),
                added_seconds_per_hour: judged.added_seconds_per_hour.map(rounded),
            });
            let failing = judged.failing.map(|failing| Failing { q_value: rounded(failing.q_value), ..failing });
            Some(EndpointFact { slower, failing, ..run.worse(blank, before) })
        } else {
            let is_well = matches!(judged.verdict, Verdict::Unchanged | Verdict::Improved);
            run.better(before, is_well, judged.verdict == Verdict::Improved)
        };
        let Some(mut next) = next else { continue };
        (next.before, next.after) = (side(judged.before), side(judged.after));
        let is_told = before.is_some_and(EndpointFact::is_degraded);
        if next.is_degraded()
            && !is_told
            && standing.values().filter(|s| **s == Standing::Degraded).count() >= MOST_TOLD
        {
            beyond += 1;
            continue;
        }
        if next.rollout == run.rollout.id {
            standing.insert(key(&next), next.standing);
        }
        told.push(next);
    }
    told.extend(run.shared(&known, &mut standing));
    let worse = standing.values().filter(|standing| **standing == Standing::Degraded).count() as u64 + beyond;
    (told, run.compared_with(worse))
}

impl Run<'_> {
    /// What earlier comparisons of the same rollout said.
    fn earlier(&self) -> Option<&ComparedRollout> {
        self.compared.filter(|compared| compared.rollout == self.rollout.id && compared.runs > 0)
    }

    fn blank(&self, scope: Scope, name: &str) -> EndpointFact {
        EndpointFact {
            environment: self.rollout.environment.clone(),
            rollout: self.rollout.id.clone(),
            revision: self.rollout.revision.clone(),
            rolled_out_at: self.rolled_out_at,
            scope,
            name: name.to_owned(),
            standing: Standing::Degraded,
            seen: 1,
            slower: None,
            failing: None,
            before: Side::default(),
            after: Side::default(),
        }
    }

    /// What is seen to be worse now.
    fn worse(&self, blank: EndpointFact, before: Option<&EndpointFact>) -> EndpointFact {
        let before = before.filter(|before| before.rollout == self.rollout.id);
        let (standing, seen) = match before.map(|before| (before.standing, before.seen)) {
            Some((Standing::Degraded | Standing::Suspected, seen)) => (Standing::Degraded, seen + 1),
            Some((Standing::Good, _)) => (Standing::Suspected, 1),
            None if self.earlier().is_none() => (Standing::Degraded, 1),
            None => (Standing::Suspected, 1),
        };
        EndpointFact { standing, seen, ..blank }
    }

    /// What is not seen to be worse now; `None` where that says nothing new.
    fn better(&self, before: Option<&EndpointFact>, is_well: bool, is_faster: bool) -> Option<EndpointFact> {
        let before = before?;
        let is_over = match (before.standing, before.rollout == self.rollout.id) {
            (Standing::Good, _) => false,
            // Not twice in a row.
            (Standing::Suspected, _) => true,
            (Standing::Degraded, true) => is_well,
            (Standing::Degraded, false) => is_faster,
        };
        is_over.then(|| EndpointFact { standing: Standing::Good, seen: 1, ..before.clone() })
    }

    /// What all, or a whole group, went through.
    fn shared(
        &self,
        known: &BTreeMap<Key, &EndpointFact>,
        standing: &mut BTreeMap<Key, Standing>,
    ) -> Vec<EndpointFact> {
        let slower: Vec<&SharedShift> = self.comparison.shared.iter().filter(|shift| shift.change > 0.0).collect();
        let mut told: Vec<EndpointFact> = slower
            .iter()
            .map(|shift| {
                let scope = if shift.group.is_empty() { Scope::All } else { Scope::Group };
                let blank = self.blank(scope, &shift.group);
                let before = known.get(&key(&blank)).copied();
                let change = Slowdown { effect: rounded(shift.change), interval: None, added_seconds_per_hour: None };
                EndpointFact { slower: Some(change), ..self.worse(blank, before) }
            })
            .collect();
        let is_seen = |key: &Key| told.iter().any(|fact| self::key(fact) == *key);
        let others: Vec<EndpointFact> = known
            .iter()
            .filter(|(key, fact)| fact.scope != Scope::Endpoint && !is_seen(key))
            .filter_map(|(_, fact)| {
                // A quiet hour says nothing about all of them.
                self.better(Some(fact), self.is_enough && fact.rollout == self.rollout.id, false)
            })
            .collect();
        told.extend(others);
        for fact in told.iter().filter(|fact| fact.rollout == self.rollout.id) {
            standing.insert(key(fact), fact.standing);
        }
        told
    }

    /// The rollout as a whole; the run in which most of the requests were judged speaks for it.
    fn compared_with(&self, worse: u64) -> ComparedRollout {
        let coverage = &self.comparison.coverage;
        let quiet = self.comparison.endpoints.iter().filter(|judged| judged.verdict == Verdict::Inconclusive).count();
        let new = ComparedRollout {
            environment: self.rollout.environment.clone(),
            rollout: self.rollout.id.clone(),
            revision: self.rollout.revision.clone(),
            rolled_out_at: self.rolled_out_at,
            until: self.until,
            runs: 1,
            judged: coverage.judged as u64,
            quiet: quiet as u64,
            worse,
            requests: rounded(coverage.requests),
            time: rounded(coverage.time),
            is_enough: self.is_enough,
            earlier_days: self.comparison.earlier_days as u32,
        };
        match self.earlier() {
            Some(before) if !tells_more(before, &new) => {
                ComparedRollout { worse, runs: before.runs + 1, ..before.clone() }
            }
            Some(before) => ComparedRollout { runs: before.runs + 1, ..new },
            None => new,
        }
    }
}

/// What is told of a rollout whose hours after it end at `until`: it is not forgotten.
pub fn awaited(rollout: &RolloutFact, rolled_out_at: Timestamp, until: Timestamp) -> ComparedRollout {
    ComparedRollout {
        environment: rollout.environment.clone(),
        rollout: rollout.id.clone(),
        revision: rollout.revision.clone(),
        rolled_out_at,
        until,
        runs: 0,
        judged: 0,
        quiet: 0,
        worse: 0,
        requests: 0.0,
        time: 0.0,
        is_enough: false,
        earlier_days: 0,
    }
}

/// Whether the later of two comparisons of a rollout judged more.
pub fn tells_more(before: &ComparedRollout, new: &ComparedRollout) -> bool {
    (new.is_enough, new.judged) > (before.is_enough, before.judged)
}

fn side(side: Side) -> Side {
    Side { n: side.n, p50_ms: side.p50_ms.map(rounded), p95_ms: side.p95_ms.map(rounded) }
}

/// Four digits: more would only make the same fact look new, and reading them back must give the same number.
fn rounded(number: f64) -> f64 {
    if !number.is_finite() {
        return 0.0;
    }
    format!("{number:.3e}").parse().unwrap_or_default()
}

/// The newest rollout that arrived in `environment`, with the moment when it had.
pub fn newest_rollout<'a>(snapshot: &'a Snapshot, environment: &Environment) -> Option<(&'a RolloutFact, Timestamp)> {
    let arrived = snapshot
        .rollouts()
        .into_iter()
        .filter(|rollout| rollout.environment == *environment && rollout.state == RolloutState::Succeeded);
    arrived.map(|rollout| (rollout, rollout.finished_at.unwrap_or(rollout.started_at))).max_by_key(|(_, at)| *at)
}

/// What was last told of rollouts to `environment`.
pub fn newest_compared<'a>(snapshot: &'a Snapshot, environment: &Environment) -> Option<&'a ComparedRollout> {
    snapshot.of_kind(&Kind::Performance).find_map(|(_, state)| match &state.fact {
        Fact::Compared(compared) if compared.environment == *environment => Some(compared),
        _ => None,
    })
}

/// Whether the endpoints that are told are all that the newest rollout to `environment` made worse.
///
/// A rollout that arrived before `since`, and was never compared, is not waited for: nobody watched then.
///
/// # Errors
/// With the reason: it was not compared yet, or too little of it could be judged.
pub fn standing(snapshot: &Snapshot, environment: &Environment, since: Timestamp) -> Result<(), UnknownReason> {
    let Some((newest, at)) = newest_rollout(snapshot, environment) else { return Ok(()) };
    match newest_compared(snapshot, environment).filter(|compared| compared.rollout == newest.id) {
        Some(compared) if compared.is_enough && compared.runs > 0 => Ok(()),
        Some(compared) if compared.runs == 0 => {
            Err(UnknownReason::NotCompared { revision: newest.revision.clone(), at, from: Some(compared.until) })
        }
        Some(compared) => Err(UnknownReason::Uncovered {
            judged: compared.judged,
            quiet: compared.quiet,
            requests: percent(compared.requests),
            time: percent(compared.time),
        }),
        None if at < since => Ok(()),
        None => Err(UnknownReason::NotCompared { revision: newest.revision.clone(), at, from: None }),
    }
}

/// Rounded down: 79.6 % is not 80 %.
fn percent(share: f64) -> u8 {
    (share * 100.0 + 1e-9).floor().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
#[path = "compared_tests.rs"]
mod tests;
