//! A team whose errors are in Sentry: polls that are whole or unknown, owners that are written back and read back,
//! webhooks that get lost.

use crate::day::{Day, GITHUB_SECRET, SIGNALS_SECRET, Setting, instant};
use crate::person::Person;
use crate::tools::eventually;
use onduty::app::Change;
use onduty_fakes::sentry::Sentry;
use onduty_fakes::trouble::Trouble;
use serde_json::Value;

/// The files with the secrets of other sources serve again: they are private already.
async fn a_day_with_sentry() -> (Sentry, Day) {
    let sentry = Sentry::start(SIGNALS_SECRET).await.expect("a port");
    sentry.happens(1, "production", "Known for years", "2026-03-01T09:00:00Z", "app/models/booking.rb");
    let day = a_day_with(&sentry.url()).await;
    (sentry, day)
}

/// A day whose errors come from the Sentry at `url`; its first poll is recorded.
pub async fn a_day_with(url: &str) -> Day {
    let source = format!(
        "sources:\n  sentry: {{url: '{url}', organisation: acme, projects: [shop], environments: [staging, production], \
         token_file: secrets/signals, secret_file: secrets/github, every: 5s}}\n"
    );
    let replaced = vec![("sources:\n".to_owned(), source)];
    let day = Day::set(Setting { replaced, ..Setting::default() }).await;
    eventually("the first poll is recorded", async || day.app.was_heard("sentry").await.unwrap().then_some(())).await;
    day
}

/// Asks now, as a webhook makes it.
pub fn hurry(day: &Day) {
    day.app.bus.tell(Change::Hinted);
}

async fn in_trouble(day: &Day) -> Option<String> {
    let blockers = day.gate().await["blockers"].clone();
    let texts = blockers.as_array()?.iter().map(|blocker| blocker["text"].as_str().unwrap_or_default());
    let found: Vec<&str> = texts.filter(|text| text.contains("sentry cannot be read")).collect();
    (!found.is_empty()).then(|| found.join("\n"))
}

pub async fn item_of(day: &Day, title: &str) -> Value {
    hurry(day);
    eventually(&format!("an item `{title}`"), async || {
        day.items("production-errors").await.into_iter().find(|item| item["title"] == title)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_owner_is_told_to_sentry_and_read_back() {
    let (sentry, day) = a_day_with_sentry().await;
    let at = instant("09:00").to_string();
    for (id, title) in [(7, "Takes an owner"), (8, "Refuses owners"), (9, "Forgets owners")] {
        sentry.happens(id, "production", title, &at, "app/models/booking.rb");
    }
    let lena = day.administrator("lena").await;
    let own = async |title: &str| {
        let id = item_of(&day, title).await["id"].as_str().unwrap().to_owned();
        lena.form(&format!("/items/{id}/owner"), &[("engineer", "lena")]).await.expect(303);
        id
    };
    let logged = async |text: &str| {
        eventually(&format!("the log says {text}"), async || {
            day.log().await.into_iter().find(|line| line.contains(text))
        })
        .await
    };

    sentry.asked();
    let id = own("Takes an owner").await;
    logged("the tracker knows that").await;
    assert_eq!(sentry.owner(7).as_deref(), Some("lena@acme.example"));
    let asked = sentry.asked();
    let path = "/api/0/organizations/acme/issues/7/";
    let put = asked.iter().position(|line| *line == format!("PUT {path}")).expect("it was told");
    assert!(asked[put..].contains(&format!("GET {path}")), "and read back: {asked:?}");
    assert_eq!(asked.iter().filter(|line| line.starts_with("PUT")).count(), 1, "once: {asked:?}");
    hurry(&day);
    assert_eq!(day.closed(&id).await["state"]["how"]["how"], "assigned_at_source");

    sentry.refuse_owners(true);
    own("Refuses owners").await;
    let line = logged("could not be told").await;
    assert!(line.contains("400") && line.contains("Unknown actor input"), "{line}");
    sentry.refuse_owners(false);
    sentry.forget_owners(true);
    own("Forgets owners").await;
    let line = logged("it shows no owner").await;
    assert!(line.contains("could not be told"), "{line}");
    assert!(
        !day.items("production-errors").await.iter().any(|item| item["title"] == "Known for years"),
        "the baseline waits"
    );
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conclusion_resolves_at_sentry_when_somebody_says_so() {
    let (sentry, day) = a_day_with_sentry().await;
    let at = instant("09:00").to_string();
    for (id, title) in [(7, "Is mended"), (8, "Is left alone"), (9, "Stays as it is")] {
        sentry.happens(id, "staging", title, &at, "app/models/booking.rb");
    }
    let lena = day.administrator("lena").await;
    let conclude = async |title: &str, fields: &[(&str, &str)]| {
        hurry(&day);
        let item = eventually(&format!("an item `{title}`"), async || {
            day.items("staging-errors").await.into_iter().find(|item| item["title"] == title)
        })
        .await;
        let id = item["id"].as_str().unwrap().to_owned();
        assert!(lena.get(&format!("/items/{id}")).await.expect(200).text.contains("Resolve it at the tracker too"));
        lena.form(&format!("/items/{id}/conclude"), fields).await.expect(303);
        id
    };
    let resolve = async |id: &str, wanted: &str| {
        eventually(&format!("{id} is {wanted}"), async || {
            (day.item_called(id).await["conclusion"]["resolve"] == wanted).then_some(())
        })
        .await;
    };
    let left = conclude("Is left alone", &[("text", "a known one")]).await;
    resolve(&left, "not_asked").await;
    sentry.asked();
    let mended = conclude("Is mended", &[("text", "mended in 41c09d2"), ("resolve", "true")]).await;
    resolve(&mended, "done").await;
    assert_eq!((sentry.status(7), sentry.status(8)), (Some("resolved"), Some("unresolved")));
    let asked = sentry.asked();
    let path = "/api/0/organizations/acme/issues/7/";
    let put = asked.iter().position(|line| *line == format!("PUT {path}")).expect("it was told");
    assert!(asked[put..].contains(&format!("GET {path}")), "and read back: {asked:?}");
    sentry.forget_resolutions(true);
    let kept = conclude("Stays as it is", &[("text", "mended"), ("resolve", "true")]).await;
    resolve(&kept, "failed").await;
    let said = day.log().await.into_iter().find(|line| line.contains("could not be told that this is resolved"));
    assert!(said.as_deref().is_some_and(|line| line.contains("shows no resolution")), "{said:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentry_in_any_trouble_closes_the_gate_by_name() {
    let (sentry, day) = a_day_with_sentry().await;
    assert_eq!(in_trouble(&day).await, None);
    for trouble in Trouble::ALL {
        sentry.asked();
        sentry.trouble(Some(trouble));
        hurry(&day);
        let text = eventually(&format!("{trouble:?} is seen"), async || in_trouble(&day).await).await;
        assert!(!text.contains(SIGNALS_SECRET), "{text}");
        let asked = sentry.asked().len();
        assert!(asked <= 12, "{trouble:?}: {asked} requests");
        // Git, builds and the server itself go on.
        let gate = day.gate().await;
        assert!(!gate.to_string().contains("git cannot be read") && gate["open"] == false, "{gate}");
        sentry.trouble(None);
        hurry(&day);
        eventually(&format!("{trouble:?} is over"), async || in_trouble(&day).await.is_none().then_some(())).await;
    }
    // What repeats or breaks off left nothing behind.
    let known = day.app.known_errors("sentry").await.unwrap();
    assert_eq!(known.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["1"]);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_doubled_and_late_webhooks_end_where_a_good_day_ends() {
    let (sentry, day) = a_day_with_sentry().await;
    let at = instant("09:00").to_string();
    let sender = Person::nobody(&day.url);
    let mut late = Vec::new();
    for id in 100..130_u64 {
        sentry.happens(id, "production", &format!("Error {id}"), &at, "app/models/booking.rb");
        let created = sentry.webhook(id, "created", GITHUB_SECRET, &format!("request-{id}"));
        if id % 3 == 0 {
            sentry.resolve(id);
        }
        // Three of ten are lost, one of ten comes twice, one of ten after all others.
        match id % 10 {
            0..3 => {}
            3 => late.push(created),
            4 => late.extend([created.clone(), created]),
            _ => late.insert(0, created),
        }
    }
    let mut accepted = 0;
    for (body, headers) in late {
        let mut request = sender.request(reqwest::Method::POST, "/hooks/sentry").body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let asked = std::time::Instant::now();
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        assert!(asked.elapsed() < std::time::Duration::from_secs(1), "{:?}", asked.elapsed());
        accepted += 1;
    }
    assert_eq!(accepted, 24);
    let expected: Vec<String> = (100..130).filter(|id| id % 3 != 0).map(|id| format!("Error {id}")).collect();
    eventually("every open error is known, and no other", async || {
        let known = day.app.known_errors("sentry").await.unwrap();
        let mut titles: Vec<String> = known
            .into_iter()
            .filter(|group| group.id != "1" && format!("{:?}", group.status) == "Unresolved")
            .map(|group| group.title)
            .collect();
        titles.sort();
        (titles == expected).then_some(())
    })
    .await;
    day.end().await;
}
