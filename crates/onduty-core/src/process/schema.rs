//! The JSON Schema of a process file, for editors, and the table of keys for people: both from `keys`.
//!
//! Published as `docs/schema/process.schema.json`. Editors complete and underline with it; what counts is `parse`.

use super::MAX_STEPS;
use super::keys::{ESCALATE_KEYS, FILE_KEYS, Form, Key, LISTS, STEP_KEYS};
use crate::expr::VARIABLES;
use serde_json::{Map, Value, json};

/// The JSON Schema of a process file.
pub fn json_schema() -> Value {
    let names: Vec<String> =
        VARIABLES.iter().map(|variable| format!("`{}`: {}", variable.name, variable.about)).collect();
    let conditions = format!(
        "A CEL expression that is true or false. Variables: {}. Functions: see docs/process.md.",
        names.join("; ")
    );
    let mut file = object(FILE_KEYS);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "onduty process",
        "description": "The algorithm of a duty: ordered steps, and the checklists that they follow. See docs/process.md.",
    });
    let mut step = object(STEP_KEYS);
    step["oneOf"] = ["while", "each", "once", "every"].iter().map(|kind| json!({ "required": [kind] })).collect();
    step["dependentRequired"] = json!({ "where": ["each"], "limit": ["each"], "at": ["once"], "rollout": ["once"] });
    step["not"] = json!({ "required": ["check", "rollout"] });
    file["$defs"] = json!({
        "id": { "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$" },
        "condition": { "description": conditions, "type": ["string", "boolean"], "maxLength": 2048 },
        "length": { "type": "string", "pattern": "^ *([0-9]+[dhm] *)+$", "examples": ["30m", "2h", "1h30m"] },
        "time": { "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["16:00"] },
        "line": { "type": "string", "minLength": 1, "maxLength": 500 },
        "step": step,
        "escalate": object(ESCALATE_KEYS),
    });
    let Value::Object(mut schema) = head else { return Value::Null };
    if let Value::Object(file) = file {
        schema.extend(file);
    }
    Value::Object(schema)
}

fn object(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn property(key: &Key) -> Value {
    let mut about = key.about.to_owned();
    about[..1].make_ascii_uppercase();
    let mut schema = match key.form {
        Form::Id => json!({ "$ref": "#/$defs/id" }),
        Form::Text => json!({ "$ref": "#/$defs/line" }),
        Form::Length => json!({ "$ref": "#/$defs/length" }),
        Form::Condition => json!({ "$ref": "#/$defs/condition" }),
        Form::Each => {
            let lists: Vec<&str> = LISTS.iter().map(|(name, _)| *name).collect();
            let pattern = format!("^ *[a-z_][A-Za-z0-9_]* +in +({}|signals[.\\[].+) *$", lists.join("|"));
            json!({ "type": "string", "pattern": pattern })
        }
        Form::Word(words) => json!({ "enum": words() }),
        Form::Occasion => json!({ "anyOf": [{ "const": "rollout" }, { "$ref": "#/$defs/length" }] }),
        Form::Words(words) => {
            json!({ "anyOf": [{ "enum": words }, { "type": "array", "items": { "enum": words } }] })
        }
        Form::Time => json!({ "$ref": "#/$defs/time" }),
        Form::Times => {
            json!({ "anyOf": [
                { "$ref": "#/$defs/time" },
                { "type": "array", "items": { "$ref": "#/$defs/time" }, "minItems": 1, "uniqueItems": true },
            ] })
        }
        Form::Number(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Form::Texts => {
            json!({ "anyOf": [{ "$ref": "#/$defs/line" }, { "type": "array", "items": { "$ref": "#/$defs/line" } }] })
        }
        Form::Escalation => json!({ "$ref": "#/$defs/escalate" }),
        Form::Steps => {
            json!({ "type": "array", "items": { "$ref": "#/$defs/step" }, "minItems": 1, "maxItems": MAX_STEPS })
        }
        Form::Checklists => json!({
            "type": "object",
            "propertyNames": { "$ref": "#/$defs/id" },
            "additionalProperties": { "anyOf": [
                { "$ref": "#/$defs/line" },
                { "type": "array", "items": { "$ref": "#/$defs/line" }, "minItems": 1, "maxItems": 100 },
            ] },
        }),
    };
    schema["description"] = Value::String(about);
    schema
}

/// The keys as Markdown, for `docs/process.md`.
pub fn keys_markdown() -> String {
    let mut text = String::new();
    for (title, keys) in [("The file", FILE_KEYS), ("A step", STEP_KEYS), ("`escalate`", ESCALATE_KEYS)] {
        text += &format!("{title}:\n\n| key | for example | what it means |\n|---|---|---|\n");
        for Key { name, required, example, about, .. } in keys {
            let required = if *required { " (required)" } else { "" };
            text += &format!("| `{name}`{required} | `{example}` | {about} |\n");
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}
