//! What a place says of each person, in numbers, before anything is weighed.
//!
//! `rank` weighs these numbers and `benches/owner/fit` finds the weights from the very same ones, so that what was
//! fitted is what runs.

use crate::item::OwnerReason;

/// Days after which knowledge of a file or folder counts half.
pub(super) const KNOWS_DAYS: f64 = 120.0;
/// Days after which one of the last commits counts half.
pub(super) const NEAR_DAYS: f64 = 60.0;
/// Days after which a line is no news, and within which commits make somebody a regular.
pub(super) const YEAR: f64 = 365.0;
/// Commits within [`YEAR`] that make somebody a regular.
pub(super) const REGULAR: u32 = 5;

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
    /// The age of the last commit to a file of the frames that was no mass commit, by [`by_age`] with [`KNOWS_DAYS`].
    FileAge,
    /// How new it is among everybody's last one ([`by_rank`]).
    FileRank,
    /// The age of the last commit to a folder of the frames, by [`by_age`] with [`KNOWS_DAYS`].
    FolderAge,
    /// The age of the last commit to a folder around those that was no mass commit, by [`by_age`] with [`KNOWS_DAYS`].
    ParentAge,
    /// How near the last commits came to the frames, each halved by every [`NEAR_DAYS`]; a mean over [`LAST_COMMITS`](crate::owner::place::LAST_COMMITS).
    LastCommits,
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
    pub const ALL: [Term; 12] = [
        Term::NewestLine,
        Term::Around,
        Term::FileAge,
        Term::FileRank,
        Term::FolderAge,
        Term::ParentAge,
        Term::LastCommits,
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

/// 1 when it is fresh, half of it after `half` days, a third after twice that.
pub(super) fn by_age(days: f64, half: f64) -> f64 {
    1.0 / (1.0 + days / half)
}

/// 1 when it is fresh, half of it after `half` days, a quarter after twice that.
pub(super) fn halved(days: f64, half: f64) -> f64 {
    0.5f64.powf(days / half)
}

/// Half for the first (rank 0), a third for the second, and so on.
pub(super) fn by_rank(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0)
}

/// A share between 0 and 1 on a scale on which a fiftieth already counts.
pub(super) fn of_share(share: f64) -> f64 {
    (50.0 * share).ln_1p()
}
