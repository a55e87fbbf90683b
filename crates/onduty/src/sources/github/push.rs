//! Pushes: where a branch is now, and the commits that came with it. Called by [`super::decode`].

use super::{commit_id, line, malformed, observation, repository, wire};
use crate::sources::{Decoded, Ignored, SourceError, one_line};
use jiff::Timestamp;
use onduty_core::signal::{BranchHead, Commit, Fact};

/// Most commits that are kept of one push.
const MAX_COMMITS: usize = 300;
/// Most changed files that are kept of one commit.
const MAX_FILES: usize = 100;

pub(super) fn push(event: &wire::Event, received: Timestamp) -> Result<Decoded, SourceError> {
    let (owner, repository) = repository(event)?;
    let reference = super::word(&event.r#ref).ok_or_else(|| malformed("ref", "refs/heads/BRANCH"))?;
    let Some(branch) = reference.strip_prefix("refs/heads/").filter(|branch| !branch.is_empty()) else {
        return Ok(Decoded::ignored(Ignored::NotABranch { reference: one_line(&reference, 200) }));
    };
    let revision = commit_id(&event.after, "after")?;
    if event.deleted.unwrap_or(false) || revision.bytes().all(|digit| digit == b'0') {
        return Ok(Decoded::ignored(Ignored::DeletedBranch { branch: branch.to_owned() }));
    }
    // When GitHub got it. The commits' own times are their authors' word.
    let pushed = owner.pushed_at.map_or(received, |moment| moment.0);
    let listed = event.commits.iter().flatten().filter_map(|commit| commit.as_ref());
    let mut commits: Vec<Commit> = listed.filter_map(|body| commit(body, pushed)).collect();
    commits.reverse(); // GitHub lists the oldest first
    if commits.first().is_none_or(|newest| newest.revision != revision) {
        // A push of commits that GitHub knew already lists none of them.
        let head = event.head_commit.as_ref().and_then(|body| commit(body, pushed));
        commits.retain(|commit| commit.revision != revision);
        commits.splice(0..0, head.filter(|head| head.revision == revision));
    }
    commits.truncate(MAX_COMMITS);
    let subject = format!("{repository} {branch}");
    let head = BranchHead { repository, branch: branch.to_owned(), revision, commits, complete: false };
    Ok(Decoded::seen(vec![observation(subject, Fact::Head(head), pushed)]))
}

/// A commit of the list; one without an id is left out, because nothing could refer to it.
fn commit(body: &wire::PushedCommit, pushed: Timestamp) -> Option<Commit> {
    let author = body.author.as_ref();
    let files = [&body.added, &body.modified, &body.removed].into_iter().flat_map(|files| files.iter().flatten());
    Some(Commit {
        revision: commit_id(&body.id, "commits[].id").ok()?,
        author_name: author.and_then(|author| line(&author.name, 200)).unwrap_or_default(),
        author_email: author.and_then(|author| line(&author.email, 200)).unwrap_or_default(),
        title: line(&body.message, 200).unwrap_or_default(),
        committed_at: body.timestamp.map_or(pushed, |moment| moment.0),
        files: files.take(MAX_FILES).map(|file| one_line(file, 400)).collect(),
    })
}
