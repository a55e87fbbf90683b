//! The file of a repository that says who answers for what: CODEOWNERS, as its forge reads it.

use super::Git;
use onduty_core::owner::codeowners::{Codeowners, Dialect, MAX_BYTES};

/// What GitLab runs; a repository that has it is one of GitLab's.
const OF_GITLAB: &str = ".gitlab-ci.yml";

/// The CODEOWNERS that counts at commit `revision` of a repository that came from `location`, and where it lies; `None`
/// where there is none.
///
/// GitLab's reading is taken where the location names it or the repository has its files; else GitHub's.
///
/// # Errors
/// Why the file that is there could not be read, in words for people.
pub async fn read_codeowners(
    git: &Git,
    revision: &str,
    location: &str,
) -> Result<Option<(String, Codeowners)>, String> {
    let mut options = vec!["ls-tree", "-z", "--long", revision, "--", OF_GITLAB];
    options.extend(Dialect::GitHub.places().into_iter().chain(Dialect::GitLab.places()));
    let listed = git.read(&options).await.map_err(|error| format!("CODEOWNERS could not be looked for: {error}"))?;
    let listed = String::from_utf8_lossy(&listed);
    // `100644 blob ID SIZE<tab>PATH`
    let found: Vec<(&str, &str)> = listed.split('\0').filter_map(|entry| entry.split_once('\t')).collect();
    let has = |path: &str| found.iter().find(|(_, known)| *known == path);
    let of_gitlab = location.to_ascii_lowercase().contains("gitlab");
    let is_gitlab = of_gitlab || has(OF_GITLAB).is_some() || has(".gitlab/CODEOWNERS").is_some();
    let dialect = if is_gitlab { Dialect::GitLab } else { Dialect::GitHub };
    let Some((facts, path)) = dialect.places().into_iter().find_map(has) else { return Ok(None) };
    let mut facts = facts.split_whitespace().skip(1);
    let (kind, id, size) = (facts.next(), facts.next().unwrap_or_default(), facts.next());
    if kind != Some("blob") {
        return Err(format!("{path} is no file, so nobody knows whom it names"));
    }
    // Nothing that large is even fetched from git.
    if size.and_then(|size| size.parse::<usize>().ok()).is_none_or(|size| size >= MAX_BYTES) {
        return Err(format!("{path} is too large to be read; keep it below {} MB", MAX_BYTES / 1024 / 1024));
    }
    let text =
        git.read(&["cat-file", "blob", id]).await.map_err(|error| format!("{path} could not be read: {error}"))?;
    // What is wrong in single lines is for the forge to tell; the others count.
    let (codeowners, _) = Codeowners::parse(&String::from_utf8_lossy(&text), dialect);
    Ok(Some(((*path).to_owned(), codeowners)))
}
