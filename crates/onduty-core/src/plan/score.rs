//! How good a plan is: levels of which each counts only where all before it are equal.

use std::fmt;

/// The levels, most important first.
pub const LEVELS: [&str; 7] =
    ["uncovered", "late_joiners", "change_cost", "fair_max", "fair_sum", "spacing", "preferences"];

/// One figure for each level, compared from the first to the last; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Score(pub [i64; 7]);

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (level, value)) in LEVELS.iter().zip(self.0).enumerate() {
            write!(f, "{}{level}={value}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
