use super::*;
use jiff::ToSpan;
use jiff::civil::{Date, date};

const YEAR: (Date, Date) = (date(2026, 1, 1), date(2026, 12, 31));

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
}

fn event(lines: &str) -> Event {
    let lines = lines.replace('\n', "\r\n");
    let events = read(&calendar(&format!("BEGIN:VEVENT\r\n{lines}\r\nEND:VEVENT\r\n"))).unwrap();
    assert_eq!(events.len(), 1);
    events.into_iter().next().unwrap()
}

/// `0302..0306 0504`, or why there are none.
#[track_caller]
fn check(lines: &str, expected: &str) {
    let event = event(lines);
    let days = event.days(YEAR, &mut Budget::default()).unwrap();
    let short = |day: Date| day.strftime("%m%d").to_string();
    let days = days.iter().map(|(from, to)| match from == to {
        true => short(*from),
        false => format!("{}..{}", short(*from), short(*to)),
    });
    let said = match &event.when {
        When::Unreadable(why) => why.clone(),
        When::Hours => "hours".to_owned(),
        When::Days { .. } => days.collect::<Vec<_>>().join(" "),
    };
    assert_eq!(said, expected, "{lines}");
}

#[test]
fn whole_days_as_programs_write_them() {
    check("DTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20260307", "0302..0306");
    check("DTSTART:20260302\nDTEND:20260307", "0302..0306");
    check("DTSTART;VALUE=DATE:20260302", "0302");
    check("DTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20260302", "0302");
    check("DTSTART;VALUE=DATE:20260302\nDURATION:P1W", "0302..0308");
    check(
        "DTSTART;VALUE=DATE:20260302\nDTEND;VALUE=DATE:20260301",
        "it ends on 2026-03-01, before it begins on 2026-03-02",
    );
    // Folded anywhere, even within a name.
    check("DTST\n ART;VALUE=DA\n TE:202603\n\t02", "0302");
    let exchange =
        "DTSTART;TZID=\"W. Europe; (Berlin)\":20260302T000000\nDTEND;TZID=\"W. Europe; (Berlin)\":20260303T000000";
    check(exchange, "0302");
    check("DTSTART:20260302T000000\nDTEND:20260304T000000", "0302..0303");
    check("DTSTART:20260302T000000Z\nDTEND:20260303T000000Z", "hours");
    check("DTSTART:20260302T000000Z\nDTEND:20260303T000000Z\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE", "0302");
    check("DTSTART:20260302T000000\nDTEND:20260302T120000", "hours");
    check("DTSTART:20260302T090000Z\nDTEND:20260302T100000Z", "hours");
    check("SUMMARY:no day", "it has no day on which it begins (DTSTART)");
    check("DTSTART;VALUE=DATE:20260230", "`20260230` is not a day such as 20260302");
    check("DTSTART;VALUE=DATE:16010101", "`16010101` is not a day such as 20260302");
    check("DTSTART;VALUE=DATE:２０２６0302", "`２０２６0302` is not a day such as 20260302");
    check("DTSTART;VALUE=DATE:20260302\nDURATION:PT8H", "its duration `PT8H` is not in days");
}

#[test]
fn what_repeats() {
    let from =
        |start: &str, rule: &str, expected: &str| check(&format!("DTSTART;VALUE=DATE:{start}\nRRULE:{rule}"), expected);
    from("19850714", "FREQ=YEARLY", "0714");
    from("20240229", "FREQ=YEARLY", "");
    from("20200525", "FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO", "0525");
    from("20260105", "FREQ=WEEKLY;INTERVAL=2;UNTIL=20260216T235959Z", "0105 0119 0202 0216");
    from("20260105", "FREQ=WEEKLY;COUNT=4;BYDAY=MO,FR", "0105 0109 0112 0116");
    from("20251201", "FREQ=DAILY;COUNT=33", "0101 0102");
    from(
        "20260130",
        "FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=99991231",
        "0131 0228 0331 0430 0531 0630 0731 0831 0930 1031 1130 1231",
    );
    from("20260101", "FREQ=MONTHLY;COUNT=3;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "0130 0227 0331");
    from("20260101", "FREQ=YEARLY;BYWEEKNO=20", "its rule of repetition has `BYWEEKNO=20`, which is not read");
    from("20260101", "FREQ=HOURLY", "its rule of repetition has `FREQ=HOURLY`, which is not read");
    from("20260101", "COUNT=3", "its rule of repetition does not say how often (FREQ)");
    from("20260101", "FREQ=DAILY;INTERVAL=0", "its rule of repetition has `INTERVAL=0`, which is not read");
    // A week over new year is this year's as well.
    check("DTSTART;VALUE=DATE:20201228\nDTEND;VALUE=DATE:20210104\nRRULE:FREQ=YEARLY", "1228..0103 1228..0103");
    check("DTSTART;VALUE=DATE:20260302\nRDATE;VALUE=DATE:20260401,20260501\nEXDATE;VALUE=DATE:20260302", "0401 0501");
    check("DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260303T000000", "0302 0304");
    check("DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "it has two rules of repetition");
}

#[test]
fn an_occurrence_may_be_moved() {
    let text = calendar(
        "BEGIN:VEVENT\r\nUID:a\r\nDTSTART;VALUE=DATE:20260302\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nEND:VEVENT\r\n\
         BEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID;VALUE=DATE:20260309\r\nDTSTART;VALUE=DATE:20260310\r\nEND:VEVENT\r\n\
         BEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID;VALUE=DATE:20260316\r\nSTATUS:CANCELLED\r\nDTSTART;VALUE=DATE:20260316\r\nEND:VEVENT\r\n",
    );
    let events = read(&text).unwrap();
    let days = |event: &Event| event.days(YEAR, &mut Budget::default()).unwrap().len();
    assert_eq!(events.iter().map(days).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(events.iter().map(|event| event.is_cancelled).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(events.iter().map(|event| event.line).collect::<Vec<_>>(), [3, 8, 13]);
}

#[test]
fn who_and_what() {
    let lines = "SUMMARY;LANGUAGE=en:Vogt\\, Lena - Vacation\\nsecond\nATTENDEE;CN=\"Vogt; Lena: x\":MAILTO:Lena@Acme.example\n\
                 ATTENDEE:urn:uuid:1\nSTATUS:tentative\nDTSTART;VALUE=DATE:20260302\nBEGIN:VALARM\nSUMMARY:an alarm\nEND:VALARM";
    let event = event(lines);
    assert_eq!(event.title, "Vogt, Lena - Vacation\nsecond");
    assert_eq!(event.emails, ["lena@acme.example"]);
    assert!(event.is_tentative && !event.is_cancelled);
}

#[test]
fn what_is_no_calendar_is_refused_with_its_line() {
    let check = |text: &str, line: u32, expected: &str| {
        let (at, why) = read(text).unwrap_err();
        assert_eq!((at, why.to_string().as_str()), (line, expected), "{}", &text[..text.len().min(80)]);
    };
    let other = "this is not a calendar: it does not begin with BEGIN:VCALENDAR";
    check("", 1, other);
    check("\r\n\r\n", 1, other);
    check("<!doctype html><title>Sign in</title>", 1, other);
    check("{\"a\": 1}", 1, other);
    check("BEGIN:VEVENT\nEND:VEVENT\n", 1, other);
    check("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260302\n", 3, "the calendar is cut off: END:VEVENT is missing");
    check("BEGIN:VCALENDAR\nEND:VEVENT\n", 2, "END:VEVENT stands where END:VCALENDAR should");
    check(&"BEGIN:VCALENDAR\n".repeat(1_000_000), 9, "components stand more than 8 deep in each other");
    let many = calendar(&"BEGIN:VEVENT\nEND:VEVENT\n".repeat(MOST_EVENTS + 1));
    check(&many, 200_003, "more than 100000 events");
    // Odd lines in the middle are somebody's broken description.
    assert_eq!(read(&calendar("BEGIN:VEVENT\nDESCRIPTION:a\nb and so on\n:x\nEND:VEVENT\n")).unwrap().len(), 1);
}

#[test]
fn what_rules_may_cost_is_bounded() {
    let impossible =
        "BEGIN:VEVENT\nDTSTART;VALUE=DATE:18500101\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9\nEND:VEVENT\n";
    let events = read(&calendar(&impossible.repeat(1_000))).unwrap();
    let mut budget = Budget::default();
    let done = events.iter().map_while(|event| event.days(YEAR, &mut budget).ok()).count();
    assert!((10..1_000).contains(&done), "{done}");
    let long = format!("FREQ=MONTHLY;BYMONTHDAY={}1", "1,".repeat(100_000));
    assert!(matches!(event(&format!("DTSTART:20260101\nRRULE:{long}")).when, When::Unreadable(_)));
    // One name for everything does not cost the square.
    let same = "BEGIN:VEVENT\nUID:a\nDTSTART:20260101\nEND:VEVENT\nBEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20260101\nDTSTART:20260101\nEND:VEVENT\n";
    assert_eq!(read(&calendar(&same.repeat(MOST_EVENTS / 2))).unwrap().len(), MOST_EVENTS);
}

/// Thousands of rules of all kinds, held against the crate `rrule`.
#[test]
fn rules_mean_what_they_mean_to_others() {
    let mut state = 7_u64;
    let mut pick = move |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let mut compared = 0;
    for _ in 0..1_500 {
        let start = date(2024, 1, 1).saturating_add((pick(700) as i64).days());
        let every = pick(4) as usize;
        let mut rule = format!("FREQ={};INTERVAL={}", ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][every], 1 + pick(4));
        if pick(2) == 0 {
            // All with numbers or none: in a mixture the peer, as dateutil, wants a day to be both.
            let numbered = every >= 2 && pick(2) == 0;
            let several: Vec<String> = (0..=pick(3))
                .map(|_| {
                    let (name, nth) = (names[pick(7) as usize], 1 + pick(5));
                    let sign = if pick(2) == 0 { "" } else { "-" };
                    if numbered { format!("{sign}{nth}{name}") } else { name.to_owned() }
                })
                .collect();
            rule += &format!(";BYDAY={}", several.join(","));
        }
        if every != 1 && pick(3) == 0 {
            rule += &format!(";BYMONTHDAY={},-{}", 1 + pick(31), 1 + pick(31));
        }
        if pick(3) == 0 {
            rule += &format!(";BYMONTH={},{}", 1 + pick(12), 1 + pick(12));
        }
        // Not by weeks: the peer's first week begins with the first day, ours where weeks do.
        if every != 1 && pick(4) == 0 && rule.contains("BYDAY") {
            rule += &format!(";BYSETPOS={}", ["1", "-1", "2", "1,-2"][pick(4) as usize]);
        }
        if pick(3) == 0 {
            rule += &format!(";WKST={}", names[pick(7) as usize]);
        }
        let (rule, theirs) = match pick(3) {
            // Of a day that no month has the peer looks for the first one for long, and gives up.
            0 if !rule.contains("BYMONTHDAY") && !rule.contains("5") => {
                (format!("{rule};COUNT={}", 1 + pick(30)), None)
            }
            1 => {
                let until = start.saturating_add((pick(900) as i64).days()).strftime("%Y%m%d").to_string();
                (format!("{rule};UNTIL={until}"), Some(format!("{rule};UNTIL={until}T000000Z")))
            }
            _ => (rule.clone(), Some(format!("{rule};UNTIL=20271231T000000Z"))),
        };
        let theirs =
            format!("DTSTART:{}T000000Z\nRRULE:{}", start.strftime("%Y%m%d"), theirs.as_ref().unwrap_or(&rule));
        let Ok(peer) = theirs.parse::<rrule::RRuleSet>() else { continue };
        let event = event(&format!("DTSTART;VALUE=DATE:{}\nRRULE:{rule}", start.strftime("%Y%m%d")));
        let mine = event.days(YEAR, &mut Budget::default()).unwrap();
        let mine: Vec<String> = mine.iter().map(|(day, _)| day.to_string()).collect();
        let peer = peer.all(2_000);
        if peer.limited {
            continue;
        }
        let theirs = peer.dates.into_iter().map(|at| at.format("%Y-%m-%d").to_string());
        let theirs: Vec<String> =
            theirs.take_while(|day| day.as_str() < "2027").filter(|day| day.as_str() >= "2026").take(400).collect();
        assert_eq!(mine, theirs, "{rule} from {start}");
        compared += 1;
    }
    assert!(compared > 1_000, "{compared}");
}
