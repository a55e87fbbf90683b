//! Two duties in the morning, on each kind of day.

use super::{ARABIC, Day, HOSTILE, at, closed_gate, production_error, red_main};
use onduty::web::views::handshake::{HandshakeView, OtherView, SideView, WithView};
use onduty::web::views::items::ItemView;
use onduty_core::handshake::{Hand, Handshake, Proposal, Proposed};
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::item::{HandedOver, ItemId};

fn hand(by: &str, time: &str) -> Hand {
    Hand { by: EngineerId::from(by), at: at(time) }
}

fn proposal(from: &str, to: &str, by: &str, what: Proposed) -> Proposal {
    Proposal { from: DutyId::from(from), to: DutyId::from(to), what, by: EngineerId::from(by), at: at("09:12") }
}

/// What is between the two.
pub fn with_devops(day: Day) -> WithView {
    let text = if day == Day::Terrible { HOSTILE } else { "Rotate the certificates of staging, 14:00" };
    let pair = Proposed::PairTask { text: text.to_owned() };
    let over = Proposed::HandOver { item: ItemId::from_text("developers.x.1"), title: ARABIC.to_owned() };
    WithView {
        duty: DutyId::from("devops"),
        handshake: match day {
            Day::Empty => None,
            Day::Calm => Some(Handshake {
                day: jiff::civil::date(2026, 3, 2),
                ours: Some(hand("lena", "09:04")),
                theirs: Some(hand("omar", "09:10")),
            }),
            Day::Normal | Day::Terrible => {
                Some(Handshake { day: jiff::civil::date(2026, 3, 2), ours: None, theirs: Some(hand("omar", "09:10")) })
            }
        },
        proposals: match day {
            Day::Empty | Day::Calm => Vec::new(),
            Day::Normal | Day::Terrible => vec![
                ("p1".to_owned(), proposal("devops", "developers", "omar", pair)),
                ("p2".to_owned(), proposal("developers", "devops", "priya", over)),
            ],
        },
    }
}

fn given() -> ItemView {
    let mut view = red_main();
    view.item.handed_over = Some(HandedOver {
        to: DutyId::from("devops"),
        engineer: EngineerId::from("omar"),
        item: ItemId::from_text("devops.asked.1"),
        at: at("10:12"),
    });
    view
}

/// The page.
pub fn handshake_page(day: Day) -> HandshakeView {
    let side = |duty: &str, on_duty: &str, items: Vec<ItemView>| SideView {
        duty: DutyId::from(duty),
        on_duty: Some((EngineerId::from(on_duty), at("19:00"))),
        items,
        gate: (duty == "developers").then(closed_gate),
        unknown: if day == Day::Terrible { 2 } else { 0 },
        has_process: true,
    };
    let (ours, theirs) = match day {
        Day::Empty | Day::Calm => (Vec::new(), Vec::new()),
        Day::Normal => (vec![production_error(), given()], vec![red_main()]),
        Day::Terrible => (vec![production_error(); 24], vec![red_main(), given()]),
    };
    let others = if day == Day::Empty {
        Vec::new()
    } else {
        vec![OtherView { side: side("devops", "omar", theirs), with: with_devops(day) }]
    };
    HandshakeView { ours: side("developers", "lena", ours), others }
}
