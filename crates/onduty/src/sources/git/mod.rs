//! A git repository as a source: where its branches are, and who changed what.
//!
//! The git task keeps a [`Mirror`] fresh and records its heads; `owner` asks it for the commits of a file. It reads
//! only: nothing is checked out, no hook runs, and nothing of the repository's configuration is obeyed. Where git connects
//! by itself, `egress` says where to, anew for each exchange.

pub mod history;
mod location;
mod log;
mod rules;
mod run;
#[cfg(test)]
mod tests;

pub use rules::read_codeowners;
pub use run::{Git, GitError, OLDEST_THAT_PINS, READ_TIMEOUT, version_of};

use crate::egress::Egress;
use crate::sources::{SourceError, dedup_key, one_line};
use history::History;
use jiff::Timestamp;
use location::Location;
use onduty_core::ids::SourceName;
use onduty_core::owner::codeowners::Codeowners;
use onduty_core::owner::mailmap::Mailmap;
use onduty_core::signal::{BranchHead, Commit, Fact, Frame, Observation};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The source's name in the journal.
pub const NAME: &str = "git";
/// Longest time for one fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(600);
/// Commits that an observation of a head lists.
const HEAD_COMMITS: usize = 300;
/// Of these, the newest ones with the files that they changed.
const WITH_FILES: usize = 100;
/// How git ends where it finds no repository, or none that it can read.
const NO_REPOSITORY: i32 = 128;
/// Most commits between two revisions.
const MAX_BETWEEN: usize = 1_000;

/// Most places that a search gives.
const MOST_PLACES: usize = 10;
/// Endings of files in which a route is only told of.
const NO_CODE: [&str; 7] = [".md", ".json", ".yml", ".yaml", ".lock", ".txt", ".html"];

/// The name under which a repository speaks in the journal: each lives or fails on its own.
pub fn source_name(repository: &str) -> SourceName {
    SourceName::new(format!("{NAME} {repository}"))
}

/// The newest commit that changed `file` in the checkout that has `folder`; `None` where the file is not committed as
/// it is.
///
/// # Errors
/// When `folder` is in no repository, or git is not there.
pub async fn last_change(folder: &Path, file: &str) -> Result<Option<Commit>, GitError> {
    let git = Git::inside(folder);
    let status = git.read(&["status", "--porcelain", "--ignored", "--", file]).await?;
    if !status.is_empty() {
        return Ok(None);
    }
    let options = ["log", "-z", log::FORMAT, "--max-count=1", "--end-of-options", "HEAD", "--", file];
    Ok(log::commits(&git.read(&options).await?).into_iter().next())
}

/// The `.mailmap` of commit `revision`; an empty one where there is none, or none that git can show.
pub async fn read_mailmap(git: &Git, revision: &str) -> Mailmap {
    let shown = git.read(&["cat-file", "blob", &format!("{revision}:.mailmap")]).await;
    Mailmap::parse(&String::from_utf8_lossy(&shown.unwrap_or_default()))
}

/// A bare copy of a repository, in onduty's own folder.
#[derive(Debug, Clone)]
pub struct Mirror {
    repository: String,
    location: Location,
    folder: PathBuf,
    git: Git,
    egress: Egress,
}

impl Mirror {
    /// A mirror of the repository at `location` (a path, `file://` or `https://`), kept in a folder of its own below
    /// `cache`. `repository` is what the instance calls it, such as `acme/shop`. Nothing is fetched yet; what is goes by
    /// `egress`.
    ///
    /// # Errors
    /// [`SourceError::NotAllowed`] for a location that onduty does not go to.
    pub async fn open(repository: &str, location: &str, cache: &Path, egress: &Egress) -> Result<Mirror, SourceError> {
        Mirror::at(repository, location::allowed(location)?, cache, egress).await
    }

    async fn at(repository: &str, location: Location, cache: &Path, egress: &Egress) -> Result<Mirror, SourceError> {
        let folder = std::path::absolute(cache).map_err(unreachable)?;
        let folder = folder.join(format!("{}.git", &dedup_key(&[location.as_str().as_bytes()])[..16]));
        let git = Git::bare(&folder);
        let (repository, egress) = (repository.to_owned(), egress.clone());
        let mirror = Mirror { repository, location, folder, git, egress };
        mirror.create().await?;
        Ok(mirror)
    }

    async fn create(&self) -> Result<(), SourceError> {
        std::fs::create_dir_all(&self.folder).map_err(unreachable)?;
        let ready = self.folder.join("HEAD").exists();
        if !ready {
            // No template: it would bring sample hooks along.
            self.git.read(&["init", "--quiet", "--bare", "--template="]).await.map_err(unreachable)?;
        }
        Ok(())
    }

    /// Brings every branch up to date; rewritten ones are followed, deleted ones go.
    ///
    /// # Errors
    /// [`SourceError::Unreachable`], also where onduty does not go; what was there before stays.
    pub async fn refresh(&self) -> Result<(), SourceError> {
        let git = self.reaching().await?;
        let Err(error) = self.fetch(&git).await else { return Ok(()) };
        if !self.mended().await? {
            return Err(unreachable(error));
        }
        tracing::warn!(folder = %self.folder.display(), %error, "the copy was in the way; fetching again");
        self.fetch(&self.reaching().await?).await.map_err(unreachable)
    }

    /// Takes away what keeps git from writing to the copy; whether there was something. The copy itself is asked, because
    /// a server can make git say anything.
    async fn mended(&self) -> Result<bool, SourceError> {
        let looked = self.git.read(&["rev-parse", "--git-dir"]).await;
        if matches!(looked, Err(GitError::Failed { code: Some(NO_REPOSITORY), .. })) {
            // It is only a copy: start again.
            std::fs::remove_dir_all(&self.folder).map_err(unreachable)?;
            self.create().await?;
            return Ok(true);
        }
        // A fetch that was ended in the middle left them; no other writes here.
        let locks = locks_below(&self.folder).map_err(unreachable)?;
        locks.iter().try_for_each(std::fs::remove_file).map_err(unreachable)?;
        Ok(!locks.is_empty())
    }

    /// Git with a way to the repository, good for one exchange: names move.
    async fn reaching(&self) -> Result<Git, SourceError> {
        let url = match &self.location {
            Location::Disk(_) => return Ok(self.git.reading_disk()),
            Location::Web(url) => url,
        };
        // One that is older would not complain, and go wherever the name leads it.
        if self.git.version().await.map_err(unreachable)? < Some(OLDEST_THAT_PINS) {
            let mend = "install git 2.37 or newer, which goes to the addresses that were judged and to no others";
            return Err(SourceError::NotAllowed { source_name: NAME.into(), location: url.to_string(), mend });
        }
        let way = self.egress.way_to(url).await.map_err(unreachable)?;
        Ok(self.git.pinned(url, &way))
    }

    async fn fetch(&self, git: &Git) -> Result<(), GitError> {
        let options =
            ["fetch", "--quiet", "--prune", "--no-tags", "--force", "--update-shallow", "--no-write-fetch-head"];
        let what = ["--end-of-options", self.location.as_str(), "+refs/heads/*:refs/heads/*"];
        git.run(&[options.as_slice(), &what].concat(), FETCH_TIMEOUT).await.map(drop)
    }

    /// The branch that the repository itself names first: `main`.
    ///
    /// # Errors
    /// [`SourceError::Missing`] when it names none, as an empty repository may; else as [`Mirror::refresh`].
    pub async fn default_branch(&self) -> Result<String, SourceError> {
        let asked = ["ls-remote", "--symref", "--end-of-options", self.location.as_str(), "HEAD"];
        let answer = self.reaching().await?.run(&asked, FETCH_TIMEOUT).await.map_err(unreachable)?;
        let answer = String::from_utf8_lossy(&answer);
        let mut named = answer.lines().filter_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
        named.next().map(str::to_owned).ok_or_else(|| missing("default branch".to_owned()))
    }

    /// Where `branch` is, with the newest commits that led there. `now` is when it was looked at.
    ///
    /// # Errors
    /// [`SourceError::Missing`] when there is no such branch, or no commit at all.
    pub async fn head(&self, branch: &str, now: Timestamp) -> Result<Observation, SourceError> {
        let revision = self.branch(branch).await?;
        let mut commits = self.log(&revision, HEAD_COMMITS, &[]).await?;
        let count = format!("--max-count={WITH_FILES}");
        let options = ["log", "-z", "--name-only", "--no-renames", log::FILES_FORMAT, &count];
        let asked = [options.as_slice(), &["--end-of-options", &revision, "--"]].concat();
        let mut files = log::files(&self.git.read(&asked).await.map_err(unreachable)?);
        for commit in &mut commits {
            commit.files = files.remove(&commit.revision).unwrap_or_default();
        }
        let fact = Fact::Head(BranchHead {
            repository: self.repository.clone(),
            branch: branch.to_owned(),
            revision,
            commits,
            complete: !self.folder.join("shallow").exists(),
        });
        let subject = format!("{} {branch}", self.repository).as_str().into();
        Ok(Observation { source: SourceName::from(NAME), subject, fact, source_time: now, baseline: false })
    }

    /// The history that leads to commit `tip`, from the index beside this copy; made where there is none.
    ///
    /// # Errors
    /// [`SourceError::Unreachable`] when git or the disk refuse.
    pub async fn history(&self, tip: &str) -> Result<History, SourceError> {
        History::open(&self.git, &self.index(), &[tip.to_owned()]).await.map_err(unreachable)
    }

    /// `known`, and what leads to commit `tip` besides.
    ///
    /// # Errors
    /// As [`Mirror::history`].
    pub async fn history_after(&self, known: &History, tip: &str) -> Result<History, SourceError> {
        known.update(&self.git, &self.index(), &[tip.to_owned()]).await.map_err(unreachable)
    }

    /// Who is who, as commit `revision` has it.
    pub async fn mailmap(&self, revision: &str) -> Mailmap {
        read_mailmap(&self.git, revision).await
    }

    /// The CODEOWNERS of commit `revision`, and where it lies.
    ///
    /// # Errors
    /// As [`read_codeowners`].
    pub async fn codeowners(&self, revision: &str) -> Result<Option<(String, Codeowners)>, String> {
        read_codeowners(&self.git, revision, self.location.as_str()).await
    }

    /// Places of commit `revision` whose line matches `pattern`, an extended regular expression: code that is no test, at
    /// most [`MOST_PLACES`].
    ///
    /// # Errors
    /// [`SourceError::Unreachable`] when git refuses.
    pub async fn places_of(&self, revision: &str, pattern: &str) -> Result<Vec<Frame>, SourceError> {
        let most = format!("--max-count={MOST_PLACES}");
        let args = ["grep", "-n", "-z", "-I", "-E", "--no-color", "--threads=1", &most, "-e", pattern, revision, "--"];
        let found = match self.git.read(&args).await {
            Ok(found) => found,
            // Nothing was found.
            Err(GitError::Failed { code: Some(1), .. }) => return Ok(Vec::new()),
            Err(error) => return Err(unreachable(error)),
        };
        let text = String::from_utf8_lossy(&found);
        let place = |line: &str| {
            let (file, rest) = line.strip_prefix(revision)?.strip_prefix(':')?.split_once('\0')?;
            let (number, _) = rest.split_once('\0')?;
            is_code(file).then(|| Frame {
                file: file.to_owned(),
                line: number.parse().ok(),
                function: None,
                in_app: true,
            })
        };
        Ok(text.lines().filter_map(place).take(MOST_PLACES).collect())
    }

    fn index(&self) -> PathBuf {
        self.folder.with_extension("history")
    }

    /// The commits that lead to `to` and not to `from`, newest first, at most a thousand.
    ///
    /// # Errors
    /// [`SourceError::Missing`] when either is not there, for example after a branch was rewritten.
    pub async fn commits_between(&self, from: &str, to: &str) -> Result<Vec<Commit>, SourceError> {
        let (from, to) = (self.resolve(from).await?, self.resolve(to).await?);
        self.log(&format!("{from}..{to}"), MAX_BETWEEN, &[]).await
    }

    /// `range` is made of commit ids that git gave.
    async fn log(&self, range: &str, limit: usize, files: &[&str]) -> Result<Vec<Commit>, SourceError> {
        let newest = range.rsplit("..").next().unwrap_or(range);
        let mailmap = format!("mailmap.blob={newest}:.mailmap");
        let count = format!("--max-count={limit}");
        let options = ["-c", &mailmap, "log", "-z", log::FORMAT, &count, "--end-of-options", range, "--"];
        let output = self.git.read(&[options.as_slice(), files].concat()).await.map_err(unreachable)?;
        Ok(log::commits(&output))
    }

    /// The full id of `revision`, a commit or a branch.
    ///
    /// # Errors
    /// [`SourceError::Missing`] when there is no such revision.
    pub async fn resolve(&self, revision: &str) -> Result<String, SourceError> {
        let is_commit = (7..=64).contains(&revision.len()) && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_commit {
            return self.branch(revision).await;
        }
        let commit = format!("{revision}^{{commit}}");
        match self.git.read(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).await {
            Ok(answer) => Ok(String::from_utf8_lossy(&answer).trim().to_owned()),
            Err(GitError::Failed { .. }) => Err(missing(format!("commit {revision}; fetch it, or was it rewritten?"))),
            Err(error) => Err(unreachable(error)),
        }
    }

    /// The commit at the head of `branch`, by its exact name.
    async fn branch(&self, branch: &str) -> Result<String, SourceError> {
        let reference = format!("refs/heads/{}", branch.replace('\0', "\u{fffd}"));
        match self.git.read(&["show-ref", "--verify", "--hash", "--", &reference]).await {
            Ok(answer) => return Ok(String::from_utf8_lossy(&answer).trim().to_owned()),
            Err(GitError::Failed { .. }) => {}
            Err(error) => return Err(unreachable(error)),
        }
        let asked = ["for-each-ref", "--count=5", "--format=%(refname:lstrip=2)", "refs/heads/"];
        let branches = self.git.read(&asked).await.map_err(unreachable)?;
        let branches: Vec<String> = String::from_utf8_lossy(&branches).lines().map(|name| one_line(name, 60)).collect();
        Err(missing(match branches.is_empty() {
            true => "commit yet".to_owned(),
            false => format!("branch {}; it has {}", one_line(branch, 100), branches.join(", ")),
        }))
    }
}

/// Whether a file may handle what it names: no test, and nothing that is only read by people or tools.
fn is_code(file: &str) -> bool {
    let file = file.to_lowercase();
    let is_apart = ["test", "spec/", "mock"].iter().any(|word| file.contains(word)) || file.starts_with("docs/");
    !is_apart && !NO_CODE.iter().any(|ending| file.ends_with(ending))
}

/// Git's locks anywhere in `folder`; no branch can have such a name.
fn locks_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut folders, mut locks) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lock") {
                locks.push(path);
            }
        }
    }
    Ok(locks)
}

fn missing(what: String) -> SourceError {
    SourceError::Missing { source_name: NAME.into(), what }
}

fn unreachable(cause: impl Into<crate::sources::BoxError>) -> SourceError {
    SourceError::Unreachable { source_name: NAME.into(), cause: cause.into() }
}
