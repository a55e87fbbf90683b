//! `while` steps: one item while a condition holds.

use super::pass::{Judged, Pass};
use super::{HOLD_DOWN, mended, new_item};
use crate::expr::{Expression, Verdict};
use crate::ids::Subject;
use crate::item::{Closing, Item, ItemState, Why};
use crate::logbook::Event;
use crate::process::{OwnerMode, Step};
use crate::signal::{BuildState, Fact, Feed, Kind};

/// The subject of every `while` item.
const CONDITION: &str = "condition";

impl Pass<'_> {
    pub(super) fn standing(&mut self, step: &Step, condition: &Expression) -> Judged {
        let open: Option<Item> = self.draft.memory.open_of(&step.id).next().cloned();
        match condition.holds(&self.world, None) {
            Verdict::Unknown(reason) => {
                // Off only when nothing else stands in the way: one silent source is not excused by an absent one.
                let silent = condition.kinds().any(|kind| matches!(self.snapshot.feed(kind), Feed::Unknown { .. }));
                let absent = condition.kinds().find(|kind| self.snapshot.feed(kind) == Feed::Off);
                match absent {
                    Some(kind) if !silent => Judged { off: Some(kind.clone()), ..Judged::FINE },
                    _ => Judged::unknown(reason),
                }
            }
            Verdict::No => {
                if let Some(mut item) = open {
                    self.note_who_mended(&mut item, step);
                    self.close(item, Closing::ConditionCleared);
                }
                Judged::FINE
            }
            Verdict::Yes => {
                if open.is_none() {
                    self.open_standing(step, condition);
                }
                Judged::FINE
            }
        }
    }

    fn note_who_mended(&mut self, item: &mut Item, step: &Step) {
        // What a person said stays.
        if item.mended.is_some() || step.owner == OwnerMode::None {
            return;
        }
        if let Some(seen) = mended::seen(item, self.snapshot, self.draft.rules.roster, self.draft.now) {
            let event = Event::Mended { engineer: seen.engineer.clone(), revision: seen.revision.clone() };
            item.mended = Some(seen);
            self.draft.log(Some(item), event);
        }
    }

    fn open_standing(&mut self, step: &Step, condition: &Expression) {
        let subject = Subject::from(CONDITION);
        let flapped = self.draft.memory.newest(&step.id, &subject).filter(|item| match item.state {
            ItemState::Closed { at, how: Closing::ConditionCleared } => self.draft.now.duration_since(at) < HOLD_DOWN,
            _ => false,
        });
        if let Some(item) = flapped.cloned() {
            self.reopen(item);
            return;
        }
        let why = Why::Condition {
            expression: condition.source().to_owned(),
            values: condition.values(&self.world, None),
            builds: if condition.kinds().any(|kind| *kind == Kind::Builds) {
                self.failing_builds()
            } else {
                Vec::new()
            },
        };
        let item = new_item(&self.draft, &step.id, subject, why);
        self.open(item);
    }

    /// The failing builds that a reader of the item wants to see, on the branch that this duty watches.
    fn failing_builds(&self) -> Vec<Fact> {
        let watches = &self.draft.rules.duty.watches;
        let builds = self.snapshot.of_kind(&Kind::Builds).filter_map(|(_, state)| state.concluded.as_ref());
        builds
            .filter(|build| build.state == BuildState::Failed)
            .filter(|build| build.branch.as_deref() == Some(watches.rollout_branch()))
            .filter(|build| watches.repository(&build.repository) && watches.counts(&build.name))
            .map(|build| Fact::Build(build.clone()))
            .take(10)
            .collect()
    }
}
