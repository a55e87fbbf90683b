//! What a merge made of the files that its parents have.

use super::events::{Change, Side};
use super::patches::Sources;
use super::reading::{Reading, place};

impl Reading {
    /// Sees which parent a merge took a file from.
    pub fn settle_merges(&mut self) {
        for no in self.first_new..self.inner.events.all.len() {
            let event = self.inner.events.all[no];
            if !matches!(event.change, Change::Merged { .. }) {
                continue;
            }
            let parents = &self.inner.commits[event.commit as usize].parents;
            let before: Vec<Option<u128>> =
                parents.iter().map(|parent| self.inner.events.content(parent.0, event.path)).collect();
            let numbered = || (0..).zip(&before);
            let events = &mut self.inner.events;
            let same = numbered().find(|(_, blob)| **blob == Some(event.blob)).map(|(parent, _)| parent);
            events.all[no].change = same.map_or_else(
                || {
                    let start = events.sides.len();
                    let there = numbered().filter(|(_, blob)| blob.is_some());
                    events.sides.extend(there.map(|(parent, _)| Side { parent, path: event.path, start: 0, len: 0 }));
                    Change::Merged { start: place(start), len: place(events.sides.len() - start) }
                },
                Change::Parent,
            );
        }
    }

    /// Some parents have a file of a merge under other names, as when one branch renamed what another went on editing:
    /// each is then compared under its own name, as `git blame` does.
    pub fn take_sources(&mut self, sources: &Sources) {
        let events = &mut self.inner.events;
        let commit = self.inner.by_id.get(&sources.commit).copied();
        let (Some(commit), Some(path)) = (commit, events.path_no(&sources.path)) else { return };
        let is_it =
            |no: &usize| events.all[*no].path == path && matches!(events.all[*no].change, Change::Merged { .. });
        let Some(no) = events.numbers_of(commit).find(is_it) else { return };
        let there = (0..).zip(&sources.parents).filter(|(_, source)| matches!(source.status, b'M' | b'R'));
        let sides: Vec<(Side, bool)> = there
            .filter_map(|(parent, source)| {
                let side = Side { parent, path: events.path_no(&source.path)?, start: 0, len: 0 };
                Some((side, source.blob == events.all[no].blob))
            })
            .collect();
        // A parent that has the very same content takes all.
        let same = sides.iter().position(|(_, is_same)| *is_same);
        let sides = same.map_or(&sides[..], |same| &sides[same..=same]);
        let start = place(events.sides.len());
        events.sides.extend(sides.iter().map(|(side, _)| *side));
        events.all[no].change = Change::Merged { start, len: place(sides.len()) };
    }
}
