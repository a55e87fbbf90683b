//! What answers outside, with `--online`: the provider that signs people in, the trackers, and the leave calendars.

use super::Check;
use super::server::LIMITS;
use crate::clock::real_now;
use crate::config::{Config, Files, LeaveCalendar};
use crate::egress::{Backoff, Egress, Request, Url};
use crate::oidc;
use crate::sources::leave_calendar::{self, Fetched, Validators};
use crate::tasks;
use crate::texts::count;
use jiff::tz::TimeZone;
use onduty_core::leave_calendar::Told;

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

/// Whether each leave calendar can be read, and is understood. Its address is nobody's business and is not shown.
pub async fn calendars(files: &Files) -> Vec<Check> {
    const NAME: &str = "leave calendar";
    let mut checks = Vec::new();
    for (name, calendar) in &files.config.leave_calendars {
        checks.push(match read(files, calendar).await {
            Err(why) => Check::wrong(
                NAME,
                format!("`{name}` cannot be read: {why}"),
                "Whoever is away from now on is on duty all the same; what it said before stays.",
                "Look at its address, at the network between, and at `egress: {allow: …}` for addresses inside.",
            ),
            Ok(told) => {
                let says = format!("`{name}` tells of {}", count(told.leave.len(), "leave"));
                let odd = told.unclear.len() + told.unreadable.len();
                match odd {
                    0 => Check::well(NAME, says),
                    _ => Check::advice(
                        NAME,
                        format!("{says}, and {} of which it is not clear whose or when they are", count(odd, "event")),
                        "Nobody is guessed, so that nobody is away because of them.",
                        "`onduty plan leave list` names them. Write people as the calendar does, or `strangers: true` where it has others.",
                    ),
                }
            }
        });
    }
    checks
}

async fn read(files: &Files, calendar: &LeaveCalendar) -> Result<Told, String> {
    let url = files.config.look_up_calendar(calendar)?;
    let egress = Egress::new(files.config.egress_policy().naming(&url)).map_err(|error| error.to_string())?;
    let fetched = leave_calendar::fetch(&egress, &url, &Validators::default(), Backoff::NONE).await;
    let Fetched::Text(text, _) = fetched.map_err(|error| error.to_string())? else {
        return Err("it says that nothing changed, and was never asked before".to_owned());
    };
    let today = real_now().to_zoned(TimeZone::UTC).date();
    tasks::leave::understand(text, &calendar.reading, &files.roster, today).await
}
