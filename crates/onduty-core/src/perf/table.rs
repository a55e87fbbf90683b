//! Endpoints by name, not more of them than fit.

use super::series::{Series, Traffic};
use super::windows::{AFTER, Slot};
use serde::Serialize;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Bits of the filter of dropped names: 8 MB, with which one in twenty of new names is taken for a dropped one after ten
/// million of them.
const FILTER_BITS: u64 = 1 << 26;
/// Bits that each name sets.
const FILTER_HASHES: u64 = 4;

/// The endpoints of a comparison; the quietest are put together when there are too many.
///
/// Up to twice as many as `most` are held before the quieter half is dropped, so that dropping costs little. What was
/// dropped stays so: half a history would look like a new endpoint. Its requests count in [`Table::other`].
#[derive(Debug)]
pub struct Table {
    most: usize,
    numbers: HashMap<Box<[u8]>, u32>,
    endpoints: Vec<Endpoint>,
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
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
            most: most.max(1),
            numbers: HashMap::new(),
            endpoints: Vec::new(),
            other: Other::default(),
            dropped: Filter::default(),
        }
    }

    /// The endpoint of `name`, for `requests` in `slot` that took `time_ms` in all; `None` when it counts with the others.
    #[inline]
    pub fn endpoint(&mut self, name: &[u8], slot: Slot, requests: u64, time_ms: f64) -> Option<&mut Series> {
        let number = match self.numbers.get(name) {
            Some(number) => *number as usize,
            None if self.dropped.may_have(name) => {
                self.put_together(slot, requests, time_ms);
                return None;
            }
            None => self.add(name),
        };
        let endpoint = &mut self.endpoints[number];
        endpoint.requests += requests;
        Some(&mut endpoint.series)
    }

    /// Requests of endpoints that somebody else has put together already.
    pub fn put_together(&mut self, slot: Slot, requests: u64, time_ms: f64) {
        self.other.requests += requests;
        if slot.window == AFTER {
            self.other.after.add(requests, time_ms);
        }
    }

    #[cold]
    fn add(&mut self, name: &[u8]) -> usize {
        if self.endpoints.len() >= self.most * 2 {
            self.drop_quietest();
        }
        let number = self.endpoints.len();
        self.numbers.insert(name.into(), number as u32);
        self.endpoints.push(Endpoint::default());
        number
    }

    /// Keeps the busiest `most`.
    fn drop_quietest(&mut self) {
        if self.endpoints.len() <= self.most {
            return;
        }
        let mut by_number: Vec<(u64, Box<[u8]>, u32)> = self
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

    #[test]
    fn below_the_cap_nothing_is_dropped() {
        let mut table = Table::new(2);
        table.endpoint(b"a", HERE, 1, 1.0);
        table.endpoint(b"b", HERE, 1, 1.0);
        let (kept, other) = table.finish();
        assert_eq!((kept.len(), other), (2, Other::default()));
    }
}
