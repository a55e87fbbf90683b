use super::*;
use crate::store::Store;
use crate::store::tests::{Folder, Place, at, on_both};
use jiff::SignedDuration;
use onduty_core::signal::{
    BranchHead, Build, BuildState, Contact, CustomSignal, CustomState, ErrorGroup, ErrorStatus, Fact, Feed,
    RolloutFact, RolloutState, UnknownReason,
};

on_both!(
    late_news_change_nothing,
    one_subject_many_times_in_a_batch_folds_in_order,
    many_subjects_at_once,
    a_snapshot_has_what_matters_and_not_years,
    signs_of_life_are_kept_by_source_and_kind,
    hostile_names_are_only_names,
    an_unreadable_subject_fails_the_snapshot,
);

const NOW: &str = "2026-03-02T16:00:00Z";

fn days_ago(days: i64) -> Timestamp {
    at(NOW) - SignedDuration::from_hours(24 * days)
}

fn seen(subject: &str, fact: Fact, source_time: Timestamp) -> Observation {
    Observation { source: "github".into(), subject: subject.into(), fact, source_time, baseline: false }
}

fn build(branch: &str, state: BuildState, started_at: Timestamp) -> Fact {
    Fact::Build(Build {
        repository: "acme/shop".into(),
        branch: Some(branch.into()),
        revision: "c0ffee".into(),
        name: "unit".into(),
        state,
        attempt: 1,
        started_at,
        finished_at: None,
        url: None,
        detail: None,
        frames: Vec::new(),
        unproven_branch: false,
    })
}

fn error(status: ErrorStatus, last_seen: Timestamp) -> Fact {
    Fact::Error(ErrorGroup {
        id: "1".into(),
        project: "shop".into(),
        environment: "production".into(),
        title: "boom".into(),
        culprit: None,
        level: None,
        status,
        first_seen: last_seen,
        last_seen,
        regressed_at: None,
        count: 1,
        assignee: None,
        release: None,
        frames: Vec::new(),
        url: None,
    })
}

fn rollout(id: &str, state: RolloutState, started_at: Timestamp) -> Fact {
    Fact::Rollout(RolloutFact {
        id: id.into(),
        environment: "production".into(),
        repository: None,
        revision: "c0ffee".into(),
        state,
        started_at,
        finished_at: None,
        by: None,
        pressed: false,
        url: None,
    })
}

fn head(branch: &str) -> Fact {
    Fact::Head(BranchHead {
        repository: "acme/shop".into(),
        branch: branch.into(),
        revision: "c0ffee".into(),
        commits: Vec::new(),
        complete: true,
    })
}

fn custom(state: CustomState, since: Timestamp) -> Fact {
    Fact::Custom(CustomSignal {
        kind: "tide".into(),
        name: "quay".into(),
        state,
        message: None,
        value: None,
        max_age: None,
        since,
        frames: Vec::new(),
        url: None,
    })
}

fn contact(kinds: &[Kind], trouble: Option<&str>) -> Fact {
    Fact::Contact(Contact { kinds: kinds.to_vec(), trouble: trouble.map(str::to_owned) })
}

async fn write(store: &Store, seen: &[(Observation, Timestamp)]) {
    let seen: Vec<(&Observation, Timestamp)> = seen.iter().map(|(one, at)| (one, *at)).collect();
    let mut tx = store.begin().await.unwrap();
    record(&mut tx, &seen).await.unwrap();
    tx.commit().await.unwrap();
}

async fn see(store: &Store) -> Snapshot {
    let branches = ["main".to_owned()].into();
    snapshot(&mut store.read().await.unwrap(), &Declarations::default(), &branches, at(NOW)).await.unwrap()
}

fn state_of(snapshot: &Snapshot, subject: &str) -> Option<BuildState> {
    snapshot.of_kind(&Kind::Builds).find(|(one, _)| one.as_str() == subject).map(|(_, state)| match &state.fact {
        Fact::Build(build) => build.state,
        other => panic!("{other:?}"),
    })
}

async fn late_news_change_nothing(place: &Place) {
    let store = place.store().await;
    let (early, late) = (days_ago(1), days_ago(0));
    write(&store, &[(seen("unit", build("main", BuildState::Passed, late), late), late)]).await;
    write(&store, &[(seen("unit", build("main", BuildState::Failed, early), early), late)]).await;
    assert_eq!(state_of(&see(&store).await, "unit"), Some(BuildState::Passed));
}

async fn one_subject_many_times_in_a_batch_folds_in_order(place: &Place) {
    let states = [BuildState::Queued, BuildState::Running, BuildState::Failed, BuildState::Queued, BuildState::Passed];
    let observations: Vec<(Observation, Timestamp)> = states
        .iter()
        .enumerate()
        .map(|(n, state)| {
            // The fourth starts a second build.
            let started = days_ago(0) - SignedDuration::from_secs(if n < 3 { 100 } else { 10 });
            (seen("unit", build("main", *state, started), started), at(NOW))
        })
        .collect();
    // However the batches fall, the end is the same.
    let mut ends = Vec::new();
    for size in [1, 2, 5] {
        let store = place.store().await;
        for batch in observations.chunks(size) {
            write(&store, batch).await;
        }
        let snapshot = see(&store).await;
        assert_eq!(state_of(&snapshot, "unit"), Some(BuildState::Passed));
        ends.push(snapshot);
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0], ends[2]);
}

async fn many_subjects_at_once(place: &Place) {
    let store = place.store().await;
    let observations: Vec<(Observation, Timestamp)> = (0..300)
        .map(|n| (seen(&format!("unit {n}"), build("main", BuildState::Running, at(NOW)), at(NOW)), at(NOW)))
        .collect();
    write(&store, &observations).await;
    write(&store, &observations).await;
    assert_eq!(see(&store).await.of_kind(&Kind::Builds).count(), 300);
}

async fn a_snapshot_has_what_matters_and_not_years(place: &Place) {
    let store = place.store().await;
    let mut observations = vec![
        (seen("old, failed on main", build("main", BuildState::Failed, days_ago(90)), days_ago(90)), days_ago(90)),
        (seen("old, on a branch", build("feature", BuildState::Failed, days_ago(90)), days_ago(90)), days_ago(90)),
        (seen("new, on a branch", build("feature", BuildState::Failed, days_ago(3)), days_ago(3)), days_ago(3)),
        (seen("old, unresolved", error(ErrorStatus::Unresolved, days_ago(90)), days_ago(90)), days_ago(90)),
        (seen("old, resolved", error(ErrorStatus::Resolved, days_ago(90)), days_ago(90)), days_ago(90)),
        (seen("old, ignored", error(ErrorStatus::Ignored, days_ago(90)), days_ago(90)), days_ago(90)),
        (seen("new, resolved", error(ErrorStatus::Resolved, days_ago(90)), days_ago(13)), days_ago(13)),
        (seen("old, failing", custom(CustomState::Failing, days_ago(90)), days_ago(90)), days_ago(90)),
        (seen("old, fine", custom(CustomState::Ok, days_ago(90)), days_ago(90)), days_ago(90)),
        (seen("main", head("main"), days_ago(90)), days_ago(90)),
        (seen("feature", head("feature"), days_ago(90)), days_ago(90)),
        (seen("forgotten", rollout("0", RolloutState::Unknown, days_ago(900)), days_ago(900)), days_ago(900)),
    ];
    for n in 1..=250_i64 {
        let started = days_ago(400) + SignedDuration::from_hours(n);
        let fact = rollout(&n.to_string(), RolloutState::Succeeded, started);
        observations.push((seen(&format!("rollout {n}"), fact, started), started));
    }
    for n in 0..60 {
        observations.push((seen(&format!("head {n}"), head(&format!("topic-{n}")), days_ago(1)), days_ago(1)));
    }
    write(&store, &observations).await;

    let snapshot = see(&store).await;
    let subjects = |kind: &Kind| snapshot.of_kind(kind).map(|(subject, _)| subject.as_str()).collect::<Vec<_>>();
    assert_eq!(subjects(&Kind::Builds), ["new, on a branch", "old, failed on main"]);
    assert_eq!(subjects(&Kind::Errors), ["new, resolved", "old, unresolved"]);
    assert_eq!(subjects(&Kind::Custom("tide".into())), ["old, failing"]);
    let rollouts = snapshot.rollouts();
    assert_eq!((rollouts.len(), rollouts[0].id.as_str(), rollouts[1].id.as_str()), (201, "0", "51"));
    let heads = subjects(&Kind::Commits);
    assert_eq!(heads.len(), 51);
    assert!(heads.contains(&"main") && !heads.contains(&"feature"));

    // What a snapshot leaves out is not lost.
    let old = get(&mut store.read().await.unwrap(), &Kind::Errors, &"old, resolved".into()).await.unwrap();
    assert_eq!(old.unwrap().received_at, days_ago(90));
    // Without a branch to watch there is no placeholder to fill.
    let declarations = Declarations::default();
    let mut db = store.read().await.unwrap();
    let none = super::snapshot(&mut db, &declarations, &BTreeSet::new(), at(NOW)).await.unwrap();
    assert!(!none.heads().any(|head| head.branch == "main"));
}

async fn signs_of_life_are_kept_by_source_and_kind(place: &Place) {
    let store = place.store().await;
    let hour = |n: i64| at(NOW) - SignedDuration::from_hours(n);
    let other = |one: Observation, source: &str| Observation { source: source.into(), ..one };
    write(
        &store,
        &[
            (seen("unit", build("main", BuildState::Passed, hour(3)), hour(3)), hour(3)),
            (seen("", contact(&[Kind::Builds, Kind::Commits], None), hour(2)), hour(2)),
            (other(seen("", contact(&[Kind::Errors], Some("401")), hour(2)), "sentry"), hour(2)),
        ],
    )
    .await;
    let feed = |snapshot: &Snapshot, kind: &Kind| snapshot.feed(kind);
    let snapshot = see(&store).await;
    assert_eq!(feed(&snapshot, &Kind::Builds), Feed::Known { last_contact: hour(2) });
    assert_eq!(feed(&snapshot, &Kind::Commits), Feed::Known { last_contact: hour(2) });
    let trouble = UnknownReason::Trouble { source_name: "sentry".into(), trouble: "401".into() };
    assert_eq!(feed(&snapshot, &Kind::Errors), Feed::Unknown { reason: trouble.clone() });
    assert_eq!(
        feed(&snapshot, &Kind::Traffic),
        Feed::Unknown { reason: UnknownReason::Undeclared { kind: Kind::Traffic } }
    );
    // A contact is not a subject.
    assert_eq!(snapshot.signals.len(), 1);

    // An old answer that comes late is a sign of life, but not an earlier one.
    write(&store, &[(seen("unit", build("main", BuildState::Failed, hour(9)), hour(9)), hour(1))]).await;
    write(&store, &[(seen("", contact(&[Kind::Builds], None), hour(4)), hour(4))]).await;
    assert_eq!(see(&store).await.feed(&Kind::Builds), Feed::Known { last_contact: hour(1) });

    let mut tx = store.begin().await.unwrap();
    keep_contacts_of(&mut tx, &["github".into(), "git".into()].into()).await.unwrap();
    tx.commit().await.unwrap();
    let snapshot = see(&store).await;
    assert_eq!(
        snapshot.feed(&Kind::Errors),
        Feed::Unknown { reason: UnknownReason::Undeclared { kind: Kind::Errors } }
    );
    assert_eq!(snapshot.feed(&Kind::Builds), Feed::Known { last_contact: hour(1) });
}

async fn hostile_names_are_only_names(place: &Place) {
    let store = place.store().await;
    let name = "'; drop table signal; --\u{202e}$1";
    let fact = Fact::Custom(CustomSignal {
        kind: name.into(),
        name: name.into(),
        state: CustomState::Failing,
        message: Some(name.into()),
        value: Some(f64::MAX),
        max_age: None,
        since: at(NOW),
        frames: Vec::new(),
        url: None,
    });
    let one = seen(name, fact, at(NOW));
    write(&store, &[(one.clone(), at(NOW))]).await;
    let snapshot = see(&store).await;
    let (subject, state) = snapshot.of_kind(&Kind::Custom(name.into())).next().unwrap();
    assert_eq!((subject.as_str(), &state.fact), (name, &one.fact));
}

async fn an_unreadable_subject_fails_the_snapshot(place: &Place) {
    let store = place.store().await;
    write(&store, &[(seen("unit", build("main", BuildState::Passed, at(NOW)), at(NOW)), at(NOW))]).await;
    crate::store::tests::execute(&store, "update signal set state = '{}'").await.unwrap();
    let mut db = store.read().await.unwrap();
    let failed = snapshot(&mut db, &Declarations::default(), &BTreeSet::new(), at(NOW)).await.unwrap_err();
    assert!(matches!(failed, StoreError::Unreadable { table: "signal", .. }), "{failed:?}");
}

#[tokio::test]
async fn a_snapshot_never_waits_for_a_scan() {
    let folder = Folder::new();
    let store = folder.store().await;
    for branches in [0, 2] {
        let scans = crate::store::tests::scans_in(&store, &snapshot_sql(branches)).await;
        assert_eq!(scans, [""; 0], "{branches} branches");
    }
}
