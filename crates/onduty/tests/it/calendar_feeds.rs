//! Calendar feeds over HTTP: what they say, to whom, and that others read the same.

use crate::day::{DAY, Day, Setting, instant};
use crate::person::{Answer, Person};
use crate::tools::{eventually, is_full, missing};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const OWN: &str = "/api/v1/account/calendar-feeds";
const OF_DUTY: &str = "/api/v1/duties/developers/calendar-feeds";
/// What the roster says of the hours, after which more can be written.
const HOURS: &str = "    hours: \"09:00-19:00\"\n";

/// The properties of an event by name.
type Event = BTreeMap<String, String>;

/// The path of a feed that was just made.
#[track_caller]
fn path_in(day: &Day, made: &Value) -> String {
    let address = made["address"].as_str().expect("an address");
    let path = address.strip_prefix(&day.url).expect("at this server");
    assert!(path.starts_with("/calendar/") && path.ends_with(".ics") && path.len() == 14 + 64, "{path}");
    path.to_owned()
}

async fn make(day: &Day, who: &Person, at: &str) -> String {
    path_in(day, &who.post(at, &json!({"name": "the calendar of a test"})).await.expect(200).json())
}

async fn read(day: &Day, path: &str) -> Answer {
    Person::nobody(&day.url).get(path).await.expect(200)
}

/// The events of a feed by day, each of which has one name.
#[track_caller]
fn events(text: &str) -> BTreeMap<Date, Event> {
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.ends_with("END:VCALENDAR\r\n"), "{text}");
    let text = text.replace("\r\n ", "");
    let events = text.split("BEGIN:VEVENT\r\n").skip(1).map(|event| {
        let event = event.split("END:VEVENT").next().expect("split gives one part at least");
        let lines = event.split_terminator("\r\n").filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Event>()
    });
    let mut found = BTreeMap::new();
    for event in events {
        let day = event["UID"].strip_prefix("developers-").and_then(|uid| uid.split('@').next()).expect("a day");
        assert!(found.insert(day.parse().expect("a day"), event).is_none(), "two events on one day");
    }
    found
}

/// Changes the roster under the running server.
fn rewrite(day: &Day, old: &str, new: &str) {
    let path = day.files().join("roster.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old} is not in {text}");
    std::fs::write(path, text.replace(old, new)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_says_whose_turn_it_is_and_the_same_until_that_changes() {
    let day = Day::begin().await;
    let operator = day.operator();
    let team = make(&day, &operator, OF_DUTY).await;
    let before = read(&day, &team).await;
    assert_eq!(before.header("content-type"), "text/calendar; charset=utf-8");
    assert_eq!(before.header("cache-control"), "private, no-cache");
    let old = events(&before.text);
    // Today and a year ahead, nothing before: nobody knows who served before onduty was there.
    let (first, last) = (*old.keys().next().unwrap(), *old.keys().next_back().unwrap());
    assert!(first == DAY && last > date(2027, 2, 25) && last <= date(2027, 3, 2), "{first} to {last}");
    assert_eq!(old[&DAY]["SUMMARY"], "Developers: Lena Vogt");
    assert_eq!(old[&DAY]["TRANSP"], "TRANSPARENT");
    for off in [date(2026, 3, 7), date(2026, 5, 1)] {
        assert!(!old.contains_key(&off), "nobody serves on {off}");
    }

    // The same again, byte for byte, and nothing for whoever has it.
    let again = read(&day, &team).await;
    assert_eq!((&again.text, again.header("etag")), (&before.text, before.header("etag")));
    let nobody = Person::nobody(&day.url);
    let tag = before.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    for (name, value) in [("if-none-match", &*tag), ("if-modified-since", before.header("last-modified"))] {
        let answer = nobody.with(name, value).get(&team).await.expect(304);
        assert_eq!((answer.text.as_str(), answer.header("etag")), ("", &*tag), "{name}");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
    }
    nobody.with("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT").get(&team).await.expect(200);

    // Tomorrow is given to somebody else: the day keeps its name, and their own calendar loses it.
    let tomorrow = DAY.tomorrow().unwrap();
    let turns = operator.read("/api/v1/duties/developers/team").await;
    let mut shifts = turns.as_array().expect("a list").iter();
    let planned = shifts.find(|shift| shift["day"] == tomorrow.to_string()).expect("tomorrow");
    let whose = planned["engineer"]["id"].as_str().expect("somebody").to_owned();
    let other = if whose == "omar" { "priya" } else { "omar" };
    let theirs = day.account(&whose, false, &[]).await;
    let theirs = make(&day, &day.script_of(&theirs, &["write"]).await, OWN).await;
    let turns = events(&read(&day, &theirs).await.text);
    assert_eq!((turns[&tomorrow]["SUMMARY"].as_str(), &*turns[&tomorrow]["TRANSP"]), ("On duty: Developers", "OPAQUE"));
    assert!(turns.keys().all(|day| old[day]["SUMMARY"] == old[&tomorrow]["SUMMARY"]), "no turn of anybody else");
    // Written when today runs already: who serves today does not change any more.
    rewrite(&day, HOURS, &format!("{HOURS}    overrides: {{{DAY}: {other}, {tomorrow}: {other}}}\n"));
    let after = eventually("the feed follows the roster", async || {
        let answer = nobody.with("if-none-match", &tag).get(&team).await;
        (answer.status.as_u16() == 200).then_some(answer)
    })
    .await;
    let new = events(&after.text);
    assert_eq!(new[&tomorrow]["UID"], old[&tomorrow]["UID"]);
    assert_ne!(new[&tomorrow]["SUMMARY"], old[&tomorrow]["SUMMARY"]);
    assert_eq!(new[&DAY], old[&DAY]);
    for (day, event) in &new {
        let is_same = event["SUMMARY"] == old[day]["SUMMARY"];
        assert!(!is_same || event == &old[day], "{day} did not change: {event:?}");
    }
    assert!(!events(&read(&day, &theirs).await.text).contains_key(&tomorrow));

    // The next day: today's shift is over and stays with who served it, in the past as well.
    day.app.clock.jump_to(instant("09:30") + SignedDuration::from_hours(24));
    day.pass().await;
    let next = events(&read(&day, &team).await.text);
    assert_eq!((&next[&DAY], &next[&tomorrow]["SUMMARY"]), (&old[&DAY], &new[&tomorrow]["SUMMARY"]));
    // A month later it is too long ago.
    day.app.clock.jump_to(instant("09:30") + SignedDuration::from_hours(24 * 31));
    let later = events(&read(&day, &team).await.text);
    let horizon = DAY.checked_add(31.days()).unwrap().checked_add(12.months()).unwrap();
    assert!(!later.contains_key(&DAY) && *later.keys().next_back().unwrap() > horizon.checked_sub(5.days()).unwrap());
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_of_duty_are_right_on_both_sides_of_a_change_of_the_clocks() {
    let day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    let team = make(&day, &day.operator(), OF_DUTY).await;
    let events = events(&read(&day, &team).await.text);
    for (day, starts, ends) in [
        (date(2026, 3, 27), "20260327T080000Z", "20260327T180000Z"),
        (date(2026, 3, 30), "20260330T070000Z", "20260330T170000Z"),
        (date(2026, 10, 23), "20261023T070000Z", "20261023T170000Z"),
        (date(2026, 10, 26), "20261026T080000Z", "20261026T180000Z"),
    ] {
        assert_eq!((&*events[&day]["DTSTART"], &*events[&day]["DTEND"]), (starts, ends), "{day}");
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_calendar_feed_opens_nothing_once_it_is_revoked_or_its_engineer_is_gone() {
    let day = Day::begin().await;
    let operator = day.operator();
    let omar = day.account("omar", false, &[]).await;
    let script = day.script_of(&omar, &["write", "people"]).await;
    let (mine, ours) = (make(&day, &script, OWN).await, make(&day, &operator, OF_DUTY).await);
    let nobody = Person::nobody(&day.url).with("accept", "application/json");
    let nothing = nobody.get("/calendar/nosuch.ics").await.expect(404).text;
    let gone = async |what: &str, path: &str| {
        let answer = nobody.get(path).await;
        assert_eq!((answer.status.as_u16(), &answer.text), (404, &nothing), "{what}");
    };
    let list = async |who: &Person| who.read("/api/v1/account").await["calendar_feeds"].as_array().unwrap().clone();
    let id = list(&script).await[0]["id"].as_str().unwrap().to_owned();
    let wall = day.wall("developers").await;
    gone("its id", &format!("/calendar/{id}.ics")).await;
    gone("without its ending", mine.trim_end_matches(".ics")).await;
    gone("a wall screen's token", &format!("/calendar/{wall}.ics")).await;
    gone("nothing", "/calendar/.ics").await;
    // Nor does it open anything else.
    let secret = mine.trim_start_matches("/calendar/").trim_end_matches(".ics");
    nobody.get(&format!("/tv/{secret}")).await.expect(401);
    Person::script(&day.url, secret).get("/api/v1/duties").await.expect(401);

    // A closed account reads nothing, and an opened one the same as before.
    let close = async |verb: &str| operator.post(&format!("/api/v1/people/omar/{verb}"), &json!({})).await.expect(200);
    read(&day, &mine).await;
    close("close").await;
    gone("a closed account", &mine).await;
    close("open").await;
    read(&day, &mine).await;

    // Nobody revokes what belongs to somebody else.
    let priya = day.account("priya", false, &[]).await;
    let other = day.script_of(&priya, &["write", "people"]).await;
    other.post(&format!("{OWN}/{id}/revoke"), &json!({})).await.expect(404);
    operator.post(&format!("{OF_DUTY}/{id}/revoke"), &json!({})).await.expect(404);
    other.post(&format!("{OF_DUTY}/{id}/revoke"), &json!({})).await.expect(403);
    other.post(OF_DUTY, &json!({"name": "x"})).await.expect(403);
    script.post(&format!("{OWN}/{id}/revoke"), &json!({})).await.expect(200);
    gone("a revoked feed", &mine).await;
    assert!(list(&script).await.is_empty());
    script.post(&format!("{OWN}/{id}/revoke"), &json!({})).await.expect(404);

    // An administrator takes somebody's back.
    let theirs = make(&day, &other, OWN).await;
    let id = list(&other).await[0]["id"].clone();
    operator.post("/api/v1/people/priya/revoke-calendar-feed", &json!({"feed": id})).await.expect(200);
    gone("revoked by an administrator", &theirs).await;

    // Whoever has left reads nothing; the feed of the team goes on.
    let again = make(&day, &script, OWN).await;
    read(&day, &again).await;
    rewrite(&day, "  omar: {", "  omar: {left: 2026-03-01, ");
    eventually("omar's feed ends", async || (nobody.get(&again).await.status.as_u16() == 404).then_some(())).await;
    gone("of somebody who has left", &again).await;
    read(&day, &ours).await;
    let ours_id = operator.read(OF_DUTY).await[0]["id"].as_str().unwrap().to_owned();
    operator.post(&format!("{OF_DUTY}/{ours_id}/revoke"), &json!({})).await.expect(200);
    gone("the team's, revoked", &ours).await;

    // Who is on no roster has no turns; nameless and too many are refused.
    let guest = operator.post("/api/v1/people", &json!({"name": "Gus Guest", "login": "gus"})).await.expect(200);
    let guest = onduty::store::access::AccountId::from_text(guest.json()["id"].as_str().unwrap());
    day.script_of(&guest, &["write"]).await.post(OWN, &json!({"name": "x"})).await.expect(409);
    other.post(OWN, &json!({"name": " \u{7} "})).await.expect(400);
    day.script_of(&priya, &["read", "people"]).await.post(OWN, &json!({"name": "x"})).await.expect(403);
    for _ in 0..20 {
        make(&day, &other, OWN).await;
    }
    other.post(OWN, &json!({"name": "one more"})).await.expect(409);

    let log = operator.read("/api/v1/access-log?q=calendar&limit=100").await.to_string();
    for sentence in [
        "made the calendar feed “the calendar of a test” with the turns of omar",
        "made the calendar feed “the calendar of a test” with the shifts of developers",
        "revoked the calendar feed “the calendar of a test” of omar",
        "revoked the calendar feed “the calendar of a test” of priya",
        "revoked the calendar feed “the calendar of a test” of developers",
    ] {
        assert!(log.contains(sentence), "{sentence} is not in {log}");
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_is_made_and_revoked_on_pages_and_by_the_command_line() {
    let day = Day::set(Setting { tasks: false, ..Setting::default() }).await;
    let lena = day.administrator("lena").await;
    for (page, forms, mine) in
        [("/account", "/account/calendar-feeds", true), ("/team", "/duty/developers/calendar-feeds", false)]
    {
        let answer = lena.form(forms, &[("name", "<b>my phone</b>")]).await.expect(303);
        assert!(answer.header("location").starts_with(page), "{}", answer.header("location"));
        let shown = lena.get(page).await.expect(200);
        let (_, rest) = shown.main().split_once("/calendar/").expect("its address is shown");
        let path = format!("/calendar/{}", rest.split('<').next().unwrap());
        assert!(!shown.text.contains("<b>my phone"), "a name is text");
        assert!(!lena.get(page).await.expect(200).text.contains(&path), "once");
        let feed = events(&read(&day, &path).await.text);
        assert_eq!(feed[&DAY]["SUMMARY"], if mine { "On duty: Developers" } else { "Developers: Lena Vogt" });
        let listed = lena.get(page).await.expect(200).text;
        assert!(listed.contains("my phone"), "{page} lists it");
        let (_, rest) = listed.split_once(&format!("action=\"{forms}/")).expect("a button");
        let id = rest.split('/').next().unwrap().to_owned();
        if mine {
            let people = lena.read("/api/v1/people").await;
            let person = people.as_array().unwrap().iter().find(|person| person["engineer"] == "lena").unwrap();
            assert_eq!(person["calendar_feeds"][0]["id"], json!(id));
            assert!(person["calendar_feeds"][0]["last_read"].is_string(), "{person}");
            let page = lena.get(&format!("/people/{}", person["id"].as_str().unwrap())).await.expect(200).text;
            assert!(page.contains("my phone"), "an administrator sees it");
        }
        lena.form(&format!("{forms}/{id}/revoke"), &[]).await.expect(303);
        Person::nobody(&day.url).get(&path).await.expect(404);
    }

    for team in [&[][..], &["--team"]] {
        let calendar = async |arguments: &[&str]| day.onduty(&[&["calendar"], arguments, team].concat()).await;
        let made = calendar(&["make", "my phone"]).await;
        assert_eq!(made.code, 0, "{made:?}");
        let path = made.out.trim().strip_prefix(&day.url).expect("an address").to_owned();
        read(&day, &path).await;
        let list = calendar(&["list"]).await.out;
        let (id, rest) = list.trim().split_once(' ').expect("an id");
        assert!(rest.starts_with("my phone, last read 20"), "{list}");
        let revoked = calendar(&["revoke", id]).await;
        assert_eq!((revoked.code, revoked.out.trim()), (0, format!("revoked {id}").as_str()));
        Person::nobody(&day.url).get(&path).await.expect(404);
        assert_eq!(calendar(&["list"]).await.out, "");
    }
    day.end().await;
}

/// What others read, where nothing but the name of a person is ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_programs_read_every_shift_of_a_year_at_the_hours_of_the_duty() {
    let Some(python) = python() else { return };
    let name = "Lena; \\ Vogt, 語語語語語語語語語語語語語語語語語語語語語語語語 <b>\u{1f680}";
    let roster = vec![("\"Lena Vogt\"".to_owned(), serde_json::to_string(name).unwrap())];
    let url = "server: {public_url: 'https://onduty.acme.example'}\n";
    let replaced = vec![("name: Acme\n".to_owned(), format!("name: Acme\n{url}"))];
    let day = Day::set(Setting { tasks: false, roster, replaced, ..Setting::default() }).await;
    let made = day.operator().post(OF_DUTY, &json!({"name": "others"})).await.expect(200).json();
    // Known by its public name, asked on loopback.
    let address = made["address"].as_str().unwrap().strip_prefix("https://onduty.acme.example").expect("its name");
    let own = events(&read(&day, address).await.text);
    let script = root().join("tests/calendar/read.py");
    let arguments = [format!("{}{address}", day.url), "Europe/Berlin".to_owned(), "2026-10-26".to_owned()];
    let said = tokio::task::spawn_blocking(move || Command::new(python).arg(script).args(arguments).output());
    let said = said.await.unwrap().expect("Python starts");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said: Value = serde_json::from_slice(&said.stdout).expect("what they understood");
    assert_eq!((&said["name"], &said["errors"]), (&json!("Developers"), &json!([])));
    let fetched = said["fetched"].as_array().unwrap();
    assert_eq!(fetched.len(), own.len());
    for event in fetched {
        let date: Date = event["day"].as_str().unwrap().parse().unwrap();
        let own = &own[&date];
        assert_eq!(event["uid"], own["UID"]);
        assert_eq!((&event["starts"], &event["ends"]), (&json!("09:00"), &json!("19:00")), "{event}");
        assert_eq!((&event["hours"], &event["busy"]), (&json!(10.0), &json!(false)), "{event}");
        assert_eq!(event["url"], format!("https://onduty.acme.example/log?duty=developers&day={date}"));
    }
    // Both changes of the clocks of 2026 in Berlin lie between events that were read.
    for change in [date(2026, 3, 29), date(2026, 10, 25)] {
        assert!(own.keys().any(|day| *day < change) && own.keys().any(|day| *day > change), "{change}");
    }
    let hers = fetched.iter().filter(|event| event["summary"] == format!("Developers: {name}")).count();
    assert!(hers >= 3, "her name is read as it is written: {}", fetched[0]);
    assert_eq!(said["kept"], said["fetched"], "Radicale keeps what it was given");
    assert_eq!(said["asked"], json!([own[&date(2026, 10, 26)]["UID"]]), "and finds the day that it is asked for");
    day.end().await;
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python that has both programs; `tests/calendar/with-clients` sets the variable.
fn python() -> Option<String> {
    if let Ok(python) = std::env::var("ONDUTY_CALENDAR_PYTHON") {
        return Some(python);
    }
    if is_full() {
        let script = root().join("tests/calendar/with-clients");
        let output = Command::new(script).args(["printenv", "ONDUTY_CALENDAR_PYTHON"]).output().expect("bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return Some(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    missing("icalendar and Radicale", "what others read in a calendar feed; run it by tests/calendar/with-clients");
    None
}
