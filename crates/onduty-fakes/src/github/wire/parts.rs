//! Accounts, repositories and other parts that bodies of several events share.
//!
//! Called by `wire` alone.

use super::super::state::account_number;
use crate::world::Model;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Who acts when no person does.
pub(super) const ROBOT: &str = "acme-robot";

pub(super) fn app(model: &Model) -> Value {
    json!({
        "id": 15_368,
        "slug": "github-actions",
        "node_id": node("App", 15_368),
        "owner": owner(model, ROBOT, "Organization"),
        "name": "GitHub Actions",
        "description": "",
        "external_url": format!("{}/apps/ci", model.base),
        "html_url": format!("{}/apps/ci", model.base),
        "created_at": "2018-07-30T09:30:17Z",
        "updated_at": "2019-12-10T19:04:12Z",
        "permissions": {"actions": "write", "checks": "write", "contents": "write", "deployments": "write"},
        "events": [],
    })
}

pub(super) fn user(model: &Model, login: &str) -> Value {
    owner(model, login, "User")
}

fn owner(model: &Model, login: &str, kind: &str) -> Value {
    let id = account_number(login);
    let api = format!("{}/api/users/{login}", model.base);
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("login", json!(login));
    set("id", json!(id));
    set("node_id", json!(node(kind, id)));
    set("avatar_url", json!(format!("{}/avatars/{id}", model.base)));
    set("gravatar_id", json!(""));
    set("url", json!(api));
    set("html_url", json!(format!("{}/{login}", model.base)));
    let parts = [
        ("followers_url", "followers"),
        ("following_url", "following{/other_user}"),
        ("gists_url", "gists{/gist_id}"),
        ("starred_url", "starred{/owner}{/repo}"),
        ("subscriptions_url", "subscriptions"),
        ("organizations_url", "orgs"),
        ("repos_url", "repos"),
        ("events_url", "events{/privacy}"),
        ("received_events_url", "received_events"),
    ];
    parts.into_iter().for_each(|(key, path)| drop(set(key, json!(format!("{api}/{path}")))));
    set("type", json!(kind));
    set("site_admin", json!(false));
    Value::Object(body)
}

/// The form that workflow runs carry inside.
pub(super) fn repository_short(model: &Model, full_name: &str) -> Value {
    let (organisation, name) = full_name.split_once('/').unwrap_or(("acme", full_name));
    let id = model.github.repository(full_name).map_or(0, |known| known.id);
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("id", json!(id));
    set("node_id", json!(node("Repository", id)));
    set("name", json!(name));
    set("full_name", json!(full_name));
    set("private", json!(true));
    set("owner", owner(model, organisation, "Organization"));
    set("html_url", json!(format!("{}/{full_name}", model.base)));
    set("description", json!("What customers see and book"));
    set("fork", json!(false));
    let api = format!("{}/api/repos/{full_name}", model.base);
    set("url", json!(api));
    for (key, path) in REPOSITORY_URLS {
        set(key, json!(format!("{api}/{path}")));
    }
    Value::Object(body)
}

pub(super) fn repository_of(model: &Model, full_name: &str) -> Value {
    let mut value = repository_short(model, full_name);
    let Value::Object(body) = &mut value else { return value };
    let page = format!("{}/{full_name}", model.base);
    let rest = json!({
        "created_at": "2023-04-03T09:10:00Z",
        "updated_at": when(model.now),
        "pushed_at": when(model.now),
        "git_url": format!("{page}.git"),
        "ssh_url": format!("git@acme.example:{full_name}.git"),
        "clone_url": format!("{page}.git"),
        "svn_url": page,
        "homepage": null,
        "size": 4_200,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "Ruby",
        "has_issues": true,
        "has_projects": true,
        "has_downloads": true,
        "has_wiki": false,
        "has_pages": false,
        "forks_count": 0,
        "mirror_url": null,
        "archived": false,
        "disabled": false,
        "open_issues_count": 2,
        "license": null,
        "forks": 0,
        "open_issues": 2,
        "watchers": 0,
        "default_branch": "main",
    });
    if let Value::Object(rest) = rest {
        body.extend(rest);
    }
    value
}

const REPOSITORY_URLS: [(&str, &str); 36] = [
    ("forks_url", "forks"),
    ("keys_url", "keys{/key_id}"),
    ("collaborators_url", "collaborators{/collaborator}"),
    ("teams_url", "teams"),
    ("hooks_url", "hooks"),
    ("issue_events_url", "issues/events{/number}"),
    ("events_url", "events"),
    ("assignees_url", "assignees{/user}"),
    ("branches_url", "branches{/branch}"),
    ("tags_url", "tags"),
    ("blobs_url", "git/blobs{/sha}"),
    ("git_tags_url", "git/tags{/sha}"),
    ("git_refs_url", "git/refs{/sha}"),
    ("trees_url", "git/trees{/sha}"),
    ("statuses_url", "statuses/{sha}"),
    ("languages_url", "languages"),
    ("stargazers_url", "stargazers"),
    ("contributors_url", "contributors"),
    ("subscribers_url", "subscribers"),
    ("subscription_url", "subscription"),
    ("commits_url", "commits{/sha}"),
    ("git_commits_url", "git/commits{/sha}"),
    ("comments_url", "comments{/number}"),
    ("issue_comment_url", "issues/comments{/number}"),
    ("contents_url", "contents/{+path}"),
    ("compare_url", "compare/{base}...{head}"),
    ("merges_url", "merges"),
    ("archive_url", "{archive_format}{/ref}"),
    ("downloads_url", "downloads"),
    ("issues_url", "issues{/number}"),
    ("pulls_url", "pulls{/number}"),
    ("milestones_url", "milestones{/number}"),
    ("notifications_url", "notifications{?since,all,participating}"),
    ("labels_url", "labels{/name}"),
    ("releases_url", "releases{/id}"),
    ("deployments_url", "deployments"),
];

pub(super) fn node(kind: &str, id: u64) -> String {
    STANDARD.encode(format!("{kind}{id}"))
}

/// Whole seconds, as GitHub writes them.
pub(super) fn when(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).map_or_else(|_| at.to_string(), |whole| whole.to_string())
}
