//! How fast requests come into sketches, how fast into a plain array, how fast endpoints are judged, and how long it takes to
//! read the rows of a file and to split its bytes; `benches/perf/run` says what is wanted. In this process, on one thread.
//! Here and not beside the other measurements, because what is compared has to be compiled for speed, as this package is.
//!
//! `cargo run --release -p onduty-core --example perf_speed -- FILE ROLLOUT_MS` prints a name and a number in each line.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use memchr::{memchr, memchr_iter};
use onduty_core::perf::{
    BLOCKS, BUCKETS, Lengths, Other, Role, Rollout, Rows, Series, Settings, Sketch, Slot, Table, Windows, bucket_of,
    compare,
};
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek};

const ENDPOINTS: usize = 2_000;
/// Requests of a block of an endpoint: such a sketch has some sixty buckets.
const REQUESTS: usize = 120;
/// Earlier days with requests.
const DAYS: usize = 5;
/// How often each is measured; the median counts.
const ROUNDS: usize = 9;
/// Bytes of a file that are read at once.
const CHUNK: usize = 1 << 18;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, rollout_ms] = &arguments[..] else { return Err("usage: perf_speed FILE ROLLOUT_MS".into()) };
    // First, while the memory of this process is as fresh as that of one that compares files.
    ingested(&mut File::open(file)?, Timestamp::from_millisecond(rollout_ms.parse()?)?)?;
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

/// Seconds of the processor for the rows of a file, and for splitting its bytes into lines and fields.
fn ingested(file: &mut File, at: Timestamp) -> Result<(), Box<dyn Error>> {
    let windows = Windows::around(Rollout { start: at, end: at }, Lengths::default(), &TimeZone::UTC)?;
    let mut header = vec![0; CHUNK];
    let read = file.read(&mut header)?;
    header.truncate(memchr(b'\n', &header[..read]).ok_or("a file without a line")?);
    let (mut by_rows, mut by_splitting) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = processor_ms()?;
        let mut fields = 0;
        in_chunks(file, |text, _| {
            let mut from = 0;
            for end in memchr_iter(b'\n', text) {
                fields += fields_of(&text[from..end]);
                from = end + 1;
            }
            from
        })?;
        by_splitting.push((processor_ms()? - start) / 1e3);
        let start = processor_ms()?;
        let (mut rows, mut table) = (Rows::of(&header, &windows)?, Table::new(10_000));
        // The header once more: a line that is no row.
        in_chunks(file, |text, is_end| rows.take(text, is_end, &mut table))?;
        by_rows.push((processor_ms()? - start) / 1e3);
        black_box((fields, rows.finish(), table.finish()));
    }
    for (what, seconds) in [("splitting_s", by_splitting), ("rows_s", by_rows)] {
        println!("{what} {:.4}", median(seconds));
    }
    Ok(())
}

/// Hands the bytes of a file to `take`, which says how many of them it took.
fn in_chunks(file: &mut File, mut take: impl FnMut(&[u8], bool) -> usize) -> std::io::Result<()> {
    file.rewind()?;
    let mut buffer = vec![0; CHUNK];
    let mut held = 0;
    loop {
        let read = file.read(&mut buffer[held..])?;
        let end = held + read;
        let taken = take(&buffer[..end], read == 0);
        if read == 0 {
            return Ok(());
        }
        buffer.copy_within(taken..end, 0);
        held = end - taken;
    }
}

/// The fields of a line; their lengths keep the compiler from leaving the work out.
fn fields_of(line: &[u8]) -> u64 {
    let mut fields = 0;
    let mut start = 0;
    for end in memchr_iter(b',', line).chain([line.len()]) {
        fields += u64::from(!black_box(&line[start..end]).is_empty());
        start = end + 1;
    }
    fields
}

fn inserted() -> Result<(), Box<dyn Error>> {
    const INSERTS: usize = 20_000_000;
    let mut chance = Chance(0x5EED);
    let requests: Vec<(u32, f64)> = (0..INSERTS).map(|_| (chance.endpoint() as u32, chance.ms())).collect();
    let keys: Vec<u32> =
        requests.iter().map(|&(endpoint, ms)| endpoint * BUCKETS as u32 + u32::from(bucket_of(ms))).collect();
    let mut sketches = vec![Sketch::default(); ENDPOINTS];
    let mut counts = vec![0_u32; ENDPOINTS * BUCKETS];
    let (mut by_sketch, mut by_array, mut by_place) = (Vec::new(), Vec::new(), Vec::new());
    // The first round fills both; they take turns, so that a busy moment meets both.
    for _ in 0..=ROUNDS {
        let start = processor_ms()?;
        requests.iter().for_each(|&(endpoint, ms)| sketches[endpoint as usize].insert(ms));
        by_sketch.push(processor_ms()? - start);
        // The same requests, whose place in the array has to be made out, too.
        let start = processor_ms()?;
        requests
            .iter()
            .for_each(|&(endpoint, ms)| counts[endpoint as usize * BUCKETS + usize::from(bucket_of(ms))] += 1);
        by_array.push(processor_ms()? - start);
        // The same places, known beforehand.
        let start = processor_ms()?;
        keys.iter().for_each(|&key| counts[key as usize] += 1);
        by_place.push(processor_ms()? - start);
    }
    black_box((&sketches, &counts));
    for (into, mut times_ms) in [("into_sketches", by_sketch), ("into_array", by_array), ("into_places", by_place)] {
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
