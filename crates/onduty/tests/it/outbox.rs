//! What has to leave leaves at least once, under one key, whatever happens between the sending and the note that it was sent.

use crate::day::{Day, Setting};
use crate::stores;
use crate::tools::eventually;
use onduty_fakes::tracker::WriteBackFault;
use std::time::{Duration, Instant};

/// Somebody has an error, and the tracker has to be told: the item.
async fn somebody_has_an_error(day: &Day) -> String {
    let lena = day.administrator("lena").await;
    day.at("12:00").await;
    assert!(day.seed.production_error().await.accepted());
    let id = day.item("production-errors").await["id"].as_str().unwrap().to_owned();
    lena.form(&format!("/items/{id}/owner"), &[("engineer", "layla")]).await.expect(303);
    id
}

async fn is_told(day: &Day, id: &str) {
    eventually("the tracker was told", async || {
        (day.item_called(id).await["owner"]["write_back"] == "done").then_some(())
    })
    .await;
}

/// The outbox is looked at twice a second; it has been looked at by now.
async fn it_is_looked_at_again() {
    let looked = Instant::now();
    eventually("it was looked at", async || (looked.elapsed() > Duration::from_millis(1_300)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_and_not_noted_is_sent_again_under_the_same_key() {
    let mut day = Day::set(Setting::default()).await;
    let tracker = day.world.tracker();
    // The tracker does it and does not answer; then the server is gone, between the sending and the note.
    tracker.spoil_next_write_back(WriteBackFault::SilentAfter(Duration::from_secs(60)));
    let id = somebody_has_an_error(&day).await;
    let key = format!("write-back {id} layla");
    eventually("it arrives", async || (tracker.keys_received() == [key.as_str()]).then_some(())).await;
    day.stop_tasks().await;
    assert_eq!(day.item_called(&id).await["owner"]["write_back"], "pending");

    // A minute later, without the wait: until then the next server leaves it to the one that may still be sending.
    day.start_tasks();
    it_is_looked_at_again().await;
    assert_eq!(tracker.keys_received().len(), 1, "it is left to whoever may still be sending");
    stores::execute(&day.files(), "update outbox set next_attempt_at = 0").await;
    is_told(&day, &id).await;
    it_is_looked_at_again().await;
    // Twice, which one crash explains, under one key, by which the tracker did it once.
    assert_eq!(tracker.keys_received(), [key.as_str(), key.as_str()]);
    assert_eq!(tracker.assignments().len(), 1);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_faults_everything_is_sent_once_and_after_a_refusal_again() {
    let day = Day::set(Setting::default()).await;
    let tracker = day.world.tracker();
    tracker.spoil_next_write_back(WriteBackFault::Status(503));
    let id = somebody_has_an_error(&day).await;
    is_told(&day, &id).await;
    it_is_looked_at_again().await;
    assert_eq!(tracker.keys_received(), [format!("write-back {id} layla")], "the refused one did not get so far");
    day.end().await;
}
