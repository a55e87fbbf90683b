//! What a place says of each person, in the words and numbers of [`terms`](super::terms).

use super::terms::{Among, KNOWS_DAYS, NEAR_DAYS, REGULAR, Spoken, Term, YEAR, by_age, by_rank, halved, of_share};
use crate::item::OwnerReason;
use crate::owner::people::PersonNo;
use crate::owner::place::{LAST_COMMITS, LastCommit, Place, Touch, Touched};
use jiff::Timestamp;
use std::collections::BTreeMap;

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
    let said = [
        sight.lines(),
        sight.around(),
        sight.files(),
        sight.folders(),
        sight.parents(),
        sight.last(),
        regulars,
        sight.active(&ever),
    ];
    let mut people: BTreeMap<PersonNo, Vec<Spoken>> = BTreeMap::new();
    for (person, spoken) in said.into_iter().flatten() {
        let known = people.entry(person).or_default();
        // Files at the root have no folders around theirs: the same is not told twice.
        match known.iter_mut().find(|known| known.reason == spoken.reason) {
            Some(known) => known.terms.extend(spoken.terms),
            None => known.push(spoken),
        }
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
    /// The newest one that was no mass commit.
    newest_work: Option<&'a Touch>,
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
            let terms = vec![(Term::FileAge, self.age(share.newest_work)), (Term::FileRank, by_rank(rank))];
            (person, Spoken { reason, terms })
        };
        order.into_iter().enumerate().map(say).collect()
    }

    fn folders(&self) -> Said {
        self.within(&self.place.folders, |share| (Term::FolderAge, self.age(Some(share.newest))))
    }

    fn parents(&self) -> Said {
        self.within(&self.place.parents, |share| (Term::ParentAge, self.age(share.newest_work)))
    }

    fn within(&self, folders: &Touched, term: impl Fn(&Share<'_>) -> (Term, f64)) -> Said {
        let (shares, of) = self.shares(folders);
        let say = |(person, share): (PersonNo, Share<'_>)| {
            let folder = named(&folders.names);
            let reason = OwnerReason::CommitsToFolder { folder, theirs: share.commits, of, newest: share.newest.at };
            (person, Spoken { reason, terms: vec![term(&share)] })
        };
        shares.into_iter().map(say).collect()
    }

    fn last(&self) -> Said {
        let mut last: BTreeMap<PersonNo, Vec<&LastCommit>> = BTreeMap::new();
        let known = self.place.last.iter().filter(|commit| (self.may_be_named)(commit.touch.person));
        let known = known.filter(|commit| (self.days_since)(commit.touch.at) <= YEAR);
        known.for_each(|commit| last.entry(commit.touch.person).or_default().push(commit));
        let say = |(person, commits): (PersonNo, Vec<&LastCommit>)| {
            let worth = |commit: &&LastCommit| commit.nearness * halved((self.days_since)(commit.touch.at), NEAR_DAYS);
            let nearest = commits.iter().rev().max_by(|a, b| a.nearness.total_cmp(&b.nearness))?;
            let as_near: Vec<&&LastCommit> =
                commits.iter().filter(|commit| commit.nearness >= nearest.nearness).collect();
            let reason = OwnerReason::WorksNear {
                place: nearest.shared.clone(),
                commits: as_near.len() as u32,
                of: commits.len() as u32,
                newest: as_near.first()?.touch.at,
            };
            let mean = commits.iter().map(worth).sum::<f64>() / LAST_COMMITS as f64;
            (nearest.nearness > 0.0).then(|| (person, Spoken { reason, terms: vec![(Term::LastCommits, mean)] }))
        };
        last.into_iter().filter_map(say).collect()
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

    fn age(&self, touch: Option<&Touch>) -> f64 {
        touch.map_or(0.0, |touch| by_age((self.days_since)(touch.at), KNOWS_DAYS))
    }

    /// What each did to something, and how many commits there were.
    fn shares<'a>(&self, touched: &'a Touched) -> (Shares<'a>, u32) {
        let mut shares = Shares::new();
        let (mut commits, mut last) = (0, None);
        for touch in &touched.touches {
            commits += u32::from(last != Some(touch.commit));
            last = Some(touch.commit);
            if !(self.may_be_named)(touch.person) {
                continue;
            }
            let share = shares.entry(touch.person).or_insert(Share { newest: touch, newest_work: None, commits: 0 });
            share.commits += 1;
            if touch.at > share.newest.at {
                share.newest = touch;
            }
            if !touch.is_mass() && share.newest_work.is_none_or(|newest| touch.at > newest.at) {
                share.newest_work = Some(touch);
            }
        }
        (shares, commits)
    }
}

/// The first of the names, and how many more.
fn named(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
    }
}
