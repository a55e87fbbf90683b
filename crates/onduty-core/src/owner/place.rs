//! What a repository knows about a place in its code: the evidence that [`rank`](super::rank) weighs.
//!
//! Gathered by the server from an index of the history; machines are left out there already.

use super::people::PersonNo;
use jiff::Timestamp;

/// Lines before and after the line of a frame that count as around it.
pub const AROUND: u32 = 12;

/// Somebody changed something with a commit, as its author or with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// Who.
    pub person: PersonNo,
    /// The commit, by its number in the history.
    pub commit: u32,
    /// When it was committed.
    pub at: Timestamp,
}

/// The line of a frame and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenLine {
    /// Path within the repository.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// The commit's full id.
    pub revision: String,
    /// Who and when.
    pub touch: Touch,
}

/// The commits to something, newest first; a commit of several people stands there once for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// What: files or folders; the empty folder is the whole repository.
    pub names: Vec<String>,
    /// By whom and when.
    pub touches: Vec<Touch>,
}

/// Everything around the frames of one error, up to the revision that ran and the moment of asking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The lines of the frames whose author is known, in the order of the frames.
    pub lines: Vec<WrittenLine>,
    /// Who wrote the lines of the frames and up to [`AROUND`] before and after, with the number of lines.
    pub around: Vec<(PersonNo, u32)>,
    /// Commits to the files of the frames, also under their former names.
    pub files: Touched,
    /// Commits to anything in the folders that these files are in.
    pub folders: Touched,
    /// Commits to anything.
    pub repository: Touched,
}

impl Place {
    /// Whether the repository has nothing to say about it.
    pub fn is_unknown(&self) -> bool {
        self.lines.is_empty() && self.files.touches.is_empty() && self.folders.touches.is_empty()
    }
}
