//! Contents that a clone leaves out (`git clone --filter`, or a copy with large files taken out).
//!
//! Git ends with an error where it should compare such a content. So it gets stand-ins, which it takes for pictures:
//! lines that went through one are not known, all others are. Where too much is left out, no lines are read at all.

use super::HistoryError;
use crate::sources::git::{Git, GitError};
use std::io::{BufRead, Write};
use std::time::Duration;
use tempfile::TempDir;

/// Longest time to look for what is left out.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Most stand-ins. A clone that leaves out more was made without contents. The tests have smaller repositories.
pub(super) const MAX_STAND_INS: usize = if cfg!(test) { 20 } else { 10_000 };

/// The contents that lead to `tips` and are not here, by their full ids; one more than [`MAX_STAND_INS`] at most.
pub(super) async fn find(git: &Git, tips: &[String]) -> Result<Vec<String>, HistoryError> {
    let options = ["rev-list", "--objects", "--no-object-names", "--missing=print"];
    let asked: Vec<&str> = options.into_iter().chain(tips.iter().map(String::as_str)).chain(["--"]).collect();
    let holes = git.stream(&asked, None, TIMEOUT, |output| {
        let mut holes = Vec::new();
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line)? > 0 {
            let hole = line.strip_prefix(b"?").filter(|_| holes.len() <= MAX_STAND_INS);
            holes.extend(hole.map(|id| String::from_utf8_lossy(id.trim_ascii()).into_owned()));
            line.clear();
        }
        Ok(holes)
    });
    Ok(holes.await?)
}

/// Whether a clone looks as if it left something out; a whole one may look so too.
pub(super) async fn are_likely(git: &Git) -> Result<bool, HistoryError> {
    let folder = git.read(&["rev-parse", "--path-format=absolute", "--git-path", "objects/pack"]).await?;
    let folder = String::from_utf8_lossy(&folder).trim_end_matches('\n').to_owned();
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    Ok(files.into_iter().any(|file| file.path().extension().is_some_and(|end| end == "promisor")))
}

/// Whether `hole` was filled meanwhile.
pub(super) async fn is_filled(git: &Git, hole: &str) -> Result<bool, HistoryError> {
    match git.read(&["cat-file", "-e", hole]).await {
        Ok(_) => Ok(true),
        Err(GitError::Failed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A folder of objects that stand in for `holes`: for each a content of its own, with the zero byte of a picture.
/// None where there are none.
pub(super) fn stand_ins(holes: &[String]) -> std::io::Result<Option<TempDir>> {
    if holes.is_empty() {
        return Ok(None);
    }
    let folder = TempDir::new()?;
    for hole in holes {
        let (start, rest) = hole.split_at_checked(2).ok_or(std::io::ErrorKind::InvalidData)?;
        let place = folder.path().join(start);
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join(rest), loose(format!("\0{hole}").as_bytes())?)?;
    }
    Ok(Some(folder))
}

fn loose(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    write!(packed, "blob {}\0", content.len())?;
    packed.write_all(content)?;
    packed.finish()
}
