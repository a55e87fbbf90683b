//! `docs/design/threats.md` and `promises.md`: every place and every test that they name is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const THREATS: &str = include_str!("../../../../docs/design/threats.md");
const PROMISES: &str = include_str!("../../../../docs/design/promises.md");

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Every function that is a test, in the sources and here.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join("src"), root.join("tests/it"), root.join("../onduty-core/src")];
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

/// The rows of a table, as their cells.
fn rows(page: &str, columns: usize) -> Vec<Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let rows: Vec<Vec<&str>> = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    for row in &rows {
        assert_eq!(row.len(), columns, "{row:?}");
    }
    rows
}

/// Files that a cell names are there; paths are below this crate, or name another one. Says how many there are.
fn files_of(cell: &str) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<&str> = quoted(cell).filter(|quoted| quoted.contains("src/")).collect();
    for file in &files {
        assert!(root.join(file).is_file() || root.join("..").join(file).is_file(), "{file}, which stands for: {cell}");
    }
    files.len()
}

/// Tests that a cell names are there. Says how many there are.
fn tests_of_cell(cell: &str, known: &BTreeSet<String>) -> usize {
    for test in quoted(cell) {
        assert!(known.contains(test), "no test is called {test}");
    }
    quoted(cell).count()
}

#[test]
fn every_defence_and_every_test_of_the_table_is_there() {
    let known = tests();
    assert!(known.contains("every_defence_and_every_test_of_the_table_is_there"), "the reader reads");
    let rows = rows(THREATS, 3);
    for row in &rows {
        assert!(files_of(row[1]) > 0 && tests_of_cell(row[2], &known) > 0, "a defence and a test: {}", row[0]);
    }
    assert!(rows.len() >= 30, "{} rows", rows.len());
}

#[test]
fn every_promise_is_kept_somewhere_and_shown_or_is_said_not_to_be() {
    let known = tests();
    let rows = rows(PROMISES, 5);
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row[0], format!("R{}", number + 1));
        let (files, tests) = (files_of(row[2]), tests_of_cell(row[3], &known));
        assert!(files > 0 && tests > 0 || row[4].starts_with("not built"), "a place and a test: {row:?}");
        assert!(!row[4].is_empty(), "what falls short, or that nothing does: {row:?}");
    }
    assert_eq!(rows.len(), 20);
}
