//! A sample team, its repository, its files for onduty and the errors of its shop.
//!
//! Used by `onduty demo` and by tests. Plain data and plain files: nothing here is sent anywhere.

mod endpoints;
mod errors;
mod files;
mod git;
mod history;
mod repository;
mod shop;
mod team;

pub use endpoints::{SLOWED_DOWN, endpoints};
pub use errors::{ID_BASKET, ID_BOOKING, ID_SMS, ID_VOUCHER, PROJECT, live_errors, named_error, old_errors};
pub use files::{ROLLOUT_FAILING, ROLLOUT_SCRIPT, ResponseTimes, SampleOptions, write_files};
pub use repository::{Edit, NewCommit, RepositoryError, SampleRepository, make_repository};
pub use shop::line_of;
pub use team::{Person, ZONE, person, team};
