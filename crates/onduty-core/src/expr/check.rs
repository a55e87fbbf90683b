//! The static check: every name, field, function and type of an expression, on both sides of every `&&` and `||`,
//! before it ever runs.
//!
//! Called by `compile` with the tree that `cel` parsed. Finds all faults, and on the way rewrites the tree to what
//! `world` answers (`signals.KIND` becomes one name, `matches` our own function) and collects what it reads.

use super::Scope;
use super::scan::Fault;
use super::shown;
use super::variables::{Field, Record, SIGNAL, Type, VARIABLES, kind_of, record_of, variable};
use crate::files::mend_for_unknown;
use crate::ids::is_plain_id;
use crate::signal::Kind;
use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// What the check found out about an expression without faults.
#[derive(Debug)]
pub(super) struct Checked {
    /// What is evaluated.
    pub tree: IdedExpr,
    /// What it reads, in the order of its text, each once.
    pub reads: Vec<Read>,
    /// The kinds of signal that it reads.
    pub kinds: BTreeSet<Kind>,
    /// The patterns of `matches`, compiled.
    pub patterns: BTreeMap<String, Regex>,
    /// How much work it is.
    pub cost: Cost,
}

/// Something that an expression reads, for people.
#[derive(Debug)]
pub(super) struct Read {
    /// As written.
    pub text: String,
    /// How to find out what it is.
    pub what: ReadWhat,
}

/// How to find out what a [`Read`] is.
#[derive(Debug)]
pub(super) enum ReadWhat {
    /// By evaluating this.
    Node(IdedExpr),
    /// It is a list, of which people want to know the length.
    List(Kind),
}

/// How much work an evaluation is, in visits of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Once.
    pub base: u64,
    /// For each member of the list that the macro goes through.
    pub per_member: u64,
    /// That list; `None` for one that is written out.
    pub over: Option<Kind>,
}

/// What one call of `matches` costs, in visits of nodes: it reads up to 1,000 characters.
const MATCH_COST: u64 = 100;

/// Checks `tree`, which has to be a condition.
pub(super) fn check(mut tree: IdedExpr, info: &SourceInfo, scope: &Scope) -> Result<Checked, Vec<Fault>> {
    rewrite(&mut tree);
    let subject = match scope {
        Scope::Condition => None,
        Scope::Filter { variable, kind } => Some((variable.as_str(), record_of(kind))),
    };
    let mut checker = Checker {
        info,
        subject,
        locals: Vec::new(),
        faults: Vec::new(),
        fields: BTreeMap::new(),
        reads: Vec::new(),
        kinds: BTreeSet::new(),
        patterns: BTreeMap::new(),
        macros: 0,
        cost: Cost::default(),
    };
    if let Some(found) = checker.type_of(&tree)
        && found != Type::Bool
    {
        let (what, mend) = match found {
            Type::Records(record) => (
                format!("a condition should be true or false, but {} is {}", shown(&tree), found.describe()),
                format!("ask about its members, for example `{}.exists(x, …)`", record.many),
            ),
            _ => (
                format!("a condition should be true or false, but {} is {}", shown(&tree), found.describe()),
                "compare it with something, for example with `==`".to_owned(),
            ),
        };
        checker.fault(&tree, what, mend);
    }
    if !checker.faults.is_empty() {
        return Err(checker.faults);
    }
    let Checker { reads, kinds, patterns, cost, .. } = checker;
    Ok(Checked { tree, reads, kinds, patterns, cost })
}

/// `signals.KIND` and `signals["KIND"]` become one name, `matches` becomes our own function.
fn rewrite(node: &mut IdedExpr) {
    let is_signals = |operand: &IdedExpr| matches!(&operand.expr, Expr::Ident(name) if name == "signals");
    let kind = match &node.expr {
        Expr::Select(select) if !select.test && is_signals(&select.operand) => Some(select.field.clone()),
        Expr::Call(call) if call.func_name == op::INDEX && call.args.len() == 2 && is_signals(&call.args[0]) => {
            literal_text(&call.args[1])
        }
        _ => None,
    };
    if let Some(kind) = kind {
        node.expr = Expr::Ident(format!("signals.{kind}"));
        return;
    }
    match &mut node.expr {
        Expr::Call(call) => {
            if call.func_name == "matches" && call.target.is_some() {
                call.func_name = super::MATCHES.to_owned();
            }
            call.target.iter_mut().for_each(|target| rewrite(target));
            call.args.iter_mut().for_each(rewrite);
        }
        Expr::Comprehension(fold) => {
            rewrite(&mut fold.iter_range);
            rewrite(&mut fold.loop_step);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(rewrite),
        Expr::Select(select) => rewrite(&mut select.operand),
        _ => {}
    }
}

/// The text of a literal text.
pub(super) fn literal_text(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_string()),
        _ => None,
    }
}

pub(super) struct Checker<'a> {
    info: &'a SourceInfo,
    subject: Option<(&'a str, &'static Record)>,
    locals: Vec<(String, Type)>,
    faults: Vec<Fault>,
    fields: BTreeMap<u64, &'static Field>,
    reads: Vec<Read>,
    kinds: BTreeSet<Kind>,
    pub(super) patterns: BTreeMap<String, Regex>,
    macros: usize,
    pub(super) cost: Cost,
}

impl Checker<'_> {
    pub(super) fn fault(&mut self, node: &IdedExpr, what: impl Into<String>, mend: impl Into<String>) {
        let offset = self.info.offset_for(node.id).map_or(0, |(start, _)| start as usize);
        // The parser counts bytes, people count characters.
        let before = self.info.source.get(..offset).unwrap_or_default();
        let behind = self.info.source.get(offset..).unwrap_or_default();
        let name = before.chars().rev().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
        // A selection stands at its dot and a call at its bracket; people look for the name.
        let at = match before.chars().count() {
            at if behind.starts_with('.') && matches!(node.expr, Expr::Select(SelectExpr { test: false, .. })) => {
                at + 1
            }
            at if behind.starts_with('(') => at - name,
            at => at,
        };
        self.faults.push(Fault::new(at, what, mend));
    }

    /// The field that `node` selects, when it was found.
    pub(super) fn field_of(&self, node: &IdedExpr) -> Option<&'static Field> {
        self.fields.get(&node.id).copied()
    }

    /// The type of `node`; `None` when a fault was reported, so that one slip is one problem.
    pub(super) fn type_of(&mut self, node: &IdedExpr) -> Option<Type> {
        self.cost.base += 1;
        match &node.expr {
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Ident(name) => self.ident(node, name),
            Expr::Select(select) => self.select(node, select),
            Expr::Call(call) => self.call(node, call),
            Expr::List(list) => {
                let types: Vec<Option<Type>> = list.elements.iter().map(|element| self.type_of(element)).collect();
                let mut known = None;
                for (element, found) in list.elements.iter().zip(types) {
                    let found = found?;
                    match known {
                        None => known = Some(found),
                        Some(first) if super::operators::alike(first, found) => {}
                        Some(first) => {
                            let what = format!("this list holds {} and {}", first.describe(), found.describe());
                            self.fault(element, what, "keep to one sort in a list");
                            return None;
                        }
                    }
                }
                let listed = known.unwrap_or(Type::Text).listed();
                if listed.is_none() {
                    self.fault(node, "a list of lists is not of use here", "write one flat list");
                }
                listed
            }
            Expr::Comprehension(fold) => self.fold(node, fold),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.fault(node, "a map in braces is not of use here", "compare single values");
                None
            }
        }
    }

    fn literal(&mut self, node: &IdedExpr, literal: &LiteralValue) -> Option<Type> {
        match literal {
            LiteralValue::Boolean(_) => Some(Type::Bool),
            LiteralValue::Int(_) => Some(Type::Whole),
            LiteralValue::Double(_) => Some(Type::Number),
            LiteralValue::String(_) => Some(Type::Text),
            LiteralValue::Null => Some(Type::Null),
            LiteralValue::UInt(_) => {
                self.fault(node, "a number with `u` behind it", "remove the `u`");
                None
            }
            LiteralValue::Bytes(_) => {
                self.fault(node, "a text with `b` before it", "remove the `b`");
                None
            }
        }
    }

    fn ident(&mut self, node: &IdedExpr, name: &str) -> Option<Type> {
        if let Some((_, found)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Some(*found);
        }
        if let Some((subject, record)) = self.subject
            && subject == name
        {
            return Some(Type::Record(record));
        }
        if let Some(kind) = name.strip_prefix("signals.") {
            return self.signals(node, kind);
        }
        if let Some(found) = variable(name) {
            if name == "signals" {
                let mend = "write for example `signals.certificate.exists(s, s.state == \"failing\")`";
                self.fault(node, "`signals` needs the kind of signal behind it", mend);
                return None;
            }
            match kind_of(name) {
                Some(kind) => {
                    self.read_list(name, &kind);
                    if kind == Kind::Commits {
                        self.kinds.insert(Kind::Rollouts);
                    }
                }
                None if found.ty == Type::Instant => self.read(node, name.to_owned()),
                None => {}
            }
            return Some(found.ty);
        }
        let known = self.known_names();
        let (what, mend) = match name {
            "ci" => ("`ci` alone says nothing".to_owned(), "write `ci.branch(\"main\")`".to_owned()),
            _ => (format!("there is no variable `{name}`"), mend_for_unknown(name, known.iter().map(String::as_str))),
        };
        self.fault(node, what, mend);
        None
    }

    fn signals(&mut self, node: &IdedExpr, kind: &str) -> Option<Type> {
        if Kind::BUILT_IN.iter().any(|built_in| built_in.as_str() == kind) {
            let what = format!("`{kind}` is not a kind of the team's own");
            self.fault(node, what, format!("write `{kind}` without `signals.`"));
            return None;
        }
        if !is_plain_id(kind) {
            let what = format!("`{}` cannot be a kind of signal", kind.escape_debug());
            self.fault(node, what, "use lower-case letters, digits, `-` and `_`");
            return None;
        }
        self.read_list(&format!("signals.{kind}"), &Kind::Custom(kind.to_owned()));
        Some(Type::Records(&SIGNAL))
    }

    /// Every name that may stand here.
    fn known_names(&self) -> Vec<String> {
        let locals = self.locals.iter().map(|(name, _)| name.clone());
        let subject = self.subject.iter().map(|(name, _)| (*name).to_owned());
        locals.chain(subject).chain(["ci".to_owned()]).chain(VARIABLES.iter().map(|v| v.name.to_owned())).collect()
    }

    fn select(&mut self, node: &IdedExpr, select: &SelectExpr) -> Option<Type> {
        let name = &select.field;
        if let Expr::Ident(operand) = &select.operand.expr
            && operand == "ci"
        {
            let what = format!("`ci` has no `{name}`");
            self.fault(node, what, "write `ci.branch(\"main\")`");
            return None;
        }
        let record = match self.type_of(&select.operand)? {
            Type::Record(record) => record,
            Type::Records(_) => {
                let list = shown(&select.operand);
                let mend = format!("ask about its members: `{}.exists(x, x.{name} …)`", list.trim_matches('`'));
                self.fault(node, format!("{list} is a list and has no `{name}`"), mend);
                return None;
            }
            other => {
                let what = format!("{} is {} and has no `{name}`", shown(&select.operand), other.describe());
                self.fault(node, what, "remove what stands behind the dot");
                return None;
            }
        };
        let Some(field) = record.field(name) else {
            let what = format!("{} has no field `{name}`", record.one);
            self.fault(node, what, mend_for_unknown(name, record.fields.iter().map(|field| field.name)));
            return None;
        };
        if select.test {
            return Some(Type::Bool);
        }
        self.fields.insert(node.id, field);
        self.read(node, shown(node).trim_matches('`').to_owned());
        Some(field.ty)
    }

    /// A macro: `exists`, `all`, `exists_one`, `filter`, `map`.
    fn fold(&mut self, node: &IdedExpr, fold: &ComprehensionExpr) -> Option<Type> {
        self.macros += 1;
        if self.macros > 1 {
            let mend = "split the condition over two steps; `each` already goes through a list";
            self.fault(node, "a second `exists`, `all`, `filter` or `map`", mend);
            return None;
        }
        let member = match self.type_of(&fold.iter_range)? {
            Type::Records(record) => Type::Record(record),
            Type::List(member) => *member,
            other => {
                let what = format!("{} is {}, not a list", shown(&fold.iter_range), other.describe());
                self.fault(&fold.iter_range, what, "go through a list, for example `errors.exists(e, …)`");
                return None;
            }
        };
        let name = &fold.iter_var;
        if variable(name).is_some() || self.subject.is_some_and(|(subject, _)| subject == name) || name == "ci" {
            let what = format!("`{name}` already means something else here");
            self.fault(node, what, "choose another name for the member, for example `x`");
            return None;
        }
        self.cost.over = list_of(&fold.iter_range);
        let before = self.cost.base;
        self.locals.push((name.clone(), member));
        let found = self.body(node, fold);
        self.locals.pop();
        self.cost.per_member = self.cost.base - before;
        found
    }

    fn body(&mut self, node: &IdedExpr, fold: &ComprehensionExpr) -> Option<Type> {
        let Expr::Call(step) = &fold.loop_step.expr else { return self.strange(node) };
        let condition = |checker: &mut Self, part: &IdedExpr| match checker.type_of(part)? {
            Type::Bool => Some(Type::Bool),
            other => {
                let what = format!("this should be true or false, but {} is {}", shown(part), other.describe());
                checker.fault(part, what, "compare it with something, for example with `==`");
                None
            }
        };
        match (step.func_name.as_str(), step.args.as_slice()) {
            // exists, all: `@result || CONDITION`, `@result && CONDITION`
            (op::LOGICAL_OR | op::LOGICAL_AND, [_, part]) => condition(self, part),
            // map: `@result + [VALUE]`
            (op::ADD, [_, appended]) => self.appended(node, appended),
            // exists_one: `CONDITION ? @result + 1 : @result`; filter, map with three: `… ? @result + [VALUE] : …`
            (op::CONDITIONAL, [part, then, _]) => {
                condition(self, part)?;
                match &then.expr {
                    Expr::Call(CallExpr { args, .. }) if args.len() == 2 => match &args[1].expr {
                        Expr::List(_) => self.appended(node, &args[1]),
                        _ => Some(Type::Bool),
                    },
                    _ => self.strange(node),
                }
            }
            _ => self.strange(node),
        }
    }

    fn appended(&mut self, node: &IdedExpr, list: &IdedExpr) -> Option<Type> {
        let Expr::List(list) = &list.expr else { return self.strange(node) };
        let [value] = list.elements.as_slice() else { return self.strange(node) };
        let listed = self.type_of(value)?.listed();
        if listed.is_none() {
            self.fault(
                node,
                "`map` to lists is not of use here",
                "map to one field, for example `errors.map(e, e.id)`",
            );
        }
        listed
    }

    fn strange(&mut self, node: &IdedExpr) -> Option<Type> {
        self.fault(node, "this cannot be read", "use `exists`, `all`, `exists_one`, `filter` or `map`");
        None
    }

    fn read_list(&mut self, text: &str, kind: &Kind) {
        self.kinds.insert(kind.clone());
        if self.reads.iter().all(|read| read.text != text) {
            self.reads.push(Read { text: text.to_owned(), what: ReadWhat::List(kind.clone()) });
        }
    }

    /// Notes that `node` is read, unless it depends on the member that a macro is at.
    pub(super) fn read(&mut self, node: &IdedExpr, text: String) {
        let local = self.locals.iter().any(|(name, _)| mentions(node, name));
        if !local && self.reads.iter().all(|read| read.text != text) {
            self.reads.push(Read { text, what: ReadWhat::Node(node.clone()) });
        }
    }

    pub(super) fn reads_kind(&mut self, kind: Kind) {
        self.kinds.insert(kind);
    }

    pub(super) fn add_match_cost(&mut self) {
        self.cost.base += MATCH_COST;
    }
}

fn mentions(node: &IdedExpr, name: &str) -> bool {
    match &node.expr {
        Expr::Ident(found) => found == name,
        Expr::Select(select) => mentions(&select.operand, name),
        Expr::Call(call) => {
            call.target.iter().any(|target| mentions(target, name)) || call.args.iter().any(|arg| mentions(arg, name))
        }
        _ => false,
    }
}

/// The kind of the list that a macro goes through.
fn list_of(range: &IdedExpr) -> Option<Kind> {
    match &range.expr {
        Expr::Ident(name) => match name.strip_prefix("signals.") {
            Some(kind) => Some(Kind::Custom(kind.to_owned())),
            None => kind_of(name),
        },
        Expr::Call(call) => call.args.iter().find_map(list_of),
        _ => None,
    }
}
