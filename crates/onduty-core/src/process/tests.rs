//! What good files mean, what changed between two of them, and that no file can hurt.

use super::*;
use jiff::civil::time;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn parsed(text: &str) -> Process {
    parse("p.yml", text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

#[test]
fn the_starter_is_the_seed_algorithm_on_one_screen() {
    let process = parsed(STARTER);
    assert!(STARTER.lines().count() <= 60);
    assert_eq!(process.duty.as_str(), "developers");
    let ids: Vec<&str> = process.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["main-green", "staging-errors", "production-errors", "performance", "rollout"]);
    let blocking: Vec<bool> = process.steps.iter().map(|step| step.blocks_rollout).collect();
    assert_eq!(blocking, [true, true, false, false, false]);
    let [main_green, staging, production, performance, rollout] = process.steps.as_slice() else { panic!() };
    assert!(matches!(&main_green.kind, StepKind::While(c) if c.source() == "ci.branch(\"main\") == \"failing\""));
    assert!(matches!(&staging.kind, StepKind::Each { variable, list: List::Errors, filter: Some(filter) }
        if variable == "error" && filter.source() == "error.environment == \"staging\" && error.first_seen > workdays_ago(2)"));
    assert_eq!(production.owner, OwnerMode::WriteBack);
    assert_eq!(performance.kind, StepKind::Every(Occasion::Rollout));
    assert_eq!(performance.work, Work::Check(Check::Performance));
    assert_eq!(rollout.kind, StepKind::Once(Period::Shift));
    assert_eq!(rollout.work, Work::Rollout(Environment::from("production")));
    assert_eq!(rollout.times.after, Some(time(16, 0, 0, 0)));
    assert_eq!(rollout.place, Place { line: 27, column: 5 });
    for step in [main_green, staging, production, rollout] {
        assert!(process.checklist_of(step).len() >= 4, "{}", step.id);
    }
}

#[test]
fn every_key_is_read() {
    let process = parsed(
        r#"
process: dev-ops
steps:
  - id: disks
    goal: No disk runs full
    each: disk in signals["disk-space"]
    where: disk.state == "failing"
    owner: none
    after: 09:30
    before: '17:00'
    escalate: {after: 1h 30m, to: lead}
    expects: 15
    limit: 20
    reviewers: [lena, ops]
    was: old-disks
    blocks: rollout
  - id: hello
    goal: Say hello
    once: week
    at: ["11:00", 15:00]
    checklist: one
  - {id: coffee, goal: Look up, every: 1d2h3m}
  - id: folded
    goal: Main is fine
    while: >
      ci.branch("main") == "failing" ||
      ci.branch("main", "acme/api") == "failing"
checklists:
  one: Say hello
"#,
    );
    let disks = &process.steps[0];
    assert!(matches!(&disks.kind, StepKind::Each { list: List::Custom(kind), .. } if kind == "disk-space"));
    assert_eq!(disks.times, Times { after: Some(time(9, 30, 0, 0)), before: Some(time(17, 0, 0, 0)), at: Vec::new() });
    assert_eq!(disks.escalate, Some(Escalation { after: SignedDuration::from_mins(90), to: "lead".to_owned() }));
    assert_eq!((disks.expects_minutes, disks.limit), (Some(15), Some(20)));
    assert_eq!(disks.reviewers, ["lena", "ops"]);
    assert_eq!(disks.was, Some(StepId::from("old-disks")));
    assert!(disks.blocks_rollout);
    assert_eq!(process.steps[1].times.at, [time(11, 0, 0, 0), time(15, 0, 0, 0)]);
    assert_eq!(process.checklist_of(&process.steps[1]), ["Say hello"]);
    let length = SignedDuration::from_mins(26 * 60 + 3);
    assert_eq!(process.steps[2].kind, StepKind::Every(Occasion::Duration(length)));
}

/// The changes from the starter to the starter with `from` replaced by `to`; `!` marks what loosens the gate.
fn check_diff(replacements: &[(&str, &str)], expected: &[&str]) {
    let mut changed = STARTER.to_owned();
    for (from, to) in replacements {
        assert!(changed.contains(from), "{from}");
        changed = changed.replacen(from, to, 1);
    }
    let changes = diff(&parsed(STARTER), &parsed(&changed));
    let told = |change: &Change| format!("{}{change}", if change.loosens_gate() { "! " } else { "" });
    assert_eq!(changes.iter().map(told).collect::<Vec<_>>(), expected, "{replacements:?}");
}

#[test]
fn a_diff_speaks_of_steps_and_not_of_lines() {
    check_diff(&[], &[]);
    check_diff(
        &[("# one item while the condition holds", "# a comment"), ("owner: suggest", "owner:   'suggest'")],
        &[],
    );
    check_diff(
        &[("goal: Keep main green", "goal: Main is green")],
        &["step main-green: goal changed from `Keep main green` to `Main is green`"],
    );
    check_diff(&[("id: main-green", "id: green\n    was: main-green")], &["step main-green is now called green"]);
    check_diff(
        &[("id: main-green", "id: green")],
        &[
            "new step green (Keep main green), which blocks the rollout",
            "! step main-green (Keep main green) is gone; it blocked the rollout",
        ],
    );
    check_diff(&[("    blocks: [rollout]\n", "")], &["! step main-green does not block the rollout any more"]);
    check_diff(
        &[("    check: performance ", "    blocks: [rollout]\n    check: performance ")],
        &["step performance now blocks the rollout"],
    );
    check_diff(
        &[("workdays_ago(2)", "workdays_ago(1)")],
        &[
            "! step staging-errors: `each: error in errors, where: error.environment == \"staging\" && error.first_seen > \
         workdays_ago(2)` became `each: error in errors, where: error.environment == \"staging\" && error.first_seen > \
         workdays_ago(1)`",
        ],
    );
    check_diff(
        &[("&& !error.assigned", "&& error.count > 3")],
        &[
            "step production-errors: `each: error in errors, where: error.environment == \"production\" && !error.assigned` \
         became `each: error in errors, where: error.environment == \"production\" && error.count > 3`",
        ],
    );
    check_diff(
        &[("after: \"16:00\"", "after: \"15:30\"")],
        &["! step rollout: times changed from `after 16:00` to `after 15:30`"],
    );
    check_diff(
        &[("after: \"16:00\"", "after: \"16:30\"\n    before: \"17:00\"")],
        &["step rollout: times changed from `after 16:00` to `after 16:30, before 17:00`"],
    );
    check_diff(
        &[("after: \"16:00\"", "at: [\"16:00\", \"17:00\"]")],
        &["! step rollout: times changed from `after 16:00` to `at 16:00, at 17:00`"],
    );
    check_diff(&[("    after: \"16:00\" ", "    ")], &["! step rollout: times changed from `after 16:00` to nothing"]);
    check_diff(
        &[("    blocks: [rollout]\n", "    blocks: [rollout]\n    after: \"12:00\"\n")],
        &["! step main-green: times changed from nothing to `after 12:00`"],
    );
    check_diff(&[("once: shift", "once: week")], &["! step rollout: `once: shift` became `once: week`"]);
    check_diff(
        &[("rollout: production", "rollout: europe")],
        &["! step rollout: the work changed from `rollout: production` to `rollout: europe`"],
    );
    check_diff(&[("every: rollout", "every: 2h")], &["step performance: `every: rollout` became `every: 2h`"]);
    check_diff(
        &[(
            "    owner: suggest\n    checklist",
            "    owner: suggest\n    escalate: {after: 90m, to: lead}\n    checklist",
        )],
        &["step main-green: escalate changed from nothing to `after 1h30m to lead`"],
    );
    check_diff(
        &[("    - Read the first error in the log, not the last one\n", "    - Breathe\n    - Read\n")],
        &["checklist troubleshoot-ci: 2 lines new, 1 line gone"],
    );
    check_diff(&[("checklists:", "checklists:\n  hello: [Say hello]")], &["new checklist hello"]);
}

#[test]
fn a_diff_names_the_fewest_steps_that_moved() {
    let text = |ids: &[&str]| {
        let step = |id: &&str| format!("  - {{id: {id}, goal: Do it, once: day}}\n");
        format!("process: x\nsteps:\n{}", ids.iter().map(step).collect::<String>())
    };
    let check = |new: &[&str], expected: &[&str]| {
        let changes = diff(&parsed(&text(&["a", "b", "c", "d"])), &parsed(&text(new)));
        assert_eq!(changes.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        assert!(changes.iter().all(|change| !change.loosens_gate()));
    };
    check(&["b", "c", "d", "a"], &["step a moved behind d"]);
    check(&["d", "a", "b", "c"], &["step d moved to the top"]);
    check(&["a", "b", "x", "c", "d"], &["new step x (Do it)"]);
    check(&["a", "c", "d"], &["step b (Do it) is gone"]);
}

fn published(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// Compares a published file with what the tables say; writes it with `UPDATE_SCHEMA=1`.
fn check_published(name: &str, expected: &str) {
    let path = published(name);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/{name} is out of date: run this test with UPDATE_SCHEMA=1");
}

#[test]
fn the_published_schema_is_the_one_of_the_tables() {
    let schema = json_schema();
    check_published("schema/process.schema.json", &format!("{}\n", serde_json::to_string_pretty(&schema).unwrap()));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["$defs"]["step"]["properties"]["owner"]["enum"][2], "write-back");
}

#[test]
fn the_schema_has_the_keys_that_the_parser_asks_for() {
    let asked = |text: &str| -> Vec<String> {
        let problem =
            parse("p.yml", text).unwrap_err().into_iter().find(|problem| problem.what.contains("no key")).unwrap();
        let mut keys: Vec<String> = problem.mend.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        keys.sort();
        keys.dedup();
        keys
    };
    let tabled = |keys: &[keys::Key]| -> Vec<String> {
        let mut names: Vec<String> = keys.iter().map(|key| key.name.to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(asked("zzzzzzzzzzzz: 1\n"), tabled(keys::FILE_KEYS));
    assert_eq!(asked("steps: [{zzzzzzzzzzzz: 1}]\n"), tabled(keys::STEP_KEYS));
    assert_eq!(asked("steps: [{escalate: {zzzzzzzzzzzz: 1}}]\n"), tabled(keys::ESCALATE_KEYS));
}

#[test]
fn the_documentation_has_the_tables() {
    let path = "process.md";
    let mut text = std::fs::read_to_string(published(path)).unwrap();
    for (name, table) in [("keys", keys_markdown()), ("variables", crate::expr::variables_markdown())] {
        let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
        let start = text.find(&begin).unwrap() + begin.len();
        let stop = start + text[start..].find(&end).unwrap();
        text.replace_range(start..stop, &format!("\n{table}\n"));
    }
    check_published(path, &text);
}

#[test]
fn the_examples_of_the_documentation_are_good_files() {
    let text = std::fs::read_to_string(published("process.md")).unwrap();
    let blocks: Vec<&str> = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 3);
    for block in blocks {
        let file = match block.starts_with("process:") {
            true => block.to_owned(),
            false => format!("process: x\nsteps:\n{block}"),
        };
        parsed(&file);
    }
}

/// A starter that somebody changed without looking.
fn mutated() -> impl Strategy<Value = String> {
    let junk = prop_oneof![
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("(".to_owned()),
        Just("[".to_owned()),
        Just("{".to_owned()),
        Just(")".to_owned()),
        Just("]".to_owned()),
        Just(":".to_owned()),
        Just("- ".to_owned()),
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just("\t".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("!x ".to_owned()),
        Just("|".to_owned()),
        Just(">".to_owned()),
        Just("&&".to_owned()),
        Just("?".to_owned()),
        Just("\\".to_owned()),
        Just("ü".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\0".to_owned()),
        Just("9".repeat(30)),
        Just("((((".repeat(30)),
        Just(".exists(x, ".to_owned()),
        Just("errors".to_owned()),
        Just("signals.a-b".to_owned()),
        Just("null".to_owned()),
        Just("%".to_owned()),
        Just("1 + ".repeat(50)),
        Just("!".repeat(150)),
        "\\PC{0,12}",
    ];
    let edit = (any::<prop::sample::Index>(), 0_usize..40, junk);
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut chars: Vec<char> = STARTER.chars().collect();
        for (place, removed, added) in edits {
            let start = place.index(chars.len());
            let end = (start + removed).min(chars.len());
            chars.splice(start..end, added.chars());
        }
        chars.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_can_hurt(text in mutated()) {
        let started = std::time::Instant::now();
        let lines = text.lines().count() as u32 + 1;
        match parse("p.yml", &text) {
            Ok(process) => prop_assert_eq!(diff(&process, &process), Vec::new()),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!((1..=lines).contains(&problem.place.line), "{}", problem);
                    prop_assert!(!problem.what.is_empty() && !problem.mend.is_empty());
                    prop_assert!(problem.to_string().chars().all(|c| !c.is_control() && c != '\u{202e}'), "{}", problem);
                }
            }
        }
        prop_assert!(started.elapsed().as_secs() < 2);
    }
}
