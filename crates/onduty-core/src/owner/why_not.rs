//! Why somebody is not the one who is proposed: read off a suggestion, so that the answer is what was known then.

use super::{MAX_OTHERS, MAX_PEOPLE};
use crate::ids::EngineerId;
use crate::item::{Candidate, Suggestion};
use crate::roster::Roster;
use jiff::civil::Date;

/// What keeps somebody from being proposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WhyNot<'a> {
    /// Nothing: they are.
    Proposed {
        /// With what speaks for them.
        candidate: &'a Candidate,
    },
    /// Less speaks for them than for the one who is proposed, or they are away, or own much already.
    Ranked {
        /// With what speaks for them.
        candidate: &'a Candidate,
        /// Their place, from 1.
        place: usize,
        /// Of how many.
        of: usize,
        /// Who is proposed.
        proposed: &'a Candidate,
    },
    /// Nothing that was looked at speaks for them.
    NothingSpeaks,
    /// Less speaks for them than for all of these, as many as are kept.
    After {
        /// How many come before.
        people: usize,
    },
    /// They have left.
    Left {
        /// Who took over.
        heir: Option<&'a EngineerId>,
    },
}

/// What keeps `engineer` from being proposed in `suggestion`; `None` for somebody who is not on the roster.
pub fn why_not<'a>(
    suggestion: &'a Suggestion,
    engineer: &EngineerId,
    roster: &'a Roster,
    today: Date,
) -> Option<WhyNot<'a>> {
    let known = roster.engineers.get(engineer)?;
    let of = suggestion.ranked().count();
    let ranked = (1..).zip(suggestion.ranked()).find(|(_, candidate)| candidate.engineer == *engineer);
    Some(match (ranked, suggestion.proposed()) {
        (Some((_, candidate)), Some(proposed)) if proposed.engineer == *engineer => WhyNot::Proposed { candidate },
        (Some((place, candidate)), Some(proposed)) => WhyNot::Ranked { candidate, place, of, proposed },
        _ if known.has_left(today) => WhyNot::Left { heir: roster.heir_of(known, today).map(|heir| &heir.id) },
        _ if of == MAX_PEOPLE + MAX_OTHERS => WhyNot::After { people: of },
        _ => WhyNot::NothingSpeaks,
    })
}
