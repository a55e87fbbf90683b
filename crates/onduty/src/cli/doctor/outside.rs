//! What answers outside, with `--online`: the provider that signs people in, and the trackers.

use super::Check;
use super::server::LIMITS;
use crate::clock::real_now;
use crate::config::Config;
use crate::egress::{Egress, Request, Url};
use crate::oidc;
use crate::texts::count;

/// Whether the provider that signs people in describes itself as it should.
pub async fn provider(config: &Config) -> Option<Check> {
    const NAME: &str = "sign-in";
    let issuer = &config.access.oidc.as_ref()?.issuer;
    let why = "Nobody comes in by it; passwords and links go on.";
    let egress = match Egress::new(config.egress_policy()) {
        Ok(egress) => egress,
        Err(error) => return Some(Check::wrong(NAME, error.to_string(), why, "Mend the system's certificates.")),
    };
    Some(match oidc::look_at(&egress, issuer, real_now()).await {
        Ok(0) => {
            Check::wrong(NAME, format!("{issuer} publishes no key that can be read"), why, "Look at the provider.")
        }
        Ok(keys) => Check::well(NAME, format!("{issuer} describes itself well, and has {}", count(keys, "key"))),
        Err(error) => Check::wrong(
            NAME,
            format!("{issuer} cannot be used: {error}"),
            why,
            "Look at `issuer:` in onduty.yml, at the network between, and at `egress: {allow: …}` for other hosts of the provider.",
        ),
    })
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
