//! What a server of PostgreSQL says, and whether onduty's promises hold on it.

use super::Check;
use crate::store::inspect::{Clocks, OLDEST_POSTGRES, Rights, ServerLook};
use jiff::SignedDuration;

/// Clocks that follow a time server differ by less.
const APART: SignedDuration = SignedDuration::from_secs(5);

/// All of them.
pub fn checks(look: &ServerLook) -> Vec<Check> {
    let mut checks = vec![server(look), sorting(look), durability(look), clocks(look), connections(look)];
    checks.extend(rights(&look.rights));
    checks
}

fn server(look: &ServerLook) -> Check {
    const NAME: &str = "database";
    let ServerLook { database, version, .. } = look;
    if look.is_old {
        return Check::wrong(
            NAME,
            format!("the database {database} is on PostgreSQL {version}"),
            "onduty does not start with it.",
            format!("Move it to PostgreSQL {OLDEST_POSTGRES} or newer."),
        );
    }
    if look.is_standby {
        return Check::wrong(
            NAME,
            format!("the server of {database} follows another one and takes no writes"),
            "Nothing can be kept; deliveries are refused.",
            "Name the address of the primary, or one that follows it (`target_session_attrs=read-write`).",
        );
    }
    if look.is_read_only {
        return Check::wrong(
            NAME,
            format!("transactions in {database} are read-only"),
            "Nothing can be kept; deliveries are refused.",
            "Take `default_transaction_read_only` away from the database and the user.",
        );
    }
    Check::well(NAME, format!("{database} answers, on PostgreSQL {version}"))
}

fn sorting(look: &ServerLook) -> Check {
    const NAME: &str = "encoding";
    let ServerLook { database, encoding, collation, zone, .. } = look;
    if !look.sorts_well {
        return Check::wrong(
            NAME,
            format!("{database} has {encoding}, sorted by {collation}"),
            "onduty does not start with it: text has to be UTF8 and sorted by its bytes.",
            format!(
                "Make another with `createdb --template=template0 --encoding=UTF8 --locale=C {database}`; a backup moves what is in it."
            ),
        );
    }
    // Of the zone only this is to be said: nothing depends on it.
    Check::well(
        NAME,
        format!("{encoding}, sorted by bytes ({collation}); times are numbers, whatever the zone ({zone})"),
    )
}

fn durability(look: &ServerLook) -> Check {
    const NAME: &str = "durability";
    let why = "What was answered, entries of the log book among it, may be lost in a power cut.";
    for (holds, setting) in [(look.fsync, "fsync"), (look.full_page_writes, "full_page_writes")] {
        if !holds {
            let todo = format!("Set `{setting} = on` in postgresql.conf.");
            return Check::wrong(NAME, format!("the server has {setting} off"), why, todo);
        }
    }
    match (look.synchronous_commit.as_str(), look.synchronous_commit_of_writer.as_str()) {
        (_, "off") => Check::wrong(
            NAME,
            "commits do not wait for the disk (synchronous_commit is off)",
            why,
            "Set `synchronous_commit = on` for onduty's user.",
        ),
        ("off", own) => Check::well(
            NAME,
            format!(
                "commits of others do not wait for the disk; onduty's own do (synchronous_commit is off, and {own} for onduty)"
            ),
        ),
        (_, own) => Check::well(NAME, format!("commits wait for the disk (synchronous_commit is {own})")),
    }
}

fn clocks(look: &ServerLook) -> Check {
    const NAME: &str = "database clock";
    let Clocks { ahead, uncertain } = look.clocks;
    let apart = ahead.abs() - uncertain;
    if apart > APART {
        let side = if ahead.is_negative() { "behind" } else { "ahead of" };
        return Check::wrong(
            NAME,
            format!("the database's clock is {} seconds {side} this machine's", ahead.abs().as_secs()),
            "One of the two is wrong; a wrong clock refuses signatures and shows wrong ages.",
            "Let both machines follow a time server (`timedatectl`).",
        );
    }
    Check::well(NAME, format!("the database's clock goes with this machine's ({} ms apart)", ahead.abs().as_millis()))
}

fn connections(look: &ServerLook) -> Check {
    const NAME: &str = "connections";
    let ServerLook { connections, wanted_connections, .. } = look;
    // One more for a backup, or for whoever looks.
    if connections <= wanted_connections {
        return Check::wrong(
            NAME,
            format!("at most {connections} connections are allowed, and a server of onduty has {wanted_connections}"),
            "Pages and backups wait for each other, and fail.",
            "Raise `max_connections`, or the connection limit of the user or of the database.",
        );
    }
    Check::well(NAME, format!("up to {connections} connections, of which a server has {wanted_connections}"))
}

fn rights(rights: &Rights) -> Vec<Check> {
    const NAME: &str = "privileges";
    let Rights { user, schema, may_create, missing, of_others } = rights;
    let mut checks = Vec::new();
    if let Some(first) = missing.first() {
        checks.push(Check::wrong(
            NAME,
            format!("{user} may not read and write {} tables, {first} among them", missing.len()),
            "Nothing can be kept, or not all of it.",
            format!("`grant select, insert, update, delete on all tables in schema {} to {user}`, or name their owner in the address.", schema.as_deref().unwrap_or("public")),
        ));
    }
    if !may_create {
        let place =
            schema.as_ref().map_or("any schema of the search path".to_owned(), |schema| format!("the schema {schema}"));
        checks.push(Check::wrong(
            NAME,
            format!("{user} may not make tables in {place}"),
            "The first start, and each upgrade that changes the schema, fails.",
            format!("`grant create on schema {} to {user}`", schema.as_deref().unwrap_or("public")),
        ));
    }
    if let Some(first) = of_others.first() {
        checks.push(Check::wrong(
            NAME,
            format!("{} tables belong to somebody else than {user}, {first} among them", of_others.len()),
            "An upgrade that changes them fails.",
            format!("`alter table {first} owner to {user}`, for each of them"),
        ));
    }
    if checks.is_empty() {
        checks.push(Check::well(NAME, format!("{user} may read, write and change every table")));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    fn look() -> ServerLook {
        ServerLook {
            version: "16.1".into(),
            is_old: false,
            database: "onduty".into(),
            encoding: "UTF8".into(),
            collation: "C".into(),
            sorts_well: true,
            zone: "UTC".into(),
            is_standby: false,
            is_read_only: false,
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".into(),
            synchronous_commit_of_writer: "on".into(),
            clocks: Clocks { ahead: SignedDuration::from_millis(3), uncertain: SignedDuration::from_millis(1) },
            rights: Rights {
                user: "onduty".into(),
                schema: Some("public".into()),
                may_create: true,
                missing: Vec::new(),
                of_others: Vec::new(),
            },
            connections: 97,
            wanted_connections: 5,
        }
    }

    /// What no server of the tests can be made to say; the rest is asked of a real one in `it/doctor.rs`.
    #[test]
    fn what_is_wrong_is_wrong() {
        assert!(checks(&look()).iter().all(|check| check.verdict == Verdict::Well), "{:?}", checks(&look()));
        let far = SignedDuration::from_secs(60);
        for (name, wrong) in [
            ("database", ServerLook { version: "13.9".into(), is_old: true, ..look() }),
            ("durability", ServerLook { full_page_writes: false, ..look() }),
            ("durability", ServerLook { synchronous_commit_of_writer: "off".into(), ..look() }),
            (
                "database clock",
                ServerLook { clocks: Clocks { ahead: -far, uncertain: SignedDuration::ZERO }, ..look() },
            ),
        ] {
            let found: Vec<_> = checks(&wrong).into_iter().filter(|check| check.verdict == Verdict::Wrong).collect();
            assert_eq!(found.iter().map(|check| check.name).collect::<Vec<_>>(), [name], "{found:?}");
        }
        // A line that takes a minute says nothing about a minute.
        let slow = ServerLook { clocks: Clocks { ahead: far, uncertain: far }, ..look() };
        assert!(checks(&slow).iter().all(|check| check.verdict == Verdict::Well));
    }
}
