//! What a repository knows about a place in its code: the evidence that [`rank`](super::rank) weighs.
//!
//! Gathered by the server from an index of the history; machines are left out there already.

use super::people::PersonNo;
use jiff::Timestamp;

/// Lines before and after the line of a frame that count as around it.
pub const AROUND: u32 = 12;

/// How many of each person's last commits are looked at.
pub const LAST_COMMITS: usize = 5;

/// Commits to more files than this are renames, releases and new formatters more often than work on any one of them.
pub const MASS_COMMIT: u32 = 20;

/// Somebody changed something with a commit, as its author or with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// Who.
    pub person: PersonNo,
    /// The commit, by its number in the history.
    pub commit: u32,
    /// When it was committed.
    pub at: Timestamp,
    /// How many files it changed.
    pub files: u32,
}

impl Touch {
    /// Whether so many files were changed at once that it says little about any of them.
    pub fn is_mass(&self) -> bool {
        self.files > MASS_COMMIT
    }
}

/// One of somebody's last commits, and how near it came to the frames.
#[derive(Debug, Clone, PartialEq)]
pub struct LastCommit {
    /// Who and when.
    pub touch: Touch,
    /// Between 0 (nothing in common) and 1 (a file of the frames): see [`nearness`].
    pub nearness: f64,
    /// The file or the folder that it has in common with the frames; empty when it has none.
    pub shared: String,
}

/// How near a change in the same `shared` folders comes to a file that is `depth` folders deep: the square of the share of
/// its path. A change of the file itself is 1.
pub fn nearness(shared: usize, depth: usize) -> f64 {
    (shared as f64 / (depth + 1) as f64).powi(2)
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

/// The commits to something, newest first; a commit of several people stands there once for each, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// What: files or folders; the empty folder is the whole repository.
    pub names: Vec<String>,
    /// By whom and when.
    pub touches: Vec<Touch>,
}

/// What the repository cannot say about a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// The copy of the repository leaves out what its files contained, so nobody is known for any line.
    WithoutContents,
    /// Nobody is known for the lines of this file: it is no text, or a change of it is too large or left out.
    NoLines {
        /// Path within the repository.
        file: String,
    },
    /// The copy ends before the beginning of the history: its oldest commits seem to have written all before them.
    Shallow,
}

/// Everything around the frames of one error, up to the revision that ran and the moment of asking.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// The lines of the frames whose author is known, in the order of the frames.
    pub lines: Vec<WrittenLine>,
    /// Who wrote the lines of the frames and up to [`AROUND`] before and after, with the number of lines.
    pub around: Vec<(PersonNo, u32)>,
    /// Commits to the files of the frames, also under their former names.
    pub files: Touched,
    /// Commits to anything in the folders that these files are in.
    pub folders: Touched,
    /// Commits to anything in the folders around those; the folders themselves where there are none around them.
    pub parents: Touched,
    /// Each person's last [`LAST_COMMITS`] commits within a year, newest first.
    pub last: Vec<LastCommit>,
    /// Commits to anything.
    pub repository: Touched,
    /// What is missing in all this.
    pub gaps: Vec<Gap>,
}

impl Place {
    /// What is missing, in words for people; `None` when nothing is.
    pub fn doubt(&self) -> Option<String> {
        let mut words = Vec::new();
        if self.gaps.contains(&Gap::WithoutContents) {
            words
                .push("lines are not known: the copy of the repository leaves out what its files contained".to_owned());
        }
        let bare = |gap: &Gap| if let Gap::NoLines { file } = gap { Some(file.clone()) } else { None };
        let files: Vec<String> = self.gaps.iter().filter_map(bare).collect();
        if !files.is_empty() {
            let files = files.join(", ");
            words.push(format!("lines are not known: not a text, or a change is too large or left out: {files}"));
        }
        if self.gaps.contains(&Gap::Shallow) {
            words.push(
                "the copy of the repository is shallow: its oldest commits seem to have written all before".to_owned(),
            );
        }
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// Whether the repository has nothing to say about it.
    pub fn is_unknown(&self) -> bool {
        self.lines.is_empty() && self.files.touches.is_empty() && self.folders.touches.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_in_one_sentence() {
        let check = |gaps: &[Gap], expected: Option<&str>| {
            assert_eq!(Place { gaps: gaps.to_vec(), ..Place::default() }.doubt().as_deref(), expected);
        };
        let file = |file: &str| Gap::NoLines { file: file.to_owned() };
        check(&[], None);
        check(
            &[Gap::WithoutContents],
            Some("lines are not known: the copy of the repository leaves out what its files contained"),
        );
        check(
            &[file("a.png"), Gap::Shallow, file("b.rs")],
            Some(
                "lines are not known: not a text, or a change is too large or left out: a.png, b.rs; the copy of the \
                 repository is shallow: its oldest commits seem to have written all before",
            ),
        );
    }
}
