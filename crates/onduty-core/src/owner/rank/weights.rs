//! What each term weighs. `benches/owner/fit` prints this table; nobody writes it by hand.

use super::Term;

/// The logarithm of the odds that one unit of `term` is worth. None is below zero.
pub(super) const fn weight(term: Term) -> f64 {
    match term {
        Term::NewestLine => 1.28,
        Term::Around => 0.15,
        Term::FileAge => 0.63,
        Term::FileRank => 0.54,
        Term::FolderAge => 0.70,
        Term::ParentAge => 1.19,
        Term::LastCommits => 1.97,
        Term::Regular => 3.52,
        Term::Active30 => 0.79,
        Term::Active90 => 1.32,
        Term::Within90 => 0.50,
        Term::Within180 => 0.83,
    }
}
