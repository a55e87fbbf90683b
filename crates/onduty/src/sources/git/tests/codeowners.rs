//! CODEOWNERS: which file counts, and the core's patterns of GitHub beside gitignore in the machine's own git.

use super::Repository;
use crate::sources::git::{Git, read_codeowners};
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

/// The owners of `a.rs` at the newest commit after `file` got `text`.
async fn owners_of(repository: &Repository, file: &str, text: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let revision = repository.commit(file, text);
    let read =
        read_codeowners(&Git::inside(&repository.path().join("work")), &revision, &repository.location()).await?;
    let Some((path, codeowners)) = read else { return Ok(None) };
    let owners = codeowners.owners_of("a.rs").unwrap();
    Ok(Some((path, owners.iter().flat_map(|rule| rule.owners).map(ToString::to_string).collect())))
}

#[tokio::test]
async fn the_file_is_the_one_that_the_forge_takes_at_that_revision() {
    let repository = Repository::new();
    let found = |path: &str, owners: &[&str]| {
        Ok(Some((path.to_owned(), owners.iter().map(|owner| (*owner).to_owned()).collect::<Vec<_>>())))
    };
    assert_eq!(owners_of(&repository, "a.rs", "nobody").await, Ok(None));
    assert_eq!(owners_of(&repository, "docs/CODEOWNERS", "* @docs").await, found("docs/CODEOWNERS", &["@docs"]));
    assert_eq!(owners_of(&repository, "CODEOWNERS", "* @top").await, found("CODEOWNERS", &["@top"]));
    assert_eq!(owners_of(&repository, ".github/CODEOWNERS", "* @hub").await, found(".github/CODEOWNERS", &["@hub"]));
    // GitLab does not look there, and reads sections.
    assert_eq!(owners_of(&repository, ".gitlab-ci.yml", "test:").await, found("CODEOWNERS", &["@top"]));
    let sections = "[One]\n* @one\n[Two]\n*.rs @two";
    assert_eq!(owners_of(&repository, "CODEOWNERS", sections).await, found("CODEOWNERS", &["@one", "@two"]));
}

#[tokio::test]
async fn a_file_that_is_none_or_too_large_is_said_and_not_read() {
    let repository = Repository::new();
    std::fs::create_dir_all(repository.path().join("work/.github")).unwrap();
    std::os::unix::fs::symlink("../secret", repository.path().join("work/.github/CODEOWNERS")).unwrap();
    // A link is its target's name, which is no rule: git's content counts, never a file outside.
    assert_eq!(owners_of(&repository, "b.rs", "b").await, Ok(Some((".github/CODEOWNERS".to_owned(), Vec::new()))));
    std::fs::remove_file(repository.path().join("work/.github/CODEOWNERS")).unwrap();
    std::fs::create_dir_all(repository.path().join("work/.github/CODEOWNERS")).unwrap();
    let refused = owners_of(&repository, ".github/CODEOWNERS/x", "* @a").await.unwrap_err();
    assert_eq!(refused, ".github/CODEOWNERS is no file, so nobody knows whom it names");
    std::fs::remove_dir_all(repository.path().join("work/.github/CODEOWNERS")).unwrap();
    let path = repository.path().join("work/.github/CODEOWNERS");
    std::fs::write(&path, "*.rs @a\n".repeat(50 * 1024 * 1024 / 8)).unwrap();
    let began = std::time::Instant::now();
    let refused = owners_of(&repository, "b.rs", "b again").await.unwrap_err();
    assert_eq!(refused, ".github/CODEOWNERS is too large to be read; keep it below 3 MB");
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
}
