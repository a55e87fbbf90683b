//! What there is to tell once a rollout was compared, and whether what was told is the whole answer.
//!
//! A pass outside compares windows ([`crate::perf`]) and asks [`after_run`] which facts of [`crate::performance`] come of it;
//! `engine` and `expr` ask [`standing`]. Nothing here compares anything.

use crate::ids::Environment;
use crate::perf::{Comparison, Failing, Judged, SharedShift, Side, Verdict};
use crate::performance::{ComparedRollout, EndpointFact, Scope, Slowdown, Standing};
use crate::signal::{Fact, Kind, RolloutFact, RolloutState, Snapshot, UnknownReason};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Endpoints of one rollout that are told one by one, those that cost most; the others are counted.
const MOST_TOLD: usize = 500;

/// How far back rollouts that follow each other closely are taken for one.
const LONGEST_SUCCESSION: SignedDuration = SignedDuration::from_hours(8);
/// An endpoint whose median is within this many times that of before is as fast as it was.
const UNDONE: f64 = 1.10;
/// Endpoints that have to be judged before a calm hour says anything about all of them.
const FEWEST_OF_ALL: usize = 10;

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
/// found well, never because it became quiet; what an earlier rollout made slower, only where this one made it as fast as it
/// was before that.
pub fn after_run(run: &Run<'_>) -> (Vec<EndpointFact>, ComparedRollout) {
    let mut known: BTreeMap<Key, &EndpointFact> = BTreeMap::new();
    for fact in run.known.iter().filter(|fact| fact.environment == run.rollout.environment) {
        known.insert(key(fact), fact);
    }
    let mut told = Vec::new();
    let mut standing: BTreeMap<Key, Standing> = known
        .iter()
        .filter(|(_, fact)| fact.is_of(which(run.rollout)))
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
            let worse = run.worse(blank, before);
            Some(EndpointFact { slower, failing: failing.or(run.still_failing(before, judged)), ..worse })
        } else {
            before.filter(|before| run.is_over(before, judged)).map(good)
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
        if next.is_of(which(run.rollout)) {
            standing.insert(key(&next), next.standing);
        }
        told.push(next);
    }
    told.extend(run.shared(&known, &mut standing));
    let worse = standing.values().filter(|standing| **standing == Standing::Degraded).count() as u64 + beyond;
    (told, run.compared_with(worse))
}

/// What tells a rollout from all others.
pub fn which(rollout: &RolloutFact) -> (&str, &str) {
    (&rollout.id, &rollout.revision)
}

/// The same, over.
fn good(fact: &EndpointFact) -> EndpointFact {
    EndpointFact { standing: Standing::Good, seen: 1, ..fact.clone() }
}

impl Run<'_> {
    /// What earlier comparisons of the same rollout said.
    fn earlier(&self) -> Option<&ComparedRollout> {
        self.compared.filter(|compared| compared.is_of(which(self.rollout)) && compared.runs > 0)
    }

    /// Whether no earlier one had anything to judge.
    fn is_first(&self) -> bool {
        self.earlier().is_none_or(|earlier| earlier.judged == 0)
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
            usual_p50_ms: None,
            before: Side::default(),
            after: Side::default(),
        }
    }

    /// What is seen to be worse now.
    fn worse(&self, blank: EndpointFact, before: Option<&EndpointFact>) -> EndpointFact {
        let own = before.filter(|before| before.is_of(which(self.rollout)));
        let (standing, seen) = match own.map(|own| (own.standing, own.seen)) {
            Some((Standing::Degraded | Standing::Suspected, seen)) => (Standing::Degraded, seen + 1),
            Some((Standing::Good, _)) => (Standing::Suspected, 1),
            // An earlier rollout made it worse, and this one more so: it does not become a suspicion again.
            None if before.is_some_and(EndpointFact::is_degraded) => (Standing::Degraded, 1),
            None if self.is_first() => (Standing::Degraded, 1),
            None => (Standing::Suspected, 1),
        };
        let usual_p50_ms = before.filter(|before| before.is_degraded()).and_then(|before| self.usual(before));
        EndpointFact { standing, seen, usual_p50_ms, ..blank }
    }

    /// The median before somebody else made it slower than it was before this rollout.
    fn usual(&self, before: &EndpointFact) -> Option<f64> {
        let of_another =
            (!before.is_of(which(self.rollout)) && before.slower.is_some()).then_some(before.before.p50_ms);
        before.usual_p50_ms.or(of_another.flatten())
    }

    /// How it was told to fail, unless that is over.
    fn still_failing(&self, before: Option<&EndpointFact>, now: &Judged) -> Option<Failing> {
        before.filter(|before| before.is_degraded()).and_then(|before| before.failing).filter(|f| !f.is_over(now.asked))
    }

    /// Whether what was told of an endpoint is over now that it is not seen to be worse.
    fn is_over(&self, before: &EndpointFact, now: &Judged) -> bool {
        match before.standing {
            Standing::Good => false,
            // Not twice in a row.
            Standing::Suspected => true,
            Standing::Degraded => {
                let is_faster = now.verdict == Verdict::Improved;
                let is_undone = |usual: f64| now.after.p50_ms.is_some_and(|p50_ms| p50_ms < UNDONE * usual);
                let is_fast = match self.usual(before) {
                    _ if before.slower.is_none() => true,
                    Some(usual) => is_faster && is_undone(usual),
                    None if before.is_of(which(self.rollout)) => is_faster || now.verdict == Verdict::Unchanged,
                    None => is_faster,
                };
                is_fast && before.failing.is_none_or(|failing| failing.is_over(now.asked))
            }
        }
    }

    /// Whether what was told of many together is over, now that it is not seen again.
    fn is_calm(&self, before: &EndpointFact) -> bool {
        match before.standing {
            Standing::Good => false,
            Standing::Suspected => true,
            // A quiet hour says nothing about all of them, nor does what a later rollout did not make worse.
            Standing::Degraded => {
                let judged = self.comparison.coverage.judged;
                before.is_of(which(self.rollout)) && self.is_enough && judged >= FEWEST_OF_ALL
            }
        }
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
            .filter(|(_, fact)| self.is_calm(fact))
            .map(|(_, fact)| good(fact))
            .collect();
        told.extend(others);
        for fact in told.iter().filter(|fact| fact.is_of(which(self.rollout))) {
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

/// Rollouts to one place that followed each other so closely that there was no hour between them: they are compared as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Succession {
    /// When the first of them began.
    pub begins: Timestamp,
    /// How many went out before the last one.
    pub others: usize,
}

impl Succession {
    /// The one that `last` ends, when an hour is as long as `window`.
    pub fn of(last: &RolloutFact, snapshot: &Snapshot, window: SignedDuration) -> Succession {
        let mut together = Succession { begins: last.started_at, others: 0 };
        let ended = |rollout: &RolloutFact| rollout.finished_at.unwrap_or(rollout.started_at);
        let earlier = snapshot.rollouts().into_iter().filter(|other| {
            let may_have_arrived = matches!(other.state, RolloutState::Succeeded | RolloutState::Unknown);
            other.environment == last.environment && other.id != last.id && may_have_arrived
        });
        let mut earlier: Vec<&RolloutFact> = earlier.filter(|other| ended(other) <= ended(last)).collect();
        earlier.sort_by_key(|other| std::cmp::Reverse(ended(other)));
        for other in earlier {
            let is_near = together.begins.duration_since(ended(other)) < window;
            if !is_near || last.started_at.duration_since(other.started_at) > LONGEST_SUCCESSION {
                break;
            }
            together = Succession { begins: together.begins.min(other.started_at), others: together.others + 1 };
        }
        together
    }
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
/// A rollout that arrived before `since`, and was never compared, is not waited for: nobody watched then. One of which
/// nobody knows how it ended may have arrived.
///
/// # Errors
/// With the reason: it was not compared yet, or too little of it could be judged.
pub fn standing(snapshot: &Snapshot, environment: &Environment, since: Timestamp) -> Result<(), UnknownReason> {
    let newest = newest_rollout(snapshot, environment);
    // A snapshot has the newest rollouts of all environments: of a quiet one there may be none.
    let compared = newest_compared(snapshot, environment).filter(|compared| {
        newest.is_none_or(|(rollout, at)| compared.is_of(which(rollout)) || compared.rolled_out_at > at)
    });
    let at = compared.map(|compared| compared.rolled_out_at).or(newest.map(|(_, at)| at));
    let is_lost = |rollout: &&RolloutFact| {
        let is_here = rollout.environment == *environment && rollout.state == RolloutState::Unknown;
        is_here && rollout.started_at >= since && at.is_none_or(|at| rollout.started_at > at)
    };
    if let Some(lost) = snapshot.rollouts().into_iter().rfind(is_lost) {
        let (revision, at) = (lost.revision.clone(), lost.started_at);
        return Err(UnknownReason::NotCompared { revision, at, from: None });
    }
    match (compared, newest) {
        (Some(compared), _) if compared.runs == 0 => Err(UnknownReason::NotCompared {
            revision: compared.revision.clone(),
            at: compared.rolled_out_at,
            from: Some(compared.until),
        }),
        (Some(compared), _) if compared.is_enough => Ok(()),
        (Some(compared), _) => Err(UnknownReason::Uncovered {
            judged: compared.judged,
            quiet: compared.quiet,
            requests: percent(compared.requests),
            time: percent(compared.time),
        }),
        (None, Some((newest, at))) if at >= since => {
            Err(UnknownReason::NotCompared { revision: newest.revision.clone(), at, from: None })
        }
        (None, _) => Ok(()),
    }
}

/// Rounded down: 79.6 % is not 80 %.
fn percent(share: f64) -> u8 {
    (share * 100.0 + 1e-9).floor().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
#[path = "compared_tests.rs"]
mod tests;
