//! What a client may cost, by clients that want to cost more: each limit of `server:` in `onduty.yml`.

use crate::day::{Day, Setting};
use crate::person::Person;
use crate::tools::eventually;
use reqwest::Method;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than any limit that these tests set, and than a busy machine makes of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A day without background passes whose server has these limits.
async fn day_with(limits: &str) -> Day {
    let replaced = vec![("sources:\n".to_owned(), format!("server: {{{limits}}}\nsources:\n"))];
    Day::set(Setting { tasks: false, replaced, ..Setting::default() }).await
}

#[expect(clippy::disallowed_methods, reason = "who asks the server is not the server")]
async fn connect(day: &Day) -> TcpStream {
    TcpStream::connect(day.url.trim_start_matches("http://")).await.expect("the server listens")
}

/// Everything up to the end of the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset is an end as well.
    let _ = read.expect("the server ends the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn says(day: &Day, request: &str) -> String {
    let mut stream = connect(day).await;
    stream.write_all(request.as_bytes()).await.expect("a fresh connection takes a request");
    rest(&mut stream).await
}

fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_drip_and_connections_without_requests_end() {
    let day = day_with("header_timeout: 1s").await;
    let mut drips = connect(&day).await;
    let started = Instant::now();
    // One byte now and then, for ever, if the server lets it.
    let sent = async {
        for byte in b"GET / HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'a')) {
            if drips.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, sent).await.expect("the server ends the connection");
    assert!(started.elapsed() >= Duration::from_secs(1), "every client has its time");

    let mut silent = connect(&day).await;
    assert_eq!(rest(&mut silent).await, "");
    let mut kept = connect(&day).await;
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let answer = rest(&mut kept).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "answered, kept, and ended when nothing more came: {answer}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_arrive_is_answered_and_forgotten() {
    let day = day_with("body_timeout: 1s").await;
    let head =
        "POST /hooks/signals HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let mut drips = connect(&day).await;
    drips.write_all(head.as_bytes()).await.unwrap();
    let (mut reads, mut writes) = drips.into_split();
    let drip = tokio::spawn(async move {
        while writes.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut answer = [0; 12];
    tokio::time::timeout(PATIENCE, reads.read_exact(&mut answer)).await.expect("in time").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408");
    drop(reads);
    tokio::time::timeout(PATIENCE, drip).await.expect("the connection ends").unwrap();
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_is_dropped() {
    let day = day_with("write_timeout: 1s, requests_per_connection: 1000000").await;
    let page = onduty::web::assets::url("app.css");
    let request = format!("GET {page} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let stream = connect(&day).await;
    // Asks again and again until the server hears no more because it cannot answer, and then until it hangs up.
    let deadline = Instant::now() + PATIENCE;
    let mut asked = 0;
    loop {
        match stream.try_write(request.as_bytes()) {
            Ok(_) => asked += 1,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(_) => break,
        }
        assert!(Instant::now() < deadline, "still connected after {asked} requests");
    }
    assert!(asked > 10, "it was dropped for something else, after {asked} requests");
    // Others never noticed.
    assert_eq!(Person::nobody(&day.url).get(page).await.status.as_u16(), 200);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_counted() {
    let day = day_with("connections: 16, requests_per_connection: 3").await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(connect(&day).await);
    }
    // The kernel takes connections before the server does.
    eventually("one too many is refused", async || {
        let mut one_more = connect(&day).await;
        let answer = tokio::time::timeout(Duration::from_millis(200), one_more.read_u8()).await;
        answer.is_ok().then_some(())
    })
    .await;
    let refused = says(&day, "").await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5"), "{refused}");
    drop(open);
    let last = eventually("places are free again", async || {
        let request = "GET /api/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(4);
        Some(says(&day, &request).await).filter(|answer| answer.starts_with("HTTP/1.1 200"))
    })
    .await;
    // The fourth was never looked at.
    assert_eq!((last.matches("HTTP/1.1 200").count(), last.matches("connection: close").count()), (3, 1));
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_compressed_or_deep_is_not_read() {
    let day = day_with("header_bytes: 2048, body_bytes: 2048, delivery_bytes: 65536, json_depth: 16").await;
    let long = "a".repeat(3_000);
    let head = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\nconnection: close\r\n\r\n");
    assert_eq!(status_of(&says(&day, &head).await), "431");

    let operator = day.operator().with("onduty-as", "lena");
    let nobody = Person::nobody(&day.url);
    const NOTES: &str = "/api/v1/duties/developers/notes";
    let json =
        |person: &Person, path: &str| person.request(Method::POST, path).header("content-type", "application/json");
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    for (person, path, most) in [(&operator, NOTES, 2_048), (&nobody, "/hooks/signals", 65_536)] {
        let text = format!("{{\"text\": \"{}\"}}", "a".repeat(most));
        assert_eq!(status(json(person, path).body(text)).await, 413, "{path}");
        for encoding in ["gzip", "br, gzip", "zstd", "x-made-up"] {
            let answer = json(person, path).header("content-encoding", encoding).body("{}").send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 415, "{path} {encoding}");
            assert_eq!(answer.headers()["accept-encoding"], "identity");
            assert!(answer.headers().contains_key("content-security-policy"));
        }
        for bombs in ["[".repeat(1_900), "{\"a\":".repeat(300), "[{\"a\":".repeat(300)] {
            let answer = json(person, path).body(bombs).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 400, "{path}");
            let said = answer.text().await.unwrap();
            assert!(said.contains("more than 16 deep"), "{path}: {said}");
        }
    }
    // Nothing of it hides an honest note.
    let note =
        json(&operator, NOTES).header("content-encoding", "identity").body(r#"{"text": "[[[[[[[[[[[[[[[[[[[["}"#);
    assert_eq!(status(note).await, 200);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_body_is_not_read_is_told_to_come_anew() {
    let day = day_with("delivery_bytes: 65536").await;
    let path = "/hooks/signals";
    let post = |path: &str, more: &str, bytes: usize| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {bytes}\r\n{more}\r\n");
        head + &"1".repeat(bytes)
    };
    for (request, status) in [
        (post(path, "", 2_000_000), "413"),
        (post(path, "content-encoding: gzip\r\n", 2), "415"),
        (post("/links", "", 2_000_000), "401"),
    ] {
        // Ends by itself: the request does not ask for that.
        let answer = says(&day, &request).await;
        assert_eq!(status_of(&answer), status, "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    // What was read to its end leaves the connection open.
    let mut stream = connect(&day).await;
    stream.write_all(post(path, "", 65_536).as_bytes()).await.expect("a fresh connection takes a request");
    stream.write_all(b"GET /assets/nosuch HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let answers = rest(&mut stream).await;
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 2, "{answers}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_path_leads_out() {
    let day = day_with("").await;
    let session = day.administrator("lena").await;
    std::fs::write(day.files().join("canary"), "canary 7f3a").unwrap();
    let ways = ["/assets/", "/log/developers/", "/items/", "/tv/", "/welcome/", "/hooks/", "/api/v1/items/", "/"];
    let outs = [
        "../canary",
        "..%2fcanary",
        "%2e%2e%2fcanary",
        "%2e%2e/canary",
        "..%5ccanary",
        "..%252fcanary",
        "%2fetc%2fpasswd",
        "....//canary",
        "../../../../../../etc/passwd",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "canary",
        "./canary",
        "canary%00.md",
        "..%c0%af..%c0%afetc/passwd",
        "%uff0e%uff0e/canary",
        "onduty.yml",
        "..%2fonduty.yml",
        "secrets%2fsignals",
        "..%2fsecrets%2fsignals",
        "..%2fdata%2fcli-token",
        "2026-03-02.md%2f..%2f..%2fonduty.yml",
        "/etc/passwd",
    ];
    let cookie = session.cookie();
    for way in ways {
        for out in outs {
            let request =
                format!("GET {way}{out} HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n");
            let answer = says(&day, &request).await;
            let status = status_of(&answer);
            assert!(matches!(status, "400" | "401" | "403" | "404" | "405"), "{way}{out}: {answer}");
            for secret in ["canary 7f3a", "root:", crate::day::SIGNALS_SECRET, "sources:"] {
                assert!(!answer.contains(secret), "{way}{out}: {answer}");
            }
        }
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_streams_and_lets_requests_end() {
    let day = day_with("stop_within: 20s").await;
    let mut stream = connect(&day).await;
    let wall = day.wall("developers").await;
    let open = format!("GET /tv/{wall}/events HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(open.as_bytes()).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("event: beat") {
        let mut some = [0; 4_096];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut some)).await.expect("in time").expect("a stream");
        assert!(read > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    let retry: u64 = seen.split("retry: ").nth(1).unwrap().split('\n').next().unwrap().trim().parse().unwrap();
    assert!((1_000..=4_000).contains(&retry), "a browser comes back after a while of its own: {retry}");
    // A request whose body is still under way.
    let mut under_way = connect(&day).await;
    let body = "{\"type\": \"contact\", \"kinds\": [\"errors\"]}";
    let head = format!("POST /hooks/nosuch HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    under_way.write_all(head.as_bytes()).await.unwrap();
    under_way.write_all(&body.as_bytes()[..5]).await.unwrap();
    // Taken from the queue of the kernel before the stop: an answer on a later connection says so.
    says(&day, "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;

    let told = Instant::now();
    day.app.stopping.tell();
    let ended = rest(&mut stream).await;
    assert!(ended.ends_with("0\r\n\r\n"), "the stream ends in good order: {ended}");
    assert!(told.elapsed() < Duration::from_secs(10), "at once, not when time is over: {:?}", told.elapsed());
    under_way.write_all(&body.as_bytes()[5..]).await.unwrap();
    assert_eq!(status_of(&rest(&mut under_way).await), "404", "answered although the server stops");
    eventually("nobody is let in any more", async || {
        #[expect(clippy::disallowed_methods, reason = "who asks the server is not the server")]
        TcpStream::connect(day.url.trim_start_matches("http://")).await.is_err().then_some(())
    })
    .await;
    day.end().await;
}
