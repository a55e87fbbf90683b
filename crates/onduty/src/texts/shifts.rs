//! Plans that count and shifts that are offered, as sentences of the log book.

use super::{Telling, and, count};
use jiff::civil::Date;
use onduty_core::ids::EngineerId;
use onduty_core::logbook::MovedShift;

/// Moved shifts that one sentence names.
const NAMED: usize = 6;

/// A plan that counts from now on.
pub fn published(until: Date, shifts: u32, moved: &[MovedShift], tell: &Telling<'_>) -> String {
    let plan = format!("the plan until {until} counts: {}", count(shifts as usize, "day"));
    if moved.is_empty() {
        return format!("{plan}, none moved that people had seen");
    }
    format!("{plan}; moved: {}", and(&named(moved, tell)))
}

/// Somebody is away, or not any more.
pub fn leave(
    engineer: &EngineerId,
    (from, to): (Date, Date),
    ended: bool,
    moved: &[MovedShift],
    tell: &Telling<'_>,
) -> String {
    let name = tell.name(engineer);
    let days = if from == to { tell.day(from) } else { format!("{} to {}", tell.day(from), tell.day(to)) };
    let is = if ended { "is there after all" } else { "is away" };
    let said = format!("{name} {is} {days}");
    if moved.is_empty() { said } else { format!("{said}; moved: {}", and(&named(moved, tell))) }
}

fn named(moved: &[MovedShift], tell: &Telling<'_>) -> Vec<String> {
    let mut named: Vec<String> = moved.iter().take(NAMED).map(|moved| self::moved(moved, tell)).collect();
    if moved.len() > NAMED {
        named.push(format!("{} more", moved.len() - NAMED));
    }
    named
}

/// `Mon 9 Mar Omar Haddad instead of Lena Vogt`
pub fn moved(moved: &MovedShift, tell: &Telling<'_>) -> String {
    let name = |id: Option<&EngineerId>| id.map_or_else(|| "nobody".to_owned(), |id| tell.name(id));
    format!("{} {} instead of {}", tell.day(moved.day), name(moved.is.as_ref()), name(moved.was.as_ref()))
}

/// Somebody would rather not serve a day.
pub fn offered(
    day: Date,
    engineer: &EngineerId,
    to: Option<&EngineerId>,
    in_return: Option<Date>,
    tell: &Telling<'_>,
) -> String {
    let to = to.map_or_else(|| "everybody".to_owned(), |id| tell.name(id));
    let price = in_return.map_or_else(String::new, |other| format!(", for {}", tell.day(other)));
    format!("{} of {} is offered to {to}{price}", tell.day(day), tell.name(engineer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::event;
    use crate::texts::sample::{at, paris, roster};
    use onduty_core::logbook::Event;

    #[test]
    fn sentences_name_days_and_people() {
        let (zone, roster) = (paris(), roster());
        let tell = Telling { now: at("2026-03-02T14:04:00"), zone: &zone, roster: &roster, process: None };
        let day = |text: &str| text.parse::<Date>().unwrap();
        let moved = |on: &str| MovedShift { day: day(on), was: Some("lena".into()), is: Some("omar".into()) };
        let published = |moved: Vec<MovedShift>| {
            let (from, until) = (day("2026-03-03"), day("2026-06-30"));
            event(&Event::PlanPublished { from, until, shifts: 84, moved }, &tell)
        };
        assert_eq!(published(Vec::new()), "the plan until 2026-06-30 counts: 84 days, none moved that people had seen");
        assert_eq!(
            published(vec![moved("2026-03-03"), MovedShift { is: None, ..moved("2026-03-09") }]),
            "the plan until 2026-06-30 counts: 84 days; moved: tomorrow Omar Haddad instead of Lena Vogt and Mon 9 Mar nobody \
             instead of Lena Vogt"
        );
        assert!(published(vec![moved("2026-03-09"); 9]).ends_with(" and 3 more"));
        let away = |ended: bool, moved: Vec<MovedShift>| {
            let (from, to) = (day("2026-03-03"), day("2026-03-06"));
            event(&Event::LeaveTold { engineer: "lena".into(), from, to, ended, moved }, &tell)
        };
        assert_eq!(away(true, Vec::new()), "Lena Vogt is there after all tomorrow to Fri 6 Mar");
        assert_eq!(
            away(false, vec![moved("2026-03-03")]),
            "Lena Vogt is away tomorrow to Fri 6 Mar; moved: tomorrow Omar Haddad instead of Lena Vogt"
        );
        let offered = |to: Option<&str>, other: Option<&str>| Event::ShiftOffered {
            day: day("2026-03-03"),
            engineer: "lena".into(),
            to: to.map(EngineerId::from),
            in_return: other.map(day),
        };
        let swapped = |other: Option<&str>| Event::ShiftsSwapped {
            day: day("2026-03-03"),
            engineer: "omar".into(),
            with: "lena".into(),
            in_return: other.map(day),
        };
        for (happened, expected) in [
            (offered(None, None), "tomorrow of Lena Vogt is offered to everybody"),
            (
                offered(Some("omar"), Some("2026-03-09")),
                "tomorrow of Lena Vogt is offered to Omar Haddad, for Mon 9 Mar",
            ),
            (swapped(None), "Omar Haddad takes tomorrow from Lena Vogt"),
            (
                swapped(Some("2026-03-09")),
                "Omar Haddad and Lena Vogt swapped: Omar Haddad serves tomorrow, Lena Vogt Mon 9 Mar",
            ),
        ] {
            assert_eq!(event(&happened, &tell), expected);
        }
    }
}
