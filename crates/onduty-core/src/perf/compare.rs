//! From requests to verdicts: what each room of the comparison does, in its order.

use super::bins::Grain;
use super::decide::{null_scale, rates};
use super::errors::{Failures, Outcomes, failing};
use super::judge::{Case, Shared, coverage, rank};
use super::level::{Level, Reducer};
use super::series::{Series, Traffic};
use super::shock::{Groups, Shock, group_of, well_known_change};
use super::subject::{Common, Subject, Tested};
use super::table::Other;
use super::verdict::{Comparison, Judged, SharedShift, Side};
use super::windows::{AFTER, BEFORE, Role, Windows};

/// What counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// A slowdown up to this share is not worth a look.
    pub floor: f64,
    /// The same where no earlier day tells what the hour is like.
    pub floor_without_days: f64,
    /// The same for an endpoint whose histograms tell little.
    pub floor_when_coarse: f64,
    /// Share of false ones that are accepted among those that are called slower.
    pub false_discovery_rate: f64,
    /// Below this slowdown an endpoint is called unchanged, when that is 97.5 % sure.
    pub unchanged_below: f64,
    /// Share of requests, and of their time, that has to be judged before a rollout is called fine.
    pub covered: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            floor: 0.05,
            floor_without_days: 0.10,
            floor_when_coarse: 0.10,
            false_discovery_rate: 0.10,
            unchanged_below: 0.10,
            covered: 0.80,
        }
    }
}

/// A group that moved more than this is said.
const SHARED: f64 = 0.05;

/// Compares the windows of each endpoint; `other` is what there was beside them.
pub fn compare(endpoints: &[(&str, &Series)], other: Other, windows: &Windows, settings: &Settings) -> Comparison {
    let mut reducer = Reducer::default();
    let (levels, counts): (Vec<Vec<Option<Level>>>, Vec<Counts>) =
        endpoints.iter().map(|(_, series)| Counts::of(series, windows, &mut reducer)).unzip();
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
    let usual = if days.of_earlier.is_empty() { settings.floor_without_days } else { settings.floor };
    let floor =
        |at: usize| if endpoints[at].1.grain() == Grain::Fine { usual } else { usual.max(settings.floor_when_coarse) };
    let mut tested: Vec<Option<Tested>> =
        subjects.iter().enumerate().map(|(at, subject)| subject.test(&common, floor(at).ln_1p())).collect();
    let scale = null_scale(&tested);
    tested.iter_mut().flatten().for_each(|tested| tested.se *= scale);
    let [slower, faster] = rates(&tested);
    let failing = failing(counts.iter().map(|counts| counts.failures), settings.false_discovery_rate);
    let mut judged: Vec<Judged> = endpoints
        .iter()
        .enumerate()
        .map(|(at, (name, series))| {
            let Counts { sides: [before, after], was_asked, asked, .. } = counts[at];
            let (shock, group) = (shocks.share(AFTER, groups.group(at)), groups.group(at));
            let case = Case {
                name,
                was_asked,
                asked,
                before,
                after,
                subject: &subjects[at],
                tested: tested[at].as_ref(),
                floor: floor(at),
                grain: series.grain(),
                settings,
            };
            let mut judged = case.judge(slower[at], faster[at], shocks.shared(group, &groups));
            judged.failing = failing[at];
            judged.added_seconds_per_hour = case.added_seconds_per_hour(shock, windows.hours());
            judged
        })
        .collect();
    let coverage = coverage(counts.iter().map(|counts| counts.traffic), &judged, other);
    rank(&mut judged);
    Comparison {
        endpoints: judged,
        coverage,
        other,
        shared: shocks.said(&levels, &groups),
        earlier_days: days.of_earlier.len(),
    }
}

/// What is counted of one endpoint, beside its levels.
struct Counts {
    /// Percentiles before and after.
    sides: [Side; 2],
    /// Whether anybody asked before the rollout.
    was_asked: bool,
    /// What was asked after it, however it was answered.
    asked: Outcomes,
    /// What was answered well before it and after it.
    traffic: [Traffic; 2],
    failures: Option<Failures>,
}

impl Counts {
    /// All that a series is asked for, at once: fetching it from memory is much of the work.
    fn of(series: &Series, windows: &Windows, reducer: &mut Reducer) -> (Vec<Option<Level>>, Counts) {
        let (mut levels, mut sides) = reducer.levels(series, windows);
        if series.grain() == Grain::Blind {
            levels.fill(None);
            sides = sides.map(|side| Side { n: side.n, p50_ms: None, p95_ms: None });
        }
        let was_asked =
            (0..windows.all().len()).any(|window| window != AFTER && Outcomes::of(series, window).is_some());
        let asked = Outcomes::of(series, AFTER).unwrap_or_default();
        let traffic = [BEFORE, AFTER].map(|window| series.traffic(window));
        (levels, Counts { sides, was_asked, asked, traffic, failures: Failures::of(series, windows) })
    }
}

/// Which windows speak for which day.
pub struct Days {
    /// Numbers of the windows before and after, for each earlier day with requests, the nearest first.
    pub of_earlier: Vec<[usize; 2]>,
    /// Windows before the one before; only without earlier days.
    pub before: Vec<usize>,
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
    /// Today's, beyond what the same hours of earlier days brought.
    unusual: Shock,
}

impl Shocks {
    /// Changes within a day are taken away after it, the level of a day in both of its windows.
    fn of(levels: &[Vec<Option<Level>>], groups: &Groups, days: &Days) -> Shocks {
        let windows = levels.first().map_or(2, Vec::len);
        let mut shares = vec![Shock::of(&[], groups); windows];
        let mut pairs = vec![[BEFORE, AFTER]];
        pairs.extend(&days.of_earlier);
        pairs.extend(days.before.iter().map(|window| [BEFORE, *window]));
        let between = |before: usize, after: usize| {
            let change = |(at, levels): (usize, &Vec<Option<Level>>)| {
                Some((at, well_known_change(levels[before], levels[after])?))
            };
            Shock::of(&levels.iter().enumerate().filter_map(change).collect::<Vec<_>>(), groups)
        };
        for [before, after] in pairs {
            shares[after] = between(before, after);
        }
        let of_days: Vec<&Shock> = days.of_earlier.iter().map(|[_, after]| &shares[*after]).collect();
        let unusual = shares[AFTER].against(&of_days);
        for &[before, after] in &days.of_earlier {
            let day = between(BEFORE, before);
            for (sum, more) in shares[after].of_groups.iter_mut().zip(&day.of_groups) {
                *sum += more;
            }
            shares[before] = day;
        }
        Shocks { shares, unusual }
    }

    fn share(&self, window: usize, group: usize) -> f64 {
        self.shares[window].of_group(group)
    }

    /// What is said of it at an endpoint of `group`.
    fn shared<'a>(&self, group: usize, groups: &'a Groups) -> Shared<'a> {
        let (whole, unusual) = (&self.shares[AFTER], &self.unusual);
        let usual = whole.of_group(group) - unusual.of_group(group);
        Shared {
            group: groups.name(group),
            unusual: unusual.is_of_group(group, SHARED).then(|| unusual.of_group(group)),
            usual: Some(usual).filter(|usual| usual.exp_m1().abs() > SHARED),
        }
    }

    /// What is worth saying of today's.
    fn said(&self, levels: &[Vec<Option<Level>>], groups: &Groups) -> Vec<SharedShift> {
        let shock = &self.unusual;
        let is_known = |at: &usize| well_known_change(levels[*at][BEFORE], levels[*at][AFTER]).is_some();
        let known: Vec<usize> = (0..levels.len()).filter(is_known).collect();
        if shock.is_of_all(SHARED) {
            let change = shock.of_all.exp_m1();
            return vec![SharedShift { group: String::new(), change, endpoints: known.len() }];
        }
        let of_group = |(group, change): (usize, &f64)| {
            let endpoints = known.iter().filter(|at| groups.group(**at) == group).count();
            (shock.is_of_group(group, SHARED) && endpoints > 1).then(|| SharedShift {
                group: groups.name(group).to_owned(),
                change: change.exp_m1(),
                endpoints,
            })
        };
        shock.of_groups.iter().enumerate().filter_map(of_group).collect()
    }
}
