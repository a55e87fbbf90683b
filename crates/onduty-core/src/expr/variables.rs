//! The variables and functions of expressions: the one table that the static check, `docs/process.md` and the JSON
//! Schema read.
//!
//! A name that is not here does not exist for an expression. Never holds a value; those are made in `world`.

use crate::signal::Kind;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A number without a fraction.
    Whole,
    /// A number that may have a fraction.
    Number,
    /// Any text.
    Text,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// `2026-03-02`
    Date,
    /// `16:05`
    Time,
    /// A point in time.
    Instant,
    /// A length of time.
    Span,
    /// `null`
    Null,
    /// A thing with fields.
    Record(&'static Record),
    /// A list of things with fields.
    Records(&'static Record),
    /// A list of plain values.
    List(&'static Type),
}

impl Type {
    /// What people call a value of this type.
    pub fn describe(self) -> String {
        match self {
            Type::Bool => "true or false".to_owned(),
            Type::Whole => "a whole number".to_owned(),
            Type::Number => "a number".to_owned(),
            Type::Text => "a text".to_owned(),
            Type::Word(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or "),
            Type::Date => "a date like \"2026-03-02\"".to_owned(),
            Type::Time => "a time of day like \"16:05\"".to_owned(),
            Type::Instant => "a point in time".to_owned(),
            Type::Span => "a length of time".to_owned(),
            Type::Null => "null".to_owned(),
            Type::Record(record) => record.one.to_owned(),
            Type::Records(record) => format!("a list of {}", record.many),
            Type::List(_) => "a list".to_owned(),
        }
    }

    /// The list whose members are of this type; `None` for what cannot be in a list here.
    pub fn listed(self) -> Option<Type> {
        Some(match self {
            Type::Bool => Type::List(&Type::Bool),
            Type::Whole => Type::List(&Type::Whole),
            Type::Number => Type::List(&Type::Number),
            Type::Text | Type::Word(_) => Type::List(&Type::Text),
            Type::Date => Type::List(&Type::Date),
            Type::Time => Type::List(&Type::Time),
            Type::Instant => Type::List(&Type::Instant),
            Type::Span => Type::List(&Type::Span),
            Type::Record(record) => Type::Records(record),
            Type::Null | Type::Records(_) | Type::List(_) => return None,
        })
    }
}

/// A thing with fields.
#[derive(Debug, PartialEq)]
pub struct Record {
    /// What people call one: `an error`.
    pub one: &'static str,
    /// What people call many: `errors`.
    pub many: &'static str,
    /// The name that examples use for one.
    pub example: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

impl Record {
    /// The field called `name`.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A field of a thing.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub ty: Type,
    /// What it says.
    pub about: &'static str,
    /// What it is when there is nothing to say.
    pub absent: Absent,
}

/// What a field is when there is nothing to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It is always there.
    Never,
    /// It is known that there is none: `null`, and this is when.
    Null(&'static str),
    /// The source did not say: unknown, and `has(…)` is false.
    Unknown(&'static str),
}

/// A name that every expression may use.
#[derive(Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub ty: Type,
    /// What it says.
    pub about: &'static str,
    /// When it is unknown.
    pub unknown: &'static str,
}

/// A function that every expression may call.
#[derive(Debug, PartialEq)]
pub struct Function {
    /// As people write it, with its arguments.
    pub form: &'static str,
    /// What it gives.
    pub gives: Type,
    /// What it says.
    pub about: &'static str,
    /// When it is unknown.
    pub unknown: &'static str,
}

const fn always(name: &'static str, ty: Type, about: &'static str) -> Field {
    Field { name, ty, about, absent: Absent::Never }
}

const fn null(name: &'static str, ty: Type, about: &'static str, when: &'static str) -> Field {
    Field { name, ty, about, absent: Absent::Null(when) }
}

const fn unsaid(name: &'static str, ty: Type, about: &'static str) -> Field {
    Field { name, ty, about, absent: Absent::Unknown("the source did not say") }
}

/// The last state of one check on one branch.
pub static BUILD: Record = Record {
    one: "a build",
    many: "builds",
    example: "build",
    fields: &[
        always("repository", Type::Text, "`owner/name`"),
        unsaid("branch", Type::Text, "the branch"),
        always("revision", Type::Text, "the commit, in full"),
        always("name", Type::Text, "the check as people know it"),
        always(
            "state",
            Type::Word(&["queued", "running", "skipped", "cancelled", "passed", "failed"]),
            "the state last seen",
        ),
        null(
            "concluded",
            Type::Word(&["passed", "failed"]),
            "how this check last ended; running, cancelled or skipped does not change it",
            "it never passed or failed yet",
        ),
        unsaid("url", Type::Text, "where to look at it"),
        always("started_at", Type::Instant, "when it started"),
        null("finished_at", Type::Instant, "when it ended", "it is queued or running"),
    ],
};

/// An error group.
pub static ERROR: Record = Record {
    one: "an error",
    many: "errors",
    example: "error",
    fields: &[
        always("id", Type::Text, "the tracker's id"),
        always("project", Type::Text, "the tracker's project"),
        always("environment", Type::Text, "where it happens: `staging`, `production`"),
        always("title", Type::Text, "the message"),
        unsaid("culprit", Type::Text, "where in the code, in the tracker's words"),
        unsaid("level", Type::Text, "severity in the tracker's words: `error`, `fatal`"),
        always("status", Type::Word(&["unresolved", "resolved", "ignored"]), "status at the tracker"),
        always("first_seen", Type::Instant, "first event"),
        always("last_seen", Type::Instant, "newest event"),
        always("count", Type::Whole, "events so far"),
        always("assigned", Type::Bool, "whether somebody has it at the tracker"),
        null("assignee", Type::Text, "who has it at the tracker", "nobody has it"),
        unsaid("release", Type::Text, "the version it was first seen in"),
        always("regressed", Type::Bool, "whether it came back after it was resolved"),
    ],
};

/// A rollout.
pub static ROLLOUT: Record = Record {
    one: "a rollout",
    many: "rollouts",
    example: "rollout",
    fields: &[
        always("id", Type::Text, "the source's id"),
        always("environment", Type::Text, "where to: `staging`, `production`"),
        always("revision", Type::Text, "the commit"),
        always(
            "state",
            Type::Word(&["requested", "running", "succeeded", "failed", "unknown"]),
            "how far it got; `unknown`: nobody knows how it ended",
        ),
        always("started_at", Type::Instant, "when it started"),
        null("finished_at", Type::Instant, "when it ended", "it is requested or running"),
        unsaid("by", Type::Text, "who started it"),
        always("pressed", Type::Bool, "whether it was pressed through onduty"),
    ],
};

/// A commit that would go out.
pub static COMMIT: Record = Record {
    one: "a commit",
    many: "commits",
    example: "commit",
    fields: &[
        always("revision", Type::Text, "in full"),
        always("author", Type::Text, "the author's name"),
        always("title", Type::Text, "first line of the message"),
        always("committed_at", Type::Instant, "when it was committed"),
    ],
};

/// A judged endpoint.
pub static ENDPOINT: Record = Record {
    one: "an endpoint",
    many: "endpoints",
    example: "endpoint",
    fields: &[
        always(
            "name",
            Type::Text,
            "the endpoint as the telemetry calls it; a group, or empty, where many became slower together",
        ),
        always("environment", Type::Text, "where"),
        always("revision", Type::Text, "what went out with the rollout that made it so"),
        always("verdict", Type::Word(&["good", "degraded"]), "`good` once it recovered"),
        always("failing", Type::Bool, "whether it fails more often"),
        always("slower_by", Type::Number, "as a share: 0.25 is 25 % slower than expected; 0 where it only fails"),
        always("added_seconds_per_hour", Type::Number, "what users wait more in an hour, in seconds"),
    ],
};

/// Requests to one subject.
pub static TRAFFIC: Record = Record {
    one: "a traffic count",
    many: "traffic counts",
    example: "count",
    fields: &[
        always("subject", Type::Text, "what was counted"),
        always("per_minute", Type::Number, "requests a minute"),
    ],
};

/// A signal of the team's own.
pub static SIGNAL: Record = Record {
    one: "a signal",
    many: "signals",
    example: "signal",
    fields: &[
        always("subject", Type::Text, "what it is about"),
        Field {
            name: "state",
            ty: Type::Word(&["failing", "ok"]),
            about: "the sender's judgement",
            absent: Absent::Unknown("it is older than its max_age"),
        },
        Field {
            name: "message",
            ty: Type::Text,
            about: "one line for people",
            absent: Absent::Unknown("none was sent, or it is older than its max_age"),
        },
        Field {
            name: "value",
            ty: Type::Number,
            about: "a number to compare",
            absent: Absent::Unknown("none was sent, or it is older than its max_age"),
        },
        Field {
            name: "since",
            ty: Type::Instant,
            about: "since when it is in this state",
            absent: Absent::Unknown("it is older than its max_age"),
        },
        always("age", Type::Span, "how long ago it was last sent"),
    ],
};

/// The clock of the duty.
pub static CLOCK: Record = Record {
    one: "the clock",
    many: "clocks",
    example: "clock",
    fields: &[
        always("hour", Type::Whole, "0 to 23"),
        always("minute", Type::Whole, "0 to 59"),
        always(
            "weekday",
            Type::Word(&["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]),
            "the day of the week",
        ),
        always("date", Type::Date, "the day"),
        always("time", Type::Time, "the time of day"),
    ],
};

/// The variables, in the order of the documentation. `signals` stands for one list for each kind that teams send.
pub static VARIABLES: &[Variable] = &[
    Variable { name: "now", ty: Type::Instant, about: "this instant", unknown: "never" },
    Variable { name: "clock", ty: Type::Record(&CLOCK), about: "the clock in the duty's time zone", unknown: "never" },
    Variable {
        name: "builds",
        ty: Type::Records(&BUILD),
        about: "the last state of each check on each branch of the watched repositories",
        unknown: "builds cannot be read",
    },
    Variable {
        name: "errors",
        ty: Type::Records(&ERROR),
        about: "the unresolved errors of the watched projects and environments",
        unknown: "errors cannot be read",
    },
    Variable {
        name: "rollouts",
        ty: Type::Records(&ROLLOUT),
        about: "the rollouts to the watched environments, oldest first",
        unknown: "rollouts cannot be read",
    },
    Variable {
        name: "commits",
        ty: Type::Records(&COMMIT),
        about: "the commits on the watched branch that would go out, newest first",
        unknown: "commits or rollouts cannot be read, or the last revision that was rolled out is not in the history",
    },
    Variable {
        name: "endpoints",
        ty: Type::Records(&ENDPOINT),
        about: "the endpoints that rollouts made slower, or failing more often, in the last two weeks",
        unknown: "performance cannot be read, or the last rollout is not compared yet, or too little of it could be judged",
    },
    Variable {
        name: "traffic",
        ty: Type::Records(&TRAFFIC),
        about: "request counts; no source tells about them in this version",
        unknown: "always, in this version",
    },
    Variable {
        name: "signals",
        ty: Type::Records(&SIGNAL),
        about: "`signals.KIND`: the signals of one kind that the team sends; `signals[\"disk-space\"]` for a kind with a dash",
        unknown: "no signal of that kind was ever sent, or all went silent",
    },
];

/// The functions, in the order of the documentation.
pub static FUNCTIONS: &[Function] = &[
    Function {
        form: "ci.branch(BRANCH)",
        gives: Type::Word(&["passing", "failing"]),
        about: "the last concluded state of the blocking checks on a branch; running, cancelled or skipped checks do not change it",
        unknown: "builds cannot be read, nothing concluded on that branch yet, or several watched repositories could be meant",
    },
    Function {
        form: "ci.branch(BRANCH, REPOSITORY)",
        gives: Type::Word(&["passing", "failing"]),
        about: "the same for one of several repositories, `owner/name`",
        unknown: "builds cannot be read, or nothing concluded on that branch yet",
    },
    Function {
        form: "workdays_ago(N)",
        gives: Type::Instant,
        about: "the start (0:00 in the duty's zone) of the Nth working day before today; holidays are skipped; N from 0 to 250",
        unknown: "the duty has no working days",
    },
    Function {
        form: "duration(\"2h\")",
        gives: Type::Span,
        about: "a length of time in `h`, `m`, `s`, `ms`, for example `1h30m`",
        unknown: "never",
    },
    Function {
        form: "timestamp(\"2026-03-02T16:00:00Z\")",
        gives: Type::Instant,
        about: "a point in time as RFC 3339",
        unknown: "never",
    },
    Function {
        form: "size(LIST_OR_TEXT)",
        gives: Type::Whole,
        about: "how many members, or characters",
        unknown: "the list is unknown",
    },
    Function {
        form: "TEXT.contains(TEXT)",
        gives: Type::Bool,
        about: "whether the text occurs; also `startsWith` and `endsWith`",
        unknown: "the text is unknown",
    },
    Function {
        form: "TEXT.matches(\"PATTERN\")",
        gives: Type::Bool,
        about: "whether the regular expression occurs; the pattern stands in quotes, at most 200 characters",
        unknown: "the text is unknown",
    },
    Function {
        form: "has(THING.FIELD)",
        gives: Type::Bool,
        about: "whether the source said anything about the field",
        unknown: "the thing is unknown",
    },
    Function {
        form: "LIST.exists(X, CONDITION)",
        gives: Type::Bool,
        about: "also `all`, `exists_one`, `filter` and `map`; one of them in an expression",
        unknown: "the list is unknown, or the condition is and no other member decides",
    },
];

/// The variable called `name`.
pub fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

/// The kind of signal that the list variable `name` shows; `None` for `now`, `clock` and `signals`.
pub fn kind_of(name: &str) -> Option<Kind> {
    match name {
        "endpoints" => Some(Kind::Performance),
        "builds" | "errors" | "rollouts" | "commits" | "traffic" => Some(Kind::from_word(name)),
        _ => None,
    }
}

/// What the members of the lists of one kind are.
pub fn record_of(kind: &Kind) -> &'static Record {
    match kind {
        Kind::Builds => &BUILD,
        Kind::Errors => &ERROR,
        Kind::Rollouts => &ROLLOUT,
        Kind::Commits => &COMMIT,
        Kind::Performance => &ENDPOINT,
        Kind::Traffic => &TRAFFIC,
        Kind::Custom(_) => &SIGNAL,
    }
}

/// The tables as Markdown, for `docs/process.md`.
pub fn markdown() -> String {
    let mut text = String::from("| variable | type | what it says | unknown when |\n|---|---|---|---|\n");
    for Variable { name, ty, about, unknown } in VARIABLES {
        text += &format!("| `{name}` | {} | {about} | {unknown} |\n", ty.describe());
    }
    text += "\n| function | gives | what it says | unknown when |\n|---|---|---|---|\n";
    for Function { form, gives, about, unknown } in FUNCTIONS {
        text += &format!("| `{form}` | {} | {about} | {unknown} |\n", gives.describe());
    }
    for record in [&CLOCK, &BUILD, &ERROR, &ROLLOUT, &COMMIT, &SIGNAL, &ENDPOINT, &TRAFFIC] {
        let mut title = record.one.to_owned();
        title[..1].make_ascii_uppercase();
        text += &format!(
            "\n{title}:\n\n| field | type | what it says | when there is nothing to say |\n|---|---|---|---|\n"
        );
        for Field { name, ty, about, absent } in record.fields {
            let absent = match absent {
                Absent::Never => "always there".to_owned(),
                Absent::Null(when) => format!("`null` when {when}"),
                Absent::Unknown(when) => format!("unknown when {when}"),
            };
            text += &format!("| `{name}` | {} | {about} | {absent} |\n", ty.describe());
        }
    }
    text
}
