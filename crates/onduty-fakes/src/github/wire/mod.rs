//! Bodies of the shape that GitHub sends: every key exists in a real example of the same event.
//!
//! Called by `github` alone. Addresses point at the fake world itself, so that no link leaves the machine.

mod parts;

use super::Conclusion;
use super::PushedCommit;
use super::state::{Check, Deployment, RepositoryState, Suite};
use crate::world::Model;
use parts::{ROBOT, app, node, repository_of, repository_short, user, when};
use serde_json::{Map, Value, json};

/// The workflow's number.
const WORKFLOW: u64 = 2_823_525;
const WORKFLOW_PATH: &str = ".github/workflows/ci.yml";

pub(super) fn ping(model: &Model, repository: &str, hook: u64) -> Value {
    let at = when(model.now);
    let api = format!("{}/api/repos/{repository}/hooks/{hook}", model.base);
    json!({
        "zen": "Anything added dilutes everything else.",
        "hook_id": hook,
        "hook": {
            "type": "Repository", "id": hook, "name": "web", "active": true, "events": ["*"],
            "config": {"content_type": "json", "url": "********", "insecure_ssl": "0"},
            "updated_at": at, "created_at": at,
            "url": api, "test_url": format!("{api}/test"), "ping_url": format!("{api}/pings"),
            "last_response": {"code": null, "status": "unused", "message": null},
        },
        "repository": repository_of(model, repository),
        "sender": user(model, ROBOT),
    })
}

pub(super) fn push(model: &Model, repository: &str, branch: &str, before: &str, commits: &[PushedCommit]) -> Value {
    let list: Vec<Value> = commits.iter().map(|commit| push_commit(model, commit)).collect();
    let head = list.last().cloned().unwrap_or(Value::Null);
    let after = commits.last().map_or("", |commit| &commit.revision);
    let pusher = commits.last().map(|commit| json!({"name": login(commit), "email": commit.author_email}));
    let sender = commits.last().map_or(ROBOT, login);
    let created = before.bytes().all(|byte| byte == b'0');
    let mut about = repository_of(model, repository);
    if let Value::Object(keys) = &mut about {
        // Only push events spell these two as seconds, and add a branch under a name of its own.
        keys.insert("created_at".to_owned(), json!(model.now.as_second() - 86_400 * 900));
        keys.insert("pushed_at".to_owned(), json!(model.now.as_second()));
        keys.insert("stargazers".to_owned(), json!(0));
        keys.insert("master_branch".to_owned(), json!("main"));
    }
    json!({
        "ref": format!("refs/heads/{branch}"),
        "before": before,
        "after": after,
        "repository": about,
        "pusher": pusher,
        "sender": user(model, sender),
        "created": created,
        "deleted": false,
        "forced": false,
        "base_ref": null,
        "compare": format!("{}/{repository}/compare/{before}...{after}", model.base),
        "commits": list,
        "head_commit": head,
    })
}

pub(super) fn check_run(model: &Model, repository: &str, id: u64, action: &str) -> Value {
    let Some((suite, check)) = model.github.repository(repository).and_then(|known| known.check(id)) else {
        return Value::Null;
    };
    json!({
        "action": action,
        "check_run": check_body(model, repository, suite, check),
        "repository": repository_of(model, repository),
        "sender": user(model, sender_of(model, repository, suite)),
    })
}

fn check_body(model: &Model, repository: &str, suite: &Suite, check: &Check) -> Value {
    let api = format!("{}/api/repos/{repository}", model.base);
    let page = format!("{}/builds/{}", model.base, check.id);
    let (status, conclusion, completed) = match check.ended {
        Some((at, how)) => ("completed", json!(how.as_str()), json!(when(at))),
        None => ("in_progress", Value::Null, Value::Null),
    };
    let failed = matches!(check.ended, Some((_, Conclusion::Failure | Conclusion::TimedOut)));
    let summary =
        if failed { json!(format!("{} failed; the log names the first mistake", check.name)) } else { Value::Null };
    json!({
        "id": check.id,
        "node_id": node("CheckRun", check.id),
        "head_sha": suite.revision,
        "external_id": "",
        "url": format!("{api}/check-runs/{}", check.id),
        "html_url": page,
        "details_url": page,
        "status": status,
        "conclusion": conclusion,
        "started_at": when(check.started_at),
        "completed_at": completed,
        "output": {
            "title": if failed { json!(check.name) } else { Value::Null },
            "summary": summary,
            "text": null,
            "annotations_count": 0,
            "annotations_url": format!("{api}/check-runs/{}/annotations", check.id),
        },
        "name": check.name,
        "check_suite": suite_core(model, repository, suite),
        "app": app(model),
        "pull_requests": [],
    })
}

fn suite_core(model: &Model, repository: &str, suite: &Suite) -> Value {
    let (status, conclusion) = ended(suite);
    json!({
        "id": suite.id,
        "node_id": node("CheckSuite", suite.id),
        "head_branch": suite.branch,
        "head_sha": suite.revision,
        "status": status,
        "conclusion": conclusion,
        "url": format!("{}/api/repos/{repository}/check-suites/{}", model.base, suite.id),
        "before": suite.before,
        "after": suite.revision,
        "pull_requests": [],
        "app": app(model),
        "created_at": when(suite.created_at),
        "updated_at": when(suite.updated_at),
    })
}

pub(super) fn check_suite(model: &Model, repository: &str, id: u64) -> Value {
    let Some((known, suite)) = suite_of(model, repository, id) else { return Value::Null };
    let mut body = suite_core(model, repository, suite);
    if let Value::Object(keys) = &mut body {
        keys.insert("latest_check_runs_count".to_owned(), json!(suite.checks.len()));
        let runs = format!("{}/api/repos/{repository}/check-suites/{id}/check-runs", model.base);
        keys.insert("check_runs_url".to_owned(), json!(runs));
        keys.insert("head_commit".to_owned(), head_commit(known, &suite.revision));
    }
    json!({
        "action": "completed",
        "check_suite": body,
        "repository": repository_of(model, repository),
        "sender": user(model, sender_of(model, repository, suite)),
    })
}

pub(super) fn workflow_run(model: &Model, repository: &str, suite: u64) -> Value {
    let Some((known, suite)) = suite_of(model, repository, suite) else { return Value::Null };
    let name = model.github.workflow.as_deref().unwrap_or_default();
    let sender = sender_of(model, repository, suite);
    let (status, conclusion) = ended(suite);
    let repo = format!("{}/api/repos/{repository}", model.base);
    let api = format!("{repo}/actions/runs/{}", suite.run);
    let title = known.commit(&suite.revision).map_or("", |commit| &commit.title);
    let previous = match suite.attempt {
        0 | 1 => Value::Null,
        attempt => json!(format!("{api}/attempts/{}", attempt - 1)),
    };
    // The run's page is the page of its newest check: the world has no page for runs.
    let page = suite.checks.last().map_or(0, |check| check.id);
    json!({
        "action": "completed",
        "repository": repository_of(model, repository),
        "sender": user(model, sender),
        "workflow": {
            "badge_url": format!("{}/{repository}/workflows/{name}/badge.svg", model.base),
            "created_at": "2023-04-03T09:12:30.000Z",
            "html_url": format!("{}/{repository}/blob/main/{WORKFLOW_PATH}", model.base),
            "id": WORKFLOW,
            "name": name,
            "node_id": node("Workflow", WORKFLOW),
            "path": WORKFLOW_PATH,
            "state": "active",
            "updated_at": "2023-04-03T09:12:30.000Z",
            "url": format!("{repo}/actions/workflows/{WORKFLOW}"),
        },
        "workflow_run": {
            "name": name,
            "artifacts_url": format!("{api}/artifacts"),
            "cancel_url": format!("{api}/cancel"),
            "check_suite_url": format!("{repo}/check-suites/{}", suite.id),
            "check_suite_id": suite.id,
            "check_suite_node_id": node("CheckSuite", suite.id),
            "conclusion": conclusion,
            "created_at": when(suite.created_at),
            "event": "push",
            "head_branch": suite.branch,
            "head_commit": head_commit(known, &suite.revision),
            "head_repository": repository_short(model, repository),
            "head_sha": suite.revision,
            "path": WORKFLOW_PATH,
            "display_title": title,
            "html_url": format!("{}/builds/{page}", model.base),
            "id": suite.run,
            "jobs_url": format!("{api}/jobs"),
            "logs_url": format!("{api}/logs"),
            "node_id": node("WorkflowRun", suite.run),
            "pull_requests": [],
            "repository": repository_short(model, repository),
            "rerun_url": format!("{api}/rerun"),
            "run_number": suite.run_number,
            "run_attempt": suite.attempt,
            "run_started_at": when(suite.attempt_started_at),
            "previous_attempt_url": previous,
            "status": status,
            "updated_at": when(suite.updated_at),
            "url": api,
            "workflow_id": WORKFLOW,
            "workflow_url": format!("{repo}/actions/workflows/{WORKFLOW}"),
            "actor": user(model, sender),
            "triggering_actor": user(model, sender),
        },
    })
}

pub(super) fn deployment(model: &Model, repository: &str, id: u64) -> Value {
    let Some(deployment) = deployment_of(model, repository, id) else { return Value::Null };
    json!({
        "action": "created",
        "deployment": deployment_body(model, repository, deployment),
        "workflow": null,
        "workflow_run": null,
        "repository": repository_of(model, repository),
        "sender": user(model, &deployment.by),
    })
}

pub(super) fn deployment_status(model: &Model, repository: &str, id: u64, status: u64) -> Value {
    let Some(deployment) = deployment_of(model, repository, id) else { return Value::Null };
    let repo = format!("{}/api/repos/{repository}", model.base);
    json!({
        "action": "created",
        "deployment_status": {
            "url": format!("{repo}/deployments/{id}/statuses/{status}"),
            "id": status,
            "node_id": node("DeploymentStatus", status),
            "state": deployment.state.as_str(),
            "creator": user(model, &deployment.by),
            "description": "",
            "environment": deployment.environment,
            "target_url": format!("{}/deployments/{id}", model.base),
            "created_at": when(deployment.updated_at),
            "updated_at": when(deployment.updated_at),
            "deployment_url": format!("{repo}/deployments/{id}"),
            "repository_url": repo,
        },
        "deployment": deployment_body(model, repository, deployment),
        "repository": repository_of(model, repository),
        "sender": user(model, &deployment.by),
    })
}

fn deployment_body(model: &Model, repository: &str, deployment: &Deployment) -> Value {
    let repo = format!("{}/api/repos/{repository}", model.base);
    let id = deployment.id;
    json!({
        "url": format!("{repo}/deployments/{id}"),
        "id": id,
        "node_id": node("Deployment", id),
        "sha": deployment.revision,
        "ref": "main",
        "task": "deploy",
        "payload": {},
        "original_environment": deployment.environment,
        "environment": deployment.environment,
        "description": null,
        "creator": user(model, &deployment.by),
        "created_at": when(deployment.created_at),
        "updated_at": when(deployment.updated_at),
        "statuses_url": format!("{repo}/deployments/{id}/statuses"),
        "repository_url": repo,
    })
}

fn suite_of<'a>(model: &'a Model, repository: &str, id: u64) -> Option<(&'a RepositoryState, &'a Suite)> {
    let known = model.github.repository(repository)?;
    known.suites.iter().find(|suite| suite.id == id).map(|suite| (known, suite))
}

fn deployment_of<'a>(model: &'a Model, repository: &str, id: u64) -> Option<&'a Deployment> {
    model.github.repository(repository)?.deployments.iter().find(|deployment| deployment.id == id)
}

fn ended(suite: &Suite) -> (&'static str, Value) {
    match suite.conclusion {
        Some(how) => ("completed", json!(how.as_str())),
        None => ("in_progress", Value::Null),
    }
}

fn login(commit: &PushedCommit) -> &str {
    commit.author_login.as_deref().unwrap_or(ROBOT)
}

fn sender_of<'a>(model: &'a Model, repository: &str, suite: &Suite) -> &'a str {
    let known = model.github.repository(repository);
    known.and_then(|known| known.commit(&suite.revision)).map_or(ROBOT, login)
}

fn push_commit(model: &Model, commit: &PushedCommit) -> Value {
    let mut person = Map::new();
    person.insert("name".to_owned(), json!(commit.author_name));
    person.insert("email".to_owned(), json!(commit.author_email));
    if let Some(login) = &commit.author_login {
        person.insert("username".to_owned(), json!(login));
    }
    json!({
        "id": commit.revision,
        "tree_id": tree(&commit.revision),
        "distinct": true,
        "message": commit.title,
        "timestamp": when(commit.at),
        "url": format!("{}/commits/{}", model.base, commit.revision),
        "author": person,
        "committer": person,
        "added": commit.added,
        "removed": commit.removed,
        "modified": commit.modified,
    })
}

fn head_commit(known: &RepositoryState, revision: &str) -> Value {
    let Some(commit) = known.commit(revision) else { return Value::Null };
    let person = json!({"name": commit.author_name, "email": commit.author_email});
    json!({
        "id": commit.revision,
        "tree_id": tree(&commit.revision),
        "message": commit.title,
        "timestamp": when(commit.at),
        "author": person,
        "committer": person,
    })
}

/// A tree's id that follows from its commit's; nobody looks it up.
fn tree(revision: &str) -> String {
    revision.chars().rev().collect()
}
