//! What whoever comes back should know, on each kind of day.

use super::{Day, HOSTILE, days_ago, production_error};
use jiff::civil::date;
use onduty::web::views::items::ItemView;
use onduty::web::views::refresher::{ChangeView, RefresherView};
use onduty_core::ids::EngineerId;
use onduty_core::item::{Conclusion, WriteBack};

fn case(day: Day) -> ItemView {
    let mut view = production_error();
    let text = if day == Day::Terrible { HOSTILE } else { "A query without an index: added one, see the runbook." };
    let (by, at) = (EngineerId::from("sam"), days_ago(9));
    view.item.conclusion = Some(Conclusion { by, at, text: text.to_owned(), resolve: WriteBack::NotAsked });
    view
}

/// The page.
pub fn refresher_page(day: Day) -> RefresherView {
    let id = EngineerId::from;
    let busy = matches!(day, Day::Normal | Day::Terrible);
    let change = |number: u32| ChangeView {
        number,
        at: days_ago(i64::from(40 - number)),
        by: number.is_multiple_of(2).then(|| id("priya")),
        reason: if day == Day::Terrible { HOSTILE.to_owned() } else { "flaky checks took an hour a day".to_owned() },
        changes: vec!["main-green: runs a red check again first".to_owned(), "performance added".to_owned()],
    };
    RefresherView {
        last: (day != Day::Empty).then_some(date(2025, 11, 24)),
        from: date(2025, 11, 24),
        changed: if busy { (6..if day == Day::Terrible { 18 } else { 8 }).map(change).collect() } else { Vec::new() },
        hidden: if day == Day::Terrible { 6 } else { 0 },
        cases: if busy { vec![case(day); 3] } else { Vec::new() },
        came: if busy { vec![id("mei"), id("diego")] } else { Vec::new() },
        went: if day == Day::Terrible { vec![id("max")] } else { Vec::new() },
        next: (day != Day::Empty).then_some(date(2026, 3, 6)),
        buddy: busy.then(|| id("omar")),
        read_at: (day == Day::Calm).then(|| days_ago(1)),
    }
}
