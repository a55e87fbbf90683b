//! *Plan*, and a plan before it counts.

use super::{Day, days_ago, team_page};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use onduty::texts::leave_calendars::CalendarText;
use onduty::web::views::fairness::FairnessView;
use onduty::web::views::plan::{LeaveView, OfferView, PlanView, VersionView as PlanVersionView, WhyView};
use onduty::web::views::proposal::{DutyProposalView, ProposalView};
use onduty::web::views::team::MemberView;
use onduty_core::engine::{ShiftMove, ShiftOffer};
use onduty_core::ids::EngineerId;
use onduty_core::plan::team::Part;
use onduty_core::schedule::{Price, Shift};
use std::collections::BTreeMap;

/// *Plan* of a day: a published plan with an offer and a moved turn, or the rotation before the first.
pub fn plan_page(day: Day) -> PlanView {
    let team = team_page(day);
    let until = (day != Day::Empty && day != Day::Calm).then(|| date(2026, 4, 30));
    let turns: Vec<&Shift> = team.shifts.iter().collect();
    let days = date(2026, 3, 1).series(1.day()).take_while(|day| *day <= date(2026, 5, 31));
    let days =
        days.filter(|day| !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday));
    let shifts = days.filter(|day| *day != date(2026, 3, 11)).zip(turns.iter().cycle());
    let shifts: BTreeMap<Date, Shift> = shifts
        .map(|(day, shift)| (day, Shift { day, engineer: shift.engineer.clone(), origin: shift.origin.clone() }))
        .collect();
    let id = |text: &str| EngineerId::from(text);
    let offer = |to: Option<&str>, other: Option<Date>, taken_by: Option<&str>| ShiftOffer {
        engineer: id("omar"),
        to: to.map(id),
        in_return: other,
        by: id("omar"),
        at: days_ago(1),
        taken_by: taken_by.map(id),
    };
    let moved = ShiftMove {
        day: date(2026, 3, 17),
        was: Some(id("omar")),
        is: Some(id("lena")),
        by: id("priya"),
        at: days_ago(1),
        unseen: [id("lena")].into(),
    };
    let row = |(index, member): (usize, &MemberView)| Part {
        engineer: member.engineer.clone(),
        done: 9 - index as u32 % 3,
        planned: 4 + index as u32 % 2,
        over_milli: 5_200 - 1_400 * index as i64,
    };
    let busy = matches!(day, Day::Normal | Day::Terrible);
    let near = vec![date(2026, 3, 17)];
    let price = Price { engineer: id("lena"), day: date(2026, 3, 16), near, is_unwanted: true };
    PlanView {
        duty_name: team.duty_name.clone(),
        published_until: until,
        months: vec![date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)],
        holidays: [(date(2026, 3, 11), "Founders' day".to_owned())].into(),
        away: if busy { date(2026, 4, 6).series(1.day()).take(5).collect() } else { Vec::new() },
        mine: shifts
            .values()
            .filter(|shift| shift.engineer == Some(id("lena")))
            .map(|shift| shift.day)
            .take(4)
            .collect(),
        beside: if busy { vec![(date(2026, 3, 24), id("sam"))] } else { Vec::new() },
        shifts,
        moves: if busy { vec![moved] } else { Vec::new() },
        offers: if busy {
            vec![
                OfferView { day: date(2026, 3, 16), offer: offer(None, None, None), price: vec![price] },
                OfferView {
                    day: date(2026, 3, 20),
                    offer: offer(Some("lena"), Some(date(2026, 3, 24)), Some("priya")),
                    price: Vec::new(),
                },
            ]
        } else {
            Vec::new()
        },
        agrees_to_swaps: busy,
        holes: if busy { vec![date(2026, 4, 8)] } else { Vec::new() },
        leave: if busy {
            let (from, to) = (date(2026, 4, 6), date(2026, 4, 10));
            vec![LeaveView { id: "v1".to_owned(), engineer: id("omar"), from, to, calendar: Some("hr".to_owned()) }]
        } else {
            Vec::new()
        },
        calendars: if busy {
            vec![
                CalendarText {
                    name: "hr".to_owned(),
                    state: "trouble",
                    says: "cannot be read: it answers 404; make a new address for it where the calendar is kept. What it said 3 h ago still counts.".to_owned(),
                    notes: vec!["“Maria Keller” (Mon 9 Mar to Fri 13 Mar) is nobody on the roster.".to_owned()],
                    read_at: None,
                },
                CalendarText {
                    name: "lena".to_owned(),
                    state: "well",
                    says: "was read 12 min ago: 3 leaves.".to_owned(),
                    notes: Vec::new(),
                    read_at: None,
                },
            ]
        } else {
            Vec::new()
        },
        fairness: FairnessView {
            from: Some(date(2025, 9, 1)),
            to: Some(date(2026, 4, 30)),
            rows: team.members.iter().enumerate().map(row).collect(),
        },
        why: busy.then(|| WhyView {
            day: date(2026, 3, 17),
            engineer: Some(id("lena")),
            because: vec![
                "4 others could have served as well.".to_owned(),
                "Not possible: 2 away and 1 too near to another turn.".to_owned(),
                "Omar Haddad would have been next: worse for the distance between turns.".to_owned(),
            ],
        }),
        versions: if busy {
            vec![PlanVersionView { number: 2, by: id("priya"), at: days_ago(1), until: date(2026, 4, 30), moved: 1 }]
        } else {
            Vec::new()
        },
        may_publish: day != Day::Calm,
        members: team.members.iter().map(|member| member.engineer.clone()).collect(),
    }
}

/// What a new plan would change.
pub fn plan_proposal(day: Day) -> ProposalView {
    let id = |text: &str| EngineerId::from(text);
    let moved = (2..if day == Day::Terrible { 60 } else { 5 })
        .map(|n| (date(2026, 3, 1).saturating_add(n.days()), Some(id("omar")), (n != 3).then(|| id("lena"))));
    let duty = DutyProposalView {
        name: "Developers".to_owned(),
        shifts: 64,
        moved: if day == Day::Calm { Vec::new() } else { moved.collect() },
        relied_on_until: date(2026, 4, 30),
        uncovered: if day == Day::Terrible {
            vec![(
                date(2026, 4, 2),
                vec!["Lena Vogt and Omar Haddad away".to_owned(), "the day can stay without anybody".to_owned()],
            )]
        } else {
            Vec::new()
        },
        beside: vec![
            "Tue 24 Mar: the first turn of Sam Okafor, with Priya Nair beside them.".to_owned(),
            "Mon 23 Mar: Sam Okafor watches Priya Nair.".to_owned(),
        ],
    };
    ProposalView {
        days: (date(2026, 3, 3), date(2026, 6, 5)),
        digest: "0f9c2d7a51".to_owned(),
        duties: if day == Day::Empty { Vec::new() } else { vec![duty] },
        quality: if day == Day::Empty { Vec::new() } else { vec!["Every day has somebody.".to_owned()] },
        refused: (day == Day::Empty).then(|| "no duty of the roster has a process and people".to_owned()),
    }
}
