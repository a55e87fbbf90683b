//! Background passes: each takes no input, does the same work after a restart or a wake-up, and is one file.
//!
//! Started once by `cli::serve` and `cli::demo`; each loop logs its errors where they happen and goes on.

mod engine;
mod files;
mod git;
pub mod heads;
pub mod latency;
pub mod leave;
mod outbox;
mod owners;
pub mod performance;
mod places;
pub mod response_times;
mod rollouts;
pub mod self_audit;
mod suspects;
mod trackers;

use crate::app::App;
use tokio::task::JoinSet;

/// Starts every background pass; they end when the returned set is dropped.
pub fn start(app: &App) -> JoinSet<()> {
    let mut set = JoinSet::new();
    set.spawn(self_audit::run(app.clone()));
    set.spawn(engine::run(app.clone()));
    set.spawn(files::run(app.clone()));
    set.spawn(git::run(app.clone()));
    set.spawn(heads::run(app.clone()));
    set.spawn(latency::run(app.clone()));
    set.spawn(leave::run(app.clone()));
    set.spawn(outbox::run(app.clone()));
    set.spawn(owners::run(app.clone()));
    set.spawn(performance::run(app.clone()));
    set.spawn(rollouts::run(app.clone()));
    set.spawn(trackers::run(app.clone()));
    set
}
