//! How far off the change of an endpoint is seen when only a histogram of its requests is kept.
//!
//! Log-normal durations with time-outs, as `benches/perf/simulate.py` has them, become a quarter slower. The same requests are
//! read through the bounds that clients of Prometheus and SDKs of OpenTelemetry have by default, put together from as many
//! histograms as such senders make. Prints a table, the units are those of the mean logarithm; a quarter slower is 0.223.
//! `benches/perf/buckets` calls this.

use onduty_core::perf::{Bin, Bins, Sketch, middle_of};

const MEDIANS_MS: [f64; 8] = [3.0, 8.0, 15.0, 30.0, 60.0, 150.0, 400.0, 1500.0];
const SPREADS: [f64; 4] = [0.2, 0.4, 0.7, 1.0];
const CHANGE: f64 = 1.25;
/// One request in 250 waits for something that does not come, so long.
const TIME_OUTS: f64 = 0.004;
const TIME_OUTS_MS: [f64; 3] = [2_600.0, 4_900.0, 30_000.0];
const ROUNDS: usize = 20;
const PROMETHEUS: [f64; 11] = [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4];
const OPENTELEMETRY: [f64; 14] = [5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3, 7.5e3, 1e4];

/// Numbers that look random (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
struct Random(u64);

impl Random {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.share().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos()
    }

    fn duration(&mut self, median_ms: f64, spread: f64, time_out_ms: f64) -> f64 {
        if self.share() < TIME_OUTS { time_out_ms } else { median_ms * (spread * self.normal()).exp() }
    }
}

/// What becomes of the requests of one histogram.
type Way = fn(&[f64], &[f64], &mut Sketch);

fn bins(durations: &[f64], bounds: &[f64]) -> Bins {
    let mut all: Vec<Bin> = Vec::new();
    for high_ms in bounds.iter().copied().chain([f64::INFINITY]) {
        all.push(Bin { low_ms: all.last().map_or(0.0, |bin| bin.high_ms), high_ms, requests: 0.0 });
    }
    durations.iter().for_each(|ms| all[bounds.partition_point(|bound| bound < ms)].requests += 1.0);
    Bins { all, sum_ms: Some(durations.iter().sum()) }
}

fn themselves(durations: &[f64], _: &[f64], sketch: &mut Sketch) {
    durations.iter().for_each(|ms| sketch.insert(*ms));
}

fn middles(durations: &[f64], bounds: &[f64], sketch: &mut Sketch) {
    for bin in bins(durations, bounds).all {
        let middle_ms = match (bin.low_ms, bin.high_ms) {
            (low, high) if high.is_infinite() => low * std::f64::consts::SQRT_2,
            (low, high) if low <= 0.0 => high / std::f64::consts::SQRT_2,
            (low, high) => (low * high).sqrt(),
        };
        (0..bin.requests as u64).for_each(|_| sketch.insert(middle_ms));
    }
}

fn even(durations: &[f64], bounds: &[f64], sketch: &mut Sketch) {
    let known = Bins { sum_ms: None, ..bins(durations, bounds) };
    known.pour(sketch);
}

fn as_it_is(durations: &[f64], bounds: &[f64], sketch: &mut Sketch) {
    bins(durations, bounds).pour(sketch);
}

fn mean_ln(sketch: &Sketch) -> f64 {
    let mut sum = 0.0;
    sketch.each(|bucket, count| sum += f64::from(count) * middle_of(bucket).ln());
    sum / sketch.n() as f64
}

fn main() {
    let truth = CHANGE.ln();
    println!(
        "how far off a change of {truth:.3} is seen, over {} kinds of endpoints",
        MEDIANS_MS.len() * SPREADS.len()
    );
    for (name, bounds, histograms, requests) in [
        ("Prometheus, blocks of 5 minutes", PROMETHEUS.as_slice(), 12, 500),
        ("OpenTelemetry, minutes, busy", &OPENTELEMETRY, 60, 100),
        ("OpenTelemetry, minutes of 4 processes, quiet", &OPENTELEMETRY, 240, 4),
    ] {
        println!("\n| {name} | median | nine in ten | worst | noise |\n|---|---|---|---|---|");
        for (name, way) in [
            ("the middle of the bucket", middles as Way),
            ("even between the bounds", even),
            ("and the exact sum", as_it_is),
            ("the requests themselves", themselves),
        ] {
            let (mut off, mut noise) = (Vec::new(), Vec::new());
            for (number, (median, spread)) in
                MEDIANS_MS.iter().flat_map(|median| SPREADS.map(|spread| (*median, spread))).enumerate()
            {
                // The same requests for every way.
                let (mut random, time_out) = (Random(number as u64 * 1_000), TIME_OUTS_MS[number % 3]);
                let mut level = |median: f64| {
                    let mut sketch = Sketch::default();
                    for _ in 0..histograms {
                        let durations: Vec<f64> =
                            (0..requests).map(|_| random.duration(median, spread, time_out)).collect();
                        way(&durations, bounds, &mut sketch);
                    }
                    mean_ln(&sketch)
                };
                let seen: Vec<f64> = (0..ROUNDS).map(|_| -level(median) + level(median * CHANGE)).collect();
                let mean = seen.iter().sum::<f64>() / ROUNDS as f64;
                off.push((mean - truth).abs());
                let squares = seen.iter().map(|seen| (seen - mean).powi(2)).sum::<f64>();
                noise.push((squares / (ROUNDS - 1) as f64).sqrt());
            }
            off.sort_by(f64::total_cmp);
            noise.sort_by(f64::total_cmp);
            let at = |share: f64| off[((off.len() - 1) as f64 * share).round() as usize];
            println!("| {name} | {:.3} | {:.3} | {:.3} | {:.3} |", at(0.5), at(0.9), at(1.0), noise[noise.len() / 2]);
        }
    }
}
