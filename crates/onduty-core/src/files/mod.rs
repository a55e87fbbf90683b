//! Reading the files that people write: YAML with the place of every word, and every problem at once.
//!
//! Called by `process` and `roster` here and by `config` in the server. Never touches the disk: text in, values and
//! [`Problem`]s out.

mod fields;
mod yaml;

pub use fields::{Fields, closest, mend_for_unknown};
pub use yaml::{Node, Value, parse};

use std::fmt;

/// Largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 256 * 1024;
/// Deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 64;

/// A place in a file; both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// What is wrong with a file, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as the user named it, for example `processes/developers.yml`.
    pub file: String,
    /// Where in the file.
    pub place: Place,
    /// What is wrong: lower case, no full stop.
    pub what: String,
    /// What to do about it: an imperative sentence without a full stop.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "{}:{line}:{column}: {}; {}", self.file, self.what, self.mend)
    }
}

/// Collects the problems of one file, so that people see all of them at once.
#[derive(Debug)]
pub struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    /// An empty collection for `file`.
    pub fn new(file: &str) -> Problems {
        Problems { file: file.to_owned(), found: Vec::new() }
    }

    /// Adds one problem. Words of the file in it are shown harmlessly: signs that could move or hide the rest of a
    /// line are written out.
    pub fn add(&mut self, place: Place, what: impl Into<String>, mend: impl Into<String>) {
        let (what, mend) = (tame(what.into()), tame(mend.into()));
        self.found.push(Problem { file: self.file.clone(), place, what, mend });
    }

    /// Whether nothing was found so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The problems in the order of their places.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by(|a, b| (a.place, &a.what).cmp(&(b.place, &b.what)));
        self.found.dedup();
        self.found
    }
}

/// Longest part of a message, in characters: a key of a file may be as long as the file.
const MAX_MESSAGE: usize = 600;

fn tame(text: String) -> String {
    let harmless = |c: char| {
        let hidden =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        !c.is_control() && !hidden
    };
    if text.len() <= MAX_MESSAGE && text.chars().all(harmless) {
        return text;
    }
    let mut tamed = String::new();
    for c in text.chars().take(MAX_MESSAGE) {
        match c {
            c if harmless(c) => tamed.push(c),
            c => tamed.extend(c.escape_debug()),
        }
    }
    if text.chars().nth(MAX_MESSAGE).is_some() {
        tamed.push('…');
    }
    tamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_file_cannot_disturb_a_message() {
        let mut problems = Problems::new("a.yml");
        let place = Place { line: 1, column: 1 };
        problems.add(place, "no key `a\u{202e}b\u{1b}[2J\n`", "x".repeat(5_000));
        let problem = problems.into_sorted().remove(0);
        assert_eq!(problem.what, "no key `a\\u{202e}b\\u{1b}[2J\\n`");
        assert_eq!(problem.mend.chars().count(), MAX_MESSAGE + 1);
    }
}
