//! Many who look at the same page: it is drawn once, everybody has its newest state, and whoever reads nothing is dropped.

use crate::day::{Day, Setting};
use crate::tools::{eventually, is_full};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A client of `/events` whose kernel keeps as little as possible for it.
#[expect(clippy::disallowed_methods, reason = "who asks the server is not the server")]
async fn open(day: &Day, cookie: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(day.url.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let ask = format!("GET /events?duty=developers HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    stream
}

/// The highest number behind `mark-` in `text`, which is read in pieces.
fn newest_mark(text: &str) -> Option<u32> {
    let marks = text.split("mark-").skip(1);
    marks.filter_map(|rest| rest.split('.').next()?.parse().ok()).max()
}

/// Reads on and says the newest mark that it saw.
async fn read_on(mut stream: TcpStream, seen: watch::Sender<u32>) {
    let (mut kept, mut piece) = (String::new(), vec![0; 16 * 1024]);
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        kept.push_str(&String::from_utf8_lossy(&piece[..read]));
        if let Some(mark) = newest_mark(&kept) {
            seen.send_if_modified(|known| std::mem::replace(known, (*known).max(mark)) < mark);
        }
        // A mark may stand across two pieces.
        let from = kept.floor_char_boundary(kept.len().saturating_sub(32));
        kept.drain(..from);
    }
}

async fn counted(day: &Day, sample: &str) -> f64 {
    let text = day.operator().get("/metrics").await.expect(200).text;
    text.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok()).unwrap_or(0.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_drawn_once_and_whoever_reads_nothing_is_dropped() {
    let (readers, sleepers) = if is_full() { (1_800, 200) } else { (450, 50) };
    let replaced = vec![("sources:\n".to_owned(), "server: {write_timeout: 2s}\nsources:\n".to_owned())];
    let day = Day::set(Setting { replaced, ..Setting::default() }).await;
    let lena = day.administrator("lena").await;
    let cookie = lena.cookie().to_owned();
    let mut reading = JoinSet::new();
    let mut seen = Vec::new();
    for _ in 0..readers {
        let (sender, receiver) = watch::channel(0);
        reading.spawn(read_on(open(&day, &cookie).await, sender));
        seen.push(receiver);
    }
    let mut asleep = Vec::new();
    for _ in 0..sleepers {
        asleep.push(open(&day, &cookie).await);
    }
    eventually("all look", async || {
        (counted(&day, "onduty_stream_viewers ").await as usize == readers + sleepers).then_some(())
    })
    .await;

    let before = counted(&day, "onduty_drawings_total{kind=\"page\"} ").await;
    let mut mark = 0;
    let operator = day.operator().with("onduty-as", "lena");
    let say = async |mark: u32| {
        let text = format!("mark-{mark}. {}", "is shown to all ".repeat(80));
        operator.post("/api/v1/duties/developers/notes", &json!({"text": text})).await.expect(200);
    };
    while (counted(&day, "onduty_connections_stalled_total ").await as usize) < sleepers {
        mark += 1;
        assert!(mark < 2_000, "sleepers are not dropped");
        say(mark).await;
        // The page of the next event differs from this one.
        for viewer in &mut seen {
            let shown = tokio::time::timeout(Duration::from_secs(20), viewer.wait_for(|newest| *newest >= mark));
            shown.await.expect("in time").expect("a viewer that reads is kept");
        }
    }
    // One for each note, a few for what else happens on a day, however many look.
    let drawn = counted(&day, "onduty_drawings_total{kind=\"page\"} ").await - before;
    assert!(drawn <= f64::from(mark) * 2.0 + 20.0, "{drawn} drawings of {mark} events for {readers} viewers");
    assert_eq!(
        counted(&day, "onduty_connections_stalled_total ").await as usize,
        sleepers,
        "only sleepers are dropped"
    );
    eventually("only readers look", async || {
        (counted(&day, "onduty_stream_viewers ").await as usize == readers).then_some(())
    })
    .await;

    // Whoever was away while something happened has it after coming back.
    reading.shutdown().await;
    say(mark + 1).await;
    let (sender, mut back) = watch::channel(0);
    reading.spawn(read_on(open(&day, &cookie).await, sender));
    let shown = tokio::time::timeout(Duration::from_secs(20), back.wait_for(|newest| *newest > mark)).await;
    shown.expect("in time").expect("the stream goes on");
    drop(asleep);
    day.end().await;
}
