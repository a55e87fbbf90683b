//! What a history says about places in its code.

use super::*;
use onduty_core::owner::mailmap::Mailmap;
use onduty_core::owner::place::Place;

fn scene(history: &History, revision: &str, until: Timestamp) -> Scene {
    Scene::of(history, revision, until, &Mailmap::default(), None).unwrap()
}

fn place(history: &History, revision: &str, files: &[&str]) -> Place {
    let spot = |file: &&str| Spot { file: (*file).to_owned(), line: None };
    scene(history, revision, Timestamp::MAX).place(&files.iter().map(spot).collect::<Vec<_>>())
}

#[tokio::test]
async fn last_commits_come_near_by_the_share_of_the_path() {
    let repository = Repository::new();
    for (file, title) in [
        ("src/cart/pay/old.rs", "Too long ago"),
        ("src/cart/pay/old.rs", "Before its new name"),
        ("src/cart/pay/card.rs", "Beside it"),
        ("src/cart/total.rs", "One up"),
        ("src/cartoon/a.rs", "Two up"),
        ("README.md", "Elsewhere"),
    ] {
        repository.write(file, title);
        repository.commit(title);
    }
    repository.git(&["mv", "src/cart/pay/old.rs", "src/cart/pay/new.rs"]);
    repository.git(&["commit", "--quiet", "--amend", "-m", "Elsewhere, and the new name"]);
    let history = repository.history().await;
    let head = repository.git(&["rev-parse", "HEAD"]);
    let found = |files: &[&str]| -> Vec<(String, f64, String)> {
        let last = place(&history, &head, files).last;
        let told = |last: &onduty_core::owner::place::LastCommit| {
            let title = history.commit(CommitNo(last.touch.commit)).title.clone();
            (title, (last.nearness * 1000.0).round() / 1000.0, last.shared.clone())
        };
        last.iter().map(told).collect()
    };
    let told = |(title, near, shared): &(&str, f64, &str)| ((*title).to_owned(), *near, (*shared).to_owned());
    let expected = |all: &[(&str, f64, &str)]| all.iter().map(told).collect::<Vec<_>>();
    assert_eq!(
        found(&["src/cart/pay/new.rs"]),
        expected(&[
            ("Elsewhere, and the new name", 1.0, "src/cart/pay/new.rs"),
            ("Two up", 0.063, "src"),
            ("One up", 0.25, "src/cart"),
            ("Beside it", 0.563, "src/cart/pay"),
            ("Before its new name", 1.0, "src/cart/pay/new.rs"),
        ])
    );
    // With a file further out asked for as well, its folder is nearer than what it shares with the inner one.
    assert_eq!(
        found(&["src/cart/pay/new.rs", "src/cart/total.rs"])[1..3],
        expected(&[("Two up", 0.111, "src"), ("One up", 1.0, "src/cart/total.rs")])
    );
    // At the root nothing but the file itself is near.
    assert_eq!(found(&["README.md"]).iter().map(|(_, near, _)| *near).collect::<Vec<_>>(), [1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[tokio::test]
async fn a_place_has_the_folders_around_its_folders() {
    let repository = Repository::new();
    repository.write("src/cart/pay.rs", "one");
    repository.commit("Pay");
    repository.write("src/lib.rs", "one");
    repository.commit("Lib");
    (0..21).for_each(|number| repository.write(&format!("docs/{number}.md"), "text"));
    let head = repository.commit("Docs");
    let history = repository.history().await;
    let asked = |file: &str| {
        let place = place(&history, &head, &[file]);
        let titles = |touched: &onduty_core::owner::place::Touched| -> Vec<String> {
            touched.touches.iter().map(|touch| history.commit(CommitNo(touch.commit)).title.clone()).collect()
        };
        (place.folders.names.clone(), titles(&place.folders), place.parents.names.clone(), titles(&place.parents))
    };
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        asked("src/cart/pay.rs"),
        (texts(&["src/cart"]), texts(&["Pay"]), texts(&["src"]), texts(&["Lib", "Pay"]))
    );
    let all = texts(&["Docs", "Lib", "Pay"]);
    assert_eq!(asked("src/lib.rs"), (texts(&["src"]), texts(&["Lib", "Pay"]), texts(&[""]), all));
    let place = place(&history, &head, &["src/lib.rs"]);
    assert_eq!(place.repository.touches.iter().map(|touch| touch.files).collect::<Vec<_>>(), [21, 1, 1]);
    assert_eq!(place.repository.touches.iter().map(|touch| touch.is_mass()).collect::<Vec<_>>(), [true, false, false]);
}

#[tokio::test]
async fn a_scene_is_kept_only_for_what_it_shows() {
    let repository = Repository::new();
    repository.write("a", "one");
    let first = repository.commit("First");
    let second = repository.commit("Second");
    let history = repository.history().await;
    let at = |revision: &str| history.commit(history.at(revision).unwrap().revision()).committed_at;
    let now = Timestamp::MAX;
    let late = scene(&history, &second, now);
    assert!(late.is_of(&history, &second, now));
    assert!(late.is_of(&history, &second, at(&second)), "all of it was there then");
    assert!(!late.is_of(&history, &second, at(&first)), "the second one was not");
    assert!(!late.is_of(&history, &first, now));
    assert!(!late.is_of(&repository.history().await, &second, now), "another reading numbers its commits anew");
    let early = scene(&history, &second, at(&first));
    assert!(early.is_of(&history, &second, at(&first)) && !early.is_of(&history, &second, now));
}
