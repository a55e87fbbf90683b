//! The requests of one message of a sender, put together as far as they can be before anybody keeps them.
//!
//! Filled by a source, kept by the store. Bounded whatever the message says: what does not fit is counted as such.

use super::progress::Point;
use super::sketch::Sketch;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The name under which endpoints are put together when there are too many.
pub const OTHER: &str = "other";

/// How requests were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StatusClass {
    /// Well: below 400, or nobody said.
    Ok,
    /// The client got it wrong: 400 to 499.
    Refused,
    /// The server failed: from 500 on.
    Failed,
}

impl StatusClass {
    /// Every class.
    pub const ALL: [StatusClass; 3] = [StatusClass::Ok, StatusClass::Refused, StatusClass::Failed];

    /// The class of a status of HTTP.
    pub fn of_http(status: i64) -> StatusClass {
        match status {
            500.. => StatusClass::Failed,
            400..500 => StatusClass::Refused,
            _ => StatusClass::Ok,
        }
    }
}

/// Which requests belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Number of the endpoint in [`Batch::names`].
    pub endpoint: u32,
    /// How they were answered.
    pub class: StatusClass,
    /// Minutes since 1970.
    pub minute: i64,
}

/// The requests of one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// How long they took.
    pub sketch: Sketch,
    /// How many of them were in buckets so wide that nobody knows how long they took.
    pub wide: u64,
}

impl Tally {
    /// What another one has counted, as well.
    pub fn merge(&mut self, other: &Tally) {
        self.sketch.merge(&other.sketch);
        self.wide = self.wide.saturating_add(other.wide);
    }
}

/// A point of a series whose difference to the one before has to be taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Tells series apart.
    pub series: String,
    /// All series that its sender sends together.
    pub stream: String,
    /// Its endpoint.
    pub endpoint: String,
    /// How its requests were answered.
    pub class: StatusClass,
    /// What it says.
    pub point: Point,
}

/// How much a batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Endpoints; further ones are [`OTHER`].
    pub endpoints: usize,
    /// Places, and points.
    pub places: usize,
}

/// The requests of one message.
#[derive(Debug, Clone)]
pub struct Batch {
    limits: BatchLimits,
    names: Vec<String>,
    /// A quick hasher with a seed of its own: two look-ups are much of what a span costs.
    numbers: HashMap<String, u32, RandomState>,
    tallies: HashMap<Place, Tally, RandomState>,
    points: Vec<SeriesPoint>,
}

impl Batch {
    /// An empty one.
    pub fn new(limits: BatchLimits) -> Batch {
        Batch {
            limits,
            names: Vec::new(),
            numbers: HashMap::default(),
            tallies: HashMap::default(),
            points: Vec::new(),
        }
    }

    fn number(&mut self, endpoint: &str) -> u32 {
        if let Some(number) = self.numbers.get(endpoint) {
            return *number;
        }
        // The place for the others is beyond the limit.
        if endpoint != OTHER && self.names.len() >= self.limits.endpoints {
            return self.number(OTHER);
        }
        let number = self.names.len() as u32;
        self.names.push(endpoint.to_owned());
        self.numbers.insert(endpoint.to_owned(), number);
        number
    }

    /// Where requests of `endpoint` count; `None` when the batch is full.
    pub fn tally(&mut self, endpoint: &str, class: StatusClass, minute: i64) -> Option<&mut Tally> {
        let endpoint = self.number(endpoint);
        let place = Place { endpoint, class, minute };
        if self.tallies.len() >= self.limits.places && !self.tallies.contains_key(&place) {
            return None;
        }
        Some(self.tallies.entry(place).or_default())
    }

    /// One more point; `false` when the batch is full.
    pub fn point(&mut self, point: SeriesPoint) -> bool {
        let fits = self.points.len() < self.limits.places;
        if fits {
            self.points.push(point);
        }
        fits
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty() && self.points.is_empty()
    }

    /// The endpoints of its tallies.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What was counted, in no order.
    pub fn tallies(&self) -> impl ExactSizeIterator<Item = (&Place, &Tally)> {
        self.tallies.iter()
    }

    /// The points, in their order.
    pub fn points(&self) -> &[SeriesPoint] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_no_more_than_it_may() {
        let mut batch = Batch::new(BatchLimits { endpoints: 2, places: 4 });
        for name in ["a", "b", "c", "d", "a"] {
            batch.tally(name, StatusClass::Ok, 1).unwrap().sketch.insert(1.0);
        }
        assert_eq!(batch.names(), ["a", "b", OTHER]);
        let mut counts: Vec<_> = batch.tallies().map(|(place, tally)| (place.endpoint, tally.sketch.n())).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(0, 2), (1, 1), (2, 2)]);
        assert!(batch.tally("a", StatusClass::Failed, 1).is_some());
        assert!(batch.tally("a", StatusClass::Ok, 2).is_none());
        assert!(batch.tally("b", StatusClass::Ok, 1).is_some());
    }
}
