//! The few fields of GitHub's webhook bodies that onduty reads.
//!
//! A tolerant reader: whatever is missing, null or of another type than expected is absent, and nothing else is looked
//! at. What must be there is decided by the functions that use it.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use std::ops::Deref;

/// A field that may be missing, null or of the wrong type.
#[derive(Debug)]
pub struct Maybe<T>(Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Maybe<T> {
        Maybe(None)
    }
}

impl<T> Deref for Maybe<T> {
    type Target = Option<T>;
    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Maybe<T>, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Maybe(T::deserialize(value).ok()))
    }
}

/// A time as GitHub writes it: text with an offset, or seconds (in `push`).
#[derive(Debug, Clone, Copy)]
pub struct Moment(pub Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        let time = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text.parse().ok(),
            serde_json::Value::Number(seconds) => seconds.as_i64().and_then(|s| Timestamp::from_second(s).ok()),
            _ => None,
        };
        time.map(Moment).ok_or_else(|| serde::de::Error::custom("not a time"))
    }
}

macro_rules! bodies {
    ($($name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub struct $name { $(pub $field: Maybe<$type>),+ }
    )+};
}

bodies! {
    Event {
        repository: Repository,
        check_run: CheckRun,
        check_suite: CheckSuite,
        workflow_run: WorkflowRun,
        workflow: Named,
        deployment: Deployment,
        deployment_status: DeploymentStatus,
        // `push`
        r#ref: String,
        after: String,
        deleted: bool,
        commits: Vec<Maybe<PushedCommit>>,
        head_commit: PushedCommit,
        // `status`
        sha: String,
        context: String,
        state: String,
        description: String,
        target_url: String,
        created_at: Moment,
        updated_at: Moment,
        commit: StatusCommit,
        branches: Vec<Maybe<StatusBranch>>,
    }
    Repository { id: u64, full_name: String, html_url: String, pushed_at: Moment }
    Named { name: String, login: String }
    CheckRun {
        name: String,
        head_sha: String,
        status: String,
        conclusion: String,
        started_at: Moment,
        completed_at: Moment,
        html_url: String,
        details_url: String,
        output: Output,
        check_suite: CheckSuite,
        pull_requests: Vec<Maybe<PullRequest>>,
    }
    Output { title: String, summary: String, text: String }
    CheckSuite {
        head_branch: String,
        head_sha: String,
        status: String,
        conclusion: String,
        created_at: Moment,
        updated_at: Moment,
        app: Named,
        pull_requests: Vec<Maybe<PullRequest>>,
        head_repository: Repository,
    }
    PullRequest { head: PullRequestSide }
    PullRequestSide { repo: Repository }
    WorkflowRun {
        name: String,
        path: String,
        head_branch: String,
        head_sha: String,
        event: String,
        status: String,
        conclusion: String,
        created_at: Moment,
        updated_at: Moment,
        run_attempt: u32,
        html_url: String,
        head_repository: Repository,
    }
    StatusBranch { name: String, commit: StatusHead }
    StatusHead { sha: String }
    StatusCommit { commit: GitCommit }
    GitCommit { committer: GitPerson }
    GitPerson { date: Moment }
    PushedCommit {
        id: String,
        message: String,
        timestamp: Moment,
        author: PushAuthor,
        added: Vec<String>,
        modified: Vec<String>,
        removed: Vec<String>,
    }
    PushAuthor { name: String, email: String }
    Deployment { id: u64, sha: String, environment: String, created_at: Moment, creator: Named }
    DeploymentStatus {
        state: String,
        environment: String,
        created_at: Moment,
        updated_at: Moment,
        target_url: String,
        log_url: String,
        environment_url: String,
    }
}
