//! The performance check: how fast requests come into sketches, and how fast endpoints are judged. In this process, on
//! one thread; nothing but the processor and its caches takes part.

use super::results::{Results, Times};
use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use onduty_core::perf::{
    BLOCKS, BUCKETS, Lengths, Other, Role, Rollout, Series, Settings, Sketch, Slot, Table, Windows, bucket_of, compare,
};
use std::hint::black_box;

const ENDPOINTS: usize = 2_000;
/// Requests of a block of an endpoint: such a sketch has some sixty buckets.
const REQUESTS: usize = 120;
/// Earlier days with requests.
const DAYS: usize = 5;

pub fn measure(full: bool, results: &mut Results) -> anyhow::Result<()> {
    let rounds = if full { 15 } else { 5 };
    inserted(rounds, results)?;
    judged(rounds, results)
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
fn processor_ms() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns: f64 = text.split_ascii_whitespace().next().context("an empty schedstat")?.parse()?;
    Ok(ns / 1e6)
}

fn inserted(rounds: usize, results: &mut Results) -> anyhow::Result<()> {
    const INSERTS: usize = 4_000_000;
    let mut chance = Chance(0x5EED);
    let requests: Vec<(u32, f64)> = (0..INSERTS).map(|_| (chance.endpoint() as u32, chance.ms())).collect();
    let keys: Vec<u32> =
        requests.iter().map(|&(endpoint, ms)| endpoint * BUCKETS as u32 + u32::from(bucket_of(ms))).collect();
    let mut sketches = vec![Sketch::default(); ENDPOINTS];
    let mut counts = vec![0_u32; ENDPOINTS * BUCKETS];
    let (mut by_sketch, mut by_array) = (Vec::new(), Vec::new());
    // The first round fills both; they take turns, so that a busy moment meets both.
    for _ in 0..=rounds {
        let start = processor_ms()?;
        requests.iter().for_each(|&(endpoint, ms)| sketches[endpoint as usize].insert(ms));
        by_sketch.push(processor_ms()? - start);
        let start = processor_ms()?;
        keys.iter().for_each(|&key| counts[key as usize] += 1);
        by_array.push(processor_ms()? - start);
    }
    black_box((&sketches, &counts));
    let (sketch, array) = (Times::of(by_sketch.split_off(1)).at(0.5), Times::of(by_array.split_off(1)).at(0.5));
    let rate = |ms: f64| INSERTS as f64 / ms / 1e3;
    println!("into {ENDPOINTS} sketches: {:.0} million a second; into an array: {:.0}", rate(sketch), rate(array));
    results.at_least("requests into sketches, against adding to an array at the same places", array / sketch, 0.5, "")
}

fn judged(rounds: usize, results: &mut Results) -> anyhow::Result<()> {
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
    for _ in 0..rounds {
        let start = processor_ms()?;
        black_box(compare(&all, Other::default(), &windows, &Settings::default()));
        taken.push(processor_ms()? - start);
    }
    let rate = ENDPOINTS as f64 / Times::of(taken).at(0.5) * 1e3;
    results.at_least("endpoints judged, an hour before and after and five earlier days each", rate, 50_000.0, "/s")
}
