//! What it costs people that a shift changes hands: nothing that is forbidden, but what a plan would spare them.

use super::{Cover, Known, NEAR, plan, turns_near};
use crate::ids::EngineerId;
use crate::roster::{Duty, Roster};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// What a day that changes hands costs whoever serves it then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Who serves it then.
    pub engineer: EngineerId,
    /// Which day.
    pub day: Date,
    /// Their other turns within a week of it.
    pub near: Vec<Date>,
    /// Whether it is a day on which they would rather not serve.
    pub is_unwanted: bool,
}

/// The price of days that are given to people, each day by itself; those without one are left out.
pub fn price(roster: &Roster, duty: &Duty, known: Known<'_>, given: &[(Date, EngineerId)]) -> Vec<Price> {
    let mut covers: BTreeMap<Date, Cover> = known.covers.clone();
    for (day, engineer) in given {
        let by = engineer.clone();
        covers.insert(*day, Cover { engineer: engineer.clone(), by, at: Timestamp::UNIX_EPOCH });
    }
    let known = Known { covers: &covers, ..known };
    let price = |(day, engineer): &(Date, EngineerId)| {
        let after = plan(roster, duty, known, day.saturating_sub(NEAR), day.saturating_add(NEAR));
        let avoid = roster.engineers.get(engineer).map(|engineer| &engineer.avoid);
        Price {
            engineer: engineer.clone(),
            day: *day,
            near: turns_near(&after, engineer, *day),
            is_unwanted: avoid.is_some_and(|avoid| avoid.contains(*day)),
        }
    };
    given.iter().map(price).filter(|price| price.is_unwanted || !price.near.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster;

    #[test]
    fn near_turns_and_unwanted_days_are_the_price() {
        let file = "engineers: {lena: {}, omar: {avoid: fri}, priya: {}, sam: {}, noor: {}}\n\
                    duties: {d: {members: all, zone: UTC, since: 2026-03-02}}\n";
        let roster = roster::parse("roster.yml", file).unwrap();
        let day = |text: &str| -> Date { text.parse().unwrap() };
        let shifts = plan(&roster, &roster.duties[0], Known::NOTHING, day("2026-03-02"), day("2026-03-13"));
        let of = |who: &str| shifts.iter().find(|shift| shift.engineer == Some(who.into())).unwrap().day;
        let (lena, omar) = (of("lena"), of("omar"));
        let told = |given: &[(Date, EngineerId)]| price(&roster, &roster.duties[0], Known::NOTHING, given);
        let friday = day("2026-03-06");
        let unwanted = told(&[(friday, "omar".into())]);
        assert_eq!((unwanted.len(), unwanted[0].is_unwanted), (1, true));
        // One for one within a week: nobody has more turns than before near to it, but for those of the next round.
        for price in told(&[(lena, "omar".into()), (omar, "lena".into())]) {
            assert!(!price.near.contains(&lena) && !price.near.contains(&omar), "{price:?}");
        }
        let lone = Known { served: &BTreeMap::new(), covers: &BTreeMap::new(), published: &BTreeMap::new() };
        assert!(price(&roster, &roster.duties[0], lone, &[]).is_empty());
    }
}
