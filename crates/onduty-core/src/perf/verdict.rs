//! What a comparison says of each endpoint, with its reasons.

use super::errors::{Failing, Outcomes};
use super::table::Other;
use serde::{Deserialize, Serialize};

/// What became of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Slower, by more than the floor.
    Regressed,
    /// Faster, by more than the floor.
    Improved,
    /// Not slower by more than is worth a look; faster perhaps.
    Unchanged,
    /// Too little is known to say.
    Inconclusive,
    /// Asked only since the rollout.
    New,
    /// Not asked any more.
    Gone,
    /// Slower, like everything around it.
    SharedShift,
}

impl Verdict {
    /// Whether enough is known to say what the rollout did.
    pub fn is_judgement(self) -> bool {
        match self {
            Verdict::Regressed | Verdict::Improved | Verdict::Unchanged | Verdict::SharedShift => true,
            Verdict::Inconclusive | Verdict::New | Verdict::Gone => false,
        }
    }
}

/// Why a verdict is what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Compared with the same hours of this many earlier days, of which some were different themselves.
    EarlierDays {
        /// Days with requests.
        days: usize,
        /// Windows of them that count less.
        shifted_windows: usize,
    },
    /// There is no earlier day to tell a slow hour of the day from a slow rollout.
    NoEarlierDays {
        /// Windows before the one before that were used instead.
        earlier_windows: usize,
    },
    /// What all endpoints of the group went through was taken away; as a share, 0.1 is 10 % slower.
    SharedShift {
        /// The group; empty for all.
        group: String,
        /// The change of the group.
        change: f64,
    },
    /// Fewer requests than a judgement takes.
    FewRequests {
        /// After the rollout.
        after: u64,
        /// In all windows before it.
        before: u64,
        /// Needed after it and before it.
        needed: [u64; 2],
    },
    /// The smallest slowdown that would have been found four times in five; as a share.
    WouldHaveSeen {
        /// The slowdown.
        change: f64,
    },
    /// On earlier days it became slower or faster for good; only what it was since then counts.
    LevelMoved {
        /// How often.
        times: usize,
    },
    /// It is always this much slower or faster at this hour; as a share.
    AtThisHour {
        /// The change from before to after on earlier days.
        change: f64,
    },
    /// Nearly all of its requests are in one bucket of the backend's histogram, or in two: how long they took is known by
    /// their mean alone, which takes a larger change.
    CoarseBounds,
    /// The buckets say nothing about how long its requests took; only how often it failed is known.
    UselessBounds,
    /// An effect below this is not worth a look; as a share.
    Floor {
        /// The effect.
        change: f64,
    },
}

/// One side of the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Requests that were answered well.
    pub n: u64,
    /// Their median, in milliseconds.
    pub p50_ms: Option<f64>,
    /// Their 95th percentile, in milliseconds.
    pub p95_ms: Option<f64>,
}

/// What the comparison says of one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its name.
    pub endpoint: String,
    /// The verdict.
    pub verdict: Verdict,
    /// 1 is the regression that costs users most; only regressions have one.
    pub rank: Option<usize>,
    /// How much slower than expected, as a share: 0.25 is 25 % slower.
    pub effect: Option<f64>,
    /// 95 % interval of the effect.
    pub interval: Option<[f64; 2]>,
    /// Share of false ones among all that are at least as clearly slower (or faster, where it is).
    pub q_value: Option<f64>,
    /// What users wait more in an hour, in seconds.
    pub added_seconds_per_hour: Option<f64>,
    /// Whether it fails more often as well; its own question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// The window before the rollout.
    pub before: Side,
    /// The window after it.
    pub after: Side,
    /// All requests after it, however they were answered.
    #[serde(default)]
    pub asked: Outcomes,
    /// Why.
    pub reasons: Vec<Reason>,
}

impl Judged {
    /// Whether it is slower, or fails more often.
    pub fn is_worse(&self) -> bool {
        self.verdict == Verdict::Regressed || self.failing.is_some()
    }

    /// What users wait more in an hour because of it, in whole milliseconds; 0 where it is not worse.
    pub fn cost(&self) -> u64 {
        let seconds = self.added_seconds_per_hour.filter(|_| self.is_worse()).unwrap_or_default();
        (seconds.max(0.0) * 1e3) as u64
    }
}

/// Everything got slower or faster together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedShift {
    /// The group; empty for all endpoints.
    pub group: String,
    /// The change, as a share.
    pub change: f64,
    /// Endpoints that say so.
    pub endpoints: usize,
}

/// How much was judged, of what was asked after the rollout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Endpoints.
    pub judged: usize,
    /// Their share of requests, from 0 to 1.
    pub requests: f64,
    /// Their share of the time that requests took.
    pub time: f64,
}

/// What a comparison says as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing got worse, and enough was judged to say so.
    Fine,
    /// An endpoint is slower or fails more often, or all became slower together.
    Worse,
    /// Nothing is known to have got worse, and too little was judged to call that fine.
    Unknown,
}

/// What a rollout did to response times.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// All endpoints: regressions by rank, then the others by name.
    pub endpoints: Vec<Judged>,
    /// How much of the traffic they are.
    pub coverage: Coverage,
    /// Endpoints beyond the cap, which nobody judged.
    pub other: Other,
    /// What happened to all, or to a whole group.
    pub shared: Vec<SharedShift>,
    /// Earlier days that had requests.
    pub earlier_days: usize,
}

impl Comparison {
    /// Whether at least the share `covered` of requests and of their time was judged.
    pub fn is_covered(&self, covered: f64) -> bool {
        self.coverage.requests >= covered && self.coverage.time >= covered
    }

    /// What it says as a whole, when at least the share `covered` of requests and of their time has to be judged.
    ///
    /// What all went through together counts: it is taken away from each endpoint, and must not be lost with that.
    pub fn outcome(&self, covered: f64) -> Outcome {
        if self.endpoints.iter().any(Judged::is_worse) || self.shared.iter().any(|shift| shift.change > 0.0) {
            Outcome::Worse
        } else if self.is_covered(covered) {
            Outcome::Fine
        } else {
            Outcome::Unknown
        }
    }
}
