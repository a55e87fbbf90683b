//! The door, accounts, everybody, and who came in.

use super::{Day, LONG_NAME, at, days_ago};
use jiff::Timestamp;
use onduty::web::views::access::{AccessLine, AccessLogView};
use onduty::web::views::account::{AccountView, FeedView, KeysView, SessionView, TokenView};
use onduty::web::views::door::{ProveView, SignInView, WaitingView};
use onduty::web::views::people::{DutyRights, PeopleView, PersonLine, PersonView};
use onduty_core::logbook::Author;

/// The door, with the button of a provider; on a terrible day whoever named it had no mercy.
pub fn sign_in(day: Day) -> SignInView {
    let name =
        if day == Day::Terrible { format!("{LONG_NAME} \u{202e}{}", "x".repeat(100)) } else { "Acme".to_owned() };
    SignInView { back: "/?duty=developers".to_owned(), single_sign_on: Some(name), asked: true }
}

/// Between a press and its proof; with the proof, one press is left.
pub fn prove(proved: bool) -> ProveView {
    ProveView {
        login: Some("lena".to_owned()),
        single_sign_on: Some("Acme".to_owned()),
        counts_for: "10 minutes".to_owned(),
        waiting: Some(WaitingView {
            action: "/duty/developers/rollout".to_owned(),
            fields: vec![("revision".to_owned(), "8f3c2a4b5d6e7f80912a3b4c5d6e7f80912a3b4c".to_owned())],
            label: "Roll out 8f3c2a4 to production".to_owned(),
            summary: "Presses the button".to_owned(),
            back: "/rollout?duty=developers".to_owned(),
        }),
        proved,
    }
}

fn keys(day: Day) -> KeysView {
    let session = |id: &str, browser: &str, this_one| SessionView {
        id: id.to_owned(),
        browser: browser.to_owned(),
        address: Some("2001:db8:85a3::8a2e:370:7334".to_owned()),
        how: "password".to_owned(),
        since: at("09:02"),
        last_seen: at("14:00"),
        this_one,
    };
    let token = |id: &str, name: &str, last_used| TokenView {
        id: id.to_owned(),
        name: name.to_owned(),
        scopes: vec!["read".to_owned(), "rollout".to_owned()],
        made: at("09:10"),
        expires: at("18:00"),
        last_used,
    };
    let long = "the pipeline of acme/a-repository-with-a-very-long-name-that-does-not-break-anywhere";
    let subject =
        if day == Day::Terrible { "auth0|0123456789abcdef".repeat(11) } else { "lena@acme.example".to_owned() };
    match day {
        Day::Empty => KeysView {
            login: Some("lena".to_owned()),
            password_since: None,
            identities: Vec::new(),
            sessions: vec![session("s1", "Firefox on Linux", true)],
            tokens: Vec::new(),
            feeds: Vec::new(),
        },
        _ => KeysView {
            login: Some("lena".to_owned()),
            password_since: Some(at("09:01")),
            identities: vec![("https://id.acme.example".to_owned(), subject, at("09:02"))],
            sessions: vec![session("s1", "Firefox on Linux", true), session("s2", "Safari on iPhone", false)],
            tokens: vec![token("t1", long, Some(at("13:58"))), token("t2", "\u{202e}gnp.exe", None)],
            feeds: vec![feed("f1", "my phone", Some(at("13:40"))), feed("f2", long, None)],
        },
    }
}

/// An address from which a calendar reads turns.
pub fn feed(id: &str, name: &str, last_read: Option<Timestamp>) -> FeedView {
    FeedView { id: id.to_owned(), name: name.to_owned(), made: days_ago(3), last_read }
}

/// One's own account.
pub fn account_page(day: Day) -> AccountView {
    AccountView {
        name: "Lena Vogt".to_owned(),
        rights: vec!["engineer of developers".to_owned(), "process owner of devops".to_owned()],
        keys: keys(day),
        new_token: (day == Day::Normal).then(|| "0f".repeat(32)),
        has_turns: day != Day::Empty,
        new_feed: (day == Day::Normal).then(|| format!("https://onduty.acme.example/calendar/{}.ics", "0f".repeat(32))),
        scopes: onduty::web::policy::Scope::ALL.map(|(scope, meaning)| (scope.word(), meaning)).to_vec(),
    }
}

/// Everybody.
pub fn people_page(day: Day) -> PeopleView {
    let person = |id: &str, name: &str, rights: &[&str], last_seen, closed| PersonLine {
        id: id.to_owned(),
        name: name.to_owned(),
        rights: rights.iter().map(|right| (*right).to_owned()).collect(),
        last_seen,
        closed,
        can_sign_in: last_seen.is_some(),
    };
    let mut people = vec![
        person("a1", "Lena Vogt", &["engineer of developers", "process owner of devops"], Some(at("14:00")), false),
        person("a2", "Omar Haddad", &["administrator: may do everything"], Some(at("13:20")), false),
    ];
    if day == Day::Terrible {
        let long = "Maximiliane Freifrau von und zu Hohenstein-Waldburg-Zeil-Trauchburg auf Wolfegg";
        people.extend((0..40).map(|n| person(&format!("b{n}"), long, &["looks, and asks"], None, n % 3 == 0)));
    }
    PeopleView {
        people: if day == Day::Empty { Vec::new() } else { people },
        without: vec!["priya".into(), "sam".into()],
        new_link: (day == Day::Normal)
            .then(|| ("Priya Nair".to_owned(), format!("https://onduty.acme.example/welcome/{}", "0f".repeat(32)))),
        roster_file: "roster.yml".to_owned(),
    }
}

/// One of them.
pub fn person_page(day: Day) -> PersonView {
    let rights = |duty: &str, granted: Option<&str>, member| DutyRights {
        duty: duty.into(),
        name: duty.to_owned(),
        granted: granted.map(str::to_owned),
        member,
    };
    PersonView {
        id: "a1".to_owned(),
        name: "Lena Vogt".to_owned(),
        engineer: Some("lena".into()),
        admin: day == Day::Terrible,
        closed: (day == Day::Terrible).then(|| at("12:00")),
        duties: vec![rights("developers", None, true), rights("devops", Some("process-owner"), false)],
        keys: keys(day),
        new_link: None,
        roles: onduty::web::policy::Role::ALL.map(|role| (role.word(), role.word().replace('-', " "))).to_vec(),
    }
}

/// Who came in and who changed what.
pub fn access_log_page(day: Day) -> AccessLogView {
    let line = |seq, time: &str, by: Option<&str>, said: &str| AccessLine {
        seq,
        at: at(time),
        author: by.map_or(Author::Machine, |id| Author::Engineer { id: id.into() }),
        said: Some(said.to_owned()),
    };
    let entries = vec![
        line(5, "14:01", Some("omar"), "made Lena Vogt a process owner of devops"),
        line(
            4,
            "13:59",
            None,
            "somebody could not sign in as “<script>alert(1)</script>”: nobody has this name, from ::1",
        ),
        line(3, "13:20", Some("omar"), "proved again who they are by a password"),
        line(2, "09:02", Some("lena"), "signed in by single sign-on"),
        AccessLine { said: None, ..line(1, "09:01", None, "") },
    ];
    AccessLogView {
        query: String::new(),
        entries: if day == Day::Empty { Vec::new() } else { entries },
        older: (day == Day::Terrible).then_some(1),
    }
}
