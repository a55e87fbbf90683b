//! The commits that matter on the sample day, and invented ones for a world without a repository.

use super::Work;
use crate::github::PushedCommit;
use crate::random::Random;
use crate::sample::{Edit, NewCommit, person, team};
use jiff::{SignedDuration, Timestamp};

/// Three people's changes; after them the unit tests fail. They keep every line where it was, because stacks point there.
pub fn three_changes() -> Vec<NewCommit> {
    vec![
        commit(
            "sam",
            "Booking: a hold is twelve minutes, not more",
            "app/models/booking.rb",
            "held_until < Time.current",
            "held_until <= Time.current",
        ),
        commit(
            "priya",
            "Booking spec: start in summer time",
            "spec/models/booking_spec.rb",
            "Time.utc(2026, 3, 29, 1, 30)",
            "Time.utc(2026, 3, 29, 1, 30).in_time_zone",
        ),
        commit(
            "lucia",
            "Price: the last day counts in full",
            "app/models/price.rb",
            "cover?(day.to_date)",
            "cover?(day.in_time_zone.to_date)",
        ),
    ]
}

/// What makes the unit tests pass again.
pub fn mend() -> Vec<NewCommit> {
    vec![commit(
        "priya",
        "Booking spec: say the zone instead of taking the machine's",
        "spec/models/booking_spec.rb",
        ".in_time_zone",
        ".in_time_zone(\"UTC\")",
    )]
}

fn commit(author: &str, title: &str, path: &str, find: &str, replace: &str) -> NewCommit {
    let edit = Edit { path: path.to_owned(), find: find.to_owned(), replace: replace.to_owned() };
    NewCommit { author: author.to_owned(), title: title.to_owned(), edits: vec![edit] }
}

/// The same work as commits that exist in no repository.
pub(super) fn invented(work: &Work, random: &mut Random, at: Timestamp) -> Vec<PushedCommit> {
    match work {
        Work::Routine(count) => (0..*count).map(|_| routine(random, at)).collect(),
        Work::Written(commits) => {
            let count = commits.len() as i64;
            let ages = (1..=count).rev().map(|place| SignedDuration::from_secs(place * 40));
            commits.iter().zip(ages).map(|(commit, age)| written(commit, random, at - age)).collect()
        }
    }
}

fn routine(random: &mut Random, at: Timestamp) -> PushedCommit {
    const TITLES: [&str; 6] = [
        "Seat plan: keep the zoom",
        "Follow up on review of filter bar",
        "Count what digest mail does",
        "Voucher: say how much is left",
        "Rate limit: the order matters",
        "Make venue map quicker on large venues",
    ];
    let title = random.pick(&TITLES).copied().unwrap_or_default();
    let author = random.pick(team()).map_or("lena", |one| one.id).to_owned();
    let commit = NewCommit { author, title: title.to_owned(), edits: Vec::new() };
    written(&commit, random, at - SignedDuration::from_secs(40))
}

fn written(commit: &NewCommit, random: &mut Random, at: Timestamp) -> PushedCommit {
    let author = person(&commit.author).unwrap_or(&team()[0]);
    PushedCommit {
        author_name: author.name.to_owned(),
        author_email: author.email(),
        author_login: Some(author.login()),
        modified: commit.edits.iter().map(|edit| edit.path.clone()).collect(),
        ..PushedCommit::invented(random, &commit.title, at)
    }
}
