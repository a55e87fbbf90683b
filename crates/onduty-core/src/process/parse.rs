//! `processes/<duty>.yml`: text in, a process or every problem out.
//!
//! Called by the server when the file changes, by `onduty check`, by the editor and by replay. Never touches the
//! disk. A file that is refused changes nothing: the running version stays.

use super::step::{self, Read};
use super::values::{self, told};
use super::{MAX_STEPS, Process, Work};
use crate::expr::with_stack;
use crate::files::{self, Fields, Node, Place, Problem, Problems, Value, mend_for_unknown};
use crate::ids::DutyId;
use std::collections::{BTreeMap, HashMap};

/// Most lines in a checklist: a longer one is not followed by anybody.
const MAX_LINES: usize = 100;

/// Reads a process file.
///
/// # Errors
/// Every problem of the file, in the order of their places.
pub fn parse(file_name: &str, text: &str) -> Result<Process, Vec<Problem>> {
    let mut problems = Problems::new(file_name);
    let process = with_stack(|| read(text, &mut problems));
    match process {
        Some(process) if problems.is_empty() => Ok(process),
        _ => Err(problems.into_sorted()),
    }
}

fn read(text: &str, problems: &mut Problems) -> Option<Process> {
    let root = files::parse(text, problems)?;
    let mut fields = Fields::of(&root, "a process file", problems)?;
    let duty = fields.required_text("process", "start with the name of the duty: `process: developers`", problems);
    let duty = duty.filter(|(duty, place)| values::id("the name of a duty", duty, *place, problems));
    let steps = steps(&mut fields, text, problems);
    let checklists = checklists(fields.map("checklists", problems), problems);
    fields.finish(problems);
    compare(&steps, &checklists, problems);
    let steps = steps.into_iter().map(|read| read.step).collect();
    let checklists = checklists.into_iter().map(|(name, (_, lines))| (name, lines)).collect();
    Some(Process { duty: DutyId::new(duty?.0), steps, checklists })
}

fn steps(fields: &mut Fields<'_>, text: &str, problems: &mut Problems) -> Vec<Read> {
    let mend = "list steps below `steps:`, each starting with `- id:`";
    let Some(node) = fields.node("steps") else {
        problems.add(fields.place_of("steps"), "there are no steps", mend);
        return Vec::new();
    };
    let Value::List(nodes) = &node.value else {
        problems.add(node.place, format!("`steps` should be a list, but is {}", node.value.kind()), mend);
        return Vec::new();
    };
    if nodes.is_empty() {
        problems.add(node.place, "there are no steps", mend);
    }
    if nodes.len() > MAX_STEPS {
        let what = format!("there are {} steps, more than {MAX_STEPS}", nodes.len());
        problems.add(node.place, what, "nobody does so many in a day: let `each` go through a list instead");
        return Vec::new();
    }
    nodes.iter().filter_map(|node| step::read(node, text, problems)).collect()
}

type Checklists = BTreeMap<String, (Place, Vec<String>)>;

fn checklists(entries: &[(String, Place, Node)], problems: &mut Problems) -> Checklists {
    let mut checklists = Checklists::new();
    for (name, place, node) in entries {
        values::id("the name of a checklist", name, *place, problems);
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            Value::Null => &[],
            _ => std::slice::from_ref(node),
        };
        if nodes.is_empty() {
            problems.add(
                *place,
                format!("the checklist `{}` is empty", told(name)),
                "write one line for each thing to do",
            );
        }
        if nodes.len() > MAX_LINES {
            let what = format!("the checklist `{}` has {} lines, more than {MAX_LINES}", told(name), nodes.len());
            problems.add(*place, what, "keep what people need to be reminded of");
        }
        let lines = nodes.iter().take(MAX_LINES).filter_map(|line| checklist_line(line, problems)).collect();
        // Kept even with a problem, so that steps which follow it are not told that it is missing.
        checklists.insert(name.clone(), (*place, lines));
    }
    checklists
}

fn checklist_line(node: &Node, problems: &mut Problems) -> Option<String> {
    match &node.value {
        Value::Text(text) => values::line("a line of a checklist", text, node.place, problems),
        Value::Int(number) => Some(number.to_string()),
        Value::Map(_) => {
            let what = "a line of a checklist should be a text, but is a map of keys";
            problems.add(node.place, what, "put the line in quotes: it contains a colon");
            None
        }
        other => {
            let what = format!("a line of a checklist should be a text, but is {}", other.kind());
            problems.add(node.place, what, "write what to do, in quotes if it begins with a sign");
            None
        }
    }
}

/// What steps may not have in common, and what they may not miss.
fn compare(steps: &[Read], checklists: &Checklists, problems: &mut Problems) {
    let mut ids: HashMap<&str, Place> = HashMap::new();
    let mut environments: HashMap<&str, Place> = HashMap::new();
    for Read { step, id_place, rollout_place, .. } in steps {
        match ids.get(step.id.as_str()) {
            Some(first) => {
                let what = format!("a second step called `{}`, after line {}", step.id, first.line);
                problems.add(*id_place, what, "give it an id of its own");
            }
            None => drop(ids.insert(step.id.as_str(), *id_place)),
        }
        if let (Work::Rollout(environment), Some(place)) = (&step.work, rollout_place) {
            match environments.get(environment.as_str()) {
                Some(first) => {
                    let what = format!("a second step rolls out to `{environment}`, after line {}", first.line);
                    problems.add(*place, what, "keep one: several times a day are `at: [\"11:00\", \"15:00\"]`");
                }
                None => drop(environments.insert(environment.as_str(), *place)),
            }
        }
    }
    let mut former: HashMap<&str, Place> = HashMap::new();
    for Read { step, checklist_place, was_place, .. } in steps {
        if let (Some(name), Some(place)) = (&step.checklist, checklist_place)
            && !checklists.contains_key(name)
        {
            let mend = match checklists.is_empty() {
                true => format!("add it below `checklists:` as `{}:`", told(name)),
                false => mend_for_unknown(name, checklists.keys().map(String::as_str)),
            };
            problems.add(*place, format!("there is no checklist `{}`", told(name)), mend);
        }
        let (Some(was), Some(place)) = (&step.was, was_place) else { continue };
        if ids.contains_key(was.as_str()) {
            let what = format!("`was: {was}` names a step that still exists");
            problems.add(*place, what, "remove `was`, or the old step");
        } else if let Some(first) = former.insert(was.as_str(), *place) {
            let what = format!("`was: {was}` is written twice, first on line {}", first.line);
            problems.add(*place, what, "only one step can keep the items of the old one");
        }
    }
}
