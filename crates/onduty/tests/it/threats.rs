//! `docs/design/threats.md`: every defence and every test that it names is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("../../../../docs/design/threats.md");

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Every function that is a test, in the sources and here.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join("src"), root.join("tests/it")];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.extend(tests_of(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// Those behind `#[test]` and its like, and those that `on_both!` runs on each kind of store.
fn tests_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if is_test && let Some((_, rest)) = line.split_once("fn ") {
            found.extend(rest.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    for list in text.split("on_both!(").skip(1).filter_map(|rest| rest.split(')').next()) {
        found.extend(list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
    }
    found
}

#[test]
fn every_defence_and_every_test_of_the_table_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known = tests();
    assert!(known.contains("every_defence_and_every_test_of_the_table_is_there"), "the reader reads");
    let rows = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat"));
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [threat, defence, tests] = cells[..] else { panic!("three cells: {row}") };
        let files: Vec<&str> = quoted(defence).filter(|quoted| quoted.starts_with("src/")).collect();
        assert!(!files.is_empty() && quoted(tests).next().is_some(), "a defence and a test: {threat}");
        for file in files {
            assert!(root.join(file).is_file(), "{file}, which stands against: {threat}");
        }
        for test in quoted(tests) {
            assert!(known.contains(test), "no test is called {test}, which attacks: {threat}");
        }
        count += 1;
    }
    assert!(count >= 30, "{count} rows");
}
