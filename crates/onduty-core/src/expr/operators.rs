//! What operators take and give: the part of the static check that knows types.
//!
//! Called by `check` alone. Knows types, never values.

use super::check::{Checker, literal_text};
use super::shown;
use super::variables::{Absent, Type};
use crate::files::mend_for_unknown;
use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, Expr, IdedExpr};

/// Whether values of the two types can be equal.
pub(super) fn alike(left: Type, right: Type) -> bool {
    match (left, right) {
        (Type::Whole | Type::Number, Type::Whole | Type::Number) => true,
        (Type::Text | Type::Word(_), Type::Text | Type::Word(_)) => true,
        (left, right) => left == right,
    }
}

impl Checker<'_> {
    pub(super) fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Type> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (name @ (op::LOGICAL_AND | op::LOGICAL_OR), [left, right]) => self.logical(node, name, left, right),
            (op::LOGICAL_NOT, [part]) => match self.type_of(part)? {
                Type::Bool => Some(Type::Bool),
                other => {
                    let what = format!("`!` turns a condition round, but {} is {}", shown(part), other.describe());
                    self.fault(node, what, "compare it with something first, for example with `==`");
                    None
                }
            },
            (op::CONDITIONAL, [condition, then, otherwise]) => {
                let types = (self.type_of(condition), self.type_of(then), self.type_of(otherwise));
                let (condition_type, then_type, otherwise_type) = (types.0?, types.1?, types.2?);
                if condition_type != Type::Bool {
                    let what = format!(
                        "before `?` stands a condition, but {} is {}",
                        shown(condition),
                        condition_type.describe()
                    );
                    self.fault(node, what, "compare it with something first, for example with `==`");
                    return None;
                }
                if !alike(then_type, otherwise_type) {
                    let what = format!("`?` gives {} or {}", then_type.describe(), otherwise_type.describe());
                    self.fault(node, what, "let both sides of `:` be of one sort");
                    return None;
                }
                Some(if then_type == otherwise_type { then_type } else { widest(then_type) })
            }
            (op::EQUALS | op::NOT_EQUALS, [left, right]) => self.equality(node, left, right),
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [left, right]) => {
                self.order(node, left, right)
            }
            (op::IN, [member, list]) => self.membership(node, member, list),
            (op::INDEX, [list, index]) => self.index(node, list, index),
            (op::NEGATE, [part]) => match self.type_of(part)? {
                found @ (Type::Whole | Type::Number) => Some(found),
                other => {
                    let what = format!("{} is {}, which has no minus", shown(part), other.describe());
                    self.fault(node, what, "remove the minus");
                    None
                }
            },
            (name @ (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO), [left, right]) => {
                self.arithmetic(node, name, left, right)
            }
            _ => self.function(node, call),
        }
    }

    fn logical(&mut self, node: &IdedExpr, name: &str, left: &IdedExpr, right: &IdedExpr) -> Option<Type> {
        let types = [(left, self.type_of(left)), (right, self.type_of(right))];
        let mut fine = Some(Type::Bool);
        for (part, found) in types {
            match found {
                Some(Type::Bool) => {}
                None => fine = None,
                Some(other) => {
                    let sign = if name == op::LOGICAL_AND { "&&" } else { "||" };
                    let what = format!("`{sign}` joins conditions, but {} is {}", shown(part), other.describe());
                    self.fault(node, what, "compare it with something first, for example with `==`");
                    fine = None;
                }
            }
        }
        fine
    }

    /// Both types, when both are known.
    fn both(&mut self, left: &IdedExpr, right: &IdedExpr) -> Option<(Type, Type)> {
        let types = (self.type_of(left), self.type_of(right));
        Some((types.0?, types.1?))
    }

    fn equality(&mut self, node: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Option<Type> {
        let (left_type, right_type) = self.both(left, right)?;
        for (part, part_type, other_type) in [(left, left_type, right_type), (right, right_type, left_type)] {
            if other_type == Type::Null {
                return self.against_null(node, part, part_type);
            }
            if matches!(part_type, Type::Record(_) | Type::Records(_) | Type::List(_)) {
                let what = format!("{} is {}, which cannot be compared as a whole", shown(part), part_type.describe());
                self.fault(node, what, "compare one of its fields, or its size");
                return None;
            }
        }
        self.comparable(node, (left, left_type), (right, right_type))
    }

    fn against_null(&mut self, node: &IdedExpr, part: &IdedExpr, found: Type) -> Option<Type> {
        let name = shown(part);
        let (what, mend) = match self.field_of(part).map(|field| field.absent) {
            Some(Absent::Null(_)) => return Some(Type::Bool),
            _ if found == Type::Null => {
                ("`null` is compared with `null`".to_owned(), "compare something with it".to_owned())
            }
            Some(Absent::Unknown(_)) => (
                format!("{name} is never null: it is unknown when its source did not say"),
                format!("write `has({})` or `!has({})`", name.trim_matches('`'), name.trim_matches('`')),
            ),
            _ => (format!("{name} is never null"), "remove this comparison".to_owned()),
        };
        self.fault(node, what, mend);
        None
    }

    fn order(&mut self, node: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Option<Type> {
        let (left_type, right_type) = self.both(left, right)?;
        for (part, found) in [(left, left_type), (right, right_type)] {
            let ordered = match found {
                Type::Whole | Type::Number | Type::Text | Type::Date | Type::Time | Type::Instant | Type::Span => true,
                Type::Bool | Type::Word(_) | Type::Null | Type::Record(_) | Type::Records(_) | Type::List(_) => false,
            };
            if !ordered {
                let mend = match found {
                    Type::Records(_) | Type::List(_) => {
                        format!("compare its size: `size({})`", shown(part).trim_matches('`'))
                    }
                    _ => "use `==` or `!=`".to_owned(),
                };
                let what = format!("{} is {}, which is never more or less", shown(part), found.describe());
                self.fault(node, what, mend);
                return None;
            }
        }
        self.comparable(node, (left, left_type), (right, right_type))
    }

    /// Refuses to compare what can never be equal: other types, and words that never occur.
    fn comparable(&mut self, node: &IdedExpr, left: (&IdedExpr, Type), right: (&IdedExpr, Type)) -> Option<Type> {
        for ((part, part_type), (other, _)) in [(left, right), (right, left)] {
            let Some(text) = literal_text(other) else { continue };
            let fault = match part_type {
                Type::Word(words) if !words.contains(&text.as_str()) => Some((
                    format!("{} is never \"{}\"", shown(part), text.escape_debug()),
                    mend_for_unknown(&text, words.iter().copied()),
                )),
                Type::Time if !is_time(&text) => Some((
                    format!("\"{}\" is not a time of day", text.escape_debug()),
                    "write hours and minutes with two digits each, for example \"09:30\"".to_owned(),
                )),
                Type::Date if !is_date(&text) => Some((
                    format!("\"{}\" is not a date", text.escape_debug()),
                    "write year, month and day, for example \"2026-03-02\"".to_owned(),
                )),
                Type::Time | Type::Date => return Some(Type::Bool),
                _ => None,
            };
            if let Some((what, mend)) = fault {
                self.fault(other, what, mend);
                return None;
            }
        }
        if alike(left.1, right.1) {
            return Some(Type::Bool);
        }
        let what = format!(
            "{} is {} and {} is {}: they cannot be compared",
            shown(left.0),
            left.1.describe(),
            shown(right.0),
            right.1.describe()
        );
        let mend = match (left.1, right.1) {
            (Type::Instant, _) | (_, Type::Instant) => {
                "compare points in time, for example with `workdays_ago(2)` or `now - duration(\"2h\")`"
            }
            (Type::Span, _) | (_, Type::Span) => "compare lengths of time, for example with `duration(\"2h\")`",
            (Type::Bool, _) | (_, Type::Bool) => "a condition needs no comparison: write it alone, or `!` before it",
            (Type::Whole | Type::Number, _) | (_, Type::Whole | Type::Number) => {
                "write numbers without quotes and texts with quotes"
            }
            _ => "compare values of one sort",
        };
        self.fault(node, what, mend);
        None
    }

    fn membership(&mut self, node: &IdedExpr, member: &IdedExpr, list: &IdedExpr) -> Option<Type> {
        let (member_type, list_type) = self.both(member, list)?;
        let Type::List(listed) = list_type else {
            let mend = match list_type {
                Type::Records(_) => format!("write `{}.exists(x, …)`", shown(list).trim_matches('`')),
                Type::Text => "to look into a text, write `TEXT.contains(…)`".to_owned(),
                _ => "write a list behind `in`, for example `[\"staging\", \"production\"]`".to_owned(),
            };
            let what = format!("`in` looks into a list of values, but {} is {}", shown(list), list_type.describe());
            self.fault(node, what, mend);
            return None;
        };
        if let (Type::Word(_) | Type::Date | Type::Time, Expr::List(written)) = (member_type, &list.expr) {
            for element in &written.elements {
                let element_type = if literal_text(element).is_some() { Type::Text } else { member_type };
                self.comparable(node, (member, member_type), (element, element_type))?;
            }
            return Some(Type::Bool);
        }
        if alike(member_type, *listed) {
            return Some(Type::Bool);
        }
        let what = format!("{} is {}, but the list holds {}", shown(member), member_type.describe(), listed.describe());
        self.fault(node, what, "look for a value of the sort that the list holds");
        None
    }

    fn index(&mut self, node: &IdedExpr, list: &IdedExpr, index: &IdedExpr) -> Option<Type> {
        if let (Expr::Ident(name), None) = (&list.expr, literal_text(index))
            && name == "signals"
        {
            self.fault(node, "the kind of signal stands in quotes", "write for example `signals[\"disk-space\"]`");
            return None;
        }
        let (list_type, index_type) = self.both(list, index)?;
        match (list_type, index_type) {
            (Type::Records(record), Type::Whole) => Some(Type::Record(record)),
            (Type::List(member), Type::Whole) => Some(*member),
            (Type::Record(_), Type::Text) => {
                self.fault(node, "a field in brackets", "write it behind a dot, for example `error.title`");
                None
            }
            _ => {
                let what = format!(
                    "{} is {}: there is nothing to take out of it by {}",
                    shown(list),
                    list_type.describe(),
                    index_type.describe()
                );
                self.fault(node, what, "take members of a list by their number, from 0");
                None
            }
        }
    }

    fn arithmetic(&mut self, node: &IdedExpr, name: &str, left: &IdedExpr, right: &IdedExpr) -> Option<Type> {
        // `signals.disk-space` reads like a difference.
        if let (op::SUBSTRACT, Expr::Ident(kind), Expr::Ident(rest)) = (name, &left.expr, root(right))
            && let Some(kind) = kind.strip_prefix("signals.")
        {
            let what = "a dash in the kind of a signal reads like a minus";
            self.fault(node, what, format!("write `signals[\"{kind}-{rest}\"]`"));
            return None;
        }
        let (left_type, right_type) = self.both(left, right)?;
        let found = match (name, left_type, right_type) {
            (_, Type::Whole, Type::Whole) => Some(Type::Whole),
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE, Type::Number, Type::Number) => Some(Type::Number),
            (op::ADD | op::SUBSTRACT, Type::Instant, Type::Span) => Some(Type::Instant),
            (op::ADD, Type::Span, Type::Instant) => Some(Type::Instant),
            (op::SUBSTRACT, Type::Instant, Type::Instant) => Some(Type::Span),
            (op::ADD | op::SUBSTRACT, Type::Span, Type::Span) => Some(Type::Span),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
        let sign = name.trim_matches('_');
        let mend = match (left_type, right_type) {
            (Type::Whole | Type::Number, Type::Whole | Type::Number) => {
                "write whole numbers with a fraction as well, for example `2.0`"
            }
            (Type::Text | Type::Word(_), _) if name == op::ADD => {
                "texts are not joined here: compare them one by one, joined by `&&`"
            }
            (Type::Instant, _) | (_, Type::Instant) | (Type::Span, _) | (_, Type::Span) => {
                "write for example `now - duration(\"2h\")`"
            }
            _ => "calculate with numbers, points in time and lengths of time only",
        };
        let what = format!("`{sign}` does not work with {} and {}", left_type.describe(), right_type.describe());
        self.fault(node, what, mend);
        None
    }
}

fn root(node: &IdedExpr) -> &Expr {
    match &node.expr {
        Expr::Select(select) => root(&select.operand),
        Expr::Comprehension(fold) => root(&fold.iter_range),
        Expr::Call(call) if call.target.is_some() => call.target.as_deref().map_or(&node.expr, root),
        other => other,
    }
}

fn widest(found: Type) -> Type {
    match found {
        Type::Whole => Type::Number,
        Type::Word(_) => Type::Text,
        other => other,
    }
}

fn is_time(text: &str) -> bool {
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(':').is_some_and(|(hour, minute)| digits(hour) && digits(minute) && hour < "24" && minute < "60")
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}
