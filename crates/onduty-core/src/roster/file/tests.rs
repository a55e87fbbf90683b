use super::*;
use crate::ids::{EngineerId, Environment};
use jiff::civil::{Weekday, time};

const FULL: &str = "
engineers:
  lena:
    name: Lena Vogt
    emails: [lena@acme.example, lena.vogt@acme.example]
    logins: [lenav]
    team: checkout
    joined: 2026-01-12
    left: 2027-12-31
    working_days: [mon, tue-thu]
    leave: [{from: 2026-03-02, to: 2026-03-06}, 2026-05-04, 2026-08-03..2026-08-21]
  omar:
duties:
  developers:
    name: Developers
    members: [omar, lena]
    zone: Europe/Berlin
    hours: \"09:00-19:00\"
    days: mon-thu
    holidays:
      2026-12-25: Christmas Day
      2026-12-28..2026-12-31: Company closed
    since: 2026-02-02
    overrides: {2026-03-04: omar}
    watches:
      repositories: [acme/shop]
      branch: main
      checks: {blocking: [unit tests], informing: [lint]}
      projects: [shop]
      environments: [staging, production]
  devops: {members: all, zone: UTC}
";

#[test]
fn a_full_roster_is_read() {
    let roster = parse("roster.yml", FULL).unwrap();
    let lena = &roster.engineers["lena"];
    assert_eq!(lena.name, "Lena Vogt");
    assert_eq!(lena.emails, ["lena@acme.example", "lena.vogt@acme.example"]);
    assert_eq!(
        lena.working_days.unwrap().iter().collect::<Vec<_>>(),
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday]
    );
    let leave: Vec<String> = lena.leave.iter().map(|leave| format!("{} {}", leave.from, leave.to)).collect();
    assert_eq!(leave, ["2026-03-02 2026-03-06", "2026-05-04 2026-05-04", "2026-08-03 2026-08-21"]);
    assert_eq!(roster.engineers["omar"].name, "omar");

    let duty = &roster.duties[0];
    assert_eq!(duty.members, ["omar".into(), "lena".into()] as [EngineerId; 2]);
    assert_eq!(duty.zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!((duty.starts, duty.ends), (time(9, 0, 0, 0), time(19, 0, 0, 0)));
    assert_eq!(duty.working_days.iter().count(), 4);
    assert_eq!(duty.holidays.len(), 5);
    assert_eq!(duty.holidays[&date(2026, 12, 30)], "Company closed");
    assert_eq!(duty.since, date(2026, 2, 2));
    assert_eq!(duty.overrides[&date(2026, 3, 4)], EngineerId::from("omar"));
    assert_eq!(duty.watches.blocking_checks, ["unit tests"]);
    assert_eq!(duty.watches.environments, [Environment::from("staging"), Environment::from("production")]);

    let devops = &roster.duties[1];
    assert_eq!((devops.name.as_str(), devops.since), ("devops", DEFAULT_SINCE));
    assert_eq!(devops.members, ["lena".into(), "omar".into()] as [EngineerId; 2]);
    assert_eq!(devops.working_days.iter().collect::<Vec<_>>().len(), 5);
}

/// What is wrong with a roster of `lena` and `omar`, whose engineers and duties have these lines.
fn check(engineers: &str, duty: &str, expected: &[&str]) {
    let text = format!(
        "engineers:\n  lena: {{emails: [lena@acme.example]}}\n  omar: {{}}\n{engineers}duties:\n  developers:\n    members: [lena, omar]\n    zone: UTC\n{duty}"
    );
    check_text(&text, expected);
}

fn check_text(text: &str, expected: &[&str]) {
    let problems = parse("roster.yml", text).expect_err(text);
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn every_bad_engineer_gets_a_message() {
    check(
        "  Eva: {}\n",
        "",
        &[
            "roster.yml:4:3: `Eva` cannot be the short name of an engineer; use lower-case letters, digits, `-`, `_` and `.`, at most 64, but not `all` or `onduty`",
        ],
    );
    check(
        "  all: {}\n",
        "",
        &[
            "roster.yml:4:3: `all` cannot be the short name of an engineer; use lower-case letters, digits, `-`, `_` and `.`, at most 64, but not `all` or `onduty`",
        ],
    );
    check(
        "  eva: Eva Lind\n",
        "",
        &["roster.yml:4:8: an engineer should be a map of keys, but is a text; write one `key: value` a line"],
    );
    check("  eva: {nam: Eva}\n", "", &["roster.yml:4:9: an engineer has no key `nam`; did you mean `name`?"]);
    check("  eva: {name: ''}\n", "", &["roster.yml:4:16: this is not a name; write a name, or remove the key"]);
    check(
        "  eva: {name: \"E\\tva\"}\n",
        "",
        &["roster.yml:4:16: this is not a name; write it on one line, without control characters"],
    );
    check(
        "  eva: {emails: [eva]}\n",
        "",
        &["roster.yml:4:18: `eva` is not an e-mail address; write it like lena@acme.example"],
    );
    check(
        "  eva: {emails: [LENA@acme.example]}\n",
        "",
        &[
            "roster.yml:4:18: `LENA@acme.example` belongs to `lena` already; keep it with the one who uses it; what one person did must not count for another",
        ],
    );
    check(
        "  eva: {logins: ['@eva']}\n",
        "",
        &["roster.yml:4:19: `@eva` is not a login; write it as the other system does, without `@`"],
    );
    check(
        "  eva: {joined: 2026-02-30}\n",
        "",
        &["roster.yml:4:17: `2026-02-30` is not a day; write year-month-day, such as 2026-03-02"],
    );
    check(
        "  eva: {joined: 1970-01-01}\n",
        "",
        &["roster.yml:4:17: 1970-01-01 is too far away; name a day from 2000-01-01 to 2100-12-31"],
    );
    check(
        "  eva: {joined: 2026-02-02, left: 2026-01-30}\n",
        "",
        &["roster.yml:4:29: `eva` leaves on 2026-01-30, before joining on 2026-02-02; correct one of the two days"],
    );
    check(
        "  eva: {left: 2026-01-30, successor: ole}\n",
        "",
        &["roster.yml:4:38: `ole` is not on the roster; name the short name of an engineer"],
    );
    check(
        "  eva: {left: 2026-01-30, successor: ole}\n  ole: {left: 2026-02-27, successor: eva}\n",
        "",
        &[
            "roster.yml:4:38: what `eva` knew comes back to `eva`; name somebody who stays as the last successor",
            "roster.yml:5:38: what `ole` knew comes back to `ole`; name somebody who stays as the last successor",
        ],
    );
    check(
        "  eva: {working_days: [mon, thursady]}\n",
        "",
        &["roster.yml:4:29: `thursady` is not a day of the week; did you mean `thursday`?"],
    );
    check(
        "  eva: {working_days: []}\n",
        "",
        &["roster.yml:4:9: `eva` works on no day; name days such as `[mon, tue]`, or remove the key"],
    );
    check(
        "  eva: {leave: [{from: 2026-03-06, to: 2026-03-02}]}\n",
        "",
        &["roster.yml:4:40: 2026-03-02 is before 2026-03-06; write the first day first"],
    );
    check(
        "  eva: {leave: [{from: 2026-03-06}]}\n",
        "",
        &["roster.yml:4:17: leave has no `to`; write `{from: 2026-03-02, to: 2026-03-06}`, or a single day"],
    );
    check(
        "  eva: {leave: 7}\n",
        "",
        &[
            "roster.yml:4:16: leave should be days, but is a number; write `2026-03-02`, `2026-03-02..2026-03-06` or `{from: 2026-03-02, to: 2026-03-06}`",
        ],
    );
}

#[test]
fn every_bad_duty_gets_a_message() {
    check(
        "",
        "    hours: 19:00-09:00\n",
        &[
            "roster.yml:8:12: `19:00-09:00` ends before it starts; name hours of one day; a duty over midnight is two duties",
        ],
    );
    check(
        "",
        "    hours: 9-17\n",
        &["roster.yml:8:12: `9-17` are not hours; write start and end, such as \"09:00-19:00\""],
    );
    check("", "    days: []\n", &["roster.yml:8:5: `developers` serves on no day; write for example `days: mon-fri`"]);
    check(
        "",
        "    days: [workdays]\n",
        &[
            "roster.yml:8:12: `workdays` is not a day of the week; write `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun` or a span such as `mon-fri`",
        ],
    );
    check(
        "",
        "    holidays: [2026-12-25]\n",
        &[
            "roster.yml:8:15: `holidays` should be a map of keys, but is a list; write one `name: value` a line below it",
        ],
    );
    check(
        "",
        "    holidays: {Christmas: 2026-12-25}\n",
        &["roster.yml:8:16: `Christmas` is not a day; write year-month-day, such as 2026-03-02"],
    );
    check(
        "",
        "    holidays: {2026-12-25..2036-12-26: Long}\n",
        &["roster.yml:8:16: a holiday of more than a year; check the years; a duty that ended is removed instead"],
    );
    check(
        "",
        "    overrides: {2026-03-07: omar}\n",
        &[
            "roster.yml:8:17: nobody serves `developers` on 2026-03-07: it is a Saturday; remove the override, or move it",
        ],
    );
    check(
        "",
        "    overrides: {2026-03-04: omarr}\n",
        &["roster.yml:8:29: `omarr` is not on the roster; did you mean `omar`?"],
    );
    check(
        "  eva: {leave: 2026-03-04}\n",
        "    overrides: {2026-03-04: eva}\n",
        &["roster.yml:9:29: `eva` cannot serve on 2026-03-04: eva is on leave until 2026-03-04; name somebody else"],
    );
    check(
        "",
        "    watches: {checks: {blocking: [a], informing: [a]}}\n",
        &["roster.yml:8:39: `a` both blocks and informs; keep it in one of the two lists"],
    );
    check(
        "",
        "    watches: {repos: [acme/shop]}\n",
        &[
            "roster.yml:8:15: what a duty watches has no key `repos`; use one of `repositories`, `branch`, `projects`, `environments`, `checks`",
        ],
    );
    check(
        "",
        "  Ops: {members: all, zone: UTC}\n",
        &[
            "roster.yml:8:3: `Ops` cannot be the short name of a duty; use lower-case letters, digits, `-`, `_` and `.`, at most 64",
        ],
    );
    check(
        "",
        "  ops: {members: [lena, lena], zone: UTC}\n",
        &["roster.yml:8:25: `lena` is listed twice; keep one; the place in the list is the first turn"],
    );
    check(
        "",
        "  ops: {members: [], zone: UTC}\n",
        &["roster.yml:8:9: nobody takes turns in `ops`; write `members: all`, or list their short names"],
    );
    check(
        "",
        "  ops: {members: [bob], zone: UTC}\n",
        &["roster.yml:8:19: `bob` is not on the roster; add `bob` below `engineers:`"],
    );
    check(
        "",
        "  ops: {members: all}\n",
        &["roster.yml:8:8: a duty has no `zone`; say where its day is, such as `zone: Europe/Berlin`"],
    );
    check(
        "",
        "  ops: {members: all, zone: Europe/Berln}\n",
        &["roster.yml:8:29: there is no time zone `Europe/Berln`; did you mean `Europe/Berlin`?"],
    );
}

#[test]
fn a_roster_without_the_essentials_says_what_to_write() {
    check_text(
        "duties: {}\n",
        &[
            "roster.yml:1:1: nobody is on the roster; list people below `engineers:`, such as `lena: {name: Lena Vogt}`",
            "roster.yml:1:1: there is no duty; describe one below `duties:`, such as `developers:` with its `members`",
        ],
    );
    check_text(
        "- lena\n",
        &["roster.yml:1:1: the roster should be a map of keys, but is a list; write one `key: value` a line"],
    );
    check_text(
        "engineers: {lena: {}}\nduties: {ops: {members: all, zone: UTC}}\nteams: {}\n",
        &["roster.yml:3:1: the roster has no key `teams`; use one of `calendars`, `engineers`, `duties`"],
    );
    check_text(
        "engineers: {lena: {}\n",
        &[
            "roster.yml:2:1: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'; check indentation, quotes and brackets on this line and the one above",
        ],
    );
}

#[test]
fn all_problems_are_told_at_once() {
    check(
        "  eva: {joined: soon, team: ''}\n",
        "    days: [x]\n    overrides: {2026-03-04: eve}\n",
        &[
            "roster.yml:4:17: `soon` is not a day; write year-month-day, such as 2026-03-02",
            "roster.yml:4:30: this is not a team; write a team, or remove the key",
            "roster.yml:9:12: `x` is not a day of the week; write `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun` or a span such as `mon-fri`",
            "roster.yml:10:29: `eve` is not on the roster; did you mean `eva`?",
        ],
    );
}

/// The parser says itself which keys it takes when it meets one that it does not.
fn keys_of(text: &str) -> Vec<String> {
    let problems = parse("roster.yml", text).unwrap_err();
    let mend = &problems.iter().find(|problem| problem.what.contains("zzzzzzzz")).unwrap().mend;
    let mut keys: Vec<String> = mend.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_knows_the_keys_of_the_parser() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../../docs/schema/roster.schema.json")).unwrap();
    let keys_in = |pointer: &str| {
        let node = schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        assert_eq!(node["additionalProperties"], false, "{pointer}");
        let mut keys: Vec<String> = node["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    for (pointer, text) in [
        ("", "zzzzzzzz: 1\n"),
        ("/$defs/engineer", "engineers: {a: {zzzzzzzz: 1}}\n"),
        ("/$defs/duty", "duties: {a: {zzzzzzzz: 1}}\n"),
        ("/$defs/watches", "duties: {a: {watches: {zzzzzzzz: 1}}}\n"),
        ("/$defs/watches/properties/checks", "duties: {a: {watches: {checks: {zzzzzzzz: 1}}}}\n"),
        ("/$defs/leave/oneOf/1", "engineers: {a: {leave: {zzzzzzzz: 1}}}\n"),
    ] {
        assert_eq!(keys_in(pointer), keys_of(text), "{pointer}");
    }
}

const PLANNED: &str = "
calendars:
  fr: {2026-07-14: Bastille Day}
  berlin: {2026-03-08: Women's Day}
engineers:
  lena: {skills: [deploy, sql], calendar: fr, share: 50, avoid: [fri, 2026-05-13, 2026-06-01..2026-06-02]}
  omar: {skills: deploy}
  priya: {}
duties:
  devops: {members: all, zone: UTC, requires: deploy, calendar: berlin, holidays: {2026-12-25: Christmas Day}, gap: 3, wanted_gap: 10, agree_to_swaps: true}
";

#[test]
fn what_plans_go_by_is_read() {
    let roster = parse("roster.yml", PLANNED).unwrap();
    let (lena, duty) = (&roster.engineers["lena"], &roster.duties[0]);
    assert_eq!(duty.members, ["lena".into(), "omar".into()] as [EngineerId; 2]);
    assert_eq!((duty.requires.as_deref(), duty.gaps.least, duty.gaps.wanted), (Some("deploy"), Some(3), Some(10)));
    assert!(duty.agrees_to_swaps);
    assert_eq!(duty.holidays.keys().copied().collect::<Vec<_>>(), [date(2026, 3, 8), date(2026, 12, 25)]);
    assert_eq!((lena.share, roster.engineers["omar"].share), (50, 100));
    assert_eq!(lena.absence_on(date(2026, 7, 14)), Some(crate::roster::Absence::Holiday));
    assert!(lena.avoid.weekdays.contains(Weekday::Friday) && !lena.avoid.weekdays.contains(Weekday::Monday));
    assert_eq!(lena.avoid.dates.len(), 3);
}

#[test]
fn duties_shake_hands_both_ways() {
    let duty = |name: &str, more: &str| format!("  {name}: {{members: all, zone: UTC{more}}}\n");
    let file = |duties: &[String]| format!("engineers: {{a: {{}}}}\nduties:\n{}", duties.concat());
    let text = file(&[duty("x", ""), duty("y", ", handshake: [z, x]"), duty("z", ", handshake: y")]);
    let roster = parse("roster.yml", &text).unwrap();
    let with: Vec<String> = roster
        .duties
        .iter()
        .map(|duty| duty.handshakes.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(with, ["y", "x z", "y"]);
    check_text(
        &file(&[duty("developers", ", handshake: [developers, develop, q]")]),
        &[
            "roster.yml:3:53: `developers` shakes hands with itself; name the other duty",
            "roster.yml:3:65: there is no duty `develop`; did you mean `developers`?",
            "roster.yml:3:74: there is no duty `q`; name a duty of this roster",
        ],
    );
}

#[test]
fn holidays_of_files_stand_beside_those_that_are_written_out() {
    let text =
        PLANNED.replace("fr: {2026-07-14: Bastille Day}", "fr: {file: [fr.ics, more/x.ics], 2026-07-14: Bastille Day}");
    assert_eq!(
        calendar_files(&text).iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>(),
        ["fr.ics", "more/x.ics"]
    );
    let of = |days: &[(Date, &str)]| days.iter().map(|(day, name)| (*day, (*name).to_owned())).collect();
    let files = [
        ("fr.ics".to_owned(), of(&[(date(2026, 7, 14), "another name"), (date(2026, 11, 11), "Armistice")])),
        ("more/x.ics".to_owned(), of(&[(date(2026, 11, 11), "later"), (date(2026, 12, 26), "Alsace")])),
        ("not-named.ics".to_owned(), of(&[(date(2026, 1, 2), "x")])),
    ];
    let roster = parse_with("roster.yml", &text, &files.into()).unwrap();
    let days: Vec<&str> = roster.engineers["lena"].holidays.values().map(String::as_str).collect();
    assert_eq!(days, ["Bastille Day", "Armistice", "Alsace"]);
    assert_eq!(parse("roster.yml", &text).unwrap().engineers["lena"].holidays.len(), 1, "without the files");

    for bad in
        ["../fr.ics", "/etc/fr.ics", "fr.yml", "a//b.ics", "a/../b.ics", "C:/fr.ics", "'a\\..\\b.ics'", "[[a.ics]]"]
    {
        let text = format!(
            "calendars: {{fr: {{file: {bad}}}}}\nengineers: {{a: {{}}}}\nduties: {{d: {{members: all, zone: UTC}}}}\n"
        );
        let problems = parse("roster.yml", &text).expect_err(bad);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].what, "this is not a calendar file beside the roster", "{bad}");
        assert!(calendar_files(&text).is_empty(), "{bad}");
    }
}

#[test]
fn every_bad_wish_of_a_plan_gets_a_message() {
    check(
        "  eva: {calendar: f, share: 0, avoid: [fryday, 2026-01-01..2028-01-01]}\n",
        "",
        &[
            "roster.yml:4:19: there is no calendar `f`; list its days below `calendars:`, such as `f: {2026-12-25: Christmas Day}`",
            "roster.yml:4:29: `share` should be a whole number from 1 to 100; write for example `share: 1`",
            "roster.yml:4:40: `fryday` is not a day of the week; did you mean `friday`?",
            "roster.yml:4:48: 2026-01-01 to 2028-01-01 is too long; name at most a year; who is away has `leave`",
        ],
    );
    check(
        "",
        "    requires: deploy\n    gap: 5\n    wanted_gap: 3\n",
        &[
            "roster.yml:6:15: `lena` does not have the skill `deploy`; write it below `skills` of `lena`, or leave them out",
            "roster.yml:6:21: `omar` does not have the skill `deploy`; write it below `skills` of `omar`, or leave them out",
            "roster.yml:10:5: turns had better be 3 days apart and must be 5; `wanted_gap` is at least `gap`",
        ],
    );
    check_text(
        "calendars: {fr: [2026-07-14], de: {yesterday: x}}\nengineers: {a: {}}\nduties: {d: {members: all, zone: UTC, requires: sql}}\n",
        &[
            "roster.yml:1:17: a calendar should be a map of days, but is a list; write one `2026-12-25: Christmas Day` a line",
            "roster.yml:1:36: `yesterday` is not a day; write year-month-day, such as 2026-03-02",
            "roster.yml:3:39: nobody has the skill `sql` that `d` requires; write it below `skills` of those who have it",
        ],
    );
}
