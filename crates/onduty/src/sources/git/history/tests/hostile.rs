//! Histories that nobody would make by accident: an answer or a refusal, never a hang.

use super::*;
use onduty_core::owner::mailmap::Mailmap;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// Far more than a busy machine needs for a million lines, and far less than the square of them would take.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_empty_repository_has_an_empty_history() {
    let repository = Repository::new();
    let history = History::open(&repository.reader(), &repository.index(), &[]).await.unwrap();
    assert!(history.is_empty() && history.is_complete() && history.at(&"0".repeat(40)).is_none());
    for bad in ["HEAD", "--output=x", "", "main", &"g".repeat(40)] {
        let refused = History::open(&repository.reader(), &repository.index(), &[bad.to_owned()]).await.unwrap_err();
        assert!(matches!(refused, HistoryError::NotACommit(_)), "{bad}: {refused}");
    }
    let missing = History::open(&repository.reader(), &repository.index(), &["1".repeat(40)]).await.unwrap_err();
    assert!(missing.to_string().starts_with("the history could not be read: git log failed"), "{missing}");
    repository.write("a", "one\n");
    repository.commit("First");
    let blob = repository.git(&["rev-parse", "HEAD:a"]);
    let refused = History::open(&repository.reader(), &repository.index(), &[blob]).await.unwrap_err();
    assert!(matches!(refused, HistoryError::NotACommit(_)), "{refused}");
}

#[tokio::test]
async fn a_million_lines_and_thousands_of_files_in_one_commit() {
    let repository = Repository::new();
    let mut text = String::new();
    (0..1_000_000).for_each(|line| writeln!(text, "{line}").unwrap());
    repository.write("long", &text);
    (0..5_000).for_each(|file| repository.write(&format!("many/{file}"), &format!("{file}\n")));
    let first = repository.commit("First");
    repository.write("long", &text.replacen("\n500000\n", "\nhalf\n", 1));
    repository.write("wide", &"x".repeat(3_000_000));
    let second = repository.commit("Second");
    let began = Instant::now();
    let history = repository.history().await;
    let at = history.at(&second).unwrap();
    let found = at.blame("long", 500_000..500_003).unwrap();
    let found: Vec<&str> = found.iter().map(|(_, no)| history.commit(*no).id.as_str()).collect();
    assert_eq!(found, [&first, &second, &first]);
    assert_eq!(at.blame("long", 0..u32::MAX).unwrap().len(), 1_000_000);
    assert_eq!(lines_of(&history, &second, "wide"), std::slice::from_ref(&second));
    assert_eq!(lines_of(&history, &first, "many/4999"), [first]);
    let spots = ["long", "wide"].map(|file| Spot { file: file.to_owned(), line: Some(u32::MAX) });
    let scene = Scene::of(&history, &second, Timestamp::MAX, &Mailmap::default(), None).unwrap();
    assert_eq!(scene.place(&spots).files.names, ["long", "wide"]);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn odd_names_times_and_authors() {
    let repository = Repository::new();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe\n@@ -1 +1 @@\x1b[2J");
    std::fs::write(repository.work().join(odd), "diff --git a/x b/x\n@@ -1,9 +1,9 @@\n\0").unwrap();
    repository.write("--output=pwned", "@@ -1 +1 @@\nindex 0..1\n\\ No newline at end of file\n");
    repository.write(" spaced\tname", "one\n-- two\n++ three\n");
    let first = repository.commit("First");
    repository.write(" spaced\tname", "one\n++ three\n-- four\n-- five");
    repository.git(&["branch", "--", "x"]);
    repository.git(&["update-ref", "refs/heads/--upload-pack=x", &first]);
    let second = repository.commit("Second");
    // A commit that git itself would not make.
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let mut last = second.clone();
    for time in ["99999999999999999", "4102444800", "-5000"] {
        let text = format!("tree {tree}\nparent {last}\nauthor ");
        let who = b"\xff\x1b[2J\x07 <\xfe\x01> 1 +0000\ncommitter x <y> ";
        let raw = [text.as_bytes(), who, time.as_bytes(), b" +9999\n\n\xff\x1b[31mtitle\n"].concat();
        std::fs::write(repository.folder.path().join("raw"), raw).unwrap();
        last = repository.git(&["hash-object", "-w", "--literally", "-t", "commit", "../raw"]);
    }
    repository.git(&["update-ref", "refs/heads/main", &last]);

    let history = repository.history().await;
    assert_eq!(history.len(), 5);
    for file in [" spaced\tname", "--output=pwned"] {
        assert_eq!(lines_of(&history, &last, file), repository.blame(&last, file, &[]), "{file}");
    }
    let at = history.at(&last).unwrap();
    let shown =
        format!("{:?} {:?}", history.commit(at.revision()), at.files_of(history.at(&first).unwrap().revision()));
    assert!(!shown.contains("\\u{1b}") && !shown.contains("\\u{7}"), "{shown}");
    let today = at.clone().no_later_than(Timestamp::from_second(1_800_000_000).unwrap());
    assert!(!today.touches_under("").iter().any(|no| history.commit(*no).committed_at.as_second() > 1_800_000_000));
}

#[tokio::test]
async fn a_path_that_is_no_text_answers_for_no_other() {
    let repository = Repository::new();
    std::fs::create_dir(repository.work().join("src")).unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"src/\xff.rs");
    std::fs::write(repository.work().join(odd), "one\n").unwrap();
    let first = repository.commit("No text");
    // What trackers and builds make of such a name.
    let shown = "src/\u{fffd}.rs";
    let asked = |history: &History, revision: &str| {
        let spot = Spot { file: format!("/srv/app/{shown}"), line: Some(1) };
        let scene = Scene::of(history, revision, Timestamp::MAX, &Mailmap::default(), None).unwrap();
        let place = scene.place(&[spot]);
        let lines: Vec<String> = place.lines.into_iter().map(|line| line.revision).collect();
        (place.files.names, lines)
    };
    let history = repository.history().await;
    let at = history.at(&first).unwrap();
    assert_eq!(at.blame(shown, 1..2), Err(BlameError::NoSuchFile));
    assert_eq!(titles(&history, at.touches_of(shown)), [""; 0]);
    assert_eq!(titles(&history, at.touches_under("src")), ["No text"]);
    assert_eq!(at.files_of(at.revision()), [shown]);
    assert_eq!(asked(&history, &first), (Vec::new(), Vec::new()));

    // One that really has this name is another file.
    repository.write(shown, "two\n");
    let second = repository.commit("Text");
    let history = repository.history().await;
    assert_eq!(titles(&history, history.at(&second).unwrap().touches_of(shown)), ["Text"]);
    assert_eq!(asked(&history, &second), (vec![shown.to_owned()], vec![second]));
}

#[tokio::test]
async fn modules_that_git_refuses_hide_nothing_and_run_nothing() {
    let repository = Repository::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let pwned = repository.folder.path().join("pwned");
    repository.write("a", "one\n");
    repository.commit("First");
    // This setting alone makes git refuse the file.
    let command = format!("\tupdate = !touch {}\n", pwned.display());
    let modules = crate::sources::git::tests::hostile_modules(&listener, &pwned) + &command;
    repository.write(".gitmodules", &modules);
    // It is there, and its own configuration wants to run something.
    repository.git(&["init", "--quiet", "sub"]);
    repository.git(&["-C", "sub", "commit", "--quiet", "--allow-empty", "-m", "Sub"]);
    repository.git(&["-C", "sub", "config", "core.fsmonitor", &format!("touch {}", pwned.display())]);
    let module = repository.git(&["-C", "sub", "rev-parse", "HEAD"]);
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{module},sub")]);
    repository.git(&["add", ".gitmodules"]);
    repository.seconds.set(repository.seconds.get() + 1);
    repository.git(&["commit", "--quiet", "-m", "Second"]);
    for (key, value) in [("submodule.recurse", "true"), ("fetch.recurseSubmodules", "yes"), ("diff.submodule", "diff")]
    {
        repository.git(&["config", key, value]);
    }
    let tip = repository.git(&["rev-parse", "HEAD"]);
    let history = repository.history().await;
    let at = history.at(&tip).unwrap();
    assert_eq!(titles(&history, at.touches_of("sub")), ["Second"]);
    assert_eq!(lines_of(&history, &tip, ".gitmodules").len(), modules.lines().count());
    assert!(!pwned.exists());
    assert!(listener.accept().is_err(), "nobody was asked for a module");
}

#[tokio::test]
async fn submodules_links_and_pictures_are_not_read() {
    let repository = Repository::new();
    repository.write("a", "one\n");
    let first = repository.commit("First");
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{first},module")]);
    repository.seconds.set(repository.seconds.get() + 1);
    std::fs::write(repository.work().join("picture"), b"\x89PNG\0\0\0\n\n").unwrap();
    std::os::unix::fs::symlink("a", repository.work().join("link")).unwrap();
    repository.git(&["add", "picture", "link"]);
    repository.git(&["commit", "--quiet", "-m", "Second"]);
    std::fs::remove_file(repository.work().join("link")).unwrap();
    repository.write("link", "a file now\n");
    repository.git(&["add", "link"]);
    repository.git(&["commit", "--quiet", "-m", "Third"]);
    let tip = repository.git(&["rev-parse", "HEAD"]);
    let history = repository.history().await;
    let at = history.at(&tip).unwrap();
    assert_eq!(at.blame("module", 1..2), Err(BlameError::NotReadable));
    assert_eq!(at.blame("picture", 1..2), Err(BlameError::NotReadable));
    assert_eq!(lines_of(&history, &tip, "link"), repository.blame(&tip, "link", &[]));
    assert_eq!(titles(&history, at.touches_of("module")), ["Second"]);
}

#[tokio::test]
async fn an_octopus_and_a_rewritten_branch() {
    let repository = Repository::new();
    let lines: Vec<String> = (0..30).map(|line| format!("line {line}")).collect();
    let with = |at: &[usize]| {
        let line =
            |(no, line): (usize, &String)| if at.contains(&no) { format!("new {no}\n") } else { format!("{line}\n") };
        lines.iter().enumerate().map(line).collect::<String>()
    };
    repository.write("a", &with(&[]));
    let first = repository.commit("First");
    for (branch, line) in [("x", 3), ("y", 12), ("z", 25)] {
        repository.git(&["checkout", "--quiet", "-b", branch, &first]);
        repository.write("a", &with(&[line]));
        repository.commit(branch);
    }
    repository.git(&["checkout", "--quiet", "main"]);
    repository.write("a", &with(&[20]));
    repository.commit("Main");
    repository.seconds.set(repository.seconds.get() + 1);
    repository.git(&["merge", "--quiet", "--no-ff", "-m", "Octopus", "x", "y", "z"]);
    let octopus = repository.git(&["rev-parse", "HEAD"]);
    let history = repository.history().await;
    assert_eq!(lines_of(&history, &octopus, "a"), repository.blame(&octopus, "a", &[]));
    assert_eq!(history.commit(history.at(&octopus).unwrap().revision()).parents.len(), 4);

    // The branch is rewritten and the old one thrown away: what was known of it goes too.
    repository.git(&["reset", "--quiet", "--hard", &first]);
    for branch in ["x", "y", "z"] {
        repository.git(&["branch", "--quiet", "-D", branch]);
    }
    repository.write("a", &with(&[1]));
    let rewritten = repository.commit("Rewritten");
    let both =
        history.update(&repository.reader(), &repository.index(), std::slice::from_ref(&rewritten)).await.unwrap();
    assert_eq!(lines_of(&both, &rewritten, "a"), repository.blame(&rewritten, "a", &[]));
    assert_eq!(titles(&both, both.at(&rewritten).unwrap().touches_under("")), ["Rewritten", "First"]);
    repository.git(&["reflog", "expire", "--expire=now", "--all"]);
    repository.git(&["gc", "--quiet", "--prune=now"]);
    repository.write("a", &with(&[1, 2]));
    let last = repository.commit("Last");
    let history = both.update(&repository.reader(), &repository.index(), std::slice::from_ref(&last)).await.unwrap();
    assert!(history.at(&octopus).is_none());
    assert_eq!((history.len(), lines_of(&history, &last, "a")), (3, repository.blame(&last, "a", &[])));
}

#[tokio::test]
async fn a_damaged_file_is_made_anew_and_a_good_one_is_used() {
    let repository = Repository::new();
    repository.write("a", "one\n");
    repository.commit("First");
    repository.history().await;
    let whole = std::fs::read(repository.index()).unwrap();
    repository.write("a", "one\ntwo\n");
    let tip = repository.commit("Second");
    for (place, bit) in [(0, 1), (15, 1), (20, 1), (60, 1), (whole.len() - 1, 0x80)] {
        let mut damaged = whole.clone();
        damaged[place] ^= bit;
        std::fs::write(repository.index(), damaged).unwrap();
        let history = repository.history().await;
        assert_eq!(lines_of(&history, &tip, "a"), repository.blame(&tip, "a", &[]), "byte {place}");
    }
    std::fs::write(repository.index(), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(repository.history().await.len(), 2);
    // Whole: what it says is not read again, even where git could not give it any more.
    std::fs::remove_dir_all(repository.work().join(".git/objects")).unwrap();
    std::fs::create_dir(repository.work().join(".git/objects")).unwrap();
    let history = History::open(&repository.reader(), &repository.index(), std::slice::from_ref(&tip)).await.unwrap();
    assert_eq!(history.at(&tip).unwrap().blame("a", 1..9).unwrap().len(), 2);
}

#[tokio::test]
async fn a_history_that_cannot_be_kept_is_used_all_the_same() {
    let repository = Repository::new();
    repository.write("a", "one\n");
    let tip = repository.commit("First");
    let nowhere = repository.work().join("a").join("history");
    let history = History::open(&repository.reader(), &nowhere, std::slice::from_ref(&tip)).await.unwrap();
    assert_eq!(lines_of(&history, &tip, "a"), [tip]);
}
