//! A Bugsink in every trouble that a tracker can be in: what the page says, what the gate does, and that it ends.

use crate::day::{Day, SIGNALS_SECRET, Setting, instant};
use crate::person::Person;
use crate::tools::eventually;
use crate::trackers::hurry;
use onduty_fakes::bugsink::{Bugsink, Place};
use onduty_fakes::trouble::Trouble;

/// What people read about each trouble, behind `bugsink cannot be read:`.
const SAID: [(Trouble, &str); 15] = [
    (Trouble::TooMany, "asks to wait"),
    (Trouble::Broken, "refused with status 500"),
    (Trouble::BadGateway, "refused with status 502: a web page"),
    (Trouble::Cut, "from 127.0.0.1"),
    (Trouble::Empty, "expected a list"),
    (Trouble::WrongTypes, "expected a list"),
    (Trouble::Endless, "is larger than"),
    (Trouble::Redirect, "refused with status 302"),
    (Trouble::Loop, "leads back to an earlier page"),
    (Trouble::SamePage, "repeats an earlier page"),
    (Trouble::Refuses, "refused with status 403"),
    (Trouble::Unauthorized, "refused with status 401"),
    (Trouble::HalfJson, "expected JSON"),
    (Trouble::WebPage, "expected JSON"),
    (Trouble::LaterPage, "refused with status 500"),
];

async fn a_day_with_bugsink() -> (Bugsink, Day) {
    let bugsink = Bugsink::start(SIGNALS_SECRET).await.expect("a port");
    bugsink.happens(1, "production", "Known for years", "2026-03-01T09:00:00Z");
    let source = format!(
        "sources:\n  bugsink: {{url: '{}', projects: [shop], environments: [staging, production], \
         token_file: secrets/signals, every: 5s}}\n",
        bugsink.url()
    );
    let replaced = vec![("sources:\n".to_owned(), source)];
    let day = Day::set(Setting { replaced, ..Setting::default() }).await;
    eventually("the first poll is recorded", async || day.app.was_heard("bugsink").await.unwrap().then_some(())).await;
    (bugsink, day)
}

/// What the gate says about Bugsink, if it cannot be read.
async fn in_trouble(day: &Day) -> Option<String> {
    let gate = day.gate().await;
    let texts = gate["blockers"].as_array()?.iter().map(|blocker| blocker["text"].as_str().unwrap_or_default());
    let found: Vec<&str> = texts.filter(|text| text.contains("bugsink cannot be read")).collect();
    assert!(found.is_empty() || gate["open"] == false, "what is unknown closes the gate: {gate}");
    (!found.is_empty()).then(|| found.join("\n"))
}

/// Bugsink is in trouble until people read about it; then the page says so, and that it ends.
async fn comes_and_goes(bugsink: &Bugsink, day: &Day, lena: &Person, place: Place, trouble: Trouble, says: &str) {
    bugsink.asked();
    bugsink.trouble(Some((place, trouble)));
    let name = format!("{trouble:?} at {place:?}");
    let text = eventually(&format!("{name} says {says}"), async || {
        hurry(day);
        in_trouble(day).await.filter(|text| text.contains(says))
    })
    .await;
    assert!(!text.contains(SIGNALS_SECRET), "{text}");
    let asked = bugsink.asked().len();
    assert!(asked <= 25, "{name}: {asked} requests");
    let page = lena.get("/").await.expect(200).text;
    assert!(page.contains("bugsink cannot be read"), "{name}: Today says so");
    // Others go on.
    let gate = day.gate().await.to_string();
    assert!(!gate.contains("git cannot be read") && !gate.contains("github cannot be read"), "{gate}");
    bugsink.trouble(None);
    eventually(&format!("{name} is over"), async || {
        hurry(day);
        in_trouble(day).await.is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bugsink_in_any_trouble_closes_the_gate_by_name() {
    let (bugsink, day) = a_day_with_bugsink().await;
    let lena = day.administrator("lena").await;
    assert_eq!(in_trouble(&day).await, None);
    assert_eq!(SAID.map(|(trouble, _)| trouble), Trouble::ALL, "no trouble is left out");
    for (trouble, says) in SAID {
        comes_and_goes(&bugsink, &day, &lena, Place::Issues, trouble, says).await;
    }
    comes_and_goes(&bugsink, &day, &lena, Place::Projects, Trouble::Empty, "expected a list").await;
    // Of a new error nobody knows the environment until its event was read.
    bugsink.happens(7, "production", "Happens now", &instant("09:00").to_string());
    comes_and_goes(&bugsink, &day, &lena, Place::Events, Trouble::Broken, "refused with status 500").await;
    let mut known: Vec<String> =
        day.app.known_errors("bugsink").await.unwrap().into_iter().map(|group| group.id).collect();
    known.sort();
    assert_eq!(known, ["1", "7"], "what repeats or breaks off left nothing behind");
    day.end().await;
}
