//! CEL over a snapshot: compiled once with its place in the file, evaluated against the outside world.
//!
//! `process` compiles what people write, `engine` evaluates it. The text passes our own scanner (`scan`), then the
//! parser of `cel`, then a static check of every name and type (`check`); what passed all three cannot hang, abort or
//! read something that does not exist. It is then evaluated by `cel` against a [`World`]. Reading what is unknown is
//! an error of `cel`, which `&&`, `||`, `all` and `exists` absorb when the other side decides; what is left is
//! [`Verdict::Unknown`]. Nothing here has a default for what is not known.
//!
//! Wrap many calls in one [`with_stack`]: each brings its own thread otherwise.

mod calls;
mod check;
mod ci;
mod operators;
mod rows;
mod scan;
mod stack;
mod variables;
mod words;
mod workdays;
mod world;

#[cfg(test)]
mod tests;

pub use stack::with_stack;
pub use variables::{VARIABLES, markdown as variables_markdown};
pub use world::{MAX_MEMBERS, World};

use words::shown;

use crate::files::{Place, Problems};
use crate::ids::Subject;
use crate::item::SeenValue;
use crate::signal::{Fact, Kind, SignalState, UnknownReason};
use cel::common::types::{CelMap, CelTimestamp};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::extractors::{Arguments, This};
use cel::{Context, Env, ExecutionError, Value};
use check::{Checked, ReadWhat};
use scan::Fault;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

/// Our own `matches`, with patterns that were compiled once. Nobody can write this name.
const MATCHES: &str = "@matches";

/// Where an expression stands, which decides the variables that it may use.
#[derive(Debug, Clone, PartialEq)]
pub enum Scope {
    /// `while: …` and snooze conditions.
    Condition,
    /// `where: …` of an `each`.
    Filter {
        /// The name of the subject.
        variable: String,
        /// The kind of its list.
        kind: Kind,
    },
}

/// A compiled expression. Two are equal when their texts are.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    /// The name of the subject in a filter.
    subject: Option<String>,
    checked: Arc<Checked>,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.source == other.source
    }
}

/// What an expression says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Yes,
    /// It is known not to hold.
    No,
    /// It cannot be said.
    Unknown(UnknownReason),
}

impl Expression {
    /// Compiles `source`, which starts at `place`; adds every problem and gives `None` when there is one.
    ///
    /// With `block`, columns cannot be followed (`|`, `>`, escapes, several lines) and problems stand at `place`.
    pub fn compile(
        source: &str,
        place: Place,
        block: bool,
        scope: &Scope,
        problems: &mut Problems,
    ) -> Option<Expression> {
        let built = with_stack(|| {
            // A parser that stumbles over itself must not take the server with it.
            catch_unwind(AssertUnwindSafe(|| build(source, scope)))
                .unwrap_or_else(|_| Err(vec![Fault::new(0, "this condition cannot be read", "write it more simply")]))
        });
        match built {
            Ok(checked) => {
                let subject = match scope {
                    Scope::Condition => None,
                    Scope::Filter { variable, .. } => Some(variable.clone()),
                };
                Some(Expression { source: source.to_owned(), subject, checked: Arc::new(checked) })
            }
            Err(faults) => {
                for Fault { at, what, mend } in faults {
                    let column = place.column.saturating_add(u32::try_from(at).unwrap_or(0));
                    problems.add(if block { place } else { Place { column, ..place } }, what, mend);
                }
                None
            }
        }
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The kinds of signal that it reads, besides the subject of a filter.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.checked.kinds.iter()
    }

    /// Whether it holds, for `subject` in a filter. For a commit, `subject` is its revision and the state the head's.
    pub fn holds(&self, world: &World<'_>, subject: Option<(&Subject, &SignalState)>) -> Verdict {
        let cost = &self.checked.cost;
        let members = match &cost.over {
            _ if cost.per_member == 0 => 0,
            Some(kind) => world.list(kind).map_or(0, |list| list.inner().len()),
            // A list that is written out has at most as many members as an expression has words.
            None => scan::MAX_TOKENS,
        };
        if let Err(reason) = world.charge(&self.source, 20 + cost.base + cost.per_member * members as u64) {
            return Verdict::Unknown(reason);
        }
        match self.value_of(&self.checked.tree, world, subject) {
            Ok(Value::Bool(true)) => Verdict::Yes,
            Ok(Value::Bool(false)) => Verdict::No,
            Ok(other) => Verdict::Unknown(UnknownReason::Missing {
                what: format!("the condition gave {:?} instead of true or false", other.type_of()),
            }),
            Err(reason) => Verdict::Unknown(reason),
        }
    }

    /// What it read and what that was, for people: each cut to 200 characters, hostile signs escaped.
    pub fn values(&self, world: &World<'_>, subject: Option<(&Subject, &SignalState)>) -> Vec<SeenValue> {
        let value = |what: &ReadWhat| match what {
            ReadWhat::List(kind) => match world.list(kind) {
                Ok(list) => words::counted(list.inner().len(), variables::record_of(kind)),
                Err(reason) => format!("unknown: {reason}"),
            },
            ReadWhat::Node(node) => match self.value_of(node, world, subject) {
                Ok(value) => words::value(&value, &world.duty.zone),
                Err(reason) => format!("unknown: {reason}"),
            },
        };
        let reads = self.checked.reads.iter();
        reads.map(|read| SeenValue { name: words::cut(&read.text), value: words::cut(&value(&read.what)) }).collect()
    }

    fn value_of(
        &self,
        node: &cel::common::ast::IdedExpr,
        world: &World<'_>,
        subject: Option<(&Subject, &SignalState)>,
    ) -> Result<Value, UnknownReason> {
        with_stack(|| {
            let row = subject.and_then(|(subject, state)| rows::subject(subject, state, world.now));
            let reader = Reader { world, subject: self.subject.as_deref().zip(row) };
            let mut context = Context::with_env(standard());
            context.set_variable_resolver(&reader);
            self.add_functions(&mut context, world);
            catch_unwind(AssertUnwindSafe(|| context.resolve(node)))
                .unwrap_or_else(|_| Err(ExecutionError::InternalError("it stumbled".to_owned())))
                .map_err(|error| self.reason(error, world, subject))
        })
    }

    /// Our functions. None of their names is one of the standard ones, so that adding them cannot fail.
    fn add_functions(&self, context: &mut Context<'_, '_>, world: &World<'_>) {
        let ci = world.ci();
        let branch = move |Arguments(values): Arguments| match values.as_slice() {
            [Value::String(branch)] => answer(ci.branch(branch, None)),
            [Value::String(branch), Value::String(repository)] => answer(ci.branch(branch, Some(repository))),
            _ => Err(ExecutionError::InternalError("ci.branch takes texts".to_owned())),
        };
        let workdays = world.workdays();
        let workdays_ago = move |days: i64| match workdays.ago(days).and_then(rows::timestamp) {
            Some(start) => Ok(Value::Timestamp(*start.inner())),
            None => Err(unknown(&UnknownReason::Missing { what: format!("the duty has no {days} working days") })),
        };
        let checked = Arc::clone(&self.checked);
        let matches = move |This(text): This<Arc<String>>, pattern: Arc<String>| match checked.patterns.get(&*pattern) {
            Some(compiled) => Ok(Value::Bool(compiled.is_match(&text))),
            None => Err(ExecutionError::InternalError("a pattern that was not compiled".to_owned())),
        };
        let added = [
            context.add_function("ci.branch", branch),
            context.add_function("workdays_ago", workdays_ago),
            context.add_function(MATCHES, matches),
        ];
        debug_assert!(added.iter().all(Result::is_ok), "{added:?}");
    }

    /// Why an evaluation gave no value.
    fn reason(
        &self,
        error: ExecutionError,
        world: &World<'_>,
        subject: Option<(&Subject, &SignalState)>,
    ) -> UnknownReason {
        match &error {
            ExecutionError::UndeclaredReference(name) => {
                let kind = match name.strip_prefix("signals.") {
                    Some(kind) => Some(Kind::Custom(kind.to_owned())),
                    None => variables::kind_of(name),
                };
                if let Some(Err(reason)) = kind.map(|kind| world.list(&kind)) {
                    return reason;
                }
            }
            ExecutionError::FunctionError { message, .. } => {
                if let Ok(reason) = serde_json::from_str(message) {
                    return reason;
                }
            }
            ExecutionError::NoSuchKey(_) => {
                if let Some((_, state)) = subject
                    && let Fact::Custom(sent) = &state.fact
                    && rows::is_over(sent, state, world.now)
                {
                    let kind = Kind::Custom(sent.kind.clone());
                    return UnknownReason::Stale { kind, last: rows::sent_at(state) };
                }
            }
            _ => {}
        }
        UnknownReason::Missing { what: words::failure(&error) }
    }
}

/// Scanner, parser, static check.
fn build(source: &str, scope: &Scope) -> Result<Checked, Vec<Fault>> {
    scan::scan(source).map_err(|fault| vec![fault])?;
    let program = standard().compile(source).map_err(|errors| vec![words::syntax(source, &errors)])?;
    let info = program.source_info();
    check::check(program.expression().clone(), info, scope)
}

/// The standard functions of CEL, shared by all.
fn standard() -> Arc<Env> {
    static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));
    Arc::clone(&STANDARD)
}

fn answer(found: Result<&'static str, UnknownReason>) -> Result<Value, ExecutionError> {
    found.map(Value::from).map_err(|reason| unknown(&reason))
}

/// A reason as an error of `cel`, to be found again by [`Expression::reason`].
fn unknown(reason: &UnknownReason) -> ExecutionError {
    ExecutionError::function_error("unknown", serde_json::to_string(reason).unwrap_or_else(|_| reason.to_string()))
}

/// Answers the names of an expression. A list that is unknown has no answer, which is an error of `cel`.
struct Reader<'w, 'a, 's> {
    world: &'w World<'a>,
    subject: Option<(&'s str, CelMap<'static>)>,
}

impl VariableResolver for Reader<'_, '_, '_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if let Some((subject, row)) = &self.subject
            && *subject == name
        {
            return Some(CowVal::Borrowed(row));
        }
        match name {
            "now" => rows::timestamp(self.world.now).map(|now: CelTimestamp| CowVal::owned(now)),
            "clock" => Some(CowVal::Borrowed(self.world.clock())),
            _ => {
                let kind = match name.strip_prefix("signals.") {
                    Some(kind) => Kind::Custom(kind.to_owned()),
                    None => variables::kind_of(name)?,
                };
                self.world.list(&kind).ok().map(|list| CowVal::Borrowed(list))
            }
        }
    }
}
