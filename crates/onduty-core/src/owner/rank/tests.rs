use super::{Among, Term, spoken};
use crate::item::OwnerReason;
use crate::owner::people::PersonNo;
use crate::owner::place::{LAST_COMMITS, LastCommit, MASS_COMMIT, Place, Touch, Touched, WrittenLine};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;

const AT: &str = "2026-03-02T12:00:00Z";

/// One touch per person, so many days ago; `None` for nobody.
fn touched(days: &[Option<i64>]) -> Touched {
    let at: Timestamp = AT.parse().unwrap();
    let touch = |(person, days): (u32, &Option<i64>)| {
        Some(Touch {
            person: PersonNo(person),
            commit: person,
            at: at.checked_sub(((*days)? * 24).hours()).unwrap(),
            files: 1,
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
    let last = |touch: &Touch| {
        let nearness = [0.25, 1.0, 0.0][touch.person.0 as usize];
        LastCommit { touch: *touch, nearness, shared: "a".into() }
    };
    let place = Place {
        lines: repository.touches.iter().map(|touch| line(*touch)).collect(),
        around: vec![(PersonNo(0), 1), (PersonNo(1), 1), (PersonNo(2), 48)],
        files: touched(&[Some(120), Some(0), None]),
        folders: touched(&[Some(240), None, None]),
        parents: touched(&[Some(120), None, Some(0)]),
        last: repository.touches.iter().map(last).collect(),
        repository,
        gaps: Vec::new(),
    };
    let month = 0.5f64.powf(0.5);
    for (person, expected) in [
        (0, [0.5, 2f64.ln(), 0.5, 1.0 / 3.0, 1.0 / 3.0, 0.5, 0.25 / 5.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
        (1, [1.0 / 3.0, 2f64.ln(), 1.0, 0.5, 0.0, 0.0, month / 5.0, 0.0, 0.5, 0.75, 1.0, 1.0]),
        // A line of more than a year ago is no news.
        (2, [0.0, 49f64.ln(), 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 30.0 / 430.0, 90.0 / 490.0, 0.0, 0.0]),
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
fn mass_commits_say_nothing_of_a_file_but_its_rank() {
    let mass = |mut touched: Touched| {
        touched.touches[0].files = MASS_COMMIT + 1;
        touched
    };
    let files = mass(touched(&[Some(0), Some(120)]));
    let place = Place { parents: files.clone(), folders: files.clone(), files, ..Place::default() };
    for (person, expected) in [(0, [0.0, 0.5, 1.0, 0.0]), (1, [0.5, 1.0 / 3.0, 0.5, 0.5])] {
        let found = values(&place, person);
        let found = [Term::FileAge, Term::FileRank, Term::FolderAge, Term::ParentAge].map(|term| found[&term]);
        assert_eq!(found, expected, "{person}");
    }
}

#[test]
fn last_commits_are_told_by_the_nearest_of_them() {
    let touches = [1, 2, 3, 4, 5].map(|days| touched(&[Some(days)]).touches[0]);
    let near = [0.0, 0.25, 1.0, 0.25, 1.0];
    let shared = |nearness| if nearness == 1.0 { "src/cart/pay.rs" } else { "src" };
    let last = |(touch, nearness): (Touch, f64)| LastCommit { touch, nearness, shared: shared(nearness).into() };
    assert_eq!(touches.len(), LAST_COMMITS);
    let place = Place { last: touches.into_iter().zip(near).map(last).collect(), ..Place::default() };
    let said = spoken(&place, AT.parse().unwrap(), Among::Roster, |_| true);
    let place = "src/cart/pay.rs".to_owned();
    let expected = OwnerReason::WorksNear { place, commits: 2, of: 5, newest: touches[2].at };
    assert_eq!(said[&PersonNo(0)].iter().map(|spoken| &spoken.reason).collect::<Vec<_>>(), [&expected]);
}

#[test]
fn what_two_terms_say_in_the_same_words_is_said_once() {
    let root = Touched { names: vec![String::new()], ..touched(&[Some(0)]) };
    let place = Place { folders: root.clone(), parents: root, ..Place::default() };
    let said = spoken(&place, AT.parse().unwrap(), Among::Roster, |_| true);
    let [both] = said[&PersonNo(0)].as_slice() else { panic!("{said:?}") };
    assert_eq!(both.terms, [(Term::FolderAge, 1.0), (Term::ParentAge, 1.0)]);
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
