//! The smallest whole day, over HTTP: main turns red and green again, an error on staging, one in production that is
//! nobody's, the button at 15:59 and at 16:00, one rollout, and all of it in the log book and on the wall.

use crate::day::{DAY, Day, Setting, duty};
use crate::errors::Errors;
use crate::person::{Person, field};
use crate::tools::eventually;
use jiff::civil::Date;
use onduty::store;
use onduty_core::engine::Replay;
use onduty_core::ids::DutyId;
use onduty_core::logbook::NewEntry;
use onduty_fakes::sample::{ID_BOOKING, ID_SMS};
use serde_json::{Value, json};

/// A script that counts how often it ran.
pub fn counting_script(marker: &std::path::Path) -> String {
    format!(
        "#!/bin/sh\necho \"$ONDUTY_REVISION to $ONDUTY_ENVIRONMENT as $ONDUTY_ROLLOUT\" >>'{}'\necho one\necho two\n",
        marker.display()
    )
}

/// How often a counting script ran.
pub fn runs(marker: &std::path::Path) -> usize {
    std::fs::read_to_string(marker).map(|text| text.lines().count()).unwrap_or(0)
}

/// The whole day with these `errors`, from the first look to the proof that it can be replayed.
pub async fn plays_the_day(setting: Setting, errors: &Errors) {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("runs");
    let mut day = Day::set(Setting { script: Some(counting_script(&marker)), ..setting }).await;
    let lena = day.administrator("lena").await;
    main_turns_red_and_green(&day).await;
    an_error_on_staging(&day, &lena, errors).await;
    an_error_in_production(&day, &lena, errors).await;
    the_button(&day, &lena, errors, &marker).await;
    assert_eq!(runs(&marker), 1);
    everything_is_in_the_log_book(&day, errors.events()).await;
    the_wall_shows_it(&day).await;
    day.stop().await;
    replay_gives_the_same(&day.files(), DAY).await;
    day.end().await;
}

async fn main_turns_red_and_green(day: &Day) {
    day.at("10:00").await;
    assert!(day.seed.main_turns_red().await.unwrap().accepted());
    let red = day.item("main-green").await;
    let id = red["id"].as_str().unwrap().to_owned();
    assert_eq!(red["why"]["builds"][0]["name"], "unit tests", "{red}");
    let suspects = eventually("suspects are suggested", async || {
        let people = day.item_called(&id).await["suggestion"]["people"].as_array().cloned().unwrap_or_default();
        Some(people).filter(|people| !people.is_empty())
    })
    .await;
    let names: Vec<&str> = suspects.iter().filter_map(|person| person["engineer"].as_str()).collect();
    for name in ["lucia", "priya", "sam"] {
        assert!(names.contains(&name), "{name} pushed since main was green: {names:?}");
    }
    day.at("10:30").await;
    assert!(day.seed.main_turns_green().await.unwrap().accepted());
    assert_eq!(day.closed(&id).await["state"]["how"], json!({"how": "condition_cleared"}));
}

async fn an_error_on_staging(day: &Day, lena: &Person, errors: &Errors) {
    day.at("11:00").await;
    errors.happens(day, ID_BOOKING).await;
    let item = day.item("staging-errors").await;
    let id = item["id"].as_str().unwrap();
    assert_eq!(item["title"], "Timeout in booking#create");
    lena.form(&format!("/items/{id}/take"), &[]).await.expect(303);
    lena.form(&format!("/items/{id}/tick"), &[("line", "0"), ("done", "true")]).await.expect(303);
    let conclusion = [&[("text", "a lock that was held too long; harmless")], errors.conclusion()].concat();
    lena.form(&format!("/items/{id}/conclude"), &conclusion).await.expect(303);
    let item = day.closed(id).await;
    assert_eq!(item["state"]["how"], json!({"how": "concluded"}));
    assert_eq!((&item["taken"]["by"], &item["checklist"][0]["ticked"]["by"]), (&json!("lena"), &json!("lena")));
    errors.are_told_of_a_conclusion(day, id, "booking#create").await;
}

async fn an_error_in_production(day: &Day, lena: &Person, errors: &Errors) {
    day.at("12:00").await;
    errors.happens(day, ID_SMS).await;
    let id = day.item("production-errors").await["id"].as_str().unwrap().to_owned();
    let best = eventually("an owner is suggested", async || {
        day.item_called(&id).await["suggestion"]["people"][0]["engineer"].as_str().map(str::to_owned)
    })
    .await;
    assert!(day.world.tracker().assignments().is_empty(), "nobody has decided yet");
    let page = lena.get(&format!("/items/{id}")).await.expect(200);
    assert!(page.text.contains(&format!("value=\"{best}\"")), "the page offers {best}");
    lena.form(&format!("/items/{id}/owner"), &[("engineer", &best)]).await.expect(303);
    errors.are_told_of_an_owner(day, &id, &best).await;
}

async fn the_button(day: &Day, lena: &Person, errors: &Errors, marker: &std::path::Path) {
    day.at("15:59").await;
    errors.are_asked_for(day).await;
    let gate = day.gate().await;
    assert_eq!(gate["open"], false);
    assert_eq!(gate["blockers"].as_array().map(Vec::len), Some(1), "{gate}");
    assert_eq!(gate["blockers"][0]["blocker"], "too_early");
    let page = lena.get("/rollout").await.expect(200).text;
    assert!(page.contains("Why the gate is closed") && page.contains("16:00"), "{page}");
    assert!(!page.contains("action=\"/duty/developers/rollout\""), "no button while the gate is closed");
    let status = day.onduty(&["rollout", "status"]).await;
    assert_eq!(status.code, 1, "{status:?}");
    assert!(status.out.contains("closed") && status.out.contains("16:00"), "{status:?}");
    let head = day.world.github().main().head();
    let early = json!({"environment": "production", "revision": head, "diff_hash": "0000000000000000"});
    let refused = day.operator().post("/api/v1/duties/developers/rollouts", &early).await.expect(409);
    assert_eq!(refused.json()["blockers"][0]["blocker"], "too_early");

    day.at("16:00").await;
    assert_eq!(day.onduty(&["rollout", "status"]).await.code, 0);
    let page = lena.get("/rollout").await.expect(200).text;
    let revision = field(&page, "revision").expect("the form carries what goes out");
    assert_eq!(revision, head);
    let diff_hash = field(&page, "diff_hash").unwrap();
    let press = |confirm: &'static str| {
        let fields = [
            ("environment", "production".to_owned()),
            ("revision", revision.clone()),
            ("diff_hash", diff_hash.clone()),
            ("confirm", if confirm.is_empty() { revision.clone() } else { confirm.to_owned() }),
        ];
        async move {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            lena.form("/duty/developers/rollout", &fields).await
        }
    };
    press("something else").await.expect(400);
    press("").await.expect(303);
    let id =
        eventually("the press is known", async || day.gate().await["rollout"]["id"].as_str().map(str::to_owned)).await;
    let ended = day.ended(&id).await;
    assert_eq!(
        (&ended["state"], &ended["exit_code"], &ended["pressed_by"]),
        (&json!("succeeded"), &json!(0), &json!("lena"))
    );
    let lines: Vec<&str> =
        ended["output"].as_array().unwrap().iter().filter_map(|line| line["text"].as_str()).collect();
    assert_eq!(lines, ["one", "two"]);
    press("").await.expect(303);
    let page = lena.get("/rollout").await.expect(200);
    assert!(page.text.contains("went out at 16:00"), "{}", page.main());
    assert_eq!(std::fs::read_to_string(marker).unwrap(), format!("{head} to production as {id}\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_seeds_day() {
    plays_the_day(Setting::default(), &Errors::World).await;
}

async fn everything_is_in_the_log_book(day: &Day, of_errors: &[&str]) {
    let entries = day.operator().read(&format!("/api/v1/duties/developers/log?day={DAY}")).await;
    let mut events: Vec<String> = Vec::new();
    for entry in entries.as_array().unwrap() {
        let step = entry["event"]["step"].as_str().map(|step| format!(" {step}")).unwrap_or_default();
        events.push(format!("{}{step}", entry["event"]["event"].as_str().unwrap()));
    }
    let expected = [
        "process_activated",
        "shift_started",
        "item_opened main-green",
        "suggested",
        "item_closed main-green",
        "item_opened staging-errors",
        "taken",
        "ticked",
        "concluded",
        "item_opened production-errors",
        "owner_decided",
        "item_closed production-errors",
        "gate_opened",
        "rollout_pressed",
        "rollout_seen",
    ];
    for expected in expected.iter().chain(of_errors) {
        assert!(events.iter().any(|event| event == expected), "{expected} is missing in {events:#?}");
    }
    let pressed = events.iter().filter(|event| *event == "rollout_pressed").count();
    let ended = entries.as_array().unwrap().iter().filter(|entry| entry["event"]["state"] == "succeeded").count();
    assert_eq!((pressed, ended), (1, 1), "{events:#?}");
    let numbers: Vec<i64> = entries.as_array().unwrap().iter().filter_map(|entry| entry["seq"].as_i64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "in order: {numbers:?}");
}

async fn the_wall_shows_it(day: &Day) {
    let lena = day.session("omar", true).await;
    lena.form("/duty/developers/walls", &[("label", "by the coffee machine")]).await.expect(303);
    let page = lena.get("/team").await.expect(200).text;
    let (_, rest) = page.split_once("/tv/").expect("the new screen's address is shown once");
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    let wall = Person::nobody(&day.url).get(&format!("/tv/{token}")).await.expect(200).text;
    let head = day.world.github().main().head();
    for expected in ["Lena Vogt", &head[..7], "16:00"] {
        assert!(wall.contains(expected), "{expected} is not on the wall: {wall}");
    }
    assert!(!lena.get("/team").await.expect(200).text.contains(&token), "the address is shown once only");
}

/// Replays the recorded journal of the instance in the folder `files` and compares every item and every entry with what the store has, byte for byte; then
/// checks the chain of the log book.
pub async fn replay_gives_the_same(files: &std::path::Path, shift: Date) {
    let store = store::Store::open_at(&crate::stores::location(files)).await.unwrap();
    let mut reader = store.read().await.unwrap();
    let records = store::journal::read(&mut reader, 0, u32::MAX).await.unwrap();
    assert!(records.len() > 20, "{} records", records.len());
    let mut replay = Replay::default();
    for (seq, record) in &records {
        // Through its text, as a journal of another day would be read.
        let text = serde_json::to_string(record).unwrap();
        replay.step(&serde_json::from_str(&text).unwrap()).unwrap_or_else(|error| panic!("record {seq}: {error}"));
    }

    let kept = store::items::of_shift(&mut reader, &duty(), shift).await.unwrap();
    let text = |value: &dyn Fn() -> Value| serde_json::to_string(&value()).unwrap();
    assert_eq!(kept.len(), replay.items().len());
    for item in &kept {
        let again = replay.items().get(&item.id).unwrap_or_else(|| panic!("{} is missing", item.id));
        assert_eq!(text(&|| json!(again)), text(&|| json!(item)));
    }

    let entries = store::log_book::entries_since(&mut reader, &duty(), 0, u32::MAX).await.unwrap();
    assert_eq!(entries.len(), replay.entries().len());
    for (entry, again) in entries.into_iter().zip(replay.entries()) {
        let written = NewEntry {
            duty: entry.duty,
            at: entry.at,
            shift: entry.shift,
            author: entry.author,
            item: entry.item,
            event: entry.event.expect("nothing is redacted"),
        };
        assert_eq!(text(&|| json!(again)), text(&|| json!(written)), "entry {}", entry.seq);
    }
    chain_holds(&mut reader, &duty()).await;
    drop(reader);
    store.close().await;
}

/// The chain of a log book proves that nothing was changed.
pub async fn chain_holds(reader: &mut store::Reader, duty: &DutyId) {
    let head = store::log_book::head_of(reader, duty).await.unwrap().expect("something was written");
    let verified = store::log_book::verify(reader, duty, std::slice::from_ref(&head)).await.unwrap();
    let verified = verified.unwrap_or_else(|broken| panic!("{broken:?}"));
    assert_eq!((verified.head.as_ref(), verified.truncation_checked), (Some(&head), true));
}
