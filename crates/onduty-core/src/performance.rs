//! What a rollout did to response times: the facts of the kind `performance`, as the journal keeps them.
//!
//! Made by [`crate::compared`], read by `engine` and `expr`. Nothing here decides anything.

use crate::ids::{Environment, Subject};
use crate::perf::{Failing, Side};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Characters of a name that a subject has; longer ones end in a hash.
const LONGEST_NAME: usize = 200;

/// A rollout that was compared with the hours before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedRollout {
    /// Where it went.
    pub environment: Environment,
    /// Its id at its source.
    pub rollout: String,
    /// What went out.
    pub revision: String,
    /// When it had arrived.
    pub rolled_out_at: Timestamp,
    /// End of the hours after it that tell most.
    pub until: Timestamp,
    /// How often it was compared; 0 while the first comparison is awaited, at `until`.
    pub runs: u32,
    /// Endpoints that were judged.
    pub judged: u64,
    /// Endpoints of which too little is known to say.
    pub quiet: u64,
    /// Endpoints that are slower or fail more often, and shifts of many together.
    pub worse: u64,
    /// Share of requests that the judged ones are, from 0 to 1.
    pub requests: f64,
    /// Their share of the time that requests took.
    pub time: f64,
    /// Whether that is enough to call nothing worse fine.
    pub is_enough: bool,
    /// Earlier days with which it was compared.
    pub earlier_days: u32,
}

/// What an [`EndpointFact`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One endpoint.
    Endpoint,
    /// A group of them, such as a service, which all became slower together.
    Group,
    /// All of them together.
    All,
}

/// How an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Slower, or failing more often.
    Degraded,
    /// Seen so once, later than right after the rollout, and not again yet: it takes two in a row.
    Suspected,
    /// It was degraded or suspected, and is not any more.
    Good,
}

/// How much slower.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slowdown {
    /// As a share: 0.25 is 25 % slower than expected.
    pub effect: f64,
    /// 95 % interval of the effect; none for many together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// What users wait more in an hour, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_seconds_per_hour: Option<f64>,
}

/// An endpoint that a rollout made worse, or that recovered since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointFact {
    /// Where.
    pub environment: Environment,
    /// Id of the rollout that made it so.
    pub rollout: String,
    /// What went out with it.
    pub revision: String,
    /// When that had arrived.
    pub rolled_out_at: Timestamp,
    /// One endpoint, or many together.
    pub scope: Scope,
    /// The endpoint as the telemetry calls it, or the group; empty for all.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
    /// How often in a row it was seen so.
    pub seen: u32,
    /// How much slower, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower: Option<Slowdown>,
    /// How much more often it fails, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// Its median before the first of several rollouts that made it slower one after another, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_p50_ms: Option<f64>,
    /// The hours before the rollout.
    #[serde(default)]
    pub before: Side,
    /// The hours after it.
    #[serde(default)]
    pub after: Side,
}

impl EndpointFact {
    /// What an observation of it is about.
    pub fn subject(&self) -> Subject {
        let scope = match self.scope {
            Scope::Endpoint => "endpoint ",
            Scope::Group => "group ",
            Scope::All => "all",
        };
        Subject::new(format!("{} {scope}{}", self.environment, short(&self.name)))
    }

    /// Whether it tells of the rollout with this id and revision.
    pub fn is_of(&self, (id, revision): (&str, &str)) -> bool {
        self.rollout == id && self.revision == revision
    }

    /// Whether somebody has to look.
    pub fn is_degraded(&self) -> bool {
        self.standing == Standing::Degraded
    }

    /// What users wait more in an hour, in whole milliseconds; what only fails counts as nothing.
    pub fn cost(&self) -> u64 {
        let seconds = self.slower.and_then(|slower| slower.added_seconds_per_hour).unwrap_or_default();
        (seconds.max(0.0) * 1_000.0) as u64
    }
}

impl ComparedRollout {
    /// What an observation of it is about.
    pub fn subject(&self) -> Subject {
        Subject::new(format!("{} rollout", self.environment))
    }

    /// Whether it tells of the rollout with this id and revision. A pipeline may count its runs anew, so the number alone does not say.
    pub fn is_of(&self, (id, revision): (&str, &str)) -> bool {
        self.rollout == id && self.revision == revision
    }
}

fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST_NAME).collect();
    let digest = Sha256::digest(name.as_bytes());
    let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{start}#{hash}")
}
