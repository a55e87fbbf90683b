//! Histories of repositories that the test makes, compared with what `git blame` says.

mod clones;
mod hostile;
mod merges;
mod random;
mod scene;
mod touches;

use super::*;
use crate::sources::git::Git;
use std::process::Command;
use tempfile::TempDir;

/// A repository made by the machine's own git; each commit is a second later.
struct Repository {
    folder: TempDir,
    seconds: std::cell::Cell<u64>,
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository { folder: TempDir::new().unwrap(), seconds: std::cell::Cell::new(1_770_000_000) };
        std::fs::create_dir(repository.work()).unwrap();
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    fn work(&self) -> std::path::PathBuf {
        self.folder.path().join("work")
    }

    fn index(&self) -> std::path::PathBuf {
        self.folder.path().join("history")
    }

    fn command(&self, args: &[&str]) -> Command {
        let date = format!("@{} +0000", self.seconds.get());
        let mut command = Command::new("git");
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_EDITOR", "true")])
            .envs([("GIT_AUTHOR_NAME", "Lena"), ("GIT_AUTHOR_EMAIL", "lena@example.org"), ("GIT_AUTHOR_DATE", &date)])
            .envs([("GIT_COMMITTER_NAME", "c"), ("GIT_COMMITTER_EMAIL", "c@example.org")])
            .env("GIT_COMMITTER_DATE", &date)
            .args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0"])
            .args(args)
            .current_dir(self.work());
        command
    }

    fn git(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.work().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits all that is in the folder; the new commit's id.
    fn commit(&self, title: &str) -> String {
        self.seconds.set(self.seconds.get() + 1);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", title]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn reader(&self) -> Git {
        Git::inside(&self.work())
    }

    async fn history(&self) -> History {
        History::open(&self.reader(), &self.index(), &[self.git(&["rev-parse", "HEAD"])]).await.unwrap()
    }

    /// The commit of each line, as git says it.
    fn blame(&self, revision: &str, path: &str, options: &[&str]) -> Vec<String> {
        let args = [&["blame", "-w", "--porcelain"], options, &[revision, "--", path]].concat();
        let output = self.command(&args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut commits = Vec::new();
        for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| line.first() != Some(&b'\t')) {
            let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            let is_entry = words[0].len() == 40 && words[0].iter().all(u8::is_ascii_hexdigit) && words.len() >= 3;
            if is_entry {
                commits.push(String::from_utf8_lossy(words[0]).into_owned());
            }
        }
        commits
    }
}

/// The commit of each line, as the history says it.
fn lines_of(history: &History, revision: &str, path: &str) -> Vec<String> {
    let found = history.at(revision).unwrap().blame(path, 1..u32::MAX).unwrap();
    assert!(
        found.iter().map(|(line, _)| *line).eq(1..=u32::try_from(found.len()).unwrap()),
        "{path}: a line is missing"
    );
    found.into_iter().map(|(_, no)| history.commit(no).id.clone()).collect()
}

fn titles(history: &History, found: Vec<CommitNo>) -> Vec<String> {
    found.into_iter().map(|no| history.commit(no).title.clone()).collect()
}
