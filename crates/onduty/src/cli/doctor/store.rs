//! What the store says, read beside a server that may be running.

use super::{Check, postgres};
use crate::app;
use crate::cli::stores::with_causes;
use crate::clock::real_now;
use crate::config::Files;
use crate::store::inspect::{Contact, Contents, Place, inspect};
use crate::store::{Location, StoreError};
use jiff::{SignedDuration, Timestamp};
use onduty_core::signal::Kind;

/// A delivery may be that much later than this machine's clock.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// An effect that waits longer met something.
const EFFECT_WAITS: SignedDuration = SignedDuration::from_mins(10);

/// All of them.
pub async fn checks(files: &Files, is_running: bool) -> Vec<Check> {
    const NAME: &str = "store";
    let Ok(location) = app::location(&files.config) else {
        let what = "the address of its database is not there";
        return vec![Check::not_checked(NAME, what, "Mend the secrets first.")];
    };
    if let Location::Sqlite(path) = &location
        && !path.exists()
    {
        return vec![Check::not_checked(NAME, "there is none yet", "The first `onduty serve` makes it.")];
    }
    let found = match inspect(&location, real_now).await {
        Ok(found) => found,
        Err(error) => return vec![unreadable(&location, &error)],
    };
    let mut checks = match &found.place {
        Place::File { is_wal, damage } => vec![pages(*is_wal, damage)],
        Place::Server(look) => postgres::checks(look),
    };
    match &found.contents {
        Some(contents) => checks.extend(of(files, contents, is_running)),
        None => checks.push(Check::not_checked(
            NAME,
            "it cannot be read, or is empty",
            "`onduty serve` fills an empty database.",
        )),
    }
    checks
}

fn unreadable(location: &Location, error: &StoreError) -> Check {
    let why = "Without it nothing is known.";
    match location {
        Location::Sqlite(path) => Check::wrong(
            "store",
            format!("{} cannot be read: {}", path.display(), with_causes(error)),
            why,
            "Look as the server's user; if the file is damaged, restore a backup.",
        ),
        Location::Postgres(_) => Check::wrong(
            "database",
            with_causes(error),
            why,
            "Try the same address with `psql`, as the server's user and from this machine.",
        ),
    }
}

fn of(files: &Files, found: &Contents, is_running: bool) -> Vec<Check> {
    let mut checks = vec![schema(found)];
    let now = real_now();
    checks.extend(clock(found, now));
    checks.extend(outbox(found, now));
    // Without a server nobody listens, so that silence says nothing.
    if is_running {
        checks.extend(sources(files, &found.contacts, now));
    }
    checks
}

fn schema(found: &Contents) -> Check {
    let Contents { schema, known_schema, .. } = *found;
    if schema > known_schema {
        return Check::wrong(
            "schema",
            format!("the store has schema {schema}, this onduty knows up to {known_schema}"),
            "This onduty does not start with it.",
            "Start the newer onduty, or restore a backup from before.",
        );
    }
    if schema < known_schema {
        let what = format!("the store has schema {schema}; the next start brings it to {known_schema}");
        return Check::advice(
            "schema",
            what,
            "There is no way back but a backup.",
            "Make a backup before you start this version.",
        );
    }
    Check::well("schema", format!("schema {schema}, the newest"))
}

fn pages(is_wal: bool, damage: &[String]) -> Check {
    if let Some(first) = damage.first() {
        let what = format!("the file is damaged: {first}");
        return Check::wrong(
            "pages",
            what,
            "Rows may be lost or wrong.",
            "Stop the server, keep the file, and restore a backup.",
        );
    }
    if !is_wal {
        let todo = "Start the server; it sets the log again. Find out which other program opened the file.";
        return Check::wrong("pages", "the file has no write-ahead log", "Somebody else changed its settings.", todo);
    }
    Check::well("pages", "the file is whole")
}

fn clock(found: &Contents, now: Timestamp) -> Option<Check> {
    let ahead = found.newest_delivery?.duration_since(now);
    Some(if ahead > SKEW {
        Check::wrong(
            "clock",
            format!("the newest delivery came {} seconds from now", ahead.as_secs()),
            "The clock was set back: signatures are refused and ages are wrong.",
            "Let the machine follow a time server (`timedatectl`).",
        )
    } else {
        Check::well("clock", "no delivery is newer than this machine's clock")
    })
}

fn outbox(found: &Contents, now: Timestamp) -> Option<Check> {
    let (since, count) = found.waiting?;
    (now.duration_since(since) > EFFECT_WAITS).then(|| {
        Check::wrong(
            "outbox",
            format!("{count} messages wait, the oldest since {since}"),
            "Somebody outside does not know what was decided here.",
            "The server's log names what they met; with `serve --observe` nothing leaves.",
        )
    })
}

/// Kinds that a source is expected to tell about, and has not for longer than they stay known.
fn sources(files: &Files, contacts: &[Contact], now: Timestamp) -> Vec<Check> {
    let declared = files.config.declarations();
    let look = |kind: &Kind| {
        let name = kind.to_string();
        let of_kind: Vec<&Contact> = contacts.iter().filter(|contact| contact.kind == name).collect();
        let newest = of_kind.iter().filter_map(|contact| contact.last_at).max();
        let max_age = declared.max_age.get(kind).copied().unwrap_or(SignedDuration::MAX);
        let trouble = of_kind.iter().find_map(|contact| contact.trouble.as_ref().map(|trouble| (contact, trouble)));
        let why = "What it tells about is unknown, which keeps the gate closed.";
        match (newest, trouble) {
            (_, Some((contact, trouble))) => Check::wrong(
                "source",
                format!("{} about {name}: {trouble}", contact.source),
                why,
                "Look at its address, its token and its own status.",
            ),
            (Some(at), None) if now.duration_since(at) <= max_age => {
                Check::well("source", format!("{name} was heard of at {at}"))
            }
            (newest, None) => Check::wrong(
                "source",
                match newest {
                    Some(at) => format!("nothing was heard about {name} since {at}"),
                    None => format!("nothing was ever heard about {name}"),
                },
                why,
                "Look at the sender: does its webhook come here, with the right secret? The server's log has refusals.",
            ),
        }
    };
    declared.expected.iter().map(look).collect()
}
