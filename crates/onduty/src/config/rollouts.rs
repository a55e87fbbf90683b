//! `rollouts:` how to roll out, by environment; `write_back:` where decisions are told.

use super::values::{duration, is_variable, line, path, web_address};
use super::{RolloutTarget, WriteBackTarget, secrets};
use onduty_core::files::{Fields, Node, Place, Problems, Value};
use onduty_core::ids::Environment;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How long a rollout may run, unless said otherwise.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Bounds of `timeout`.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// Reads the map under `rollouts`.
pub fn read(
    entries: &[(String, Place, Node)],
    base: &Path,
    problems: &mut Problems,
) -> BTreeMap<Environment, RolloutTarget> {
    let mut targets = BTreeMap::new();
    for (key, place, node) in entries {
        let name = line(key, *place, "the name of an environment", problems);
        let target = target(node, base, problems);
        if let (Some(name), Some(target)) = (name, target) {
            targets.insert(Environment::new(name), target);
        }
    }
    targets
}

fn target(node: &Node, base: &Path, problems: &mut Problems) -> Option<RolloutTarget> {
    let mut fields = Fields::of(node, "a rollout", problems)?;
    let command = command(&mut fields, problems);
    let directory = path(&mut fields, "directory", ".", base, problems);
    let environment = environment(&mut fields, problems);
    let timeout = duration(&mut fields, "timeout", TIMEOUTS, problems).unwrap_or(TIMEOUT);
    fields.finish(problems);
    Some(RolloutTarget { command: command?, directory, environment, timeout })
}

fn command(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let written = fields.texts("command", problems);
    let mend = "write program and arguments as a list, such as `command: [./rollout.sh, --all]`";
    let Some((program, place)) = written.first() else {
        let place = fields.place_of("command");
        problems.add(place, "a rollout has no `command`", mend);
        return None;
    };
    if program.trim().is_empty() {
        problems.add(*place, "the program is empty", mend);
    } else if written.len() == 1 && program.contains(' ') {
        problems.add(*place, format!("`{program}` looks like a shell line, and no shell runs here"), mend);
    }
    for (_, place) in written.iter().filter(|(word, _)| word.contains('\0')) {
        problems.add(*place, "a zero byte in the command", "remove it");
    }
    Some(written.into_iter().map(|(word, _)| word).collect())
}

fn environment(fields: &mut Fields<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for (name, place, node) in fields.map("environment", problems) {
        if !is_variable(name) {
            let mend = "use letters, digits and `_`, not starting with a digit";
            problems.add(*place, format!("`{name}` cannot be the name of a variable"), mend);
        } else if name.starts_with("ONDUTY_") {
            let mend = "choose another name; names with ONDUTY_ are set by onduty";
            problems.add(*place, format!("`{name}` is set by onduty"), mend);
        }
        let value = match &node.value {
            Value::Text(text) if !text.contains('\0') => text.clone(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null => String::new(),
            other => {
                problems.add(
                    node.place,
                    format!("`{name}` should be a text, but is {}", other.kind()),
                    "write one text",
                );
                continue;
            }
        };
        environment.insert(name.clone(), value);
    }
    environment
}

/// Reads the node under `write_back`.
pub fn write_back(node: &Node, base: &Path, problems: &mut Problems) -> Option<WriteBackTarget> {
    let mut fields = Fields::of(node, "`write_back`", problems)?;
    let errors = fields.node("errors");
    fields.finish(problems);
    let mut fields = Fields::of(errors?, "a write-back", problems)?;
    let mend = "say where to, such as `url: https://tracker.example/assignments`";
    let url = fields.required_text("url", mend, problems);
    let secret = secrets::read(&mut fields, "a write-back", base, problems);
    fields.finish(problems);
    let (url, place) = url?;
    Some(WriteBackTarget { url: web_address(&url, place, problems)?, secret: secret? })
}
