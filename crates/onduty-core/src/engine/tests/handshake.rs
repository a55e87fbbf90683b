//! Two duties that shake hands, do things together, and hand items over.

use super::day::{Day, ROSTER};
use crate::engine::{Action, Board, Record, agreed_item, shared_with};
use crate::handshake::Proposed;
use crate::ids::DutyId;
use crate::item::{Closing, Item, ItemId, ItemState};
use crate::logbook::Event;
use crate::process::ASKED;
use crate::signal::BuildState;

fn id(duty: &str) -> DutyId {
    DutyId::from(duty)
}

/// The seed's day with a second duty beside it, which has a process of its own.
fn two() -> Day {
    let mut day = Day::seed();
    let devops = "  devops: {members: [omar, priya], zone: Europe/Paris, hours: \"09:00-19:00\", since: 2026-03-02, handshake: developers}\n  third: {members: all, zone: Europe/Paris}\n";
    day.record(Record::Roster { text: format!("{ROSTER}{devops}"), holidays: Default::default() });
    day.duty = id("devops");
    day.activate(1, "process: devops\nsteps:\n  - {id: backups, goal: Look at the backups, once: shift}\n");
    day.tick();
    day.duty = id("developers");
    day.tick();
    day
}

fn on<T>(day: &mut Day, duty: &str, look: impl FnOnce(&mut Day) -> T) -> T {
    let before = std::mem::replace(&mut day.duty, id(duty));
    let seen = look(day);
    day.duty = before;
    seen
}

/// What the server does in one transaction: each side keeps its own.
fn both(day: &mut Day, by: &str, action: Action) {
    for duty in ["developers", "devops"] {
        on(day, duty, |day| day.act(by, action.clone()));
    }
}

fn board(day: &Day, duty: &str) -> Board {
    day.replay.memory(&id(duty)).unwrap().board.clone()
}

fn item(day: &Day, of: &ItemId) -> Item {
    day.replay.items()[of].clone()
}

fn shake(from: &str, to: &str) -> Action {
    Action::ShakeHands { from: id(from), to: id(to) }
}

fn propose(name: &str, from: &str, to: &str, what: Proposed) -> Action {
    Action::Propose { id: name.to_owned(), from: id(from), to: id(to), what }
}

fn pair(text: &str) -> Proposed {
    Proposed::PairTask { text: text.to_owned() }
}

fn answer(name: &str, side: &str, agreed: bool) -> Action {
    Action::AnswerProposal { id: name.to_owned(), side: id(side), agreed }
}

fn refused(day: &mut Day, by: &str, action: Action) -> String {
    let said = day.refused(by, action);
    said.strip_prefix("an action in the journal is refused: ").unwrap_or(&said).to_owned()
}

/// Main is red, and developers proposed to hand that over: the item.
fn red_main_is_proposed(day: &mut Day) -> ItemId {
    day.builds("unit tests", BuildState::Failed, "a2");
    day.tick();
    let item = day.item("main-green").id;
    let what = Proposed::HandOver { item: item.clone(), title: "unit tests failed on main".to_owned() };
    both(day, "lena", propose("h1", "developers", "devops", what));
    item
}

#[test]
fn hands_are_shaken_once_both_are_there_and_every_day_anew() {
    let mut day = two();
    let before = day.entries().len();
    both(&mut day, "lena", shake("developers", "devops"));
    assert!(day.log(before).is_empty(), "one hand is no handshake");
    assert!(board(&day, "devops").handshakes[&id("developers")].ours.is_none());
    assert_eq!(board(&day, "devops").handshakes[&id("developers")].theirs.as_ref().unwrap().by.as_str(), "lena");
    both(&mut day, "omar", shake("devops", "developers"));
    let shaken: Vec<Event> = day.entries()[before..].iter().map(|entry| entry.event.clone()).collect();
    let event = |with: &str, ours: &str, theirs: &str| Event::HandsShaken {
        with: id(with),
        ours: ours.into(),
        theirs: theirs.into(),
    };
    assert_eq!(shaken, [event("devops", "lena", "omar"), event("developers", "omar", "lena")]);
    let own = shake("devops", "developers");
    day.at("2026-03-03 09:01").tick();
    both(&mut day, "lena", shake("developers", "devops"));
    assert!(refused(&mut day, "lena", own).starts_with("you hold out the other hand already"));
    day.at("2026-03-03 09:02");
    both(&mut day, "omar", shake("devops", "developers"));
    let before = day.entries().len() - 2;
    // A second hand of the same side changes nothing.
    both(&mut day, "priya", shake("developers", "devops"));
    assert_eq!(day.entries().len(), before + 2);
    day.at("2026-03-04 09:05").tick();
    both(&mut day, "priya", shake("developers", "devops"));
    let handshake = board(&day, "developers").handshakes[&id("devops")].clone();
    assert_eq!((handshake.day.to_string().as_str(), handshake.hands()), ("2026-03-04", None));
}

#[test]
fn a_pair_task_opens_on_both_sides_once_the_other_agrees() {
    let mut day = two();
    both(&mut day, "lena", propose("p1", "developers", "devops", pair("  rotate the certificates ")));
    assert_eq!(day.step(ASKED), "fine", "a proposal is no work yet");
    assert_eq!(
        refused(&mut day, "lena", answer("p1", "developers", true)),
        "the other duty has to agree to this; you can take it back"
    );
    both(&mut day, "omar", answer("p1", "devops", true));
    assert!(board(&day, "developers").proposals.is_empty() && board(&day, "devops").proposals.is_empty());
    let (ours, theirs) = (agreed_item(&id("developers"), "p1"), agreed_item(&id("devops"), "p1"));
    assert_eq!(shared_with(&item(&day, &ours)), Some((&id("devops"), theirs.clone())));
    assert_eq!(shared_with(&item(&day, &theirs)), Some((&id("developers"), ours)));
    assert_eq!(
        refused(&mut day, "omar", answer("p1", "devops", true)),
        "there is no such proposal, or it was answered"
    );
}

#[test]
fn what_is_declined_or_taken_back_opens_nothing() {
    for (by, side) in [("omar", "devops"), ("lena", "developers")] {
        let mut day = two();
        both(&mut day, "lena", propose("p1", "developers", "devops", pair("look at the disks")));
        both(&mut day, by, answer("p1", side, false));
        assert!(board(&day, "devops").proposals.is_empty());
        assert_eq!(day.items(ASKED), []);
    }
}

#[test]
fn what_is_handed_over_is_in_other_hands_and_holds_the_gate_all_the_same() {
    let mut day = two();
    let given = red_main_is_proposed(&mut day);
    both(&mut day, "omar", answer("h1", "devops", true));
    day.at("16:30").tick();
    assert_eq!(day.step("main-green"), "waiting 1\n  condition #1 open");
    assert!(day.gate().contains("main-green"), "{}", day.gate());
    let ours = item(&day, &given);
    let to = ours.handed_over.clone().unwrap();
    assert_eq!((to.to.as_str(), to.engineer.as_str()), ("devops", "omar"));
    let theirs = item(&day, &to.item);
    assert_eq!((theirs.duty.as_str(), theirs.taken.unwrap().by.as_str()), ("devops", "omar"));
    assert_eq!(on(&mut day, "devops", |day| day.step(ASKED)), "open 1\n  h1 #1 open");
    let answered = day.entries().iter().filter(|entry| matches!(entry.event, Event::ProposalAnswered { .. }));
    let names = answered.map(|entry| (entry.duty.to_string(), entry.item.is_some())).collect::<Vec<_>>();
    assert_eq!(names, [("developers".to_owned(), true), ("devops".to_owned(), true)]);

    // Concluded there, the server says so here in the same words; main is still red.
    on(&mut day, "devops", |day| {
        day.act(
            "omar",
            Action::Conclude { item: to.item.clone(), text: "the runner was full".to_owned(), resolve: false },
        );
    });
    day.act("omar", Action::Conclude { item: given.clone(), text: "the runner was full".to_owned(), resolve: false });
    assert!(day.gate().contains("main-green"), "{}", day.gate());
    let again = Action::Reopen { item: to.item };
    assert_eq!(
        on(&mut day, "devops", |day| refused(day, "omar", again)),
        "it is over in the duty that handed it over; reopen it there, and hand it over once more"
    );
    day.builds("unit tests", BuildState::Passed, "a3");
    day.tick();
    assert!(!item(&day, &given).is_open());
}

#[test]
fn whoever_gave_it_may_take_it_back() {
    let mut day = two();
    let given = red_main_is_proposed(&mut day);
    both(&mut day, "omar", answer("h1", "devops", true));
    let theirs = item(&day, &given).handed_over.unwrap().item;
    day.act("lena", Action::Take { item: given.clone() });
    assert_eq!(
        (item(&day, &given).handed_over, day.step("main-green")),
        (None, "open 1\n  condition #1 open".to_owned())
    );
    on(&mut day, "devops", |day| day.machine_acts(Action::EndHandedOver { item: theirs.clone() }));
    assert!(matches!(item(&day, &theirs).state, ItemState::Closed { how: Closing::EndedWhereItCameFrom, .. }));
}

#[test]
fn what_came_back_needs_somebody_here_again() {
    let mut day = two();
    let given = red_main_is_proposed(&mut day);
    both(&mut day, "omar", answer("h1", "devops", true));
    day.at("10:05").builds("unit tests", BuildState::Passed, "a3");
    day.tick();
    assert!(!item(&day, &given).is_open());
    day.at("10:09").builds("unit tests", BuildState::Failed, "a4");
    day.tick();
    assert_eq!(
        (item(&day, &given).handed_over, day.step("main-green")),
        (None, "open 1\n  condition #1 open".to_owned())
    );
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let mut day = two();
    let given = red_main_is_proposed(&mut day);
    let over = |item: &ItemId, name: &str, to: &str| {
        propose(name, "developers", to, Proposed::HandOver { item: item.clone(), title: "red".to_owned() })
    };
    assert_eq!(
        refused(&mut day, "lena", over(&given, "h2", "devops")),
        "this item is proposed to another duty already"
    );
    assert_eq!(
        refused(&mut day, "lena", shake("developers", "third")),
        "third does not shake hands with this duty; `handshake` in the roster says who does"
    );
    assert_eq!(
        refused(&mut day, "lena", shake("devops", "third")),
        "third does not shake hands with this duty; `handshake` in the roster says who does"
    );
    assert_eq!(
        refused(&mut day, "lena", propose("p1", "developers", "devops", pair(" \n"))),
        "write a few words first"
    );
    both(&mut day, "omar", answer("h1", "devops", true));
    assert_eq!(
        refused(&mut day, "lena", over(&given, "h3", "devops")),
        "another duty has this item in hand; take it back first"
    );
    let theirs = item(&day, &given).handed_over.unwrap().item;
    let on_again = propose("h4", "devops", "developers", Proposed::HandOver { item: theirs, title: "red".to_owned() });
    let said = on(&mut day, "devops", |day| refused(day, "omar", on_again));
    assert_eq!(said, "only single items of this duty's own can be handed over");
    // An item that ended meanwhile is nobody's to take.
    day.error("e1", |_| {});
    day.tick();
    let error = day.item("staging-errors").id;
    both(&mut day, "lena", over(&error, "h5", "devops"));
    day.act("lena", Action::Conclude { item: error, text: "known".to_owned(), resolve: false });
    assert_eq!(refused(&mut day, "omar", answer("h5", "devops", true)), "this item is closed; reopen it first");
}

#[test]
fn proposals_have_a_limit() {
    let mut day = two();
    for number in 0..50 {
        day.act("lena", propose(&format!("p{number}"), "developers", "devops", pair("more")));
    }
    let refused = refused(&mut day, "lena", propose("p50", "developers", "devops", pair("more")));
    assert_eq!(refused, "50 proposals wait for an answer already; answer some first");
}
