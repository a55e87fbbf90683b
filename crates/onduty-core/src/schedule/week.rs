//! One week: the first in the queue who can serve it, and which of them serves which day.

use super::rotation::{ServiceRecord, State};
use crate::roster::Engineer;
use jiff::civil::Date;

/// Whose turn a day is.
pub struct Turn {
    /// The day.
    pub day: Date,
    /// Who; `None` when everybody is away.
    pub member: Option<usize>,
    /// Who would serve it in the plain order of the queue; the same as `member` unless days were exchanged.
    pub in_order: Option<usize>,
}

/// A week as the members see it.
struct Week<'a> {
    days: &'a [Date],
    /// By member: a bit for each day of `days` on which they are at work.
    at_work: Vec<u8>,
    /// The fewest working days from one turn to the next that we want.
    wanted_gap: u32,
}

/// Whose turns `days`, at most seven of one week, are.
///
/// Those in front of the queue serve; everybody serves once before anybody serves twice. A team that is smaller than
/// the week has several rounds in it.
pub fn turns(state: &State, members: &[&Engineer], days: &[Date]) -> Vec<Turn> {
    let at_work: Vec<u8> = members.iter().map(|member| bits_at_work(member, days)).collect();
    let team = state.queue.iter().filter(|member| at_work[**member] != 0).count() as u32;
    let week = Week { days, at_work, wanted_gap: team / 2 + 1 };
    let mut later = State { queue: state.queue.clone(), ..State::default() };
    let mut open: Vec<usize> = (0..days.len()).collect();
    let mut due: Vec<usize> = Vec::new();
    while !open.is_empty() {
        let matched = front_of_queue(&later.queue, &week, &open);
        if matched.is_empty() {
            break;
        }
        let round: Vec<usize> =
            later.queue.iter().copied().filter(|m| matched.iter().any(|(_, due)| due == m)).collect();
        open.retain(|open| !matched.iter().any(|(day, _)| day == open));
        later.requeue(round.clone());
        due.extend(round);
    }
    let served: Vec<usize> = (0..days.len()).filter(|day| !open.contains(day)).collect();
    let search = Search::new(state, &week, &due, &served);
    let (in_order, best) = (search.first(), search.best());
    let place = |day: usize| served.iter().position(|served| *served == day);
    let turn = |(index, day): (usize, &Date)| {
        let place = place(index);
        Turn { day: *day, member: place.map(|p| best[p]), in_order: place.map(|p| in_order[p]) }
    };
    days.iter().enumerate().map(turn).collect()
}

fn bits_at_work(member: &Engineer, days: &[Date]) -> u8 {
    days.iter().enumerate().fold(0, |bits, (index, day)| bits | u8::from(member.is_at_work(*day)) << index)
}

/// The first of the queue who can serve the `open` days together, one day each, as `(day, member)`.
///
/// In the order of the queue everybody is let in for whom a day can be found, if need be by moving others to another
/// of their days (augmenting paths): nobody is passed over for somebody further back, and as many days as possible
/// are served.
fn front_of_queue(queue: &[usize], week: &Week<'_>, open: &[usize]) -> Vec<(usize, usize)> {
    let mut holder: [Option<usize>; 7] = [None; 7];
    for member in queue {
        if open.iter().all(|day| holder[*day].is_some()) {
            break;
        }
        let mut tried = 0;
        find_day(*member, week, open, &mut holder, &mut tried);
    }
    open.iter().filter_map(|day| Some((*day, holder[*day]?))).collect()
}

fn find_day(member: usize, week: &Week<'_>, open: &[usize], holder: &mut [Option<usize>; 7], tried: &mut u8) -> bool {
    for day in open {
        let bit = 1 << day;
        if week.at_work[member] & bit == 0 || *tried & bit != 0 {
            continue;
        }
        *tried |= bit;
        let free = match holder[*day] {
            None => true,
            Some(other) => find_day(other, week, open, holder, tried),
        };
        if free {
            holder[*day] = Some(member);
            return true;
        }
    }
    false
}

/// What an order costs, most important first: turns that follow too soon, days of the week that somebody had often
/// already, distance from the order of the queue.
type Cost = (u32, u32, u32);

/// Looks for an order in which `due` serve the days of `served`, as many as they are.
#[derive(Clone)]
struct Search<'a> {
    state: &'a State,
    week: &'a Week<'a>,
    due: &'a [usize],
    served: &'a [usize],
    chosen: Vec<usize>,
    found: Vec<usize>,
    /// Of what was found; anything may still be found without it.
    cost: Option<Cost>,
    any_will_do: bool,
}

impl<'a> Search<'a> {
    fn new(state: &'a State, week: &'a Week<'a>, due: &'a [usize], served: &'a [usize]) -> Search<'a> {
        let (chosen, found) = (Vec::new(), Vec::new());
        Search { state, week, due, served, chosen, found, cost: None, any_will_do: false }
    }

    /// The plain order of the queue, as far as people are at work on the days.
    fn first(&self) -> Vec<usize> {
        let mut search = Search { any_will_do: true, ..self.clone() };
        search.descend(0, (0, 0, 0));
        search.found
    }

    /// The cheapest order; of two that cost the same, the one nearer to the order of the queue.
    fn best(self) -> Vec<usize> {
        let mut search = self;
        search.descend(0, (0, 0, 0));
        search.found
    }

    fn descend(&mut self, used: u8, cost: Cost) {
        // Costs only grow on the way down, so that nothing below a dear start can be cheaper.
        if self.cost.is_some_and(|found| self.any_will_do || cost >= found) {
            return;
        }
        let place = self.chosen.len();
        let Some(day) = self.served.get(place).copied() else {
            self.found.clone_from(&self.chosen);
            self.cost = Some(cost);
            return;
        };
        for (index, member) in self.due.iter().enumerate() {
            let taken = used & (1 << index) != 0;
            if taken || self.week.at_work[*member] & (1 << day) == 0 {
                continue;
            }
            let more = self.cost_of(*member, index, place, day);
            self.chosen.push(*member);
            self.descend(used | 1 << index, (cost.0 + more.0, cost.1 + more.1, cost.2 + more.2));
            self.chosen.pop();
        }
    }

    fn cost_of(&self, member: usize, index: usize, place: usize, day: usize) -> Cost {
        let ServiceRecord { by_weekday, last } = self.state.records[member];
        let this_week = self.chosen.iter().rposition(|chosen| *chosen == member);
        let last = this_week.map(|place| self.state.days + self.served[place] as u32).or(last);
        let gap = last.map_or(u32::MAX, |last| (self.state.days + day as u32).saturating_sub(last));
        let too_soon = self.week.wanted_gap.saturating_sub(gap);
        let count = |day: &Date| by_weekday[day.weekday().to_monday_zero_offset() as usize];
        // The sum of squares grows by 2n + 1 with the (n + 1)th Monday: n orders the same way. What is common to all
        // of a person's days makes no difference.
        let often = count(&self.week.days[day]) - self.week.days.iter().map(count).min().unwrap_or(0);
        (too_soon * too_soon, often, (index.abs_diff(place) as u32).pow(2))
    }
}
