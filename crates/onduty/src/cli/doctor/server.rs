//! The running server, asked where it listens and as it speaks, and the certificate that it shows.

use super::Check;
use crate::clock::real_now;
use crate::config::Config;
use crate::egress::{EgressError, Limits, OwnServer};
use crate::server::{self, Objection, TlsFiles};
use crate::texts::count;
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, UnixTime};
use serde_json::Value;
use std::time::Duration;

/// What is looked at.
const NAME: &str = "server";
/// Nobody waits for a doctor.
pub const LIMITS: Limits = Limits { total: Duration::from_secs(10), body: 64 * 1024 };
/// Certificates that somebody has to renew are renewed in less; those of machines are renewed a month before.
const NOTICE: Duration = Duration::from_hours(14 * 24);

/// All of them: the certificate, whether the server answers, and what it says.
pub async fn checks(config: &Config) -> Vec<Check> {
    let Some(files) = &config.server.tls else { return answer(config, None).await };
    match server::shown(files) {
        Ok(shown) => {
            let mut checks = vec![certificate(config, files, real_now())];
            checks.extend(answer(config, Some(shown)).await);
            checks
        }
        Err(error) => {
            let what = error.to_string();
            let why = "A running server goes on with the certificate before; the next start fails.";
            vec![
                Check::wrong("certificate", what, why, "Put the certificate and its key where `tls:` says."),
                Check::not_checked("server", "without its certificate it cannot be asked", "Mend the certificate."),
            ]
        }
    }
}

fn certificate(config: &Config, files: &TlsFiles, now: Timestamp) -> Check {
    const NAME: &str = "certificate";
    let name = config.server.public_url.as_ref().map(|public| public.host.as_str());
    let file = files.certificate.display();
    let at = |wait: Duration| {
        let now = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
        server::objection(files, name, UnixTime::since_unix_epoch(now + wait))
    };
    let wrong = |objection: Objection, why, todo: &str| {
        let what = format!("the certificate in {file}: {objection}");
        Check::wrong(NAME, what, why, todo)
    };
    let refused = "Browsers and senders of webhooks refuse to talk to the server.";
    match at(Duration::ZERO) {
        Err(error) => Check::wrong(NAME, error.to_string(), refused, "Put a certificate there."),
        Ok(Some(Objection::NobodyVouches)) => Check::advice(
            NAME,
            format!("the certificate in {file}: {}", Objection::NobodyVouches),
            "Clients that do not know its issuer by heart refuse it.",
            "Put the certificates between it and a known issuer into the same file, below it (`fullchain.pem`).",
        ),
        Ok(Some(objection @ (Objection::Expired | Objection::NotYet))) => {
            wrong(objection, refused, "Renew it; the server takes the files up within five seconds.")
        }
        Ok(Some(objection @ Objection::OtherName { .. })) => {
            wrong(objection, refused, "Get one for the host of `public_url:`, or correct that.")
        }
        Ok(Some(objection)) => wrong(objection, refused, "Get another certificate."),
        Ok(None) if matches!(at(NOTICE), Ok(None)) => {
            Check::well(NAME, format!("the certificate in {file} is good for two weeks and more"))
        }
        Ok(None) => Check::advice(
            NAME,
            format!("the certificate in {file} expires within two weeks"),
            "Then browsers and senders of webhooks refuse to talk to the server.",
            "Renew it; the server takes the files up within five seconds.",
        ),
    }
}

async fn answer(config: &Config, certificate: Option<CertificateDer<'static>>) -> Vec<Check> {
    match asked(config, certificate).await {
        Ok(health) => std::iter::once(well(config, &health)).chain(calendars(&health)).collect(),
        Err(check) => vec![check],
    }
}

/// What the server says of its health.
async fn asked(config: &Config, certificate: Option<CertificateDer<'static>>) -> Result<Value, Check> {
    let listen = config.listen;
    let server = OwnServer::new(listen, certificate)
        .map_err(|error| Check::not_checked(NAME, error.to_string(), "Mend the system's TLS."))?;
    let answer: Result<_, EgressError> = server.get("/healthz", LIMITS).await;
    if server.showed_another_certificate() {
        return Err(Check::wrong(
            NAME,
            format!("who answers at {listen} shows another certificate than the file has"),
            "Either the server could not take the new files up, or something else listens there.",
            "The server's log says which certificate is in use; restart it.",
        ));
    }
    let answer = answer.map_err(|_| {
        let what = format!("no onduty answers at {listen}");
        Check::not_checked(NAME, what, "Start it with `onduty serve`; its port is `listen:` in onduty.yml.")
    })?;
    let health: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if !health["healthy"].is_boolean() {
        let what = format!("something else than onduty answers at {listen}");
        let mend = "Stop it, or name another port with `listen:`.";
        return Err(Check::wrong(NAME, what, "onduty cannot listen there.", mend));
    }
    Ok(health)
}

/// Calendars of leave that the server cannot read.
fn calendars(health: &Value) -> Option<Check> {
    let trouble = health["leave_calendars"]["trouble"].as_u64().filter(|number| *number > 0)?;
    Some(Check::wrong(
        "leave calendars",
        format!("{} cannot be read", count(usize::try_from(trouble).unwrap_or(usize::MAX), "calendar")),
        "Whoever is away from now on is on duty all the same; what they said before stays.",
        "`onduty plan leave list` says which and why; `onduty doctor --online` asks them now.",
    ))
}

fn well(config: &Config, health: &Value) -> Check {
    let listen = config.listen;
    let findings = health["findings"].as_u64().unwrap_or(0);
    if health["healthy"] != true {
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
    let over = if config.server.tls.is_some() { " over TLS" } else { "" };
    Check::well(NAME, format!("it answers at {listen}{over} and is healthy"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn calendars_in_trouble_are_counted() {
        let said = |health: Value| calendars(&health).map(|check| check.what);
        assert_eq!(
            said(json!({"leave_calendars": {"well": 3, "trouble": 2}})).as_deref(),
            Some("2 calendars cannot be read")
        );
        assert_eq!(said(json!({"leave_calendars": {"well": 3, "trouble": 0}})), None);
        assert_eq!(said(json!({"healthy": true})), None, "of an older server");
    }
}
