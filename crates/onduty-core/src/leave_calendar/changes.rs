//! What has to change so that onduty knows what a calendar says.

use super::Told;
use crate::roster::ToldLeave;
use jiff::ToSpan;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// What has to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Leave that is new.
    pub add: Vec<ToldLeave>,
    /// Leave that was taken back: its names.
    pub end: Vec<String>,
    /// Leave that is not in the calendar any more and stays, because the calendar has something on its days that nobody understands.
    pub kept: usize,
}

/// What has to change: `own` is what this calendar told before and nobody ended, with its name; `refused` what it told and a person
/// took back; `others` what is known from elsewhere. What is over stays as it was told.
pub fn changes(
    told: &Told,
    own: &[(String, ToldLeave)],
    refused: &[ToldLeave],
    others: &[ToldLeave],
    today: Date,
) -> Changes {
    // As far as it is still to come: a stretch of single days gets shorter as they pass.
    let key = |leave: &ToldLeave| (leave.engineer.clone(), leave.from.max(today), leave.to, leave.kind.word());
    let keys = |all: &[ToldLeave]| all.iter().filter(|leave| leave.to >= today).map(key).collect::<BTreeSet<_>>();
    let wanted = keys(&told.leave);
    let doubtful: BTreeSet<(Date, Date)> =
        told.unclear.iter().map(|unclear| (unclear.from.max(today), unclear.to)).collect();
    let mut changes = Changes::default();
    let mut known = keys(refused);
    known.extend(keys(others));
    let mut seen = BTreeSet::new();
    for (id, leave) in own.iter().filter(|(_, leave)| leave.to >= today) {
        let key = key(leave);
        if wanted.contains(&key) && seen.insert(key.clone()) {
            known.insert(key);
        } else if !wanted.contains(&key) && (!told.unreadable.is_empty() || doubtful.contains(&(key.1, key.2))) {
            changes.kept += 1;
        } else {
            changes.end.push(id.clone());
        }
    }
    changes.add =
        told.leave.iter().filter(|leave| leave.to >= today && !known.contains(&key(leave))).cloned().collect();
    // Days that are over were leave, whatever becomes of the rest.
    let yesterday = today.saturating_sub(1.day());
    for (_, leave) in own.iter().filter(|(id, leave)| leave.from < today && changes.end.contains(id)) {
        let covered = told
            .leave
            .iter()
            .any(|new| new.engineer == leave.engineer && new.from <= leave.from && new.to >= yesterday);
        if !covered {
            changes.add.push(ToldLeave { to: yesterday, ..leave.clone() });
        }
    }
    changes
}

/// What is worth telling when `ended` leave is over and `new` leave begins beside the leave that is known from elsewhere: a leave that became
/// shorter ended on the days that it lost, and one that moved began on those that it gained. With each whether it ended.
pub fn told_of(ended: &[ToldLeave], new: &[ToldLeave], others: &[ToldLeave]) -> Vec<(ToldLeave, bool)> {
    let without = |leave: &ToldLeave, rest: &[ToldLeave]| -> Vec<ToldLeave> {
        let known = rest.iter().chain(others).filter(|other| other.engineer == leave.engineer);
        days_without((leave.from, leave.to), known.map(|other| (other.from, other.to)))
            .into_iter()
            .map(|(from, to)| ToldLeave { from, to, ..leave.clone() })
            .collect()
    };
    let ends = ended.iter().flat_map(|leave| without(leave, new)).map(|leave| (leave, true));
    let begins = new.iter().flat_map(|leave| without(leave, ended)).map(|leave| (leave, false));
    let mut told: Vec<(ToldLeave, bool)> = ends.chain(begins).collect();
    // The same days for another reason: told as it is now.
    let is_told =
        |told: &[(ToldLeave, bool)], leave: &ToldLeave| told.iter().any(|(of, _)| of.engineer == leave.engineer);
    for leave in new {
        if !is_told(&told, leave) {
            told.push((leave.clone(), false));
        }
    }
    for leave in ended {
        if !is_told(&told, leave) {
            told.push((leave.clone(), true));
        }
    }
    told
}

/// The days from the first to the last that are in none of `others`, in stretches.
fn days_without(days: (Date, Date), others: impl Iterator<Item = (Date, Date)>) -> Vec<(Date, Date)> {
    let mut stretches = vec![days];
    for (from, to) in others {
        let cut = |(first, last): (Date, Date)| {
            let before = (first, last.min(from.saturating_sub(1.day())));
            let behind = (first.max(to.saturating_add(1.day())), last);
            [before, behind].into_iter().filter(|(first, last)| first <= last)
        };
        stretches = stretches
            .into_iter()
            .flat_map(|days| if days.1 < from || to < days.0 { vec![days] } else { cut(days).collect() })
            .collect();
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::LeaveKind;

    fn leave(engineer: &str, from: &str, to: &str) -> ToldLeave {
        let day = |text: &str| text.parse().unwrap();
        ToldLeave { engineer: engineer.into(), from: day(from), to: day(to), kind: LeaveKind::Planned }
    }

    fn told(ended: &[ToldLeave], new: &[ToldLeave], others: &[ToldLeave]) -> Vec<(String, bool)> {
        let told = told_of(ended, new, others);
        told.into_iter().map(|(of, ended)| (format!("{} {}/{}", of.engineer, of.from, of.to), ended)).collect()
    }

    #[test]
    fn only_days_that_changed_are_told() {
        let whole = [leave("lena", "2026-03-02", "2026-03-13")];
        let (shorter, moved) =
            ([leave("lena", "2026-03-04", "2026-03-06")], [leave("lena", "2026-03-09", "2026-03-20")]);
        let said = |days: &str, ended: bool| (format!("lena {days}"), ended);
        let (early, late) = (said("2026-03-02/2026-03-03", true), said("2026-03-07/2026-03-13", true));
        assert_eq!(told(&whole, &shorter, &[]), [early.clone(), late]);
        assert_eq!(told(&shorter, &whole, &[]), [(early.0, false), said("2026-03-07/2026-03-13", false)]);
        let moves = [said("2026-03-02/2026-03-08", true), said("2026-03-14/2026-03-20", false)];
        assert_eq!(told(&whole, &moved, &[]), moves);
        // Another calendar knows of most of it.
        assert_eq!(told(&whole, &[], &moved), [said("2026-03-02/2026-03-08", true)]);
        // Somebody else's leave has nothing to do with it.
        let other = [leave("omar", "2026-03-02", "2026-03-13")];
        assert_eq!(told(&whole, &[], &other), [said("2026-03-02/2026-03-13", true)]);
    }

    #[test]
    fn the_same_days_for_another_reason_are_told_once() {
        let planned = leave("lena", "2026-03-02", "2026-03-13");
        let sick = ToldLeave { kind: LeaveKind::Sick, ..planned.clone() };
        let (planned, sick) = ([planned], [sick]);
        assert_eq!(told_of(&planned, &sick, &[]), [(sick[0].clone(), false)]);
        assert_eq!(told_of(&planned, &[], &sick), [(planned[0].clone(), true)]);
    }
}
