//! From the start of the process until it is healthy: with an empty store, and with a log book of years.

use super::results::{Results, Times};
use super::rig::{Server, Team};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use onduty::store::{Store, items, journal, log_book};
use onduty_core::engine::{Action, Record};
use onduty_core::ids::{DutyId, EngineerId, StepId, Subject};
use onduty_core::item::{Closing, Conclusion, Item, ItemId, ItemState, Taken, Why, WriteBack};
use onduty_core::logbook::{Author, Event, NewEntry};
use std::path::Path;

/// Entries of the filled store.
const ENTRIES: u32 = 100_000;
/// Every so manieth entry closes an item.
const PER_ITEM: u32 = 5;

pub async fn measure(onduty: &Path, full: bool, results: &mut Results) -> anyhow::Result<()> {
    let times = if full { 20 } else { 5 };
    let empty = Times::of(starts(onduty, times, &mut || Team::new()).await?);
    println!("empty: {}", empty.summary());
    results.at_most("start to healthy, empty store (median)", empty.at(0.5), 300.0, "ms")?;

    let team = Team::new()?;
    fill(&team, ENTRIES).await?;
    println!("filled: {} MB on disk", std::fs::metadata(team.store())?.len() / 1_000_000);
    let mut filled = Vec::new();
    for _ in 0..times {
        filled.push(start(onduty, &team).await?);
    }
    let filled = Times::of(filled);
    println!("{ENTRIES} entries: {}", filled.summary());
    results.at_most("start to healthy, 100,000 entries (median)", filled.at(0.5), 1_000.0, "ms")
}

async fn starts(
    onduty: &Path,
    times: usize,
    team: &mut dyn FnMut() -> anyhow::Result<Team>,
) -> anyhow::Result<Vec<f64>> {
    let mut taken = Vec::new();
    for _ in 0..times {
        taken.push(start(onduty, &team()?).await?);
    }
    Ok(taken)
}

async fn start(onduty: &Path, team: &Team) -> anyhow::Result<f64> {
    let config = team.config();
    let server = Server::spawn(onduty, &["serve", "--config", &config.display().to_string()])?;
    Ok(server.until_ok("/healthz").await?.as_secs_f64() * 1e3)
}

/// Four years of a duty: an item a few times a day, each with its entries and its records.
pub async fn fill(team: &Team, entries: u32) -> anyhow::Result<()> {
    let (duty, step) = (DutyId::from("developers"), StepId::from("production-errors"));
    std::fs::create_dir_all(team.folder().join("onduty-data"))?;
    let store = Store::open(&team.store()).await?;
    let first: Timestamp = "2022-01-03T09:00:00Z".parse()?;
    for piece in (0..entries).collect::<Vec<_>>().chunks(1_000) {
        let mut tx = store.begin().await?;
        for n in piece {
            let at = first + SignedDuration::from_mins(20 * i64::from(*n));
            let shift: Date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
            let by = EngineerId::new(format!("e{:02}", n % 20 + 1));
            let item = closed_item(&duty, &step, n / PER_ITEM, at, shift, &by);
            let (author, event, text) = if n % PER_ITEM == PER_ITEM - 1 {
                items::upsert(&mut tx, &item).await?;
                let conclusion = "a time-out of the payment provider; the retry is in place now".to_owned();
                (Author::Engineer { id: by.clone() }, Event::Concluded { text: conclusion.clone() }, conclusion)
            } else {
                (Author::Machine, Event::Released, format!("{step} is looked at again, check {n}"))
            };
            let entry = NewEntry { duty: duty.clone(), at, shift, author, item: Some(item.id.clone()), event };
            log_book::append(&mut tx, &entry, &text).await?;
            let action = Action::Release { item: item.id };
            journal::append(&mut tx, &Record::Acted { duty: duty.clone(), at, by: Some(by), action }).await?;
        }
        tx.commit().await?;
    }
    store.close().await;
    Ok(())
}

fn closed_item(duty: &DutyId, step: &StepId, number: u32, at: Timestamp, shift: Date, by: &EngineerId) -> Item {
    let subject = Subject::new(format!("shop/SHOP-{number}"));
    Item {
        id: ItemId::derive(duty, step, &subject, 1),
        duty: duty.clone(),
        step: step.clone(),
        subject,
        occurrence: 1,
        why: Why::Due,
        opened_at: at - SignedDuration::from_mins(80),
        shift,
        state: ItemState::Closed { at, how: Closing::Concluded },
        taken: Some(Taken { by: by.clone(), at }),
        suggestion: None,
        owner: None,
        checklist: Vec::new(),
        conclusion: Some(Conclusion {
            by: by.clone(),
            at,
            text: "a time-out of the payment provider".to_owned(),
            resolve: WriteBack::NotAsked,
        }),
        mended: None,
        escalated: false,
        handed_over: None,
    }
}
