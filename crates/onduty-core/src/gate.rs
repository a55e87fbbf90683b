//! May we roll out? Open, with a proof, or every reason why not.
//!
//! [`evaluate`] is the only maker of [`GateOpen`]; whoever rolls out has to show one.

use crate::ids::{Environment, StepId};
use crate::signal::UnknownReason;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the gate reads, and nothing else: an unrelated signal does not make a press fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateInputs {
    /// Where to.
    pub environment: Environment,
    /// Version of the process.
    pub process_version: u32,
    /// What would go out.
    pub candidate: Result<Candidate, UnknownReason>,
    /// Reasons against it, in the order of the process.
    pub blockers: Vec<Blocker>,
}

/// What would go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The revision, in full.
    pub revision: String,
    /// What is out there now, where known.
    pub deployed: Option<String>,
    /// The commits that would go out, newest first; `None` where the history is not known.
    pub commits: Option<Vec<String>>,
    /// Digest over every rollout to the environment that is known: each one, however it ends, uses up the looks from
    /// before it, so that a press is good for one attempt.
    pub attempts: String,
}

/// A reason why not, worded by the views.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "blocker", rename_all = "snake_case")]
pub enum Blocker {
    /// A blocking step has open items.
    StepOpen {
        /// Which.
        step: StepId,
        /// Its goal.
        goal: String,
        /// How many items.
        items: u32,
    },
    /// A blocking step cannot be judged.
    StepUnknown {
        /// Which.
        step: StepId,
        /// Its goal.
        goal: String,
        /// Why.
        reason: UnknownReason,
    },
    /// Not yet.
    TooEarly {
        /// When it opens.
        opens: Timestamp,
    },
    /// Not any more today.
    TooLate {
        /// When it closed.
        closed: Timestamp,
        /// When it opens next.
        opens: Option<Timestamp>,
    },
    /// It was done.
    AlreadyRolledOut {
        /// When.
        at: Timestamp,
        /// What.
        revision: String,
        /// When it opens next.
        opens: Option<Timestamp>,
    },
    /// One is under way.
    InProgress {
        /// What.
        revision: String,
        /// Since when.
        since: Timestamp,
    },
    /// Nobody knows how the last one ended; a person has to say.
    OutcomeUnknown {
        /// What.
        revision: String,
        /// Since when.
        since: Timestamp,
    },
    /// Nobody is on duty now.
    OutsideShift {
        /// When the next shift starts.
        opens: Option<Timestamp>,
    },
    /// What would go out is not known.
    NoCandidate {
        /// Why.
        reason: UnknownReason,
    },
    /// The process has no rollout step.
    NoRolloutStep,
    /// Nothing is configured to roll out with.
    NoTarget {
        /// Where to.
        environment: Environment,
    },
    /// `serve --observe`: nothing leaves.
    ObserveOnly,
}

/// A proof that the gate was open on exactly these inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GateOpen {
    environment: Environment,
    revision: String,
    diff_hash: String,
    process_version: u32,
    inputs_hash: String,
}

impl GateOpen {
    /// Where to.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }
    /// What goes out.
    pub fn revision(&self) -> &str {
        &self.revision
    }
    /// Hash over what is deployed, every commit that goes out, and the rollouts before.
    pub fn diff_hash(&self) -> &str {
        &self.diff_hash
    }
    /// Version of the process that judged.
    pub fn process_version(&self) -> u32 {
        self.process_version
    }
    /// Hash over all inputs.
    pub fn inputs_hash(&self) -> &str {
        &self.inputs_hash
    }
}

/// May we roll out?
///
/// # Errors
/// Every reason why not, never an empty list.
pub fn evaluate(inputs: &GateInputs) -> Result<GateOpen, Vec<Blocker>> {
    let mut blockers = inputs.blockers.clone();
    match &inputs.candidate {
        Err(reason) => {
            blockers.push(Blocker::NoCandidate { reason: reason.clone() });
            Err(blockers)
        }
        Ok(_) if !blockers.is_empty() => Err(blockers),
        Ok(candidate) => Ok(GateOpen {
            environment: inputs.environment.clone(),
            revision: candidate.revision.clone(),
            diff_hash: diff_hash(candidate),
            process_version: inputs.process_version,
            inputs_hash: hash_of(inputs),
        }),
    }
}

/// Hash over what is deployed, what would be, the commits between, and the rollouts before: what a presser has seen.
pub fn diff_hash(candidate: &Candidate) -> String {
    hash_of(candidate)
}

/// The first 64 bits of the SHA-256 of `value` as JSON, in hexadecimal.
pub(crate) fn hash_of(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).expect("plain data is always JSON");
    Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
