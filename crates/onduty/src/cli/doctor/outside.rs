//! What answers: the running server, and with `--online` the trackers.

use super::Check;
use crate::config::Config;
use crate::egress::{Egress, EgressError, Limits, Policy, Request, Url};
use serde_json::Value;
use std::time::Duration;

/// Nobody waits for a doctor.
const LIMITS: Limits = Limits { total: Duration::from_secs(10), body: 64 * 1024 };

/// Whether a server runs where `onduty.yml` says, and how it feels.
pub async fn server(config: &Config) -> Check {
    const NAME: &str = "server";
    let address = format!("http://{}/healthz", config.listen);
    let not_running = || {
        let what = format!("no onduty answers at {}", config.listen);
        Check::not_checked(NAME, what, "Start it with `onduty serve`; its port is `listen:` in onduty.yml.")
    };
    let Ok(url) = Url::parse(&address) else { return not_running() };
    let asked = async { Egress::new(Policy::typed(&url))?.send(Request::get(url.clone()).within(LIMITS)).await };
    let answer: Result<_, EgressError> = asked.await;
    let Ok(answer) = answer else { return not_running() };
    let health: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let Some(healthy) = health["healthy"].as_bool() else {
        let what = format!("something else than onduty answers at {}", config.listen);
        return Check::wrong(
            NAME,
            what,
            "onduty cannot listen there.",
            "Stop it, or name another port with `listen:`.",
        );
    };
    let findings = health["findings"].as_u64().unwrap_or(0);
    if !healthy {
        let words = |key: &str| health[key].as_str().unwrap_or("unknown").to_owned();
        let what = format!("the server is not healthy: engine {}, store {}", words("engine"), words("store"));
        return Check::wrong(NAME, what, "What is shown may be old.", "The server's log says why.");
    }
    if findings > 0 {
        let what = format!("the self-audit has {findings} findings");
        return Check::wrong(
            NAME,
            what,
            "A promise of onduty is not kept.",
            "Today shows them to administrators, with what to do.",
        );
    }
    Check::well(NAME, format!("it answers at {} and is healthy", config.listen))
}

/// Whether each tracker can be reached by the one way out.
pub async fn trackers(config: &Config) -> Vec<Check> {
    const NAME: &str = "tracker";
    let why = "Its errors are unknown, which keeps the gate closed.";
    let egress = match Egress::new(config.egress_policy()) {
        Ok(egress) => egress,
        Err(error) => return vec![Check::wrong(NAME, error.to_string(), why, "Mend the system's certificates.")],
    };
    let mut checks = Vec::new();
    for tracker in config.sources.sentry.iter().chain(&config.sources.bugsink) {
        let Ok(url) = Url::parse(&tracker.url) else { continue };
        checks.push(match egress.send(Request::get(url).within(LIMITS)).await {
            // Without a token it may refuse: it is there, and that is what was asked.
            Ok(answer) if !answer.status.is_server_error() => {
                Check::well(NAME, format!("{} answers ({})", tracker.url, answer.status.as_u16()))
            }
            Ok(answer) => {
                let what = format!("{} answers {}", tracker.url, answer.status.as_u16());
                Check::wrong(NAME, what, why, "Look at the tracker.")
            }
            Err(error) => Check::wrong(
                NAME,
                format!("{} cannot be reached: {error}", tracker.url),
                why,
                "Look at the address, at the network between, and at `egress: {allow: …}` for addresses inside.",
            ),
        });
    }
    checks
}
