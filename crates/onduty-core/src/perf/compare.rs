//! From levels to verdicts.

use super::errors::failing;
use super::level::{Level, Reducer};
use super::numbers::{chance_above, exceeded_with, false_discovery_rates, median, quantile};
use super::predict::{Known, Moves, expected, tell_eras};
use super::series::{Series, Traffic};
use super::shock::{Groups, Shock, group_of, well_known_change};
use super::sketch::Spread;
use super::table::Other;
use super::variance::{PRIOR_FREEDOM, Residual, common_variance, own_variance};
use super::verdict::{Comparison, Coverage, Judged, Reason, SharedShift, Side, Verdict};
use super::windows::{AFTER, BEFORE, Role, Windows};

/// What counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// A slowdown up to this share is not worth a look.
    pub floor: f64,
    /// The same where no earlier day tells what the hour is like.
    pub floor_without_days: f64,
    /// Share of false ones that are accepted among those that are called slower.
    pub false_discovery_rate: f64,
    /// Below this slowdown an endpoint is called unchanged, when that is 97.5 % sure.
    pub unchanged_below: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { floor: 0.05, floor_without_days: 0.10, false_discovery_rate: 0.10, unchanged_below: 0.10 }
    }
}

/// Requests that it takes after the rollout ...
const FEWEST_AFTER: f64 = 20.0;
/// ... and in all windows before it.
const FEWEST_BEFORE: f64 = 10.0;
/// Least variance from window to window: a level that is steadier than 0.5 % has been seen too seldom.
const LEAST_WANDER: f64 = 2.5e-5;
/// Variance from window to window where nothing tells: 3 %.
const USUAL_WANDER: f64 = 9e-4;
/// An endpoint's own change at this hour, in standard deviations, that is believed to come each day.
const OWN_HABIT: f64 = 2.5;
/// What the median of a sample varies more than its mean.
const MEDIAN_VARIANCE: f64 = 1.57;
/// From the middle of a normal distribution to its quarter, in standard deviations.
const QUARTER: f64 = 0.6745;
/// A group that moved more than this is said.
const SHARED: f64 = 0.05;
/// A regression that is worth finding, as a share.
const USUAL_REGRESSION: f64 = 0.35;
/// Standard errors beyond the floor that a discovery among some thousand endpoints takes.
const USUAL_LEVEL: f64 = 3.1;
/// The weight of an endpoint where nothing would be seen; what is clear enough is found there as well.
const LEAST_POWER: f64 = 0.01;
/// Standard deviations, beside the critical value, with which four in five are found.
const FOUR_IN_FIVE: f64 = 0.84;

/// Compares the windows of each endpoint; `other` is what there was beside them.
pub fn compare(endpoints: &[(&str, &Series)], other: Other, windows: &Windows, settings: &Settings) -> Comparison {
    let mut reducer = Reducer::default();
    let levels: Vec<Vec<Option<Level>>> = endpoints.iter().map(|(_, series)| reducer.levels(series, windows)).collect();
    let days = Days::of(&levels, windows);
    // Without earlier days nothing tells a group that is in a mood from a group that the rollout made slower.
    let group = |name| if days.of_earlier.is_empty() { "" } else { group_of(name) };
    let groups = Groups::of(endpoints.iter().map(|(name, _)| group(*name)));
    let shocks = Shocks::of(&levels, &groups, &days);
    let subjects: Vec<Subject> = levels
        .iter()
        .enumerate()
        .map(|(at, levels)| Subject::of(levels, &days, |window| shocks.share(window, groups.group(at))))
        .collect();
    let common = Common::of(&subjects);
    let floor = if days.of_earlier.is_empty() { settings.floor_without_days } else { settings.floor };
    let mut tested: Vec<Option<Tested>> = subjects.iter().map(|subject| subject.test(&common, floor.ln_1p())).collect();
    let scale = null_scale(&tested);
    tested.iter_mut().flatten().for_each(|tested| tested.se *= scale);
    let (slower, faster) = (rates(&tested, |tested| tested.effect), rates(&tested, |tested| -tested.effect));
    let all: Vec<&Series> = endpoints.iter().map(|(_, series)| *series).collect();
    let failing = failing(&all, windows, settings.false_discovery_rate);
    let mut sides = Sides::default();
    let mut judged: Vec<Judged> = endpoints
        .iter()
        .enumerate()
        .map(|(at, (name, series))| {
            let (before, after) = (sides.of(series, BEFORE), sides.of(series, AFTER));
            let shock = shocks.shares[AFTER].of_group(groups.group(at));
            let case =
                Case { name, before, after, subject: &subjects[at], tested: tested[at].as_ref(), floor, settings };
            let mut judged = case.judge(slower[at], faster[at], shock, groups.name(groups.group(at)));
            judged.failing = failing[at];
            judged.added_seconds_per_hour = case.added_seconds_per_hour(shock, windows.hours());
            judged
        })
        .collect();
    let coverage = coverage(endpoints, &judged, other);
    rank(&mut judged);
    Comparison {
        endpoints: judged,
        coverage,
        other,
        shared: shocks.said(&levels, &groups),
        earlier_days: days.of_earlier.len(),
    }
}

/// Which windows speak for which day.
struct Days {
    /// Numbers of the windows before and after, for each earlier day with requests, the nearest first.
    of_earlier: Vec<[usize; 2]>,
    /// Windows before the one before; only without earlier days.
    before: Vec<usize>,
}

impl Days {
    fn of(levels: &[Vec<Option<Level>>], windows: &Windows) -> Days {
        let is_known = |window: usize| levels.iter().any(|levels| levels[window].is_some());
        let mut of_earlier = vec![[usize::MAX; 2]; windows.days()];
        let mut before = Vec::new();
        for (at, window) in windows.all().iter().enumerate() {
            match window.role {
                Role::BeforeOn(day) => of_earlier[day][0] = at,
                Role::AfterOn(day) => of_earlier[day][1] = at,
                Role::Earlier if is_known(at) => before.push(at),
                Role::Earlier | Role::Before | Role::After => {}
            }
        }
        of_earlier.retain(|windows| windows.iter().all(|window| is_known(*window)));
        if !of_earlier.is_empty() {
            before.clear();
        }
        Days { of_earlier, before }
    }
}

/// What was shared, by window; nothing in most of them.
struct Shocks {
    shares: Vec<Shock>,
}

impl Shocks {
    /// Changes within a day are taken away after it, the level of a day in both of its windows.
    fn of(levels: &[Vec<Option<Level>>], groups: &Groups, days: &Days) -> Shocks {
        let windows = levels.first().map_or(2, Vec::len);
        let mut shares = vec![Shock::of(&[], groups); windows];
        let mut pairs = vec![[BEFORE, AFTER]];
        pairs.extend(&days.of_earlier);
        pairs.extend(days.before.iter().map(|window| [BEFORE, *window]));
        for [before, after] in pairs {
            let change = |(at, levels): (usize, &Vec<Option<Level>>)| {
                Some((at, well_known_change(levels[before], levels[after])?))
            };
            let changes: Vec<(usize, f64)> = levels.iter().enumerate().filter_map(change).collect();
            shares[after] = Shock::of(&changes, groups);
        }
        for &[before, after] in &days.of_earlier {
            let change = |(at, levels): (usize, &Vec<Option<Level>>)| {
                Some((at, well_known_change(levels[BEFORE], levels[before])?))
            };
            let changes: Vec<(usize, f64)> = levels.iter().enumerate().filter_map(change).collect();
            let day = Shock::of(&changes, groups);
            for (sum, more) in shares[after].of_groups.iter_mut().zip(&day.of_groups) {
                *sum += more;
            }
            shares[before] = day;
        }
        Shocks { shares }
    }

    fn share(&self, window: usize, group: usize) -> f64 {
        self.shares[window].of_group(group)
    }

    /// What is worth saying of today's.
    fn said(&self, levels: &[Vec<Option<Level>>], groups: &Groups) -> Vec<SharedShift> {
        let shock = &self.shares[AFTER];
        let is_known = |at: &usize| well_known_change(levels[*at][BEFORE], levels[*at][AFTER]).is_some();
        let known: Vec<usize> = (0..levels.len()).filter(is_known).collect();
        if shock.of_all.exp_m1().abs() > SHARED {
            let change = shock.of_all.exp_m1();
            return vec![SharedShift { group: String::new(), change, endpoints: known.len() }];
        }
        let of_group = |(group, change): (usize, &f64)| {
            let endpoints = known.iter().filter(|at| groups.group(**at) == group).count();
            (change.exp_m1().abs() > SHARED && endpoints > 1).then(|| SharedShift {
                group: groups.name(group).to_owned(),
                change: change.exp_m1(),
                endpoints,
            })
        };
        shock.of_groups.iter().enumerate().filter_map(of_group).collect()
    }
}

/// One endpoint, with what all share taken away.
struct Subject {
    before: Option<Level>,
    after: Option<Level>,
    /// Window before and after, for each earlier day.
    days: Vec<[Option<Level>; 2]>,
    /// Windows before the one before.
    earlier: Vec<Level>,
}

impl Subject {
    fn of(levels: &[Option<Level>], days: &Days, share: impl Fn(usize) -> f64) -> Subject {
        let level = |window: usize| levels[window].map(|level| Level { ln_ms: level.ln_ms - share(window), ..level });
        Subject {
            before: level(BEFORE),
            after: level(AFTER),
            days: days.of_earlier.iter().map(|windows| windows.map(level)).collect(),
            earlier: days.before.iter().filter_map(|window| level(*window)).collect(),
        }
    }

    /// Changes within the earlier days, with the sampling variance of each.
    fn changes(&self) -> Vec<(f64, f64)> {
        let change = |[before, after]: &[Option<Level>; 2]| {
            let (before, after) = ((*before)?, (*after)?);
            Some((after.ln_ms - before.ln_ms, before.variance + after.variance))
        };
        self.days.iter().filter_map(change).collect()
    }

    /// What the hours after the rollout are like each day: the change, its variance.
    fn habit(&self, wander: f64) -> Option<(f64, f64)> {
        let changes = self.changes();
        let n = changes.len() as f64;
        let sampling = changes.iter().map(|(_, variance)| variance).sum::<f64>() / n;
        let habit = median(&mut changes.iter().map(|(change, _)| *change).collect::<Vec<_>>())?;
        Some((habit, MEDIAN_VARIANCE * (wander + sampling) / n))
    }

    fn wander_residuals(&self) -> Vec<Residual> {
        let changes = self.changes();
        if let [_, _, ..] = changes.as_slice() {
            let n = changes.len() as f64;
            let Some(habit) = median(&mut changes.iter().map(|(change, _)| *change).collect::<Vec<_>>()) else {
                return Vec::new();
            };
            let freedom = n / (n - 1.0);
            return changes
                .iter()
                .map(|(change, sampling)| Residual { squared: (change - habit).powi(2) * freedom, sampling: *sampling })
                .collect();
        }
        let row: Vec<Level> = self.before.into_iter().chain(self.earlier.iter().copied()).collect();
        row.windows(2)
            .map(|pair| Residual {
                squared: (pair[0].ln_ms - pair[1].ln_ms).powi(2),
                sampling: pair[0].variance + pair[1].variance,
            })
            .collect()
    }

    /// Levels of days against their median.
    fn day_residuals(&self, wander: f64) -> Vec<Residual> {
        let mut means: Vec<(f64, f64)> = Vec::new();
        means.extend(self.before.map(|level| (level.ln_ms, wander / 2.0 + level.variance)));
        for pair in &self.days {
            let [Some(before), Some(after)] = pair else { continue };
            let sampling = (wander + before.variance + after.variance) / 4.0;
            means.push(((before.ln_ms + after.ln_ms) / 2.0, sampling));
        }
        let n = means.len() as f64;
        if n < 3.0 {
            return Vec::new();
        }
        let Some(middle) = median(&mut means.iter().map(|(mean, _)| *mean).collect::<Vec<_>>()) else {
            return Vec::new();
        };
        let freedom = n / (n - 1.0);
        means
            .iter()
            .map(|(mean, sampling)| Residual { squared: (mean - middle).powi(2) * freedom, sampling: *sampling })
            .collect()
    }

    fn requests_before(&self) -> f64 {
        let all = self.before.iter().chain(self.days.iter().flatten().flatten()).chain(&self.earlier);
        all.map(|level| level.n).sum()
    }

    fn test(&self, common: &Common, floor: f64) -> Option<Tested> {
        let after = self.after?;
        let residuals = self.wander_residuals();
        let wander = own_variance(&residuals, common.wander);
        let of_days = own_variance(&self.day_residuals(wander), common.of_days);
        let habit = self.habit(wander);
        let of_hours = match habit {
            Some((habit, variance)) if habit.powi(2) > OWN_HABIT.powi(2) * (variance + common.of_hours) => {
                (habit.powi(2) - variance).max(common.of_hours)
            }
            Some(_) | None => common.of_hours,
        };
        let window = |level: &Level, day, is_after| Known {
            ln_ms: level.ln_ms,
            variance: level.variance + wander / 2.0,
            day,
            is_after,
            era: 0,
        };
        let mut known: Vec<Known> = Vec::with_capacity(2 * self.days.len() + 1);
        known.extend(self.before.iter().chain(&self.earlier).map(|level| window(level, 0, false)));
        for (day, [before, after]) in self.days.iter().enumerate() {
            // The newest first: the hours after come before the hours before.
            known.extend(after.iter().map(|level| window(level, day + 1, true)));
            known.extend(before.iter().map(|level| window(level, day + 1, false)));
        }
        let moves = Moves { of_days, of_hours };
        let usual = habit.map_or(0.0, |(habit, variance)| habit * of_hours / (of_hours + variance));
        let eras = tell_eras(&mut known, Moves { of_days: common.of_days, of_hours }, usual);
        let expected = expected(&known, moves)?;
        let variance = expected.variance + after.variance + wander / 2.0;
        let own = after.variance;
        let freedom = variance.powi(2)
            / ((variance - own).powi(2) / (PRIOR_FREEDOM + residuals.len() as f64)
                + own.powi(2) / (after.n - 1.0).max(1.0));
        Some(Tested {
            effect: after.ln_ms - expected.ln_ms,
            expected: expected.ln_ms,
            se: variance.sqrt(),
            freedom: freedom.clamp(3.0, 1e4),
            floor,
            is_eligible: after.n >= FEWEST_AFTER && self.requests_before() >= FEWEST_BEFORE,
            shifted: expected.shifted,
            eras,
            habit: (of_hours > common.of_hours).then(|| habit.unwrap_or_default().0),
        })
    }
}

/// What all endpoints have in common.
struct Common {
    wander: f64,
    of_days: f64,
    of_hours: f64,
}

impl Common {
    fn of(subjects: &[Subject]) -> Common {
        let wander: Vec<Residual> = subjects.iter().flat_map(Subject::wander_residuals).collect();
        let wander = if wander.is_empty() { USUAL_WANDER } else { common_variance(&wander, LEAST_WANDER) };
        let of_days: Vec<Residual> = subjects.iter().flat_map(|subject| subject.day_residuals(wander)).collect();
        let habits: Vec<Residual> = subjects
            .iter()
            .filter_map(|subject| subject.habit(wander))
            .map(|(habit, variance)| Residual { squared: habit.powi(2), sampling: variance })
            .collect();
        Common {
            wander,
            of_days: common_variance(&of_days, LEAST_WANDER),
            of_hours: common_variance(&habits, LEAST_WANDER),
        }
    }
}

/// How far an endpoint is from what was expected.
#[derive(Debug, Clone)]
struct Tested {
    /// Logarithmic.
    effect: f64,
    /// Expected level, with what all share taken away.
    expected: f64,
    /// Standard error of the effect.
    se: f64,
    freedom: f64,
    /// Logarithmic.
    floor: f64,
    is_eligible: bool,
    shifted: usize,
    eras: usize,
    habit: Option<f64>,
}

/// How much wider the middle of all standardised effects is than theory says: what the model does not know of.
///
/// The narrower side of the middle half, because a rollout that made a third of all endpoints slower widens the other.
fn null_scale(tested: &[Option<Tested>]) -> f64 {
    let standardised = |tested: &Tested| tested.is_eligible.then(|| tested.effect / tested.se);
    let mut all: Vec<f64> = tested.iter().flatten().filter_map(standardised).collect();
    if all.len() < 20 {
        return 1.0;
    }
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut all, share).unwrap_or_default());
    ((middle - low).min(high - middle) / QUARTER).max(1.0)
}

/// q-values of the effect `of` being above the floor; `None` where nothing can be said.
///
/// Chances are weighted (Genovese, Roeder and Wasserman, "False discovery control with p-value weighting", Biometrika 93,
/// 2006) by the power to see a usual regression: most endpoints are so quiet that nothing could be seen there, and they
/// would take the power from the others. The weights know the standard errors only, so the share of false discoveries
/// stays what it is.
fn rates(tested: &[Option<Tested>], of: impl Fn(&Tested) -> f64) -> Vec<Option<f64>> {
    let eligible = || tested.iter().flatten().filter(|tested| tested.is_eligible);
    let powers: Vec<f64> = eligible().map(power).collect();
    let mean = powers.iter().sum::<f64>() / powers.len() as f64;
    let chance = |tested: &Tested| chance_above((of(tested) - tested.floor) / tested.se, tested.freedom);
    let chances: Vec<f64> =
        eligible().zip(&powers).map(|(tested, power)| (chance(tested) * mean / power).min(1.0)).collect();
    let mut rates = false_discovery_rates(&chances).into_iter();
    let is_eligible = |tested: &Option<Tested>| tested.as_ref().is_some_and(|tested| tested.is_eligible);
    tested.iter().map(|tested| if is_eligible(tested) { rates.next() } else { None }).collect()
}

/// The chance that a regression of [`USUAL_REGRESSION`] is seen at [`USUAL_LEVEL`].
fn power(tested: &Tested) -> f64 {
    let beyond = (USUAL_REGRESSION.ln_1p() - tested.floor).max(0.0) / tested.se;
    chance_above(USUAL_LEVEL - beyond, 1e4).max(LEAST_POWER)
}

/// Percentiles of windows.
#[derive(Default)]
struct Sides {
    spread: Spread,
}

impl Sides {
    fn of(&mut self, series: &Series, window: usize) -> Side {
        self.spread.clear();
        self.spread.add_all(series.window(window));
        Side { n: self.spread.n(), p50_ms: self.spread.quantile(0.5), p95_ms: self.spread.quantile(0.95) }
    }
}

/// All that a verdict is made of.
struct Case<'a> {
    name: &'a str,
    before: Side,
    after: Side,
    subject: &'a Subject,
    tested: Option<&'a Tested>,
    floor: f64,
    settings: &'a Settings,
}

impl Case<'_> {
    fn judge(&self, slower: Option<f64>, faster: Option<f64>, shock: f64, group: &str) -> Judged {
        let was_asked = self.subject.requests_before() > 0.0 || self.before.n > 0;
        let is_found = |rate: Option<f64>| rate.is_some_and(|rate| rate <= self.settings.false_discovery_rate);
        let wide = self.tested.map(|tested| exceeded_with(0.025, tested.freedom) * tested.se);
        let upper = self.tested.zip(wide).map(|(tested, wide)| tested.effect + wide);
        let is_below = upper.is_some_and(|upper| upper < self.settings.unchanged_below.ln_1p());
        let is_eligible = self.tested.is_some_and(|tested| tested.is_eligible);
        let is_shared = shock > SHARED.ln_1p();
        let verdict = match (was_asked, self.after.n > 0) {
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
            reasons: self.reasons(verdict, shock, group),
        }
    }

    fn reasons(&self, verdict: Verdict, shock: f64, group: &str) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let Some(tested) = self.tested.filter(|tested| tested.is_eligible) else {
            if !matches!(verdict, Verdict::New | Verdict::Gone) {
                let before = self.subject.requests_before() as u64;
                let needed = [FEWEST_AFTER, FEWEST_BEFORE].map(|few| few as u64);
                reasons.push(Reason::FewRequests { after: self.after.n, before, needed });
            }
            return reasons;
        };
        let days = self.subject.days.iter().filter(|day| day.iter().any(Option::is_some)).count();
        reasons.push(if days > 0 {
            Reason::EarlierDays { days, shifted_windows: tested.shifted }
        } else {
            Reason::NoEarlierDays { earlier_windows: self.subject.earlier.len() }
        });
        if shock.exp_m1().abs() > SHARED {
            reasons.push(Reason::SharedShift { group: group.to_owned(), change: shock.exp_m1() });
        }
        if tested.eras > 0 {
            reasons.push(Reason::LevelMoved { times: tested.eras });
        }
        if let Some(habit) = tested.habit {
            reasons.push(Reason::AtThisHour { change: habit.exp_m1() });
        }
        if verdict == Verdict::Inconclusive {
            let seen = tested.floor + (exceeded_with(0.05, tested.freedom) + FOUR_IN_FIVE) * tested.se;
            reasons.push(Reason::WouldHaveSeen { change: seen.exp_m1() });
        }
        reasons.push(Reason::Floor { change: self.floor });
        reasons
    }

    /// What users wait more, from the winsorised means; at least half of what the lower end of the effect (one standard
    /// error) means, because a mean has more noise than the effect.
    fn added_seconds_per_hour(&self, shock: f64, hours: f64) -> Option<f64> {
        let (tested, after) = (self.tested?, self.subject.after?);
        let per_hour = after.n / hours / 1000.0;
        let expected_ms = match self.subject.before {
            Some(before) => before.mean_ms * (tested.expected + shock - before.ln_ms).exp(),
            None => after.mean_ms * (-tested.effect).exp(),
        };
        let measured = per_hour * (after.mean_ms - expected_ms);
        let least = 0.5 * per_hour * expected_ms * (tested.effect - tested.se).exp_m1();
        Some(if tested.effect > 0.0 { measured.max(least) } else { measured })
    }
}

/// How much of the traffic after the rollout the judged endpoints carry.
fn coverage(endpoints: &[(&str, &Series)], judged: &[Judged], other: Other) -> Coverage {
    let (mut all, mut known, mut count) = (other.after, Traffic::default(), 0);
    for ((_, series), judged) in endpoints.iter().zip(judged) {
        let traffic = series.traffic(AFTER);
        all.add(traffic.requests, traffic.time_ms);
        if judged.verdict.is_judgement() {
            known.add(traffic.requests, traffic.time_ms);
            count += 1;
        }
    }
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    Coverage {
        judged: count,
        requests: share(known.requests as f64, all.requests as f64),
        time: share(known.time_ms, all.time_ms),
    }
}

fn rank(judged: &mut [Judged]) {
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
