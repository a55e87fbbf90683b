//! Replay gives the same again; another order of arrival ends in the same state.

use super::Day;
use super::day::{self, time};
use crate::engine::{Action, Record, Replay};
use crate::item::ItemState;
use crate::signal::{BuildState, ErrorStatus, Fact, Observation};

/// A day with something of everything.
fn full_day() -> Day {
    let mut day = Day::seed();
    day.at("10:12").error("e1", |_| {});
    day.tick().at("10:40").error("p1", |error| error.environment = "production".into());
    day.tick();
    let item = day.item("staging-errors").id;
    day.act("lena", Action::Take { item: item.clone() });
    day.act("lena", Action::Conclude { item, text: "a known time-out".to_owned(), resolve: false });
    day.at("13:52").builds("unit tests", BuildState::Failed, "a2");
    day.tick().at("14:10").builds("unit tests", BuildState::Passed, "a3");
    day.tick().at("16:00").tick();
    day
}

#[test]
fn replay_gives_the_same_items_and_entries_byte_for_byte() {
    let day = full_day();
    let mut again = Replay::default();
    for record in &day.records {
        // Through text, as the store keeps it.
        let text = serde_json::to_string(record).unwrap();
        again.step(&serde_json::from_str::<Record>(&text).unwrap()).unwrap();
    }
    let bytes = |replay: &Replay| serde_json::to_string(&(replay.items(), replay.entries())).unwrap();
    assert_eq!(bytes(&again), bytes(&day.replay));
    assert!(day.entries().len() >= 9, "{}", day.entries().len());
}

/// Observations of several subjects, each subject's own in order.
fn stories() -> Vec<Vec<Observation>> {
    let mut day = Day::seed();
    let mut story = |id: &str, times: &[(&str, ErrorStatus)]| -> Vec<Observation> {
        times
            .iter()
            .map(|(at, status)| {
                day.at(at);
                let mut error = day::error(id, time("10:05"));
                error.status = *status;
                error.last_seen = day.now;
                day.seen(&format!("shop/{id}"), Fact::Error(error))
            })
            .collect()
    };
    let mut stories = vec![
        story("e1", &[("10:06", ErrorStatus::Unresolved), ("10:30", ErrorStatus::Resolved)]),
        story("e2", &[("10:07", ErrorStatus::Unresolved), ("10:31", ErrorStatus::Unresolved)]),
        story(
            "e3",
            &[("10:08", ErrorStatus::Resolved), ("10:32", ErrorStatus::Unresolved), ("10:33", ErrorStatus::Ignored)],
        ),
    ];
    for (check, states) in
        [("unit tests", [BuildState::Failed, BuildState::Passed]), ("e2e", [BuildState::Passed, BuildState::Failed])]
    {
        let builds = states.iter().enumerate().map(|(n, state)| {
            day.at(if n == 0 { "10:10" } else { "10:50" });
            let fact = day::build(check, *state, &format!("b{n}"), day.now);
            day.seen(&format!("acme/shop main {check}"), fact)
        });
        stories.push(builds.collect());
    }
    stories
}

/// Open subjects, whatever happened on the way.
fn final_state(order: &[Observation]) -> (Vec<(String, String)>, String) {
    let mut day = Day::seed();
    day.at("11:30");
    for seen in order {
        day.observe_all(vec![seen.clone()]);
        day.tick();
    }
    // Beyond the hold-down nothing depends on who came first.
    day.at("16:00").tick();
    let open = day.replay.items().values().filter(|item| item.is_open()).map(|item| {
        let state = if item.state == ItemState::Open { "open" } else { "other" };
        (format!("{} {}", item.step, item.subject), state.to_owned())
    });
    (open.collect(), day.gate())
}

#[test]
fn a_thousand_shuffled_orders_end_in_the_same_state() {
    let stories = stories();
    let in_order: Vec<Observation> = stories.iter().flatten().cloned().collect();
    let expected = final_state(&in_order);
    assert!(!expected.0.is_empty());
    let rounds = if std::env::var_os("ONDUTY_FULL").is_some() { 1_000 } else { 100 };
    for seed in 1..=rounds {
        let order = shuffled(&stories, seed);
        assert_eq!(final_state(&order), expected, "seed {seed}: {order:?}");
    }
}

/// Any interleaving that keeps each story's own order.
fn shuffled(stories: &[Vec<Observation>], seed: u64) -> Vec<Observation> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut left: Vec<&[Observation]> = stories.iter().map(Vec::as_slice).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let chosen = (state % left.len() as u64) as usize;
        order.push(left[chosen][0].clone());
        left[chosen] = &left[chosen][1..];
        left.retain(|story| !story.is_empty());
    }
    order
}
