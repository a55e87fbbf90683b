//! `GET /healthz` for whoever watches the process, `GET /metrics` for Prometheus.

use super::Web;
use super::error::HttpError;
use crate::app::{App, Engine, Heard, Kept};
use crate::clock::real_now;
use crate::metrics::{self, counter, gauge};
use crate::store;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// `GET /healthz`: 200 while the engine runs and the store takes what is written; a silent source is said and is no ill
/// health. Open to everybody, and tells nothing that could not be told to everybody.
pub async fn health(State(web): State<Web>) -> (StatusCode, Json<Value>) {
    let health = web.app.health().await;
    let signals: Map<String, Value> = health
        .signals
        .iter()
        .map(|(kind, heard)| {
            let (state, last) = match heard {
                Heard::Well(last) => ("well", Some(*last)),
                Heard::Silent(last) => ("silent", *last),
                Heard::Trouble => ("trouble", None),
                Heard::Off => ("off", None),
            };
            (kind.to_string(), json!({"state": state, "last_contact": last}))
        })
        .collect();
    let store = match health.store {
        Kept::Answers => "answering",
        Kept::Refuses => "refusing to write",
        Kept::Gone => "not answering",
    };
    let [well, trouble, not_read] = leave_calendars(&web.app);
    let body = json!({
        "healthy": health.is_well(),
        "version": env!("CARGO_PKG_VERSION"),
        "engine": health.engine.as_str(),
        "last_pass": health.last_pass,
        "last_pass_age_s": health.last_pass.map(|last| real_now().duration_since(last).as_secs()),
        "store": store,
        // How many, and not what: this address asks nobody who they are.
        "findings": web.app.liveness.findings().len(),
        "signals": signals,
        // How many, and not which: some are people's own.
        "leave_calendars": {"well": well, "trouble": trouble, "not_read": not_read},
    });
    (if health.is_well() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

fn leave_calendars(app: &App) -> [usize; 3] {
    app.leave_calendars.count(app.instance().config.leave_calendars.keys())
}

/// `GET /metrics`: for whoever is signed in; Prometheus with a token that may read.
pub async fn metrics(State(web): State<Web>) -> Result<Response, HttpError> {
    let app = &web.app;
    let mut text = String::new();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    metrics::head(&mut text, "onduty_build_info", "The version that runs.", "gauge");
    metrics::sample(&mut text, "onduty_build_info", &version, 1);
    of_engine(app, &mut text);
    app.metrics.write(&mut text);
    app.egress.write_counts(&mut text);
    of_store(app, &mut text).await?;
    let [well, trouble, not_read] = leave_calendars(app);
    metrics::head(&mut text, "onduty_leave_calendars", "Calendars that tell of leave, by how they are.", "gauge");
    for (state, number) in [("well", well), ("trouble", trouble), ("not read", not_read)] {
        metrics::sample(&mut text, "onduty_leave_calendars", &[("state", state)], number);
    }
    of_connections(app, &mut text);
    of_process(&mut text);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn of_engine(app: &App, text: &mut String) {
    let now = real_now();
    let runs = u8::from(app.liveness.engine(now) == Engine::Running);
    gauge(text, "onduty_engine_running", "1 while the engine looks and its passes succeed.", runs);
    if let Some(last) = app.liveness.last_pass() {
        let age = now.duration_since(last).as_secs_f64();
        gauge(text, "onduty_engine_last_pass_age_seconds", "Since the engine last ran well.", age);
    }
    counter(text, "onduty_intake_commits_total", "Commits that deliveries shared.", app.store.intake_commits());
    let depth = app.store.intake_depth();
    gauge(text, "onduty_intake_waiting", "Deliveries that wait to be written.", depth.deliveries);
    gauge(text, "onduty_intake_waiting_bytes", "Bytes of deliveries that wait or are being written.", depth.bytes);
}

async fn of_store(app: &App, text: &mut String) -> Result<(), HttpError> {
    let mut reader = app.store.read().await?;
    let (waiting, oldest) = store::outbox::waiting(&mut reader).await?;
    gauge(text, "onduty_outbox_waiting", "Effects that have to leave.", waiting);
    let age = oldest.map_or(0.0, |oldest| real_now().duration_since(oldest).as_secs_f64());
    gauge(text, "onduty_outbox_oldest_seconds", "Age of the oldest effect that waits.", age);
    let (failed, unknown) = store::outbox::ended_badly(&mut reader).await?;
    gauge(text, "onduty_outbox_failed", "Effects that their receivers never took.", failed);
    gauge(text, "onduty_outbox_unknown", "Effects of which nobody knows whether they arrived.", unknown);
    let size = store::size::size(&mut reader).await?;
    metrics::head(text, "onduty_store_bytes", "Bytes of the store.", "gauge");
    metrics::sample(text, "onduty_store_bytes", &[("part", "database")], size.database);
    if let Some(bytes) = size.write_ahead_log {
        metrics::sample(text, "onduty_store_bytes", &[("part", "write-ahead log")], bytes);
    }
    gauge(text, "onduty_log_entries", "Entries of all log books.", size.log_entries);
    Ok(())
}

fn of_connections(app: &App, text: &mut String) {
    let counts = &app.connections;
    gauge(text, "onduty_stream_viewers", "Open streams of live parts.", app.viewers.now());
    gauge(text, "onduty_connections", "Open connections.", counts.open());
    counter(text, "onduty_connections_refused_total", "Connections for which there was no place.", counts.refused());
    counter(text, "onduty_connections_slow_total", "Connections whose headers did not come in time.", counts.slow());
    counter(text, "onduty_connections_stalled_total", "Connections that did not take their answer.", counts.stalled());
}

/// What the kernel says of this process; nothing where it says nothing.
fn of_process(text: &mut String) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    if let Some(kib) = resident.and_then(|kib| kib.trim().parse::<u64>().ok()) {
        gauge(text, "process_resident_memory_bytes", "Resident memory.", kib * 1_024);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        gauge(text, "process_open_fds", "Open file descriptors.", open.count());
    }
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if let Some(most) = most {
        gauge(text, "process_max_fds", "Most file descriptors.", most);
    }
}
