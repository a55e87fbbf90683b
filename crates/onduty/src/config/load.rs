//! Reading a file that people wrote, and what can go wrong about it.

use onduty_core::files::{MAX_FILE_BYTES, Place, Problem};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why files could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is nothing to check.
    #[error("cannot read {}: {error}; name a folder with an onduty.yml, or write one with `onduty init`", path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// There is, and it is wrong.
    #[error(transparent)]
    Broken(Broken),
}

/// Every problem of the files, with the texts in which they stand.
#[derive(Debug, thiserror::Error)]
pub struct Broken {
    /// In the order of the files, and of their places.
    pub problems: Vec<Problem>,
    /// By the name that the problems use.
    pub texts: BTreeMap<String, String>,
}

impl Broken {
    /// The problems of one file.
    pub fn of(file: String, text: String, problems: Vec<Problem>) -> Broken {
        Broken { problems, texts: BTreeMap::from([(file, text)]) }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let end = if index + 1 < self.problems.len() { "\n" } else { "" };
            write!(f, "{problem}{end}")?;
        }
        Ok(())
    }
}

/// The text of the file at `path`, at most one byte more than the parsers take.
///
/// # Errors
/// [`LoadError::Unreadable`], or [`LoadError::Broken`] when it is not text.
pub fn read_text(path: &Path) -> Result<String, LoadError> {
    let unreadable = |error| LoadError::Unreadable { path: path.to_owned(), error };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_FILE_BYTES {
        // The cut may go through a letter; the parsers refuse the length, whatever stands there.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let good = String::from_utf8_lossy(good).into_owned();
        let place = Place {
            line: good.matches('\n').count() as u32 + 1,
            column: good.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1,
        };
        let file = path.display().to_string();
        let problem = Problem {
            file: file.clone(),
            place,
            what: "this is not UTF-8 text".to_owned(),
            mend: "save the file as UTF-8".to_owned(),
        };
        LoadError::Broken(Broken::of(file, good, vec![problem]))
    })
}
