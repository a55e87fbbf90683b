//! Calendars that tell who is away: read again and again, believed as far as they are understood, and taken at their last
//! good word when they are in trouble. Their addresses stand nowhere.

use crate::day::{Day, Setting, instant};
use crate::hostile::{check, hostile};
use crate::tools::eventually;
use onduty::clock::real_now;
use onduty::tasks::leave::{Kept, pass};
use onduty_fakes::calendar::CalendarHost;
use onduty_fakes::trouble::Trouble;
use serde_json::{Value, json};

const LEAVE: &str = "/api/v1/duties/developers/leave";
const CALENDARS: &str = "/api/v1/duties/developers/leave/calendars";
const TEAM: &str = "/api/v1/duties/developers/team";

/// A day with a calendar of the team, and one of Priya's own.
struct Calendars {
    hr: CalendarHost,
    priya: CalendarHost,
    day: Day,
    kept: Kept,
}

impl Calendars {
    async fn begin() -> Calendars {
        let (hr, priya) = (CalendarHost::start().await.unwrap(), CalendarHost::start().await.unwrap());
        let day = Day::set(setting(&hr, &priya, false)).await;
        Calendars { hr, priya, day, kept: Kept::default() }
    }

    /// Reads both now.
    async fn read(&mut self) {
        self.kept.hurry();
        pass(&self.day.app, &mut self.kept).await;
    }

    /// What the calendar `name` told: `lena 2026-03-16..2026-03-20`.
    async fn told(&self, name: &str) -> Vec<String> {
        let all = self.day.operator().read(LEAVE).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let theirs = all.as_array().unwrap().iter().filter(|leave| leave["calendar"] == name);
        let mut lines: Vec<String> = theirs
            .map(|leave| format!("{} {}..{}", text(&leave["engineer"]), text(&leave["from"]), text(&leave["to"])))
            .collect();
        lines.sort();
        lines
    }

    /// How `hr` is: its state, and all that is said of it.
    async fn hr_is(&self) -> (String, String) {
        let all = self.day.operator().read(CALENDARS).await;
        let hr = all.as_array().unwrap().iter().find(|calendar| calendar["name"] == "hr").unwrap();
        (hr["state"].as_str().unwrap().to_owned(), format!("{} {}", hr["says"], hr["notes"]))
    }

    #[track_caller]
    fn is_secret(&self, text: &str) {
        assert!(!text.contains(self.hr.secret()), "the address is shown: {text}");
    }
}

fn setting(hr: &CalendarHost, priya: &CalendarHost, tasks: bool) -> Setting {
    let calendars = "leave_calendars:\n  hr: {url_file: secrets/hr}\n  priya: {url_file: secrets/priya, engineer: priya, ignore: [home office], every: 1h}\nsources:\n";
    Setting {
        tasks,
        replaced: vec![("sources:\n".to_owned(), calendars.to_owned())],
        files: vec![("secrets/hr".to_owned(), hr.url()), ("secrets/priya".to_owned(), priya.url())],
        ..Setting::default()
    }
}

const VACATION: (&str, &str, &str) = ("Lena Vogt - Vacation", "20260316", "20260321");
const SICK: (&str, &str, &str) = ("Omar Haddad (Sick leave)", "20260324", "20260325");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_calendars_say_takes_effect_and_is_taken_back() {
    let mut team = Calendars::begin().await;
    let lena = team.day.session("lena", true).await;
    assert_eq!(team.hr_is().await.0, "not read");
    let said = team.day.onduty(&["plan", "publish", "--until", "2026-04-30", "--yes"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let shifts = lena.read(TEAM).await;
    // Somebody's turn of the plan that people have seen.
    let shift = shifts.as_array().unwrap()[3..].iter().find(|shift| shift["engineer"]["id"] == "priya");
    let shift = shift.unwrap_or(&shifts[3]);
    let (when, whose) =
        (shift["day"].as_str().unwrap().to_owned(), shift["engineer"]["name"].as_str().unwrap().to_owned());
    let id = shift["engineer"]["id"].as_str().unwrap().to_owned();
    let day = when.replace('-', "");
    let next = when.parse::<jiff::civil::Date>().unwrap().tomorrow().unwrap().strftime("%Y%m%d").to_string();

    let title = format!("{whose} - Annual leave");
    team.hr.publish(&[VACATION, SICK, (&title, &day, &next)]);
    team.priya.publish(&[("Rome", "20260406", "20260411"), ("Home office", "20260320", "20260321")]);
    team.read().await;
    let of_whose = format!("{id} {when}..{when}");
    let mut expected =
        vec!["lena 2026-03-16..2026-03-20".to_owned(), "omar 2026-03-24..2026-03-24".to_owned(), of_whose.clone()];
    expected.sort();
    assert_eq!(team.told("hr").await, expected);
    assert_eq!(team.told("priya").await, ["priya 2026-04-06..2026-04-10"]);
    let after = lena.read(TEAM).await;
    let now = after.as_array().unwrap().iter().find(|shift| shift["day"] == json!(when)).unwrap();
    assert_ne!(now["engineer"]["id"], json!(id), "{now}");
    let taker = now["engineer"]["id"].as_str().unwrap();
    let page = team.day.session(taker, false).await.get("/plan?duty=developers").await.expect(200).text;
    assert!(page.contains("Your turns have changed"), "whoever serves instead is told");
    assert!(page.contains("by the calendar hr") && !page.contains("Sick"), "by whom, and not why");
    let log = lena.get("/log?duty=developers").await.expect(200).text;
    assert!(log.contains(" is away ") && !log.contains("sick"), "{log}");

    // Nothing new costs nothing; what changes is changed; what is gone is taken back, and only that.
    team.hr.asked();
    team.read().await;
    assert_eq!(team.hr.asked(), [304]);
    let entries = team.day.log().await.len();
    team.hr.publish(&[("Lena Vogt - Vacation", "20260317", "20260321"), SICK]);
    team.read().await;
    assert_eq!(team.told("hr").await, ["lena 2026-03-17..2026-03-20", "omar 2026-03-24..2026-03-24"]);
    assert_eq!(team.told("priya").await, ["priya 2026-04-06..2026-04-10"]);
    assert!(team.day.log().await.len() > entries, "it is in the log book");
    let back = lena.read(TEAM).await;
    let now = back.as_array().unwrap().iter().find(|shift| shift["day"] == json!(when)).unwrap();
    assert_eq!(now["engineer"]["id"], json!(id), "the planned turn is theirs again: {now}");

    // What a person takes back stays so, and a calendar leaves alone what a person told.
    let all = lena.read(LEAVE).await;
    let known = all.as_array().unwrap().iter().find(|leave| leave["engineer"] == "omar").unwrap();
    lena.form(&format!("/duty/developers/leave/{}/end", known["id"].as_str().unwrap()), &[]).await.expect(303);
    let fields = [("engineer", "lena"), ("from", "2026-05-04"), ("to", "2026-05-05"), ("kind", "planned")];
    lena.form("/duty/developers/leave", &fields).await.expect(303);
    team.hr.publish(&[SICK, ("Lena Vogt - Vacation", "20260504", "20260506")]);
    team.read().await;
    assert_eq!(team.told("hr").await, Vec::<String>::new());
    let said = team.day.onduty(&["plan", "leave", "list"]).await;
    assert!(said.out.contains("  lena 2026-05-04..2026-05-05  by lena\n"), "{said:?}");
    assert!(said.out.contains("  priya 2026-04-06..2026-04-10  by the calendar priya\n"), "{said:?}");
    assert!(said.err.contains("The calendar hr was read just now: 2 leaves."), "{said:?}");

    let said = team.day.onduty(&["verify", "--replay"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    team.day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_takes_nothing_back_and_is_said() {
    let mut team = Calendars::begin().await;
    let lena = team.day.session("lena", true).await;
    team.hr.publish(&[VACATION, SICK]);
    team.read().await;
    let told = ["lena 2026-03-16..2026-03-20", "omar 2026-03-24..2026-03-24"];
    assert_eq!(team.told("hr").await, told);
    let cut = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Lena Vogt\r\nDTSTART;VALUE=DATE:20260316\r\n";
    let deep = "BEGIN:VCALENDAR\r\n".repeat(400_000);
    for (text, says) in [
        (cut, "the calendar is cut off: END:VEVENT is missing (line 4)"),
        (deep.as_str(), "components stand more than 8 deep in each other (line 9)"),
        ("", "this is not a calendar: it does not begin with BEGIN:VCALENDAR (line 1)"),
        (
            "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
            "it has no event at all, and had leave; that is believed when it is so for a day",
        ),
    ] {
        team.hr.publish_text(text);
        team.read().await;
        let (state, said) = team.hr_is().await;
        assert!(state == "trouble" && said.contains(says) && said.contains("still counts"), "{said}");
        assert_eq!(team.told("hr").await, told, "{says}");
    }
    for (trouble, says) in [
        (Trouble::Broken, "it answers 500"),
        (Trouble::Refuses, "it answers 403; make a new address"),
        (Trouble::Redirect, "it answers 302, that it is elsewhere"),
        (Trouble::WebPage, "this is not a calendar"),
        (Trouble::Cut, "from 127.0.0.1"),
        (Trouble::Endless, "is larger than 8388608 bytes"),
    ] {
        team.hr.misbehaves(Some(trouble));
        team.read().await;
        let (state, said) = team.hr_is().await;
        assert!(state == "trouble" && said.contains(says), "{trouble:?}: {said}");
        team.is_secret(&said);
        assert_eq!(team.told("hr").await, told, "{trouble:?}");
    }
    assert_eq!(team.told("priya").await, Vec::<String>::new());
    let page = lena.get("/plan?duty=developers").await.expect(200).text;
    assert!(page.contains("cannot be read:") && page.contains("? unknown") || page.contains("unknown"), "{page}");
    team.is_secret(&page);
    // Without its engine, which no task runs here, the server is not well; a calendar makes it no worse.
    let health = lena.get("/healthz").await.json();
    assert_eq!(health["leave_calendars"], json!({"well": 1, "trouble": 1, "not_read": 0}), "{health}");
    let metrics = team.day.operator().get("/metrics").await.expect(200).text;
    assert!(metrics.contains("onduty_leave_calendars{state=\"trouble\"} 1"), "{metrics}");
    team.is_secret(&metrics);
    let said = team.day.onduty(&["doctor", "--online", "."]).await;
    assert!(said.out.contains("WRONG: leave calendar: `hr` cannot be read: "), "{said:?}");
    assert!(said.out.contains("well: leave calendar: `priya` tells of 0 leaves"), "{said:?}");
    team.is_secret(&format!("{said:?}"));

    // Well again; an empty calendar is believed in the end.
    team.hr.misbehaves(None);
    team.hr.publish(&[VACATION]);
    team.read().await;
    assert_eq!((team.hr_is().await.0.as_str(), team.told("hr").await.len()), ("well", 1));
    team.hr.publish(&[]);
    team.read().await;
    assert_eq!((team.hr_is().await.0.as_str(), team.told("hr").await.len()), ("trouble", 1));
    team.day.app.clock.jump_to(instant("09:05") + jiff::SignedDuration::from_hours(25));
    team.read().await;
    assert_eq!((team.hr_is().await.0.as_str(), team.told("hr").await.len()), ("well", 0));
    team.day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_understood_is_named_and_never_guessed() {
    let mut team = Calendars::begin().await;
    let lena = team.day.session("lena", true).await;
    let stranger = hostile("calendar-name").replace(['\\', '\r', '\n'], " ");
    let odd = format!("{} - Vacation", "y".repeat(4_000));
    let events = [
        VACATION,
        ("Lena Vogt-Schmidt - Sick leave", "20260401", "20260402"),
        ("Lena Vogt / Omar Haddad", "20260402", "20260403"),
        (stranger.as_str(), "20260403", "20260404"),
        (odd.as_str(), "20260404", "20260405"),
    ];
    team.hr.publish(&events);
    team.read().await;
    assert_eq!(team.told("hr").await, ["lena 2026-03-16..2026-03-20"]);
    let (state, said) = team.hr_is().await;
    assert!(state == "well" && said.contains("“Lena Vogt-Schmidt” (Wed 1 Apr) is nobody on the roster."), "{said}");
    assert!(said.contains("may be of Lena Vogt and Omar Haddad; nobody is guessed."), "{said}");
    assert!(!said.contains("Sick") && !said.contains(&"y".repeat(61)), "{said}");
    let page = lena.get("/plan?duty=developers").await.expect(200).text;
    check(&page, "/plan");
    assert!(page.contains("zq-calendar-name"), "the hostile name is shown, and tame");
    // The doctor goes by the real date.
    let soon = real_now().to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(jiff::Span::new().days(30));
    let soon = [0, 1].map(|n| soon.saturating_add(jiff::Span::new().days(n)).strftime("%Y%m%d").to_string());
    let (from, end) = (soon[0].as_str(), soon[1].as_str());
    team.hr.publish(&[("Lena Vogt - Vacation", from, end), ("Maria Keller - Vacation", from, end)]);
    let said = team.day.onduty(&["doctor", "--online", "."]).await;
    let expected = "advice: leave calendar: `hr` tells of 1 leave, and 1 event of which it is not clear";
    assert!(said.out.contains(expected), "{said:?}");

    // She married: the calendar knows before the roster, and she stays away.
    team.hr.publish(&[("Lena Vogt-Schmidt - Vacation", "20260316", "20260321")]);
    team.read().await;
    assert_eq!(team.told("hr").await, ["lena 2026-03-16..2026-03-20"]);
    assert!(team.hr_is().await.1.contains("1 leave is not in it any more and kept"), "{:?}", team.hr_is().await);
    // The roster learns of it; the calendar did not change, and is read whole again.
    let roster = team.day.files().join("roster.yml");
    let text = std::fs::read_to_string(&roster).unwrap();
    std::fs::write(&roster, text.replace("\"Lena Vogt\"", "\"Lena Vogt-Schmidt\"")).unwrap();
    team.day.app.reload().await.unwrap();
    team.hr.asked();
    team.read().await;
    assert_eq!((team.hr.asked(), team.told("hr").await), (vec![200], vec!["lena 2026-03-16..2026-03-20".to_owned()]));
    assert!(!team.hr_is().await.1.contains("nobody on the roster"), "{:?}", team.hr_is().await);

    // Somebody unknown whose calendar is to be read, and an address that is not there.
    let file = team.day.files().join("onduty.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("engineer: priya", "engineer: pria")).unwrap();
    let said = team.day.onduty(&["check", "."]).await;
    assert!(said.code == 1 && format!("{}{}", said.out, said.err).contains("`pria` is not on the roster"), "{said:?}");
    std::fs::write(&file, text.replace("url_file: secrets/hr", "url_file: secrets/gone")).unwrap();
    let said = team.day.onduty(&["doctor", "."]).await;
    assert!(said.out.contains("leave calendars need it"), "{said:?}");
    team.day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_calendar_is_read_at_once_and_a_running_server_reads_by_itself() {
    let (hr, priya) = (CalendarHost::start().await.unwrap(), CalendarHost::start().await.unwrap());
    // Years of a company: old events, strangers, and a rule for each of some hundred people.
    let mut text = "BEGIN:VCALENDAR\r\n".to_owned();
    for n in 0..40_000 {
        let (title, more) = match n % 100 {
            0 => ("Lena Vogt - Vacation", ""),
            1 => ("Somebody Else - Day off", "RRULE:FREQ=WEEKLY;UNTIL=20260201\r\n"),
            _ => ("Somebody Else - Vacation", ""),
        };
        let year = if n == 0 { 2026 } else { 2016 + n % 9 };
        text += &format!(
            "BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:{title}\r\nDTSTART;VALUE=DATE:{year}0316\r\n{more}END:VEVENT\r\n"
        );
    }
    hr.publish_text(&(text + "END:VCALENDAR\r\n"));
    let day = Day::set(setting(&hr, &priya, true)).await;
    eventually("the calendar is read", async || {
        let all = day.operator().read(LEAVE).await;
        (all[0]["engineer"] == "lena" && all[0]["from"] == "2026-03-16").then_some(())
    })
    .await;
    assert_eq!(hr.asked(), [200], "once: not before half an hour has passed");
    day.end().await;
}
