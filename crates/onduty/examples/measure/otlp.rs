//! Spans as an SDK sends them: from the body to durable and counted, against decoding alone.
//!
//! Compared is the time of the processor. On the clock whichever of both has more threads looks the faster the busier the
//! machine is with other work.

use super::results::Results;
use super::rig::Team;
use anyhow::Context;
use axum::body::Bytes;
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use onduty::clock::Clock;
use onduty::sources::otlp::{Encoding, Signal, read, unpack};
use onduty::tasks;
use onduty_core::perf::{Batch, BatchLimits};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What a batch processor sends at once by default.
const SPANS: usize = 512;
/// Routes of one service: a batch comes from one process.
const ENDPOINTS: usize = 30;
/// Services, each with a body that is sent again and again.
const BODIES: usize = 16;
/// As many as the server reads at once.
const AT_ONCE: usize = 2;
const SENDERS: usize = 32;

pub async fn measure(onduty: &Path, full: bool, results: &mut Results) -> anyhow::Result<()> {
    let sent = if full { 4_000 } else { 1_000 };
    let now = Clock::real().duty_now();
    let plain: Vec<Bytes> = (0..BODIES).map(|seed| Bytes::from(body(seed, now))).collect();
    let mut packed = Vec::new();
    for body in &plain {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(body)?;
        packed.push(Bytes::from(gzip.finish()?));
    }
    println!("{SPANS} spans are {} bytes, compressed {}", plain[0].len(), packed[0].len());
    for (what, bodies, encoding) in [("plain", plain, ""), ("compressed with gzip", packed, "gzip")] {
        let (mut ratios, mut rates) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let alone = decoding(&bodies, encoding, sent, now).await?;
            let whole = intake(onduty, &bodies, encoding, sent).await?;
            println!("{what}: decoding {alone}, the whole intake {whole} for {sent} bodies");
            ratios.push(alone.of_processor / whole.of_processor);
            rates.push((sent * SPANS) as f64 / whole.on_the_clock);
        }
        ratios.sort_by(f64::total_cmp);
        rates.sort_by(f64::total_cmp);
        results.noted(&format!("spans by OTLP, {what}, durable and counted"), rates[1], "/s")?;
        results.at_least(&format!("… against decoding alone, {what}, median of three"), ratios[1], 0.70, "")?;
    }
    Ok(())
}

/// Seconds of all threads together.
struct Took {
    of_processor: f64,
    on_the_clock: f64,
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s of the processor in {:.2} s", self.of_processor, self.on_the_clock)
    }
}

/// When something began.
struct Began {
    processor: Duration,
    clock: Instant,
}

impl Began {
    fn now() -> anyhow::Result<Began> {
        Ok(Began { processor: processor()?, clock: Instant::now() })
    }

    fn took(&self) -> anyhow::Result<Took> {
        let of_processor = processor()?.saturating_sub(self.processor).as_secs_f64();
        Ok(Took { of_processor, on_the_clock: self.clock.elapsed().as_secs_f64() })
    }
}

/// Time of the processor that all threads of this process have had. Linux tells it, in hundredths of a second.
fn processor() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may have anything in it: state, ten more, then the ticks of the user and of the system.
    let fields = text.rsplit_once(')').context("a stat without a name")?.1.split_ascii_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// What it takes to unpack and read all of them, and to keep nothing.
async fn decoding(bodies: &[Bytes], encoding: &'static str, sent: usize, now: Timestamp) -> anyhow::Result<Took> {
    let start = Began::now()?;
    let mut threads = JoinSet::new();
    for first in 0..AT_ONCE {
        let bodies = bodies.to_vec();
        threads.spawn_blocking(move || -> anyhow::Result<()> {
            for at in (first..sent).step_by(AT_ONCE) {
                let plain = unpack(&bodies[at % bodies.len()], encoding, 8 << 20)?;
                // No place for anything: every span is read, named, and left out.
                let batch = Batch::new(BatchLimits { endpoints: 1, places: 0 });
                let message = read(Signal::Traces, Encoding::Protobuf, &plain, now, batch)?;
                anyhow::ensure!(message.left_out.values().sum::<u64>() == SPANS as u64, "{:?}", message.left_out);
            }
            Ok(())
        });
    }
    while let Some(done) = threads.join_next().await {
        done??;
    }
    start.took()
}

/// What it takes until all of them are durable and counted.
async fn intake(onduty: &Path, bodies: &[Bytes], encoding: &'static str, sent: usize) -> anyhow::Result<Took> {
    let team = Team::new()?;
    let text = std::fs::read_to_string(team.config())?;
    std::fs::write(team.config(), text.replace("  performance: none\n", "  otlp: {}\n"))?;
    let app = team.app(onduty).await?;
    let start = Began::now()?;
    let mut senders = JoinSet::new();
    for first in 0..SENDERS {
        let (app, bodies) = (app.clone(), bodies.to_vec());
        senders.spawn(async move {
            for at in (first..sent).step_by(SENDERS) {
                let body = bodies[at % bodies.len()].clone();
                let answer = app.take_telemetry(Signal::Traces, Encoding::Protobuf, encoding, body).await?;
                anyhow::ensure!(answer.rejected == 0, "{answer:?}");
            }
            Ok(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    let durable = start.took()?;
    let folded = tasks::latency::pass(&app).await?;
    anyhow::ensure!(folded.requests == (sent * SPANS) as u64, "{folded:?}");
    let took = start.took()?;
    println!("durable after {durable}, counted after {took}");
    app.store.close().await;
    Ok(took)
}

/// A body of server spans with the attributes that the HTTP instrumentations set.
fn body(seed: usize, now: Timestamp) -> Vec<u8> {
    let end = u64::try_from(now.as_nanosecond()).unwrap_or(0);
    let mut spans = Vec::new();
    let mut scope = Vec::new();
    field(&mut scope, 1, b"opentelemetry.instrumentation.fastapi");
    field(&mut spans, 1, &scope);
    for at in 0..SPANS {
        let number = (seed * 7919 + at * 104_729) % ENDPOINTS;
        let route = format!("/api/v1/resource{number}/{{id}}/detail");
        let mut span = Vec::new();
        field(&mut span, 1, &[7; 16]);
        field(&mut span, 2, &(at as u64).to_le_bytes());
        field(&mut span, 4, &[9; 8]);
        field(&mut span, 5, format!("GET {route}").as_bytes());
        span.extend([0x30, 2]);
        fixed(&mut span, 7, end - 1_000_000 * (1 + (at as u64 * 31 + seed as u64) % 400));
        fixed(&mut span, 8, end);
        for (key, value) in [
            ("http.request.method", "GET"),
            ("http.route", &route),
            ("url.scheme", "https"),
            ("url.path", "/api/v1/resource/4711/detail"),
            ("server.address", "shop.example"),
            ("client.address", "203.0.113.9"),
            ("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
            ("network.protocol.version", "1.1"),
        ] {
            let mut any = Vec::new();
            field(&mut any, 1, value.as_bytes());
            attribute(&mut span, key, &any);
        }
        attribute(&mut span, "server.port", &[0x18, 0xbb, 0x03]);
        attribute(&mut span, "http.response.status_code", &[0x18, 0xc8, 0x01]);
        field(&mut spans, 2, &span);
    }
    let mut resource = Vec::new();
    let service = format!("shop-{seed}");
    for (key, value) in
        [("service.name", service.as_str()), ("telemetry.sdk.language", "python"), ("host.name", "web-1")]
    {
        let (mut any, mut pair) = (Vec::new(), Vec::new());
        field(&mut any, 1, value.as_bytes());
        field(&mut pair, 1, key.as_bytes());
        field(&mut pair, 2, &any);
        field(&mut resource, 1, &pair);
    }
    let mut of_resource = Vec::new();
    field(&mut of_resource, 1, &resource);
    field(&mut of_resource, 2, &spans);
    let mut message = Vec::new();
    field(&mut message, 1, &of_resource);
    message
}

fn attribute(span: &mut Vec<u8>, key: &str, any: &[u8]) {
    let mut pair = Vec::new();
    field(&mut pair, 1, key.as_bytes());
    field(&mut pair, 2, any);
    field(span, 9, &pair);
}

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

fn fixed(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}
