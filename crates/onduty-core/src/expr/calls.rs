//! What functions take and give: the part of the static check that knows their names.
//!
//! Called by `operators` for everything that is not an operator. A function that is not here does not exist.

use super::check::{Checker, literal_text};
use super::variables::{FUNCTIONS, Type};
use super::{MATCHES, shown, standard};
use crate::files::mend_for_unknown;
use crate::signal::Kind;
use cel::Context;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use regex::RegexBuilder;

/// Longest pattern of `matches`, in characters.
const MAX_PATTERN: usize = 200;
/// Largest compiled pattern, in bytes: keeps repetitions of repetitions small.
const MAX_PATTERN_BYTES: usize = 256 * 1024;
/// Farthest back that `workdays_ago` counts.
pub(super) const MAX_WORKDAYS: i64 = 250;

impl Checker<'_> {
    pub(super) fn function(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Type> {
        let name = if call.func_name == MATCHES { "matches" } else { &call.func_name };
        let target = call.target.as_deref();
        let on_ci = target.is_some_and(|target| matches!(&target.expr, Expr::Ident(root) if root == "ci"));
        if on_ci {
            return self.ci(node, call);
        }
        match (name, target, call.args.as_slice()) {
            ("size", None, [measured]) | ("size", Some(measured), []) => match self.type_of(measured)? {
                Type::Records(_) | Type::List(_) | Type::Text | Type::Word(_) => Some(Type::Whole),
                other => {
                    let what = format!("{} is {} and has no size", shown(measured), other.describe());
                    self.fault(node, what, "measure a list or a text");
                    None
                }
            },
            ("contains" | "startsWith" | "endsWith", Some(text), [part]) => {
                let types = [(text, self.type_of(text)), (part, self.type_of(part))];
                for (part, found) in types {
                    self.wants_text(node, name, part, found?)?;
                }
                Some(Type::Bool)
            }
            ("matches", Some(text), [pattern]) => {
                let found = self.type_of(text)?;
                self.wants_text(node, name, text, found)?;
                self.pattern(node, pattern)
            }
            ("workdays_ago", None, [days]) => match &days.expr {
                Expr::Literal(LiteralValue::Int(number)) if (0..=MAX_WORKDAYS).contains(number.inner()) => {
                    self.read(node, format!("workdays_ago({})", number.inner()));
                    Some(Type::Instant)
                }
                _ => {
                    let what = format!("`workdays_ago` takes a whole number from 0 to {MAX_WORKDAYS}");
                    self.fault(node, what, "write for example `workdays_ago(2)`");
                    None
                }
            },
            ("duration" | "timestamp", None, [text]) => self.written_time(node, name, text),
            _ => self.unknown_call(node, call, name),
        }
    }

    fn ci(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Type> {
        if call.func_name != "branch" || !(1..=2).contains(&call.args.len()) {
            let what = if call.func_name == "branch" {
                format!("`ci.branch` takes a branch and perhaps a repository, not {} values", call.args.len())
            } else {
                format!("`ci` has no `{}`", call.func_name)
            };
            self.fault(node, what, "write `ci.branch(\"main\")` or `ci.branch(\"main\", \"owner/repository\")`");
            return None;
        }
        for part in &call.args {
            let found = self.type_of(part)?;
            self.wants_text(node, "ci.branch", part, found)?;
        }
        self.reads_kind(Kind::Builds);
        self.read(node, shown(node).trim_matches('`').to_owned());
        Some(Type::Word(&["passing", "failing"]))
    }

    fn wants_text(&mut self, node: &IdedExpr, name: &str, part: &IdedExpr, found: Type) -> Option<()> {
        if matches!(found, Type::Text | Type::Word(_)) {
            return Some(());
        }
        let what = format!("`{name}` works on texts, but {} is {}", shown(part), found.describe());
        let mend = match found {
            Type::Records(_) => format!("ask about its members: `{}.exists(x, …)`", shown(part).trim_matches('`')),
            Type::List(_) => "to look for a member, write `VALUE in LIST`".to_owned(),
            _ => "put a text in quotes".to_owned(),
        };
        self.fault(node, what, mend);
        None
    }

    fn pattern(&mut self, node: &IdedExpr, pattern: &IdedExpr) -> Option<Type> {
        let Some(text) = literal_text(pattern) else {
            self.fault(node, "the pattern of `matches` is not a text in quotes", "write the pattern out, in quotes");
            return None;
        };
        let length = text.chars().count();
        if length > MAX_PATTERN {
            let what = format!("the pattern has {length} characters, more than {MAX_PATTERN}");
            self.fault(pattern, what, "shorten it, or use `contains`");
            return None;
        }
        match RegexBuilder::new(&text).size_limit(MAX_PATTERN_BYTES).build() {
            Ok(compiled) => {
                self.add_match_cost();
                self.patterns.insert(text, compiled);
                Some(Type::Bool)
            }
            Err(regex::Error::CompiledTooBig(_)) => {
                self.fault(
                    pattern,
                    "the pattern grows too large",
                    "repeat less, for example `.*` instead of `.{1000}`",
                );
                None
            }
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                let what = format!("the pattern of `matches` cannot be read: {reason}");
                self.fault(pattern, what, "escape signs that stand for themselves, for example `\\\\(`");
                None
            }
        }
    }

    /// `duration("2h")`, `timestamp("…")`: always a text in quotes, so that a slip is found now.
    fn written_time(&mut self, node: &IdedExpr, name: &str, text: &IdedExpr) -> Option<Type> {
        let (gives, mend) = match name {
            "duration" => (Type::Span, "write for example `duration(\"2h\")` and a day as `duration(\"24h\")`"),
            _ => (Type::Instant, "write for example `timestamp(\"2026-03-02T16:00:00Z\")`"),
        };
        let Some(written) = literal_text(text) else {
            self.fault(node, format!("`{name}` takes a text in quotes"), mend);
            return None;
        };
        if Context::with_env(standard()).resolve(node).is_err() {
            let what = format!("\"{}\" is not {}", written.escape_debug(), gives.describe());
            self.fault(text, what, mend);
            return None;
        }
        Some(gives)
    }

    fn unknown_call(&mut self, node: &IdedExpr, call: &CallExpr, name: &str) -> Option<Type> {
        let form = FUNCTIONS.iter().find(|function| word_of(function.form) == name);
        let known = form.map(|function| function.form).or(match name {
            "startsWith" => Some("TEXT.startsWith(TEXT)"),
            "endsWith" => Some("TEXT.endsWith(TEXT)"),
            "all" => Some("LIST.all(X, CONDITION)"),
            "exists_one" | "existsOne" => Some("LIST.exists_one(X, CONDITION)"),
            "filter" => Some("LIST.filter(X, CONDITION)"),
            "map" => Some("LIST.map(X, VALUE)"),
            _ => None,
        });
        let (what, mend) = match known {
            Some(form) => {
                let counted = call.args.len();
                let values = if counted == 1 { "value" } else { "values" };
                (format!("`{name}` does not work with {counted} {values} here"), format!("write `{form}`"))
            }
            None => {
                let names = FUNCTIONS.iter().map(|function| word_of(function.form));
                let names = names.chain(["startsWith", "endsWith", "all", "exists_one", "filter", "map"]);
                let mut names: Vec<&str> = names.collect();
                names.dedup();
                (format!("there is no function `{name}`"), mend_for_unknown(name, names))
            }
        };
        self.fault(node, what, mend);
        None
    }
}

/// The name in a form: `contains` of `TEXT.contains(TEXT)`; `ci.branch` keeps its first part.
fn word_of(form: &'static str) -> &'static str {
    let call = form.split('(').next().unwrap_or(form);
    match call.split_once('.') {
        Some((first, last)) if first.chars().all(|c| c.is_ascii_uppercase()) => last,
        _ => call,
    }
}
