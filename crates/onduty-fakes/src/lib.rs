//! The outside world as a stateful model behind real HTTP: a code host, an error tracker, signals of the team's own,
//! and a sample team with its repository and its day.
//!
//! Used by `onduty demo` and by the integration tests. Imports nothing of onduty, so that a mistake in our types cannot
//! hide in the fakes as well: what it sends and expects is written from the outside systems' own examples and from
//! published standards. Never reads the machine's time and never draws randomness of its own: both are arguments.

#![expect(clippy::disallowed_types, reason = "the outside world has its own ways")]

pub mod bugsink;
pub mod calendar;
pub mod datadog;
pub mod delivery;
pub mod github;
pub mod newrelic;
mod pages;
pub mod postgres;
pub mod prometheus;
pub mod random;
pub mod sample;
pub mod scenario;
pub mod sentry;
mod served;
mod server;
pub mod sign;
pub mod signals;
mod sums;
pub mod tracker;
pub mod trouble;
pub mod world;

pub use delivery::{Channel, Delivery, Fault, Hook, Outcome, Sent};
pub use server::Server;
pub use world::{RealClock, World, WorldOptions};
