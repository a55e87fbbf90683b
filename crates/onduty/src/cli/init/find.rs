//! What a clone tells about its team. Called by `onduty init`; reads only.

use super::InitError;
use super::people::{self, Authored, Person};
use super::zone::{self, Guess};
use crate::sources::git::{Git, GitError};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};

/// Who committed within this time is taken for a member of the team.
pub const RECENT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Commits that are looked at when nobody committed recently.
pub const FALLBACK_COMMITS: usize = 100;
/// Most commits that are looked at.
const MAX_COMMITS: usize = 20_000;
/// Most workflow files that are looked into.
const MAX_WORKFLOWS: usize = 30;
/// Largest CODEOWNERS that counts; GitHub ignores larger ones too.
const MAX_CODEOWNERS: usize = 3 * 1024 * 1024;
/// Largest workflow file that is looked into.
const MAX_WORKFLOW: usize = 256 * 1024;

/// Files in the top folder that give a CI system away.
const CI_FILES: [(&str, &str); 9] = [
    (".gitlab-ci.yml", "GitLab CI"),
    (".circleci", "CircleCI"),
    ("Jenkinsfile", "Jenkins"),
    ("azure-pipelines.yml", "Azure Pipelines"),
    (".travis.yml", "Travis CI"),
    (".buildkite", "Buildkite"),
    ("bitbucket-pipelines.yml", "Bitbucket Pipelines"),
    (".woodpecker.yml", "Woodpecker"),
    (".drone.yml", "Drone"),
];

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// The clone's top folder, absolute.
    pub top: PathBuf,
    /// `owner/name`, from the remote or the folder's name.
    pub repository: String,
    /// Where the name comes from.
    pub remote: Option<Remote>,
    /// The default branch, and how it was found.
    pub branch: String,
    /// How the branch was found.
    pub branch_from: &'static str,
    /// Members, most active first.
    pub people: Vec<Person>,
    /// How they were chosen.
    pub people_from: String,
    /// Bots that were left out.
    pub bots: usize,
    /// People and teams of CODEOWNERS that are none of `people`.
    pub other_owners: Vec<String>,
    /// Names of GitHub's workflows.
    pub workflows: Vec<String>,
    /// Other CI systems: file and name.
    pub other_ci: Vec<(&'static str, &'static str)>,
    /// The time zone, and how it was guessed.
    pub zone: Guess,
}

/// The remote that the clone comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// `github.com`
    pub host: String,
    /// `owner/name`
    pub path: String,
}

/// Looks at the clone that `folder` is in.
pub async fn look(folder: &Path, now: Timestamp, machine: &TimeZone) -> Result<Found, InitError> {
    let unusable = |why: String| InitError::NoRepository { folder: folder.to_owned(), why };
    if !folder.is_dir() {
        return Err(unusable("no such folder".to_owned()));
    }
    let git = Git::inside(folder);
    // A bare repository has no top folder: there, the folder itself is the place.
    let top = match line(&git, &["rev-parse", "--show-toplevel"]).await {
        Ok(top) => PathBuf::from(top),
        Err(GitError::Failed { .. }) => match line(&git, &["rev-parse", "--absolute-git-dir"]).await {
            Ok(top) => PathBuf::from(top),
            Err(error) => return Err(unusable(error.to_string())),
        },
        Err(error) => return Err(unusable(error.to_string())),
    };
    let git = Git::inside(&top);
    if line(&git, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await.is_err() {
        return Err(unusable("there is no commit yet; commit something first".to_owned()));
    }
    let remote = line(&git, &["config", "--get", "remote.origin.url"]).await.ok().and_then(|url| remote(&url));
    let (branch, branch_from) = branch(&git).await;

    let authored = commits(&git, &branch).await.map_err(|error| unusable(error.to_string()))?;
    let is_bot = |commit: &&Authored| people::is_bot(&commit.name, &commit.email);
    let recent: Vec<Authored> =
        authored.iter().filter(|commit| now.duration_since(commit.at) <= RECENT).cloned().collect();
    let (chosen, people_from) = match recent.iter().any(|commit| !is_bot(&commit)) {
        true => (recent, "authors of the last 90 days".to_owned()),
        false => {
            let last: Vec<Authored> = authored.iter().take(FALLBACK_COMMITS).cloned().collect();
            let count = last.len();
            (last, format!("authors of the last {count} commits, because nobody committed in the last 90 days"))
        }
    };
    let humans: Vec<Authored> = chosen.iter().filter(|commit| !is_bot(commit)).cloned().collect();
    let bots: std::collections::BTreeSet<&str> =
        chosen.iter().filter(is_bot).map(|commit| commit.name.as_str()).collect();
    let people = people::merge(&humans);
    let owners = codeowners(&git).await;
    let other_owners = owners.into_iter().filter(|owner| !people.iter().any(|person| person.is(owner))).collect();
    let (workflows, other_ci) = ci(&git).await;
    let folder_name = top.file_name().map(|name| name.to_string_lossy().replace(char::is_whitespace, "-"));
    Ok(Found {
        repository: remote
            .as_ref()
            .map(|remote| remote.path.clone())
            .or(folder_name)
            .unwrap_or("repository".to_owned()),
        zone: zone::guess(&humans, machine),
        bots: bots.len(),
        top,
        remote,
        branch,
        branch_from,
        people,
        people_from,
        other_owners,
        workflows,
        other_ci,
    })
}

async fn line(git: &Git, args: &[&str]) -> Result<String, GitError> {
    git.read(args).await.map(|answer| String::from_utf8_lossy(&answer).trim_end_matches('\n').to_owned())
}

async fn branch(git: &Git) -> (String, &'static str) {
    if let Ok(head) = line(git, &["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]).await
        && let Some(branch) = head.strip_prefix("refs/remotes/origin/")
    {
        return (branch.to_owned(), "the default branch of origin");
    }
    for usual in ["main", "master"] {
        let reference = format!("refs/remotes/origin/{usual}");
        if line(git, &["show-ref", "--verify", "--hash", "--", &reference]).await.is_ok() {
            return (usual.to_owned(), "origin has it, but does not say which branch is its default");
        }
    }
    match line(git, &["symbolic-ref", "--quiet", "HEAD"]).await {
        Ok(head) => (head.trim_start_matches("refs/heads/").to_owned(), "the branch that is checked out"),
        Err(_) => ("main".to_owned(), "a guess: no branch is checked out"),
    }
}

/// The newest commits of what is checked out and of the default branch at the remote.
async fn commits(git: &Git, branch: &str) -> Result<Vec<Authored>, GitError> {
    let count = format!("--max-count={MAX_COMMITS}");
    let remote = format!("refs/remotes/origin/{branch}");
    let known = line(git, &["show-ref", "--verify", "--hash", "--", &remote]).await.ok();
    let format = "--format=%aN%x00%aE%x00%ct%x00%at%x00%ad";
    let mut args = vec!["log", "-z", "--no-merges", "--date=format:%z", format, &count, "--end-of-options", "HEAD"];
    args.extend(known.as_deref());
    args.push("--");
    let output = git.read(&args).await?;
    let fields: Vec<&[u8]> = output.split(|byte| *byte == 0).collect();
    Ok(fields.as_chunks::<5>().0.iter().map(|fields| Authored::read(fields.map(String::from_utf8_lossy))).collect())
}

/// `owner/name` and host of a remote's address; a name or password in it goes no further.
fn remote(url: &str) -> Option<Remote> {
    let (host, path) = match url.split_once("://") {
        Some(("https" | "http" | "ssh" | "git", rest)) => rest.split_once('/')?,
        Some(_) => return None,
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?,
    };
    let host = host.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
    let path = path.trim_matches('/').trim_end_matches(".git").trim_end_matches('/');
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '~');
    let usable = !host.is_empty() && (1..=200).contains(&path.len()) && path.chars().all(plain);
    usable.then(|| Remote { host, path: path.to_owned() })
}

/// Everybody whom CODEOWNERS names: logins, teams and addresses, in its order.
async fn codeowners(git: &Git) -> Vec<String> {
    for path in [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"] {
        if let Some(text) = committed(git, path, MAX_CODEOWNERS).await {
            return people::code_owners(&text);
        }
    }
    Vec::new()
}

async fn ci(git: &Git) -> (Vec<String>, Vec<(&'static str, &'static str)>) {
    let mut workflows = Vec::new();
    let files = names(git, ".github/workflows/").await;
    let files = files.iter().filter(|file| file.ends_with(".yml") || file.ends_with(".yaml"));
    for file in files.take(MAX_WORKFLOWS) {
        let text = committed(git, file, MAX_WORKFLOW).await.unwrap_or_default();
        let name =
            text.lines().find_map(|line| line.strip_prefix("name:")).map(|name| name.trim().trim_matches(['"', '\'']));
        let name = name.filter(|name| !name.is_empty()).map(people::one_line).unwrap_or_else(|| people::one_line(file));
        workflows.push(name);
    }
    let top = names(git, "").await;
    let others = CI_FILES.into_iter().filter(|(file, _)| top.iter().any(|name| name == file)).collect();
    (workflows, others)
}

/// Names in a committed folder.
async fn names(git: &Git, folder: &str) -> Vec<String> {
    let mut args = vec!["ls-tree", "-z", "--full-tree", "--name-only", "HEAD"];
    args.extend((!folder.is_empty()).then_some(folder));
    let output = git.read(&args).await.unwrap_or_default();
    output.split(|byte| *byte == 0).map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// A committed file, if it is there and not larger than `limit`.
async fn committed(git: &Git, path: &str, limit: usize) -> Option<String> {
    let text = git.content(&format!("HEAD:{path}"), limit).await.ok()??;
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes() {
        let check = |url: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(host, path)| Remote { host: host.to_owned(), path: path.to_owned() });
            assert_eq!(remote(url), expected, "{url}");
        };
        check("git@github.com:acme/shop.git", Some(("github.com", "acme/shop")));
        check("https://GitHub.com/acme/shop", Some(("github.com", "acme/shop")));
        check("https://lena:hunter2@git.example/acme/shop.git/", Some(("git.example", "acme/shop")));
        check("ssh://git@git.example:2222/group/sub/shop.git", Some(("git.example", "group/sub/shop")));
        check("/srv/shop.git", None);
        check("file:///srv/shop.git", None);
        check("https://git.example/a b", None);
        check("https://git.example/", None);
        check("", None);
    }
}
