//! Endpoints by name, not more of them than fit.

use super::bins::Grain;
use super::series::{Series, Traffic};
use super::sketch::{BUCKETS, Counter, bucket_of};
use super::windows::{AFTER, Slot};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Bits of the filter of dropped names: 8 MB, with which one in twenty of new names is taken for a dropped one after ten
/// million of them.
const FILTER_BITS: u64 = 1 << 26;
/// Bits that each name sets.
const FILTER_HASHES: u64 = 4;
/// The largest cap: number and bucket of a request fit one number then.
const MOST: usize = 1 << 20;
/// Bits of a bucket in such a number.
const BUCKET_BITS: u32 = 11;
const _: () = assert!(BUCKETS <= 1 << BUCKET_BITS && 2 * MOST <= 1 << (u32::BITS - BUCKET_BITS));
/// Requests that wait to be put into their series: as many as the nearer caches of a processor hold.
const MOST_WAITING: usize = 1 << 16;
/// A name; usual ones lie in the table of names itself.
type Name = SmallVec<[u8; 24]>;

/// The endpoints of a comparison; the quietest are put together when there are too many.
///
/// Up to twice as many as `most` are held before the quieter half is dropped, so that dropping costs little. What was
/// dropped stays so: half a history would look like a new endpoint. Its requests count in [`Table::other`].
#[derive(Debug)]
pub struct Table {
    most: usize,
    /// Names come from outside; the hasher is quick and has a seed of its own, as that of std.
    numbers: HashMap<Name, u32, foldhash::fast::RandomState>,
    endpoints: Vec<Endpoint>,
    waiting: Waiting,
    other: Other,
    dropped: Filter,
}

/// One of them.
#[derive(Debug, Default)]
pub struct Endpoint {
    /// What was measured.
    pub series: Series,
    /// Requests in all windows.
    pub requests: u64,
}

/// What was put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Other {
    /// Endpoints that were dropped; a name that first comes after that may count with them.
    pub endpoints: u64,
    /// Their requests in all windows.
    pub requests: u64,
    /// Those after the rollout.
    pub after: Traffic,
}

impl Table {
    /// An empty one that keeps the `most` busiest endpoints.
    pub fn new(most: usize) -> Table {
        Table {
            most: most.clamp(1, MOST),
            numbers: HashMap::default(),
            endpoints: Vec::new(),
            waiting: Waiting::default(),
            other: Other::default(),
            dropped: Filter::default(),
        }
    }

    /// The endpoint of `name`, for `requests` in `slot` that took `time_ms` in all; `None` when it counts with the others.
    #[inline]
    pub fn endpoint(&mut self, name: &[u8], slot: Slot, requests: u64, time_ms: f64) -> Option<&mut Series> {
        let number = self.number(name, slot, requests, time_ms)?;
        let endpoint = &mut self.endpoints[number];
        endpoint.requests += requests;
        Some(&mut endpoint.series)
    }

    /// One request of `ms` milliseconds to the endpoint of `name`.
    ///
    /// Requests come in the order of time, to one endpoint and another. Thousands of series do not fit into the caches of
    /// a processor; what comes to the same slot waits, and is put into one series after the other.
    #[inline]
    pub fn request(&mut self, name: &[u8], slot: Slot, ms: f64, status: Option<u16>) {
        if self.waiting.slot != slot || self.waiting.keys.len() >= MOST_WAITING {
            self.settle();
            self.waiting.slot = slot;
        }
        let Some(number) = self.number(name, slot, 1, ms) else { return };
        if matches!(status, Some(400..)) {
            let endpoint = &mut self.endpoints[number];
            endpoint.requests += 1;
            endpoint.series.request(slot, ms, status);
        } else {
            self.waiting.push(number, ms);
        }
    }

    /// The number of an endpoint; `None` when it counts with the others, where its requests are put then.
    #[inline]
    fn number(&mut self, name: &[u8], slot: Slot, requests: u64, time_ms: f64) -> Option<usize> {
        match self.numbers.get(name) {
            Some(number) => Some(*number as usize),
            None if self.dropped.may_have(name) => {
                self.put_together(slot, requests, time_ms);
                None
            }
            None => Some(self.add(name)),
        }
    }

    /// Puts what waits into the series.
    #[inline(never)]
    fn settle(&mut self) {
        let Waiting { slot, keys, some, of_each, buckets, counter } = &mut self.waiting;
        let mut start = 0;
        for &number in some.iter() {
            let waiting = &mut of_each[number as usize];
            waiting.next = start;
            start += waiting.n;
        }
        buckets.resize(keys.len(), 0);
        for key in keys.drain(..) {
            let next = &mut of_each[(key >> BUCKET_BITS) as usize].next;
            buckets[*next as usize] = (key & ((1 << BUCKET_BITS) - 1)) as u16;
            *next += 1;
        }
        for number in some.drain(..) {
            let OfEndpoint { n, next, sum_ms } = std::mem::take(&mut of_each[number as usize]);
            let endpoint = &mut self.endpoints[number as usize];
            endpoint.requests += u64::from(n);
            endpoint.series.requests(*slot, &buckets[(next - n) as usize..next as usize], sum_ms, counter);
        }
    }

    /// Says of an endpoint that is told apart how well its durations are known ([`Series::mark`]).
    pub fn mark(&mut self, name: &[u8], grain: Grain) {
        if let Some(number) = self.numbers.get(name) {
            self.endpoints[*number as usize].series.mark(grain);
        }
    }

    /// Requests of endpoints that somebody else has put together already.
    pub fn put_together(&mut self, slot: Slot, requests: u64, time_ms: f64) {
        self.other.requests += requests;
        if slot.window == AFTER {
            self.other.after.add(requests, time_ms);
        }
    }

    /// How many it keeps.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Endpoints that whoever fills the table does not tell apart, or of which nothing useful is known: their requests in
    /// all windows, and those after the rollout.
    pub fn leave_out(&mut self, endpoints: u64, requests: u64, after: Traffic) {
        self.other.endpoints += endpoints;
        self.other.requests += requests;
        self.other.after.add(after.requests, after.time_ms);
    }

    #[cold]
    fn add(&mut self, name: &[u8]) -> usize {
        if self.endpoints.len() >= self.most * 2 {
            self.drop_quietest();
        }
        let number = self.endpoints.len();
        self.numbers.insert(name.into(), number as u32);
        self.endpoints.push(Endpoint::default());
        if self.waiting.of_each.len() <= number {
            self.waiting.of_each.push(OfEndpoint::default());
        }
        number
    }

    /// Keeps the busiest `most`.
    fn drop_quietest(&mut self) {
        self.settle();
        if self.endpoints.len() <= self.most {
            return;
        }
        let mut by_number: Vec<(u64, Name, u32)> = self
            .numbers
            .drain()
            .map(|(name, number)| (self.endpoints[number as usize].requests, name, number))
            .collect();
        // Among equally busy ones the name decides, so that the same files give the same answer.
        by_number.sort_unstable_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        let mut old: Vec<Option<Endpoint>> = std::mem::take(&mut self.endpoints).into_iter().map(Some).collect();
        for (at, (_, name, number)) in by_number.into_iter().enumerate() {
            let Some(endpoint) = old[number as usize].take() else { continue };
            if at < self.most {
                self.numbers.insert(name, self.endpoints.len() as u32);
                self.endpoints.push(endpoint);
            } else {
                self.dropped.add(&name);
                self.other.endpoints += 1;
                self.other.requests += endpoint.requests;
                let after = endpoint.series.traffic(AFTER);
                self.other.after.add(after.requests, after.time_ms);
            }
        }
    }

    /// All endpoints by name, the busiest `most` of them, and the others.
    pub fn finish(mut self) -> (Vec<(String, Endpoint)>, Other) {
        self.drop_quietest();
        let mut endpoints: Vec<Option<Endpoint>> = self.endpoints.into_iter().map(Some).collect();
        let mut all: Vec<(String, Endpoint)> = self
            .numbers
            .into_iter()
            .filter_map(|(name, number)| {
                Some((String::from_utf8_lossy(&name).into_owned(), endpoints[number as usize].take()?))
            })
            .collect();
        all.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        (all, self.other)
    }
}

/// Requests of one slot that are not in their series yet.
#[derive(Debug)]
struct Waiting {
    slot: Slot,
    /// Number of the endpoint and bucket of each, in the order in which they came.
    keys: Vec<u32>,
    /// The endpoints that have some.
    some: Vec<u32>,
    /// One for each endpoint of the table.
    of_each: Vec<OfEndpoint>,
    /// Kept for their memory.
    buckets: Vec<u16>,
    counter: Counter,
}

/// What waits for one endpoint.
#[derive(Debug, Clone, Copy, Default)]
struct OfEndpoint {
    n: u32,
    /// Where its next bucket goes.
    next: u32,
    sum_ms: f64,
}

impl Default for Waiting {
    fn default() -> Self {
        Waiting {
            slot: Slot { window: 0, block: 0 },
            keys: Vec::with_capacity(MOST_WAITING),
            some: Vec::new(),
            of_each: Vec::new(),
            buckets: Vec::new(),
            counter: Counter::default(),
        }
    }
}

impl Waiting {
    #[inline]
    fn push(&mut self, number: usize, ms: f64) {
        let waiting = &mut self.of_each[number];
        if waiting.n == 0 {
            self.some.push(number as u32);
        }
        waiting.n += 1;
        waiting.sum_ms += ms;
        self.keys.push((number as u32) << BUCKET_BITS | u32::from(bucket_of(ms)));
    }
}

/// Names that were dropped, and a few that only look like one of them (Bloom, "Space/time trade-offs in hash coding",
/// CACM 13, 1970).
#[derive(Debug, Default)]
struct Filter {
    bits: Vec<u64>,
    keys: RandomState,
}

impl Filter {
    fn places(&self, name: &[u8]) -> impl Iterator<Item = u64> + use<> {
        let hash = self.keys.hash_one(name);
        let (first, step) = (hash, (hash >> 32) | 1);
        (0..FILTER_HASHES).map(move |at| first.wrapping_add(step.wrapping_mul(at)) % FILTER_BITS)
    }

    fn may_have(&self, name: &[u8]) -> bool {
        !self.bits.is_empty() && self.places(name).all(|bit| self.bits[(bit / 64) as usize] & (1 << (bit % 64)) != 0)
    }

    fn add(&mut self, name: &[u8]) {
        if self.bits.is_empty() {
            self.bits = vec![0; (FILTER_BITS / 64) as usize];
        }
        for bit in self.places(name) {
            self.bits[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Slot = Slot { window: AFTER, block: 0 };

    #[test]
    fn the_busiest_stay() {
        let mut table = Table::new(3);
        for round in 0..10 {
            for busy in ["a", "b", "c"] {
                table.endpoint(busy.as_bytes(), HERE, 5, 10.0);
            }
            for quiet in 0..10 {
                if let Some(series) = table.endpoint(format!("quiet {round} {quiet}").as_bytes(), HERE, 1, 3.0) {
                    series.request(HERE, 3.0, None);
                }
            }
        }
        let (kept, other) = table.finish();
        assert_eq!(kept.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(kept.iter().map(|(_, endpoint)| endpoint.requests).sum::<u64>() + other.requests, 250);
        assert_eq!(kept[0].1.requests, 50);
        assert!(other.endpoints > 90 && other.after == Traffic { requests: 100, time_ms: 300.0 }, "{other:?}");
    }

    #[test]
    fn what_was_dropped_does_not_come_back() {
        let mut table = Table::new(1);
        for name in ["quiet", "a", "a", "b"] {
            table.endpoint(name.as_bytes(), HERE, 1, 1.0);
        }
        assert!(table.endpoint(b"quiet", HERE, 100, 1.0).is_none());
        assert_eq!(table.finish().1.requests, 102);
    }

    /// What waits to be put into the series is put there, whatever comes in between.
    #[test]
    fn the_order_of_requests_does_not_matter() {
        let mut requests = Vec::new();
        for at in 0..5_000_usize {
            let slot = Slot { window: at / 400 % 3, block: at / 100 % 12 };
            let status = if at % 17 == 0 { Some(503) } else { None };
            requests.push((format!("endpoint {}", at * at % 40), slot, 1.0 + (at * 7919 % 1000) as f64, status));
        }
        let counted = |requests: &mut dyn Iterator<Item = &(String, Slot, f64, Option<u16>)>| {
            let mut table = Table::new(100);
            for (name, slot, ms, status) in requests {
                table.request(name.as_bytes(), *slot, *ms, *status);
            }
            table.finish().0
        };
        let (forth, back) = (counted(&mut requests.iter()), counted(&mut requests.iter().rev()));
        // One by one into its place, without waiting.
        let mut plain = Table::new(100);
        for (name, slot, ms, status) in &requests {
            plain.endpoint(name.as_bytes(), *slot, 1, *ms).unwrap().request(*slot, *ms, *status);
        }
        let plain = plain.finish().0;
        assert_eq!(forth.iter().map(|(_, endpoint)| endpoint.requests).sum::<u64>(), 5_000);
        for other in [&back, &plain] {
            for ((name, left), (other, right)) in forth.iter().zip(other) {
                assert_eq!((name, left.requests), (other, right.requests));
                for (left, right) in
                    (0..3).flat_map(|at| left.series.window(at).unwrap().iter().zip(right.series.window(at).unwrap()))
                {
                    // The durations are whole numbers, so their sums are exact in any order.
                    assert_eq!((&left.sketch, left.refused, left.failed), (&right.sketch, right.refused, right.failed));
                }
            }
        }
    }

    #[test]
    fn what_waits_counts_when_the_quietest_are_dropped() {
        let mut table = Table::new(2);
        for (name, requests) in [("busy", 5), ("calm", 3), ("a", 1), ("b", 1), ("c", 1)] {
            (0..requests).for_each(|_| table.request(name.as_bytes(), HERE, 2.0, None));
        }
        let (kept, other) = table.finish();
        let kept: Vec<_> = kept.iter().map(|(name, endpoint)| (name.as_str(), endpoint.requests)).collect();
        assert_eq!(kept, [("busy", 5), ("calm", 3)]);
        assert_eq!((other.requests, other.after), (3, Traffic { requests: 3, time_ms: 6.0 }));
    }

    #[test]
    fn what_is_left_out_counts_with_the_others() {
        let mut table = Table::new(2);
        table.endpoint(b"a", HERE, 1, 1.0);
        table.leave_out(3, 50, Traffic { requests: 20, time_ms: 400.0 });
        let other = table.finish().1;
        assert_eq!(other, Other { endpoints: 3, requests: 50, after: Traffic { requests: 20, time_ms: 400.0 } });
    }

    #[test]
    fn below_the_cap_nothing_is_dropped() {
        let mut table = Table::new(2);
        table.endpoint(b"a", HERE, 1, 1.0);
        table.endpoint(b"b", HERE, 1, 1.0);
        let (kept, other) = table.finish();
        assert_eq!((kept.len(), other), (2, Other::default()));
    }
}
