//! `GET /api/openapi.json`: made from the table of routes, so that it cannot name one that is not there.

use super::policy::Wish;
use super::routes;
use axum::Json;
use serde_json::{Map, Value, json};

/// The document.
pub async fn document() -> Json<Value> {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes::all() {
        if !route.path.starts_with("/api/v1")
            && !route.path.starts_with("/hooks")
            && !matches!(route.path, "/healthz" | "/metrics" | "/calendar/{token}")
        {
            continue;
        }
        let parameters = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = parameters
            .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
            .chain(query_parameters(route.path, route.method));
        let kind = if route.wish == Wish::ReadCalendar { "text/calendar" } else { "application/json" };
        let mut operation = json!({
            "summary": route.summary,
            "parameters": parameters.collect::<Vec<_>>(),
            "responses": {
                "2XX": {"description": "Done", "content": {kind: {"schema": {}}}},
                "4XX": {"description": "Not done: what happened, what it means, what to do",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}},
            },
        });
        // What a calendar reads is opened by its address alone.
        if !matches!(route.wish, Wish::Enter | Wish::Deliver | Wish::ReadCalendar) {
            operation["security"] = json!([{"token": []}]);
        }
        if let Some(schema) = body_schema(route.path, route.method) {
            operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        let entry = paths.entry(route.path.to_owned()).or_insert_with(|| json!({}));
        entry[route.method.to_lowercase()] = operation;
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": {"title": "onduty", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": {
                "type": "object",
                "required": ["status", "error", "todo"],
                "properties": {
                    "status": {"type": "integer"}, "error": {"type": "string"}, "means": {"type": "string"},
                    "todo": {"type": "string"}, "blockers": {"type": "array", "items": {"type": "object"}},
                },
            }},
        },
    }))
}

fn query_parameters(path: &str, method: &str) -> Vec<Value> {
    let query = |name: &str, what: &str, kind: &str| json!({"name": name, "in": "query", "required": false, "description": what, "schema": {"type": kind}});
    match (method, path) {
        ("GET", "/api/v1/duties/{duty}/log") => vec![
            query("day", "A day such as 2026-03-02; the shift of now unless given", "string"),
            query("q", "Words to look for, newest first", "string"),
            query("after", "Everything after this number", "integer"),
            query("limit", "Most entries, 200 unless given", "integer"),
        ],
        ("GET", "/api/v1/items/{id}/why-not") => {
            vec![query("engineer", "Who is asked about; whoever asks unless given", "string")]
        }
        ("GET", "/api/v1/access-log") => vec![
            query("q", "Words to look for", "string"),
            query("before", "Entries before this number", "integer"),
            query("limit", "Most entries, 200 unless given", "integer"),
        ],
        ("GET", "/api/v1/duties/{duty}/rollouts/{id}") => {
            vec![query("after", "Output after this line", "integer")]
        }
        _ => Vec::new(),
    }
}

/// What a body holds: the fields of the structs in `api`, whose tests send each of them.
fn body_schema(path: &str, method: &str) -> Option<Value> {
    let text = json!({"type": "string"});
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false});
    match (method, path) {
        ("POST", "/api/v1/items/{id}/{verb}") => Some(object(
            &[],
            json!({"text": text, "resolve": {"type": "boolean"}, "line": {"type": "integer"}, "done": {"type": "boolean"}, "until": text,
                   "expression": text, "engineer": text, "count": {"type": "integer"}}),
        )),
        ("POST", "/api/v1/duties/{duty}/questions" | "/api/v1/duties/{duty}/notes") => {
            Some(object(&["text"], json!({"text": text, "item": text, "corrects": {"type": "integer"}})))
        }
        ("POST", "/api/v1/duties/{duty}/rollouts") => Some(object(
            &["environment", "revision", "diff_hash"],
            json!({"environment": text, "revision": text, "diff_hash": text}),
        )),
        ("POST", "/api/v1/people") => Some(object(&["name", "login"], json!({"name": text, "login": text}))),
        ("POST", "/api/v1/people/{id}/{verb}") => Some(object(
            &[],
            json!({"duty": text, "role": {"enum": ["viewer", "engineer", "process-owner", null]},
                   "admin": {"type": "boolean"}, "session": text, "token": text, "feed": text}),
        )),
        ("POST", "/api/v1/account/tokens") => Some(object(
            &["name", "scopes"],
            json!({"name": text, "days": {"type": "integer", "minimum": 1, "maximum": 366},
                   "scopes": {"type": "array", "items": {"enum": ["read", "write", "rollout", "people"]}}}),
        )),
        (
            "POST",
            "/api/v1/duties/{duty}/walls" | "/api/v1/duties/{duty}/calendar-feeds" | "/api/v1/account/calendar-feeds",
        ) => Some(object(&["name"], json!({"name": text}))),
        ("POST", "/api/v1/duties/{duty}/rollouts/{id}/resolve") => {
            Some(object(&["state"], json!({"state": {"enum": ["succeeded", "failed"]}})))
        }
        _ => None,
    }
}
