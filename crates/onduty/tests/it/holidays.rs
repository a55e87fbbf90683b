//! Public holidays from a calendar file beside the roster: nobody serves on them, the file is watched as the others are, and what is
//! wrong with it changes nothing.

use crate::day::{Day, Setting};
use crate::hostile::{check, hostile};
use crate::tools::eventually;
use serde_json::Value;

const TEAM: &str = "/api/v1/duties/developers/team";

fn calendar(events: &[(&str, &str)]) -> String {
    let event = |(title, day): &(&str, &str)| {
        format!("BEGIN:VEVENT\r\nUID:{day}\r\nSUMMARY:{title}\r\nDTSTART;VALUE=DATE:{day}\r\nEND:VEVENT\r\n")
    };
    format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n", events.iter().map(event).collect::<String>())
}

/// A team whose calendar is the file `holidays/de.ics`, with a day of its own besides.
async fn a_day_with(text: &str) -> Day {
    let calendars = "calendars:\n  de: {file: holidays/de.ics, 2026-03-05: Founders' day}\nengineers:\n";
    let roster =
        [("engineers:\n", calendars), ("    zone: Europe/Berlin\n", "    zone: Europe/Berlin\n    calendar: de\n")];
    let roster = roster.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec();
    let files = vec![("holidays/de.ics".to_owned(), text.to_owned())];
    Day::set(Setting { roster, files, ..Setting::default() }).await
}

/// Days of this and the next week on which nobody serves though it is a working day.
async fn free_days(day: &Day) -> Vec<String> {
    let shifts = day.operator().read(TEAM).await;
    let served: Vec<&str> = shifts.as_array().unwrap().iter().filter_map(|shift| shift["day"].as_str()).collect();
    let all = ["02", "03", "04", "05", "06", "09", "10", "11", "12", "13"].map(|day| format!("2026-03-{day}"));
    all.into_iter().filter(|day| !served.contains(&day.as_str())).collect()
}

async fn becomes_free(day: &Day, expected: &[&str]) {
    eventually(&format!("{expected:?} are free"), async || (free_days(day).await == expected).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holidays_of_a_file_are_free_and_the_file_is_watched() {
    let name = hostile("holiday").replace(['\\', '\r', '\n'], " ");
    let day = a_day_with(&calendar(&[(&name, "20260304"), ("Also founded", "20260305")])).await;
    let lena = day.session("lena", true).await;
    assert_eq!(free_days(&day).await, ["2026-03-04", "2026-03-05"]);
    for path in ["/plan?duty=developers", "/team?duty=developers"] {
        let page = lena.get(path).await.expect(200).text;
        check(&page, path);
        assert!(page.contains("zq-holiday") && page.contains("Founders"), "{path}: {page}");
        assert!(!page.contains("Also founded"), "what the roster says counts");
    }

    let file = day.files().join("holidays/de.ics");
    std::fs::write(&file, calendar(&[("Moved", "20260310")])).unwrap();
    becomes_free(&day, &["2026-03-05", "2026-03-10"]).await;

    // Broken, it changes nothing, and says where.
    let broken = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Odd\r\nDTSTART;VALUE=DATE:20260399\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    std::fs::write(&file, broken).unwrap();
    let told = eventually("the file is refused", async || {
        let found = day.app.instance().problems.first().map(ToString::to_string);
        found.filter(|told| told.contains("de.ics:2:1: `Odd` cannot be read: `20260399` is not a day"))
    })
    .await;
    assert_eq!(free_days(&day).await, ["2026-03-05", "2026-03-10"], "{told}");
    let said = day.onduty(&["check", "."]).await;
    assert!(said.code == 1 && format!("{said:?}").contains("holidays/de.ics:2:1"), "{said:?}");

    // Gone, it is missed where it is named; back, it is seen although no other file changed.
    std::fs::remove_file(&file).unwrap();
    eventually("it is missed", async || {
        let found = day.app.instance().problems.first().map(ToString::to_string);
        found.filter(|told| told.contains("roster.yml:3:14:") && told.contains("de.ics cannot be read: No such file"))
    })
    .await;
    std::fs::write(&file, calendar(&[("Back", "20260311"), ("Back as well", "20260311")])).unwrap();
    becomes_free(&day, &["2026-03-05", "2026-03-11"]).await;
    assert!(day.app.instance().problems.is_empty());
    let said = day.onduty(&["check", "."]).await;
    assert!(said.code == 0 && format!("{said:?}").contains("is `Back` (line 2) and `Back as well`"), "{said:?}");
    let said = day.onduty(&["verify", "--replay"]).await;
    assert_eq!(said.code, 0, "a replay has the days without the file: {said:?}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_dates_are_in_force_at_once() {
    let first = jiff::civil::date(2000, 1, 1);
    let dates: Vec<String> = (0..10_000_i64)
        .map(|n| first.saturating_add(jiff::Span::new().days(n * 3)).strftime("%Y%m%d").to_string())
        .collect();
    let events: Vec<(&str, &str)> = dates.iter().map(|day| ("A day", day.as_str())).collect();
    let day = a_day_with(&calendar(&events)).await;
    let served: Value = day.operator().read(TEAM).await;
    assert!(served.as_array().is_some_and(|shifts| !shifts.is_empty()), "{served}");
    // The sample has some of its own.
    let known = day.app.instance().roster.duties[0].holidays.len();
    assert!(known > 10_000, "{known}");
    let began = std::time::Instant::now();
    day.app.reload().await.unwrap();
    assert!(began.elapsed().as_secs() < 10, "a look at the files took {:?}", began.elapsed());
    day.end().await;
}
