//! Pages that stay alive: what changes arrives as the part that it replaces, within a second.

use crate::day::Day;
use crate::person::Person;
use reqwest::{Method, Response};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long an event may take that has to come.
const PATIENCE: Duration = Duration::from_secs(15);
/// Signal to screen.
const SOON: Duration = Duration::from_secs(1);

/// An open stream.
struct Stream {
    response: Response,
    text: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

impl Stream {
    async fn open(person: &Person, path: &str) -> Stream {
        Stream::open_after(person, path, None).await
    }

    /// Opens it again, as a browser does that has seen events up to `last`.
    async fn open_after(person: &Person, path: &str, last: Option<u64>) -> Stream {
        let mut request = person.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        assert!(response.headers().get("content-encoding").is_none(), "each event has to leave at once");
        Stream { response, text: String::new() }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                if let Some(event) = event {
                    return event;
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            let chunk = chunk.expect("the stream goes on").expect("the stream does not end");
            self.text.push_str(std::str::from_utf8(&chunk).expect("events are text"));
        }
    }

    /// The next event that is wanted.
    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let started = Instant::now();
        loop {
            let event = self.next().await;
            if wanted(&event) {
                return event;
            }
            assert!(started.elapsed() < PATIENCE, "it never came");
        }
    }

    /// The parts that are sent at once, by id, up to the first beat.
    async fn first_parts(&mut self) -> std::collections::BTreeMap<String, String> {
        let mut parts = std::collections::BTreeMap::new();
        loop {
            let event = self.next().await;
            match event.name.as_str() {
                "fragment" => parts.insert(text(&event, "id"), text(&event, "html")),
                _ => return parts,
            };
        }
    }
}

fn text(event: &Event, key: &str) -> String {
    event.data[key].as_str().unwrap_or_else(|| panic!("{key} in {event:?}")).to_owned()
}

/// Comments have no data and are no events.
fn parse(text: &str) -> Option<Event> {
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_start);
    let data = field("data")?;
    Some(Event {
        name: field("event").unwrap_or("message").to_owned(),
        id: field("id").and_then(|id| id.parse().ok()),
        data: serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}")),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_is_on_the_page_within_a_second() {
    let day = Day::begin().await;
    let lena = day.administrator("lena").await;
    let mut stream = Stream::open(&lena, "/events?duty=developers").await;
    let parts = stream.first_parts().await;
    for id in ["on-duty", "summary", "latest", "step-main-green", "step-rollout", "gate"] {
        assert!(parts.contains_key(id), "{id} is not in {:?}", parts.keys());
    }
    // Each part replaces itself: its own id is on it, and on the page.
    let page = lena.get("/?duty=developers").await.expect(200).text;
    for (id, html) in parts.iter().filter(|(id, _)| id.starts_with("step-") || *id == "summary") {
        assert!(html.contains(&format!("id=\"{id}\"")), "{id}: {html}");
        assert!(page.contains(&format!("id=\"{id}\"")), "{id} is not on the page");
    }

    day.at("10:00").await;
    let sent = Instant::now();
    assert!(day.world.github().main().fails("lint").await.accepted());
    let event = stream
        .until(|event| event.data["id"] == "step-main-green" && event.data["html"].to_string().contains("lint"))
        .await;
    let took = sent.elapsed();
    assert!(took < SOON, "signal to screen took {took:?}");
    let seen = event.id.expect("a fragment has a number");

    // Nothing that was missed is lost: whoever comes back gets what is now.
    drop(stream);
    day.at("10:20").await;
    assert!(day.world.github().main().passes("lint").await.accepted());
    let mut stream = Stream::open_after(&lena, "/events?duty=developers", Some(seen)).await;
    // The pass that closes the item may come a moment after the stream.
    stream
        .until(|event| event.data["id"] == "step-main-green" && !event.data["html"].to_string().contains("lint"))
        .await;

    let beat = stream.until(|event| event.name == "beat").await;
    assert_eq!(text(&beat, "at").parse::<jiff::Timestamp>().unwrap(), day.app.clock.duty_now());
    assert_eq!(beat.data["rate"], 0);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wall_follows() {
    let day = Day::begin().await;
    let wall = format!("/tv/{}", day.wall("developers").await);
    let nobody = Person::nobody(&day.url);
    let page = nobody.get(&wall).await.expect(200).text;
    let mut stream = Stream::open(&nobody, &format!("{wall}/events")).await;
    let parts = stream.first_parts().await;
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["wall-foot", "wall-now", "wall-tiles"]);
    for id in parts.keys() {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id} is not on the wall");
    }
    let sent = Instant::now();
    assert!(day.seed.production_error().await.accepted());
    stream.until(|event| event.data["id"] == "wall-tiles" && event.data["html"].to_string().contains("gsub")).await;
    assert!(sent.elapsed() < SOON, "{:?}", sent.elapsed());
    // A screen has nothing to press and no secret of a session on it.
    for html in parts.values() {
        assert!(!html.contains("<form") && !html.contains("csrf"), "{html}");
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_has_everything_that_was_written_meanwhile() {
    let day = Day::begin().await;
    let lena = day.administrator("lena").await;
    let path = "/events?duty=developers";
    let write = async |text: &str| {
        lena.form("/duty/developers/note", &[("text", text)]).await.expect(303);
    };
    let mut stream = Stream::open(&lena, path).await;
    stream.first_parts().await;
    write("mark-0.").await;
    let seen = stream.until(|event| event.data["html"].to_string().contains("mark-0.")).await.id.expect("a number");
    drop(stream);
    for number in 1..=5 {
        write(&format!("mark-{number}.")).await;
    }
    let parts = Stream::open_after(&lena, path, Some(seen)).await.first_parts().await;
    let latest = &parts["latest"];
    for number in 1..=5 {
        let mark = format!("mark-{number}.");
        assert_eq!(latest.matches(&mark).count(), 1, "{mark} is not there once: {latest}");
    }
    day.end().await;
}
