use super::*;
use crate::Server;
use crate::world::tests::{connected, options, receiver};
use crate::{Hook, Outcome};

const PATH: &str = "/assignments";

fn group(world: &World) -> ErrorGroup {
    let frame = Frame { file: "app/models/booking.rb".into(), line: 12, function: "create".into(), in_app: true };
    ErrorGroup {
        frames: vec![frame],
        ..ErrorGroup::new("shop", "7", "production", "Timeout in booking#create", world.now())
    }
}

fn client() -> reqwest::Client {
    crate::world::tests::test_client()
}

/// Sends a write-back as a well-behaved sender does; gives status and body.
async fn write_back(server: &Server, webhook_id: &str, key: &str, id: &str, secret: &str) -> (u16, Value) {
    let body = json!({
        "type": "error.assigned", "project": "shop", "id": id, "assignee": "sam@acme.example",
        "decided_by": "lena", "key": key,
    })
    .to_string();
    let seconds = 1_893_456_000;
    let request = client()
        .post(format!("{}{PATH}", server.url()))
        .header("webhook-id", webhook_id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", crate::sign::standard(secret, webhook_id, seconds, body.as_bytes()))
        .body(body);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

const SECRET: &str = "write-back secret";

#[tokio::test]
async fn a_group_is_announced_with_everything_that_the_intake_reads() {
    let (world, _) = connected().await;
    let sent = world.tracker().raise(group(&world)).await;
    assert!(sent.accepted());
    assert_eq!(
        sent.0[0].json(),
        json!({
            "type": "error", "project": "shop", "id": "7", "environment": "production",
            "title": "Timeout in booking#create", "culprit": "", "level": "error", "status": "unresolved",
            "first_seen": "2026-03-02T08:05:00Z", "last_seen": "2026-03-02T08:05:00Z", "count": 1,
            "assignee": null, "release": null,
            "frames": [{"file": "app/models/booking.rb", "line": 12, "function": "create", "in_app": true}],
            "url": "http://world.invalid/errors/shop/7",
        })
    );
}

#[tokio::test]
async fn acts_change_the_group_and_announce_it() {
    let (world, _) = connected().await;
    let tracker = world.tracker();
    let _ = tracker.raise(group(&world)).await;
    world.set_now("2026-03-02T09:00:00Z".parse().unwrap());
    let json = |sent: Sent| sent.body_of("error");
    let grown = json(tracker.happens("shop", "7", 40).await);
    assert_eq!((&grown["count"], &grown["last_seen"]), (&json!(41), &json!("2026-03-02T09:00:00Z")));
    assert_eq!(json(tracker.resolve("shop", "7").await)["status"], "resolved");
    assert_eq!(json(tracker.happens("shop", "7", 1).await)["status"], "unresolved", "it came back");
    assert_eq!(json(tracker.ignore("shop", "7").await)["status"], "ignored");
    assert_eq!(json(tracker.assign("shop", "7", Some("a@b.c")).await)["assignee"], "a@b.c");
    assert_eq!(json(tracker.assign("shop", "7", None).await)["assignee"], Value::Null);
    assert_eq!(tracker.resolve("shop", "8").await, Sent::default());
}

#[tokio::test]
async fn a_listing_is_batches_and_a_sign_of_life() {
    let (world, _) = connected().await;
    for number in 0..130 {
        world.tracker().knows(ErrorGroup { id: number.to_string(), ..group(&world) });
    }
    let sent = world.tracker().list_all(true).await;
    assert_eq!(sent.events(), ["batch", "batch", "contact"]);
    let batch = sent.body_of("batch");
    assert_eq!(batch["baseline"], true);
    assert_eq!(batch["items"].as_array().unwrap().len(), 100);
    assert_eq!(batch["items"][0]["type"], "error");
    assert_eq!(sent.body_of("contact"), json!({"type": "contact", "kinds": ["errors"]}));
}

#[tokio::test]
async fn a_write_back_changes_the_assignee_once_and_is_announced_once() {
    let server = Server::start(options()).await.unwrap();
    let (url, received) = receiver().await;
    server.world.connect(Channel::Signals, Hook { url, secret: "shared secret".to_owned() });
    server.world.tracker().knows(group(&server.world));

    let (status, body) = write_back(&server, "msg_1", "k1", "7", SECRET).await;
    assert_eq!((status, &body["assignee"]), (200, &json!("sam@acme.example")));
    server.world.settle().await;
    assert_eq!(received.lock().unwrap().len(), 1);
    let _ = server.world.tracker().assign("shop", "7", Some("priya@acme.example")).await;

    for (webhook_id, key) in [("msg_1", "k1"), ("msg_2", "k1"), ("msg_1", "k2")] {
        let (status, body) = write_back(&server, webhook_id, key, "7", SECRET).await;
        assert_eq!((status, &body["assignee"]), (200, &json!("priya@acme.example")), "{webhook_id} {key}");
    }
    server.world.settle().await;
    assert_eq!(received.lock().unwrap().len(), 2, "repeating it announces nothing");
    let accepted = server.world.tracker().assignments();
    assert_eq!(accepted.len(), 1);
    assert_eq!((accepted[0].key.as_str(), accepted[0].decided_by.as_deref()), ("k1", Some("lena")));
    server.stop().await;
}

#[tokio::test]
async fn a_write_back_is_refused_with_its_reason() {
    let server = Server::start(options()).await.unwrap();
    server.world.tracker().knows(group(&server.world));
    assert_eq!(write_back(&server, "msg_1", "k", "7", "another secret").await.0, 401);
    assert_eq!(write_back(&server, "msg_1", "k", "8", SECRET).await.0, 404);
    let unsigned = client().post(format!("{}{PATH}", server.url())).body("{}").send().await.unwrap();
    assert_eq!(unsigned.status(), 401);
    let signature = crate::sign::standard(SECRET, "msg_9", 1_893_456_000, b"[]");
    let odd = client()
        .post(format!("{}{PATH}", server.url()))
        .header("webhook-id", "msg_9")
        .header("webhook-timestamp", "1893456000")
        .header("webhook-signature", signature)
        .body("[]");
    assert_eq!(odd.send().await.unwrap().status(), 422);
    assert_eq!(server.world.tracker().assignments(), []);
    server.stop().await;
}

#[tokio::test]
async fn write_backs_can_fail_before_or_after_they_are_done() {
    let server = Server::start(options()).await.unwrap();
    let tracker = server.world.tracker();
    tracker.knows(group(&server.world));
    let short = Duration::from_millis(20);
    tracker.spoil_next_write_back(WriteBackFault::Status(500));
    tracker.spoil_next_write_back(WriteBackFault::SilentBefore(short));
    tracker.spoil_next_write_back(WriteBackFault::SilentAfter(short));
    assert_eq!(write_back(&server, "msg_1", "k", "7", SECRET).await.0, 500);
    assert_eq!(write_back(&server, "msg_1", "k", "7", SECRET).await.0, 504);
    assert_eq!(tracker.assignments(), []);
    assert_eq!(write_back(&server, "msg_1", "k", "7", SECRET).await.0, 200);
    assert_eq!(tracker.assignments().len(), 1);
    server.world.settle().await;
    let announced = server.world.deliveries();
    assert_eq!(announced.iter().map(|one| &one.outcome).collect::<Vec<_>>(), [&Outcome::NotConnected]);
    server.stop().await;
}
