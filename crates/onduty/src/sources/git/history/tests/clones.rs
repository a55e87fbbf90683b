//! Clones that leave something out: commits, contents, folders.

use super::*;

/// Two commits to `a`, one to `b`, and a folder.
fn repository() -> (Repository, String, String) {
    let repository = Repository::new();
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    repository.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    repository.write("a", "one\ntwo\n");
    repository.write("src/b", "one\ntwo\nthree\nfour\nfive\nsix\n");
    let first = repository.commit("First");
    repository.write("a", "one\nTWO\n");
    repository.git(&["mv", "src/b", "src/c"]);
    let second = repository.commit("Second");
    (repository, first, second)
}

/// A bare clone that cannot fetch what it lacks.
fn cloned(repository: &Repository, how: &str, name: &str) -> Git {
    let url = format!("file://{}", repository.work().display());
    let place = format!("../{name}");
    repository.git(&["clone", "--quiet", "--bare", how, &url, &place]);
    if how.starts_with("--filter") {
        repository.git(&["--git-dir", &place, "remote", "remove", "origin"]);
    }
    Git::bare(&repository.folder.path().join(name))
}

#[tokio::test]
async fn a_shallow_one_says_so_until_it_got_deeper() {
    let (repository, _, tip) = repository();
    let shallow = cloned(&repository, "--depth=1", "shallow");
    let history = History::open(&shallow, &repository.index(), std::slice::from_ref(&tip)).await.unwrap();
    assert_eq!((history.len(), history.is_complete()), (1, false));
    assert_eq!(lines_of(&history, &tip, "a"), [tip.clone(), tip.clone()]);
    repository.git(&["--git-dir=../shallow", "fetch", "--quiet", "--unshallow"]);
    let history = history.update(&shallow, &repository.index(), std::slice::from_ref(&tip)).await.unwrap();
    assert_eq!((history.len(), history.is_complete()), (2, true));
    assert_eq!(lines_of(&history, &tip, "a"), repository.blame(&tip, "a", &[]));
}

#[tokio::test]
async fn one_without_contents_has_its_touches_and_no_lines() {
    let (repository, first, second) = repository();
    (0..30).for_each(|file| repository.write(&format!("many/{file}"), &format!("{file}\n")));
    let tip = repository.commit("Many");
    let partial = cloned(&repository, "--filter=blob:none", "partial");
    let index = repository.folder.path().join("other");
    for _ in ["made", "read back"] {
        let history = History::open(&partial, &index, std::slice::from_ref(&tip)).await.unwrap();
        let at = history.at(&tip).unwrap();
        assert_eq!(at.blame("a", 1..9), Err(BlameError::LeftOut));
        assert_eq!(titles(&history, at.touches_of("a")), ["Second", "First"]);
        assert_eq!(titles(&history, at.touches_of("src/c")), ["Second", "First"], "a rename alone needs no content");
    }

    // All contents come.
    let url = format!("file://{}", repository.work().display());
    repository.git(&["--git-dir=../partial", "fetch", "--quiet", "--refetch", &url, "refs/heads/main"]);
    let more = repository.commit("Third");
    repository.git(&["--git-dir=../partial", "fetch", "--quiet", &url, "refs/heads/main"]);
    let history = History::open(&partial, &index, std::slice::from_ref(&more)).await.unwrap();
    assert_eq!(lines_of(&history, &more, "a"), [first, second]);
}

#[tokio::test]
async fn a_few_contents_that_are_missing_cost_their_own_lines_alone() {
    let (repository, first, _) = repository();
    repository.write("big", &"x\n".repeat(20_000));
    repository.commit("Third");
    repository.write("big", &("y\n".to_owned() + &"x\n".repeat(20_000)));
    repository.write("a", "one\nTWO\nthree\n");
    let tip = repository.commit("Fourth");
    let partial = cloned(&repository, "--filter=blob:limit=1k", "partial");
    let index = repository.folder.path().join("other");
    let history = History::open(&partial, &index, std::slice::from_ref(&tip)).await.unwrap();
    assert_eq!(lines_of(&history, &tip, "a"), repository.blame(&tip, "a", &[]));
    assert_eq!(lines_of(&history, &tip, "src/c"), vec![first; 6]);
    let at = history.at(&tip).unwrap();
    assert_eq!(at.blame("big", 1..2), Err(BlameError::NotReadable), "git blame cannot say it either");
    assert_eq!(titles(&history, at.touches_of("big")), ["Fourth", "Third"]);

    // The next commits are read without looking for what is left out, unless they leave out more.
    repository.write("a", "ONE\nTWO\nthree\n");
    repository.write("big", &("z\n".to_owned() + &"x\n".repeat(20_000)));
    let last = repository.commit("Fifth");
    let url = format!("file://{}", repository.work().display());
    repository.git(&["--git-dir=../partial", "fetch", "--quiet", "--filter=blob:limit=1k", &url, "refs/heads/main"]);
    let history = history.update(&partial, &index, std::slice::from_ref(&last)).await.unwrap();
    assert_eq!(lines_of(&history, &last, "a"), repository.blame(&last, "a", &[]));
    assert_eq!(titles(&history, history.at(&last).unwrap().touches_of("big")), ["Fifth", "Fourth", "Third"]);
    assert_eq!(history.at(&last).unwrap().blame("big", 1..2), Err(BlameError::NotReadable));
}

#[tokio::test]
async fn one_without_folders_is_refused() {
    let (repository, _, tip) = repository();
    let bare = cloned(&repository, "--filter=tree:0", "treeless");
    let refused = History::open(&bare, &repository.index(), &[tip]).await.unwrap_err();
    assert!(refused.to_string().contains("copy the whole repository"), "{refused}");
}
