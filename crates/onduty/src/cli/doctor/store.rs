//! What the store's file says, read beside a server that may be running.

use super::Check;
use crate::clock::real_now;
use crate::config::Files;
use crate::store::inspect::{Contact, Inspection, inspect};
use jiff::{SignedDuration, Timestamp};
use onduty_core::signal::Kind;

/// A delivery may be that much later than this machine's clock.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// An effect that waits longer met something.
const EFFECT_WAITS: SignedDuration = SignedDuration::from_mins(10);

/// All of them.
pub async fn checks(files: &Files, is_running: bool) -> Vec<Check> {
    const NAME: &str = "store";
    if files.config.database.is_some() {
        let todo = "The server's /healthz says whether it answers; `pg_isready` whether it is there.";
        return vec![Check::not_checked(NAME, "it is a PostgreSQL database", todo)];
    }
    let path = files.config.data.join("onduty.db");
    if !path.exists() {
        return vec![Check::not_checked(NAME, "there is none yet", "The first `onduty serve` makes it.")];
    }
    match inspect(&path).await {
        Ok(found) => of(files, &found, is_running),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let what = format!("{} cannot be read: {error}{cause}", path.display());
            vec![Check::wrong(
                NAME,
                what,
                "Without it nothing is known.",
                "Look as the server's user; if the file is damaged, restore a backup.",
            )]
        }
    }
}

fn of(files: &Files, found: &Inspection, is_running: bool) -> Vec<Check> {
    let mut checks = vec![schema(found), pages(found)];
    let now = real_now();
    checks.extend(clock(found, now));
    checks.extend(outbox(found, now));
    // Without a server nobody listens, so that silence says nothing.
    if is_running {
        checks.extend(sources(files, &found.contacts, now));
    }
    checks
}

fn schema(found: &Inspection) -> Check {
    let Inspection { schema, known_schema, .. } = *found;
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

fn pages(found: &Inspection) -> Check {
    if let Some(first) = found.damage.first() {
        let what = format!("the file is damaged: {first}");
        return Check::wrong(
            "pages",
            what,
            "Rows may be lost or wrong.",
            "Stop the server, keep the file, and restore a backup.",
        );
    }
    if !found.is_wal {
        let todo = "Start the server; it sets the log again. Find out which other program opened the file.";
        return Check::wrong("pages", "the file has no write-ahead log", "Somebody else changed its settings.", todo);
    }
    Check::well("pages", "the file is whole")
}

fn clock(found: &Inspection, now: Timestamp) -> Option<Check> {
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

fn outbox(found: &Inspection, now: Timestamp) -> Option<Check> {
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
