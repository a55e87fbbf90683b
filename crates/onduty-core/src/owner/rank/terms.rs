//! What a place says of each person, in numbers, before anything is weighed.
//!
//! `rank` weighs these numbers and `benches/owner/fit` finds the weights from the very same ones, so that what was
//! fitted is what runs.

use crate::item::OwnerReason;
use crate::owner::people::PersonNo;
use crate::owner::place::{Place, Touch, Touched};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Days after which knowledge of a file or folder counts half.
const KNOWS_DAYS: f64 = 120.0;
/// Days after which a line is no news, and within which commits make somebody a regular.
const YEAR: f64 = 365.0;
/// Commits within [`YEAR`] that make somebody a regular.
const REGULAR: u32 = 5;

/// Who can be named at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// The people of a roster, all of whom are of the team however much they commit.
    Roster,
    /// Whoever ever committed, also once and in passing: the regulars are likely to be the team.
    Everybody,
}

/// Something that may speak for a person; each has one weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// Wrote a line of the frames within [`YEAR`], by how new it is among them ([`by_rank`]).
    NewestLine,
    /// The share of the lines around the frames, by [`of_share`].
    Around,
    /// The age of the last commit to a file of the frames, by [`by_age`] with [`KNOWS_DAYS`].
    FileAge,
    /// How new it is among everybody's last one ([`by_rank`]).
    FileRank,
    /// The age of the last commit to a folder of the frames, by [`by_age`] with [`KNOWS_DAYS`].
    FolderAge,
    /// Whether there are [`REGULAR`] commits to the repository within [`YEAR`]; never said among the people of a roster.
    Regular,
    /// The age of the last commit to the repository, by [`by_age`] with 30 days.
    Active30,
    /// The same with 90 days.
    Active90,
    /// Whether it is no older than 90 days.
    Within90,
    /// Whether it is no older than 180 days.
    Within180,
}

impl Term {
    /// Every term.
    pub const ALL: [Term; 10] = [
        Term::NewestLine,
        Term::Around,
        Term::FileAge,
        Term::FileRank,
        Term::FolderAge,
        Term::Regular,
        Term::Active30,
        Term::Active90,
        Term::Within90,
        Term::Within180,
    ];
}

/// One reason for a person, with the terms that it stands for and their values.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// In words that people are told.
    pub reason: OwnerReason,
    /// In numbers.
    pub terms: Vec<(Term, f64)>,
}

/// What `place` says at `at` of everybody whom `may_be_named` lets through and who ever committed.
pub fn spoken(
    place: &Place,
    at: Timestamp,
    among: Among,
    may_be_named: impl Fn(PersonNo) -> bool,
) -> BTreeMap<PersonNo, Vec<Spoken>> {
    let days_since = |then: Timestamp| (at.as_second().saturating_sub(then.as_second())).max(0) as f64 / 86_400.0;
    let sight = Sight { place, days_since: &days_since, may_be_named: &may_be_named };
    let (ever, _) = sight.shares(&place.repository);
    let regulars = if among == Among::Everybody { sight.regulars() } else { Said::new() };
    let said = [sight.lines(), sight.around(), sight.files(), sight.folders(), regulars, sight.active(&ever)];
    let mut people: BTreeMap<PersonNo, Vec<Spoken>> = BTreeMap::new();
    for (person, spoken) in said.into_iter().flatten() {
        people.entry(person).or_default().push(spoken);
    }
    people
}

/// The place as it is seen at one moment, by one who may name some.
struct Sight<'a> {
    place: &'a Place,
    days_since: &'a dyn Fn(Timestamp) -> f64,
    may_be_named: &'a dyn Fn(PersonNo) -> bool,
}

type Said = Vec<(PersonNo, Spoken)>;

/// What one person did to something.
struct Share<'a> {
    newest: &'a Touch,
    commits: u32,
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
            (person, Spoken { reason, terms: vec![(Term::NewestLine, by_rank(rank))] })
        };
        order.into_iter().enumerate().map(say).collect()
    }

    fn around(&self) -> Said {
        let of: u32 = self.place.around.iter().map(|(_, lines)| lines).sum();
        let known = self.place.around.iter().filter(|(person, _)| (self.may_be_named)(*person));
        let say = |(person, lines): &(PersonNo, u32)| {
            let reason = OwnerReason::WroteAround { lines: *lines, of };
            let share = of_share(f64::from(*lines) / f64::from(of));
            (*person, Spoken { reason, terms: vec![(Term::Around, share)] })
        };
        known.map(say).collect()
    }

    fn files(&self) -> Said {
        let (shares, of) = self.shares(&self.place.files);
        let mut order: Vec<(PersonNo, Share<'_>)> = shares.into_iter().collect();
        order.sort_by_key(|(person, share)| (std::cmp::Reverse((share.newest.at, share.newest.commit)), *person));
        let say = |(rank, (person, share)): (usize, (PersonNo, Share<'_>))| {
            let file = named(&self.place.files.names);
            let reason = OwnerReason::RecentCommits { file, theirs: share.commits, of, newest: share.newest.at };
            let age = by_age((self.days_since)(share.newest.at), KNOWS_DAYS);
            (person, Spoken { reason, terms: vec![(Term::FileAge, age), (Term::FileRank, by_rank(rank))] })
        };
        order.into_iter().enumerate().map(say).collect()
    }

    fn folders(&self) -> Said {
        let (shares, of) = self.shares(&self.place.folders);
        let say = |(person, share): (PersonNo, Share<'_>)| {
            let folder = named(&self.place.folders.names);
            let reason = OwnerReason::CommitsToFolder { folder, theirs: share.commits, of, newest: share.newest.at };
            let age = by_age((self.days_since)(share.newest.at), KNOWS_DAYS);
            (person, Spoken { reason, terms: vec![(Term::FolderAge, age)] })
        };
        shares.into_iter().map(say).collect()
    }

    fn regulars(&self) -> Said {
        let mut counts: BTreeMap<PersonNo, u32> = BTreeMap::new();
        let known = self.place.repository.touches.iter().filter(|touch| (self.may_be_named)(touch.person));
        let recent = known.filter(|touch| (self.days_since)(touch.at) <= YEAR);
        recent.for_each(|touch| *counts.entry(touch.person).or_default() += 1);
        let say = |(person, commits): (PersonNo, u32)| {
            let reason = OwnerReason::CommitsLately { commits, days: YEAR as u32 };
            (person, Spoken { reason, terms: vec![(Term::Regular, 1.0)] })
        };
        counts.into_iter().filter(|(_, commits)| *commits >= REGULAR).map(say).collect()
    }

    fn active(&self, shares: &Shares<'_>) -> Said {
        let say = |(person, share): (&PersonNo, &Share<'_>)| {
            let days = (self.days_since)(share.newest.at);
            let terms = vec![
                (Term::Active30, by_age(days, 30.0)),
                (Term::Active90, by_age(days, 90.0)),
                (Term::Within90, f64::from(days <= 90.0)),
                (Term::Within180, f64::from(days <= 180.0)),
            ];
            (*person, Spoken { reason: OwnerReason::LastCommit { at: share.newest.at }, terms })
        };
        shares.iter().map(say).collect()
    }

    /// What each did to something, and how many commits there were.
    fn shares<'a>(&self, touched: &'a Touched) -> (Shares<'a>, u32) {
        let mut shares = Shares::new();
        let mut commits = BTreeSet::new();
        for touch in &touched.touches {
            commits.insert(touch.commit);
            if !(self.may_be_named)(touch.person) {
                continue;
            }
            let share = shares.entry(touch.person).or_insert(Share { newest: touch, commits: 0 });
            share.commits += 1;
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

/// Half for the first (rank 0), a third for the second, and so on.
fn by_rank(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::place::WrittenLine;
    use jiff::ToSpan;

    const AT: &str = "2026-03-02T12:00:00Z";

    /// One touch per person, so many days ago; `None` for nobody.
    fn touched(days: &[Option<i64>]) -> Touched {
        let at: Timestamp = AT.parse().unwrap();
        let touch = |(person, days): (u32, &Option<i64>)| {
            Some(Touch {
                person: PersonNo(person),
                commit: person,
                at: at.checked_sub(((*days)? * 24).hours()).unwrap(),
            })
        };
        Touched { names: vec!["a.rs".to_owned()], touches: (0..).zip(days).filter_map(touch).collect() }
    }

    fn values(place: &Place, person: u32) -> BTreeMap<Term, f64> {
        let spoken = spoken(place, AT.parse().unwrap(), Among::Everybody, |_| true);
        spoken[&PersonNo(person)].iter().flat_map(|spoken| spoken.terms.clone()).collect()
    }

    #[test]
    fn every_term_is_listed_and_has_its_value() {
        let repository = touched(&[Some(0), Some(30), Some(400)]);
        let line = |touch: Touch| WrittenLine { file: "a.rs".into(), line: 1, revision: "ab".into(), touch };
        let place = Place {
            lines: repository.touches.iter().map(|touch| line(*touch)).collect(),
            around: vec![(PersonNo(0), 1), (PersonNo(1), 1), (PersonNo(2), 48)],
            files: touched(&[Some(120), Some(0), None]),
            folders: touched(&[Some(240), None, None]),
            repository,
            gaps: Vec::new(),
        };
        for (person, expected) in [
            (0, [0.5, 2f64.ln(), 0.5, 1.0 / 3.0, 1.0 / 3.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
            (1, [1.0 / 3.0, 2f64.ln(), 1.0, 0.5, 0.0, 0.0, 0.5, 0.75, 1.0, 1.0]),
            // A line of more than a year ago is no news.
            (2, [0.0, 49f64.ln(), 0.0, 0.0, 0.0, 0.0, 30.0 / 430.0, 90.0 / 490.0, 0.0, 0.0]),
        ] {
            let found = values(&place, person);
            for (term, expected) in Term::ALL.into_iter().zip(expected) {
                let value = found.get(&term).copied().unwrap_or_default();
                assert!((value - expected).abs() < 1e-9, "{term:?} of {person}: {value} instead of {expected}");
            }
            assert!(found.keys().all(|term| Term::ALL.contains(term)), "{found:?}");
        }
    }

    #[test]
    fn who_may_not_be_named_takes_no_rank_from_others() {
        let place = Place { files: touched(&[Some(0), Some(5)]), ..Place::default() };
        let said = spoken(&place, AT.parse().unwrap(), Among::Everybody, |person| person == PersonNo(1));
        assert_eq!(said.keys().collect::<Vec<_>>(), [&PersonNo(1)]);
        let OwnerReason::RecentCommits { theirs, of, .. } = &said[&PersonNo(1)][0].reason else { panic!("{said:?}") };
        assert_eq!((*theirs, *of), (1, 2));
        assert!(said[&PersonNo(1)][0].terms.contains(&(Term::FileRank, 0.5)));
    }
    #[test]
    fn five_commits_within_a_year_make_a_regular_where_no_roster_says_who_the_team_is() {
        // Four within the year and one before it; five; five, the oldest of which is a year old to the day.
        let days = [[1, 2, 3, 4, 366], [1, 2, 3, 4, 5], [1, 2, 3, 4, 365]];
        let touches = (0..).zip(days).flat_map(|(person, days)| {
            days.map(|days| Touch { person: PersonNo(person), ..touched(&[Some(days)]).touches[0] })
        });
        let place = Place { repository: Touched { touches: touches.collect(), names: vec![] }, ..Place::default() };
        let is_regular = |person, among| {
            let spoken = &spoken(&place, AT.parse().unwrap(), among, |_| true)[&PersonNo(person)];
            let of_year = OwnerReason::CommitsLately { commits: 5, days: 365 };
            spoken.iter().any(|said| said.terms == [(Term::Regular, 1.0)] && said.reason == of_year)
        };
        assert_eq!([0, 1, 2].map(|person| is_regular(person, Among::Everybody)), [false, true, true]);
        assert_eq!([0, 1, 2].map(|person| is_regular(person, Among::Roster)), [false; 3]);
    }
}
