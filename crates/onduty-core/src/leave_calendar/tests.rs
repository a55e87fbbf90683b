use super::*;
use crate::icalendar;
use crate::roster;
use jiff::civil::date;

const TODAY: Date = date(2026, 3, 2);
const ROSTER: &str = "engineers:
  lena: {name: Lena Vogt, emails: [lena@acme.example, lv@acme.example]}
  omar: {name: Omar Haddad, emails: [omar@acme.example]}
  am: {name: Anne-Marie d'Arc}
  sam1: {name: Sam Low}
  sam2: {name: Sam Low}
  priya:
duties: {developers: {members: all, zone: UTC}}
";

/// An event of 9 March with this title and these lines.
fn event(title: &str, lines: &str) -> String {
    let when = if lines.contains("DTSTART") { "" } else { "DTSTART;VALUE=DATE:20260309\n" };
    format!("BEGIN:VEVENT\nSUMMARY:{title}\n{when}{lines}END:VEVENT\n")
}

fn told(events: &str, reading: &Reading) -> Told {
    let events = icalendar::read(&format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n")).unwrap();
    read(&events, reading, &roster::parse("roster.yml", ROSTER).unwrap(), TODAY)
}

fn line(leave: &ToldLeave) -> String {
    format!("{} {}..{} {}", leave.engineer, leave.from, leave.to, leave.kind.word())
}

fn lines(told: &Told) -> Vec<String> {
    told.leave.iter().map(line).collect()
}

/// Whose leave an event is; else the name that is told, and whom it may mean.
#[track_caller]
fn check(title: &str, attendees: &[&str], expected: &str) {
    let attendees: String = attendees.iter().map(|email| format!("ATTENDEE:mailto:{email}\n")).collect();
    let told = told(&event(title, &attendees), &Reading::default());
    let said = match (told.leave.first(), told.unclear.first()) {
        (Some(leave), None) => leave.engineer.to_string(),
        (None, Some(unclear)) => {
            let people: Vec<&str> = unclear.people.iter().map(EngineerId::as_str).collect();
            format!("?{} {}", unclear.name, people.join("+")).trim_end().to_owned()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(said, expected, "{title}");
}

#[test]
fn an_event_is_of_whoever_it_names_and_nobody_is_guessed() {
    for title in [
        "Lena Vogt - Vacation",
        "LENA VOGT – Paid Vacation (3 days)",
        "Lena Vogt (Sick Leave - 2 days)",
        "Urlaub: Vogt\\, Lena",
        "Urlaub Lena Vogt",
        "Vogt Lena | Abwesend (ganztägig)",
        "[Approved] Lena Vogt is out of office",
        "Lena Vogt",
    ] {
        check(title, &[], "lena");
    }
    check("Anne-Marie D'Arc: congés payés", &[], "am");
    check("priya - holiday", &[], "priya");
    check("Vacation", &["LV@acme.example"], "lena");
    check("Lena Vogt - Vacation", &["lena@acme.example", "boss@acme.example"], "lena");
    check("Lena Vogt - Vacation", &["boss@acme.example"], "lena");

    check("Anna Lena Vogt - Vacation", &[], "?Anna Lena Vogt");
    check("Lena Vogt-Schmidt - Vacation", &[], "?Lena Vogt-Schmidt");
    check("Lena - Vacation", &[], "?Lena");
    check("Homer Lena Vogt", &[], "?Homer Lena Vogt");
    check("Sick: Maria Keller (2 days)", &[], "?Maria Keller");
    check("Sam Low - Vacation", &[], "?Sam Low sam1+sam2");
    check("Lena Vogt, Omar Haddad - Vacation", &[], "?Lena Vogt, Omar Haddad");
    check("Lena Vogt / Omar Haddad", &[], "?Lena Vogt lena+omar");
    check("Lena Vogt - Vacation", &["omar@acme.example"], "?Lena Vogt lena+omar");
    check("Vacation", &["lena@acme.example", "boss@acme.example"], "? lena");
    check("Vacation", &["lena@acme.example", "omar@acme.example"], "? lena+omar");
    check("Sick leave", &[], "?");
    check("", &["nobody@acme.example"], "?");
    check(&"x".repeat(9_000), &[], &format!("?{}", "x".repeat(60)));
}

#[test]
fn a_personal_calendar_is_all_of_one_engineer() {
    let reading = Reading {
        engineer: Some("lena".into()),
        kinds: vec![
            (LeaveKind::Sick, vec!["krank".into(), "sick".into()]),
            (LeaveKind::Long, vec!["parental leave".into()]),
        ],
        only: Vec::new(),
        ignore: vec!["home office".into(), "release".into()],
        strangers: false,
    };
    let events = [
        event("Rome", "DTSTART:20260309\nDTEND:20260312\n"),
        event("Rome, a day more", "DTSTART:20260312\n"),
        event("Krankgeschrieben", "DTSTART:20260401\n"),
        event("Parental leave with Omar", "DTSTART:20260601\nDTEND:20260901\n"),
        event("Home-Office", "DTSTART:20260402\n"),
        event("Release 7", "DTSTART:20260403\n"),
        event("Dentist", "DTSTART:20260404T090000Z\n"),
        event("Called off", "STATUS:CANCELLED\n"),
        event("Perhaps", "STATUS:TENTATIVE\n"),
        event("Long ago", "DTSTART:20250401\n"),
        event("Far away", "DTSTART:20290401\n"),
        event("For ever", "DTSTART:20260401\nDTEND:20300401\n"),
        event("Fridays", "DTSTART:20260206\nRRULE:FREQ=WEEKLY;UNTIL=20260320\n"),
    ];
    let told = told(&events.concat(), &reading);
    let expected = [
        "lena 2026-03-06..2026-03-06 planned",
        "lena 2026-03-09..2026-03-13 planned",
        "lena 2026-03-20..2026-03-20 planned",
        "lena 2026-04-01..2026-04-01 sick",
        "lena 2026-06-01..2026-08-31 long",
    ];
    assert_eq!(lines(&told), expected);
    assert_eq!((told.events, told.with_hours, told.left_out, told.unclear.len()), (13, 1, 4, 0));
    assert_eq!(told.unreadable, [(50, "it is longer than 800 days".to_owned())]);
}

#[test]
fn only_some_events_are_leave_and_strangers_may_be_expected() {
    let events = [
        event("Lena Vogt - Vacation", ""),
        event("Omar Haddad - Conference", ""),
        event("Maria Keller - Vacation", ""),
    ];
    let mut reading = Reading { only: vec!["vacation".into()], ..Reading::default() };
    let told = |reading: &Reading| {
        let told = super::tests::told(&events.concat(), reading);
        (lines(&told), told.left_out, told.unclear.len())
    };
    assert_eq!(told(&reading), (vec!["lena 2026-03-09..2026-03-09 planned".to_owned()], 1, 1));
    reading.strangers = true;
    assert_eq!(told(&reading), (vec!["lena 2026-03-09..2026-03-09 planned".to_owned()], 2, 0));
}

#[test]
fn many_rules_are_bounded_and_said() {
    let weekdays = event("Lena Vogt", "DTSTART:20260302\nRRULE:FREQ=DAILY\n");
    let told = told(&weekdays.repeat(200), &Reading::default());
    assert!(
        !told.unreadable.is_empty() && told.unreadable[0].1.contains("more than 20000 leaves"),
        "{:?}",
        told.unreadable
    );
}

fn leave(text: &str) -> ToldLeave {
    let (engineer, days) = text.split_once(' ').unwrap();
    let (from, to) = days.split_once("..").unwrap();
    let day = |text: &str| format!("2026-{text}").parse().unwrap();
    ToldLeave { engineer: engineer.into(), from: day(from), to: day(to), kind: LeaveKind::Planned }
}

/// What changes on 4 March: `+lena 03-09..03-10 -b`, where `own` are called a, b, c.
#[track_caller]
fn check_changes(told: &[&str], own: &[&str], refused: &[&str], others: &[&str], expected: &str) -> Changes {
    let all = |texts: &[&str]| texts.iter().map(|text| leave(text)).collect::<Vec<_>>();
    let told = Told { leave: all(told), ..Told::default() };
    check_told(&told, own, refused, others, expected)
}

#[track_caller]
fn check_told(told: &Told, own: &[&str], refused: &[&str], others: &[&str], expected: &str) -> Changes {
    let all = |texts: &[&str]| texts.iter().map(|text| leave(text)).collect::<Vec<_>>();
    let own: Vec<(String, ToldLeave)> = ["a", "b", "c"].map(str::to_owned).into_iter().zip(all(own)).collect();
    let found = changes(told, &own, &all(refused), &all(others), date(2026, 3, 4));
    let short = |leave: &ToldLeave| {
        format!("+{} {}..{}", leave.engineer, leave.from.strftime("%m-%d"), leave.to.strftime("%m-%d"))
    };
    let said: Vec<String> = found.add.iter().map(short).chain(found.end.iter().map(|id| format!("-{id}"))).collect();
    assert_eq!(said.join(" "), expected);
    found
}

#[test]
fn what_a_calendar_adds_changes_and_takes_back() {
    let (week, later) = ("lena 03-09..03-13", "omar 04-01..04-02");
    check_changes(&[week, later], &[], &[], &[], "+lena 03-09..03-13 +omar 04-01..04-02");
    check_changes(&[week, later], &[later, week], &[], &[], "");
    check_changes(&[week], &[later, week], &[], &[], "-a");
    check_changes(&["lena 03-09..03-12"], &[week], &[], &[], "+lena 03-09..03-12 -a");
    // A person said so already, or took it back.
    check_changes(&[week], &[], &[], &[week], "");
    check_changes(&[week], &[], &[week], &[], "");
    // What is over stays; of what is under way, the days that are.
    check_changes(&[], &["lena 02-02..03-03"], &[], &[], "");
    check_changes(&[], &["lena 03-02..03-06"], &[], &[], "+lena 03-02..03-03 -a");
    check_changes(&["lena 03-02..03-05"], &["lena 03-02..03-06"], &[], &[], "+lena 03-02..03-05 -a");
    // Days that have passed may leave the calendar.
    check_changes(&["lena 03-04..03-06"], &["lena 03-02..03-06"], &[], &[], "");
    check_changes(&["lena 03-02..03-06"], &["lena 03-04..03-06"], &[], &[], "");
    // The same twice is once.
    check_changes(&[week], &[week, week], &[], &[], "-b");
}

#[test]
fn what_is_not_understood_takes_nothing_back() {
    let mut told = Told { unreadable: vec![(7, "odd".to_owned())], ..Told::default() };
    assert_eq!(check_told(&told, &["lena 03-09..03-13"], &[], &[], "").kept, 1);
    told.unreadable.clear();
    let (from, to) = (date(2026, 3, 9), date(2026, 3, 13));
    // She married, and the roster does not know yet.
    told.unclear = vec![Unclear { line: 3, name: "Lena Keller".to_owned(), people: Vec::new(), from, to }];
    assert_eq!(check_told(&told, &["lena 03-09..03-13", "omar 03-09..03-10"], &[], &[], "-b").kept, 1);
}
