//! One step of a process file.
//!
//! Called by `parse` for each entry of `steps`. Knows this step only; what two steps may not have in common is
//! `parse`'s business.

use super::keys::{ESCALATE_KEYS, LEAST_CONFIDENCE};
use super::values::{self, told};
use super::{ASKED, Check, Escalation, List, Occasion, OwnerMode, Period, Step, StepKind, Times, Work};
use crate::expr::{Expression, Scope};
use crate::files::{Fields, Node, Place, Problems, Value};
use crate::ids::{Environment, StepId};

/// A step, and where its parts stand that other parts of the file may contradict.
pub(super) struct Read {
    pub step: Step,
    pub id_place: Place,
    pub checklist_place: Option<Place>,
    pub rollout_place: Option<Place>,
    pub was_place: Option<Place>,
}

/// The four ways to open items; a step has exactly one.
const KINDS: [&str; 4] = ["while", "each", "once", "every"];

/// Reads one step. `None` when it cannot stand in a process; then there is a problem for each reason.
pub(super) fn read(node: &Node, text: &str, problems: &mut Problems) -> Option<Read> {
    let mut own = Fields::of(node, "a step", problems)?;
    let fields = &mut own;
    let id = fields.required_text("id", "give it a short name, for example `id: main-green`", problems);
    let id = id.filter(|(id, place)| values::id("the id of a step", id, *place, problems));
    if let Some((id, place)) = &id
        && id == ASKED
    {
        let what = format!("`{ASKED}` is the built-in step for what people ask");
        problems.add(*place, what, "choose another id");
    }
    let goal = fields.required_text("goal", "say what it is for, for example `goal: Keep main green`", problems);
    let goal = goal.and_then(|(goal, place)| values::line("the goal", &goal, place, problems));
    let kind = kind(fields, text, problems);
    let work = work(fields, kind.as_ref(), problems);
    let owner = owner(fields, kind.as_ref(), problems);
    let checklist = fields.text("checklist", problems);
    let blocks_rollout = blocks(fields, &work, problems);
    let times = times(fields, kind.as_ref(), problems);
    let escalate = escalate(fields, problems);
    let expects_minutes = fields.number("expects", 1, 1_440, problems).and_then(|number| u32::try_from(number).ok());
    let limit = fields.number("limit", 1, 1_000, problems).and_then(|number| usize::try_from(number).ok());
    if limit.is_some() && kind.as_ref().is_some_and(|kind| !matches!(kind, StepKind::Each { .. })) {
        problems.add(fields.place_of("limit"), "`limit` works only with `each`", "remove `limit`");
    }
    let reviewers = fields.texts("reviewers", problems);
    let reviewers =
        reviewers.into_iter().filter_map(|(name, place)| values::line("a reviewer", &name, place, problems)).collect();
    let was = fields.text("was", problems);
    let was = was.filter(|(was, place)| values::id("the id of a step", was, *place, problems));
    let place = fields.place;
    let rollout_place = fields.place_of("rollout");
    own.finish(problems);
    let (id, id_place) = id?;
    let step = Step {
        id: StepId::new(id),
        goal: goal?,
        kind: kind?,
        owner,
        checklist: checklist.as_ref().map(|(name, _)| name.clone()),
        blocks_rollout,
        times,
        escalate,
        expects_minutes,
        limit,
        reviewers,
        was: was.as_ref().map(|(was, _)| StepId::from(was.as_str())),
        place,
        work: work?,
    };
    Some(Read {
        id_place,
        checklist_place: checklist.map(|(_, place)| place),
        rollout_place: matches!(step.work, Work::Rollout(_)).then_some(rollout_place),
        was_place: was.map(|(_, place)| place),
        step,
    })
}

fn kind(fields: &mut Fields<'_>, text: &str, problems: &mut Problems) -> Option<StepKind> {
    let given: Vec<&str> = KINDS.into_iter().filter(|key| fields.has(key)).collect();
    let empty: Vec<&str> = KINDS.into_iter().filter(|key| fields.has(key) && fields.node(key).is_none()).collect();
    for key in &empty {
        problems.add(fields.place_of(key), format!("`{key}` is empty"), "write what opens an item, or remove it");
    }
    let condition = condition(fields, "while", text, &Scope::Condition, problems);
    let each = fields.text("each", problems).and_then(|(each, place)| values::each(&each, place, problems));
    let filter = match &each {
        Some((variable, list)) => {
            let scope = Scope::Filter { variable: variable.clone(), kind: list.kind() };
            self::condition(fields, "where", text, &scope, problems)
        }
        None => {
            fields.node("where");
            None
        }
    };
    let once = fields.text("once", problems);
    let once = once.and_then(|(word, place)| values::word("once", &word, place, &Period::ALL, problems));
    let every = fields.text("every", problems).and_then(|(every, place)| match every.as_str() {
        "rollout" => Some(Occasion::Rollout),
        other => values::length("every", other, place, problems).map(Occasion::Duration),
    });
    if fields.has("where") && !fields.has("each") {
        let mend = "add `each`, for example `each: error in errors`, or write the condition as `while`";
        problems.add(fields.place_of("where"), "`where` works only with `each`", mend);
    } else if fields.has("where") && fields.node("where").is_none() {
        problems.add(fields.place_of("where"), "`where` is empty", "write what opens an item, or remove it");
    }
    match given.as_slice() {
        [] => {
            let mend = "add one of `while: CONDITION`, `each: error in errors`, `once: shift`, `every: rollout`";
            problems.add(fields.place, "the step does not say what opens an item", mend);
            return None;
        }
        [_] => {}
        [first, second, ..] => {
            let place = fields.place_of(first).max(fields.place_of(second));
            let what = format!("a step has one kind, but this one has `{first}` and `{second}`");
            problems.add(place, what, "make two steps of it");
            return None;
        }
    }
    if let Some(condition) = condition {
        return Some(StepKind::While(condition));
    }
    if let Some((variable, list)) = each {
        let wanted = fields.has("where");
        return (filter.is_some() || !wanted).then_some(StepKind::Each { variable, list, filter });
    }
    once.map(StepKind::Once).or(every.map(StepKind::Every))
}

fn condition(
    fields: &mut Fields<'_>,
    key: &'static str,
    text: &str,
    scope: &Scope,
    problems: &mut Problems,
) -> Option<Expression> {
    let block = fields.node(key)?.block;
    let (source, place) = fields.text(key, problems)?;
    // Escapes and folded lines move characters about; then only the start of the text can be pointed at.
    let block = block || !stands_at(text, place, &source);
    Expression::compile(&source, place, block, scope, problems)
}

/// Whether `source` stands in the file at `place` just as it is.
fn stands_at(text: &str, place: Place, source: &str) -> bool {
    let line = text.lines().nth(place.line as usize - 1).unwrap_or_default();
    line.chars().skip(place.column as usize - 1).take(source.chars().count()).eq(source.chars())
}

fn work(fields: &mut Fields<'_>, kind: Option<&StepKind>, problems: &mut Problems) -> Option<Work> {
    let check = fields.text("check", problems);
    let rollout = fields.text("rollout", problems);
    if let (Some((_, place)), Some(_)) = (&check, &rollout) {
        problems.add(*place, "a step checks or rolls out, not both", "make two steps of it");
        return None;
    }
    let is_task = kind.is_none_or(|kind| matches!(kind, StepKind::Once(_) | StepKind::Every(_)));
    if let Some((word, place)) = check {
        let check = values::word("check", &word, place, &Check::ALL, problems);
        if !is_task {
            problems.add(
                fields.place_of("check"),
                "`check` works only with `once` or `every`",
                "write `every: rollout`",
            );
            return None;
        }
        return check.map(Work::Check);
    }
    if let Some((environment, place)) = rollout {
        let fine = values::id("an environment", &environment, place, problems);
        if kind.is_some_and(|kind| !matches!(kind, StepKind::Once(_))) {
            let mend = "write `once: shift`, and the hours as `after` and `before`";
            problems.add(fields.place_of("rollout"), "`rollout` works only with `once`", mend);
            return None;
        }
        return fine.then(|| Work::Rollout(Environment::new(environment)));
    }
    Some(Work::Person)
}

fn owner(fields: &mut Fields<'_>, kind: Option<&StepKind>, problems: &mut Problems) -> OwnerMode {
    let mode = fields.text("owner", problems).and_then(|(word, place)| {
        let mode = values::word("owner", &word, place, &OwnerMode::ALL, problems)?;
        let over_errors = kind.is_none_or(|kind| matches!(kind, StepKind::Each { list: List::Errors, .. }));
        if mode == OwnerMode::WriteBack && !over_errors {
            let what = "`owner: write-back` tells the error tracker, but this step is not about errors";
            problems.add(place, what, "write `owner: suggest`");
        }
        Some(mode)
    });
    let place = fields.has("confidence").then(|| fields.place_of("confidence"));
    let confidence = fields.number("confidence", LEAST_CONFIDENCE, 100, problems);
    match (mode.unwrap_or_default(), place) {
        (OwnerMode::Auto { percent }, _) => {
            OwnerMode::Auto { percent: confidence.and_then(|number| u8::try_from(number).ok()).unwrap_or(percent) }
        }
        (mode, Some(place)) => {
            problems.add(
                place,
                "`confidence` works only with `owner: auto`",
                "remove `confidence`, or write `owner: auto`",
            );
            mode
        }
        (mode, None) => mode,
    }
}

fn blocks(fields: &mut Fields<'_>, work: &Option<Work>, problems: &mut Problems) -> bool {
    let blocked = fields.texts("blocks", problems);
    for (word, place) in blocked.iter().filter(|(word, _)| word != "rollout") {
        let what = format!("`blocks: {}` is not possible", told(word));
        problems.add(*place, what, "write `blocks: [rollout]`, the only thing that a step can block");
    }
    let blocks = blocked.iter().any(|(word, _)| word == "rollout");
    if blocks && matches!(work, Some(Work::Rollout(_))) {
        problems.add(
            fields.place_of("blocks"),
            "a rollout that blocks the rollout could never go out",
            "remove `blocks`",
        );
    }
    blocks
}

fn times(fields: &mut Fields<'_>, kind: Option<&StepKind>, problems: &mut Problems) -> Times {
    let after = fields.node("after").and_then(|node| values::time("after", node, problems));
    let before = fields.node("before").and_then(|node| values::time("before", node, problems));
    if let (Some(after), Some(before)) = (after, before)
        && after >= before
    {
        let what = format!("`after` {} is not earlier than `before` {}", clock(after), clock(before));
        let mend = "let `after` be the earlier of the two; a step cannot go past midnight";
        problems.add(fields.place_of("before"), what, mend);
    }
    let nodes = fields.list("at");
    let at: Vec<_> = nodes.iter().filter_map(|node| values::time("at", node, problems)).collect();
    if at.len() == nodes.len()
        && let Some(index) = at.windows(2).position(|pair| pair[0] >= pair[1])
    {
        let what = format!("{} follows {} in `at`", clock(at[index + 1]), clock(at[index]));
        problems.add(nodes[index + 1].place, what, "list each time once, the earliest first");
    }
    if fields.has("at") && nodes.is_empty() {
        problems.add(fields.place_of("at"), "`at` is empty", "write for example `at: [\"11:00\", \"15:00\"]`");
    }
    if fields.has("at") {
        if fields.has("after") || fields.has("before") {
            let what = "`at` does not go with `after` or `before`";
            problems.add(fields.place_of("at"), what, "keep one of them");
        } else if kind.is_some_and(|kind| !matches!(kind, StepKind::Once(_))) {
            problems.add(fields.place_of("at"), "`at` works only with `once`", "write `once: shift`, or remove `at`");
        }
    }
    Times { after, before, at }
}

fn clock(time: jiff::civil::Time) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn escalate(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Escalation> {
    let node = fields.node("escalate")?;
    if !matches!(node.value, Value::Map(_)) {
        let mend = "write for example `escalate: {after: 30m, to: lead}`";
        problems.add(node.place, "`escalate` should say when and to whom", mend);
        return None;
    }
    let mut own = Fields::of(node, "`escalate`", problems)?;
    let after = own.required_text(ESCALATE_KEYS[0].name, "write for example `after: 30m`", problems);
    let after = after.and_then(|(after, place)| values::length("after", &after, place, problems));
    let to = own.required_text(ESCALATE_KEYS[1].name, "name an engineer or a team, for example `to: lead`", problems);
    let to = to.and_then(|(to, place)| values::line("`to`", &to, place, problems));
    own.finish(problems);
    Some(Escalation { after: after?, to: to? })
}
