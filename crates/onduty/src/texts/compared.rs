//! What rollouts did to response times, as items, steps and pages say it.

use super::Telling;
use super::performance::{added_seconds, change, failing, interval, sides, slower};
use super::words::{and, count, human_number, percent, short_revision, visible};
use onduty_core::performance::{ComparedRollout, EndpointFact, Scope, Standing};

/// What it is about: the endpoint, `all of cart`, `everything`.
fn who(fact: &EndpointFact) -> String {
    match fact.scope {
        Scope::Endpoint => visible(&fact.name),
        Scope::Group => format!("All of {}", visible(&fact.name)),
        Scope::All => "Everything".to_owned(),
    }
}

/// A headline: `GET /cart is 34 % slower`.
pub fn headline(fact: &EndpointFact) -> String {
    let together = if fact.scope == Scope::Endpoint { "" } else { " together" };
    match (&fact.slower, &fact.failing, fact.standing) {
        (_, _, Standing::Good) => format!("{} is as before the rollout", who(fact)),
        (Some(how), None, _) => format!("{} is {}{together}", who(fact), slower(how.effect)),
        (Some(how), Some(_), _) => format!("{} is {}{together} and fails more often", who(fact), slower(how.effect)),
        (None, _, _) => format!("{} fails more often", who(fact)),
    }
}

/// Since when, and how it was measured.
pub fn sentence(fact: &EndpointFact, tell: &Telling<'_>) -> String {
    let since = format!("since {} went out at {}", short_revision(&fact.revision), tell.time(fact.rolled_out_at));
    let mut said = Vec::new();
    if let Some(how) = &fact.slower {
        let sure = how.interval.map(|range| format!(" (95 %: {})", interval(range))).unwrap_or_default();
        said.push(format!("{}{sure}", change(how.effect)));
        said.extend(how.added_seconds_per_hour.map(added_seconds));
    }
    if let Some(more) = &fact.failing {
        said.push(failing(&fact.name, more).replacen(&format!("{} ", visible(&fact.name)), "", 1));
    }
    if fact.scope == Scope::Endpoint {
        said.push(sides(&fact.before, &fact.after));
    }
    if fact.seen > 1 {
        said.push(format!("seen {} in a row", count(fact.seen as usize, "time")));
    }
    format!("{since}: {}", said.join("; "))
}

/// A few words each, to tell it from its neighbours.
pub fn facts(fact: &EndpointFact) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(how) = fact.slower.filter(|_| fact.is_degraded()) {
        said.push(change(how.effect));
        said.extend(how.added_seconds_per_hour.map(added_seconds));
    }
    said.push(format!("with {}", short_revision(&fact.revision)));
    said
}

/// A rollout that was compared, in a line.
pub fn compared_line(compared: &ComparedRollout) -> String {
    let revision = short_revision(&compared.revision);
    match compared.runs {
        0 => format!("{revision} is not compared yet"),
        _ => format!("{revision}: {}", result(compared)),
    }
}

/// `0 slower of 310 judged (94 % of requests, 97 % of time), 894 too quiet to say`.
pub fn result(compared: &ComparedRollout) -> String {
    let quiet = match compared.quiet {
        0 => String::new(),
        quiet => format!(", {} too quiet to say", human_number(quiet)),
    };
    let shares = [format!("{} of requests", percent(compared.requests)), format!("{} of time", percent(compared.time))];
    format!(
        "{} slower or failing of {} judged ({}){quiet}",
        human_number(compared.worse),
        human_number(compared.judged),
        shares.join(", ")
    )
}

/// What stands beside the step: when it was compared, and what came out.
pub fn note(compared: &ComparedRollout, tell: &Telling<'_>) -> String {
    match compared.runs {
        0 => format!("{} is compared from {} on", short_revision(&compared.revision), tell.time(compared.until)),
        _ => format!("compared until {} · {}", tell.time(compared.until), result(compared)),
    }
}

/// Why too little is known, in the words of [`result`].
pub fn uncovered(judged: u64, quiet: u64, requests: u8, time: u8) -> String {
    let quiet = match quiet {
        0 => String::new(),
        quiet => format!("; {} too quiet to say", human_number(quiet)),
    };
    let shares = and(&[format!("{requests} % of requests"), format!("{time} % of their time")]);
    format!("only {shares} could be judged ({}{quiet})", count(judged as usize, "endpoint"))
}
