//! How fast requests come into sketches, how fast into a plain array, and how fast endpoints are judged; `benches/perf/run`
//! says what is wanted. In this process, on one thread; nothing but the processor and its caches takes part. Here and not
//! beside the other measurements, because what is measured has to be compiled for speed, as this package is.
//!
//! `cargo run --release -p onduty-core --example perf_speed` prints a name and a number a second in each line.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use onduty_core::perf::{
    BLOCKS, BUCKETS, Lengths, Other, Role, Rollout, Series, Settings, Sketch, Slot, Table, Windows, bucket_of, compare,
};
use std::error::Error;
use std::hint::black_box;

const ENDPOINTS: usize = 2_000;
/// Requests of a block of an endpoint: such a sketch has some sixty buckets.
const REQUESTS: usize = 120;
/// Earlier days with requests.
const DAYS: usize = 5;
/// How often each is measured; the median counts.
const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    inserted()?;
    judged()
}

fn median(mut times_ms: Vec<f64>) -> f64 {
    times_ms.sort_by(f64::total_cmp);
    times_ms[times_ms.len() / 2]
}

/// Durations as they are on a server, and endpoints of which few get most requests; the same in each run.
struct Chance(u64);

impl Chance {
    /// Between 0 and 1 (Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8, 2003).
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Log-normal, around 60 ms.
    fn ms(&mut self) -> f64 {
        let normal = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
        60.0 * (0.6 * normal).exp()
    }

    /// By Zipf's law: the logarithm of the rank is uniform.
    fn endpoint(&mut self) -> usize {
        (((ENDPOINTS as f64 + 1.0).powf(self.share())) as usize - 1).min(ENDPOINTS - 1)
    }
}

/// Time of the processor that this thread has had, in milliseconds: what others do at the same time does not count. Linux
/// tells it.
fn processor_ms() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns: f64 = text.split_ascii_whitespace().next().ok_or("an empty schedstat")?.parse()?;
    Ok(ns / 1e6)
}

fn inserted() -> Result<(), Box<dyn Error>> {
    const INSERTS: usize = 4_000_000;
    let mut chance = Chance(0x5EED);
    let requests: Vec<(u32, f64)> = (0..INSERTS).map(|_| (chance.endpoint() as u32, chance.ms())).collect();
    let keys: Vec<u32> =
        requests.iter().map(|&(endpoint, ms)| endpoint * BUCKETS as u32 + u32::from(bucket_of(ms))).collect();
    let mut sketches = vec![Sketch::default(); ENDPOINTS];
    let mut counts = vec![0_u32; ENDPOINTS * BUCKETS];
    let (mut by_sketch, mut by_array) = (Vec::new(), Vec::new());
    // The first round fills both; they take turns, so that a busy moment meets both.
    for _ in 0..=ROUNDS {
        let start = processor_ms()?;
        requests.iter().for_each(|&(endpoint, ms)| sketches[endpoint as usize].insert(ms));
        by_sketch.push(processor_ms()? - start);
        let start = processor_ms()?;
        keys.iter().for_each(|&key| counts[key as usize] += 1);
        by_array.push(processor_ms()? - start);
    }
    black_box((&sketches, &counts));
    for (into, mut times_ms) in [("into_sketches", by_sketch), ("into_array", by_array)] {
        println!("{into} {:.0}", INSERTS as f64 / median(times_ms.split_off(1)) * 1e3);
    }
    Ok(())
}

fn judged() -> Result<(), Box<dyn Error>> {
    // A Wednesday.
    let at: Timestamp = "2026-03-04T16:00:00Z".parse()?;
    let windows = Windows::around(Rollout { start: at, end: at }, Lengths::default(), &TimeZone::UTC)?;
    let is_measured = |role: Role| match role {
        Role::Before | Role::After => true,
        Role::BeforeOn(day) | Role::AfterOn(day) => day < DAYS,
        Role::Earlier => false,
    };
    let mut chance = Chance(0x5EED);
    let mut table = Table::new(ENDPOINTS);
    for endpoint in 0..ENDPOINTS {
        let name = format!("svc{}|GET /r{endpoint}", endpoint % 12);
        for (window, _) in windows.all().iter().enumerate().filter(|(_, window)| is_measured(window.role)) {
            for at in 0..BLOCKS * REQUESTS {
                table.request(name.as_bytes(), Slot { window, block: at / REQUESTS }, chance.ms(), Some(200));
            }
        }
    }
    let (all, _) = table.finish();
    let all: Vec<(&str, &Series)> = all.iter().map(|(name, endpoint)| (name.as_str(), &endpoint.series)).collect();
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let start = processor_ms()?;
        black_box(compare(&all, Other::default(), &windows, &Settings::default()));
        taken.push(processor_ms()? - start);
    }
    println!("judged {:.0}", ENDPOINTS as f64 / median(taken) * 1e3);
    Ok(())
}
