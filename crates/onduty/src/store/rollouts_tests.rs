use super::*;
use crate::store::tests::{Place, at, on_both};

on_both!(a_rollout_from_press_to_end, fifty_press_and_one_rolls_out, output_continues_where_it_was,);

const NOON: &str = "2026-03-02T12:00:00Z";

fn new_press(id: &str, key: &str) -> Press {
    Press {
        id: id.into(),
        key: key.into(),
        duty: "developers".into(),
        environment: "production".into(),
        revision: "c0ffee".into(),
        diff_hash: "d1ff".into(),
        inputs_hash: "1e57".into(),
        pressed_by: "lena".into(),
        pressed_at: at(NOON),
    }
}

async fn a_rollout_from_press_to_end(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.unwrap();
    let production = Environment::new("production");
    assert_eq!(active(&mut tx, &production).await.unwrap(), None);
    let Pressed::Recorded(attempt) = press(&mut tx, &new_press("1", "a")).await.unwrap() else {
        panic!("not recorded")
    };
    assert_eq!(get(&mut tx, "1").await.unwrap().as_ref(), Some(&attempt));
    assert_eq!(active(&mut tx, &production).await.unwrap().as_ref(), Some(&attempt));

    assert!(take_on(&mut tx, "1", at(NOON)).await.unwrap());
    assert!(!take_on(&mut tx, "1", at(NOON)).await.unwrap());
    let process = Process { pid: 4_000_000_000, started: "98765".into() };
    assert!(set_process(&mut tx, "1", &process).await.unwrap());
    assert_eq!(all_active(&mut tx).await.unwrap()[0].process, Some(process.clone()));

    assert_eq!(
        press(&mut tx, &new_press("2", "a")).await.unwrap(),
        Pressed::Again(get(&mut tx, "1").await.unwrap().unwrap())
    );
    let Pressed::Occupied(other) = press(&mut tx, &new_press("2", "b")).await.unwrap() else { panic!("not occupied") };
    assert_eq!(other.press.id, "1");
    let staging = Press { environment: "staging".into(), ..new_press("3", "c") };
    assert!(matches!(press(&mut tx, &staging).await.unwrap(), Pressed::Recorded(_)));

    // Nobody knows: still holds the environment, until somebody says.
    assert!(end(&mut tx, "1", RolloutState::Unknown, at(NOON), None, Some("gone after a restart")).await.unwrap());
    assert!(!end(&mut tx, "1", RolloutState::Unknown, at(NOON), None, None).await.unwrap());
    assert!(matches!(press(&mut tx, &new_press("4", "d")).await.unwrap(), Pressed::Occupied(_)));
    assert!(end(&mut tx, "1", RolloutState::Failed, at(NOON), Some(-9), None).await.unwrap());
    assert!(!end(&mut tx, "1", RolloutState::Succeeded, at(NOON), Some(0), None).await.unwrap());
    let ended = get(&mut tx, "1").await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.exit_code, ended.finished_at, ended.process),
        (RolloutState::Failed, Some(-9), Some(at(NOON)), Some(process))
    );

    let later = Press { pressed_at: at("2026-03-02T13:00:00Z"), ..new_press("4", "d") };
    assert!(matches!(press(&mut tx, &later).await.unwrap(), Pressed::Recorded(_)));
    // The key of an ended rollout stays taken: a press that was sent twice rolls out once.
    assert!(matches!(press(&mut tx, &new_press("5", "a")).await.unwrap(), Pressed::Again(_)));
    let ids = |attempts: Vec<Attempt>| attempts.into_iter().map(|one| one.press.id).collect::<Vec<_>>();
    assert_eq!(ids(history(&mut tx, &production, 10).await.unwrap()), ["4", "1"]);
    assert_eq!(ids(history(&mut tx, &production, 1).await.unwrap()), ["4"]);
    assert_eq!(ids(all_active(&mut tx).await.unwrap()), ["3", "4"]);
}

async fn fifty_press_and_one_rolls_out(place: &Place) {
    let store = place.store().await;
    let presses = (0..50).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            // Half of them send the same press, the others press by themselves.
            let key = if n % 2 == 0 { "same".to_owned() } else { format!("own {n}") };
            let pressed = press(&mut tx, &new_press(&format!("{n}"), &key)).await.unwrap();
            tx.commit().await.unwrap();
            let mut tx = store.begin().await.unwrap();
            let started = match &pressed {
                Pressed::Recorded(one) | Pressed::Again(one) | Pressed::Occupied(one) => {
                    take_on(&mut tx, &one.press.id, at(NOON)).await.unwrap()
                }
            };
            tx.commit().await.unwrap();
            (matches!(pressed, Pressed::Recorded(_)), started)
        })
    });
    let (mut recorded, mut started) = (0, 0);
    for press in presses.collect::<Vec<_>>() {
        let (was_recorded, was_started) = press.await.unwrap();
        recorded += usize::from(was_recorded);
        started += usize::from(was_started);
    }
    assert_eq!((recorded, started), (1, 1));
    let mut db = store.read().await.unwrap();
    assert_eq!(history(&mut db, &"production".into(), 100).await.unwrap().len(), 1);
}

async fn output_continues_where_it_was(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.unwrap();
    press(&mut tx, &new_press("1", "a")).await.unwrap();
    let line = |text: &str| OutputLine { at: at(NOON), stream: "stdout".into(), text: text.into() };
    assert_eq!(append_output(&mut tx, "1", &[line("one"), line("two"), line("\u{1b}[31mthree\0")]).await.unwrap(), 3);
    assert_eq!(append_output(&mut tx, "1", &[line("four")]).await.unwrap(), 4);
    assert_eq!(append_output(&mut tx, "1", &[]).await.unwrap(), 4);
    let read = output(&mut tx, "1", 2, 10).await.unwrap();
    assert_eq!(read, [(3, line("\u{1b}[31mthree\u{fffd}")), (4, line("four"))]);
    assert_eq!(output(&mut tx, "1", 0, 1).await.unwrap(), [(1, line("one"))]);
    let nobody = append_output(&mut tx, "9", &[line("whose?")]).await;
    assert!(matches!(nobody, Err(StoreError::Refused(_))));
}
