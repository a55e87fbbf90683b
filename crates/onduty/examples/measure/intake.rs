//! Webhooks a second that a server acknowledges over HTTP, against what this disk's group commit allows for the same
//! rows in the same run.

use super::raw::{Raw, load, median};
use super::results::{Results, Times};
use super::rig::{Server, Team, sign};
use anyhow::Context;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const SENDERS: u64 = 64;
const ROUNDS: usize = 3;

pub async fn measure(onduty: &Path, full: bool, results: &mut Results) -> anyhow::Result<()> {
    let time = Duration::from_secs(if full { 15 } else { 4 });
    let team = Team::new()?;
    let server = Arc::new(Server::serve(onduty, &team).await?);
    // The same disk, and no less than the server has to write: as many a commit as there are senders.
    let mut raw = Raw::open(&team.folder().join("raw.db")).await?;
    let next = Arc::new(AtomicU64::new(0));
    let (mut ours, mut theirs, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    println!("{}; {SENDERS} senders, {} bytes a body, {time:?} a turn", load(), body(0).len());
    for round in 1..=ROUNDS {
        let (taken, per_second) = senders(&server, &next, time).await?;
        let limit = raw.run(SENDERS as usize, time).await?;
        let taken = Times::of(taken);
        println!(
            "round {round}: onduty {per_second:.0}/s ({}); raw {limit:.0}/s; ratio {:.2}",
            taken.summary(),
            per_second / limit
        );
        ours.push(per_second);
        theirs.push(limit);
        waits.push(taken.at(0.99));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("median: onduty {ours:.0}/s, raw {theirs:.0}/s; {}", load());
    results.noted("webhooks acknowledged after commit, over HTTP", ours, "/s")?;
    results.noted("this disk's group commit of the same rows, no HTTP", theirs, "/s")?;
    results.noted("wait for the acknowledgement, 64 senders, p99", median(waits), "ms")?;
    results.at_least("acknowledged webhooks / this disk's group commit", ours / theirs, 0.5, "")
}

/// Everybody waits for the answer before the next delivery; what each waited in milliseconds, and deliveries a second.
async fn senders(server: &Arc<Server>, next: &Arc<AtomicU64>, time: Duration) -> anyhow::Result<(Vec<f64>, f64)> {
    let start = Instant::now();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (server, next) = (Arc::clone(server), Arc::clone(next));
            tokio::spawn(async move {
                let (mut waited, mut sender) = (Vec::new(), Sender::connect(&server.address).await?);
                while start.elapsed() < time {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let (body, sent) = (body(n), Instant::now());
                    sender.deliver(n, &body).await?;
                    waited.push(sent.elapsed().as_secs_f64() * 1e3);
                }
                anyhow::Ok(waited)
            })
        })
        .collect();
    let mut waited = Vec::new();
    for sender in senders {
        waited.extend(sender.await??);
    }
    let per_second = waited.len() as f64 / start.elapsed().as_secs_f64();
    Ok((waited, per_second))
}

/// A sender that keeps its connection and does next to nothing: it shares the cores with the server that is measured.
struct Sender {
    address: String,
    connection: BufReader<TcpStream>,
}

impl Sender {
    async fn connect(address: &str) -> anyhow::Result<Sender> {
        let address = address.strip_prefix("http://").context("not an http address")?.to_owned();
        let connection = BufReader::new(TcpStream::connect(&address).await?);
        Ok(Sender { address, connection })
    }

    /// Sends one signed delivery and waits until it is accepted.
    async fn deliver(&mut self, n: u64, body: &str) -> anyhow::Result<()> {
        let (id, length) = (format!("build_{n}"), body.len());
        let (seconds, signature) = sign(&id, body);
        let request = format!(
            "POST /hooks/signals HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
            webhook-id: {id}\r\nwebhook-timestamp: {seconds}\r\nwebhook-signature: {signature}\r\n\r\n{body}"
        );
        self.connection.write_all(request.as_bytes()).await?;
        let (mut status, mut left, mut is_last) = (String::new(), 0, false);
        loop {
            let mut line = String::new();
            anyhow::ensure!(self.connection.read_line(&mut line).await? > 0, "the server hung up");
            if status.is_empty() {
                status = line;
            } else if line.trim_end().is_empty() {
                break;
            } else if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                left = length.trim().parse()?;
            } else if line.trim_end().eq_ignore_ascii_case("connection: close") {
                is_last = true;
            }
        }
        let mut answer = vec![0; left];
        self.connection.read_exact(&mut answer).await?;
        anyhow::ensure!(status.contains(" 202 "), "a delivery was answered {status}");
        if is_last {
            // A connection brings a thousand requests at most.
            self.connection = BufReader::new(TcpStream::connect(&self.address).await?);
        }
        Ok(())
    }
}

/// About 7 KB of JSON, as large as GitHub's `check_run`; what onduty does not read is carried all the same.
fn body(n: u64) -> String {
    // Made once: the sender shares the machine's cores with the server that is measured.
    static LINKS: LazyLock<String> = LazyLock::new(|| {
        let link = |name| format!(r#""link_{name:02}_url":"https://api.example.org/repos/acme/shop/{name}{{/sha}}","#);
        (0..100).map(link).collect()
    });
    let state = if n.is_multiple_of(3) { "failed" } else { "passed" };
    format!(
        r#"{{"type":"build",{}"repository":"acme/shop","branch":"feature-{}","revision":"{n:040x}","name":"unit tests","state":"{state}","detail":"3 of 1204 tests failed"}}"#,
        *LINKS,
        n % 200
    )
}
