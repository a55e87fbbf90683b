//! What the answers about one window say, put together by endpoint.

use super::wire::Series;
use super::{Blocks, Doubt, Named};
use crate::sources::response_times::endpoint_name;
use onduty_core::perf::{BLOCKS, Bin, Bins, Grain, Slot, Table};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Fewer parts of a request than this are rounding.
const ROUNDING: f64 = 0.5;

/// The endpoints of one window.
pub struct Endpoints<'a> {
    labels: &'a [String],
    unit_ms: f64,
    all: HashMap<String, Endpoint>,
    /// Whether anything at all is known of a block.
    seen: [bool; BLOCKS],
}

/// One of them.
#[derive(Default)]
struct Endpoint {
    blocks: [Block; BLOCKS],
}

/// Requests of one block.
#[derive(Default)]
struct Block {
    /// By upper bound in milliseconds, as ordered bits: the number up to that bound, in a classic histogram.
    up_to: BTreeMap<u64, f64>,
    /// By lower bound likewise: upper bound and number, in a native one.
    between: BTreeMap<u64, (f64, f64)>,
    sum_ms: Option<f64>,
    refused: f64,
    failed: f64,
}

/// What is known about bounds, by endpoint.
pub struct Grains {
    coarse: BTreeSet<String>,
    blind: BTreeSet<String>,
    unequal: BTreeSet<String>,
}

impl<'a> Endpoints<'a> {
    /// None yet. An endpoint's name is made of the values of `labels`.
    pub fn new(labels: &'a [String], unit_ms: f64) -> Endpoints<'a> {
        Endpoints { labels, unit_ms, all: HashMap::new(), seen: [false; BLOCKS] }
    }

    /// The blocks of which anything is known.
    pub fn known(&self) -> [bool; BLOCKS] {
        self.seen
    }

    /// `GET /cart`, or `shop|GET /cart` where the first of several labels is the service.
    fn name(&self, metric: &BTreeMap<String, String>) -> String {
        let value = |label: &String| metric.get(label).map_or("?", String::as_str);
        endpoint_name(self.labels.first().is_some_and(|label| is_service(label)), self.labels.iter().map(value))
    }

    fn each(&mut self, blocks: &Blocks, series: &Series, mut visit: impl FnMut(&mut Block, f64)) {
        let name = self.name(&series.metric);
        let endpoint = self.all.entry(name).or_default();
        for (at, number) in &series.values {
            if let (Some(block), Some(number)) = (blocks.number(*at), number.known()) {
                visit(&mut endpoint.blocks[block], number);
            }
        }
    }

    /// Counts up to bounds. The error names the field.
    pub fn take_buckets(&mut self, blocks: &Blocks, all: Vec<Series>) -> Result<(), &'static str> {
        for series in all {
            let bound = series.metric.get("le").and_then(|le| le.parse::<f64>().ok()).filter(|le| *le >= 0.0);
            let bound_ms = bound.ok_or("le")? * self.unit_ms;
            if !series.histograms.is_empty() {
                return Err("values");
            }
            for (at, _) in &series.values {
                blocks.number(*at).into_iter().for_each(|block| self.seen[block] = true);
            }
            self.each(blocks, &series, |block, count| *block.up_to.entry(bound_ms.to_bits()).or_default() += count);
        }
        Ok(())
    }

    /// Native histograms. The error names the field.
    pub fn take_native(&mut self, blocks: &Blocks, all: Vec<Series>) -> Result<(), &'static str> {
        for series in all {
            if !series.values.is_empty() {
                return Err("histograms");
            }
            let name = self.name(&series.metric);
            let endpoint = self.all.entry(name).or_default();
            for (at, native) in &series.histograms {
                let Some(block) = blocks.number(*at) else { continue };
                self.seen[block] = true;
                let block = &mut endpoint.blocks[block];
                if let Some(sum) = native.sum.known() {
                    *block.sum_ms.get_or_insert(0.0) += sum * self.unit_ms;
                }
                for (_, low, high, count) in &native.buckets {
                    // What took less than no time was measured wrongly.
                    if high.0 > 0.0 {
                        let (low_ms, high_ms) = (low.0.max(0.0) * self.unit_ms, high.0 * self.unit_ms);
                        block.between.entry(low_ms.to_bits()).or_insert((high_ms, 0.0)).1 +=
                            count.known().unwrap_or(0.0);
                    }
                }
            }
        }
        Ok(())
    }

    /// How long they took in all.
    pub fn take_sums(&mut self, blocks: &Blocks, all: Vec<Series>) {
        let unit_ms = self.unit_ms;
        for series in all {
            self.each(blocks, &series, |block, sum| *block.sum_ms.get_or_insert(0.0) += sum * unit_ms);
        }
    }

    /// Those that were not answered well, by their status.
    pub fn take_errors(&mut self, blocks: &Blocks, all: Vec<Series>, status: &str) {
        for series in all {
            let is_failed = series.metric.get(status).is_some_and(|status| status.starts_with('5'));
            for (at, _) in &series.values {
                blocks.number(*at).into_iter().for_each(|block| self.seen[block] = true);
            }
            self.each(blocks, &series, |block, count| {
                *(if is_failed { &mut block.failed } else { &mut block.refused }) += count;
            });
        }
    }

    /// Puts all into `table`.
    pub fn fill(&self, window: usize, grains: &Grains, table: &mut Table) {
        // The order decides who is dropped among equals.
        let mut names: Vec<&String> = self.all.keys().collect();
        names.sort_unstable();
        for name in names {
            let blocks = self.all[name].blocks.iter().map(|block| (block, block.bins()));
            let grain = grains.of_endpoint(name);
            for (block, (counted, known)) in blocks.enumerate() {
                let slot = Slot { window, block };
                let (requests, refused, failed) =
                    (known.requests().round() as u64, counted.refused.round() as u64, counted.failed.round() as u64);
                if requests + refused + failed == 0 {
                    continue;
                }
                let time_ms = known.sum_ms.unwrap_or(0.0);
                let series = table.endpoint(name.as_bytes(), slot, requests + refused + failed, time_ms);
                if let Some(series) = series {
                    series.mark(grain);
                    series.bins(slot, &known);
                    series.errors(slot, refused, failed);
                }
            }
        }
    }

    fn bounds(&self, name: &str) -> BTreeSet<u64> {
        let known = self.all.get(name).into_iter().flat_map(|endpoint| &endpoint.blocks);
        known.flat_map(|block| block.up_to.keys().copied()).collect()
    }
}

/// Whether a label names the service that an endpoint belongs to.
fn is_service(label: &str) -> bool {
    label.contains("service") || matches!(label, "job" | "app" | "application")
}

impl Block {
    fn bins(&self) -> Bins {
        let mut all: Vec<Bin> = Vec::new();
        let mut seen = 0.0_f64;
        for (bound, count) in &self.up_to {
            let low_ms = all.last().map_or(0.0, |bin| bin.high_ms);
            // Where processes have different bounds, a count may fall.
            all.push(Bin { low_ms, high_ms: f64::from_bits(*bound), requests: (count - seen).max(0.0) });
            seen = seen.max(*count);
        }
        let native = self.between.iter().map(|(low, (high_ms, requests))| Bin {
            low_ms: f64::from_bits(*low),
            high_ms: *high_ms,
            requests: *requests,
        });
        all.extend(native);
        Bins { all, sum_ms: self.sum_ms }
    }

    fn falls(&self) -> bool {
        let mut seen = 0.0_f64;
        self.up_to.values().any(|count| {
            let falls = *count < seen - ROUNDING;
            seen = seen.max(*count);
            falls
        })
    }
}

impl Endpoint {
    fn pool(&self, into: &mut Pool) {
        for block in &self.blocks {
            let bins = block.bins();
            for bin in &bins.all {
                into.bins
                    .entry((bin.low_ms.to_bits(), bin.high_ms.to_bits()))
                    .or_insert(Bin { requests: 0.0, ..*bin })
                    .requests += bin.requests;
            }
            match bins.sum_ms {
                Some(sum) => *into.sum_ms.get_or_insert(0.0) += sum,
                None if bins.requests() > 0.0 => into.is_unsummed = true,
                None => {}
            }
        }
    }
}

/// Requests of several blocks.
#[derive(Default)]
struct Pool {
    bins: BTreeMap<(u64, u64), Bin>,
    sum_ms: Option<f64>,
    is_unsummed: bool,
}

impl Grains {
    /// What the windows before and after tell.
    pub fn of(before: &Endpoints<'_>, after: &Endpoints<'_>) -> Grains {
        let mut grains = Grains { coarse: BTreeSet::new(), blind: BTreeSet::new(), unequal: BTreeSet::new() };
        let names: BTreeSet<&String> = before.all.keys().chain(after.all.keys()).collect();
        for name in names {
            let mut pool = Pool::default();
            let both = [before, after].map(|window| window.all.get(name));
            both.iter().flatten().for_each(|endpoint| endpoint.pool(&mut pool));
            let sum_ms = pool.sum_ms.filter(|_| !pool.is_unsummed);
            let bins = Bins { all: pool.bins.into_values().collect(), sum_ms };
            let told = match bins.grain() {
                Grain::Fine => None,
                Grain::Coarse => Some(&mut grains.coarse),
                Grain::Blind => Some(&mut grains.blind),
            };
            if let Some(names) = told {
                names.insert(name.clone());
            }
            let falls = both.iter().flatten().any(|endpoint| endpoint.blocks.iter().any(Block::falls));
            let [old, new] = [before, after].map(|window| window.bounds(name));
            if falls || (!old.is_empty() && !new.is_empty() && old != new) {
                grains.unequal.insert(name.clone());
            }
        }
        grains
    }

    fn of_endpoint(&self, name: &str) -> Grain {
        let worst = if self.coarse.contains(name) { Grain::Coarse } else { Grain::Fine };
        if self.blind.contains(name) { Grain::Blind } else { worst }
    }

    /// What people have to be told.
    pub fn doubts(&self) -> Vec<Doubt> {
        let named = |names: &BTreeSet<String>| Named::of(names.iter().map(String::as_str));
        let coarse = named(&self.coarse).map(Doubt::CoarseBounds);
        let blind = named(&self.blind).map(Doubt::UselessBounds);
        let unequal = named(&self.unequal).map(Doubt::UnequalBounds);
        [blind, coarse, unequal].into_iter().flatten().collect()
    }
}
