//! Many wall screens at one event a second: what they cost, how soon they show it, and what those cost that never read.

use super::results::{Results, Times};
use super::rig::{Server, Team, between, error};
use anyhow::Context;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// One event a second.
const PACE: Duration = Duration::from_secs(1);
/// The writer is unaffected as long as it takes at most this many times as long as without viewers: they share two cores
/// with the server here, and each draws on them once a second.
const SLOWER: f64 = 2.0;
/// A client that never reads is dropped this long after the buffers of both kernels are full: the default of
/// `write_timeout`, and a margin.
const DROPPED_WITHIN: Duration = Duration::from_secs(40);
/// The receive buffer of clients that never read: what the kernel takes for them does not count.
const SMALL: u32 = 4_096;

/// How much is measured.
struct Counts {
    readers: usize,
    sleepers: usize,
    events: usize,
}

/// When each event was sent, by its number.
type Sent = Arc<Mutex<Vec<Instant>>>;

pub async fn measure(onduty: &Path, full: bool, results: &mut Results) -> anyhow::Result<()> {
    let counts = if full {
        Counts { readers: 9_000, sleepers: 1_000, events: 30 }
    } else {
        Counts { readers: 450, sleepers: 50, events: 10 }
    };
    let all = counts.readers + counts.sleepers;
    anyhow::ensure!(room() > all as u64 + 64, "this process may open {} files only: raise `ulimit -n`", room());
    let team = Team::new()?;
    let server = Server::serve(onduty, &team).await?;
    let session = server.come_in().await?;
    let path = make_wall(&server, &session).await?;
    let sent = Sent::default();
    let quiet = say(&server, &sent, counts.events, PACE).await?;
    let (before, _) = server.memory()?;

    let (latencies, mut readers) = (Arc::<Mutex<Vec<f64>>>::default(), JoinSet::new());
    for _ in 0..counts.readers {
        let stream = open(&server, &path, None).await?;
        readers.spawn(look(stream, sent.clone(), latencies.clone()));
    }
    let mut sleepers = Vec::new();
    for _ in 0..counts.sleepers {
        sleepers.push(open(&server, &path, Some(SMALL)).await?);
    }
    until(&server, &session, "onduty_stream_viewers", all as f64).await?;
    latencies.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let busy = say(&server, &sent, counts.events, PACE).await?;
    let (memory, _) = server.memory()?;
    let seen = Times::of(std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner)));
    println!("event to viewer: {}", seen.summary());

    // Events go on until those who never read are gone.
    let slept = Instant::now();
    while metric(&server, &session, "onduty_connections_stalled_total").await? < counts.sleepers as f64 {
        let limit = DROPPED_WITHIN * 4;
        anyhow::ensure!(slept.elapsed() < limit, "viewers that never read are still there after {limit:?}");
        say(&server, &sent, 1, PACE).await?;
    }
    let dropped = slept.elapsed();
    until(&server, &session, "onduty_stream_viewers", counts.readers as f64).await?;
    anyhow::ensure!(readers.try_join_next().is_none(), "a viewer that reads was dropped");

    readers.shutdown().await;
    let newest = sent.lock().unwrap_or_else(PoisonError::into_inner).len() - 1;
    let (again, mut returning) = (Instant::now(), JoinSet::new());
    for _ in 0..counts.readers {
        let stream = open(&server, &path, None).await?;
        returning.spawn(until_mark(stream, newest));
    }
    while let Some(back) = returning.join_next().await {
        back?.context("a viewer that came back missed the newest event")?;
    }
    let back = again.elapsed();

    let what = format!("{all} viewers, 1 event/s");
    results.at_most(&format!("{what}: resident memory of the server"), memory, 300.0, "MB")?;
    results.noted(
        &format!("{what}: the same for each viewer, above an idle server"),
        (memory - before) * 1_024.0 / all as f64,
        "kB",
    )?;
    results.at_most(&format!("{what}: event to viewer, p99"), seen.at(0.99), 1_000.0, "ms")?;
    results.noted(&format!("{what}: a signed signal is durable, p99"), busy.at(0.99), "ms")?;
    results.noted("the same without viewers, p99", quiet.at(0.99), "ms")?;
    // Of a few dozen signals the middle is the figure that one hiccup of the machine does not make.
    let ratio = busy.at(0.5) / quiet.at(0.5);
    results.at_most(&format!("{what}: a signal is durable, p50, as a multiple of without them"), ratio, SLOWER, "")?;
    results.noted(
        &format!("{} viewers that never read are gone after", counts.sleepers),
        dropped.as_secs_f64(),
        "s",
    )?;
    results.at_most(
        &format!("{} viewers come back, all with the newest event", counts.readers),
        back.as_secs_f64(),
        30.0,
        "s",
    )
}

/// How many files this process may open, after asking for more.
fn room() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    let _ = setrlimit(Resource::Nofile, files);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A wall screen's stream.
async fn make_wall(server: &Server, session: &str) -> anyhow::Result<String> {
    let team = server.page("/team", session).await?;
    let csrf = between(&team, "name=\"csrf\" value=\"", "\"").context("a form")?;
    let form = server.http.post(format!("{}/duty/developers/walls", server.address));
    let body = format!("csrf={csrf}&label=measured");
    let form = form.header("cookie", session).header("content-type", "application/x-www-form-urlencoded").body(body);
    let status = form.send().await?.status();
    anyhow::ensure!(status.is_redirection(), "no wall screen was made: {status}");
    let team = server.page("/team", session).await?;
    let token = between(&team, "/tv/", "\"").or_else(|| between(&team, "/tv/", "<")).context("the screen's address")?;
    let token: String = token.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    Ok(format!("/tv/{token}/events"))
}

async fn open(server: &Server, path: &str, buffer: Option<u32>) -> anyhow::Result<TcpStream> {
    let host = server.address.trim_start_matches("http://");
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let mut stream = socket.connect(host.parse()?).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).await?;
    Ok(stream)
}

/// Sends events one after another; how long each took until it was durable.
async fn say(server: &Server, sent: &Sent, events: usize, pace: Duration) -> anyhow::Result<Times> {
    let mut times = Vec::new();
    for _ in 0..events {
        let begun = Instant::now();
        let number = {
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.push(begun);
            sent.len() - 1
        };
        server.send(&error(&format!("V-{number}"), &format!("mark-{number}."), "unresolved")).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(pace.saturating_sub(begun.elapsed())).await;
    }
    Ok(Times::of(times))
}

/// The highest number behind `mark-`.
fn newest_mark(text: &str) -> Option<usize> {
    text.split("mark-").skip(1).filter_map(|rest| rest.split('.').next()?.parse().ok()).max()
}

/// Looks for as long as the stream lasts, and notes how late each new event is.
async fn look(mut stream: TcpStream, sent: Sent, latencies: Arc<Mutex<Vec<f64>>>) {
    let (mut kept, mut piece, mut seen) = (String::new(), vec![0; 8 * 1_024], None);
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        kept.push_str(&String::from_utf8_lossy(&piece[..read]));
        if let Some(mark) = newest_mark(&kept)
            && seen.is_none_or(|seen| seen < mark)
        {
            seen = Some(mark);
            let begun = sent.lock().unwrap_or_else(PoisonError::into_inner)[mark];
            let late = begun.elapsed().as_secs_f64() * 1e3;
            latencies.lock().unwrap_or_else(PoisonError::into_inner).push(late);
        }
        let from = kept.floor_char_boundary(kept.len().saturating_sub(32));
        kept.drain(..from);
    }
}

/// Waits until the stream has shown an event.
async fn until_mark(mut stream: TcpStream, wanted: usize) -> anyhow::Result<()> {
    let (mut kept, mut piece) = (String::new(), vec![0; 8 * 1_024]);
    while newest_mark(&kept).is_none_or(|mark| mark < wanted) {
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut piece)).await??;
        anyhow::ensure!(read > 0, "the stream ended");
        kept.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    Ok(())
}

async fn metric(server: &Server, session: &str, name: &str) -> anyhow::Result<f64> {
    let text = server.page("/metrics", session).await?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.with_context(|| format!("no {name}"))
}

async fn until(server: &Server, session: &str, name: &str, wanted: f64) -> anyhow::Result<()> {
    let started = Instant::now();
    while metric(server, session, name).await? != wanted {
        anyhow::ensure!(started.elapsed() < Duration::from_secs(60), "{name} is not {wanted} after a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
