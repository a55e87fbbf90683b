//! The sample repository: a real bare git repository, made in one go and grown commit by commit.
//!
//! Called by `onduty demo` and by tests; `scenario` appends what the team pushes. The same seed and day give the same
//! revisions.

use super::git;
use super::history::{self, Birth};
use super::shop::{self, SourceFile};
use super::team::{Person, ZONE, person, team};
use crate::github::PushedCommit;
use crate::random::Random;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const BRANCH: &str = "refs/heads/main";
/// Marks of commits start at 1; git writes them here, inside the repository.
const MARKS: &str = "onduty-marks";

/// Why there is no repository.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// It cannot be started.
    #[error("git could not be started: install it")]
    NoGit(#[source] std::io::Error),
    /// It ran and refused.
    #[error("git {what} failed: {said}")]
    Git {
        /// Which command.
        what: String,
        /// What it printed.
        said: String,
    },
    /// A commit names somebody who is not in the team.
    #[error("nobody in the sample team is called {id}")]
    NoSuchPerson {
        /// The name.
        id: String,
    },
    /// The folder cannot be made or written.
    #[error("the folder of the repository cannot be written")]
    Folder(#[source] std::io::Error),
    /// The team's time zone is not known here.
    #[error("the time zone of the sample team is not known")]
    Zone(#[source] jiff::Error),
}

/// A change of one file: `find` becomes `replace`, once; where there is no such text, `replace` is added at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Path in the repository; a file that does not exist is made.
    pub path: String,
    /// What is there; empty: add at the end.
    pub find: String,
    /// What will be there.
    pub replace: String,
}

/// A commit that somebody writes on the sample day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// Short name of the author.
    pub author: String,
    /// First line of the message.
    pub title: String,
    /// What changes.
    pub edits: Vec<Edit>,
}

/// A sample repository and what it will become.
#[derive(Debug)]
pub struct SampleRepository {
    /// The bare repository.
    pub path: PathBuf,
    /// Its newest commit.
    head: PushedCommit,
    commits: usize,
    texts: BTreeMap<String, String>,
    sources: Vec<SourceFile>,
    born: Vec<Vec<usize>>,
    to_come: VecDeque<Birth>,
    random: Random,
}

/// One commit that is ready for git.
struct Ready {
    author: &'static Person,
    email: String,
    title: String,
    at: Timestamp,
    files: BTreeMap<String, String>,
    added: Vec<String>,
    modified: Vec<String>,
}

/// Makes the repository in the folder `dir`, which is made too, with sixty days of history that end the evening before
/// the day of `now`.
///
/// # Errors
/// When git is missing or refuses, or the folder cannot be written.
pub fn make_repository(dir: &Path, seed: u64, now: Timestamp) -> Result<SampleRepository, RepositoryError> {
    let zone = TimeZone::get(ZONE).map_err(RepositoryError::Zone)?;
    let day = now.to_zoned(zone.clone()).date();
    let mut random = Random::new(seed);
    let sources = shop::sources();
    let history = history::plan(&sources, day, &zone, &mut random);
    std::fs::create_dir_all(dir).map_err(RepositoryError::Folder)?;
    git::run(dir, &["init", "--quiet", "--bare", "--initial-branch=main", "."], b"")?;

    let begin = history.past.first().map_or(now, |(at, _)| *at) - SignedDuration::from_hours(1);
    let mut repository = SampleRepository {
        path: dir.to_owned(),
        head: PushedCommit::invented(&mut random, "nothing yet", begin),
        commits: 0,
        texts: BTreeMap::new(),
        born: vec![Vec::new(); sources.len()],
        sources,
        to_come: history.to_come.into(),
        random,
    };
    let mut ready = vec![repository.first_commit(begin)];
    for (at, birth) in history.past {
        ready.push(repository.give_birth(birth, at));
    }
    repository.import(ready)?;
    Ok(repository)
}

impl SampleRepository {
    /// The newest commit.
    pub fn head(&self) -> &PushedCommit {
        &self.head
    }

    /// How many commits there are.
    pub fn commits(&self) -> usize {
        self.commits
    }

    /// The text of a file as it is now.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Appends `count` commits of the team's ordinary work, oldest first.
    ///
    /// # Errors
    /// When git refuses.
    pub fn append_routine(&mut self, count: usize, at: Timestamp) -> Result<Vec<PushedCommit>, RepositoryError> {
        let mut ready = Vec::new();
        for number in 0..count {
            let at = at - SignedDuration::from_secs((count - number) as i64 * 40);
            ready.push(match self.to_come.pop_front() {
                Some(birth) => self.give_birth(birth, at),
                None => self.note(at),
            });
        }
        self.import(ready)
    }

    /// Appends these commits, oldest first.
    ///
    /// # Errors
    /// When git refuses, or an author is not in the team; then nothing is appended.
    pub fn append(&mut self, commits: &[NewCommit], at: Timestamp) -> Result<Vec<PushedCommit>, RepositoryError> {
        let mut ready = Vec::new();
        for (number, commit) in commits.iter().enumerate() {
            let author =
                person(&commit.author).ok_or_else(|| RepositoryError::NoSuchPerson { id: commit.author.clone() })?;
            let at = at - SignedDuration::from_secs((commits.len() - number) as i64 * 40);
            let mut files = BTreeMap::new();
            for edit in &commit.edits {
                // A second edit of the same file builds on the first, and a second commit on the first one.
                let known = files.get(&edit.path).or_else(|| earlier(&ready, &edit.path));
                let text = known.cloned().or_else(|| self.texts.get(&edit.path).cloned()).unwrap_or_default();
                files.insert(edit.path.clone(), edited(text, edit));
            }
            ready.push(self.ready(author, &commit.title, at, files));
        }
        for commit in &ready {
            self.texts.extend(commit.files.clone());
        }
        self.import(ready)
    }

    fn first_commit(&mut self, at: Timestamp) -> Ready {
        let files = BTreeMap::from([
            (
                "README.md".to_owned(),
                "# shop\n\nSells seats. See `docs/` for how, and ask the one on duty.\n".to_owned(),
            ),
            (".mailmap".to_owned(), mailmap()),
            ("CODEOWNERS".to_owned(), CODEOWNERS.to_owned()),
            (".github/workflows/ci.yml".to_owned(), WORKFLOW.to_owned()),
            ("Gemfile".to_owned(), "source \"https://rubygems.example\"\ngem \"rails\", \"~> 8.0\"\n".to_owned()),
            ("package.json".to_owned(), "{\"name\": \"shop\", \"private\": true, \"type\": \"module\"}\n".to_owned()),
        ]);
        self.texts.extend(files.clone());
        self.ready(&team()[0], "Start the shop", at, files)
    }

    /// The next lines of a file.
    fn give_birth(&mut self, birth: Birth, at: Timestamp) -> Ready {
        let source = &self.sources[birth.file];
        let path = source.path.clone();
        let born = &mut self.born[birth.file];
        born.extend(birth.lines);
        born.sort_unstable();
        let lines: Vec<&str> = source.text.lines().collect();
        let text: String = born.iter().filter_map(|line| lines.get(*line)).flat_map(|line| [line, "\n"]).collect();
        let files = BTreeMap::from([(path.clone(), text.clone())]);
        let ready = self.ready(birth.author, &birth.title, at, files);
        self.texts.insert(path, text);
        ready
    }

    /// When all that was planned is written, people write notes.
    fn note(&mut self, at: Timestamp) -> Ready {
        let author = self.random.pick(team()).copied().unwrap_or(team()[0]);
        let author = person(author.id).unwrap_or(&team()[0]);
        let mut text = self.texts.get("docs/notes.md").cloned().unwrap_or_else(|| "# Notes\n".to_owned());
        let _ = writeln!(text, "- {}: looked through the {} queue", author.name, author.team);
        let files = BTreeMap::from([("docs/notes.md".to_owned(), text.clone())]);
        let ready = self.ready(author, &format!("Notes of the {} team", author.team), at, files);
        self.texts.insert("docs/notes.md".to_owned(), text);
        ready
    }

    fn ready(&mut self, author: &'static Person, title: &str, at: Timestamp, files: BTreeMap<String, String>) -> Ready {
        let (modified, added) = files.keys().cloned().partition(|path| self.texts.contains_key(path));
        let email = match author.other_email() {
            Some(other) if self.random.chance(40) => other,
            _ => author.email(),
        };
        Ready { author, email, title: title.to_owned(), at, files, added, modified }
    }

    fn import(&mut self, commits: Vec<Ready>) -> Result<Vec<PushedCommit>, RepositoryError> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let mut stream = Vec::new();
        for (number, commit) in commits.iter().enumerate() {
            let parent = (number == 0 && self.commits > 0).then_some(BRANCH);
            write_commit(&mut stream, number + 1, commit, parent);
        }
        stream.extend(b"done\n");
        let marks = self.path.join(MARKS);
        let export = format!("--export-marks={MARKS}");
        git::run(&self.path, &["--git-dir=.", "fast-import", "--quiet", "--done", &export], &stream)?;
        let listed = std::fs::read_to_string(&marks).map_err(RepositoryError::Folder)?;
        std::fs::remove_file(&marks).map_err(RepositoryError::Folder)?;
        let revisions: BTreeMap<&str, &str> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
        let made: Vec<PushedCommit> = commits
            .into_iter()
            .zip(1..)
            .map(|(commit, number)| PushedCommit {
                revision: revisions.get(format!(":{number}").as_str()).copied().unwrap_or_default().to_owned(),
                title: commit.title,
                author_name: commit.author.name.to_owned(),
                author_email: commit.email,
                author_login: Some(commit.author.login()),
                at: commit.at,
                added: commit.added,
                modified: commit.modified,
                removed: Vec::new(),
            })
            .collect();
        self.commits += made.len();
        if let Some(newest) = made.last() {
            self.head = newest.clone();
        }
        Ok(made)
    }
}

fn earlier<'a>(ready: &'a [Ready], path: &str) -> Option<&'a String> {
    ready.iter().rev().find_map(|commit| commit.files.get(path))
}

fn edited(text: String, edit: &Edit) -> String {
    if !edit.find.is_empty() && text.contains(&edit.find) {
        text.replacen(&edit.find, &edit.replace, 1)
    } else {
        text + &edit.replace
    }
}

/// One commit in the language of `git fast-import`.
fn write_commit(stream: &mut Vec<u8>, mark: usize, commit: &Ready, parent: Option<&str>) {
    let who = format!("{} <{}> {} +0100", commit.author.name, commit.email, commit.at.as_second());
    let mut text = format!("commit {BRANCH}\nmark :{mark}\nauthor {who}\ncommitter {who}\n");
    let _ = write!(text, "data {}\n{}\n", commit.title.len(), commit.title);
    if let Some(parent) = parent {
        let _ = writeln!(text, "from {parent}^0");
    }
    for (path, content) in &commit.files {
        let _ = write!(text, "M 100644 inline {path}\ndata {}\n{content}\n", content.len());
    }
    stream.extend(text.into_bytes());
}

fn mailmap() -> String {
    let lines = team().iter().filter_map(|one| Some((one, one.other_email()?)));
    lines.fold(String::new(), |mut out, (one, other)| {
        let _ = writeln!(out, "{} <{}> <{other}>", one.name, one.email());
        out
    })
}

const CODEOWNERS: &str = "\
*                   @acme/platform
/app/               @acme/checkout
/lib/sms/           @acme/messaging
/web/checkout/      @acme/checkout
/web/search/        @acme/search
/services/search/   @acme/search
/mobile/            @acme/mobile
";

const WORKFLOW: &str = "\
name: CI
on: {push: {branches: [main]}, pull_request: {}}
jobs:
  lint: {runs-on: linux, steps: [{run: bin/lint}]}
  unit-tests: {name: unit tests, runs-on: linux, steps: [{run: bin/rspec}]}
  e2e: {runs-on: linux, steps: [{run: bin/e2e}]}
  build-image: {name: build image, runs-on: linux, steps: [{run: bin/image}]}
";

#[cfg(test)]
mod tests;
