//! Expressions, values and the errors of `cel` in words for people.

use super::scan::Fault;
use super::variables::Record;
use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use cel::{ExecutionError, ParseErrors, Value};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Longest name or value shown, in characters.
const MAX_SHOWN: usize = 200;

/// `node` as people would point at it: in backticks where it is short, else "this part".
pub(super) fn shown(node: &IdedExpr) -> String {
    match path(node) {
        Some(path) if path.chars().count() <= 60 => format!("`{path}`"),
        _ => "this part".to_owned(),
    }
}

fn path(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) if name.starts_with('@') => None,
        Expr::Ident(name) => match name.strip_prefix("signals.") {
            Some(kind) if !kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                Some(format!("signals[{}]", quoted(kind)))
            }
            _ => Some(name.clone()),
        },
        Expr::Select(select) if !select.test => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        Expr::Literal(literal) => match literal {
            LiteralValue::Boolean(value) => Some(value.inner().to_string()),
            LiteralValue::Int(value) => Some(value.inner().to_string()),
            LiteralValue::Double(value) => Some(value.inner().to_string()),
            LiteralValue::String(value) => Some(quoted(value.inner())),
            LiteralValue::Null => Some("null".to_owned()),
            LiteralValue::UInt(_) | LiteralValue::Bytes(_) => None,
        },
        Expr::Call(call) if call.func_name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            let args: Option<Vec<String>> = call.args.iter().map(path).collect();
            let target = match &call.target {
                Some(target) => format!("{}.", path(target)?),
                None => String::new(),
            };
            Some(format!("{target}{}({})", call.func_name, args?.join(", ")))
        }
        _ => None,
    }
}

/// A text in quotes, with everything escaped that could disturb a line or hide in it.
pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// At most 200 characters of `text`.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some(_) => text.chars().take(MAX_SHOWN - 1).chain(['…']).collect(),
    }
}

/// How long a list is.
pub(super) fn counted(members: usize, record: &Record) -> String {
    match members {
        0 => format!("no {}", record.many),
        1 => record.one.replacen("an ", "1 ", 1).replacen("a ", "1 ", 1),
        _ => format!("{members} {}", record.many),
    }
}

/// A value for people; points in time in the duty's zone.
pub(super) fn value(value: &Value, zone: &TimeZone) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::UInt(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Null => "null".to_owned(),
        Value::Timestamp(instant) => {
            let nanosecond = i32::try_from(instant.timestamp_subsec_nanos()).unwrap_or(0);
            match Timestamp::new(instant.timestamp(), nanosecond) {
                Ok(instant) => instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
                Err(_) => instant.to_rfc3339(),
            }
        }
        Value::Duration(length) => format!("{:#}", SignedDuration::from_secs(length.num_seconds())),
        other => format!("{:?}", other.type_of()),
    }
}

/// The first thing that the parser of `cel` stumbled over.
pub(super) fn syntax(source: &str, errors: &ParseErrors) -> Fault {
    let Some(error) = errors.errors.first() else {
        return Fault::new(0, "this condition cannot be read", "write it more simply");
    };
    let line = usize::try_from(error.pos.0).unwrap_or(1).max(1);
    let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
    let before: usize = source.split_inclusive('\n').take(line - 1).map(|line| line.chars().count()).sum();
    let length = source.chars().count();
    let at = (before + column - 1).min(length);
    let rest: String = source.chars().skip(at).take_while(|c| !c.is_whitespace()).take(20).collect();
    if error.msg.contains("ecursion") {
        return Fault::new(0, "this condition is nested too deeply", "split it over several steps");
    }
    if error.msg.contains("has()") {
        return Fault::new(at, "`has` asks about a field", "write for example `has(error.release)`");
    }
    if error.msg.contains("simple name") || error.msg.contains("argument") {
        let what = "the first value of `exists`, `all`, `filter` or `map` is not a plain name";
        return Fault::new(at, what, "write for example `errors.exists(e, e.count > 3)`");
    }
    if rest.is_empty() || error.msg.contains("<EOF>") && at + 1 >= length {
        return Fault::new(at, "the condition stops too early", "write what is missing at its end");
    }
    if rest.len() > 15 && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Fault::new(at, "this number is too large", "write a smaller one");
    }
    let what = format!("the condition cannot be read from {} on", quoted(&rest));
    Fault::new(at, what, "check for a missing operator, comma or value before it")
}

/// Why an evaluation failed, where it is not about a signal that is unknown.
pub(super) fn failure(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(field) => format!("nobody said what `{}` is", field.escape_debug()),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number or a time in it grows out of range".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "it takes a member out of a list that is not that long".to_owned(),
        ExecutionError::NoSuchOverload(_)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnexpectedType { .. } => "it works with a value that is not there (null)".to_owned(),
        other => format!("it cannot be computed: {}", cut(&other.to_string())),
    }
}
