//! What is wrong with a file, in words that say what to do.

use super::{MAX_BYTES, MAX_RULES};
use std::fmt;

/// Most problems that are kept of a file.
const MAX_PROBLEMS: usize = 100;

/// Something in the file that does not do what its author meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The first line is 1.
    pub line: usize,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong with a line or with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// No rule of the file counts.
    TooLarge {
        /// Of the file.
        bytes: usize,
    },
    /// No rule of the file counts.
    TooManyRules,
    /// GitHub: the line is skipped. Why.
    Pattern(&'static str),
    /// A word after the pattern that is no owner. GitHub skips the line, GitLab the word.
    Owner(String),
    /// GitLab: neither the rule nor its section names anybody.
    Nobody,
    /// GitLab: what is wrong with the heading of a section.
    Section(&'static str),
    /// As many further lines have problems.
    More(usize),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CODEOWNERS:{}: ", self.line)?;
        match &self.kind {
            ProblemKind::TooLarge { bytes } => {
                write!(f, "the file has {bytes} bytes and is not read; make it smaller than {MAX_BYTES}")
            }
            ProblemKind::TooManyRules => {
                write!(f, "the file has more than {MAX_RULES} rules and is not read; put rules together with wildcards")
            }
            ProblemKind::Pattern(why) => write!(f, "the line is skipped: {why}"),
            ProblemKind::Owner(word) => {
                write!(f, "{word:?} is no owner; write @name, @org/team or the address of an account")
            }
            ProblemKind::Nobody => f.write_str("the rule has no owner; name one, or exclude the path with !"),
            ProblemKind::Section(why) => f.write_str(why),
            ProblemKind::More(count) => write!(f, "this line and {} more have problems too", count - 1),
        }
    }
}

/// The problems of a file: the first ones, and how many more.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(super) fn add(&mut self, line: usize, kind: ProblemKind) {
        if self.kept.len() < MAX_PROBLEMS {
            self.kept.push(Problem { line, kind });
            return;
        }
        self.more += 1;
        if self.more == 1 {
            self.kept.push(Problem { line, kind: ProblemKind::More(1) });
        } else if let Some(last) = self.kept.last_mut() {
            last.kind = ProblemKind::More(self.more);
        }
    }

    pub(super) fn into_vec(self) -> Vec<Problem> {
        self.kept
    }
}
