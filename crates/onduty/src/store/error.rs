//! What can go wrong in the store, one variant per thing the caller does differently.

use sqlx::postgres::PgDatabaseError;
use std::path::PathBuf;
use std::sync::Arc;

/// Any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More is waiting than the store wants to hold in memory; nothing was kept. Senders try again.
    #[error("the store has too much to do; try again in a few seconds")]
    Busy,
    /// The disk is full, the file is locked or gone, the database went away: the same call may work later.
    #[error("the store cannot read or write at the moment")]
    Unavailable {
        /// In the database's words. Shared, because everybody who waited for the same commit gets it.
        #[source]
        cause: Arc<sqlx::Error>,
    },
    /// The database did not say in time whether it has it: it went away during a commit, or takes too long.
    #[error("the database went away and nobody knows whether this was kept; look before you do it again")]
    OutcomeUnknown {
        /// In the database's words.
        #[source]
        cause: Arc<sqlx::Error>,
    },
    /// There is no database at the address.
    #[error("the database cannot be reached; check its address, its user and that it runs")]
    CannotConnect {
        /// In the driver's words, which never have the password.
        #[source]
        cause: Arc<sqlx::Error>,
    },
    /// The address of the database is none. It is not repeated, because a password may be in it.
    #[error("this is not the address of a database; write postgres://user:password@host/database")]
    BadDatabaseAddress,
    /// The database would sort text otherwise than SQLite, and otherwise again after an update of its system.
    #[error(
        "the database {name} has {found}; onduty needs text as UTF8 that is sorted by its bytes: make it with `createdb --template=template0 --encoding=UTF8 --locale=C {name}`"
    )]
    WrongCollation {
        /// The database.
        name: String,
        /// Its encoding and collation.
        found: String,
    },
    /// This PostgreSQL is too old.
    #[error("PostgreSQL {found} is too old; onduty needs 14 or newer")]
    OldPostgres {
        /// Its version.
        found: String,
    },
    /// The file, or its folder, cannot be used.
    #[error("{path} cannot be opened; check that its folder exists, is writable and belongs to onduty's user")]
    CannotOpen {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: BoxError,
    },
    /// The database was written by a later version of onduty.
    #[error(
        "the store has schema {found}, this onduty knows up to {known}; start the newer onduty, or restore a backup from before"
    )]
    NewerSchema {
        /// The newest schema in the database.
        found: i64,
        /// The newest one that this program knows.
        known: i64,
    },
    /// This SQLite can corrupt the file.
    #[error("SQLite {found} can damage databases with several connections; onduty needs 3.51.3 or newer")]
    OldSqlite {
        /// Its version.
        found: String,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of the store cannot be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A row holds what no version of onduty wrote.
    #[error("{table} holds something that onduty cannot read; restore a backup, or report this")]
    Unreadable {
        /// Where.
        table: &'static str,
        /// What exactly.
        #[source]
        cause: BoxError,
    },
    /// A file beside the database could not be written or read.
    #[error("{path} cannot be written or read")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A store of before there were backups.
    #[error(
        "the store has schema {found}, which no backup can have; start this onduty's server on it once, then back it up"
    )]
    OldSchema {
        /// Its schema.
        found: i64,
    },
    /// What a backup is written to does not take it.
    #[error("the backup cannot be written")]
    Stream(#[source] std::io::Error),
    /// There is a database, but nothing of onduty in it.
    #[error("there is no store of onduty in this database")]
    NoStore,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The database refused a statement: a mistake in onduty, or a broken promise such as a changed log entry.
    #[error("the store refused a statement")]
    Refused(#[source] sqlx::Error),
}

impl StoreError {
    /// For whoever does not wait any longer for something that may be kept yet.
    pub(crate) fn in_vain() -> StoreError {
        StoreError::OutcomeUnknown { cause: Arc::new(sqlx::Error::PoolTimedOut) }
    }

    /// The same for somebody else who waited for the same commit, where the trouble is not with one of them alone.
    pub(super) fn of_everybody(&self) -> Option<StoreError> {
        match self {
            StoreError::Unavailable { cause } => Some(StoreError::Unavailable { cause: Arc::clone(cause) }),
            StoreError::OutcomeUnknown { cause } => Some(StoreError::OutcomeUnknown { cause: Arc::clone(cause) }),
            _ => None,
        }
    }

    /// For rows of `table` that cannot be read.
    pub(crate) fn unreadable(table: &'static str) -> impl Fn(BoxError) -> StoreError {
        move |cause| StoreError::Unreadable { table, cause }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        if is_of_the_moment(&error) {
            StoreError::Unavailable { cause: Arc::new(error) }
        } else {
            StoreError::Refused(error)
        }
    }
}

/// Whether the same statement may work later: the trouble is with the disk or the connection, not with the statement.
fn is_of_the_moment(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            match error.try_downcast_ref::<PgDatabaseError>() {
                Some(_) => is_of_the_moment_in_postgres(&code),
                None => is_of_the_moment_in_sqlite(&code),
            }
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        // What is left of a transaction that the disk ended: the next connection is a new one.
        sqlx::Error::BeginFailed | sqlx::Error::InvalidSavePointStatement => true,
        _ => false,
    }
}

fn is_of_the_moment_in_sqlite(code: &str) -> bool {
    // The primary result codes are the low byte of the extended ones.
    let code = code.parse::<u32>().ok().map(|code| code & 0xff);
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const READ_ONLY: u32 = 8;
    const IO: u32 = 10;
    const FULL: u32 = 13;
    const CANNOT_OPEN: u32 = 14;
    matches!(code, Some(BUSY | LOCKED | READ_ONLY | IO | FULL | CANNOT_OPEN))
}

fn is_of_the_moment_in_postgres(code: &str) -> bool {
    // Lock not available, read-only (a standby), a transaction that was idle for too long.
    const SINGLE: [&str; 3] = ["55P03", "25006", "25P03"];
    // Connections, roll-backs such as deadlocks, resources such as the disk, intervention by the operator, the system.
    const CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];
    SINGLE.contains(&code) || CLASSES.iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_apart_from_what_never_works() {
        for (code, passes) in [("5", true), ("266", true), ("13", true), ("19", false), ("787", false), ("", false)] {
            assert_eq!(is_of_the_moment_in_sqlite(code), passes, "{code}");
        }
        for (code, passes) in [
            ("57P01", true),
            ("57014", true),
            ("53100", true),
            ("08006", true),
            ("40P01", true),
            ("55P03", true),
            ("25P03", true),
            ("25P02", false),
            ("23505", false),
            ("22021", false),
            ("42601", false),
            ("", false),
        ] {
            assert_eq!(is_of_the_moment_in_postgres(code), passes, "{code}");
        }
    }
}
