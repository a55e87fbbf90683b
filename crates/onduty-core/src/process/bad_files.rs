//! Bad process files, and the exact message that each gets: read them aloud before you change one.

use super::parse;

/// A file with one step of the given further keys.
fn step(keys: &[&str]) -> String {
    let keys: String = keys.iter().map(|key| format!("    {key}\n")).collect();
    format!("process: developers\nsteps:\n  - id: a\n    goal: Do it\n{keys}")
}

fn check(case: &str, text: &str, expected: &[&str]) {
    let started = std::time::Instant::now();
    let found: Vec<String> = match parse("p.yml", text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    let expected: Vec<String> = expected.iter().map(|line| format!("p.yml:{line}")).collect();
    assert_eq!(found, expected, "{case}");
    assert!(started.elapsed().as_secs() < 2, "{case} took {:?}", started.elapsed());
}

#[test]
fn files_that_are_not_processes() {
    check("an empty file", "", &["1:1: the file is empty; start from the file that `onduty init` writes"]);
    check("only a comment", "# nothing\n", &["1:1: the file is empty; start from the file that `onduty init` writes"]);
    check(
        "a text instead of a file",
        "hello\n",
        &["1:1: a process file should be a map of keys, but is a text; write one `key: value` a line"],
    );
    check(
        "a list instead of a file",
        "- a\n- b\n",
        &["1:1: a process file should be a map of keys, but is a list; write one `key: value` a line"],
    );
    check(
        "not YAML",
        "process: developers\nsteps: [\n",
        &[
            "3:1: this is not YAML: while parsing a node, did not find expected node content; check indentation, quotes and brackets on this line and the one above",
        ],
    );
    check(
        "a tab for indentation",
        "process: developers\nsteps:\n\t- id: a\n",
        &[
            "3:2: this is not YAML: tabs disallowed within this context (block indentation); check indentation, quotes and brackets on this line and the one above",
        ],
    );
    check(
        "two documents",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\n---\nprocess: b\n",
        &["6:1: a second document starts here; keep one document a file: remove the line `---`"],
    );
    check(
        "an alias",
        "process: developers\nsteps: &all\n  - {id: a, goal: Do it, once: shift}\nchecklists: *all\n",
        &["4:13: an alias (`*name`) is not allowed; write the value out where it is needed"],
    );
    check("a tag", &step(&["once: !!str shift"]), &["5:11: a tag (`!name`) is not allowed; remove the tag"]);
    check("a zero byte", "process: a\0b\n", &["1:11: a zero byte in the text; save the file as plain UTF-8 text"]);
    check(
        "a key twice",
        &step(&["once: shift", "once: week"]),
        &["6:5: `once` is given twice, first on line 5; keep one of the two"],
    );
    check(
        "an unknown key of the file",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\ncheck-lists:\n  x: [a]\n",
        &["6:1: a process file has no key `check-lists`; did you mean `checklists`?"],
    );
    check(
        "no process name",
        "steps:\n  - id: a\n    goal: Do it\n    once: shift\n",
        &["1:1: a process file has no `process`; start with the name of the duty: `process: developers`"],
    );
    check(
        "a process name with capitals",
        "process: Dev Ops\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\n",
        &["1:10: `Dev Ops` cannot be the name of a duty; write for example `dev-ops`"],
    );
    check(
        "no steps",
        "process: developers\n",
        &["1:1: there are no steps; list steps below `steps:`, each starting with `- id:`"],
    );
    check(
        "an empty list of steps",
        "process: developers\nsteps: []\n",
        &["2:8: there are no steps; list steps below `steps:`, each starting with `- id:`"],
    );
    check(
        "steps as a map",
        "process: developers\nsteps:\n  a: {goal: Do it}\n",
        &["3:3: `steps` should be a list, but is a map of keys; list steps below `steps:`, each starting with `- id:`"],
    );
    check(
        "a step that is a text",
        "process: developers\nsteps:\n  - keep main green\n",
        &["3:5: a step should be a map of keys, but is a text; write one `key: value` a line"],
    );
    check(
        "a step of nothing",
        "process: developers\nsteps:\n  -\n",
        &["3:4: a step should be a map of keys, but is nothing; write one `key: value` a line"],
    );
}

#[test]
fn steps_that_cannot_be() {
    check(
        "no id and no goal",
        "process: developers\nsteps:\n  - once: shift\n",
        &[
            "3:5: a step has no `goal`; say what it is for, for example `goal: Keep main green`",
            "3:5: a step has no `id`; give it a short name, for example `id: main-green`",
        ],
    );
    check(
        "a bad id",
        "process: developers\nsteps:\n  - id: Main Green!\n    goal: Do it\n    once: shift\n",
        &["3:9: `Main Green!` cannot be the id of a step; write for example `main-green`"],
    );
    check(
        "the built-in id",
        "process: developers\nsteps:\n  - id: asked\n    goal: Do it\n    once: shift\n",
        &["3:9: `asked` is the built-in step for what people ask; choose another id"],
    );
    check(
        "an empty goal",
        "process: developers\nsteps:\n  - id: a\n    goal: \" \"\n    once: shift\n",
        &["4:12: the goal is empty; write a few words, or remove it"],
    );
    check(
        "an endless goal",
        &step(&["once: shift"]).replace("Do it", &"x".repeat(501)),
        &["4:11: the goal has 501 characters, more than 500; shorten it"],
    );
    check(
        "an unknown key of a step",
        &step(&["once: shift", "chekclist: x"]),
        &["6:5: a step has no key `chekclist`; did you mean `checklist`?"],
    );
    check(
        "no kind",
        &step(&["owner: suggest"]),
        &[
            "3:5: the step does not say what opens an item; add one of `while: CONDITION`, `each: error in errors`, `once: shift`, `every: rollout`",
        ],
    );
    check(
        "two kinds",
        &step(&["while: size(errors) > 0", "once: shift"]),
        &["6:5: a step has one kind, but this one has `while` and `once`; make two steps of it"],
    );
    check(
        "three kinds",
        &step(&["each: error in errors", "once: shift", "while: size(errors) > 0"]),
        &["7:5: a step has one kind, but this one has `while` and `each`; make two steps of it"],
    );
    check("an empty condition", &step(&["while:"]), &["5:5: `while` is empty; write what opens an item, or remove it"]);
    check(
        "where without each",
        &step(&["once: shift", "where: error.assigned"]),
        &[
            "6:5: `where` works only with `each`; add `each`, for example `each: error in errors`, or write the condition as `while`",
        ],
    );
    check(
        "an empty where",
        &step(&["each: error in errors", "where:"]),
        &["6:5: `where` is empty; write what opens an item, or remove it"],
    );
    check(
        "a period that does not exist",
        &step(&["once: month"]),
        &["5:11: `once: month` is not known; use one of `shift`, `day`, `week`"],
    );
    check(
        "an occasion that does not exist",
        &step(&["every: deploy"]),
        &["5:12: `every: deploy` is not a length of time; write for example `30m`, `2h` or `1h30m`"],
    );
    check(
        "an occasion too seldom",
        &step(&["every: 8d"]),
        &["5:12: `every: 8d` is out of range; write from `1m` to `7d`"],
    );
    check(
        "an occasion of no length",
        &step(&["every: 0m"]),
        &["5:12: `every: 0m` is out of range; write from `1m` to `7d`"],
    );
    check(
        "each without a name",
        &step(&["each: errors"]),
        &["5:11: `each: errors` does not name a list; write `each: error in errors`"],
    );
    check(
        "each through nothing known",
        &step(&["each: error in erors"]),
        &["5:11: `each` cannot go through `erors`; did you mean `errors`?"],
    );
    check(
        "each through signals",
        &step(&["each: s in signals"]),
        &["5:11: `each` cannot go through `signals`; name the kind, for example `signals.certificate`"],
    );
    check(
        "each with a taken name",
        &step(&["each: errors in errors"]),
        &[
            "5:11: `errors` already means something else; choose a word of lower-case letters, for example `error` or `item`",
        ],
    );
    check(
        "each with a name of no use",
        &step(&["each: my-error in errors"]),
        &[
            "5:11: `my-error` cannot be a name in a condition; choose a word of lower-case letters, for example `error` or `item`",
        ],
    );
    check(
        "each through a built-in kind as signal",
        &step(&["each: e in signals.errors"]),
        &["5:11: `each` cannot go through `signals.errors`; write `each: e in errors`"],
    );
    check(
        "confidence without auto",
        &step(&["each: error in errors", "owner: suggest", "confidence: 80"]),
        &["7:5: `confidence` works only with `owner: auto`; remove `confidence`, or write `owner: auto`"],
    );
    check(
        "an unknown owner",
        &step(&["each: error in errors", "owner: sugest"]),
        &["6:12: `owner: sugest` is not known; did you mean `suggest`?"],
    );
    check(
        "write-back without errors",
        &step(&["while: size(errors) > 0", "owner: write-back"]),
        &[
            "6:12: `owner: write-back` tells the error tracker, but this step is not about errors; write `owner: suggest`",
        ],
    );
    check(
        "a checklist that does not exist",
        &step(&["once: shift", "checklist: rerun"]),
        &["6:16: there is no checklist `rerun`; add it below `checklists:` as `rerun:`"],
    );
    check(
        "a checklist with a typing mistake",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\n    checklist: troubleshot-ci\nchecklists:\n  troubleshoot-ci: [Rerun]\n",
        &["6:16: there is no checklist `troubleshot-ci`; did you mean `troubleshoot-ci`?"],
    );
    check(
        "an unknown check",
        &step(&["once: shift", "check: speed"]),
        &["6:12: `check: speed` is not known; use one of `performance`"],
    );
    check(
        "a check of a condition",
        &step(&["while: size(errors) > 0", "check: performance"]),
        &["6:5: `check` works only with `once` or `every`; write `every: rollout`"],
    );
    check(
        "check and rollout",
        &step(&["once: shift", "check: performance", "rollout: production"]),
        &["6:12: a step checks or rolls out, not both; make two steps of it"],
    );
    check(
        "a rollout of each error",
        &step(&["each: error in errors", "rollout: production"]),
        &["6:5: `rollout` works only with `once`; write `once: shift`, and the hours as `after` and `before`"],
    );
    check(
        "a rollout after each rollout",
        &step(&["every: rollout", "rollout: production"]),
        &["6:5: `rollout` works only with `once`; write `once: shift`, and the hours as `after` and `before`"],
    );
    check(
        "a rollout to nowhere",
        &step(&["once: shift", "rollout: Production Europe"]),
        &["6:14: `Production Europe` cannot be an environment; write for example `production-europe`"],
    );
    check(
        "a rollout that blocks itself",
        &step(&["once: shift", "rollout: production", "blocks: [rollout]"]),
        &["7:5: a rollout that blocks the rollout could never go out; remove `blocks`"],
    );
    check(
        "blocks something else",
        &step(&["while: size(errors) > 0", "blocks: [rollout, lunch]"]),
        &["6:23: `blocks: lunch` is not possible; write `blocks: [rollout]`, the only thing that a step can block"],
    );
    check(
        "two rollouts to one environment",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\n    rollout: production\n  - id: b\n    goal: Do that\n    once: day\n    rollout: production\n",
        &[
            "10:5: a second step rolls out to `production`, after line 6; keep one: several times a day are `at: [\"11:00\", \"15:00\"]`",
        ],
    );
    check(
        "two steps with one id",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\n  - id: a\n    goal: Do that\n    once: shift\n",
        &["6:9: a second step called `a`, after line 3; give it an id of its own"],
    );
    check(
        "hours without minutes",
        &step(&["once: shift", "after: 16"]),
        &["6:12: `after: 16` is not a time of day; write hours and minutes, for example \"16:00\""],
    );
    check(
        "a time of one digit",
        &step(&["once: shift", "after: 9:30"]),
        &["6:12: `after: 9:30` is not a time of day; write hours and minutes, for example \"09:30\""],
    );
    check(
        "an English time",
        &step(&["once: shift", "before: 4 pm"]),
        &["6:13: `before: 4 pm` is not a time of day; write hours and minutes, for example \"16:00\""],
    );
    check(
        "a time that does not exist",
        &step(&["once: shift", "after: \"24:00\""]),
        &["6:13: `after: 24:00` is not a time of day; write hours and minutes, for example \"16:00\""],
    );
    check(
        "after behind before",
        &step(&["once: shift", "after: \"16:00\"", "before: \"9:00\"", "at: \"11:00\""]),
        &[
            "7:14: `before: 9:00` is not a time of day; write hours and minutes, for example \"09:00\"",
            "8:5: `at` does not go with `after` or `before`; keep one of them",
        ],
    );
    check(
        "after behind before, well written",
        &step(&["once: shift", "after: \"16:00\"", "before: 09:00"]),
        &[
            "7:5: `after` 16:00 is not earlier than `before` 09:00; let `after` be the earlier of the two; a step cannot go past midnight",
        ],
    );
    check(
        "times out of order",
        &step(&["once: shift", "at: [\"15:00\", \"11:00\", \"11:00\"]"]),
        &["6:20: 11:00 follows 15:00 in `at`; list each time once, the earliest first"],
    );
    check(
        "at with after",
        &step(&["once: shift", "at: \"11:00\"", "after: \"10:00\""]),
        &["6:5: `at` does not go with `after` or `before`; keep one of them"],
    );
    check(
        "at of a condition",
        &step(&["while: size(errors) > 0", "at: \"11:00\""]),
        &["6:5: `at` works only with `once`; write `once: shift`, or remove `at`"],
    );
    check(
        "no times",
        &step(&["once: shift", "at: []"]),
        &["6:5: `at` is empty; write for example `at: [\"11:00\", \"15:00\"]`"],
    );
    check(
        "escalate as a text",
        &step(&["while: size(errors) > 0", "escalate: lead"]),
        &["6:15: `escalate` should say when and to whom; write for example `escalate: {after: 30m, to: lead}`"],
    );
    check(
        "escalate without a whom",
        &step(&["while: size(errors) > 0", "escalate: {after: soon, too: lead}"]),
        &[
            "6:15: `escalate` has no `to`; name an engineer or a team, for example `to: lead`",
            "6:23: `after: soon` is not a length of time; write for example `30m`, `2h` or `1h30m`",
            "6:29: `escalate` has no key `too`; did you mean `to`?",
        ],
    );
    check(
        "expects a text",
        &step(&["while: size(errors) > 0", "expects: 15m"]),
        &["6:14: `expects` should be a whole number from 1 to 1440; write for example `expects: 1`"],
    );
    check(
        "a limit of nothing",
        &step(&["each: error in errors", "limit: 0"]),
        &["6:12: `limit` should be a whole number from 1 to 1000; write for example `limit: 1`"],
    );
    check(
        "a limit of a condition",
        &step(&["while: size(errors) > 0", "limit: 5"]),
        &["6:5: `limit` works only with `each`; remove `limit`"],
    );
    check(
        "was of a living step",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\n  - id: b\n    goal: Do that\n    once: shift\n    was: a\n",
        &["9:10: `was: a` names a step that still exists; remove `was`, or the old step"],
    );
    check(
        "was twice",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\n    was: old\n  - id: b\n    goal: Do that\n    once: shift\n    was: old\n",
        &["10:10: `was: old` is written twice, first on line 6; only one step can keep the items of the old one"],
    );
    check(
        "a line that is a map",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\n    checklist: x\nchecklists:\n  x:\n    - Rerun: the job\n    - [a]\n    - \"\"\n",
        &[
            "9:7: a line of a checklist should be a text, but is a map of keys; put the line in quotes: it contains a colon",
            "10:7: a line of a checklist should be a text, but is a list; write what to do, in quotes if it begins with a sign",
            "11:8: a line of a checklist is empty; write a few words, or remove it",
        ],
    );
    check(
        "an empty checklist",
        "process: developers\nsteps:\n  - id: a\n    goal: Do it\n    once: shift\nchecklists:\n  x:\n  Y z: [a]\n",
        &[
            "7:3: the checklist `x` is empty; write one line for each thing to do",
            "8:3: `Y z` cannot be the name of a checklist; write for example `y-z`",
        ],
    );
}

#[test]
fn conditions_that_cannot_be() {
    check(
        "a condition in quotes",
        &step(&["while: \"ci.branch('main') = 'failing'\""]),
        &["5:31: `=` does not compare; write `==`"],
    );
    check(
        "a condition with escapes",
        &step(&["while: \"ci.branch(\\\"main\\\") == \\\"red\\\"\""]),
        &["5:13: `ci.branch(\"main\")` is never \"red\"; use one of `passing`, `failing`"],
    );
    check(
        "a condition in a block",
        &step(&["while: >-", "  size(errors) > 0 &&", "  eror.assigned"]),
        &["6:7: there is no variable `eror`; did you mean `errors`?"],
    );
    check(
        "a condition over two lines",
        &step(&["while: size(errors) > 0 &&", "  size(erors) > 0"]),
        &["5:12: there is no variable `erors`; did you mean `errors`?"],
    );
    check(
        "a condition that is a number",
        &step(&["while: 3"]),
        &[
            "5:12: a condition should be true or false, but `3` is a whole number; compare it with something, for example with `==`",
        ],
    );
    check(
        "a condition that is a list",
        &step(&["while: [true]"]),
        &["5:12: `while` should be a text, but is a list; write it on one line, in quotes if it contains a colon"],
    );
    check(
        "an unknown variable",
        &step(&["while: error.assigned"]),
        &["5:12: there is no variable `error`; did you mean `errors`?"],
    );
    check(
        "a field with a typing mistake",
        &step(&["each: error in errors", "where: error.enviroment == \"staging\""]),
        &["6:18: an error has no field `enviroment`; did you mean `environment`?"],
    );
    check(
        "a word that never occurs",
        &step(&["while: ci.branch(\"main\") == \"red\""]),
        &["5:33: `ci.branch(\"main\")` is never \"red\"; use one of `passing`, `failing`"],
    );
    check(
        "times and numbers",
        &step(&["each: error in errors", "where: error.first_seen > 2"]),
        &[
            "6:29: `error.first_seen` is a point in time and `2` is a whole number: they cannot be compared; compare points in time, for example with `workdays_ago(2)` or `now - duration(\"2h\")`",
        ],
    );
    check(
        "all at once",
        "proces: x\nsteps:\n  - id: A\n    while: a = b\n    blocks: tea\n  - goal: x\n    each: error in errors\n    where: error.x\n    wher: y\n",
        &[
            "1:1: a process file has no `process`; start with the name of the duty: `process: developers`",
            "1:1: a process file has no key `proces`; did you mean `process`?",
            "3:5: a step has no `goal`; say what it is for, for example `goal: Keep main green`",
            "3:9: `A` cannot be the id of a step; write for example `a`",
            "4:14: `=` does not compare; write `==`",
            "5:13: `blocks: tea` is not possible; write `blocks: [rollout]`, the only thing that a step can block",
            "6:5: a step has no `id`; give it a short name, for example `id: main-green`",
            "8:18: an error has no field `x`; use one of `id`, `project`, `environment`, `title`, `culprit`, `level`, `status`, `first_seen`, `last_seen`, `count`, `assigned`, `assignee`, `release`, `regressed`",
            "9:5: a step has no key `wher`; did you mean `where`?",
        ],
    );
}

#[test]
fn files_that_want_to_hurt() {
    check(
        "twenty thousand terms",
        &step(&[&format!("while: {}", vec!["1"; 20_000].join("+"))]),
        &["5:12: this condition has 39999 bytes, more than 2048; split it over several steps"],
    );
    check(
        "a hundred terms",
        &step(&[&format!("while: {}", vec!["1"; 101].join("+"))]),
        &["5:212: this condition has more than 200 words and signs; split it over several steps"],
    );
    check(
        "nested brackets",
        &step(&[&format!("while: {}true{}", "(".repeat(50), ")".repeat(50))]),
        &["5:36: brackets are nested deeper than 24; remove the brackets that are not needed"],
    );
    check(
        "nested macros",
        &step(&["while: errors.all(a, errors.all(b, errors.all(c, a.id == b.id)))"]),
        &[
            "5:33: a second `exists`, `all`, `filter` or `map`; split the condition over two steps; `each` already goes through a list",
        ],
    );
    check(
        "doubled texts",
        &step(&[&format!("while: \"['x']{}.size() == 1\"", ".map(v, v + v)".repeat(9))]),
        &[
            "5:117: a second `exists`, `all`, `filter` or `map`; split the condition over two steps; `each` already goes through a list",
        ],
    );
    check(
        "a pattern that explodes",
        &step(&["each: error in errors", "where: error.title.matches(\"(a{500}){500}\")"]),
        &["6:32: the pattern grows too large; repeat less, for example `.*` instead of `.{1000}`"],
    );
    check(
        "nested lists in YAML",
        &format!("process: {}", "[".repeat(100)),
        &["1:73: nested deeper than 64 levels; flatten the lists and maps here"],
    );
    check(
        "signs that turn the line",
        "process: developers\nsteps:\n  - id: \"a\u{202e}\\e[31mb\"\n    goal: Do it\n    once: shift\n",
        &["3:10: `a\\u{202e}\\u{1b}[31mb` cannot be the id of a step; write for example `a---31mb`"],
    );
    check(
        "an endless id",
        &step(&["once: shift"]).replace("id: a", &format!("id: {}", "a".repeat(5_000))),
        &[
            "3:9: `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` cannot be the id of a step; write for example `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`",
        ],
    );
}
