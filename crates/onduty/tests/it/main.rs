//! Integration tests: the real router, a real database, real HTTP on loopback, the outside world played by
//! `onduty-fakes` or by real programs. Duty time moves by hand. One binary, so that everything is linked once.

#![expect(clippy::type_complexity, reason = "tables of cases say more as plain tuples")]

mod backups;
mod bugsink;
mod bugsink_faults;
mod button;
mod cli_day;
mod day;
mod disk_faults;
mod doctor;
mod doors;
mod errors;
mod faults;
mod files;
mod headers;
mod hostile;
mod hostile_sources;
mod intake;
mod kills;
mod layers;
mod limits;
mod live;
mod load;
mod oidc;
mod oidc_provider;
mod otlp;
mod outbox;
mod owner;
mod packaging;
mod people;
mod perf;
mod person;
mod plan;
mod platter;
mod policy;
mod power_loss;
mod prometheus;
mod prometheus_live;
mod real_bugsink;
mod real_input;
mod restarts;
mod scripts;
mod seed_day;
mod self_audit;
mod sentry_contract;
mod served;
mod sign_in;
mod stores;
mod suspects;
mod threats;
mod tls;
mod tools;
mod trackers;
mod viewers;
mod watch;
