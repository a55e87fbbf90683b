//! Random repositories: edits, white space, renames, deletions, merges with and without conflicts.

use super::*;

/// A small generator with a seed (splitmix64): the same repository again for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    fn line(&mut self) -> String {
        // Few different lines beside many: both repeated and unique ones occur in every real file.
        match self.below(4) {
            0 => ["}", "", "    return;", "{"][self.below(4)].to_owned(),
            _ => format!("    value {} = {};", self.below(10_000), self.below(10_000)),
        }
    }

    fn text(&mut self, lines: usize) -> String {
        (0..lines).map(|_| self.line() + "\n").collect()
    }
}

fn files(repository: &Repository) -> Vec<String> {
    let files = repository.git(&["ls-files"]);
    files.lines().map(str::to_owned).collect()
}

fn edit(repository: &Repository, dice: &mut Dice, file: &str) {
    let path = repository.work().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=dice.below(4) {
        let at = dice.below(lines.len() + 1);
        match dice.below(5) {
            0 => lines.insert(at, dice.line()),
            1 if at < lines.len() => drop(lines.remove(at)),
            2 => (0..5).for_each(|_| lines.insert(at, dice.line())),
            3 if at < lines.len() => lines[at] = format!("  {} ", lines[at]),
            _ if at < lines.len() => lines[at] = dice.line(),
            _ => {}
        }
    }
    let end = if dice.below(8) == 0 { "" } else { "\n" };
    std::fs::write(path, lines.join("\n") + end).unwrap();
}

fn step(repository: &Repository, dice: &mut Dice, number: usize) {
    let files = files(repository);
    let file = &files[dice.below(files.len())];
    match dice.below(10) {
        0 => repository.write(&format!("dir{}/file{number}", dice.below(3)), &dice.text(20)),
        1 => drop(repository.git(&["mv", file, &format!("moved{number}")])),
        2 if files.len() > 3 => drop(repository.git(&["rm", "--quiet", file])),
        3 => {
            repository.git(&["mv", file, &format!("moved{number}")]);
            edit(repository, dice, &format!("moved{number}"));
        }
        _ => (0..=dice.below(2)).for_each(|_| {
            let file = &files[dice.below(files.len())];
            edit(repository, dice, file);
        }),
    }
    repository.commit(&format!("Step {number}"));
}

/// Merges `branch`; what conflicts is put together by hand: both sides, and a line that neither has.
fn merge(repository: &Repository, dice: &mut Dice, branch: &str) {
    repository.seconds.set(repository.seconds.get() + 1);
    let merged = repository.command(&["merge", "--quiet", "--no-ff", "-m", "Merge", branch]).output().unwrap();
    if merged.status.success() {
        return;
    }
    let unmerged = repository.git(&["diff", "--name-only", "--diff-filter=U"]);
    for file in unmerged.lines() {
        let path = repository.work().join(file);
        if let Ok(text) = std::fs::read_to_string(&path) {
            let kept = text
                .lines()
                .filter(|line| !["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)));
            let text = kept.collect::<Vec<_>>().join("\n") + "\n" + &dice.line() + "\n";
            std::fs::write(path, text).unwrap();
        }
    }
    repository.commit("Merge by hand");
}

fn grow(repository: &Repository, dice: &mut Dice, steps: usize) {
    for number in 0..4 {
        repository.write(&format!("file{number}"), &dice.text(40));
    }
    repository.commit("Start");
    for number in 0..steps {
        if dice.below(6) > 0 {
            step(repository, dice, number);
            continue;
        }
        let branch = format!("branch{number}");
        repository.git(&["checkout", "--quiet", "-b", &branch]);
        step(repository, dice, (number + 1) * 1000);
        step(repository, dice, (number + 1) * 1000 + 1);
        repository.git(&["checkout", "--quiet", "main"]);
        step(repository, dice, (number + 1) * 1000 + 2);
        if dice.below(3) == 0 {
            // Crossed over: each side takes in the other.
            repository.git(&["checkout", "--quiet", &branch]);
            merge(repository, dice, "main~1");
            repository.git(&["checkout", "--quiet", "main"]);
        }
        merge(repository, dice, &branch);
    }
}

#[tokio::test]
async fn lines_are_those_of_git_blame() {
    let rounds = if std::env::var_os("ONDUTY_FULL").is_some() { 40 } else { 2 };
    let (mut compared, mut different) = (0_usize, Vec::new());
    for seed in 0..rounds {
        let mut dice = Dice(seed);
        let repository = Repository::new();
        grow(&repository, &mut dice, 25);
        let history = repository.history().await;
        let again = repository.history().await;
        let revisions = repository.git(&["rev-list", "HEAD"]);
        let revisions: Vec<&str> = revisions.lines().collect();
        for revision in [revisions[0], revisions[dice.below(revisions.len())], revisions[dice.below(revisions.len())]] {
            for file in repository.git(&["ls-tree", "-r", "--name-only", revision]).lines() {
                let expected = repository.blame(revision, file, &[]);
                let found = lines_of(&history, revision, file);
                assert_eq!(found, lines_of(&again, revision, file), "seed {seed}: read back from its file");
                assert_eq!(found.len(), expected.len(), "seed {seed}, {file} at {revision}");
                compared += expected.len();
                let lines = (1..).zip(expected.iter().zip(&found)).filter(|(_, (expected, found))| expected != found);
                different.extend(lines.map(|(line, _)| format!("seed {seed}, {file}:{line} at {revision}")));
            }
        }
    }
    assert!(compared > 500, "only {compared} lines");
    assert!(different.is_empty(), "{} of {compared}: {different:#?}", different.len());
}
