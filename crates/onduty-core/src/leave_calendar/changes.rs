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
