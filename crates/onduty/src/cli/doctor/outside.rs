//! What answers outside, with `--online`: the trackers.

use super::Check;
use super::server::LIMITS;
use crate::config::Config;
use crate::egress::{Egress, Request, Url};

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
