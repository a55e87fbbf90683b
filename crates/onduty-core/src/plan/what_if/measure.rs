//! What a plan means for the people in it.

use super::super::day::Day;
use super::super::facts::Facts;
use super::super::instance::Published;
use super::super::solution::Solution;
use super::change::{Changed, Member};
use super::{Cost, Days, Figures, Heavy, Question, Spread, WORKING_MINUTES};
use std::collections::{BTreeMap, BTreeSet};

/// Who carries most against their share: so many are named.
const NAMED: usize = 3;

/// Share of stretches without an end that an average may leave out.
const MOST_OPEN: f64 = 0.05;

/// Days without a turn, or the beginning of some: whose end nobody has seen is at least so long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Days that were over when it was first looked at.
    pub(super) from: i32,
    pub(super) until: i32,
    /// A turn ended it.
    pub(super) is_whole: bool,
}

/// How long it is between turns.
///
/// The estimator of Kaplan and Meier: stretches that the horizon cuts off at either side count for as long as they were seen. Without it
/// everything longer than the horizon would be left out, and a large team would look as if it served often.
#[derive(Debug)]
pub(super) struct Between {
    /// After so many days, the share of stretches that are longer.
    longer: Vec<(i32, f64)>,
    /// The longest that was seen.
    seen: i32,
}

impl Between {
    pub(super) fn of(stretches: &[Stretch]) -> Between {
        let stretches: Vec<&Stretch> = stretches.iter().filter(|stretch| stretch.until > stretch.from).collect();
        let ends: BTreeSet<i32> =
            stretches.iter().filter(|stretch| stretch.is_whole).map(|stretch| stretch.until).collect();
        let mut share = 1.0;
        let mut longer = Vec::new();
        for day in ends {
            let running = stretches.iter().filter(|stretch| stretch.from < day && day <= stretch.until).count();
            let ended = stretches.iter().filter(|stretch| stretch.is_whole && stretch.until == day).count();
            share *= 1.0 - ended as f64 / running as f64;
            longer.push((day, share));
        }
        Between { longer, seen: stretches.iter().map(|stretch| stretch.until).max().unwrap_or_default() }
    }

    /// So many days or fewer lie between turns in `share` of cases; `None` where nothing is known.
    pub(super) fn within(&self, share: f64) -> Option<Days> {
        let found = self.longer.iter().find(|(_, longer)| *longer <= 1.0 - share + 1e-9);
        match found {
            Some((day, _)) => Some(Days::Exactly(*day)),
            None => (self.seen > 0).then_some(Days::MoreThan(self.seen)),
        }
    }

    /// Days on average; `None` where too many stretches have no end.
    pub(super) fn mean(&self) -> Option<f64> {
        let (_, open) = *self.longer.last()?;
        let starts = std::iter::once((0, 1.0)).chain(self.longer.iter().copied());
        let ends = self.longer.iter().map(|(day, _)| *day).chain([self.seen]);
        let days: f64 = starts.zip(ends).map(|((from, share), until)| share * f64::from(until - from)).sum();
        (open <= MOST_OPEN).then_some(days)
    }

    /// The share of turns after more than `days`; `None` where so many days were not seen.
    pub(super) fn longer_than(&self, days: i32) -> Option<f64> {
        let share = self.longer.iter().rev().find(|(day, _)| *day <= days).map_or(1.0, |(_, longer)| *longer);
        (self.seen >= days || share < 1e-9).then_some(share)
    }
}

/// Measures `solution` of the changed team; `seen` is what people had seen of the duty.
pub(super) fn figures(
    changed: &Changed,
    facts: &Facts,
    solution: &Solution,
    question: &Question,
    seen: &[Published],
) -> Figures {
    let plan = Plan::of(changed, facts, solution);
    let horizon = f64::from(facts.instance.last.0 - facts.instance.first.0 + 1);
    let slots: Vec<usize> =
        (0..facts.slots.len()).filter(|slot| changed.pools.contains(&facts.slots[*slot].duty)).collect();
    let shadows: BTreeMap<(usize, Day), Day> = match question.shadow_minutes {
        0 => BTreeMap::new(),
        _ => changed.members.iter().flat_map(|member| plan.shadows_of(member)).collect(),
    };
    let turns = |member: &Member| plan.turns.get(&member.person).map_or(0, BTreeSet::len);
    let between = Between::of(&plan.stretches(None));
    let uncovered = plan.uncovered;
    let shadow_days = (shadows.len() * question.shadow_minutes) as f64 / WORKING_MINUTES;
    let worked = (slots.len() - uncovered) as f64;
    let mut heaviest: Vec<Heavy> = changed.members.iter().map(|member| plan.heavy(member, turns(member))).collect();
    heaviest.sort_by_key(|heavy| std::cmp::Reverse(heavy.over_milli));
    heaviest.truncate(NAMED);
    let here = |kept: &&Published| changed.members.iter().any(|member| member.person == kept.person);
    let counted: Vec<&Published> = seen.iter().filter(here).collect();
    let is_moved = |kept: &&&Published| !plan.turns.get(&kept.person).is_some_and(|turns| turns.contains(&kept.day));
    Figures {
        pools: changed
            .pools
            .clone()
            .map(|pool| changed.members.iter().filter(|member| member.pool == pool).count())
            .collect(),
        turns: Spread::of(changed.members.iter().map(turns).collect()),
        mean_days: between.mean(),
        median: between.within(0.5),
        p90: between.within(0.9),
        cold: between.longer_than(i32::try_from(question.cold_days).unwrap_or(i32::MAX)),
        exposure: Between::of(&plan.stretches(Some(&shadows))).within(0.5),
        cost: Cost {
            shifts: worked * 365.0 / horizon,
            shadows: shadow_days * 365.0 / horizon,
            share: (worked + shadow_days) / (plan.presence(&slots) as f64).max(1.0),
        },
        slots: slots.len(),
        uncovered,
        seen: counted.len(),
        moved: counted.iter().filter(is_moved).count(),
        heaviest,
        arithmetic_days: changed.members.len() as f64 * horizon / (slots.len() as f64).max(1.0),
    }
}

/// A plan, by the people in it.
struct Plan<'a> {
    changed: &'a Changed,
    facts: &'a Facts,
    /// Days on which they serve, by place in the instance.
    turns: BTreeMap<usize, BTreeSet<Day>>,
    /// Days on which they are beside somebody new.
    beside: BTreeMap<usize, BTreeSet<Day>>,
    /// `person * duties + duty` → points.
    loads: Vec<i64>,
    uncovered: usize,
}

impl Plan<'_> {
    fn of<'a>(changed: &'a Changed, facts: &'a Facts, solution: &Solution) -> Plan<'a> {
        let instance = &facts.instance;
        let people: BTreeMap<&str, usize> =
            (instance.people.iter().enumerate()).map(|(place, who)| (&*who.id, place)).collect();
        let duties: BTreeMap<&str, usize> =
            (instance.duties.iter().enumerate()).map(|(place, of)| (&*of.id, place)).collect();
        let loads = vec![0; facts.people() * facts.duties()];
        let uncovered = solution.uncovered.iter().filter(|said| changed.pools.contains(&duties[&*said.duty])).count();
        let mut plan = Plan { changed, facts, turns: BTreeMap::new(), beside: BTreeMap::new(), loads, uncovered };
        for said in &solution.assignments {
            let (person, duty) = (people[&*said.person], duties[&*said.duty]);
            if !changed.pools.contains(&duty) {
                continue;
            }
            let points = facts.slot_at(said.day, duty).map_or(0, |slot| facts.slots[slot].points);
            plan.turns.entry(person).or_default().insert(said.day);
            plan.loads[person * facts.duties() + duty] += points;
            if let Some(buddy) = said.buddy.as_deref().map(|buddy| people[buddy]) {
                plan.beside.entry(buddy).or_default().insert(said.day);
                plan.loads[buddy * facts.duties() + duty] += points / 2;
            }
        }
        plan
    }

    fn heavy(&self, member: &Member, turns: usize) -> Heavy {
        let pair = member.person * self.facts.duties() + member.pool;
        Heavy {
            who: member.who.clone(),
            turns,
            points: self.loads[pair],
            over_milli: 1000 * self.loads[pair] - self.facts.targets[pair],
        }
    }

    /// The days before turns on which whoever serves is there too, by person and turn.
    fn shadows_of(&self, member: &Member) -> Vec<((usize, Day), Day)> {
        let Some(turns) = self.turns.get(&member.person) else { return Vec::new() };
        let days = self.facts.slots.iter().enumerate().filter(|(_, slot)| slot.duty == member.pool);
        let days: BTreeMap<Day, usize> = days.map(|(slot, of)| (of.day, slot)).collect();
        let before = |turn: &Day| days.range(..turn).next_back().map(|(day, slot)| (*day, *slot));
        let can = |day: Day, slot: usize| !turns.contains(&day) && self.facts.is_there(member.person, slot);
        let shadows = turns.iter().filter_map(|turn| {
            let (day, _) = before(turn).filter(|(day, slot)| can(*day, *slot))?;
            Some(((member.person, *turn), day))
        });
        shadows.collect()
    }

    /// Days between turns; with `shadows`, days since somebody saw the duty at all.
    fn stretches(&self, shadows: Option<&BTreeMap<(usize, Day), Day>>) -> Vec<Stretch> {
        let (first, last) = (self.facts.instance.first, self.facts.instance.last);
        let mut stretches = Vec::new();
        for member in &self.changed.members {
            let history = &self.facts.instance.people[member.person].history;
            let mut before = history.iter().rev().find(|past| past.duty == member.pool).map(|past| past.day);
            let turns = self.turns.get(&member.person).into_iter().flatten();
            let beside = self.beside.get(&member.person).into_iter().flatten().filter(|_| shadows.is_some());
            let days: BTreeMap<Day, bool> =
                beside.map(|day| (*day, false)).chain(turns.map(|day| (*day, true))).collect();
            for (day, is_turn) in days {
                let shadow = shadows.and_then(|shadows| shadows.get(&(member.person, day)));
                if let Some(since) = shadow.copied().max(before).filter(|_| is_turn) {
                    stretches.push(Stretch {
                        from: (first.0 - since.0).max(0),
                        until: day.0 - since.0,
                        is_whole: true,
                    });
                }
                before = Some(day);
            }
            // With shadows the day before the next turn would end it.
            if let Some(since) = before.filter(|_| shadows.is_none_or(BTreeMap::is_empty)) {
                let from = (first.0 - since.0).max(0);
                stretches.push(Stretch { from, until: last.0 - since.0, is_whole: false });
            }
        }
        stretches
    }

    /// Days on which members are at work and the duty runs.
    fn presence(&self, slots: &[usize]) -> usize {
        let of_one = slots.iter().filter(|slot| self.facts.slots[**slot].duty == self.changed.pools.start);
        let of_one: Vec<usize> = of_one.copied().collect();
        let there = |member: &Member| of_one.iter().filter(|slot| self.facts.is_there(member.person, **slot)).count();
        self.changed.members.iter().map(there).sum()
    }
}
