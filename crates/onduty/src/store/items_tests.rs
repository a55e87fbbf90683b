//! Which items a pass is given, and which it never reads.

use super::*;
use crate::store::signals;
use crate::store::tests::{Folder, Place, at, on_both};
use onduty_core::item::{Closing, SnoozeUntil, Why};
use onduty_core::signal::{Build, BuildState, Fact, Observation, RolloutFact, RolloutState};

on_both!(an_item_through_its_states, what_the_engine_can_need_is_there_and_no_more,);

fn item(step: &str, subject: &str, occurrence: u32, opened: &str, closed: Option<&str>) -> Item {
    let duty = DutyId::new("developers");
    Item {
        id: ItemId::derive(&duty, &step.into(), &subject.into(), occurrence),
        duty,
        step: step.into(),
        subject: subject.into(),
        occurrence,
        why: Why::Due,
        opened_at: at(opened),
        shift: at(opened).to_zoned(jiff::tz::TimeZone::UTC).date(),
        state: closed.map_or(ItemState::Open, |at_| ItemState::Closed { at: at(at_), how: Closing::Done }),
        taken: None,
        suggestion: None,
        owner: None,
        checklist: Vec::new(),
        conclusion: None,
        mended: None,
        escalated: false,
        handed_over: None,
    }
}

#[tokio::test]
async fn the_engine_never_waits_for_a_scan() {
    let folder = Folder::new();
    let store = folder.store().await;
    for branches in [0, 2] {
        let scans = crate::store::tests::scans_in(&store, &latest_sql(branches)).await;
        assert_eq!(scans, [""; 0], "{branches} branches");
    }
}

fn names(items: &[Item]) -> Vec<String> {
    items.iter().map(|item| format!("{} {} {}", item.step, item.subject, item.occurrence)).collect()
}

async fn an_item_through_its_states(place: &Place) {
    let store = place.store().await;
    let duty = DutyId::new("developers");
    let mut tx = store.begin().await.unwrap();
    let mut one = item("main-green", "", 1, "2026-03-02T09:00:00Z", None);
    upsert(&mut tx, &one).await.unwrap();
    let other = Item { duty: "devops".into(), id: ItemId::from_text("other"), ..one.clone() };
    upsert(&mut tx, &other).await.unwrap();
    assert_eq!(get(&mut tx, &one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(get(&mut tx, &ItemId::from_text("nothing")).await.unwrap(), None);

    one.state =
        ItemState::Snoozed { until: SnoozeUntil::NextRollout, by: "lena".into(), since: at("2026-03-02T09:30:00Z") };
    upsert(&mut tx, &one).await.unwrap();
    assert_eq!(open_items(&mut tx, &duty).await.unwrap(), [one.clone()]);

    let closed_at = at("2026-03-02T10:00:00Z");
    one.state = ItemState::Closed { at: closed_at, how: Closing::ConditionCleared };
    upsert(&mut tx, &one).await.unwrap();
    assert_eq!(open_items(&mut tx, &duty).await.unwrap(), []);
    let later = at("2026-03-02T10:00:01Z");
    assert_eq!(closed_between(&mut tx, &duty, closed_at, later).await.unwrap(), [one.clone()]);
    assert_eq!(closed_between(&mut tx, &duty, at("2026-03-02T08:00:00Z"), closed_at).await.unwrap(), []);
    assert_eq!(of_shift(&mut tx, &duty, "2026-03-02".parse().unwrap()).await.unwrap(), [one.clone()]);
    assert_eq!(of_shift(&mut tx, &duty, "2026-03-03".parse().unwrap()).await.unwrap(), []);

    one.state = ItemState::Open;
    upsert(&mut tx, &one).await.unwrap();
    assert_eq!(closed_between(&mut tx, &duty, closed_at, later).await.unwrap(), []);
}

async fn what_the_engine_can_need_is_there_and_no_more(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.unwrap();
    let old = "2026-01-05T09:00:00Z";
    for one in [
        item("main-green", "", 1, old, Some(old)),
        item("main-green", "", 2, "2026-01-06T09:00:00Z", Some("2026-01-06T09:00:00Z")),
        item("errors", "forgotten", 1, old, Some(old)),
        item("errors", "still there", 1, old, Some(old)),
        item("performance", "last rollout", 1, "2026-01-03T09:00:00Z", Some("2026-01-03T10:00:00Z")),
        item("performance", "", 1, "2026-01-03T11:00:00Z", Some("2026-01-03T12:00:00Z")),
        item("errors", "never ended", 1, "2026-01-04T09:00:00Z", None),
        item("errors", "reopened", 1, old, Some(old)),
        item("errors", "reopened", 2, "2026-03-02T09:00:00Z", Some("2026-03-02T10:00:00Z")),
    ] {
        upsert(&mut tx, &one).await.unwrap();
    }
    let build = Build {
        repository: "acme/shop".into(),
        branch: Some("main".into()),
        revision: "c0ffee".into(),
        name: "unit".into(),
        state: BuildState::Failed,
        attempt: 1,
        started_at: at(old),
        finished_at: None,
        url: None,
        detail: None,
        frames: Vec::new(),
        unproven_branch: false,
    };
    let seen = Observation {
        source: "github".into(),
        subject: "still there".into(),
        fact: Fact::Build(build),
        source_time: at(old),
        baseline: false,
    };
    signals::record(&mut tx, &[(&seen, at(old))]).await.unwrap();

    let rollout = RolloutFact {
        id: "1".into(),
        environment: "production".into(),
        repository: None,
        revision: "c0ffee".into(),
        state: RolloutState::Succeeded,
        started_at: at(old),
        finished_at: None,
        by: None,
        pressed: true,
        url: None,
    };
    let seen = Observation { subject: "last rollout".into(), fact: Fact::Rollout(rollout), ..seen };
    signals::record(&mut tx, &[(&seen, at(old))]).await.unwrap();

    let latest =
        latest(&mut tx, &"developers".into(), &["main".into()].into(), at("2026-02-16T09:00:00Z")).await.unwrap();
    assert_eq!(
        names(&latest),
        [
            "performance last rollout 1",
            "performance  1",
            "errors never ended 1",
            "errors still there 1",
            "main-green  2",
            "errors reopened 2"
        ]
    );
}
