//! What is said of an endpoint, and in which order.

use super::bins::Grain;
use super::compare::Settings;
use super::errors::Outcomes;
use super::numbers::exceeded_with;
use super::series::Traffic;
use super::subject::{FEWEST_AFTER, FEWEST_BEFORE, Subject, Tested};
use super::table::Other;
use super::verdict::{Coverage, Judged, Reason, Side, Verdict};
use super::windows::{AFTER, BEFORE};

/// Standard deviations, beside the critical value, with which four in five are found.
const FOUR_IN_FIVE: f64 = 0.84;

/// What the group of an endpoint went through together; logarithmic.
#[derive(Debug, Clone, Copy)]
pub struct Shared<'a> {
    /// The group; empty for all endpoints.
    pub group: &'a str,
    /// Beyond what such hours usually bring, where that is clear.
    pub unusual: Option<f64>,
    /// What such hours usually bring, where that is worth saying.
    pub usual: Option<f64>,
}

/// All that a verdict is made of.
pub struct Case<'a> {
    pub name: &'a str,
    /// Whether anybody asked it before the rollout, however it answered.
    pub was_asked: bool,
    pub before: Side,
    pub after: Side,
    /// All that was asked after it, however it was answered.
    pub asked: Outcomes,
    pub subject: &'a Subject,
    pub tested: Option<&'a Tested>,
    pub floor: f64,
    /// What its histograms tell.
    pub grain: Grain,
    pub settings: &'a Settings,
}

impl Case<'_> {
    /// The verdict, with all that is said beside it; `shared` is what its group clearly went through together.
    pub fn judge(&self, slower: Option<f64>, faster: Option<f64>, shared: Shared<'_>) -> Judged {
        let is_found = |rate: Option<f64>| rate.is_some_and(|rate| rate <= self.settings.false_discovery_rate);
        let wide = self.tested.map(|tested| exceeded_with(0.025, tested.freedom) * tested.se);
        let upper = self.tested.zip(wide).map(|(tested, wide)| tested.effect + wide);
        let is_below = upper.is_some_and(|upper| upper < self.settings.unchanged_below.ln_1p());
        let is_eligible = self.tested.is_some_and(|tested| tested.is_eligible);
        let is_shared = shared.unusual.is_some_and(|change| change > 0.0);
        let verdict = match (self.was_asked, self.asked.requests > 0) {
            (false, true) => Verdict::New,
            (true, false) => Verdict::Gone,
            _ if is_found(slower) => Verdict::Regressed,
            _ if is_found(faster) => Verdict::Improved,
            _ if is_eligible && is_below && is_shared => Verdict::SharedShift,
            _ if is_eligible && is_below => Verdict::Unchanged,
            _ => Verdict::Inconclusive,
        };
        let q_value = if self.tested.is_some_and(|tested| tested.effect < 0.0) { faster } else { slower };
        Judged {
            endpoint: self.name.to_owned(),
            verdict,
            rank: None,
            effect: self.tested.map(|tested| tested.effect.exp_m1()),
            interval: self
                .tested
                .zip(wide)
                .map(|(tested, wide)| [(tested.effect - wide).exp_m1(), (tested.effect + wide).exp_m1()]),
            q_value,
            added_seconds_per_hour: None,
            failing: None,
            before: self.before,
            after: self.after,
            asked: self.asked,
            reasons: self.reasons(verdict, shared),
        }
    }

    fn reasons(&self, verdict: Verdict, shared: Shared<'_>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if self.grain == Grain::Blind {
            return vec![Reason::UselessBounds];
        }
        let Some(tested) = self.tested.filter(|tested| tested.is_eligible) else {
            if !matches!(verdict, Verdict::New | Verdict::Gone) {
                let before = self.subject.requests_before() as u64;
                let needed = [FEWEST_AFTER, FEWEST_BEFORE].map(|few| few as u64);
                let after = self.subject.after.map_or(self.after.n, |level| level.n as u64);
                reasons.push(Reason::FewRequests { after, before, needed });
            }
            return reasons;
        };
        let days = self.subject.days.iter().filter(|day| day.iter().any(Option::is_some)).count();
        reasons.push(if days > 0 {
            Reason::EarlierDays { days, shifted_windows: tested.shifted }
        } else {
            Reason::NoEarlierDays { earlier_windows: self.subject.earlier.len() }
        });
        if let Some(change) = shared.unusual {
            reasons.push(Reason::SharedShift { group: shared.group.to_owned(), change: change.exp_m1() });
        }
        if tested.eras > 0 {
            reasons.push(Reason::LevelMoved { times: tested.eras });
        }
        if tested.habit.is_some() || shared.usual.is_some() {
            let change = (tested.habit.unwrap_or(0.0) + shared.usual.unwrap_or(0.0)).exp_m1();
            reasons.push(Reason::AtThisHour { change });
        }
        if verdict == Verdict::Inconclusive {
            let seen = tested.floor + (exceeded_with(0.05, tested.freedom) + FOUR_IN_FIVE) * tested.se;
            reasons.push(Reason::WouldHaveSeen { change: seen.exp_m1() });
        }
        if self.grain == Grain::Coarse {
            reasons.push(Reason::CoarseBounds);
        }
        reasons.push(Reason::Floor { change: self.floor });
        reasons
    }

    /// What users wait more, from the winsorised means; at least half of what the lower end of the effect (one standard
    /// error) means, because a mean has more noise than the effect.
    pub fn added_seconds_per_hour(&self, shock: f64, hours: f64) -> Option<f64> {
        let (tested, after) = (self.tested?, self.subject.after?);
        let (after_ms, per_hour) = (after.mean_ms?, self.after.n as f64 / hours / 1000.0);
        let expected_ms = match self.subject.before {
            Some(before) => before.mean_ms? * (tested.expected + shock - before.ln_ms).exp(),
            None => after_ms * (-tested.effect).exp(),
        };
        let measured = per_hour * (after_ms - expected_ms);
        let least = 0.5 * per_hour * expected_ms * (tested.effect - tested.se).exp_m1();
        Some(if tested.effect > 0.0 { measured.max(least) } else { measured })
    }
}

/// How much of the traffic the judged endpoints carry, in the window before the rollout or in the one after it, whichever is
/// less: what half of the users asked and nobody asks any more is not fine because the rest is.
pub fn coverage(
    before_and_after: impl Iterator<Item = [Traffic; 2]> + Clone,
    judged: &[Judged],
    other: Other,
) -> Coverage {
    let shares = |window: usize, beside: Traffic| {
        let (mut all, mut known) = (beside, Traffic::default());
        for (traffic, judged) in before_and_after.clone().map(|both| both[window]).zip(judged) {
            all.add(traffic.requests, traffic.time_ms);
            if judged.verdict.is_judgement() {
                known.add(traffic.requests, traffic.time_ms);
            }
        }
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        [share(known.requests as f64, all.requests as f64), share(known.time_ms, all.time_ms)]
    };
    let [before, after] = [shares(BEFORE, Traffic::default()), shares(AFTER, other.after)];
    let least = |of: usize| after[of].unwrap_or(0.0).min(before[of].unwrap_or(1.0));
    let count = judged.iter().filter(|judged| judged.verdict.is_judgement()).count();
    Coverage { judged: count, requests: least(0), time: least(1) }
}

/// Regressions first, by what they cost; the others by name.
pub fn rank(judged: &mut [Judged]) {
    judged.sort_by(|left, right| {
        let is_other = |judged: &Judged| judged.verdict != Verdict::Regressed;
        let cost = |judged: &Judged| if is_other(judged) { 0.0 } else { judged.added_seconds_per_hour.unwrap_or(0.0) };
        is_other(left)
            .cmp(&is_other(right))
            .then_with(|| cost(right).total_cmp(&cost(left)))
            .then_with(|| left.endpoint.cmp(&right.endpoint))
    });
    let regressed = judged.iter_mut().filter(|judged| judged.verdict == Verdict::Regressed);
    regressed.enumerate().for_each(|(at, judged)| judged.rank = Some(at + 1));
}
