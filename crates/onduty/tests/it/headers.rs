//! The headers of every answer: of each route of the router, of every error, and of what is answered before a route.

use crate::day::{DAY, Day, ROLLOUTS, Setting};
use crate::person::Person;
use crate::tools::eventually;
use onduty::web::auth::About;
use onduty::web::routes::{self, Route};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than a busy machine takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Nothing is missing, nothing allows more than ours.
fn check(what: &str, headers: &HeaderMap, kept: &str) {
    let header = |name: &str| {
        let all: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().expect("text")).collect();
        assert!(all.len() <= 1, "{what}: {name} stands {} times", all.len());
        all.first().copied().unwrap_or_default().to_owned()
    };
    let policy = header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{what}: {part} is not in `{policy}`");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    for (name, wanted) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("access-control-allow-origin", ""),
        ("cache-control", kept),
    ] {
        assert_eq!(header(name), wanted, "{what}: {name}");
    }
}

/// The address of a route, of what is there.
/// What may be kept of an answer, and by whom.
fn kept(path: &str, status: u16) -> &'static str {
    match status {
        200 if path.starts_with("/assets/") => "public, max-age=31536000, immutable",
        200 if path.starts_with("/calendar/") => "private, no-cache",
        _ => "no-store",
    }
}

fn path_of(route: &Route, item: &str, rollout: &str, [wall, feed]: [&str; 2]) -> String {
    let asset = onduty::web::assets::url("app.css").trim_start_matches("/assets/");
    let file = if route.path.starts_with("/assets/") { asset.to_owned() } else { format!("{DAY}.md") };
    let id = match route.about {
        About::Item => item,
        _ if route.path.contains("/rollouts/") => rollout,
        _ => "nosuch",
    };
    let path = route.path.replace("{duty}", "developers").replace("{source}", "signals").replace("{verb}", "take");
    let token = if route.about == About::CalendarFeed { format!("{feed}.ics") } else { wall.to_owned() };
    path.replace("{file}", &file).replace("{token}", &token).replace("{id}", id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_carries_its_headers() {
    let day = Day::set(Setting { begins: "16:05", ..Setting::default() }).await;
    let lena = day.administrator("lena").await;
    let (wall, feed) = (day.wall("developers").await, day.calendar_feed("developers").await);
    eventually("the gate is open", async || (day.gate().await["open"] == true).then_some(())).await;
    let rollout = day.press().await;
    assert!(day.world.github().main().fails("lint").await.accepted());
    let item = day.item("main-green").await["id"].as_str().expect("an id").to_owned();
    let mut seen = BTreeSet::new();
    let visitors = [
        ("nobody", Person::nobody(&day.url)),
        ("viewer", day.session("priya", false).await),
        ("script", day.operator()),
        ("administrator", lena),
    ];
    for (who, person) in &visitors {
        for route in routes::all() {
            let method: Method = route.method.parse().expect("a method");
            let path = path_of(&route, &item, &rollout, [&wall, &feed]);
            let what = format!("{who}: {method} {path}");
            let mut request = person.request(method.clone(), &path);
            if method == Method::POST && (path.starts_with("/api/") || path.starts_with("/hooks/")) {
                request = request.json(&json!({"text": "hello"}));
            } else if method == Method::POST && path != "/sign-out" {
                request = request.header("content-type", "application/x-www-form-urlencoded");
                request = request.body(format!("csrf={}&text=hello", person.csrf()));
            }
            // Streams do not end: their headers come first.
            let answer = request.send().await.expect("the server answers");
            let status = answer.status().as_u16();
            check(&what, answer.headers(), kept(&path, status));
            seen.insert((route.path, status));
            // The same address by a method that it does not know, and with a body that nobody may send.
            let wrong = person.request(Method::DELETE, &path).send().await.expect("the server answers");
            assert!(wrong.status().is_client_error(), "{what}, deleted: {}", wrong.status());
            check(&format!("{what}, deleted"), wrong.headers(), "no-store");
            let packed = person.request(method, &path).header("content-encoding", "gzip").body("x");
            let packed = packed.send().await.expect("the server answers");
            // Telemetry may be packed: none of these may send it.
            let refused = match (path.starts_with("/v1/"), *who) {
                (false, _) => 415,
                (true, "nobody") => 401,
                (true, _) => 403,
            };
            assert_eq!(packed.status().as_u16(), refused, "{what}");
            check(&format!("{what}, packed"), packed.headers(), "no-store");
        }
    }
    // Whatever a route can say was said, or the headers of refusals alone were looked at.
    for path in [
        "/",
        "/events",
        "/tv/{token}",
        "/tv/{token}/events",
        "/calendar/{token}",
        "/log/{duty}/{file}",
        "/metrics",
        "/api/openapi.json",
        "/assets/{file}",
        "/items/{id}",
        "/api/v1/items/{id}",
        "/api/v1/duties/{duty}/rollouts/{id}",
        "/people",
        "/account",
    ] {
        assert!(seen.contains(&(path, 200)), "{path} was never answered: {seen:?}");
    }
    let statuses: BTreeSet<u16> = seen.iter().map(|(_, status)| *status).collect();
    for status in [200, 303, 400, 401, 403, 404] {
        assert!(statuses.contains(&status), "no route said {status}: {statuses:?}");
    }
    day.end().await;
}

/// The head of what the server says to these bytes, and what stands behind it.
#[expect(clippy::disallowed_methods, reason = "who asks the server is not the server")]
async fn says(day: &Day, request: &str) -> (u16, HeaderMap, String) {
    let mut stream = TcpStream::connect(day.url.trim_start_matches("http://")).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("a fresh connection takes a request");
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server ends it");
    let answer = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {request:.60}: {answer}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: reqwest::header::HeaderName = name.parse().expect("a header");
        headers.append(name, value.parse().expect("a value"));
    }
    (status, headers, body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_no_route_gives_carry_them_too() {
    let limits = "server: {connections: 16, body_timeout: 1s, header_bytes: 2048, body_bytes: 2048}\nsources:\n";
    let replaced = vec![("sources:\n".to_owned(), limits.to_owned())];
    let day = Day::set(Setting { tasks: false, replaced, ..Setting::default() }).await;
    let operator = day.operator().with("onduty-as", "lena");
    let long = operator.post("/api/v1/duties/developers/notes", &json!({"text": "x".repeat(4_096)})).await.expect(413);
    check("too much", &long.headers, "no-store");
    let nobody = Person::nobody(&day.url);
    for (what, answer, status) in [
        ("another name", nobody.with("host", "onduty.evil.example").get("/").await, 421),
        ("another site", nobody.with("origin", "http://evil.example").form("/sign-in", &[]).await, 403),
        ("nothing there", nobody.get("/nosuch").await, 404),
        ("nothing there in the API", nobody.get("/api/nosuch").await, 404),
        ("an asset that is not there", nobody.get("/assets/nosuch").await, 404),
        ("a bad query", operator.get("/log?day=tomorrow").await, 400),
        ("a press on nothing", operator.post(ROLLOUTS, &json!({})).await, 400),
    ] {
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.main());
        check(what, &answer.headers, "no-store");
    }
    let late = "POST /hooks/signals HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{";
    let (status, headers, _) = says(&day, late).await;
    assert_eq!(status, 408);
    check("a body that does not come", &headers, "no-store");

    // What cannot be read as HTTP is answered by the parser: there is nothing in it that a header could guard.
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(3_000));
    for (request, wanted) in [(large.as_str(), 431), ("GET /\u{1} HTTP/9.9\r\n\r\n", 400)] {
        let (status, headers, body) = says(&day, request).await;
        assert_eq!((status, body.as_str()), (wanted, ""), "{headers:?}");
        assert_eq!(headers.get("content-length").map(|value| value.as_bytes()), Some(&b"0"[..]), "{headers:?}");
        assert!(!headers.contains_key("content-type") && !headers.contains_key("location"), "{headers:?}");
    }

    #[expect(clippy::disallowed_methods, reason = "who asks the server is not the server")]
    let connect = async || TcpStream::connect(day.url.trim_start_matches("http://")).await.expect("it listens");
    let mut open = Vec::new();
    // Those that asked above keep theirs for a while; what is above the limit is refused either way.
    for _ in 0..16 {
        open.push(connect().await);
    }
    let (status, headers, body) = says(&day, "").await;
    assert_eq!((status, body.as_str()), (503, ""), "{headers:?}");
    assert_eq!(headers["retry-after"], "5");
    check("no place", &headers, "no-store");
    drop(open);
    day.end().await;
}
