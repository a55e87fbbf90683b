//! The rules of duty: who is on duty, what they have to do now and why, and whether it is safe to roll out.
//!
//! No IO, no async, no clock and no randomness: everything is an argument. The server package loads facts, calls in
//! here, and applies what comes out.

pub mod calendar;
pub mod compared;
pub mod engine;
pub mod expr;
pub mod files;
pub mod flaky;
pub mod gate;
pub mod handshake;
pub mod icalendar;
pub mod ids;
pub mod item;
pub mod leave_calendar;
pub mod logbook;
pub mod owner;
pub mod perf;
pub mod performance;
pub mod plan;
pub mod process;
pub mod roster;
pub mod schedule;
pub mod signal;
pub mod signal_feeds;
