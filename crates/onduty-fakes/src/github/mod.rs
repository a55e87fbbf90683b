//! A code host of the shape of GitHub: branches, check runs with attempts, workflow runs and deployments.
//!
//! Acts are called by tests and by `scenario`; each one changes the model and delivers the webhooks that GitHub would
//! send. It delivers once and never again, as GitHub does; `wire` spells the bodies.

mod state;
mod things;
mod wire;

pub(crate) use state::GithubState;
pub use things::{CheckView, Conclusion, DeploymentState, PushedCommit};

use crate::delivery::{Channel, Outgoing, Sent};
use crate::world::{Model, World};
use serde_json::Value;

/// The code host.
#[derive(Debug, Clone)]
pub struct Github {
    world: World,
}

impl Github {
    pub(crate) fn new(world: World) -> Github {
        Github { world }
    }

    /// A repository, `owner/name`; it exists from the first time it is named.
    pub fn repository(&self, full_name: &str) -> Repository {
        self.world.model().github.ensure_repository(full_name);
        Repository { world: self.world.clone(), name: full_name.to_owned() }
    }

    /// The world's own repository.
    pub fn home(&self) -> Repository {
        let name = self.world.model().github.home.clone();
        self.repository(&name)
    }

    /// Branch `main` of the world's own repository.
    pub fn main(&self) -> Branch {
        self.home().branch("main")
    }

    /// Sends a ping, as when a webhook is made.
    pub async fn ping(&self) -> Sent {
        let body = {
            let mut model = self.world.model();
            let home = model.github.home.clone();
            let hook = model.github.next_id();
            wire::ping(&model, &home, hook)
        };
        self.world.deliver(outgoing("ping", body)).await
    }

    /// Sends a body that no act makes, signed like all others.
    pub async fn send_body(&self, event: &str, body: Value) -> Sent {
        self.world.deliver(outgoing(event, body)).await
    }

    /// The check run with this id, wherever it is.
    pub fn check(&self, id: u64) -> Option<CheckView> {
        self.world.model().github.check_view(id)
    }
}

/// One repository.
#[derive(Debug, Clone)]
pub struct Repository {
    world: World,
    name: String,
}

impl Repository {
    /// A branch; it exists from the first time it is named, with one commit.
    pub fn branch(&self, branch: &str) -> Branch {
        self.world.model().github.ensure_branch(&self.name, branch);
        Branch { world: self.world.clone(), repository: self.name.clone(), branch: branch.to_owned(), revision: None }
    }

    /// The team's own pipeline starts to roll out; its id is what [`Repository::rollout_becomes`] wants.
    pub async fn rollout_starts(&self, environment: &str, revision: &str, by: &str) -> (u64, Sent) {
        let (id, bodies) = {
            let mut model = self.world.model();
            let now = model.now;
            let id = model.github.add_deployment(&self.name, environment, revision, by, now);
            let created = wire::deployment(&model, &self.name, id);
            let status = model.github.next_id();
            let running = wire::deployment_status(&model, &self.name, id, status);
            (id, vec![outgoing("deployment", created), outgoing("deployment_status", running)])
        };
        (id, self.world.deliver_all(bodies).await)
    }

    /// The pipeline reports a new state of a rollout; nothing is sent for an id that does not exist.
    pub async fn rollout_becomes(&self, id: u64, state: DeploymentState) -> Sent {
        let body = {
            let mut model = self.world.model();
            let now = model.now;
            if !model.github.set_deployment(&self.name, id, state, now) {
                return Sent::default();
            }
            let status = model.github.next_id();
            wire::deployment_status(&model, &self.name, id, status)
        };
        self.world.deliver(outgoing("deployment_status", body)).await
    }
}

/// One branch, or one revision of it.
#[derive(Debug, Clone)]
pub struct Branch {
    world: World,
    repository: String,
    branch: String,
    revision: Option<String>,
}

impl Branch {
    /// The newest commit.
    pub fn head(&self) -> String {
        self.world.model().github.head(&self.repository, &self.branch)
    }

    /// The same branch at an older revision, for results that come late.
    pub fn at(&self, revision: &str) -> Branch {
        Branch { revision: Some(revision.to_owned()), ..self.clone() }
    }

    /// Makes `commit` the head without telling anybody: it was there before.
    pub fn starts_from(&self, commit: PushedCommit) {
        self.world.model().github.push(&self.repository, &self.branch, vec![commit]);
    }

    /// Pushes commits, oldest first.
    pub async fn push(&self, commits: &[PushedCommit]) -> Sent {
        if commits.is_empty() {
            return Sent::default();
        }
        let body = {
            let mut model = self.world.model();
            let before = model.github.head(&self.repository, &self.branch);
            model.github.push(&self.repository, &self.branch, commits.to_vec());
            wire::push(&model, &self.repository, &self.branch, &before, commits)
        };
        self.world.deliver(outgoing("push", body)).await
    }

    /// Pushes one invented commit per title.
    pub async fn push_titled(&self, titles: &[&str]) -> Sent {
        let commits: Vec<PushedCommit> = {
            let mut model = self.world.model();
            let now = model.now;
            titles.iter().map(|title| PushedCommit::invented(&mut model.random, title, now)).collect()
        };
        self.push(&commits).await
    }

    /// A check starts; when it had ended already, this is a re-run.
    pub async fn starts(&self, check: &str) -> Sent {
        let bodies = self.change(|model, revision| self.start(model, revision, check));
        self.world.deliver_all(bodies).await
    }

    /// A check passes; it starts first when it was not running.
    pub async fn passes(&self, check: &str) -> Sent {
        self.concludes(check, Conclusion::Success).await
    }

    /// A check fails; it starts first when it was not running.
    pub async fn fails(&self, check: &str) -> Sent {
        self.concludes(check, Conclusion::Failure).await
    }

    /// A check is cancelled; it starts first when it was not running.
    pub async fn cancels(&self, check: &str) -> Sent {
        self.concludes(check, Conclusion::Cancelled).await
    }

    /// A check ends in any way; it starts first when it was not running. With the last one that was running, the suite
    /// and the workflow run end too.
    pub async fn concludes(&self, check: &str, conclusion: Conclusion) -> Sent {
        let bodies = self.change(|model, revision| {
            let mut bodies = Vec::new();
            if !model.github.is_running(&self.repository, &self.branch, revision, check) {
                bodies.extend(self.start(model, revision, check));
            }
            bodies.extend(self.end(model, revision, check, conclusion));
            bodies
        });
        self.world.deliver_all(bodies).await
    }

    /// Every check of the revision that did not pass is run again and passes.
    pub async fn all_pass(&self) -> Sent {
        let red = self.change(|model, revision| model.github.not_passed(&self.repository, &self.branch, revision));
        let mut sent = Sent::default();
        for check in red {
            sent.then(self.passes(&check).await);
        }
        sent
    }

    fn change<T>(&self, act: impl FnOnce(&mut Model, &str) -> T) -> T {
        let mut model = self.world.model();
        let head = model.github.head(&self.repository, &self.branch);
        let revision = self.revision.clone().unwrap_or(head);
        act(&mut model, &revision)
    }

    fn start(&self, model: &mut Model, revision: &str, check: &str) -> Vec<Outgoing> {
        let now = model.now;
        let id = model.github.start_check(&self.repository, &self.branch, revision, check, now);
        vec![outgoing("check_run", wire::check_run(model, &self.repository, id, "created"))]
    }

    fn end(&self, model: &mut Model, revision: &str, check: &str, conclusion: Conclusion) -> Vec<Outgoing> {
        let now = model.now;
        let Some(ended) = model.github.end_check(&self.repository, &self.branch, revision, check, conclusion, now)
        else {
            return Vec::new();
        };
        let mut bodies =
            vec![outgoing("check_run", wire::check_run(model, &self.repository, ended.check, "completed"))];
        if ended.suite_ended && model.github.workflow.is_some() {
            bodies.push(outgoing("check_suite", wire::check_suite(model, &self.repository, ended.suite)));
            bodies.push(outgoing("workflow_run", wire::workflow_run(model, &self.repository, ended.suite)));
        }
        bodies
    }
}

fn outgoing(event: &str, body: Value) -> Outgoing {
    Outgoing { channel: Channel::Github, event: event.to_owned(), body }
}

#[cfg(test)]
mod tests;
