//! Merges where the two sides know a file under different names.

use super::*;

fn with(changed: &[(usize, &str)]) -> String {
    let line = |no: usize| {
        changed.iter().find(|(at, _)| *at == no).map_or_else(|| format!("line {no}\n"), |(_, text)| format!("{text}\n"))
    };
    (0..30).map(line).collect()
}

/// One side renames `old` and changes line 3, the other goes on editing line 20; then they meet.
async fn check(old: &str, new: &str, renames_first: bool, by_hand: bool) {
    let repository = Repository::new();
    repository.write(old, &with(&[]));
    let first = repository.commit("First");
    let rename = |repository: &Repository| {
        let folder = repository.work().join(new);
        std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        repository.git(&["mv", "--", old, new]);
        repository.write(new, &with(&[(3, "by whom renames")]));
        repository.commit("Rename")
    };
    let edit = |repository: &Repository| {
        repository.write(old, &with(&[(20, "by whom edits")]));
        repository.commit("Edit")
    };
    let (own, other) = match renames_first {
        true => {
            let own = rename(&repository);
            repository.git(&["checkout", "--quiet", "-b", "other", &first]);
            (own, edit(&repository))
        }
        false => {
            let own = edit(&repository);
            repository.git(&["checkout", "--quiet", "-b", "other", &first]);
            (own, rename(&repository))
        }
    };
    repository.git(&["checkout", "--quiet", "main"]);
    repository.seconds.set(repository.seconds.get() + 1);
    repository.git(&["merge", "--quiet", "--no-ff", "--no-commit", &other]);
    let mut expected = with(&[(3, "by whom renames"), (20, "by whom edits")]);
    assert_eq!(std::fs::read_to_string(repository.work().join(new)).unwrap(), expected);
    if by_hand {
        expected.push_str("by whom merges\n");
        repository.write(new, &expected);
    }
    let merge = repository.commit("Merge");

    let history = repository.history().await;
    let found = lines_of(&history, &merge, new);
    assert_eq!(found, repository.blame(&merge, new, &[]), "{new:?}, renames first: {renames_first}");
    let (renamed, edited) = if renames_first { (own, other) } else { (other, own) };
    assert_eq!([&found[0], &found[3], &found[20]], [&first, &renamed, &edited]);
    assert_eq!(found.get(30), by_hand.then_some(&merge));
    assert_eq!(lines_of(&repository.history().await, &merge, new), found, "read back from its file");
}

#[tokio::test]
async fn what_was_edited_under_the_old_name_keeps_its_author() {
    for renames_first in [true, false] {
        check("old", "new", renames_first, false).await;
        check("old", "new", renames_first, true).await;
        check("a\ttab \"quoted\"", "dir/\\ \u{e9}\r\n\u{7}", renames_first, true).await;
    }
}
