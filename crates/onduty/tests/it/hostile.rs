//! Hostile text in every field that comes from outside: no page may carry it raw, and the pages do show it.

use crate::day::{DAY, Day, Setting};
use crate::person::Person;
use crate::tools::{eventually, git};
use onduty_fakes::tracker::{ErrorGroup, Frame};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

/// Text that would do harm in HTML, in an attribute, in a terminal and to the eye; `mark` says where it came from.
pub fn hostile(mark: &str) -> String {
    format!(
        "zq-{mark}<script>alert(1)</script>\"><img src=x onerror=alert(1)>'{{{{7*7}}}}\u{202e}gpj.exe\u{1b}[2J\u{200b}&amp;"
    )
}

/// The same without spaces, where a source wants a word.
pub fn hostile_word(mark: &str) -> String {
    hostile(mark).replace(' ', "/").replace('\u{1b}', "")
}

/// What must not stand on a page, and what it would do there.
const RAW: [(&str, &str); 10] = [
    ("\" onmouseover=", "a name becomes an attribute"),
    ("<script>alert", "a script runs"),
    ("<img", "an image with a handler loads; our pages have none"),
    ("\u{202e}", "text runs backwards"),
    ("\u{200b}", "two different names look the same"),
    ("\u{1b}", "a terminal obeys"),
    ("\u{85}", "a line ends where nobody sees it"),
    ("href=\"javascript:", "a click runs a script"),
    ("href='javascript:", "a click runs a script"),
    ("href=\"data:text/html", "a click opens a page of theirs"),
];

pub fn check(page: &str, name: &str) {
    for (raw, harm) in RAW {
        if let Some(at) = page.find(raw) {
            let from = page.floor_char_boundary(at.saturating_sub(120));
            let to = page.ceil_char_boundary((at + 60).min(page.len()));
            panic!("{name}: {harm}: …{}…", &page[from..to]);
        }
    }
    for (at, _) in page.match_indices("<script") {
        assert!(page[at..].starts_with("<script type=\"module\" src=\"/assets/"), "{name}: {}", &page[at..at + 60]);
    }
    if let Some(at) = page.find(" style=\"") {
        panic!("{name}: inline style, which the content policy refuses: {}", &page[at..at + 60]);
    }
}

/// Which marks a page shows.
pub fn marks(page: &str) -> Vec<&str> {
    let mut found: Vec<&str> = page
        .split("zq-")
        .skip(1)
        .map(|rest| rest.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).next().unwrap())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A commit of somebody with a hostile name. Git itself refuses `<` and `>` in names.
fn push_hostile_commits(repository: &Path, message: &str, author: &str) -> String {
    let tree = git(repository, &["rev-parse", "refs/heads/main^{tree}"]);
    let parent = git(repository, &["rev-parse", "refs/heads/main"]);
    let stream = format!(
        "commit refs/heads/main\ncommitter {author} <zq@acme.example> 1772460000 +0100\ndata {}\n{message}\nfrom {parent}\n",
        message.len()
    );
    let mut child = std::process::Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(repository)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("git is installed");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(git(repository, &["rev-parse", "refs/heads/main^{tree}"]), tree);
    git(repository, &["rev-parse", "refs/heads/main"])
}

async fn signal(day: &Day, body: Value) {
    let sent = day.world.signals().send_body(body).await;
    assert!(sent.accepted(), "{sent:?}");
}

async fn everything_outside_is_hostile(day: &Day) {
    for address in ["javascript:alert(1)", "data:text/html,x", "//evil.example"] {
        let body = json!({"type": "error", "project": "shop", "id": "X-1", "environment": "staging", "title": "x", "url": address});
        assert_eq!(day.world.signals().send_body(body).await.statuses(), [400], "{address} is no address of a page");
    }
    let link = "https://evil.example/zq-url?\"><img/src=x/onerror=alert(1)>#'<script>alert(1)</script>";
    let mut group = ErrorGroup::new("shop", "SHOP-1", "production", &hostile("title"), day.world.now());
    group.culprit = hostile("culprit");
    group.release = Some(hostile("release"));
    group.level = hostile("level");
    group.frames = vec![Frame { file: hostile("file"), line: 3, function: hostile("function"), in_app: true }];
    assert!(day.world.tracker().raise(group).await.accepted());

    let deployed = day.world.github().main().head();
    let build = json!({"type": "build", "repository": "acme/shop", "branch": "main", "state": "failed",
        "revision": deployed, "detail": hostile("detail"), "url": link});
    let custom = json!({"type": "signal", "kind": "certificate", "state": "failing", "max_age": "8h", "url": link});
    let with = |base: &Value, more: Value| {
        let mut all = base.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    for body in [
        json!({"type": "error", "project": "shop", "id": hostile_word("error-id"), "environment": "staging", "url": link,
            "title": hostile("other-title"), "assignee": hostile("assignee"), "culprit": "data:text/html,zq-culprit"}),
        with(&build, json!({"name": hostile("build")})),
        with(&build, json!({"name": "unit tests", "attempt": 9})),
        with(&build, json!({"name": "on a branch", "branch": hostile_word("branch")})),
        with(&custom, json!({"subject": hostile("other-subject"), "message": hostile("message")})),
        with(&custom, json!({"subject": hostile("subject")})),
        json!({"type": "contact", "kinds": ["tide"], "trouble": hostile("trouble")}),
        json!({"type": "rollout", "id": hostile_word("rollout-id"), "environment": "production", "revision": deployed,
            "repository": "acme/shop", "state": "succeeded", "started_at": "2026-03-02T08:00:00Z", "by": hostile("by"),
            "url": link}),
    ] {
        signal(day, body).await;
    }

    let author = "zq-author\" onmouseover=\"alert(1)\u{202e}";
    let head = push_hostile_commits(&day.path("shop.git"), &hostile("commit"), author);
    eventually("the commit is seen", async || {
        let look = day.app.look(&crate::day::duty()).await.unwrap().unwrap();
        look.commit(&head).is_some().then_some(())
    })
    .await;
    let passed = with(&build, json!({"revision": head, "state": "passed", "started_at": "2026-03-02T14:30:00Z"}));
    for check in ["lint", "unit tests", "build image", "e2e"] {
        signal(day, with(&passed, json!({"name": check}))).await;
    }
    day.pass().await;
}

async fn people_are_hostile_too(day: &Day, lena: &Person) {
    lena.form("/duty/developers/ask", &[("text", &hostile("question"))]).await.expect(303);
    lena.form("/duty/developers/note", &[("text", &hostile("note"))]).await.expect(303);
    lena.form("/duty/developers/walls", &[("label", &hostile("label"))]).await.expect(303);
    let id = day.item("staging-errors").await["id"].as_str().unwrap().to_owned();
    lena.form(&format!("/items/{id}/conclude"), &[("text", &hostile("conclusion"))]).await.expect(303);
    let id = day.item("certificates").await["id"].as_str().unwrap().to_owned();
    let snooze =
        [("until", "condition"), ("expression", "signals.certificate.exists(s, s.message == \"zq-<script>alert(1)\")")];
    lena.form(&format!("/items/{id}/snooze"), &snooze).await.expect(303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_carries_hostile_text_raw() {
    let step = "  - id: certificates\n    goal: No certificate runs out\n    each: cert in signals.certificate\n    \
        where: cert.state == \"failing\"\n  - id: tides\n    goal: No flood\n    while: signals.tide.exists(t, t.value > 3)\n";
    let process = vec![("  - id: performance\n".to_owned(), format!("{step}  - id: performance\n"))];
    let replaced = vec![("every: 5s".to_owned(), "every: 1s".to_owned())];
    // Every check counts, the hostile one as well.
    let roster = vec![("      checks: {blocking: [lint, unit tests, build image, e2e]}\n".to_owned(), String::new())];
    let day = Day::set(Setting { begins: "15:30", process, replaced, roster, ..Setting::default() }).await;
    let lena = day.administrator("lena").await;
    everything_outside_is_hostile(&day).await;
    people_are_hostile_too(&day, &lena).await;

    let wall = format!("/tv/{}", day.wall("developers").await);
    let mut paths: Vec<String> = vec![
        "/".into(),
        "/rollout".into(),
        "/team".into(),
        "/process".into(),
        "/log".into(),
        format!("/log?day={DAY}"),
        format!("/log/developers/{DAY}.md"),
        "/log?q=zq".into(),
        // A search box gives back exactly what was typed; letters that turn text round stay inside it.
        format!("/log?q={}", encoded(&hostile("query").replace(['\u{202e}', '\u{200b}', '\u{1b}'], ""))),
        format!("/log?day={}", encoded(&hostile("day"))),
        format!("/?duty={}", encoded(&hostile("duty"))),
        format!("/items/{}", encoded(&hostile("item"))),
        format!("/{}", encoded(&hostile("path"))),
        wall,
    ];
    let look = day.app.look(&crate::day::duty()).await.unwrap().unwrap();
    paths.extend(look.memory.items.keys().map(|id| format!("/items/{id}")));
    assert!(look.memory.items.len() >= 5, "{:?}", look.memory.items.keys());
    let mut shown: Vec<String> = Vec::new();
    for path in &paths {
        let answer = lena.get(path).await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.main());
        if path.ends_with(".md") {
            // Markdown is text; what a reader of Markdown would draw as HTML has to be escaped there as well.
            assert!(!answer.text.contains("<script>") && !answer.text.contains('\u{202e}'), "{}", answer.text);
        } else {
            check(&answer.text, path);
        }
        shown.extend(marks(&answer.text).into_iter().map(str::to_owned));
    }
    live_parts_are_tame(&lena).await;
    shown.sort_unstable();
    shown.dedup();
    for mark in [
        "author",
        "build",
        "by",
        "commit",
        "conclusion",
        "culprit",
        "detail",
        "file",
        "function",
        "label",
        "message",
        "note",
        "other-title",
        "query",
        "question",
        "title",
        "trouble",
    ] {
        assert!(shown.iter().any(|known| known == mark), "{mark} is on no page, so nothing was proved: {shown:?}");
    }
    day.end().await;
}

/// Names of people, of their tokens and screens, and what strangers type at the door: they are short, and on other pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_about_people_carries_hostile_text_raw() {
    // A name in the roster, as YAML and the eye would have it.
    let roster = "zq-engineer\\u202e\\u200b<script>alert(1)</script><img src=x>";
    let roster = vec![("name: \"Omar Haddad\"".to_owned(), format!("name: \"{roster}\""))];
    let day = Day::set(Setting { tasks: false, roster, ..Setting::default() }).await;
    let lena = day.administrator("lena").await;
    // What is hidden comes first: the rest may be cut off.
    let short =
        |mark: &str| format!("zq-{mark}\u{202e}\u{1b}[2J\u{200b}\u{85}<script>alert(1)</script>\"><img src=x>'");
    // A browser that is none: what it says of itself is kept with its session.
    let nobody = Person::nobody(&day.url).with("user-agent", "zq-agent<script>alert(1)</script>\"><img src=x>");
    let mut answers = vec![
        nobody
            .form("/sign-in", &[("login", &short("login")), ("password", "wrong"), ("back", "javascript:alert(1)")])
            .await,
        nobody
            .form("/sign-in", &[("login", "lena"), ("password", "wrong"), ("back", "//evil.example/\"><script>")])
            .await,
        nobody.get(&format!("/sign-in?back={}", encoded("javascript:alert(1)"))).await,
        nobody.get(&format!("/welcome/{}", encoded(&short("link")))).await,
        lena.form("/people", &[("name", &short("person")), ("login", "zq")]).await,
        lena.form("/people", &[("name", &short("person")), ("login", "zq2")]).await,
        lena.form("/people", &[("name", &short("nobody")), ("login", &short("plain"))]).await,
        lena.form("/account/tokens", &[("name", &short("token")), ("days", "30"), ("read", "yes")]).await,
        lena.form("/duty/developers/walls", &[("label", &short("label"))]).await,
        lena.form("/people/nosuch/nosuch", &[("duty", &short("duty")), ("role", &short("role"))]).await,
    ];
    let listed = day.operator().read("/api/v1/people").await;
    let all = listed.as_array().expect("a list");
    let id = all.iter().find(|person| person["name"].as_str().is_some_and(|name| name.starts_with("zq-person")));
    let id = id.expect("the person is there")["id"].as_str().expect("an id").to_owned();
    answers.push(lena.form(&format!("/people/{id}/link"), &[]).await);
    let search = format!("/access-log?q={}", encoded("zq-<script>alert(1)</script>"));
    for path in ["/people", "/account", "/access-log", "/team", "/sign-in", "/prove", &format!("/people/{id}"), &search]
    {
        answers.push(lena.get(path).await);
    }
    let mut shown: Vec<String> = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        assert!(answer.status.as_u16() < 500, "answer {number}: {}", answer.main());
        check(&answer.text, &format!("answer {number}"));
        assert!(!answer.header("location").contains("evil") && !answer.header("location").contains("javascript"));
        shown.extend(marks(&answer.text).into_iter().map(str::to_owned));
    }
    for mark in ["engineer", "label", "login", "person", "token"] {
        assert!(shown.iter().any(|known| known == mark), "{mark} is on no page, so nothing was proved: {shown:?}");
    }
    day.end().await;
}

/// The same text in live parts: no line of it becomes an event of its own, and the markup is as tame as the page's.
async fn live_parts_are_tame(lena: &Person) {
    let mut stream = lena.request(Method::GET, "/events?duty=developers").send().await.unwrap();
    let mut text = String::new();
    while !text.contains("event: beat") {
        let piece = stream.chunk().await.expect("the stream goes on").expect("the stream does not end");
        text.push_str(std::str::from_utf8(&piece).expect("events are text"));
    }
    let mut found = 0;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (field, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}"));
        assert!(matches!(field, "retry" | "event" | "id" | "data"), "{line}");
        let part: Value = if field == "data" { serde_json::from_str(value).unwrap_or_default() } else { Value::Null };
        if let Some(html) = part["html"].as_str() {
            check(html, "a live part");
            found += marks(html).len();
        }
    }
    assert!(found > 3, "hostile text is in live parts, or nothing was proved: {text}");
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
