//! The world's HTTP face: the write-back intake, and pages so that links out of onduty lead somewhere.
//!
//! Called by `world` when it starts to serve. Pages are plain, self-contained and load nothing; everything that came
//! from outside is escaped.

use crate::github::{CheckView, Conclusion};
use crate::tracker;
use crate::world::World;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use std::fmt::Write;

/// Largest write-back, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const STYLE: &str = "body{font:15px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:light-dark(#1c1c1c,#e6e6e6);background:light-dark(#fff,#161616);color-scheme:light dark}\
small{color:light-dark(#595959,#a6a6a6)}pre{padding:1rem;overflow:auto;background:light-dark(#f4f4f4,#222)}\
td,th{padding:.15rem 1.5rem .15rem 0;text-align:left;vertical-align:top;font-weight:normal}th{color:light-dark(#595959,#a6a6a6)}";

pub(crate) fn router(world: World) -> Router {
    Router::new()
        .route("/assignments", post(tracker::assign))
        .route("/healthz", get(async || "ok\n"))
        .route("/errors/{project}/{id}", get(error))
        .route("/builds/{id}", get(build))
        .route("/commits/{revision}", get(commit))
        .route("/deployments/{id}", get(deployment))
        .fallback(async || page(StatusCode::NOT_FOUND, "Nothing here", "<p>The sample world has no such page.</p>"))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(world)
}

/// A part of a path, percent-encoded.
pub(crate) fn path_part(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

async fn error(State(world): State<World>, Path((project, id)): Path<(String, String)>) -> Response {
    let model = world.model();
    let Some(known) = model.tracker.known(&project, &id) else { return missing("error") };
    let group = &known.group;
    let mut body = table(&[
        ("project", group.project.clone()),
        ("environment", group.environment.clone()),
        ("state", group.status.in_words().to_owned()),
        ("assigned to", group.assignee.clone().unwrap_or_else(|| "nobody".to_owned())),
        ("events", group.count.to_string()),
        ("first seen", shown(group.first_seen)),
        ("last seen", shown(group.last_seen)),
        ("in", group.culprit.clone()),
        ("release", group.release.clone().unwrap_or_else(|| "not known".to_owned())),
    ]);
    body.push_str("<h2>Stack, newest event</h2><pre>");
    for frame in group.frames.iter().rev() {
        let place = format!("{}:{} in {}", frame.file, frame.line, frame.function);
        let _ = writeln!(body, "{}", escaped(&place));
    }
    body.push_str("</pre><h2>What happened</h2><table>");
    for (at, note) in known.history.iter().rev() {
        let _ = write!(body, "<tr><th>{}</th><td>{}</td></tr>", shown(*at), escaped(note));
    }
    body.push_str("</table>");
    page(StatusCode::OK, &group.title, &body)
}

async fn build(State(world): State<World>, Path(id): Path<u64>) -> Response {
    let Some(check) = world.github().check(id) else { return missing("build") };
    let state = match check.ended {
        Some((_, how)) => how.as_str().replace('_', " "),
        None => "running".to_owned(),
    };
    let body = table(&[
        ("repository", check.repository.clone()),
        ("branch", check.branch.clone()),
        ("revision", check.revision.clone()),
        ("attempt", check.attempt.to_string()),
        ("state", state),
    ]);
    page(StatusCode::OK, &check.name, &format!("{body}<h2>Log</h2><pre>{}</pre>", escaped(&build_log(&check))))
}

async fn commit(State(world): State<World>, Path(revision): Path<String>) -> Response {
    let model = world.model();
    let Some((repository, commit)) = model.github.commit(&revision) else { return missing("commit") };
    let files: Vec<&str> =
        commit.added.iter().chain(&commit.modified).chain(&commit.removed).map(String::as_str).collect();
    let body = table(&[
        ("repository", repository.to_owned()),
        ("revision", commit.revision.clone()),
        ("author", format!("{} <{}>", commit.author_name, commit.author_email)),
        ("at", shown(commit.at)),
        ("files", files.join(", ")),
    ]);
    page(StatusCode::OK, &commit.title, &body)
}

async fn deployment(State(world): State<World>, Path(id): Path<u64>) -> Response {
    let model = world.model();
    let Some((repository, deployment)) = model.github.deployment(id) else { return missing("rollout") };
    let body = table(&[
        ("repository", repository.to_owned()),
        ("revision", deployment.revision.clone()),
        ("started by", deployment.by.clone()),
        ("started at", shown(deployment.created_at)),
        ("state", deployment.state.as_str().replace('_', " ")),
    ]);
    page(StatusCode::OK, &format!("Rollout to {}", deployment.environment), &body)
}

fn missing(what: &str) -> Response {
    page(StatusCode::NOT_FOUND, "Nothing here", &format!("<p>The sample world has no such {what}.</p>"))
}

/// A log as a runner would print it, ending as the check did.
fn build_log(check: &CheckView) -> String {
    let short = check.revision.get(..12).unwrap_or(&check.revision);
    let mut log = format!("Runner linux-4 picked up \"{}\"\nChecking out {short} of {}\n", check.name, check.branch);
    let work: &[&str] = match check.name.as_str() {
        "lint" => &["Installing dependencies (cached)", "Inspecting 412 files"],
        "e2e" => {
            &["Starting database and browser", "12 scenarios, 3 in parallel", "checkout/guest_buys_two_seats ... ok"]
        }
        "build image" => &["Step 1/9: FROM base", "Step 7/9: precompiling assets", "Step 9/9: exporting layers"],
        _ => &["Installing dependencies (cached)", "Loading schema", "Running 1,843 examples with 4 workers"],
    };
    work.iter().for_each(|line| {
        let _ = writeln!(log, "{line}");
    });
    let end = match check.ended {
        None => "...",
        Some((_, Conclusion::Success)) => "All good.",
        Some((_, Conclusion::Failure)) => match check.name.as_str() {
            "e2e" => {
                "checkout/guest_pays_by_card ... FAILED\n  timed out after 30 s waiting for \"Thank you\"\n1 of 12 failed"
            }
            "lint" => "app/models/booking.rb:21:5: unused variable `hold`\n1 offence",
            _ => {
                "Booking.create keeps the venue's time zone\n  expected 2026-03-29 03:30 +0200\n       got 2026-03-29 02:30 +0100\n  spec/models/booking_spec.rb:18\n1,843 examples, 1 failure"
            }
        },
        Some((_, Conclusion::Cancelled)) => "Cancelled.",
        Some((_, Conclusion::TimedOut)) => "Took longer than 60 minutes, stopped.",
        Some((_, Conclusion::Neutral | Conclusion::Skipped | Conclusion::ActionRequired)) => "Nothing was run.",
    };
    log.push_str(end);
    log
}

fn table(rows: &[(&str, String)]) -> String {
    let rows = rows.iter().fold(String::new(), |mut out, (name, value)| {
        let _ = write!(out, "<tr><th>{name}</th><td>{}</td></tr>", escaped(value));
        out
    });
    format!("<table>{rows}</table>")
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escaped(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><small>sample world of <code>onduty demo</code></small>\
         <h1 dir=\"auto\">{title}</h1>{body}</html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, html).into_response()
}

fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use crate::Server;
    use crate::tracker::ErrorGroup;
    use crate::world::tests::{options, test_client};

    async fn read(url: String) -> (u16, String) {
        let answer = test_client().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn links_in_webhooks_lead_to_pages_that_escape_what_they_show() {
        let server = Server::start(options()).await.unwrap();
        let world = server.world.clone();
        let group = ErrorGroup::new("shop", "a/7", "staging", "bad <img src=x>", world.now());
        let raised = world.tracker().raise(group).await.body_of("error");
        let failed = world.github().main().fails("unit tests").await.body_of("check_run");
        let pushed = world.github().main().push_titled(&["Mend <b>"]).await.body_of("push");
        let (_, started) = world.github().repository("acme/shop").rollout_starts("staging", "abc", "lena").await;
        let rollout = started.body_of("deployment_status");
        let links = [
            (&raised["url"], "bad &lt;img src=x&gt;"),
            (&failed["check_run"]["html_url"], "1,843 examples, 1 failure"),
            (&pushed["commits"][0]["url"], "Mend &lt;b&gt;"),
            (&rollout["deployment_status"]["target_url"], "Rollout to staging"),
        ];
        for (link, expected) in links {
            let (status, html) = read(link.as_str().unwrap().to_owned()).await;
            assert_eq!(status, 200, "{link}");
            assert!(html.contains(expected), "{link}: {html}");
            assert!(!html.contains("<img") && !html.contains("<b>"), "{html}");
        }
        assert_eq!(read(format!("{}/builds/1", server.url())).await.0, 404);
        assert_eq!(read(format!("{}/elsewhere", server.url())).await.0, 404);
        server.stop().await;
    }
}
