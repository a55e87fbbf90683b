//! What a repository says about who knows a place in the code: facts, gathered by a source, weighed by [`super`].
//!
//! Every list counts only commits that were there at the revision in question, none later than the moment of asking,
//! and no merges.

use jiff::Timestamp;

/// A place in [`Facts::authors`].
pub type AuthorIndex = usize;

/// Somebody who commits, as the history writes them after `.mailmap`. One person may be several of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Author {
    /// Hostile like everything from outside.
    pub name: String,
    /// As written; compare without case.
    pub email: String,
}

/// A commit as evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFact {
    /// In full.
    pub revision: String,
    /// First line of the message.
    pub title: String,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// Who wrote it, then everybody whom a `Co-authored-by` line names.
    pub authors: Vec<AuthorIndex>,
}

/// The commit that a line of a frame comes from, whitespace and ignored revisions looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFact {
    /// Which of the frames that were asked about, from 0.
    pub frame: usize,
    /// Where it came from.
    pub commit: CommitFact,
}

/// Lines around the frames that one author wrote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Who.
    pub author: AuthorIndex,
    /// How many of them; a line with several authors counts for each.
    pub lines: u32,
}

/// What one author did in a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Who.
    pub author: AuthorIndex,
    /// Commits of theirs.
    pub commits: u32,
    /// The same, a commit counting half after every half-life of the list.
    pub worth: f64,
    /// Their newest.
    pub newest: Timestamp,
}

/// The commits to one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// Path within the repository; empty for the whole of it.
    pub path: String,
    /// All commits to it.
    pub commits: u32,
    /// Who made them, in no particular order.
    pub work: Vec<Work>,
}

/// What a repository knows about frames at a revision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Everybody named below.
    pub authors: Vec<Author>,
    /// Where the lines of the frames come from, in the order of the frames; without those that could not be told.
    pub lines: Vec<LineFact>,
    /// Who wrote the lines near the frames.
    pub around: Vec<Share>,
    /// The files of the frames, each once, in the order of the frames, renames followed; half-life
    /// [`FILE_HALF_LIFE_DAYS`].
    pub files: Vec<Place>,
    /// The folders of these files, each once.
    pub folders: Vec<Place>,
    /// The folders around these folders, each once.
    pub parents: Vec<Place>,
    /// The whole repository; half-life [`REPOSITORY_HALF_LIFE_DAYS`].
    pub repository: Place,
    /// What could not be looked at, and why: `shop.rb has more than 1,000,000 lines`.
    pub troubles: Vec<String>,
}

/// Days after which a commit to a file or folder counts half.
pub const FILE_HALF_LIFE_DAYS: f64 = 120.0;
/// Days after which a commit anywhere counts half.
pub const REPOSITORY_HALF_LIFE_DAYS: f64 = 60.0;
/// Lines before and after a frame that are looked at as well.
pub const LINES_AROUND: u32 = 12;
