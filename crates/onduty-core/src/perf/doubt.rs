//! What people have to be told of response times that a backend keeps, beside the verdicts.

use super::windows::{AFTER, BEFORE, BLOCKS};
use serde::Serialize;

/// Names that are told of many.
const MOST_NAMES: usize = 5;
/// Requests without a status that are worth saying, as a share: connections that break off have none.
const SOME_WITHOUT_STATUS: f64 = 0.05;
/// With more of them nobody knows what fails.
const MANY_WITHOUT_STATUS: f64 = 0.20;

/// Something that makes an answer weaker than it looks.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "doubt", rename_all = "snake_case")]
pub enum Doubt {
    /// Nearly all of their requests are in one or two buckets; only large changes count.
    CoarseBounds(Named),
    /// The bounds tell nothing about them; they are left out.
    UselessBounds(Named),
    /// The bounds are not the same everywhere, or changed with the rollout.
    UnequalBounds(Named),
    /// More endpoints than are asked for; the quietest are left out.
    TooMany {
        /// How many were left out.
        endpoints: u64,
        /// Whether there may be more of them, because the backend does not name any more.
        or_more: bool,
        /// Their requests from the window before to the window after.
        requests: u64,
    },
    /// Requests do not say how they were answered, so that nobody knows whether more of them fail.
    NoStatus {
        /// What should say it; `None` where nothing is asked for.
        attribute: Option<String>,
        /// Their share of all that were not seen to fail, from 0 to 1.
        share: f64,
    },
    /// Counters began anew within the windows before and after; what was counted right before that may be missing.
    CountersBeganAnew {
        /// How often.
        times: u64,
    },
    /// Other rollouts went out so shortly before that their doings cannot be told from those of this one.
    OtherRollouts {
        /// How many.
        rollouts: usize,
    },
    /// Rollouts to several environments are compared, and the source does not tell their requests apart.
    SeveralEnvironments {
        /// Their names.
        environments: Vec<String>,
    },
    /// Blocks of which the backend has nothing at all.
    Gaps {
        /// In the window before the rollout.
        before: usize,
        /// In the window after it.
        after: usize,
        /// In all the others that have anything.
        elsewhere: usize,
    },
}

impl Doubt {
    /// The gaps of windows in the order of [`super::Windows::all`], of which these blocks are known; `None` without any.
    /// An earlier window of which nothing is known is none: there was nobody to measure it.
    pub fn gaps(known: &[[bool; BLOCKS]]) -> Option<Doubt> {
        let missing = |window: &[bool; BLOCKS]| window.iter().filter(|known| !**known).count();
        let of = |window: usize| known.get(window).map_or(BLOCKS, missing);
        let elsewhere = known.iter().skip(AFTER + 1).map(missing).filter(|missing| *missing < BLOCKS).sum();
        let (before, after) = (of(BEFORE), of(AFTER));
        (before + after + elsewhere > 0).then_some(Doubt::Gaps { before, after, elsewhere })
    }

    /// The requests that should say in `attribute` how they were answered, where not nearly all do: `told` of `requests`
    /// that were not seen to fail.
    pub fn no_status(attribute: &str, told: f64, requests: f64) -> Option<Doubt> {
        let share = (1.0 - told / requests).clamp(0.0, 1.0);
        (share > SOME_WITHOUT_STATUS).then(|| Doubt::NoStatus { attribute: Some(attribute.to_owned()), share })
    }

    /// Whether so much is not known that nothing can be called fine.
    pub fn is_grave(&self) -> bool {
        match self {
            Doubt::Gaps { before, after, .. } => *before.max(after) > BLOCKS / 2,
            // Who asks for none has decided to look at durations alone.
            Doubt::NoStatus { attribute, share } => attribute.is_some() && *share > MANY_WITHOUT_STATUS,
            Doubt::SeveralEnvironments { .. } => true,
            // What is left out lowers the coverage; what is coarse has a higher floor.
            Doubt::CoarseBounds(_)
            | Doubt::UselessBounds(_)
            | Doubt::UnequalBounds(_)
            | Doubt::TooMany { .. }
            | Doubt::CountersBeganAnew { .. }
            | Doubt::OtherRollouts { .. } => false,
        }
    }
}

/// How many, and the first of them by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    /// How many.
    pub endpoints: usize,
    /// The first of them.
    pub first: Vec<String>,
}

impl Named {
    /// All of `names`; `None` where there are none.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Named> {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        let first: Vec<String> = names.iter().take(MOST_NAMES).map(|name| (*name).to_owned()).collect();
        (!names.is_empty()).then_some(Named { endpoints: names.len(), first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_window_is_too_little() {
        let gaps = |before, after| Doubt::Gaps { before, after, elsewhere: 100 };
        for (doubt, is_grave) in [
            (gaps(6, 6), false),
            (gaps(7, 0), true),
            (gaps(0, 12), true),
            (Doubt::CountersBeganAnew { times: 9 }, false),
        ] {
            assert_eq!(doubt.is_grave(), is_grave, "{doubt:?}");
        }
    }

    #[test]
    fn requests_without_a_status_are_said_unless_they_are_few() {
        let is_grave = |told, requests| Doubt::no_status("code", told, requests).map(|doubt| doubt.is_grave());
        for (told, requests, expected) in [
            (96.0, 100.0, None),
            (90.0, 100.0, Some(false)),
            (70.0, 100.0, Some(true)),
            (0.0, 100.0, Some(true)),
            (101.0, 100.0, None),
            (0.0, 0.0, None),
        ] {
            assert_eq!(is_grave(told, requests), expected, "{told} of {requests}");
        }
        assert!(!Doubt::NoStatus { attribute: None, share: 1.0 }.is_grave());
    }

    #[test]
    fn blocks_without_anything_are_gaps() {
        let all = [true; BLOCKS];
        let mut one = all;
        one[3] = false;
        assert_eq!(Doubt::gaps(&[all, all, all]), None);
        assert_eq!(Doubt::gaps(&[all, all, [false; BLOCKS]]), None, "nobody measured that day");
        assert_eq!(Doubt::gaps(&[all, one, one]), Some(Doubt::Gaps { before: 0, after: 1, elsewhere: 1 }));
        assert_eq!(Doubt::gaps(&[all]), Some(Doubt::Gaps { before: 0, after: BLOCKS, elsewhere: 0 }));
    }

    #[test]
    fn the_first_names_are_told() {
        assert_eq!(Named::of([]), None);
        let named = Named::of(["g", "b", "f", "a", "e", "c", "d"]).unwrap();
        assert_eq!((named.endpoints, named.first.join("")), (7, "abcde".to_owned()));
    }
}
