//! Who mended what an item is about: read off the commits that made a check green, or said by a person.
//!
//! Kept so that suggestions can be judged afterwards; it changes nothing about the work.

use crate::ids::{EngineerId, MACHINE};
use crate::item::{Item, Mended, Why};
use crate::owner::{author_of, is_merge};
use crate::roster::Roster;
use crate::signal::{Build, BuildState, Fact, Kind, Snapshot};
use jiff::Timestamp;

/// Who alone wrote the commits after the failed builds of `item`, up to the first green one that is known; `None` where
/// that was several people, nobody of the roster, or no commit at all, as when a run was only repeated.
pub(super) fn seen(item: &Item, snapshot: &Snapshot, roster: &Roster, now: Timestamp) -> Option<Mended> {
    let Why::Condition { builds, .. } = &item.why else { return None };
    let failed = builds.iter().filter_map(|fact| match fact {
        Fact::Build(build) => Some(build),
        _ => None,
    });
    let mut mended: Option<(EngineerId, String)> = None;
    for failed in failed {
        let by = menders(failed, snapshot, roster)?;
        match &mended {
            Some((engineer, _)) if *engineer != by.0 => return None,
            _ => mended = Some(by),
        }
    }
    let (engineer, revision) = mended?;
    Some(Mended { engineer, revision: Some(revision), said_by: EngineerId::from(MACHINE), at: now })
}

/// The one author of the commits between `failed` and the green build of the same check, and their newest commit.
fn menders(failed: &Build, snapshot: &Snapshot, roster: &Roster) -> Option<(EngineerId, String)> {
    let same = |build: &Build| {
        build.name == failed.name && build.branch == failed.branch && build.repository == failed.repository
    };
    let mut concluded = snapshot.of_kind(&Kind::Builds).filter_map(|(_, state)| state.concluded.as_ref());
    let green = concluded.find(|build| same(build) && build.state == BuildState::Passed)?;
    let head = snapshot.heads().find(|head| {
        Some(head.branch.as_str()) == failed.branch.as_deref()
            && head.repository.eq_ignore_ascii_case(&failed.repository)
    })?;
    let place = |revision: &str| head.commits.iter().position(|commit| commit.revision == revision);
    let commits = head.commits.get(place(&green.revision)?..place(&failed.revision)?)?;
    let mut menders = commits.iter().filter(|commit| !is_merge(commit));
    let newest = menders.next()?;
    let by = author_of(newest, roster)?;
    let alone = menders.all(|commit| author_of(commit, roster).is_some_and(|author| author.id == by.id));
    alone.then(|| (by.id.clone(), newest.revision.clone()))
}
