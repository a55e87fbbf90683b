//! What each term weighs. `benches/owner/fit` prints this table; nobody writes it by hand.

use super::Term;

/// The logarithm of the odds that one unit of `term` is worth. None is below zero.
pub(super) const fn weight(term: Term) -> f64 {
    match term {
        Term::NewestLine => 1.40,
        Term::Around => 0.16,
        Term::FileAge => 0.83,
        Term::FileRank => 0.51,
        Term::FolderAge => 1.42,
        Term::Regular => 3.62,
        Term::Active30 => 0.97,
        Term::Active90 => 1.51,
        Term::Within90 => 0.61,
        Term::Within180 => 0.86,
    }
}
