//! Who wrote a line and who changed a file, at any revision of a repository, answered without starting git.
//!
//! [`History::open`] reads the whole history once and keeps it in a file beside the mirror; later only new commits are
//! read. `owner` asks it for its evidence. No text of a file is kept, and nothing here decides who is adequate.
//! `docs/design/history.md` says why it is built like this.

mod blame;
mod build;
mod compare;
mod disk;
mod events;
mod holes;
mod lines;
mod merges;
mod near;
mod patches;
mod read;
mod reading;
mod scene;
#[cfg(test)]
mod tests;
mod touches;

pub use blame::BlameError;
pub use scene::{Scene, Spot};

use super::GitError;
use crate::sources::one_line;
use events::Events;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Without it git reads the `.gitmodules` of a work tree: leaves out what that ignores, and ends where it is unsafe.
const NO_MODULES: &str = "--ignore-submodules=none";

/// Number of a commit in one [`History`]; parents have smaller numbers than their children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitNo(u32);

/// A name and an e-mail address as a commit has them; control characters are taken out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The address; it may be anything.
    pub email: String,
}

/// What a commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    /// Its full id.
    pub id: String,
    /// Who wrote it, before any `.mailmap`.
    pub author: Signature,
    /// Those that its message names as co-authors.
    pub co_authors: Vec<Signature>,
    /// When it was committed, by the clock of whoever did; a time that no calendar has counts as 1970.
    pub committed_at: Timestamp,
    /// The first line of its message.
    pub title: String,
    /// Parents that are in the history, the first one first.
    pub parents: Vec<CommitNo>,
}

impl CommitFacts {
    /// It brings two or more lines of work together.
    pub fn is_merge(&self) -> bool {
        self.parents.len() > 1
    }
}

/// Why there is no history to ask.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Git refused, for example because objects are missing.
    #[error(
        "the history could not be read: {0}; a clone that leaves out commits or folders (--filter=tree:0) cannot be \
         used, copy the whole repository"
    )]
    Git(#[from] GitError),
    /// A file for work in between could not be made.
    #[error("the history could not be read: {0}; is there room in the folder for temporary files?")]
    Disk(#[from] std::io::Error),
    /// The reading broke off.
    #[error("the history was not read to its end: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    /// A tip that is no full commit id.
    #[error("{0:?} is no full commit id; name the commits that the history should lead to by their 40 or 64 digits")]
    NotACommit(String),
    /// More than can be numbered or asked for at once.
    #[error("the history has too many {0}")]
    TooLarge(&'static str),
}

/// The history that leads to a set of commits. It never changes; [`History::update`] makes a newer one.
#[derive(Debug, Clone)]
pub struct History(Arc<Inner>);

#[derive(Debug, Clone, Default)]
struct Inner {
    commits: Vec<CommitFacts>,
    by_id: HashMap<u128, u32>,
    events: Events,
    /// Commits that `.git-blame-ignore-revs` lists, by the first bits of its content's id.
    ignored: HashMap<u128, Vec<u128>>,
    /// Full ids of the commits up to which everything is in.
    tips: Vec<String>,
    /// The commits at which a shallow clone ends.
    edge: Vec<String>,
    /// Full ids of contents that the clone leaves out.
    holes: Vec<String>,
    /// Found when it is first asked for.
    signers: OnceLock<Signers>,
}

/// Who signed which commit, before any `.mailmap`.
#[derive(Debug, Clone, Default)]
struct Signers {
    /// Each once.
    signatures: Vec<Signature>,
    /// By commit, its author and those whom it names as co-authors.
    by_commit: Vec<Vec<u32>>,
}

impl History {
    /// How many commits it has.
    pub fn len(&self) -> usize {
        self.0.commits.len()
    }

    /// Whether it has none, as that of an empty repository.
    pub fn is_empty(&self) -> bool {
        self.0.commits.is_empty()
    }

    /// Whether it goes back to the beginning; that of a shallow clone does not, and its oldest commits seem to have
    /// written everything.
    pub fn is_complete(&self) -> bool {
        self.0.edge.is_empty()
    }

    /// The history as it leads to commit `revision`, a full id; `None` when that commit is not in.
    pub fn at(&self, revision: &str) -> Option<At<'_>> {
        let no = self.0.find(revision)?;
        Some(At { inner: &self.0, no, ancestors: self.0.ancestors(no), ignored: self.0.ignored_at(no), latest: None })
    }

    /// Whether it is the very same one, not only one of the same repository.
    fn is(&self, other: &History) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn signers(&self) -> &Signers {
        self.0.signers.get_or_init(|| Signers::of(&self.0.commits))
    }

    /// What commit `no` says about itself.
    ///
    /// # Panics
    /// When `no` comes from another history.
    pub fn commit(&self, no: CommitNo) -> &CommitFacts {
        &self.0.commits[no.0 as usize]
    }

    /// How many files commit `no` changed or took away; of a merge, how many differ from its first parent.
    fn files_in(&self, no: CommitNo) -> u32 {
        self.0.events.of_commit(no.0).len() as u32
    }
}

impl Signers {
    fn of(commits: &[CommitFacts]) -> Signers {
        let mut signers = Signers::default();
        let mut numbers: HashMap<&Signature, u32> = HashMap::new();
        for commit in commits {
            let signed = std::iter::once(&commit.author).chain(&commit.co_authors).map(|by| {
                *numbers.entry(by).or_insert_with(|| {
                    signers.signatures.push(by.clone());
                    signers.signatures.len() as u32 - 1
                })
            });
            signers.by_commit.push(signed.collect());
        }
        signers
    }
}

impl Inner {
    /// Whether lines were read: not where too much is left out.
    fn has_lines(&self) -> bool {
        self.holes.len() <= holes::MAX_STAND_INS
    }

    fn find(&self, id: &str) -> Option<u32> {
        let no = *self.by_id.get(&read::key(id.as_bytes()).ok()?)?;
        self.commits[no as usize].id.eq_ignore_ascii_case(id).then_some(no)
    }

    fn ancestors(&self, no: u32) -> Vec<bool> {
        let mut ancestors = vec![false; no as usize + 1];
        ancestors[no as usize] = true;
        for child in (0..=no as usize).rev() {
            if ancestors[child] {
                self.commits[child].parents.iter().for_each(|parent| ancestors[parent.0 as usize] = true);
            }
        }
        ancestors
    }

    fn ignored_at(&self, no: u32) -> Vec<u32> {
        let path = self.events.path_no(IGNORE_FILE);
        let blob = path.and_then(|path| self.events.content(no, path));
        let listed = blob.and_then(|blob| self.ignored.get(&blob));
        let mut ignored: Vec<u32> = listed.into_iter().flatten().filter_map(|id| self.by_id.get(id).copied()).collect();
        ignored.sort_unstable();
        ignored
    }
}

/// Lists commits that `blame` looks through: mass reformatting and the like.
const IGNORE_FILE: &[u8] = b".git-blame-ignore-revs";

/// The history as it leads to one commit: nothing else counts.
#[derive(Debug, Clone)]
pub struct At<'a> {
    inner: &'a Inner,
    no: u32,
    /// By number, whether a commit led here.
    ancestors: Vec<bool>,
    ignored: Vec<u32>,
    latest: Option<Timestamp>,
}

impl At<'_> {
    /// Lets the touches leave out what was committed after `at`. Lines are always those of the revision.
    #[must_use]
    pub fn no_later_than(mut self, at: Timestamp) -> Self {
        self.latest = Some(at);
        self
    }

    /// The commit that is asked about.
    pub fn revision(&self) -> CommitNo {
        CommitNo(self.no)
    }
}

/// Bytes of a repository as text for people; only the first line counts.
fn text(bytes: &[u8], max: usize) -> String {
    one_line(&String::from_utf8_lossy(bytes), max)
}
