//! Touches, revisions, times, ignored commits.

use super::*;

#[tokio::test]
async fn touches_are_those_of_the_revision_and_not_later_than_asked() {
    let repository = Repository::new();
    repository.write("src/a.rs", "one\ntwo\nthree\nfour\n");
    repository.write("docs/a.md", "text\n");
    repository.commit("First");
    repository.write("src/a.rs", "one\nTWO\nthree\nfour\n");
    let second = repository.commit("Second\n\nCo-authored-by: Ravi <ravi@example.org>\nCo-authored-by: nobody\n");
    repository.git(&["checkout", "--quiet", "-b", "side"]);
    repository.write("docs/a.md", "side\n");
    let side = repository.commit("Side");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.git(&["mv", "src/a.rs", "src/b.rs"]);
    let third = repository.commit("Third");
    repository.git(&["merge", "--quiet", "--no-ff", "-m", "Merge", "side"]);
    repository.write("src/a.rs", "something else\n");
    let last = repository.commit("Last");

    let history = repository.history().await;
    let at = history.at(&last).unwrap();
    assert_eq!(titles(&history, at.touches_of("src/b.rs")), ["Third", "Second", "First"]);
    assert_eq!(titles(&history, at.touches_of("src/a.rs")), ["Last", "Third", "Second", "First"]);
    assert_eq!(titles(&history, at.touches_under("docs")), ["Side", "First"]);
    assert_eq!(titles(&history, at.touches_under("src/")), ["Last", "Third", "Second", "First"]);
    assert_eq!(titles(&history, at.touches_under("")), ["Last", "Third", "Side", "Second", "First"]);
    assert_eq!(titles(&history, at.touches_under("sr")), [""; 0], "a folder, not a beginning");
    assert!(at.has_file("src/a.rs") && at.has_file("src/b.rs") && !at.has_file("src"));

    let then = history.at(&third).unwrap();
    assert_eq!(titles(&history, then.touches_under("docs")), ["First"], "the side is not in yet");
    assert!(!then.has_file("src/a.rs"));
    assert_eq!(history.at(&side).unwrap().touches_under("").len(), 3);

    let second = history.commit(history.at(&second).unwrap().revision());
    assert_eq!(second.co_authors, [Signature { name: "Ravi".into(), email: "ravi@example.org".into() }]);
    let early = at.clone().no_later_than(second.committed_at);
    assert_eq!(titles(&history, early.touches_of("src/b.rs")), ["Second", "First"]);
    assert_eq!(history.commit(at.blame("src/b.rs", 2..3).unwrap()[0].1).title, "Second");
    assert_eq!(at.files_of(history.at(&third).unwrap().revision()), ["src/b.rs", "src/a.rs"]);
    assert_eq!(at.blame("src/b.rs", 3..10).unwrap().len(), 2, "what is not there is left out");
    assert_eq!(at.blame("nowhere", 1..2), Err(BlameError::NoSuchFile));
    assert!(history.at(&"ab".repeat(20)).is_none());
}

#[tokio::test]
async fn listed_commits_are_passed_through_where_they_are_listed() {
    let repository = Repository::new();
    repository.write("a", "fn a() { b(1); }\nfn c() { d(2); }\nfn e() { f(3); }\n");
    let first = repository.commit("First");
    repository.write("a", "fn a() { b(1, 1); }\nfn c() { d(2, 2); }\nfn e() { f(3, 3); }\nfn new() {}\n");
    let reformat = repository.commit("Reformat");
    let absurd = format!("# why\n\n{reformat} # here\n{}\nnot an id\n{}\n\u{0}\n", "ab".repeat(20), "7".repeat(39));
    repository.write(".git-blame-ignore-revs", &absurd);
    let listed = repository.commit("List");

    let history = repository.history().await;
    let expected = [first.clone(), first.clone(), first.clone(), reformat.clone()];
    std::fs::write(repository.folder.path().join("ignored"), &reformat).unwrap();
    let like_git = repository.blame(&listed, "a", &["--ignore-revs-file", "../ignored"]);
    assert_eq!(like_git[..3], expected[..3]);
    assert_eq!(lines_of(&history, &listed, "a")[..3], expected[..3]);
    assert_eq!(lines_of(&history, &reformat, "a"), vec![reformat; 4], "not listed yet at this revision");
}
