//! The team's instance with other people, or with its duty divided.

use super::super::fields::Problem;
use super::super::instance::{Duty, Instance, LeaveKind, Person, Published};
use super::super::team::distances;
use super::{Question, Who};
use crate::ids::EngineerId;
use crate::roster::Gaps;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// An instance, and whom its figures are about.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) instance: Instance,
    /// The duties into which the one was divided; only itself where it was not.
    pub(super) pools: std::ops::Range<usize>,
    pub(super) members: Vec<Member>,
    /// Who would not take turns any more.
    pub(super) gone: Vec<EngineerId>,
}

impl Changed {
    pub(super) fn days(&self) -> usize {
        usize::try_from(self.instance.last.0 - self.instance.first.0 + 1).unwrap_or_default()
    }

    /// What has to be looked at, whatever is found: people times days times duties.
    pub(super) fn work(&self) -> usize {
        self.instance.people.len().saturating_mul(self.days()).saturating_mul(self.instance.duties.len())
    }
}

/// Somebody who takes turns.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) person: usize,
    /// The duty.
    pub(super) pool: usize,
    pub(super) who: Who,
}

/// What `question` makes of `team`, in which `duty` is asked about. `said` are the distances that the roster says.
pub(super) fn change(team: &Instance, duty: usize, said: Gaps, question: &Question) -> Result<Changed, Problem> {
    let mut instance = team.clone();
    let mut there = members(team, duty);
    let before = there.len();
    let mut gone = named(team, &there, question)?;
    there.retain(|person| !gone.contains(person));
    let wanted = question.engineers.unwrap_or(there.len());
    if there.is_empty() {
        let what = "nobody who takes turns in this duty is left; leave somebody".to_owned();
        return Err(Problem { place: "`without`".to_owned(), what });
    }
    if question.split > wanted {
        let place = format!("`split={}`", question.split);
        return Err(Problem {
            place,
            what: format!("each of the duties needs somebody, and there are {wanted} engineers"),
        });
    }
    if let Some(too_many) = there.len().checked_sub(wanted).filter(|too_many| *too_many > 0) {
        let turns = |person: &usize| team.people[*person].history.iter().filter(|turn| turn.duty == duty).count();
        there.sort_by_key(|person| (turns(person), *person));
        gone.extend(there.drain(..too_many));
        there.sort_unstable();
    }
    for person in &gone {
        instance.people[*person].weights[duty] = 0;
    }
    instance.published.retain(|seen| seen.duty != duty || !gone.contains(&seen.person));
    let mut members: Vec<Member> = there
        .iter()
        .map(|person| Member { person: *person, pool: duty, who: Who { engineer: id(team, *person), copy: None } })
        .collect();
    for number in 0..wanted.saturating_sub(there.len()) {
        let (person, who) = copy(team, duty, &there, number);
        members.push(Member { person: instance.people.len(), pool: duty, who });
        instance.people.push(person);
    }
    divide(&mut instance, duty, &mut members, question.split);
    let pools = duty..duty + question.split;
    for pool in pools.clone() {
        let people = members.iter().filter(|member| member.pool == pool).count();
        if people != before {
            let of = &mut instance.duties[pool];
            let (least, wanted) = distances(i32::try_from(people).unwrap_or(i32::MAX), said);
            // People served as often as the team of today does, which a longer distance would call a fault.
            of.min_gap = of.min_gap.min(least);
            of.want_gap = wanted.max(of.min_gap);
        }
    }
    let gone = gone.into_iter().map(|person| id(team, person)).collect();
    Ok(Changed { instance, pools, members, gone })
}

fn id(team: &Instance, person: usize) -> EngineerId {
    EngineerId::new(&*team.people[person].id)
}

/// Who takes turns at any time of the horizon.
fn members(team: &Instance, duty: usize) -> Vec<usize> {
    let is_member = |person: &usize| {
        let Person { weights, employed: (from, to), .. } = &team.people[*person];
        weights[duty] > 0 && *from <= team.last && to.is_none_or(|to| to >= team.first)
    };
    (0..team.people.len()).filter(is_member).collect()
}

fn named(team: &Instance, there: &[usize], question: &Question) -> Result<Vec<usize>, Problem> {
    let find = |name: &EngineerId| {
        let found = there.iter().copied().find(|person| team.people[*person].id == name.as_str());
        found.ok_or_else(|| Problem {
            place: format!("`without={name}`"),
            what: "nobody of this name takes turns in this duty; name engineers as the roster does".to_owned(),
        })
    };
    question.without.iter().map(find).collect()
}

/// One more engineer: works the days of one member, is away when another is, and is not new.
fn copy(team: &Instance, duty: usize, there: &[usize], number: usize) -> (Person, Who) {
    let stays = |person: &&usize| team.people[**person].employed.1.is_none();
    let patterns: Vec<usize> = there.iter().filter(stays).copied().collect();
    let patterns = if patterns.is_empty() { there } else { &patterns };
    let (round, turn) = (number / patterns.len(), number % patterns.len());
    let pattern = &team.people[patterns[turn]];
    let away = &team.people[patterns[(turn + round + 1) % patterns.len()]];
    let mut weights = vec![0; team.duties.len()];
    weights[duty] = pattern.weights[duty];
    let person = Person {
        // No id of a roster has a space.
        id: format!("{} {}", pattern.id, round + 1),
        calendar: pattern.calendar.clone(),
        employed: (super::Day(0), None),
        work_days: pattern.work_days,
        weights,
        skills: pattern.skills.clone(),
        // Whoever is taken for ill only keeps a distance to a turn of their own.
        leave: away.leave.iter().filter(|leave| leave.kind != LeaveKind::Sick).copied().collect(),
        avoid_dates: BTreeSet::new(),
        avoid_weekdays: pattern.avoid_weekdays,
        history: Vec::new(),
        carry: vec![0; team.duties.len()],
        joiner: false,
        experienced: true,
    };
    let copy = u32::try_from(round + 1).ok();
    (person, Who { engineer: EngineerId::new(&*pattern.id), copy })
}

/// Divides `duty` into so many, which stand in its place, and its people among them.
fn divide(instance: &mut Instance, duty: usize, members: &mut [Member], parts: usize) {
    if parts < 2 {
        return;
    }
    let more = parts - 1;
    let moved = |old: usize| if old > duty { old + more } else { old };
    // Whoever works more is dealt first, so that each part gets as many of them.
    let mut dealt: Vec<usize> = (0..members.len()).collect();
    dealt.sort_by_key(|member| (Reverse(instance.people[members[*member].person].weights[duty]), *member));
    for (place, member) in dealt.into_iter().enumerate() {
        members[member].pool = duty + place % parts;
    }
    let mut pool_of = vec![duty; instance.people.len()];
    for member in members.iter() {
        pool_of[member.person] = member.pool;
    }
    for (person, who) in instance.people.iter_mut().enumerate() {
        let pool = pool_of[person];
        for list in [&mut who.weights, &mut who.carry] {
            let own = std::mem::take(&mut list[duty]);
            list.splice(duty..=duty, std::iter::repeat_n(0, parts));
            list[pool] = own;
        }
        for turn in &mut who.history {
            turn.duty = if turn.duty == duty { pool } else { moved(turn.duty) };
        }
    }
    for Published { duty: of, person, .. } in &mut instance.published {
        *of = if *of == duty { pool_of[*person] } else { moved(*of) };
    }
    instance.published.sort_by_key(|published| (published.day, published.duty));
    // What is settled is nobody's slot in one part; whose it was is not known here.
    instance.settled = instance.settled.iter().map(|(day, of)| (*day, moved(*of))).collect();
    let whole = instance.duties[duty].clone();
    // In the order of their names, whatever stands beside them: no name of a duty has a space.
    let part = |number: usize| Duty { id: format!("{} {number:02}", whole.id), ..whole.clone() };
    instance.duties.splice(duty..=duty, (1..=parts).map(part));
}
