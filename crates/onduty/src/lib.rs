//! The server, its command line and everything that touches the outside.
//!
//! Direction of dependencies, top to bottom: `cli` → `web`, `tasks` → `app` → `store`, `sources`, `actions`, `oidc`,
//! `texts`, `config` → `egress`, `clock`, `server` → `metrics` → `onduty_core`. `tests/it/layers.rs` guards it.

// The samples of the gallery, an example, are shared with the tests of the views.
#[cfg(test)]
extern crate self as onduty;

pub mod actions;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod egress;
pub mod metrics;
pub mod oidc;
pub mod server;
pub mod sources;
pub mod store;
pub mod tasks;
pub mod texts;
pub mod web;
