//! What tests and pages see of the code host: commits, check runs and how they end.

use crate::random::Random;
use jiff::Timestamp;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Passed.
    Success,
    /// Failed.
    Failure,
    /// Stopped by somebody.
    Cancelled,
    /// Says nothing.
    Neutral,
    /// Was not run.
    Skipped,
    /// Took too long.
    TimedOut,
    /// Waits for a person.
    ActionRequired,
}

impl Conclusion {
    /// GitHub's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Failure => "failure",
            Conclusion::Cancelled => "cancelled",
            Conclusion::Neutral => "neutral",
            Conclusion::Skipped => "skipped",
            Conclusion::TimedOut => "timed_out",
            Conclusion::ActionRequired => "action_required",
        }
    }
}

/// State of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentState {
    /// Waits for its turn.
    Queued,
    /// Under way.
    InProgress,
    /// Arrived.
    Success,
    /// Did not arrive.
    Failure,
    /// The pipeline itself broke.
    Error,
    /// Replaced by a newer one.
    Inactive,
}

impl DeploymentState {
    /// GitHub's word.
    pub fn as_str(self) -> &'static str {
        match self {
            DeploymentState::Queued => "queued",
            DeploymentState::InProgress => "in_progress",
            DeploymentState::Success => "success",
            DeploymentState::Failure => "failure",
            DeploymentState::Error => "error",
            DeploymentState::Inactive => "inactive",
        }
    }
}

/// A commit that somebody pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedCommit {
    /// The revision, in full.
    pub revision: String,
    /// First line of the message.
    pub title: String,
    /// Who wrote it.
    pub author_name: String,
    /// With which address.
    pub author_email: String,
    /// Under which login, where the host knows one.
    pub author_login: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Paths that are new.
    pub added: Vec<String>,
    /// Paths that changed.
    pub modified: Vec<String>,
    /// Paths that are gone.
    pub removed: Vec<String>,
}

impl PushedCommit {
    /// A commit that exists in no repository.
    pub fn invented(random: &mut Random, title: &str, at: Timestamp) -> PushedCommit {
        PushedCommit {
            revision: random.hex(40),
            title: title.to_owned(),
            author_name: "Nobody Inparticular".to_owned(),
            author_email: "nobody@acme.example".to_owned(),
            author_login: None,
            at,
            added: Vec::new(),
            modified: vec!["README.md".to_owned()],
            removed: Vec::new(),
        }
    }
}

/// A check run as people look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckView {
    /// `acme/shop`
    pub repository: String,
    /// Its branch.
    pub branch: String,
    /// Its commit.
    pub revision: String,
    /// `unit tests`
    pub name: String,
    /// From 1; a re-run counts up.
    pub attempt: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// When and how it ended.
    pub ended: Option<(Timestamp, Conclusion)>,
}
