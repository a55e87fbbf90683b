//! How long requests took: what senders of OpenTelemetry tell, per endpoint, class of status and minute.
//!
//! The web intake keeps batches ([`Store::keep_batch`](super::Store::keep_batch)); a pass folds them into sketches
//! ([`fold()`]), joins old ones ([`join`]) and forgets ([`prune`]); a comparison reads them ([`fill`]).
//! `docs/design/otlp.md` says why.

mod encoding;
mod fold;
mod old;
mod queue;
mod read;

pub use fold::{Folded, Limits, fold, has_work};
pub use old::{join, prune};
pub(super) use queue::Queue;
pub use read::{Filled, fill, newest};

use super::db::to_json;
use jiff::SignedDuration;

/// How long minutes are told apart.
pub const MINUTES_KEPT: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: i64 = 60_000_000;

#[cfg(test)]
mod tests;
