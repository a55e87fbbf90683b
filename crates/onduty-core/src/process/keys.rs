//! The keys of a process file: the one table that the JSON Schema and `docs/process.md` are made of.
//!
//! The parser asks for the same keys one by one; a test compares both. Never reads a file.

use super::{Check, List, OwnerMode, Period};

/// How sure `owner: auto` has to be, in percent, unless the step says otherwise.
pub(super) const DEFAULT_CONFIDENCE: u8 = 75;
/// Below it a wrong owner is likelier than the right one.
pub(super) const LEAST_CONFIDENCE: i64 = 50;

/// A key of a map in the file.
#[derive(Debug)]
pub(super) struct Key {
    /// As written.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// What may stand behind it.
    pub form: Form,
    /// What it means.
    pub about: &'static str,
    /// An example of the value.
    pub example: &'static str,
}

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// An id: lower-case letters, digits, `-`, `_`, `.`.
    Id,
    /// A line of text.
    Text,
    /// `30m`
    Length,
    /// A condition.
    Condition,
    /// `NAME in LIST`
    Each,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// `rollout` or a length of time.
    Occasion,
    /// A list of these words.
    Words(&'static [&'static str]),
    /// `16:00`
    Time,
    /// A list of times.
    Times,
    /// A whole number in this range.
    Number(i64, i64),
    /// A list of texts.
    Texts,
    /// `{after: 30m, to: lead}`
    Escalation,
    /// The steps.
    Steps,
    /// The checklists.
    Checklists,
}

const fn key(name: &'static str, form: Form, example: &'static str, about: &'static str) -> Key {
    Key { name, required: false, form, about, example }
}

const fn required(name: &'static str, form: Form, example: &'static str, about: &'static str) -> Key {
    Key { name, required: true, form, about, example }
}

/// The keys of the file.
pub(super) const FILE_KEYS: &[Key] = &[
    required("process", Form::Id, "developers", "the duty whose algorithm this is"),
    required("steps", Form::Steps, "- id: …", "the steps, from top to bottom; at most 500"),
    key("checklists", Form::Checklists, "troubleshoot-ci: [Rerun the failed job once]", "what a person does, by name"),
];

/// The keys of a step.
pub(super) const STEP_KEYS: &[Key] = &[
    required("id", Form::Id, "main-green", "the step's name for machines, unique in the file"),
    required("goal", Form::Text, "Keep main green", "what the step is for, in the team's words"),
    key(
        "while",
        Form::Condition,
        "ci.branch(\"main\") == \"failing\"",
        "a standing condition: one item is open while it holds",
    ),
    key("each", Form::Each, "error in errors", "goes through a list: one item for each subject that `where` lets in"),
    key(
        "where",
        Form::Condition,
        "error.environment == \"staging\"",
        "with `each`: what opens an item; it never closes one",
    ),
    key("once", Form::Word(Period::words), "shift", "a task, once in each shift, day or week"),
    key(
        "every",
        Form::Occasion,
        "rollout",
        "a task after each rollout that arrived, or each passing of a time within a shift: `30m`, `2h`, `1h30m`",
    ),
    key("checklist", Form::Id, "troubleshoot-ci", "the checklist that a person follows"),
    key("check", Form::Word(Check::words), "performance", "with `once` or `every`: the machine checks and ticks"),
    key("rollout", Form::Id, "production", "with `once`: the step is the button that rolls out to this environment"),
    key(
        "owner",
        Form::Word(OwnerMode::words),
        "suggest",
        "`suggest` names the most adequate people; `write-back` also tells the tracker once a person accepts; `auto` does \
         both by itself where it is sure; `none`",
    ),
    key(
        "confidence",
        Form::Number(LEAST_CONFIDENCE, 100),
        "75",
        "with `owner: auto`: how sure onduty has to be, in percent; 75 unless said otherwise",
    ),
    key(
        "blocks",
        Form::Words(&["rollout"]),
        "[rollout]",
        "holds the rollout while the step has an open item, and while it is unknown",
    ),
    key("after", Form::Time, "\"16:00\"", "not before this time, in the duty's time zone"),
    key("before", Form::Time, "\"18:00\"", "not later than this time, in the duty's time zone"),
    key("at", Form::Times, "[\"11:00\", \"15:00\"]", "with `once`: at each of these times of the day"),
    key(
        "escalate",
        Form::Escalation,
        "{after: 30m, to: lead}",
        "tells an engineer or a team when nobody took an item for so long",
    ),
    key("expects", Form::Number(1, 1_440), "15", "how many minutes the work should take"),
    key(
        "limit",
        Form::Number(1, 1_000),
        "20",
        "with `each`: how many items are shown; the rest is one counted item that still blocks",
    ),
    key("reviewers", Form::Texts, "[lena]", "who reviews changes of this step"),
    key("was", Form::Id, "old-id", "the id before the step was renamed; it keeps its items"),
];

/// The keys of `escalate`.
pub(super) const ESCALATE_KEYS: &[Key] = &[
    required("after", Form::Length, "30m", "how long an item may wait for somebody to take it"),
    required("to", Form::Text, "lead", "an engineer or a team"),
];

/// The lists that `each` can go through; the team's own kinds come on top.
pub(super) const LISTS: [(&str, List); 5] = [
    ("errors", List::Errors),
    ("builds", List::Builds),
    ("rollouts", List::Rollouts),
    ("commits", List::Commits),
    ("endpoints", List::Endpoints),
];

impl Period {
    /// Every period with its word.
    pub(super) const ALL: [(&str, Period); 3] =
        [("shift", Period::Shift), ("day", Period::Day), ("week", Period::Week)];

    fn words() -> Vec<&'static str> {
        Period::ALL.map(|(word, _)| word).to_vec()
    }

    /// As written in the file.
    pub fn word(self) -> &'static str {
        match self {
            Period::Shift => "shift",
            Period::Day => "day",
            Period::Week => "week",
        }
    }
}

impl Check {
    /// Every check with its word.
    pub(super) const ALL: [(&str, Check); 1] = [("performance", Check::Performance)];

    fn words() -> Vec<&'static str> {
        Check::ALL.map(|(word, _)| word).to_vec()
    }

    /// As written in the file.
    pub fn word(self) -> &'static str {
        match self {
            Check::Performance => "performance",
        }
    }
}

impl OwnerMode {
    /// Every mode with its word.
    pub(super) const ALL: [(&str, OwnerMode); 4] = [
        ("none", OwnerMode::None),
        ("suggest", OwnerMode::Suggest),
        ("write-back", OwnerMode::WriteBack),
        ("auto", OwnerMode::Auto { percent: DEFAULT_CONFIDENCE }),
    ];

    fn words() -> Vec<&'static str> {
        OwnerMode::ALL.map(|(word, _)| word).to_vec()
    }

    /// As written in the file.
    pub fn word(self) -> &'static str {
        match self {
            OwnerMode::None => "none",
            OwnerMode::Suggest => "suggest",
            OwnerMode::WriteBack => "write-back",
            OwnerMode::Auto { .. } => "auto",
        }
    }
}
