//! Every page on every sample day: what it says, that hostile text stays text, that nothing breaks the content policy.

use super::layout::{self, Here};
use super::samples::{self, Day, Stage};
use super::{
    Reader, access, account, door, gate, handshake, item, log, people, performance, plan, process, proposal, refresher,
    rollout, suggestions, team, today, wall, what_if,
};
use maud::Markup;

const DAYS: [Day; 4] = [Day::Empty, Day::Calm, Day::Normal, Day::Terrible];

/// Every page of one day, framed.
fn pages(day: Day, reader: &Reader<'_>) -> Vec<(&'static str, String)> {
    let framed = |here, body: Markup| layout::page(&samples::layout(day, "A page", here), reader, body).0;
    let gates = [None, Some(samples::closed_gate()), Some(samples::open_gate()), Some(samples::running_gate())];
    let mut pages: Vec<(&'static str, String)> = gates
        .into_iter()
        .map(|gate| ("rollout", framed(Here::Rollout, rollout::page(&samples::rollout_page(gate), reader))))
        .collect();
    pages.extend([
        ("today", framed(Here::Today, today::page(&samples::today_view(day), reader))),
        ("item", framed(Here::Elsewhere, item::page(&samples::item_page(day), reader))),
        ("log", framed(Here::Log, log::page(&samples::log_page(day), reader))),
        ("search", framed(Here::Log, log::page(&samples::log_search(), reader))),
        ("process", framed(Here::Process, process::page(&samples::process_page(day), reader))),
        ("plan", framed(Here::Plan, plan::page(&samples::plan_page(day), reader))),
        ("proposal", framed(Here::Plan, proposal::page(&samples::plan_proposal(day), reader))),
        ("refresher", framed(Here::Plan, refresher::page(&samples::refresher_page(day), reader))),
        ("what if", framed(Here::Plan, what_if::page(&samples::what_if_page(day), reader))),
        ("handshake", framed(Here::Elsewhere, handshake::page(&samples::handshake_page(day), reader))),
        ("team", framed(Here::Team, team::page(&samples::team_page(day), reader))),
        ("performance", framed(Here::Performance, performance::page(&samples::performance_page(day), reader))),
        ("endpoint", framed(Here::Performance, performance::endpoint_page(&samples::endpoint_page(day), reader))),
        ("suggestions", framed(Here::Elsewhere, suggestions::page(&samples::suggestions_page(day), reader))),
        ("wall", wall::page(&samples::wall(day, &reader.tell), reader).0),
        ("welcome", framed(Here::Door, door::welcome(&samples::welcome(day), reader))),
        ("error", framed(Here::Elsewhere, door::error(&samples::refused()))),
        ("sign in", framed(Here::Door, door::sign_in(&samples::sign_in(day)))),
        ("prove", framed(Here::Door, door::prove(&samples::prove(false), reader))),
        ("proved", framed(Here::Door, door::prove(&samples::prove(true), reader))),
        ("account", framed(Here::Elsewhere, account::page(&samples::account_page(day), reader))),
        ("people", framed(Here::Elsewhere, people::list(&samples::people_page(day), reader))),
        ("person", framed(Here::Elsewhere, people::person(&samples::person_page(day), reader))),
        ("access log", framed(Here::Elsewhere, access::page(&samples::access_log_page(day), reader))),
    ]);
    pages
}

/// What is left for somebody who sees neither colour nor shape: words, one line for each block.
fn words(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let end = rest[open..].find('>').map_or(rest.len(), |end| open + end + 1);
        let block = ["<li", "<p", "<h", "<tr", "<form", "<summary"].iter().any(|tag| rest[open..].starts_with(tag));
        out.push(if block { '\n' } else { ' ' });
        rest = &rest[end..];
    }
    out.push_str(rest);
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_page_breaks_the_content_policy_or_lets_hostile_text_become_markup() {
    for day in DAYS {
        let stage = Stage::of(day);
        for (name, html) in pages(day, &stage.reader()) {
            let place = format!("{name} on a {day:?} day");
            assert!(!html.contains(" style="), "{place} has a style attribute");
            assert!(!html.contains("<style"), "{place} has inline styles");
            assert!(!html.contains("<script>"), "{place} lets a title become a script");
            assert_eq!(html.matches("<script").count(), 1, "{place}");
            for event in [" onclick", " onload", " onerror", "javascript:"] {
                assert!(!html.contains(event), "{place} contains {event}");
            }
            for hidden in ['\u{202e}', '\u{1b}', '\u{200b}'] {
                assert!(!html.contains(hidden), "{place} hides {hidden:?}");
            }
        }
    }
}

#[test]
fn every_form_that_changes_something_carries_the_token_and_the_way_back() {
    for day in DAYS {
        let stage = Stage::of(day);
        for (name, html) in pages(day, &stage.reader()) {
            for form in html.split("<form ").skip(1).filter(|form| form.starts_with("method=\"post\"")) {
                let form = &form[..form.find("</form>").expect("closed")];
                // The door has no session yet whose token a form could carry.
                if form.contains("action=\"/sign-in\"") {
                    continue;
                }
                assert!(form.contains("name=\"csrf\" value=\"csrf-token\""), "{name}: {form}");
                let leaves = ["/sign-out", "/prove", "/account/password"];
                let leaves = leaves.iter().any(|path| form.contains(&format!("action=\"{path}\"")));
                // What waited for a proof carries what its own page gave it.
                let leaves = leaves || name == "proved";
                assert!(leaves || form.contains("name=\"back\" value=\"/?duty=developers\""), "{name}: {form}");
            }
        }
    }
}

#[test]
fn ids_are_unique_on_every_page() {
    for day in DAYS {
        let stage = Stage::of(day);
        for (name, html) in pages(day, &stage.reader()) {
            let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            ids.sort_unstable();
            for pair in ids.windows(2) {
                assert_ne!(pair[0], pair[1], "{name} on a {day:?} day");
            }
        }
    }
}

#[test]
fn a_reader_who_may_not_act_sees_everything_and_can_press_nothing() {
    let stage = Stage::of(Day::Normal);
    let reader = Reader { may_act: false, ..stage.reader() };
    let html = today::page(&samples::today_view(Day::Normal), &reader).0;
    assert!(html.contains("unit tests failed on main"));
    assert!(!html.contains("<form"));
    let html = gate::panel(&samples::open_gate(), &reader).0;
    assert!(html.contains("14 commits") && !html.contains("<form"));
}

#[test]
fn today_reads_without_colour() {
    let stage = Stage::of(Day::Normal);
    let reader = Reader { may_act: false, ..stage.reader() };
    let said = words(&today::page(&samples::today_view(Day::Normal), &reader).0);
    let until_commits = said.split("\nShow what goes out").next().expect("split gives one part at least");
    insta::assert_snapshot!(until_commits, @r#"
    4 things need you
    Monday 2 March 2026 · The gate to production is closed, 2 reasons · process version 7
    Omar Haddad of devops holds out a hand since 09:10 · 1 proposal for you to answer
    See both sides
    Keep main green 1 open needs you
    unit tests failed on main 8f3c2ab
    Red since 13:52. Open for 12 min
    LV Lena Vogt drives it since 13:55
    Could help: Priya Nair (one of 3 commits since green; here) and 1 more
    Checklist 1 of 4
    No critical error is released 2 looked at today fine
    Every error in production has an owner 2 open 1 looked at today needs you
    Timeout in booking#create ×41 · new with 8f3c2ab · app/booking/create.rb
    Happened 41 times on production, first seen 24 min ago, nobody has it. Open for 24 min
    Could help: Sam Okafor (4 of the 9 commits to create.rb; here) and 1 more
    Checklist 0 of 4
    NoMethodError: undefined method `format' for nil in sms/format ×3 · app/booking/create.rb
    Happened 3 times on production, first seen 3 days ago, nobody has it. Open for 3 days
    Nobody is sure who could help: the file has no commits by anybody on the roster
    Checklist 0 of 4
    The last rollout did not degrade performance performance: none not watched
    Asked by the team 1 open needs you
    Can you look at the log rotation with us? The disk of staging is nearly full.
    Noor El-Amin asked. Open for 5 min
    Give customers more happiness closed, 2 reasons
    “Keep main green” has 1 open item. Opens when it is closed .
    It is before 16:00. Opens at 16:00 (in 1 h 56 min) .
    Would go out 8f3c2ab : 14 commits by 9 people since 1b7d04e , which is out there now
    "#);
}

#[test]
fn a_side_that_cannot_be_judged_is_not_said_to_be_fine() {
    let stage = Stage::of(Day::Calm);
    let mut view = samples::handshake_page(Day::Calm);
    assert_eq!(words(&handshake::page(&view, &stage.reader()).0).matches("Nothing is open").count(), 2);
    view.others[0].side.unknown = 2;
    let said = words(&handshake::page(&view, &stage.reader()).0);
    assert_eq!((said.matches("Nothing is open").count(), said.matches("2 steps cannot be judged").count()), (1, 1));
}

#[test]
fn the_button_stays_on_the_wall_whatever_else_is_open() {
    let stage = Stage::of(Day::Normal);
    let reader = Reader { me: None, may_act: false, ..stage.reader() };
    let mut view = samples::wall(Day::Normal, &reader.tell);
    let button = view.tiles.last_mut().unwrap();
    assert!(button.is_button, "{button:?}");
    button.state = super::StateView::Fine;
    let open = wall::TileView {
        goal: "More".into(),
        state: super::StateView::NeedsYou,
        open: 1,
        line: None,
        is_button: false,
    };
    view.tiles.extend(vec![open; 9]);
    let said = words(&wall::page(&view, &reader).0);
    assert!(said.contains("Give customers more happiness"), "{said}");
}

#[test]
fn the_wall_says_whose_day_it_is_and_can_do_nothing() {
    let stage = Stage::of(Day::Normal);
    let reader = Reader { me: None, may_act: false, ..stage.reader() };
    let html = wall::page(&samples::wall(Day::Normal, &reader.tell), &reader).0;
    for forbidden in ["<form", "<button", "<a ", "<input", "csrf"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    insta::assert_snapshot!(words(&html), @r#"
    developers on the wall · onduty
    developers LV
    Lena Vogt
    is on duty until 19:00
    OH next Omar tomorrow 09:00
    Keep main green
    unit tests failed on main
    1 open
    No critical error is released
    2 looked at today
    fine
    Every error in production has an owner
    Timeout in booking#create
    2 open
    Asked by the team
    Can you look at the log rotation with us? The disk of staging is nearly full.
    1 open
    Give customers more happiness
    closed, 2 reasons
    blocked
    and 1 more, none more pressing
    14:04
    last rollout
    arrived 1b7d04e Fri 27 Feb 11:20
    13:59 Noor El-Amin: asked: Can you look at the log rotation with us?
    13:58 Lena Vogt: did: Rerun the failed job once; is it a flake? (unit tests failed on main)
    13:55 Lena Vogt: took this (unit tests failed on main)
    "#);
}

#[test]
fn the_button_says_exactly_what_goes_out() {
    let stage = Stage::of(Day::Normal);
    let html = gate::panel(&samples::open_gate(), &stage.reader()).0;
    let revision = "8f3c2ab91d0e4c5f6a7b8c9d0e1f2a3b4c5d6e7f";
    for part in [
        "action=\"/duty/developers/rollout\"",
        "name=\"environment\" value=\"production\"",
        &format!("name=\"revision\" value=\"{revision}\""),
        "name=\"diff_hash\" value=\"c0ffee\"",
        "name=\"confirm\" required",
        "pattern=\"8f3c2ab\"",
        "data-hold=\"8f3c2ab\"",
        "Roll out 8f3c2ab to",
        "Priya Nair",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let refused =
        gate::GateView { not_allowed: Some("only the one on duty presses it".into()), ..samples::open_gate() };
    let html = gate::panel(&refused, &stage.reader()).0;
    assert!(html.contains("only the one on duty presses it") && !html.contains("<form"));
}

#[test]
fn an_item_has_every_form_it_needs() {
    let stage = Stage::of(Day::Normal);
    let html = item::page(&samples::item_page(Day::Normal), &stage.reader()).0;
    let path = format!("/items/{}", samples::red_main().item.id);
    for verb in ["release", "owner", "tick", "conclude", "snooze"] {
        assert!(html.contains(&format!("action=\"{path}/{verb}\"")), "{verb}");
    }
    for until in ["1h", "next-shift", "next-rollout", "happens-again", "condition"] {
        assert!(html.contains(&format!("<option value=\"{until}\"")), "{until}");
    }
    assert!(html.contains("rel=\"noopener noreferrer\""));
    assert!(html.contains("ci.branch(&quot;main&quot;) == &quot;failing&quot;"));
}

#[test]
fn a_terrible_day_stays_small_and_loses_nothing() {
    let stage = Stage::of(Day::Terrible);
    let html = today::page(&samples::today_view(Day::Terrible), &stage.reader()).0;
    assert!(html.len() < 250_000, "{} bytes", html.len());
    assert_eq!(html.matches("class=\"item ").count(), 60);
    for said in
        ["52 more items", "12 further items", "72", "70 things need you", "2 steps cannot be judged", "did you mean"]
    {
        assert!(html.contains(said), "{said}");
    }
}

#[test]
fn empty_pages_say_what_to_do() {
    let stage = Stage::of(Day::Empty);
    for (name, said) in [
        ("today", "processes/developers.yml"),
        ("log", "it writes itself"),
        ("process", "onduty check"),
        ("team", "roster.yml"),
        ("welcome", "onduty init"),
    ] {
        let all = pages(Day::Empty, &stage.reader());
        let (_, html) = all.iter().find(|(page, _)| *page == name).expect("drawn above");
        assert!(html.contains("class=\"empty\"") && html.contains(said), "{name}");
    }
}
