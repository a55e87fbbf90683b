use super::*;
use crate::WorldOptions;
use crate::sample::{ID_BOOKING, ID_SMS, make_repository};
use crate::world::tests::{connected, options};
use jiff::civil::Date;
use std::collections::BTreeSet;

fn day() -> Date {
    "2026-03-02".parse().unwrap()
}

fn at(time: &str) -> Timestamp {
    format!("2026-03-02T{time}:00+01:00").parse().unwrap()
}

fn scenario(seed: u64) -> Scenario {
    Scenario::demo_day(day(), seed, &"a".repeat(40)).unwrap()
}

fn world() -> World {
    World::new(WorldOptions { now: at("08:50"), ..options() })
}

#[test]
fn a_scenario_follows_from_its_seed() {
    assert_eq!(scenario(7), scenario(7));
    assert_ne!(scenario(7), scenario(8));
    for seed in 0..50 {
        let scenario = scenario(seed);
        assert!(scenario.events.is_sorted_by_key(|event| event.at));
        assert!((80..400).contains(&scenario.events.len()), "{} events", scenario.events.len());
        // No push before the checks of the one before have ended: they are about the newest commit.
        let mut running = BTreeSet::new();
        for event in &scenario.events {
            match &event.act {
                Act::Pushes(_) => assert!(running.is_empty(), "seed {seed}, {}: {running:?}", event.at),
                Act::CheckStarts { branch, check } if branch == "main" => assert!(running.insert(check)),
                Act::CheckEnds { branch, check, .. } if branch == "main" => assert!(running.remove(check)),
                _ => {}
            }
        }
        let last = scenario.events.iter().rfind(|event| !event.title.contains("unit tests")).unwrap();
        assert!(last.at < at("16:00"), "seed {seed}: {} at {}", last.title, last.at);
    }
}

#[test]
fn summer_time_and_winter_time_have_the_same_hours() {
    for (day, rolled_out, connected) in [
        ("2026-03-30", "2026-03-27T15:12:00Z", "2026-03-30T07:02:00Z"),
        ("2026-10-26", "2026-10-23T14:12:00Z", "2026-10-26T08:02:00Z"),
    ] {
        let scenario = Scenario::demo_day(day.parse().unwrap(), 1, "abc").unwrap();
        assert_eq!(scenario.events[0].at, rolled_out.parse().unwrap(), "{day}");
        let first = scenario.events.iter().find(|event| event.act == Act::Pings).unwrap();
        assert_eq!(first.at, connected.parse().unwrap(), "{day}");
    }
}

#[tokio::test]
async fn the_day_is_played_in_order_whatever_the_steps() {
    let mut bodies = Vec::new();
    for steps in [vec!["19:00"], vec!["09:05", "09:06", "12:00", "13:52", "15:59", "19:00"]] {
        let world = world();
        let mut player = Player::new(world.clone(), scenario(7));
        let mut played = Vec::new();
        for step in steps {
            played.extend(player.play_until(at(step)).await.unwrap());
            assert_eq!(world.now(), at(step));
        }
        assert_eq!(played.len(), scenario(7).events.len());
        assert!(played.iter().all(|one| !one.sent.0.is_empty()), "everything that happens is told");
        assert!(played.iter().all(|one| one.sent.0.iter().all(|delivery| delivery.at == one.at)));
        bodies.push(world.deliveries().into_iter().map(|one| (one.at, one.body)).collect::<Vec<_>>());
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn the_day_reads_well() {
    let world = world();
    let mut player = Player::new(world.clone(), scenario(7));
    let friday: Timestamp = "2026-02-27T16:12:00+01:00".parse().unwrap();
    assert_eq!(player.next_due(), Some(friday), "customers already have last week's work");
    player.play_until(at("08:50")).await.unwrap();
    assert_eq!(player.next_due(), Some(at("09:02")));
    let mut state_at = async |time: &str| {
        player.play_until(at(time)).await.unwrap();
        let model = world.model();
        let head = model.github.head("acme/shop", "main");
        let red = model.github.not_passed("acme/shop", "main", &head);
        (red, model.tracker.count())
    };
    let (red, errors) = state_at("09:20").await;
    assert_eq!((red.len(), errors), (0, 31));
    let (red, errors) = state_at("11:21").await;
    assert_eq!((red, errors), (vec!["e2e".to_owned()], 33));
    assert_eq!(state_at("11:34").await.0.len(), 0, "a flake");
    assert_eq!(state_at("13:52").await.0.first().map(String::as_str), Some("e2e"), "still running");
    assert_eq!(state_at("13:58").await.0, ["unit tests"]);
    let (red, errors) = state_at("16:00").await;
    assert_eq!((red.len(), errors), (0, 34));
    assert_eq!(world.tracker().group(PROJECT, "SHOP-4071").unwrap().status.as_str(), "resolved");
    assert_eq!(world.tracker().group(PROJECT, ID_BOOKING).unwrap().count, 41);
}

#[tokio::test]
async fn signs_of_life_never_stop() {
    let (world, _) = connected().await;
    let mut player = Player::new(world.clone(), scenario(7));
    player.play_until(at("19:00")).await.unwrap();
    world.clear_deliveries();
    assert_eq!(player.play_until(at("20:00")).await.unwrap(), []);
    let log = world.deliveries();
    assert_eq!(log.len(), 15);
    assert!(log.iter().all(|one| one.event == "contact" && one.status() == Some(202)));
}

#[tokio::test]
async fn pushes_become_real_commits() {
    let dir = tempfile::tempdir().unwrap();
    let repository = make_repository(dir.path(), 7, at("08:50")).unwrap();
    let morning = repository.head().revision.clone();
    let world = world();
    let mut player = Player::new(world.clone(), scenario(7)).with_repository(repository);
    assert_eq!(world.github().main().head(), morning);
    player.play_until(at("19:00")).await.unwrap();
    let head = std::process::Command::new("git")
        .args(["--git-dir", dir.path().to_str().unwrap(), "rev-parse", "main"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(head.stdout).unwrap().trim(), world.github().main().head());
    let red = player.repository.as_ref().unwrap();
    assert!(red.text("spec/models/booking_spec.rb").unwrap().contains(".in_time_zone(\"UTC\")"));
    assert!(red.text("app/models/price.rb").unwrap().contains("cover?(day.in_time_zone.to_date)"));
    // Stacks of the afternoon still point at the right lines.
    let again = tempfile::tempdir().unwrap();
    let before = make_repository(again.path(), 7, at("08:50")).unwrap();
    for path in ["app/models/booking.rb", "spec/models/booking_spec.rb", "app/models/price.rb"] {
        let lines = |text: Option<&str>| text.map(|text| text.lines().count());
        assert_eq!(lines(red.text(path)), lines(before.text(path)), "{path}");
    }
}

#[tokio::test]
async fn a_rollout_to_production_makes_customers_happier() {
    let world = world();
    let mut player = Player::new(world.clone(), scenario(7));
    player.play_until(at("16:10")).await.unwrap();
    player.rolled_out_to_production(at("16:10"));
    let played = player.play_until(at("16:30")).await.unwrap();
    assert_eq!(played.iter().filter(|one| one.title.ends_with("no longer happens")).count(), 3);
    assert_eq!(world.tracker().group(PROJECT, ID_SMS).unwrap().status.as_str(), "resolved");
}

#[tokio::test]
async fn ordinary_days_may_follow() {
    let world = world();
    let mut player = Player::new(world.clone(), scenario(7));
    player.continue_with(Scenario::ordinary_day("2026-03-03".parse().unwrap(), 8).unwrap());
    player.continue_with(Scenario::ordinary_day("2026-03-07".parse().unwrap(), 9).unwrap());
    let titles = async |player: &mut Player, until: &str| {
        let played = player.play_until(until.parse().unwrap()).await.unwrap();
        played.iter().filter(|one| one.title == "ordinary work is pushed").count()
    };
    assert!(titles(&mut player, "2026-03-02T23:00:00Z").await > 5);
    assert!(titles(&mut player, "2026-03-03T23:00:00Z").await > 5);
    assert_eq!(titles(&mut player, "2026-03-07T23:00:00Z").await, 0, "a Saturday");
    assert!(world.github().main().head().len() == 40 && world.tracker().groups().len() == 34);
}
