//! `onduty plan` on files: held against the independent checker of the data set, and given files that are wrong.

use crate::tools::{Said, is_full, not_there, onduty, shared};
use serde_json::{Value, json};
use std::path::Path;

const RULES: [&str; 9] = ["H1", "H2", "H3", "H4", "H5", "H6", "H7", "H8", "H9"];

/// Random instances, valid plans and broken ones: both checkers always say the same, and every rule was seen broken.
#[test]
fn the_checker_says_what_the_independent_checker_says() {
    let Some(data) = shared("data/schedule/check.py").and_then(|file| Some(file.parent()?.to_owned())) else {
        return not_there("no data/schedule at ONDUTY_SHARED", "plans against the independent checker");
    };
    let work = tempfile::tempdir().unwrap();
    let cases = if is_full() { "2000" } else { "60" };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/plan.py");
    let run = std::process::Command::new("python3")
        .args([script.as_os_str(), data.as_os_str(), env!("CARGO_BIN_EXE_onduty").as_ref(), work.path().as_os_str()])
        .args([cases, "20260302"])
        .output();
    let Ok(output) = run else { return not_there("python3 is not installed", "plans against the independent checker") };
    let said = Said::of(&output);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    let seen: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    for what in RULES.iter().chain(&["valid", "unreadable"]) {
        assert!(seen[what].as_u64().is_some_and(|times| times > 0), "{what} was never seen: {seen}");
    }
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named_and_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("half.json", "{\"schema\": ");
    write("hostile.json", &json!({"schema": "\u{1b}[2J<b>", "people\u{202e}": []}).to_string());
    write("deep.json", &"[".repeat(100_000));
    for (file, expected) in [
        ("none.json", "none.json cannot be read: No such file"),
        ("half.json", "half.json is no JSON: EOF while parsing a value at line 1 column 11"),
        ("deep.json", "deep.json is no JSON: recursion limit exceeded"),
        ("hostile.json", "hostile.json: schema: \"\\u{1b}[2J<b>\" is not known; onduty-schedule-instance/1 is"),
    ] {
        let said = onduty(folder.path(), &[], &["plan", "check", file, file]).await;
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        assert!(said.err.contains(expected), "{file}: {}", said.err);
        assert!(!said.err.contains('\u{1b}') && !said.err.contains('\u{202e}'), "{}", said.err);
    }
}
