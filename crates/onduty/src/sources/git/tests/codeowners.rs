//! The core's patterns of GitHub's CODEOWNERS, beside gitignore in the machine's own git.

use super::Repository;
use onduty_core::owner::codeowners::{Codeowners, Dialect};
use std::collections::HashSet;

const SEGMENTS: [&str; 12] = ["a", "b", "ab", "*", "**", "a*", "*b", "?", "a?", "**b", "a\\*", "*a*b"];
const NAMES: [&str; 8] = ["a", "b", "ab", "aab", "ba", "abab", "a*", "*"];

#[test]
fn patterns_of_github_match_as_gitignore_does() {
    let repository = Repository::new();
    let work = repository.path().join("work");
    let mut state = 7u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mut joined = |words: &[&str]| (0..1 + next(4)).map(|_| words[next(words.len())]).collect::<Vec<_>>().join("/");
    let paths: HashSet<String> = (0..150).map(|_| joined(&NAMES)).collect();
    std::fs::write(repository.path().join("paths"), paths.iter().fold(String::new(), |all, path| all + path + "\n"))
        .unwrap();
    let mut matched = 0;
    for index in 0..60 {
        let start = if index % 3 == 0 { "/" } else { "" };
        let end = if index % 4 == 0 { "/" } else { "" };
        let pattern = format!("{start}{}{end}", joined(&SEGMENTS));
        std::fs::write(work.join(".gitignore"), format!("{pattern}\n")).unwrap();
        let command = "!git check-ignore --no-index --verbose --non-matching --stdin < ../paths; true";
        let printed = repository.git(&["-c", &format!("alias.ask={command}"), "ask"]);
        let (owners, problems) = Codeowners::parse(&format!("{pattern} @a"), Dialect::GitHub);
        assert_eq!(problems, [], "{pattern}");
        for line in printed.lines() {
            let (rule, path) = line.split_once('\t').unwrap();
            let (found, ignored) = (!owners.owners_of(path).unwrap().is_empty(), rule != "::");
            matched += usize::from(found);
            // GitHub's one difference: a last `*` does not reach into folders.
            let reaches = pattern.ends_with("/*") && ignored;
            assert!(found == ignored || reaches, "{pattern} {path}: {found}, {ignored}");
        }
        assert_eq!(printed.lines().count(), paths.len());
    }
    assert!(matched > 200, "{matched}");
}
