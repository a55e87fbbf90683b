//! What changed between two versions of a process, in the words of the process and not of its lines.
//!
//! Called when a version is proposed and accepted, by the log book and by the gate: it has to know whether a version
//! made the rollout easier. Never decides whether a change is good.

use super::{OwnerMode, Process, Step, StepKind, Times, Work, values};
use crate::ids::{Environment, StepId};
use jiff::civil::Time;
use std::collections::BTreeMap;
use std::fmt;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new step.
    StepAdded {
        /// Which.
        step: StepId,
        /// What it is for.
        goal: String,
        /// Whether it blocks the rollout.
        blocks: bool,
    },
    /// A step is gone; its items are withdrawn.
    StepRemoved {
        /// Which.
        step: StepId,
        /// What it was for.
        goal: String,
        /// Whether it blocked the rollout.
        blocked: bool,
        /// What it rolled out to.
        rolled_out: Option<Environment>,
    },
    /// A step has another id and keeps its items.
    StepRenamed {
        /// Before.
        from: StepId,
        /// Now.
        to: StepId,
    },
    /// A step stands elsewhere.
    StepMoved {
        /// Which.
        step: StepId,
        /// Behind which it stands now; `None` is the top.
        behind: Option<StepId>,
    },
    /// Another condition, filter, list, period or occasion opens items.
    KindChanged {
        /// Which.
        step: StepId,
        /// Before, as written.
        from: String,
        /// Now, as written.
        to: String,
        /// Whether the step blocked the rollout before, or is a rollout.
        guards_rollout: bool,
    },
    /// A step blocks the rollout from now on.
    StartedBlocking {
        /// Which.
        step: StepId,
    },
    /// A step does not block the rollout any more.
    StoppedBlocking {
        /// Which.
        step: StepId,
    },
    /// Other times of the day.
    TimesChanged {
        /// Which.
        step: StepId,
        /// Before, as written.
        from: String,
        /// Now, as written.
        to: String,
        /// Whether a rollout may happen earlier, later or more often, or a blocking step is due at other times.
        loosens: bool,
    },
    /// The machine or a person does something else.
    WorkChanged {
        /// Which.
        step: StepId,
        /// Before, as written.
        from: String,
        /// Now, as written.
        to: String,
        /// Whether a rollout is made from here that was not before, or a rollout is not guarded by its step any more.
        loosens: bool,
    },
    /// One of the keys that decide nothing about the gate: goal, owner, confidence, checklist, escalate, expects, limit, reviewers.
    KeyChanged {
        /// Which step.
        step: StepId,
        /// Which key.
        key: &'static str,
        /// Before, as written; empty when it was not there.
        from: String,
        /// Now, as written; empty when it is not there.
        to: String,
    },
    /// A new checklist.
    ChecklistAdded {
        /// Its name.
        name: String,
    },
    /// A checklist is gone.
    ChecklistRemoved {
        /// Its name.
        name: String,
    },
    /// Other lines in a checklist.
    ChecklistChanged {
        /// Its name.
        name: String,
        /// Lines that are new.
        added: Vec<String>,
        /// Lines that are gone.
        removed: Vec<String>,
    },
}

impl Change {
    /// Whether the rollout may be easier than before: the gate names such a change until the next rollout.
    ///
    /// A condition that changed counts, because nobody can tell from a text whether it holds more seldom.
    pub fn loosens_gate(&self) -> bool {
        match self {
            Change::StepRemoved { blocked, rolled_out, .. } => *blocked || rolled_out.is_some(),
            Change::KindChanged { guards_rollout, .. } => *guards_rollout,
            Change::StoppedBlocking { .. } => true,
            Change::TimesChanged { loosens, .. } | Change::WorkChanged { loosens, .. } => *loosens,
            Change::StepAdded { .. }
            | Change::StepRenamed { .. }
            | Change::StepMoved { .. }
            | Change::StartedBlocking { .. }
            | Change::KeyChanged { .. }
            | Change::ChecklistAdded { .. }
            | Change::ChecklistRemoved { .. }
            | Change::ChecklistChanged { .. } => false,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") };
        match self {
            Change::StepAdded { step, goal, blocks: true } => {
                write!(f, "new step {step} ({goal}), which blocks the rollout")
            }
            Change::StepAdded { step, goal, blocks: false } => write!(f, "new step {step} ({goal})"),
            Change::StepRemoved { step, goal, blocked: true, .. } => {
                write!(f, "step {step} ({goal}) is gone; it blocked the rollout")
            }
            Change::StepRemoved { step, goal, rolled_out: Some(environment), .. } => {
                write!(f, "step {step} ({goal}) is gone; it rolled out to {environment}")
            }
            Change::StepRemoved { step, goal, .. } => write!(f, "step {step} ({goal}) is gone"),
            Change::StepRenamed { from, to } => write!(f, "step {from} is now called {to}"),
            Change::StepMoved { step, behind: Some(behind) } => write!(f, "step {step} moved behind {behind}"),
            Change::StepMoved { step, behind: None } => write!(f, "step {step} moved to the top"),
            Change::KindChanged { step, from, to, .. } => write!(f, "step {step}: `{from}` became `{to}`"),
            Change::StartedBlocking { step } => write!(f, "step {step} now blocks the rollout"),
            Change::StoppedBlocking { step } => write!(f, "step {step} does not block the rollout any more"),
            Change::TimesChanged { step, from, to, .. } => {
                write!(f, "step {step}: times changed from {} to {}", plain(from), plain(to))
            }
            Change::WorkChanged { step, from, to, .. } => {
                write!(f, "step {step}: the work changed from `{from}` to `{to}`")
            }
            Change::KeyChanged { step, key, from, to } => {
                write!(f, "step {step}: {key} changed from {} to {}", plain(from), plain(to))
            }
            Change::ChecklistAdded { name } => write!(f, "new checklist {name}"),
            Change::ChecklistRemoved { name } => write!(f, "checklist {name} is gone"),
            Change::ChecklistChanged { name, added, removed } if added.is_empty() && removed.is_empty() => {
                write!(f, "checklist {name} has another order")
            }
            Change::ChecklistChanged { name, added, removed } => {
                let lines = |count: usize| if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
                write!(f, "checklist {name}: {} new, {} gone", lines(added.len()), lines(removed.len()))
            }
        }
    }
}

/// What changed from `old` to `new`: steps in the order of `new`, then those that are gone, then checklists.
pub fn diff(old: &Process, new: &Process) -> Vec<Change> {
    let mut changes = Vec::new();
    // By the new step: the old one that it continues, under its own id or under the one that it had.
    let continues = |step: &Step| {
        let same = old.step(&step.id);
        same.or_else(|| step.was.as_ref().and_then(|was| old.step(was)))
    };
    let mut kept = Vec::new();
    for step in &new.steps {
        match continues(step) {
            Some(before) => {
                kept.push((before, step));
                compare(before, step, &mut changes);
            }
            None => changes.push(Change::StepAdded {
                step: step.id.clone(),
                goal: step.goal.clone(),
                blocks: step.blocks_rollout,
            }),
        }
    }
    moved(old, &kept, &mut changes);
    for step in old.steps.iter().filter(|step| kept.iter().all(|(before, _)| before.id != step.id)) {
        changes.push(Change::StepRemoved {
            step: step.id.clone(),
            goal: step.goal.clone(),
            blocked: step.blocks_rollout,
            rolled_out: environment(&step.work).cloned(),
        });
    }
    checklists(&old.checklists, &new.checklists, &mut changes);
    changes
}

fn compare(old: &Step, new: &Step, changes: &mut Vec<Change>) {
    let step = || new.id.clone();
    if old.id != new.id {
        changes.push(Change::StepRenamed { from: old.id.clone(), to: step() });
    }
    let rolls_out = environment(&old.work).is_some();
    if old.kind != new.kind {
        let guards_rollout = old.blocks_rollout || rolls_out;
        changes.push(Change::KindChanged { step: step(), from: kind(&old.kind), to: kind(&new.kind), guards_rollout });
    }
    match (old.blocks_rollout, new.blocks_rollout) {
        (true, false) => changes.push(Change::StoppedBlocking { step: step() }),
        (false, true) => changes.push(Change::StartedBlocking { step: step() }),
        _ => {}
    }
    if old.times != new.times {
        let loosens = old.blocks_rollout || (rolls_out && widens(&old.times, &new.times));
        changes.push(Change::TimesChanged { step: step(), from: times(&old.times), to: times(&new.times), loosens });
    }
    if old.work != new.work {
        let loosens = rolls_out || old.blocks_rollout;
        changes.push(Change::WorkChanged { step: step(), from: work(&old.work), to: work(&new.work), loosens });
    }
    for ((key, from), (_, to)) in other_keys(old).into_iter().zip(other_keys(new)) {
        if from != to {
            changes.push(Change::KeyChanged { step: step(), key, from, to });
        }
    }
}

/// The keys that decide nothing about the gate, as written.
fn other_keys(step: &Step) -> [(&'static str, String); 8] {
    let escalate = step.escalate.as_ref();
    let confidence = match step.owner {
        OwnerMode::Auto { percent } => percent.to_string(),
        _ => String::new(),
    };
    [
        ("goal", step.goal.clone()),
        ("owner", step.owner.word().to_owned()),
        ("confidence", confidence),
        ("checklist", step.checklist.clone().unwrap_or_default()),
        ("escalate", escalate.map_or(String::new(), |to| format!("after {} to {}", values::written(to.after), to.to))),
        ("expects", step.expects_minutes.map_or(String::new(), |minutes| format!("{minutes} minutes"))),
        ("limit", step.limit.map_or(String::new(), |limit| limit.to_string())),
        ("reviewers", step.reviewers.join(", ")),
    ]
}

/// The fewest steps that must have moved to explain the new order.
fn moved(old: &Process, kept: &[(&Step, &Step)], changes: &mut Vec<Change>) {
    let position: BTreeMap<&StepId, usize> = old.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
    let order: Vec<usize> = kept.iter().map(|(before, _)| position[&before.id]).collect();
    // Length and predecessor of the longest rising run that ends at each step; 500 steps are few.
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(order.len());
    for (at, place) in order.iter().enumerate() {
        let previous = (0..at).filter(|before| order[*before] < *place).max_by_key(|before| (best[*before].0, *before));
        best.push((previous.map_or(1, |before| best[before].0 + 1), previous));
    }
    let mut stayed = vec![false; order.len()];
    let mut end = (0..best.len()).max_by_key(|at| best[*at].0);
    while let Some(at) = end {
        stayed[at] = true;
        end = best[at].1;
    }
    for at in (0..order.len()).filter(|at| !stayed[*at]) {
        let behind = at.checked_sub(1).map(|before| kept[before].1.id.clone());
        changes.push(Change::StepMoved { step: kept[at].1.id.clone(), behind });
    }
}

fn environment(work: &Work) -> Option<&Environment> {
    match work {
        Work::Rollout(environment) => Some(environment),
        Work::Person | Work::Check(_) => None,
    }
}

/// Whether `new` allows a rollout earlier, later or more often than `old`.
fn widens(old: &Times, new: &Times) -> bool {
    let opens = |times: &Times| times.at.first().copied().or(times.after).unwrap_or(Time::MIN);
    let closes = |times: &Times| times.before.unwrap_or(Time::MAX);
    let presses = |times: &Times| times.at.len().max(1);
    // With the same number of times, each one that comes earlier than its counterpart opens the gate earlier.
    let earlier = old.at.iter().zip(&new.at).any(|(old, new)| new < old);
    opens(new) < opens(old) || closes(new) > closes(old) || presses(new) > presses(old) || earlier
}

fn kind(kind: &StepKind) -> String {
    use super::{List, Occasion};
    match kind {
        StepKind::While(condition) => format!("while: {}", condition.source()),
        StepKind::Each { variable, list, filter } => {
            let list = match list {
                List::Custom(kind) => format!("signals.{kind}"),
                other => super::keys::LISTS
                    .iter()
                    .find(|(_, known)| known == other)
                    .map_or_else(|| other.kind().to_string(), |(name, _)| (*name).to_owned()),
            };
            let filter = filter.as_ref().map_or(String::new(), |filter| format!(", where: {}", filter.source()));
            format!("each: {variable} in {list}{filter}")
        }
        StepKind::Once(period) => format!("once: {}", period.word()),
        StepKind::Every(Occasion::Rollout) => "every: rollout".to_owned(),
        StepKind::Every(Occasion::Duration(length)) => format!("every: {}", values::written(*length)),
    }
}

fn work(work: &Work) -> String {
    match work {
        Work::Person => "a person".to_owned(),
        Work::Check(check) => format!("check: {}", check.word()),
        Work::Rollout(environment) => format!("rollout: {environment}"),
    }
}

fn times(times: &Times) -> String {
    let clock = |time: &Time| format!("{:02}:{:02}", time.hour(), time.minute());
    let after = times.after.iter().map(|time| format!("after {}", clock(time)));
    let before = times.before.iter().map(|time| format!("before {}", clock(time)));
    let at = times.at.iter().map(|time| format!("at {}", clock(time)));
    after.chain(before).chain(at).collect::<Vec<_>>().join(", ")
}

fn checklists(old: &BTreeMap<String, Vec<String>>, new: &BTreeMap<String, Vec<String>>, changes: &mut Vec<Change>) {
    for (name, lines) in new {
        let Some(before) = old.get(name) else {
            changes.push(Change::ChecklistAdded { name: name.clone() });
            continue;
        };
        if before != lines {
            let missing = |from: &[String], other: &[String]| -> Vec<String> {
                from.iter().filter(|line| !other.contains(line)).cloned().collect()
            };
            changes.push(Change::ChecklistChanged {
                name: name.clone(),
                added: missing(lines, before),
                removed: missing(before, lines),
            });
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    changes.extend(gone.map(|name| Change::ChecklistRemoved { name: name.clone() }));
}
