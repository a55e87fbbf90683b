//! What each term weighs. `benches/owner/fit` prints this table; nobody writes it by hand.

use super::Term;

/// The logarithm of the odds that one unit of `term` is worth. None is below zero.
pub(super) const fn weight(term: Term) -> f64 {
    match term {
        Term::NewestLine => 1.28,
        Term::Around => 0.20,
        Term::FileAge => 0.90,
        Term::FileRank => 0.41,
        Term::FolderAge => 1.77,
        Term::Busy => 0.22,
        Term::Active30 => 1.09,
        Term::Active90 => 1.96,
        Term::Within90 => 0.84,
        Term::Within180 => 1.16,
        Term::NotSilent => 1.32,
    }
}
